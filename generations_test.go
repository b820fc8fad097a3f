package tensorfile_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/tensor"
)

// edit opens the file at path, lets fn change it and commits.
func edit(t testing.TB, path string, fn func(w *tensorfile.Writer)) {
	t.Helper()
	w := must(tensorfile.OpenAppend(path, nil))(t)
	defer w.Close()
	fn(w)
	ok(t, w.Commit(ctx))
}

// put adds or replaces a tensor of bytes.
func put(t testing.TB, w *tensorfile.Writer, name string, b []byte) {
	t.Helper()
	v := must(tensor.FromSlice(b))(t)
	ok(t, w.Add(ctx, name, v, &tensorfile.TensorOptions{Replace: true}))
}

func mustNoErr(t testing.TB) func(err error) {
	return func(err error) { t.Helper(); ok(t, err) }
}

// sixGenerations is a file whose generations differ in every way.
func sixGenerations(t testing.TB, path string) {
	t.Helper()
	do := mustNoErr(t)
	write(t, path, func(w *tensorfile.Writer) {
		put(t, w, "a", []byte("first a"))
		put(t, w, "b", []byte("b"))
		do(w.SetAttrs(tensorfile.Attrs{"v": int64(1)}))
	})
	edit(t, path, func(w *tensorfile.Writer) { put(t, w, "a", []byte("second a")) })
	edit(t, path, func(w *tensorfile.Writer) { do(w.Rename("b", "c")) })
	edit(t, path, func(w *tensorfile.Writer) {
		do(w.SetTensorAttrs("c", tensorfile.Attrs{"unit": "m"}))
		do(w.SetAttrs(tensorfile.Attrs{"v": int64(4)}))
	})
	edit(t, path, func(w *tensorfile.Writer) { do(w.Revert(1)) })
	edit(t, path, func(w *tensorfile.Writer) { do(w.Delete("b")) })
}

// contents reads all tensors of bytes.
func contents(t testing.TB, f *tensorfile.File) map[string]string {
	t.Helper()
	m := map[string]string{}
	for x, err := range f.Tensors() {
		ok(t, err)
		m[x.Name()] = string(must(must(x.Read(ctx))(t).Bytes())(t))
	}
	return m
}

func TestGenerations(t *testing.T) {
	path := temp(t)
	sixGenerations(t, path)
	want := map[uint64]map[string]string{
		1: {"a": "first a", "b": "b"},
		2: {"a": "second a", "b": "b"},
		3: {"a": "second a", "c": "b"},
		4: {"a": "second a", "c": "b"},
		5: {"a": "first a", "b": "b"},
		6: {"a": "first a"},
	}
	sources(t, path, tensorfile.OpenOptions{}, func(way string, f *tensorfile.File) {
		next, sum := uint64(6), int64(0)
		for g, err := range f.Generations(ctx) {
			ok(t, err)
			if g.Number != next || g.Previous != next-1 || g.Writer != tensorfile.WriterName || g.Bytes <= 0 || time.Since(g.Time) > time.Hour {
				t.Errorf("%s: %+v", way, g)
			}
			if next == 6 && g.Length != f.Info().Length {
				t.Errorf("%s: length %d, want %d", way, g.Length, f.Info().Length)
			}
			next, sum = next-1, sum+g.Bytes
		}
		if next != 0 || sum != f.Info().Length {
			t.Errorf("%s: %d generations missing, %d bytes of %d", way, next, sum, f.Info().Length)
		}
	})
	for g, m := range want {
		sources(t, path, tensorfile.OpenOptions{Generation: g, Verify: tensorfile.VerifyOnFirstUse}, func(way string, f *tensorfile.File) {
			if got := contents(t, f); fmt.Sprint(got) != fmt.Sprint(m) {
				t.Errorf("%s: generation %d: %q, want %q", way, g, got, m)
			}
			if i := f.Info(); i.Generation != g || i.Leftover != 0 {
				t.Errorf("%s: %+v", way, i)
			}
			rep := must(f.Verify(ctx, nil))(t)
			if !rep.OK() || rep.Generations != 6 {
				t.Errorf("%s: %+v", way, rep)
			}
		})
	}
	_, err := tensorfile.Open(path, &tensorfile.OpenOptions{Generation: 9})
	wantErr(t, err, tensorfile.ErrNotFound, "generation", "9", "1..6")
	if _, err := tensorfile.OpenReaderAt(strings.NewReader(""), 0, &tensorfile.OpenOptions{Generation: 1}); err == nil {
		t.Error("an empty file has a generation")
	}
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	for _, err := range f.Generations(canceled) {
		wantErr(t, err, context.Canceled)
	}
	for range f.Generations(ctx) {
		break
	}
}

// What two generations do not share is told, whatever the order of the two.
func TestChanges(t *testing.T) {
	path := temp(t)
	sixGenerations(t, path)
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	for _, c := range []struct {
		from, to uint64
		want     string
	}{
		{0, 1, `"" attributes, "a" added, "b" added`},
		{1, 2, `"a" replaced`},
		{2, 3, `"b" removed, "c" added`},
		{3, 4, `"" attributes, "c" attributes`},
		{4, 5, `"" attributes, "a" replaced, "b" added, "c" removed`},
		{5, 6, `"b" removed`},
		{1, 5, ``},
		{5, 1, ``},
		{6, 0, ``},
		{0, 0, `"" attributes, "a" added`},
		{6, 2, `"a" replaced, "b" added`},
		{2, 4, `"" attributes, "b" removed, "c" added`},
	} {
		var got []string
		for _, x := range must(f.Changes(ctx, c.from, c.to))(t) {
			got = append(got, fmt.Sprintf("%q %v", x.Name, x.Kind))
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%d to %d: %s, want %s", c.from, c.to, s, c.want)
		}
	}
	_, err := f.Changes(ctx, 7, 1)
	wantErr(t, err, tensorfile.ErrNotFound, "1..6")
}

// The comparison reads what changed, not the catalog.
func TestChangesAreCheap(t *testing.T) {
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) {
		s := must(w.AddStorage(ctx, 8, strings.NewReader("12345678")))(t)
		for i := range 50_000 {
			ok(t, w.TensorOn(s, fmt.Sprintf("layer/%d/weight", i), tensor.U8, tensor.Shape{8}, nil, 0, nil))
		}
	})
	edit(t, path, func(w *tensorfile.Writer) { put(t, w, "new", []byte("x")) })
	b := must(os.ReadFile(path))(t)
	r := &countingReader{r: bytes.NewReader(b)}
	f := must(tensorfile.OpenReaderAt(r, int64(len(b)), nil))(t)
	defer f.Close()
	r.n = 0
	list := must(f.Changes(ctx, 1, 2))(t)
	if len(list) != 1 || list[0] != (tensorfile.Change{Name: "new", Kind: tensorfile.Added}) {
		t.Error(list)
	}
	if r.n > 256<<10 {
		t.Errorf("%d bytes of %d read", r.n, len(b))
	}
}

type countingReader struct {
	r  *bytes.Reader
	mu sync.Mutex
	n  int64
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	c.mu.Lock()
	c.n += int64(len(p))
	c.mu.Unlock()
	return c.r.ReadAt(p, off)
}

// N49: a chain that does not go back is told, and no walk is endless.
func TestBrokenHistory(t *testing.T) {
	three := func() *forge.Image {
		return forge.Build(false, forge.Gen{Tensors: []forge.Tensor{u8("a", 1, 4)}, Storages: []forge.Storage{{ID: 1, Data: []byte("abcd")}}},
			forge.Gen{Tensors: []forge.Tensor{u8("b", 2, 2)}, Storages: []forge.Storage{{ID: 2, Data: []byte("xy")}}},
			forge.Gen{Tensors: []forge.Tensor{u8("c", 3, 1)}, Storages: []forge.Storage{{ID: 3, Data: []byte("z")}}})
	}
	trailer := func(im *forge.Image) int64 { return int64(len(im.B)) - format.RootSize }
	first := func(im *forge.Image, at int64) int64 { return int64(im.U64(int64(im.U64(at+48)) + 48)) }
	for _, c := range []struct {
		name   string
		damage func(im *forge.Image, at int64) // at: the newest trailer
		rule   string
	}{
		{"same generation", func(im *forge.Image, at int64) {
			im.P64(first(im, at)+24, 2)
		}, format.RuleRootPrevious},
		{"no trailer there", func(im *forge.Image, at int64) {
			im.P8(first(im, at), 'X')
		}, format.RuleRootMagic},
	} {
		im := three()
		c.damage(im, trailer(im))
		im.Seal()
		f, err := openImage(im)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		n := 0
		var last error
		for _, err := range f.Generations(ctx) {
			n++
			last = err
		}
		wantErr(t, last, tensorfile.ErrCorrupt, "offset")
		if got := rulesOf([]error{last}); n != 3 || got[0] != c.rule {
			t.Errorf("%s: %d steps, %v", c.name, n, got)
		}
		if _, err := f.Changes(ctx, 1, 2); err == nil {
			t.Errorf("%s: no error", c.name)
		}
		ok(t, f.Close())
	}
	// A pointer forward, or to itself, is refused when the file is opened.
	for _, to := range []func(at int64) int64{func(at int64) int64 { return at }, func(at int64) int64 { return at + format.PageSize }} {
		im := three()
		at := trailer(im)
		for _, rec := range []int64{format.SlotA, format.SlotB, at} {
			if im.U64(rec+24) == 3 {
				im.P64(rec+48, uint64(to(at)))
			}
		}
		im.Seal()
		_, err := openImage(im)
		wantErr(t, err, tensorfile.ErrCorrupt, "previous", fmt.Sprint(to(at)))
	}
}

func TestRefresh(t *testing.T) {
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) { put(t, w, "a", []byte("one")) })
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	if n, err := f.Refresh(); n != nil || err != nil {
		t.Fatal(n, err)
	}
	edit(t, path, func(w *tensorfile.Writer) { put(t, w, "a", []byte("two!")) })
	n := must(f.Refresh())(t)
	if n == nil {
		t.Fatal("nothing newer")
	}
	defer n.Close()
	if got := contents(t, n)["a"]; got != "two!" || n.Info().Generation != 2 {
		t.Error(got)
	}
	if got := contents(t, f)["a"]; got != "one" {
		t.Error("the old snapshot reads", got)
	}
	if again, err := n.Refresh(); again != nil || err != nil {
		t.Fatal(again, err)
	}
	// A file opened at an older generation refreshes to the newest.
	old := must(tensorfile.Open(path, &tensorfile.OpenOptions{Generation: 1}))(t)
	defer old.Close()
	n2 := must(old.Refresh())(t)
	if n2 == nil || n2.Info().Generation != 2 {
		t.Fatal("not the newest")
	}
	ok(t, n2.Close())
	// What took its place is another file.
	write(t, path, func(w *tensorfile.Writer) { put(t, w, "a", []byte("other")) })
	_, err := n.Refresh()
	wantErr(t, err, tensorfile.ErrChanged, "another file")
	ok(t, os.Remove(path))
	_, err = n.Refresh()
	wantErr(t, err, tensorfile.ErrChanged, "no file")
	r := must(tensorfile.OpenReaderAt(bytes.NewReader(farImage(false).B), int64(len(farImage(false).B)), nil))(t)
	defer r.Close()
	_, err = r.Refresh()
	wantErr(t, err, tensorfile.ErrUnsupported)
}

const writerProcess = "TENSORFILE_TEST_WRITER"

// TestWriterProcess is the second process of TestReadersSeeWholeCommits.
func TestWriterProcess(t *testing.T) {
	path := os.Getenv(writerProcess)
	if path == "" {
		t.Skip("a helper of another test")
	}
	w := must(tensorfile.OpenAppend(path, nil))(t)
	defer w.Close()
	for i := 2; i < 2+commitsOfProcess; i++ {
		commitPair(t, w, i)
	}
}

const commitsOfProcess = 120

// commitPair replaces two tensors by ones that tell the number of the commit.
func commitPair(t testing.TB, w *tensorfile.Writer, i int) {
	t.Helper()
	put(t, w, "x", bytes.Repeat([]byte{byte(i)}, 100+i*37))
	put(t, w, "y", bytes.Repeat([]byte{byte(i)}, 9000))
	if i%7 == 0 {
		put(t, w, fmt.Sprintf("z%d", i), []byte{byte(i)})
	}
	ok(t, w.Commit(ctx))
}

// checkPair demands that f shows one commit, whole, and returns its number.
func checkPair(f *tensorfile.File) (int, error) {
	g := int(f.Info().Generation)
	for name, n := range map[string]int{"x": 100 + g*37, "y": 9000} {
		x, err := f.Tensor(name)
		if err != nil {
			return g, err
		}
		v, err := x.Read(ctx)
		if err != nil {
			return g, err
		}
		b, err := v.Bytes()
		if err != nil {
			return g, err
		}
		if len(b) != n || slices.ContainsFunc(b, func(c byte) bool { return c != byte(g) }) {
			return g, fmt.Errorf("generation %d: %s has %d bytes of %v", g, name, len(b), b[0])
		}
	}
	return g, nil
}

// While another process commits, readers that open, refresh and hold the file
// see whole commits only, in order.
func TestReadersSeeWholeCommits(t *testing.T) {
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) {
		put(t, w, "x", bytes.Repeat([]byte{1}, 137))
		put(t, w, "y", bytes.Repeat([]byte{1}, 9000))
	})
	exe := must(os.Executable())(t)
	cmd := exec.Command(exe, "-test.run=^TestWriterProcess$")
	cmd.Env = append(os.Environ(), writerProcess+"="+path)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	ok(t, cmd.Start())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	over := make(chan struct{})
	var wg sync.WaitGroup
	for reader := range 3 {
		wg.Go(func() {
			o := &tensorfile.OpenOptions{Verify: tensorfile.VerifyOnFirstUse, NoMmap: reader == 1}
			var held *tensorfile.File
			last, opens := 0, 0
			for end := false; !end; {
				select {
				case <-over:
					end = true
				default:
				}
				var f *tensorfile.File
				var err error
				if held != nil && opens%2 == 0 {
					f, err = held.Refresh()
				} else {
					f, err = tensorfile.Open(path, o)
				}
				opens++
				if err != nil {
					t.Errorf("reader %d: %v", reader, err)
					return
				}
				if f == nil {
					f = held
				}
				g, err := checkPair(f)
				if err == nil && g < last {
					err = fmt.Errorf("generation %d behind %d", g, last)
				}
				if err == nil && held != nil {
					_, err = checkPair(held)
				}
				if err != nil {
					t.Errorf("reader %d: %v", reader, err)
					end = true
				}
				last = g
				if held != nil && held != f {
					held.Close()
				}
				held = f
			}
			held.Close()
			if last != 1+commitsOfProcess && !t.Failed() {
				t.Errorf("reader %d ended at generation %d", reader, last)
			}
		})
	}
	err := <-done
	close(over)
	wg.Wait()
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
}
