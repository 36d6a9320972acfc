package sandbox

// This file defines how a process's output becomes log lines.

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"
)

// maxLine is the longest log event; longer lines are cut into several.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_InputLogEvent.html
const maxLine = 256 << 10

// output reads a pipe that a process writes to.
type output struct {
	pipe   *os.File
	raw    syscall.RawConn
	lines  func([]string)
	rest   []byte // the beginning of a line
	wanted chan chan struct{}
	done   chan struct{} // closed when the reader has stopped
	once   sync.Once
}

// newOutput returns a reader and the end of the pipe that belongs to the child.
func newOutput(lines func([]string)) (o *output, writer *os.File, err error) {
	pipe, writer, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	raw, err := pipe.SyscallConn()
	if err != nil {
		return nil, nil, errors.Join(err, pipe.Close(), writer.Close())
	}
	o = &output{pipe: pipe, raw: raw, lines: lines, wanted: make(chan chan struct{}, 1), done: make(chan struct{})}
	go o.loop()
	return o, writer, nil
}

func (o *output) loop() {
	defer close(o.done)
	buf := make([]byte, 32<<10)
	for {
		n, err := o.pipe.Read(buf)
		o.take(buf[:n])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			_ = o.pipe.SetReadDeadline(time.Time{})
			reply := <-o.wanted
			o.readAvailable(buf)
			o.flush()
			close(reply)
		case err != nil:
			o.flush()
			return
		}
	}
}

// drain returns when everything that was written before it was called has become
// lines. A function's answer and its output take different ways, so without it
// the end of an invocation could overtake the invocation's last line.
func (o *output) drain() {
	reply := make(chan struct{})
	select {
	case o.wanted <- reply:
	case <-o.done:
		return
	}
	if o.pipe.SetReadDeadline(time.Now()) != nil {
		<-o.wanted // this system cannot interrupt a read
		return
	}
	select {
	case <-reply:
	case <-o.done:
	}
}

// finish drains and stops. It does not wait for the end of the pipe: a child of
// the process may hold it open.
func (o *output) finish() {
	o.once.Do(func() {
		o.drain()
		_ = o.pipe.Close()
		<-o.done
	})
}

func (o *output) readAvailable(buf []byte) {
	for {
		n := 0
		err := o.raw.Read(func(fd uintptr) bool {
			n = readAvailable(fd, buf)
			return true
		})
		if err != nil || n <= 0 {
			return
		}
		o.take(buf[:n])
	}
}

// take cuts what was read into lines.
func (o *output) take(b []byte) {
	var lines []string
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			o.rest = append(o.rest, b...)
			break
		}
		lines = append(lines, text(append(o.rest, b[:i]...)))
		o.rest = o.rest[:0]
		b = b[i+1:]
	}
	for len(o.rest) >= maxLine {
		lines = append(lines, text(o.rest[:maxLine]))
		o.rest = append(o.rest[:0], o.rest[maxLine:]...)
	}
	o.emit(lines)
}

// flush makes a line of what has no newline yet.
func (o *output) flush() {
	if len(o.rest) > 0 {
		o.emit([]string{text(o.rest)})
		o.rest = o.rest[:0]
	}
}

func (o *output) emit(lines []string) {
	var split []string
	for _, line := range lines {
		for len(line) > maxLine {
			split = append(split, line[:maxLine])
			line = line[maxLine:]
		}
		split = append(split, line)
	}
	if len(split) > 0 {
		o.lines(split)
	}
}

func text(b []byte) string {
	b = bytes.TrimSuffix(b, []byte("\r"))
	if utf8.Valid(b) {
		return string(b)
	}
	return string(bytes.ToValidUTF8(b, []byte("\uFFFD")))
}

// tail keeps the end of an invocation's log, for LogType Tail: "the last 4 KB".
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
type tail struct{ kept []byte }

const tailSize = 4 << 10

func (t *tail) add(line string) {
	t.kept = append(append(t.kept, line...), '\n')
	if len(t.kept) > 2*tailSize {
		t.kept = append(t.kept[:0], t.kept[len(t.kept)-tailSize:]...)
	}
}

func (t *tail) bytes() []byte { return t.kept[max(0, len(t.kept)-tailSize):] }
