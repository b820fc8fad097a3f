//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd || solaris

package host

import "golang.org/x/sys/unix"

// mapPages is memory outside of the Go heap, which the garbage collector neither
// scans nor counts.
func mapPages(n int) ([]byte, error) {
	return unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
}

func unmapPages(b []byte) error { return unix.Munmap(b) }
