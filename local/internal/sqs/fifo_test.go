package sqs

import (
	"fmt"
	"testing"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// TestDeduplicationIsForgotten: what a queue remembers of messages does not grow
// with what went through it, and what is sent again in time is still known.
func TestDeduplicationIsForgotten(t *testing.T) {
	st := store.Memory()
	w := newWorld(t, st)
	q := w.create("q.fifo", map[string]string{"FifoQueue": "true"})
	for i := range 30 {
		w.send(q, "x", group("g", fmt.Sprint("old", i)))
	}
	w.pass(dedupInterval + time.Second)
	again := w.send(q, "x", group("g", "old0"))
	for i := range 3 {
		w.send(q, "x", group("g", fmt.Sprint("new", i)))
	}
	for bucket, want := range map[string]int{bucketDedup: 4, bucketDedupEnd: 4} {
		n := 0
		if err := st.View(func(r store.Reader) error {
			for range r.Scan(bucket, "", "") {
				n++
			}
			return nil
		}); err != nil || n != want {
			t.Errorf("%s holds %d of 34 ids, want %d; %v", bucket, n, want, err)
		}
	}
	w.expect(*again.MessageId, *w.send(q, "x", group("g", "old0")).MessageId)
}

// TestFIFOLooksPastABusyGroup: a group in flight, with more messages than are looked
// at together, hides no other.
func TestFIFOLooksPastABusyGroup(t *testing.T) {
	w := newWorld(t, store.Memory())
	q := w.create("q.fifo", map[string]string{"FifoQueue": "true"})
	for i := range 2*lookAtOnce + 2 {
		w.send(q, fmt.Sprint("a", i), group("a", fmt.Sprint(i)))
	}
	w.send(q, "b0", group("b", "b0"))
	w.expect("a0", bodies(w.receive(q, 1)))
	w.expect("b0", bodies(w.receive(q, 10)))
	w.expect("", bodies(w.receive(q, 10)))
}

// BenchmarkFIFOBacklog measures a message's way through a FIFO queue behind which
// others wait: what a receive costs must not depend on how many.
func BenchmarkFIFOBacklog(b *testing.B) {
	for _, waiting := range []int{10, 10_000} {
		b.Run(fmt.Sprint(waiting), func(b *testing.B) {
			s := New(Config{Account: "123456789012", Region: "us-east-1", URL: func() string { return "http://x" }, Store: store.Memory(), Clock: clock.Real()})
			server := awswire.NewServer(awswire.Config{Account: "123456789012", Region: "us-east-1"}, s.API())
			call := func(operation, params string) jsonvalue.Value {
				out, err := server.Call(b.Context(), awswire.Root("123456789012"), "sqs", operation, jsonvalue.MustParse(params))
				if err != nil {
					b.Fatal(err)
				}
				return out
			}
			call("CreateQueue", `{"QueueName":"q.fifo","Attributes":{"FifoQueue":"true"}}`)
			n := 0
			send := func() {
				n++
				call("SendMessage", fmt.Sprintf(`{"QueueUrl":"http://x/q.fifo","MessageBody":"m","MessageGroupId":"g%d","MessageDeduplicationId":"%d"}`, n%100, n))
			}
			for range waiting {
				send()
			}
			for b.Loop() {
				send()
				m := call("ReceiveMessage", `{"QueueUrl":"http://x/q.fifo"}`).(*jsonvalue.Object)
				messages, _ := m.Get("Messages")
				handle, _ := messages.([]any)[0].(*jsonvalue.Object).Get("ReceiptHandle")
				call("DeleteMessage", fmt.Sprintf(`{"QueueUrl":"http://x/q.fifo","ReceiptHandle":%q}`, handle))
			}
		})
	}
}
