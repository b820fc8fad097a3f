//go:build !amd64 || noasm

package codec

// useAsm is true in no build of this kind.
var useAsm = false

func (d *huffDecoder) turns(dst, b []byte, turns int) { d.turnsGo(dst, b, turns) }

func (e *huffEncoder) pair(_, _ []byte, _ int) {}

func mixFast(_, _ []byte, _ int, _ *mixture) int { return 0 }
