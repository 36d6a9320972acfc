package eventbridge

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// The test's own binary is the process that is killed.
const crashDirectory = "EVENTBRIDGE_CRASH_TEST"

// TestKilledProcessLosesNothing kills a process with SIGKILL while it accepts and
// delivers events, and starts another on the same state: every event whose
// PutEvents was answered has been delivered then.
func TestKilledProcessLosesNothing(t *testing.T) {
	if dir := os.Getenv(crashDirectory); dir != "" {
		acceptUntilKilled(t, dir)
		return
	}
	dir := t.TempDir()
	accepted := killAfter(t, dir, 200)
	deliverTheRest(t, dir)
	data, err := os.ReadFile(filepath.Join(dir, "delivered"))
	if err != nil {
		t.Fatal(err)
	}
	delivered := strings.Fields(string(data))
	for _, id := range accepted {
		if !slices.Contains(delivered, id) {
			t.Errorf("event %s was accepted and is lost", id)
		}
	}
	t.Logf("%d accepted before the kill, %d deliveries in all", len(accepted), len(delivered))
}

// killAfter runs the process until it has accepted so many events, kills it, and
// returns all that it said to have accepted.
func killAfter(t *testing.T, dir string, events int) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledProcessLosesNothing$")
	cmd.Env = append(os.Environ(), crashDirectory+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var accepted []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		accepted = append(accepted, lines.Text())
		if len(accepted) == events {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait()
	if len(accepted) < events {
		t.Fatalf("the process ended by itself behind %d events: %v", len(accepted), accepted)
	}
	return accepted
}

// slowFile is a target that writes down each event's id, slowly, so that the
// process is killed with deliveries in every stage.
type slowFile struct{ io.Writer }

func (f slowFile) Call(_ context.Context, _ awswire.Identity, _, _ string, params jsonvalue.Value) (jsonvalue.Value, error) {
	time.Sleep(20 * time.Millisecond)
	_, err := fmt.Fprintln(f, strings.Trim(text(params.(*jsonvalue.Object), "MessageBody"), `"`))
	return nil, err
}

func openCrash(t *testing.T, dir string) (*Service, *awswire.Server) {
	t.Helper()
	st, err := store.Open(filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "delivered"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = f.Close(), st.Close() })
	s, err := New(Config{Account: account, Region: region, Store: st, Clock: clock.Real(), Caller: slowFile{f}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, awswire.NewServer(awswire.Config{Account: account, Region: region}, s.API())
}

func acceptUntilKilled(t *testing.T, dir string) {
	t.Helper()
	_, server := openCrash(t, dir)
	call := func(operation, params string) *jsonvalue.Object {
		out, err := server.Call(t.Context(), awswire.Root(account), "events", operation, jsonvalue.MustParse(params))
		if err != nil {
			t.Fatal(err)
		}
		return out.(*jsonvalue.Object)
	}
	call("PutRule", `{"Name":"r","EventPattern":"{\"source\":[\"shop\"]}"}`)
	call("PutTargets", `{"Rule":"r","Targets":[{"Id":"t","Arn":"arn:aws:sqs:us-east-1:123456789012:q","InputPath":"$.id"}]}`)
	for {
		out := call("PutEvents", `{"Entries":[{"Source":"shop","DetailType":"k","Detail":"{}"}]}`)
		entries, _ := out.Get("Entries")
		fmt.Println(text(entries.([]any)[0].(*jsonvalue.Object), "EventId"))
	}
}

// deliverTheRest starts on the state that was left and waits until nothing is.
func deliverTheRest(t *testing.T, dir string) {
	t.Helper()
	s, _ := openCrash(t, dir)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		left := 0
		_ = s.Store.View(func(r store.Reader) error { left = count(r, deliveryBucket); return nil })
		if left == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d deliveries are left", left)
		}
	}
}
