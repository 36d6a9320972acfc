package asl_test

import (
	"testing"

	"github.com/stepworks/stepworks/local/internal/asl"
)

func TestLocationsAreUnique(t *testing.T) {
	m, err := asl.Parse(`{"StartAt": "P", "States": {
		"P": {"Type": "Parallel", "Next": "P/Branches[0]/States/B", "Branches": [{"StartAt": "B", "States": {"B": {"Type": "Pass", "End": true}}}]},
		"P/Branches[0]/States/B": {"Type": "Succeed"}}}`, asl.Standard)
	if err != nil {
		t.Fatal(err)
	}
	inner := m.State("P").Parallel.Branches[0].State("B")
	outer := m.State("P/Branches[0]/States/B")
	if m.At(inner.Location) != inner || m.At(outer.Location) != outer || m.At(asl.Location(outer.Name)) != outer {
		t.Errorf("%s and %s are confused", inner.Location, outer.Location)
	}
	if m.At("/States/None") != nil || m.Processor("/States/P") != nil {
		t.Error("there is something where nothing is")
	}
}

func TestResources(t *testing.T) {
	for arn, want := range map[string]asl.Resource{
		"arn:aws:lambda:us-east-1:123456789012:function:f:live": {Kind: asl.Lambda},
		"arn:aws:states:eu-west-1:123456789012:activity:a":      {Kind: asl.Activity},
		"arn:aws:states:::states:startExecution.sync:2":         {Kind: asl.Service, Service: "states", Action: "startExecution", Pattern: asl.RunJob2},
		"arn:aws:states:::aws-sdk:sfn:listExecutions":           {Kind: asl.SDK, Service: "sfn", Action: "listExecutions"},
		"arn:aws-cn:states:::ecs:runTask.waitForTaskToken":      {Kind: asl.Service, Service: "ecs", Action: "runTask", Pattern: asl.WaitForTaskToken},
	} {
		m, err := asl.Parse(`{"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "`+arn+`", "End": true}}}`, asl.Standard)
		if err != nil {
			t.Error(err)
			continue
		}
		want.ARN = arn
		if got := m.State("T").Task.Resource; got != want {
			t.Errorf("%s is %+v, want %+v", arn, got, want)
		}
	}
	r := asl.Resource{Kind: asl.SDK, Service: "sfn", Action: "sendTaskSuccess", Pattern: asl.WaitForTaskToken}
	if r.Type() != "aws-sdk:sfn" || r.Name() != "sendTaskSuccess.waitForTaskToken" || r.Operation() != "SendTaskSuccess" {
		t.Errorf("%s %s %s", r.Type(), r.Name(), r.Operation())
	}
}
