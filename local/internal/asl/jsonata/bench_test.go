package jsonata

// This file defines benchmarks and fuzz targets.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

func BenchmarkAdd(b *testing.B) {
	bench(b, "$states.input.a + 1", Env{Bindings: map[string]jsonvalue.Value{"states": jsonvalue.MustParse(`{"input":{"a":41}}`)}})
}

func BenchmarkFilterAndSum(b *testing.B) {
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, `,{"price":%d,"kind":"k%d"}`, i, i%7)
	}
	items := jsonvalue.MustParse("[" + text.String()[1:] + "]")
	bench(b, "$sum($items[price > 500].price)", Env{Bindings: map[string]jsonvalue.Value{"items": items}})
}

func bench(b *testing.B, text string, env Env) {
	e, err := Compile(text)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := e.EvalWithoutInput(env); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(`$map(Account.Order.Product[Price > 10], function($p) { {"name": $p."Product Name", "total": $p.Price * $p.Quantity} })`); err != nil {
			b.Fatal(err)
		}
	}
}

var seeds = []string{
	`Account.Order[0].Product^(>Price, SKU){ID: $sum(Price)}`, `[1..5]#$i[$i>2].($i*2)`, `library.loans@$l.books@$b[$l.isbn=$b.isbn].%.x`,
	`$ ~> |a.b|{"c": 1},["d"]|`, `function($x)<n-:n>{$x > 1 ? $x * 2 : "no"}(3)`, `$replace("abc", /(b)/i, "$1$1")`,
	`$formatNumber(1234.5, "#,##0.00")`, `$fromMillis(0, "[FNn], [D1o] [MNn] [Y]")`, `$f := $substring(?, 1); "abc" ~> $f`, "`a b`.**.*[]",
}

// FuzzEval: no text makes the evaluator panic, and what is printed means the same.
func FuzzEval(f *testing.F) {
	for _, s := range seeds {
		f.Add(s, `{"a":{"b":[{"c":2},{"d":null}]},"Account":{"Order":[{"Product":[{"Price":1,"SKU":"x"}]}]}}`)
	}
	limits := Limits{Depth: 200, Steps: 20_000, Size: 100_000}
	f.Fuzz(func(t *testing.T, text, input string) {
		e, err := Compile(text)
		if err != nil {
			return
		}
		v, err := jsonvalue.Parse([]byte(input))
		if err != nil {
			return
		}
		got, ok, err := e.Eval(v, Env{Limits: limits})
		again, perr := Compile(e.String())
		if perr != nil {
			t.Fatalf("%q is printed as %q: %v", text, e.String(), perr)
		}
		if printed := again.String(); printed != e.String() {
			t.Fatalf("%q is printed as %q, then as %q", text, e.String(), printed)
		}
		if got2, ok2, err2 := again.Eval(v, Env{Limits: limits}); err == nil && err2 == nil && (ok != ok2 || jsonvalue.String(got) != jsonvalue.String(got2)) {
			t.Fatalf("%q yields %s, printed %q %s", text, jsonvalue.String(got), e.String(), jsonvalue.String(got2))
		}
	})
}
