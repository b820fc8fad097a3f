package fsys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"
)

var errLoop = errors.New("too many levels of symbolic links")

// TempSuffix ends the name of every temporary file.
const TempSuffix = ".tmp"

const (
	// maxBase leaves room for the rest of a temporary name in the 255 bytes that
	// file systems give a name.
	maxBase = 200
	// tempNames is how many temporary files of one target are looked for. They
	// are numbered from 0, so that nobody has to list a directory; as many
	// writers of one target at a time are no use of files that is known.
	tempNames = 16
)

// tempName is the n-th name of a temporary file for path.
func tempName(path string, n int) string {
	dir, base := filepath.Split(path)
	if len(base) > maxBase {
		base = base[:maxBase]
		for base != "" && !utf8.ValidString(base) && utf8.ValidString(filepath.Base(path)) {
			base = base[:len(base)-1] // some file systems want whole characters
		}
	}
	return fmt.Sprintf("%s.%s.%d%s", dir, base, n, TempSuffix)
}

func (osFS) CreateTemp(path string, perm fs.FileMode) (File, error) {
	for n := 0; ; n++ {
		f, err := os.OpenFile(tempName(path, n), os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
		if err == nil {
			return osFile{f}, nil
		}
		if !os.IsExist(err) || n == 1<<20 {
			return nil, err
		}
	}
}

func (osFS) Leftovers(path string) []string {
	var list []string
	for n := range tempNames {
		name := tempName(path, n)
		if fi, err := os.Lstat(name); err == nil && fi.Mode().IsRegular() {
			list = append(list, name)
		}
	}
	return list
}
