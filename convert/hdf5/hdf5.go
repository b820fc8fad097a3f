// Package hdf5 reads HDF5 files: those of h5py, Keras, PyTables, netCDF-4 and
// MATLAB 7.3. Importing it registers the format "hdf5" with package convert. The
// format is read, not written.
//
// It follows the HDF5 File Format Specification, version 4.0 of The HDF Group:
//
//   - Superblocks 0 to 3, behind a user block or none; old groups (symbol tables)
//     and new ones (links, fractal heaps); object headers 1 and 2; messages that
//     are shared. Checksums of the description are compared wherever it has them.
//   - Contiguous, compact and chunked data, with all six kinds of chunk index.
//   - The filters deflate, shuffle, fletcher32 and LZF, in any order, left out of
//     chunks or not.
//   - Integers of 1, 2, 4 and 8 bytes, floats of IEEE, bfloat16 and 8 bits,
//     booleans of h5py, complex numbers, bit fields, opaque bytes and text of fixed
//     size, in either byte order; arrays of them; strings of variable length.
//   - Enumerations are integers, their names an attribute. A compound is a tensor
//     for each member, named dataset.member.
//   - Attributes of numbers, booleans, text, bytes, compounds and arrays.
//
// A dataset is called by its path, without the first slash. Hard and soft links
// to one dataset are tensors that share their bytes. A group is gone through once,
// under its first name, so that cycles end; its other names are notes.
//
// Contiguous and compact data are mapped in place, as are chunks that lie as the
// elements do. Others are decoded when they are read, chunk by chunk, and only
// those that are asked for. Chunk indexes of large datasets are read then, too.
//
// What is not read is refused by name, in Layout.Skipped, and everything else in
// the file is there: other filters (szip, nbit, scale-offset, plug-ins), virtual
// datasets, data in other files, external links, references, times, sequences of
// variable length, integers and floats of other sizes. Damage is an error, unless
// ReadOptions.SkipBad leaves out what is damaged.
//
// Nothing is allocated or followed on a claim of the file that its size does not
// bear out, and no structure is gone through twice.
package hdf5

import (
	"bytes"
	"context"
	"errors"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

const formatName = "hdf5"

func init() {
	convert.Register(convert.Format{
		Name:        formatName,
		Extensions:  []string{".h5", ".hdf5", ".hdf", ".he5", ".nc4", ".mat"},
		Description: "HDF5, and the weights of Keras",
		Detect:      detect,
		Open:        open,
	})
}

// matlab is what the user block of MATLAB's files begins with. Other files with
// a user block are known by their extension.
const matlab = "MATLAB 7.3 MAT-file"

func detect(prefix []byte) bool {
	return bytes.HasPrefix(prefix, []byte(signature)) || bytes.HasPrefix(prefix, []byte(matlab))
}

func open(ctx context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
	if o == nil {
		o = &convert.ReadOptions{}
	}
	l, err := read(ctx, in, o)
	var e *tensor.Error
	if errors.As(err, &e) {
		if e.Path == "" {
			e.Path = in.Path()
		}
		if e.Format == "" {
			e.Format = formatName
		}
	}
	return l, err
}

func read(ctx context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
	f, err := openFile(in)
	if err != nil {
		return nil, err
	}
	t := &tree{
		f: f, ctx: ctx, skipBad: o.SkipBad, most: o.MaxDecoded,
		layout: &convert.Layout{Format: formatName, Version: "superblock " + count(f.superblock)},
		groups: map[uint64]string{}, links: map[uint64]map[string]link{}, sets: map[uint64]*set{},
	}
	if t.most <= 0 {
		t.most = defaultDecoded
	}
	if err := t.all(); err != nil {
		return nil, err
	}
	return t.layout, nil
}
