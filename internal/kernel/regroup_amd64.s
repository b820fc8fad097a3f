//go:build !noasm

#include "textflag.h"

// At each place, DI and SI, the steps from BX to R12 are done: Z1 is the index,
// Z0 what has been put together so far.

#define PLACES(TAKE, MERGE, STORE) \
	MOVQ dst+0(FP), R8 \
	MOVQ src+8(FP), R9 \
	MOVQ at+16(FP), DX \
	MOVQ n+24(FP), CX \
	MOVQ steps+32(FP), R11 \
	MOVQ count+40(FP), R12 \
	SHLQ $7, R12 \
	ADDQ R11, R12 \
place: \
	MOVQ (DX), DI \
	MOVQ 8(DX), SI \
	MOVQ R11, BX \
	ADDQ R8, DI \
	ADDQ R9, SI \
	ADDQ $16, DX \
register: \
	VMOVDQU64 (BX), Z1 \
	MOVQ 64(BX), R10 \
	TAKE \
	MOVQ 88(BX), AX \
	KMOVQ 96(BX), K2 \
	MOVQ 104(BX), R13 \
	SUBQ $-128, BX \
	TESTQ AX, AX \
	JNE merge \
store: \
	STORE \
	CMPQ BX, R12 \
	JNE register \
	DECQ CX \
	JNE place \
	VZEROUPPER \
	RET \
merge: \
	VMOVDQU64 (BX), Z1 \
	MOVQ 64(BX), R10 \
	KMOVQ 72(BX), K1 \
	MERGE \
	SUBQ $-128, BX \
	DECQ AX \
	JNE merge \
	JMP store

#define TAKE \
	VPERMB (SI)(R10*1), Z1, Z0

// What is ahead is fetched by hand: patterns take from several rows, in which the
// processor sees no direction.
#define TAKEAHEAD \
	PREFETCHT0 2048(SI)(R10*1) \
	VPERMB (SI)(R10*1), Z1, Z0

#define MERGE \
	VPERMB (SI)(R10*1), Z1, K1, Z0

#define TAKEMASKED \
	KMOVQ 80(BX), K3 \
	VMOVDQU8.Z (SI)(R10*1), K3, Z2 \
	VPERMB Z2, Z1, Z0

#define MERGEMASKED \
	KMOVQ 80(BX), K3 \
	VMOVDQU8.Z (SI)(R10*1), K3, Z2 \
	VPERMB Z2, Z1, K1, Z0

#define PART VMOVDQU8 Z0, K2, (DI)(R13*1)

#define LINE VMOVNTDQ Z0, (DI)(R13*1)

// func regroupVBMI(dst, src *byte, at *Place, n int, steps *regroupStep, count int)
TEXT ·regroupVBMI(SB), NOSPLIT, $0-48
	PLACES(TAKE, MERGE, PART)

// func regroupLinesVBMI(dst, src *byte, at *Place, n int, steps *regroupStep, count int)
// Stores lines past the cache, which all registers must be.
TEXT ·regroupLinesVBMI(SB), NOSPLIT, $0-48
	PLACES(TAKEAHEAD, MERGE, LINE)

// func regroupMaskedVBMI(dst, src *byte, at *Place, n int, steps *regroupStep, count int)
// Reads no byte that is not one of an element.
TEXT ·regroupMaskedVBMI(SB), NOSPLIT, $0-48
	PLACES(TAKEMASKED, MERGEMASKED, PART)
