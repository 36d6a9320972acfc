package statemachines

// This file tests the command machine.

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/local/simulate"
)

const (
	commandRecord = `{"eventID":"1","dynamodb":{"Keys":{"pk":{"S":"ORDER#t"},"sk":{"S":"a@1"}}}}`
	goodCommand   = "set_ttl_command history_copy transform_data sync_data_all sync_data sync_data finish success"
)

var commandWays = []struct {
	what string
	answers
	path, err, cause string
}{
	{"its turn", nil, "check_version check_version_result " + goodCommand, "", ""},
	{"waits for the version before", answers{"check_version": answer(`{"result":1}`)}, "check_version check_version_result wait_prev_command " + goodCommand, "", ""},
	{"a version that never fits", answers{"check_version": answer(`{"result":-1,"error":"Command.VersionMismatch","cause":"next version must be 3 but got 2"}`)},
		"check_version check_version_result report_failure fail", "Command.VersionMismatch", "next version must be 3 but got 2"},
	{"an answer that nobody expects", answers{"check_version": answer(`{"result":7}`)},
		"check_version check_version_result note_surprise report_failure fail", "Command.UnknownState", "check_version answered {\"result\":7}: result must be 0, 1 or -1"},
	{"no answer", answers{"check_version": answer(`{}`)}, "check_version check_version_result note_surprise report_failure fail", "Command.UnknownState", ""},
	{"the version before fails", answers{"check_version": answer(`{"result":1}`), "wait_prev_command": simulate.Fails("Command.PredecessorFailed", "version 1 failed")},
		"wait_prev_command note_failure report_failure fail", "Command.PredecessorFailed", "version 1 failed"},
	{"nobody wakes it: it looks again", answers{"check_version": answer(`{"result":1}`), "wait_prev_command": inTurn("", `{"result":"resumed_by_prev_version"}`)},
		"wait_prev_command " + goodCommand, "", ""},
	{"nobody ever wakes it", answers{"check_version": answer(`{"result":1}`), "wait_prev_command": simulate.Never()},
		"wait_prev_command note_failure report_failure fail", "States.Timeout", ""},
	{"the token is kept alive, but never answered", answers{"check_version": answer(`{"result":1}`), "wait_prev_command": beating()},
		"wait_prev_command " + goodCommand, "", ""},
	{"the command is gone", answers{"check_version": simulate.Fails("Command.NotFound", "not stored")}, "check_version note_failure report_failure fail", "Command.NotFound", "not stored"},
	{"no ttl", answers{"set_ttl_command": simulate.Fails("Access.Denied", "a")}, "set_ttl_command note_failure report_failure fail", "Access.Denied", "a"},
	{"no history", answers{"history_copy": simulate.Fails("Access.Denied", "b")}, "history_copy note_failure report_failure fail", "Access.Denied", "b"},
	{"no transformation", answers{"transform_data": simulate.Fails("Access.Denied", "c")}, "transform_data note_failure report_failure fail", "Access.Denied", "c"},
	{"a read model fails", answers{"sync_data": simulate.Fails("Input.Malformed", "d")}, "note_failure report_failure fail", "Input.Malformed", "d"},
	{"the successor is not woken", answers{"finish": simulate.Fails("Access.Denied", "e")}, "finish note_failure report_failure fail", "Access.Denied", "e"},
	{"a failure that cannot be reported", answers{"finish": simulate.Fails("Access.Denied", "f"), "report_failure": simulate.Fails("Access.Denied", "g")},
		"note_failure report_failure fail", "Access.Denied", "f"},
	{"every state passes its trouble by", everyState(func(good string) simulate.Task {
		return inTurn("Transient.Throttled", "Runtime.ExitError", "", good)
	}), "check_version check_version_result wait_prev_command " + goodCommand, "", ""},
	{"the report passes its trouble by", answers{"finish": simulate.Fails("Access.Denied", "h"), "report_failure": inTurn("Transient.Timeout", "Runtime.ExitError", "", `{}`)},
		"note_failure report_failure fail", "Access.Denied", "h"},
}

// everyState gives each state an answer made of its good one.
func everyState(f func(good string) simulate.Task) answers {
	all := answers{"wait_prev_command": inTurn("Transient.Throttled", "Runtime.ExitError", `{"result":"resumed_by_prev_version"}`)}
	for state, good := range map[string]string{
		"check_version": `{"result":1}`, "set_ttl_command": `{}`, "history_copy": `{}`, "transform_data": models, "sync_data": `{}`, "finish": `{}`,
	} {
		all[state] = f(good)
	}
	return all
}

const models = `[{"prevStateName":"transform_data","result":"data"},{"prevStateName":"transform_data","result":"summary"}]`

// beating keeps the first token alive for ever, so that the timeout decides, and
// answers the second.
func beating() simulate.Task {
	return func(c simulate.Call) simulate.Answer {
		if c.Attempt > 0 {
			return simulate.Answer{Output: `{"result":"resumed_by_prev_version"}`}
		}
		a := simulate.Answer{Never: true}
		for at := 30 * time.Second; at < 700*time.Second; at += 30 * time.Second {
			a.Heartbeats = append(a.Heartbeats, at)
		}
		return a
	}
}

func TestCommandHandler(t *testing.T) {
	m := load(t, "command-handler.asl.json")
	for _, w := range commandWays {
		all := answers{
			"check_version": answer(`{"result":0}`), "wait_prev_command": answer(`{"result":"resumed_by_prev_version","prevVersion":1}`), "transform_data": answer(models),
			"set_ttl_command": answer(`{}`), "history_copy": answer(`{}`), "sync_data": answer(`{}`), "finish": answer(`{"result":"ok"}`), "report_failure": answer(`{}`),
		}
		for state, then := range w.answers {
			all[state] = then
		}
		for state, then := range all {
			m.Task(state, then)
		}
		run := m.Run(commandRecord)
		path := strings.Join(run.Path, " ")
		assert.True(t, strings.HasSuffix(path, w.path), "%s: %s", w.what, path)
		assert.Equal(t, w.err, run.Error, w.what)
		if w.cause != "" {
			assert.Equal(t, w.cause, run.Cause, w.what)
		}
		assert.Less(t, run.Took, 900*time.Second, "%s: it has to fit into the machine's timeout", w.what)
	}
}

// TestWhatCommandStepGets: the context, the state's input, and the token where
// the state waits.
func TestWhatCommandStepGets(t *testing.T) {
	m := load(t, "command-handler.asl.json")
	got := map[string]map[string]any{}
	for state, good := range map[string]string{
		"check_version": `{"result":1}`, "wait_prev_command": `{"result":"resumed"}`, "set_ttl_command": `{}`, "history_copy": `{}`,
		"transform_data": models, "sync_data": `{}`, "finish": `{}`,
	} {
		m.Task(state, func(c simulate.Call) simulate.Answer {
			var in struct{ Payload map[string]any }
			if err := c.Decode(&in); err != nil {
				return simulate.Answer{Error: "Test", Cause: err.Error()}
			}
			got[state] = in.Payload
			return simulate.Answer{Output: good}
		})
	}
	run := m.Run(commandRecord)
	require.Equal(t, simulate.Succeeded, run.Status, run.Cause)
	for state, in := range got {
		context, _ := in["context"].(map[string]any)
		execution, _ := context["Execution"].(map[string]any)
		record, _ := execution["Input"].(map[string]any)
		assert.Equal(t, "1", record["eventID"], state)
		named, _ := context["State"].(map[string]any)
		assert.Equal(t, state, named["Name"])
		_, hasToken := in["taskToken"]
		assert.Equal(t, state == "wait_prev_command", hasToken, state)
	}
	assert.Equal(t, "transform_data", got["sync_data"]["input"].(map[string]any)["prevStateName"])
}
