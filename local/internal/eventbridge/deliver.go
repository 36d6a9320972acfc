package eventbridge

// This file defines a delivery: one event on its way to one target, across
// failures and restarts.

import (
	"context"
	"errors"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// delivery is the record of a delivery that is not done yet.
type delivery struct {
	ID, EventID       string
	Event             string // the whole envelope
	RuleARN, RuleName string
	Target            Target
	Ingested          time.Time
	TraceHeader       string `json:",omitzero"`

	Due      time.Time // of the next attempt
	Attempts int       // that failed
	Dead     *obituary `json:",omitzero"` // set when all that is left is to tell the dead-letter queue

	cause uint64 // the journal entry that led here, in this process
}

// obituary is what the dead-letter queue is told.
type obituary struct {
	Code, Message string
	Exhausted     string // the retry condition, "" when it was not worth a retry
	Attempts      int    // of the delivery itself
	Since         time.Time
}

func (d *delivery) envelope() *jsonvalue.Object {
	v, _ := jsonvalue.Parse([]byte(d.Event))
	envelope, _ := v.(*jsonvalue.Object)
	return envelope
}

// The retry policy of a target that has none:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
const (
	defaultAttempts = 185
	defaultAge      = 24 * time.Hour
)

func (t Target) maxAttempts() int {
	if t.RetryPolicy != nil && t.RetryPolicy.MaximumRetryAttempts != nil {
		return *t.RetryPolicy.MaximumRetryAttempts
	}
	return defaultAttempts
}

func (t Target) maxAge() time.Duration {
	if t.RetryPolicy != nil && t.RetryPolicy.MaximumEventAgeInSeconds != nil {
		return time.Duration(*t.RetryPolicy.MaximumEventAgeInSeconds) * time.Second
	}
	return defaultAge
}

// AWS says "exponential back off and jitter" and no figures. These make the
// default 185 attempts last the default 24 hours.
const (
	firstBackoff = time.Second
	maxBackoff   = 8 * time.Minute
)

// backoff returns the pause behind the n-th failed attempt. Its jitter, a
// quarter up or down, comes from rule, target and time, so that the same happens
// again in virtual time.
func (d *delivery) backoff(n int) time.Duration {
	pause := maxBackoff
	if n < 10 {
		pause = min(firstBackoff<<(n-1), maxBackoff)
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(d.RuleARN + " " + d.Target.ID + " " + d.Ingested.String() + " " + strconv.Itoa(n)))
	return pause*3/4 + time.Duration(h.Sum32()%1000)*pause/2000
}

// attempt delivers once and decides what follows.
func (s *Service) attempt(ctx context.Context, d *delivery) {
	ctx = journal.WithCause(ctx, d.cause)
	var err error
	if d.Dead != nil {
		err = s.bury(ctx, d)
	} else {
		err = s.deliver(ctx, d)
	}
	if ctx.Err() != nil {
		return // closing: the record stays as it is
	}
	switch {
	case err == nil:
		s.finish(d)
	case d.Dead != nil:
		s.buryLater(ctx, d, err)
	default:
		s.failed(ctx, d, asFailure(err))
	}
}

// deliver makes the input and hands it to the target.
func (s *Service) deliver(ctx context.Context, d *delivery) error {
	arn, _ := parseARN(d.Target.Arn)
	kind, ok := targetKinds[arn.kind()]
	if !ok {
		return &failure{code: "SDK_CLIENT_ERROR", message: "the local AWS cannot deliver to " + d.Target.Arn}
	}
	if arn.kind() == busKind && (arn.account != s.Account || arn.region != s.Region) {
		return &failure{code: "CROSS_ACCOUNT_INGESTION_FAILED", message: "the local AWS is one account in one region; it cannot reach " + d.Target.Arn}
	}
	envelope := d.envelope()
	body, err := d.Target.input(envelope, variables{d.RuleARN, d.RuleName, d.Ingested})
	if err != nil {
		return err
	}
	if arn.kind() == busKind {
		detail, _ := envelope.Get("detail")
		ctx, body = withOrigin(ctx, envelope), jsonvalue.String(detail)
	}
	if err := s.call(ctx, kind, d, body); err != nil {
		return err
	}
	s.Journal.Record(ctx, journal.Entry{Kind: journal.Delivered, Subject: d.Target.Arn, Name: d.Target.ID})
	return nil
}

func (s *Service) call(ctx context.Context, kind targetKind, d *delivery, body string) error {
	as := awswire.ServicePrincipal(s.Account, principal, d.RuleARN)
	if d.Target.RoleArn != "" {
		as = roleIdentity(s.Account, d.Target.RoleArn)
	}
	as.Cause = journal.CauseFrom(ctx)
	for _, op := range kind.calls(d, body, s.Clock.Now()) {
		answer, err := s.Caller.Call(ctx, as, kind.service, op.name, op.params)
		if err != nil && (op.tolerates == "" || awswire.CodeOf(err) != op.tolerates) {
			return err
		}
		if err := hiddenFailure(answer); err != nil {
			return err
		}
	}
	return nil
}

// hiddenFailure finds the failure that an answer of success hides: PutEvents
// succeeds though it does not take an entry, and an API destination's answer says
// what its endpoint did.
func hiddenFailure(answer jsonvalue.Value) error {
	o, _ := answer.(*jsonvalue.Object)
	if code := text(o, "FailureCode"); code != "" {
		retry, _ := o.Get("Retry")
		after, _ := o.Get("AfterSeconds")
		seconds, _ := after.(jsonvalue.Number)
		n, _ := seconds.Int64()
		return &failure{code: code, message: text(o, "Failure"), retry: retry == true, after: time.Duration(n) * time.Second}
	}
	list, _ := o.Get("Entries")
	entries, _ := list.([]any)
	for _, e := range entries {
		if entry, ok := e.(*jsonvalue.Object); ok && text(entry, "ErrorCode") != "" {
			return awswire.Errorf(text(entry, "ErrorCode"), "%s", text(entry, "ErrorMessage"))
		}
	}
	return nil
}

// asFailure says what an error means for the delivery.
func asFailure(err error) *failure {
	var known *failure
	if errors.As(err, &known) {
		return known
	}
	var refused *awswire.Error
	if !errors.As(err, &refused) {
		return &failure{code: "INTERNAL_ERROR", message: err.Error(), retry: true}
	}
	for _, c := range failureCodes {
		if strings.Contains(refused.Code, c.within) {
			return &failure{code: c.code, message: refused.Code + ": " + refused.Message, retry: c.retry}
		}
	}
	return &failure{code: "ERROR_FROM_TARGET", message: refused.Code + ": " + refused.Message, retry: refused.Status >= 500}
}

// failed plans the next attempt, or gives the delivery up.
func (s *Service) failed(ctx context.Context, d *delivery, why *failure) {
	if why.code == postponed { // by a rate limit: no attempt was made
		s.courier.addAt(d, s.Clock.Now().Add(why.after))
		return
	}
	d.Attempts++
	s.Journal.Record(ctx, journal.Entry{Kind: journal.DeliveryFailed, Subject: d.Target.Arn, Name: d.Target.ID, Error: why.Error()})
	now, end := s.Clock.Now(), d.Ingested.Add(d.Target.maxAge())
	exhausted := ""
	switch {
	case !why.retry:
	case d.Attempts > d.Target.maxAttempts():
		exhausted = "MaximumRetryAttempts"
	case !now.Before(end):
		exhausted = "MaximumEventAgeInSeconds"
	default:
		d.Due = now.Add(max(d.backoff(d.Attempts), why.after))
		if d.Due.After(end) {
			d.Due = end // the last attempt, at the age limit
		}
		s.again(d)
		return
	}
	d.Dead = &obituary{Code: why.code, Message: why.message, Exhausted: exhausted, Attempts: d.Attempts - 1, Since: now}
	d.Due = now
	s.again(d)
}

// again stores the delivery as it stands and comes back to it when it is due.
func (s *Service) again(d *delivery) {
	err := s.Store.Update(func(tx *store.Tx) error {
		put(tx, deliveryBucket, store.Key(d.ID), d)
		return nil
	})
	if err != nil {
		s.Log.Error("a delivery's state could not be stored; it goes on from what was stored before", "rule", d.RuleName, "target", d.Target.ID, "error", err)
	}
	s.courier.addAt(d, d.Due)
}

// finish forgets a delivery that is done.
func (s *Service) finish(d *delivery) {
	err := s.Store.Update(func(tx *store.Tx) error {
		tx.Delete(deliveryBucket, store.Key(d.ID))
		return nil
	})
	if err != nil {
		s.Log.Error("a delivery was made but could not be recorded; it will be made again after a restart", "rule", d.RuleName, "target", d.Target.ID, "error", err)
	}
}

// resume takes up what an earlier process left.
func (s *Service) resume() error {
	left, err := view(s.Store, func(r store.Reader) ([]*delivery, error) {
		var left []*delivery
		for _, d := range all[delivery](r, deliveryBucket) {
			left = append(left, &d)
		}
		return left, nil
	})
	for _, d := range left {
		s.courier.addAt(d, d.Due)
	}
	return err
}
