package atomicfile

import (
	"errors"
	"io/fs"
	"runtime"
	"time"

	"github.com/tensorfile/tensorfile/internal/fsys"
)

// A process that is killed leaves its temporary file behind. Whoever writes the
// same target next removes it, under one rule: a temporary file belongs to who
// holds its lock, and only its owner renames or removes it. A writer holds the
// lock from the file's first moment until the file has its name or is gone. So
// one whose lock is to be had belongs to nobody: whoever has got the lock, and
// finds the file still under that name, is its owner now.
//
// The lock is that of a second descriptor, for the file is closed before it is
// renamed. Windows renames no file that is open: there, and where locks are
// missing or cannot be relied on, nothing is removed.

// guarded says whether temporary files on fsy beside target have locks.
func guarded(fsy fsys.FS, target string) bool {
	return runtime.GOOS != "windows" && fsy.Remote(target) == ""
}

// Sweep removes the temporary files of target that dead writers left behind. It
// does what it can and reports nothing: none of it is in the way of a new one.
func Sweep(fsy fsys.FS, target string) {
	list := fsy.Leftovers(target)
	if len(list) == 0 || !guarded(fsy, target) {
		return
	}
	for _, name := range list {
		if f, err := own(fsy, name, nil); err == nil {
			fsy.Remove(name)
			f.Close()
		}
	}
}

// errNotOurs says that a name has become that of another file.
var errNotOurs = errors.New("a temporary file of another writer")

// own takes the lock of the temporary file called name. If made is not nil it
// is the file that must be there.
func own(fsy fsys.FS, name string, made fsys.File) (fsys.File, error) {
	f, err := fsy.OpenWrite(name)
	if err != nil {
		return nil, err
	}
	if err = f.Lock(); err == nil {
		err = same(fsy, f, name, made)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func same(fsy fsys.FS, f fsys.File, name string, made fsys.File) error {
	a, err := f.Stat()
	if err != nil {
		return err
	}
	b, err := fsy.Lstat(name)
	if err == nil && !fsy.SameFile(a, b) {
		err = errNotOurs
	}
	if err != nil || made == nil {
		return err
	}
	if b, err = made.Stat(); err == nil && !fsy.SameFile(a, b) {
		err = errNotOurs
	}
	return err
}

// create makes the temporary file and takes its lock.
func (f *File) create() error {
	locked := guarded(f.o.FS, f.target)
	for n := 0; ; n++ {
		file, err := f.o.FS.CreateTemp(f.target, f.mode|0o200) // to be opened again
		if err != nil {
			return err
		}
		for try := 0; locked; try++ {
			f.guard, err = own(f.o.FS, file.Name(), file)
			if !errors.Is(err, fsys.ErrLocked) || try == 1000 {
				break
			}
			time.Sleep(100 * time.Microsecond) // somebody looks whether it is a leftover
		}
		switch {
		case err == nil || errors.Is(err, fsys.ErrNoLocks):
			f.file = file
			return nil
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotOurs):
			file.Close() // it was taken for one
			if n == 100 {
				return err
			}
		default:
			file.Close()
			f.o.FS.Remove(file.Name())
			return err
		}
	}
}

// unguard gives the lock back.
func (f *File) unguard() {
	if f.guard != nil {
		f.guard.Close()
		f.guard = nil
	}
}
