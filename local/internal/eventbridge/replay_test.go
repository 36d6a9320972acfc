package eventbridge

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

const startReplay = `StartReplay {"ReplayName":"%s","EventSourceArn":"arn:aws:events:us-east-1:123456789012:archive/a","EventStartTime":%d,"EventEndTime":%d,"Destination":{"Arn":"arn:aws:events:us-east-1:123456789012:event-bus/default"%s}}`

// archived makes an archive with n events, one a minute, and a queue they go to.
func archived(w *world, n int) (queue string, ids []string) {
	queue = w.queue("q")
	w.rule("", "r", `{"source":["shop"]}`, types.Target{Arn: &queue})
	w.run(`CreateArchive {"ArchiveName":"a","EventSourceArn":"arn:aws:events:us-east-1:123456789012:event-bus/default"}`)
	for range n {
		ids = append(ids, w.put("", "shop", "k", `{}`))
		w.clock.AfterFunc(time.Minute, func() {})
		w.quiet()
	}
	w.received(queue)
	return queue, ids
}

// replayedIDs are the events in a queue that say which replay they come from.
func replayedIDs(w *world, queue, replay string) []string {
	var ids []string
	for _, m := range w.received(queue) {
		if strings.Contains(m.body, `"replay-name":"`+replay+`"`) {
			ids = append(ids, m.body[strings.Index(m.body, `"id":"`)+6:][:36])
		}
	}
	slices.Sort(ids)
	return ids
}

func TestReplayDeliversTheEventsOfATimeSpanAgain(t *testing.T) {
	w := newWorld(t)
	queue, ids := archived(w, 5)
	from := start.Add(time.Minute).Unix()
	w.run(fmt.Sprintf(startReplay, "some", from, from+120, ""))
	want := slices.Sorted(slices.Values(ids[1:3]))
	if got := replayedIDs(w, queue, "some"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	w.run(fmt.Sprintf(startReplay, "elsewhere", from, from+120, `,"FilterArns":["arn:aws:events:us-east-1:123456789012:rule/other"]`))
	if got := w.received(queue); len(got) != 0 {
		t.Errorf("a replay to another rule came here: %v", got)
	}
	if got := w.run(`DescribeArchive {"ArchiveName":"a"}`); !strings.Contains(got, `"EventCount":5`) {
		t.Errorf("replayed events were archived again: %s", got)
	}
}

// A replay that a process left half done is finished by the next one, over more
// than one batch.
func TestReplaySurvivesTheProcess(t *testing.T) {
	w := newWorld(t)
	queue, ids := archived(w, replayBatch+3)
	hold := w.clock.Hold()
	w.service.Close() // as if killed between StartReplay's answer and the first batch
	w.run(fmt.Sprintf(startReplay, "all", start.Unix(), start.AddDate(0, 0, 1).Unix(), ""))
	w.boot()
	hold()
	slices.Sort(ids)
	if got := replayedIDs(w, queue, "all"); !slices.Equal(got, ids) {
		t.Errorf("%d of %d events were replayed", len(got), len(ids))
	}
}

func TestArchiveForgetsAfterItsRetention(t *testing.T) {
	w := newWorld(t)
	w.run(`CreateArchive {"ArchiveName":"a","EventSourceArn":"arn:aws:events:us-east-1:123456789012:event-bus/default","RetentionDays":1}`)
	for range 3 {
		w.put("", "shop", "k", `{}`)
		w.clock.AfterFunc(13*time.Hour, func() {})
		w.quiet()
	}
	if got := w.run(`DescribeArchive {"ArchiveName":"a"}`); !strings.Contains(got, `"EventCount":2`) {
		t.Errorf("got %s", got)
	}
}
