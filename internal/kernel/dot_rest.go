//go:build noasm || !amd64

package kernel

func dotF64Fast([]float64, []float64) (float64, bool) { return 0, false }
