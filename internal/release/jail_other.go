//go:build !unix

package main

import "os/exec"

// jail makes a folder the root of what a command sees: not here.
func jail(*exec.Cmd, string) bool { return false }
