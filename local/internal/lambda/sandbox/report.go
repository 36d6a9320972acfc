package sandbox

// This file defines what Lambda itself writes into a function's log: START, END
// and REPORT lines, or platform events where the log format is JSON
// (https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html),
// and which lines a log level lets through
// (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html).

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// streamName names an environment's log stream. A group that several functions
// may share has their name in it:
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html
func streamName(s *Spec, now time.Time, unique string) string {
	name := ""
	if s.CustomLogGroup {
		name = s.Function
	}
	return fmt.Sprintf("%s/%s[%s]%s", now.Format("2006/01/02"), name, s.Version, unique)
}

// levels are the log levels from the most detailed on. The system's own have
// three: DEBUG, INFO and WARN.
var levels = []string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}

func lets(threshold, level string) bool {
	at := slices.Index(levels, strings.ToUpper(level))
	if at < 0 {
		at = slices.Index(levels, "INFO")
	}
	return at >= slices.Index(levels, threshold)
}

// levelOf returns the level that an application's line states, "INFO" when it
// states none.
func levelOf(line string) string {
	if !strings.HasPrefix(line, "{") || !strings.Contains(line, `"level"`) {
		return "INFO"
	}
	v, err := jsonvalue.Parse([]byte(line))
	o, ok := v.(*jsonvalue.Object)
	if err != nil || !ok {
		return "INFO"
	}
	level, _ := o.Get("level")
	text, _ := level.(string)
	return text
}

// logLines takes lines that the process wrote.
func (e *environment) logLines(lines []string) {
	if e.spec.JSONLogs && e.spec.ApplicationLevel != "" {
		lines = slices.DeleteFunc(lines, func(line string) bool { return !lets(e.spec.ApplicationLevel, levelOf(line)) })
	}
	e.m.mu.Lock()
	f := e.current
	if f != nil && f.begun.IsZero() {
		f = nil
	}
	e.m.mu.Unlock()
	e.log(f, lines...)
}

// log writes lines of, or about, an invocation; f is nil outside of one.
func (e *environment) log(f *flight, lines ...string) {
	if len(lines) == 0 {
		return
	}
	id := ""
	if f != nil {
		id = f.RequestID
		e.m.mu.Lock()
		for _, line := range lines {
			f.lines.add(line)
		}
		e.m.mu.Unlock()
	}
	if e.m.Logs == nil {
		return
	}
	now := e.m.Clock.Now()
	events := make([]LogEvent, len(lines))
	for i, line := range lines {
		events[i] = LogEvent{Time: now, Message: line, RequestID: id}
	}
	e.m.Logs.Write(e.spec.LogGroup, e.stream, events)
}

func (e *environment) reportStart(f *flight) {
	if e.spec.JSONLogs {
		e.platform(f, "INFO", "start", field("requestId", f.RequestID), field("version", e.spec.Version))
		return
	}
	e.log(f, fmt.Sprintf("START RequestId: %s Version: %s", f.RequestID, e.spec.Version))
}

// reportEnd tells how an invocation went. Since August 2025 the time of INIT is
// billed: https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/
func (e *environment) reportEnd(f *flight) {
	if f.err != nil {
		return
	}
	r := f.result
	billed := int64(math.Ceil(milliseconds(r.Duration + r.Init)))
	status := "success"
	switch {
	case r.ErrorType == "Sandbox.Timedout":
		status = "timeout"
	case r.ErrorType == "Runtime.ExitError":
		status = "failure"
	case r.Failed():
		status = "error"
	}
	if !e.spec.JSONLogs {
		e.log(f, reportLines(f, billed, e.spec.MemoryMB, status)...)
		return
	}
	metrics := []jsonvalue.Member{
		field("durationMs", number(milliseconds(r.Duration))), field("billedDurationMs", jsonvalue.Int(billed)),
		field("memorySizeMB", jsonvalue.Int(int64(e.spec.MemoryMB))), field("maxMemoryUsedMB", jsonvalue.Int(int64(r.MemoryMB))),
	}
	if r.Cold {
		metrics = append(metrics, field("initDurationMs", number(milliseconds(r.Init))))
	}
	record := []jsonvalue.Member{field("requestId", f.RequestID), field("metrics", jsonvalue.NewObject(metrics...))}
	level := "INFO"
	if status != "success" {
		level = "WARN"
		record = append(record, field("errorType", r.ErrorType))
	}
	e.platform(f, level, "report", append(record, field("status", status))...)
}

func reportLines(f *flight, billed int64, memory int, status string) []string {
	r := f.result
	report := fmt.Sprintf("REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t",
		f.RequestID, milliseconds(r.Duration), billed, memory, r.MemoryMB)
	if r.Cold {
		report += fmt.Sprintf("Init Duration: %.2f ms\t", milliseconds(r.Init))
	}
	var lines []string
	switch status {
	case "timeout":
		report += "Status: timeout"
		lines = append(lines, fmt.Sprintf("%s %s %s", f.begun.UTC().Format("2006-01-02T15:04:05.000Z"), f.RequestID, f.reason))
	case "failure":
		report += "Status: error\tError Type: " + r.ErrorType
		lines = append(lines, fmt.Sprintf("RequestId: %s Error: %s", f.RequestID, f.reason), r.ErrorType)
	}
	return append(lines, "END RequestId: "+f.RequestID, report)
}

// reportInit tells of a start that failed.
func (e *environment) reportInit(why *fault) {
	if why == nil {
		return
	}
	took := milliseconds(time.Since(e.begun))
	phase := "init"
	if e.attempt > 1 {
		phase = "invoke"
	}
	if !e.spec.JSONLogs {
		e.log(nil, fmt.Sprintf("INIT_REPORT Init Duration: %.2f ms\tPhase: %s\tStatus: error\tError Type: %s", took, phase, why.kind))
		return
	}
	e.platform(nil, "WARN", "initReport", field("initializationType", "on-demand"), field("phase", phase), field("status", "error"),
		field("errorType", why.kind), field("metrics", jsonvalue.NewObject(field("durationMs", number(took)))))
}

// platform writes a platform event, if the function's system log level lets it.
func (e *environment) platform(f *flight, level, name string, record ...jsonvalue.Member) {
	if e.spec.SystemLevel != "" && !lets(e.spec.SystemLevel, level) {
		return
	}
	e.log(f, jsonvalue.String(jsonvalue.NewObject(field("time", e.m.Clock.Now().Format("2006-01-02T15:04:05.000Z")),
		field("type", "platform."+name), field("record", jsonvalue.NewObject(record...)))))
}

func field(name string, v jsonvalue.Value) jsonvalue.Member {
	return jsonvalue.Member{Name: name, Value: v}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// number spells milliseconds with three decimals, as platform events do.
func number(ms float64) jsonvalue.Number { return jsonvalue.Float(math.Round(ms*1000) / 1000) }
