package codec

import (
	"github.com/tensorfile/tensorfile/internal/kernel"
	"github.com/tensorfile/tensorfile/tensor"
)

// inPlace reports whether decoding a filter may have dst and src the same.
func (s *stage) inPlace() bool { return s.kind == kDelta || s.kind == kXordelta || s.kind == kPredict }

// filterEncode fills dst, of the length of src.
func (s *stage) filterEncode(dst, src []byte, b Box) {
	w := s.wordOf(b.DType)
	switch s.kind {
	case kShuffle:
		kernel.Shuffle(dst, src, w)
	case kBitshuffle:
		kernel.BitShuffle(dst, src, w)
	case kDelta:
		kernel.DeltaBy(dst, src, w, s.dist)
		if s.zigzag {
			kernel.Zigzag(dst, dst, w)
		}
	case kXordelta:
		kernel.XorDeltaBy(dst, src, w, s.dist)
	case kPredict:
		s.predict(dst, src, b)
	}
}

// filterDecode undoes filterEncode. dst and src may be the same for filters
// that work in place.
func (s *stage) filterDecode(dst, src []byte, b Box) {
	w := s.wordOf(b.DType)
	switch s.kind {
	case kShuffle:
		kernel.Unshuffle(dst, src, w)
	case kBitshuffle:
		kernel.BitUnshuffle(dst, src, w)
	case kDelta:
		if s.zigzag {
			kernel.Unzigzag(dst, src, w)
			src = dst
		}
		kernel.UndeltaBy(dst, src, w, s.dist)
	case kXordelta:
		kernel.XorUndeltaBy(dst, src, w, s.dist)
	case kPredict:
		s.unpredict(dst, src, b)
	}
}

// ordered reports whether the words of a dtype are read as floats by predict.
func ordered(d tensor.DType) bool {
	return (d.Class == tensor.ClassFloat || d.Class == tensor.ClassComplex) && d.Variant != tensor.VariantE8M0
}

// layout returns the bytes of a step and of a whole turn along an axis.
func layout(b Box, w, axis int) (step, turn int) {
	step = w
	if b.DType.Class == tensor.ClassComplex {
		step *= 2
	}
	for _, extent := range b.Shape[axis+1:] {
		step *= int(extent)
	}
	return step, step * int(b.Shape[axis])
}

func (s *stage) lorenzoAxes(b Box) []int {
	if s.axes != nil {
		return s.axes
	}
	return lastAxis[len(b.Shape)-1:][:1]
}

// lastAxis holds each axis at its own place.
var lastAxis = func() (a [32]int) {
	for i := range a {
		a[i] = i
	}
	return a
}()

func (s *stage) predict(dst, src []byte, b Box) {
	if len(src) == 0 {
		return
	}
	w := word(b.DType)
	if s.paeth {
		if ordered(b.DType) {
			kernel.OrderFloats(dst, src, w)
		} else {
			copy(dst, src)
		}
		s.eachPair(b, w, func(at, row, col, n, m int) {
			paethEncode(dst[at:], w, row, col, n, m, b.DType.Class == tensor.ClassInt || ordered(b.DType))
		})
		kernel.Zigzag(dst, dst, w)
		return
	}
	if ordered(b.DType) {
		kernel.OrderFloats(dst, src, w)
		src = dst
	}
	for _, axis := range s.lorenzoAxes(b) {
		step, turn := layout(b, w, axis)
		for at := 0; at < len(dst); at += turn {
			kernel.DeltaBy(dst[at:at+turn], src[at:at+turn], w, step/w)
		}
		src = dst
	}
	kernel.Zigzag(dst, src, w)
}

func (s *stage) unpredict(dst, src []byte, b Box) {
	if len(src) == 0 {
		return
	}
	w := word(b.DType)
	if s.paeth {
		kernel.Unzigzag(dst, src, w)
		s.eachPair(b, w, func(at, row, col, n, m int) {
			paethDecode(dst[at:], w, row, col, n, m, b.DType.Class == tensor.ClassInt || ordered(b.DType))
		})
		if ordered(b.DType) {
			kernel.OrderFloats(dst, dst, w)
		}
		return
	}
	// All sums go on together, a piece at a time, which stays in the cache. Each
	// ends a step before the one before it, which still needs that step.
	axes := s.lorenzoAxes(b)
	var done [maxAxes]int
	ready := 0
	for begin := 0; begin < len(dst); begin += sumPiece {
		end := min(begin+sumPiece, len(dst))
		kernel.Unzigzag(dst[begin:end], src[begin:end], w)
		for i, axis := range axes {
			step, turn := layout(b, w, axis)
			sumTurns(dst, done[i], end, w, step, turn)
			done[i] = end
			if end < len(dst) {
				end = max(0, end-step)
			}
		}
		if ordered(b.DType) && ready < end {
			kernel.OrderFloats(dst[ready:end], dst[ready:end], w)
			ready = end
		}
	}
}

// sumPiece is how many bytes are summed at a time, a multiple of all words.
const sumPiece = 16 << 10

// sumTurns undoes DeltaBy at a distance of step bytes in each turn, for the
// bytes from begin to end. Those before are done.
func sumTurns(b []byte, begin, end, w, step, turn int) {
	for begin < end {
		first := begin - begin%turn
		stop := min(first+turn, end)
		part := b[max(first, begin-step):stop]
		kernel.UndeltaBy(part, part, w, step/w)
		begin = stop
	}
}
