package tensorfile_test

import (
	"context"
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
