package tensorfile_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// A composite of a foreign file, one part of which is encoded, is the same
// tensor as one of a native file.
func TestForeignComposite(t *testing.T) {
	var b []byte
	for _, x := range []int32{0, 2, 3, 1, 0, 2} { // indptr, then indices
		b = binary.LittleEndian.AppendUint32(b, uint32(x))
	}
	b[12], b[16], b[20] = 0, 2, 1
	values := []byte{7, 251, 9}
	layout := func() *tensorfile.Layout {
		return &tensorfile.Layout{Format: "made", Storages: []tensorfile.LayoutStorage{
			{Offset: 0, Size: 24},
			{Size: 3, StoredSize: 3, Codec: "text", Open: func(context.Context) (io.ReadCloser, error) {
				return io.NopCloser(bytes.NewReader(values)), nil
			}},
		}, Tensors: []tensorfile.LayoutTensor{{
			Name: "m", DType: tensor.I8, Shape: tensor.Shape{2, 3}, Layout: format.LayoutCSR, Flags: format.FlagSorted | format.FlagUnique,
			Parts: []tensorfile.LayoutTensor{
				{Name: format.RoleValues, Storage: 1, DType: tensor.I8, Shape: tensor.Shape{3}},
				{Name: format.RoleIndptr, DType: tensor.I32, Shape: tensor.Shape{3}},
				{Name: format.RoleIndices, DType: tensor.I32, Offset: 12, Shape: tensor.Shape{3}},
			},
		}}}
	}
	f := foreign(t, b, layout(), nil)
	defer f.Close()
	m := must(f.Tensor("m"))(t)
	parts := must(m.Parts())(t)
	if len(parts) != 3 || parts[0].Role != format.RoleIndptr || parts[2].Role != format.RoleValues {
		t.Errorf("parts %v", parts)
	}
	if _, err := m.Part("mask"); err == nil {
		t.Error("a part that is not there was opened")
	}
	a := must(m.Sparse(t.Context()))(t)
	indices, _ := a.Part(sparse.RoleIndices)
	if got := must(tensor.Data[int32](must(indices.Clone())(t)))(t); got[0] != 0 || got[1] != 2 || got[2] != 1 {
		t.Errorf("indices %v", got)
	}
	ok(t, a.Validate(t.Context(), nil))

	path := filepath.Join(t.TempDir(), "native")
	w := must(tensorfile.Create(path, nil))(t)
	ok(t, w.AddSparse(t.Context(), "m", a, nil))
	ok(t, w.Commit(t.Context()))
	n := must(tensorfile.Open(path, nil))(t)
	defer n.Close()
	if x, y := must(f.Hash(t.Context(), nil))(t), must(n.Hash(t.Context(), nil))(t); x != y {
		t.Errorf("hash %x, native %x", x, y)
	}
	if x, y := must(m.Hash(t.Context()))(t), must(must(n.Tensor("m"))(t).Hash(t.Context()))(t); x != y {
		t.Errorf("hash of the tensor %x, native %x", x, y)
	}
	if r := must(f.Verify(t.Context(), nil))(t); len(r.Findings) != 0 {
		t.Errorf("found %v", r.Findings)
	}

	for what, change := range map[string]func(m *tensorfile.LayoutTensor){
		"a part missing":        func(m *tensorfile.LayoutTensor) { m.Parts = m.Parts[1:] },
		"a part twice":          func(m *tensorfile.LayoutTensor) { m.Parts = append(m.Parts, m.Parts[0]) },
		"a part outside":        func(m *tensorfile.LayoutTensor) { m.Parts[1].Offset = 16 },
		"a shape that is wrong": func(m *tensorfile.LayoutTensor) { m.Shape = tensor.Shape{3, 3} },
		"a layout of its own":   func(m *tensorfile.LayoutTensor) { m.Layout = 99 },
		"flags of its own":      func(m *tensorfile.LayoutTensor) { m.Flags = 1 << 9 },
	} {
		l := layout()
		change(&l.Tensors[0])
		if g, err := tensorfile.OpenLayout(memMap(b), l, nil); err == nil {
			g.Close()
			t.Errorf("%s: opened", what)
		}
	}
}
