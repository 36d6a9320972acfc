package sandbox

// This file defines processes on Windows, which knows no process groups of this
// kind: a function's own children outlive it.

import "syscall"

func childAttributes() *syscall.SysProcAttr { return nil }

func (p *process) kill()             { _ = p.cmd.Process.Kill() }
func (p *process) terminate()        { p.kill() }
func (p *process) peakMemoryMB() int { return 0 }
func (p *process) memoryMB() int     { return 0 }

func readAvailable(uintptr, []byte) int { return 0 }
