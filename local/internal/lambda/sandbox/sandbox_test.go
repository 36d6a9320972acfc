package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/stepworks/stepworks/local/internal/clock"
)

var functionBinary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sandbox-test-")
	if err != nil {
		panic(err)
	}
	functionBinary = filepath.Join(dir, "bootstrap")
	if runtime.GOOS == "windows" {
		functionBinary += ".exe"
	}
	if out, err := exec.Command("go", "build", "-tags=lambda.norpc", "-ldflags=-s -w", "-o", functionBinary, "./testdata/function").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "the test's function does not build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// logs keeps what a manager writes.
type logs struct {
	mu     sync.Mutex
	events []LogEvent
	places []string
}

func (l *logs) Write(group, stream string, events []LogEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, events...)
	l.places = append(l.places, group+" "+stream)
}

func (l *logs) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []string
	for _, e := range l.events {
		lines = append(lines, e.Message)
	}
	return strings.Join(lines, "\n")
}

// bench is a manager and what a test does with it.
type bench struct {
	*Manager
	t    testing.TB
	logs *logs
	n    int
}

func newBench(t testing.TB, cfg Config) *bench {
	b := &bench{t: t, logs: &logs{}}
	cfg.Region, cfg.Account, cfg.Logs = "eu-west-1", "123456789012", b.logs
	cfg.Log = slog.New(slog.DiscardHandler)
	var err error
	if b.Manager, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		b.Close(ctx)
	})
	return b
}

func function(change ...func(*Spec)) *Spec {
	s := &Spec{Function: "f", Version: "$LATEST", Revision: "1", Command: []string{functionBinary}, Handler: "bootstrap", MemoryMB: 128,
		Timeout: 5 * time.Second, LogGroup: "/aws/lambda/f"}
	for _, c := range change {
		c(s)
	}
	return s
}

func (b *bench) invoke(s *Spec, event string) Result {
	b.t.Helper()
	r, err := b.Invoke(context.Background(), s, b.invocation(event))
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *bench) invocation(event string) Invocation {
	b.n++
	return Invocation{RequestID: fmt.Sprintf("request-%d", b.n), ARN: "arn:aws:lambda:eu-west-1:123456789012:function:f", Payload: []byte(event)}
}

func (b *bench) decode(r Result) map[string]any {
	b.t.Helper()
	var v map[string]any
	if err := json.Unmarshal(r.Payload, &v); err != nil {
		b.t.Fatalf("payload %s: %v", r.Payload, err)
	}
	return v
}

// TestOutcomes runs one function through every way an invocation can end.
func TestOutcomes(t *testing.T) {
	const exited = `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with`
	for _, c := range []struct {
		name, event      string
		change           func(*Spec)
		payload, kind    string
		logged           string // a pattern
		endsTheProcess   bool
		linux            bool
		onlyTheBeginning bool
	}{
		{name: "answer", event: `{"Do":"echo","Text":"é<&>"}`, payload: `{"Do":"echo","Text":"é<&>","Size":0,"Delay":0}`, logged: `START RequestId: ID Version: \$LATEST\nEND RequestId: ID\nREPORT RequestId: ID\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\tMax Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\t$`},
		{name: "null", event: `{"Do":"print","Text":"x"}`, payload: `null`, logged: `out: x\nerr: x\nno newline\nEND`},
		{name: "error", event: `{"Do":"error","Text":"bad"}`, payload: `{"errorMessage":"bad","errorType":"errorString"}`, kind: "errorString"},
		{name: "own type", event: `{"Do":"typed"}`, payload: `{"errorMessage":"declined","errorType":"declined"}`, kind: "declined"},
		{name: "own name", event: `{"Do":"named","Text":"card"}`, payload: `{"errorMessage":"card","errorType":"Payment.Declined"}`, kind: "Payment.Declined"},
		{name: "panic", event: `{"Do":"panic","Text":"oh"}`, payload: `{"errorMessage":"oh","errorType":"string","stackTrace":[`, kind: "string", endsTheProcess: true, onlyTheBeginning: true},
		{name: "exit with a status", event: `{"Do":"exit","Size":7}`, payload: exited + ` error: exit status 7"}`, kind: "Runtime.ExitError", endsTheProcess: true, logged: `RequestId: ID Error: Runtime exited with error: exit status 7\nRuntime.ExitError\nEND.*\nREPORT.*Status: error\tError Type: Runtime.ExitError`},
		{name: "exit in good health", event: `{"Do":"exit"}`, payload: exited + `out providing a reason"}`, kind: "Runtime.ExitError", endsTheProcess: true},
		{name: "timeout", event: `{"Do":"sleep","Delay":60000}`, change: func(s *Spec) { s.Timeout = 50 * time.Millisecond }, kind: "Sandbox.Timedout", endsTheProcess: true,
			payload: `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ID Error: Task timed out after 0.05 seconds"}`, logged: `Z ID Task timed out after 0.05 seconds\nEND`},
		{name: "out of memory", event: `{"Do":"memory","Size":300000000}`, kind: "Runtime.ExitError", endsTheProcess: true, linux: true, payload: exited + ` error: signal: killed"}`},
		{name: "too large", event: `{"Do":"large","Size":6291555}`, kind: "Function.ResponseSizeTooLarge", endsTheProcess: true,
			payload: `{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}`},
		{name: "just not too large", event: `{"Do":"large","Size":6291554}`, payload: `"aaa`, onlyTheBeginning: true},
		{name: "stream that breaks", event: `{"Do":"stream"}`, payload: `{"errorMessage":"declined","errorType":"declined"}`, kind: "declined"},
		{name: "not this function's input", event: `[1]`, payload: `{"errorMessage":"json: cannot unmarshal array into Go value of type main.event","errorType":"UnmarshalTypeError"}`, kind: "UnmarshalTypeError"},
		{name: "exit at start", event: `{}`, change: initially("exit"), payload: exited + ` error: exit status 3"}`, kind: "Runtime.ExitError", endsTheProcess: true,
			logged: `(?s)starting\nINIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError\nstarting\nINIT_REPORT .*Phase: invoke`},
		{name: "panic at start", event: `{}`, change: initially("panic"), payload: exited + ` error: exit status 2"}`, kind: "Runtime.ExitError", endsTheProcess: true, logged: `panic: no configuration`},
		{name: "no program", event: `{}`, change: func(s *Spec) { s.Command = []string{"/nowhere/bootstrap"}; s.TaskRoot = "/" }, kind: "Runtime.InvalidEntrypoint", endsTheProcess: true,
			payload: `{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: ID Error: Couldn't find valid bootstrap(s): [/nowhere/bootstrap]"}`},
		{name: "does not compile", event: `{}`, change: func(s *Spec) { s.Broken = "handler.go:3:1: undefined: x" }, kind: "Runtime.InvalidEntrypoint", endsTheProcess: true,
			payload: `{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: ID Error: handler.go:3:1: undefined: x"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.linux && runtime.GOOS != "linux" {
				t.Skip("NOT CHECKED: only Linux tells how much memory a process has")
			}
			b := newBench(t, Config{})
			s := function()
			if c.change != nil {
				c.change(s)
			}
			r := b.invoke(s, c.event)
			want := strings.ReplaceAll(c.payload, "ID", "request-1")
			if got := string(r.Payload); got != want && !(c.onlyTheBeginning && strings.HasPrefix(got, want)) {
				t.Errorf("payload %.300s\nwant    %s", got, want)
			}
			if r.ErrorType != c.kind {
				t.Errorf("error type %q, want %q", r.ErrorType, c.kind)
			}
			if logged := regexp.MustCompile(strings.ReplaceAll(c.logged, "ID", "request-1")); !logged.MatchString(b.logs.text()) {
				t.Errorf("the log does not match %s:\n%.2000s", logged, b.logs.text())
			}
			b.settle(c.endsTheProcess)
		})
	}
}

func initially(what string) func(*Spec) {
	return func(s *Spec) { s.Variables = map[string]string{"INIT": what} }
}

// settle waits for the processes that an outcome ends, and checks that others live.
func (b *bench) settle(none bool) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for none && b.live > 0 {
		b.changed.Wait()
	}
	if !none && b.live != 1 {
		b.t.Errorf("%d processes are left, want 1", b.live)
	}
	if b.total != 0 || len(b.inFlight) != 0 || b.starting != 0 {
		b.t.Errorf("in flight %d %v, starting %d: want none", b.total, b.inFlight, b.starting)
	}
}

func TestWhatAFunctionSees(t *testing.T) {
	t.Setenv("DEVELOPERS_SECRET", "must not be seen")
	creds := func(_ context.Context, role, session string) (Credentials, error) {
		return Credentials{role + "-key", session + "-secret", "tok"}, nil
	}
	b := newBench(t, Config{Endpoint: func() string { return "http://127.0.0.1:4566" }, Credentials: creds, Variables: map[string]string{"EXTRA": "1"}})
	s := function(func(s *Spec) {
		s.Role, s.JSONLogs, s.ApplicationLevel = "role", true, "WARN"
		s.Variables = map[string]string{"TABLE": "Orders", "AWS_REGION": "moon"}
	})
	vars := b.decode(b.invoke(s, `{"Do":"environment"}`))
	for name, want := range map[string]string{
		"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
		"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f", "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "_HANDLER": "bootstrap",
		"AWS_ACCESS_KEY_ID": "role-key", "AWS_SECRET_ACCESS_KEY": "f-secret", "AWS_SESSION_TOKEN": "tok", "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
		"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "WARN", "TZ": ":UTC", "TABLE": "Orders", "EXTRA": "1",
		"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "LAMBDA_TASK_ROOT": filepath.Dir(functionBinary),
	} {
		if vars[name] != want {
			t.Errorf("%s = %v, want %s", name, vars[name], want)
		}
	}
	for _, name := range []string{"DEVELOPERS_SECRET", "AWS_EXECUTION_ENV", "GOFLAGS"} {
		if v, ok := vars[name]; ok {
			t.Errorf("%s = %v should not be there", name, v)
		}
	}
	if vars["HOME"] == os.Getenv("HOME") || vars["HOME"] != vars["TMPDIR"] {
		t.Errorf("HOME = %v, TMPDIR = %v: want one private directory", vars["HOME"], vars["TMPDIR"])
	}
	if strings.Contains(b.logs.text(), "starting") {
		t.Error("a line without a level counts as INFO and must not pass WARN")
	}
}

func TestInvocationContext(t *testing.T) {
	b := newBench(t, Config{})
	inv := b.invocation(`{"Do":"context"}`)
	inv.TraceHeader, inv.ClientContext, inv.Cause = "Root=1-2-3", `{"custom":{"a":"b"}}`, 9
	r, err := b.Invoke(context.Background(), function(), inv)
	if err != nil {
		t.Fatal(err)
	}
	v := b.decode(r)
	if left := v["left"].(float64); left <= 4000 || left > 5000 {
		t.Errorf("%v ms left, want almost 5000", left)
	}
	if v["id"] != "request-1" || v["trace"] != "Root=1-2-3" || v["arn"] != inv.ARN || fmt.Sprint(v["client"]) != "map[a:b]" {
		t.Errorf("got %v", v)
	}
	if !r.Cold || r.Init <= 0 || r.Duration <= 0 {
		t.Errorf("result %+v", r)
	}
	if runtime.GOOS == "linux" && r.MemoryMB < 2 {
		t.Errorf("%d MB measured", r.MemoryMB)
	}
	if again := b.decode(b.invoke(function(), `{"Do":"context"}`)); again["pid"] != v["pid"] || again["served"] != 2.0 || !strings.HasPrefix(again["trace"].(string), "Root=1-") {
		t.Errorf("the second invocation was not served by the same process: %v", again)
	}
}

func TestTailAndPlatformEvents(t *testing.T) {
	b := newBench(t, Config{})
	r := b.invoke(function(), `{"Do":"print","Text":"`+strings.Repeat("x", 5000)+`"}`)
	if len(r.LogTail) != 4<<10 || !strings.Contains(string(r.LogTail), "REPORT RequestId: request-1") {
		t.Errorf("tail of %d bytes: %.100s", len(r.LogTail), r.LogTail)
	}
	b.logs.events = nil
	b.invoke(function(func(s *Spec) { s.Function, s.JSONLogs, s.SystemLevel = "j", true, "INFO" }), `{"Do":"exit"}`)
	want := regexp.MustCompile(`^starting
{"time":"[^"]+Z","type":"platform.start","record":{"requestId":"request-2","version":"\$LATEST"}}
{"time":"[^"]+","type":"platform.report","record":{"requestId":"request-2","metrics":{"durationMs":[\d.]+,"billedDurationMs":\d+,"memorySizeMB":128,"maxMemoryUsedMB":\d+,"initDurationMs":[\d.]+},"errorType":"Runtime.ExitError","status":"failure"}}$`)
	if !want.MatchString(b.logs.text()) {
		t.Errorf("logged:\n%s", b.logs.text())
	}
}

func TestConcurrencyAndReuse(t *testing.T) {
	b := newBench(t, Config{MaxEnvironments: 3})
	var wg sync.WaitGroup
	for i := range 20 {
		inv := b.invocation(fmt.Sprintf(`{"Do":"echo","Size":%d}`, i))
		wg.Go(func() {
			r, err := b.Invoke(context.Background(), function(), inv)
			if want := fmt.Sprintf(`"Size":%d,`, i); err != nil || !strings.Contains(string(r.Payload), want) {
				t.Errorf("%s, %v", r.Payload, err)
			}
		})
	}
	wg.Wait()
	if n := b.Environments("f"); n < 1 || n > 3 {
		t.Errorf("%d environments, want 1 to 3", n)
	}
	// Another function needs the place of an idle environment.
	for _, name := range []string{"g", "h", "i", "j"} {
		b.invoke(function(func(s *Spec) { s.Function = name }), `{"Do":"echo"}`)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.live > 3 {
		t.Errorf("%d processes, at most 3 are allowed", b.live)
	}
}

// TestFunctionsThatWaitForFunctions: the only environment is taken by a function
// that waits until another one has run.
func TestFunctionsThatWaitForFunctions(t *testing.T) {
	b := newBench(t, Config{MaxEnvironments: 1})
	file := filepath.Join(t.TempDir(), "there")
	outer, err := b.admit(function(func(s *Spec) { s.Function = "outer" }), b.invocation(`{"Do":"await","Text":"`+filepath.ToSlash(file)+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	inner, err := b.admit(function(func(s *Spec) { s.Function = "inner" }), b.invocation(`{"Do":"echo"}`))
	if err != nil {
		t.Fatal(err)
	}
	for {
		b.mu.Lock()
		begun := !outer.begun.IsZero()
		b.mu.Unlock()
		if begun {
			break
		}
		runtime.Gosched()
	}
	b.relieve(time.Now())
	b.relieve(time.Now().Add(2 * patience))
	<-inner.done
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	<-outer.done
	if inner.result.Failed() || outer.result.Failed() {
		t.Errorf("inner %s, outer %s", inner.result.Payload, outer.result.Payload)
	}
}

func TestThrottles(t *testing.T) {
	b := newBench(t, Config{})
	reserved := func(n int) *Spec { return function(func(s *Spec) { s.Reserved = &n }) }
	refused := func(s *Spec) string {
		_, err := b.Invoke(context.Background(), s, b.invocation(`{"Do":"echo"}`))
		var throttle *Throttle
		if errors.As(err, &throttle) {
			return throttle.Reason
		}
		return fmt.Sprint(err)
	}
	const limited = "ReservedFunctionConcurrentInvocationLimitExceeded"
	if got := refused(reserved(0)); got != limited {
		t.Errorf("none reserved: %s", got)
	}
	running, err := b.admit(reserved(1), b.invocation(`{"Do":"sleep","Delay":20}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := refused(reserved(1)); got != limited {
		t.Errorf("one runs, one is allowed: %s", got)
	}
	if got := refused(function(func(s *Spec) { s.Function = "other" })); got != "<nil>" {
		t.Errorf("another function: %s", got)
	}
	<-running.done
	if got := refused(reserved(1)); got != "<nil>" {
		t.Errorf("none runs, one is allowed: %s", got)
	}
	b.mu.Lock()
	b.total = accountConcurrency
	b.mu.Unlock()
	if got := refused(function()); got != "ConcurrentInvocationLimitExceeded" {
		t.Errorf("the account's limit: %s", got)
	}
}

func TestNewRevisionReplacesProcesses(t *testing.T) {
	b := newBench(t, Config{})
	pid := func(revision string) any {
		return b.decode(b.invoke(function(func(s *Spec) { s.Revision = revision }), `{"Do":"context"}`))["pid"]
	}
	first := pid("1")
	if pid("1") != first {
		t.Error("the same revision had another process")
	}
	second := pid("2")
	if second == first {
		t.Error("a new revision was served by the old process")
	}
	b.Retire("f", "")
	if pid("2") == second {
		t.Error("a retired process served")
	}
}

func TestIdleEnvironmentsEnd(t *testing.T) {
	b := newBench(t, Config{IdleAfter: time.Hour})
	file := filepath.Join(t.TempDir(), "terminated")
	b.invoke(function(), `{"Do":"echo"}`)
	b.invoke(function(func(s *Spec) { s.Function, s.Variables = "g", map[string]string{"SIGTERM_FILE": file} }), `{"Do":"echo"}`)
	b.reap(time.Now().Add(59 * time.Minute))
	if n := b.Environments("f"); n != 1 {
		t.Errorf("%d environments before their time", n)
	}
	b.reap(time.Now().Add(2 * time.Hour))
	b.settle(true)
	if _, err := os.Stat(file); err != nil && runtime.GOOS != "windows" {
		t.Errorf("a function with a SIGTERM handler ended without it: %v", err)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	b := newBench(t, Config{MaxEnvironments: 1})
	results := make(chan error, 3)
	for range 3 {
		inv := b.invocation(`{"Do":"sleep","Delay":60000}`)
		go func() {
			_, err := b.Invoke(context.Background(), function(), inv)
			results <- err
		}()
	}
	b.mu.Lock()
	for b.live == 0 || b.total < 3 || len(b.environmentsBusy()) == 0 {
		b.mu.Unlock()
		runtime.Gosched()
		b.mu.Lock()
	}
	b.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b.Close(ctx)
	for range 3 {
		if err := <-results; !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	}
	if _, err := b.Invoke(context.Background(), function(), b.invocation(`{}`)); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func (m *Manager) environmentsBusy() (busyOnes []*environment) {
	for _, e := range m.environments {
		if e.state == busy && !e.current.begun.IsZero() {
			busyOnes = append(busyOnes, e)
		}
	}
	return busyOnes
}

func TestCallerGivesUp(t *testing.T) {
	b := newBench(t, Config{MaxEnvironments: 1})
	running, err := b.admit(function(), b.invocation(`{"Do":"sleep","Delay":100}`))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := b.Invoke(ctx, function(), b.invocation(`{"Do":"echo"}`)); !errors.Is(err, context.Canceled) {
		t.Errorf("queued: %v", err)
	}
	<-running.done
	if string(running.result.Payload) != `"slept"` {
		t.Errorf("the invocation under way ended with %s", running.result.Payload)
	}
}

func TestInvocationsHoldTheClock(t *testing.T) {
	c := clock.NewVirtual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 0)
	b := newBench(t, Config{Clock: c})
	f, err := b.admit(function(), b.invocation(`{"Do":"echo"}`))
	if err != nil {
		t.Fatal(err)
	}
	before := c.Now()
	c.AfterFunc(time.Hour, func() {
		select {
		case <-f.done:
		default:
			t.Error("time went on during an invocation")
		}
	})
	<-f.done
	if err := c.Quiet(context.Background()); err != nil {
		t.Fatal(err)
	}
	if moved := c.Now().Sub(before); moved != time.Hour {
		t.Errorf("the clock moved by %v afterwards", moved)
	}
	if !slices.ContainsFunc(b.logs.events, func(e LogEvent) bool { return e.Time.Equal(before) }) {
		t.Error("the log is not on the injected clock")
	}
}

func TestCredentialsThatCannotBeHad(t *testing.T) {
	b := newBench(t, Config{Credentials: func(context.Context, string, string) (Credentials, error) {
		return Credentials{}, errors.New("there is no such role")
	}})
	_, err := b.Invoke(context.Background(), function(func(s *Spec) { s.Role = "arn:role" }), b.invocation(`{}`))
	if err == nil || !strings.Contains(err.Error(), "arn:role for function f: there is no such role") {
		t.Errorf("got %v", err)
	}
}

// TestAKilledParentTakesItsFunctionsAlong starts this test's program again as the
// parent of a function and kills it.
func TestAKilledParentTakesItsFunctionsAlong(t *testing.T) {
	if os.Getenv("SANDBOX_PARENT") != "" {
		b := newBench(t, Config{TempDir: os.Getenv("SANDBOX_PARENT")})
		b.invoke(function(), `{"Do":"pid","Text":"`+os.Getenv("SANDBOX_PARENT")+`/pid"}`)
		return
	}
	if runtime.GOOS != "linux" {
		t.Skip("NOT CHECKED: elsewhere a function ends when it next asks for work")
	}
	dir := t.TempDir()
	parent := exec.Command(os.Args[0], "-test.run=^TestAKilledParentTakesItsFunctionsAlong$")
	parent.Env = append(os.Environ(), "SANDBOX_PARENT="+dir)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	for pid == 0 {
		text, _ := os.ReadFile(filepath.Join(dir, "pid"))
		_, _ = fmt.Sscan(string(text), &pid)
		time.Sleep(time.Millisecond)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil || strings.Contains(string(status), "State:\tZ") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the function %d outlives its parent", pid)
		}
	}
	// The next parent clears away what the killed one left.
	newBench(t, Config{TempDir: dir})
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}
