// Package faultfs is a file system for tests of writers that makes one
// operation of a run fail, whatever it is, and tells which one it was.
//
// A test runs once without a fault and counts the operations, then once for
// each of them and each way to fail.
package faultfs

import (
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"

	"github.com/tensorfile/tensorfile/internal/fsys"
)

// Mode is how an operation fails.
type Mode uint8

const (
	// Before fails without doing anything.
	Before Mode = iota
	// Half moves the first half of the bytes of a transfer and then fails.
	Half
	// After does everything and fails all the same, as a server does whose
	// answer is lost.
	After
	// Dead fails like Before, and so does every operation from then on: the disk
	// is gone, or full for good.
	Dead
	// Short moves half of the bytes of a transfer and says so, without an error.
	Short
	// Every fails once before each operation; the second try works.
	Every
)

func (m Mode) String() string {
	return [...]string{"before", "half", "after", "dead", "short", "every"}[m]
}

// Op is an operation.
type Op struct {
	Kind   string // the method: "WriteAt", "Rename"
	Path   string // the file, or the old name
	Offset int64  // of a transfer
	Len    int    // of a transfer
	Err    error  // that was injected

	fired bool
}

func (o Op) String() string {
	if o.Transfer() {
		return fmt.Sprintf("%s of [%d, +%d)", o.Kind, o.Offset, o.Len)
	}
	return o.Kind
}

// Transfer reports whether the operation moves bytes.
func (o Op) Transfer() bool { return o.Writes() || o.Kind == "ReadAt" }

// Writes reports whether the operation writes bytes.
func (o Op) Writes() bool { return strings.HasPrefix(o.Kind, "Write") }

// Syncs reports whether the operation is a barrier of a file.
func (o Op) Syncs() bool { return o.Kind == "Sync" || o.Kind == "Datasync" }

// Fault says what fails.
type Fault struct {
	N    int // the operation, from 0; negative: none
	Mode Mode
	Err  error
}

// FS makes an operation of Under fail. It may be used from many goroutines.
type FS struct {
	under fsys.FS
	fault Fault
	// NoSync leaves out the syncs of the file system below, which a test that
	// cuts no power does not need. They count, and fail, all the same.
	NoSync bool

	mu  sync.Mutex
	ops []Op
	hit int // 1 more than the operation that failed; 0: none has
}

// New makes a file system over under with a fault. It needs fsys.Steady above
// it if the fault is a signal's.
func New(under fsys.FS, fault Fault) *FS { return &FS{under: under, fault: fault} }

// Ops returns the operations so far.
func (f *FS) Ops() []Op {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Op(nil), f.ops...)
}

// Hit returns the operation that failed, and those that came behind it.
func (f *FS) Hit() (op Op, rest []Op, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hit == 0 {
		return op, nil, false
	}
	return f.ops[f.hit-1], append([]Op(nil), f.ops[f.hit:]...), true
}

// Heal ends a fault of mode Dead or Every: what comes now works.
func (f *FS) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = Fault{N: -1}
}

// next counts an operation and says how it is to fail.
func (f *FS) next(op Op) (mode Mode, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.ops)
	w := f.fault
	var fire bool
	switch {
	case w.N < 0:
	case w.Mode == Every:
		fire = n == 0 || !f.ops[n-1].fired || f.ops[n-1].Kind != op.Kind
	case w.Mode == Dead:
		fire = n >= w.N
	default:
		fire = n == w.N
	}
	if fire {
		if op.Err, op.fired = w.Err, true; f.hit == 0 {
			f.hit = n + 1
		}
	}
	f.ops = append(f.ops, op)
	switch {
	case !fire:
		return 0, nil
	case w.Mode == Every && w.Err == nil:
		return Short, nil
	case w.Mode == Dead || w.Mode == Every:
		return Before, op.error()
	}
	return w.Mode, op.error()
}

// error is what the system would return.
func (o Op) error() error {
	if o.Err == nil {
		return nil
	}
	return &fs.PathError{Op: strings.ToLower(o.Kind), Path: o.Path, Err: o.Err}
}

// do runs fn as op.
func (f *FS) do(op Op, fn func() error) error {
	mode, err := f.next(op)
	if err == nil {
		return fn()
	}
	if mode == After {
		fn()
	}
	return err
}

func ask[T any](f *FS, op Op, fn func() (T, error)) (x T, err error) {
	err = f.do(op, func() (err error) { x, err = fn(); return err })
	if err != nil {
		var none T
		return none, err
	}
	return x, nil
}

// move runs a transfer of p as op.
func (f *FS) move(op Op, p []byte, fn func(p []byte) (int, error)) (int, error) {
	op.Len = len(p)
	mode, err := f.next(op)
	switch mode {
	case Half, Short:
		n, uerr := fn(p[:len(p)/2])
		if err == nil && n < len(p)/2 {
			err = uerr
		}
		return n, err
	case After:
		fn(p)
		return 0, err
	}
	if err != nil {
		return 0, err
	}
	return fn(p)
}

// file is an open file.
type file struct {
	fsys.File
	fs *FS

	mu sync.Mutex
	at int64 // of Write
}

func (f *FS) open(op Op, fn func() (fsys.File, error)) (fsys.File, error) {
	u, err := ask(f, op, fn)
	if err != nil {
		return nil, err
	}
	return &file{File: u, fs: f}, nil
}

// CreateTemp implements fsys.FS.
func (f *FS) CreateTemp(path string, perm fs.FileMode) (fsys.File, error) {
	return f.open(Op{Kind: "CreateTemp", Path: path}, func() (fsys.File, error) { return f.under.CreateTemp(path, perm) })
}

// Leftovers implements fsys.FS. It cannot fail.
func (f *FS) Leftovers(path string) []string { return f.under.Leftovers(path) }

// Remote implements fsys.FS. It cannot fail.
func (f *FS) Remote(path string) string { return f.under.Remote(path) }

// OpenWrite implements fsys.FS.
func (f *FS) OpenWrite(path string) (fsys.File, error) {
	return f.open(Op{Kind: "OpenWrite", Path: path}, func() (fsys.File, error) { return f.under.OpenWrite(path) })
}

// SameFile implements fsys.FS. It cannot fail.
func (f *FS) SameFile(a, b fs.FileInfo) bool { return f.under.SameFile(a, b) }

// Chmod implements fsys.FS.
func (f *FS) Chmod(name string, mode fs.FileMode) error {
	return f.do(Op{Kind: "Chmod", Path: name}, func() error { return f.under.Chmod(name, mode) })
}

// Rename implements fsys.FS.
func (f *FS) Rename(oldname, newname string) error {
	return f.do(Op{Kind: "Rename", Path: oldname}, func() error { return f.under.Rename(oldname, newname) })
}

// RenameNew implements fsys.FS.
func (f *FS) RenameNew(oldname, newname string) error {
	return f.do(Op{Kind: "RenameNew", Path: oldname}, func() error { return f.under.RenameNew(oldname, newname) })
}

// Remove implements fsys.FS.
func (f *FS) Remove(name string) error {
	return f.do(Op{Kind: "Remove", Path: name}, func() error { return f.under.Remove(name) })
}

// Stat implements fsys.FS.
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	return ask(f, Op{Kind: "Stat", Path: name}, func() (fs.FileInfo, error) { return f.under.Stat(name) })
}

// Lstat implements fsys.FS.
func (f *FS) Lstat(name string) (fs.FileInfo, error) {
	return ask(f, Op{Kind: "Lstat", Path: name}, func() (fs.FileInfo, error) { return f.under.Lstat(name) })
}

// Resolve implements fsys.FS.
func (f *FS) Resolve(path string) (string, error) {
	return ask(f, Op{Kind: "Resolve", Path: path}, func() (string, error) { return f.under.Resolve(path) })
}

// SyncDir implements fsys.FS.
func (f *FS) SyncDir(dir string) error {
	return f.do(Op{Kind: "SyncDir", Path: dir}, func() error { return f.sync(func() error { return f.under.SyncDir(dir) }) })
}

func (f *FS) sync(fn func() error) error {
	if f.NoSync {
		return nil
	}
	return fn()
}

func (f *file) op(kind string) Op { return Op{Kind: kind, Path: f.File.Name()} }

// Write is WriteAt at an offset that is kept here, so that it is known.
func (f *file) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	op := f.op("Write")
	op.Offset = f.at
	n, err := f.fs.move(op, p, func(p []byte) (int, error) { return f.File.WriteAt(p, op.Offset) })
	f.at += int64(n)
	return n, err
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	op := f.op("WriteAt")
	op.Offset = off
	return f.fs.move(op, p, func(p []byte) (int, error) { return f.File.WriteAt(p, off) })
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	op := f.op("ReadAt")
	op.Offset = off
	return f.fs.move(op, p, func(p []byte) (int, error) { return f.File.ReadAt(p, off) })
}

func (f *file) Sync() error {
	return f.fs.do(f.op("Sync"), func() error { return f.fs.sync(f.File.Sync) })
}

func (f *file) Datasync() error {
	return f.fs.do(f.op("Datasync"), func() error { return f.fs.sync(f.File.Datasync) })
}

func (f *file) Truncate(size int64) error {
	return f.fs.do(f.op("Truncate"), func() error { return f.File.Truncate(size) })
}

func (f *file) Lock() error { return f.fs.do(f.op("Lock"), f.File.Lock) }

func (f *file) Stat() (fs.FileInfo, error) { return ask(f.fs, f.op("FileStat"), f.File.Stat) }

// Close closes the file, whatever it says.
func (f *file) Close() error {
	err := f.fs.do(f.op("Close"), func() error { return nil })
	if cerr := f.File.Close(); err == nil {
		err = cerr
	}
	return err
}

// Reader makes reads of r, as operations of f, fail.
func (f *FS) Reader(path string, r io.ReaderAt) io.ReaderAt { return &reader{f, r, path} }

type reader struct {
	fs   *FS
	r    io.ReaderAt
	path string
}

func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	op := Op{Kind: "ReadAt", Path: r.path, Offset: off}
	return r.fs.move(op, p, func(p []byte) (int, error) { return r.r.ReadAt(p, off) })
}

var _ fsys.FS = (*FS)(nil)
