package awswire

// This file defines the checks that AWS makes of single members before an
// operation sees them, from `check` tags:
//
//	required        the member is there (pointers, slices, maps and strings: not nil or empty)
//	min= max=       length of a string, slice or map; value of a number
//	enum=A|B        one of these words
//	pattern=RE      the whole string matches; stands last, may contain commas
//
// All faults of a request are reported at once, in AWS's words.

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// check returns a ValidationException for what is wrong with in, or nil.
func check(in any) error {
	var faults []string
	checkStruct(reflect.ValueOf(in).Elem(), "", &faults)
	if len(faults) == 0 {
		return nil
	}
	plural := ""
	if len(faults) > 1 {
		plural = "s"
	}
	return Errorf("ValidationException", "%d validation error%s detected: %s", len(faults), plural, strings.Join(faults, "; "))
}

type rules struct {
	required         bool
	min, max         *int64
	enum             []string
	pattern          *regexp.Regexp
	patternText, raw string
}

type member struct {
	index []int
	name  string // as error texts spell it: first letter lower
	rules *rules
}

var memberCache sync.Map // reflect.Type -> []member

func membersOf(t reflect.Type) []member {
	if m, ok := memberCache.Load(t); ok {
		return m.([]member)
	}
	var members []member
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct { // its members are this one's
			for _, m := range membersOf(f.Type) {
				m.index = append([]int{i}, m.index...)
				members = append(members, m)
			}
			continue
		}
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		members = append(members, member{index: []int{i}, name: lowerFirst(name), rules: parseRules(f.Tag.Get("check"))})
	}
	memberCache.Store(t, members)
	return members
}

func parseRules(tag string) *rules {
	if tag == "" {
		return nil
	}
	r := &rules{raw: tag}
	for tag != "" {
		if text, ok := strings.CutPrefix(tag, "pattern="); ok {
			r.patternText, r.pattern = text, regexp.MustCompile("^(?:"+text+")$")
			break
		}
		var rule string
		rule, tag, _ = strings.Cut(tag, ",")
		key, value, _ := strings.Cut(rule, "=")
		switch key {
		case "required":
			r.required = true
		case "min", "max":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				panic("awswire: check tag " + r.raw)
			}
			if key == "min" {
				r.min = &n
			} else {
				r.max = &n
			}
		case "enum":
			r.enum = strings.Split(value, "|")
		default:
			panic("awswire: check tag " + r.raw)
		}
	}
	return r
}

func checkStruct(v reflect.Value, path string, faults *[]string) {
	for _, m := range membersOf(v.Type()) {
		checkValue(v.FieldByIndex(m.index), path+m.name, m.rules, faults)
	}
}

func checkValue(v reflect.Value, path string, r *rules, faults *[]string) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			checkAbsent(path, r, faults)
			return
		}
		v = v.Elem()
		switch { // what a pointer leads to was given, be it empty or zero
		case r != nil && v.Kind() == reflect.String:
			checkString(v.String(), path, r, faults)
			return
		case r != nil && v.CanInt():
			bounds(v.Int(), path, fmt.Sprintf("'%d'", v.Int()), "value", r, faults)
			return
		}
	}
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		if v.IsNil() {
			checkAbsent(path, r, faults)
			return
		}
		checkLength(v, path, r, faults)
		checkElements(v, path, faults)
	case reflect.String:
		if v.Len() == 0 && (r == nil || r.required) {
			checkAbsent(path, r, faults)
			return
		}
		if r != nil && v.Len() > 0 {
			checkString(v.String(), path, r, faults)
		}
	case reflect.Struct:
		if v.Type() != reflect.TypeFor[Time]() {
			checkStruct(v, path+".", faults)
		}
	case reflect.Int, reflect.Int32, reflect.Int64:
		checkNumber(v.Int(), path, r, faults)
	}
}

func checkElements(v reflect.Value, path string, faults *[]string) {
	if v.Kind() != reflect.Slice {
		return
	}
	elem := v.Type().Elem()
	for elem.Kind() == reflect.Pointer {
		elem = elem.Elem()
	}
	if elem.Kind() != reflect.Struct {
		return
	}
	for i := range v.Len() {
		checkValue(v.Index(i), fmt.Sprintf("%s.%d.member", path, i+1), nil, faults)
	}
}

func checkAbsent(path string, r *rules, faults *[]string) {
	if r != nil && r.required {
		*faults = append(*faults, fmt.Sprintf("Value null at '%s' failed to satisfy constraint: Member must not be null", path))
	}
}

func checkLength(v reflect.Value, path string, r *rules, faults *[]string) {
	if r == nil {
		return
	}
	shown := "''"
	if v.Len() > 0 || v.Kind() == reflect.Slice {
		shown = "'[]'"
	}
	bounds(int64(v.Len()), path, shown, "length", r, faults)
}

func checkString(s, path string, r *rules, faults *[]string) {
	bounds(int64(utf8.RuneCountInString(s)), path, "'"+s+"'", "length", r, faults)
	fail := func(constraint string) {
		*faults = append(*faults, fmt.Sprintf("Value '%s' at '%s' failed to satisfy constraint: %s", s, path, constraint))
	}
	if r.pattern != nil && !r.pattern.MatchString(s) {
		fail("Member must satisfy regular expression pattern: " + r.patternText)
	}
	if r.enum != nil && !contains(r.enum, s) {
		fail("Member must satisfy enum value set: [" + strings.Join(r.enum, ", ") + "]")
	}
}

func checkNumber(n int64, path string, r *rules, faults *[]string) {
	if r != nil && (n != 0 || r.required) {
		bounds(n, path, fmt.Sprintf("'%d'", n), "value", r, faults)
	}
}

func bounds(n int64, path, shown, what string, r *rules, faults *[]string) {
	fail := func(relation string, bound int64) {
		*faults = append(*faults, fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: Member must have %s %s than or equal to %d", shown, path, what, relation, bound))
	}
	if r.min != nil && n < *r.min {
		fail("greater", *r.min)
	}
	if r.max != nil && n > *r.max {
		fail("less", *r.max)
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
