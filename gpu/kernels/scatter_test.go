package kernels_test

import (
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/kernels"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// part copies a part of an array to the device; values that are one stay so.
func part(t *testing.T, d *gpu.Device, a *sparse.Array, role string) *gpu.Tensor {
	t.Helper()
	v, ok := a.Part(role)
	if !ok {
		t.Fatalf("no part %s", role)
	}
	if v.Rank() == 1 && v.Shape()[0] > 1 && v.Strides()[0] == 0 {
		x := put(t, d, get(v.Slice(0, 0, 1, 1))(t), 0)
		return get(gpu.NewTensor(x.Buffer(), x.DType(), v.Shape(), tensor.Strides{0}, 0, tensor.LittleEndian))(t)
	}
	return put(t, d, v, int64(v.Rank()))
}

// options are what a declares about itself.
func options(a *sparse.Array) *kernels.ScatterOptions {
	o := &kernels.ScatterOptions{Unique: a.Properties().Unique, Sorted: a.Properties().Sorted}
	if f, ok := a.Fill(); ok {
		o.Fill = f
	}
	return o
}

// scatter writes an array to a tensor of the device.
func scatter(t *testing.T, d *gpu.Device, on *gpu.Stream, a *sparse.Array, o *kernels.ScatterOptions) (*gpu.Tensor, error) {
	t.Helper()
	dst := room(t, d, a.DType(), a.Shape(), 1)
	values := part(t, d, a, sparse.RoleValues)
	var lead []*gpu.Tensor
	defer func() { free(t, append(lead, values)...) }()
	lead1 := func(role string) *gpu.Tensor {
		x := part(t, d, a, role)
		lead = append(lead, x)
		return x
	}
	switch a.Layout() {
	case sparse.COO:
		return dst, kernels.ScatterCOO(on, dst, lead1(sparse.RoleIndices), values, o)
	case sparse.CSR:
		return dst, kernels.ScatterCSR(on, dst, lead1(sparse.RoleIndptr), lead1(sparse.RoleIndices), values, o)
	}
	return dst, kernels.ScatterBitmap(on, dst, lead1(sparse.RoleMask), values, o)
}

// anyArray is a random tensor in coordinates, some of which may be shared.
func anyArray(t *testing.T, r *rand.Rand, d tensor.DType, rank int, unique bool) *sparse.Array {
	shape := tensor.Shape{}
	total := int64(1)
	for range rank {
		shape = append(shape, r.Int64N(int64([]int{0, 200, 20, 8, 5}[rank]))+1)
		total *= shape[len(shape)-1]
	}
	n := int64(r.IntN(int(total) + 1))
	it := []tensor.DType{tensor.I32, tensor.I64, tensor.U8}[r.IntN(3)]
	indices := get(tensor.Make(tensor.I64, tensor.Shape{n, int64(rank)}))(t)
	x := get(tensor.Data[int64](indices))(t)
	perm := r.Perm(int(total))
	for i := range n {
		key := int64(perm[i])
		if !unique {
			key = r.Int64N(total)
		}
		for k := rank - 1; k >= 0; k-- {
			x[i*int64(rank)+int64(k)], key = key%shape[k], key/shape[k]
		}
	}
	values := random(t, r, d, tensor.Shape{n})
	if n > 1 && r.IntN(4) == 0 {
		one := get(values.Slice(0, 0, 1, 1))(t)
		values = get(tensor.NewView(one.Span(), d, tensor.Shape{n}, tensor.Strides{0}, 0, one.Order()))(t)
	}
	spec := sparse.Spec{Layout: sparse.COO, Shape: shape, Properties: sparse.Properties{Unique: unique}, Parts: []sparse.Part{
		{Role: sparse.RoleIndices, View: get(indices.Cast(it))(t)}, {Role: sparse.RoleValues, View: values}}}
	if r.IntN(2) == 0 {
		spec.Parts = append(spec.Parts, sparse.Part{Role: sparse.RoleFill, View: random(t, r, d, nil)})
	}
	return get(sparse.New(spec))(t)
}

func TestScatter(t *testing.T) {
	each(t, func(t *testing.T, d *gpu.Device, on *gpu.Stream, r *rand.Rand) {
		count := 0
		for i, dt := range []tensor.DType{tensor.F32, tensor.I8, tensor.F16, tensor.U64, tensor.BF16, tensor.I32, tensor.F64, tensor.C64, tensor.C128, tensor.F8E4M3FN} {
			for rank := 1; rank <= 4; rank++ {
				unique := dt.Class == tensor.ClassComplex || dt.Bits == 8 && dt.Class == tensor.ClassFloat || (i+rank)%2 == 0
				a := anyArray(t, r, dt, rank, unique)
				list := []*sparse.Array{a}
				if unique {
					list = append(list, get(a.Convert(t.Context(), sparse.Bitmap, nil))(t))
				}
				if rank == 2 {
					list = append(list, get(a.Convert(t.Context(), sparse.CSR, nil))(t))
				}
				for _, a := range list {
					want := get(a.Dense(t.Context(), nil))(t)
					dst, err := scatter(t, d, on, a, options(a))
					fine(t, err)
					if err := same(t, on, dst, want); err != nil {
						t.Fatalf("%v %v %v: %v", a.Layout(), dt, a.Shape(), err)
					}
					free(t, dst)
					count++
				}
			}
		}
		t.Logf("%d arrays", count)
	})
}

// With room of the caller's nothing waits, and work goes on in the order of the
// stream.
func TestScatterScratch(t *testing.T) {
	each(t, func(t *testing.T, d *gpu.Device, on *gpu.Stream, r *rand.Rand) {
		a := anyArray(t, r, tensor.F32, 2, false)
		o := options(a)
		o.Scratch = get(d.Alloc(kernels.ScatterScratch(a.NNZ(), a.NumElements(), o)))(t)
		dst, err := scatter(t, d, on, a, o)
		fine(t, err)
		if err := same(t, on, dst, get(a.Dense(t.Context(), nil))(t)); err != nil {
			t.Fatal(err)
		}
		free(t, dst)
		scratch := o.Scratch
		if n := scratch.Len(); n > 0 && a.NNZ() > 0 { // without entries it is not looked at
			o.Scratch = get(scratch.Slice(0, n-1))(t)
			other, err := scatter(t, d, on, a, o)
			wants(t, err, tensor.ErrShape, "scratch")
			free(t, other)
		}
		fine(t, scratch.Free())
	})
}

func TestScatterRefuses(t *testing.T) {
	each(t, func(t *testing.T, d *gpu.Device, on *gpu.Stream, r *rand.Rand) {
		of := func(dt tensor.DType, s ...int64) *gpu.Tensor {
			x := room(t, d, dt, s, 0)
			return x
		}
		dst, idx, val := of(tensor.F32, 4, 5), of(tensor.I32, 3, 2), of(tensor.F32, 3)
		ptr, col, mask := of(tensor.I64, 5), of(tensor.U16, 3), of(tensor.Bool1, 4, 5)
		flat := of(tensor.F32, 6)
		c64, c64v := of(tensor.C64, 4, 5), of(tensor.C64, 3)
		deep, deepIdx := of(tensor.F32, 1, 1, 1, 1, 1, 1, 1, 1, 1), of(tensor.I32, 3, 9)
		f8 := of(tensor.F4E2M1, 4, 5)
		all := []*gpu.Tensor{dst, idx, val, ptr, col, mask, flat, c64, c64v, deep, deepIdx, f8}
		odd := get(gpu.NewTensor(flat.Buffer(), tensor.F32, tensor.Shape{3}, nil, 1, tensor.LittleEndian))(t)
		big := get(gpu.NewTensor(flat.Buffer(), tensor.F32, tensor.Shape{3}, nil, 0, tensor.BigEndian))(t)
		every := get(flat.Slice(0, 0, 6, 2))(t)
		part := get(gpu.NewTensor(dst.Buffer(), tensor.F32, tensor.Shape{3}, nil, 8, tensor.LittleEndian))(t)
		o := &kernels.ScatterOptions{Unique: true}
		wants(t, kernels.ScatterCOO(nil, dst, idx, val, o), tensor.ErrUnsupported, "stream")
		wants(t, kernels.ScatterCOO(on, nil, idx, val, o), tensor.ErrUnsupported, "result")
		wants(t, kernels.ScatterCOO(on, dst, nil, val, o), tensor.ErrUnsupported, "indices")
		wants(t, kernels.ScatterCOO(on, dst, idx, nil, o), tensor.ErrUnsupported, "values")
		wants(t, kernels.ScatterCOO(on, dst, col, val, o), tensor.ErrShape, "indices", "(3, 2)")
		wants(t, kernels.ScatterCOO(on, dst, idx, odd, o), tensor.ErrMisaligned, "values")
		wants(t, kernels.ScatterCOO(on, dst, idx, big, o), tensor.ErrByteOrder, "values")
		wants(t, kernels.ScatterCOO(on, dst, idx, every, o), tensor.ErrNotContiguous, "values")
		wants(t, kernels.ScatterCOO(on, dst, idx, part, o), tensor.ErrUnsupported, "values")
		wants(t, kernels.ScatterCOO(on, dst, idx, c64v, o), tensor.ErrDType, "values", "c64", "f32")
		wants(t, kernels.ScatterCOO(on, f8, idx, val, o), tensor.ErrDType, "result")
		wants(t, kernels.ScatterCOO(on, c64, idx, c64v, nil), tensor.ErrUnsupported, "c64", "unique")
		wants(t, kernels.ScatterCOO(on, deep, deepIdx, val, o), tensor.ErrUnsupported, "rank", "9")
		wants(t, kernels.ScatterCSR(on, deep, ptr, col, val, o), tensor.ErrShape, "matrix")
		wants(t, kernels.ScatterCSR(on, dst, col, col, val, o), tensor.ErrShape, "indptr", "(5,)")
		wants(t, kernels.ScatterCSR(on, dst, ptr, ptr, val, o), tensor.ErrShape, "indices")
		wants(t, kernels.ScatterBitmap(on, dst, idx, val, o), tensor.ErrDType, "mask", "bool1")
		wants(t, kernels.ScatterBitmap(on, c64, mask, val, o), tensor.ErrDType, "values")
		o.Fill = get(tensor.Make(tensor.I32, nil))(t)
		wants(t, kernels.ScatterCOO(on, dst, idx, val, o), tensor.ErrDType, "fill")
		free(t, all...)
	})
}
