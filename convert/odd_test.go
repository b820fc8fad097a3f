package convert_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/ragged"
	"github.com/tensorfile/tensorfile/tensor"
)

// formsFormat is read as a tensor of a dtype and a shape, all of whose elements are
// its first, or as a sparse matrix whose columns are wrong: "forms csr".
var formsFormat = sync.OnceFunc(func() {
	convert.Register(convert.Format{Name: "forms", Extensions: []string{".forms"}, Open: func(_ context.Context, in convert.Input, _ *convert.ReadOptions) (*convert.Layout, error) {
		b := make([]byte, in.Size())
		if _, err := in.ReadAt(b, 0); err != nil && err != io.EOF {
			return nil, err
		}
		words := strings.Fields(string(b))
		l := &convert.Layout{Format: "forms", Storages: []convert.LayoutStorage{{Size: in.Size()}}}
		if words[1] == "csr" {
			part := func(role string, n int64) convert.LayoutTensor {
				return convert.LayoutTensor{Name: role, DType: tensor.U8, Shape: tensor.Shape{n}}
			}
			l.Tensors = []convert.LayoutTensor{{Name: "x", DType: tensor.U8, Shape: tensor.Shape{1, 2}, Layout: format.LayoutCSR, Parts: []convert.LayoutTensor{
				part(format.RoleIndptr, 2), part(format.RoleIndices, 1), part(format.RoleValues, 1),
			}}}
			return l, nil
		}
		d, err := tensor.ParseDType(words[1])
		if err != nil {
			return nil, err
		}
		shape := tensor.Shape{}
		for _, w := range words[2:] {
			var n int64
			if _, err := fmt.Sscan(w, &n); err != nil {
				return nil, err
			}
			shape = append(shape, n)
		}
		l.Tensors = []convert.LayoutTensor{{Name: "x", DType: d, Shape: shape, Strides: make(tensor.Strides, len(shape))}}
		return l, nil
	}})
})

// forms writes files of the format above.
func forms(t *testing.T, dir string, list ...string) (names []string) {
	t.Helper()
	formsFormat()
	for i, text := range list {
		name := filepath.Join(dir, fmt.Sprintf("%d.forms", i))
		must(t, os.WriteFile(name, []byte("forms   "+text), 0o600))
		names = append(names, name)
	}
	return names
}

// Sizes that nothing can count are refused with the file that is too much.
func TestSizesWithoutEnd(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.tensor")
	ones := strings.TrimSpace(strings.Repeat("1 ", tensor.MaxRank))
	for _, c := range []struct {
		files []string
		kind  error
		field string
		at    int // the file that is told
	}{
		{[]string{"u8 " + ones}, tensorfile.ErrLimit, "stack", 0},
		{[]string{"u8 4611686018427387904", "u8 4611686018427387904"}, tensorfile.ErrOverflow, "stack", 1},
		{[]string{"u8 2 3", "f32 2 3"}, tensorfile.ErrDType, "stack", 1},
		{[]string{"u8 2 3", "u8 2"}, tensorfile.ErrShape, "stack", 1},
		{[]string{"i4 3", "i4 2"}, tensorfile.ErrShape, "stack", 1},
	} {
		names := forms(t, dir, c.files...)
		_, err := convert.Set(ctx, names, out, &convert.SetOptions{NoSync: true})
		var e *tensorfile.Error
		if !errors.Is(err, c.kind) || !errors.As(err, &e) || e.Field != c.field || e.Path != names[c.at] {
			t.Errorf("%q: %v, want %v of %s", c.files, err, c.kind, names[c.at])
		}
	}
	words, err := ragged.FromStrings([]string{"a"})
	must(t, err)
	word, err := words.Reshape(tensor.Shape{})
	must(t, err)
	base := nativeFile(t, filepath.Join(dir, "base.tensor"), func(w *tensorfile.Writer) {
		v, err := tensor.Make(tensor.U8, tensor.Shape{0, 1 << 40})
		must(t, err)
		must(t, w.Add(ctx, "x", v, nil))
		must(t, w.AddStrings(ctx, "word", word, nil))
	})
	f, w := edited(t, base)
	big := forms(t, dir, "u8 4194304 1099511627776")[0]
	for name, c := range map[string]struct {
		kind error
		got  string
	}{"x": {tensorfile.ErrOverflow, "(8388608, 1099511627776)"}, "word": {tensorfile.ErrShape, "rows onto a tensor of rank 0"}} {
		_, err := convert.AppendRows(ctx, w, f, name, []string{big, big}, nil)
		var e *tensorfile.Error
		if !errors.Is(err, c.kind) || !errors.As(err, &e) || e.Got != c.got {
			t.Errorf("%s: %v, want %v, got %s", name, err, c.kind, c.got)
		}
	}
}

// Entries of another format that are wrong are told with the file, its format and
// the tensor.
func TestWrongEntriesAreLocated(t *testing.T) {
	dir := t.TempDir()
	name := forms(t, dir, "csr")[0]
	out := filepath.Join(dir, "out.tensor")
	_, err := convert.Files(ctx, []string{name}, out, &convert.Options{NoSync: true})
	var e *tensorfile.Error
	if !errors.Is(err, tensorfile.ErrCorrupt) || !errors.As(err, &e) || e.Path != name || e.Format != "forms" || e.Tensor != "x" {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// Attributes that all files of a set share are the set's, with the axes moved behind
// the new one; dims say which axis may not differ.
func TestSetAttributes(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, shape tensor.Shape, a tensorfile.Attrs) string {
		return nativeFile(t, filepath.Join(dir, name), func(w *tensorfile.Writer) {
			must(t, w.Add(ctx, "x", ramp(t, shape...), &tensorfile.TensorOptions{Attrs: a}))
			must(t, w.SetAttrs(tensorfile.Attrs{"by": "me", "name": name}))
		})
	}
	axes := []any{map[string]any{"unit": "s"}, nil}
	names := []string{
		file("a.tensor", tensor.Shape{2, 3}, tensorfile.Attrs{"dims": []any{"c", "t"}, "axes": axes, "unit": "m", "gain": int64(1)}),
		file("b.tensor", tensor.Shape{2, 3}, tensorfile.Attrs{"dims": []any{"c", "t"}, "axes": axes, "unit": "m", "gain": int64(2)}),
	}
	_, f := setOf(t, names, filepath.Join(dir, "set.tensor"), convert.SetOptions{})
	x, err := f.Tensor("set")
	must(t, err)
	a, err := x.Attrs()
	must(t, err)
	if !reflect.DeepEqual(a["dims"], []any{nil, "c", "t"}) || a["unit"] != "m" || a["gain"] != nil || !reflect.DeepEqual(a["axes"], []any{nil, map[string]any{"unit": "s"}, nil}) {
		t.Errorf("%v", a)
	}
	if a, err := f.Attrs(); err != nil || a["by"] != "me" || a["name"] != nil {
		t.Errorf("%v, %v", a, err)
	}
	// The channels stand first: time may differ, they may not.
	longer := file("c.tensor", tensor.Shape{2, 5}, tensorfile.Attrs{"dims": []any{"c", "t"}})
	more := file("d.tensor", tensor.Shape{3, 3}, tensorfile.Attrs{"dims": []any{"c", "t"}})
	_, g := setOf(t, []string{names[0], longer}, filepath.Join(dir, "long.tensor"), convert.SetOptions{})
	y, err := g.Tensor("long")
	must(t, err)
	if !y.Shape().Equal(tensor.Shape{2, 10}) { // rows of 6 and 10 numbers
		t.Errorf("%v", y.Shape())
	}
	err = refuseSet(t, tensorfile.ErrShape, []string{names[0], more}, filepath.Join(dir, "more.tensor"), convert.SetOptions{})
	var e *tensorfile.Error
	if !errors.As(err, &e) || e.Path != more || e.Got != "f32 (3, 3)" && !strings.HasSuffix(e.Got, "(3, 3)") {
		t.Errorf("%v", err)
	}
}

// What stands beside an address is an address, and a native file there is opened as
// such.
func TestBesideOthers(t *testing.T) {
	for path, want := range map[string]string{
		"s3://bucket/a b/x%20.json": "s3://bucket/a b/n m",
		"https://h/d/x.json?s=1#f":  "https://h/d/n%20m",
		"d/x.json":                  filepath.Join("d", "n m"),
	} {
		if got, err := convert.Beside(path, "n m"); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", path, got, err, want)
		}
	}
	_, err := convert.Beside("https://me:secret@[::1/x", "n")
	var e *tensorfile.Error
	if !errors.Is(err, tensorfile.ErrFormat) || !errors.As(err, &e) || e.Field != "address" || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "shard.tensor")
	native(t, path, "a")
	index := filepath.Join(dir, "index.txt")
	must(t, os.WriteFile(index, []byte("x"), 0o600))
	in, err := mmap.Open(index, nil)
	must(t, err)
	defer in.Close()
	for _, o := range []*convert.ReadOptions{nil, {}} {
		m, err := o.OpenBeside(ctx, in, "shard.tensor")
		must(t, err)
		f, err := o.OpenNative(m)
		must(t, err)
		same(t, "beside", contentsOf(t, f), contents(t, path, nil))
		f.Close()
		m, err = o.OpenBeside(ctx, in, "index.txt")
		must(t, err)
		if f, err := o.OpenNative(m); !errors.Is(err, tensorfile.ErrFormat) && !errors.Is(err, tensorfile.ErrTruncated) {
			t.Errorf("%v, %v", f, err)
		}
	}
}

// What cannot be known for a format is told with the first bytes, and what cannot be
// done with one by its name.
func TestUnknown(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	npy := npyFiles(t, dir, 1, always(2))[0]
	for _, c := range []struct {
		path  string
		o     convert.OpenOptions
		kind  error
		field string
		got   string
	}{
		{file("empty.unknown", ""), convert.OpenOptions{}, tensorfile.ErrFormat, "magic", "an empty file"},
		{file("text.unknown", "hello"), convert.OpenOptions{}, tensorfile.ErrFormat, "magic", "68 65 6c 6c 6f"},
		{npy, convert.OpenOptions{Format: "none"}, tensorfile.ErrUnsupported, "format", `"none"`},
		{npy, convert.OpenOptions{OpenOptions: tensorfile.OpenOptions{Generation: 3}}, tensorfile.ErrUnsupported, "generation", "3"},
	} {
		_, err := convert.Open(ctx, c.path, &c.o)
		var e *tensorfile.Error
		if !errors.Is(err, c.kind) || !errors.As(err, &e) || e.Field != c.field || e.Got != c.got || e.Path != c.path {
			t.Errorf("%s: %v, want %v, %s: got %s", c.path, err, c.kind, c.field, c.got)
		}
	}
	for _, c := range []struct {
		out   string
		o     convert.Options
		field string
		got   string
	}{
		{filepath.Join(dir, "out.npy"), convert.Options{Write: convert.WriteOptions{Encoding: "mulaw"}}, "encoding", `"mulaw"`},
		{filepath.Join(dir, "out.tensor"), convert.Options{Write: convert.WriteOptions{Encoding: "mulaw"}}, "encoding", `"mulaw"`},
	} {
		err := refuse(t, tensorfile.ErrUnsupported, []string{npy}, c.out, c.o)
		var e *tensorfile.Error
		if !errors.As(err, &e) || e.Field != c.field || e.Got != c.got || !strings.HasPrefix(e.Want, "none: ") {
			t.Errorf("%v", err)
		}
	}
	if out, ok, err := convert.CreateOutput(ctx, "nowhere://x", false); out != nil || ok || err != nil {
		t.Errorf("%v, %v, %v", out, ok, err)
	}
	frails()
	func() {
		defer func() {
			if r := recover(); r != "convert: output scheme frail registered twice" {
				t.Errorf("%v", r)
			}
		}()
		convert.RegisterOutput("frail", nil)
	}()
	if !slices.ContainsFunc(convert.Formats(), func(f convert.Format) bool { return f.Name == "npy" }) {
		t.Error("no npy")
	}
}

// A file that is another one when it is read than it was when it was looked at is
// told, and no set is made of it.
func TestSetOfChangingFile(t *testing.T) {
	dir := t.TempDir()
	names := npyFiles(t, dir, 3, always(2, 3))
	other := filepath.Join(dir, "other")
	must(t, os.Mkdir(other, 0o700))
	longer := npyFiles(t, other, 1, always(4, 3))[0]
	opened := 0
	defer convert.SetOpenMember(func(ctx context.Context, path string, o *convert.OpenOptions) (*tensorfile.File, error) {
		if path == names[1] {
			if opened++; opened > 1 {
				path = longer
			}
		}
		return convert.Open(ctx, path, o)
	})()
	for _, out := range []string{"set.tensor", "set.npy"} {
		opened = 0
		err := refuseSet(t, tensorfile.ErrChanged, names, filepath.Join(dir, out), convert.SetOptions{Workers: 1})
		var e *tensorfile.Error
		if !errors.As(err, &e) || e.Path != names[1] || e.Field != "shape" || !strings.HasSuffix(e.Got, " (4, 3)") || !strings.HasSuffix(e.Want, " (2, 3), as before") || opened < 2 {
			t.Errorf("%s: opened %d times, %v", out, opened, err)
		}
	}
}
