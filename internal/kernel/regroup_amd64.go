//go:build !noasm

package kernel

func regroups() bool { return active >= levelGFNI }

func regroupFast(g *Regrouping, dst []byte, a int, src []byte, b int, inside, lines bool) bool {
	if active < levelGFNI {
		return false
	}
	switch {
	case inside && lines && lineOffset(dst[a:]) == 0:
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
