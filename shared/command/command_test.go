package command_test

// This file tests what a publisher sees: keys, versions, conflicts, attributes.

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/command"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/object/objecttest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

func newLedger() (command.Ledger, *tabletest.DB) {
	db := tabletest.New(map[string]string{"commands": "pk sk", "data": "pk sk", "history": "pk sk", "master": "pk sk"})
	return command.Ledger{API: db, Commands: "commands", Data: "data", History: "history", Master: "master",
		Now: func() time.Time { return time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC) }}, db
}

func submission(version int, attributes string) command.Submission {
	return command.Submission{Key: theItem, Version: version, Name: "Order 123", Attributes: command.Attributes(attributes)}
}

func TestKeys(t *testing.T) {
	for _, k := range []command.Key{
		{}, {PK: "ORDER", SK: "a"}, {PK: "ORDER#", SK: "a"}, {PK: "#t", SK: "a"}, {PK: "ORDER#t"}, {PK: "ORDER#t", SK: "a@1"},
		{PK: "ORDER#t", SK: strings.Repeat("x", 1020)}, {PK: "ORDER#" + strings.Repeat("x", 2048), SK: "a"},
	} {
		assert.Equal(t, failure.InputMalformed, failure.NameOf(k.Check()), "%.40v", k)
	}
	k := command.Key{PK: "A#B#tenant1", SK: "ORDER#1"}
	require.NoError(t, k.Check())
	assert.Equal(t, "tenant1", k.Tenant())
	assert.Equal(t, "A#B#tenant1#ORDER#1", k.ID())
	back, version, err := command.Split(k.PK, k.At(12))
	require.NoError(t, err)
	assert.Equal(t, k, back)
	assert.Equal(t, 12, version)
	for _, sk := range []string{"", "a", "a@", "a@x", "a@0", "a@-1"} {
		_, _, err := command.Split("ORDER#t", sk)
		assert.Equal(t, failure.InputMalformed, failure.NameOf(err), sk)
	}
}

func TestExecutionNames(t *testing.T) {
	seen := map[string]string{}
	for _, k := range []struct{ pk, sk, want string }{
		{"ORDER#tenant1", "ORDER#order123@1", "command-ORDER-tenant1-ORDER-order123-v1"},
		{"ORDER#tenant1", "ORDER#order123@12", "command-ORDER-tenant1-ORDER-order123-v12"},
		{"ORDER#tenant1#ORDER", "order123@1", ""}, {"ORDER#tenant1", "ORDER-order123@1", ""}, {"ORDER#tenant1", "ORDER order123@1", ""},
		{"ÖRDER#tenant1", "a@1", ""}, {"ORDER#tenant1", strings.Repeat("y", 100) + "@1", ""}, {"ORDER#tenant1", strings.Repeat("y", 100) + "@2", ""},
	} {
		name, err := command.ExecutionName("command", k.pk, k.sk)
		require.NoError(t, err)
		assert.Regexp(t, `^[0-9A-Za-z_-]{1,80}$`, name)
		assert.Empty(t, seen[name], "%s %s has the name of another", k.pk, k.sk)
		seen[name] = k.pk
		if k.want != "" {
			assert.Equal(t, k.want, name)
		}
	}
	_, err := command.ExecutionName("command", "ORDER#t", "no version")
	assert.Error(t, err)
}

// TestVersions: who builds on what is no longer the newest is refused, whatever
// stands where.
func TestVersions(t *testing.T) {
	l, db := newLedger()
	publish := func(s command.Submission) (command.Published, failure.Name) {
		p, err := l.Publish(t.Context(), s)
		if err != nil {
			return p, failure.NameOf(err)
		}
		return p, ""
	}
	_, name := publish(submission(3, `{"a":1}`))
	assert.Equal(t, failure.CommandConflict, name, "there is no version 3")
	p, name := publish(submission(0, `{"a":1}`))
	require.Empty(t, name)
	assert.Equal(t, 1, p.Row.Version)
	assert.Equal(t, "2026-11-21T10:00:00Z", p.Row.CreatedAt)
	_, name = publish(submission(0, `{"a":2}`))
	assert.Equal(t, failure.CommandConflict, name, "it is not new any more")
	p, name = publish(submission(1, `{"a":1.0}`))
	require.Empty(t, name)
	assert.True(t, p.Unchanged, "1.0 is 1")
	_, name = publish(submission(1, `{"a":2}`))
	require.Empty(t, name)
	_, name = publish(submission(1, `{"a":3}`))
	assert.Equal(t, failure.CommandConflict, name)
	for n := range 9 {
		p, name = publish(submission(command.Latest, fmt.Sprintf(`{"a":"%d"}`, n)))
		require.Empty(t, name)
		assert.Equal(t, n+3, p.Row.Version)
	}
	assert.Len(t, db.Rows("commands"), 11)
	_, name = publish(submission(-2, `{}`))
	assert.Equal(t, failure.InputMalformed, name)

	// Only the data is left: the commands have expired.
	l, db = newLedger()
	db.Set("data", command.Row{PK: theItem.PK, SK: theItem.SK, Version: 5, Attributes: command.Attributes(`{"a":5}`), Name: "Order 123"})
	_, name = publish(submission(0, `{"a":6}`))
	assert.Equal(t, failure.CommandConflict, name)
	_, name = publish(submission(4, `{"a":6}`))
	assert.Equal(t, failure.CommandConflict, name)
	p, name = publish(submission(command.Latest, `{"a":5}`))
	assert.Empty(t, name)
	assert.True(t, p.Unchanged)
	p, name = publish(submission(5, `{"a":6}`))
	assert.Empty(t, name)
	assert.Equal(t, 6, p.Row.Version)
}

// TestRace: ten publishers read version 1; one of them is second to nobody.
func TestRace(t *testing.T) {
	l, db := newLedger()
	_, err := l.Publish(t.Context(), submission(0, `{}`))
	require.NoError(t, err)
	var wg sync.WaitGroup
	errs := make([]error, 10)
	for i := range errs {
		wg.Go(func() { _, errs[i] = l.Publish(context.Background(), submission(1, fmt.Sprintf(`{"n":%d}`, i))) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		assert.Equal(t, failure.CommandConflict, failure.NameOf(err))
		assert.ErrorContains(t, err, "ORDER#tenant1#ORDER#order123 is at version 2 or later, this command builds on version 1")
	}
	assert.Equal(t, 1, won)
	assert.Len(t, db.Rows("commands"), 2)
}

// TestLostAnswer: a request that is repeated publishes once.
func TestLostAnswer(t *testing.T) {
	l, db := newLedger()
	s := submission(0, `{"a":1}`)
	s.RequestID = "r1"
	db.Written = func(context.Context, string) error { return errLost }
	_, err := l.Publish(t.Context(), s)
	require.Error(t, err)
	db.Written = nil
	p, err := l.Publish(t.Context(), s)
	require.NoError(t, err)
	assert.Equal(t, 1, p.Row.Version)
	assert.Len(t, db.Rows("commands"), 1)
}

func TestPartial(t *testing.T) {
	l, _ := newLedger()
	s := submission(command.Latest, `{"a":{"c":null,"d":4}}`)
	s.Partial, s.Name = true, ""
	_, err := l.Publish(t.Context(), s)
	assert.Equal(t, failure.CommandNotFound, failure.NameOf(err))
	_, err = l.Publish(t.Context(), submission(0, `{"a":{"b":2,"c":3},"z":[1]}`))
	require.NoError(t, err)
	p, err := l.Publish(t.Context(), s)
	require.NoError(t, err)
	assert.JSONEq(t, `{"a":{"b":2,"d":4},"z":[1]}`, string(p.Row.Attributes))
	assert.Equal(t, "Order 123", p.Row.Name)
}

func TestMalformedAttributes(t *testing.T) {
	l, db := newLedger()
	for _, text := range []string{`[]`, `"s3://x/y"`, `7`, `{`, `{} {}`, `{"n":1e200}`, `{"n":123456789012345678901234567890123456789}`} {
		_, err := l.Publish(t.Context(), submission(0, text))
		assert.Equal(t, failure.InputMalformed, failure.NameOf(err), text)
	}
	_, err := l.Publish(t.Context(), submission(0, `{"a":"`+strings.Repeat("x", command.AttributeLimit)+`"}`))
	assert.ErrorContains(t, err, "102400 fit into a row", "there is no bucket")
	assert.Empty(t, db.Rows("commands"))
}

// TestAttributesSurvive: what was published comes back, through DynamoDB's types.
func TestAttributesSurvive(t *testing.T) {
	for _, text := range []string{`{}`, `{"a":null,"b":true,"c":"<&>","d":12345678901234567890,"e":-0.50,"f":[{"g":[]},1e3],"":""}`} {
		l, db := newLedger()
		_, err := l.Publish(t.Context(), submission(0, text))
		require.NoError(t, err)
		var row command.Row
		require.True(t, db.Load("commands", tabletest.Pair(theItem.PK, theItem.At(1)), &row))
		assert.JSONEq(t, text, string(row.Attributes))
		p, err := l.Publish(t.Context(), submission(1, text))
		require.NoError(t, err)
		assert.True(t, p.Unchanged)
	}
}

// TestLargeAttributes: 300 KB go to S3, and are told apart from others.
func TestLargeAttributes(t *testing.T) {
	l, db := newLedger()
	s3 := objecttest.New(t)
	l.Objects, l.Bucket = s3, objecttest.Bucket
	large := `{"text":"` + strings.Repeat("y", 300_000) + `"}`
	p, err := l.Publish(t.Context(), submission(0, large))
	require.NoError(t, err)
	assert.Less(t, len(p.Row.Attributes), 200)
	text, err := l.Attributes(t.Context(), p.Row)
	require.NoError(t, err)
	assert.JSONEq(t, large, string(text))
	p, err = l.Publish(t.Context(), submission(1, large))
	require.NoError(t, err)
	assert.True(t, p.Unchanged, "equal content has an equal address")
	change := submission(1, `{"b":1}`)
	change.Partial = true
	p, err = l.Publish(t.Context(), change)
	require.NoError(t, err)
	text, err = l.Attributes(t.Context(), p.Row)
	require.NoError(t, err)
	var whole map[string]any
	require.NoError(t, json.Unmarshal(text, &whole))
	assert.Len(t, whole, 2)
	assert.Len(t, db.Rows("commands"), 2)
	_, err = l.Attributes(t.Context(), command.Row{Attributes: command.Attributes(`"s3://elsewhere/attributes/x"`)})
	assert.ErrorContains(t, err, "not in the bucket that is configured")
	_, err = l.Publish(t.Context(), submission(2, `{"text":"`+strings.Repeat("y", 17<<20)+`"}`))
	assert.Equal(t, failure.InputMalformed, failure.NameOf(err))
}

// TestDaysToLive come from the master table, by tenant and table.
func TestDaysToLive(t *testing.T) {
	l, db := newLedger()
	db.Set("master", map[string]any{"pk": "MASTER#tenant1", "sk": "TTL#data", "attributes": map[string]any{"days": 30}})
	p, err := l.Publish(t.Context(), submission(0, `{}`))
	require.NoError(t, err)
	assert.Equal(t, l.Now().AddDate(0, 0, 30).Unix(), p.Row.TTL)
	other := submission(0, `{}`)
	other.PK = "ORDER#tenant2"
	p, err = l.Publish(t.Context(), other)
	require.NoError(t, err)
	assert.Zero(t, p.Row.TTL)
}
