package sandbox

// This file defines what only Linux offers.

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// memoryMB returns how much memory the process has now.
func (p *process) memoryMB() int {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/statm")
	fields := bytes.Fields(text)
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		return 0
	}
	return pages * os.Getpagesize() >> 20
}

// peakMemoryMB returns the most memory that the process has had at once.
func (p *process) peakMemoryMB() int {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
	_, after, found := bytes.Cut(status, []byte("VmHWM:"))
	if err != nil || !found { // gone: the kernel's last word
		return p.lastMemoryMB()
	}
	line, _, _ := bytes.Cut(after, []byte(" kB"))
	kb, err := strconv.Atoi(string(bytes.TrimSpace(line)))
	if err != nil {
		return 0
	}
	return (kb + 1023) / 1024
}

func (p *process) lastMemoryMB() int {
	if ended := p.ended.Load(); ended != nil {
		if usage, ok := ended.SysUsage().(*syscall.Rusage); ok {
			return int((usage.Maxrss + 1023) / 1024)
		}
	}
	return 0
}
