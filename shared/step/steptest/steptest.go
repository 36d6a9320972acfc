// Package steptest holds what the tests of all steps ask: the step's sample event,
// and whether its wiring needs what template.yaml gives it. It starts nothing and
// reaches nothing. Start at [Sample].
package steptest

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// Sample decodes events/NAME.json into a function's input, from the function's folder.
func Sample[In any](t testing.TB, name string) (in In) {
	t.Helper()
	text, err := os.ReadFile("../../../events/" + name + ".json")
	if err == nil {
		err = json.Unmarshal(text, &in)
	}
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// Wire tries a function's wiring with its environment, and without each part of it.
// A variable is NAME or NAME=value. Afterwards the environment is whole.
func Wire[Handler any](t *testing.T, wire func() (Handler, error), variables ...string) {
	t.Helper()
	t.Setenv("AWS_DEFAULT_REGION", "")
	values := map[string]string{"AWS_REGION": "us-east-1"}
	for _, v := range variables {
		name, value, given := strings.Cut(v, "=")
		if values[name] = value; !given {
			values[name] = "x"
		}
	}
	for name, value := range values {
		t.Setenv(name, value)
	}
	if _, err := wire(); err != nil {
		t.Errorf("with all that the template gives: %v", err)
	}
	for name, value := range values {
		t.Setenv(name, "")
		if _, err := wire(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s the error must name it, but is: %v", name, err)
		}
		t.Setenv(name, value)
	}
}
