package convert_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/mtx"
	"github.com/tensorfile/tensorfile/convert/operate"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/ragged"
	"github.com/tensorfile/tensorfile/tensor"
)

// frail is what "frail://" addresses lead to. Of all that is asked of it from its
// last reset on, one thing fails.
type frail struct {
	mu      sync.Mutex
	left    int // until it fails; below 0: it has
	objects map[string][]byte
}

var errFrail = errors.New("the wire is cut")

func (f *frail) step() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left--; f.left == 0 {
		return errFrail
	}
	return nil
}

func (f *frail) reset(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = n
}

// unbroken reports whether nothing has failed since the last reset.
func (f *frail) unbroken() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.left > 0
}

type frailSource struct {
	*bytes.Reader
	f *frail
}

func (s frailSource) ReadAt(p []byte, off int64) (int, error) {
	if err := s.f.step(); err != nil {
		return 0, err
	}
	return s.Reader.ReadAt(p, off)
}

func (frailSource) Close() error { return nil }

type frailOutput struct {
	bytes.Buffer
	f    *frail
	name string
}

func (o *frailOutput) Write(p []byte) (int, error) {
	if err := o.f.step(); err != nil {
		return 0, err
	}
	return o.Buffer.Write(p)
}

func (o *frailOutput) Commit() error {
	if err := o.f.step(); err != nil {
		return err
	}
	o.f.objects[o.name] = o.Bytes()
	return nil
}

func (o *frailOutput) Close() error { return nil }

var frails = sync.OnceValue(func() *frail {
	f := &frail{objects: map[string][]byte{}}
	convert.RegisterScheme("frail", func(_ context.Context, address string) (*mmap.Map, error) {
		if err := f.step(); err != nil {
			return nil, err
		}
		return mmap.NewSource(frailSource{bytes.NewReader(f.objects[address]), f}, address), nil
	})
	convert.RegisterOutput("frail", func(_ context.Context, address string, _ bool) (convert.Output, error) {
		if err := f.step(); err != nil {
			return nil, err
		}
		return &frailOutput{f: f, name: address}, nil
	})
	return f
})

// hashes are those of the tensors of a file.
func hashes(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := convert.Open(ctx, path, nil)
	must(t, err)
	defer f.Close()
	m := map[string]string{}
	for x, err := range f.Tensors() {
		must(t, err)
		h, err := x.Hash(ctx)
		must(t, err)
		m[x.Name()] = fmt.Sprintf("%x", h)
	}
	return m
}

// Whatever fails while files are converted, added to or made to a set, at whichever
// place, is told as it is, and nothing is there then that was not before.
func TestFaultsAnywhere(t *testing.T) {
	f := frails()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	put := func(name string) string {
		b, err := os.ReadFile(at(name))
		must(t, err)
		must(t, os.Remove(at(name)))
		f.objects["frail://"+name] = b
		return "frail://" + name
	}
	words, err := ragged.FromStrings([]string{"a", "bc", ""})
	must(t, err)
	nativeFile(t, at("dense.tensor"), func(w *tensorfile.Writer) {
		must(t, w.Add(ctx, "a", ramp(t, 40, 3), &tensorfile.TensorOptions{Attrs: tensorfile.Attrs{"unit": "m"}}))
		must(t, w.Add(ctx, "b", ramp(t, 5, 3), &tensorfile.TensorOptions{Chunk: tensor.Shape{2, 3}, Codec: "shuffle|lz4"}))
		must(t, w.SetAttrs(tensorfile.Attrs{"title": "in"}))
	})
	nativeFile(t, at("mixed.tensor"), func(w *tensorfile.Writer) {
		must(t, w.Add(ctx, "a", ramp(t, 4, 3), nil))
		must(t, w.AddStrings(ctx, "s", words, nil))
		must(t, w.AddSparse(ctx, "e", eye(t, 4), nil))
		must(t, w.SetAttrs(tensorfile.Attrs{"title": "in"}))
	})
	nativeFile(t, at("words.tensor"), func(w *tensorfile.Writer) { must(t, w.AddStrings(ctx, "s", words, nil)) })
	nativeFile(t, at("rows.tensor"), func(w *tensorfile.Writer) { must(t, w.Add(ctx, "x", ramp(t, 4, 3), nil)) })
	must(t, os.WriteFile(at("eye.mtx"), []byte("%%MatrixMarket matrix coordinate real general\n2 3 2\n1 1 0.5\n2 3 -7\n"), 0o600))
	npyFiles(t, dir, 3, always(2, 3))
	var members []string
	for _, name := range []string{"0.npy", "1.npy", "2.npy"} {
		list, err := filepath.Glob(at("*" + name))
		must(t, err)
		b, err := os.ReadFile(list[0])
		must(t, err)
		must(t, os.Remove(list[0]))
		members = append(members, "frail://host/folder/"+name)
		f.objects["frail://host/folder/"+name] = b
	}
	dense, mixed, strs, rows, matrix := put("dense.tensor"), put("mixed.tensor"), put("words.tensor"), put("rows.tensor"), put("eye.mtx")

	_, err = convert.Files(ctx, []string{dense}, at("packed.npz"), &convert.Options{NoSync: true, Write: convert.WriteOptions{Compress: true}})
	must(t, err)
	archive := put("packed.npz")
	_, err = convert.Set(ctx, members, at("members.tensor"), &convert.SetOptions{NoSync: true, Label: convert.LabelDir})
	must(t, err)
	made := put("members.tensor")

	base := nativeFile(t, at("base.tensor"), func(w *tensorfile.Writer) {
		must(t, w.Add(ctx, "a", ramp(t, 2, 3), nil))
		must(t, w.Add(ctx, "x", ramp(t, 2, 3), nil))
		must(t, w.Add(ctx, "chunked", ramp(t, 2, 3), &tensorfile.TensorOptions{Chunk: tensor.Shape{1, 3}}))
		must(t, w.AddStrings(ctx, "s", words, nil))
	})
	before, err := os.ReadFile(base)
	must(t, err)
	f.objects["frail://base.tensor"] = before
	flip := &operate.Pipeline{Workers: 1}
	step, err := operate.Parse("flip", "0")
	must(t, err)
	flip.Steps = []operate.Step{step}

	files := func(in []string, out string, o convert.Options) func() error {
		return func() error {
			o := o
			o.NoSync, o.Overwrite = true, true
			_, err := convert.Files(ctx, in, out, &o)
			return err
		}
	}
	// some leaves out what cannot be read, and takes that for the error.
	some := func(in []string, out string, o convert.Options) func() error {
		return func() error {
			o := o
			o.NoSync, o.Overwrite, o.Open.SkipBad = true, true, true
			res, err := convert.Files(ctx, in, out, &o)
			if err != nil || len(res.Skipped) == 0 {
				return err
			}
			must(t, os.Remove(out))
			return errors.Join(res.Skipped...)
		}
	}
	// added edits a file that is read by wire as well.
	added := func(fn func(w *tensorfile.Writer, to *tensorfile.File) error) func() error {
		return func() error {
			to, err := convert.Open(ctx, "frail://base.tensor", nil)
			if err != nil {
				return err
			}
			defer to.Close()
			w, err := tensorfile.OpenAppend(base, nil)
			must(t, err)
			defer w.Close()
			return fn(w, to)
		}
	}
	appended := func(in []string, o convert.AppendOptions) func() error {
		return added(func(w *tensorfile.Writer, to *tensorfile.File) error {
			_, err := convert.Append(ctx, w, to, in, &o)
			return err
		})
	}
	grown := func(name string, in []string, o convert.RowsOptions) func() error {
		return added(func(w *tensorfile.Writer, to *tensorfile.File) error {
			_, err := convert.AppendRows(ctx, w, to, name, in, &o)
			return err
		})
	}
	set := func(in []string, out string, o convert.SetOptions) func() error {
		return func() error {
			o := o
			o.NoSync, o.Overwrite, o.Workers = true, true, 1
			_, err := convert.Set(ctx, in, out, &o)
			return err
		}
	}
	total := 0
	for _, c := range []struct {
		what string
		out  string // what it makes
		run  func() error
	}{
		{"a copy", at("out.tensor"), files([]string{dense}, at("out.tensor"), convert.Options{})},
		{"a copy of several", at("out.tensor"), files([]string{dense, strs}, at("out.tensor"), convert.Options{Deterministic: true})},
		{"a copy of composites", at("out.tensor"), files([]string{mixed}, at("out.tensor"), convert.Options{})},
		{"a copy by operators", at("out.tensor"), files([]string{dense}, at("out.tensor"), convert.Options{Operate: flip})},
		{"a copy by rules", at("out.tensor"), files([]string{dense}, at("out.tensor"), convert.Options{Store: []convert.Store{{Codec: "lz4"}}})},
		{"an archive", at("out.npz"), files([]string{dense}, at("out.npz"), convert.Options{})},
		{"an archive of some", at("out.npz"), files([]string{dense}, at("out.npz"), convert.Options{Only: []string{"a"}, Limit: 1 << 20})},
		{"entries", at("out.tensor"), files([]string{matrix}, at("out.tensor"), convert.Options{})},
		{"an object", "frail://out.tensor", files([]string{dense}, "frail://out.tensor", convert.Options{})},
		{"an object of another format", "frail://out.npy", files([]string{dense}, "frail://out.npy", convert.Options{Only: []string{"a"}})},
		{"what can be read", at("out.tensor"), some([]string{dense, mixed}, at("out.tensor"), convert.Options{Rename: []convert.Rename{{Old: "s", New: "t"}}, Only: []string{"b", "s", "e"}})},
		{"what can be read of an archive", at("out.tensor"), some([]string{archive}, at("out.tensor"), convert.Options{})},
		{"what can be read of entries", at("out.tensor"), some([]string{matrix}, at("out.tensor"), convert.Options{})},
		{"what can be read, by operators", at("out.npz"), some([]string{dense}, at("out.npz"), convert.Options{Operate: flip})},
		{"another name", "", appended([]string{strs}, convert.AppendOptions{Rename: []convert.Rename{{Old: "s", New: "t"}}})},
		{"names that are there", "", appended([]string{mixed}, convert.AppendOptions{Replace: true})},
		{"names to look at", "", appended([]string{dense}, convert.AppendOptions{Replace: true, DryRun: true})},
		{"rows", "", grown("x", []string{rows, rows}, convert.RowsOptions{})},
		{"rows of chunks", "", grown("chunked", []string{rows}, convert.RowsOptions{})},
		{"strings behind strings", "", grown("s", []string{strs}, convert.RowsOptions{})},
		{"a set", at("set.tensor"), set(members, at("set.tensor"), convert.SetOptions{})},
		{"a set by steps", at("set.tensor"), set(members, at("set.tensor"), convert.SetOptions{Each: flip, Deterministic: true})},
		{"a set by steps as a whole", at("set.npy"), set(members, at("set.npy"), convert.SetOptions{Operate: flip})},
		{"what is known of members", "", func() error {
			f, err := convert.Open(ctx, made, nil)
			if err != nil {
				return err
			}
			defer f.Close()
			x, err := f.Tensor("members")
			if err != nil {
				return err
			}
			m, err := convert.MembersOf(ctx, x)
			if err == nil && (len(m.Files) != 3 || len(m.Labels) != 3 || len(m.Classes) != 1 || m.Classes[0] != "folder") {
				t.Errorf("members %+v", m)
			}
			return err
		}},
		{"an object of a set", "frail://set.tensor", set(members, "frail://set.tensor", convert.SetOptions{})},
	} {
		failed := 0
		for n := 1; ; n++ {
			f.reset(n)
			err := c.run()
			done := f.unbroken()
			f.reset(1 << 30)
			if done {
				if err != nil {
					t.Errorf("%s: %v", c.what, err)
				} else if c.out != "" && len(hashes(t, c.out)) == 0 {
					t.Errorf("%s: nothing in it", c.what)
				}
				break
			}
			if err != nil {
				failed++
				if !errors.Is(err, errFrail) {
					t.Errorf("%s, thing %d: %v", c.what, n, err)
				}
				if address := strings.HasPrefix(c.out, "frail:"); address && f.objects[c.out] != nil {
					t.Errorf("%s, thing %d: an object is there", c.what, n)
				} else if _, e := os.Stat(c.out); c.out != "" && !address && !errors.Is(e, os.ErrNotExist) {
					t.Errorf("%s, thing %d: a file is there, %v", c.what, n, e)
				}
			}
			delete(f.objects, c.out)
			if c.out != "" {
				os.Remove(c.out)
			}
			if n > 2000 {
				t.Fatalf("%s: without end", c.what)
			}
		}
		os.Remove(c.out)
		if failed < 3 {
			t.Errorf("%s failed %d times", c.what, failed)
		}
		total += failed
		list, err := os.ReadDir(dir)
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %v is left, %v", c.what, list, err)
		}
		// What was not committed is not there.
		same(t, c.what, hashes(t, base), hashes(t, "frail://base.tensor"))
	}
	t.Log(fmt.Sprint(total, " faults"))
}
