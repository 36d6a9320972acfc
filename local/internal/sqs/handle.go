package sqs

// This file defines receipt handles, and what is done with them: deleting a message
// and changing when it comes again.

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/store"
)

func receiptHandle(seq uint64, receipt string) string { return fmt.Sprintf("%d.%s", seq, receipt) }

// find returns the message that a receipt handle names, if it still is the
// latest receive of a message that is there.
func (q *queue) find(r store.Reader, handle string) (seq uint64, m *message, current bool, err error) {
	number, receipt, ok := strings.Cut(handle, ".")
	seq, perr := strconv.ParseUint(number, 10, 64)
	if !ok || perr != nil || len(receipt) != 36 {
		return 0, nil, false, fault("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", "The input receipt handle %q is not a valid receipt handle.", handle)
	}
	m, ok = q.get(r, seq)
	if !ok {
		return seq, nil, false, nil
	}
	return seq, m, m.Receipt == receipt, nil
}

type deleteMessageInput struct {
	byURL
	ReceiptHandle string `json:"ReceiptHandle"`
}

func (s *Service) deleteMessage(_ context.Context, in *deleteMessageInput) (*empty, error) {
	err := s.change(in.queueName(), func(tx *store.Tx, q *queue) error { return s.remove(tx, q, in.ReceiptHandle) })
	if err == nil {
		s.count(in.queueName(), counts{deleted: 1})
	}
	return &empty{}, err
}

// remove deletes a message. Deleting again succeeds; a standard queue also takes
// the handle of an earlier receive, a FIFO queue only that of a message in flight.
func (s *Service) remove(tx *store.Tx, q *queue, handle string) error {
	if err := s.promote(tx, q); err != nil {
		return err
	}
	seq, m, current, err := q.find(tx, handle)
	if err != nil || m == nil {
		return err
	}
	if q.fifo() && (!current || !m.InFlight) {
		return errValue(handle, "ReceiptHandle", "The receipt handle has expired.")
	}
	q.takeOut(tx, seq, m)
	tx.Delete(bucketMessage, q.key(seq))
	return nil
}

// takeOut removes a message from ready or later.
func (q *queue) takeOut(tx *store.Tx, seq uint64, m *message) {
	switch {
	case m.Until == 0:
		tx.Delete(bucketReady, q.key(seq))
		q.Ready--
	case m.InFlight:
		tx.Delete(bucketLater, q.laterKey(m.Until, seq))
		q.InFlight--
		q.unlock(tx, m.Group)
	default:
		tx.Delete(bucketLater, q.laterKey(m.Until, seq))
		q.Delayed--
	}
}

type changeMessageVisibilityInput struct {
	byURL
	ReceiptHandle     string `json:"ReceiptHandle"`
	VisibilityTimeout int    `json:"VisibilityTimeout"`
}

func (s *Service) changeMessageVisibility(_ context.Context, in *changeMessageVisibilityInput) (*empty, error) {
	err := s.change(in.queueName(), func(tx *store.Tx, q *queue) error {
		return s.setVisibility(tx, q, in.ReceiptHandle, in.VisibilityTimeout)
	})
	if err == nil {
		s.wake(in.queueName())
	}
	return &empty{}, err
}

func (s *Service) setVisibility(tx *store.Tx, q *queue, handle string, seconds int) error {
	if seconds < 0 || seconds > 43200 {
		return errVisibility(seconds)
	}
	if err := s.promote(tx, q); err != nil {
		return err
	}
	seq, m, current, err := q.find(tx, handle)
	if err != nil {
		return err
	}
	if m == nil || !current || !m.InFlight {
		return errParameter("Value %s for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.", handle)
	}
	q.takeOut(tx, seq, m)
	if seconds == 0 {
		m.Until, m.InFlight = 0, false
		tx.Put(bucketReady, q.key(seq), nil)
		q.Ready++
	} else {
		m.Until = s.Clock.Now().Add(time.Duration(seconds) * time.Second).UnixMilli()
		tx.Put(bucketLater, q.laterKey(m.Until, seq), nil)
		q.InFlight++
		q.lock(tx, m.Group)
	}
	q.put(tx, seq, m)
	return nil
}
