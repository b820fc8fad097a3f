package main

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tensorfile/tensorfile/examples/digits"
)

// set is a set of images and labels.
type set struct {
	name string
	n    int
	seed uint64
}

var sets = []set{{"train", 6000, 1}, {"t10k", 1000, 2}}

// ensure makes the files of the set that are not there.
func (s set) ensure(dir string) error {
	images, labels := digits.Set(s.seed, s.n, side)
	err := create(filepath.Join(dir, s.name+"-images-idx3-ubyte"), idx(images, s.n, side, side))
	if err == nil {
		err = create(filepath.Join(dir, s.name+"-labels-idx1-ubyte"), idx(labels, s.n))
	}
	return err
}

// create makes a file unless it is there.
func create(path string, content []byte) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, content, 0o666)
}

// idx is an IDX file of bytes: a magic number with the type and the rank, the
// extents, all big-endian, and the elements.
func idx(elements []byte, shape ...int) []byte {
	b := []byte{0, 0, 0x08, byte(len(shape))}
	for _, n := range shape {
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	return append(b, elements...)
}
