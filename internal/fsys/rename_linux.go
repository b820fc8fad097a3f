package fsys

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func renameNew(oldname, newname string) error {
	for {
		err := unix.Renameat2(unix.AT_FDCWD, oldname, unix.AT_FDCWD, newname, unix.RENAME_NOREPLACE)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS):
			return linkNew(oldname, newname) // a file system without it
		}
		return &os.LinkError{Op: "rename", Old: oldname, New: newname, Err: err}
	}
}
