package eventbridge

// This file defines API destinations: HTTP endpoints that rules send events to.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html

import (
	"context"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

// destination is the record of an API destination.
type destination struct {
	Name, ID          string
	Description       string
	Connection        string // ARN
	Endpoint, Method  string
	Rate              int // invocations a second
	Created, Modified time.Time
}

// defaultRate is the rate of a destination that gives none.
const defaultRate = 300

type createDestinationInput struct {
	Name                         string `json:"Name" check:"required,min=1,max=64,pattern=[\\.\\-_A-Za-z0-9]+"`
	Description                  string `json:"Description" check:"max=512"`
	ConnectionArn                string `json:"ConnectionArn" check:"required,min=1,max=1600,pattern=^arn:aws([a-z]|\\-)*:events:([a-z]|\\d|\\-)*:([0-9]{12})?:connection\\/[\\.\\-_A-Za-z0-9]+\\/[\\-A-Za-z0-9]+$"`
	InvocationEndpoint           string `json:"InvocationEndpoint" check:"required,min=1,max=2048"`
	HTTPMethod                   string `json:"HttpMethod" check:"required,enum=HEAD|POST|PATCH|DELETE|PUT|GET|OPTIONS"`
	InvocationRateLimitPerSecond int    `json:"InvocationRateLimitPerSecond" check:"min=1"`
}

type destinationOutput struct {
	ApiDestinationArn            string       `json:"ApiDestinationArn"`
	Name                         string       `json:"Name,omitzero"`
	Description                  string       `json:"Description,omitzero"`
	ApiDestinationState          string       `json:"ApiDestinationState"`
	ConnectionArn                string       `json:"ConnectionArn,omitzero"`
	InvocationEndpoint           string       `json:"InvocationEndpoint,omitzero"`
	HTTPMethod                   string       `json:"HttpMethod,omitzero"`
	InvocationRateLimitPerSecond int          `json:"InvocationRateLimitPerSecond,omitzero"`
	CreationTime                 awswire.Time `json:"CreationTime"`
	LastModifiedTime             awswire.Time `json:"LastModifiedTime"`
}

func (s *Service) destinationARN(d destination) string {
	return s.arn("api-destination/" + d.Name + "/" + d.ID)
}

// changedDestination is what the operations that change one answer.
func (s *Service) changedDestination(d destination) *destinationOutput {
	return &destinationOutput{ApiDestinationArn: s.destinationARN(d), ApiDestinationState: "ACTIVE", CreationTime: awswire.At(d.Created), LastModifiedTime: awswire.At(d.Modified)}
}

func (s *Service) listedDestination(d destination) *destinationOutput {
	out := s.changedDestination(d)
	out.Name, out.ConnectionArn, out.InvocationEndpoint = d.Name, d.Connection, d.Endpoint
	out.HTTPMethod, out.InvocationRateLimitPerSecond = d.Method, d.Rate
	return out
}

// isHTTP reports whether a URL is one that can be called. AWS wants https; plain
// http is let through for servers on this machine.
func isHTTP(url string) bool {
	for _, start := range []string{"https://", "http://127.0.0.1:", "http://localhost:", "http://[::1]:"} {
		if strings.HasPrefix(url, start) {
			return true
		}
	}
	return false
}

// check refuses a destination that cannot be called.
func (s *Service) checkDestination(d destination) error {
	if !isHTTP(d.Endpoint) {
		return invalid("Parameter InvocationEndpoint is not valid. Reason: it must be an HTTPS URL.")
	}
	_, err := s.connectionByARN(d.Connection)
	return err
}

func (s *Service) createDestination(_ context.Context, in *createDestinationInput) (*destinationOutput, error) {
	now := s.Clock.Now()
	d := destination{Name: in.Name, ID: newUUID(), Description: in.Description, Connection: in.ConnectionArn, Endpoint: in.InvocationEndpoint,
		Method: in.HTTPMethod, Rate: in.InvocationRateLimitPerSecond, Created: now, Modified: now}
	if d.Rate == 0 {
		d.Rate = defaultRate
	}
	if err := s.checkDestination(d); err != nil {
		return nil, err
	}
	return s.changedDestination(d), s.Store.Update(func(tx *store.Tx) error {
		if _, found := tx.Get(destinationBucket, store.Key(d.Name)); found {
			return awswire.Errorf("ResourceAlreadyExistsException", "An api-destination '%s' already exists.", d.Name)
		}
		put(tx, destinationBucket, store.Key(d.Name), d)
		return nil
	})
}

func (s *Service) destination(name string) (destination, error) {
	return view(s.Store, func(r store.Reader) (destination, error) {
		d, found := get[destination](r, destinationBucket, store.Key(name))
		if !found {
			return d, awswire.Errorf("ResourceNotFoundException", "Failed to describe the api-destination(s). An api-destination '%s' does not exist.", name)
		}
		return d, nil
	})
}

// destinationByARN returns a destination by its ARN, which ends in its id.
func (s *Service) destinationByARN(arn string) (destination, error) {
	_, path, _ := strings.Cut(arn, ":api-destination/")
	name, _, _ := strings.Cut(path, "/")
	d, err := s.destination(name)
	if err == nil && s.destinationARN(d) != arn {
		err = awswire.Errorf("ResourceNotFoundException", "Failed to describe the api-destination(s). An api-destination '%s' does not exist.", arn)
	}
	return d, err
}

type destinationInput struct {
	Name string `json:"Name" check:"required,min=1,max=64"`
}

func (s *Service) describeDestination(_ context.Context, in *destinationInput) (*destinationOutput, error) {
	d, err := s.destination(in.Name)
	out := s.listedDestination(d)
	out.Description = d.Description
	return out, err
}

type updateDestinationInput struct {
	Name                         string  `json:"Name" check:"required,min=1,max=64"`
	Description                  *string `json:"Description" check:"max=512"`
	ConnectionArn                *string `json:"ConnectionArn"`
	InvocationEndpoint           *string `json:"InvocationEndpoint" check:"min=1,max=2048"`
	HTTPMethod                   *string `json:"HttpMethod" check:"enum=HEAD|POST|PATCH|DELETE|PUT|GET|OPTIONS"`
	InvocationRateLimitPerSecond *int    `json:"InvocationRateLimitPerSecond" check:"min=1"`
}

func (s *Service) updateDestination(_ context.Context, in *updateDestinationInput) (*destinationOutput, error) {
	d, err := s.destination(in.Name)
	if err != nil {
		return nil, err
	}
	change(&d.Description, in.Description)
	change(&d.Connection, in.ConnectionArn)
	change(&d.Endpoint, in.InvocationEndpoint)
	change(&d.Method, in.HTTPMethod)
	change(&d.Rate, in.InvocationRateLimitPerSecond)
	d.Modified = s.Clock.Now()
	if err := s.checkDestination(d); err != nil {
		return nil, err
	}
	return s.changedDestination(d), s.Store.Update(func(tx *store.Tx) error {
		put(tx, destinationBucket, store.Key(d.Name), d)
		return nil
	})
}

func (s *Service) deleteDestination(_ context.Context, in *destinationInput) (*struct{}, error) {
	if _, err := s.destination(in.Name); err != nil {
		return nil, err
	}
	return &struct{}{}, s.Store.Update(func(tx *store.Tx) error {
		tx.Delete(destinationBucket, store.Key(in.Name))
		return nil
	})
}

type listDestinationsInput struct {
	NamePrefix    string `json:"NamePrefix" check:"max=64"`
	ConnectionArn string `json:"ConnectionArn"`
	Limit         int    `json:"Limit" check:"min=1,max=100"`
	NextToken     string `json:"NextToken" check:"max=2048"`
}

type listDestinationsOutput struct {
	ApiDestinations []destinationOutput `json:"ApiDestinations"`
	NextToken       string              `json:"NextToken,omitzero"`
}

func (s *Service) listDestinations(_ context.Context, in *listDestinationsInput) (*listDestinationsOutput, error) {
	return view(s.Store, func(r store.Reader) (*listDestinationsOutput, error) {
		found, next, err := page(all[destination](r, destinationBucket), in.Limit, in.NextToken, func(d destination) bool {
			return strings.HasPrefix(d.Name, in.NamePrefix) && (in.ConnectionArn == "" || in.ConnectionArn == d.Connection)
		})
		out := &listDestinationsOutput{ApiDestinations: []destinationOutput{}, NextToken: next}
		for _, d := range found {
			out.ApiDestinations = append(out.ApiDestinations, *s.listedDestination(d))
		}
		return out, err
	})
}
