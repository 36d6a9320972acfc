package failure

// This file defines how errors that carry no name of ours are classified: one
// table from AWS error codes to names, and a few rules for what has no code.

import (
	"context"
	"errors"
	"net"
)

// codes maps the error codes of AWS services to names. A code that stands here
// as transient has been through the SDK's own retries already.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/CommonErrors.html
var codes = map[string]Name{
	"ThrottlingException":                    TransientThrottled,
	"Throttling":                             TransientThrottled,
	"TooManyRequestsException":               TransientThrottled,
	"ProvisionedThroughputExceededException": TransientThrottled,
	"RequestLimitExceeded":                   TransientThrottled,
	"LimitExceededException":                 TransientThrottled,
	"TransactionInProgressException":         TransientThrottled,
	"TransactionConflictException":           TransientThrottled,
	"SlowDown":                               TransientThrottled,

	"InternalServerError":         TransientUnavailable,
	"InternalFailure":             TransientUnavailable,
	"InternalException":           TransientUnavailable,
	"InternalError":               TransientUnavailable,
	"ServiceUnavailable":          TransientUnavailable,
	"ServiceUnavailableException": TransientUnavailable,
	"RequestTimeout":              TransientUnavailable,

	"AccessDenied":                AccessDenied,
	"AccessDeniedException":       AccessDenied,
	"NotAuthorized":               AccessDenied,
	"UnrecognizedClientException": AccessDenied,
	"InvalidSignatureException":   AccessDenied,
	"InvalidClientTokenId":        AccessDenied,
	"ExpiredTokenException":       AccessDenied,
}

func classify(err error) Name {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return TransientTimeout
	}
	// The SDK's errors have these methods; asking for them alone keeps the SDK out of here.
	var coded interface{ ErrorCode() string }
	if errors.As(err, &coded) {
		if name, ok := codes[coded.ErrorCode()]; ok {
			return name
		}
	}
	var answered interface{ HTTPStatusCode() int }
	if errors.As(err, &answered) && answered.HTTPStatusCode() >= 500 {
		return TransientUnavailable
	}
	var network net.Error
	if errors.As(err, &network) {
		return TransientUnavailable
	}
	return InternalUnexpected
}
