// Package sns is Amazon SNS: topics, standard and FIFO, and subscriptions of
// queues and functions, with filter policies, raw delivery, retries and
// dead-letter queues.
//
// A published message is on disk, once for each subscription that wants it,
// before its publisher hears so; it leaves the disk when it was delivered or
// buried. So nothing accepted is lost over a kill, and a subscriber may see a
// message twice.
//
//	bucket            key                  value
//	sns/topic         name                 attributes and tags
//	sns/subscription  topic, id            protocol, endpoint, attributes
//	sns/pending       subscription, seq    a message on its way
//	sns/dedup         topic, id            a FIFO message of the last five minutes
//
// Subscriptions of protocols that leave the machine (http, https, email, sms,
// application, firehose) are refused by name. Messages carry no signature: there
// is no certificate to sign with. Start at [Service.API].
package sns

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
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

const (
	bucketTopic        = "sns/topic"
	bucketSubscription = "sns/subscription"
	bucketPending      = "sns/pending"
	bucketDedup        = "sns/dedup"
)

// Caller reaches the services that subscribe.
type Caller interface {
	Call(ctx context.Context, as awswire.Identity, service, operation string, params jsonvalue.Value) (jsonvalue.Value, error)
}

// Config is what the service needs.
type Config struct {
	Account, Region string
	Store           *store.Store
	Clock           clock.Clock
	Caller          Caller
	Journal         *journal.Journal // may be nil
}

// Service is SNS.
type Service struct {
	Config

	mu     sync.Mutex
	seq    uint64
	closed bool
	busy   map[string]bool // subscriptions of FIFO topics with a delivery under way
	wg     sync.WaitGroup
}

// New returns the service. Call [Service.Resume] when the services it delivers
// to are there.
func New(cfg Config) *Service {
	s := &Service{Config: cfg, busy: map[string]bool{}}
	_ = cfg.Store.View(func(r store.Reader) error {
		for key := range r.Scan(bucketPending, "", "") {
			s.seq = max(s.seq, store.ParseUint64(key[len(key)-8:]))
		}
		return nil
	})
	return s
}

// Close waits for the deliveries under way. What is pending stays on disk.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.wg.Wait()
}

// API lists the operations.
func (s *Service) API() awswire.Service {
	topic := func(action string, arn func() string) []awswire.Access {
		return []awswire.Access{{Action: "sns:" + action, Resource: arn()}}
	}
	return awswire.Service{
		Name: "sns", Protocol: awswire.Query, Version: "2010-03-31", Namespace: "http://sns.amazonaws.com/doc/2010-03-31/", AccessDenied: "AuthorizationError",
		Errors: map[string]int{"NotFound": 404},
		Operations: []awswire.Operation{
			awswire.Op("CreateTopic", func(in *createTopicInput) []awswire.Access {
				return topic("CreateTopic", func() string { return s.topicARN(in.Name) })
			}, s.createTopic),
			onTopic("DeleteTopic", s.deleteTopic),
			onTopic("GetTopicAttributes", s.getTopicAttributes),
			onTopic("SetTopicAttributes", s.setTopicAttributes),
			awswire.Op("ListTopics", nil, s.listTopics),
			onTopic("Subscribe", s.subscribe),
			awswire.Op("Unsubscribe", func(in *unsubscribeInput) []awswire.Access {
				return topic("Unsubscribe", func() string { return topicOfSubscription(in.SubscriptionArn) })
			}, s.unsubscribe),
			awswire.Op("GetSubscriptionAttributes", func(in *getSubscriptionAttributesInput) []awswire.Access {
				return topic("GetSubscriptionAttributes", func() string { return topicOfSubscription(in.SubscriptionArn) })
			}, s.getSubscriptionAttributes),
			awswire.Op("SetSubscriptionAttributes", func(in *setSubscriptionAttributesInput) []awswire.Access {
				return topic("SetSubscriptionAttributes", func() string { return topicOfSubscription(in.SubscriptionArn) })
			}, s.setSubscriptionAttributes),
			awswire.Op("ListSubscriptions", nil, s.listSubscriptions),
			onTopic("ListSubscriptionsByTopic", s.listSubscriptionsByTopic),
			awswire.Op("Publish", func(in *publishInput) []awswire.Access {
				return topic("Publish", func() string { return in.target() })
			}, s.publish),
			awswire.Op("PublishBatch", func(in *publishBatchInput) []awswire.Access {
				return topic("Publish", func() string { return in.TopicArn })
			}, s.publishBatch),
			awswire.Op("TagResource", func(in *tagResourceInput) []awswire.Access {
				return topic("TagResource", func() string { return in.ResourceArn })
			}, s.tagResource),
			awswire.Op("UntagResource", func(in *untagResourceInput) []awswire.Access {
				return topic("UntagResource", func() string { return in.ResourceArn })
			}, s.untagResource),
			awswire.Op("ListTagsForResource", func(in *listTagsInput) []awswire.Access {
				return topic("ListTagsForResource", func() string { return in.ResourceArn })
			}, s.listTags),
		},
	}
}

// topicInput is an input that names its topic.
type topicInput interface{ topicARN() string }

// byTopic is embedded in inputs that name their topic by ARN.
type byTopic struct {
	TopicArn string `json:"TopicArn"`
}

func (in *byTopic) topicARN() string { return in.TopicArn }

func onTopic[In, Out any](name string, do func(context.Context, *In) (*Out, error)) awswire.Operation {
	return awswire.Op(name, func(in *In) []awswire.Access {
		return []awswire.Access{{Action: "sns:" + name, Resource: any(in).(topicInput).topicARN()}}
	}, do)
}

func (s *Service) topicARN(name string) string {
	return fmt.Sprintf("arn:aws:sns:%s:%s:%s", s.Region, s.Account, name)
}

func nameOf(topicARN string) string { return topicARN[strings.LastIndexByte(topicARN, ':')+1:] }

func topicOfSubscription(arn string) string {
	if i := strings.LastIndexByte(arn, ':'); i >= 0 {
		return arn[:i]
	}
	return arn
}

// Policy returns a topic's resource policy, for the authorizer.
func (s *Service) Policy(topicARN string) string {
	policy := ""
	_ = s.Store.View(func(r store.Reader) error {
		if t, ok := loadTopic(r, nameOf(topicARN)); ok {
			policy = t.Attributes["Policy"]
		}
		return nil
	})
	return policy
}

func errParameter(format string, args ...any) *awswire.Error {
	return awswire.Errorf("InvalidParameter", "Invalid parameter: "+format, args...)
}

func errNoValue(member string) error {
	return errParameter("%s Reason: no value for required parameter", member)
}

func errNoTopic() error { return awswire.Errorf("NotFound", "Topic does not exist") }

func errNoSubscription() error { return awswire.Errorf("NotFound", "Subscription does not exist") }

func marshal(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // structs of strings and numbers always marshal
	}
	return text
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

type empty struct{}
