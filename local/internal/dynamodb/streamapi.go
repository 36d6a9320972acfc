package dynamodb

// This file defines the API of DynamoDB Streams.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB_Streams.html

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

type listStreamsInput struct {
	TableName               *string `aws:"name"`
	Limit                   *int32  `aws:"min=1"`
	ExclusiveStartStreamArn *string `aws:"min=37,max=1024"`
}

type streamSummary struct {
	StreamArn   string
	TableName   string
	StreamLabel string
}

type listStreamsOutput struct {
	Streams                []streamSummary
	LastEvaluatedStreamArn string `json:",omitempty"`
}

type describeStreamInput struct {
	StreamArn             *string `aws:"required,min=37,max=1024"`
	Limit                 *int32  `aws:"min=1"`
	ExclusiveStartShardId *string `aws:"min=28,max=65"`
}

type sequenceNumberRange struct {
	StartingSequenceNumber string
	EndingSequenceNumber   string `json:",omitempty"`
}

type shard struct {
	ShardId             string
	SequenceNumberRange sequenceNumberRange
}

type streamDescription struct {
	StreamArn               string
	StreamLabel             string
	StreamStatus            string
	StreamViewType          string
	CreationRequestDateTime awswire.Time
	TableName               string
	KeySchema               []keySchemaElement
	Shards                  []shard
}

type describeStreamOutput struct{ StreamDescription *streamDescription }

type getShardIteratorInput struct {
	StreamArn         *string `aws:"required,min=37,max=1024"`
	ShardId           *string `aws:"required,min=28,max=65"`
	ShardIteratorType *string `aws:"required,enum=AFTER_SEQUENCE_NUMBER|LATEST|AT_SEQUENCE_NUMBER|TRIM_HORIZON"`
	SequenceNumber    *string `aws:"min=21,max=40"`
}

type getShardIteratorOutput struct{ ShardIterator string }

type getRecordsInput struct {
	ShardIterator *string `aws:"required,min=1,max=2048"`
	Limit         *int32  `aws:"min=1,max=1000"`
}

type streamRecord struct {
	ApproximateCreationDateTime awswire.Time
	Keys                        *item
	NewImage                    *item `json:",omitzero"`
	OldImage                    *item `json:",omitzero"`
	SequenceNumber              string
	SizeBytes                   int
	StreamViewType              string
}

type streamEvent struct {
	EventID      string        `json:"eventID"`
	EventName    string        `json:"eventName"`
	EventVersion string        `json:"eventVersion"`
	EventSource  string        `json:"eventSource"`
	AwsRegion    string        `json:"awsRegion"`
	Dynamodb     streamRecord  `json:"dynamodb"`
	UserIdentity *userIdentity `json:"userIdentity,omitzero"`
}

type getRecordsOutput struct {
	Records           []streamEvent
	NextShardIterator string `json:",omitempty"`
}

// StreamsAPI lists the operations of DynamoDB Streams.
func (s *Service) StreamsAPI() awswire.Service {
	return awswire.Service{
		Name: "dynamodbstreams", Signing: "dynamodb", Protocol: awswire.JSON10, Target: "DynamoDBStreams_20120810", Namespace: "com.amazonaws.dynamodb.v20120810",
		Operations: []awswire.Operation{
			op("ListStreams", func(*listStreamsInput) []awswire.Access {
				return []awswire.Access{{Action: "dynamodb:ListStreams", Resource: "*"}}
			}, s.listStreams),
			op("DescribeStream", func(in *describeStreamInput) []awswire.Access { return accessToARN("DescribeStream", in.StreamArn) }, s.describeStream),
			op("GetShardIterator", func(in *getShardIteratorInput) []awswire.Access {
				return accessToARN("GetShardIterator", in.StreamArn)
			}, s.getShardIterator),
			op("GetRecords", func(in *getRecordsInput) []awswire.Access {
				arn, _, _ := strings.Cut(deref(in.ShardIterator), "|")
				return accessToARN("GetRecords", &arn)
			}, s.getRecords),
		},
	}
}

func accessToARN(action string, arn *string) []awswire.Access {
	return []awswire.Access{{Action: "dynamodb:" + action, Resource: deref(arn)}}
}

// readable reports whether a stream can still be read: while it is enabled and
// as long after that as its records are kept.
func (st *stream) readable(now time.Time) bool {
	return st.Closed.IsZero() || now.Before(st.Closed.Add(retention))
}

func (s *Service) listStreams(_ context.Context, in *listStreamsInput) (*listStreamsOutput, error) {
	limit, out := 100, &listStreamsOutput{Streams: []streamSummary{}}
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	from := ""
	if in.ExclusiveStartStreamArn != nil {
		from = *in.ExclusiveStartStreamArn + "\x00"
	}
	return out, s.Store.View(func(r store.Reader) error {
		for arn := range r.Scan(bucketStreams, from, "") {
			st, ok := loadStream(r, arn)
			if !ok || !st.readable(s.Clock.Now()) || in.TableName != nil && nameOfTable(*in.TableName) != st.Table {
				continue
			}
			if len(out.Streams) == limit {
				out.LastEvaluatedStreamArn = out.Streams[limit-1].StreamArn
				break
			}
			out.Streams = append(out.Streams, streamSummary{StreamArn: st.ARN, TableName: st.Table, StreamLabel: st.Label})
		}
		return nil
	})
}

func (s *Service) streamNamed(r store.Reader, arn string) (*stream, error) {
	st, ok := loadStream(r, arn)
	if !ok || !st.readable(s.Clock.Now()) {
		return nil, notFound(": Stream: %s not found", arn)
	}
	return st, nil
}

// firstSequence is the number of a stream's first record, ever.
const firstSequence = 1

func (s *Service) describeStream(_ context.Context, in *describeStreamInput) (*describeStreamOutput, error) {
	var st *stream
	if err := s.Store.View(func(r store.Reader) (err error) {
		st, err = s.streamNamed(r, *in.StreamArn)
		return err
	}); err != nil {
		return nil, err
	}
	d := &streamDescription{StreamArn: st.ARN, StreamLabel: st.Label, StreamStatus: "ENABLED", StreamViewType: st.View,
		CreationRequestDateTime: awswire.At(st.Created), TableName: st.Table, KeySchema: st.Keys}
	one := shard{ShardId: st.shard(), SequenceNumberRange: sequenceNumberRange{StartingSequenceNumber: spellSequence(firstSequence)}}
	if !st.Closed.IsZero() {
		d.StreamStatus = "DISABLED"
		one.SequenceNumberRange.EndingSequenceNumber = spellSequence(max(st.Ended, firstSequence))
	}
	d.Shards = []shard{}
	if in.ExclusiveStartShardId == nil || *in.ExclusiveStartShardId < one.ShardId {
		d.Shards = append(d.Shards, one)
	}
	return &describeStreamOutput{d}, nil
}

// parseSequence reads a sequence number that was given out here.
func parseSequence(text string) (uint64, error) {
	digits, ok := strings.CutPrefix(text, sequenceBase[:1])
	n, err := strconv.ParseUint(digits, 10, 64)
	if !ok || err != nil || len(text) != 21 {
		return 0, invalid("Invalid SequenceNumber: %s", text)
	}
	return n, nil
}

func (s *Service) getShardIterator(_ context.Context, in *getShardIteratorInput) (*getShardIteratorOutput, error) {
	bySequence := strings.HasSuffix(*in.ShardIteratorType, "SEQUENCE_NUMBER")
	if bySequence && in.SequenceNumber == nil {
		return nil, invalid("Missing required parameter: SequenceNumber is required for ShardIteratorType %s", *in.ShardIteratorType)
	}
	var at uint64
	if bySequence {
		var err error
		if at, err = parseSequence(*in.SequenceNumber); err != nil {
			return nil, err
		}
	}
	err := s.Store.View(func(r store.Reader) error {
		st, err := s.streamNamed(r, *in.StreamArn)
		if err != nil {
			return err
		}
		if *in.ShardId != st.shard() {
			return notFound(": Shard does not exist")
		}
		at, err = s.startAt(r, st, *in.ShardIteratorType, at)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &getShardIteratorOutput{s.spellIterator(*in.StreamArn, at)}, nil
}

// startAt returns the number of the first record that an iterator reads.
func (s *Service) startAt(r store.Reader, st *stream, kind string, asked uint64) (uint64, error) {
	switch kind {
	case "TRIM_HORIZON":
		return firstSequence, nil
	case "LATEST":
		return lastSequence(r, st.ARN) + 1, nil
	case "AFTER_SEQUENCE_NUMBER":
		asked++
	}
	if asked > firstSequence && asked < s.oldest(r, st) {
		return 0, awswire.Errorf("TrimmedDataAccessException", "The operation attempted to read past the oldest stream record in a shard. SequenceNumber: %s", spellSequence(asked))
	}
	return asked, nil
}

// oldest returns the number of the oldest record that can be read, or that will
// come next.
func (s *Service) oldest(r store.Reader, st *stream) uint64 {
	for key, text := range r.Scan(bucketRecords+st.ARN, "", "") {
		if !s.aged(text) {
			return store.ParseUint64(key)
		}
	}
	return lastSequence(r, st.ARN) + 1
}

func (s *Service) aged(text []byte) bool {
	return s.Clock.Now().After(recordTime(text).Add(retention))
}

// iteratorLife is how long an iterator can be used.
const iteratorLife = 15 * time.Minute

// spellIterator hides in an iterator where it stands and when it was made.
func (s *Service) spellIterator(arn string, at uint64) string {
	text := fmt.Sprintf("%d %d", at, s.Clock.Now().UnixMilli())
	return arn + "|1|" + base64.StdEncoding.EncodeToString([]byte(text))
}

func (s *Service) parseIterator(text string) (arn string, at uint64, err error) {
	bad := invalid("Invalid ShardIterator")
	fields := strings.Split(text, "|")
	if len(fields) != 3 {
		return "", 0, bad
	}
	inner, err := base64.StdEncoding.DecodeString(fields[2])
	if err != nil {
		return "", 0, bad
	}
	var made int64
	if _, err := fmt.Sscanf(string(inner), "%d %d", &at, &made); err != nil {
		return "", 0, bad
	}
	if s.Clock.Now().After(time.UnixMilli(made).Add(iteratorLife)) {
		return "", 0, awswire.Errorf("ExpiredIteratorException", "The shard iterator has expired: it was made more than 15 minutes ago")
	}
	return fields[0], at, nil
}

// The limits of GetRecords.
const (
	maxRecords      = 1000
	maxRecordsBytes = 1 << 20
)

func (s *Service) getRecords(_ context.Context, in *getRecordsInput) (*getRecordsOutput, error) {
	arn, at, err := s.parseIterator(*in.ShardIterator)
	if err != nil {
		return nil, err
	}
	limit := maxRecords
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	out := &getRecordsOutput{Records: []streamEvent{}}
	return out, s.Store.View(func(r store.Reader) error {
		st, err := s.streamNamed(r, arn)
		if err != nil {
			return err
		}
		if at, err = s.readRecords(r, st, at, limit, out); err != nil {
			return err
		}
		if st.Closed.IsZero() || at <= st.Ended {
			out.NextShardIterator = s.spellIterator(arn, at)
		}
		return nil
	})
}

func (s *Service) readRecords(r store.Reader, st *stream, at uint64, limit int, out *getRecordsOutput) (next uint64, err error) {
	size := 0
	for key, text := range r.Scan(bucketRecords+st.ARN, store.Uint64(at), "") {
		sequence := store.ParseUint64(key)
		if len(out.Records) == limit || size > maxRecordsBytes {
			return sequence, nil
		}
		at = sequence + 1
		if s.aged(text) {
			continue
		}
		rec, err := decodeRecord(sequence, text)
		if err != nil {
			return at, err
		}
		size += rec.size()
		out.Records = append(out.Records, s.event(st, rec))
	}
	return at, nil
}

// event is a record as the API shows it.
func (s *Service) event(st *stream, r *record) streamEvent {
	e := streamEvent{EventID: fmt.Sprintf("%08x%024x", crc(st.ARN), r.sequence), EventName: r.Event, EventVersion: "1.1", EventSource: "aws:dynamodb", AwsRegion: s.Region,
		Dynamodb: streamRecord{ApproximateCreationDateTime: awswire.At(r.approximate.Truncate(time.Second)), Keys: &item{Map: r.Keys},
			SequenceNumber: spellSequence(r.sequence), SizeBytes: r.size(), StreamViewType: st.View}}
	if r.New != nil {
		e.Dynamodb.NewImage = &item{Map: r.New}
	}
	if r.Old != nil {
		e.Dynamodb.OldImage = &item{Map: r.Old}
	}
	if r.ByTTL {
		e.UserIdentity = byDynamoDB
	}
	return e
}
