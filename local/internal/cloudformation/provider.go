package cloudformation

// This file defines what every resource type has in common: how one is created,
// updated and deleted through the service's own operations, so a template passes
// the same checks as any caller.

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/template"
)

// Caller is the in-process form of AWS's operations (awswire.Server).
type Caller interface {
	Call(ctx context.Context, as awswire.Identity, service, operation string, params jsonvalue.Value) (jsonvalue.Value, error)
}

// provider makes resources of one type. The table of them is providers.
type provider struct {
	// create makes the resource and returns its physical id, what Ref gives.
	create func(ctx context.Context, r *request) (physicalID string, err error)
	// update brings it from r.Old to r.Properties; nil where every change replaces.
	update func(ctx context.Context, r *request) error
	// remove deletes it; that it is gone already is no error.
	remove func(ctx context.Context, r *request) error
	// attributes answers GetAtt, after create and update.
	attributes func(ctx context.Context, r *request) (map[string]jsonvalue.Value, error)
}

// request is one step on one resource.
type request struct {
	caller Caller
	as     awswire.Identity

	Account, Region string
	Stack           string
	LogicalID       string
	Type            string
	PhysicalID      string
	Properties      *jsonvalue.Object // resolved
	Old             *jsonvalue.Object // of the update
	Tags            map[string]string
}

// call runs an operation with params.
func (r *request) call(ctx context.Context, service, operation string, params *jsonvalue.Object) (*jsonvalue.Object, error) {
	out, err := r.caller.Call(ctx, r.as, service, operation, params)
	if err != nil {
		return nil, err
	}
	o, _ := out.(*jsonvalue.Object)
	return o, nil
}

// do is call without an answer.
func (r *request) do(ctx context.Context, service, operation string, params *jsonvalue.Object) error {
	_, err := r.call(ctx, service, operation, params)
	return err
}

// doUnless is do that takes the errors of these codes for success.
func (r *request) doUnless(ctx context.Context, service, operation string, params *jsonvalue.Object, codes ...string) error {
	return ignore(r.do(ctx, service, operation, params), codes...)
}

// ignore takes errors of these codes for success.
func ignore(err error, codes ...string) error {
	for _, code := range codes {
		if awswire.CodeOf(err) == code {
			return nil
		}
	}
	return err
}

func (r *request) arn(service, resource string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, r.Region, r.Account, resource)
}

// text returns a property that is text, "" if absent.
func (r *request) text(name string) string { return textOf(r.Properties, name) }

func textOf(o *jsonvalue.Object, name string) string {
	v, _ := o.Get(name)
	switch v := v.(type) {
	case string:
		return v
	case jsonvalue.Number:
		return string(v)
	case bool:
		return fmt.Sprint(v)
	}
	return ""
}

func isTrue(o *jsonvalue.Object, name string) bool { return textOf(o, name) == "true" }

// name returns the physical name: the property, or one made of the stack, the
// logical id and something random, as CloudFormation does.
func (r *request) name(property string) string {
	if n := r.text(property); n != "" {
		return n
	}
	return fmt.Sprintf("%s-%s-%s", r.Stack, r.LogicalID, randomText())
}

func randomText() string { return strings.ToUpper(rand.Text()[:12]) }

// pick returns the named properties that are there; "A:B" renames A to B.
func pick(o *jsonvalue.Object, names ...string) *jsonvalue.Object {
	var b jsonvalue.Builder
	for _, name := range names {
		from, to, renamed := strings.Cut(name, ":")
		if !renamed {
			to = from
		}
		if v, ok := o.Get(from); ok {
			b.Set(to, v)
		}
	}
	return b.Object()
}

// params builds an object from names and values in turn.
func params(pairs ...any) *jsonvalue.Object {
	var b jsonvalue.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			panic("cloudformation: params takes names and values in turn")
		}
		b.Set(name, pairs[i+1])
	}
	return b.Object()
}

// jsonText is a policy or pattern as the APIs want it: text, whichever way the
// template has it.
func jsonText(v jsonvalue.Value) string {
	if s, ok := v.(string); ok {
		return s
	}
	return jsonvalue.String(v)
}

func list(o *jsonvalue.Object, name string) []any {
	v, _ := o.Get(name)
	items, _ := v.([]any)
	return items
}

func object(v jsonvalue.Value) *jsonvalue.Object {
	o, _ := v.(*jsonvalue.Object)
	return o
}

func child(o *jsonvalue.Object, name string) *jsonvalue.Object {
	v, _ := o.Get(name)
	return object(v)
}

// changed tells whether a property differs between an update's two sides.
func (r *request) changed(name string) bool {
	a, _ := r.Old.Get(name)
	b, _ := r.Properties.Get(name)
	return !jsonvalue.Equal(a, b)
}

// tagMap turns the template's list of Key and Value into a map.
func tagMap(o *jsonvalue.Object) *jsonvalue.Object {
	var b jsonvalue.Builder
	if m := child(o, "Tags"); m != nil {
		return m
	}
	for _, t := range list(o, "Tags") {
		b.Set(textOf(object(t), "Key"), textOf(object(t), "Value"))
	}
	return b.Object()
}

// fixed answers GetAtt with values known beforehand.
func fixed(values func(r *request) map[string]jsonvalue.Value) func(context.Context, *request) (map[string]jsonvalue.Value, error) {
	return func(_ context.Context, r *request) (map[string]jsonvalue.Value, error) { return values(r), nil }
}

// errUnsupported says that a type is not offered, which [Unsupported] tells
// before anything is made.
func errUnsupported(resourceType string) error {
	return errors.New("the local AWS does not create " + resourceType)
}

// Unsupported returns, all at once and with their places, the resources whose
// type the template may have but nothing here creates; nil if there are none.
func Unsupported(wanted *template.Stack) error {
	var problems template.Problems
	for _, r := range wanted.Resources {
		if _, ok := providers[r.Type]; !ok {
			problems = append(problems, template.Problem{File: wanted.Template.File, Position: r.At, Path: "Resources." + r.LogicalID + ".Type", Message: errUnsupported(r.Type).Error()})
		}
	}
	if problems == nil {
		return nil
	}
	slices.SortStableFunc(problems, func(a, b template.Problem) int { return cmp.Compare(a.Line, b.Line) })
	return problems
}
