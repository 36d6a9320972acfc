package stack

// This file tests the CloudFormation API with the SDK, on the real services.

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

func cfnClient(s *Stack) *cfn.Client {
	url := s.URL()
	return cfn.NewFromConfig(aws.Config{Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("any", "thing", "")})
}

// deployer deploys as the SAM CLI does: by change sets.
type deployer struct {
	*testing.T
	*cfn.Client
	sets int
}

// deploy returns the changes, "Add Queue", and how the stack stands then.
func (d *deployer) deploy(text string, parameters ...types.Parameter) (changes []string, status types.StackStatus) {
	d.Helper()
	ctx := context.Background()
	kind := types.ChangeSetTypeUpdate
	if _, err := d.DescribeStacks(ctx, &cfn.DescribeStacksInput{StackName: aws.String("s")}); err != nil {
		kind = types.ChangeSetTypeCreate
	}
	d.sets++
	made, err := d.CreateChangeSet(ctx, &cfn.CreateChangeSetInput{StackName: aws.String("s"), ChangeSetName: aws.String("c" + string(rune('0'+d.sets))), ChangeSetType: kind,
		TemplateBody: &text, Parameters: parameters, Capabilities: []types.Capability{types.CapabilityCapabilityIam}, Tags: []types.Tag{{Key: aws.String("stage"), Value: aws.String("dev")}}})
	if err != nil {
		d.Fatal(err)
	}
	set, err := d.DescribeChangeSet(ctx, &cfn.DescribeChangeSetInput{ChangeSetName: made.Id})
	if err != nil {
		d.Fatal(err)
	}
	for _, c := range set.Changes {
		words := []string{string(c.ResourceChange.Action), *c.ResourceChange.LogicalResourceId}
		if c.ResourceChange.Replacement != "" {
			words = append(words, string(c.ResourceChange.Replacement))
		}
		changes = append(changes, strings.Join(words, " "))
	}
	if set.Status == types.ChangeSetStatusFailed {
		return []string{*set.StatusReason}, ""
	}
	if _, err := d.ExecuteChangeSet(ctx, &cfn.ExecuteChangeSetInput{ChangeSetName: made.Id}); err != nil {
		d.Fatal(err)
	}
	waiter := cfn.NewStackUpdateCompleteWaiter(d.Client, func(o *cfn.StackUpdateCompleteWaiterOptions) { o.MinDelay = time.Millisecond })
	if kind == types.ChangeSetTypeCreate {
		create := cfn.NewStackCreateCompleteWaiter(d.Client, func(o *cfn.StackCreateCompleteWaiterOptions) { o.MinDelay = time.Millisecond })
		_ = create.Wait(ctx, &cfn.DescribeStacksInput{StackName: aws.String("s")}, time.Minute)
	} else {
		_ = waiter.Wait(ctx, &cfn.DescribeStacksInput{StackName: aws.String("s")}, time.Minute)
	}
	return changes, d.stack().StackStatus
}

func (d *deployer) stack() types.Stack {
	d.Helper()
	out, err := d.DescribeStacks(context.Background(), &cfn.DescribeStacksInput{StackName: aws.String("s")})
	if err != nil {
		d.Fatal(err)
	}
	return out.Stacks[0]
}

const orders = `
Description: orders
Parameters:
  Seconds: {Type: Number, Default: 30}
  Token: {Type: String, Default: t, NoEcho: true}
Resources:
  Orders:
    Type: AWS::DynamoDB::Table
    Properties: {TableName: Orders, BillingMode: PAY_PER_REQUEST, AttributeDefinitions: [{AttributeName: id, AttributeType: S}], KeySchema: [{AttributeName: id, KeyType: HASH}]}
  Work: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: !Ref Seconds}}
  News: {Type: AWS::SNS::Topic, Properties: {TopicName: news}}
Outputs:
  Table: {Value: !Ref Orders, Description: where orders are}
  News: {Value: !Ref News}
`

func TestDeployUpdateAndDeleteByChangeSets(t *testing.T) {
	s, call := running(t)
	d := &deployer{T: t, Client: cfnClient(s)}
	changes, status := d.deploy(orders)
	if status != "CREATE_COMPLETE" || !slices.Equal(changes, []string{"Add Orders", "Add Work", "Add News"}) {
		t.Fatal(changes, status)
	}
	call("dynamodb", "PutItem", `{"TableName":"Orders","Item":{"id":{"S":"1"}}}`)
	if changes, _ = d.deploy(orders); !slices.Equal(changes, []string{"The submitted information didn't contain changes. Submit different information to create a change set."}) {
		t.Error(changes)
	}
	changed := strings.Replace(orders, "TopicName: news", "TopicName: bulletin", 1)
	changes, status = d.deploy(changed, types.Parameter{ParameterKey: aws.String("Seconds"), ParameterValue: aws.String("60")}, types.Parameter{ParameterKey: aws.String("Token"), UsePreviousValue: aws.Bool(true)})
	if status != "UPDATE_COMPLETE" || !slices.Equal(changes, []string{"Modify Work False", "Modify News True"}) {
		t.Error(changes, status)
	}
	if out := call("dynamodb", "GetItem", `{"TableName":"Orders","Key":{"id":{"S":"1"}}}`); !out.Has("Item") {
		t.Error("the update lost an item")
	}
	stack := d.stack()
	if got := parameters(stack); got != "Seconds=60 Token=****" || *stack.Tags[0].Value != "dev" || *stack.Outputs[1].OutputValue != "arn:aws:sns:us-east-1:123456789012:bulletin" {
		t.Error(got, stack.Tags, stack.Outputs)
	}
	if _, err := d.DeleteStack(t.Context(), &cfn.DeleteStackInput{StackName: aws.String("s")}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.DescribeStacks(t.Context(), &cfn.DescribeStacksInput{StackName: aws.String("s")}); codeOf(err) != "ValidationError: Stack with id s does not exist" {
		t.Error(err)
	}
	if dead, err := d.DescribeStacks(t.Context(), &cfn.DescribeStacksInput{StackName: stack.StackId}); err != nil || dead.Stacks[0].StackStatus != "DELETE_COMPLETE" {
		t.Error(dead, err)
	}
	if tables := call("dynamodb", "ListTables", `{}`); tables.Len() == 0 || strings.Contains(textOf(tables), "Orders") {
		t.Error("the table is still there")
	}
}

// textOf is an answer as text.
func textOf(o *jsonvalue.Object) string { return jsonvalue.String(o) }

func parameters(s types.Stack) string {
	var words []string
	for _, p := range s.Parameters {
		words = append(words, *p.ParameterKey+"="+*p.ParameterValue)
	}
	return strings.Join(words, " ")
}

// codeOf is an error's code and message.
func codeOf(err error) string {
	var e smithy.APIError
	if !errors.As(err, &e) {
		return ""
	}
	return e.ErrorCode() + ": " + e.ErrorMessage()
}

// TestFailedDeploymentsAreUndone: what was made is gone, what was changed is back,
// what was to be replaced is still there, and the events say why.
func TestFailedDeploymentsAreUndone(t *testing.T) {
	s, call := running(t)
	d := &deployer{T: t, Client: cfnClient(s)}
	badOutput := orders + "  Bad: {Value: !Select [7, !Split [':', !GetAtt Work.Arn]]}\n"
	if _, status := d.deploy(badOutput); status != "ROLLBACK_COMPLETE" {
		t.Error(status)
	}
	if tables := call("dynamodb", "ListTables", `{}`); strings.Contains(textOf(tables), "Orders") {
		t.Error("the table is still there")
	}
	_, err := d.CreateChangeSet(t.Context(), &cfn.CreateChangeSetInput{StackName: aws.String("s"), ChangeSetName: aws.String("x"), TemplateBody: aws.String(orders)})
	if got := codeOf(err); !strings.HasSuffix(got, "is in ROLLBACK_COMPLETE state and can not be updated.") {
		t.Error(got)
	}
	if _, err := d.DeleteStack(t.Context(), &cfn.DeleteStackInput{StackName: aws.String("s")}); err != nil {
		t.Fatal(err)
	}
	if _, status := d.deploy(orders); status != "CREATE_COMPLETE" {
		t.Fatal(status)
	}
	call("sns", "TagResource", `{"ResourceArn":"arn:aws:sns:us-east-1:123456789012:news","Tags":[{"Key":"mine","Value":"yes"}]}`)
	bad := strings.NewReplacer("Default: 30", "Default: 90", "TopicName: news", "TopicName: bulletin").Replace(badOutput)
	if _, status := d.deploy(bad); status != "UPDATE_ROLLBACK_COMPLETE" {
		t.Error(status)
	}
	if tags := call("sns", "ListTagsForResource", `{"ResourceArn":"arn:aws:sns:us-east-1:123456789012:news"}`); !strings.Contains(textOf(tags), "mine") {
		t.Error("the topic that was to be replaced is another one now")
	}
	if topics := call("sns", "ListTopics", `{}`); strings.Contains(textOf(topics), "bulletin") {
		t.Error("the topic that replaced it is still there")
	}
	if got := parameters(d.stack()); got != "Seconds=30 Token=****" {
		t.Error(got)
	}
	events, err := d.DescribeStackEvents(t.Context(), &cfn.DescribeStackEventsInput{StackName: aws.String("s")})
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range events.StackEvents {
		if *e.LogicalResourceId == "s" {
			told = append(told, string(e.ResourceStatus))
		}
	}
	if got := strings.Join(told, " "); got != "UPDATE_ROLLBACK_COMPLETE UPDATE_ROLLBACK_IN_PROGRESS UPDATE_IN_PROGRESS CREATE_COMPLETE CREATE_IN_PROGRESS REVIEW_IN_PROGRESS" {
		t.Error(got)
	}
}

// TestWhatUpDeployedIsAStack, which the API tells of and updates.
func TestWhatUpDeployedIsAStack(t *testing.T) {
	s, _ := running(t)
	if _, err := deploy(t, s, orders); err != nil {
		t.Fatal(err)
	}
	client := cfnClient(s)
	out, err := client.ListStackResources(t.Context(), &cfn.ListStackResourcesInput{StackName: aws.String(Name)})
	if err != nil || len(out.StackResourceSummaries) != 3 || *out.StackResourceSummaries[0].PhysicalResourceId != "Orders" {
		t.Error(out, err)
	}
	text, err := client.GetTemplate(t.Context(), &cfn.GetTemplateInput{StackName: aws.String(Name)})
	if err != nil || *text.TemplateBody != orders {
		t.Error(text, err)
	}
	_, err = client.UpdateStack(t.Context(), &cfn.UpdateStackInput{StackName: aws.String(Name), UsePreviousTemplate: aws.Bool(true)})
	if codeOf(err) != "ValidationError: No updates are to be performed." {
		t.Error(err)
	}
	if _, err = client.UpdateStack(t.Context(), &cfn.UpdateStackInput{StackName: aws.String(Name), UsePreviousTemplate: aws.Bool(true),
		Parameters: []types.Parameter{{ParameterKey: aws.String("Seconds"), ParameterValue: aws.String("45")}}}); err != nil {
		t.Error(err)
	}
}

// TestTemplatesAreRefusedAsAWSDoes, before anything is made.
func TestTemplatesAreRefusedAsAWSDoes(t *testing.T) {
	s, _ := running(t)
	client := cfnClient(s)
	for _, c := range []struct{ name, template, want string }{
		{"no yaml", "{", "ValidationError: Template error: "},
		{"no resource", "Resources: {Q: {Type: AWS::SQS::Queue, Properties: {QueueName: !Ref Gone}}}", "ValidationError: Template error: template:1:64: Resources.Q.Properties.QueueName: there is no resource or parameter Gone"},
		{"missing parameter", "Parameters: {P: {Type: String}}\nResources: {Q: {Type: AWS::SQS::Queue}}", "ValidationError: Parameters: [P] must have values"},
		{"capabilities", "Resources: {R: {Type: AWS::IAM::Role, Properties: {RoleName: r, AssumeRolePolicyDocument: {}}}}", "InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_NAMED_IAM]"},
		{"transform", "Transform: AWS::Serverless-2016-10-31\nResources: {Q: {Type: AWS::SQS::Queue}}", "InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_AUTO_EXPAND]"},
		{"local code", "Transform: AWS::Serverless-2016-10-31\nResources: {F: {Type: AWS::Serverless::Function, Properties: {CodeUri: ., Handler: bootstrap, Runtime: provided.al2023}}}",
			"ValidationError: Template error: Resources.F refers to the local path \".\""},
		{"too large", "#" + strings.Repeat("x", 51200), "ValidationError: 1 validation error detected: Value at 'templateBody'"},
		{"none", "", "ValidationError: Either Template URL or Template Body must be specified."},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := &cfn.CreateStackInput{StackName: aws.String("bad")}
			if c.template != "" {
				in.TemplateBody = &c.template
			}
			_, err := client.CreateStack(t.Context(), in)
			if got := codeOf(err); !strings.HasPrefix(got, c.want) {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
	if out, err := client.ListStacks(t.Context(), nil); err != nil || len(out.StackSummaries) != 0 {
		t.Error("a refused stack exists", out, err)
	}
	_, err := client.CreateStack(t.Context(), &cfn.CreateStackInput{StackName: aws.String("s"), TemplateBody: aws.String(orders), NotificationARNs: []string{"arn:aws:sns:us-east-1:1:t"}})
	if !strings.Contains(codeOf(err), "does not offer NotificationARNs") {
		t.Error(err)
	}
}

func TestSummaryOfATemplate(t *testing.T) {
	s, _ := running(t)
	out, err := cfnClient(s).GetTemplateSummary(t.Context(), &cfn.GetTemplateSummaryInput{TemplateBody: aws.String(orders)})
	if err != nil || len(out.Parameters) != 2 || !*out.Parameters[1].NoEcho || len(out.ResourceTypes) != 3 || *out.Description != "orders" {
		t.Error(out, err)
	}
	valid, err := cfnClient(s).ValidateTemplate(t.Context(), &cfn.ValidateTemplateInput{TemplateBody: aws.String(orders)})
	if err != nil || *valid.Parameters[0].DefaultValue != "30" {
		t.Error(valid, err)
	}
}
