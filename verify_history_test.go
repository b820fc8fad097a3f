package tensorfile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/tensor"
)

// Damage in any generation of the past is found, wherever its records stand.
func TestVerifyHistory(t *testing.T) {
	sto := func(id uint64, n int) forge.Storage { return forge.Storage{ID: id, Data: make([]byte, n)} }
	for _, c := range []struct {
		name string
		gens []forge.Gen
		brk  func(im *forge.Image)
		want string
	}{
		{"a merge that forgets a storage", []forge.Gen{
			{Tensors: []forge.Tensor{u8("a", 1, 9)}, Storages: []forge.Storage{sto(1, 9)}},
			{Tensors: []forge.Tensor{u8("b", 1, 9)}},
			{Tensors: []forge.Tensor{u8("a", 1, 9), u8("b", 1, 9), u8("c", 2, 9)}, Storages: []forge.Storage{sto(2, 9)}, Alone: true},
			{Tensors: []forge.Tensor{u8("d", 2, 9)}},
		}, nil, format.RuleTensorStorage},
		{"superseded tensor outside its storage", []forge.Gen{
			{Tensors: []forge.Tensor{u8("a", 1, 9)}, Storages: []forge.Storage{sto(1, 9)}},
			{Tensors: []forge.Tensor{u8("a", 1, 10)}},
			{Tensors: []forge.Tensor{u8("a", 1, 3)}},
		}, nil, format.RuleViewReach},
		{"first generation", []forge.Gen{
			{Tensors: []forge.Tensor{u8("a", 1, 10)}, Storages: []forge.Storage{sto(1, 9)}},
			{Tensors: []forge.Tensor{u8("a", 1, 3)}},
		}, nil, format.RuleViewReach},
		{"a run left out in the middle", []forge.Gen{
			{Tensors: []forge.Tensor{u8("z", 1, 2)}, Storages: []forge.Storage{sto(1, 9)}},
			{Tensors: []forge.Tensor{u8("a", 1, 9)}},
			{Tensors: []forge.Tensor{u8("y", 2, 1)}, Storages: []forge.Storage{sto(2, 4)}, Older: []int{1}}, // a without storage 1
			{Tensors: []forge.Tensor{u8("x", 2, 1)}, Older: []int{2, 1, 0}},
		}, nil, format.RuleTensorStorage},
		{"a storage told smaller in the middle", []forge.Gen{
			{Tensors: []forge.Tensor{u8("a", 1, 9)}, Storages: []forge.Storage{sto(1, 9)}},
			{Tensors: []forge.Tensor{u8("b", 2, 1)}, Storages: []forge.Storage{sto(1, 5), sto(2, 1)}},
			{Tensors: []forge.Tensor{{Name: "a", Kind: forge.KindDeleted}}},
		}, nil, format.RuleViewReach},
		{"a run that no generation wrote that can be reached", []forge.Gen{
			{Tensors: []forge.Tensor{u8("a", 1, 10)}, Storages: []forge.Storage{sto(1, 9)}},
			{Tensors: []forge.Tensor{u8("b", 1, 1)}},
			{Tensors: []forge.Tensor{u8("a", 1, 1)}},
		}, func(im *forge.Image) { im.P64(im.Gens[1].Trailer+forge.RPrevious, 0) }, format.RuleViewReach},
		{"an orphan in the past", []forge.Gen{
			{Tensors: []forge.Tensor{u8("a", 1, 9), u8("a\x00values", 1, 9)}, Storages: []forge.Storage{sto(1, 9)}},
			{Tensors: []forge.Tensor{{Name: "a\x00values", Kind: forge.KindDeleted}}},
		}, nil, format.RuleOrphanPart},
	} {
		im := forge.Build(false, c.gens...)
		if c.brk != nil {
			c.brk(im)
			im.Seal()
		}
		f := must(openImage(im))(t)
		r := must(f.Verify(ctx, nil))(t)
		if got := rulesOf(r.Findings); !slices.Contains(got, c.want) || len(got) > 2 {
			t.Errorf("%s: rules %v, want %s: %v", c.name, got, c.want, r.Findings)
		}
		f.Close()
	}
}

// History costs what it holds, not its length times the catalog.
func TestVerifyHistoryIsLinear(t *testing.T) {
	path := temp(t)
	const tensors, commits = 5000, 150
	write(t, path, func(w *tensorfile.Writer) {
		for i := range tensors {
			ok(t, w.AddReader(ctx, fmt.Sprintf("t%05d", i), tensor.U8, tensor.Shape{8}, zeros{}, nil))
		}
	})
	w := must(tensorfile.OpenAppend(path, nil))(t)
	for i := range commits {
		ok(t, w.AddReader(ctx, fmt.Sprintf("n%05d", i), tensor.U8, tensor.Shape{8}, zeros{}, nil))
		ok(t, w.Commit(ctx))
	}
	ok(t, w.Close())
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	var r *tensorfile.Report
	got := allocated(func() { r = must(f.Verify(ctx, nil))(t) })
	if !r.OK() || len(r.Unknown) > 0 || r.Generations != commits+1 || r.Tensors != tensors+commits || r.Storages != tensors+commits {
		t.Errorf("%+v", r)
	}
	if got > 64<<20 {
		t.Errorf("allocated %d MiB", got>>20)
	}
}

// Generations that a forger made to differ, each from the next, are looked at
// as far as a bound; what is not is said.
func TestVerifyHistoryBound(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of generations")
	}
	var ts []forge.Tensor
	for i := range 3000 {
		ts = append(ts, u8(fmt.Sprintf("t%05d", i), 1, 1))
	}
	gens := []forge.Gen{{Tensors: ts, Storages: []forge.Storage{{ID: 1, Data: make([]byte, 9)}}}}
	for i := range 1500 {
		gens = append(gens, forge.Gen{Storages: []forge.Storage{{ID: 1, Data: make([]byte, 9+i%2)}}, Older: []int{0}})
	}
	im := forge.Build(false, gens...)
	f := must(openImage(im))(t)
	defer f.Close()
	r := must(f.Verify(ctx, nil))(t)
	if !r.OK() || len(r.Unknown) == 0 || !strings.Contains(r.Unknown[0].Error(), "repack") {
		t.Errorf("%v, %v", r.Findings, r.Unknown)
	}
}

// A composite whose part is a grid with other chunks in an older generation is
// checked there, too: what is the same is more than its id.
func TestVerifyOlderCompositeInChunks(t *testing.T) {
	indices := func(at ...byte) forge.Storage {
		return forge.Storage{ID: 2, Grid: true, Size: 3, Stored: 3, DType: forge.U8, Shape: []uint64{3}, Chunk: []uint64{3}, Slabs: 1, Chunks: []forge.Chunk{{Coding: format.CodingRaw, Data: at}}}
	}
	im := forge.Build(false,
		forge.Gen{Tensors: []forge.Tensor{
			{Name: "m", Kind: 2, Layout: format.LayoutCSR, DType: forge.U8, Shape: []uint64{4, 4}, Strides: []int64{0, 0}},
			u8("m\x00indices", 2, 3), u8("m\x00indptr", 1, 5), u8("m\x00values", 1, 3),
		}, Storages: []forge.Storage{{ID: 1, Data: []byte{0, 1, 2, 3, 3}}, indices(0, 1, 9)}},
		forge.Gen{Storages: []forge.Storage{indices(0, 1, 2)}},
	)
	f := must(openImage(im))(t)
	defer f.Close()
	r := must(f.Verify(ctx, nil))(t)
	if got := rulesOf(r.Findings); !slices.Equal(got, []string{format.RuleLayoutIndex}) || r.Generations != 2 || len(r.Unknown) > 0 {
		t.Errorf("%q %v, %v", got, r.Findings, r.Unknown)
	}
}

// A slot that is damaged while the file is open is found by what it says now.
func TestVerifySlotDamagedLater(t *testing.T) {
	im := forge.File([]forge.Tensor{u8("a", 1, 9)}, forge.Storage{ID: 1, Data: make([]byte, 9)})
	for _, slot := range []int64{format.SlotA, format.SlotB} {
		f := must(openImage(im))(t)
		im.B[slot+40] ^= 1
		r := must(f.Verify(ctx, nil))(t)
		if got := rulesOf(r.Findings); !slices.Equal(got, []string{format.RuleRootCRC}) {
			t.Errorf("slot at %d: %q %v", slot, got, r.Findings)
		}
		im.B[slot+40] ^= 1
		f.Close()
	}
}
