package compare_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/compare"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	"github.com/tensorfile/tensorfile/tensor"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ctx = context.Background()

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write makes a file at path.
func write(t testing.TB, path string, fn func(w *tensorfile.Writer) error) {
	t.Helper()
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{Overwrite: true, NoSync: true})
	ok(t, err)
	defer w.Close()
	ok(t, fn(w))
	ok(t, w.Commit(ctx))
}

func open(t testing.TB, path string, o *convert.OpenOptions) *tensorfile.File {
	t.Helper()
	f, err := convert.Open(ctx, path, o)
	ok(t, err)
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// mem is a file of one tensor in memory.
func mem(t testing.TB, v tensor.View) *tensorfile.Tensor {
	t.Helper()
	var out bytes.Buffer
	w, err := tensorfile.NewWriter(&out, nil)
	ok(t, err)
	ok(t, w.Add(ctx, "x", v, nil))
	ok(t, w.Commit(ctx))
	f, err := tensorfile.OpenReaderAt(bytes.NewReader(out.Bytes()), int64(out.Len()), nil)
	ok(t, err)
	t.Cleanup(func() { f.Close() })
	x, err := f.Tensor("x")
	ok(t, err)
	return x
}

func slice[T tensor.Elem](t testing.TB, list ...T) *tensorfile.Tensor {
	v, err := tensor.FromSlice(list)
	ok(t, err)
	return mem(t, v)
}

// all collects results as "name status" and what attributes differ.
func all(t testing.TB, a, b *tensorfile.File, o *compare.Options) (list []string, results []*compare.Result) {
	t.Helper()
	for r, err := range compare.Files(ctx, a, b, o) {
		ok(t, err)
		s := r.Name + " " + r.Status.String()
		for _, d := range r.Attrs {
			s += " " + d.Key
		}
		list, results = append(list, s), append(results, r)
	}
	return list, results
}

func TestFloats(t *testing.T) {
	neg, nan := math.Copysign(0, -1), math.NaN()
	other := math.Float64frombits(math.Float64bits(nan) ^ 1)
	inf := math.Inf(1)
	next := math.Nextafter
	tol := func(abs, rel float64, ulp uint64) *compare.Options {
		return &compare.Options{Tolerance: &compare.Tolerance{Abs: abs, Rel: rel, ULP: ulp}}
	}
	for i, c := range []struct {
		x, y float64
		o    *compare.Options
		same bool
	}{
		{1, 1, nil, true}, {nan, nan, nil, true}, {inf, inf, nil, true},
		{0, neg, nil, false}, {nan, other, nil, false}, {1, next(1, 2), nil, false},
		{0, neg, tol(0, 0, 0), true}, {nan, nan, tol(0, 0, 0), true}, {nan, other, tol(1, 1, 1), false}, {nan, 1, tol(inf, 1, 1), false},
		{nan, other, &compare.Options{NaNEqual: true}, true}, {nan, -other, &compare.Options{NaNEqual: true}, true},
		{0, neg, &compare.Options{NaNEqual: true}, false}, {nan, 1, &compare.Options{NaNEqual: true}, false},
		{1, 1.5, tol(0.5, 0, 0), true}, {1, 1.5, tol(0.49, 0, 0), false}, {1.5, 1, tol(0.5, 0, 0), true},
		{100, 101, tol(0, 0.01, 0), true}, {101, 100, tol(0, 0.01, 0), true}, {100, 102, tol(0, 0.01, 0), false},
		{100, 102, tol(1, 0.01, 0), true},
		{1, next(1, 2), tol(0, 0, 1), true}, {1, next(next(1, 2), 2), tol(0, 0, 1), false}, {1, next(next(1, 2), 2), tol(0, 0, 2), true},
		{5e-324, -5e-324, tol(0, 0, 2), true}, {5e-324, -5e-324, tol(0, 0, 1), false}, {0, -5e-324, tol(0, 0, 1), true}, {neg, 5e-324, tol(0, 0, 1), true},
		{-1, 1, tol(0, 0, math.MaxUint64), true},
		{inf, math.MaxFloat64, tol(inf, 1, math.MaxUint64), false}, {inf, -inf, tol(inf, 9, 9), false}, {math.MaxFloat64, -math.MaxFloat64, tol(1, 0, 0), false},
		{1, 2, tol(nan, 0, 0), false}, {1, 2, tol(nan, 1, 0), false}, {1, 2, tol(nan, 0, math.MaxUint64), true},
	} {
		r, err := compare.Tensors(ctx, slice(t, c.x), slice(t, c.y), c.o)
		ok(t, err)
		if r.Same() != c.same {
			t.Errorf("%d: %g and %g under %+v: %v", i, c.x, c.y, c.o, r.Status)
		}
	}
}

func TestValuesInReport(t *testing.T) {
	one := func(a, b *tensorfile.Tensor) compare.Difference {
		t.Helper()
		r, err := compare.Tensors(ctx, a, b, &compare.Options{Largest: 3})
		ok(t, err)
		if len(r.Largest) != 1 || r.Different != 1 {
			t.Fatalf("%+v", r)
		}
		return r.Largest[0]
	}
	for _, c := range []struct {
		got  compare.Difference
		a, b any
		abs  float64
	}{
		{one(slice(t, true, false), slice(t, true, true)), false, true, 1},
		{one(slice[int8](t, -128, 1), slice[int8](t, 127, 1)), int64(-128), int64(127), 255},
		{one(slice[int64](t, math.MinInt64), slice[int64](t, math.MaxInt64)), int64(math.MinInt64), int64(math.MaxInt64), 1 << 64},
		{one(slice[uint64](t, 0), slice[uint64](t, math.MaxUint64)), uint64(0), uint64(math.MaxUint64), 1 << 64},
		{one(slice[float32](t, 1), slice[float32](t, 1.5)), float32(1), float32(1.5), 0.5},
		{one(slice(t, tensor.ToFloat16(float32(2))), slice(t, tensor.ToFloat16(float32(-2)))), float32(2), float32(-2), 4},
		{one(slice(t, 1.0), slice(t, 3.0)), 1.0, 3.0, 2},
		{one(slice[complex64](t, 3), slice[complex64](t, 4i)), complex64(3), complex64(4i), 5},
		{one(slice(t, 1+1i), slice(t, 1+2i)), 1 + 1i, 1 + 2i, 1},
	} {
		if !reflect.DeepEqual(c.got.A, c.a) || !reflect.DeepEqual(c.got.B, c.b) || c.got.Abs != c.abs {
			t.Errorf("%T: got %v, %v, %g, want %v, %v, %g", c.a, c.got.A, c.got.B, c.got.Abs, c.a, c.b, c.abs)
		}
	}
	v, err := tensor.NewView([]byte("abcdef"), tensor.Text(3), tensor.Shape{2}, nil, 0, tensor.LittleEndian)
	ok(t, err)
	w, err := tensor.NewView([]byte("abcdeg"), tensor.Text(3), tensor.Shape{2}, nil, 0, tensor.LittleEndian)
	ok(t, err)
	if d := one(mem(t, v), mem(t, w)); string(d.A.([]byte)) != "def" || string(d.B.([]byte)) != "deg" || d.Index[0] != 1 {
		t.Errorf("text: %+v", d)
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	pa, pb := filepath.Join(dir, "a.tensor"), filepath.Join(dir, "b.tensor")
	v := func(d tensor.DType, shape ...int64) tensor.View {
		x, err := tensor.Make(d, shape)
		ok(t, err)
		return x
	}
	add := func(w *tensorfile.Writer, name string, x tensor.View, a tensorfile.Attrs) {
		ok(t, w.Add(ctx, name, x, &tensorfile.TensorOptions{Attrs: a}))
	}
	changed, err := tensor.FromSlice([]float32{0, 0, 0, 1, 0, -2}, 2, 3)
	ok(t, err)
	nan := tensorfile.Attrs{"x": math.NaN(), "list": []any{int64(1), "a", map[string]any{"k": nil}}}
	write(t, pa, func(w *tensorfile.Writer) error {
		add(w, "same", v(tensor.F32, 2, 3), nan)
		add(w, "values", v(tensor.F32, 2, 3), tensorfile.Attrs{"unit": "m", "gone": true, "n": int64(1)})
		add(w, "dtype", v(tensor.F32, 2, 3), nil)
		add(w, "shape", v(tensor.F32, 2, 3), nil)
		add(w, "a0", v(tensor.F32, 1), nil)
		add(w, "zz", v(tensor.F32, 1), nil)
		add(w, "none", v(tensor.F32, 0, 4), nil)
		return nil
	})
	write(t, pb, func(w *tensorfile.Writer) error {
		add(w, "same", v(tensor.F32, 2, 3), nan)
		add(w, "values", changed, tensorfile.Attrs{"unit": "s", "n": 1.0})
		add(w, "dtype", v(tensor.I32, 2, 3), nil)
		add(w, "shape", v(tensor.F32, 3, 2), tensorfile.Attrs{"new": ""})
		add(w, "b0", v(tensor.F32, 1), nil)
		add(w, "none", v(tensor.F32, 0, 4), nil)
		return nil
	})
	a, b := open(t, pa, nil), open(t, pb, nil)
	got, results := all(t, a, b, &compare.Options{Largest: 9})
	want := []string{"a0 only_a", "b0 only_b", "dtype dtype", "none equal", "same equal", "shape shape", "values different", "zz only_a"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	r := results[6]
	if r.Elements != 6 || r.Different != 2 || fmt.Sprint(r.First) != "[1 0]" || r.MaxAbs != 2 || r.MaxRel != 1 || fmt.Sprint(r.Largest[0].Index) != "[1 2]" {
		t.Errorf("%+v", r)
	}
	got, _ = all(t, a, b, &compare.Options{Attrs: true, Match: func(s string) bool { return strings.Contains("same shape values", s) }})
	if want := []string{"same equal", "shape shape new", "values different gone n unit"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	if got, _ = all(t, a, a, &compare.Options{Attrs: true}); strings.Contains(fmt.Sprint(got), "diff") || len(got) != 7 {
		t.Errorf("a file and itself: %q", got)
	}
	for range compare.Files(ctx, a, b, nil) {
		break
	}
}

// Large tensors are cut for several workers; what comes out does not depend on
// how many there are, on mappings, containers or strides.
func TestLargeAnyWay(t *testing.T) {
	defer compare.SetBlockBytes(1 << 10)()
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 1))
	const rows, cols = 120, 261
	list := make([]float32, rows*cols)
	for i := range list {
		list[i] = rng.Float32()
	}
	v, err := tensor.FromSlice(list, rows, cols)
	ok(t, err)
	pa := filepath.Join(dir, "a.tensor")
	write(t, pa, func(w *tensorfile.Writer) error { return w.Add(ctx, "w", v, nil) })
	u, err := v.Clone()
	ok(t, err)
	for range 500 {
		ok(t, tensor.WriteElem(u, rng.Float32(), rng.Int64N(rows), rng.Int64N(cols)))
	}
	for _, at := range [][]int64{{119, 0}, {7, 260}, {7, 3}} {
		ok(t, tensor.WriteElem[float32](u, 100, at...))
	}
	ok(t, tensor.WriteElem(u, float32(math.NaN()), 100, 11))
	turned, err := u.Transpose()
	ok(t, err)
	if turned, err = turned.Clone(); err == nil {
		turned, err = turned.Transpose()
	}
	ok(t, err)
	var paths []string
	for i, x := range []tensor.View{u, turned} {
		p := filepath.Join(dir, fmt.Sprintf("b%d.tensor", i))
		write(t, p, func(w *tensorfile.Writer) error { return w.Add(ctx, "w", x, nil) })
		paths = append(paths, p)
		for _, compress := range []bool{false, true} {
			q := fmt.Sprintf("%s.%v.npz", p, compress)
			_, err := convert.Files(ctx, []string{p}, q, &convert.Options{NoSync: true, Write: convert.WriteOptions{Compress: compress}})
			ok(t, err)
			paths = append(paths, q)
		}
	}
	var want *compare.Result
	for i, p := range paths {
		for _, noMmap := range []bool{false, true} {
			for _, workers := range []int{1, 4} {
				o := &convert.OpenOptions{}
				o.NoMmap = noMmap
				a, b := open(t, pa, o), open(t, p, o)
				copts := &compare.Options{Largest: 40, Workers: workers}
				_, rs := all(t, a, b, copts)
				if len(rs) != 1 {
					t.Fatal(rs)
				}
				r := rs[0]
				if r.Err != nil {
					t.Fatal(r.Err)
				}
				r.A, r.B = nil, nil
				if want == nil {
					want = r
					if r.Different < 300 || r.NaN != 1 || len(r.Largest) != 40 || r.MaxAbs < 99 {
						t.Fatalf("%+v", r)
					}
					if fmt.Sprint(r.Largest[0].Index, r.Largest[1].Abs > 99, r.Largest[3].Abs > 99, r.Largest[4].Abs < 99) != "[100 11] true true true" {
						t.Errorf("%+v", r.Largest[:5])
					}
				}
				if fmt.Sprint(r) != fmt.Sprint(want) {
					t.Errorf("%s, noMmap %v, %d workers:\n%v\nwant\n%v", paths[i], noMmap, workers, r, want)
				}
				if _, rs = all(t, b, b, copts); !rs[0].Same() {
					t.Errorf("%s is not itself", p)
				}
			}
		}
	}
}

// What stands for many by strides of 0 is looked at once.
func TestRepeated(t *testing.T) {
	x := func(c float32) *tensorfile.Tensor {
		v, err := tensor.FromSlice([]float32{1, c}, 1, 2, 1)
		ok(t, err)
		v, err = v.BroadcastTo(tensor.Shape{1 << 30, 2, 1 << 20})
		ok(t, err)
		return mem(t, v)
	}
	r, err := compare.Tensors(ctx, x(2), x(5), &compare.Options{Largest: 4})
	ok(t, err)
	if r.Different != 1<<50 || r.Elements != 1<<51 || fmt.Sprint(r.First) != "[0 1 0]" || len(r.Largest) != 1 {
		t.Errorf("%+v", r)
	}
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.tensor")
	write(t, path, func(w *tensorfile.Writer) error {
		v := noise(rand.New(rand.NewPCG(5, 6)), tensor.U8, tensor.Shape{400})
		ok(t, w.Add(ctx, "bad", v, nil))
		return w.Add(ctx, "good", v, nil)
	})
	good := open(t, path, nil)

	// Damage to the elements of one is no matter to the other.
	b, err := os.ReadFile(path)
	ok(t, err)
	b[12288] ^= 1
	hurt := filepath.Join(dir, "hurt.tensor")
	ok(t, os.WriteFile(hurt, b, 0o600))
	o := &convert.OpenOptions{}
	o.Verify = tensorfile.VerifyOnFirstUse
	got, rs := all(t, good, open(t, hurt, o), nil)
	if fmt.Sprint(got) != "[bad failed good equal]" || !errors.Is(rs[0].Err, tensorfile.ErrCorrupt) {
		t.Errorf("%q %v", got, rs[0].Err)
	}

	// A stream that ends early, or with a wrong checksum.
	npz := filepath.Join(dir, "x.npz")
	_, err = convert.Files(ctx, []string{path}, npz, &convert.Options{NoSync: true, Write: convert.WriteOptions{Compress: true}})
	ok(t, err)
	if b, err = os.ReadFile(npz); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for i := 250; i < 270; i++ {
		c := bytes.Clone(b)
		c[i] ^= 0x10
		bad := filepath.Join(dir, "bad.npz")
		ok(t, os.WriteFile(bad, c, 0o600))
		f, err := convert.Open(ctx, bad, nil)
		if err != nil {
			continue
		}
		for r, err := range compare.Files(ctx, good, f, nil) {
			ok(t, err)
			if r.Name == "bad" && !r.Same() {
				seen++
			}
		}
		ok(t, f.Close())
	}

	if seen != 20 {
		t.Errorf("%d changed bytes of 20 were seen", seen)
	}

	// What was skipped is not missing.
	skip := &convert.OpenOptions{}
	skip.SkipBad = true
	objects := open(t, "../testdata/npy/objects.npz", skip)
	failed := 0
	for r, err := range compare.Files(ctx, objects, objects, nil) {
		if ok(t, err); r.Status == compare.Failed {
			failed++
		}
	}
	if failed != len(objects.Layout().Skipped) || failed == 0 {
		t.Errorf("%d failed", failed)
	}

	gone, cancel := context.WithCancel(ctx)
	cancel()
	for _, err := range compare.Files(gone, good, good, nil) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	f, err := tensorfile.Open(path, nil)
	ok(t, err)
	ok(t, f.Close())
	for _, err := range compare.Files(ctx, good, f, nil) {
		if !errors.Is(err, tensorfile.ErrClosed) {
			t.Errorf("got %v", err)
		}
	}
}

// A file that was cut while it was open is an error, not a difference and not
// equal.
func TestChangedFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be cut")
	}
	dir := t.TempDir()
	v, err := tensor.Make(tensor.U8, tensor.Shape{1 << 20})
	ok(t, err)
	a, b := filepath.Join(dir, "a.tensor"), filepath.Join(dir, "b.tensor")
	for _, path := range []string{a, b} {
		write(t, path, func(w *tensorfile.Writer) error { return w.Add(ctx, "x", v, nil) })
	}
	fa, fb := open(t, a, nil), open(t, b, nil)
	ok(t, os.Truncate(b, 500_000))
	for r, err := range compare.Files(ctx, fa, fb, nil) {
		if err == nil {
			err = r.Err
		}
		if !errors.Is(err, tensorfile.ErrChanged) && !errors.Is(err, tensorfile.ErrTruncated) {
			t.Errorf("got %v, %v", r, err)
		}
	}
}

// Memory does not grow with the tensor, mapped or not.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("tensors of 8 MiB")
	}
	const n = 8 << 20
	dir := t.TempDir()
	v, err := tensor.Make(tensor.U8, tensor.Shape{1024, n / 1024})
	ok(t, err)
	a, b := filepath.Join(dir, "a.tensor"), filepath.Join(dir, "b.tensor")
	write(t, a, func(w *tensorfile.Writer) error { return w.Add(ctx, "x", v, nil) })
	bytesOf, err := v.Bytes()
	ok(t, err)
	for i := range bytesOf {
		bytesOf[i] = byte(i)
	}
	write(t, b, func(w *tensorfile.Writer) error { return w.Add(ctx, "x", v, nil) })
	for _, noMmap := range []bool{false, true} {
		o := &convert.OpenOptions{}
		o.NoMmap = noMmap
		fa, fb := open(t, a, o), open(t, b, o)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, rs := all(t, fa, fb, &compare.Options{Workers: 2, Largest: 10})
		runtime.ReadMemStats(&after)
		if got := (after.TotalAlloc - before.TotalAlloc) >> 20; got > 7 {
			t.Errorf("noMmap %v: %d MiB", noMmap, got)
		}
		if rs[0].Different != n/256*255 {
			t.Errorf("%+v", rs[0])
		}
	}
}
