package tensorfile_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/tensor"
)

// items takes all tensors of a file.
func items(t testing.TB, f *tensorfile.File) []tensorfile.Item {
	t.Helper()
	var list []tensorfile.Item
	for tn, err := range f.Tensors() {
		ok(t, err)
		list = append(list, tensorfile.Item{Tensor: tn})
	}
	return list
}

// copied copies all of f and opens the copy.
func copied(t testing.TB, list []tensorfile.Item) *tensorfile.File {
	t.Helper()
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) { ok(t, w.Copy(ctx, list...)) })
	g := must(tensorfile.Open(path, nil))(t)
	t.Cleanup(func() { g.Close() })
	if r := must(g.Verify(ctx, nil))(t); !r.OK() {
		t.Fatal(r.Findings)
	}
	return g
}

func same(t testing.TB, f, g *tensorfile.File) {
	t.Helper()
	if a, b := must(f.Len())(t), must(g.Len())(t); a != b {
		t.Errorf("%d tensors, want %d", b, a)
	}
	for tn, err := range f.Tensors() {
		ok(t, err)
		u := must(g.Tensor(tn.Name()))(t)
		want := must(tn.Read(ctx))(t)
		sameView(t, tn.Name(), must(u.Read(ctx))(t), want)
		if a, b := must(tn.Attrs())(t), must(u.Attrs())(t); fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("%q: attributes %v, want %v", tn.Name(), b, a)
		}
	}
}

// A copy of a file shares, aliases and strides as the file did, from any
// source.
func TestCopyKeepsSharing(t *testing.T) {
	path := temp(t)
	rng := rand.New(rand.NewPCG(2, 3))
	write(t, path, func(w *tensorfile.Writer) {
		fill(t, w)
		for i := range 40 {
			randomOn(t, w, fmt.Sprint("on ", i), randomView(rng, someDTypes[i%len(someDTypes)]))
		}
	})
	sources(t, path, tensorfile.OpenOptions{}, func(way string, f *tensorfile.File) {
		g := copied(t, items(t, f))
		same(t, f, g)
		big, alias := must(g.Tensor("big"))(t), must(g.Tensor("big alias"))(t)
		old := must(f.Tensor("big alias"))(t)
		if big.Storage().ID != alias.Storage().ID || alias.Strides()[0] != old.Strides()[0] || alias.Offset() != old.Offset() {
			t.Errorf("%s: %+v, %+v", way, big.Storage(), alias.Storage())
		}
		// The attributes of the file are the caller's business.
		if a := must(g.Attrs())(t); a != nil {
			t.Error(a)
		}
	})
}

// Little of a large storage is copied on its own, without the rest.
func TestCopyCuts(t *testing.T) {
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) {
		id := must(w.AddStorage(ctx, 1<<20, &counter{}))(t)
		ok(t, w.TensorOn(id, "all", tensor.U8, tensor.Shape{1 << 20}, nil, 0, nil))
		ok(t, w.TensorOn(id, "few", tensor.U8, tensor.Shape{100, 3}, tensor.Strides{-1000, 3}, 500_000, nil))
		ok(t, w.TensorOn(id, "same", tensor.U8, tensor.Shape{100, 4, 2}, tensor.Strides{1, 0, 200}, 600_000, nil))
		ok(t, w.TensorOn(id, "half", tensor.U8, tensor.Shape{1 << 19}, nil, 1<<19, nil))
	})
	sources(t, path, tensorfile.OpenOptions{}, func(way string, f *tensorfile.File) {
		few, same := must(f.Tensor("few"))(t), must(f.Tensor("same"))(t)
		g := copied(t, []tensorfile.Item{{Tensor: few, Name: "f", Attrs: tensorfile.Attrs{"x": 1}}, {Tensor: same}})
		for _, c := range []struct {
			name string
			from *tensorfile.Tensor
			size int64
		}{{"f", few, 300}, {"same", same, 200}} {
			u := must(g.Tensor(c.name))(t)
			if u.Storage().Size != c.size {
				t.Errorf("%s %s: %d bytes stored, want %d", way, c.name, u.Storage().Size, c.size)
			}
			sameView(t, c.name, must(u.Read(ctx))(t), must(c.from.Read(ctx))(t))
		}
		if a := must(must(g.Tensor("f"))(t).Attrs())(t); a["x"] != int64(1) {
			t.Error(a)
		}
		if u := must(g.Tensor("same"))(t); u.Strides()[1] != 0 {
			t.Errorf("a broadcast axis was written out: %v", u.Strides())
		}
		// Half of it is worth the whole.
		g = copied(t, []tensorfile.Item{{Tensor: must(f.Tensor("half"))(t)}, {Tensor: few}})
		if u := must(g.Tensor("half"))(t); u.Storage().Size != 1<<20 || u.Offset() != 1<<19 || must(g.Tensor("few"))(t).Storage().ID != u.Storage().ID {
			t.Error(u.Storage())
		}
	})
}

// counter gives bytes that differ.
type counter struct{ n uint32 }

func (c *counter) Read(p []byte) (int, error) {
	for i := range p {
		c.n = c.n*1664525 + 1013904223
		p[i] = byte(c.n >> 24)
	}
	return len(p), nil
}

// What the format cannot hold as it is, elements of the other byte order and
// fields of a packed struct, is split out.
func TestCopyForeign(t *testing.T) {
	data := make([]byte, 1000)
	_, _ = (&counter{}).Read(data)
	opened := 0
	decode := func(context.Context) (io.ReadCloser, error) {
		opened++
		return io.NopCloser(bytes.NewReader(data[:600])), nil
	}
	l := &tensorfile.Layout{Format: "test",
		Storages: []tensorfile.LayoutStorage{{Offset: 0, Size: 650}, {Offset: 1, Size: 999}, {Size: 600, Open: decode, Codec: "x", StoredSize: 7}, {Offset: 650, Size: 350}},
		Tensors: []tensorfile.LayoutTensor{
			// A packed struct of 13 bytes: u8, f32, f64.
			{Name: "a", Storage: 0, DType: tensor.U8, Shape: tensor.Shape{10, 5}, Strides: tensor.Strides{65, 13}},
			{Name: "b", Storage: 0, Offset: 1, DType: tensor.F32, Shape: tensor.Shape{10, 5}, Strides: tensor.Strides{65, 13}},
			{Name: "c", Storage: 0, Offset: 5, DType: tensor.F64, Shape: tensor.Shape{10, 5}, Strides: tensor.Strides{65, 13}},
			{Name: "odd", Storage: 1, DType: tensor.F64, Shape: tensor.Shape{124}},
			{Name: "encoded", Storage: 2, DType: tensor.I16, Shape: tensor.Shape{300}},
			{Name: "encoded back", Storage: 2, DType: tensor.I16, Shape: tensor.Shape{300}, Strides: tensor.Strides{-2}, Offset: 598},
			{Name: "big", Storage: 3, DType: tensor.C64, Shape: tensor.Shape{4, 10}, Strides: tensor.Strides{8, 32}, Order: tensor.BigEndian},
			{Name: "bytes", Storage: 3, DType: tensor.Opaque(7), Shape: tensor.Shape{50}, Order: tensor.BigEndian},
			{Name: "none", Storage: -1, DType: tensor.F32, Shape: tensor.Shape{3, 0}, Attrs: tensorfile.Attrs{"x": 1.5}},
		}}
	for _, noMmap := range []bool{false, true} {
		opened = 0
		f := foreign(t, data, l, &tensorfile.OpenOptions{NoMmap: noMmap})
		list := items(t, f)
		g := copied(t, list)
		if opened != 1 {
			t.Errorf("decoded %d times", opened)
		}
		same(t, f, g)
		ids := map[uint64]int{}
		for tn, err := range g.Tensors() {
			ok(t, err)
			ids[tn.Storage().ID]++
			if tn.NumElements() > 0 && tn.Order() != tensor.LittleEndian {
				t.Error(tn.Name())
			}
		}
		// One storage for each but the encoded two; none for the empty one.
		if len(ids) != 8 {
			t.Errorf("storages of the copy: %v", ids)
		}
		if st := must(g.Tensor("b"))(t).Storage(); st.Size != 200 {
			t.Errorf("a field of 200 bytes takes %d", st.Size)
		}
		ok(t, f.Close())
	}
}

func TestCopyRefuses(t *testing.T) {
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) { fill(t, w) })
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	tn := must(f.Tensor("big"))(t)
	var out bytes.Buffer
	w := must(tensorfile.NewWriter(&out, nil))(t)
	ok(t, w.Copy(ctx, tensorfile.Item{Tensor: tn}))
	wantErr(t, w.Copy(ctx, tensorfile.Item{Tensor: tn}), tensorfile.ErrDuplicate, `"big"`)
	wantErr(t, w.Copy(ctx, tensorfile.Item{Tensor: tn, Name: "x\n"}), tensorfile.ErrFormat)
	ok(t, w.Copy(ctx, tensorfile.Item{Tensor: tn, Name: "second"}))
	ok(t, w.Commit(ctx))
	g := must(tensorfile.OpenReaderAt(bytes.NewReader(out.Bytes()), int64(out.Len()), nil))(t)
	defer g.Close()
	if a, b := must(g.Tensor("big"))(t).Storage().ID, must(g.Tensor("second"))(t).Storage().ID; a != b {
		t.Error("a second copy of one storage does not share it")
	}
	// A composite is not copied without its parts.
	im := forge.File([]forge.Tensor{
		{Name: "comp", Kind: 2, Layout: 2, DType: forge.F32, Shape: []uint64{4, 4}, Strides: []int64{0, 0}},
		{Name: "grid", Storage: 1, DType: forge.F32, Shape: []uint64{5, 3}, Strides: []int64{12, 4}},
	}, forge.Storage{ID: 1, Grid: true, Size: 60, DType: forge.F32, Shape: []uint64{5, 3}, Chunk: []uint64{2, 2}, Slabs: 3})
	ok(t, im.Write(path+"2"))
	h := must(tensorfile.Open(path+"2", nil))(t)
	defer h.Close()
	for _, n := range []string{"comp", "grid"} {
		tn := must(h.Tensor(n))(t)
		w := must(tensorfile.NewWriter(io.Discard, nil))(t)
		_, err := tn.View()
		wantErr(t, err, tensorfile.ErrEncoded, n)
		if n == "grid" {
			ok(t, w.Copy(ctx, tensorfile.Item{Tensor: tn}))
			continue
		}
		wantErr(t, w.Copy(ctx, tensorfile.Item{Tensor: tn}), tensorfile.ErrFormat, path+"2", n)
		_, err = tn.Read(ctx)
		wantErr(t, err, tensorfile.ErrEncoded, n)
		wantErr(t, tn.WriteCOrder(ctx, io.Discard), tensorfile.ErrEncoded, n)
	}
}

// Damage of the source is noticed while it is copied, and no file appears.
func TestCopyOfDamage(t *testing.T) {
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) { fill(t, w) })
	f := must(tensorfile.Open(path, nil))(t)
	at := must(f.Tensor("big"))(t).Storage().Offset + 1<<20 + 5
	ok(t, f.Close())
	b := must(os.ReadFile(path))(t)
	b[at] ^= 1
	ok(t, os.WriteFile(path, b, 0o600))
	sources(t, path, tensorfile.OpenOptions{}, func(way string, f *tensorfile.File) {
		dir := t.TempDir()
		w := must(tensorfile.Create(filepath.Join(dir, "y"), nil))(t)
		err := w.Copy(ctx, tensorfile.Item{Tensor: must(f.Tensor("big"))(t)})
		wantErr(t, err, tensorfile.ErrCorrupt, f.Path(), `"big"`, "block 1", fmt.Sprintf("offset %d", at-5), format.RuleRawCRC)
		wantErr(t, w.Commit(ctx), tensorfile.ErrPoisoned)
		ok(t, w.Close())
		if l := names(t, dir); len(l) != 0 {
			t.Error(l)
		}
	})
}

// Damage of a payload and of its sums is told, too: nothing says then which of
// them is right.
func TestCopyOfDamagedSums(t *testing.T) {
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) { fill(t, w) })
	f := must(tensorfile.Open(path, nil))(t)
	at := must(f.Tensor("big"))(t).Storage().Offset
	ok(t, f.Close())
	b := must(os.ReadFile(path))(t)
	sum := binary.LittleEndian.AppendUint32(nil, format.Checksum(b[at:at+1<<20]))
	if bytes.Count(b, sum) != 1 {
		t.Fatalf("the sum of the first block stands %d times", bytes.Count(b, sum))
	}
	b[at] ^= 1
	b[bytes.Index(b, sum)] ^= 1
	ok(t, os.WriteFile(path, b, 0o600))
	sources(t, path, tensorfile.OpenOptions{}, func(way string, f *tensorfile.File) {
		w := must(tensorfile.Create(filepath.Join(t.TempDir(), "y"), nil))(t)
		err := w.Copy(ctx, tensorfile.Item{Tensor: must(f.Tensor("big"))(t)})
		wantErr(t, err, tensorfile.ErrCorrupt, f.Path(), `"big"`)
		wantErr(t, w.Commit(ctx), tensorfile.ErrPoisoned)
		ok(t, w.Close())
	})
}
