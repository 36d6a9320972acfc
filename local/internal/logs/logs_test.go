package logs

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cwl "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/store"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func world(t *testing.T) (*Service, *cwl.Client) {
	st, clk := store.Memory(), clock.NewVirtual(start, 0)
	t.Cleanup(clk.Hold())
	s := New(Config{Account: "123456789012", Region: "us-east-1", Store: st, Clock: clk})
	h := httptest.NewServer(awswire.NewServer(awswire.Config{Account: "123456789012", Region: "us-east-1", Clock: clk}, s.API()))
	t.Cleanup(func() { h.Close(); st.Close() })
	return s, cwl.New(cwl.Options{Region: "us-east-1", BaseEndpoint: &h.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func event(at int, text string) types.InputLogEvent {
	return types.InputLogEvent{Timestamp: aws.Int64(start.UnixMilli() + int64(at)), Message: &text}
}

func TestEventsArePutPagedAndFiltered(t *testing.T) {
	_, c := world(t)
	ctx := t.Context()
	_, err := c.CreateLogGroup(ctx, &cwl.CreateLogGroupInput{LogGroupName: aws.String("/g")})
	must(t, err)
	for _, name := range []string{"a", "b"} {
		_, err = c.CreateLogStream(ctx, &cwl.CreateLogStreamInput{LogGroupName: aws.String("/g"), LogStreamName: &name})
		must(t, err)
		_, err = c.PutLogEvents(ctx, &cwl.PutLogEventsInput{LogGroupName: aws.String("/g"), LogStreamName: &name, LogEvents: []types.InputLogEvent{
			event(1, name+" first"), event(2, name+" second ERROR"), event(3, `{"level":"warn","n":{"m":7},"s":"`+name+`"}`)}})
		must(t, err)
	}
	var got []string
	in := &cwl.GetLogEventsInput{LogGroupName: aws.String("/g"), LogStreamName: aws.String("a"), StartFromHead: aws.Bool(true), Limit: aws.Int32(2)}
	for {
		out, err := c.GetLogEvents(ctx, in)
		must(t, err)
		if len(out.Events) == 0 {
			if *out.NextForwardToken != *in.NextToken {
				t.Error("the token must stay the same at the end")
			}
			break
		}
		for _, e := range out.Events {
			got = append(got, *e.Message)
		}
		in.NextToken = out.NextForwardToken
	}
	if strings.Join(got, "|") != `a first|a second ERROR|{"level":"warn","n":{"m":7},"s":"a"}` {
		t.Error(got)
	}
	for pattern, want := range map[string]int{"": 6, "ERROR": 2, "second -ERROR": 0, "?first ?ERROR": 4, `"a first"`: 1, `{ $.n.m = 7 }`: 2, `{ $.s != "a" }`: 1} {
		out, err := c.FilterLogEvents(ctx, &cwl.FilterLogEventsInput{LogGroupName: aws.String("/g"), FilterPattern: &pattern})
		must(t, err)
		if len(out.Events) != want {
			t.Errorf("%q finds %d, want %d", pattern, len(out.Events), want)
		}
	}
	tail, err := c.GetLogEvents(ctx, &cwl.GetLogEventsInput{LogGroupName: aws.String("/g"), LogStreamName: aws.String("b"), Limit: aws.Int32(1)})
	must(t, err)
	if len(tail.Events) != 1 || !strings.Contains(*tail.Events[0].Message, "warn") {
		t.Errorf("the tail is %v", tail.Events)
	}
}

func TestWriteMakesGroupAndStreamAndIsBounded(t *testing.T) {
	s, c := world(t)
	for i := range 3 {
		s.Write("/aws/lambda/f", "s", []Event{{start.Add(time.Duration(i) * time.Second), fmt.Sprint("line ", i)}})
	}
	s.Write("/aws/lambda/f", "other", []Event{{start.Add(time.Minute), "later"}})
	s.Close()
	streams, err := c.DescribeLogStreams(t.Context(), &cwl.DescribeLogStreamsInput{LogGroupName: aws.String("/aws/lambda/f"), OrderBy: types.OrderByLastEventTime, Descending: aws.Bool(true)})
	must(t, err)
	if len(streams.LogStreams) != 2 || *streams.LogStreams[0].LogStreamName != "other" {
		t.Errorf("%v", streams.LogStreams)
	}
	must(t, s.change("/aws/lambda/f", func(tx *store.Tx, g *group) error {
		g.drop(tx, func(at int64, _ int) bool { return at >= start.Add(2*time.Second).UnixMilli() }, g.Events)
		return nil
	}))
	out, err := c.GetLogEvents(t.Context(), &cwl.GetLogEventsInput{LogGroupName: aws.String("/aws/lambda/f"), LogStreamName: aws.String("s")})
	must(t, err)
	if len(out.Events) != 1 || *out.Events[0].Message != "line 2" {
		t.Errorf("%v", out.Events)
	}
}

// TestPagesOfManyBytes: a page that ends at its bytes, not at its number of
// events, has a next one too.
func TestPagesOfManyBytes(t *testing.T) {
	s, c := world(t)
	const events = 9
	for i := range events {
		s.Write("/g", "s", []Event{{start.Add(time.Duration(i) * time.Second), strings.Repeat("x", pageBytes/3)}})
	}
	s.Close()
	seen, sizes := 0, ""
	pages := cwl.NewFilterLogEventsPaginator(c, &cwl.FilterLogEventsInput{LogGroupName: aws.String("/g")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		must(t, err)
		seen += len(page.Events)
		sizes += fmt.Sprint(len(page.Events), " ")
	}
	if seen != events || sizes != "3 3 3 " {
		t.Errorf("%d events in pages of %s, want %d", seen, sizes, events)
	}
}

func TestGroupsAndRefusals(t *testing.T) {
	_, c := world(t)
	ctx := t.Context()
	_, err := c.CreateLogGroup(ctx, &cwl.CreateLogGroupInput{LogGroupName: aws.String("/g"), Tags: map[string]string{"k": "v"}})
	must(t, err)
	_, err = c.PutRetentionPolicy(ctx, &cwl.PutRetentionPolicyInput{LogGroupName: aws.String("/g"), RetentionInDays: aws.Int32(14)})
	must(t, err)
	groups, err := c.DescribeLogGroups(ctx, &cwl.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/")})
	must(t, err)
	if g := groups.LogGroups[0]; *g.RetentionInDays != 14 || *g.Arn != "arn:aws:logs:us-east-1:123456789012:log-group:/g:*" {
		t.Errorf("%+v", g)
	}
	tags, err := c.ListTagsForResource(ctx, &cwl.ListTagsForResourceInput{ResourceArn: groups.LogGroups[0].LogGroupArn})
	must(t, err)
	if tags.Tags["k"] != "v" {
		t.Errorf("%v", tags.Tags)
	}
	again := func() error {
		_, err := c.CreateLogGroup(ctx, &cwl.CreateLogGroupInput{LogGroupName: aws.String("/g")})
		return err
	}
	put := func(group, stream string, events ...types.InputLogEvent) error {
		_, err := c.PutLogEvents(ctx, &cwl.PutLogEventsInput{LogGroupName: &group, LogStreamName: &stream, LogEvents: events})
		return err
	}
	filter := func(pattern string) error {
		_, err := c.FilterLogEvents(ctx, &cwl.FilterLogEventsInput{LogGroupName: aws.String("/g"), FilterPattern: &pattern})
		return err
	}
	for name, f := range map[string]struct {
		err  error
		code string
	}{
		"again":        {again(), "ResourceAlreadyExistsException"},
		"no group":     {put("/none", "s", event(1, "x")), "ResourceNotFoundException"},
		"no stream":    {put("/g", "s", event(1, "x")), "ResourceNotFoundException"},
		"out of order": {put("/g", "s", event(2, "x"), event(1, "y")), "InvalidParameterException"},
		"pattern":      {filter("[a, b]"), "InvalidParameterException"},
	} {
		var api smithy.APIError
		if !errors.As(f.err, &api) || api.ErrorCode() != f.code {
			t.Errorf("%s: %v, want %s", name, f.err, f.code)
		}
	}
	_, err = c.DeleteLogGroup(ctx, &cwl.DeleteLogGroupInput{LogGroupName: aws.String("/g")})
	must(t, err)
}
