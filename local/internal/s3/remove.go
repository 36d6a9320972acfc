package s3

// This file defines deleting objects: by a delete marker where versions are kept.

import (
	"context"
	"encoding/xml"
	"errors"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

type deleteObjectInput struct {
	atVersion
	IfMatch                   string `json:"IfMatch,omitempty" http:"header=If-Match"`
	IfMatchLastModifiedTime   string `json:"IfMatchLastModifiedTime,omitempty" http:"header=X-Amz-If-Match-Last-Modified-Time"`
	IfMatchSize               string `json:"IfMatchSize,omitempty" http:"header=X-Amz-If-Match-Size"`
	BypassGovernanceRetention string `json:"BypassGovernanceRetention,omitempty" http:"header=X-Amz-Bypass-Governance-Retention"`
}

type deleteObjectOutput struct {
	DeleteMarker bool   `json:"DeleteMarker,omitzero" http:"header=X-Amz-Delete-Marker"`
	VersionID    string `json:"VersionId,omitempty" http:"header=X-Amz-Version-Id"`
}

func (s *Service) deleteObject(ctx context.Context, in *deleteObjectInput) (*deleteObjectOutput, error) {
	switch { // the latter two are for directory buckets alone
	case in.BypassGovernanceRetention != "":
		return nil, errBypass()
	case in.IfMatchLastModifiedTime != "":
		return nil, newError("NotImplemented", "Header", "x-amz-if-match-last-modified-time")
	case in.IfMatchSize != "":
		return nil, newError("NotImplemented", "Header", "x-amz-if-match-size")
	}
	var out deleteObjectOutput
	var gone []segment
	err := s.Store.Update(func(tx *store.Tx) error {
		b, err := mustBucket(tx, in.Bucket)
		if err != nil {
			return err
		}
		if in.IfMatch != "" {
			c := conditions{IfMatch: in.IfMatch}
			if err := c.check(b, current(tx, in.Bucket, in.Key), in.Key); err != nil {
				return err
			}
		}
		out, gone, err = s.remove(ctx, tx, b, in.Key, in.VersionID, "DeleteObject")
		return err
	})
	if err != nil {
		return nil, err
	}
	s.files.remove(gone)
	s.events.wake()
	return &out, nil
}

// remove deletes a key or one version of it. Deleting what is not there succeeds.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeletingObjectVersions.html
func (s *Service) remove(ctx context.Context, tx *store.Tx, b *bucket, key, version, reason string) (out deleteObjectOutput, gone []segment, err error) {
	if version != "" {
		if err := checkVersionID(version); err != nil {
			return out, nil, err
		}
		o := findVersion(tx, b.Name, key, version)
		out.VersionID = version
		if b.Versioning == "" {
			out.VersionID = ""
		}
		if o == nil {
			return out, nil, nil
		}
		touch(tx, b.Name, key)
		tx.Delete(bucketObject, o.storeKey())
		out.DeleteMarker = o.Marker
		s.events.deleted(ctx, tx, b, o, reason, "Permanently Deleted")
		return out, o.Body, nil
	}
	if b.Versioning == "" {
		o := current(tx, b.Name, key)
		if o == nil {
			return out, nil, nil
		}
		touch(tx, b.Name, key)
		tx.Delete(bucketObject, o.storeKey())
		s.events.deleted(ctx, tx, b, o, reason, "Permanently Deleted")
		return out, o.Body, nil
	}
	marker := &object{Bucket: b.Name, Key: key, Marker: true}
	gone = s.insert(tx, b, marker)
	s.events.deleted(ctx, tx, b, marker, reason, "Delete Marker Created")
	return deleteObjectOutput{DeleteMarker: true, VersionID: marker.Version}, gone, nil
}

func errBypass() error {
	return saying(newError("InvalidArgument", "ArgumentName", "x-amz-bypass-governance-retention"), "x-amz-bypass-governance-retention is only applicable to Object Lock enabled buckets.")
}

type deleteObjectsInput struct {
	atBucket
	BypassGovernanceRetention string `json:"BypassGovernanceRetention,omitempty" http:"header=X-Amz-Bypass-Governance-Retention"`

	Delete *deleteList `json:"Delete" http:"payload=Delete"`
}

type deleteList struct {
	Objects []deleteEntry `json:"Objects" xml:"Object"`
	Quiet   bool          `json:"Quiet,omitempty" xml:"Quiet"`
}

type deleteEntry struct {
	Key              string `json:"Key" xml:"Key"`
	VersionID        string `json:"VersionId,omitempty" xml:"VersionId"`
	ETag             string `json:"ETag,omitempty" xml:"ETag"`
	LastModifiedTime string `json:"LastModifiedTime,omitempty" xml:"LastModifiedTime"`
	Size             string `json:"Size,omitempty" xml:"Size"`
}

type deleteObjectsOutput struct {
	XMLName xml.Name       `json:"-" xml:"http://s3.amazonaws.com/doc/2006-03-01/ DeleteResult"`
	Deleted []deletedEntry `json:"Deleted,omitempty" xml:"Deleted"`
	Errors  []deleteFault  `json:"Errors,omitempty" xml:"Error"`
}

type deletedEntry struct {
	Key                   string `json:"Key" xml:"Key"`
	VersionID             string `json:"VersionId,omitempty" xml:"VersionId,omitempty"`
	DeleteMarker          bool   `json:"DeleteMarker,omitzero" xml:"DeleteMarker,omitempty"`
	DeleteMarkerVersionID string `json:"DeleteMarkerVersionId,omitempty" xml:"DeleteMarkerVersionId,omitempty"`
}

type deleteFault struct {
	Key       string `json:"Key" xml:"Key"`
	VersionID string `json:"VersionId,omitempty" xml:"VersionId,omitempty"`
	Code      string `json:"Code" xml:"Code"`
	Message   string `json:"Message" xml:"Message"`
}

// deleteAccess is nil: each entry is judged by itself.
func deleteAccess(*deleteObjectsInput) []awswire.Access { return nil }

// maxDelete is how many objects one DeleteObjects takes.
const maxDelete = 1000

func (s *Service) deleteObjects(ctx context.Context, in *deleteObjectsInput) (*deleteObjectsOutput, error) {
	if in.Delete == nil || len(in.Delete.Objects) == 0 || len(in.Delete.Objects) > maxDelete {
		return nil, errXML()
	}
	if in.BypassGovernanceRetention != "" {
		return nil, errBypass()
	}
	out := &deleteObjectsOutput{}
	var allowed []deleteEntry
	for _, e := range in.Delete.Objects {
		one := &atVersion{atObject: atObject{atBucket: in.atBucket, Key: e.Key}, VersionID: e.VersionID}
		if err := s.allowed(ctx, allow[atVersion]("DeleteObject", "DeleteObjectVersion")(one)[0]); err != nil {
			out.fault(e, err)
			continue
		}
		allowed = append(allowed, e)
	}
	var gone []segment
	err := s.Store.Update(func(tx *store.Tx) error {
		b, err := mustBucket(tx, in.Bucket)
		if err != nil {
			return err
		}
		for _, e := range allowed {
			gone = append(gone, s.removeEntry(ctx, tx, b, e, in.Delete.Quiet, out)...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.files.remove(gone)
	s.events.wake()
	return out, nil
}

func (s *Service) removeEntry(ctx context.Context, tx *store.Tx, b *bucket, e deleteEntry, quiet bool, out *deleteObjectsOutput) []segment {
	if e.ETag != "" {
		c := conditions{IfMatch: e.ETag}
		if err := c.check(b, current(tx, b.Name, e.Key), e.Key); err != nil {
			out.fault(e, err)
			return nil
		}
	}
	done, gone, err := s.remove(ctx, tx, b, e.Key, e.VersionID, "DeleteObjects")
	if err != nil {
		out.fault(e, err)
		return nil
	}
	if !quiet {
		d := deletedEntry{Key: e.Key, VersionID: e.VersionID, DeleteMarker: done.DeleteMarker}
		if done.DeleteMarker {
			d.DeleteMarkerVersionID = done.VersionID
		}
		out.Deleted = append(out.Deleted, d)
	}
	return gone
}

func (out *deleteObjectsOutput) fault(e deleteEntry, err error) {
	f := deleteFault{Key: e.Key, VersionID: e.VersionID, Code: "InternalError", Message: faults["InternalError"].message}
	if own := new(awswire.Error); errors.As(err, &own) {
		f.Code, f.Message = own.Code, own.Message
		if own.Code == "InvalidArgument" {
			f.Code = "NoSuchVersion"
			f.Message = faults[f.Code].message
		}
	}
	out.Errors = append(out.Errors, f)
}
