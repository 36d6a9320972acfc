package s3

// This file defines listing: objects in both forms, and versions. All three walk
// the keys in order, gather those with a common prefix, and stop at a limit.

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"iter"
	"net/url"
	"strings"

	"github.com/stepworks/stepworks/local/internal/store"
)

// listing are the members that every list has.
type listing struct {
	Prefix       string `json:"Prefix,omitempty" http:"query=prefix"`
	Delimiter    string `json:"Delimiter,omitempty" http:"query=delimiter"`
	MaxKeys      *int   `json:"MaxKeys,omitempty" http:"query=max-keys"`
	EncodingType string `json:"EncodingType,omitempty" http:"query=encoding-type"`
}

// page is the most that one answer lists.
const page = 1000

func (l *listing) limit() (int, error) {
	if l.EncodingType != "" && l.EncodingType != "url" {
		return 0, errArgument("encoding-type", l.EncodingType, "Invalid Encoding Method specified in Request")
	}
	if l.MaxKeys == nil {
		return page, nil
	}
	if *l.MaxKeys < 0 {
		return 0, errArgument("max-keys", "", "Argument maxKeys must be an integer between 0 and 2147483647")
	}
	return min(*l.MaxKeys, page), nil
}

// encode writes a key as the request wants it; a slash stays.
func (l *listing) encode(text string) string {
	if l.EncodingType != "url" {
		return text
	}
	return strings.ReplaceAll(url.QueryEscape(text), "%2F", "/")
}

type owner struct {
	ID string `json:"ID" xml:"ID"`
}

// ownerID is the canonical user id of the account.
const ownerID = "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"

func (s *Service) owner() *owner { return &owner{ID: ownerID} }

type entry struct {
	Key               string   `json:"Key" xml:"Key"`
	LastModified      moment   `json:"LastModified" xml:"LastModified"`
	ETag              string   `json:"ETag" xml:"ETag"`
	ChecksumAlgorithm []string `json:"ChecksumAlgorithm,omitempty" xml:"ChecksumAlgorithm,omitempty"`
	ChecksumType      string   `json:"ChecksumType,omitempty" xml:"ChecksumType,omitempty"`
	Size              int64    `json:"Size" xml:"Size"`
	Owner             *owner   `json:"Owner,omitempty" xml:"Owner,omitempty"`
	StorageClass      string   `json:"StorageClass" xml:"StorageClass"`
}

type commonPrefix struct {
	Prefix string `json:"Prefix" xml:"Prefix"`
}

func (l *listing) entry(o *object, who *owner) entry {
	e := entry{Key: l.encode(o.Key), LastModified: moment{o.Modified}, ETag: o.ETag, Size: o.Size, StorageClass: o.storageClass(), Owner: who, ChecksumType: o.Checksum.Type}
	if o.Checksum.Algorithm != "" {
		e.ChecksumAlgorithm = []string{o.Checksum.Algorithm}
	}
	return e
}

// found is what a walk came upon: a key's versions, or a common prefix.
type found struct {
	prefix  string
	objects []*object // the current version first
}

// name is the key or prefix; a walk meets names in order.
func (f found) name() string {
	if f.prefix != "" {
		return f.prefix
	}
	return f.objects[0].Key
}

// keys ranges over the keys of a bucket that are not below from, each with all its
// versions.
func keys(r store.Reader, bucketName, from string) iter.Seq[[]*object] {
	return func(yield func([]*object) bool) {
		_, end := store.Prefix(bucketName)
		var group []*object
		for _, text := range r.Scan(bucketObject, strings.TrimSuffix(store.Key(bucketName, from), store.Key("")), end) {
			o := new(object)
			if json.Unmarshal(text, o) != nil {
				continue
			}
			if len(group) > 0 && group[0].Key != o.Key {
				if !yield(group) {
					return
				}
				group = nil
			}
			group = append(group, o)
		}
		if len(group) > 0 {
			yield(group)
		}
	}
}

// walk calls next for the keys from `from` on, and once for all that share a
// common prefix, until next returns false. Keys that are not visible do not count.
func (l *listing) walk(r store.Reader, bucketName, from string, visible func([]*object) bool, next func(found) bool) {
	for from = max(from, l.Prefix); ; {
		skip := ""
		for group := range keys(r, bucketName, from) {
			if !strings.HasPrefix(group[0].Key, l.Prefix) {
				return
			}
			if !visible(group) {
				continue
			}
			f := found{objects: group}
			if f.prefix = l.common(group[0].Key); f.prefix != "" {
				skip = store.After(f.prefix)
			}
			if !next(f) {
				return
			}
			if skip != "" {
				break
			}
		}
		if skip == "" {
			return
		}
		from = skip
	}
}

// common is the prefix that a key shares with others, "" if it stands alone.
func (l *listing) common(key string) string {
	if l.Delimiter == "" {
		return ""
	}
	i := strings.Index(key[len(l.Prefix):], l.Delimiter)
	if i < 0 {
		return ""
	}
	return key[:len(l.Prefix)+i+len(l.Delimiter)]
}

// after is where a walk goes on that ended at a name.
func (l *listing) after(name string) string {
	if name == "" {
		return ""
	}
	if strings.HasPrefix(name, l.Prefix) && l.common(name) != "" {
		return store.After(l.common(name)) // as AWS: what the marker is part of has been listed
	}
	return name + "\x00"
}

// exists tells whether a key's current version is an object.
func exists(group []*object) bool { return !group[0].Marker }

// listed is a page of objects.
type listed struct {
	contents  []entry
	prefixes  []commonPrefix
	truncated bool
	last      string // name
}

func (s *Service) page(bucketName string, l *listing, from string, who *owner) (*listed, error) {
	limit, err := l.limit()
	if err != nil {
		return nil, err
	}
	out := &listed{}
	return out, s.Store.View(func(r store.Reader) error {
		if _, err := mustBucket(r, bucketName); err != nil || limit == 0 {
			return err
		}
		l.walk(r, bucketName, from, exists, func(f found) bool {
			if len(out.contents)+len(out.prefixes) == limit {
				out.truncated = true
				return false
			}
			out.last = f.name()
			if f.prefix != "" {
				out.prefixes = append(out.prefixes, commonPrefix{l.encode(f.prefix)})
			} else {
				out.contents = append(out.contents, l.entry(f.objects[0], who))
			}
			return true
		})
		return nil
	})
}

type listObjectsInput struct {
	atBucket
	listing
	Marker string `json:"Marker,omitempty" http:"query=marker"`
}

type listObjectsOutput struct {
	XMLName        xml.Name       `json:"-" xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
	Name           string         `json:"Name" xml:"Name"`
	Prefix         string         `json:"Prefix" xml:"Prefix"`
	Marker         string         `json:"Marker" xml:"Marker"`
	NextMarker     string         `json:"NextMarker,omitempty" xml:"NextMarker,omitempty"`
	MaxKeys        int            `json:"MaxKeys" xml:"MaxKeys"`
	Delimiter      string         `json:"Delimiter,omitempty" xml:"Delimiter,omitempty"`
	EncodingType   string         `json:"EncodingType,omitempty" xml:"EncodingType,omitempty"`
	IsTruncated    bool           `json:"IsTruncated" xml:"IsTruncated"`
	Contents       []entry        `json:"Contents,omitempty" xml:"Contents"`
	CommonPrefixes []commonPrefix `json:"CommonPrefixes,omitempty" xml:"CommonPrefixes"`
}

func (s *Service) listObjects(_ context.Context, in *listObjectsInput) (*listObjectsOutput, error) {
	p, err := s.page(in.Bucket, &in.listing, in.after(in.Marker), s.owner())
	if err != nil {
		return nil, err
	}
	limit, _ := in.limit()
	out := &listObjectsOutput{Name: in.Bucket, Prefix: in.encode(in.Prefix), Marker: in.encode(in.Marker), MaxKeys: limit, Delimiter: in.encode(in.Delimiter),
		EncodingType: in.EncodingType, IsTruncated: p.truncated, Contents: p.contents, CommonPrefixes: p.prefixes}
	if p.truncated && in.Delimiter != "" { // without one the last key is the marker
		out.NextMarker = in.encode(p.last)
	}
	return out, nil
}

type listObjectsV2Input struct {
	atBucket
	listing
	ContinuationToken string `json:"ContinuationToken,omitempty" http:"query=continuation-token"`
	StartAfter        string `json:"StartAfter,omitempty" http:"query=start-after"`
	FetchOwner        bool   `json:"FetchOwner,omitempty" http:"query=fetch-owner"`
}

type listObjectsV2Output struct {
	XMLName               xml.Name       `json:"-" xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
	Name                  string         `json:"Name" xml:"Name"`
	Prefix                string         `json:"Prefix" xml:"Prefix"`
	StartAfter            string         `json:"StartAfter,omitempty" xml:"StartAfter,omitempty"`
	ContinuationToken     string         `json:"ContinuationToken,omitempty" xml:"ContinuationToken,omitempty"`
	NextContinuationToken string         `json:"NextContinuationToken,omitempty" xml:"NextContinuationToken,omitempty"`
	KeyCount              int            `json:"KeyCount" xml:"KeyCount"`
	MaxKeys               int            `json:"MaxKeys" xml:"MaxKeys"`
	Delimiter             string         `json:"Delimiter,omitempty" xml:"Delimiter,omitempty"`
	EncodingType          string         `json:"EncodingType,omitempty" xml:"EncodingType,omitempty"`
	IsTruncated           bool           `json:"IsTruncated" xml:"IsTruncated"`
	Contents              []entry        `json:"Contents,omitempty" xml:"Contents"`
	CommonPrefixes        []commonPrefix `json:"CommonPrefixes,omitempty" xml:"CommonPrefixes"`
}

func (s *Service) listObjectsV2(_ context.Context, in *listObjectsV2Input) (*listObjectsV2Output, error) {
	from := in.StartAfter
	if in.ContinuationToken != "" {
		var err error
		if from, err = decodeToken(in.ContinuationToken); err != nil {
			return nil, err
		}
	}
	var who *owner
	if in.FetchOwner {
		who = s.owner()
	}
	p, err := s.page(in.Bucket, &in.listing, in.after(from), who)
	if err != nil {
		return nil, err
	}
	limit, _ := in.limit()
	out := &listObjectsV2Output{Name: in.Bucket, Prefix: in.encode(in.Prefix), StartAfter: in.encode(in.StartAfter), ContinuationToken: in.ContinuationToken, MaxKeys: limit,
		KeyCount: len(p.contents) + len(p.prefixes), Delimiter: in.encode(in.Delimiter), EncodingType: in.EncodingType, IsTruncated: p.truncated, Contents: p.contents, CommonPrefixes: p.prefixes}
	if p.truncated {
		out.NextContinuationToken = encodeToken(p.last)
	}
	return out, nil
}

// tokens are opaque to callers.
func encodeToken(name string) string { return base64.URLEncoding.EncodeToString([]byte("1" + name)) }

func decodeToken(token string) (string, error) {
	if token == "" {
		return "", nil
	}
	name, err := base64.URLEncoding.DecodeString(token)
	if err != nil || len(name) == 0 || name[0] != '1' {
		return "", errArgument("continuation-token", token, "The continuation token provided is incorrect")
	}
	return string(name[1:]), nil
}
