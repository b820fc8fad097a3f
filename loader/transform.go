package loader

import (
	"fmt"
	"slices"

	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/internal/kernel"
	"github.com/tensorfile/tensorfile/tensor"
)

const (
	// smallRow is the size of a sample up to which several are brought together
	// before they are converted: a conversion costs as much to begin.
	smallRow = 8 << 10
	// hotBytes stay in the second-level cache between two steps.
	hotBytes = 128 << 10
	// mostTurned is the size of a sample up to which its elements are put in
	// order as they are before they are converted, which costs less than to
	// convert them from where they lie.
	mostTurned = 512 << 10
	// streamRow is copied past the caches if the batch has streamBatch bytes, of
	// which little would be left in them.
	streamRow   = 16 << 10
	streamBatch = 4 << 20
	// leastLookup is the number of neighbours of one channel from which on a
	// table is worth it.
	leastLookup = 64
)

// A shaper makes rows of a batch from samples in memory. It is not changed once
// it is made.
type shaper struct {
	in, out, work tensor.DType // stored, of the batch, and that in which scale and bias count
	order         tensor.ByteOrder

	row  tensor.Shape   // of one sample by the axes in which it is copied
	at   int            // the axis of the samples among them, where row has 1
	from tensor.Strides // in memory; at the axis of the samples the step to the next one

	inBytes, outBytes int64 // of a sample
	close             bool  // the bytes of a sample lie together
	plain             bool  // and as they are in a batch
	turned            bool  // they are put in order first

	scale, bias []float64
	channel     int
	scale32     []float32
	bias32      []float32
	tables      []*kernel.Table // of elements of one byte: the results, by channel

	final func(n int64) (tensor.Shape, error) // of a batch
}

// newShaper makes the shaper for samples that lie as those of one do, a view of
// a single one. step is what is between two.
func newShaper(one tensor.View, axis int, step int64, src Source) (*shaper, error) {
	s := &shaper{in: one.DType(), out: src.DType, order: one.Order(), inBytes: one.ByteSize(), close: one.IsContiguous()}
	if s.out == (tensor.DType{}) {
		s.out = s.in
	}
	var err error
	if src.Rearrange == "" {
		shape := one.Shape()
		s.row, s.from, s.at = shape.Clone(), slices.Clone(one.Strides()), axis
		s.final = func(n int64) (tensor.Shape, error) { return with(shape, axis, n), nil }
	} else if err = s.rearrange(one, axis, src); err != nil {
		return nil, err
	}
	s.from[s.at] = step
	if s.out.Packed() && s.at == len(s.row)-1 {
		return nil, bad(tensor.ErrUnsupported, "axis of the samples", "the last one", "another for packed "+s.out.String())
	}
	if s.outBytes, err = tensor.ByteSize(s.out, s.row); err != nil {
		return nil, err
	}
	if err := s.setScale(src); err != nil {
		return nil, err
	}
	if s.out != s.in || s.scaled() {
		// What cannot be cast is refused before anything is read.
		if err := castable(s.out, s.in); err != nil {
			return nil, err
		}
	}
	swapped := s.order != tensor.HostOrder && s.in.UnitBytes > 1
	s.turned = (s.out != s.in || s.scaled()) && !s.in.Packed() && s.inBytes <= mostTurned && !s.inOrder()
	if s.scaled() && s.in.UnitBytes == 1 && !s.in.Packed() && !s.out.Packed() && s.outBytes > 0 {
		if err := s.makeTables(); err != nil {
			return nil, err
		}
	}
	s.plain = s.close && s.outer() == 1 && s.out == s.in && !s.scaled() && !swapped && !s.in.Packed() && s.inOrder()
	return s, nil
}

// with is a shape with another extent.
func with(s tensor.Shape, axis int, n int64) tensor.Shape {
	s = s.Clone()
	s[axis] = n
	return s
}

// rearrange finds the axes by which a pattern copies. That of the samples is
// the one that grows with them.
func (s *shaper) rearrange(one tensor.View, axis int, src Source) error {
	p, err := tensor.ParsePattern(src.Rearrange)
	if err != nil {
		return err
	}
	// Batches of one sample again and again.
	probe := func(n int64) (tensor.View, error) {
		lo, _, err := tensor.Reach(s.in, one.Shape(), one.Strides(), one.Offset())
		if err != nil {
			return one, err
		}
		strides := slices.Clone(one.Strides())
		strides[axis] = 0
		v, err := tensor.NewView(one.Span(), s.in, with(one.Shape(), axis, n), strides, one.Offset()-lo, s.order)
		if err == nil {
			v, _, err = p.Align(v, src.Sizes)
		}
		return v, err
	}
	two, err := probe(2)
	if err != nil {
		return err
	}
	three, err := probe(3)
	if err != nil {
		return err
	}
	s.at = -1
	for i, n := range two.Shape() {
		if n == 2 && three.Shape()[i] == 3 {
			s.at = i
		}
	}
	if s.at < 0 {
		return bad(tensor.ErrUnsupported, "Rearrange", tensor.Quote(src.Rearrange), "a pattern that does not cut the axis of the samples: batches can be cut afterwards, without a copy")
	}
	s.row, s.from = with(two.Shape(), s.at, 1), slices.Clone(two.Strides())
	shape := one.Shape()
	s.final = func(n int64) (tensor.Shape, error) { return p.OutShape(with(shape, axis, n), src.Sizes) }
	return nil
}

func castable(to, from tensor.DType) error {
	src, err := tensor.Make(from, tensor.Shape{0})
	if err == nil {
		_, err = src.Cast(to)
	}
	return err
}

// inOrder reports whether the elements of a sample lie as those of a batch do.
func (s *shaper) inOrder() bool {
	st, err := tensor.Contiguous(s.in, s.row)
	if err != nil {
		return false
	}
	for i, n := range s.row {
		if n > 1 && st[i] != s.from[i] {
			return false
		}
	}
	return true
}

// outer is the number of pieces in which the samples lie in a batch.
func (s *shaper) outer() int64 {
	n := int64(1)
	for _, e := range s.row[:s.at] {
		n *= e
	}
	return n
}

func (s *shaper) scaled() bool { return s.scale != nil }

func (s *shaper) setScale(src Source) error {
	if src.Scale == nil && src.Bias == nil {
		return nil
	}
	shape, err := s.final(1)
	if err != nil {
		return err
	}
	n := max(len(src.Scale), len(src.Bias), 1)
	if n > 1 {
		c := src.Channel
		if c < 0 {
			c += len(shape)
		}
		if c < 0 || c >= len(shape) {
			return bad(tensor.ErrIndex, "Channel", fmt.Sprint(src.Channel), fmt.Sprintf("an axis of %v", shape))
		}
		two, err := s.final(2)
		if err != nil {
			return err
		}
		if int64(n) != shape[c] || two[c] != shape[c] {
			return bad(tensor.ErrShape, "Scale and Bias", fmt.Sprintf("%d numbers for axis %d of a batch, with one sample %v", n, c, shape), "one, or one for each index of an axis other than that of the samples")
		}
		s.channel = c
	}
	spread := func(list []float64, rest float64) ([]float64, error) {
		out := make([]float64, n)
		for i := range out {
			switch len(list) {
			case 0:
				out[i] = rest
			case 1:
				out[i] = list[0]
			case n:
				out[i] = list[i]
			default:
				return nil, bad(tensor.ErrShape, "Scale and Bias", fmt.Sprintf("%d and %d numbers", len(src.Scale), len(src.Bias)), "one or as many")
			}
		}
		return out, nil
	}
	if s.scale, err = spread(src.Scale, 1); err == nil {
		s.bias, err = spread(src.Bias, 0)
	}
	if err != nil {
		return err
	}
	s.work = tensor.F32
	for _, d := range []tensor.DType{s.in, s.out} {
		switch d.Class {
		case tensor.ClassComplex:
			return bad(tensor.ErrDType, "Scale and Bias", d.String(), "a real dtype")
		case tensor.ClassInt, tensor.ClassUint:
			if d.Bits >= 32 {
				s.work = tensor.F64
			}
		}
		if d == tensor.F64 {
			s.work = tensor.F64
		}
	}
	for i := range n {
		s.scale32, s.bias32 = append(s.scale32, float32(s.scale[i])), append(s.bias32, float32(s.bias[i]))
	}
	return nil
}

// makeTables has every byte converted once, for each channel.
func (s *shaper) makeTables() error {
	var all [256]byte
	for i := range all {
		all[i] = byte(i)
	}
	src, err := tensor.NewView(all[:], s.in, tensor.Shape{256}, nil, 0, tensor.HostOrder)
	if err != nil {
		return err
	}
	x := make([]float64, 256)
	x32 := make([]float32, 256)
	for c := range s.scale {
		work, err := tensor.FromSlice(x32)
		if s.work == tensor.F64 {
			work, err = tensor.FromSlice(x)
		}
		if err == nil {
			err = tensor.Cast(work, src)
		}
		if err != nil {
			return err
		}
		affine(x32, 0, 1, s.scale32[c:c+1], s.bias32[c:c+1])
		affine(x, 0, 1, s.scale[c:c+1], s.bias[c:c+1])
		out, err := work.Cast(s.out)
		if err != nil {
			return err
		}
		b, err := out.Bytes()
		if err != nil {
			return err
		}
		s.tables = append(s.tables, kernel.NewTable(b, int(s.out.UnitBytes)))
	}
	return nil
}

// scratchBytes is at most what a worker needs for it.
func (s *shaper) scratchBytes() int64 {
	n := int64(0)
	if !s.plain && s.close && s.inBytes <= smallRow {
		n += hotBytes
	}
	if s.scaled() && s.work != s.out {
		n += max(hotBytes, s.workBytes())
	}
	if s.turned || s.tables != nil {
		n += max(hotBytes, s.inBytes)
	}
	return n
}

func (s *shaper) workBytes() int64 {
	n, _ := tensor.ByteSize(s.work, s.row) // not larger than what fits one sample
	return n
}

// A target is the memory of one source in a batch of n samples.
type target struct {
	mem     []byte
	n       int64
	strides tensor.Strides // by the axes of shaper.row
	inner   int64          // elements of an index of the channel, scaled only
	lookup  bool           // by the tables
	x32     []float32      // the memory, if scaled in place
	x64     []float64
}

// prepare makes t ready for n samples.
func (s *shaper) prepare(t *target, n int64) error {
	shape := s.row.Clone()
	shape[s.at] = n
	var err error
	if t.strides, err = tensor.Contiguous(s.out, shape); err != nil {
		return err
	}
	t.n = n
	if !s.scaled() {
		return nil
	}
	final, err := s.final(n)
	if err != nil {
		return err
	}
	t.inner = 1
	for _, e := range final[s.channel+1:] {
		t.inner *= e
	}
	t.lookup = s.tables != nil && (len(s.tables) == 1 || t.inner >= leastLookup)
	t.x32, t.x64 = nil, nil
	if s.work == s.out {
		if s.work == tensor.F32 {
			t.x32, _ = cast.Slice[float32](t.mem)
		} else {
			t.x64, _ = cast.Slice[float64](t.mem)
		}
	}
	return nil
}

// view is the batch of the first n samples of t, which may be fewer than it was
// prepared for.
func (s *shaper) view(t *target, n int64) (tensor.View, error) {
	final, err := s.final(n)
	if err != nil {
		return tensor.View{}, err
	}
	if n < t.n && s.outer() > 1 {
		// Samples were lost where they are not the outermost axis.
		shape := s.row.Clone()
		shape[s.at] = n
		v, err := tensor.NewView(t.mem, s.out, shape, t.strides, 0, tensor.HostOrder)
		if err == nil {
			v, err = v.Clone()
		}
		if err != nil {
			return v, err
		}
		b, err := v.Bytes()
		if err != nil {
			return v, err
		}
		return tensor.NewView(b, s.out, final, nil, 0, tensor.HostOrder)
	}
	return tensor.NewView(t.mem, s.out, final, nil, 0, tensor.HostOrder)
}

// scratch is the memory of one worker.
type scratch struct {
	local   []int32 // by row of a piece: the block that has the sample
	shape   tensor.Shape
	strides tensor.Strides
	dense   tensor.Strides
	turned  tensor.Strides
	stage   []byte
	mid     []byte
	work32  []float32
	work64  []float64
}

// fill converts samples that lie in memory at steps to rows [j, j+k) of t.
func (s *shaper) fill(w *scratch, t *target, j, k int64, data []byte, off, step int64) error {
	if s.plain && (k == 1 || step == s.inBytes) {
		dst, src := t.mem[j*s.outBytes:(j+k)*s.outBytes], data[off:off+k*s.inBytes]
		if len(dst) >= streamRow && t.n*s.outBytes >= streamBatch {
			kernel.CopyStream(dst, src)
		} else {
			copy(dst, src)
		}
		return nil
	}
	w.strides = append(w.strides[:0], s.from...)
	w.strides[s.at] = step
	most := k
	if s.scaled() || s.turned {
		most = max(hotBytes/max(s.outBytes, s.workBytes(), s.inBytes, 1), 1)
	}
	for ; k > 0; j, k, off = j+most, k-most, off+most*step {
		m := min(most, k)
		w.shape = append(w.shape[:0], s.row...)
		w.shape[s.at] = m
		src, err := tensor.NewView(data, s.in, w.shape, w.strides, off, s.order)
		if err != nil {
			return err
		}
		if s.turned || t.lookup && !src.IsContiguous() {
			if src, err = w.turn(s, src); err != nil {
				return err
			}
		}
		if t.lookup {
			if err := s.lookup(w, t, j, m, src); err != nil {
				return err
			}
			continue
		}
		dst, err := tensor.NewView(t.mem, s.out, w.shape, t.strides, j*t.strides[s.at], tensor.HostOrder)
		if err != nil {
			return err
		}
		switch {
		case s.scaled():
			err = s.fillScaled(w, t, j, m, dst, src)
		case s.in == s.out:
			err = tensor.Copy(dst, src)
		default:
			err = tensor.Cast(dst, src)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// turn copies a view to memory of the worker, in C order.
func (w *scratch) turn(s *shaper, src tensor.View) (tensor.View, error) {
	if n := src.ByteSize(); int64(len(w.mid)) < n {
		w.mid = make([]byte, n)
	}
	w.turned = denseStrides(w.turned, w.shape, s.in)
	mid, err := tensor.NewView(w.mid, s.in, w.shape, w.turned, 0, s.order)
	if err != nil {
		return mid, err
	}
	return mid, tensor.Copy(mid, src)
}

// denseStrides are those of C order, in memory that is used again.
func denseStrides(st tensor.Strides, shape tensor.Shape, d tensor.DType) tensor.Strides {
	st = append(st[:0], shape...)
	step := int64(d.UnitBytes)
	for i := len(shape) - 1; i >= 0; i-- {
		st[i] = step
		step *= shape[i]
	}
	return st
}

// rowElems is the number of elements of a sample in one of its pieces.
func (s *shaper) rowElems() int64 {
	n := int64(1)
	for _, e := range s.row[s.at+1:] {
		n *= e
	}
	return n
}

// lookup writes k rows of a contiguous view of bytes by the tables.
func (s *shaper) lookup(w *scratch, t *target, j, k int64, src tensor.View) error {
	from, err := src.Bytes()
	if err != nil {
		return err
	}
	size, run := int64(s.out.UnitBytes), k*s.rowElems()
	for o := range s.outer() {
		at := (o*t.n + j) * s.rowElems()
		x := from[o*run : (o+1)*run]
		if len(s.tables) == 1 {
			kernel.Lookup(t.mem[at*size:(at+run)*size], x, s.tables[0], false)
			continue
		}
		for len(x) > 0 {
			c := at / t.inner % int64(len(s.tables))
			n := min(t.inner-at%t.inner, int64(len(x)))
			kernel.Lookup(t.mem[at*size:(at+n)*size], x[:n], s.tables[c], false)
			at, x = at+n, x[n:]
		}
	}
	return nil
}

// fillScaled converts k rows and scales them while they are in the cache: in
// place, or in memory of the worker if the batch has another dtype than the
// sums.
func (s *shaper) fillScaled(w *scratch, t *target, j, k int64, dst, src tensor.View) error {
	rowElems := s.rowElems()
	if s.work == s.out {
		if err := tensor.Cast(dst, src); err != nil {
			return err
		}
		for o := range s.outer() {
			at := (o*t.n + j) * rowElems
			if s.work == tensor.F32 {
				affine(t.x32[at:at+k*rowElems], at, t.inner, s.scale32, s.bias32)
			} else {
				affine(t.x64[at:at+k*rowElems], at, t.inner, s.scale, s.bias)
			}
		}
		return nil
	}
	n := s.outer() * k * rowElems
	w.dense = denseStrides(w.dense, w.shape, s.work)
	var mem []byte
	if s.work == tensor.F32 {
		if int64(len(w.work32)) < n {
			w.work32 = make([]float32, n)
		}
		mem = cast.Bytes(w.work32)
	} else {
		if int64(len(w.work64)) < n {
			w.work64 = make([]float64, n)
		}
		mem = cast.Bytes(w.work64)
	}
	mid, err := tensor.NewView(mem, s.work, w.shape, w.dense, 0, tensor.HostOrder)
	if err == nil {
		err = tensor.Cast(mid, src)
	}
	if err != nil {
		return err
	}
	for o := range s.outer() {
		at, from := (o*t.n+j)*rowElems, o*k*rowElems
		if s.work == tensor.F32 {
			affine(w.work32[from:from+k*rowElems], at, t.inner, s.scale32, s.bias32)
		} else {
			affine(w.work64[from:from+k*rowElems], at, t.inner, s.scale, s.bias)
		}
	}
	return tensor.Cast(dst, mid)
}

// affine makes scale*x+bias of elements that stand at off of a batch in which
// an index of the channel has inner elements. No machine fuses the two.
func affine[T float32 | float64](x []T, off, inner int64, scale, bias []T) {
	if len(scale) == 1 {
		a, b := scale[0], bias[0]
		for i, v := range x {
			x[i] = T(v*a) + b
		}
		return
	}
	c := int(off / inner % int64(len(scale)))
	if inner == 1 {
		for i, v := range x {
			x[i] = T(v*scale[c]) + bias[c]
			if c++; c == len(scale) {
				c = 0
			}
		}
		return
	}
	for skip := off % inner; len(x) > 0; skip = 0 {
		n := min(inner-skip, int64(len(x)))
		affine(x[:n], 0, 1, scale[c:c+1], bias[c:c+1])
		x = x[n:]
		if c++; c == len(scale) {
			c = 0
		}
	}
}
