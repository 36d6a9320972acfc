package cloudwatch

// This file defines the tags of alarms and dashboards.

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/store"
)

const maxTags = 50

type tagInput struct {
	ResourceARN string    `json:"ResourceARN" check:"required"`
	Tags        []tagPair `json:"Tags" check:"required"`
}

func readTags(r store.Reader, arn string) map[string]string {
	tags := map[string]string{}
	if text, ok := r.Get(bucketTags, arn); ok {
		_ = json.Unmarshal(text, &tags)
	}
	return tags
}

func addTags(tx *store.Tx, arn string, add []tagPair) {
	if len(add) == 0 {
		return
	}
	tags := readTags(tx, arn)
	for _, t := range add {
		tags[t.Key] = t.Value
	}
	tx.Put(bucketTags, arn, encode(tags))
}

// tagged finds the resource of an ARN.
func (s *Service) tagged(r store.Reader, arn string) error {
	bucket, name := bucketAlarm, ""
	if rest, ok := strings.CutPrefix(arn, s.alarmARN("")); ok {
		name = rest
	} else if rest, ok := strings.CutPrefix(arn, s.dashboardARN("")); ok {
		bucket, name = bucketDashboard, rest
	}
	if _, ok := r.Get(bucket, name); !ok {
		e := fault("ResourceNotFoundException", "There is no alarm or dashboard %s", arn)
		e.Members = map[string]any{"ResourceId": arn}
		return e
	}
	return nil
}

func (s *Service) tag(_ context.Context, in *tagInput) (*empty, error) {
	return &empty{}, s.Store.Update(func(tx *store.Tx) error {
		if err := s.tagged(tx, in.ResourceARN); err != nil {
			return err
		}
		addTags(tx, in.ResourceARN, in.Tags)
		if len(readTags(tx, in.ResourceARN)) > maxTags {
			return invalidValue("A resource can have %d tags at the most.", maxTags)
		}
		return nil
	})
}

type untagInput struct {
	ResourceARN string   `json:"ResourceARN" check:"required"`
	TagKeys     []string `json:"TagKeys" check:"required"`
}

func (s *Service) untag(_ context.Context, in *untagInput) (*empty, error) {
	return &empty{}, s.Store.Update(func(tx *store.Tx) error {
		if err := s.tagged(tx, in.ResourceARN); err != nil {
			return err
		}
		tags := readTags(tx, in.ResourceARN)
		for _, k := range in.TagKeys {
			delete(tags, k)
		}
		tx.Put(bucketTags, in.ResourceARN, encode(tags))
		return nil
	})
}

type listTagsInput struct {
	ResourceARN string `json:"ResourceARN" check:"required"`
}

type listTagsOutput struct {
	Tags []tagPair `json:"Tags"`
}

func (s *Service) listTags(_ context.Context, in *listTagsInput) (*listTagsOutput, error) {
	out := &listTagsOutput{Tags: []tagPair{}}
	return out, s.Store.View(func(r store.Reader) error {
		if err := s.tagged(r, in.ResourceARN); err != nil {
			return err
		}
		tags := readTags(r, in.ResourceARN)
		for _, k := range slices.Sorted(maps.Keys(tags)) {
			out.Tags = append(out.Tags, tagPair{k, tags[k]})
		}
		return nil
	})
}
