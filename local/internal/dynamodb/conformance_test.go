package dynamodb

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/conformance"
	"github.com/stepworks/stepworks/local/internal/store"
)

// exchange is one recorded request and its answer.
type exchange struct {
	N           int
	Test        string
	Target      string
	ContentType string `json:"content_type"`
	Status      int
	Request     json.RawMessage
	Body        *string
	Response    json.RawMessage `json:"response_json"`
}

// rawServer answers raw requests.
type rawServer struct{ handler http.Handler }

func newRawServer(tb testing.TB) *rawServer {
	tb.Helper()
	return newRawServerOf(tb, "000000000000")
}

func newRawServerOf(tb testing.TB, account string) *rawServer {
	tb.Helper()
	return newRawServerOn(tb, account, store.Memory())
}

func newRawServerOn(tb testing.TB, account string, st *store.Store) *rawServer {
	tb.Helper()
	tb.Cleanup(func() { st.Close() })
	s, err := New(Config{Account: account, Region: "us-east-1", Store: st, Clock: clock.Real()})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return &rawServer{awswire.NewServer(awswire.Config{Account: account, Region: "us-east-1", Log: slog.New(slog.NewTextHandler(io.Discard, nil))}, s.API(), s.StreamsAPI())}
}

const anySignature = "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00"

func (r *rawServer) send(target, contentType string, body []byte) (int, []byte) {
	req := httptest.NewRequest("POST", "/", bytes.NewReader(body))
	req.Header.Set("X-Amz-Target", target)
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Authorization", anySignature)
	req.Header.Set("X-Amz-Date", "20260101T000000Z")
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	return w.Code, w.Body.Bytes()
}

// fault is what matters of an error.
type faultAnswer struct {
	Type    string `json:"__type"`
	Message string `json:"message"`
	Upper   string `json:"Message"`
}

func readFault(text []byte) (code, message string) {
	var f faultAnswer
	_ = json.Unmarshal(text, &f)
	return f.Type[strings.IndexByte(f.Type, '#')+1:], f.Message + f.Upper
}

// volatile are members that differ between any two runs, or that AWS has added
// since the recording, or that count what unpublished exchanges had put there.
var volatile = regexp.MustCompile(`DateTime$|^TableId$|Arn$|^LatestStreamLabel$|^WarmThroughput$|^DeletionProtectionEnabled$|^ScannedCount$`)

// steady is an answer without what is volatile, its lists in order unless their
// order counts.
func steady(v any, ordered bool) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			if !volatile.MatchString(k) {
				out[k] = steady(x, ordered)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = steady(x, ordered)
		}
		if !ordered {
			slices.SortFunc(out, func(a, b any) int { return strings.Compare(compact(a), compact(b)) })
		}
		return out
	}
	return v
}

func compact(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

// sameBody compares answers; the difference is empty when they are the same, or
// when the recording shows a table in transition, which tables are not here.
func sameBody(target string, want, got []byte) string {
	var w, g any
	_ = json.Unmarshal(want, &w)
	_ = json.Unmarshal(got, &g)
	if strings.Contains(string(want), "ING\"") && strings.Contains(string(want), "TableStatus") {
		return ""
	}
	ordered := strings.HasSuffix(target, ".Query")
	a, b := compact(steady(w, ordered)), compact(steady(g, ordered))
	if a == b {
		return ""
	}
	return fmt.Sprintf("\n   want %.600s\n   got  %.600s", a, b)
}

// TestRecordedExchanges replays the exchanges of dynalite's suite: the status and
// the error's type must be the recorded ones. What differs:
//
//	verdicts  tables are never in transition here: they are ACTIVE at once
//	messages  syntax errors, table names and empty keys are worded as AWS words
//	          them today
//	bodies    the order of partitions, and of equal keys in an index, is our own
func TestRecordedExchanges(t *testing.T) {
	verdicts := &conformance.Tally{Name: "dynalite status and type"}
	bodies := &conformance.Tally{Name: "dynalite bodies"}
	messages := &conformance.Tally{Name: "dynalite messages"}
	server := newRawServer(t)
	for row := range conformance.Rows[exchange](t, "dynalite.jsonl") {
		if row.Target == "" || strings.HasPrefix(row.Test, "dynalite connections") {
			continue
		}
		body := []byte(row.Request)
		if row.Body != nil {
			body = []byte(*row.Body)
		}
		status, text := server.send(row.Target, row.ContentType, body)
		wantCode, wantMessage := readFault(row.Response)
		code, message := readFault(text)
		id := fmt.Sprintf("%d %s %.300s", row.N, strings.TrimPrefix(row.Target, "DynamoDB_20120810."), body)
		if row.Test == "" {
			continue
		}
		if status != row.Status || status != 200 && code != wantCode {
			verdicts.Check(id, fmt.Sprintf("want %d %s %s; got %d %s %s", row.Status, wantCode, wantMessage, status, code, message))
			continue
		}
		verdicts.Check(id, "")
		if status == 200 {
			bodies.Check(id, sameBody(row.Target, row.Response, text))
		} else {
			diff := ""
			if message != wantMessage {
				diff = fmt.Sprintf("\n   want %s\n   got  %s", wantMessage, message)
			}
			messages.Check(id, diff)
		}
	}
	verdicts.Demand(t, 99.5)
	bodies.Demand(t, 90)
	messages.Demand(t, 97)
}
