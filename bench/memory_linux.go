package bench

import "golang.org/x/sys/unix"

// pages is memory of huge pages, if the system gives them. It is not given back.
func pages(n int64) []byte {
	const huge = 2 << 20
	b, err := unix.Mmap(-1, 0, int((n+huge-1)&^(huge-1)), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return make([]byte, n)
	}
	unix.Madvise(b, unix.MADV_HUGEPAGE)
	return b[:n]
}
