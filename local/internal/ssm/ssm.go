// Package ssm is the Parameter Store of AWS Systems Manager: parameters with
// versions, labels and paths.
//
// A stored parameter survives a kill. SecureStrings are shown in clear only to
// who asks for decryption; they are not encrypted: the store is readable to its
// owner only. Their values never stand in a log or an error. Parameter policies,
// shared parameters and everything else of Systems Manager is not offered. Start
// at [Service.API].
package ssm

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/store"
)

const bucket = "ssm/parameter"

// Limits: https://docs.aws.amazon.com/general/latest/gr/ssm.html
const (
	maxVersions  = 100
	maxLevels    = 15
	maxStandard  = 4096
	maxAdvanced  = 8192
	maxLabels    = 10
	secureString = "SecureString"
)

// Config is what the service needs.
type Config struct {
	Account, Region string
	Store           *store.Store
	Clock           clock.Clock
}

// Service is the Parameter Store.
type Service struct{ Config }

// New returns the service.
func New(cfg Config) *Service { return &Service{cfg} }

// API lists the operations.
func (s *Service) API() awswire.Service {
	return awswire.Service{
		Name: "ssm", Protocol: awswire.JSON11, Target: "AmazonSSM",
		Operations: []awswire.Operation{
			awswire.Op("PutParameter", func(in *putInput) []awswire.Access { return s.access("PutParameter", in.Name) }, s.put),
			awswire.Op("GetParameter", func(in *getInput) []awswire.Access { return s.access("GetParameter", in.Name) }, s.get),
			awswire.Op("GetParameters", func(in *getManyInput) []awswire.Access { return s.access("GetParameters", in.Names...) }, s.getMany),
			awswire.Op("GetParametersByPath", func(in *byPathInput) []awswire.Access { return s.access("GetParametersByPath", in.Path) }, s.byPath),
			awswire.Op("GetParameterHistory", func(in *historyInput) []awswire.Access { return s.access("GetParameterHistory", in.Name) }, s.history),
			awswire.Op("DescribeParameters", func(*describeInput) []awswire.Access {
				return []awswire.Access{{Action: "ssm:DescribeParameters", Resource: "*"}}
			}, s.describe),
			awswire.Op("DeleteParameter", func(in *deleteInput) []awswire.Access { return s.access("DeleteParameter", in.Name) }, s.remove),
			awswire.Op("DeleteParameters", func(in *deleteManyInput) []awswire.Access { return s.access("DeleteParameters", in.Names...) }, s.removeMany),
			awswire.Op("LabelParameterVersion", func(in *labelInput) []awswire.Access { return s.access("LabelParameterVersion", in.Name) }, s.label),
			awswire.Op("UnlabelParameterVersion", func(in *labelInput) []awswire.Access { return s.access("UnlabelParameterVersion", in.Name) }, s.unlabel),
			awswire.Op("AddTagsToResource", func(in *tagInput) []awswire.Access { return s.access("AddTagsToResource", in.ResourceID) }, s.addTags),
			awswire.Op("RemoveTagsFromResource", func(in *untagInput) []awswire.Access { return s.access("RemoveTagsFromResource", in.ResourceID) }, s.removeTags),
			awswire.Op("ListTagsForResource", func(in *listTagsInput) []awswire.Access { return s.access("ListTagsForResource", in.ResourceID) }, s.listTags),
		},
	}
}

func (s *Service) access(action string, names ...string) []awswire.Access {
	var all []awswire.Access
	for _, name := range names {
		name, _ := selected(name)
		all = append(all, awswire.Access{Action: "ssm:" + action, Resource: s.arn(name)})
	}
	return all
}

// arn spells a path's slash once: parameter/a/b for /a/b, parameter/a for a.
func (s *Service) arn(name string) string {
	return fmt.Sprintf("arn:aws:ssm:%s:%s:parameter/%s", s.Region, s.Account, strings.TrimPrefix(name, "/"))
}

// selected splits name:3, name:label and an ARN into name and selector.
func selected(id string) (name, selector string) {
	if rest, ok := strings.CutPrefix(id, "arn:aws:ssm:"); ok {
		parts := strings.SplitN(rest, ":", 3)
		id = strings.TrimPrefix(parts[len(parts)-1], "parameter")
		if strings.Count(id, "/") == 1 { // a name without a path
			id = id[1:]
		}
	}
	name, selector, _ = strings.Cut(id, ":")
	return name, selector
}

// parameter is what the store keeps.
type parameter struct {
	Name     string
	Tags     map[string]string
	Next     int64 // the next version's number
	Versions []*version
}

type version struct {
	Number         int64
	Type, Value    string
	Description    string
	KeyID          string
	AllowedPattern string
	Tier, DataType string
	Labels         []string
	User           string
	Changed        time.Time
}

func (p *parameter) latest() *version { return p.Versions[len(p.Versions)-1] }

// find returns the version of a selector: a number, a label, or empty.
func (p *parameter) find(selector string) *version {
	if selector == "" {
		return p.latest()
	}
	for _, v := range p.Versions {
		if fmt.Sprint(v.Number) == selector || slices.Contains(v.Labels, selector) {
			return v
		}
	}
	return nil
}

func load(r store.Reader, name string) *parameter {
	text, ok := r.Get(bucket, name)
	if !ok {
		return nil
	}
	p := &parameter{}
	if json.Unmarshal(text, p) != nil || len(p.Versions) == 0 {
		return nil
	}
	return p
}

func (p *parameter) save(tx *store.Tx) {
	text, err := json.Marshal(p)
	if err != nil {
		panic("ssm: " + err.Error()) // strings and times always marshal
	}
	tx.Put(bucket, p.Name, text)
}

func errNotFound(name string) error {
	e := awswire.Errorf("ParameterNotFound", "")
	if name != "" {
		e.Message = "Parameter " + name + " not found."
	}
	return e
}

func errVersion(name, selector string) error {
	return awswire.Errorf("ParameterVersionNotFound", "Systems Manager could not find version %s of %s. Verify the version and try again.", selector, name)
}

func invalid(format string, args ...any) error {
	return awswire.Errorf("ValidationException", format, args...)
}

type tagPair struct {
	Key   string `json:"Key" check:"required,min=1,max=128"`
	Value string `json:"Value" check:"max=256"`
}

type putInput struct {
	Name           string    `json:"Name" check:"required,min=1,max=2048"`
	Description    string    `json:"Description" check:"max=1024"`
	Value          string    `json:"Value" check:"required"`
	Type           string    `json:"Type" check:"enum=String|StringList|SecureString"`
	KeyID          string    `json:"KeyId" check:"max=256"`
	Overwrite      bool      `json:"Overwrite"`
	AllowedPattern *string   `json:"AllowedPattern" check:"max=1024"`
	Tags           []tagPair `json:"Tags"`
	Tier           string    `json:"Tier" check:"enum=Standard|Advanced|Intelligent-Tiering"`
	Policies       string    `json:"Policies"`
	DataType       string    `json:"DataType" check:"max=128"`
}

type putOutput struct {
	Version int64  `json:"Version"`
	Tier    string `json:"Tier"`
}

func (s *Service) put(ctx context.Context, in *putInput) (*putOutput, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	out := &putOutput{}
	return out, s.Store.Update(func(tx *store.Tx) error {
		p := load(tx, in.Name)
		switch {
		case p == nil && in.Type == "":
			return invalid("A parameter type is required when you create a parameter.")
		case p == nil:
			p = &parameter{Name: in.Name, Tags: map[string]string{}, Next: 1}
		case !in.Overwrite:
			return awswire.Errorf("ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")
		case len(in.Tags) > 0:
			return invalid("Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.")
		}
		for _, t := range in.Tags {
			p.Tags[t.Key] = t.Value
		}
		v, err := p.add(in, awswire.CallerFrom(ctx).ARN, s.Clock.Now())
		if err != nil {
			return err
		}
		p.save(tx)
		*out = putOutput{v.Number, v.Tier}
		return nil
	})
}

var (
	nameLetters  = regexp.MustCompile(`^[a-zA-Z0-9_.\-/]+$`)
	reservedName = regexp.MustCompile(`(?i)^/?(aws|ssm)`)
)

// check is of the request alone.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
func (in *putInput) check() error {
	switch {
	case !nameLetters.MatchString(in.Name), strings.Contains(in.Name, "//"), strings.HasSuffix(in.Name, "/"):
		return invalid("Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_")
	case strings.Contains(in.Name, "/") && !strings.HasPrefix(in.Name, "/"):
		return invalid("Parameter name must be a fully qualified name: it must begin with a slash when it has levels.")
	case reservedName.MatchString(in.Name):
		return awswire.Errorf("AccessDeniedException", "No access to reserved parameter name: %s.", in.Name)
	case strings.Count(in.Name, "/") > maxLevels:
		return awswire.Errorf("HierarchyLevelLimitExceededException", "Hierarchy depth: %d exceeds maximum depth limit: %d.", strings.Count(in.Name, "/"), maxLevels)
	case in.Policies != "":
		return awswire.Errorf("InvalidPolicyTypeException", "The local AWS does not offer parameter policies.")
	case in.DataType != "" && in.DataType != "text":
		return invalid("The data type %s is not offered by the local AWS; it knows text.", in.DataType)
	case in.KeyID != "" && in.Type != "" && in.Type != secureString:
		return invalid("KeyId is required for SecureString type parameter only.")
	}
	return nil
}

// add makes a version. What is not given stays as it was.
func (p *parameter) add(in *putInput, user string, now time.Time) (*version, error) {
	v := &version{Number: p.Next, Type: in.Type, Value: in.Value, Description: in.Description, KeyID: in.KeyID, Tier: in.Tier, DataType: "text", User: user, Changed: now}
	if in.AllowedPattern != nil {
		v.AllowedPattern = *in.AllowedPattern
	}
	if len(p.Versions) > 0 {
		if err := v.inherit(p.latest(), in); err != nil {
			return nil, err
		}
	}
	if v.Type == secureString && v.KeyID == "" {
		v.KeyID = "alias/aws/ssm"
	}
	if err := v.check(); err != nil {
		return nil, err
	}
	if len(p.Versions) >= maxVersions {
		if oldest := p.Versions[0]; len(oldest.Labels) > 0 { // a label is never lost
			return nil, awswire.Errorf("ParameterMaxVersionLimitExceeded", "You attempted to create a new version of %s by calling the PutParameter API with the overwrite flag. Version %d, the oldest version, can't be deleted because it has a label associated with it. Move the label to another version of the parameter, and try again.", p.Name, oldest.Number)
		}
		p.Versions = p.Versions[1:]
	}
	p.Next++
	p.Versions = append(p.Versions, v)
	return v, nil
}

func (v *version) inherit(before *version, in *putInput) error {
	if v.Type == "" {
		v.Type = before.Type
	}
	if (v.Type == secureString) != (before.Type == secureString) {
		return awswire.Errorf("HierarchyTypeMismatchException", "Parameter %s is already a %s; it can't become a %s: delete it first.", in.Name, before.Type, v.Type)
	}
	if v.Description == "" {
		v.Description = before.Description
	}
	if in.AllowedPattern == nil {
		v.AllowedPattern = before.AllowedPattern
	}
	if v.Tier == "" {
		v.Tier = before.Tier
	}
	return nil
}

// check is of a version as it would be stored.
func (v *version) check() error {
	if v.Tier == "" {
		v.Tier = "Standard"
	}
	if v.Tier == "Intelligent-Tiering" {
		v.Tier = map[bool]string{true: "Standard", false: "Advanced"}[len(v.Value) <= maxStandard]
	}
	switch limit := map[string]int{"Standard": maxStandard, "Advanced": maxAdvanced}[v.Tier]; {
	case len(v.Value) > limit && v.Tier == "Standard":
		return invalid("Standard tier parameters support a maximum parameter value of %d characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html", maxStandard)
	case len(v.Value) > limit:
		return invalid("Advanced tier parameters support a maximum parameter value of %d characters.", maxAdvanced)
	}
	if v.AllowedPattern == "" {
		return nil
	}
	pattern, err := regexp.Compile("^(?:" + v.AllowedPattern + ")$")
	if err != nil {
		return awswire.Errorf("InvalidAllowedPatternException", "The regular expression %s is not valid: %v", v.AllowedPattern, err)
	}
	values := []string{v.Value}
	if v.Type == "StringList" {
		values = strings.Split(v.Value, ",")
	}
	if slices.ContainsFunc(values, func(x string) bool { return !pattern.MatchString(x) }) {
		return awswire.Errorf("ParameterPatternMismatchException", "Parameter value, cannot be validated against allowedPattern: %s", v.AllowedPattern)
	}
	return nil
}
