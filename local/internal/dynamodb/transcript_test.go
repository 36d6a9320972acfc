package dynamodb

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/conformance"
)

// transcript is a series of calls with what AWS answered to some of them.
type transcript struct {
	ID    string
	Calls []struct {
		N           int
		Service, Op string
		Params      any
	}
	Pairs []struct {
		Key      string
		N        int
		Raised   bool
		Recorded map[string]any
	}
	Content map[string]any `json:"recorded_content"`
}

// elsewhere are transcripts about what this service does not offer.
var elsewhere = []string{"partiql", "kinesis", "global_tables", "sse_specification"}

// TestTranscripts replays calls recorded from AWS and compares the answers,
// members and values, leaving out what the recorder replaced.
func TestTranscripts(t *testing.T) {
	tally := &conformance.Tally{Name: "api_dynamodb and api_dynamodbstreams"}
	for _, file := range []string{"api_dynamodb.jsonl", "api_dynamodbstreams.jsonl"} {
		for row := range conformance.Rows[transcript](t, file) {
			if !slices.ContainsFunc(elsewhere, func(part string) bool { return strings.Contains(row.ID, part) }) {
				row.replay(newRawServerOf(t, "111111111111"), tally)
			}
		}
	}
	tally.Demand(t, 100)
}

func (row *transcript) replay(server *rawServer, tally *conformance.Tally) {
	if len(row.Calls) > 0 && row.Calls[0].Op != "create_table" {
		// The recorder's fixture had made the table.
		server.send("DynamoDB_20120810.CreateTable", "", []byte(`{"TableName":"table-ab000001","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}`))
	}
	answers := map[int]any{}
	var last any
	usesPartiQL := false
	for _, call := range row.Calls {
		target := "DynamoDB_20120810."
		usesPartiQL = usesPartiQL || call.Op == "execute_statement"
		if call.Service == "dynamodbstreams" {
			target = "DynamoDBStreams_20120810."
		}
		status, text := server.send(target+pascalCase(call.Op), "", []byte(compact(resolve(call.Params, answers))))
		_ = json.Unmarshal(text, &last)
		answers[call.N] = last
		if status != 200 {
			code, message := readFault(text)
			answers[call.N] = map[string]any{"Error": map[string]any{"Code": code, "Message": message}, "ResponseMetadata": map[string]any{"HTTPStatusCode": float64(status)}}
		}
	}
	for _, pair := range row.Pairs {
		delete(pair.Recorded, "ResponseMetadata")
		tally.Check(row.ID+" "+pair.Key, mismatch(pair.Key, pair.Recorded, answers[pair.N]))
	}
	if records, ok := row.Content["get-records"].(map[string]any); ok && !usesPartiQL {
		tally.Check(row.ID+" records", mismatch("Records", records["Records"], last.(map[string]any)["Records"]))
	}
}

func pascalCase(op string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(op, "_") {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

var reference = regexp.MustCompile(`^@@(\d+):(.+)@@$`)

// resolve puts in answers of earlier calls and bytes.
func resolve(v any, answers map[int]any) any {
	switch v := v.(type) {
	case string:
		if m := reference.FindStringSubmatch(v); m != nil {
			n, _ := strconv.Atoi(m[1])
			return follow(answers[n], m[2])
		}
	case []any:
		for i := range v {
			v[i] = resolve(v[i], answers)
		}
	case map[string]any:
		if text, ok := v["__bytes_utf8__"].(string); ok {
			return base64.StdEncoding.EncodeToString([]byte(text))
		}
		if text, ok := v["__bytes_b64__"].(string); ok {
			return text
		}
		if v["__object__"] != nil {
			return "arn:aws:dynamodb:us-east-1:000000000000:table/nowhere/stream/2024-11-18T14:36:44.149"
		}
		for k := range v {
			v[k] = resolve(v[k], answers)
		}
	}
	return v
}

// follow finds Member, or Member[0].Member, in an answer; descriptions of tables
// stand one level down.
func follow(v any, path string) any {
	for part := range strings.SplitSeq(path, ".") {
		name, index, indexed := strings.Cut(strings.TrimSuffix(part, "]"), "[")
		object, _ := v.(map[string]any)
		inner, ok := object[name]
		if !ok {
			described, _ := object["TableDescription"].(map[string]any)
			inner = described[name]
		}
		if v = inner; indexed {
			n, _ := strconv.Atoi(index)
			v = v.([]any)[n]
		}
	}
	return v
}

// replacedNames reports whether the recorder replaced member names themselves.
func replacedNames(object map[string]any) bool {
	for k := range object {
		if strings.Contains(k, "<") {
			return true
		}
	}
	return false
}

// mismatch tells where an answer differs from the recorded one. A string that
// the recorder replaced stands for any value.
func mismatch(path string, want, got any) string {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s: want an object, got %v", path, got)
		}
		for k := range object {
			if _, ok := want[k]; !ok && k != "ResponseMetadata" && !replacedNames(want) {
				return fmt.Sprintf("%s: AWS has no %s", path, k)
			}
		}
		for k, x := range want {
			if k == "message" || k == "ResponseMetadata" || k == "HTTPHeaders" || strings.Contains(k, "<") {
				continue
			}
			if _, ok := object[k]; !ok {
				return fmt.Sprintf("%s lacks %s", path, k)
			}
			if d := mismatch(path+"."+k, x, object[k]); d != "" {
				return d
			}
		}
		return ""
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return fmt.Sprintf("%s: want %d elements, got %v", path, len(want), got)
		}
		for i := range want {
			if d := mismatch(fmt.Sprintf("%s[%d]", path, i), want[i], list[i]); d != "" {
				return d
			}
		}
		return ""
	case string:
		if strings.Contains(want, "<") || want == "datetime" || want == "starting-sequence-number" {
			return ""
		}
	}
	if compact(want) != compact(got) {
		return fmt.Sprintf("%s: want %v, got %v", path, want, got)
	}
	return ""
}
