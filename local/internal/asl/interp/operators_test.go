package interp_test

import (
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// TestOperators has the comparisons that are easily got wrong, one a line:
// operator, operand, value, and whether they match.
func TestOperators(t *testing.T) {
	for _, line := range strings.Split(strings.TrimSpace(`
StringEquals "a" "a" yes
StringEquals "a" "A" no
StringEquals "1" 1 no
StringLessThan "b" "a" yes
StringLessThan "a" "é" no
StringGreaterThanEquals "a" "a" yes
NumericEquals 1 1.0 yes
NumericEquals 1 "1" no
NumericEquals 9007199254740993 9007199254740992 no
NumericLessThan 0 -0.5 yes
NumericGreaterThan 1e2 99 no
BooleanEquals true true yes
BooleanEquals false null no
BooleanEquals true "true" no
TimestampEquals "2026-01-02T03:04:05Z" "2026-01-02T04:04:05+01:00" yes
TimestampLessThan "2026-01-02T03:04:05.5Z" "2026-01-02T03:04:05Z" yes
TimestampEquals "2026-01-02T03:04:05Z" "2026-01-02" no
IsTimestamp true "2026-01-02T03:04:05Z" yes
IsTimestamp true "2026-01-02t03:04:05Z" no
IsTimestamp true "2026-01-02 03:04:05Z" no
IsTimestamp false 1 yes
IsNull true null yes
IsNull false "null" yes
IsPresent true null yes
IsPresent false null no
IsNumeric true 1e400 yes
IsNumeric true "1" no
IsString true "" yes
IsBoolean true false yes
StringMatches "*" "" yes
StringMatches "" "" yes
StringMatches "" "a" no
StringMatches "a*c" "abbbc" yes
StringMatches "a*c" "abbb" no
StringMatches "*.log" "x.log.log" yes
StringMatches "a\\*c" "a*c" yes
StringMatches "a\\*c" "abc" no
StringMatches "a\\\\*" "a\\bc" yes
StringMatches "**a**" "bab" yes
StringMatches "é*" "éclair" yes
StringMatches "a*" 1 no
`), "\n") {
		parts := strings.Fields(line)
		want := parts[len(parts)-1] == "yes"
		rest := strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(line, parts[0]+" "), " yes"), " no")
		operand, value := splitJSON(rest)
		m, err := asl.Parse(`{"StartAt": "C", "States": {
			"C": {"Type": "Choice", "Choices": [{"Variable": "$.v", "`+parts[0]+`": `+operand+`, "Next": "Yes"}], "Default": "No"},
			"Yes": {"Type": "Pass", "Result": "yes", "End": true}, "No": {"Type": "Pass", "Result": "no", "End": true}}}`, asl.Standard)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		x := begin(m, jsonvalue.MustParse(`{"v": `+value+`}`))
		x.Step(epoch, interp.Started{})
		if got := x.Output() == "yes"; got != want {
			t.Errorf("%s: got %v", line, x.Output())
		}
	}
}

// splitJSON splits two JSON values with a blank between them.
func splitJSON(s string) (string, string) {
	for i := range s {
		if s[i] == ' ' {
			if _, err := jsonvalue.Parse([]byte(s[:i])); err == nil {
				return s[:i], s[i+1:]
			}
		}
	}
	return s, ""
}
