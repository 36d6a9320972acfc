package dynamodb

// This file defines DynamoDB's errors, by their codes.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html

import (
	"errors"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/dynamodb/expr"
)

func invalid(format string, args ...any) *awswire.Error {
	return awswire.Errorf("ValidationException", format, args...)
}

// invalidValues is the opening of many refusals.
func invalidValues(format string, args ...any) *awswire.Error {
	return invalid("One or more parameter values were invalid: "+format, args...)
}

func malformed(format string, args ...any) *awswire.Error {
	return awswire.Errorf("SerializationException", format, args...)
}

func notFound(format string, args ...any) *awswire.Error {
	return awswire.Errorf("ResourceNotFoundException", "Requested resource not found"+format, args...)
}

func inUse(format string, args ...any) *awswire.Error {
	return awswire.Errorf("ResourceInUseException", format, args...)
}

func limitExceeded(format string, args ...any) *awswire.Error {
	return awswire.Errorf("LimitExceededException", format, args...)
}

// conditionFailed is the refusal of a condition; old is the item if it was asked for.
func conditionFailed(old *expr.Map) *awswire.Error {
	e := awswire.Errorf("ConditionalCheckFailedException", "The conditional request failed")
	if old != nil {
		e.Members = map[string]any{"Item": &item{Map: old}}
	}
	return e
}

// wireError turns an error of package expr into AWS's.
func wireError(err error) error {
	var e *expr.Error
	if errors.As(err, &e) {
		return invalid("%s", e.Text)
	}
	return err
}
