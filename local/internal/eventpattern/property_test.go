package eventpattern

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Values and tests from small vocabularies, so that they meet often.
var (
	someValues = rapid.SampledFrom([]string{`"a"`, `"ab"`, `"B"`, `1`, `1.0`, `2`, `true`, `null`, `"10.0.0.1"`, `""`})
	someNames  = rapid.SampledFrom([]string{"x", "y", "z", "x.y"})
	someTests  = rapid.SampledFrom([]string{
		`"a"`, `"B"`, `1`, `2.0`, `null`, `"10.0.0.1"`, `{"prefix":"a"}`, `{"suffix":"b"}`, `{"exists":true}`, `{"exists":false}`,
		`{"anything-but":"a"}`, `{"anything-but":[1]}`, `{"numeric":[">",1]}`, `{"wildcard":"*b"}`, `{"equals-ignore-case":"b"}`, `{"cidr":"10.0.0.0/8"}`,
	})
)

func someEvent(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		names := rapid.SliceOfNDistinct(someNames, 0, 3, rapid.ID).Draw(t, "names")
		for i, name := range names {
			names[i] = `"` + name + `":` + someValue(depth).Draw(t, "value")
		}
		return "{" + strings.Join(names, ",") + "}"
	})
}

func someValue(depth int) *rapid.Generator[string] {
	if depth == 0 {
		return someValues
	}
	array := rapid.Custom(func(t *rapid.T) string {
		return "[" + strings.Join(rapid.SliceOfN(someValue(depth-1), 0, 3).Draw(t, "elements"), ",") + "]"
	})
	return rapid.OneOf(someValues, someEvent(depth-1), array)
}

func somePattern(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		var members []string
		for _, name := range rapid.SliceOfNDistinct(someNames, 1, 2, rapid.ID).Draw(t, "names") {
			below := "[" + strings.Join(rapid.SliceOfN(someTests, 1, 2).Draw(t, "tests"), ",") + "]"
			if depth > 0 && rapid.Bool().Draw(t, "deeper") {
				below = somePattern(depth-1).Draw(t, "below")
			}
			members = append(members, `"`+name+`":`+below)
		}
		if depth > 0 && rapid.IntRange(0, 3).Draw(t, "or") == 0 {
			or := rapid.SliceOfN(somePattern(depth-1), 2, 3).Draw(t, "alternatives")
			members = append(members, `"$or":[`+strings.Join(or, ",")+"]")
		}
		return "{" + strings.Join(members, ",") + "}"
	})
}

// Whatever the patterns and the event, a Set finds what each pattern finds alone,
// and an explanation is given exactly where there is no match.
func TestSetAgreesWithPatterns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(somePattern(2), 1, 6).Draw(t, "patterns")
		event := []byte(someEvent(3).Draw(t, "event"))
		var patterns []*Pattern
		var want []int
		for i, text := range texts {
			p, err := Compile([]byte(text))
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			patterns = append(patterns, p)
			ok, err := p.Match(event)
			if err != nil {
				t.Fatalf("%s: %v", event, err)
			}
			if ok {
				want = append(want, i)
			}
			why, _ := p.Explain(event)
			if why.Matched != ok || ok != (len(why.Reasons) == 0) || slices.Contains(why.Reasons, Reason{}) {
				t.Fatalf("matched %v, explained %+v", ok, why)
			}
		}
		if got, err := NewSet(patterns).Match(event); err != nil || !slices.Equal(got, want) {
			t.Fatalf("the set found %v (%v), the patterns %v", got, err, want)
		}
	})
}

// naive matches one field's tests against an event without arrays, the long way round.
func naive(event map[string]any, path []string, passes func(v any, present bool) bool) bool {
	v, present := event[path[0]]
	if len(path) == 1 {
		if _, object := v.(map[string]any); object {
			return passes(nil, false)
		}
		return passes(v, present)
	}
	below, _ := v.(map[string]any)
	return naive(below, path[1:], passes)
}

func TestAgreesWithNaiveMatcher(t *testing.T) {
	tests := map[string]func(v any, present bool) bool{
		`"a"`:                       func(v any, _ bool) bool { return v == "a" },
		`1`:                         func(v any, _ bool) bool { return v == 1.0 },
		`{"exists":true}`:           func(_ any, present bool) bool { return present },
		`{"exists":false}`:          func(_ any, present bool) bool { return !present },
		`{"anything-but":"a"}`:      func(v any, present bool) bool { return present && v != "a" },
		`{"prefix":"a"}`:            func(v any, _ bool) bool { s, ok := v.(string); return ok && strings.HasPrefix(s, "a") },
		`{"numeric":[">",0,"<",2]}`: func(v any, _ bool) bool { n, ok := v.(float64); return ok && n > 0 && n < 2 },
		`null`:                      func(v any, present bool) bool { return present && v == nil },
	}
	operators := slices.Sorted(maps.Keys(tests))
	plain := rapid.Custom(func(t *rapid.T) map[string]any {
		var event map[string]any
		text := rapid.SampledFrom([]string{`{"x":%}`, `{"x":{"y":%}}`, `{"y":%}`, `{"x":{"z":%}}`, `{"x":{"y":{"z":%}}}`}).Draw(t, "shape")
		text = strings.ReplaceAll(text, "%", someValues.Draw(t, "value"))
		if err := json.Unmarshal([]byte(text), &event); err != nil {
			t.Fatal(err)
		}
		return event
	})
	rapid.Check(t, func(t *rapid.T) {
		event := plain.Draw(t, "event")
		operator := rapid.SampledFrom(operators).Draw(t, "operator")
		for pattern, path := range map[string][]string{`{"x":[%]}`: {"x"}, `{"x":{"y":[%]}}`: {"x", "y"}} {
			p, err := Compile([]byte(strings.ReplaceAll(pattern, "%", operator)))
			if err != nil {
				t.Fatal(err)
			}
			text, _ := json.Marshal(event)
			if got, want := must(p.Match(text)), naive(event, path, tests[operator]); got != want {
				t.Fatalf("%s on %s: got %v, want %v", operator, text, got, want)
			}
		}
	})
}

func must(ok bool, err error) bool { return ok && err == nil }

// The reader takes exactly the objects that are JSON.
func FuzzEvent(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":[1,-0.5e+3,"x\u00e9\ud83d\ude80",true,false,null,{"b":[]}]}`, `{"a":01}`, `{"a":"\x"}`, `[]`, `{"a":1}x`, "{\"a\":\"\x01\"}", `{"a":{}`} {
		f.Add([]byte(seed))
	}
	p, err := Compile([]byte(`{"a":[{"exists":true}],"b":{"c":["x"]}}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, event []byte) {
		_, err := p.Match(event)
		var object map[string]json.RawMessage
		valid := json.Unmarshal(event, &object) == nil && object != nil
		if valid != (err == nil) && strings.Count(string(event), "[")+strings.Count(string(event), "{") < maxDepth {
			t.Errorf("%q: valid JSON object: %v, but %v", event, valid, err)
		}
	})
}

// Nothing that is given as a pattern does harm, and faults have a text.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{`{"a":["b"]}`, `{"$or":[{"a":[1]},{"b":[{"numeric":["<",1]}]}]}`, `{"a":[{"anything-but":{"wildcard":["*x","\\*"]}}]}`, `{"a":[{"cidr":"::/1"}]}`, `{"":[{"anything-but":{"wildcard":[]}}]}`, `{"a":[`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, pattern []byte) {
		p, err := Compile(pattern)
		if err != nil {
			if err.Error() == "" {
				t.Error("a fault without words")
			}
			return
		}
		if _, err := p.Explain([]byte(`{"a":[{"b":1},{"c":"10.0.0.1"}],"b":null}`)); err != nil {
			t.Error(err)
		}
	})
}
