package order

// This file defines how an order stands in the Orders table: one item, whatever
// contract it came by. Rules, indexes and the state machine read these attribute
// names too.

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/money"
)

// Record is an order as it is stored. A refused submission has a record too, of
// its id, status and reason alone: the state machine writes that one.
type Record struct {
	OrderID         string                `dynamodbav:"orderId"`
	CustomerID      string                `dynamodbav:"customerId,omitempty"` // a key of CustomerIndex: never empty
	Items           []RecordLine          `dynamodbav:"items,omitempty"`
	TotalAmount     attributevalue.Number `dynamodbav:"totalAmount,omitempty"`
	Currency        string                `dynamodbav:"currency,omitempty"`
	ShippingAddress string                `dynamodbav:"shippingAddress,omitempty"` // JSON text, as it came
	Fingerprint     string                `dynamodbav:"fingerprint,omitempty"`     // of all of the above; accepted orders have one
	Status          Status                `dynamodbav:"status"`

	ExecutionID string `dynamodbav:"executionId"`         // that works at the order; empty when it was placed by hand
	ClaimedAt   string `dynamodbav:"claimedAt,omitempty"` // since when
	EventID     string `dynamodbav:"eventId,omitempty"`
	RequestID   string `dynamodbav:"requestId,omitempty"`
	CreatedAt   string `dynamodbav:"createdAt"` // RFC 3339, as all times here
	UpdatedAt   string `dynamodbav:"updatedAt"`

	ApprovedAt string `dynamodbav:"approvedAt,omitempty"` // orders above the approval threshold have one before they go on

	ReservationID    string `dynamodbav:"reservationId,omitempty"`
	ReservationState string `dynamodbav:"reservationState,omitempty"`

	PaymentID          string `dynamodbav:"paymentId,omitempty"`
	TransactionID      string `dynamodbav:"transactionId,omitempty"`
	PaidAt             string `dynamodbav:"paidAt,omitempty"`
	PaymentConfirmedAt string `dynamodbav:"paymentConfirmedAt,omitempty"`
	RefundedAt         string `dynamodbav:"refundedAt,omitempty"`

	ShippingZone string                `dynamodbav:"shippingZone,omitempty"`
	ShippingCost attributevalue.Number `dynamodbav:"shippingCost,omitempty"`
	ShippingDays int                   `dynamodbav:"shippingDays,omitempty"`

	FulfillmentID     string `dynamodbav:"fulfillmentId,omitempty"`
	FulfilledAt       string `dynamodbav:"fulfilledAt,omitempty"`
	EstimatedDelivery string `dynamodbav:"estimatedDelivery,omitempty"`

	Failure       string `dynamodbav:"failure,omitempty"` // the Fail state that the order ended in
	FailureReason string `dynamodbav:"failureReason,omitempty"`
	Review        string `dynamodbav:"review,omitempty"` // why a person must look at it
}

// RecordLine is a line of a stored order.
type RecordLine struct {
	ProductID string                `dynamodbav:"productId"`
	Quantity  int64                 `dynamodbav:"quantity"`
	Price     attributevalue.Number `dynamodbav:"price,omitempty"`
}

// newRecord is the record of an order that has just been accepted.
func newRecord(s Submission, now time.Time) (Record, error) {
	print, err := fingerprint(s.Order)
	if err != nil {
		return Record{}, err
	}
	created := now
	if !s.EventTime.IsZero() {
		created = s.EventTime
	}
	o := s.Order
	return Record{
		OrderID: o.ID, CustomerID: o.CustomerID, Items: recordLines(o.Lines),
		TotalAmount: attributevalue.Number(o.Total.String()), Currency: o.Total.Currency,
		ShippingAddress: string(o.ShippingAddress), Fingerprint: print, Status: Validated,
		ExecutionID: s.Execution.ID, ClaimedAt: stamp(now), EventID: s.EventID,
		CreatedAt: stamp(created), UpdatedAt: stamp(now),
	}, nil
}

func recordLines(lines []Line) []RecordLine {
	rows := make([]RecordLine, len(lines))
	for i, line := range lines {
		rows[i] = RecordLine{ProductID: line.ProductID, Quantity: line.Quantity}
		if line.Price != nil {
			rows[i].Price = attributevalue.Number(line.Price.String())
		}
	}
	return rows
}

// Total is the order's total.
func (r Record) Total() (money.Amount, error) {
	total, err := money.Parse(string(r.TotalAmount), r.Currency)
	if err != nil {
		return total, fmt.Errorf("stored order %s: totalAmount: %w", r.OrderID, err)
	}
	return total, nil
}

// CheckAmount compares an amount that somebody claims, as a JSON number, with
// the order's total. No claim is no contradiction.
func (r Record) CheckAmount(claimed json.Number) error {
	if claimed == "" {
		return nil
	}
	total, err := r.Total()
	if err != nil {
		return err
	}
	if amount, err := money.Parse(claimed.String(), r.Currency); err != nil || amount != total {
		return failure.New(failure.PaymentAmountMismatch, "order %s has a total of %s %s, not %.40s", r.OrderID, total, r.Currency, claimed)
	}
	return nil
}

// wanted is how much of each product the order needs, in the order of first
// mention: a transaction may touch an item only once.
func (r Record) wanted() []RecordLine {
	var products []RecordLine
	place := map[string]int{}
	for _, line := range r.Items {
		i, known := place[line.ProductID]
		if !known {
			i = len(products)
			place[line.ProductID] = i
			products = append(products, RecordLine{ProductID: line.ProductID})
		}
		products[i].Quantity += line.Quantity
	}
	return products
}

// stamp writes a time so that stamps sort as text: always UTC, always milliseconds.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
