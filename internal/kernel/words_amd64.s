//go:build !noasm

#include "textflag.h"

DATA swapBytes<>+0(SB)/8, $0x0607040502030001
DATA swapBytes<>+8(SB)/8, $0x0e0f0c0d0a0b0809
DATA swapBytes<>+16(SB)/8, $0x0405060700010203
DATA swapBytes<>+24(SB)/8, $0x0c0d0e0f08090a0b
DATA swapBytes<>+32(SB)/8, $0x0001020304050607
DATA swapBytes<>+40(SB)/8, $0x08090a0b0c0d0e0f
GLOBL swapBytes<>(SB), RODATA|NOPTR, $48

// What is done to the words of Y0 and Y1. Y15 is zero, Y14 all ones; there is
// no shift of bytes, Y13 has 0x7f and Y12 0x01 in each.

#define ZIGZAG(ADD, GT) \
	ADD Y0, Y0, Y2 \
	ADD Y1, Y1, Y3 \
	GT  Y0, Y15, Y0 \
	GT  Y1, Y15, Y1 \
	VPXOR Y2, Y0, Y0 \
	VPXOR Y3, Y1, Y1

// bit 0 moved to the top and compared with zero is the sign for all bits
#define UNZIGZAG(SRL, SLL, GT, top) \
	SLL $top, Y0, Y2 \
	SLL $top, Y1, Y3 \
	SRL $1, Y0, Y0 \
	SRL $1, Y1, Y1 \
	GT  Y2, Y15, Y2 \
	GT  Y3, Y15, Y3 \
	VPXOR Y2, Y0, Y0 \
	VPXOR Y3, Y1, Y1

#define UNZIGZAG1 \
	VPAND  Y12, Y0, Y2 \
	VPAND  Y12, Y1, Y3 \
	VPSRLW $1, Y0, Y0 \
	VPSRLW $1, Y1, Y1 \
	VPAND  Y13, Y0, Y0 \
	VPAND  Y13, Y1, Y1 \
	VPSUBB Y2, Y15, Y2 \
	VPSUBB Y3, Y15, Y3 \
	VPXOR  Y2, Y0, Y0 \
	VPXOR  Y3, Y1, Y1

#define ORDER(SRL, GT) \
	GT  Y0, Y15, Y2 \
	GT  Y1, Y15, Y3 \
	SRL $1, Y2, Y2 \
	SRL $1, Y3, Y3 \
	VPXOR Y2, Y0, Y0 \
	VPXOR Y3, Y1, Y1

#define ORDER1 \
	VPCMPGTB Y0, Y15, Y2 \
	VPCMPGTB Y1, Y15, Y3 \
	VPAND Y13, Y2, Y2 \
	VPAND Y13, Y3, Y3 \
	VPXOR Y2, Y0, Y0 \
	VPXOR Y3, Y1, Y1

#define WORDS(BODY, loop) \
	MOVQ dst+0(FP), DI \
	MOVQ src+8(FP), SI \
	MOVQ n+16(FP), CX \
	VPXOR Y15, Y15, Y15 \
	VPCMPEQB Y14, Y14, Y14 \
	VPSUBB Y14, Y15, Y12 \
	VPSRLW $9, Y14, Y13 \
	VPACKUSWB Y13, Y13, Y13 \
	XORQ AX, AX \
loop: \
	VMOVDQU (SI)(AX*1), Y0 \
	VMOVDQU 32(SI)(AX*1), Y1 \
	BODY \
	VMOVDQU Y0, (DI)(AX*1) \
	VMOVDQU Y1, 32(DI)(AX*1) \
	ADDQ $64, AX \
	CMPQ AX, CX \
	JB   loop \
	VZEROUPPER \
	RET

// func swapAVX2(dst, src *byte, n, which int)
// n bytes, a multiple of 64, here and below. which is 0, 1, 2 for words of 2,
// 4, 8 bytes.
TEXT ·swapAVX2(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ which+24(FP), AX
	SHLQ $4, AX
	LEAQ swapBytes<>(SB), DX
	VBROADCASTI128 (DX)(AX*1), Y15
	XORQ AX, AX
swap:
	VMOVDQU (SI)(AX*1), Y0
	VMOVDQU 32(SI)(AX*1), Y1
	VPSHUFB Y15, Y0, Y0
	VPSHUFB Y15, Y1, Y1
	VMOVDQU Y0, (DI)(AX*1)
	VMOVDQU Y1, 32(DI)(AX*1)
	ADDQ $64, AX
	CMPQ AX, CX
	JB   swap
	VZEROUPPER
	RET

// func zigzag1AVX2(dst, src *byte, n int)
TEXT ·zigzag1AVX2(SB), NOSPLIT, $0-24
	WORDS(ZIGZAG(VPADDB, VPCMPGTB), zigzag1)

// func zigzag2AVX2(dst, src *byte, n int)
TEXT ·zigzag2AVX2(SB), NOSPLIT, $0-24
	WORDS(ZIGZAG(VPADDW, VPCMPGTW), zigzag2)

// func zigzag4AVX2(dst, src *byte, n int)
TEXT ·zigzag4AVX2(SB), NOSPLIT, $0-24
	WORDS(ZIGZAG(VPADDD, VPCMPGTD), zigzag4)

// func zigzag8AVX2(dst, src *byte, n int)
TEXT ·zigzag8AVX2(SB), NOSPLIT, $0-24
	WORDS(ZIGZAG(VPADDQ, VPCMPGTQ), zigzag8)

// func unzigzag1AVX2(dst, src *byte, n int)
TEXT ·unzigzag1AVX2(SB), NOSPLIT, $0-24
	WORDS(UNZIGZAG1, unzigzag1)

// func unzigzag2AVX2(dst, src *byte, n int)
TEXT ·unzigzag2AVX2(SB), NOSPLIT, $0-24
	WORDS(UNZIGZAG(VPSRLW, VPSLLW, VPCMPGTW, 15), unzigzag2)

// func unzigzag4AVX2(dst, src *byte, n int)
TEXT ·unzigzag4AVX2(SB), NOSPLIT, $0-24
	WORDS(UNZIGZAG(VPSRLD, VPSLLD, VPCMPGTD, 31), unzigzag4)

// func unzigzag8AVX2(dst, src *byte, n int)
TEXT ·unzigzag8AVX2(SB), NOSPLIT, $0-24
	WORDS(UNZIGZAG(VPSRLQ, VPSLLQ, VPCMPGTQ, 63), unzigzag8)

// func order1AVX2(dst, src *byte, n int)
TEXT ·order1AVX2(SB), NOSPLIT, $0-24
	WORDS(ORDER1, order1)

// func order2AVX2(dst, src *byte, n int)
TEXT ·order2AVX2(SB), NOSPLIT, $0-24
	WORDS(ORDER(VPSRLW, VPCMPGTW), order2)

// func order4AVX2(dst, src *byte, n int)
TEXT ·order4AVX2(SB), NOSPLIT, $0-24
	WORDS(ORDER(VPSRLD, VPCMPGTD), order4)

// func order8AVX2(dst, src *byte, n int)
TEXT ·order8AVX2(SB), NOSPLIT, $0-24
	WORDS(ORDER(VPSRLQ, VPCMPGTQ), order8)
