package interp_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/interp"
)

func TestObservations(t *testing.T) {
	m, err := asl.Parse(`{"StartAt": "T", "States": {
		"T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "P",
			"Retry": [{"ErrorEquals": ["Never"]}, {"ErrorEquals": ["Oh"], "MaxAttempts": 1}], "Catch": [{"ErrorEquals": ["Oh"], "Next": "C"}]},
		"C": {"Type": "Choice", "Choices": [{"Variable": "$.Error", "StringEquals": "x", "Next": "P"}, {"Variable": "$.Error", "IsPresent": true, "Next": "D"}], "Default": "P"},
		"D": {"Type": "Choice", "Choices": [{"Variable": "$.Error", "StringEquals": "x", "Next": "P"}], "Default": "P"},
		"P": {"Type": "Pass", "End": true}}}`, asl.Standard)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	r := newRunner(m, interp.Start{Time: epoch})
	r.x.Observe = func(o interp.Observation) {
		got = append(got, fmt.Sprintf("%s %s %d %s", o.Location, o.Part, o.Index, o.Next))
	}
	r.answer = func(c interp.ScheduleTask) interp.Event { return interp.TaskFailed{Task: c.Task, Error: "Oh"} }
	r.all(t)
	want := `/States/T state 0 
/States/T retrier 1 T
/States/T catcher 0 C
/States/C state 0 
/States/C rule 1 D
/States/D state 0 
/States/D default 0 P
/States/P state 0 
/States/P transition 0 `
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}
