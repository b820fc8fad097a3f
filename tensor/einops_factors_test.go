package tensor_test

import (
	"reflect"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

func TestFactors(t *testing.T) {
	p, err := tensor.ParsePattern("b 1 (h h2) ... -> (b h2) ... h")
	if err != nil {
		t.Fatal(err)
	}
	in := tensor.Shape{2, 1, 6, 5, 7}
	got, err := p.RearrangeFactors(in, tensor.Sizes{"h2": 3})
	want := &tensor.Factors{
		Extents: []int64{2, 2, 3, 5, 7},
		Split:   [][]int{{0}, {}, {1, 2}, {3}, {4}},
		Merge:   [][]int{{0, 2}, {3}, {4}, {1}},
		Shape:   tensor.Shape{6, 5, 7, 2},
	}
	if err != nil || !same(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	if p, err = tensor.ParsePattern("b (h 2) w -> w ()"); err != nil {
		t.Fatal(err)
	}
	got, err = p.ReduceFactors(tensor.Shape{3, 4, 5}, nil)
	want = &tensor.Factors{
		Extents: []int64{3, 2, 2, 5}, Split: [][]int{{0}, {1, 2}, {3}}, Merge: [][]int{{3}, {}}, Reduced: []int{0, 1, 2}, Shape: tensor.Shape{5, 1},
	}
	if err != nil || !same(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	if _, err := p.RearrangeFactors(tensor.Shape{3, 4, 5}, nil); err == nil {
		t.Error("an axis is lost in a rearrangement")
	}
}

// same takes nil and empty lists for one.
func same(a, b *tensor.Factors) bool {
	tidy := func(lists [][]int) (out [][]int) {
		for _, l := range lists {
			out = append(out, append([]int{}, l...))
		}
		return out
	}
	return a != nil && reflect.DeepEqual(a.Extents, b.Extents) && reflect.DeepEqual(tidy(a.Split), tidy(b.Split)) && reflect.DeepEqual(tidy(a.Merge), tidy(b.Merge)) &&
		reflect.DeepEqual(append([]int{}, a.Reduced...), append([]int{}, b.Reduced...)) && a.Shape.Equal(b.Shape)
}
