package operate

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// source is a tensor of a file.
type source struct {
	t *tensorfile.Tensor
	// keep reads or decodes the tensor once and as a whole when the first box is
	// taken: boxes of it would decode the same bytes again and again. It is set
	// where the memory is there.
	keep bool
}

// reading is what is under way of a source while one stream is computed.
type reading struct {
	sync.Mutex
	kept   tensor.View
	isKept bool
	in     io.ReadCloser // of an encoded storage that is not kept
	at     int64         // of the next byte of in
}

func (s *source) form() (tensor.DType, tensor.Shape) { return s.t.DType(), s.t.Shape() }

func (s *source) mapped() bool {
	if s.t.Storage().Kind > tensorfile.StorageRaw {
		return false
	}
	return s.t.File().Map().Mapped() || s.t.NumElements() == 0
}

// streamed reports whether boxes can only be taken in the order of the bytes.
func (s *source) streamed() bool {
	return s.t.Storage().Kind == tensorfile.StorageEncoded && !s.keep
}

func (s *source) grain() []int64 {
	g := make([]int64, len(s.t.Shape()))
	for i := range g {
		g[i] = 1
	}
	if st := s.t.Storage(); st.Kind == tensorfile.StorageGrid {
		copy(g, s.chunk(&st))
	}
	if d := s.t.DType(); d.Packed() {
		g[len(g)-1] = 0
	}
	return g
}

// chunk is the shape of the chunks of a grid by the axes of the tensor, or ones
// where its axes are not those of the grid in another order.
func (s *source) chunk(st *tensorfile.StorageInfo) []int64 {
	shape, strides := s.t.Shape(), s.t.Strides()
	c := make([]int64, len(shape))
	for i := range c {
		c[i] = 1
	}
	if len(st.Chunk) != len(shape) {
		return c
	}
	axes := make([]int, len(shape))
	for i := range axes {
		axes[i] = i
	}
	slices.SortStableFunc(axes, func(a, b int) int { return int(min(max(strides[b]-strides[a], -1), 1)) })
	for k, axis := range axes {
		c[axis] = max(st.Chunk[k], 1)
	}
	return c
}

func (s *source) back([]span) []ask { return nil }

func (s *source) own(r []span) int64 {
	switch {
	case s.mapped(), s.keep:
		return 0
	case s.streamed():
		lo, hi := s.extent(r)
		return hi - lo
	}
	return size(s.t.DType(), counts(r))
}

func (s *source) lent() *source {
	if s.mapped() && !s.keep {
		return s
	}
	return nil
}

// guard runs fn, which touches the mapping.
func (s *source) guard(fn func() error) error {
	return s.t.Guard(func(tensor.View) error { return fn() })
}

// waste is how many bytes are read for each that is wanted of a box.
func (s *source) waste(r []span) float64 {
	st := s.t.Storage()
	switch {
	case s.mapped() || len(r) == 0:
		return 1
	case st.Kind == tensorfile.StorageGrid:
		w := 1.0
		for axis, c := range s.chunk(&st) {
			far := max(r[axis].Step, -r[axis].Step) * (r[axis].Count - 1)
			lo := min(r[axis].First, r[axis].First+r[axis].Step*(r[axis].Count-1))
			w *= float64((lo+far)/c-lo/c+1) * float64(c) / float64(r[axis].Count)
		}
		return w
	case st.Kind == tensorfile.StorageEncoded:
		return float64(st.Size) / float64(max(size(s.t.DType(), counts(r)), 1))
	}
	// Each row is a request.
	last := len(r) - 1
	unit := int64(s.t.DType().UnitBytes)
	row := r[last].Count * unit
	for axis := last; axis > 0 && isWhole(r[axis], s.t.Shape()[axis]); axis-- {
		row *= r[axis-1].Count
	}
	const request = 16 << 10
	return max(1, request/float64(max(row, 1)))
}

// extent is what a box spans of the storage.
func (s *source) extent(r []span) (lo, hi int64) {
	shape, strides, off := s.box(r)
	lo, hi, err := tensor.Reach(s.t.DType(), shape, strides, off)
	if err != nil { // the tensor was checked when it was opened
		return 0, s.t.Storage().Size
	}
	return lo, hi
}

func (s *source) box(r []span) (tensor.Shape, tensor.Strides, int64) {
	strides, off := s.t.Strides().Clone(), s.t.Offset()
	e := int64(s.t.DType().UnitElems)
	for axis := range strides {
		first := r[axis].First
		if axis == len(strides)-1 {
			first /= e
		}
		off += first * strides[axis]
		strides[axis] *= r[axis].Step
	}
	return counts(r), strides, off
}

func (s *source) take(ctx context.Context, a *arena, r []span) (tensor.View, error) {
	if s.keep {
		v, err := s.whole(ctx, a.run.reading(s))
		if err != nil {
			return v, err
		}
		return v.Select(selection(r))
	}
	if s.mapped() {
		v, err := s.t.View()
		if err != nil {
			return v, err
		}
		return v.Select(selection(r))
	}
	if s.streamed() {
		return s.next(ctx, a, r)
	}
	dst, err := a.view(s.t.DType(), counts(r))
	if err != nil {
		return dst, err
	}
	return dst, s.t.ReadInto(ctx, dst, selection(r))
}

// whole reads the tensor if nobody has.
func (s *source) whole(ctx context.Context, g *reading) (tensor.View, error) {
	g.Lock()
	defer g.Unlock()
	if g.isKept {
		return g.kept, nil
	}
	v, err := tensor.Make(s.t.DType(), s.t.Shape())
	if err == nil {
		err = s.t.ReadInto(ctx, v)
	}
	if err != nil {
		return v, err
	}
	g.kept, g.isKept = v, true
	return v, nil
}

// next takes a box of a stream. It lies behind those that were taken.
func (s *source) next(ctx context.Context, a *arena, r []span) (tensor.View, error) {
	g := a.run.reading(s)
	g.Lock()
	defer g.Unlock()
	lo, hi := s.extent(r)
	fail := func(kind error, got, want string) (tensor.View, error) {
		return tensor.View{}, &tensor.Error{Kind: kind, Path: s.t.File().Path(), Tensor: s.t.Name(), Offset: -1, Field: "decoded bytes", Got: got, Want: want}
	}
	if g.in == nil {
		in, err := s.t.File().Layout().Storages[s.t.Storage().ID-1].Open(ctx)
		if err != nil {
			return tensor.View{}, err
		}
		g.in, g.at = in, 0
	}
	if lo < g.at { // settle would have kept it
		return fail(tensor.ErrUnsupported, fmt.Sprintf("byte %d behind byte %d", lo, g.at), "bytes in their order")
	}
	buf := a.bytes(hi - lo)
	_, err := io.CopyN(io.Discard, g.in, lo-g.at)
	if err == nil {
		_, err = io.ReadFull(g.in, buf)
	}
	if err == nil && hi == s.t.Storage().Size {
		// At the end its checksum is compared.
		var one [1]byte
		if n, e := g.in.Read(one[:]); n != 0 {
			return fail(tensor.ErrCorrupt, "more", fmt.Sprint(hi))
		} else if e != io.EOF {
			err = e
		}
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fail(tensor.ErrTruncated, "fewer", fmt.Sprint(s.t.Storage().Size))
	}
	if err != nil {
		return tensor.View{}, err
	}
	g.at = hi
	shape, strides, off := s.box(r)
	return tensor.NewView(buf, s.t.DType(), shape, strides, off-lo, s.t.Order())
}
