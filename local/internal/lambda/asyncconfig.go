package lambda

// This file defines how asynchronous invocations are configured: retries, age,
// destinations.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html

import (
	"context"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

// asyncConfig is what is stored; nil means AWS's default.
type asyncConfig struct {
	MaximumRetryAttempts     *int
	MaximumEventAgeInSeconds *int
	OnSuccess, OnFailure     string
	Modified                 time.Time
}

// AWS's defaults for asynchronous invocations.
const (
	defaultRetries  = 2
	defaultEventAge = 6 * time.Hour
)

func (c *asyncConfig) retries() int {
	if c == nil || c.MaximumRetryAttempts == nil {
		return defaultRetries
	}
	return *c.MaximumRetryAttempts
}

func (c *asyncConfig) age() time.Duration {
	if c == nil || c.MaximumEventAgeInSeconds == nil {
		return defaultEventAge
	}
	return time.Duration(*c.MaximumEventAgeInSeconds) * time.Second
}

type destination struct {
	Destination string `json:"Destination,omitzero" check:"max=350,pattern=|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\\-])+:([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1})?:(\\d{12})?:(.*)"`
}

type destinationConfig struct {
	OnSuccess *destination `json:"OnSuccess,omitzero"`
	OnFailure *destination `json:"OnFailure,omitzero"`
}

type asyncConfigInput struct {
	FunctionName             string             `json:"FunctionName" http:"path" check:"required,min=1,max=140"`
	Qualifier                string             `json:"Qualifier" http:"query=Qualifier" check:"min=1,max=128"`
	MaximumRetryAttempts     *int               `json:"MaximumRetryAttempts" check:"min=0,max=2"`
	MaximumEventAgeInSeconds *int               `json:"MaximumEventAgeInSeconds" check:"min=60,max=21600"`
	DestinationConfig        *destinationConfig `json:"DestinationConfig"`
}

type asyncConfigOutput struct {
	LastModified             awswire.Time      `json:"LastModified"`
	FunctionArn              string            `json:"FunctionArn"`
	MaximumRetryAttempts     *int              `json:"MaximumRetryAttempts,omitzero"`
	MaximumEventAgeInSeconds *int              `json:"MaximumEventAgeInSeconds,omitzero"`
	DestinationConfig        destinationConfig `json:"DestinationConfig"`
}

// asyncName is a function with the qualifier that its configuration stands under.
func asyncName(n name) name {
	if n.qualifier == "" {
		n.qualifier = latest
	}
	return n
}

func (n name) key() string { return store.Key(n.function, n.qualifier) }

func (s *Service) putAsyncConfig(_ context.Context, in *asyncConfigInput) (*asyncConfigOutput, error) {
	return s.changeAsyncConfig(in, func(*asyncConfig) *asyncConfig { return &asyncConfig{} })
}

func (s *Service) updateAsyncConfig(_ context.Context, in *asyncConfigInput) (*asyncConfigOutput, error) {
	return s.changeAsyncConfig(in, func(old *asyncConfig) *asyncConfig { return old })
}

// changeAsyncConfig lays in over what from makes of the configuration that is there.
func (s *Service) changeAsyncConfig(in *asyncConfigInput, from func(old *asyncConfig) *asyncConfig) (*asyncConfigOutput, error) {
	n, err := s.parseName(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	n = asyncName(n)
	var c *asyncConfig
	err = s.update(n, func(tx *store.Tx, f *function) error {
		if _, err := f.versionOf(s, n); err != nil {
			return err
		}
		old, err := get[asyncConfig](tx, bucketAsyncConfig, n.key())
		if err != nil {
			return err
		}
		if c = from(old); c == nil {
			return s.noAsyncConfig(n)
		}
		if err := in.apply(c, s.functionARN(n.function)); err != nil {
			return err
		}
		c.Modified = s.Clock.Now()
		tx.Put(bucketAsyncConfig, n.key(), encode(c))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.asyncConfigOutput(n, c), nil
}

func (in *asyncConfigInput) apply(c *asyncConfig, self string) error {
	if in.MaximumRetryAttempts != nil {
		c.MaximumRetryAttempts = in.MaximumRetryAttempts
	}
	if in.MaximumEventAgeInSeconds != nil {
		c.MaximumEventAgeInSeconds = in.MaximumEventAgeInSeconds
	}
	if d := in.DestinationConfig; d != nil {
		if d.OnSuccess != nil {
			c.OnSuccess = d.OnSuccess.Destination
		}
		if d.OnFailure != nil {
			c.OnFailure = d.OnFailure.Destination
		}
	}
	if err := checkDestination(c.OnSuccess, self, "sqs", "sns", "lambda", "events"); err != nil {
		return err
	}
	return checkDestination(c.OnFailure, self, "sqs", "sns", "lambda", "events", "s3")
}

// checkDestination refuses a destination that nothing can be sent to from here.
func checkDestination(arn, self string, services ...string) error {
	if arn == "" {
		return nil
	}
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return invalid("The provided destination config DestinationConfig is invalid: %s is no ARN.", arn)
	}
	if arn == self {
		return invalid("You can't specify the function as a destination for itself.")
	}
	for _, service := range services {
		if parts[2] == service {
			return nil
		}
	}
	return unsupported("destinations of the service " + parts[2] + " (" + arn + ") here; it supports " + strings.Join(services, ", "))
}

func (s *Service) asyncConfigOutput(n name, c *asyncConfig) *asyncConfigOutput {
	return &asyncConfigOutput{LastModified: awswire.At(c.Modified), FunctionArn: s.nameARN(n), MaximumRetryAttempts: c.MaximumRetryAttempts,
		MaximumEventAgeInSeconds: c.MaximumEventAgeInSeconds, DestinationConfig: destinationConfig{&destination{c.OnSuccess}, &destination{c.OnFailure}}}
}

func (s *Service) noAsyncConfig(n name) error {
	return notFound("The function %s doesn't have an EventInvokeConfig", s.nameARN(n))
}

func (s *Service) getAsyncConfig(_ context.Context, in *qualifiedInput) (*asyncConfigOutput, error) {
	n, err := s.parseName(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	n = asyncName(n)
	c, err := s.asyncConfig(n)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, s.noAsyncConfig(n)
	}
	return s.asyncConfigOutput(n, c), nil
}

// asyncConfig reads the configuration of a version or alias, nil if it has none.
func (s *Service) asyncConfig(n name) (c *asyncConfig, err error) {
	err = s.Store.View(func(r store.Reader) (err error) {
		c, err = get[asyncConfig](r, bucketAsyncConfig, asyncName(n).key())
		return err
	})
	return c, err
}

func (s *Service) deleteAsyncConfig(_ context.Context, in *qualifiedInput) (*noOutput, error) {
	n, err := s.parseName(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	n = asyncName(n)
	return &noOutput{}, s.Store.Update(func(tx *store.Tx) error {
		if _, ok := tx.Get(bucketAsyncConfig, n.key()); !ok {
			return s.noAsyncConfig(n)
		}
		tx.Delete(bucketAsyncConfig, n.key())
		return nil
	})
}

type listAsyncConfigsInput struct {
	FunctionName string `json:"FunctionName" http:"path" check:"required,min=1,max=140"`
	Marker       string `json:"Marker" http:"query=Marker"`
	MaxItems     int    `json:"MaxItems" http:"query=MaxItems" check:"min=1,max=50"`
}

type listAsyncConfigsOutput struct {
	FunctionEventInvokeConfigs []asyncConfigOutput `json:"FunctionEventInvokeConfigs"`
	NextMarker                 string              `json:"NextMarker,omitzero"`
}

func (s *Service) listAsyncConfigs(_ context.Context, in *listAsyncConfigsInput) (*listAsyncConfigsOutput, error) {
	n, err := s.parseName(in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	if _, err := s.function(n); err != nil {
		return nil, err
	}
	var all []asyncConfigOutput
	err = s.Store.View(func(r store.Reader) error {
		from, to := store.Prefix(n.function)
		for key, text := range r.Scan(bucketAsyncConfig, from, to) {
			c, err := decode[asyncConfig](text)
			if err != nil {
				return err
			}
			all = append(all, *s.asyncConfigOutput(name{n.function, store.SplitKey(key)[1]}, c))
		}
		return nil
	})
	page, next := paginate(all, in.Marker, in.MaxItems, func(c asyncConfigOutput) string { return c.FunctionArn })
	return &listAsyncConfigsOutput{page, next}, err
}
