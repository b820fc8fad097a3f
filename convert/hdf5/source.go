package hdf5

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// defaultDecoded bounds a chunk that is decoded if ReadOptions.MaxDecoded does
// not.
const defaultDecoded = 1 << 30

// dataset is the description of a dataset.
type dataset struct {
	f       *file
	space   dataspace
	typ     *datatype
	layout  layout
	filters []filter
	fill    []byte // of an element; nil: zeros
	attrs   convert.Attrs
	most    int64 // bytes of a chunk that is decoded
}

// dataset reads the messages of an object that is a dataset.
func (f *file) dataset(o *object, most int64) (*dataset, error) {
	d := &dataset{f: f, most: most}
	var seen [msgLast + 1]bool
	for i := range o.messages {
		m := &o.messages[i]
		var err error
		switch m.kind {
		case msgDataspace:
			d.space, err = m.open().dataspace()
		case msgDatatype:
			d.typ, err = m.open().datatype()
		case msgLayout:
			d.layout, err = m.open().layout()
		case msgFilters:
			d.filters, err = m.open().filters()
		case msgFill, msgOldFill:
			if m.kind == msgFill || !seen[msgFill] {
				d.fill, err = m.open().fill(m.kind)
			}
		case msgExternal:
			err = fail(tensor.ErrUnsupported, f.place(o.addr), "data", "data in other files", "data in this file")
		default:
			continue
		}
		if err != nil {
			return nil, err
		}
		if seen[m.kind] {
			return nil, fail(tensor.ErrDuplicate, f.place(m.addr), names[m.kind]+" message", "a second one", "one")
		}
		seen[m.kind] = true
	}
	for _, kind := range [...]uint16{msgDataspace, msgDatatype, msgLayout} {
		if !seen[kind] {
			return nil, fail(tensor.ErrCorrupt, f.place(o.addr), "dataset", "no "+names[kind], "one")
		}
	}
	if d.typ.why != "" {
		return nil, fail(tensor.ErrUnsupported, f.place(o.addr), "datatype", d.typ.why, "numbers, text or opaque bytes")
	}
	if d.layout.class == layoutVirtual {
		return nil, fail(tensor.ErrUnsupported, f.place(o.addr), "data layout", "a virtual dataset", "data in this file")
	}
	if n := int64(len(d.fill)); n != d.typ.size {
		if n > 0 {
			return nil, fail(tensor.ErrCorrupt, f.place(o.addr), "fill value", count(n)+" bytes", count(d.typ.size))
		}
	} else if !slices.ContainsFunc(d.fill, func(c byte) bool { return c != 0 }) {
		d.fill = nil
	}
	if _, ok := product(d.space.elements(), d.typ.size); !ok {
		return nil, fail(tensor.ErrOverflow, f.place(o.addr), "dataspace", fmt.Sprintf("%v of elements of %d bytes", d.space.dims, d.typ.size), "at most 2^63-1 bytes")
	}
	if d.layout.class != layoutChunked {
		return d, nil
	}
	if n := len(d.layout.chunk); n != len(d.space.dims) {
		return nil, fail(tensor.ErrCorrupt, f.place(o.addr), "rank of chunks", count(n), count(len(d.space.dims)))
	}
	if n := d.layout.elem; n != d.typ.size {
		return nil, fail(tensor.ErrCorrupt, f.place(o.addr), "bytes of an element of a chunk", count(n), count(d.typ.size))
	}
	for i := range d.filters {
		if !d.filters[i].known() {
			return nil, fail(tensor.ErrUnsupported, f.place(o.addr), "filter", d.filters[i].String(), "deflate, shuffle, fletcher32 or lzf")
		}
	}
	return d, nil
}

// attributes are those of the tensors of the dataset.
func (d *dataset) attributes() convert.Attrs {
	labels, ok := d.attrs["DIMENSION_LABELS"].([]any)
	if !ok || len(labels) != len(d.space.dims) {
		return d.attrs
	}
	dims := make([]string, len(labels))
	for i, v := range labels {
		if dims[i], ok = v.(string); !ok {
			return d.attrs
		}
	}
	attrs := d.attrs.WithDims(dims...)
	delete(attrs, "DIMENSION_LABELS")
	return attrs
}

// describe adds what the dtype of a tensor does not say of its datatype.
func (d *datatype) describe(attrs convert.Attrs) convert.Attrs {
	source := map[string]any{}
	if len(d.enum) > 0 && len(d.enum) <= 4096 {
		values := map[string]any{}
		for _, e := range d.enum {
			if values[e.name] = e.value; d.elem.Class == tensor.ClassUint && e.value < 0 {
				values[e.name] = uint64(e.value)
			}
		}
		source["enum"] = values
	}
	if d.tag != "" {
		source["tag"] = textOf([]byte(d.tag))
	}
	if d.space {
		source["pad"] = "space"
	}
	if len(source) == 0 {
		return attrs
	}
	if attrs == nil {
		attrs = convert.Attrs{}
	}
	source["format"] = formatName
	attrs["source"] = source
	return attrs
}

// source is where the elements of a dataset come from: an extent of the file,
// chunks, or nowhere.
type source struct {
	f       *file
	size    int64 // bytes of all elements
	at      int64 // extent: where it begins in the file
	plain   bool
	strides []int64 // of an extent that is not in C order; nil: it is
	image   *image  // chunks; nil: none
	fill    []byte  // of every element, if there are neither
	codec   string
	stored  int64
}

// source finds the elements of a dataset that has some. loaded counts the chunks
// whose places were read when the file was opened.
func (d *dataset) source(loaded *int64) (*source, error) {
	f, l := d.f, &d.layout
	s := &source{f: f, size: d.space.elements() * d.typ.size, fill: d.fill}
	if l.class != layoutChunked {
		if l.addr == none {
			s.codec = "fill"
			return s, nil
		}
		if l.sized && l.size < uint64(s.size) {
			return nil, fail(tensor.ErrCorrupt, f.place(l.addr), "data layout", count(l.size)+" bytes", count(s.size)+" of the extents "+fmt.Sprint(d.space.dims))
		}
		if err := f.inside(l.addr, uint64(s.size), "data"); err != nil {
			return nil, err
		}
		s.plain, s.at = true, f.place(l.addr)
		return s, nil
	}
	g, err := newGrid(f, &d.space, *l, d.filters, d.typ.size)
	if err != nil {
		return nil, err
	}
	if len(d.filters) > 0 && g.raw > d.most {
		return nil, fail(tensor.ErrLimit, -1, "bytes of a chunk to decode", count(g.raw), "at most "+count(d.most)+" (ReadOptions.MaxDecoded)")
	}
	s.image = &image{grid: g, fill: d.fill}
	if s.codec = codecOf(d.filters); s.codec == "" {
		s.codec = "raw"
	}
	if g.total > loadAtOpen-*loaded {
		return s, nil
	}
	*loaded += g.total
	if s.stored, err = s.image.stored(); err != nil {
		return nil, err
	}
	if at, shape, ok := s.image.extent(); ok {
		s.plain, s.at, s.size = true, at, s.stored
		if shape != nil {
			s.strides = cOrder(shape, d.typ.size)
		}
	}
	return s, nil
}

// extent is where the elements lie in order, if they do: all chunks are there,
// as they are, one behind the other, and each has whole rows; or there is one
// chunk. shape is that of what is stored, nil if it is that of the dataset but
// for more rows.
func (m *image) extent() (at int64, shape []int64, ok bool) {
	rows := true
	for i := 1; i < len(m.shape); i++ {
		rows = rows && m.chunk[i] == m.shape[i]
	}
	if !rows && m.total != 1 {
		return 0, nil, false
	}
	first := uint64(none)
	for number := range m.total {
		c, there := m.find(m.list, number)
		if !there || !m.plain(number, c.mask) {
			return 0, nil, false
		}
		if number == 0 {
			first = c.addr
		}
		if c.addr-first != uint64(number*m.raw) {
			return 0, nil, false
		}
	}
	if !rows {
		shape = m.chunk
	}
	return m.f.place(first), shape, true
}

// reader reads all elements in C order.
func (s *source) reader(ctx context.Context) io.Reader {
	switch {
	case s.image != nil:
		return s.image.stream(ctx)
	case s.plain:
		return io.NewSectionReader(s.f.in, s.at, s.size)
	}
	return &constant{element: s.fill, left: s.size}
}

// storage describes the elements as a storage. one says that a tensor shows all
// of it, and dims are the axes that arrays as elements add to its shape.
func (s *source) storage(dims []int64, one bool) convert.LayoutStorage {
	if s.plain {
		return convert.LayoutStorage{Offset: s.at, Size: s.size}
	}
	x := convert.LayoutStorage{Size: s.size, Codec: s.codec, StoredSize: s.stored}
	x.Open = func(ctx context.Context) (io.ReadCloser, error) {
		return s.reader(ctx).(io.ReadCloser), nil
	}
	if m := s.image; m != nil && one {
		x.Chunks = &convert.LayoutChunks{Shape: slices.Concat(m.shape, dims), Chunk: slices.Concat(m.chunk, dims), Read: m.read}
	}
	return x
}
