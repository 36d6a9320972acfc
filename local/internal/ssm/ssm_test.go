package ssm

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/store"
)

type world struct {
	*testing.T
	*sdk.Client
}

func newWorld(t *testing.T) world {
	st, clk := store.Memory(), clock.NewVirtual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 0)
	h := httptest.NewServer(awswire.NewServer(awswire.Config{Account: "123456789012", Region: "us-east-1", Clock: clk},
		New(Config{Account: "123456789012", Region: "us-east-1", Store: st, Clock: clk}).API()))
	t.Cleanup(func() { h.Close(); _ = st.Close() })
	return world{t, sdk.New(sdk.Options{Region: "us-east-1", BaseEndpoint: &h.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})}
}

func codeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return fmt.Sprint(err)
}

// put answers with the version, or the code of the error.
func (w world) put(name, value string, change ...func(*sdk.PutParameterInput)) string {
	in := &sdk.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString}
	for _, f := range change {
		f(in)
	}
	out, err := w.PutParameter(w.Context(), in)
	if err != nil {
		return codeOf(err)
	}
	return fmt.Sprint(out.Version)
}

func overwrite(in *sdk.PutParameterInput) { in.Overwrite = aws.Bool(true) }
func secret(in *sdk.PutParameterInput)    { in.Type = types.ParameterTypeSecureString }
func allowing(pattern string) func(*sdk.PutParameterInput) {
	return func(in *sdk.PutParameterInput) { in.AllowedPattern = &pattern }
}

func (w world) get(name string) string {
	out, err := w.GetParameter(w.Context(), &sdk.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
	if err != nil {
		return codeOf(err)
	}
	return fmt.Sprintf("%s=%s v%d%s", *out.Parameter.Name, *out.Parameter.Value, out.Parameter.Version, aws.ToString(out.Parameter.Selector))
}

func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

func TestPutIsChecked(t *testing.T) {
	w := newWorld(t)
	list := func(in *sdk.PutParameterInput) { in.Type = types.ParameterTypeStringList }
	for _, c := range []struct {
		name, value, want string
		change            []func(*sdk.PutParameterInput)
	}{
		{"a", "1", "1", nil},
		{"a", "2", "ParameterAlreadyExists", nil},
		{"a", "2", "2", []func(*sdk.PutParameterInput){overwrite}},
		{"a", "2", "HierarchyTypeMismatchException", []func(*sdk.PutParameterInput){overwrite, secret}},
		{"b", "x", "ParameterPatternMismatchException", []func(*sdk.PutParameterInput){allowing("[0-9]+")}},
		{"b", "1", "InvalidAllowedPatternException", []func(*sdk.PutParameterInput){allowing("[")}},
		{"l", "1,2", "1", []func(*sdk.PutParameterInput){list, allowing("[0-9]")}},
		{"l", "1,x", "ParameterPatternMismatchException", []func(*sdk.PutParameterInput){list, overwrite}},
		{"none", "1", "ValidationException", []func(*sdk.PutParameterInput){func(in *sdk.PutParameterInput) { in.Type = "" }}},
		{"big", strings.Repeat("x", 4097), "ValidationException", nil},
		{"big", strings.Repeat("x", 4097), "1", []func(*sdk.PutParameterInput){func(in *sdk.PutParameterInput) { in.Tier = types.ParameterTierIntelligentTiering }}},
		{"a b", "1", "ValidationException", nil},
		{"a/b", "1", "ValidationException", nil},
		{"/a/", "1", "ValidationException", nil},
		{"awsname", "1", "AccessDeniedException", nil},
		{"/ssm/x", "1", "AccessDeniedException", nil},
		{strings.Repeat("/a", 16), "1", "HierarchyLevelLimitExceededException", nil},
		{"policy", "1", "InvalidPolicyTypeException", []func(*sdk.PutParameterInput){func(in *sdk.PutParameterInput) { in.Policies = aws.String("[]") }}},
	} {
		expect(t, c.name+" "+c.value[:1], w.put(c.name, c.value, c.change...), c.want)
	}
}

func TestVersionsAndLabels(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	for _, v := range []string{"one", "two", "three"} {
		w.put("/app/p", v, overwrite)
	}
	label := func(version int64, labels ...string) string {
		out, err := w.LabelParameterVersion(ctx, &sdk.LabelParameterVersionInput{Name: aws.String("/app/p"), ParameterVersion: &version, Labels: labels})
		if err != nil {
			return codeOf(err)
		}
		return fmt.Sprint(out.InvalidLabels)
	}
	expect(t, "label", label(1, "prod", "awsx", "1st"), "[awsx 1st]")
	expect(t, "move", label(2, "prod"), "[]")
	expect(t, "no version", label(9, "prod"), "ParameterVersionNotFound")
	for id, want := range map[string]string{"/app/p": "/app/p=three v3", "/app/p:1": "/app/p=one v1:1", "/app/p:prod": "/app/p=two v2:prod", "/app/p:none": "ParameterVersionNotFound",
		"arn:aws:ssm:us-east-1:123456789012:parameter/app/p:2": "/app/p=two v2:2", "gone": "ParameterNotFound"} {
		expect(t, id, w.get(id), want)
	}
	out, err := w.UnlabelParameterVersion(ctx, &sdk.UnlabelParameterVersionInput{Name: aws.String("/app/p"), ParameterVersion: aws.Int64(2), Labels: []string{"prod", "x"}})
	if err != nil || fmt.Sprint(out.RemovedLabels, out.InvalidLabels) != "[prod] [x]" {
		t.Error(out, err)
	}
	var versions []string
	for p := sdk.NewGetParameterHistoryPaginator(w, &sdk.GetParameterHistoryInput{Name: aws.String("/app/p"), MaxResults: aws.Int32(2)}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range page.Parameters {
			versions = append(versions, fmt.Sprintf("%d %s", h.Version, *h.Value))
		}
		versions = append(versions, "|")
	}
	expect(t, "history", strings.Join(versions, " "), "1 one 2 two | 3 three |")
	for range maxVersions {
		w.put("/app/p", "more", overwrite)
	}
	expect(t, "the oldest is gone", w.get("/app/p:3"), "ParameterVersionNotFound")
	label(4, "keep")
	expect(t, "a labelled one stays", w.put("/app/p", "x", overwrite), "ParameterMaxVersionLimitExceeded")
}

func TestSecretsAreShownOnRequestAlone(t *testing.T) {
	w := newWorld(t)
	w.put("key", "hidden", secret)
	out, err := w.GetParameters(t.Context(), &sdk.GetParametersInput{Names: []string{"key", "none"}})
	if err != nil || len(out.Parameters) != 1 || strings.Contains(*out.Parameters[0].Value, "hidden") || fmt.Sprint(out.InvalidParameters) != "[none]" {
		t.Error(out, err)
	}
	expect(t, "decrypted", w.get("key"), "key=hidden v1")
}

func TestPathsAndFilters(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	for _, name := range []string{"/app/a", "/app/b", "/app/db/host", "/apple", "top"} {
		w.put(name, "v")
	}
	if _, err := w.AddTagsToResource(ctx, &sdk.AddTagsToResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String("/app/b"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("x")}}}); err != nil {
		t.Fatal(err)
	}
	byPath := func(path string, recursive bool) string {
		var names []string
		for p := sdk.NewGetParametersByPathPaginator(w, &sdk.GetParametersByPathInput{Path: &path, Recursive: &recursive, MaxResults: aws.Int32(2)}); p.HasMorePages(); {
			page, err := p.NextPage(ctx)
			if err != nil {
				return codeOf(err)
			}
			for _, x := range page.Parameters {
				names = append(names, *x.Name)
			}
		}
		return strings.Join(names, " ")
	}
	expect(t, "direct", byPath("/app", false), "/app/a /app/b")
	expect(t, "recursive", byPath("/app/", true), "/app/a /app/b /app/db/host")
	expect(t, "all", byPath("/", true), "/app/a /app/b /app/db/host /apple top")
	expect(t, "no path", byPath("app", true), "ValidationException")
	described := func(key, option string, values ...string) string {
		f := types.ParameterStringFilter{Key: &key, Values: values}
		if option != "" {
			f.Option = &option
		}
		out, err := w.DescribeParameters(ctx, &sdk.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{f}})
		if err != nil {
			return codeOf(err)
		}
		var names []string
		for _, x := range out.Parameters {
			names = append(names, *x.Name)
		}
		return strings.Join(names, " ")
	}
	expect(t, "begins", described("Name", "BeginsWith", "/app"), "/app/a /app/b /app/db/host /apple")
	expect(t, "tagged", described("tag:team", "", "x"), "/app/b")
	expect(t, "path", described("Path", "Recursive", "/app/db"), "/app/db/host")
	expect(t, "key", described("Colour", "", "x"), "InvalidFilterKey")
	expect(t, "option", described("Name", "Near", "x"), "InvalidFilterOption")
	deleted, err := w.DeleteParameters(ctx, &sdk.DeleteParametersInput{Names: []string{"top", "none"}})
	if err != nil || fmt.Sprint(deleted.DeletedParameters, deleted.InvalidParameters) != "[top] [none]" {
		t.Error(deleted, err)
	}
	_, err = w.DeleteParameter(ctx, &sdk.DeleteParameterInput{Name: aws.String("top")})
	expect(t, "again", codeOf(err), "ParameterNotFound")
}

func TestTags(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	w.put("a", "1", func(in *sdk.PutParameterInput) {
		in.Tags = []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}, {Key: aws.String("l"), Value: aws.String("w")}}
	})
	parameter := types.ResourceTypeForTaggingParameter
	if _, err := w.RemoveTagsFromResource(ctx, &sdk.RemoveTagsFromResourceInput{ResourceType: parameter, ResourceId: aws.String("a"), TagKeys: []string{"k"}}); err != nil {
		t.Fatal(err)
	}
	out, err := w.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceType: parameter, ResourceId: aws.String("a")})
	if err != nil || len(out.TagList) != 1 || *out.TagList[0].Key != "l" {
		t.Error(out, err)
	}
	_, err = w.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceType: parameter, ResourceId: aws.String("none")})
	expect(t, "of nothing", codeOf(err), "InvalidResourceId")
	_, err = w.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceType: types.ResourceTypeForTaggingDocument, ResourceId: aws.String("a")})
	expect(t, "of a document", codeOf(err), "InvalidResourceType")
}
