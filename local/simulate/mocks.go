package simulate

// This file defines mock files as answers.

import (
	"fmt"

	"github.com/stepworks/stepworks/local/internal/asl/mockfile"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Mocks answers tasks from a mock file in the format of Step Functions Local: the
// test case of a machine, by their names in the file. With an empty name the
// only machine of the file is meant, and its only test case.
func (m *Machine) Mocks(file []byte, machine, testCase string) error {
	f, err := mockfile.Parse(file)
	if err != nil {
		return err
	}
	name, cases := f.Cases(machine)
	if testCase == "" && len(cases) == 1 {
		testCase = cases[0]
	}
	states := f.States(name, testCase)
	if states == nil {
		return fmt.Errorf("the mock file has no test case %q of a machine %q; of that machine it has %q", testCase, name, cases)
	}
	for state, attempts := range states {
		m.Task(state, func(c Call) Answer {
			a, ok := attempts.At(c.Attempt)
			switch {
			case !ok:
				return Answer{Error: Unmocked, Cause: fmt.Sprintf("the mock file has no response for attempt %d of the state %s", c.Attempt, c.State)}
			case a.Throws:
				return Answer{Error: a.Error, Cause: a.Cause}
			}
			return Answer{Output: jsonvalue.String(a.Output)}
		})
	}
	return nil
}
