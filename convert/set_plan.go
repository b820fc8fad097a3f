package convert

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// setPlan is the set of some files, before their elements are read.
type setPlan struct {
	s       *set
	list    []int
	dtype   tensor.DType
	ragged  bool
	inner   tensor.Shape // of a row, or of one value of a ragged row
	longest int64        // values of a ragged row
	values  int64        // of all ragged rows
	largest int64        // bytes of a row
	size    int64        // of all rows
	attrs   Attrs        // of the set
}

// plan finds out what the files make together.
func (s *set) plan(list []int) (*setPlan, error) {
	first := s.forms[s.row[list[0]]]
	p := &setPlan{s: s, list: list, dtype: first.dtype, inner: first.shape}
	rank := len(first.shape)
	if rank == tensor.MaxRank {
		return nil, s.rowError(list[0], tensorfile.ErrLimit, fmt.Sprintf("rank %d", rank), fmt.Sprintf("at most %d with the new axis", tensor.MaxRank))
	}
	if p.dtype.Packed() && rank == 0 {
		return nil, s.rowError(list[0], tensorfile.ErrUnsupported, p.dtype.String()+" of rank 0", "an axis to pack along")
	}
	same := rank // axes from the last on that all agree on
	channels := s.channels(rank)
	for _, i := range list {
		f := s.forms[s.row[i]]
		if f.dtype != p.dtype || len(f.shape) != rank || channels >= 0 && f.shape[channels] != first.shape[channels] {
			return nil, s.unlike(list[0], i, "")
		}
		for same > 0 && !f.shape[rank-same:].Equal(first.shape[rank-same:]) {
			same--
		}
	}
	if p.ragged = same < rank; p.ragged {
		p.inner = first.shape[rank-same:]
		if p.dtype.Packed() && same == 0 {
			_, i := s.odd(list)
			return nil, s.unlike(list[0], i, "an equal shape, as rows of "+p.dtype.String()+" do not begin at whole units")
		}
	}
	for _, i := range list {
		f := s.forms[s.row[i]]
		n, err := tensor.ByteSize(f.dtype, f.shape)
		if err != nil {
			return nil, ofFile(err, s.shown(i))
		}
		length, err := f.shape[:rank-same].NumElements()
		if err != nil {
			return nil, ofFile(err, s.shown(i))
		}
		if n > math.MaxInt64-p.size || length > math.MaxInt64-p.values {
			return nil, s.rowError(i, tensorfile.ErrOverflow, fmt.Sprintf("%d bytes behind %d", n, p.size), "less than 2^63 in all")
		}
		p.longest, p.values = max(p.longest, length), p.values+length
		p.largest, p.size = max(p.largest, n), p.size+n
	}
	return p, nil
}

func (s *set) rowError(i int, kind error, got, want string) error {
	return &Error{Kind: kind, Path: s.shown(i), Offset: -1, Field: "stack", Got: got, Want: want}
}

// channels is the axis along which rows may not differ: that of the channels, by
// its name or, from rank 3 on, the last. -1 is none.
func (s *set) channels(rank int) int {
	if dims := s.attrs.Dims(); len(dims) == rank {
		return slices.IndexFunc(dims, func(d string) bool {
			return slices.Contains([]string{"c", "channel", "channels"}, strings.ToLower(d))
		})
	}
	if rank < 3 {
		return -1
	}
	return rank - 1
}

// open makes a file of the set: tensors whose elements are read from the files
// when they are asked for. noted adds what only native files hold.
func (p *setPlan) open(noted bool) (*tensorfile.File, error) {
	s, n := p.s, int64(len(p.list))
	l := &setLayout{Layout: Layout{Format: "set", Version: "1", Attrs: s.whole}}
	p.attrs = s.rowAttrs(len(p.inner), p.ragged)
	main := LayoutTensor{Name: s.name, Storage: -1, DType: p.dtype, Attrs: p.attrs}
	l.Tensors = []LayoutTensor{main}
	if s.labels != nil {
		p.addLabels(l, noted)
	}
	if noted {
		p.addNotes(l)
	}
	main.Shape = append(tensor.Shape{n}, p.inner...)
	if p.ragged {
		main.Layout, main.Shape = format.LayoutRagged, append(tensor.Shape{n, p.longest}, p.inner...)
		values := LayoutTensor{Name: format.RoleValues, Storage: l.stream(p), DType: p.dtype, Shape: append(tensor.Shape{p.values}, p.inner...)}
		main.Parts = []LayoutTensor{l.numbers(format.RoleOffsets, tensor.Shape{n + 1}, p.offsets()), values}
	} else {
		main.Storage = l.stream(p)
	}
	l.Tensors[0] = main
	return tensorfile.OpenLayout(mmap.NewReaderAt(bytes.NewReader(nil), 0, s.shown(p.list[0])), &l.Layout, nil)
}

// addLabels adds the tensor of labels, and with its attribute what the classes are
// called.
func (p *setPlan) addLabels(l *setLayout, noted bool) {
	s := p.s
	b := make([]byte, 0, 8*len(p.list))
	for _, i := range p.list {
		b = binary.LittleEndian.AppendUint64(b, uint64(s.labels[i]))
	}
	t := l.numbers(s.name+".labels", tensor.Shape{int64(len(p.list))}, b)
	if noted {
		t.Attrs = Attrs{}
		l.note(t.Attrs, "classes", s.name, s.classes)
		p.attrs["labels"] = t.Name
	}
	l.Tensors = append(l.Tensors, t)
}

// addNotes notes the names of the files, and shapes.
func (p *setPlan) addNotes(l *setLayout) {
	s := p.s
	names := make([]string, len(p.list))
	for k, i := range p.list {
		names[k] = strings.ToValidUTF8(filepath.ToSlash(s.shown(i)), "\uFFFD")
	}
	short := l.note(p.attrs, "files", s.name, names)
	if p.ragged {
		shape, b := p.table(s.row)
		l.refer(p.attrs, "shapes", l.numbers(s.name+".shapes", shape, b))
	}
	if p.asStored() {
		return
	}
	shape, b := p.table(s.stored)
	if !short || int64(len(b)) > 8*mostNumbers {
		l.refer(p.attrs, "sizes", l.numbers(s.name+".sizes", shape, b))
		return
	}
	list := make([]any, len(p.list))
	for k, i := range p.list {
		list[k] = anys(s.forms[s.stored[i]].shape)
	}
	p.attrs["sizes"] = list
}

// setLayout describes a set as a file.
type setLayout struct{ Layout }

// refer adds a tensor and notes its name under a key.
func (l *setLayout) refer(attrs Attrs, key string, t LayoutTensor) {
	attrs[key] = t.Name
	l.Tensors = append(l.Tensors, t)
}

// note notes texts under a key, or if they are too many the tensor that holds
// them, and reports whether they were few.
func (l *setLayout) note(attrs Attrs, key, name string, list []string) bool {
	size := 0
	for _, s := range list {
		size += len(s)
	}
	if len(list) > mostTexts || size > mostBytes {
		l.refer(attrs, key, l.strings(name+"."+key, list))
		return false
	}
	attrs[key] = anys(list)
	return true
}

// add adds a storage and returns its number.
func (l *setLayout) add(s LayoutStorage) int {
	l.Storages = append(l.Storages, s)
	return len(l.Storages) - 1
}

// stream adds the storage of the rows, if they have elements.
func (l *setLayout) stream(p *setPlan) int {
	if p.size == 0 {
		return -1
	}
	return l.add(LayoutStorage{Size: p.size, Codec: "files", Open: func(ctx context.Context) (io.ReadCloser, error) { return p.read(ctx), nil }})
}

// hold adds a storage of bytes in memory, or none if there are none.
func (l *setLayout) hold(b []byte) int {
	if len(b) == 0 {
		return -1
	}
	return l.add(LayoutStorage{
		Size: int64(len(b)), Codec: "memory",
		Open:  func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil },
		Bytes: func(context.Context) ([]byte, error) { return b, nil },
	})
}

// numbers describes a tensor of i64.
func (l *setLayout) numbers(name string, shape tensor.Shape, b []byte) LayoutTensor {
	return LayoutTensor{Name: name, Storage: l.hold(b), DType: tensor.I64, Shape: shape}
}

// strings describes a tensor of strings.
func (l *setLayout) strings(name string, list []string) LayoutTensor {
	size, ends := 0, make([]byte, 8, 8*(len(list)+1))
	for _, s := range list {
		size += len(s)
		ends = binary.LittleEndian.AppendUint64(ends, uint64(size))
	}
	text := make([]byte, 0, size)
	for _, s := range list {
		text = append(text, s...)
	}
	n := int64(len(list))
	return LayoutTensor{Name: name, Layout: format.LayoutString, Shape: tensor.Shape{n}, Parts: []LayoutTensor{
		l.numbers(format.RoleOffsets, tensor.Shape{n + 1}, ends),
		{Name: format.RoleBytes, Storage: l.hold(text), DType: tensor.U8, Shape: tensor.Shape{int64(size)}},
	}}
}

// read begins to read the rows.
func (p *setPlan) read(ctx context.Context) io.ReadCloser {
	return p.s.read(ctx, p.list, p.largest, SetProgress{Stage: Writing, Of: len(p.list), Size: p.size})
}

// offsets say where ragged rows begin.
func (p *setPlan) offsets() []byte {
	b, end := make([]byte, 8, 8*(len(p.list)+1)), int64(0)
	for _, i := range p.list {
		shape := p.s.forms[p.s.row[i]].shape
		n, _ := shape[:len(shape)-len(p.inner)].NumElements() // plan has checked it
		end += n
		b = binary.LittleEndian.AppendUint64(b, uint64(end))
	}
	return b
}

// asStored reports whether rows have the shapes that their files have.
func (p *setPlan) asStored() bool {
	for _, i := range p.list {
		if !p.s.forms[p.s.row[i]].shape.Equal(p.s.forms[p.s.stored[i]].shape) {
			return false
		}
	}
	return true
}

// table is shapes as a matrix of i64, those of lower rank with ones behind.
func (p *setPlan) table(of []int32) (tensor.Shape, []byte) {
	rank := 0
	for _, i := range p.list {
		rank = max(rank, len(p.s.forms[of[i]].shape))
	}
	b := make([]byte, 0, 8*rank*len(p.list))
	for _, i := range p.list {
		shape := p.s.forms[of[i]].shape
		for k := range rank {
			n := int64(1)
			if k < len(shape) {
				n = shape[k]
			}
			b = binary.LittleEndian.AppendUint64(b, uint64(n))
		}
	}
	return tensor.Shape{int64(len(p.list)), int64(rank)}, b
}

// writer writes a ragged set: its values as they come, where copying a composite
// of another format would hold them all. nil: the set is dense.
func (p *setPlan) writer() func(context.Context, *tensorfile.Writer, string, *tensorfile.TensorOptions) error {
	if !p.ragged {
		return nil
	}
	return func(ctx context.Context, w *tensorfile.Writer, name string, o *tensorfile.TensorOptions) error {
		offsets, err := tensor.NewView(p.offsets(), tensor.I64, tensor.Shape{int64(len(p.list)) + 1}, nil, 0, tensor.LittleEndian)
		if err != nil {
			return err
		}
		in := p.read(ctx)
		defer in.Close()
		own := tensorfile.TensorOptions{}
		if o != nil {
			own = *o
		}
		own.Attrs = p.attrs
		return w.AddComposite(ctx, name, tensorfile.Composite{
			Layout: format.LayoutRagged, DType: p.dtype, Shape: append(tensor.Shape{int64(len(p.list)), p.longest}, p.inner...),
			Parts: []tensorfile.CompositePart{
				{Role: format.RoleOffsets, View: offsets},
				{Role: format.RoleValues, Reader: in, DType: p.dtype, Shape: append(tensor.Shape{p.values}, p.inner...)},
			},
		}, &own)
	}
}

// rowAttrs are the attributes of the set: those that all rows have, by the axes of
// the set, of which so many are those of a row or of a value.
func (s *set) rowAttrs(inner int, ragged bool) Attrs {
	attrs := maps.Clone(s.attrs)
	if attrs == nil {
		attrs = Attrs{}
	}
	for _, key := range memberKeys {
		delete(attrs, key)
	}
	dims := attrs.Dims()
	axes, _ := attrs["axes"].([]any)
	delete(attrs, "dims")
	delete(attrs, "axes")
	front := 1
	if ragged {
		front = 2
	}
	if len(dims) >= inner && dims != nil {
		attrs = attrs.WithDims(append(make([]string, front), dims[len(dims)-inner:]...)...)
	}
	if len(axes) >= inner && axes != nil {
		attrs["axes"] = append(make([]any, front), axes[len(axes)-inner:]...)
	}
	return attrs
}

// What stands in an attribute; more is a tensor. An array there has at most 4096
// elements, and all of them 131072 values (spec, "Attributes").
const (
	mostTexts   = 4096
	mostBytes   = 256 << 10
	mostNumbers = 64 << 10
)

func anys[T any](list []T) []any {
	out := make([]any, len(list))
	for i, x := range list {
		out[i] = x
	}
	return out
}
