package npy

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/zipfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// scipy.sparse.save_npz makes an archive of one sparse array: the members
// "format" (csr, csc, bsr, coo or dia), "shape" and "data", and those that lead to
// the data. Such an archive is one composite tensor, whose parts are the members
// where they lie. dia becomes coo, with all that the diagonals hold.

const maxFormatWord = 16 // bytes

// scipy makes one sparse tensor of the arrays that were found, if SciPy wrote
// them.
func (r *npzReader) scipy(ctx context.Context, in convert.Input, name string) error {
	l := r.layout
	word, err := r.formatWord(ctx, in)
	if word == "" || err != nil {
		return err
	}
	shape, err := r.shape(ctx, in)
	if err != nil {
		return err
	}
	data, err := r.member("data")
	if err != nil {
		return err
	}
	t := convert.LayoutTensor{Name: name, DType: data.DType, Shape: shape}
	s := &scipyReader{npzReader: r, in: in, t: &t, data: *data}
	switch word {
	case "csr":
		err = s.compressed(format.LayoutCSR)
	case "csc":
		err = s.compressed(format.LayoutCSC)
	case "bsr":
		err = s.compressed(format.LayoutBSR)
	case "coo":
		err = s.coordinates()
	case "dia":
		err = s.diagonals(ctx)
	}
	if err != nil {
		return err
	}
	if err := checkComposite(&t); err != nil {
		return err
	}
	source := map[string]any{"format": "scipy", "class": word + "_matrix"}
	if i := r.find("_is_array"); i >= 0 {
		source["class"] = word + "_array"
	}
	t.Attrs = convert.Attrs{"source": source}
	l.Tensors = []convert.LayoutTensor{t}
	return nil
}

// likeScipy reports whether an archive has the members that SciPy always writes.
func likeScipy(entries []zipfile.Entry) bool {
	for _, name := range []string{"format.npy", "shape.npy", "data.npy"} {
		if !slices.ContainsFunc(entries, func(e zipfile.Entry) bool { return e.Name == name }) {
			return false
		}
	}
	return true
}

// checkComposite checks dtypes and shapes of the parts.
func checkComposite(t *convert.LayoutTensor) error {
	c := &format.Composite{Layout: t.Layout, DType: t.DType, Shape: t.Shape}
	for _, p := range t.Parts {
		c.Parts = append(c.Parts, format.Part{Role: p.Name, DType: p.DType, Shape: p.Shape})
	}
	err := format.CheckComposite(c)
	var e *tensor.Error
	if errors.As(err, &e) {
		e.Format = "" // the array is that of this format's file
	}
	return err
}

func (r *npzReader) find(name string) int {
	return slices.IndexFunc(r.layout.Tensors, func(t convert.LayoutTensor) bool { return t.Name == name })
}

func (r *npzReader) member(name string) (*convert.LayoutTensor, error) {
	if i := r.find(name); i >= 0 {
		return &r.layout.Tensors[i], nil
	}
	return nil, headerError(tensor.ErrFormat, -1, "member "+name, "none", "one, for the archive says that it is a sparse array of SciPy")
}

// formatWord is what the member "format" says, or "" if the archive is not one
// of SciPy.
func (r *npzReader) formatWord(ctx context.Context, in convert.Input) (string, error) {
	i := r.find("format")
	if i < 0 || r.find("shape") < 0 || r.find("data") < 0 {
		return "", nil
	}
	t := &r.layout.Tensors[i]
	if len(t.Shape) != 0 || t.DType.Class != tensor.ClassBytes || t.DType.UnitBytes > 4*maxFormatWord {
		return "", nil
	}
	v, err := r.read(ctx, in, t)
	if err != nil {
		return "", err
	}
	word, err := v.StringAt()
	if err != nil {
		return "", nil
	}
	switch word {
	case "csr", "csc", "bsr", "coo", "dia":
		return word, nil
	}
	return "", nil
}

// shape is the content of the member "shape".
func (r *npzReader) shape(ctx context.Context, in convert.Input) (tensor.Shape, error) {
	t, err := r.member("shape")
	if err != nil {
		return nil, err
	}
	c := t.DType.Class
	if c != tensor.ClassInt && c != tensor.ClassUint || len(t.Shape) != 1 || t.Shape[0] > tensor.MaxRank {
		return nil, headerError(tensor.ErrFormat, -1, "member shape", t.DType.String()+" of shape "+t.Shape.String(), fmt.Sprintf("up to %d integers", tensor.MaxRank))
	}
	v, err := r.read(ctx, in, t)
	if err == nil {
		v, err = v.Cast(tensor.I64)
	}
	if err != nil {
		return nil, err
	}
	list, err := tensor.Data[int64](v)
	if err != nil {
		return nil, err
	}
	shape := tensor.Shape(slices.Clone(list))
	for _, n := range shape {
		if n < 0 {
			return nil, headerError(tensor.ErrFormat, -1, "member shape", shape.String(), "extents of 0 or more")
		}
	}
	if _, err := shape.NumElements(); err != nil {
		return nil, err
	}
	return shape, nil
}

// read returns the elements of a small array.
func (r *npzReader) read(ctx context.Context, in convert.Input, t *convert.LayoutTensor) (tensor.View, error) {
	if t.Storage < 0 {
		return tensor.Make(t.DType, t.Shape)
	}
	s := &r.layout.Storages[t.Storage]
	stream, err := openStorage(ctx, in, s)
	if err != nil {
		return tensor.View{}, err
	}
	defer stream.Close()
	b := make([]byte, s.Size)
	if _, err := io.ReadFull(stream, b); err != nil {
		return tensor.View{}, err
	}
	return tensor.NewView(b, t.DType, t.Shape, t.Strides, t.Offset, t.Order)
}

// openStorage reads a storage from its begin on, plain or not.
func openStorage(ctx context.Context, in convert.Input, s *convert.LayoutStorage) (io.ReadCloser, error) {
	if s.Open != nil {
		return s.Open(ctx)
	}
	return io.NopCloser(io.NewSectionReader(in, s.Offset, s.Size)), nil
}

// scipyReader puts the parts of one sparse tensor together.
type scipyReader struct {
	*npzReader
	in   convert.Input
	t    *convert.LayoutTensor
	data convert.LayoutTensor
}

// part adds a part.
func (s *scipyReader) part(role string, t convert.LayoutTensor) {
	t.Name, t.Attrs = role, nil
	s.t.Parts = append(s.t.Parts, t)
}

// compressed is csr, csc or bsr.
func (s *scipyReader) compressed(layout uint16) error {
	s.t.Layout = layout
	for _, role := range []string{format.RoleIndptr, format.RoleIndices} {
		p, err := s.member(role)
		if err != nil {
			return err
		}
		s.part(role, *p)
	}
	s.part(format.RoleValues, s.data)
	return nil
}

// coordinates is coo: "coords" of all axes, or "row" and "col".
func (s *scipyReader) coordinates() error {
	s.t.Layout = format.LayoutCOO
	if i := s.find("coords"); i >= 0 {
		p := s.layout.Tensors[i]
		if len(p.Shape) != 2 {
			return headerError(tensor.ErrFormat, -1, "member coords", "shape "+p.Shape.String(), "axes and entries")
		}
		p.Shape = tensor.Shape{p.Shape[1], p.Shape[0]}
		if p.Strides != nil {
			p.Strides = tensor.Strides{p.Strides[1], p.Strides[0]}
		}
		s.part(format.RoleIndices, p)
		s.part(format.RoleValues, s.data)
		return nil
	}
	row, err := s.member("row")
	if err != nil {
		return err
	}
	col, err := s.member("col")
	if err != nil {
		return err
	}
	if len(row.Shape) != 1 || !row.Shape.Equal(col.Shape) || row.DType != col.DType || row.Order != col.Order {
		return headerError(tensor.ErrFormat, -1, "members row and col", describe(row)+" and "+describe(col), "two alike, of rank 1")
	}
	indices := *row
	indices.Shape = tensor.Shape{row.Shape[0], 2}
	if row.Storage >= 0 {
		indices.Storage, indices.Offset, indices.Strides = s.beside(row, col)
	}
	s.part(format.RoleIndices, indices)
	s.part(format.RoleValues, s.data)
	return nil
}

func describe(t *convert.LayoutTensor) string {
	return t.DType.String() + " of shape " + t.Shape.String()
}

// beside makes one storage of two arrays that are alike. Two that are stored
// plain are some bytes of the file apart, which is a stride: nothing is copied.
func (s *scipyReader) beside(row, col *convert.LayoutTensor) (storage int, offset int64, strides tensor.Strides) {
	l := s.layout
	a, b := &l.Storages[row.Storage], &l.Storages[col.Storage]
	width := int64(row.DType.UnitBytes)
	storage = len(l.Storages)
	if a.Open == nil && b.Open == nil {
		begin, end := min(a.Offset, b.Offset), max(a.Offset+a.Size, b.Offset+b.Size)
		strides = tensor.Strides{width, b.Offset - a.Offset}
		offset = a.Offset - begin
		l.Storages = append(l.Storages, convert.LayoutStorage{Offset: begin, Size: end - begin, Member: a.Member})
		return storage, offset, strides
	}
	in, pair := s.in, [2]convert.LayoutStorage{*a, *b}
	codec := a.Codec
	if codec == "" {
		codec = b.Codec
	}
	l.Storages = append(l.Storages, convert.LayoutStorage{
		Size: a.Size + b.Size, StoredSize: a.StoredSize + b.StoredSize, Codec: codec, Member: a.Member,
		Open: func(ctx context.Context) (io.ReadCloser, error) {
			first, err := openStorage(ctx, in, &pair[0])
			if err != nil {
				return nil, err
			}
			second, err := openStorage(ctx, in, &pair[1])
			if err != nil {
				first.Close()
				return nil, err
			}
			return joined{io.MultiReader(first, second), first, second}, nil
		},
	})
	return storage, 0, tensor.Strides{width, a.Size}
}

// joined is two streams, one behind the other.
type joined struct {
	io.Reader
	first, second io.Closer
}

func (j joined) Close() error {
	err := j.first.Close()
	if e := j.second.Close(); err == nil {
		err = e
	}
	return err
}

// diagonals is dia: element (j-offsets[k], j) of the array is data[k, j]. All of
// them that lie in the array become entries, those that are zero included.
func (s *scipyReader) diagonals(ctx context.Context) error {
	offsets, err := s.member("offsets")
	if err != nil {
		return err
	}
	d := &s.data
	item := int64(d.DType.UnitBytes)
	switch {
	case len(s.t.Shape) != 2:
		return headerError(tensor.ErrFormat, -1, "member shape", s.t.Shape.String(), "that of a matrix")
	case len(d.Shape) != 2 || len(offsets.Shape) != 1 || offsets.Shape[0] != d.Shape[0]:
		return headerError(tensor.ErrFormat, -1, "members data and offsets", d.Shape.String()+" and "+offsets.Shape.String(), "(n, m) and (n,)")
	case offsets.DType.Class != tensor.ClassInt || offsets.Shape[0] > maxDiagonals:
		return headerError(tensor.ErrFormat, -1, "member offsets", describe(offsets), fmt.Sprintf("at most %d integers", maxDiagonals))
	case d.Storage >= 0 && (d.Offset != 0 || d.Shape[0] > 1 && d.Strides[0] != item*d.Shape[1] || d.Shape[1] > 1 && d.Strides[1] != item):
		return headerError(tensor.ErrUnsupported, -1, "member data", "diagonals in Fortran order", "C order")
	}
	v, err := s.read(ctx, s.in, offsets)
	if err == nil {
		v, err = v.Cast(tensor.I64)
	}
	if err != nil {
		return err
	}
	list, err := tensor.Data[int64](v)
	if err != nil {
		return err
	}
	rows, cols := s.t.Shape[0], s.t.Shape[1]
	seen := make(map[int64]bool, len(list))
	var runs []diagonal
	nnz := int64(0)
	for k, off := range list {
		if seen[off] {
			return headerError(tensor.ErrDuplicate, -1, "member offsets", fmt.Sprintf("%d twice", off), "each diagonal once")
		}
		seen[off] = true
		if off <= -rows || off >= cols {
			continue // beside the array
		}
		begin, end := max(0, off), min(cols, d.Shape[1])
		if off < cols-rows {
			end = min(end, rows+off)
		}
		if begin < end {
			runs = append(runs, diagonal{at: (int64(k)*d.Shape[1] + begin) * item, row: begin - off, col: begin, n: end - begin})
			nnz += end - begin
		}
	}
	s.t.Layout = format.LayoutCOO
	index := tensor.I64
	if max(rows, cols) < 1<<31 {
		index = tensor.I32
	}
	width := int64(index.UnitBytes)
	indices := convert.LayoutTensor{DType: index, Shape: tensor.Shape{nnz, 2}, Order: tensor.LittleEndian, Strides: tensor.Strides{width, width * nnz}, Storage: -1}
	values := convert.LayoutTensor{DType: d.DType, Shape: tensor.Shape{nnz}, Order: d.Order, Storage: -1}
	if nnz > 0 {
		l, in := s.layout, s.in
		from := l.Storages[d.Storage]
		indices.Storage, values.Storage = len(l.Storages), len(l.Storages)+1
		codec := "dia"
		l.Storages = append(l.Storages,
			convert.LayoutStorage{Size: 2 * width * nnz, Codec: codec, Member: "offsets.npy", Open: func(context.Context) (io.ReadCloser, error) {
				return &places{runs: runs, width: int(width)}, nil
			}},
			convert.LayoutStorage{Size: item * nnz, StoredSize: from.StoredSize, Codec: codec, Member: from.Member, Open: func(ctx context.Context) (io.ReadCloser, error) {
				stream, err := openStorage(ctx, in, &from)
				return &pieces{in: stream, runs: runs, item: item}, err
			}})
	}
	s.part(format.RoleIndices, indices)
	s.part(format.RoleValues, values)
	return nil
}

const maxDiagonals = 1 << 20

// diagonal is the part of a diagonal that lies in the array.
type diagonal struct {
	at       int64 // of its first element, in bytes of data
	row, col int64 // of its first element
	n        int64
}

// places streams the rows of all entries, then their columns.
type places struct {
	runs  []diagonal
	width int
	cols  bool
	run   int
	i     int64
	left  []byte // of a number that did not fit
	last  [8]byte
}

func (p *places) Read(b []byte) (int, error) {
	n := copy(b, p.left)
	p.left = p.left[n:]
	for n < len(b) {
		if p.run == len(p.runs) {
			if p.cols {
				break
			}
			p.cols, p.run, p.i = true, 0, 0
		}
		d := &p.runs[p.run]
		x := d.row + p.i
		if p.cols {
			x = d.col + p.i
		}
		if p.i++; p.i == d.n {
			p.run, p.i = p.run+1, 0
		}
		binary.LittleEndian.PutUint64(p.last[:], uint64(x))
		m := copy(b[n:], p.last[:p.width])
		n, p.left = n+m, p.last[m:p.width]
	}
	if n == 0 && len(b) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (p *places) Close() error { return nil }

// pieces streams runs of bytes of a stream, in the order of the stream.
type pieces struct {
	in   io.ReadCloser
	runs []diagonal
	item int64
	at   int64 // of in
	done int64 // bytes of runs[0]
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.runs) == 0 {
		return 0, io.EOF
	}
	d := &p.runs[0]
	if skip := d.at + p.done - p.at; skip > 0 {
		n, err := io.CopyN(io.Discard, p.in, skip)
		if p.at += n; err != nil {
			return 0, unexpected(err)
		}
	}
	n, err := p.in.Read(b[:min(int64(len(b)), d.n*p.item-p.done)])
	p.at, p.done = p.at+int64(n), p.done+int64(n)
	if p.done == d.n*p.item {
		p.runs, p.done = p.runs[1:], 0
		err = nil
	}
	return n, unexpected(err)
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (p *pieces) Close() error { return p.in.Close() }

// stem is the name of an archive without its extension.
func stem(path string) string {
	if ext := filepath.Ext(path); strings.EqualFold(ext, ".npz") {
		path = path[:len(path)-len(ext)]
	}
	return nameOf(path)
}
