package stack

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/clock"
)

// everyKind has resources of the types that need no code, with the properties
// that providers turn into other operations.
const everyKind = `
Resources:
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: bus}}
  BusPolicy:
    Type: AWS::Events::EventBusPolicy
    Properties:
      EventBusName: !Ref Bus
      StatementId: everybody
      Statement: {Effect: Allow, Principal: {AWS: "123456789012"}, Action: "events:PutEvents", Resource: !GetAtt Bus.Arn}
  Archive: {Type: AWS::Events::Archive, Properties: {SourceArn: !GetAtt Bus.Arn, EventPattern: {source: [a]}, RetentionDays: 3}}
  Password:
    Type: AWS::SecretsManager::Secret
    Properties: {Name: partner, GenerateSecretString: {SecretStringTemplate: '{"user":"u"}', GenerateStringKey: password, PasswordLength: 20}}
  Connection:
    Type: AWS::Events::Connection
    Properties: {AuthorizationType: API_KEY, AuthParameters: {ApiKeyAuthParameters: {ApiKeyName: x-key, ApiKeyValue: "{{resolve:secretsmanager:known:SecretString:key}}"}}}
  Partner:
    Type: AWS::Events::ApiDestination
    Properties: {ConnectionArn: !GetAtt Connection.Arn, HttpMethod: POST, InvocationEndpoint: "https://partner.example/orders"}
  Queue: {Type: AWS::SQS::Queue}
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: news, DisplayName: DISPLAY}}
  Subscription:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref Topic, Protocol: sqs, Endpoint: !GetAtt Queue.Arn, FilterPolicy: {action: [x]}, RawMessageDelivery: true}
  TopicPolicy:
    Type: AWS::SNS::TopicPolicy
    Properties:
      Topics: [!Ref Topic]
      PolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {Service: events.amazonaws.com}, Action: "sns:Publish", Resource: !Ref Topic}]}
  Activity: {Type: AWS::StepFunctions::Activity, Properties: {Name: pack}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {Service: [states.amazonaws.com, scheduler.amazonaws.com]}, Action: "sts:AssumeRole"}]}
  Policy:
    Type: AWS::IAM::Policy
    Properties: {PolicyName: p, Roles: [!Ref Role], PolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "sqs:SendMessage", Resource: !GetAtt Queue.Arn}]}}
  Inline:
    Type: AWS::IAM::RolePolicy
    Properties: {PolicyName: q, RoleName: !Ref Role, PolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "sns:Publish", Resource: !Ref Topic}]}}
  Managed:
    Type: AWS::IAM::ManagedPolicy
    Properties: {Roles: [!Ref Role], PolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "sqs:ACTION", Resource: "*"}]}}
  Machine:
    Type: AWS::StepFunctions::StateMachine
    Properties: {RoleArn: !GetAtt Role.Arn, DefinitionString: '{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}'}
  Version: {Type: AWS::StepFunctions::StateMachineVersion, Properties: {StateMachineArn: !Ref Machine}}
  Live:
    Type: AWS::StepFunctions::StateMachineAlias
    Properties: {Name: live, RoutingConfiguration: [{StateMachineVersionArn: !Ref Version, Weight: 100}]}
  Group: {Type: AWS::Scheduler::ScheduleGroup}
  Nightly:
    Type: AWS::Scheduler::Schedule
    Properties:
      GroupName: !Ref Group
      ScheduleExpression: rate(1 hour)
      FlexibleTimeWindow: {Mode: "OFF"}
      Target: {Arn: !GetAtt Queue.Arn, RoleArn: !GetAtt Role.Arn}
  Deployments: {Type: AWS::CodeDeploy::Application, Properties: {ComputePlatform: Lambda}}
`

func start(t *testing.T) *Stack {
	t.Helper()
	s, err := Start(t.Context(), Options{Account: "123456789012", Region: "us-east-1", Memory: true, Clock: clock.Real()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// deploy deploys text and returns what was told.
func deploy(t *testing.T, s *Stack, text string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var told bytes.Buffer
	err := s.Deploy(t.Context(), Deployment{Template: file, Progress: &told})
	return told.String(), err
}

// TestEveryKind creates, updates and deletes through the real services.
func TestEveryKind(t *testing.T) {
	s := start(t)
	secret := strings.NewReplacer("SECRET", `{"key":"k"}`)
	if _, err := deploy(t, s, secret.Replace("Resources:\n  S: {Type: AWS::SecretsManager::Secret, Properties: {Name: known, SecretString: 'SECRET'}}\n  O: {Type: AWS::SQS::Queue}\n")); err != nil {
		t.Fatal(err)
	}
	known := secret.Replace("  S: {Type: AWS::SecretsManager::Secret, Properties: {Name: known, SecretString: 'SECRET'}}\n")
	text := everyKind + known
	for _, step := range []struct{ name, text, want string }{
		{"create", strings.NewReplacer("DISPLAY", "a", "ACTION", "SendMessage").Replace(text), "21 created, 1 deleted"},
		{"again", strings.NewReplacer("DISPLAY", "a", "ACTION", "SendMessage").Replace(text), "nothing to change"},
		{"update", strings.NewReplacer("DISPLAY", "b", "ACTION", "DeleteMessage").Replace(text), "2 updated"},
		{"shrink", "Resources:\n" + known, "21 deleted"},
	} {
		told, err := deploy(t, s, step.text)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if !strings.HasSuffix(strings.TrimSpace(told), ": "+step.want) {
			t.Errorf("%s: got %q, want %q", step.name, told, step.want)
		}
	}
}

// TestUnsupportedTypesAreToldAtOnce, before anything is made.
func TestUnsupportedTypesAreToldAtOnce(t *testing.T) {
	s := start(t)
	_, err := deploy(t, s, `
Resources:
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: q}}
  A: {Type: AWS::Logs::MetricFilter, Properties: {FilterPattern: x, LogGroupName: g, MetricTransformations: [{MetricName: m, MetricNamespace: n, MetricValue: "1"}]}}
  B: {Type: AWS::Logs::MetricFilter, Properties: {FilterPattern: x, LogGroupName: g, MetricTransformations: [{MetricName: m, MetricNamespace: n, MetricValue: "1"}]}}
`)
	if err == nil {
		t.Fatal("it must be refused")
	}
	for _, want := range []string{"template.yaml:4:", "Resources.A.Type: the local AWS does not create AWS::Logs::MetricFilter", "template.yaml:5:", "Resources.B.Type"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
	if _, err := s.cfn.PhysicalID(Name, "Queue"); err == nil {
		t.Error("the queue was made")
	}
}
