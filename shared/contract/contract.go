// Package contract holds what this project says and hears on its event buses:
// the sources, the detail-types and the payloads. Publishers and consumers use
// these constants and structs, the rules in template.yaml match them, and
// events/put holds an example of each; tests hold the three together.
//
// Numbers that are money stay text (json.Number): see package money. Consumers
// accept unknown fields, so a payload may grow; a field never changes its
// meaning or goes away.
//
// What an order looks like when it arrives is not trusted: package order reads
// submissions field by field. The structs here are for those who send, and for
// what has been checked.
//
// Start at [Catalogue].
package contract

import (
	"encoding/json"
	"slices"
	"time"
)

// Sources.
const (
	SourceShop        = "ecommerce.orders"
	SourceMyApp       = "myapp.orders"
	SourcePayments    = "ecommerce.payments"
	SourceFulfillment = "ecommerce.fulfillment"
	SourceApprovals   = "ecommerce.approvals"
	SourceGateway     = "payment.gateway"
	SourceBilling     = "ecommerce.billing"
	SourceJobs        = "myapp.jobs"
	SourceBatch       = "myapp.batch"
	SourceBatches     = "myapp.batches" // what became of them: another source, so that no rule hears itself
	SourceExternal    = "myapp.external"
	SourceWebhook     = "partner.webhook"
	SourcePartners    = "partner.integration"
)

// Detail-types.
const (
	OrderPlaced      = "Order Placed"
	OrderCreated     = "Order Created"
	OrderFailed      = "Order Failed"
	OrderFulfilled   = "Order Fulfilled"
	PaymentCompleted = "Payment Completed"

	ApprovalRequested = "Approval Requested"
	ApprovalDecided   = "Approval Decided"
	PaymentResult     = "Payment Result"
	InvoiceIssued     = "Invoice Issued"
	JobRequested      = "Job Requested"

	BatchRequested = "Batch Processing Request"
	BatchProcessed = "Batch Processed"
	APIRequested   = "API Integration Request"
	APICompleted   = "API Integration Completed"
	APIFailed      = "API Integration Failed"
	SyncRequested  = "Data Sync Request"
	BulkRequested  = "Bulk Import Request"
	SyncCompleted  = "Data Sync Completed"
	SyncFailed     = "Data Sync Failed"
	BulkAccepted   = "Bulk Import Accepted"

	OrdersReconciled = "Order Reconciliation Completed"
)

// Values that rules match on.
const (
	StatusPending   = "pending"
	StatusSuccess   = "success"
	StatusFulfilled = "fulfilled"
)

// Event is an event as EventBridge delivers it to a function.
// https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html
type Event[Detail any] struct {
	ID         string    `json:"id"`
	Source     string    `json:"source"`
	DetailType string    `json:"detail-type"`
	Account    string    `json:"account"`
	Region     string    `json:"region"`
	Time       time.Time `json:"time"`
	Detail     Detail    `json:"detail"`
}

// Type is one kind of event.
type Type struct {
	Source, DetailType string
	Meaning            string
	Detail             func() any // a new payload, for decoding
}

// Catalogue lists every kind of event.
var Catalogue = slices.Concat(workflowTypes, reportTypes)

var workflowTypes = []Type{
	{SourceShop, OrderPlaced, "the shop took an order: starts the workflow", func() any { return new(OrderPlacedDetail) }},
	{SourceMyApp, OrderCreated, "myapp took an order: starts the workflow", func() any { return new(OrderCreatedDetail) }},
	{SourcePayments, PaymentCompleted, "an order was paid", func() any { return new(PaymentCompletedDetail) }},
	{SourceFulfillment, OrderFulfilled, "an order was fulfilled", func() any { return new(OrderFulfilledDetail) }},
	{SourceShop, OrderFailed, "an order ended unfulfilled", func() any { return new(OrderFailedDetail) }},
	{SourceApprovals, ApprovalRequested, "somebody must decide about an order", func() any { return new(ApprovalRequestedDetail) }},
	{SourceApprovals, ApprovalDecided, "somebody decided", func() any { return new(ApprovalDecidedDetail) }},
	{SourceGateway, PaymentResult, "the external gateway calls back", func() any { return new(PaymentResultDetail) }},
	{SourceBilling, InvoiceIssued, "an order was invoiced", func() any { return new(InvoiceIssuedDetail) }},
	{SourceJobs, JobRequested, "somebody wants a warehouse job done: starts the job poller", func() any { return new(JobRequestedDetail) }},
	{SourceBatch, BatchRequested, "movements of stock to book: starts batch processing", func() any { return new(BatchRequestedDetail) }},
	{SourceBatches, BatchProcessed, "a batch was booked, but for the items that failed", func() any { return new(BatchProcessedDetail) }},
	{SourceMyApp, OrdersReconciled, "a day's orders were held against payments and stock; the report says what differs", func() any { return new(OrdersReconciledDetail) }},
	{SourceExternal, APIRequested, "somebody wants the partner called: starts external integration", func() any { return new(APIRequestedDetail) }},
	{SourcePartners, APICompleted, "the partner took the call", func() any { return new(APICompletedDetail) }},
	{SourcePartners, APIFailed, "the request was refused, or the partner refused it", func() any { return new(APIFailedDetail) }},
	{SourceWebhook, SyncRequested, "a partner sent data: starts data integration", func() any { return new(SyncRequestedDetail) }},
	{SourceWebhook, BulkRequested, "likewise, in bulk", func() any { return new(SyncRequestedDetail) }},
	{SourcePartners, SyncCompleted, "a partner's data was loaded, but for the rows that were rejected", func() any { return new(SyncCompletedDetail) }},
	{SourcePartners, BulkAccepted, "a partner's file was handed over to import-csv", func() any { return new(BulkAcceptedDetail) }},
	{SourcePartners, SyncFailed, "nothing of a partner's data may be relied on", func() any { return new(SyncFailedDetail) }},
}

// OrderPlacedDetail is the detail of Order Placed.
type OrderPlacedDetail struct {
	Status    string `json:"status"`
	OrderData Order  `json:"orderData"`
}

// Order is an order in the words of Order Placed.
type Order struct {
	OrderID         string          `json:"orderId,omitempty"`
	CustomerID      string          `json:"customerId,omitempty"`
	Items           []Line          `json:"items,omitempty"`
	TotalAmount     json.Number     `json:"totalAmount,omitempty"`
	Currency        string          `json:"currency,omitempty"`
	ShippingAddress json.RawMessage `json:"shippingAddress,omitempty"`
}

// Line is one line of an order.
type Line struct {
	ProductID string      `json:"productId"`
	Quantity  json.Number `json:"quantity"`
	Price     json.Number `json:"price,omitempty"`
}

// OrderCreatedDetail is the detail of Order Created.
type OrderCreatedDetail struct {
	Status          string          `json:"status"`
	OrderID         string          `json:"orderId,omitempty"`
	CustomerID      string          `json:"customerId,omitempty"`
	Amount          json.Number     `json:"amount,omitempty"`
	Currency        string          `json:"currency,omitempty"`
	Items           []Line          `json:"items,omitempty"`
	ShippingAddress json.RawMessage `json:"shippingAddress,omitempty"`
}

// EventMetadata is what OrderCreatedRule's input transformer adds to an order.
type EventMetadata struct {
	EventID   string `json:"eventId"`
	EventTime string `json:"eventTime"`
	Source    string `json:"source"`
	Account   string `json:"account"`
	Region    string `json:"region"`
}

// PaymentCompletedDetail is the detail of Payment Completed. Timestamp is in
// seconds since 1970.
type PaymentCompletedDetail struct {
	OrderID       string      `json:"orderId"`
	Status        string      `json:"status"`
	Amount        json.Number `json:"amount"`
	Currency      string      `json:"currency,omitempty"`
	PaymentID     string      `json:"paymentId,omitempty"`
	TransactionID string      `json:"transactionId,omitempty"`
	Timestamp     int64       `json:"timestamp"`
}

// OrderFulfilledDetail is the detail of Order Fulfilled. Timestamp is RFC 3339.
type OrderFulfilledDetail struct {
	OrderID       string `json:"orderId"`
	Status        string `json:"status"`
	FulfillmentID string `json:"fulfillmentId,omitempty"`
	Timestamp     string `json:"timestamp"`
}

// OrderFailedDetail is the detail of Order Failed, which the state machine
// itself publishes. Status is the order's final status, Error the name of the
// Fail state, Reason what was wrong.
type OrderFailedDetail struct {
	OrderID     string `json:"orderId"`
	Status      string `json:"status"`
	Error       string `json:"error"`
	Reason      string `json:"reason"`
	ExecutionID string `json:"executionId"`
	Timestamp   string `json:"timestamp"`
}

// JobRequestedDetail is the detail of Job Requested. WaitTime is in seconds, between
// two looks at the job.
type JobRequestedDetail struct {
	Job      Job `json:"job"`
	WaitTime int `json:"wait_time,omitempty"`
}

// Job is a warehouse job: what kind, what it is for, how big.
type Job struct {
	Kind      string `json:"kind"`
	Reference string `json:"reference"`
	Pieces    int    `json:"pieces"`
}

// ApprovalRequestedDetail is the detail of Approval Requested, which the approval
// workflow publishes.
type ApprovalRequestedDetail struct {
	OrderID     string      `json:"orderId"`
	CustomerID  string      `json:"customerId"`
	TotalAmount json.Number `json:"totalAmount"`
	Deadline    string      `json:"deadline"`
	ExecutionID string      `json:"executionId"`
	Timestamp   string      `json:"timestamp"`
}

// ApprovalDecidedDetail is the detail of Approval Decided. Decision is approved or
// rejected.
type ApprovalDecidedDetail struct {
	OrderID  string `json:"orderId"`
	Decision string `json:"decision"`
	Approver string `json:"approver"`
	Comment  string `json:"comment,omitempty"`
}

// PaymentResultDetail is the detail of Payment Result: what the external gateway
// says about an order that it was asked to charge. Status is success, processing
// (it is still at it), or anything else for a refusal.
type PaymentResultDetail struct {
	OrderID string        `json:"orderId"`
	Result  GatewayResult `json:"result"`
}

// GatewayResult is the gateway's word.
type GatewayResult struct {
	Status        string `json:"status"`
	Error         string `json:"error,omitempty"` // why it refuses
	PaymentID     string `json:"paymentId,omitempty"`
	TransactionID string `json:"transactionId,omitempty"`
}

// InvoiceIssuedDetail is the detail of Invoice Issued, which the closing of an
// order publishes. A repeated one has the same invoiceId.
type InvoiceIssuedDetail struct {
	OrderID     string `json:"orderId"`
	InvoiceID   string `json:"invoiceId"`
	CustomerID  string `json:"customerId"`
	TotalAmount string `json:"totalAmount"`
	Currency    string `json:"currency"`
	Timestamp   string `json:"timestamp"`
}
