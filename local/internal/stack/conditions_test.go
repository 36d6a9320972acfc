package stack

// This file tests that conditions decide: every one that the repository's template
// has, in the evaluation, and every key of those over the service that supplies it.

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/iam"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/stepfunctions"
)

// stated is a condition of the template's: what its key must be, and is not.
type stated struct {
	resource, sid, operator, key string
	policy                       *iam.Policy // of its statement alone, allowing
	have, lack                   map[string][]string
}

// statedConditions lists every condition of the template's policies, with the rest
// of its statement taken away. References are resolved to names made up.
func statedConditions(t *testing.T, path string) []stated {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	var found []stated
	var walk func(resource string, n *yaml.Node)
	walk = func(resource string, n *yaml.Node) {
		for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
			if key, value := n.Content[i].Value, n.Content[i+1]; key == "Condition" && value.Kind == yaml.MappingNode {
				found = append(found, conditionsOf(t, resource, n, value)...)
			}
		}
		for i, c := range n.Content {
			within := resource
			if n.Kind == yaml.MappingNode && i > 0 && resource == "" && c.Kind == yaml.MappingNode {
				within = n.Content[i-1].Value
			}
			walk(within, c)
		}
	}
	resources := doc.Content[0].Content[slices.IndexFunc(doc.Content[0].Content, func(n *yaml.Node) bool { return n.Value == "Resources" })+1]
	walk("", resources)
	return found
}

func conditionsOf(t *testing.T, resource string, statement, condition *yaml.Node) []stated {
	t.Helper()
	sid := ""
	for i := 0; i+1 < len(statement.Content); i += 2 {
		if statement.Content[i].Value == "Sid" {
			sid = statement.Content[i+1].Value
		}
	}
	conditions := jsonvalue.NewObject()
	have := map[string][]string{}
	for i := 0; i+1 < len(condition.Content); i += 2 {
		keys := jsonvalue.NewObject()
		for j := 0; j+1 < len(condition.Content[i+1].Content); j += 2 {
			key, values := condition.Content[i+1].Content[j].Value, madeUp(condition.Content[i+1].Content[j+1])
			keys = keys.With(key, values)
			have[key] = []string{strings.ReplaceAll(values[0].(string), "*", "x")}
		}
		conditions = conditions.With(condition.Content[i].Value, keys)
	}
	allow := jsonvalue.MustParse(`{"Effect":"Allow","Action":"*","Resource":"*"}`).(*jsonvalue.Object).With("Condition", conditions)
	document := jsonvalue.NewObject(jsonvalue.Member{Name: "Version", Value: "2012-10-17"}, jsonvalue.Member{Name: "Statement", Value: allow})
	policy, err := iam.ParsePolicy("test", []byte(jsonvalue.String(document)), iam.IdentityPolicy)
	if err != nil {
		t.Fatalf("%s %s: %v", resource, sid, err)
	}
	var found []stated
	for operator, keys := range conditions.All() {
		for key := range keys.(*jsonvalue.Object).All() {
			lack := maps.Clone(have)
			lack[key] = []string{"other"}
			found = append(found, stated{resource, sid, operator, key, policy, have, lack})
		}
	}
	return found
}

// madeUp are the values of a key, references resolved to names of no meaning.
func madeUp(n *yaml.Node) []any {
	items := n.Content
	if n.Kind == yaml.ScalarNode {
		items = []*yaml.Node{n}
	}
	var values []any
	for _, item := range items {
		value := item.Value
		if tag := item.Tag; tag == "!Ref" || tag == "!GetAtt" {
			value = "arn:aws:events:us-east-1:123456789012:" + strings.ReplaceAll(value, ":", "")
		}
		values = append(values, strings.NewReplacer("${", "", "}", "").Replace(value))
	}
	return values
}

// TestEveryConditionOfTheTemplateDecides holds each condition against a request that
// it is for and one that it is not for.
func TestEveryConditionOfTheTemplateDecides(t *testing.T) {
	role := iam.Principal{ARN: "arn:aws:sts::123456789012:assumed-role/R/S", Role: "arn:aws:iam::123456789012:role/R", Account: "123456789012"}
	pairs := map[string]int{}
	for _, c := range statedConditions(t, "../../../template.yaml") {
		pairs[c.operator+" "+c.key]++
		for _, request := range []struct {
			context map[string][]string
			want    bool
		}{{c.have, true}, {c.lack, false}} {
			d := iam.Evaluate(iam.Request{Principal: role, Action: "a:B", Resource: "r", Context: request.context}, iam.Policies{Identity: []*iam.Policy{c.policy}})
			if d.Allowed != request.want {
				t.Errorf("%s %s: %s %s with %v: allowed is %v", c.resource, c.sid, c.operator, c.key, request.context, d.Allowed)
			}
		}
		if !slices.ContainsFunc(keyProbes, func(p keyProbe) bool { return p.key == c.key }) {
			t.Errorf("%s %s has a condition on %s: add a probe that says who supplies it", c.resource, c.sid, c.key)
		}
	}
	if len(pairs) < 5 {
		t.Errorf("the template's conditions are not found: %v", pairs)
	}
	t.Log("conditions by operator and key:", pairs)
}

// keyTemplate has a policy for each condition key that some service supplies.
const keyTemplate = `
Resources:
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: q}}
  QueuePolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Queue]
      PolicyDocument:
        Version: '2012-10-17'
        Statement:
          - {Effect: Allow, Principal: {Service: events.amazonaws.com}, Action: sqs:SendMessage, Resource: !GetAtt Queue.Arn, Condition: {ArnEquals: {aws:SourceArn: 'arn:aws:events:us-east-1:123456789012:rule/ours'}}}
          - {Effect: Deny, Principal: '*', Action: 'sqs:*', Resource: !GetAtt Queue.Arn, Condition: {Bool: {aws:SecureTransport: 'false'}}}
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: t}}
  TopicPolicy:
    Type: AWS::SNS::TopicPolicy
    Properties:
      Topics: [!Ref Topic]
      PolicyDocument:
        Version: '2012-10-17'
        Statement:
          - {Effect: Allow, Principal: {Service: cloudwatch.amazonaws.com}, Action: sns:Publish, Resource: !Ref Topic, Condition: {StringEquals: {aws:SourceAccount: '123456789012'}}}
          - {Effect: Allow, Principal: {Service: events.amazonaws.com}, Action: sns:Publish, Resource: !Ref Topic, Condition: {ArnLike: {aws:SourceArn: 'arn:aws:events:us-east-1:123456789012:rule/our*'}}}
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: b}}
  BusPolicy:
    Type: AWS::Events::EventBusPolicy
    Properties:
      EventBusName: !Ref Bus
      StatementId: Visitors
      Statement: {Effect: Allow, Principal: {AWS: !GetAtt Visitor.Arn}, Action: events:PutEvents, Resource: !GetAtt Bus.Arn, Condition: {StringEquals: {events:source: visitors}}}
  Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: a-bucket-of-tests}}
  BucketPolicy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Bucket
      PolicyDocument:
        Version: '2012-10-17'
        Statement:
          - {Effect: Allow, Principal: {AWS: !GetAtt Visitor.Arn}, Action: s3:GetObject, Resource: !Sub '${Bucket.Arn}/public/*'}
          - {Effect: Deny, Principal: '*', Action: 's3:*', Resource: !Sub '${Bucket.Arn}/*', Condition: {Bool: {aws:SecureTransport: 'false'}}}
  Table:
    Type: AWS::DynamoDB::Table
    Properties: {TableName: tbl, BillingMode: PAY_PER_REQUEST, AttributeDefinitions: [{AttributeName: k, AttributeType: S}], KeySchema: [{AttributeName: k, KeyType: HASH}]}
  Visitor: {Type: AWS::IAM::Role, Properties: {RoleName: Visitor, AssumeRolePolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}]}}}
  Worker:
    Type: AWS::IAM::Role
    Properties:
      RoleName: Worker
      AssumeRolePolicyDocument:
        Version: '2012-10-17'
        Statement: [{Effect: Allow, Principal: {Service: states.amazonaws.com}, Action: sts:AssumeRole, Condition: {StringEquals: {aws:SourceAccount: '123456789012'}}}]
      Policies:
        - PolicyName: All
          PolicyDocument:
            Version: '2012-10-17'
            Statement:
              - {Effect: Allow, Action: events:PutEvents, Resource: !GetAtt Bus.Arn, Condition: {StringEquals: {events:source: ours, events:detail-type: [A, B]}}}
              - {Effect: Allow, Action: cloudwatch:PutMetricData, Resource: '*', Condition: {StringEquals: {cloudwatch:namespace: Ours}}}
              - {Effect: Allow, Action: states:InvokeHTTPEndpoint, Resource: 'arn:aws:states:us-east-1:123456789012:stateMachine:m', Condition: {StringEquals: {states:HTTPMethod: POST}, StringLike: {states:HTTPEndpoint: 'https://api.example/v1/*'}}}
              - {Effect: Allow, Action: states:CreateStateMachine, Resource: '*'}
              - {Effect: Allow, Action: iam:PassRole, Resource: !GetAtt Visitor.Arn, Condition: {StringEquals: {iam:PassedToService: [states.amazonaws.com]}}}
              - {Effect: Allow, Action: dynamodb:GetItem, Resource: !GetAtt Table.Arn, Condition: {'ForAllValues:StringEquals': {dynamodb:LeadingKeys: [mine]}}}
`

// keyProbe makes a call that a condition on the key lets through, and one that it
// does not.
type keyProbe struct {
	key  string
	what string
	as   awswire.Identity
	call func(ctx context.Context, s *Stack, as awswire.Identity, value string) error
	good string
	bad  string
	deny string // the end of AWS's refusal
}

var (
	worker  = awswire.Identity{Account: "123456789012", Role: "arn:aws:iam::123456789012:role/Worker", ARN: "arn:aws:sts::123456789012:assumed-role/Worker/s"}
	visitor = awswire.Identity{Account: "123456789012", Role: "arn:aws:iam::123456789012:role/Visitor", ARN: "arn:aws:sts::123456789012:assumed-role/Visitor/s"}
)

const (
	noIdentity = "because no identity-based policy allows the "
	noResource = "because no resource-based policy allows the "
	explicit   = "with an explicit deny in a resource-based policy"
)

// over calls an operation whose parameters have the value in them.
func over(service, operation, params string) func(ctx context.Context, s *Stack, as awswire.Identity, value string) error {
	return func(ctx context.Context, s *Stack, as awswire.Identity, value string) error {
		_, err := s.wire.Call(ctx, as, service, operation, jsonvalue.MustParse(strings.ReplaceAll(params, "VALUE", value)))
		return err
	}
}

// from calls an operation as a service for a resource of this ARN.
func from(service, operation, params string) func(ctx context.Context, s *Stack, as awswire.Identity, value string) error {
	return func(ctx context.Context, s *Stack, as awswire.Identity, value string) error {
		as.SourceARN = value
		return over(service, operation, params)(ctx, s, as, "")
	}
}

// insecure asks the authorizer: over the loopback interface nothing comes that
// would be without TLS on AWS.
func insecure(action, resource string) func(ctx context.Context, s *Stack, as awswire.Identity, value string) error {
	return func(ctx context.Context, s *Stack, as awswire.Identity, value string) error {
		return authorizer{s.services.iam, false, s.services.resourcePolicy, nil}.Authorize(ctx, as, awswire.Access{Action: action, Resource: resource, Context: map[string][]string{"aws:SecureTransport": {value}}})
	}
}

func httpCall(endpoint, method string) func(ctx context.Context, s *Stack, as awswire.Identity, value string) error {
	return func(ctx context.Context, s *Stack, as awswire.Identity, value string) error {
		r := strings.NewReplacer("VALUE", value)
		h := httpTasks{caller: credentialsOf(`{}`), allow: authorizer{s.services.iam, false, s.services.resourcePolicy, nil}.Authorize}
		_, err := h.permit(ctx, as, stepfunctions.HTTPRequest{MachineARN: "arn:aws:states:us-east-1:123456789012:stateMachine:m", Endpoint: r.Replace(endpoint), Method: r.Replace(method)})
		return err
	}
}

const (
	send    = `{"QueueUrl":"http://127.0.0.1/123456789012/q","MessageBody":"b"}`
	publish = `{"TopicArn":"arn:aws:sns:us-east-1:123456789012:t","Message":"b"}`
	machine = `{"name":"m","roleArn":"arn:aws:iam::123456789012:role/VALUE","definition":"{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}"}`
)

var keyProbes = []keyProbe{
	{"events:source", "a role publishes", worker, over("events", "PutEvents", `{"Entries":[{"EventBusName":"b","Source":"VALUE","DetailType":"A","Detail":"{}"}]}`), "ours", "theirs", noIdentity + "events:PutEvents action"},
	{"events:source", "a bus lets in", visitor, over("events", "PutEvents", `{"Entries":[{"EventBusName":"b","Source":"VALUE","DetailType":"A","Detail":"{}"}]}`), "visitors", "ours", noIdentity + "events:PutEvents action"},
	{"events:detail-type", "a role publishes", worker, over("events", "PutEvents", `{"Entries":[{"EventBusName":"b","Source":"ours","DetailType":"VALUE","Detail":"{}"}]}`), "B", "C", noIdentity + "events:PutEvents action"},
	{"cloudwatch:namespace", "a role measures", worker, over("cloudwatch", "PutMetricData", `{"Namespace":"VALUE","MetricData":[{"MetricName":"m","Value":1}]}`), "Ours", "Theirs", noIdentity + "cloudwatch:PutMetricData action"},
	{"dynamodb:LeadingKeys", "a role reads a row", worker, over("dynamodb", "GetItem", `{"TableName":"tbl","Key":{"k":{"S":"VALUE"}}}`), "mine", "yours", noIdentity + "dynamodb:GetItem action"},
	{"iam:PassedToService", "a machine gets a role", worker, over("states", "CreateStateMachine", machine), "Visitor", "Worker", noIdentity + "iam:PassRole action"},
	{"states:HTTPMethod", "a task calls", worker, httpCall("https://api.example/v1/orders", "VALUE"), "POST", "DELETE", "for the given API Endpoint"},
	{"states:HTTPEndpoint", "a task calls", worker, httpCall("VALUE", "POST"), "https://api.example/v1/orders", "https://elsewhere.example/v1/orders", "for the given API Endpoint"},
	{"aws:SourceArn", "a rule sends (ArnEquals)", awswire.ServicePrincipal("123456789012", "events.amazonaws.com", ""), from("sqs", "SendMessage", send),
		"arn:aws:events:us-east-1:123456789012:rule/ours", "arn:aws:events:us-east-1:123456789012:rule/theirs", noResource + "sqs:SendMessage action"},
	{"aws:SourceArn", "a rule publishes (ArnLike)", awswire.ServicePrincipal("123456789012", "events.amazonaws.com", ""), from("sns", "Publish", publish),
		"arn:aws:events:us-east-1:123456789012:rule/ours", "arn:aws:events:us-east-1:123456789012:rule/theirs", noResource + "SNS:Publish action"},
	{"aws:SourceArn", "a rule invokes (AddPermission)", awswire.ServicePrincipal("123456789012", "events.amazonaws.com", ""), from("lambda", "Invoke", `{"FunctionName":"f","InvocationType":"Event","Payload":"e30="}`),
		"arn:aws:events:us-east-1:123456789012:rule/ours", "arn:aws:events:us-east-1:123456789012:rule/theirs", noResource + "lambda:InvokeFunction action"},
	{"aws:SourceAccount", "an alarm publishes", awswire.ServicePrincipal("123456789012", "cloudwatch.amazonaws.com", ""), from("sns", "Publish", publish),
		"arn:aws:cloudwatch:us-east-1:123456789012:alarm:a", "arn:aws:cloudwatch:us-east-1:999999999999:alarm:a", noResource + "SNS:Publish action"},
	{"aws:SourceAccount", "a service assumes a role", awswire.Identity{}, func(_ context.Context, s *Stack, _ awswire.Identity, value string) error {
		_, err := s.services.iam.Assume(worker.Role, "states.amazonaws.com", value, "s")
		return err
	}, "arn:aws:states:us-east-1:123456789012:stateMachine:m", "arn:aws:states:us-east-1:999999999999:stateMachine:m", "is not authorized to perform: sts:AssumeRole on resource: " + worker.Role},
	{"aws:SecureTransport", "the root reads a queue", awswire.Root("123456789012"), insecure("sqs:ReceiveMessage", "arn:aws:sqs:us-east-1:123456789012:q"), "true", "false", explicit},
	{"aws:SecureTransport", "a guest reads an object", visitor, insecure("s3:GetObject", "arn:aws:s3:::a-bucket-of-tests/public/x"), "true", "false", explicit},
}

func TestConditionKeysAreSupplied(t *testing.T) {
	s := start(t)
	if told, err := deploy(t, s, keyTemplate); err != nil {
		t.Fatal(err, told)
	}
	root := awswire.Root("123456789012")
	for _, step := range []error{
		over("lambda", "CreateFunction", `{"FunctionName":"f","Role":"arn:aws:iam::123456789012:role/Visitor","Runtime":"provided.al2023","Handler":"bootstrap","Code":{"ZipFile":"VALUE"}}`)(t.Context(), s, root, zipped(t, []byte("#!/bin/sh\n"))),
		over("lambda", "AddPermission", `{"FunctionName":"f","StatementId":"rule","Action":"lambda:InvokeFunction","Principal":"events.amazonaws.com","SourceArn":"VALUE"}`)(t.Context(), s, root, "arn:aws:events:us-east-1:123456789012:rule/ours"),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	for _, p := range keyProbes {
		t.Run(p.key+" "+p.what, func(t *testing.T) {
			if err := p.call(t.Context(), s, p.as, p.good); err != nil {
				t.Errorf("%s: %v", p.good, err)
			}
			if err := p.call(t.Context(), s, p.as, p.bad); err == nil || !strings.Contains(err.Error(), "not authorized to perform") || !strings.HasSuffix(strings.ToLower(err.Error()), strings.ToLower(p.deny)) {
				t.Errorf("%s: got %v\nwant ...%s", p.bad, err, p.deny)
			}
		})
	}
}
