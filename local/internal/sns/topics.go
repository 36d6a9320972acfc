package sns

// This file defines topics.

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

type topic struct {
	Name       string
	Attributes map[string]string
	Tags       map[string]string
	Sequence   uint64 // of the last FIFO message
}

func (t *topic) fifo() bool { return strings.HasSuffix(t.Name, ".fifo") }

func loadTopic(r store.Reader, name string) (*topic, bool) {
	text, ok := r.Get(bucketTopic, name)
	if !ok {
		return nil, false
	}
	var t topic
	return &t, json.Unmarshal(text, &t) == nil
}

func (t *topic) save(tx *store.Tx) { tx.Put(bucketTopic, t.Name, marshal(t)) }

// topicAttributes are those that can be set, with what is accepted and performed:
// delivery status logging and encryption are stored and not performed.
var topicAttributes = []string{"DisplayName", "Policy", "DeliveryPolicy", "KmsMasterKeyId", "TracingConfig", "SignatureVersion", "FifoTopic", "ContentBasedDeduplication",
	"ArchivePolicy", "FifoThroughputScope", "MaximumMessageSize", "DataProtectionPolicy"}

type tag struct {
	Key   string `json:"Key"`
	Value string `json:"Value"`
}

type createTopicInput struct {
	Name       string            `json:"Name"`
	Attributes map[string]string `json:"Attributes"`
	Tags       []tag             `json:"Tags"`
}

type topicOutput struct {
	TopicArn string `json:"TopicArn"`
}

var topicName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)

func (s *Service) createTopic(_ context.Context, in *createTopicInput) (*topicOutput, error) {
	fifo := in.Attributes["FifoTopic"] == "true"
	if !topicName.MatchString(strings.TrimSuffix(in.Name, ".fifo")) || strings.HasSuffix(in.Name, ".fifo") != fifo {
		return nil, errParameter("Topic Name")
	}
	if err := checkTopicAttributes(in.Attributes); err != nil {
		return nil, err
	}
	tags, err := tagMap(in.Tags)
	if err != nil {
		return nil, err
	}
	return &topicOutput{s.topicARN(in.Name)}, s.Store.Update(func(tx *store.Tx) error {
		if old, ok := loadTopic(tx, in.Name); ok {
			for name, value := range in.Attributes {
				if old.Attributes[name] != value {
					return errParameter("Attributes Reason: Topic already exists with different attributes")
				}
			}
			if in.Tags != nil && !maps.Equal(old.Tags, tags) {
				return errParameter("Tags Reason: Topic already exists with different tags")
			}
			return nil
		}
		attributes := maps.Clone(in.Attributes)
		if attributes == nil {
			attributes = map[string]string{}
		}
		if fifo && attributes["ContentBasedDeduplication"] == "" {
			attributes["ContentBasedDeduplication"] = "false"
		}
		(&topic{Name: in.Name, Attributes: attributes, Tags: tags}).save(tx)
		return nil
	})
}

func checkTopicAttributes(attributes map[string]string) error {
	for name, value := range attributes {
		if !slices.Contains(topicAttributes, name) && !strings.HasSuffix(name, "FeedbackRoleArn") && !strings.HasSuffix(name, "FeedbackSampleRate") {
			return errParameter("AttributeName")
		}
		if strings.HasSuffix(name, "Policy") && value != "" && !json.Valid([]byte(value)) {
			return errParameter("%s: failed to parse JSON", name)
		}
	}
	return nil
}

func tagMap(tags []tag) (map[string]string, error) {
	m := map[string]string{}
	for _, t := range tags {
		if _, twice := m[t.Key]; twice {
			return nil, errParameter("Duplicated keys are not allowed.")
		}
		m[t.Key] = t.Value
	}
	return m, nil
}

type deleteTopicInput struct{ byTopic }

// deleteTopic succeeds for a topic that is gone, as AWS does.
func (s *Service) deleteTopic(_ context.Context, in *deleteTopicInput) (*empty, error) {
	if in.TopicArn == "" {
		return nil, errNoValue("TopicArn")
	}
	return &empty{}, s.Store.Update(func(tx *store.Tx) error {
		name := nameOf(in.TopicArn)
		tx.Delete(bucketTopic, name)
		from, to := store.Prefix(name)
		for _, key := range slices.Collect(keysOf(tx.Scan(bucketSubscription, from, to))) {
			tx.Delete(bucketSubscription, key)
		}
		return nil
	})
}

func keysOf(scan func(func(string, []byte) bool)) func(func(string) bool) {
	return func(yield func(string) bool) {
		for key := range scan {
			if !yield(key) {
				return
			}
		}
	}
}

type getTopicAttributesInput struct{ byTopic }

type attributesOutput struct {
	Attributes map[string]string `json:"Attributes"`
}

// effectiveDelivery is what GetTopicAttributes shows of the default policy.
// https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
const effectiveDelivery = `{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},"disableSubscriptionOverrides":false,"defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}`

func (s *Service) getTopicAttributes(_ context.Context, in *getTopicAttributesInput) (*attributesOutput, error) {
	out := &attributesOutput{}
	return out, s.Store.View(func(r store.Reader) error {
		t, ok := loadTopic(r, nameOf(in.TopicArn))
		if !ok || s.topicARN(t.Name) != in.TopicArn {
			return errNoTopic()
		}
		n := 0
		from, to := store.Prefix(t.Name)
		for range r.Scan(bucketSubscription, from, to) {
			n++
		}
		out.Attributes = map[string]string{"TopicArn": in.TopicArn, "Owner": s.Account, "DisplayName": "", "EffectiveDeliveryPolicy": effectiveDelivery,
			"SubscriptionsConfirmed": jsonInt(n), "SubscriptionsPending": "0", "SubscriptionsDeleted": "0", "Policy": s.defaultPolicy(in.TopicArn)}
		maps.Copy(out.Attributes, t.Attributes)
		return nil
	})
}

func jsonInt(n int) string { return string(marshal(n)) }

// defaultPolicy lets the owner do everything, as a new topic's policy does.
func (s *Service) defaultPolicy(arn string) string {
	return string(marshal(map[string]any{"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": []any{map[string]any{
		"Sid": "__default_statement_ID", "Effect": "Allow", "Principal": map[string]string{"AWS": "*"},
		"Action":   []string{"SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:AddPermission", "SNS:RemovePermission", "SNS:DeleteTopic", "SNS:Subscribe", "SNS:ListSubscriptionsByTopic", "SNS:Publish"},
		"Resource": arn, "Condition": map[string]any{"StringEquals": map[string]string{"AWS:SourceOwner": s.Account}}}}}))
}

type setTopicAttributesInput struct {
	byTopic
	AttributeName  string `json:"AttributeName"`
	AttributeValue string `json:"AttributeValue"`
}

func (s *Service) setTopicAttributes(_ context.Context, in *setTopicAttributesInput) (*empty, error) {
	if err := checkTopicAttributes(map[string]string{in.AttributeName: in.AttributeValue}); err != nil {
		return nil, err
	}
	return &empty{}, s.changeTopic(in.TopicArn, func(t *topic) error {
		t.Attributes[in.AttributeName] = in.AttributeValue
		return nil
	})
}

func (s *Service) changeTopic(arn string, f func(*topic) error) error {
	return s.Store.Update(func(tx *store.Tx) error {
		t, ok := loadTopic(tx, nameOf(arn))
		if !ok {
			return errNoTopic()
		}
		if err := f(t); err != nil {
			return err
		}
		t.save(tx)
		return nil
	})
}

type listTopicsInput struct {
	NextToken string `json:"NextToken"`
}

type listTopicsOutput struct {
	Topics    []topicOutput `json:"Topics"`
	NextToken string        `json:"NextToken,omitzero"`
}

const pageSize = 100

func (s *Service) listTopics(_ context.Context, in *listTopicsInput) (*listTopicsOutput, error) {
	out := &listTopicsOutput{}
	return out, s.Store.View(func(r store.Reader) error {
		for name := range r.Scan(bucketTopic, in.NextToken, "") {
			if len(out.Topics) == pageSize {
				out.NextToken = name
				return nil
			}
			out.Topics = append(out.Topics, topicOutput{s.topicARN(name)})
		}
		return nil
	})
}

type tagResourceInput struct {
	ResourceArn string `json:"ResourceArn"`
	Tags        []tag  `json:"Tags"`
}

func errNoResource() error {
	return awswire.Errorf("ResourceNotFound", "Resource does not exist")
}

func (s *Service) changeTags(arn string, f func(t *topic)) error {
	err := s.changeTopic(arn, func(t *topic) error {
		if t.Tags == nil {
			t.Tags = map[string]string{}
		}
		f(t)
		return nil
	})
	if awswire.CodeOf(err) == "NotFound" {
		return errNoResource()
	}
	return err
}

func (s *Service) tagResource(_ context.Context, in *tagResourceInput) (*empty, error) {
	if len(in.Tags) == 0 {
		return nil, errNoValue("Tags")
	}
	tags, err := tagMap(in.Tags)
	if err != nil {
		return nil, err
	}
	return &empty{}, s.changeTags(in.ResourceArn, func(t *topic) { maps.Copy(t.Tags, tags) })
}

type untagResourceInput struct {
	ResourceArn string   `json:"ResourceArn"`
	TagKeys     []string `json:"TagKeys"`
}

func (s *Service) untagResource(_ context.Context, in *untagResourceInput) (*empty, error) {
	if len(in.TagKeys) == 0 {
		return nil, errNoValue("TagKeys")
	}
	return &empty{}, s.changeTags(in.ResourceArn, func(t *topic) {
		for _, key := range in.TagKeys {
			delete(t.Tags, key)
		}
	})
}

type listTagsInput struct {
	ResourceArn string `json:"ResourceArn"`
}

type listTagsOutput struct {
	Tags []tag `json:"Tags"`
}

func (s *Service) listTags(_ context.Context, in *listTagsInput) (*listTagsOutput, error) {
	out := &listTagsOutput{}
	return out, s.Store.View(func(r store.Reader) error {
		t, ok := loadTopic(r, nameOf(in.ResourceArn))
		if !ok {
			return errNoResource()
		}
		for _, key := range slices.Sorted(maps.Keys(t.Tags)) {
			out.Tags = append(out.Tags, tag{key, t.Tags[key]})
		}
		return nil
	})
}
