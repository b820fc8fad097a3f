// Package crashfs is a file system in memory for tests of writers. It records
// every operation, can make any of them fail, and shows each state that a
// crash at any moment could have left on the disk.
//
// The model is meaner than any real file system that keeps its promises:
//
//   - What was synced is there. Of what was written since, any set of 4 KiB
//     blocks may be there and the others not, whatever the order of writing. A
//     cut of the file counts as one more such piece: the bytes behind it may be
//     gone or not.
//   - One block may be torn: at any sector or at odd bytes, from either side; or
//     one of its sectors, or all of it, may be zeros or garbage. The block of a
//     write that stands alone between two syncs, as that of a root slot does, is
//     torn at each of its first 128 bytes.
//   - The size of a file is durable on its own: any size that it had since the
//     last sync, and block boundaries on the way.
//   - A sync that fails leaves each block on the disk or loses it for good, and
//     the next one succeeds without it, as Linux does.
//   - Names are durable on their own, and not in the order in which they changed:
//     any set of the changes since the directory was last synced may be there,
//     with one rule, that a change of a name comes after the earlier changes of
//     the same name. A rename is two changes, the new name and then the loss of
//     the old one, so that both may be there.
//
// Every subset of the unsynced pieces of a file is tried up to seven of them,
// above that each prefix and suffix in the order of writing, each piece alone
// and each left out, and 32 seeded subsets. Files are harmed one at a time, the
// others being as they were durable or as they were written.
//
// An FS is used by one goroutine.
package crashfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/tensorfile/tensorfile/internal/fsys"
)

// Kind of an operation.
type Kind uint8

// Operations that are recorded.
const (
	Create Kind = iota
	Write
	Truncate
	Sync // of a file
	Chmod
	Rename
	Remove
	SyncDir
	Close
	Read
	Stat
	Open
	Mark       // not an operation: what the test noted, such as an acknowledged commit
	SyncFailed // a Sync that Fault made fail
)

var kindNames = [...]string{"create", "write", "truncate", "sync", "chmod", "rename", "remove", "syncdir", "close", "read", "stat", "open", "mark", "failed sync"}

func (k Kind) String() string { return kindNames[k] }

// Op is a recorded operation.
type Op struct {
	Kind   Kind
	File   *inode
	Offset int64  // Write
	Data   []byte // Write
	Size   int64  // Truncate: the new size
	Name   string // Create, Rename (from), Remove, SyncDir
	New    string // Rename (to)
	Note   any    // Mark
}

func (o Op) String() string {
	switch o.Kind {
	case Write:
		return fmt.Sprintf("write [%d, +%d) of %s", o.Offset, len(o.Data), o.File.first)
	case Truncate:
		return fmt.Sprintf("truncate %s to %d", o.File.first, o.Size)
	case Rename:
		return fmt.Sprintf("rename %s to %s", o.Name, o.New)
	case Mark:
		return fmt.Sprintf("mark %v", o.Note)
	case Sync, SyncFailed, Close, Read:
		return fmt.Sprintf("%v %s", o.Kind, o.File.first)
	}
	return fmt.Sprintf("%v %s", o.Kind, o.Name)
}

// inode is a file, whatever it is called.
type inode struct {
	first string // its first name, for messages
	data  []byte
	mode  fs.FileMode
	id    int

	locked *file
}

// FS is the file system. Names are slash-separated paths; directories exist by
// themselves.
type FS struct {
	// Fault, if not nil, is asked before every operation. If it returns an
	// error the operation fails with it; of a write, the first short bytes
	// still happen.
	Fault func(op Op) (short int, err error)
	// NoLocks is a file system without locks.
	NoLocks bool
	// Type is what Remote says: "" for a local file system.
	Type string

	log   []Op
	names map[string]*inode
	count int
	life  int // processes that were killed
}

// New makes an empty file system.
func New() *FS { return &FS{names: map[string]*inode{}} }

// From makes a file system that holds files, all of it durable.
func From(files map[string][]byte) *FS {
	f := New()
	for name, data := range files {
		f.count++
		f.names[name] = &inode{first: name, data: slices.Clone(data), mode: 0o644, id: f.count}
	}
	return f
}

// Mark notes something at this point of the log: a Crash tells which marks lie
// before it.
func (f *FS) Mark(note any) { f.log = append(f.log, Op{Kind: Mark, Note: note}) }

// Kill ends the process that used f: its files can no longer be used and its
// locks are gone. What it wrote stays written, durable or not.
func (f *FS) Kill() {
	f.life++
	for _, n := range f.names {
		n.locked = nil
	}
}

// Log returns the operations so far.
func (f *FS) Log() []Op { return f.log }

// Files returns a copy of what every file holds now, durable or not.
func (f *FS) Files() map[string][]byte {
	files := map[string][]byte{}
	for name, n := range f.names {
		files[name] = slices.Clone(n.data)
	}
	return files
}

// do asks Fault and records op. It returns how much of a write is to happen.
func (f *FS) do(op Op) (int, error) {
	if f.Fault != nil {
		if short, err := f.Fault(op); err != nil {
			if op.Kind == Write && short > 0 {
				op.Data = slices.Clone(op.Data[:short])
				f.log = append(f.log, op)
			}
			if op.Kind == Sync && !errors.Is(err, ErrKilled) {
				op.Kind = SyncFailed
				f.log = append(f.log, op)
				op.Kind = Sync
			}
			return short, &fs.PathError{Op: op.Kind.String(), Path: op.Name, Err: err}
		}
	}
	if op.Kind != Read && op.Kind != Stat {
		op.Data = slices.Clone(op.Data)
		f.log = append(f.log, op)
	}
	return len(op.Data), nil
}

func notExist(op, name string) error {
	return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}

// CreateTemp implements fsys.FS.
func (f *FS) CreateTemp(name string, perm fs.FileMode) (fsys.File, error) {
	var temp string
	for temp == "" || f.names[temp] != nil {
		f.count++
		temp = path.Join(path.Dir(name), fmt.Sprintf(".%s.%d%s", path.Base(name), f.count, fsys.TempSuffix))
	}
	n := &inode{first: temp, mode: perm, id: f.count}
	if _, err := f.do(Op{Kind: Create, File: n, Name: temp}); err != nil {
		return nil, err
	}
	f.names[temp] = n
	return &file{fs: f, n: n, name: temp, life: f.life}, nil
}

// Leftovers implements fsys.FS.
func (f *FS) Leftovers(name string) []string {
	var list []string
	for temp := range f.names {
		if path.Dir(temp) == path.Dir(name) && strings.HasPrefix(path.Base(temp), "."+path.Base(name)+".") && strings.HasSuffix(temp, fsys.TempSuffix) {
			list = append(list, temp)
		}
	}
	slices.Sort(list)
	return list
}

// Remote implements fsys.FS.
func (f *FS) Remote(string) string { return f.Type }

// OpenWrite opens an existing file for reading and writing.
func (f *FS) OpenWrite(name string) (fsys.File, error) {
	n := f.names[name]
	if n == nil {
		return nil, notExist("open", name)
	}
	if _, err := f.do(Op{Kind: Open, File: n, Name: name}); err != nil {
		return nil, err
	}
	return &file{fs: f, n: n, name: name, life: f.life}, nil
}

// SameFile implements fsys.FS.
func (f *FS) SameFile(a, b fs.FileInfo) bool { return a.Sys() == b.Sys() }

// Chmod implements fsys.FS.
func (f *FS) Chmod(name string, mode fs.FileMode) error {
	n := f.names[name]
	if n == nil {
		return notExist("chmod", name)
	}
	if _, err := f.do(Op{Kind: Chmod, File: n, Name: name}); err != nil {
		return err
	}
	n.mode = mode
	return nil
}

// Rename implements fsys.FS.
func (f *FS) Rename(from, to string) error {
	n := f.names[from]
	if n == nil {
		return notExist("rename", from)
	}
	if _, err := f.do(Op{Kind: Rename, File: n, Name: from, New: to}); err != nil {
		return err
	}
	delete(f.names, from)
	f.names[to] = n
	return nil
}

// RenameNew implements fsys.FS.
func (f *FS) RenameNew(from, to string) error {
	if f.names[to] != nil {
		return &fs.PathError{Op: "rename", Path: to, Err: fs.ErrExist}
	}
	return f.Rename(from, to)
}

// Remove implements fsys.FS.
func (f *FS) Remove(name string) error {
	n := f.names[name]
	if n == nil {
		return notExist("remove", name)
	}
	if _, err := f.do(Op{Kind: Remove, File: n, Name: name}); err != nil {
		return err
	}
	delete(f.names, name)
	return nil
}

// Stat implements fsys.FS.
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	n := f.names[name]
	if n == nil {
		return nil, notExist("stat", name)
	}
	if _, err := f.do(Op{Kind: Stat, File: n, Name: name}); err != nil {
		return nil, err
	}
	return info{n, path.Base(name)}, nil
}

// Lstat implements fsys.FS.
func (f *FS) Lstat(name string) (fs.FileInfo, error) { return f.Stat(name) }

// Resolve implements fsys.FS; there are no links.
func (f *FS) Resolve(name string) (string, error) { return name, nil }

// SyncDir implements fsys.FS.
func (f *FS) SyncDir(dir string) error {
	_, err := f.do(Op{Kind: SyncDir, Name: dir})
	return err
}

// file is an open file.
type file struct {
	fs     *FS
	n      *inode
	name   string
	at     int64
	life   int
	closed bool
}

// gone reports whether the file was closed, or its process killed.
func (f *file) gone() bool { return f.closed || f.life != f.fs.life }

func (f *file) Name() string { return f.name }

func (f *file) Write(p []byte) (int, error) {
	n, err := f.WriteAt(p, f.at)
	f.at += int64(n)
	return n, err
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	if f.gone() {
		return 0, fs.ErrClosed
	}
	n, err := f.fs.do(Op{Kind: Write, File: f.n, Name: f.name, Offset: off, Data: p})
	if end := off + int64(n); n > 0 && end > int64(len(f.n.data)) {
		f.n.data = append(f.n.data, make([]byte, end-int64(len(f.n.data)))...)
	}
	if n > 0 {
		copy(f.n.data[off:], p[:n])
	}
	return n, err
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if f.gone() {
		return 0, fs.ErrClosed
	}
	if _, err := f.fs.do(Op{Kind: Read, File: f.n, Name: f.name, Offset: off, Data: p}); err != nil {
		return 0, err
	}
	if off >= int64(len(f.n.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.n.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) Truncate(size int64) error {
	if f.gone() {
		return fs.ErrClosed
	}
	if _, err := f.fs.do(Op{Kind: Truncate, File: f.n, Name: f.name, Size: size}); err != nil {
		return err
	}
	if size <= int64(len(f.n.data)) {
		f.n.data = f.n.data[:size:size]
	} else {
		f.n.data = append(f.n.data, make([]byte, size-int64(len(f.n.data)))...)
	}
	return nil
}

func (f *file) Sync() error {
	if f.gone() {
		return fs.ErrClosed
	}
	_, err := f.fs.do(Op{Kind: Sync, File: f.n, Name: f.name})
	return err
}

// Datasync is Sync: the model has no metadata beside the size, which a data
// sync must keep.
func (f *file) Datasync() error { return f.Sync() }

// Lock implements fsys.File.
func (f *file) Lock() error {
	if f.gone() {
		return fs.ErrClosed
	}
	if f.fs.NoLocks {
		return fsys.ErrNoLocks
	}
	if f.n.locked != nil && f.n.locked != f {
		return fsys.ErrLocked
	}
	f.n.locked = f
	return nil
}

func (f *file) Stat() (fs.FileInfo, error) {
	if f.gone() {
		return nil, fs.ErrClosed
	}
	if _, err := f.fs.do(Op{Kind: Stat, File: f.n, Name: f.name}); err != nil {
		return nil, err
	}
	return info{f.n, path.Base(f.name)}, nil
}

func (f *file) Close() error {
	if f.gone() {
		return fs.ErrClosed
	}
	_, err := f.fs.do(Op{Kind: Close, File: f.n, Name: f.name})
	f.closed = true
	if f.n.locked == f {
		f.n.locked = nil
	}
	return err
}

type info struct {
	n    *inode
	name string
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return int64(len(i.n.data)) }
func (i info) Mode() fs.FileMode  { return i.n.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return false }
func (i info) Sys() any           { return i.n.id }

var _ fsys.FS = (*FS)(nil)

// FailNth returns a Fault that lets the n-th operation, from 0, of the kinds
// that want tells fail with err after half of its bytes, and *fired is set. A
// nil want means every operation.
func FailNth(n int, err error, want func(Op) bool, fired *bool) func(Op) (int, error) {
	return func(op Op) (int, error) {
		if want != nil && !want(op) {
			return len(op.Data), nil
		}
		n--
		if n != -1 {
			return len(op.Data), nil
		}
		*fired = true
		return len(op.Data) / 2, err
	}
}

// ErrKilled is the error of operations that a killed process does not get to: a
// sync that fails with it was never begun.
var ErrKilled = errors.New("the process was killed")

// ErrInjected is an error for tests that want one of their own.
var ErrInjected = errors.New("injected")
