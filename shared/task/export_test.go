package task

// This file lets tests have task types of their own.

import "testing"

// SetRunner gives a task type a runner until the test ends.
func SetRunner(t *testing.T, taskType string, r Runner) {
	t.Helper()
	runners[taskType] = r
	t.Cleanup(func() { delete(runners, taskType) })
}
