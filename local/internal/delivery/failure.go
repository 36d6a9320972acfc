package delivery

// This file defines what an error of a target means: whether trying again may
// help, and what it is called in a dead-letter queue.

import (
	"errors"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Failure is why an attempt failed, in the words that dead-letter queues get:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
type Failure struct {
	Code, Message string
	Retry         bool
	After         time.Duration // not before this
}

func (f *Failure) Error() string { return f.Code + ": " + f.Message }

// Postponed is the code of a failure that is none: a rate limit puts the
// delivery off, and no attempt was made.
const Postponed = "POSTPONED"

// failureOf says what an error means.
func failureOf(err error) *Failure {
	var known *Failure
	if errors.As(err, &known) {
		return known
	}
	var refused *awswire.Error
	if !errors.As(err, &refused) {
		return &Failure{Code: "INTERNAL_ERROR", Message: err.Error(), Retry: true}
	}
	message := refused.Code + ": " + refused.Message
	for _, c := range failureCodes {
		if strings.Contains(refused.Code, c.within) {
			return &Failure{Code: c.code, Message: message, Retry: c.retry}
		}
	}
	return &Failure{Code: "ERROR_FROM_TARGET", Message: message, Retry: refused.Status >= 500}
}

// failureCodes says what an error of a target means, by words within its code.
// The first that fits counts; what fits none is an error of the target that
// trying again would only repeat.
var failureCodes = []struct {
	within, code string
	retry        bool
}{
	{"Throttl", "THROTTLING", true},
	{"TooManyRequests", "THROTTLING", true},
	{"RequestLimitExceeded", "THROTTLING", true},
	{"LimitExceeded", "RESOURCE_LIMIT_EXCEEDED", true},
	{"AccessDenied", "NO_PERMISSIONS", false},
	{"AuthorizationError", "NO_PERMISSIONS", false},
	{"NotAuthorized", "NO_PERMISSIONS", false},
	{"KMS", "NO_PERMISSIONS", false},
	{"NotFound", "NO_RESOURCE", false},
	{"DoesNotExist", "NO_RESOURCE", false},
	{"NonExistent", "NO_RESOURCE", false},
	{"UnknownOperation", "NO_RESOURCE", false},
	{"AlreadyExists", "RESOURCE_ALREADY_EXISTS", false},
	{"ConcurrentModification", "RESOURCE_MODIFICATION_COLLISION", true},
	{"Conflict", "RESOURCE_MODIFICATION_COLLISION", true},
	{"ConnectionFailure", "CONNECTION_FAILURE", true},
	{"Timeout", "TIMEOUT", true},
	{"Internal", "INTERNAL_ERROR", true},
	{"Unavailable", "INTERNAL_ERROR", true},
	{"ServiceException", "INTERNAL_ERROR", true},
	{"Invalid", "INVALID_PARAMETER", false},
	{"Validation", "INVALID_PARAMETER", false},
	{"Serialization", "INVALID_PARAMETER", false},
	{"TooLarge", "INVALID_PARAMETER", false},
}

// hiddenFailure finds the failure that an answer of success hides: PutEvents
// succeeds though it does not take an entry, and the answer for an API
// destination says what its endpoint did.
func hiddenFailure(answer jsonvalue.Value) error {
	o, _ := answer.(*jsonvalue.Object)
	if code := text(o, "FailureCode"); code != "" {
		retry, _ := o.Get("Retry")
		after, _ := o.Get("AfterSeconds")
		seconds, _ := after.(jsonvalue.Number)
		n, _ := seconds.Int64()
		return &Failure{Code: code, Message: text(o, "Failure"), Retry: retry == true, After: time.Duration(n) * time.Second}
	}
	list, _ := o.Get("Entries")
	entries, _ := list.([]any)
	for _, e := range entries {
		if entry, ok := e.(*jsonvalue.Object); ok && text(entry, "ErrorCode") != "" {
			return awswire.Errorf(text(entry, "ErrorCode"), "%s", text(entry, "ErrorMessage"))
		}
	}
	return nil
}

// text returns a string member.
func text(o *jsonvalue.Object, name string) string {
	v, _ := o.Get(name)
	s, _ := v.(string)
	return s
}
