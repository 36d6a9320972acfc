package iam

// This file defines the tests of the service, through AWS's own SDK.

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

const (
	lambdaTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	openTrust   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}]}`
	getItems    = `{"Version":"2012-10-17","Statement":[{"Sid":"Read","Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:Query"],"Resource":"arn:aws:dynamodb:us-east-1:123456789012:table/Orders"}]}`
)

// world is a server with IAM and STS, and clients of the root.
type world struct {
	*Service
	t   *testing.T
	url string
	now time.Time
	IAM *awsiam.Client
}

func newWorld(t *testing.T) *world {
	t.Helper()
	st := store.Memory()
	w := &world{t: t, now: time.Now()}
	w.Service = New(Config{Account: "123456789012", Region: "us-east-1", Store: st, Now: func() time.Time { return w.now }})
	server := awswire.NewServer(awswire.Config{Account: w.Account, Region: w.Region, Keys: w.Service, Authorizer: w.Service}, w.API(), w.STS())
	listener := httptest.NewServer(server)
	t.Cleanup(func() { listener.Close(); _ = st.Close() })
	w.url = listener.URL
	w.IAM = awsiam.NewFromConfig(w.as("root", "x", ""))
	return w
}

func (w *world) as(key, secret, token string) aws.Config {
	return aws.Config{Region: "us-east-1", BaseEndpoint: &w.url, Credentials: credentials.NewStaticCredentialsProvider(key, secret, token), HTTPClient: http.DefaultClient,
		RetryMaxAttempts: 1}
}

func (w *world) role(name, trust string) {
	w.t.Helper()
	_, err := w.IAM.CreateRole(context.Background(), &awsiam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) allow(role, name, document string) {
	w.t.Helper()
	_, err := w.IAM.PutRolePolicy(context.Background(), &awsiam.PutRolePolicyInput{RoleName: &role, PolicyName: &name, PolicyDocument: &document})
	if err != nil {
		w.t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, code, message string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), message) {
		t.Errorf("got %v, want %s: %s", err, code, message)
	}
}

func TestRoles(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	out, err := w.IAM.CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: aws.String("Worker"), Path: aws.String("/team/"), AssumeRolePolicyDocument: aws.String(lambdaTrust),
		Description: aws.String("works"), Tags: []iamtypes.Tag{{Key: aws.String("team"), Value: aws.String("blue")}}})
	if err != nil {
		t.Fatal(err)
	}
	if *out.Role.Arn != "arn:aws:iam::123456789012:role/team/Worker" || !strings.HasPrefix(*out.Role.RoleId, "AROA") || len(*out.Role.RoleId) != 21 || *out.Role.MaxSessionDuration != 3600 {
		t.Errorf("role %+v", out.Role)
	}
	got, err := w.IAM.GetRole(ctx, &awsiam.GetRoleInput{RoleName: aws.String("Worker")})
	if err != nil {
		t.Fatal(err)
	}
	if doc, _ := url.QueryUnescape(*got.Role.AssumeRolePolicyDocument); doc != lambdaTrust || len(got.Role.Tags) != 1 || got.Role.CreateDate.IsZero() {
		t.Errorf("role %+v, trust %s", got.Role, doc)
	}
	_, err = w.IAM.CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: aws.String("WORKER"), AssumeRolePolicyDocument: aws.String(lambdaTrust)})
	wantCode(t, err, "EntityAlreadyExists", "Role with name WORKER already exists.")
	_, err = w.IAM.GetRole(ctx, &awsiam.GetRoleInput{RoleName: aws.String("Nobody")})
	wantCode(t, err, "NoSuchEntity", "The role with name Nobody cannot be found.")
	_, err = w.IAM.CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: aws.String("R"), AssumeRolePolicyDocument: aws.String(`{}`)})
	wantCode(t, err, "MalformedPolicyDocument", "Statement")
	_, err = w.IAM.CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: aws.String("R"), AssumeRolePolicyDocument: aws.String(strings.Replace(lambdaTrust, "lambda", strings.Repeat("x", 3000), 1))})
	wantCode(t, err, "LimitExceeded", "ACLSizePerRole: 2048")
	_, err = w.IAM.CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: aws.String("R"), Path: aws.String("no"), AssumeRolePolicyDocument: aws.String(lambdaTrust)})
	wantCode(t, err, "ValidationError", "path")
	for _, name := range []string{"A", "B", "C"} {
		w.role(name, lambdaTrust)
	}
	pages := awsiam.NewListRolesPaginator(w.IAM, &awsiam.ListRolesInput{MaxItems: aws.Int32(2)})
	var names []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Roles {
			names = append(names, *r.RoleName)
		}
	}
	if strings.Join(names, " ") != "A B C Worker" {
		t.Errorf("roles %v", names)
	}
}

func TestPoliciesOfARole(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	w.role("R", lambdaTrust)
	role := aws.String("R")
	w.allow("R", "Read", getItems)
	got, err := w.IAM.GetRolePolicy(ctx, &awsiam.GetRolePolicyInput{RoleName: role, PolicyName: aws.String("Read")})
	if err != nil {
		t.Fatal(err)
	}
	if doc, _ := url.QueryUnescape(*got.PolicyDocument); doc != getItems {
		t.Errorf("document %s", doc)
	}
	_, err = w.IAM.PutRolePolicy(ctx, &awsiam.PutRolePolicyInput{RoleName: role, PolicyName: aws.String("Bad"), PolicyDocument: aws.String(lambdaTrust)})
	wantCode(t, err, "MalformedPolicyDocument", "Policy document should not specify a principal.")
	large := strings.Replace(getItems, "Orders", strings.Repeat("x", 11000), 1)
	_, err = w.IAM.PutRolePolicy(ctx, &awsiam.PutRolePolicyInput{RoleName: role, PolicyName: aws.String("Large"), PolicyDocument: &large})
	wantCode(t, err, "LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role R")
	const basic = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
	if _, err := w.IAM.AttachRolePolicy(ctx, &awsiam.AttachRolePolicyInput{RoleName: role, PolicyArn: aws.String(basic)}); err != nil {
		t.Fatal(err)
	}
	_, err = w.IAM.AttachRolePolicy(ctx, &awsiam.AttachRolePolicyInput{RoleName: role, PolicyArn: aws.String("arn:aws:iam::aws:policy/NoSuchPolicy")})
	wantCode(t, err, "NoSuchEntity", "does not exist or is not attachable")
	attached, err := w.IAM.ListAttachedRolePolicies(ctx, &awsiam.ListAttachedRolePoliciesInput{RoleName: role})
	if err != nil || len(attached.AttachedPolicies) != 1 || *attached.AttachedPolicies[0].PolicyName != "AWSLambdaBasicExecutionRole" {
		t.Errorf("attached %+v, %v", attached, err)
	}
	_, err = w.IAM.DeleteRole(ctx, &awsiam.DeleteRoleInput{RoleName: role})
	wantCode(t, err, "DeleteConflict", "must detach all policies first")
	if _, err := w.IAM.DetachRolePolicy(ctx, &awsiam.DetachRolePolicyInput{RoleName: role, PolicyArn: aws.String(basic)}); err != nil {
		t.Fatal(err)
	}
	_, err = w.IAM.DeleteRole(ctx, &awsiam.DeleteRoleInput{RoleName: role})
	wantCode(t, err, "DeleteConflict", "must delete policies first")
	if _, err := w.IAM.DeleteRolePolicy(ctx, &awsiam.DeleteRolePolicyInput{RoleName: role, PolicyName: aws.String("Read")}); err != nil {
		t.Fatal(err)
	}
	_, err = w.IAM.DeleteRolePolicy(ctx, &awsiam.DeleteRolePolicyInput{RoleName: role, PolicyName: aws.String("Read")})
	wantCode(t, err, "NoSuchEntity", "The role policy with name Read cannot be found.")
	if _, err := w.IAM.DeleteRole(ctx, &awsiam.DeleteRoleInput{RoleName: role}); err != nil {
		t.Fatal(err)
	}
}

func TestManagedPolicies(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	made, err := w.IAM.CreatePolicy(ctx, &awsiam.CreatePolicyInput{PolicyName: aws.String("Read"), PolicyDocument: aws.String(getItems)})
	if err != nil {
		t.Fatal(err)
	}
	arn := made.Policy.Arn
	_, err = w.IAM.CreatePolicy(ctx, &awsiam.CreatePolicyInput{PolicyName: aws.String("Read"), PolicyDocument: aws.String(getItems)})
	wantCode(t, err, "EntityAlreadyExists", "A policy called Read already exists.")
	second, err := w.IAM.CreatePolicyVersion(ctx, &awsiam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: aws.String(strings.Replace(getItems, "Query", "Scan", 1)), SetAsDefault: true})
	if err != nil || *second.PolicyVersion.VersionId != "v2" {
		t.Fatal(second, err)
	}
	_, err = w.IAM.DeletePolicyVersion(ctx, &awsiam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v2")})
	wantCode(t, err, "DeleteConflict", "default version")
	_, err = w.IAM.DeletePolicy(ctx, &awsiam.DeletePolicyInput{PolicyArn: arn})
	wantCode(t, err, "DeleteConflict", "more than one version")
	w.role("R", lambdaTrust)
	if _, err := w.IAM.AttachRolePolicy(ctx, &awsiam.AttachRolePolicyInput{RoleName: aws.String("R"), PolicyArn: arn}); err != nil {
		t.Fatal(err)
	}
	got, err := w.IAM.GetPolicy(ctx, &awsiam.GetPolicyInput{PolicyArn: arn})
	if err != nil || *got.Policy.AttachmentCount != 1 || *got.Policy.DefaultVersionId != "v2" {
		t.Errorf("policy %+v, %v", got.Policy, err)
	}
	_, err = w.IAM.DeletePolicy(ctx, &awsiam.DeletePolicyInput{PolicyArn: arn})
	wantCode(t, err, "DeleteConflict", "attached")
	for action, want := range map[string]bool{"dynamodb:Scan": true, "dynamodb:Query": false} {
		err := w.Authorize(ctx, w.Identity("arn:aws:iam::123456789012:role/R", "s"), awswire.Access{Action: action, Resource: "arn:aws:dynamodb:us-east-1:123456789012:table/Orders"})
		if (err == nil) != want {
			t.Errorf("%s: %v", action, err)
		}
	}
	locals, err := w.IAM.ListPolicies(ctx, &awsiam.ListPoliciesInput{Scope: iamtypes.PolicyScopeTypeLocal})
	if err != nil || len(locals.Policies) != 1 {
		t.Errorf("policies %+v, %v", locals, err)
	}
}

// TestAWSPoliciesParse reads every document that comes with the package.
func TestAWSPoliciesParse(t *testing.T) {
	for arn, p := range awsManaged() {
		if _, err := ParsePolicy(arn, []byte(p.document()), IdentityPolicy); err != nil {
			t.Errorf("%s: %v", arn, err)
		}
	}
}

func TestSessions(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	w.role("R", lambdaTrust)
	const arn = "arn:aws:iam::123456789012:role/R"
	x, err := w.NewSession(arn, "order-validation")
	if err != nil {
		t.Fatal(err)
	}
	who, err := sts.NewFromConfig(w.as(x.AccessKeyID, x.SecretAccessKey, x.SessionToken)).GetCallerIdentity(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if *who.Arn != "arn:aws:sts::123456789012:assumed-role/R/order-validation" || !strings.HasSuffix(*who.UserId, ":order-validation") || *who.Account != "123456789012" {
		t.Errorf("caller %+v", who)
	}
	_, err = sts.NewFromConfig(w.as(x.AccessKeyID, "wrong", x.SessionToken)).GetCallerIdentity(ctx, nil)
	wantCode(t, err, "SignatureDoesNotMatch", "")
	role := awsiam.NewFromConfig(w.as(x.AccessKeyID, x.SecretAccessKey, x.SessionToken))
	_, err = role.GetRole(ctx, &awsiam.GetRoleInput{RoleName: aws.String("R")})
	wantCode(t, err, "AccessDenied", "User: arn:aws:sts::123456789012:assumed-role/R/order-validation is not authorized to perform: iam:GetRole on resource: "+arn+" because no identity-based policy allows the iam:GetRole action")
	again := New(w.Config) // after a restart
	if found, ok := again.LookupSession(x.AccessKeyID); !ok || found.SecretAccessKey != x.SecretAccessKey || found.Identity != x.Identity {
		t.Errorf("after a restart: %+v %v", found, ok)
	}
	w.now = w.now.Add(executionSession + time.Second)
	_, id, known := w.Lookup(x.AccessKeyID)
	if err := w.Authorize(ctx, id, awswire.Access{Action: "sts:GetCallerIdentity", Resource: "*"}); !known || err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("an expired key: %v, known %v", err, known)
	}
	if _, err := w.NewSession("arn:aws:iam::123456789012:role/Nobody", "s"); awswire.CodeOf(err) != "NoSuchEntity" {
		t.Errorf("a session of nobody: %v", err)
	}
}

func TestAssumeRole(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	w.role("Open", openTrust)
	w.role("Closed", lambdaTrust)
	root := sts.NewFromConfig(w.as("root", "x", ""))
	out, err := root.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/Open"), RoleSessionName: aws.String("dev")})
	if err != nil {
		t.Fatal(err)
	}
	if *out.AssumedRoleUser.Arn != "arn:aws:sts::123456789012:assumed-role/Open/dev" || time.Until(*out.Credentials.Expiration) > time.Hour+time.Minute {
		t.Errorf("assumed %+v", out)
	}
	for role, message := range map[string]string{"Closed": "is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/Closed", "Nobody": "is not authorized to perform: sts:AssumeRole"} {
		_, err = root.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/" + role), RoleSessionName: aws.String("dev")})
		wantCode(t, err, "AccessDenied", message)
	}
	_, err = root.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/Open"), RoleSessionName: aws.String("dev"), DurationSeconds: aws.Int32(7200)})
	wantCode(t, err, "ValidationError", "MaxSessionDuration")
	_, err = root.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/Open"), RoleSessionName: aws.String("dev"), Policy: aws.String(getItems)})
	wantCode(t, err, "ValidationError", "no session policies")
	if _, err := w.Assume("arn:aws:iam::123456789012:role/Closed", "lambda.amazonaws.com", "", "f"); err != nil {
		t.Error(err)
	}
	if _, err := w.Assume("arn:aws:iam::123456789012:role/Closed", "states.amazonaws.com", "", "f"); awswire.CodeOf(err) != "AccessDenied" {
		t.Errorf("a service that is not trusted: %v", err)
	}
}

func TestAuthorize(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	const queue = "arn:aws:sqs:us-east-1:123456789012:dlq"
	const rule = "arn:aws:events:us-east-1:123456789012:rule/orders/Placed"
	w.ResourcePolicy = func(arn string) string {
		if arn != queue {
			return ""
		}
		return `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"` + queue + `","Condition":{"ArnEquals":{"aws:SourceArn":"` + rule + `"},"StringEquals":{"aws:SourceAccount":"123456789012"}}},
			{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"` + queue + `","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`
	}
	w.role("R", lambdaTrust)
	w.allow("R", "Read", getItems)
	role := w.Identity("arn:aws:iam::123456789012:role/R", "s")
	const table = "arn:aws:dynamodb:us-east-1:123456789012:table/Orders"
	for _, c := range []struct {
		id               awswire.Identity
		action, resource string
		allowed          bool
	}{
		{role, "dynamodb:GetItem", table, true},
		{role, "dynamodb:PutItem", table, false},
		{role, "sqs:SendMessage", queue, false},
		{awswire.Root("123456789012"), "dynamodb:PutItem", table, true},
		{awswire.Root("123456789012"), "sqs:SendMessage", queue, true},
		{awswire.ServicePrincipal("123456789012", "events.amazonaws.com", rule), "sqs:SendMessage", queue, true},
		{awswire.ServicePrincipal("123456789012", "events.amazonaws.com", rule+"2"), "sqs:SendMessage", queue, false},
		{awswire.ServicePrincipal("123456789012", "events.amazonaws.com", rule), "dynamodb:GetItem", table, false},
		{w.Identity("arn:aws:iam::123456789012:role/Gone", "s"), "dynamodb:GetItem", table, false},
	} {
		if err := w.Authorize(ctx, c.id, awswire.Access{Action: c.action, Resource: c.resource}); (err == nil) != c.allowed {
			t.Errorf("%s %s %s: %v", c.id.ARN, c.action, c.resource, err)
		}
	}
	w.allow("R", "Read", strings.Replace(getItems, `"dynamodb:GetItem",`, "", 1))
	if err := w.Authorize(ctx, role, awswire.Access{Action: "dynamodb:GetItem", Resource: table}); err == nil {
		t.Error("a policy that changed still allows what it allowed")
	}
}

func TestGrants(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	w.role("R", lambdaTrust)
	w.allow("R", "Read", getItems)
	const table = "arn:aws:dynamodb:us-east-1:123456789012:table/Orders"
	for range 3 {
		if err := w.Authorize(ctx, w.Identity("arn:aws:iam::123456789012:role/R", "s"), awswire.Access{Action: "dynamodb:GetItem", Resource: table}); err != nil {
			t.Fatal(err)
		}
	}
	grants, err := w.Grants()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]uint64{}
	for _, g := range grants {
		used[g.Sid+" "+g.Element+" "+g.Value] = g.Used
	}
	for key, want := range map[string]uint64{"Read Action dynamodb:GetItem": 3, "Read Action dynamodb:Query": 0, "Read Resource " + table: 3} {
		if got, ok := used[key]; !ok || got != want {
			t.Errorf("%s: %d, want %d", key, got, want)
		}
	}
}

func TestSimulate(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	w.role("R", lambdaTrust)
	w.allow("R", "Read", getItems)
	out, err := w.IAM.SimulatePrincipalPolicy(ctx, &awsiam.SimulatePrincipalPolicyInput{PolicySourceArn: aws.String("arn:aws:iam::123456789012:role/R"),
		ActionNames: []string{"dynamodb:GetItem", "dynamodb:PutItem"}, ResourceArns: []string{"arn:aws:dynamodb:us-east-1:123456789012:table/Orders"}})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{string(out.EvaluationResults[0].EvalDecision), string(out.EvaluationResults[1].EvalDecision)}
	if strings.Join(got, " ") != "allowed implicitDeny" {
		t.Errorf("decisions %v", got)
	}
}

func TestDetailsOfARole(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	w.role("R", lambdaTrust)
	role := aws.String("R")
	boundary, err := w.IAM.CreatePolicy(ctx, &awsiam.CreatePolicyInput{PolicyName: aws.String("Boundary"), Path: aws.String("/limits/"), PolicyDocument: aws.String(strings.Replace(getItems, `,"dynamodb:Query"`, "", 1))})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.IAM.PutRolePermissionsBoundary(ctx, &awsiam.PutRolePermissionsBoundaryInput{RoleName: role, PermissionsBoundary: aws.String("arn:aws:iam::123456789012:policy/None")})
	wantCode(t, err, "NoSuchEntity", "Scope ARN")
	steps := []func() error{
		func() error {
			_, err := w.IAM.PutRolePermissionsBoundary(ctx, &awsiam.PutRolePermissionsBoundaryInput{RoleName: role, PermissionsBoundary: boundary.Policy.Arn})
			return err
		},
		func() error {
			_, err := w.IAM.UpdateRole(ctx, &awsiam.UpdateRoleInput{RoleName: role, Description: aws.String("new"), MaxSessionDuration: aws.Int32(7200)})
			return err
		},
		func() error {
			_, err := w.IAM.UpdateAssumeRolePolicy(ctx, &awsiam.UpdateAssumeRolePolicyInput{RoleName: role, PolicyDocument: aws.String(openTrust)})
			return err
		},
		func() error {
			_, err := w.IAM.TagRole(ctx, &awsiam.TagRoleInput{RoleName: role, Tags: []iamtypes.Tag{{Key: aws.String("a"), Value: aws.String("1")}, {Key: aws.String("b"), Value: aws.String("2")}}})
			return err
		},
		func() error {
			_, err := w.IAM.UntagRole(ctx, &awsiam.UntagRoleInput{RoleName: role, TagKeys: []string{"a"}})
			return err
		},
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	got, err := w.IAM.GetRole(ctx, &awsiam.GetRoleInput{RoleName: role})
	if err != nil || *got.Role.Description != "new" || *got.Role.MaxSessionDuration != 7200 || *got.Role.PermissionsBoundary.PermissionsBoundaryArn != "arn:aws:iam::123456789012:policy/limits/Boundary" ||
		len(got.Role.Tags) != 1 || !strings.Contains(*got.Role.AssumeRolePolicyDocument, "123456789012") {
		t.Errorf("role %+v, %v", got.Role, err)
	}
	w.allow("R", "Read", getItems)
	id := w.Identity("arn:aws:iam::123456789012:role/R", "s")
	query := awswire.Access{Action: "dynamodb:Query", Resource: "arn:aws:dynamodb:us-east-1:123456789012:table/Orders"}
	if err := w.Authorize(ctx, id, query); err == nil || !strings.Contains(err.Error(), "no permissions boundary allows the dynamodb:Query action") {
		t.Errorf("beyond the boundary: %v", err)
	}
	if _, err := w.IAM.DeleteRolePermissionsBoundary(ctx, &awsiam.DeleteRolePermissionsBoundaryInput{RoleName: role}); err != nil {
		t.Fatal(err)
	}
	if err := w.Authorize(ctx, id, query); err != nil {
		t.Errorf("without a boundary: %v", err)
	}
	tags, err := w.IAM.ListRoleTags(ctx, &awsiam.ListRoleTagsInput{RoleName: role})
	if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Key != "b" {
		t.Errorf("tags %+v, %v", tags, err)
	}
	names, err := w.IAM.ListRolePolicies(ctx, &awsiam.ListRolePoliciesInput{RoleName: role})
	if err != nil || len(names.PolicyNames) != 1 || names.PolicyNames[0] != "Read" {
		t.Errorf("policies %+v, %v", names, err)
	}
}

func TestVersionsOfAPolicy(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	made, err := w.IAM.CreatePolicy(ctx, &awsiam.CreatePolicyInput{PolicyName: aws.String("P"), PolicyDocument: aws.String(getItems)})
	if err != nil {
		t.Fatal(err)
	}
	arn := made.Policy.Arn
	for range maxVersions - 1 {
		if _, err := w.IAM.CreatePolicyVersion(ctx, &awsiam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: aws.String(getItems)}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = w.IAM.CreatePolicyVersion(ctx, &awsiam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: aws.String(getItems)})
	wantCode(t, err, "LimitExceeded", "up to 5 versions")
	if _, err := w.IAM.SetDefaultPolicyVersion(ctx, &awsiam.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v3")}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.IAM.DeletePolicyVersion(ctx, &awsiam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v1")}); err != nil {
		t.Fatal(err)
	}
	list, err := w.IAM.ListPolicyVersions(ctx, &awsiam.ListPolicyVersionsInput{PolicyArn: arn})
	if err != nil || len(list.Versions) != 4 || *list.Versions[0].VersionId != "v5" || !list.Versions[2].IsDefaultVersion {
		t.Errorf("versions %+v, %v", list, err)
	}
	got, err := w.IAM.GetPolicyVersion(ctx, &awsiam.GetPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v3")})
	if err != nil {
		t.Fatal(err)
	}
	if doc, _ := url.QueryUnescape(*got.PolicyVersion.Document); doc != getItems {
		t.Errorf("document %s", doc)
	}
	for _, id := range []string{"v1", "v9"} {
		_, err = w.IAM.GetPolicyVersion(ctx, &awsiam.GetPolicyVersionInput{PolicyArn: arn, VersionId: aws.String(id)})
		wantCode(t, err, "NoSuchEntity", "version "+id)
	}
	_, err = w.IAM.CreatePolicyVersion(ctx, &awsiam.CreatePolicyVersionInput{PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess"), PolicyDocument: aws.String(getItems)})
	wantCode(t, err, "AccessDenied", "AWS's own")
	entities, err := w.IAM.ListEntitiesForPolicy(ctx, &awsiam.ListEntitiesForPolicyInput{PolicyArn: arn})
	if err != nil || len(entities.PolicyRoles) != 0 {
		t.Errorf("entities %+v, %v", entities, err)
	}
}
