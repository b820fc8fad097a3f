package convert_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/operate"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
	"go.uber.org/goleak"
)

// npyBytes is a .npy file of u8 whose elements depend on seed.
func npyBytes(seed int, shape ...int64) []byte {
	text := strings.Trim(strings.ReplaceAll(fmt.Sprint(shape), " ", ", "), "[]")
	if len(shape) == 1 {
		text += ","
	}
	header := fmt.Sprintf("{'descr': '|u1', 'fortran_order': False, 'shape': (%s), }", text)
	header += strings.Repeat(" ", 63-(len(header)+10)%64) + "\n"
	b := append([]byte("\x93NUMPY\x01\x00"), binary.LittleEndian.AppendUint16(nil, uint16(len(header)))...)
	return append(append(b, header...), elements(seed, shape...)...)
}

// elements are those of npyBytes.
func elements(seed int, shape ...int64) []byte {
	n := int64(1)
	for _, e := range shape {
		n *= e
	}
	b := make([]byte, n)
	x := uint32(seed)*2654435761 + 1
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// npyFiles writes n files and lists them.
func npyFiles(t testing.TB, dir string, n int, shape func(i int) []int64) (names []string) {
	t.Helper()
	for i := range n {
		names = append(names, filepath.Join(dir, fmt.Sprintf("%06d.npy", i)))
		if err := os.WriteFile(names[i], npyBytes(i, shape(i)...), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

func always(shape ...int64) func(int) []int64 { return func(int) []int64 { return shape } }

// rowsOf are the bytes of files one behind the other.
func rowsOf(seeds []int, shape ...int64) (b []byte) {
	for _, i := range seeds {
		b = append(b, elements(i, shape...)...)
	}
	return b
}

func seq(n int, without ...int) (list []int) {
	for i := range n {
		if !slices.Contains(without, i) {
			list = append(list, i)
		}
	}
	return list
}

// setOf makes a set and opens it.
func setOf(t *testing.T, names []string, out string, o convert.SetOptions) (*convert.SetResult, *tensorfile.File) {
	t.Helper()
	o.NoSync = true
	r, err := convert.Set(ctx, names, out, &o)
	must(t, err)
	f, err := convert.Open(ctx, out, nil)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return r, f
}

// wantSet compares the elements of a tensor.
func wantSet(t *testing.T, f *tensorfile.File, name string, want []byte, shape ...int64) *tensorfile.Tensor {
	t.Helper()
	x, err := f.Tensor(name)
	must(t, err)
	var b bytes.Buffer
	must(t, x.WriteCOrder(ctx, &b))
	if !x.Shape().Equal(shape) || !bytes.Equal(b.Bytes(), want) {
		t.Errorf("%s: %v, want %v; equal elements: %v", name, x.Shape(), shape, bytes.Equal(b.Bytes(), want))
	}
	return x
}

func slashed(names []string) (out []string) {
	for _, s := range names {
		out = append(out, filepath.ToSlash(s))
	}
	return out
}

// Whatever the number of workers and however rows are held, row i is file i.
func TestSet(t *testing.T) {
	dir := t.TempDir()
	names := npyFiles(t, dir, 40, always(3, 5))
	slices.Reverse(names) // order as given
	seeds := seq(40)
	slices.Reverse(seeds)
	want := rowsOf(seeds, 3, 5)
	n := 0
	for _, workers := range []int{0, 1, 2, 7, 100} {
		for _, held := range []int64{128 << 20, 14} {
			for _, c := range []struct {
				ext   string
				store []convert.Store
			}{
				{".tensor", nil}, {".npy", nil}, {".npz", nil}, {".tensor", []convert.Store{{Chunk: tensor.Shape{7, 3, 2}}}},
				{".tensor", []convert.Store{{Codec: "auto"}}}, {".tensor", []convert.Store{{Codec: "lz4", Chunk: tensor.Shape{16, 3, 5}}}},
			} {
				back := convert.SetLargeRow(held)
				out := filepath.Join(dir, fmt.Sprintf("set%d%s", n, c.ext))
				n++
				r, f := setOf(t, names, out, convert.SetOptions{Workers: workers, Store: c.store, Name: "set"})
				back()
				if r.Files != 40 || r.Again || len(r.Skipped) > 0 || len(r.Losses) > 0 {
					t.Errorf("%+v", r)
				}
				if c.ext == ".npy" {
					for x, err := range f.Tensors() {
						must(t, err)
						wantSet(t, f, x.Name(), want, 40, 3, 5)
					}
					continue
				}
				x := wantSet(t, f, "set", want, 40, 3, 5)
				if c.ext != ".tensor" {
					continue
				}
				m, err := convert.MembersOf(ctx, x)
				must(t, err)
				if !reflect.DeepEqual(m, &convert.Members{Files: slashed(names)}) {
					t.Errorf("members %v", m)
				}
				rep, err := f.Verify(ctx, nil)
				must(t, err)
				if !rep.OK() {
					t.Error(rep)
				}
			}
		}
	}
	t.Logf("%d sets", n)
	if n < 60 {
		t.Error("too few")
	}
}

// Labels are numbered by the bytes of the names of folders, bad files or not.
func TestSetLabels(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"b/1.npy", "a/10.npy", "a/9.npy", "B/x.npy", "ä/y.npy", "0.npy", ".hidden/z.npy", "a/.z.npy", "a/deep/z.npy"} {
		path := filepath.Join(dir, "in", filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(path), 0o777))
		must(t, os.WriteFile(path, npyBytes(i, 4), 0o666))
	}
	files, err := convert.Folder(filepath.Join(dir, "in"), true)
	must(t, err)
	var short []string
	for _, name := range files {
		rel, err := filepath.Rel(filepath.Join(dir, "in"), name)
		must(t, err)
		short = append(short, filepath.ToSlash(rel))
	}
	if want := []string{"0.npy", "B/x.npy", "a/10.npy", "a/9.npy", "b/1.npy", "ä/y.npy"}; !slices.Equal(short, want) {
		t.Fatalf("%v, want %v", short, want)
	}
	if top, err := convert.Folder(filepath.Join(dir, "in"), false); err != nil || len(top) != 1 {
		t.Errorf("%v, %v", top, err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "in", "B", "x.npy"), []byte("x"), 0o666))
	o := convert.SetOptions{Label: convert.LabelDir, Name: "s"}
	o.Open.SkipBad = true
	for _, out := range []string{"s.tensor", "s.npz"} {
		r, f := setOf(t, files, filepath.Join(dir, out), o)
		classes := []string{"B", "a", "b", "in", "ä"}
		if !slices.Equal(r.Classes, classes) || r.Files != 5 || len(r.Skipped) != 1 || r.Again {
			t.Errorf("%+v", r)
		}
		x, err := f.Tensor("s.labels")
		must(t, err)
		v, err := x.Read(ctx)
		must(t, err)
		labels, err := tensor.Data[int64](v)
		must(t, err)
		if want := []int64{3, 1, 1, 2, 4}; !slices.Equal(labels, want) {
			t.Errorf("labels %v, want %v", labels, want)
		}
		if out == "s.npz" {
			if len(r.Losses) != 1 || len(r.Tensors) != 2 {
				t.Errorf("%+v", r)
			}
			continue
		}
		set, err := f.Tensor("s")
		must(t, err)
		m, err := convert.MembersOf(ctx, set)
		must(t, err)
		if !slices.Equal(m.Labels, labels) || !slices.Equal(m.Classes, classes) || len(m.Files) != 5 || m.Sizes != nil {
			t.Errorf("%+v", m)
		}
	}
	refuseSet(t, tensorfile.ErrUnsupported, files, filepath.Join(dir, "s.npy"), o)
	refuseSet(t, tensorfile.ErrPath, []string{"/x.npy"}, filepath.Join(dir, "t.tensor"), convert.SetOptions{Label: convert.LabelDir})
}

// refuseSet makes a set that must fail with kind and leave no trace.
func refuseSet(t *testing.T, kind error, names []string, out string, o convert.SetOptions) error {
	t.Helper()
	before := listing(t, filepath.Dir(out))
	o.NoSync = true
	_, err := convert.Set(ctx, names, out, &o)
	if !errors.Is(err, kind) {
		t.Errorf("got %v, want %v", err, kind)
	}
	if after := listing(t, filepath.Dir(out)); !slices.Equal(before, after) {
		t.Errorf("the directory changed from %v to %v", before, after)
	}
	return err
}

// What does not fit names both files and both shapes.
func TestSetUnlike(t *testing.T) {
	dir := t.TempDir()
	at := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, b, 0o666))
		return path
	}
	rgb, small := at("rgb.npy", npyBytes(1, 4, 6, 3)), at("small.npy", npyBytes(2, 2, 3, 3))
	rgba, grey := at("rgba.npy", npyBytes(3, 4, 6, 4)), at("grey.npy", npyBytes(4, 4, 6))
	i1 := at("i1.npy", bytes.Replace(npyBytes(5, 4, 6, 3), []byte("|u1"), []byte("|i1"), 1))
	two := filepath.Join(dir, "two.tensor")
	native(t, two, "a", "b")
	text := at("x.npy", []byte("no file"))
	empty := at("empty.npy", nil)
	for _, c := range []struct {
		kind  error
		names []string
		want  string
	}{
		{tensorfile.ErrShape, []string{rgb, rgb, rgba}, "rgba.npy: stack: got u8 (4, 6, 4), want u8 (4, 6, 3), as \"" + rgb + "\" has"},
		{tensorfile.ErrShape, []string{rgb, grey}, "grey.npy: stack: got u8 (4, 6), want u8 (4, 6, 3)"},
		{tensorfile.ErrDType, []string{rgb, i1}, "i1.npy: stack: got i8 (4, 6, 3), want u8 (4, 6, 3)"},
		{convert.ErrNotOne, []string{rgb, two}, "two.tensor"},
		{tensorfile.ErrFormat, []string{rgb, text, empty}, "x.npy"},
		{tensorfile.ErrTruncated, []string{rgb, empty, text}, "empty.npy"},
		{tensorfile.ErrIO, []string{rgb, filepath.Join(dir, "none.npy"), text}, "none.npy"},
		{tensorfile.ErrPath, nil, "at least one"},
	} {
		for _, workers := range []int{1, 4} {
			err := refuseSet(t, c.kind, c.names, filepath.Join(dir, "out.tensor"), convert.SetOptions{Workers: workers})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		}
	}
	var skip convert.SetOptions
	skip.Open.SkipBad = true
	refuseSet(t, tensorfile.ErrShape, []string{rgb, text, rgba}, filepath.Join(dir, "out.tensor"), skip) // not bad, only other
	refuseSet(t, convert.ErrNotOne, []string{text, two}, filepath.Join(dir, "out.tensor"), skip)
	refuseSet(t, tensorfile.ErrFormat, []string{text, empty}, filepath.Join(dir, "out.tensor"), skip)
	// Shapes that differ need an output that holds rows of different lengths.
	err := refuseSet(t, tensorfile.ErrUnsupported, []string{rgb, small}, filepath.Join(dir, "out.npy"), convert.SetOptions{})
	if !strings.Contains(fmt.Sprint(err), "ragged") {
		t.Error(err)
	}
	whole := &operate.Pipeline{Steps: []operate.Step{{Operator: operate.Cast{To: tensor.F16}}}}
	refuseSet(t, tensorfile.ErrShape, []string{rgb, small}, filepath.Join(dir, "out.tensor"), convert.SetOptions{Operate: whole})
	refuseSet(t, tensorfile.ErrPath, []string{rgb, two}, two, convert.SetOptions{Overwrite: true})
	refuseSet(t, tensorfile.ErrExists, []string{rgb}, two, convert.SetOptions{})
	refuseSet(t, tensorfile.ErrLimit, []string{rgb}, filepath.Join(dir, "out.tensor"), convert.SetOptions{Limit: 71})
}

// Rows of different shapes come back from a ragged set, by their shapes.
func TestSetRagged(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name  string
		shape func(i int) []int64
		inner tensor.Shape
	}{
		{"pictures", func(i int) []int64 { return []int64{int64(i%5 + 1), int64(i%3 + 2), 3} }, tensor.Shape{3}},
		{"grey", func(i int) []int64 { return []int64{int64(i%5 + 1), int64(i%3 + 2)} }, nil},
		{"strips", func(i int) []int64 { return []int64{int64(i % 4), 6, 3} }, tensor.Shape{6, 3}},
		{"clips", func(i int) []int64 { return []int64{int64(i * i)} }, nil},
		{"turned", func(i int) []int64 { return []int64{int64(2 + i%2), int64(3 - i%2)} }, nil}, // as many elements each
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(dir, c.name)
			must(t, os.Mkdir(dir, 0o777))
			names := npyFiles(t, dir, 33, c.shape)
			for i, o := range []convert.SetOptions{
				{}, {Workers: 5}, {Store: []convert.Store{{Codec: "auto"}}}, {Store: []convert.Store{{Chunk: tensor.Shape{50}, Codec: "lz4"}}}, {MaxBytes: 1},
			} {
				r, f := setOf(t, names, filepath.Join(dir, fmt.Sprintf("out%d.tensor", i)), o)
				if len(r.Notes) != 1 || len(r.Losses) > 0 || r.Tensors[0].Layout != "ragged" {
					t.Errorf("%+v", r)
				}
				x, err := f.Tensor(fmt.Sprintf("out%d", i))
				must(t, err)
				m, err := convert.MembersOf(ctx, x)
				must(t, err)
				a, err := x.Ragged(ctx)
				must(t, err)
				if !a.Inner().Equal(c.inner) || a.Len() != 33 || m.Sizes != nil || !slices.Equal(m.Files, slashed(names)) {
					t.Fatalf("inner %v, %d rows, %v", a.Inner(), a.Len(), m)
				}
				for k := range a.Len() {
					row, err := a.Row(k)
					must(t, err)
					back, err := row.Reshape(m.Shapes[k])
					must(t, err)
					b, err := back.Bytes()
					must(t, err)
					if shape := c.shape(int(k)); !back.Shape().Equal(shape) || !bytes.Equal(b, elements(int(k), shape...)) {
						t.Fatalf("row %d: %v", k, back.Shape())
					}
				}
				rep, err := f.Verify(ctx, nil)
				must(t, err)
				if !rep.OK() {
					t.Error(rep)
				}
			}
		})
	}
}

// Operators work on each file, then on the set; names of axes move with them.
func TestSetOperators(t *testing.T) {
	dir := t.TempDir()
	names := npyFiles(t, dir, 9, func(i int) []int64 { return []int64{4, int64(5 + i), 3} })
	steps := func(list ...string) (all []operate.Step) {
		for _, s := range list {
			name, value, _ := strings.Cut(s, " ")
			step, err := operate.Parse(name, value)
			must(t, err)
			all = append(all, step)
		}
		return all
	}
	for i, list := range [][]string{
		{"crop 5x3", "flip h", "stack", "dtype i16", "rearrange b h w c -> b c h w"},
		{"stack", "crop 5x3", "flip h", "rearrange b h w c -> b c h w", "dtype i16"},
		{"stack", "crop 5x3", "dtype i16", "flip 2", "rearrange b ... c -> b c ..."},
		{"dtype i16", "rearrange h w c -> c h w", "stack", "select :, :, :3", "pad 0,0,0,0", "select :, :, :, 0:", "rearrange b c h w -> b c h w", "crop 5x3", "flip h"},
	} {
		each, _, whole, ok := operate.Divide(steps(list...))
		if !ok || len(whole) != 0 {
			t.Fatalf("%v: %v, %v", each, whole, ok)
		}
		out := filepath.Join(dir, fmt.Sprintf("s%d.tensor", i))
		_, f := setOf(t, names, out, convert.SetOptions{Each: &operate.Pipeline{Steps: each}, Name: "s"})
		var want bytes.Buffer
		for k := range 9 {
			v, err := tensor.FromSlice(elements(k, 4, int64(5+k), 3), 4, int64(5+k), 3)
			must(t, err)
			x := int64(k) / 2 // a crop without a place takes the middle
			if v, err = v.Slice(1, x, x+5, 1); err == nil {
				v, err = v.Slice(0, 0, 3, 1)
			}
			must(t, err)
			if v, err = v.Flip(1); err == nil {
				v, err = v.Permute(2, 0, 1)
			}
			must(t, err)
			v, err = v.Cast(tensor.I16)
			must(t, err)
			must(t, v.WriteCOrder(&want, tensor.LittleEndian))
		}
		x := wantSet(t, f, "s", want.Bytes(), 9, 3, 3, 5)
		m, err := convert.MembersOf(ctx, x)
		must(t, err)
		if len(m.Sizes) != 9 || !m.Sizes[8].Equal(tensor.Shape{4, 13, 3}) {
			t.Errorf("sizes %v", m.Sizes)
		}
	}
	// Behind what works on the set as a whole everything does.
	each, _, whole, ok := operate.Divide(steps("crop 4x4", "stack", "dtype i32", "reduce sum b h w c -> h w", "dtype i64"))
	if !ok || len(each) != 2 || len(whole) != 2 {
		t.Fatalf("%v %v", each, whole)
	}
	moved := convert.SetOptions{Each: &operate.Pipeline{Steps: each}, Operate: &operate.Pipeline{Steps: whole}, Label: convert.LabelDir}
	refuseSet(t, tensorfile.ErrUnsupported, names, filepath.Join(dir, "sum.tensor"), moved)
	moved.Label = nil
	_, f := setOf(t, names, filepath.Join(dir, "sum.tensor"), moved)
	if x, err := f.Tensor("sum"); err != nil {
		t.Error(err)
	} else if a, err := x.Attrs(); err != nil || len(a) > 0 {
		t.Errorf("attributes of a sum: %v, %v", a, err)
	}
	sparse := convert.SetOptions{Each: &operate.Pipeline{Steps: steps("crop 4x4", "select 0, :, 0")}, Operate: &operate.Pipeline{Steps: steps("layout csr")}, Label: convert.LabelDir}
	_, f = setOf(t, names, filepath.Join(dir, "csr.tensor"), sparse)
	if x, err := f.Tensor("csr"); err != nil {
		t.Error(err)
	} else if m, err := convert.MembersOf(ctx, x); err != nil || len(m.Files) != 9 || len(m.Labels) != 9 || len(m.Sizes) != 9 {
		t.Errorf("members of a sparse set: %+v, %v", m, err)
	}
	_, f = setOf(t, names, filepath.Join(dir, "sum.npy"), convert.SetOptions{Each: &operate.Pipeline{Steps: each}, Operate: &operate.Pipeline{Steps: whole}})
	x, err := f.Tensor("sum")
	must(t, err)
	v, err := x.Read(ctx)
	must(t, err)
	got, err := tensor.Data[int64](v)
	must(t, err)
	want := make([]int64, 16)
	for k := range 9 {
		w, all := 5+k, elements(k, 4, int64(5+k), 3)
		for y := range 4 {
			for x := range 4 {
				for c := range 3 {
					want[4*y+x] += int64(all[(y*w+x+(k+1)/2)*3+c])
				}
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// late is a format whose files may be found bad only when they are decoded. It
// counts what is decoded at a time.
type lateFormat struct {
	mu                 sync.Mutex
	live, peak, opened int64
	wait               time.Duration
}

var late lateFormat

type lateReader struct {
	*bytes.Reader
	n int64
}

func (r *lateReader) Close() error {
	late.mu.Lock()
	defer late.mu.Unlock()
	late.live -= r.n
	return nil
}

var registerLate = sync.OnceFunc(func() {
	convert.Register(convert.Format{
		Name: "late", Extensions: []string{".late"}, Single: true,
		Detect: func(prefix []byte) bool { return bytes.HasPrefix(prefix, []byte("LATE")) },
		Open: func(_ context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
			n := in.Size() - 5
			decode := func(ctx context.Context) (io.ReadCloser, error) {
				late.mu.Lock()
				late.opened++
				late.live += n
				late.peak = max(late.peak, late.live)
				wait := late.wait
				late.mu.Unlock()
				select {
				case <-time.After(wait):
				case <-ctx.Done():
				}
				b := make([]byte, n+5)
				r := &lateReader{bytes.NewReader(b[5:]), n}
				if _, err := in.ReadAt(b, 0); err != nil {
					r.Close()
					return nil, err
				}
				if b[4] != '+' {
					r.Close()
					return nil, &convert.Error{Kind: tensorfile.ErrCorrupt, Offset: 4, Field: "sign", Got: string(b[4:5]), Want: "+"}
				}
				if err := ctx.Err(); err != nil { // who gets an error closes nothing
					r.Close()
					return nil, err
				}
				return r, nil
			}
			return &convert.Layout{Format: "late", Storages: []convert.LayoutStorage{{Size: n, Codec: "late", Open: decode, StoredSize: n}},
				Tensors: []convert.LayoutTensor{{Name: "x", DType: tensor.U8, Shape: tensor.Shape{n}}}}, nil
		},
	})
})

// lateFiles writes n files of size bytes, those listed bad.
func lateFiles(t testing.TB, dir string, n, size int, bad ...int) (names []string) {
	registerLate()
	late.mu.Lock()
	late.live, late.peak, late.opened, late.wait = 0, 0, 0, 0
	late.mu.Unlock()
	for i := range n {
		sign := "+"
		if slices.Contains(bad, i) {
			sign = "-"
		}
		names = append(names, filepath.Join(dir, fmt.Sprintf("%06d.late", i)))
		if err := os.WriteFile(names[i], append([]byte("LATE"+sign), elements(i, int64(size))...), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// A file that is found bad while it is decoded leaves no hole, wherever it is and
// whatever is written.
func TestSetSkipBad(t *testing.T) {
	dir := t.TempDir()
	n := 0
	for _, bad := range [][]int{{0}, {29}, {7, 8, 9}, {0, 1, 13, 28, 29}, seq(30, 17), nil} {
		names := lateFiles(t, dir, 30, 100, bad...)
		good := seq(30, bad...)
		for _, held := range []int64{1 << 20, 10} {
			for _, ext := range []string{".tensor", ".npy", ".chunks.tensor", "-"} {
				back := convert.SetLargeRow(held)
				n++
				var o convert.SetOptions
				o.Open.SkipBad, o.Name, o.Overwrite, o.NoSync = true, "s", true, true
				out := filepath.Join(dir, "s"+ext)
				if ext == ".chunks.tensor" {
					o.Store = []convert.Store{{Chunk: tensor.Shape{4, 50}, Codec: "lz4"}}
				}
				var stream bytes.Buffer
				if ext == "-" {
					out, o.To, o.Stdout = "-", "npy", &stream
				}
				r, err := convert.Set(ctx, names, out, &o)
				back()
				must(t, err)
				if ext == "-" {
					out = filepath.Join(dir, "stream.npy")
					must(t, os.WriteFile(out, stream.Bytes(), 0o666))
				}
				f, err := convert.Open(ctx, out, &convert.OpenOptions{ReadOptions: convert.ReadOptions{Name: "s"}})
				must(t, err)
				wantSet(t, f, "s", rowsOf(good, 100), int64(len(good)), 100)
				f.Close()
				if r.Files != len(good) || len(r.Skipped) != len(bad) || r.Again != (len(bad) > 0 && ext != "-") {
					t.Errorf("%d files, %v, %v", r.Files, r.Skipped, r.Again)
				}
				for k, err := range r.Skipped {
					if !errors.Is(err, tensorfile.ErrCorrupt) || !strings.Contains(err.Error(), fmt.Sprintf("%06d.late", bad[k])) {
						t.Error(err)
					}
				}
			}
		}
	}
	t.Logf("%d sets", n)
	names := lateFiles(t, dir, 30, 100, 7, 9)
	err := refuseSet(t, tensorfile.ErrCorrupt, names, filepath.Join(dir, "no.tensor"), convert.SetOptions{Workers: 4})
	if !strings.Contains(fmt.Sprint(err), "000007.late") {
		t.Error(err)
	}
	names = lateFiles(t, dir, 5, 100, 0, 1, 2, 3, 4)
	var o convert.SetOptions
	o.Open.SkipBad = true
	refuseSet(t, tensorfile.ErrCorrupt, names, filepath.Join(dir, "no.tensor"), o)
}

// Bad files of many, so that decoding stops and goes on often.
func TestSetSkipManyBad(t *testing.T) {
	dir := t.TempDir()
	var bad []int
	for i := range 400 {
		if i*i%7 == 2 || i > 350 {
			bad = append(bad, i)
		}
	}
	names := lateFiles(t, dir, 400, 10, bad...)
	var o convert.SetOptions
	o.Open.SkipBad, o.Workers, o.Name = true, 3, "s"
	r, f := setOf(t, names, filepath.Join(dir, "s.tensor"), o)
	good := seq(400, bad...)
	wantSet(t, f, "s", rowsOf(good, 10), int64(len(good)), 10)
	if len(r.Skipped) != len(bad) || late.opened > 2*400+int64(len(bad))*6 {
		t.Errorf("%d skipped of %d, %d times decoded", len(r.Skipped), len(bad), late.opened)
	}
}

// countedFile says when it is closed.
type countedFile struct {
	*bytes.Reader
	closed func()
}

func (f *countedFile) Close() error {
	f.closed()
	return nil
}

// No more files are open, and no more are decoded, than there are workers; rows
// that wait are bounded, too.
func TestSetBounds(t *testing.T) {
	dir := t.TempDir()
	const size = 50_000
	names := lateFiles(t, dir, 60, size)
	for _, c := range []struct {
		workers int
		most    int64
		decoded int64 // at most, at a time
	}{{1, 0, 1}, {3, 0, 3}, {8, 0, 8}, {8, 2 * size, 2}, {8, 1, 1}} {
		var open, peak, times atomic.Int64
		back := convert.SetOpenMember(func(ctx context.Context, path string, o *convert.OpenOptions) (*tensorfile.File, error) {
			peak.Store(max(peak.Load(), open.Add(1)))
			times.Add(1)
			b, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			return convert.OpenMap(ctx, mmap.NewSource(&countedFile{bytes.NewReader(b), func() { open.Add(-1) }}, path), o)
		})
		late.mu.Lock()
		late.peak, late.wait = 0, time.Millisecond
		late.mu.Unlock()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		o := convert.SetOptions{Workers: c.workers, MaxBytes: c.most, Overwrite: true, NoSync: true}
		_, err := convert.Set(ctx, names, filepath.Join(dir, "s.tensor"), &o)
		back()
		must(t, err)
		runtime.ReadMemStats(&after)
		if n := times.Load(); n != 121 || peak.Load() > int64(c.workers) || open.Load() != 0 {
			t.Errorf("%d workers: opened %d times, %d at a time, %d left open", c.workers, n, peak.Load(), open.Load())
		}
		if late.peak > c.decoded*size || late.live != 0 {
			t.Errorf("%d workers, %d bytes: %d bytes decoded at a time, %d left", c.workers, c.most, late.peak, late.live)
		}
		t.Logf("%d workers, at most %d bytes: %d files open, %d bytes decoded at a time, %d bytes of heap in all", c.workers, c.most, peak.Load(), late.peak, after.TotalAlloc-before.TotalAlloc)
	}
}

// When the context ends there is no file, no temporary file, and no goroutine.
func TestSetCancelled(t *testing.T) {
	dir := t.TempDir()
	names := lateFiles(t, dir, 200, 1000)
	out := t.TempDir()
	ignore := goleak.IgnoreCurrent()
	for _, held := range []int64{1 << 20, 10} {
		for _, stage := range []convert.SetStage{convert.Opening, convert.Writing} {
			for _, at := range []int{1, 100} {
				back := convert.SetLargeRow(held)
				ctx, cancel := context.WithCancel(ctx)
				_, err := convert.Set(ctx, names, filepath.Join(out, "s.tensor"), &convert.SetOptions{Workers: 3, Progress: func(p convert.SetProgress) {
					if p.Stage == stage && p.Files == at {
						cancel()
					}
				}})
				cancel()
				back()
				if !errors.Is(err, context.Canceled) {
					t.Errorf("stage %d, file %d: %v", stage, at, err)
				}
				if l := listing(t, out); len(l) > 0 {
					t.Errorf("left %v", l)
				}
			}
		}
	}
	if late.live != 0 {
		t.Errorf("%d bytes left open", late.live)
	}
	if err := goleak.Find(ignore); err != nil {
		t.Error(err)
	}
}

// Progress counts up to all files and all bytes, in stages.
func TestSetProgress(t *testing.T) {
	dir := t.TempDir()
	names := lateFiles(t, dir, 20, 10, 5)
	var last []convert.SetProgress
	var o convert.SetOptions
	o.Open.SkipBad, o.NoSync, o.Workers = true, true, 4
	o.Progress = func(p convert.SetProgress) {
		if k := len(last) - 1; k >= 0 && last[k].Stage == p.Stage {
			if p.Files < last[k].Files || p.Bytes < last[k].Bytes {
				t.Errorf("%+v behind %+v", p, last[k])
			}
			last[k] = p
		} else {
			last = append(last, p)
		}
	}
	_, err := convert.Set(ctx, names, filepath.Join(dir, "s.tensor"), &o)
	must(t, err)
	want := []convert.SetProgress{
		{Stage: convert.Opening, Files: 20, Of: 20}, {Stage: convert.Writing, Files: 5, Of: 20, Bytes: 50, Size: 200},
		{Stage: convert.Checking, Files: 14, Of: 14, Bytes: 140, Size: 140}, {Stage: convert.Writing, Files: 19, Of: 19, Bytes: 190, Size: 190},
	}
	if !slices.Equal(last, want) {
		t.Errorf("%+v, want %+v", last, want)
	}
}

// Equal files give equal bytes; another file, name or operator another UUID.
func TestSetDeterministic(t *testing.T) {
	dir := t.TempDir()
	names := npyFiles(t, dir, 12, always(7))
	made := map[string]bool{}
	make := func(o convert.SetOptions, names ...string) string {
		t.Helper()
		o.Deterministic, o.Overwrite, o.NoSync = true, true, true
		path := filepath.Join(dir, "out.tensor")
		_, err := convert.Set(ctx, names, path, &o)
		must(t, err)
		b, err := os.ReadFile(path)
		must(t, err)
		made[string(b[:4096])] = true
		return string(b)
	}
	first := make(convert.SetOptions{Workers: 1}, names...)
	if make(convert.SetOptions{Workers: 5}, names...) != first {
		t.Error("two runs differ")
	}
	make(convert.SetOptions{}, names[1:]...)
	make(convert.SetOptions{}, append(slices.Clone(names[1:]), names[0])...)
	make(convert.SetOptions{Each: &operate.Pipeline{Steps: []operate.Step{{Operator: operate.Scale{Scale: 1}}}}}, names...)
	make(convert.SetOptions{Label: func(string) (string, error) { return "a", nil }}, names...)
	must(t, os.WriteFile(names[3], npyBytes(99, 7), 0o666))
	make(convert.SetOptions{}, names...)
	if len(made) != 6 {
		t.Errorf("%d heads of 6 files", len(made))
	}
}

// A plan reads no elements.
func TestSetPlan(t *testing.T) {
	dir := t.TempDir()
	names := lateFiles(t, dir, 25, 40, 3)
	o := convert.SetOptions{DryRun: true, Label: convert.LabelDir}
	r, err := convert.Set(ctx, names, filepath.Join(dir, "s.tensor"), &o)
	must(t, err)
	if late.opened != 0 || r.Files != 25 || len(r.Tensors) != 2 || !r.Tensors[0].Shape.Equal(tensor.Shape{25, 40}) || r.Tensors[0].Parts != 25 || r.Tensors[0].From != names[0] {
		t.Errorf("%d decoded, %+v", late.opened, r)
	}
	if _, err := os.Stat(filepath.Join(dir, "s.tensor")); err == nil {
		t.Error("written")
	}
	o.Label = nil
	r, err = convert.Set(ctx, names, filepath.Join(dir, "s.npy"), &o)
	must(t, err)
	if late.opened != 0 || len(r.Tensors) != 1 {
		t.Errorf("%d decoded, %+v", late.opened, r)
	}
}

// Names, shapes and classes that are too many for attributes are tensors.
func TestSetOfMany(t *testing.T) {
	const n = 5000
	dir := t.TempDir()
	var names []string
	for i := range n {
		class := filepath.Join(dir, fmt.Sprintf("%05d", (i*7919)%n))
		must(t, os.Mkdir(class, 0o777))
		names = append(names, filepath.Join(class, "x.npy"))
		must(t, os.WriteFile(names[i], npyBytes(i, int64(1+i%3), 4), 0o666))
	}
	list := strings.NewReader(strings.Join(names, "\r\n") + "\r\n\r\n")
	read, err := convert.ReadList(list)
	must(t, err)
	if !slices.Equal(read, names) {
		t.Fatal("another list")
	}
	if read, err = convert.ReadList(strings.NewReader("a\nb\x00\x00c\r")); err != nil || !slices.Equal(read, []string{"a\nb", "c\r"}) {
		t.Fatalf("%q, %v", read, err)
	}
	crop := &operate.Pipeline{Steps: []operate.Step{{Operator: operate.Select{Selection: tensor.Selection{{Kind: tensor.SelectIndex}}}}}}
	_, f := setOf(t, names, filepath.Join(dir, "s.tensor"), convert.SetOptions{Each: crop, Label: convert.LabelDir})
	var want []byte
	for i := range n {
		want = append(want, elements(i, int64(1+i%3), 4)[:4]...)
	}
	x := wantSet(t, f, "s", want, int64(n), 4)
	a, err := x.Attrs()
	must(t, err)
	if !reflect.DeepEqual(a, convert.Attrs{"files": "s.files", "sizes": "s.sizes", "labels": "s.labels"}) {
		t.Errorf("attributes %v", slices.Sorted(maps.Keys(a)))
	}
	m, err := convert.MembersOf(ctx, x)
	must(t, err)
	if !slices.Equal(m.Files, slashed(names)) || len(m.Classes) != n || len(m.Sizes) != n {
		t.Fatal("members differ")
	}
	for i := range n {
		if m.Labels[i] != int64((i*7919)%n) || !m.Sizes[i].Equal(tensor.Shape{int64(1 + i%3), 4}) {
			t.Fatalf("file %d: label %d, size %v", i, m.Labels[i], m.Sizes[i])
		}
	}
	t.Logf("%d files", n)
}

// A list of a hundred thousand names: what is held for each is little.
func TestSetOfALongList(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: opens files 200,000 times")
	}
	const n = 100_000
	dir := t.TempDir()
	few := npyFiles(t, dir, 100, always(2))
	var list bytes.Buffer
	var seeds []int
	for i := range n {
		k := i % 97 * i % 97 * 31 % 97 // as i * i * 31 % 97, in 32 bits
		list.WriteString(few[k] + "\x00")
		seeds = append(seeds, k)
	}
	names, err := convert.ReadList(&list)
	must(t, err)
	_, f := setOf(t, names, filepath.Join(dir, "s.tensor"), convert.SetOptions{})
	x := wantSet(t, f, "s", rowsOf(seeds, 2), n, 2)
	m, err := convert.MembersOf(ctx, x)
	must(t, err)
	if !slices.Equal(m.Files, slashed(names)) {
		t.Error("other names")
	}
	t.Logf("%d names", len(names))
}

// What MembersOf is told by a file is not trusted.
func TestMembersOfOthers(t *testing.T) {
	dir := t.TempDir()
	n := 0
	for i, attrs := range []convert.Attrs{
		{"files": int64(1)}, {"files": []any{"a"}}, {"files": []any{"a", int64(2), "c"}}, {"files": "none"}, {"files": "y"}, {"sizes": []any{[]any{int64(-1)}, nil, nil}},
		{"sizes": []any{"a", "b", "c"}[:2]}, {"shapes": "y"}, {"shapes": "z"}, {"shapes": []any{[]any{"a"}, nil, nil}}, {"labels": "y"}, {"labels": "none"}, {"shapes": []any{[]any{int64(1 << 62), int64(8)}, nil, nil}},
		{"labels": "i"}, {"sizes": true}, {},
	} {
		path := filepath.Join(dir, fmt.Sprintf("%d.tensor", i))
		w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true})
		must(t, err)
		must(t, w.Add(ctx, "x", ramp(t, 3, 2), &tensorfile.TensorOptions{Attrs: attrs}))
		must(t, w.Add(ctx, "y", ramp(t, 3), nil))
		v, err := tensor.FromSlice([]int64{1, 2, -3, 4, 5, 6}, 3, 2)
		must(t, err)
		must(t, w.Add(ctx, "z", v, nil))
		v, err = tensor.FromSlice([]int64{0, 1, 2})
		must(t, err)
		must(t, w.Add(ctx, "i", v, &tensorfile.TensorOptions{Attrs: convert.Attrs{"classes": []any{"a", "b"}}}))
		must(t, w.Commit(ctx))
		f, err := tensorfile.Open(path, nil)
		must(t, err)
		x, err := f.Tensor("x")
		must(t, err)
		if _, err := convert.MembersOf(ctx, x); err == nil && len(attrs) > 0 {
			t.Errorf("%v was taken", attrs)
		} else if err != nil && len(attrs) == 0 {
			t.Error(err)
		}
		f.Close()
		n++
	}
	t.Logf("%d files", n)
}
