package kernel

import "encoding/binary"

// MostParts is the largest number of elements to a pixel that a Regrouping
// takes apart or puts together.
const MostParts = 16

// A Regrouping moves elements between pixels, in which they lie side by side, and
// planes of their own, in groups of pixels that fill 64 bytes of each plane. It
// serves any number of runs with the same steps.
type Regrouping struct {
	outs, pairs      int
	dstStep, dstNext int // between registers of a group, between groups
	base, srcNext    int // where in src a group begins, and the next
	table            [MostParts * (MostParts / 2) * regroupEntry]byte
}

// regroupEntry is an index for each byte, a mask, and two distances.
const regroupEntry = 64 + 8 + 8 + 8

// set fills the table: byte j of register out comes from byte at of register in,
// the registers of src lying step bytes apart.
func (g *Regrouping) set(outs, ins, step int, from func(out, j int) (in, at int)) {
	g.outs, g.pairs = outs, (ins+1)/2
	for out := range outs {
		for p := range g.pairs {
			e := g.table[(out*g.pairs+p)*regroupEntry:][:regroupEntry]
			a, b := 2*p, min(2*p+1, ins-1)
			var mask uint64
			for j := range 64 {
				switch in, at := from(out, j); {
				case in == a:
					e[j], mask = byte(at), mask|1<<j
				case in == b:
					e[j], mask = byte(64+at), mask|1<<j
				}
			}
			binary.LittleEndian.PutUint64(e[64:], mask)
			binary.LittleEndian.PutUint64(e[72:], uint64(int64(a*step)))
			binary.LittleEndian.PutUint64(e[80:], uint64(int64(b*step)))
		}
	}
}

// Split prepares taking apart: pixels of parts elements of size bytes each, of
// which outs are taken, the k-th from first + k*step on, bytes all. They go to
// planes dstStep bytes apart.
func (g *Regrouping) Split(size, parts, outs, first, step, dstStep int) {
	need(parts >= 1 && parts <= MostParts && outs >= 1 && outs <= MostParts, badSize)
	g.base = 0
	g.dstStep, g.dstNext, g.srcNext = dstStep, 64, 64*parts
	g.set(outs, parts, 64, func(out, j int) (in, at int) {
		b := j/size*parts*size + first + out*step + j%size
		return b / 64, b % 64
	})
}

// Merge prepares putting together: parts elements of size bytes to a pixel, from
// planes srcStep bytes apart.
func (g *Regrouping) Merge(size, parts, srcStep int) {
	need(parts >= 1 && parts <= MostParts, badSize)
	g.base = 0
	g.dstStep, g.dstNext, g.srcNext = 64, 64*parts, 64
	g.set(parts, parts, srcStep, func(out, j int) (in, at int) {
		b := out*64 + j
		pixel, rest := b/(parts*size), b%(parts*size)
		return rest / size, pixel*size + rest%size
	})
}

// Reverse prepares turning the order of elements of size bytes around.
func (g *Regrouping) Reverse(size int) {
	g.base = size - 64
	g.dstStep, g.dstNext, g.srcNext = 0, 64, -64
	g.set(1, 1, 0, func(out, j int) (in, at int) { return 0, 64 - size - j/size*size + j%size })
}

// Run moves groups from src[b:] to dst[a:] and returns how many it could: all, or
// none where there is no loop in assembly. A group reads whole pixels. stream is
// as in Convert, and taken for a wish: registers that do not lie on lines of the
// cache are stored as they are.
func (g *Regrouping) Run(dst []byte, a int, src []byte, b, groups int, stream bool) int {
	if groups <= 0 {
		return 0
	}
	stream = stream && g.dstStep%64 == 0 && lineOffset(dst[a:]) == 0
	return regroupFast(g, dst, a, src, b+g.base, groups, stream)
}
