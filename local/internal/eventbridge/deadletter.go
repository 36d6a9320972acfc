package eventbridge

// This file defines the dead-letter queue: what becomes of a delivery that
// failed for good. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html

import (
	"context"
	"strconv"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// bury sends the event, as it came, to the target's dead-letter queue; without
// one it is lost, and says so.
func (s *Service) bury(ctx context.Context, d *delivery) error {
	queue := d.Target.DeadLetterConfig.arn()
	if queue == "" {
		s.Log.Warn("an event was dropped: its target failed and has no dead-letter queue", "rule", d.RuleName, "target", d.Target.Arn, "event", d.EventID, "error", d.Dead.Code+": "+d.Dead.Message)
		return nil
	}
	// EventBridge writes to the queue as itself: the queue's policy decides, not the target's role.
	as := awswire.ServicePrincipal(s.Account, principal, d.RuleARN)
	as.Cause = journal.CauseFrom(ctx)
	params := object(member("QueueUrl", queueURL(queue)), member("MessageBody", d.Event), member("MessageAttributes", d.deadLetterAttributes()))
	if _, err := s.Caller.Call(ctx, as, "sqs", "SendMessage", params); err != nil {
		return err
	}
	s.Journal.Record(ctx, journal.Entry{Kind: journal.DeadLettered, Subject: queue, Name: d.Target.ID, Error: d.Dead.Code + ": " + d.Dead.Message})
	return nil
}

func (d *delivery) deadLetterAttributes() *jsonvalue.Object {
	var b jsonvalue.Builder
	add := func(name, kind, value string) {
		if value != "" {
			b.Set(name, object(member("DataType", kind), member("StringValue", value)))
		}
	}
	add("RULE_ARN", "String", d.RuleARN)
	add("TARGET_ARN", "String", d.Target.Arn)
	add("ERROR_CODE", "String", d.Dead.Code)
	add("ERROR_MESSAGE", "String", d.Dead.Message)
	add("EXHAUSTED_RETRY_CONDITION", "String", d.Dead.Exhausted)
	add("RETRY_ATTEMPTS", "Number", strconv.Itoa(d.Dead.Attempts))
	return b.Object()
}

// buryLater tries the dead-letter queue again where that may help, for as long
// as an event may live; otherwise the event is lost, and says so.
func (s *Service) buryLater(ctx context.Context, d *delivery, err error) {
	why := asFailure(err)
	s.Journal.Record(ctx, journal.Entry{Kind: journal.DeliveryFailed, Subject: d.Target.DeadLetterConfig.arn(), Name: "dead-letter queue", Error: why.Error()})
	now := s.Clock.Now()
	if !why.retry || now.Sub(d.Dead.Since) > defaultAge {
		s.Log.Error("an event was dropped: its target failed and so did the dead-letter queue", "rule", d.RuleName, "target", d.Target.Arn, "event", d.EventID, "queue", d.Target.DeadLetterConfig.arn(), "error", why.Error())
		s.finish(d)
		return
	}
	d.Attempts++
	d.Due = now.Add(d.backoff(d.Attempts - d.Dead.Attempts))
	s.again(d)
}
