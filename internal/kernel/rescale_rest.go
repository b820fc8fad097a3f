//go:build noasm || !amd64

package kernel

func rescaleFast(_, _, _, _ []float32, _ int, _ bool) int { return 0 }
func rescaleEachFast(_, _, _, _ []float32, _ bool) int    { return 0 }
