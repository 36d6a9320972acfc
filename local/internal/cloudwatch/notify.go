package cloudwatch

// This file defines what the world hears of a state change: an event on the
// default bus, and the alarm's actions for its new state.

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// outbox has what must be told sent by one at a time.
type outbox struct {
	sending sync.Mutex
	more    atomic.Bool
}

// tell sends what stands in the outbox, in order. Whoever comes while somebody
// sends leaves it to them: an action may lead back here.
func (s *Service) tell(ctx context.Context) {
	if s.Caller == nil {
		return
	}
	s.outbox.more.Store(true)
	for s.outbox.more.Load() && s.outbox.sending.TryLock() {
		s.outbox.more.Store(false)
		for s.tellFirst(ctx) {
			continue
		}
		s.outbox.sending.Unlock()
	}
}

// tellFirst sends the first entry and takes it out.
func (s *Service) tellFirst(ctx context.Context) bool {
	var key string
	n := &news{}
	err := s.Store.View(func(r store.Reader) error {
		for k, text := range r.Scan(bucketOutbox, "", "") {
			key = k
			return json.Unmarshal(text, n)
		}
		return nil
	})
	if key == "" {
		return false
	}
	results := map[string]error{}
	if err == nil {
		results = s.announce(ctx, n)
	}
	err = s.Store.Update(func(tx *store.Tx) error {
		tx.Delete(bucketOutbox, key)
		for action, err := range results {
			summary := "Successfully executed action " + action
			if err != nil {
				summary = "Failed to execute action " + action + ". Received error: \"" + err.Error() + "\""
			}
			data := encode(map[string]any{"actionState": map[bool]string{true: "Succeeded", false: "Failed"}[err == nil], "notificationResource": action, "stateUpdateTimestamp": n.At.UnixMilli()})
			addHistory(tx, n.Alarm, s.Clock.Now(), "Action", summary, string(data))
		}
		return nil
	})
	return err == nil
}

// announce publishes the event and does the actions; it returns their results.
func (s *Service) announce(ctx context.Context, n *news) map[string]error {
	a := n.Alarm
	if err := a.prepare(); err != nil {
		s.Log.Warn("a state change could not be told", "alarm", a.AlarmName, "error", err)
		return nil
	}
	detail := s.detail(n)
	if err := s.publish(ctx, a, "CloudWatch Alarm State Change", detail); err != nil {
		s.Log.Warn("a state change could not be published", "alarm", a.AlarmName, "error", err)
	}
	results := map[string]error{}
	if !a.ActionsEnabled {
		return results
	}
	actions := map[string][]string{stateOK: a.OKActions, stateAlarm: a.AlarmActions, stateInsufficient: a.InsufficientDataActions}[a.State]
	for _, action := range actions {
		err := s.act(ctx, n, action, detail)
		if results[action] = err; err != nil {
			s.Log.Warn("an action of an alarm failed", "alarm", a.AlarmName, "action", action, "error", err)
		}
	}
	return results
}

// publish puts an event on the default bus, in the form of
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
func (s *Service) publish(ctx context.Context, a *alarm, detailType string, detail *jsonvalue.Object) error {
	entry := object("Source", "aws.cloudwatch", "DetailType", detailType, "Resources", []any{a.ARN}, "Detail", jsonvalue.String(detail))
	as := awswire.ServicePrincipal(s.Account, "cloudwatch.amazonaws.com", a.ARN)
	out, err := s.Caller.Call(ctx, as, "events", "PutEvents", object("Entries", []any{entry}))
	if o, ok := out.(*jsonvalue.Object); ok && err == nil {
		if failed, _ := o.Get("FailedEntryCount"); failed != nil && failed != jsonvalue.Number("0") {
			return fmt.Errorf("the bus refused the event: %s", jsonvalue.String(out))
		}
	}
	return err
}

// act publishes to a topic or invokes a function.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html
func (s *Service) act(ctx context.Context, n *news, action string, detail *jsonvalue.Object) error {
	a := n.Alarm
	if strings.HasPrefix(action, "arn:aws:lambda:") {
		payload := object("source", "aws.cloudwatch", "alarmArn", a.ARN, "accountId", s.Account, "time", stamp(n.At), "region", s.Region, "alarmData", detail)
		as := awswire.ServicePrincipal(s.Account, "lambda.alarms.cloudwatch.amazonaws.com", a.ARN)
		_, err := s.Caller.Call(ctx, as, "lambda", "Invoke", object("FunctionName", action, "InvocationType", "Event", "Payload", jsonvalue.String(payload)))
		return err
	}
	subject := fmt.Sprintf("%s: %q in %s", a.State, a.AlarmName, regionName(s.Region))
	if len(subject) > 100 { // SNS takes no more
		subject = subject[:97] + "..."
	}
	as := awswire.ServicePrincipal(s.Account, "cloudwatch.amazonaws.com", a.ARN)
	_, err := s.Caller.Call(ctx, as, "sns", "Publish", object("TopicArn", action, "Subject", subject, "Message", jsonvalue.String(s.message(n))))
	return err
}

// absent is a member that is left out; nil is null.
type absent struct{}

// object builds an object from names and values in turn.
func object(pairs ...any) *jsonvalue.Object {
	var b jsonvalue.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != (absent{}) {
			b.Set(pairs[i].(string), pairs[i+1])
		}
	}
	return b.Object()
}

// text is a string, or absent where it is empty.
func text(s string) any {
	if s == "" {
		return absent{}
	}
	return s
}

func texts(list []string) []any {
	all := make([]any, len(list))
	for i, s := range list {
		all[i] = s
	}
	return all
}

// stamp is how alarms spell a time.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000-0700") }

// regionName is how messages call a region; a region whose name is not known here
// keeps its code.
func regionName(code string) string {
	names := map[string]string{"us-east-1": "US East (N. Virginia)", "us-east-2": "US East (Ohio)", "us-west-1": "US West (N. California)", "us-west-2": "US West (Oregon)",
		"eu-west-1": "EU (Ireland)", "eu-west-2": "EU (London)", "eu-west-3": "EU (Paris)", "eu-central-1": "EU (Frankfurt)", "eu-north-1": "EU (Stockholm)",
		"ap-northeast-1": "Asia Pacific (Tokyo)", "ap-southeast-1": "Asia Pacific (Singapore)", "ap-southeast-2": "Asia Pacific (Sydney)", "ap-south-1": "Asia Pacific (Mumbai)"}
	if name, ok := names[code]; ok {
		return name
	}
	return code
}
