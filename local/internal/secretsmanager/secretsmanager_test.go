package secretsmanager

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/store"
)

func client(t *testing.T) *sm.Client {
	st, clk := store.Memory(), clock.NewVirtual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 0)
	h := httptest.NewServer(awswire.NewServer(awswire.Config{Account: "123456789012", Region: "us-east-1", Clock: clk},
		New(Config{Account: "123456789012", Region: "us-east-1", Store: st, Clock: clk}).API()))
	t.Cleanup(func() { h.Close(); st.Close() })
	return sm.New(sm.Options{Region: "us-east-1", BaseEndpoint: &h.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})
}

func value(t *testing.T, c *sm.Client, id, stage string) string {
	t.Helper()
	in := &sm.GetSecretValueInput{SecretId: &id}
	if stage != "" {
		in.VersionStage = &stage
	}
	out, err := c.GetSecretValue(t.Context(), in)
	if err != nil {
		return codeOf(err)
	}
	return *out.SecretString
}

func codeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return "no API error"
}

func TestVersionsMoveTheirLabels(t *testing.T) {
	c, ctx := client(t), t.Context()
	made, err := c.CreateSecret(ctx, &sm.CreateSecretInput{Name: aws.String("app/key"), SecretString: aws.String("one"), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
	if err != nil {
		t.Fatal(err)
	}
	token := aws.String(strings.Repeat("t", 32))
	for range 2 { // the same token with the same value changes nothing
		if _, err := c.PutSecretValue(ctx, &sm.PutSecretValueInput{SecretId: made.ARN, SecretString: aws.String("two"), ClientRequestToken: token}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = c.PutSecretValue(ctx, &sm.PutSecretValueInput{SecretId: made.ARN, SecretString: aws.String("other"), ClientRequestToken: token})
	for what, got := range map[string][2]string{
		"by name":     {value(t, c, "app/key", ""), "two"},
		"by ARN":      {value(t, c, *made.ARN, "AWSCURRENT"), "two"},
		"previous":    {value(t, c, "app/key", "AWSPREVIOUS"), "one"},
		"no label":    {value(t, c, "app/key", "NOPE"), "ResourceNotFoundException"},
		"no secret":   {value(t, c, "gone", ""), "ResourceNotFoundException"},
		"token taken": {codeOf(err), "ResourceExistsException"},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %q, want %q", what, got[0], got[1])
		}
	}
	d, err := c.DescribeSecret(ctx, &sm.DescribeSecretInput{SecretId: made.ARN})
	if err != nil || len(d.VersionIdsToStages) != 2 || *d.Tags[0].Value != "v" {
		t.Errorf("%+v %v", d, err)
	}
}

func TestDeletionCanBeTakenBack(t *testing.T) {
	c, ctx := client(t), t.Context()
	if _, err := c.CreateSecret(ctx, &sm.CreateSecretInput{Name: aws.String("s"), SecretString: aws.String("x")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteSecret(ctx, &sm.DeleteSecretInput{SecretId: aws.String("s"), RecoveryWindowInDays: aws.Int64(7)}); err != nil {
		t.Fatal(err)
	}
	if got := value(t, c, "s", ""); got != "InvalidRequestException" {
		t.Error(got)
	}
	if _, err := c.RestoreSecret(ctx, &sm.RestoreSecretInput{SecretId: aws.String("s")}); err != nil || value(t, c, "s", "") != "x" {
		t.Error(err)
	}
	if _, err := c.DeleteSecret(ctx, &sm.DeleteSecretInput{SecretId: aws.String("s"), ForceDeleteWithoutRecovery: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateSecret(ctx, &sm.CreateSecretInput{Name: aws.String("s")}); err != nil {
		t.Errorf("the name must be free again: %v", err)
	}
}

func TestRandomPassword(t *testing.T) {
	c := client(t)
	out, err := c.GetRandomPassword(t.Context(), &sm.GetRandomPasswordInput{PasswordLength: aws.Int64(200), ExcludePunctuation: aws.Bool(true), ExcludeCharacters: aws.String("abc123")})
	if err != nil || len(*out.RandomPassword) != 200 || strings.ContainsAny(*out.RandomPassword, "abc123!?-") {
		t.Errorf("%v %v", out, err)
	}
}
