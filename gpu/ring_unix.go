//go:build unix

package gpu

import (
	"golang.org/x/sys/unix"
)

// anonymous is n bytes of memory outside of the Go heap, on pages of their own,
// and what gives them back.
func anonymous(n int64) ([]byte, func() error, error) {
	const huge = 2 << 20
	if n > maxInt-huge {
		return nil, nil, unix.ENOMEM
	}
	// Huge pages begin at their multiples; addresses cost nothing.
	all, err := unix.Mmap(-1, 0, int(n)+huge, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, nil, err
	}
	skip := -int64(addressOf(all)) & (huge - 1)
	b := all[skip : skip+n : skip+n]
	hugePages(b)
	return b, func() error { return unix.Munmap(all) }, nil
}
