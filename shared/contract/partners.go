package contract

// This file defines the payloads of batches and partners.

import "encoding/json"

// BatchRequestedDetail is the detail of Batch Processing Request. Without a batchId
// a repeated batch is booked again.
type BatchRequestedDetail struct {
	BatchID string      `json:"batchId,omitempty"`
	Items   []BatchItem `json:"items"`
}

// BatchItem is one movement of stock. Quantity is in pieces; negative: taken away.
type BatchItem struct {
	ItemID    string `json:"itemId"`
	ProductID string `json:"productId"`
	Quantity  int64  `json:"quantity"`
}

// BatchProcessedDetail is the detail of Batch Processed.
type BatchProcessedDetail struct {
	BatchID     string       `json:"batchId"`
	Items       int          `json:"items"`
	Failed      int          `json:"failed"`
	FailedItems []FailedItem `json:"failedItems"`
	ExecutionID string       `json:"executionId"`
	Timestamp   string       `json:"timestamp"`
}

// FailedItem is an item that was not booked.
type FailedItem struct {
	ItemID    string `json:"itemId"` // "" if it could not be read
	ProductID string `json:"productId,omitempty"`
	Status    string `json:"status"`
	Error     string `json:"error"`
}

// OrdersReconciledDetail is the detail of Order Reconciliation Completed. Errors
// counts the differences by kind; the report, in S3, lists them.
type OrdersReconciledDetail struct {
	ProcessedDate    string       `json:"processedDate"` // a day, in UTC
	RecordsProcessed int          `json:"recordsProcessed"`
	Differences      int          `json:"differences"`
	Errors           []Difference `json:"errors"`
	ReportBucket     string       `json:"reportBucket"`
	ReportKey        string       `json:"reportKey"`
	ExecutionID      string       `json:"executionId"`
	Timestamp        string       `json:"timestamp"`
}

// Difference is a kind of differences, and how many there are.
type Difference struct {
	Kind  string `json:"kind"`
	Count int    `json:"count"`
}

// APIRequestedDetail is the detail of API Integration Request. Endpoint is a path
// below /v1/; EventBridge delivers an absent field as "".
type APIRequestedDetail struct {
	RequestID string          `json:"requestId"`
	Endpoint  string          `json:"endpoint"`
	Payload   json.RawMessage `json:"payload"`
}

// APICompletedDetail is the detail of API Integration Completed.
type APICompletedDetail struct {
	RequestID   string `json:"requestId"`
	StatusCode  int    `json:"statusCode"`
	ExecutionID string `json:"executionId"`
	Timestamp   string `json:"timestamp"`
}

// APIFailedDetail is the detail of API Integration Failed.
type APIFailedDetail struct {
	RequestID   string `json:"requestId"`
	Reason      string `json:"reason"`
	ExecutionID string `json:"executionId"`
	Timestamp   string `json:"timestamp"`
}

// SyncRequestedDetail is the detail of Data Sync Request and Bulk Import Request.
type SyncRequestedDetail struct {
	RequestID  string          `json:"requestId"`
	Source     string          `json:"source"`
	Format     string          `json:"format"`     // csv, json or jsonl
	S3Location string          `json:"s3Location"` // s3://bucket/key
	Partner    Partner         `json:"partner"`
	Options    json.RawMessage `json:"options"`
}

// Partner says who sends data.
type Partner struct {
	ID string `json:"id"`
}

// SyncCompletedDetail is the detail of Data Sync Completed.
type SyncCompletedDetail struct {
	RequestID   string `json:"requestId"`
	PartnerID   string `json:"partnerId"`
	Rows        int    `json:"rows"`
	Rejected    int    `json:"rejected"`
	ExecutionID string `json:"executionId"`
	Timestamp   string `json:"timestamp"`
}

// SyncFailedDetail is the detail of Data Sync Failed.
type SyncFailedDetail struct {
	RequestID   string `json:"requestId"`
	PartnerID   string `json:"partnerId"`
	Reason      string `json:"reason"`
	ExecutionID string `json:"executionId"`
	Timestamp   string `json:"timestamp"`
}

// BulkAcceptedDetail is the detail of Bulk Import Accepted.
type BulkAcceptedDetail struct {
	RequestID   string `json:"requestId"`
	PartnerID   string `json:"partnerId"`
	TableName   string `json:"tableName"`
	ExecutionID string `json:"executionId"`
	Timestamp   string `json:"timestamp"`
}
