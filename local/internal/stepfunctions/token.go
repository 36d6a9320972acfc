package stepfunctions

// This file defines task tokens: who holds one may answer the task it was made
// for. The store knows tokens by their hash alone.

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"unicode/utf8"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// tokenRow says whose task a token belongs to. It stays when the task is over,
// so that a late answer hears that it is late and not that the token is wrong.
type tokenRow struct {
	hash  string
	owner parent
}

func (t tokenRow) put(tx *store.Tx) { putJSON(tx, bucketToken, t.hash, t.owner) }

func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// tokenRows are the tokens that a step hands out.
func (r *run) tokenRows(st *step) []tokenRow {
	var rows []tokenRow
	for _, c := range st.commands {
		if c, ok := c.(interp.ScheduleTask); ok && handsOut(c.Resource) {
			rows = append(rows, tokenRow{tokenHash(c.Token), parent{Execution: r.key, Task: c.Task}})
		}
	}
	return rows
}

// fingerprint tells the token of an open task from one that an earlier execution
// of the same name handed out for its task of the same number.
func fingerprint(token string) uint64 {
	sum := sha256.Sum256([]byte(token))
	return binary.BigEndian.Uint64(sum[:8]) | 1
}

func handsOut(r asl.Resource) bool {
	return r.Kind == asl.Activity || r.Pattern == asl.WaitForTaskToken
}

// minToken is how long a token is at least; what is shorter was never ours. The
// text is base64.
const minToken = 100

// byToken feeds an event to the task that a token was made for. AWS looks at the
// token before anything else (conformance case test_sfn_send_task_outcome_with_no_such_token).
func (s *Service) byToken(ctx context.Context, token string, event func(task interp.ID) (interp.Event, error)) error {
	if _, err := base64.StdEncoding.DecodeString(token); err != nil || len(token) < minToken {
		return errInvalidToken()
	}
	var owner *parent
	err := s.Store.View(func(r store.Reader) error {
		var ok bool
		if owner, ok = getJSON[parent](r, bucketToken, tokenHash(token)); !ok {
			return errInvalidToken()
		}
		return nil
	})
	if err != nil {
		return err
	}
	ev, err := event(owner.Task)
	if err != nil {
		return err
	}
	r := s.running(owner.Execution)
	if r == nil {
		return errTaskTimedOut()
	}
	accepted, err := r.ask(ctx, message{event: ev, task: owner.Task, token: fingerprint(token)})
	_, beat := ev.(interp.Heartbeat)
	s.activities.sign(tokenHash(token), !beat)
	if err == nil && !accepted {
		err = errTaskTimedOut()
	}
	return err
}

type taskSuccessInput struct {
	TaskToken string  `json:"taskToken" check:"required,min=1,max=2048"`
	Output    *string `json:"output" check:"required"`
}

func (s *Service) sendTaskSuccess(ctx context.Context, in *taskSuccessInput) (*empty, error) {
	if n := len(*in.Output); n > maxData {
		return nil, errValidation("1 validation error detected: Value at 'output' failed to satisfy constraint: Member must have length less than or equal to %d", maxData)
	}
	return &empty{}, s.byToken(ctx, in.TaskToken, func(id interp.ID) (interp.Event, error) {
		output, err := jsonvalue.Parse([]byte(*in.Output))
		if err != nil {
			return nil, errInvalidOutput(err.Error())
		}
		return interp.TaskSucceeded{Task: id, Output: output}, nil
	})
}

type taskFailureInput struct {
	TaskToken string `json:"taskToken" check:"required,min=1,max=2048"`
	Error     string `json:"error" check:"max=256"`
	Cause     string `json:"cause" check:"max=32768"`
}

func (s *Service) sendTaskFailure(ctx context.Context, in *taskFailureInput) (*empty, error) {
	return &empty{}, s.byToken(ctx, in.TaskToken, func(id interp.ID) (interp.Event, error) {
		return interp.TaskFailed{Task: id, Error: in.Error, Cause: in.Cause}, nil
	})
}

type taskHeartbeatInput struct {
	TaskToken string `json:"taskToken" check:"required,min=1,max=2048"`
}

func (s *Service) sendTaskHeartbeat(ctx context.Context, in *taskHeartbeatInput) (*empty, error) {
	return &empty{}, s.byToken(ctx, in.TaskToken, func(id interp.ID) (interp.Event, error) {
		return interp.Heartbeat{Task: id}, nil
	})
}

// maxCause is how much of an error's cause is kept, in characters.
const maxCause = 32768

func cut(text string, limit int) string {
	if len(text) <= limit || utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit])
}
