//go:build !linux

package gpu

// threadID cannot be asked: every thread is one.
func threadID() int { return 0 }
