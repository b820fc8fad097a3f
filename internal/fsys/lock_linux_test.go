package fsys_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tensorfile/tensorfile/internal/fsys"
)

// The lock is on the byte that the specification names, for writing, and on no
// other: programs of other makers look there.
func TestLockedByte(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := fsys.OS.OpenWrite(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Lock(); err != nil {
		t.Skip(err)
	}
	other, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for start, want := range map[int64]int16{0: unix.F_UNLCK, 1<<62 - 1: unix.F_UNLCK, 1 << 62: unix.F_WRLCK, 1<<62 + 1: unix.F_UNLCK} {
		l := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart, Start: start, Len: 1}
		if err := unix.FcntlFlock(other.Fd(), unix.F_OFD_GETLK, &l); err != nil {
			t.Fatal(err)
		}
		if l.Type != want {
			t.Errorf("byte %d: lock type %d, want %d", start, l.Type, want)
		}
	}
}
