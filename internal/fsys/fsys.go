// Package fsys is the small part of a file system that writers need, as an
// interface, so that tests can record every operation, make any of them fail
// and replay what a crash would have left.
package fsys

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// File is an open file of a writer.
type File interface {
	io.Writer
	io.WriterAt
	io.ReaderAt
	io.Closer
	// Sync makes the file's bytes and size durable. After it failed once the
	// file must not be used again: a second try may succeed without the data.
	Sync() error
	// Datasync is Sync without what reading the data back does not need: the
	// barrier of a commit (spec, "Barriers").
	Datasync() error
	Truncate(size int64) error
	// Lock takes the writer's lock (spec, "Locks") without waiting. Another
	// holder is ErrLocked, a file system without locks ErrNoLocks. Closing the
	// file gives it back.
	Lock() error
	Stat() (fs.FileInfo, error)
	Name() string
}

var (
	// ErrLocked says that another writer holds the lock.
	ErrLocked = errors.New("another writer holds the file")
	// ErrNoLocks says that the file system has no locks.
	ErrNoLocks = errors.New("the file system has no locks")
)

// FS is the file system that a writer works on. It is safe for concurrent use.
type FS interface {
	// CreateTemp makes a new file with mode perm (before umask) beside path,
	// under a name that nothing else has and Leftovers knows.
	CreateTemp(path string, perm fs.FileMode) (File, error)
	// Leftovers lists the files beside path that CreateTemp made for it and that
	// are still there, in use or not.
	Leftovers(path string) []string
	// Remote names the file system of path if there is another machine or a
	// program behind it, on which locks, order of writes and mappings cannot be
	// relied (nfs, smb, fuse, 9p ...). A local one, and one that is not known,
	// is "".
	Remote(path string) string
	// OpenWrite opens an existing file for reading and writing.
	OpenWrite(path string) (File, error)
	// SameFile reports whether two descriptions are of one file.
	SameFile(a, b fs.FileInfo) bool
	Chmod(name string, mode fs.FileMode) error
	// Rename replaces newname, if it exists, in one step.
	Rename(oldname, newname string) error
	// RenameNew is Rename that fails, with an error that is fs.ErrExist, if
	// newname exists.
	RenameNew(oldname, newname string) error
	Remove(name string) error
	Stat(name string) (fs.FileInfo, error)
	Lstat(name string) (fs.FileInfo, error)
	// Resolve follows symbolic links to the file that path means, which need
	// not exist.
	Resolve(path string) (string, error)
	// SyncDir makes the entries of a directory durable.
	SyncDir(dir string) error
}

// OS is the file system of the machine.
var OS = Steady(osFS{})

type osFS struct{}

// osFile is a file of the machine. Data sync and lock differ by system.
type osFile struct{ *os.File }

func (osFS) OpenWrite(path string) (File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) SameFile(a, b fs.FileInfo) bool { return os.SameFile(a, b) }

func (osFS) Chmod(name string, mode fs.FileMode) error { return os.Chmod(name, mode) }
func (osFS) Rename(oldname, newname string) error      { return os.Rename(oldname, newname) }
func (osFS) RenameNew(oldname, newname string) error   { return renameNew(oldname, newname) }
func (osFS) Remove(name string) error                  { return os.Remove(name) }
func (osFS) Stat(name string) (fs.FileInfo, error)     { return os.Stat(name) }
func (osFS) Lstat(name string) (fs.FileInfo, error)    { return os.Lstat(name) }
func (osFS) SyncDir(dir string) error                  { return syncDir(dir) }
func (osFS) Remote(path string) string                 { return remote(path) }

func (osFS) Resolve(path string) (string, error) {
	for range 40 { // as many links as Linux follows
		fi, err := os.Lstat(path)
		switch {
		case IsMissing(err):
			return path, nil
		case err != nil:
			return "", err // what is not known to be no link must not be replaced
		case fi.Mode()&fs.ModeSymlink == 0:
			return path, nil
		}
		target, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return "", &fs.PathError{Op: "readlink", Path: path, Err: errLoop}
}

// IsMissing reports whether err says that nothing is there.
func IsMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || isNoName(err)
}

// linkNew is renameNew where the system has no such call: a link fails if the
// name is taken, and where links are unknown a look before the rename must do.
func linkNew(oldname, newname string) error {
	err := os.Link(oldname, newname)
	if err == nil {
		os.Remove(oldname) // newname is there: that is what counts
		return nil
	}
	if os.IsExist(err) {
		return err
	}
	if _, err := os.Lstat(newname); err == nil {
		return &os.LinkError{Op: "rename", Old: oldname, New: newname, Err: fs.ErrExist}
	}
	return os.Rename(oldname, newname)
}
