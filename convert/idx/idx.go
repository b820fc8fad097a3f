// Package idx reads and writes IDX files, the format of the MNIST database of
// handwritten digits (LeCun, Cortes, Burges), plain or compressed by gzip.
// Importing it registers the formats "idx" and "idx.gz" with package convert.
//
// A file is one array: two bytes 0, a type code, the rank, an extent of 32 bits
// for each axis, and the elements in C order. All numbers are big-endian.
//
//	0x08  u8      0x0C  i32
//	0x09  i8      0x0D  f32
//	0x0B  i16     0x0E  f64
//
// The elements of a plain file are a view of its own bytes, big-endian as they
// are. A compressed file is a stream, decoded when elements are asked for and in
// bounded memory, whose checksums and length are checked to its last byte. It may
// have several gzip members; they are read as one.
//
// Ranks 1 to 32 are read. An extent may be 0; the others are limited as if it
// were 1. A file whose elements are fewer or more than its extents say is
// refused; ReadOptions.AllowTrailing reads one that has more, and of a compressed
// one nothing behind the elements is looked at.
//
// The tensor is called like the file, without the endings that IDX files have:
// train-images-idx3-ubyte.gz holds train-images.
//
// Writing takes one dense tensor of rank 1 to 32 whose dtype is one of the six;
// nothing is converted on the way. Extents are below 2^32. The bytes depend on the
// tensor alone: gzip's header has neither name nor time.
package idx

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// extensions are the ends of names; those without a dot are of the files that
// the database comes in.
var extensions = []string{".idx", ".idx1-ubyte", ".idx3-ubyte", "-idx1-ubyte", "-idx3-ubyte"}

func init() {
	zipped := make([]string, len(extensions))
	for i, ext := range extensions {
		zipped[i] = ext + ".gz"
	}
	convert.Register(convert.Format{
		Name:        "idx",
		Extensions:  extensions,
		Description: "IDX array (MNIST)",
		Single:      true,
		Detect:      func(prefix []byte) bool { return !isGzip(prefix) && detect(prefix) },
		Fits:        fits,
		Open:        open,
		Write:       write,
	})
	convert.Register(convert.Format{
		Name:        "idx.gz",
		Extensions:  zipped,
		Description: "IDX array (MNIST), gzip",
		Single:      true,
		Detect:      func(prefix []byte) bool { return isGzip(prefix) && detect(prefix) },
		Fits:        fits,
		Open:        open,
		Write:       writeGzip,
	})
}

// begin is the uncompressed begin of a file of which prefix is known.
func begin(prefix []byte) []byte {
	if isGzip(prefix) {
		return unzipBegin(prefix)
	}
	return prefix
}

func detect(prefix []byte) bool {
	_, err := parseHeader(begin(prefix))
	return err == nil
}

// fits compares the size with what the header promises: exactly, or with what
// gzip can make of so many bytes.
func fits(prefix []byte, size int64) bool {
	h, err := parseHeader(begin(prefix))
	if err != nil {
		return false
	}
	if isGzip(prefix) {
		return h.size+h.data <= mostOfGzip(size)
	}
	return h.size+h.data == size
}

// file is an open file.
type file struct {
	in       convert.Input
	name     string // of the format
	head     header
	trailing bool
}

func open(ctx context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
	if o == nil {
		o = &convert.ReadOptions{}
	}
	prefix := make([]byte, min(in.Size(), maxHeader))
	if _, err := io.ReadFull(io.NewSectionReader(in, 0, int64(len(prefix))), prefix); err != nil {
		return nil, err
	}
	f := &file{in: in, name: "idx", trailing: o.AllowTrailing}
	storage := convert.LayoutStorage{}
	if isGzip(prefix) {
		f.name = "idx.gz"
		if err := f.openGzip(ctx); err != nil {
			if e := (*tensor.Error)(nil); errors.As(err, &e) && e.Format == "" {
				e.Format = f.name // whatever it was opened as
			}
			return nil, err
		}
		storage = convert.LayoutStorage{Size: f.head.data, Codec: "gzip", StoredSize: in.Size(), Open: f.elements}
	} else {
		var err error
		if f.head, err = parseHeader(prefix); err != nil {
			return nil, err
		}
		if err := f.checkSize(in.Size() - f.head.size); err != nil {
			return nil, err
		}
		storage = convert.LayoutStorage{Offset: f.head.size, Size: f.head.data}
	}
	t := convert.LayoutTensor{Name: o.Name, DType: f.head.dtype, Shape: f.head.shape, Order: tensor.BigEndian}
	if t.Name == "" {
		t.Name = nameOf(in.Path())
	}
	l := &convert.Layout{Format: f.name}
	if f.head.data == 0 {
		t.Storage = -1
	} else {
		l.Storages = []convert.LayoutStorage{storage}
	}
	l.Tensors = []convert.LayoutTensor{t}
	return l, nil
}

// checkSize compares the bytes behind the header with those of the elements.
func (f *file) checkSize(have int64) error {
	h := &f.head
	switch {
	case have < h.data:
		return headerError(tensor.ErrTruncated, h.size+have, "data", count(have)+" bytes", h.wantData())
	case have > h.data && !f.trailing:
		return headerError(tensor.ErrTruncated, h.size+h.data, "data", count(have)+" bytes", h.wantData())
	}
	return nil
}

// nameOf is the name of a file without its extensions.
func nameOf(path string) string {
	name := filepath.Base(path)
	for _, list := range [][]string{{".gz"}, extensions} {
		for _, ext := range list {
			if n := len(name) - len(ext); n > 0 && strings.EqualFold(name[n:], ext) {
				name = name[:n]
				break
			}
		}
	}
	if format.CheckName(name) != nil {
		return "array"
	}
	return name
}
