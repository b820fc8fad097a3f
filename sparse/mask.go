package sparse

import (
	"encoding/binary"
	"math/bits"

	"github.com/tensorfile/tensorfile/tensor"
)

// mask is the bits of a mask, row by row along the last axis.
type mask struct {
	b     []byte
	rows  int
	width int64
	bytes int // of a row
}

// maskOf returns the mask of a Bitmap array.
func (a *Array) mask() (mask, error) {
	v := a.part(RoleMask)
	if !v.IsContiguous() {
		var err error
		if v, err = v.Clone(); err != nil {
			return mask{}, err
		}
	}
	b, err := v.Bytes()
	return newMask(b, a.shape), err
}

func newMask(b []byte, s tensor.Shape) mask {
	m := mask{b: b, rows: 1, width: s[len(s)-1]}
	if len(b) == 0 {
		m.rows = 0
		return m
	}
	m.bytes = int((m.width + 7) / 8)
	m.rows = len(b) / m.bytes
	return m
}

// row is the bytes of a row; those behind its end may have any bits.
func (m mask) row(i int) []byte { return m.b[i*m.bytes : (i+1)*m.bytes] }

// count is the number of set bits of a row in [lo, hi).
func (m mask) count(i int, lo, hi int64) int {
	n := 0
	m.each(i, lo, hi, func(x uint64, _ int64) { n += bits.OnesCount64(x) })
	return n
}

// each calls fn for the bits of a row in [lo, hi), 64 at a time: bit 0 of x is
// that at position at, and those outside are 0.
func (m mask) each(i int, lo, hi int64, fn func(x uint64, at int64)) {
	row := m.row(i)
	for at := lo &^ 63; at < hi; at += 64 {
		var x uint64
		if b := row[at/8:]; len(b) >= 8 {
			x = binary.LittleEndian.Uint64(b)
		} else {
			for j, y := range b {
				x |= uint64(y) << (8 * j)
			}
		}
		if at < lo {
			x &= ^uint64(0) << (lo - at)
		}
		if hi-at < 64 {
			x &= 1<<(hi-at) - 1
		}
		fn(x, at)
	}
}

// ranks are the numbers of set bits before each row, and of all.
func (m mask) ranks(workers int) []int64 {
	out := make([]int64, m.rows+1)
	split(m.rows, workers, func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			out[i+1] = int64(m.count(i, 0, m.width))
		}
	})
	for i := range m.rows {
		out[i+1] += out[i]
	}
	return out
}

// keysOfMask are the positions of the set bits.
func (a *Array) keysOfMask(k *keyed, workers int) error {
	m, err := a.mask()
	if err != nil {
		return err
	}
	k.keys = fresh[int64](int(a.nnz))
	ranks := m.ranks(workers)
	eachLine(ranks, workers, func(lo, hi int) {
		at := ranks[lo]
		for i := lo; i < hi; i++ {
			m.each(i, 0, m.width, func(x uint64, bit int64) {
				for base := int64(i)*m.width + bit; x != 0; x &= x - 1 {
					k.keys[at] = base + int64(bits.TrailingZeros64(x))
					at++
				}
			})
		}
	})
	return nil
}

// maskParts are the parts of a bitmap of sorted and unique keys.
func maskParts(k *keyed, limit budget) ([]Part, error) {
	size, err := tensor.ByteSize(tensor.Bool1, k.shape)
	if err != nil {
		return nil, err
	}
	if err := limit.bytes("mask", size); err != nil {
		return nil, err
	}
	v, err := tensor.Make(tensor.Bool1, k.shape)
	if err != nil {
		return nil, err
	}
	b, err := v.Bytes()
	if err != nil {
		return nil, err
	}
	m := newMask(b, k.shape)
	div := by(max(m.width, 1))
	for _, key := range k.keys {
		row, bit := div.of(key)
		m.b[int(row)*m.bytes+int(bit>>3)] |= 1 << (bit & 7)
	}
	values, err := k.val.view(len(k.keys))
	return []Part{{RoleMask, v}, {RoleValues, values}}, err
}
