package gpu

import (
	"context"
	"errors"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// What is fed has been read and decoded, and the device has seen nothing of it.
func TestFeed(t *testing.T) {
	const n = 90_001
	path := write(t, func(w *tensorfile.Writer) {
		ctx := context.Background()
		ok(t, w.Add(ctx, "raw", sample(t, 1, tensor.U8, n), nil))
		ok(t, w.Add(ctx, "packed", sample(t, 2, tensor.I16, n), &tensorfile.TensorOptions{Codec: "zstd:1", Chunk: tensor.Shape{5000}}))
	})
	each(t, func(t *testing.T, d *Device, u *Uploader) {
		f := must(tensorfile.Open(path, nil))(t)
		defer func() { ok(t, f.Close()) }()
		raw, packed := FromTensor(must(f.Tensor("raw"))(t)), FromTensor(must(f.Tensor("packed"))(t))
		before, _, err := d.Memory()
		ok(t, err)
		s := must(u.Feed(context.Background(), raw, packed, FromView(sample(t, 3, tensor.U8, 800))))(t)
		after, _, err := d.Memory()
		ok(t, err)
		if s.Bytes != 3*n+800 || s.Cached != n || s.Decoded != 2*n || s.Memory != 800 || s.Wire != 0 || s.Copies != 0 || after != before {
			t.Errorf("%+v, %d bytes of the device", s, before-after)
		}
		// Errors are those of the source, and what was cancelled does not begin.
		ended, end := context.WithCancel(context.Background())
		end()
		if _, err := u.Feed(ended, raw); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		_, err = u.Feed(context.Background(), Source{})
		wantKind(t, err, tensor.ErrShape, "source")
	})
}
