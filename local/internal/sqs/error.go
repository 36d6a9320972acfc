package sqs

// This file defines SQS's errors: their names in the JSON protocol and, where it
// differs, the older one that clients still match.

import (
	"fmt"

	"github.com/stepworks/stepworks/local/internal/awswire"
)

func fault(code, queryCode, format string, args ...any) *awswire.Error {
	return &awswire.Error{Code: code, QueryCode: queryCode, Message: fmt.Sprintf(format, args...)}
}

func errNoQueue() error {
	return fault("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
}

func errParameter(format string, args ...any) *awswire.Error {
	return fault("InvalidParameterValueException", "InvalidParameterValue", format, args...)
}

func errValue(value any, parameter, reason string) *awswire.Error {
	return errParameter("Value %v for parameter %s is invalid. Reason: %s", value, parameter, reason)
}

func errMissing(parameter string) *awswire.Error {
	return fault("MissingRequiredParameterException", "MissingParameter", "The request must contain the parameter %s.", parameter)
}

func errNotFound(text string) error {
	return fault("ResourceNotFoundException", "ResourceNotFoundException", "%s", text)
}
