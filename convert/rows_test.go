package convert_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// However inputs are read and in however many pieces, the rows are those of the
// inputs, one behind the other.
func TestRowsInPieces(t *testing.T) {
	defer convert.SetPiece(4 << 10)()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for i, n := range []int64{700, 1, 2500} {
		w, err := tensorfile.Create(at(fmt.Sprintf("in%d.tensor", i)), &tensorfile.CreateOptions{NoSync: true})
		must(t, err)
		must(t, w.Add(ctx, "in", ramp(t, n, 5), nil))
		must(t, w.Commit(ctx))
		run(t, []string{at(fmt.Sprintf("in%d.tensor", i))}, at(fmt.Sprintf("in%d.npz", i)), convert.Options{NoSync: true})
	}
	before := ramp(t, 333, 5)
	want, err := before.Bytes()
	must(t, err)
	want = bytes.Clone(want)
	for _, n := range []int64{700, 1, 2500} {
		b, err := ramp(t, n, 5).Bytes()
		must(t, err)
		want = append(want, b...)
	}
	pieces := 0
	for _, c := range []struct {
		name   string
		o      *tensorfile.TensorOptions // of what is there
		store  []convert.Store
		noMmap bool
		ext    string
	}{
		{"raw", nil, nil, false, ".tensor"}, {"raw unmapped", nil, nil, true, ".tensor"}, {"raw npz", nil, []convert.Store{{Codec: "shuffle|lz4", Chunk: tensor.Shape{64, 5}}}, true, ".npz"},
		{"grid", &tensorfile.TensorOptions{Chunk: tensor.Shape{100, 2}, Codec: "planes"}, nil, false, ".npz"},
		{"grid unmapped", &tensorfile.TensorOptions{Chunk: tensor.Shape{64, 5}, Codec: "raw"}, nil, true, ".tensor"},
		{"auto", nil, []convert.Store{{Names: "x*", Codec: "auto"}}, true, ".tensor"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := at("m.tensor")
			w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true, Overwrite: true})
			must(t, err)
			must(t, w.Add(ctx, "x", before, c.o))
			must(t, w.Commit(ctx))
			e, err := tensorfile.OpenAppend(path, nil)
			must(t, err)
			defer e.Close()
			f, err := tensorfile.Open(path, nil)
			must(t, err)
			defer f.Close()
			calls := 0
			o := &convert.RowsOptions{Store: c.store, Progress: func(done, total int64) { calls++ }}
			o.Open.NoMmap = c.noMmap
			r, err := convert.AppendRows(ctx, e, f, "x", []string{at("in0" + c.ext), at("in1" + c.ext), at("in2" + c.ext)}, o)
			must(t, err)
			must(t, e.Commit(ctx))
			pieces += calls
			if r.Rows != 3201 || !r.Shape.Equal(tensor.Shape{3534, 5}) || r.Rewritten != (c.o == nil) || r.Bytes != 3201*20 || r.Chunks == 0 {
				t.Errorf("%+v", r)
			}
			g, err := tensorfile.Open(path, &tensorfile.OpenOptions{Verify: tensorfile.VerifyOnFirstUse})
			must(t, err)
			defer g.Close()
			x, err := g.Tensor("x")
			must(t, err)
			v, err := x.Read(ctx)
			must(t, err)
			if b, err := v.Bytes(); err != nil || !bytes.Equal(b, want) {
				t.Errorf("%v: other rows", err)
			}
			rep, err := g.Verify(ctx, nil)
			must(t, err)
			if len(rep.Findings) > 0 {
				t.Error(rep.Findings)
			}
		})
	}
	t.Logf("%d pieces", pieces)
	if pieces < 40 {
		t.Error("too few pieces")
	}
	// Nothing of a refused append is written.
	b, err := os.ReadFile(at("m.tensor"))
	must(t, err)
	e, err := tensorfile.OpenAppend(at("m.tensor"), nil)
	must(t, err)
	f, err := tensorfile.Open(at("m.tensor"), nil)
	must(t, err)
	defer f.Close()
	if _, err := convert.AppendRows(ctx, e, f, "x", []string{at("in0.tensor"), at("in1.npz")}, &convert.RowsOptions{Limit: 10}); err == nil {
		t.Error("no limit")
	}
	must(t, e.Close())
	if now, err := os.ReadFile(at("m.tensor")); err != nil || !bytes.Equal(now, b) {
		t.Error("the file changed", err)
	}
}
