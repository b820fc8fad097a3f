package tensor

import (
	"sync"

	"github.com/tensorfile/tensorfile/internal/kernel"
)

// Elements that lie side by side in one operand and far apart in the other, as
// the channels of pixels do, move by whole registers: see kernel.Regrouping.

type regroupForm uint8

const (
	splitRows   regroupForm = iota + 1 // each row of dst takes one element of each pixel of src
	splitPixels                        // all rows take from the same pixels
	mergePixels                        // rows of dst are pixels
	reverseRows                        // rows lie backwards in src
)

var regroupings = sync.Pool{New: func() any { return new(kernel.Regrouping) }}

// choose looks whether blocks of n1 rows of n0 units are to be regrouped.
func (m *mover) choose(n1, n0 int) {
	u := m.unit
	if m.a0 != u || u != 1 && u != 2 && u != 4 && u != 8 && u != 16 {
		return
	}
	get := func(f regroupForm) *kernel.Regrouping {
		m.form, m.regroup = f, regroupings.Get().(*kernel.Regrouping)
		return m.regroup
	}
	parts := m.b0 / u
	switch {
	case m.b0 == -u && n0*u >= 64:
		get(reverseRows).Reverse(u)
	case n0 > 1 && n0 <= kernel.MostParts && n1*u >= 64 && m.b1 == u && m.a1 == n0*u:
		get(mergePixels).Merge(u, n0, m.b0)
	case m.b0%u != 0 || parts < 2 || parts > kernel.MostParts || n0*u < 64:
	case n1 > 1 && n1 <= kernel.MostParts && m.b1%u == 0 && (n1-1)*max(m.b1, -m.b1)+u <= m.b0:
		// The pixels begin with the row that comes first in src.
		get(splitPixels).Split(u, parts, n1, max(0, -(n1-1)*m.b1), m.b1, m.a1)
	case n1 < tile || m.b1 != u:
		get(splitRows).Split(u, parts, 1, 0, 0, 0)
	}
}

// regrouped is block for what choose chose. What does not fill a group is done
// by element, or with elements that were there before if there are any.
func (m *mover) regrouped(a, b, n1, n0 int) {
	u := m.unit
	per := 64 / u
	switch m.form {
	case mergePixels:
		done := m.regroup.Run(m.dst, a, m.src, b, n1/per, m.stream) * per
		if done > 0 && done < n1 {
			done = n1
			m.regroup.Run(m.dst, a+(n1-per)*m.a1, m.src, b+(n1-per)*u, 1, false)
		}
		m.rows(a+done*m.a1, b+done*m.b1, n1-done, n0)
	case splitPixels:
		first := b + min(0, (n1-1)*m.b1)
		m.split(a, first, b, n1, n0, max((n1-1)*m.b1, -(n1-1)*m.b1))
	case splitRows:
		for i := range n1 {
			m.split(a+i*m.a1, b+i*m.b1, b+i*m.b1, 1, n0, 0)
		}
	case reverseRows:
		for i := range n1 {
			x, y := a+i*m.a1, b+i*m.b1
			done := m.regroup.Run(m.dst, x, m.src, y, n0/per, m.stream) * per
			if done > 0 && done < n0 {
				done = n0
				m.regroup.Run(m.dst, x+(n0-per)*u, m.src, y-(n0-per)*u, 1, false)
			}
			m.rows(x+done*u, y-done*u, 1, n0-done)
		}
	}
}

// split takes n0 pixels apart that begin at first, reach bytes beyond the last
// of which the view has no more.
func (m *mover) split(a, first, b, n1, n0, reach int) {
	u := m.unit
	per := 64 / u
	// A group reads pixels to their ends: the last may lack some.
	groups := ((n0-1)*m.b0 + reach + u) / (per * m.b0)
	done := m.regroup.Run(m.dst, a, m.src, first, groups, m.stream) * per
	m.rows(a+done*u, b+done*m.b0, n1, n0-done)
}
