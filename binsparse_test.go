package tensorfile_test

import (
	"encoding/json"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// sparseOf is a sparse array of dense elements.
func sparseOf(t testing.TB, v tensor.View, to sparse.Layout, o *sparse.Options) *sparse.Array {
	t.Helper()
	return must(sparse.FromDense(ctx, v, tensor.View{}, to, o))(t)
}

// respecified is a with other properties or parts.
func respecified(t testing.TB, a *sparse.Array, change func(s *sparse.Spec)) *sparse.Array {
	t.Helper()
	s := sparse.Spec{Layout: a.Layout(), Shape: a.Shape(), DType: a.DType(), Properties: a.Properties(), Parts: append([]sparse.Part(nil), a.Parts()...)}
	change(&s)
	return must(sparse.New(s))(t)
}

// The names that Binsparse has for sparse arrays, word for word; what has no name
// there gets none (Binsparse specification 0.1).
func TestBinsparseNames(t *testing.T) {
	line := vec(t, nil, float32(0), 5, 0, 6, 0)
	matrix := vec(t, tensor.Shape{2, 3}, 0.0, 1, 0, 2, 0, 3)
	cube := vec(t, tensor.Shape{2, 2, 2}, int8(0), 1, 0, 0, 2, 0, 0, 3)
	square := vec(t, tensor.Shape{2, 2}, 1.0, 2, 2, 3)
	const level1 = `{"level":{"level_desc":"element"},"level_desc":"sparse","rank":1}`
	const level2 = `{"level":` + level1 + `,"level_desc":"sparse","rank":1}`
	csr := sparseOf(t, matrix, sparse.CSR, nil)
	iso := respecified(t, csr, func(s *sparse.Spec) {
		for i, p := range s.Parts {
			if p.Role == sparse.RoleValues {
				s.Parts[i].View = must(vec(t, nil, 7.0).BroadcastTo(tensor.Shape{3}))(t)
			}
		}
	})
	i32 := &sparse.Options{Index: tensor.I32}
	for _, c := range []struct {
		what string
		a    *sparse.Array
		o    *tensorfile.TensorOptions
		want string // "": no name
	}{
		{"a line", sparseOf(t, line, sparse.COO, i32), nil, `{"data_types":{"indices_0":"int32","values":"float32"},"format":"CVEC","number_of_stored_values":2,"shape":[5],"version":"0.1.0"}`},
		{"coo", sparseOf(t, matrix, sparse.COO, i32), nil, `{"data_types":{"indices_0":"int32","indices_1":"int32","values":"float64"},"format":"COOR","number_of_stored_values":3,"shape":[2,3],"version":"0.1.0"}`},
		{"coo of rank 3", sparseOf(t, cube, sparse.COO, i32), nil, `{"custom":{"level":{"level":{"level_desc":"element"},"level_desc":"sparse","rank":3}},"data_types":{"indices_0":"int32","indices_1":"int32","indices_2":"int32","values":"int8"},"format":"custom","number_of_stored_values":3,"shape":[2,2,2],"version":"0.1.0"}`},
		{"csr", csr, nil, `{"data_types":{"indices_1":"int32","pointers_to_1":"int32","values":"float64"},"format":"CSR","number_of_stored_values":3,"shape":[2,3],"version":"0.1.0"}`},
		{"csc, i64", sparseOf(t, matrix, sparse.CSC, &sparse.Options{Index: tensor.I64}), nil, `{"data_types":{"indices_1":"int64","pointers_to_1":"int64","values":"float64"},"format":"CSC","number_of_stored_values":3,"shape":[2,3],"version":"0.1.0"}`},
		{"one value", iso, nil, `{"data_types":{"indices_1":"int32","pointers_to_1":"int32","values":"iso[float64]"},"format":"CSR","number_of_stored_values":3,"shape":[2,3],"version":"0.1.0"}`},
		{"one value in chunks", iso, &tensorfile.TensorOptions{Chunk: tensor.Shape{2}}, `{"data_types":{"indices_1":"int32","pointers_to_1":"int32","values":"float64"},"format":"CSR","number_of_stored_values":3,"shape":[2,3],"version":"0.1.0"}`},
		{"csf of rank 1", sparseOf(t, line, sparse.CSF, i32), nil, `{"data_types":{"indices_0":"int32","values":"float32"},"format":"CVEC","number_of_stored_values":2,"shape":[5],"version":"0.1.0"}`},
		{"csf", sparseOf(t, matrix, sparse.CSF, i32), nil, `{"data_types":{"indices_0":"int32","indices_1":"int32","pointers_to_1":"int32","values":"float64"},"format":"DCSR","number_of_stored_values":3,"shape":[2,3],"version":"0.1.0"}`},
		{"csf by columns", sparseOf(t, matrix, sparse.CSF, &sparse.Options{Index: tensor.I32, Order: []int{1, 0}}), nil, `{"data_types":{"indices_0":"int32","indices_1":"int32","pointers_to_1":"int32","values":"float64"},"format":"DCSC","number_of_stored_values":3,"shape":[2,3],"version":"0.1.0"}`},
		{"csf of rank 3", sparseOf(t, cube, sparse.CSF, i32), nil, `{"custom":{"level":{"level":` + level2 + `,"level_desc":"sparse","rank":1}},"data_types":{"indices_0":"int32","indices_1":"int32","indices_2":"int32","pointers_to_1":"int32","pointers_to_2":"int32","values":"int8"},"format":"custom","number_of_stored_values":3,"shape":[2,2,2],"version":"0.1.0"}`},
		{"csf of rank 3, turned", sparseOf(t, cube, sparse.CSF, &sparse.Options{Index: tensor.I32, Order: []int{2, 0, 1}}), nil, `{"custom":{"level":{"level":` + level2 + `,"level_desc":"sparse","rank":1},"transpose":[1,2,0]},"data_types":{"indices_0":"int32","indices_1":"int32","indices_2":"int32","pointers_to_1":"int32","pointers_to_2":"int32","values":"int8"},"format":"custom","number_of_stored_values":3,"shape":[2,2,2],"version":"0.1.0"}`},
		{"a lower triangle", must(sparseOf(t, square, sparse.CSR, i32).Structured(ctx, sparse.Symmetric, false, i32))(t), nil, `{"data_types":{"indices_1":"int32","pointers_to_1":"int32","values":"float64"},"format":"CSR","number_of_stored_values":3,"shape":[2,2],"structure":"symmetric_lower","version":"0.1.0"}`},
		{"an upper triangle", must(sparseOf(t, square, sparse.COO, i32).Structured(ctx, sparse.Symmetric, true, i32))(t), nil, `{"data_types":{"indices_0":"int32","indices_1":"int32","values":"float64"},"format":"COOR","number_of_stored_values":3,"shape":[2,2],"structure":"symmetric_upper","version":"0.1.0"}`},
		{"a fill", respecified(t, csr, func(s *sparse.Spec) {
			s.Parts = append(s.Parts, sparse.Part{Role: sparse.RoleFill, View: vec(t, tensor.Shape{}, 9.0)})
		}), nil, `{"data_types":{"fill_value":"float64","indices_1":"int32","pointers_to_1":"int32","values":"float64"},"fill":true,"format":"CSR","number_of_stored_values":3,"shape":[2,3],"version":"0.1.0"}`},
		{"nothing declared", respecified(t, csr, func(s *sparse.Spec) { s.Sorted, s.Unique = false, false }), nil, `{"data_types":{"indices_1":"int32","pointers_to_1":"int32","values":"float64"},"format":"CSR","number_of_stored_values":3,"shape":[2,3],"version":"0.1.0"}`},
		{"not sorted", must(sparse.New(sparse.Spec{Layout: sparse.CSR, Shape: tensor.Shape{1, 3}, Parts: []sparse.Part{{Role: sparse.RoleIndptr, View: vec(t, nil, int32(0), 2)}, {Role: sparse.RoleIndices, View: vec(t, nil, int32(2), 1)}, {Role: sparse.RoleValues, View: vec(t, nil, 1.0, 2)}}}))(t), nil, ""},
		{"blocks", sparseOf(t, matrix, sparse.BSR, &sparse.Options{Block: [2]int64{1, 3}}), nil, ""},
		{"a bitmap", sparseOf(t, matrix, sparse.Bitmap, nil), nil, ""},
		{"halves", sparseOf(t, must(matrix.Cast(tensor.F16))(t), sparse.CSR, nil), nil, ""},
	} {
		path := temp(t)
		o := tensorfile.TensorOptions{}
		if c.o != nil {
			o = *c.o
		}
		o.Attrs = tensorfile.Attrs{"unit": "m", "layout": map[string]any{"another": "name"}}
		write(t, path, func(w *tensorfile.Writer) { ok(t, w.AddSparse(ctx, "x", c.a, &o)) })
		f := verified(t, path, nil)
		a := must(must(f.Tensor("x"))(t).Attrs())(t)
		names, _ := a["layout"].(map[string]any)
		got := ""
		if d := names["binsparse"]; d != nil {
			got = string(must(json.Marshal(d))(t))
		}
		if got != c.want || names["another"] != "name" || a["unit"] != "m" {
			t.Errorf("%s:\n got %s\nwant %s\n%v", c.what, got, c.want, a)
		}
		ok(t, f.Close())
	}
}

// A name follows the rows that are put behind the tensor.
func TestBinsparseNamesGrow(t *testing.T) {
	path := temp(t)
	a := sparseOf(t, vec(t, tensor.Shape{2, 3}, 0.0, 1, 0, 2, 0, 3), sparse.CSR, nil)
	write(t, path, func(w *tensorfile.Writer) { ok(t, w.AddSparse(ctx, "x", a, nil)) })
	edit(t, path, func(w *tensorfile.Writer) { must(w.AppendSparse(ctx, "x", a, nil))(t) })
	f := verified(t, path, nil)
	defer f.Close()
	attrs := must(must(f.Tensor("x"))(t).Attrs())(t)
	d := attrs["layout"].(map[string]any)["binsparse"].(map[string]any)
	if got := string(must(json.Marshal([]any{d["shape"], d["number_of_stored_values"], d["format"]}))(t)); got != `[[4,3],6,"CSR"]` {
		t.Errorf("%s", got)
	}
}
