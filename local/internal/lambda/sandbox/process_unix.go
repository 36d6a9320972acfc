//go:build unix

package sandbox

// This file defines how processes end on Unix: with their process group, so that
// what a function started ends with it.

import "syscall"

func (p *process) kill()      { p.signal(syscall.SIGKILL) }
func (p *process) terminate() { p.signal(syscall.SIGTERM) }

func (p *process) signal(s syscall.Signal) {
	if p.ended.Load() == nil { // afterwards the number may be another's
		_ = syscall.Kill(-p.cmd.Process.Pid, s)
	}
}

// readAvailable reads what is there without waiting; n is 0 when nothing is.
func readAvailable(fd uintptr, buf []byte) int {
	n, err := syscall.Read(int(fd), buf)
	if err != nil {
		return 0
	}
	return n
}
