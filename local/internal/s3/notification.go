package s3

// This file defines notification configurations: who hears of which events.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html

import (
	"context"
	"encoding/xml"
	"errors"
	"strings"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

type notification struct {
	TopicConfigurations          []topicConfiguration    `json:"TopicConfigurations,omitempty" xml:"TopicConfiguration"`
	QueueConfigurations          []queueConfiguration    `json:"QueueConfigurations,omitempty" xml:"QueueConfiguration"`
	LambdaFunctionConfigurations []functionConfiguration `json:"LambdaFunctionConfigurations,omitempty" xml:"CloudFunctionConfiguration"`
	EventBridgeConfiguration     *struct{}               `json:"EventBridgeConfiguration,omitempty" xml:"EventBridgeConfiguration"`
}

type topicConfiguration struct {
	TopicArn string `json:"TopicArn" xml:"Topic"`
	listener
}

type queueConfiguration struct {
	QueueArn string `json:"QueueArn" xml:"Queue"`
	listener
}

type functionConfiguration struct {
	LambdaFunctionArn string `json:"LambdaFunctionArn" xml:"CloudFunction"`
	listener
}

// listener is what a destination wants to hear.
type listener struct {
	ID     string              `json:"Id,omitempty" xml:"Id,omitempty"`
	Events []string            `json:"Events" xml:"Event"`
	Filter *notificationFilter `json:"Filter,omitempty" xml:"Filter"`
}

type notificationFilter struct {
	Key *keyFilter `json:"Key,omitempty" xml:"S3Key"`
}

type keyFilter struct {
	FilterRules []filterRule `json:"FilterRules" xml:"FilterRule"`
}

type filterRule struct {
	Name  string `json:"Name" xml:"Name"`
	Value string `json:"Value" xml:"Value"`
}

// destination is one place that events go to.
type destination struct {
	Service string // "sqs", "sns", "lambda"; "events" is the default bus
	ARN     string
	ID      string // of the configuration
}

// each calls f for every destination but the bus.
func (n *notification) each(f func(d destination, l *listener)) {
	for i := range n.TopicConfigurations {
		f(destination{"sns", n.TopicConfigurations[i].TopicArn, n.TopicConfigurations[i].ID}, &n.TopicConfigurations[i].listener)
	}
	for i := range n.QueueConfigurations {
		f(destination{"sqs", n.QueueConfigurations[i].QueueArn, n.QueueConfigurations[i].ID}, &n.QueueConfigurations[i].listener)
	}
	for i := range n.LambdaFunctionConfigurations {
		f(destination{"lambda", n.LambdaFunctionConfigurations[i].LambdaFunctionArn, n.LambdaFunctionConfigurations[i].ID}, &n.LambdaFunctionConfigurations[i].listener)
	}
}

// wants tells whether an event of this name about this key is asked for.
func (l *listener) wants(event, key string) bool {
	heard := false
	for _, e := range l.Events {
		e = strings.TrimPrefix(e, "s3:")
		kind, all := strings.CutSuffix(e, "*")
		heard = heard || e == event || all && strings.HasPrefix(event, kind)
	}
	if !heard || l.Filter == nil || l.Filter.Key == nil {
		return heard
	}
	for _, r := range l.Filter.Key.FilterRules {
		switch strings.ToLower(r.Name) {
		case "prefix":
			heard = heard && strings.HasPrefix(key, r.Value)
		case "suffix":
			heard = heard && strings.HasSuffix(key, r.Value)
		}
	}
	return heard
}

// eventNames are those that can happen here, and those that cannot but may be asked
// for.
var eventNames = []string{"ReducedRedundancyLostObject", "ObjectCreated:*", "ObjectCreated:Put", "ObjectCreated:Post", "ObjectCreated:Copy", "ObjectCreated:CompleteMultipartUpload",
	"ObjectRemoved:*", "ObjectRemoved:Delete", "ObjectRemoved:DeleteMarkerCreated", "ObjectRestore:*", "ObjectRestore:Post", "ObjectRestore:Completed", "ObjectRestore:Delete",
	"Replication:*", "LifecycleTransition", "IntelligentTiering", "ObjectAcl:Put", "LifecycleExpiration:*", "LifecycleExpiration:Delete", "LifecycleExpiration:DeleteMarkerCreated",
	"ObjectTagging:*", "ObjectTagging:Put", "ObjectTagging:Delete"}

func (l *listener) check() error {
	if len(l.Events) == 0 {
		return errXML()
	}
	for _, e := range l.Events {
		known := false
		for _, name := range eventNames {
			known = known || e == "s3:"+name
		}
		if !known {
			return errXML()
		}
	}
	if l.Filter == nil || l.Filter.Key == nil {
		return nil
	}
	for i, r := range l.Filter.Key.FilterRules {
		name := strings.ToLower(r.Name)
		if name == "" {
			return errXML()
		}
		if name != "prefix" && name != "suffix" {
			return errArgument("FilterRule.Name", r.Name, "filter rule name must be either prefix or suffix")
		}
		l.Filter.Key.FilterRules[i].Name = strings.ToUpper(name[:1]) + name[1:]
	}
	return nil
}

type putNotificationInput struct {
	atBucket
	NotificationConfiguration *notification `json:"NotificationConfiguration" http:"payload=NotificationConfiguration"`
	SkipDestinationValidation bool          `json:"SkipDestinationValidation,omitempty" http:"header=X-Amz-Skip-Destination-Validation"`
}

type notificationOutput struct {
	XMLName xml.Name `json:"-" xml:"http://s3.amazonaws.com/doc/2006-03-01/ NotificationConfiguration"`
	notification
}

const settingNotification = "notification"

func (s *Service) putBucketNotification(ctx context.Context, in *putNotificationInput) (*nothing, error) {
	n := in.NotificationConfiguration
	if n == nil {
		return nil, errXML()
	}
	if _, err := s.bucket(in.Bucket); err != nil {
		return nil, err
	}
	var fault error
	n.each(func(d destination, l *listener) {
		if l.ID == "" {
			l.ID = newVersionID()
		}
		if fault == nil {
			fault = errors.Join(l.check(), checkDestinationARN(d))
		}
	})
	n.each(func(d destination, _ *listener) {
		if fault == nil && !in.SkipDestinationValidation {
			fault = s.checkDestination(ctx, in.Bucket, d)
		}
	})
	if fault != nil {
		return nil, fault
	}
	return s.putSetting(in.Bucket, settingNotification, n)
}

func checkDestinationARN(d destination) error {
	if parts := strings.SplitN(d.ARN, ":", 6); len(parts) < 6 || parts[0] != "arn" || parts[2] != d.Service {
		name := map[string]string{"sns": "Topic", "sqs": "Queue", "lambda": "CloudFunction"}[d.Service]
		return errArgument(name, d.ARN, "The ARN could not be parsed")
	}
	return nil
}

// checkDestination sends the test event with which AWS finds out whether it may.
func (s *Service) checkDestination(ctx context.Context, bucketName string, d destination) error {
	text := jsonvalue.String(jsonvalue.NewObject(jsonvalue.Member{Name: "Service", Value: "Amazon S3"}, jsonvalue.Member{Name: "Event", Value: "s3:TestEvent"},
		jsonvalue.Member{Name: "Time", Value: s.Clock.Now().UTC().Format(isoMillis)}, jsonvalue.Member{Name: "Bucket", Value: bucketName},
		jsonvalue.Member{Name: "RequestId", Value: awswire.RequestIDFrom(ctx)}, jsonvalue.Member{Name: "HostId", Value: "local"}))
	if err := s.send(ctx, bucketName, d, text, true); err != nil {
		why := "The destination could not be reached"
		if strings.Contains(awswire.CodeOf(err), "NotFound") || strings.Contains(awswire.CodeOf(err), "NonExistent") || strings.Contains(awswire.CodeOf(err), "DoesNotExist") {
			why = map[string]string{"sqs": "The destination queue does not exist", "sns": "The destination topic does not exist", "lambda": "The destination Lambda does not exist"}[d.Service]
		} else if code := awswire.CodeOf(err); code == "AccessDenied" || code == "AccessDeniedException" || code == "AuthorizationError" {
			why = "Permissions on the destination " + map[string]string{"sqs": "queue", "sns": "topic", "lambda": "Lambda"}[d.Service] + " do not allow S3 to publish notifications from this bucket"
		}
		return saying(newError("InvalidArgument", "ArgumentName1", d.ARN, "ArgumentValue1", why), "Unable to validate the following destination configurations")
	}
	return nil
}

func (s *Service) getBucketNotification(_ context.Context, in *bucketInput) (*notificationOutput, error) {
	b, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, err
	}
	out := &notificationOutput{}
	if n := setting[notification](b, settingNotification); n != nil {
		out.notification = *n
	}
	return out, nil
}
