package s3

// This file defines events: they are written with the change they tell of, in one
// commit, and published from there, in order, until their destinations took them.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// happening is an event still to be published.
type happening struct {
	Destinations []destination
	DetailType   string // of EventBridge
	Name         string // of a notification: "ObjectCreated:Put"
	Reason       string
	Deletion     string
	Bucket, Key  string
	Version      string
	ETag         string
	Size         int64
	Sequence     uint64
	Time         time.Time
	Requester    string
	RequestID    string
}

// publisher publishes.
type publisher struct {
	service *Service
	signal  chan struct{}
	pending atomic.Bool // something was written since the last wake
	ctx     context.Context
	cancel  context.CancelFunc
	done    sync.WaitGroup

	mu    sync.Mutex
	holds []func() // of the clock, by those that woke it
}

func newPublisher(s *Service) *publisher {
	p := &publisher{service: s, signal: make(chan struct{}, 1)}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

func (p *publisher) start() {
	p.done.Go(p.run)
	p.pending.Store(true)
	p.wake()
}

func (p *publisher) stop() {
	p.cancel()
	p.done.Wait()
	p.release()
}

// wake makes the publisher look, if there is something to look at. It takes over
// the caller's hold of the clock.
func (p *publisher) wake() {
	if !p.pending.Swap(false) {
		return
	}
	p.mu.Lock()
	p.holds = append(p.holds, p.service.Clock.Hold())
	p.mu.Unlock()
	select {
	case p.signal <- struct{}{}:
	default:
	}
}

func (p *publisher) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, release := range p.holds {
		release()
	}
	p.holds = nil
}

// retryAfter is how long an event waits whose destination broke down.
const retryAfter = 5 * time.Second

func (p *publisher) run() {
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-p.signal:
		}
		p.mu.Lock()
		holds := p.holds
		p.holds = nil
		p.mu.Unlock()
		if err := p.drain(); err != nil && p.ctx.Err() == nil {
			p.service.Log.Warn("an event of S3 waits to be published again", "error", err)
			p.service.Clock.AfterFunc(retryAfter, func() {
				p.pending.Store(true)
				p.wake()
			})
		}
		for _, release := range holds {
			release()
		}
	}
}

// drain publishes what is written, oldest first.
func (p *publisher) drain() error {
	s := p.service
	for p.ctx.Err() == nil {
		var key string
		var h *happening
		err := s.Store.View(func(r store.Reader) error {
			for k, text := range r.Scan(bucketOutbox, "", "") {
				key, h = k, new(happening)
				return json.Unmarshal(text, h)
			}
			return nil
		})
		if err != nil || h == nil {
			return err
		}
		if err := p.publish(h); err != nil {
			return err
		}
		if err := s.Store.Update(func(tx *store.Tx) error {
			tx.Delete(bucketOutbox, key)
			return nil
		}); err != nil {
			return err
		}
	}
	return p.ctx.Err()
}

// publish sends an event everywhere. A destination that refuses it has lost it, as
// on AWS; one that breaks down gets it again.
func (p *publisher) publish(h *happening) error {
	for _, d := range h.Destinations {
		var err error
		if d.Service == "events" {
			err = p.service.putEvent(p.ctx, h)
		} else {
			err = p.service.send(p.ctx, h.Bucket, d, h.record(p.service, d), false)
		}
		if refusal := new(awswire.Error); errors.As(err, &refusal) && refusal.Status < 500 {
			p.service.Log.Warn("a destination refused an event of S3", "destination", d.ARN, "bucket", h.Bucket, "error", err)
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func members(pairs ...any) *jsonvalue.Object {
	var b jsonvalue.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		if text, ok := pairs[i+1].(string); ok && text == "" {
			continue
		}
		b.Set(pairs[i].(string), pairs[i+1])
	}
	return b.Object()
}

func (h *happening) sequencer() string { return fmt.Sprintf("%016X", h.Sequence) }

func (s *Service) principal(bucketName string) awswire.Identity {
	return awswire.ServicePrincipal(s.Account, "s3.amazonaws.com", arnOf(bucketName, ""))
}

// putEvent puts an event on the default bus.
func (s *Service) putEvent(ctx context.Context, h *happening) error {
	if s.Caller == nil {
		return nil
	}
	about := members("key", h.Key, "size", jsonvalue.Number(fmt.Sprint(h.Size)), "etag", strings.Trim(h.ETag, `"`), "version-id", h.Version, "sequencer", h.sequencer())
	if h.Deletion != "" || h.ETag == "" {
		about = about.Without("size")
	}
	detail := members("version", "0", "bucket", members("name", h.Bucket), "object", about, "request-id", h.RequestID, "requester", h.Requester,
		"source-ip-address", "127.0.0.1", "reason", h.Reason, "deletion-type", h.Deletion)
	entry := members("Source", "aws.s3", "DetailType", h.DetailType, "Time", h.Time.Format(time.RFC3339), "Resources", []any{arnOf(h.Bucket, "")}, "Detail", jsonvalue.String(detail))
	out, err := s.Caller.Call(ctx, s.principal(h.Bucket), "events", "PutEvents", members("Entries", []any{entry}))
	if err != nil {
		return err
	}
	if o, ok := out.(*jsonvalue.Object); ok {
		if failed, _ := o.Get("FailedEntryCount"); failed != nil && fmt.Sprint(failed) != "0" {
			s.Log.Warn("the default bus refused an event of S3", "bucket", h.Bucket, "answer", jsonvalue.String(out))
		}
	}
	return nil
}

// send delivers a notification's text to a queue, a topic or a function.
func (s *Service) send(ctx context.Context, bucketName string, d destination, text string, test bool) error {
	if s.Caller == nil {
		return nil
	}
	var operation string
	var params *jsonvalue.Object
	switch d.Service {
	case "sqs":
		parts := strings.SplitN(d.ARN, ":", 6)
		operation, params = "SendMessage", members("QueueUrl", "/"+parts[4]+"/"+parts[5], "MessageBody", text)
	case "sns":
		operation, params = "Publish", members("TopicArn", d.ARN, "Subject", "Amazon S3 Notification", "Message", text)
	case "lambda":
		kind := "Event"
		if test {
			kind = "DryRun"
		}
		operation, params = "Invoke", members("FunctionName", d.ARN, "InvocationType", kind, "Payload", base64.StdEncoding.EncodeToString([]byte(text)))
	}
	_, err := s.Caller.Call(ctx, s.principal(bucketName), d.Service, operation, params)
	return err
}

// record is the text of a notification.
func (h *happening) record(s *Service, d destination) string {
	about := members("key", strings.ReplaceAll(url.QueryEscape(h.Key), "%2F", "/"), "size", jsonvalue.Number(fmt.Sprint(h.Size)), "eTag", strings.Trim(h.ETag, `"`),
		"versionId", h.Version, "sequencer", h.sequencer())
	if strings.HasPrefix(h.Name, "ObjectRemoved") || strings.HasPrefix(h.Name, "LifecycleExpiration") {
		about = about.Without("size")
	}
	who := members("principalId", h.Requester)
	r := members("eventVersion", "2.1", "eventSource", "aws:s3", "awsRegion", s.Region, "eventTime", h.Time.Format(isoMillis), "eventName", h.Name, "userIdentity", who,
		"requestParameters", members("sourceIPAddress", "127.0.0.1"), "responseElements", members("x-amz-request-id", h.RequestID, "x-amz-id-2", "local"),
		"s3", members("s3SchemaVersion", "1.0", "configurationId", d.ID, "bucket", members("name", h.Bucket, "ownerIdentity", members("principalId", ownerID), "arn", arnOf(h.Bucket, "")), "object", about))
	return jsonvalue.String(members("Records", []any{r}))
}

// write writes an event to the outbox, if anybody wants it.
func (p *publisher) write(ctx context.Context, tx *store.Tx, b *bucket, o *object, h happening) {
	n := setting[notification](b, settingNotification)
	if n == nil {
		return
	}
	if n.EventBridgeConfiguration != nil {
		h.Destinations = append(h.Destinations, destination{Service: "events"})
	}
	n.each(func(d destination, l *listener) {
		if l.wants(h.Name, o.Key) {
			h.Destinations = append(h.Destinations, d)
		}
	})
	if len(h.Destinations) == 0 {
		return
	}
	h.Bucket, h.Key, h.Version, h.ETag, h.Size = b.Name, o.Key, b.shownVersion(o), o.ETag, o.Size
	h.Time, h.Sequence = p.service.Clock.Now().UTC(), nextSequence(tx)
	h.RequestID, h.Requester = awswire.RequestIDFrom(ctx), p.service.Account
	if caller := awswire.CallerFrom(ctx); caller.Service != "" {
		h.Requester = caller.Service
	}
	save(tx, bucketOutbox, store.Uint64(h.Sequence), h)
	p.pending.Store(true)
}

func (p *publisher) created(ctx context.Context, tx *store.Tx, b *bucket, o *object, reason string) {
	kind := map[string]string{"PutObject": "Put", "CopyObject": "Copy"}[reason]
	if kind == "" {
		kind = reason
	}
	p.write(ctx, tx, b, o, happening{DetailType: "Object Created", Name: "ObjectCreated:" + kind, Reason: reason})
}

func (p *publisher) deleted(ctx context.Context, tx *store.Tx, b *bucket, o *object, reason, deletion string) {
	kind, name := "ObjectRemoved:", "Delete"
	if reason == "Lifecycle Expiration" {
		kind = "LifecycleExpiration:"
	} else {
		reason = "DeleteObject" // of DeleteObjects too
	}
	if deletion == "Delete Marker Created" {
		name = "DeleteMarkerCreated"
	}
	p.write(ctx, tx, b, o, happening{DetailType: "Object Deleted", Name: kind + name, Reason: reason, Deletion: deletion})
}

func (p *publisher) tagged(ctx context.Context, tx *store.Tx, b *bucket, o *object, what string) {
	name := "ObjectTagging:Put"
	if what == "Object Tags Deleted" {
		name = "ObjectTagging:Delete"
	}
	p.write(ctx, tx, b, o, happening{DetailType: what, Name: name})
}
