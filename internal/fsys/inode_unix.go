//go:build unix

package fsys

import (
	"fmt"
	"io/fs"
	"syscall"
)

// Inode is the number of a file for messages, " (inode 5)", or "".
func Inode(fi fs.FileInfo) string {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return fmt.Sprintf(" (inode %d)", st.Ino)
	}
	return ""
}
