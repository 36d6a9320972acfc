package stack

// This file defines the values of bad input: what is plausible for a member by its
// type and name, and what is wrong.

import (
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// deepest is how far members of members are followed.
const deepest = 4

// plausible gives every member a plausible value.
func plausible(v reflect.Value, name string, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if depth < deepest {
			v.Set(reflect.New(v.Type().Elem()))
			plausible(v.Elem(), name, depth)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Now().Add(time.Hour)))
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				plausible(v.Field(i), f.Name, depth+1)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		plausible(v.Index(0), strings.TrimSuffix(name, "s"), depth)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		elem := reflect.New(v.Type().Elem()).Elem()
		plausible(elem, name, depth)
		v.SetMapIndex(reflect.ValueOf("k").Convert(v.Type().Key()), elem)
	case reflect.Interface:
		switch v.Type() {
		case reflect.TypeFor[ddb.AttributeValue]():
			v.Set(reflect.ValueOf(&ddb.AttributeValueMemberS{Value: "k"}))
		case reflect.TypeFor[io.Reader]():
			v.Set(reflect.ValueOf(strings.NewReader("body")))
		}
	default:
		plausibleScalar(v, name)
	}
}

func plausibleScalar(v reflect.Value, name string) {
	switch {
	case v.CanInt():
		v.SetInt(1)
	case v.CanUint():
		v.SetUint('x')
	case v.CanFloat():
		v.SetFloat(1)
	case v.Kind() == reflect.String:
		v.SetString(word(v, name))
	}
}

// word is a plausible text: a word of the enumeration, or what the name says.
func word(v reflect.Value, name string) string {
	if values := v.MethodByName("Values"); values.IsValid() {
		if all := values.Call(nil)[0]; all.Len() > 0 {
			return all.Index(0).String()
		}
	}
	switch lower := strings.ToLower(name); {
	case strings.HasSuffix(lower, "url"):
		return "https://sqs.us-east-1.amazonaws.com/123456789012/name"
	case strings.Contains(lower, "definition"):
		return `{"StartAt":"S","States":{"S":{"Type":"Succeed"}}}`
	case strings.HasSuffix(lower, "rolearn"), lower == "role":
		return "arn:aws:iam::123456789012:role/name"
	case strings.HasSuffix(lower, "arn"):
		return "arn:aws:states:us-east-1:123456789012:stateMachine:name"
	case strings.HasSuffix(lower, "scheduleexpression"):
		return "rate(1 hour)"
	case slices.ContainsFunc([]string{"pattern", "policy", "document", "input", "output", "detail"}, func(s string) bool { return strings.HasSuffix(lower, s) }):
		return `{"source":["x"]}`
	}
	return "name"
}

// paths lists the ways to the members: fields' indices, with -1 for what a
// pointer, a list or an interface holds.
func paths(v reflect.Value, path []int) (all [][]int) {
	switch {
	case len(path) > 0 && v.Kind() != reflect.Struct:
		all = append(all, path)
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() && v.Elem().Kind() == reflect.Struct {
			all = append(all, paths(v.Elem(), append(slices.Clip(path), -1))...)
		}
	case reflect.Slice:
		if v.Len() > 0 && v.Type().Elem().Kind() != reflect.Uint8 {
			all = append(all, paths(v.Index(0), append(slices.Clip(path), -1))...)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return all
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Type().Field(i).Name != "ResultMetadata" {
				all = append(all, paths(v.Field(i), append(slices.Clip(path), i))...)
			}
		}
	}
	return all
}

func at(v reflect.Value, path []int) reflect.Value {
	for _, i := range path {
		switch {
		case i >= 0:
			v = v.Field(i)
		case v.Kind() == reflect.Slice:
			v = v.Index(0)
		default:
			v = v.Elem()
		}
	}
	return v
}

func nameOf(t reflect.Type, path []int) string {
	var names []string
	for _, i := range path {
		if i < 0 {
			t = t.Elem()
			continue
		}
		names = append(names, t.Field(i).Name)
		t = t.Field(i).Type
	}
	return strings.Join(names, ".")
}

// spoil is one way to make a member wrong.
type spoil struct {
	what  string
	value func() reflect.Value
}

// spoilt lists what is wrong, or at a limit, for a member.
func spoilt(v reflect.Value) []spoil {
	t := v.Type()
	out := []spoil{{"left out", func() reflect.Value { return reflect.Zero(t) }}}
	inner := t
	if t.Kind() == reflect.Pointer {
		inner = t.Elem()
	}
	add := func(what string, x any) {
		out = append(out, spoil{what, func() reflect.Value {
			value := reflect.ValueOf(x).Convert(inner)
			if t.Kind() != reflect.Pointer {
				return value
			}
			p := reflect.New(inner)
			p.Elem().Set(value)
			return p
		}})
	}
	switch inner.Kind() {
	case reflect.String:
		for _, text := range texts {
			add(fmt.Sprintf("%.40q of %d bytes", text, len(text)), text)
		}
	case reflect.Int32, reflect.Int64:
		for _, n := range []int64{-1, 0, 1<<31 - 1, -1 << 31} {
			add(strconv.FormatInt(n, 10), n)
		}
	case reflect.Float64:
		for _, x := range []float64{-1, 0, 1e300} {
			add(fmt.Sprint(x), x)
		}
	case reflect.Slice:
		out = append(out, spoil{"empty", func() reflect.Value { return reflect.MakeSlice(t, 0, 0) }}, spoil{"1100 times", func() reflect.Value { return listOf1100(v) }})
	case reflect.Map:
		out = append(out, spoil{"empty", func() reflect.Value { return reflect.MakeMap(t) }}, spoil{"of 1100", func() reflect.Value { return mapOf1100(v) }})
	}
	return out
}

func listOf1100(v reflect.Value) reflect.Value {
	many := reflect.MakeSlice(v.Type(), 1100, 1100)
	for i := range many.Len() {
		many.Index(i).Set(v.Index(0))
	}
	return many
}

func mapOf1100(v reflect.Value) reflect.Value {
	many := reflect.MakeMap(v.Type())
	for i := range 1100 {
		many.SetMapIndex(reflect.ValueOf(fmt.Sprint("k", i)).Convert(v.Type().Key()), v.MapIndex(v.MapKeys()[0]))
	}
	return many
}

var texts = []string{"", strings.Repeat("x", 300_000), "é😀\u2028", "a\x00\x1b\nb", "arn:aws:::::::", "arn:aws:sqs", "../../../etc/passwd", "{", "#a = :b AND (", "${x}", "%zz%"}

// known tells whether a service reads the member that path leads to: as on AWS,
// what it does not know it does not look at.
func known(t reflect.Type, path []string) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case len(path) == 0:
		return t.Kind() != reflect.Interface && t.Kind() != reflect.Struct || t.NumMethod() == 0
	case t.Kind() == reflect.Slice:
		return known(t.Elem(), path[1:])
	case t.Kind() != reflect.Struct:
		return false
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == path[0] && f.Tag.Get("http") == "" {
			return known(f.Type, path[1:])
		}
		if f.Anonymous && name == "" && known(f.Type, path) {
			return true
		}
	}
	return false
}

// leaves lists the ways to the values of a body of JSON.
func leaves(v any, path []string) (all [][]string) {
	if len(path) > 0 {
		all = append(all, path)
	}
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			all = append(all, leaves(v[name], append(slices.Clip(path), name))...)
		}
	case []any:
		for i, x := range v {
			all = append(all, leaves(x, append(slices.Clip(path), strconv.Itoa(i)))...)
		}
	}
	return all
}

// replaced is v with other in the place of what path leads to, and whether that
// is of another type.
func replaced(v any, path []string, other any) (any, bool) {
	if len(path) == 0 {
		return other, kindOf(v) != kindOf(other)
	}
	switch v := v.(type) {
	case map[string]any:
		changed := maps.Clone(v)
		x, ok := replaced(v[path[0]], path[1:], other)
		changed[path[0]] = x
		return changed, ok
	case []any:
		i, _ := strconv.Atoi(path[0])
		changed := slices.Clone(v)
		x, ok := replaced(v[i], path[1:], other)
		changed[i] = x
		return changed, ok
	}
	return v, false
}

func kindOf(v any) string {
	switch v.(type) {
	case map[string]any:
		return "a structure"
	case []any:
		return "a list"
	case string:
		return "text"
	case bool:
		return "a boolean"
	}
	return "a number"
}
