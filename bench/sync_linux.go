package bench

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// datasync is the barrier of a commit.
func datasync(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }

// writeDirect writes past the page cache, in pieces of 4 MiB, and syncs.
func writeDirect(path string, x []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_DIRECT, 0o666)
	if err == nil {
		for at := 0; at < len(x) && err == nil; at += 4 << 20 {
			_, err = f.Write(x[at:min(len(x), at+4<<20)])
		}
		err = errors.Join(err, datasync(f), f.Close())
	}
	if errors.Is(err, syscall.EINVAL) { // a file system without, or memory that is not aligned
		return fmt.Errorf("%w: %w", err, errors.ErrUnsupported)
	}
	return err
}
