//go:build noasm || !amd64

package kernel

func minRowFast[T Number](_, _ []T) int               { return 0 }
func maxRowFast[T Number](_, _ []T) int               { return 0 }
func addRowFast[T Integer](_ []uint64, _ []T) int     { return 0 }
func addRowF32Fast(_ []float64, _ []float32) int      { return 0 }
func addRowF64Fast(_, _ []float64) int                { return 0 }
func sumFast[T Integer](_ []T) (sum uint64, done int) { return 0, 0 }
