//go:build !windows

package column

import "os"

// temporary makes a file that nobody else sees and that is gone when it is
// closed, or when the program ends in any way.
func temporary() (*os.File, error) {
	f, err := os.CreateTemp("", "tensorfile-table-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
