package kernels_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/codec"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/kernels"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform"
)

func TestCast(t *testing.T) {
	each(t, func(t *testing.T, d *gpu.Device, on *gpu.Stream, r *rand.Rand) {
		pairs := 0
		for _, from := range []tensor.DType{tensor.U8, tensor.I16, tensor.F16, tensor.BF16, tensor.F8E4M3FN, tensor.F8E5M2, tensor.I32} {
			for _, to := range []tensor.DType{tensor.F32, tensor.F16, tensor.BF16} {
				v := random(t, r, from, tensor.Shape{3, 37})
				x, y := put(t, d, v, 1), room(t, d, to, v.Shape(), 3)
				err := kernels.Cast(on, y, x)
				if !kernels.Casts(from, to) {
					wants(t, err, tensor.ErrUnsupported)
				} else {
					fine(t, err)
					if err := same(t, on, y, get(v.Cast(to))(t)); err != nil {
						t.Errorf("%v to %v: %v", from, to, err)
					}
					pairs++
				}
				free(t, x, y)
			}
		}
		if pairs != 11 {
			t.Errorf("%d pairs", pairs)
		}
		x, y := room(t, d, tensor.U8, tensor.Shape{4}, 0), room(t, d, tensor.F32, tensor.Shape{5}, 0)
		wants(t, kernels.Cast(on, y, x), tensor.ErrShape)
		wants(t, kernels.Cast(nil, y, x), tensor.ErrUnsupported, "stream")
		wants(t, kernels.Cast(on, y, nil), tensor.ErrUnsupported, "source")
		odd := get(gpu.NewTensor(y.Buffer(), tensor.F32, tensor.Shape{4}, nil, 2, tensor.LittleEndian))(t)
		wants(t, kernels.Cast(on, odd, x), tensor.ErrMisaligned)
		free(t, x, y)
		x, y = room(t, d, tensor.U8, tensor.Shape{0}, 0), room(t, d, tensor.F32, tensor.Shape{0}, 0)
		fine(t, kernels.Cast(on, y, x))
		free(t, x, y)
	})
}

func TestPicture(t *testing.T) {
	each(t, func(t *testing.T, d *gpu.Device, on *gpu.Stream, r *rand.Rand) {
		for _, s := range []tensor.Shape{{5, 7, 3}, {2, 4, 8, 3}, {2, 3, 3, 1}, {1, 4, 4, 4}, {2, 5, 3, 6}, {3, 0, 4, 3}} {
			v := random(t, r, tensor.U8, s)
			n := len(s)
			scale, bias := make([]float32, s[n-1]), []float32{0.25}
			wide := make([]float64, s[n-1])
			for c := range scale {
				scale[c] = r.Float32()
				wide[c] = float64(scale[c])
			}
			axes := []int{2, 0, 1}
			if n == 4 {
				axes = []int{0, 3, 1, 2}
			}
			want := get(transform.ScaleBias(v, tensor.F32, &transform.Scaling{Scale: wide, Bias: []float64{0.25}, Axis: -1}))(t)
			want = get(get(want.Permute(axes...))(t).Clone())(t)
			x, y := put(t, d, v, 0), room(t, d, tensor.F32, want.Shape(), 0)
			fine(t, kernels.Picture(on, y, x, scale, bias))
			if err := same(t, on, y, want); err != nil {
				t.Errorf("%v: %v", s, err)
			}
			wants(t, kernels.Picture(on, y, x, []float32{1, 2, 3, 4, 5}, nil), tensor.ErrShape, "scale")
			wants(t, kernels.Picture(on, x, y, nil, nil), tensor.ErrDType)
			free(t, x, y)
		}
	})
}

func TestGather(t *testing.T) {
	each(t, func(t *testing.T, d *gpu.Device, on *gpu.Stream, r *rand.Rand) {
		for _, dt := range []tensor.DType{tensor.U8, tensor.BF16, tensor.F32, tensor.F64, tensor.C128, tensor.Opaque(5), tensor.U4} {
			v := random(t, r, dt, tensor.Shape{3, 20, 6, 18})
			x := put(t, d, v, 1)
			cases := map[string]func(v any) any{
				"slice": func(v any) any { return pick(t, v, 1, 3, 19, 5) },
				"back":  func(v any) any { return pick(t, v, 0, tensor.None, tensor.None, -1) },
				"both":  func(v any) any { return pick(t, pick(t, v, 0, 0, 2, 1), 2, 1, 6, 2) },
			}
			if !dt.Packed() {
				cases["permuted"] = func(v any) any { return permute(t, v, 0, 3, 1, 2) }
				cases["turned"] = func(v any) any { return permute(t, v) }
			}
			for name, f := range cases {
				src, want := f(x).(*gpu.Tensor), f(v).(tensor.View)
				y := room(t, d, dt, src.Shape(), 0)
				fine(t, kernels.Gather(on, y, src))
				if err := same(t, on, y, get(want.Clone())(t)); err != nil {
					t.Errorf("%v, %s: %v", dt, name, err)
				}
				free(t, y)
			}
			free(t, x)
		}
		x := room(t, d, tensor.F32, tensor.Shape{4, 4}, 0)
		turned := get(x.Permute())(t)
		wants(t, kernels.Gather(on, x, turned), tensor.ErrUnsupported, "memory")
		wants(t, kernels.Gather(on, turned, x), tensor.ErrNotContiguous)
		free(t, x)
	})
}

func pick(t *testing.T, v any, axis int, start, stop, step int64) any {
	if x, ok := v.(*gpu.Tensor); ok {
		return get(x.Slice(axis, start, stop, step))(t)
	}
	return get(v.(tensor.View).Slice(axis, start, stop, step))(t)
}

func permute(t *testing.T, v any, axes ...int) any {
	if x, ok := v.(*gpu.Tensor); ok {
		return get(x.Permute(axes...))(t)
	}
	return get(v.(tensor.View).Permute(axes...))(t)
}

func TestTranspose(t *testing.T) {
	each(t, func(t *testing.T, d *gpu.Device, on *gpu.Stream, r *rand.Rand) {
		for _, dt := range []tensor.DType{tensor.I8, tensor.F16, tensor.F32, tensor.C64} {
			v := random(t, r, dt, tensor.Shape{2, 2, 33, 40})
			x, y := put(t, d, v, 0), room(t, d, dt, tensor.Shape{2, 2, 40, 33}, 1)
			fine(t, kernels.Transpose(on, y, x))
			if err := same(t, on, y, get(get(v.Permute(0, 1, 3, 2))(t).Clone())(t)); err != nil {
				t.Errorf("%v: %v", dt, err)
			}
			free(t, x, y)
		}
		x, y := room(t, d, tensor.C128, tensor.Shape{2, 2}, 0), room(t, d, tensor.C128, tensor.Shape{2, 2}, 0)
		wants(t, kernels.Transpose(on, y, x), tensor.ErrUnsupported)
		free(t, x, y)
	})
}

func TestUnshuffle(t *testing.T) {
	each(t, func(t *testing.T, d *gpu.Device, on *gpu.Stream, r *rand.Rand) {
		for _, word := range []int{1, 2, 3, 4, 8, 24} {
			for _, filter := range []string{"shuffle", "bitshuffle"} {
				v := random(t, r, tensor.U8, tensor.Shape{int64(101*word + word/2)})
				want := get(tensor.Make(tensor.U8, v.Shape()))(t)
				p := get(codec.Parse(fmt.Sprintf("%s:%d", filter, word)))(t)
				fine(t, p.Decode(want.Span(), v.Span(), codec.Box{DType: tensor.U8, Shape: v.Shape()}))
				x, y := put(t, d, v, 0), room(t, d, tensor.U8, v.Shape(), 0)
				f := kernels.Unshuffle
				if filter == "bitshuffle" {
					f = kernels.BitUnshuffle
				}
				fine(t, f(on, y.Buffer(), x.Buffer(), word))
				if err := same(t, on, y, want); err != nil {
					t.Errorf("%s:%d: %v", filter, word, err)
				}
				wants(t, f(on, y.Buffer(), x.Buffer(), 257), tensor.ErrUnsupported)
				wants(t, f(on, x.Buffer(), x.Buffer(), word), tensor.ErrUnsupported)
				free(t, x, y)
			}
		}
	})
}

func TestJoinPlanes(t *testing.T) {
	each(t, func(t *testing.T, d *gpu.Device, on *gpu.Stream, r *rand.Rand) {
		const n = 77
		lo, hi := random(t, r, tensor.U8, tensor.Shape{n}), random(t, r, tensor.U8, tensor.Shape{n})
		a, b := put(t, d, lo, 0), put(t, d, hi, 0)
		y := room(t, d, tensor.U32, tensor.Shape{n}, 0)
		fine(t, kernels.JoinPlanes(on, y.Buffer(), []kernels.Plane{{Bytes: a.Buffer()}, {Constant: 0x80}, {Constant: 7}, {Bytes: b.Buffer()}}, 8, 3))
		want := get(tensor.Make(tensor.U32, tensor.Shape{n}))(t)
		for i := range n {
			x := uint32(lo.Span()[i]) | 0x80<<8 | 7<<16 | uint32(hi.Span()[i])<<24
			x = x<<3 | x>>29
			binary.LittleEndian.PutUint32(want.Span()[4*i:], x&(1<<23-1)|x>>24<<23|x>>23<<31)
		}
		if tensor.HostOrder == tensor.LittleEndian {
			if err := same(t, on, y, want); err != nil {
				t.Error(err)
			}
		}
		wants(t, kernels.JoinPlanes(on, y.Buffer(), []kernels.Plane{{Bytes: a.Buffer()}}, 0, 0), tensor.ErrUnsupported)
		wants(t, kernels.JoinPlanes(on, y.Buffer(), []kernels.Plane{{Bytes: a.Buffer()}, {}}, 0, 0), tensor.ErrShape)
		wants(t, kernels.JoinPlanes(on, y.Buffer(), make([]kernels.Plane, 4), 32, 0), tensor.ErrUnsupported)
		free(t, a, b, y)
	})
}

func TestReduce(t *testing.T) {
	each(t, func(t *testing.T, d *gpu.Device, on *gpu.Stream, r *rand.Rand) {
		dtypes := []tensor.DType{tensor.U8, tensor.I16, tensor.I32, tensor.I64, tensor.F16, tensor.BF16, tensor.F32}
		if testing.Short() {
			dtypes = []tensor.DType{tensor.I16, tensor.BF16, tensor.F32}
		}
		for _, dt := range dtypes {
			v := random(t, r, dt, tensor.Shape{2, 3, 7000})
			if dt.Class == tensor.ClassFloat {
				// Whole numbers, so that every order gives one sum.
				v = get(get(random(t, r, tensor.I8, v.Shape()).Cast(dt))(t).Clone())(t)
			}
			to, ok := kernels.Reduced(dt)
			if !ok {
				t.Fatal(dt)
			}
			wide := get(v.Cast(to))(t)
			x := put(t, d, v, 1)
			for op, patterns := range map[tensor.Reduction]string{tensor.Sum: "a b n -> a b", tensor.Min: "a b n -> a", tensor.Max: "a b n ->"} {
				want := get(tensor.Reduce(wide, patterns, op, nil))(t)
				y := room(t, d, to, want.Shape(), 0)
				fine(t, kernels.Reduce(on, op, y, x, nil))
				if err := same(t, on, y, want); err != nil {
					t.Errorf("%v of %v: %v", op, dt, err)
				}
				rows := y.NumElements()
				scratch := get(d.Alloc(kernels.ReduceScratch(dt, rows, x.NumElements()/rows)))(t)
				fine(t, on.Fill(y.Buffer(), 0xff))
				fine(t, kernels.Reduce(on, op, y, x, scratch))
				if err := same(t, on, y, want); err != nil {
					t.Errorf("%v of %v with scratch: %v", op, dt, err)
				}
				fine(t, scratch.Free())
				free(t, y)
			}
			free(t, x)
		}
		x, y := room(t, d, tensor.F32, tensor.Shape{2, 0}, 0), room(t, d, tensor.F32, tensor.Shape{2}, 0)
		wants(t, kernels.Reduce(on, tensor.Max, y, x, nil), tensor.ErrShape)
		wants(t, kernels.Reduce(on, tensor.Mean, y, x, nil), tensor.ErrUnsupported)
		wants(t, kernels.Reduce(on, tensor.Sum, x, y, nil), tensor.ErrShape)
		fine(t, kernels.Reduce(on, tensor.Sum, y, x, nil))
		if err := same(t, on, y, get(tensor.Make(tensor.F32, tensor.Shape{2}))(t)); err != nil {
			t.Error(err)
		}
		free(t, x, y)
	})
}

func TestChecksum(t *testing.T) {
	each(t, func(t *testing.T, d *gpu.Device, on *gpu.Stream, r *rand.Rand) {
		for _, n := range []int64{0, 1, 4097, 70000} {
			v := random(t, r, tensor.U8, tensor.Shape{n + 5})
			x := put(t, d, v, 0)
			sum := get(d.Alloc(4))(t)
			fine(t, kernels.Checksum(on, sum, get(x.Buffer().Slice(5, n))(t), nil))
			var got [4]byte
			fine(t, sum.ReadTo(t.Context(), got[:]))
			if want := format.Checksum(v.Span()[5:]); binary.LittleEndian.Uint32(got[:]) != want {
				t.Errorf("%d bytes: % x, want %#x", n, got, want)
			}
			wants(t, kernels.Checksum(on, x.Buffer(), sum, nil), tensor.ErrShape)
			fine(t, sum.Free())
			free(t, x)
		}
	})
}
