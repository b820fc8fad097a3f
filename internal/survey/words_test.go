package survey

import (
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// The codec of a composite is that of those of its parts that hold elements.
func TestCodecOf(t *testing.T) {
	view := func(v tensor.View, err error) tensor.View {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	zstd, lz4, raw := &tensorfile.TensorOptions{Codec: "zstd"}, &tensorfile.TensorOptions{Codec: "lz4"}, &tensorfile.TensorOptions{Codec: "raw"}
	part := func(role string, v tensor.View, o *tensorfile.TensorOptions) tensorfile.CompositePart {
		return tensorfile.CompositePart{Role: role, View: v, Options: o}
	}
	csr := func(indptr, indices, values *tensorfile.TensorOptions) tensorfile.Composite {
		return tensorfile.Composite{Layout: format.LayoutCSR, DType: tensor.F32, Shape: tensor.Shape{2, 9}, Parts: []tensorfile.CompositePart{
			part(format.RoleIndptr, view(tensor.FromSlice([]uint64{0, 1, 3})), indptr),
			part(format.RoleIndices, view(tensor.FromSlice([]uint64{4, 0, 7})), indices),
			part(format.RoleValues, view(tensor.FromSlice([]float32{1.5, -2, 8})), values),
		}}
	}
	quantised := func(values, scales *tensorfile.TensorOptions) tensorfile.Composite {
		return tensorfile.Composite{Layout: format.LayoutQuantised, DType: tensor.F32, Shape: tensor.Shape{4}, Parts: []tensorfile.CompositePart{
			part(format.RoleValues, view(tensor.FromSlice([]int8{1, -2, 3, 4})), values),
			part(format.RoleScales, view(tensor.FromSlice([]float32{0.5, 0.25})), scales),
			part(format.RoleGroup, view(tensor.FromSlice([]uint32{2})), nil),
		}}
	}
	empty := tensorfile.Composite{Layout: format.LayoutCSR, DType: tensor.F32, Shape: tensor.Shape{1, 9}, Parts: []tensorfile.CompositePart{
		part(format.RoleIndptr, view(tensor.FromSlice([]uint64{0, 0})), zstd),
		part(format.RoleIndices, view(tensor.FromSlice([]uint64{})), nil),
		part(format.RoleValues, view(tensor.FromSlice([]float32{})), nil),
	}}
	// Values that are composed themselves: numbers with scales in a sparse matrix.
	inner := quantised(zstd, zstd)
	inner.Shape = tensor.Shape{3}
	inner.Parts[0].View = view(tensor.FromSlice([]int8{1, -2, 3}))
	nested := csr(zstd, zstd, nil)
	nested.Parts[2] = tensorfile.CompositePart{Role: format.RoleValues, Composite: &inner}

	path := filepath.Join(t.TempDir(), "a.tensor")
	w, err := tensorfile.Create(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	want := map[string]string{}
	add := func(name string, c tensorfile.Composite, o *tensorfile.TensorOptions, codec string) {
		t.Helper()
		if err := w.AddComposite(t.Context(), name, c, o); err != nil {
			t.Fatal(err)
		}
		want[name] = codec
	}
	add("plain", csr(nil, nil, nil), nil, "")
	add("all", csr(nil, nil, nil), zstd, "zstd")
	add("chunks", csr(raw, raw, raw), nil, "raw")
	add("two", csr(zstd, zstd, lz4), nil, Mixed)
	add("some", csr(nil, nil, lz4), nil, Mixed)
	add("first", csr(lz4, nil, nil), nil, Mixed)
	add("group", quantised(zstd, zstd), nil, "zstd")
	add("scales", quantised(zstd, nil), nil, Mixed)
	add("empty", empty, nil, "zstd")
	add("nested", nested, nil, "zstd")
	inner.Parts[1].Options = lz4
	add("deep", nested, nil, Mixed)
	if err := w.Add(t.Context(), "dense", view(tensor.FromSlice([]float32{1, 2})), lz4); err != nil {
		t.Fatal(err)
	}
	want["dense"] = "lz4"
	if err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, codec := range want {
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := CodecOf(x); got != codec {
			t.Errorf("%s: %q, want %q", name, got, codec)
		}
	}
}
