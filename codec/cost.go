package codec

// What coding costs, in units of a memcpy of the same bytes on one thread. The
// table stands for a processor with the assembly loops of this package; it is
// part of what Choose means and the same everywhere.

// encodeCost is by bytes that a stage takes in, roughly.
var encodeCost = [...]float64{
	kShuffle: 0.5, kBitshuffle: 1.5, kDelta: 0.6, kXordelta: 0.6, kPredict: 1.5,
	kBitpack: 5, kPlanes: 6, kZstd: 16, kLZ4: 8, kS2: 6, kDeflate: 120,
}

// Decoding, by bytes that a stage gives.
const (
	costShuffle    = 0.5
	costBitshuffle = 1.2
	costDelta      = 0.7 // one pass over words
	costPaeth      = 25
	costJoin       = 0.8
	costMix        = 0.4
	costLookup     = 8.5 // of a code of huffLog bits
)

// levelCost is how much longer high levels search.
func levelCost(level int) float64 {
	switch {
	case level <= 2:
		return 1
	case level <= 5:
		return 2
	case level <= 9:
		return 5
	}
	return 60
}

// measured is what a pipeline has made of one box.
type measured struct {
	stored int     // bytes
	fixed  int     // of them, about how many would not grow with the box
	cost   float64 // of decoding
}

// measure codes a sample without the raw guard. What the trial itself has cost
// is added to spent.
func (p *Pipeline) measure(x sample, spent *float64) (m measured, ok bool) {
	if p.Check(x.box) != nil {
		return m, false
	}
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	cur := x.data
	slot := 0
	for i := range p.stages {
		s := &p.stages[i]
		n := float64(len(cur))
		if s.filter() {
			out := room(&sc.buf[slot], len(cur))
			s.filterEncode(out, cur, x.box)
			cur = out
			m.cost += n * s.filterCost(x.box)
			*spent += n * encodeCost[s.kind]
		} else {
			out := le.AppendUint32(sc.buf[slot][:0], uint32(len(cur)))
			if len(cur) > 0 {
				var err error
				if out, err = s.stageEncode(out, cur, x.box, sc, i == 0); err != nil {
					return m, false
				}
			}
			sc.buf[slot] = out
			m.cost += s.stageCost(out[lengthSize:], len(cur), x.box)
			m.fixed = s.fixed(out[lengthSize:], len(cur), x.box)
			// What nearly vanishes is quickly coded.
			rate := min(1, 0.5+8*float64(len(out))/max(n, 1))
			*spent += n * rate * encodeCost[s.kind] * levelCost(s.level)
			cur = out
		}
		slot = 1 - slot
	}
	m.stored = len(cur)
	m.fixed = min(m.fixed, m.stored*3/4)
	return m, true
}

// fixed estimates how many bytes of a body, which decodes to n, are tables and
// headers.
func (s *stage) fixed(body []byte, n int, b Box) int {
	switch {
	case s.kind == kZstd && n < b.RawLen()/8:
		return lengthSize + 12 + min(100, len(body)/4)
	case s.kind == kZstd: // tables stand in each block of 128 KiB
		return lengthSize + 12
	case s.kind != kPlanes || len(body) == 0:
		return lengthSize
	}
	w := s.wordOf(b.DType)
	total := lengthSize + planesHead + 8*w
	for k := range w {
		if h := body[planesHead+8*k:]; h[0] == planeZstd {
			total += 25 + min(60, int(le.Uint32(h[4:]))/4)
		}
	}
	return total
}

func (s *stage) filterCost(b Box) float64 {
	switch s.kind {
	case kShuffle:
		return costShuffle
	case kBitshuffle:
		return costBitshuffle
	case kPredict:
		if s.paeth {
			return costPaeth / float64(word(b.DType))
		}
		passes := 1 + len(s.lorenzoAxes(b))
		if ordered(b.DType) {
			passes++
		}
		return costDelta * float64(passes)
	}
	if s.zigzag {
		return 2 * costDelta
	}
	return costDelta
}

// stageCost returns what decoding a body costs that gives n bytes.
func (s *stage) stageCost(body []byte, n int, b Box) float64 {
	if n == 0 {
		return 0
	}
	rate := float64(len(body)) / float64(n)
	switch s.kind {
	case kBitpack:
		// Blocks of one word are filled, the others unpacked.
		return float64(n) * (0.4 + min(30*rate, 12/float64(s.wordOf(b.DType)), 6))
	case kPlanes:
		w := s.wordOf(b.DType)
		cost := float64(n) * costJoin
		if body[0] != 0 || body[1] != 0 {
			cost += float64(n) * costMix
		}
		for k := range w {
			h := body[planesHead+8*k:]
			if plane := float64(n / w); h[0] == planeZstd {
				bits := 8 * float64(le.Uint32(h[4:])) / plane
				cost += plane * (0.5 + costLookup*bits/huffLog*1.3)
			}
		}
		return cost
	case kLZ4:
		return float64(n) * (0.7 + 6*rate*(1-min(rate, 1)) + 0.5*rate)
	case kS2:
		return float64(n) * (0.7 + 9*rate)
	case kDeflate:
		return float64(n) * (4 + 70*rate)
	}
	return float64(n) * (0.5 + 12*min(rate, 1))
}
