//go:build !noasm

#include "textflag.h"

// At each place, DI and SI, the steps at BX are done: Z1 is the index, Z2 and Z3
// the two registers of the source, Z0 what has been put together.

#define PLACES(STEP, STORE) \
	MOVQ dst+0(FP), R8 \
	MOVQ src+8(FP), R9 \
	MOVQ at+16(FP), DX \
	MOVQ n+24(FP), CX \
place: \
	MOVQ (DX), DI \
	MOVQ 8(DX), SI \
	ADDQ R8, DI \
	ADDQ R9, SI \
	ADDQ $16, DX \
	MOVQ steps+32(FP), BX \
	MOVQ count+40(FP), R12 \
step: \
	VMOVDQU64 (BX), Z1 \
	KMOVQ 64(BX), K1 \
	MOVQ 80(BX), R10 \
	MOVQ 88(BX), R11 \
	STEP \
	VMOVDQU8 Z1, K1, Z0 \
	CMPQ 72(BX), $0 \
	JEQ next \
	MOVQ 112(BX), R13 \
	STORE \
next: \
	SUBQ $-128, BX \
	DECQ R12 \
	JNE step \
	DECQ CX \
	JNE place \
	VZEROUPPER \
	RET

#define PART \
	KMOVQ 72(BX), K2 \
	VMOVDQU8 Z0, K2, (DI)(R13*1)

#define LINE \
	VMOVNTDQ Z0, (DI)(R13*1)

#define WHOLE \
	VMOVDQU64 (SI)(R10*1), Z2 \
	VPERMI2B (SI)(R11*1), Z2, Z1

#define MASKED \
	KMOVQ 96(BX), K3 \
	KMOVQ 104(BX), K4 \
	VMOVDQU8.Z (SI)(R10*1), K3, Z2 \
	VMOVDQU8.Z (SI)(R11*1), K4, Z3 \
	VPERMI2B Z3, Z2, Z1

// func regroupVBMI(dst, src *byte, at *Place, n int, steps *regroupStep, count int)
TEXT ·regroupVBMI(SB), NOSPLIT, $0-48
	PLACES(WHOLE, PART)

// func regroupLinesVBMI(dst, src *byte, at *Place, n int, steps *regroupStep, count int)
// Stores whole lines, past the cache.
TEXT ·regroupLinesVBMI(SB), NOSPLIT, $0-48
	PLACES(WHOLE, LINE)

// func regroupMaskedVBMI(dst, src *byte, at *Place, n int, steps *regroupStep, count int)
// Reads no byte that is not one of an element.
TEXT ·regroupMaskedVBMI(SB), NOSPLIT, $0-48
	PLACES(MASKED, PART)
