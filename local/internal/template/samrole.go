package template

// This file defines the roles that SAM makes where a template gives none.
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-function.html (Policies)

// roleWork gathers what a role is to hold.
type roleWork struct {
	*expansion
	r       *Resource // whose role it is
	id      string
	service string
	managed *Node
	inline  *Node
}

func newRole(x *expansion, r *Resource, service string, managed ...string) *roleWork {
	w := &roleWork{expansion: x, r: r, id: r.LogicalID + "Role", service: service, managed: list(r.At), inline: list(r.At)}
	for _, name := range managed {
		w.manage(r.At, name)
	}
	return w
}

// manage attaches one of AWS's own policies.
func (w *roleWork) manage(at Position, name string) {
	arn := text(at, "arn:"+w.stack.scope.env.partition()+":iam::aws:policy/"+name)
	for _, have := range w.managed.Items {
		if have.equal(arn) {
			return
		}
	}
	w.managed.Items = append(w.managed.Items, arn)
}

// allow adds an inline policy of one statement.
func (w *roleWork) allow(name, action string, resource *Node) {
	at := resource.At
	w.add(name, object(at, "Statement", list(at, object(at, "Action", action, "Effect", "Allow", "Resource", resource))))
}

// add adds an inline policy, unless one says the same already.
func (w *roleWork) add(name string, document *Node) {
	for _, have := range w.inline.Items {
		if have.Get("PolicyDocument").equal(document) {
			return
		}
	}
	w.inline.Items = append(w.inline.Items, object(document.At, "PolicyName", name, "PolicyDocument", document))
}

// policies reads the Policies property: names or ARNs of managed policies,
// documents and policy templates.
func (w *roleWork) policies(n *Node, path string) {
	if n == nil {
		return
	}
	items := []*Node{n}
	if n.Kind == List {
		items = n.Items
	}
	for i, item := range items {
		w.policy(item, i, join(path, itoa(i)))
	}
}

func (w *roleWork) policy(n *Node, i int, path string) {
	if name, ok := n.Text(); ok {
		w.managedByName(n, name)
		return
	}
	switch {
	case n.Kind == Call:
		w.managed.Items = append(w.managed.Items, n)
	case n.Get("Statement") != nil:
		w.add(w.id+"Policy"+itoa(i), n)
	case n.Kind == Map && len(n.Entries) == 1:
		if document := w.policyTemplate(n.Entries[0], path); document != nil {
			w.add(w.id+"Policy"+itoa(i), document)
		}
	default:
		w.faults.add(n.At, path, "a policy is the name or ARN of a managed one, a document with a Statement, or a policy template, not %s", n.kindName())
	}
}

// done makes the role.
func (w *roleWork) done(given, rolePath *Node, mark string, tags *Node) {
	at := w.r.At
	p := given
	if given.Get("AssumeRolePolicyDocument") == nil {
		p = p.with("AssumeRolePolicyDocument", assumedBy(at, w.service))
	}
	p = p.with("ManagedPolicyArns", w.managed)
	if len(w.inline.Items) > 0 {
		p = p.with("Policies", w.inline)
	}
	if rolePath != nil {
		p = p.with("Path", rolePath)
	}
	if mark != "" {
		p = p.with("Tags", tagList(at, mark, tags))
	}
	w.make(w.r, w.id, "AWS::IAM::Role", p)
}

// assumedBy is the trust policy that SAM writes.
func assumedBy(at Position, service string) *Node {
	return object(at, "Version", "2012-10-17", "Statement", list(at, object(at,
		"Action", list(at, text(at, "sts:AssumeRole")),
		"Effect", "Allow",
		"Principal", object(at, "Service", list(at, text(at, service))))))
}

// serviceRolePolicies are the managed policies whose ARNs have the path
// service-role/; others, given by name, have none.
var serviceRolePolicies = map[string]bool{
	"AWSCodeDeployRoleForLambda":      true,
	"AWSLambdaBasicExecutionRole":     true,
	"AWSLambdaDynamoDBExecutionRole":  true,
	"AWSLambdaKinesisExecutionRole":   true,
	"AWSLambdaRole":                   true,
	"AWSLambdaSQSQueueExecutionRole":  true,
	"AWSLambdaVPCAccessExecutionRole": true,
}

func (w *roleWork) managedByName(n *Node, name string) {
	switch {
	case len(name) > 4 && name[:4] == "arn:":
		w.managed.Items = append(w.managed.Items, n)
	case serviceRolePolicies[name]:
		w.manage(n.At, "service-role/"+name)
	default:
		w.manage(n.At, name)
	}
}
