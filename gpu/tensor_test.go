package gpu

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// sampleTypes are dtypes of every width, packed ones and blocks among them.
func sampleTypes() []tensor.DType {
	q8, _ := tensor.Block(8)
	return []tensor.DType{tensor.U8, tensor.I16, tensor.BF16, tensor.F32, tensor.F64, tensor.C128, tensor.Bool1, tensor.U4, tensor.F6E2M3, tensor.Opaque(3), tensor.Text(16), q8}
}

// A tensor on the device takes every cut, turn and shape that a view takes, and
// refuses what it refuses; read back, by whatever strides and byte order, it is the
// view.
func TestTensorsAreViews(t *testing.T) {
	const seed = 20261121
	r := rand.New(rand.NewPCG(seed, 0))
	d := openClean(t, nil)
	ops, refused, reads := 0, 0, 0
	for range 250 {
		types := sampleTypes()
		dt := types[r.IntN(len(types))]
		shape := make(tensor.Shape, 1+r.IntN(4))
		for i := range shape {
			shape[i] = r.Int64N(6)
		}
		last := len(shape) - 1
		if dt.Packed() {
			shape[last] *= int64(dt.UnitElems)
			if dt.Class != tensor.ClassBlock {
				shape[last] += r.Int64N(int64(dt.UnitElems))
			}
		}
		size := must(tensor.ByteSize(dt, shape))(t)
		offset, order := r.Int64N(9), tensor.ByteOrder(r.IntN(2))
		data := aperiodic(r.Uint64(), int(size+offset+r.Int64N(5)))
		b := bytesOf(t, d, data)
		v := must(tensor.NewView(data, dt, shape, nil, offset, order))(t)
		x := must(NewTensor(b, dt, shape, nil, offset, order))(t)
		for range 6 {
			ops++
			nv, verr, nx, xerr := step(r, v, x)
			if (verr == nil) != (xerr == nil) {
				t.Fatalf("seed %d: %v %v: view says %v, device says %v", seed, dt, v.Shape(), verr, xerr)
			}
			if verr != nil {
				refused++
				for _, kind := range []error{tensor.ErrIndex, tensor.ErrShape, tensor.ErrUnsupported, tensor.ErrNotContiguous} {
					if errors.Is(verr, kind) != errors.Is(xerr, kind) {
						t.Fatalf("seed %d: view says %v, device says %v", seed, verr, xerr)
					}
				}
				continue
			}
			v, x = nv, nx
			if !v.Shape().Equal(x.Shape()) || v.NumElements() != x.NumElements() || v.ByteSize() != x.ByteSize() || v.IsContiguous() != x.IsContiguous() || v.Rank() != x.Rank() {
				t.Fatalf("seed %d: view %v %v, device %v %v", seed, v.Shape(), v.Strides(), x.Shape(), x.Strides())
			}
			if v.NumElements() > 1 {
				for axis, e := range v.Shape() {
					if e > 1 && v.Strides()[axis] != x.Strides()[axis] {
						t.Fatalf("seed %d: axis %d: view %v, device %v", seed, axis, v.Strides(), x.Strides())
					}
				}
				if v.Offset() != x.Offset() {
					t.Fatalf("seed %d: view at %d, device at %d", seed, v.Offset(), x.Offset())
				}
			}
		}
		got := must(x.Read(ctx))(t)
		mustEqual(t, got, v)
		// Into other strides and the other byte order.
		if !dt.Packed() && v.Rank() > 0 && dt != tensor.Opaque(3) {
			st := must(tensor.FortranStrides(dt, v.Shape()))(t)
			for i := range st {
				st[i] *= 2
			}
			_, hi := must2(tensor.Reach(dt, v.Shape(), st, 1))(t)
			dst := must(tensor.NewView(make([]byte, hi), dt, v.Shape(), st, 1, 1-v.Order()))(t)
			ok(t, x.ReadTo(ctx, dst))
			mustEqual(t, dst, v)
			reads++
		}
		// And back: written from strides, in another byte order, it is the same.
		y := must(d.Make(dt, v.Shape()))(t)
		ok(t, y.Write(ctx, v))
		mustEqual(t, must(y.Read(ctx))(t), v)
		if !x.IsContiguous() {
			wantKind(t, x.Write(ctx, v), tensor.ErrNotContiguous)
		}
		ok(t, y.Free(), b.Free())
	}
	t.Logf("seed %d: %d steps, %d refused by both, %d reads into other strides", seed, ops, refused, reads)
	if refused < 100 || refused > ops*2/3 || reads < 50 {
		t.Error("the steps are one-sided")
	}
}

func must2[A, B any](a A, b B, err error) func(testing.TB) (A, B) {
	return func(t testing.TB) (A, B) {
		t.Helper()
		ok(t, err)
		return a, b
	}
}

// mustEqual compares the elements bit for bit.
func mustEqual(t *testing.T, got, want tensor.View) {
	t.Helper()
	if got.DType() != want.DType() || !got.Shape().Equal(want.Shape()) {
		t.Fatalf("got %v %v, want %v %v", got.DType(), got.Shape(), want.DType(), want.Shape())
	}
	if same := must(tensor.Equal(got, want))(t); !same {
		t.Fatalf("%v %v: elements differ", want.DType(), want.Shape())
	}
}

// step does the same to both, of which much is refused.
func step(r *rand.Rand, v tensor.View, x *Tensor) (tensor.View, error, *Tensor, error) {
	rank := len(v.Shape())
	axis := r.IntN(2*rank+2) - rank - 1
	switch r.IntN(5) {
	case 0, 1:
		end := func() int64 {
			if r.IntN(4) == 0 {
				return tensor.None
			}
			return r.Int64N(18) - 9
		}
		steps := []int64{1, 1, 1, 2, -1, -2, 0, 3, tensor.None, 1 << 62}
		start, stop, by := end(), end(), steps[r.IntN(len(steps))]
		if n := int64(v.DType().UnitElems); n > 1 && r.IntN(2) == 0 {
			start, stop, by = start/8*n, tensor.None, 1
		}
		a, e := v.Slice(axis, start, stop, by)
		b, f := x.Slice(axis, start, stop, by)
		return a, e, b, f
	case 2:
		i := r.Int64N(10) - 5
		a, e := v.Index(axis, i)
		b, f := x.Index(axis, i)
		return a, e, b, f
	case 3:
		axes := r.Perm(rank)
		switch r.IntN(8) {
		case 0:
			axes = nil
		case 1:
			axes = append(axes, 0)
		case 2:
			if rank > 0 {
				axes[0] = axis
			}
		}
		a, e := v.Permute(slices.Clone(axes)...)
		b, f := x.Permute(axes...)
		return a, e, b, f
	}
	// A view with strides may have another shape without a copy, a tensor here has
	// not: both are asked for what both can do.
	s := v.Shape().Clone()
	if rank >= 2 && r.IntN(2) == 0 {
		s = append(tensor.Shape{s[0] * s[1]}, s[2:]...)
	} else {
		s = append(tensor.Shape{1 + r.Int64N(2)}, s...)
	}
	if !v.IsContiguous() {
		b, f := x.Reshape(v.Shape())
		if f == nil {
			f = errors.New("a tensor with gaps was given another shape")
		} else if errors.Is(f, tensor.ErrNotContiguous) {
			return v, nil, x, nil
		}
		return v, nil, b, f
	}
	a, e := v.Reshape(s)
	b, f := x.Reshape(s)
	return a, e, b, f
}

func TestNewTensorIsChecked(t *testing.T) {
	d := openClean(t, nil)
	b := must(d.Alloc(100))(t)
	for _, c := range []struct {
		name    string
		dt      tensor.DType
		shape   tensor.Shape
		strides tensor.Strides
		offset  int64
		order   tensor.ByteOrder
		kind    error
	}{
		{"beyond", tensor.F32, tensor.Shape{26}, nil, 0, 0, tensor.ErrCorrupt},
		{"beyond by offset", tensor.F32, tensor.Shape{25}, nil, 1, 0, tensor.ErrCorrupt},
		{"before", tensor.F32, tensor.Shape{2}, tensor.Strides{-4}, 0, 0, tensor.ErrCorrupt},
		{"negative offset", tensor.F32, tensor.Shape{1}, nil, -4, 0, tensor.ErrCorrupt},
		{"rank", tensor.F32, tensor.Shape{2, 2}, tensor.Strides{4}, 0, 0, tensor.ErrShape},
		{"overflow", tensor.F32, tensor.Shape{1 << 62, 4}, nil, 0, 0, tensor.ErrOverflow},
		{"negative", tensor.F32, tensor.Shape{-1}, nil, 0, 0, tensor.ErrOverflow},
		{"none", tensor.DType{}, tensor.Shape{1}, nil, 0, 0, tensor.ErrDType},
		{"order", tensor.F32, tensor.Shape{1}, nil, 0, 2, tensor.ErrByteOrder},
		{"packed", tensor.U4, tensor.Shape{2, 4}, tensor.Strides{1, 2}, 0, 0, tensor.ErrCorrupt},
		{"empty beyond", tensor.F32, tensor.Shape{0}, nil, 101, 0, tensor.ErrCorrupt},
	} {
		_, err := NewTensor(b, c.dt, c.shape, c.strides, c.offset, c.order)
		if !errors.Is(err, c.kind) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.kind)
		}
	}
	_, err := NewTensor(nil, tensor.U8, tensor.Shape{1}, nil, 0, 0)
	wantKind(t, err, tensor.ErrUnsupported, "nil")
	_, err = d.Make(tensor.F32, tensor.Shape{1 << 61, 8})
	wantKind(t, err, tensor.ErrOverflow)

	shape := tensor.Shape{5, 5}
	x := must(NewTensor(b, tensor.F32, shape, nil, 0, 0))(t)
	shape[0] = 9 // it is the caller's
	if !x.Shape().Equal(tensor.Shape{5, 5}) || x.Buffer() != b || x.Device() != d || x.Ptr() != b.Ptr() || x.DType() != tensor.F32 || x.Order() != tensor.LittleEndian {
		t.Error(x)
	}
	if !x.Aligned(4) || !x.Aligned(1) {
		t.Error("aligned")
	}
	if y := must(NewTensor(b, tensor.F32, tensor.Shape{5}, nil, 6, 0))(t); y.Aligned(4) || !y.Aligned(2) {
		t.Error("a tensor at 6 is aligned to 2")
	}
	if y := must(NewTensor(b, tensor.F32, tensor.Shape{3}, tensor.Strides{10}, 8, 0))(t); y.Aligned(4) || y.String() != "gpu tensor f32 (3,) strides (10,)" {
		t.Error(y)
	}
	for _, bad := range []tensor.View{must(tensor.Make(tensor.F64, x.Shape()))(t), must(tensor.Make(tensor.F32, tensor.Shape{25}))(t)} {
		if x.ReadTo(ctx, bad) == nil || x.Write(ctx, bad) == nil {
			t.Error("a view that does not fit")
		}
	}
	ok(t, x.Free())
}

// What is larger than the pieces that a copy takes comes in pieces, of which none
// leaves a gap: turned, flipped and with gaps, rows packed.
func TestLargeTensorsAreReadInPieces(t *testing.T) {
	if raceEnabled {
		t.Skip("many bytes on one goroutine")
	}
	d := openClean(t, nil)
	data := aperiodic(3, 3*most+10)
	b := bytesOf(t, d, data)
	for _, c := range []struct {
		name   string
		dt     tensor.DType
		shape  tensor.Shape
		offset int64
		cut    func(tensor.View) (tensor.View, error)
		turn   func(*Tensor) (*Tensor, error)
	}{
		{"turned", tensor.U16, tensor.Shape{4096, 6144 / 2}, 1,
			func(v tensor.View) (tensor.View, error) { return v.Permute(1, 0) }, func(x *Tensor) (*Tensor, error) { return x.Permute(1, 0) }},
		{"flipped", tensor.F32, tensor.Shape{most / 2}, 2,
			func(v tensor.View) (tensor.View, error) { return v.Slice(0, tensor.None, tensor.None, -1) }, func(x *Tensor) (*Tensor, error) { return x.Slice(0, tensor.None, tensor.None, -1) }},
		{"gaps", tensor.F32, tensor.Shape{200, 60000}, 5,
			func(v tensor.View) (tensor.View, error) { return v.Slice(1, 7, 100, 3) }, func(x *Tensor) (*Tensor, error) { return x.Slice(1, 7, 100, 3) }},
		{"packed", tensor.U4, tensor.Shape{3, 1 << 25}, 0,
			func(v tensor.View) (tensor.View, error) { return v.Slice(0, 0, 3, 2) }, func(x *Tensor) (*Tensor, error) { return x.Slice(0, 0, 3, 2) }},
		{"wide", tensor.Opaque(1 << 24), tensor.Shape{3}, 3,
			func(v tensor.View) (tensor.View, error) { return v.Slice(0, 0, 3, 2) }, func(x *Tensor) (*Tensor, error) { return x.Slice(0, 0, 3, 2) }},
	} {
		v := must(c.cut(must(tensor.NewView(data, c.dt, c.shape, nil, c.offset, tensor.LittleEndian))(t)))(t)
		x := must(c.turn(must(NewTensor(b, c.dt, c.shape, nil, c.offset, tensor.LittleEndian))(t)))(t)
		pieces := 0
		ok(t, x.pieces(v, func(p *Tensor, w tensor.View) error {
			pieces++
			lo, hi := must2(tensor.Reach(p.dtype, p.shape, p.strides, p.offset))(t)
			if hi-lo > most && c.name != "wide" {
				t.Errorf("%s: a piece of %d bytes", c.name, hi-lo)
			}
			return nil
		}))
		if pieces < 2 {
			t.Errorf("%s: %d pieces", c.name, pieces)
		}
		mustEqual(t, must(x.Read(ctx))(t), v)
		y := must(d.Make(c.dt, v.Shape()))(t)
		ok(t, y.Write(ctx, v))
		mustEqual(t, must(y.Read(ctx))(t), v)
		ok(t, y.Free())
	}
	ok(t, b.Free())
}
