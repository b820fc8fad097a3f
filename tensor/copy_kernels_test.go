package tensor

import (
	"bytes"
	"fmt"
	"testing"
)

// Copies that go through the kernels: turned, swapped and large ones, compared
// with one byte at a time.
func TestCopyByKernels(t *testing.T) {
	runs := 0
	for _, d := range []DType{U8, U16, F32, F64, C128, Text(3), Opaque(32)} {
		size := int64(d.UnitBytes)
		for _, s := range []Shape{{16, 16}, {64, 64}, {65, 130}, {130, 33}, {5, 70, 64}, {200, 3, 40}} {
			n, err := s.NumElements()
			if err != nil {
				t.Fatal(err)
			}
			data := make([]byte, n*size)
			for i := range data {
				data[i] = byte(uint32(i) * 2654435761 >> 17)
			}
			for _, order := range []ByteOrder{HostOrder, 1 - HostOrder} {
				src, err := NewView(data, d, s, nil, 0, order)
				if err != nil {
					t.Fatal(err)
				}
				if src, err = src.Transpose(); err != nil {
					t.Fatal(err)
				}
				for _, axes := range [][]int{nil, {len(s) - 1, 0}} {
					v := src
					if axes != nil && len(s) == 3 {
						if v, err = src.Permute(2, 0, 1); err != nil {
							t.Fatal(err)
						}
					}
					dst, err := Make(d, v.Shape())
					if err != nil {
						t.Fatal(err)
					}
					if err := Copy(dst, v); err != nil {
						t.Fatal(err)
					}
					what := fmt.Sprintf("%v %v order %d axes %v", d, v.Shape(), order, axes)
					compareCopy(t, what, dst, v)
					runs++
				}
			}
		}
	}
	t.Logf("%d copies", runs)
	if runs < 150 {
		t.Error("too few")
	}
}

// compareCopy walks dst, which is in C order, and finds each element of src by
// its strides.
func compareCopy(t *testing.T, what string, dst, src View) {
	t.Helper()
	size, width := int64(dst.dtype.UnitBytes), int64(dst.dtype.swapWidth())
	if src.native || width == 0 {
		width = 1
	}
	index := make([]int64, len(src.shape))
	for at := int64(0); at < int64(len(dst.data)); at += size {
		off := src.offset
		for axis, i := range index {
			off += i * src.strides[axis]
		}
		for k := range size {
			from := k - k%width + width - 1 - k%width
			if dst.data[at+k] != src.data[off+from] {
				t.Fatalf("%s: element %v, byte %d", what, index, k)
			}
		}
		for axis := len(index) - 1; axis >= 0; axis-- {
			if index[axis]++; index[axis] < src.shape[axis] {
				break
			}
			index[axis] = 0
		}
	}
}

func TestLargeCopy(t *testing.T) {
	if testing.Short() {
		t.Skip("copies 80 MiB")
	}
	data := make([]byte, streamMin+12345)
	for i := range data {
		data[i] = byte(uint32(i) * 2654435761 >> 19)
	}
	src, err := FromSlice(data)
	if err != nil {
		t.Fatal(err)
	}
	dst, err := src.Clone()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(dst.data, data) {
		t.Error("a large copy differs")
	}
}
