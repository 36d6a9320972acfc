package ssm

// This file defines reading: by name, by path, all versions, and what is known
// of parameters without their values.

import (
	"context"
	"encoding/base64"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

type parameterItem struct {
	ARN              string       `json:"ARN"`
	DataType         string       `json:"DataType"`
	LastModifiedDate awswire.Time `json:"LastModifiedDate"`
	Name             string       `json:"Name"`
	Selector         string       `json:"Selector,omitzero"`
	Type             string       `json:"Type"`
	Value            string       `json:"Value"`
	Version          int64        `json:"Version"`
}

func (s *Service) item(p *parameter, v *version, selector string, decrypt bool) parameterItem {
	item := parameterItem{ARN: s.arn(p.Name), DataType: v.DataType, LastModifiedDate: awswire.At(v.Changed), Name: p.Name, Type: v.Type, Value: v.shown(decrypt), Version: v.Number}
	if selector != "" {
		item.Selector = ":" + selector
	}
	return item
}

// shown is the value, which for a SecureString without decryption is something
// that nobody can take for it.
func (v *version) shown(decrypt bool) string {
	if v.Type != secureString || decrypt {
		return v.Value
	}
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "not decrypted: version %d", v.Number))
}

type getInput struct {
	Name           string `json:"Name" check:"required,min=1,max=2048"`
	WithDecryption bool   `json:"WithDecryption"`
}

type getOutput struct {
	Parameter parameterItem `json:"Parameter"`
}

func (s *Service) get(_ context.Context, in *getInput) (*getOutput, error) {
	out := &getOutput{}
	name, selector := selected(in.Name)
	return out, s.Store.View(func(r store.Reader) error {
		p := load(r, name)
		if p == nil {
			return errNotFound("")
		}
		v := p.find(selector)
		if v == nil {
			return errVersion(name, selector)
		}
		out.Parameter = s.item(p, v, selector, in.WithDecryption)
		return nil
	})
}

type getManyInput struct {
	Names          []string `json:"Names" check:"required,min=1,max=10"`
	WithDecryption bool     `json:"WithDecryption"`
}

type getManyOutput struct {
	Parameters        []parameterItem `json:"Parameters"`
	InvalidParameters []string        `json:"InvalidParameters"`
}

func (s *Service) getMany(_ context.Context, in *getManyInput) (*getManyOutput, error) {
	out := &getManyOutput{Parameters: []parameterItem{}, InvalidParameters: []string{}}
	return out, s.Store.View(func(r store.Reader) error {
		for _, id := range in.Names {
			name, selector := selected(id)
			if p := load(r, name); p != nil && p.find(selector) != nil {
				out.Parameters = append(out.Parameters, s.item(p, p.find(selector), selector, in.WithDecryption))
			} else {
				out.InvalidParameters = append(out.InvalidParameters, id)
			}
		}
		return nil
	})
}

type stringFilter struct {
	Key    string   `json:"Key" check:"required"`
	Option string   `json:"Option"`
	Values []string `json:"Values"`
}

// admits judges a parameter by filters, all of which must hold.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterStringFilter.html
func admits(filters []stringFilter, p *parameter) (bool, error) {
	for _, f := range filters {
		have, err := f.of(p)
		if err != nil {
			return false, err
		}
		test, ok := options[f.Option]
		if !ok {
			return false, awswire.Errorf("InvalidFilterOption", "The filter option %s is not valid for %s. Valid options include: [BeginsWith, Contains, Equals, OneLevel, Recursive].", f.Option, f.Key)
		}
		holds := len(f.Values) == 0 && len(have) > 0
		for _, want := range f.Values {
			holds = holds || slices.ContainsFunc(have, func(x string) bool { return test(x, want) })
		}
		if !holds {
			return false, nil
		}
	}
	return true, nil
}

func equals(have, want string) bool { return have == want }

var options = map[string]func(have, want string) bool{
	"": equals, "Equals": equals, "BeginsWith": strings.HasPrefix, "Contains": strings.Contains,
	"Recursive": func(have, want string) bool { return below(have, want, true) },
	"OneLevel":  func(have, want string) bool { return below(have, want, false) },
}

// of returns what a filter is about.
func (f stringFilter) of(p *parameter) ([]string, error) {
	v := p.latest()
	if key, ok := strings.CutPrefix(f.Key, "tag:"); ok {
		if value, ok := p.Tags[key]; ok {
			return []string{value}, nil
		}
		return nil, nil
	}
	switch f.Key {
	case "Name", "Path":
		return []string{p.Name}, nil
	case "Type":
		return []string{v.Type}, nil
	case "KeyId":
		return []string{v.KeyID}, nil
	case "Tier":
		return []string{v.Tier}, nil
	case "DataType":
		return []string{v.DataType}, nil
	case "Label":
		return v.Labels, nil
	}
	return nil, awswire.Errorf("InvalidFilterKey", "The filter key %s is not valid. Valid filter keys include: [tag:<key>, Name, Path, Type, KeyId, Tier, DataType, Label].", f.Key)
}

// below tells whether a name lies under a path, directly unless recursive.
func below(name, path string, recursive bool) bool {
	if !strings.HasPrefix(name, "/") {
		return path == "/" && !strings.Contains(name, "/") // a name without levels lies under the root
	}
	rest, ok := strings.CutPrefix(name, strings.TrimSuffix(path, "/")+"/")
	return ok && (recursive || !strings.Contains(rest, "/"))
}

type byPathInput struct {
	Path             string         `json:"Path" check:"required,min=1,max=2048"`
	Recursive        bool           `json:"Recursive"`
	ParameterFilters []stringFilter `json:"ParameterFilters"`
	WithDecryption   bool           `json:"WithDecryption"`
	MaxResults       *int           `json:"MaxResults" check:"min=1,max=10"`
	NextToken        string         `json:"NextToken"`
}

type byPathOutput struct {
	Parameters []parameterItem `json:"Parameters"`
	NextToken  string          `json:"NextToken,omitzero"`
}

func (s *Service) byPath(_ context.Context, in *byPathInput) (*byPathOutput, error) {
	if !strings.HasPrefix(in.Path, "/") {
		return nil, invalid("The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash \"/\". It can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore).")
	}
	out := &byPathOutput{Parameters: []parameterItem{}}
	next, err := s.page(in.NextToken, limit(in.MaxResults, 10), func(p *parameter) (bool, error) {
		if !below(p.Name, in.Path, in.Recursive) {
			return false, nil
		}
		return admits(in.ParameterFilters, p)
	}, func(p *parameter) {
		out.Parameters = append(out.Parameters, s.item(p, p.latest(), "", in.WithDecryption))
	})
	out.NextToken = next
	return out, err
}

func limit(given *int, usual int) int {
	if given == nil {
		return usual
	}
	return *given
}

// page takes up to n parameters that are wanted, from a token on, which it
// returns for the rest.
func (s *Service) page(token string, n int, wanted func(*parameter) (bool, error), take func(*parameter)) (next string, err error) {
	from, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return "", awswire.Errorf("InvalidNextToken", "The specified token isn't valid.")
	}
	return next, s.Store.View(func(r store.Reader) error {
		for p := range all(r, string(from)) {
			ok, err := wanted(p)
			switch {
			case err != nil:
				return err
			case ok && n == 0:
				next = base64.StdEncoding.EncodeToString([]byte(p.Name))
				return nil
			case ok:
				n--
				take(p)
			}
		}
		return nil
	})
}

func all(r store.Reader, from string) iter.Seq[*parameter] {
	return func(yield func(*parameter) bool) {
		for name := range r.Scan(bucket, from, "") {
			if p := load(r, name); p != nil && !yield(p) {
				return
			}
		}
	}
}

type metadata struct {
	ARN              string       `json:"ARN"`
	Name             string       `json:"Name"`
	Type             string       `json:"Type"`
	KeyID            string       `json:"KeyId,omitzero"`
	LastModifiedDate awswire.Time `json:"LastModifiedDate"`
	LastModifiedUser string       `json:"LastModifiedUser"`
	Description      string       `json:"Description,omitzero"`
	AllowedPattern   string       `json:"AllowedPattern,omitzero"`
	Version          int64        `json:"Version"`
	Tier             string       `json:"Tier"`
	Policies         []string     `json:"Policies"`
	DataType         string       `json:"DataType"`
}

func (s *Service) metadata(p *parameter, v *version) metadata {
	return metadata{s.arn(p.Name), p.Name, v.Type, v.KeyID, awswire.At(v.Changed), v.User, v.Description, v.AllowedPattern, v.Number, v.Tier, []string{}, v.DataType}
}

type oldFilter struct {
	Key    string   `json:"Key" check:"required"`
	Values []string `json:"Values" check:"required"`
}

type describeInput struct {
	Filters          []oldFilter    `json:"Filters"`
	ParameterFilters []stringFilter `json:"ParameterFilters"`
	MaxResults       *int           `json:"MaxResults" check:"min=1,max=50"`
	NextToken        string         `json:"NextToken"`
}

type describeOutput struct {
	Parameters []metadata `json:"Parameters"`
	NextToken  string     `json:"NextToken,omitzero"`
}

func (s *Service) describe(_ context.Context, in *describeInput) (*describeOutput, error) {
	filters := in.ParameterFilters
	for _, f := range in.Filters { // the older form: names by their beginning
		option := map[bool]string{true: "BeginsWith", false: "Equals"}[f.Key == "Name"]
		filters = append(filters, stringFilter{f.Key, option, f.Values})
	}
	for i, f := range filters {
		if f.Key == "Path" && f.Option == "" {
			filters[i].Option = "OneLevel"
		}
	}
	if _, err := admits(filters, &parameter{Versions: []*version{{}}}); err != nil { // also when nothing is there
		return nil, err
	}
	out := &describeOutput{Parameters: []metadata{}}
	next, err := s.page(in.NextToken, limit(in.MaxResults, 50), func(p *parameter) (bool, error) { return admits(filters, p) },
		func(p *parameter) { out.Parameters = append(out.Parameters, s.metadata(p, p.latest())) })
	out.NextToken = next
	return out, err
}

type historyInput struct {
	Name           string `json:"Name" check:"required,min=1,max=2048"`
	WithDecryption bool   `json:"WithDecryption"`
	MaxResults     *int   `json:"MaxResults" check:"min=1,max=50"`
	NextToken      string `json:"NextToken"`
}

type historyItem struct {
	metadata
	Value  string   `json:"Value"`
	Labels []string `json:"Labels"`
}

type historyOutput struct {
	Parameters []historyItem `json:"Parameters"`
	NextToken  string        `json:"NextToken,omitzero"`
}

func (s *Service) history(_ context.Context, in *historyInput) (*historyOutput, error) {
	after := int64(0)
	if in.NextToken != "" {
		var err error
		if after, err = strconv.ParseInt(in.NextToken, 10, 64); err != nil {
			return nil, awswire.Errorf("InvalidNextToken", "The specified token isn't valid.")
		}
	}
	out := &historyOutput{Parameters: []historyItem{}}
	name, _ := selected(in.Name)
	return out, s.Store.View(func(r store.Reader) error {
		p := load(r, name)
		if p == nil {
			return errNotFound(name)
		}
		for _, v := range p.Versions {
			if v.Number <= after {
				continue
			}
			if len(out.Parameters) == limit(in.MaxResults, 50) {
				out.NextToken = strconv.FormatInt(out.Parameters[len(out.Parameters)-1].Version, 10)
				break
			}
			out.Parameters = append(out.Parameters, historyItem{s.metadata(p, v), v.shown(in.WithDecryption), append([]string{}, v.Labels...)})
		}
		return nil
	})
}
