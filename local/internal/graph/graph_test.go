package graph

import (
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/stepworks/stepworks/local/internal/asl"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestDrawingsStayAsTheyWereJudgedGood(t *testing.T) {
	files, err := filepath.Glob("testdata/*.asl.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no machines", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := asl.Parse(string(text), asl.Standard)
		if err != nil {
			t.Fatal(file, err)
		}
		got := Draw(m, Options{Mark: func(l string) Mark {
			if l == "/States/Poll" {
				return Mark{Class: "running", Note: "3"}
			}
			return Mark{}
		}, Link: func(l string) string { return "#" + l }})
		golden := strings.TrimSuffix(file, ".asl.json") + ".svg"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil || got != string(want) {
			t.Errorf("%s differs (go test -update, and look at it): %v", golden, err)
		}
		wellFormed(t, got)
	}
}

func TestOutline(t *testing.T) {
	m, err := asl.Parse(`{"StartAt":"A","States":{
		"A":{"Type":"Parallel","Branches":[{"StartAt":"C","States":{"B":{"Type":"Succeed"},"C":{"Type":"Pass","Next":"B"}}}],"Catch":[{"ErrorEquals":["E"],"Next":"Bad"}],"Next":"M"},
		"M":{"Type":"Map","ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Wait","Seconds":5,"End":true}}},"End":true},"Bad":{"Type":"Fail"}}}`, asl.Standard)
	if err != nil {
		t.Fatal(err)
	}
	o := OutlineOf(m)
	var got []string
	for _, s := range o.States {
		got = append(got, fmt.Sprint(s))
	}
	for _, t := range o.Transitions {
		got = append(got, fmt.Sprint(t))
	}
	want := []string{"{/States/A A Parallel Parallel, 1 branch}", "{/States/A/Branches[0]/States/B B Succeed Succeed}", "{/States/A/Branches[0]/States/C C Pass Pass}",
		"{/States/M M Map Map}", "{/States/M/ItemProcessor/States/P P Wait Wait 5s}", "{/States/Bad Bad Fail Fail}",
		"{/States/A /States/A/Branches[0]/States/C branch }", "{/States/A/Branches[0]/States/C /States/A/Branches[0]/States/B next }", "{/States/M /States/M/ItemProcessor/States/P branch }",
		"{start /States/A next }", "{/States/A /States/M next }", "{/States/A /States/Bad catch E}", "{/States/M end next }"}
	if !slices.Equal(got, want) {
		t.Errorf("the outline is %q", got)
	}
}

func wellFormed(t interface{ Fatalf(string, ...any) }, text string) {
	dec := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("the drawing is no XML: %v\n%s", err, text)
		}
	}
}

func TestAFileOfItsOwnCarriesItsStyleAndAPageDoesNot(t *testing.T) {
	m, err := asl.Parse(`{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}`, asl.Standard)
	if err != nil {
		t.Fatal(err)
	}
	if alone := Draw(m, Options{Standalone: true}); !strings.Contains(alone, "<style>") {
		t.Error("no style in", alone)
	}
	if in := Draw(m, Options{}); strings.Contains(in, "style") {
		t.Error("a strict content security policy forbids styles in", in)
	}
}

// TestAnyMachineIsDrawnWithoutOverlap draws machines that rapid makes up: no two
// boxes or labels touch, and edges lead from the upper end to the lower.
func TestAnyMachineIsDrawnWithoutOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 14).Draw(t, "states")
		var states []string
		for i := range n {
			// each state leads to the next, so that all are reachable, and to another
			other := rapid.IntRange(0, n-1).Draw(t, "other")
			next := fmt.Sprintf(`"Next":"S%d"`, i+1)
			if i == n-1 {
				next = `"End":true`
			}
			states = append(states, fmt.Sprintf(`"S%d":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f",%s,"Catch":[{"ErrorEquals":["E"],"Next":"S%d"}]}`, i, next, other))
		}
		m, err := asl.Parse(`{"StartAt":"S0","States":{`+strings.Join(states, ",")+`}}`, asl.Standard)
		if err != nil {
			t.Fatal(err)
		}
		d := layout(&m.Graph, true)
		apart(t, d)
		for _, e := range d.edges {
			if e.from != e.to && e.upper().layer >= e.lower().layer {
				t.Fatalf("the edge %s → %s leads nowhere down", e.from.state.Name, e.to.state.Name)
			}
		}
		wellFormed(t, Draw(m, Options{}))
	})
}

func apart(t *rapid.T, d *drawing) {
	for _, layer := range d.layers {
		for i := 1; i < len(layer); i++ {
			a, b := layer[i-1], layer[i]
			if a.x+a.w/2 > b.x-b.w/2-bendGap/2 {
				t.Fatalf("two vertices touch: %+v %+v", a, b)
			}
		}
		for _, v := range layer {
			if v.x-v.w/2 < -1 || v.x+v.w/2 > d.w+1 || v.y+v.h > d.h+1 {
				t.Fatalf("%+v lies outside of %v by %v", v, d.w, d.h)
			}
		}
	}
}

func TestWhatAStateDoes(t *testing.T) {
	for state, want := range map[string]string{
		`{"Type":"Wait","Seconds":86400,"End":true}`:                    "Wait 24h",
		`{"Type":"Wait","SecondsPath":"$.n","End":true}`:                "Wait: $.n",
		`{"Type":"Wait","Timestamp":"2026-01-01T00:00:00Z","End":true}`: "Wait until 2026-01-01T00:00:00Z",
		`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"arn:aws:lambda:us-east-1:123456789012:function:pay","Payload.$":"$"},"End":true}`: "lambda pay",
		`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"pay:3","Payload.$":"$"},"End":true}`:                                              "lambda pay",
		`{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:pay:live","End":true}`:                                                                           "lambda pay",
		`{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:pack","End":true}`:                                                                               "activity pack",
		`{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2","Parameters":{"StateMachineArn":"m"},"End":true}`:                                                "states:startExecution, waits for end",
	} {
		m, err := asl.Parse(`{"StartAt":"A","States":{"A":`+state+`}}`, asl.Standard)
		if err != nil {
			t.Fatal(state, err)
		}
		if got := words(m.States[0]); got != want {
			t.Errorf("%s: %q, want %q", state, got, want)
		}
	}
}

func BenchmarkDrawAHundredStates(b *testing.B) {
	var states []string
	for i := range 99 {
		states = append(states, fmt.Sprintf(`"S%d":{"Type":"Choice","Choices":[{"Variable":"$.a","NumericEquals":1,"Next":"S%d"}],"Default":"S%d"}`, i, i+1, min(i*7%99+1, 99)))
	}
	m, err := asl.Parse(`{"StartAt":"S0","States":{`+strings.Join(states, ",")+`,"S99":{"Type":"Succeed"}}}`, asl.Standard)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		Draw(m, Options{})
	}
}
