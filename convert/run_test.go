package convert_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

var ctx = context.Background()

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ramp is a view of n elements that count up.
func ramp(t *testing.T, shape ...int64) tensor.View {
	t.Helper()
	n, err := tensor.Shape(shape).NumElements()
	must(t, err)
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i)
	}
	v, err := tensor.FromSlice(x, shape...)
	must(t, err)
	return v
}

// native writes a file of ramps of different lengths under the given names.
func native(t *testing.T, path string, names ...string) {
	t.Helper()
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true})
	must(t, err)
	defer w.Close()
	for i, name := range names {
		must(t, w.Add(ctx, name, ramp(t, int64(i)+1, 3), nil))
	}
	must(t, w.Commit(ctx))
}

func run(t *testing.T, in []string, out string, o convert.Options) *convert.Result {
	t.Helper()
	o.NoSync = true
	r, err := convert.Files(ctx, in, out, &o)
	must(t, err)
	return r
}

// refuse runs a conversion that must fail with kind and leave the directory of
// its output as it was.
func refuse(t *testing.T, kind error, in []string, out string, o convert.Options) error {
	t.Helper()
	before := listing(t, filepath.Dir(out))
	o.NoSync = true
	_, err := convert.Files(ctx, in, out, &o)
	if !errors.Is(err, kind) {
		t.Errorf("got %v, want %v", err, kind)
	}
	if after := listing(t, filepath.Dir(out)); !slices.Equal(before, after) {
		t.Errorf("the directory changed from %v to %v", before, after)
	}
	return err
}

// listing tells name, size, time and inode of all files of a directory.
func listing(t *testing.T, dir string) []string {
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	must(t, err)
	var out []string
	for _, e := range list {
		fi, err := e.Info()
		must(t, err)
		out = append(out, fmt.Sprint(e.Name(), fi.Size(), fi.ModTime(), fi.Mode()))
	}
	return out
}

// contents reads every tensor of a file: dtype, shape and logical bytes.
func contents(t *testing.T, path string, o *convert.OpenOptions) map[string]string {
	t.Helper()
	f, err := convert.Open(ctx, path, o)
	must(t, err)
	defer f.Close()
	return contentsOf(t, f)
}

func contentsOf(t *testing.T, f *tensorfile.File) map[string]string {
	t.Helper()
	m := map[string]string{}
	for x, err := range f.Tensors() {
		must(t, err)
		var b bytes.Buffer
		must(t, x.WriteCOrder(ctx, &b))
		m[x.Name()] = fmt.Sprintf("%v %v %x", x.DType(), x.Shape(), b.Bytes())
	}
	return m
}

func same(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

// Every golden file of NumPy goes to .tensor and back and is what it was.
func TestGoldensThereAndBack(t *testing.T) {
	files, err := filepath.Glob("../testdata/npy/*.np[yz]")
	must(t, err)
	if len(files) == 0 {
		t.Skip("no goldens")
	}
	dir := t.TempDir()
	n := 0
	for _, in := range files {
		f, err := convert.Open(ctx, in, nil)
		if err != nil {
			continue // a file that must be refused: the reader's own tests
		}
		want := contentsOf(t, f)
		f.Close()
		mid, back := filepath.Join(dir, "mid.tensor"), filepath.Join(dir, "back"+filepath.Ext(in))
		name := ""
		if filepath.Ext(in) == ".npy" {
			name = strings.TrimSuffix(filepath.Base(in), ".npy")
		}
		run(t, []string{in}, mid, convert.Options{Overwrite: true})
		same(t, in+" as .tensor", contents(t, mid, nil), want)
		if _, err := convert.Files(ctx, []string{mid}, back, &convert.Options{Overwrite: true, NoSync: true}); err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		o := &convert.OpenOptions{}
		o.Name = name
		n++
		if name == "float8_e5m2" {
			continue // NumPy cannot load its own <f1, so it is written as |V1
		}
		same(t, in+" back", contents(t, back, o), want)
	}
	if n < 20 {
		t.Errorf("only %d goldens were tried", n)
	}
}

func TestSelection(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.tensor")
	native(t, in, "a", "a.b", "b[0]", "b0", "c=d", "layers/0/w", "layers/1/w")
	for _, c := range []struct {
		name string
		o    convert.Options
		want string
	}{
		{"all", convert.Options{}, "a a.b b0 b[0] c=d layers/0/w layers/1/w"},
		{"glob", convert.Options{Only: []string{"layers*w"}}, "layers/0/w layers/1/w"},
		{"a name is itself", convert.Options{Only: []string{"b[0]"}}, "b[0]"},
		{"two", convert.Options{Only: []string{"a", "b?"}}, "a b0"},
		{"exclude", convert.Options{Exclude: []string{"layers/*", "b*"}}, "a a.b c=d"},
		{"both", convert.Options{Only: []string{"a*"}, Exclude: []string{"a"}}, "a.b"},
		{"rename", convert.Options{Only: []string{"a", "b0"}, Rename: []convert.Rename{{Old: "a", New: "b0"}, {Old: "b0", New: "a"}}}, "a b0"},
		{"rename with =", convert.Options{Only: []string{"c=d"}, Rename: []convert.Rename{{Old: "c", New: "d=e=f"}}}, "e=f"},
		{"name", convert.Options{Only: []string{"a"}, Name: "z"}, "z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.Overwrite = true
			out := filepath.Join(t.TempDir(), "out.tensor")
			r := run(t, []string{in}, out, c.o)
			got := slices.Sorted(maps.Keys(contents(t, out, nil)))
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("got %s, want %s", s, c.want)
			}
			if len(r.Tensors) != len(got) {
				t.Errorf("the result lists %d", len(r.Tensors))
			}
		})
	}
	out := filepath.Join(dir, "sub", "out.tensor")
	must(t, os.Mkdir(filepath.Dir(out), 0o777))
	for _, c := range []struct {
		name string
		kind error
		o    convert.Options
	}{
		{"no such name", tensorfile.ErrNotFound, convert.Options{Only: []string{"x"}}},
		{"no such name to leave out", tensorfile.ErrNotFound, convert.Options{Exclude: []string{"x"}}},
		{"no match", convert.ErrNoMatch, convert.Options{Only: []string{"x*"}}},
		{"nothing left", convert.ErrNoMatch, convert.Options{Exclude: []string{"*"}}},
		{"bad pattern", tensorfile.ErrFormat, convert.Options{Only: []string{"x["}}},
		{"no such name to change", tensorfile.ErrNotFound, convert.Options{Rename: []convert.Rename{{Old: "x", New: "y"}}}},
		{"renamed onto another", tensorfile.ErrDuplicate, convert.Options{Rename: []convert.Rename{{Old: "a", New: "a.b"}}}},
		{"a name that is none", tensorfile.ErrFormat, convert.Options{Rename: []convert.Rename{{Old: "a", New: "\n"}}}},
		{"one name for many", tensorfile.ErrDuplicate, convert.Options{Name: "z"}},
		{"alignment", tensorfile.ErrLimit, convert.Options{Align: 100}},
		{"unknown format", tensorfile.ErrUnsupported, convert.Options{To: "nope"}},
	} {
		t.Run(c.name, func(t *testing.T) { refuse(t, c.kind, []string{in}, out, c.o) })
	}
	refuse(t, tensorfile.ErrUnsupported, []string{in}, filepath.Join(dir, "sub", "out.xyz"), convert.Options{})
	refuse(t, tensorfile.ErrUnsupported, []string{in}, filepath.Join(dir, "sub", "out.npy"), convert.Options{})
	refuse(t, tensorfile.ErrUnsupported, []string{in}, filepath.Join(dir, "sub", "out.npy"), convert.Options{DryRun: true})
	run(t, []string{in}, filepath.Join(dir, "sub", "out.npy"), convert.Options{DryRun: true, Only: []string{"a"}})
	if got := listing(t, filepath.Join(dir, "sub")); len(got) != 0 {
		t.Errorf("a dry run wrote %v", got)
	}
}

func TestSeveralInputs(t *testing.T) {
	dir := t.TempDir()
	a, b, out := filepath.Join(dir, "a.tensor"), filepath.Join(dir, "b.tensor"), filepath.Join(dir, "out.npz")
	native(t, a, "x", "y")
	native(t, b, "y", "z")
	err := refuse(t, tensorfile.ErrDuplicate, []string{a, b}, out, convert.Options{})
	for _, want := range []string{"a.tensor", "b.tensor", `"y"`} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
	run(t, []string{a, b}, out, convert.Options{Only: []string{"x", "z"}})
	if got := slices.Sorted(maps.Keys(contents(t, out, nil))); !slices.Equal(got, []string{"x", "z"}) {
		t.Errorf("got %v", got)
	}
}

// E04: the output is an input, by whatever name.
func TestOutputIsInput(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.tensor")
	native(t, in, "x")
	o := convert.Options{Overwrite: true}
	refuse(t, tensorfile.ErrPath, []string{in}, in, o)
	refuse(t, tensorfile.ErrPath, []string{in}, filepath.Join(dir, ".", "sub", "..", "in.tensor"), o)
	hard, soft := filepath.Join(dir, "hard.tensor"), filepath.Join(dir, "soft.tensor")
	if err := os.Link(in, hard); err != nil {
		t.Skip(err)
	}
	refuse(t, tensorfile.ErrPath, []string{in}, hard, o)
	if err := os.Symlink("in.tensor", soft); err != nil {
		t.Skip(err)
	}
	refuse(t, tensorfile.ErrPath, []string{in}, soft, o)
	refuse(t, tensorfile.ErrPath, []string{soft}, in, o)
}

// E03, E05, E06: what is at the place of the output.
func TestOutputPlace(t *testing.T) {
	dir := t.TempDir()
	in, other := filepath.Join(dir, "in.tensor"), filepath.Join(dir, "other.npz")
	native(t, in, "x", "y")
	for _, ext := range []string{".tensor", ".npz"} {
		out := filepath.Join(dir, "out"+ext)
		must(t, os.WriteFile(out, []byte("old"), 0o600))
		refuse(t, tensorfile.ErrExists, []string{in}, out, convert.Options{})
		run(t, []string{in}, out, convert.Options{Overwrite: true})
		if got := contents(t, out, nil); len(got) != 2 {
			t.Errorf("%s holds %d", ext, len(got))
		}
		sub := filepath.Join(dir, "dir"+ext)
		must(t, os.Mkdir(sub, 0o777))
		refuse(t, tensorfile.ErrExists, []string{in}, sub, convert.Options{Overwrite: true})
		if err := refuse(t, tensorfile.ErrIO, []string{in}, filepath.Join(dir, "no", "out"+ext), convert.Options{}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("no directory: %v", err)
		}
	}
	link := filepath.Join(dir, "link.npz")
	if err := os.Symlink("other.npz", link); err != nil {
		t.Skip(err)
	}
	run(t, []string{in}, link, convert.Options{}) // a link to nothing yet
	if fi, err := os.Lstat(link); err != nil || fi.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
	if got := contents(t, other, nil); len(got) != 2 {
		t.Errorf("the target of the link holds %d", len(got))
	}
	refuse(t, tensorfile.ErrExists, []string{in}, link, convert.Options{})
	ro := filepath.Join(dir, "ro")
	must(t, os.Mkdir(ro, 0o555))
	if f, err := os.Create(filepath.Join(ro, "probe")); err == nil { // as root
		f.Close()
		return
	}
	refuse(t, tensorfile.ErrIO, []string{in}, filepath.Join(ro, "out.npz"), convert.Options{})
}

// N22, N29: aliases and broadcasts are cheap among native files; written out in
// full they are counted before a byte is written.
func TestBombs(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.tensor")
	w, err := tensorfile.Create(in, &tensorfile.CreateOptions{NoSync: true})
	must(t, err)
	defer w.Close()
	const size, names = 1 << 20, 10_000
	id, err := w.AddStorage(ctx, size, bytes.NewReader(make([]byte, size)))
	must(t, err)
	for i := range names {
		must(t, w.TensorOn(id, fmt.Sprintf("alias%d", i), tensor.U8, tensor.Shape{size}, nil, 0, nil))
	}
	must(t, w.TensorOn(id, "broad", tensor.U8, tensor.Shape{1 << 40, 4}, tensor.Strides{0, 1}, 0, nil))
	must(t, w.Commit(ctx))
	for _, o := range []convert.Options{{}, {Only: []string{"alias*"}}, {Only: []string{"broad"}}, {Only: []string{"alias0"}, Limit: size - 1}} {
		refuse(t, tensorfile.ErrLimit, []string{in}, filepath.Join(dir, "out.npz"), o)
	}
	run(t, []string{in}, filepath.Join(dir, "out.npz"), convert.Options{Only: []string{"alias0"}, Limit: size})
	out := filepath.Join(dir, "out.tensor")
	run(t, []string{in}, out, convert.Options{})
	fi, err := os.Stat(out)
	must(t, err)
	if fi.Size() > 5*size {
		t.Errorf("%d aliases of %d bytes became %d", names, size, fi.Size())
	}
}

// N34: names that would be paths stay inside native files.
func TestUnsafeNames(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.tensor")
	bad := []string{"../../x", "/etc/x", `C:\x`, "CON", "a/../b", "a//b", "nul.txt"}
	native(t, in, append(bad, "fine/x")...)
	run(t, []string{in}, filepath.Join(dir, "out.tensor"), convert.Options{})
	out := filepath.Join(dir, "sub", "out.npz")
	must(t, os.Mkdir(filepath.Dir(out), 0o777))
	for _, name := range bad {
		err := refuse(t, tensorfile.ErrPath, []string{in}, out, convert.Options{Only: []string{name}})
		var e *tensorfile.Error
		if errors.As(err, &e) && e.Tensor != name {
			t.Errorf("the error names %q, want %q", e.Tensor, name)
		}
		refuse(t, tensorfile.ErrPath, []string{in}, out, convert.Options{Only: []string{name}, DryRun: true})
	}
	run(t, []string{in}, out, convert.Options{Only: []string{"fine/x"}})
}

// Damage is found on the way, or before where it may be left out.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.tensor")
	w, err := tensorfile.Create(in, &tensorfile.CreateOptions{NoSync: true})
	must(t, err)
	defer w.Close()
	for i, name := range []string{"bad", "good", "part"} {
		must(t, w.Add(ctx, name, ramp(t, 1000+int64(i), 2), nil))
	}
	must(t, w.Commit(ctx))
	npz, deflated := filepath.Join(dir, "in.npz"), filepath.Join(dir, "deflated.npz")
	run(t, []string{in}, npz, convert.Options{})
	run(t, []string{in}, deflated, convert.Options{Write: convert.WriteOptions{Compress: true}})
	f, err := tensorfile.Open(in, nil)
	must(t, err)
	x, err := f.Tensor("bad")
	must(t, err)
	at := x.Storage().Offset
	f.Close()
	change(t, in, at+100)
	f, err = convert.Open(ctx, npz, nil)
	must(t, err)
	x, err = f.Tensor("bad")
	must(t, err)
	at = x.Storage().Offset
	f.Close()
	change(t, npz, at+4000)
	change(t, deflated, 3000) // the elements of the first member
	for _, path := range []string{in, npz, deflated} {
		for _, noMmap := range []bool{false, true} {
			for _, ext := range []string{".tensor", ".npz"} {
				o := convert.Options{Overwrite: true}
				o.Open.NoMmap = noMmap
				out := filepath.Join(dir, "out"+ext)
				err := refuse(t, tensorfile.ErrCorrupt, []string{path}, out, o)
				if !strings.Contains(fmt.Sprint(err), "bad") {
					t.Errorf("%s to %s: %v does not name the tensor", path, ext, err)
				}
				o.Open.SkipBad = true
				r := run(t, []string{path}, out, o)
				if len(r.Skipped) != 1 || !errors.Is(r.Skipped[0], tensorfile.ErrCorrupt) {
					t.Errorf("%s to %s: skipped %v", path, ext, r.Skipped)
				}
				if got := slices.Sorted(maps.Keys(contents(t, out, nil))); !slices.Equal(got, []string{"good", "part"}) {
					t.Errorf("%s to %s: %v", path, ext, got)
				}
				must(t, os.Remove(out))
				o.Only = []string{"good"}
				if r := run(t, []string{path}, out, o); len(r.Skipped) != 0 {
					t.Errorf("%s to %s: what is not wanted was skipped: %v", path, ext, r.Skipped)
				}
				must(t, os.Remove(out))
				o.Only = []string{"bad"}
				refuse(t, tensorfile.ErrCorrupt, []string{path}, out, o)
			}
		}
	}
}

// change flips a bit of a file.
func change(t *testing.T, path string, at int64) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	b[at] ^= 0x10
	must(t, os.WriteFile(path, b, 0o600))
}

func TestDeterministic(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.tensor")
	native(t, in, "a", "b")
	for _, ext := range []string{".tensor", ".npz"} {
		var first []byte
		for i := range 2 {
			out := filepath.Join(dir, fmt.Sprint("out", i, ext))
			run(t, []string{in}, out, convert.Options{Deterministic: true, Time: time.Unix(1700000000, 0)})
			b, err := os.ReadFile(out)
			must(t, err)
			if i == 0 {
				first = b
			} else if !bytes.Equal(first, b) {
				t.Errorf("%s: two runs give other bytes", ext)
			}
		}
	}
	// Other content of the same time is another file, with another UUID.
	other := filepath.Join(dir, "other.tensor")
	run(t, []string{in}, other, convert.Options{Deterministic: true, Time: time.Unix(1700000000, 0), Only: []string{"a"}})
	if a, b := uuidOf(t, filepath.Join(dir, "out0.tensor")), uuidOf(t, other); a == b {
		t.Errorf("two files with the UUID %s", a)
	}
}

func uuidOf(t *testing.T, path string) string {
	t.Helper()
	f, err := tensorfile.Open(path, nil)
	must(t, err)
	defer f.Close()
	return f.Info().UUID
}

// Streams in and out, of every format that there is.
func TestStreams(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.tensor")
	native(t, in, "a")
	want := contents(t, in, nil)
	for _, to := range []string{"tensorfile", "npz", "npy"} {
		var b bytes.Buffer
		r := run(t, []string{in}, "-", convert.Options{To: to, Stdout: &b})
		if r.Format != to {
			t.Errorf("format %s, want %s", r.Format, to)
		}
		out := filepath.Join(dir, to+".tensor")
		run(t, []string{"-"}, out, convert.Options{Stdin: func(ctx context.Context, o *convert.OpenOptions) (*tensorfile.File, error) {
			if o.Name == "" {
				o.Name = "a"
			}
			return convert.OpenMap(ctx, mmap.NewReaderAt(bytes.NewReader(b.Bytes()), int64(b.Len()), "-"), o)
		}})
		same(t, to, contents(t, out, nil), want)
	}
	refuse(t, tensorfile.ErrPath, []string{"-"}, filepath.Join(dir, "x.tensor"), convert.Options{})
	if _, err := convert.Files(ctx, []string{in}, "-", nil); !errors.Is(err, tensorfile.ErrPath) {
		t.Errorf("no output: %v", err)
	}
	broken := errors.New("broken")
	for _, to := range []string{"tensorfile", "npz", "npy"} {
		if _, err := convert.Files(ctx, []string{in}, "-", &convert.Options{To: to, Stdout: failingWriter{broken}}); !errors.Is(err, broken) {
			t.Errorf("%s: got %v, want %v", to, err, broken)
		}
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestLosses(t *testing.T) {
	dir := t.TempDir()
	in, two := filepath.Join(dir, "in.tensor"), filepath.Join(dir, "two.tensor")
	for path, title := range map[string]string{in: "one", two: "two"} {
		w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true})
		must(t, err)
		must(t, w.SetAttrs(tensorfile.Attrs{"title": title, "same": int64(1)}))
		must(t, w.Add(ctx, title, ramp(t, 2, 3), &tensorfile.TensorOptions{Dims: []string{"x", "y"}}))
		must(t, w.Commit(ctx))
	}
	out := filepath.Join(dir, "out.npz")
	refuse(t, tensorfile.ErrUnsupported, []string{in}, out, convert.Options{Strict: true})
	if r := run(t, []string{in}, out, convert.Options{}); len(r.Losses) != 2 {
		t.Errorf("losses: %q", r.Losses)
	}
	out = filepath.Join(dir, "out.tensor")
	if r := run(t, []string{in}, out, convert.Options{Strict: true}); len(r.Losses) != 0 {
		t.Errorf("losses: %q", r.Losses)
	}
	f, err := tensorfile.Open(out, nil)
	must(t, err)
	defer f.Close()
	a, err := f.Attrs()
	must(t, err)
	if a["title"] != "one" || a["same"] != int64(1) {
		t.Errorf("attributes: %v", a)
	}
	x, err := f.Tensor("one")
	must(t, err)
	if !slices.Equal(x.Dims(), []string{"x", "y"}) {
		t.Errorf("dims: %q", x.Dims())
	}
	both := filepath.Join(dir, "both.tensor")
	if r := run(t, []string{in, two}, both, convert.Options{}); len(r.Losses) != 1 || !strings.Contains(r.Losses[0], `"title"`) {
		t.Errorf("losses: %q", r.Losses)
	}
}

func TestInterrupt(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.tensor")
	native(t, in, "a", "b", "c")
	stopped, stop := context.WithCancel(ctx)
	stop()
	for _, ext := range []string{".tensor", ".npz"} {
		before := listing(t, dir)
		if _, err := convert.Files(stopped, []string{in}, filepath.Join(dir, "out"+ext), nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", ext, err)
		}
		if after := listing(t, dir); !slices.Equal(before, after) {
			t.Errorf("%s: %v became %v", ext, before, after)
		}
	}
}

// Progress never falls and ends at all of it.
func TestProgress(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.tensor")
	native(t, in, "a", "b", "c")
	for _, to := range []string{"tensorfile", "npz"} {
		last, all := int64(0), int64(-1)
		run(t, []string{in}, "-", convert.Options{To: to, Stdout: io.Discard, Progress: func(done, total int64) {
			if done < last || done > total {
				t.Errorf("%d of %d behind %d", done, total, last)
			}
			last, all = done, total
		}})
		if last != all {
			t.Errorf("%s: ended at %d of %d", to, last, all)
		}
	}
}

// Strides and shared storages survive between native files.
func TestSharing(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.tensor"), filepath.Join(dir, "out.tensor")
	w, err := tensorfile.Create(in, &tensorfile.CreateOptions{NoSync: true})
	must(t, err)
	defer w.Close()
	id, err := w.AddStorage(ctx, 4000, bytes.NewReader(make([]byte, 4000)))
	must(t, err)
	must(t, w.TensorOn(id, "x", tensor.I32, tensor.Shape{10, 100}, nil, 0, nil))
	must(t, w.TensorOn(id, "xT", tensor.I32, tensor.Shape{100, 10}, tensor.Strides{4, 400}, 0, nil))
	must(t, w.TensorOn(id, "back", tensor.I32, tensor.Shape{1000}, tensor.Strides{-4}, 3996, nil))
	must(t, w.Commit(ctx))
	run(t, []string{in}, out, convert.Options{})
	f, err := tensorfile.Open(out, nil)
	must(t, err)
	defer f.Close()
	ids := map[uint64]bool{}
	for x, err := range f.Tensors() {
		must(t, err)
		ids[x.Storage().ID] = true
		if x.Name() == "back" && (x.Strides()[0] != -4 || x.Offset() != 3996) {
			t.Errorf("back: strides %v, offset %d", x.Strides(), x.Offset())
		}
	}
	if len(ids) != 1 {
		t.Errorf("%d storages, want 1", len(ids))
	}
}
