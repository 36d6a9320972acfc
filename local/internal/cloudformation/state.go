package cloudformation

// This file defines what is stored of a stack.

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
	"github.com/stepworks/stepworks/local/internal/template"
)

const bucketStack = "cloudformation/stack"

// stackState is a stack as it is. It answers Ref and GetAtt.
type stackState struct {
	Name      string
	Status    string
	Order     []string // logical ids, as created
	Resources map[string]*resourceState
	Outputs   map[string]string
}

// resourceState is a resource as it is.
type resourceState struct {
	Type       string
	PhysicalID string
	Properties string            // JSON, resolved
	Attributes map[string]string // name -> JSON
	Retain     bool              // DeletionPolicy: Retain
}

var _ template.Attributes = (*stackState)(nil)

func (s *Service) load(name string) (*stackState, error) {
	state := &stackState{Name: name, Resources: map[string]*resourceState{}}
	return state, s.Store.View(func(r store.Reader) error {
		if text, ok := r.Get(bucketStack, name); ok {
			return json.Unmarshal(text, state)
		}
		return nil
	})
}

func (d *deployment) save() error {
	text, err := json.Marshal(d.state)
	if err != nil {
		return err
	}
	return d.Store.Update(func(tx *store.Tx) error { tx.Put(bucketStack, d.state.Name, text); return nil })
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

func (st *stackState) add(r *template.Resource, physicalID string, properties *jsonvalue.Object) {
	have := &resourceState{Type: r.Type, PhysicalID: physicalID, Retain: r.DeletionPolicy == "Retain"}
	have.setProperties(properties)
	st.Resources[r.LogicalID] = have
	if !slices.Contains(st.Order, r.LogicalID) {
		st.Order = append(st.Order, r.LogicalID)
	}
}

func (st *stackState) drop(id string) {
	delete(st.Resources, id)
	st.Order = slices.DeleteFunc(st.Order, func(x string) bool { return x == id })
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
