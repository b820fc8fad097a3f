// Package atomicfile writes a file that appears complete or not at all: bytes
// go to a temporary file beside the target, which is synced, renamed and its
// directory synced. It is the one way in which this module replaces files.
package atomicfile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/internal/mutant"
	"github.com/tensorfile/tensorfile/tensor"
)

// Options says how a file comes to be. The zero value, and nil, are the
// defaults.
type Options struct {
	// Overwrite replaces a file that is there; its mode is kept. Default:
	// false, a file that is there is ErrExists.
	Overwrite bool
	// NoSync leaves it to chance when the bytes reach the disk. Default: false.
	NoSync bool
	// FS is the file system. Default: fsys.Default().
	FS fsys.FS
}

// File is a file on its way. It belongs to one goroutine.
type File struct {
	o      Options
	file   fsys.File
	guard  fsys.File // another descriptor, whose lock says that file is in use; or nil
	path   string    // as the caller named it
	target string    // links resolved
	mode   fs.FileMode
	keep   bool // mode of the file that is replaced
	off    int64
	done   bool
}

// Check reports an error if path could not be written to under o: something
// is there that is no regular file or must not be replaced. A symbolic link is
// followed. It changes nothing.
func Check(path string, o *Options) error {
	_, err := plan(path, o)
	return err
}

func plan(path string, o *Options) (*File, error) {
	f := &File{path: path, mode: 0o666}
	if o != nil {
		f.o = *o
	}
	if f.o.FS == nil {
		f.o.FS = fsys.Default()
	}
	var err error
	if f.target, err = f.o.FS.Resolve(path); err != nil {
		return nil, f.fail(err, "path")
	}
	fi, err := f.o.FS.Stat(f.target)
	switch {
	case err == nil && !fi.Mode().IsRegular():
		return nil, &tensor.Error{Kind: tensor.ErrExists, Path: path, Offset: -1, Field: "destination", Got: kindOf(fi.Mode()), Want: "a regular file, or none"}
	case err == nil && !f.o.Overwrite:
		return nil, &tensor.Error{Kind: tensor.ErrExists, Path: path, Offset: -1, Field: "destination", Got: "a file that is there", Want: "none, or leave to overwrite it"}
	case err == nil:
		f.mode, f.keep = fi.Mode().Perm(), true
	case !errors.Is(err, fs.ErrNotExist):
		return nil, f.fail(err, "destination")
	}
	return f, nil
}

// Same reports whether what stands at the path dst, links followed, is the file
// that is read at src. A src that is not there is an address, or a stream. What
// cannot be found out is an error: dst may be about to be replaced.
func Same(fsy fsys.FS, src, dst string) (bool, error) {
	a, err := lookup(fsy, src)
	if err != nil || a == nil {
		return false, err
	}
	b, err := lookup(fsy, dst)
	if err != nil || b == nil {
		return false, err
	}
	return fsy.SameFile(a, b), nil
}

// lookup describes the file at path, or returns nil if there is none.
func lookup(fsy fsys.FS, path string) (fs.FileInfo, error) {
	target, err := fsy.Resolve(path)
	if err == nil {
		var fi fs.FileInfo
		if fi, err = fsy.Stat(target); err == nil {
			return fi, nil
		}
	}
	if fsys.IsMissing(err) {
		return nil, nil
	}
	return nil, Fail(err, path, "path", -1)
}

func kindOf(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "no regular file"
}

// Create begins the file at path. A symbolic link there is followed, so what it
// points to is replaced.
func Create(path string, o *Options) (*File, error) {
	f, err := plan(path, o)
	if err != nil {
		return nil, err
	}
	Sweep(f.o.FS, f.target)
	if err := f.create(); err != nil {
		return nil, f.fail(err, "temporary file")
	}
	return f, nil
}

func (f *File) fail(err error, field string) error { return Fail(err, f.path, field, -1) }

// Fail gives an error of the system a kind and a place: the file at path, the
// field and the offset, which is none if it is negative. Errors that have a
// kind, and those of a context, stay as they are.
func Fail(err error, path, field string, off int64) error {
	var e *tensor.Error
	if err == nil || errors.As(err, &e) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	kind := tensor.ErrIO
	switch {
	case fsys.IsNoSpace(err):
		kind = tensor.ErrNoSpace
	case fsys.IsFault(err):
		kind = tensor.ErrChanged
	case errors.Is(err, fs.ErrExist):
		kind = tensor.ErrExists
	}
	return &tensor.Error{Kind: kind, Path: path, Offset: off, Field: field, Err: pathless(err)}
}

// pathless takes the paths out of an error of the system: the file has a name
// already, and those of temporary files differ from run to run.
func pathless(err error) error {
	switch e := err.(type) {
	case *fs.PathError:
		return fmt.Errorf("%s: %w", e.Op, e.Err)
	case *os.LinkError:
		return fmt.Errorf("%s: %w", e.Op, e.Err)
	}
	return err
}

// FailWrite is Fail for a write of want bytes at off of which n were written.
func FailWrite(err error, path string, off int64, n, want int) error {
	err = Fail(err, path, "write", off+int64(n))
	if e, ok := err.(*tensor.Error); ok && e.Got == "" && e.Kind != tensor.ErrChanged {
		e.Got, e.Want = fmt.Sprintf("%d bytes written", n), fmt.Sprint(want)
	}
	return err
}

// Also is err with what failed next, while err was dealt with. Either may be
// nil; the first one stays the one that counts.
func Also(err, next error) error {
	if err == nil || next == nil {
		return cmp.Or(err, next)
	}
	return fmt.Errorf("%w (then %w)", err, next)
}

// Behind is the size of pieces from which on it is worth to have them written
// while the next is made: whoever writes such a piece seldom ends with it.
const Behind = 2 << 20

// Write appends p.
func (f *File) Write(p []byte) (int, error) {
	if f.o.NoSync && len(p) >= Behind { // beside a sync it gains nothing
		fsys.Allocate(f.file, f.off, int64(len(p)))
	}
	n, err := f.file.Write(p)
	err = FailWrite(err, f.path, f.off, n, len(p))
	if !f.o.NoSync && n >= Behind {
		fsys.WriteBehind(f.file, f.off, int64(n))
	}
	f.off += int64(n)
	return n, err
}

// WriteAt changes bytes that were written.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.file.WriteAt(p, off)
	return n, FailWrite(err, f.path, off, n, len(p))
}

// Commit gives the file its name. When it returns nil the file is there and,
// unless NoSync was asked for, durable. If the error is ErrCommitUnknown the
// target is what it was before, or the new file; after any other it is what it
// was before.
func (f *File) Commit() error {
	temp := f.file.Name()
	if f.keep {
		// The mode that open gave is the old one less the umask.
		if err := f.o.FS.Chmod(temp, f.mode); err != nil {
			return f.fail(err, "file mode")
		}
	}
	if !f.o.NoSync && !mutant.On("sync of a new file") {
		if err := f.file.Sync(); err != nil {
			return f.fail(err, "sync")
		}
	}
	made, err := f.file.Stat()
	if err != nil {
		return f.fail(err, "temporary file")
	}
	if err := f.file.Close(); err != nil {
		return f.fail(err, "close")
	}
	rename := f.o.FS.RenameNew
	if f.o.Overwrite {
		rename = f.o.FS.Rename
	}
	if err := rename(temp, f.target); err != nil {
		if err = f.renamed(made, err); err != nil {
			return err
		}
	}
	f.done = true
	f.unguard()
	if f.o.NoSync || mutant.On("sync of the directory") {
		return nil
	}
	if err := f.o.FS.SyncDir(filepath.Dir(f.target)); err != nil {
		return unknown(f.fail(err, "sync of the directory (the file is there, its name may not outlive a crash)"))
	}
	return nil
}

// renamed finds out what a rename did that failed with err: a server may have
// done it whose answer was lost. It returns nil if the file has its name.
func (f *File) renamed(made fs.FileInfo, err error) error {
	fail := f.fail(err, "rename")
	fi, err := f.o.FS.Stat(f.target)
	switch {
	case err == nil && f.o.FS.SameFile(fi, made):
		return nil
	case err == nil || errors.Is(err, fs.ErrNotExist):
		return fail
	}
	// The temporary name may be another writer's by now, so it stays; if it is
	// still that of our file, the next writer of this target removes it.
	f.done = true
	f.unguard()
	return unknown(Also(fail, f.fail(err, "destination")))
}

func unknown(err error) error { return fmt.Errorf("%w: %w", tensor.ErrCommitUnknown, err) }

// Close ends the file. Without Commit before, nothing of it stays.
func (f *File) Close() error {
	if f.done {
		return nil
	}
	f.done = true
	defer f.unguard()
	f.file.Close() // may be closed already
	name := f.file.Name()
	return f.fail(f.o.FS.Remove(name), "removal of the temporary file "+tensor.Escape(filepath.Base(name)))
}
