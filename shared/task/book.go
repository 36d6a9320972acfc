package task

// This file defines the book: how tasks enter it and how their statuses change.

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/notify"
	"github.com/stepworks/stepworks/shared/table"
)

// Teller tells what happened.
type Teller interface {
	Tell(context.Context, notify.Message) error
}

// Book is the tasks table, and who hears of it.
type Book struct {
	API    table.API
	Table  string
	Status Teller // task-execute, task-status and sub-task-status, for everybody
	Alarm  Teller // task-alarm, for operators
	Now    func() time.Time
}

func (b Book) now() time.Time {
	if b.Now != nil {
		return b.Now()
	}
	return time.Now()
}

// Create enters a task. The stream takes it from there.
func (b Book) Create(ctx context.Context, r Request) (Task, error) {
	kind, err := r.check()
	if err != nil {
		return Task{}, err
	}
	at := r.Time
	if at.IsZero() {
		at = b.now()
	}
	code := newCode(r, at)
	t := Task{
		PK: kind + separator + r.TenantCode, SK: r.TaskType + separator + code, Code: code, Name: r.Name, Type: r.TaskType,
		TenantCode: r.TenantCode, Status: Created, Input: r.Input, RequestID: r.RequestID, CreatedAt: stamp(at), CreatedBy: r.By, UpdatedAt: stamp(at),
	}
	t.ID = t.PK + separator + t.SK
	if t.Name == "" {
		t.Name = t.Type
	}
	standing, err := b.put(ctx, t)
	return standing, err
}

// put enters a row, or finds it there.
func (b Book) put(ctx context.Context, t Task) (Task, error) {
	err := table.Put(ctx, b.API, b.Table, t, "attribute_not_exists(pk)")
	var refused *table.Refused
	if errors.As(err, &refused) {
		err = attributevalue.UnmarshalMap(refused.Old[0], &t)
	}
	return t, err
}

// Load reads a task.
func (b Book) Load(ctx context.Context, pk, sk string) (Task, error) {
	var t Task
	found, err := table.Get(ctx, b.API, b.Table, table.Pair(pk, sk), &t)
	if err == nil && !found {
		err = failure.New(failure.TaskNotFound, "task %s %s is not stored", pk, sk)
	}
	return t, err
}

// Announce asks for a task to be done: task-execute goes out, and the task is
// QUEUED unless it was taken already.
func (b Book) Announce(ctx context.Context, pk, sk string) error {
	t, err := b.Load(ctx, pk, sk)
	if err != nil || t.Status != Created {
		return err
	}
	if err := b.Status.Tell(ctx, b.message(notify.TaskExecute, t, nil)); err != nil {
		return err
	}
	_, _, err = b.move(ctx, t, change{to: Queued, from: []Status{Created}})
	return err
}

// change is a step of a task.
type change struct {
	to     Status
	from   []Status
	result table.JSON
	error  string
	counts *Counts
}

// move makes a change, if the task still stands where it may be made, and tells
// it. Otherwise it returns the task as it stands.
func (b Book) move(ctx context.Context, t Task, c change) (Task, bool, error) {
	w := table.Write{
		Table: b.Table, Key: table.Pair(t.PK, t.SK), Update: "SET #status = :to, updatedAt = :at",
		Condition: "#status IN (:from0", Names: map[string]string{"#status": "status"},
		Values: map[string]any{":to": c.to, ":at": stamp(b.now()), ":from0": c.from[0]},
	}
	for i, from := range c.from[1:] {
		name := ":from" + string(rune('1'+i))
		w.Condition += ", " + name
		w.Values[name] = from
	}
	w.Condition += ")"
	c.set(&w)
	var after Task
	err := table.Update(ctx, b.API, w, &after)
	var refused *table.Refused
	if errors.As(err, &refused) {
		return after, false, attributevalue.UnmarshalMap(refused.Old[0], &after)
	}
	if err != nil {
		return t, false, err
	}
	action := notify.TaskStatus
	if after.Parent != "" {
		action = notify.SubTaskStatus
	}
	return after, true, b.Status.Tell(ctx, b.message(action, after, after.Counts))
}

// set adds what else a change writes.
func (c change) set(w *table.Write) {
	if c.result != nil {
		w.Update += ", #result = :result"
		w.Names["#result"], w.Values[":result"] = "result", c.result
	}
	if c.error != "" {
		w.Update += ", #error = :error"
		w.Names["#error"], w.Values[":error"] = "error", c.error
	}
	if c.counts != nil {
		w.Update += ", #attributes = :counts"
		w.Names["#attributes"], w.Values[":counts"] = "attributes", *c.counts
	}
}

func (b Book) message(action notify.Action, t Task, counts *Counts) notify.Message {
	content := map[string]any{"status": t.Status}
	if counts != nil {
		content["attributes"] = counts
	}
	return notify.Message{Action: action, ID: t.ID, Table: b.Table, PK: t.PK, SK: t.SK, TenantCode: t.TenantCode, Content: content}
}

// Run does a task of its own, or a sub-task, unless it is over. An error that
// passes leaves it ERRORED and comes back, to be tried again; any other is the
// task's end and is told to operators, but is no error here.
func (b Book) Run(ctx context.Context, t Task) (Task, error) {
	t, _, err := b.move(ctx, t, change{to: Processing, from: []Status{Created, Queued, Processing, Errored}})
	if err != nil || t.Status.Over() {
		return t, err
	}
	result, failed := b.work(ctx, t)
	switch {
	case failed == nil:
		t, _, err = b.move(ctx, t, change{to: Completed, from: []Status{Processing}, result: result})
		return t, err
	case failure.Retryable(failed):
		_, _, err := b.move(ctx, t, change{to: Errored, from: []Status{Processing}, error: failed.Error()})
		return t, errors.Join(failed, err)
	}
	slog.ErrorContext(ctx, "the task failed", "id", t.ID, "name", string(failure.NameOf(failed)), "error", failed.Error())
	t, _, err = b.move(ctx, t, change{to: Failed, from: []Status{Processing}, error: string(failure.NameOf(failed)) + ": " + failed.Error()})
	if err != nil {
		return t, err
	}
	return t, b.alarm(ctx, t, failed.Error())
}

func (b Book) work(ctx context.Context, t Task) (table.JSON, error) {
	run, ok := runners[t.Type]
	if !ok {
		return nil, failure.New(failure.InternalUnexpected, "there is no runner for task type %q", t.Type)
	}
	out, err := run(ctx, t.Input)
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

func (b Book) alarm(ctx context.Context, t Task, problem string) error {
	m := b.message(notify.TaskAlarm, t, nil)
	m.Content = map[string]string{"errorMessage": problem, "status": string(t.Status)}
	return b.Alarm.Tell(ctx, m)
}

// Split makes a task's sub-tasks and tells how many there are. A task that is
// over, and sub-tasks that are there, stay as they are.
func (b Book) Split(ctx context.Context, t Task) (Task, error) {
	var elements []json.RawMessage
	if err := json.Unmarshal(t.Input, &elements); err != nil {
		return t, failure.Wrap(failure.InternalUnexpected, err, "task %s is one of many, and its input is no list", t.ID)
	}
	t, moved, err := b.move(ctx, t, change{to: Processing, from: []Status{Created, Queued, Processing}, counts: &Counts{Total: len(elements)}})
	if err != nil || !moved {
		return t, err
	}
	for i, element := range elements {
		sub := t
		sub.SK, sub.Parent, sub.Input, sub.Status, sub.Counts = subKey(t.SK, i), t.SK, table.JSON(element), Created, nil
		sub.ID = sub.PK + separator + sub.SK
		sub.Code = newCode(Request{TenantCode: t.TenantCode, TaskType: t.Type, RequestID: sub.ID}, b.now())
		sub.CreatedAt = stamp(b.now())
		if _, err := b.put(ctx, sub); err != nil {
			return t, err
		}
	}
	return t, nil
}

// Conclude counts a task's sub-tasks and ends it: FAILED if one of them is not
// COMPLETED. Sub-tasks are counted anew, so nothing depends on who counted before.
func (b Book) Conclude(ctx context.Context, pk, sk string) (Task, error) {
	t, err := b.Load(ctx, pk, sk)
	if err != nil || t.Status.Over() {
		return t, err
	}
	counts, err := b.count(ctx, t)
	if err != nil {
		return t, err
	}
	c := change{to: Completed, from: []Status{Processing}, counts: &counts}
	if counts.Succeeded < counts.Total {
		c.to, c.error = Failed, failure.New(failure.TaskIncomplete, "%d of %d sub-tasks were not done", counts.Total-counts.Succeeded, counts.Total).Error()
	}
	t, _, err = b.move(ctx, t, c)
	return t, err
}

// perRequest is how many items BatchGetItem takes.
const perRequest = 100

func (b Book) count(ctx context.Context, t Task) (Counts, error) {
	refs := t.Refs()
	counts := Counts{Total: len(refs)}
	for from := 0; from < len(refs); from += perRequest {
		var keys []table.Item
		for _, r := range refs[from:min(from+perRequest, len(refs))] {
			keys = append(keys, table.Pair(r.PK, r.SK))
		}
		subs, err := table.GetAll[Task](ctx, b.API, b.Table, keys)
		if err != nil {
			return counts, err
		}
		for _, sub := range subs {
			counts.add(sub.Status)
		}
	}
	return counts, nil
}

func (c *Counts) add(s Status) {
	switch s {
	case Completed:
		c.Succeeded++
	case Failed:
		c.Failed++
	case Processing, Errored:
		c.Running++
	}
}

// Progress counts a task's sub-tasks while it is under way.
func (b Book) Progress(ctx context.Context, pk, sk string) error {
	t, err := b.Load(ctx, pk, sk)
	if err != nil || t.Status != Processing {
		return err
	}
	counts, err := b.count(ctx, t)
	if err == nil && counts != *t.Counts {
		_, _, err = b.move(ctx, t, change{to: Processing, from: []Status{Processing}, counts: &counts})
	}
	return err
}
