package tensorfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/nameset"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// A Layout describes a file of another format as this library sees its own:
// storages, which are bytes, and tensors, which are names and views on them.
// Package convert makes layouts; with OpenLayout every reading function works
// on the foreign file in place.
type Layout struct {
	Format   string // "npy"
	Version  string // of the format; for people
	Attrs    Attrs
	Storages []LayoutStorage
	Tensors  []LayoutTensor // in the order of the file
	Checks   []LayoutCheck  // checksums that the file keeps of plain bytes
	// Sources are what the tensors lie in beside the file itself: the shards of a
	// set. Storages count them from 1. The File owns and closes them.
	Sources []*mmap.Map
	// Members are the files that tensors with Of, and storages with Rows, are of.
	// nil: there are none.
	Members LayoutMembers
	// Skipped holds one error for each tensor that was left out because the
	// reader was told to go on without it, or never reads its kind.
	Skipped []error
	// Notes are for people: what is unusual about the file but no error.
	Notes []string
}

// LayoutStorage is an extent of plain bytes in the file or a stream that
// decodes to bytes.
type LayoutStorage struct {
	Source       int   // 0: the file; else Layout.Sources[Source-1]
	Offset, Size int64 // plain: [Offset, Offset+Size) of the source
	// Open, if not nil, says that the storage is encoded: it decodes to exactly
	// Size bytes. It is safe to call from many goroutines. A stream that is an
	// io.Seeker is told with Seek(n, io.SeekStart), before anything is read of it,
	// that the first n bytes are not wanted; others are read up to there. Offset is
	// where its StoredSize bytes begin, 0 if they do not lie in one piece.
	Open func(ctx context.Context) (io.ReadCloser, error)
	// Bytes, beside Open, gives what Open does in memory that nobody changes, for
	// formats that decode as a whole. Parts of composites are then not copied.
	Bytes func(ctx context.Context) ([]byte, error)
	// Rows, if not nil, says that the bytes are those of tensors of other files in C
	// order and little-endian, one behind the other along axis 0. One tensor shows the
	// storage, all of it. Source, Offset and Open mean nothing.
	Rows []LayoutRows
	// Chunks, beside Open, says that it decodes in parts.
	Chunks     *LayoutChunks
	Codec      string // of an encoded storage: "deflate"; of rows, as StorageInfo has it
	StoredSize int64  // bytes in the file of an encoded storage
	Member     string // of an archive, for errors
}

// LayoutCheck is a CRC-32 (IEEE 802.3, as in zip) that a file keeps of an extent
// of itself; Verify looks at it.
type LayoutCheck struct {
	Offset, Size int64
	CRC32        uint32
	Member       string
}

// LayoutTensor is a name for a view on a storage.
type LayoutTensor struct {
	Name string
	// Of, if not nil, opens the tensor of another file that this one is, which has the
	// same name. DType and Shape are for those who list; nothing else means anything.
	// It is safe for concurrent use, and called each time that the tensor is opened.
	Of      func() (*Tensor, error)
	Storage int   // index; negative: none, for a tensor without elements
	Offset  int64 // bytes from the storage's begin to element (0, ..., 0)
	DType   tensor.DType
	Shape   tensor.Shape
	Strides tensor.Strides // bytes between units; nil: C order
	Order   tensor.ByteOrder
	Attrs   Attrs
	// Layout, Flags and Parts are those of a composite tensor (spec,
	// "Composites"), whose parts are named by their roles. Storage, Offset, Strides
	// and Order of the composite itself mean nothing.
	Layout uint16 // 0: a dense tensor
	Flags  uint32
	Parts  []LayoutTensor
	// Sound says that the reader of the format has made the parts itself and
	// vouches for what they say of each other: a copy need not look at them, and
	// is made in bounded memory.
	Sound bool
}

// OpenLayout makes a File of the source m, which holds a file of another
// format, and its layout. The File owns m and the layout's Sources from now on
// and closes them, also if OpenLayout fails. Tensor.File of a tensor in another
// source than m is a File of that source: it shows the same tensors, and closing
// either closes both.
func OpenLayout(m *mmap.Map, l *Layout, o *OpenOptions) (*File, error) {
	f := newFile(m, o)
	f.layout = l
	m.Join(l.Sources...)
	f.bySource = []*File{f}
	for _, s := range l.Sources {
		f.bySource = append(f.bySource, newFile(s, o))
	}
	if l.Members != nil {
		f.setLimit(l.Members.Size())
	}
	err := f.indexLayout()
	for _, g := range f.bySource {
		if err != nil {
			break
		}
		if err = g.m.Map(g.m.Size()); err == nil {
			g.mapped, g.reason = g.m.Mapped(), g.m.Reason()
			g.layout, g.byName, g.bySource = l, f.byName, f.bySource
			g.limit = max(g.limit, f.limit)
		}
	}
	if err != nil {
		m.Close()
		return nil, located(err, m.Path(), "")
	}
	return f, nil
}

func (f *File) indexLayout() error {
	l := f.layout
	e := func(kind error, name, field, got, want string) error {
		return &Error{Kind: kind, Format: l.Format, Tensor: name, Offset: -1, Field: field, Got: got, Want: want}
	}
	for i := range l.Storages {
		s := &l.Storages[i]
		m := f.bySource[s.Source].m
		if s.Size < 0 || s.Open == nil && s.Rows == nil && (s.Offset < 0 || s.Offset > m.Size() || s.Size > m.Size()-s.Offset) {
			err := e(ErrTruncated, s.Member, "data", fmt.Sprintf("[%d, +%d)", s.Offset, s.Size), fmt.Sprintf("inside the file's %d bytes", m.Size()))
			return located(err, m.Path(), "")
		}
		if s.Open == nil && s.Rows == nil {
			s.StoredSize = s.Size
		}
	}
	f.byName = nameset.New(len(l.Tensors), func(i int) string { return l.Tensors[i].Name })
	var axes []int64
	for i := range l.Tensors {
		t := &l.Tensors[i]
		if err := format.CheckName(t.Name); err != nil {
			return err
		}
		if _, ok := f.byName.Add(i); !ok {
			return e(ErrDuplicate, t.Name, "name", "it twice", "each name once")
		}
		if t.Of != nil {
			if _, err := tensor.ByteSize(t.DType, t.Shape); err != nil {
				return located(err, "", t.Name)
			}
			continue
		}
		if err := f.indexTensor(t, 0, &axes); err != nil {
			return located(err, "", t.Name)
		}
	}
	return nil
}

// indexTensor checks that a tensor lies inside its storage, and the parts of a
// composite. Strides that are made take memory of axes.
func (f *File) indexTensor(t *LayoutTensor, depth int, axes *[]int64) error {
	l := f.layout
	e := func(kind error, field, got, want string) error {
		return &Error{Kind: kind, Format: l.Format, Offset: -1, Field: field, Got: got, Want: want}
	}
	if t.Layout != 0 {
		if _, err := t.Shape.NumElements(); err != nil {
			return err
		}
		t.Storage, t.Offset, t.Strides = -1, 0, make(tensor.Strides, len(t.Shape))
		d := &format.Composite{Layout: t.Layout, Flags: t.Flags, DType: t.DType, Shape: t.Shape}
		for i := range t.Parts {
			p := &t.Parts[i]
			if !format.ValidRole(p.Name) || slices.ContainsFunc(t.Parts[:i], func(q LayoutTensor) bool { return q.Name == p.Name }) {
				return e(ErrFormat, "role", tensor.Quote(p.Name), "a role, each once")
			}
			if p.Layout != 0 && depth > 0 {
				return e(ErrFormat, "part "+p.Name, "a composite in a part of a part", "a dense tensor")
			}
			if err := f.indexTensor(p, depth+1, axes); err != nil {
				return inPart(p.Name, err)
			}
			d.Parts = append(d.Parts, format.Part{Role: p.Name, DType: p.DType, Shape: p.Shape})
		}
		err := format.CheckComposite(d)
		var own *Error
		if errors.As(err, &own) {
			own.Format = l.Format
		}
		return err
	}
	if _, err := tensor.ByteSize(t.DType, t.Shape); err != nil {
		return err
	}
	if t.Strides == nil {
		st, err := contiguous(t.DType, t.Shape, axes)
		if err != nil {
			return err
		}
		t.Strides = st
	}
	var size int64
	if t.Storage >= 0 {
		size = l.Storages[t.Storage].Size
	}
	lo, hi, err := tensor.Reach(t.DType, t.Shape, t.Strides, t.Offset)
	if err == nil && (lo < 0 || hi > size) {
		err = e(ErrCorrupt, "data", fmt.Sprintf("reach [%d, %d)", lo, hi), fmt.Sprintf("inside [0, %d)", size))
	}
	if err == nil && t.Storage >= 0 && l.Storages[t.Storage].Rows != nil {
		err = checkRows(t, &l.Storages[t.Storage], depth)
	}
	return err
}

// contiguous is tensor.Contiguous for a shape whose bytes have been counted. Plain
// strides take memory of axes, which many tensors share.
func contiguous(d tensor.DType, s tensor.Shape, axes *[]int64) (tensor.Strides, error) {
	if d.UnitElems != 1 || slices.Contains(s, 0) {
		return tensor.Contiguous(d, s)
	}
	if len(*axes) < len(s) {
		*axes = make([]int64, max(1024, len(s)))
	}
	st := (*axes)[:len(s):len(s)]
	*axes = (*axes)[len(s):]
	step := int64(d.UnitBytes)
	for i := len(s) - 1; i >= 0; i-- {
		st[i] = step
		step *= s[i] // at most the bytes
	}
	return st, nil
}

// Layout returns the description of a foreign file, and nil for a native one.
// It must not be changed.
func (f *File) Layout() *Layout { return f.layout }
