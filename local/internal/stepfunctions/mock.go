package stepfunctions

// This file defines mocked tasks: which executions of which test case get the
// responses of a mock file (package mockfile).

import (
	"fmt"
	"strings"

	"github.com/stepworks/stepworks/local/internal/asl/mockfile"
)

// Mocks are the contents of a mock file. Make them with [ParseMocks].
type Mocks struct {
	file *mockfile.File
	// TestCase is the one that executions run which do not name one by
	// "#TestCase" behind the machine's ARN; "" for none.
	TestCase string
}

// ParseMocks reads a mock file. Its errors say which machine, test case, state
// or response is wrong.
func ParseMocks(file []byte) (*Mocks, error) {
	f, err := mockfile.Parse(file)
	if err != nil {
		return nil, err
	}
	return &Mocks{file: f}, nil
}

// splitTestCase takes "#TestCase" off a machine's ARN.
func splitTestCase(arn string) (machine, testCase string) {
	machine, testCase, _ = strings.Cut(arn, "#")
	return machine, testCase
}

// states returns the mocked states of an execution's test case.
func (m *Mocks) states(rec *record) mockfile.States {
	if m == nil {
		return nil
	}
	testCase := rec.TestCase
	if testCase == "" {
		testCase = m.TestCase
	}
	return m.file.States(rec.Machine, testCase)
}

func (m *Mocks) has(rec *record, state string) bool {
	_, ok := m.states(rec)[state]
	return ok
}

// mocked answers a task from the mock file. An attempt that the file does not
// have is an error of the test case.
func (s *Service) mocked(c *call) (answer, bool) {
	if c.mocked == nil {
		return answer{}, false
	}
	if a, ok := c.mocked.At(c.Attempt); ok {
		if a.Throws {
			return failed(a.Error, a.Cause), true
		}
		return succeeded(a.Output), true
	}
	return failed("States.Runtime", fmt.Sprintf("The mock file has no response for attempt %d of the state '%s'", c.Attempt, c.State)), true
}
