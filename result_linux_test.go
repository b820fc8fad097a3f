package tensorfile

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What a result is populated with is memory that is there, to the last whole page.
func TestPopulate(t *testing.T) {
	page := os.Getpagesize()
	size := 9<<20 + 3*page
	whole, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(whole)
	b := whole[page:][:size] // between two pages of another kind, so that it is joined to nothing
	if err := unix.Mprotect(b, unix.PROT_READ|unix.PROT_WRITE); err != nil {
		t.Fatal(err)
	}
	if got := residentAt(t, b); got != 0 {
		t.Fatalf("%d KiB are there before", got)
	}
	populate(b, 3)
	if got := residentAt(t, b); got != size>>10 {
		t.Errorf("%d KiB are there, want %d", got, size>>10)
	}
	touch(b[1:100]) // no whole page
}

// residentAt is how many KiB of a mapping are in memory, as the system tells it.
func residentAt(t *testing.T, b []byte) (kib int) {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Skip(err)
	}
	begin := strings.TrimPrefix(fmt.Sprintf("%p", &b[0]), "0x")
	_, rest, ok := strings.Cut("\n"+string(maps), "\n"+begin+"-")
	if !ok {
		t.Skip("the mapping was joined to another")
	}
	_, rest, _ = strings.Cut(rest, "\nRss:")
	fmt.Sscan(rest, &kib)
	return kib
}
