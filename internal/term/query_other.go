//go:build !linux

package term

import (
	"os"
	"time"
)

// Ask asks a terminal for the best protocol that has pixels. Here none is asked.
func Ask(in, out *os.File, timeout time.Duration) Protocol { return None }
