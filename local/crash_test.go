package main

// This file kills the local AWS for real: `local up` runs as a child on a state
// directory and is killed with SIGKILL at random moments under a load on every
// service that keeps something, from the SDK's own clients. In the end everything
// that was acknowledged must be there, and have had its consequences; lanes_test.go
// and lanes_data_test.go hold what each service is asked and what it must keep.
//
//	go test ./local -run TestKills -kills 200 -v -timeout 30m

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"
)

var kills = flag.Int("kills", 3, "how often TestKills kills the local AWS")

// crash is the process that is killed, and how clients reach it.
type crash struct {
	*testing.T
	dir string
	ctx context.Context //nolint:containedctx // that of the test, with its end

	mu  sync.Mutex
	cmd *exec.Cmd
	sdk aws.Config
}

// lane is the load on one service.
type lane interface {
	prepare(c *crash)
	// load makes piece n of the load. It is called by one goroutine.
	load(c *crash, n int)
	// consume takes what came out, once; another goroutine calls it.
	consume(c *crash)
	// missing tells what is still to come; nothing may be after the last kill.
	missing(c *crash) []string
	// figure tells what there was, once nothing is missing.
	figure(c *crash) string
}

func (c *crash) start() {
	c.Helper()
	cmd := exec.Command("local", "up", "--empty", "--port", "0", "--console-port=-1", "--no-watch", "--state", c.dir+"/state")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		c.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		c.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if !ok {
		c.Fatalf("it did not start: %q", line)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cmd = cmd
	c.sdk = aws.Config{Region: "us-east-1", BaseEndpoint: &url, HTTPClient: awshttp.NewBuildableClient().WithTimeout(30 * time.Second),
		Credentials: credentials.NewStaticCredentialsProvider("any", "thing", ""), Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
}

func (c *crash) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// config is that of the process that lives now.
func (c *crash) config() aws.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sdk
}

// try calls once and tells whether the call was acknowledged. What the service
// itself refuses, and none of the codes expects, is a fault.
func (c *crash) try(f func(ctx context.Context, sdk aws.Config) error, expected ...string) bool {
	err := f(c.ctx, c.config())
	var refused smithy.APIError
	if errors.As(err, &refused) && c.ctx.Err() == nil {
		if slices.Contains(expected, refused.ErrorCode()) {
			return true
		}
		c.Errorf("refused: %v", err)
	}
	if err != nil {
		time.Sleep(5 * time.Millisecond) // it is being started again
	}
	return err == nil
}

// call calls until it is acknowledged, as a client does over a restart.
func (c *crash) call(f func(ctx context.Context, sdk aws.Config) error, expected ...string) {
	for c.ctx.Err() == nil && !c.Failed() {
		if c.try(f, expected...) {
			return
		}
	}
}

// rest lets somebody else have the processor.
func rest(most time.Duration) { time.Sleep(time.Duration(rand.Int64N(int64(most)))) }

func TestKills(t *testing.T) {
	if testing.Short() || runtime.GOOS == "windows" {
		t.Skip("kills processes, and its function is a shell script")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := &crash{T: t, dir: t.TempDir(), ctx: ctx}
	c.start()
	defer c.kill()
	lanes := []lane{&eventLane{}, &queueLane{}, &fifoLane{queue: "ordered.fifo"}, &topicLane{}, &orderedTopicLane{}, &tableLane{}, &objectLane{}, &versionLane{}, &scheduleLane{}, &executionLane{}, &expressLane{}, &functionLane{}, &mappingLane{}, &partnerLane{}, &redriveLane{}}
	for _, l := range lanes {
		l.prepare(c)
	}
	stop := make(chan struct{})
	var loads, consumers sync.WaitGroup
	for _, l := range lanes {
		loads.Go(func() { forever(stop, func(n int) { l.load(c, n); rest(20 * time.Millisecond) }) })
		consumers.Go(func() { forever(ctx.Done(), func(int) { l.consume(c); rest(10 * time.Millisecond) }) })
	}
	first := time.Now()
	for range *kills {
		rest(600 * time.Millisecond)
		c.kill()
		c.start()
	}
	close(stop)
	loads.Wait()
	began := time.Now()
	for _, l := range lanes {
		if !c.Failed() {
			c.await(l)
		}
	}
	cancel()
	consumers.Wait()
	t.Logf("%d kills in %.1f s; all that was acknowledged is there %.1f s after the last one", *kills, began.Sub(first).Seconds(), time.Since(began).Seconds())
	for _, l := range lanes {
		t.Log(l.figure(c))
	}
}

func forever(stop <-chan struct{}, f func(n int)) {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
			f(n)
		}
	}
}

// await waits until a lane misses nothing.
func (c *crash) await(l lane) {
	var missing []string
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end) && !c.Failed(); time.Sleep(50 * time.Millisecond) {
		if missing = l.missing(c); len(missing) == 0 {
			return
		}
	}
	c.Errorf("%T: lost %d: %v", l, len(missing), missing[:min(20, len(missing))])
}

// numbers are those that something happened to.
type numbers struct {
	mu   sync.Mutex
	seen map[string]int
}

func (s *numbers) add(n any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[string]int{}
	}
	s.seen[fmt.Sprint(n)]++
}

func (s *numbers) has(n any) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[fmt.Sprint(n)] > 0
}

func (s *numbers) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}

// without lists those of s that are not in other.
func (s *numbers) without(other *numbers, what string) (missing []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := range s.seen {
		if !other.has(n) {
			missing = append(missing, what+" "+n)
		}
	}
	return missing
}

// again is how many came more than once.
func (s *numbers) again() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, times := range s.seen {
		n += times - 1
	}
	return n
}
