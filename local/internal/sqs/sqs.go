// Package sqs is Amazon SQS: standard and FIFO queues with visibility timeouts,
// delays, long polling, dead-letter queues, redrive and deduplication.
//
// Everything lives in the store, nothing in memory but who waits for a message:
// a million messages cost disk. An accepted message is on disk before its sender
// hears so, and keeps its visibility over a restart.
//
//	bucket        key                     value
//	sqs/queue     name                    the queue: attributes, tags, counters
//	sqs/message   queue, sequence         the message
//	sqs/ready     queue, sequence         (empty) may be received now
//	sqs/later     queue, time, sequence   (empty) delayed or in flight until time
//	sqs/lock      queue, group            number of a FIFO group's messages in flight
//	sqs/dedup     queue, scope, id        what a deduplication id stands for, until when
//	sqs/move      queue, time, handle     a task that moves dead letters, newest first
//
// A message is in exactly one of ready and later. Receiving first moves what is
// due from later to ready.
//
// Visibility, delay, retention and deduplication run on the injected clock; how
// long a receiver waits for a message runs on the wall clock, because it belongs
// to the connection. Server-side encryption is accepted as an attribute and not
// performed. Start at [Service.API] and messages.go.
package sqs

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/store"
)

const (
	bucketQueue    = "sqs/queue"
	bucketMessage  = "sqs/message"
	bucketReady    = "sqs/ready"
	bucketLater    = "sqs/later"
	bucketLock     = "sqs/lock"
	bucketDedup    = "sqs/dedup"
	bucketDedupEnd = "sqs/dedup-end" // keys of bucketDedup, by when they end
	bucketMove     = "sqs/move"
)

// Config is what the service needs.
type Config struct {
	Account, Region string
	// URL is what queue URLs begin with: the endpoint.
	URL   func() string
	Store *store.Store
	Clock clock.Clock
	// Arrived, if set, is told of queues that may have something to receive. It
	// must not wait.
	Arrived func(queueARN string)
	// Metrics counts for AWS/SQS. May be nil.
	Metrics Metrics
}

// Service is SQS.
type Service struct {
	Config

	mu     sync.Mutex
	queues map[string]*waiting // by queue name
	meter  meter
}

// New returns the service, at work on what a restart interrupted.
func New(cfg Config) *Service {
	s := &Service{Config: cfg, queues: map[string]*waiting{}}
	s.resumeMoves()
	return s
}

// API lists the operations.
func (s *Service) API() awswire.Service {
	return awswire.Service{
		Name: "sqs", Protocol: awswire.JSON10, Target: "AmazonSQS", Namespace: "com.amazonaws.sqs", AccessDenied: "AccessDenied",
		Operations: []awswire.Operation{
			awswire.Op("CreateQueue", func(in *createQueueInput) []awswire.Access { return s.access("CreateQueue", in.QueueName) }, s.createQueue),
			awswire.Op("GetQueueUrl", func(in *getQueueURLInput) []awswire.Access { return s.access("GetQueueUrl", in.QueueName) }, s.getQueueURL),
			awswire.Op("ListQueues", func(*listQueuesInput) []awswire.Access { return s.access("ListQueues", "*") }, s.listQueues),
			onQueue(s, "DeleteQueue", s.deleteQueue),
			onQueue(s, "GetQueueAttributes", s.getQueueAttributes),
			onQueue(s, "SetQueueAttributes", s.setQueueAttributes),
			onQueue(s, "PurgeQueue", s.purgeQueue),
			onQueue(s, "TagQueue", s.tagQueue),
			onQueue(s, "UntagQueue", s.untagQueue),
			onQueue(s, "ListQueueTags", s.listQueueTags),
			onQueue(s, "AddPermission", s.addPermission),
			onQueue(s, "RemovePermission", s.removePermission),
			onQueue(s, "ListDeadLetterSourceQueues", s.listDeadLetterSourceQueues),
			onQueue(s, "SendMessage", s.sendMessage),
			onQueueAs(s, "SendMessageBatch", "SendMessage", s.sendMessageBatch),
			onQueue(s, "ReceiveMessage", s.receiveMessage),
			onQueue(s, "DeleteMessage", s.deleteMessage),
			onQueueAs(s, "DeleteMessageBatch", "DeleteMessage", s.deleteMessageBatch),
			onQueue(s, "ChangeMessageVisibility", s.changeMessageVisibility),
			onQueueAs(s, "ChangeMessageVisibilityBatch", "ChangeMessageVisibility", s.changeMessageVisibilityBatch),
			awswire.Op("StartMessageMoveTask", func(in *startMoveInput) []awswire.Access { return in.access(s) }, s.startMessageMoveTask),
			awswire.Op("ListMessageMoveTasks", func(in *listMovesInput) []awswire.Access {
				return s.access("ListMessageMoveTasks", nameOfARN(in.SourceArn))
			}, s.listMessageMoveTasks),
			awswire.Op("CancelMessageMoveTask", func(in *cancelMoveInput) []awswire.Access {
				return s.access("CancelMessageMoveTask", moveSource(in.TaskHandle))
			}, s.cancelMessageMoveTask),
		},
	}
}

// queueInput is an input that names its queue by URL.
type queueInput interface{ queueName() string }

// onQueue is an operation on one queue, allowed by the action of its own name.
func onQueue[In, Out any](s *Service, name string, do func(context.Context, *In) (*Out, error)) awswire.Operation {
	return onQueueAs(s, name, name, do)
}

func onQueueAs[In, Out any](s *Service, name, action string, do func(context.Context, *In) (*Out, error)) awswire.Operation {
	return awswire.Op(name, func(in *In) []awswire.Access {
		return s.access(action, any(in).(queueInput).queueName())
	}, do)
}

func (s *Service) access(action, queue string) []awswire.Access {
	return []awswire.Access{{Action: "sqs:" + action, Resource: s.arn(queue)}}
}

func (s *Service) arn(name string) string {
	return fmt.Sprintf("arn:aws:sqs:%s:%s:%s", s.Region, s.Account, name)
}

func (s *Service) url(name string) string { return s.URL() + "/" + s.Account + "/" + name }

func nameOfARN(arn string) string { return arn[strings.LastIndexByte(arn, ':')+1:] }

// Policy returns a queue's resource policy, for the authorizer; "" if it has none.
func (s *Service) Policy(arn string) string {
	policy := ""
	_ = s.Store.View(func(r store.Reader) error {
		if q, ok := loadQueue(r, nameOfARN(arn)); ok {
			policy = q.Attributes["Policy"]
		}
		return nil
	})
	return policy
}

// queue is what the store keeps of a queue.
type queue struct {
	Name       string
	Attributes map[string]string // as set; defaults in queueAttributes
	Tags       map[string]string
	Created    int64 // seconds
	Modified   int64
	Sequence   uint64 // of the last message
	Ready      int    // counters, kept so that attributes cost no scan
	Delayed    int
	InFlight   int
}

func (q *queue) fifo() bool { return strings.HasSuffix(q.Name, ".fifo") }

func loadQueue(r store.Reader, name string) (*queue, bool) {
	text, ok := r.Get(bucketQueue, name)
	if !ok {
		return nil, false
	}
	var q queue
	if json.Unmarshal(text, &q) != nil {
		return nil, false
	}
	return &q, true
}

func mustQueue(r store.Reader, name string) (*queue, error) {
	if q, ok := loadQueue(r, name); ok {
		return q, nil
	}
	if name == "" { // its URL was not given
		return nil, errMissing("QueueUrl")
	}
	return nil, errNoQueue()
}

func (q *queue) save(tx *store.Tx) {
	text, err := json.Marshal(q)
	if err != nil {
		panic(err) // a struct of strings and numbers always marshals
	}
	tx.Put(bucketQueue, q.Name, text)
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
