package survey

import (
	"bytes"
	"context"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/tensor"
)

// What is picked of blocks of ggml are the numbers of the whole tensor at the same
// places, however they are picked.
func TestBlocks(t *testing.T) {
	ctx := context.Background()
	d, ok := tensor.Block(8) // q8_0
	if !ok {
		t.Fatal("there is no q8_0")
	}
	const a, b, c = 3, 5, 96
	v, err := tensor.Make(d, tensor.Shape{a, b, c})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 1))
	for i, s := 0, v.Span(); i < len(s); i++ {
		if s[i] = byte(r.Uint32()); i%34 == 1 {
			s[i] = 0x38 + byte(r.IntN(4)) // the scale is finite
		}
	}
	path := filepath.Join(t.TempDir(), "b.tensor")
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for name, o := range map[string]*tensorfile.TensorOptions{"raw": nil, "chunks": {Chunk: tensor.Shape{2, 2, 64}, Codec: "zstd"}} {
		if err := w.Add(ctx, name, v, o); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	whole, err := tensor.Make(tensor.F32, v.Shape())
	if err != nil {
		t.Fatal(err)
	}
	if err := quant.DequantiseBlocks(ctx, whole, v, 1); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"raw", "chunks"} {
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"", "...", "1", "1, 2, 3", "1, 2, 95", ":, :, 40", "2:0:-1, ::2", "..., ::-1", "..., 70:10:-7", "..., 33:34", "0, None, 1:4, 31:65:3", "..., 5:5", "-1, ..., -1:-40:-1"} {
			p := Pick{Tensor: x, Blocks: true}
			want := whole
			if text != "" {
				if p.Sel, err = tensor.ParseSelection(text); err != nil {
					t.Fatal(err)
				}
				if want, err = whole.Select(p.Sel); err != nil {
					t.Fatal(err)
				}
			}
			var got, expected bytes.Buffer
			if err := InOrder(ctx, p, func(v tensor.View) error { return v.WriteCOrder(&got, tensor.LittleEndian) }); err != nil {
				t.Errorf("%s[%s]: %v", name, text, err)
				continue
			}
			if err := want.WriteCOrder(&expected, tensor.LittleEndian); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), expected.Bytes()) {
				t.Errorf("%s[%s] is something else", name, text)
			}
		}
		d, err := Describe(ctx, Pick{Tensor: x, Blocks: true}, &StatsOptions{Bins: 4, Jobs: 2})
		if err != nil || d.Acc == nil || d.Sum.Count != a*b*c || d.Hist == nil {
			t.Errorf("%s: %+v %v", name, d, err)
		}
		if d, err = Describe(ctx, Pick{Tensor: x}, &StatsOptions{}); err != nil || d.Acc != nil {
			t.Errorf("%s is described as numbers, without being asked: %v", name, err)
		}
	}
}
