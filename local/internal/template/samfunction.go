package template

// This file defines what SAM makes of a function: the function itself, its role,
// version, alias and asynchronous invocation settings. samevents.go adds the
// event sources.
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html

import (
	"slices"
	"strings"
)

// functionWork is the work on one function.
type functionWork struct {
	*expansion
	r       *Resource
	p       *Node // its properties, globals included
	path    string
	role    *roleWork // nil: the template gives the role
	alias   string    // logical id, "" without AutoPublishAlias
	aliased *Node     // the alias's name
}

func (x *expansion) function(r *Resource) {
	w := &functionWork{expansion: x, r: r, p: r.Properties, path: r.path + ".Properties"}
	if w.p.Get("Role") == nil {
		w.role = newRole(x, r, "lambda.amazonaws.com", "service-role/AWSLambdaBasicExecutionRole")
		if w.p.Get("Tracing") != nil {
			w.role.manage(r.At, "AWSXrayWriteOnlyAccess")
		}
	}
	made := w.itself()
	w.publish(made)
	w.deadLetters()
	w.invokeConfig()
	if w.role != nil {
		w.role.policies(w.p.Get("Policies"), w.path+".Policies")
	}
	w.events()
	if w.role != nil {
		w.role.done(same(w.p, "AssumeRolePolicyDocument", "PermissionsBoundary"), w.p.Get("RolePath"), "lambda:createdBy", w.p.Get("Tags"))
	}
}

// itself makes the AWS::Lambda::Function.
func (w *functionWork) itself() *Resource {
	p := same(w.p, "Architectures", "Description", "Environment", "EphemeralStorage", "FunctionName", "Handler", "KmsKeyArn", "LoggingConfig",
		"MemorySize", "PackageType", "RecursiveLoop", "ReservedConcurrentExecutions", "Role", "Runtime", "Timeout")
	if w.role != nil {
		p = p.with("Role", getAtt(w.r.At, w.role.id, "Arn"))
	}
	if tracing := w.p.Get("Tracing"); tracing != nil {
		p = p.with("TracingConfig", object(tracing.At, "Mode", tracing))
	}
	p = p.with("Tags", tagList(w.r.At, "lambda:createdBy", w.p.Get("Tags")))
	made := w.make(w.r, w.r.LogicalID, "AWS::Lambda::Function", p)
	w.checkPackage()
	w.code(made)
	return made
}

func (w *functionWork) checkPackage() {
	if kind := w.p.Get("PackageType"); kind != nil {
		if s, _ := w.constant(kind, w.path+".PackageType"); s != "Zip" {
			w.faults.add(kind.At, w.path+".PackageType", "only Zip is supported: functions run as processes here, not as images")
		}
	}
	for _, name := range []string{"Handler", "Runtime"} {
		if w.p.Get(name) == nil {
			w.faults.add(w.r.At, w.path, "the required property %s is missing, here and in Globals.Function", name)
		}
	}
}

// code takes CodeUri as an uploaded object's place, or as a local folder.
func (w *functionWork) code(made *Resource) {
	inline, uri := w.p.Get("InlineCode"), w.p.Get("CodeUri")
	switch {
	case (inline == nil) == (uri == nil):
		w.faults.add(w.r.At, w.path, "exactly one of CodeUri and InlineCode is needed")
	case inline != nil:
		made.Properties = made.Properties.with("Code", object(inline.At, "ZipFile", inline))
	default:
		location := w.location(uri, w.path+".CodeUri", "S3Bucket", "S3Key", "S3ObjectVersion")
		if location != nil {
			made.Properties = made.Properties.with("Code", location)
			return
		}
		made.Local = Local{Property: "Code", Source: w.r.LogicalID}
		made.Local.Path, _ = w.constant(uri, w.path+".CodeUri")
		made.Local.BuildMethod, _ = w.r.Metadata.Get("BuildMethod").Text()
	}
}

// location reads "s3://bucket/key?versionId=V" or {Bucket, Key, Version} into
// these names; nil means that uri is a local path.
func (x *expansion) location(uri *Node, path, bucket, key, version string) *Node {
	if uri.Kind == Map {
		for _, e := range uri.Entries {
			if !slices.Contains([]string{"Bucket", "Key", "Version"}, e.Name) {
				x.faults.add(e.At, join(path, e.Name), "an uploaded object has no %s; it has Bucket, Key and Version", e.Name)
			}
		}
		if uri.Get("Bucket") == nil || uri.Get("Key") == nil {
			x.faults.add(uri.At, path, "an uploaded object needs Bucket and Key")
		}
		return renamed(uri, bucket, "Bucket", key, "Key", version, "Version")
	}
	s, ok := x.constant(uri, path)
	rest, uploaded := strings.CutPrefix(s, "s3://")
	if !ok || !uploaded {
		return nil
	}
	where, v, _ := strings.Cut(rest, "?versionId=")
	b, k, ok := strings.Cut(where, "/")
	if !ok || b == "" || k == "" {
		x.faults.add(uri.At, path, "%q is not a valid S3 URI of the form s3://bucket/key", s)
	}
	n := object(uri.At, bucket, b, key, k)
	if v != "" {
		n = n.with(version, text(uri.At, v))
	}
	return n
}

// publish makes the version and the alias of AutoPublishAlias, and for a gradual
// deployment what CodeDeploy needs.
func (w *functionWork) publish(function *Resource) {
	path := w.path + ".AutoPublishAlias"
	alias := w.p.Get("AutoPublishAlias")
	if alias == nil {
		if provisioned := w.p.Get("ProvisionedConcurrencyConfig"); provisioned != nil {
			w.faults.add(provisioned.At, w.path+".ProvisionedConcurrencyConfig", "ProvisionedConcurrencyConfig requires AutoPublishAlias")
		}
		if preference := w.p.Get("DeploymentPreference"); preference != nil && w.deploysGradually(preference) {
			w.faults.add(preference.At, w.path+".DeploymentPreference", "DeploymentPreference requires AutoPublishAlias")
		}
		return
	}
	name, ok := w.constant(alias, path)
	if !ok {
		return
	}
	if !alphanumeric.MatchString(strings.NewReplacer("-", "", "_", "").Replace(name)) {
		w.faults.add(alias.At, path, "AutoPublishAlias must be a string or a Ref to a parameter: letters, digits, hyphens and underscores")
		return
	}
	id := w.r.LogicalID + "Version" + w.versionHash(function)
	version := w.make(w.r, id, "AWS::Lambda::Version", renamed(w.p, "Description", "VersionDescription").with("FunctionName", ref(w.r.At, w.r.LogicalID)))
	if version.DeletionPolicy == "" {
		version.DeletionPolicy = "Retain"
	}
	w.alias, w.aliased = w.r.LogicalID+"Alias"+alphanumericOf(name), text(alias.At, name)
	made := w.make(w.r, w.alias, "AWS::Lambda::Alias", same(w.p, "ProvisionedConcurrencyConfig").
		with("FunctionName", ref(w.r.At, w.r.LogicalID)).
		with("FunctionVersion", getAtt(w.r.At, id, "Version")).
		with("Name", w.aliased))
	w.deploy(made)
}

func alphanumericOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' {
			return -1
		}
		return r
	}, s)
}

// versionHash changes with what must make a new version: the code, the
// environment and the memory; or, when asked for, any property.
func (w *functionWork) versionHash(function *Resource) string {
	if sha := w.p.Get("AutoPublishCodeSha256"); sha != nil {
		if s, _ := w.constant(sha, w.path+".AutoPublishCodeSha256"); len(s) >= 10 {
			return s[:10]
		}
	}
	parts := same(function.Properties, "Code", "Environment", "MemorySize")
	if w.isTrue(w.p.Get("AutoPublishAliasAllProperties"), w.path+".AutoPublishAliasAllProperties") {
		parts = function.Properties
	}
	known := []any{w.withParameters(parts).JSON(), function.Local.Path}
	if digest := w.stack.scope.env.CodeDigest; digest != nil && function.Local.Path != "" {
		known = append(known, digest(function.Local))
	}
	return hashed(known)
}

// withParameters replaces references to parameters by their values.
func (x *expansion) withParameters(n *Node) *Node {
	switch n.Kind {
	case List:
		m := &Node{Kind: List, At: n.At}
		for _, item := range n.Items {
			m.Items = append(m.Items, x.withParameters(item))
		}
		return m
	case Map:
		m := &Node{Kind: Map, At: n.At}
		for _, e := range n.Entries {
			m.Entries = append(m.Entries, Entry{e.Name, e.At, x.withParameters(e.Value)})
		}
		return m
	case Call:
		if v, problem := x.stack.scope.eval(n, ""); problem == nil {
			return fromJSON(n.At, v)
		}
		return call(n.At, n.Function, x.withParameters(n.Argument))
	}
	return n
}

// deadLetters: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-deadletterqueue.html
func (w *functionWork) deadLetters() {
	queue := w.p.Get("DeadLetterQueue")
	if queue == nil || queue.Kind != Map {
		return
	}
	kind, _ := queue.Get("Type").Text()
	action := map[string]string{"SQS": "sqs:SendMessage", "SNS": "sns:Publish"}[kind]
	if action == "" {
		w.faults.add(queue.At, w.path+".DeadLetterQueue.Type", "the type of a dead-letter queue is SQS or SNS")
		return
	}
	function := w.find(w.r.LogicalID)
	function.Properties = function.Properties.with("DeadLetterConfig", same(queue, "TargetArn"))
	if w.role != nil {
		w.role.allow("DeadLetterQueuePolicy", action, queue.Get("TargetArn"))
	}
}

// invokeConfig: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-eventinvokeconfiguration.html
func (w *functionWork) invokeConfig() {
	config := w.p.Get("EventInvokeConfig")
	if config == nil || config.Kind != Map {
		return
	}
	id := w.r.LogicalID + "EventInvokeConfig"
	p := same(config, "MaximumEventAgeInSeconds", "MaximumRetryAttempts").with("FunctionName", ref(config.At, w.r.LogicalID))
	qualifier := w.aliased
	if qualifier == nil {
		qualifier = text(config.At, "$LATEST")
	}
	p = p.with("Qualifier", qualifier)
	if destinations := config.Get("DestinationConfig"); destinations != nil && destinations.Kind == Map {
		out := &Node{Kind: Map, At: destinations.At}
		for _, e := range destinations.Entries {
			path := w.path + ".EventInvokeConfig.DestinationConfig." + e.Name
			out.Entries = append(out.Entries, Entry{e.Name, e.At, object(e.At, "Destination", w.destination(e.Value, id+e.Name, path))})
		}
		p = p.with("DestinationConfig", out)
	}
	made := w.make(w.r, id, "AWS::Lambda::EventInvokeConfig", p)
	if w.alias != "" {
		made.DependsOn = []string{w.alias}
	}
}

// destinationActions are the actions that sending to each type of destination
// takes, and the suffix of the policy that SAM writes.
var destinationActions = map[string]struct{ action, suffix string }{
	"SQS":         {"sqs:SendMessage", "SQSPolicy"},
	"SNS":         {"sns:publish", "SNSPolicy"},
	"EventBridge": {"events:PutEvents", "EventBridgePolicy"},
	"Lambda":      {"lambda:InvokeFunction", "LambdaPolicy"},
}

// destination returns the ARN of a destination, making the queue or topic when
// the template names none.
func (w *functionWork) destination(n *Node, id, path string) *Node {
	if n.Kind != Map {
		return n
	}
	kind, _ := n.Get("Type").Text()
	known, ok := destinationActions[kind]
	if !ok {
		w.faults.add(n.At, path+".Type", "the type of a destination is EventBridge, Lambda, SNS or SQS")
		return text(n.At, "")
	}
	arn := n.Get("Destination")
	switch {
	case arn != nil:
	case kind == "SQS":
		w.make(w.r, id+"Queue", "AWS::SQS::Queue", object(n.At))
		arn = getAtt(n.At, id+"Queue", "Arn")
	case kind == "SNS":
		w.make(w.r, id+"Topic", "AWS::SNS::Topic", object(n.At))
		arn = ref(n.At, id+"Topic")
	default:
		w.faults.add(n.At, path, "a destination of type %s needs its Destination", kind)
		return text(n.At, "")
	}
	if w.role != nil {
		w.role.allow(id+known.suffix, known.action, arn)
	}
	return arn
}

// target is what event sources invoke: the alias where there is one.
func (w *functionWork) target(at Position) (arn, name *Node) {
	if w.alias != "" {
		return ref(at, w.alias), ref(at, w.alias)
	}
	return getAtt(at, w.r.LogicalID, "Arn"), ref(at, w.r.LogicalID)
}
