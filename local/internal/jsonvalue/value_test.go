package jsonvalue

import (
	"strings"
	"testing"
)

func TestRoundTripKeepsWhatWasGiven(t *testing.T) {
	for _, text := range []string{
		`null`, `true`, `1.0`, `1`, `-0`, `1e400`, `12345678901234567890123`, `"é <&> \""`, `[]`, `{}`,
		`{"z":1,"a":{"y":[1.50,{"b":null}]}}`,
	} {
		v, err := Parse([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := String(v); got != text {
			t.Errorf("Parse(%s) writes %s", text, got)
		}
	}
}

func TestRepeatedNameKeepsTheLastValue(t *testing.T) {
	if got := String(MustParse(`{"a":1,"b":2,"a":3}`)); got != `{"a":3,"b":2}` {
		t.Error(got)
	}
}

func TestSyntaxErrorsSayWhere(t *testing.T) {
	for text, want := range map[string]string{
		"{\n  \"a\": tru\n}": "line 2",
		`{"a":1`:             "the text ends",
		`1 2`:                "more text",
		``:                   "the text ends",
		`{"a":01}`:           "/a",
		"\"\xff\"":           "UTF-8",
		strings.Repeat("[", MaxDepth+2) + strings.Repeat("]", MaxDepth+2): "deeper",
	} {
		_, err := Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%.40q) = %v, want %q", text, err, want)
		}
	}
}

func TestPosition(t *testing.T) {
	text := "{\n  \"States\": {\n    \"Pay\": {\"Type\": \"Task\",\n      \"Next\": \"Nowhere\"}\n  }\n}"
	for pointer, want := range map[string]int{"/States/Pay/Next": 4, "/States/Pay/Type": 3, "/States/Gone": 2, "": 1} {
		if line, _ := Position([]byte(text), pointer); line != want {
			t.Errorf("Position(%s) is line %d, want %d", pointer, line, want)
		}
	}
}

func TestEqualAndCompare(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{`{"a":1,"b":2}`, `{"b":2.0,"a":1e0}`, true},
		{`[1,2]`, `[2,1]`, false},
		{`9007199254740993`, `9007199254740992`, false},
		{`1e400`, `1e400`, true},
		{`1e400`, `1e999999999`, false},
		{`null`, `false`, false},
		{`[]`, `null`, false},
		{`{}`, `[]`, false},
	} {
		if got := Equal(MustParse(c.a), MustParse(c.b)); got != c.want {
			t.Errorf("Equal(%s, %s) = %v", c.a, c.b, got)
		}
	}
}

func TestFloatSpelling(t *testing.T) {
	for f, want := range map[float64]Number{1767268800.5: "1767268800.5", 1e20: "100000000000000000000", 1e21: "1e+21", 1e-7: "1e-7", 0.000001: "0.000001", 3: "3"} {
		if got := Float(f); got != want {
			t.Errorf("Float(%g) = %s, want %s", f, got, want)
		}
	}
}

func TestObjectsAreImmutable(t *testing.T) {
	o := MustParse(`{"a":1,"b":2}`).(*Object)
	_, _ = o.With("a", nil), o.Without("b")
	if got := String(o); got != `{"a":1,"b":2}` {
		t.Error(got)
	}
	big := NewObject()
	for i := range 40 {
		big = big.With(strings.Repeat("k", i), Int(int64(i)))
	}
	if v, _ := big.Get("kkk"); v != Int(3) || big.Len() != 40 || big.Has("q") {
		t.Error("a large object lost a member")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"a":[1,2.0,null,true,"x"]}`)
	f.Fuzz(func(t *testing.T, text string) {
		v, err := Parse([]byte(text))
		if err != nil {
			return
		}
		again, err := Parse(Append(nil, v))
		if err != nil || !Equal(v, again) {
			t.Errorf("%q does not survive a round trip: %v", text, err)
		}
	})
}
