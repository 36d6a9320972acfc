package stepfunctions

// This file defines activities: tasks that workers outside fetch by polling.
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-activities.html
//
// What waits for a worker waits in memory: after a restart every execution
// offers its activity tasks that no worker has begun again.

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// activity is what the store keeps of an activity.
type activity struct {
	Name       string
	Created    int64
	Encryption *encryptionConfiguration `json:",omitempty"`
}

// activityQueues are the tasks that wait for workers, by the activity's ARN, and
// the workers that have one.
type activityQueues struct {
	mu      sync.Mutex
	byName  map[string]*activityQueue
	workers map[string]*workman // by the token's hash
}

// workman is somebody outside of the process who works at a task. A virtual clock
// waits for workers, or the task would time out the moment it was taken; but not
// for one that gives no sign for workerTime on the wall, or a heartbeat timeout
// could never be seen.
type workman struct {
	release func()
	silence *time.Timer
}

const workerTime = time.Second

// begin notes a worker; sign is one of life, and the last one ends it.
func (q *activityQueues) begin(token string, release func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	hash := tokenHash(token)
	q.workers[hash] = &workman{release, time.AfterFunc(workerTime, func() { q.sign(hash, true) })}
}

func (q *activityQueues) sign(hash string, last bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	w := q.workers[hash]
	switch {
	case w == nil:
	case last:
		w.silence.Stop()
		w.release()
		delete(q.workers, hash)
	default:
		w.silence.Reset(workerTime)
	}
}

type activityQueue struct {
	tasks []activityTask
	more  chan struct{} // closed when a task comes
}

type activityTask struct {
	run   *run
	id    interp.ID
	token string
	input string
}

func (q *activityQueues) of(arn string) *activityQueue {
	queue := q.byName[arn]
	if queue == nil {
		queue = &activityQueue{more: make(chan struct{})}
		q.byName[arn] = queue
	}
	return queue
}

// offer lets a worker have a task.
func (q *activityQueues) offer(r *run, c interp.ScheduleTask) {
	if c.Started { // a worker has it: only its answer or the time can end it
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	queue := q.of(c.Resource.ARN)
	queue.tasks = append(queue.tasks, activityTask{r, c.Task, c.Token, jsonvalue.String(c.Parameters)})
	close(queue.more)
	queue.more = make(chan struct{})
}

// take returns the task that has waited longest, or who to wait for.
func (q *activityQueues) take(arn string) (t activityTask, ok bool, more <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	queue := q.of(arn)
	if len(queue.tasks) == 0 {
		return activityTask{}, false, queue.more
	}
	t = queue.tasks[0]
	queue.tasks = queue.tasks[1:]
	return t, true, nil
}

type getActivityTaskInput struct {
	ActivityArn string `json:"activityArn" check:"required,min=1,max=256"`
	WorkerName  string `json:"workerName" check:"min=1,max=80"`
}

type getActivityTaskOutput struct {
	TaskToken *string `json:"taskToken"`
	Input     *string `json:"input,omitzero"`
}

// activityPoll is how long a poll waits; the wall clock's, as it belongs to the
// connection.
const activityPoll = 60 * time.Second

// getActivityTask hands a task to a worker, once that is durable. A task whose
// time was over while it waited is passed over.
func (s *Service) getActivityTask(ctx context.Context, in *getActivityTaskInput) (*getActivityTaskOutput, error) {
	if err := s.activityExists(in.ActivityArn); err != nil {
		return nil, err
	}
	end := time.NewTimer(activityPoll)
	defer end.Stop()
	for {
		t, ok, more := s.activities.take(in.ActivityArn)
		if ok {
			release := s.Clock.Hold()
			accepted, err := t.run.ask(ctx, message{event: interp.TaskStarted{Task: t.id, WorkerName: in.WorkerName}, task: t.id})
			if err != nil {
				release()
				return nil, err
			}
			if accepted {
				s.activities.begin(t.token, release)
				return &getActivityTaskOutput{TaskToken: &t.token, Input: &t.input}, nil
			}
			release()
			continue
		}
		awswire.Waiting(ctx)
		select {
		case <-more:
		case <-end.C:
			return &getActivityTaskOutput{}, nil
		case <-ctx.Done():
			return &getActivityTaskOutput{}, nil
		case <-s.ctx.Done():
			return &getActivityTaskOutput{}, nil
		}
	}
}

func (s *Service) activityExists(arn string) error {
	res, err := parseARN(arn, kindActivity)
	if err != nil {
		return err
	}
	return s.Store.View(func(r store.Reader) error {
		if _, ok := r.Get(bucketActivity, res.name); !ok {
			return errNoActivity(arn)
		}
		return nil
	})
}

// checkTask refuses what could not even be scheduled. AWS fails such an
// execution with States.Runtime.
func (s *Service) checkTask(rec *record, c interp.ScheduleTask) error {
	if c.Resource.Kind != asl.Activity {
		return s.checkCall(rec, c)
	}
	if s.activityExists(c.Resource.ARN) != nil {
		return fmt.Errorf("The activity %s does not exist.", c.Resource.ARN) //nolint:staticcheck // AWS's words
	}
	return nil
}

type createActivityInput struct {
	Name                    string                   `json:"name" check:"required,min=1,max=80"`
	Tags                    []tag                    `json:"tags"`
	EncryptionConfiguration *encryptionConfiguration `json:"encryptionConfiguration"`
}

type activityView struct {
	ActivityArn             string                   `json:"activityArn"`
	Name                    string                   `json:"name,omitzero"`
	CreationDate            awswire.Time             `json:"creationDate"`
	EncryptionConfiguration *encryptionConfiguration `json:"encryptionConfiguration,omitempty"`
}

// createActivity is idempotent.
func (s *Service) createActivity(_ context.Context, in *createActivityInput) (*activityView, error) {
	if err := checkName(in.Name); err != nil {
		return nil, err
	}
	arn := s.arn(kindActivity, in.Name)
	if err := checkTags(arn, nil, in.Tags); err != nil {
		return nil, err
	}
	a := &activity{Name: in.Name, Created: s.now().UnixMilli(), Encryption: in.EncryptionConfiguration}
	err := s.Store.Update(func(tx *store.Tx) error {
		if have, ok := getJSON[activity](tx, bucketActivity, in.Name); ok {
			a = have
			return nil
		}
		putJSON(tx, bucketActivity, in.Name, a)
		putTags(tx, arn, in.Tags)
		return nil
	})
	return &activityView{ActivityArn: arn, CreationDate: atMillis(a.Created)}, err
}

type activityARNInput struct {
	ActivityArn string `json:"activityArn" check:"required,min=1,max=256"`
}

func (s *Service) describeActivity(_ context.Context, in *activityARNInput) (*activityView, error) {
	res, err := parseARN(in.ActivityArn, kindActivity)
	if err != nil {
		return nil, err
	}
	var a *activity
	err = s.Store.View(func(r store.Reader) error {
		var ok bool
		if a, ok = getJSON[activity](r, bucketActivity, res.name); !ok {
			return errNoActivity(in.ActivityArn)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	view := &activityView{ActivityArn: in.ActivityArn, Name: a.Name, CreationDate: atMillis(a.Created), EncryptionConfiguration: a.Encryption}
	if view.EncryptionConfiguration == nil {
		view.EncryptionConfiguration = &encryptionConfiguration{Type: "AWS_OWNED_KEY"}
	}
	return view, nil
}

// deleteActivity answers the same for an activity that is not there.
func (s *Service) deleteActivity(_ context.Context, in *activityARNInput) (*empty, error) {
	res, err := parseARN(in.ActivityArn, kindActivity)
	if err != nil {
		return nil, err
	}
	return &empty{}, s.Store.Update(func(tx *store.Tx) error {
		tx.Delete(bucketActivity, res.name)
		tx.Delete(bucketTags, in.ActivityArn)
		return nil
	})
}

type listActivitiesInput struct {
	MaxResults int    `json:"maxResults" check:"min=0,max=1000"`
	NextToken  string `json:"nextToken" check:"min=1,max=1024"`
}

type listActivitiesOutput struct {
	Activities []activityView `json:"activities"`
	NextToken  string         `json:"nextToken,omitzero"`
}

func (s *Service) listActivities(_ context.Context, in *listActivitiesInput) (*listActivitiesOutput, error) {
	out := new(listActivitiesOutput)
	return out, s.Store.View(func(r store.Reader) error {
		var err error
		out.Activities, out.NextToken, err = pageForward(r, bucketActivity, "", "", in.NextToken, pageSize(in.MaxResults), func(_ string, text []byte) (activityView, bool) {
			var a activity
			ok := json.Unmarshal(text, &a) == nil
			return activityView{ActivityArn: s.arn(kindActivity, a.Name), Name: a.Name, CreationDate: atMillis(a.Created)}, ok
		})
		return err
	})
}
