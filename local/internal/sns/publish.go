package sns

// This file defines publishing: what a message must be, and which subscriptions
// get it.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

const (
	maxMessage    = 256 << 10
	dedupInterval = 5 * time.Minute
)

type attributeValue struct {
	DataType    string `json:"DataType"`
	StringValue string `json:"StringValue,omitempty"`
	BinaryValue []byte `json:"BinaryValue,omitempty"`
}

// message is what was published.
type message struct {
	ID         string
	Subject    string `json:",omitempty"`
	Body       string
	Bodies     map[string]string         `json:",omitempty"` // by protocol, of MessageStructure json
	Attributes map[string]attributeValue `json:",omitempty"`
	Group      string                    `json:",omitempty"`
	Dedup      string                    `json:",omitempty"`
	Sequence   string                    `json:",omitempty"`
	Time       time.Time
}

type publishInput struct {
	byTopic
	TargetArn   string `json:"TargetArn"`
	PhoneNumber string `json:"PhoneNumber"`
	publishEntry
}

type publishEntry struct {
	Message                string                    `json:"Message"`
	Subject                *string                   `json:"Subject"`
	MessageStructure       string                    `json:"MessageStructure"`
	MessageAttributes      map[string]attributeValue `json:"MessageAttributes"`
	MessageDeduplicationID string                    `json:"MessageDeduplicationId"`
	MessageGroupID         string                    `json:"MessageGroupId"`
}

func (in *publishInput) target() string {
	if in.TopicArn != "" {
		return in.TopicArn
	}
	return in.TargetArn
}

type publishOutput struct {
	MessageID      string `json:"MessageId"`
	SequenceNumber string `json:"SequenceNumber,omitzero"`
}

func (s *Service) publish(ctx context.Context, in *publishInput) (*publishOutput, error) {
	if in.PhoneNumber != "" {
		return nil, errParameter("PhoneNumber: the local AWS sends no text messages")
	}
	if !strings.HasPrefix(in.target(), "arn:aws:sns:") {
		return nil, errNoValue("TopicArn or TargetArn")
	}
	var out *publishOutput
	err := s.Store.Update(func(tx *store.Tx) error {
		t, ok := loadTopic(tx, nameOf(in.target()))
		if !ok || s.topicARN(t.Name) != in.target() {
			if in.TargetArn != "" {
				return errParameter("TargetArn Reason: No endpoint found for the target arn specified")
			}
			return errNoTopic()
		}
		var err error
		out, err = s.accept(tx, t, &in.publishEntry)
		t.save(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.deliver(ctx, nameOf(in.target()))
	return out, nil
}

// accept checks a message and puts it on its way to every subscription that
// wants it.
func (s *Service) accept(tx *store.Tx, t *topic, in *publishEntry) (*publishOutput, error) {
	m, err := newMessage(t, in)
	if err != nil {
		return nil, err
	}
	m.ID, m.Time = newID(), s.Clock.Now()
	if t.fifo() {
		if first, ok := s.duplicate(tx, t, m); ok {
			return first, nil
		}
		t.Sequence++
		m.Sequence = fmt.Sprintf("1%019d", t.Sequence*1000)
		s.remember(tx, t, m)
	}
	for _, sub := range subscriptionsOf(tx, t.Name) {
		if sub.wants(m) {
			s.enqueue(tx, sub, m)
		}
	}
	return &publishOutput{m.ID, m.Sequence}, nil
}

func newMessage(t *topic, in *publishEntry) (*message, error) {
	m := &message{Body: in.Message, Attributes: in.MessageAttributes, Group: in.MessageGroupID, Dedup: in.MessageDeduplicationID}
	if in.Message == "" {
		return nil, errParameter("Empty message")
	}
	if len(in.Message) > maxMessage {
		return nil, errParameter("Message too long")
	}
	if in.Subject != nil {
		if *in.Subject == "" || len(*in.Subject) > 100 || strings.ContainsAny(*in.Subject, "\r\n") {
			return nil, errParameter("Subject")
		}
		m.Subject = *in.Subject
	}
	if err := checkAttributes(in.MessageAttributes); err != nil {
		return nil, err
	}
	if err := t.checkOrder(m); err != nil {
		return nil, err
	}
	return m, m.structure(in.MessageStructure)
}

// structure reads a message with a body for each protocol.
func (m *message) structure(structure string) error {
	if structure == "" {
		return nil
	}
	if structure != "json" {
		return errParameter("MessageStructure")
	}
	v, err := jsonvalue.Parse([]byte(m.Body))
	o, ok := v.(*jsonvalue.Object)
	if err != nil || !ok {
		return errParameter("Message Structure - JSON message body failed to parse")
	}
	m.Bodies = map[string]string{}
	for protocol, body := range o.All() {
		if text, ok := body.(string); ok {
			m.Bodies[protocol] = text
		}
	}
	body, ok := m.Bodies["default"]
	if !ok {
		return errParameter("Message Structure - No default entry in JSON message body")
	}
	m.Body = body
	return nil
}

func checkAttributes(attributes map[string]attributeValue) error {
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		switch a.DataType {
		case "String", "Number", "String.Array":
			if a.StringValue == "" {
				return awswire.Errorf("ParameterValueInvalid", "The message attribute '%s' must contain non-empty message attribute value for message attribute type '%s'.", name, a.DataType)
			}
		case "Binary":
			if len(a.BinaryValue) == 0 {
				return awswire.Errorf("ParameterValueInvalid", "The message attribute '%s' must contain non-empty message attribute value for message attribute type '%s'.", name, a.DataType)
			}
		default:
			return awswire.Errorf("ParameterValueInvalid", "The message attribute '%s' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.", name)
		}
	}
	return nil
}

// checkOrder judges what a message says of its group, and completes it.
func (t *topic) checkOrder(m *message) error {
	if !t.fifo() {
		if m.Dedup != "" {
			return errParameter("MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type")
		}
		return nil
	}
	if m.Group == "" {
		return errParameter("The MessageGroupId parameter is required for FIFO topics")
	}
	if m.Dedup == "" {
		if t.Attributes["ContentBasedDeduplication"] != "true" {
			return errParameter("The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
		}
		sum := sha256.Sum256([]byte(m.Body))
		m.Dedup = hex.EncodeToString(sum[:])
	}
	return nil
}

type firstPublish struct {
	ID, Sequence string
	Until        time.Time
}

func (s *Service) duplicate(r store.Reader, t *topic, m *message) (*publishOutput, bool) {
	var first firstPublish
	text, ok := r.Get(bucketDedup, store.Key(t.Name, m.Dedup))
	if !ok || json.Unmarshal(text, &first) != nil || !s.Clock.Now().Before(first.Until) {
		return nil, false
	}
	return &publishOutput{first.ID, first.Sequence}, true
}

func (s *Service) remember(tx *store.Tx, t *topic, m *message) {
	tx.Put(bucketDedup, store.Key(t.Name, m.Dedup), marshal(firstPublish{m.ID, m.Sequence, m.Time.Add(dedupInterval)}))
}

type publishBatchInput struct {
	byTopic
	Entries []batchEntry `json:"PublishBatchRequestEntries"`
}

type batchEntry struct {
	ID string `json:"Id"`
	publishEntry
}

type publishBatchOutput struct {
	Successful []batchResult `json:"Successful"`
	Failed     []batchError  `json:"Failed"`
}

type batchResult struct {
	ID string `json:"Id"`
	publishOutput
}

type batchError struct {
	ID          string `json:"Id"`
	Code        string `json:"Code"`
	Message     string `json:"Message"`
	SenderFault bool   `json:"SenderFault"`
}

func (s *Service) publishBatch(ctx context.Context, in *publishBatchInput) (*publishBatchOutput, error) {
	if err := checkBatch(in.Entries); err != nil {
		return nil, err
	}
	out := &publishBatchOutput{}
	err := s.Store.Update(func(tx *store.Tx) error {
		t, ok := loadTopic(tx, nameOf(in.TopicArn))
		if !ok {
			return errNoTopic()
		}
		for i := range in.Entries {
			e := &in.Entries[i]
			sent, err := s.accept(tx, t, &e.publishEntry)
			var refused *awswire.Error
			switch {
			case err == nil:
				out.Successful = append(out.Successful, batchResult{e.ID, *sent})
			case t.fifo() || !errors.As(err, &refused):
				return err // a FIFO batch is judged as a whole
			default:
				out.Failed = append(out.Failed, batchError{e.ID, refused.Code, refused.Message, true})
			}
		}
		t.save(tx)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.deliver(ctx, nameOf(in.TopicArn))
	return out, nil
}

func checkBatch(entries []batchEntry) error {
	total, seen := 0, map[string]bool{}
	for _, e := range entries {
		if seen[e.ID] {
			return awswire.Errorf("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.")
		}
		seen[e.ID] = true
		total += len(e.Message)
	}
	switch {
	case len(entries) == 0:
		return awswire.Errorf("EmptyBatchRequest", "The batch request doesn't contain any entries.")
	case len(entries) > 10:
		return awswire.Errorf("TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible.")
	case total > maxMessage:
		return awswire.Errorf("BatchRequestTooLong", "The length of all the messages put together is more than the limit.")
	}
	return nil
}
