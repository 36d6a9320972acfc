package awswire

// This file defines the query protocol: forms in, XML out.
// https://smithy.io/2.0/aws/protocols/aws-query-protocol.html

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"sort"
	"strconv"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

func (c *call) form() (url.Values, error) {
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return nil, Errorf("MalformedQueryString", "the form in the request's body is malformed: %v", err)
	}
	for name, values := range c.request.URL.Query() {
		form[name] = append(form[name], values...)
	}
	return form, nil
}

// maxPath bounds how deep a form's field may lie: reading is recursive, a stack
// that overflows ends the process, and no input of AWS comes near.
const maxPath = 64

type queryCodec struct{}

func (queryCodec) decode(c *call, in any) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	tree := newNode()
	for name, values := range form {
		if strings.Count(name, ".") > maxPath {
			return Errorf("MalformedQueryString", "the field %.60s... of the form lies more than %d deep", name, maxPath)
		}
		if name != "Action" && name != "Version" {
			tree.put(strings.Split(name, "."), values[0])
		}
	}
	return unmarshal(jsonvalue.Append(nil, tree.value(reflect.TypeOf(in).Elem())), in, false)
}

// node is a form's tree of dotted names.
type node struct {
	text     string
	children map[string]*node
}

func newNode() *node { return &node{children: map[string]*node{}} }

func (n *node) put(path []string, text string) {
	if len(path) == 0 {
		n.text = text
		return
	}
	child := n.children[path[0]]
	if child == nil {
		child = newNode()
		n.children[path[0]] = child
	}
	child.put(path[1:], text)
}

// value gives the tree the shape of t: forms do not tell 1 from "1", or a list
// from a map.
func (n *node) value(t reflect.Type) jsonvalue.Value {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[Time]():
		return n.text
	case t.Kind() == reflect.Struct:
		var b jsonvalue.Builder
		types := jsonFields(t)
		for name, child := range n.children {
			if ft, ok := types[name]; ok {
				b.Set(name, child.value(ft))
			}
		}
		return b.Object()
	case t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8:
		return n.list(t.Elem())
	case t.Kind() == reflect.Map:
		return n.entries(t.Elem())
	case t.Kind() == reflect.Bool:
		return n.text == "true"
	case t.Kind() == reflect.Int, t.Kind() == reflect.Int32, t.Kind() == reflect.Int64, t.Kind() == reflect.Float64:
		if _, err := strconv.ParseFloat(n.text, 64); err == nil {
			return jsonvalue.Number(n.text)
		}
	}
	return n.text
}

// list reads X.member.1, X.1 and X.entry.1.
func (n *node) list(elem reflect.Type) jsonvalue.Value {
	items := []any{}
	for _, child := range n.flat("member").ordered() {
		items = append(items, child.value(elem))
	}
	return items
}

// entries reads X.entry.1.key, X.entry.1.value, and Name/Value pairs.
func (n *node) entries(elem reflect.Type) jsonvalue.Value {
	var b jsonvalue.Builder
	for _, child := range n.flat("entry").ordered() {
		key, value := child.children["key"], child.children["value"]
		if key == nil {
			key, value = child.children["Name"], child.children["Value"]
		}
		if key != nil && value != nil {
			b.Set(key.text, value.value(elem))
		}
	}
	return b.Object()
}

func (n *node) flat(wrapper string) *node {
	if child, ok := n.children[wrapper]; ok {
		return child
	}
	return n
}

func (n *node) ordered() []*node {
	names := make([]string, 0, len(n.children))
	for name := range n.children {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		a, _ := strconv.Atoi(names[i])
		b, _ := strconv.Atoi(names[j])
		return a < b
	})
	nodes := make([]*node, len(names))
	for i, name := range names {
		nodes[i] = n.children[name]
	}
	return nodes
}

func (queryCodec) encode(c *call, w http.ResponseWriter, out any) error {
	var b strings.Builder
	fmt.Fprintf(&b, "<%sResponse xmlns=%q><%sResult>", c.op.Name, c.service.Namespace, c.op.Name)
	writeXML(&b, reflect.ValueOf(out))
	fmt.Fprintf(&b, "</%sResult><ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata></%sResponse>", c.op.Name, RequestIDFrom(c.request.Context()), c.op.Name)
	w.Header().Set("Content-Type", "text/xml")
	_, err := w.Write([]byte(b.String()))
	return ignoreWrite(err)
}

func writeXML(b *strings.Builder, v reflect.Value) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	if t, ok := v.Interface().(Time); ok {
		b.WriteString(t.UTC().Format("2006-01-02T15:04:05.000Z"))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		writeXMLStruct(b, v)
	case reflect.Slice:
		for i := range v.Len() {
			b.WriteString("<member>")
			writeXML(b, v.Index(i))
			b.WriteString("</member>")
		}
	case reflect.Map:
		for _, key := range sortedKeys(v) {
			b.WriteString("<entry><key>" + escapeXML(key.String()) + "</key><value>")
			writeXML(b, v.MapIndex(key))
			b.WriteString("</value></entry>")
		}
	default:
		b.WriteString(escapeXML(fmt.Sprint(v.Interface())))
	}
}

func writeXMLStruct(b *strings.Builder, v reflect.Value) {
	for _, f := range presentFields(v) {
		b.WriteString("<" + f.name + ">")
		writeXML(b, f.value)
		b.WriteString("</" + f.name + ">")
	}
}

// presentField is a member of an output that is there.
type presentField struct {
	name  string
	value reflect.Value
}

// presentFields lists the members to write: embedded structs' among their own,
// absent ones left out where the json tag says so.
func presentFields(v reflect.Value) []presentField {
	var fields []presentField
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			if inner := reflect.Indirect(v.Field(i)); inner.IsValid() {
				fields = append(fields, presentFields(inner)...)
			}
		case name == "-" || strings.Contains(options, "omit") && v.Field(i).IsZero():
		case name == "":
			fields = append(fields, presentField{f.Name, v.Field(i)})
		default:
			fields = append(fields, presentField{name, v.Field(i)})
		}
	}
	return fields
}

func sortedKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
	return keys
}

func escapeXML(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

func (queryCodec) fail(c *call, w http.ResponseWriter, e *Error) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(e.Status)
	_, _ = fmt.Fprintf(w, "<ErrorResponse xmlns=%q><Error><Type>%s</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>%s</RequestId></ErrorResponse>",
		c.service.Namespace, faultOf(e), escapeXML(queryErrorCode(e)), escapeXML(e.Message), RequestIDFrom(c.request.Context()))
}

// queryErrorCode is the code as the query protocol spells it: services that once
// spoke it keep the old spelling in X-Amzn-Query-Error
// (https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#aws-protocols-awsquerycompatible-trait).
func queryErrorCode(e *Error) string { return firstOf(e.QueryCode, e.Code) }
