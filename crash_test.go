package tensorfile_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/crashfs"
	"github.com/tensorfile/tensorfile/tensor"
)

// model is what a generation must hold: names and the bytes of the elements.
type model map[string][]byte

// ack is noted in the log when a commit was acknowledged, and begun before it.
type ack struct {
	generation uint64
	done       bool
}

// history drives a writer over a file system in memory and knows what every
// generation held.
type history struct {
	t     *testing.T
	fs    *crashfs.FS
	name  string
	now   model
	past  map[uint64]model // by generation
	begun uint64
	data  byte
}

func newHistory(t *testing.T) *history {
	return &history{t: t, fs: crashfs.New(), name: "dir/x.tensor", now: model{}, past: map[uint64]model{}}
}

func (h *history) fill(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		h.data = h.data*137 + 29 + byte(i>>8)
		b[i] = h.data | 1
	}
	return b
}

func (h *history) add(w *tensorfile.Writer, name string, n int, replace bool) {
	h.t.Helper()
	b := h.fill(n)
	v, err := tensor.FromSlice(b)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := w.Add(context.Background(), name, v, &tensorfile.TensorOptions{Replace: replace}); err != nil {
		h.t.Fatal(err)
	}
	h.now[name] = b
}

func (h *history) commit(w *tensorfile.Writer) {
	h.t.Helper()
	h.begun++
	m := model{}
	for k, v := range h.now {
		m[k] = v
	}
	h.past[h.begun] = m
	h.fs.Mark(ack{h.begun, false})
	if err := w.Commit(context.Background()); err != nil {
		h.t.Fatal(err)
	}
	h.fs.Mark(ack{h.begun, true})
}

func (h *history) create(names ...string) {
	h.t.Helper()
	w, err := tensorfile.Create(h.name, (&tensorfile.CreateOptions{}).On(h.fs))
	if err != nil {
		h.t.Fatal(err)
	}
	for i, n := range names {
		h.add(w, n, 40+i*1700, false)
	}
	h.commit(w)
	w.Close()
}

func (h *history) edit(fn func(w *tensorfile.Writer)) {
	h.t.Helper()
	w, err := tensorfile.OpenAppend(h.name, (&tensorfile.AppendOptions{}).On(h.fs))
	if err != nil {
		h.t.Fatal(err)
	}
	fn(w)
	if err := w.Close(); err != nil {
		h.t.Fatal(err)
	}
}

// check opens a state of the disk: it must hold the last acknowledged
// generation, or the one in commit, whole.
func (h *history) check(c crashfs.Crash) error {
	var acked, begun uint64
	for _, m := range c.Marks {
		if a := m.(ack); a.done {
			acked = a.generation
		} else {
			begun = a.generation
		}
	}
	b, ok := c.Files[h.name]
	if !ok {
		if acked > 0 {
			return fmt.Errorf("the file is gone, generation %d was acknowledged", acked)
		}
		return nil
	}
	f, err := tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), &tensorfile.OpenOptions{Verify: tensorfile.VerifyOnFirstUse})
	if err != nil {
		return err
	}
	defer f.Close()
	g := f.Info().Generation
	if g < acked || g > begun {
		return fmt.Errorf("generation %d, acknowledged %d, begun %d", g, acked, begun)
	}
	want := h.past[g]
	n := 0
	for t, err := range f.Tensors() {
		if err != nil {
			return err
		}
		v, err := t.Read(context.Background())
		if err != nil {
			return err
		}
		got, err := v.Bytes()
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want[t.Name()]) {
			return fmt.Errorf("generation %d: tensor %q has other bytes", g, t.Name())
		}
		n++
	}
	if n != len(want) {
		return fmt.Errorf("generation %d: %d tensors, want %d", g, n, len(want))
	}
	return nil
}

// scenarios are short lives of a file.
var scenarios = map[string]func(h *history){
	"create": func(h *history) { h.create("a", "b") },
	"append": func(h *history) {
		h.create("a")
		h.edit(func(w *tensorfile.Writer) {
			h.add(w, "b", 5000, false)
			h.commit(w)
			h.add(w, "c", 100, false)
			h.commit(w)
		})
		h.edit(func(w *tensorfile.Writer) {
			h.add(w, "a", 3000, true)
			h.commit(w)
		})
	},
	"edit": func(h *history) {
		h.create("a", "b", "c")
		h.edit(func(w *tensorfile.Writer) {
			if err := w.Delete("b"); err != nil {
				h.t.Fatal(err)
			}
			delete(h.now, "b")
			h.commit(w)
			if err := w.Rename("c", "d"); err != nil {
				h.t.Fatal(err)
			}
			h.now["d"] = h.now["c"]
			delete(h.now, "c")
			if err := w.CopyTensor("a", "e"); err != nil {
				h.t.Fatal(err)
			}
			h.now["e"] = h.now["a"]
			h.commit(w)
			if err := w.Revert(1); err != nil {
				h.t.Fatal(err)
			}
			h.now = model{}
			for k, v := range h.past[1] {
				h.now[k] = v
			}
			h.commit(w)
		})
	},
	"abandon": func(h *history) {
		h.create("a")
		h.edit(func(w *tensorfile.Writer) {
			b := h.fill(9000)
			v, _ := tensor.FromSlice(b)
			if err := w.Add(context.Background(), "lost", v, nil); err != nil {
				h.t.Fatal(err)
			}
		})
		h.edit(func(w *tensorfile.Writer) {
			h.add(w, "b", 20, false)
			h.commit(w)
		})
	},
}

func TestCrashes(t *testing.T) {
	limit := 0
	if testing.Short() {
		limit = 4000
	}
	total := 0
	for name, run := range scenarios {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			run(h)
			// What is on the disk now is what was meant.
			if err := h.check(crashfs.Crash{Files: map[string][]byte{h.name: h.fs.Files()[h.name]}, Marks: []any{ack{h.begun, false}, ack{h.begun, true}}}); err != nil {
				t.Fatal(err)
			}
			bad := 0
			stats := h.fs.Crashes(nil, crashfs.Options{Max: limit}, func(c crashfs.Crash) bool {
				if err := h.check(c); err != nil {
					t.Errorf("before operation %d, %s: %v", c.Op, c.What(), err)
					bad++
				}
				return bad < 5
			})
			t.Logf("%d states, %d distinct", stats.States, stats.Distinct)
			total += stats.Distinct
		})
	}
	t.Logf("%d distinct states", total)
}

// After a crash the next append goes on from what counts.
func TestAppendAfterCrash(t *testing.T) {
	h := newHistory(t)
	scenarios["append"](h)
	i := 0
	h.fs.Crashes(nil, crashfs.Options{}, func(c crashfs.Crash) bool {
		if i++; i%37 != 0 || c.Files[h.name] == nil {
			return true
		}
		fs := crashfs.From(map[string][]byte{h.name: c.Files[h.name]})
		w, err := tensorfile.OpenAppend(h.name, (&tensorfile.AppendOptions{}).On(fs))
		if err != nil {
			t.Fatalf("%s: %v", c.What(), err)
		}
		v, _ := tensor.FromSlice([]int32{1, 2, 3})
		if err := w.Add(context.Background(), "after", v, nil); err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(context.Background()); err != nil {
			t.Fatal(err)
		}
		w.Close()
		b := fs.Files()[h.name]
		f, err := tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil)
		if err != nil {
			t.Fatalf("%s: %v", c.What(), err)
		}
		defer f.Close()
		if _, err := f.Tensor("after"); err != nil {
			t.Fatal(err)
		}
		r, err := f.Verify(context.Background(), nil)
		if err != nil || !r.OK() {
			t.Fatalf("%s: %v %v", c.What(), err, r.Findings)
		}
		return i < 37*400
	})
}
