package intake

// This file defines jobs and their rows as import_tmp holds them.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"

	"github.com/stepworks/stepworks/shared/command"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/notify"
	"github.com/stepworks/stepworks/shared/sheet"
	"github.com/stepworks/stepworks/shared/table"
)

// Status is how far a job or a row is.
type Status string

// The statuses.
const (
	Created    Status = "CREATED"
	Queued     Status = "QUEUED"
	Processing Status = "PROCESSING"
	Completed  Status = "COMPLETED"
	Failed     Status = "FAILED"
)

// Over tells whether nothing more happens.
func (s Status) Over() bool { return s == Completed || s == Failed }

// How a file comes in.
const (
	Direct       = "DIRECT"        // small: read at once, a row of import_tmp for each of its rows
	StepFunction = "STEP_FUNCTION" // any length: import-csv
)

const (
	jobPrefix   = "CSV_IMPORT#"
	entryPrefix = "IMPORT#"
)

// DefaultBatch is how many rows a batch has if the request does not say.
const DefaultBatch = 10

// Request asks for an import.
type Request struct {
	Bucket     string    `json:"bucket"`
	Key        string    `json:"key"`
	TableName  string    `json:"tableName"`
	TenantCode string    `json:"tenantCode"`
	Mode       string    `json:"processingMode"` // empty: STEP_FUNCTION
	Delimiter  string    `json:"delimiter"`      // empty: found out
	Commands   *bool     `json:"commands"`       // false: write at once, without a command's machine
	BatchSize  int       `json:"batchSize"`
	Tolerated  float64   `json:"toleratedFailurePercentage"`
	RequestID  string    `json:"requestId"` // the same request, repeated, makes one job
	By         string    `json:"by"`
	Time       time.Time `json:"time"`
}

// Check refuses what no import can be made of.
func (r Request) Check() error {
	if _, err := NewImporter(command.Ledger{}, r.TableName, r.TenantCode, "?", true); err != nil {
		return err
	}
	_, delimiter := sheet.Delimiters[r.Delimiter]
	switch {
	case r.Bucket == "" || r.Key == "":
		return failure.New(failure.InputMalformed, "bucket and key must say where the file is")
	case strings.ContainsAny(r.TenantCode, "#@"):
		return failure.New(failure.InputMalformed, "tenantCode must not contain # or @: %q", r.TenantCode)
	case r.Mode != "" && r.Mode != Direct && r.Mode != StepFunction:
		return failure.New(failure.InputMalformed, "processingMode must be %s or %s, not %q", Direct, StepFunction, r.Mode)
	case r.Delimiter != "" && !delimiter:
		return failure.New(failure.InputMalformed, "delimiter must be COMMA, SEMICOLON, TAB, PIPE or absent, not %q", r.Delimiter)
	case r.BatchSize < 0 || r.BatchSize > 100:
		return failure.New(failure.InputMalformed, "batchSize must be 1 to 100, not %d", r.BatchSize)
	case r.Tolerated < 0 || r.Tolerated > 100:
		return failure.New(failure.InputMalformed, "toleratedFailurePercentage must be 0 to 100, not %v", r.Tolerated)
	}
	return nil
}

// Job is an import.
type Job struct {
	PK         string `dynamodbav:"pk" json:"pk"` // CSV_IMPORT#<tenant>
	SK         string `dynamodbav:"sk" json:"sk"` // <table>#<code>
	ID         string `dynamodbav:"id" json:"id"`
	Code       string `dynamodbav:"code" json:"code"`
	Type       string `dynamodbav:"type" json:"type"` // CSV_MASTER_JOB
	TenantCode string `dynamodbav:"tenantCode" json:"tenantCode"`
	Status     Status `dynamodbav:"status" json:"status"`
	Mode       string `dynamodbav:"mode" json:"processingMode"`
	Order      Order  `dynamodbav:"attributes" json:"attributes"`
	Counts
	Processed    int    `dynamodbav:"processedRows" json:"processedRows"`
	Message      string `dynamodbav:"message,omitempty" json:"message,omitempty"`
	ErrorReport  string `dynamodbav:"errorReport,omitempty" json:"errorReport,omitempty"` // s3://bucket/key
	ExecutionARN string `dynamodbav:"executionArn,omitempty" json:"executionArn,omitempty"`
	RequestID    string `dynamodbav:"requestId" json:"requestId"`
	CreatedAt    string `dynamodbav:"createdAt" json:"createdAt"`
	CreatedBy    string `dynamodbav:"createdBy" json:"createdBy"`
	UpdatedAt    string `dynamodbav:"updatedAt" json:"updatedAt"`
	Told         bool   `dynamodbav:"told,omitempty" json:"-"` // its end was published
}

// Order is what import-csv is started with.
type Order struct {
	Bucket     string  `dynamodbav:"bucket" json:"bucket"`
	Key        string  `dynamodbav:"key" json:"key"`
	TableName  string  `dynamodbav:"tableName" json:"tableName"`
	TenantCode string  `dynamodbav:"tenantCode" json:"tenantCode"`
	SourceID   string  `dynamodbav:"sourceId" json:"sourceId"` // the job's id
	PK         string  `dynamodbav:"pk" json:"pk"`
	SK         string  `dynamodbav:"sk" json:"sk"`
	Code       string  `dynamodbav:"code" json:"code"`
	Delimiter  string  `dynamodbav:"delimiter" json:"delimiter"`
	Commands   bool    `dynamodbav:"commands" json:"commands"`
	BatchSize  int     `dynamodbav:"batchSize" json:"batchSize"`
	Tolerated  float64 `dynamodbav:"toleratedFailurePercentage" json:"toleratedFailurePercentage"`
}

// Entry is one row of a file that is imported directly.
type Entry struct {
	PK        string            `dynamodbav:"pk" json:"pk"` // IMPORT#<tenant>
	SK        string            `dynamodbav:"sk" json:"sk"` // <table>#<code>-<line>
	Type      string            `dynamodbav:"type" json:"type"`
	Status    Status            `dynamodbav:"status" json:"status"`
	SourceID  string            `dynamodbav:"sourceId" json:"sourceId"` // the job's id
	JobPK     string            `dynamodbav:"jobPk" json:"jobPk"`
	JobSK     string            `dynamodbav:"jobSk" json:"jobSk"`
	Line      int               `dynamodbav:"line" json:"line"`
	Values    map[string]string `dynamodbav:"attributes" json:"attributes"`
	Message   string            `dynamodbav:"message,omitempty" json:"message,omitempty"`
	UpdatedAt string            `dynamodbav:"updatedAt" json:"updatedAt"`
}

// Teller tells what happened.
type Teller interface {
	Tell(context.Context, notify.Message) error
}

// Book is the import_tmp table, and who hears of it.
type Book struct {
	API    table.API
	Table  string
	Status Teller
	Now    func() time.Time
}

func (b Book) now() string {
	if b.Now != nil {
		return b.Now().UTC().Format(time.RFC3339Nano)
	}
	return time.Now().UTC().Format(time.RFC3339Nano)
}

// NewJob makes a job of a request, without writing it.
func (b Book) NewJob(r Request) Job {
	hash := sha256.Sum256([]byte(strings.Join([]string{r.TenantCode, r.TableName, r.Bucket, r.Key, r.RequestID}, "\x00")))
	j := Job{
		PK: jobPrefix + r.TenantCode, Code: hex.EncodeToString(hash[:13]), Type: "CSV_MASTER_JOB", TenantCode: r.TenantCode, Status: Created,
		Mode: r.Mode, RequestID: r.RequestID, CreatedAt: b.now(), CreatedBy: r.By, UpdatedAt: b.now(),
	}
	if !r.Time.IsZero() {
		j.CreatedAt = r.Time.UTC().Format(time.RFC3339Nano)
	}
	if j.Mode == "" {
		j.Mode = StepFunction
	}
	j.SK = r.TableName + "#" + j.Code
	j.ID = j.PK + "#" + j.SK
	j.Order = Order{
		Bucket: r.Bucket, Key: r.Key, TableName: r.TableName, TenantCode: r.TenantCode, SourceID: j.ID, PK: j.PK, SK: j.SK, Code: j.Code,
		Delimiter: r.Delimiter, Commands: r.Commands == nil || *r.Commands, BatchSize: r.BatchSize, Tolerated: r.Tolerated,
	}
	if j.Order.BatchSize == 0 {
		j.Order.BatchSize = DefaultBatch
	}
	return j
}

// Create writes a job, or finds it there.
func (b Book) Create(ctx context.Context, j Job) (Job, error) {
	err := table.Put(ctx, b.API, b.Table, j, "attribute_not_exists(pk)")
	return j, standing(err, &j)
}

// standing reads what stood in the way of a write; without that it returns err.
func standing(err error, into any) error {
	var refused *table.Refused
	if errors.As(err, &refused) {
		return attributevalue.UnmarshalMap(refused.Old[0], into)
	}
	return err
}

// NewEntry is a row of a direct import.
func (j Job) NewEntry(line Line) Entry {
	return Entry{
		PK: entryPrefix + j.TenantCode, SK: fmt.Sprintf("%s-%07d", j.SK, line.Number), Type: j.Order.TableName, Status: Created,
		SourceID: j.ID, JobPK: j.PK, JobSK: j.SK, Line: line.Number, Values: line.Values,
	}
}

// Enter writes a row of a direct import, once.
func (b Book) Enter(ctx context.Context, e Entry) error {
	e.UpdatedAt = b.now()
	return standing(table.Put(ctx, b.API, b.Table, e, "attribute_not_exists(pk)"), &e)
}

// IsJob tells from a partition key whether it is a job's; otherwise it is a row's.
func IsJob(pk string) bool { return strings.HasPrefix(pk, jobPrefix) }

// Announce asks for a job or a row to be done.
func (b Book) Announce(ctx context.Context, pk, sk string) error {
	var row struct {
		ID     string `dynamodbav:"id"`
		Status Status `dynamodbav:"status"`
		Mode   string `dynamodbav:"mode"`
	}
	found, err := table.Get(ctx, b.API, b.Table, table.Pair(pk, sk), &row)
	if err != nil || !found || row.Status != Created || row.Mode == Direct {
		return err
	}
	if err := b.Status.Tell(ctx, b.message(notify.ImportExecute, pk, sk, map[string]any{"status": row.Status})); err != nil {
		return err
	}
	return b.move(ctx, pk, sk, "SET #status = :to, updatedAt = :at", "#status = :from", map[string]any{":to": Queued, ":from": Created})
}

func (b Book) message(action notify.Action, pk, sk string, content any) notify.Message {
	return notify.Message{Action: action, ID: pk + "#" + sk, Table: b.Table, PK: pk, SK: sk, TenantCode: pk[strings.LastIndex(pk, "#")+1:], Content: content}
}

// move makes an update if its condition holds.
func (b Book) move(ctx context.Context, pk, sk, update, condition string, values map[string]any) error {
	values[":at"] = b.now()
	err := table.Update(ctx, b.API, table.Write{Table: b.Table, Key: table.Pair(pk, sk), Update: update, Condition: condition,
		Names: map[string]string{"#status": "status"}, Values: values}, &Job{})
	var refused *table.Refused
	if errors.As(err, &refused) {
		return nil
	}
	return err
}

// Load reads a job.
func (b Book) Load(ctx context.Context, pk, sk string) (Job, error) {
	var j Job
	found, err := table.Get(ctx, b.API, b.Table, table.Pair(pk, sk), &j)
	if err == nil && !found {
		err = failure.New(failure.ImportFailed, "import %s %s is not stored", pk, sk)
	}
	return j, err
}

// LoadEntry reads a row.
func (b Book) LoadEntry(ctx context.Context, pk, sk string) (Entry, error) {
	var e Entry
	found, err := table.Get(ctx, b.API, b.Table, table.Pair(pk, sk), &e)
	if err == nil && !found {
		err = failure.New(failure.ImportFailed, "row %s %s is not stored", pk, sk)
	}
	return e, err
}

// Begin writes that a job's execution runs.
func (b Book) Begin(ctx context.Context, j Job, execution string) error {
	return b.move(ctx, j.PK, j.SK, "SET #status = :to, updatedAt = :at, executionArn = :execution", "#status IN (:created, :queued, :to)",
		map[string]any{":to": Processing, ":created": Created, ":queued": Queued, ":execution": execution})
}

// Settle writes what became of a row of a direct import, counts it, once, and closes
// the job behind the last one.
func (b Book) Settle(ctx context.Context, e Entry, r Result) error {
	status, message := Completed, "published"
	switch {
	case r.Failed > 0:
		status, message = Failed, r.Errors[0].Error()
	case r.Unchanged > 0:
		message = "No changes detected."
	}
	err := table.Transact(ctx, b.API,
		table.Write{Table: b.Table, Key: table.Pair(e.PK, e.SK), Update: "SET #status = :to, updatedAt = :at, message = :message", Condition: "NOT #status IN (:completed, :failed)",
			Names: map[string]string{"#status": "status"}, Values: map[string]any{":to": status, ":at": b.now(), ":message": message, ":completed": Completed, ":failed": Failed}},
		table.Write{Table: b.Table, Key: table.Pair(e.JobPK, e.JobSK), Update: "ADD processedRows :one, succeededRows :succeeded, unchangedRows :unchanged, failedRows :failed",
			Condition: "attribute_exists(pk)", Values: map[string]any{":one": 1, ":succeeded": r.Succeeded, ":unchanged": r.Unchanged, ":failed": r.Failed}})
	var refused *table.Refused
	if err != nil && !errors.As(err, &refused) {
		return err
	}
	return b.Close(ctx, e)
}

// Close ends the job of a row whose result is written, where that was the last one. It
// is for a row that comes again, too: whoever settled it may have died before this.
func (b Book) Close(ctx context.Context, e Entry) error {
	j, err := b.Load(ctx, e.JobPK, e.JobSK)
	if err != nil || j.Processed < j.Total || j.Told {
		return err
	}
	return b.Finish(ctx, j.PK, j.SK, Outcome{Counts: j.Counts, ErrorReport: j.ErrorReport, Tolerated: j.Order.Tolerated})
}

// Outcome is the end of a job.
type Outcome struct {
	Counts
	Tolerated   float64
	ErrorReport string
	Problem     string // why it came to no end of its own; "" otherwise
}

// Status is what the job ends as.
func (o Outcome) Status() Status {
	if o.Problem != "" || !o.Counts.Tolerated(o.Tolerated) {
		return Failed
	}
	return Completed
}

// Message says what became of the rows.
func (o Outcome) Message() string {
	text := fmt.Sprintf("%d rows: %d imported, of which %d were there already; %d failed", o.Total, o.Succeeded, o.Unchanged, o.Failed)
	if o.Problem != "" {
		text += ". " + o.Problem
	}
	return text
}

// Finish ends a job and tells it. A job that is over stays as it ended; its end is told
// until a telling succeeded, so at least once.
func (b Book) Finish(ctx context.Context, pk, sk string, o Outcome) error {
	err := b.move(ctx, pk, sk,
		"SET #status = :to, updatedAt = :at, message = :message, errorReport = :report, totalRows = :total, processedRows = :total, succeededRows = :succeeded, unchangedRows = :unchanged, failedRows = :failedRows",
		"attribute_exists(pk) AND NOT #status IN (:completed, :failed)",
		map[string]any{":to": o.Status(), ":message": o.Message(), ":report": o.ErrorReport, ":total": o.Total, ":succeeded": o.Succeeded, ":unchanged": o.Unchanged,
			":failedRows": o.Failed, ":completed": Completed, ":failed": Failed})
	if err != nil {
		return err
	}
	return b.tellEnd(ctx, pk, sk)
}

// tellEnd tells how a job ended, unless somebody has.
func (b Book) tellEnd(ctx context.Context, pk, sk string) error {
	var j Job
	found, err := table.Get(ctx, b.API, b.Table, table.Pair(pk, sk), &j)
	if err != nil || !found || j.Told {
		return err
	}
	if err := b.Status.Tell(ctx, b.message(notify.ImportStatus, pk, sk, map[string]any{"status": j.Status, "message": j.Message, "counts": j.Counts})); err != nil {
		return err
	}
	return b.move(ctx, pk, sk, "SET told = :yes, updatedAt = :at", "#status IN (:completed, :failed)", map[string]any{":yes": true, ":completed": Completed, ":failed": Failed})
}
