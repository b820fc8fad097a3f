//go:build !noasm

package kernel

func regroupBytes() int {
	switch {
	case active >= levelGFNI:
		return 64
	case active >= levelAVX2:
		return 32
	}
	return 0
}

func regroupFast(g *Regrouping, dst []byte, a int, src []byte, b int, inside, lines bool) bool {
	lines = lines && lineOffset(dst[a:]) == 0
	switch {
	case active < levelAVX2:
		return false
	case active < levelGFNI && lines:
		regroupLinesAVX2(&dst[a], &src[b], &g.at[0], len(g.at), &g.shuffles[0], g.n)
	case active < levelGFNI:
		regroupAVX2(&dst[a], &src[b], &g.at[0], len(g.at), &g.shuffles[0], g.n)
	case inside && lines:
		regroupLinesVBMI(&dst[a], &src[b], &g.at[0], len(g.at), &g.steps[0], g.n)
	case inside:
		regroupVBMI(&dst[a], &src[b], &g.at[0], len(g.at), &g.steps[0], g.n)
	default:
		regroupMaskedVBMI(&dst[a], &src[b], &g.at[0], len(g.at), &g.steps[0], g.n)
	}
	return true
}

//go:noescape
func regroupVBMI(dst, src *byte, at *Place, n int, steps *regroupStep, count int)

//go:noescape
func regroupLinesVBMI(dst, src *byte, at *Place, n int, steps *regroupStep, count int)

//go:noescape
func regroupMaskedVBMI(dst, src *byte, at *Place, n int, steps *regroupStep, count int)

//go:noescape
func regroupAVX2(dst, src *byte, at *Place, n int, steps *shuffleStep, count int)

//go:noescape
func regroupLinesAVX2(dst, src *byte, at *Place, n int, steps *shuffleStep, count int)
