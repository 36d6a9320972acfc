package interp

// This file defines the errors that states fail with, in AWS's words.

import (
	"fmt"
	"strings"
)

// The names of errors that the interpreter itself makes.
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
const (
	errAll           = "States.ALL"
	errTaskFailed    = "States.TaskFailed"
	errTimeout       = "States.Timeout"
	errHeartbeat     = "States.HeartbeatTimeout"
	errRuntime       = "States.Runtime"
	errDataLimit     = "States.DataLimitExceeded"
	errNoChoice      = "States.NoChoiceMatched"
	errIntrinsic     = "States.IntrinsicFailure"
	errParameterPath = "States.ParameterPathFailure"
	errResultPath    = "States.ResultPathMatchFailure"
	errQuery         = "States.QueryEvaluationError"
)

// failure is why a state failed.
type failure struct {
	Error, Cause string
	location     string // of the JSONata field that EvaluationFailed names; "" for anything else
	follows      int64  // the event that EvaluationFailed follows
	also         string // another name that retriers and catchers may know it by
	final        bool   // no Retry and no Catch can have it
}

// runtimeFailure is States.Runtime, which neither Retry nor Catch can have. Its
// cause names the state.
func runtimeFailure(f *frame, format string, args ...any) *failure {
	return &failure{Error: errRuntime, Cause: whileExecuting(f, fmt.Sprintf(format, args...)), final: true}
}

// stateFailure is another error of a state itself, which can be caught.
func stateFailure(f *frame, name, format string, args ...any) *failure {
	return &failure{Error: name, Cause: whileExecuting(f, fmt.Sprintf(format, args...))}
}

// maxCause is the longest cause that the API tells.
const maxCause = 32768

func whileExecuting(f *frame, what string) string {
	cause := fmt.Sprintf("An error occurred while executing the state '%s' (entered at the event id #%d). %s", f.name(), f.EnteredID, what)
	if len(cause) > maxCause {
		cause = strings.ToValidUTF8(cause[:maxCause], "")
	}
	return cause
}

// maxData is the most bytes a state's input or output, or a task's, can have:
// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
const maxData = 256 * 1024

// dataLimit is the failure of a state, or of a task on a service, whose result
// is too large. States.ALL catches it, whatever the documentation says
// (conformance case test_task_lambda_catch_state_all_data_limit_exceeded_on_large_utf8_response).
func dataLimit(who string) *failure {
	return &failure{Error: errDataLimit, Cause: fmt.Sprintf(
		"The state/task '%s' returned a result with a size exceeding the maximum number of bytes service limit.", who)}
}

// historyLimit ends an execution that has no room for more events.
var historyLimit = &failure{Error: errRuntime, Cause: "The execution reached the maximum number of history events (25000).", final: true}
