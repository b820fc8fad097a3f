package sparse

import (
	"context"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// fuzzed makes parts of whatever bytes there are: shapes near what New wants,
// contents that nobody has looked at.
type fuzzed struct{ b []byte }

func (f *fuzzed) byte() int {
	if len(f.b) == 0 {
		return 0
	}
	x := f.b[0]
	f.b = f.b[1:]
	return int(x)
}

// view is memory of its own, so that a read outside shows under the race
// detector and never finds another part.
func (f *fuzzed) view(d tensor.DType, s tensor.Shape) (tensor.View, bool) {
	size, err := tensor.ByteSize(d, s)
	if err != nil || size > 1<<12 {
		return tensor.View{}, false
	}
	b := make([]byte, size)
	n := copy(b, f.b)
	f.b = f.b[n:]
	v, err := tensor.NewView(b, d, s, nil, 0, tensor.ByteOrder(f.byte()&1))
	if err == nil && len(s) > 0 && f.byte()%8 == 0 {
		v, err = v.Flip(0)
	}
	if err == nil && len(s) > 0 && s[0] > 0 && f.byte()%8 == 0 { // all alike
		if v, err = v.Slice(0, 0, 1, 1); err == nil {
			v, err = v.BroadcastTo(s)
		}
	}
	return v, err == nil
}

var indexDTypes = []tensor.DType{tensor.U8, tensor.I8, tensor.I16, tensor.U16, tensor.I32, tensor.U32, tensor.I64, tensor.U64}

func (f *fuzzed) array() *Array {
	spec := Spec{Layout: Layout(1 + f.byte()%6), DType: append(dtypes, tensor.U4, tensor.Text(3))[f.byte()%(len(dtypes)+2)]}
	p, err := FromFlags(uint32(f.byte()) & flagsKnown)
	if err != nil {
		return nil
	}
	spec.Properties = p
	rank := 2
	if spec.Layout == COO || spec.Layout == CSF || spec.Layout == Bitmap {
		rank = 1 + f.byte()%4
	}
	for range rank {
		n := int64(f.byte() % 9)
		if f.byte()%32 == 0 {
			n = []int64{1 << 20, 1 << 33, 1 << 62, 1<<63 - 1}[f.byte()%4]
		}
		spec.Shape = append(spec.Shape, n)
	}
	if f.byte()&1 == 0 && rank == 2 {
		spec.Shape[1] = spec.Shape[0]
	}
	n := int64(f.byte() % 24)
	ok := true
	add := func(role string, d tensor.DType, s ...int64) {
		v, fine := f.view(d, s)
		if ok = ok && fine; ok {
			spec.Parts = append(spec.Parts, Part{role, v})
		}
	}
	index := func() tensor.DType { return indexDTypes[f.byte()%len(indexDTypes)] }
	switch spec.Layout {
	case COO:
		add(RoleIndices, index(), n, int64(rank))
		add(RoleValues, spec.DType, n)
	case CSR, CSC:
		add(RoleIndptr, index(), spec.Shape[spec.Layout.major()]+1)
		add(RoleIndices, index(), n)
		add(RoleValues, spec.DType, n)
	case BSR:
		h, w := int64(f.byte()%3), int64(f.byte()%3)
		add(RoleIndptr, index(), spec.Shape[0]/max(h, 1)+1)
		add(RoleIndices, index(), n)
		add(RoleValues, spec.DType, n, h, w)
	case CSF:
		add(RoleOrder, tensor.U8, int64(rank))
		for k := range rank {
			m := int64(f.byte() % 8)
			if k == rank-1 {
				m = n
			} else {
				add(RolePtr(k), index(), m+1)
			}
			add(RoleIdx(k), index(), m)
		}
		add(RoleValues, spec.DType, n)
	case Bitmap:
		add(RoleMask, tensor.Bool1, spec.Shape...)
		add(RoleValues, spec.DType, n)
	}
	if f.byte()%4 == 0 {
		add(RoleFill, spec.DType)
	}
	if !ok {
		return nil
	}
	a, err := New(spec)
	if err != nil {
		return nil
	}
	return a
}

// FuzzArray calls every operation on parts of any content: none panics, and
// what an operation returns keeps what it declares. An array that Validate
// refuses has no dense form; one that it accepts has the same through every
// layout.
func FuzzArray(f *testing.F) {
	for seed := range 64 {
		b := make([]byte, 200)
		for i := range b {
			b[i] = byte(i * seed * seed >> 3)
		}
		f.Add(b)
	}
	// A valid CSR matrix, sorted and unique, of i32 indices.
	f.Add([]byte{1, 0, 3, 2, 1, 3, 1, 1, 2, 4, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 1, 1, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 128, 63, 0, 0, 0, 64, 0, 1, 1, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		in := &fuzzed{data}
		a := in.array()
		if a == nil {
			return
		}
		ctx := context.Background()
		o := &Options{MaxBytes: 1 << 20, Workers: 1 + in.byte()%2, DropFill: in.byte()&1 == 0}
		var results []*Array
		keep := func(b *Array, err error) {
			if err == nil {
				results = append(results, b)
			}
		}
		// On an array that is not validated yet each begins anew.
		var sel tensor.Selection
		for range a.shape {
			it := tensor.SelectionItem{Kind: tensor.SelectionKind(in.byte() % 2), Start: int64(in.byte()%20) - 10, Stop: int64(in.byte()%20) - 10, Step: int64(in.byte()%7) - 3}
			if in.byte()%4 == 0 {
				it = tensor.SelectionItem{Kind: tensor.SelectRange, Start: tensor.None, Stop: tensor.None, Step: 1}
			}
			sel = append(sel, it)
		}
		keep(a.bare().Select(ctx, sel, o))
		at := make([]int64, len(a.shape))
		for axis := range at {
			at[axis] = int64(in.byte() % 9)
		}
		_, _ = a.bare().At(at...)
		keep(a.bare().Transpose(ctx, nil, o))
		keep(a.bare().Structured(ctx, Structure(in.byte()%4), in.byte()&1 == 0, o))
		if _, err := a.bare().Mul(ctx, tensor.View{}, o); err == nil {
			t.Fatal("a product with nothing")
		}
		valid := a.Validate(ctx, nil)
		dense, err := a.bare().Dense(ctx, o)
		if valid != nil && err == nil {
			t.Fatalf("dense of %v", valid)
		}
		if x, err := tensor.Make(a.dtype, tensor.Shape{a.shape[len(a.shape)-1] & 15}); err == nil {
			_, _ = a.bare().Mul(ctx, x, o)
		}
		_, _ = a.bare().Counts(ctx, 0, o)
		_, _ = a.bare().Image(ctx, 3, 5, tensor.U8, o)
		_, _ = a.bare().EstimateBlock(ctx, o)
		keep(a.bare().General(ctx, o))
		if err == nil {
			d, e := a.Canonical(ctx, o)
			results = append(results, d)
			if e != nil {
				t.Fatalf("canonical of a valid array: %v", e)
			}
		}
		for to := COO; to <= Bitmap; to++ {
			b, e := a.bare().Convert(ctx, to, o)
			if e != nil {
				continue
			}
			results = append(results, b)
			if err != nil {
				continue
			}
			other, e := b.Dense(ctx, o)
			if e != nil {
				t.Fatalf("dense of %v to %v: %v", a.layout, to, e)
			}
			if ok, e := tensor.Equal(dense, other); !ok || e != nil {
				if a.props.Structure != General || a.dtype.Class == tensor.ClassFloat || a.dtype.Class == tensor.ClassComplex {
					continue // NaNs that are added or negated have any payload
				}
				t.Fatalf("%v to %v: another tensor (%v)\n%v\n%v", a.layout, to, e, dense, other)
			}
		}
		for _, b := range results {
			if err := b.bare().Validate(ctx, nil); err != nil && valid == nil {
				t.Fatalf("%v of a valid %v: %v", b.layout, a.layout, err)
			}
		}
	})
}
