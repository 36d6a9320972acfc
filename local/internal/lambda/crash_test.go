package lambda

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// TestKilledProcessesLoseNothing kills a process, again and again, that accepts
// asynchronous invocations and runs them, and then looks whether everything it
// accepted was run.
func TestKilledProcessesLoseNothing(t *testing.T) {
	if dir := os.Getenv("LAMBDA_CRASH"); dir != "" {
		acceptUntilKilled(dir, os.Getenv("LAMBDA_PROGRAM"))
		return
	}
	dir := t.TempDir()
	accepted := map[string]bool{}
	for round := range 3 {
		child := exec.Command(os.Args[0], "-test.run=^TestKilledProcessesLoseNothing$")
		child.Env = append(os.Environ(), "LAMBDA_CRASH="+dir, "LAMBDA_PROGRAM="+program)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 15+20*round && lines.Scan(); n++ {
			if id, ok := strings.CutPrefix(lines.Text(), "accepted "); ok {
				accepted[id] = true
			}
		}
		_ = child.Process.Kill()
		_ = child.Wait()
	}
	s, closeAll := openCrashed(dir, program)
	defer closeAll()
	w := &world{TB: t, store: s.Store}
	w.eventually(func() bool { return w.stored(bucketAsync) == 0 })
	text, err := os.ReadFile(filepath.Join(dir, "appended"))
	if err != nil {
		t.Fatal(err)
	}
	run := map[string]int{}
	for id := range strings.Lines(string(text)) {
		run[strings.TrimSpace(id)]++
	}
	again := 0
	for id := range accepted {
		if run[id] == 0 {
			t.Errorf("%s was accepted and never run", id)
		}
		again += max(run[id]-1, 0)
	}
	if len(accepted) < 90 {
		t.Errorf("only %d invocations were accepted: the test says nothing", len(accepted))
	}
	t.Logf("%d accepted over 3 kills, none lost, %d run more than once", len(accepted), again)
}

// openCrashed opens what a killed process left, in real time.
func openCrashed(dir, program string) (*Service, func()) {
	st, err := store.Open(dir)
	if err != nil {
		panic(err)
	}
	s, err := New(Config{Account: account, Region: region, Store: st, Clock: clock.Real(), Dir: filepath.Join(dir, "functions"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	server := awswire.NewServer(awswire.Config{Account: account, Region: region, Log: slog.New(slog.DiscardHandler)}, s.API())
	_, err = server.Call(context.Background(), awswire.Root(account), "lambda", "CreateFunction", jsonvalue.NewObject(member("FunctionName", "f"), member("Role", role),
		member("Runtime", "provided.al2023"), member("Handler", "bootstrap"), member("Timeout", jsonvalue.Int(5)), member("Code", jsonvalue.NewObject(member("LocalPath", program))),
		member("Environment", jsonvalue.NewObject(member("Variables", jsonvalue.NewObject(member("APPEND", filepath.Join(dir, "appended"))))))))
	if err != nil && awswire.CodeOf(err) != "ResourceConflictException" {
		panic(err)
	}
	if err := s.Start(); err != nil {
		panic(err)
	}
	return s, func() { s.Close(); _ = st.Close() }
}

func acceptUntilKilled(dir, program string) {
	s, _ := openCrashed(dir, program)
	server := awswire.NewServer(awswire.Config{Account: account, Region: region, Log: slog.New(slog.DiscardHandler)}, s.API())
	for n := 0; ; n++ {
		id := fmt.Sprintf("%d-%d", time.Now().UnixNano(), n)
		_, err := server.Call(context.Background(), awswire.Root(account), "lambda", "Invoke", jsonvalue.NewObject(member("FunctionName", "f"), member("InvocationType", "Event"),
			member("Payload", base64Text([]byte(`{"Do":"append","Text":"`+id+`"}`)))))
		if err != nil {
			panic(err)
		}
		fmt.Println("accepted", id)
	}
}
