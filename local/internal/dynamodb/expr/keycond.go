package expr

// This file defines key conditions: the few conditions that a Query can follow
// through a key.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.KeyConditionExpressions.html

// KeyCondition is a bound KeyConditionExpression.
type KeyCondition struct{ root test }

// KeyTest is a condition on one key attribute: Op is = < <= > >= BETWEEN or
// begins_with, Values are one value, or two of BETWEEN.
type KeyTest struct {
	Attribute string
	Op        string
	Values    []Value
}

// KeyCondition reads a key condition.
func (s *Scope) KeyCondition(text string) (*KeyCondition, error) {
	c, err := s.Condition("KeyConditionExpression", text)
	if err != nil {
		return nil, err
	}
	return &KeyCondition{root: c.root}, nil
}

// Tests takes the condition apart, or says why no key can be followed by it. AWS
// asks this later than whether the expression is sound.
func (k *KeyCondition) Tests() ([]KeyTest, error) {
	for _, check := range []func(test) error{checkKeyOperators, checkKeyOperands, checkKeyPaths} {
		if err := k.root.each(check); err != nil {
			return nil, err
		}
	}
	var tests []KeyTest
	err := k.root.each(func(t test) error {
		if t.op == opAnd {
			return nil
		}
		one, err := t.keyTest()
		if err != nil {
			return err
		}
		for _, other := range tests {
			if other.Attribute == one.Attribute {
				return errorf("KeyConditionExpressions must only contain one condition per key")
			}
		}
		tests = append(tests, one)
		return nil
	})
	return tests, err
}

// each calls f for t and what it joins, until an error.
func (t test) each(f func(test) error) error {
	if err := f(t); err != nil {
		return err
	}
	for _, inner := range t.tests {
		if err := inner.each(f); err != nil {
			return err
		}
	}
	return nil
}

func checkKeyOperators(t test) error {
	switch {
	case t.op == opCall && t.function == "begins_with":
	case t.op == opCall:
		return errorf("Invalid operator used in KeyConditionExpression: %s", t.function)
	case t.op == opOr, t.op == opNot, t.op == opIn, t.op == "<>":
		return errorf("Invalid operator used in KeyConditionExpression: %s", t.op)
	}
	return nil
}

func checkKeyOperands(t test) error {
	for _, o := range t.operands {
		if o.sizeOf != nil {
			return errorf("KeyConditionExpressions cannot contain nested operations")
		}
	}
	return nil
}

func checkKeyPaths(t test) error {
	for _, o := range t.operands {
		if len(o.path) > 1 {
			return errorf("KeyConditionExpressions cannot have conditions on nested attributes")
		}
	}
	return nil
}

// mirrored are the comparators seen from the other side.
var mirrored = map[op]op{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

func (t test) keyTest() (KeyTest, error) {
	k := KeyTest{Op: string(t.op)}
	if t.op == opCall {
		k.Op = t.function
	}
	named := 0
	for i, o := range t.operands {
		if o.path == nil {
			k.Values = append(k.Values, o.literal)
			continue
		}
		k.Attribute = o.path[0].Name
		if named++; named > 1 {
			return k, errorf("Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition")
		}
		if i > 0 {
			if mirrored[t.op] == "" {
				return k, errorf("Invalid condition in KeyConditionExpression: %s operator must have the key attribute as its first operand", k.Op)
			}
			k.Op = string(mirrored[t.op])
		}
	}
	if named == 0 {
		return k, errorf("Invalid condition in KeyConditionExpression: No key attribute specified")
	}
	return k, nil
}
