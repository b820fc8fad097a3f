package kernel

import (
	"encoding/binary"
	"math/bits"
)

// What is done to each word by itself. dst has the length of src and may be
// src; words have 1, 2, 4 or 8 bytes; what is left over behind the last is
// copied.

// ByteSwap reverses the bytes of each word.
func ByteSwap(dst, src []byte, size int) { eachWord(dst, src, size, opSwap) }

// Zigzag maps two's complement numbers to small unsigned ones: 0, -1, 1, -2
// become 0, 1, 2, 3.
func Zigzag(dst, src []byte, size int) { eachWord(dst, src, size, opZigzag) }

// Unzigzag undoes Zigzag.
func Unzigzag(dst, src []byte, size int) { eachWord(dst, src, size, opUnzigzag) }

// OrderFloats maps IEEE numbers, by their bits, to integers in two's complement
// of the same order, -0 before 0: where the top bit is set all bits but it are
// inverted. It is its own inverse.
func OrderFloats(dst, src []byte, size int) { eachWord(dst, src, size, opOrder) }

type wordOp int

const (
	opSwap wordOp = iota
	opZigzag
	opUnzigzag
	opOrder
)

func eachWord(dst, src []byte, size int, op wordOp) {
	need(len(dst) == len(src), badLength)
	need(size == 1 || size == 2 || size == 4 || size == 8, badSize)
	if size == 1 && op == opSwap {
		copy(dst, src)
		return
	}
	i := eachWordFast(dst, src, size, op)
	dst, src = dst[i:], src[i:]
	switch op {
	case opSwap:
		swapGo(dst, src, size)
	case opZigzag:
		zigzagGo(dst, src, size)
	case opUnzigzag:
		unzigzagGo(dst, src, size)
	case opOrder:
		orderGo(dst, src, size)
	}
	end := len(src) - len(src)%size
	copy(dst[end:], src[end:])
}

func swapGo(dst, src []byte, size int) {
	le := binary.LittleEndian
	switch size {
	case 2:
		for ; len(src) >= 2; dst, src = dst[2:], src[2:] {
			le.PutUint16(dst, bits.ReverseBytes16(le.Uint16(src)))
		}
	case 4:
		for ; len(src) >= 4; dst, src = dst[4:], src[4:] {
			le.PutUint32(dst, bits.ReverseBytes32(le.Uint32(src)))
		}
	case 8:
		for ; len(src) >= 8; dst, src = dst[8:], src[8:] {
			le.PutUint64(dst, bits.ReverseBytes64(le.Uint64(src)))
		}
	}
}

func zigzagGo(dst, src []byte, size int) {
	le := binary.LittleEndian
	switch size {
	case 1:
		for i, v := range src {
			dst[i] = v<<1 ^ byte(int8(v)>>7)
		}
	case 2:
		for ; len(src) >= 2; dst, src = dst[2:], src[2:] {
			v := le.Uint16(src)
			le.PutUint16(dst, v<<1^uint16(int16(v)>>15))
		}
	case 4:
		for ; len(src) >= 4; dst, src = dst[4:], src[4:] {
			v := le.Uint32(src)
			le.PutUint32(dst, v<<1^uint32(int32(v)>>31))
		}
	case 8:
		for ; len(src) >= 8; dst, src = dst[8:], src[8:] {
			v := le.Uint64(src)
			le.PutUint64(dst, v<<1^uint64(int64(v)>>63))
		}
	}
}

func unzigzagGo(dst, src []byte, size int) {
	le := binary.LittleEndian
	switch size {
	case 1:
		for i, v := range src {
			dst[i] = v>>1 ^ -(v & 1)
		}
	case 2:
		for ; len(src) >= 2; dst, src = dst[2:], src[2:] {
			v := le.Uint16(src)
			le.PutUint16(dst, v>>1^-(v&1))
		}
	case 4:
		for ; len(src) >= 4; dst, src = dst[4:], src[4:] {
			v := le.Uint32(src)
			le.PutUint32(dst, v>>1^-(v&1))
		}
	case 8:
		for ; len(src) >= 8; dst, src = dst[8:], src[8:] {
			v := le.Uint64(src)
			le.PutUint64(dst, v>>1^-(v&1))
		}
	}
}

func orderGo(dst, src []byte, size int) {
	le := binary.LittleEndian
	switch size {
	case 1:
		for i, v := range src {
			dst[i] = v ^ byte(int8(v)>>7)&0x7f
		}
	case 2:
		for ; len(src) >= 2; dst, src = dst[2:], src[2:] {
			v := le.Uint16(src)
			le.PutUint16(dst, v^uint16(int16(v)>>15)>>1)
		}
	case 4:
		for ; len(src) >= 4; dst, src = dst[4:], src[4:] {
			v := le.Uint32(src)
			le.PutUint32(dst, v^uint32(int32(v)>>31)>>1)
		}
	case 8:
		for ; len(src) >= 8; dst, src = dst[8:], src[8:] {
			v := le.Uint64(src)
			le.PutUint64(dst, v^uint64(int64(v)>>63)>>1)
		}
	}
}
