package eventpattern

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Events and patterns made to be slow stay quick: the bound is a hundred times
// what was measured, and a thousandth of what multiplying out would take.
func TestHostileInputs(t *testing.T) {
	const bound = 5 * time.Second
	elements := func(n int, names ...string) string {
		parts := make([]string, n)
		for i := range parts {
			var members []string
			for _, name := range names {
				members = append(members, fmt.Sprintf("%q:%d", name, i))
			}
			parts[i] = "{" + strings.Join(members, ",") + "}"
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	ranged := `[{"numeric":[">=",0]}]`
	for name, c := range map[string]struct{ pattern, event string }{
		"one long array of objects":   {`{"a":{"x":` + ranged + `,"y":` + ranged + `,"z":["no"]}}`, `{"a":` + elements(2000, "x", "y", "z") + `}`},
		"independent arrays":          {`{"a":{"x":` + ranged + `},"b":{"x":` + ranged + `},"c":{"x":` + ranged + `},"d":["no"]}`, `{"a":` + elements(2000, "x") + `,"b":` + elements(2000, "x") + `,"c":` + elements(2000, "x") + `}`},
		"one long array of values":    {`{"a":["no"]}`, `{"a":[` + strings.Repeat("1,", 200000) + `1]}`},
		"wildcard of repeated pieces": {`{"a":[{"wildcard":"` + strings.Repeat("*aaab", 7) + `"}]}`, `{"a":"` + strings.Repeat("a", 100000) + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Compile([]byte(c.pattern))
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if ok, err := p.Match([]byte(c.event)); ok || err != nil {
				t.Errorf("matched %v, %v", ok, err)
			}
			took := time.Since(began)
			t.Log(took)
			if took > bound {
				t.Errorf("took %v", took)
			}
		})
	}
}
