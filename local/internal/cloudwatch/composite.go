package cloudwatch

// This file defines composite alarms:
//
//	rule  ALARM("name") | OK(name) | INSUFFICIENT_DATA(ARN) | TRUE | FALSE
//	      | NOT rule | rule AND rule | rule OR rule | (rule)
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// rule is a parsed alarm rule.
type rule struct {
	op    string // a state, AND, OR, NOT, TRUE or FALSE
	alarm string // of a state
	args  []*rule
}

type ruleParser struct {
	tokens []string
	depth  int
}

var ruleToken = regexp.MustCompile(`\s*("[^"]*"|[()]|[^\s()"]+)`)

func parseRule(text string) (*rule, error) {
	p := &ruleParser{}
	rest := strings.TrimSpace(text)
	for rest != "" {
		m := ruleToken.FindStringSubmatchIndex(rest)
		if m == nil || m[0] != 0 {
			return nil, errRule("a quotation mark is not closed")
		}
		p.tokens = append(p.tokens, rest[m[2]:m[3]])
		rest = strings.TrimSpace(rest[m[1]:])
	}
	r, err := p.either()
	if err == nil && len(p.tokens) > 0 {
		err = fmt.Errorf("%s is not expected where it stands", p.tokens[0])
	}
	if err != nil {
		return nil, errRule(err.Error())
	}
	return r, nil
}

func errRule(text string) error {
	return invalid("AlarmRule must be a valid rule expression: %s", text)
}

func (p *ruleParser) next() string {
	if len(p.tokens) == 0 {
		return ""
	}
	t := p.tokens[0]
	p.tokens = p.tokens[1:]
	return t
}

func (p *ruleParser) sees(word string) bool {
	return len(p.tokens) > 0 && strings.EqualFold(p.tokens[0], word)
}

func (p *ruleParser) chain(op string, operand func() (*rule, error)) (*rule, error) {
	left, err := operand()
	for err == nil && p.sees(op) {
		p.next()
		var right *rule
		right, err = operand()
		left = &rule{op: op, args: []*rule{left, right}}
	}
	return left, err
}

func (p *ruleParser) either() (*rule, error) { return p.chain("OR", p.both) }
func (p *ruleParser) both() (*rule, error)   { return p.chain("AND", p.single) }

func (p *ruleParser) single() (*rule, error) {
	if p.depth++; p.depth > 100 {
		return nil, fmt.Errorf("it is nested too deeply")
	}
	defer func() { p.depth-- }()
	t := p.next()
	switch word := strings.ToUpper(t); word {
	case "":
		return nil, fmt.Errorf("it ends too early")
	case "TRUE", "FALSE":
		return &rule{op: word}, nil
	case "NOT":
		r, err := p.single()
		return &rule{op: word, args: []*rule{r}}, err
	case "(":
		r, err := p.either()
		if err == nil && p.next() != ")" {
			err = fmt.Errorf("a parenthesis is not closed")
		}
		return r, err
	case stateOK, stateAlarm, stateInsufficient:
		if p.next() != "(" || len(p.tokens) < 2 || p.tokens[1] != ")" {
			return nil, fmt.Errorf("%s takes the name or ARN of an alarm in parentheses", word)
		}
		name := strings.Trim(p.next(), `"`)
		p.next()
		if _, rest, ok := strings.Cut(name, ":alarm:"); ok && strings.HasPrefix(name, "arn:") {
			name = rest
		}
		return &rule{op: word, alarm: name}, nil
	}
	return nil, fmt.Errorf("%s is not expected where it stands", t)
}

// holds evaluates the rule.
func (r *rule) holds(state func(alarm string) string) bool {
	switch r.op {
	case "TRUE", "FALSE":
		return r.op == "TRUE"
	case "NOT":
		return !r.args[0].holds(state)
	case "AND":
		return r.args[0].holds(state) && r.args[1].holds(state)
	case "OR":
		return r.args[0].holds(state) || r.args[1].holds(state)
	}
	return state(r.alarm) == r.op
}

// children lists the alarms that a rule names.
func (r *rule) children() []string {
	if r.alarm != "" {
		return []string{r.alarm}
	}
	var all []string
	for _, a := range r.args {
		all = append(all, a.children()...)
	}
	return all
}

type putCompositeAlarmInput struct {
	AlarmName               string    `json:"AlarmName" check:"required,min=1,max=255"`
	AlarmDescription        string    `json:"AlarmDescription" check:"max=1024"`
	AlarmRule               string    `json:"AlarmRule" check:"required,min=1,max=10240"`
	ActionsEnabled          *bool     `json:"ActionsEnabled"`
	OKActions               []string  `json:"OKActions"`
	AlarmActions            []string  `json:"AlarmActions"`
	InsufficientDataActions []string  `json:"InsufficientDataActions"`
	Tags                    []tagPair `json:"Tags"`
	ActionsSuppressor       string    `json:"ActionsSuppressor"`
}

func (s *Service) putCompositeAlarm(_ context.Context, in *putCompositeAlarmInput) (*empty, error) {
	if in.ActionsSuppressor != "" {
		return nil, invalid("ActionsSuppressor is not offered by the local AWS.")
	}
	a := &alarm{settings: settings{AlarmName: in.AlarmName, AlarmDescription: in.AlarmDescription, OKActions: in.OKActions, AlarmActions: in.AlarmActions,
		InsufficientDataActions: in.InsufficientDataActions}, Rule: in.AlarmRule, ActionsEnabled: in.ActionsEnabled == nil || *in.ActionsEnabled}
	if err := a.checkActions(); err != nil {
		return nil, err
	}
	if err := a.prepare(); err != nil {
		return nil, err
	}
	err := s.Store.View(func(r store.Reader) error {
		for _, child := range a.rule.children() {
			if _, ok := r.Get(bucketAlarm, child); !ok {
				return invalid("AlarmRule must not contain alarms that do not exist: %s", child)
			}
			if reaches(r, child, in.AlarmName, 0) {
				return invalid("AlarmRule must not lead back to its own alarm: %s does", child)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.saveAlarm(a, in.Tags)
}

// reaches tells whether an alarm's rule leads to another alarm.
func reaches(r store.Reader, from, to string, depth int) bool {
	a, err := loadAlarm(r, from)
	if from == to || depth > 100 {
		return true
	}
	if err != nil || a == nil || a.rule == nil {
		return false
	}
	for _, child := range a.rule.children() {
		if reaches(r, child, to, depth+1) {
			return true
		}
	}
	return false
}

// changed has the composite alarms that name an alarm evaluated, and tells.
func (s *Service) changed(name string) {
	var parents []string
	_ = s.Store.View(func(r store.Reader) error {
		for parent, text := range r.Scan(bucketAlarm, "", "") {
			if a, err := decodeAlarm(text); err == nil && a.rule != nil && contains(a.rule.children(), name) {
				parents = append(parents, parent)
			}
		}
		return nil
	})
	for _, parent := range parents {
		s.combine(parent)
	}
	s.tell(context.Background())
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// combine brings a composite alarm to the state that its rule says.
func (s *Service) combine(name string) {
	moved := false
	err := s.Store.Update(func(tx *store.Tx) error {
		a, err := loadAlarm(tx, name)
		if err != nil || a == nil || a.rule == nil {
			return err
		}
		cause := ""
		state := stateOK
		if a.rule.holds(func(child string) string {
			c, err := loadAlarm(tx, child)
			if err != nil || c == nil {
				return ""
			}
			cause = fmt.Sprintf("%s transitioned to %s at %s", c.ARN, c.State, c.Transitioned.UTC().Format("Monday 02 January, 2006 15:04:05 MST"))
			return c.State
		}) {
			state = stateAlarm
		}
		if state == a.State {
			return nil
		}
		moved = true
		return change(tx, a, state, cause, jsonvalue.String(object("triggeringAlarms", texts(a.rule.children()))), s.Clock.Now())
	})
	if err != nil {
		s.Log.Warn("a composite alarm could not be evaluated", "alarm", name, "error", err)
	}
	if moved {
		s.changed(name)
	}
}
