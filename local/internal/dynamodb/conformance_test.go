package dynamodb

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
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

func newRawServer(t testing.TB) *rawServer {
	st := store.Memory()
	t.Cleanup(func() { st.Close() })
	s, err := New(Config{Account: "000000000000", Region: "us-east-1", Store: st, Clock: clock.Real()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return &rawServer{awswire.NewServer(awswire.Config{Account: "000000000000", Region: "us-east-1", Log: slog.New(slog.NewTextHandler(io.Discard, nil))}, s.API(), s.StreamsAPI())}
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

// TestRecordedExchanges replays the exchanges of dynalite's suite: the status and
// the error's type must be the recorded ones. Messages and bodies are counted
// too, without a floor: dynalite words syntax errors in its own way.
func TestRecordedExchanges(t *testing.T) {
	verdicts := &conformance.Tally{Name: "dynalite status and type"}
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
		if status != 200 {
			diff := ""
			if message != wantMessage {
				diff = fmt.Sprintf("\n   want %s\n   got  %s", wantMessage, message)
			}
			messages.Check(id, diff)
		}
		if os.Getenv("DYN") != "" && status != 200 && message != wantMessage {
			fmt.Printf("%s\n   want %s\n   got  %s\n", id, wantMessage, message)
		}
	}
	verdicts.Demand(t, 97)
	messages.Demand(t, 0)
}
