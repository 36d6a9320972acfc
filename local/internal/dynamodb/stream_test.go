package dynamodb

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"github.com/stepworks/stepworks/local/internal/store"
)

func withStream(view types.StreamViewType) func(*ddb.CreateTableInput) {
	return func(in *ddb.CreateTableInput) {
		in.StreamSpecification = &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: view}
	}
}

func (w *world) streamOf(table string) string {
	w.Helper()
	out, err := w.db.DescribeTable(w.Context(), &ddb.DescribeTableInput{TableName: &table})
	w.must(err)
	return *out.Table.LatestStreamArn
}

func (w *world) iterator(arn string, kind streamtypes.ShardIteratorType, sequence *string) *string {
	w.Helper()
	d, err := w.streams.DescribeStream(w.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: &arn})
	w.must(err)
	out, err := w.streams.GetShardIterator(w.Context(), &dynamodbstreams.GetShardIteratorInput{StreamArn: &arn, ShardId: d.StreamDescription.Shards[0].ShardId, ShardIteratorType: kind, SequenceNumber: sequence})
	w.must(err)
	return out.ShardIterator
}

func (w *world) records(iterator *string) ([]streamtypes.Record, *string) {
	w.Helper()
	out, err := w.streams.GetRecords(w.Context(), &dynamodbstreams.GetRecordsInput{ShardIterator: iterator})
	w.must(err)
	return out.Records, out.NextShardIterator
}

// story prints records: event, then which images they carry.
func story(records []streamtypes.Record) string {
	text := ""
	for _, r := range records {
		text += string(r.EventName) + fmt.Sprintf("%d%d%d ", min(len(r.Dynamodb.Keys), 9), len(r.Dynamodb.OldImage), len(r.Dynamodb.NewImage))
	}
	return text
}

func TestStreamViewTypes(t *testing.T) {
	for view, want := range map[types.StreamViewType]string{
		types.StreamViewTypeKeysOnly:        "INSERT100 MODIFY100 REMOVE100 ",
		types.StreamViewTypeNewImage:        "INSERT102 MODIFY102 REMOVE100 ",
		types.StreamViewTypeOldImage:        "INSERT100 MODIFY120 REMOVE120 ",
		types.StreamViewTypeNewAndOldImages: "INSERT102 MODIFY122 REMOVE120 ",
	} {
		w := newWorld(t)
		w.create("things", false, withStream(view))
		latest := w.iterator(w.streamOf("things"), streamtypes.ShardIteratorTypeLatest, nil)
		w.put("things", object{"pk": "a", "n": 1})
		w.put("things", object{"pk": "a", "n": 1}) // changes nothing: no record
		w.put("things", object{"pk": "a", "n": 2})
		_, err := w.db.DeleteItem(w.Context(), &ddb.DeleteItemInput{TableName: aws.String("things"), Key: av(object{"pk": "a"})})
		w.must(err)
		records, _ := w.records(latest)
		w.expect(want, story(records))
	}
}

func TestStreamPlaces(t *testing.T) {
	w := newWorld(t)
	w.create("things", false, withStream(types.StreamViewTypeKeysOnly))
	arn := w.streamOf("things")
	for i := range 3 {
		w.put("things", object{"pk": fmt.Sprint(i)})
	}
	all, next := w.records(w.iterator(arn, streamtypes.ShardIteratorTypeTrimHorizon, nil))
	w.expect(3, len(all))
	second := all[1].Dynamodb.SequenceNumber
	at, _ := w.records(w.iterator(arn, streamtypes.ShardIteratorTypeAtSequenceNumber, second))
	after, _ := w.records(w.iterator(arn, streamtypes.ShardIteratorTypeAfterSequenceNumber, second))
	w.expect([2]int{2, 1}, [2]int{len(at), len(after)})

	w.put("things", object{"pk": "later"})
	more, next := w.records(next)
	w.expect(1, len(more))
	w.pass(16 * time.Minute)
	_, err := w.streams.GetRecords(w.Context(), &dynamodbstreams.GetRecordsInput{ShardIterator: next})
	w.refuses("ExpiredIteratorException", err)

	w.pass(24 * time.Hour)
	none, _ := w.records(w.iterator(arn, streamtypes.ShardIteratorTypeTrimHorizon, nil))
	w.expect(0, len(none))
	d, err := w.streams.DescribeStream(w.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: &arn})
	w.must(err)
	_, err = w.streams.GetShardIterator(w.Context(), &dynamodbstreams.GetShardIteratorInput{StreamArn: &arn, ShardId: d.StreamDescription.Shards[0].ShardId,
		ShardIteratorType: streamtypes.ShardIteratorTypeAtSequenceNumber, SequenceNumber: second})
	w.refuses("TrimmedDataAccessException", err)
}

func TestStreamOutlivesItsTable(t *testing.T) {
	w := newWorld(t)
	w.create("things", false, withStream(types.StreamViewTypeKeysOnly))
	arn := w.streamOf("things")
	w.put("things", object{"pk": "a"})
	_, err := w.db.DeleteTable(w.Context(), &ddb.DeleteTableInput{TableName: aws.String("things")})
	w.must(err)
	records, next := w.records(w.iterator(arn, streamtypes.ShardIteratorTypeTrimHorizon, nil))
	w.expect(1, len(records))
	if next != nil {
		t.Error("the shard of a deleted table has no end")
	}
	w.pass(25 * time.Hour)
	_, err = w.streams.DescribeStream(w.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: &arn})
	w.refuses("ResourceNotFoundException", err)
}

func TestStreamKeepsItsPlaceOverARestart(t *testing.T) {
	st := store.Memory()
	t.Cleanup(func() { st.Close() })
	w := newWorldOn(t, st, testStart)
	w.create("things", false, withStream(types.StreamViewTypeKeysOnly))
	arn := w.streamOf("things")
	for i := range 200 { // more than one look for old records
		w.put("things", object{"pk": fmt.Sprint(i)})
	}
	w = newWorldOn(t, st, testStart.Add(48*time.Hour))
	place := w.iterator(arn, streamtypes.ShardIteratorTypeLatest, nil)
	for i := range 200 {
		w.put("things", object{"pk": fmt.Sprint(i), "again": true})
	}
	records, _ := w.records(place)
	w.expect(200, len(records))
	w.expect(spellSequence(201), *records[0].Dynamodb.SequenceNumber)
	w.expect(object{"pk": "0", "again": true}, w.get("things", object{"pk": "0"}))
}

func TestTimeToLive(t *testing.T) {
	w := newWorld(t)
	w.create("tokens", false, withStream(types.StreamViewTypeOldImage))
	ends := func(in time.Duration) int64 { return testStart.Add(in).Unix() }
	w.put("tokens", object{"pk": "there before", "ends": ends(time.Hour)})
	_, err := w.db.UpdateTimeToLive(w.Context(), &ddb.UpdateTimeToLiveInput{TableName: aws.String("tokens"),
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String("ends"), Enabled: aws.Bool(true)}})
	w.must(err)
	w.put("tokens", object{"pk": "soon", "ends": ends(2 * time.Hour)})
	w.put("tokens", object{"pk": "prolonged", "ends": ends(2 * time.Hour)})
	w.put("tokens", object{"pk": "prolonged", "ends": ends(5 * time.Hour)})
	w.put("tokens", object{"pk": "text", "ends": "never"})
	w.put("tokens", object{"pk": "ancient", "ends": ends(-6 * 365 * 24 * time.Hour)})
	left := func() int32 {
		out, err := w.db.Scan(w.Context(), &ddb.ScanInput{TableName: aws.String("tokens"), Select: types.SelectCount})
		w.must(err)
		return out.Count
	}
	var counts []int32
	for range 3 {
		counts = append(counts, left())
		w.pass(2*time.Hour + 31*time.Minute)
	}
	w.expect([]int32{5, 3, 2}, counts)
	records, _ := w.records(w.iterator(w.streamOf("tokens"), streamtypes.ShardIteratorTypeTrimHorizon, nil))
	last := records[len(records)-1]
	w.expect("REMOVE dynamodb.amazonaws.com Service", fmt.Sprint(last.EventName, " ", *last.UserIdentity.PrincipalId, " ", *last.UserIdentity.Type))
}

func TestStreamTurnedOffAndOn(t *testing.T) {
	w := newWorld(t)
	w.create("things", false)
	set := func(on bool) error {
		s := &types.StreamSpecification{StreamEnabled: &on}
		if on {
			s.StreamViewType = types.StreamViewTypeNewImage
		}
		_, err := w.db.UpdateTable(w.Context(), &ddb.UpdateTableInput{TableName: aws.String("things"), StreamSpecification: s})
		return err
	}
	w.refuses("ValidationException", set(false))
	w.must(set(true))
	first := w.streamOf("things")
	w.put("things", object{"pk": "a"})
	w.refuses("ResourceInUseException", set(true))
	w.must(set(false))
	w.put("things", object{"pk": "unseen"})
	w.must(set(true))
	w.put("things", object{"pk": "b"})
	second := w.streamOf("things")
	out, err := w.streams.ListStreams(w.Context(), &dynamodbstreams.ListStreamsInput{TableName: aws.String("things"), Limit: aws.Int32(1)})
	w.must(err)
	more, err := w.streams.ListStreams(w.Context(), &dynamodbstreams.ListStreamsInput{TableName: aws.String("things"), ExclusiveStartStreamArn: out.LastEvaluatedStreamArn})
	w.must(err)
	w.expect(first+" "+second, *out.Streams[0].StreamArn+" "+*more.Streams[0].StreamArn)
	old, end := w.records(w.iterator(first, streamtypes.ShardIteratorTypeTrimHorizon, nil))
	fresh, next := w.records(w.iterator(second, streamtypes.ShardIteratorTypeTrimHorizon, nil))
	w.expect("INSERT101 INSERT101 true false", story(old)+story(fresh)+fmt.Sprint(end == nil, next == nil))
}

// TestTimeToLiveTurnedOff leaves what had been listed for deletion.
func TestTimeToLiveTurnedOff(t *testing.T) {
	w := newWorld(t)
	w.create("tokens", false)
	set := func(on bool) error {
		_, err := w.db.UpdateTimeToLive(w.Context(), &ddb.UpdateTimeToLiveInput{TableName: aws.String("tokens"), TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String("ends"), Enabled: &on}})
		return err
	}
	w.must(set(true))
	w.refuses("ValidationException", set(true))
	w.put("tokens", object{"pk": "a", "ends": testStart.Add(time.Hour).Unix()})
	w.must(set(false))
	w.pass(2 * time.Hour)
	w.expect("a", w.get("tokens", object{"pk": "a"})["pk"])
	w.must(set(true))
	w.pass(time.Minute)
	w.expect(object(nil), w.get("tokens", object{"pk": "a"}))
}
