package fsys

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

var errLoop = errors.New("too many levels of symbolic links")

// TempSuffix ends the name of every temporary file.
const TempSuffix = ".tmp"

// maxBase leaves room for the rest of a temporary name in the 255 bytes that
// file systems give a name.
const maxBase = 200

func (osFS) CreateTemp(path string, perm fs.FileMode) (File, error) {
	dir, base := filepath.Split(path)
	if len(base) > maxBase {
		base = base[:maxBase]
	}
	for {
		var r [8]byte
		rand.Read(r[:])
		name := dir + "." + base + "." + hex.EncodeToString(r[:]) + TempSuffix
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
		if os.IsExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return osFile{f}, nil
	}
}
