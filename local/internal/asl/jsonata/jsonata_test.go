package jsonata

// This file defines what holds without the suite: results, errors with their
// places, limits.

import (
	"errors"
	"testing"
	"time"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

const order = `{"items":[{"p":2,"n":"b"},{"p":1,"n":"a"},{"p":3}],"z":{"b":1,"a":1.50}}`

func TestResults(t *testing.T) {
	for text, want := range map[string]string{
		`items.p`: `[2,1,3]`, `items[p>2].p`: `3`, `items[p>2].p[]`: `[3]`, `items^(p).n`: `["a","b"]`, `z`: `{"b":1,"a":1.5}`,
		`items[0].%.z.b`: `1`, `items#$i[p=3].$i`: `2`, `items{$string(p): n}`: `{"2":"b","1":"a"}`, `nothing`: `undefined`, `null`: `null`,
		`$sum(items.p) & "!"`: `"6!"`, `($f := function($n, $a){$n = 0 ? $a : $f($n-1, $a+1)}; $f(20000, 0))`: `20000`,
		`$count([1..1000000])`: `1000000`, `0.1 + 0.2`: `0.30000000000000004`, `$now("[Y]")`: `"2026"`, `$random()`: `0.25`,
		`$replace("aXb", /x/i, "-")`: `"a-b"`, `$formatInteger(21, "w;o")`: `"twenty-first"`,
		`($ ~> |items[p=1]|{"q": p+1},["n"]|).items[1]`: `{"p":1,"q":2}`, `$toMillis("1970-01-01T01:00:00+01:00")`: `0`,
	} {
		v, ok, err := evaluate(text, Limits{})
		got := "undefined"
		if ok {
			got = jsonvalue.String(v)
		}
		if err != nil || got != want {
			t.Errorf("%s yields %s %v, want %s", text, got, err, want)
		}
	}
}

func evaluate(text string, l Limits) (jsonvalue.Value, bool, error) {
	e, err := Compile(text)
	if err != nil {
		return nil, false, err
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return e.Eval(jsonvalue.MustParse(order), Env{Now: now, Random: func() float64 { return 0.25 }, Limits: l})
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]Error{
		`1 +`: {Code: "S0207", Position: 3}, `a ?? 1`: {Code: "S0211", Position: 4}, `a ?: 1`: {Code: "S0211", Position: 4},
		`$eval("1")`: {Code: "T1006", Position: 6}, `/(?=x)/`: {Code: "S0303", Position: 7}, `1 + "a"`: {Code: "T2002", Position: 3},
		`$uppercase(1)`: {Code: "T0410", Position: 11}, `($f := function(){$f()}; $f())`: {Code: "U1001"},
		`$pad("x", 1e9)`: {Code: "U1003", Position: 5}, `($f := function($n){1 + $f($n)}; $f(1))`: {Code: "U1001"},
	} {
		_, _, err := evaluate(text, Limits{Steps: 100_000})
		var got *Error
		if !errors.As(err, &got) || got.Code != want.Code || want.Position > 0 && got.Position != want.Position {
			t.Errorf("%s fails with %v (%+v), want %s at %d", text, err, got, want.Code, want.Position)
		}
	}
}
