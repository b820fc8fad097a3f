package tensorfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/tensor"
)

// openImage opens a forged file.
func openImage(im *forge.Image) (*tensorfile.File, error) {
	return tensorfile.OpenReaderAt(bytes.NewReader(im.B), int64(len(im.B)), nil)
}

func rulesOf(errs []error) []string {
	var list []string
	for _, err := range errs {
		var e *tensorfile.Error
		if !errors.As(err, &e) || e.Kind == nil {
			list = append(list, "no *Error: "+err.Error())
			continue
		}
		list = append(list, e.Rule)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func u8(name string, storage uint64, n uint64) forge.Tensor {
	return forge.Tensor{Name: name, Storage: storage, DType: forge.U8, Shape: []uint64{n}, Strides: []int64{1}}
}

func threeGenerations() *forge.Image {
	return forge.Build(false,
		forge.Gen{Tensors: []forge.Tensor{u8("a", 1, 100), u8("b", 2, 50)}, Storages: []forge.Storage{{ID: 1, Data: make([]byte, 100)}, {ID: 2, Data: make([]byte, 50)}}, Journal: true},
		forge.Gen{Tensors: []forge.Tensor{u8("b", 3, 10)}, Storages: []forge.Storage{{ID: 3, Data: []byte("0123456789")}}, Journal: true, Gap: 4096},
		forge.Gen{Tensors: []forge.Tensor{{Name: "a", Kind: forge.KindDeleted}, u8("c", 3, 5)}, Journal: true},
	)
}

// Verify finds nothing in files as other writers may make them.
func TestVerifyGoodImages(t *testing.T) {
	for name, im := range map[string]*forge.Image{
		"empty":    forge.File(nil),
		"streamed": forge.Build(true, forge.Gen{Tensors: []forge.Tensor{u8("a", 1, 9)}, Storages: []forge.Storage{{ID: 1, Data: make([]byte, 9)}}}),
		"three":    threeGenerations(),
		"merged": forge.Build(false,
			forge.Gen{Tensors: []forge.Tensor{u8("a", 1, 9)}, Storages: []forge.Storage{{ID: 1, Data: []byte("123456789")}}},
			forge.Gen{Tensors: []forge.Tensor{{Name: "z", DType: forge.F32, Shape: []uint64{0}, Strides: []int64{4}}}, Alone: true}),
		"composite": forge.File([]forge.Tensor{
			{Name: "m", Kind: 2, Layout: 2, DType: forge.U8, Shape: []uint64{4, 4}, Strides: []int64{0, 0}},
			u8("m\x00indices", 1, 3), u8("m\x00indptr", 1, 5), {Name: "m\x00values", Kind: 2, Layout: 9, DType: forge.U8, Shape: []uint64{3}, Strides: []int64{0}},
			{Name: "m\x00values\x00group", Storage: 2, DType: forge.DT(3, 0, 32, 1, 4), Shape: []uint64{1}, Strides: []int64{4}}, u8("m\x00values\x00scales", 1, 1), u8("m\x00values\x00values", 1, 3),
		}, forge.Storage{ID: 1, Data: []byte{0, 1, 2, 3, 3}}, forge.Storage{ID: 2, Data: []byte{3, 0, 0, 0}}),
		"large pages": forge.Build(false, forge.Gen{Tensors: []forge.Tensor{u8("a", 1, 70000)}, Storages: []forge.Storage{{ID: 1, Data: make([]byte, 70000)}}, PageExp: 15, AlignExp: 16}),
		"blocks":      forge.File([]forge.Tensor{u8("a", 1, 9)}, forge.Storage{ID: 1, Data: make([]byte, 3<<20+1)}, forge.Storage{ID: 2, Data: make([]byte, 3<<20+1), Exp: 21}),
	} {
		f := must(openImage(im))(t)
		r := must(f.Verify(ctx, nil))(t)
		if !r.OK() || len(r.Unknown) > 0 || r.Generations != len(im.Gens) {
			t.Errorf("%s: %+v", name, r)
		}
		f.Close()
	}
}

// Verify names what is wrong by its rule, and nothing else.
func TestVerifyFindings(t *testing.T) {
	two := func() *forge.Image {
		return forge.File([]forge.Tensor{u8("a", 1, 100), u8("b", 2, 100)}, forge.Storage{ID: 1, Data: bytes.Repeat([]byte{7}, 100)}, forge.Storage{ID: 2, Data: bytes.Repeat([]byte{7}, 100)})
	}
	for _, c := range []struct {
		name string
		im   func() *forge.Image
		want string
		says string
	}{
		{"two storages on the same bytes", func() *forge.Image {
			im := two()
			p := im.Last()
			clear(im.B[p.Payloads[1]:][:100])
			return im.P64(p.Storages[1]+forge.SPayload, uint64(p.Payloads[0])).P64(p.Storages[1]+forge.SRef, uint64(p.Payloads[0])).
				P32(p.Storages[1]+forge.SRef+12, forge.CRC(im.B[p.Payloads[0]:][:100])).SealOnly(forge.SealAll &^ forge.SealPayloads)
		}, format.RuleOverlap, "storage 2"},
		{"two storages that overlap", func() *forge.Image {
			im := two()
			p := im.Last()
			at := p.Payloads[0] + 64
			clear(im.B[p.Payloads[1]:][:100])
			return im.P64(p.Storages[1]+forge.SPayload, uint64(at)).P64(p.Storages[1]+forge.SRef, uint64(at)).
				P32(p.Storages[1]+forge.SRef+12, forge.CRC(im.B[at:at+100])).SealOnly(forge.SealAll &^ forge.SealPayloads)
		}, format.RuleOverlap, "storage 1"},
		{"a storage over the run", func() *forge.Image {
			im := two()
			p := im.Last()
			return im.P64(p.Storages[1]+forge.SPayload, uint64(p.Heap)).P64(p.Storages[1]+forge.SRef, uint64(p.Heap)).P64(p.Storages[1]+forge.SSize, 64).P64(p.Storages[1]+forge.SStored, 64).P32(p.Storages[1]+forge.SRef+8, 64).Seal()
		}, format.RuleOverlap, "run"},
		{"payload", func() *forge.Image { im := two(); im.B[im.Last().Payloads[1]+99] ^= 1; return im }, format.RuleRawCRC, `"b"`},
		{"padding behind a payload", func() *forge.Image { im := two(); im.B[im.Last().Payloads[0]+100] = 1; return im }, format.RulePadding, ""},
		{"padding before the trailer", func() *forge.Image { im := two(); im.B[im.Last().Trailer-1] = 1; return im }, format.RulePadding, ""},
		{"header page", func() *forge.Image { im := two(); im.B[100] = 1; return im }, format.RuleControlZero, "offset 100"},
		{"slot page", func() *forge.Image { im := two(); im.B[8191] = 1; return im }, format.RuleControlZero, "offset 8191"},
		{"slot B", func() *forge.Image { im := two(); im.B[8192+30] ^= 1; return im }, format.RuleRootCRC, "offset 8196"},
		{"trailer", func() *forge.Image { im := two(); im.B[im.Last().Trailer+96] ^= 1; return im }, format.RuleRootTrailer, ""},
		{"journal run", func() *forge.Image {
			im := threeGenerations()
			im.B[im.Gens[1].Journal.Heap] ^= 1
			return im
		}, format.RulePageCRC, ""},
		{"journal head", func() *forge.Image {
			im := threeGenerations()
			im.B[im.Gens[1].Journal.Head+60] ^= 1
			return im
		}, format.RulePadding, ""},
		{"an older generation's trailer", func() *forge.Image {
			im := threeGenerations()
			im.B[im.Gens[0].Trailer+100] ^= 1
			return im
		}, format.RuleRootCRC, fmt.Sprint("offset ", threeGenerations().Gens[0].Trailer+4)},
		{"generations that do not fall", func() *forge.Image {
			im := threeGenerations()
			return im.P64(im.Gens[0].Trailer+forge.RGen, 2).Seal()
		}, format.RuleRootPrevious, "generation"},
		{"an older generation's run", func() *forge.Image {
			im := threeGenerations()
			im.B[im.Gens[0].Head+20] ^= 1
			return im
		}, format.RuleRefCRC, ""},
		{"an orphan part", func() *forge.Image {
			return forge.File([]forge.Tensor{u8("a", 1, 3), u8("a\x00values", 1, 3), u8("b\x00values", 1, 3)}, forge.Storage{ID: 1, Data: make([]byte, 10)})
		}, format.RuleOrphanPart, `"a\x00values"`},
		{"a view outside", func() *forge.Image {
			return forge.File([]forge.Tensor{u8("a", 1, 11)}, forge.Storage{ID: 1, Data: make([]byte, 10)})
		}, format.RuleViewReach, `"a"`},
		{"no such storage", func() *forge.Image { return forge.File([]forge.Tensor{u8("a", 1, 11)}) }, format.RuleTensorStorage, `"a"`},
	} {
		im := c.im()
		f, err := openImage(im)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		r := must(f.Verify(ctx, nil))(t)
		if got := rulesOf(r.Findings); !slices.Contains(got, c.want) || len(got) > 4 {
			t.Errorf("%s: rules %v, want %s: %v", c.name, got, c.want, r.Findings)
		}
		if !slices.ContainsFunc(r.Findings, func(err error) bool { return strings.Contains(err.Error(), c.says) }) {
			t.Errorf("%s: no %q in %v", c.name, c.says, r.Findings)
		}
		f.Close()
	}
}

// Damage of one record leaves the others open.
func TestLazyErrors(t *testing.T) {
	var ts []forge.Tensor
	for i := range 20 {
		ts = append(ts, u8(fmt.Sprintf("t%02d", i), 1, 5))
	}
	im := forge.File(ts, forge.Storage{ID: 1, Data: make([]byte, 10)})
	p := im.Last()
	im.P8(p.Tensors[3]+forge.TRank, 99).P64(p.THeaps[7], 1<<40).P64(p.Tensors[11], 9).Put(p.THeaps[15]+16, "")
	im.Seal()
	f := must(openImage(im))(t)
	defer f.Close()
	good, bad := 0, 0
	for tn, err := range f.Tensors() {
		if err != nil {
			bad++
			wantErr(t, err, err, "offset", `"t`)
			continue
		}
		if _, err := tn.Read(ctx); err != nil {
			t.Error(err)
		}
		good++
	}
	if good != 17 || bad != 3 {
		t.Errorf("%d good and %d bad tensors", good, bad)
	}
	n := 0
	for range f.Names() {
		n++
	}
	if n != 20 {
		t.Errorf("%d names", n)
	}
}

// Verify of a foreign file looks at what checksums it has.
func TestVerifyForeign(t *testing.T) {
	data := []byte("123456789")
	l := &tensorfile.Layout{Format: "test", Storages: []tensorfile.LayoutStorage{{Size: 9}},
		Tensors: []tensorfile.LayoutTensor{{Name: "a", DType: tensor.U8, Shape: tensor.Shape{9}}},
		Checks:  []tensorfile.LayoutCheck{{Size: 9, CRC32: 0xcbf43926, Member: "m"}},
		Skipped: []error{&tensorfile.Error{Kind: tensorfile.ErrUnsupported, Offset: -1, Tensor: "skipped"}}}
	f := foreign(t, data, l, nil)
	r := must(f.Verify(ctx, nil))(t)
	if !r.OK() || r.Blocks != 1 || r.Bytes != 9 || len(r.Unknown) != 1 {
		t.Errorf("%+v", r)
	}
	ok(t, f.Close())
	l.Checks[0].CRC32++
	f = foreign(t, data, l, nil)
	r = must(f.Verify(ctx, nil))(t)
	if len(r.Findings) != 1 {
		t.Fatal(r.Findings)
	}
	wantErr(t, r.Findings[0], tensorfile.ErrCorrupt, `"m"`, "cbf43926", "cbf43927")
	ok(t, f.Close())
	// A layout that does not fit the file is refused.
	for _, bad := range []tensorfile.Layout{
		{Storages: []tensorfile.LayoutStorage{{Size: 10}}},
		{Storages: []tensorfile.LayoutStorage{{Offset: -1, Size: 5}}},
		{Storages: []tensorfile.LayoutStorage{{Size: -1}}},
		{Storages: []tensorfile.LayoutStorage{{Offset: 1 << 62, Size: 1 << 62}}},
		{Storages: []tensorfile.LayoutStorage{{Size: 9}}, Tensors: []tensorfile.LayoutTensor{{Name: "a", DType: tensor.U8, Shape: tensor.Shape{10}}}},
		{Storages: []tensorfile.LayoutStorage{{Size: 9}}, Tensors: []tensorfile.LayoutTensor{{Name: "a", DType: tensor.U8, Shape: tensor.Shape{2}, Strides: tensor.Strides{-1}}}},
		{Storages: []tensorfile.LayoutStorage{{Size: 9}}, Tensors: []tensorfile.LayoutTensor{{Name: "", DType: tensor.U8, Shape: tensor.Shape{2}}}},
		{Storages: []tensorfile.LayoutStorage{{Size: 9}}, Tensors: []tensorfile.LayoutTensor{{Name: "a", DType: tensor.U8, Shape: tensor.Shape{2}}, {Name: "a", DType: tensor.U8, Shape: tensor.Shape{2}}}},
		{Tensors: []tensorfile.LayoutTensor{{Name: "a", Storage: -1, DType: tensor.U8, Shape: tensor.Shape{2}}}},
		{Tensors: []tensorfile.LayoutTensor{{Name: "a", Storage: -1, Shape: tensor.Shape{0}}}},
		{Tensors: []tensorfile.LayoutTensor{{Name: "a", Storage: -1, DType: tensor.U8, Shape: tensor.Shape{0, -5}, Strides: tensor.Strides{1, 1}}}},
	} {
		_, err := tensorfile.OpenLayout(memMap(data), &bad, nil)
		var e *tensorfile.Error
		if !errors.As(err, &e) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
