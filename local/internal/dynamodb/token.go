package dynamodb

// This file defines client request tokens: a transaction that is sent again with
// the token of an earlier one is done once.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html#DDB-TransactWriteItems-request-ClientRequestToken

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/dynamodb/expr"
)

// tokenLife is how long a token stands for its request.
const tokenLife = 10 * time.Minute

// tokens counts what the store keeps, so that looking for ended ones costs each
// transaction little: it is done when as many have come as were left.
type tokens struct{ added, left int }

// tokensAtLeast is how many come before the first look.
const tokensAtLeast = 256

// token remembers a transaction's token, with the second of its end and what the
// transaction was; repeated: it has been done.
func (x *session) token(token *string, parts []*part) (repeated bool, err error) {
	if token == nil {
		return false, nil
	}
	now, print := uint64(x.now.UnixMilli()), fingerprint(parts)
	if known, ok := x.Get(bucketTokens, *token); ok && binary.BigEndian.Uint64(known) > now {
		if string(known[8:]) != string(print) {
			return false, awswire.Errorf("IdempotentParameterMismatchException", "The request uses the same client token as a previous, but non-identical request. Do not reuse a client token with different requests, unless the requests are identical")
		}
		return true, nil
	}
	x.forgetTokens(now)
	x.Put(bucketTokens, *token, append(binary.BigEndian.AppendUint64(nil, now+uint64(tokenLife.Milliseconds())), print...))
	return false, nil
}

// forgetTokens removes those that have ended, if it is time to look. It runs in
// the store's line of updates, which guards the counts.
func (x *session) forgetTokens(now uint64) {
	t := &x.service.tokens
	if t.added++; t.added < tokensAtLeast+t.left {
		return
	}
	t.added, t.left = 0, 0
	var ended []string
	for token, known := range x.Scan(bucketTokens, "", "") {
		if binary.BigEndian.Uint64(known) <= now {
			ended = append(ended, token)
		} else {
			t.left++
		}
	}
	for _, token := range ended {
		x.Delete(bucketTokens, token)
	}
}

// fingerprint is the same for requests that ask for the same: the order of
// names, of an item's attributes and of a set's members does not count.
func fingerprint(parts []*part) []byte {
	var b []byte
	optional := func(text *string) {
		if b = append(b, '-'); text != nil {
			b[len(b)-1] = '+'
			b = appendText(b, *text)
		}
	}
	for _, p := range parts {
		b = appendText(b, string(p.verb))
		b = appendText(b, p.mutation.table.ID)
		b = appendValue(b, sorted(p.given.Map))
		optional(p.expressions.update)
		optional(p.expressions.condition)
		optional(p.onFailure)
		placeholders := &expr.Map{}
		for _, n := range p.expressions.names {
			placeholders.Put(n.Name, expr.String(n.Value))
		}
		for _, v := range p.expressions.values {
			placeholders.Put(v.Name, v.Value.value)
		}
		b = appendValue(b, sorted(placeholders))
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

// sorted returns a value with its maps and sets in order.
func sorted(v expr.Value) expr.Value {
	switch v := v.(type) {
	case *expr.Set:
		return &expr.Set{Of: v.Of, Members: slices.Sorted(slices.Values(v.Members))}
	case expr.List:
		out := expr.List{}
		for _, x := range v {
			out = append(out, sorted(x))
		}
		return out
	case *expr.Map:
		members := maps.Collect(v.All())
		out := &expr.Map{}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			out.Put(name, sorted(members[name]))
		}
		return out
	}
	return v
}
