//go:build noasm || (!amd64 && !arm64)

package kernel

// Without assembly every fast loop does nothing and leaves all to Go.

var levelNames = [...]string{"go"}

func detect() level                                 { return levelGo }
func splitFast([][]byte, []byte, int) int           { return 0 }
func joinFast([]byte, [][]byte, int) int            { return 0 }
func splitBitsFast([]byte, int, []byte) int         { return 0 }
func joinBitsFast([]byte, []byte, int) int          { return 0 }
func deltaFast(_, _ []byte, _, _, end int) int      { return end }
func undeltaFast(_, _ []byte, _, d, _ int) int      { return d }
func eachWordFast(_, _ []byte, _ int, _ wordOp) int { return 0 }
func u8ToF32Fast([]float32, []uint8, bool) int      { return 0 }
func i16ToF32Fast([]float32, []int16, bool) int     { return 0 }
func bf16ToF32Fast([]float32, []uint16, bool) int   { return 0 }
func f16ToF32Fast([]float32, []uint16, bool) int    { return 0 }
func f32ToBF16Fast([]uint16, []float32, bool) int   { return 0 }
