package stepfunctions

// This file defines GetExecutionHistory.

import (
	"bytes"
	"context"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

type historyInput struct {
	ExecutionArn         string `json:"executionArn" check:"required,min=1,max=256"`
	MaxResults           int    `json:"maxResults" check:"min=0,max=1000"`
	ReverseOrder         bool   `json:"reverseOrder"`
	NextToken            string `json:"nextToken" check:"min=1,max=1024"`
	IncludeExecutionData *bool  `json:"includeExecutionData"`
}

type historyOutput struct {
	Events    []jsontext.Value `json:"events"`
	NextToken string           `json:"nextToken,omitzero"`
}

// getHistory pages through the stored lines. The token is the number of the
// first event of the next page.
func (s *Service) getHistory(_ context.Context, in *historyInput) (*historyOutput, error) {
	key, err := executionKey(in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	from, err := pageStart(in.NextToken)
	if err != nil {
		return nil, err
	}
	limit := pageSize(in.MaxResults)
	out := &historyOutput{Events: []jsontext.Value{}}
	err = s.Store.View(func(r store.Reader) error {
		rec, ok := loadRecord(r, key)
		switch {
		case !ok:
			return errNoExecution(in.ExecutionArn)
		case rec.Express:
			return errTypeNotSupported()
		}
		for id, line := range historyLines(r, key, from, in.ReverseOrder) {
			if len(out.Events) == limit {
				out.NextToken = strconv.FormatInt(id, 10)
				return nil
			}
			out.Events = append(out.Events, bytes.Clone(line))
		}
		return nil
	})
	if err == nil && in.IncludeExecutionData != nil && !*in.IncludeExecutionData {
		for i, e := range out.Events {
			out.Events[i] = withoutData(e)
		}
	}
	return out, err
}

func pageStart(token string) (int64, error) {
	if token == "" {
		return 0, nil
	}
	from, err := strconv.ParseInt(token, 10, 64)
	if err != nil || from < 1 {
		return 0, errInvalidToken()
	}
	return from, nil
}

// historyLines ranges over an execution's events from one on; from zero means
// all.
func historyLines(r store.Reader, key string, from int64, reverse bool) func(func(int64, []byte) bool) {
	first, end := store.Prefix(key)
	if reverse {
		if from > 0 {
			end = historyKey(key, from+1)
		}
		return backward(r, first, end, from)
	}
	return forward(r, first, end, from)
}

func firstEvent(key string) int64 {
	parts := store.SplitKey(key)
	return int64(store.ParseUint64(parts[len(parts)-1]))
}

func forward(r store.Reader, first, end string, from int64) func(func(int64, []byte) bool) {
	start := first
	for key := range r.ScanBack(bucketHistory, first, historyKeyAfter(first, from)) {
		start = key // the chunk that holds event from
		break
	}
	return func(yield func(int64, []byte) bool) {
		for key, chunk := range r.Scan(bucketHistory, start, end) {
			id := firstEvent(key)
			for _, line := range bytes.Split(chunk, []byte("\n")) {
				if id >= from && !yield(id, line) {
					return
				}
				id++
			}
		}
	}
}

// historyKeyAfter is the key behind every chunk that may begin with event from or
// an earlier one.
func historyKeyAfter(prefix string, from int64) string {
	return prefix + store.Key(store.Uint64(uint64(from+1)))
}

func backward(r store.Reader, first, end string, from int64) func(func(int64, []byte) bool) {
	return func(yield func(int64, []byte) bool) {
		for key, chunk := range r.ScanBack(bucketHistory, first, end) {
			lines := bytes.Split(chunk, []byte("\n"))
			id := firstEvent(key)
			for i := len(lines) - 1; i >= 0; i-- {
				if n := id + int64(i); (from == 0 || n <= from) && !yield(n, lines[i]) {
					return
				}
			}
		}
	}
}

// executionData are the members that includeExecutionData=false leaves out, with
// the one that tells whether they were cut.
var executionData = map[string]bool{"input": true, "output": true, "parameters": true, "assignedVariables": true,
	"inputDetails": true, "outputDetails": true, "assignedVariablesDetails": true}

func withoutData(event jsontext.Value) jsontext.Value {
	v, err := jsonvalue.Parse(event)
	o, ok := v.(*jsonvalue.Object)
	if err != nil || !ok {
		return event
	}
	var b jsonvalue.Builder
	for name, member := range o.All() {
		if details, ok := member.(*jsonvalue.Object); ok {
			var d jsonvalue.Builder
			for n, x := range details.All() {
				if !executionData[n] {
					d.Set(n, x)
				}
			}
			member = d.Object()
		}
		b.Set(name, member)
	}
	return jsonvalue.Append(nil, b.Object())
}
