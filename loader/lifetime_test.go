package loader_test

import (
	"bytes"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/loader"
	"github.com/tensorfile/tensorfile/tensor"
)

// A batch that was kept stays what it was, and may be written to.
func TestKeep(t *testing.T) {
	v := made(t, 1, tensor.U8, 300, 40)
	x := store(t, v, 0, ways[0])
	l := must(loader.New(&loader.Options{Batch: 10, Shuffle: true, Prefetch: 1}, loader.Source{Tensor: x}))(t)
	list := take(t, l, -1)
	for _, d := range list {
		same(t, d.String(), d.views[0], pick(t, v, 0, d.samples))
		clear(must(d.views[0].Bytes())(t))
	}
	if len(list) != 30 {
		t.Errorf("%d batches", len(list))
	}
}

// A late use is caught in the invariants build: a touch of the memory faults or
// finds nothing of a batch, a call panics. In other builds the memory is a later
// batch's.
func TestLateUse(t *testing.T) {
	v := made(t, 1, tensor.U8, 300, 4000)
	x := store(t, v, 0, ways[0])
	l := must(loader.New(&loader.Options{Batch: 10, Prefetch: 1}, loader.Source{Tensor: x}))(t)
	var last loader.Batch
	var mem []byte
	addresses := map[*byte]bool{}
	n := 0
	for b, err := range l.Batches(ctx) {
		ok(t, err)
		last, mem = b, must(b.Views[0].Bytes())(t)
		addresses[&mem[0]] = true
		n++
	}
	if !loader.Checked {
		if len(addresses) > 3 {
			t.Errorf("%d batches in %d pieces of memory", n, len(addresses))
		}
		return
	}
	caught := func(what, want string, fn func()) {
		t.Helper()
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		defer func() {
			got := ""
			switch r := recover().(type) {
			case string:
				got = r
			case error:
				got = r.Error()
			}
			if !strings.Contains(got, want) {
				t.Errorf("%s: got %q", what, got)
			}
		}()
		fn()
	}
	caught("Keep", "Batch.Keep of batch 29 of epoch 0 after its iteration", last.Keep)
	if last.Samples[0] != -1 || last.Views[0].NumElements() != 0 {
		t.Errorf("samples %v, %d elements", last.Samples, last.Views[0].NumElements())
	}
	if loader.Faults {
		caught("memory", "invalid memory address", func() { t.Error("read ", bytes.Count(mem, []byte{1})) })
	} else if bytes.Count(mem, []byte{0xA5}) != len(mem) {
		t.Error("memory keeps what it had")
	}
}
