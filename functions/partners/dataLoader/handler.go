package main

// This file defines how rows are loaded, slice by slice.

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/object"
	"github.com/stepworks/stepworks/shared/table"
)

const (
	// sliceRows end an invocation, long before its time does; an execution has room
	// for the slices of a gigabyte.
	sliceRows = 50_000
	writers   = 16
	maxLine   = 1 << 20 // dataTransformer writes no longer ones
)

// Input says what to load, and from where on.
type Input struct {
	RequestID string    `json:"requestId"`
	PartnerID string    `json:"partnerId"`
	Since     time.Time `json:"since"` // of the request: newer rows stay
	Key       string    `json:"key"`
	Progress  Progress  `json:"progress"`
}

// Progress is how far the file is loaded.
type Progress struct {
	Done   bool   `json:"done"`
	Offset int64  `json:"offset"` // bytes that are done
	ETag   string `json:"etag"`   // of the file, from the first slice on
	Loaded int    `json:"loaded"`
	Stale  int    `json:"stale"` // rows that a newer request had written
}

// record is a row of the table.
type record struct {
	PK        string `dynamodbav:"pk"` // PARTNER#<partner>
	SK        string `dynamodbav:"sk"` // the row's id
	Data      string `dynamodbav:"data"`
	RequestID string `dynamodbav:"requestId"`
	SyncedAt  int64  `dynamodbav:"syncedAt"` // microseconds since 1970
}

type handler struct {
	bucket *object.Bucket
	api    table.API
	table  string
	slice  int
}

func (h handler) handle(ctx context.Context, in Input) (Progress, error) {
	if in.RequestID == "" || in.PartnerID == "" || in.Key == "" || in.Since.IsZero() || in.Progress.Offset < 0 {
		return Progress{}, failure.New(failure.InputMalformed, "requestId, partnerId, key and since are needed, and no offset below 0")
	}
	p := in.Progress
	info, err := h.bucket.Stat(ctx, in.Key)
	switch {
	case err != nil:
		return p, err
	case p.ETag != "" && p.ETag != info.ETag:
		return p, failure.New(failure.DataChanged, "s3://%s/%s was replaced while it was loaded", h.bucket.Name, in.Key)
	case p.Offset >= info.Size:
		p.Done = true
		return p, nil
	}
	p.ETag = info.ETag
	body, err := h.bucket.OpenFrom(ctx, in.Key, p.ETag, p.Offset)
	if err != nil {
		return p, err
	}
	defer func() { _ = body.Close() }() // read as far as this slice goes
	if err := h.load(ctx, body, in, &p); err != nil {
		return in.Progress, err
	}
	p.Done = p.Offset >= info.Size
	return p, nil
}

// load writes one slice, several rows at a time.
func (h handler) load(ctx context.Context, body io.Reader, in Input, p *Progress) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	lines, outcomes := make(chan []byte), make(chan bool, writers)
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for line := range lines {
				fresh, err := h.put(ctx, line, in)
				if err != nil {
					cancel(err)
					return
				}
				outcomes <- fresh
			}
		})
	}
	counted := make(chan struct{})
	go func() {
		defer close(counted)
		for fresh := range outcomes {
			if fresh {
				p.Loaded++
			} else {
				p.Stale++
			}
		}
	}()
	bytes, err := h.feed(ctx, body, lines)
	close(lines)
	group.Wait()
	close(outcomes)
	<-counted
	p.Offset += bytes
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// feed gives the writers a slice of lines and returns how long it was.
func (h handler) feed(ctx context.Context, body io.Reader, lines chan<- []byte) (read int64, err error) {
	scanner := bufio.NewScanner(body)
	scanner.Buffer(make([]byte, 0, 64<<10), maxLine)
	for n := 0; n < h.slice && scanner.Scan(); n++ {
		read += int64(len(scanner.Bytes())) + 1
		select {
		case lines <- append([]byte(nil), scanner.Bytes()...):
		case <-ctx.Done():
			return read, context.Cause(ctx)
		}
	}
	return read, scanner.Err()
}

// put writes a row unless a newer request has.
func (h handler) put(ctx context.Context, line []byte, in Input) (fresh bool, err error) {
	var row struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(line, &row); err != nil || row.ID == "" {
		return false, failure.New(failure.DataMalformed, "a line of %s is no row with an id", in.Key)
	}
	r := record{PK: "PARTNER#" + in.PartnerID, SK: row.ID, Data: string(line), RequestID: in.RequestID, SyncedAt: in.Since.UnixMicro()}
	err = table.Replace(ctx, h.api, table.Write{Table: h.table, Put: r,
		Condition: "attribute_not_exists(pk) OR syncedAt <= :mine", Values: map[string]any{":mine": r.SyncedAt}})
	var refused *table.Refused
	if errors.As(err, &refused) {
		return false, nil
	}
	return true, err
}
