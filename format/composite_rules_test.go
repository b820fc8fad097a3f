package format_test

import (
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// Each layout has its ranks, and the error says which.
func TestCompositeRanks(t *testing.T) {
	for _, c := range []struct {
		layout      uint16
		least, most int
		want        string
	}{
		{format.LayoutCOO, 1, 32, "want 1..32 for coo"}, {format.LayoutCSR, 2, 2, "want 2 for csr"}, {format.LayoutCSC, 2, 2, "want 2 for csc"},
		{format.LayoutBSR, 2, 2, "want 2 for bsr"}, {format.LayoutCSF, 1, 32, "want 1..32 for csf"}, {format.LayoutBitmap, 1, 32, "want 1..32 for bitmap"},
		{format.LayoutRagged, 2, 32, "want 2..32 for ragged"}, {format.LayoutString, 0, 32, "want 0..32 for string"}, {format.LayoutQuantised, 0, 32, "want 0..32 for quantised"},
	} {
		for rank := range 34 {
			d := tensor.F32
			if c.layout == format.LayoutString {
				d = tensor.DType{}
			}
			shape := make(tensor.Shape, rank)
			for i := range shape {
				shape[i] = 1
			}
			err := format.CheckComposite(&format.Composite{Layout: c.layout, DType: d, Shape: shape})
			if err == nil {
				t.Fatalf("layout %d without parts is taken", c.layout)
			}
			if got, want := strings.Contains(err.Error(), c.want), rank < c.least || rank > c.most; got != want {
				t.Errorf("rank %d: %v", rank, err)
			}
		}
	}
}

// Shapes of parts that depend on those of others, right and wrong by one.
func TestCompositeShapes(t *testing.T) {
	type part = format.Part
	i64 := func(role string, shape ...int64) part { return part{Role: role, DType: tensor.I64, Shape: shape} }
	f32 := func(role string, shape ...int64) part { return part{Role: role, DType: tensor.F32, Shape: shape} }
	u32 := func(role string, shape ...int64) part { return part{Role: role, DType: tensor.U32, Shape: shape} }
	bsr := func(h, w, pointers, indices int64) format.Composite {
		return format.Composite{Layout: format.LayoutBSR, Shape: tensor.Shape{6, 4}, Parts: []part{f32(format.RoleValues, 5, h, w), i64(format.RoleIndptr, pointers), i64(format.RoleIndices, indices)}}
	}
	ragged := func(pointers int64, values ...int64) format.Composite {
		return format.Composite{Layout: format.LayoutRagged, Shape: tensor.Shape{3, 9, 4, 2}, Parts: []part{i64(format.RoleOffsets, pointers), f32(format.RoleValues, values...)}}
	}
	quantised := func(group []uint32, scales ...int64) format.Composite {
		return format.Composite{Layout: format.LayoutQuantised, Shape: tensor.Shape{5, 12}, Group: group, Parts: []part{
			{Role: format.RoleValues, DType: tensor.I8, Shape: tensor.Shape{5, 12}}, u32(format.RoleGroup, 2), f32(format.RoleScales, scales...)}}
	}
	zeros := func(shape ...int64) format.Composite {
		c := quantised([]uint32{3, 5}, 2, 3)
		c.Parts = append(c.Parts, part{Role: format.RoleZeros, DType: tensor.I8, Shape: shape})
		return c
	}
	for _, c := range []struct {
		what string
		c    format.Composite
		good bool
	}{
		{"bsr 1x1", bsr(1, 1, 7, 5), true}, {"bsr 1x2", bsr(1, 2, 7, 5), true}, {"bsr 2x1", bsr(2, 1, 4, 5), true}, {"bsr 3x4", bsr(3, 4, 3, 5), true}, {"bsr 6x4", bsr(6, 4, 2, 5), true},
		{"bsr 0x1", bsr(0, 1, 7, 5), false}, {"bsr 1x0", bsr(1, 0, 7, 5), false}, {"bsr 4x1", bsr(4, 1, 2, 5), false}, {"bsr 1x3", bsr(1, 3, 7, 5), false},
		{"bsr pointers", bsr(2, 1, 5, 5), false}, {"bsr pointers", bsr(2, 1, 3, 5), false}, {"bsr indices", bsr(2, 1, 4, 6), false}, {"bsr indices", bsr(2, 1, 4, 4), false},
		{"ragged", ragged(4, 100, 4, 2), true}, {"ragged pointers", ragged(3, 100, 4, 2), false}, {"ragged pointers", ragged(5, 100, 4, 2), false},
		{"ragged values", ragged(4, 100, 4, 3), false}, {"ragged values", ragged(4, 100, 5, 2), false}, {"ragged values", ragged(4, 100, 4), false}, {"ragged values", ragged(4, 100), false},
		{"one group", quantised([]uint32{5, 12}, 1, 1), true}, {"a group too large", quantised([]uint32{6, 13}, 1, 1), true}, {"groups of one", quantised([]uint32{1, 1}, 5, 12), true},
		{"a short group", quantised([]uint32{3, 5}, 2, 3), true}, {"a short group", quantised([]uint32{3, 5}, 3, 3), false}, {"a short group", quantised([]uint32{3, 5}, 2, 4), false},
		{"a short group", quantised([]uint32{3, 5}, 1, 3), false}, {"even groups", quantised([]uint32{5, 4}, 1, 3), true}, {"even groups", quantised([]uint32{5, 4}, 1, 4), false},
		{"group 0", quantised([]uint32{3, 0}, 2, 3), false}, {"scales of another rank", quantised([]uint32{3, 5}, 2), false},
		{"zeros", zeros(2, 3), true}, {"zeros", zeros(2, 4), false}, {"zeros", zeros(1, 3), false},
	} {
		c.c.DType = tensor.F32
		if err := format.CheckComposite(&c.c); (err == nil) != c.good {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}
