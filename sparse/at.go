package sparse

import (
	"context"
	"strconv"

	"github.com/tensorfile/tensorfile/tensor"
)

// At returns one element, of rank 0 and in memory of its own and the byte order
// of the machine. Negative indices count from the back. Duplicates are summed,
// and structure and fill value are applied.
//
// It searches in order where entries are sorted. Of CSR, CSC and BSR it
// validates a row by itself if the array is not validated yet, otherwise the
// array. The error of a wrong index is ErrIndex.
func (a *Array) At(idx ...int64) (tensor.View, error) {
	if err := workable(a.dtype); err != nil {
		return tensor.View{}, err
	}
	c := make([]int64, len(idx))
	if len(idx) != len(a.shape) {
		return tensor.View{}, fail(tensor.ErrIndex, "index", strconv.Itoa(len(idx))+" numbers", strconv.Itoa(len(a.shape))+" for shape "+a.shape.String(), "")
	}
	for axis, i := range idx {
		n := a.shape[axis]
		if c[axis] = i; i < 0 {
			c[axis] += n
		}
		if c[axis] < 0 || c[axis] >= n {
			return tensor.View{}, fail(tensor.ErrIndex, "index on axis "+strconv.Itoa(axis), itoa(i), "-"+itoa(n)+" to "+itoa(n-1), "")
		}
	}
	mirror := a.props.Structure != General && c[0] != c[1] && c[0] < c[1] != a.props.Upper
	if mirror {
		c[0], c[1] = c[1], c[0]
	}
	found, err := a.find(c)
	if err != nil {
		return tensor.View{}, err
	}
	out := words{dtype: a.dtype, size: int(a.dtype.UnitBytes), per: 1}.like(1)
	for i, v := range found {
		x, err := v.Clone()
		if err != nil {
			return v, err
		}
		b, err := x.Bytes()
		if err != nil {
			return v, err
		}
		if i == 0 {
			copy(out.b, b)
		} else {
			arithOf(a.dtype).add(out.b, b)
		}
	}
	switch f := a.props.Structure.mirror(a.dtype); {
	case len(found) == 0 && mirror:
		copy(out.b, a.mirroredFill())
	case len(found) == 0:
		copy(out.b, a.fillElement())
	case mirror && f != nil:
		f(out.b)
	}
	return tensor.NewView(out.b, a.dtype, tensor.Shape{}, nil, 0, tensor.HostOrder)
}

// find returns the entries at a coordinate, in the order in which they are
// kept.
func (a *Array) find(at []int64) ([]tensor.View, error) {
	ctx := context.Background()
	values := a.part(RoleValues)
	var out []tensor.View
	entry := func(i ...int64) error {
		v := values
		for _, n := range i {
			var err error
			if v, err = v.Index(0, n); err != nil {
				return err
			}
		}
		out = append(out, v)
		return nil
	}
	switch a.layout {
	case CSR, CSC, BSR:
		major := a.layout.major()
		line, x := at[major], at[1-major]
		b := a.Block()
		if a.layout == BSR {
			line, x = line/b[0], x/b[1]
		}
		c := a.compressed()
		if !a.checked.Load() {
			if c.idx.v.NumElements() > maxEntries || c.ptr.v.NumElements() > maxEntries {
				return nil, a.Validate(ctx, nil)
			}
			if err := a.validateLines(ctx, &c, int(line), int(line)+1, 1); err != nil {
				return nil, err
			}
		}
		begin, end := int(c.ptr.at(int(line))), int(c.ptr.at(int(line)+1))
		if a.props.Sorted {
			begin, end = c.search(begin, end, x), c.search(begin, end, x+1)
		}
		buf := make([]int64, min(piece, end-begin))
		for e := begin; e < end; e += piece {
			for i, y := range c.idx.window(buf, e, min(e+piece, end)) {
				if y != x {
					continue
				}
				where := []int64{int64(e + i)}
				if a.layout == BSR {
					where = append(where, at[0]%b[0], at[1]%b[1])
				}
				if err := entry(where...); err != nil {
					return nil, err
				}
			}
		}
		return out, nil
	}
	if err := a.Validate(ctx, nil); err != nil {
		return nil, err
	}
	switch a.layout {
	case COO:
		axes, err := a.axes()
		if err != nil {
			return nil, err
		}
		want := int64(0)
		for axis, x := range at {
			want = want*a.shape[axis] + x
		}
		e := 0
		if a.props.Sorted {
			for hi := int(a.nnz); e < hi; {
				mid := int(uint(e+hi) / 2)
				if key, _ := a.keyAt(axes, mid); key < want {
					e = mid + 1
				} else {
					hi = mid
				}
			}
		}
		for ; e < int(a.nnz); e++ {
			key, _ := a.keyAt(axes, e)
			if key == want {
				if err := entry(int64(e)); err != nil {
					return nil, err
				}
			} else if a.props.Sorted {
				break
			}
		}
	case CSF:
		begin, end := 0, int(a.part(RoleIdx(0)).NumElements())
		for k, axis := range a.order() {
			c := compressed{idx: intsOf(a.part(RoleIdx(k)))}
			e := c.search(begin, end, at[axis])
			if e == end || c.idx.at(e) != at[axis] {
				return nil, nil
			}
			if k == len(at)-1 {
				if err := entry(int64(e)); err != nil {
					return nil, err
				}
				break
			}
			ptr := intsOf(a.part(RolePtr(k)))
			begin, end = int(ptr.at(e)), int(ptr.at(e+1))
		}
	case Bitmap:
		m, err := a.mask()
		if err != nil {
			return nil, err
		}
		row := int64(0)
		for axis, x := range at[:len(at)-1] {
			row = row*a.shape[axis] + x
		}
		last := at[len(at)-1]
		if m.count(int(row), last, last+1) == 0 {
			return nil, nil
		}
		rank := m.count(int(row), 0, last)
		for i := range int(row) {
			rank += m.count(i, 0, m.width)
		}
		if err := entry(int64(rank)); err != nil {
			return nil, err
		}
	}
	return out, nil
}
