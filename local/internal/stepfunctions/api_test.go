package stepfunctions

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/google/go-cmp/cmp"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

const pass = `{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}`

func TestCreateIsIdempotent(t *testing.T) {
	w := newWorld(t)
	create := func(change ...func(*sfn.CreateStateMachineInput)) error {
		in := &sfn.CreateStateMachineInput{Name: aws.String("m"), Definition: aws.String(pass), RoleArn: aws.String(role)}
		for _, f := range change {
			f(in)
		}
		_, err := w.CreateStateMachine(t.Context(), in)
		return err
	}
	for range 2 {
		if err := create(); err != nil {
			t.Fatal(err)
		}
	}
	if err := create(func(in *sfn.CreateStateMachineInput) { in.RoleArn = aws.String(role + "2") }); err != nil {
		t.Errorf("another role: %v", err)
	}
	exists := "State Machine Already Exists: '" + prefix + "stateMachine:m'"
	w.refused(create(func(in *sfn.CreateStateMachineInput) { in.Definition = aws.String(pass + " ") }), "StateMachineAlreadyExists", exists)
	w.refused(create(express), "StateMachineAlreadyExists", exists)
	w.refused(create(func(in *sfn.CreateStateMachineInput) { in.Name = aws.String("a b") }), "InvalidName", "Invalid Name: 'a b'")
	w.refused(create(func(in *sfn.CreateStateMachineInput) { in.VersionDescription = aws.String("v") }), "ValidationException", "Version description can only be set when publish is true")
	w.refused(create(func(in *sfn.CreateStateMachineInput) { in.Definition = aws.String(`{"StartAt":"P"}`) }), "InvalidDefinition", "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: ")
	w.refused(create(func(in *sfn.CreateStateMachineInput) {
		in.LoggingConfiguration = &types.LoggingConfiguration{Level: types.LogLevelAll}
	}), "InvalidLoggingConfiguration", "Invalid Logging Configuration: Must specify exactly one Log Destination.")

	out, err := w.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: aws.String(prefix + "stateMachine:m")})
	if err != nil {
		t.Fatal(err)
	}
	w.expect("m ACTIVE STANDARD "+role+" OFF AWS_OWNED_KEY "+pass, strings.Join([]string{*out.Name, string(out.Status), string(out.Type), *out.RoleArn,
		string(out.LoggingConfiguration.Level), string(out.EncryptionConfiguration.Type), *out.Definition}, " "))
}

func TestMachinesOfOthersDoNotExist(t *testing.T) {
	w := newWorld(t)
	gone := prefix + "stateMachine:gone"
	_, err := w.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: &gone})
	w.refused(err, "StateMachineDoesNotExist", "State Machine Does Not Exist: '"+gone+"'")
	_, err = w.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: aws.String("not_a_valid_arn")})
	w.refused(err, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: not_a_valid_arn'")
	_, err = w.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &gone})
	w.refused(err, "StateMachineDoesNotExist")
	_, err = w.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &gone})
	w.refused(err, "StateMachineDoesNotExist")
	_, err = w.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: aws.String(prefix + "execution:gone:e")})
	w.refused(err, "ExecutionDoesNotExist", "Execution Does Not Exist: '"+prefix+"execution:gone:e'")
	if _, err := w.DeleteStateMachine(t.Context(), &sfn.DeleteStateMachineInput{StateMachineArn: &gone}); err != nil {
		t.Errorf("deleting what is not there: %v", err)
	}
}

func TestNamesOfExecutions(t *testing.T) {
	w := newWorld(t)
	m := w.machine("m", waiting)
	start := func(name, input string) error {
		_, err := w.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &m, Name: &name, Input: &input})
		return err
	}
	for range 2 {
		if err := start("e", `{"a":1}`); err != nil {
			t.Fatal(err)
		}
	}
	taken := "Execution Already Exists: '" + prefix + "execution:m:e'"
	w.refused(start("e", `{"a":2}`), "ExecutionAlreadyExists", taken)
	w.finish(prefix + "execution:m:e")
	w.refused(start("e", `{"a":1}`), "ExecutionAlreadyExists", taken)
	w.pass(nameReuse)
	if err := start("e", `{"a":1}`); err != nil {
		t.Errorf("after ninety days: %v", err)
	}
	w.refused(start("a/b", "{}"), "InvalidName")
	w.refused(start("f", "{"), "InvalidExecutionInput", "Invalid State Machine Execution Input: '")
	w.refused(start("f", `"`+strings.Repeat("a", maxData)+`"`), "ValidationException")
}

func TestVersionsAndAliases(t *testing.T) {
	w := newWorld(t)
	version := func(n int) string { return fmt.Sprintf("%sstateMachine:m:%d", prefix, n) }
	m := w.machine("m", pass, func(in *sfn.CreateStateMachineInput) { in.Publish = true })
	publish := func() string {
		out, err := w.PublishStateMachineVersion(t.Context(), &sfn.PublishStateMachineVersionInput{StateMachineArn: &m})
		if err != nil {
			t.Fatal(err)
		}
		return *out.StateMachineVersionArn
	}
	w.expect(version(1), publish()) // nothing changed
	update := &sfn.UpdateStateMachineInput{StateMachineArn: &m, Definition: aws.String(`{"StartAt":"P","States":{"P":{"Type":"Pass","Result":2,"End":true}}}`)}
	if _, err := w.UpdateStateMachine(t.Context(), update); err != nil {
		t.Fatal(err)
	}
	_, err := w.PublishStateMachineVersion(t.Context(), &sfn.PublishStateMachineVersionInput{StateMachineArn: &m, RevisionId: aws.String("INITIAL")})
	w.refused(err, "ConflictException")
	w.expect(version(2), publish())
	w.expect(`SUCCEEDED {}`, w.run(version(1), "{}"))
	w.expect(`SUCCEEDED 2`, w.run(version(2), "{}"))

	route := func(arn string, weight int32) types.RoutingConfigurationListItem {
		return types.RoutingConfigurationListItem{StateMachineVersionArn: &arn, Weight: weight}
	}
	create := func(routes ...types.RoutingConfigurationListItem) error {
		_, err := w.CreateStateMachineAlias(t.Context(), &sfn.CreateStateMachineAliasInput{Name: aws.String("live"), RoutingConfiguration: routes})
		return err
	}
	w.refused(create(route(m, 100)), "ValidationException", "Routing configuration must contain state machine version ARNs. Received: ["+m+"]")
	w.refused(create(route(version(1), 70), route(version(2), 29)), "ValidationException", "Sum of routing configuration weights must equal 100. Received: [70, 29]")
	w.refused(create(route(version(1), 50), route(version(1), 50)), "ValidationException", "distinct")
	w.refused(create(route(version(1), 101)), "ValidationException", "1 validation error detected: Value '101' at 'routingConfiguration.1.member.weight' failed to satisfy constraint: Member must have value less than or equal to 100")
	w.refused(create(route(version(9), 100)), "ResourceNotFound")
	for range 2 {
		if err := create(route(version(1), 0), route(version(2), 100)); err != nil {
			t.Fatal(err)
		}
	}
	w.refused(create(route(version(1), 100)), "ConflictException", "Failed to create alias because an alias with the same name and a different routing configuration already exists.")
	out := w.finish(w.start(m+":live", "{}"))
	w.expect("SUCCEEDED 2 "+m+":live "+version(2), verdict(out)+" "+*out.StateMachineAliasArn+" "+*out.StateMachineVersionArn)

	_, err = w.DeleteStateMachineVersion(t.Context(), &sfn.DeleteStateMachineVersionInput{StateMachineVersionArn: aws.String(version(2))})
	w.refused(err, "ConflictException", "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [live]")
	list, err := w.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: aws.String(version(2))})
	if err != nil || len(list.Executions) != 2 {
		t.Errorf("%d executions of version 2, %v", len(list.Executions), err)
	}
	versions, err := w.ListStateMachineVersions(t.Context(), &sfn.ListStateMachineVersionsInput{StateMachineArn: &m, MaxResults: 1})
	if err != nil || *versions.StateMachineVersions[0].StateMachineVersionArn != version(2) || versions.NextToken == nil {
		t.Error(versions, err)
	}
	_, err = w.ListStateMachineAliases(t.Context(), &sfn.ListStateMachineAliasesInput{StateMachineArn: &m, NextToken: aws.String("no token")})
	w.refused(err, "InvalidToken", "Invalid Token: 'Invalid token'")
}

func TestListsPage(t *testing.T) {
	w := newWorld(t)
	m := w.machine("m", pass)
	for i := range 5 {
		w.startNamed(m, fmt.Sprint("e", i), "{}")
		w.pass(time.Second)
	}
	var names []string
	p := sfn.NewListExecutionsPaginator(w.Client, &sfn.ListExecutionsInput{StateMachineArn: &m, MaxResults: 2, StatusFilter: types.ExecutionStatusSucceeded})
	for p.HasMorePages() {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Executions) > 2 {
			t.Errorf("a page of %d", len(page.Executions))
		}
		for _, e := range page.Executions {
			names = append(names, *e.Name)
		}
	}
	w.expect("e4 e3 e2 e1 e0", strings.Join(names, " "))
	_, err := w.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &m, MaxResults: 1001})
	w.refused(err, "ValidationException", "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 1000")
	for range 3 {
		w.machine("n"+newUUID(), pass)
	}
	machines, err := w.ListStateMachines(t.Context(), &sfn.ListStateMachinesInput{MaxResults: 3})
	if err != nil || len(machines.StateMachines) != 3 || machines.NextToken == nil {
		t.Error(machines, err)
	}
}

func TestHistoryPages(t *testing.T) {
	w := newWorld(t)
	arn := w.start(w.machine("m", waiting), `{"a":1}`)
	w.finish(arn)
	ids := func(reverse bool, max int32) string {
		var all []string
		p := sfn.NewGetExecutionHistoryPaginator(w.Client, &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, MaxResults: max, ReverseOrder: reverse})
		for p.HasMorePages() {
			page, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Events {
				all = append(all, fmt.Sprintf("%d<%d", e.Id, e.PreviousEventId))
			}
		}
		return strings.Join(all, " ")
	}
	for _, max := range []int32{0, 1, 2, 3, 5, 6, 7} {
		w.expect("1<0 2<0 3<2 4<3 5<4 6<5", ids(false, max))
		w.expect("6<5 5<4 4<3 3<2 2<0 1<0", ids(true, max))
	}
	out, err := w.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, IncludeExecutionData: aws.Bool(false)})
	if err != nil || out.Events[0].ExecutionStartedEventDetails.Input != nil || *out.Events[0].ExecutionStartedEventDetails.RoleArn != role {
		t.Error(out, err)
	}
	_, err = w.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, NextToken: aws.String("x")})
	w.refused(err, "InvalidToken")
}

func TestStartSyncExecution(t *testing.T) {
	w := newWorld(t)
	f := w.function("f", func(event string) (string, error) {
		if strings.Contains(event, "bad") {
			return "", errors.New(`{"errorType":"Bad"}`)
		}
		return event, nil
	})
	m := w.machine("m", fmt.Sprintf(`{"StartAt":"F","States":{"F":{"Type":"Task","Resource":%q,"Next":"W"},"W":{"Type":"Wait","Seconds":2,"End":true}}}`, f), express)
	release := w.clock.Hold()
	w.hold()
	defer func() { w.hold = release }()
	sync := func(arn, input string) (*sfn.StartSyncExecutionOutput, error) {
		return w.StartSyncExecution(t.Context(), &sfn.StartSyncExecutionInput{StateMachineArn: &arn, Input: &input, Name: aws.String("n")})
	}
	release()
	out, err := sync(m, `{"a":1}`)
	if err != nil {
		t.Fatal(err)
	}
	release = w.clock.Hold()
	w.expect(`SUCCEEDED {"a":1} 2000 64`, fmt.Sprint(out.Status, " ", *out.Output, " ", out.BillingDetails.BilledDurationInMilliseconds, " ", out.BillingDetails.BilledMemoryUsedInMB))
	if !strings.HasPrefix(*out.ExecutionArn, prefix+"express:m:n:") {
		t.Error(*out.ExecutionArn)
	}
	out, err = sync(m, `"bad"`)
	if err != nil {
		t.Fatal(err)
	}
	w.expect(`FAILED Bad {"errorType":"Bad"}`, fmt.Sprint(out.Status, " ", *out.Error, " ", *out.Cause))
	_, err = sync(w.machine("standard", pass), "{}")
	w.refused(err, "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")
	_, err = w.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &m})
	w.refused(err, "StateMachineTypeNotSupported")
	_, err = w.StartSyncExecution(t.Context(), &sfn.StartSyncExecutionInput{StateMachineArn: &m, Input: aws.String("{")})
	w.refused(err, "InvalidExecutionInput")
}

func TestExpressEndsAfterFiveMinutes(t *testing.T) {
	w := newWorld(t)
	logs := &memoryLogs{}
	w.service.Logs = logs
	group := "arn:aws:logs:us-east-1:" + account + ":log-group:g"
	m := w.machine("m", waiting, express, func(in *sfn.CreateStateMachineInput) {
		in.LoggingConfiguration = &types.LoggingConfiguration{Level: types.LogLevelAll, IncludeExecutionData: true, Destinations: []types.LogDestination{
			{CloudWatchLogsLogGroup: &types.CloudWatchLogsLogGroup{LogGroupArn: aws.String(group + ":*")}}}}
	})
	arn := w.start(m, `{"a":1}`)
	w.pass(expressLimit + time.Second)
	want := []string{"ExecutionStarted", "WaitStateEntered", "ExecutionTimedOut"}
	var got []string
	for _, line := range logs.lines[group] {
		v := jsonvalue.MustParse(line)
		got = append(got, text(member(v, "type")))
		w.expect(arn, text(member(v, "execution_arn")))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	w.expect(`{"id":"1","type":"ExecutionStarted","details":{"input":"{\"a\":1}","inputDetails":{"truncated":false},"roleArn":"`+role+`"},"redrive_count":"0","previous_event_id":"0","event_timestamp":"1767225600000","execution_arn":"`+arn+`"}`, logs.lines[group][0])
}

type memoryLogs struct{ lines map[string][]string }

func (l *memoryLogs) HasGroup(string) bool { return true }

func (l *memoryLogs) PutLogs(group, _ string, events []LogEvent) {
	if l.lines == nil {
		l.lines = map[string][]string{}
	}
	for _, e := range events {
		l.lines[group] = append(l.lines[group], e.Message)
	}
}

func TestTags(t *testing.T) {
	w := newWorld(t)
	m := w.machine("m", pass, func(in *sfn.CreateStateMachineInput) {
		in.Tags = []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}}
	})
	if _, err := w.TagResource(t.Context(), &sfn.TagResourceInput{ResourceArn: &m, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("2")}, {Key: aws.String("b"), Value: aws.String("")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.UntagResource(t.Context(), &sfn.UntagResourceInput{ResourceArn: &m, TagKeys: []string{"b", "c"}}); err != nil {
		t.Fatal(err)
	}
	out, err := w.ListTagsForResource(t.Context(), &sfn.ListTagsForResourceInput{ResourceArn: &m})
	if err != nil || len(out.Tags) != 1 || *out.Tags[0].Value != "2" {
		t.Error(out, err)
	}
	_, err = w.TagResource(t.Context(), &sfn.TagResourceInput{ResourceArn: aws.String(m + "x"), Tags: []types.Tag{}})
	w.refused(err, "ResourceNotFound")
}

func TestDeleteEndsExecutions(t *testing.T) {
	w := newWorld(t)
	m := w.machine("m", waiting)
	arn := w.start(m, "{}")
	if _, err := w.DeleteStateMachine(t.Context(), &sfn.DeleteStateMachineInput{StateMachineArn: &m}); err != nil {
		t.Fatal(err)
	}
	w.pass(2 * time.Hour)
	_, err := w.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	w.refused(err, "ExecutionDoesNotExist")
	again := w.machine("m", pass)
	w.expect("SUCCEEDED {}", w.run(again, "{}"))
}

func TestVariableReferences(t *testing.T) {
	for _, c := range []struct{ definition, want string }{
		{`{"States":{"A":{"Parameters":{"x":"$no","y.$":"$yes.z"},"Assign":{"v.$":"States.Format('$quoted {}', $b)"}}}}`, "map[A:[b yes]]"},
		{`{"States":{"C":{"Choices":[{"Variable":"$g","StringEqualsPath":"$a[0]","Next":"$n"}]}}}`, "map[C:[a g]]"},
		{`{"States":{"M":{"ItemsPath":"$list","ItemProcessor":{"States":{"I":{"OutputPath":"$$.Execution.Id","InputPath":"$in"}}}}}}`, "map[I:[in] M:[list]]"},
		{`{"States":{"Q":{"Output":"{% ($x := $states.input.a; $x + $y + $sum($z)) %}"}}}`, "map[Q:[y z]]"},
	} {
		if got := fmt.Sprint(variableReferences(c.definition)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.definition, got, c.want)
		}
	}
}

func TestAccess(t *testing.T) {
	got := on("StartExecution", prefix+"stateMachine:m:live")
	want := []awswire.Access{{Action: "states:StartExecution", Resource: prefix + "stateMachine:m", Context: map[string][]string{"states:StateMachineQualifier": {"live"}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMocks(t *testing.T) {
	mocks, err := ParseMocks([]byte(`{"StateMachines":{"m":{"TestCases":{"Happy":{"W":"Retried"}}}},
		"MockedResponses":{"Retried":{"0-1":{"Throw":{"Error":"Busy","Cause":"later"}},"2":{"Return":{"done":true}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(c *Config) { c.Mocks = mocks })
	m := w.machine("m", `{"StartAt":"W","States":{"W":{"Type":"Task","Resource":"arn:aws:states:::ecs:runTask.sync","Parameters":{"Cluster":"c"},"Retry":[{"ErrorEquals":["Busy"]}],"End":true}}}`)
	w.expect(`SUCCEEDED {"done":true}`, w.run(m+"#Happy", "{}"))
	if got := w.run(m, "{}"); !strings.HasPrefix(got, "FAILED States.Runtime") {
		t.Error(got)
	}
	for _, bad := range []string{`{`, `{"Machines":{}}`, `{"StateMachines":{"m":{"TestCases":{"c":{"S":"none"}}}}}`, `{"MockedResponses":{"r":{"x":{"Return":1}}}}`,
		`{"MockedResponses":{"r":{"0":{}}}}`, `{"MockedResponses":{"r":{"2-1":{"Return":1}}}}`} {
		if _, err := ParseMocks([]byte(bad)); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}
