// Package statemachines tests our state machines: every way through them, in
// virtual time, with answers in the place of functions and services.
package statemachines

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/local/simulate"
	"github.com/stepworks/stepworks/shared/order"
)

// The answers of a good order.
const (
	valid    = `{"isValid":true,"duplicate":false,"orderId":"A","customerId":"C","amount":9.00,"validatedOrder":{"orderId":"A"},"orderStatus":"validated","failure":""}`
	invalid  = `{"isValid":false,"duplicate":false,"orderId":"A","error":"items is empty"}`
	nameless = `{"isValid":false,"duplicate":false,"orderId":"","error":"Missing required field: orderId"}`
	twin     = `{"isValid":true,"duplicate":true,"orderId":"A","orderStatus":"reserved","failure":""}`
	done     = `{"isValid":true,"duplicate":true,"orderId":"A","orderStatus":"fulfilled","failure":""}`
	failed   = `{"isValid":true,"duplicate":true,"orderId":"A","orderStatus":"payment_failed","failure":"PaymentProcessingFailed"}`
	costly   = `{"isValid":true,"duplicate":false,"approvalRequired":true,"orderId":"A","customerId":"C","amount":9.00,"validatedOrder":{"orderId":"A"},"orderStatus":"validated","failure":""}`
	reserved = `{"inventoryAvailable":true}`
	short    = `{"inventoryAvailable":false,"error":"LAPTOP001: Insufficient stock. Available: 5"}`
	paid     = `{"paymentStatus":"success","paymentId":"pay_1"}`
	declined = `{"paymentStatus":"failed","error":"Payment processing failed"}`
	shipped  = `{"status":"fulfilled"}`
	released = `{"orderStatus":"payment_failed","released":true}`
	kept     = `{"orderStatus":"fulfilled","released":false}`
	placed   = `{"orderData":{"orderId":"A"}}`
	created  = `{"orderId":"A"}`
)

type (
	answers map[string]simulate.Task
	// way is one way through the machine.
	way struct {
		what  string
		input string
		answers
		path   string // without the states of the good way that go before
		err    string
		status order.Status // as announced; "" for nothing announced
	}
)

func answer(text string) simulate.Task { return simulate.Returns(text) }
func breaks(name string) simulate.Task { return simulate.Fails(name, "") }

var ways = []way{
	{"fulfilled", placed, nil, "ValidateOrder OrderValid? CheckInventory InventoryAvailable? ProcessPayment PaymentSuccessful? ProcessFulfillment OrderCompleted", "", ""},
	{"refused", placed, answers{"ValidateOrder": answer(invalid)}, "NoteRejected RecordRejection AnnounceFailure WhichFailure? OrderValidationFailed", "OrderValidationFailed", order.Rejected},
	{"refused, without an id", `[1]`, answers{"ValidateOrder": answer(nameless)}, "NoteRejectedUnnamed AnnounceFailure WhichFailure? OrderValidationFailed", "OrderValidationFailed", order.Rejected},
	{"refused, the id is a good order's", placed, answers{"ValidateOrder": answer(invalid), "RecordRejection": breaks("DynamoDB.ConditionalCheckFailedException")},
		"NoteRejected RecordRejection WhichFailure? OrderValidationFailed", "OrderValidationFailed", ""},
	{"refused, and it cannot be written down", placed, answers{"ValidateOrder": answer(invalid), "RecordRejection": breaks("DynamoDB.InternalServerError")},
		"NoteRejected RecordRejection AnnounceFailure WhichFailure? OrderValidationFailed", "OrderValidationFailed", order.Rejected},
	{"refused, and it cannot be announced", placed, answers{"ValidateOrder": answer(invalid), "AnnounceFailure": breaks("EventBridge.FailedEntry")},
		"NoteRejected RecordRejection AnnounceFailure WhichFailure? OrderValidationFailed", "OrderValidationFailed", order.Rejected},
	{"under way elsewhere", placed, answers{"ValidateOrder": answer(twin)}, "AlreadyDecided? HandledElsewhere", "", ""},
	{"fulfilled before", placed, answers{"ValidateOrder": answer(done)}, "AlreadyDecided? OrderCompleted", "", ""},
	{"failed before", placed, answers{"ValidateOrder": answer(failed)}, "AlreadyDecided? ReplayFailure WhichFailure? PaymentProcessingFailed", "PaymentProcessingFailed", ""},

	{"above the approval threshold", placed, answers{"ValidateOrder": answer(costly)}, "OrderValid? HoldForApproval RequestApproval AwaitingApproval", "", ""},
	{"above it, and taken over", placed, answers{"ValidateOrder": answer(costly), "HoldForApproval": breaks("DynamoDB.ConditionalCheckFailedException")},
		"HoldForApproval HandledElsewhere", "", ""},
	{"above it, and it cannot be held", placed, answers{"ValidateOrder": answer(costly), "HoldForApproval": breaks("DynamoDB.InternalServerError")},
		"HoldForApproval NoteApprovalTrouble CloseUnapproved AnnounceFailure WhichFailure? OrderValidationFailed", "OrderValidationFailed", order.Rejected},
	{"above it, nobody can be asked, and it cannot be closed", placed,
		answers{"ValidateOrder": answer(costly), "RequestApproval": breaks("StepFunctions.ExecutionLimitExceededException"), "CloseUnapproved": breaks("DynamoDB.InternalServerError")},
		"RequestApproval NoteApprovalTrouble CloseUnapproved AnnounceFailure WhichFailure? OrderValidationFailed", "OrderValidationFailed", order.Rejected},
	{"above it, nobody can be asked, and somebody was", placed,
		answers{"ValidateOrder": answer(costly), "RequestApproval": breaks("StepFunctions.ExecutionLimitExceededException"), "CloseUnapproved": breaks("DynamoDB.ConditionalCheckFailedException")},
		"NoteApprovalTrouble CloseUnapproved HandledElsewhere", "", ""},

	{"not checked, Order Placed", placed, answers{"ValidateOrder": breaks("Internal.Unexpected"), "ReleaseInventory": breaks("Order.NotFound")},
		"ValidateOrder WhoseOrder? NoteUncheckedOrderPlaced ReleaseInventory RecordRejection AnnounceFailure WhichFailure? OrderValidationFailed", "OrderValidationFailed", order.Rejected},
	{"not checked, but stored, Order Created", created, answers{"ValidateOrder": breaks("Internal.Unexpected"), "ReleaseInventory": answer(`{"orderStatus":"rejected"}`)},
		"ValidateOrder WhoseOrder? NoteUncheckedOrderCreated ReleaseInventory FulfilledAfterAll? RefundPayment AnnounceFailure WhichFailure? OrderValidationFailed", "OrderValidationFailed", order.Rejected},
	{"not checked, nobody's", `{"orderId":7}`, answers{"ValidateOrder": breaks("Internal.Unexpected")},
		"ValidateOrder WhoseOrder? NoteUncheckedUnnamed AnnounceFailure WhichFailure? OrderValidationFailed", "OrderValidationFailed", order.Rejected},

	{"too little stock", placed, answers{"CheckInventory": answer(short)}, "NoteOutOfStock RecordOutOfStock AnnounceFailure WhichFailure? InsufficientInventory", "InsufficientInventory", order.OutOfStock},
	{"too little stock, and yet reserved", placed, answers{"CheckInventory": answer(short), "RecordOutOfStock": breaks("DynamoDB.ConditionalCheckFailedException")},
		"NoteOutOfStock RecordOutOfStock ReleaseInventory FulfilledAfterAll? RefundPayment AnnounceFailure WhichFailure? InsufficientInventory", "InsufficientInventory", order.OutOfStock},
	{"too little stock, not written down", placed, answers{"CheckInventory": answer(short), "RecordOutOfStock": breaks("DynamoDB.InternalServerError")},
		"NoteOutOfStock RecordOutOfStock AnnounceFailure WhichFailure? InsufficientInventory", "InsufficientInventory", order.OutOfStock},
	{"stock not checked", placed, answers{"CheckInventory": breaks("Internal.Unexpected")},
		"NoteInventoryTrouble ReleaseInventory FulfilledAfterAll? RefundPayment AnnounceFailure WhichFailure? InventoryCheckFailed", "InventoryCheckFailed", order.Rejected},
	{"taken over while checking stock", placed, answers{"CheckInventory": breaks("Order.Superseded")}, "HandledElsewhere", "", ""},

	{"declined", placed, answers{"ProcessPayment": answer(declined)}, "NotePaymentDeclined ReleaseInventory FulfilledAfterAll? AnnounceFailure WhichFailure? PaymentFailed", "PaymentFailed", order.PaymentFailed},
	{"payment broken", placed, answers{"ProcessPayment": breaks("Transient.Unavailable")},
		"NotePaymentTrouble ReleaseInventory FulfilledAfterAll? RefundPayment AnnounceFailure WhichFailure? PaymentProcessingFailed", "PaymentProcessingFailed", order.PaymentFailed},
	{"payment never answers", placed, answers{"ProcessPayment": simulate.Never()},
		"NotePaymentTrouble ReleaseInventory FulfilledAfterAll? RefundPayment AnnounceFailure WhichFailure? PaymentProcessingFailed", "PaymentProcessingFailed", order.PaymentFailed},
	{"taken over while paying", placed, answers{"ProcessPayment": breaks("Order.Superseded")}, "HandledElsewhere", "", ""},
	{"refund broken", placed, answers{"ProcessPayment": breaks("Payment.AmountMismatch"), "RefundPayment": breaks("Transient.Unavailable")},
		"NotePaymentTrouble ReleaseInventory FulfilledAfterAll? RefundPayment RequestManualReview AnnounceFailure WhichFailure? PaymentProcessingFailed", "PaymentProcessingFailed", order.PaymentFailed},

	{"fulfillment broken", placed, answers{"ProcessFulfillment": breaks("Internal.Unexpected")},
		"NoteFulfillmentTrouble ReleaseInventory FulfilledAfterAll? RefundPayment AnnounceFailure WhichFailure? FulfillmentFailed", "FulfillmentFailed", order.FulfillmentFailed},
	{"fulfilled, but the answer got lost", placed, answers{"ProcessFulfillment": simulate.Never(), "ReleaseInventory": answer(kept)},
		"NoteFulfillmentTrouble ReleaseInventory FulfilledAfterAll? AnnounceFulfillment OrderCompleted", "", order.Fulfilled},
	{"fulfilled, the answer lost, nothing can be announced", placed,
		answers{"ProcessFulfillment": breaks("Event.Rejected"), "ReleaseInventory": answer(kept), "AnnounceFulfillment": breaks("EventBridge.FailedEntry")},
		"NoteFulfillmentTrouble ReleaseInventory FulfilledAfterAll? AnnounceFulfillment OrderCompleted", "", order.Fulfilled},
	{"taken over while fulfilling", placed, answers{"ProcessFulfillment": breaks("Order.Superseded")}, "HandledElsewhere", "", ""},
	{"release broken", placed, answers{"ProcessPayment": answer(declined), "ReleaseInventory": breaks("Transient.Unavailable")},
		"NotePaymentDeclined ReleaseInventory RequestManualReview AnnounceFailure WhichFailure? PaymentFailed", "PaymentFailed", order.PaymentFailed},
	{"release broken, review not written down", placed,
		answers{"ProcessPayment": answer(declined), "ReleaseInventory": breaks("Transient.Unavailable"), "RequestManualReview": breaks("DynamoDB.InternalServerError")},
		"NotePaymentDeclined ReleaseInventory RequestManualReview AnnounceFailure WhichFailure? PaymentFailed", "PaymentFailed", order.PaymentFailed},
	{"release broken, another has the order now", placed,
		answers{"ProcessPayment": answer(declined), "ReleaseInventory": breaks("Transient.Unavailable"), "RequestManualReview": breaks("DynamoDB.ConditionalCheckFailedException"),
			"RecordRejection": breaks("DynamoDB.ConditionalCheckFailedException")},
		"NotePaymentDeclined ReleaseInventory RequestManualReview RecordRejection WhichFailure? PaymentFailed", "PaymentFailed", ""},
	{"taken over while compensating", placed, answers{"ProcessPayment": answer(declined), "ReleaseInventory": breaks("Order.Superseded")},
		"NotePaymentDeclined ReleaseInventory HandledElsewhere", "", ""},

	{"each step passes its trouble by", placed, answers{
		"ValidateOrder":      inTurn("Lambda.TooManyRequestsException", "Sandbox.Timedout", valid),
		"CheckInventory":     inTurn("Transient.Throttled", "Lambda.Unknown", "Runtime.ExitError", reserved),
		"ProcessPayment":     inTurn("Transient.Unavailable", "Sandbox.Timedout", paid),
		"ProcessFulfillment": inTurn("Lambda.ServiceException", "Runtime.ExitError", shipped),
	}, "ValidateOrder OrderValid? CheckInventory InventoryAvailable? ProcessPayment PaymentSuccessful? ProcessFulfillment OrderCompleted", "", ""},
	{"each step is late once", placed, answers{
		"ValidateOrder": late(valid), "CheckInventory": late(reserved), "ProcessPayment": late(declined), "ReleaseInventory": inTurn("", "Runtime.ExitError", "Transient.Timeout", released),
		"AnnounceFailure": inTurn("", "EventBridge.FailedEntry", `{}`),
	}, "NotePaymentDeclined ReleaseInventory FulfilledAfterAll? AnnounceFailure WhichFailure? PaymentFailed", "PaymentFailed", order.PaymentFailed},
	{"compensations are late once", placed, answers{
		"ProcessFulfillment": late(`{}`, "Internal.Unexpected"), "ReleaseInventory": late(released), "RefundPayment": inTurn("", "Runtime.ExitError", "Transient.Timeout", `{}`),
	}, "NoteFulfillmentTrouble ReleaseInventory FulfilledAfterAll? RefundPayment AnnounceFailure WhichFailure? FulfillmentFailed", "FulfillmentFailed", order.FulfillmentFailed},
}

// inTurn answers the attempts one after the other: "" never, JSON, or an error.
func inTurn(attempts ...string) simulate.Task {
	return func(c simulate.Call) simulate.Answer {
		text := attempts[min(c.Attempt, len(attempts)-1)]
		switch {
		case text == "":
			return simulate.Answer{Never: true}
		case text[0] == '{' || text[0] == '[' || text[0] == '"':
			return simulate.Answer{Output: text}
		}
		return simulate.Answer{Error: text}
	}
}

// late never answers the first attempt, and then as told.
func late(attempts ...string) simulate.Task {
	if len(attempts) > 1 {
		attempts = attempts[1:]
	}
	return inTurn(append([]string{""}, attempts...)...)
}

// recorded is what the direct integrations were given last.
type recorded struct {
	detail map[string]string // of the event
	status string            // written to the order
}

// listen lets a state's task answer as told, and remembers what it got.
func (r *recorded) listen(m *simulate.Machine, state string, then simulate.Task) {
	m.Task(state, func(c simulate.Call) simulate.Answer {
		var in struct {
			Entries                   []struct{ Detail map[string]string }
			ExpressionAttributeValues map[string]struct{ S string }
		}
		if err := c.Decode(&in); err != nil {
			return simulate.Answer{Error: "Test", Cause: err.Error()}
		}
		if len(in.Entries) > 0 {
			r.detail = in.Entries[0].Detail
		} else {
			r.status = in.ExpressionAttributeValues[":status"].S
		}
		return then(c)
	})
}

func TestOrderProcessing(t *testing.T) {
	m := load(t, "order-processing.asl.json")
	for _, w := range ways {
		var got recorded
		for state, then := range good(w.answers) {
			if direct[state] {
				got.listen(m, state, then)
			} else {
				m.Task(state, then)
			}
		}
		run := m.Run(w.input)
		path := strings.Join(run.Path, " ")
		assert.True(t, strings.HasSuffix(path, w.path), "%s: %s", w.what, path)
		assert.Equal(t, w.err, run.Error, "%s: %s", w.what, run.Cause)
		assert.Equal(t, w.err == "", run.Status == simulate.Succeeded, w.what)
		assert.Equal(t, string(w.status), got.detail["status"], "%s: announced", w.what)
		if w.status.Failed() {
			assert.Equal(t, w.err, got.detail["error"], w.what)
			assert.NotEmpty(t, got.detail["reason"], w.what)
			assert.NotEmpty(t, got.detail["executionId"], w.what)
		}
		if got.status != "" {
			assert.True(t, order.Status(got.status).Failed(), "%s: written down as %s", w.what, got.status)
		}
		assert.Less(t, run.Took, 1800*time.Second, "%s: retries have to fit into the machine's timeout", w.what)
	}
}

var direct = map[string]bool{"RecordRejection": true, "RecordOutOfStock": true, "RequestManualReview": true, "AnnounceFailure": true, "AnnounceFulfillment": true,
	"HoldForApproval": true, "RequestApproval": true, "CloseUnapproved": true}

// good answers every state as for a good order, but for the exceptions.
func good(exceptions answers) answers {
	all := answers{
		"ValidateOrder": answer(valid), "CheckInventory": answer(reserved), "ProcessPayment": answer(paid), "ProcessFulfillment": answer(shipped),
		"ReleaseInventory": answer(released), "RefundPayment": answer(`{}`),
	}
	for state := range direct {
		all[state] = answer(`{}`)
	}
	for state, then := range exceptions {
		all[state] = then
	}
	return all
}

// TestOutputOfAGoodOrder: what each step answered stands in its place.
func TestOutputOfAGoodOrder(t *testing.T) {
	m := load(t, "order-processing.asl.json")
	for state, then := range good(nil) {
		m.Task(state, then)
	}
	var out map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(m.Run(placed).Output), &out))
	assert.JSONEq(t, valid, string(out["validation"]))
	assert.JSONEq(t, reserved, string(out["inventory"]))
	assert.JSONEq(t, paid, string(out["payment"]))
	assert.JSONEq(t, shipped, string(out["fulfillment"]))
	assert.JSONEq(t, `"A"`, string(out["orderId"]))
}

// TestLease: an execution has timed out before its claim on the order ends.
func TestLease(t *testing.T) {
	text, err := os.ReadFile("order-processing.asl.json")
	require.NoError(t, err)
	var machine struct{ TimeoutSeconds int }
	require.NoError(t, json.Unmarshal(text, &machine))
	assert.Equal(t, 1800, machine.TimeoutSeconds)
	assert.Less(t, time.Duration(machine.TimeoutSeconds)*time.Second, order.Lease)
}
