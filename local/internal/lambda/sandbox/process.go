package sandbox

// This file defines child processes. How a system ends a process and its
// children, and measures its memory, stands in process_*.go.

import (
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
)

// process is a running child. home, its private directory, goes with it.
type process struct {
	cmd   *exec.Cmd
	home  string
	ended atomic.Pointer[os.ProcessState]
}

// exit is how a process ended.
type exit struct {
	clean bool   // with status 0
	text  string // "exit status 1", "signal: killed"
}

// start is a request to the start loop.
type start struct {
	cmd  *exec.Cmd
	done chan error
}

// startLoop starts every child from one thread that lives as long as the
// manager: Linux kills a child with its parent's death signal when the thread
// that made it ends, not only when the process does.
func (m *Manager) startLoop() {
	runtime.LockOSThread()
	for s := range m.starts {
		s.done <- s.cmd.Start()
	}
}

func (m *Manager) startProcess(command []string, root, home string, env []string, output *os.File) (*process, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Env = root, env
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = childAttributes()
	s := start{cmd, make(chan error, 1)}
	m.starts <- s
	if err := <-s.done; err != nil {
		return nil, err
	}
	return &process{cmd: cmd, home: home}, nil
}

// wait returns when the process has ended and its directory is removed.
func (p *process) wait() exit {
	err := p.cmd.Wait()
	p.kill() // its own children
	p.ended.Store(p.cmd.ProcessState)
	_ = os.RemoveAll(p.home)
	if err == nil {
		return exit{clean: true}
	}
	return exit{text: err.Error()}
}
