package asl_test

import (
	"fmt"

	"github.com/stepworks/stepworks/local/internal/asl"
)

func ExampleParse() {
	m, err := asl.Parse(`{
	  "StartAt": "Pay",
	  "States": {
	    "Pay": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Next": "Done"},
	    "Done": {"Type": "Succeed"}
	  }
	}`, asl.Standard)
	if err != nil {
		fmt.Println(err)
		return
	}
	pay := m.State("Pay")
	fmt.Println(m.StartAt, pay.Task.Resource.Service, pay.Task.Resource.Operation(), pay.Task.Resource.Pattern, pay.Next)
	// Output: Pay sqs SendMessage waitForTaskToken Done
}

func ExampleParse_faults() {
	_, err := asl.Parse(`{
	  "StartAt": "Pay",
	  "States": {
	    "Pay": {"Type": "Task", "Next": "Don"},
	    "Done": {"Type": "Succeed", "Retry": []}
	  }
	}`, asl.Standard)
	fmt.Println(err)
	// Output:
	// line 4, column 10: SCHEMA_VALIDATION_FAILED: These fields are required: [Resource] at /States/Pay
	// line 5, column 11: SCHEMA_VALIDATION_FAILED: Field 'Retry' is not supported at /States/Done
	// line 4, column 35: MISSING_TRANSITION_TARGET: Missing 'Next' target: Don at /States/Pay/Next
	// line 5, column 11: MISSING_TRANSITION_TARGET: State "Done" is not reachable. at /States/Done
}
