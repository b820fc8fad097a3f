package tensorfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// threeCommits is a small file with history: something replaced, something
// deleted, something renamed, attributes changed.
func threeCommits(t testing.TB, path string) {
	t.Helper()
	do := mustNoErr(t)
	write(t, path, func(w *tensorfile.Writer) {
		do(w.SetAttrs(tensorfile.Attrs{"v": int64(1)}))
		put(t, w, "a", []byte("first of a"))
		put(t, w, "b", []byte("b that goes away"))
		do(w.Add(ctx, "c", must(tensor.FromSlice([]float32{1, 2, 3}))(t), nil))
	})
	edit(t, path, func(w *tensorfile.Writer) {
		put(t, w, "a", []byte("second of a, longer"))
		do(w.Delete("b"))
	})
	edit(t, path, func(w *tensorfile.Writer) {
		do(w.Rename("c", "d"))
		do(w.SetTensorAttrs("a", tensorfile.Attrs{"unit": "m"}))
	})
}

// Verify finds any one changed byte of a file with history, as it was edited
// and as a repack keeps it.
func TestVerifyFindsEveryByteOfHistory(t *testing.T) {
	path := temp(t)
	threeCommits(t, path)
	kept := filepath.Join(t.TempDir(), "kept")
	repack(t, path, kept, &tensorfile.RepackOptions{KeepAll: true})
	for i, path := range []string{path, kept} {
		step := []int{1, 7}[i]
		if testing.Short() {
			step = 11
		}
		b := must(os.ReadFile(path))(t)
		if bad, err := damaged(b); bad {
			t.Fatalf("the whole file: %v", err)
		}
		var missed atomic.Int64
		eachChange(b, len(b)/step, func(b []byte, i int) {
			at := i * step
			flip := byte(0xff)
			if at%3 == 0 {
				flip = 1 << (at % 8)
			}
			b[at] ^= flip
			bad, err := damaged(b)
			b[at] ^= flip
			if bad {
				typed(t, fmt.Sprintf("byte %d", at), err)
			} else if missed.Add(1) < 20 {
				t.Errorf("%s: byte %d ^ %#02x is not found", filepath.Base(path), at, flip)
			}
		})
		t.Logf("%d bytes, %d changes not found", len(b), missed.Load())
	}
}
