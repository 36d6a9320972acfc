package s3

// This file defines tags, of objects and of buckets.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html

import (
	"context"
	"encoding/xml"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/stepworks/stepworks/local/internal/store"
)

const (
	maxObjectTags = 10
	maxBucketTags = 50
)

// tagText is what keys and values may be made of.
var tagText = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

// checkTags checks a set of tags; system is the refusal of keys that begin "aws:".
func checkTags(tags []tag, most int, system string) error {
	if len(tags) > most {
		if most == maxObjectTags {
			return saying(newError("BadRequest"), "Object tags cannot be greater than %d", most)
		}
		return saying(newError("BadRequest"), "Bucket tag count cannot be greater than %d", most)
	}
	seen := map[string]bool{}
	for _, t := range tags {
		switch {
		case t.Key == "":
			return errXML()
		case seen[t.Key]:
			return saying(newError("InvalidTag", "TagKey", t.Key), "Cannot provide multiple Tags with the same key")
		case strings.HasPrefix(t.Key, "aws:"):
			return saying(newError("InvalidTag", "TagKey", t.Key), "%s", system)
		case utf8.RuneCountInString(t.Key) > 128 || !tagText.MatchString(t.Key):
			return newError("InvalidTag", "TagKey", t.Key)
		case utf8.RuneCountInString(t.Value) > 256 || !tagText.MatchString(t.Value):
			return saying(newError("InvalidTag", "TagKey", t.Key, "TagValue", t.Value), "The TagValue you have provided is invalid")
		}
		seen[t.Key] = true
	}
	return nil
}

type tagging struct {
	TagSet []tag `json:"TagSet" xml:"TagSet>Tag"`
}

type taggingOutput struct {
	XMLName   xml.Name `json:"-" xml:"http://s3.amazonaws.com/doc/2006-03-01/ Tagging"`
	TagSet    tagSet   `json:"TagSet" xml:"TagSet"`
	VersionID string   `json:"VersionId,omitempty" xml:"-" http:"header=X-Amz-Version-Id"`
}

// tagSet is written even when it is empty.
type tagSet []tag

// MarshalXML writes the set as one element.
func (s tagSet) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	return e.EncodeElement(struct{ Tag []tag }{s}, start)
}

type versionOutput struct {
	VersionID string `json:"VersionId,omitempty" http:"header=X-Amz-Version-Id"`
}

// objectVersionInput names an object or a version of it and nothing else.
type objectVersionInput struct{ atVersion }

type putObjectTaggingInput struct {
	atVersion
	Tagging *tagging `json:"Tagging" http:"payload=Tagging"`
}

// change changes a version of an object in place.
func (s *Service) change(at *atVersion, method string, f func(tx *store.Tx, b *bucket, o *object) error) (*versionOutput, error) {
	out := &versionOutput{}
	return out, s.Store.Update(func(tx *store.Tx) error {
		b, o, err := lookup(tx, at.Bucket, at.Key, at.VersionID)
		if o != nil && o.Marker {
			return errMarker(method)
		}
		if err != nil {
			return err
		}
		out.VersionID = b.shownVersion(o)
		if err := f(tx, b, o); err != nil {
			return err
		}
		o.save(tx)
		return nil
	})
}

func (s *Service) putObjectTagging(ctx context.Context, in *putObjectTaggingInput) (*versionOutput, error) {
	if in.Tagging == nil {
		return nil, errXML()
	}
	if err := checkTags(in.Tagging.TagSet, maxObjectTags, "Your TagKey cannot be prefixed with aws:"); err != nil {
		return nil, err
	}
	out, err := s.change(&in.atVersion, "PUT", func(tx *store.Tx, b *bucket, o *object) error {
		o.Tags = in.Tagging.TagSet
		s.events.tagged(ctx, tx, b, o, "Object Tags Added")
		return nil
	})
	s.events.wake()
	return out, err
}

func (s *Service) deleteObjectTagging(ctx context.Context, in *objectVersionInput) (*versionOutput, error) {
	out, err := s.change(&in.atVersion, "DELETE", func(tx *store.Tx, b *bucket, o *object) error {
		o.Tags = nil
		s.events.tagged(ctx, tx, b, o, "Object Tags Deleted")
		return nil
	})
	s.events.wake()
	return out, err
}

// read reads a version of an object.
func (s *Service) read(at *atVersion, method string) (b *bucket, o *object, err error) {
	err = s.Store.View(func(r store.Reader) error {
		b, o, err = lookup(r, at.Bucket, at.Key, at.VersionID)
		if o != nil && o.Marker {
			err = errMarker(method)
		}
		return err
	})
	return b, o, err
}

func (s *Service) getObjectTagging(_ context.Context, in *objectVersionInput) (*taggingOutput, error) {
	b, o, err := s.read(&in.atVersion, "GET")
	if err != nil {
		return nil, err
	}
	return &taggingOutput{TagSet: append(tagSet{}, o.Tags...), VersionID: b.shownVersion(o)}, nil
}

type putBucketTaggingInput struct {
	atBucket
	Tagging *tagging `json:"Tagging" http:"payload=Tagging"`
}

// changeBucket changes a bucket's record.
func (s *Service) changeBucket(name string, f func(b *bucket) error) (*nothing, error) {
	return &nothing{}, s.Store.Update(func(tx *store.Tx) error {
		b, err := mustBucket(tx, name)
		if err != nil {
			return err
		}
		if err := f(b); err != nil {
			return err
		}
		b.save(tx)
		return nil
	})
}

type noContent struct {
	Status int `json:"-" http:"status"`
}

func (s *Service) putBucketTagging(_ context.Context, in *putBucketTaggingInput) (*noContent, error) {
	if in.Tagging == nil {
		return nil, errXML()
	}
	if err := checkTags(in.Tagging.TagSet, maxBucketTags, "System tags cannot be added/updated by requester"); err != nil {
		return nil, err
	}
	_, err := s.changeBucket(in.Bucket, func(b *bucket) error {
		b.Tags = in.Tagging.TagSet
		return nil
	})
	return &noContent{Status: 204}, err
}

func (s *Service) getBucketTagging(_ context.Context, in *bucketInput) (*taggingOutput, error) {
	b, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, err
	}
	if len(b.Tags) == 0 {
		return nil, newError("NoSuchTagSet", "BucketName", b.Name)
	}
	return &taggingOutput{TagSet: b.Tags}, nil
}

func (s *Service) deleteBucketTagging(_ context.Context, in *bucketInput) (*nothing, error) {
	return s.changeBucket(in.Bucket, func(b *bucket) error {
		b.Tags = nil
		return nil
	})
}
