package compare_test

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/compare"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/tensor"
)

// values compares with Options.Values.
func values(t testing.TB, a, b *tensorfile.Tensor, o compare.Options) *compare.Result {
	t.Helper()
	o.Values = true
	r, err := compare.Tensors(ctx, a, b, &o)
	ok(t, err)
	return r
}

// The dtype in which numbers meet is that of numpy.result_type, integers in 64 bits.
func TestValuesDType(t *testing.T) {
	for _, c := range []struct{ a, b, want tensor.DType }{
		{tensor.Bool, tensor.U8, tensor.U64}, {tensor.I8, tensor.U8, tensor.I64}, {tensor.U8, tensor.U32, tensor.U64}, {tensor.I8, tensor.I64, tensor.I64},
		{tensor.U64, tensor.I8, tensor.F64}, {tensor.U64, tensor.U8, tensor.U64}, {tensor.U32, tensor.I32, tensor.I64},
		{tensor.F32, tensor.I16, tensor.F32}, {tensor.F32, tensor.U16, tensor.F32}, {tensor.F32, tensor.I32, tensor.F64}, {tensor.F32, tensor.Bool, tensor.F32},
		{tensor.F32, tensor.F64, tensor.F64}, {tensor.F16, tensor.F32, tensor.F32}, {tensor.BF16, tensor.F32, tensor.F32}, {tensor.F16, tensor.BF16, tensor.F32},
		{tensor.F64, tensor.I8, tensor.F64}, {tensor.C64, tensor.F32, tensor.C64}, {tensor.C64, tensor.F64, tensor.C128}, {tensor.C64, tensor.I32, tensor.C128},
		{tensor.C64, tensor.I16, tensor.C64}, {tensor.C64, tensor.C128, tensor.C128}, {tensor.F8E4M3FN, tensor.F8E5M2, tensor.F32}, {tensor.I4, tensor.F16, tensor.F32},
	} {
		for _, swap := range []bool{false, true} {
			if swap {
				c.a, c.b = c.b, c.a
			}
			var sides [2]*tensorfile.Tensor
			for i, d := range []tensor.DType{c.a, c.b} {
				v, err := tensor.Make(d, tensor.Shape{4})
				ok(t, err)
				sides[i] = mem(t, v)
			}
			if r := values(t, sides[0], sides[1], compare.Options{}); r.DType != c.want || r.Status != compare.Equal || !r.Numeric {
				t.Errorf("%v and %v: %v as %v, want equal as %v", c.a, c.b, r.Status, r.DType, c.want)
			}
		}
	}
}

// Numbers of different dtypes, laid out in random ways, differ as what they
// are when each is cast whole.
func TestValuesAgainstOracle(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	var numbers []tensor.DType
	for _, d := range dtypes {
		if d.Known() && d.Class != tensor.ClassBytes && d.Class != tensor.ClassBlock {
			numbers = append(numbers, d)
		}
	}
	if len(numbers) < 18 {
		t.Fatal(numbers)
	}
	differ, as := 0, map[tensor.DType]bool{}
	for round := range 400 {
		defer compare.SetBlockBytes(8 + rng.IntN(100))()
		da, db := numbers[rng.IntN(len(numbers))], numbers[rng.IntN(len(numbers))]
		shape := make(tensor.Shape, 1+rng.IntN(3))
		for i := range shape {
			shape[i] = []int64{1, 2, 3, 5, 8, 13, 31}[rng.IntN(7)]
		}
		a := noise(rng, da, shape)
		b, err := a.Cast(db) // near, as far as db can
		ok(t, err)
		b = nudge(rng, b)
		var sides [2]*tensorfile.Tensor
		for i, v := range []tensor.View{a, b} {
			axes := rng.Perm(len(shape))
			if v.DType().Packed() {
				for k := range axes {
					axes[k] = k
				}
			}
			f := laid(t, v, axes, make([]bool, len(shape)), tensor.LittleEndian, rng.IntN(2) == 0)
			defer f.Close()
			sides[i], err = f.Tensor("x")
			ok(t, err)
		}
		o := compare.Options{Largest: rng.IntN(4), NaNEqual: rng.IntN(2) == 0, Workers: 1 + rng.IntN(3)}
		if rng.IntN(2) == 0 {
			o.Tolerance = &compare.Tolerance{Abs: []float64{0, 0.5}[rng.IntN(2)], Rel: []float64{0, 0.01}[rng.IntN(2)], ULP: rng.Uint64N(4)}
		}
		got := values(t, sides[0], sides[1], o)
		x, err := a.Cast(got.DType)
		ok(t, err)
		y, err := b.Cast(got.DType)
		ok(t, err)
		agree(t, got, oracle(t, x, y, &o))
		if t.Failed() {
			t.Fatalf("round %d: %v and %v of %v as %v, options %+v, tolerance %+v", round, da, db, shape, got.DType, o, o.Tolerance)
		}
		as[got.DType] = true
		if got.Status == compare.Different {
			differ++
		}
	}
	t.Logf("%d of 400 differ, in %d dtypes", differ, len(as))
	if differ < 150 || len(as) < 10 {
		t.Error("too few")
	}
}

// What is quantised, in blocks, or comes as a stream is compared by its numbers.
func TestValuesOfLayouts(t *testing.T) {
	defer compare.SetBlockBytes(512)()
	rng := rand.New(rand.NewPCG(5, 6))
	data := make([]float32, 12*96)
	for i := range data {
		data[i] = float32(rng.NormFloat64())
	}
	v, err := tensor.FromSlice(data, 12, 96)
	ok(t, err)
	scheme, err := quant.ParseScheme("i4:group=32")
	ok(t, err)
	q, err := quant.Quantise(ctx, v, scheme, 1)
	ok(t, err)
	low, err := v.Cast(tensor.BF16)
	ok(t, err)
	dir := t.TempDir()
	path := filepath.Join(dir, "a.tensor")
	write(t, path, func(w *tensorfile.Writer) error {
		for _, err := range []error{
			w.Add(ctx, "plain", v, nil), w.Add(ctx, "low", low, nil), w.AddQuantised(ctx, "q", q, nil),
			w.AddQuantised(ctx, "q in chunks", q, &tensorfile.TensorOptions{Chunk: tensor.Shape{5}, Codec: "fast"}),
			w.Add(ctx, "chunks", low, &tensorfile.TensorOptions{Chunk: tensor.Shape{5, 40}, Codec: "fast"}),
		} {
			if err != nil {
				return err
			}
		}
		return nil
	})
	npz := filepath.Join(dir, "a.npz")
	_, err = convert.Files(ctx, []string{path}, npz, &convert.Options{NoSync: true, Only: []string{"plain"}, Write: convert.WriteOptions{Compress: true}})
	ok(t, err)
	f, z := open(t, path, nil), open(t, npz, nil)
	get := func(f *tensorfile.File, name string) *tensorfile.Tensor {
		x, err := f.Tensor(name)
		ok(t, err)
		return x
	}
	numbers, err := get(f, "q").Dequantise(ctx, tensor.F32)
	ok(t, err)
	wide, err := low.Cast(tensor.F32)
	ok(t, err)
	for _, c := range []struct {
		x, y *tensorfile.Tensor
		a, b tensor.View
	}{
		{get(f, "plain"), get(f, "q"), v, numbers},
		{get(f, "q in chunks"), get(f, "plain"), numbers, v},
		{get(f, "q"), get(f, "q in chunks"), numbers, numbers},
		{get(f, "low"), get(f, "q"), wide, numbers},
		{get(z, "plain"), get(f, "low"), v, wide},
		{get(f, "chunks"), get(z, "plain"), wide, v},
		{get(f, "q"), get(z, "plain"), numbers, v},
	} {
		for _, tol := range []*compare.Tolerance{nil, {Abs: 0.02}} {
			o := compare.Options{Largest: 3, Tolerance: tol}
			got := values(t, c.x, c.y, o)
			agree(t, got, oracle(t, c.a, c.b, &o))
			if got.Err != nil || t.Failed() {
				t.Fatalf("%q and %q: %v", c.x.Name(), c.y.Name(), got.Err)
			}
			if o.Values, o.Tolerance = false, tol; c.x.DType() != c.y.DType() || c.x.Name() == "plain" && c.y.Name() == "q" {
				r, err := compare.Tensors(ctx, c.x, c.y, &o)
				ok(t, err)
				if r.Status != compare.DType && r.Status != compare.Different || r.Different != 0 {
					t.Errorf("without Values: %v", r.Status)
				}
			}
		}
	}
	// Text beside numbers has none, and other shapes are not compared.
	text, err := tensor.Make(tensor.Text(3), tensor.Shape{12, 96})
	ok(t, err)
	if r := values(t, mem(t, text), get(f, "plain"), compare.Options{}); r.Status != compare.DType {
		t.Error(r.Status)
	}
	row, err := v.Index(0, 3)
	ok(t, err)
	if r := values(t, mem(t, row), get(f, "low"), compare.Options{}); r.Status != compare.DType && r.Status != compare.Shape {
		t.Error(r.Status)
	}
}

// Blocks of ggml beside the numbers that they stand for, whatever their size.
func TestValuesOfBlocks(t *testing.T) {
	defer compare.SetBlockBytes(100)()
	rng := rand.New(rand.NewPCG(8, 9))
	for _, name := range []string{"q4_0", "q5_1", "q8_0", "q4_k", "q6_k", "iq4_nl", "mxfp4"} {
		d, err := tensor.ParseDType(name)
		ok(t, err)
		shape := tensor.Shape{5, 2 * int64(d.UnitElems)}
		n, err := tensor.ByteSize(d, shape)
		ok(t, err)
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32()) & 0x3f // scales that are finite
		}
		v, err := tensor.NewView(b, d, shape, nil, 0, tensor.LittleEndian)
		ok(t, err)
		numbers, err := tensor.Make(tensor.F32, shape)
		ok(t, err)
		ok(t, quant.DequantiseBlocks(ctx, numbers, v, 1))
		other, err := numbers.Clone()
		ok(t, err)
		list, err := tensor.Data[float32](other)
		ok(t, err)
		list[len(list)-7] += 1e6
		for _, y := range []tensor.View{numbers, other} {
			o := compare.Options{Largest: 2}
			got := values(t, mem(t, v), mem(t, y), o)
			if agree(t, got, oracle(t, numbers, y, &o)); got.DType != tensor.F32 {
				t.Errorf("%s: as %v", name, got.DType)
			}
		}
		// The same blocks are the same bits, and others units that differ.
		again, err := v.Clone()
		ok(t, err)
		if b, err := again.Bytes(); err == nil {
			b[len(b)-1] ^= 1
		}
		if r := values(t, mem(t, v), mem(t, again), compare.Options{}); r.Status != compare.Different || r.Numeric {
			t.Errorf("%s: %v", name, r.Status)
		}
	}
	// Blocks that nothing dequantises have no numbers.
	d, err := tensor.ParseDType("iq1_s")
	ok(t, err)
	v, err := tensor.Make(d, tensor.Shape{256})
	ok(t, err)
	zeros, err := tensor.Make(tensor.F32, tensor.Shape{256})
	ok(t, err)
	if r := values(t, mem(t, v), mem(t, zeros), compare.Options{}); r.Status != compare.DType {
		t.Error(r.Status)
	}
}
