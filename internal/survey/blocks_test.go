package survey

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// Whatever the pieces that a stream comes in, the views that a feeder makes of
// them are the tensor, in order.
func TestFeeder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		d     tensor.DType
		shape tensor.Shape
	}{
		{tensor.F32, tensor.Shape{1000, 333}}, {tensor.U8, tensor.Shape{600_001}}, {tensor.C128, tensor.Shape{}}, {tensor.Text(7), tensor.Shape{50_000, 3}},
		{tensor.I4, tensor.Shape{3000, 301}}, {tensor.I4, tensor.Shape{3, 1_000_001}}, {tensor.F6E2M3, tensor.Shape{5, 7, 999}}, {tensor.Bool1, tensor.Shape{2, 9_000_003}},
		{tensor.Opaque(300_000), tensor.Shape{4}},
	} {
		v, err := tensor.Make(c.d, c.shape)
		if err != nil {
			t.Fatal(err)
		}
		image, _ := v.Bytes()
		for i := range image {
			image[i] = byte(i * 7)
		}
		var got bytes.Buffer
		elements := int64(0)
		f := &feeder{dtype: c.d, shape: c.shape, fn: func(v tensor.View) error {
			elements += v.NumElements()
			b, err := v.Bytes()
			got.Write(b)
			return err
		}}
		if err := f.begin(); err != nil {
			t.Fatal(err)
		}
		for rest := image; len(rest) > 0; {
			n := min(1+r.IntN(1<<r.IntN(20)), len(rest))
			if m, err := f.Write(rest[:n]); m != n || err != nil {
				t.Fatal(m, err)
			}
			rest = rest[n:]
		}
		if err := f.flush(); err != nil {
			t.Fatal(err)
		}
		if want, _ := c.shape.NumElements(); elements != want || !bytes.Equal(got.Bytes(), image) {
			t.Errorf("%v %v: %d elements of %d, bytes equal: %v", c.d, c.shape, elements, want, bytes.Equal(got.Bytes(), image))
		}
	}
}
