// Package lambda is AWS Lambda: functions, their versions and aliases, and every
// way to invoke one.
//
// A function runs as a process of this machine (package sandbox); its code comes
// from a folder of this machine (package gobuild made it), from a zip, or from
// S3. What is stored:
//
//	bucket             key                    value
//	lambda/function    name                   the function: $LATEST, tags, policies
//	lambda/version     name, number           a published version
//	lambda/alias       name, alias            where an alias points
//	lambda/async-config name, qualifier       retries and destinations
//	lambda/async       sequence               an asynchronous invocation, accepted and not yet settled
//	lambda/mapping     id                     an event source mapping
//	lambda/position    id, shard, ...         how far a mapping has read a stream
//
// It guarantees that an asynchronous invocation that was accepted is on disk
// before its caller hears so, and is run, retried and given up as on AWS, over
// any number of restarts: at least once, hence now and then twice. Event source
// mappings lose no message and no record either: they delete or move on only
// after the function succeeded or the failure has gone where the mapping says.
//
// It does not offer function URLs, layers, images, VPCs, provisioned concurrency
// or durable functions: what it does not do it refuses by name. Start at
// [Service.API] and invoke.go.
package lambda

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/lambda/sandbox"
	"github.com/stepworks/stepworks/local/internal/store"
)

const (
	bucketFunction    = "lambda/function"
	bucketVersion     = "lambda/version"
	bucketAlias       = "lambda/alias"
	bucketAsyncConfig = "lambda/async-config"
	bucketAsync       = "lambda/async"
	bucketMapping     = "lambda/mapping"
	bucketPosition    = "lambda/position"
)

// Caller runs operations of other services in process.
type Caller interface {
	Call(ctx context.Context, as awswire.Identity, service, operation string, params jsonvalue.Value) (jsonvalue.Value, error)
}

// Config is what the service needs. Account, Region and Store are required, and
// Caller as soon as a function has a destination, an event source or code in S3.
type Config struct {
	Account, Region string
	Store           *store.Store
	Clock           clock.Clock
	Caller          Caller
	Journal         *journal.Journal
	Log             *slog.Logger

	Dir         string            // where deployed code is kept; empty: a temporary folder
	Endpoint    func() string     // what functions find in AWS_ENDPOINT_URL
	Variables   map[string]string // further variables of every function
	Credentials sandbox.CredentialsFunc
	Logs        sandbox.LogSink
	Announced   []string     // services for which Arrived is called, "sqs", "dynamodb"; other event sources are looked at every 100 ms
	Metrics     func(Metric) // called for every invocation that ended or was throttled

	MaxEnvironments int           // processes at once; 0: the sandbox's default
	IdleAfter       time.Duration // an unused process's life; 0: the sandbox's default
	Drain           time.Duration // how long Close lets invocations under way finish; 0: 5 seconds
}

// Metric is what CloudWatch's AWS/Lambda namespace has of one invocation.
type Metric struct {
	Function, Resource string // Resource: with the qualifier that was invoked, if any
	Throttled, Failed  bool
	Duration           time.Duration
	IteratorAge        *time.Duration // how long ago the last record of a stream's batch was written
}

// Service is Lambda.
type Service struct {
	Config
	environments *sandbox.Manager
	removeDir    bool
	async        *queue
	pollers      pollers
	debugged     atomic.Pointer[string] // the function that runs under a debugger, by name

	mu     sync.Mutex
	loaded map[string]*function // by name; what invocations need
	epoch  uint64               // grows with every change of a function
}

// New returns the service. It starts no function before somebody invokes one,
// and touches no other service before [Service.Start].
func New(cfg Config) (*Service, error) {
	s := &Service{Config: cfg, loaded: map[string]*function{}}
	if s.Log == nil {
		s.Log = slog.Default()
	}
	if s.Clock == nil {
		s.Clock = clock.Real()
	}
	if s.Drain == 0 {
		s.Drain = 5 * time.Second
	}
	if s.Dir == "" {
		dir, err := os.MkdirTemp("", "stepworks-functions-")
		if err != nil {
			return nil, fmt.Errorf("a place for the functions' code: %w", err)
		}
		s.Dir, s.removeDir = dir, true
	}
	var err error
	if s.Dir, err = filepath.Abs(s.Dir); err != nil { // functions have another working directory
		return nil, err
	}
	s.environments, err = sandbox.New(sandbox.Config{
		Region: s.Region, Account: s.Account, Endpoint: s.Endpoint, Variables: s.Variables, Clock: s.Clock, Credentials: s.Credentials,
		Logs: s.Logs, Log: s.Log, TempDir: filepath.Join(s.Dir, "tmp"), MaxEnvironments: s.MaxEnvironments, IdleAfter: s.IdleAfter,
	})
	if err != nil {
		return nil, err
	}
	s.async = newQueue(s)
	s.pollers.service = s
	return s, nil
}

// Start takes up what an earlier process left: asynchronous invocations and event
// source mappings. Call it once, when the other services can be called.
func (s *Service) Start() error {
	release := s.Clock.Hold() // until all timers are set, lest the first one's time comes before
	defer release()
	if err := s.refreshLocalCode(); err != nil {
		return err
	}
	if err := s.async.resume(); err != nil {
		return err
	}
	return s.pollers.resume()
}

// Close ends every function's process. Asynchronous invocations that it cuts
// short stay stored.
func (s *Service) Close() {
	s.pollers.close()
	ctx, cancel := context.WithTimeout(context.Background(), s.Drain)
	defer cancel()
	s.environments.Close(ctx)
	s.async.close()
	s.pollers.ended.Wait()
	if s.removeDir {
		_ = os.RemoveAll(s.Dir)
	}
}

// Cause returns the journal entry of the invocation that signs with this access
// key, 0 if none: what a function does, its invocation caused.
func (s *Service) Cause(accessKeyID string) uint64 { return s.environments.Cause(accessKeyID) }

// Policy returns the resource policy of a function, version or alias, for the
// authorizer; "" if it has none.
func (s *Service) Policy(arn string) string {
	n, err := s.parseName(arn, "")
	if err != nil {
		return ""
	}
	f, err := s.function(n)
	if err != nil {
		return ""
	}
	return s.policyText(f.record.Policies[n.policyQualifier()])
}

// API lists the operations.
func (s *Service) API() awswire.Service {
	ops := s.functionOperations()
	ops = append(ops, s.versionOperations()...)
	ops = append(ops, s.accessOperations()...)
	ops = append(ops, s.invokeOperations()...)
	ops = append(ops, s.mappingOperations()...)
	return awswire.Service{Name: "lambda", Protocol: awswire.RESTJSON, Errors: statuses, Operations: ops}
}

// statuses are the HTTP statuses of Lambda's errors:
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors
var statuses = map[string]int{
	"AccessDeniedException":                403,
	"CodeStorageExceededException":         400,
	"CodeVerificationFailedException":      400,
	"InvalidParameterValueException":       400,
	"InvalidRequestContentException":       400,
	"InvalidRuntimeException":              502,
	"InvalidZipFileException":              502,
	"PolicyLengthExceededException":        400,
	"PreconditionFailedException":          412,
	"RequestTooLargeException":             413,
	"ResourceConflictException":            409,
	"ResourceInUseException":               400,
	"ResourceNotFoundException":            404,
	"ServiceException":                     500,
	"TooManyRequestsException":             429,
	"UnsupportedMediaTypeException":        415,
	"ProvisionedConcurrencyConfigNotFound": 404,
}
