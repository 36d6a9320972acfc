package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awsscheduler "github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/smithy-go"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/conformance"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

var start = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

// world is Scheduler behind a listener, driven by the real SDK in virtual time;
// its targets are recorded.
type world struct {
	*testing.T
	clock   *clock.Virtual
	store   *store.Store
	service *Service
	server  *awswire.Server
	sdk     *awsscheduler.Client

	mu     sync.Mutex
	calls  []string
	answer func(operation string) error
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, clock: clock.NewVirtual(start, 0), store: store.Memory()}
	t.Cleanup(func() { _ = w.store.Close() })
	w.boot()
	return w
}

func (w *world) boot() {
	var err error
	w.service, err = New(Config{Account: "123456789012", Region: "us-east-1", Store: w.store, Clock: w.clock, Caller: w, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(w.service.Close)
	w.server = awswire.NewServer(awswire.Config{Account: "123456789012", Region: "us-east-1", Clock: w.clock, Log: slog.New(slog.DiscardHandler)}, w.service.API())
	h := httptest.NewServer(w.server)
	w.Cleanup(h.Close)
	w.sdk = awsscheduler.NewFromConfig(aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(h.URL), RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})
	if err := w.service.Start(); err != nil {
		w.Fatal(err)
	}
}

// Call implements delivery.Caller.
func (w *world) Call(_ context.Context, as awswire.Identity, service, operation string, params jsonvalue.Value) (jsonvalue.Value, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	who := as.Service
	if as.Role != "" {
		who = "role"
	}
	w.calls = append(w.calls, fmt.Sprintf("%s %s:%s %s by %s", w.clock.Now().Format("01-02 15:04:05"), service, operation, jsonvalue.String(params), who))
	if w.answer != nil {
		return nil, w.answer(operation)
	}
	return nil, nil
}

func (w *world) seen() []string {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 10*time.Second)
	defer cancel()
	if err := w.pass(ctx); err != nil {
		w.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := w.calls
	w.calls = nil
	return calls
}

const role = "arn:aws:iam::123456789012:role/run"

// create makes a schedule for a queue; it ends after a day, so that virtual time
// comes to rest.
func (w *world) create(name, expression string, change func(in *awsscheduler.CreateScheduleInput)) {
	w.Helper()
	in := &awsscheduler.CreateScheduleInput{Name: &name, ScheduleExpression: &expression, EndDate: aws.Time(start.Add(24 * time.Hour)),
		FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		Target:             &types.Target{Arn: aws.String("arn:aws:sqs:us-east-1:123456789012:q"), RoleArn: aws.String(role), Input: aws.String("x")}}
	if change != nil {
		change(in)
	}
	if _, err := w.sdk.CreateSchedule(w.Context(), in); err != nil {
		w.Fatal(err)
	}
}

func TestDueTimes(t *testing.T) {
	for _, c := range []struct {
		name, expression string
		change           func(in *awsscheduler.CreateScheduleInput)
		want             string
	}{
		{"rate begins at once", "rate(10 hours)", nil, "11-20 10:00:00 11-20 20:00:00 11-21 06:00:00"},
		{"rate with a start", "rate(10 hours)", func(in *awsscheduler.CreateScheduleInput) { in.StartDate = aws.Time(start.Add(2 * time.Hour)) }, "11-20 12:00:00 11-20 22:00:00 11-21 08:00:00"},
		{"cron", "cron(0 2 * * ? *)", nil, "11-21 02:00:00"},
		{"cron in a zone", "cron(0 2 * * ? *)", func(in *awsscheduler.CreateScheduleInput) { in.ScheduleExpressionTimezone = aws.String("Asia/Tokyo") }, "11-20 17:00:00"},
		{"once", "at(2026-11-20T12:34:56)", nil, "11-20 12:34:56"},
		{"once, behind its end", "at(2026-11-25T00:00:00)", nil, "11-25 00:00:00"},
		{"once, in the past", "at(2020-01-01T00:00:00)", nil, ""},
		{"disabled", "rate(1 hour)", func(in *awsscheduler.CreateScheduleInput) { in.State = types.ScheduleStateDisabled }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.create("s", c.expression, c.change)
			var got []string
			for _, call := range w.seen() {
				got = append(got, call[:14])
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}

func TestFlexibleWindowSpreadsInvocations(t *testing.T) {
	w := newWorld(t)
	w.create("s", "rate(4 hours)", func(in *awsscheduler.CreateScheduleInput) {
		in.FlexibleTimeWindow = &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeFlexible, MaximumWindowInMinutes: aws.Int32(30)}
	})
	offsets := map[time.Duration]bool{}
	for i, call := range w.seen() {
		at, _ := time.Parse("01-02 15:04:05", call[:14])
		due := start.Add(time.Duration(i) * 4 * time.Hour)
		offset := time.Date(2026, at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), 0, time.UTC).Sub(due)
		if offset < 0 || offset >= 30*time.Minute {
			t.Errorf("invocation %d is %v off", i, offset)
		}
		offsets[offset] = true
	}
	if len(offsets) < 4 {
		t.Errorf("offsets are %v", offsets)
	}
}

func TestTargets(t *testing.T) {
	for _, c := range []struct {
		target types.Target
		want   string
	}{
		{types.Target{Arn: aws.String("arn:aws:lambda:us-east-1:123456789012:function:f")},
			`lambda:Invoke {"FunctionName":"arn:aws:lambda:us-east-1:123456789012:function:f","InvocationType":"Event","Payload":"NOTIFICATION"}`},
		{types.Target{Arn: aws.String("arn:aws:states:us-east-1:123456789012:stateMachine:m"), Input: aws.String(`{"at":"<aws.scheduler.scheduled-time>","n":"<aws.scheduler.attempt-number>"}`)},
			`states:StartExecution {"StateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:m","Name":"ID","Input":"{\"at\":\"2026-11-20T12:00:00Z\",\"n\":\"1\"}"}`},
		{types.Target{Arn: aws.String("arn:aws:sqs:us-east-1:123456789012:q.fifo"), Input: aws.String("plain"), SqsParameters: &types.SqsParameters{MessageGroupId: aws.String("g")}},
			`sqs:SendMessage {"QueueUrl":"https://sqs.us-east-1.amazonaws.com/123456789012/q.fifo","MessageBody":"plain","MessageGroupId":"g"}`},
		{types.Target{Arn: aws.String("arn:aws:events:us-east-1:123456789012:event-bus/default"), Input: aws.String(`{}`), EventBridgeParameters: &types.EventBridgeParameters{Source: aws.String("s"), DetailType: aws.String("k")}},
			`events:PutEvents {"Entries":[{"EventBusName":"arn:aws:events:us-east-1:123456789012:event-bus/default","Source":"s","DetailType":"k","Detail":"{}"}]}`},
		{types.Target{Arn: aws.String("arn:aws:scheduler:::aws-sdk:sfn:startExecution"), Input: aws.String(`{"StateMachineArn":"m","Input":"<aws.scheduler.schedule-arn>"}`)},
			`states:StartExecution {"StateMachineArn":"m","Input":"arn:aws:scheduler:us-east-1:123456789012:schedule/default/s"}`},
		{types.Target{Arn: aws.String("arn:aws:scheduler:::aws-sdk:lambda:invoke"), Input: aws.String(`{"FunctionName":"f","Payload":"{}"}`)},
			`lambda:Invoke {"FunctionName":"f","Payload":"e30="}`},
	} {
		t.Run(*c.target.Arn, func(t *testing.T) {
			w := newWorld(t)
			w.create("s", "at(2026-11-20T12:00:00)", func(in *awsscheduler.CreateScheduleInput) {
				c.target.RoleArn = aws.String(role)
				in.Target = &c.target
			})
			got := w.seen()
			if len(got) != 1 {
				t.Fatalf("got %v", got)
			}
			call := placeholders(strings.TrimSuffix(got[0][15:], " by role"))
			if call != c.want {
				t.Errorf("got  %s\nwant %s", call, c.want)
			}
		})
	}
}

// placeholders replaces what is made up anew in a call.
func placeholders(call string) string {
	operation, text, _ := strings.Cut(call, " ")
	params := jsonvalue.MustParse(text).(*jsonvalue.Object)
	if id, ok := params.Get("Name"); ok && len(id.(string)) == 36 {
		params = params.With("Name", "ID")
	}
	if payload, ok := params.Get("Payload"); ok {
		var decoded []byte
		if json.Unmarshal([]byte(`"`+payload.(string)+`"`), &decoded) == nil && strings.Contains(string(decoded), `"detail-type":"Scheduled Event","source":"aws.scheduler"`) {
			params = params.With("Payload", "NOTIFICATION")
		}
	}
	return operation + " " + jsonvalue.String(params)
}

func TestFailuresGoToTheDeadLetterQueueAsTheRole(t *testing.T) {
	w := newWorld(t)
	w.answer = func(operation string) error {
		if operation == "Publish" {
			return awswire.Errorf("NotFound", "no topic")
		}
		return nil
	}
	w.create("s", "at(2026-11-20T12:00:00)", func(in *awsscheduler.CreateScheduleInput) {
		in.Target = &types.Target{Arn: aws.String("arn:aws:sns:us-east-1:123456789012:t"), RoleArn: aws.String(role), Input: aws.String("in"),
			DeadLetterConfig: &types.DeadLetterConfig{Arn: aws.String("arn:aws:sqs:us-east-1:123456789012:dlq")}}
	})
	got := w.seen()
	if len(got) != 2 || !strings.Contains(got[1], `/dlq","MessageBody":"in"`) || !strings.Contains(got[1], `"ERROR_CODE":{"DataType":"String","StringValue":"NO_RESOURCE"}`) ||
		!strings.Contains(got[1], `"SCHEDULE_ARN":{"DataType":"String","StringValue":"arn:aws:scheduler:us-east-1:123456789012:schedule/default/s"}`) || !strings.HasSuffix(got[1], "by role") {
		t.Errorf("got %v", got)
	}
}

func TestDeletesItselfAfterCompletion(t *testing.T) {
	w := newWorld(t)
	w.create("s", "at(2026-11-20T12:00:00)", func(in *awsscheduler.CreateScheduleInput) {
		in.ActionAfterCompletion = types.ActionAfterCompletionDelete
	})
	w.seen()
	_, err := w.sdk.GetSchedule(w.Context(), &awsscheduler.GetScheduleInput{Name: aws.String("s")})
	var gone *types.ResourceNotFoundException
	if !errors.As(err, &gone) || gone.ErrorMessage() != "Schedule s does not exist." {
		t.Errorf("got %v", err)
	}
}

func TestSchedulesSurviveTheProcess(t *testing.T) {
	w := newWorld(t)
	hold := w.clock.Hold()
	w.create("soon", "at(2026-11-20T12:58:00)", nil)
	w.create("missed", "at(2026-11-20T12:00:00)", nil)
	w.create("later", "at(2026-11-20T15:00:00)", nil)
	w.service.Close()
	w.clock.AfterFunc(3*time.Hour, func() {})
	hold()
	w.seen()
	w.boot()
	var got []string
	for _, call := range w.seen() {
		got = append(got, call[:14])
	}
	if want := "11-20 13:00:00 11-20 15:00:00"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestOperations(t *testing.T) {
	w := newWorld(t)
	ctx := w.Context()
	g, err := w.sdk.CreateScheduleGroup(ctx, &awsscheduler.CreateScheduleGroupInput{Name: aws.String("g"), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "c"} {
		w.create(name, "at(2030-01-01T00:00:00)", func(in *awsscheduler.CreateScheduleInput) {
			in.GroupName, in.State, in.Description = aws.String("g"), types.ScheduleStateDisabled, aws.String("d")
		})
	}
	first, err := w.sdk.ListSchedules(ctx, &awsscheduler.ListSchedulesInput{GroupName: aws.String("g"), MaxResults: aws.Int32(2)})
	if err != nil || len(first.Schedules) != 2 || first.NextToken == nil {
		t.Fatal(first, err)
	}
	rest, err := w.sdk.ListSchedules(ctx, &awsscheduler.ListSchedulesInput{GroupName: aws.String("g"), NextToken: first.NextToken})
	if err != nil || len(rest.Schedules) != 1 || *rest.Schedules[0].Name != "c" || *rest.Schedules[0].Target.Arn == "" {
		t.Error(rest, err)
	}
	x, err := w.sdk.GetSchedule(ctx, &awsscheduler.GetScheduleInput{Name: aws.String("a"), GroupName: aws.String("g")})
	if err != nil || *x.ScheduleExpressionTimezone != "UTC" || x.State != types.ScheduleStateDisabled || !x.CreationDate.Equal(start) || *x.Description != "d" {
		t.Errorf("%+v, %v", x, err)
	}
	if _, err := w.sdk.UpdateSchedule(ctx, &awsscheduler.UpdateScheduleInput{Name: aws.String("a"), GroupName: aws.String("g"), ScheduleExpression: aws.String("at(2026-11-20T11:00:00)"),
		FlexibleTimeWindow: x.FlexibleTimeWindow, Target: x.Target}); err != nil {
		t.Fatal(err)
	}
	if got := w.seen(); len(got) != 1 {
		t.Errorf("an updated schedule was invoked %d times", len(got))
	}
	if _, err := w.sdk.UntagResource(ctx, &awsscheduler.UntagResourceInput{ResourceArn: g.ScheduleGroupArn, TagKeys: []string{"k"}}); err != nil {
		t.Error(err)
	}
	tags, err := w.sdk.ListTagsForResource(ctx, &awsscheduler.ListTagsForResourceInput{ResourceArn: g.ScheduleGroupArn})
	if err != nil || len(tags.Tags) != 0 {
		t.Error(tags, err)
	}
	if _, err := w.sdk.DeleteScheduleGroup(ctx, &awsscheduler.DeleteScheduleGroupInput{Name: aws.String("g")}); err != nil {
		t.Error(err)
	}
	all, err := w.sdk.ListSchedules(ctx, &awsscheduler.ListSchedulesInput{})
	if err != nil || len(all.Schedules) != 0 {
		t.Error(all, err)
	}
	groups, err := w.sdk.ListScheduleGroups(ctx, &awsscheduler.ListScheduleGroupsInput{})
	if err != nil || len(groups.ScheduleGroups) != 1 || *groups.ScheduleGroups[0].Name != "default" {
		t.Error(groups, err)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ code, message, change string }{
		{"ValidationException", "Invalid Schedule Expression rate(0 minutes).", `"ScheduleExpression":"rate(0 minutes)"`},
		{"ValidationException", "Invalid Schedule Expression Timezone Mars.", `"ScheduleExpressionTimezone":"Mars"`},
		{"ValidationException", "MaximumWindowInMinutes must be provided when FlexibleTimeWindow is FLEXIBLE.", `"FlexibleTimeWindow":{"Mode":"FLEXIBLE"}`},
		{"ValidationException", "The EndDate must be after the StartDate.", `"StartDate":20,"EndDate":10`},
		{"ValidationException", "kinesis is not a supported service for a target.", `"Target":{"Arn":"arn:aws:kinesis:us-east-1:123456789012:stream/s","RoleArn":"` + role + `"}`},
		{"ValidationException", "Scheduler does not support the read-only action getObject.", `"Target":{"Arn":"arn:aws:scheduler:::aws-sdk:s3:getObject","RoleArn":"` + role + `"}`},
		{"ValidationException", "EventBridgeParameters must be provided for an event bus.", `"Target":{"Arn":"arn:aws:events:us-east-1:123456789012:event-bus/b","RoleArn":"` + role + `"}`},
		{"ResourceNotFoundException", "Schedule group gone does not exist.", `"GroupName":"gone"`},
	} {
		base := `{"Name":"s","ScheduleExpression":"rate(1 hour)","State":"DISABLED","FlexibleTimeWindow":{"Mode":"OFF"},"Target":{"Arn":"arn:aws:sqs:us-east-1:123456789012:q","RoleArn":"` + role + `"},` + c.change + `}`
		_, err := w.server.Call(w.Context(), awswire.Root("123456789012"), "scheduler", "CreateSchedule", jsonvalue.MustParse(base))
		var got *awswire.Error
		if !errors.As(err, &got) || got.Code != c.code || got.Message != c.message {
			t.Errorf("%s\n got %v\nwant %s: %s", c.change, err, c.code, c.message)
		}
	}
	w.create("s", "at(2030-01-01T00:00:00)", func(in *awsscheduler.CreateScheduleInput) { in.State = types.ScheduleStateDisabled })
	_, err := w.sdk.CreateScheduleGroup(w.Context(), &awsscheduler.CreateScheduleGroupInput{Name: aws.String("default")})
	var conflict *types.ConflictException
	if !errors.As(err, &conflict) || conflict.ErrorMessage() != "Schedule group default already exists." {
		t.Errorf("got %v", err)
	}
}

// Recorded refusals of schedule expressions.
func TestRecordedRefusals(t *testing.T) {
	type transcript struct {
		ID    string
		Calls []struct {
			Op     string
			Params struct{ ScheduleExpression string }
			Raised bool
		}
		Recorded map[string]struct {
			Error struct{ Code, Message string }
		} `json:"recorded_content"`
	}
	tally := conformance.Tally{Name: "api_scheduler.jsonl, schedule expressions"}
	for row := range conformance.Rows[transcript](t, "api_scheduler.jsonl") {
		want := row.Recorded["invalid-schedule-expression"].Error
		if want.Code == "" {
			continue
		}
		_, err := newWorld(t).sdk.CreateSchedule(t.Context(), &awsscheduler.CreateScheduleInput{Name: aws.String("s"), ScheduleExpression: &row.Calls[0].Params.ScheduleExpression,
			FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeFlexible, MaximumWindowInMinutes: aws.Int32(4)},
			Target:             &types.Target{Arn: aws.String("arn:aws:lambda:us-east-1:123456789012:function:dummy"), RoleArn: aws.String(role)}})
		var got smithy.APIError
		difference := ""
		if !errors.As(err, &got) || got.ErrorCode() != want.Code || got.ErrorMessage() != want.Message {
			difference = fmt.Sprintf("got %v, want %s", err, want.Message)
		}
		tally.Check(row.ID, difference)
	}
	tally.Demand(t, 100)
}

// pass lets time go by until nothing is left to come, schedules included, which
// do not drive the clock by themselves.
func (w *world) pass(ctx context.Context) error {
	for {
		if err := w.clock.Quiet(ctx); err != nil || !w.clock.Skip() {
			return err
		}
	}
}
