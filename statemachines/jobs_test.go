package statemachines

// This file tests the machines of jobs and integrations.

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/local/simulate"
)

// route is one way through a machine.
type route struct {
	what    string
	input   string
	answers answers
	path    string // its end
	err     string
	output  string // JSON; "" for any
}

// follow takes all routes; coverage_test.go demands that they take every place.
func follow(t *testing.T, file string, usual answers, routes []route) *simulate.Machine {
	t.Helper()
	m := load(t, file)
	for _, r := range routes {
		for state, then := range usual {
			m.Task(state, then)
		}
		for state, then := range r.answers {
			m.Task(state, then)
		}
		run := m.Run(r.input)
		path := strings.Join(run.Path, ", ")
		assert.True(t, strings.HasSuffix(path, r.path), "%s: %s", r.what, path)
		assert.Equal(t, r.err, run.Error, "%s: %s", r.what, run.Cause)
		if r.output != "" && run.Output != "" {
			assert.JSONEq(t, r.output, run.Output, r.what)
		}
	}
	return m
}

const (
	jobInput  = `{"job":{"kind":"pick-items","reference":"A","pieces":3},"wait_time":5}`
	jobReport = `{"jobId":"job_1","status":"SUCCEEDED"}`
)

func TestJobPoller(t *testing.T) {
	usual := answers{
		"Submit Job": answer(`"job_1"`), "Get Job Status": texts("SUBMITTED", "RUNNING", "SUCCEEDED"), "Get Final Job Status": answer(jobReport),
	}
	passes := []string{"", "Lambda.TooManyRequestsException", "Runtime.ExitError"}
	m := follow(t, "job-poller.asl.json", usual, []route{
		{"done at the third look", jobInput, nil, "Wait X Seconds, Get Job Status, Job Complete?, Wait X Seconds, Get Job Status, Job Complete?, Wait X Seconds, Get Job Status, Job Complete?, Get Final Job Status", "", jobReport},
		{"no wait time", `{"job":{}}`, nil, "Get Final Job Status", "", jobReport},
		{"failed", jobInput, answers{"Get Job Status": texts("RUNNING", "FAILED")}, "Job Complete?, Job Failed", "DescribeJob returned FAILED", ""},
		{"refused", jobInput, answers{"Submit Job": breaks("Input.Malformed")}, "Wait Time Given?, Submit Job", "Input.Malformed", ""},
		{"never done", jobInput, answers{"Get Job Status": texts("RUNNING")}, "Wait X Seconds, Get Job Status, Job Complete?, Wait X Seconds", "States.Timeout", ""},
		{"an odd status", jobInput, answers{"Get Job Status": texts("PAUSED", "SUCCEEDED")}, "Get Final Job Status", "", jobReport},
		{"trouble that passes", jobInput, answers{
			"Submit Job":           inTurn(append(passes, `"job_1"`)...),
			"Get Job Status":       inTurn(append(passes, `"SUCCEEDED"`)...),
			"Get Final Job Status": inTurn(append(passes, jobReport)...),
		}, "Get Final Job Status", "", jobReport},
		{"no object", `[1]`, nil, "Wait Time Given?, Default Wait Time", "States.ResultPathMatchFailure", ""},
	})
	m.Task("Get Job Status", texts("RUNNING"))
	assert.Equal(t, 300*time.Second, m.Run(jobInput).Took, "S2's five minutes")
}

// texts answers one bare string after the other, over all runs of the state.
func texts(all ...string) simulate.Task {
	n := 0
	return func(simulate.Call) simulate.Answer {
		text := all[min(n, len(all)-1)]
		n++
		return simulate.Answer{Output: `"` + text + `"`}
	}
}

func TestChild(t *testing.T) {
	const input = `{"token":"T","foo":"bar"}`
	m := follow(t, "child.asl.json", answers{"Answer Parent": answer(`{}`)}, []route{
		{"answers", input, nil, "Compose Answer, Answer Parent, Answered", "", ""},
		{"too late", input, answers{"Answer Parent": breaks("Sfn.TaskTimedOutException")}, "Parent Is Gone", "", ""},
		{"the parent was stopped", input, answers{"Answer Parent": breaks("Sfn.TaskDoesNotExistException")}, "Parent Is Gone", "", ""},
		{"busy, then not", input, answers{"Answer Parent": inTurn("Sfn.SfnException", "", `{}`)}, "Answered", "", ""},
		{"no token of theirs", input, answers{"Answer Parent": breaks("Sfn.InvalidTokenException")}, "Answer Parent", "Sfn.InvalidTokenException", ""},
		{"no token", `{"foo":"bar"}`, nil, "Nobody To Answer", "ChildInputInvalid", ""},
		{"no text", `{"token":7,"foo":"bar"}`, nil, "Nobody To Answer", "ChildInputInvalid", ""},
		{"nothing to answer", `{"token":"T"}`, nil, "Nobody To Answer", "ChildInputInvalid", ""},
		{"no object", `"T"`, nil, "Nobody To Answer", "ChildInputInvalid", ""},
	})
	m.Task("Answer Parent", func(c simulate.Call) simulate.Answer {
		var in struct{ TaskToken, Output string }
		require.NoError(t, c.Decode(&in))
		assert.Equal(t, "T", in.TaskToken)
		assert.True(t, json.Valid([]byte(in.Output)), "the API takes JSON text")
		assert.Contains(t, in.Output, `"foo":"bar"`)
		return simulate.Answer{Output: `{}`}
	})
	assert.NotContains(t, m.Run(input).Output, `"T"`, "the output tells no token")
}

func TestAllJobs(t *testing.T) {
	const input = `{"reference":"A","pieces":3}`
	ended := answer(`{"Status":"SUCCEEDED","Output":{"jobId":"job_1"}}`)
	follow(t, "all-jobs.asl.json", answers{"Quick: Last": ended, "Medium: Last": ended, "Slow: Last": ended}, []route{
		{"all succeed", input, nil, "All Succeeded?, All Done", "", `{"reference":"A","pieces":3,"jobs":[
			{"flavor":"quick","succeeded":true,"report":{"jobId":"job_1"}},{"flavor":"medium","succeeded":true,"report":{"jobId":"job_1"}},{"flavor":"slow","succeeded":true,"report":{"jobId":"job_1"}}]}`},
		{"quick fails", input, answers{"Quick: Last": breaks("States.TaskFailed")}, "All Succeeded?, Some Failed", "JobsFailed", ""},
		{"medium fails", input, answers{"Medium: Last": breaks("States.TaskFailed")}, "All Succeeded?, Some Failed", "JobsFailed", ""},
		{"slow never ends", input, answers{"Slow: Last": simulate.Never()}, "All Succeeded?, Some Failed", "JobsFailed", ""},
		{"no reference", `{"pieces":3}`, nil, "Request Incomplete", "JobRequestInvalid", ""},
		{"pieces in words", `{"reference":"A","pieces":"three"}`, nil, "Request Incomplete", "JobRequestInvalid", ""},
		{"null", `{"reference":null,"pieces":null}`, nil, "Request Incomplete", "JobRequestInvalid", ""},
		{"a list", `[]`, nil, "Request Incomplete", "JobRequestInvalid", ""},
	})
}

const handover = `{"state":{"message":"hello"},"message":"A","field2":{"x":1},"input":{"job":{"kind":"pick-items","reference":"A","pieces":3}}}`

func TestServiceIntegrations(t *testing.T) {
	usual := answers{
		"Publish1": answer(`{}`), "Publish2": answer(`{}`), "Send1": answer(`{}`), "Send2": answer(`{}`), "Invoke1": answer(`"job_1"`),
		"Invoke2": answer(jobReport), "Pack Parcel": answer(`{"parcels":1}`), "ChildTask": answer(`{"foo":"bar"}`),
	}
	var routes []route
	for state := range usual {
		routes = append(routes, route{state + " fails", handover, answers{state: breaks("Access.Denied")}, state + ", Went Wrong", "WorkflowFailure", ""})
	}
	passes := []string{"", "SNS.AmazonSNSException"}
	worker := []string{"", "Lambda.TooManyRequestsException", "Runtime.ExitError"}
	routes = append(routes, []route{
		{"done", handover, nil, "Publish1, Publish2, Send1, Send2, Invoke1, Invoke2, Pack Parcel, ChildTask, We did it!", "", ""},
		{"trouble that passes", handover, answers{
			"Publish1": inTurn(append(passes, `{}`)...), "Publish2": inTurn(append(passes, `{}`)...), "Send1": inTurn(append(passes, `{}`)...), "Send2": inTurn(append(passes, `{}`)...),
			"Invoke1": inTurn(append(worker, `"job_1"`)...), "Invoke2": inTurn(append(worker, jobReport)...),
			"Pack Parcel": inTurn("Transient.Unavailable", `{"parcels":1}`),
		}, "We did it!", "", ""},
		{"a packer dies at work, and another does it", handover, answers{"Pack Parcel": late(`{"parcels":1}`)}, "We did it!", "", ""},
		{"nobody packs", handover, answers{"Pack Parcel": simulate.Never()}, "Pack Parcel, Went Wrong", "WorkflowFailure", ""},
		{"nobody confirms", handover, answers{"Invoke2": simulate.Never()}, "Invoke2, Went Wrong", "WorkflowFailure", ""},
		{"the child never answers", handover, answers{"ChildTask": simulate.Never()}, "ChildTask, Went Wrong", "WorkflowFailure", ""},
		{"no message", `{"state":{"message":"hello"},"field2":1,"input":{"job":{"reference":"A","pieces":3}}}`, nil, "Handover Incomplete", "HandoverInvalid", ""},
		{"null", `{"state":null,"message":null,"field2":null,"input":null}`, nil, "Handover Incomplete", "HandoverInvalid", ""},
		{"a list", `[]`, nil, "Handover Incomplete", "HandoverInvalid", ""},
	}...)
	follow(t, "service-integrations.asl.json", usual, routes)
}

// TestHandoverGoesOutAsAsked: what each service is given, by the paths of the
// input.
func TestHandoverGoesOutAsAsked(t *testing.T) {
	m := load(t, "service-integrations.asl.json")
	got := map[string]string{}
	for state, out := range map[string]string{"Publish1": `{}`, "Publish2": `{}`, "Send1": `{}`, "Send2": `{}`, "Invoke1": `"job_1"`, "Invoke2": `{}`, "Pack Parcel": `{}`, "ChildTask": `{}`} {
		m.Task(state, func(c simulate.Call) simulate.Answer {
			got[state] = strings.ReplaceAll(c.Input, c.Token, "TOKEN")
			if c.Token == "" {
				got[state] = c.Input
			}
			return simulate.Answer{Output: out}
		})
	}
	require.Equal(t, simulate.Succeeded, m.Run(handover).Status)
	for state, want := range map[string]string{
		"Publish1":    `{"TopicArn":"OrderUpdatesTopicArn","Message":"hello"}`,
		"Publish2":    `{"TopicArn":"OrderUpdatesTopicArn","Message":{"field1":"somedata","field2":{"x":1}}}`,
		"Send1":       `{"QueueUrl":"OrdersQueueUrl","MessageBody":"A","MessageGroupId":"1234","MessageDeduplicationId":"simulated-1"}`,
		"Send2":       `{"QueueUrl":"OrdersQueueUrl","MessageBody":{"field1":"somedata","field2":{"x":1}},"MessageGroupId":"1234","MessageDeduplicationId":"simulated-2"}`,
		"Invoke1":     `{"request":{"job":{"kind":"pick-items","reference":"A","pieces":3}},"execution":{"id":"arn:aws:states:us-east-1:123456789012:execution:Simulated:simulated","time":"2026-01-01T00:00:00.000Z"}}`,
		"Invoke2":     `{"FunctionName":"ConfirmJobFunctionArn","Payload":{"token":"TOKEN","guid":"job_1","time":"2026-01-01T00:00:00.000Z"}}`,
		"Pack Parcel": `{"reference":"A","pieces":3}`,
	} {
		assert.JSONEq(t, want, got[state], state)
	}
	assert.Contains(t, got["ChildTask"], `"token":"TOKEN","foo":"bar"`)
}

func TestContainerTasks(t *testing.T) {
	const input = `{"valueFromStateData":"A"}`
	m := load(t, "container-tasks.asl.json")
	mocks, err := os.ReadFile("container-tasks.mock.json")
	require.NoError(t, err)
	for testCase, want := range map[string]struct{ path, err string }{
		"Done":           {"CallFargate, Train Model, Batch Inference", ""},
		"FargateBusy":    {"CallFargate, Train Model, Batch Inference", ""},
		"FargateFails":   {"CallFargate, Containers Failed", "States.TaskFailed"},
		"TrainingFails":  {"Train Model, Containers Failed", "SageMaker.AmazonSageMakerException"},
		"InferenceFails": {"Batch Inference, Containers Failed", "SageMaker.AmazonSageMakerException"},
	} {
		require.NoError(t, m.Mocks(mocks, "ContainerTasks", testCase))
		run := m.Run(input)
		assert.True(t, strings.HasSuffix(strings.Join(run.Path, ", "), want.path), "%s: %v", testCase, run.Path)
		assert.Equal(t, want.err, run.Error, "%s: %s", testCase, run.Cause)
	}
	for _, bad := range []string{`{}`, `{"valueFromStateData":7}`, `[]`} {
		assert.Equal(t, "ContainerInputInvalid", m.Run(bad).Error, bad)
	}
}
