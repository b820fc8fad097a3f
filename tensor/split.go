package tensor

import "strconv"

// maxParts bounds the list that a split returns.
const maxParts = 1 << 24

// Split cuts v along an axis into n parts of one extent, without copying. The
// extent must be a multiple of n (ErrShape); ArraySplit does without that.
// Other errors are those of ArraySplit.
func (v View) Split(axis int, n int64) ([]View, error) {
	axis, err := v.axis(axis)
	if err != nil {
		return nil, err
	}
	if n > 0 && v.shape[axis]%n != 0 {
		return nil, v.fail(ErrShape, "split", itoa(n)+" parts of axis "+strconv.Itoa(axis), "a divisor of "+itoa(v.shape[axis]))
	}
	return v.ArraySplit(axis, n)
}

// ArraySplit cuts v along an axis into n parts whose extents differ by one at
// most, the longer ones first, without copying. Parts may be empty.
//
// Errors are ErrIndex (no such axis), ErrShape (n below 1), ErrLimit (more than
// 2^24 parts) and ErrUnsupported where a unit of a packed axis would be cut.
func (v View) ArraySplit(axis int, n int64) ([]View, error) {
	axis, err := v.axis(axis)
	if err != nil {
		return nil, err
	}
	if n < 1 {
		return nil, v.fail(ErrShape, "split", itoa(n)+" parts", "at least one")
	}
	if n > maxParts {
		return nil, v.fail(ErrLimit, "split", itoa(n)+" parts", "at most 2^24")
	}
	size, longer := v.shape[axis]/n, v.shape[axis]%n
	parts := make([]View, n)
	at := int64(0)
	for i := range parts {
		end := at + size
		if int64(i) < longer {
			end++
		}
		if parts[i], err = v.Slice(axis, at, end, 1); err != nil {
			return nil, err
		}
		at = end
	}
	return parts, nil
}

// SplitAt cuts v along an axis before each of the places given, without
// copying: SplitAt(0, 2, 5) is v[:2], v[2:5] and v[5:]. Places follow the rules
// of slices: negative ones count from the back, those outside are clipped, and
// a part that ends before it starts is empty.
//
// Errors are those of Slice.
func (v View) SplitAt(axis int, places ...int64) ([]View, error) {
	parts := make([]View, 0, len(places)+1)
	start := int64(0)
	for i := 0; i <= len(places); i++ {
		end := int64(None)
		if i < len(places) {
			end = places[i]
		}
		p, err := v.Slice(axis, start, end, 1)
		if err != nil {
			return nil, err
		}
		parts, start = append(parts, p), end
	}
	return parts, nil
}
