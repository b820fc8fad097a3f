package codec

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/tensorfile/tensorfile/tensor"
)

var le = binary.LittleEndian

// lengthSize is what stands before the body of a stage that is no filter.
const lengthSize = 4

// scratch is what one chunk needs meanwhile. It is used by one goroutine at a
// time and goes back to the pool with all it has grown.
type scratch struct {
	buf    [2][]byte // stages read one and write the other
	planes []byte    // of planes, one behind the other
	moved  []byte    // the words of planes, rearranged
	views  [maxWord][]byte
	enc    huffEncoder
	dec    huffDecoder
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// room returns n bytes of *b, which grows if it must. What they hold is not
// known.
func room(b *[]byte, n int) []byte {
	if cap(*b) < n {
		*b = make([]byte, n)
	}
	return (*b)[:n]
}

// most returns the largest decoded length of any stage.
func most(raw int) int { return raw + raw/8 + 4096 }

// Encode appends the stored bytes of a chunk to dst. src holds the raw bytes
// of b and is only read. ErrNoGain says that they would not be fewer than the
// raw ones; dst is then returned as it was.
func (p *Pipeline) Encode(dst, src []byte, b Box) ([]byte, error) {
	if err := b.check(len(src)); err != nil {
		return dst, err
	}
	if err := p.Check(b); err != nil {
		return dst, err
	}
	if !slices.ContainsFunc(p.stages, func(s stage) bool { return !s.filter() }) {
		return dst, ErrNoGain // filters alone keep the length
	}
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	begin := len(dst)
	cur, slot := src, 0
	for i := range p.stages {
		s := &p.stages[i]
		last := i == len(p.stages)-1
		if s.filter() {
			var out []byte
			if last {
				dst = slices.Grow(dst, len(cur))
				out = dst[begin : begin+len(cur)]
			} else {
				out = room(&sc.buf[slot], len(cur))
			}
			s.filterEncode(out, cur, b)
			cur = out
		} else {
			if len(cur) > most(len(src)) {
				return dst[:begin], ErrNoGain
			}
			var out []byte
			if last {
				out = dst
			} else {
				out = sc.buf[slot][:0]
			}
			at := len(out)
			out = le.AppendUint32(out, uint32(len(cur)))
			if len(cur) > 0 {
				var err error
				if out, err = s.stageEncode(out, cur, b, sc, i == 0); err != nil {
					return dst[:begin], err
				}
			}
			if last {
				dst = out
			} else {
				sc.buf[slot] = out
			}
			cur = out[at:]
		}
		slot = 1 - slot
	}
	if len(cur) >= len(src) {
		return dst[:begin], ErrNoGain
	}
	return dst[:begin+len(cur)], nil
}

// Decode turns stored bytes back into the raw bytes of b, which fill dst
// exactly. After an error the content of dst is not known. dst and src must not
// overlap.
func (p *Pipeline) Decode(dst, src []byte, b Box) error {
	if err := b.check(len(dst)); err != nil {
		return err
	}
	if err := p.Check(b); err != nil {
		return err
	}
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	// Stages before the first that is no filter have the raw length.
	sized, direct := 0, 0
	for sized < len(p.stages)-1 && p.stages[sized].filter() {
		sized++
	}
	// Stages up to direct may write to dst, as those before work in place.
	for direct < len(p.stages)-1 && p.stages[direct].inPlace() {
		direct++
	}
	cur, slot := src, 0
	for i := len(p.stages) - 1; i >= 0; i-- {
		s := &p.stages[i]
		n, body := len(cur), cur
		if !s.filter() {
			if len(cur) < lengthSize {
				return broken(s.text, fmt.Sprintf("%d bytes", len(cur)), "a decoded length of 4 bytes")
			}
			declared := uint64(le.Uint32(cur))
			body = cur[lengthSize:]
			if i <= sized && declared != uint64(len(dst)) {
				return wrongLength(s.text, declared, uint64(len(dst)))
			}
			if declared > uint64(most(len(dst))) {
				return fail(tensor.ErrLimit, ruleLength, s.text, fmt.Sprintf("%d bytes", declared), fmt.Sprintf("at most %d bytes", most(len(dst))))
			}
			n = int(declared)
		} else if i <= sized && n != len(dst) {
			return wrongLength(s.text, uint64(n), uint64(len(dst)))
		}
		out := dst
		if i > direct {
			out = room(&sc.buf[slot], n)
		}
		switch {
		case s.filter():
			s.filterDecode(out, cur, b)
		case n == 0:
			if len(body) != 0 {
				return broken(s.text, fmt.Sprintf("%d bytes that decode to none", len(body)), "no bytes")
			}
		default:
			if err := s.stageDecode(out, body, b, sc); err != nil {
				return err
			}
		}
		cur = out
		slot = 1 - slot
	}
	return nil
}

// stageEncode appends the body of a stage that is no filter. src is not empty;
// first says that it is the raw bytes of the box.
func (s *stage) stageEncode(dst, src []byte, b Box, sc *scratch, first bool) ([]byte, error) {
	switch s.kind {
	case kBitpack:
		return bitpackEncode(dst, src, s.wordOf(b.DType)), nil
	case kPlanes:
		exp := 0
		if first {
			exp = exponentBits(b.DType, s.wordOf(b.DType))
		}
		return planesEncode(dst, src, s.wordOf(b.DType), exp, sc), nil
	case kZstd:
		return zstdEncode(dst, src, s.level), nil
	case kLZ4:
		return lz4Encode(dst, src, s.level)
	case kS2:
		return s2Encode(dst, src), nil
	default:
		return deflateEncode(dst, src, s.level)
	}
}

// stageDecode fills dst, which is not empty, from the body of a stage.
func (s *stage) stageDecode(dst, body []byte, b Box, sc *scratch) error {
	switch s.kind {
	case kBitpack:
		return bitpackDecode(s.text, dst, body, s.wordOf(b.DType))
	case kPlanes:
		return planesDecode(s.text, dst, body, s.wordOf(b.DType), sc)
	case kZstd:
		return zstdDecode(s.text, dst, body, &sc.dec)
	case kLZ4:
		return lz4Decode(s.text, dst, body)
	case kS2:
		return s2Decode(s.text, dst, body)
	default:
		return deflateDecode(s.text, dst, body)
	}
}
