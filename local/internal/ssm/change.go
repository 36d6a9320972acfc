package ssm

// This file defines deletion, labels and tags.

import (
	"context"
	"maps"
	"regexp"
	"slices"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

// empty is the output of operations that answer nothing.
type empty struct{}

type deleteInput struct {
	Name string `json:"Name" check:"required,min=1,max=2048"`
}

func (s *Service) remove(_ context.Context, in *deleteInput) (*empty, error) {
	return &empty{}, s.Store.Update(func(tx *store.Tx) error {
		name, _ := selected(in.Name)
		if load(tx, name) == nil {
			return errNotFound("")
		}
		tx.Delete(bucket, name)
		return nil
	})
}

type deleteManyInput struct {
	Names []string `json:"Names" check:"required,min=1,max=10"`
}

type deleteManyOutput struct {
	DeletedParameters []string `json:"DeletedParameters"`
	InvalidParameters []string `json:"InvalidParameters"`
}

func (s *Service) removeMany(_ context.Context, in *deleteManyInput) (*deleteManyOutput, error) {
	out := &deleteManyOutput{DeletedParameters: []string{}, InvalidParameters: []string{}}
	return out, s.Store.Update(func(tx *store.Tx) error {
		for _, id := range in.Names {
			name, _ := selected(id)
			if load(tx, name) == nil {
				out.InvalidParameters = append(out.InvalidParameters, id)
				continue
			}
			tx.Delete(bucket, name)
			out.DeletedParameters = append(out.DeletedParameters, id)
		}
		return nil
	})
}

type labelInput struct {
	Name             string   `json:"Name" check:"required,min=1,max=2048"`
	ParameterVersion *int64   `json:"ParameterVersion"`
	Labels           []string `json:"Labels" check:"required,min=1,max=10"`
}

type labelOutput struct {
	InvalidLabels    []string `json:"InvalidLabels"`
	ParameterVersion int64    `json:"ParameterVersion"`
}

var (
	labelLetters  = regexp.MustCompile(`^[a-zA-Z_.\-][a-zA-Z0-9_.\-]{0,99}$`)
	reservedLabel = regexp.MustCompile(`(?i)^(aws|ssm)`)
)

// change runs f on a parameter and the version that a request names, and saves.
func (s *Service) change(in *labelInput, f func(p *parameter, v *version) error) error {
	return s.Store.Update(func(tx *store.Tx) error {
		name, _ := selected(in.Name)
		p := load(tx, name)
		if p == nil {
			return errNotFound(name)
		}
		v := p.latest()
		if in.ParameterVersion != nil {
			i := slices.IndexFunc(p.Versions, func(v *version) bool { return v.Number == *in.ParameterVersion })
			if i < 0 {
				return awswire.Errorf("ParameterVersionNotFound", "Systems Manager could not find version %d of %s. Verify the version and try again.", *in.ParameterVersion, name)
			}
			v = p.Versions[i]
		}
		if err := f(p, v); err != nil {
			return err
		}
		p.save(tx)
		return nil
	})
}

// label moves labels to a version: one stands at one version alone. Labels that
// are not well formed are named in the answer.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_LabelParameterVersion.html
func (s *Service) label(_ context.Context, in *labelInput) (*labelOutput, error) {
	out := &labelOutput{InvalidLabels: []string{}}
	return out, s.change(in, func(p *parameter, v *version) error {
		out.ParameterVersion = v.Number
		for _, label := range in.Labels {
			if !labelLetters.MatchString(label) || reservedLabel.MatchString(label) {
				out.InvalidLabels = append(out.InvalidLabels, label)
				continue
			}
			for _, other := range p.Versions {
				other.Labels = slices.DeleteFunc(other.Labels, func(l string) bool { return l == label })
			}
			v.Labels = append(v.Labels, label)
		}
		if len(v.Labels) > maxLabels {
			return awswire.Errorf("ParameterVersionLabelLimitExceeded", "A parameter version can have a maximum of %d labels. Move one or more labels to another version and try again.", maxLabels)
		}
		return nil
	})
}

type unlabelOutput struct {
	RemovedLabels []string `json:"RemovedLabels"`
	InvalidLabels []string `json:"InvalidLabels"`
}

func (s *Service) unlabel(_ context.Context, in *labelInput) (*unlabelOutput, error) {
	out := &unlabelOutput{RemovedLabels: []string{}, InvalidLabels: []string{}}
	return out, s.change(in, func(_ *parameter, v *version) error {
		for _, label := range in.Labels {
			if i := slices.Index(v.Labels, label); i >= 0 {
				v.Labels = slices.Delete(v.Labels, i, i+1)
				out.RemovedLabels = append(out.RemovedLabels, label)
			} else {
				out.InvalidLabels = append(out.InvalidLabels, label)
			}
		}
		return nil
	})
}

// resource is embedded in inputs that name what has tags.
type resource struct {
	ResourceType string `json:"ResourceType" check:"required"`
	ResourceID   string `json:"ResourceId" check:"required"`
}

type tagInput struct {
	resource
	Tags []tagPair `json:"Tags" check:"required"`
}

type untagInput struct {
	resource
	TagKeys []string `json:"TagKeys" check:"required"`
}

type listTagsInput struct{ resource }

type listTagsOutput struct {
	TagList []tagPair `json:"TagList"`
}

func (in *resource) load(r store.Reader) (*parameter, error) {
	if in.ResourceType != "Parameter" {
		return nil, awswire.Errorf("InvalidResourceType", "%s is not a valid resource type: the local AWS offers Parameter.", in.ResourceType)
	}
	name, _ := selected(in.ResourceID)
	p := load(r, name)
	if p == nil {
		return nil, awswire.Errorf("InvalidResourceId", "The resource ID \"%s\" is not valid. Verify the ID and try again.", in.ResourceID)
	}
	return p, nil
}

const maxTags = 50

func (s *Service) addTags(_ context.Context, in *tagInput) (*empty, error) {
	return &empty{}, s.Store.Update(func(tx *store.Tx) error {
		p, err := in.load(tx)
		if err != nil {
			return err
		}
		for _, t := range in.Tags {
			p.Tags[t.Key] = t.Value
		}
		if len(p.Tags) > maxTags {
			return awswire.Errorf("TooManyTagsError", "A parameter can have %d tags at the most.", maxTags)
		}
		p.save(tx)
		return nil
	})
}

func (s *Service) removeTags(_ context.Context, in *untagInput) (*empty, error) {
	return &empty{}, s.Store.Update(func(tx *store.Tx) error {
		p, err := in.load(tx)
		if err != nil {
			return err
		}
		for _, k := range in.TagKeys {
			delete(p.Tags, k)
		}
		p.save(tx)
		return nil
	})
}

func (s *Service) listTags(_ context.Context, in *listTagsInput) (*listTagsOutput, error) {
	out := &listTagsOutput{TagList: []tagPair{}}
	return out, s.Store.View(func(r store.Reader) error {
		p, err := in.load(r)
		if err != nil {
			return err
		}
		for _, k := range slices.Sorted(maps.Keys(p.Tags)) {
			out.TagList = append(out.TagList, tagPair{k, p.Tags[k]})
		}
		return nil
	})
}
