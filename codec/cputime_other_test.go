//go:build !linux

package codec

import "time"

var processStart = time.Now()

// cpuTime is the time of the clock where that of the process is not to be had.
func cpuTime() time.Duration { return time.Since(processStart) }
