// Package task is work that is asked for now and done later: a row says what, who
// asked, how far it is and what came of it.
//
//	createTask ──> tasks ──stream──> taskStream ──SNS task-execute──> task-action-queue ──> taskAction
//	                                                                                          │
//	  one task (TASK#tenant): taskAction does it                                              │
//	  many (SFN_TASK#tenant): taskAction makes a sub-task of every element, and starts  <─────┘
//	  task-handler: two at a time, each with its own status; then the task's own
//
// A task goes CREATED, QUEUED, PROCESSING, and ends COMPLETED or FAILED. ERRORED is
// a task whose attempt failed on something that passes; it will be tried again.
// A task of many is FAILED if one of its sub-tasks is: the counters say how many,
// and the others are done all the same.
//
// What is guaranteed: a status never goes back from its end, so a message or an
// invocation that comes again does no work twice that is known to be done; every
// sub-task is made once, under its place in the input. Work that was done by an
// invocation whose answer got lost is done again: runners must bear it.
//
// What tasks do is in runners.go, by their types; when they do it, the functions
// in functions/tasks and the task-handler machine decide.
//
// Start at [Book].
package task

import (
	"strconv"
	"strings"
	"time"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/table"
)

// Status is how far a task is.
type Status string

// The statuses.
const (
	Created    Status = "CREATED"
	Queued     Status = "QUEUED"
	Processing Status = "PROCESSING"
	Errored    Status = "ERRORED"
	Completed  Status = "COMPLETED"
	Failed     Status = "FAILED"
)

// Over tells whether nothing more happens to the task.
func (s Status) Over() bool { return s == Completed || s == Failed }

// The kinds of tasks, which their keys begin with.
const (
	Single = "TASK"
	Many   = "SFN_TASK"
)

// MaxSubTasks is how many a task may have: their keys are the input of one
// execution, of 256 KiB.
const MaxSubTasks = 1000

// MaxInput is how large an input may be: a row has 400 KB.
const MaxInput = 256 << 10

const separator = "#"

// Task is a row of the tasks table.
type Task struct {
	PK         string     `dynamodbav:"pk" json:"pk"` // TASK#<tenant> or SFN_TASK#<tenant>
	SK         string     `dynamodbav:"sk" json:"sk"` // <type>#<code>; of a sub-task #<index> on top
	ID         string     `dynamodbav:"id" json:"id"`
	Version    int        `dynamodbav:"version" json:"version"`
	Code       string     `dynamodbav:"code" json:"code"`
	Name       string     `dynamodbav:"name" json:"name"`
	Type       string     `dynamodbav:"type" json:"type"`
	TenantCode string     `dynamodbav:"tenantCode" json:"tenantCode"`
	Status     Status     `dynamodbav:"status" json:"status"`
	Input      table.JSON `dynamodbav:"input" json:"input"`
	Result     table.JSON `dynamodbav:"result,omitempty" json:"result,omitempty"`
	Error      string     `dynamodbav:"error,omitempty" json:"error,omitempty"`
	Parent     string     `dynamodbav:"parent,omitempty" json:"parent,omitempty"` // of a sub-task: the sk of its task
	Counts     *Counts    `dynamodbav:"attributes,omitempty" json:"attributes,omitempty"`
	RequestID  string     `dynamodbav:"requestId" json:"requestId"`
	CreatedAt  string     `dynamodbav:"createdAt" json:"createdAt"`
	CreatedBy  string     `dynamodbav:"createdBy" json:"createdBy"`
	UpdatedAt  string     `dynamodbav:"updatedAt" json:"updatedAt"`
}

// Counts is how far a task's sub-tasks are.
type Counts struct {
	Total     int `dynamodbav:"subTaskCount" json:"subTaskCount"`
	Succeeded int `dynamodbav:"subTaskSucceedCount" json:"subTaskSucceedCount"`
	Failed    int `dynamodbav:"subTaskFailedCount" json:"subTaskFailedCount"`
	Running   int `dynamodbav:"subTaskRunningCount" json:"subTaskRunningCount"`
}

// Ref names a sub-task: an element of task-handler's input.
type Ref struct {
	PK     string `json:"pk"`
	SK     string `json:"sk"`
	Parent string `json:"parent"`
}

// IsMany tells whether the task has sub-tasks.
func (t Task) IsMany() bool { return strings.HasPrefix(t.PK, Many+separator) }

// Refs names a task's sub-tasks, in the order of its input.
func (t Task) Refs() []Ref {
	if t.Counts == nil {
		return nil
	}
	refs := make([]Ref, t.Counts.Total)
	for i := range refs {
		refs[i] = Ref{PK: t.PK, SK: subKey(t.SK, i), Parent: t.SK}
	}
	return refs
}

func subKey(parent string, index int) string { return parent + separator + strconv.Itoa(index) }

// IsSub tells from a sort key whether it is a sub-task's.
func IsSub(sk string) bool { return strings.Count(sk, separator) > 1 }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// Request is who wants what done.
type Request struct {
	Kind       string     `json:"kind"` // TASK, SFN_TASK; empty: SFN_TASK where the input is a list
	TenantCode string     `json:"tenantCode"`
	TaskType   string     `json:"taskType"`
	Name       string     `json:"name"`
	Input      table.JSON `json:"input"`
	RequestID  string     `json:"requestId"` // the same request, repeated, makes one task
	By         string     `json:"by"`
	Time       time.Time  `json:"time"` // zero: now
}

// check refuses what could never be done, and settles the kind.
func (r Request) check() (kind string, err error) {
	if r.TenantCode == "" || strings.Contains(r.TenantCode, separator) {
		return "", failure.New(failure.InputMalformed, "tenantCode is missing or has a %q: %q", separator, r.TenantCode)
	}
	if _, ok := runners[r.TaskType]; !ok {
		return "", failure.New(failure.InputMalformed, "there is no task type %q; there are: %s", r.TaskType, strings.Join(Types(), ", "))
	}
	if len(r.Input) > MaxInput {
		return "", failure.New(failure.InputMalformed, "input has %d bytes, a task takes %d", len(r.Input), MaxInput)
	}
	v, err := r.Input.Tree()
	if err != nil {
		return "", err
	}
	list, isList := v.([]any)
	switch {
	case r.Kind == Single, r.Kind == "" && !isList:
		return Single, r.Input.Fits()
	case r.Kind != Many && r.Kind != "":
		return "", failure.New(failure.InputMalformed, "kind must be %s or %s, not %q", Single, Many, r.Kind)
	case !isList || len(list) == 0 || len(list) > MaxSubTasks:
		return "", failure.New(failure.InputMalformed, "input of a task of many must be a list of 1 to %d elements, one for each sub-task", MaxSubTasks)
	}
	return Many, r.Input.Fits()
}
