package command

// This file defines the names of executions.

import (
	"strings"
)

// maxName is how long an execution's name may be.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
const maxName = 80

// ExecutionName is the name of the one execution that a command has:
// <module>-<pk>-<sk>-v<version>, so that who starts it again finds it started. A
// name that had to be changed or cut ends in a sum of the keys: no two commands
// share one.
func ExecutionName(module, pk, sk string) (string, error) {
	k, _, err := Split(pk, sk)
	if err != nil {
		return "", err
	}
	name, exact := plain(module + "-" + pk + "-" + k.SK + "-v" + sk[len(k.SK)+1:])
	if exact && len(name) <= maxName && !strings.Contains(pk+k.SK, "-") && strings.Count(pk, separator) == 1 {
		return name, nil
	}
	tail := "-" + sum([]byte(pk+"\x00"+sk))
	return name[:min(len(name), maxName-len(tail))] + tail, nil
}

// plain writes # as -, and everything that a log stream's name does not take as
// _; exact tells that it met only letters, digits and #.
func plain(text string) (string, bool) {
	exact := true
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '-', r == '_':
			return r
		case r == '#':
			return '-'
		}
		exact = false
		return '_'
	}, text)
	return name, exact
}
