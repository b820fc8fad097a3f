package corpus

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

type parts = []tensorfile.CompositePart

// vec is a view of a slice of that shape.
func vec[T tensor.Elem](m *maker, shape tensor.Shape, x ...T) tensor.View {
	m.t.Helper()
	if len(x) == 0 {
		v, err := tensor.Make(tensor.DTypeOf[T](), shape)
		m.must(err)
		return v
	}
	v, err := tensor.FromSlice(x)
	m.must(err)
	v, err = v.Reshape(shape)
	m.must(err)
	return v
}

func row[T tensor.Elem](m *maker, x ...T) tensor.View {
	return vec(m, tensor.Shape{int64(len(x))}, x...)
}

// composed is what is put into the files of composites, as elements: nested
// lists of a sparse or quantised tensor, rows, strings.
var composed = map[string]string{
	"coo":                   "[[1.0,0.0,3.0,0.0],[0.0,0.0,0.0,0.0],[0.0,0.0,0.0,-2.0]]",
	"coo rank 3":            "[[[0,5],[0,0]],[[0,0],[-7,2]]]",
	"coo rank 1, bools":     "[false,true,false,false,true]",
	"coo twice":             "[[0.0,5.5],[0.0,0.0]]",
	"csr":                   "[[1.0,0.0,3.0,0.0],[0.0,0.0,0.0,0.0],[0.0,0.0,0.0,-2.0]]",
	"csr one value":         "[[0,9,9],[9,0,0]]",
	"csr fill":              "[[7.0,1.5],[7.0,7.0]]",
	"csr upper symmetric":   "[[1.0,2.0,0.0],[2.0,0.0,3.0],[0.0,3.0,4.0]]",
	"csr skew":              "[[0.0,-2.0],[2.0,0.0]]",
	"coo hermitian":         "[[[1.0,0.0],[2.0,-3.0]],[[2.0,3.0],[0.0,0.0]]]",
	"csr empty":             "[]",
	"csc":                   "[[1.0,0.0,3.0,0.0],[0.0,0.0,0.0,0.0],[0.0,0.0,0.0,-2.0]]",
	"bsr":                   "[[1,2,0,0],[3,4,0,0],[0,0,5,6],[0,0,7,8]]",
	"csf":                   "[[1.0,0.0,3.0,0.0],[0.0,0.0,0.0,0.0],[0.0,0.0,0.0,-2.0]]",
	"csf turned":            "[[1.0,0.0,3.0,0.0],[0.0,0.0,0.0,0.0],[0.0,0.0,0.0,-2.0]]",
	"csf rank 3":            "[[[0,5],[0,0]],[[0,0],[-7,2]]]",
	"csf rank 1":            "[0,0,6]",
	"bitmap":                "[[1.0,0.0,3.0,0.0],[0.0,0.0,0.0,0.0],[0.0,0.0,0.0,-2.0]]",
	"bitmap rank 1":         "[0,0,0,0,0,0,0,0,0,8,9]",
	"ragged":                "[[1.0,2.0],[],[3.0]]",
	"ragged pairs":          "[[[1,2]],[[3,4],[5,6]]]",
	"string":                `[["abc",""],["€","d\u0000f"]]`,
	"string rank 0":         `"one"`,
	"quantised":             "[[0.5,1.0,1.5],[2.0,2.5,6.0]]",
	"quantised with zeros":  "[[-1.0,0.0],[1.0,2.0],[12.0,14.0]]",
	"quantised, one scale":  "[2.0,4.0,6.0]",
	"coo of zeros":          "[[0,0],[0,0]]",
	"coo, arrays of column": "[[0,5],[6,0]]",
}

// composites has every layout, with what can be declared of it.
func composites(m *maker) { composedAs(m, nil) }

// compositesInChunks has them with their parts in chunks that a codec packs.
func compositesInChunks(m *maker) {
	composedAs(m, &tensorfile.TensorOptions{Chunk: tensor.Shape{2}, Codec: "shuffle|zstd"})
}

func composedAs(m *maker, o *tensorfile.TensorOptions) {
	const both = format.FlagSorted | format.FlagUnique
	add := func(name string, layout uint16, flags uint32, d tensor.DType, shape tensor.Shape, p parts) {
		m.must(m.w.AddComposite(ctx, name, tensorfile.Composite{Layout: layout, Flags: flags, DType: d, Shape: shape, Parts: p}, o))
	}
	s34, v3 := tensor.Shape{3, 4}, row(m, 1.0, 3, -2)
	add("coo", format.LayoutCOO, both, tensor.F64, s34, parts{{Role: "indices", View: vec(m, tensor.Shape{3, 2}, int64(0), 0, 0, 2, 2, 3)}, {Role: "values", View: v3}})
	add("coo rank 3", format.LayoutCOO, 0, tensor.I16, tensor.Shape{2, 2, 2}, parts{{Role: "indices", View: vec(m, tensor.Shape{3, 3}, uint8(1), 1, 0, 0, 0, 1, 1, 1, 1)}, {Role: "values", View: row(m, int16(-7), 5, 2)}})
	add("coo rank 1, bools", format.LayoutCOO, both, tensor.Bool, tensor.Shape{5}, parts{{Role: "indices", View: vec(m, tensor.Shape{2, 1}, int32(1), 4)}, {Role: "values", View: row(m, true, true)}})
	add("coo twice", format.LayoutCOO, format.FlagSorted, tensor.F32, tensor.Shape{2, 2}, parts{{Role: "indices", View: vec(m, tensor.Shape{2, 2}, int32(0), 1, 0, 1)}, {Role: "values", View: row(m, float32(2), 3.5)}})
	add("csr", format.LayoutCSR, both, tensor.F64, s34, parts{{Role: "indptr", View: row(m, int32(0), 2, 2, 3)}, {Role: "indices", View: row(m, int32(0), 2, 3)}, {Role: "values", View: v3}})
	nine, err := row(m, int32(9)).BroadcastTo(tensor.Shape{3})
	m.must(err)
	add("csr one value", format.LayoutCSR, format.FlagUnique, tensor.I32, tensor.Shape{2, 3}, parts{{Role: "indptr", View: row(m, int64(0), 2, 3)}, {Role: "indices", View: row(m, int64(2), 1, 0)}, {Role: "values", View: nine}})
	add("csr fill", format.LayoutCSR, both, tensor.F32, tensor.Shape{2, 2}, parts{{Role: "indptr", View: row(m, uint16(0), 1, 1)}, {Role: "indices", View: row(m, uint16(1))}, {Role: "values", View: row(m, float32(1.5))}, {Role: "fill", View: vec(m, nil, float32(7))}})
	add("csr upper symmetric", format.LayoutCSR, both|format.StructureSymmetric|format.FlagUpper, tensor.F64, tensor.Shape{3, 3}, parts{{Role: "indptr", View: row(m, int32(0), 2, 3, 4)}, {Role: "indices", View: row(m, int32(0), 1, 2, 2)}, {Role: "values", View: row(m, 1.0, 2, 3, 4)}})
	add("csr skew", format.LayoutCSR, format.StructureSkew, tensor.F64, tensor.Shape{2, 2}, parts{{Role: "indptr", View: row(m, int32(0), 0, 1)}, {Role: "indices", View: row(m, int32(0))}, {Role: "values", View: row(m, 2.0)}})
	add("coo hermitian", format.LayoutCOO, format.StructureHermitian, tensor.C128, tensor.Shape{2, 2}, parts{{Role: "indices", View: vec(m, tensor.Shape{2, 2}, int32(0), 0, 1, 0)}, {Role: "values", View: row(m, complex128(1), 2+3i)}})
	add("csr empty", format.LayoutCSR, both, tensor.F64, tensor.Shape{0, 5}, parts{{Role: "indptr", View: row(m, int32(0))}, {Role: "indices", View: row[int32](m)}, {Role: "values", View: row[float64](m)}})
	add("csc", format.LayoutCSC, both, tensor.F64, s34, parts{{Role: "indptr", View: row(m, uint64(0), 1, 1, 2, 3)}, {Role: "indices", View: row(m, int8(0), 0, 2)}, {Role: "values", View: v3}})
	add("bsr", format.LayoutBSR, both, tensor.I64, tensor.Shape{4, 4}, parts{{Role: "indptr", View: row(m, int32(0), 1, 2)}, {Role: "indices", View: row(m, int32(0), 1)}, {Role: "values", View: vec(m, tensor.Shape{2, 2, 2}, int64(1), 2, 3, 4, 5, 6, 7, 8)}})
	add("csf", format.LayoutCSF, both, tensor.F64, s34, parts{{Role: "order", View: row(m, uint8(0), 1)}, {Role: "ptr0", View: row(m, int64(0), 2, 3)}, {Role: "idx0", View: row(m, int64(0), 2)}, {Role: "idx1", View: row(m, int64(0), 2, 3)}, {Role: "values", View: v3}})
	add("csf turned", format.LayoutCSF, both, tensor.F64, s34, parts{{Role: "order", View: row(m, uint8(1), 0)}, {Role: "ptr0", View: row(m, int32(0), 1, 2, 3)}, {Role: "idx0", View: row(m, int32(0), 2, 3)}, {Role: "idx1", View: row(m, int16(0), 0, 2)}, {Role: "values", View: v3}})
	add("csf rank 3", format.LayoutCSF, both, tensor.I16, tensor.Shape{2, 2, 2}, parts{{Role: "order", View: row(m, uint8(0), 1, 2)}, {Role: "ptr0", View: row(m, uint8(0), 1, 2)}, {Role: "ptr1", View: row(m, uint8(0), 1, 3)}, {Role: "idx0", View: row(m, uint8(0), 1)}, {Role: "idx1", View: row(m, uint8(0), 1)}, {Role: "idx2", View: row(m, uint8(1), 0, 1)}, {Role: "values", View: row(m, int16(5), -7, 2)}})
	add("csf rank 1", format.LayoutCSF, both, tensor.I32, tensor.Shape{3}, parts{{Role: "order", View: row(m, uint8(0))}, {Role: "idx0", View: row(m, uint8(2))}, {Role: "values", View: row(m, int32(6))}})
	mask := func(shape tensor.Shape, b ...byte) tensor.View {
		v, err := tensor.NewView(b, tensor.Bool1, shape, nil, 0, tensor.LittleEndian)
		m.must(err)
		return v
	}
	add("bitmap", format.LayoutBitmap, both, tensor.F64, s34, parts{{Role: "mask", View: mask(s34, 0b0101, 0, 0b1000)}, {Role: "values", View: v3}})
	add("bitmap rank 1", format.LayoutBitmap, both, tensor.I8, tensor.Shape{11}, parts{{Role: "mask", View: mask(tensor.Shape{11}, 0, 6)}, {Role: "values", View: row(m, int8(8), 9)}})
	add("ragged", format.LayoutRagged, 0, tensor.F32, tensor.Shape{3, 2}, parts{{Role: "offsets", View: row(m, int64(0), 2, 2, 3)}, {Role: "values", View: row(m, float32(1), 2, 3)}})
	add("ragged pairs", format.LayoutRagged, 0, tensor.I32, tensor.Shape{2, 2, 2}, parts{{Role: "offsets", View: row(m, uint32(0), 1, 3)}, {Role: "values", View: vec(m, tensor.Shape{3, 2}, int32(1), 2, 3, 4, 5, 6)}})
	add("string", format.LayoutString, 0, tensor.DType{}, tensor.Shape{2, 2}, parts{{Role: "offsets", View: row(m, uint32(0), 3, 3, 6, 9)}, {Role: "bytes", View: row(m, []byte("abc\u20acd\x00f")...)}})
	add("string rank 0", format.LayoutString, 0, tensor.DType{}, nil, parts{{Role: "offsets", View: row(m, uint8(0), 3)}, {Role: "bytes", View: row(m, []byte("one")...)}})
	add("quantised", format.LayoutQuantised, 0, tensor.F32, tensor.Shape{2, 3}, parts{{Role: "values", View: vec(m, tensor.Shape{2, 3}, int8(1), 2, 3, 4, 5, 6)}, {Role: "scales", View: vec(m, tensor.Shape{2, 2}, float32(0.5), 0.5, 0.5, 1)}, {Role: "group", View: row(m, uint32(1), 2)}})
	add("quantised with zeros", format.LayoutQuantised, 0, tensor.F64, tensor.Shape{3, 2}, parts{{Role: "values", View: vec(m, tensor.Shape{3, 2}, uint8(0), 1, 2, 3, 8, 9)}, {Role: "scales", View: vec(m, tensor.Shape{2, 1}, float32(1), 2)}, {Role: "zeros", View: vec(m, tensor.Shape{2, 1}, uint8(1), 2)}, {Role: "group", View: row(m, uint32(2), 9)}})
	add("quantised, one scale", format.LayoutQuantised, 0, tensor.F32, tensor.Shape{3}, parts{{Role: "values", View: row(m, int16(1), 2, 3)}, {Role: "scales", View: row(m, 2.0)}, {Role: "group", View: row(m, uint32(3))}})
	columns, err := vec(m, tensor.Shape{2, 2}, int32(0), 1, 1, 0).Transpose()
	m.must(err)
	add("coo, arrays of column", format.LayoutCOO, both, tensor.I32, tensor.Shape{2, 2}, parts{{Role: "indices", View: columns}, {Role: "values", View: row(m, int32(5), 6)}})
	zero := row(m, int32(0), 0)
	add("coo of zeros", format.LayoutCOO, format.FlagSorted, tensor.I32, tensor.Shape{2, 2}, parts{{Role: "indices", View: vec(m, tensor.Shape{2, 2}, int32(0), 0, 1, 1)}, {Role: "values", View: zero}})
}

// The reader from the specification finds in the composites what was put into
// them, and the content hash that the library computes.
func TestComposites(t *testing.T) {
	n := 0
	for _, file := range []string{"composites", "composites-chunks"} {
		b, err := os.ReadFile(filepath.Join(acceptDir, file+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var want expected
		decode(t, b, &want)
		f, err := tensorfile.Open(filepath.Join(acceptDir, file+".tensor"), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		seen := 0
		for _, w := range want.Tensors {
			if w.Layout == "" {
				continue
			}
			var elements any
			text, ok := composed[w.Name]
			decode(t, []byte(`[`+text+`]`), &elements)
			if !ok || !equalJSON(elements.([]any)[0], w.Elements) {
				got, _ := json.Marshal(w.Elements)
				t.Errorf("%s: %q holds %s, want %s", file, w.Name, got, text)
			}
			seen++
		}
		if seen != len(composed) {
			t.Errorf("%s: %d composites, want %d", file, seen, len(composed))
		}
		n += seen
	}
	t.Logf("%d composites", n)
}

// every is all tensors of a file with their parts, ascending by key.
func every(t *testing.T, f *tensorfile.File) (list []*tensorfile.Tensor) {
	t.Helper()
	var add func(x *tensorfile.Tensor)
	add = func(x *tensorfile.Tensor) {
		list = append(list, x)
		own, err := x.Parts()
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(own, func(a, b tensorfile.Part) int { return strings.Compare(a.Role, b.Role) })
		for _, p := range own {
			add(p.Tensor)
		}
	}
	for x, err := range f.Tensors() {
		if err != nil {
			t.Fatal(err)
		}
		add(x)
	}
	return list
}

// checkComposite compares what is not said of its parts.
func checkComposite(t *testing.T, x *tensorfile.Tensor, layout string, flags uint32, hash string) {
	t.Helper()
	n, have, _ := x.Composite()
	if format.LayoutName(n) != layout || have != flags {
		t.Errorf("%q: layout %d, flags %#x, want %s, %#x", x.Name(), n, have, layout, flags)
	}
	if h, err := x.Hash(ctx); err != nil || hex.EncodeToString(h[:]) != hash {
		t.Errorf("%q: hash %v, want %s (%v)", x.Name(), h, hash, err)
	}
	if _, err := x.ReadComposite(ctx); err != nil {
		t.Errorf("%q: %v", x.Name(), err)
	}
}
