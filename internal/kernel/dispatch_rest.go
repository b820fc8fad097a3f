//go:build noasm || !amd64

package kernel

// What has a fast loop on amd64 alone.

func lineOffset([]byte) int                                                        { return 1 } // not known: nothing is streamed
func lineOffset16([]uint16) int                                                    { return 1 }
func lineOffset32([]float32) int                                                   { return 1 }
func joinStream([]byte, [][]byte, int, int) int                                    { return 0 }
func f32ToU8Fast([]uint8, []float32) int                                           { return 0 }
func f32ToI16Fast([]int16, []float32) int                                          { return 0 }
func f32ToF16Fast([]uint16, []float32, bool) int                                   { return 0 }
func sumF32Fast(*[32]float32, []float32) int                                       { return 0 }
func sumF64Fast(*[16]float64, []float64) int                                       { return 0 }
func copyFast([]byte, []byte) int                                                  { return 0 }
func minMaxF32Fast(_ []float32, lo, hi uint32) (l, h uint32, nan, done int)        { return lo, hi, 0, 0 }
func minMaxF64Fast(_ []float64, lo, hi int64) (l, h int64, nan, done int)          { return lo, hi, 0, 0 }
func transposeFast([]byte, int, []byte, int, int, int, int, bool) (rows, cols int) { return 0, 0 }
func copyRowsFast(_ []byte, _ int, _ []byte, _, _, _ int, _ bool) bool             { return false }
func convertFast(_, _ []byte, _, _ Kind, _ int, _ bool) int                        { return 0 }
func fence()                                                                       {}
func lookupFast(_, _ []byte, _ *Table, _ bool) int                                 { return 0 }
func narrowFast(_, _ []byte, _ *Narrowing, _ bool) int                             { return 0 }
func spreadFast(_, _ []byte, _ int, _ bool) int                                    { return 0 }
func joinElemsFast(_, _ []byte, _ int) int                                         { return 0 }
func regroupBytes() int                                                            { return 0 }
func regroupFast(*Regrouping, []byte, int, []byte, int, bool, bool) bool           { return false }
