package fsys

import (
	"errors"
	"io"
	"io/fs"
	"syscall"
)

// Steady gives a file system whose operations are whole: what a signal
// interrupts (EINTR) is done again, and short transfers go on where they
// stopped. What is left are errors that say something.
//
// A sync that was interrupted has not failed: the waiting for it ended, and the
// next call waits again. Any other error of a sync is final.
func Steady(under FS) FS { return steady{under} }

type steady struct{ FS }

type steadyFile struct{ File }

// again calls fn until no signal interrupts it.
func again(fn func() error) error {
	for {
		if err := fn(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func again2[T any](fn func() (T, error)) (x T, err error) {
	err = again(func() (err error) { x, err = fn(); return err })
	return x, err
}

func steadyFileOf(fn func() (File, error)) (File, error) {
	f, err := again2(fn)
	if err != nil {
		return nil, err
	}
	return steadyFile{f}, nil
}

func (s steady) CreateTemp(path string, perm fs.FileMode) (File, error) {
	return steadyFileOf(func() (File, error) { return s.FS.CreateTemp(path, perm) })
}

func (s steady) OpenWrite(path string) (File, error) {
	return steadyFileOf(func() (File, error) { return s.FS.OpenWrite(path) })
}

func (s steady) Chmod(name string, mode fs.FileMode) error {
	return again(func() error { return s.FS.Chmod(name, mode) })
}

func (s steady) Rename(oldname, newname string) error {
	return again(func() error { return s.FS.Rename(oldname, newname) })
}

func (s steady) RenameNew(oldname, newname string) error {
	return again(func() error { return s.FS.RenameNew(oldname, newname) })
}

func (s steady) Remove(name string) error {
	return again(func() error { return s.FS.Remove(name) })
}

func (s steady) Stat(name string) (fs.FileInfo, error) {
	return again2(func() (fs.FileInfo, error) { return s.FS.Stat(name) })
}

func (s steady) Lstat(name string) (fs.FileInfo, error) {
	return again2(func() (fs.FileInfo, error) { return s.FS.Lstat(name) })
}

func (s steady) Resolve(path string) (string, error) {
	return again2(func() (string, error) { return s.FS.Resolve(path) })
}

func (s steady) SyncDir(dir string) error {
	return again(func() error { return s.FS.SyncDir(dir) })
}

// idle is how many transfers in a row may move nothing and say nothing.
const idle = 1000

// transfer calls fn for what is left of p until all of it has gone.
func transfer(p []byte, none error, fn func(p []byte, done int) (int, error)) (int, error) {
	done, still := 0, 0
	for {
		n, err := fn(p[done:], done)
		done += n
		switch {
		case err != nil && !errors.Is(err, syscall.EINTR), done == len(p):
			return done, err
		case n > 0:
			still = 0
		default:
			if still++; still == idle {
				return done, none
			}
		}
	}
}

func (f steadyFile) Write(p []byte) (int, error) {
	return transfer(p, io.ErrShortWrite, func(p []byte, _ int) (int, error) { return f.File.Write(p) })
}

func (f steadyFile) WriteAt(p []byte, off int64) (int, error) {
	return transfer(p, io.ErrShortWrite, func(p []byte, done int) (int, error) { return f.File.WriteAt(p, off+int64(done)) })
}

func (f steadyFile) ReadAt(p []byte, off int64) (int, error) {
	return transfer(p, io.ErrNoProgress, func(p []byte, done int) (int, error) { return f.File.ReadAt(p, off+int64(done)) })
}

func (f steadyFile) Sync() error     { return again(f.File.Sync) }
func (f steadyFile) Datasync() error { return again(f.File.Datasync) }
func (f steadyFile) Lock() error     { return again(f.File.Lock) }

func (f steadyFile) Truncate(size int64) error {
	return again(func() error { return f.File.Truncate(size) })
}

func (f steadyFile) Stat() (fs.FileInfo, error) { return again2(f.File.Stat) }

// Close is not done again: Linux has let the descriptor go by the time it says
// that a signal came, and the number may be another file's.
func (f steadyFile) Close() error {
	err := f.File.Close()
	if errors.Is(err, syscall.EINTR) {
		err = nil
	}
	return err
}
