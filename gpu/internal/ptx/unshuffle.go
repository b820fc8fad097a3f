package ptx

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/internal/kernel"
)

// What a codec's filters did to words (spec, "shuffle", "bitshuffle" and "planes")
// is undone behind the link. Any address will do for all of them.
//
// Its entries unshuffle_2, _4, _8 (dst, src pointer, bytes u64) and unshuffle_any
// (the same and size u32) undo shuffle of words of so many bytes, bitunshuffle_1,
// _2, _4, _8 and _any undo bitshuffle; join_2, _4, _8 (dst, a pointer for each
// plane, constants u64, n u64, exp u32, turn u32) join n words from planes as the
// codec planes has them: plane k with the pointer 0 is byte k of constants.
var unshuffleModule = module("unshuffle", unshuffleKernels()...)

func unshuffleKernels() []driver.Kernel {
	var all []driver.Kernel
	whole := driver.Signature{driver.Pointer, driver.Pointer, driver.U64}
	any := append(whole[:3:3], driver.U32)
	// Size 0 is that of the last argument.
	add := func(name string, params driver.Signature, size int, f func(dst, src []byte, size int)) {
		all = append(all, driver.Kernel{Name: name, Params: params, Go: func(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
			dst, err := span(m, a.Ptr(0), a.I64(2))
			if err != nil {
				return err
			}
			src, err := span(m, a.Ptr(1), a.I64(2))
			if err != nil {
				return err
			}
			size := size
			if size == 0 {
				size = int(a.U32(3))
			}
			f(dst, src, size)
			return nil
		}})
	}
	for _, size := range []int{2, 4, 8} {
		add(fmt.Sprintf("unshuffle_%d", size), whole, size, unshuffleGo)
	}
	add("unshuffle_any", any, 0, unshuffleGo)
	for _, size := range []int{1, 2, 4, 8} {
		add(fmt.Sprintf("bitunshuffle_%d", size), whole, size, bitUnshuffleGo)
	}
	add("bitunshuffle_any", any, 0, bitUnshuffleGo)
	for _, size := range []int{2, 4, 8} {
		params := driver.Signature{driver.Pointer}
		for range size {
			params = append(params, driver.Pointer)
		}
		all = append(all, driver.Kernel{
			Name:   fmt.Sprintf("join_%d", size),
			Params: append(params, driver.U64, driver.U64, driver.U32, driver.U32),
			Go: func(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
				return joinGo(m, a, size)
			},
		})
	}
	return all
}

func unshuffleGo(dst, src []byte, size int) {
	n := len(src) / size
	copy(dst[n*size:], src[n*size:])
	share(int64(n), int64(pieceBytes/size), func(from, to int64) {
		planes := make([][]byte, size)
		for k := range planes {
			planes[k] = src[k*n+int(from) : k*n+int(to)]
		}
		kernel.JoinPlanes(dst[int(from)*size:int(to)*size], planes)
	})
}

func bitUnshuffleGo(dst, src []byte, size int) {
	groups := len(src) / size / 8
	copy(dst[groups*8*size:], src[groups*8*size:])
	share(int64(groups), int64(pieceBytes/8/size), func(from, to int64) {
		kernel.BitUnshuffleWords(dst, src, size, int(8*from), int(8*to))
	})
}

func joinGo(m driver.Memory, a driver.Args, size int) error {
	constants, n := a.U64(size+1), a.I64(size+2)
	exp, turn := int(a.U32(size+3)), int(a.U32(size+4))
	dst, err := span(m, a.Ptr(0), n*int64(size))
	if err != nil {
		return err
	}
	planes := make([][]byte, size)
	for k := range planes {
		if p := a.Ptr(1 + k); p != 0 {
			if planes[k], err = span(m, p, n); err != nil {
				return err
			}
		}
	}
	const piece = 1 << 15 // of words, so that what is mixed is in the cache
	share(n, piece, func(from, to int64) {
		part := make([][]byte, size)
		for k, p := range planes {
			if p != nil {
				part[k] = p[from:to]
				continue
			}
			part[k] = make([]byte, to-from)
			for i := range part[k] {
				part[k][i] = byte(constants >> (8 * k))
			}
		}
		words := dst[from*int64(size) : to*int64(size)]
		kernel.JoinPlanes(words, part)
		if exp != 0 || turn != 0 {
			restore(words, size, exp, turn)
		}
	})
	return nil
}

// restore turns words to the left and takes the exponent from their top to below
// the sign.
func restore(b []byte, size, exp, turn int) {
	n := 8 * size
	keep, lows, top := ^uint64(0)>>(64-n), uint64(0), uint64(0)
	if exp != 0 {
		low := n - 1 - exp
		keep, lows, top = 1<<low-1, (1<<exp-1)<<low, 1<<(n-1)
	}
	le := binary.LittleEndian
	switch size {
	case 2:
		keep, lows, top := uint16(keep), uint16(lows), uint16(top)
		for ; len(b) >= 2; b = b[2:] {
			r := bits.RotateLeft16(le.Uint16(b), turn)
			le.PutUint16(b, r&keep|r>>1&lows|r<<(exp&15)&top)
		}
	case 4:
		keep, lows, top := uint32(keep), uint32(lows), uint32(top)
		for ; len(b) >= 4; b = b[4:] {
			r := bits.RotateLeft32(le.Uint32(b), turn)
			le.PutUint32(b, r&keep|r>>1&lows|r<<(exp&31)&top)
		}
	default:
		for ; len(b) >= 8; b = b[8:] {
			r := bits.RotateLeft64(le.Uint64(b), turn)
			le.PutUint64(b, r&keep|r>>1&lows|r<<(exp&63)&top)
		}
	}
}

// Unshuffle and BitUnshuffle are the launches for words of 1 to 256 bytes.
func Unshuffle(dst, src driver.Ptr, bytes int64, size int) Launch {
	if size == 2 || size == 4 || size == 8 {
		return launch(unshuffleModule, fmt.Sprintf("unshuffle_%d", size), bytes, 16, argPtr(dst), argPtr(src), argU64(bytes))
	}
	return launch(unshuffleModule, "unshuffle_any", bytes, 4, argPtr(dst), argPtr(src), argU64(bytes), argU32(uint32(size)))
}

// BitUnshuffle is Unshuffle for bits.
func BitUnshuffle(dst, src driver.Ptr, bytes int64, size int) Launch {
	if size == 1 || size == 2 || size == 4 || size == 8 {
		return launch(unshuffleModule, fmt.Sprintf("bitunshuffle_%d", size), bytes, int64(8*size), argPtr(dst), argPtr(src), argU64(bytes))
	}
	return launch(unshuffleModule, "bitunshuffle_any", bytes, 8, argPtr(dst), argPtr(src), argU64(bytes), argU32(uint32(size)))
}

// Join is the launch that joins n words from planes, of which there are 2, 4 or 8.
// A plane at 0 is that byte of constants.
func Join(dst driver.Ptr, planes []driver.Ptr, constants uint64, n int64, exp, turn uint32) Launch {
	args := []driver.Arg{argPtr(dst)}
	for _, p := range planes {
		args = append(args, argPtr(p))
	}
	args = append(args, driver.Arg{Type: driver.U64, Bits: constants}, argU64(n), argU32(exp), argU32(turn))
	return launch(unshuffleModule, fmt.Sprintf("join_%d", len(planes)), n, 8, args...)
}
