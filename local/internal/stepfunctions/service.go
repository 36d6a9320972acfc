// Package stepfunctions is AWS Step Functions: the API, and the driver that
// performs what package asl/interp decides.
//
// The interpreter is pure: it says what must be done, and this package does it.
// For every execution one event at a time goes into Step; the execution and its
// new history are durable before any command of that Step is performed. Nothing
// waits in a goroutine: an execution that waits is a row in the store, a timer
// on the clock and some hundred bytes here.
//
//	bucket            key                        value
//	sfn/machine       name                       a state machine
//	sfn/version       machine, number            a published version
//	sfn/alias         machine, alias             an alias
//	sfn/definition    hash                       a definition's text, shared by all that run it
//	sfn/execution     execution                  what DescribeExecution tells
//	sfn/list          machine, start, execution  its status, for ListExecutions (of a map run: its ARN first)
//	sfn/history       execution, first event     the events of one or more steps, a line each
//	sfn/running       execution                  the interpreter's state
//	sfn/closed        execution                  the same of one that may be redriven
//	sfn/token         hash of a token            whose task it is
//	sfn/child         parent, task               the nested execution that a task started
//	sfn/express       execution                  an express execution to run again after a crash
//	sfn/activity      name                       an activity
//	sfn/maprun        machine, map run           a map run
//	sfn/mapinput      map run, row               the inputs of a hundred of its children
//	sfn/tags          ARN                        tags
//
// After a restart [Service.Start] loads every running execution and performs
// again what was in flight: timers, calls, waits for tokens and children. A task
// whose answer was recorded never runs again; one whose answer was not is asked
// once more, as AWS does when a worker dies. Express executions run from the
// start again, at least once, and synchronous ones end with their connection, as
// on AWS.
//
// The package does not know the other services: tasks reach them through
// [Caller], as the machine's role. Start at [New], run.go for the driver and
// api.go for the operations.
package stepfunctions

import (
	"context"
	"log/slog"
	"sync"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

const (
	bucketMachine    = "sfn/machine"
	bucketVersion    = "sfn/version"
	bucketAlias      = "sfn/alias"
	bucketDefinition = "sfn/definition"
	bucketExecution  = "sfn/execution"
	bucketList       = "sfn/list"
	bucketHistory    = "sfn/history"
	bucketRunning    = "sfn/running"
	bucketClosed     = "sfn/closed"
	bucketToken      = "sfn/token"
	bucketChild      = "sfn/child"
	bucketExpress    = "sfn/express"
	bucketActivity   = "sfn/activity"
	bucketMapRun     = "sfn/maprun"
	bucketMapInput   = "sfn/mapinput"
	bucketTags       = "sfn/tags"
)

// Caller runs operations of other services in process; awswire.Server is one.
type Caller interface {
	Call(ctx context.Context, as awswire.Identity, service, operation string, params jsonvalue.Value) (jsonvalue.Value, error)
}

// ServiceEvent is an event that a service itself puts on the default bus.
type ServiceEvent struct {
	Source     string // "aws.states"
	DetailType string
	Resources  []string
	Detail     jsonvalue.Value
}

// Config is what the service needs.
type Config struct {
	Account, Region string
	Store           *store.Store
	Clock           clock.Clock
	Journal         *journal.Journal // nil: nothing is recorded
	Log             *slog.Logger     // nil: the default one

	// Caller reaches the other services, and this one for nested executions.
	Caller Caller
	// Role is the identity of a role that this service assumed for a session. Nil
	// makes an identity with no more to it than its name.
	Role func(roleARN, session string) awswire.Identity
	// Allow decides about what a role does here by itself, without a call: a map run's
	// children. Nil allows it.
	Allow func(ctx context.Context, as awswire.Identity, access awswire.Access) error
	// PublishServiceEvent puts status changes on the default bus. AWS delivers
	// these on a best effort basis. May be nil.
	PublishServiceEvent func(ctx context.Context, event ServiceEvent)
	// Objects reads and writes what map runs have in S3. Nil goes through Caller.
	Objects Objects
	// HTTP performs http:invoke tasks. Nil refuses them.
	HTTP HTTPInvoker
	// Logs takes execution logs. Nil drops them.
	Logs LogSink
	// Metrics counts. May be nil.
	Metrics Metrics
	// Mocks answer tasks in the place of services. May be nil.
	Mocks *Mocks
}

// Metrics is where CloudWatch metrics of the namespace AWS/States go.
type Metrics interface {
	Count(metric string, dimensions map[string]string, value float64, unit string)
}

// Service is Step Functions.
type Service struct {
	Config

	ctx    context.Context // of everything in flight; ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup

	machines    machineCache
	definitions definitionCache

	mu      sync.Mutex
	runs    map[string]*run    // the executions under way, by key
	mapRuns map[string]*mapRun // the map runs under way, by ARN
	closed  bool
	waiting []func() // what Start does last, while it is under way; else nil

	activities activityQueues
	publishers [publishers]inbox[publication]
}

// New returns the service. It does nothing by itself until [Service.Start].
func New(cfg Config) (*Service, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Role == nil {
		cfg.Role = plainRole(cfg.Account)
	}
	s := &Service{Config: cfg, runs: map[string]*run{}, mapRuns: map[string]*mapRun{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.activities.byName, s.activities.workers = map[string]*activityQueue{}, map[string]*workman{}
	if err := cfg.Store.View(s.machines.load); err != nil {
		return nil, err
	}
	return s, nil
}

// Close stops what is in flight and waits for it. Whatever was not recorded goes
// on after the next Start, as after a crash.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.work.Wait()
	for _, r := range s.runs {
		for _, t := range r.timers {
			t.clock.Stop()
		}
	}
}

func plainRole(account string) func(string, string) awswire.Identity {
	return func(roleARN, session string) awswire.Identity {
		r := awswire.Root(account)
		r.ARN, r.Role = roleARN+"/"+session, roleARN
		return r
	}
}

// execute runs f as work that Close waits for; false when the service is closed.
func (s *Service) execute(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.work.Add(1)
	go func() {
		defer s.work.Done()
		f()
	}()
	return true
}
