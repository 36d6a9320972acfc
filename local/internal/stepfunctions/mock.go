package stepfunctions

// This file defines mock files, in the format of Step Functions Local: test
// cases of a machine that say which canned response a state's task gets, per
// attempt.
// https://docs.aws.amazon.com/step-functions/latest/dg/sfn-local-mock-cfg-file.html

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Mocks are the contents of a mock file. Make them with [ParseMocks].
type Mocks struct {
	machines map[string]map[string]map[string][]mockedAttempt // machine, test case, state
	// TestCase is the one that executions run which do not name one by
	// "#TestCase" behind the machine's ARN; "" for none.
	TestCase string
}

// mockedAttempt is what attempts first to last of a state get.
type mockedAttempt struct {
	first, last int
	answer      answer
}

type mockFile struct {
	StateMachines map[string]struct {
		TestCases map[string]map[string]string
	}
	MockedResponses map[string]map[string]mockedResponse
}

type mockedResponse struct {
	Return jsontext.Value
	Throw  *struct{ Error, Cause string }
}

// ParseMocks reads a mock file. Its errors say which machine, test case, state
// or response is wrong.
func ParseMocks(file []byte) (*Mocks, error) {
	if _, err := jsonvalue.Parse(file); err != nil {
		return nil, err
	}
	var f mockFile
	if err := json.Unmarshal(file, &f, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("this is no mock file: %w", err)
	}
	responses := map[string][]mockedAttempt{}
	for name, byAttempt := range f.MockedResponses {
		for key, r := range byAttempt {
			a, err := parseAttempt(key, r)
			if err != nil {
				return nil, fmt.Errorf("MockedResponses, %s, %q: %w", name, key, err)
			}
			responses[name] = append(responses[name], a)
		}
	}
	m := &Mocks{machines: map[string]map[string]map[string][]mockedAttempt{}}
	for machine, cases := range f.StateMachines {
		m.machines[machine] = map[string]map[string][]mockedAttempt{}
		for testCase, states := range cases.TestCases {
			byState := map[string][]mockedAttempt{}
			for state, response := range states {
				attempts, ok := responses[response]
				if !ok {
					return nil, fmt.Errorf("StateMachines, %s, TestCases, %s, %s: there is no response %q in MockedResponses", machine, testCase, state, response)
				}
				byState[state] = attempts
			}
			m.machines[machine][testCase] = byState
		}
	}
	return m, nil
}

// parseAttempt reads "0" or "1-3" and what those attempts get.
func parseAttempt(key string, r mockedResponse) (mockedAttempt, error) {
	from, to, isRange := strings.Cut(key, "-")
	first, err := strconv.Atoi(from)
	last := first
	if err == nil && isRange {
		last, err = strconv.Atoi(to)
	}
	if err != nil || first < 0 || last < first {
		return mockedAttempt{}, fmt.Errorf(`an attempt is a number such as "0" or a range such as "1-2"`)
	}
	switch {
	case (r.Return == nil) == (r.Throw == nil):
		return mockedAttempt{}, fmt.Errorf("it needs one of Return and Throw")
	case r.Throw != nil:
		return mockedAttempt{first, last, failed(r.Throw.Error, r.Throw.Cause)}, nil
	}
	v, err := jsonvalue.Parse(r.Return)
	return mockedAttempt{first, last, succeeded(v)}, err
}

// splitTestCase takes "#TestCase" off a machine's ARN.
func splitTestCase(arn string) (machine, testCase string) {
	machine, testCase, _ = strings.Cut(arn, "#")
	return machine, testCase
}

// states returns the mocked states of an execution's test case.
func (m *Mocks) states(rec *record) map[string][]mockedAttempt {
	if m == nil {
		return nil
	}
	testCase := rec.TestCase
	if testCase == "" {
		testCase = m.TestCase
	}
	return m.machines[rec.Machine][testCase]
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
	for _, a := range c.mocked {
		if c.Attempt >= a.first && c.Attempt <= a.last {
			return a.answer, true
		}
	}
	return failed("States.Runtime", fmt.Sprintf("The mock file has no response for attempt %d of the state '%s'", c.Attempt, c.State)), true
}
