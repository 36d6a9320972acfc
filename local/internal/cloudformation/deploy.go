package cloudformation

// This file defines deployment: what is to be done for a stack, in which order,
// and how it is undone.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
	"github.com/stepworks/stepworks/local/internal/template"
)

// Config is what the service needs.
type Config struct {
	Account, Region string
	Store           *store.Store
	Clock           clock.Clock
	Caller          Caller
}

// Service keeps stacks.
type Service struct{ Config }

// New returns the service.
func New(cfg Config) *Service { return &Service{cfg} }

// Deployment is what a stack is to become.
type Deployment struct {
	Stack string // its name
	// Wanted is the template in its environment.
	Wanted *template.Stack
	// Adapt turns what lies on the local disk (code, definitions) into
	// properties. It may be nil.
	Adapt func(r *template.Resource, properties *jsonvalue.Object) (*jsonvalue.Object, error)
	// Progress is told each step. It may be nil.
	Progress func(Event)
}

// Event is one step of a deployment.
type Event struct {
	Time      time.Time
	LogicalID string
	Type      string
	Status    string // CREATE_COMPLETE, UPDATE_FAILED, ...
	Reason    string
}

// Environment is what a template needs to know of a stack of this name.
func (s *Service) Environment(stack string, parameters map[string]string) template.Environment {
	return template.Environment{Account: s.Account, Region: s.Region, StackName: stack, StackID: s.stackID(stack), Parameters: parameters, Dynamic: s.dynamic}
}

func (s *Service) stackID(stack string) string {
	return fmt.Sprintf("arn:aws:cloudformation:%s:%s:stack/%s/00000000-0000-0000-0000-%012x", s.Region, s.Account, stack, len(stack))
}

// Deploy makes the stack what it is wanted to be and returns its outputs. When a
// step fails, what this deployment created is deleted again, in reverse, and what
// it updated is put back; the error says which step and why.
func (s *Service) Deploy(ctx context.Context, d Deployment) (map[string]string, error) {
	if err := Unsupported(d.Wanted); err != nil {
		return nil, err
	}
	state, err := s.load(d.Stack)
	if err != nil {
		return nil, err
	}
	run := &deployment{Service: s, Deployment: d, state: state}
	if err := run.forward(ctx); err != nil {
		run.state.Status = "ROLLBACK_COMPLETE"
		if undo := run.undo(context.WithoutCancel(ctx)); undo != nil {
			run.state.Status = "ROLLBACK_FAILED"
			err = errors.Join(err, fmt.Errorf("and it could not all be undone: %w", undo))
		}
		return nil, errors.Join(err, run.save())
	}
	state.Status = "DEPLOYED"
	if state.Outputs, err = run.outputs(); err != nil {
		return nil, err
	}
	return state.Outputs, run.save()
}

// Delete removes a stack's resources, last made first.
func (s *Service) Delete(ctx context.Context, stack string) error {
	state, err := s.load(stack)
	if err != nil {
		return err
	}
	run := &deployment{Service: s, Deployment: Deployment{Stack: stack}, state: state}
	for _, id := range slices.Backward(slices.Clone(state.Order)) {
		if err := run.removeStored(ctx, id); err != nil {
			return err
		}
	}
	return s.Store.Update(func(tx *store.Tx) error { tx.Delete(bucketStack, stack); return nil })
}

// deployment is one run.
type deployment struct {
	*Service
	Deployment
	state *stackState
	undos []func(context.Context) error
}

func (d *deployment) tell(id, kind, status, reason string) {
	if d.Progress != nil {
		d.Progress(Event{Time: d.Clock.Now(), LogicalID: id, Type: kind, Status: status, Reason: reason})
	}
}

// forward creates and updates in order, then deletes what is no longer wanted.
func (d *deployment) forward(ctx context.Context) error {
	for _, r := range d.Wanted.Resources {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := d.bring(ctx, r); err != nil {
			return fmt.Errorf("%s (%s): %w", r.LogicalID, r.Type, err)
		}
	}
	for _, id := range slices.Backward(slices.Clone(d.state.Order)) {
		if d.Wanted.Resource(id) == nil {
			if err := d.removeStored(ctx, id); err != nil {
				return fmt.Errorf("%s: %w", id, err)
			}
		}
	}
	return nil
}

// bring makes one resource what it is wanted to be.
func (d *deployment) bring(ctx context.Context, r *template.Resource) error {
	properties, err := d.Wanted.Resolve(r, d.state)
	if err != nil {
		return err
	}
	if d.Adapt != nil {
		if properties, err = d.Adapt(r, properties); err != nil {
			return err
		}
	}
	have := d.state.Resources[r.LogicalID]
	switch {
	case have == nil:
		return d.create(ctx, r, properties)
	case have.Type == r.Type && jsonvalue.Equal(have.properties(), properties):
		return nil
	case have.Type != r.Type || replaces(r.Type, have.properties(), properties):
		return d.replace(ctx, r, have, properties)
	}
	return d.update(ctx, r, have, properties)
}

// replaces tells whether a changed property makes a new resource.
func replaces(resourceType string, old, wanted *jsonvalue.Object) bool {
	if providers[resourceType].update == nil {
		return true
	}
	t := template.TypeOf(resourceType)
	for _, p := range t.Properties() {
		a, _ := old.Get(p.Name)
		b, _ := wanted.Get(p.Name)
		if p.Replace && !jsonvalue.Equal(a, b) {
			return true
		}
	}
	return false
}

func (d *deployment) request(id, kind string, properties *jsonvalue.Object) *request {
	return &request{caller: d.Caller, as: awswire.Root(d.Account), Account: d.Account, Region: d.Region, Stack: d.Stack, LogicalID: id, Type: kind, Properties: properties}
}

func (d *deployment) create(ctx context.Context, r *template.Resource, properties *jsonvalue.Object) error {
	p, ok := providers[r.Type]
	if !ok {
		return errUnsupported(r.Type)
	}
	req := d.request(r.LogicalID, r.Type, properties)
	physical, err := p.create(ctx, req)
	if err != nil {
		physical = req.PhysicalID // set when it was made, before something else failed
	}
	if physical != "" {
		d.state.add(r, physical, properties)
		d.undos = append(d.undos, func(ctx context.Context) error { return d.removeStored(ctx, r.LogicalID) })
	}
	if err != nil {
		d.tell(r.LogicalID, r.Type, "CREATE_FAILED", err.Error())
		return err
	}
	req.PhysicalID = physical
	return d.settle(ctx, p, req, "CREATE_COMPLETE")
}

// settle asks for the attributes and stores the state.
func (d *deployment) settle(ctx context.Context, p provider, req *request, status string) error {
	have := d.state.Resources[req.LogicalID]
	have.Attributes = nil
	if p.attributes != nil {
		values, err := p.attributes(ctx, req)
		if err != nil {
			return err
		}
		have.setAttributes(values)
	}
	d.tell(req.LogicalID, req.Type, status, "")
	return d.save()
}

func (d *deployment) update(ctx context.Context, r *template.Resource, have *resourceState, properties *jsonvalue.Object) error {
	old := have.properties()
	change := func(ctx context.Context, from, to *jsonvalue.Object) error {
		req := d.request(r.LogicalID, r.Type, to)
		req.Old, req.PhysicalID = from, have.PhysicalID
		if err := providers[r.Type].update(ctx, req); err != nil {
			return err
		}
		have.setProperties(to)
		return d.settle(ctx, providers[r.Type], req, "UPDATE_COMPLETE")
	}
	d.undos = append(d.undos, func(ctx context.Context) error { return change(ctx, properties, old) })
	if err := change(ctx, old, properties); err != nil {
		d.tell(r.LogicalID, r.Type, "UPDATE_FAILED", err.Error())
		return err
	}
	return nil
}

// replace makes the new one before the old one goes, unless they would have the
// same name.
func (d *deployment) replace(ctx context.Context, r *template.Resource, have *resourceState, properties *jsonvalue.Object) error {
	if t := template.TypeOf(r.Type); t != nil && t.NameProperty != "" && textOf(properties, t.NameProperty) != "" &&
		textOf(properties, t.NameProperty) == textOf(have.properties(), t.NameProperty) {
		return fmt.Errorf("this change replaces the resource, and its name %q is taken by the one it would replace: rename it in the template",
			textOf(properties, t.NameProperty))
	}
	old := *have
	if err := d.create(ctx, r, properties); err != nil {
		return err
	}
	if r.UpdateReplacePolicy == "Retain" {
		d.tell(r.LogicalID, r.Type, "UPDATE_COMPLETE", "the replaced "+old.PhysicalID+" is kept")
		return nil
	}
	req := d.request(r.LogicalID, r.Type, old.properties())
	req.PhysicalID = old.PhysicalID
	return providers[old.Type].remove(ctx, req)
}

// removeStored deletes a resource that the state knows, unless it is to be kept.
func (d *deployment) removeStored(ctx context.Context, id string) error {
	have := d.state.Resources[id]
	if have == nil {
		return nil
	}
	status := "DELETE_COMPLETE"
	if have.Retain {
		status = "DELETE_SKIPPED"
	} else if p, ok := providers[have.Type]; ok {
		req := d.request(id, have.Type, have.properties())
		req.PhysicalID = have.PhysicalID
		if err := p.remove(ctx, req); err != nil {
			d.tell(id, have.Type, "DELETE_FAILED", err.Error())
			return err
		}
	}
	d.state.drop(id)
	d.tell(id, have.Type, status, "")
	return d.save()
}

// undo takes back what this run did, last first.
func (d *deployment) undo(ctx context.Context) error {
	var errs []error
	for _, f := range slices.Backward(d.undos) {
		errs = append(errs, f(ctx))
	}
	return errors.Join(errs...)
}

func (d *deployment) outputs() (map[string]string, error) {
	out := map[string]string{}
	for _, o := range d.Wanted.Outputs {
		v, err := d.Wanted.ResolveOutput(o, d.state)
		if err != nil {
			return nil, err
		}
		out[v.Name] = v.Value
	}
	return out, nil
}

// Summary words what a deployment did: "12 created, 1 updated".
func Summary(events []Event) string {
	count := map[string]int{}
	for _, e := range events {
		count[e.Status]++
	}
	var words []string
	for _, w := range [][2]string{{"CREATE_COMPLETE", "created"}, {"UPDATE_COMPLETE", "updated"}, {"DELETE_COMPLETE", "deleted"}, {"DELETE_SKIPPED", "kept"}} {
		if n := count[w[0]]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, w[1]))
		}
	}
	if words == nil {
		return "nothing to change"
	}
	return strings.Join(words, ", ")
}
