// Package browser drives a headless Chromium the way a person does, for the tests
// of the console and for its pictures: it opens pages, clicks where the pointer
// would, types, and keeps what the browser complained about and what it asked for.
//
//	browser.go  the program and its debugging protocol
//	page.go     what a person does on a page
//
// It speaks the DevTools protocol over two pipes (--remote-debugging-pipe), which
// needs no port and no library. The browser can reach this machine's loopback
// address and nothing else. It is for tests: it is no general automation library,
// knows one window at a time, and does not work on Windows, where programs cannot
// be handed pipes by number. Start at [Find] and [Start].
package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// candidates are names of Chromium and its relatives.
var candidates = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"}

// Find returns the browser of this machine: what $CHROMIUM names, or the first
// that is installed.
func Find() (path string, found bool) {
	if path := os.Getenv("CHROMIUM"); path != "" {
		return path, true
	}
	for _, name := range candidates {
		if path, err := exec.LookPath(name); err == nil {
			return path, true
		}
	}
	return "", false
}

// Browser is a running program. Make it with [Start].
type Browser struct {
	cmd      *exec.Cmd
	profile  string
	commands io.WriteCloser
	answers  io.ReadCloser

	mu      sync.Mutex // guards what follows, and writing
	last    int
	waiting map[int]chan message
	pages   map[string]*Page // by session
	gone    error
}

// message is a command, an answer or an event of the protocol.
// https://chromedevtools.github.io/devtools-protocol/
type message struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// flags keep the browser quiet, and on this machine: no name but the loopback
// address resolves.
var flags = []string{"--headless", "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check", "--disable-gpu", "--disable-quic", "--disable-sync", "--disable-extensions",
	"--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--hide-scrollbars", "--force-color-profile=srgb",
	"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"}

// Start starts the program at path with a profile of its own.
func Start(path string) (*Browser, error) {
	profile, err := os.MkdirTemp("", "browser")
	if err != nil {
		return nil, err
	}
	args := append([]string{"--user-data-dir=" + profile}, flags...)
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // it refuses to run as root with one
	}
	b := &Browser{cmd: exec.Command(path, args...), profile: profile, waiting: map[int]chan message{}, pages: map[string]*Page{}}
	if err := b.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s does not start: %w", path, err), os.RemoveAll(profile))
	}
	go b.listen()
	return b, nil
}

// start hands the program its ends of the pipes as files 3 and 4.
func (b *Browser) start() error {
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		return err
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		return errors.Join(err, theirIn.Close(), ourOut.Close())
	}
	b.commands, b.answers = ourOut, ourIn
	b.cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	if err = b.cmd.Start(); err != nil {
		err = errors.Join(err, ourIn.Close(), ourOut.Close())
	}
	return errors.Join(err, theirIn.Close(), theirOut.Close())
}

// listen takes messages, which end with a zero byte each, until the program ends.
func (b *Browser) listen() {
	lines := bufio.NewScanner(b.answers)
	lines.Buffer(nil, 256<<20) // a picture is one message
	lines.Split(untilZero)
	for lines.Scan() {
		var m message
		if json.Unmarshal(lines.Bytes(), &m) == nil {
			b.take(m)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone = errors.Join(errors.New("the browser has ended"), lines.Err())
	for id, answer := range b.waiting {
		delete(b.waiting, id)
		close(answer)
	}
}

func untilZero(data []byte, atEOF bool) (advance int, token []byte, err error) {
	for i, c := range data {
		if c == 0 {
			return i + 1, data[:i], nil
		}
	}
	if atEOF {
		return len(data), nil, nil
	}
	return 0, nil, nil
}

func (b *Browser) take(m message) {
	b.mu.Lock()
	answer, page := b.waiting[m.ID], b.pages[m.Session]
	delete(b.waiting, m.ID)
	b.mu.Unlock()
	switch {
	case answer != nil:
		answer <- m
	case m.ID == 0 && page != nil:
		page.note(m)
	}
}

// call sends a command and decodes its result into out, unless that is nil.
func (b *Browser) call(ctx context.Context, session, method string, params, out any) error {
	answer, err := b.send(session, method, params)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, context.Cause(ctx))
	case m, ok := <-answer:
		switch {
		case !ok:
			return fmt.Errorf("%s: %w", method, b.gone)
		case m.Error != nil:
			return fmt.Errorf("%s: %s", method, m.Error.Message)
		case out != nil:
			return json.Unmarshal(m.Result, out)
		}
		return nil
	}
}

func (b *Browser) send(session, method string, params any) (<-chan message, error) {
	text, err := json.Marshal(params)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gone != nil {
		return nil, b.gone
	}
	b.last++
	m := message{ID: b.last, Session: session, Method: method, Params: text}
	if text, err = json.Marshal(m); err != nil {
		return nil, err
	}
	answer := make(chan message, 1)
	b.waiting[m.ID] = answer
	_, err = b.commands.Write(append(text, 0))
	return answer, err
}

// patience is how long the program may take to end, and a page to become as
// expected.
const patience = 20 * time.Second

// Close ends the program and removes its profile.
func (b *Browser) Close() error {
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	_ = b.call(ctx, "", "Browser.close", struct{}{}, nil) // it may end before it answers
	kill := time.AfterFunc(patience, func() { _ = b.cmd.Process.Kill() })
	defer kill.Stop()
	_ = b.cmd.Wait() // how it ended says nothing
	return errors.Join(b.commands.Close(), b.answers.Close(), b.forget())
}

// forget removes the profile, into which a part of the program may still write.
func (b *Browser) forget() (err error) {
	for range 50 {
		if err = os.RemoveAll(b.profile); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}
