package mockfile

import (
	"slices"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

func TestAttempts(t *testing.T) {
	f, err := Parse([]byte(`{"StateMachines":{"M":{"TestCases":{"Retried":{"Pay":"R"},"Happy":{}}}},
		"MockedResponses":{"R":{"0-1":{"Throw":{"Error":"E","Cause":"c"}},"2":{"Return":{"ok":1.0}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	pay := f.States("M", "Retried")["Pay"]
	if a, ok := pay.At(1); !ok || !a.Throws || a.Error != "E" || a.Cause != "c" {
		t.Errorf("attempt 1: %+v", a)
	}
	if a, ok := pay.At(2); !ok || a.Throws || jsonvalue.String(a.Output) != `{"ok":1.0}` {
		t.Errorf("attempt 2: %+v", a)
	}
	if _, ok := pay.At(3); ok {
		t.Error("there is no attempt 3")
	}
	if name, cases := f.Cases(""); name != "M" || !slices.Equal(cases, []string{"Happy", "Retried"}) {
		t.Errorf("%s %v", name, cases)
	}
	if (*File)(nil).States("M", "Happy") != nil {
		t.Error("no file has states")
	}
}

func TestFaultsAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		`{`:       "line 1",
		`{"X":1}`: "no mock file",
		`{"StateMachines":{"M":{"TestCases":{"C":{"S":"R"}}}}}`:                          `StateMachines, M, TestCases, C, S: there is no response "R"`,
		`{"MockedResponses":{"R":{"x":{"Return":1}}}}`:                                   `MockedResponses, R, "x": an attempt`,
		`{"MockedResponses":{"R":{"0":{}}}}`:                                             "one of Return and Throw",
		`{"MockedResponses":{"R":{"2-1":{"Return":1}}}}`:                                 "an attempt",
		`{"MockedResponses":{"R":{"0":{"Return":1,"Throw":{"Error":"e","Cause":"c"}}}}}`: "one of Return and Throw",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
