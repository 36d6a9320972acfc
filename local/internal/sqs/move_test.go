package sqs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/stepworks/stepworks/local/internal/store"
)

func arnOf(name string) *string { return aws.String("arn:aws:sqs:us-east-1:123456789012:" + name) }

// letters makes a queue with n dead letters: a, b, and so on.
func (w *world) letters(n int) (dlq, q string) {
	w.Helper()
	dlq = w.create("dead", nil)
	q = w.create("q", map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + *arnOf("dead") + `","maxReceiveCount":"1"}`, "VisibilityTimeout": "0"})
	for i := range n {
		w.send(q, string(rune('a'+i)))
	}
	w.receive(q, 10)
	w.expect("", bodies(w.receive(q, 10)))
	return dlq, q
}

// move starts a task and returns its handle, or what was said instead.
func (w *world) move(rate int32, to string) string {
	w.Helper()
	in := &awssqs.StartMessageMoveTaskInput{SourceArn: arnOf("dead")}
	if rate > 0 {
		in.MaxNumberOfMessagesPerSecond = &rate
	}
	if to != "" {
		in.DestinationArn = arnOf(to)
	}
	out, err := w.sqs.StartMessageMoveTask(w.Context(), in)
	if err != nil {
		return err.Error()
	}
	return *out.TaskHandle
}

// tasks lists the tasks of the dead letters' queue in a line each.
func (w *world) tasks() string {
	w.Helper()
	out, err := w.sqs.ListMessageMoveTasks(w.Context(), &awssqs.ListMessageMoveTasksInput{SourceArn: arnOf("dead"), MaxResults: aws.Int32(10)})
	if err != nil {
		w.Fatal(err)
	}
	var lines []string
	for _, t := range out.Results {
		line := fmt.Sprintf("%s %d/%d", *t.Status, t.ApproximateNumberOfMessagesMoved, *t.ApproximateNumberOfMessagesToMove)
		if t.TaskHandle != nil {
			line += " handle"
		}
		if t.FailureReason != nil {
			line += " " + *t.FailureReason
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, ", ")
}

func (w *world) idle() {
	w.Helper()
	if at, ok := w.clock.Next(); ok {
		w.Errorf("a timer is left, for %v", at)
	}
}

func TestAMoveKeepsItsRateAndCanBeCancelled(t *testing.T) {
	w := newWorld(t, store.Memory())
	dlq, q := w.letters(7)
	handle := w.move(2, "")
	w.expect("RUNNING 2/7 handle", w.tasks())
	if said := w.move(0, ""); !strings.Contains(said, "There is already a task running.") {
		t.Error(said)
	}
	w.pass(1500 * time.Millisecond)
	w.expect("RUNNING 4/7 handle", w.tasks())
	w.expect("a,b,c,d", bodies(w.receive(q, 10)))
	w.pass(time.Second)
	w.expect("RUNNING 6/7 handle", w.tasks())
	out, err := w.sqs.CancelMessageMoveTask(t.Context(), &awssqs.CancelMessageMoveTaskInput{TaskHandle: &handle})
	if err != nil || out.ApproximateNumberOfMessagesMoved != 6 {
		t.Errorf("%v %v", out, err)
	}
	w.pass(time.Minute)
	w.expect("CANCELLED 6/7", w.tasks())
	w.idle()
	if _, err := w.sqs.CancelMessageMoveTask(t.Context(), &awssqs.CancelMessageMoveTaskInput{TaskHandle: &handle}); err == nil || !strings.Contains(err.Error(), "Only active tasks can be cancelled.") {
		t.Error(err)
	}
	w.expect("g", bodies(w.receive(dlq, 10)))
}

func TestAMoveEndsThoughItsLettersComeBack(t *testing.T) {
	w := newWorld(t, store.Memory())
	dlq, q := w.letters(4)
	w.move(2, "")
	w.receive(q, 10)
	w.expect("", bodies(w.receive(q, 10))) // a and b are dead again
	w.pass(90 * time.Second)
	w.expect("COMPLETED 4/4", w.tasks())
	w.idle()
	back := w.receive(dlq, 10)
	w.expect("a,b", bodies(back))
	w.expect("c,d", bodies(w.receive(q, 10)))
	w.move(0, "")
	w.expect("COMPLETED 0/0, COMPLETED 4/4", w.tasks()) // c and d are there, a and b are in flight
	for range keepMoves {
		w.pass(time.Second)
		w.move(0, "")
	}
	if got := strings.Count(w.tasks(), ","); got != keepMoves-1 {
		t.Errorf("%d tasks are listed", got+1)
	}
}

func TestAMovedLetterIsNew(t *testing.T) {
	w := newWorld(t, store.Memory())
	dlq, _ := w.letters(1)
	other := w.create("other", nil)
	before := w.receive(dlq, 1)[0]
	w.pass(time.Minute)
	w.move(0, "other")
	after := w.receive(other, 1)[0]
	if *after.MessageId == *before.MessageId || after.Attributes["SentTimestamp"] == before.Attributes["SentTimestamp"] || after.Attributes["ApproximateReceiveCount"] != "1" || after.Attributes["DeadLetterQueueSourceArn"] != "" {
		t.Errorf("%v after %v", after, before)
	}
}

func TestMovesThatFail(t *testing.T) {
	w := newWorld(t, store.Memory())
	dlq, q := w.letters(3)
	other := w.create("other", nil)
	w.move(1, "other")
	if _, err := w.sqs.DeleteQueue(t.Context(), &awssqs.DeleteQueueInput{QueueUrl: &other}); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	w.expect("FAILED 1/3 AWS.SimpleQueueService.NonExistentQueue", w.tasks())
	w.send(dlq, "by hand")
	w.pass(time.Second)
	w.move(0, "")
	w.expect("FAILED 2/3 CouldNotDetermineMessageSource, FAILED 1/3 AWS.SimpleQueueService.NonExistentQueue", w.tasks())
	w.expect("by hand", bodies(w.receive(dlq, 10)))
	w.expect("b,c", bodies(w.receive(q, 10)))
	w.idle()
	w.create("q.fifo", map[string]string{"FifoQueue": "true"})
	for _, c := range []struct {
		rate     int32
		to, want string
	}{{501, "", "Must be between 1 and 500"}, {0, "dead", "cannot be the same"}, {0, "none", "DestinationArn parameter doesn't exist"}, {0, "q.fifo", "of the same type"}} {
		if said := w.move(c.rate, c.to); !strings.Contains(said, c.want) {
			t.Errorf("%+v: %s", c, said)
		}
	}
}

// TestAMoveGoesOnAfterARestart also deletes the queue under a task, which ends it.
func TestAMoveGoesOnAfterARestart(t *testing.T) {
	dir := t.TempDir()
	st, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, st)
	w.letters(5)
	w.move(2, "")
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if st, err = store.Open(dir); err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	w = newWorld(t, st)
	w.expect("RUNNING 2/5 handle", w.tasks())
	w.pass(1500 * time.Millisecond)
	w.expect("RUNNING 4/5 handle", w.tasks())
	if _, err := w.sqs.DeleteQueue(t.Context(), &awssqs.DeleteQueueInput{QueueUrl: aws.String("http://x/123456789012/dead")}); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	w.idle()
	w.create("dead", nil)
	w.expect("", w.tasks())
}
