//go:build !(darwin || dragonfly || freebsd || linux)

package mmap

import "os"

func addressLimit() int64 { return 0 }

func remoteFS(*os.File) string { return "" }

func pseudoFS(*os.File) string { return "" }
