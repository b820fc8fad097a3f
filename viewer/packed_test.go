package viewer

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// Elements of less than a byte are the numbers that their bits stand for.
func TestPackedElements(t *testing.T) {
	const h, w = 5, 16
	small := []float32{0, 0.5, 1, 1.5, 2, 3, 4, 6} // e2m1, without its sign
	for _, c := range []struct {
		name string
		d    tensor.DType
		at   func(b []byte, k int) float32 // element k of a row
	}{
		{"bits", tensor.Bool1, func(b []byte, k int) float32 { return float32(b[k/8] >> (k % 8) & 1) }},
		{"nibbles", tensor.U4, func(b []byte, k int) float32 { return float32(b[k/2] >> (4 * (k % 2)) & 15) }},
		{"signed", tensor.I4, func(b []byte, k int) float32 { return float32(int8(b[k/2]>>(4*(k%2))<<4) >> 4) }},
		{"floats", tensor.F4E2M1, func(b []byte, k int) float32 {
			n := b[k/2] >> (4 * (k % 2)) & 15
			if n >= 8 {
				return -small[n-8]
			}
			return small[n]
		}},
	} {
		v, err := tensor.Make(c.d, tensor.Shape{h, w})
		ok(t, err)
		b := v.Span()
		for i := range b {
			b[i] = byte(i*i*37 + 11*i)
		}
		path := write(t, filepath.Join(t.TempDir(), "p.tensor"), func(f *tensorfile.Writer) { ok(t, f.Add(ctx, c.name, v, nil)) })
		row := len(b) / h
		got, _ := raw[float32](show(t, nil, path), "tile", "t="+c.name)
		if len(got) != h*w {
			t.Fatalf("%s: %d cells", c.name, len(got))
		}
		for i, x := range got {
			if want := c.at(b[i/w*row:], i%w); x != want {
				t.Errorf("%s [%d, %d]: %v, want %v", c.name, i/w, i%w, x, want)
			}
		}
	}
}

// Tensors are listed by how many times larger they are than what is stored, nothing at
// all first.
func TestSortByRatio(t *testing.T) {
	wide, err := slice(t, []float32{7}, 1).BroadcastTo(tensor.Shape{100})
	ok(t, err)
	path := write(t, filepath.Join(t.TempDir(), "r.tensor"), func(f *tensorfile.Writer) {
		ok(t, f.Add(ctx, "a wide", wide, nil))
		ok(t, f.Add(ctx, "b plain", slice(t, []float32{1, 2, 3}), nil))
		ok(t, f.Add(ctx, "c none", slice(t, []float32{}), nil))
	})
	s := show(t, nil, path)
	s.ready()
	var got []string
	for _, row := range s.doc("tensors", "sort=ratio")["rows"].([]any) {
		got = append(got, row.(object)["name"].(string))
	}
	if want := []string{"c none", "b plain", "a wide"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
