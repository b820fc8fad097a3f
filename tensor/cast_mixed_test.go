package tensor

import "testing"

// Short rows wait for others in the memory that long ones pass through: each
// must come out whole.
func TestCastMixedRows(t *testing.T) {
	n := 0
	for _, long := range []int64{1584, 1000, 300, 257, 2500} {
		for _, d := range []DType{F8E4M3FN, I16, BF16, C64} {
			base, err := Make(F64, Shape{3, long, 2})
			if err != nil {
				t.Fatal(err)
			}
			x, err := Data[float64](base)
			if err != nil {
				t.Fatal(err)
			}
			for i := range x {
				x[i] = float64(i % 7)
			}
			small, err := base.Cast(d)
			if err != nil {
				t.Fatal(err)
			}
			turned, err := small.Permute(2, 1, 0)
			if err != nil {
				t.Fatal(err)
			}
			want, err := base.Permute(2, 1, 0)
			if err != nil {
				t.Fatal(err)
			}
			got, err := turned.Cast(F64)
			if err != nil {
				t.Fatal(err)
			}
			if same, err := Equal(got, want); err != nil || !same {
				t.Errorf("%v, rows of %d: elements are lost (%v)", d, long, err)
			}
			n++
		}
	}
	if n != 20 {
		t.Errorf("%d casts", n)
	}
}
