package format

import (
	"fmt"

	"github.com/tensorfile/tensorfile/tensor"
)

// GridAxes says which axis of a view over the grid s stands for each axis of
// the grid, and false unless the view is a permutation of the grid's image or
// of a prefix of its rows (spec, "Views").
func GridAxes(d tensor.DType, shape tensor.Shape, strides tensor.Strides, offset int64, s *StorageRecord) ([]int, bool) {
	rank := len(s.Shape)
	if d != s.DType || offset != 0 || len(shape) != rank || len(strides) != rank {
		return nil, false
	}
	image, err := tensor.Contiguous(d, s.Shape)
	if err != nil {
		return nil, false
	}
	axes := make([]int, rank)
	var used [MaxRank]bool
	// Axes with equal extents and strides stand for each other. Axis 0 comes
	// last, as it takes what is left.
	for k := rank - 1; k >= 0; k-- {
		axes[k] = -1
		for i := rank - 1; i >= 0; i-- {
			fits := shape[i] == s.Shape[k] || k == 0 && shape[i] < s.Shape[0]
			if !used[i] && fits && strides[i] == image[k] && (!d.Packed() || (i == rank-1) == (k == rank-1)) {
				axes[k], used[i] = i, true
				break
			}
		}
		if axes[k] < 0 {
			return nil, false
		}
	}
	return axes, true
}

// CheckGridView reports an error unless rec, whose reach was checked, is a view
// that may stand over the grid s.
func CheckGridView(rec *TensorRecord, s *StorageRecord) error {
	empty := false
	for _, n := range rec.Shape {
		empty = empty || n == 0
	}
	ok := empty && rec.DType == s.DType && rec.Offset == 0
	if !ok && !empty {
		_, ok = GridAxes(rec.DType, rec.Shape, rec.Strides, rec.Offset, s)
	}
	if ok {
		return nil
	}
	return fail(tensor.ErrCorrupt, RuleViewGrid, rec.At, "view over a grid", fmt.Sprintf("%v %v with strides %v at %d", rec.DType, rec.Shape, rec.Strides, rec.Offset), fmt.Sprintf("a permutation of the axes of %v %v, or of its first rows", s.DType, s.Shape))
}
