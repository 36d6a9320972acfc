package stepfunctions

// This file defines Step Functions' errors in AWS's words. Where AWS says
// "Something Not Right: 'detail'", the words before the colon are the error's
// name spelled out.

import (
	"strings"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/awswire"
)

// spelled makes an error whose message is its name in words and a detail.
func spelled(code, words, detail string) *awswire.Error {
	return &awswire.Error{Code: code, Message: words + ": '" + detail + "'"}
}

func errInvalidArn(detail string) error { return spelled("InvalidArn", "Invalid Arn", detail) }

func errInvalidName(name string) error { return spelled("InvalidName", "Invalid Name", name) }

func errInvalidToken() error { return spelled("InvalidToken", "Invalid Token", "Invalid token") }

func errInvalidInput(detail string) error {
	return spelled("InvalidExecutionInput", "Invalid State Machine Execution Input", detail)
}

func errInvalidOutput(detail string) error {
	return spelled("InvalidOutput", "Invalid Output", detail)
}

func errNoMachine(arn string) error {
	return spelled("StateMachineDoesNotExist", "State Machine Does Not Exist", arn)
}

func errMachineExists(arn string) error {
	return spelled("StateMachineAlreadyExists", "State Machine Already Exists", arn)
}

func errMachineDeleting(arn string) error {
	return spelled("StateMachineDeleting", "State Machine is being deleted", arn)
}

func errNoExecution(arn string) error {
	return spelled("ExecutionDoesNotExist", "Execution Does Not Exist", arn)
}

func errExecutionExists(arn string) error {
	return spelled("ExecutionAlreadyExists", "Execution Already Exists", arn)
}

func errNoActivity(arn string) error {
	return spelled("ActivityDoesNotExist", "Activity Does Not Exist", arn)
}

func errNoResource(arn string) error {
	return spelled("ResourceNotFound", "Resource not found", arn)
}

func errTaskTimedOut() error {
	return spelled("TaskTimedOut", "Task Timed Out", "Provided task does not exist anymore")
}

func errNotRedrivable(reason string) error {
	return &awswire.Error{Code: "ExecutionNotRedrivable", Message: reason}
}

func errTypeNotSupported() error {
	return &awswire.Error{Code: "StateMachineTypeNotSupported", Message: "This operation is not supported by this type of state machine"}
}

func errLogging(detail string) error {
	return &awswire.Error{Code: "InvalidLoggingConfiguration", Message: "Invalid Logging Configuration: " + detail}
}

func errTooManyTags(arn string) error { return spelled("TooManyTags", "Too Many Tags", arn) }

func errMissing(text string) error {
	return &awswire.Error{Code: "MissingRequiredParameter", Message: text}
}

func errValidation(format string, args ...any) *awswire.Error {
	return awswire.Errorf("ValidationException", format, args...)
}

func errConflict(format string, args ...any) error {
	return awswire.Errorf("ConflictException", format, args...)
}

// errDefinition tells of all that is wrong with a definition. Each fault has its
// line and column too, which AWS does not tell, behind AWS's own words.
func errDefinition(faults asl.Faults) error {
	return &awswire.Error{Code: "InvalidDefinition", Message: faults.Message()}
}

// list spells ARNs as AWS's messages do.
func list[T any](items []T, text func(T) string) string {
	words := make([]string, len(items))
	for i, item := range items {
		words[i] = text(item)
	}
	return "[" + strings.Join(words, ", ") + "]"
}
