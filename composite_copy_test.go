package tensorfile_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/tensor"
)

// Composites go from file to file with all their parts, as they are stored or
// stored anew, and what shares its bytes goes on sharing them.
func TestCompositesAreCopied(t *testing.T) {
	small := smallComposites(t)
	for _, o := range []*tensorfile.TensorOptions{nil, {Chunk: tensor.Shape{2}, Codec: "zstd"}} {
		path := writtenComposites(t, small, o)
		e := must(tensorfile.OpenAppend(path, nil))(t)
		ok(t, e.CopyTensor("csr", "twin"))
		ok(t, e.SetTensorAttrs("csr", tensorfile.Attrs{"unit": "m"}))
		ok(t, e.Commit(ctx))
		ok(t, e.Close())
		f := opened(t, path, nil)
		for _, chunks := range []*tensorfile.TensorOptions{nil, {Codec: "none"}, {Chunk: tensor.Shape{1}, Codec: "lz4"}} {
			dst := filepath.Join(t.TempDir(), "copy.tensor")
			w := must(tensorfile.Create(dst, nil))(t)
			var items []tensorfile.Item
			for x, err := range f.Tensors() {
				ok(t, err)
				items = append(items, tensorfile.Item{Tensor: x, Name: "of " + x.Name(), Chunks: chunks})
			}
			ok(t, w.Copy(ctx, items...))
			if err := w.Copy(ctx, items[0]); !errors.Is(err, tensorfile.ErrDuplicate) {
				t.Errorf("twice: %v", err)
			}
			ok(t, w.Commit(ctx))
			g := opened(t, dst, nil)
			for name, want := range small {
				x := must(g.Tensor("of " + name))(t)
				sameComposite(t, name, must(x.ReadComposite(ctx))(t), want)
				if a, b := must(x.Hash(ctx))(t), must(must(f.Tensor(name))(t).Hash(ctx))(t); a != b {
					t.Errorf("%s: hash %v, was %v", name, a, b)
				}
			}
			id := func(name, role string) uint64 {
				return must(must(g.Tensor(name))(t).Part(role))(t).Storage().ID
			}
			if id("of csr", "indices") != id("of twin", "indices") {
				t.Error("the indices of twins are there twice")
			}
			if a := must(must(g.Tensor("of csr"))(t).Attrs())(t); a["unit"] != "m" {
				t.Error(a)
			}
			if kind := must(must(g.Tensor("of csr"))(t).Part("values"))(t).Storage().Kind; chunks != nil && (kind == tensorfile.StorageGrid) != (chunks.Chunk != nil) {
				t.Errorf("%+v: stored as %v", chunks, kind)
			}
			if rep := must(g.Verify(ctx, nil))(t); !rep.OK() {
				t.Error(rep.Findings)
			}
		}
	}
}

// A repack keeps composites, and stores their parts anew if it is asked to.
func TestCompositesAreRepacked(t *testing.T) {
	small := smallComposites(t)
	path := writtenComposites(t, small, nil)
	w := must(tensorfile.OpenAppend(path, nil))(t)
	must(w.AppendComposite(ctx, "csr", moreRows(t)["csr"][0], nil))(t)
	ok(t, w.Commit(ctx))
	ok(t, w.Close())
	small["csr"] = moreRows(t)["csr"][1]
	f := opened(t, path, nil)
	asked := map[string]bool{}
	for _, o := range []*tensorfile.RepackOptions{{}, {KeepAll: true}, {Recode: func(name string, d tensor.DType, s tensor.Shape) *tensorfile.TensorOptions {
		asked[name] = true
		return &tensorfile.TensorOptions{Chunk: tensor.Shape{2}, Codec: "lz4"}
	}}} {
		dst := filepath.Join(t.TempDir(), "packed.tensor")
		r := must(tensorfile.Repack(ctx, f, dst, o))(t)
		if r.Tensors != len(small) {
			t.Errorf("%d tensors", r.Tensors)
		}
		g := opened(t, dst, nil)
		for name, want := range small {
			x := must(g.Tensor(name))(t)
			sameComposite(t, name, must(x.ReadComposite(ctx))(t), want)
			if p := want.Part("values"); p != nil && o.Recode != nil {
				if kind := must(x.Part("values"))(t).Storage().Kind; kind != tensorfile.StorageGrid {
					t.Errorf("%s: values as %v", name, kind)
				}
			}
		}
		if rep := must(g.Verify(ctx, nil))(t); !rep.OK() {
			t.Error(rep.Findings)
		}
	}
	if len(asked) != len(small) || asked["csr\x00values"] {
		t.Error(asked)
	}
}

// A composite that only an older generation has is looked at, too.
func TestCompositesOfOlderGenerations(t *testing.T) {
	comp := forge.Tensor{Name: "m", Kind: 2, Layout: 2, DType: forge.U8, Shape: []uint64{4, 4}, Strides: []int64{0, 0}}
	gone := func(name string) forge.Tensor { return forge.Tensor{Name: name, Kind: forge.KindDeleted} }
	im := forge.Build(false, forge.Gen{
		Tensors:  []forge.Tensor{comp, u8("m\x00indices", 1, 3), u8("m\x00indptr", 1, 5), u8("m\x00values", 1, 3)},
		Storages: []forge.Storage{{ID: 1, Data: []byte{0, 1, 2, 3, 4}}},
	}, forge.Gen{Tensors: []forge.Tensor{gone("m"), gone("m\x00indices"), gone("m\x00indptr"), gone("m\x00values")}})
	f := must(openImage(im))(t)
	defer f.Close()
	rep := must(f.Verify(ctx, nil))(t)
	if rep.Tensors != 0 || len(rep.Findings) != 1 || !isRule(rep.Findings[0], tensorfile.ErrCorrupt, format.RuleLayoutPointer) {
		t.Errorf("%+v", rep)
	}
}
