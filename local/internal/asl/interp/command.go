package interp

// This file defines what an execution asks of its driver: the commands that
// Step returns.

import (
	"time"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Command is one thing the driver must do, after it has persisted the
// execution, in the order of the slice. Performing one twice after a crash must
// be harmless; the IDs make that possible.
type Command interface{ command() }

type (
	// ScheduleTask asks for a piece of work. The driver answers with
	// TaskStarted, TaskSubmitted, and TaskSucceeded or TaskFailed.
	ScheduleTask struct {
		Task       ID
		State      string // the Task state's name
		Resource   asl.Resource
		Parameters jsonvalue.Value // what the task gets, evaluated: Lambda's and activities' input, a service's parameters
		Role       string          // Credentials.RoleArn, evaluated; empty: the machine's own role
		Token      string          // the task token of this attempt, unguessable. Every task has one; activities and .waitForTaskToken hand it out
		Attempt    int             // 0 first, then 1, 2, ... on retries

		// Started and Submitted are told by Pending: how far the task had come.
		// Submitted is the service's answer of a .sync or .waitForTaskToken task;
		// Parameters are gone when only the token's answer matters any more.
		Started   bool
		Submitted jsonvalue.Value

		// Timeout and Heartbeat are told for the client's sake and for
		// histories. The execution itself keeps the time, by StartTimer.
		Timeout, Heartbeat time.Duration // 0: none
	}

	// CancelTask says that the execution no longer waits for a task: a timeout,
	// a failed sibling branch, a stop. A .sync job must be stopped; any answer
	// that comes later is ignored.
	CancelTask struct {
		Task ID
		// Reason is the error that the task got instead, States.Timeout for one.
		Reason string
	}

	// StartTimer asks for TimerFired at a time, at once if it has passed.
	StartTimer struct {
		Timer ID
		At    time.Time
	}

	// CancelTimer takes a StartTimer back.
	CancelTimer struct{ Timer ID }

	// StartMapRun asks for a map run: read the items (or take Items), make the
	// child inputs with a [Selector], run the processor ([asl.Machine.Processor])
	// as child executions, write the results. The driver answers with
	// MapRunSucceeded or MapRunFailed. [StartMapRun.Exceeded],
	// [StartMapRun.Results] and [StartMapRun.Files] decide for it.
	StartMapRun struct {
		MapRun        ID
		ARN           string // of the map run, as the history's MapRunStarted tells it
		State         string // the Map state's name
		Label         string
		Location      string // of the Map state in the definition, for [asl.Machine.Processor]
		ExecutionType string // STANDARD or EXPRESS

		Items  []jsonvalue.Value // when there is no Reader
		Reader *ItemReader

		Selection Selection // what ItemSelector needs
		Batcher   *ItemBatcher
		Writer    *ResultWriter

		MaxConcurrency             int      // 0: no limit but AWS's 10,000
		ToleratedFailureCount      *int64   // nil: not given
		ToleratedFailurePercentage *float64 // nil: not given
	}

	// CancelMapRun stops a map run and its children.
	CancelMapRun struct{ MapRun ID }

	// RedriveMapRun asks to run the unsuccessful children of a failed map run
	// again.
	RedriveMapRun struct {
		MapRun ID
		ARN    string
	}

	// Complete ends the execution. It is the last command, unless a Redriven
	// event follows.
	Complete struct {
		Status       Status
		Output       jsonvalue.Value // when Succeeded
		Error, Cause string          // else; either may be empty
	}
)

func (ScheduleTask) command()  {}
func (CancelTask) command()    {}
func (StartTimer) command()    {}
func (CancelTimer) command()   {}
func (StartMapRun) command()   {}
func (CancelMapRun) command()  {}
func (RedriveMapRun) command() {}
func (Complete) command()      {}

// ItemReader is where a map run's items come from, evaluated.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
type ItemReader struct {
	Resource   asl.Resource    // s3:getObject or s3:listObjectsV2
	Parameters jsonvalue.Value // Bucket, Key, Prefix, ...

	InputType         string // CSV, JSON, JSONL, PARQUET, MANIFEST; empty for a listing
	CSVHeaderLocation string // FIRST_ROW or GIVEN
	CSVHeaders        []string
	CSVDelimiter      string // COMMA, PIPE, SEMICOLON, SPACE, TAB; empty is COMMA
	ManifestType      string // S3_INVENTORY or ATHENA_DATA
	Transformation    string // NONE or LOAD_AND_FLATTEN, for a listing
	ItemsPointer      string // path to the array inside a JSON file
	MaxItems          int64  // 0: all; negative: States.ItemReaderFailed, "field MaxItems must be positive"
}

// ItemBatcher groups items into one child execution each.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html
type ItemBatcher struct {
	MaxItems int64           // per batch; 0: no limit
	MaxBytes int64           // per batch; 0: no limit
	Input    jsonvalue.Value // BatchInput, evaluated; nil: none
}

// ResultWriter is where a map run's results go.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
type ResultWriter struct {
	Resource       asl.Resource    // s3:putObject; zero when only WriterConfig is given
	Parameters     jsonvalue.Value // Bucket, Prefix; nil when only WriterConfig is given
	Transformation string          // NONE, COMPACT, FLATTEN
	OutputType     string          // JSON or JSONL
}

// Selection is what ItemSelector's template sees, kept as data so that a driver
// can make child inputs after a restart too.
type Selection struct {
	Input     jsonvalue.Value   // the state's input after InputPath
	Context   *jsonvalue.Object // the context object, without Map
	Variables *jsonvalue.Object // the variables in scope
	EnteredID int64             // the event of entering the state, for causes
}
