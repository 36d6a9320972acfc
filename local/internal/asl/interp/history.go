package interp

// This file defines history events: what they are called, how they follow one
// another, and the form in which GetExecutionHistory tells them.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// EventType is the type of a history event, "PassStateEntered".
type EventType string

// The types that do not follow from the type of a state or resource.
const (
	executionStarted   EventType = "ExecutionStarted"
	executionSucceeded EventType = "ExecutionSucceeded"
	executionFailed    EventType = "ExecutionFailed"
	executionAborted   EventType = "ExecutionAborted"
	executionTimedOut  EventType = "ExecutionTimedOut"
	executionRedriven  EventType = "ExecutionRedriven"
	evaluationFailed   EventType = "EvaluationFailed"

	taskSubmittedType EventType = "TaskSubmitted"

	parallelStarted   EventType = "ParallelStateStarted"
	parallelSucceeded EventType = "ParallelStateSucceeded"

	mapStarted            EventType = "MapStateStarted"
	mapSucceeded          EventType = "MapStateSucceeded"
	mapIterationStarted   EventType = "MapIterationStarted"
	mapIterationSucceeded EventType = "MapIterationSucceeded"
	mapIterationFailed    EventType = "MapIterationFailed"
	mapIterationAborted   EventType = "MapIterationAborted"

	mapRunStarted   EventType = "MapRunStarted"
	mapRunSucceeded EventType = "MapRunSucceeded"
	mapRunFailed    EventType = "MapRunFailed"
	mapRunRedriven  EventType = "MapRunRedriven"
)

// The types that follow from the type of a state.
var (
	enteredTypes = stateTypes("StateEntered", asl.TypeTask, asl.TypePass, asl.TypeWait, asl.TypeChoice,
		asl.TypeParallel, asl.TypeMap, asl.TypeSucceed, asl.TypeFail)
	exitedTypes = stateTypes("StateExited", asl.TypeTask, asl.TypePass, asl.TypeWait, asl.TypeChoice,
		asl.TypeParallel, asl.TypeMap, asl.TypeSucceed)
	failedTypes  = stateTypes("StateFailed", asl.TypeParallel, asl.TypeMap)
	abortedTypes = stateTypes("StateAborted", asl.TypeTask, asl.TypeWait, asl.TypeParallel, asl.TypeMap)
)

func stateTypes(ending string, types ...asl.Type) map[asl.Type]EventType {
	m := map[asl.Type]EventType{}
	for _, t := range types {
		m[t] = EventType(string(t) + ending)
	}
	return m
}

// taskTypes are the events of a task's life on one kind of resource. What a
// kind has no event for is empty.
type taskTypes struct{ scheduled, scheduleFailed, started, submitFailed, succeeded, failed, timedOut EventType }

var (
	lambdaTypes = &taskTypes{
		"LambdaFunctionScheduled", "LambdaFunctionScheduleFailed", "LambdaFunctionStarted", "",
		"LambdaFunctionSucceeded", "LambdaFunctionFailed", "LambdaFunctionTimedOut",
	}
	activityTypes = &taskTypes{
		"ActivityScheduled", "ActivityScheduleFailed", "ActivityStarted", "",
		"ActivitySucceeded", "ActivityFailed", "ActivityTimedOut",
	}
	serviceTypes = &taskTypes{
		"TaskScheduled", "", "TaskStarted", "TaskSubmitFailed", "TaskSucceeded", "TaskFailed", "TaskTimedOut",
	}
)

func taskEvents(f *frame) *taskTypes {
	switch f.at.Task.Resource.Kind {
	case asl.Lambda:
		return lambdaTypes
	case asl.Activity:
		return activityTypes
	}
	return serviceTypes
}

// serviceDetails are the members that all events of a task on a service have.
func serviceDetails(f *frame) Details {
	r := f.at.Task.Resource
	if r.Kind == asl.Lambda || r.Kind == asl.Activity {
		return Details{}
	}
	return Details{Resource: r.Name(), ResourceType: r.Type()}
}

// scheduledDetails tell what is asked of whom.
func (x *Execution) scheduledDetails(f *frame, t *pendingTask) Details {
	r := f.at.Task.Resource
	d := Details{
		Resource: r.Name(), ResourceType: r.Type(), TaskRole: t.Role,
		TimeoutInSeconds: int64(t.Timeout), HeartbeatInSeconds: int64(t.Heartbeat),
	}
	if r.Kind == asl.Lambda || r.Kind == asl.Activity {
		d.Input = t.Parameters.Text()
		if r.Kind == asl.Lambda {
			d.HeartbeatInSeconds = 0 // its details have no such member
		}
	} else {
		d.Parameters, d.Region = t.Parameters.Text(), arnField(x.state.Start.ARN, 3)
	}
	return d
}

// emit records an event of a frame and makes it the one that the frame's next
// event follows. The nil frame is the execution itself.
func (x *Execution) emit(f *frame, t EventType, d Details) {
	x.emitAside(f, t, d)
	if f != nil {
		f.Prev = x.Events
	}
}

// emitAside records an event that follows the frame's last one and that
// nothing follows.
func (x *Execution) emitAside(f *frame, t EventType, d Details) {
	if x.noRoom(t) {
		return
	}
	x.Events++
	e := HistoryEvent{ID: x.Events, Timestamp: x.now, Type: t, Details: d}
	if f != nil {
		e.PreviousID = f.Prev
	}
	x.events = append(x.events, e)
	x.bytes += len(d.Input) + len(d.Output) + len(d.Parameters)
}

// HistoryEvent is one line of an execution's history.
type HistoryEvent struct {
	ID         int64 // from 1, without gaps
	PreviousID int64
	Timestamp  time.Time
	Type       EventType
	Details
}

// Details are the members of every kind of event details; each type of event
// uses some. [HistoryEvent.Append] knows under what name they go.
type Details struct {
	Name         string // of the state
	Input        string // JSON text
	Output       string // JSON text
	Error, Cause string
	Resource     string
	ResourceType string
	Region       string
	Parameters   string // JSON text

	TimeoutInSeconds, HeartbeatInSeconds int64
	TaskRole                             string // taskCredentials.roleArn
	WorkerName                           string

	Length, Index int // of a Map state, of an iteration
	MapRunARN     string
	RedriveCount  int

	RoleARN, VersionARN, AliasARN string // of ExecutionStarted

	State, Location string // of EvaluationFailed

	Assigned map[string]string // assignedVariables: name to JSON text
}

// detailsNames are the members under which details go, for the types where it
// is not the type with a small first letter and EventDetails after it; "" where
// an event has none.
var detailsNames = func() map[EventType]string {
	m := map[EventType]string{
		"LambdaFunctionStarted": "", mapSucceeded: "", parallelStarted: "", parallelSucceeded: "", mapRunSucceeded: "",
	}
	for _, t := range enteredTypes {
		m[t] = "stateEnteredEventDetails"
	}
	for _, t := range exitedTypes {
		m[t] = "stateExitedEventDetails"
	}
	for _, t := range failedTypes {
		m[t] = ""
	}
	for _, t := range abortedTypes {
		m[t] = ""
	}
	return m
}()

// DetailsName is the member of the event that holds its details, or "".
func (t EventType) DetailsName() string {
	if name, ok := detailsNames[t]; ok {
		return name
	}
	return string(t[0]+'a'-'A') + string(t[1:]) + "EventDetails"
}

// Append writes the event as GetExecutionHistory tells it, with or without the
// data of the execution (includeExecutionData).
func (e HistoryEvent) Append(dst []byte, withData bool) []byte {
	dst = append(dst, `{"timestamp":`...)
	dst = strconv.AppendFloat(dst, float64(e.Timestamp.UnixMilli())/1000, 'f', 3, 64)
	dst = append(dst, `,"type":"`...)
	dst = append(dst, e.Type...)
	dst = append(dst, `","id":`...)
	dst = strconv.AppendInt(dst, e.ID, 10)
	dst = append(dst, `,"previousEventId":`...)
	dst = strconv.AppendInt(dst, e.PreviousID, 10)
	if name := e.Type.DetailsName(); name != "" {
		dst = append(dst, `,"`...)
		dst = append(dst, name...)
		dst = append(dst, `":{`...)
		w := memberWriter{dst: dst, withData: withData}
		w.details(e.Type, &e.Details)
		dst = append(w.dst, '}')
	}
	return append(dst, '}')
}

// memberWriter writes the members of an object.
type memberWriter struct {
	dst      []byte
	some     bool
	withData bool
}

func (w *memberWriter) name(name string) {
	if w.some {
		w.dst = append(w.dst, ',')
	}
	w.some = true
	w.dst = append(w.dst, '"')
	w.dst = append(w.dst, name...)
	w.dst = append(w.dst, '"', ':')
}

// text writes a member unless it is empty.
func (w *memberWriter) text(name, value string) {
	if value != "" {
		w.name(name)
		w.dst = jsonvalue.AppendString(w.dst, value)
	}
}

// data writes a member that is execution data, with its ...Details. Nothing is
// ever cut short here: data is no longer than AWS's limit.
func (w *memberWriter) data(name, value string) {
	if value == "" || !w.withData {
		return
	}
	w.text(name, value)
	w.name(name + "Details")
	w.dst = append(w.dst, `{"truncated":false}`...)
}

func (w *memberWriter) number(name string, n int64) {
	w.name(name)
	w.dst = strconv.AppendInt(w.dst, n, 10)
}

func (w *memberWriter) details(t EventType, d *Details) {
	w.text("name", d.Name)
	w.data("input", d.Input)
	w.data("output", d.Output)
	w.text("resourceType", d.ResourceType)
	w.text("resource", d.Resource)
	w.text("error", d.Error)
	w.text("cause", d.Cause)
	w.text("region", d.Region)
	if w.withData {
		w.text("parameters", d.Parameters)
	}
	if d.TimeoutInSeconds > 0 {
		w.number("timeoutInSeconds", d.TimeoutInSeconds)
	}
	if d.HeartbeatInSeconds > 0 {
		w.number("heartbeatInSeconds", d.HeartbeatInSeconds)
	}
	if d.TaskRole != "" {
		w.name("taskCredentials")
		w.dst = append(jsonvalue.AppendString(append(w.dst, `{"roleArn":`...), d.TaskRole), '}')
	}
	w.text("workerName", d.WorkerName)
	w.text("roleArn", d.RoleARN)
	w.text("stateMachineVersionArn", d.VersionARN)
	w.text("stateMachineAliasArn", d.AliasARN)
	w.text("state", d.State)
	w.text("location", d.Location)
	w.text("mapRunArn", d.MapRunARN)
	w.counts(t, d)
	w.assigned(d.Assigned)
}

// counts writes the numbers that are told even when they are 0.
func (w *memberWriter) counts(t EventType, d *Details) {
	switch t {
	case mapStarted:
		w.number("length", int64(d.Length))
	case mapIterationStarted, mapIterationSucceeded, mapIterationFailed, mapIterationAborted:
		w.number("index", int64(d.Index))
	case executionRedriven, mapRunRedriven:
		w.number("redriveCount", int64(d.RedriveCount))
	}
}

func (w *memberWriter) assigned(vars map[string]string) {
	if len(vars) == 0 || !w.withData {
		return
	}
	w.name("assignedVariables")
	w.dst = append(w.dst, '{')
	for i, name := range sortedNames(vars) {
		if i > 0 {
			w.dst = append(w.dst, ',')
		}
		w.dst = append(jsonvalue.AppendString(w.dst, name), ':')
		w.dst = jsonvalue.AppendString(w.dst, vars[name])
	}
	w.dst = append(w.dst, '}')
	w.name("assignedVariablesDetails")
	w.dst = append(w.dst, `{"truncated":false}`...)
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
