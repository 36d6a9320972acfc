package notify_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/notify"
)

type topic func(*sns.PublishInput) error

func (f topic) Publish(_ context.Context, in *sns.PublishInput, _ ...func(*sns.Options)) (*sns.PublishOutput, error) {
	return &sns.PublishOutput{}, f(in)
}

func TestTell(t *testing.T) {
	var got *sns.PublishInput
	api := topic(func(in *sns.PublishInput) error { got = in; return nil })
	err := notify.Topic{API: api, ARN: "arn"}.Tell(t.Context(), notify.Message{
		Action: notify.TaskStatus, ID: "i", Table: "tasks", PK: "TASK#t", SK: "s", TenantCode: "t", Content: map[string]string{"status": "COMPLETED"}})
	require.NoError(t, err)
	assert.Equal(t, "arn", *got.TopicArn)
	assert.Equal(t, "task-status", *got.MessageAttributes["action"].StringValue, "subscriptions filter on it")
	assert.JSONEq(t, `{"action":"task-status","id":"i","table":"tasks","pk":"TASK#t","sk":"s","tenantCode":"t","content":{"status":"COMPLETED"}}`, *got.Message)
}

func TestFailures(t *testing.T) {
	refuses := topic(func(*sns.PublishInput) error { return errors.New("no") })
	assert.ErrorContains(t, notify.Topic{API: refuses}.Tell(t.Context(), notify.Message{}), "no")
	err := notify.Topic{API: refuses}.Tell(t.Context(), notify.Message{Content: func() {}})
	assert.Equal(t, failure.InternalUnexpected, failure.NameOf(err))
}
