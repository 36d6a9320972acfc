package simulate

// This file defines answers: what stands in for the work of a task.

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"
)

// Call is a task that wants an answer.
type Call struct {
	State    string
	Resource string // as the definition has it
	Input    string // JSON: what the function gets, or the parameters of an integration
	Attempt  int    // 0 first, then 1, 2, ... on retries
	Number   int    // how often this state's task was called before, over all runs
	Token    string // the task token
	Time     time.Time
}

// Decode reads the input.
func (c Call) Decode(v any) error { return json.Unmarshal([]byte(c.Input), v) }

// Answer is what a task comes to.
type Answer struct {
	Output     string // JSON
	Error      string // not empty: it fails
	Cause      string
	After      time.Duration   // virtual
	Heartbeats []time.Duration // after which heartbeats arrive
	Never      bool            // it never answers
}

// Task answers a call.
type Task func(Call) Answer

// Returns answers with JSON text.
func Returns(output string) Task { return func(Call) Answer { return Answer{Output: output} } }

// Fails answers with an error.
func Fails(name, cause string) Task {
	return func(Call) Answer { return Answer{Error: name, Cause: cause} }
}

// Never does not answer: timeouts and heartbeats decide.
func Never() Task { return func(Call) Answer { return Answer{Never: true} } }

// Echo answers with its input.
func Echo() Task { return func(c Call) Answer { return Answer{Output: c.Input} } }

// After delays an answer.
func After(d time.Duration, t Task) Task {
	return func(c Call) Answer {
		a := t(c)
		a.After += d
		return a
	}
}

// Beating sends heartbeats at these times while the answer is awaited.
func Beating(t Task, at ...time.Duration) Task {
	return func(c Call) Answer {
		a := t(c)
		a.Heartbeats = append(a.Heartbeats, at...)
		return a
	}
}

// Named is an error that says what Step Functions calls it.
type Named interface{ ErrorName() string }

// Func binds a Go function, a Lambda handler for one: the input is decoded, the
// output encoded. An error's name is what [Named] says, else the Go type's name,
// as Lambda reports it.
func Func[In, Out any](f func(In) (Out, error)) Task {
	return func(c Call) Answer {
		var in In
		if err := c.Decode(&in); err != nil {
			return Answer{Error: "Simulate.Decode", Cause: fmt.Sprintf("the input of %s does not fit %T: %v", c.State, in, err)}
		}
		out, err := f(in)
		if err != nil {
			return Answer{Error: nameOf(err), Cause: causeOf(err)}
		}
		text, err := json.Marshal(out)
		if err != nil {
			return Answer{Error: "Simulate.Encode", Cause: err.Error()}
		}
		return Answer{Output: string(text)}
	}
}

func nameOf(err error) string {
	var n Named
	if errors.As(err, &n) {
		return n.ErrorName()
	}
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Name()
}

// causeOf is the cause as Lambda words it.
func causeOf(err error) string {
	text, jsonErr := json.Marshal(map[string]string{"errorMessage": err.Error(), "errorType": nameOf(err)})
	if jsonErr != nil {
		return err.Error()
	}
	return string(text)
}

// inTurn gives the answers one after the other; the last one stays.
func inTurn(answers []Task) Task {
	n := 0
	return func(c Call) Answer {
		if len(answers) == 0 {
			return unmocked(c)
		}
		c.Number = n
		t := answers[min(n, len(answers)-1)]
		n++
		return t(c)
	}
}

func unmocked(c Call) Answer {
	return Answer{Error: Unmocked, Cause: fmt.Sprintf("nothing answers the task of state %s (%s): give it an answer with Task or Resource", c.State, c.Resource)}
}
