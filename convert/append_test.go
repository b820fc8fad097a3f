package convert_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// nativeFile makes a native file.
func nativeFile(t *testing.T, path string, fn func(w *tensorfile.Writer)) string {
	t.Helper()
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true})
	must(t, err)
	defer w.Close()
	fn(w)
	must(t, w.Commit(ctx))
	return path
}

// edited opens a native file to read and to edit.
func edited(t *testing.T, path string) (*tensorfile.File, *tensorfile.Writer) {
	t.Helper()
	f, err := tensorfile.Open(path, nil)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	w, err := tensorfile.OpenAppend(path, nil)
	must(t, err)
	t.Cleanup(func() { w.Close() })
	return f, w
}

// eye is a sparse matrix of n ones.
func eye(t *testing.T, n int64) *sparse.Array {
	t.Helper()
	v, err := tensor.Make(tensor.F32, tensor.Shape{n, n})
	must(t, err)
	list, err := tensor.Data[float32](v)
	must(t, err)
	for i := range n {
		list[i*n+i] = 1
	}
	a, err := sparse.FromDense(ctx, v, tensor.View{}, sparse.CSR, nil)
	must(t, err)
	return a
}

// Tensors are added, in the place of those of their names if that is wanted; what
// is refused says so before anything is written.
func TestAppend(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	base := nativeFile(t, at("base.tensor"), func(w *tensorfile.Writer) {
		for _, name := range []string{"a", "b", "c"} {
			must(t, w.Add(ctx, name, ramp(t, 4, 3), nil))
		}
	})
	in := nativeFile(t, at("in.tensor"), func(w *tensorfile.Writer) {
		for _, name := range []string{"c", "a", "b", "d"} {
			must(t, w.Add(ctx, name, ramp(t, 5, 3), nil))
		}
		must(t, w.SetAttrs(tensorfile.Attrs{"title": "in", "author": "me"}))
	})
	f, w := edited(t, base)
	_, err := convert.Append(ctx, w, f, []string{in}, nil)
	var e *tensorfile.Error
	if !errors.Is(err, tensorfile.ErrDuplicate) || !errors.As(err, &e) || e.Tensor != "a" || e.Got != "a name that is there (and 2 more)" || e.Path != base {
		t.Errorf("%v", err)
	}
	for what, c := range map[string]struct {
		inputs []string
		o      convert.AppendOptions
		kind   error
		words  string
	}{
		"no input":   {nil, convert.AppendOptions{}, tensorfile.ErrPath, "inputs: got none"},
		"itself":     {[]string{in, base}, convert.AppendOptions{}, tensorfile.ErrPath, "which is this file"},
		"no file":    {[]string{at("none")}, convert.AppendOptions{}, os.ErrNotExist, "none"},
		"a name":     {[]string{at("x.npy")}, convert.AppendOptions{Name: "a\x00b"}, tensorfile.ErrFormat, ""},
		"two names":  {[]string{in, in}, convert.AppendOptions{Name: "z"}, tensorfile.ErrDuplicate, `got "z" for 2 inputs`},
		"no tensor":  {[]string{in}, convert.AppendOptions{Only: []string{"zz"}}, tensorfile.ErrNotFound, `tensor "zz"`},
		"over limit": {[]string{in}, convert.AppendOptions{Replace: true, Limit: 10}, tensorfile.ErrLimit, "want at most 10"},
	} {
		if _, err := convert.Append(ctx, w, f, c.inputs, &c.o); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v, want %v with %q", what, err, c.kind, c.words)
		}
	}
	res, err := convert.Append(ctx, w, f, []string{in}, &convert.AppendOptions{Replace: true, Exclude: []string{"b"}})
	must(t, err)
	if !slices.Equal(res.Replaced, []string{"a", "c"}) || len(res.Losses) != 1 || !strings.Contains(res.Losses[0], `"author", "title"`) {
		t.Errorf("replaced %q, losses %q", res.Replaced, res.Losses)
	}
	must(t, w.Commit(ctx))
	g, err := tensorfile.Open(base, nil)
	must(t, err)
	defer g.Close()
	for name, rows := range map[string]int64{"a": 5, "b": 4, "c": 5, "d": 5} {
		x, err := g.Tensor(name)
		must(t, err)
		if x.Shape()[0] != rows {
			t.Errorf("%s has shape %v, want %d rows", name, x.Shape(), rows)
		}
	}
}

// Rows that do not fit are refused, with the file and the tensor.
func TestAppendRowsRefuses(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	endless, err := tensor.NewView([]byte{1}, tensor.U8, tensor.Shape{1 << 62}, tensor.Strides{0}, 0, tensor.LittleEndian)
	must(t, err)
	one, err := tensor.FromSlice([]float32{1})
	must(t, err)
	scalar, err := one.Reshape(nil)
	must(t, err)
	base := nativeFile(t, at("base.tensor"), func(w *tensorfile.Writer) {
		must(t, w.Add(ctx, "dense", ramp(t, 4, 3), nil))
		must(t, w.AddSparse(ctx, "sparse", eye(t, 3), nil))
		must(t, w.Add(ctx, "scalar", scalar, nil))
		id, err := w.AddStorage(ctx, 1, strings.NewReader("x"))
		must(t, err)
		must(t, w.TensorOn(id, "endless", tensor.U8, endless.Shape(), tensor.Strides{0}, 0, nil))
	})
	two := nativeFile(t, at("two.tensor"), func(w *tensorfile.Writer) {
		must(t, w.AddSparse(ctx, "one", eye(t, 3), nil))
		must(t, w.AddSparse(ctx, "two", eye(t, 3), nil))
	})
	wide := nativeFile(t, at("wide.tensor"), func(w *tensorfile.Writer) { must(t, w.AddSparse(ctx, "s", eye(t, 4), nil)) })
	dense := nativeFile(t, at("dense.tensor"), func(w *tensorfile.Writer) { must(t, w.Add(ctx, "d", ramp(t, 2, 3), nil)) })
	long := nativeFile(t, at("long.tensor"), func(w *tensorfile.Writer) {
		id, err := w.AddStorage(ctx, 1, strings.NewReader("x"))
		must(t, err)
		must(t, w.TensorOn(id, "l", tensor.U8, endless.Shape(), tensor.Strides{0}, 0, nil))
	})
	f, w := edited(t, base)
	for _, c := range []struct {
		name, in string
		o        *convert.RowsOptions
		kind     error
		words    string
	}{
		{"dense", wide, nil, tensorfile.ErrShape, `tensor "s": rows: got a composite tensor, want a dense one, as "dense" is`},
		{"sparse", two, nil, tensorfile.ErrFormat, "rows: got 2 tensors of 1 inputs, want one tensor of each input"},
		{"sparse", dense, nil, tensorfile.ErrShape, "rows: got a dense tensor of shape (2, 3), want layout csr"},
		{"sparse", wide, nil, tensorfile.ErrShape, ""},
		{"scalar", dense, nil, tensorfile.ErrShape, "rows onto a tensor of rank 0"},
		{"endless", long, nil, tensorfile.ErrOverflow, "at most 2^63-1"},
		{"dense", dense, &convert.RowsOptions{Limit: 3}, tensorfile.ErrLimit, "want at most 3"},
		{"dense", dense, &convert.RowsOptions{Store: []convert.Store{{Codec: "none"}}}, tensorfile.ErrUnsupported, "only those can grow"},
		{"sparse", two, &convert.RowsOptions{Only: []string{"one"}, Limit: 3}, tensorfile.ErrLimit, "want at most 3"},
		{"sparse", two, &convert.RowsOptions{Only: []string{"one"}, Store: []convert.Store{{Codec: "zst"}}}, tensorfile.ErrUnsupported, "zst"},
		{"none", dense, nil, tensorfile.ErrNotFound, "none"},
		{"dense", at("none.npy"), nil, os.ErrNotExist, "none.npy"},
	} {
		_, err := convert.AppendRows(ctx, w, f, c.name, []string{c.in}, c.o)
		var e *tensorfile.Error
		if !errors.Is(err, c.kind) || !errors.As(err, &e) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s and %s: %v, want %v with %q", c.name, filepath.Base(c.in), err, c.kind, c.words)
		}
	}
	if _, err := convert.AppendRows(ctx, w, f, "dense", nil, nil); !errors.Is(err, tensorfile.ErrPath) {
		t.Errorf("no input: %v", err)
	}
	// Nothing of it was written.
	before, err := os.ReadFile(base)
	must(t, err)
	must(t, w.Close())
	after, err := os.ReadFile(base)
	if err != nil || string(before) != string(after) {
		t.Errorf("%d bytes, %d before, %v", len(after), len(before), err)
	}
}

// Rows of blocks, and of another sparse layout, come in the layout of the tensor
// that they are put behind.
func TestAppendRowsOfBlocks(t *testing.T) {
	dir := t.TempDir()
	blocks, err := eye(t, 4).Convert(ctx, sparse.BSR, &sparse.Options{Block: [2]int64{2, 2}})
	must(t, err)
	base := nativeFile(t, filepath.Join(dir, "base.tensor"), func(w *tensorfile.Writer) { must(t, w.AddSparse(ctx, "x", blocks, nil)) })
	in := nativeFile(t, filepath.Join(dir, "in.tensor"), func(w *tensorfile.Writer) { must(t, w.AddSparse(ctx, "y", eye(t, 4), nil)) })
	f, w := edited(t, base)
	r, err := convert.AppendRows(ctx, w, f, "x", []string{in}, nil)
	must(t, err)
	must(t, w.Commit(ctx))
	if r.Rows != 4 || !r.Shape.Equal(tensor.Shape{8, 4}) || !r.Before.Equal(tensor.Shape{4, 4}) || !r.Rewritten {
		t.Errorf("%+v", r)
	}
	g, err := tensorfile.Open(base, nil)
	must(t, err)
	defer g.Close()
	x, err := g.Tensor("x")
	must(t, err)
	a, err := x.Sparse(ctx)
	must(t, err)
	v, err := a.Dense(ctx, nil)
	must(t, err)
	list, err := tensor.Data[float32](v)
	must(t, err)
	for i, got := range list {
		if want := i%4 == i/4%4; (got == 1) != want || a.Layout() != sparse.BSR {
			t.Fatalf("element %d of %v is %v", i, a.Layout(), got)
		}
	}
}

// A folder's files come by their names, those of its folders where these stand,
// and links count as what they lead to.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b/2", "b/1", "b/c/3", "a", "z", ".hidden"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(path), 0o777))
		must(t, os.WriteFile(path, nil, 0o666))
	}
	if err := os.Symlink(filepath.Join(dir, "b"), filepath.Join(dir, "d")); err == nil {
		must(t, os.Symlink(filepath.Join(dir, "a"), filepath.Join(dir, "e")))
		must(t, os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "f")))
		for below, want := range map[bool]string{false: "[a e f z]", true: "[a b/1 b/2 d/1 d/2 e f z]"} {
			list, err := convert.Folder(dir, below)
			must(t, err)
			for i := range list {
				list[i] = strings.TrimPrefix(filepath.ToSlash(list[i]), filepath.ToSlash(dir)+"/")
			}
			if fmt.Sprint(list) != want {
				t.Errorf("below %v: %v, want %s", below, list, want)
			}
		}
	}
	none := filepath.Join(dir, "none")
	_, err := convert.Folder(none, false)
	var e *tensorfile.Error
	if !errors.Is(err, os.ErrNotExist) || !errors.As(err, &e) || e.Path != none || e.Field != "folder" {
		t.Errorf("%v", err)
	}
	broken := errors.New("the pipe breaks")
	if _, err := convert.ReadList(io.MultiReader(strings.NewReader("a\n"), iotest.ErrReader(broken))); err != broken {
		t.Errorf("%v", err)
	}
	for name, want := range map[string]string{"s3://bucket/cats/1.png": "cats", filepath.Join(dir, "dogs", "1.png"): "dogs"} {
		if got, err := convert.LabelDir(name); got != want {
			t.Errorf("%s is of %q, %v, want %q", name, got, err, want)
		}
	}
}

// A rule as people write it, and what is said of names that share bytes.
func TestRulesInWords(t *testing.T) {
	for _, c := range []struct {
		rule convert.Store
		want string
	}{
		{convert.Store{Codec: "zstd"}, "codec zstd"},
		{convert.Store{Names: "w*", Codec: "none"}, "codec w*=none"},
		{convert.Store{Chunk: tensor.Shape{3}}, "chunk 3"},
		{convert.Store{Names: "w*", Chunk: tensor.Shape{3, 4, 5}}, "chunk w*=3,4,5"},
	} {
		if got := c.rule.String(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	dir := t.TempDir()
	in := nativeFile(t, filepath.Join(dir, "in.tensor"), func(w *tensorfile.Writer) {
		id, err := w.AddStorage(ctx, 60, strings.NewReader(strings.Repeat("0123456789", 6)))
		must(t, err)
		for i := range int64(6) {
			must(t, w.TensorOn(id, string(rune('a'+i)), tensor.U8, tensor.Shape{10}, nil, 10*i, nil))
		}
	})
	res, err := convert.Files(ctx, []string{in}, filepath.Join(dir, "out.tensor"), &convert.Options{NoSync: true, Store: []convert.Store{{Codec: "zstd"}, {Names: "z*", Codec: "lz4"}}})
	must(t, err)
	notes := strings.Join(res.Notes, "\n")
	if want := `"a", "b", "c", "d" and 2 more share bytes and are stored as they are`; !strings.Contains(notes, want) || !strings.Contains(notes, "codec z*=lz4 applies to no tensor") {
		t.Errorf("notes %q, want %q", notes, want)
	}
}

// A name that is taken is a mistake in the program.
func TestRegisterTwice(t *testing.T) {
	defer func() {
		if got := fmt.Sprint(recover()); got != "convert: format npy registered twice" {
			t.Errorf("%s", got)
		}
	}()
	convert.Register(convert.Format{Name: "npy"})
}

// What cannot be a row of a set is refused with the first file.
func TestSetOfWhatIsNoRow(t *testing.T) {
	dir := t.TempDir()
	ones := make(tensor.Shape, tensor.MaxRank)
	for i := range ones {
		ones[i] = 1
	}
	var names []string
	for i := range 2 {
		v, err := tensor.Make(tensor.U8, ones)
		must(t, err)
		names = append(names, nativeFile(t, filepath.Join(dir, fmt.Sprintf("deep%d.tensor", i)), func(w *tensorfile.Writer) { must(t, w.Add(ctx, "x", v, nil)) }))
	}
	out := filepath.Join(t.TempDir(), "out.tensor")
	if err := refuseSet(t, tensorfile.ErrLimit, names, out, convert.SetOptions{}); !strings.Contains(err.Error(), fmt.Sprintf("stack: got rank %d", tensor.MaxRank)) || !strings.Contains(err.Error(), names[0]) {
		t.Errorf("%v", err)
	}
	if err := refuseSet(t, tensorfile.ErrFormat, names, out, convert.SetOptions{Name: "a\x00b"}); err == nil {
		t.Error("a name with a NUL is taken")
	}
	for i := range names {
		v, err := tensor.NewView([]byte{0x21, 0x43}, tensor.I4, tensor.Shape{int64(2 + i)}, nil, 0, tensor.LittleEndian)
		must(t, err)
		names[i] = nativeFile(t, filepath.Join(dir, fmt.Sprintf("nibbles%d.tensor", i)), func(w *tensorfile.Writer) { must(t, w.Add(ctx, "x", v, nil)) })
	}
	if err := refuseSet(t, tensorfile.ErrShape, names, out, convert.SetOptions{}); !strings.Contains(err.Error(), "do not begin at whole units") {
		t.Errorf("%v", err)
	}
}

// doubled are operators that make two tensors of one.
type doubled struct{}

func (doubled) String() string  { return "double" }
func (doubled) KeepsRows() bool { return true }

func (doubled) Derive(_ context.Context, src []convert.Source) (*convert.Derived, error) {
	d := &convert.Derived{Close: func() error { return nil }}
	for i, s := range src {
		other := s
		other.As += " again"
		d.Tensors, d.From = append(d.Tensors, s, other), append(d.From, []int{i}, []int{i})
	}
	return d, nil
}

// A file of a set gives one row; a tensor without axes has no members.
func TestSetOfOneEach(t *testing.T) {
	names := npyFiles(t, t.TempDir(), 2, always(3))
	out := filepath.Join(t.TempDir(), "out.tensor")
	_, err := convert.Set(ctx, names, out, &convert.SetOptions{Each: doubled{}, NoSync: true})
	if err == nil || !strings.Contains(err.Error(), "make 2 tensors of one") {
		t.Errorf("%v", err)
	}
	one, err := tensor.FromSlice([]float32{1})
	must(t, err)
	scalar, err := one.Reshape(nil)
	must(t, err)
	f, _ := edited(t, nativeFile(t, out, func(w *tensorfile.Writer) { must(t, w.Add(ctx, "x", scalar, nil)) }))
	x, err := f.Tensor("x")
	must(t, err)
	m, err := convert.MembersOf(ctx, x)
	if err != nil || m.Files != nil || m.Labels != nil {
		t.Errorf("%+v, %v", m, err)
	}
}
