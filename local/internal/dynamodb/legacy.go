package dynamodb

// This file defines the older parameters, which AWS still takes: Expected,
// AttributeUpdates, KeyConditions, QueryFilter, ScanFilter, ConditionalOperator.
// They become the same conditions and updates as expressions.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LegacyConditionalParameters.html

import (
	"slices"

	"github.com/stepworks/stepworks/local/internal/dynamodb/expr"
)

// olderOperator is what an operator of the older conditions takes.
type olderOperator struct {
	min, max int // values; max 0 with min > 0: any number
	types    []expr.Kind
}

var (
	scalars    = []expr.Kind{expr.S, expr.N, expr.B}
	containing = []expr.Kind{expr.S, expr.N, expr.B, expr.BOOL, expr.NULL}
)

var olderOperators = map[string]olderOperator{
	"EQ":           {1, 1, nil},
	"NE":           {1, 1, nil},
	"LT":           {1, 1, scalars},
	"LE":           {1, 1, scalars},
	"GT":           {1, 1, scalars},
	"GE":           {1, 1, scalars},
	"BETWEEN":      {2, 2, scalars},
	"IN":           {1, 0, scalars},
	"NULL":         {0, 0, nil},
	"NOT_NULL":     {0, 0, nil},
	"BEGINS_WITH":  {1, 1, []expr.Kind{expr.S, expr.B}},
	"CONTAINS":     {1, 1, containing},
	"NOT_CONTAINS": {1, 1, containing},
}

// olderValues returns the values of a list of attributes, or the first fault.
func olderValues(list []attribute) ([]expr.Value, error) {
	values := make([]expr.Value, len(list))
	for i, a := range list {
		if err := a.check(); err != nil {
			return nil, err
		}
		values[i] = a.value
	}
	return values, nil
}

// check returns what is wrong with one value.
func (a *attribute) check() error {
	switch {
	case a.fault != nil:
		return invalid("%s", a.fault.text)
	case a.value == nil:
		return invalid(errNoType)
	}
	return nil
}

// checkOlder checks the values that an operator was given.
func checkOlder(operator string, values []expr.Value) error {
	o := olderOperators[operator]
	if len(values) < o.min || len(values) > o.max && (o.max > 0 || o.min == 0) {
		return invalidValues("Invalid number of argument(s) for the %s ComparisonOperator", operator)
	}
	for _, v := range values {
		if v.Kind() != values[0].Kind() {
			return invalidValues("AttributeValues inside AttributeValueList must be of same type")
		}
		if o.types != nil && !slices.Contains(o.types, v.Kind()) {
			return invalidValues("ComparisonOperator %s is not valid for %s AttributeValue type", operator, v.Kind())
		}
	}
	if operator == "BETWEEN" {
		if order, ok := expr.Compare(values[0], values[1]); ok && order > 0 {
			return invalid("The BETWEEN condition was provided a range where the lower bound is greater than the upper bound")
		}
	}
	return nil
}

// olderConditions reads a filter or KeyConditions into tests.
func olderConditions(conditions entries[condition]) ([]olderCondition, error) {
	var all []olderCondition
	for _, c := range conditions {
		values, err := olderValues(c.Value.AttributeValueList)
		if err != nil {
			return nil, err
		}
		all = append(all, olderCondition{attribute: c.Name, operator: *c.Value.ComparisonOperator, values: values})
	}
	for _, c := range all {
		if err := checkOlder(c.operator, c.values); err != nil {
			return nil, err
		}
	}
	return all, nil
}

type olderCondition struct {
	attribute, operator string
	values              []expr.Value
}

func joinOlder(operator *string, all []olderCondition) *expr.Condition {
	var conditions []*expr.Condition
	for _, c := range all {
		conditions = append(conditions, expr.OlderCondition(c.attribute, c.operator, c.values...))
	}
	return expr.Join(deref(operator) == "OR", conditions...)
}

// olderExpected reads Expected into one condition.
func olderExpected(operator *string, expected entries[expectedAttributeValue]) (*expr.Condition, error) {
	if operator != nil && len(expected) == 0 {
		return nil, invalid("ConditionalOperator cannot be used without Filter or Expected")
	}
	if operator != nil && len(expected) == 1 {
		return nil, invalid("ConditionalOperator can only be used when Filter or Expected has two or more elements")
	}
	for _, x := range expected {
		if err := x.Value.checkValues(); err != nil {
			return nil, err
		}
	}
	var all []olderCondition
	for _, x := range expected {
		c, err := x.Value.condition(x.Name)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return joinOlder(operator, all), nil
}

func (x *expectedAttributeValue) checkValues() error {
	if x.Value != nil {
		if err := x.Value.check(); err != nil {
			return err
		}
	}
	_, err := olderValues(x.AttributeValueList)
	return err
}

// condition is the truth table of an expected value.
func (x *expectedAttributeValue) condition(name string) (olderCondition, error) {
	c := olderCondition{attribute: name, operator: "EQ"}
	c.values, _ = olderValues(x.AttributeValueList)
	if x.Value != nil {
		c.values = []expr.Value{x.Value.value}
	}
	refuse := func(why string) (olderCondition, error) {
		return c, invalidValues("%s for Attribute: %s", why, name)
	}
	switch {
	case x.Value != nil && x.AttributeValueList != nil:
		return refuse("Value and AttributeValueList cannot be used together")
	case x.ComparisonOperator == nil && x.AttributeValueList != nil:
		return refuse("AttributeValueList can only be used with a ComparisonOperator")
	case x.ComparisonOperator != nil && x.Exists != nil:
		return refuse("Exists and ComparisonOperator cannot be used together")
	case x.ComparisonOperator != nil:
		c.operator = *x.ComparisonOperator
		return c, checkOlder(c.operator, c.values)
	case x.Exists == nil && x.Value == nil:
		return refuse("Value must be provided when Exists is null")
	case x.Exists != nil && *x.Exists && x.Value == nil:
		return refuse("Value must be provided when Exists is true")
	case x.Exists != nil && !*x.Exists && x.Value != nil:
		return refuse("Value cannot be used when Exists is false")
	case x.Exists != nil && !*x.Exists:
		c.operator = "NULL"
	}
	return c, nil
}

// olderUpdate reads AttributeUpdates into one update.
func olderUpdate(updates entries[attributeValueUpdate]) (*expr.Update, error) {
	var assignments []expr.Assignment
	for _, u := range updates {
		a := expr.Assignment{Attribute: u.Name, Action: "PUT"}
		if u.Value.Action != nil {
			a.Action = *u.Value.Action
		}
		if u.Value.Value != nil {
			if err := u.Value.Value.check(); err != nil {
				return nil, err
			}
			a.Value = u.Value.Value.value
		}
		if err := checkAssignment(a); err != nil {
			return nil, err
		}
		assignments = append(assignments, a)
	}
	return expr.OlderUpdate(assignments), nil
}

func checkAssignment(a expr.Assignment) error {
	if a.Value == nil {
		if a.Action != "DELETE" {
			return invalidValues("Only DELETE action is allowed when no attribute value is specified")
		}
		return nil
	}
	kind := a.Value.Kind()
	isSet := kind == expr.SS || kind == expr.NS || kind == expr.BS
	switch {
	case a.Action == "DELETE" && !isSet:
		return invalidValues("DELETE action with value is not supported for the type %s", kind)
	case a.Action == "ADD" && !isSet && kind != expr.N && kind != expr.L:
		return invalidValues("ADD action is not supported for the type %s", kind)
	}
	return nil
}
