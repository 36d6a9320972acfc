// Package notify tells the rest of the system what happened, through an SNS topic.
// Every message carries its action as a message attribute, which subscriptions
// filter on: one topic, and each queue hears what concerns it.
//
//	task-execute      a task was created           -> task-action-queue
//	sub-task-status   a sub-task changed           -> sub-task-status-queue
//	import-execute    an import was created        -> import-action-queue
//	command-status    a command came a step on     -> notification-queue
//	task-status       a task changed               -> notification-queue
//	import-status     an import changed            -> notification-queue
//	sfn-alarm         a command failed for good    (the alarm topic)
//	task-alarm        a task or sub-task failed    (the alarm topic)
//
// Subscriptions are raw, so the message is the queue's body. Publishing is at
// least once. Nobody's correctness may hang on a message that tells a status:
// tables hold the truth.
//
// Start at [Topic].
package notify

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/stepworks/stepworks/shared/failure"
)

// Action is what a message is about.
type Action string

// The actions.
const (
	TaskExecute   Action = "task-execute"
	SubTaskStatus Action = "sub-task-status"
	ImportExecute Action = "import-execute"
	CommandStatus Action = "command-status"
	TaskStatus    Action = "task-status"
	ImportStatus  Action = "import-status"
	CommandAlarm  Action = "sfn-alarm"
	TaskAlarm     Action = "task-alarm"
)

// Message is what is told. ID is what receivers know the thing by.
type Message struct {
	Action     Action `json:"action"`
	ID         string `json:"id"`
	Table      string `json:"table"`
	PK         string `json:"pk"`
	SK         string `json:"sk"`
	TenantCode string `json:"tenantCode"`
	Content    any    `json:"content,omitempty"`
}

// API is the part of the SNS client that a Topic uses.
type API interface {
	Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
}

// Topic is one topic.
type Topic struct {
	API API
	ARN string
}

// Tell publishes a message.
func (t Topic) Tell(ctx context.Context, m Message) error {
	text, err := json.Marshal(m)
	if err != nil {
		return failure.Wrap(failure.InternalUnexpected, err, "message %s cannot be written as JSON", m.Action)
	}
	_, err = t.API.Publish(ctx, &sns.PublishInput{
		TopicArn: &t.ARN, Message: aws.String(string(text)),
		MessageAttributes: map[string]types.MessageAttributeValue{
			"action": {DataType: aws.String("String"), StringValue: aws.String(string(m.Action))},
		},
	})
	return err
}
