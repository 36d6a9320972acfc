package graph

// This file defines the words in a drawing: what a state does, when a choice is
// taken, and how much room text takes.

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

const (
	nameSize = 13.0
	wordSize = 11.0
	maxName  = 44
	maxLabel = 34
	maxWords = 40
)

// textWidth estimates, on the safe side, how wide text is: a page's font is not
// known here. Letters outside of Latin are taken to be wide.
func textWidth(s string, size float64) float64 {
	w := 0.0
	for _, r := range s {
		switch {
		case strings.ContainsRune("iIljt.,:;'|!()[] ", r):
			w += 0.4
		case strings.ContainsRune("mwMW@%", r):
			w += 0.94
		case r > 0x2fff:
			w += 1.05
		default:
			w += 0.66
		}
	}
	return w * size
}

func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

func words(s *asl.State) string {
	switch {
	case s.Task != nil:
		return clip(taskWords(s), maxWords)
	case s.Wait != nil:
		return clip(waitWords(*s.Wait), maxWords)
	case s.Map != nil && s.Map.Distributed:
		return "Distributed Map" + atATime(s.Map)
	case s.Map != nil:
		return "Map" + atATime(s.Map)
	case s.Parallel != nil:
		if len(s.Parallel.Branches) == 1 {
			return "Parallel, 1 branch"
		}
		return fmt.Sprintf("Parallel, %d branches", len(s.Parallel.Branches))
	case s.Fail != nil:
		if s.Fail.Error.Literal != nil {
			return clip("Fail: "+plain(s.Fail.Error.Literal), maxWords)
		}
	}
	return string(s.Type)
}

func atATime(m *asl.Map) string {
	if n, ok := m.MaxConcurrency.Literal.(jsonvalue.Number); ok && n != "0" {
		return ", " + string(n) + " at a time"
	}
	return ""
}

func taskWords(s *asl.State) string {
	r := s.Task.Resource
	text := r.Type() + ":" + r.Action
	switch r.Kind {
	case asl.Lambda:
		return "lambda " + functionName(r.ARN)
	case asl.Activity:
		return "activity " + r.ARN[strings.LastIndexByte(r.ARN, ':')+1:]
	case asl.Service:
		if name := functionOf(s); r.Service == "lambda" && name != "" {
			text = "lambda " + name
		}
	}
	switch r.Pattern {
	case asl.WaitForTaskToken:
		text += ", waits for token"
	case asl.RunJob, asl.RunJob2:
		text += ", waits for end"
	}
	return text
}

// functionOf is the name of the function that a Task invokes, if it stands there.
func functionOf(s *asl.State) string {
	t := s.Parameters
	if t == nil {
		t = s.Arguments
	}
	if t == nil {
		return ""
	}
	name := ""
	if o, ok := t.Literal.(*jsonvalue.Object); ok {
		v, _ := o.Get("FunctionName")
		name, _ = v.(string)
	}
	for _, m := range t.Members {
		if m.Name == "FunctionName" {
			name, _ = m.Value.Literal.(string)
		}
	}
	return functionName(name)
}

// functionName is the name in a function's ARN, or in what else names one, without
// a version or alias: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
func functionName(text string) string {
	if _, name, ok := strings.Cut(text, ":function:"); ok {
		text = name
	}
	name, _, _ := strings.Cut(text, ":")
	return name
}

func waitWords(w asl.Wait) string {
	o := w.Seconds
	if !o.Given() {
		o = w.Timestamp
	}
	if n, ok := o.Literal.(jsonvalue.Number); ok {
		if seconds, ok := n.Int64(); ok {
			return "Wait " + strings.TrimSuffix(strings.TrimSuffix((time.Duration(seconds)*time.Second).String(), "0s"), "0m")
		}
	}
	if t, ok := o.Literal.(string); ok {
		return "Wait until " + t
	}
	if o.Path != nil {
		return "Wait: " + o.Path.Text
	}
	return "Wait"
}

// condition tells when a rule of a Choice is taken.
func condition(r asl.Rule) string {
	switch {
	case r.Test != nil:
		return clip(testWords(r.Test), maxLabel)
	case r.Condition != nil:
		return clip(strings.TrimSpace(r.Condition.Query), maxLabel)
	}
	return ""
}

var relations = map[string]string{"Equals": "=", "LessThan": "<", "GreaterThan": ">", "LessThanEquals": "≤", "GreaterThanEquals": "≥", "Matches": "~"}

var checks = map[string]string{"IsPresent": "is present", "IsNull": "is null", "IsNumeric": "is a number", "IsString": "is text", "IsBoolean": "is a boolean", "IsTimestamp": "is a time"}

func testWords(t *asl.Test) string {
	switch t.Operator {
	case "Not":
		return "not " + testWords(t.Tests[0])
	case "And", "Or":
		parts := make([]string, len(t.Tests))
		for i, sub := range t.Tests {
			parts[i] = testWords(sub)
		}
		return strings.Join(parts, " "+strings.ToLower(t.Operator)+" ")
	}
	variable := strings.TrimPrefix(t.Variable.Text, "$.")
	if check, ok := checks[t.Operator]; ok {
		if t.Value == false {
			check = strings.Replace(check, "is", "is not", 1)
		}
		return variable + " " + check
	}
	relation := t.Operator
	for _, kind := range []string{"String", "Numeric", "Boolean", "Timestamp"} {
		relation = strings.TrimPrefix(relation, kind)
	}
	if t.Path != nil {
		return variable + " " + relations[relation] + " " + t.Path.Text
	}
	return variable + " " + relations[relation] + " " + plain(t.Value)
}

func plain(v jsonvalue.Value) string {
	if s, ok := v.(string); ok && s != "" {
		return s
	}
	return jsonvalue.String(v)
}
