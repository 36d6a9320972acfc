package delivery

// This file defines an attempt at a delivery and what follows from how it ends.

import (
	"context"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// AWS says "exponential back off and jitter" and no figures. These make the
// default 185 attempts last the default 24 hours.
const (
	firstBackoff = time.Second
	maxBackoff   = 8 * time.Minute
)

// backoff returns the pause behind the n-th failed attempt. Its jitter, a
// quarter up or down, comes from name, target and time, so that the same happens
// again in virtual time.
func (r *Record) backoff(n int) time.Duration {
	pause := maxBackoff
	if n < 10 {
		pause = min(firstBackoff<<(n-1), maxBackoff)
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(r.Name + " " + r.Target + " " + r.Accepted.String() + " " + strconv.Itoa(n)))
	return pause*3/4 + time.Duration(h.Sum32()%1000)*pause/2000
}

// attempt delivers once and decides what follows.
func (c *Courier) attempt(r *Record) {
	ctx := journal.WithCause(c.ctx, r.Cause)
	var err error
	if r.Dead != nil {
		err = c.bury(ctx, r)
	} else {
		err = c.deliver(ctx, r)
	}
	if c.ctx.Err() != nil {
		return // closing: the record stays as it is
	}
	switch {
	case err == nil:
		c.finish(r)
	case r.Dead != nil:
		c.buryLater(ctx, r, failureOf(err))
	default:
		c.failed(ctx, r, failureOf(err))
	}
}

// deliver makes the calls.
func (c *Courier) deliver(ctx context.Context, r *Record) error {
	if c.Context != nil {
		ctx = c.Context(ctx, r)
	}
	for _, call := range r.Calls {
		params, err := jsonvalue.Parse(call.Params)
		if err != nil {
			return err
		}
		answer, err := c.Caller.Call(ctx, r.As.identity(r.Cause), call.Service, call.Operation, params)
		if err != nil && (call.Tolerates == "" || awswire.CodeOf(err) != call.Tolerates) {
			return err
		}
		if err := hiddenFailure(answer); err != nil {
			return err
		}
	}
	c.Journal.Record(ctx, journal.Entry{Kind: journal.Delivered, Subject: r.Target, Name: r.Name})
	c.happened(r, Delivered)
	return nil
}

// failed plans the next attempt, or gives the delivery up.
func (c *Courier) failed(ctx context.Context, r *Record, why *Failure) {
	now, end := c.Clock.Now(), r.Accepted.Add(r.Policy.Age)
	if why.Code == Postponed {
		c.addAt(r, now.Add(why.After))
		return
	}
	r.Attempts++
	c.Journal.Record(ctx, journal.Entry{Kind: journal.DeliveryFailed, Subject: r.Target, Name: r.Name, Error: why.Error()})
	exhausted := ""
	switch {
	case !why.Retry:
	case r.Attempts > r.Policy.Attempts:
		exhausted = "MaximumRetryAttempts"
	case !now.Before(end):
		exhausted = "MaximumEventAgeInSeconds"
	default:
		r.Due = now.Add(max(r.backoff(r.Attempts), why.After))
		if r.Due.After(end) {
			r.Due = end // the last attempt, at the age limit
		}
		c.happened(r, FailedForNow)
		c.again(r)
		return
	}
	c.happened(r, FailedForGood)
	r.Dead = &Obituary{Code: why.Code, Message: why.Message, Exhausted: exhausted, Attempts: r.Attempts - 1, Since: now}
	r.Due = now
	c.again(r)
}

// again stores the record as it stands and comes back to it when it is due.
func (c *Courier) again(r *Record) {
	err := c.Config.Store.Update(func(tx *store.Tx) error {
		c.put(tx, r)
		return nil
	})
	if err != nil {
		c.Log.Error("a delivery's state could not be stored; after a restart it goes on from what was stored before", "name", r.Name, "target", r.Target, "error", err)
	}
	c.addAt(r, r.Due)
}

// finish forgets a record that is done.
func (c *Courier) finish(r *Record) {
	err := c.Config.Store.Update(func(tx *store.Tx) error {
		tx.Delete(c.Bucket, store.Key(r.ID))
		return nil
	})
	if err != nil {
		c.Log.Error("a delivery was made but could not be recorded; it will be made again after a restart", "name", r.Name, "target", r.Target, "error", err)
	}
}

// bury sends what could not be delivered to the dead-letter queue; without one it
// is lost, and says so.
func (c *Courier) bury(ctx context.Context, r *Record) error {
	if r.Letter.Queue == "" {
		c.Log.Warn("an event was dropped: its target failed and has no dead-letter queue", "name", r.Name, "target", r.Target, "error", r.Dead.Code+": "+r.Dead.Message)
		return nil
	}
	as := r.As
	if !r.Letter.AsRole {
		as.Role = "" // the queue's policy decides, not the target's role
	}
	params := object(member("QueueUrl", queueURL(r.Letter.Queue)), member("MessageBody", r.Letter.Body), member("MessageAttributes", r.letterAttributes()))
	if _, err := c.Caller.Call(ctx, as.identity(r.Cause), "sqs", "SendMessage", params); err != nil {
		return err
	}
	c.Journal.Record(ctx, journal.Entry{Kind: journal.DeadLettered, Subject: r.Letter.Queue, Name: r.Name, Error: r.Dead.Code + ": " + r.Dead.Message})
	c.happened(r, Buried)
	return nil
}

// letterAttributes are the message attributes that AWS documents:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
func (r *Record) letterAttributes() *jsonvalue.Object {
	var b jsonvalue.Builder
	add := func(name, kind, value string) {
		if value != "" {
			b.Set(name, object(member("DataType", kind), member("StringValue", value)))
		}
	}
	for name, value := range r.Letter.Attributes {
		add(name, "String", value)
	}
	add("ERROR_CODE", "String", r.Dead.Code)
	add("ERROR_MESSAGE", "String", r.Dead.Message)
	add("EXHAUSTED_RETRY_CONDITION", "String", r.Dead.Exhausted)
	add("RETRY_ATTEMPTS", "Number", strconv.Itoa(r.Dead.Attempts))
	return b.Object()
}

// buryLater tries the dead-letter queue again where that may help, for as long
// as an event may live; otherwise the record is lost, and says so.
func (c *Courier) buryLater(ctx context.Context, r *Record, why *Failure) {
	c.Journal.Record(ctx, journal.Entry{Kind: journal.DeliveryFailed, Subject: r.Letter.Queue, Name: r.Name, Error: why.Error()})
	now := c.Clock.Now()
	if !why.Retry || now.Sub(r.Dead.Since) > DefaultPolicy.Age {
		c.Log.Error("an event was dropped: its target failed and so did the dead-letter queue", "name", r.Name, "target", r.Target, "queue", r.Letter.Queue, "error", why.Error())
		c.happened(r, LetterLost)
		c.finish(r)
		return
	}
	r.Attempts++
	r.Due = now.Add(r.backoff(r.Attempts - r.Dead.Attempts))
	c.again(r)
}
