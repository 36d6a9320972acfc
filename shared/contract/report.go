package contract

// This file defines the events of the report: those by which its state machine
// asks for a step, and those by which functions answer.

// SourceProject is the source of everything that belongs to a report.
const SourceProject = "project"

// Detail-types of the report.
const (
	Start                 = "start"
	TaskGetMultiple       = "task.get.multiple"
	TaskProcessSingle     = "task.process.single"
	TaskProcessSinglePost = "task.process.single.post"
	TaskProcessAll        = "task.process.all"
	TaskFinished          = "task.finished"
	TaskFailed            = "task.failed"
	AsyncComplete         = "async.complete"
)

// reportTypes are the report's part of the catalogue.
var reportTypes = []Type{
	{SourceProject, Start, "somebody wants a cookie report: starts the workflow", func() any { return new(StartDetail) }},
	{SourceProject, TaskGetMultiple, "the workflow asks whom the report is about", func() any { return new(GetMultipleDetail) }},
	{SourceProject, TaskProcessSingle, "the workflow asks for one person's profile", func() any { return new(ProcessSingleDetail) }},
	{SourceProject, TaskProcessSinglePost, "a profile is there: count its person's cookies, and whatever else anybody does with it", func() any { return new(ProcessSinglePostDetail) }},
	{SourceProject, TaskProcessAll, "the workflow asks for the sum", func() any { return new(ProcessAllDetail) }},
	{SourceProject, TaskFinished, "a step is done: answers the task that waits for it", func() any { return new(TaskFinishedDetail) }},
	{SourceProject, TaskFailed, "a step cannot be done: fails the task that waits for it", func() any { return new(TaskFailedDetail) }},
	{SourceProject, AsyncComplete, "something beside the workflow is done; no task waits for it", func() any { return new(AsyncCompleteDetail) }},
}

// Hop is what the events of a report have in common.
type Hop struct {
	Execution   string `json:"execution,omitempty"`   // ARN
	Correlation string `json:"correlation,omitempty"` // id of the event that everything began with
	StateName   string `json:"stateName,omitempty"`   // of the state that asks
	// TaskToken answers the task. It is a secret: only the events that lead to an
	// answer carry it.
	TaskToken string `json:"TaskToken,omitempty"`
	Meta      *Meta  `json:"meta,omitempty"` // of functions' events; the workflow's have none
}

// Meta says where an event came from.
type Meta struct {
	Incoming     Origin `json:"incoming"` // the event that the function was invoked with
	Outgoing     Origin `json:"outgoing"`
	Function     string `json:"fn"`
	StateMachine string `json:"stateMachine"`
	Job          string `json:"job"` // name of the execution
}

// Origin names an event.
type Origin struct {
	ID         string `json:"id,omitempty"` // nobody knows an outgoing event's yet
	Account    string `json:"account,omitempty"`
	Source     string `json:"source"`
	DetailType string `json:"detailType"`
}

// StartDetail is the detail of start: Names, or else made-up names, so many.
// Nothing of it is needed.
type StartDetail struct {
	NumberOfPeople *int     `json:"numberOfPeople,omitempty"`
	Seed           *int64   `json:"seed,omitempty"` // the same names again
	Names          []string `json:"names,omitempty"`
}

// GetMultipleDetail is the detail of task.get.multiple.
type GetMultipleDetail struct {
	Hop
	Request StartDetail `json:"request"`
}

// ProcessSingleDetail is the detail of task.process.single. Index is the name's
// place in the report: two people may have one name.
type ProcessSingleDetail struct {
	Hop
	Name  string `json:"name"`
	Index int    `json:"index"`
}

// ProcessSinglePostDetail is the detail of task.process.single.post. Profile is a
// presigned URL: a secret.
type ProcessSinglePostDetail struct {
	Hop
	Name    string `json:"name"`
	Index   int    `json:"index"`
	Profile string `json:"profile"`
}

// ProcessAllDetail is the detail of task.process.all.
type ProcessAllDetail struct {
	Hop
	Names []string `json:"names"`
}

// TaskFinishedDetail is the detail of task.finished, which is the task's output:
// one of the three fields, as the task was.
type TaskFinishedDetail struct {
	Hop
	Names                *[]string `json:"names,omitempty"`
	Processed            *string   `json:"processed,omitempty"`
	TotalCookiesConsumed *int      `json:"totalCookiesConsumed,omitempty"`
}

// TaskFailedDetail is the detail of task.failed. Error is a name of package failure.
type TaskFailedDetail struct {
	Hop
	Error string `json:"error"`
	Cause string `json:"cause"`
}

// AsyncCompleteDetail is the detail of async.complete.
type AsyncCompleteDetail struct {
	Hop
	Processed string `json:"processed"`
}
