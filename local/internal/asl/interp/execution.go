// Package interp runs state machines: an [Execution] is plain data, and
// [Execution.Step] moves it on by one event.
//
// Step starts no goroutine, reads no clock and does no I/O. The time and what
// happened come in as values; what must now be done comes out as commands,
// together with the history events that AWS would have recorded. One Step runs
// through every transition that needs no waiting. Random numbers, UUIDs and task
// tokens come from a seed inside the Execution, so the same events at the same
// times give the same commands and the same history.
//
// # The driver's obligations, in order
//
//  1. call Step with one event at a time;
//  2. persist the execution ([Execution.Append]) and the history events;
//  3. only then perform the commands;
//  4. after a restart: [Load], and perform again what [Execution.Pending] tells
//     (tasks in flight, timers, map runs).
//
// An Execution is not safe for concurrent use.
package interp

import (
	"time"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Status is what DescribeExecution calls status.
type Status string

// The statuses of an execution.
const (
	Running   Status = "RUNNING"
	Succeeded Status = "SUCCEEDED"
	Failed    Status = "FAILED"
	TimedOut  Status = "TIMED_OUT"
	Aborted   Status = "ABORTED"
)

// Start is what an execution is born with.
type Start struct {
	ARN        string // of the execution
	Name       string
	RoleARN    string
	MachineARN string
	VersionARN string // when it was started by version or alias
	AliasARN   string
	Express    bool // no activities, tokens or jobs, and its time limit is five minutes
	Input      jsonvalue.Value
	Time       time.Time
	Seed       [32]byte // unguessable in production: task tokens come from it

	// MapItem is $$.Map.Item of a map run's child, nil elsewhere.
	MapItem jsonvalue.Value
}

// Execution is one run of a state machine.
type Execution struct {
	machine *asl.Machine
	data    data
}

// data is all of an execution that changes or must survive.
type data struct {
	Start  Start
	Status Status
}

// New returns an execution that waits for Started.
func New(m *asl.Machine, s Start) *Execution {
	return &Execution{machine: m, data: data{Start: s, Status: Running}}
}
