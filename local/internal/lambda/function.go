package lambda

// This file defines the operations on functions themselves.

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"maps"
	"slices"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/store"
)

const (
	functionNamePattern   = `(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?`
	qualifiedNamePattern  = `(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?`
	functionsPath         = "/2015-03-31/functions"
	functionPath          = functionsPath + "/{FunctionName}"
	defaultPage           = 50
	errPreconditionLatest = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
)

func (s *Service) functionOperations() []awswire.Operation {
	return []awswire.Operation{
		awswire.Op("CreateFunction", s.mayCreate, s.createFunction).At("POST", functionsPath).Answers(201),
		awswire.Op("ListFunctions", anywhere[listFunctionsInput]("ListFunctions"), s.listFunctions).At("GET", functionsPath+"/{$}"), // as older SDKs spell it
		awswire.Op("ListFunctions", anywhere[listFunctionsInput]("ListFunctions"), s.listFunctions).At("GET", functionsPath),
		awswire.Op("GetFunction", onQualified(s, "GetFunction"), s.getFunction).At("GET", functionPath),
		awswire.Op("GetFunctionConfiguration", onQualified(s, "GetFunctionConfiguration"), s.getFunctionConfiguration).At("GET", functionPath+"/configuration"),
		awswire.Op("UpdateFunctionCode", onFunction(s, "UpdateFunctionCode", func(in *updateCodeInput) (string, string) { return in.FunctionName, "" }), s.updateFunctionCode).At("PUT", functionPath+"/code"),
		awswire.Op("UpdateFunctionConfiguration", s.mayConfigure, s.updateFunctionConfiguration).At("PUT", functionPath+"/configuration"),
		awswire.Op("DeleteFunction", onQualified(s, "DeleteFunction"), s.deleteFunction).At("DELETE", functionPath).Answers(204),
	}
}

// qualifiedInput names a function and perhaps a version or alias.
type qualifiedInput struct {
	FunctionName string `json:"FunctionName" http:"path" check:"required,min=1,max=256,pattern=(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"`
	Qualifier    string `json:"Qualifier" http:"query=Qualifier" check:"min=1,max=128,pattern=\\$(LATEST(\\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"`
}

func onQualified(s *Service, operation string) func(*qualifiedInput) []awswire.Access {
	return onFunction(s, operation, func(in *qualifiedInput) (string, string) { return in.FunctionName, in.Qualifier })
}

type createFunctionInput struct {
	FunctionName  string            `json:"FunctionName" check:"required,min=1,max=140,pattern=(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?"`
	Code          *codeInput        `json:"Code" check:"required"`
	PackageType   string            `json:"PackageType" check:"enum=Zip|Image"`
	Architectures []string          `json:"Architectures"`
	Publish       bool              `json:"Publish"`
	Tags          map[string]string `json:"Tags"`
	settings      `json:",inline"`
}

// mayCreate needs the right to pass the role, too:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
func (s *Service) mayCreate(in *createFunctionInput) []awswire.Access {
	list := onFunction(s, "CreateFunction", func(in *createFunctionInput) (string, string) { return in.FunctionName, "" })(in)
	return append(list, passRole(in.Role)...)
}

func passRole(role *string) []awswire.Access {
	if role == nil {
		return nil
	}
	return []awswire.Access{{Action: "iam:PassRole", Resource: *role, Context: map[string][]string{"iam:PassedToService": {"lambda.amazonaws.com"}}}}
}

func (s *Service) createFunction(ctx context.Context, in *createFunctionInput) (*configuration, error) {
	n, err := s.parseName(in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	if err := in.checkAll(); err != nil {
		return nil, err
	}
	c, err := s.fetch(ctx, in.Code)
	if err != nil {
		return nil, err
	}
	v := version{Config: s.defaults(n.function), Code: c, State: 1}
	in.apply(&v.Config)
	if len(in.Architectures) == 1 {
		v.Config.Architectures = in.Architectures
	}
	v.touch(s)
	rec := record{Latest: v, Next: 1, Tags: in.Tags, Policies: map[string]*policy{}, Identity: newID()}
	err = s.Store.Update(func(tx *store.Tx) error {
		if _, exists := tx.Get(bucketFunction, n.function); exists {
			return conflict("Function already exist: %s", n.function)
		}
		f := newFunction(&rec)
		if in.Publish {
			published := s.publish(tx, f, "")
			v.Config.Version, v.Config.FunctionArn = published.Version, published.FunctionArn
		}
		tx.Put(bucketFunction, n.function, encode(f.record))
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.forget(n.function)
	s.Journal.Record(ctx, journal.Entry{Kind: journal.ResourceChanged, Subject: v.Config.FunctionArn, Name: n.function})
	return v.Config.creating(), nil
}

// creating is a configuration as AWS shows it at once: it takes some time to be
// ready there, and none here.
func (c configuration) creating() *configuration {
	c.State, c.StateReason, c.StateReasonCode, c.LastUpdateStatus = "Pending", "The function is being created.", "Creating", ""
	return &c
}

func (in *createFunctionInput) checkAll() error {
	switch {
	case in.Role == nil:
		return awswire.Errorf("ValidationException", "1 validation error detected: Value null at 'role' failed to satisfy constraint: Member must not be null")
	case in.PackageType == "Image":
		return unsupported("container images: give the function a zip")
	case in.Runtime == nil || in.Handler == nil:
		return invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	case len(in.Tags) > maxTags:
		return invalid("Number of tags exceeds resource tag limit.")
	}
	if err := checkArchitectures(in.Architectures); err != nil {
		return err
	}
	return in.check()
}

func checkArchitectures(list []string) error {
	shown := shownList(list)
	if len(list) > 1 {
		return constraint(shown, "architectures", "Member must have length less than or equal to 1")
	}
	for _, a := range list {
		if a != "x86_64" && a != "arm64" {
			return constraint(shown, "architectures", "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]")
		}
	}
	return nil
}

func shownList(list []string) string {
	text := "["
	for i, x := range list {
		if i > 0 {
			text += ", "
		}
		text += x
	}
	return text + "]"
}

// touch marks a change.
func (v *version) touch(s *Service) {
	v.Config.LastModified = s.now()
	v.Config.RevisionID = newID()
	v.Config.CodeSha256, v.Config.CodeSize = v.Code.SHA256, v.Code.Size
}

type getFunctionOutput struct {
	Configuration configuration     `json:"Configuration"`
	Code          codeLocation      `json:"Code"`
	Tags          map[string]string `json:"Tags,omitempty"`
	Concurrency   *concurrency      `json:"Concurrency,omitzero"`
}

type codeLocation struct {
	RepositoryType string `json:"RepositoryType"`
	Location       string `json:"Location"`
}

func (s *Service) getFunction(_ context.Context, in *qualifiedInput) (*getFunctionOutput, error) {
	n, f, v, err := s.lookup(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	out := &getFunctionOutput{Configuration: *v.shown(s, n), Code: codeLocation{"S3", "file://" + v.Code.Program}, Tags: f.record.Tags}
	if f.record.Reserved != nil {
		out.Concurrency = &concurrency{f.record.Reserved}
	}
	return out, nil
}

// shown is a version as a request for n shows it: $LATEST has its qualifier in
// its ARN only when the request names it.
func (v *version) shown(s *Service, n name) *configuration {
	c := v.Config
	if n.qualifier != "" {
		c.FunctionArn = s.qualifiedARN(n.function, c.Version)
	}
	if s.nameARN(n) != c.FunctionArn && n.qualifier != "" {
		c.FunctionArn = s.nameARN(n) // an alias
	}
	return &c
}

func (s *Service) getFunctionConfiguration(_ context.Context, in *qualifiedInput) (*configuration, error) {
	n, _, v, err := s.lookup(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return v.shown(s, n), nil
}

type updateCodeInput struct {
	FunctionName  string   `json:"FunctionName" http:"path" check:"required,min=1,max=140"`
	Architectures []string `json:"Architectures"`
	Publish       bool     `json:"Publish"`
	DryRun        bool     `json:"DryRun"`
	RevisionID    string   `json:"RevisionId"`
	codeInput     `json:",inline"`
}

func (s *Service) updateFunctionCode(ctx context.Context, in *updateCodeInput) (*configuration, error) {
	n, err := s.parseName(in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	if err := checkArchitectures(in.Architectures); err != nil {
		return nil, err
	}
	if _, err := s.function(n); err != nil {
		return nil, err
	}
	c, err := s.fetch(ctx, &in.codeInput)
	if err != nil {
		return nil, err
	}
	return s.changeLatest(ctx, n, in.RevisionID, in.Publish, in.DryRun, func(v *version) {
		v.Code = c
		if len(in.Architectures) == 1 {
			v.Config.Architectures = in.Architectures
		}
	})
}

type updateConfigurationInput struct {
	FunctionName string `json:"FunctionName" http:"path" check:"required,min=1,max=140"`
	RevisionID   string `json:"RevisionId"`
	settings     `json:",inline"`
}

func (s *Service) mayConfigure(in *updateConfigurationInput) []awswire.Access {
	list := onFunction(s, "UpdateFunctionConfiguration", func(in *updateConfigurationInput) (string, string) { return in.FunctionName, "" })(in)
	return append(list, passRole(in.Role)...)
}

func (s *Service) updateFunctionConfiguration(ctx context.Context, in *updateConfigurationInput) (*configuration, error) {
	n, err := s.parseName(in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	return s.changeLatest(ctx, n, in.RevisionID, false, false, func(v *version) { in.apply(&v.Config) })
}

// changeLatest changes $LATEST; its environments are replaced.
func (s *Service) changeLatest(ctx context.Context, n name, revision string, publish, dryRun bool, change func(v *version)) (*configuration, error) {
	var answer configuration
	errDryRun := awswire.Errorf("DryRun", "")
	err := s.update(n, func(tx *store.Tx, f *function) error {
		v := f.versions[latest]
		if revision != "" && revision != v.Config.RevisionID {
			return awswire.Errorf("PreconditionFailedException", errPreconditionLatest)
		}
		change(v)
		v.State++
		v.touch(s)
		answer = v.Config
		if dryRun {
			return errDryRun
		}
		if publish {
			answer = *s.publish(tx, f, "")
		}
		return nil
	})
	if err != nil && !errors.Is(err, error(errDryRun)) {
		return nil, err
	}
	s.Journal.Record(ctx, journal.Entry{Kind: journal.ResourceChanged, Subject: answer.FunctionArn, Name: n.function})
	if publish {
		return answer.creating(), nil
	}
	answer.LastUpdateStatus, answer.LastUpdateStatusReason, answer.LastUpdateStatusReasonCode = "InProgress", "The function is being created.", "Creating"
	return &answer, nil
}

type deleteFunctionOutput struct {
	StatusCode int `json:"StatusCode" http:"status"`
}

func (s *Service) deleteFunction(_ context.Context, in *qualifiedInput) (*deleteFunctionOutput, error) {
	n, err := s.parseName(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if n.qualifier == latest {
		return nil, invalid("$LATEST version cannot be deleted without deleting the function.")
	}
	if n.qualifier != "" {
		err = s.deleteVersion(n)
	} else {
		err = s.deleteWhole(n)
	}
	if err != nil {
		return nil, err
	}
	s.environments.Retire(n.function, n.qualifier)
	return &deleteFunctionOutput{204}, nil
}

func (s *Service) deleteWhole(n name) error {
	defer s.forget(n.function)
	return s.Store.Update(func(tx *store.Tx) error {
		if _, exists := tx.Get(bucketFunction, n.function); !exists {
			return noFunction(s.nameARN(n))
		}
		tx.Delete(bucketFunction, n.function)
		from, to := store.Prefix(n.function)
		for _, bucket := range []string{bucketVersion, bucketAlias, bucketAsyncConfig} {
			for key := range tx.Scan(bucket, from, to) {
				tx.Delete(bucket, key)
			}
		}
		return nil
	})
}

type listFunctionsInput struct {
	FunctionVersion string `json:"FunctionVersion" http:"query=FunctionVersion" check:"enum=ALL"`
	Marker          string `json:"Marker" http:"query=Marker"`
	MaxItems        int    `json:"MaxItems" http:"query=MaxItems" check:"min=1,max=10000"`
}

type listFunctionsOutput struct {
	Functions  []configuration `json:"Functions"`
	NextMarker string          `json:"NextMarker,omitzero"`
}

func (s *Service) listFunctions(_ context.Context, in *listFunctionsInput) (*listFunctionsOutput, error) {
	var all []configuration
	err := s.Store.View(func(r store.Reader) error {
		for key := range r.Scan(bucketFunction, "", "") {
			f, err := s.load(r, key)
			if err != nil {
				return err
			}
			all = append(all, f.listed(s, in.FunctionVersion == "ALL")...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	page, next := paginate(all, in.Marker, in.MaxItems, func(c configuration) string { return c.FunctionArn })
	return &listFunctionsOutput{page, next}, nil
}

// listed are a function's versions as lists show them: without what changes
// while a function is being updated.
func (f *function) listed(s *Service, all bool) []configuration {
	var list []configuration
	for _, number := range slices.SortedFunc(maps.Keys(f.versions), compareVersions) {
		c := f.versions[number].Config
		if !all && number != latest {
			continue
		}
		if all {
			c.FunctionArn = s.qualifiedARN(c.FunctionName, number)
		}
		c.State, c.LastUpdateStatus, c.RuntimeVersionConfig = "", "", nil
		list = append(list, c)
	}
	return list
}

// paginate returns the part of a list that begins behind marker.
func paginate[T any](all []T, marker string, size int, key func(T) string) (page []T, next string) {
	if size == 0 || size > defaultPage {
		size = defaultPage
	}
	start := 0
	if marker != "" {
		start = slices.IndexFunc(all, func(x T) bool { return key(x) == marker }) + 1
	}
	end := min(start+size, len(all))
	if end < len(all) {
		next = key(all[end-1])
	}
	page = all[start:end]
	if page == nil {
		page = []T{}
	}
	return page, next
}

// newID returns a UUID.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
