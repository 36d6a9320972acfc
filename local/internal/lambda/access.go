package lambda

// This file defines what surrounds a function: its resource policy, its reserved
// concurrency and its tags.

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

func (s *Service) accessOperations() []awswire.Operation {
	policyPath, concurrencyPath, tagsPath := functionPath+"/policy", "/{FunctionName}/concurrency", "/2017-03-31/tags/{Resource}"
	return []awswire.Operation{
		awswire.Op("AddPermission", onFunction(s, "AddPermission", func(in *addPermissionInput) (string, string) { return in.FunctionName, in.Qualifier }), s.addPermission).At("POST", policyPath).Answers(201),
		awswire.Op("RemovePermission", onFunction(s, "RemovePermission", func(in *removePermissionInput) (string, string) { return in.FunctionName, in.Qualifier }), s.removePermission).At("DELETE", policyPath+"/{StatementId}").Answers(204),
		awswire.Op("GetPolicy", onQualified(s, "GetPolicy"), s.getPolicy).At("GET", policyPath),
		awswire.Op("PutFunctionConcurrency", onFunction(s, "PutFunctionConcurrency", func(in *putConcurrencyInput) (string, string) { return in.FunctionName, "" }), s.putConcurrency).At("PUT", "/2017-10-31/functions"+concurrencyPath),
		awswire.Op("GetFunctionConcurrency", onQualified(s, "GetFunctionConcurrency"), s.getConcurrency).At("GET", "/2019-09-30/functions"+concurrencyPath),
		awswire.Op("DeleteFunctionConcurrency", onQualified(s, "DeleteFunctionConcurrency"), s.deleteConcurrency).At("DELETE", "/2017-10-31/functions"+concurrencyPath).Answers(204),
		awswire.Op("GetAccountSettings", anywhere[noOutput]("GetAccountSettings"), s.getAccountSettings).At("GET", "/2016-08-19/account-settings"),
		awswire.Op("TagResource", onTags("TagResource", func(in *tagInput) string { return in.Resource }), s.tagResource).At("POST", tagsPath).Answers(204),
		awswire.Op("UntagResource", onTags("UntagResource", func(in *untagInput) string { return in.Resource }), s.untagResource).At("DELETE", tagsPath).Answers(204),
		awswire.Op("ListTags", onTags("ListTags", func(in *listTagsInput) string { return in.Resource }), s.listTags).At("GET", tagsPath),
	}
}

func onTags[In any](operation string, resource func(*In) string) func(*In) []awswire.Access {
	return func(in *In) []awswire.Access {
		return []awswire.Access{{Action: "lambda:" + operation, Resource: resource(in)}}
	}
}

// policy is a resource policy.
type policy struct {
	RevisionID string
	Statements []statement
}

type statement struct {
	Sid       string          `json:"Sid"`
	Effect    string          `json:"Effect"`
	Principal json.RawMessage `json:"Principal"`
	Action    string          `json:"Action"`
	Resource  string          `json:"Resource"`
	Condition *condition      `json:"Condition,omitempty"`
}

type condition struct {
	StringEquals map[string]string `json:"StringEquals,omitempty"`
	ArnLike      map[string]string `json:"ArnLike,omitempty"`
}

// policyText is the document, "" for no policy.
func (s *Service) policyText(p *policy) string {
	if p == nil || len(p.Statements) == 0 {
		return ""
	}
	return string(encode(map[string]any{"Version": "2012-10-17", "Id": "default", "Statement": p.Statements}))
}

type addPermissionInput struct {
	FunctionName        string `json:"FunctionName" http:"path" check:"required,min=1,max=256"`
	StatementID         string `json:"StatementId" check:"required,min=1,max=100,pattern=([a-zA-Z0-9-_]+)"`
	Action              string `json:"Action" check:"required,pattern=(lambda:[*]|lambda:[a-zA-Z]+|[*])"`
	Principal           string `json:"Principal" check:"required,pattern=[^\\s]+"`
	SourceArn           string `json:"SourceArn" check:"pattern=arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\\-])+:([a-z]{2}(-gov)?-[a-z]+-\\d{1})?:(\\d{12})?:(.*)"`
	SourceAccount       string `json:"SourceAccount" check:"max=12,pattern=\\d{12}"`
	EventSourceToken    string `json:"EventSourceToken" check:"max=256"`
	FunctionURLAuthType string `json:"FunctionUrlAuthType" check:"enum=NONE|AWS_IAM"`
	PrincipalOrgID      string `json:"PrincipalOrgID" check:"min=12,max=34"`
	RevisionID          string `json:"RevisionId"`
	Qualifier           string `json:"Qualifier" http:"query=Qualifier" check:"min=1,max=128,pattern=\\$(LATEST(\\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"`
}

type addPermissionOutput struct {
	Statement string `json:"Statement"`
}

const errPreconditionPolicy = "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest Revision Id"

func (s *Service) addPermission(_ context.Context, in *addPermissionInput) (*addPermissionOutput, error) {
	n, err := s.parseName(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if n.qualifier == latest {
		return nil, invalid("We currently do not support adding policies for $LATEST.")
	}
	st, err := s.statement(n, in)
	if err != nil {
		return nil, err
	}
	err = s.update(n, func(_ *store.Tx, f *function) error {
		if err := f.qualified(s, n); err != nil {
			return err
		}
		p := f.record.Policies[n.qualifier]
		if p == nil {
			p = &policy{}
			f.record.Policies[n.qualifier] = p
		}
		if in.RevisionID != "" && in.RevisionID != p.RevisionID {
			return awswire.Errorf("PreconditionFailedException", errPreconditionPolicy)
		}
		if slices.ContainsFunc(p.Statements, func(x statement) bool { return x.Sid == st.Sid }) {
			return conflict("The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", st.Sid)
		}
		p.Statements = append(p.Statements, st)
		p.RevisionID = newID()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &addPermissionOutput{string(encode(st))}, nil
}

var (
	accountForm = regexp.MustCompile(`^\d{12}$`)
	serviceForm = regexp.MustCompile(`^[a-z0-9.-]+\.amazonaws\.com$|^[a-z0-9.-]+\.amazon\.com$`)
)

func (s *Service) statement(n name, in *addPermissionInput) (statement, error) {
	st := statement{Sid: in.StatementID, Effect: "Allow", Action: in.Action, Resource: s.nameARN(n)}
	switch p := in.Principal; {
	case p == "*":
		st.Principal = encode("*")
	case accountForm.MatchString(p):
		st.Principal = encode(map[string]string{"AWS": "arn:aws:iam::" + p + ":root"})
	case strings.HasPrefix(p, "arn:aws"):
		st.Principal = encode(map[string]string{"AWS": p})
	case serviceForm.MatchString(p):
		st.Principal = encode(map[string]string{"Service": p})
	default:
		return statement{}, invalid("The provided principal was invalid. Please check the principal and try again.")
	}
	c := condition{StringEquals: map[string]string{}}
	for key, value := range map[string]string{
		"AWS:SourceAccount": in.SourceAccount, "lambda:FunctionUrlAuthType": in.FunctionURLAuthType,
		"aws:PrincipalOrgID": in.PrincipalOrgID, "lambda:EventSourceToken": in.EventSourceToken,
	} {
		if value != "" {
			c.StringEquals[key] = value
		}
	}
	if in.SourceArn != "" {
		c.ArnLike = map[string]string{"AWS:SourceArn": in.SourceArn}
	}
	if len(c.StringEquals) > 0 || c.ArnLike != nil {
		st.Condition = &c
	}
	return st, nil
}

type removePermissionInput struct {
	FunctionName string `json:"FunctionName" http:"path" check:"required,min=1,max=256"`
	StatementID  string `json:"StatementId" http:"path"`
	Qualifier    string `json:"Qualifier" http:"query=Qualifier" check:"min=1,max=128"`
	RevisionID   string `json:"RevisionId" http:"query=RevisionId"`
}

func (s *Service) removePermission(_ context.Context, in *removePermissionInput) (*noOutput, error) {
	n, err := s.parseName(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if _, err := s.function(n); err != nil {
		return nil, notFound("No policy found for: %s", s.nameARN(n))
	}
	return &noOutput{}, s.update(n, func(_ *store.Tx, f *function) error {
		if err := f.qualified(s, n); err != nil {
			return err
		}
		p := f.record.Policies[n.policyQualifier()]
		if p == nil || len(p.Statements) == 0 {
			return notFound("No policy is associated with the given resource.")
		}
		if in.RevisionID != "" && in.RevisionID != p.RevisionID {
			return awswire.Errorf("PreconditionFailedException", errPreconditionPolicy)
		}
		before := len(p.Statements)
		p.Statements = slices.DeleteFunc(p.Statements, func(x statement) bool { return x.Sid == in.StatementID })
		if len(p.Statements) == before {
			return notFound("Statement %s is not found in resource policy.", in.StatementID)
		}
		p.RevisionID = newID()
		return nil
	})
}

type getPolicyOutput struct {
	Policy     string `json:"Policy"`
	RevisionID string `json:"RevisionId"`
}

func (s *Service) getPolicy(_ context.Context, in *qualifiedInput) (*getPolicyOutput, error) {
	none := notFound("The resource you requested does not exist.")
	n, err := s.parseName(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	f, err := s.function(n)
	if err != nil {
		return nil, none
	}
	p := f.record.Policies[n.policyQualifier()]
	text := s.policyText(p)
	if text == "" {
		return nil, none
	}
	return &getPolicyOutput{text, p.RevisionID}, nil
}

type concurrency struct {
	ReservedConcurrentExecutions *int `json:"ReservedConcurrentExecutions,omitzero"`
}

type putConcurrencyInput struct {
	FunctionName                 string `json:"FunctionName" http:"path" check:"required,min=1,max=140"`
	ReservedConcurrentExecutions *int   `json:"ReservedConcurrentExecutions" check:"required,min=0"`
}

// Of an account's concurrency this much stays for functions that reserve none:
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
const (
	accountConcurrency = 1000
	minUnreserved      = 100
)

func (s *Service) putConcurrency(_ context.Context, in *putConcurrencyInput) (*concurrency, error) {
	n, err := s.parseName(in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	if n.qualifier != "" {
		return nil, invalid("This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.")
	}
	if _, err := s.function(n); err != nil {
		return nil, noFunction(s.qualifiedARN(n.function, latest))
	}
	err = s.update(n, func(tx *store.Tx, f *function) error {
		reserved := *in.ReservedConcurrentExecutions
		for key, text := range tx.Scan(bucketFunction, "", "") {
			other, err := decode[record](text)
			if err != nil {
				return err
			}
			if key != n.function && other.Reserved != nil {
				reserved += *other.Reserved
			}
		}
		if reserved > accountConcurrency-minUnreserved {
			return invalid("Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", minUnreserved)
		}
		f.record.Reserved = in.ReservedConcurrentExecutions
		return nil
	})
	return &concurrency{in.ReservedConcurrentExecutions}, err
}

func (s *Service) getConcurrency(_ context.Context, in *qualifiedInput) (*concurrency, error) {
	_, f, _, err := s.lookup(in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	return &concurrency{f.record.Reserved}, nil
}

func (s *Service) deleteConcurrency(_ context.Context, in *qualifiedInput) (*noOutput, error) {
	n, err := s.parseName(in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	return &noOutput{}, s.update(n, func(_ *store.Tx, f *function) error {
		f.record.Reserved = nil
		return nil
	})
}

type accountSettings struct {
	AccountLimit map[string]int64 `json:"AccountLimit"`
	AccountUsage map[string]int64 `json:"AccountUsage"`
}

func (s *Service) getAccountSettings(context.Context, *noOutput) (*accountSettings, error) {
	out := &accountSettings{
		AccountLimit: map[string]int64{"TotalCodeSize": 80530636800, "CodeSizeUnzipped": maxUnzipped, "CodeSizeZipped": maxZip, "ConcurrentExecutions": accountConcurrency},
		AccountUsage: map[string]int64{"TotalCodeSize": 0, "FunctionCount": 0},
	}
	unreserved := int64(accountConcurrency)
	err := s.Store.View(func(r store.Reader) error {
		for _, text := range r.Scan(bucketFunction, "", "") {
			rec, err := decode[record](text)
			if err != nil {
				return err
			}
			out.AccountUsage["FunctionCount"]++
			out.AccountUsage["TotalCodeSize"] += rec.Latest.Code.Size
			if rec.Reserved != nil {
				unreserved -= int64(*rec.Reserved)
			}
		}
		return nil
	})
	out.AccountLimit["UnreservedConcurrentExecutions"] = unreserved
	return out, err
}

const maxTags = 50

const taggablePattern = `arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)`

var taggableForm = regexp.MustCompile("^(?:" + taggablePattern + ")$")

type tagInput struct {
	Resource string            `json:"Resource" http:"path"`
	Tags     map[string]string `json:"Tags" check:"required"`
}

type untagInput struct {
	Resource string   `json:"Resource" http:"path"`
	TagKeys  []string `json:"TagKeys" http:"query=tagKeys" check:"required"`
}

type listTagsInput struct {
	Resource string `json:"Resource" http:"path"`
}

type listTagsOutput struct {
	Tags map[string]string `json:"Tags"`
}

// changeTags changes the tags of a function or an event source mapping.
func (s *Service) changeTags(arn string, change func(tags map[string]string) error) error {
	if !taggableForm.MatchString(arn) {
		return constraint(arn, "resource", "Member must satisfy regular expression pattern: "+taggablePattern)
	}
	edit := func(tags *map[string]string) error {
		if *tags == nil {
			*tags = map[string]string{}
		}
		if err := change(*tags); err != nil {
			return err
		}
		if len(*tags) > maxTags {
			return invalid("Number of tags exceeds resource tag limit.")
		}
		return nil
	}
	switch kind := strings.SplitN(arn, ":", 7); kind[5] {
	case "event-source-mapping":
		return s.changeMapping(kind[6], notFound("Event source mapping not found: %s", arn), func(m *mapping) error { return edit(&m.Tags) })
	case "function":
		n, err := s.parseName(arn, "")
		if err != nil {
			return err
		}
		if n.qualifier != "" {
			return invalid("Tags on function aliases and versions are not supported. Please specify a function ARN.")
		}
		return s.update(n, func(_ *store.Tx, f *function) error { return edit(&f.record.Tags) })
	}
	return unsupported("tags of " + strings.SplitN(arn, ":", 7)[5] + " resources")
}

func (s *Service) tagResource(_ context.Context, in *tagInput) (*noOutput, error) {
	if len(in.Tags) == 0 && taggableForm.MatchString(in.Resource) {
		return nil, invalid("An error occurred and the request cannot be processed.")
	}
	return &noOutput{}, s.changeTags(in.Resource, func(tags map[string]string) error {
		maps.Copy(tags, in.Tags)
		return nil
	})
}

func (s *Service) untagResource(_ context.Context, in *untagInput) (*noOutput, error) {
	if len(in.TagKeys) == 0 {
		return nil, awswire.Errorf("ValidationException", "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null")
	}
	return &noOutput{}, s.changeTags(in.Resource, func(tags map[string]string) error {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
		return nil
	})
}

func (s *Service) listTags(_ context.Context, in *listTagsInput) (*listTagsOutput, error) {
	out := &listTagsOutput{Tags: map[string]string{}}
	return out, s.changeTags(in.Resource, func(tags map[string]string) error {
		maps.Copy(out.Tags, tags)
		return nil
	})
}

// member is a shorthand of this package for building parameters.
func member(name string, v jsonvalue.Value) jsonvalue.Member {
	return jsonvalue.Member{Name: name, Value: v}
}
