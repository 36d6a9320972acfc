package eventbridge

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
)

// inProcess are operations that AWS's API does not have: other services of the
// local AWS call them.
var inProcess = map[string]bool{"RetrieveConnectionCredentials": true, "InvokeApiDestination": true}

// TestCallsThroughTheSDK plays testdata/calls.txt again, over the wire, with the
// real SDK: every operation is offered, every answer can be read, and every error
// comes with its code and message.
func TestCallsThroughTheSDK(t *testing.T) {
	data, err := os.ReadFile("testdata/calls.txt")
	if err != nil {
		t.Fatal(err)
	}
	untried := map[string]bool{}
	for _, op := range newWorld(t).service.API().Operations {
		untried[op.Name] = !inProcess[op.Name]
	}
	var w *world
	lines := strings.Split(string(data), "\n")
	for i, line := range lines {
		word, params, _ := strings.Cut(line, " ")
		switch {
		case line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "=") || strings.HasPrefix(line, "!"):
		case word == "world":
			w = newWorld(t)
		case word == "quiet":
			w.quiet()
		default:
			delete(untried, word)
			want := ""
			if i+1 < len(lines) && strings.HasPrefix(lines[i+1], "! ") {
				want = strings.TrimPrefix(lines[i+1], "! ")
			}
			if got := w.throughSDK(word, params); got != clientSide && got != want {
				t.Errorf("calls.txt:%d: %s\n got %s\nwant %s", i+1, line, got, want)
			}
		}
	}
	for name, left := range untried {
		if left {
			t.Errorf("no call of %s in calls.txt", name)
		}
	}
}

// clientSide stands for calls that the SDK itself refuses.
const clientSide = "(refused by the SDK)"

var seconds = regexp.MustCompile(`"(Event(?:Start|End)Time)":(\d+)`)

// throughSDK makes a call with the SDK and returns its error, "" for none.
func (w *world) throughSDK(operation, params string) string {
	w.Helper()
	if strings.Contains(params, "EndpointId") {
		return clientSide // it asks for a signature of another kind
	}
	method := reflect.ValueOf(w.events).MethodByName(operation)
	if !method.IsValid() {
		return "the SDK has no " + operation
	}
	params = seconds.ReplaceAllStringFunc(params, func(member string) string {
		m := seconds.FindStringSubmatch(member)
		n, _ := strconv.ParseInt(m[2], 10, 64)
		return `"` + m[1] + `":"` + time.Unix(n, 0).UTC().Format(time.RFC3339) + `"`
	})
	in := reflect.New(method.Type().In(1).Elem())
	if err := json.Unmarshal([]byte(params), in.Interface()); err != nil {
		w.Fatal(params, ": ", err)
	}
	err, _ := method.Call([]reflect.Value{reflect.ValueOf(w.Context()), in})[1].Interface().(error)
	var fault smithy.APIError
	var refused smithy.InvalidParamsError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refused):
		return clientSide
	case errors.As(err, &fault):
		line, _, _ := strings.Cut(fault.ErrorMessage(), "\n")
		return fault.ErrorCode() + ": " + line
	}
	return err.Error()
}
