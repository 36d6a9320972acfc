package cloudformation

// This file defines what is stored of a stack.

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
	"github.com/stepworks/stepworks/local/internal/template"
)

// What the store holds:
//
//	bucket                     key                        value
//	cloudformation/stack       name                       a stack that exists
//	cloudformation/deleted     name, count                a stack that was deleted
//	cloudformation/text        name                       its template's text and what that comes to
//	cloudformation/resource    name, logical id           a resource of a stack that exists
//	cloudformation/event       stack id, number           an event of a stack
//	cloudformation/change-set  stack id, change set       a change set
const (
	bucketStack     = "cloudformation/stack"
	bucketDeleted   = "cloudformation/deleted"
	bucketText      = "cloudformation/text"
	bucketResource  = "cloudformation/resource"
	bucketEvent     = "cloudformation/event"
	bucketChangeSet = "cloudformation/change-set"
)

// stackState is a stack as it is. It answers Ref and GetAtt.
type stackState struct {
	ID, Name       string
	Status, Reason string
	Created        time.Time
	Updated        time.Time
	Deleted        time.Time
	ChangeSet      string // the id of the change set that was executed last
	Source                // of the last deployment that succeeded
	Outputs        []template.ResolvedOutput
	Resources      map[string]*resourceState `json:"-"`
	// Leftovers are resources that others have replaced, to be deleted when the
	// deployment has succeeded.
	Leftovers []*resourceState
	Events    int // number of events
	Protected bool
	stored    sourceTexts // those that the store has
}

// sourceTexts are the large part of a [Source], which every event of a deployment would
// write again: with 374 resources that took a fifth of the time.
type sourceTexts struct{ Template, Processed string }

// Source is what a stack is made of, as whoever deploys gives it.
type Source struct {
	Template        string // text
	Processed       string // JSON: what the template comes to, here
	Description     string
	Parameters      map[string]string
	Hidden          []string // parameters with NoEcho
	Tags            map[string]string
	Capabilities    []string
	DisableRollback bool
}

// of adds what the template says, and the values that its parameters have here.
func (s Source) of(wanted *template.Stack) Source {
	s.Processed, s.Description, s.Parameters, s.Hidden = jsonvalue.String(wanted.JSON()), wanted.Template.Description, wanted.Given(), nil
	for _, p := range wanted.Template.Parameters {
		if p.NoEcho {
			s.Hidden = append(s.Hidden, p.Name)
		}
	}
	return s
}

// resourceState is a resource as it is. Properties name secrets by their dynamic
// references and do not hold them.
type resourceState struct {
	LogicalID    string
	Order        int // as in the template: behind what it needs
	Type         string
	PhysicalID   string
	Properties   string            // JSON, resolved
	Attributes   map[string]string // name -> JSON
	Policy       string            // DeletionPolicy
	Replace      string            // UpdateReplacePolicy
	Status       string
	StatusReason string
	Changed      time.Time
}

// keep tells whether a policy keeps a resource that leaves its stack.
func keep(policy string) bool { return policy == "Retain" || policy == "RetainExceptOnCreate" }

var _ template.Attributes = (*stackState)(nil)

// stackID is the same for the same stack at each of its lives: names are given
// again, ids are not.
func (s *Service) stackID(name string, life int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %s %d", s.Account, s.Region, name, life))
	h := hex.EncodeToString(sum[:16])
	return fmt.Sprintf("arn:aws:cloudformation:%s:%s:stack/%s/%s-%s-4%s-a%s-%s", s.Region, s.Account, name, h[:8], h[8:12], h[13:16], h[17:20], h[20:])
}

// load returns a stack with its resources; a stack without Status does not exist.
func (s *Service) load(name string) (*stackState, error) {
	var state *stackState
	return state, s.Store.View(func(r store.Reader) (err error) {
		state, err = s.read(r, name)
		return err
	})
}

func (s *Service) read(r store.Reader, name string) (*stackState, error) {
	state := &stackState{Name: name, Resources: map[string]*resourceState{}}
	text, ok := r.Get(bucketStack, name)
	if !ok {
		from, to := store.Prefix(name)
		life := 0
		for range r.Scan(bucketDeleted, from, to) {
			life++
		}
		state.ID = s.stackID(name, life)
		return state, nil
	}
	if err := json.Unmarshal(text, state); err != nil {
		return nil, err
	}
	if text, ok := r.Get(bucketText, name); ok { // before they stood apart, they were in the stack
		if err := json.Unmarshal(text, &state.stored); err != nil {
			return nil, err
		}
		state.Template, state.Processed = state.stored.Template, state.stored.Processed
	}
	from, to := store.Prefix(name)
	for _, text := range r.Scan(bucketResource, from, to) {
		have := &resourceState{}
		if err := json.Unmarshal(text, have); err != nil {
			return nil, err
		}
		state.Resources[have.LogicalID] = have
	}
	return state, nil
}

// exists tells a stack from a name that none has.
func (st *stackState) exists() bool { return st.Status != "" }

// order lists the resources as they were made.
func (st *stackState) order() []*resourceState {
	return slices.SortedFunc(maps.Values(st.Resources), func(a, b *resourceState) int { return cmp.Compare(a.Order, b.Order) })
}

// put writes the stack itself and new events.
func (st *stackState) put(tx *store.Tx, events ...Event) error {
	for _, e := range events {
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		tx.Put(bucketEvent, store.Key(st.ID, fmt.Sprintf("%08d", st.Events)), text)
		st.Events++
	}
	if now := (sourceTexts{st.Template, st.Processed}); now != st.stored {
		text, err := json.Marshal(now)
		if err != nil {
			return err
		}
		tx.Put(bucketText, st.Name, text)
		st.stored = now
	}
	small := *st
	small.Template, small.Processed = "", ""
	text, err := json.Marshal(small)
	if err == nil {
		tx.Put(bucketStack, st.Name, text)
	}
	return err
}

// save makes updates of a deployment; what failed to be stored will be stored again.
func (d *deployment) save(f func(tx *store.Tx) error) error {
	err := d.Store.Update(f)
	if err != nil {
		d.state.stored = sourceTexts{}
	}
	return err
}

// putResource writes one resource, or takes it away.
func (st *stackState) putResource(tx *store.Tx, id string) error {
	key := store.Key(st.Name, id)
	have, ok := st.Resources[id]
	if !ok {
		tx.Delete(bucketResource, key)
		return nil
	}
	text, err := json.Marshal(have)
	if err == nil {
		tx.Put(bucketResource, key, text)
	}
	return err
}

// bury moves a stack to the deleted ones, which are found by their id only.
func (st *stackState) bury(tx *store.Tx) error {
	life := 0
	from, to := store.Prefix(st.Name)
	for range tx.Scan(bucketDeleted, from, to) {
		life++
	}
	text, err := json.Marshal(st)
	if err != nil {
		return err
	}
	tx.Put(bucketDeleted, store.Key(st.Name, strconv.Itoa(life)), text)
	tx.Delete(bucketStack, st.Name)
	tx.Delete(bucketText, st.Name)
	return nil
}

// Ref implements [template.Attributes].
func (st *stackState) Ref(logicalID string) (jsonvalue.Value, bool) {
	r, ok := st.Resources[logicalID]
	if !ok {
		return nil, false
	}
	return r.PhysicalID, true
}

// GetAtt implements [template.Attributes].
func (st *stackState) GetAtt(logicalID, attribute string) (jsonvalue.Value, bool) {
	r, ok := st.Resources[logicalID]
	if !ok {
		return nil, false
	}
	text, ok := r.Attributes[attribute]
	if !ok {
		return nil, false
	}
	v, err := jsonvalue.Parse([]byte(text))
	return v, err == nil
}

func (st *stackState) add(r *template.Resource, order int, physicalID string, properties *jsonvalue.Object) {
	have := &resourceState{LogicalID: r.LogicalID, Order: order, Type: r.Type, PhysicalID: physicalID, Policy: r.DeletionPolicy, Replace: r.UpdateReplacePolicy}
	have.setProperties(properties)
	st.Resources[r.LogicalID] = have
}

func (r *resourceState) properties() *jsonvalue.Object {
	v, err := jsonvalue.Parse([]byte(r.Properties))
	if err != nil {
		return jsonvalue.NewObject()
	}
	return object(v)
}

func (r *resourceState) setProperties(o *jsonvalue.Object) { r.Properties = jsonvalue.String(o) }

func (r *resourceState) setAttributes(values map[string]jsonvalue.Value) {
	r.Attributes = map[string]string{}
	for name, v := range values {
		r.Attributes[name] = jsonvalue.String(v)
	}
}

// PhysicalID returns what a resource of a stack is called.
func (s *Service) PhysicalID(stack, logicalID string) (string, error) {
	state, err := s.load(stack)
	if err != nil {
		return "", err
	}
	if r := state.Resources[logicalID]; r != nil {
		return r.PhysicalID, nil
	}
	return "", fmt.Errorf("the stack %s has no resource %s", stack, logicalID)
}

// LogicalIDs returns what the resources of a type are called in a stack's
// template, by their physical ids.
func (s *Service) LogicalIDs(stack, resourceType string) (map[string]string, error) {
	state, err := s.load(stack)
	names := map[string]string{}
	for _, r := range state.Resources {
		if r.Type == resourceType {
			names[r.PhysicalID] = r.LogicalID
		}
	}
	return names, err
}
