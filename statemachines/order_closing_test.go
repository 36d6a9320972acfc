package statemachines

// This file tests the closing of orders.

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/local/simulate"
)

// orderItem is an order as getItem reads it; more goes before the items.
func orderItem(status, more string) string {
	return `{"Item":{"orderId":{"S":"A"},"customerId":{"S":"C"},"totalAmount":{"N":"1029.98"},"currency":{"S":"USD"},"fulfillmentId":{"S":"F"},` + more +
		`"status":{"S":"` + status + `"},"items":{"L":[{"M":{"productId":{"S":"LAPTOP001"},"quantity":{"N":"1"}}},{"M":{"productId":{"S":"MOUSE001"},"quantity":{"N":"2"}}}]}}}`
}

// outside are the states that reach another service, once each in a closing
// without trouble.
var outside = answers{"Claim Closing": answer(`{}`), "Ship Item": answer(`{}`), "Send Invoice": answer(`{}`), "Restock": answer(`{}`), "Close Order": answer(`{}`),
	"Send Failure Notification": answer(`{}`), "Give Claim Back": answer(`{}`)}

func closing(more answers) answers {
	all := answers{"Read Order": answer(orderItem("fulfilled", ""))}
	for state, then := range outside {
		all[state] = then
	}
	for state, then := range more {
		all[state] = then
	}
	return all
}

func TestOrderClosing(t *testing.T) {
	const order = `{"orderId":"A","status":"fulfilled"}`
	const failed = "Send Failure Notification, Give Claim Back, Closing Failed"
	passes := func(then string) simulate.Task { return inTurn("DynamoDB.InternalServerError", then) }
	routes := []route{
		{"closed", order, nil, "Did it work?, Where Does It Go?, By The Usual Carrier, Claim Closing, Ship, Invoice, Restock, Ship Item, Send Invoice, Restock, Close Order, Order Closed", "", ""},
		{"at home", order, answers{"Read Order": answer(orderItem("fulfilled", `"shippingZone":{"S":"domestic"},`))}, "Order Closed", "", ""},
		{"abroad", order, answers{"Read Order": answer(orderItem("fulfilled", `"shippingZone":{"S":"world"},`))}, "Order Closed", "", ""},
		{"not before tomorrow", `{"orderId":"A","triggerTime":"2026-01-02T00:00:00Z"}`, nil, "Order Closed", "", ""},
		{"closed already", order, answers{"Read Order": answer(orderItem("fulfilled", `"closedAt":{"S":"2026"},`))}, "Did it work?, Order Closed Already", "", ""},
		{"closed by another", order, answers{"Claim Closing": breaks("DynamoDB.ConditionalCheckFailedException")}, "Claim Closing, Closed Elsewhere", "", ""},
		{"fulfilled a little later", order, answers{"Read Order": oneAfterTheOther(`{}`, orderItem("paid", ""), orderItem("fulfilled", ""))}, "Order Closed", "", ""},
		{"never fulfilled", order, answers{"Read Order": answer(orderItem("paid", ""))}, "Did it work?, Note Not Fulfilled, " + failed, "ClosingFailed", ""},
		{"trouble that passes", order, answers{"Read Order": passes(orderItem("fulfilled", "")), "Claim Closing": passes(`{}`), "Close Order": passes(`{}`), "Send Invoice": oneAfterTheOtherFails(1)}, "Order Closed", "", ""},
		{"trouble that stays", order, answers{"Send Invoice": breaks("EventBridge.FailedEntry"), "Send Failure Notification": inTurn("SNS.AmazonSNSException", `{}`), "Give Claim Back": passes(`{}`)}, failed, "ClosingFailed", ""},
		{"no reading", order, answers{"Read Order": breaks("Access.Denied")}, "Read Order, " + failed, "ClosingFailed", ""},
		{"no claim", order, answers{"Claim Closing": breaks("Access.Denied"), "Give Claim Back": breaks("DynamoDB.ConditionalCheckFailedException")}, "Claim Closing, " + failed, "ClosingFailed", ""},
		{"no closing, nobody told", order, answers{"Close Order": breaks("Access.Denied"), "Send Failure Notification": breaks("Access.Denied")}, failed, "ClosingFailed", ""},
		{"no order", `{}`, nil, "Order Named?, Closing Invalid", "ClosingInvalid", ""},
		{"an empty one", `{"orderId":""}`, nil, "Closing Invalid", "ClosingInvalid", ""},
		{"a number", `{"orderId":7}`, nil, "Closing Invalid", "ClosingInvalid", ""},
		{"null", `{"orderId":null}`, nil, "Closing Invalid", "ClosingInvalid", ""},
		{"a list", `[]`, nil, "Closing Invalid", "ClosingInvalid", ""},
		{"some day", `{"orderId":"A","triggerTime":"tomorrow"}`, nil, "When?, Closing Invalid", "ClosingInvalid", ""},
		{"no time at all", `{"orderId":"A","triggerTime":null}`, nil, "When?, Closing Invalid", "ClosingInvalid", ""},
	}
	follow(t, "order-closing.asl.json", closing(nil), routes)
}

// oneAfterTheOtherFails fails the first calls of a state that comes again with the
// whole Parallel.
func oneAfterTheOtherFails(times int) simulate.Task {
	called := 0
	return func(simulate.Call) simulate.Answer {
		if called++; called <= times {
			return simulate.Answer{Error: "EventBridge.FailedEntry"}
		}
		return simulate.Answer{Output: `{}`}
	}
}

// TestClosingRepeatsTheSame: when the whole is retried, finished branches run
// again, with the same numbers.
func TestClosingRepeatsTheSame(t *testing.T) {
	m := load(t, "order-closing.asl.json")
	sent := map[string][]string{}
	for state, then := range closing(answers{"Send Invoice": oneAfterTheOtherFails(1)}) {
		m.Task(state, func(c simulate.Call) simulate.Answer {
			sent[state] = append(sent[state], c.Input)
			return then(c)
		})
	}
	run := m.Run(`{"orderId":"A","triggerTime":"2026-01-03T00:00:00Z"}`)
	assert.Equal(t, simulate.Succeeded, run.Status, run.Cause)
	assert.Greater(t, run.Took, 24*time.Hour)
	for _, state := range []string{"Ship Item", "Restock"} {
		assert.Len(t, sent[state], 2, state)
		assert.Equal(t, sent[state][0], sent[state][1], "%s: the queue knows a repeated message by its number", state)
	}
	assert.Len(t, sent["Send Invoice"], 2)
	var restock struct{ MessageBody json.RawMessage }
	require.NoError(t, json.Unmarshal([]byte(sent["Restock"][0]), &restock))
	assert.JSONEq(t, `{"kind":"restock","restockId":"STOCK-A","orderId":"A","products":["LAPTOP001","MOUSE001"],"quantities":["1","2"]}`, string(restock.MessageBody))
	var invoice struct {
		Entries []struct{ Detail json.RawMessage }
	}
	require.NoError(t, json.Unmarshal([]byte(sent["Send Invoice"][0]), &invoice))
	byContract(t, "Invoice Issued", invoice.Entries[0].Detail)
}
