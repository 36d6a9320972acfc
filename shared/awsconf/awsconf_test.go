package awsconf

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// variables clears what the machine that runs the test may have set.
func variables(t *testing.T, values map[string]string) {
	t.Helper()
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
		"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_EVENTBRIDGE", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"} {
		t.Setenv(name, values[name])
	}
}

// TestEndpoints asks real clients where they would go.
func TestEndpoints(t *testing.T) {
	const local, special = "http://127.0.0.1:4566", "http://127.0.0.1:8000"
	for _, c := range []struct {
		what               string
		env                map[string]string
		dynamodb, eventbus string
	}{
		{"AWS itself", nil, "", ""},
		{"one for all", map[string]string{"AWS_ENDPOINT_URL": local}, local, local},
		{"one for a service", map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": special}, special, ""},
		{"both", map[string]string{"AWS_ENDPOINT_URL": local, "AWS_ENDPOINT_URL_DYNAMODB": special}, special, local},
		{"ignored", map[string]string{"AWS_ENDPOINT_URL": local, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, "", ""},
	} {
		env := map[string]string{"AWS_REGION": "us-east-1"}
		for name, value := range c.env {
			env[name] = value
		}
		variables(t, env)
		cfg, err := Load()
		require.NoError(t, err)
		assert.Equal(t, c.dynamodb, deref(dynamodb.NewFromConfig(cfg).Options().BaseEndpoint), c.what)
		assert.Equal(t, c.eventbus, deref(eventbridge.NewFromConfig(cfg).Options().BaseEndpoint), c.what)
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// TestRequestIsSigned sends one over the wire.
func TestRequestIsSigned(t *testing.T) {
	var got *http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		_, _ = w.Write([]byte("{}"))
	}))
	defer server.Close()
	variables(t, map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "token", "AWS_ENDPOINT_URL": server.URL})
	cfg, err := Load()
	require.NoError(t, err)
	table := "Orders"
	_, err = dynamodb.NewFromConfig(cfg).DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &table})
	require.NoError(t, err)
	assert.Contains(t, got.Header.Get("Authorization"), "Credential=AKID/")
	assert.Contains(t, got.Header.Get("Authorization"), "/eu-west-1/dynamodb/")
	assert.Equal(t, "token", got.Header.Get("X-Amz-Security-Token"))
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	variables(t, nil)
	_, err := Load()
	assert.ErrorContains(t, err, "AWS_REGION")

	variables(t, map[string]string{"AWS_DEFAULT_REGION": "us-east-1"})
	cfg, err := Load()
	require.NoError(t, err)
	assert.Equal(t, "us-east-1", cfg.Region)
	_, err = cfg.Credentials.Retrieve(context.Background())
	assert.ErrorContains(t, err, "AWS_ACCESS_KEY_ID")
}

func TestEnv(t *testing.T) {
	t.Setenv("ORDERS_TABLE", "Orders")
	t.Setenv("INVENTORY_TABLE", "")
	values, err := Env("ORDERS_TABLE")
	require.NoError(t, err)
	assert.Equal(t, "Orders", values["ORDERS_TABLE"])
	_, err = Env("ORDERS_TABLE", "INVENTORY_TABLE", "EVENT_BUS_NAME_OF_NOBODY")
	assert.ErrorContains(t, err, "INVENTORY_TABLE, EVENT_BUS_NAME_OF_NOBODY")
}
