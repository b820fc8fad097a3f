package kernel

import "math/bits"

// A Regrouping moves small patterns of elements that lie differently in dst and
// in src: channels that leave or join pixels, small tiles that are turned, rows
// that go backwards or in steps. A pattern is compiled once, to registers of the
// result and what permutes registers of the source into each, and done at any
// number of places.
//
// The bytes of elements are written, no others; what is read are bytes of src.
type Regrouping struct {
	steps    [maxSteps]regroupStep // first, so that indices do not cross lines of the cache
	shuffles [maxSteps]shuffleStep // instead, where registers are of 32 bytes
	key      regroupKey
	n        int // of either
	at       []Place
	low      Place // the least of at
	high     Place // the greatest
	dst      span  // of a pattern, from its place
	src      span
	whole    span // of src with what registers read beside elements
	full     bool // a pattern consists of whole lines of the cache, if it begins one
	lines    bool // and does so everywhere
}

// An Axis of a pattern has N elements, Dst bytes apart in the result and Src
// bytes in the source.
type Axis struct{ N, Dst, Src int }

// A Place is where a pattern begins in the result and in the source.
type Place struct{ Dst, Src int }

// MaxAxes is the most axes that a pattern may have.
const MaxAxes = 6

// maxSteps bounds the work at a place, maxPattern its bytes.
const (
	maxSteps   = 256
	maxPattern = 4096
)

type regroupKey struct {
	level level
	unit  int
	axes  [MaxAxes]Axis
}

// A span of offsets does not include the upper one. It is empty if that is 0.
type span struct{ low, high int }

// A regroupStep takes bytes out of a register of the source: those of keep, byte
// j of the result from index[j]. The first step of a register of the result says
// how many more there are, and which bytes of it are stored where.
type regroupStep struct {
	index [64]byte
	from  int
	keep  uint64
	use   uint64 // the bytes of elements in the register of the source
	more  int
	store uint64
	to    int
	_     [2]int // to 128 bytes
}

// Set compiles a pattern of units of so many bytes that lie without gaps, along
// axes, those that are densest in the result last. It returns the number of steps
// that it takes, 0 where that would be too many or the axes lie across each other
// in the result.
func (g *Regrouping) Set(unit int, axes []Axis) int {
	key := regroupKey{level: active, unit: unit}
	size := unit
	if len(axes) > MaxAxes {
		return 0
	}
	for i, x := range axes {
		if size *= x.N; size <= 0 || size > maxPattern {
			return 0
		}
		key.axes[i] = x
	}
	if g.n > 0 && g.key == key {
		return g.n
	}
	g.key, g.n = key, 0
	g.dst, g.src, g.whole, g.full = span{}, span{}, span{}, true
	reach := span{0, unit} // in src
	for _, x := range axes {
		reach.low += min(0, (x.N-1)*x.Src)
		reach.high += max(0, (x.N-1)*x.Src)
	}
	var room [64]Place // the bytes of a register, in the order of the result
	bytes := room[:0]
	var index [MaxAxes]int
	for at, last := (Place{}), -1; ; {
		if at.Dst <= last {
			g.n = 0
			return 0
		}
		g.dst.add(at.Dst, unit)
		g.src.add(at.Src, unit)
		for k := range unit {
			if len(bytes) > 0 && at.Dst+k-bytes[0].Dst >= 64 {
				if !g.register(bytes, reach) {
					return 0
				}
				bytes = room[:0]
			}
			bytes = append(bytes, Place{at.Dst + k, at.Src + k})
		}
		last = at.Dst + unit - 1
		i := len(axes) - 1
		for ; i >= 0; i-- {
			x := axes[i]
			at.Dst += x.Dst
			at.Src += x.Src
			if index[i]++; index[i] < x.N {
				break
			}
			at.Dst -= x.N * x.Dst
			at.Src -= x.N * x.Src
			index[i] = 0
		}
		if i < 0 {
			break
		}
	}
	g.register(bytes, reach)
	return g.n
}

// register adds the steps for up to 64 bytes of the result.
func (g *Regrouping) register(bytes []Place, reach span) (ok bool) {
	to := bytes[0].Dst
	g.full = g.full && to%64 == 0 && len(bytes) == 64
	if RegroupBytes() == 32 {
		ok = g.shuffle(bytes, reach)
	} else {
		ok = g.permute(bytes, reach.low)
	}
	if !ok {
		g.n = 0
	}
	return ok
}

// permute adds the steps for a register of 64 bytes.
func (g *Regrouping) permute(bytes []Place, lowest int) bool {
	to := bytes[0].Dst
	var store uint64
	for _, p := range bytes {
		store |= 1 << (p.Dst - to)
	}
	begin := g.n
	for done := uint64(0); done != store; {
		if g.n == maxSteps {
			return false
		}
		s := &g.steps[g.n]
		*s = regroupStep{to: to, store: store}
		s.take(bytes, done, lowest)
		g.whole.add(s.from, 64)
		done |= s.keep
		g.steps[begin].more = g.n - begin
		g.n++
	}
	return true
}

// take chooses the register of src with the lowest byte that is not done, and
// what to take out of it. It begins with that byte, or before it a multiple of 64
// from the lowest of all if that has as many: those are likely to be lines.
func (s *regroupStep) take(bytes []Place, done uint64, lowest int) {
	first := true
	for _, p := range bytes {
		if done>>(p.Dst-s.to)&1 == 0 && (first || p.Src < s.from) {
			s.from, first = p.Src, false
		}
	}
	line := s.from - (s.from-lowest)%64
	last := s.from
	for _, p := range bytes {
		if done>>(p.Dst-s.to)&1 == 0 && p.Src < s.from+64 {
			last = max(last, p.Src)
		}
	}
	if last < line+64 {
		s.from = line
	}
	for _, p := range bytes {
		j, at := p.Dst-s.to, p.Src-s.from
		if done>>j&1 == 0 && at < 64 {
			s.index[j] = byte(at)
			s.keep |= 1 << j
			s.use |= 1 << at
		}
	}
}

func (s *span) add(at, n int) {
	if s.low == s.high {
		s.low, s.high = at, at+n
	}
	s.low, s.high = min(s.low, at), max(s.high, at+n)
}

// At says where the pattern will be done, relative to what Run is given. It keeps
// the list.
func (g *Regrouping) At(list []Place) {
	g.at, g.low, g.high, g.lines = list, list[0], list[0], g.full
	for _, p := range list {
		g.low = Place{min(g.low.Dst, p.Dst), min(g.low.Src, p.Src)}
		g.high = Place{max(g.high.Dst, p.Dst), max(g.high.Src, p.Src)}
		g.lines = g.lines && p.Dst%64 == 0
	}
}

// Lines reports whether what Run writes are whole lines of the cache, if dst[a]
// begins one.
func (g *Regrouping) Lines() bool { return g.lines }

// Run moves the pattern at each of its places, which begin at dst[a] and src[b].
// Whole lines go past the cache if stream is set.
func (g *Regrouping) Run(dst []byte, a int, src []byte, b int, stream bool) {
	need(a+g.low.Dst+g.dst.low >= 0 && a+g.high.Dst+g.dst.high <= len(dst), "pattern outside dst")
	need(b+g.low.Src+g.src.low >= 0 && b+g.high.Src+g.src.high <= len(src), "pattern outside src")
	inside := b+g.high.Src+g.whole.high <= len(src)
	if !regroupFast(g, dst, a, src, b, inside, stream && g.lines) {
		g.runGo(dst, a, src, b)
	}
}

func (g *Regrouping) runGo(dst []byte, a int, src []byte, b int) {
	for _, p := range g.at {
		d, s := a+p.Dst, b+p.Src
		for i := range g.steps[:g.n] {
			step := &g.steps[i]
			for keep := step.keep; keep != 0; keep &= keep - 1 {
				j := bits.TrailingZeros64(keep)
				dst[d+step.to+j] = src[s+step.from+int(step.index[j])]
			}
		}
	}
}

// RegroupBytes is how many bytes of the result a step makes at most. It is 0 where
// there are no registers for that: Run goes byte by byte, and there are better ways.
func RegroupBytes() int { return regroupBytes() }
