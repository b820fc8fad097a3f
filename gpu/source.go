package gpu

import (
	"context"
	"runtime"
	"runtime/debug"
	"strconv"
	"unsafe"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/kernel"
	"github.com/tensorfile/tensorfile/tensor"
)

// deviceOrder is the byte order of numbers in the memory of a device, that of
// the host backend included.
const deviceOrder = tensor.LittleEndian

// A Source is what an Uploader brings to a device: the elements of a tensor of a
// file, or those of a view. The zero Source is none, and refused.
type Source struct {
	t *tensorfile.Tensor
	v *tensor.View
}

// FromTensor is all of a tensor of an open file: native or of another format,
// raw, in chunks or encoded as a whole, of any strides and byte order. A
// composite has no elements of its own: its parts are sources. The file stays
// open while an uploader works on it: Close is ErrInUse.
func FromTensor(t *tensorfile.Tensor) Source { return Source{t: t} }

// FromView is the elements of a view, which must not change while an uploader
// works on it. The view may lie on a mapped file: of a page that the file has
// lost comes an error of kind ErrChanged.
func FromView(v tensor.View) Source { return Source{v: &v} }

// name of the source in errors.
func (s Source) name() string {
	if s.t != nil {
		return s.t.Name()
	}
	return ""
}

func (s Source) located(err error) error {
	if e, ok := err.(*tensor.Error); ok && s.t != nil && e.Tensor == "" {
		own := *e
		if own.Tensor = s.t.Name(); own.Path == "" {
			own.Path = s.t.File().Path()
		}
		return &own
	}
	return err
}

// way is how the elements of an item come into memory.
type way uint8

const (
	// Bytes of a file that are those of the image: read to their place.
	wayFile way = iota
	// The same, copied from the mapping of the file, which is faster where no copy
	// follows: past the caches.
	wayMapped
	// Bytes of memory that are those of the image.
	wayMemory
	// Boxes, decoded or rearranged by the engine.
	wayBoxes
	// One box, at once: what decodes as a whole and fits a slot.
	wayWhole
	// A stream that decodes from its begin to its end.
	wayStream
)

// An item is a source with its place among others on the device.
type item struct {
	src     Source
	index   int // among the sources
	way     way
	dtype   tensor.DType
	shape   tensor.Shape
	strides tensor.Strides // on the device, where element (0, ..., 0) is the first
	size    int64          // bytes of the image on the device
	at      int64          // where the image begins among others

	file  *fileBytes // wayFile
	begin int64      // of the image in the file
	mem   []byte     // wayMemory
	past  bool       // of which copies go past the caches

	// Of boxes: along each axis the extent in units, the bytes of one index of the
	// image, and what indices chunks begin at multiples of; and a box of chunks, if
	// it is no run of the image.
	units, steps, grain []int64
	rect                []int64
	stream              *stream
}

// newItem looks at a source: it reads nothing but what describes it.
func newItem(s Source, asStored bool) (*item, error) {
	it := &item{src: s, way: wayBoxes}
	var order tensor.ByteOrder
	var strides tensor.Strides
	switch {
	case s.t != nil:
		if _, _, composite := s.t.Composite(); composite {
			return nil, s.located(&tensor.Error{Kind: tensor.ErrEncoded, Offset: -1, Field: "source", Got: "a composite", Want: "one of its parts"})
		}
		it.dtype, it.shape, strides, order = s.t.DType(), s.t.Shape(), s.t.Strides(), s.t.Order()
	case s.v != nil:
		it.dtype, it.shape, strides, order = s.v.DType(), s.v.Shape(), s.v.Strides(), s.v.Order()
	default:
		return nil, &tensor.Error{Kind: tensor.ErrShape, Offset: -1, Field: "source", Got: "none", Want: "a tensor or a view"}
	}
	var err error
	if it.size, err = tensor.ByteSize(it.dtype, it.shape); err != nil {
		return nil, s.located(err)
	}
	if it.strides, err = tensor.Contiguous(it.dtype, it.shape); err != nil {
		return nil, s.located(err)
	}
	if it.size == 0 {
		it.way = wayMemory
		return it, nil
	}
	it.setBoxes()
	unit := int64(it.dtype.UnitElems)
	plain := (order == deviceOrder || it.dtype.UnitBytes == 1) &&
		(unit < 2 || it.shape[len(it.shape)-1]%unit == 0) // what stands behind the last element of a row is not said to be zero
	dense := it.dense(strides, asStored)
	switch {
	case s.v != nil:
		if plain && dense {
			it.way, it.mem = wayMemory, s.v.Span()
		}
	case s.t.ChunkShape() != nil:
		it.setGrain(s.t.ChunkShape())
	case s.t.Storage().Kind == tensorfile.StorageEncoded:
		it.way = wayStream
	case plain && dense && s.t.Storage().Kind == tensorfile.StorageRaw && s.t.File().Options().Verify == tensorfile.VerifyOnDemand:
		it.way, it.begin = wayFile, s.t.Storage().Offset+s.t.Offset()
	}
	if (it.way == wayFile || it.way == wayMemory) && !it.dense(strides, false) {
		it.strides = strides
	}
	return it, nil
}

// dense reports whether elements that lie as strides say have no gaps: in C
// order or, if anyOrder, in some order of the axes.
func (it *item) dense(strides tensor.Strides, anyOrder bool) bool {
	step, used := int64(it.dtype.UnitBytes), make([]bool, len(strides))
	fits := func(axis int) bool { return it.units[axis] == 1 || strides[axis] == step }
	for k := len(strides) - 1; k >= 0; k-- {
		axis := k
		if anyOrder {
			for axis = len(strides) - 1; axis >= 0 && (used[axis] || !fits(axis)); axis-- {
			}
		}
		if axis < 0 || !fits(axis) {
			return false
		}
		used[axis] = true
		step *= it.units[axis]
	}
	return true
}

// setBoxes notes what boxes of the image in C order are.
func (it *item) setBoxes() {
	rank := len(it.shape)
	it.units, it.steps = make([]int64, rank), make([]int64, rank)
	copy(it.units, it.shape)
	if e := int64(it.dtype.UnitElems); e > 1 {
		it.units[rank-1] = (it.units[rank-1] + e - 1) / e
	}
	step := int64(it.dtype.UnitBytes)
	for k := rank - 1; k >= 0; k-- {
		it.steps[k] = step
		step *= it.units[k]
	}
}

// setGrain notes the extents of chunks.
func (it *item) setGrain(chunk tensor.Shape) {
	it.grain = make([]int64, len(chunk))
	copy(it.grain, chunk)
	if e, last := int64(it.dtype.UnitElems), len(chunk)-1; e > 1 {
		it.grain[last] = max(chunk[last]/e, 1)
	}
	for k, g := range it.grain {
		it.grain[k] = min(g, it.units[k])
	}
}

// grainBytes is the size of a chunk, 0 without.
func (it *item) grainBytes() int64 {
	if it.grain == nil {
		return 0
	}
	return it.boxBytes(it.grain)
}

func (it *item) boxBytes(box []int64) int64 {
	n := int64(it.dtype.UnitBytes)
	for _, e := range box {
		n *= e
	}
	return n
}

// fit decides how the image is cut for slots of room bytes. Rows of chunks that
// fit are runs of it: chunks are decoded side by side to where the run has them,
// and go up with one copy. Where a row of chunks is larger, boxes of whole chunks
// go up, with copies of rows that lie a pitch apart.
func (it *item) fit(room int64) {
	it.rect = nil
	if it.way == wayStream && it.size <= room {
		it.way = wayWhole
	}
	if it.grain == nil || it.grainBytes() > room {
		return
	}
	box := append([]int64(nil), it.grain...)
	n := it.boxBytes(box)
	for k := len(box) - 1; k >= 0; k-- {
		if all := n / box[k] * it.units[k]; all <= room {
			n, box[k] = all, it.units[k]
			continue
		}
		box[k] *= room / n
		break
	}
	if !it.isRun(box) {
		it.rect = box
	}
}

// isRun reports whether boxes of such extents are runs of the image.
func (it *item) isRun(box []int64) bool {
	k := len(box) - 1
	for ; k >= 0 && box[k] == it.units[k]; k-- {
	}
	for k--; k >= 0; k-- {
		if box[k] > 1 {
			return false
		}
	}
	return true
}

// cut is how many bytes of the image from off on, which is where a cut ended,
// go into room bytes: 0 if it is better to begin with another slot. In a fresh
// one something always goes.
func (it *item) cut(off, room int64, fresh bool) int64 {
	rest := it.size - off
	switch it.way {
	case wayBoxes, wayMapped:
		return it.cutBox(off, room, fresh)
	case wayWhole:
		if rest > room {
			return 0
		}
		return rest
	}
	return min(room, rest)
}

// cutBox is cut into boxes: whole indices along one axis.
func (it *item) cutBox(off, room int64, fresh bool) int64 {
	for axis, step := range it.steps {
		if off%step != 0 {
			continue // inside of an index
		}
		grain := int64(1)
		if it.grain != nil {
			grain = it.grain[axis]
		}
		if step > room {
			if grain > 1 && !fresh {
				return 0
			}
			continue
		}
		i := off / step % it.units[axis]
		left := it.units[axis] - i
		n := min(room/step, left)
		if n < left && grain > 1 {
			if end := (i + n) / grain * grain; end > i {
				n = end - i
			} else if !fresh {
				return 0
			}
		}
		return n * step
	}
	if len(it.steps) == 0 && it.size <= room {
		return it.size
	}
	return 0
}

// rects is the number of boxes along each axis, and of all.
func (it *item) rects() (n int64) {
	n = 1
	for k, b := range it.rect {
		n *= (it.units[k] + b - 1) / b
	}
	return n
}

// A box is a part of an item: the first index and the extent along each axis,
// in units.
type box struct{ first, count []int64 }

// run is the box of n bytes of the image at off, as cut gave them.
func (it *item) run(off, n int64, b *box) {
	b.first, b.count = b.first[:0], b.count[:0]
	for axis, step := range it.steps {
		i := off / step % it.units[axis]
		b.first, b.count = append(b.first, i), append(b.count, max(1, min(n/step, it.units[axis])))
	}
}

// rectangle is box number i of those of whole chunks.
func (it *item) rectangle(i int64, b *box) {
	rank := len(it.rect)
	b.first, b.count = append(b.first[:0], it.rect...), append(b.count[:0], it.rect...)
	for k := rank - 1; k >= 0; k-- {
		steps := (it.units[k] + it.rect[k] - 1) / it.rect[k]
		b.first[k] = i % steps * it.rect[k]
		b.count[k] = min(it.rect[k], it.units[k]-b.first[k])
		i /= steps
	}
}

// shapeOf is the extents of a box in elements, and select what takes it.
func (it *item) shapeOf(b *box) (tensor.Shape, tensor.Selection) {
	shape, sel := make(tensor.Shape, len(b.first)), make(tensor.Selection, len(b.first))
	for k, i := range b.first {
		begin, end := i, i+b.count[k]
		if e := int64(it.dtype.UnitElems); e > 1 && k == len(b.first)-1 {
			begin, end = begin*e, min(end*e, it.shape[k])
		}
		shape[k] = end - begin
		sel[k] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: begin, Stop: end, Step: 1}
	}
	return shape, sel
}

// fill makes the bytes of a segment in dst, and of those that follow it there if
// they lie alike in the file.
func (it *item) fill(ctx context.Context, dst []byte, g *segment, b *box) error {
	var err error
	off := g.off
	switch it.way {
	case wayFile:
		err = it.file.read(dst, it.begin+off)
	case wayMemory:
		err = it.src.touch(func() error {
			if src := it.mem[off : off+int64(len(dst))]; it.past {
				kernel.CopyStream(dst, src)
			} else {
				copy(dst, src)
			}
			return nil
		})
	case wayStream:
		err = it.stream.read(ctx, dst, g.turn)
	default:
		it.run(off, int64(len(dst)), b)
		err = it.fillBox(ctx, dst, nil, b)
	}
	return it.src.located(err)
}

// fillBox makes the elements of a box in dst: one behind the other, or as
// strides say.
func (it *item) fillBox(ctx context.Context, dst []byte, strides tensor.Strides, b *box) error {
	shape, sel := it.shapeOf(b)
	v, err := tensor.NewView(dst, it.dtype, shape, strides, 0, deviceOrder)
	if err != nil {
		return err
	}
	if it.src.t != nil {
		return it.src.t.ReadInto(ctx, v, sel)
	}
	part, err := it.src.v.Select(sel)
	if err != nil {
		return err
	}
	return it.src.touch(func() error { return tensor.Copy(v, part) })
}

// touch calls fn, which reads the memory of a view. If that is mapped and its
// file has been cut short, the fault becomes an error.
func (s Source) touch(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		e, ok := r.(interface {
			runtime.Error
			Addr() uintptr
		})
		span := s.v.Span()
		begin := uintptr(unsafe.Pointer(unsafe.SliceData(span)))
		if !ok || e.Addr() < begin || e.Addr()-begin >= uintptr(len(span)) {
			panic(r)
		}
		err = &tensor.Error{Kind: tensor.ErrChanged, Offset: -1, Field: "view", Got: "a fault at byte " + strconv.FormatUint(uint64(e.Addr()-begin), 10), Want: "memory that is there"}
	}()
	return fn()
}

// refuseSize is the error for what does not fit the device.
func refuseSize(field string, got, want int64) error {
	return bad(tensor.ErrLimit, field, itoa(got)+" bytes", "at most "+itoa(want))
}
