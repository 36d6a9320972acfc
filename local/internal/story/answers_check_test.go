package story

// This file holds what came of a storm of answers against what must have: see
// answers_test.go.

import (
	"encoding/json"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

// check looks at everything that an answer may have changed.
func (s *answers) check() {
	s.w.ears.drain(s.Context(), func() bool { return true }) // all was delivered: nothing moves any more
	outcomes := s.logs()
	moved := map[string]int{}
	paid := map[string]int{}
	for _, q := range s.questions {
		a := s.settled(q)
		s.endedOnce(q, a.decision, 1)
		s.heardOnce(q, a.decision)
		s.saidSo(q, outcomes[q.entry.orderID()])
		if q.ends[a.decision] == "OrderCompleted" {
			paid[q.table]++
			for product, by := range q.entry.taken() {
				moved[product] += by
			}
		}
	}
	for _, q := range s.forgotten {
		s.endedOnce(q, inVain, 0)
		s.heardOnce(q, inVain)
		s.givenBack(q, outcomes[q.entry.orderID()])
	}
	if err := s.w.compareStock(s.Context(), moved); err != nil {
		s.Fatal(err)
	}
	s.processed("OrderProcessingWorkflow", paid["Approvals"])
	s.processed("CloseOrderWorkflow", paid["Approvals"]+paid["CallbackTokens"])
	s.buried()
}

// settled reads a question's row: it tells whose answer counted, and has no token
// any more. The order tells the same.
func (s *answers) settled(q *question) answer {
	s.Helper()
	row, err := s.w.item(s.Context(), q.table, q.entry.orderID())
	if err != nil {
		s.Fatal(err)
	}
	var outcome struct{ Approver, PaymentID string }
	if err := json.Unmarshal([]byte(row["outcome"]), &outcome); err != nil {
		s.Fatalf("order %s: the row's outcome: %v", q.entry.orderID(), err)
	}
	a, ok := q.said[outcome.Approver+outcome.PaymentID+row["cause"]]
	status := map[string]string{"success": "completed"}[a.decision]
	if status == "" {
		status = a.decision
	}
	if !ok || row["status"] != status {
		s.Errorf("order %s is %s by %q, who said %q", q.entry.orderID(), row["status"], a.by, a.decision)
	}
	if q.won != "" && q.won != a.by {
		s.Errorf("order %s: %s was told that the answer counts, and %s's did", q.entry.orderID(), q.won, a.by)
	}
	if row["taskToken"] != "" || row["answeredAt"] == "" {
		s.Errorf("order %s: the token must be answered and gone: answered %q", q.entry.orderID(), row["answeredAt"])
	}
	s.recorded(q, a)
	return a
}

// recorded holds the order against the answer that counted.
func (s *answers) recorded(q *question, a answer) {
	s.Helper()
	record, err := s.w.item(s.Context(), "Orders", q.entry.orderID())
	if err != nil {
		s.Fatal(err)
	}
	want := map[string]string{"approved": "fulfilled", "success": "fulfilled", "rejected": "rejected", "failed": "payment_failed"}[a.decision]
	if record["status"] != want {
		s.Errorf("order %s was answered %s and must be %s, but is %s", q.entry.orderID(), a.decision, want, record["status"])
	}
	if a.decision == "success" && record["paymentId"] != a.by {
		s.Errorf("order %s must have the payment %s, but has %q", q.entry.orderID(), a.by, record["paymentId"])
	}
	if want != "fulfilled" && record["paymentId"] != "" {
		s.Errorf("order %s is %s and has the payment %s", q.entry.orderID(), want, record["paymentId"])
	}
}

// endedOnce reads the execution: it ended as it was answered, every state was
// entered once, and its token was answered so many times.
func (s *answers) endedOnce(q *question, decision string, answers int) {
	s.Helper()
	entered, tokens, last := map[string]int{}, 0, ""
	pages := sfn.NewGetExecutionHistoryPaginator(s.w.states, &sfn.GetExecutionHistoryInput{ExecutionArn: &q.arn, MaxResults: 1000})
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.Context())
		if err != nil {
			s.Fatal(err)
		}
		for _, e := range page.Events {
			switch {
			case e.StateEnteredEventDetails != nil:
				last = *e.StateEnteredEventDetails.Name
				entered[last]++
			case e.TaskSucceededEventDetails != nil && strings.HasSuffix(*e.TaskSucceededEventDetails.Resource, "waitForTaskToken"),
				e.TaskFailedEventDetails != nil && strings.HasSuffix(*e.TaskFailedEventDetails.Resource, "waitForTaskToken"):
				tokens++
			}
		}
	}
	if last != q.ends[decision] || tokens != answers {
		s.Errorf("order %s, %s, must end in %s after %d answers, but ended in %s after %d", q.entry.orderID(), decision, q.ends[decision], answers, last, tokens)
	}
	for state, n := range entered {
		if n != 1 {
			s.Errorf("order %s: %s was entered %d times", q.entry.orderID(), state, n)
		}
	}
}

// heardOnce counts the order's events.
func (s *answers) heardOnce(q *question, decision string) {
	s.Helper()
	want := map[string]int{}
	for _, detailType := range q.desk.events[decision] {
		want[detailType] = 1
	}
	if q.events > 0 {
		want[q.detailType] = q.events
	}
	seen := s.w.seen[q.entry.orderID()]
	for detailType, n := range want {
		if seen[detailType] != n {
			s.Errorf("order %s, %s: %q was %d times on the bus instead of %d", q.entry.orderID(), decision, detailType, seen[detailType], n)
		}
	}
	for detailType, n := range seen {
		if want[detailType] == 0 {
			s.Errorf("order %s, %s: %q was %d times on the bus", q.entry.orderID(), decision, detailType, n)
		}
	}
}

// saidSo holds what the functions logged about an order: whoever answered, and by
// which way, one was told that it counts, all others that it does not.
func (s *answers) saidSo(q *question, outcomes map[string]int) {
	s.Helper()
	told := 0
	for _, n := range outcomes {
		told += n
	}
	if outcomes["answered"] != 1 || outcomes["late"] != 0 || told != q.told {
		s.Errorf("order %s was answered %d times: %v", q.entry.orderID(), q.told, outcomes)
	}
	s.counted(outcomes)
}

func (s *answers) counted(outcomes map[string]int) {
	s.first.Add(int64(outcomes["answered"]))
	s.duplicate.Add(int64(outcomes["duplicate"]))
	s.beats.Add(int64(outcomes["heartbeat"] + outcomes["late heartbeat"]))
	s.late.Add(int64(outcomes["late"]))
}

// givenBack holds an order that was answered too late: the first gateway heard so,
// and whatever it may have charged was asked back; people heard that the approval
// had expired.
func (s *answers) givenBack(q *question, outcomes map[string]int) {
	s.Helper()
	record, err := s.w.item(s.Context(), "Orders", q.entry.orderID())
	if err != nil {
		s.Fatal(err)
	}
	late, status := 0, "rejected"
	if q.table == "CallbackTokens" {
		late, status = 1, "payment_failed"
	}
	if record["status"] != status || (record["refundedAt"] != "") != (late == 1) {
		s.Errorf("order %s must be %s, and is %s, refunded at %q", q.entry.orderID(), status, record["status"], record["refundedAt"])
	}
	told := 0
	for _, n := range outcomes {
		told += n
	}
	if outcomes["answered"] != 0 || outcomes["late"] != late || told != q.told {
		s.Errorf("order %s was answered %d times after its end: %v", q.entry.orderID(), q.told, outcomes)
	}
	s.counted(outcomes)
}

// logs reads every line of every log group: how answers were answered, by order.
// No task token may be in any.
func (s *answers) logs() map[string]map[string]int {
	client := cloudwatchlogs.NewFromConfig(s.w.sdk)
	outcomes := map[string]map[string]int{}
	groups := cloudwatchlogs.NewDescribeLogGroupsPaginator(client, &cloudwatchlogs.DescribeLogGroupsInput{})
	lines := 0
	for groups.HasMorePages() {
		page, err := groups.NextPage(s.Context())
		if err != nil {
			s.Fatal(err)
		}
		for _, g := range page.LogGroups {
			pages := cloudwatchlogs.NewFilterLogEventsPaginator(client, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: g.LogGroupName})
			for pages.HasMorePages() {
				page, err := pages.NextPage(s.Context())
				if err != nil {
					s.Fatal(err)
				}
				for _, e := range page.Events {
					lines++
					s.line(*e.Message, outcomes)
				}
			}
		}
	}
	s.Logf("%d lines in the logs", lines)
	return outcomes
}

func (s *answers) line(text string, outcomes map[string]map[string]int) {
	if word := s.secret(text); word != "" {
		s.Errorf("a task token is in the log line %.80q", strings.ReplaceAll(text, word, "TOKEN"))
	}
	var line struct {
		reply
		Message, OrderID string
	}
	if !strings.HasPrefix(text, "{") || json.Unmarshal([]byte(text), &line) != nil || line.Message != "approval decided" && line.Message != "the gateway called back" {
		return
	}
	if outcomes[line.OrderID] == nil {
		outcomes[line.OrderID] = map[string]int{}
	}
	outcomes[line.OrderID][line.outcome()]++
}

// secret finds a token in a text.
func (s *answers) secret(text string) string {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\n\"',:;{}[]()\\", r) }) {
		if s.tokens[word] {
			return word
		}
	}
	return ""
}

// processed counts a machine's executions of these orders.
func (s *answers) processed(machine string, want int) {
	s.Helper()
	of, err := s.w.machineARN(machine)
	if err != nil {
		s.Fatal(err)
	}
	ours := map[string]bool{}
	for _, q := range s.questions {
		ours[q.entry.orderID()] = true
	}
	got := 0
	pages := sfn.NewListExecutionsPaginator(s.w.states, &sfn.ListExecutionsInput{StateMachineArn: &of, MaxResults: 1000})
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.Context())
		if err != nil {
			s.Fatal(err)
		}
		for _, x := range page.Executions {
			id, err := s.w.orderOf(s.Context(), *x.ExecutionArn)
			if err != nil {
				s.Fatal(err)
			}
			if ours[id] {
				got++
			}
		}
	}
	if got != want {
		s.Errorf("%s has %d executions for %d orders", machine, got, want)
	}
}

// buried looks for the events about orders that nobody asked about.
func (s *answers) buried() {
	dead, err := s.w.queue(s.Context(), "approval-and-callback-failures")
	if err != nil {
		s.Fatal(err)
	}
	for _, id := range s.unknown {
		found, err := dead.collect(s.Context(), id, 1)
		if err != nil || len(found) != 1 {
			s.Errorf("the event about %s, which nobody asked about, must be in the dead-letter queue: %v", id, err)
		}
	}
}
