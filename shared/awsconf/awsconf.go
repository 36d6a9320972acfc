// Package awsconf gives a worker its settings: the AWS configuration and its own
// environment variables, read once, before the first invocation.
//
// Lambda hands a function everything in environment variables, so this package
// reads those and nothing else: region and credentials, and
// AWS_ENDPOINT_URL with its per-service forms, which is how the same binary
// talks to the local AWS. It builds aws.Config itself instead of calling
// config.LoadDefaultConfig, which would link single sign-on, STS and profile
// files into every function: that costs binary size and time on every cold
// start. So it knows no profiles, no assumed roles and no instance metadata; a
// process outside Lambda that needs those uses the SDK's config package.
//
// Start at [Load].
package awsconf

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// Load returns the AWS configuration of this process. It does no network I/O.
func Load() (aws.Config, error) {
	region := first(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	if region == "" {
		return aws.Config{}, errors.New("no AWS region: set AWS_REGION (Lambda does)")
	}
	cfg := aws.Config{
		Region:        region,
		Credentials:   aws.CredentialsProviderFunc(credentials),
		HTTPClient:    httpClient(),
		DefaultsMode:  aws.DefaultsModeInRegion,
		ConfigSources: []any{endpoints{}},
	}
	if url := os.Getenv("AWS_ENDPOINT_URL"); url != "" && !ignoreEndpoints() {
		cfg.BaseEndpoint = &url
	}
	return cfg, nil
}

// callTimeout bounds one request to AWS: the SDK's three attempts fit into the
// ten seconds that a function has, so a hanging connection is tried again.
const callTimeout = 3 * time.Second

// httpClient connects as aws.DefaultsModeInRegion does: within 1.1 s.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-smart-config-defaults.html
func httpClient() aws.HTTPClient {
	return awshttp.NewBuildableClient().WithTimeout(callTimeout).
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = 1100 * time.Millisecond })
}

// credentials are read for every signature: they are only three variables.
func credentials(context.Context) (aws.Credentials, error) {
	c := aws.Credentials{
		AccessKeyID:     os.Getenv("AWS_ACCESS_KEY_ID"),
		SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken:    os.Getenv("AWS_SESSION_TOKEN"),
		Source:          "environment",
	}
	if !c.HasKeys() {
		return c, errors.New("no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (Lambda does)")
	}
	return c, nil
}

// endpoints answers the SDK's question for a service's own endpoint variable,
// such as AWS_ENDPOINT_URL_DYNAMODB, which goes before AWS_ENDPOINT_URL.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
type endpoints struct{}

// GetServiceBaseEndpoint is called by the service clients.
func (endpoints) GetServiceBaseEndpoint(_ context.Context, service string) (string, bool, error) {
	name := strings.ToUpper(strings.ReplaceAll(service, " ", "_"))
	url := first(os.Getenv("AWS_ENDPOINT_URL_"+name), os.Getenv("AWS_ENDPOINT_URL"))
	return url, url != "", nil
}

// GetIgnoreConfiguredEndpoints is called by the service clients.
func (endpoints) GetIgnoreConfiguredEndpoints(context.Context) (ignore, found bool, err error) {
	return ignoreEndpoints(), true, nil
}

func ignoreEndpoints() bool {
	return strings.EqualFold(os.Getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), "true")
}

// Env reads variables that the template gives the function. What is missing is
// named all at once.
func Env(names ...string) (map[string]string, error) {
	values, missing := make(map[string]string, len(names)), []string{}
	for _, name := range names {
		if values[name] = os.Getenv(name); values[name] == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("environment variables not set: %s (template.yaml gives them to the function)", strings.Join(missing, ", "))
	}
	return values, nil
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
