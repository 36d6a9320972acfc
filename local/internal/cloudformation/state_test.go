package cloudformation

import (
	"context"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// keeper answers GetSecretValue, and remembers what it was sent.
type keeper struct{ sent []string }

func (k *keeper) Call(_ context.Context, _ awswire.Identity, service, operation string, in jsonvalue.Value) (jsonvalue.Value, error) {
	k.sent = append(k.sent, service+":"+operation+" "+jsonvalue.String(in))
	return params("SecretString", `{"seconds":"41777"}`, "QueueUrl", "http://q/1/q"), nil
}

// TestSecretsAreNotStored: the queue gets the number, the stack keeps the name of
// the secret.
func TestSecretsAreNotStored(t *testing.T) {
	k := &keeper{}
	st := store.Memory()
	defer st.Close()
	s := New(Config{Account: "1", Region: "us-east-1", Store: st, Clock: newService(t, nil).Clock, Caller: k})
	source := Source{Template: "Resources: {Q: {Type: AWS::SQS::Queue, Properties: {QueueName: q, VisibilityTimeout: '{{resolve:secretsmanager:known:SecretString:seconds}}'}}}"}
	for _, name := range []string{"made", "again"} {
		wanted, err := s.wanted("s", source)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Deploy(t.Context(), Deployment{Stack: "s", Source: source, Wanted: wanted}); err != nil {
			t.Fatal(name, err)
		}
	}
	if got := strings.Join(k.sent, "\n"); strings.Count(got, "CreateQueue") != 1 || !strings.Contains(got, `"VisibilityTimeout":"41777"`) {
		t.Errorf("sent %s", got)
	}
	for _, bucket := range []string{bucketStack, bucketText, bucketResource, bucketEvent} {
		_ = st.View(func(r store.Reader) error {
			for key, text := range r.Scan(bucket, "", "") {
				if strings.Contains(string(text), "41777") {
					t.Errorf("%s %q holds the secret: %s", bucket, key, text)
				}
			}
			return nil
		})
	}
}

// TestAnInterruptedDeploymentIsTakenUp: a process that is killed leaves a stack
// that says so, and that the next deployment completes.
func TestAnInterruptedDeploymentIsTakenUp(t *testing.T) {
	r := &recorder{}
	s := newService(t, r)
	d := deploymentOf(t, twoQueues)
	if _, err := s.begin(d); err != nil {
		t.Fatal(err)
	}
	if _, err := s.begin(d); err == nil || !strings.Contains(err.Error(), "is in CREATE_IN_PROGRESS state") {
		t.Error(err)
	}
	s = New(s.Config)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	state, err := s.load("s")
	if err != nil || state.Status != "CREATE_FAILED" {
		t.Error(state.Status, err)
	}
	if out, err := s.Deploy(t.Context(), d); err != nil || out["Url"] == "" {
		t.Error(out, err)
	}
}

// TestOldOnesGoLast: what is replaced is deleted when all has succeeded, and an
// update that fails has deleted nothing.
func TestOldOnesGoLast(t *testing.T) {
	r := &recorder{}
	s := newService(t, r)
	if _, err := s.Deploy(t.Context(), deploymentOf(t, twoQueues)); err != nil {
		t.Fatal(err)
	}
	r.take()
	r.fail = "sqs:SetQueueAttributes"
	renamed := strings.Replace(twoQueues, "QueueName: dead", "QueueName: buried", 1)
	if _, err := s.Deploy(t.Context(), deploymentOf(t, renamed)); err == nil {
		t.Fatal("it must fail")
	}
	r.fail = ""
	expect(t, "sqs:CreateQueue buried\nsqs:SetQueueAttributes http://q/1/work\nsqs:SetQueueAttributes http://q/1/work\nsqs:DeleteQueue http://q/1/buried", r.take())
	state, err := s.load("s")
	if err != nil || state.Resources["Dead"].PhysicalID != "http://q/1/dead" || len(state.Leftovers) != 0 {
		t.Errorf("%+v %v", state, err)
	}
	if _, err := s.Deploy(t.Context(), deploymentOf(t, renamed)); err != nil {
		t.Fatal(err)
	}
	expect(t, "sqs:CreateQueue buried\nsqs:SetQueueAttributes http://q/1/work\nsqs:DeleteQueue http://q/1/dead", r.take())
}

// TestPoliciesKeep: Retain keeps what leaves the stack; RetainExceptOnCreate not
// what its own deployment takes back.
func TestPoliciesKeep(t *testing.T) {
	const text = `
Resources:
  Kept: {Type: AWS::SQS::Queue, DeletionPolicy: Retain, Properties: {QueueName: kept}}
  Mostly: {Type: AWS::SQS::Queue, DeletionPolicy: RetainExceptOnCreate, Properties: {QueueName: mostly}}
  Last: {Type: AWS::SQS::Queue, DependsOn: [Kept, Mostly], Properties: {QueueName: last}}
`
	r := &recorder{fail: "sqs:CreateQueue last"}
	s := newService(t, r)
	if _, err := s.Deploy(t.Context(), deploymentOf(t, text)); err == nil {
		t.Fatal("it must fail")
	}
	expect(t, "sqs:CreateQueue kept\nsqs:CreateQueue mostly\nsqs:CreateQueue last\nsqs:DeleteQueue http://q/1/mostly", r.take())
	r.fail = ""
	if _, err := s.Deploy(t.Context(), deploymentOf(t, text)); err != nil {
		t.Fatal(err)
	}
	r.take()
	if err := s.Delete(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	expect(t, "sqs:DeleteQueue http://q/1/last", r.take())
}

// TestTextsOfEarlierReleases: a stack that was stored when its texts were in it, has
// them.
func TestTextsOfEarlierReleases(t *testing.T) {
	s := newService(t, &recorder{})
	if err := s.Store.Update(func(tx *store.Tx) error {
		tx.Put(bucketStack, "old", []byte(`{"Name": "old", "Status": "CREATE_COMPLETE", "Template": "a template", "Processed": "{}"}`))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		state, err := s.load("old")
		if err != nil || state.Template != "a template" || state.Processed != "{}" {
			t.Fatalf("%+v %v", state, err)
		}
		if err := s.protect("old", true); err != nil {
			t.Fatal(err)
		}
	}
}
