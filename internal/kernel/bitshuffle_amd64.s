//go:build !noasm

#include "textflag.h"

// Transposes of squares of 8 by 8 bits, one in each 8 bytes.

DATA ones<>+0(SB)/8, $0x00aa00aa00aa00aa
DATA ones<>+8(SB)/8, $0x0000cccc0000cccc
DATA ones<>+16(SB)/8, $0x00000000f0f0f0f0
GLOBL ones<>(SB), RODATA|NOPTR, $24

// func turnAVX2(p *byte, n int)
// n bytes, a multiple of 64. As turnGo does it, eight squares at a time.
TEXT ·turnAVX2(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), DI
	MOVQ n+8(FP), CX
	VPBROADCASTQ ones<>+0(SB), Y13
	VPBROADCASTQ ones<>+8(SB), Y14
	VPBROADCASTQ ones<>+16(SB), Y15
turn:
	VMOVDQU (DI), Y0
	VMOVDQU 32(DI), Y1

	VPSRLQ $7, Y0, Y2
	VPSRLQ $7, Y1, Y3
	VPXOR  Y0, Y2, Y2
	VPXOR  Y1, Y3, Y3
	VPAND  Y13, Y2, Y2
	VPAND  Y13, Y3, Y3
	VPXOR  Y2, Y0, Y0
	VPXOR  Y3, Y1, Y1
	VPSLLQ $7, Y2, Y2
	VPSLLQ $7, Y3, Y3
	VPXOR  Y2, Y0, Y0
	VPXOR  Y3, Y1, Y1

	VPSRLQ $14, Y0, Y2
	VPSRLQ $14, Y1, Y3
	VPXOR  Y0, Y2, Y2
	VPXOR  Y1, Y3, Y3
	VPAND  Y14, Y2, Y2
	VPAND  Y14, Y3, Y3
	VPXOR  Y2, Y0, Y0
	VPXOR  Y3, Y1, Y1
	VPSLLQ $14, Y2, Y2
	VPSLLQ $14, Y3, Y3
	VPXOR  Y2, Y0, Y0
	VPXOR  Y3, Y1, Y1

	VPSRLQ $28, Y0, Y2
	VPSRLQ $28, Y1, Y3
	VPXOR  Y0, Y2, Y2
	VPXOR  Y1, Y3, Y3
	VPAND  Y15, Y2, Y2
	VPAND  Y15, Y3, Y3
	VPXOR  Y2, Y0, Y0
	VPXOR  Y3, Y1, Y1
	VPSLLQ $28, Y2, Y2
	VPSLLQ $28, Y3, Y3
	VPXOR  Y2, Y0, Y0
	VPXOR  Y3, Y1, Y1

	VMOVDQU Y0, (DI)
	VMOVDQU Y1, 32(DI)
	ADDQ $64, DI
	SUBQ $64, CX
	JNE  turn
	VZEROUPPER
	RET

// byte j has bit j
DATA identity<>+0(SB)/8, $0x8040201008040201
GLOBL identity<>(SB), RODATA|NOPTR, $8

DATA reverse8<>+0(SB)/8, $0x0001020304050607
DATA reverse8<>+8(SB)/8, $0x08090a0b0c0d0e0f
GLOBL reverse8<>(SB), RODATA|NOPTR, $16

// func turnGFNI(p *byte, n int)
// n bytes, a multiple of 64. The instruction multiplies a square of bits with
// vectors of eight bits; with all unit vectors it yields the columns. It counts
// rows from the last byte on, hence the bytes are reversed before.
TEXT ·turnGFNI(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), DI
	MOVQ n+8(FP), CX
	VPBROADCASTQ identity<>(SB), Z14
	VBROADCASTI32X4 reverse8<>(SB), Z15
turng:
	VMOVDQU64 (DI), Z0
	VPSHUFB Z15, Z0, Z0
	VGF2P8AFFINEQB $0, Z0, Z14, Z0
	VMOVDQU64 Z0, (DI)
	ADDQ $64, DI
	SUBQ $64, CX
	JNE  turng
	VZEROUPPER
	RET
