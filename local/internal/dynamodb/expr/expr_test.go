package expr

import (
	"bufio"
	"os"
	"strings"
	"testing"
)

var testItem = func() *Map {
	m := &Map{}
	inner := &Map{}
	inner.Put("k", Number("1"))
	inner.Put("l", List{Number("1")})
	for _, x := range []struct {
		name string
		v    Value
	}{
		{"qty", Number("5")}, {"price", Number("29.99")}, {"label", String("Ada ÿ")}, {"tiny", String("b")}, {"entries", testList}, {"doc", inner},
		{"tags", &Set{S, []string{"a", "b"}}}, {"nums", &Set{N, []string{"1", "2"}}}, {"payload", Binary("\x01\x02")}, {"flag", Bool(true)}, {"nothing", Null{}},
	} {
		m.Put(x.name, x.v)
	}
	return m
}()

var testList = func() List {
	deep := &Map{}
	deep.Put("deep", String("y"))
	return List{String("x"), Number("2"), deep}
}()

var testNames = map[string]string{"#alias": "doc", "#k": "k", "#unused": "u"}

func testValues() map[string]Value {
	m, _ := testItem.Get("doc")
	return map[string]Value{":zero": Number("0"), ":one": Number("1"), ":one2": Number("2"), ":five": Number("5"), ":fiveS": String("5"),
		":a": String("a"), ":b": String("b"), ":c": String("c"), ":abc": String("abc"), ":prefix": String("Ad"), ":label": String("Ada ÿ"),
		":bytes": Binary("\x01"), ":true": Bool(true), ":null": Null{}, ":ba": &Set{S, []string{"b", "a"}}, ":a1": &Set{S, []string{"a", "z"}},
		":c3": &Set{S, []string{"a", "c"}}, ":nums": &Set{N, []string{"2", "1"}}, ":entries": testList, ":doc": m, ":empty": List{},
		":tSS": String("SS"), ":tNULL": String("NULL"), ":huge": Number("10000000000000000000000000000000000000000"),
		":large": Number("9" + strings.Repeat("0", 125))}
}

// lines runs the cases of a data file.
func lines(t *testing.T, file string, check func(t *testing.T, text, want string)) {
	t.Helper()
	f, err := os.Open("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	for n := 1; in.Scan(); n++ {
		text, want, ok := strings.Cut(in.Text(), " => ")
		if !ok {
			text, ok = strings.CutSuffix(in.Text(), " =>")
		}
		if strings.HasPrefix(in.Text(), "#") && !strings.HasPrefix(in.Text(), "#a") && !strings.HasPrefix(in.Text(), "#n") || !ok {
			continue
		}
		t.Run(text, func(t *testing.T) { check(t, text, want) })
	}
}

func scope() *Scope { return NewScope(testNames, testValues()) }

// result prints what came, or the refusal without the expression's kind.
func result(value string, err error) string {
	if err == nil {
		return value
	}
	_, text, found := strings.Cut(err.Error(), "Expression: ")
	if !found || !strings.HasPrefix(err.Error(), "Invalid ") || strings.HasPrefix(err.Error(), "Invalid operator") || strings.HasPrefix(err.Error(), "Invalid condition") {
		text = err.Error()
	}
	return "! " + text
}

func expect(t *testing.T, want, got string) {
	t.Helper()
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestConditions(t *testing.T) {
	lines(t, "conditions.txt", func(t *testing.T, text, want string) {
		t.Helper()
		c, err := scope().Condition("FilterExpression", text)
		value := ""
		if err == nil {
			value = map[bool]string{true: "true", false: "false"}[c.Match(testItem)]
		}
		expect(t, want, result(value, err))
	})
}

func TestUpdates(t *testing.T) {
	lines(t, "updates.txt", func(t *testing.T, text, want string) {
		t.Helper()
		before := testItem
		shown := Show(before)
		u, err := scope().Update(text)
		value := ""
		if err == nil {
			var after *Map
			if after, err = u.Apply(before); err == nil {
				value = difference(before, after)
			}
		}
		expect(t, want, result(value, err))
		expect(t, shown, Show(before))
	})
}

// difference lists what of b is not as in a; a name alone is gone.
func difference(a, b *Map) string {
	var parts []string
	for name, v := range a.All() {
		if w, ok := b.Get(name); !ok {
			parts = append(parts, name)
		} else if !Equal(v, w) {
			parts = append(parts, name+"="+Show(w))
		}
	}
	for name, w := range b.All() {
		if _, ok := a.Get(name); !ok {
			parts = append(parts, name+"="+Show(w))
		}
	}
	return strings.Join(parts, " ")
}

func TestProjections(t *testing.T) {
	lines(t, "projections.txt", func(t *testing.T, text, want string) {
		t.Helper()
		p, err := scope().Projection(text)
		value := ""
		if err == nil {
			value = difference(&Map{}, p.Of(testItem))
		}
		expect(t, want, result(value, err))
	})
}

func TestKeyConditions(t *testing.T) {
	lines(t, "keys.txt", func(t *testing.T, text, want string) {
		t.Helper()
		k, err := scope().KeyCondition(text)
		var parts []string
		if err == nil {
			var tests []KeyTest
			tests, err = k.Tests()
			for _, x := range tests {
				part := x.Attribute + " " + x.Op
				for _, v := range x.Values {
					part += " " + Show(v)
				}
				parts = append(parts, part)
			}
		}
		got := "! "
		if err == nil {
			got = strings.Join(parts, "; ")
		} else {
			got += err.Error()
		}
		expect(t, want, got)
	})
}

func TestUnused(t *testing.T) {
	s := NewScope(map[string]string{"#b": "b", "#a": "a", "#c": "c"}, map[string]Value{":x": Number("1"), ":y": Number("1")})
	if _, err := s.Condition("ConditionExpression", "#c = :x"); err != nil {
		t.Fatal(err)
	}
	expect(t, "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a, #b}", s.Unused().Error())
	if _, err := s.Projection("#a, #b"); err != nil {
		t.Fatal(err)
	}
	expect(t, "Value provided in ExpressionAttributeValues unused in expressions: keys: {:y}", s.Unused().Error())
}

// FuzzParse checks that what is read prints as something that reads back the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"a = :v AND (b > c OR NOT attribute_exists(d[3].#e))", "SET a = if_not_exists(a, :z) + :n, b[1] = list_append(:l, b) REMOVE c ADD d :n DELETE e :s",
		"a, b.c[0], #d", "a BETWEEN :x AND :y", "a IN (:x, size(b))", "((", "a..b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if tree, err := parseCondition(text); err == nil {
			again, err := parseCondition(tree.String())
			if err != nil || again.String() != tree.String() {
				t.Errorf("%q printed as %q reads as %v, %v", text, tree, again, err)
			}
		}
		if sections, err := parseUpdate(text); err == nil {
			printed := ""
			for _, s := range sections {
				printed += s.String() + " "
			}
			again, err := parseUpdate(printed)
			if err != nil || len(again) != len(sections) || again[0].String() != sections[0].String() {
				t.Errorf("%q printed as %q reads as %v, %v", text, printed, again, err)
			}
		}
		_, _ = parseProjection(text)
	})
}
