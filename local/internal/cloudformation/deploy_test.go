package cloudformation

import (
	"context"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
	"github.com/stepworks/stepworks/local/internal/template"
)

// recorder answers every operation with the little that providers read, and
// fails the one it is told to.
type recorder struct {
	calls []string
	fail  string
}

func (r *recorder) Call(_ context.Context, _ awswire.Identity, service, operation string, in jsonvalue.Value) (jsonvalue.Value, error) {
	p := object(in)
	call := service + ":" + operation
	for _, name := range []string{"QueueName", "QueueUrl", "Name", "TableName", "RoleName", "name", "Rule"} {
		if v := textOf(p, name); v != "" {
			call += " " + v
			break
		}
	}
	r.calls = append(r.calls, call)
	if r.fail != "" && strings.HasPrefix(call, r.fail) {
		return nil, awswire.Errorf("Boom", "it does not work")
	}
	return params("QueueUrl", "http://q/1/"+textOf(p, "QueueName"), "Role", params("Arn", "arn:aws:iam::1:role/r", "RoleId", "AROA")), nil
}

// take returns the calls since the last time.
func (r *recorder) take() string {
	calls := strings.Join(r.calls, "\n")
	r.calls = nil
	return calls
}

func deploymentOf(t *testing.T, text string) Deployment {
	t.Helper()
	parsed, err := template.Parse("t.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	wanted, err := template.New(parsed, template.Environment{Account: "1", Region: "us-east-1", StackName: "s"})
	if err != nil {
		t.Fatal(err)
	}
	return Deployment{Stack: "s", Wanted: wanted}
}

const twoQueues = `
Resources:
  Work:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: work
      VisibilityTimeout: 60
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 5}
  Dead:
    Type: AWS::SQS::Queue
    Properties: {QueueName: dead}
Outputs:
  Url: {Value: !Ref Work}
`

func expect(t *testing.T, want, got string) {
	t.Helper()
	want = strings.TrimSpace(want)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func newService(t *testing.T, r *recorder) *Service {
	st := store.Memory()
	t.Cleanup(func() { st.Close() })
	return New(Config{Account: "1", Region: "us-east-1", Store: st, Clock: clock.Real(), Caller: r})
}

func TestCreateUpdateReplaceDelete(t *testing.T) {
	r := &recorder{}
	s := newService(t, r)
	out, err := s.Deploy(t.Context(), deploymentOf(t, twoQueues))
	if err != nil || out["Url"] != "http://q/1/work" {
		t.Fatal(out, err)
	}
	expect(t, "sqs:CreateQueue dead\nsqs:CreateQueue work", r.take())

	if _, err := s.Deploy(t.Context(), deploymentOf(t, twoQueues)); err != nil {
		t.Fatal(err)
	}
	expect(t, "", r.take())

	if _, err := s.Deploy(t.Context(), deploymentOf(t, strings.Replace(twoQueues, "60", "90", 1))); err != nil {
		t.Fatal(err)
	}
	expect(t, "sqs:SetQueueAttributes http://q/1/work", r.take())

	if _, err := s.Deploy(t.Context(), deploymentOf(t, strings.Replace(twoQueues, "QueueName: dead", "QueueName: buried", 1))); err != nil {
		t.Fatal(err)
	}
	expect(t, "sqs:CreateQueue buried\nsqs:SetQueueAttributes http://q/1/work\nsqs:DeleteQueue http://q/1/dead", r.take())

	if err := s.Delete(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	expect(t, "sqs:DeleteQueue http://q/1/work\nsqs:DeleteQueue http://q/1/buried", r.take())
}

func TestFailedCreateLeavesNothing(t *testing.T) {
	r := &recorder{fail: "sqs:CreateQueue work"}
	s := newService(t, r)
	_, err := s.Deploy(t.Context(), deploymentOf(t, twoQueues))
	if err == nil || !strings.Contains(err.Error(), "Work (AWS::SQS::Queue): Boom: it does not work") {
		t.Errorf("got %v", err)
	}
	expect(t, "sqs:CreateQueue dead\nsqs:CreateQueue work\nsqs:DeleteQueue http://q/1/dead", r.take())
	state, err := s.load("s")
	if err != nil || len(state.Resources) != 0 || state.Status != "ROLLBACK_COMPLETE" {
		t.Errorf("%+v %v", state, err)
	}
}

func TestFailedUpdateIsPutBack(t *testing.T) {
	r := &recorder{}
	s := newService(t, r)
	if _, err := s.Deploy(t.Context(), deploymentOf(t, twoQueues)); err != nil {
		t.Fatal(err)
	}
	r.take()
	r.fail = "events:CreateEventBus"
	changed := strings.Replace(twoQueues, "60", "90", 1)
	changed = strings.Replace(changed, "Outputs:", "  Bus:\n    Type: AWS::Events::EventBus\n    Properties: {Name: bus}\nOutputs:", 1)
	if _, err := s.Deploy(t.Context(), deploymentOf(t, changed)); err == nil {
		t.Fatal("it must fail")
	}
	expect(t, "sqs:SetQueueAttributes http://q/1/work\nevents:CreateEventBus bus\nsqs:SetQueueAttributes http://q/1/work", r.take())
	state, err := s.load("s")
	if err != nil || state.Status != "UPDATE_ROLLBACK_COMPLETE" || !strings.Contains(state.Resources["Work"].Properties, `"VisibilityTimeout":60`) {
		t.Errorf("%v %v", state.Resources["Work"], err)
	}
}

func TestEveryProviderIsSupportedByTheTemplate(t *testing.T) {
	for name := range providers {
		if template.TypeOf(name) == nil {
			t.Errorf("%s has a provider, but templates cannot have it", name)
		}
	}
}

func TestSubstitution(t *testing.T) {
	got, err := substitute(`{"Resource":"${FunctionArn}","N":${Days}}`, params("FunctionArn", "arn:f", "Days", jsonvalue.Int(3)))
	if err != nil || got != `{"Resource":"arn:f","N":3}` {
		t.Error(got, err)
	}
	if _, err := substitute("${A} ${B}", params("A", "x")); err == nil || !strings.Contains(err.Error(), "${B}") {
		t.Error(err)
	}
}

func TestLowerNames(t *testing.T) {
	in := jsonvalue.MustParse(`{"Level":"ALL","Destinations":[{"CloudWatchLogsLogGroup":{"LogGroupArn":"a"}}]}`)
	expect(t, `{"level":"ALL","destinations":[{"cloudWatchLogsLogGroup":{"logGroupArn":"a"}}]}`, jsonvalue.String(lowerNames(in)))
}

func TestSummary(t *testing.T) {
	expect(t, "2 created, 1 deleted", Summary([]Event{{Status: "CREATE_COMPLETE"}, {Status: "DELETE_COMPLETE"}, {Status: "CREATE_COMPLETE"}}))
	expect(t, "nothing to change", Summary(nil))
}
