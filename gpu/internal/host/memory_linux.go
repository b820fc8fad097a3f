package host

import "golang.org/x/sys/unix"

// advise asks for huge pages, where the system gives them to who asks.
func advise(b []byte) {
	const huge = 2 << 20
	if len(b) >= huge {
		unix.Madvise(b, unix.MADV_HUGEPAGE)
	}
}
