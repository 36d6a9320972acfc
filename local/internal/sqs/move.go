package sqs

// This file defines message move tasks: dead letters go back to where they came
// from, or to another queue, as fast as the caller allows.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
//
// A task moves what was in the queue when it started, a batch at a time: as many
// messages as it may move in a second, and the next batch a second later, on the
// injected clock. So a task always ends, though what it moves may come back. It is
// in the store, and goes on after a restart. One that may move as fast as it can is
// mostly done within the request that starts it.

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

const (
	maxMoveRate = 500    // messages a second
	moveAtOnce  = 10_000 // messages of a task without a rate, so that others get their turn
	keepMoves   = 10     // tasks that are remembered of a queue: as many as can be listed
)

// The status of a task.
const (
	moveRunning   = "RUNNING"
	moveCompleted = "COMPLETED"
	moveCancelled = "CANCELLED"
	moveFailed    = "FAILED"
)

// moveTask is a task as it is listed.
type moveTask struct {
	TaskHandle     string `json:"TaskHandle,omitempty"` // listed of running tasks only
	Status         string `json:"Status"`
	SourceArn      string `json:"SourceArn"`
	DestinationArn string `json:"DestinationArn,omitempty"`
	Max            int    `json:"MaxNumberOfMessagesPerSecond,omitempty"`
	Moved          int    `json:"ApproximateNumberOfMessagesMoved"`
	ToMove         int    `json:"ApproximateNumberOfMessagesToMove"`
	FailureReason  string `json:"FailureReason,omitempty"`
	Started        int64  `json:"StartedTimestamp"`
}

// move is a task as it is stored.
type move struct {
	moveTask
	Last uint64 // the youngest message that it moves
}

type startMoveInput struct {
	SourceArn                    string `json:"SourceArn"`
	DestinationArn               string `json:"DestinationArn"`
	MaxNumberOfMessagesPerSecond *int   `json:"MaxNumberOfMessagesPerSecond"`
}

type startMoveOutput struct {
	TaskHandle string `json:"TaskHandle"`
}

// access is what starting a task takes:
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
func (in *startMoveInput) access(s *Service) (all []awswire.Access) {
	for _, action := range []string{"StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"} {
		all = append(all, s.access(action, nameOfARN(in.SourceArn))...)
	}
	if in.DestinationArn != "" {
		all = append(all, s.access("SendMessage", nameOfARN(in.DestinationArn))...)
	}
	return all
}

func (in *startMoveInput) check() error {
	switch rate := in.MaxNumberOfMessagesPerSecond; {
	case in.SourceArn == "":
		return errMissing("SourceArn")
	case in.SourceArn == in.DestinationArn:
		return errParameter("Source queue arn and destination queue arn cannot be the same.")
	case rate != nil && (*rate < 1 || *rate > maxMoveRate):
		return errValue(*rate, "MaxNumberOfMessagesPerSecond", "Must be between 1 and 500, if provided.")
	}
	return nil
}

func (s *Service) startMessageMoveTask(_ context.Context, in *startMoveInput) (*startMoveOutput, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	handle, err := json.Marshal(map[string]string{"taskId": newID(), "sourceArn": in.SourceArn})
	if err != nil {
		return nil, err
	}
	m := &move{moveTask: moveTask{TaskHandle: base64.StdEncoding.EncodeToString(handle), SourceArn: in.SourceArn, DestinationArn: in.DestinationArn}}
	if in.MaxNumberOfMessagesPerSecond != nil {
		m.Max = *in.MaxNumberOfMessagesPerSecond
	}
	var touched []string
	err = s.Store.Update(func(tx *store.Tx) error {
		q, err := m.source(tx)
		if err != nil {
			return err
		}
		if err := s.promote(tx, q); err != nil {
			return err
		}
		m.Status, m.Started, m.Last, m.ToMove = moveRunning, s.Clock.Now().UnixMilli(), q.Sequence, q.Ready
		touched = s.carry(tx, q, m)
		forget(tx, q.Name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.carried(m, touched)
	return &startMoveOutput{m.TaskHandle}, nil
}

// source returns the queue that m moves from, if it may.
func (m *move) source(tx *store.Tx) (*queue, error) {
	q, ok := loadQueue(tx, nameOfARN(m.SourceArn))
	if !ok {
		return nil, errNotFound("The resource that you specified for the SourceArn parameter doesn't exist.")
	}
	if len(deadLetterSources(tx, q.Name)) == 0 {
		return nil, errParameter("Source queue must be configured as a Dead Letter Queue.")
	}
	if m.DestinationArn != "" {
		target, ok := loadQueue(tx, nameOfARN(m.DestinationArn))
		if !ok {
			return nil, errNotFound("The resource that you specified for the DestinationArn parameter doesn't exist.")
		}
		if target.fifo() != q.fifo() {
			return nil, errParameter("Source queue and destination queue must be of the same type: both FIFO or both standard.")
		}
	}
	for _, other := range moves(tx, q.Name) {
		if other.Status == moveRunning {
			return nil, errParameter("There is already a task running. Only one active task is allowed for a source queue arn at a given time.")
		}
	}
	return q, nil
}

// carry moves a batch of m, and ends m when nothing is left for it. It returns the
// queues that got something, and stores them all.
func (s *Service) carry(tx *store.Tx, q *queue, m *move) (touched []string) {
	batch, queues := m.Max, map[string]*queue{q.Name: q}
	if batch == 0 {
		batch = moveAtOnce
	}
	for _, seq := range q.candidates(tx, batch) {
		if seq > m.Last || !s.carryOne(tx, q, m, seq, queues) {
			break
		}
	}
	if left := q.candidates(tx, 1); m.Status == moveRunning && (len(left) == 0 || left[0] > m.Last) {
		m.Status = moveCompleted
	}
	for _, q := range queues {
		q.save(tx)
	}
	m.save(tx)
	return slices.Collect(maps.Keys(queues))
}

// carryOne moves a message to m's destination, or home; if that is not possible it
// stays, and m ends. A message that is moved is a new one, as old as its move.
func (s *Service) carryOne(tx *store.Tx, q *queue, m *move, seq uint64, queues map[string]*queue) bool {
	letter, ok := q.get(tx, seq)
	if !ok { // nothing to move: as a receive does, only the entry goes
		q.takeOut(tx, seq, &message{})
		return true
	}
	to := m.DestinationArn
	if to == "" {
		to = letter.Source
	}
	target, known := queues[nameOfARN(to)], to != ""
	if known && target == nil {
		if target, known = loadQueue(tx, nameOfARN(to)); known {
			queues[target.Name] = target
		}
	}
	if !known {
		// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/troubleshooting-dlq-redrive.html
		m.Status, m.FailureReason = moveFailed, "CouldNotDetermineMessageSource"
		if to != "" {
			m.FailureReason = "AWS.SimpleQueueService.NonExistentQueue"
		}
		return false
	}
	q.takeOut(tx, seq, letter)
	tx.Delete(bucketMessage, q.key(seq))
	now := s.Clock.Now()
	letter.ID, letter.Source, letter.Received, letter.FirstReceived, letter.Sent = newID(), "", 0, 0, now.UnixMilli()
	target.add(tx, letter, now, 0)
	m.Moved++
	return true
}

// carried tells the queues' receivers of a batch, and plans the next one.
func (s *Service) carried(m *move, touched []string) {
	for _, name := range touched {
		s.wake(name)
		s.count(name, counts{})
	}
	if m.Status != moveRunning {
		return
	}
	pause := time.Second
	if m.Max == 0 {
		pause = 0
	}
	s.carryLater(m, pause)
}

func (s *Service) carryLater(m *move, pause time.Duration) {
	source, handle := nameOfARN(m.SourceArn), m.TaskHandle
	s.Clock.AfterFunc(pause, func() { s.carryOn(source, handle) })
}

// carryOn moves the next batch of a task, unless it was cancelled or its queue is
// gone. If the store fails, the task goes on after the next start.
func (s *Service) carryOn(source, handle string) {
	var m *move
	var touched []string
	err := s.Store.Update(func(tx *store.Tx) error {
		q, ok := loadQueue(tx, source)
		if m = findMove(tx, source, handle); !ok || m == nil || m.Status != moveRunning {
			m = nil
			return nil
		}
		if err := s.promote(tx, q); err != nil {
			return err
		}
		touched = s.carry(tx, q, m)
		return nil
	})
	if err == nil && m != nil {
		s.carried(m, touched)
	}
}

// resumeMoves goes on with the tasks that a restart interrupted.
func (s *Service) resumeMoves() {
	_ = s.Store.View(func(r store.Reader) error {
		for _, text := range r.Scan(bucketMove, "", "") {
			var m move
			if json.Unmarshal(text, &m) == nil && m.Status == moveRunning {
				s.carryLater(&m, time.Second)
			}
		}
		return nil
	})
}

// key orders the tasks of a queue, the newest first.
func (m *move) key() string {
	return store.Key(nameOfARN(m.SourceArn)) + store.Uint64(^uint64(m.Started)) + m.TaskHandle
}

func (m *move) save(tx *store.Tx) {
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // a struct of strings and numbers always marshals
	}
	tx.Put(bucketMove, m.key(), text)
}

// moves are a queue's tasks, the newest first, by key.
func moves(r store.Reader, source string) iter.Seq2[string, *move] {
	return func(yield func(string, *move) bool) {
		from, to := store.Prefix(source)
		for key, text := range r.Scan(bucketMove, from, to) {
			var m move
			if json.Unmarshal(text, &m) == nil && !yield(key, &m) {
				return
			}
		}
	}
}

func findMove(r store.Reader, source, handle string) *move {
	for _, m := range moves(r, source) {
		if m.TaskHandle == handle {
			return m
		}
	}
	return nil
}

// forget drops the tasks that are too many to be listed.
func forget(tx *store.Tx, source string) {
	var keys []string
	for key := range moves(tx, source) {
		keys = append(keys, key)
	}
	for _, key := range keys[min(keepMoves, len(keys)):] {
		tx.Delete(bucketMove, key)
	}
}

type listMovesInput struct {
	SourceArn  string `json:"SourceArn"`
	MaxResults *int   `json:"MaxResults"`
}

type listMovesOutput struct {
	Results []moveTask `json:"Results"`
}

func (s *Service) listMessageMoveTasks(_ context.Context, in *listMovesInput) (*listMovesOutput, error) {
	most := 1
	switch {
	case in.SourceArn == "":
		return nil, errMissing("SourceArn")
	case in.MaxResults != nil && (*in.MaxResults < 1 || *in.MaxResults > keepMoves):
		return nil, errValue(*in.MaxResults, "MaxResults", "Must be between 1 and 10, if provided.")
	case in.MaxResults != nil:
		most = *in.MaxResults
	}
	out := &listMovesOutput{Results: []moveTask{}}
	return out, s.Store.View(func(r store.Reader) error {
		source := nameOfARN(in.SourceArn)
		if _, ok := loadQueue(r, source); !ok {
			return errNotFound("The resource that you specified for the SourceArn parameter doesn't exist.")
		}
		for _, m := range moves(r, source) {
			if len(out.Results) == most {
				break
			}
			if m.Status != moveRunning {
				m.TaskHandle = ""
			}
			out.Results = append(out.Results, m.moveTask)
		}
		return nil
	})
}

type cancelMoveInput struct {
	TaskHandle string `json:"TaskHandle"`
}

type cancelMoveOutput struct {
	Moved int `json:"ApproximateNumberOfMessagesMoved"`
}

func moveSource(handle string) string {
	var h struct{ TaskID, SourceArn string }
	text, err := base64.StdEncoding.DecodeString(handle)
	if err != nil || json.Unmarshal(text, &h) != nil {
		return ""
	}
	return nameOfARN(h.SourceArn)
}

// cancelMessageMoveTask ends a task. What was moved stays where it is.
func (s *Service) cancelMessageMoveTask(_ context.Context, in *cancelMoveInput) (*cancelMoveOutput, error) {
	source := moveSource(in.TaskHandle)
	switch {
	case in.TaskHandle == "":
		return nil, errMissing("TaskHandle")
	case source == "":
		return nil, errParameter("Value for parameter TaskHandle is invalid.")
	}
	out := &cancelMoveOutput{}
	return out, s.Store.Update(func(tx *store.Tx) error {
		if _, ok := loadQueue(tx, source); !ok {
			return errNotFound("The resource that you specified for the SourceArn parameter doesn't exist.")
		}
		m := findMove(tx, source, in.TaskHandle)
		switch {
		case m == nil:
			return errNotFound("Task does not exist.")
		case m.Status != moveRunning:
			return errParameter("Only active tasks can be cancelled.")
		}
		m.Status, out.Moved = moveCancelled, m.Moved
		m.save(tx)
		return nil
	})
}
