package eventpattern

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestSemantics runs testdata/patterns.txt, which documents itself.
func TestSemantics(t *testing.T) {
	text, err := os.ReadFile("testdata/patterns.txt")
	if err != nil {
		t.Fatal(err)
	}
	var p *Pattern
	rule, cases := "", 0
	for i, line := range strings.Split(string(text), "\n") {
		at := "patterns.txt:" + strconv.Itoa(i+1) + " (" + rule + ")"
		word, rest, _ := strings.Cut(line, " ")
		example, says, _ := strings.Cut(strings.TrimSpace(rest), " -- ")
		switch word {
		case "":
			continue
		case "#":
			rule = rest
			continue
		case "pattern":
			if p, err = Compile([]byte(example)); err != nil {
				t.Fatalf("%s: %v", at, err)
			}
		case "yes", "no":
			checkExample(t, at, p, example, word == "yes", says)
		case "invalid":
			if _, err := Compile([]byte(example)); err == nil || firstLine(err.Error()) != says {
				t.Errorf("%s: %s\n got %v\nwant %s", at, example, err, says)
			}
		default:
			t.Fatalf("%s: a line starts with %q", at, word)
		}
		cases++
	}
	if cases < 100 {
		t.Errorf("only %d cases were read", cases)
	}
}

func checkExample(t *testing.T, at string, p *Pattern, event string, want bool, says string) {
	t.Helper()
	got, err := p.Match([]byte(event))
	if err != nil {
		t.Errorf("%s: %s: %v", at, event, err)
		return
	}
	among, _ := NewSet([]*Pattern{p}).Match([]byte(event))
	if got != want || (len(among) == 1) != want {
		t.Errorf("%s: %s: matched %v, in a set %v; want %v", at, event, got, among, want)
	}
	if !want {
		if why, _ := p.Explain([]byte(event)); why.String() != says {
			t.Errorf("%s: %s\nexplained %s\n     want %s", at, event, why, says)
		}
	}
}
