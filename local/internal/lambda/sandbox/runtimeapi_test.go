package sandbox

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
)

// TestProtocol plays a runtime by hand, line by line: what it sends, the status
// and the beginning of the body that it gets.
func TestProtocol(t *testing.T) {
	b := newBench(t, Config{})
	f, err := b.admit(function(func(s *Spec) { s.Variables = map[string]string{"INIT": "hang"} }), b.invocation(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	base := b.base()
	const runtimePath = "/2018-06-01/runtime/"
	for _, c := range []struct {
		method, path, body string
		status             int
		answer             string
	}{
		{"GET", "/wrong/env" + runtimePath + "invocation/next", "", 403, `{"errorType":"InvalidEnvironment"`},
		{"GET", "/", "", 403, `{"errorType":"InvalidEnvironment"`},
		{"GET", base + runtimePath + "nothing", "", 404, `{"errorType":"UnknownRoute","errorMessage":"the Runtime API has no GET 2018-06-01/runtime/nothing"}`},
		{"POST", base + runtimePath + "invocation/next", "", 404, `{"errorType":"UnknownRoute"`},
		{"POST", base + runtimePath + "invocation/request-1/response", "{}", 400, `{"errorType":"InvalidRequestID"`},
		{"GET", base + runtimePath + "invocation/next", "", 200, `{"a":1}`},
		{"GET", base + runtimePath + "invocation/next", "", 403, `{"errorType":"InvalidStateTransition"`},
		{"POST", base + runtimePath + "init/error", "{}", 403, `{"errorType":"InvalidStateTransition"`},
		{"POST", base + runtimePath + "invocation/request-2/response", "{}", 400, `{"errorType":"InvalidRequestID"`},
		{"POST", base + runtimePath + "invocation/request-1/error", "not json", 202, `{"status":"OK"}`},
		{"POST", base + runtimePath + "invocation/request-1/response", "{}", 400, `{"errorType":"InvalidRequestID"`},
	} {
		status, body := b.request(c.method, c.path, c.body)
		if status != c.status || !strings.HasPrefix(body, c.answer) {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, strings.ReplaceAll(c.path, base, ""), status, body, c.status, c.answer)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	next, _ := http.NewRequestWithContext(ctx, "GET", "http://"+b.listener.Addr().String()+base+runtimePath+"invocation/next", nil)
	go func() { <-f.done; cancel() }()
	if _, err := http.DefaultClient.Do(next); err == nil {
		t.Error("a further /next was answered without an invocation")
	}
	if got := string(f.result.Payload); got != `{"errorType":"Runtime.Unknown","errorMessage":"not json"}` {
		t.Errorf("the caller got %s", got)
	}
	http.DefaultClient.CloseIdleConnections()
}

// base is the path of the one environment that b has.
func (b *bench) base() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id := range b.environments {
		return "/" + b.token + "/" + id
	}
	b.t.Fatal("there is no environment")
	return ""
}

func (b *bench) request(method, path, body string) (int, string) {
	b.t.Helper()
	r, err := http.NewRequest(method, "http://"+b.listener.Addr().String()+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(text)
}

func TestInitErrorIsTheInvocationsError(t *testing.T) {
	b := newBench(t, Config{})
	f, err := b.admit(function(initially("hang")), b.invocation(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // AWS starts it twice
		path := b.base()
		if status, body := b.request("POST", path+"/2018-06-01/runtime/init/error", `{"errorType":"Config.Missing","errorMessage":"TABLE"}`); status != 202 {
			t.Fatalf("%d %s", status, body)
		}
		b.mu.Lock()
		e := b.environments[strings.Split(path, "/")[2]]
		b.mu.Unlock()
		e.kill()
		<-e.gone
	}
	<-f.done
	if string(f.result.Payload) != `{"errorType":"Config.Missing","errorMessage":"TABLE"}` || f.result.ErrorType != "Config.Missing" {
		t.Errorf("got %s %s", f.result.ErrorType, f.result.Payload)
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestChildrenOfAFunctionEndWithIt looks for what a function left running.
func TestChildrenOfAFunctionEndWithIt(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("NOT CHECKED: this test reads /proc")
	}
	b := newBench(t, Config{})
	b.invoke(function(), `{"Do":"child"}`)
	b.mu.Lock()
	var group int
	for _, e := range b.environments {
		group = e.proc.cmd.Process.Pid
	}
	b.mu.Unlock()
	if n := len(processesOfGroup(t, group)); n != 2 {
		t.Fatalf("%d processes in the function's group, want it and its child", n)
	}
	b.Close(context.Background())
	for _, state := range processesOfGroup(t, group) {
		if state != "Z" {
			t.Errorf("a process in state %s is left", state)
		}
	}
}

func processesOfGroup(t *testing.T, group int) (states []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		stat, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		var state string
		var parent, pgrp int
		if _, err := fmt.Sscan(rest, &state, &parent, &pgrp); err == nil && pgrp == group {
			states = append(states, state)
		}
	}
	return states
}

func FuzzRuntimeAPI(f *testing.F) {
	for _, seed := range []string{"GET /t/e/2018-06-01/runtime/invocation/next", "POST /t/e/2018-06-01/runtime/invocation/1/response",
		"POST /t/e/2018-06-01/runtime/invocation/1/error", "POST /t/e/2018-06-01/runtime/init/error", "POST /t/e/2020-01-01/extension/register",
		"GET /t/e/2020-01-01/extension/event/next", "GET //", "PUT /t/e/2018-06-01/runtime/invocation//response", " "} {
		f.Add(seed)
	}
	m := &Manager{token: "t", environments: map[string]*environment{}}
	e := &environment{m: m, id: "e", spec: &Spec{}, pool: &pool{}, spawned: make(chan struct{}), gone: make(chan struct{}), state: ending}
	close(e.spawned)
	close(e.gone)
	m.environments["e"] = e
	f.Fuzz(func(t *testing.T, line string) {
		method, path, _ := strings.Cut(line, " ")
		c := parseCall(method, path)
		if (c.route == responseRoute || c.route == errorRoute) != (c.request != "") && c.route != unknownRoute && c.request != "" {
			t.Errorf("%q: route %d with request %q", line, c.route, c.request)
		}
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(line + " HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}")))
		if err != nil {
			return
		}
		w := httptest.NewRecorder()
		m.ServeHTTP(w, r)
		if parts := strings.Split(r.URL.Path, "/"); len(parts) < 3 || parts[1] != "t" || parts[2] != "e" {
			if w.Code != http.StatusForbidden {
				t.Errorf("%q: %d for a path of no environment", line, w.Code)
			}
		}
	})
}
