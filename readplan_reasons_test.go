package tensorfile_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// A plan says why a read goes as it goes, and reads nothing.
func TestReasonsOfPlans(t *testing.T) {
	defer tensorfile.SmallReads()()
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) {
		id := must(w.AddStorage(ctx, 100_000, bytes.NewReader(someNoise(100_000))))(t)
		ok(t, w.TensorOn(id, "whole", tensor.U8, tensor.Shape{100_000}, nil, 0, nil))
		ok(t, w.TensorOn(id, "again", tensor.U8, tensor.Shape{3, 100_000}, tensor.Strides{0, 1}, 0, nil))
		ok(t, w.TensorOn(id, "apart", tensor.U8, tensor.Shape{100, 100}, tensor.Strides{1000, 1}, 0, nil))
		ok(t, w.Add(ctx, "none", must(tensor.Make(tensor.U8, tensor.Shape{0, 3}))(t), nil))
		ok(t, w.Add(ctx, "chunks", must(tensor.FromSlice(someNoise(5000)))(t), &tensorfile.TensorOptions{Chunk: tensor.Shape{1000}}))
	})
	f := opened(t, path, nil)
	for _, c := range []struct {
		name   string
		mode   tensorfile.ReadMode
		bytes  int64
		span   int64
		reason string
	}{
		{"none", tensorfile.ReadAuto, 0, 0, "there are no elements"},
		{"chunks", tensorfile.ReadDecoded, 5000, 0, "the storage is "},
		{"again", tensorfile.ReadMapped, 300_000, 100_000, "; elements are repeated"},
		{"apart", tensorfile.ReadMapped, 10_000, 99_100, "; elements lie apart"},
	} {
		p := must(must(f.Tensor(c.name))(t).PlanRead())(t)
		if p.Mode != c.mode || p.Bytes != c.bytes || p.Span != c.span || !strings.Contains(p.Reason, c.reason) || p.Resident != -1 {
			t.Errorf("%s: %+v, want %v of %d bytes in %d, %q", c.name, p, c.mode, c.bytes, c.span, c.reason)
		}
	}
	x := must(f.Tensor("whole"))(t)
	_, err := x.PlanRead(tensor.Selection{{Kind: tensor.SelectIndex, Start: 100_000}})
	wantErr(t, err, tensorfile.ErrIndex, "whole")
	ok(t, f.Close())
	_, err = x.PlanRead()
	wantErr(t, err, tensorfile.ErrClosed)
	for m, want := range map[tensorfile.ReadMode]string{tensorfile.ReadAuto: "auto", tensorfile.ReadDirect: "direct", tensorfile.ReadDecoded: "decoded", -1: "unknown", tensorfile.ReadDecoded + 1: "unknown"} {
		if got := m.String(); got != want {
			t.Errorf("mode %d is %q, want %q", int(m), got, want)
		}
	}
}

// A quick verification reads no payload, a sample of next to nothing no block, and
// one of all of it every block.
func TestVerifySamples(t *testing.T) {
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) {
		put(t, w, "plain", someNoise(3<<20))
		ok(t, w.Add(ctx, "chunks", must(tensor.FromSlice(someNoise(5000)))(t), &tensorfile.TensorOptions{Chunk: tensor.Shape{1000}}))
	})
	f := opened(t, path, nil)
	blocks := func(o tensorfile.VerifyOptions) int64 {
		r := must(f.Verify(ctx, &o))(t)
		if !r.OK() {
			t.Errorf("%+v: %v", o, r.Findings)
		}
		return int64(r.Blocks)
	}
	all := blocks(tensorfile.VerifyOptions{})
	if quick, few, most := blocks(tensorfile.VerifyOptions{Quick: true}), blocks(tensorfile.VerifyOptions{Sample: 1e-12}), blocks(tensorfile.VerifyOptions{Sample: 1}); all < 8 || quick != 0 || few != 0 || most != all {
		t.Errorf("%d blocks, %d of a quick look, %d and %d of samples", all, quick, few, most)
	}
}
