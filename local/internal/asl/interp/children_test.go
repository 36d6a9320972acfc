package interp_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

const distributed = `{"StartAt": "M", "States": {"M": {"Type": "Map", "End": true,
	"ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}}}}`

func TestBatch(t *testing.T) {
	m, err := asl.Parse(distributed, asl.Standard)
	if err != nil {
		t.Fatal(err)
	}
	items := jsonvalue.MustParse(`["aa", "bb", "cc", "dd", "ee"]`).([]any)
	for _, c := range []struct {
		batcher *interp.ItemBatcher
		want    string
	}{
		{nil, `"aa" "bb" "cc" "dd" "ee"`},
		{&interp.ItemBatcher{MaxItems: 2}, `{"Items":["aa","bb"]} {"Items":["cc","dd"]} {"Items":["ee"]}`},
		{&interp.ItemBatcher{MaxBytes: 22}, `{"Items":["aa","bb"]} {"Items":["cc","dd"]} {"Items":["ee"]}`},
		{&interp.ItemBatcher{MaxBytes: 21}, `{"Items":["aa","bb"]} {"Items":["cc","dd"]} {"Items":["ee"]}`},
		{&interp.ItemBatcher{MaxBytes: 20}, `{"Items":["aa"]} {"Items":["bb"]} {"Items":["cc"]} {"Items":["dd"]} {"Items":["ee"]}`},
		{&interp.ItemBatcher{MaxItems: 4, MaxBytes: 25, Input: jsonvalue.Int(1)}, `States.ItemReaderFailed: Item 0 is larger than a batch may be: 25 bytes`},
		{&interp.ItemBatcher{MaxItems: 4, Input: jsonvalue.Int(1)}, `{"BatchInput":1,"Items":["aa","bb","cc","dd"]} {"BatchInput":1,"Items":["ee"]}`},
	} {
		selector, err := interp.NewSelector(m, interp.StartMapRun{Location: "/States/M", Batcher: c.batcher})
		if err != nil {
			t.Fatal(err)
		}
		inputs, err := interp.Collect(selector.Batch(interp.Each(items)))
		texts := []string{}
		for _, in := range inputs {
			texts = append(texts, jsonvalue.String(in))
			if c.batcher != nil && c.batcher.MaxBytes > 0 && int64(len(jsonvalue.String(in))) > c.batcher.MaxBytes {
				t.Errorf("%s is longer than %d bytes", jsonvalue.String(in), c.batcher.MaxBytes)
			}
		}
		got := strings.Join(texts, " ")
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v makes %s, want %s", c.batcher, got, c.want)
		}
	}
	if _, err := interp.NewSelector(m, interp.StartMapRun{Location: "/States/N"}); err == nil {
		t.Error("a selector of no state")
	}
}

func TestExceeded(t *testing.T) {
	count, percentage := func(n int64) *int64 { return &n }, func(p float64) *float64 { return &p }
	for _, c := range []struct {
		count         *int64
		percentage    *float64
		total, failed int64
		want          bool
	}{
		{nil, nil, 10, 0, false},
		{nil, nil, 10, 1, true},
		{count(0), nil, 10, 1, true},
		{count(2), nil, 10, 2, false},
		{count(2), nil, 10, 3, true},
		{nil, percentage(0), 10, 1, true},
		{nil, percentage(10), 10, 1, false},
		{nil, percentage(10), 9, 1, true},
		{nil, percentage(100), 3, 3, false},
		{count(5), percentage(10), 10, 2, true},
		{count(1), percentage(50), 10, 2, true},
	} {
		run := interp.StartMapRun{ToleratedFailureCount: c.count, ToleratedFailurePercentage: c.percentage}
		if got := run.Exceeded(c.total, c.failed); got != c.want {
			t.Errorf("%d of %d failed: %v, want %v (%+v)", c.failed, c.total, got, c.want, c)
		}
	}
}

// someChildren are two that succeeded, one that failed and one that never ran.
func someChildren() []interp.Child {
	child := func(n int, status interp.Status, output string) interp.Child {
		c := interp.Child{ARN: fmt.Sprintf("arn:%d", n), Name: fmt.Sprint(n), MachineARN: "arn:m", Input: jsonvalue.Int(int64(n)), Status: status, Started: epoch, Stopped: epoch}
		if output != "" {
			c.Output = jsonvalue.MustParse(output)
		}
		return c
	}
	failed := child(2, interp.Failed, "")
	failed.Error, failed.Cause = "Oh", "no"
	return []interp.Child{child(0, interp.Succeeded, `[1,2]`), child(1, interp.Succeeded, `{"a":1}`), failed, child(3, "", "")}
}

func TestResults(t *testing.T) {
	for transformation, want := range map[string]string{
		"":        `[[1,2],{"a":1}]`,
		"COMPACT": `[[1,2],{"a":1}]`,
		"FLATTEN": `[1,2,{"a":1}]`,
	} {
		run := interp.StartMapRun{Writer: &interp.ResultWriter{Transformation: transformation}}
		if got := jsonvalue.String(run.Results(someChildren())); got != want {
			t.Errorf("%s makes %s, want %s", transformation, got, want)
		}
	}
	run := interp.StartMapRun{Writer: &interp.ResultWriter{Transformation: "NONE"}}
	if got := run.Results(someChildren()).([]any); len(got) != 4 {
		t.Errorf("NONE tells of %d children", len(got))
	}
}

func TestFiles(t *testing.T) {
	run := interp.StartMapRun{
		ARN:    "arn:aws:states:us-east-1:123456789012:mapRun:m/rows:8f2b",
		Writer: &interp.ResultWriter{Parameters: jsonvalue.MustParse(`{"Bucket": "b", "Prefix": "out"}`)},
	}
	text := func(kind string) string {
		return string(bytes.Join(slices.Collect(run.FileText(slices.Values(someChildren()), kind)), nil))
	}
	var got []string
	for _, kind := range interp.ResultKinds {
		got = append(got, run.FileKey(kind))
	}
	key, listed, result := run.Manifest(map[string]int64{"FAILED": 3})
	if keys := strings.Join(append(got, key), " "); keys != "out/8f2b/FAILED_0.json out/8f2b/PENDING_0.json out/8f2b/SUCCEEDED_0.json out/8f2b/manifest.json" {
		t.Error(keys)
	}
	if got := jsonvalue.String(result); got != `{"MapRunArn":"arn:aws:states:us-east-1:123456789012:mapRun:m/rows:8f2b","ResultWriterDetails":{"Bucket":"b","Key":"out/8f2b/manifest.json"}}` {
		t.Error(got)
	}
	wantFailed := `[{"ExecutionArn":"arn:2","Input":"2","InputDetails":{"Included":true},"Name":"2","Error":"Oh","Cause":"no","StartDate":"2026-01-02T03:04:05.000Z","StateMachineArn":"arn:m","Status":"FAILED","StopDate":"2026-01-02T03:04:05.000Z"}]`
	if got := text("FAILED"); got != wantFailed {
		t.Error(got)
	}
	if want := `{"DestinationBucket":"b","MapRunArn":"arn:aws:states:us-east-1:123456789012:mapRun:m/rows:8f2b","ResultFiles":{"FAILED":[{"Key":"out/8f2b/FAILED_0.json","Size":3}],"PENDING":[],"SUCCEEDED":[]}}`; string(listed) != want {
		t.Error(string(listed))
	}
	run.Writer.OutputType, run.Writer.Transformation = "JSONL", "FLATTEN"
	if key, got := run.FileKey("SUCCEEDED"), text("SUCCEEDED"); key != "out/8f2b/SUCCEEDED_0.jsonl" || got != "1\n2\n{\"a\":1}\n" {
		t.Errorf("%s: %q", key, got)
	}
	if got := text("NONE OF THESE"); got != "" {
		t.Errorf("a file of nothing: %q", got)
	}
}
