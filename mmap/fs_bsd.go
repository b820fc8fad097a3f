//go:build darwin || dragonfly || freebsd

package mmap

import (
	"os"

	"golang.org/x/sys/unix"
)

func addressLimit() int64 { return 0 }

// remoteFS says whether f is on a file system that is not local.
func remoteFS(f *os.File) string {
	var st unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &st) != nil || st.Flags&unix.MNT_LOCAL != 0 {
		return ""
	}
	if name := unix.ByteSliceToString(st.Fstypename[:]); name != "" {
		return name
	}
	return "not local"
}

func pseudoFS(*os.File) string { return "" }
