//go:build !unix

package fsys

import "io/fs"

// Inode is the number of a file for messages, " (inode 5)", or "".
func Inode(fs.FileInfo) string { return "" }
