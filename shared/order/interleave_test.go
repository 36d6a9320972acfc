package order

// This file tests what the book promises when several executions work at the
// same orders at once, with requests and answers that get lost and executions
// that die: every request to DynamoDB is a point where any of them may go on.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

func jsonNumber(text string) json.Number { return json.Number(text) }

var (
	errLost  = errors.New("the request or its answer got lost")
	errDeath = errors.New("the execution was aborted")
)

// play is one test case: executions taking turns, one request a turn.
type play struct {
	t       *rapid.T
	db      *tabletest.DB
	book    Book
	actors  []*actor
	charges map[string]int // taken minus given back
	taken   map[string]int // ever
	direct  map[string]dynamodb.UpdateItemInput
	decided map[string]Status
}

// actor is one execution of the state machine, in a goroutine of its own that
// only runs while it is its turn. Everything is drawn and checked by the
// goroutine of the test, which hands out the turns.
type actor struct {
	*play
	Execution
	submission Submission
	turn       chan error // nil: go on; an error: this is the request's answer
	moved      chan move
	faults     int
	outcome    string
}

// move is what an actor did with its turn.
type move int

const (
	asks  move = iota // it is about to make a request
	wrote             // a request of it has written, the answer is under way
	ended
)

type actorKey struct{}

// yield hands the turn back and waits for the next one.
func yield(m move) func(context.Context, string) error {
	return func(ctx context.Context, _ string) error {
		a := ctx.Value(actorKey{}).(*actor)
		a.moved <- m
		return <-a.turn
	}
}

// perform lets the actors take turns until all have ended.
func (p *play) perform() {
	for _, a := range p.actors {
		go func() {
			a.outcome = a.run(context.WithValue(context.Background(), actorKey{}, a))
			a.moved <- ended
		}()
		<-a.moved // its first request
	}
	for waiting := slices.Clone(p.actors); len(waiting) > 0; {
		i := rapid.IntRange(0, len(waiting)-1).Draw(p.t, "turn")
		if waiting[i].next() == ended {
			waiting = slices.Delete(waiting, i, i+1)
		}
	}
}

// next lets the actor go on to its next request.
func (a *actor) next() move {
	a.turn <- a.fate()
	m := <-a.moved
	for ; m == wrote; m = <-a.moved {
		a.watch()
		a.turn <- a.answer()
	}
	return m
}

// fate decides whether the actor's request arrives.
func (a *actor) fate() error {
	if a.faults == 0 {
		return nil
	}
	switch rapid.IntRange(0, 9).Draw(a.t, a.ID+"'s fate") {
	case 0:
		a.faults--
		return errLost
	case 1:
		a.faults = 0
		return errDeath
	}
	return nil
}

// answer loses an answer now and then: the write was made, nobody knows.
func (a *actor) answer() error {
	if a.faults > 0 && rapid.IntRange(0, 4).Draw(a.t, a.ID+" loses the answer") == 0 {
		a.faults--
		return errLost
	}
	return nil
}

// retry is a Task's Retry: a fault is tried again, a named failure is not.
func retry[T any](attempts int, call func() (T, error)) (answer T, err error) {
	for range attempts {
		if answer, err = call(); !errors.Is(err, errLost) {
			return answer, err
		}
	}
	return answer, err
}

// run goes the way of statemachines/order-processing.asl.json.
func (a *actor) run(ctx context.Context) string {
	p, err := retry(2, func() (Placement, error) { return a.book.Place(ctx, a.submission) })
	switch {
	case err != nil:
		return a.compensate(ctx, err, Rejected, true)
	case p.Problem != "":
		return a.record(ctx, "RecordRejection", Rejected)
	case p.Duplicate:
		return "elsewhere"
	}
	res, err := retry(2, func() (Reservation, error) { return a.book.Reserve(ctx, a.submission.OrderID, a.Execution) })
	if err != nil {
		return a.compensate(ctx, err, Rejected, true)
	}
	if res.ID == "" {
		return a.record(ctx, "RecordOutOfStock", OutOfStock)
	}
	approved, err := retry(2, func() (bool, error) { return a.pay(ctx) })
	if err != nil {
		return a.compensate(ctx, err, PaymentFailed, true)
	}
	if !approved {
		return a.compensate(ctx, nil, PaymentFailed, false)
	}
	_, err = retry(2, func() (Record, error) { return a.book.Fulfill(ctx, a.submission.OrderID, a.Execution) })
	if err != nil {
		return a.compensate(ctx, err, FulfillmentFailed, true)
	}
	return "completed"
}

// pay goes the way of functions/orders/payment.
func (a *actor) pay(ctx context.Context) (bool, error) {
	id := a.submission.OrderID
	record, err := a.book.Load(ctx, id)
	if err != nil || record.PaidFor() {
		return true, err
	}
	if err := record.OpenFor(a.Execution); err != nil {
		return false, err
	}
	if id == "DECLINED" {
		return false, nil
	}
	if a.charges[id] == 0 && a.taken[id] == 0 { // idempotent, as a gateway is
		a.charges[id]++
		a.taken[id]++
	}
	paid, err := a.book.RecordPayment(ctx, id, a.Execution, "pay", "txn")
	if err != nil && paid.Status.Failed() {
		a.charges[id] = 0
	}
	return true, err
}

// compensate goes the way from ReleaseInventory on.
func (a *actor) compensate(ctx context.Context, cause error, as Status, mayBeCharged bool) string {
	if errors.Is(cause, errDeath) {
		return "died"
	}
	if cause != nil && failure.NameOf(cause) == failure.OrderSuperseded {
		return "elsewhere"
	}
	id := a.submission.OrderID
	type closed struct {
		Record
		bool
	}
	c, err := retry(20, func() (closed, error) {
		r, released, err := a.book.Close(ctx, id, a.Execution, Closing{as, "Failure", ""})
		return closed{r, released}, err
	})
	switch {
	case errors.Is(err, errDeath):
		return "died"
	case err != nil && failure.NameOf(err) == failure.OrderNotFound:
		return a.record(ctx, "RecordRejection", as)
	case err != nil:
		return "elsewhere"
	case c.Status == Fulfilled:
		return "completed"
	case mayBeCharged:
		a.charges[id] = 0
		if _, err = retry(20, func() (Record, error) { return a.book.RecordRefund(ctx, id, a.Execution) }); err != nil {
			return "died"
		}
	}
	return "failed"
}

// record makes a direct integration's write, with the machine's own expressions.
func (a *actor) record(ctx context.Context, state string, status Status) string {
	in := a.direct[state]
	s := func(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }
	in.TableName, in.Key = aws.String("Orders"), orderKey(a.submission.OrderID)
	in.ExpressionAttributeValues = tabletest.Item{":status": s(string(status)), ":validated": s(string(Validated)), ":failure": s("Failure"),
		":reason": s(""), ":now": s(stamp(a.Time)), ":me": s(a.ID)}
	_, err := retry(20, func() (*dynamodb.UpdateItemOutput, error) { return a.db.UpdateItem(ctx, &in) })
	var refused *types.ConditionalCheckFailedException
	switch {
	case errors.As(err, &refused) && state == "RecordOutOfStock":
		return a.compensate(ctx, nil, status, true)
	case errors.As(err, &refused):
		return "elsewhere"
	case err != nil:
		return "died"
	}
	return "failed"
}

// watch looks at the book after every write.
func (p *play) watch() {
	held := 0
	for _, id := range orderIDs {
		if p.db.Item("Orders", id) == nil {
			continue
		}
		r := stored(p.t, p.db, id)
		if before, ok := p.decided[id]; ok && before != r.Status && before != Rejected {
			p.t.Fatalf("order %s was decided %s and is %s", id, before, r.Status)
		}
		if r.Status.Decided() {
			p.decided[id] = r.Status
		}
		if r.ReservationState == StockReserved || r.ReservationState == StockCommitted {
			held += 2
		}
		if (r.Status == Fulfilled) != (r.ReservationState == StockCommitted) {
			p.t.Fatalf("order %s is %s, its stock %s", id, r.Status, r.ReservationState)
		}
	}
	if left := quantity(p.t, p.db, "LAPTOP001"); left < 0 || left+held != laptops {
		p.t.Fatalf("%d laptops left, %d held, of %d", left, held, laptops)
	}
}

const laptops = 5 // for orders of two: two orders find stock, a third does not

var orderIDs = []string{"DECLINED", "FIRST", "SECOND", "THIRD"}

func TestInterleavings(t *testing.T) {
	direct := directIntegrations(t)
	seen := map[Status]int{}
	for range 10 { // rapid's 100 cases, ten times over: half a second
		rapid.Check(t, func(t *rapid.T) {
			p := newPlay(t, direct)
			p.perform()
			p.checkEnd()
			for _, status := range p.decided {
				seen[status]++
			}
		})
	}
	for _, status := range []Status{Fulfilled, OutOfStock, PaymentFailed} {
		require.Positive(t, seen[status], "no order ended %s in %v", status, seen)
	}
}

func newPlay(t *rapid.T, direct map[string]dynamodb.UpdateItemInput) *play {
	db := tabletest.New(map[string]string{"Orders": "orderId", "Inventory": "productId"})
	db.Set("Inventory", map[string]any{"productId": "LAPTOP001", "quantity": laptops})
	db.Before, db.Written = yield(asks), yield(wrote)
	p := &play{t: t, db: db, book: Book{API: db, Orders: "Orders", Inventory: "Inventory"}, direct: direct,
		charges: map[string]int{}, taken: map[string]int{}, decided: map[string]Status{}}
	for i := range rapid.IntRange(1, 6).Draw(t, "executions") {
		// Some come long after: they may take over from one that died. In this
		// play they may also come while the first still runs, which is worse than
		// what Lease allows, and must be safe too.
		e := Execution{ID: fmt.Sprint("E", i), Time: noon.Add(time.Duration(rapid.IntRange(0, 1).Draw(t, "hour")) * time.Hour)}
		s := submitted(e, Line{"LAPTOP001", 2, nil})
		s.OrderID = rapid.SampledFrom(orderIDs).Draw(t, "order")
		// An Express execution may run twice, at once, under one ARN:
		// https://docs.aws.amazon.com/step-functions/latest/dg/express-at-least-once-execution.html
		if i > 0 && rapid.IntRange(0, 2).Draw(t, "runs again") == 0 {
			of := rapid.SampledFrom(p.actors).Draw(t, "of")
			e, s = of.Execution, of.submission
		}
		s.Order.ID = s.OrderID
		p.actors = append(p.actors, &actor{play: p, Execution: e, submission: s, turn: make(chan error), moved: make(chan move),
			faults: rapid.SampledFrom([]int{0, 0, 1, 3, 8}).Draw(t, "faults")})
	}
	return p
}

// checkEnd holds when nobody moves any more.
func (p *play) checkEnd() {
	for _, id := range orderIDs {
		if p.db.Item("Orders", id) == nil {
			continue
		}
		r := stored(p.t, p.db, id)
		require.LessOrEqual(p.t, p.taken[id], 1, "%s was charged more than once", id)
		switch {
		case r.Status == Fulfilled:
			require.Equal(p.t, 1, p.charges[id], "%s is fulfilled and not paid", id)
		case r.Status.Failed() && !p.died():
			require.Zero(p.t, p.charges[id], "%s is %s and the money is gone", id, r.Status)
		case !r.Status.Decided():
			require.True(p.t, p.died(), "%s is left %s, and no execution died", id, r.Status)
		}
	}
}

func (p *play) died() bool {
	for _, a := range p.actors {
		if a.outcome == "died" {
			return true
		}
	}
	return false
}

// directIntegrations reads the machine's own dynamodb:updateItem expressions.
func directIntegrations(t *testing.T) map[string]dynamodb.UpdateItemInput {
	t.Helper()
	var machine struct {
		States map[string]struct {
			Parameters struct {
				UpdateExpression, ConditionExpression *string
				ExpressionAttributeNames              map[string]string
			}
		}
	}
	text, err := os.ReadFile("../../statemachines/order-processing.asl.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &machine))
	direct := map[string]dynamodb.UpdateItemInput{}
	for name, s := range machine.States {
		if p := s.Parameters; p.UpdateExpression != nil {
			direct[name] = dynamodb.UpdateItemInput{UpdateExpression: p.UpdateExpression, ConditionExpression: p.ConditionExpression,
				ExpressionAttributeNames: p.ExpressionAttributeNames}
		}
	}
	require.Contains(t, direct, "RecordRejection")
	require.Contains(t, direct, "RecordOutOfStock")
	return direct
}
