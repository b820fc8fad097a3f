package fsys

import (
	"io"
	"sync/atomic"
)

// replaced stands for the machine's file system during a test.
type replaced struct {
	fs   FS
	read func(path string, r io.ReaderAt) io.ReaderAt
}

var current atomic.Pointer[replaced]

// Default is the file system of writers that were given none: OS, unless a test
// has replaced it.
func Default() FS {
	if r := current.Load(); r != nil && r.fs != nil {
		return r.fs
	}
	return OS
}

// Reader is what is read in the place of the file r that was opened at path: r
// itself, unless a test has replaced it.
func Reader(path string, r io.ReaderAt) io.ReaderAt {
	if c := current.Load(); c != nil && c.read != nil {
		return c.read(path, r)
	}
	return r
}

// Replace is for tests of whole programs, whose commands open their files
// themselves: until restore is called, files that are opened anew, anywhere in
// the process, are written through fs and read through read. Either may be nil.
// It is safe beside other goroutines; of two tests that replace at the same time
// each would see the other's, so such tests do not run in parallel. Nothing but
// tests calls it.
func Replace(fs FS, read func(path string, r io.ReaderAt) io.ReaderAt) (restore func()) {
	old := current.Swap(&replaced{fs, read})
	return func() { current.Store(old) }
}
