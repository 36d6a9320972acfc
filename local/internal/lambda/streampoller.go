package lambda

// This file defines reading streams: one reader for each shard, in order, that
// moves on only when a batch has succeeded or was given up.
// https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html

import (
	"context"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// position is how far a mapping has read a shard: everything up to After is done.
type position struct {
	After string // a sequence number; "": nothing yet
}

// Pauses between attempts to deliver a batch.
const (
	firstPause = time.Second
	maxPause   = time.Minute
)

// entry is one record of a shard.
type entry struct {
	record   *jsonvalue.Object // as the function gets it
	sequence string
	lane     uint32
	arrived  time.Time
}

// pollStream reads all shards until the poller is stopped.
func (x *poller) pollStream() {
	var readers sync.WaitGroup
	for _, id := range x.shardIDs() {
		r := &shardReader{poller: x, shard: id, bell: newBell(x.s, x.Source)}
		release := x.s.Clock.Hold()
		readers.Go(func() {
			defer r.bell.close()
			defer r.watch(r.bell)()
			r.read(release)
		})
	}
	x.bell.close() // its hold has lasted until the readers have theirs
	readers.Wait()
}

// shardIDs waits for the stream to answer which shards it has.
func (x *poller) shardIDs() []string {
	for x.ctx.Err() == nil {
		f, err := x.function()
		if err == nil {
			var ids []string
			if ids, err = x.s.shards(x.ctx, x.identity(f), x.Source); err == nil {
				return ids
			}
		}
		x.trouble(err)
	}
	return nil
}

func (s *Service) shards(ctx context.Context, as awswire.Identity, stream string) (ids []string, err error) {
	out, err := s.Caller.Call(ctx, as, "dynamodbstreams", "DescribeStream", jsonvalue.NewObject(member("StreamArn", stream)))
	if err != nil {
		return nil, err
	}
	description := objectAt(out, "StreamDescription")
	list, _ := description.Get("Shards")
	shards, _ := list.([]any)
	for _, shard := range shards {
		if o, ok := shard.(*jsonvalue.Object); ok {
			ids = append(ids, textOf(o, "ShardId"))
		}
	}
	return ids, nil
}

func objectAt(v jsonvalue.Value, name string) *jsonvalue.Object {
	o, _ := v.(*jsonvalue.Object)
	inner, _ := o.Get(name)
	found, _ := inner.(*jsonvalue.Object)
	return found
}

// ends returns, for a mapping that begins at the end of its stream, where each
// shard ends now. It is stored with the mapping: what is written between its
// creation and its first look is not lost.
func (s *Service) ends(ctx context.Context, m *mapping, f *function) (map[string]string, error) {
	if m.StartingPosition != "LATEST" {
		return nil, nil
	}
	as := s.roleIdentity(f.record.Latest.Config.Role, m.Function, 0)
	ids, err := s.shards(ctx, as, m.Source)
	if err != nil {
		return nil, err
	}
	ends := map[string]string{}
	for _, id := range ids {
		for {
			entries, err := s.records(ctx, as, m.Source, id, ends[id], 1000)
			if err != nil {
				return nil, err
			}
			if len(entries) == 0 {
				break
			}
			ends[id] = entries[len(entries)-1].sequence
		}
	}
	return ends, nil
}

// records reads up to limit records behind a sequence number.
func (s *Service) records(ctx context.Context, as awswire.Identity, stream, shard, after string, limit int) ([]entry, error) {
	iterator, err := s.iterator(ctx, as, stream, shard, after)
	if awswire.CodeOf(err) == "TrimmedDataAccessException" { // it was away for longer than records are kept
		iterator, err = s.iterator(ctx, as, stream, shard, "")
	}
	if err != nil {
		return nil, err
	}
	out, err := s.Caller.Call(ctx, as, "dynamodbstreams", "GetRecords", jsonvalue.NewObject(member("ShardIterator", iterator), member("Limit", jsonvalue.Int(int64(min(limit, 1000))))))
	if err != nil {
		return nil, err
	}
	o, _ := out.(*jsonvalue.Object)
	list, _ := o.Get("Records")
	records, _ := list.([]any)
	entries := make([]entry, 0, len(records))
	for _, r := range records {
		if o, ok := r.(*jsonvalue.Object); ok {
			entries = append(entries, newEntry(o, stream))
		}
	}
	return entries, nil
}

func (s *Service) iterator(ctx context.Context, as awswire.Identity, stream, shard, after string) (string, error) {
	params := jsonvalue.NewObject(member("StreamArn", stream), member("ShardId", shard), member("ShardIteratorType", "TRIM_HORIZON"))
	if after != "" {
		params = params.With("ShardIteratorType", "AFTER_SEQUENCE_NUMBER").With("SequenceNumber", after)
	}
	out, err := s.Caller.Call(ctx, as, "dynamodbstreams", "GetShardIterator", params)
	if err != nil {
		return "", err
	}
	o, _ := out.(*jsonvalue.Object)
	return textOf(o, "ShardIterator"), nil
}

// newEntry spells a record as Lambda's events do: the members of the record in
// lower case, those of the change as they are.
func newEntry(o *jsonvalue.Object, stream string) entry {
	change := objectAt(o, "Dynamodb")
	var b jsonvalue.Builder
	for name, v := range o.All() {
		if user, ok := v.(*jsonvalue.Object); ok && name == "UserIdentity" {
			v = lowerNames(user)
		}
		b.Set(lowerFirst(name), v)
	}
	b.Set("eventSourceARN", stream)
	keys, _ := change.Get("Keys")
	h := fnv.New32a()
	_, _ = h.Write(jsonvalue.Append(nil, keys))
	at, _ := change.Get("ApproximateCreationDateTime")
	seconds, _ := at.(jsonvalue.Number)
	unix, _ := seconds.Float64()
	return entry{record: b.Object(), sequence: textOf(change, "SequenceNumber"), lane: h.Sum32(), arrived: time.UnixMilli(int64(unix * 1000)).UTC()}
}

func lowerNames(o *jsonvalue.Object) *jsonvalue.Object {
	var b jsonvalue.Builder
	for name, v := range o.All() {
		b.Set(lowerFirst(name), v)
	}
	return b.Object()
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// shardReader reads one shard.
type shardReader struct {
	*poller
	shard string
	bell  *bell
	after string
}

// read reads until the poller is stopped. It takes over a hold on the clock.
func (r *shardReader) read(release func()) {
	if err := r.load(); err != nil {
		release()
		r.trouble(err)
		return
	}
	for ok := true; ok; {
		var progress bool
		progress, release, ok = r.round(release)
		if ok && !progress {
			release()
			release, ok = r.bell.wait(r.ctx)
		}
	}
}

func (r *shardReader) load() error {
	return r.s.Store.View(func(v store.Reader) error {
		p, err := get[position](v, bucketPosition, store.Key(r.UUID, r.shard))
		if p != nil {
			r.after = p.After
		}
		return err
	})
}

// round reads and delivers what there is, up to a batch for each lane. It is
// called and returns with the clock held; ok is false, and the clock let go, when
// the poller is stopped.
func (r *shardReader) round(release func()) (progress bool, again func(), ok bool) {
	if r.ctx.Err() != nil {
		release()
		return false, nil, false
	}
	f, err := r.function()
	var entries []entry
	if err == nil {
		if entries, release, ok, err = r.gather(f, release); !ok {
			return false, nil, false
		}
	}
	if err != nil {
		release()
		r.trouble(err)
		return true, r.s.Clock.Hold(), true
	}
	if len(entries) == 0 {
		return false, release, true
	}
	release, ok = r.deliverAll(f, entries, release)
	if !ok {
		release()
		return false, nil, false
	}
	return true, release, true
}

// gather reads a round's records; with a batching window it waits until there are
// enough or the window is over. They stay in the stream meanwhile.
func (r *shardReader) gather(f *function, release func()) (entries []entry, again func(), ok bool, err error) {
	want := *r.BatchSize * or(r.ParallelizationFactor, 1)
	read := func() ([]entry, error) {
		return r.s.records(r.ctx, r.identity(f), r.Source, r.shard, r.after, want)
	}
	entries, err = read()
	window := time.Duration(or(r.MaximumBatchingWindowInSeconds, 0)) * time.Second
	if err != nil || window == 0 || len(entries) == 0 {
		return entries, release, true, err
	}
	end := r.s.Clock.Now().Add(window)
	timer := r.s.Clock.AfterFunc(window, r.bell.ring)
	defer timer.Stop()
	for len(entries) < min(want, 1000) && r.s.Clock.Now().Before(end) {
		release()
		if release, ok = r.bell.wait(r.ctx); !ok {
			return nil, nil, false, nil
		}
		if entries, err = read(); err != nil {
			return nil, release, true, err
		}
	}
	return entries, release, true, nil
}

// deliverAll delivers a round. Records of one key stay in order: they are in one
// lane, and there are as many lanes as batches may run at once. It takes over a
// hold on the clock and returns one: the last lane's, because lanes that pause
// must not be kept from it.
func (r *shardReader) deliverAll(f *function, entries []entry, release func()) (again func(), ok bool) {
	last := entries[len(entries)-1].sequence
	lanes := make([][]entry, or(r.ParallelizationFactor, 1))
	for _, e := range entries {
		if r.filter.wants(e.record) {
			n := e.lane % uint32(len(lanes))
			lanes[n] = append(lanes[n], e)
		}
	}
	var left, stopped atomic.Int32
	left.Store(int32(len(lanes)))
	final := make(chan func(), 1)
	for _, lane := range lanes {
		hold := r.s.Clock.Hold()
		go func() {
			for batch := range slices.Chunk(lane, *r.BatchSize) {
				if !r.deliverBatch(f, batch, 0, len(lanes) == 1, &hold) {
					stopped.Add(1)
					break
				}
			}
			if left.Add(-1) == 0 {
				final <- hold
				return
			}
			hold()
		}()
	}
	release()
	again = <-final
	ok = stopped.Load() == 0 && r.advance(last)
	if ok && r.Result != "OK" {
		r.Result = "OK"
		r.note(r.Result)
	}
	return again, ok
}

// advance stores that everything up to a record is done.
func (r *shardReader) advance(sequence string) bool {
	err := r.s.Store.Update(func(tx *store.Tx) error {
		if _, there := tx.Get(bucketMapping, r.UUID); there {
			tx.Put(bucketPosition, store.Key(r.UUID, r.shard), encode(position{After: sequence}))
		}
		return nil
	})
	if err == nil {
		r.after = sequence
	}
	return err == nil
}

// age is how long ago the last record of a batch was written.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
func (r *shardReader) age(batch []entry) *time.Duration {
	age := max(r.s.Clock.Now().Sub(batch[len(batch)-1].arrived), 0)
	return &age
}

// deliverBatch delivers a batch until it succeeds or is given up; alone tells
// that no other lane is under way, so that progress within the batch may be
// stored. It returns false when the poller is stopped. hold is its hold on the
// clock, which it lets go while it pauses.
func (r *shardReader) deliverBatch(f *function, batch []entry, attempts int, alone bool, hold *func()) bool {
	for pauses := 0; ; pauses++ {
		if pauses > 0 {
			var ok bool
			if *hold, ok = r.s.pause(r.ctx, min(firstPause<<min(pauses-1, 10), maxPause), *hold); !ok {
				return false
			}
			f = r.current(f)
		}
		if batch = r.dropAged(f, batch, attempts); len(batch) == 0 {
			return true
		}
		result := r.deliver(f, recordsOf(batch), r.age(batch))
		if result.closing() || result.err != nil && r.ctx.Err() != nil {
			return false
		}
		if result.err != nil {
			continue // throttled: that is no attempt
		}
		done := result.done(batch)
		if done == len(batch) {
			return true
		}
		if done > 0 && alone && !r.advance(batch[done-1].sequence) {
			return false
		}
		batch = batch[done:]
		if or(r.BisectBatchOnFunctionError, false) && done == 0 && len(batch) > 1 { // splitting is no attempt either
			half := (len(batch) + 1) / 2
			return r.deliverBatch(f, batch[:half], attempts, alone, hold) && (!alone || r.advance(batch[half-1].sequence)) && r.deliverBatch(f, batch[half:], attempts, alone, hold)
		}
		attempts++
		if limit := or(r.MaximumRetryAttempts, -1); limit >= 0 && attempts > limit {
			r.giveUp(f, batch, "RetryAttemptsExhausted", attempts, &result)
			return true
		}
	}
}

// current returns the function as it is now: a new version may cure the batch.
func (r *shardReader) current(old *function) *function {
	if f, err := r.function(); err == nil {
		return f
	}
	return old
}

func recordsOf(batch []entry) []jsonvalue.Value {
	records := make([]jsonvalue.Value, len(batch))
	for i, e := range batch {
		records[i] = e.record
	}
	return records
}

// done returns how many records at the beginning of a batch succeeded: those
// before the first that is reported as failed.
func (b batchResult) done(batch []entry) int {
	if b.failed {
		return 0
	}
	done := len(batch)
	for _, id := range b.items {
		i := slices.IndexFunc(batch, func(e entry) bool { return e.sequence == id })
		if i < 0 {
			return 0 // an unknown identifier fails the whole batch
		}
		done = min(done, i)
	}
	return done
}

// dropAged gives up the records that have become too old.
func (r *shardReader) dropAged(f *function, batch []entry, attempts int) []entry {
	age := or(r.MaximumRecordAgeInSeconds, -1)
	if age < 0 {
		return batch
	}
	oldest := r.s.Clock.Now().Add(-time.Duration(age) * time.Second)
	n := 0
	for n < len(batch) && batch[n].arrived.Before(oldest) {
		n++
	}
	if n > 0 {
		r.giveUp(f, batch[:n], "RecordAgeExceeded", attempts, nil)
	}
	return batch[n:]
}

// giveUp tells the on-failure destination of records that are skipped: where they
// stand, and a bucket also what they are.
// https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
func (r *shardReader) giveUp(f *function, batch []entry, condition string, attempts int, result *batchResult) {
	r.s.Log.Warn("records of a stream were given up", "stream", r.Source, "function", r.Function, "records", len(batch), "condition", condition)
	if r.onFailure() == "" {
		return
	}
	id := newID()
	if result != nil {
		id = result.requestID
	}
	record := []jsonvalue.Member{member("requestContext", jsonvalue.NewObject(member("requestId", id), member("functionArn", r.s.qualifiedARN(r.Function, r.Qualifier)),
		member("condition", condition), member("approximateInvokeCount", jsonvalue.Int(int64(attempts)))))}
	if result != nil {
		var failure jsonvalue.Value
		if result.unhandled {
			failure = "Unhandled"
		}
		record = append(record, member("responseContext", jsonvalue.NewObject(member("statusCode", jsonvalue.Int(200)), member("executedVersion", result.version), member("functionError", failure))))
	}
	first, last := batch[0], batch[len(batch)-1]
	const form = "2006-01-02T15:04:05Z"
	record = append(record, member("version", "1.0"), member("timestamp", timestamp(r.s.Clock.Now())),
		member("DDBStreamBatchInfo", jsonvalue.NewObject(member("shardId", r.shard), member("startSequenceNumber", first.sequence), member("endSequenceNumber", last.sequence),
			member("approximateArrivalOfFirstRecord", first.arrived.Format(form)), member("approximateArrivalOfLastRecord", last.arrived.Format(form)),
			member("batchSize", jsonvalue.Int(int64(len(batch)))), member("streamArn", r.Source))))
	if strings.HasPrefix(r.onFailure(), "arn:aws:s3:") { // a bucket has room for the records themselves
		event := jsonvalue.NewObject(member("Records", recordsOf(batch)))
		record = append(record, member("payload", jsonvalue.String(event)))
	}
	r.s.send(context.Background(), f, letter{to: r.onFailure(), body: jsonvalue.NewObject(record...), folder: r.UUID + "/" + r.shard})
}
