package fsys

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Room is there before the bytes are, on ext4, and no byte with it.
func TestAllocate(t *testing.T) {
	f, err := OS.CreateTemp(filepath.Join(t.TempDir(), "x"), 0o666)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const n = 3 << 20
	Allocate(f, 0, n)
	look := func() unix.Stat_t {
		var st unix.Stat_t
		if err := unix.Stat(f.Name(), &st); err != nil {
			t.Fatal(err)
		}
		return st
	}
	if st := look(); st.Size != 0 {
		t.Errorf("%d bytes before any was written", st.Size)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(f.Name(), &fs); err != nil {
		t.Fatal(err)
	}
	if got := look().Blocks * 512; fs.Type == unix.EXT4_SUPER_MAGIC && got < n || fs.Type != unix.EXT4_SUPER_MAGIC && got >= n {
		t.Errorf("%d bytes have room on a file system of type %#x, of %d", got, fs.Type, n)
	}
	if _, err := f.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if st := look(); st.Size != n || st.Blocks*512 > n+64<<10 {
		t.Errorf("%d bytes in room for %d, want %d in no more", st.Size, st.Blocks*512, n)
	}
}
