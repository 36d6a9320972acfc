package s3

// This file defines the strictness of XML input: S3 validates documents against
// its schema, and an element that is silently ignored is a setting that does not
// hold.

import (
	"bytes"
	"encoding/xml"
	"reflect"
	"strings"
)

// known checks that every element below the root is a field of t.
func known(text []byte, t reflect.Type) error {
	dec := xml.NewDecoder(bytes.NewReader(text))
	stack := []reflect.Type{}
	for {
		token, err := dec.Token()
		if token == nil {
			return nil
		}
		if err != nil {
			return errXML()
		}
		switch x := token.(type) {
		case xml.StartElement:
			next := t
			if len(stack) > 0 {
				next = elementType(stack[len(stack)-1], x.Name.Local)
			}
			if next == nil {
				return errXML()
			}
			stack = append(stack, structOf(next))
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		}
	}
}

// structOf looks through pointers and slices.
func structOf(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t
}

// elementType is the type of the field that an element named name fills; nil if
// there is none.
func elementType(t reflect.Type, name string) reflect.Type {
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[moment]() {
		return nil
	}
	for i := range t.NumField() {
		f := t.Field(i)
		tagged, _, _ := strings.Cut(f.Tag.Get("xml"), ",")
		if f.Anonymous && tagged == "" {
			if inner := elementType(structOf(f.Type), name); inner != nil {
				return inner
			}
			continue
		}
		path := strings.Split(tagged, ">")
		if path[0] != name {
			continue
		}
		if len(path) == 1 {
			return f.Type
		}
		// a>b: a struct that has b alone
		return reflect.StructOf([]reflect.StructField{{Name: "X", Type: f.Type, Tag: reflect.StructTag(`xml:"` + path[1] + `"`)}})
	}
	return nil
}
