package s3

// This file defines GetObjectAttributes and the access control lists that a
// bucket with an enforced owner has.

import (
	"context"
	"encoding/xml"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/store"
)

type getAttributesInput struct {
	atVersion
	ObjectAttributes []string `json:"ObjectAttributes" http:"header=X-Amz-Object-Attributes"`
	MaxParts         *int     `json:"MaxParts,omitempty" http:"header=X-Amz-Max-Parts"`
	PartNumberMarker int      `json:"PartNumberMarker,omitempty" http:"header=X-Amz-Part-Number-Marker"`
}

type getAttributesOutput struct {
	XMLName      xml.Name        `json:"-" xml:"http://s3.amazonaws.com/doc/2006-03-01/ GetObjectAttributesResponse"`
	LastModified moment          `json:"LastModified" xml:"-" http:"header=Last-Modified"`
	VersionID    string          `json:"VersionId,omitempty" xml:"-" http:"header=X-Amz-Version-Id"`
	ETag         string          `json:"ETag,omitempty" xml:"ETag,omitempty"`
	Checksum     *typedChecksums `json:"Checksum,omitempty" xml:"Checksum"`
	ObjectParts  *objectParts    `json:"ObjectParts,omitempty" xml:"ObjectParts"`
	StorageClass string          `json:"StorageClass,omitempty" xml:"StorageClass,omitempty"`
	ObjectSize   *int64          `json:"ObjectSize,omitempty" xml:"ObjectSize"`
}

type objectParts struct {
	TotalPartsCount      int          `json:"TotalPartsCount" xml:"PartsCount"`
	PartNumberMarker     *int         `json:"PartNumberMarker,omitempty" xml:"PartNumberMarker"`
	NextPartNumberMarker *int         `json:"NextPartNumberMarker,omitempty" xml:"NextPartNumberMarker"`
	MaxParts             *int         `json:"MaxParts,omitempty" xml:"MaxParts"`
	IsTruncated          *bool        `json:"IsTruncated,omitempty" xml:"IsTruncated"`
	Parts                []objectPart `json:"Parts,omitempty" xml:"Part"`
}

type objectPart struct {
	PartNumber int   `json:"PartNumber" xml:"PartNumber"`
	Size       int64 `json:"Size" xml:"Size"`
	checksums
}

func (s *Service) getObjectAttributes(ctx context.Context, in *getAttributesInput) (*getAttributesOutput, error) {
	b, o, reader, err := s.open(ctx, in.Bucket, in.Key, in.VersionID, "GET")
	if err != nil {
		return nil, err
	}
	_ = reader.Close()
	if len(in.ObjectAttributes) == 0 {
		return nil, errArgument("x-amz-object-attributes", "", "The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty")
	}
	out := &getAttributesOutput{LastModified: moment{o.Modified}, VersionID: b.shownVersion(o)}
	has := func(name string) bool { return slices.Contains(in.ObjectAttributes, name) }
	if has("ETag") {
		out.ETag = strings.Trim(o.ETag, `"`)
	}
	if has("Checksum") && o.Checksum.Algorithm != "" {
		c := o.Checksum.shown()
		out.Checksum = &c
	}
	if has("StorageClass") {
		out.StorageClass = o.storageClass()
	}
	if has("ObjectSize") {
		out.ObjectSize = &o.Size
	}
	if has("ObjectParts") && len(o.Parts) > 0 {
		out.ObjectParts = in.parts(o)
	}
	return out, nil
}

// parts lists the parts of an upload whose creator chose a checksum of each part;
// of others AWS tells the number alone.
func (in *getAttributesInput) parts(o *object) *objectParts {
	out := &objectParts{TotalPartsCount: len(o.Parts)}
	if o.Checksum.Type != "COMPOSITE" {
		return out
	}
	limit, next, more := page, 0, false
	if in.MaxParts != nil {
		limit = min(page, max(0, *in.MaxParts))
	}
	for _, p := range o.Parts {
		if p.Number <= in.PartNumberMarker {
			continue
		}
		if len(out.Parts) == limit {
			more = true
			break
		}
		e := objectPart{PartNumber: p.Number, Size: p.Size}
		*e.field(o.Checksum.Algorithm) = p.Checksum
		out.Parts = append(out.Parts, e)
		next = p.Number
	}
	out.PartNumberMarker, out.NextPartNumberMarker, out.MaxParts, out.IsTruncated = &in.PartNumberMarker, &next, &limit, &more
	return out
}

type aclOutput struct {
	XMLName xml.Name `json:"-" xml:"http://s3.amazonaws.com/doc/2006-03-01/ AccessControlPolicy"`
	Owner   *owner   `json:"Owner" xml:"Owner"`
	Grants  []grant  `json:"Grants" xml:"AccessControlList>Grant"`
}

type grant struct {
	Grantee    grantee `json:"Grantee" xml:"Grantee"`
	Permission string  `json:"Permission" xml:"Permission"`
}

type grantee struct {
	XSI  string `json:"-" xml:"xmlns:xsi,attr"`
	Type string `json:"Type" xml:"xsi:type,attr"`
	ID   string `json:"ID" xml:"ID"`
}

// ownerOnly is the list of everything: its owner may do all.
func (s *Service) ownerOnly() *aclOutput {
	return &aclOutput{Owner: s.owner(), Grants: []grant{{Grantee: grantee{XSI: "http://www.w3.org/2001/XMLSchema-instance", Type: "CanonicalUser", ID: ownerID}, Permission: "FULL_CONTROL"}}}
}

func (s *Service) getObjectACL(_ context.Context, in *objectVersionInput) (*aclOutput, error) {
	if _, _, err := s.read(&in.atVersion, "GET"); err != nil {
		return nil, err
	}
	return s.ownerOnly(), nil
}

func (s *Service) getBucketACL(_ context.Context, in *bucketInput) (*aclOutput, error) {
	if _, err := s.bucket(in.Bucket); err != nil {
		return nil, err
	}
	return s.ownerOnly(), nil
}

type putObjectACLInput struct {
	atVersion
	ACL string `json:"ACL,omitempty" http:"header=X-Amz-Acl"`
	grants
}

type putBucketACLInput struct {
	atBucket
	ACL string `json:"ACL,omitempty" http:"header=X-Amz-Acl"`
	grants
}

// checkACL takes the lists that say what is so anyway.
func checkACL(acl string, g *grants) error {
	if err := g.refuse(); err != nil {
		return err
	}
	if acl == "" {
		return newError("AccessControlListNotSupported")
	}
	return checkCannedACL(acl)
}

func (s *Service) putObjectACL(_ context.Context, in *putObjectACLInput) (*nothing, error) {
	_, err := s.change(&in.atVersion, "PUT", func(*store.Tx, *bucket, *object) error { return nil })
	if err != nil {
		return nil, err
	}
	return &nothing{}, checkACL(in.ACL, &in.grants)
}

func (s *Service) putBucketACL(_ context.Context, in *putBucketACLInput) (*nothing, error) {
	if _, err := s.bucket(in.Bucket); err != nil {
		return nil, err
	}
	return &nothing{}, checkACL(in.ACL, &in.grants)
}
