package stepfunctions

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// TestManyCallersMeanOneExecution starts, answers and stops the same executions
// from many sides at once.
func TestManyCallersMeanOneExecution(t *testing.T) {
	w := newWorld(t)
	a, err := w.CreateActivity(t.Context(), &sfn.CreateActivityInput{Name: aws.String("a")})
	if err != nil {
		t.Fatal(err)
	}
	m := w.machine("m", fmt.Sprintf(`{"StartAt":"A","States":{"A":{"Type":"Task","Resource":%q,"End":true}}}`, *a.ActivityArn))
	var wg sync.WaitGroup
	succeeded := make(chan string, 100)
	for range 8 {
		wg.Go(func() {
			for i := range 5 {
				if _, err := w.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &m, Name: aws.String(fmt.Sprint("e", i)), Input: aws.String("{}")}); err != nil {
					w.refused(err, "ExecutionAlreadyExists") // it has ended by now
				}
			}
		})
	}
	for range 5 {
		wg.Go(func() {
			task, err := w.GetActivityTask(t.Context(), &sfn.GetActivityTaskInput{ActivityArn: a.ActivityArn})
			if err != nil {
				t.Error(err)
				return
			}
			var answers sync.WaitGroup
			for range 4 {
				answers.Go(func() {
					_, err := w.SendTaskSuccess(t.Context(), &sfn.SendTaskSuccessInput{TaskToken: task.TaskToken, Output: aws.String("1")})
					if err == nil {
						succeeded <- *task.TaskToken
					} else {
						w.refused(err, "TaskTimedOut")
					}
				})
			}
			answers.Wait()
		})
	}
	wg.Wait()
	w.expect("5", fmt.Sprint(len(succeeded)))
	list, err := w.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &m})
	if err != nil || len(list.Executions) != 5 {
		t.Fatal(len(list.Executions), err)
	}
	for _, e := range list.Executions {
		w.expect("SUCCEEDED 1", verdict(w.finish(*e.ExecutionArn)))
		w.expect("ExecutionStarted TaskStateEntered ActivityScheduled ActivityStarted ActivitySucceeded TaskStateExited ExecutionSucceeded", w.history(*e.ExecutionArn))
	}
}

// FuzzItems reads items from hostile objects.
func FuzzItems(f *testing.F) {
	for _, seed := range []string{"a,b\n1,2\n", "[1,{\"a\":[]}]", "{\"a\":{\"b\":[1]}}", "{\"files\":[],\"fileSchema\":\"A, B\"}", "\"\"\"\n", "\x1f\x8b", "\xef\xbb\xbf[1]", "s3://"} {
		f.Add([]byte(seed), "/a/b")
	}
	f.Fuzz(func(t *testing.T, body []byte, pointer string) {
		for _, inputType := range []string{"CSV", "JSON", "JSONL"} {
			r := reader{ItemReader: &interp.ItemReader{ItemsPointer: pointer, MaxItems: 10}}
			plain, err := unzipped(bytes.NewReader(body))
			if err != nil {
				return
			}
			parse := map[string]func(io.Reader) interp.Items{"CSV": r.csv, "JSON": r.json, "JSONL": r.lines}[inputType]
			items, err := interp.Collect(r.limited(parse(plain)))
			if err == nil {
				_ = jsonvalue.String(items) // every item is a value
			}
		}
	})
}

// FuzzARN takes ARNs apart that callers send.
func FuzzARN(f *testing.F) {
	for _, seed := range []string{"", "arn:aws:states:us-east-1:1:execution:m:e", "arn:::::stateMachine:m:1", "arn:aws:states:r:a:express:m:n:i", "arn:aws:s3:::b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, arn string) {
		r, err := parseARN(arn, kindMachine, kindExecution, kindExpress, kindMapRun, kindActivity)
		if err == nil && (r.kind == "" || r.name == "") {
			t.Errorf("%q is %+v", arn, r)
		}
	})
}
