//go:build !unix

package badinput

import "time"

var begin = time.Now()

func processorTime() time.Duration { return time.Since(begin) }
