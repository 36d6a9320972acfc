package dynamodb

// This file defines what tables have beside items: TTL, tags, point-in-time
// recovery (as a document alone), and the limits.

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

type timeToLiveSpecification struct {
	AttributeName *string `aws:"required,min=1,max=255"`
	Enabled       *bool   `aws:"required"`
}

type updateTimeToLiveInput struct {
	TableName               *string                  `aws:"required,name"`
	TimeToLiveSpecification *timeToLiveSpecification `aws:"required"`
}

type updateTimeToLiveOutput struct{ TimeToLiveSpecification *timeToLiveSpecification }

type describeTimeToLiveInput struct {
	TableName *string `aws:"name"`
}

type timeToLiveDescription struct {
	TimeToLiveStatus string
	AttributeName    string `json:",omitempty"`
}

type describeTimeToLiveOutput struct{ TimeToLiveDescription *timeToLiveDescription }

func (s *Service) updateTimeToLive(_ context.Context, in *updateTimeToLiveInput) (*updateTimeToLiveOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.tableToChange(*in.TableName)
	if err != nil {
		return nil, err
	}
	name, enable := *in.TimeToLiveSpecification.AttributeName, *in.TimeToLiveSpecification.Enabled
	switch {
	case enable && old.TTL == name:
		return nil, invalid("TimeToLive is already enabled")
	case enable && old.TTL != "":
		return nil, invalid("TimeToLive is active on a different AttributeName: current AttributeName is %s", old.TTL)
	case !enable && old.TTL == "":
		return nil, invalid("TimeToLive is already disabled")
	case !enable && old.TTL != name:
		return nil, invalid("TimeToLive is active on a different AttributeName: current AttributeName is %s", old.TTL)
	}
	t := old.copy()
	if t.TTL = ""; enable {
		t.TTL = name
		if err := s.listExpiries(t); err != nil {
			return nil, err
		}
	}
	return &updateTimeToLiveOutput{in.TimeToLiveSpecification}, s.replace(old, t)
}

// listExpiries lists the items that are already there by their ends, in a bucket
// that may hold the list of an earlier time.
func (s *Service) listExpiries(t *table) error {
	if err := s.emptyBucket(t.ttlBucket()); err != nil {
		return err
	}
	for from := ""; ; {
		seen := 0
		if err := s.write(func(x *session) error {
			for key, text := range x.Scan(t.bucket(), from, "") {
				if seen++; seen > fillAtOnce {
					break
				}
				from = key + "\x00"
				m, err := decodeItem(text)
				if err != nil {
					return err
				}
				x.applyExpiry(t, key, effect{new: m})
			}
			return nil
		}); err != nil || seen <= fillAtOnce {
			return err
		}
	}
}

func (s *Service) emptyBucket(bucket string) error {
	if err := s.Store.Update(func(tx *store.Tx) error {
		discard(tx, bucket)
		return nil
	}); err != nil {
		return err
	}
	return s.sweep()
}

func (s *Service) describeTimeToLive(_ context.Context, in *describeTimeToLiveInput) (*describeTimeToLiveOutput, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	t, err := s.tableToChange(*in.TableName)
	if err != nil {
		return nil, err
	}
	d := &timeToLiveDescription{TimeToLiveStatus: "DISABLED"}
	if t.TTL != "" {
		d = &timeToLiveDescription{TimeToLiveStatus: "ENABLED", AttributeName: t.TTL}
	}
	return &describeTimeToLiveOutput{d}, nil
}

type tagResourceInput struct {
	ResourceArn *string
	Tags        []tag
}

type untagResourceInput struct {
	ResourceArn *string
	TagKeys     []string
}

type listTagsInput struct {
	ResourceArn *string
	NextToken   *string
}

type listTagsOutput struct {
	Tags []tag
}

type nothing struct{}

// maxTags is how many tags a table can have.
const maxTags = 50

// checkResource checks an ARN as the operations on tags do: what is no ARN at
// all is refused as a resource that nobody may touch. member is what else the
// request must have, given whether it has.
func (s *Service) checkResource(ctx context.Context, arn *string, action, member string, given bool) error {
	if arn == nil {
		return invalid("Invalid TableArn")
	}
	fields := strings.SplitN(*arn, ":", 6)
	if len(fields) < 6 || !strings.Contains(fields[5], "/") {
		resource := *arn
		if resource == "" {
			resource = "*"
		}
		return awswire.Errorf("AccessDeniedException", "User: %s is not authorized to perform: dynamodb:%s on resource: %s", awswire.CallerFrom(ctx).ARN, action, resource)
	}
	if !given {
		return invalid("1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", member)
	}
	name, ok := strings.CutPrefix(fields[5], "table/")
	if name, _, _ = strings.Cut(name, "/"); !ok || fields[0] != "arn" || fields[2] != "dynamodb" || len(name) < 3 || len(name) > 255 || !isName(name) {
		return invalid("Invalid TableArn: Invalid ResourceArn provided as input %s", *arn)
	}
	return nil
}

// resource finds the table of an ARN that was checked; the caller holds s.mu.
func (s *Service) resource(arn string) (*table, error) {
	t, err := s.tableNamed(arn)
	if err != nil {
		return nil, notFound(": ResourcArn: %s not found", arn)
	}
	return t, nil
}

// changeTags replaces a table's tags.
func (s *Service) changeTags(arn string, change func([]tag) []tag) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.resource(arn)
	if err != nil {
		return err
	}
	t := old.copy()
	if t.Tags = change(slices.Clone(t.Tags)); len(t.Tags) > maxTags {
		return limitExceeded("The number of tags exceeds the limit of %d", maxTags)
	}
	return s.replace(old, t)
}

func without(tags []tag, key string) []tag {
	return slices.DeleteFunc(tags, func(t tag) bool { return t.Key == key })
}

func (s *Service) tagResource(ctx context.Context, in *tagResourceInput) (*nothing, error) {
	if err := s.checkResource(ctx, in.ResourceArn, "TagResource", "tags", in.Tags != nil); err != nil {
		return nil, err
	}
	if len(in.Tags) == 0 {
		return nil, invalid("Atleast one Tag needs to be provided as Input.")
	}
	return &nothing{}, s.changeTags(*in.ResourceArn, func(tags []tag) []tag {
		for _, t := range in.Tags {
			tags = append(without(tags, t.Key), t)
		}
		return tags
	})
}

func (s *Service) untagResource(ctx context.Context, in *untagResourceInput) (*nothing, error) {
	if err := s.checkResource(ctx, in.ResourceArn, "UntagResource", "tagKeys", in.TagKeys != nil); err != nil {
		return nil, err
	}
	if len(in.TagKeys) == 0 {
		return nil, invalid("Atleast one Tag Key needs to be provided as Input.")
	}
	return &nothing{}, s.changeTags(*in.ResourceArn, func(tags []tag) []tag {
		for _, key := range in.TagKeys {
			tags = without(tags, key)
		}
		return tags
	})
}

func (s *Service) listTagsOfResource(ctx context.Context, in *listTagsInput) (*listTagsOutput, error) {
	if err := s.checkResource(ctx, in.ResourceArn, "ListTagsOfResource", "", true); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	t, err := s.resource(*in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &listTagsOutput{Tags: append([]tag{}, t.Tags...)}, nil
}

type pointInTimeRecoverySpecification struct {
	PointInTimeRecoveryEnabled *bool  `aws:"required"`
	RecoveryPeriodInDays       *int32 `aws:"min=1,max=35"`
}

type updateContinuousBackupsInput struct {
	TableName                        *string                           `aws:"required,name"`
	PointInTimeRecoverySpecification *pointInTimeRecoverySpecification `aws:"required"`
}

type describeContinuousBackupsInput struct {
	TableName *string `aws:"required,name"`
}

type pointInTimeRecoveryDescription struct {
	PointInTimeRecoveryStatus  string
	RecoveryPeriodInDays       int           `json:",omitzero"`
	EarliestRestorableDateTime *awswire.Time `json:",omitzero"`
	LatestRestorableDateTime   *awswire.Time `json:",omitzero"`
}

type continuousBackupsDescription struct {
	ContinuousBackupsStatus        string
	PointInTimeRecoveryDescription *pointInTimeRecoveryDescription
}

type continuousBackupsOutput struct {
	ContinuousBackupsDescription *continuousBackupsDescription
}

// recoveryDays is how far back AWS can restore.
const recoveryDays = 35

// tableForBackups is tableToChange in the words of the operations on backups.
func (s *Service) tableForBackups(name string) (*table, error) {
	if t, err := s.tableNamed(name); err == nil {
		return t, nil
	}
	return nil, awswire.Errorf("TableNotFoundException", "Table not found: %s", nameOfTable(name))
}

func (s *Service) updateContinuousBackups(_ context.Context, in *updateContinuousBackupsInput) (*continuousBackupsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.tableForBackups(*in.TableName)
	if err != nil {
		return nil, err
	}
	t := old.copy()
	enable := *in.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled
	if enable && !t.Recovery {
		t.RecoverySince = s.Clock.Now()
	}
	t.Recovery = enable
	if err := s.replace(old, t); err != nil {
		return nil, err
	}
	return s.continuousBackups(t), nil
}

func (s *Service) describeContinuousBackups(_ context.Context, in *describeContinuousBackupsInput) (*continuousBackupsOutput, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	t, err := s.tableForBackups(*in.TableName)
	if err != nil {
		return nil, err
	}
	return s.continuousBackups(t), nil
}

func (s *Service) continuousBackups(t *table) *continuousBackupsOutput {
	p := &pointInTimeRecoveryDescription{PointInTimeRecoveryStatus: "DISABLED"}
	if t.Recovery {
		latest := s.Clock.Now().Add(-5 * time.Minute)
		if latest.Before(t.RecoverySince) {
			latest = t.RecoverySince
		}
		p = &pointInTimeRecoveryDescription{PointInTimeRecoveryStatus: "ENABLED", RecoveryPeriodInDays: recoveryDays, EarliestRestorableDateTime: timeAt(t.RecoverySince), LatestRestorableDateTime: timeAt(latest)}
	}
	return &continuousBackupsOutput{&continuousBackupsDescription{ContinuousBackupsStatus: "ENABLED", PointInTimeRecoveryDescription: p}}
}

type describeLimitsOutput struct {
	AccountMaxReadCapacityUnits, AccountMaxWriteCapacityUnits, TableMaxReadCapacityUnits, TableMaxWriteCapacityUnits int64
}

// describeLimits answers the quotas of a new account.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
func (s *Service) describeLimits(context.Context, *nothing) (*describeLimitsOutput, error) {
	return &describeLimitsOutput{80000, 80000, 40000, 40000}, nil
}

type endpoint struct {
	Address              string
	CachePeriodInMinutes int64
}

type describeEndpointsOutput struct{ Endpoints []endpoint }

func (s *Service) describeEndpoints(context.Context, *nothing) (*describeEndpointsOutput, error) {
	return &describeEndpointsOutput{[]endpoint{{Address: "dynamodb." + s.Region + ".amazonaws.com", CachePeriodInMinutes: 1440}}}, nil
}
