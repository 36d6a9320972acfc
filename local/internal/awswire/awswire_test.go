package awswire

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/smithy-go"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// The services of this test echo what they were sent, one for each protocol.

type describeIn struct {
	StateMachineArn string `json:"stateMachineArn" check:"required,min=1,max=8"`
}

type describeOut struct {
	StateMachineArn string `json:"stateMachineArn"`
	Name            string `json:"name"`
	CreationDate    Time   `json:"creationDate"`
}

type invokeIn struct {
	FunctionName   string `json:"FunctionName" http:"path"`
	InvocationType string `json:"InvocationType" http:"header=X-Amz-Invocation-Type"`
	Qualifier      string `json:"Qualifier" http:"query=Qualifier"`
	Payload        []byte `json:"Payload" http:"body"`
}

type invokeOut struct {
	StatusCode      int    `json:"StatusCode" http:"status"`
	ExecutedVersion string `json:"ExecutedVersion,omitzero" http:"header=X-Amz-Executed-Version"`
	Payload         []byte `json:"Payload" http:"body"`
}

type attribute struct {
	DataType    string `json:"DataType"`
	StringValue string `json:"StringValue"`
}

type publishIn struct {
	TopicArn          string               `json:"TopicArn"`
	MessageAttributes map[string]attribute `json:"MessageAttributes"`
}

type publishOut struct {
	MessageID string `json:"MessageId"`
}

type metricsIn struct {
	Namespace  string `json:"Namespace" check:"required"`
	MetricData []struct {
		MetricName string  `json:"MetricName"`
		Value      float64 `json:"Value"`
		Timestamp  Time    `json:"Timestamp"`
	} `json:"MetricData"`
}

type statsOut struct {
	Label      string      `json:"Label"`
	Datapoints []datapoint `json:"Datapoints"`
}

type datapoint struct {
	Timestamp Time    `json:"Timestamp"`
	Sum       float64 `json:"Sum"`
}

var noon = time.Date(2026, 1, 1, 12, 0, 0, 500e6, time.UTC)

type got struct {
	metrics *metricsIn
	attrs   map[string]attribute
	caller  string
}

func testServices(g *got) []Service {
	return []Service{
		{Name: "states", Protocol: JSON10, Target: "AWSStepFunctions", Operations: []Operation{
			Op("DescribeStateMachine", func(in *describeIn) []Access {
				return []Access{{Action: "states:DescribeStateMachine", Resource: in.StateMachineArn}}
			}, func(ctx context.Context, in *describeIn) (*describeOut, error) {
				g.caller = max(g.caller, CallerFrom(ctx).Role)
				if in.StateMachineArn == "panic" {
					panic("boom")
				}
				return &describeOut{in.StateMachineArn, "m", At(noon)}, nil
			})}},
		{Name: "lambda", Protocol: RESTJSON, Errors: map[string]int{"ResourceNotFoundException": 404}, Operations: []Operation{
			Op("Invoke", nil, func(_ context.Context, in *invokeIn) (*invokeOut, error) {
				if in.FunctionName == "gone" {
					return nil, Errorf("ResourceNotFoundException", "Function not found")
				}
				return &invokeOut{202, in.Qualifier, []byte(in.FunctionName + in.InvocationType + string(in.Payload))}, nil
			}).At("POST", "/2015-03-31/functions/{FunctionName}/invocations")}},
		{Name: "sns", Protocol: Query, Namespace: "http://sns.amazonaws.com/doc/2010-03-31/", Operations: []Operation{
			Op("Publish", nil, func(_ context.Context, in *publishIn) (*publishOut, error) {
				g.attrs = in.MessageAttributes
				return &publishOut{"<" + in.TopicArn + ">"}, nil
			})}},
		{Name: "cloudwatch", Signing: "monitoring", Target: "GraniteServiceVersion20100801", Operations: []Operation{
			Op("PutMetricData", nil, func(_ context.Context, in *metricsIn) (*struct{}, error) { g.metrics = in; return &struct{}{}, nil }),
			Op("GetMetricStatistics", nil, func(_ context.Context, in *struct{}) (*statsOut, error) {
				return &statsOut{"l", []datapoint{{At(noon), 2.5}}}, nil
			})}},
		{Name: "events", Protocol: JSON11, Target: "AWSEvents"},
	}
}

type fixedKeys struct{}

func (fixedKeys) Lookup(key string) (string, Identity, bool) {
	return "right", Identity{Account: "1", ARN: "arn:role", Role: "arn:role"}, key == "KNOWN"
}

type denyOther struct{}

func (denyOther) Authorize(_ context.Context, id Identity, a Access) error {
	if id.Role != "" && a.Resource != "mine" {
		return errors.New("User: " + id.ARN + " is not authorized to perform: " + a.Action)
	}
	return nil
}

func serve(t *testing.T, g *got) (*Server, func(key, secret string) aws.Config) {
	s := NewServer(Config{Account: "123456789012", Region: "us-east-1", Keys: fixedKeys{}, Authorizer: denyOther{}, Log: slog.New(slog.DiscardHandler)}, testServices(g)...)
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return s, func(key, secret string) aws.Config {
		return aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(h.URL), Credentials: credentials.NewStaticCredentialsProvider(key, secret, ""),
			RetryMaxAttempts: 1}
	}
}

func TestProtocolsThroughTheSDK(t *testing.T) {
	var g got
	_, config := serve(t, &g)
	ctx, cfg := context.Background(), config("any", "thing")

	d, err := sfn.NewFromConfig(cfg).DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: aws.String("mine")})
	if err != nil || *d.Name != "m" || !d.CreationDate.Equal(noon) {
		t.Errorf("JSON: %+v, %v", d, err)
	}
	i, err := lambda.NewFromConfig(cfg).Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("f"), Qualifier: aws.String("7"), InvocationType: "Event", Payload: []byte("{}")})
	if err != nil || i.StatusCode != 202 || string(i.Payload) != "fEvent{}" || *i.ExecutedVersion != "7" {
		t.Errorf("REST: %+v, %v", i, err)
	}
	p, err := sns.NewFromConfig(cfg).Publish(ctx, &sns.PublishInput{TopicArn: aws.String("a&b"), Message: aws.String("")})
	if err != nil || *p.MessageId != "<a&b>" {
		t.Errorf("Query: %+v, %v", p, err)
	}
	cw := cloudwatch.NewFromConfig(cfg)
	_, err = cw.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: aws.String("n"), MetricData: []cwtypes.MetricDatum{{MetricName: aws.String("m"), Value: aws.Float64(1.5), Timestamp: &noon}}})
	if err != nil || g.metrics == nil || g.metrics.MetricData[0].Value != 1.5 || !g.metrics.MetricData[0].Timestamp.Equal(noon) {
		t.Errorf("CBOR in: %+v, %v", g.metrics, err)
	}
	st, err := cw.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{Namespace: aws.String("n"), MetricName: aws.String("m"), Period: aws.Int32(60), StartTime: &noon, EndTime: &noon})
	if err != nil || *st.Datapoints[0].Sum != 2.5 || !st.Datapoints[0].Timestamp.Equal(noon) {
		t.Errorf("CBOR out: %+v, %v", st, err)
	}
}

func TestErrorsAsSDKsSeeThem(t *testing.T) {
	var g got
	_, config := serve(t, &g)
	ctx := context.Background()
	describe := func(key, secret, arn string) error {
		_, err := sfn.NewFromConfig(config(key, secret)).DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &arn})
		return err
	}
	for _, c := range []struct {
		name, code, text string
		err              error
	}{
		{"too long", "ValidationException", "Value '123456789' at 'stateMachineArn' failed to satisfy constraint: Member must have length less than or equal to 8", describe("any", "x", "123456789")},
		{"wrong secret", "InvalidSignatureException", "does not match", describe("KNOWN", "wrong", "mine")},
		{"denied", "AccessDeniedException", "arn:role is not authorized to perform: states:DescribeStateMachine", describe("KNOWN", "right", "yours")},
		{"allowed", "", "", describe("KNOWN", "right", "mine")},
		{"panic", "InternalFailure", "", describe("any", "x", "panic")},
		{"unknown operation", "UnknownOperationException", "events:ListRules", func() error {
			_, err := eventbridge.NewFromConfig(config("any", "x")).ListRules(ctx, &eventbridge.ListRulesInput{})
			return err
		}()},
		{"REST", "ResourceNotFoundException", "Function not found", func() error {
			_, err := lambda.NewFromConfig(config("any", "x")).Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("gone")})
			return err
		}()},
		{"Query", "InvalidAction", "ListTopics", func() error {
			_, err := sns.NewFromConfig(config("any", "x")).ListTopics(ctx, &sns.ListTopicsInput{})
			return err
		}()},
	} {
		var api smithy.APIError
		if !errors.As(c.err, &api) {
			if c.code != "" || c.err != nil {
				t.Errorf("%s: %v", c.name, c.err)
			}
			continue
		}
		if api.ErrorCode() != c.code || !strings.Contains(api.ErrorMessage(), c.text) {
			t.Errorf("%s: %s: %s", c.name, api.ErrorCode(), api.ErrorMessage())
		}
	}
}

func TestOperationsSeeTheirCaller(t *testing.T) {
	var g got
	_, config := serve(t, &g)
	_, err := sfn.NewFromConfig(config("KNOWN", "right")).DescribeStateMachine(context.Background(), &sfn.DescribeStateMachineInput{StateMachineArn: aws.String("mine")})
	if err != nil || g.caller != "arn:role" {
		t.Errorf("the operation saw %q, %v", g.caller, err)
	}
}

func TestUnsignedIsRefused(t *testing.T) {
	var g got
	s, _ := serve(t, &g)
	r := httptest.NewRequest("POST", "/", strings.NewReader(`{}`))
	r.Header.Set("X-Amz-Target", "AWSStepFunctions.DescribeStateMachine")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "MissingAuthenticationToken") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestEmptyBodiesAreContinued: who waits for 100 Continue gets it, whatever it is
// about to send.
func TestEmptyBodiesAreContinued(t *testing.T) {
	var g got
	s, _ := serve(t, &g)
	server := httptest.NewServer(s)
	defer server.Close()
	for _, length := range []string{"0", "2"} {
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, err = fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AWSStepFunctions.DescribeStateMachine\r\nExpect: 100-continue\r\nContent-Length: %s\r\n\r\n", length)
		if err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil || line != "HTTP/1.1 100 Continue\r\n" {
			t.Errorf("with a body of %s bytes the first answer is %q, %v", length, line, err)
		}
	}
}

func TestCallUsesTheSDKsNames(t *testing.T) {
	var g got
	s, _ := serve(t, &g)
	out, err := s.Call(context.Background(), Root("1"), "states", "DescribeStateMachine", jsonvalue.MustParse(`{"StateMachineArn":"mine"}`))
	if err != nil || jsonvalue.String(out) != `{"StateMachineArn":"mine","Name":"m","CreationDate":1767268800.5}` {
		t.Errorf("%s, %v", jsonvalue.String(out), err)
	}
	_, err = s.Call(context.Background(), Root("1"), "states", "DescribeStateMachine", jsonvalue.MustParse(`{"StateMachineArn":1}`))
	if CodeOf(err) != "SerializationException" {
		t.Errorf("a number as an ARN: %v", err)
	}
	_, err = s.Call(context.Background(), Root("1"), "sns", "Publish", jsonvalue.MustParse(`{"MessageAttributes":{"key":{"DataType":"String","StringValue":"v"}}}`))
	if err != nil || g.attrs["key"].StringValue != "v" {
		t.Errorf("map keys: %+v, %v", g.attrs, err)
	}
}

type named struct {
	Name string `json:"Name" check:"required,max=3"`
}

func TestChecksOfEmbeddedStructs(t *testing.T) {
	for _, c := range []struct {
		name, want string
	}{
		{"", "Value null at 'name' failed to satisfy constraint: Member must not be null"},
		{"long", "less than or equal to 3"},
		{"ok", ""},
	} {
		err := check(&struct{ named }{named{c.name}})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: %v", c.name, err)
		}
	}
}

func FuzzCBOR(f *testing.F) {
	f.Add([]byte{0xbf, 0x61, 'a', 0x9f, 1, 0xff, 0xff})
	f.Add([]byte{0xa1, 0x61, 'a', 0xc1, 0xfb, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		if v, err := (&cborReader{data: data}).value(0); err == nil {
			jsonvalue.Append(nil, v)
		}
	})
}
