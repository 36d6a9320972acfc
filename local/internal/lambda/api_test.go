package lambda

import (
	"bufio"
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// TestOperations plays testdata/functions.txt; its head says how to read it.
func TestOperations(t *testing.T) { newWorld(t).play("testdata/functions.txt", nil) }

// play runs the operations of a file; vars replace {name} in it.
func (w *world) play(file string, vars map[string]string) {
	w.Helper()
	f, err := os.Open(file)
	if err != nil {
		w.Fatal(err)
	}
	defer f.Close()
	known := map[string]string{"arn": "arn:aws:lambda:us-east-1:123456789012", "role": role, "zip": base64Text(zipOf(w, map[string][]byte{"bootstrap": []byte("#!/bin/sh\n")})), "long": strings.Repeat("x", 4096)}
	for name, value := range vars {
		known[name] = value
	}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	number := 0
	next := func() (string, bool) {
		for lines.Scan() {
			number++
			if text := lines.Text(); text != "" && !strings.HasPrefix(text, "#") {
				return text, true
			}
		}
		return "", false
	}
	for {
		request, ok := next()
		if !ok {
			return
		}
		want, _ := next()
		if difference := w.step(replace(request, known), replace(want, known), known); difference != "" {
			w.Errorf("%s:%d: %s: %s", file, number, strings.SplitN(request, " ", 2)[0], difference)
		}
	}
}

func replace(text string, known map[string]string) string {
	for name, value := range known {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
}

func (w *world) step(request, want string, known map[string]string) (difference string) {
	operation, params, _ := strings.Cut(request, " ")
	in, err := jsonvalue.Parse([]byte(params))
	if err != nil {
		return err.Error()
	}
	out, err := w.server.Call(context.Background(), awswire.Root(account), "lambda", operation, in)
	if text, refused := strings.CutPrefix(want, "! "); refused {
		if err == nil || !strings.HasPrefix(err.Error(), text) {
			return "got " + shorten(err, out) + "\nwant " + text
		}
		return ""
	}
	if err != nil {
		return err.Error()
	}
	expected, err := jsonvalue.Parse([]byte(want))
	if err != nil {
		return "the expectation: " + err.Error()
	}
	return lacks(out, expected, "", known)
}

func shorten(err error, out jsonvalue.Value) string {
	if err != nil {
		return err.Error()
	}
	return jsonvalue.String(out)
}

var capture = regexp.MustCompile(`^<(\w+)>$`)

// lacks compares an answer with what it must hold, null meaning that a member is
// absent, and returns the first difference.
func lacks(got, want jsonvalue.Value, at string, known map[string]string) string {
	switch want := want.(type) {
	case *jsonvalue.Object:
		o, ok := got.(*jsonvalue.Object)
		if !ok {
			return at + " is " + jsonvalue.String(got) + ", want an object"
		}
		for name, v := range want.All() {
			member, there := o.Get(name)
			if v == nil && !there {
				continue
			}
			if difference := lacks(member, v, at+"."+name, known); difference != "" {
				return difference
			}
		}
		return ""
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return at + " is " + jsonvalue.String(got) + ", want " + jsonvalue.String(want)
		}
		for i, v := range want {
			if difference := lacks(list[i], v, at+"[]", known); difference != "" {
				return difference
			}
		}
		return ""
	case string:
		if m := capture.FindStringSubmatch(want); m != nil {
			known[m[1]], _ = got.(string)
			return ""
		}
		if want == "*" {
			return ""
		}
	}
	if !jsonvalue.Equal(got, want) {
		return at + " is " + jsonvalue.String(got) + ", want " + jsonvalue.String(want)
	}
	return ""
}
