package stepfunctions

// This file defines what the world hears of executions: status change events on
// the default bus, and counts.
// https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html

import (
	"context"
	"hash/maphash"

	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// maxEventData is how much of input and output an event carries; of more, none.
const maxEventData = 248 << 10

// publishStatus puts a status change of a standard execution on the bus. Express
// executions have no such events, and neither have a map run's children.
func (s *Service) publishStatus(ctx context.Context, rec *record) {
	if s.PublishServiceEvent == nil || rec.Express || rec.MapRun != "" {
		return
	}
	e := ServiceEvent{Source: "aws.states", DetailType: "Step Functions Execution Status Change", Resources: []string{rec.ARN}, Detail: statusDetail(rec)}
	p := &s.publishers[maphash.String(publisherSeed, rec.ARN)%publishers]
	if !p.put(publication{ctx, e}) {
		return
	}
	release := s.Clock.Hold()
	if !s.execute(func() { defer release(); s.publishAll(p) }) {
		release()
	}
}

// publishers is how many events are published at once: whoever takes them may
// have to wait for a disk, and executions do not wait for that. One execution's
// events keep their order, as they go through the same publisher.
const publishers = 16

var publisherSeed = maphash.MakeSeed()

type publication struct {
	ctx   context.Context
	event ServiceEvent
}

func (s *Service) publishAll(p *inbox[publication]) {
	for batch := p.take(); len(batch) > 0; batch = p.take() {
		for _, x := range batch {
			s.PublishServiceEvent(x.ctx, x.event)
		}
	}
}

func statusDetail(rec *record) jsonvalue.Value {
	var b jsonvalue.Builder
	b.Set("executionArn", rec.ARN).Set("stateMachineArn", rec.MachineARN).Set("name", rec.Name).Set("status", string(rec.Status))
	b.Set("startDate", jsonvalue.Int(rec.Start)).Set("stopDate", millisOrNull(rec.Stop))
	setData(&b, "input", &rec.Input)
	var output *string
	if rec.Status == interp.Succeeded {
		output = &rec.Output
	}
	setData(&b, "output", output)
	b.Set("stateMachineVersionArn", textOrNull(rec.VersionARN)).Set("stateMachineAliasArn", textOrNull(rec.AliasARN))
	b.Set("redriveCount", jsonvalue.Int(int64(rec.Redrives))).Set("redriveDate", millisOrNull(rec.Redriven))
	b.Set("redriveStatus", redriveStatusOf(rec)).Set("redriveStatusReason", redriveReasonOf(rec))
	b.Set("error", pointerOrNull(rec.Error)).Set("cause", pointerOrNull(rec.Failure))
	return b.Object()
}

func redriveStatusOf(rec *record) jsonvalue.Value {
	if rec.Status == interp.Running || rec.Status == interp.Succeeded {
		return "NOT_REDRIVABLE"
	}
	return "REDRIVABLE"
}

func redriveReasonOf(rec *record) jsonvalue.Value {
	if rec.Status == interp.Running || rec.Status == interp.Succeeded {
		return "Execution is " + string(rec.Status) + " and cannot be redriven"
	}
	return nil
}

// setData sets input or output and the details beside it, which say whether it
// was small enough to be included.
func setData(b *jsonvalue.Builder, name string, text *string) {
	switch {
	case text == nil:
		b.Set(name, nil).Set(name+"Details", nil)
	case len(*text) > maxEventData:
		b.Set(name, nil).Set(name+"Details", jsonvalue.NewObject(jsonvalue.Member{Name: "included", Value: false}))
	default:
		b.Set(name, *text).Set(name+"Details", jsonvalue.NewObject(jsonvalue.Member{Name: "included", Value: true}))
	}
}

func textOrNull(s string) jsonvalue.Value {
	if s == "" {
		return nil
	}
	return s
}

func pointerOrNull(s *string) jsonvalue.Value {
	if s == nil {
		return nil
	}
	return *s
}

func millisOrNull(ms int64) jsonvalue.Value {
	if ms == 0 {
		return nil
	}
	return jsonvalue.Int(ms)
}

// endMetrics names the metric of each way to end.
// https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
var endMetrics = map[interp.Status]string{
	interp.Succeeded: "ExecutionsSucceeded", interp.Failed: "ExecutionsFailed", interp.TimedOut: "ExecutionsTimedOut", interp.Aborted: "ExecutionsAborted",
}

func (s *Service) countStart(rec *record) {
	if s.Metrics != nil {
		s.Metrics.Count("ExecutionsStarted", map[string]string{"StateMachineArn": rec.MachineARN}, 1, "Count")
	}
}

func (s *Service) countEnd(rec *record) {
	if s.Metrics == nil {
		return
	}
	dimensions := map[string]string{"StateMachineArn": rec.MachineARN}
	s.Metrics.Count(endMetrics[rec.Status], dimensions, 1, "Count")
	s.Metrics.Count("ExecutionTime", dimensions, float64(rec.Stop-rec.Start), "Milliseconds")
}
