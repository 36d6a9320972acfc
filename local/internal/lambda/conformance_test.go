package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/conformance"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// recording is a transcript of calls, some of them with the answer that AWS gave.
type recording struct {
	ID         string
	Provenance string
	Calls      []recordedRequest
	Pairs      []struct {
		N        int
		Raised   bool
		Recorded json.RawMessage
	}
}

type recordedRequest struct {
	N           int
	Service, Op string
	Params      json.RawMessage
}

// demanded is the agreement with the recordings, in percent. What is left: AWS
// takes a moment to create and update a function and refuses changes meanwhile;
// here it is ready at once.
const demanded = 97

// TestRecordedAnswers plays what was recorded of AWS, with a program of this
// machine in the place of Python functions, and compares the answers. Rows with
// operations that are not offered are left out.
func TestRecordedAnswers(t *testing.T) {
	tally := &conformance.Tally{Name: "lambda API"}
	r := &replay{sources: newSources(t)}
	defer r.clock.Hold()() // mappings do not get to invoke
	for row := range conformance.Rows[recording](t, "api_lambda_.jsonl") {
		if row.Provenance == "aws" && row.offered() {
			r.play(row, tally)
			r.clear()
		}
	}
	tally.Demand(t, demanded)
}

// notOffered are parts of operations' and parameters' names.
var notOffered = []string{"layer", "Layer", "_url", "code_signing", "provisioned", "recursion", "Kinesis", "kinesis", "self_managed", "vpc", "Vpc", "capacity_provider", "SnapStart", "image", "Java", "java", "large_environment"}

func (r recording) offered() bool {
	text := r.ID
	for _, c := range r.Calls {
		text += " " + c.Op
		if strings.Contains(string(c.Params), `"__object__"`) { // what was sent is not known
			return false
		}
	}
	return len(r.Pairs) > 0 && !slices.ContainsFunc(notOffered, func(part string) bool { return strings.Contains(text, part) })
}

// replay plays one transcript.
type replay struct {
	*sources
	answers map[int]jsonvalue.Value
	errors  map[int]error
}

// clear forgets everything, for the next transcript.
func (r *replay) clear() {
	for _, id := range r.keys(bucketMapping) {
		r.service.pollers.stop(id)
	}
	for _, name := range r.keys(bucketFunction) {
		r.service.environments.Retire(name, "")
		defer r.service.forget(name)
	}
	err := r.store.Update(func(tx *store.Tx) error {
		for _, bucket := range []string{bucketFunction, bucketVersion, bucketAlias, bucketAsyncConfig, bucketAsync, bucketMapping, bucketPosition} {
			for key := range tx.Scan(bucket, "", "") {
				tx.Delete(bucket, key)
			}
		}
		return nil
	})
	if err != nil {
		r.Fatal(err)
	}
}

func (r *replay) play(row recording, tally *conformance.Tally) {
	r.answers, r.errors = map[int]jsonvalue.Value{}, map[int]error{}
	for _, call := range row.Calls {
		r.answers[call.N], r.errors[call.N] = r.call(call)
	}
	for _, pair := range row.Pairs {
		i := slices.IndexFunc(row.Calls, func(c recordedRequest) bool { return c.N == pair.N })
		if i < 0 || !strings.HasPrefix(row.Calls[i].Service, "lambda") && row.Calls[i].Service != "get_client" {
			continue
		}
		if row.Calls[i].Op == "invoke" && !pair.Raised { // another program answers otherwise
			continue
		}
		recorded, err := jsonvalue.Parse(pair.Recorded)
		if err != nil {
			r.Fatal(err)
		}
		tally.Check(fmt.Sprintf("%s %d %s", row.ID[strings.LastIndex(row.ID, "::")+2:], pair.N, row.Calls[i].Op), r.compare(pair.N, pair.Raised, recorded))
	}
}

var wordStart = regexp.MustCompile(`(?:^|_)[a-z0-9]`)

// operation spells create_function as the API does.
func operation(op string) string {
	return wordStart.ReplaceAllStringFunc(op, func(s string) string { return strings.ToUpper(strings.TrimPrefix(s, "_")) })
}

var (
	reference = regexp.MustCompile(`^@@(\d+):(.+)@@$`)
	within    = regexp.MustCompile(`@@\d+:[^@]+@@`)
)

func (r *replay) call(c recordedRequest) (jsonvalue.Value, error) {
	text := strings.ReplaceAll(string(c.Params), "111111111111", account)
	v, err := jsonvalue.Parse([]byte(text))
	if err != nil {
		r.Fatal(err)
	}
	params, ok := r.resolve(v).(*jsonvalue.Object)
	if !ok {
		return nil, nil
	}
	service := map[string]string{"lambda": "lambda", "lambda_": "lambda", "get_client": "lambda", "sqs": "sqs", "dynamodb": "dynamodb"}[c.Service]
	if service == "" || c.Op == "receive_message" { // nothing to receive; it would wait on the wall
		return nil, nil
	}
	if service == "lambda" && (c.Op == "create_function" || c.Op == "update_function_code") {
		params = r.program(c, params)
	}
	if service == "dynamodb" && c.Op == "update_table" {
		_, _ = r.Call(context.Background(), awswire.Root(account), "dynamodb", "DeleteTable", jsonvalue.NewObject(member("TableName", textOf(params, "TableName"))))
		r.do("dynamodb", "CreateTable", jsonvalue.NewObject(member("TableName", textOf(params, "TableName")), member("BillingMode", "PAY_PER_REQUEST"),
			member("KeySchema", r.parse(`[{"AttributeName":"id","KeyType":"HASH"}]`)), member("AttributeDefinitions", r.parse(`[{"AttributeName":"id","AttributeType":"S"}]`))))
	}
	if service == "lambda" && c.Op == "create_event_source_mapping" {
		r.source(textOf(params, "EventSourceArn"))
	}
	return r.Call(context.Background(), awswire.Root(account), service, operation(c.Op), params)
}

// source makes the queue that a mapping is for, unless it is meant not to be there.
func (r *replay) source(arn string) {
	if strings.Contains(arn, ":sqs:") && !strings.Contains(arn, "not-existing") {
		_, _ = r.Call(context.Background(), awswire.Root(account), "sqs", "CreateQueue", jsonvalue.NewObject(member("QueueName", lastOf(arn)),
			member("Attributes", jsonvalue.NewObject(member("VisibilityTimeout", "60")))))
	}
}

// program puts a program in the place of a Python function, and the API's members
// in the place of the recorder's shorthands.
func (r *replay) program(c recordedRequest, in *jsonvalue.Object) *jsonvalue.Object {
	code := base64Text(zipOf(r.world, map[string][]byte{"bootstrap": []byte("#!/bin/sh\n# " + base64Text([]byte(textOf(in, "ZipFile"))) + "\n")}))
	if c.Op == "update_function_code" {
		return in.With("ZipFile", code)
	}
	var b jsonvalue.Builder
	b.Set("Role", role).Set("Handler", "bootstrap")
	if c.Service == "lambda" {
		b.Set("Timeout", jsonvalue.Int(30)).Set("Environment", r.parse(`{"Variables":{}}`))
	}
	for name, v := range in.All() {
		switch {
		case v == nil || name == "HandlerFile" || name == "layers":
		case name == "envvars":
			b.Set("Environment", jsonvalue.NewObject(member("Variables", v)))
		case name == "role":
			b.Set("Role", v)
		case name == "timeout":
			b.Set("Timeout", v)
		default:
			b.Set(name, v)
		}
	}
	if c.Service == "lambda" && in.Has("PackageType") || c.Service == "lambda" && !in.Has("HandlerFile") { // a call of the API itself
		b = *without(&b, in, "Timeout", "Environment")
	}
	if o := b.Object(); slices.Contains(knownRuntimes, textOf(o, "Runtime")) || !o.Has("Runtime") {
		return o.With("Runtime", "provided.al2023").With("Code", jsonvalue.NewObject(member("ZipFile", code)))
	}
	return b.Object().With("Code", jsonvalue.NewObject(member("ZipFile", code)))
}

// without drops defaults that the request does not set.
func without(b *jsonvalue.Builder, in *jsonvalue.Object, names ...string) *jsonvalue.Builder {
	o := b.Object()
	for _, name := range names {
		if !in.Has(name) {
			o = o.Without(name)
		}
	}
	var again jsonvalue.Builder
	for name, v := range o.All() {
		again.Set(name, v)
	}
	return &again
}

// resolve puts earlier answers in the place of references to them.
func (r *replay) resolve(v jsonvalue.Value) jsonvalue.Value {
	switch v := v.(type) {
	case string:
		m := reference.FindStringSubmatch(v)
		if m == nil {
			return within.ReplaceAllStringFunc(v, func(inner string) string {
				text, _ := r.resolve(inner).(string)
				return text
			})
		}
		var n int
		_, _ = fmt.Sscan(m[1], &n)
		return dig(r.answers[n], m[2])
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = r.resolve(x)
		}
		return out
	case *jsonvalue.Object:
		if b, ok := v.Get("__bytes_utf8__"); ok {
			text, _ := b.(string)
			return base64Text([]byte(text))
		}
		if b, ok := v.Get("__bytes_b64__"); ok {
			return b
		}
		var b jsonvalue.Builder
		for name, x := range v.All() {
			if key, ok := r.resolve(name).(string); ok {
				name = key
			}
			b.Set(name, r.resolve(x))
		}
		return b.Object()
	}
	return v
}

func dig(v jsonvalue.Value, path string) jsonvalue.Value {
	for _, name := range strings.FieldsFunc(path, func(c rune) bool { return strings.ContainsRune(".[]", c) }) {
		switch x := v.(type) {
		case *jsonvalue.Object:
			v, _ = x.Get(name)
		case []any:
			var i int
			if _, err := fmt.Sscan(name, &i); err != nil || i >= len(x) {
				return nil
			}
			v = x[i]
		}
	}
	return v
}

// compare returns the first difference between an answer and the recorded one.
func (r *replay) compare(n int, raised bool, recorded jsonvalue.Value) string {
	err := r.errors[n]
	if raised {
		e := objectAt(recorded, "Error")
		if err == nil {
			return "succeeded, want " + textOf(e, "Code") + ": " + textOf(e, "Message")
		}
		if awswire.CodeOf(err) != textOf(e, "Code") || !like(textOf(e, "Message"), messageOf(err)) {
			return fmt.Sprintf("%v\n        want %s: %s", err, textOf(e, "Code"), textOf(e, "Message"))
		}
		return ""
	}
	if err != nil {
		return err.Error()
	}
	if made := objectAt(recorded, "CreateFunctionResponse"); made != nil {
		recorded = made
	}
	return differs(r.answers[n], recorded, "")
}

// ignored are members that another program, or the protocol, makes different.
var ignored = []string{"ResponseMetadata", "Runtime", "Handler", "CodeSize", "Location", "Timeout", "TotalCodeSize"}

func differs(got, want jsonvalue.Value, at string) string {
	switch want := want.(type) {
	case *jsonvalue.Object:
		o, ok := got.(*jsonvalue.Object)
		if text, isText := got.(string); isText { // JSON within a text
			if v, err := jsonvalue.Parse([]byte(text)); err == nil {
				o, ok = v.(*jsonvalue.Object)
			}
		}
		if !ok {
			return at + " is " + jsonvalue.String(got) + ", want " + jsonvalue.String(want)
		}
		for name, v := range want.All() {
			member, _ := o.Get(name)
			if slices.Contains(ignored, name) || v == kebab(name) {
				continue
			}
			if d := differs(member, v, at+"."+name); d != "" {
				return d
			}
		}
		return ""
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return at + " is " + jsonvalue.String(got) + ", want " + jsonvalue.String(want)
		}
		for i := range want {
			if d := differs(list[i], want[i], fmt.Sprintf("%s[%d]", at, i)); d != "" {
				return d
			}
		}
		return ""
	case string:
		if text, ok := got.(string); ok && like(want, text) || !ok && got != nil && strings.Contains(want, "date") {
			return ""
		}
		return at + " is " + jsonvalue.String(got) + ", want " + want
	}
	if !jsonvalue.Equal(got, want) {
		return at + " is " + jsonvalue.String(got) + ", want " + jsonvalue.String(want)
	}
	return ""
}

var upper = regexp.MustCompile(`[A-Z]`)

// kebab is what the recorder puts for a member that changes.
func kebab(name string) string {
	return strings.TrimPrefix(strings.ToLower(upper.ReplaceAllString(name, "-$0")), "-")
}

var placeholder = regexp.MustCompile(`<[^<>]*>`)

// like compares a text with a recorded one, in which placeholders stand for what
// the recorder replaced.
func like(recorded, got string) bool {
	if recorded == "date" || recorded == "datetime" || strings.HasSuffix(recorded, "-sha256") {
		return got != ""
	}
	var pattern strings.Builder
	pattern.WriteString("(?s)^")
	at := 0
	for _, m := range placeholder.FindAllStringIndex(recorded, -1) {
		pattern.WriteString(regexp.QuoteMeta(recorded[at:m[0]]) + ".*")
		at = m[1]
	}
	pattern.WriteString(regexp.QuoteMeta(recorded[at:]) + "$")
	return regexp.MustCompile(pattern.String()).MatchString(strings.ReplaceAll(got, account, "111111111111"))
}
