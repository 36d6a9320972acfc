package scheduler

// This file defines schedule groups and their tags.

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

// group is the record of a schedule group.
type group struct {
	Name              string
	Tags              map[string]string
	Created, Modified time.Time
}

// Tag is a key and a value.
type Tag struct {
	Key   string `json:"Key" check:"required,min=1,max=128"`
	Value string `json:"Value" check:"required,min=1,max=256"`
}

type groupInput struct {
	Name        string `json:"Name" http:"path" check:"required,min=1,max=64,pattern=[0-9a-zA-Z-_.]+"`
	ClientToken string `json:"ClientToken"`
	Tags        []Tag  `json:"Tags"`
}

type createGroupOutput struct {
	ScheduleGroupArn string `json:"ScheduleGroupArn"`
}

func (s *Service) createGroup(_ context.Context, in *groupInput) (*createGroupOutput, error) {
	now := s.Clock.Now()
	g := group{Name: in.Name, Tags: map[string]string{}, Created: now, Modified: now}
	for _, t := range in.Tags {
		g.Tags[t.Key] = t.Value
	}
	return &createGroupOutput{s.groupARN(in.Name)}, s.Store.Update(func(tx *store.Tx) error {
		if _, found := tx.Get(groupBucket, store.Key(in.Name)); found {
			return conflict("Schedule group", in.Name)
		}
		put(tx, groupBucket, store.Key(in.Name), g)
		return nil
	})
}

type groupOutput struct {
	Arn                  string       `json:"Arn"`
	Name                 string       `json:"Name"`
	State                string       `json:"State"`
	CreationDate         awswire.Time `json:"CreationDate"`
	LastModificationDate awswire.Time `json:"LastModificationDate"`
}

func (s *Service) groupOutput(g group) groupOutput {
	return groupOutput{s.groupARN(g.Name), g.Name, "ACTIVE", awswire.At(g.Created), awswire.At(g.Modified)}
}

func groupOf(r store.Reader, name string) (group, error) {
	g, found := get[group](r, groupBucket, store.Key(name))
	if !found {
		return g, notFound("Schedule group", name)
	}
	return g, nil
}

func (s *Service) getGroup(_ context.Context, in *groupInput) (*groupOutput, error) {
	return view(s.Store, func(r store.Reader) (*groupOutput, error) {
		g, err := groupOf(r, in.Name)
		out := s.groupOutput(g)
		return &out, err
	})
}

// deleteGroup deletes the group and its schedules.
func (s *Service) deleteGroup(_ context.Context, in *groupInput) (*struct{}, error) {
	if in.Name == defaultGroup {
		return nil, invalid("Deleting default schedule group is not allowed.")
	}
	var gone []record
	err := s.Store.Update(func(tx *store.Tx) error {
		if _, err := groupOf(tx, in.Name); err != nil {
			return err
		}
		gone = list[record](tx, scheduleBucket, in.Name)
		for _, x := range gone {
			tx.Delete(scheduleBucket, x.key())
		}
		tx.Delete(groupBucket, store.Key(in.Name))
		return nil
	})
	for _, x := range gone {
		s.alarms.Clear(x.key())
	}
	return &struct{}{}, err
}

type listGroupsInput struct {
	NamePrefix string `json:"NamePrefix" http:"query=NamePrefix"`
	MaxResults int    `json:"MaxResults" http:"query=MaxResults" check:"min=1,max=100"`
	NextToken  string `json:"NextToken" http:"query=NextToken"`
}

type listGroupsOutput struct {
	ScheduleGroups []groupOutput `json:"ScheduleGroups"`
	NextToken      string        `json:"NextToken,omitzero"`
}

func (s *Service) listGroups(_ context.Context, in *listGroupsInput) (*listGroupsOutput, error) {
	return view(s.Store, func(r store.Reader) (*listGroupsOutput, error) {
		groups := slices.DeleteFunc(list[group](r, groupBucket), func(g group) bool { return !strings.HasPrefix(g.Name, in.NamePrefix) })
		got, next := page(slices.Values(groups), in.MaxResults, in.NextToken, func(g group) string { return g.Name })
		out := &listGroupsOutput{ScheduleGroups: []groupOutput{}, NextToken: next}
		for _, g := range got {
			out.ScheduleGroups = append(out.ScheduleGroups, s.groupOutput(g))
		}
		return out, nil
	})
}

type tagInput struct {
	ResourceArn string `json:"ResourceArn" http:"path" check:"required"`
	Tags        []Tag  `json:"Tags" check:"required"`
}

func (s *Service) tag(_ context.Context, in *tagInput) (*struct{}, error) {
	return s.changeTags(in.ResourceArn, func(tags map[string]string) {
		for _, t := range in.Tags {
			tags[t.Key] = t.Value
		}
	})
}

type untagInput struct {
	ResourceArn string   `json:"ResourceArn" http:"path" check:"required"`
	TagKeys     []string `json:"TagKeys" http:"query=TagKeys" check:"required"`
}

func (s *Service) untag(_ context.Context, in *untagInput) (*struct{}, error) {
	return s.changeTags(in.ResourceArn, func(tags map[string]string) {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
	})
}

// groupByARN returns the group an ARN names; only groups have tags.
func groupByARN(r store.Reader, arn string) (group, error) {
	_, name, _ := strings.Cut(arn, ":schedule-group/")
	return groupOf(r, name)
}

func (s *Service) changeTags(arn string, change func(tags map[string]string)) (*struct{}, error) {
	return &struct{}{}, s.Store.Update(func(tx *store.Tx) error {
		g, err := groupByARN(tx, arn)
		if err != nil {
			return err
		}
		if g.Tags == nil {
			g.Tags = map[string]string{}
		}
		change(g.Tags)
		put(tx, groupBucket, store.Key(g.Name), g)
		return nil
	})
}

type listTagsInput struct {
	ResourceArn string `json:"ResourceArn" http:"path" check:"required"`
}

type listTagsOutput struct {
	Tags []Tag `json:"Tags"`
}

func (s *Service) listTags(_ context.Context, in *listTagsInput) (*listTagsOutput, error) {
	return view(s.Store, func(r store.Reader) (*listTagsOutput, error) {
		g, err := groupByARN(r, in.ResourceArn)
		out := &listTagsOutput{Tags: []Tag{}}
		for _, key := range slices.Sorted(maps.Keys(g.Tags)) {
			out.Tags = append(out.Tags, Tag{key, g.Tags[key]})
		}
		return out, err
	})
}
