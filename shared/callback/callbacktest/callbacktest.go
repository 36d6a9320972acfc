// Package callbacktest is the part of Step Functions that takes answers of task
// tokens, in memory, for tests: the first answer of a token counts, every other is
// refused as Step Functions refuses it.
//
// It knows no tokens of its own: any that is not closed is open. Start at [Tasks].
package callbacktest

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// Tasks implements callback.Tasks.
type Tasks struct {
	// Before is called before each answer; its error is what the caller gets, and
	// nothing is answered: a call that did not arrive.
	Before func() error
	// Over closes tokens that nobody answered: their tasks have timed out.
	Over map[string]bool

	mu      sync.Mutex
	answers map[string]string
	beats   map[string]int
	refused int
}

// SendTaskSuccess implements callback.Tasks.
func (t *Tasks) SendTaskSuccess(_ context.Context, in *sfn.SendTaskSuccessInput, _ ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error) {
	return &sfn.SendTaskSuccessOutput{}, t.answer(*in.TaskToken, aws.ToString(in.Output))
}

// SendTaskFailure implements callback.Tasks.
func (t *Tasks) SendTaskFailure(_ context.Context, in *sfn.SendTaskFailureInput, _ ...func(*sfn.Options)) (*sfn.SendTaskFailureOutput, error) {
	return &sfn.SendTaskFailureOutput{}, t.answer(*in.TaskToken, aws.ToString(in.Error)+": "+aws.ToString(in.Cause))
}

// SendTaskHeartbeat implements callback.Tasks.
func (t *Tasks) SendTaskHeartbeat(_ context.Context, in *sfn.SendTaskHeartbeatInput, _ ...func(*sfn.Options)) (*sfn.SendTaskHeartbeatOutput, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.closed(*in.TaskToken); err != nil {
		return nil, err
	}
	if t.beats == nil {
		t.beats = map[string]int{}
	}
	t.beats[*in.TaskToken]++
	return &sfn.SendTaskHeartbeatOutput{}, nil
}

func (t *Tasks) answer(token, answer string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.Before != nil {
		if err := t.Before(); err != nil {
			return err
		}
	}
	if err := t.closed(token); err != nil {
		t.refused++
		return err
	}
	if t.answers == nil {
		t.answers = map[string]string{}
	}
	t.answers[token] = answer
	return nil
}

func (t *Tasks) closed(token string) error {
	_, answered := t.answers[token]
	switch {
	case token == "":
		return &types.InvalidToken{Message: aws.String("Invalid Token: 'Invalid token'")}
	case answered, t.Over[token]:
		return &types.TaskTimedOut{Message: aws.String("Task Timed Out: 'Provided task does not exist anymore'")}
	}
	return nil
}

// Answer is what a token was answered with: its output, or "error: cause"; and
// whether it was.
func (t *Tasks) Answer(token string) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a, ok := t.answers[token]
	return a, ok
}

// Count says how many tokens were answered, how many answers were refused, and how
// many heartbeats were taken.
func (t *Tasks) Count() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	beats := 0
	for _, n := range t.beats {
		beats += n
	}
	return fmt.Sprintf("%d answered, %d refused, %d beats", len(t.answers), t.refused, beats)
}
