package console

// This file defines what a person can do. Every action is a form that leads back
// to a page, which says what was done or why not.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// done is where to go after an action, and what to say there.
type done struct{ page, said string }

func (c *Console) actions(mux *http.ServeMux) {
	for path, act := range map[string]func(*http.Request) (done, error){
		"/do/send": c.send, "/do/start": c.start, "/do/stop": c.stop, "/do/redrive": c.redrive, "/do/again": c.runAgain,
		"/do/answer": c.answer, "/do/queue": c.redriveQueue, "/do/skip": c.skip,
	} {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			to, err := act(r)
			if err != nil {
				to = done{r.FormValue("back"), "That did not work: " + plainError(err)}
			}
			if !strings.HasPrefix(to.page, "/") || strings.HasPrefix(to.page, "//") {
				to.page = "/"
			}
			http.Redirect(w, r, to.page+"?said="+url.QueryEscape(to.said), http.StatusSeeOther)
		})
	}
}

var errRedacted = errors.New("the text contains " + journal.Redacted + ": write what belongs there")

// form is a field of JSON in which nothing was left out.
func form(r *http.Request, field string) (jsonvalue.Value, string, error) {
	text := strings.TrimSpace(r.FormValue(field))
	v, err := jsonvalue.Parse([]byte(text))
	if err == nil && strings.Contains(text, journal.Redacted) {
		err = errRedacted
	}
	return v, text, err
}

func (c *Console) send(r *http.Request) (done, error) {
	v, _, err := form(r, "entries")
	if err != nil {
		return done{}, err
	}
	answer, err := c.ask(r.Context(), "events", "PutEvents", "Entries", v)
	if err != nil {
		return done{}, err
	}
	for _, e := range answer.list("Entries") {
		if e.has("ErrorMessage") {
			return done{}, fmt.Errorf("%s: %s", e.text("ErrorCode"), e.text("ErrorMessage"))
		}
	}
	return done{"/events", fmt.Sprintf("Sent %d event(s).", len(answer.list("Entries")))}, nil
}

func (c *Console) start(r *http.Request) (done, error) {
	_, text, err := form(r, "input")
	if err != nil {
		return done{}, err
	}
	return c.startMachine(r.Context(), r.FormValue("machine"), text)
}

func (c *Console) startMachine(ctx context.Context, machine, input string) (done, error) {
	x, err := c.ask(ctx, "states", "StartExecution", "StateMachineArn", machine, "Input", input)
	return done{executionPath(x.text("ExecutionArn")), "Started."}, err
}

func executionPath(arn string) string { return "/executions/" + url.PathEscape(arn) }

func (c *Console) stop(r *http.Request) (done, error) {
	arn := r.FormValue("execution")
	_, err := c.ask(r.Context(), "states", "StopExecution", "ExecutionArn", arn, "Error", "Console.Stopped", "Cause", "stopped by hand")
	return done{executionPath(arn), "Stopped."}, err
}

func (c *Console) redrive(r *http.Request) (done, error) {
	arn := r.FormValue("execution")
	_, err := c.ask(r.Context(), "states", "RedriveExecution", "ExecutionArn", arn)
	return done{executionPath(arn), "Redriven: it goes on where it failed."}, err
}

// runAgain starts an execution of the same definition, from any state. AWS has no
// such thing: from another state than the first it is a machine of its own,
// without what that state does not lead to.
func (c *Console) runAgain(r *http.Request) (done, error) {
	_, input, err := form(r, "input")
	if err != nil {
		return done{}, err
	}
	d, err := c.ask(r.Context(), "states", "DescribeStateMachineForExecution", "ExecutionArn", r.FormValue("execution"))
	if err != nil {
		return done{}, err
	}
	from := r.FormValue("from")
	definition, err := startingAt(d.text("Definition"), from)
	if err != nil {
		return done{}, err
	}
	m, err := asl.Parse(d.text("Definition"), asl.Standard)
	if err == nil && m.StartAt == from {
		return c.startMachine(r.Context(), d.text("StateMachineArn"), input)
	}
	name := fmt.Sprintf("%.40s-from-%x", d.text("Name"), c.Clock.Now().UnixNano())
	made, err := c.ask(r.Context(), "states", "CreateStateMachine", "Name", name, "Definition", definition, "RoleArn", d.text("RoleArn"))
	if err != nil {
		return done{}, err
	}
	return c.startMachine(r.Context(), made.text("StateMachineArn"), input)
}

// startingAt makes a state the first of a definition.
func startingAt(definition, state string) (string, error) {
	v, err := jsonvalue.Parse([]byte(definition))
	if err != nil {
		return "", err
	}
	m, err := asl.Parse(definition, asl.Standard)
	if err != nil {
		return "", err
	}
	if m.State(state) == nil {
		return "", fmt.Errorf("the machine has no state %q at its top level", state)
	}
	reached := map[string]bool{}
	reach(m, state, reached)
	whole, _ := v.(*jsonvalue.Object)
	all, _ := whole.Get("States")
	states, _ := all.(*jsonvalue.Object)
	for name := range states.All() {
		if !reached[name] {
			states = states.Without(name)
		}
	}
	return jsonvalue.String(whole.With("StartAt", state).With("States", states)), nil
}

func reach(m *asl.Machine, name string, reached map[string]bool) {
	s := m.State(name)
	if s == nil || reached[name] {
		return
	}
	reached[name] = true
	reach(m, s.Next, reached)
	for _, c := range s.Catch {
		reach(m, c.Next, reached)
	}
	if s.Choice != nil {
		reach(m, s.Choice.Default, reached)
		for _, rule := range s.Choice.Rules {
			reach(m, rule.Next, reached)
		}
	}
}

// answer ends a task that waits for its token. The token stays here: it is read
// from the history, which the page does not show it of.
func (c *Console) answer(r *http.Request) (done, error) {
	arn := r.FormValue("execution")
	id, err := strconv.Atoi(r.FormValue("scheduled"))
	if err != nil {
		return done{}, err
	}
	e, err := c.eventAt(r.Context(), arn, id)
	if err != nil {
		return done{}, err
	}
	token := tokenIn(e.get("taskScheduledEventDetails").text("parameters"))
	if token == "" {
		return done{}, errors.New("the task's parameters carry no token that can be found")
	}
	if r.FormValue("outcome") == "failure" {
		_, err = c.ask(r.Context(), "states", "SendTaskFailure", "TaskToken", token, "Error", r.FormValue("error"), "Cause", r.FormValue("cause"))
		return done{executionPath(arn), "Answered with a failure."}, err
	}
	_, output, err := form(r, "output")
	if err != nil {
		return done{}, err
	}
	_, err = c.ask(r.Context(), "states", "SendTaskSuccess", "TaskToken", token, "Output", output)
	return done{executionPath(arn), "Answered with success."}, err
}

// tokenIn finds the task token in a task's parameters: the value under a name
// that journal.Redact hides.
func tokenIn(parameters string) string {
	v, err := jsonvalue.Parse([]byte(parameters))
	if err != nil {
		return ""
	}
	return findToken(v)
}

// minToken is how long a token is at least.
const minToken = 100

func findToken(v jsonvalue.Value) string {
	switch v := v.(type) {
	case string:
		if inner, err := jsonvalue.Parse([]byte(v)); err == nil && jsonvalue.Kind(inner) != jsonvalue.Kind("") {
			return findToken(inner)
		}
	case []any:
		for _, x := range v {
			if t := findToken(x); t != "" {
				return t
			}
		}
	case *jsonvalue.Object:
		for name, x := range v.All() {
			if s, ok := x.(string); ok && len(s) >= minToken && hides(name) {
				return s
			}
			if t := findToken(x); t != "" {
				return t
			}
		}
	}
	return ""
}

// hides tells whether journal.Redact takes a member's value out.
func hides(name string) bool {
	o, _ := journal.Redact(params(name, "x")).(*jsonvalue.Object)
	v, _ := o.Get(name)
	return v == journal.Redacted
}

// redriveQueue moves a dead-letter queue's messages back to where they came from.
func (c *Console) redriveQueue(r *http.Request) (done, error) {
	_, err := c.ask(r.Context(), "sqs", "StartMessageMoveTask", "SourceArn", r.FormValue("queue"))
	return done{"/queues/" + url.PathEscape(lastOf(r.FormValue("queue"))), "The messages move back to where they came from."}, err
}

// skip moves a virtual clock on.
func (c *Console) skip(r *http.Request) (done, error) {
	v, ok := c.Clock.(*clock.Virtual)
	if !ok {
		return done{}, awswire.Errorf("Clock", "time runs by itself here: start with --time virtual to skip it")
	}
	if r.FormValue("by") == "" {
		if !v.Skip() {
			return done{}, errors.New("nothing waits for a time")
		}
		return done{"/time", "Skipped to the next timer."}, nil
	}
	d, err := time.ParseDuration(r.FormValue("by"))
	if err != nil {
		return done{}, fmt.Errorf("give a duration such as 90s or 24h: %w", err)
	}
	return done{"/time", "Skipped " + d.String() + "."}, v.Advance(r.Context(), d)
}
