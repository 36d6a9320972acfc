package awswire

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// gated is a server that takes three connections at a time.
func gated(t *testing.T) (address string, log *strings.Builder) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log = &strings.Builder{}
	server := HTTPServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	server.ReadHeaderTimeout = 300 * time.Millisecond
	gate := Gate(server, l, 3, slog.New(slog.NewTextHandler(log, nil)))
	done := make(chan struct{})
	go func() { _ = server.Serve(gate); close(done) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return l.Addr().String(), log
}

// ask sends a request on c and reads its answer.
func ask(c net.Conn) error {
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", answer.StatusCode)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

func connect(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestGateClosesTheIdle: a fourth client is served, and the first has to go.
func TestGateClosesTheIdle(t *testing.T) {
	address, log := gated(t)
	clients := make([]net.Conn, 4)
	for i := range clients {
		clients[i] = connect(t, address)
		if err := ask(clients[i]); err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
	}
	if err := ask(clients[0]); err == nil {
		t.Error("the client that had been idle the longest is still connected")
	}
	for i, c := range clients[1:] {
		if err := ask(c); err != nil {
			t.Errorf("client %d: %v", i+1, err)
		}
	}
	if n := strings.Count(log.String(), "as many connections"); n != 1 {
		t.Errorf("it was logged %d times that the gate is full", n)
	}
}

// TestGateOutlastsTheSlow: while all places are taken by who says nothing, a
// client waits, and is served when their time is over.
func TestGateOutlastsTheSlow(t *testing.T) {
	address, _ := gated(t)
	for range 3 {
		if _, err := io.WriteString(connect(t, address), "GET / HT"); err != nil {
			t.Fatal(err)
		}
	}
	c := connect(t, address)
	_ = c.SetDeadline(time.Now().Add(50 * time.Millisecond))
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := c.Read(make([]byte, 1)); !os.IsTimeout(err) {
		t.Errorf("there was no place, and yet an answer: %v", err)
	}
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if answer, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("when the slow were gone: %v %v", answer, err)
	}
}
