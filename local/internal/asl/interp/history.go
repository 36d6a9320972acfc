package interp

// This file defines history events, in the form GetExecutionHistory tells them.

import (
	"time"
)

// EventType is the type of a history event, "PassStateEntered".
type EventType string

// HistoryEvent is one line of an execution's history.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
type HistoryEvent struct {
	ID         int64 // from 1, without gaps
	PreviousID int64
	Timestamp  time.Time
	Type       EventType
	Details
}

// Details are the members of every kind of event details; each type of event
// uses some. [HistoryEvent.Append] knows which, and under what name they go.
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
