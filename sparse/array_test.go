package sparse

import (
	"context"
	"errors"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// of is a view of a slice.
func of[T tensor.Elem](t testing.TB, x []T, shape ...int64) tensor.View {
	t.Helper()
	v, err := tensor.FromSlice(x, shape...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// scalar is a view of rank 0.
func scalar[T tensor.Elem](t testing.TB, x T) tensor.View {
	t.Helper()
	v, err := of(t, []T{x}).Index(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNewOrdersPartsAndDropsOthers(t *testing.T) {
	a, err := New(Spec{
		Layout: CSR, Shape: tensor.Shape{2, 3}, Properties: Properties{Sorted: true, Unique: true},
		Parts: []Part{
			{RoleFill, scalar[float32](t, 7)},
			{RoleValues, of(t, []float32{1, 2})},
			{"other", of(t, []float32{1, 2})},
			{RoleIndices, of(t, []uint8{2, 0})},
			{RoleIndptr, of(t, []int32{0, 1, 2})},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var roles []string
	for _, p := range a.Parts() {
		roles = append(roles, p.Role)
	}
	if want := []string{"indptr", "indices", "values", "fill"}; !equal(roles, want) {
		t.Errorf("parts %v, want %v", roles, want)
	}
	if a.NNZ() != 2 || a.Flags() != 3 || a.DType() != tensor.F32 || a.Density() != 2.0/6 {
		t.Errorf("nnz %d, flags %d, dtype %v, density %v", a.NNZ(), a.Flags(), a.DType(), a.Density())
	}
	if err := a.Validate(context.Background(), nil); err != nil {
		t.Error(err)
	}
	if x, err := Data[uint8](a, RoleIndices); err != nil || x[0] != 2 {
		t.Errorf("Data: %v, %v", x, err)
	}
	if _, err := Data[uint8](a, RoleMask); !errors.Is(err, tensor.ErrNotFound) {
		t.Errorf("Data of a part that is not there: %v", err)
	}
}

func equal[T comparable](a, b []T) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
