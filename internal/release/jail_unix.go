//go:build unix

package main

import (
	"os"
	"os/exec"
	"syscall"
)

// jail makes a folder the root of what a command sees, if this user may do that.
func jail(cmd *exec.Cmd, dir string) bool {
	if os.Geteuid() != 0 {
		return false
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: dir}
	return true
}
