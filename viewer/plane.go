package viewer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/tensor/stats"
)

// Damaged is the bits of the f32 that stands for an element, or a cell of elements,
// of which a chunk cannot be decoded: a NaN that computations do not make. NaN as such
// is NotANumber. In f64 they are DamagedF64 and NotANumberF64.
const (
	Damaged       = 0x7fc0dead
	NotANumber    = 0x7fc00000
	DamagedF64    = 0x7ff800000000dead
	NotANumberF64 = 0x7ff8000000000000
)

// float are the numbers that elements are looked at as.
type float interface{ float32 | float64 }

// marks are the two NaNs of a type.
func marks[T float]() (damaged, nan T) {
	switch p := any(&damaged).(type) {
	case *float32:
		*p = math.Float32frombits(Damaged)
	case *float64:
		*p = math.Float64frombits(DamagedF64)
	}
	switch p := any(&nan).(type) {
	case *float32:
		*p = math.Float32frombits(NotANumber)
	case *float64:
		*p = math.Float64frombits(NotANumberF64)
	}
	return damaged, nan
}

// isDamaged reports whether x is the mark of damage.
func isDamaged[T float](x T) bool {
	if x == x {
		return false
	}
	switch v := any(x).(type) {
	case float32:
		return math.Float32bits(v) == Damaged
	case float64:
		return math.Float64bits(v) == DamagedF64
	}
	return false
}

func fill[T any](list []T, x T) {
	for i := range list {
		list[i] = x
	}
}

// A plane is two axes of a tensor, with one index along each of the others.
type plane struct {
	id   string // of the file
	t    *tensorfile.Tensor
	y, x int     // axes; -1: none, of extent 1
	at   []int64 // by axis; of y and x unused
	h, w int64
	jobs int

	rows, columns int64 // of the chunks, 1 or more; 0: it is not chunked
	encoded       bool  // decodes as a stream
}

// planeKey tells planes apart.
type planeKey struct {
	id, name, at string
	y, x         int
}

func (p *plane) key() planeKey {
	var b strings.Builder
	for axis, i := range p.at {
		if axis != p.y && axis != p.x {
			b.WriteString(strconv.FormatInt(i, 10))
		}
		b.WriteByte(',')
	}
	return planeKey{p.id, p.t.Name(), b.String(), p.y, p.x}
}

// numericTensor reports whether the elements of a tensor can be looked at one by one
// as numbers.
func numericTensor(t *tensorfile.Tensor) bool {
	_, _, composite := t.Composite()
	return stats.Numeric(t.DType()) && (!composite || survey.Quantised(t)) || survey.InBlocks(t)
}

// planeOf is the plane of a tensor that is asked for.
func (c *call) planeOf(h *handle, t *tensorfile.Tensor) (*plane, error) {
	if !numericTensor(t) {
		return nil, wrongView(t, "numbers")
	}
	return c.anyPlane(h, t)
}

// anyPlane is planeOf for elements that need not be numbers.
func (c *call) anyPlane(h *handle, t *tensorfile.Tensor) (*plane, error) {
	l := lookAt(t)
	rank := len(t.Shape())
	y, err := c.axis("y", l.y, rank)
	if err != nil {
		return nil, err
	}
	x, err := c.axis("x", l.x, rank)
	if err != nil {
		return nil, err
	}
	at, err := c.fixed(t)
	if err != nil {
		return nil, err
	}
	return newPlane(h, t, y, x, at, c.opts.Jobs)
}

// fixed are the indices of the parameter i.
func (c *call) fixed(t *tensorfile.Tensor) ([]int64, error) {
	shape := t.Shape()
	at := make([]int64, len(shape))
	s := c.q.Get("i")
	if s == "" {
		return at, nil
	}
	parts := strings.Split(s, ",")
	if len(parts) != len(shape) {
		return nil, bad("i", tensor.Quote(s), fmt.Sprintf("an index or _ for each of %d axes", len(shape)))
	}
	for axis, p := range parts {
		if p == "_" {
			continue
		}
		n, err := strconv.ParseInt(p, 10, 64)
		if err != nil || n < 0 || n >= shape[axis] {
			return nil, bad("i", tensor.Quote(p), fmt.Sprintf("0 to %d along axis %d, or _", shape[axis]-1, axis))
		}
		at[axis] = n
	}
	return at, nil
}

// newPlane makes a plane of a tensor. y or x may be -1.
func newPlane(h *handle, t *tensorfile.Tensor, y, x int, at []int64, jobs int) (*plane, error) {
	shape := t.Shape()
	if y >= 0 && y == x {
		return nil, bad("y", strconv.Itoa(y), "another axis than x")
	}
	p := &plane{id: h.identity, t: t, y: y, x: x, at: at, h: 1, w: 1, jobs: jobs, encoded: t.Storage().Kind == tensorfile.StorageEncoded}
	if y >= 0 {
		p.h = shape[y]
	}
	if x >= 0 {
		p.w = shape[x]
	}
	for axis, n := range shape {
		if n == 0 && axis != y && axis != x {
			p.h, p.w = 0, 0
		}
	}
	chunk := t.ChunkShape()
	if chunk == nil && survey.Quantised(t) {
		if v, err := t.Part(format.RoleValues); err == nil {
			chunk = v.ChunkShape()
		}
	}
	if len(chunk) == len(shape) && len(shape) > 0 {
		p.rows, p.columns = 1, 1
		if y >= 0 {
			p.rows = max(chunk[y], 1)
		}
		if x >= 0 {
			p.columns = max(chunk[x], 1)
		}
		p.encoded = false
	}
	return p, nil
}

// selection takes rows [r0, r1) and columns [c0, c1) in steps dr and dc, as ranges along all
// axes; a packed axis is taken in whole units. exact takes from that what is wanted,
// in the order of the axes.
func (p *plane) selection(r0, r1, dr, c0, c1, dc int64) (sel, exact tensor.Selection) {
	shape, d := p.t.Shape(), p.t.DType()
	sel, exact = make(tensor.Selection, len(shape)), make(tensor.Selection, len(shape))
	for axis := range shape {
		lo, hi, by := p.at[axis], p.at[axis]+1, int64(1)
		drop := true
		switch axis {
		case p.y:
			lo, hi, by, drop = r0, r1, dr, false
		case p.x:
			lo, hi, by, drop = c0, c1, dc, false
		}
		from, to, inside := lo, hi, by
		if e := int64(d.UnitElems); e > 1 && axis == len(shape)-1 {
			from, to, by = lo/e*e, min((hi+e-1)/e*e, shape[axis]), 1
		} else {
			inside = 1
		}
		sel[axis] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: from, Stop: to, Step: by}
		if drop {
			exact[axis] = tensor.SelectionItem{Kind: tensor.SelectIndex, Start: lo - from}
		} else if by == 1 { // nothing was left out
			exact[axis] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: lo - from, Stop: hi - from, Step: inside}
		} else {
			exact[axis] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: tensor.None, Stop: tensor.None, Step: tensor.None}
		}
	}
	return sel, exact
}

// with calls fn with a view of what sel takes: of the mapping, under guard, or a
// copy.
func (p *plane) with(ctx context.Context, sel tensor.Selection, fn func(v tensor.View) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := p.t.View(); err == nil {
		return p.t.Guard(func(v tensor.View) error {
			v, err := v.Select(sel)
			if err != nil {
				return err
			}
			return fn(v)
		})
	}
	v, err := survey.Pick{Tensor: p.t}.Read(ctx, sel)
	if err != nil {
		return err
	}
	return fn(v)
}

// matrix turns a view that selection gave to rows and columns.
func (p *plane) matrix(v tensor.View, exact tensor.Selection) (tensor.View, error) {
	v, err := v.Select(exact)
	if err != nil {
		return v, err
	}
	switch {
	case p.y < 0 && p.x < 0:
		if v, err = v.ExpandDims(0); err == nil {
			v, err = v.ExpandDims(0)
		}
	case p.y < 0:
		v, err = v.ExpandDims(0)
	case p.x < 0:
		v, err = v.ExpandDims(1)
	case p.y > p.x:
		v, err = v.Permute(1, 0)
	}
	return v, err
}

// unpacked is v as a dtype that is not packed and holds its values.
func unpacked(v tensor.View) (tensor.View, error) {
	switch d := v.DType(); {
	case !d.Packed():
		return v, nil
	case d.Class == tensor.ClassBlock:
		return survey.Numbers(context.Background(), v) // a strip, or a chunk
	case d.Class == tensor.ClassBool:
		return v.Cast(tensor.U8)
	case d.Class == tensor.ClassInt:
		return v.Cast(tensor.I8)
	case d.Class == tensor.ClassUint:
		return v.Cast(tensor.U8)
	}
	return v.Cast(tensor.F32)
}

// toReal writes the values of v to dst, which has as many, in C order; complex ones by
// magnitude, and NaN as the one NaN.
func toReal[T float](dst []T, v tensor.View) error {
	if v.NumElements() == 0 {
		return nil
	}
	if v.DType().Class == tensor.ClassComplex {
		wide, err := v.Cast(tensor.C128)
		if err != nil {
			return err
		}
		z, err := tensor.Data[complex128](wide)
		if err != nil {
			return err
		}
		for i, c := range z {
			dst[i] = T(math.Hypot(real(c), imag(c)))
		}
	} else {
		to, err := tensor.FromSlice(dst, v.Shape()...)
		if err != nil {
			return err
		}
		if err := tensor.Cast(to, v); err != nil {
			return err
		}
		if c := v.DType().Class; c != tensor.ClassFloat {
			return nil
		}
	}
	_, nan := marks[T]()
	for i, x := range dst {
		if x != x {
			dst[i] = nan
		}
	}
	return nil
}

// read writes rows [r0, r1) and columns [c0, c1) to dst. It fails as a whole.
func read[T float](ctx context.Context, p *plane, r0, r1, c0, c1 int64, dst []T) error {
	sel, exact := p.selection(r0, r1, 1, c0, c1, 1)
	return p.with(ctx, sel, func(v tensor.View) error {
		v, err := unpacked(v)
		if err == nil {
			v, err = p.matrix(v, exact)
		}
		if err != nil {
			return err
		}
		return toReal(dst, v)
	})
}

// chunkOf is the chunk that an error names, or "".
func chunkOf(err error) string {
	var e *tensorfile.Error
	if errors.As(err, &e) {
		return e.Chunk
	}
	return ""
}

// readMarked is read that marks what is damaged. Chunks that were appended to a tensor
// may begin anywhere, so a box in which something is damaged is halved until one chunk
// is all of it.
func readMarked[T float](ctx context.Context, p *plane, r0, r1, c0, c1 int64, dst []T) error {
	err := read(ctx, p, r0, r1, c0, c1, dst)
	if err == nil || !survey.IsDamage(err) || ctx.Err() != nil {
		return err
	}
	return readHalves(ctx, p, box{r0, r1, c0, c1}, dst, c1-c0)
}

// readHalves reads a box that cannot be read as a whole. Rows of dst are stride
// apart.
func readHalves[T float](ctx context.Context, p *plane, b box, dst []T, stride int64) error {
	// A chunk that has all four corners has all that is between them.
	var corners [4]string
	for i := range corners {
		r, c := b.r0, b.c0
		if i&1 != 0 {
			r = b.r1 - 1
		}
		if i&2 != 0 {
			c = b.c1 - 1
		}
		var one [1]T
		switch err := read(ctx, p, r, r+1, c, c+1, one[:]); {
		case err != nil && !survey.IsDamage(err):
			return err
		case err != nil:
			corners[i] = "damaged: " + chunkOf(err)
		}
	}
	height, width := b.r1-b.r0, b.c1-b.c0
	alike := corners[1] == corners[0] && corners[2] == corners[0] && corners[3] == corners[0]
	if alike && corners[0] != "" || height == 1 && width == 1 {
		damaged, _ := marks[T]()
		for r := range height {
			fill(dst[r*stride:r*stride+width], damaged)
		}
		return nil
	}
	halves := [2]box{b, b}
	if down := corners[0] != corners[1] || corners[2] != corners[3]; height > 1 && (down || alike || width == 1) {
		halves[0].r1 = b.r0 + height/2
		halves[1].r0 = halves[0].r1
	} else {
		halves[0].c1 = b.c0 + width/2
		halves[1].c0 = halves[0].c1
	}
	for _, half := range halves {
		to := dst[(half.r0-b.r0)*stride+half.c0-b.c0:]
		part := make([]T, half.elements())
		err := read(ctx, p, half.r0, half.r1, half.c0, half.c1, part)
		if err == nil {
			w := half.c1 - half.c0
			for r := range half.r1 - half.r0 {
				copy(to[r*stride:], part[r*w:(r+1)*w])
			}
		} else if survey.IsDamage(err) {
			err = readHalves(ctx, p, half, to, stride)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

const (
	// stripElements is about how many elements are looked at together.
	stripElements = 256 << 10
	// keptElements is how large a block of a chunked or encoded tensor may be to be
	// kept decoded.
	keptElements = 2 << 20
	// streamElements is the same for what decodes as a stream, from its beginning
	// again each time.
	streamElements = 7 << 20
)

// A box is a part of a plane.
type box struct{ r0, r1, c0, c1 int64 }

func (b box) elements() int64 { return (b.r1 - b.r0) * (b.c1 - b.c0) }

// block is the size of the boxes that are read and kept as wholes; 0: none are.
func (p *plane) block() (rows, columns int64) {
	switch {
	case p.rows > 0:
		if p.rows*p.columns <= keptElements && p.rows <= keptElements {
			return p.rows, p.columns
		}
	case p.encoded && p.w <= streamElements && p.w > 0:
		return max(min(streamElements/p.w, p.h), 1), p.w
	}
	return 0, 0
}

// boxes cuts a part of the plane into boxes, each of which can be read by itself: those
// of blocks as wholes, others no larger than a strip. Boxes of chunks lie in one chunk
// each.
func (p *plane) boxes(want box) []box {
	rows, columns := p.block()
	if rows == 0 {
		rows, columns = p.h, p.w
		if p.rows > 0 {
			rows, columns = p.rows, p.columns
		}
	}
	var list []box
	for r := want.r0 / rows * rows; r < want.r1; r += rows {
		for c := want.c0 / columns * columns; c < want.c1; c += columns {
			b := box{max(r, want.r0), min(r+rows, want.r1), max(c, want.c0), min(c+columns, want.c1)}
			height := max(stripElements/(b.c1-b.c0), 1)
			if kept, _ := p.block(); kept > 0 {
				height = b.r1 - b.r0
			} else if p.rows > 0 { // each read decodes all of the chunk
				height = max(keptElements/(b.c1-b.c0), 1)
			}
			for at := b.r0; at < b.r1; at += height {
				list = append(list, box{at, min(at+height, b.r1), b.c0, b.c1})
			}
		}
	}
	return list
}

type blockKey struct {
	planeKey
	row, column int64
}

// load returns the elements of a box that boxes gave, rows stride apart, damage marked: in
// room if that is large enough, or kept. They must not be changed.
func (p *plane) load(ctx context.Context, kept *cache, b box, room []float32) (list []float32, stride int64, err error) {
	rows, columns := p.block()
	if rows == 0 || kept == nil {
		list = within(room, b.elements())
		return list, b.c1 - b.c0, readMarked(ctx, p, b.r0, b.r1, b.c0, b.c1, list)
	}
	r0, c0 := b.r0/rows*rows, b.c0/columns*columns
	r1, c1 := min(r0+rows, p.h), min(c0+columns, p.w)
	list, err = fetch(kept, blockKey{p.key(), r0, c0}, func(l []float32) int64 { return int64(len(l)) * 4 }, func() ([]float32, error) {
		list := make([]float32, (r1-r0)*(c1-c0))
		return list, readMarked(ctx, p, r0, r1, c0, c1, list)
	})
	if err != nil {
		return nil, 0, err
	}
	return list[(b.r0-r0)*(c1-c0)+b.c0-c0:], c1 - c0, nil
}

// within is room of n elements, that which is there if it is enough.
func within(room []float32, n int64) []float32 {
	if int64(cap(room)) >= n {
		return room[:n]
	}
	return make([]float32, n)
}

// A surface is what tiles are made of: a plane, or the difference of two.
type surface interface {
	size() (h, w int64)
	tileID() any
	// cut says in which boxes a part is best read.
	cut(b box) []box
	// load reads a box: elements with rows stride apart, in room if they fit.
	load(ctx context.Context, kept *cache, b box, room []float32) (list []float32, stride int64, err error)
	// direct calls fn with the elements in place, if that is possible.
	direct(ctx context.Context, b box, fn func(row int64, x []float32)) (ok bool, err error)
	workers() int
}

func (p *plane) size() (h, w int64) { return p.h, p.w }
func (p *plane) tileID() any        { return p.key() }
func (p *plane) cut(b box) []box    { return p.boxes(b) }
func (p *plane) workers() int       { return p.jobs }

// direct looks at f32 on the mapping without a copy.
func (p *plane) direct(ctx context.Context, b box, fn func(row int64, x []float32)) (bool, error) {
	if p.t.DType() != tensor.F32 || p.x < 0 || p.t.Strides()[p.x] != 4 && p.w > 1 || p.t.Order() != tensor.HostOrder || p.rows > 0 || p.encoded {
		return false, nil
	}
	if _, err := p.t.View(); err != nil {
		return false, nil
	}
	ok := true
	strip := max(stripElements/max(b.c1-b.c0, 1), 1)
	for r := b.r0; r < b.r1 && ok; r += strip {
		end := min(r+strip, b.r1)
		sel, exact := p.selection(r, end, 1, b.c0, b.c1, 1)
		err := p.with(ctx, sel, func(v tensor.View) error {
			m, err := p.matrix(v, exact)
			if err != nil {
				return err
			}
			for i := r; i < end; i++ {
				row, err := m.Index(0, i-r)
				if err != nil {
					return err
				}
				x, err := tensor.Data[float32](row)
				if err != nil {
					if i > b.r0 {
						return err
					}
					ok = false // misaligned: nothing was given out yet
					return nil
				}
				fn(i, x)
			}
			return nil
		})
		if err != nil {
			return true, err
		}
	}
	return ok, nil
}

// eachBox reads the boxes of a part in their order, several at a time, and calls fn
// with each.
func eachBox(ctx context.Context, s surface, kept *cache, part box, fn func(b box, list []float32, stride int64)) error {
	list := s.cut(part)
	n := max(s.workers(), 1)
	type loaded struct {
		list, room []float32
		stride     int64
	}
	room := make([]loaded, min(n, len(list)))
	for from := 0; from < len(list); from += n {
		some := list[from:min(from+n, len(list))]
		err := parallel.Each(n, int64(len(some)), func(i int64) (err error) {
			x := &room[i]
			x.room = within(x.room, some[i].elements())
			x.list, x.stride, err = s.load(ctx, kept, some[i], x.room)
			return err
		})
		if err != nil {
			return err
		}
		for i, b := range some {
			fn(b, room[i].list, room[i].stride)
		}
	}
	return ctx.Err()
}
