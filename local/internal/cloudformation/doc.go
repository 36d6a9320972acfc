// Package cloudformation turns templates into resources: it creates, updates,
// deletes and rolls back the resources of a stack in the order of their
// references, each through the operations of the service it belongs to.
//
// Whoever deploys (`up`, `run`, `sam deploy`) comes through here, so what a
// template means is decided once. A stack's state is stored after every step: a
// deployment that is killed is taken up by the next one, which finds what exists.
// A template with a fault creates nothing; a resource that cannot be made undoes
// what this deployment made before it.
//
// The package knows no service by import: providers.go and its neighbours are a
// table from resource type to operations. Start at [Service.Deploy].
package cloudformation
