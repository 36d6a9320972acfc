package eventbridge

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsevents "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// TestCalls runs testdata/calls.txt: calls in order, each with the answer or
// error it gets. The file says how it is written.
func TestCalls(t *testing.T) {
	text, err := os.ReadFile("testdata/calls.txt")
	if err != nil {
		t.Fatal(err)
	}
	var w *world
	cases, operation := 0, ""
	for i, line := range strings.Split(string(text), "\n") {
		at := "calls.txt:" + strconv.Itoa(i+1)
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case line == "" || word == "#":
		case word == "world":
			w = newWorld(t)
			operation = ""
		case word == "quiet":
			if operation != "" {
				w.run(operation)
			}
			operation = ""
			w.quiet()
		case word == "=" || word == "!":
			cases++
			if got := w.run(operation); got != rest {
				t.Errorf("%s: %s\n got %s\nwant %s", at, operation, got, rest)
			}
			operation = ""
		default:
			if operation != "" {
				w.run(operation)
			}
			operation = line
		}
	}
	if cases < 60 {
		t.Errorf("only %d cases were read", cases)
	}
}

// run makes a call in process, as a client does over the wire.
func (w *world) run(line string) string {
	operation, params, _ := strings.Cut(line, " ")
	v, err := jsonvalue.Parse([]byte(params))
	if err != nil {
		w.Fatal(line, ": ", err)
	}
	out, err := w.server.Call(w.Context(), awswire.Root(account), "events", operation, v)
	var fault *awswire.Error
	if errors.As(err, &fault) {
		line, _, _ := strings.Cut(fault.Message, "\n") // positions are eventpattern's to test
		return fault.Code + ": " + line
	}
	return jsonvalue.String(out)
}

// The SDK sees errors as the types of its model, and pages to the end.
func TestThroughTheSDK(t *testing.T) {
	w := newWorld(t)
	_, err := w.events.DescribeEventBus(w.Context(), &awsevents.DescribeEventBusInput{Name: aws.String("gone")})
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) || missing.ErrorMessage() != "Event bus gone does not exist." {
		t.Errorf("got %v", err)
	}
	_, err = w.events.PutRule(w.Context(), &awsevents.PutRuleInput{Name: aws.String("r"), EventPattern: aws.String(`{"a":"b"}`)})
	var pattern *types.InvalidEventPatternException
	if !errors.As(err, &pattern) || pattern.ErrorMessage() != "Event pattern is not valid. Reason: \"a\" must be an object or an array\n at [Source: (String)\"{\"a\":\"b\"}\"; line: 1, column: 7]" {
		t.Errorf("got %v", err)
	}
	_, err = w.events.PutEvents(w.Context(), &awsevents.PutEventsInput{Entries: make([]types.PutEventsRequestEntry, 11)})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "ValidationException" || !strings.Contains(api.ErrorMessage(), "less than or equal to 10") {
		t.Errorf("got %v", err)
	}
	for i := range 7 {
		if _, err := w.events.CreateEventBus(w.Context(), &awsevents.CreateEventBusInput{Name: aws.String("b" + strconv.Itoa(i))}); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	var token *string
	for {
		out, err := w.events.ListEventBuses(w.Context(), &awsevents.ListEventBusesInput{Limit: aws.Int32(3), NamePrefix: aws.String("b"), NextToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range out.EventBuses {
			names = append(names, *b.Name)
		}
		if token = out.NextToken; token == nil {
			break
		}
	}
	if got := strings.Join(names, ","); got != "b0,b1,b2,b3,b4,b5,b6" {
		t.Errorf("pages hold %s", got)
	}
}

func TestEntriesThatAreTooLargeTogether(t *testing.T) {
	w := newWorld(t)
	large := `{"x":"` + strings.Repeat("x", 600<<10) + `"}`
	entry := types.PutEventsRequestEntry{Source: aws.String("s"), DetailType: aws.String("k"), Detail: &large}
	_, err := w.events.PutEvents(w.Context(), &awsevents.PutEventsInput{Entries: []types.PutEventsRequestEntry{entry, entry}})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorMessage() != "Total size of the entries in the request is over the limit." {
		t.Errorf("got %v", err)
	}
	if _, err := w.events.PutEvents(w.Context(), &awsevents.PutEventsInput{Entries: []types.PutEventsRequestEntry{entry}}); err != nil {
		t.Error(err)
	}
}

func TestExplainNamesTheFieldThatDidNotMatch(t *testing.T) {
	w := newWorld(t)
	q := w.queue("q")
	w.rule("", "large", `{"source":["shop"],"detail":{"amount":[{"numeric":[">",100]}]}}`, types.Target{Arn: &q})
	w.rule("", "small", `{"source":["shop"],"detail":{"amount":[{"numeric":["<",100]}]}}`, types.Target{Arn: &q})
	got, err := w.service.Explain("default", []byte(`{"source":"shop","detail":{"amount":5}}`))
	if err != nil || len(got) != 2 {
		t.Fatal(got, err)
	}
	if got[0].Rule != "large" || got[0].String() != "detail.amount is 5, the pattern wants a number > 100" || !got[1].Matched || got[1].Targets[0].Arn != q {
		t.Errorf("got %+v", got)
	}
}
