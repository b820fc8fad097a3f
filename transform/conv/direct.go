package conv

import (
	"math"
	"runtime"
	"slices"

	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/internal/kernel"
	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

type float interface{ float32 | float64 }

// addTaps adds to each result weights times what stands at taps of the source.
type addTaps[T float] func(dst, src []T, taps kernel.Taps, weights []T)

func addTapsF32(dst, src []float32, taps kernel.Taps, weights []float32) {
	kernel.AddTapsF32(dst, src, taps, weights)
}

func addTapsF64(dst, src []float64, taps kernel.Taps, weights []float64) {
	kernel.AddTapsF64(dst, src, taps, weights)
}

// A convolver computes blocks of the result, each of one group of one member of
// the batch and a range of the first and of the last spatial axis. For a block
// it packs what the kernels see of the input, cast and with its padding; then
// the elements under a row of results are found at fixed distances, the taps,
// whatever strides, dilations and stride of the kernel were.
//
// Along an axis with stride s, input y*s + k*d lies in phase (k*d)%s, at
// y + (k*d)/s of it. So phases are packed apart, those that a kernel uses.
type convolver[T float] struct {
	*geometry
	in      tensor.View // (batch, channels*groups, spatial...)
	out     []T         // C order
	weights []T         // (filters, channels, kernel), as they are applied
	bias    []T
	add     addTaps[T]

	rows, columns int64 // results of a block along the first and the last axis
	near          int64 // results of a row for one filter after the other
}

const (
	// packSize is the number of input elements to pack at a time: they should
	// stay in the second-level cache while all filters pass over them.
	packSize = 1 << 17

	// nearSize is the number of elements that stay in the first-level cache while
	// one filter after the other is applied to them: results in multiples of
	// nearStep, the pace of the kernels, times taps.
	nearSize = 8192
	nearStep = 64

	// columnsMax bounds a block of long rows.
	columnsMax = 4096

	// maxPacked bounds the elements that a worker packs.
	maxPacked = 1 << 28

	// shareMin is the number of products that is worth a second goroutine.
	shareMin = 1 << 20
)

// run computes all blocks.
func (c *convolver[T]) run(workers int) error {
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	if float64(len(c.out))*float64(c.taps()) < shareMin {
		workers = 1
	}
	last := len(c.axes) - 1
	c.rows, c.columns = 1, min(c.axes[last].out, columnsMax)
	// Sizes are compared as floats, which do not overflow; Make is exact.
	around := float64(c.channels)
	for i := range c.axes {
		a := &c.axes[i]
		switch n := float64(a.last()) + float64(a.out); i {
		case last:
			around *= float64(len(a.phases())) * (float64(a.last()) + float64(c.columns))
		case 0:
			around *= float64(len(a.phases()))
		default:
			around *= float64(len(a.phases())) * n
		}
	}
	if last > 0 {
		first := &c.axes[0]
		fit := packSize/around - float64(first.last())
		c.rows = min(first.out, max(1, int64(min(fit, float64(math.MaxInt32)))))
		parts := (first.out-1)/c.rows + 1
		if workers > 1 { // a few blocks for each
			parts = min(first.out, max(parts, 4*int64(workers)/(c.batch*c.groups*c.across())))
		}
		c.rows = (first.out-1)/parts + 1
	}
	c.near = max(c.columns, nearSize/8)
	if c.filters > c.groups {
		c.near = max(nearSize/c.taps()/nearStep, 1) * nearStep
	}
	blocks := c.batch * c.groups * c.down() * c.across()
	return parallel.EachWith(workers, blocks, func() *block[T] { return newBlock(c) }, func(b *block[T], i int64) error { return b.run(i) })
}

// down and across are the numbers of blocks along the first and last axis.
func (c *convolver[T]) down() int64 {
	if len(c.axes) == 1 {
		return 1
	}
	return (c.axes[0].out-1)/c.rows + 1
}

func (c *convolver[T]) across() int64 { return (c.axes[len(c.axes)-1].out-1)/c.columns + 1 }

// taps is the number of products in a result.
func (g *geometry) taps() int64 {
	n := g.channels
	for _, a := range g.axes {
		n *= a.kernel
	}
	return n
}

// phases are the phases of an axis that a kernel uses, ascending in the order of
// its elements.
func (a *axis) phases() []int64 {
	var list []int64
	seen := map[int64]bool{}
	for k := range a.kernel {
		p := k * a.dilation % a.stride
		if seen[p] {
			break // from here on they repeat
		}
		seen[p] = true
		list = append(list, p)
	}
	return list
}

// A block is the room of one worker, and what it computes at the moment.
type block[T float] struct {
	*convolver[T]
	phases [][]int64 // of each axis
	packed []T
	line   []T
	taps   kernel.Taps

	// Of the results: where the block begins, and its extents.
	from, n []int64

	// Of what is packed: extents along each axis, and distances of elements and of
	// phases.
	extent, step, phase []int64
	plane               int64 // distance of channels
}

func newBlock[T float](c *convolver[T]) *block[T] {
	k := len(c.axes)
	b := &block[T]{convolver: c, phases: make([][]int64, k), from: make([]int64, k), n: make([]int64, k), extent: make([]int64, k), step: make([]int64, k), phase: make([]int64, k)}
	for i := range c.axes {
		b.phases[i] = c.axes[i].phases()
		b.n[i] = -1
	}
	return b
}

// run computes block number i.
func (b *block[T]) run(i int64) error {
	across, down := b.across(), b.down()
	x, y := i%across, i/across%down
	i /= across * down
	group, member := i%b.groups, i/b.groups
	first, last := 0, len(b.axes)-1
	before := append([]int64(nil), b.n...)
	for k, a := range b.axes {
		b.from[k], b.n[k] = 0, a.out
	}
	if last > 0 {
		b.from[first] = y * b.rows
		b.n[first] = min(b.rows, b.axes[first].out-b.from[first])
	}
	b.from[last] = x * b.columns
	b.n[last] = min(b.columns, b.axes[last].out-b.from[last])
	for k := range before {
		if before[k] != b.n[k] {
			if err := b.layout(); err != nil {
				return err
			}
			break
		}
	}
	if err := b.pack(member, group); err != nil {
		return err
	}
	b.compute(member, group)
	return nil
}

// layout plans what is packed for a block of these extents.
func (b *block[T]) layout() error {
	s := tensor.Shape{b.channels}
	for k := range b.axes {
		b.extent[k] = b.n[k] + b.axes[k].last()
		s = append(s, int64(len(b.phases[k])), b.extent[k])
	}
	total, err := s.NumElements()
	if err != nil {
		return err
	}
	if total > maxPacked {
		return fail(tensor.ErrLimit, "convolution", "input of "+s.String()+" under a block of results", "at most "+itoa(maxPacked)+" elements")
	}
	step := int64(1)
	for k := len(b.axes) - 1; k >= 0; k-- {
		b.step[k] = step
		step *= b.extent[k]
		b.phase[k] = step
		step *= int64(len(b.phases[k]))
	}
	b.plane = step
	if int64(cap(b.packed)) < total {
		b.packed = make([]T, total)
	}
	b.packed = b.packed[:total]
	// The taps, channels first, then the kernel in C order.
	off := make([]int, 0, b.geometry.taps())
	index := make([]int64, len(b.axes))
	for c := range b.channels {
		for {
			at := c * b.plane
			for k, i := range index {
				a := &b.axes[k]
				at += i*a.dilation/a.stride*b.step[k] + i%int64(len(b.phases[k]))*b.phase[k]
			}
			off = append(off, int(at))
			if !next(index, func(k int) int64 { return b.axes[k].kernel }) {
				break
			}
		}
	}
	b.taps = kernel.NewTaps(off)
	return nil
}

// next counts index up, the last axis fastest; false after the last.
func next(index []int64, n func(k int) int64) bool {
	for k := len(index) - 1; k >= 0; k-- {
		if index[k]++; index[k] < n(k) {
			return true
		}
		index[k] = 0
	}
	return false
}

// pack copies what the kernels see, phase by phase.
func (b *block[T]) pack(member, group int64) error {
	src, err := b.in.Index(0, member)
	if err != nil {
		return err
	}
	if src, err = src.Slice(0, group*b.channels, (group+1)*b.channels, 1); err != nil {
		return err
	}
	clipped := false
	ranges := make([][]inside, len(b.axes))
	for k := range b.axes {
		for _, p := range b.phases[k] {
			r := b.axes[k].inside(b.from[k]*b.axes[k].stride+p, b.extent[k])
			ranges[k] = append(ranges[k], r)
			clipped = clipped || r.n < b.extent[k]
		}
	}
	if clipped {
		clear(b.packed)
	}
	d := tensor.DTypeOf[T]()
	size := int64(d.UnitBytes)
	memory := cast.Bytes(b.packed)
	index := make([]int64, len(b.axes))
	for {
		from, at := src, int64(0)
		shape, strides := tensor.Shape{b.channels}, tensor.Strides{b.plane * size}
		for k, p := range index {
			r, stride := ranges[k][p], b.axes[k].stride
			stop := r.from
			if r.n > 0 {
				stop += (r.n-1)*stride + 1
			}
			if from, err = from.Slice(k+1, r.from, stop, stride); err != nil {
				return err
			}
			at += p*b.phase[k] + r.skip*b.step[k]
			shape, strides = append(shape, r.n), append(strides, b.step[k]*size)
		}
		if from.NumElements() > 0 {
			to, err := tensor.NewView(memory, d, shape, strides, at*size, tensor.HostOrder)
			if err != nil {
				return err
			}
			if err := tensor.Cast(to, from); err != nil {
				return err
			}
		}
		if !next(index, func(k int) int64 { return int64(len(b.phases[k])) }) {
			return nil
		}
	}
}

// inside is the part of a packed phase that is not padding: n elements, skip
// behind its beginning, which are those of the input from one on, a stride apart.
type inside struct{ skip, from, n int64 }

// inside is that of the phase that begins at place at of the padded input and
// has extent elements.
func (a *axis) inside(at, extent int64) (r inside) {
	at -= a.before
	if at < 0 {
		r.skip = min((-at-1)/a.stride+1, extent)
	}
	end := r.skip
	if room := a.in - 1 - at; room >= 0 {
		end = max(end, min(room/a.stride+1, extent))
	}
	if r.n = end - r.skip; r.n > 0 {
		r.from = at + r.skip*a.stride
	}
	return r
}

// compute adds up the results of all filters of a group, plane by plane of the
// last two axes.
func (b *block[T]) compute(member, group int64) {
	outer := max(len(b.axes)-2, 0)
	filters := b.filters / b.groups
	size := int64(1) // of all results of a filter
	for _, a := range b.axes {
		size *= a.out
	}
	index := make([]int64, outer)
	for {
		src, dst := int64(0), int64(0)
		for k, a := range b.axes {
			dst = dst*a.out + b.from[k]
			if k < outer {
				src += index[k] * b.step[k]
				dst += index[k]
			}
		}
		first := group * filters
		b.computePlane(src, (member*b.filters+first)*size+dst, size, first)
		if !next(index, func(k int) int64 { return b.n[k] }) {
			return
		}
	}
}

// computePlane works in lines: parts of a row or, where rows are short beside the
// pace of the kernels, several rows with what lies between them in the packed
// input, whose sums nobody wants. src and dst are where the plane begins, size is
// the distance of filters in the result, first the first of them.
func (b *block[T]) computePlane(src, dst, size, first int64) {
	last := len(b.axes) - 1
	wide, rows, pitch, width := b.n[last], int64(1), b.n[last], b.axes[last].out
	if last > 0 {
		rows, pitch = b.n[last-1], b.step[last-1]
	}
	filters, taps := b.filters/b.groups, b.geometry.taps()
	add := func(out []T, src, f int64) {
		for i := range out {
			out[i] = b.bias[f]
		}
		b.add(out, b.packed[src:], b.taps, b.weights[f*taps:][:taps])
	}
	if 5*pitch < 4*((wide-1)/nearStep+1)*nearStep {
		lines := max(b.near/pitch, 1)
		for y := int64(0); y < rows; y += lines {
			n := min(lines, rows-y)
			b.line = slices.Grow(b.line[:0], int((n-1)*pitch+wide))[:(n-1)*pitch+wide]
			for f := range filters {
				add(b.line, src+y*pitch, first+f)
				for i := range n {
					copy(b.out[dst+f*size+(y+i)*width:][:wide], b.line[i*pitch:])
				}
			}
		}
		return
	}
	for y := range rows {
		for x := int64(0); x < wide; x += b.near {
			n := min(b.near, wide-x)
			for f := range filters {
				add(b.out[dst+f*size+y*width+x:][:n], src+y*pitch+x, first+f)
			}
		}
	}
}
