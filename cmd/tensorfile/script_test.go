package main

import (
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/fsys"
)

// envFileSystem makes the tool take the file system for another one: "nfs", or
// "nolocks".
const envFileSystem = "TEST_FILE_SYSTEM"

// noLocks is the machine's file system, as if it had no locks.
type noLocks struct{ fsys.FS }

func (n noLocks) OpenWrite(path string) (fsys.File, error) {
	f, err := n.FS.OpenWrite(path)
	return noLockFile{f}, err
}

type noLockFile struct{ fsys.File }

func (noLockFile) Lock() error { return fsys.ErrNoLocks }

// replaceFileSystem does what envFileSystem says.
func replaceFileSystem() {
	switch os.Getenv(envFileSystem) {
	case "nfs":
		fsys.Replace(nfs{fsys.OS}, nil)
	case "nolocks":
		fsys.Replace(noLocks{fsys.OS}, nil)
	}
}

// scriptHoldLock keeps other writers from a file for a while.
func scriptHoldLock(ts *testscript.TestScript, neg bool, args []string) {
	d, err := time.ParseDuration(args[1])
	ts.Check(err)
	w, err := tensorfile.OpenAppend(ts.MkAbs(args[0]), &tensorfile.AppendOptions{})
	ts.Check(err)
	time.AfterFunc(d, func() { w.Close() })
}

// scriptUnfinished makes the file that an append to old leaves that never came to
// its trailer; new is what it would have become.
func scriptUnfinished(ts *testscript.TestScript, neg bool, args []string) {
	const control, trailer = 12288, 128
	before, after := ts.ReadFile(args[1]), ts.ReadFile(args[2])
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(before[:control]+after[control:len(after)-trailer]), 0o666))
}
