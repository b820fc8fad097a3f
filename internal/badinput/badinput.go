// Package badinput runs a catalogue of malformed, hostile and merely unusual
// inputs through the library and checks, for every row, the rules that hold for
// all of them:
//
//  1. the error is a *tensorfile.Error whose text names the path, the format and
//     the offset, and holds nothing that a terminal would obey;
//  2. its kind is the row's, for errors.Is, and never a bare io.EOF or a panic;
//  3. no call allocates more than 32 MiB and four times the input, and the tool
//     does with an address space that is small;
//  4. the work grows with the input and not faster (Growth); Bench has the times;
//  5. a conversion leaves its destination as it was, there or not, and no
//     temporary file, in this process and by the tool;
//  6. the tool ends with the right status and prints nothing to stdout but the
//     answer;
//  7. mapped, read with positioned reads and read through an io.ReaderAt, the
//     verdict is the same.
//
// Packages with formats of their own call Run with their rows from a test. All
// rows are listed in testdata/bad-inputs.md, which "make badinputs" writes; a run
// with other rows than the table has fails.
package badinput

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// Stage is how far a file gets before its fault shows.
type Stage int

const (
	// Open is the opening of the file.
	Open Stage = iota
	// Use is listing it and reading attributes and elements: errors are lazy.
	Use
	// Verify is what only a verification finds.
	Verify
	// Write is what only a writer refuses; for readers nothing is wrong.
	Write
)

func (s Stage) String() string { return [...]string{"open", "use", "verify", "write"}[s] }

// Row is one input and what must come of it.
type Row struct {
	ID   string // of the catalogue: "N14"
	What string // the input, in words; unique among the rows of an ID
	// Make writes the input into dir and returns its path.
	Make func(t testing.TB, dir string) string
	// Format is what the error must name: "tensorfile", "npy". "" for errors
	// that come before any format is known.
	Format string
	// From is the name of the format to read the input as. Default: found out.
	From string
	// Kind of the error. nil: the input must be accepted.
	Kind error
	// At is where the error shows. What comes before must work.
	At Stage
	// Rule is the id of the broken rule, if the format has such.
	Rule string
	// Says lists what else the error's text must have: field, got, wanted.
	Says []string
	// NoOffset is for errors that are about no place in the file.
	NoOffset bool
	// Good lists tensors that must stay readable.
	Good []string
	// Converts is for inputs with an error that a conversion to the native
	// format must not or need not notice, such as bad padding.
	Converts bool
	// Check looks at a file that was accepted, or opened with an error to come.
	Check func(t testing.TB, f *tensorfile.File)
	// MaxBytes is the limit on what is copied out. Default: 16 MiB.
	MaxBytes int64
	// Memory is allocated beyond the rule's bound, for inputs whose legitimate
	// content needs it.
	Memory int64
	// Slow is for inputs that cannot be opened within the rule's bound, such as
	// very large sparse ones, where verification is left out.
	Slow bool
	// Note says why the row differs from the catalogue.
	Note string

	sweep    int  // how many prefixes of a file it is one of
	sample   bool // is one of them that the tool sees
	children bool // the tool had it
}

// File makes an input of bytes in a file of that name.
func File(name string, b []byte) func(t testing.TB, dir string) string {
	return func(t testing.TB, dir string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
}

// Name of the row in tests.
func (r *Row) Name() string { return r.ID + "/" + r.What }

// Run checks rows, each as a subtest, and that the table of all rows has them.
func Run(t *testing.T, rows []Row) {
	if record(t, rows) {
		return
	}
	seen := map[string]bool{}
	for i := range rows {
		r := &rows[i]
		if seen[r.Name()] {
			t.Errorf("two rows are called %s", r.Name())
		}
		seen[r.Name()] = true
		t.Run(r.Name(), func(t *testing.T) {
			path := r.Make(t, t.TempDir())
			r.read(t, path)
			r.convert(t, path)
			if r.Slow || !hasTools() || r.sweep > 0 && !r.sample {
				return
			}
			bin, err := Tool()
			if err != nil {
				t.Fatal(err)
			}
			r.tool(t, bin, path)
			if !r.children {
				t.Error("the tool did not see it")
			}
		})
	}
}

// verdict is what came of reading one file in one way.
type verdict struct {
	way   string
	stage Stage
	err   error
	good  []string
}

func (r *Row) options(noMmap bool) *convert.OpenOptions {
	o := &convert.OpenOptions{Format: r.From}
	o.NoMmap = noMmap
	o.MaxBytes = r.MaxBytes
	if o.MaxBytes == 0 {
		o.MaxBytes = 16 << 20
	}
	return o
}

// read opens the file in three ways, uses and verifies it.
func (r *Row) read(t testing.TB, path string) {
	size := int64(0)
	regular := false
	if fi, err := os.Stat(path); err == nil && fi.Mode().IsRegular() {
		size, regular = fi.Size(), true
	}
	var all []verdict
	for _, way := range []string{"mapped", "pread", "readerat"} {
		if way == "readerat" && (!regular || size > 1<<30) {
			continue
		}
		open := func() (*tensorfile.File, error) {
			return convert.Open(context.Background(), path, r.options(way == "pread"))
		}
		if way == "readerat" {
			b, err := os.ReadFile(path)
			if err != nil || int64(len(b)) != size {
				continue // not what it seems to be
			}
			open = func() (*tensorfile.File, error) {
				return convert.OpenMap(context.Background(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), path), r.options(false))
			}
		}
		v := verdict{way: way}
		r.bounded(t, way, size, func() { v.stage, v.good, v.err = r.use(t, open) })
		all = append(all, v)
		r.judge(t, v, path)
	}
	for _, v := range all[1:] {
		if a, b := short(all[0]), short(v); a != b {
			t.Errorf("%s and %s differ:\n%s\n%s", all[0].way, v.way, a, b)
		}
	}
}

// short is what must not depend on the way of reading.
func short(v verdict) string {
	var e *tensorfile.Error
	if errors.As(v.err, &e) {
		return fmt.Sprintf("%v: %v %s %d %q", v.stage, e.Kind, e.Rule, e.Offset, e.Field)
	}
	return fmt.Sprintf("%v: %v", v.stage, v.err)
}

// bounded runs fn and compares what it allocates with rule 3.
func (r *Row) bounded(t testing.TB, what string, size int64, fn func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	const most = 32 << 20
	if got := int64(after.TotalAlloc - before.TotalAlloc); got > most+4*min(size, 1<<40)+r.Memory {
		t.Errorf("%s: allocated %d MiB for an input of %d KiB", what, got>>20, size>>10)
	}
}

// use does what there is to do with a file, up to the first error.
func (r *Row) use(t testing.TB, open func() (*tensorfile.File, error)) (at Stage, good []string, first error) {
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("panic: %v", p)
		}
	}()
	ctx := context.Background()
	f, err := open()
	if err != nil {
		return Open, nil, err
	}
	defer func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}()
	if r.Check != nil {
		r.Check(t, f)
	}
	fail := func(err error) {
		if err != nil && first == nil {
			first = err
		}
	}
	f.Info()
	_, err = f.Attrs()
	fail(err)
	for x, err := range f.Tensors() {
		if err != nil {
			fail(err)
			continue
		}
		_, err := x.Attrs()
		fail(err)
		_, rerr := x.Read(ctx)
		if _, _, composite := x.Composite(); composite && errors.Is(rerr, tensorfile.ErrEncoded) {
			_, rerr = x.ReadComposite(ctx)
		}
		fail(rerr)
		if _, verr := x.View(); rerr == nil && verr != nil && !errors.Is(verr, tensorfile.ErrNotMapped) && !errors.Is(verr, tensorfile.ErrEncoded) {
			fail(verr)
		}
		if err == nil && rerr == nil {
			good = append(good, x.Name())
		}
	}
	if first != nil {
		return Use, good, first
	}
	if r.Slow {
		return Verify, good, nil
	}
	rep, err := f.Verify(ctx, nil)
	if err == nil && !rep.OK() {
		err = rep.Findings[0]
		for _, x := range rep.Findings { // the one that is meant, if it is there
			var e *tensorfile.Error
			if errors.As(x, &e) && r.Rule != "" && e.Rule == r.Rule {
				err = x
				break
			}
		}
	}
	return Verify, good, err
}

// judge compares a verdict with the row.
func (r *Row) judge(t testing.TB, v verdict, path string) {
	t.Helper()
	for _, n := range r.Good {
		if !slices.Contains(v.good, n) {
			t.Errorf("%s: tensor %q cannot be read: %v", v.way, n, v.err)
		}
	}
	if r.Kind == nil || r.At == Write {
		if v.err != nil {
			t.Errorf("%s: refused at %v: %v", v.way, v.stage, v.err)
		}
		return
	}
	if v.err == nil {
		t.Errorf("%s: accepted, want %v at %v", v.way, r.Kind, r.At)
		return
	}
	if v.stage != r.At {
		t.Errorf("%s: found at %v, want %v: %v", v.way, v.stage, r.At, v.err)
	}
	r.text(t, v.way, v.err, path)
}

// text checks an error against rules 1 and 2.
func (r *Row) text(t testing.TB, what string, err error, path string) {
	t.Helper()
	var e *tensorfile.Error
	if !errors.As(err, &e) || err == io.EOF || err == io.ErrUnexpectedEOF {
		t.Errorf("%s: %T %v", what, err, err)
		return
	}
	if !errors.Is(err, r.Kind) {
		t.Errorf("%s: kind %v, want %v: %v", what, e.Kind, r.Kind, err)
	}
	if r.Rule != "" && e.Rule != r.Rule {
		t.Errorf("%s: rule %q, want %q: %v", what, e.Rule, r.Rule, err)
	}
	s := err.Error()
	must := r.Says
	if !r.NoOffset {
		must = append(slices.Clip(must), "offset "+fmt.Sprint(e.Offset))
	}
	r.words(t, what, s, path, must)
	if strings.ContainsFunc(s, func(c rune) bool { return unicode.IsControl(c) || c == unicode.ReplacementChar }) {
		t.Errorf("%s: unprintable characters in %q", what, s)
	}
	if strings.Contains(s, "runtime error") || len(s) > 8192 {
		t.Errorf("%s: %d bytes of text: %.300s", what, len(s), s)
	}
}

// words looks for what a text must have: the path, and beside it, for the path
// may have the same words by chance, the name of the format and the others.
func (r *Row) words(t testing.TB, what, s, path string, must []string) {
	t.Helper()
	path = tensor.Escape(path)
	if !strings.Contains(s, path) {
		t.Errorf("%s: no %q in %q", what, path, s)
	}
	rest := strings.ReplaceAll(s, path, "")
	if r.Format != "" && !strings.Contains(rest, ": "+r.Format+": ") {
		t.Errorf("%s: no format %q in %q", what, r.Format, s)
	}
	for _, m := range must {
		if !strings.Contains(rest, m) {
			t.Errorf("%s: no %q in %q", what, m, s)
		}
	}
}

// state is all that must not change about a destination.
type state struct {
	fi  fs.FileInfo
	sum [32]byte
}

func stateOf(t testing.TB, path string) state {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return state{fi, sha256.Sum256(b)}
}

func (s state) same(o state) bool {
	return os.SameFile(s.fi, o.fi) && s.fi.Size() == o.fi.Size() && s.fi.ModTime().Equal(o.fi.ModTime()) && s.fi.Mode() == o.fi.Mode() && s.sum == o.sum
}

func list(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// destination makes a directory with a file that must not change, and one with
// nothing in it.
func (r *Row) destination(t testing.TB) (there, gone string) {
	t.Helper()
	there, gone = t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(there, "old.tensor"), []byte("what was there before"), 0o640); err != nil {
		t.Fatal(err)
	}
	return there, gone
}

// convert converts the file to a destination that is not there and to one that
// is.
func (r *Row) convert(t testing.TB, path string) {
	if r.Slow {
		return
	}
	var size int64
	if fi, err := os.Stat(path); err == nil {
		size = fi.Size()
	}
	dir, _ := r.destination(t)
	old := filepath.Join(dir, "old.tensor")
	before := stateOf(t, old)
	works := r.Kind == nil || r.Converts || r.At == Write
	outs := []string{old, filepath.Join(dir, "new.tensor")}
	if testing.Short() {
		outs = outs[:1]
	}
	for _, out := range outs {
		var err error
		r.bounded(t, "convert", size, func() {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("panic: %v", p)
				}
			}()
			_, err = convert.Files(context.Background(), []string{path}, out, &convert.Options{Open: *r.options(false), Overwrite: true, NoSync: true})
		})
		if works {
			if err != nil && !errors.Is(err, convert.ErrNoMatch) {
				t.Errorf("convert: %v", err)
			}
			continue
		}
		if err == nil {
			t.Errorf("converted to %s", filepath.Base(out))
			continue
		}
		r.text(t, "convert", err, path)
		if !stateOf(t, old).same(before) {
			t.Error("the destination was touched")
		}
		if l := list(t, dir); !slices.Equal(l, []string{"old.tensor"}) {
			t.Errorf("left behind: %q", l)
		}
	}
}
