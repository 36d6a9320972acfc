package sns

// This file defines filter policies: which messages a subscription wants.
// https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html

import (
	"strings"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/eventpattern"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

const (
	maxFilterKeys         = 5
	maxFilterCombinations = 150
)

func (sub *subscription) bodyScope() bool {
	return sub.Attributes["FilterPolicyScope"] == "MessageBody"
}

// checkFilter judges a filter policy: an event pattern of limited size, flat
// unless it looks into the message's body.
func (sub *subscription) checkFilter(text string) *awswire.Error {
	if text == "" || text == "{}" {
		return nil
	}
	v, err := jsonvalue.Parse([]byte(text))
	if err != nil {
		return errParameter("FilterPolicy: failed to parse JSON. %v", err)
	}
	policy, ok := v.(*jsonvalue.Object)
	if !ok {
		return errParameter("FilterPolicy: Filter policy must be a JSON object")
	}
	keys, combinations, nested := measure(policy)
	switch {
	case nested && !sub.bodyScope():
		return errParameter("Filter policy scope MessageAttributes does not support nested filter policy")
	case keys > maxFilterKeys:
		return errParameter("FilterPolicy: Filter policy can not have more than %d keys", maxFilterKeys)
	case combinations > maxFilterCombinations:
		return errParameter("FilterPolicy: Filter policy is too complex")
	}
	if _, err := eventpattern.Compile([]byte(text)); err != nil {
		return errParameter("FilterPolicy: %s", strings.TrimPrefix(err.Error(), "Event pattern is not valid. Reason: "))
	}
	return nil
}

// measure counts a policy's keys and the product of its alternatives, which AWS
// bounds; $or does not count as a key.
func measure(policy *jsonvalue.Object) (keys, combinations int, nested bool) {
	combinations = 1
	for name, v := range policy.All() {
		switch v := v.(type) {
		case *jsonvalue.Object:
			k, c, _ := measure(v)
			keys, combinations, nested = keys+k, combinations*c, true
		case []any:
			if name != "$or" {
				keys++
				combinations *= max(len(v), 1)
			}
		}
		combinations = min(combinations, 1<<20)
	}
	return keys, combinations, nested
}

// wants tells whether the subscription's filter lets a message through.
func (sub *subscription) wants(m *message) bool {
	text := sub.Attributes["FilterPolicy"]
	if text == "" || text == "{}" {
		return true
	}
	pattern, err := eventpattern.Compile([]byte(text))
	if err != nil {
		return false // checked when it was set
	}
	against := []byte(m.Body)
	if !sub.bodyScope() {
		against = jsonvalue.Append(nil, m.filterable())
	}
	ok, err := pattern.Match(against)
	return err == nil && ok
}

// filterable is the message's attributes as an event: numbers as numbers,
// String.Array as an array.
func (m *message) filterable() jsonvalue.Value {
	var b jsonvalue.Builder
	for name, a := range m.Attributes {
		switch a.DataType {
		case "Number":
			b.Set(name, jsonvalue.Number(a.StringValue))
		case "String.Array":
			if v, err := jsonvalue.Parse([]byte(a.StringValue)); err == nil {
				b.Set(name, v)
			}
		case "Binary":
		default:
			b.Set(name, a.StringValue)
		}
	}
	return b.Object()
}
