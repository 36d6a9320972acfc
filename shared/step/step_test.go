package step

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
)

// input is a typical step's.
type input struct {
	OrderID string      `json:"orderId"`
	Amount  json.Number `json:"amount"`
	Items   []int       `json:"items"`
	Express bool        `json:"express"`
	Nested  struct {
		A int8 `json:"a"`
	} `json:"nested"`
	Any any `json:"any"`
}

func TestDecode(t *testing.T) {
	for _, c := range []struct{ payload, want string }{
		{`{"orderId":"A","amount":1029.98,"unknown":{"x":1}}`, ""},
		{`{}`, ""},
		{`null`, ""},
		{` {} `, ""},
		{`{"orderId":7}`, `"orderId" must be a string, not number`},
		{`{"items":"x"}`, `"items" must be a list, not string`},
		{`{"nested":[]}`, `"nested" must be an object, not array`},
		{`{"nested":{"a":1000}}`, `"nested.a" must be a number that fits int8, not number 1000`},
		{`{"express":"yes"}`, `"express" must be true or false, not string`},
		{`[1]`, `the payload must be an object, not array`},
		{`{"amount":"many"}`, `the payload does not fit`},
		{`{"orderId":`, `the payload is not JSON: it ends too early`},
		{``, `the payload is not JSON: it ends too early`},
		{`{"orderId":x}`, `at byte 12`},
		{`{} {}`, `the payload goes on after its JSON value`},
		{strings.Repeat("[", 100_000), `exceeded max depth at byte`},
		{`{"any":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`, `exceeded max depth at byte`},
	} {
		_, err := decode[input]([]byte(c.payload))
		if c.want == "" {
			assert.NoError(t, err, c.payload)
			continue
		}
		require.ErrorContains(t, err, c.want)
		assert.Equal(t, failure.InputMalformed, failure.NameOf(err), c.payload)
	}
}

func TestNumbersStayText(t *testing.T) {
	in, err := decode[input]([]byte(`{"amount":90071992547409931.10,"any":90071992547409931}`))
	require.NoError(t, err)
	assert.Equal(t, json.Number("90071992547409931.10"), in.Amount)
	assert.Equal(t, json.Number("90071992547409931"), in.Any)
}

func TestUnwritableAnswer(t *testing.T) {
	logTo(t, io.Discard)
	d := door[input, func()]{func(context.Context, input) (func(), error) { return nil, nil }}
	_, err := d.Invoke(t.Context(), []byte(`{}`))
	var reported messages.InvokeResponse_Error
	require.ErrorAs(t, err, &reported)
	assert.Equal(t, "Internal.Unexpected", reported.Type)
}

func logTo(t *testing.T, w io.Writer) {
	t.Helper()
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(w, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
}

// TestTimeRunsOutEarly: a handler that waits for something is told in time to
// say so by name, before the runtime ends the process.
func TestTimeRunsOutEarly(t *testing.T) {
	logTo(t, io.Discard)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		d := door[input, int]{func(ctx context.Context, _ input) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}}
		_, err := d.Invoke(ctx, []byte(`{}`))
		var reported messages.InvokeResponse_Error
		require.ErrorAs(t, err, &reported)
		assert.Equal(t, "Transient.Timeout", reported.Type)
		assert.Equal(t, time.Second-margin, time.Since(start))
	})
}

// TestErrorIsLoggedOnce reads what one failed invocation writes.
func TestErrorIsLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	logTo(t, &log)
	d := door[input, int]{func(context.Context, input) (int, error) {
		return 0, fmt.Errorf("reserve: %w", &types.RequestLimitExceeded{})
	}}
	_, err := d.Invoke(t.Context(), []byte(`{}`))
	require.Error(t, err)
	assert.Equal(t, 1, strings.Count(log.String(), "\n"))
	assert.Contains(t, log.String(), `"name":"Transient.Throttled","retryable":true`)
}

// TestMain lets the test binary be the function that TestRuntime drives.
func TestMain(m *testing.M) {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		Start(wire)
	}
	os.Exit(m.Run())
}

// wire is the function under test: it fails in the way that its input says.
func wire() (Handler[input, map[string]string], error) {
	if os.Getenv("WIRE") == "fails" {
		return nil, errors.New("environment variables not set: ORDERS_TABLE")
	}
	named := failure.New(failure.OrderNotFound, "order A is not in the book")
	errs := map[string]error{
		"bare": named, "wrapped": fmt.Errorf("load: %w", named), "joined": errors.Join(errors.New("x"), named),
		"sdk": &types.RequestLimitExceeded{}, "plain": errors.New("odd"), "deadline": context.DeadlineExceeded,
	}
	return func(_ context.Context, in input) (map[string]string, error) {
		if in.OrderID == "panic" {
			panic("out of order")
		}
		return map[string]string{"orderId": in.OrderID, "html": "<&>"}, errs[in.OrderID]
	}, nil
}

// runtimeAPI is Lambda's side: it hands out payloads and records the answers.
type runtimeAPI struct {
	mu       sync.Mutex
	payloads []string
	answers  []string // path suffix and body
	done     chan struct{}
}

func (r *runtimeAPI) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !strings.HasSuffix(q.URL.Path, "/next") {
		body, _ := io.ReadAll(q.Body)
		r.answers = append(r.answers, q.URL.Path[strings.LastIndex(q.URL.Path, "/")+1:]+" "+string(body))
		w.WriteHeader(http.StatusAccepted)
		return
	}
	if len(r.payloads) == 0 {
		close(r.done)
		w.WriteHeader(http.StatusGone) // ends the function
		return
	}
	w.Header().Set("Lambda-Runtime-Aws-Request-Id", fmt.Sprintf("request-%d", len(r.answers)))
	w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
	_, _ = io.WriteString(w, r.payloads[0])
	r.payloads = r.payloads[1:]
}

// drive runs this test binary as a function over payloads.
func drive(t *testing.T, env []string, payloads ...string) (answers []string, log string) {
	t.Helper()
	api := &runtimeAPI{payloads: payloads, done: make(chan struct{})}
	server := httptest.NewServer(api)
	defer server.Close()
	exe, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe)
	cmd.Env = append(env, "AWS_LAMBDA_RUNTIME_API="+server.Listener.Addr().String(), "AWS_LAMBDA_LOG_FORMAT=JSON")
	out, _ := cmd.Output() // it always ends with an error: the API is gone
	api.mu.Lock()
	defer api.mu.Unlock()
	return api.answers, string(out)
}

// TestRuntime is what Step Functions would see, over the real library and the
// real protocol.
func TestRuntime(t *testing.T) {
	answers, log := drive(t, nil, `{"orderId":"A"}`, `{"orderId":"bare"}`, `{"orderId":"wrapped"}`, `{"orderId":"joined"}`,
		`{"orderId":"sdk"}`, `{"orderId":"plain"}`, `{"orderId":"deadline"}`, `{"orderId":1}`, `{"orderId":"A"}`)
	require.Len(t, answers, 9)
	assert.Equal(t, `response {"html":"<&>","orderId":"A"}`, answers[0])
	for i, want := range []string{"Order.NotFound", "Order.NotFound", "Order.NotFound", "Transient.Throttled", "Internal.Unexpected", "Transient.Timeout", "Input.Malformed"} {
		assert.Contains(t, answers[i+1], `error {"errorMessage":`)
		assert.Contains(t, answers[i+1], `"errorType":"`+want+`"`)
	}
	assert.Equal(t, answers[0], answers[8], "a failed invocation leaves nothing behind")
	assert.Contains(t, log, `"requestId":"request-1"`)
	assert.Contains(t, log, `"name":"Order.NotFound"`)
}

func TestPanicEndsTheProcess(t *testing.T) {
	answers, _ := drive(t, nil, `{"orderId":"panic"}`, `{"orderId":"A"}`)
	require.Len(t, answers, 1, "nothing is served after a panic")
	assert.Contains(t, answers[0], "out of order")
}

func TestWiringError(t *testing.T) {
	answers, log := drive(t, []string{"WIRE=fails"}, `{}`)
	assert.Empty(t, answers)
	assert.Contains(t, log, `"message":"the function cannot start","error":"environment variables not set: ORDERS_TABLE"`)
}
