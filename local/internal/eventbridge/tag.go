package eventbridge

// This file defines tags of buses and rules.

import (
	"context"

	"github.com/stepworks/stepworks/local/internal/store"
)

// maxTags is how many tags a resource may have:
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TagResource.html
const maxTags = 50

// Tag is a key and a value.
type Tag struct {
	Key   string `json:"Key" check:"required,min=1,max=128"`
	Value string `json:"Value" check:"max=256"`
}

// putTags adds tags to a resource, replacing those with the same key.
func putTags(tx *store.Tx, arn string, tags []Tag) error {
	for _, t := range tags {
		put(tx, tagBucket, store.Key(arn, t.Key), t)
	}
	if len(tags) > 0 && count(tx, tagBucket, arn) > maxTags {
		return tooMany()
	}
	return nil
}

// mustExist returns AWS's error when no bus or rule has this ARN.
func (s *Service) mustExist(r store.Reader, arn string) error {
	for _, b := range all[bus](r, busBucket) {
		if s.busARN(b.Name) == arn {
			return nil
		}
	}
	for _, rule := range all[rule](r, ruleBucket) {
		if s.ruleARN(rule.Bus, rule.Name) == arn {
			return nil
		}
	}
	return notFound("Resource %s", arn)
}

type tagResourceInput struct {
	ResourceARN string `json:"ResourceARN" check:"required,min=1,max=1600"`
	Tags        []Tag  `json:"Tags" check:"required"`
}

func (s *Service) tagResource(_ context.Context, in *tagResourceInput) (*struct{}, error) {
	return &struct{}{}, s.Store.Update(func(tx *store.Tx) error {
		if err := s.mustExist(tx, in.ResourceARN); err != nil {
			return err
		}
		return putTags(tx, in.ResourceARN, in.Tags)
	})
}

type untagResourceInput struct {
	ResourceARN string   `json:"ResourceARN" check:"required,min=1,max=1600"`
	TagKeys     []string `json:"TagKeys" check:"required"`
}

func (s *Service) untagResource(_ context.Context, in *untagResourceInput) (*struct{}, error) {
	return &struct{}{}, s.Store.Update(func(tx *store.Tx) error {
		if err := s.mustExist(tx, in.ResourceARN); err != nil {
			return err
		}
		for _, key := range in.TagKeys {
			tx.Delete(tagBucket, store.Key(in.ResourceARN, key))
		}
		return nil
	})
}

type listTagsInput struct {
	ResourceARN string `json:"ResourceARN" check:"required,min=1,max=1600"`
}

type listTagsOutput struct {
	Tags []Tag `json:"Tags"`
}

func (s *Service) listTags(_ context.Context, in *listTagsInput) (*listTagsOutput, error) {
	return view(s.Store, func(r store.Reader) (*listTagsOutput, error) {
		if err := s.mustExist(r, in.ResourceARN); err != nil {
			return nil, err
		}
		out := &listTagsOutput{Tags: []Tag{}}
		for _, t := range all[Tag](r, tagBucket, in.ResourceARN) {
			out.Tags = append(out.Tags, t)
		}
		return out, nil
	})
}
