// Package mockfile reads mock files in the format of Step Functions Local: test
// cases of state machines that say which canned response a state's task gets,
// attempt by attempt.
//
//	{"StateMachines": {"Orders": {"TestCases": {"Retried": {"Pay": "PayOnThirdTry"}}}},
//	 "MockedResponses": {"PayOnThirdTry": {
//	   "0-1": {"Throw": {"Error": "Transient", "Cause": "busy"}},
//	   "2":   {"Return": {"ok": true}}}}}
//
// It is pure, and its errors say which machine, test case, state or response is
// wrong. https://docs.aws.amazon.com/step-functions/latest/dg/sfn-local-mock-cfg-file.html
//
// Start at [Parse].
package mockfile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// File is a mock file that was read.
type File struct {
	machines map[string]map[string]States // machine, test case
}

// States are the responses of a test case, by state.
type States map[string]Attempts

// Attempts are what a state's attempts get.
type Attempts []Attempt

// Attempt is what the attempts First to Last get, counted from 0.
type Attempt struct {
	First, Last int
	Throws      bool
	Output      jsonvalue.Value
	Error       string
	Cause       string
}

// At returns what the n-th attempt gets.
func (as Attempts) At(n int) (Attempt, bool) {
	for _, a := range as {
		if n >= a.First && n <= a.Last {
			return a, true
		}
	}
	return Attempt{}, false
}

// States returns the responses of a machine's test case; nil if there are none.
func (f *File) States(machine, testCase string) States {
	if f == nil {
		return nil
	}
	return f.machines[machine][testCase]
}

// Cases lists a machine's test cases, in order; of the only machine when the name
// is empty.
func (f *File) Cases(machine string) (name string, cases []string) {
	if machine == "" && len(f.machines) == 1 {
		for machine = range f.machines {
		}
	}
	return machine, slices.Sorted(maps.Keys(f.machines[machine]))
}

type content struct {
	StateMachines map[string]struct {
		TestCases map[string]map[string]string
	}
	MockedResponses map[string]map[string]response
}

type response struct {
	Return jsontext.Value
	Throw  *struct{ Error, Cause string }
}

// Parse reads a mock file.
func Parse(text []byte) (*File, error) {
	if _, err := jsonvalue.Parse(text); err != nil {
		return nil, err
	}
	var c content
	if err := json.Unmarshal(text, &c, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("this is no mock file: %w", err)
	}
	responses, err := c.responses()
	if err != nil {
		return nil, err
	}
	f := &File{machines: map[string]map[string]States{}}
	for machine, cases := range c.StateMachines {
		f.machines[machine] = map[string]States{}
		for testCase, states := range cases.TestCases {
			byState := States{}
			for state, name := range states {
				attempts, ok := responses[name]
				if !ok {
					return nil, fmt.Errorf("StateMachines, %s, TestCases, %s, %s: there is no response %q in MockedResponses", machine, testCase, state, name)
				}
				byState[state] = attempts
			}
			f.machines[machine][testCase] = byState
		}
	}
	return f, nil
}

func (c *content) responses() (map[string]Attempts, error) {
	all := map[string]Attempts{}
	for name, byAttempt := range c.MockedResponses {
		for key, r := range byAttempt {
			a, err := parseAttempt(key, r)
			if err != nil {
				return nil, fmt.Errorf("MockedResponses, %s, %q: %w", name, key, err)
			}
			all[name] = append(all[name], a)
		}
	}
	return all, nil
}

// parseAttempt reads "0" or "1-3" and what those attempts get.
func parseAttempt(key string, r response) (Attempt, error) {
	from, to, isRange := strings.Cut(key, "-")
	first, err := strconv.Atoi(from)
	last := first
	if err == nil && isRange {
		last, err = strconv.Atoi(to)
	}
	if err != nil || first < 0 || last < first {
		return Attempt{}, errors.New(`an attempt is a number such as "0" or a range such as "1-2"`)
	}
	switch {
	case (r.Return == nil) == (r.Throw == nil):
		return Attempt{}, errors.New("it needs one of Return and Throw")
	case r.Throw != nil:
		return Attempt{First: first, Last: last, Throws: true, Error: r.Throw.Error, Cause: r.Throw.Cause}, nil
	}
	v, err := jsonvalue.Parse(r.Return)
	return Attempt{First: first, Last: last, Output: v}, err
}
