//go:build unix && !linux

package sandbox

// This file defines what Unix systems other than Linux lack: a death signal and
// a cheap look at a process's memory.

import "syscall"

func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func (p *process) peakMemoryMB() int { return 0 }
func (p *process) memoryMB() int     { return 0 }
