package mmap

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// openFile opens path for reading and lets others read, write, rename and
// delete the file meanwhile, as on Unix. (Windows still refuses to truncate a
// mapped file, or to rename another over it.)
func openFile(path string) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	h, err := windows.CreateFile(name, windows.GENERIC_READ,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE,
		nil, windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	if t, err := windows.GetFileType(h); err != nil || t != windows.FILE_TYPE_DISK {
		windows.CloseHandle(h)
		return nil, errNotRegular("a device or pipe")
	}
	return os.NewFile(uintptr(h), path), nil
}

// isFault reports whether a system call met an address it could not touch.
func isFault(err error) bool {
	return errors.Is(err, windows.ERROR_NOACCESS) || errors.Is(err, windows.ERROR_INVALID_USER_BUFFER) ||
		errors.Is(err, windows.ERROR_SWAPERROR)
}

// isLocked reports whether another program keeps the file to itself.
func isLocked(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_LOCK_VIOLATION)
}
