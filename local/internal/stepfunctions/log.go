package stepfunctions

// This file defines execution logs: history events as CloudWatch Logs gets them.
// https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html

import (
	"strconv"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// LogSink takes log events.
type LogSink interface {
	// PutLogs appends events to a stream of a group, which it makes when they are
	// not there.
	PutLogs(groupARN, stream string, events []LogEvent)
	// HasGroup says whether a group exists.
	HasGroup(groupARN string) bool
}

// LogEvent is one line of a log.
type LogEvent struct {
	Time    time.Time
	Message string
}

// executionLog collects what an execution logs until it is told to the sink.
type executionLog struct {
	s       *Service
	group   string
	stream  string
	rec     *record
	level   string
	data    bool
	pending []LogEvent
}

func (s *Service) checkLogging(l *loggingConfiguration) error {
	if l.Level == "" {
		l.Level = "OFF"
	}
	n := len(l.Destinations)
	switch {
	case l.Level == "OFF" && n <= 1, n == 1:
	default:
		return errLogging("Must specify exactly one Log Destination.")
	}
	for _, d := range l.Destinations {
		if s.Logs != nil && !s.Logs.HasGroup(groupOf(d)) {
			return errLogging("Log Destination not found.")
		}
	}
	return nil
}

// groupOf is a destination's log group, whose ARN ends in ":*" there.
func groupOf(d logDestination) string {
	return strings.TrimSuffix(d.CloudWatchLogsLogGroup.LogGroupArn, ":*")
}

func (s *Service) newLog(m *machine, rec *record) *executionLog {
	if s.Logs == nil || m == nil || m.Logging.Level == "OFF" || len(m.Logging.Destinations) == 0 {
		return nil
	}
	return &executionLog{s: s, rec: rec, group: groupOf(m.Logging.Destinations[0]), level: m.Logging.Level, data: m.Logging.IncludeExecutionData,
		stream: "states/" + m.Name + "/" + time.UnixMilli(rec.Start).UTC().Format("2006-01-02-15-04") + "/" + newUUID()[:8]}
}

// add formats events and hands them to the sink.
func (l *executionLog) add(events []interp.HistoryEvent) {
	for _, e := range events {
		if l.wants(e.Type) {
			l.pending = append(l.pending, LogEvent{e.Timestamp, l.line(e)})
		}
	}
}

// flush tells the sink, after the step that was logged is durable.
func (l *executionLog) flush() {
	if len(l.pending) > 0 {
		l.s.Logs.PutLogs(l.group, l.stream, l.pending)
		l.pending = nil
	}
}

// wants says whether the level admits an event: all, failures, or failures of
// the execution.
// https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-log-level
func (l *executionLog) wants(t interp.EventType) bool {
	name := string(t)
	fatal := name == "ExecutionFailed" || name == "ExecutionTimedOut" || name == "ExecutionAborted"
	switch l.level {
	case "ALL":
		return true
	case "ERROR":
		return fatal || strings.HasSuffix(name, "Failed") || strings.HasSuffix(name, "TimedOut") || strings.HasSuffix(name, "Aborted")
	}
	return fatal
}

func (l *executionLog) line(e interp.HistoryEvent) string {
	v, _ := jsonvalue.Parse(e.Append(nil, l.data))
	var b jsonvalue.Builder
	b.Set("id", strconv.FormatInt(e.ID, 10)).Set("type", string(e.Type))
	b.Set("details", details(v))
	b.Set("redrive_count", strconv.Itoa(l.rec.Redrives)).Set("previous_event_id", strconv.FormatInt(e.PreviousID, 10))
	b.Set("event_timestamp", strconv.FormatInt(e.Timestamp.UnixMilli(), 10)).Set("execution_arn", l.rec.ARN)
	return jsonvalue.String(b.Object())
}

// details are an event's details, whatever the member is called.
func details(event jsonvalue.Value) jsonvalue.Value {
	o, _ := event.(*jsonvalue.Object)
	for name, v := range o.All() {
		if strings.HasSuffix(name, "EventDetails") {
			return v
		}
	}
	return jsonvalue.NewObject()
}
