package stack

// This file defines the meter: what of a run AWS would bill. It hears of
// everything at the doors that all work passes, and costs a counter each.

import (
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/lambda"
	"github.com/stepworks/stepworks/local/internal/stepfunctions"
)

// Usage is what was used.
type Usage struct {
	// Transitions of executions of Standard machines: a state that is entered is one,
	// and so is every retry. Counted from execution logs, so a machine must log ALL.
	// https://aws.amazon.com/step-functions/pricing/
	Transitions int
	// Executions of Express machines, and how long they took, each rounded up to 100 ms.
	Express         int
	ExpressDuration time.Duration
	Functions       map[string]FunctionUsage // by name
	Events          int                      // put by anybody but AWS itself
	Requests        map[string]int           // by action ("sqs:SendMessage"), of everybody but the account's root
	ReadUnits       float64
	WriteUnits      float64
	LogBytes        int
}

// FunctionUsage is what one function used. Durations are this machine's.
type FunctionUsage struct {
	Invocations int
	Duration    time.Duration
}

// Meter collects usage. A nil one does not.
type Meter struct {
	mu    sync.Mutex
	use   Usage
	began map[string]time.Time // Express executions under way, by ARN
}

// Take returns what was used since the last time.
func (m *Meter) Take() Usage {
	m.mu.Lock()
	defer m.mu.Unlock()
	use := m.use
	use.Functions, use.Requests = maps.Clone(use.Functions), maps.Clone(use.Requests)
	m.use = Usage{}
	return use
}

func (m *Meter) note(f func(*Usage)) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f(&m.use)
}

// request hears what somebody was about to do. The root is whoever looks on: the
// stories, the CLI. It puts events as the shop does, and those count.
func (m *Meter) request(id awswire.Identity, access awswire.Access) {
	if strings.HasPrefix(id.Service, "cloudwatch.") {
		return // alarms, which belong to no order; their events are free
	}
	m.note(func(u *Usage) {
		if access.Action == "events:PutEvents" {
			if !strings.HasPrefix(id.Service, "states.") {
				u.Events += len(access.Context["events:source"])
			}
			return
		}
		if id.Role == "" && id.Service == "" {
			return
		}
		if u.Requests == nil {
			u.Requests = map[string]int{}
		}
		u.Requests[access.Action]++
	})
}

func (m *Meter) invocation(i lambda.Metric) {
	if i.Throttled {
		return
	}
	m.note(func(u *Usage) {
		if u.Functions == nil {
			u.Functions = map[string]FunctionUsage{}
		}
		f := u.Functions[i.Function]
		f.Invocations++
		f.Duration += i.Duration
		u.Functions[i.Function] = f
	})
}

func (m *Meter) capacity(_ string, read, write float64) {
	m.note(func(u *Usage) { u.ReadUnits += read; u.WriteUnits += write })
}

func (m *Meter) logged(bytes int) { m.note(func(u *Usage) { u.LogBytes += bytes }) }

// execution hears an execution's log. A task is scheduled once for each attempt,
// the first of which is part of entering its state.
func (m *Meter) execution(events []stepfunctions.LogEvent) {
	m.note(func(u *Usage) {
		for _, e := range events {
			u.LogBytes += len(e.Message)
			if _, arn, ok := strings.Cut(e.Message, `"execution_arn":"`); ok && strings.Contains(arn, ":express:") {
				m.express(u, arn, e)
				continue
			}
			switch {
			case strings.Contains(e.Message, `"type":"TaskStateEntered"`): // counted as it is scheduled
			case strings.Contains(e.Message, `StateEntered"`), strings.Contains(e.Message, `"type":"TaskScheduled"`),
				strings.Contains(e.Message, `"type":"LambdaFunctionScheduled"`), strings.Contains(e.Message, `"type":"ActivityScheduled"`):
				u.Transitions++
			}
		}
	})
}

// express hears of an Express execution's beginning and end.
func (m *Meter) express(u *Usage, arn string, e stepfunctions.LogEvent) {
	switch {
	case strings.Contains(e.Message, `"type":"ExecutionStarted"`):
		if m.began == nil {
			m.began = map[string]time.Time{}
		}
		m.began[arn] = e.Time
		u.Express++
	case strings.Contains(e.Message, `"type":"Execution`):
		const step = 100 * time.Millisecond
		u.ExpressDuration += (e.Time.Sub(m.began[arn]) + step - 1).Truncate(step)
		delete(m.began, arn)
	}
}
