package gguf_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// FuzzRead opens any bytes. What opens and can be written is the same when it is
// read again.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.gguf"))
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 16<<10 {
			f.Add(b)
		}
	}
	format, _ := convert.ByName("gguf")
	f.Fuzz(func(t *testing.T, b []byte) {
		o := &convert.OpenOptions{Format: "gguf"}
		o.MaxBytes = 1 << 20
		kind := func(err error) {
			t.Helper()
			var te *tensor.Error
			if err != nil && (!errors.As(err, &te) || te.Kind == nil) {
				t.Fatalf("%v is no Error", err)
			}
		}
		in, err := convert.OpenMap(context.Background(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "x.gguf"), o)
		if kind(err); err != nil {
			return
		}
		defer in.Close()
		var src []convert.Source
		for x, err := range in.Tensors() {
			if kind(err); err != nil {
				return
			}
			if x.ByteSize() > 1<<20 {
				return
			}
			src = append(src, convert.Source{Tensor: x, As: x.Name()})
		}
		attrs, err := in.Attrs()
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := format.Write(context.Background(), &out, src, &convert.WriteOptions{Attrs: attrs}); err != nil {
			kind(err)
			return
		}
		again, err := convert.OpenMap(context.Background(), mmap.NewReaderAt(bytes.NewReader(out.Bytes()), int64(out.Len()), "x.gguf"), o)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		for _, s := range src {
			y, err := again.Tensor(s.As)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, composite := y.Composite(); !composite && y.DType() != s.DType() {
				t.Fatalf("%q became %v", s.As, y.DType())
			}
		}
	})
}
