package order

// This file tests docs/event-outcomes.md: its table of refusals is run.

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	rowOfRefusals = regexp.MustCompile("(?m)^\\| `([a-zA-Z.]+)` \\| (absent|`.*`) \\| (.*) \\| (yes|no) \\|$")
	goodOrder     = regexp.MustCompile("(?m)^\\{\"orderId\".*\\}$")
)

func TestDocumentedRefusals(t *testing.T) {
	text, err := os.ReadFile("../../docs/event-outcomes.md")
	require.NoError(t, err)
	good := goodOrder.Find(text)
	require.Empty(t, Read(wrapped(good)).Problem, "the good order is good")
	rows := rowOfRefusals.FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(rows), 30)
	for _, row := range rows {
		field, value, reason, written := row[1], strings.Trim(row[2], "`"), row[3], row[4]
		s := Read(wrapped(changed(t, good, field, value)))
		assert.Equal(t, reason, s.Problem, "%s = %s", field, value)
		assert.Equal(t, written == "yes", s.OrderID != "", "%s = %s", field, value)
	}
}

func wrapped(orderData []byte) []byte {
	return append(append([]byte(`{"status":"pending","orderData":`), orderData...), '}')
}

// changed sets a field of the order, or of its only item.
func changed(t *testing.T, good []byte, field, value string) []byte {
	t.Helper()
	var o map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(good, &o))
	inner, nested := strings.CutPrefix(field, "items.")
	if nested {
		item := bytes.Trim(o["items"], "[]")
		value = "[" + string(changed(t, item, inner, value)) + "]"
		field = "items"
	}
	if o[field] = json.RawMessage(value); value == "absent" {
		delete(o, field)
	}
	// Written by hand: encoding/json would refuse or compact what the row means.
	var members []string
	for name, member := range o {
		members = append(members, `"`+name+`":`+string(member))
	}
	return []byte("{" + strings.Join(members, ",") + "}")
}
