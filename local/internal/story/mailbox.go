package story

// This file defines what a story hears beside the buses: topics, by a queue of its
// own, and the stack's queues; and the packers, a worker outside of Lambda.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// mailbox is a queue to read.
type mailbox struct {
	w            *World
	url          string
	subscription string // of a queue of its own
}

// subscribe hears a topic, by its name without the prefix, through a queue of its
// own.
func (w *World) subscribe(ctx context.Context, topic string) (*mailbox, error) {
	identity, err := sts.NewFromConfig(w.sdk).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, err
	}
	topicARN := fmt.Sprintf("arn:aws:sns:%s:%s:%s%s", w.Region, *identity.Account, w.Prefix, topic)
	w.serial++
	name := fmt.Sprintf("%sstory-%s-%d", w.Prefix, w.tag, w.serial)
	queueARN := fmt.Sprintf("arn:aws:sqs:%s:%s:%s", w.Region, *identity.Account, name)
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":%q,"Condition":{"ArnEquals":{"aws:SourceArn":%q}}}]}`, queueARN, topicARN)
	q, err := w.queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: map[string]string{"Policy": policy}})
	if err != nil {
		return nil, err
	}
	m := &mailbox{w: w, url: *q.QueueUrl}
	s, err := sns.NewFromConfig(w.sdk).Subscribe(ctx, &sns.SubscribeInput{TopicArn: &topicARN, Protocol: aws.String("sqs"), Endpoint: &queueARN,
		Attributes: map[string]string{"RawMessageDelivery": "true"}, ReturnSubscriptionArn: true})
	if err != nil {
		m.close(ctx)
		return nil, err
	}
	m.subscription = *s.SubscriptionArn
	return m, nil
}

// queue is one of the stack's, by its name without the prefix.
func (w *World) queue(ctx context.Context, name string) (*mailbox, error) {
	q, err := w.queues.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(w.Prefix + name)})
	if err != nil {
		return nil, err
	}
	return &mailbox{w: w, url: *q.QueueUrl}, nil
}

// collect takes n messages that contain text, or those that came before it was
// quiet, and gives all others back in the end: given back at once, they would be
// the next to come.
func (m *mailbox) collect(ctx context.Context, text string, n int) (found []string, err error) {
	var others []*string
	defer func() {
		for _, receipt := range others {
			_, failed := m.w.queues.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: &m.url, ReceiptHandle: receipt, VisibilityTimeout: 0})
			err = errors.Join(err, failed)
		}
	}()
	for quiet := 0; len(found) < n && quiet < 3; {
		out, err := m.receive(ctx, quiet)
		if err != nil {
			return found, err
		}
		quiet++
		for _, msg := range out.Messages {
			quiet = 0
			if !strings.Contains(*msg.Body, text) {
				others = append(others, msg.ReceiptHandle)
				continue
			}
			found = append(found, *msg.Body)
			if _, err = m.w.queues.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &m.url, ReceiptHandle: msg.ReceiptHandle}); err != nil {
				return found, err
			}
		}
	}
	return found, nil
}

// receive waits a second for messages: on the endpoint's clock, where that can be
// moved on when nothing else is to be done.
func (m *mailbox) receive(ctx context.Context, quiet int) (*sqs.ReceiveMessageOutput, error) {
	in := &sqs.ReceiveMessageInput{QueueUrl: &m.url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1}
	if m.w.Advance != nil {
		in.WaitTimeSeconds = 0
		if quiet > 0 {
			if err := m.w.Advance(ctx, time.Second); err != nil {
				return nil, err
			}
		}
	}
	return m.w.queues.ReceiveMessage(ctx, in)
}

// close removes a queue of its own.
func (m *mailbox) close(ctx context.Context) {
	var errs []error
	if m.subscription != "" {
		_, err := sns.NewFromConfig(m.w.sdk).Unsubscribe(ctx, &sns.UnsubscribeInput{SubscriptionArn: &m.subscription})
		errs = append(errs, err)
	}
	_, err := m.w.queues.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &m.url})
	if err := errors.Join(append(errs, err)...); err != nil {
		m.w.say("the queue that heard a topic could not be removed: %v", err)
	}
}

// packers are a running cmd/activityworker.
type packers struct {
	dir  string
	cmd  *exec.Cmd
	log  bytes.Buffer
	over bool
}

// hirePackers builds and starts cmd/activityworker, under the role that the
// template gives such workers.
func (w *World) hirePackers(ctx context.Context) (*packers, error) {
	caller := sts.NewFromConfig(w.sdk)
	identity, err := caller.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, err
	}
	role, err := caller.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String(fmt.Sprintf("arn:aws:iam::%s:role/%sstepworks-activity-worker", *identity.Account, w.Prefix)), RoleSessionName: aws.String("story")})
	if err != nil {
		return nil, err
	}
	p := &packers{}
	if p.dir, err = os.MkdirTemp("", "packers"); err != nil {
		return nil, err
	}
	program := filepath.Join(p.dir, "activityworker")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/activityworker").CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("building cmd/activityworker: %w: %s", err, out), os.RemoveAll(p.dir))
	}
	p.cmd = exec.CommandContext(ctx, program, "--activity", fmt.Sprintf("arn:aws:states:%s:%s:activity:%sOrderActivity", w.Region, *identity.Account, w.Prefix),
		"--workers", "2", "--heartbeat", "40ms", "--per-piece", "30ms", "--grace", "1s")
	p.cmd.Stderr, p.cmd.Stdout = &p.log, &p.log
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(os.Interrupt) }
	p.cmd.WaitDelay = 5 * time.Second
	p.cmd.Env = append(os.Environ(), "AWS_REGION="+w.Region, "AWS_ACCESS_KEY_ID="+*role.Credentials.AccessKeyId, "AWS_SECRET_ACCESS_KEY="+*role.Credentials.SecretAccessKey,
		"AWS_SESSION_TOKEN="+*role.Credentials.SessionToken)
	if w.Endpoint != "" {
		p.cmd.Env = append(p.cmd.Env, "AWS_ENDPOINT_URL="+w.Endpoint, "AWS_DISABLE_HOST_PREFIX_INJECTION=true")
	}
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(p.dir))
	}
	return p, nil
}

// dismiss stops them and returns what they said.
func (p *packers) dismiss() (log string, err error) {
	if p.over {
		return p.log.String(), nil
	}
	p.over = true
	err = errors.Join(p.cmd.Process.Signal(os.Interrupt), p.cmd.Wait(), os.RemoveAll(p.dir))
	return p.log.String(), err
}
