//go:build unix

package main

import (
	"os"
	"syscall"
)

// diedOfPipe reports whether a program ended by SIGPIPE.
func diedOfPipe(s *os.ProcessState) bool {
	w, ok := s.Sys().(syscall.WaitStatus)
	return ok && w.Signaled() && w.Signal() == syscall.SIGPIPE
}
