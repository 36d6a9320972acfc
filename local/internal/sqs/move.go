package sqs

// This file defines message move tasks: dead letters go back to where they came
// from, or to another queue.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html

import (
	"context"
	"encoding/base64"
	"encoding/json"

	"github.com/stepworks/stepworks/local/internal/store"
)

// moveTask is one move. A move here is done within the request that starts it,
// in one update, so a task is never seen running.
type moveTask struct {
	TaskHandle     string `json:"TaskHandle,omitempty"`
	Status         string `json:"Status"`
	SourceArn      string `json:"SourceArn"`
	DestinationArn string `json:"DestinationArn,omitempty"`
	Max            int    `json:"MaxNumberOfMessagesPerSecond,omitempty"`
	Moved          int    `json:"ApproximateNumberOfMessagesMoved"`
	ToMove         int    `json:"ApproximateNumberOfMessagesToMove"`
	Started        int64  `json:"StartedTimestamp"`
}

type startMoveInput struct {
	SourceArn                    string `json:"SourceArn"`
	DestinationArn               string `json:"DestinationArn"`
	MaxNumberOfMessagesPerSecond int    `json:"MaxNumberOfMessagesPerSecond"`
}

type startMoveOutput struct {
	TaskHandle string `json:"TaskHandle"`
}

func (s *Service) startMessageMoveTask(_ context.Context, in *startMoveInput) (*startMoveOutput, error) {
	source := nameOfARN(in.SourceArn)
	handle, err := json.Marshal(map[string]string{"taskId": newID(), "sourceArn": in.SourceArn})
	if err != nil {
		return nil, err
	}
	task := moveTask{TaskHandle: base64.StdEncoding.EncodeToString(handle), Status: "COMPLETED", SourceArn: in.SourceArn, DestinationArn: in.DestinationArn, Max: in.MaxNumberOfMessagesPerSecond}
	touched := map[string]*queue{}
	err = s.Store.Update(func(tx *store.Tx) error {
		q, ok := loadQueue(tx, source)
		if !ok {
			return errNotFound("The resource that you specified for the SourceArn parameter doesn't exist.")
		}
		if len(deadLetterSources(tx, source)) == 0 {
			return errParameter("Source queue must be configured as a Dead Letter Queue.")
		}
		if _, ok := loadQueue(tx, nameOfARN(in.DestinationArn)); in.DestinationArn != "" && !ok {
			return errNotFound("The resource that you specified for the DestinationArn parameter doesn't exist.")
		}
		if err := s.promote(tx, q); err != nil {
			return err
		}
		touched[source] = q
		task.Started = s.Clock.Now().UnixMilli()
		task.ToMove = q.Ready
		if err := s.moveAll(tx, q, nameOfARN(in.DestinationArn), touched, &task); err != nil {
			return err
		}
		for _, q := range touched {
			q.save(tx)
		}
		return task.save(tx, source)
	})
	if err != nil {
		return nil, err
	}
	for name := range touched {
		s.wake(name)
		s.count(name, counts{})
	}
	return &startMoveOutput{task.TaskHandle}, nil
}

// moveAll moves what is ready in q: to destination, or each message home.
func (s *Service) moveAll(tx *store.Tx, q *queue, destination string, touched map[string]*queue, task *moveTask) error {
	for _, seq := range q.candidates(tx, q.Ready) {
		m, ok := q.get(tx, seq)
		if !ok {
			continue
		}
		to := destination
		if to == "" {
			to = nameOfARN(m.Source)
		}
		target := touched[to]
		if target == nil {
			if target, ok = loadQueue(tx, to); !ok || to == q.Name {
				continue // nowhere to go: it stays
			}
			touched[to] = target
		}
		q.takeOut(tx, seq, m)
		tx.Delete(bucketMessage, q.key(seq))
		m.Source, m.Received, m.FirstReceived, m.Sent = "", 0, 0, s.Clock.Now().UnixMilli()
		target.add(tx, m, s.Clock.Now(), 0)
		task.Moved++
	}
	return nil
}

func (t moveTask) save(tx *store.Tx, source string) error {
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	tx.Put(bucketMove, store.Key(source)+store.Uint64(^uint64(t.Started)), text)
	return nil
}

type listMovesInput struct {
	SourceArn  string `json:"SourceArn"`
	MaxResults int    `json:"MaxResults"`
}

type listMovesOutput struct {
	Results []moveTask `json:"Results"`
}

func (s *Service) listMessageMoveTasks(_ context.Context, in *listMovesInput) (*listMovesOutput, error) {
	out := &listMovesOutput{Results: []moveTask{}}
	return out, s.Store.View(func(r store.Reader) error {
		source := nameOfARN(in.SourceArn)
		if _, ok := loadQueue(r, source); !ok {
			return errNotFound("The resource that you specified for the SourceArn parameter doesn't exist.")
		}
		from, to := store.Prefix(source)
		for _, text := range r.Scan(bucketMove, from, to) {
			var t moveTask
			if json.Unmarshal(text, &t) == nil && len(out.Results) < max(in.MaxResults, 1) {
				t.TaskHandle = "" // shown of running tasks only
				out.Results = append(out.Results, t)
			}
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

func (s *Service) cancelMessageMoveTask(_ context.Context, in *cancelMoveInput) (*cancelMoveOutput, error) {
	source := moveSource(in.TaskHandle)
	if source == "" {
		return nil, errParameter("Value for parameter TaskHandle is invalid.")
	}
	return nil, s.Store.View(func(r store.Reader) error {
		if _, ok := loadQueue(r, source); !ok {
			return errNotFound("The resource that you specified for the SourceArn parameter doesn't exist.")
		}
		from, to := store.Prefix(source)
		for _, text := range r.Scan(bucketMove, from, to) {
			var t moveTask
			if json.Unmarshal(text, &t) == nil && t.TaskHandle == in.TaskHandle {
				return errParameter("Only active tasks can be cancelled.")
			}
		}
		return errNotFound("Task does not exist.")
	})
}
