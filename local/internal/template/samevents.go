package template

// This file defines what SAM makes of event sources: rules and schedules with
// their permissions or roles, subscriptions, event source mappings and bucket
// notifications. The logical ids are the function's or machine's and the event's
// put together.
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-eventsource.html
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-statemachine-statemachineeventsource.html

import (
	"maps"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// eventSource is the work on one event of a function or state machine.
type eventSource struct {
	*expansion
	r    *Resource
	id   string // of what it makes: the resource's and the event's put together
	p    *Node
	path string
}

// eventSources yields the events of a resource whose type and properties are
// supported; shapes begins with the resource's kind, "Function" or "StateMachine".
func (x *expansion) eventSources(r *Resource, shapes string, handle map[string]func(*eventSource)) {
	events := r.Properties.Get("Events")
	if events == nil || events.Kind != Map {
		return
	}
	for _, e := range events.Entries {
		path := r.path + ".Properties.Events." + e.Name
		kind, _ := e.Value.Get("Type").Text()
		do := handle[kind]
		if do == nil {
			x.faults.add(e.At, path+".Type", "the event source type %s is not supported for %s; supported are %s", kind, r.Type, strings.Join(slices.Sorted(maps.Keys(handle)), ", "))
			continue
		}
		p := e.Value.Get("Properties")
		if p == nil {
			p = &Node{Kind: Map, At: e.At}
		}
		before := len(x.faults.list)
		checkShape(p, table().shapes["@"+shapes+"."+kind], "an event of type "+kind, path+".Properties", x.faults)
		if len(x.faults.list) > before || p.Kind != Map {
			continue
		}
		do(&eventSource{expansion: x, r: r, id: r.LogicalID + e.Name, p: p, path: path + ".Properties"})
	}
}

func (w *functionWork) events() {
	w.eventSources(w.r, "Function", map[string]func(*eventSource){
		"CloudWatchEvent": w.rule,
		"DynamoDB":        w.stream,
		"EventBridgeRule": w.rule,
		"S3":              w.bucket,
		"SNS":             w.topic,
		"SQS":             w.queue,
		"Schedule":        w.rule,
		"ScheduleV2":      w.schedule,
	})
}

func (w *machineWork) events() {
	w.eventSources(w.r, "StateMachine", map[string]func(*eventSource){
		"CloudWatchEvent": w.rule,
		"EventBridgeRule": w.rule,
		"Schedule":        w.rule,
		"ScheduleV2":      w.schedule,
	})
}

// rule makes the rule of a function, and the permission to invoke it.
func (w *functionWork) rule(e *eventSource) {
	arn, _ := w.target(e.p.At)
	e.makeRule(object(e.p.At, "Arn", arn, "Id", e.targetID("LambdaTarget")))
	w.permit(e, "events.amazonaws.com", getAtt(e.p.At, e.id, "Arn"))
}

// rule makes the rule of a machine, and the role to start it with.
func (w *machineWork) rule(e *eventSource) {
	machine := w.target(e.p.At)
	role := e.id + "Role"
	e.makeRole(role, "events.amazonaws.com", w.p.Get("PermissionsBoundary"), inlinePolicy(role+"StartExecutionPolicy", "states:StartExecution", machine))
	e.makeRule(object(e.p.At, "Arn", machine, "Id", e.targetID("StepFunctionsTarget"), "RoleArn", getAtt(e.p.At, role, "Arn")))
}

// permit lets a service invoke the function.
func (w *functionWork) permit(e *eventSource, service string, source *Node) {
	_, name := w.target(e.p.At)
	w.make(w.r, e.id+"Permission", "AWS::Lambda::Permission", object(e.p.At,
		"Action", "lambda:InvokeFunction", "FunctionName", name, "Principal", service, "SourceArn", source))
}

// targetID is the id that SAM gives the one target of a rule, at most 64 long.
func (e *eventSource) targetID(suffix string) *Node {
	if id := e.p.Get("Target").Get("Id"); id != nil {
		return id
	}
	return text(e.p.At, e.id[:min(len(e.id), 64-len(suffix))]+suffix)
}

// makeRule makes the rule of EventBridgeRule, CloudWatchEvent and Schedule.
func (e *eventSource) makeRule(target *Node) {
	rule := renamed(e.p, "Name", "Name", "Name", "RuleName", "Description", "Description", "EventBusName", "EventBusName", "EventPattern", "Pattern",
		"ScheduleExpression", "Schedule", "State", "State")
	if enabled := e.p.Get("Enabled"); enabled != nil {
		if e.p.Get("State") != nil {
			e.faults.add(enabled.At, e.path+".Enabled", "State and Enabled cannot both be specified")
		}
		state := "DISABLED"
		if e.isTrue(enabled, e.path+".Enabled") {
			state = "ENABLED"
		}
		rule = rule.with("State", text(enabled.At, state))
	}
	for _, more := range same(e.p, "Input", "InputPath", "InputTransformer", "RetryPolicy").Entries {
		target = target.with(more.Name, more.Value)
	}
	if arn := e.deadLetters(true); arn != nil {
		target = target.with("DeadLetterConfig", object(arn.At, "Arn", arn))
	}
	e.make(e.r, e.id, "AWS::Events::Rule", rule.with("Targets", list(e.p.At, target)))
}

// deadLetters returns the ARN of the queue for events that cannot be delivered,
// and makes the queue that SAM makes for Type: SQS. A rule's queue has a policy; a
// schedule sends under its role.
func (e *eventSource) deadLetters(policy bool) *Node {
	config := e.p.Get("DeadLetterConfig")
	if config == nil {
		return nil
	}
	arn, kind := config.Get("Arn"), config.Get("Type")
	if (arn == nil) == (kind == nil) {
		e.faults.add(config.At, e.path+".DeadLetterConfig", "exactly one of Arn and Type is needed")
		return nil
	}
	if arn != nil {
		return arn
	}
	if s, _ := kind.Text(); s != "SQS" {
		e.faults.add(kind.At, e.path+".DeadLetterConfig.Type", "the only type of a dead-letter queue that SAM makes is SQS")
	}
	id := e.id + "Queue"
	if named := config.Get("QueueLogicalId"); named != nil {
		id, _ = e.constant(named, e.path+".DeadLetterConfig.QueueLogicalId")
	}
	e.make(e.r, id, "AWS::SQS::Queue", object(config.At))
	if policy {
		e.makeQueuePolicy(e.id+"QueuePolicy", id, object(config.At, "Service", "events.amazonaws.com"), getAtt(config.At, e.id, "Arn"))
	}
	return getAtt(config.At, id, "Arn")
}

// makeQueuePolicy lets somebody send to a queue on behalf of one source.
func (e *eventSource) makeQueuePolicy(id, queue string, principal, source *Node) {
	at := e.p.At
	statement := object(at, "Effect", "Allow", "Principal", principal, "Action", "sqs:SendMessage", "Resource", getAtt(at, queue, "Arn"),
		"Condition", object(at, "ArnEquals", object(at, "aws:SourceArn", source)))
	e.make(e.r, id, "AWS::SQS::QueuePolicy", object(at, "Queues", list(at, ref(at, queue)),
		"PolicyDocument", object(at, "Version", "2012-10-17", "Statement", list(at, statement))))
}

func inlinePolicy(name, action string, resource *Node) *Node {
	at := resource.At
	return object(at, "PolicyName", name, "PolicyDocument", object(at,
		"Statement", list(at, object(at, "Action", action, "Effect", "Allow", "Resource", resource))))
}

func (e *eventSource) makeRole(id, service string, boundary *Node, policies ...*Node) {
	p := object(e.p.At, "AssumeRolePolicyDocument", assumedBy(e.p.At, service), "Policies", list(e.p.At, policies...), "PermissionsBoundary", boundary)
	e.make(e.r, id, "AWS::IAM::Role", p)
}

// schedule makes the schedule of a function and the role that it invokes it with.
func (w *functionWork) schedule(e *eventSource) {
	arn, _ := w.target(e.p.At)
	e.makeSchedule(arn, inlinePolicy(e.id+"LambdaPolicy", "lambda:InvokeFunction", arn))
}

func (w *machineWork) schedule(e *eventSource) {
	arn := w.target(e.p.At)
	e.makeSchedule(arn, inlinePolicy(e.id+"StartExecutionPolicy", "states:StartExecution", arn))
}

func (e *eventSource) makeSchedule(arn, policy *Node) {
	at := e.p.At
	p := same(e.p, "Description", "EndDate", "FlexibleTimeWindow", "GroupName", "KmsKeyArn", "Name", "ScheduleExpression", "ScheduleExpressionTimezone", "StartDate", "State")
	omit := e.isTrue(e.p.Get("OmitName"), e.path+".OmitName")
	switch {
	case omit && e.p.Get("Name") != nil:
		e.faults.add(e.p.Get("Name").At, e.path+".Name", "Name cannot be set when OmitName is true")
	case !omit && e.p.Get("Name") == nil:
		p = p.with("Name", text(at, e.id))
	}
	if e.p.Get("FlexibleTimeWindow") == nil {
		p = p.with("FlexibleTimeWindow", object(at, "Mode", "OFF"))
	}
	target := same(e.p, "Input", "RetryPolicy").with("Arn", arn)
	policies := []*Node{policy}
	if dead := e.deadLetters(false); dead != nil {
		target = target.with("DeadLetterConfig", object(at, "Arn", dead))
		policies = append(policies, inlinePolicy(e.id+"SQSPolicy", "sqs:SendMessage", dead))
	}
	role := e.p.Get("RoleArn")
	if role == nil {
		e.makeRole(e.id+"Role", "scheduler.amazonaws.com", e.p.Get("PermissionsBoundary"), policies...)
		role = getAtt(at, e.id+"Role", "Arn")
	}
	e.make(e.r, e.id, "AWS::Scheduler::Schedule", p.with("Target", target.with("RoleArn", role)))
}

// queue makes the event source mapping of a queue.
func (w *functionWork) queue(e *eventSource) {
	w.mapping(e, "Queue", "service-role/AWSLambdaSQSQueueExecutionRole")
}

// stream makes that of a table's stream.
func (w *functionWork) stream(e *eventSource) {
	w.mapping(e, "Stream", "service-role/AWSLambdaDynamoDBExecutionRole")
}

func (w *functionWork) mapping(e *eventSource, source, managedPolicy string) {
	_, name := w.target(e.p.At)
	p := &Node{Kind: Map, At: e.p.At}
	for _, entry := range e.p.Entries {
		if entry.Name == source {
			entry.Name = "EventSourceArn"
		}
		p.Entries = append(p.Entries, entry)
	}
	p = p.with("FunctionName", name)
	if destination := e.p.Get("DestinationConfig").Get("OnFailure"); destination != nil {
		p = p.with("DestinationConfig", object(destination.At, "OnFailure", object(destination.At, "Destination", w.mappingDestination(e, destination))))
	}
	w.make(w.r, e.id, "AWS::Lambda::EventSourceMapping", p)
	if w.role != nil {
		w.role.manage(e.p.At, managedPolicy)
	}
}

// mappingDestination is where records go that failed. With a Type SAM grants the
// sending to the role that it makes.
func (w *functionWork) mappingDestination(e *eventSource, n *Node) *Node {
	arn := n.Get("Destination")
	if arn == nil {
		w.faults.add(n.At, e.path+".DestinationConfig.OnFailure", "the required property Destination is missing")
		return text(n.At, "")
	}
	kind := n.Get("Type")
	if kind == nil {
		return arn
	}
	s, _ := kind.Text()
	if s != "SQS" && s != "SNS" {
		w.faults.add(kind.At, e.path+".DestinationConfig.OnFailure.Type", "the type of a destination is SQS or SNS")
		return arn
	}
	if w.role != nil {
		known := destinationActions[s]
		w.role.allow(e.id+known.suffix, known.action, arn)
	}
	return arn
}

// topic makes a subscription, straight to the function or through a queue.
func (w *functionWork) topic(e *eventSource) {
	at, topic := e.p.At, e.p.Get("Topic")
	p := renamed(e.p, "TopicArn", "Topic", "FilterPolicy", "FilterPolicy", "FilterPolicyScope", "FilterPolicyScope", "RedrivePolicy", "RedrivePolicy", "Region", "Region")
	if through := e.p.Get("SqsSubscription"); through != nil && w.isTrue(through, e.path+".SqsSubscription") {
		queue := e.id + "Queue"
		w.make(w.r, queue, "AWS::SQS::Queue", object(at))
		e.makeQueuePolicy(e.id+"QueuePolicy", queue, text(at, "*"), topic)
		_, name := w.target(at)
		w.make(w.r, e.id+"EventSourceMapping", "AWS::Lambda::EventSourceMapping", object(at, "BatchSize", scalar(at, jsonvalue.Number("10")), "Enabled", true,
			"EventSourceArn", getAtt(at, queue, "Arn"), "FunctionName", name))
		if w.role != nil {
			w.role.manage(at, "service-role/AWSLambdaSQSQueueExecutionRole")
		}
		w.make(w.r, e.id, "AWS::SNS::Subscription", p.with("Protocol", text(at, "sqs")).with("Endpoint", getAtt(at, queue, "Arn")))
		return
	}
	arn, _ := w.target(at)
	w.make(w.r, e.id, "AWS::SNS::Subscription", p.with("Protocol", text(at, "lambda")).with("Endpoint", arn))
	w.permit(e, "sns.amazonaws.com", topic)
}

// bucket adds a notification to a bucket of the same template, which must exist
// before and be permitted to invoke after: so the permission names the account.
func (w *functionWork) bucket(e *eventSource) {
	at := e.p.At
	bucket := e.p.Get("Bucket")
	id, _ := bucket.Argument.Text()
	target := w.find(id)
	if bucket.Kind != Call || bucket.Function != "Ref" || target == nil || target.Type != "AWS::S3::Bucket" {
		w.faults.add(bucket.At, e.path+".Bucket", "the bucket must be a Ref to an AWS::S3::Bucket of this template")
		return
	}
	arn, name := w.target(at)
	permission := w.make(w.r, e.id+"Permission", "AWS::Lambda::Permission", object(at,
		"Action", "lambda:InvokeFunction", "FunctionName", name, "Principal", "s3.amazonaws.com", "SourceAccount", ref(at, "AWS::AccountId")))
	configuration := target.Properties.Get("NotificationConfiguration")
	if configuration == nil {
		configuration = object(at)
	}
	items := &Node{Kind: List, At: at}
	if have := configuration.Get("LambdaConfigurations"); have != nil {
		items.Items = slices.Clone(have.Items)
	}
	kinds := []*Node{e.p.Get("Events")}
	if kinds[0].Kind == List {
		kinds = kinds[0].Items
	}
	for _, kind := range kinds {
		items.Items = append(items.Items, object(at, "Event", kind, "Filter", e.p.Get("Filter"), "Function", arn))
	}
	// The resources of a stack are its own copies, so they may still change here.
	target.Properties = target.Properties.with("NotificationConfiguration", configuration.with("LambdaConfigurations", items))
	target.DependsOn = append(slices.Clone(target.DependsOn), permission.LogicalID)
}
