package template

// This file defines SAM's policy templates.

// policyTemplate is filled in by samtemplates.go's table.
func (w *roleWork) policyTemplate(e Entry, path string) *Node {
	w.faults.add(e.At, path, "the policy template %s is not supported", e.Name)
	return nil
}
