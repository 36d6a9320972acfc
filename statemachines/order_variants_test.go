package statemachines

// This file tests the order workflow's variants: checks in parallel, and the
// payment that survives a gateway's bad minutes.

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/stepworks/stepworks/local/simulate"
)

const (
	accepted = `{"accepted":true,"status":"reserved","failure":"","reason":""}`
	charged  = `{"Output":{"paymentStatus":"success","paymentId":"pay_1"}}`
	unpaid   = `{"Output":{"paymentStatus":"failed","error":"Payment processing failed"}}`
)

// refusedAs is what processResults answers about an order that ends so.
func refusedAs(status, failure string) simulate.Task {
	return answer(`{"accepted":false,"status":"` + status + `","failure":"` + failure + `","reason":"because"}`)
}

// troubles are what a step of ours meets in its life, one after the other, until
// it answers: a coverage of all its retriers.
func troubles(then string) simulate.Task {
	return inTurn("", "Lambda.TooManyRequestsException", "Runtime.ExitError", then)
}

// beyondRetry lets a direct integration fail once, and then answer.
func beyondRetry() simulate.Task { return inTurn("DynamoDB.InternalServerError", `{}`) }

// oneAfterTheOther answers the calls of a state, which a loop comes to again.
func oneAfterTheOther(texts ...string) simulate.Task {
	called := -1
	return func(simulate.Call) simulate.Answer {
		called++
		return simulate.Answer{Output: texts[min(called, len(texts)-1)]}
	}
}

// compensated is how a failed order's way ends.
const compensated = "ReleaseInventory, FulfilledAfterAll?, AnnounceFailure, WhichFailure?, "

// compensationRoutes are the ways through the compensation, which the variants
// have in common. begin is the way to it: an order that was paid and could not be
// fulfilled.
func compensationRoutes(input, begin string, choice string) []route {
	broken := func(more answers) answers {
		more["ProcessFulfillment"] = breaks("Internal.Unexpected")
		return more
	}
	begin += "NoteFulfillmentTrouble, ReleaseInventory, "
	end := "AnnounceFailure, " + choice + "FulfillmentFailed"
	return []route{
		{"not fulfilled", input, broken(answers{"ReleaseInventory": troubles(released), "RefundPayment": troubles(`{}`), "AnnounceFailure": beyondRetry()}),
			begin + "FulfilledAfterAll?, RefundPayment, " + end, "FulfillmentFailed", ""},
		{"fulfilled, but the answer got lost", input, broken(answers{"ReleaseInventory": answer(kept), "AnnounceFulfillment": beyondRetry()}),
			begin + "FulfilledAfterAll?, AnnounceFulfillment, OrderCompleted", "", ""},
		{"fulfilled, and nothing can be announced", input, broken(answers{"ReleaseInventory": answer(kept), "AnnounceFulfillment": breaks("EventBridge.FailedEntry")}),
			begin + "FulfilledAfterAll?, AnnounceFulfillment, OrderCompleted", "", ""},
		{"refund broken", input, broken(answers{"RefundPayment": breaks("Payment.NotFound"), "RequestManualReview": beyondRetry()}),
			begin + "FulfilledAfterAll?, RefundPayment, RequestManualReview, " + end, "FulfillmentFailed", ""},
		{"release broken, nothing written down", input, broken(answers{"ReleaseInventory": breaks("Access.Denied"), "RequestManualReview": breaks("DynamoDB.InternalServerError")}),
			begin + "RequestManualReview, " + end, "FulfillmentFailed", ""},
		{"release broken, another has the order now", input, broken(answers{"ReleaseInventory": breaks("Access.Denied"), "RequestManualReview": breaks("DynamoDB.ConditionalCheckFailedException")}),
			begin + "RequestManualReview, HandledElsewhere", "", ""},
		{"another has the order now", input, broken(answers{"ReleaseInventory": breaks("Order.Superseded")}), begin + "HandledElsewhere", "", ""},
		{"fulfilled elsewhere", input, answers{"ProcessFulfillment": breaks("Order.Superseded")}, "ProcessFulfillment, HandledElsewhere", "", ""},
		{"nothing can be announced", input, broken(answers{"AnnounceFailure": breaks("EventBridge.FailedEntry")}), end, "FulfillmentFailed", ""},
	}
}

func TestOrderProcessingParallel(t *testing.T) {
	usual := answers{
		"ValidateOrder": answer(valid), "CheckInventory": answer(reserved), "ValidateCustomer": answer(`{"customerValid":true}`),
		"CalculateShipping": answer(`{"deliverable":true}`), "ProcessResults": answer(accepted), "ProcessPayment": answer(charged),
		"ProcessFulfillment": answer(shipped), "ReleaseInventory": answer(released), "RefundPayment": answer(`{}`),
		"AnnounceFailure": answer(`{}`), "AnnounceFulfillment": answer(`{}`), "RequestManualReview": answer(`{}`),
	}
	routes := []route{
		{"fulfilled", placed, nil, "ProcessResults, OrderAccepted?, ProcessPayment, PaymentSuccessful?, ProcessFulfillment, OrderCompleted", "", ""},
		{"each step passes its trouble by", placed, answers{"ValidateOrder": troubles(valid), "CheckInventory": troubles(reserved), "ValidateCustomer": troubles(`{}`),
			"CalculateShipping": troubles(`{}`), "ProcessResults": troubles(accepted), "ProcessFulfillment": troubles(shipped)}, "OrderCompleted", "", ""},
		{"not an order", placed, answers{"ValidateOrder": answer(invalid)}, "OrderValid?, OrderValidationFailed", "OrderValidationFailed", ""},
		{"not checked", placed, answers{"ValidateOrder": breaks("Access.Denied")}, "ValidateOrder, OrderValidationFailed", "OrderValidationFailed", ""},
		{"placed before", placed, answers{"ValidateOrder": answer(twin)}, "OrderValid?, HandledElsewhere", "", ""},
		{"too little stock", placed, answers{"ProcessResults": refusedAs("out_of_stock", "InsufficientInventory")},
			"OrderAccepted?, NoteRefused, " + compensated + "InsufficientInventory", "InsufficientInventory", ""},
		{"a customer without credit", placed, answers{"ProcessResults": refusedAs("rejected", "CustomerRefused")},
			"OrderAccepted?, NoteRefused, " + compensated + "CustomerRefused", "CustomerRefused", ""},
		{"a far country", placed, answers{"ProcessResults": refusedAs("rejected", "ShippingUnavailable")},
			"OrderAccepted?, NoteRefused, " + compensated + "ShippingUnavailable", "ShippingUnavailable", ""},
		{"shipping breaks down after stock was reserved", placed, answers{"CalculateShipping": breaks("Access.Denied")},
			"NoteChecksTrouble, ReleaseInventory, FulfilledAfterAll?, RefundPayment, AnnounceFailure, WhichFailure?, OrderChecksFailed", "OrderChecksFailed", ""},
		{"taken over while checking", placed, answers{"CheckInventory": breaks("Order.Superseded")}, "HandledElsewhere", "", ""},
		{"results not joined", placed, answers{"ProcessResults": breaks("Input.Malformed")}, "OrderChecksFailed", "OrderChecksFailed", ""},
		{"taken over while joining", placed, answers{"ProcessResults": breaks("Order.Superseded")}, "ProcessResults, HandledElsewhere", "", ""},
		{"declined", placed, answers{"ProcessPayment": answer(unpaid)}, "PaymentSuccessful?, NotePaymentDeclined, " + compensated + "PaymentFailed", "PaymentFailed", ""},
		{"payment failed", placed, answers{"ProcessPayment": breaks("States.TaskFailed")},
			"ProcessPayment, NotePaymentTrouble, ReleaseInventory, FulfilledAfterAll?, RefundPayment, AnnounceFailure, WhichFailure?, PaymentProcessingFailed", "PaymentProcessingFailed", ""},
	}
	good := "OrderAccepted?, ProcessPayment, PaymentSuccessful?, ProcessFulfillment, "
	follow(t, "order-processing-parallel.asl.json", usual, append(routes, compensationRoutes(placed, good, "WhichFailure?, ")...))
}

func TestResilientPayment(t *testing.T) {
	const file = "resilient-payment.asl.json"
	order := `{"orderId":"A","customerId":"C","amount":9.00,"execution":{"id":"E"}}`
	m := follow(t, file, answers{"ProcessPayment": answer(paid)}, []route{
		{"paid", order, nil, "ProcessWithErrorHandling, ProcessPayment, PaymentAnswered", "", paid},
		{"declined is an answer", order, answers{"ProcessPayment": answer(declined)}, "PaymentAnswered", "", declined},
		{"bad minutes", order, answers{"ProcessPayment": inTurn("", "Lambda.TooManyRequestsException", "Runtime.ExitError", "Runtime.ExitError", paid)}, "PaymentAnswered", "", paid},
		{"a refusal is not retried", order, answers{"ProcessPayment": breaks("Payment.AmountMismatch")}, "ProcessPayment, OrderFailure", "OrderProcessingError", ""},
		{"never an answer", order, answers{"ProcessPayment": simulate.Never()}, "ProcessPayment, OrderFailure", "OrderProcessingError", ""},
	})
	// The seed's figures: 2 s, three times, twice as long each time.
	attempts := 0
	m.Task("ProcessPayment", func(simulate.Call) simulate.Answer {
		attempts++
		return simulate.Answer{Error: "Runtime.ExitError"}
	})
	run := m.Run(order)
	assert.Equal(t, 4, attempts)
	assert.Equal(t, 14*time.Second, run.Took)
}

// TestParallelGivesBack: whatever branch fails, the release is asked for under the
// order's id and the execution's.
func TestParallelGivesBack(t *testing.T) {
	for _, branch := range []string{"CheckInventory", "ValidateCustomer", "CalculateShipping"} {
		m := load(t, "order-processing-parallel.asl.json")
		tasks := answers{"ValidateOrder": answer(valid), "CheckInventory": answer(reserved), "ValidateCustomer": answer(`{}`), "CalculateShipping": answer(`{}`),
			"RefundPayment": answer(`{}`), "AnnounceFailure": answer(`{}`)}
		tasks[branch] = breaks("Access.Denied")
		for state, then := range tasks {
			m.Task(state, then)
		}
		asked := ""
		m.Task("ReleaseInventory", func(c simulate.Call) simulate.Answer {
			asked = c.Input
			return simulate.Answer{Output: released}
		})
		run := m.Run(placed)
		assert.Equal(t, "OrderChecksFailed", run.Error, branch)
		assert.True(t, strings.Contains(asked, `"orderId":"A"`) && strings.Contains(asked, `"status":"rejected"`), "%s: %s", branch, asked)
	}
}

func TestOrderApproval(t *testing.T) {
	pending := func(next string) string {
		return `{"status":"pending","reason":"","deadline":"2026-01-04T00:00:00Z","nextCheck":"` + next + `","heartbeatSeconds":100,"timeoutSeconds":160}`
	}
	decided := func(status string) string {
		return `{"status":"` + status + `","reason":"` + status + ` by alice","deadline":"2026-01-04T00:00:00Z"}`
	}
	waits := `{"orderData":{"orderId":"A"},"form":"wait"}`
	usual := answers{
		"ValidateOrder": answer(valid), "HoldOrder": answer(`{}`), "RequestApproval": answer(pending("2026-01-02T00:00:00Z")), "AnnounceRequest": answer(`{}`),
		"CheckApprovalStatus": answer(decided("approved")), "WaitForDecision": answer(decided("approved")), "ReturnOrder": answer(`{}`),
		"ProcessOrder": answer(`{"Status":"SUCCEEDED","ExecutionArn":"arn"}`), "RecordRejection": answer(`{}`), "AnnounceFailure": answer(`{}`),
	}
	approved := "ApprovalChoice, ReturnOrder, ProcessOrder, OrderCompleted"
	closed := "RecordRejection, AnnounceFailure, WhichFailure?, "
	follow(t, "order-approval.asl.json", usual, []route{
		{"approved while it waits", waits, nil, "WhichForm?, WaitForApproval, CheckApprovalStatus, " + approved, "", ""},
		{"approved at the second look", waits, answers{"CheckApprovalStatus": oneAfterTheOther(pending("2026-01-03T00:00:00Z"), decided("approved"))},
			"WaitForApproval, CheckApprovalStatus, ApprovalChoice, WaitForApproval, CheckApprovalStatus, " + approved, "", ""},
		{"approved by callback", placed, nil, "WhichForm?, WaitForDecision, " + approved, "", ""},
		{"decided before", waits, answers{"RequestApproval": answer(decided("approved"))}, "WhichForm?, " + approved, "", ""},
		{"rejected", placed, answers{"WaitForDecision": answer(decided("rejected"))}, "ApprovalChoice, NoteRejected, " + closed + "ApprovalRejected", "ApprovalRejected", ""},
		{"expired", waits, answers{"CheckApprovalStatus": answer(decided("expired"))}, "ApprovalChoice, NoteExpired, " + closed + "ApprovalExpired", "ApprovalExpired", ""},
		{"nobody calls back", placed, answers{"WaitForDecision": simulate.Never(), "CheckApprovalStatus": answer(decided("expired"))},
			"WaitForDecision, CheckApprovalStatus, ApprovalChoice, NoteExpired, " + closed + "ApprovalExpired", "ApprovalExpired", ""},
		{"not an order", placed, answers{"ValidateOrder": answer(invalid)}, "OrderValid?, OrderValidationFailed", "OrderValidationFailed", ""},
		{"not checked", placed, answers{"ValidateOrder": breaks("Access.Denied")}, "ValidateOrder, OrderValidationFailed", "OrderValidationFailed", ""},
		{"placed before", placed, answers{"ValidateOrder": answer(twin)}, "OrderValid?, HandledElsewhere", "", ""},
		{"another has it", placed, answers{"HoldOrder": breaks("DynamoDB.ConditionalCheckFailedException")}, "HoldOrder, HandledElsewhere", "", ""},
		{"cannot be held", placed, answers{"HoldOrder": breaks("DynamoDB.InternalServerError")}, "HoldOrder, NoteApprovalTrouble, " + closed + "ApprovalFailed", "ApprovalFailed", ""},
		{"nobody can be asked", placed, answers{"RequestApproval": breaks("Order.NotFound")}, "RequestApproval, NoteApprovalTrouble, " + closed + "ApprovalFailed", "ApprovalFailed", ""},
		{"nobody can be told", placed, answers{"AnnounceRequest": breaks("EventBridge.FailedEntry")}, approved, "", ""},
		{"no token can be given away", placed, answers{"WaitForDecision": breaks("Internal.Unexpected")}, "WaitForDecision, NoteApprovalTrouble, " + closed + "ApprovalFailed", "ApprovalFailed", ""},
		{"no look can be taken", waits, answers{"CheckApprovalStatus": breaks("Access.Denied")}, "CheckApprovalStatus, NoteApprovalTrouble, " + closed + "ApprovalFailed", "ApprovalFailed", ""},
		{"taken over before it was approved", placed, answers{"ReturnOrder": breaks("DynamoDB.ConditionalCheckFailedException")}, "ReturnOrder, HandledElsewhere", "", ""},
		{"approved, and not given back", placed, answers{"ReturnOrder": breaks("DynamoDB.InternalServerError")}, "ReturnOrder, NoteApprovalTrouble, " + closed + "ApprovalFailed", "ApprovalFailed", ""},
		{"approved, and then out of stock", placed, answers{"ProcessOrder": breaks("States.TaskFailed")}, "ProcessOrder, OrderFailure", "OrderProcessingError", ""},
		{"rejected, and taken over", placed, answers{"WaitForDecision": answer(decided("rejected")), "RecordRejection": breaks("DynamoDB.ConditionalCheckFailedException")},
			"RecordRejection, HandledElsewhere", "", ""},
		{"rejected, and nothing can be written or said", placed, answers{"WaitForDecision": answer(decided("rejected")), "RecordRejection": breaks("DynamoDB.InternalServerError"),
			"AnnounceFailure": breaks("EventBridge.FailedEntry")}, closed + "ApprovalRejected", "ApprovalRejected", ""},
		{"each step passes its trouble by", waits, answers{"ValidateOrder": troubles(valid), "HoldOrder": beyondRetry(), "RequestApproval": troubles(pending("2026-01-02T00:00:00Z")),
			"AnnounceRequest": beyondRetry(), "CheckApprovalStatus": troubles(decided("approved")), "ReturnOrder": beyondRetry()}, approved, "", ""},
		{"and so do those of the other form", placed, answers{"WaitForDecision": inTurn("Lambda.TooManyRequestsException", decided("rejected")), "RecordRejection": beyondRetry(), "AnnounceFailure": beyondRetry()},
			closed + "ApprovalRejected", "ApprovalRejected", ""},
	})
}

func TestOrderPaymentCallback(t *testing.T) {
	called := `{"orderId":"A","status":"success","paymentId":"pay_1","transactionId":"txn_1"}`
	usual := answers{
		"ValidateOrder": answer(valid), "CheckInventory": answer(reserved), "RequestPayment": answer(called), "RecordPayment": answer(paid), "ProcessFulfillment": answer(shipped),
		"ReleaseInventory": answer(released), "RefundPayment": answer(`{}`), "AnnounceFailure": answer(`{}`), "AnnounceFulfillment": answer(`{}`), "RequestManualReview": answer(`{}`),
	}
	refunded := "ReleaseInventory, FulfilledAfterAll?, RefundPayment, AnnounceFailure, WhichFailure?, "
	routes := []route{
		{"paid by callback", placed, nil, "InventoryAvailable?, RequestPayment, RecordPayment, ProcessFulfillment, OrderCompleted", "", ""},
		{"not an order", placed, answers{"ValidateOrder": answer(invalid)}, "OrderValid?, OrderValidationFailed", "OrderValidationFailed", ""},
		{"not checked", placed, answers{"ValidateOrder": breaks("Access.Denied")}, "ValidateOrder, OrderValidationFailed", "OrderValidationFailed", ""},
		{"placed before", placed, answers{"ValidateOrder": answer(twin)}, "OrderValid?, HandledElsewhere", "", ""},
		{"too little stock", placed, answers{"CheckInventory": answer(short)}, "NoteOutOfStock, " + compensated + "InsufficientInventory", "InsufficientInventory", ""},
		{"stock not checked", placed, answers{"CheckInventory": breaks("Access.Denied")}, "NoteInventoryTrouble, " + refunded + "InventoryCheckFailed", "InventoryCheckFailed", ""},
		{"taken over at the stock", placed, answers{"CheckInventory": breaks("Order.Superseded")}, "CheckInventory, HandledElsewhere", "", ""},
		{"the gateway says no", placed, answers{"RequestPayment": simulate.Fails("ExternalProcessFailed", "card expired")}, "NotePaymentDeclined, " + compensated + "PaymentFailed", "PaymentFailed", ""},
		{"the gateway falls silent", placed, answers{"RequestPayment": simulate.Never()}, "RequestPayment, NotePaymentTimedOut, " + refunded + "PaymentTimedOut", "PaymentTimedOut", ""},
		{"the gateway is at it for ever", placed, answers{"RequestPayment": simulate.Beating(simulate.Never(), 200*time.Second, 400*time.Second, 600*time.Second, 800*time.Second)},
			"RequestPayment, NotePaymentTimedOut, " + refunded + "PaymentTimedOut", "PaymentTimedOut", ""},
		{"the gateway cannot be asked", placed, answers{"RequestPayment": breaks("Internal.Unexpected")}, "NotePaymentTrouble, " + refunded + "PaymentProcessingFailed", "PaymentProcessingFailed", ""},
		{"taken over while waiting", placed, answers{"RequestPayment": breaks("Order.Superseded")}, "RequestPayment, HandledElsewhere", "", ""},
		{"payment not written down", placed, answers{"RecordPayment": breaks("Input.Malformed")}, "RecordPayment, NotePaymentTrouble, " + refunded + "PaymentProcessingFailed", "PaymentProcessingFailed", ""},
		{"closed while paying", placed, answers{"RecordPayment": breaks("Order.Superseded")}, "RecordPayment, HandledElsewhere", "", ""},
		{"each step passes its trouble by", placed, answers{"ValidateOrder": troubles(valid), "CheckInventory": troubles(reserved),
			"RequestPayment": inTurn("Lambda.TooManyRequestsException", "Runtime.ExitError", called), "RecordPayment": troubles(paid), "ProcessFulfillment": troubles(shipped)}, "OrderCompleted", "", ""},
	}
	m := follow(t, "order-payment-callback.asl.json", usual, append(routes, compensationRoutes(placed, "RecordPayment, ProcessFulfillment, ", "WhichFailure?, ")...))

	// A heartbeat every 200 s keeps the task waiting, but not for longer than 900 s.
	for name, want := range map[string]time.Duration{"silent": 300 * time.Second, "beating": 900 * time.Second} {
		task := simulate.Never()
		if name == "beating" {
			task = simulate.Beating(task, 200*time.Second, 400*time.Second, 600*time.Second, 800*time.Second)
		}
		for state, then := range usual {
			m.Task(state, then)
		}
		m.Task("RequestPayment", task)
		assert.Equal(t, want, m.Run(placed).Took, name)
	}
}
