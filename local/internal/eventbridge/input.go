package eventbridge

// This file defines what a target receives: the event, a part of it, a constant,
// or a template's text.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/delivery"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// input makes the target's input from the event.
func (t Target) input(event *jsonvalue.Object, about variables) (string, error) {
	switch {
	case t.Input != "":
		return t.Input, nil
	case t.InputPath != "":
		return pathInput(t.InputPath, event), nil
	case t.InputTransformer != nil:
		return t.InputTransformer.transform(event, about)
	}
	return jsonvalue.String(event), nil
}

// pathInput returns the part of the event at the path; null where there is none.
func pathInput(text string, event *jsonvalue.Object) string {
	p, err := parsePath(text)
	if err != nil {
		return "null"
	}
	found, _ := p.find(event)
	return jsonvalue.String(found)
}

// variables are what a template may use without a path of its own.
type variables struct {
	ruleARN, ruleName string
	ingested          time.Time
}

const reserved = "aws.events."

// predefined returns a variable that every template has.
func (v variables) predefined(name string, event *jsonvalue.Object) (value jsonvalue.Value, ok bool) {
	switch strings.TrimPrefix(name, reserved) {
	case "rule-arn":
		return v.ruleARN, true
	case "rule-name":
		return v.ruleName, true
	case "event.ingestion-time":
		return v.ingested.Format(time.RFC3339), true
	case "event":
		return withoutDetail(event), true
	case "event.json":
		return event, true
	}
	return nil, false
}

// withoutDetail is <aws.events.event>: the envelope under the names that AWS was
// recorded to give it, detailType among them.
func withoutDetail(event *jsonvalue.Object) *jsonvalue.Object {
	var b jsonvalue.Builder
	for _, name := range []string{"version", "id", "detail-type", "source", "account", "time", "region", "resources"} {
		v, _ := event.Get(name)
		if name == "detail-type" {
			name = "detailType"
		}
		b.Set(name, v)
	}
	return b.Object()
}

// piece is a part of a template: text, then a placeholder unless it is the last.
type piece struct {
	text     string
	variable string // "" for the last piece
	quoted   bool   // the placeholder stands inside a JSON string
}

// pieces cuts a template at its placeholders. What is in angle brackets and
// could be a name is one; a template cannot escape them.
func pieces(template string) []piece {
	var cut []piece
	from, quoted := 0, false
	for i := 0; i < len(template); i++ {
		switch template[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case '<':
			end := strings.IndexByte(template[i:], '>')
			if end < 2 || strings.ContainsAny(template[i+1:i+end], "<\" \n") {
				continue
			}
			cut = append(cut, piece{template[from:i], template[i+1 : i+end], quoted})
			i += end
			from = i + 1
		}
	}
	return append(cut, piece{text: template[from:]})
}

// isText reports whether a template is one or more quoted lines rather than a
// JSON document; its output is then text that nobody parses.
func isText(template string) bool { return strings.HasPrefix(strings.TrimSpace(template), `"`) }

// transform fills the template in.
func (t *InputTransformer) transform(event *jsonvalue.Object, about variables) (string, error) {
	asText := isText(t.InputTemplate)
	var b strings.Builder
	for _, p := range pieces(t.InputTemplate) {
		b.WriteString(p.text)
		if p.variable == "" {
			break
		}
		value, found := t.value(p.variable, event, about)
		b.WriteString(spell(value, found, p.quoted, asText))
	}
	if asText {
		return b.String(), nil
	}
	v, err := jsonvalue.Parse([]byte(b.String()))
	if err != nil {
		return "", &delivery.Failure{Code: "INVALID_JSON", Message: "the input transformer's output is not JSON: " + err.Error()}
	}
	return jsonvalue.String(v), nil
}

func (t *InputTransformer) value(variable string, event *jsonvalue.Object, about variables) (value jsonvalue.Value, found bool) {
	if value, ok := about.predefined(variable, event); ok {
		return value, true
	}
	p, err := parsePath(t.InputPathsMap[variable])
	if err != nil {
		return nil, false
	}
	return p.find(event)
}

// spell writes a value where a placeholder stands. These are AWS's rules, quirks
// included: nothing is escaped, an absent value is the empty string, and inside
// a line of text JSON loses its quotes.
func spell(v jsonvalue.Value, found, quoted, asText bool) string {
	text, isString := v.(string)
	switch {
	case !found && quoted:
		return ""
	case !found:
		return `""`
	case isString && quoted:
		return text
	case quoted && asText:
		return strings.ReplaceAll(jsonvalue.String(v), `"`, "")
	}
	return jsonvalue.String(v)
}

// check refuses a transformer that cannot work.
func (t *InputTransformer) check(target string) error {
	for name, text := range t.InputPathsMap {
		if strings.HasPrefix(strings.ToLower(name), "aws.") {
			return invalid("InputPathsMap for target %s contains the reserved key %s: keys must not start with AWS.", target, name)
		}
		if _, err := parsePath(text); err != nil {
			return invalid("Invalid InputPathsMap for target %s : %s.", target, err)
		}
	}
	var probe strings.Builder
	for _, p := range pieces(t.InputTemplate) {
		probe.WriteString(p.text)
		if p.variable == "" {
			break
		}
		if !t.knows(p.variable) {
			return invalid("InputTemplate for target %s contains invalid placeholder %s.", target, p.variable)
		}
		if !p.quoted {
			probe.WriteString("0")
		}
	}
	return checkTemplate(target, t.InputTemplate, probe.String())
}

func (t *InputTransformer) knows(variable string) bool {
	_, given := t.InputPathsMap[variable]
	_, predefined := variables{}.predefined(variable, object())
	return given || predefined
}

// checkTemplate insists that a template with its placeholders filled in is JSON,
// or lines of quoted text.
func checkTemplate(target, template, probe string) error {
	valid := func(text string) bool { return json.Valid([]byte(text)) }
	lines := strings.Split(strings.TrimSpace(probe), "\n")
	if valid(probe) || isText(template) && !slices.ContainsFunc(lines, func(l string) bool { return !valid(strings.TrimSpace(l)) }) {
		return nil
	}
	return invalid("Invalid InputTemplate for target %s : it must be JSON, or lines that are each in double quotes.", target)
}
