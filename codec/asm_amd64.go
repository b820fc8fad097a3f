//go:build amd64 && !noasm

package codec

import "golang.org/x/sys/cpu"

// useAsm is false in tests that want the Go form.
var useAsm = cpu.X86.HasAVX2 && cpu.X86.HasBMI2 && cpu.X86.HasBMI1

//go:noescape
func huffTurnsAsm(st *huffState, table *uint64, src, dst *byte, turns int)

// huffPairAsm codes 4*quads bytes of two streams, from where st says on.
//
//go:noescape
func huffPairAsm(st *huffPair, codes *[256]uint64, src, dst *byte, quads int)

//go:noescape
func mix2Asm(dst, src *byte, n int, m *mixture)

//go:noescape
func mix4Asm(dst, src *byte, n int, m *mixture)

//go:noescape
func mix8Asm(dst, src *byte, n int, m *mixture)

func (d *huffDecoder) turns(dst, b []byte, turns int) {
	if !useAsm {
		d.turnsGo(dst, b, turns)
		return
	}
	huffTurnsAsm(&d.states, &d.multi[1<<huffLog], &b[0], &dst[0], turns)
}

// pair codes as much of two streams as is done together, at most quads times
// four bytes of each.
func (e *huffEncoder) pair(dst, src []byte, quads int) {
	if useAsm && quads > 0 {
		huffPairAsm(&e.two, &e.codes, &src[0], &dst[0], quads)
	}
}

// mixFast mixes the first bytes of src, a multiple of 32, and returns how many.
func mixFast(dst, src []byte, w int, m *mixture) int {
	n := len(src) &^ 31
	if !useAsm || n == 0 {
		return 0
	}
	switch w {
	case 2:
		mix2Asm(&dst[0], &src[0], n, m)
	case 4:
		mix4Asm(&dst[0], &src[0], n, m)
	case 8:
		mix8Asm(&dst[0], &src[0], n, m)
	default:
		return 0
	}
	return n
}
