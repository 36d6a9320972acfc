package lambda

// This file defines running a function under a debugger.

import (
	"fmt"
	"os/exec"
)

// debugAddress is where the debugger of the function that is debugged listens.
const debugAddress = "127.0.0.1:2345"

// debugger returns the command that runs a program under Delve, which waits for
// an editor or `dlv connect` before the program starts.
func debugger(command []string) []string {
	path, err := exec.LookPath("dlv")
	if err != nil {
		path = "dlv" // Debug has said so
	}
	return append([]string{path, "exec", "--headless", "--listen=" + debugAddress, "--api-version=2", "--accept-multiclient", command[0], "--"}, command[1:]...)
}

// Debug lets a function run under a debugger from its next start on, and returns
// where to connect to, or why that is not possible.
func (s *Service) Debug(function string) (address string, err error) {
	if _, err := exec.LookPath("dlv"); err != nil {
		return "", fmt.Errorf("functions are debugged with Delve, and there is no program \"dlv\" on PATH: go install github.com/go-delve/delve/cmd/dlv@latest")
	}
	s.debugged.Store(&function)
	s.forget(function)
	return debugAddress, nil
}

func (s *Service) isDebugged(function string) bool {
	name := s.debugged.Load()
	return name != nil && *name == function
}
