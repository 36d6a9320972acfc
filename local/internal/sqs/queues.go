package sqs

// This file defines the operations on queues.

import (
	"context"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"

	"github.com/stepworks/stepworks/local/internal/store"
)

// byURL is embedded in inputs that name their queue by URL.
type byURL struct {
	QueueURL string `json:"QueueUrl"`
}

// queueName is the last part of the URL: hosts differ between what AWS prints
// and where the local AWS listens.
func (in *byURL) queueName() string {
	u, err := url.Parse(in.QueueURL)
	if err != nil {
		return ""
	}
	return u.Path[strings.LastIndexByte(u.Path, '/')+1:]
}

type empty struct{}

type createQueueInput struct {
	QueueName  string            `json:"QueueName"`
	Attributes map[string]string `json:"Attributes"`
	Tags       map[string]string `json:"tags"`
}

type queueURLOutput struct {
	QueueURL string `json:"QueueUrl"`
}

var queueNamePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

func checkName(name string) error {
	base := strings.TrimSuffix(name, ".fifo")
	if len(name) > 80 || !queueNamePattern.MatchString(base) {
		return errParameter("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	return nil
}

func (s *Service) createQueue(_ context.Context, in *createQueueInput) (*queueURLOutput, error) {
	if err := checkName(in.QueueName); err != nil {
		return nil, err
	}
	isFifo := in.Attributes["FifoQueue"] == "true"
	if strings.HasSuffix(in.QueueName, ".fifo") != isFifo && in.Attributes["FifoQueue"] != "" || strings.HasSuffix(in.QueueName, ".fifo") && !isFifo {
		if isFifo {
			return nil, errParameter("The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.")
		}
		if strings.HasSuffix(in.QueueName, ".fifo") {
			return nil, errParameter("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
		}
	}
	err := s.Store.Update(func(tx *store.Tx) error {
		now := s.Clock.Now().Unix()
		q := &queue{Name: in.QueueName, Attributes: map[string]string{}, Tags: in.Tags, Created: now, Modified: now}
		if err := s.checkAttributes(tx, q, in.Attributes, true); err != nil {
			return err
		}
		if old, ok := loadQueue(tx, in.QueueName); ok {
			return sameAttributes(old, in.Attributes)
		}
		q.apply(in.Attributes)
		q.save(tx)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &queueURLOutput{s.url(in.QueueName)}, nil
}

// sameAttributes lets a queue be created again as it is.
func sameAttributes(old *queue, attributes map[string]string) error {
	for _, name := range sortedNames(attributes) {
		if old.value(name) != attributes[name] {
			return fault("QueueNameExists", "QueueAlreadyExists", "A queue already exists with the same name and a different value for attribute %s", name)
		}
	}
	return nil
}

type getQueueURLInput struct {
	QueueName string `json:"QueueName"`
}

func (s *Service) getQueueURL(_ context.Context, in *getQueueURLInput) (*queueURLOutput, error) {
	if _, err := s.read(in.QueueName); err != nil {
		return nil, err
	}
	return &queueURLOutput{s.url(in.QueueName)}, nil
}

// read returns a queue as it stands.
func (s *Service) read(name string) (q *queue, err error) {
	verr := s.Store.View(func(r store.Reader) error {
		q, err = mustQueue(r, name)
		return err
	})
	return q, verr
}

// change loads a queue, lets f change it and saves it.
func (s *Service) change(name string, f func(tx *store.Tx, q *queue) error) error {
	return s.Store.Update(func(tx *store.Tx) error {
		q, err := mustQueue(tx, name)
		if err != nil {
			return err
		}
		if err := f(tx, q); err != nil {
			return err
		}
		q.save(tx)
		return nil
	})
}

type listQueuesInput struct {
	QueueNamePrefix string `json:"QueueNamePrefix"`
	MaxResults      int    `json:"MaxResults" check:"min=1,max=1000"`
	NextToken       string `json:"NextToken"`
}

type listQueuesOutput struct {
	QueueURLs []string `json:"QueueUrls,omitempty"`
	NextToken string   `json:"NextToken,omitzero"`
}

func (s *Service) listQueues(_ context.Context, in *listQueuesInput) (*listQueuesOutput, error) {
	out := &listQueuesOutput{}
	limit := in.MaxResults
	if limit == 0 {
		limit = 1000
	}
	err := s.Store.View(func(r store.Reader) error {
		from := max(in.QueueNamePrefix, in.NextToken)
		for name := range r.Scan(bucketQueue, from, store.After(in.QueueNamePrefix)) {
			if len(out.QueueURLs) == limit {
				if in.MaxResults > 0 {
					out.NextToken = name
				}
				return nil
			}
			out.QueueURLs = append(out.QueueURLs, s.url(name))
		}
		return nil
	})
	return out, err
}

type deleteQueueInput struct{ byURL }

func (s *Service) deleteQueue(_ context.Context, in *deleteQueueInput) (*empty, error) {
	name := in.queueName()
	return &empty{}, s.Store.Update(func(tx *store.Tx) error {
		if _, err := mustQueue(tx, name); err != nil {
			return err
		}
		tx.Delete(bucketQueue, name)
		clearMessages(tx, name)
		clearBuckets(tx, name, bucketMove)
		return nil
	})
}

// clearMessages removes all that belongs to a queue's messages.
func clearMessages(tx *store.Tx, name string) {
	clearBuckets(tx, name, bucketMessage, bucketReady, bucketLater, bucketLock, bucketDedup, bucketDedupEnd)
}

// clearBuckets removes what buckets hold of a queue.
func clearBuckets(tx *store.Tx, name string, buckets ...string) {
	from, to := store.Prefix(name)
	for _, bucket := range buckets {
		var keys []string
		for key := range tx.Scan(bucket, from, to) {
			keys = append(keys, key)
		}
		for _, key := range keys {
			tx.Delete(bucket, key)
		}
	}
}

type purgeQueueInput struct{ byURL }

func (s *Service) purgeQueue(_ context.Context, in *purgeQueueInput) (*empty, error) {
	err := s.change(in.queueName(), func(tx *store.Tx, q *queue) error {
		clearMessages(tx, q.Name)
		q.Ready, q.Delayed, q.InFlight = 0, 0, 0
		return nil
	})
	s.count(in.queueName(), counts{})
	return &empty{}, err
}

type getQueueAttributesInput struct {
	byURL
	AttributeNames []string `json:"AttributeNames"`
}

type getQueueAttributesOutput struct {
	Attributes map[string]string `json:"Attributes,omitempty"`
}

func (s *Service) getQueueAttributes(_ context.Context, in *getQueueAttributesInput) (*getQueueAttributesOutput, error) {
	var q *queue
	err := s.change(in.queueName(), func(tx *store.Tx, found *queue) error {
		q = found
		return s.promote(tx, q)
	})
	if err != nil {
		return nil, err
	}
	all, out := q.all(s.arn(q.Name)), map[string]string{}
	for _, name := range in.AttributeNames {
		value, ok := all[name]
		_, known := attributes[name]
		switch {
		case name == "All":
			return &getQueueAttributesOutput{all}, nil
		case ok:
			out[name] = value
		case !known:
			return nil, fault("InvalidAttributeName", "InvalidAttributeName", "Unknown Attribute %s.", name)
		}
	}
	return &getQueueAttributesOutput{out}, nil
}

type setQueueAttributesInput struct {
	byURL
	Attributes map[string]string `json:"Attributes"`
}

func (s *Service) setQueueAttributes(_ context.Context, in *setQueueAttributesInput) (*empty, error) {
	if len(in.Attributes) == 0 {
		return nil, errMissing("Attributes")
	}
	return &empty{}, s.change(in.queueName(), func(tx *store.Tx, q *queue) error {
		if err := s.checkAttributes(tx, q, in.Attributes, false); err != nil {
			return err
		}
		q.apply(in.Attributes)
		q.Modified = s.Clock.Now().Unix()
		return nil
	})
}

type tagQueueInput struct {
	byURL
	Tags map[string]string `json:"Tags"`
}

func (s *Service) tagQueue(_ context.Context, in *tagQueueInput) (*empty, error) {
	if len(in.Tags) == 0 {
		return nil, errMissing("Tags")
	}
	return &empty{}, s.change(in.queueName(), func(_ *store.Tx, q *queue) error {
		if q.Tags == nil {
			q.Tags = map[string]string{}
		}
		for k, v := range in.Tags {
			q.Tags[k] = v
		}
		if len(q.Tags) > 50 {
			return errParameter("Too many tags added for queue %s.", q.Name)
		}
		return nil
	})
}

type untagQueueInput struct {
	byURL
	TagKeys []string `json:"TagKeys"`
}

func (s *Service) untagQueue(_ context.Context, in *untagQueueInput) (*empty, error) {
	if len(in.TagKeys) == 0 {
		return nil, errMissing("TagKeys")
	}
	return &empty{}, s.change(in.queueName(), func(_ *store.Tx, q *queue) error {
		for _, k := range in.TagKeys {
			delete(q.Tags, k)
		}
		return nil
	})
}

type listQueueTagsInput struct{ byURL }

type listQueueTagsOutput struct {
	Tags map[string]string `json:"Tags,omitempty"`
}

func (s *Service) listQueueTags(_ context.Context, in *listQueueTagsInput) (*listQueueTagsOutput, error) {
	q, err := s.read(in.queueName())
	if err != nil {
		return nil, err
	}
	return &listQueueTagsOutput{q.Tags}, nil
}

// permission statements as AddPermission writes them into the queue's policy.
type policyDocument struct {
	Version   string            `json:"Version"`
	ID        string            `json:"Id,omitempty"`
	Statement []json.RawMessage `json:"Statement"`
}

type policyStatement struct {
	Sid       string         `json:"Sid"`
	Effect    string         `json:"Effect"`
	Principal map[string]any `json:"Principal"`
	Action    any            `json:"Action"`
	Resource  string         `json:"Resource"`
}

type addPermissionInput struct {
	byURL
	Label         string   `json:"Label"`
	AWSAccountIDs []string `json:"AWSAccountIds"`
	Actions       []string `json:"Actions"`
}

func (s *Service) addPermission(_ context.Context, in *addPermissionInput) (*empty, error) {
	if in.Label == "" {
		return nil, errMissing("Label")
	}
	if len(in.AWSAccountIDs) == 0 {
		return nil, errMissing("AWSAccountIds")
	}
	if len(in.Actions) == 0 {
		return nil, errMissing("Actions")
	}
	return &empty{}, s.change(in.queueName(), func(_ *store.Tx, q *queue) error {
		doc, at, err := q.policy(in.Label)
		if err != nil {
			return err
		}
		if at >= 0 {
			return errValue(in.Label, "Label", "Already exists.")
		}
		if doc.Version == "" {
			doc.Version, doc.ID = "2008-10-17", s.arn(q.Name)+"/SQSDefaultPolicy"
		}
		st := policyStatement{Sid: in.Label, Effect: "Allow", Principal: map[string]any{}, Resource: s.arn(q.Name)}
		st.Principal["AWS"] = oneOrMany(in.AWSAccountIDs, func(a string) string { return "arn:aws:iam::" + a + ":root" })
		st.Action = oneOrMany(in.Actions, func(a string) string { return "SQS:" + a })
		text, err := json.Marshal(st)
		if err != nil {
			return err
		}
		doc.Statement = append(doc.Statement, text)
		return q.setPolicy(doc)
	})
}

func oneOrMany(list []string, spell func(string) string) any {
	spelled := make([]string, len(list))
	for i, x := range list {
		spelled[i] = spell(x)
	}
	if len(spelled) == 1 {
		return spelled[0]
	}
	return spelled
}

type removePermissionInput struct {
	byURL
	Label string `json:"Label"`
}

func (s *Service) removePermission(_ context.Context, in *removePermissionInput) (*empty, error) {
	if in.Label == "" {
		return nil, errMissing("Label")
	}
	return &empty{}, s.change(in.queueName(), func(_ *store.Tx, q *queue) error {
		doc, at, err := q.policy(in.Label)
		if err != nil {
			return err
		}
		if at < 0 {
			return errValue(in.Label, "Label", "can't find label.")
		}
		doc.Statement = append(doc.Statement[:at], doc.Statement[at+1:]...)
		if len(doc.Statement) == 0 {
			delete(q.Attributes, "Policy")
			return nil
		}
		return q.setPolicy(doc)
	})
}

// policy returns the queue's policy and where the statement of that Sid stands,
// -1 if nowhere.
func (q *queue) policy(sid string) (doc policyDocument, at int, err error) {
	if text := q.Attributes["Policy"]; text != "" {
		if err := json.Unmarshal([]byte(text), &doc); err != nil {
			return doc, -1, errAttributeValue("Policy")
		}
	}
	for i, raw := range doc.Statement {
		var st struct{ Sid string }
		if json.Unmarshal(raw, &st) == nil && st.Sid == sid {
			return doc, i, nil
		}
	}
	return doc, -1, nil
}

func (q *queue) setPolicy(doc policyDocument) error {
	text, err := json.Marshal(doc)
	q.Attributes["Policy"] = string(text)
	return err
}

type listDeadLetterSourceQueuesInput struct {
	byURL
	MaxResults int    `json:"MaxResults"`
	NextToken  string `json:"NextToken"`
}

type listDeadLetterSourceQueuesOutput struct {
	QueueURLs []string `json:"queueUrls"`
}

func (s *Service) listDeadLetterSourceQueues(_ context.Context, in *listDeadLetterSourceQueuesInput) (*listDeadLetterSourceQueuesOutput, error) {
	out := &listDeadLetterSourceQueuesOutput{QueueURLs: []string{}}
	err := s.Store.View(func(r store.Reader) error {
		if _, err := mustQueue(r, in.queueName()); err != nil {
			return err
		}
		for _, source := range deadLetterSources(r, in.queueName()) {
			out.QueueURLs = append(out.QueueURLs, s.url(source))
		}
		return nil
	})
	return out, err
}

func deadLetterSources(r store.Reader, target string) []string {
	var sources []string
	for name := range r.Scan(bucketQueue, "", "") {
		if q, ok := loadQueue(r, name); ok {
			if to, _, ok := q.redrive(); ok && to == target {
				sources = append(sources, name)
			}
		}
	}
	return sources
}

var _ queueInput = (*byURL)(nil)
