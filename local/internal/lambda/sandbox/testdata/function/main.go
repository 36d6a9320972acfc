// Command function is the Lambda function of this package's tests: its event, or
// at start its environment, tells it what to do.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do    string
	Text  string
	Size  int
	Delay int // milliseconds
}

type declined struct{}

func (declined) Error() string { return "declined" }

var served int

func handle(ctx context.Context, in event) (any, error) {
	served++
	lc, _ := lambdacontext.FromContext(ctx)
	switch in.Do {
	case "echo":
		return in, nil
	case "print":
		fmt.Println("out: " + in.Text)
		fmt.Fprintln(os.Stderr, "err: "+in.Text)
		fmt.Print("no newline")
		return nil, nil
	case "context":
		deadline, _ := ctx.Deadline()
		return map[string]any{"id": lc.AwsRequestID, "arn": lc.InvokedFunctionArn, "left": time.Until(deadline).Milliseconds(),
			"trace": os.Getenv("_X_AMZN_TRACE_ID"), "served": served, "pid": os.Getpid(), "client": lc.ClientContext.Custom}, nil
	case "environment":
		vars := map[string]string{}
		for _, v := range os.Environ() {
			name, value, _ := strings.Cut(v, "=")
			vars[name] = value
		}
		vars["cwd"], _ = os.Getwd()
		return vars, nil
	case "error":
		return nil, errors.New(in.Text)
	case "typed":
		return nil, declined{}
	case "named":
		return nil, messages.InvokeResponse_Error{Type: "Payment.Declined", Message: in.Text}
	case "panic":
		panic(in.Text)
	case "exit":
		os.Exit(in.Size)
	case "sleep":
		time.Sleep(time.Duration(in.Delay) * time.Millisecond)
		return "slept", nil
	case "await":
		for {
			if _, err := os.Stat(in.Text); err == nil {
				return "there", nil
			}
			time.Sleep(time.Millisecond)
		}
	case "append":
		f, err := os.OpenFile(os.Getenv("APPEND"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return fmt.Fprintln(f, in.Text)
	case "pid":
		err := os.WriteFile(in.Text, []byte(fmt.Sprintln(os.Getpid())), 0o600)
		time.Sleep(time.Minute)
		return nil, err
	case "memory":
		hoard := make([]byte, in.Size)
		for i := range hoard {
			hoard[i] = byte(i)
		}
		time.Sleep(time.Minute)
		return len(hoard), nil
	case "child":
		return exec.Command("sleep", "300").Start(), nil
	case "large":
		return strings.Repeat("a", in.Size), nil
	case "stream":
		return io.MultiReader(strings.NewReader(`{"streamed":`), brokenReader{}), nil
	}
	return nil, fmt.Errorf("no such thing to do: %q", in.Do)
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, declined{} }

// record is one of a queue or a stream, as far as the tests look.
type record struct {
	MessageID string `json:"messageId"`
	Body      string `json:"body"`
	DynamoDB  struct {
		Keys           map[string]map[string]string
		NewImage       map[string]map[string]string
		SequenceNumber string
	} `json:"dynamodb"`
}

func (r record) text() string {
	if r.MessageID != "" {
		return r.Body
	}
	return r.DynamoDB.Keys["id"]["S"] + r.DynamoDB.NewImage[os.Getenv("SHOW")]["N"]
}

func (r record) id() string {
	if r.MessageID != "" {
		return r.MessageID
	}
	return r.DynamoDB.SequenceNumber
}

// failed counts how often a text has failed: "x once" fails once.
var failed = map[string]int{}

func fails(text string) bool {
	if text != os.Getenv("FAIL") {
		return false
	}
	failed[text]++
	limit := 1 << 20
	if strings.HasSuffix(text, "once") {
		limit = 1
	} else if strings.HasSuffix(text, "twice") {
		limit = 2
	}
	return failed[text] <= limit
}

// batch appends the texts of a batch to a file, and fails those that FAIL names.
func batch(_ context.Context, event json.RawMessage) (any, error) {
	var in struct{ Records []record }
	if err := json.Unmarshal(event, &in); err != nil {
		return nil, err
	}
	var texts []string
	failures := []map[string]string{}
	for _, r := range in.Records {
		texts = append(texts, r.text())
		if fails(r.text()) {
			id := r.id()
			if strings.HasPrefix(r.text(), "unknown") {
				id = "another"
			}
			failures = append(failures, map[string]string{"itemIdentifier": id})
		}
	}
	line := strings.Join(texts, " ")
	if os.Getenv("WHOLE") != "" {
		line = string(event)
	}
	f, err := os.OpenFile(os.Getenv("BATCHES"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := fmt.Fprintln(f, line); err != nil {
		return nil, err
	}
	if len(failures) > 0 && os.Getenv("PARTIAL") == "" {
		return nil, errors.New("a record failed")
	}
	return map[string]any{"batchItemFailures": failures}, nil
}

func main() {
	fmt.Println("starting")
	if os.Getenv("BATCHES") != "" {
		lambda.Start(batch)
	}
	switch os.Getenv("INIT") {
	case "exit":
		os.Exit(3)
	case "panic":
		panic("no configuration")
	case "hang":
		select {}
	}
	var options []lambda.Option
	if file := os.Getenv("SIGTERM_FILE"); file != "" {
		options = append(options, lambda.WithEnableSIGTERM(func() { _ = os.WriteFile(file, []byte("terminated"), 0o600) }))
	}
	lambda.StartWithOptions(handle, options...)
}
