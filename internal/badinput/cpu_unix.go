//go:build unix

package badinput

import (
	"syscall"
	"time"
)

// processorTime is what the process has taken of the processors so far: others on a
// busy machine do not count.
func processorTime() time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
