// Package sandbox runs Lambda functions as processes of this machine.
//
// An execution environment is one child process: the function's own unmodified
// binary, which speaks the Lambda Runtime API
// (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html) to a loopback
// listener of the [Manager]. An environment serves one invocation at a time and
// is kept for the next; more are started under load, at most as many at once as
// the machine has processors, and idle ones are ended. What an invocation lives
// through is AWS's:
//
//	queued    no environment is free: it waits for one to become free or to start
//	begun     the runtime took it from /next; its timeout runs, in real time
//	answered  the runtime posted a response or an error
//	finished  the runtime asked for the next one, exited, or was killed
//
// It guarantees that every Invoke ends: by an answer, a timeout, the process's
// exit, or Close. Time limits are on the wall clock, because processes are; an
// invocation holds the injected clock, so virtual time stands still while one
// runs. Children die with their parent: at once on Linux, elsewhere as soon as
// they next ask for work, and a process that outlives its parent can take none
// from another, because the listener's paths carry a token of this start.
//
// It does not isolate: a function can read the developer's files. One that uses
// more than its MemorySize is ended as on AWS, but on Linux only. The package
// knows no roles, versions or retries; the service does. Start at
// [Manager.Invoke].
package sandbox

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/stepworks/stepworks/local/internal/clock"
)

// ErrClosed is what Invoke answers for an invocation that Close cut short. It
// says nothing about the function.
var ErrClosed = errors.New("the execution environments are shutting down")

// maxAge is how long an environment is used. AWS replaces them after some hours,
// too, and the credentials that it was started with do not last for ever.
const maxAge = 8 * time.Hour

// accountConcurrency is how many invocations an account may have in flight:
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const accountConcurrency = 1000

// Config is what a manager needs. Region and Account are required.
type Config struct {
	Region, Account string
	Endpoint        func() string     // what functions find in AWS_ENDPOINT_URL; nil: nothing
	Variables       map[string]string // set for every function, beneath its own
	Clock           clock.Clock       // nil: real time
	Credentials     CredentialsFunc   // nil: functions get fixed, meaningless keys
	Logs            LogSink           // nil: output is dropped
	Log             *slog.Logger      // nil: the default one
	TempDir         string            // absolute: where functions find their temporary folders; empty: the system's. It is emptied first
	MaxEnvironments int               // processes at once; 0: 64
	IdleAfter       time.Duration     // an unused environment's life; 0: 5 minutes
}

// CredentialsFunc issues temporary credentials of a role for a session. Each
// environment asks once, so a key belongs to one environment.
type CredentialsFunc func(ctx context.Context, roleARN, session string) (Credentials, error)

// Credentials are what a process signs its requests with.
type Credentials struct{ AccessKeyID, SecretAccessKey, SessionToken string }

// LogSink receives what functions print and what happens to them, in order for
// each stream. It must not block for long.
type LogSink interface {
	Write(group, stream string, events []LogEvent)
}

// LogEvent is one line.
type LogEvent struct {
	Time      time.Time
	Message   string
	RequestID string // of the invocation under way, "" outside of one
}

// Spec says what to run: one state of one version of a function. It must not be
// changed once an Invoke has seen it.
type Spec struct {
	Function  string   // its name
	Version   string   // "$LATEST" or a number
	Revision  string   // differs whenever anything here does
	Command   []string // the program and its arguments
	TaskRoot  string   // the working directory; empty: the program's
	Handler   string
	Role      string // ARN
	MemoryMB  int
	Timeout   time.Duration
	Variables map[string]string
	Reserved  *int // the function's reserved concurrency, over all versions

	LogGroup         string
	CustomLogGroup   bool // LogGroup is not the function's default one
	JSONLogs         bool
	ApplicationLevel string // JSON only
	SystemLevel      string // JSON only

	ExecutionEnv string // AWS_EXECUTION_ENV, which provided runtimes lack
	Debug        bool   // somebody is looking: no time limits, and one environment at most
	Broken       string // why it cannot run, such as a compiler's words
}

// Invocation is one call of a function.
type Invocation struct {
	RequestID     string
	ARN           string // as the caller named the function, with its qualifier
	Payload       []byte
	ClientContext string // JSON
	TraceHeader   string // X-Amzn-Trace-Id; empty: a new trace
	Cause         uint64 // the journal entry of this invocation
}

// Result is how an invocation ended.
type Result struct {
	Payload   []byte
	ErrorType string // "" when the function succeeded
	LogTail   []byte // the last 4 KB of its log
	Cold      bool   // it waited for an environment to start
	Init      time.Duration
	Duration  time.Duration
	MemoryMB  int // the environment's peak, 0 where this system does not tell
}

// Failed reports whether the function failed, which Invoke answers as
// FunctionError "Unhandled".
func (r Result) Failed() bool { return r.ErrorType != "" }

// Throttle is a refusal because of too many invocations at once.
type Throttle struct{ Reason string }

func (t *Throttle) Error() string { return "Rate Exceeded." }

// Manager owns the environments. Make it with [New].
type Manager struct {
	Config
	token    string
	listener net.Listener
	server   *http.Server
	starts   chan start
	stop     chan struct{} // closed by Close

	mu           sync.Mutex
	pools        map[poolKey]*pool
	environments map[string]*environment
	inFlight     map[string]int // by function
	total        int            // in flight over all functions
	live         int            // processes, those that start included
	starting     int
	maxStarting  int
	closing      bool
	killing      bool
	changed      *sync.Cond // live or total went down
}

// New starts a manager: it listens on a free loopback port.
func New(cfg Config) (*Manager, error) {
	if cfg.Clock == nil {
		cfg.Clock = clock.Real()
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.MaxEnvironments == 0 {
		cfg.MaxEnvironments = 64
	}
	if cfg.IdleAfter == 0 {
		cfg.IdleAfter = 5 * time.Minute
	}
	if cfg.TempDir != "" { // what a killed process left goes
		if err := errors.Join(os.RemoveAll(cfg.TempDir), os.MkdirAll(cfg.TempDir, 0o700)); err != nil {
			return nil, fmt.Errorf("the functions' temporary folder: %w", err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("the Runtime API of the functions cannot listen: %w", err)
	}
	m := &Manager{
		Config: cfg, token: randomHex(16), listener: listener, starts: make(chan start), stop: make(chan struct{}),
		pools: map[poolKey]*pool{}, environments: map[string]*environment{}, inFlight: map[string]int{},
		maxStarting: max(2, runtime.NumCPU()),
	}
	m.changed = sync.NewCond(&m.mu)
	m.server = &http.Server{Handler: m, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug)}
	go func() { _ = m.server.Serve(listener) }()
	go m.startLoop()
	go m.reapLoop()
	go m.look()
	return m, nil
}

// Invoke runs one invocation and waits for its end. The error is a [*Throttle],
// [ErrClosed], ctx's, or that the role's credentials could not be had; whatever
// the function itself did wrong is in the Result. When ctx ends the caller stops
// waiting, but an invocation that has begun runs on, as on AWS.
func (m *Manager) Invoke(ctx context.Context, spec *Spec, inv Invocation) (Result, error) {
	f, err := m.admit(spec, inv)
	if err != nil {
		return Result{}, err
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		if m.withdraw(f) {
			return Result{}, ctx.Err()
		}
		select {
		case <-f.done:
		default:
			return Result{}, ctx.Err()
		}
	}
	return f.result, f.err
}

// Cause returns the journal entry of the invocation that the environment with
// this access key is running, 0 if none: what it does, that invocation caused.
func (m *Manager) Cause(accessKeyID string) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.environments {
		if e.accessKeyID == accessKeyID && e.current != nil {
			return e.current.Cause
		}
	}
	return 0
}

// Retire ends the environments of a function's version, "" for all versions,
// those at work when they are done. Call it when the function is deleted; a
// changed one needs no call, its Revision tells.
func (m *Manager) Retire(function, version string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, p := range m.pools {
		if key.function == function && (version == "" || key.version == version) {
			m.retire(p, "")
			if len(p.queue) == 0 {
				delete(m.pools, key)
			}
		}
	}
}

// Environments counts the live processes of a function.
func (m *Manager) Environments(function string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, e := range m.environments {
		if e.spec.Function == function {
			n++
		}
	}
	return n
}

// Close ends everything: invocations under way may finish until ctx ends, queued
// ones answer ErrClosed at once. When it returns no child is left.
func (m *Manager) Close(ctx context.Context) {
	m.mu.Lock()
	if m.closing {
		m.mu.Unlock()
		return
	}
	m.closing = true
	m.dropQueued()
	m.mu.Unlock()
	close(m.stop)

	stopWaiting := context.AfterFunc(ctx, m.killAll)
	m.mu.Lock()
	for _, e := range m.environments {
		if e.state == idle {
			m.end(e)
		}
	}
	for m.live > 0 {
		m.changed.Wait()
	}
	m.mu.Unlock()
	stopWaiting()
	_ = m.server.Close()
	close(m.starts)
}

func (m *Manager) killAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.killing = true
	for _, e := range m.environments {
		if e.current != nil && !e.current.answered {
			e.current.err = ErrClosed
		}
		e.kill()
	}
}

func (m *Manager) reapLoop() {
	tick := time.NewTicker(m.IdleAfter/4 + time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-m.stop:
			return
		case now := <-tick.C:
			m.reap(now)
		}
	}
}

// reap ends the environments that have been idle for too long.
func (m *Manager) reap(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.environments {
		if e.state == idle && now.Sub(e.idleSince) >= m.IdleAfter {
			m.end(e)
		}
	}
}

// lookEvery is how often the functions at work and those that wait are looked at.
const lookEvery = 50 * time.Millisecond

// look ends functions that use more memory than they have
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html), and
// relieves queues that nothing else will.
func (m *Manager) look() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-m.stop:
			return
		case now := <-tick.C:
			for _, e := range m.atWork() {
				if e.proc.memoryMB() > e.spec.MemoryMB {
					e.kill()
				}
			}
			m.relieve(now)
		}
	}
}

// atWork are the environments that run an invocation whose memory is bounded.
func (m *Manager) atWork() (list []*environment) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.total == 0 {
		return nil
	}
	for _, e := range m.environments {
		if e.state == busy && e.proc != nil && !e.spec.Debug && e.spec.MemoryMB > 0 {
			list = append(list, e)
		}
	}
	return list
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}
