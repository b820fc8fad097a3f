package npy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// make1 makes a native file of one tensor.
func make1(t *testing.T, name string, v tensor.View, attrs tensorfile.Attrs) *tensorfile.Tensor {
	t.Helper()
	var buf bytes.Buffer
	w, err := tensorfile.NewWriter(&buf, nil)
	if err == nil {
		err = w.Add(context.Background(), name, v, &tensorfile.TensorOptions{Attrs: attrs})
	}
	if err == nil {
		err = w.Commit(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := tensorfile.OpenReaderAt(bytes.NewReader(buf.Bytes()), int64(buf.Len()), nil)
	if err != nil {
		t.Fatal(err)
	}
	x, err := f.Tensor(name)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func tryWrite(name string, o *convert.WriteOptions, src ...convert.Source) ([]byte, error) {
	format, _ := convert.ByName(name)
	var buf bytes.Buffer
	err := format.Write(context.Background(), &buf, src, o)
	return buf.Bytes(), err
}

// header1 is the text of the header of a .npy.
func header1(b []byte) string {
	head, _, _ := bytes.Cut(b[10:], []byte("\n"))
	return strings.TrimRight(string(head), " ")
}

func TestWriteDTypes(t *testing.T) {
	for _, c := range []struct {
		dtype tensor.DType
		attrs tensorfile.Attrs
		descr string // empty: refused
	}{
		{tensor.Bool, nil, "'|b1'"},
		{tensor.I8, nil, "'|i1'"},
		{tensor.U64, nil, "'<u8'"},
		{tensor.F16, nil, "'<f2'"},
		{tensor.C64, nil, "'<c8'"},
		{tensor.BF16, nil, "'<V2'"},
		{tensor.F8E4M3FN, nil, "'<V1'"},
		{tensor.F8E5M2, nil, "'<V1'"},
		{tensor.F8E8M0, nil, "'<V1'"},
		{tensor.Opaque(5), nil, "'|V5'"},
		{tensor.Text(7), nil, "'|S7'"},
		{tensor.UTF32(3), nil, "'<U3'"},
		{tensor.I4, nil, ""},
		{tensor.Bool1, nil, ""},
		{tensor.F6E2M3, nil, ""},
		{tensor.DType{Class: tensor.ClassInt, Bits: 128, UnitElems: 1, UnitBytes: 16}, nil, ""},
		{tensor.I64, tensorfile.Attrs{"unit": "ns"}, "'<i8'"},
		{tensor.I64, tensorfile.Attrs{"source": map[string]any{"format": "npy", "descr": "<M8[ns]"}}, "'<M8[ns]'"},
		{tensor.I64, tensorfile.Attrs{"source": map[string]any{"format": "npy", "descr": ">m8[ns]"}, "unit": "25s"}, "'<m8[25s]'"},
		{tensor.I64, tensorfile.Attrs{"source": map[string]any{"format": "npy", "descr": "<M8[ns]"}, "unit": "no unit"}, "'<M8[ns]'"},
		{tensor.I64, tensorfile.Attrs{"source": map[string]any{"format": "npy", "descr": "<M8"}}, "'<M8'"},
		{tensor.I64, tensorfile.Attrs{"source": map[string]any{"format": "csv", "descr": "<M8[ns]"}}, "'<i8'"},
		{tensor.I64, tensorfile.Attrs{"source": map[string]any{"format": "npy", "descr": "|O"}}, "'<i8'"},
		{tensor.I64, tensorfile.Attrs{"source": map[string]any{"format": "npy", "descr": int64(3)}}, "'<i8'"},
		{tensor.I64, tensorfile.Attrs{"source": "npy"}, "'<i8'"},
		{tensor.F64, tensorfile.Attrs{"source": map[string]any{"format": "npy", "descr": "<M8[ns]"}}, "'<f8'"},
		{tensor.Opaque(2), tensorfile.Attrs{"source": map[string]any{"format": "npy", "descr": "<V2", "hint": "bf16"}}, "'<V2'"},
	} {
		v, err := tensor.Make(c.dtype, tensor.Shape{8})
		if err != nil {
			t.Fatal(err)
		}
		zeros, err := v.Bytes()
		if err == nil { // the same everywhere: no dtype of these is known to be turned round
			v, err = tensor.NewView(zeros, c.dtype, tensor.Shape{8}, nil, 0, tensor.LittleEndian)
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := tryWrite("npy", nil, convert.Source{Tensor: make1(t, "x", v, c.attrs), As: "x"})
		if c.descr == "" {
			if !errors.Is(err, tensor.ErrUnsupported) || !strings.Contains(err.Error(), c.dtype.String()) || len(b) > 0 {
				t.Errorf("%v: %v, %d bytes", c.dtype, err, len(b))
			}
			continue
		}
		if want := "{'descr': " + c.descr + ", 'fortran_order': False, 'shape': (8,), }"; err != nil || header1(b) != want {
			t.Errorf("%v %v: got %s, %v, want %s", c.dtype, c.attrs, header1(b), err, want)
		}
	}
}

// TestWriteOrder writes Fortran order only where the strides have it, and
// every other order of axes as C order.
func TestWriteOrder(t *testing.T) {
	v, err := tensor.Make(tensor.I32, tensor.Shape{2, 3, 4})
	if err != nil {
		t.Fatal(err)
	}
	data, err := tensor.Data[int32](v)
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		data[i] = int32(i)
	}
	for _, c := range []struct {
		axes    []int
		fortran bool
	}{{[]int{0, 1, 2}, false}, {[]int{2, 1, 0}, true}, {[]int{1, 0, 2}, false}, {[]int{2, 0, 1}, false}} {
		p, err := v.Permute(c.axes...)
		if err != nil {
			t.Fatal(err)
		}
		x := make1(t, "x", p, nil)
		for _, format := range []string{"npy", "npz"} {
			b, err := tryWrite(format, nil, convert.Source{Tensor: x, As: "x"})
			if err != nil {
				t.Fatal(err)
			}
			if got := bytes.Contains(b, []byte("'fortran_order': True")); got != c.fortran {
				t.Errorf("%v in %s: fortran_order %v", c.axes, format, got)
			}
			f, err := openBytes(b, "x", &convert.OpenOptions{Format: format})
			if err != nil {
				t.Fatal(err)
			}
			if got := sum(t, all(t, f)[0]); got != sum(t, x) {
				t.Errorf("%v in %s: other bytes", c.axes, format)
			}
		}
	}
}

func TestWriteNames(t *testing.T) {
	v, err := tensor.Make(tensor.U8, tensor.Shape{1})
	if err != nil {
		t.Fatal(err)
	}
	x := make1(t, "x", v, nil)
	for _, name := range []string{"../../x", "/etc/x", `C:\x`, "C:x", "CON", "dir/nul", "a//b", "a/./b", `a\b`, "a/", "..", "Lpt1.x"} {
		b, err := tryWrite("npz", nil, convert.Source{Tensor: x, As: "fine"}, convert.Source{Tensor: x, As: name})
		var te *tensor.Error
		if !errors.Is(err, tensor.ErrPath) || !errors.As(err, &te) || te.Tensor != name || len(b) > 0 {
			t.Errorf("name %q: %v, %d bytes", name, err, len(b))
		}
	}
	b, err := tryWrite("npz", nil, convert.Source{Tensor: x, As: "a/b c/\u65e5"}, convert.Source{Tensor: x, As: "X"}, convert.Source{Tensor: x, As: "x"})
	if err != nil {
		t.Fatal(err)
	}
	f, err := openBytes(b, "x.npz", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := all(t, f)[0].Name(); got != "a/b c/\u65e5" {
		t.Errorf("got %q", got)
	}
	if b, err := tryWrite("npz", nil, convert.Source{Tensor: x, As: "x"}, convert.Source{Tensor: x, As: "x"}); !errors.Is(err, tensor.ErrDuplicate) || len(b) > 0 {
		t.Errorf("one name twice: %v", err)
	}
	for _, src := range [][]convert.Source{{}, {{Tensor: x, As: "a"}, {Tensor: x, As: "b"}}} {
		if b, err := tryWrite("npy", nil, src...); !errors.Is(err, tensor.ErrUnsupported) || len(b) > 0 {
			t.Errorf("%d tensors in a .npy: %v", len(src), err)
		}
	}
}

// TestRegroup puts fields together only if they are the array that they were.
func TestRegroup(t *testing.T) {
	data := make([]byte, 3*20)
	for i := range data {
		data[i] = byte(i)
	}
	b := raw(1, "{'descr': [('a', '<i4'), ('p', [('x', '>f4'), ('y', '<f4')], (2,))], 'fortran_order': False, 'shape': (3,), }\n", data)
	f, err := openBytes(b, "s.npy", nil)
	if err != nil {
		t.Fatal(err)
	}
	var src []convert.Source
	for _, x := range all(t, f) {
		src = append(src, convert.Source{Tensor: x, As: x.Name()})
	}
	if len(src) != 3 || src[0].As != "s.a" || src[1].As != "s.p.x" || src[2].As != "s.p.y" {
		t.Fatal(src)
	}
	members := func(src ...convert.Source) string {
		t.Helper()
		b, err := tryWrite("npz", nil, src...)
		if err != nil {
			t.Fatal(err)
		}
		f, err := openBytes(b, "x.npz", nil)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range f.Layout().Storages {
			names = append(names, s.Member)
		}
		return strings.Join(names, " ")
	}
	as := func(s convert.Source, name string) convert.Source { s.As = name; return s }
	other, err := tensor.Make(tensor.F64, tensor.Shape{3})
	if err != nil {
		t.Fatal(err)
	}
	attrs, _ := src[0].Attrs()
	wrong := convert.Source{Tensor: make1(t, "s.a", other, attrs), As: "s.a"}
	short, err := tensor.Make(tensor.I32, tensor.Shape{2})
	if err != nil {
		t.Fatal(err)
	}
	shorter := convert.Source{Tensor: make1(t, "s.a", short, attrs), As: "s.a"}
	plain := convert.Source{Tensor: make1(t, "plain", other, nil), As: "plain"}

	for _, c := range []struct {
		name string
		src  []convert.Source
		want string
	}{
		{"all", src, "s.npy"},
		{"in any order, among others", []convert.Source{src[2], plain, src[0], src[1]}, "s.npy plain.npy"},
		{"all renamed", []convert.Source{as(src[0], "q.a"), as(src[1], "q.p.x"), as(src[2], "q.p.y")}, "q.npy"},
		{"one renamed", []convert.Source{as(src[0], "b"), src[1], src[2]}, "b.npy s.p.x.npy s.p.y.npy"},
		{"one missing", src[1:], "s.p.x.npy s.p.y.npy"},
		{"two arrays", []convert.Source{src[0], src[1], src[2], as(src[0], "q.a"), as(src[1], "q.p.x"), as(src[2], "q.p.y")}, "s.npy q.npy"},
		{"another dtype", []convert.Source{wrong, src[1], src[2]}, "s.a.npy s.p.x.npy s.p.y.npy"},
		{"another shape", []convert.Source{shorter, src[1], src[2]}, "s.a.npy s.p.x.npy s.p.y.npy"},
	} {
		if got := members(c.src...); got != c.want {
			t.Errorf("%s: members %q, want %q", c.name, got, c.want)
		}
	}

	out, err := tryWrite("npy", nil, src...)
	if err != nil {
		t.Fatal(err)
	}
	if want := "{'descr': [('a', '<i4'), ('p', [('x', '<f4'), ('y', '<f4')], (2,))], 'fortran_order': False, 'shape': (3,), }"; header1(out) != want {
		t.Errorf("got %s", header1(out))
	}
	again, err := openBytes(out, "s.npy", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range all(t, again) {
		if sum(t, x) != sum(t, src[i].Tensor) {
			t.Errorf("field %q has other bytes", x.Name())
		}
	}
}

// structured opens a deflated archive of one structured array of n elements.
func structured(t *testing.T, n int) []convert.Source {
	t.Helper()
	b := array("[('a', '<i4'), ('b', '<f8', (3,)), ('', '|V5'), ('c', '|u1')]", fmt.Sprintf("(%d,)", n), n*34)
	for i := 256; i < len(b); i++ {
		b[i] = byte(i * 7)
	}
	f, err := openBytes(b, "s.npy", nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err = openBytes(write(t, f, "npz", &convert.WriteOptions{Compress: true}), "s.npz", nil)
	if err != nil {
		t.Fatal(err)
	}
	var src []convert.Source
	for _, x := range all(t, f) {
		src = append(src, convert.Source{Tensor: x, As: x.Name()})
	}
	return src
}

// TestStructureFails ends without leaving a goroutine, wherever it fails.
func TestStructureFails(t *testing.T) {
	src := structured(t, 100_000)
	whole, err := tryWrite("npy", nil, src...)
	if err != nil {
		t.Fatal(err)
	}
	format, _ := convert.ByName("npy")
	before := runtime.NumGoroutine()
	for _, n := range []int{0, 1, 128, 200_000, len(whole) - 1} {
		if err := format.Write(context.Background(), &full{n}, src, nil); !errors.Is(err, errFull) {
			t.Errorf("full after %d bytes: %v", n, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	err = format.Write(ctx, writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil }), src, nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for end := time.Now().Add(2 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before", n, before)
	}
}

var errFull = errors.New("full")

type full struct{ n int }

func (w *full) Write(p []byte) (int, error) {
	if len(p) > w.n {
		return 0, errFull
	}
	w.n -= len(p)
	return len(p), nil
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestStoredInPlace maps the elements of a stored member where they lie, and
// says which of the typed ways are open.
func TestStoredInPlace(t *testing.T) {
	// One byte of name more moves everything to an odd place.
	good := array("'<f4'", "(2,)", 8)
	f, err := openBytes(zipped(t, "odd__.npy", good), "x.npz", nil)
	if err != nil {
		t.Fatal(err)
	}
	x := all(t, f)[0]
	st := x.Storage()
	if st.Kind != tensorfile.StorageRaw || st.Size != 8 || st.Member != "odd__.npy" {
		t.Errorf("%+v", st)
	}
	if len(f.Layout().Checks) != 1 || f.Layout().Checks[0].Size != int64(len(good)) {
		t.Errorf("%+v", f.Layout().Checks)
	}
	r, err := f.Verify(context.Background(), nil)
	if err != nil || !r.OK() {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestReadOptions(t *testing.T) {
	b := array("[('h', '>V2'), ('i', '|i1')]", "(2,)", 6)
	copy(b[len(b)-6:], []byte{0x3f, 0x80, 1, 0xc0, 0x20, 2})
	o := &convert.OpenOptions{}
	o.Name, o.Void2 = "given", tensor.BF16
	f, err := openBytes(b, "x.npy", o)
	if err != nil {
		t.Fatal(err)
	}
	x, err := f.Tensor("given.h")
	if err != nil {
		t.Fatal(err)
	}
	v, err := x.Read(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{1, -2.5} {
		if got, err := v.Float64At(int64(i)); err != nil || got != want {
			t.Errorf("element %d is %v, %v, want %v", i, got, err, want)
		}
	}
	o.Void2 = tensor.F32
	for _, path := range []string{"x.npy", "x.npz"} {
		b := b
		if path == "x.npz" {
			b = zipped(t, "a.npy", b)
		}
		if _, err := openBytes(b, path, o); !errors.Is(err, tensor.ErrUnsupported) || !strings.Contains(err.Error(), "f32") {
			t.Errorf("%s, void read as f32: %v", path, err)
		}
	}
	o.Void2, o.Name = tensor.DType{}, "a\nb"
	if _, err := openBytes(b, "x.npy", o); !errors.Is(err, tensor.ErrFormat) {
		t.Errorf("a name with a newline: %v", err)
	}
}

// BenchmarkStructure writes a structured array from its fields.
func BenchmarkStructure(b *testing.B) {
	data := array("[('a', '<i4'), ('b', '<f8', (3,)), ('c', '|u1')]", "(1000000,)", 29_000_000)
	f, err := openBytes(data, "s.npy", nil)
	if err != nil {
		b.Fatal(err)
	}
	var src []convert.Source
	for _, x := range all(b, f) {
		src = append(src, convert.Source{Tensor: x, As: x.Name()})
	}
	format, _ := convert.ByName("npy")
	b.SetBytes(29_000_000)
	for b.Loop() {
		if err := format.Write(context.Background(), io.Discard, src, nil); err != nil {
			b.Fatal(err)
		}
	}
}
