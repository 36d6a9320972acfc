package sns

// This file defines subscriptions.

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

type subscription struct {
	ID         string
	Topic      string // name
	Protocol   string
	Endpoint   string
	Principal  string
	Attributes map[string]string
}

func (s *Service) subscriptionARN(sub *subscription) string {
	return s.topicARN(sub.Topic) + ":" + sub.ID
}

func loadSubscription(r store.Reader, arn string) (*subscription, bool) {
	text, ok := r.Get(bucketSubscription, subscriptionKey(arn))
	if !ok {
		return nil, false
	}
	var sub subscription
	return &sub, json.Unmarshal(text, &sub) == nil
}

func subscriptionKey(arn string) string {
	return store.Key(nameOf(topicOfSubscription(arn)), nameOf(arn))
}

func (sub *subscription) save(tx *store.Tx) {
	tx.Put(bucketSubscription, store.Key(sub.Topic, sub.ID), marshal(sub))
}

func subscriptionsOf(r store.Reader, topicName string) []*subscription {
	var subs []*subscription
	from, to := store.Prefix(topicName)
	for _, text := range r.Scan(bucketSubscription, from, to) {
		var sub subscription
		if json.Unmarshal(text, &sub) == nil {
			subs = append(subs, &sub)
		}
	}
	return subs
}

type subscribeInput struct {
	byTopic
	Protocol              string            `json:"Protocol"`
	Endpoint              string            `json:"Endpoint"`
	Attributes            map[string]string `json:"Attributes"`
	ReturnSubscriptionArn bool              `json:"ReturnSubscriptionArn"`
}

type subscribeOutput struct {
	SubscriptionArn string `json:"SubscriptionArn"`
}

// elsewhere are AWS's protocols that leave the machine.
var elsewhere = []string{"http", "https", "email", "email-json", "sms", "application", "firehose"}

func (s *Service) subscribe(ctx context.Context, in *subscribeInput) (*subscribeOutput, error) {
	if slices.Contains(elsewhere, in.Protocol) {
		return nil, errParameter("Protocol: the local AWS delivers to sqs and lambda, %s leaves the machine", in.Protocol)
	}
	if in.Protocol != "sqs" && in.Protocol != "lambda" {
		return nil, errParameter("Amazon SNS does not support this protocol string: %s", in.Protocol)
	}
	if err := s.checkEndpoint(in); err != nil {
		return nil, err
	}
	sub := &subscription{ID: newID(), Topic: nameOf(in.TopicArn), Protocol: in.Protocol, Endpoint: in.Endpoint, Principal: awswire.CallerFrom(ctx).ARN, Attributes: map[string]string{}}
	maps.Copy(sub.Attributes, in.Attributes)
	for _, name := range slices.Sorted(maps.Keys(in.Attributes)) {
		if err := sub.checkAttribute(name, in.Attributes[name]); err != nil {
			err.Message = strings.Replace(err.Message, "Invalid parameter: ", "Invalid parameter: Attributes Reason: ", 1)
			return nil, err
		}
	}
	err := s.Store.Update(func(tx *store.Tx) error {
		t, ok := loadTopic(tx, sub.Topic)
		if !ok || s.topicARN(t.Name) != in.TopicArn {
			return errNoTopic()
		}
		for _, old := range subscriptionsOf(tx, sub.Topic) {
			if old.Protocol != sub.Protocol || old.Endpoint != sub.Endpoint {
				continue
			}
			if !maps.Equal(old.Attributes, sub.Attributes) && len(in.Attributes) > 0 {
				return errParameter("Attributes Reason: Subscription already exists with different attributes")
			}
			sub = old
			return nil
		}
		sub.save(tx)
		return nil
	})
	return &subscribeOutput{s.subscriptionARN(sub)}, err
}

func (s *Service) checkEndpoint(in *subscribeInput) error {
	switch {
	case in.Protocol == "sqs" && !strings.HasPrefix(in.Endpoint, "arn:aws:sqs:"):
		return errParameter("SQS endpoint ARN")
	case in.Protocol == "lambda" && !strings.HasPrefix(in.Endpoint, "arn:aws:lambda:"):
		return errParameter("Lambda endpoint ARN")
	case in.Protocol == "sqs" && strings.HasSuffix(in.Endpoint, ".fifo") && !strings.HasSuffix(in.TopicArn, ".fifo"):
		return errParameter("Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics")
	}
	return nil
}

// checkAttribute judges one attribute of a subscription.
func (sub *subscription) checkAttribute(name, value string) *awswire.Error {
	switch name {
	case "RawMessageDelivery":
		if value != "true" && value != "false" {
			return errParameter("RawMessageDelivery: Invalid value [%s]. Must be true or false.", value)
		}
	case "FilterPolicyScope":
		if value != "MessageAttributes" && value != "MessageBody" {
			return errParameter("FilterPolicyScope: Invalid value [%s]. Please use either MessageBody or MessageAttributes", value)
		}
	case "FilterPolicy":
		return sub.checkFilter(value)
	case "RedrivePolicy":
		return sub.checkRedrive(value)
	case "DeliveryPolicy", "SubscriptionRoleArn", "ReplayPolicy":
	default:
		return errParameter("AttributeName")
	}
	return nil
}

var arnPattern = regexp.MustCompile(`^arn:[^:]+:sqs:[^:]+:\d{12}:\S+$`)

func (sub *subscription) checkRedrive(value string) *awswire.Error {
	if value == "" {
		return nil
	}
	v, err := jsonvalue.Parse([]byte(value))
	if err != nil {
		return errParameter("RedrivePolicy: failed to parse JSON. %v", err)
	}
	o, _ := v.(*jsonvalue.Object)
	target, _ := o.Get("deadLetterTargetArn")
	arn, _ := target.(string)
	if !arnPattern.MatchString(arn) {
		return errParameter("RedrivePolicy: deadLetterTargetArn is an invalid arn")
	}
	if strings.HasSuffix(sub.Topic, ".fifo") && strings.HasSuffix(sub.Endpoint, ".fifo") && !strings.HasSuffix(arn, ".fifo") {
		return errParameter("RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic.")
	}
	return nil
}

func (sub *subscription) deadLetterQueue() string {
	var p struct{ DeadLetterTargetArn string }
	_ = json.Unmarshal([]byte(sub.Attributes["RedrivePolicy"]), &p) // checked when it was set
	return p.DeadLetterTargetArn
}

type unsubscribeInput struct {
	SubscriptionArn string `json:"SubscriptionArn"`
}

// checkSubscriptionARN words AWS's faults of an ARN.
func checkSubscriptionARN(arn string) error {
	parts := strings.Split(arn, ":")
	switch {
	case arn == "":
		return errNoValue("SubscriptionArn")
	case len(parts) < 6:
		return errParameter("SubscriptionArn Reason: An ARN must have at least 6 elements, not %d", len(parts))
	case len(parts) < 7:
		return errParameter("SubscriptionId")
	}
	return nil
}

// unsubscribe succeeds for a subscription that is gone, as AWS does.
func (s *Service) unsubscribe(_ context.Context, in *unsubscribeInput) (*empty, error) {
	if err := checkSubscriptionARN(in.SubscriptionArn); err != nil {
		return nil, err
	}
	return &empty{}, s.Store.Update(func(tx *store.Tx) error {
		tx.Delete(bucketSubscription, subscriptionKey(in.SubscriptionArn))
		return nil
	})
}

type getSubscriptionAttributesInput struct {
	SubscriptionArn string `json:"SubscriptionArn"`
}

func (s *Service) getSubscriptionAttributes(_ context.Context, in *getSubscriptionAttributesInput) (*attributesOutput, error) {
	out := &attributesOutput{}
	if err := checkSubscriptionARN(in.SubscriptionArn); err != nil {
		return nil, err
	}
	return out, s.Store.View(func(r store.Reader) error {
		sub, ok := loadSubscription(r, in.SubscriptionArn)
		if !ok {
			return errNoSubscription()
		}
		out.Attributes = map[string]string{"SubscriptionArn": in.SubscriptionArn, "TopicArn": s.topicARN(sub.Topic), "Owner": s.Account, "Protocol": sub.Protocol, "Endpoint": sub.Endpoint,
			"ConfirmationWasAuthenticated": "true", "PendingConfirmation": "false", "RawMessageDelivery": "false", "SubscriptionPrincipal": sub.Principal}
		if sub.Attributes["FilterPolicy"] != "" {
			out.Attributes["FilterPolicyScope"] = "MessageAttributes"
		}
		for name, value := range sub.Attributes {
			if value != "" {
				out.Attributes[name] = value
			}
		}
		return nil
	})
}

type setSubscriptionAttributesInput struct {
	SubscriptionArn string `json:"SubscriptionArn"`
	AttributeName   string `json:"AttributeName"`
	AttributeValue  string `json:"AttributeValue"`
}

func (s *Service) setSubscriptionAttributes(_ context.Context, in *setSubscriptionAttributesInput) (*empty, error) {
	if err := checkSubscriptionARN(in.SubscriptionArn); err != nil {
		return nil, err
	}
	return &empty{}, s.Store.Update(func(tx *store.Tx) error {
		sub, ok := loadSubscription(tx, in.SubscriptionArn)
		if !ok {
			return errNoSubscription()
		}
		if err := sub.checkAttribute(in.AttributeName, in.AttributeValue); err != nil {
			return err
		}
		sub.Attributes[in.AttributeName] = in.AttributeValue
		sub.save(tx)
		return nil
	})
}

type subscriptionItem struct {
	SubscriptionArn string `json:"SubscriptionArn"`
	Owner           string `json:"Owner"`
	Protocol        string `json:"Protocol"`
	Endpoint        string `json:"Endpoint"`
	TopicArn        string `json:"TopicArn"`
}

type listSubscriptionsInput struct {
	NextToken string `json:"NextToken"`
}

type listSubscriptionsOutput struct {
	Subscriptions []subscriptionItem `json:"Subscriptions"`
	NextToken     string             `json:"NextToken,omitzero"`
}

func (s *Service) listSubscriptions(_ context.Context, in *listSubscriptionsInput) (*listSubscriptionsOutput, error) {
	return s.listFrom(in.NextToken, "", "")
}

type listSubscriptionsByTopicInput struct {
	byTopic
	NextToken string `json:"NextToken"`
}

func (s *Service) listSubscriptionsByTopic(_ context.Context, in *listSubscriptionsByTopicInput) (*listSubscriptionsOutput, error) {
	err := s.Store.View(func(r store.Reader) error {
		if _, ok := loadTopic(r, nameOf(in.TopicArn)); !ok {
			return errNoTopic()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	from, to := store.Prefix(nameOf(in.TopicArn))
	return s.listFrom(in.NextToken, from, to)
}

func (s *Service) listFrom(token, from, to string) (*listSubscriptionsOutput, error) {
	out := &listSubscriptionsOutput{}
	if token != "" {
		from = subscriptionKey(token)
	}
	return out, s.Store.View(func(r store.Reader) error {
		for _, text := range r.Scan(bucketSubscription, from, to) {
			var sub subscription
			if json.Unmarshal(text, &sub) != nil {
				continue
			}
			if len(out.Subscriptions) == pageSize {
				out.NextToken = s.subscriptionARN(&sub)
				return nil
			}
			out.Subscriptions = append(out.Subscriptions, subscriptionItem{SubscriptionArn: s.subscriptionARN(&sub), Owner: s.Account, Protocol: sub.Protocol, Endpoint: sub.Endpoint, TopicArn: s.topicARN(sub.Topic)})
		}
		return nil
	})
}
