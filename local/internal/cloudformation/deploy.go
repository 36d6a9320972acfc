package cloudformation

// This file defines deployment: what is to be done for a stack, in which order,
// and how it is undone.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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
type Service struct {
	Config
	work    sync.WaitGroup // deployments under way
	cancels sync.Map       // stack name -> context.CancelFunc of one that a request started
}

// New returns the service.
func New(cfg Config) *Service { return &Service{Config: cfg} }

// Start takes up what an earlier process left: a stack whose deployment was under
// way has failed, and can be deployed or deleted again.
func (s *Service) Start() error {
	return s.Store.Update(func(tx *store.Tx) error {
		for name := range tx.Scan(bucketStack, "", "") {
			state, err := s.read(tx, name)
			if err != nil {
				return err
			}
			verb, _, inProgress := strings.Cut(state.Status, "_")
			if !strings.HasSuffix(state.Status, "_IN_PROGRESS") || !inProgress || verb == "REVIEW" {
				continue
			}
			if verb == "ROLLBACK" {
				verb = "CREATE"
			}
			if err := state.put(tx, state.turn(s.Clock.Now(), verb+"_FAILED", "The local AWS was stopped in the middle of it.")); err != nil {
				return err
			}
		}
		return nil
	})
}

// Close waits for deployments under way.
func (s *Service) Close() { s.work.Wait() }

// Deployment is what a stack is to become.
type Deployment struct {
	Stack string // its name
	Source
	// Wanted is the template in its environment.
	Wanted *template.Stack
	// Adapt turns what lies on the local disk (code, definitions) into
	// properties. It may be nil.
	Adapt template.Adapt
	// Progress is told each step. It may be nil.
	Progress func(Event)

	changeSet string // the id of the one that is executed
}

// Event is one step of a deployment.
type Event struct {
	Time       time.Time
	LogicalID  string
	PhysicalID string
	Type       string
	Status     string // CREATE_COMPLETE, UPDATE_FAILED, ...
	Reason     string
}

// stackType is the type of a stack's own events.
const stackType = "AWS::CloudFormation::Stack"

// turn gives the stack a status and returns the event of it.
func (st *stackState) turn(now time.Time, status, reason string) Event {
	st.Status, st.Reason = status, reason
	return Event{Time: now, LogicalID: st.Name, PhysicalID: st.ID, Type: stackType, Status: status, Reason: reason}
}

// Environment is what a template needs to know of a stack of this name. Dynamic
// references stay as they are until a service is called, so that what is stored
// of a stack holds no secret.
func (s *Service) Environment(stack string, parameters map[string]string) (template.Environment, error) {
	state, err := s.load(stack)
	return template.Environment{Account: s.Account, Region: s.Region, StackName: stack, StackID: state.ID, Parameters: parameters,
		Dynamic: func(service, reference string) (string, error) {
			return "{{resolve:" + service + ":" + reference + "}}", nil
		},
		Parameter: func(name string) (string, error) { return s.dynamic("ssm", name) }}, err
}

// Deploy makes the stack what it is wanted to be and returns its outputs. When a
// step fails, what this deployment created is deleted again, in reverse, and what
// it updated is put back; the error says which step and why.
func (s *Service) Deploy(ctx context.Context, d Deployment) (map[string]string, error) {
	run, err := s.begin(d)
	if err != nil {
		return nil, err
	}
	defer s.work.Done()
	if err := run.perform(ctx); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, o := range run.state.Outputs {
		out[o.Name] = o.Value
	}
	return out, nil
}

// begin checks that the stack can be deployed and says that it is being so.
// Whoever called it calls perform, then s.work.Done.
func (s *Service) begin(d Deployment) (*deployment, error) {
	if err := Unsupported(d.Wanted); err != nil {
		return nil, err
	}
	d.Source = d.Source.of(d.Wanted)
	run := &deployment{Service: s, Deployment: d, verb: "UPDATE"}
	err := s.Store.Update(func(tx *store.Tx) (err error) {
		if run.state, err = s.read(tx, d.Stack); err != nil {
			return err
		}
		if strings.HasSuffix(run.state.Status, "_IN_PROGRESS") && run.state.Status != reviewing {
			return errState(run.state)
		}
		switch run.state.Status {
		case "", reviewing, "ROLLBACK_COMPLETE":
			run.verb, run.state.Created, run.state.Source = "CREATE", s.Clock.Now(), d.Source
		default:
			run.state.Updated = s.Clock.Now()
		}
		run.state.ChangeSet = cmp.Or(d.changeSet, run.state.ChangeSet)
		return run.state.put(tx, run.state.turn(s.Clock.Now(), run.verb+"_IN_PROGRESS", "User Initiated"))
	})
	if err != nil {
		return nil, err
	}
	s.work.Add(1)
	return run, nil
}

// deployment is one run.
type deployment struct {
	*Service
	Deployment
	verb  string // CREATE, UPDATE or DELETE
	state *stackState
	undos []func(context.Context) error
}

// perform goes forward, and back when that fails.
func (d *deployment) perform(ctx context.Context) error {
	release := d.Clock.Hold()
	defer release()
	before := d.state.Source
	if err := d.forward(ctx); err != nil {
		return d.back(context.WithoutCancel(ctx), before, err)
	}
	if d.verb == "UPDATE" {
		if err := d.turn("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", ""); err != nil {
			return err
		}
	}
	d.cleanUp(context.WithoutCancel(ctx))
	return d.turn(d.verb+"_COMPLETE", "")
}

// back undoes, and returns why it had to.
func (d *deployment) back(ctx context.Context, before Source, cause error) error {
	prefix := map[string]string{"CREATE": "", "UPDATE": "UPDATE_"}[d.verb]
	if d.DisableRollback {
		d.state.Source = d.Source
		return errors.Join(cause, d.turn(d.verb+"_FAILED", cause.Error()))
	}
	err := errors.Join(cause, d.turn(prefix+"ROLLBACK_IN_PROGRESS", cause.Error()))
	d.state.Source = before
	if undo := d.undo(ctx); undo != nil {
		return errors.Join(err, fmt.Errorf("and it could not all be undone: %w", undo), d.turn(prefix+"ROLLBACK_FAILED", undo.Error()))
	}
	return errors.Join(err, d.turn(prefix+"ROLLBACK_COMPLETE", ""))
}

// turn stores the stack with a new status.
func (d *deployment) turn(status, reason string) error {
	return d.save(func(tx *store.Tx) error { return d.state.put(tx, d.state.turn(d.Clock.Now(), status, reason)) })
}

// Delete removes a stack's resources, last made first.
func (s *Service) Delete(ctx context.Context, stack string) error {
	run, err := s.beginDelete(stack, nil)
	if err != nil || run == nil {
		return err
	}
	defer s.work.Done()
	return run.performDelete(ctx)
}

// beginDelete is begin for a deletion; without a stack there is nothing to do.
// Those of retain are left alone.
func (s *Service) beginDelete(stack string, retain []string) (*deployment, error) {
	run := &deployment{Service: s, Deployment: Deployment{Stack: stack}, verb: "DELETE"}
	err := s.Store.Update(func(tx *store.Tx) (err error) {
		if run.state, err = s.read(tx, stack); err != nil || !run.state.exists() {
			return err
		}
		if strings.HasSuffix(run.state.Status, "_IN_PROGRESS") && run.state.Status != reviewing {
			return errState(run.state)
		}
		for _, id := range retain {
			if have := run.state.Resources[id]; have != nil {
				have.Policy = "Retain"
			}
		}
		return run.state.put(tx, run.state.turn(s.Clock.Now(), "DELETE_IN_PROGRESS", "User Initiated"))
	})
	if err != nil || !run.state.exists() {
		return nil, err
	}
	s.work.Add(1)
	return run, nil
}

// performDelete goes on behind a resource that cannot be deleted, and tells all.
func (d *deployment) performDelete(ctx context.Context) error {
	release := d.Clock.Hold()
	defer release()
	d.removeLeftovers(ctx)
	var errs []error
	var failed []string
	for _, have := range slices.Backward(d.state.order()) {
		if err := d.removeStored(ctx, have.LogicalID, keep(have.Policy)); err != nil {
			errs, failed = append(errs, fmt.Errorf("%s (%s): %w", have.LogicalID, have.Type, err)), append(failed, have.LogicalID)
		}
	}
	if errs != nil {
		errs = append(errs, d.turn("DELETE_FAILED", fmt.Sprintf("The following resource(s) failed to delete: [%s]. ", strings.Join(failed, ", "))))
		return errors.Join(errs...)
	}
	return d.save(func(tx *store.Tx) error {
		d.state.Deleted = d.Clock.Now()
		if err := d.state.put(tx, d.state.turn(d.state.Deleted, "DELETE_COMPLETE", "")); err != nil {
			return err
		}
		return d.state.bury(tx)
	})
}

// tell stores a resource as it is now, with the event of it.
func (d *deployment) tell(id, kind, physical, status, reason string) error {
	e := Event{Time: d.Clock.Now(), LogicalID: id, PhysicalID: physical, Type: kind, Status: status, Reason: reason}
	if have := d.state.Resources[id]; have != nil {
		have.Status, have.StatusReason, have.Changed = status, reason, e.Time
	}
	if d.Progress != nil {
		d.Progress(e)
	}
	begun := e
	verb, outcome, _ := strings.Cut(status, "_")
	begun.Status, begun.Reason = verb+"_IN_PROGRESS", ""
	events := []Event{begun, e}
	if outcome == "SKIPPED" {
		events = events[1:]
	}
	return d.save(func(tx *store.Tx) error {
		if err := d.state.putResource(tx, id); err != nil {
			return err
		}
		return d.state.put(tx, events...)
	})
}

// forward creates and updates in order and computes the outputs; what is no
// longer wanted is left for cleanUp.
func (d *deployment) forward(ctx context.Context) error {
	for i, r := range d.Wanted.Resources {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := d.bring(ctx, r, i); err != nil {
			return fmt.Errorf("%s (%s): %w", r.LogicalID, r.Type, err)
		}
	}
	outputs := []template.ResolvedOutput{}
	for _, o := range d.Wanted.Outputs {
		v, err := d.Wanted.ResolveOutput(o, d.state)
		if err != nil {
			return err
		}
		outputs = append(outputs, v)
	}
	d.state.Outputs, d.state.Source = outputs, d.Source
	return d.inOrder()
}

// inOrder stores where each resource stands in the template now.
func (d *deployment) inOrder() error {
	return d.save(func(tx *store.Tx) error {
		for i, r := range d.Wanted.Resources {
			if have := d.state.Resources[r.LogicalID]; have.Order != i || have.Policy != r.DeletionPolicy || have.Replace != r.UpdateReplacePolicy {
				have.Order, have.Policy, have.Replace = i, r.DeletionPolicy, r.UpdateReplacePolicy
				if err := d.state.putResource(tx, r.LogicalID); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// cleanUp deletes what was replaced and what is no longer wanted. What cannot be
// deleted leaves the stack all the same, as on AWS, and its event says so.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
func (d *deployment) cleanUp(ctx context.Context) {
	d.removeLeftovers(ctx)
	for _, have := range slices.Backward(d.state.order()) {
		if d.Wanted.Resource(have.LogicalID) != nil {
			continue
		}
		if err := d.removeStored(ctx, have.LogicalID, keep(have.Policy)); err != nil {
			delete(d.state.Resources, have.LogicalID)
			_ = d.tell(have.LogicalID, have.Type, have.PhysicalID, "DELETE_FAILED", err.Error())
		}
	}
}

func (d *deployment) removeLeftovers(ctx context.Context) {
	left := d.state.Leftovers
	d.state.Leftovers = nil
	for _, old := range slices.Backward(left) {
		if err := d.remove(ctx, old); err != nil {
			_ = d.tell(old.LogicalID, old.Type, old.PhysicalID, "DELETE_FAILED", err.Error())
			continue
		}
		_ = d.tellOld(old)
	}
}

// tellOld stores that a replaced resource is gone; the one in its place stays.
func (d *deployment) tellOld(old *resourceState) error {
	e := Event{Time: d.Clock.Now(), LogicalID: old.LogicalID, PhysicalID: old.PhysicalID, Type: old.Type, Status: "DELETE_COMPLETE"}
	return d.save(func(tx *store.Tx) error { return d.state.put(tx, e) })
}

// bring makes one resource what it is wanted to be.
func (d *deployment) bring(ctx context.Context, r *template.Resource, order int) error {
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
		return d.create(ctx, r, order, properties)
	case have.Type == r.Type && jsonvalue.Equal(have.properties(), properties):
		return nil
	case have.Type != r.Type || replaces(r.Type, have.properties(), properties):
		return d.replace(ctx, r, order, have, properties)
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

// request asks for a step on a resource. Secrets are read here, at the last
// moment.
func (d *deployment) request(id, kind string, properties *jsonvalue.Object) (*request, error) {
	known, err := template.ResolveDynamic(kind, properties, d.dynamic)
	return &request{caller: d.Caller, as: awswire.Root(d.Account), Account: d.Account, Region: d.Region, Stack: d.Stack, LogicalID: id, Type: kind, Properties: known}, err
}

func (d *deployment) create(ctx context.Context, r *template.Resource, order int, properties *jsonvalue.Object) error {
	p, ok := providers[r.Type]
	if !ok {
		return errUnsupported(r.Type)
	}
	req, err := d.request(r.LogicalID, r.Type, properties)
	if err != nil {
		return err
	}
	physical, err := p.create(ctx, req)
	if err != nil {
		physical = req.PhysicalID // set when it was made, before something else failed
	}
	if physical != "" {
		d.state.add(r, order, physical, properties)
		// RetainExceptOnCreate means: but not when its own creation is undone.
		d.undos = append(d.undos, func(ctx context.Context) error { return d.removeStored(ctx, r.LogicalID, r.DeletionPolicy == "Retain") })
	}
	if err != nil {
		return errors.Join(err, d.tell(r.LogicalID, r.Type, physical, "CREATE_FAILED", err.Error()))
	}
	req.PhysicalID = physical
	return d.settle(ctx, p, req, "CREATE_COMPLETE")
}

// settle asks for the attributes and stores the resource.
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
	return d.tell(req.LogicalID, req.Type, have.PhysicalID, status, "")
}

func (d *deployment) update(ctx context.Context, r *template.Resource, have *resourceState, properties *jsonvalue.Object) error {
	old := have.properties()
	change := func(ctx context.Context, from, to *jsonvalue.Object) error {
		req, err := d.request(r.LogicalID, r.Type, to)
		if err != nil {
			return err
		}
		req.Old, req.PhysicalID = from, have.PhysicalID
		if err := providers[r.Type].update(ctx, req); err != nil {
			return err
		}
		have.setProperties(to)
		return d.settle(ctx, providers[r.Type], req, "UPDATE_COMPLETE")
	}
	d.undos = append(d.undos, func(ctx context.Context) error { return change(ctx, properties, old) })
	if err := change(ctx, old, properties); err != nil {
		return errors.Join(err, d.tell(r.LogicalID, r.Type, have.PhysicalID, "UPDATE_FAILED", err.Error()))
	}
	return nil
}

// replace makes the new one and leaves the old one to cleanUp, so that it is
// still there if the deployment fails. The two cannot have the same name.
func (d *deployment) replace(ctx context.Context, r *template.Resource, order int, have *resourceState, properties *jsonvalue.Object) error {
	if t := template.TypeOf(r.Type); t != nil && t.NameProperty != "" && textOf(properties, t.NameProperty) != "" &&
		textOf(properties, t.NameProperty) == textOf(have.properties(), t.NameProperty) {
		return fmt.Errorf("this change replaces the resource, and its name %q is taken by the one it would replace: rename it in the template",
			textOf(properties, t.NameProperty))
	}
	left := d.state.Leftovers
	d.undos = append(d.undos, func(context.Context) error {
		d.state.Resources[r.LogicalID], d.state.Leftovers = have, left
		return d.tell(r.LogicalID, r.Type, have.PhysicalID, "UPDATE_COMPLETE", "")
	})
	if r.UpdateReplacePolicy != "Retain" {
		d.state.Leftovers = append(left[:len(left):len(left)], have)
	}
	return d.create(ctx, r, order, properties)
}

// removeStored deletes a resource that the state knows, unless it is to be kept.
func (d *deployment) removeStored(ctx context.Context, id string, kept bool) error {
	have := d.state.Resources[id]
	if have == nil {
		return nil
	}
	status := "DELETE_SKIPPED"
	if !kept {
		status = "DELETE_COMPLETE"
		if err := d.remove(ctx, have); err != nil {
			return errors.Join(err, d.tell(id, have.Type, have.PhysicalID, "DELETE_FAILED", err.Error()))
		}
	}
	delete(d.state.Resources, id)
	return d.tell(id, have.Type, have.PhysicalID, status, "")
}

// remove deletes a resource.
func (d *deployment) remove(ctx context.Context, have *resourceState) error {
	p, ok := providers[have.Type]
	if !ok {
		return nil
	}
	req, err := d.request(have.LogicalID, have.Type, have.properties())
	if err != nil {
		req.Properties = have.properties() // the secret is gone: deleting needs names only
	}
	req.PhysicalID = have.PhysicalID
	return p.remove(ctx, req)
}

// undo takes back what this run did, last first.
func (d *deployment) undo(ctx context.Context) error {
	var errs []error
	for _, f := range slices.Backward(d.undos) {
		errs = append(errs, f(ctx))
	}
	return errors.Join(errs...)
}

// Summary words what a deployment did: "12 created, 1 updated".
func Summary(events []Event) string {
	count := map[string]int{}
	for _, e := range events {
		count[e.Status]++
	}
	var words []string
	for _, w := range [][2]string{{"CREATE_COMPLETE", "created"}, {"UPDATE_COMPLETE", "updated"}, {"DELETE_COMPLETE", "deleted"}, {"DELETE_SKIPPED", "kept"}, {"DELETE_FAILED", "could not be deleted"}} {
		if n := count[w[0]]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, w[1]))
		}
	}
	if words == nil {
		return "nothing to change"
	}
	return strings.Join(words, ", ")
}
