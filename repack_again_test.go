package tensorfile_test

import (
	"fmt"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// A storage that no name reached for some generations, so that its record was
// merged away, and that a revert names again, is whole in a repack that keeps
// them all.
func TestRepackNamedAgain(t *testing.T) {
	path := temp(t)
	data := func(i int) tensor.View { return must(tensor.FromSlice([]int32{int32(i), 2, 3}))(t) }
	write(t, path, func(w *tensorfile.Writer) { ok(t, w.Add(ctx, "a", data(0), nil)) })
	w := must(tensorfile.OpenAppend(path, nil))(t)
	for i := range 4 {
		ok(t, w.Delete("a"))
		for j := range 3 {
			ok(t, w.Add(ctx, fmt.Sprint("b", i, j), data(j), nil))
		}
		ok(t, w.Commit(ctx))
		ok(t, w.Revert(1))
		ok(t, w.Commit(ctx))
	}
	ok(t, w.Close())
	f := must(tensorfile.Open(path, nil))(t)
	res := must(tensorfile.Repack(ctx, f, path, &tensorfile.RepackOptions{KeepAll: true}))(t)
	ok(t, f.Close())
	if len(res.Generations) != 9 || res.Storages != 13 {
		t.Errorf("%+v", res)
	}
	for _, g := range res.Generations {
		f := must(tensorfile.Open(path, &tensorfile.OpenOptions{Generation: g, Verify: tensorfile.VerifyOnFirstUse}))(t)
		n := 0
		for x, err := range f.Tensors() {
			ok(t, err)
			must(x.Read(ctx))(t)
			n++
			if x.Name() == "a" {
				sameView(t, "a", must(x.View())(t), data(0))
			}
		}
		if want := 1 + int(1-g%2)*2; n != want {
			t.Errorf("generation %d has %d tensors, want %d", g, n, want)
		}
		if r := must(f.Verify(ctx, nil))(t); !r.OK() {
			t.Error(g, r.Findings)
		}
		ok(t, f.Close())
	}
}
