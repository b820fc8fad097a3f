package kernel

// Processors without permutations of 64 bytes shuffle two halves of a register of
// 32 bytes, each within 16 bytes of the source.

// A shuffleStep takes bytes out of two registers of 16 bytes of the source: byte
// j of each half of the result from index[j] of its own, none where that has its
// upper bit set. The first step of what is stored says how many more there are, and
// how many bytes of it are stored where.
type shuffleStep struct {
	index [32]byte
	from  [2]int
	to    int
	more  int32
	width int32 // 32, 16, 8, 4, 2 or 1
}

// noByte is an index that takes nothing.
const noByte = 0x80

// shuffle adds the steps for bytes of the result that lie within 64: each run of
// them is stored in as few pieces as powers of two allow, since nothing beside
// them may be written.
func (g *Regrouping) shuffle(bytes []Place, reach span) bool {
	if reach.high-reach.low < 16 {
		return false // reading a register would pass the source
	}
	for len(bytes) > 0 {
		run := 1
		for run < len(bytes) && bytes[run].Dst == bytes[run-1].Dst+1 {
			run++
		}
		width := 32
		for width > run {
			width /= 2
		}
		if !g.piece(bytes[:width], reach) {
			return false
		}
		bytes = bytes[width:]
	}
	return true
}

// piece adds the steps for what one store writes.
func (g *Regrouping) piece(bytes []Place, reach span) bool {
	halves := [2][]Place{bytes[:min(len(bytes), 16)], bytes[min(len(bytes), 16):]}
	var done [2]uint16
	begin := g.n
	for {
		s := shuffleStep{from: [2]int{reach.low, reach.low}, to: bytes[0].Dst, width: int32(len(bytes))}
		for j := range s.index {
			s.index[j] = noByte
		}
		more := false
		for i, half := range halves {
			if done[i] != 1<<len(half)-1 {
				s.from[i] = takeHalf((*[16]byte)(s.index[16*i:]), half, &done[i], reach)
				more = true
			}
		}
		if !more {
			return true
		}
		if g.n == maxSteps {
			return false
		}
		g.shuffles[g.n] = s
		g.shuffles[begin].more = int32(g.n - begin)
		g.n++
	}
}

// takeHalf chooses the 16 bytes of the source that begin with the lowest one that
// is not done, or before it at the end of what the pattern reaches, and takes what
// is in them.
func takeHalf(index *[16]byte, half []Place, done *uint16, reach span) (from int) {
	first := true
	for j, p := range half {
		if *done>>j&1 == 0 && (first || p.Src < from) {
			from, first = p.Src, false
		}
	}
	from = min(from, reach.high-16)
	for j, p := range half {
		if at := p.Src - from; *done>>j&1 == 0 && at >= 0 && at < 16 {
			index[j] = byte(at)
			*done |= 1 << j
		}
	}
	return from
}
