package statemachines

// This file tests JSONata by twins: machines of ours, written again in JSONata,
// that must behave the same in every run of their tests. A machine that changes
// changes its twin.

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/local/simulate"
)

// twinRun is what can be seen of a run from outside: what each task got, and how
// it ended.
type twinRun struct {
	path, status, err, cause, output string
	calls                            []simulate.Call
}

func runTwin(t *testing.T, file, input string, tasks answers) twinRun {
	t.Helper()
	m := load(t, file)
	var got twinRun
	for state, then := range tasks {
		m.Task(state, func(c simulate.Call) simulate.Answer {
			got.calls = append(got.calls, c)
			return then(c)
		})
	}
	run := m.Run(input)
	got.path, got.status, got.err, got.cause, got.output = strings.Join(run.Path, " "), string(run.Status), run.Error, run.Cause, run.Output
	return got
}

// compareTwins runs a machine and its twin with the same input and answers.
func compareTwins(t *testing.T, name, what, input string, tasks func() answers) {
	t.Helper()
	one := runTwin(t, name+".asl.json", input, tasks())
	two := runTwin(t, "testdata/"+name+".jsonata.asl.json", input, tasks())
	assert.Equal(t, one.path, two.path, what)
	assert.Equal(t, one.status, two.status, what)
	assert.Equal(t, one.err, two.err, "%s: %s", what, two.cause)
	if one.output != "" {
		assert.JSONEq(t, one.output, two.output, what)
	}
	require.Len(t, two.calls, len(one.calls), what)
	for i, call := range one.calls {
		assert.Equal(t, call.State, two.calls[i].State, what)
		assert.Equal(t, call.Time, two.calls[i].Time, "%s: %s, attempt %d", what, call.State, call.Attempt)
		assert.JSONEq(t, call.Input, two.calls[i].Input, "%s: what %s got", what, call.State)
	}
}

func TestTwinOfOrderProcessing(t *testing.T) {
	for _, w := range ways {
		compareTwins(t, "order-processing", w.what, w.input, func() answers { return good(w.answers) })
	}
}

func TestTwinOfJobPoller(t *testing.T) {
	for what, looks := range map[string][]string{
		"done at the third look": {"RUNNING", "RUNNING", "SUCCEEDED"},
		"failed":                 {"RUNNING", "FAILED"},
		"never done":             {"RUNNING"},
		"an odd status":          {"PAUSED", "SUCCEEDED"},
	} {
		for _, input := range []string{jobInput, `{"job":{}}`} {
			compareTwins(t, "job-poller", what, input, func() answers {
				return answers{"Submit Job": answer(`"job_1"`), "Get Job Status": texts(looks...), "Get Final Job Status": answer(jobReport)}
			})
		}
	}
	refused := func() answers { return answers{"Submit Job": breaks("Input.Malformed")} }
	compareTwins(t, "job-poller", "refused", jobInput, refused)
}
