package stepfunctions

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// bucket is an S3 bucket of texts.
func (w *world) bucket(objects map[string]string) {
	w.stub("s3:GetObject", func(_ awswire.Identity, params jsonvalue.Value) (jsonvalue.Value, error) {
		body, ok := objects[text(member(params, "Key"))]
		if !ok {
			return nil, &awswire.Error{Code: "NoSuchKey", Status: 404, Message: "The specified key does not exist."}
		}
		return jsonvalue.NewObject(jsonvalue.Member{Name: "Body", Value: base64.StdEncoding.EncodeToString([]byte(body))}), nil
	})
	w.stub("s3:PutObject", func(_ awswire.Identity, params jsonvalue.Value) (jsonvalue.Value, error) {
		body, err := base64.StdEncoding.DecodeString(text(member(params, "Body")))
		objects[text(member(params, "Key"))] = string(body)
		return jsonvalue.NewObject(), err
	})
	w.stub("s3:ListObjectsV2", func(_ awswire.Identity, params jsonvalue.Value) (jsonvalue.Value, error) {
		if text(member(params, "ContinuationToken")) == "" {
			return jsonvalue.MustParse(`{"Contents":[{"Key":"p/1","ETag":"\"e\"","LastModified":1668699881,"Size":4,"StorageClass":"STANDARD"}],"IsTruncated":true,"NextContinuationToken":"t"}`), nil
		}
		return jsonvalue.MustParse(`{"Contents":[{"Key":"p/2","ETag":"\"f\"","LastModified":1668699882.5,"Size":5,"StorageClass":"STANDARD"}],"IsTruncated":false}`), nil
	})
}

// distributed is a machine of one distributed Map with further fields, whose
// children pass what they get.
func distributed(fields string) string {
	return `{"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}},` + fields + `"End":true}}}`
}

func reading(inputType, more string) string {
	return `"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"` + inputType + `"` + more + `},"Parameters":{"Bucket":"b","Key.$":"$.key"}},`
}

func gzipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.String()
}

func TestItemReaders(t *testing.T) {
	objects := map[string]string{
		"csv":      "Col1,Col2,Col3\nValue1,Value2,Value3\n,,,\ntrue,1,'Hello'\nNull,None,\n   \n",
		"short":    "H1,\nValue4,Value5,Value6\n",
		"pipe":     "a|b\n1|\"2|3\"\n",
		"json":     `[{"a":1},{"a":2.0},3]`,
		"inner":    `{"data":{"items":[1,2]}}`,
		"jsonl":    "{\"a\":1}\n\n[2]\n",
		"bad":      `{`,
		"object":   `{"a":1}`,
		"empty":    ``,
		"manifest": `{"sourceBucket":"s","destinationBucket":"arn:aws:s3:::b","fileFormat":"CSV","fileSchema":"Bucket, Key, Size","files":[{"key":"inventory.gz"}]}`,

		"inventory.gz": gzipped("\"s\",\"one\",\"1\"\n\"s\",\"two\",\"2\"\n"),
		"athena":       "s3://b/json.jsonl\ns3://b/more.csv\n",
		"json.jsonl":   "{\"x\":1}\n",
		"more.csv":     "y\n2\n",
		"p/1":          `[1]`,
		"p/2":          `[2,3]`,
	}
	listing := func(more string) string {
		return `"ItemReader":{"Resource":"arn:aws:states:::s3:listObjectsV2",` + more + `"Parameters":{"Bucket":"b","Prefix":"p/"}},`
	}
	w := newWorld(t)
	w.bucket(objects)
	for _, c := range []struct{ name, key, fields, want string }{
		{"csv", "csv", reading("CSV", `,"CSVHeaderLocation":"FIRST_ROW"`), `SUCCEEDED [{"Col1":"Value1","Col2":"Value2","Col3":"Value3"},{"Col1":"","Col2":"","Col3":""},{"Col1":"true","Col2":"1","Col3":"'Hello'"},{"Col1":"Null","Col2":"None","Col3":""},{"Col1":"   ","Col2":"","Col3":""}]`},
		{"given headers", "short", reading("CSV", `,"CSVHeaderLocation":"GIVEN","CSVHeaders":["x"]`), `SUCCEEDED [{"x":"H1"},{"x":"Value4"}]`},
		{"empty header", "short", reading("CSV", `,"CSVHeaderLocation":"FIRST_ROW"`), `SUCCEEDED [{"H1":"Value4","":"Value5"}]`},
		{"delimiter", "pipe", reading("CSV", `,"CSVHeaderLocation":"FIRST_ROW","CSVDelimiter":"PIPE"`), `SUCCEEDED [{"a":"1","b":"2|3"}]`},
		{"json", "json", reading("JSON", ""), `SUCCEEDED [{"a":1},{"a":2.0},3]`},
		{"at most", "json", reading("JSON", `,"MaxItems":2`), `SUCCEEDED [{"a":1},{"a":2.0}]`},
		{"json lines", "jsonl", reading("JSONL", ""), `SUCCEEDED [{"a":1},[2]]`},
		{"not json", "bad", reading("JSON", ""), `FAILED States.ItemReaderFailed The object is not JSON: line 1, column 2: the text ends before the value does`},
		{"no array", "object", reading("JSON", ""), `FAILED States.ItemReaderFailed Attempting to map over non-iterable node.`},
		{"nothing", "empty", reading("CSV", `,"CSVHeaderLocation":"FIRST_ROW"`), `SUCCEEDED []`},
		{"inventory", "manifest", reading("MANIFEST", `,"ManifestType":"S3_INVENTORY"`), `SUCCEEDED [{"Bucket":"s","Key":"one","Size":"1"},{"Bucket":"s","Key":"two","Size":"2"}]`},
		{"gone", "gone", reading("JSON", ""), `FAILED States.ItemReaderFailed The specified key does not exist. (Service: Amazon S3; Status Code: 404; Error Code: NoSuchKey; Request ID: ID; S3 Extended Request ID: ID; Proxy: null)`},
		{"listing", "", listing(""), `SUCCEEDED [{"Etag":"\"e\"","Key":"p/1","LastModified":1668699881,"Size":4,"StorageClass":"STANDARD"},{"Etag":"\"f\"","Key":"p/2","LastModified":1668699882,"Size":5,"StorageClass":"STANDARD"}]`},
		{"selected", "json", reading("JSON", "") + `"ItemSelector":{"i.$":"$$.Map.Item.Index","v.$":"$$.Map.Item.Value","k.$":"$.key"},"ItemBatcher":{"MaxItemsPerBatch":2,"BatchInput":{"b":true}},`,
			`SUCCEEDED [{"BatchInput":{"b":true},"Items":[{"i":0,"v":{"a":1},"k":"json"},{"i":1,"v":{"a":2.0},"k":"json"}]},{"BatchInput":{"b":true},"Items":[{"i":2,"v":3,"k":"json"}]}]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.T = t
			m := w.machine("m", distributed(c.fields))
			defer w.drop(m)
			w.expect(c.want, uuids.ReplaceAllString(w.run(m, fmt.Sprintf(`{"key":%q}`, c.key)), "ID"))
		})
	}
}

func TestResultWriter(t *testing.T) {
	objects := map[string]string{}
	w := newWorld(t)
	w.bucket(objects)
	m := w.machine("m", distributed(`"Label":"L","ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"b","Prefix":"out"}},`))
	arn := w.start(m, `[1,2]`)
	got := w.finish(arn)
	runs, err := w.ListMapRuns(t.Context(), &sfn.ListMapRunsInput{ExecutionArn: &arn})
	if err != nil || len(runs.MapRuns) != 1 {
		t.Fatal(runs, err)
	}
	run := *runs.MapRuns[0].MapRunArn
	id := run[strings.LastIndexByte(run, ':')+1:]
	w.expect(`SUCCEEDED {"MapRunArn":"`+run+`","ResultWriterDetails":{"Bucket":"b","Key":"out/`+id+`/manifest.json"}}`, verdict(got))
	w.expect(`{"DestinationBucket":"b","MapRunArn":"`+run+`","ResultFiles":{"FAILED":[],"PENDING":[],"SUCCEEDED":[{"Key":"out/`+id+`/SUCCEEDED_0.json","Size":`+fmt.Sprint(len(objects["out/"+id+"/SUCCEEDED_0.json"]))+`}]}}`, objects["out/"+id+"/manifest.json"])
	results := jsonvalue.MustParse(objects["out/"+id+"/SUCCEEDED_0.json"]).([]any)
	w.expect("2 1 SUCCEEDED", fmt.Sprint(len(results), " ", member(results[0], "Output"), " ", member(results[1], "Status")))
	w.expect("ExecutionStarted MapStateEntered MapStateStarted MapRunStarted MapRunSucceeded MapStateSucceeded MapStateExited ExecutionSucceeded", w.history(arn))

	list, err := w.ListExecutions(t.Context(), &sfn.ListExecutionsInput{MapRunArn: &run})
	if err != nil || len(list.Executions) != 2 {
		t.Fatal(list, err)
	}
	child := w.describe(*list.Executions[0].ExecutionArn)
	w.expect(run+" "+prefix+"stateMachine:m/L", *child.MapRunArn+" "+*child.StateMachineArn)
	w.expect("ExecutionStarted PassStateEntered PassStateExited ExecutionSucceeded", w.history(*child.ExecutionArn))
	of, err := w.DescribeStateMachineForExecution(t.Context(), &sfn.DescribeStateMachineForExecutionInput{ExecutionArn: child.ExecutionArn})
	if err != nil || *of.Label != "L" || *of.MapRunArn != run {
		t.Error(of, err)
	}
}

// failing is a distributed Map over functions that fail for odd numbers.
func (w *world) failing(fields, more string) string {
	f := w.function("odd", func(event string) (string, error) {
		if strings.ContainsAny(event, "13579") {
			return "", errors.New(`{"errorType":"Odd"}`)
		}
		return event, nil
	})
	return w.machine("m", fmt.Sprintf(`{"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"},"StartAt":"F","States":{"F":{"Type":"Task","Resource":%q,"End":true}}},%s"End":true}%s}}`, f, fields, more))
}

func TestToleratedFailures(t *testing.T) {
	for _, c := range []struct{ fields, more, want string }{
		{``, ``, `FAILED States.ExceedToleratedFailureThreshold The specified tolerated failure threshold was exceeded`},
		{`"ToleratedFailureCount":1,`, ``, `FAILED States.ExceedToleratedFailureThreshold The specified tolerated failure threshold was exceeded`},
		{`"ToleratedFailureCount":2,`, ``, `SUCCEEDED [0,2]`},
		{`"ToleratedFailurePercentage":50,`, ``, `SUCCEEDED [0,2]`},
		{`"ToleratedFailurePercentage":49,"Catch":[{"ErrorEquals":["States.ExceedToleratedFailureThreshold"],"Next":"C"}],`, `,"C":{"Type":"Pass","Result":"caught","End":true}`, `SUCCEEDED "caught"`},
	} {
		w := newWorld(t)
		m := w.failing(c.fields, c.more)
		w.expect(c.want, w.run(m, `[0,1,2,3]`))
	}
}

// TestMapRunSurvives kills the service while half of the children wait.
func TestMapRunSurvives(t *testing.T) {
	w := newWorld(t)
	var calls atomic.Int32
	f := w.function("f", func(event string) (string, error) { calls.Add(1); return event, nil })
	m := w.machine("m", fmt.Sprintf(`{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":3,"Label":"L","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":10,"Next":"F"},"F":{"Type":"Task","Resource":%q,"End":true}}},"End":true}}}`, f))
	arn := w.start(m, `[0,1,2,3,4,5,6,7,8,9]`)
	for range 3 {
		w.pass(7 * time.Second)
		w.crash()
	}
	runs, err := w.ListMapRuns(t.Context(), &sfn.ListMapRunsInput{ExecutionArn: &arn})
	if err != nil {
		t.Fatal(err)
	}
	w.pass(time.Second)
	run, err := w.DescribeMapRun(t.Context(), &sfn.DescribeMapRunInput{MapRunArn: runs.MapRuns[0].MapRunArn})
	if err != nil {
		t.Fatal(err)
	}
	w.expect("RUNNING 10 6 3 1", fmt.Sprint(run.Status, " ", run.ItemCounts.Total, " ", run.ItemCounts.Succeeded, " ", run.ItemCounts.Running, " ", run.ItemCounts.Pending))
	w.expect("SUCCEEDED [0,1,2,3,4,5,6,7,8,9]", verdict(w.finish(arn)))
	w.expect("10", fmt.Sprint(calls.Load()))
}

// TestAChildEndsBeforeItsMapRunBegins: at a start, a child that is taken up may end
// before its map run is: that must not look as if nothing were left to do.
func TestAChildEndsBeforeItsMapRunBegins(t *testing.T) {
	w := newWorld(t)
	rec := &mapRecord{ARN: prefix + "mapRun:m/L:1", Status: interp.Running}
	m := w.service.openMapRun(rec, 0)
	if err := m.turn([]mapMessage{{ended: &record{MapRun: rec.ARN}}}); err != nil {
		t.Fatal(err)
	}
	if have, err := w.service.loadMapRun(rec.ARN); err == nil {
		t.Errorf("the map run is %s already", have.Status)
	}
	if w.service.mapRun(rec.ARN) != m {
		t.Error("the map run is not under way any more")
	}
}

func TestMapRunIsRedriven(t *testing.T) {
	for _, kind := range []string{"STANDARD", "EXPRESS"} {
		w := newWorld(t)
		var calls atomic.Int32
		broken := true
		f := w.function("f", func(event string) (string, error) {
			calls.Add(1)
			if broken && event == "2" {
				return "", errors.New(`{"errorType":"Broken"}`)
			}
			return event, nil
		})
		m := w.machine("m", fmt.Sprintf(`{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":1,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":%q},"StartAt":"F","States":{"F":{"Type":"Task","Resource":%q,"End":true}}},"End":true}}}`, kind, f))
		arn := w.start(m, `[1,2,3]`)
		w.expect("FAILED States.ExceedToleratedFailureThreshold The specified tolerated failure threshold was exceeded", verdict(w.finish(arn)))
		broken = false
		w.crash()
		if _, err := w.RedriveExecution(t.Context(), &sfn.RedriveExecutionInput{ExecutionArn: &arn}); err != nil {
			t.Fatal(err)
		}
		w.expect("SUCCEEDED [1,2,3]", verdict(w.finish(arn)))
		w.expect("4", fmt.Sprint(calls.Load()))
	}
}

func TestStoppingEndsTheMapRun(t *testing.T) {
	w := newWorld(t)
	m := w.machine("m", `{"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1000,"End":true}}},"End":true}}}`)
	arn := w.start(m, `[1,2,3]`)
	w.pass(time.Second)
	runs, _ := w.ListMapRuns(t.Context(), &sfn.ListMapRunsInput{ExecutionArn: &arn})
	run := runs.MapRuns[0].MapRunArn
	if _, err := w.UpdateMapRun(t.Context(), &sfn.UpdateMapRunInput{MapRunArn: run, MaxConcurrency: aws.Int32(7)}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &arn}); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Second)
	out, err := w.DescribeMapRun(t.Context(), &sfn.DescribeMapRunInput{MapRunArn: run})
	if err != nil {
		t.Fatal(err)
	}
	w.expect("ABORTED 3 7", fmt.Sprint(out.Status, " ", out.ExecutionCounts.Aborted, " ", out.MaxConcurrency))
	list, _ := w.ListExecutions(t.Context(), &sfn.ListExecutionsInput{MapRunArn: run, StatusFilter: types.ExecutionStatusAborted})
	w.expect("3", fmt.Sprint(len(list.Executions)))
	_, err = w.UpdateMapRun(t.Context(), &sfn.UpdateMapRunInput{MapRunArn: run, MaxConcurrency: aws.Int32(7)})
	w.refused(err, "ValidationException")
}

// TestMapRunNeedsPermissions: the machine's role starts the children and redrives
// the standard ones, and both may be denied.
func TestMapRunNeedsPermissions(t *testing.T) {
	var mu sync.Mutex
	denied, asked := "", map[string]string{}
	w := newWorld(t, func(c *Config) {
		c.Allow = func(_ context.Context, _ awswire.Identity, a awswire.Access) error {
			mu.Lock()
			defer mu.Unlock()
			asked[a.Action] = a.Resource
			if a.Action == denied {
				return errors.New("not " + a.Action)
			}
			return nil
		}
	})
	deny := func(action string) { mu.Lock(); denied = action; mu.Unlock() }
	var calls atomic.Int32
	broken := true
	f := w.function("f", func(event string) (string, error) {
		if calls.Add(1); broken {
			return "", errors.New(`{"errorType":"Broken"}`)
		}
		return event, nil
	})
	m := w.machine("m", fmt.Sprintf(`{"StartAt":"M","States":{"M":{"Type":"Map","Label":"l","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"F","States":{"F":{"Type":"Task","Resource":%q,"End":true}}},"End":true}}}`, f))
	deny("states:StartExecution")
	arn := w.start(m, `[1]`)
	w.expect("FAILED States.Permissions not states:StartExecution", verdict(w.finish(arn)))
	w.expect(m+" 0", asked["states:StartExecution"]+fmt.Sprint(" ", calls.Load()))
	redrive := func(want string) {
		t.Helper()
		if _, err := w.RedriveExecution(t.Context(), &sfn.RedriveExecutionInput{ExecutionArn: &arn}); err != nil {
			t.Fatal(err)
		}
		w.expect(want, verdict(w.finish(arn)))
	}
	deny("")
	redrive("FAILED States.ExceedToleratedFailureThreshold The specified tolerated failure threshold was exceeded")
	broken = false
	deny("states:RedriveExecution")
	redrive("FAILED States.Permissions not states:RedriveExecution")
	if !strings.Contains(asked["states:RedriveExecution"], ":execution:m/l:") {
		t.Error(asked)
	}
	deny("")
	redrive("SUCCEEDED [1]")
	w.expect("2", fmt.Sprint(calls.Load()))
}
