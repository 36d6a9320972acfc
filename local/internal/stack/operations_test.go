package stack

// This file calls every operation that the local AWS offers by its client in the
// Go SDK, from the script testdata/operations.txt. .ci/cli does the same with the
// AWS CLI.

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/stepworks/stepworks/local/internal/clock"
)

// notPublic are operations that services of the local AWS offer each other.
var notPublic = []string{"events InvokeApiDestination", "events RetrieveConnectionCredentials"}

func sdkClients(url string, way http.RoundTripper) map[string]any {
	c := aws.Config{HTTPClient: &http.Client{Transport: way}, Retryer: func() aws.Retryer { return aws.NopRetryer{} }, Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "secret", ""),
		APIOptions: []func(*middleware.Stack) error{func(s *middleware.Stack) error {
			return s.Initialize.Add(middleware.InitializeMiddlewareFunc("onOneHost", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
			}), middleware.Before)
		}}}
	return map[string]any{"cloudformation": cloudformation.NewFromConfig(c), "cloudwatch": cloudwatch.NewFromConfig(c), "logs": cloudwatchlogs.NewFromConfig(c),
		"dynamodb": dynamodb.NewFromConfig(c), "dynamodbstreams": dynamodbstreams.NewFromConfig(c), "events": eventbridge.NewFromConfig(c), "iam": iam.NewFromConfig(c),
		"lambda": lambda.NewFromConfig(c), "s3": s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true }), "scheduler": scheduler.NewFromConfig(c),
		"secretsmanager": secretsmanager.NewFromConfig(c), "states": sfn.NewFromConfig(c), "sns": sns.NewFromConfig(c), "sqs": sqs.NewFromConfig(c),
		"ssm": ssm.NewFromConfig(c), "sts": sts.NewFromConfig(c)}
}

// scriptLine is SERVICE OPERATION INPUT, what it must end in, and what to remember.
var scriptLine = regexp.MustCompile(`^(\w+) (\w+) (\{.*?\})(?: ! (\w+))?(?: until (\S+)=(\S+))?(?: => (.*))?$`)

func TestEveryOperation(t *testing.T) {
	s, err := Start(t.Context(), Options{Account: account, Region: "us-east-1", Memory: true, Clock: clock.Real(), Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	p := newPlayer(t, sdkClients(s.URL(), http.DefaultTransport))
	called := slices.Clone(notPublic)
	for at, m := range scriptLines(t) {
		p.play(at, m)
		called = append(called, m[1]+" "+m[2])
	}
	for name, service := range s.wire.Services() {
		for _, op := range service.Operations {
			if !slices.Contains(called, name+" "+op.Name) {
				t.Errorf("%s %s is offered and not in operations.txt", name, op.Name)
			}
		}
	}
}

// scriptLines are the lines of operations.txt, each with its place, matched.
func scriptLines(t testing.TB) iter.Seq2[string, []string] {
	text, err := os.ReadFile("testdata/operations.txt")
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func(string, []string) bool) {
		for i, line := range strings.Split(string(text), "\n") {
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			m := scriptLine.FindStringSubmatch(line)
			if m == nil {
				t.Fatalf("operations.txt:%d: not SERVICE OPERATION {INPUT}", i+1)
			}
			if !yield(fmt.Sprintf("operations.txt:%d: %s %s", i+1, m[1], m[2]), m) {
				return
			}
		}
	}
}

func newPlayer(t testing.TB, clients map[string]any) *player {
	p := &player{TB: t, clients: clients, known: map[string]string{"now": strconv.FormatInt(time.Now().UnixMilli(), 10), "zip": emptyFunction(t), "architecture": map[string]string{"arm64": "arm64"}[runtime.GOARCH]}}
	if p.known["architecture"] == "" {
		p.known["architecture"] = "x86_64"
	}
	return p
}

// emptyFunction is a zip with a bootstrap that nobody starts.
func emptyFunction(t testing.TB) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.CreateHeader(&zip.FileHeader{Name: "bootstrap", ExternalAttrs: 0o755 << 16})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(f, "#!/bin/sh\n") // a bytes.Buffer does not fail
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// player calls what a line says.
type player struct {
	testing.TB
	clients map[string]any
	known   map[string]string
}

// params are a line's input, with what is known by now.
func (p *player) params(at string, m []string) (params any) {
	p.Helper()
	text := os.Expand(m[3], func(name string) string {
		if name, ok := strings.CutSuffix(name, ":json"); ok {
			quoted, _ := json.Marshal(p.known[name]) // a string has a JSON form
			return string(quoted)
		}
		return p.known[name]
	})
	if err := json.Unmarshal([]byte(text), &params); err != nil {
		p.Fatalf("%s: %v", at, err)
	}
	return params
}

func (p *player) play(at string, m []string) {
	p.Helper()
	params := p.params(at, m)
	for range 400 { // a deployment takes a moment
		out, err := p.call(m[1], m[2], params)
		var e smithy.APIError
		switch {
		case m[4] != "" && (!errors.As(err, &e) || e.ErrorCode() != m[4]):
			p.Errorf("%s: got %v, want %s", at, err, m[4])
		case m[4] == "" && err != nil:
			p.Errorf("%s: %v", at, err)
			return
		case m[5] != "" && find(out, m[5]) != m[6]:
			time.Sleep(5 * time.Millisecond) // real time: the operation is another's
			continue
		}
		for _, capture := range strings.Fields(m[7]) {
			name, path, _ := strings.Cut(capture, "=")
			if p.known[name] = find(out, path); p.known[name] == "" {
				p.Errorf("%s: the answer has no %s", at, path)
			}
		}
		return
	}
	p.Errorf("%s: %s never became %s", at, m[5], m[6])
}

func (p *player) call(service, operation string, params any) (any, error) {
	method := reflect.ValueOf(p.clients[service]).MethodByName(operation)
	if !method.IsValid() {
		return nil, fmt.Errorf("the SDK has no %s", operation)
	}
	in := reflect.New(method.Type().In(1).Elem())
	if err := setFrom(in.Elem(), params); err != nil {
		return nil, err
	}
	got := method.Call([]reflect.Value{reflect.ValueOf(p.Context()), in})
	err, _ := got[1].Interface().(error)
	return got[0].Interface(), err
}

// setFrom sets an SDK's input from JSON as the AWS CLI takes it.
func setFrom(dst reflect.Value, src any) error {
	switch v := src.(type) {
	case map[string]any:
		switch dst.Kind() {
		case reflect.Struct:
			return fillStruct(dst, v)
		case reflect.Map:
			dst.Set(reflect.MakeMap(dst.Type()))
			for name, member := range v {
				item := reflect.New(dst.Type().Elem()).Elem()
				if err := setFrom(item, member); err != nil {
					return err
				}
				dst.SetMapIndex(reflect.ValueOf(name).Convert(dst.Type().Key()), item)
			}
			return nil
		case reflect.Interface:
			return fillAttribute(dst, v)
		}
	case []any:
		if dst.Kind() == reflect.Slice {
			dst.Set(reflect.MakeSlice(dst.Type(), len(v), len(v)))
			for i := range v {
				if err := setFrom(dst.Index(i), v[i]); err != nil {
					return err
				}
			}
			return nil
		}
	}
	if dst.Kind() == reflect.Pointer {
		dst.Set(reflect.New(dst.Type().Elem()))
		return setFrom(dst.Elem(), src)
	}
	if text, ok := src.(string); ok && dst.Kind() == reflect.Interface {
		dst.Set(reflect.ValueOf(strings.NewReader(text)))
		return nil
	}
	text, err := json.Marshal(src)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, dst.Addr().Interface())
}

func fillStruct(dst reflect.Value, members map[string]any) error {
	for name, member := range members {
		field := dst.FieldByNameFunc(func(n string) bool { return strings.EqualFold(n, name) })
		if !field.IsValid() {
			return fmt.Errorf("%s has no %s", dst.Type(), name)
		}
		if err := setFrom(field, member); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// fillAttribute sets the one union of these APIs: an attribute of an item.
func fillAttribute(dst reflect.Value, v map[string]any) error {
	forms := map[string]any{"S": &ddb.AttributeValueMemberS{}, "N": &ddb.AttributeValueMemberN{}, "BOOL": &ddb.AttributeValueMemberBOOL{}, "NULL": &ddb.AttributeValueMemberNULL{},
		"L": &ddb.AttributeValueMemberL{}, "M": &ddb.AttributeValueMemberM{}, "SS": &ddb.AttributeValueMemberSS{}}
	for name, value := range v {
		form := reflect.ValueOf(forms[name])
		if !form.IsValid() {
			return fmt.Errorf("no attribute is %s", name)
		}
		dst.Set(form)
		return setFrom(form.Elem().FieldByName("Value"), value)
	}
	return errors.New("an attribute has one type")
}

// find returns a member of an answer by its path, as text.
func find(out any, path string) string {
	v := reflect.ValueOf(out)
	for name := range strings.SplitSeq(path, ".") {
		for v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		switch {
		case v.Kind() == reflect.Struct:
			v = v.FieldByNameFunc(func(n string) bool { return strings.EqualFold(n, name) })
		case v.Kind() == reflect.Slice && v.Len() > 0:
			v = v.Index(0)
		default:
			return ""
		}
	}
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if !v.IsValid() {
		return ""
	}
	return fmt.Sprint(v.Interface())
}
