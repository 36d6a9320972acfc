package statemachines

// This file tests the task machine.

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/local/simulate"
)

const threeSubTasks = `[{"pk":"SFN_TASK#t","sk":"a#1#0","parent":"a#1"},{"pk":"SFN_TASK#t","sk":"a#1#1","parent":"a#1"},{"pk":"SFN_TASK#t","sk":"a#1#2","parent":"a#1"}]`

var taskWays = []struct {
	what string
	answers
	path, err string
}{
	{"all are done", nil, "map_state iterator iterator iterator complete_task success", ""},
	{"one fails, and the others are done", answers{"iterator": second(`{"status":"FAILED"}`)}, "complete_task success", ""},
	{"the function breaks on one", answers{"iterator": breaksOn("a#1#1", "Runtime.ExitError")}, "complete_task success", ""},
	{"it was done after all", answers{"iterator": breaksOn("a#1#1", "Access.Denied"), "record_failure": breaks("DynamoDB.ConditionalCheckFailedException")}, "complete_task success", ""},
	{"it cannot be written down at once", answers{"iterator": breaksOn("a#1#1", "Access.Denied"), "record_failure": inTurn("DynamoDB.InternalServerError", `{}`)}, "complete_task success", ""},
	{"trouble passes", answers{"iterator": inTurn("Transient.Throttled", "Runtime.ExitError", "", `{}`), "complete_task": inTurn("Transient.Throttled", "Runtime.ExitError", "", `{}`)}, "complete_task success", ""},
	{"the task cannot be ended", answers{"complete_task": breaks("Task.NotFound")}, "complete_task note_failure record_task_failure fail", "Task.NotFound"},
	{"nor written down at once", answers{"complete_task": breaks("Task.NotFound"), "record_task_failure": inTurn("DynamoDB.InternalServerError", `{}`)}, "record_task_failure fail", "Task.NotFound"},
	{"nor written down at all", answers{"complete_task": breaks("Task.NotFound"), "record_task_failure": breaks("DynamoDB.ConditionalCheckFailedException")}, "record_task_failure fail", "Task.NotFound"},
}

// second answers for the second sub-task.
func second(text string) simulate.Task {
	return func(c simulate.Call) simulate.Answer {
		if strings.Contains(c.Input, `"a#1#1"`) {
			return simulate.Answer{Output: text}
		}
		return simulate.Answer{Output: `{"status":"COMPLETED"}`}
	}
}

func breaksOn(sk, name string) simulate.Task {
	return func(c simulate.Call) simulate.Answer {
		if strings.Contains(c.Input, `"`+sk+`"`) {
			return simulate.Answer{Error: name}
		}
		return simulate.Answer{Output: `{"status":"COMPLETED"}`}
	}
}

func TestTaskHandler(t *testing.T) {
	m := load(t, "task-handler.asl.json")
	for _, w := range taskWays {
		all := answers{"iterator": answer(`{"status":"COMPLETED"}`), "complete_task": answer(`{"status":"COMPLETED"}`), "record_failure": answer(`{}`), "record_task_failure": answer(`{}`)}
		for state, then := range w.answers {
			all[state] = then
		}
		for state, then := range all {
			m.Task(state, then)
		}
		run := m.Run(threeSubTasks)
		path := strings.Join(run.Path, " ")
		assert.True(t, strings.HasSuffix(path, w.path), "%s: %s", w.what, path)
		assert.Equal(t, w.err, run.Error, "%s: %s", w.what, run.Cause)
		assert.Less(t, run.Took, 900*time.Second, "%s: it has to fit into the machine's timeout", w.what)
	}
}

// TestTwoAtATime: the third sub-task begins when one of the first two has ended.
func TestTwoAtATime(t *testing.T) {
	m := load(t, "task-handler.asl.json")
	var began []time.Duration
	m.Task("iterator", func(c simulate.Call) simulate.Answer {
		began = append(began, c.Time.Sub(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)))
		return simulate.Answer{Output: `{}`, After: 5 * time.Second}
	})
	var completed string
	m.Task("complete_task", func(c simulate.Call) simulate.Answer {
		completed = c.Input
		return simulate.Answer{Output: `{"status":"COMPLETED"}`}
	})
	run := m.Run(threeSubTasks)
	require.Equal(t, simulate.Succeeded, run.Status, run.Cause)
	assert.Equal(t, []time.Duration{0, 0, 5 * time.Second}, began)
	assert.Contains(t, completed, `"parent":"a#1"`)
	assert.JSONEq(t, `{"status":"COMPLETED"}`, run.Output)
}
