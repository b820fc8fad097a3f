package kernels

import (
	"math"
	"strconv"

	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/ptx"
	"github.com/tensorfile/tensorfile/tensor"
)

// ScatterOptions say what is known of the entries of a sparse tensor. Nil means that
// nothing is.
type ScatterOptions struct {
	// Fill is the value of elements without an entry, of rank 0 and the dtype of the
	// values. The zero View is zero.
	Fill tensor.View

	// Unique says that no two entries have the same coordinates: then values are only
	// moved, whatever their dtype. Where some do nevertheless, any of their values
	// stays. Bitmaps are unique.
	Unique bool

	// Sorted says that entries are in C order of their coordinates, so that those of
	// one element are neighbours. It saves memory and time where entries are not
	// unique. Where they are not in order, results are wrong.
	Sorted bool

	// Scratch is room to work in, of ScatterScratch bytes, which nobody else uses
	// before the stream is past the call. Nil: the call allocates it, waits for the
	// stream, and frees it.
	Scratch *gpu.Buffer
}

// ScatterScratch is how many bytes ScatterCOO and ScatterCSR need to work in for a
// number of entries and of elements: none if entries are unique, 8 for each entry if
// they are sorted, else 12 for each entry and 4 for each element.
func ScatterScratch(entries, elements int64, o *ScatterOptions) int64 {
	switch {
	case o != nil && o.Unique:
		return 0
	case entries > math.MaxInt64/32 || elements > math.MaxInt64/32:
		return math.MaxInt64
	}
	return ptx.SumScratch(entries, elements, o != nil && o.Sorted)
}

// ScatterBitmapScratch is how many bytes ScatterBitmap needs to work in: 8 for each
// 8192 elements.
func ScatterBitmapScratch(elements int64) int64 { return ptx.BitmapScratch(elements) }

// ScatterCOO writes a sparse tensor in coordinates to dst, all of it: indices are
// (entries, rank) of any int or uint dtype of 8 to 64 bits, values (entries), or one
// value for all by a stride of 0. The rank is 1 to 8. They are parts of a
// sparse.Array in the layout COO, with the structure General. Coordinates should be
// valid, as Array.Validate checks them; entries outside of dst are left out.
//
// The rule for entries that share coordinates is that of package sparse: the element
// is the sum of their values, added one by one in the order in which they are kept,
// each sum rounded to the dtype; integers wrap, bools are or'ed. There are no atomic
// additions: one thread adds all values of an element, which takes time in the
// distance between its first and its last entry. Dtypes that can be added are bool,
// ints and uints of 8 to 64 bits, f16, bf16, f32 and f64; entries of others must be
// unique. Which NaN a sum is is not said, and a value by itself keeps its bits.
func ScatterCOO(on *gpu.Stream, dst, indices, values *gpu.Tensor, o *ScatterOptions) error {
	s, err := newScatter(on, dst, values, o, operand{"indices", indices})
	if err != nil {
		return err
	}
	rank := int64(dst.Rank())
	if rank < 1 || rank > 8 {
		return bad(tensor.ErrUnsupported, "rank", strconv.FormatInt(rank, 10), "1 to 8")
	}
	if err := wantShape("indices", indices.Shape(), tensor.Shape{s.N, rank}); err != nil {
		return err
	}
	if err := wantIndex("indices", indices.DType()); err != nil {
		return err
	}
	return s.entries(&ptx.COO{Indices: index(indices), Entries: s.Entries, Shape: dst.Shape()})
}

// ScatterCSR writes a matrix in compressed rows to dst, all of it: indptr are
// (rows+1), indices and values (entries), as in the layout CSR of package sparse.
// What ScatterCOO says holds here; pointers that are not valid lead to values that
// are left out or misplaced.
func ScatterCSR(on *gpu.Stream, dst, indptr, indices, values *gpu.Tensor, o *ScatterOptions) error {
	s, err := newScatter(on, dst, values, o, operand{"indptr", indptr}, operand{"indices", indices})
	if err != nil {
		return err
	}
	if dst.Rank() != 2 {
		return bad(tensor.ErrShape, "result", dst.Shape().String(), "a matrix")
	}
	rows, columns := dst.Shape()[0], dst.Shape()[1]
	if rows == math.MaxInt64 {
		return bad(tensor.ErrOverflow, "rows", dst.Shape().String(), "fewer than 2^63-1")
	}
	if err := wantShape("indptr", indptr.Shape(), tensor.Shape{rows + 1}); err != nil {
		return err
	}
	if err := wantShape("indices", indices.Shape(), tensor.Shape{s.N}); err != nil {
		return err
	}
	for _, x := range []operand{{"indptr", indptr}, {"indices", indices}} {
		if err := wantIndex(x.name, x.DType()); err != nil {
			return err
		}
	}
	return s.entries(&ptx.CSR{Pointers: index(indptr), Indices: index(indices), Entries: s.Entries, Rows: rows, Columns: columns})
}

// ScatterBitmap writes the values under the bits of a mask to dst, and the fill value
// where there is no bit: mask is bool1 of the shape of dst, values are (bits), in C
// order of the bits, as in the layout Bitmap of package sparse. Bits beyond the last
// value have the fill value. Of the options, Fill and Scratch count; that is of
// ScatterBitmapScratch bytes.
func ScatterBitmap(on *gpu.Stream, dst, mask, values *gpu.Tensor, o *ScatterOptions) error {
	s, err := newScatter(on, dst, values, o, operand{"mask", mask})
	if err != nil {
		return err
	}
	if err := wantDType("mask", mask.DType(), tensor.Bool1); err != nil {
		return err
	}
	if err := wantShape("mask", mask.Shape(), dst.Shape()); err != nil {
		return err
	}
	if dst.Rank() == 0 {
		return bad(tensor.ErrUnsupported, "rank", "0", "1 or more")
	}
	n := dst.NumElements()
	if n == 0 {
		return nil
	}
	b := &ptx.Bitmap{Mask: ptr(mask), Entries: s.Entries, Shape: dst.Shape()}
	return scratched(s.on, s.uses, s.o.Scratch, ScatterBitmapScratch(n), func(p driver.Ptr) []ptx.Launch {
		return b.Scatter(s.to, p, n, s.fill)
	})
}

// scatter is what the layouts have in common.
type scatter struct {
	ptx.Entries
	on   *gpu.Stream
	dst  *gpu.Tensor
	to   driver.Ptr
	uses []*gpu.Buffer
	fill []byte
	o    ScatterOptions
}

func newScatter(on *gpu.Stream, dst, values *gpu.Tensor, o *ScatterOptions, more ...operand) (*scatter, error) {
	s := &scatter{on: on, dst: dst}
	if o != nil {
		s.o = *o
	}
	if values != nil && values.Rank() == 1 {
		s.N = values.NumElements()
		if s.N > 1 && values.Strides()[0] == 0 {
			s.One = true
			var err error
			if values, err = values.Slice(0, 0, 1, 1); err != nil {
				return nil, err
			}
		}
	}
	var err error
	if s.uses, err = check(on, append([]operand{{"result", dst}, {"values", values}}, more...)...); err != nil {
		return nil, err
	}
	d := dst.DType()
	switch d.UnitBytes {
	case 1, 2, 4, 8, 16:
	default:
		d.UnitElems = 0
	}
	if d.UnitElems != 1 || d.Class < tensor.ClassBool || d.Class > tensor.ClassComplex {
		return nil, bad(tensor.ErrDType, "result", dst.DType().String(), "a bool or number of 8 bits or more")
	}
	if err := wantDType("values", values.DType(), d); err != nil {
		return nil, err
	}
	if values.Rank() != 1 {
		return nil, bad(tensor.ErrShape, "values", values.Shape().String(), "one axis")
	}
	s.Size = int(d.UnitBytes)
	for _, t := range []operand{{"result", dst}, {"values", values}} {
		if n := min(s.Size, 8); !t.Aligned(n) {
			return nil, bad(tensor.ErrMisaligned, t.name, d.String(), "elements at multiples of "+strconv.Itoa(n))
		}
	}
	s.to, s.Ptr = ptr(dst), ptr(values)
	s.fill = make([]byte, s.Size)
	if f := s.o.Fill; f.DType() != (tensor.DType{}) {
		if f.DType() != d || f.Rank() != 0 {
			return nil, bad(tensor.ErrDType, "fill", f.DType().String()+" "+f.Shape().String(), d.String()+" ()")
		}
		to, err := tensor.NewView(s.fill, d, nil, nil, 0, tensor.LittleEndian)
		if err != nil {
			return nil, err
		}
		if err := tensor.Copy(to, f); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// entries writes all of dst: the fill value, then what has an entry.
func (s *scatter) entries(from interface {
	Scatter(dst driver.Ptr) ptx.Launch
	Keys(keys driver.Ptr) ptx.Launch
}) error {
	n := s.dst.NumElements()
	if n == 0 {
		return nil
	}
	list := []ptx.Launch{ptx.Fill(s.to, s.dst.ByteSize(), s.fill)}
	switch {
	case s.N == 0:
		return run(s.on, s.uses, list...)
	case s.o.Unique:
		return run(s.on, s.uses, append(list, from.Scatter(s.to))...)
	}
	d := s.dst.DType()
	if !ptx.Summed(d) {
		return bad(tensor.ErrUnsupported, "entries", d.String()+" that may share coordinates", "a dtype that can be added, or unique entries")
	}
	if s.N >= math.MaxUint32 && !s.o.Sorted {
		return bad(tensor.ErrUnsupported, "entries", strconv.FormatInt(s.N, 10), "less than 2^32-1, unless they are sorted")
	}
	return scratched(s.on, s.uses, s.o.Scratch, ScatterScratch(s.N, n, &s.o), func(p driver.Ptr) []ptx.Launch {
		list = append(list, from.Keys(p))
		return append(list, ptx.Sum(s.to, p, s.Entries, d, n, s.o.Sorted)...)
	})
}

func index(t *gpu.Tensor) ptx.Index {
	return ptx.Index{Ptr: ptr(t), Size: int(t.DType().UnitBytes)}
}

func wantIndex(name string, d tensor.DType) error {
	return wantDType(name, d, tensor.I8, tensor.I16, tensor.I32, tensor.I64, tensor.U8, tensor.U16, tensor.U32, tensor.U64)
}
