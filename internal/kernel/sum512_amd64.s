//go:build !noasm

#include "textflag.h"

// Sums at distances of 1, 2, 4 and 8 bytes, 64 at a time: within each lane of 16
// as in delta_amd64.s, by the same masks, then the totals of the lanes before,
// then that of all before. Only the last addition waits for the one before it.

#define STEP512(OP, MASK) \
	VPSHUFB MASK, Z0, Z1 \
	OP Z1, Z0, Z0

#define STEPS512x1(OP) \
	STEP512(OP, Z10)
#define STEPS512x2(OP) \
	STEP512(OP, Z10) \
	STEP512(OP, Z11)
#define STEPS512x3(OP) \
	STEP512(OP, Z10) \
	STEP512(OP, Z11) \
	STEP512(OP, Z12)
#define STEPS512x4(OP) \
	STEP512(OP, Z10) \
	STEP512(OP, Z11) \
	STEP512(OP, Z12) \
	STEP512(OP, Z13)

#define NEARSUM512(OP, STEPS, loop) \
	MOVQ dst+0(FP), DI \
	MOVQ src+8(FP), SI \
	MOVQ n+16(FP), CX \
	MOVQ masks+24(FP), DX \
	VBROADCASTI32X4 (DX), Z10 \
	VBROADCASTI32X4 16(DX), Z11 \
	VBROADCASTI32X4 32(DX), Z12 \
	VBROADCASTI32X4 48(DX), Z13 \
	VBROADCASTI32X4 64(DX), Z14 \
	VBROADCASTI32X4 -16(DI), Z2 \
	VPSHUFB Z14, Z2, Z2 \
	VPXORQ Z15, Z15, Z15 \
	XORQ AX, AX \
loop: \
	VMOVDQU64 (SI)(AX*1), Z0 \
	STEPS(OP) \
	VPSHUFB Z14, Z0, Z3 \
	VALIGNQ $6, Z15, Z3, Z4 \
	OP Z4, Z3, Z3 \
	VALIGNQ $4, Z15, Z3, Z4 \
	OP Z4, Z3, Z3 \
	VALIGNQ $6, Z15, Z3, Z4 \
	OP Z4, Z0, Z0 \
	OP Z2, Z0, Z0 \
	VMOVDQU64 Z0, (DI)(AX*1) \
	VSHUFI64X2 $0xff, Z3, Z3, Z3 \
	OP Z3, Z2, Z2 \
	ADDQ $64, AX \
	CMPQ AX, CX \
	JB   loop \
	VZEROUPPER \
	RET

// func nearSum1AVX512(dst, src *byte, n int, masks *[5][16]byte)
// n bytes, a multiple of 64. The 16 bytes before dst are read.
TEXT ·nearSum1AVX512(SB), NOSPLIT, $0-32
	NEARSUM512(VPADDB, STEPS512x4, near512x1)

// func nearSum2AVX512(dst, src *byte, n int, masks *[5][16]byte)
TEXT ·nearSum2AVX512(SB), NOSPLIT, $0-32
	NEARSUM512(VPADDW, STEPS512x3, near512x2)

// func nearSum4AVX512(dst, src *byte, n int, masks *[5][16]byte)
TEXT ·nearSum4AVX512(SB), NOSPLIT, $0-32
	NEARSUM512(VPADDD, STEPS512x2, near512x4)

// func nearSum8AVX512(dst, src *byte, n int, masks *[5][16]byte)
TEXT ·nearSum8AVX512(SB), NOSPLIT, $0-32
	NEARSUM512(VPADDQ, STEPS512x1, near512x8)
