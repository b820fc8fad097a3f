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

// The same with two halves of 16 bytes, steps of 64: Y0 is what has been put together.

#define HALVES(FETCH, STORE) \
	MOVQ dst+0(FP), R8 \
	MOVQ src+8(FP), R9 \
	MOVQ at+16(FP), DX \
	MOVQ n+24(FP), CX \
	MOVQ steps+32(FP), R11 \
	MOVQ count+40(FP), R12 \
	SHLQ $6, R12 \
	ADDQ R11, R12 \
place: \
	MOVQ (DX), DI \
	MOVQ 8(DX), SI \
	MOVQ R11, BX \
	ADDQ R8, DI \
	ADDQ R9, SI \
	ADDQ $16, DX \
register: \
	MOVQ 32(BX), R10 \
	MOVQ 40(BX), R13 \
	FETCH \
	VMOVDQU (SI)(R10*1), X0 \
	VINSERTI128 $1, (SI)(R13*1), Y0, Y0 \
	VPSHUFB (BX), Y0, Y0 \
	MOVQ 48(BX), R13 \
	MOVL 56(BX), AX \
	MOVL 60(BX), R10 \
	ADDQ $64, BX \
	TESTL AX, AX \
	JNE merge \
store: \
	STORE \
next: \
	CMPQ BX, R12 \
	JNE register \
	DECQ CX \
	JNE place \
	VZEROUPPER \
	RET \
merge: \
	MOVQ 32(BX), R14 \
	VMOVDQU (SI)(R14*1), X1 \
	MOVQ 40(BX), R14 \
	VINSERTI128 $1, (SI)(R14*1), Y1, Y1 \
	VPSHUFB (BX), Y1, Y1 \
	VPOR Y1, Y0, Y0 \
	ADDQ $64, BX \
	DECL AX \
	JNE merge \
	JMP store

#define HALVESLINE VMOVNTDQ Y0, (DI)(R13*1)

#define HALVESAHEAD PREFETCHT0 2048(SI)(R10*1)

// func regroupLinesAVX2(dst, src *byte, at *Place, n int, steps *shuffleStep, count int)
// Stores past the cache. All pieces must be of 32 bytes.
TEXT ·regroupLinesAVX2(SB), NOSPLIT, $0-48
	HALVES(HALVESAHEAD, HALVESLINE)

// By the number of bytes, R10.
#define PIECE \
	CMPL R10, $16 \
	JLE  short \
	VMOVDQU Y0, (DI)(R13*1)

// func regroupAVX2(dst, src *byte, at *Place, n int, steps *shuffleStep, count int)
TEXT ·regroupAVX2(SB), NOSPLIT, $0-48
	HALVES(NOP, PIECE)

short:
	JEQ  sixteen
	CMPL R10, $4
	JGT  eight
	JEQ  four
	CMPL R10, $2
	JEQ  two
	VPEXTRB $0, X0, (DI)(R13*1)
	JMP  next

two:
	VPEXTRW $0, X0, (DI)(R13*1)
	JMP next

four:
	VMOVD X0, (DI)(R13*1)
	JMP next

eight:
	VMOVQ X0, (DI)(R13*1)
	JMP next

sixteen:
	VMOVDQU X0, (DI)(R13*1)
	JMP next
