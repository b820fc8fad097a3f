package safetensors_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// FuzzRead opens any bytes. What opens encoding/json understands as we do; it is
// written and read again as the same.
func FuzzRead(f *testing.F) {
	for _, pattern := range []string{"f*.safetensors", "d*.safetensors"} {
		files, err := filepath.Glob(filepath.Join("testdata", pattern))
		if err != nil || len(files) == 0 {
			f.Fatal(files, err)
		}
		for _, path := range files {
			b, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	format, _ := convert.ByName("safetensors")
	f.Fuzz(func(t *testing.T, b []byte) {
		o := &convert.OpenOptions{}
		o.MaxBytes = 1 << 20
		in, err := openBytes(b, o)
		if err != nil {
			var te *tensor.Error
			if !errors.As(err, &te) || te.Kind == nil {
				t.Fatalf("%v is no tensor.Error", err)
			}
			return
		}
		defer in.Close()
		var twin map[string]json.RawMessage
		size := int(b[0]) | int(b[1])<<8 | int(b[2])<<16 | int(b[3])<<24
		if err := json.Unmarshal(b[8:8+size], &twin); err != nil {
			t.Fatalf("read what encoding/json refuses: %v", err)
		}
		sums := map[string][32]byte{}
		var src []convert.Source
		for x, err := range in.Tensors() {
			if err != nil {
				t.Fatal(err)
			}
			if raw, ok := twin[x.Name()]; ok {
				var info struct {
					Shape []int64 `json:"shape"`
				}
				if err := json.Unmarshal(raw, &info); err != nil || !x.Shape().Equal(tensor.Shape(info.Shape)) {
					t.Fatalf("%q is %v, encoding/json reads %v, %v", x.Name(), x.Shape(), info.Shape, err)
				}
			}
			sums[x.Name()] = sha256.Sum256(elements(t, x))
			src = append(src, convert.Source{Tensor: x, As: x.Name()})
		}
		attrs, err := in.Attrs()
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := format.Write(context.Background(), &out, src, &convert.WriteOptions{Attrs: attrs}); err != nil {
			t.Fatal(err)
		}
		again, err := openBytes(out.Bytes(), o)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if n, _ := again.Len(); n != len(sums) {
			t.Fatalf("%d tensors became %d", len(sums), n)
		}
		for name, sum := range sums {
			x, err := again.Tensor(name)
			if err != nil || sha256.Sum256(elements(t, x)) != sum {
				t.Fatalf("%q became another, %v", name, err)
			}
		}
	})
}
