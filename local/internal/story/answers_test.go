package story

// This file tests answers to waiting workflows under what may happen to them: many
// wait at once, and each is answered several times at once, alike and otherwise, by
// hand and by events, in time and too late. `make test` lets a few wait, `make slow`
// two hundred of each kind.

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/stepworks/stepworks/local/internal/clock"
)

// desk is where workflows of one kind are answered.
type desk struct {
	machine, sample, base       string
	table, function, detailType string
	source, unknown             string
	decisions                   []string // that may be the answer
	ends                        map[string]string
	events                      map[string][]string // each once, by decision
	detail                      func(order, decision, by string) map[string]any
}

// inVain stands for a decision that did not come in time.
const inVain = "in vain"

var paidFor = []string{"Payment Completed", "Order Fulfilled", "Invoice Issued"}

var desks = []desk{
	{machine: "OrderApprovalWorkflow", sample: "order-approval", base: "ORD-7001", table: "Approvals", function: "approval-decision",
		source: "ecommerce.approvals", detailType: "Approval Decided", unknown: "Approval.NotFound", decisions: []string{"approved", "rejected"},
		ends: map[string]string{"approved": "OrderCompleted", "rejected": "ApprovalRejected", inVain: "ApprovalExpired"},
		events: map[string][]string{"approved": append([]string{"Approval Requested"}, paidFor...), "rejected": {"Approval Requested", "Order Failed"},
			inVain: {"Approval Requested", "Order Failed"}},
		detail: func(order, decision, by string) map[string]any {
			return map[string]any{"orderId": order, "decision": decision, "approver": by}
		}},
	// The stand-in for the gateway is silent about LOST- orders.
	{machine: "OrderCallbackWorkflow", sample: "order-payment-callback", base: "LOST-7002", table: "CallbackTokens", function: "payment-callback",
		source: "payment.gateway", detailType: "Payment Result", unknown: "Callback.NotFound", decisions: []string{"success", "failed"},
		ends:   map[string]string{"success": "OrderCompleted", "failed": "PaymentFailed", inVain: "PaymentTimedOut"},
		events: map[string][]string{"success": paidFor, "failed": {"Order Failed"}, inVain: {"Order Failed"}},
		detail: func(order, decision, by string) map[string]any {
			result := map[string]any{"status": decision}
			switch decision {
			case "success":
				result["paymentId"] = by
			case "failed":
				result["error"] = by
			}
			return map[string]any{"orderId": order, "result": result}
		}},
}

// answer is what somebody says once.
type answer struct{ decision, by string }

// question is an execution that waits, and what it was told.
type question struct {
	*desk
	late       bool // nobody waits any more
	entry      entry
	arn, token string

	mu     sync.Mutex
	said   map[string]answer // by who said it
	told   int               // how often the function was told
	events int               // of them by event
	won    string            // who was told that it counts, of those who asked
}

// answers is a storm of them.
type answers struct {
	*testing.T
	w         *World
	clk       *clock.Virtual
	lambda    *lambda.Client
	questions []*question
	forgotten []*question // that nobody answers in time
	tokens    map[string]bool
	unknown   []string // ids that nobody asks about

	mu     sync.Mutex
	random *rand.Rand

	sent, byEvent, first, duplicate, late, beats atomic.Int64
}

// reply is what both functions answer.
type reply struct {
	Status     string `json:"status"`
	StatusCode int    `json:"statusCode"`
	Outcome    string `json:"outcome"`
	Changed    *bool  `json:"changed"`
	ErrorType  string `json:"errorType"`
}

func (r reply) outcome() string {
	switch {
	case r.Outcome == "late" && r.Status == "pending":
		return "late heartbeat"
	case r.Changed == nil:
		return r.Outcome
	case *r.Changed:
		return "answered"
	}
	return "duplicate"
}

func answersInAStorm(t *testing.T, w *World, clk *clock.Virtual, n int) {
	seed := uint64(time.Now().UnixNano())                                                                                                       //nolint:gosec // any number will do
	s := &answers{T: t, w: w, clk: clk, lambda: lambda.NewFromConfig(w.sdk), tokens: map[string]bool{}, random: rand.New(rand.NewPCG(seed, 0))} //nolint:gosec // not for secrets
	w.differences = nil
	began := time.Now()
	calm := clk.Hold() // nobody's patience ends while all of them are answered
	defer calm()
	s.seed(n)
	s.questions = s.ask(n)
	asked := time.Since(began)
	s.atOnce(s.questions, func(q *question) { s.storm(q, 3+s.number(4)) })
	answered := time.Since(began) - asked
	s.awaitEnds(s.questions)
	s.atOnce(s.questions, s.contradict)
	s.askNobody(max(1, n/10))
	calm()
	s.quiet()
	s.tooLate(n / 10) // takes three days of the clock: not of a few
	s.check()
	for _, d := range w.differences {
		t.Error(d)
	}
	t.Logf("seed %d: %d workflows waited at once after %v, were answered in %v and all ended after %v", seed, len(s.questions), asked.Round(time.Millisecond),
		answered.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	t.Logf("%d answers, %d of them by event: %d counted, %d were told that they are duplicates, %d heartbeats; %d of %d orders were answered too late, and their gateways told so; %d about unknown orders", s.sent.Load(), s.byEvent.Load(),
		s.first.Load(), s.duplicate.Load(), s.beats.Load(), s.late.Load(), len(s.forgotten), 2*len(s.unknown))
}

func (s *answers) number(below int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.IntN(below)
}

// atOnce does something with all of them, some dozens at a time.
func (s *answers) atOnce(questions []*question, f func(q *question)) {
	var all sync.WaitGroup
	places := make(chan struct{}, 48)
	for _, q := range questions {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			f(q)
		})
	}
	all.Wait()
	if s.Failed() {
		s.FailNow()
	}
}

func (s *answers) seed(n int) {
	stock := []Stock{{Product: "LAPTOP001", Quantity: 10 * n, Price: "999.99"}, {Product: "MOUSE001", Quantity: 10 * n, Price: "29.99"}}
	if err := s.w.seed(s.Context(), stock); err != nil {
		s.Fatal(err)
	}
}

func (s *answers) quiet() {
	if err := s.clk.Quiet(s.Context()); err != nil {
		s.Fatal(err)
	}
}

// ask starts n executions at every desk and waits until all of them wait.
func (s *answers) ask(n int) (asked []*question) {
	for range n {
		for i := range desks {
			e, err := s.w.byHand(desks[i].sample, desks[i].base, accepted)
			if err != nil {
				s.Fatal(err)
			}
			e.detail["form"] = "callback"
			asked = append(asked, &question{desk: &desks[i], entry: e, said: map[string]answer{}})
		}
	}
	s.atOnce(asked, func(q *question) {
		var err error
		if q.arn, err = s.w.start(s.Context(), q.machine, q.entry.detail); err != nil {
			s.Error(err)
			return
		}
		q.token, err = poll(s.Context(), s.w, func(ctx context.Context) (string, bool, error) {
			row, err := s.w.item(ctx, q.table, q.entry.orderID())
			return row["taskToken"], row["taskToken"] != "", err
		}, "nobody waits for an answer about order "+q.entry.orderID())
		if err != nil {
			s.Error(err)
		}
	})
	for _, q := range asked {
		s.tokens[q.token] = true
	}
	return asked
}

// tooLate lets n executions at every desk wait in vain, and answers them then.
func (s *answers) tooLate(n int) {
	hold := s.clk.Hold()
	s.forgotten = s.ask(n)
	hold()
	s.awaitEnds(s.forgotten)
	s.atOnce(s.forgotten, func(q *question) {
		q.late = true
		s.storm(q, 3)
	})
	s.quiet()
}

// storm answers a question so many times at once, some of them in copies.
func (s *answers) storm(q *question, times int) {
	var all sync.WaitGroup
	for i := range times {
		a := answer{q.decisions[s.number(len(q.decisions))], fmt.Sprintf("%s.%d", q.entry.orderID(), i)}
		byEvent, copies := s.number(2) == 0, 1+s.number(3)
		all.Go(func() {
			if byEvent {
				s.publish(q, a, copies)
				return
			}
			for range copies {
				s.invoke(q, a)
			}
		})
	}
	if q.function == "payment-callback" {
		all.Go(func() { s.invoke(q, answer{"processing", ""}) })
	}
	all.Wait()
}

// contradict answers a question that was settled long ago otherwise.
func (s *answers) contradict(q *question) {
	for _, decision := range q.decisions {
		s.invoke(q, answer{decision, "too-late." + decision})
		s.publish(q, answer{decision, "too-late." + decision}, 1)
	}
}

func (s *answers) publish(q *question, a answer, copies int) {
	q.noted(a, copies, copies)
	s.sent.Add(int64(copies))
	s.byEvent.Add(int64(copies))
	if err := s.w.publish(s.Context(), q.by(a, copies)...); err != nil {
		s.Error(err)
	}
}

// by is an answer as an event, so many times.
func (q *question) by(a answer, copies int) (entries []entry) {
	for range copies {
		entries = append(entries, entry{EventBusName: "ecommerce-orders", Source: q.source, DetailType: q.detailType, detail: q.detail(q.entry.orderID(), a.decision, a.by)})
	}
	return entries
}

func (s *answers) invoke(q *question, a answer) {
	q.noted(a, 1, 0)
	s.sent.Add(1)
	r := s.call(q.desk, q.entry.orderID(), a)
	q.mu.Lock()
	defer q.mu.Unlock()
	said, first := r.outcome(), "answered"
	if q.late {
		first = "late"
	}
	switch said {
	case first:
		if q.won != "" {
			s.Errorf("order %s: %s and %s were both told that their answer counts", q.entry.orderID(), q.won, a.by)
		}
		q.won = a.by
	case "late heartbeat":
		if !q.late {
			s.Errorf("order %s: a heartbeat in time heard %+v", q.entry.orderID(), r)
		}
	case "duplicate", "heartbeat":
		otherwise := q.table == "Approvals" && r.Status != a.decision
		if otherwise != (r.StatusCode == 409) {
			s.Errorf("order %s: %s said %s and heard %+v", q.entry.orderID(), a.by, a.decision, r)
		}
	default:
		s.Errorf("order %s: %s said %s and heard %+v", q.entry.orderID(), a.by, a.decision, r)
	}
}

// call invokes a desk's function as a person does.
func (s *answers) call(d *desk, order string, a answer) (r reply) {
	payload, err := json.Marshal(d.detail(order, a.decision, a.by))
	if err != nil {
		s.Error(err)
		return r
	}
	out, err := s.lambda.Invoke(s.Context(), &lambda.InvokeInput{FunctionName: aws.String(s.w.Prefix + d.function), Payload: payload})
	if err != nil {
		s.Error(err)
		return r
	}
	if err := json.Unmarshal(out.Payload, &r); err != nil {
		s.Errorf("%s answered %s: %v", d.function, out.Payload, err)
	}
	return r
}

func (q *question) noted(a answer, told, events int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.said[a.by] = a
	q.told += told
	q.events += events
}

func (s *answers) awaitEnds(questions []*question) {
	for _, q := range questions {
		if _, err := s.w.finish(s.Context(), q.arn); err != nil {
			s.Fatal(err)
		}
	}
}

// askNobody answers what nobody asked.
func (s *answers) askNobody(n int) {
	for i := range n {
		for j := range desks {
			d := &desks[j]
			id, a := fmt.Sprintf("NOBODY-%s-%d-%d", s.w.tag, i, j), answer{d.decisions[0], "nobody"}
			s.unknown = append(s.unknown, id)
			if r := s.call(d, id, a); r.ErrorType != d.unknown {
				s.Errorf("%s, about an order that nobody asked about, must fail as %s, but answered %+v", d.function, d.unknown, r)
			}
			q := question{desk: d, entry: entry{detail: map[string]any{"orderId": id}}}
			if err := s.w.publish(s.Context(), q.by(a, 1)...); err != nil {
				s.Error(err)
			}
		}
	}
}
