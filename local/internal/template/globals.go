package template

// This file defines how SAM merges the Globals section into resources: maps are
// merged, lists are put before the resource's own, everything else is replaced.
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html

import "slices"

// globalSections are the sections that Globals may hold, and what of a resource's
// properties each may not give: a physical name, events and the like are one
// resource's own.
var globalSections = map[string]struct {
	resourceType string
	allowed      []string
}{
	"Function": {"AWS::Serverless::Function", []string{
		"Handler", "Runtime", "CodeUri", "DeadLetterQueue", "Description", "MemorySize", "Timeout", "Environment", "Tags", "PropagateTags", "Tracing",
		"KmsKeyArn", "AutoPublishAlias", "AutoPublishAliasAllProperties", "DeploymentPreference", "RolePath", "PermissionsBoundary", "ReservedConcurrentExecutions",
		"ProvisionedConcurrencyConfig", "AssumeRolePolicyDocument", "EventInvokeConfig", "Architectures", "EphemeralStorage", "LoggingConfig", "RecursiveLoop"}},
	"StateMachine": {"AWS::Serverless::StateMachine", []string{"PropagateTags"}},
	"SimpleTable":  {"AWS::Serverless::SimpleTable", []string{"SSESpecification"}},
}

// globals returns the properties that each type of resource begins with.
func (x *expansion) globals() map[string]*Node {
	out := map[string]*Node{}
	all := x.stack.Template.Globals
	if all == nil {
		return out
	}
	for _, section := range all.Entries {
		path := "Globals." + section.Name
		known, ok := globalSections[section.Name]
		if !ok {
			x.faults.add(section.At, path, "Globals has no section %s here; supported are Function, SimpleTable and StateMachine", section.Name)
			continue
		}
		if section.Value.Kind != Map {
			x.faults.add(section.At, path, "a section of Globals is a map, not %s", section.Value.kindName())
			continue
		}
		for _, e := range section.Value.Entries {
			if !slices.Contains(known.allowed, e.Name) {
				x.faults.add(e.At, join(path, e.Name), "%s cannot be given in Globals%s", e.Name, meant(e.Name, known.allowed))
			}
		}
		out[known.resourceType] = decide(section.Value, path, x.stack.Conditions, x.faults)
	}
	return out
}

// merge returns what a resource's own properties are with the global ones.
func merge(global, own *Node) *Node {
	switch {
	case global == nil:
		return own
	case global.Kind == Map && own.Kind == Map:
		merged := &Node{Kind: Map, At: own.At}
		for _, g := range global.Entries {
			if o := own.Get(g.Name); o != nil {
				merged.Entries = append(merged.Entries, Entry{g.Name, o.At, merge(g.Value, o)})
			} else {
				merged.Entries = append(merged.Entries, g)
			}
		}
		for _, o := range own.Entries {
			if global.Get(o.Name) == nil {
				merged.Entries = append(merged.Entries, o)
			}
		}
		return merged
	case global.Kind == List && own.Kind == List:
		return &Node{Kind: List, At: own.At, Items: append(slices.Clone(global.Items), own.Items...)}
	}
	return own
}
