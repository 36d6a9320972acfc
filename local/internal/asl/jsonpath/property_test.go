package jsonpath_test

// This file defines properties, fuzz targets, limits and benchmarks.

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/stepworks/stepworks/local/internal/asl/jsonpath"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// documents draws JSON of a few names and levels.
func documents() *rapid.Generator[jsonvalue.Value] {
	return rapid.Custom(func(t *rapid.T) jsonvalue.Value { return drawValue(t, 3) })
}

func drawValue(t *rapid.T, depth int) jsonvalue.Value {
	kinds := 5
	if depth == 0 {
		kinds = 3
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return jsonvalue.Int(rapid.Int64Range(-3, 3).Draw(t, "number"))
	case 2:
		return rapid.SampledFrom([]string{"", "a", "b'", `c\`, "é"}).Draw(t, "text")
	case 3:
		array := make([]any, rapid.IntRange(0, 3).Draw(t, "length"))
		for i := range array {
			array[i] = drawValue(t, depth-1)
		}
		return array
	}
	var b jsonvalue.Builder
	for range rapid.IntRange(0, 3).Draw(t, "members") {
		b.Set(drawName(t), drawValue(t, depth-1))
	}
	return b.Object()
}

func drawName(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "b", "detail-type", "it's", `back\slash`, "", "größe", "x.y", "]"}).Draw(t, "name")
}

// references draws reference paths in bracket form.
func references() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		text := "$"
		for range rapid.IntRange(0, 4).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "by index") {
				text += fmt.Sprintf("[%d]", rapid.IntRange(0, 2).Draw(t, "index"))
				continue
			}
			text += "['" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(drawName(t)) + "']"
		}
		return text
	})
}

// What Set wrote, Get reads; the document it was written to has not changed, and
// every other member of it is still there.
func TestSetThenGet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		doc, v := documents().Draw(t, "document"), documents().Draw(t, "value")
		reference, err := jsonpath.ParseReference(references().Draw(t, "reference"))
		if err != nil {
			t.Fatal(err)
		}
		before := jsonvalue.String(doc)
		after, err := reference.Set(doc, v)
		if jsonvalue.String(doc) != before {
			t.Fatalf("Set changed the document %s to %s", before, jsonvalue.String(doc))
		}
		var wrong *jsonpath.SetError
		if errors.As(err, &wrong) {
			if _, err := reference.Path().Get(doc); err == nil {
				t.Fatalf("%v, but the place exists in %s", wrong, before)
			}
			return
		}
		got, err := reference.Path().Get(after)
		if err != nil || !jsonvalue.Equal(got, v) {
			t.Fatalf("Set(%s, %s, %s) is %s, where Get finds %s, %v", reference, before, jsonvalue.String(v), jsonvalue.String(after), jsonvalue.String(got), err)
		}
		if old, err := reference.Path().Get(doc); err == nil {
			back, err := reference.Set(after, old)
			if err != nil || jsonvalue.String(back) != before {
				t.Fatalf("setting it back gives %s, %v instead of %s", jsonvalue.String(back), err, before)
			}
		}
	})
}

func TestReferences(t *testing.T) {
	for _, c := range []struct{ path, document, want string }{
		{"$", `{"a":1}`, `"new"`},
		{"$.a", `{}`, `{"a":"new"}`},
		{"$.a", `{"b":1,"a":2}`, `{"b":1,"a":"new"}`},
		{"$.a.b.c", `{"x":1}`, `{"x":1,"a":{"b":{"c":"new"}}}`},
		{"$.a[1].b", `{"a":[0,{"b":1,"c":2}]}`, `{"a":[0,{"b":"new","c":2}]}`},
		{"$['a b']", `{}`, `{"a b":"new"}`},
		{"$.a", `7`, `cannot write to "$.a": $ is a number, not an object`},
		{"$.a.b", `{"a":[]}`, `cannot write to "$.a.b": $['a'] is an array, not an object`},
		{"$.a.b", `{"a":null}`, `cannot write to "$.a.b": $['a'] is null, not an object`},
		{"$.a[0]", `{}`, `cannot write to "$.a[0]": $['a'] is null, not an array`},
		{"$.a[1]", `{"a":[0]}`, `cannot write to "$.a[1]": $['a'] has 1 elements and no index 1`},
		{"$.a[*]", ``, "a reference path has names and indexes from 0 only, not [*]"},
		{"$.a[-1]", ``, "names and indexes from 0 only, not [-1]"},
		{"$..a", ``, "names and indexes from 0 only, not .."},
		{"$.a[?(@.b)]", ``, "names and indexes from 0 only"},
		{"$['a','b']", ``, "names and indexes from 0 only"},
		{"$.a[(@.length-1)]", ``, "names and indexes from 0 only, not [(@.length-1)]"},
		{"$$.a", ``, "a reference path starts with $, not with $$"},
		{"$v.a", ``, "a reference path starts with $, not with $v"},
		{"a", ``, `a path starts with "$"`},
	} {
		if got := set(c.path, c.document); got != c.want && !(c.document == "" && strings.Contains(got, c.want)) {
			t.Errorf("%s in %s:\n got %s\nwant %s", c.path, c.document, got, c.want)
		}
	}
}

func set(path, document string) string {
	reference, err := jsonpath.ParseReference(path)
	if err != nil {
		return err.Error()
	}
	v, err := reference.Set(jsonvalue.MustParse(document), "new")
	if err != nil {
		return err.Error()
	}
	return jsonvalue.String(v)
}

func TestDefinite(t *testing.T) {
	for text, want := range map[string]bool{
		"$": true, "$.a": true, "$['a'][0]": true, "$.a[-1]": true, "$['a','b']": true, "$['a','b'].c": true, "$.a.length()": true, "$[(@.length-1)]": true, "$$.a": true, "$v": true,
		"$..a": false, "$.*": false, "$[*]": false, "$[0,1]": false, "$[0:1]": false, "$[1:]": false, "$[?(@.a)]": false, "$[*]['a','b']": false, "$..a.sum()": false,
	} {
		path, err := jsonpath.Parse(text)
		if err != nil || path.Definite() != want {
			t.Errorf("%s: Definite is not %v: %v", text, want, err)
		}
	}
}

func TestCautions(t *testing.T) {
	for text, want := range map[string]string{
		"$.a.b[0]":                   "",
		"$..a[?(@.b == 1)][0:2]":     "",
		"$.a.length()":               "Step Functions has no path functions: length() is looked for as a member of that name",
		"$.a[-1]":                    "an index counts from the start only: the last element is [(@.length-1)]",
		"$.a[-3:-1]":                 "a negative bound finds nothing where a slice has two",
		"$.a[?(@.b in ['x'])]":       "AWS documents that the operator in is not supported in filters",
		"$.a[?(@.b =~ /x/)]":         "AWS documents that the operator =~ is not supported in filters",
		"$.a[?(@.b == $.c)]":         "AWS documents that a filter cannot refer to another value: $.c",
		"$.a[?($.c && @.b == @.d)]":  "AWS documents that a filter cannot refer to another value: $.c; AWS documents that a filter cannot refer to another value: @.d",
		"$.a[?(@.b[?(@.c size 2)])]": "AWS documents that the operator size is not supported in filters",
	} {
		path, err := jsonpath.Parse(text)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := strings.Join(path.Cautions(), "; "); got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
}

func TestRoot(t *testing.T) {
	for text, want := range map[string]string{"$": "$", "$.a": "$", "$$": "$$", "$$.Execution.Id": "$$", "$order.id": "$order", "$a1[0]": "$a1", "$größe": "$größe"} {
		if path, err := jsonpath.Parse(text); err != nil || path.Root() != want {
			t.Errorf("Root of %s is not %s: %v", text, want, err)
		}
	}
}

// A path of names and indexes is the inner loop of every state.
func TestSimplePathsDoNotAllocate(t *testing.T) {
	doc := jsonvalue.MustParse(`{"a":{"b":[{"detail-type":1}]}}`)
	path, _ := jsonpath.Parse("$.a.b[0].detail-type")
	if n := testing.AllocsPerRun(100, func() { _, _ = path.Get(doc) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Hostile paths and documents end with an error, not with the machine's memory or
// patience: what is counted is work, so that a busy machine fails no test.
func TestLimits(t *testing.T) {
	list := func(n int, element string) string {
		return "[" + strings.TrimSuffix(strings.Repeat(element+",", n), ",") + "]"
	}
	deep := strings.Repeat(`{"a":[`, 400) + strings.Repeat(`]}`, 400)
	for _, c := range []struct{ path, document, want string }{
		{"$" + strings.Repeat(".a", 1<<16), "", "longer than"},
		{"$[?(" + strings.Repeat("(", 9000), "", "nested deeper"},
		{"$[?(" + strings.Repeat("!", 9000), "", "nested deeper"},
		{"$" + strings.Repeat("[?(@", 9000), "", "nested deeper"},
		{"$[?(@ == " + strings.Repeat("[", 9000), "", "nested deeper"},
		{"$[?(@ =~ /(((a{999}){999}){999}){999}/)]", "", "pattern"},
		{"$[?(@ =~ /((ab|cd|ef|gh){100}){9}/)]", "", "too large"},
		{"$..*..*..*..*", deep, "more than"},
		{"$.." + strings.Repeat("*..", 400) + "a", deep, "more than"},
		{"$[?(@.x in $..x)]", list(20_000, `{"x":1}`), "steps"},
		{"$.a[?($.b == $.c)]", `{"a":` + list(50_000, "{}") + `,"b":` + list(50_000, "1") + `,"c":` + list(50_000, "1") + `}`, "steps"},
		{"$.a[?($.b =~ /.*y/)]", `{"a":` + list(50_000, "{}") + `,"b":"` + strings.Repeat("x", 100_000) + `"}`, "steps"},
		{"$.a[?(" + strings.Repeat("@.x||", 9000) + "@.x)]", `{"a":` + list(50_000, "{}") + `}`, "steps"},
	} {
		got := "nothing"
		path, err := jsonpath.Parse(c.path)
		if err == nil && c.document != "" {
			_, err = path.Get(jsonvalue.MustParse(c.document))
		}
		if err != nil {
			got = err.Error()
		}
		if c.want != "" && !strings.Contains(got, c.want) {
			t.Errorf("%.60s: got %.200s, want %s", c.path, got, c.want)
		}
	}
}

// No text makes the package panic; a path's own text and its bracket form read
// back as the same path and find the same.
func FuzzPath(f *testing.F) {
	for _, c := range lines(f, "testdata/paths.txt") {
		f.Add(c.path, c.document)
	}
	f.Fuzz(func(t *testing.T, text, document string) {
		path, err := jsonpath.Parse(text)
		if err != nil {
			var syntax *jsonpath.SyntaxError
			if !errors.As(err, &syntax) || path != nil {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		again, err := jsonpath.Parse(path.Canonical())
		if err != nil || path.String() != text || again.Canonical() != path.Canonical() || again.Definite() != path.Definite() || again.Root() != path.Root() {
			t.Fatalf("%q in bracket form is %q, which is read as %v, %v", text, path.Canonical(), again, err)
		}
		doc, err := jsonvalue.Parse([]byte(document))
		if err != nil {
			return
		}
		v, err := path.Get(doc)
		w, errAgain := again.Get(doc)
		if (err == nil) != (errAgain == nil) || !jsonvalue.Equal(v, w) {
			t.Fatalf("%q finds %v, %v; %q finds %v, %v", text, v, err, again, w, errAgain)
		}
		if _, isList := v.([]any); err == nil && !path.Definite() && !isList {
			t.Fatalf("%q is indefinite and gives %v", text, v)
		}
	})
}

func FuzzReference(f *testing.F) {
	f.Add("$.a[0]['b']", `{"a":[{}]}`)
	f.Add("$", "1")
	f.Fuzz(func(t *testing.T, text, document string) {
		reference, err := jsonpath.ParseReference(text)
		doc, docErr := jsonvalue.Parse([]byte(document))
		if err != nil || docErr != nil {
			return
		}
		after, err := reference.Set(doc, "new")
		if err != nil {
			return
		}
		if got, err := reference.Path().Get(after); err != nil || got != "new" {
			t.Fatalf("%q of %s is %s, where Get finds %v, %v", text, document, jsonvalue.String(after), got, err)
		}
	})
}

func BenchmarkGet(b *testing.B) {
	doc := jsonvalue.MustParse(`{"a":{"b":["x"]},"items":[{"n":1,"k":"x"},{"n":2,"k":"y"},{"n":3,"k":"x"}]}`)
	for _, text := range []string{"$.a.b[0]", "$.items[*].n", "$..n", "$.items[?(@.n > 1 && @.k in ['x'])]", "$.items[(@.length-1)]"} {
		path, err := jsonpath.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = path.Get(doc)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = jsonpath.Parse("$.order.items[0]['detail-type']")
	}
}

func BenchmarkSet(b *testing.B) {
	doc := jsonvalue.MustParse(`{"a":{"b":["x"]},"c":1,"d":2,"e":{"f":3}}`)
	reference, _ := jsonpath.ParseReference("$.a.result")
	b.ReportAllocs()
	for b.Loop() {
		_, _ = reference.Set(doc, "new")
	}
}
