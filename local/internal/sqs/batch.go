package sqs

// This file defines the batch operations.

import (
	"context"
	"errors"
	"regexp"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

const maxBatch = 10

var batchID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

type batchError struct {
	ID          string `json:"Id"`
	SenderFault bool   `json:"SenderFault"`
	Code        string `json:"Code"`
	Message     string `json:"Message"`
}

// checkBatch judges a batch as a whole.
func checkBatch(ids []string) error {
	if len(ids) == 0 {
		return fault("EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest", "There should be at least one entry in the request.")
	}
	if len(ids) > maxBatch {
		return fault("TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", "Maximum number of entries per request are %d. You have sent %d.", maxBatch, len(ids))
	}
	seen := map[string]bool{}
	for _, id := range ids {
		if !batchID.MatchString(id) {
			return fault("InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")
		}
		if seen[id] {
			return fault("BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", "Id %s repeated.", id)
		}
		seen[id] = true
	}
	return nil
}

func entryError(id string, err error) (batchError, bool) {
	var e *awswire.Error
	if !errors.As(err, &e) {
		return batchError{}, false
	}
	code := e.Code
	if e.QueryCode != "" {
		code = e.QueryCode
	}
	return batchError{ID: id, SenderFault: true, Code: code, Message: e.Message}, true
}

// batch runs one entry after the other in one update: each succeeds or fails for
// itself.
func batch[E any](s *Service, queueName string, entries []E, id func(E) string, one func(*store.Tx, *queue, E) error) (failed []batchError, err error) {
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = id(e)
	}
	err = s.change(queueName, func(tx *store.Tx, q *queue) error {
		if err := checkBatch(ids); err != nil {
			return err
		}
		failed = nil
		for _, e := range entries {
			if err := one(tx, q, e); err != nil {
				f, ok := entryError(id(e), err)
				if !ok {
					return err
				}
				failed = append(failed, f)
			}
		}
		return nil
	})
	if err == nil {
		s.wake(queueName)
	}
	return failed, err
}

type sendMessageBatchInput struct {
	byURL
	Entries []sendBatchEntry `json:"Entries"`
}

type sendBatchEntry struct {
	ID string `json:"Id"`
	sendEntry
}

type sendMessageBatchOutput struct {
	Successful []sendBatchResult `json:"Successful,omitempty"`
	Failed     []batchError      `json:"Failed,omitempty"`
}

type sendBatchResult struct {
	ID string `json:"Id"`
	sendMessageOutput
}

func (s *Service) sendMessageBatch(ctx context.Context, in *sendMessageBatchInput) (*sendMessageBatchOutput, error) {
	total := 0
	for i := range in.Entries {
		total += entrySize(&in.Entries[i].sendEntry)
	}
	if total > 1<<20 {
		return nil, fault("BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong", "Batch requests cannot be longer than 1048576 bytes. You have sent %d bytes.", total)
	}
	out := &sendMessageBatchOutput{}
	var err error
	out.Failed, err = batch(s, in.queueName(), in.Entries, func(e sendBatchEntry) string { return e.ID }, func(tx *store.Tx, q *queue, e sendBatchEntry) error {
		sent, err := s.send(ctx, tx, q, &e.sendEntry)
		if err == nil {
			out.Successful = append(out.Successful, sendBatchResult{e.ID, *sent})
		}
		return err
	})
	if n := len(out.Successful); n > 0 {
		s.count(in.queueName(), counts{sent: n, bytes: total * n / len(in.Entries)})
	}
	return out, err
}

type batchResult struct {
	ID string `json:"Id"`
}

type batchOutput struct {
	Successful []batchResult `json:"Successful,omitempty"`
	Failed     []batchError  `json:"Failed,omitempty"`
}

type deleteMessageBatchInput struct {
	byURL
	Entries []deleteBatchEntry `json:"Entries"`
}

type deleteBatchEntry struct {
	ID            string `json:"Id"`
	ReceiptHandle string `json:"ReceiptHandle"`
}

func (s *Service) deleteMessageBatch(_ context.Context, in *deleteMessageBatchInput) (*batchOutput, error) {
	out := &batchOutput{}
	var err error
	out.Failed, err = batch(s, in.queueName(), in.Entries, func(e deleteBatchEntry) string { return e.ID }, func(tx *store.Tx, q *queue, e deleteBatchEntry) error {
		if err := s.remove(tx, q, e.ReceiptHandle); err != nil {
			return err
		}
		out.Successful = append(out.Successful, batchResult{e.ID})
		return nil
	})
	s.count(in.queueName(), counts{deleted: len(out.Successful)})
	return out, err
}

type changeMessageVisibilityBatchInput struct {
	byURL
	Entries []visibilityBatchEntry `json:"Entries"`
}

type visibilityBatchEntry struct {
	ID                string `json:"Id"`
	ReceiptHandle     string `json:"ReceiptHandle"`
	VisibilityTimeout int    `json:"VisibilityTimeout"`
}

func (s *Service) changeMessageVisibilityBatch(_ context.Context, in *changeMessageVisibilityBatchInput) (*batchOutput, error) {
	out := &batchOutput{}
	var err error
	out.Failed, err = batch(s, in.queueName(), in.Entries, func(e visibilityBatchEntry) string { return e.ID }, func(tx *store.Tx, q *queue, e visibilityBatchEntry) error {
		if err := s.setVisibility(tx, q, e.ReceiptHandle, e.VisibilityTimeout); err != nil {
			return err
		}
		out.Successful = append(out.Successful, batchResult{e.ID})
		return nil
	})
	return out, err
}
