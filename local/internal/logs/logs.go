// Package logs is CloudWatch Logs: groups with retention, streams, and events
// that are put by the API or written by functions and state machines.
//
// Events put through the API are on disk before the caller hears so. What the
// local AWS itself writes ([Service.Write]) is stored a moment later, so that
// logging costs an invocation nothing; a kill may lose that moment. A group keeps
// its latest events up to a bound and forgets what its retention says; it never
// grows without end.
//
//	bucket        key                      value
//	logs/group    name                     retention, tags, counters
//	logs/stream   group, stream            times of its first and last event
//	logs/event    group, time, sequence    stream and message
//
// Filter patterns are searched as CloudWatch's plain terms and JSON equality
// (see filter.go); metric filters, subscriptions and Insights are not offered.
// Start at [Service.API] and [Service.Write].
package logs

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/store"
)

const (
	bucketGroup  = "logs/group"
	bucketStream = "logs/stream"
	bucketEvent  = "logs/event"
)

// keepEvents is how many events a group keeps at the most; dropEvents go at once
// when there are more.
const (
	keepEvents = 100_000
	dropEvents = 10_000
)

// Config is what the service needs.
type Config struct {
	Account, Region string
	Store           *store.Store
	Clock           clock.Clock
	Log             *slog.Logger // nil: the default one
}

// Service is CloudWatch Logs.
type Service struct {
	Config

	mu      sync.Mutex
	waiting []written
	flush   chan struct{}
	closing chan struct{}
	done    chan struct{}
}

// Event is one line of a stream.
type Event struct {
	Time    time.Time
	Message string
}

// written is what Write was given.
type written struct {
	group, stream string
	events        []Event
}

// New returns the service.
func New(cfg Config) *Service {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Service{Config: cfg, flush: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{})}
	go s.loop()
	return s
}

// Write appends events to a stream, which it makes if it has to; the group too.
// It does not wait for the disk.
func (s *Service) Write(group, stream string, events []Event) {
	if len(events) == 0 {
		return
	}
	s.mu.Lock()
	s.waiting = append(s.waiting, written{group, stream, events})
	s.mu.Unlock()
	select {
	case s.flush <- struct{}{}:
	default:
	}
}

// Close stores what was written.
func (s *Service) Close() {
	close(s.closing)
	<-s.done
}

func (s *Service) loop() {
	defer close(s.done)
	for {
		select {
		case <-s.flush:
			s.store()
		case <-s.closing:
			s.store()
			return
		}
	}
}

// store writes all that waits in one update.
func (s *Service) store() {
	s.mu.Lock()
	batch := s.waiting
	s.waiting = nil
	s.mu.Unlock()
	if len(batch) == 0 {
		return
	}
	err := s.Store.Update(func(tx *store.Tx) error {
		groups := map[string]*group{}
		for _, w := range batch {
			g := groups[w.group]
			if g == nil {
				g, _ = loadGroup(tx, w.group)
				if g == nil {
					g = &group{Name: w.group, Created: s.Clock.Now().UnixMilli()}
				}
				groups[w.group] = g
			}
			s.append(tx, g, w.stream, w.events)
		}
		for _, g := range groups {
			g.save(tx)
		}
		return nil
	})
	if err != nil {
		s.Log.Error("log events could not be stored", "error", err)
	}
}

// group is what the store keeps of a log group.
type group struct {
	Name      string
	Created   int64 // milliseconds
	Retention int   // days; 0: for ever
	Tags      map[string]string
	Sequence  uint64
	Events    int
	Bytes     int64
}

func loadGroup(r store.Reader, name string) (*group, bool) {
	text, ok := r.Get(bucketGroup, name)
	if !ok {
		return nil, false
	}
	var g group
	if json.Unmarshal(text, &g) != nil {
		return nil, false
	}
	return &g, true
}

func (g *group) save(tx *store.Tx) { tx.Put(bucketGroup, g.Name, marshal(g)) }

func marshal(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // structs of strings and numbers always marshal
	}
	return text
}

type stream struct {
	Name                      string
	Created, First, Last, Put int64 // milliseconds
}

func loadStream(r store.Reader, groupName, name string) (*stream, bool) {
	text, ok := r.Get(bucketStream, store.Key(groupName, name))
	if !ok {
		return nil, false
	}
	var st stream
	return &st, json.Unmarshal(text, &st) == nil
}

type line struct {
	Stream  string
	Message string
	Put     int64
}

// append stores events and drops what is too old or too much.
func (s *Service) append(tx *store.Tx, g *group, streamName string, events []Event) {
	now := s.Clock.Now().UnixMilli()
	st, ok := loadStream(tx, g.Name, streamName)
	if !ok {
		st = &stream{Name: streamName, Created: now}
	}
	for _, e := range events {
		at := e.Time.UnixMilli()
		g.Sequence++
		g.Events++
		g.Bytes += int64(len(e.Message)) + 26
		tx.Put(bucketEvent, store.Key(g.Name)+store.Uint64(uint64(at))+store.Uint64(g.Sequence), marshal(line{streamName, e.Message, now}))
		if st.First == 0 || at < st.First {
			st.First = at
		}
		st.Last = max(st.Last, at)
	}
	st.Put = now
	tx.Put(bucketStream, store.Key(g.Name, streamName), marshal(st))
	if g.Events > keepEvents {
		g.drop(tx, func(int64, int) bool { return false }, dropEvents)
	}
	if g.Retention > 0 {
		before := now - int64(g.Retention)*24*time.Hour.Milliseconds()
		g.drop(tx, func(at int64, _ int) bool { return at >= before }, g.Events)
	}
}

// drop removes the oldest events, up to limit, until stop says so.
func (g *group) drop(tx *store.Tx, stop func(at int64, n int) bool, limit int) {
	from, to := store.Prefix(g.Name)
	var keys []string
	for key := range tx.Scan(bucketEvent, from, to) {
		if len(keys) == limit || stop(timeOf(key, from), len(keys)) {
			break
		}
		keys = append(keys, key)
	}
	for _, key := range keys {
		tx.Delete(bucketEvent, key)
	}
	g.Events -= len(keys)
}

func timeOf(key, prefix string) int64 {
	return int64(store.ParseUint64(key[len(prefix) : len(prefix)+8]))
}

// API lists the operations.
func (s *Service) API() awswire.Service {
	return awswire.Service{
		Name: "logs", Protocol: awswire.JSON11, Target: "Logs_20140328",
		Operations: []awswire.Operation{
			onGroup(s, "CreateLogGroup", s.createGroup),
			onGroup(s, "DeleteLogGroup", s.deleteGroup),
			onGroup(s, "PutRetentionPolicy", s.putRetention),
			onGroup(s, "DeleteRetentionPolicy", s.deleteRetention),
			awswire.Op("DescribeLogGroups", func(*describeGroupsInput) []awswire.Access { return s.access("DescribeLogGroups", "*") }, s.describeGroups),
			onGroup(s, "CreateLogStream", s.createStream),
			onGroup(s, "DeleteLogStream", s.deleteStream),
			onGroup(s, "DescribeLogStreams", s.describeStreams),
			onGroup(s, "PutLogEvents", s.putEvents),
			onGroup(s, "GetLogEvents", s.getEvents),
			onGroup(s, "FilterLogEvents", s.filterEvents),
			awswire.Op("TagResource", func(in *tagInput) []awswire.Access { return s.access("TagResource", groupOfARN(in.ResourceArn)) }, s.tag),
			awswire.Op("UntagResource", func(in *untagInput) []awswire.Access { return s.access("UntagResource", groupOfARN(in.ResourceArn)) }, s.untag),
			awswire.Op("ListTagsForResource", func(in *listTagsInput) []awswire.Access {
				return s.access("ListTagsForResource", groupOfARN(in.ResourceArn))
			}, s.listTags),
		},
	}
}

type groupInput interface{ groupName() string }

// byGroup is embedded in inputs that name their group.
type byGroup struct {
	LogGroupName       string `json:"logGroupName" check:"max=512,pattern=[.\\-_/#A-Za-z0-9]+"`
	LogGroupIdentifier string `json:"logGroupIdentifier"`
}

func (in *byGroup) groupName() string {
	if in.LogGroupName != "" {
		return in.LogGroupName
	}
	return groupOfARN(in.LogGroupIdentifier)
}

func onGroup[In, Out any](s *Service, name string, do func(context.Context, *In) (*Out, error)) awswire.Operation {
	return awswire.Op(name, func(in *In) []awswire.Access { return s.access(name, any(in).(groupInput).groupName()) }, do)
}

func (s *Service) access(action, group string) []awswire.Access {
	return []awswire.Access{{Action: "logs:" + action, Resource: s.arn(group) + ":*"}}
}

func (s *Service) arn(group string) string {
	return fmt.Sprintf("arn:aws:logs:%s:%s:log-group:%s", s.Region, s.Account, group)
}

func groupOfARN(arn string) string {
	_, name, ok := strings.Cut(arn, ":log-group:")
	if !ok {
		return arn
	}
	return strings.TrimSuffix(name, ":*")
}

type empty struct{}

func errNoGroup() error {
	return awswire.Errorf("ResourceNotFoundException", "The specified log group does not exist.")
}

func errNoStream() error {
	return awswire.Errorf("ResourceNotFoundException", "The specified log stream does not exist.")
}

// change loads a group, lets f change it and saves it.
func (s *Service) change(name string, f func(tx *store.Tx, g *group) error) error {
	return s.Store.Update(func(tx *store.Tx) error {
		g, ok := loadGroup(tx, name)
		if !ok {
			return errNoGroup()
		}
		if err := f(tx, g); err != nil {
			return err
		}
		g.save(tx)
		return nil
	})
}

type createGroupInput struct {
	byGroup
	KmsKeyID string            `json:"kmsKeyId"`
	Tags     map[string]string `json:"tags"`
}

var groupName = regexp.MustCompile(`^[.\-_/#A-Za-z0-9]{1,512}$`)

func (s *Service) createGroup(_ context.Context, in *createGroupInput) (*empty, error) {
	name := in.groupName()
	if !groupName.MatchString(name) {
		return nil, awswire.Errorf("InvalidParameterException", "1 validation error detected: Value '%s' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+", name)
	}
	return &empty{}, s.Store.Update(func(tx *store.Tx) error {
		if _, ok := loadGroup(tx, name); ok {
			return awswire.Errorf("ResourceAlreadyExistsException", "The specified log group already exists")
		}
		(&group{Name: name, Created: s.Clock.Now().UnixMilli(), Tags: in.Tags}).save(tx)
		return nil
	})
}

type deleteGroupInput struct{ byGroup }

func (s *Service) deleteGroup(_ context.Context, in *deleteGroupInput) (*empty, error) {
	return &empty{}, s.Store.Update(func(tx *store.Tx) error {
		name := in.groupName()
		if _, ok := loadGroup(tx, name); !ok {
			return errNoGroup()
		}
		tx.Delete(bucketGroup, name)
		from, to := store.Prefix(name)
		for _, bucket := range []string{bucketStream, bucketEvent} {
			var keys []string
			for key := range tx.Scan(bucket, from, to) {
				keys = append(keys, key)
			}
			for _, key := range keys {
				tx.Delete(bucket, key)
			}
		}
		return nil
	})
}

type putRetentionInput struct {
	byGroup
	RetentionInDays int `json:"retentionInDays" check:"required"`
}

// retentions are the numbers of days that AWS takes.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
var retentions = map[int]bool{1: true, 3: true, 5: true, 7: true, 14: true, 30: true, 60: true, 90: true, 120: true, 150: true, 180: true, 365: true, 400: true, 545: true,
	731: true, 1096: true, 1827: true, 2192: true, 2557: true, 2922: true, 3288: true, 3653: true}

func (s *Service) putRetention(_ context.Context, in *putRetentionInput) (*empty, error) {
	if !retentions[in.RetentionInDays] {
		return nil, awswire.Errorf("InvalidParameterException", "%d is not a number of days that a log group can be kept: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653", in.RetentionInDays)
	}
	return &empty{}, s.change(in.groupName(), func(_ *store.Tx, g *group) error {
		g.Retention = in.RetentionInDays
		return nil
	})
}

type deleteRetentionInput struct{ byGroup }

func (s *Service) deleteRetention(_ context.Context, in *deleteRetentionInput) (*empty, error) {
	return &empty{}, s.change(in.groupName(), func(_ *store.Tx, g *group) error {
		g.Retention = 0
		return nil
	})
}

type describeGroupsInput struct {
	LogGroupNamePrefix  string `json:"logGroupNamePrefix"`
	LogGroupNamePattern string `json:"logGroupNamePattern"`
	Limit               int    `json:"limit" check:"min=1,max=50"`
	NextToken           string `json:"nextToken"`
}

type groupItem struct {
	LogGroupName    string `json:"logGroupName"`
	CreationTime    int64  `json:"creationTime"`
	RetentionInDays int    `json:"retentionInDays,omitzero"`
	Arn             string `json:"arn"`
	LogGroupArn     string `json:"logGroupArn"`
	StoredBytes     int64  `json:"storedBytes"`
	LogGroupClass   string `json:"logGroupClass"`
}

type describeGroupsOutput struct {
	LogGroups []groupItem `json:"logGroups"`
	NextToken string      `json:"nextToken,omitzero"`
}

func (s *Service) describeGroups(_ context.Context, in *describeGroupsInput) (*describeGroupsOutput, error) {
	limit := in.Limit
	if limit == 0 {
		limit = 50
	}
	out := &describeGroupsOutput{}
	return out, s.Store.View(func(r store.Reader) error {
		for name := range r.Scan(bucketGroup, max(in.LogGroupNamePrefix, in.NextToken), store.After(in.LogGroupNamePrefix)) {
			g, ok := loadGroup(r, name)
			if !ok || !strings.Contains(name, in.LogGroupNamePattern) {
				continue
			}
			if len(out.LogGroups) == limit {
				out.NextToken = name
				return nil
			}
			out.LogGroups = append(out.LogGroups, groupItem{name, g.Created, g.Retention, s.arn(name) + ":*", s.arn(name), g.Bytes, "STANDARD"})
		}
		return nil
	})
}

type tagInput struct {
	ResourceArn string            `json:"resourceArn"`
	Tags        map[string]string `json:"tags"`
}

func (s *Service) tag(_ context.Context, in *tagInput) (*empty, error) {
	return &empty{}, s.change(groupOfARN(in.ResourceArn), func(_ *store.Tx, g *group) error {
		if g.Tags == nil {
			g.Tags = map[string]string{}
		}
		maps.Copy(g.Tags, in.Tags)
		return nil
	})
}

type untagInput struct {
	ResourceArn string   `json:"resourceArn"`
	TagKeys     []string `json:"tagKeys"`
}

func (s *Service) untag(_ context.Context, in *untagInput) (*empty, error) {
	return &empty{}, s.change(groupOfARN(in.ResourceArn), func(_ *store.Tx, g *group) error {
		for _, key := range in.TagKeys {
			delete(g.Tags, key)
		}
		return nil
	})
}

type listTagsInput struct {
	ResourceArn string `json:"resourceArn"`
}

type listTagsOutput struct {
	Tags map[string]string `json:"tags"`
}

func (s *Service) listTags(_ context.Context, in *listTagsInput) (*listTagsOutput, error) {
	out := &listTagsOutput{}
	return out, s.Store.View(func(r store.Reader) error {
		g, ok := loadGroup(r, groupOfARN(in.ResourceArn))
		if !ok {
			return errNoGroup()
		}
		out.Tags = g.Tags
		return nil
	})
}

// GroupOf returns the name within a log group's ARN.
func GroupOf(arn string) string { return groupOfARN(arn) }

// Has reports whether a group exists.
func (s *Service) Has(name string) bool {
	found := false
	_ = s.Store.View(func(r store.Reader) error {
		_, found = loadGroup(r, name)
		return nil
	})
	return found
}
