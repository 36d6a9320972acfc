package logs

// This file defines streams and their events.

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

// pageBytes bounds a page of events, as AWS does.
const (
	pageBytes  = 1 << 20
	pageEvents = 10_000
)

type createStreamInput struct {
	byGroup
	LogStreamName string `json:"logStreamName" check:"required,min=1,max=512,pattern=[^:*]*"`
}

func (s *Service) createStream(_ context.Context, in *createStreamInput) (*empty, error) {
	return &empty{}, s.change(in.groupName(), func(tx *store.Tx, g *group) error {
		if _, ok := loadStream(tx, g.Name, in.LogStreamName); ok {
			return awswire.Errorf("ResourceAlreadyExistsException", "The specified log stream already exists")
		}
		tx.Put(bucketStream, store.Key(g.Name, in.LogStreamName), marshal(stream{Name: in.LogStreamName, Created: s.Clock.Now().UnixMilli()}))
		return nil
	})
}

type deleteStreamInput struct {
	byGroup
	LogStreamName string `json:"logStreamName" check:"required"`
}

func (s *Service) deleteStream(_ context.Context, in *deleteStreamInput) (*empty, error) {
	return &empty{}, s.change(in.groupName(), func(tx *store.Tx, g *group) error {
		if _, ok := loadStream(tx, g.Name, in.LogStreamName); !ok {
			return errNoStream()
		}
		tx.Delete(bucketStream, store.Key(g.Name, in.LogStreamName))
		from, to := store.Prefix(g.Name)
		var keys []string
		for key, text := range tx.Scan(bucketEvent, from, to) {
			var l line
			if json.Unmarshal(text, &l) == nil && l.Stream == in.LogStreamName {
				keys = append(keys, key)
			}
		}
		for _, key := range keys {
			tx.Delete(bucketEvent, key)
		}
		g.Events -= len(keys)
		return nil
	})
}

type describeStreamsInput struct {
	byGroup
	LogStreamNamePrefix string `json:"logStreamNamePrefix"`
	OrderBy             string `json:"orderBy" check:"enum=LogStreamName|LastEventTime"`
	Descending          bool   `json:"descending"`
	Limit               int    `json:"limit" check:"min=1,max=50"`
	NextToken           string `json:"nextToken"`
}

type streamItem struct {
	LogStreamName       string `json:"logStreamName"`
	CreationTime        int64  `json:"creationTime"`
	FirstEventTimestamp int64  `json:"firstEventTimestamp,omitzero"`
	LastEventTimestamp  int64  `json:"lastEventTimestamp,omitzero"`
	LastIngestionTime   int64  `json:"lastIngestionTime,omitzero"`
	UploadSequenceToken string `json:"uploadSequenceToken"`
	Arn                 string `json:"arn"`
	StoredBytes         int64  `json:"storedBytes"`
}

type describeStreamsOutput struct {
	LogStreams []streamItem `json:"logStreams"`
	NextToken  string       `json:"nextToken,omitzero"`
}

func (s *Service) describeStreams(_ context.Context, in *describeStreamsInput) (*describeStreamsOutput, error) {
	if in.OrderBy == "LastEventTime" && in.LogStreamNamePrefix != "" {
		return nil, awswire.Errorf("InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	all, err := s.streams(in.groupName(), in.LogStreamNamePrefix)
	if err != nil {
		return nil, err
	}
	sortStreams(all, in.OrderBy == "LastEventTime", in.Descending)
	skip, _ := strconv.Atoi(in.NextToken) // a token of another make begins anew
	limit := in.Limit
	if limit == 0 {
		limit = 50
	}
	out := &describeStreamsOutput{LogStreams: []streamItem{}}
	for i := min(skip, len(all)); i < len(all) && len(out.LogStreams) < limit; i++ {
		st := all[i]
		out.LogStreams = append(out.LogStreams, streamItem{LogStreamName: st.Name, CreationTime: st.Created, FirstEventTimestamp: st.First, LastEventTimestamp: st.Last,
			LastIngestionTime: st.Put, UploadSequenceToken: "1", Arn: s.arn(in.groupName()) + ":log-stream:" + st.Name})
	}
	if next := skip + len(out.LogStreams); next < len(all) {
		out.NextToken = strconv.Itoa(next)
	}
	return out, nil
}

func (s *Service) streams(groupName, prefix string) (all []stream, err error) {
	err = s.Store.View(func(r store.Reader) error {
		if _, ok := loadGroup(r, groupName); !ok {
			return errNoGroup()
		}
		from, to := store.Prefix(groupName)
		for _, text := range r.Scan(bucketStream, from, to) {
			var st stream
			if json.Unmarshal(text, &st) == nil && strings.HasPrefix(st.Name, prefix) {
				all = append(all, st)
			}
		}
		return nil
	})
	return all, err
}

type inputEvent struct {
	Timestamp int64  `json:"timestamp" check:"required"`
	Message   string `json:"message" check:"required,min=1"`
}

type putEventsInput struct {
	byGroup
	LogStreamName string       `json:"logStreamName" check:"required"`
	LogEvents     []inputEvent `json:"logEvents" check:"required,min=1,max=10000"`
	SequenceToken string       `json:"sequenceToken"`
}

type putEventsOutput struct {
	NextSequenceToken string `json:"nextSequenceToken"`
}

func (s *Service) putEvents(_ context.Context, in *putEventsInput) (*putEventsOutput, error) {
	var events []Event
	last, size := int64(0), 0
	for _, e := range in.LogEvents {
		if e.Timestamp < last {
			return nil, awswire.Errorf("InvalidParameterException", "Log events in a single PutLogEvents request must be in chronological order.")
		}
		last, size = e.Timestamp, size+len(e.Message)+26
		events = append(events, Event{time.UnixMilli(e.Timestamp), e.Message})
	}
	if size > pageBytes {
		return nil, awswire.Errorf("InvalidParameterException", "Upload too large: %d bytes exceeds limit of %d", size, pageBytes)
	}
	err := s.change(in.groupName(), func(tx *store.Tx, g *group) error {
		if _, ok := loadStream(tx, g.Name, in.LogStreamName); !ok {
			return errNoStream()
		}
		s.append(tx, g, in.LogStreamName, events)
		return nil
	})
	return &putEventsOutput{"1"}, err
}

type getEventsInput struct {
	byGroup
	LogStreamName string `json:"logStreamName" check:"required"`
	StartTime     int64  `json:"startTime"`
	EndTime       int64  `json:"endTime"`
	NextToken     string `json:"nextToken"`
	Limit         int    `json:"limit" check:"min=1,max=10000"`
	StartFromHead bool   `json:"startFromHead"`
}

type outputEvent struct {
	Timestamp     int64  `json:"timestamp"`
	Message       string `json:"message"`
	IngestionTime int64  `json:"ingestionTime"`
}

type getEventsOutput struct {
	Events            []outputEvent `json:"events"`
	NextForwardToken  string        `json:"nextForwardToken"`
	NextBackwardToken string        `json:"nextBackwardToken"`
}

// getEvents pages by position: tokens are "f/KEY" and "b/KEY", where KEY is the
// event last seen. At an end the token stays the same, as it does on AWS.
func (s *Service) getEvents(_ context.Context, in *getEventsInput) (*getEventsOutput, error) {
	out := &getEventsOutput{Events: []outputEvent{}, NextForwardToken: in.NextToken, NextBackwardToken: in.NextToken}
	forward, from := in.StartFromHead, ""
	if direction, key, ok := strings.Cut(in.NextToken, "/"); ok {
		forward, from = direction == "f", key
	}
	found, _, err := s.search(searchInput{group: in.groupName(), stream: in.LogStreamName, start: in.StartTime, end: in.EndTime, forward: forward, from: from, limit: in.Limit})
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		out.Events = append(out.Events, outputEvent{f.time, f.Message, f.Put})
	}
	if len(found) > 0 {
		out.NextForwardToken, out.NextBackwardToken = "f/"+found[len(found)-1].key, "b/"+found[0].key
	}
	return out, nil
}

// found is an event with its place.
type found struct {
	line
	time int64
	key  string // sequence and time, as text for tokens
}

type searchInput struct {
	group, stream string
	streams       func(string) bool
	matches       func(string) bool
	start, end    int64 // milliseconds; end 0: now
	forward       bool
	from          string // the key behind which to begin
	limit         int
}

// search returns a page of events in order of time, and whether there are more: a
// page ends at so many events or so many bytes.
func (s *Service) search(in searchInput) (all []found, more bool, err error) {
	if in.limit == 0 {
		in.limit = pageEvents
	}
	err = s.Store.View(func(r store.Reader) error {
		if _, ok := loadGroup(r, in.group); !ok {
			return errNoGroup()
		}
		if in.stream != "" {
			if _, ok := loadStream(r, in.group, in.stream); !ok {
				return errNoStream()
			}
		}
		prefix := store.Key(in.group)
		from, to := prefix+store.Uint64(uint64(max(in.start, 0))), store.After(prefix)
		if in.end > 0 {
			to = prefix + store.Uint64(uint64(in.end))
		}
		if in.from != "" {
			if key := prefix + parseToken(in.from); in.forward {
				from = key + "\x00"
			} else {
				to = key
			}
		}
		scan, size := r.Scan, 0
		if !in.forward {
			scan = r.ScanBack
		}
		for key, text := range scan(bucketEvent, from, to) {
			var l line
			if json.Unmarshal(text, &l) != nil || in.stream != "" && l.Stream != in.stream || in.streams != nil && !in.streams(l.Stream) || in.matches != nil && !in.matches(l.Message) {
				continue
			}
			size += len(l.Message)
			if more = len(all) == in.limit || size > pageBytes && len(all) > 0; more {
				break
			}
			all = append(all, found{l, timeOf(key, prefix), token(key[len(prefix):])})
		}
		return nil
	})
	if !in.forward {
		slices.Reverse(all)
	}
	return all, more, err
}

func token(key string) string { return fmt.Sprintf("%x", key) }

func parseToken(text string) string {
	var key string
	_, _ = fmt.Sscanf(text, "%x", &key)
	return key
}

type filterEventsInput struct {
	byGroup
	LogStreamNames      []string `json:"logStreamNames"`
	LogStreamNamePrefix string   `json:"logStreamNamePrefix"`
	StartTime           int64    `json:"startTime"`
	EndTime             int64    `json:"endTime"`
	FilterPattern       string   `json:"filterPattern"`
	Limit               int      `json:"limit" check:"min=1,max=10000"`
	NextToken           string   `json:"nextToken"`
}

type filteredEvent struct {
	LogStreamName string `json:"logStreamName"`
	Timestamp     int64  `json:"timestamp"`
	Message       string `json:"message"`
	IngestionTime int64  `json:"ingestionTime"`
	EventID       string `json:"eventId"`
}

type filterEventsOutput struct {
	Events             []filteredEvent `json:"events"`
	SearchedLogStreams []struct{}      `json:"searchedLogStreams"`
	NextToken          string          `json:"nextToken,omitzero"`
}

func (s *Service) filterEvents(_ context.Context, in *filterEventsInput) (*filterEventsOutput, error) {
	matches, err := compileFilter(in.FilterPattern)
	if err != nil {
		return nil, err
	}
	limit := in.Limit
	if limit == 0 {
		limit = pageEvents
	}
	all, more, err := s.search(searchInput{group: in.groupName(), matches: matches, start: in.StartTime, end: in.EndTime, forward: true, from: in.NextToken, limit: limit,
		streams: func(name string) bool {
			if len(in.LogStreamNames) > 0 {
				return slices.Contains(in.LogStreamNames, name)
			}
			return strings.HasPrefix(name, in.LogStreamNamePrefix)
		}})
	if err != nil {
		return nil, err
	}
	out := &filterEventsOutput{Events: []filteredEvent{}, SearchedLogStreams: []struct{}{}}
	for _, f := range all {
		out.Events = append(out.Events, filteredEvent{f.Stream, f.time, f.Message, f.Put, f.key})
	}
	if more {
		out.NextToken = all[len(all)-1].key
	}
	return out, nil
}

// sortStreams sorts by name or by the time of the last event.
func sortStreams(all []stream, byTime, descending bool) {
	slices.SortStableFunc(all, func(a, b stream) int {
		order := cmp.Compare(a.Name, b.Name)
		if byTime {
			order = cmp.Compare(a.Last, b.Last)
		}
		if descending {
			return -order
		}
		return order
	})
}
