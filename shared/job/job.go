// Package job is what the job functions share: the kinds of warehouse jobs, and
// the book of those that were submitted.
//
// A job stands for work that some other system does in its own time: it is
// submitted, waits its turn, runs, and ends SUCCEEDED or FAILED. Here that system
// is a table, [Kinds]: it says how long a job of a kind waits and runs, what
// comes of it, and which share fails. Nothing is random. Whether a job fails is
// decided by a hash of its kind and reference, so a story and a retry see the
// same; when it starts and ends is written down as it is submitted. A real batch
// system takes the table's place behind [Book].
//
// What is guaranteed: an execution submits one job, however often it asks; a
// job's status never goes back.
//
// Time is the caller's: the execution tells it. Start at [Kinds] and [Book].
package job

import (
	"crypto/sha256"
	"encoding/base32"
	"hash/fnv"
	"strings"
	"time"

	"github.com/stepworks/stepworks/shared/failure"
)

// Status is how far a job has come, in AWS Batch's words.
type Status string

// The states of a job.
const (
	Submitted Status = "SUBMITTED"
	Running   Status = "RUNNING"
	Succeeded Status = "SUCCEEDED"
	Failed    Status = "FAILED"
)

// Kind is a kind of job.
type Kind struct {
	Name        string
	Waits       time.Duration // in the queue
	Takes       time.Duration // whatever its size
	PerPiece    time.Duration // on top, for each piece
	FailPercent int           // share of the references whose job fails
	Reason      string        // of those
	Unit        string        // of the result
	PerUnit     int           // how many pieces make one
}

// Kinds lists every kind of job.
var Kinds = []Kind{
	{Name: "print-labels", Waits: time.Second, Takes: 2 * time.Second, PerPiece: 200 * time.Millisecond, Unit: "labels", PerUnit: 1},
	{Name: "pick-items", Waits: 2 * time.Second, Takes: 5 * time.Second, PerPiece: 2 * time.Second, FailPercent: 10, Reason: "an item was not at its place", Unit: "totes", PerUnit: 12},
	{Name: "count-stock", Waits: 5 * time.Second, Takes: 40 * time.Second, PerPiece: 500 * time.Millisecond, FailPercent: 20, Reason: "two counts differ", Unit: "shelves", PerUnit: 50},
	{Name: "rebuild-aisle", Takes: 2 * time.Hour, Unit: "shelves", PerUnit: 50}, // longer than JobPollerWorkflow waits
}

// Limits of a request.
const (
	MaxPieces    = 1000
	maxReference = 128
	maxWait      = 60 // seconds between two polls
)

// Request is what to do.
type Request struct {
	Kind      string `json:"kind"`
	Reference string `json:"reference"` // what it is for: an order's id
	Pieces    int    `json:"pieces"`
}

// Check says what is wrong with a request.
func (r Request) Check() error {
	if _, err := kindOf(r.Kind); err != nil {
		return err
	}
	if r.Reference == "" || len(r.Reference) > maxReference {
		return failure.New(failure.InputMalformed, "job.reference must be a text of 1 to %d bytes, not of %d", maxReference, len(r.Reference))
	}
	if r.Pieces < 1 || r.Pieces > MaxPieces {
		return failure.New(failure.InputMalformed, "job.pieces must be a whole number from 1 to %d, not %d", MaxPieces, r.Pieces)
	}
	return nil
}

// CheckWait says whether a workflow may wait so many seconds between two polls.
func CheckWait(seconds *int) error {
	if seconds != nil && (*seconds < 1 || *seconds > maxWait) {
		return failure.New(failure.InputMalformed, "wait_time must be a whole number of seconds from 1 to %d, not %d", maxWait, *seconds)
	}
	return nil
}

func kindOf(name string) (Kind, error) {
	var names []string
	for _, k := range Kinds {
		if k.Name == name {
			return k, nil
		}
		names = append(names, k.Name)
	}
	return Kind{}, failure.New(failure.InputMalformed, "job.kind %.40q is not known; there are: %s", name, strings.Join(names, ", "))
}

// Record is a job in the book. Status and Ended are written when somebody has
// seen how it ended; until then the times decide.
type Record struct {
	JobID       string    `dynamodbav:"jobId"`
	Kind        string    `dynamodbav:"kind"`
	Reference   string    `dynamodbav:"reference"`
	Pieces      int       `dynamodbav:"pieces"`
	ExecutionID string    `dynamodbav:"executionId"`
	SubmittedAt time.Time `dynamodbav:"submittedAt"`
	StartsAt    time.Time `dynamodbav:"startsAt"`
	EndsAt      time.Time `dynamodbav:"endsAt"`
	Status      Status    `dynamodbav:"status"`
	ExpiresAt   int64     `dynamodbav:"expiresAt"` // the table's TTL, in seconds since 1970
}

// keep is how long the book keeps a job.
const keep = 30 * 24 * time.Hour

// newRecord plans a job that an execution submits at a time.
func newRecord(r Request, execution string, now time.Time) (Record, error) {
	k, err := kindOf(r.Kind)
	if err != nil {
		return Record{}, err
	}
	starts := now.Add(k.Waits)
	return Record{
		JobID: ID(execution), Kind: r.Kind, Reference: r.Reference, Pieces: r.Pieces, ExecutionID: execution, Status: Submitted,
		SubmittedAt: now, StartsAt: starts, EndsAt: starts.Add(k.Takes + time.Duration(r.Pieces)*k.PerPiece), ExpiresAt: now.Add(keep).Unix(),
	}, nil
}

// ID is the id of the job that an execution submits: 80 bits of a hash.
func ID(execution string) string {
	sum := sha256.Sum256([]byte("job\x00" + execution))
	return "job_" + strings.ToLower(base32.HexEncoding.EncodeToString(sum[:10]))
}

// At is the job's status at a time.
func (r Record) At(now time.Time) Status {
	switch {
	case r.Status == Succeeded || r.Status == Failed:
		return r.Status
	case now.Before(r.StartsAt):
		return Submitted
	case now.Before(r.EndsAt):
		return Running
	case r.fails():
		return Failed
	}
	return Succeeded
}

// fails decides by FNV-1a (64 bit) of kind, a slash and reference, modulo 100.
func (r Record) fails() bool {
	k, err := kindOf(r.Kind)
	h := fnv.New64a()
	h.Write([]byte(r.Kind + "/" + r.Reference))
	return err == nil && int(h.Sum64()%100) < k.FailPercent
}

// Report is what there is to tell about a job.
type Report struct {
	JobID       string         `json:"jobId"`
	Kind        string         `json:"kind"`
	Reference   string         `json:"reference"`
	Pieces      int            `json:"pieces"`
	Status      Status         `json:"status"`
	SubmittedAt time.Time      `json:"submittedAt"`
	StartedAt   *time.Time     `json:"startedAt,omitempty"`
	EndedAt     *time.Time     `json:"endedAt,omitempty"`
	Result      map[string]int `json:"result,omitempty"` // when it succeeded: how many of which unit
	Reason      string         `json:"reason,omitempty"` // when it failed
}

// Report tells about the job at a time.
func (r Record) Report(now time.Time) Report {
	out := Report{JobID: r.JobID, Kind: r.Kind, Reference: r.Reference, Pieces: r.Pieces, Status: r.At(now), SubmittedAt: r.SubmittedAt}
	k, _ := kindOf(r.Kind) // a kind that is gone: its jobs report no result
	if out.Status != Submitted {
		out.StartedAt = &r.StartsAt
	}
	switch out.Status {
	case Succeeded:
		out.EndedAt = &r.EndsAt
		if k.PerUnit > 0 {
			out.Result = map[string]int{k.Unit: (r.Pieces + k.PerUnit - 1) / k.PerUnit}
		}
	case Failed:
		out.EndedAt, out.Reason = &r.EndsAt, k.Reason
	}
	return out
}
