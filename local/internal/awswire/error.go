package awswire

// This file defines the one error that operations return and the door through
// which every error leaves.

import (
	"errors"
	"fmt"
)

// Error is what AWS answers when it does not do what was asked. Its Code is the
// name that SDKs, Retry and Catch match.
type Error struct {
	Code    string
	Message string
	Status  int            // 0: as the service's table says, else 400
	Members map[string]any // further members of the error's shape, json-encodable
	// QueryCode is the code that older clients know, of services that once spoke
	// the query protocol; empty: Code.
	QueryCode string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Errorf makes an Error.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// CodeOf returns the code of an *Error within err, "" if there is none.
func CodeOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// asError turns any error into what the wire carries. Errors that are not ours
// are faults of this program: their text goes to the log and not to the caller.
func (s *Service) asError(err error) *Error {
	var e *Error
	if !errors.As(err, &e) {
		return &Error{Code: "InternalFailure", Message: "The request processing has failed because of an internal error: " + err.Error(), Status: 500}
	}
	if e.Status != 0 {
		return e
	}
	known := *e
	known.Status = 400
	if status, ok := s.Errors[e.Code]; ok {
		known.Status = status
	} else if status, ok := commonErrors[e.Code]; ok {
		known.Status = status
	}
	return &known
}

// commonErrors are the statuses of errors that every service has:
// https://docs.aws.amazon.com/awssupport/latest/APIReference/CommonErrors.html
var commonErrors = map[string]int{
	"AccessDenied":                   403,
	"AccessDeniedException":          400,
	"AuthorizationError":             403,
	"ExpiredToken":                   403,
	"IncompleteSignature":            403,
	"InternalFailure":                500,
	"InvalidAction":                  400,
	"InvalidClientTokenId":           403,
	"InvalidSignatureException":      403,
	"MissingAuthenticationToken":     403,
	"RequestEntityTooLargeException": 413,
	"RequestTimeoutException":        408,
	"SerializationException":         400,
	"ServiceUnavailable":             503,
	"SignatureDoesNotMatch":          403,
	"ThrottlingException":            400,
	"UnknownOperationException":      404,
	"UnrecognizedClientException":    403,
	"ValidationException":            400,
}
