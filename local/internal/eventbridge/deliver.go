package eventbridge

// This file defines what an event becomes for each target of a rule: a delivery,
// which package delivery carries out.

import (
	"context"
	"errors"

	"github.com/stepworks/stepworks/local/internal/delivery"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

func (s *Service) newCourier() *delivery.Courier {
	return delivery.New(delivery.Config{Store: s.Store, Bucket: deliveryBucket, Clock: s.Clock, Caller: s.Caller, Journal: s.Journal, Log: s.Log, Context: originOf, Observe: s.count})
}

// deliveriesOf returns a delivery of the event for each of a rule's targets.
func (s *Service) deliveriesOf(ctx context.Context, ev *event, r matchRule) []*delivery.Record {
	at := s.Journal.Record(ctx, journal.Entry{Kind: journal.RuleMatched, Subject: s.ruleARN(r.Bus, r.Name), Name: r.Name})
	records := make([]*delivery.Record, len(r.targets))
	for i, t := range r.targets {
		records[i] = s.record(ev, r.rule, t)
		records[i].Cause = journal.CauseFrom(at)
	}
	return records
}

// record makes the delivery of an event to a target. What cannot be delivered,
// whatever the target says, is dead from the start.
func (s *Service) record(ev *event, r rule, t Target) *delivery.Record {
	arn := s.ruleARN(r.Bus, r.Name)
	rec := &delivery.Record{
		ID: newUUID(), Name: r.Name, Target: t.Arn, Policy: t.policy(), Accepted: ev.ingested, Due: ev.ingested,
		As:     delivery.Actor{Account: s.Account, Role: t.RoleArn, Principal: principal, Source: arn},
		Letter: delivery.Letter{Queue: t.DeadLetterConfig.arn(), Body: string(ev.text), Attributes: map[string]string{"RULE_ARN": arn, "TARGET_ARN": t.Arn}},
	}
	calls, err := s.calls(rec, ev, r, t)
	if why := (*delivery.Failure)(nil); errors.As(err, &why) {
		rec.Dead = &delivery.Obituary{Code: why.Code, Message: why.Message, Since: ev.ingested}
		s.count(rec, delivery.FailedForGood)
	}
	rec.Calls = calls
	return rec
}

// calls are what delivers the event to the target.
func (s *Service) calls(rec *delivery.Record, ev *event, r rule, t Target) ([]delivery.Call, error) {
	arn, _ := delivery.ParseARN(t.Arn)
	to := delivery.Target{ARN: t.Arn, Trace: ev.trace, Execution: ev.id + "_" + rec.ID, LogStream: r.Name + "/" + ev.ingested.Format("2006-01-02"), Time: ev.ingested,
		Source: ev.source, DetailType: ev.kind, HTTP: t.HTTPParameters.resolved(ev.value)}
	if t.SqsParameters != nil {
		to.MessageGroup = t.SqsParameters.MessageGroupID
	}
	if arn.Kind() == delivery.BusKind {
		if arn.Account != s.Account || arn.Region != s.Region {
			return nil, &delivery.Failure{Code: "CROSS_ACCOUNT_INGESTION_FAILED", Message: "the local AWS is one account in one region; it cannot reach " + t.Arn}
		}
		detail, _ := ev.value.Get("detail")
		to.Input = jsonvalue.String(detail)
		return to.Calls(), nil
	}
	var err error
	to.Input, err = t.input(ev.value, variables{rec.As.Source, r.Name, ev.ingested})
	return to.Calls(), err
}

// originOf lets a delivery to another bus carry what the event keeps there.
func originOf(ctx context.Context, r *delivery.Record) context.Context {
	if arn, _ := delivery.ParseARN(r.Target); arn.Kind() != delivery.BusKind {
		return ctx
	}
	v, _ := jsonvalue.Parse([]byte(r.Letter.Body))
	envelope, _ := v.(*jsonvalue.Object)
	return withOrigin(ctx, envelope)
}
