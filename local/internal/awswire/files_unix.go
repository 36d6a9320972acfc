//go:build unix

package awswire

// This file defines how many files a process may have open, where that is a limit
// of each process.

import "syscall"

func openFiles() (n uint64, known bool) {
	var files syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files)
	return uint64(files.Cur), err == nil //nolint:unconvert // signed on some systems
}
