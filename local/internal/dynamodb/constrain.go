package dynamodb

// This file defines the constraints of single members that AWS checks before
// anything else, from `aws` tags of the shapes:
//
//	required       the member is there
//	min= max=      length of a string, list or map; value of a number
//	enum=A|B       one of these words, listed as AWS lists them
//	name           a table's or index's name, three characters at least, or an ARN
//	table          a table's name in an operation on items: there AWS looks only
//	               that it is not empty
//	namekeys       a map's keys are such names
//	elements=1-25  length of a map's lists
//
// Faults are reported in the order of the fields, which is AWS's order as far as
// it is recorded, ten at the most.

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const maxFaults = 10

// maxARN is the length of the longest ARN.
const maxARN = 1024

const namePattern = "[a-zA-Z0-9_.-]+"

type rules struct {
	required, nameKeys       bool
	least                    int64 // length of a name; 0: it is none
	min, max                 int64 // < 0: none
	minElements, maxElements int
	enum                     []string
}

// constrained is one field of a shape.
type constrained struct {
	name  string // as faults spell it
	rules *rules
}

var constrainedFields sync.Map // reflect.Type -> []constrained, by field

// constrainedOf takes a shape's tags apart, once: it is asked for every request.
func constrainedOf(t reflect.Type) []constrained {
	if known, ok := constrainedFields.Load(t); ok {
		return known.([]constrained)
	}
	fields := make([]constrained, t.NumField())
	for i := range fields {
		name := t.Field(i).Name
		fields[i] = constrained{name: strings.ToLower(name[:1]) + name[1:], rules: parseRules(t.Field(i).Tag.Get("aws"))}
	}
	constrainedFields.Store(t, fields)
	return fields
}

func parseRules(tag string) *rules {
	r := &rules{max: -1, min: -1}
	for rule := range strings.SplitSeq(tag, ",") {
		key, value, _ := strings.Cut(rule, "=")
		n, _ := strconv.ParseInt(value, 10, 64)
		switch key {
		case "required":
			r.required = true
		case "name":
			r.least = 3
		case "table":
			r.least = 1
		case "namekeys":
			r.nameKeys = true
		case "min":
			r.min = n
		case "max":
			r.max = n
		case "enum":
			r.enum = strings.Split(value, "|")
		case "elements":
			lo, hi, _ := strings.Cut(value, "-")
			r.minElements, _ = strconv.Atoi(lo)
			r.maxElements, _ = strconv.Atoi(hi)
		}
	}
	return r
}

type constraints struct{ faults []string }

func constrain(in any) error {
	var c constraints
	c.structure(reflect.ValueOf(in).Elem(), "")
	if len(c.faults) == 0 {
		return nil
	}
	faults, plural := c.faults[:min(len(c.faults), maxFaults)], ""
	if len(faults) > 1 {
		plural = "s"
	}
	return invalid("%d validation error%s detected: %s", len(faults), plural, strings.Join(faults, "; "))
}

func (c *constraints) fail(v reflect.Value, path, constraint string) {
	shown := "null"
	if v.IsValid() {
		shown = "'" + showInput(v, true) + "'"
	}
	c.faults = append(c.faults, fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", shown, path, constraint))
}

func (c *constraints) structure(v reflect.Value, path string) {
	for i, f := range constrainedOf(v.Type()) {
		if member := v.Field(i); !absent(member) || f.rules.required {
			c.member(member, path+f.name, f.rules)
		}
	}
}

func (c *constraints) member(v reflect.Value, path string, r *rules) {
	if absent(v) {
		if r.required {
			c.fail(reflect.Value{}, path, "Member must not be null")
		}
		return
	}
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.String:
		c.text(v, path, r)
	case reflect.Int64, reflect.Int32:
		c.bounds(v, v.Int(), path, "value", r)
	case reflect.Slice:
		c.list(v, path, r)
	case reflect.Struct:
		c.inner(v, path)
	}
}

// absent reports whether a member was not given. Shapes that are stored too have
// plain strings, for which empty is absent.
func absent(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice:
		return v.IsNil()
	case reflect.String:
		return v.Len() == 0
	}
	return false
}

var (
	itemType      = reflect.TypeFor[item]()
	attributeType = reflect.TypeFor[attribute]()
	timeType      = reflect.TypeFor[time.Time]()
)

// inner checks a structure; items, attributes and times are checked elsewhere.
func (c *constraints) inner(v reflect.Value, path string) {
	switch v.Type() {
	case itemType, attributeType, timeType:
	default:
		c.structure(v, path+".")
	}
}

func (c *constraints) bounds(v reflect.Value, n int64, path, what string, r *rules) {
	if r.max >= 0 && n > r.max {
		c.fail(v, path, fmt.Sprintf("Member must have %s less than or equal to %d", what, r.max))
	}
	if r.min >= 0 && n < r.min {
		c.fail(v, path, fmt.Sprintf("Member must have %s greater than or equal to %d", what, r.min))
	}
}

func isName(s string) bool {
	return s != "" && strings.IndexFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '.' && c != '-'
	}) < 0
}

func (c *constraints) text(v reflect.Value, path string, r *rules) {
	s := v.String()
	n := int64(utf8.RuneCountInString(s))
	if r.least > 0 && (!strings.HasPrefix(s, "arn:") || n > maxARN) {
		if !isName(s) && (s != "" || r.least > 1) {
			c.fail(v, path, "Member must satisfy regular expression pattern: "+namePattern)
		}
		c.bounds(v, n, path, "length", &rules{min: r.least, max: 255})
	}
	c.bounds(v, n, path, "length", r)
	if r.enum != nil && !containsWord(r.enum, s) {
		c.fail(v, path, "Member must satisfy enum value set: ["+strings.Join(r.enum, ", ")+"]")
	}
}

func containsWord(words []string, s string) bool {
	for _, w := range words {
		if w == s {
			return true
		}
	}
	return false
}

func (c *constraints) list(v reflect.Value, path string, r *rules) {
	c.bounds(v, int64(v.Len()), path, "length", r)
	keys, isMap := mapKeys(v)
	if isMap {
		c.mapping(v, keys, path, r)
	}
	for i := range v.Len() {
		if isMap {
			c.member(v.Index(i).Field(1), path+"."+keys[i]+".member", &rules{min: -1, max: -1})
		} else {
			c.member(v.Index(i), fmt.Sprintf("%s.%d.member", path, i+1), &rules{min: -1, max: -1})
		}
	}
}

// mapKeys returns the names of entries; ok is false for a list.
func mapKeys(v reflect.Value) (keys []string, ok bool) {
	if _, ok := v.Addr().Interface().(selfDecoder); !ok {
		return nil, false
	}
	for i := range v.Len() {
		keys = append(keys, v.Index(i).Field(0).String())
	}
	return keys, true
}

func (c *constraints) mapping(v reflect.Value, keys []string, path string, r *rules) {
	for i, key := range keys {
		if r.nameKeys && !strings.HasPrefix(key, "arn:") && (!isName(key) || len(key) < 3 || len(key) > 255) {
			c.fail(v, path, "Map keys must satisfy constraint: [Member must have length less than or equal to 255, Member must have length greater than or equal to 3, Member must satisfy regular expression pattern: "+namePattern+"]")
		}
		if r.maxElements == 0 {
			continue
		}
		if n := v.Index(i).Field(1).Len(); n < r.minElements || n > r.maxElements {
			c.fail(v, path, fmt.Sprintf("Map value must satisfy constraint: [Member must have length less than or equal to %d, Member must have length greater than or equal to %d]", r.maxElements, r.minElements))
		}
	}
}

// showInput prints what was given, for errors: lists and structures roughly as
// they came.
func showInput(v reflect.Value, outermost bool) string {
	switch v.Kind() {
	case reflect.Pointer:
		return showInput(v.Elem(), outermost)
	case reflect.String:
		if outermost {
			return v.String()
		}
		return strconv.Quote(v.String())
	case reflect.Int64, reflect.Int32:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Slice:
		return showList(v, outermost)
	case reflect.Struct:
		return showStructure(v)
	}
	return v.String()
}

func showList(v reflect.Value, outermost bool) string {
	keys, isMap := mapKeys(v)
	var parts []string
	for i := range v.Len() {
		if isMap {
			parts = append(parts, strconv.Quote(keys[i])+":"+showInput(v.Index(i).Field(1), false))
		} else {
			parts = append(parts, showInput(v.Index(i), false))
		}
	}
	comma := ","
	if outermost {
		comma = ", "
	}
	if isMap {
		return "{" + strings.Join(parts, comma) + "}"
	}
	return "[" + strings.Join(parts, comma) + "]"
}

func showStructure(v reflect.Value) string {
	if i, ok := v.Interface().(item); ok {
		return showItem(i)
	}
	var parts []string
	for i := range v.NumField() {
		if f := v.Field(i); !f.IsZero() {
			parts = append(parts, strconv.Quote(v.Type().Field(i).Name)+":"+showInput(f, false))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}
