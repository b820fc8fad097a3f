//go:build darwin || dragonfly || freebsd

package fsys

import (
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// remote implements FS.Remote. FUSE passes for local, but not by its name.
func remote(path string) string {
	for _, p := range [...]string{path, filepath.Dir(path)} { // path need not exist
		var st unix.Statfs_t
		if unix.Statfs(p, &st) != nil {
			continue
		}
		name := unix.ByteSliceToString(st.Fstypename[:])
		switch {
		case strings.Contains(name, "fuse"):
			return "fuse"
		case st.Flags&unix.MNT_LOCAL != 0:
			return ""
		case name == "":
			return "not local"
		}
		return name
	}
	return ""
}
