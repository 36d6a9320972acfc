package lambda

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// This file defines the world of the tests: the service behind a listener, driven
// by the real SDK, in virtual time, with a function that is built once.

const (
	account = "123456789012"
	region  = "us-east-1"
	role    = "arn:aws:iam::123456789012:role/worker"
)

var (
	start    = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	program  string
	archived []byte // the program in a zip
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "lambda-test-")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "bootstrap")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	if out, err := exec.Command("go", "build", "-tags=lambda.norpc", "-ldflags=-s -w", "-o", program, "./sandbox/testdata/function").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "the test's function does not build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

type world struct {
	testing.TB
	clock   *clock.Virtual
	store   *store.Store
	dir     string
	server  *awswire.Server
	service *Service
	sdk     *awslambda.Client
	url     string
	change  func(*Config)            // of the next boot
	beside  func() []awswire.Service // what else the next boot serves

	mu     sync.Mutex
	calls  []recordedCall
	answer func(call recordedCall) (jsonvalue.Value, error) // nil: everything succeeds
}

// recordedCall is a call to another service.
type recordedCall struct {
	at                 time.Duration // since start
	as                 awswire.Identity
	service, operation string
	params             *jsonvalue.Object
}

func newWorld(t testing.TB) *world {
	w := &world{TB: t, clock: clock.NewVirtual(start, 0), store: store.Memory(), dir: t.TempDir()}
	t.Cleanup(func() { _ = w.store.Close() })
	w.boot()
	return w
}

// boot starts the service on the world's store, as a new process would.
func (w *world) boot() {
	w.Helper()
	w.server = awswire.NewServer(awswire.Config{Account: account, Region: region, Clock: w.clock, Log: slog.New(slog.DiscardHandler)})
	cfg := Config{Account: account, Region: region, Store: w.store, Clock: w.clock, Caller: w, Dir: w.dir, Log: slog.New(slog.DiscardHandler), Drain: time.Millisecond}
	if w.change != nil {
		w.change(&cfg)
	}
	var err error
	if w.service, err = New(cfg); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(w.service.Close)
	w.server.Add(w.service.API())
	if w.beside != nil {
		for _, api := range w.beside() {
			w.server.Add(api)
		}
	}
	h := httptest.NewServer(w.server)
	w.Cleanup(h.Close)
	w.url = h.URL
	w.sdk = awslambda.NewFromConfig(aws.Config{Region: region, BaseEndpoint: aws.String(h.URL), Credentials: credentials.NewStaticCredentialsProvider("any", "thing", ""), RetryMaxAttempts: 1})
	if err := w.service.Start(); err != nil {
		w.Fatal(err)
	}
}

// reboot ends the service and starts another on what it stored.
func (w *world) reboot() {
	w.Helper()
	w.service.Close()
	w.boot()
}

// Call implements Caller.
func (w *world) Call(ctx context.Context, as awswire.Identity, service, operation string, params jsonvalue.Value) (jsonvalue.Value, error) {
	if service == "lambda" {
		return w.server.Call(ctx, as, service, operation, params)
	}
	call := recordedCall{w.clock.Now().Sub(start), as, service, operation, params.(*jsonvalue.Object)}
	w.mu.Lock()
	w.calls = append(w.calls, call)
	answer := w.answer
	w.mu.Unlock()
	if answer != nil {
		return answer(call)
	}
	return jsonvalue.NewObject(), nil
}

// quiet waits until nothing is under way and no timer is left.
func (w *world) quiet() {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := w.clock.Quiet(ctx); err != nil {
		w.Fatal("still not quiet: ", err)
	}
}

// recorded returns the calls to other services since the last time.
func (w *world) recorded() []recordedCall {
	w.quiet()
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := w.calls
	w.calls = nil
	return calls
}

// create makes a function of the test's program.
func (w *world) create(name string, more ...jsonvalue.Member) {
	w.Helper()
	in := jsonvalue.NewObject(append([]jsonvalue.Member{member("FunctionName", name), member("Role", role), member("Runtime", "provided.al2023"), member("Handler", "bootstrap"),
		member("Timeout", jsonvalue.Int(5)), member("Code", jsonvalue.NewObject(member("LocalPath", program)))}, more...)...)
	if _, err := w.server.Call(context.Background(), awswire.Root(account), "lambda", "CreateFunction", in); err != nil {
		w.Fatal(err)
	}
}

// deadLetters sends what a function gives up to a queue or topic.
func deadLetters(arn string) jsonvalue.Member {
	return member("DeadLetterConfig", jsonvalue.NewObject(member("TargetArn", arn)))
}

// zip returns the test's program as a deployment package.
func (w *world) zip() []byte {
	w.Helper()
	if archived == nil {
		text, err := os.ReadFile(program)
		if err != nil {
			w.Fatal(err)
		}
		archived = zipOf(w, map[string][]byte{"bootstrap": text})
	}
	return archived
}

func zipOf(t testing.TB, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range files {
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err == nil {
			_, err = f.Write(text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (w *world) invoke(name, event string) *awslambda.InvokeOutput {
	w.Helper()
	out, err := w.sdk.Invoke(context.Background(), &awslambda.InvokeInput{FunctionName: &name, Payload: []byte(event)})
	if err != nil {
		w.Fatal(err)
	}
	return out
}

// send invokes a function asynchronously.
func (w *world) send(name, event string) {
	w.Helper()
	out, err := w.sdk.Invoke(context.Background(), &awslambda.InvokeInput{FunctionName: &name, Payload: []byte(event), InvocationType: types.InvocationTypeEvent})
	if err != nil || out.StatusCode != 202 {
		w.Fatal(out, err)
	}
}

// keys lists a bucket.
func (w *world) keys(bucket string) []string {
	var keys []string
	if err := w.store.View(func(r store.Reader) error {
		for key := range r.Scan(bucket, "", "") {
			keys = append(keys, key)
		}
		return nil
	}); err != nil {
		w.Fatal(err)
	}
	return keys
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
