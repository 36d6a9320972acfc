package intrinsic_test

// This file defines properties, fuzz targets, limits and benchmarks.

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/stepworks/stepworks/local/internal/asl/intrinsic"
	"github.com/stepworks/stepworks/local/internal/asl/jsonpath"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

func eval(t testing.TB, text string, doc jsonvalue.Value) (jsonvalue.Value, error) {
	t.Helper()
	x, err := intrinsic.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return x.Eval(env(doc))
}

// Any text can be written as a literal, and comes back as it was.
func TestLiteralsKeepTheirText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		literal := "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, `{`, `\{`, `}`, `\}`).Replace(text) + "'"
		for _, expression := range []string{"States.Format(" + literal + ")", "States.Format('{}', " + literal + ")"} {
			x, err := intrinsic.Parse(expression)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := x.Eval(intrinsic.Env{}); err != nil || got != text {
				t.Fatalf("%s is %q, %v", expression, got, err)
			}
		}
	})
}

func TestRandomNumbersAreInTheirRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.Int64().Draw(t, "first")
		end := rapid.Int64().Filter(func(n int64) bool { return n > first }).Draw(t, "end")
		random := rapid.Uint64().Draw(t, "random")
		for _, seed := range []string{"", fmt.Sprintf(", %d", rapid.Int64().Draw(t, "seed"))} {
			x, err := intrinsic.Parse(fmt.Sprintf("States.MathRandom(%d, %d%s)", first, end, seed))
			if err != nil {
				t.Fatal(err)
			}
			v, err := x.Eval(intrinsic.Env{Random: func() uint64 { return random }})
			n, ok := v.(jsonvalue.Number)
			i, isInt := n.Int64()
			if err != nil || !ok || !isInt || i < first || i >= end {
				t.Fatalf("%s is %v, %v", x, v, err)
			}
			if again, _ := x.Eval(intrinsic.Env{Random: func() uint64 { return random }}); again != v {
				t.Fatalf("%s is %v, then %v", x, v, again)
			}
		}
	})
}

func TestSeedsDiffer(t *testing.T) {
	seen := map[jsonvalue.Value]bool{}
	for seed := range 50 {
		v, err := eval(t, fmt.Sprintf("States.MathRandom(0, 1000000000, %d)", seed), nil)
		if err != nil {
			t.Fatal(err)
		}
		seen[v] = true
	}
	if len(seen) < 45 {
		t.Errorf("50 seeds gave %d numbers", len(seen))
	}
}

func TestErrorNames(t *testing.T) {
	for expression, want := range map[string]string{
		"States.Array($.x)":                          "States.Runtime",
		"States.ArrayGetItem(States.Array(1), 5)":    "States.IntrinsicFailure",
		"States.StringToJson('[')":                   "States.IntrinsicFailure",
		"States.Format('{}', States.Format('{}'))":   "States.IntrinsicFailure",
		"States.Format('{}', States.Array($.x.y.z))": "States.Runtime",
	} {
		_, err := eval(t, expression, jsonvalue.NewObject())
		var failed *intrinsic.Error
		if !errors.As(err, &failed) || failed.Name() != want || failed.Function != expression {
			t.Errorf("%s: %v", expression, err)
		}
	}
}

// An error of Resolve that is not about a path that leads nowhere is handed on.
func TestOtherErrorsOfResolvePass(t *testing.T) {
	unknown := errors.New("there is no variable $x")
	x, _ := intrinsic.Parse("States.Array($x)")
	_, err := x.Eval(intrinsic.Env{Resolve: func(*jsonpath.Path) (jsonvalue.Value, error) { return nil, unknown }})
	if !errors.Is(err, unknown) {
		t.Error(err)
	}
	if paths := x.Paths(); len(paths) != 1 || paths[0].Root() != "$x" {
		t.Error(paths)
	}
}

// What would grow without bound is refused: the arguments are shared, the text
// made of them would not be.
func TestLimits(t *testing.T) {
	many := "$" + strings.Repeat(", $", 999)
	text := func(n int) jsonvalue.Value { return strings.Repeat("x", n) }
	for _, c := range []struct {
		expression string
		doc        jsonvalue.Value
		want       string
	}{
		{"States.JsonToString(States.Array(" + many + "))", text(100_000), "longer than"},
		{"States.Format('" + strings.Repeat("{}", 1000) + "', " + many + ")", text(100_000), "longer than"},
		{"States.ArrayUnique(States.Array(" + many + "))", text(100_000), "larger than"},
		{"States.StringToJson(States.Array(" + many + "))", text(100_000), "a very large value"},
		{"States.StringToJson($)", text(100_000), "not valid JSON"},
		{"States.StringToJson($)", strings.Repeat("[", 5000), "nested deeper"},
		{"States.Base64Encode($)", text(10_001), "at most 10000 characters, but it has 10001"},
		{"States.Base64Decode($)", text(10_001), "at most 10000 characters"},
		{"States.Hash($, 'MD5')", text(10_001), "at most 10000 characters"},
		{"States.Base64Encode($)", strings.Repeat("😀", 5001), "at most 10000 characters, but it has 10002"},
	} {
		x, err := intrinsic.Parse(c.expression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x.Eval(env(c.doc)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60s: %.300v, want %s", c.expression, err, c.want)
		}
	}
	for _, n := range []string{"States.Base64Encode($)", "States.Hash($, 'MD5')"} {
		if _, err := eval(t, n, text(10_000)); err != nil {
			t.Error(err)
		}
	}
	if _, err := intrinsic.Parse("States.Array('" + strings.Repeat("x", 1<<18) + "')"); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("%.200v", err)
	}
	if _, err := intrinsic.Parse(strings.Repeat("States.Array(", 20_000)); err == nil || !strings.Contains(err.Error(), "more than 10") {
		t.Errorf("%.200v", err)
	}
}

// No text makes the package panic; an accepted one reads back as itself, and the
// same environment gives the same result.
func FuzzIntrinsic(f *testing.F) {
	file, err := os.Open("testdata/intrinsics.txt")
	if err != nil {
		f.Fatal(err)
	}
	defer file.Close()
	for in := bufio.NewScanner(file); in.Scan(); {
		line, _, _ := strings.Cut(in.Text(), " => ")
		text, document, _ := strings.Cut(line, " | ")
		f.Add(text, document)
	}
	f.Fuzz(func(t *testing.T, text, document string) {
		x, err := intrinsic.Parse(text)
		if err != nil {
			if _, ok := err.(*intrinsic.SyntaxError); !ok || x != nil {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		again, err := intrinsic.Parse(x.String())
		if err != nil || x.String() != text {
			t.Fatalf("%q is written as %q, %v", text, x, err)
		}
		doc, err := jsonvalue.Parse([]byte(document))
		if err != nil {
			return
		}
		v, err := x.Eval(env(doc))
		w, errAgain := again.Eval(env(doc))
		if fmt.Sprint(err) != fmt.Sprint(errAgain) || !jsonvalue.Equal(v, w) {
			t.Fatalf("%q is %v, %v, then %v, %v", text, v, err, w, errAgain)
		}
		if err != nil {
			return
		}
		if _, err := jsonvalue.Parse(jsonvalue.Append(nil, v)); err != nil {
			t.Fatalf("%q gives no JSON: %v", text, err)
		}
	})
}

func BenchmarkEval(b *testing.B) {
	doc := jsonvalue.MustParse(`{"name":"Arnav","list":[1,2,3,4,5,6],"json":"{\"a\":1}","n":41,"o":{"a":1},"p":{"b":2}}`)
	for _, text := range []string{
		"States.Format('Hello, my name is {}, {}.', $.name, $.n)",
		"States.MathAdd($.n, 1)",
		"States.Array($.n, $.name)",
		"States.ArrayGetItem(States.StringSplit($.name, 'n'), 0)",
		"States.StringToJson($.json)",
		"States.JsonToString($.list)",
		"States.JsonMerge($.o, $.p, false)",
		"States.Hash($.name, 'SHA-256')",
		"States.ArrayUnique($.list)",
	} {
		x, err := intrinsic.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		e := env(doc)
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := x.Eval(e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
