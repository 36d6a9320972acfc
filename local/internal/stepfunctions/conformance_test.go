package stepfunctions

// This file runs what AWS answered to TestState, ValidateStateMachineDefinition,
// CreateStateMachine and UpdateStateMachine, where the recordings are present.
// What executions do is checked in package asl/interp.

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/stepworks/stepworks/local/internal/conformance"
)

// post sends an operation as it stands, past the SDK's own checks.
func (w *world) post(operation string, body any) (status int, answer map[string]any) {
	w.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		w.Fatal(err)
	}
	r, err := http.NewRequestWithContext(w.Context(), http.MethodPost, w.http.URL, bytes.NewReader(text))
	if err != nil {
		w.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "AWSStepFunctions."+operation)
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	sum := sha256.Sum256(text)
	if err := v4.NewSigner().SignHTTP(w.Context(), aws.Credentials{AccessKeyID: "any", SecretAccessKey: "thing"}, r, hex.EncodeToString(sum[:]), "states", "us-east-1", time.Now()); err != nil {
		w.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer res.Body.Close()
	text, err = io.ReadAll(res.Body)
	if err != nil || json.Unmarshal(text, &answer) != nil {
		w.Fatalf("%s answered %q, %v", operation, text, err)
	}
	return res.StatusCode, answer
}

// said is an error as "Code: message", whatever a row calls the two.
func said(code any, message any) string {
	c, _ := code.(string)
	m, _ := message.(string)
	return c[strings.LastIndexByte(c, '#')+1:] + ": " + calling.ReplaceAllString(m, "")
}

var calling = regexp.MustCompile(`^An error occurred \(\w+\) when calling the \w+ operation: `)

// placeholders stand for what differs between any two runs.
var placeholders = strings.NewReplacer("<partition>", "aws", "<region>", "us-east-1", "111111111111", account)

func TestStateAgreesWithAWS(t *testing.T) {
	tally := conformance.Tally{Name: "asl_teststate without JSONata and functions"}
	w := newWorld(t)
	for row := range conformance.Rows[struct {
		ID       string
		Needs    []string
		Raised   bool
		Request  map[string]any
		Expected map[string]any
	}](t, "asl_teststate.jsonl") {
		definition := fmt.Sprint(row.Request["definition"])
		redacted := strings.Contains(fmt.Sprint(row.Expected), "<uuid") // the recorder hid what was mocked
		if len(row.Needs) > 0 || redacted || strings.Contains(definition, "JSONata") || strings.Contains(row.ID, "[empty]") {
			continue
		}
		for name := range row.Request {
			if strings.HasSuffix(name, "_value") {
				delete(row.Request, name)
			}
		}
		status, got := w.post("TestState", row.Request)
		want := row.Expected
		if row.Raised {
			code, message := want["exception_typename"], want["exception_value"]
			if e, ok := want["Error"].(map[string]any); ok {
				code, message = e["Code"], e["Message"]
			}
			tally.Check(row.ID, differ(said(code, message), said(got["__type"], got["message"])))
			continue
		}
		tally.Check(row.ID, differAnswers(status, want, got))
	}
	tally.Demand(t, 98)
}

func differ(want, got string) string {
	if want = placeholders.Replace(want); want == got {
		return ""
	}
	return fmt.Sprintf("got %s, want %s", got, want)
}

// differAnswers compares members that are JSON text as JSON.
func differAnswers(status int, want, got map[string]any) string {
	if status != http.StatusOK {
		return fmt.Sprint(got)
	}
	a, _ := json.Marshal(decoded(want))
	b, _ := json.Marshal(decoded(got))
	return differ(string(a), string(b))
}

func decoded(v any) any {
	switch v := v.(type) {
	case string:
		var inner any
		if json.Unmarshal([]byte(v), &inner) == nil {
			return inner
		}
	case map[string]any:
		for name, x := range v {
			if v[name] = decoded(x); name == "ResponseMetadata" {
				delete(v, name)
			}
		}
	}
	return v
}

func TestDefinitionsAgreeWithAWS(t *testing.T) {
	verdicts := conformance.Tally{Name: "asl_validation verdicts"}
	messages := conformance.Tally{Name: "asl_validation messages"}
	w := newWorld(t)
	for row := range conformance.Rows[struct {
		ID         string
		Op         string
		Definition string `json:"definition_text"`
		Request    map[string]any
		Expected   struct {
			Accepted      bool
			Result        string
			Diagnostics   any
			Code, Message string
		}
	}](t, "asl_validation.jsonl") {
		if strings.Contains(row.Definition, "JSONata") {
			continue
		}
		request := row.Request
		if request == nil {
			request = map[string]any{}
		}
		request["definition"] = row.Definition
		switch row.Op {
		case "validate_state_machine_definition":
			_, got := w.post("ValidateStateMachineDefinition", request)
			verdicts.Check(row.ID, differ(row.Expected.Result, fmt.Sprint(got["result"])))
			if row.Expected.Result == "FAIL" {
				a, _ := json.Marshal(row.Expected.Diagnostics)
				b, _ := json.Marshal(got["diagnostics"])
				messages.Check(row.ID, differ(string(a), string(b)))
			}
		case "create_state_machine":
			if row.Expected.Code != "InvalidDefinition" {
				continue // about names, logs and repetitions: api_test.go
			}
			_, got := w.post("CreateStateMachine", request)
			verdicts.Check(row.ID, differ("InvalidDefinition", strings.SplitN(said(got["__type"], ""), ":", 2)[0]))
			messages.Check(row.ID, differ(calling.ReplaceAllString(row.Expected.Message, ""), fmt.Sprint(got["message"])))
		}
	}
	verdicts.Demand(t, 98)
	messages.Demand(t, 85)
}
