package story

// This file defines the story of the night: orders go well, fail and get stuck,
// and at 02:00 somebody counts.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

var dailyStories = []Story{
	{Name: "daily", Title: "The night finds the order that got stuck with its payment; it is mended, and the day is reconciled again", Virtual: true, tell: nightAfter},
}

const (
	dailyMachine   = "daily-batch-processing"
	reconciledType = "Order Reconciliation Completed"
)

// mended is an order whose payment was announced before its first execution died, and is
// once more.
var mended = expected{status: "fulfilled", executions: 1, ends: []string{"OrderCompleted"},
	events: map[string]int{"Payment Completed": 2, "Order Fulfilled": 1, "Invoice Issued": 1}}

// nightReport is what the story reads of a report.
type nightReport struct {
	ProcessedDate    string
	DayOver          bool
	RecordsProcessed int
	ByStatus         []struct {
		Status, Currency string
		Orders           int
		Amount           json.Number
	}
	Payments []struct {
		Currency                              string
		Taken, Fulfilled, Refunded, Unsettled json.Number
	}
	Stock       json.RawMessage
	Differences int
	Errors      json.RawMessage
	Listed      []struct{ Kind, OrderID, Detail string }
}

func (n nightReport) orders(status string) int {
	for _, line := range n.ByStatus {
		if line.Status == status && line.Currency == "USD" {
			return line.Orders
		}
	}
	return 0
}

// about are the kinds of differences of an order.
func (n nightReport) about(id string) (kinds []string) {
	for _, f := range n.Listed {
		if f.OrderID == id {
			kinds = append(kinds, f.Kind)
		}
	}
	return kinds
}

func nightAfter(ctx context.Context, w *World) error {
	if err := w.seed(ctx, seedStock); err != nil {
		return err
	}
	now, err := w.now(ctx)
	if err != nil {
		return err
	}
	day := now.Format(time.DateOnly)
	before, err := w.reconcile(ctx, day, 1000)
	if err != nil {
		return err
	}
	stuck, err := w.dayOfOrders(ctx, now)
	if err != nil {
		return err
	}
	found, err := w.night(ctx, now)
	if err != nil {
		return err
	}
	w.sayReport(found)
	w.expect(found.DayOver && !before.DayOver, "the day must be over by the night, and not before")
	w.more(before, found, map[string]int{"fulfilled": 1, "payment_failed": 1, "paid": 1})
	kinds := found.about(stuck.orderID())
	w.expect(slices.Equal(kinds, []string{"order_stuck", "payment_without_fulfillment"}), "the stuck order must be found, and its payment, but found was %v", kinds)
	again, err := w.reconcile(ctx, day, 2)
	if err != nil {
		return err
	}
	w.expect(again.text() == found.text(), "the day reconciled again, in pages of two, must come to the same, but comes to\n%s\nand not to\n%s", again.text(), found.text())
	return w.mendNight(ctx, day, stuck, again)
}

// text is all of a report that the story reads, to be compared.
func (n nightReport) text() string {
	text, _ := json.Marshal(n) // made by decoding JSON
	return string(text)
}

// now is the endpoint's time, as a refused request shows it. If midnight is near,
// the story begins after it.
func (w *World) now(ctx context.Context) (time.Time, error) {
	for {
		arn, err := w.start(ctx, dailyMachine, map[string]any{"batchDate": "../2026-11-21"})
		if err != nil {
			return time.Time{}, err
		}
		r, err := w.finish(ctx, arn)
		if err != nil {
			return time.Time{}, err
		}
		w.expect(r.err == "DayRefused" && strings.Contains(r.cause, "batchDate"), "what is no day must be refused by name, but the execution ended in %s (%s)", r.err, r.cause)
		if r.ended.UTC().Hour() < 22 {
			return r.ended.UTC(), nil
		}
		if err := w.Advance(ctx, 3*time.Hour); err != nil {
			return time.Time{}, err
		}
	}
}

// reconcile lets a day be reconciled by hand, in pages of so many, and reads its
// report.
func (w *World) reconcile(ctx context.Context, day string, pageSize int) (nightReport, error) {
	arn, err := w.start(ctx, dailyMachine, map[string]any{"batchDate": day, "triggeredBy": "a story", "pageSize": pageSize})
	if err != nil {
		return nightReport{}, err
	}
	r, err := w.finish(ctx, arn)
	if err != nil {
		return nightReport{}, err
	}
	found, err := w.nightReport(ctx, r)
	pages := 0
	for _, s := range r.states {
		if s == "BatchProcessingTask" {
			pages++
		}
	}
	w.expect(err != nil || found.RecordsProcessed < pageSize || pages > 1, "%d orders in pages of %d must take more than %d", found.RecordsProcessed, pageSize, pages)
	return found, err
}

// night lets 02:00 come, and reads what was found.
func (w *World) night(ctx context.Context, now time.Time) (nightReport, error) {
	two := now.Truncate(24 * time.Hour).Add(26 * time.Hour)
	if err := w.Advance(ctx, two.Add(time.Minute).Sub(now)); err != nil {
		return nightReport{}, err
	}
	runs, err := w.caused(ctx, dailyMachine, two.Format(time.RFC3339), 1)
	if err != nil {
		return nightReport{}, err
	}
	w.say("night    %s", runs[0].input)
	w.tellRun(runs[0])
	w.expect(len(runs) == 1, "a night must be reconciled once, but was %d times", len(runs))
	day := now.Format(time.DateOnly)
	w.expect(len(w.hear(ctx, reconciledType, day, 1)) > 0, "%q of %s must be on the bus", reconciledType, day)
	if err := w.differencesAlarm(ctx, cwtypes.StateValueAlarm); err != nil {
		return nightReport{}, err
	}
	return w.nightReport(ctx, runs[0])
}

// differencesAlarm lets minutes pass until the alarm is as it must be, and it stays.
func (w *World) differencesAlarm(ctx context.Context, want cwtypes.StateValue) error {
	return w.minutes(ctx, 15, func() (string, error) {
		a, err := w.alarm(ctx, "ReconciliationDifferences", "")
		if err != nil || a.StateValue == want {
			return "", err
		}
		return fmt.Sprintf("%s is %s, not %s", aws.ToString(a.AlarmName), a.StateValue, want), nil
	})
}

// nightReport reads the report that an execution names.
func (w *World) nightReport(ctx context.Context, r run) (found nightReport, err error) {
	var summary struct {
		ReportBucket, ReportKey, Status string
		RecordsProcessed, Differences   int
	}
	if err := json.Unmarshal([]byte(r.output), &summary); err != nil {
		return found, fmt.Errorf("the execution ended in %s (%s: %s): %w", r.end(), r.err, r.cause, err)
	}
	out, err := w.s3().GetObject(ctx, &s3.GetObjectInput{Bucket: &summary.ReportBucket, Key: &summary.ReportKey})
	if err != nil {
		return found, err
	}
	text, err := io.ReadAll(out.Body)
	if err = errors.Join(err, out.Body.Close(), json.Unmarshal(text, &found)); err != nil {
		return found, err
	}
	w.expect(r.end() == "Day Reconciled" && summary.Status == "completed" && summary.RecordsProcessed == found.RecordsProcessed && summary.Differences == found.Differences,
		"the execution must say what its report says, but ended in %s with %s", r.end(), r.output)
	return found, nil
}

func (w *World) sayReport(n nightReport) {
	for _, line := range n.ByStatus {
		w.say("counted  %3d %-20s %10s %s", line.Orders, line.Status, line.Amount, line.Currency)
	}
	for _, p := range n.Payments {
		w.say("payments taken %s %s: fulfilled %s, given back %s, open %s", p.Taken, p.Currency, p.Fulfilled, p.Refunded, p.Unsettled)
	}
	for _, f := range n.Listed {
		w.say("found    %s %s: %s", f.Kind, f.OrderID, f.Detail)
	}
}

// more expects so many more orders of each status than before.
func (w *World) more(before, after nightReport, want map[string]int) {
	sum := 0
	for status, n := range want {
		sum += n
		got := after.orders(status) - before.orders(status)
		w.expect(got == n, "%d more orders must be %s, but %d are", n, status, got)
	}
	got := after.RecordsProcessed - before.RecordsProcessed
	w.expect(got == sum, "%d more orders must be counted, but %d are", sum, got)
}

// dayOfOrders lets one order go well, one be declined, and one get stuck behind its
// payment, which it returns.
func (w *World) dayOfOrders(ctx context.Context, now time.Time) (stuck entry, err error) {
	var orders []entry
	for _, gateway := range []decision{accepted, refused, accepted} {
		entries, err := w.sample("order-placed")
		if err != nil {
			return stuck, err
		}
		entries[0].setOrderID(w.newOrderID(entries[0].orderID(), gateway))
		w.tellOrder(entries[0])
		orders = append(orders, entries[0])
	}
	if err := w.publish(ctx, orders[:2]...); err != nil {
		return stuck, err
	}
	if err := w.follow(ctx, map[string]expected{orders[0].orderID(): fulfilled, orders[1].orderID(): declined}, orders[0].taken()); err != nil {
		return stuck, err
	}
	w.say("stuck    the execution of %s dies behind its payment", orders[2].orderID())
	return orders[2], w.abandon(ctx, orders[2], now)
}

// abandon takes an order as far as its payment, by the workflow's functions, as an
// execution would that ends there without a word.
func (w *World) abandon(ctx context.Context, e entry, now time.Time) error {
	client := lambda.NewFromConfig(w.sdk)
	execution := map[string]any{"id": "died behind the payment of " + e.orderID(), "time": now}
	for _, step := range []string{"order-validation", "inventory-check", "payment-processing"} {
		payload, err := json.Marshal(map[string]any{"order": e.detail, "orderId": e.orderID(), "execution": execution})
		if err != nil {
			return err
		}
		out, err := client.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String(w.Prefix + step), Payload: payload})
		if err != nil {
			return err
		}
		w.expect(out.FunctionError == nil, "%s must take order %s, but says %s", step, e.orderID(), out.Payload)
	}
	return nil
}

// mendNight does what the report's kind asks for: the order's event is sent again.
// Then the day has nothing to complain of, as far as this story goes.
func (w *World) mendNight(ctx context.Context, day string, stuck entry, before nightReport) error {
	w.say("mended   the event of %s is sent again", stuck.orderID())
	if err := w.forgetExpress(ctx); err != nil {
		return err
	}
	if err := w.publish(ctx, stuck); err != nil {
		return err
	}
	moved := stuck.taken()
	for product := range moved {
		moved[product] *= 2 // the order that went well, too
	}
	if err := w.follow(ctx, map[string]expected{stuck.orderID(): mended}, moved); err != nil {
		return err
	}
	// The alarm takes the highest of five minutes.
	if err := w.Advance(ctx, 5*time.Minute); err != nil {
		return err
	}
	after, err := w.reconcile(ctx, day, 1000)
	if err != nil {
		return err
	}
	w.more(before, after, map[string]int{"fulfilled": 1, "paid": -1})
	w.expect(len(after.about(stuck.orderID())) == 0, "order %s is mended, but found was %v", stuck.orderID(), after.about(stuck.orderID()))
	w.say("outcome  %s", w.verdict(fmt.Sprintf("%d differences, before %d", after.Differences, before.Differences), after.Differences == before.Differences-2))
	w.expect(after.Differences == before.Differences-2, "two differences must be mended, but of %d there are %d", before.Differences, after.Differences)
	if after.Differences > 0 { // what other stories left
		return nil
	}
	return w.differencesAlarm(ctx, cwtypes.StateValueOk)
}
