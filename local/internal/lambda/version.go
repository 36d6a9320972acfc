package lambda

// This file defines published versions and aliases.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

func (s *Service) versionOperations() []awswire.Operation {
	onAlias := func(operation string) func(*aliasInput) []awswire.Access {
		return onFunction(s, operation, func(in *aliasInput) (string, string) { return in.FunctionName, "" })
	}
	aliases := functionPath + "/aliases"
	return []awswire.Operation{
		awswire.Op("PublishVersion", onFunction(s, "PublishVersion", func(in *publishInput) (string, string) { return in.FunctionName, "" }), s.publishVersion).At("POST", functionPath+"/versions").Answers(201),
		awswire.Op("ListVersionsByFunction", onFunction(s, "ListVersionsByFunction", func(in *listVersionsInput) (string, string) { return in.FunctionName, "" }), s.listVersions).At("GET", functionPath+"/versions"),
		awswire.Op("CreateAlias", onFunction(s, "CreateAlias", func(in *createAliasInput) (string, string) { return in.FunctionName, "" }), s.createAlias).At("POST", aliases).Answers(201),
		awswire.Op("UpdateAlias", onFunction(s, "UpdateAlias", func(in *updateAliasInput) (string, string) { return in.FunctionName, "" }), s.updateAlias).At("PUT", aliases+"/{Name}"),
		awswire.Op("GetAlias", onAlias("GetAlias"), s.getAlias).At("GET", aliases+"/{Name}"),
		awswire.Op("DeleteAlias", onAlias("DeleteAlias"), s.deleteAlias).At("DELETE", aliases+"/{Name}").Answers(204),
		awswire.Op("ListAliases", onFunction(s, "ListAliases", func(in *listAliasesInput) (string, string) { return in.FunctionName, "" }), s.listAliases).At("GET", aliases),
	}
}

type publishInput struct {
	FunctionName string `json:"FunctionName" http:"path" check:"required,min=1,max=140"`
	CodeSha256   string `json:"CodeSha256"`
	Description  string `json:"Description" check:"max=256"`
	RevisionID   string `json:"RevisionId"`
}

// publishVersion makes a version of $LATEST, unless the last version is like it.
func (s *Service) publishVersion(_ context.Context, in *publishInput) (*configuration, error) {
	n, err := s.parseName(in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	var out *configuration
	err = s.update(n, func(tx *store.Tx, f *function) error {
		c := f.versions[latest].Config
		switch {
		case in.RevisionID != "" && in.RevisionID != c.RevisionID:
			return awswire.Errorf("PreconditionFailedException", errPreconditionLatest)
		case in.CodeSha256 != "" && in.CodeSha256 != c.CodeSha256:
			return invalid("CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). Please try again with the CodeSHA256 in $LATEST.", in.CodeSha256, c.CodeSha256)
		}
		if last := f.versions[strconv.Itoa(f.record.Next-1)]; last != nil && last.State == f.versions[latest].State {
			out = &last.Config
			return nil
		}
		if kept, err := s.keep(f.versions[latest].Code); err != nil {
			return fmt.Errorf("the program of the new version could not be kept: %w", err)
		} else if out = s.publish(tx, f, in.Description); kept.Program != f.versions[out.Version].Code.Program {
			published := f.versions[out.Version]
			published.Code = kept
			tx.Put(bucketVersion, versionKey(n.function, f.record.Next-1), encode(published))
		}
		return nil
	})
	return out, err
}

// publish stores $LATEST as the next version.
func (s *Service) publish(tx *store.Tx, f *function, description string) *configuration {
	number := f.record.Next
	f.record.Next++
	current := f.versions[latest]
	v := *current
	v.Config.Version = strconv.Itoa(number)
	v.Config.FunctionArn = s.qualifiedARN(v.Config.FunctionName, v.Config.Version)
	v.Config.RevisionID = newID()
	if description != "" {
		v.Config.Description = description
	}
	current.Config.RevisionID = newID()
	f.versions[v.Config.Version] = &v
	tx.Put(bucketVersion, versionKey(v.Config.FunctionName, number), encode(v))
	return &v.Config
}

func (s *Service) deleteVersion(n name) error {
	return s.update(n, func(tx *store.Tx, f *function) error {
		number, err := strconv.Atoi(n.qualifier)
		if err != nil {
			return invalid("Value %s at 'qualifier' is an alias: delete it with DeleteAlias.", n.qualifier)
		}
		if f.versions[n.qualifier] == nil {
			return nil // AWS answers success
		}
		var users []string
		for _, a := range f.aliases {
			if _, weighted := a.Weights[n.qualifier]; weighted || a.FunctionVersion == n.qualifier {
				users = append(users, a.Name)
			}
		}
		if len(users) > 0 {
			slices.Sort(users)
			return conflict("The version %s is used by aliases %s", n.qualifier, shownList(users))
		}
		tx.Delete(bucketVersion, versionKey(n.function, number))
		return nil
	})
}

type listVersionsInput struct {
	FunctionName string `json:"FunctionName" http:"path" check:"required,min=1,max=170"`
	Marker       string `json:"Marker" http:"query=Marker"`
	MaxItems     int    `json:"MaxItems" http:"query=MaxItems" check:"min=1,max=10000"`
}

type listVersionsOutput struct {
	Versions   []configuration `json:"Versions"`
	NextMarker string          `json:"NextMarker,omitzero"`
}

func (s *Service) listVersions(_ context.Context, in *listVersionsInput) (*listVersionsOutput, error) {
	n, err := s.parseName(in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	f, err := s.function(n)
	if err != nil {
		return nil, err
	}
	page, next := paginate(f.listed(s, true), in.Marker, in.MaxItems, func(c configuration) string { return c.Version })
	return &listVersionsOutput{page, next}, nil
}

// compareVersions orders $LATEST first, then by number.
func compareVersions(a, b string) int {
	x, _ := strconv.Atoi(a)
	y, _ := strconv.Atoi(b)
	return cmp.Compare(x, y)
}

// aliasForm is an alias's name; a number would be a version.
var aliasForm = regexp.MustCompile(`^[a-zA-Z0-9-_]+$`)

const aliasPattern = `(?!^[0-9]+$)([a-zA-Z0-9-_]+)`

type routingConfig struct {
	AdditionalVersionWeights map[string]float64 `json:"AdditionalVersionWeights"`
}

type createAliasInput struct {
	FunctionName    string         `json:"FunctionName" http:"path" check:"required,min=1,max=140"`
	Name            string         `json:"Name" check:"required,min=1,max=128"`
	FunctionVersion string         `json:"FunctionVersion" check:"required,min=1,max=1024,pattern=(\\$LATEST(\\.PUBLISHED)?|[0-9]+)"`
	Description     string         `json:"Description" check:"max=256"`
	RoutingConfig   *routingConfig `json:"RoutingConfig"`
}

type aliasOutput struct {
	AliasArn        string         `json:"AliasArn"`
	Name            string         `json:"Name"`
	FunctionVersion string         `json:"FunctionVersion"`
	Description     string         `json:"Description"`
	RoutingConfig   *routingConfig `json:"RoutingConfig,omitzero"`
	RevisionID      string         `json:"RevisionId"`
}

func (s *Service) aliasOutput(function string, a *alias) *aliasOutput {
	out := &aliasOutput{AliasArn: s.qualifiedARN(function, a.Name), Name: a.Name, FunctionVersion: a.FunctionVersion, Description: a.Description, RevisionID: a.RevisionID}
	if len(a.Weights) > 0 {
		out.RoutingConfig = &routingConfig{a.Weights}
	}
	return out
}

func (s *Service) createAlias(_ context.Context, in *createAliasInput) (*aliasOutput, error) {
	n, err := s.parseName(in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	if !aliasForm.MatchString(in.Name) || isNumber(in.Name) {
		return nil, constraint(in.Name, "name", "Member must satisfy regular expression pattern: "+aliasPattern)
	}
	a := &alias{Name: in.Name, Description: in.Description, FunctionVersion: in.FunctionVersion, RevisionID: newID()}
	if err := a.route(in.RoutingConfig); err != nil {
		return nil, err
	}
	if _, err := s.function(n); err != nil { // AWS names the version, too
		return nil, noFunction(s.qualifiedARN(n.function, in.FunctionVersion))
	}
	err = s.update(n, func(tx *store.Tx, f *function) error {
		if f.aliases[a.Name] != nil {
			return conflict("Alias already exists: %s", s.qualifiedARN(n.function, a.Name))
		}
		if err := a.checkVersions(s, n, f); err != nil {
			return err
		}
		tx.Put(bucketAlias, store.Key(n.function, a.Name), encode(a))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.aliasOutput(n.function, a), nil
}

// route sets an alias's weights, checked as far as the request alone tells.
func (a *alias) route(r *routingConfig) error {
	if r == nil {
		return nil
	}
	for key, weight := range r.AdditionalVersionWeights {
		shown := fmt.Sprintf("{%s=%s}", key, floatWords(weight))
		if weight < 0 || weight > 1 {
			return constraint(shown, "routingConfig.additionalVersionWeights", "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]")
		}
		if !isNumber(key) {
			return constraint(shown, "routingConfig.additionalVersionWeights", "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+]")
		}
	}
	if len(r.AdditionalVersionWeights) > 1 {
		return invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
	}
	a.Weights = r.AdditionalVersionWeights
	return nil
}

// floatWords spells a weight as Java does.
func floatWords(f float64) string {
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if f == float64(int64(f)) {
		text += ".0"
	}
	return text
}

// checkVersions checks an alias's versions against the function's.
func (a *alias) checkVersions(s *Service, n name, f *function) error {
	for other := range a.Weights {
		switch {
		case a.FunctionVersion == latest:
			return invalid("$LATEST is not supported for an alias pointing to more than 1 version")
		case other == a.FunctionVersion:
			return invalid("Invalid function version %s. Function version %s is already included in routing configuration.", other, other)
		}
	}
	for _, number := range append(slices.Collect(maps.Keys(a.Weights)), a.FunctionVersion) {
		if f.versions[number] == nil {
			return noFunction(s.qualifiedARN(n.function, number))
		}
	}
	return nil
}

type updateAliasInput struct {
	FunctionName    string         `json:"FunctionName" http:"path" check:"required,min=1,max=140"`
	Name            string         `json:"Name" http:"path"`
	FunctionVersion string         `json:"FunctionVersion" check:"min=1,max=1024,pattern=(\\$LATEST(\\.PUBLISHED)?|[0-9]+)"`
	Description     *string        `json:"Description" check:"max=256"`
	RoutingConfig   *routingConfig `json:"RoutingConfig"`
	RevisionID      string         `json:"RevisionId"`
}

func (s *Service) updateAlias(_ context.Context, in *updateAliasInput) (*aliasOutput, error) {
	n, err := s.parseName(in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	var changed *alias
	err = s.update(n, func(tx *store.Tx, f *function) error {
		if changed = f.aliases[in.Name]; changed == nil {
			return notFound("Alias not found: %s", s.qualifiedARN(n.function, in.Name))
		}
		if in.RevisionID != "" && in.RevisionID != changed.RevisionID {
			return awswire.Errorf("PreconditionFailedException", errPreconditionLatest)
		}
		set(&changed.Description, in.Description)
		if in.FunctionVersion != "" {
			changed.FunctionVersion = in.FunctionVersion
		}
		if err := changed.route(in.RoutingConfig); err != nil {
			return err
		}
		if err := changed.checkVersions(s, n, f); err != nil {
			return err
		}
		changed.RevisionID = newID()
		tx.Put(bucketAlias, store.Key(n.function, in.Name), encode(changed))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.aliasOutput(n.function, changed), nil
}

type aliasInput struct {
	FunctionName string `json:"FunctionName" http:"path" check:"required,min=1,max=140"`
	Name         string `json:"Name" http:"path"`
}

func (s *Service) getAlias(_ context.Context, in *aliasInput) (*aliasOutput, error) {
	n, err := s.parseName(in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	f, err := s.function(n)
	if err != nil {
		return nil, err
	}
	a := f.aliases[in.Name]
	if a == nil {
		return nil, noAlias(s.qualifiedARN(n.function, in.Name))
	}
	return s.aliasOutput(n.function, a), nil
}

type noOutput struct{}

func (s *Service) deleteAlias(_ context.Context, in *aliasInput) (*noOutput, error) {
	n, err := s.parseName(in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	return &noOutput{}, s.update(n, func(tx *store.Tx, f *function) error {
		tx.Delete(bucketAlias, store.Key(n.function, in.Name))
		tx.Delete(bucketAsyncConfig, store.Key(n.function, in.Name))
		delete(f.record.Policies, in.Name)
		return nil
	})
}

type listAliasesInput struct {
	FunctionName    string `json:"FunctionName" http:"path" check:"required,min=1,max=140"`
	FunctionVersion string `json:"FunctionVersion" http:"query=FunctionVersion"`
	Marker          string `json:"Marker" http:"query=Marker"`
	MaxItems        int    `json:"MaxItems" http:"query=MaxItems" check:"min=1,max=10000"`
}

type listAliasesOutput struct {
	Aliases    []aliasOutput `json:"Aliases"`
	NextMarker string        `json:"NextMarker,omitzero"`
}

func (s *Service) listAliases(_ context.Context, in *listAliasesInput) (*listAliasesOutput, error) {
	n, err := s.parseName(in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	f, err := s.function(n)
	if err != nil {
		return nil, err
	}
	var all []aliasOutput
	for _, key := range slices.Sorted(maps.Keys(f.aliases)) {
		a := f.aliases[key]
		if _, weighted := a.Weights[in.FunctionVersion]; in.FunctionVersion == "" || weighted || a.FunctionVersion == in.FunctionVersion {
			all = append(all, *s.aliasOutput(n.function, a))
		}
	}
	page, next := paginate(all, in.Marker, in.MaxItems, func(a aliasOutput) string { return a.Name })
	return &listAliasesOutput{page, next}, nil
}

// route picks the version that an invocation through an alias runs.
func (f *function) route(s *Service, n name) (*version, error) {
	if a := f.aliases[n.qualifier]; a != nil && len(a.Weights) > 0 {
		pick := rand.Float64()
		for number, weight := range a.Weights {
			if v := f.versions[number]; pick < weight && v != nil {
				return v, nil
			}
		}
	}
	return f.versionOf(s, n)
}
