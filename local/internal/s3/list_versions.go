package s3

// This file defines the list of versions.

import (
	"context"
	"encoding/xml"

	"github.com/stepworks/stepworks/local/internal/store"
)

type listVersionsInput struct {
	atBucket
	listing
	KeyMarker       string `json:"KeyMarker,omitempty" http:"query=key-marker"`
	VersionIDMarker string `json:"VersionIdMarker,omitempty" http:"query=version-id-marker"`
}

type listVersionsOutput struct {
	XMLName             xml.Name       `json:"-" xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListVersionsResult"`
	Name                string         `json:"Name" xml:"Name"`
	Prefix              string         `json:"Prefix" xml:"Prefix"`
	KeyMarker           string         `json:"KeyMarker" xml:"KeyMarker"`
	VersionIDMarker     string         `json:"VersionIdMarker" xml:"VersionIdMarker"`
	NextKeyMarker       string         `json:"NextKeyMarker,omitempty" xml:"NextKeyMarker,omitempty"`
	NextVersionIDMarker string         `json:"NextVersionIdMarker,omitempty" xml:"NextVersionIdMarker,omitempty"`
	MaxKeys             int            `json:"MaxKeys" xml:"MaxKeys"`
	Delimiter           string         `json:"Delimiter,omitempty" xml:"Delimiter,omitempty"`
	EncodingType        string         `json:"EncodingType,omitempty" xml:"EncodingType,omitempty"`
	IsTruncated         bool           `json:"IsTruncated" xml:"IsTruncated"`
	Versions            []versionEntry `json:"Versions,omitempty" xml:"Version"`
	DeleteMarkers       []markerEntry  `json:"DeleteMarkers,omitempty" xml:"DeleteMarker"`
	CommonPrefixes      []commonPrefix `json:"CommonPrefixes,omitempty" xml:"CommonPrefixes"`
}

type versionEntry struct {
	entry
	VersionID string `json:"VersionId" xml:"VersionId"`
	IsLatest  bool   `json:"IsLatest" xml:"IsLatest"`
}

type markerEntry struct {
	Key          string `json:"Key" xml:"Key"`
	VersionID    string `json:"VersionId" xml:"VersionId"`
	IsLatest     bool   `json:"IsLatest" xml:"IsLatest"`
	LastModified moment `json:"LastModified" xml:"LastModified"`
	Owner        *owner `json:"Owner,omitempty" xml:"Owner,omitempty"`
}

func (s *Service) listObjectVersions(_ context.Context, in *listVersionsInput) (*listVersionsOutput, error) {
	limit, err := in.limit()
	if err != nil {
		return nil, err
	}
	if in.VersionIDMarker != "" && in.KeyMarker == "" {
		return nil, errArgument("version-id-marker", in.VersionIDMarker, "A version-id marker cannot be specified without a key marker.")
	}
	out := &listVersionsOutput{Name: in.Bucket, Prefix: in.encode(in.Prefix), KeyMarker: in.encode(in.KeyMarker), VersionIDMarker: in.VersionIDMarker, MaxKeys: limit,
		Delimiter: in.encode(in.Delimiter), EncodingType: in.EncodingType}
	err = s.Store.View(func(r store.Reader) error {
		if _, err := mustBucket(r, in.Bucket); err != nil || limit == 0 {
			return err
		}
		from := in.after(in.KeyMarker)
		if in.VersionIDMarker != "" {
			if err := checkVersionID(in.VersionIDMarker); err != nil {
				return errArgument("version-id-marker", in.VersionIDMarker, "Invalid version id specified")
			}
			from = in.KeyMarker
		}
		in.walk(r, in.Bucket, from, func([]*object) bool { return true }, func(f found) bool {
			return out.add(in, f, limit, s.owner())
		})
		return nil
	})
	if !out.IsTruncated {
		out.NextKeyMarker, out.NextVersionIDMarker = "", ""
	}
	return out, err
}

func (out *listVersionsOutput) add(in *listVersionsInput, f found, limit int, who *owner) bool {
	full := func() bool {
		out.IsTruncated = len(out.Versions)+len(out.DeleteMarkers)+len(out.CommonPrefixes) == limit
		return out.IsTruncated
	}
	if f.prefix != "" {
		if full() {
			return false
		}
		out.CommonPrefixes = append(out.CommonPrefixes, commonPrefix{in.encode(f.prefix)})
		out.NextKeyMarker, out.NextVersionIDMarker = in.encode(f.prefix), ""
		return true
	}
	seen := f.objects[0].Key != in.KeyMarker || in.VersionIDMarker == ""
	for i, o := range f.objects {
		if !seen {
			seen = o.Version == in.VersionIDMarker
			continue
		}
		if full() {
			return false
		}
		if o.Marker {
			out.DeleteMarkers = append(out.DeleteMarkers, markerEntry{Key: in.encode(o.Key), VersionID: o.Version, IsLatest: i == 0, LastModified: moment{o.Modified}, Owner: who})
		} else {
			out.Versions = append(out.Versions, versionEntry{entry: in.entry(o, who), VersionID: o.Version, IsLatest: i == 0})
		}
		out.NextKeyMarker, out.NextVersionIDMarker = in.encode(o.Key), o.Version
	}
	return true
}
