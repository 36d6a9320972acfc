//go:build unix

package main

// This file defines ten thousand clients that are connected at the same time: some
// idle, some in the middle of a request for ever. Others are served meanwhile, and
// it prints what the connections cost.
//
//	go test ./local -run TestTenThousandConnections -v

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestTenThousandConnections(t *testing.T) {
	const clients = 10_000
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || files.Cur*3/4 < clients+100 || runtime.GOOS != "linux" || testing.Short() {
		t.Skipf("wants Linux, and %d files open; the limit is %d (ulimit -n 20000)", (clients+100)*4/3, files.Cur)
	}
	cmd := exec.Command("local", "up", "--empty", "--memory", "--port", "0", "--console-port=-1", "--no-watch")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, _ := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if !ok {
		t.Fatalf("it did not start: %q", line)
	}
	address := strings.TrimPrefix(url, "http://")
	before := resident(t, cmd.Process.Pid)
	began := time.Now()
	var idle []net.Conn
	for i := range clients {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		defer func() { _ = c.Close() }()
		if i%2 == 0 { // a body that does not come
			_, err = io.WriteString(c, signedList(address)+"Content-Length: 100\r\n\r\n{")
		} else {
			idle = append(idle, c)
			err = list(c, address)
		}
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
	}
	took, after := time.Since(began), resident(t, cmd.Process.Pid)
	var times []time.Duration
	for i := range 200 {
		c := idle[i*len(idle)/200]
		if i%2 == 0 { // and who comes anew
			if c, err = net.Dial("tcp", address); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
		}
		at := time.Now()
		if err := list(c, address); err != nil {
			t.Errorf("a request among %d connections: %v", clients, err)
		}
		times = append(times, time.Since(at))
	}
	slices.Sort(times)
	t.Logf("%d connections in %.1f s, half of them in the middle of a request: %.0f MiB, %.1f KiB each; a request among them takes %v (p50), %v (p99)",
		clients, took.Seconds(), float64(after-before)/1024, float64(after-before)/clients, times[100].Round(time.Microsecond), times[198].Round(time.Microsecond))
	if perClient := float64(after-before) / clients; perClient > 64 {
		t.Errorf("a connection takes %.1f KiB", perClient)
	}
}

func signedList(address string) string {
	return "POST / HTTP/1.1\r\nHost: " + address + "\r\nX-Amz-Target: DynamoDB_20120810.ListTables\r\nX-Amz-Date: 20261121T000000Z\r\n" +
		"Authorization: AWS4-HMAC-SHA256 Credential=any/20261121/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0\r\n"
}

// list makes one request on a connection that stays open.
func list(c net.Conn, address string) error {
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, signedList(address)+"Content-Length: 2\r\n\r\n{}"); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReaderSize(c, 512), nil)
	if err != nil {
		return err
	}
	if text, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %w", answer.Status, text, err)
	}
	return nil
}

// resident is the memory of a process in KiB.
func resident(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib
}
