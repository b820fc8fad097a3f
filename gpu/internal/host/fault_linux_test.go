package host

import (
	"testing"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"golang.org/x/sys/unix"
)

// Memory that cannot be read is an error of the copy, not the end of the process,
// whoever copies and however large it is.
func TestFaultsAreErrors(t *testing.T) {
	for _, n := range []int64{100, 3 * share} {
		for _, on := range []string{"no stream", "stream"} {
			d := open(t, Options{})
			mem := must(mapPages(4 * share))(t)
			ok(t, unix.Mprotect(mem, unix.PROT_NONE))
			p := must(d.Alloc(n))(t)
			var s driver.Stream
			if on == "stream" {
				s = must(d.NewStream())(t)
			}
			wantCode(t, d.CopyHtoD(p, mem[:n], s), driver.IllegalAddress)
			wantCode(t, d.Synchronize(), driver.IllegalAddress)
			ok(t, unmapPages(mem))
		}
	}
}
