//go:build !linux

package tensorfile

import "os"

func hugePages([]byte) bool { return false }

// touch makes the pages of b present.
func touch(b []byte) {
	for i := 0; i < len(b); i += os.Getpagesize() {
		b[i] = 0
	}
}
