package stepfunctions

// This file defines tags of state machines and activities.
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-tagging.html

import (
	"context"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/store"
)

type tag struct {
	Key   string `json:"key" check:"min=1,max=128"`
	Value string `json:"value" check:"max=256"`
}

const maxTags = 50

type empty struct{}

// merged returns have with the tags in add, which replace those of the same key.
func merged(have, add []tag) []tag {
	out := slices.Clone(have)
	for _, t := range add {
		if i := slices.IndexFunc(out, func(o tag) bool { return o.Key == t.Key }); i >= 0 {
			out[i] = t
		} else {
			out = append(out, t)
		}
	}
	return out
}

func checkTags(arn string, have, add []tag) error {
	for _, t := range add {
		if strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return errValidation("Tag keys that begin with aws: are reserved: %s", t.Key)
		}
	}
	if len(merged(have, add)) > maxTags {
		return errTooManyTags(arn)
	}
	return nil
}

func putTags(tx *store.Tx, arn string, tags []tag) {
	if len(tags) == 0 {
		tx.Delete(bucketTags, arn)
		return
	}
	putJSON(tx, bucketTags, arn, tags)
}

func loadTags(r store.Reader, arn string) []tag {
	tags, ok := getJSON[[]tag](r, bucketTags, arn)
	if !ok {
		return []tag{}
	}
	return *tags
}

// taggable demands that an ARN names a machine or an activity that exists.
func (s *Service) taggable(r store.Reader, arn string) error {
	res, err := parseARN(arn, kindMachine, kindActivity)
	if err != nil {
		return err
	}
	bucket := bucketMachine
	if res.kind == kindActivity {
		bucket = bucketActivity
	}
	if _, ok := r.Get(bucket, res.name); !ok || res.rest != "" {
		return errNoResource(arn)
	}
	return nil
}

type tagInput struct {
	ResourceArn string `json:"resourceArn" check:"required,min=1,max=256"`
	Tags        []tag  `json:"tags" check:"required"`
}

func (s *Service) tagResource(_ context.Context, in *tagInput) (*empty, error) {
	return &empty{}, s.Store.Update(func(tx *store.Tx) error {
		if err := s.taggable(tx, in.ResourceArn); err != nil {
			return err
		}
		have := loadTags(tx, in.ResourceArn)
		if err := checkTags(in.ResourceArn, have, in.Tags); err != nil {
			return err
		}
		putTags(tx, in.ResourceArn, merged(have, in.Tags))
		return nil
	})
}

type untagInput struct {
	ResourceArn string   `json:"resourceArn" check:"required,min=1,max=256"`
	TagKeys     []string `json:"tagKeys" check:"required"`
}

func (s *Service) untagResource(_ context.Context, in *untagInput) (*empty, error) {
	return &empty{}, s.Store.Update(func(tx *store.Tx) error {
		if err := s.taggable(tx, in.ResourceArn); err != nil {
			return err
		}
		putTags(tx, in.ResourceArn, slices.DeleteFunc(loadTags(tx, in.ResourceArn), func(t tag) bool { return slices.Contains(in.TagKeys, t.Key) }))
		return nil
	})
}

type listTagsInput struct {
	ResourceArn string `json:"resourceArn" check:"required,min=1,max=256"`
}

type listTagsOutput struct {
	Tags []tag `json:"tags"`
}

func (s *Service) listTags(_ context.Context, in *listTagsInput) (*listTagsOutput, error) {
	out := new(listTagsOutput)
	return out, s.Store.View(func(r store.Reader) error {
		out.Tags = loadTags(r, in.ResourceArn)
		return s.taggable(r, in.ResourceArn)
	})
}
