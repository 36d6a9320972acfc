package lambda

// This file defines the operations on event source mappings.
// https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/eventpattern"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

const mappingsPath = "/2015-03-31/event-source-mappings"

func (s *Service) mappingOperations() []awswire.Operation {
	onMapping := func(operation string) func(*mappingInput) []awswire.Access {
		return func(in *mappingInput) []awswire.Access {
			return []awswire.Access{{Action: "lambda:" + operation, Resource: s.mappingARN(in.UUID)}}
		}
	}
	return []awswire.Operation{
		awswire.Op("CreateEventSourceMapping", anywhere[createMappingInput]("CreateEventSourceMapping"), s.createMapping).At("POST", mappingsPath).Answers(202),
		awswire.Op("ListEventSourceMappings", anywhere[listMappingsInput]("ListEventSourceMappings"), s.listMappings).At("GET", mappingsPath+"/{$}"), // as older SDKs spell it
		awswire.Op("ListEventSourceMappings", anywhere[listMappingsInput]("ListEventSourceMappings"), s.listMappings).At("GET", mappingsPath),
		awswire.Op("GetEventSourceMapping", onMapping("GetEventSourceMapping"), s.getMapping).At("GET", mappingsPath+"/{UUID}"),
		awswire.Op("UpdateEventSourceMapping", func(in *updateMappingInput) []awswire.Access {
			return []awswire.Access{{Action: "lambda:UpdateEventSourceMapping", Resource: s.mappingARN(in.UUID)}}
		}, s.updateMapping).At("PUT", mappingsPath+"/{UUID}").Answers(202),
		awswire.Op("DeleteEventSourceMapping", onMapping("DeleteEventSourceMapping"), s.deleteMapping).At("DELETE", mappingsPath+"/{UUID}").Answers(202),
	}
}

func (s *Service) mappingARN(id string) string { return s.arn("event-source-mapping:" + id) }

// mapping is an event source mapping as it is stored. Its settings are complete.
type mapping struct {
	UUID                string
	Source              string // ARN of a queue or stream
	Function, Qualifier string
	Disabled            bool
	Modified            time.Time
	Result              string // LastProcessingResult
	Tags                map[string]string
	mappingSettings
}

// mappingSettings are what can be set and changed; nil, where a pointer, is AWS's
// default.
type mappingSettings struct {
	BatchSize                      *int              `json:"BatchSize,omitempty" check:"min=1,max=10000"`
	MaximumBatchingWindowInSeconds *int              `json:"MaximumBatchingWindowInSeconds,omitempty" check:"min=0,max=300"`
	FilterCriteria                 *filterCriteria   `json:"FilterCriteria,omitempty"`
	FunctionResponseTypes          []string          `json:"FunctionResponseTypes,omitempty"`
	ScalingConfig                  *scalingConfig    `json:"ScalingConfig,omitempty"`
	ParallelizationFactor          *int              `json:"ParallelizationFactor,omitempty" check:"min=1,max=10"`
	MaximumRecordAgeInSeconds      *int              `json:"MaximumRecordAgeInSeconds,omitempty" check:"min=-1,max=604800"`
	MaximumRetryAttempts           *int              `json:"MaximumRetryAttempts,omitempty" check:"min=-1,max=10000"`
	BisectBatchOnFunctionError     *bool             `json:"BisectBatchOnFunctionError,omitempty"`
	DestinationConfig              *onFailureSetting `json:"DestinationConfig,omitempty"`
	StartingPosition               string            `json:"StartingPosition,omitempty" check:"enum=AT_TIMESTAMP|LATEST|TRIM_HORIZON"`
}

type filterCriteria struct {
	Filters []filterPattern `json:"Filters"`
}

type filterPattern struct {
	Pattern string `json:"Pattern" check:"max=4096"`
}

type scalingConfig struct {
	MaximumConcurrency *int `json:"MaximumConcurrency,omitempty" check:"min=2,max=1000"`
}

type onFailureSetting struct {
	OnFailure *destination `json:"OnFailure,omitempty"`
}

func (m *mapping) queue() bool { return strings.HasPrefix(m.Source, "arn:aws:sqs:") }

func (m *mapping) fifo() bool { return strings.HasSuffix(m.Source, ".fifo") }

func (m *mapping) reportsItems() bool {
	return slices.Contains(m.FunctionResponseTypes, "ReportBatchItemFailures")
}

func (m *mapping) onFailure() string {
	if m.DestinationConfig == nil || m.DestinationConfig.OnFailure == nil {
		return ""
	}
	return m.DestinationConfig.OnFailure.Destination
}

// or returns what p points to, or a default.
func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

type mappingInput struct {
	UUID string `json:"UUID" http:"path" check:"required"`
}

type createMappingInput struct {
	EventSourceArn  string            `json:"EventSourceArn" check:"pattern=arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\\-])+:([a-z]{2}(-gov)?-[a-z]+-\\d{1})?:(\\d{12})?:(.*)"`
	FunctionName    string            `json:"FunctionName" check:"required,min=1,max=256"`
	Enabled         *bool             `json:"Enabled"`
	Tags            map[string]string `json:"Tags"`
	mappingSettings `json:",inline"`
	refusedMapping  `json:",inline"`
}

// refusedMapping are members that cannot be had here.
type refusedMapping struct {
	StartingPositionTimestamp    jsontext.Value `json:"StartingPositionTimestamp"`
	Topics                       jsontext.Value `json:"Topics"`
	Queues                       jsontext.Value `json:"Queues"`
	SourceAccessConfigurations   jsontext.Value `json:"SourceAccessConfigurations"`
	SelfManagedEventSource       jsontext.Value `json:"SelfManagedEventSource"`
	AmazonManagedKafkaConfig     jsontext.Value `json:"AmazonManagedKafkaEventSourceConfig"`
	SelfManagedKafkaConfig       jsontext.Value `json:"SelfManagedKafkaEventSourceConfig"`
	DocumentDBEventSourceConfig  jsontext.Value `json:"DocumentDBEventSourceConfig"`
	KMSKeyArn                    jsontext.Value `json:"KMSKeyArn"`
	ProvisionedPollerConfig      jsontext.Value `json:"ProvisionedPollerConfig"`
	TumblingWindowInSeconds      *int           `json:"TumblingWindowInSeconds"`
	MetricsConfig, LoggingConfig jsontext.Value
}

func (in *refusedMapping) refused() error {
	for what, v := range map[string]jsontext.Value{
		"StartingPositionTimestamp": in.StartingPositionTimestamp, "Topics": in.Topics, "Queues": in.Queues,
		"SourceAccessConfigurations": in.SourceAccessConfigurations, "SelfManagedEventSource": in.SelfManagedEventSource,
		"AmazonManagedKafkaEventSourceConfig": in.AmazonManagedKafkaConfig, "SelfManagedKafkaEventSourceConfig": in.SelfManagedKafkaConfig,
		"DocumentDBEventSourceConfig": in.DocumentDBEventSourceConfig, "KMSKeyArn": in.KMSKeyArn,
		"ProvisionedPollerConfig": in.ProvisionedPollerConfig, "MetricsConfig": in.MetricsConfig, "LoggingConfig": in.LoggingConfig,
	} {
		switch strings.TrimSpace(string(v)) {
		case "", "null", "[]", "{}":
		default:
			return unsupported(what + " of event source mappings")
		}
	}
	if or(in.TumblingWindowInSeconds, 0) > 0 {
		return unsupported("tumbling windows")
	}
	return nil
}

type mappingOutput struct {
	UUID                  string       `json:"UUID"`
	EventSourceMappingArn string       `json:"EventSourceMappingArn"`
	EventSourceArn        string       `json:"EventSourceArn"`
	FunctionArn           string       `json:"FunctionArn"`
	LastModified          awswire.Time `json:"LastModified"`
	LastProcessingResult  string       `json:"LastProcessingResult,omitzero"`
	State                 string       `json:"State"`
	StateTransitionReason string       `json:"StateTransitionReason"`

	BatchSize                      int                `json:"BatchSize"`
	MaximumBatchingWindowInSeconds int                `json:"MaximumBatchingWindowInSeconds"`
	FunctionResponseTypes          []string           `json:"FunctionResponseTypes"`
	FilterCriteria                 *filterCriteria    `json:"FilterCriteria,omitzero"`
	ScalingConfig                  *scalingConfig     `json:"ScalingConfig,omitzero"`
	ParallelizationFactor          *int               `json:"ParallelizationFactor,omitzero"`
	MaximumRecordAgeInSeconds      *int               `json:"MaximumRecordAgeInSeconds,omitzero"`
	MaximumRetryAttempts           *int               `json:"MaximumRetryAttempts,omitzero"`
	BisectBatchOnFunctionError     *bool              `json:"BisectBatchOnFunctionError,omitzero"`
	DestinationConfig              *destinationConfig `json:"DestinationConfig,omitzero"`
	StartingPosition               string             `json:"StartingPosition,omitzero"`
	TumblingWindowInSeconds        *int               `json:"TumblingWindowInSeconds,omitzero"`
}

// output shows a mapping in a state; "" for the one it is in.
func (s *Service) mappingOutput(m *mapping, state string) *mappingOutput {
	if state == "" {
		state = "Enabled"
		if m.Disabled {
			state = "Disabled"
		}
	}
	out := &mappingOutput{
		UUID: m.UUID, EventSourceMappingArn: s.mappingARN(m.UUID), EventSourceArn: m.Source, FunctionArn: s.qualifiedARN(m.Function, m.Qualifier),
		LastModified: awswire.At(m.Modified), State: state, StateTransitionReason: "USER_INITIATED",
		BatchSize: *m.BatchSize, MaximumBatchingWindowInSeconds: or(m.MaximumBatchingWindowInSeconds, 0),
		FunctionResponseTypes: m.FunctionResponseTypes, FilterCriteria: m.FilterCriteria, ScalingConfig: m.ScalingConfig,
	}
	if m.queue() {
		return out
	}
	none, forever, no, one := 0, -1, false, 1
	out.StateTransitionReason, out.LastProcessingResult = "User action", m.Result
	out.ParallelizationFactor, out.TumblingWindowInSeconds = firstOf(m.ParallelizationFactor, &one), &none
	out.MaximumRecordAgeInSeconds, out.MaximumRetryAttempts = firstOf(m.MaximumRecordAgeInSeconds, &forever), firstOf(m.MaximumRetryAttempts, &forever)
	out.BisectBatchOnFunctionError, out.StartingPosition = firstOf(m.BisectBatchOnFunctionError, &no), m.StartingPosition
	out.DestinationConfig = &destinationConfig{OnFailure: &destination{m.onFailure()}}
	return out
}

func firstOf[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}

func (s *Service) createMapping(ctx context.Context, in *createMappingInput) (*mappingOutput, error) {
	n, f, _, err := s.lookup(in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	if err := in.refused(); err != nil {
		return nil, err
	}
	m := &mapping{UUID: newID(), Source: in.EventSourceArn, Function: n.function, Qualifier: n.qualifier, Disabled: !or(in.Enabled, true),
		Modified: s.Clock.Now(), Result: "No records processed", Tags: in.Tags, mappingSettings: in.mappingSettings}
	if err := m.complete(); err != nil {
		return nil, err
	}
	if err := s.checkSource(ctx, m, f); err != nil {
		return nil, err
	}
	ends, err := s.ends(ctx, m, f)
	if err != nil {
		return nil, err
	}
	err = s.Store.Update(func(tx *store.Tx) error {
		for _, text := range tx.Scan(bucketMapping, "", "") {
			other, err := decode[mapping](text)
			if err != nil {
				return err
			}
			if other.Source == m.Source && other.Function == m.Function && other.Qualifier == m.Qualifier {
				return s.exists(m, other)
			}
		}
		tx.Put(bucketMapping, m.UUID, encode(m))
		for shard, sequence := range ends {
			tx.Put(bucketPosition, store.Key(m.UUID, shard), encode(position{After: sequence}))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.pollers.start(m)
	if m.Disabled {
		return s.mappingOutput(m, ""), nil
	}
	return s.mappingOutput(m, "Creating"), nil
}

func (s *Service) exists(m, other *mapping) error {
	if m.queue() {
		return conflict(`An event source mapping with SQS arn (" %s ") and function (" %s ") already exists. Please update or delete the existing mapping with UUID %s`, m.Source, m.Function, other.UUID)
	}
	return conflict(`The event source arn (" %s ") and function (" %s ") provided mapping already exists. Please update or delete the existing mapping with UUID %s`, m.Source, m.Function, other.UUID)
}

// complete gives settings their defaults and checks them together:
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
// https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
func (m *mapping) complete() error {
	size := 100
	if m.queue() {
		size = 10
	}
	m.BatchSize = firstOf(m.BatchSize, &size)
	if m.FunctionResponseTypes == nil {
		m.FunctionResponseTypes = []string{}
	}
	for _, kind := range m.FunctionResponseTypes {
		if kind != "ReportBatchItemFailures" {
			return constraint(shownList(m.FunctionResponseTypes), "functionResponseTypes", "Member must satisfy constraint: [Member must satisfy enum value set: [ReportBatchItemFailures]]")
		}
	}
	if _, err := m.filters(); err != nil {
		return err
	}
	switch {
	case m.queue():
		return m.completeQueue()
	case strings.HasPrefix(m.Source, "arn:aws:dynamodb:"):
		return m.completeStream()
	case m.Source == "":
		return invalid("Unrecognized event source.")
	}
	return unsupported("event sources other than SQS queues and DynamoDB streams (" + m.Source + ")")
}

func (m *mapping) completeQueue() error {
	window := or(m.MaximumBatchingWindowInSeconds, 0)
	for what, given := range map[string]bool{
		"StartingPosition": m.StartingPosition != "", "ParallelizationFactor": m.ParallelizationFactor != nil, "BisectBatchOnFunctionError": m.BisectBatchOnFunctionError != nil,
		"MaximumRecordAgeInSeconds": m.MaximumRecordAgeInSeconds != nil, "MaximumRetryAttempts": m.MaximumRetryAttempts != nil, "DestinationConfig": m.onFailure() != "",
	} {
		if given {
			return invalid("%s is not valid for SQS event sources.", what)
		}
	}
	switch {
	case m.fifo() && *m.BatchSize > 10:
		return invalid("Maximum batch size of 10 exceeded for FIFO event sources.")
	case m.fifo() && window > 0:
		return invalid("Batching window is not supported for FIFO queues.")
	case *m.BatchSize > 10 && window == 0:
		return invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")
	}
	return nil
}

func (m *mapping) completeStream() error {
	switch {
	case !strings.Contains(m.Source, "/stream/"):
		return invalid("Unrecognized event source: %s is no stream; a table's stream has an ARN of its own.", m.Source)
	case m.StartingPosition == "":
		return awswire.Errorf("InvalidParameterValueException", "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.")
	case m.StartingPosition == "AT_TIMESTAMP":
		return invalid("Unsupported starting position for arn type: %s", m.Source)
	case m.ScalingConfig != nil:
		return invalid("ScalingConfig is only valid for SQS event sources.")
	case or(m.MaximumRecordAgeInSeconds, -1) == 0:
		return constraint("0", "maximumRecordAgeInSeconds", "Member must have value greater than or equal to 60")
	}
	return checkDestination(m.onFailure(), "", "sqs", "sns", "s3")
}

// filters compiles the filter criteria.
func (m *mapping) filters() ([]*eventpattern.Pattern, error) {
	if m.FilterCriteria == nil {
		return nil, nil
	}
	var patterns []*eventpattern.Pattern
	for _, f := range m.FilterCriteria.Filters {
		p, err := eventpattern.Compile([]byte(f.Pattern))
		if err != nil {
			return nil, invalid("Invalid filter pattern definition.")
		}
		patterns = append(patterns, p)
	}
	if len(patterns) > 5 {
		return nil, invalid("The number of filters exceeds the limit of 5.")
	}
	return patterns, nil
}

// checkSource asks for the source, as the function's role.
func (s *Service) checkSource(ctx context.Context, m *mapping, f *function) error {
	if s.Caller == nil {
		return unsupported("event sources without the services they belong to")
	}
	c := f.record.Latest.Config
	as := s.roleIdentity(c.Role, c.FunctionName, 0)
	if !m.queue() {
		_, err := s.Caller.Call(ctx, as, "dynamodbstreams", "DescribeStream", jsonvalue.NewObject(member("StreamArn", m.Source)))
		return sourceError(err, "Stream not found: "+m.Source, "DescribeStream", "DynamoDB")
	}
	out, err := s.Caller.Call(ctx, as, "sqs", "GetQueueAttributes", jsonvalue.NewObject(member("QueueUrl", queueURL(m.Source)), member("AttributeNames", []any{"VisibilityTimeout"})))
	if err != nil {
		return sourceError(err, "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist.", "GetQueueAttributes", "SQS")
	}
	o, _ := out.(*jsonvalue.Object)
	attributes, _ := o.Get("Attributes")
	visibility := 0
	if a, ok := attributes.(*jsonvalue.Object); ok {
		_, _ = fmt.Sscan(textOf(a, "VisibilityTimeout"), &visibility)
		if visibility < c.Timeout {
			return invalid("Queue visibility timeout: %d seconds is less than Function timeout: %d seconds", visibility, c.Timeout)
		}
	}
	return nil
}

func sourceError(err error, missing, action, service string) error {
	switch code := awswire.CodeOf(err); {
	case err == nil:
		return nil
	case strings.HasPrefix(code, "AccessDenied"):
		return invalid("The function execution role does not have permissions to call %s on %s", action, service)
	case code == "ResourceNotFoundException", strings.HasSuffix(code, "NonExistentQueue"), code == "QueueDoesNotExist":
		return invalid("%s", missing)
	}
	return err
}

// changeMapping changes a stored mapping; none is the error where there is none.
func (s *Service) changeMapping(id string, none error, change func(m *mapping) error) error {
	return s.Store.Update(func(tx *store.Tx) error {
		m, err := get[mapping](tx, bucketMapping, id)
		if err != nil {
			return err
		}
		if m == nil {
			return none
		}
		if err := change(m); err != nil {
			return err
		}
		tx.Put(bucketMapping, id, encode(m))
		return nil
	})
}

func noMapping() error { return notFound("The resource you requested does not exist.") }

func (s *Service) getMapping(_ context.Context, in *mappingInput) (*mappingOutput, error) {
	var m *mapping
	err := s.Store.View(func(r store.Reader) (err error) {
		m, err = get[mapping](r, bucketMapping, in.UUID)
		return err
	})
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, noMapping()
	}
	return s.mappingOutput(m, ""), nil
}

type updateMappingInput struct {
	UUID            string `json:"UUID" http:"path" check:"required"`
	FunctionName    string `json:"FunctionName" check:"min=1,max=256"`
	Enabled         *bool  `json:"Enabled"`
	mappingSettings `json:",inline"`
	refusedMapping  `json:",inline"`
}

func (s *Service) updateMapping(_ context.Context, in *updateMappingInput) (*mappingOutput, error) {
	var n name
	if in.FunctionName != "" {
		var err error
		if n, _, _, err = s.lookup(in.FunctionName, ""); err != nil {
			return nil, err
		}
	}
	if err := in.refused(); err != nil {
		return nil, err
	}
	var changed *mapping
	state := "Updating"
	err := s.changeMapping(in.UUID, noMapping(), func(m *mapping) error {
		changed = m
		if in.Enabled != nil && *in.Enabled == m.Disabled {
			state = map[bool]string{true: "Enabling", false: "Disabling"}[*in.Enabled]
		}
		if in.FunctionName != "" {
			m.Function, m.Qualifier = n.function, n.qualifier
		}
		m.Disabled = !or(in.Enabled, !m.Disabled)
		m.Modified = s.Clock.Now()
		m.overlay(in.mappingSettings)
		return m.complete()
	})
	if err != nil {
		return nil, err
	}
	s.pollers.start(changed)
	return s.mappingOutput(changed, state), nil
}

// overlay puts what is set over the settings.
func (m *mappingSettings) overlay(in mappingSettings) {
	m.BatchSize = firstOf(in.BatchSize, m.BatchSize)
	m.MaximumBatchingWindowInSeconds = firstOf(in.MaximumBatchingWindowInSeconds, m.MaximumBatchingWindowInSeconds)
	m.FilterCriteria = firstOf(in.FilterCriteria, m.FilterCriteria)
	m.ScalingConfig = firstOf(in.ScalingConfig, m.ScalingConfig)
	m.ParallelizationFactor = firstOf(in.ParallelizationFactor, m.ParallelizationFactor)
	m.MaximumRecordAgeInSeconds = firstOf(in.MaximumRecordAgeInSeconds, m.MaximumRecordAgeInSeconds)
	m.MaximumRetryAttempts = firstOf(in.MaximumRetryAttempts, m.MaximumRetryAttempts)
	m.BisectBatchOnFunctionError = firstOf(in.BisectBatchOnFunctionError, m.BisectBatchOnFunctionError)
	m.DestinationConfig = firstOf(in.DestinationConfig, m.DestinationConfig)
	if in.FunctionResponseTypes != nil {
		m.FunctionResponseTypes = in.FunctionResponseTypes
	}
}

func (s *Service) deleteMapping(_ context.Context, in *mappingInput) (*mappingOutput, error) {
	var m *mapping
	err := s.Store.Update(func(tx *store.Tx) (err error) {
		if m, err = get[mapping](tx, bucketMapping, in.UUID); err != nil {
			return err
		}
		if m == nil {
			return noMapping()
		}
		tx.Delete(bucketMapping, in.UUID)
		from, to := store.Prefix(in.UUID)
		for key := range tx.Scan(bucketPosition, from, to) {
			tx.Delete(bucketPosition, key)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.pollers.stop(in.UUID)
	return s.mappingOutput(m, "Deleting"), nil
}

type listMappingsInput struct {
	EventSourceArn string `json:"EventSourceArn" http:"query=EventSourceArn"`
	FunctionName   string `json:"FunctionName" http:"query=FunctionName"`
	Marker         string `json:"Marker" http:"query=Marker"`
	MaxItems       int    `json:"MaxItems" http:"query=MaxItems" check:"min=1,max=10000"`
}

type listMappingsOutput struct {
	EventSourceMappings []mappingOutput `json:"EventSourceMappings"`
	NextMarker          string          `json:"NextMarker,omitzero"`
}

func (s *Service) listMappings(_ context.Context, in *listMappingsInput) (*listMappingsOutput, error) {
	var n name
	if in.FunctionName != "" {
		var err error
		if n, _, _, err = s.lookup(in.FunctionName, ""); err != nil {
			return nil, err
		}
	}
	var all []mappingOutput
	err := s.eachMapping(func(m *mapping) {
		if in.EventSourceArn != "" && in.EventSourceArn != m.Source || in.FunctionName != "" && (n.function != m.Function || n.qualifier != m.Qualifier) {
			return
		}
		all = append(all, *s.mappingOutput(m, ""))
	})
	page, next := paginate(all, in.Marker, in.MaxItems, func(m mappingOutput) string { return m.UUID })
	return &listMappingsOutput{page, next}, err
}

func (s *Service) eachMapping(f func(*mapping)) error {
	return s.Store.View(func(r store.Reader) error {
		for _, text := range r.Scan(bucketMapping, "", "") {
			m, err := decode[mapping](text)
			if err != nil {
				return err
			}
			f(m)
		}
		return nil
	})
}
