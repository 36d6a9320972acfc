package eventbridge

// This file defines the service's errors, one function each, in AWS's words:
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Operations.html

import "github.com/stepworks/stepworks/local/internal/awswire"

func invalid(format string, args ...any) error {
	return awswire.Errorf("ValidationException", format, args...)
}

func notFound(format string, args ...any) error {
	return awswire.Errorf("ResourceNotFoundException", format+" does not exist.", args...)
}

func noBus(name string) error { return notFound("Event bus %s", name) }

func noRule(bus, name string) error {
	return awswire.Errorf("ResourceNotFoundException", "Rule %s does not exist on EventBus %s.", name, bus)
}

func exists(what, name string) error {
	return awswire.Errorf("ResourceAlreadyExistsException", "%s %s already exists.", what, name)
}

func tooMany() error {
	return awswire.Errorf("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
}

func invalidPattern(err error) error {
	return awswire.Errorf("InvalidEventPatternException", "Event pattern is not valid. Reason: %s", err.Error())
}
