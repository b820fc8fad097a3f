package compare_test

import (
	"bytes"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/compare"
	"github.com/tensorfile/tensorfile/tensor"
)

// Tensors in chunks compare as plain ones do, whatever their chunks.
func TestChunks(t *testing.T) {
	shape := tensor.Shape{37, 29, 11}
	v, err := tensor.Make(tensor.I32, shape)
	ok(t, err)
	for i, b := 0, v.Span(); i < len(b); i++ {
		b[i] = byte(i / 64)
	}
	other, err := v.Clone()
	ok(t, err)
	other.Span()[4*(5*29*11+7*11+3)]++
	file := func(v tensor.View, o *tensorfile.TensorOptions) *tensorfile.Tensor {
		var out bytes.Buffer
		w, err := tensorfile.NewWriter(&out, nil)
		ok(t, err)
		ok(t, w.Add(ctx, "x", v, o))
		ok(t, w.Commit(ctx))
		f, err := tensorfile.OpenReaderAt(bytes.NewReader(out.Bytes()), int64(out.Len()), nil)
		ok(t, err)
		t.Cleanup(func() { f.Close() })
		x, err := f.Tensor("x")
		ok(t, err)
		return x
	}
	for _, chunk := range []tensor.Shape{nil, {1, 1, 1}, {8, 8, 8}, {37, 1, 11}, {100, 100, 100}} {
		o := &tensorfile.TensorOptions{Chunk: chunk, Codec: "zstd"}
		for _, pair := range [][2]*tensorfile.Tensor{{file(v, o), file(other, nil)}, {file(v, nil), file(other, o)}, {file(v, o), file(other, &tensorfile.TensorOptions{Chunk: tensor.Shape{5, 4, 3}})}} {
			r, err := compare.Tensors(ctx, pair[0], pair[1], nil)
			ok(t, err)
			if r.Status != compare.Different || r.Different != 1 || r.Elements != 37*29*11 || len(r.First) != 3 || r.First[0] != 5 || r.First[1] != 7 || r.First[2] != 3 {
				t.Errorf("%v: %+v", chunk, r)
			}
			if r, err = compare.Tensors(ctx, pair[0], pair[0], nil); err != nil || !r.Same() {
				t.Errorf("%v: %+v, %v", chunk, r, err)
			}
		}
	}
}
