package operate

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform"
)

// Pad puts elements around a tensor, as transform.Pad does.
type Pad struct {
	// Amounts before and behind: one pair for the rows and columns of images and
	// the one axis of others, or a pair for each axis.
	Amounts [][2]int64
	Mode    transform.PadMode
	// Value of Constant, cast to the dtype.
	Value float64
}

func (p Pad) String() string {
	list := make([]string, len(p.Amounts))
	for i, n := range p.Amounts {
		list[i] = strconv.FormatInt(n[0], 10)
		if n[0] != n[1] {
			list[i] += ":" + strconv.FormatInt(n[1], 10)
		}
	}
	text := "pad " + strings.Join(list, ",")
	switch {
	case p.Mode != transform.Constant:
		text += "; " + p.Mode.String()
	case p.Value != 0:
		text += "; constant=" + strconv.FormatFloat(p.Value, 'g', -1, 64)
	}
	return text
}

func (p Pad) apply(in []*array) ([]*array, error) {
	return each(in, func(a *array) error {
		d, before := a.n.form()
		pad, err := p.amounts(a)
		if err != nil {
			return err
		}
		shape, err := transform.PadShape(before, pad)
		if err != nil {
			return err
		}
		o := &transform.PadOptions{Mode: p.Mode, Workers: 1}
		if p.Value != 0 && p.Mode == transform.Constant {
			if o.Fill, err = tensor.FromSlice([]float64{p.Value}); err != nil {
				return err
			}
			if err := try(tensor.F64, d, tensor.Cast); err != nil {
				return err
			}
		}
		var whole []int
		for axis, n := range pad {
			if n == ([2]int64{}) {
				continue
			}
			whole = append(whole, axis)
			if before[axis] == 0 && p.Mode != transform.Constant {
				return a.fail(tensor.ErrShape, fmt.Sprintf("pad of axis %d", axis), "no elements to "+p.Mode.String(), "at least one")
			}
			if d.Packed() && axis == len(pad)-1 {
				return a.fail(tensor.ErrUnsupported, "pad", "the packed axis of "+d.String(), "another axis, or another dtype first")
			}
		}
		if len(whole) == 0 {
			return nil
		}
		a.n = &blockwise{unary: unary{a.n, d, shape}, from: alone(len(shape), whole...), fn: func(dst, src tensor.View) error {
			return transform.PadInto(dst, src, pad, o)
		}}
		_, from := all(shape)
		a.carry(before, from, func(i int) bool { return pad[i] != [2]int64{} })
		return nil
	})
}

// amounts are those of each axis.
func (p Pad) amounts(a *array) ([][2]int64, error) {
	rank := len(a.shape())
	if len(p.Amounts) == rank {
		return p.Amounts, nil
	}
	if len(p.Amounts) != 1 {
		return nil, a.fail(tensor.ErrShape, "pad", fmt.Sprintf("%d amounts for %v", len(p.Amounts), a.shape()), "one, or one for each axis")
	}
	im, err := a.image()
	if err != nil {
		return nil, err
	}
	pad := make([][2]int64, rank)
	pad[im.y], pad[im.x] = p.Amounts[0], p.Amounts[0]
	return pad, nil
}

func parsePad(text string) (Operator, error) {
	bad := badValue("pad", text, "AMOUNT, BEFORE:BEHIND or one of them for each axis with commas between, and '; edge', '; reflect', '; symmetric', '; wrap' or '; constant=VALUE'")
	p := Pad{}
	amounts, mode, some := strings.Cut(text, ";")
	for s := range strings.SplitSeq(amounts, ",") {
		before, behind, two := strings.Cut(strings.TrimSpace(s), ":")
		if !two {
			behind = before
		}
		x, err := strconv.ParseUint(before, 10, 62)
		y, err2 := strconv.ParseUint(behind, 10, 62)
		if err != nil || err2 != nil {
			return nil, bad
		}
		p.Amounts = append(p.Amounts, [2]int64{int64(x), int64(y)})
	}
	if !some {
		return p, nil
	}
	name, value, valued := strings.Cut(strings.TrimSpace(mode), "=")
	var err error
	if p.Mode, err = transform.ParsePadMode(strings.TrimSpace(name)); err != nil || valued && p.Mode != transform.Constant {
		return nil, bad
	}
	if valued {
		if p.Value, err = number(value); err != nil {
			return nil, bad
		}
	}
	return p, nil
}
