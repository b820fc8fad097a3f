//go:build unix

package fsys

import (
	"fmt"
	"os"
	"syscall"
	"testing"
)

func TestInode(t *testing.T) {
	fi, err := os.Stat(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := Inode(fi), fmt.Sprintf(" (inode %d)", fi.Sys().(*syscall.Stat_t).Ino); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
