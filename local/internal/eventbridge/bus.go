package eventbridge

// This file defines event buses.

import (
	"context"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

// maxBuses is the quota: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
const maxBuses = 100

// bus is the record of an event bus.
type bus struct {
	Name        string
	Description string
	Created     time.Time
	Modified    time.Time
	DeadLetter  string
	Policy      string
	KmsKey      string // shown, and nothing else: the store is not encrypted
}

type busOutput struct {
	Arn              string            `json:"Arn"`
	Name             string            `json:"Name"`
	Description      string            `json:"Description,omitzero"`
	Policy           string            `json:"Policy,omitzero"`
	DeadLetterConfig *DeadLetterConfig `json:"DeadLetterConfig,omitzero"`
	KmsKeyIdentifier string            `json:"KmsKeyIdentifier,omitzero"`
	CreationTime     awswire.Time      `json:"CreationTime,omitzero"`
	LastModifiedTime awswire.Time      `json:"LastModifiedTime,omitzero"`
}

func (s *Service) busOutput(b bus) busOutput {
	return busOutput{Arn: s.busARN(b.Name), Name: b.Name, Description: b.Description, Policy: b.Policy, KmsKeyIdentifier: b.KmsKey,
		DeadLetterConfig: deadLetterConfig(b.DeadLetter), CreationTime: awswire.At(b.Created), LastModifiedTime: awswire.At(b.Modified)}
}

func deadLetterConfig(arn string) *DeadLetterConfig {
	if arn == "" {
		return nil
	}
	return &DeadLetterConfig{Arn: arn}
}

// ensureDefaultBus makes the bus that every account has.
func (s *Service) ensureDefaultBus() error {
	return s.Store.Update(func(tx *store.Tx) error {
		if _, found := tx.Get(busBucket, store.Key(defaultBus)); !found {
			now := s.Clock.Now()
			put(tx, busBucket, store.Key(defaultBus), bus{Name: defaultBus, Created: now, Modified: now})
		}
		return nil
	})
}

type createEventBusInput struct {
	Name             string            `json:"Name" check:"required,min=1,max=256,pattern=[/\\.\\-_A-Za-z0-9]+"`
	Description      string            `json:"Description" check:"max=512"`
	EventSourceName  string            `json:"EventSourceName"`
	KmsKeyIdentifier string            `json:"KmsKeyIdentifier"`
	DeadLetterConfig *DeadLetterConfig `json:"DeadLetterConfig"`
	LogConfig        map[string]any    `json:"LogConfig"`
	Tags             []Tag             `json:"Tags"`
}

type createEventBusOutput struct {
	EventBusArn      string            `json:"EventBusArn"`
	Description      string            `json:"Description,omitzero"`
	KmsKeyIdentifier string            `json:"KmsKeyIdentifier,omitzero"`
	DeadLetterConfig *DeadLetterConfig `json:"DeadLetterConfig,omitzero"`
}

func (s *Service) createEventBus(_ context.Context, in *createEventBusInput) (*createEventBusOutput, error) {
	switch {
	case in.EventSourceName != "":
		return nil, invalid("Partner event sources are not supported by the local AWS: leave EventSourceName out.")
	case in.LogConfig != nil:
		return nil, invalid("Event bus logs are not supported by the local AWS: leave LogConfig out.")
	case strings.Contains(in.Name, "/"):
		return nil, invalid("Event bus name must not contain '/'.")
	}
	key, now := store.Key(in.Name), s.Clock.Now()
	b := bus{Name: in.Name, Description: in.Description, Created: now, Modified: now, DeadLetter: in.DeadLetterConfig.arn(), KmsKey: in.KmsKeyIdentifier}
	err := s.Store.Update(func(tx *store.Tx) error {
		if _, found := tx.Get(busBucket, key); found {
			return exists("Event bus", in.Name)
		}
		if count(tx, busBucket) >= maxBuses {
			return tooMany()
		}
		put(tx, busBucket, key, b)
		return putTags(tx, s.busARN(in.Name), in.Tags)
	})
	s.changed(in.Name)
	return &createEventBusOutput{EventBusArn: s.busARN(in.Name), Description: in.Description, KmsKeyIdentifier: in.KmsKeyIdentifier, DeadLetterConfig: in.DeadLetterConfig}, err
}

type deleteEventBusInput struct {
	Name string `json:"Name" check:"required,min=1,max=256"`
}

func (s *Service) deleteEventBus(_ context.Context, in *deleteEventBusInput) (*struct{}, error) {
	name := busName(in.Name)
	if name == defaultBus {
		return nil, invalid("Cannot delete event bus default.")
	}
	err := s.Store.Update(func(tx *store.Tx) error {
		if count(tx, ruleBucket, name) > 0 {
			return invalid("Event bus can't be deleted since it has rules.")
		}
		tx.Delete(busBucket, store.Key(name))
		clearAll(tx, tagBucket, s.busARN(name))
		return nil
	})
	s.changed(name)
	return &struct{}{}, err
}

type describeEventBusInput struct {
	Name string `json:"Name" check:"max=1600"`
}

func (s *Service) describeEventBus(_ context.Context, in *describeEventBusInput) (*busOutput, error) {
	return view(s.Store, func(r store.Reader) (*busOutput, error) {
		b, err := busOf(r, in.Name)
		out := s.busOutput(b)
		return &out, err
	})
}

// busOf returns the bus that a request names or gives the ARN of.
func busOf(r store.Reader, nameOrARN string) (bus, error) {
	name := busName(nameOrARN)
	b, found := get[bus](r, busBucket, store.Key(name))
	if !found {
		return b, noBus(name)
	}
	return b, nil
}

type updateEventBusInput struct {
	Name             string            `json:"Name" check:"max=256"`
	Description      *string           `json:"Description" check:"max=512"`
	KmsKeyIdentifier *string           `json:"KmsKeyIdentifier"`
	DeadLetterConfig *DeadLetterConfig `json:"DeadLetterConfig"`
	LogConfig        map[string]any    `json:"LogConfig"`
}

func (s *Service) updateEventBus(_ context.Context, in *updateEventBusInput) (*busOutput, error) {
	if in.LogConfig != nil {
		return nil, invalid("Event bus logs are not supported by the local AWS: leave LogConfig out.")
	}
	var out busOutput
	err := s.Store.Update(func(tx *store.Tx) error {
		b, err := busOf(tx, in.Name)
		if err != nil {
			return err
		}
		change(&b.Description, in.Description)
		change(&b.KmsKey, in.KmsKeyIdentifier)
		if in.DeadLetterConfig != nil {
			b.DeadLetter = in.DeadLetterConfig.arn()
		}
		b.Modified = s.Clock.Now()
		put(tx, busBucket, store.Key(b.Name), b)
		out = s.busOutput(b)
		return nil
	})
	return &out, err
}

type listEventBusesInput struct {
	NamePrefix string `json:"NamePrefix" check:"max=256"`
	Limit      int    `json:"Limit" check:"min=1,max=100"`
	NextToken  string `json:"NextToken" check:"max=2048"`
}

type listEventBusesOutput struct {
	EventBuses []busOutput `json:"EventBuses"`
	NextToken  string      `json:"NextToken,omitzero"`
}

func (s *Service) listEventBuses(_ context.Context, in *listEventBusesInput) (*listEventBusesOutput, error) {
	return view(s.Store, func(r store.Reader) (*listEventBusesOutput, error) {
		buses, next, err := page(all[bus](r, busBucket), in.Limit, in.NextToken, func(b bus) bool { return strings.HasPrefix(b.Name, in.NamePrefix) })
		out := &listEventBusesOutput{EventBuses: []busOutput{}, NextToken: next}
		for _, b := range buses {
			out.EventBuses = append(out.EventBuses, s.busOutput(b))
		}
		return out, err
	})
}
