package eventbridge

import (
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsevents "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

type message struct {
	body       string
	attributes map[string]string
}

func newMessage(body string, m sqstypes.Message) message {
	attributes := map[string]string{}
	for name, a := range m.MessageAttributes {
		attributes[name] = *a.StringValue
	}
	return message{body, attributes}
}

const lambdaARN = "arn:aws:lambda:us-east-1:123456789012:function:validate"

func TestEventReachesQueueAsEnvelope(t *testing.T) {
	w := newWorld(t)
	q := w.queue("q")
	w.rule("", "r", `{"source":["shop"]}`, types.Target{Arn: &q})
	id := w.put("", "shop", "Order Placed", `{ "b": 1.0,  "a": [12345678901234567890] }`)
	got := w.received(q)
	want := `{"version":"0","id":"` + id + `","detail-type":"Order Placed","source":"shop","account":"123456789012","time":"2026-11-20T10:00:00Z","region":"us-east-1","resources":[],"detail":{"b":1.0,"a":[12345678901234567890]}}`
	if len(got) != 1 || got[0].body != want {
		t.Errorf("got %q\nwant %s", got, want)
	}
	w.put("", "other", "Order Placed", `{}`)
	if got := w.received(q); len(got) != 0 {
		t.Errorf("an event that matches nothing was delivered: %q", got)
	}
}

// Each target kind is called as its API wants, as the right identity.
func TestTargetKinds(t *testing.T) {
	const role = "arn:aws:iam::123456789012:role/deliver"
	for _, c := range []struct {
		name, arn, role string
		want            []string // operation and parameters; EVENT and ID stand for themselves
	}{
		{"lambda", lambdaARN, "", []string{`lambda Invoke {"FunctionName":"` + lambdaARN + `","InvocationType":"Event","Payload":"EVENT"}`}},
		{"states", "arn:aws:states:us-east-1:123456789012:stateMachine:m", role, []string{
			`states StartExecution {"StateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:m","Name":"ID","Input":"EVENT"}`}},
		{"sns", "arn:aws:sns:us-east-1:123456789012:topic", "", []string{`sns Publish {"TopicArn":"arn:aws:sns:us-east-1:123456789012:topic","Message":"EVENT"}`}},
		{"logs", "arn:aws:logs:us-east-1:123456789012:log-group:/aws/events/x:*", "", []string{
			`logs CreateLogStream {"LogGroupName":"/aws/events/x","LogStreamName":"r/2026-11-20"}`,
			`logs PutLogEvents {"LogGroupName":"/aws/events/x","LogStreamName":"r/2026-11-20","LogEvents":[{"Timestamp":1795168800000,"Message":"EVENT"}]}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			arn := w.rule("", "r", `{"source":["shop"]}`, types.Target{Arn: &c.arn, RoleArn: optional(c.role)})
			id := w.put("", "shop", "k", `{}`)
			var got []string
			for _, call := range w.recorded() {
				got = append(got, describeCall(call, id))
				if c.role != "" && call.as.Role != c.role || c.role == "" && (call.as.Service != "events.amazonaws.com" || call.as.SourceARN != arn) {
					t.Errorf("called as %+v", call.as)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// describeCall spells a call, with the event's text and what is made up anew replaced.
func describeCall(c recordedCall, id string) string {
	params := c.params
	for name, v := range params.All() {
		s, _ := v.(string)
		if decoded, err := base64.StdEncoding.DecodeString(s); err == nil && strings.HasPrefix(string(decoded), "{") {
			s = string(decoded)
		}
		switch {
		case strings.HasPrefix(s, `{"version":"0","id":"`+id):
			params = params.With(name, "EVENT")
		case name == "Name" && strings.HasPrefix(s, id+"_") && len(s) <= 80:
			params = params.With(name, "ID")
		}
	}
	text := jsonvalue.String(params)
	if i := strings.Index(text, `"{\"version\"`); i >= 0 {
		text = text[:i] + `"EVENT"}]}`
	}
	return c.service + " " + c.operation + " " + text
}

func TestRetriesUntilThePolicyIsExhausted(t *testing.T) {
	throttled := awswire.Errorf("TooManyRequestsException", "slow down")
	for _, c := range []struct {
		name          string
		policy        *types.RetryPolicy
		calls         int
		last          time.Duration
		condition     string
		retryAttempts string
	}{
		{"attempts", &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(2)}, 3, 4 * time.Second, "MaximumRetryAttempts", "2"},
		{"none", &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(0)}, 1, time.Second, "MaximumRetryAttempts", "0"},
		{"age", &types.RetryPolicy{MaximumEventAgeInSeconds: aws.Int32(60)}, 7, time.Minute, "MaximumEventAgeInSeconds", "6"},
		{"default", nil, 186, 25 * time.Hour, "MaximumRetryAttempts", "185"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.answer = func(recordedCall) error { return throttled }
			dlq := w.queue("dlq")
			rule := w.rule("", "r", `{"source":["shop"]}`, types.Target{Arn: aws.String(lambdaARN), RetryPolicy: c.policy, DeadLetterConfig: &types.DeadLetterConfig{Arn: &dlq}})
			id := w.put("", "shop", "k", `{"n":1}`)
			calls := w.recorded()
			last := calls[len(calls)-1].at
			if c.name == "default" && (last < 23*time.Hour || len(calls) < 180) || c.name != "default" && len(calls) != c.calls || last > c.last {
				t.Errorf("%d calls, the last after %v; want %d, at most %v", len(calls), last, c.calls, c.last)
			}
			got := w.received(dlq)
			if len(got) != 1 || !strings.Contains(got[0].body, `"id":"`+id+`"`) {
				t.Fatalf("dead-letter queue: %+v", got)
			}
			want := map[string]string{"RULE_ARN": rule, "TARGET_ARN": lambdaARN, "ERROR_CODE": "THROTTLING", "ERROR_MESSAGE": "TooManyRequestsException: slow down",
				"EXHAUSTED_RETRY_CONDITION": c.condition, "RETRY_ATTEMPTS": c.retryAttempts}
			if c.name == "default" { // which limit comes first is a matter of jitter
				delete(want, "EXHAUSTED_RETRY_CONDITION")
				delete(got[0].attributes, "EXHAUSTED_RETRY_CONDITION")
				delete(want, "RETRY_ATTEMPTS")
				delete(got[0].attributes, "RETRY_ATTEMPTS")
			}
			if !maps.Equal(got[0].attributes, want) {
				t.Errorf("attributes %v\nwant %v", got[0].attributes, want)
			}
			mustBeEmpty(t, w)
		})
	}
}

// mustBeEmpty fails when a delivery is left in the store.
func mustBeEmpty(t *testing.T, w *world) {
	t.Helper()
	_ = w.store.View(func(r store.Reader) error {
		if n := count(r, deliveryBucket); n != 0 {
			t.Errorf("%d deliveries are left in the store", n)
		}
		return nil
	})
}

func TestFailuresThatRetryingCannotMendGoToTheDeadLetterQueueAtOnce(t *testing.T) {
	for code, want := range map[string]string{
		"AccessDeniedException":       "NO_PERMISSIONS",
		"ResourceNotFoundException":   "NO_RESOURCE",
		"StateMachineDoesNotExist":    "NO_RESOURCE",
		"InvalidExecutionInput":       "INVALID_PARAMETER",
		"AnythingElse":                "ERROR_FROM_TARGET",
		"ConcurrentModificationError": "",
	} {
		t.Run(code, func(t *testing.T) {
			w := newWorld(t)
			tries := 0
			w.answer = func(recordedCall) error {
				if tries++; tries > 1 {
					return nil
				}
				return awswire.Errorf(code, "no")
			}
			dlq := w.queue("dlq")
			w.rule("", "r", `{"source":["shop"]}`, types.Target{Arn: aws.String(lambdaARN), DeadLetterConfig: &types.DeadLetterConfig{Arn: &dlq}})
			w.put("", "shop", "k", `{}`)
			got := w.received(dlq)
			if want == "" {
				if len(got) != 0 || tries != 2 {
					t.Errorf("retryable: %d tries, %v", tries, got)
				}
				return
			}
			if len(got) != 1 || got[0].attributes["ERROR_CODE"] != want || got[0].attributes["RETRY_ATTEMPTS"] != "0" || got[0].attributes["EXHAUSTED_RETRY_CONDITION"] != "" {
				t.Errorf("got %+v, want %s", got, want)
			}
		})
	}
}

// A queue that is gone, as target and as dead-letter queue, ends quietly.
func TestDeadLetterQueueThatFails(t *testing.T) {
	w := newWorld(t)
	gone := "arn:aws:sqs:us-east-1:123456789012:gone"
	w.rule("", "r", `{"source":["shop"]}`, types.Target{Arn: &gone, DeadLetterConfig: &types.DeadLetterConfig{Arn: &gone}})
	w.put("", "shop", "k", `{}`)
	w.quiet()
	mustBeEmpty(t, w)
}

// A process that dies at any point loses no delivery: everything accepted and
// not delivered is delivered by the next one.
func TestDeliveriesSurviveTheProcess(t *testing.T) {
	w := newWorld(t)
	w.answer = func(recordedCall) error { return errors.New("the network is down") }
	w.rule("", "r", `{"source":["shop"]}`, types.Target{Arn: aws.String(lambdaARN)})
	hold := w.clock.Hold() // so that the first process gets no further than its first attempt
	want := map[string]bool{}
	for range 5 {
		want[w.put("", "shop", "k", `{}`)] = true
	}
	w.service.Close() // as a kill does, this leaves the deliveries stored
	hold()

	w.mu.Lock()
	w.calls, w.answer = nil, nil
	w.mu.Unlock()
	w.boot()
	got := map[string]bool{}
	for _, call := range w.recorded() {
		got[text(jsonvalue.MustParse(payload(call)).(*jsonvalue.Object), "id")] = true
	}
	if !maps.Equal(got, want) {
		t.Errorf("delivered %v, want %v", got, want)
	}
	mustBeEmpty(t, w)
}

func TestForwardingToAnotherBusKeepsTheEnvelope(t *testing.T) {
	w := newWorld(t)
	if _, err := w.events.CreateEventBus(w.Context(), &awsevents.CreateEventBusInput{Name: aws.String("other")}); err != nil {
		t.Fatal(err)
	}
	q := w.queue("q")
	w.rule("", "r", `{"detail":{"n":[1]}}`, types.Target{Arn: aws.String("arn:aws:events:us-east-1:123456789012:event-bus/other"), RoleArn: aws.String("arn:aws:iam::123456789012:role/x")})
	w.rule("other", "r2", `{"source":["shop"]}`, types.Target{Arn: &q})
	at := time.Date(2020, 2, 29, 1, 2, 3, 0, time.UTC)
	out, err := w.events.PutEvents(w.Context(), &awsevents.PutEventsInput{Entries: []types.PutEventsRequestEntry{
		{Source: aws.String("shop"), DetailType: aws.String("k"), Detail: aws.String(`{"n":1}`), Time: &at, Resources: []string{"arn:x"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	got := w.received(q)
	if len(got) != 1 {
		t.Fatalf("got %v", got)
	}
	event := jsonvalue.MustParse(got[0].body).(*jsonvalue.Object)
	if text(event, "id") == *out.Entries[0].EventId {
		t.Error("an event gets a new id on another bus")
	}
	want := `{"version":"0","detail-type":"k","source":"shop","account":"123456789012","time":"2020-02-29T01:02:03Z","region":"us-east-1","resources":["arn:x"],"detail":{"n":1}}`
	if s := jsonvalue.String(event.Without("id")); s != want {
		t.Errorf("got %s\nwant %s", s, want)
	}
}

// payload is what a call gave to a function.
func payload(call recordedCall) string {
	decoded, _ := base64.StdEncoding.DecodeString(text(call.params, "Payload"))
	return string(decoded)
}
