package stack

// This file defines the composition: every service, and what it gets of the
// others.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/cloudwatch"
	"github.com/stepworks/stepworks/local/internal/dynamodb"
	"github.com/stepworks/stepworks/local/internal/eventbridge"
	"github.com/stepworks/stepworks/local/internal/iam"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/lambda"
	"github.com/stepworks/stepworks/local/internal/lambda/gobuild"
	"github.com/stepworks/stepworks/local/internal/lambda/sandbox"
	"github.com/stepworks/stepworks/local/internal/logs"
	"github.com/stepworks/stepworks/local/internal/s3"
	"github.com/stepworks/stepworks/local/internal/scheduler"
	"github.com/stepworks/stepworks/local/internal/secretsmanager"
	"github.com/stepworks/stepworks/local/internal/sns"
	"github.com/stepworks/stepworks/local/internal/sqs"
	"github.com/stepworks/stepworks/local/internal/ssm"
	"github.com/stepworks/stepworks/local/internal/stepfunctions"
	"github.com/stepworks/stepworks/local/internal/template"
)

// services are all of them.
type services struct {
	meter     *Meter
	iam       *iam.Service
	logs      *logs.Service
	metrics   *cloudwatch.Service
	tables    *dynamodb.Service
	queues    *sqs.Service
	topics    *sns.Service
	objects   *s3.Service
	secrets   *secretsmanager.Service
	functions *lambda.Service
	machines  *stepfunctions.Service
	events    *eventbridge.Service
	schedules *scheduler.Service

	built    map[string]string // fingerprints of programs, by the functions' ids in the template
	programs string            // the folder that built functions go to
}

// compose makes the services and the listener's handler.
func (s *Stack) compose() error {
	v := &services{meter: s.Meter}
	s.services = v
	v.iam = iam.New(iam.Config{Account: s.Account, Region: s.Region, Store: s.store, ResourcePolicy: v.resourcePolicy})
	s.wire = awswire.NewServer(awswire.Config{Account: s.Account, Region: s.Region, Keys: keys{v}, Authorizer: authorizer{v.iam, s.Lenient, v.resourcePolicy, s.Meter}, Clock: s.Clock, Log: s.Log}, v.iam.API(), v.iam.STS())

	v.logs = logs.New(logs.Config{Account: s.Account, Region: s.Region, Store: s.store, Clock: s.Clock, Log: s.Log})
	v.metrics = cloudwatch.New(cloudwatch.Config{Account: s.Account, Region: s.Region, Store: s.store, Clock: s.Clock, Caller: s.wire, Log: s.Log})
	v.queues = sqs.New(sqs.Config{Account: s.Account, Region: s.Region, URL: s.URL, Store: s.store, Clock: s.Clock,
		Arrived: func(queueARN string) { v.functions.Arrived(queueARN) }, Metrics: v.queueMetrics})
	v.topics = sns.New(sns.Config{Account: s.Account, Region: s.Region, Store: s.store, Clock: s.Clock, Caller: s.wire, Journal: s.Journal})
	v.secrets = secretsmanager.New(secretsmanager.Config{Account: s.Account, Region: s.Region, Store: s.store, Clock: s.Clock})
	outside, err := parseRoutes(s.Routes)
	if err != nil {
		return err
	}
	if v.tables, err = dynamodb.New(dynamodb.Config{Account: s.Account, Region: s.Region, Store: s.store, Clock: s.Clock,
		StreamWritten: func(streamARN string) { v.functions.Arrived(streamARN) }, Consumed: s.Meter.capacity}); err != nil {
		return err
	}
	if v.objects, err = s3.New(s3.Config{Account: s.Account, Region: s.Region, Store: s.store, Clock: s.Clock, Dir: s.folder("objects"), Authorizer: authorizer{v.iam, s.Lenient, v.resourcePolicy, s.Meter}, Caller: s.wire, Log: s.Log}); err != nil {
		return err
	}
	if v.functions, err = lambda.New(lambda.Config{Account: s.Account, Region: s.Region, Store: s.store, Clock: s.Clock, Caller: s.wire, Journal: s.Journal, Log: s.Log,
		Dir: s.folder("functions"), Endpoint: s.URL, Announced: []string{"dynamodb"}, Credentials: v.credentials, Logs: functionLogs{v.logs, v.metrics, s.Meter}, Metrics: v.functionMetrics}); err != nil {
		return err
	}
	if v.events, err = eventbridge.New(eventbridge.Config{Account: s.Account, Region: s.Region, Store: s.store, Clock: s.Clock, Caller: s.wire, Journal: s.Journal, Log: s.Log, HTTP: outside, Metrics: v.counter("AWS/Events")}); err != nil {
		return err
	}
	mocks, err := parseMocks(s.Mocks)
	if err != nil {
		return err
	}
	if v.machines, err = stepfunctions.New(stepfunctions.Config{Account: s.Account, Region: s.Region, Store: s.store, Clock: s.Clock, Journal: s.Journal, Log: s.Log,
		Caller: s.wire, Role: v.iam.Identity, Allow: authorizer{v.iam, s.Lenient, v.resourcePolicy, s.Meter}.Authorize, Logs: machineLogs{v.logs, s.Meter}, PublishServiceEvent: s.publishServiceEvent, HTTP: &httpTasks{caller: s.wire, client: http.Client{Transport: outside}, allow: authorizer{v.iam, s.Lenient, v.resourcePolicy, s.Meter}.Authorize}, Metrics: machineMetrics{v.metrics}, Objects: objectStreams{v.objects}, Mocks: mocks}); err != nil {
		return err
	}
	if v.schedules, err = scheduler.New(scheduler.Config{Account: s.Account, Region: s.Region, Store: s.store, Clock: s.Clock, Caller: s.wire, Journal: s.Journal, Log: s.Log, Metrics: v.counter("AWS/Scheduler")}); err != nil {
		return err
	}
	v.programs = cmp.Or(s.Programs, filepath.Join(cacheDir(s.StateDir), "programs"))
	for _, api := range []awswire.Service{v.logs.API(), v.metrics.API(), v.tables.API(), v.tables.StreamsAPI(), v.queues.API(), v.topics.API(), v.objects.API(), v.secrets.API(), ssm.New(ssm.Config{Account: s.Account, Region: s.Region, Store: s.store, Clock: s.Clock}).API(), v.functions.API(), v.events.API(), v.machines.API(), v.schedules.API()} {
		s.wire.Add(api)
	}
	return nil
}

func parseMocks(file []byte) (*stepfunctions.Mocks, error) {
	if file == nil {
		return nil, nil //nolint:nilnil // no file, no mocks
	}
	mocks, err := stepfunctions.ParseMocks(file)
	if err != nil {
		return nil, fmt.Errorf("the mock file: %w", err)
	}
	return mocks, nil
}

// folder is where a service keeps files; empty, a temporary one, without state.
func (s *Stack) folder(name string) string {
	if s.Memory {
		return ""
	}
	return filepath.Join(s.StateDir, name)
}

// cacheDir is where built programs stay: Go's linker finds them up to date the
// next time, whatever becomes of the state.
func cacheDir(stateDir string) string {
	if stateDir == "" {
		return ".local"
	}
	return stateDir
}

// resume lets the services take up what an earlier process left, now that they
// can reach each other.
func (v *services) resume() error {
	v.topics.Resume()
	v.queues.Start()
	return errors.Join(v.functions.Start(), v.machines.Start(), v.events.Start(), v.schedules.Start(), v.objects.Start(), v.metrics.Start())
}

// close ends the services in the order in which work flows: who makes work first.
func (v *services) close(context.Context) {
	v.objects.Close()
	v.schedules.Close()
	v.events.Close()
	v.machines.Close()
	v.topics.Close()
	v.functions.Close()
	v.tables.Close()
	v.queues.Close()
	v.metrics.Close()
	v.logs.Close()
}

// resourcePolicy asks the owner of a resource for its policy.
func (v *services) resourcePolicy(arn string) string {
	switch parts := strings.SplitN(arn, ":", 6); {
	case len(parts) < 6:
		return ""
	case parts[2] == "sqs":
		return v.queues.Policy(arn)
	case parts[2] == "sns":
		return v.topics.Policy(arn)
	case parts[2] == "dynamodb":
		return v.tables.Policy(arn)
	case parts[2] == "s3":
		return v.objects.Policy(arn)
	case parts[2] == "lambda":
		return v.functions.Policy(arn)
	case parts[2] == "events":
		policy, _ := v.events.ResourcePolicy(arn)
		return policy
	}
	return ""
}

// authorizer adds what holds for AWS's own services without a policy.
type authorizer struct {
	*iam.Service
	lenient  bool
	policyOf func(arn string) string
	meter    *Meter
}

// Authorize implements [awswire.Authorizer].
func (a authorizer) Authorize(ctx context.Context, id awswire.Identity, access awswire.Access) error {
	a.meter.request(id, access)
	switch {
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event.html: the default bus takes no policy
	case id.Service != "" && access.Action == "events:PutEvents" && strings.HasSuffix(access.Resource, ":event-bus/default"):
		return nil
	// A topic's policy, as long as nobody replaced it, lets alarms of its own account publish:
	// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
	case id.Service == "cloudwatch.amazonaws.com" && access.Action == "sns:Publish" && a.policyOf(access.Resource) == "":
		return nil
	}
	err := a.Service.Authorize(ctx, id, access)
	if err != nil && a.lenient && a.unguarded(id, access) {
		return nil
	}
	return err
}

// unguarded tells whether nobody has set up permissions for this at all: a role
// that was never made acts, or a service reaches what has no policy.
func (a authorizer) unguarded(id awswire.Identity, access awswire.Access) bool {
	if id.Role != "" {
		return !a.HasRole(id.Role)
	}
	return id.Service != "" && a.policyOf(access.Resource) == ""
}

// publishServiceEvent puts an event of Step Functions on the default bus. AWS
// does this by best effort; here it fails only with the store.
func (s *Stack) publishServiceEvent(ctx context.Context, e stepfunctions.ServiceEvent) {
	resources := make([]any, len(e.Resources))
	for i, r := range e.Resources {
		resources[i] = r
	}
	entry := jsonvalue.NewObject(jsonvalue.Member{Name: "Source", Value: e.Source}, jsonvalue.Member{Name: "DetailType", Value: e.DetailType},
		jsonvalue.Member{Name: "Resources", Value: resources}, jsonvalue.Member{Name: "Detail", Value: jsonvalue.String(e.Detail)})
	as := awswire.ServicePrincipal(s.Account, "states.amazonaws.com", "")
	if _, err := s.wire.Call(ctx, as, "events", "PutEvents", jsonvalue.NewObject(jsonvalue.Member{Name: "Entries", Value: []any{entry}})); err != nil {
		s.Log.Warn("a status change could not be published", "error", err)
	}
}

// keys adds to an identity which invocation it belongs to.
type keys struct{ v *services }

func (k keys) Lookup(accessKeyID string) (string, awswire.Identity, bool) {
	secret, id, known := k.v.iam.Lookup(accessKeyID)
	if known && k.v.functions != nil {
		id.Cause = k.v.functions.Cause(accessKeyID)
	}
	return secret, id, known
}

// credentials gives a function's environment its role's session.
func (v *services) credentials(_ context.Context, roleARN, session string) (sandbox.Credentials, error) {
	x, err := v.iam.NewSession(roleARN, session)
	return sandbox.Credentials{AccessKeyID: x.AccessKeyID, SecretAccessKey: x.SecretAccessKey, SessionToken: x.SessionToken}, err
}

// functionLogs and machineLogs write into CloudWatch Logs.
type (
	functionLogs struct {
		logs    *logs.Service
		metrics *cloudwatch.Service
		meter   *Meter
	}
	machineLogs struct {
		logs  *logs.Service
		meter *Meter
	}
)

func (l functionLogs) Write(group, stream string, events []sandbox.LogEvent) {
	out := make([]logs.Event, len(events))
	for i, e := range events {
		out[i] = logs.Event{Time: e.Time, Message: e.Message}
		l.meter.logged(len(e.Message))
	}
	l.logs.Write(group, stream, out)
	embedded(l.metrics, events)
}

func (l machineLogs) PutLogs(groupARN, stream string, events []stepfunctions.LogEvent) {
	out := make([]logs.Event, len(events))
	for i, e := range events {
		out[i] = logs.Event{Time: e.Time, Message: e.Message}
	}
	l.meter.execution(events)
	l.logs.Write(logs.GroupOf(groupARN), stream, out)
}

func (l machineLogs) HasGroup(groupARN string) bool { return l.logs.Has(logs.GroupOf(groupARN)) }

// sources are the folders that functions are built of, and the logical ids of the
// functions by those of the template.
func (v *services) sources(root string, resources []*template.Resource) (cfg gobuild.Config, ids map[string]string) {
	cfg, ids = gobuild.Config{Root: root, Out: v.programs}, map[string]string{}
	for _, r := range resources {
		if r.Local.Property == "Code" {
			cfg.Functions = append(cfg.Functions, gobuild.Function{LogicalID: r.Local.Source, Method: r.Local.BuildMethod, CodeURI: r.Local.Path})
			ids[r.Local.Source] = r.LogicalID
		}
	}
	return cfg, ids
}

// build makes the programs of the functions whose code is a folder and returns
// their Code properties. A function that does not compile fails the deployment,
// with the compiler's words.
func (v *services) build(ctx context.Context, root string, resources []*template.Resource, d Deployment) (map[string]*jsonvalue.Object, error) {
	cfg, ids := v.sources(root, resources)
	if d.Unbuilt != "" {
		return unbuilt(ids, d.Unbuilt), nil
	}
	if len(cfg.Functions) == 0 {
		return nil, nil
	}
	if d.Progress != nil {
		_, _ = fmt.Fprintf(d.Progress, "building %d functions\n", len(cfg.Functions))
	}
	result, err := gobuild.Build(ctx, cfg)
	if err != nil {
		return nil, err
	}
	var faults []error
	for id, words := range result.Failures {
		faults = append(faults, fmt.Errorf("%s does not compile:\n%s", id, words))
	}
	code := map[string]*jsonvalue.Object{}
	v.built = map[string]string{}
	for id, program := range result.Programs {
		v.built[id] = gobuild.Fingerprint(program)
		code[ids[id]] = jsonvalue.NewObject(jsonvalue.Member{Name: "LocalPath", Value: program})
	}
	return code, errors.Join(faults...)
}

// unbuilt are the Code properties of functions without a program.
func unbuilt(ids map[string]string, why string) map[string]*jsonvalue.Object {
	code := map[string]*jsonvalue.Object{}
	for _, id := range ids {
		code[id] = jsonvalue.NewObject(jsonvalue.Member{Name: "LocalFault", Value: why})
	}
	return code
}
