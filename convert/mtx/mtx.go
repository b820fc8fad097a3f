// Package mtx reads and writes matrices in the Matrix Market exchange format of
// NIST (Boisvert, Pozo, Remington: The Matrix Market Exchange Formats, NISTIR
// 5935, 1996), plain or compressed by gzip. Importing it registers the formats
// "mtx" and "mtx.gz" with package convert.
//
// A coordinate file is a sparse tensor of layout coo, an array file a dense one
// in Fortran order. The header is read when the file is opened, the entries when
// the first of them is asked for: by all cores, once for each part.
//
//	real, double       f64
//	integer            i64
//	unsigned-integer   u64 (an extension, as SciPy and fast_matrix_market have it)
//	complex            c128
//	pattern            bool, one value "true" for all entries
//
// A symmetric, skew-symmetric or Hermitian coordinate file keeps its structure
// and the lower triangle that it has; an entry above the diagonal, or on that of a
// skew-symmetric matrix, is an error. An array file with a structure is filled up.
// Indices are 32 bits wide where the shape allows.
//
// Entries stay in the order of the file. A coordinate that occurs several times
// is that often in the tensor, and means the sum, as in SciPy. Words of the
// banner are read in any case. Lines may end in CRLF, the last one in nothing,
// and blank lines and comments may stand anywhere. nan and inf are read in any
// case; a number too large for its type is an error. The comments at the top are
// the attribute "comment".
//
// Writing takes one matrix: sparse of any layout, or dense of rank 1 (a column)
// or 2. Floats are written in the shortest form that reads back as the same bits
// of their own dtype; the bits of a NaN are lost. bool is written as pattern if all
// entries are true, else as integer. What has a fill value other than zero is
// refused.
package mtx

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() {
	convert.Register(convert.Format{
		Name:        "mtx",
		Extensions:  []string{".mtx", ".mm"},
		Description: "Matrix Market",
		Single:      true,
		Sparse:      true,
		Keeps:       []string{"comment"},
		Detect:      isBanner,
		Open:        open,
		Write:       write,
	})
	convert.Register(convert.Format{
		Name:        "mtx.gz",
		Extensions:  []string{".mtx.gz", ".mm.gz"},
		Description: "Matrix Market, gzip",
		Single:      true,
		Sparse:      true,
		Keeps:       []string{"comment"},
		Detect:      detectGzip,
		Open:        open,
		Write:       writeGzip,
	})
}

func isBanner(b []byte) bool {
	return len(b) >= len(banner) && strings.EqualFold(string(b[:len(banner)]), banner)
}

func isGzip(b []byte) bool { return bytes.HasPrefix(b, []byte{0x1f, 0x8b}) }

func detectGzip(prefix []byte) bool {
	if !isGzip(prefix) {
		return false
	}
	z, err := gzip.NewReader(bytes.NewReader(prefix))
	if err != nil {
		return false
	}
	var b [len(banner)]byte
	_, err = io.ReadFull(z, b[:])
	return err == nil && isBanner(b[:])
}

// gzipRatio is the most that deflate makes of a byte.
const gzipRatio = 1032

// file is an open file.
type file struct {
	in     convert.Input
	zipped bool
	head   *header

	mu     sync.Mutex
	parsed [][]byte // by storage, or nil
	taken  []bool   // the storages that were asked for since
}

// text is the uncompressed file from its begin on.
func (f *file) text() (io.Reader, error) {
	plain := io.NewSectionReader(f.in, 0, f.in.Size())
	if !f.zipped {
		return plain, nil
	}
	z, err := gzip.NewReader(bufio.NewReaderSize(plain, 256<<10))
	if err == io.EOF { // inside the header of gzip
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, gzipError(err)
	}
	return gzipReader{z}, nil
}

// gzipReader gives errors of a compressed file their kind.
type gzipReader struct{ z *gzip.Reader }

func (r gzipReader) Read(p []byte) (int, error) {
	n, err := r.z.Read(p)
	return n, gzipError(err)
}

func gzipError(err error) error {
	kind := tensor.ErrCorrupt
	var own *tensor.Error
	switch {
	case err == nil || err == io.EOF || errors.As(err, &own):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		kind = tensor.ErrTruncated
	}
	return &tensor.Error{Kind: kind, Format: "mtx", Offset: -1, Field: "gzip", Got: err.Error(), Want: "a whole stream", Err: err}
}

// entries is the uncompressed file behind the header.
func (f *file) entries() (io.Reader, error) {
	if !f.zipped {
		return io.NewSectionReader(f.in, f.head.size, f.in.Size()-f.head.size), nil
	}
	r, err := f.text()
	if err == nil {
		_, err = io.CopyN(io.Discard, r, f.head.size)
	}
	if err == io.EOF {
		err = &tensor.Error{Kind: tensor.ErrChanged, Format: "mtx", Offset: -1, Field: "header", Got: "a shorter file", Want: "the one that was there when the file was opened"}
	}
	return r, err
}

func open(_ context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
	var prefix [2]byte
	if n, err := in.ReadAt(prefix[:], 0); n < len(prefix) && err != nil && err != io.EOF {
		return nil, err
	}
	f := &file{in: in, zipped: isGzip(prefix[:])}
	r, err := f.text()
	if err != nil {
		return nil, err
	}
	if f.head, err = readHeader(bufio.NewReaderSize(r, maxLine)); err != nil {
		return nil, err
	}
	room := in.Size() - f.head.size
	if f.zipped {
		room = min(in.Size(), 1<<52) * gzipRatio
	}
	if err := f.head.fits(room); err != nil {
		return nil, err
	}
	var name string
	if o != nil {
		name = o.Name
	}
	if name == "" {
		name = nameOf(in.Path())
	}
	l := &convert.Layout{Format: "mtx"}
	if f.zipped {
		l.Format = "mtx.gz"
	}
	f.describe(l, name)
	return l, nil
}

// nameOf is the name of a file without its extensions.
func nameOf(path string) string {
	name := filepath.Base(path)
	for _, ext := range []string{".gz", ".mtx", ".mm"} {
		if n := len(name) - len(ext); n > 0 && strings.EqualFold(name[n:], ext) {
			name = name[:n]
		}
	}
	if format.CheckName(name) != nil {
		return "matrix"
	}
	return name
}

func (f *file) describe(l *convert.Layout, name string) {
	h := f.head
	d := h.dtype()
	size := int64(d.UnitBytes)
	t := convert.LayoutTensor{Name: name, DType: d, Shape: tensor.Shape{h.rows, h.cols}, Order: tensor.HostOrder}
	if h.comment != "" {
		t.Attrs = convert.Attrs{"comment": h.comment}
	}
	stored := max(f.in.Size()-h.size, 0)
	storage := func(size int64) int {
		i := len(l.Storages)
		f.taken = append(f.taken, false)
		l.Storages = append(l.Storages, convert.LayoutStorage{Size: size, Codec: "text", StoredSize: stored, Open: func(ctx context.Context) (io.ReadCloser, error) {
			b, err := f.bytes(ctx, i)
			return io.NopCloser(bytes.NewReader(b)), err
		}, Bytes: func(ctx context.Context) ([]byte, error) { return f.bytes(ctx, i) }})
		stored = 0 // the text is that of all parts, and counted once
		return i
	}
	if h.object == array {
		t.Storage = storage(h.rows * h.cols * size)
		t.Strides = tensor.Strides{size, size * h.rows}
		l.Tensors = []convert.LayoutTensor{t}
		return
	}
	t.Layout, t.Flags = format.LayoutCOO, h.flags()
	n, index := h.entries, h.index()
	width := int64(index.UnitBytes)
	indices := convert.LayoutTensor{Name: format.RoleIndices, DType: index, Shape: tensor.Shape{n, 2}, Strides: tensor.Strides{width, width * n}, Order: tensor.HostOrder, Storage: storage(2 * width * n)}
	values := convert.LayoutTensor{Name: format.RoleValues, DType: d, Shape: tensor.Shape{n}, Order: tensor.HostOrder}
	switch {
	case h.field != fieldPattern:
		values.Storage = storage(size * n)
	case n > 0: // one for all
		values.Strides = tensor.Strides{0}
		values.Storage = len(l.Storages)
		l.Storages = append(l.Storages, convert.LayoutStorage{Size: 1, Codec: "text", Open: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader([]byte{1})), nil
		}})
	default:
		values.Storage = -1
	}
	t.Parts = []convert.LayoutTensor{indices, values}
	l.Tensors = []convert.LayoutTensor{t}
}

// bytes is the content of storage i. The text is parsed when the first storage
// is asked for, and what was parsed let go when all were.
func (f *file) bytes(ctx context.Context, i int) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.parsed == nil {
		a, err := f.parse(ctx)
		if err != nil {
			return nil, err
		}
		switch h := f.head; {
		case h.object == array:
			full, err := h.fill(a.values)
			if err != nil {
				return nil, err
			}
			f.parsed = [][]byte{full}
		default:
			f.parsed = [][]byte{a.indices, a.values}
		}
	}
	b := f.parsed[i]
	f.taken[i] = true
	if !slices.Contains(f.taken, false) {
		f.parsed = nil
		clear(f.taken)
	}
	return b, nil
}

func (f *file) parse(ctx context.Context) (arrays, error) {
	r, err := f.entries()
	if err != nil {
		return arrays{}, err
	}
	a, err := parse(ctx, r, f.head, !f.zipped)
	if err == errSurplus {
		if r, err := f.entries(); err == nil {
			return a, surplus(r, f.head)
		}
	}
	return a, err
}

// fill makes the whole of an array of which the file has a triangle, column by
// column, in the order of the file.
func (h *header) fill(packed []byte) ([]byte, error) {
	if h.symmetry == general {
		return packed, nil
	}
	switch h.field {
	case fieldInteger:
		return square(h, packed, func(x int64) int64 { return -x }, nil)
	case fieldUnsigned:
		return square[uint64](h, packed, nil, nil)
	case fieldComplex:
		return square(h, packed, func(x complex128) complex128 { return -x }, func(x complex128) complex128 { return complex(real(x), -imag(x)) })
	}
	return square(h, packed, func(x float64) float64 { return -x }, nil)
}

func square[T int64 | uint64 | float64 | complex128](h *header, packed []byte, negative, conjugate func(T) T) ([]byte, error) {
	in, ok := cast.Slice[T](packed)
	if !ok {
		return nil, &tensor.Error{Kind: tensor.ErrMisaligned, Format: "mtx", Offset: -1, Field: "values", Got: fmt.Sprint(len(packed)), Want: "an aligned slice"}
	}
	mirror := func(x T) T { return x }
	below := int64(0)
	switch h.symmetry {
	case skewSymmetric:
		mirror, below = negative, 1
	case hermitian:
		mirror = conjugate
	}
	n := h.rows
	out := make([]T, n*n)
	for j := range n {
		for i := j + below; i < n; i++ {
			x := in[0]
			in = in[1:]
			out[j*n+i] = x
			if i != j {
				out[i*n+j] = mirror(x)
			}
		}
	}
	return cast.Bytes(out), nil
}
