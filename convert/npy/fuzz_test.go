package npy_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// FuzzLayout opens any bytes as a .npy and a .npz, reads what opens, writes it
// and reads that: the same tensors with the same bytes.
func FuzzLayout(f *testing.F) {
	for _, ext := range []string{"npy", "npz"} {
		paths, err := filepath.Glob(filepath.Join(goldens, "*."+ext))
		if err != nil || len(paths) < 5 {
			f.Fatal(len(paths), err)
		}
		for _, p := range paths {
			b, err := os.ReadFile(p)
			if err != nil {
				f.Fatal(err)
			}
			if len(b) < 8192 {
				f.Add(b, ext == "npz", false)
				f.Add(b, ext == "npz", true)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, npz, bf16 bool) {
		o := &convert.OpenOptions{Format: "npy"}
		if npz {
			o.Format = "npz"
		}
		if bf16 {
			o.Void2 = tensor.BF16
		}
		o.MaxBytes = 16 << 20
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		file, err := openBytes(b, "x", o)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 32<<20+4*uint64(len(b)) {
			t.Fatalf("opening %d bytes allocated %d", len(b), n)
		}
		if err != nil {
			var te *tensor.Error
			if !errors.As(err, &te) || te.Kind == nil {
				t.Fatalf("%v is no tensor.Error", err)
			}
			return
		}
		defer file.Close()
		var total int64
		var src []convert.Source
		for _, x := range all(t, file) {
			total += x.ByteSize()
			src = append(src, convert.Source{Tensor: x, As: x.Name()})
		}
		if total > 4<<20 {
			return
		}
		sums := map[string]string{}
		for _, x := range src {
			if err := x.WriteCOrder(context.Background(), io.Discard); err != nil {
				var te *tensor.Error
				if !errors.As(err, &te) || te.Kind == nil {
					t.Fatalf("%v is no tensor.Error", err)
				}
				return // damage that shows on reading
			}
			sums[x.As] = sum(t, x.Tensor)
		}
		format, _ := convert.ByName(o.Format)
		var buf bytes.Buffer
		if err := format.Write(context.Background(), &buf, src, nil); err != nil {
			// A name that must not become a path, or too many tensors.
			if !errors.Is(err, tensor.ErrPath) && !errors.Is(err, tensor.ErrDuplicate) {
				t.Fatal(err)
			}
			return
		}
		again, err := openBytes(buf.Bytes(), "x", o)
		if err != nil {
			if errors.Is(err, tensor.ErrLimit) {
				return // the spaces that NumPy puts into a header can pass its own limit
			}
			t.Fatal(err)
		}
		defer again.Close()
		for _, x := range all(t, again) {
			if got := sum(t, x); got != sums[x.Name()] {
				t.Fatalf("%q has other bytes after writing and reading", x.Name())
			}
			delete(sums, x.Name())
		}
		if len(sums) != 0 {
			t.Fatalf("lost by writing: %v", sums)
		}
	})
}
