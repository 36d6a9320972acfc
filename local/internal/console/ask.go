package console

// This file defines asking services, and taking their answers apart. The names
// of members are the SDK's; history events keep the wire's.

import (
	"context"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// doc is an answer, or a part of one.
type doc struct{ v jsonvalue.Value }

// params makes parameters of names and values.
func params(pairs ...any) *jsonvalue.Object {
	var b jsonvalue.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		v := pairs[i+1]
		if n, ok := v.(int); ok {
			v = jsonvalue.Int(int64(n))
		}
		b.Set(pairs[i].(string), v)
	}
	return b.Object()
}

func (c *Console) ask(ctx context.Context, service, operation string, pairs ...any) (doc, error) {
	v, err := c.Caller.Call(ctx, awswire.Root(c.Account), service, operation, params(pairs...))
	return doc{v}, err
}

// get returns a member, whichever case its first letter has.
func (d doc) get(name string) doc {
	o, ok := d.v.(*jsonvalue.Object)
	if !ok {
		return doc{}
	}
	v, ok := o.Get(name)
	if !ok {
		v, _ = o.Get(strings.ToLower(name[:1]) + name[1:])
	}
	return doc{v}
}

func (d doc) text(name string) string {
	switch v := d.get(name).v.(type) {
	case string:
		return v
	case jsonvalue.Number:
		return string(v)
	}
	return ""
}

func (d doc) int(name string) int {
	n, _ := d.get(name).v.(jsonvalue.Number)
	f, _ := n.Float64()
	return int(f)
}

func (d doc) time(name string) time.Time {
	switch v := d.get(name).v.(type) {
	case jsonvalue.Number:
		f, _ := v.Float64()
		return time.UnixMilli(int64(f * 1000)).UTC()
	case string:
		t, _ := time.Parse(time.RFC3339, v)
		return t
	}
	return time.Time{}
}

func (d doc) list(name string) []doc {
	a, _ := d.get(name).v.([]any)
	out := make([]doc, len(a))
	for i, v := range a {
		out[i] = doc{v}
	}
	return out
}

func (d doc) has(name string) bool { return d.get(name).v != nil }

// all reads every page of a listing, up to a thousand pages.
func (c *Console) all(ctx context.Context, service, operation, member, token string, pairs ...any) ([]doc, error) {
	var out []doc
	next := ""
	for range 1000 {
		asked := pairs
		if next != "" {
			asked = append(append([]any{}, pairs...), token, next)
		}
		page, err := c.ask(ctx, service, operation, asked...)
		if err != nil {
			return out, err
		}
		out = append(out, page.list(member)...)
		if next = page.text(token); next == "" {
			break
		}
	}
	return out, nil
}

func lastOf(arn string) string { return arn[strings.LastIndexAny(arn, ":/")+1:] }

func (d doc) float(name string) float64 {
	n, _ := d.get(name).v.(jsonvalue.Number)
	f, _ := n.Float64()
	return f
}
