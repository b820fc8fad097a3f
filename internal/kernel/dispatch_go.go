//go:build noasm || !amd64

package kernel

// Without assembly every fast loop does nothing and leaves all to Go.

func detect() level { return levelGo }

func lineOffset([]byte) int      { return 1 } // not known: nothing is streamed
func lineOffset32([]float32) int { return 1 }

func splitFast([][]byte, []byte, int) int           { return 0 }
func joinFast([]byte, [][]byte, int) int            { return 0 }
func joinStream([]byte, [][]byte, int, int) int     { return 0 }
func splitBitsFast([]byte, int, []byte) int         { return 0 }
func joinBitsFast([]byte, []byte, int) int          { return 0 }
func deltaFast(_, _ []byte, _, _, end int) int      { return end }
func undeltaFast(_, _ []byte, _, d, _ int) int      { return d }
func eachWordFast(_, _ []byte, _ int, _ wordOp) int { return 0 }
func u8ToF32Fast([]float32, []uint8, bool) int      { return 0 }
func i16ToF32Fast([]float32, []int16, bool) int     { return 0 }
func bf16ToF32Fast([]float32, []uint16, bool) int   { return 0 }
func f16ToF32Fast([]float32, []uint16, bool) int    { return 0 }
func f32ToF16Fast([]uint16, []float32) int          { return 0 }
func f32ToBF16Fast([]uint16, []float32) int         { return 0 }
func sumF32Fast(*[32]float32, []float32) int        { return 0 }
func sumF64Fast(*[16]float64, []float64) int        { return 0 }
func countNaN32Fast([]float32) (n, done int)        { return 0, 0 }
func countNaN64Fast([]float64) (n, done int)        { return 0, 0 }
func copyFast([]byte, []byte) int                   { return 0 }

func minMaxF32Fast(_ []float32, lo, hi uint32) (l, h uint32, nan, done int) { return lo, hi, 0, 0 }
func minMaxF64Fast(_ []float64, lo, hi int64) (l, h int64, nan, done int)   { return lo, hi, 0, 0 }

func transposeFast([]byte, int, []byte, int, int, int, int) (rows, cols int) { return 0, 0 }
