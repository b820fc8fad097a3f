package tensorfile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/spec"
	"github.com/tensorfile/tensorfile/tensor"
)

// vectorFile is a file with the tensors of the specification's hash vectors,
// and parts that belong to nothing.
func vectorFile(names string) *forge.Image {
	le := func(n int, values ...uint64) (b []byte) {
		for _, v := range values {
			for i := range n {
				b = append(b, byte(v>>(8*i)))
			}
		}
		return b
	}
	i16, i32, u4 := forge.DT(2, 0, 16, 1, 2), forge.DT(2, 0, 32, 1, 4), forge.DT(3, 0, 4, 2, 1)
	all := []forge.Tensor{
		{Name: "a", Storage: 1, DType: forge.F32},
		{Name: "a\x00orphan", Storage: 2, DType: i16, Shape: []uint64{1}, Strides: []int64{2}},
		{Name: "b", Storage: 2, DType: i16, Shape: []uint64{2, 3}, Strides: []int64{6, 2}},
		{Name: "c", Storage: 3, DType: u4, Shape: []uint64{2, 3}, Strides: []int64{2, 1}},
		{Name: "d", DType: forge.F64, Shape: []uint64{0, 4}, Strides: []int64{32, 8}},
		{Name: "é", Kind: 2, Layout: 2, LayoutFlags: 3, DType: forge.F32, Shape: []uint64{2, 3}, Strides: []int64{0, 0}},
		{Name: "é\x00indices", Storage: 4, DType: i32, Shape: []uint64{2}, Strides: []int64{4}},
		{Name: "é\x00indptr", Storage: 5, DType: forge.I64, Shape: []uint64{3}, Strides: []int64{8}},
		{Name: "é\x00values", Storage: 6, DType: forge.F32, Shape: []uint64{2}, Strides: []int64{4}},
	}
	all = slices.DeleteFunc(all, func(t forge.Tensor) bool {
		name, _, _ := strings.Cut(t.Name, "\x00")
		return !strings.Contains(names, name)
	})
	return forge.File(all,
		forge.Storage{ID: 1, Data: le(4, 0x3f800000)},
		forge.Storage{ID: 2, Data: le(2, 1, 2, 3, 4, 5, 6)},
		// The bits behind the rows' ends are not zero, and do not count.
		forge.Storage{ID: 3, Data: []byte{0x21, 0x73, 0x54, 0x86}},
		forge.Storage{ID: 4, Data: le(4, 2, 0)},
		forge.Storage{ID: 5, Data: le(8, 0, 1, 2)},
		forge.Storage{ID: 6, Data: le(4, 0x3f800000, 0x40000000)},
	)
}

func TestHashVectors(t *testing.T) {
	rows := must(spec.Table("hash-vectors"))(t)
	if len(rows) != 8 {
		t.Fatalf("%d vectors", len(rows))
	}
	path := temp(t)
	for i, names := range map[int]string{5: "", 6: "ab", 7: "abcdé"} {
		ok(t, vectorFile(names).Write(path))
		sources(t, path, tensorfile.OpenOptions{}, func(way string, f *tensorfile.File) {
			for _, workers := range []int{0, 1, 3} {
				if h := must(f.Hash(ctx, &tensorfile.HashOptions{Workers: workers}))(t); h.String() != rows[i]["hash"] {
					t.Errorf("%s, %s: %v, want %v", way, rows[i]["what"], h, rows[i]["hash"])
				}
			}
			var list []tensorfile.TensorHash
			for one, err := range f.Hashes(ctx, nil) {
				ok(t, err)
				x := must(f.Tensor(one.Name))(t)
				if h := must(x.Hash(ctx))(t); h != one.Hash {
					t.Errorf("%s, %s: %v alone, %v among all", way, one.Name, h, one.Hash)
				}
				if k := len(list); i == 7 && one.Hash.String() != rows[k]["hash"] {
					t.Errorf("%s, %s: %v, want %v", way, rows[k]["what"], one.Hash, rows[k]["hash"])
				}
				list = append(list, one)
			}
			slices.Reverse(list)
			if h := tensorfile.HashOf(list); h.String() != rows[i]["hash"] {
				t.Errorf("%s: put together: %v, want %v", rows[i]["what"], h, rows[i]["hash"])
			}
		})
	}
}

// Parts of parts count for the part, and only there; without the record above
// them parts count for nothing.
func TestHashParts(t *testing.T) {
	hash := func(tensors ...forge.Tensor) string {
		f := must(openImage(forge.File(tensors, forge.Storage{ID: 1, Data: []byte("0123456789")})))(t)
		defer f.Close()
		return must(f.Hash(ctx, nil))(t).String()
	}
	m := func(name string) forge.Tensor {
		return forge.Tensor{Name: name, Kind: 2, Layout: 9, DType: forge.U8, Shape: []uint64{4}, Strides: []int64{0}}
	}
	seen := map[string]int{}
	for i, list := range [][]forge.Tensor{
		{m("m")},
		{m("m"), u8("m\x00values", 1, 3)},
		{m("m"), m("m\x00values")},
		{m("m"), m("m\x00values"), u8("m\x00values\x00scales", 1, 3)},
		{m("m"), m("m\x00values"), u8("m\x00scales2", 1, 3)},
		{m("m"), u8("m\x00scales", 1, 3), m("m\x00values")},
		{u8("m", 1, 3)},
	} {
		slices.SortFunc(list, func(a, b forge.Tensor) int { return strings.Compare(a.Name, b.Name) })
		h := hash(list...)
		if j, ok := seen[h]; ok {
			t.Errorf("%d and %d: one hash", i, j)
		}
		seen[h] = i
	}
	if hash(m("m"), u8("m\x00values", 1, 3), u8("m\x00values\x00scales", 1, 3)) != hash(m("m"), u8("m\x00values", 1, 3)) {
		t.Error("the part of a dense part counts")
	}
}

// What another program, in another language, makes of files of this repository.
func TestHashGolden(t *testing.T) {
	var want map[string]string
	ok(t, json.Unmarshal(must(os.ReadFile("testdata/hash/hashes.json"))(t), &want))
	if len(want) < 35 {
		t.Fatalf("%d hashes", len(want))
	}
	for name, sum := range want {
		f := must(convert.Open(ctx, filepath.Join("testdata", filepath.FromSlash(name)), nil))(t)
		if h, err := f.Hash(ctx, nil); err != nil || h.String() != sum {
			t.Errorf("%s: %v (%v), want %v", name, h, err, sum)
		}
		ok(t, f.Close())
	}
}

// One content in all containers.
func TestHashContainers(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	hash := func(path string) string {
		f := must(convert.Open(ctx, path, nil))(t)
		defer f.Close()
		return must(f.Hash(ctx, nil))(t).String()
	}
	for _, name := range []string{"deflated.npz", "struct_big.npy", "c16_big.npy", "u5_big.npy", "permuted.npy"} {
		src := filepath.Join("testdata", "npy", name)
		want := hash(src)
		outs := []string{"x.tensor"}
		if strings.HasSuffix(name, ".npz") {
			outs = append(outs, "x.npz")
		}
		for _, out := range outs {
			for _, o := range []convert.Options{{Overwrite: true, NoSync: true}, {Overwrite: true, NoSync: true, Write: convert.WriteOptions{Compress: true}}} {
				must(convert.Files(ctx, []string{src}, in(out), &o))(t)
				if h := hash(in(out)); h != want {
					t.Errorf("%s as %s: %s, want %s", name, out, h, want)
				}
			}
		}
		// A streamed file, the tensors in another order.
		f := must(convert.Open(ctx, src, nil))(t)
		var out bytes.Buffer
		w := must(tensorfile.NewWriter(&out, nil))(t)
		var list []tensorfile.Item
		for x, err := range f.Tensors() {
			ok(t, err)
			list = append(list, tensorfile.Item{Tensor: x})
		}
		slices.Reverse(list)
		ok(t, w.Copy(ctx, list...))
		ok(t, w.SetAttrs(tensorfile.Attrs{"more": true}))
		ok(t, w.Commit(ctx))
		ok(t, f.Close())
		g := must(tensorfile.OpenReaderAt(bytes.NewReader(out.Bytes()), int64(out.Len()), nil))(t)
		if h := must(g.Hash(ctx, nil))(t).String(); h != want {
			t.Errorf("%s streamed: %s, want %s", name, h, want)
		}
		ok(t, g.Close())
	}
}

// layoutOf is a foreign file with one tensor, plain or as a stream.
func layoutOf(t testing.TB, v tensor.View, data []byte, encoded bool) *tensorfile.File {
	l := &tensorfile.Layout{
		Format:   "test",
		Storages: []tensorfile.LayoutStorage{{Size: int64(len(data))}},
		Tensors:  []tensorfile.LayoutTensor{{Name: "x", DType: v.DType(), Shape: v.Shape(), Strides: v.Strides(), Offset: v.Offset(), Order: v.Order()}},
	}
	if encoded {
		l.Storages[0].Open = func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	}
	return must(tensorfile.OpenLayout(memMap(data), l, nil))(t)
}

// Strides, byte order, encoding and padding do not count.
func TestHashViews(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for i := range 400 {
		d := someDTypes[i%len(someDTypes)]
		v := randomView(rng, d)
		plain := must(v.Clone())(t)
		b := must(plain.Bytes())(t)
		whole := layoutOf(t, plain, b, false)
		want := must(must(whole.Tensor("x"))(t).Hash(ctx))(t)
		ok(t, whole.Close())

		// All bytes that the view has, those between and behind its elements too.
		span := v.Span()
		lo, _, err := tensor.Reach(d, v.Shape(), v.Strides(), v.Offset())
		ok(t, err)
		moved := must(tensor.NewView(span, d, v.Shape(), v.Strides(), v.Offset()-lo, v.Order()))(t)
		for _, encoded := range []bool{false, true} {
			f := layoutOf(t, moved, span, encoded)
			if h := must(must(f.Tensor("x"))(t).Hash(ctx))(t); h != want {
				t.Errorf("%v %v with strides %v, encoded %v: another hash", d, v.Shape(), v.Strides(), encoded)
			}
			ok(t, f.Close())
		}
		if len(b) == 0 || d.Packed() {
			continue
		}
		big := must(tensor.NewView(make([]byte, len(b)), d, v.Shape(), nil, 0, tensor.BigEndian))(t)
		ok(t, tensor.Copy(big, v))
		f := layoutOf(t, big, must(big.Bytes())(t), i%2 == 0)
		if h := must(must(f.Tensor("x"))(t).Hash(ctx))(t); h != want {
			t.Errorf("%v %v: another hash when big-endian", d, v.Shape())
		}
		ok(t, f.Close())
		// Any bit of an element counts.
		if d == tensor.Bool {
			continue
		}
		b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		f = layoutOf(t, plain, b, false)
		if h := must(must(f.Tensor("x"))(t).Hash(ctx))(t); h == want {
			t.Errorf("%v %v: the same hash after a bit was turned", d, v.Shape())
		}
		ok(t, f.Close())
	}
}

// Padding of rows in a stream, of units of one byte and of three.
func TestHashPaddedStream(t *testing.T) {
	for _, d := range []tensor.DType{tensor.I4, tensor.Bool1, tensor.F6E2M3} {
		for n := int64(1); n < 20; n++ {
			shape := tensor.Shape{3, n}
			size := must(tensor.ByteSize(d, shape))(t)
			ones := bytes.Repeat([]byte{0xff}, int(size))
			v := must(tensor.NewView(ones, d, shape, nil, 0, tensor.LittleEndian))(t)
			var sums []tensorfile.Hash
			for _, encoded := range []bool{false, true} {
				f := layoutOf(t, v, ones, encoded)
				sums = append(sums, must(must(f.Tensor("x"))(t).Hash(ctx))(t))
				ok(t, f.Close())
			}
			if sums[0] != sums[1] {
				t.Errorf("%v %v: a stream hashes differently", d, shape)
			}
		}
	}
}

// Names, dtypes and shapes count, attributes and aliases do not.
func TestHashWhatCounts(t *testing.T) {
	x := must(tensor.FromSlice([]int32{1, 2, 3, 4, 5, 6}, 2, 3))(t)
	hash := func(fn func(w *tensorfile.Writer)) tensorfile.Hash {
		path := temp(t)
		write(t, path, fn)
		f := must(tensorfile.Open(path, nil))(t)
		defer f.Close()
		return must(f.Hash(ctx, nil))(t)
	}
	add := func(w *tensorfile.Writer, name string, v tensor.View, a tensorfile.Attrs) {
		ok(t, w.Add(ctx, name, v, &tensorfile.TensorOptions{Attrs: a}))
	}
	base := hash(func(w *tensorfile.Writer) { add(w, "a", x, nil); add(w, "b", x, nil) })
	same := map[string]func(w *tensorfile.Writer){
		"order":      func(w *tensorfile.Writer) { add(w, "b", x, nil); add(w, "a", x, nil) },
		"attributes": func(w *tensorfile.Writer) { add(w, "a", x, tensorfile.Attrs{"unit": "m"}); add(w, "b", x, nil) },
		"fortran": func(w *tensorfile.Writer) {
			turned := must(must(must(x.Transpose())(t).Clone())(t).Transpose())(t)
			add(w, "a", turned, nil)
			add(w, "b", x, nil)
		},
		"alias": func(w *tensorfile.Writer) {
			b := little(t, x)
			id := must(w.AddStorage(ctx, int64(len(b)), bytes.NewReader(b)))(t)
			for _, name := range []string{"b", "a"} {
				ok(t, w.TensorOn(id, name, tensor.I32, x.Shape(), nil, 0, nil))
			}
		},
		"backward": func(w *tensorfile.Writer) {
			b := little(t, must(x.Flip(0, 1))(t))
			id := must(w.AddStorage(ctx, int64(len(b)), bytes.NewReader(b)))(t)
			ok(t, w.TensorOn(id, "a", tensor.I32, x.Shape(), tensor.Strides{-12, -4}, 20, nil))
			add(w, "b", x, nil)
		},
	}
	for what, fn := range same {
		if hash(fn) != base {
			t.Errorf("%s counts", what)
		}
	}
	u := must(x.Reinterpret(tensor.U32))(t)
	other := map[string]func(w *tensorfile.Writer){
		"a name":   func(w *tensorfile.Writer) { add(w, "a", x, nil); add(w, "c", x, nil) },
		"a number": func(w *tensorfile.Writer) { add(w, "a", x, nil) },
		"a dtype":  func(w *tensorfile.Writer) { add(w, "a", x, nil); add(w, "b", u, nil) },
		"a shape": func(w *tensorfile.Writer) {
			add(w, "a", x, nil)
			add(w, "b", must(x.Reshape(tensor.Shape{3, 2}))(t), nil)
		},
	}
	seen := map[tensorfile.Hash]string{base: "the base"}
	for what, fn := range other {
		h := hash(fn)
		if was, ok := seen[h]; ok {
			t.Errorf("%s does not count beside %s", what, was)
		}
		seen[h] = what
	}
}

// A damaged record spoils its own hash and that of the file, no other.
func TestHashErrors(t *testing.T) {
	im := forge.File([]forge.Tensor{u8("a", 1, 5), u8("b", 9, 5), u8("c", 1, 6)}, forge.Storage{ID: 1, Data: []byte("0123456789")})
	f := must(openImage(im))(t)
	got := ""
	for one, err := range f.Hashes(ctx, nil) {
		if got += one.Name; err != nil {
			got += "!"
			wantErr(t, err, tensorfile.ErrCorrupt, `"b"`)
		}
	}
	if got != "ab!c" {
		t.Errorf("got %s", got)
	}
	_, err := f.Hash(ctx, nil)
	wantErr(t, err, tensorfile.ErrCorrupt, `"b"`)
	for range f.Hashes(ctx, nil) {
		break
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := f.Hash(gone, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	ok(t, f.Close())
	_, err = f.Hash(ctx, nil)
	wantErr(t, err, tensorfile.ErrClosed)

	// What was left out of a foreign file is not forgotten.
	o := &convert.OpenOptions{}
	o.SkipBad = true
	f = must(convert.Open(ctx, "testdata/npy/objects.npz", o))(t)
	if _, err := f.Hash(ctx, nil); err == nil {
		t.Error("a hash without what was skipped")
	}
	ok(t, f.Close())
}

// Many tensors, none of which waits for all others to be done.
func TestHashMany(t *testing.T) {
	path := temp(t)
	n := 3000
	write(t, path, func(w *tensorfile.Writer) {
		for i := range n {
			ok(t, w.Add(ctx, fmt.Sprintf("t%d", i), must(tensor.FromSlice([]int64{int64(i)}))(t), nil))
		}
	})
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	var list []tensorfile.TensorHash
	last := ""
	for one, err := range f.Hashes(ctx, &tensorfile.HashOptions{Workers: 4}) {
		ok(t, err)
		if one.Name <= last {
			t.Fatalf("%q behind %q", one.Name, last)
		}
		last = one.Name
		list = append(list, one)
	}
	if len(list) != n || tensorfile.HashOf(list) != must(f.Hash(ctx, nil))(t) {
		t.Errorf("%d tensors", len(list))
	}
}
