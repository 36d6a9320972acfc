package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

var start = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

// post is a Caller that notes calls and answers as told.
type post struct {
	*testing.T
	clock *clock.Virtual
	store *store.Store
	*Courier

	mu     sync.Mutex
	calls  []string
	answer func(operation string, n int) (jsonvalue.Value, error) // n counts the calls of the operation
	counts map[string]int
}

func newPost(t *testing.T) *post {
	t.Helper()
	p := &post{T: t, clock: clock.NewVirtual(start, 0), store: store.Memory(), counts: map[string]int{}}
	t.Cleanup(func() { _ = p.store.Close() })
	p.boot()
	return p
}

func (p *post) boot() {
	p.Courier = New(Config{Store: p.store, Bucket: "b", Clock: p.clock, Caller: p, Log: slog.New(slog.DiscardHandler)})
	p.Cleanup(p.Close)
}

// Call implements Caller.
func (p *post) Call(_ context.Context, as awswire.Identity, service, operation string, params jsonvalue.Value) (jsonvalue.Value, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[operation]++
	p.calls = append(p.calls, fmt.Sprintf("%v %s:%s %s as %s", p.clock.Now().Sub(start), service, operation, jsonvalue.String(params), as.ARN))
	if p.answer == nil {
		return nil, nil
	}
	return p.answer(operation, p.counts[operation])
}

// begin stores records and begins them, the clock held until all are begun.
func (p *post) begin(records ...*Record) {
	p.Helper()
	hold := p.clock.Hold()
	defer hold()
	c := p.Courier
	if err := p.store.Update(func(tx *store.Tx) error { c.Store(tx, records); return nil }); err != nil {
		p.Fatal(err)
	}
	p.Begin(records)
}

func (p *post) seen() string {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.T.Context(), 10*time.Second)
	defer cancel()
	if err := p.clock.Quiet(ctx); err != nil {
		p.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := strings.Join(p.calls, "\n")
	p.calls = nil
	return seen
}

func (p *post) left() (n int) {
	_ = p.store.View(func(r store.Reader) error {
		for range r.Scan("b", "", "") {
			n++
		}
		return nil
	})
	return n
}

const queue = "arn:aws:sqs:us-east-1:1:q"

func record(id string) *Record {
	t := Target{ARN: queue, Input: id}
	return &Record{ID: id, Name: "r", Target: queue, Calls: t.Calls(), As: Actor{Account: "1", Principal: "events.amazonaws.com", Role: "arn:aws:iam::1:role/x"},
		Policy: Policy{Attempts: 1, Age: time.Hour}, Accepted: start, Due: start,
		Letter: Letter{Queue: "arn:aws:sqs:us-east-1:1:dlq", Body: id, Attributes: map[string]string{"RULE_ARN": "rule"}}}
}

func TestDeliversOnceAndForgets(t *testing.T) {
	p := newPost(t)
	p.begin(record("a"))
	want := `0s sqs:SendMessage {"QueueUrl":"https://sqs.us-east-1.amazonaws.com/1/q","MessageBody":"a"} as arn:aws:sts::1:assumed-role/x/EventBridge`
	if got := p.seen(); got != want || p.left() != 0 {
		t.Errorf("got %s, %d left", got, p.left())
	}
}

// What a policy does not allow to retry any more goes to the dead-letter queue,
// as the service itself, and that is repeated while it may help.
func TestDeadLettersAreRepeatedWhileItMayHelp(t *testing.T) {
	p := newPost(t)
	p.answer = func(_ string, n int) (jsonvalue.Value, error) {
		if n < 5 {
			return nil, awswire.Errorf("ServiceUnavailable", "down")
		}
		return nil, nil
	}
	p.begin(record("a"))
	got := strings.Split(p.seen(), "\n")
	if len(got) != 5 || p.left() != 0 {
		t.Fatalf("%d calls, %d left", len(got), p.left())
	}
	last := got[4]
	for _, part := range []string{"/1/dlq", `"MessageBody":"a"`, `"RULE_ARN":{"DataType":"String","StringValue":"rule"}`, `"ERROR_CODE":{"DataType":"String","StringValue":"INTERNAL_ERROR"}`,
		`"EXHAUSTED_RETRY_CONDITION":{"DataType":"String","StringValue":"MaximumRetryAttempts"}`, `"RETRY_ATTEMPTS":{"DataType":"Number","StringValue":"1"}`, "as events.amazonaws.com"} {
		if !strings.Contains(last, part) {
			t.Errorf("%s lacks %s", last, part)
		}
	}
}

func TestWithoutADeadLetterQueueTheRecordEnds(t *testing.T) {
	p := newPost(t)
	p.answer = func(string, int) (jsonvalue.Value, error) { return nil, awswire.Errorf("AccessDenied", "no") }
	r := record("a")
	r.Letter.Queue = ""
	p.begin(r)
	if got := strings.Count(p.seen(), "SendMessage"); got != 1 || p.left() != 0 {
		t.Errorf("%d calls, %d left", got, p.left())
	}
}

func TestPostponedIsNoAttempt(t *testing.T) {
	p := newPost(t)
	p.answer = func(_ string, n int) (jsonvalue.Value, error) {
		if n < 10 {
			return jsonvalue.MustParse(`{"FailureCode":"POSTPONED","AfterSeconds":7}`), nil
		}
		return nil, nil
	}
	p.begin(record("a"))
	if got := p.seen(); !strings.HasPrefix(got[strings.LastIndexByte(got, '\n')+1:], "1m3s sqs:SendMessage") || strings.Contains(got, "dlq") {
		t.Errorf("got %s", got)
	}
}

func TestToleratedErrorsAndSeveralCalls(t *testing.T) {
	p := newPost(t)
	p.answer = func(operation string, _ int) (jsonvalue.Value, error) {
		if operation == "CreateLogStream" {
			return nil, awswire.Errorf("ResourceAlreadyExistsException", "there")
		}
		return nil, nil
	}
	r := record("a")
	r.Calls = Target{ARN: "arn:aws:logs:us-east-1:1:log-group:g:*", Input: "line", LogStream: "s", Time: start}.Calls()
	p.begin(r)
	if got := p.seen(); strings.Count(got, "CreateLogStream") != 1 || !strings.Contains(got, `logs:PutLogEvents {"LogGroupName":"g","LogStreamName":"s","LogEvents":[{"Timestamp":1795168800000,"Message":"line"}]}`) {
		t.Errorf("got %s", got)
	}
}

// Records that were under way, waiting for a retry, or dead when the process
// ended are taken up by the next; the order of acceptance does not matter then.
func TestResume(t *testing.T) {
	p := newPost(t)
	hold := p.clock.Hold()
	dead, late := record("dead"), record("late")
	dead.Dead = &Obituary{Code: "NO_RESOURCE", Message: "gone", Since: start}
	late.Due = start.Add(time.Hour)
	p.Close()
	p.begin(record("a"), dead, late) // stored, but this courier starts no more
	p.boot()
	hold()
	if p.left() != 3 {
		t.Fatalf("%d are stored", p.left())
	}
	if err := p.Resume(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range strings.Split(p.seen(), "\n") {
		body := line[strings.Index(line, `"MessageBody":"`)+15:]
		got = append(got, line[:strings.IndexByte(line, ' ')]+" "+body[:strings.IndexByte(body, '"')])
	}
	slices.Sort(got)
	if want := []string{"0s a", "0s dead", "1h0m0s late"}; !slices.Equal(got, want) || p.left() != 0 {
		t.Errorf("got %v, %d left", got, p.left())
	}
}

func TestFailureOf(t *testing.T) {
	for _, c := range []struct {
		err   error
		code  string
		retry bool
	}{
		{awswire.Errorf("ThrottlingException", ""), "THROTTLING", true},
		{awswire.Errorf("ExecutionLimitExceeded", ""), "RESOURCE_LIMIT_EXCEEDED", true},
		{awswire.Errorf("AWS.SimpleQueueService.NonExistentQueue", ""), "NO_RESOURCE", false},
		{awswire.Errorf("ValidationException", ""), "INVALID_PARAMETER", false},
		{&awswire.Error{Code: "Odd", Status: 502}, "ERROR_FROM_TARGET", true},
		{awswire.Errorf("Odd", ""), "ERROR_FROM_TARGET", false},
		{errors.New("anything"), "INTERNAL_ERROR", true},
		{&Failure{Code: "INVALID_JSON"}, "INVALID_JSON", false},
	} {
		if got := failureOf(c.err); got.Code != c.code || got.Retry != c.retry {
			t.Errorf("%v: got %+v", c.err, got)
		}
	}
}
