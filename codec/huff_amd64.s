//go:build amd64 && !noasm

#include "textflag.h"

// bits: what comes next, in the top bits; out: where symbols go.
// The entry of the table: bits used, six symbols, their number.
#define LOOKUP(bits, out, t, e) \
	MOVQ  bits, t           \
	SHRQ  $53, t            \
	MOVQ  (DI)(t*8), e      \
	SHLXQ e, bits, bits     \
	RORXQ $8, e, t          \
	MOVQ  t, (out)          \
	SHRQ  $56, e            \
	ADDQ  e, out

#define LOOKUPS \
	LOOKUP(R8, R12, AX, CX)  \
	LOOKUP(R9, R13, BX, DX)  \
	LOOKUP(R10, R14, AX, CX) \
	LOOKUP(R11, R15, BX, DX)

// The lowest bit that is set says how many bits are used up.
#define REFILL(bits, at, t, e, p) \
	TZCNTQ bits, t            \
	MOVQ   t, e               \
	SHRQ   $3, e              \
	MOVQ   at, p              \
	SUBQ   e, p               \
	MOVQ   p, at              \
	ANDQ   $7, t              \
	MOVQ   (p), e             \
	ORQ    $1, e              \
	SHLXQ  t, e, bits

// func huffTurnsAsm(st *huffState, table *uint64, src, dst *byte, turns int)
TEXT ·huffTurnsAsm(SB), NOSPLIT, $40-40
	MOVQ st+0(FP), AX
	MOVQ table+8(FP), DI
	MOVQ src+16(FP), CX
	MOVQ dst+24(FP), DX
	MOVQ turns+32(FP), BX
	MOVQ BX, left-8(SP)
	MOVQ 0(AX), R8
	MOVQ 8(AX), R9
	MOVQ 16(AX), R10
	MOVQ 24(AX), R11
	MOVQ 32(AX), BX
	ADDQ CX, BX
	MOVQ BX, at0-40(SP)
	MOVQ 40(AX), BX
	ADDQ CX, BX
	MOVQ BX, at1-32(SP)
	MOVQ 48(AX), BX
	ADDQ CX, BX
	MOVQ BX, at2-24(SP)
	MOVQ 56(AX), BX
	ADDQ CX, BX
	MOVQ BX, at3-16(SP)
	MOVQ 64(AX), R12
	MOVQ 72(AX), R13
	MOVQ 80(AX), R14
	MOVQ 88(AX), R15
	ADDQ DX, R12
	ADDQ DX, R13
	ADDQ DX, R14
	ADDQ DX, R15

turn:
	REFILL(R8, at0-40(SP), AX, CX, SI)
	REFILL(R9, at1-32(SP), BX, DX, SI)
	REFILL(R10, at2-24(SP), AX, CX, SI)
	REFILL(R11, at3-16(SP), BX, DX, SI)
	LOOKUPS
	LOOKUPS
	LOOKUPS
	LOOKUPS
	LOOKUPS
	DECQ left-8(SP)
	JNZ  turn

	MOVQ st+0(FP), AX
	MOVQ src+16(FP), CX
	MOVQ dst+24(FP), DX
	MOVQ R8, 0(AX)
	MOVQ R9, 8(AX)
	MOVQ R10, 16(AX)
	MOVQ R11, 24(AX)
	MOVQ at0-40(SP), BX
	SUBQ CX, BX
	MOVQ BX, 32(AX)
	MOVQ at1-32(SP), BX
	SUBQ CX, BX
	MOVQ BX, 40(AX)
	MOVQ at2-24(SP), BX
	SUBQ CX, BX
	MOVQ BX, 48(AX)
	MOVQ at3-16(SP), BX
	SUBQ CX, BX
	MOVQ BX, 56(AX)
	SUBQ DX, R12
	SUBQ DX, R13
	SUBQ DX, R14
	SUBQ DX, R15
	MOVQ R12, 64(AX)
	MOVQ R13, 72(AX)
	MOVQ R14, 80(AX)
	MOVQ R15, 88(AX)
	RET

// A code stands in the top bits of its entry, its length in the low byte. The
// length may stay below the codes: it has left before it could matter.
#define CODE(off, src, acc, have, t) \
	MOVBLZX off(src), t          \
	MOVQ    (DI)(t*8), t         \
	SHRXQ   t, acc, acc          \
	ORQ     t, acc               \
	ADDL    t, have

// func huffPairAsm(st *huffPair, codes *[256]uint64, src, dst *byte, quads int)
TEXT ·huffPairAsm(SB), NOSPLIT, $0-40
	MOVQ st+0(FP), SI
	MOVQ codes+8(FP), DI
	MOVQ src+16(FP), AX
	MOVQ dst+24(FP), BX
	MOVQ quads+32(FP), CX
	MOVQ 0(SI), R8   // sources
	MOVQ 8(SI), R9
	MOVQ 16(SI), R10 // results
	MOVQ 24(SI), R11
	MOVQ 32(SI), R12 // acc
	MOVQ 40(SI), R13
	MOVQ 48(SI), R14 // have, 0 to 7
	MOVQ 56(SI), R15
	ADDQ AX, R8
	ADDQ AX, R9
	ADDQ BX, R10
	ADDQ BX, R11

quad:
	SUBQ $4, R8
	SUBQ $4, R9
	CODE(3, R8, R12, R14, AX)
	CODE(3, R9, R13, R15, BX)
	CODE(2, R8, R12, R14, AX)
	CODE(2, R9, R13, R15, BX)
	CODE(1, R8, R12, R14, AX)
	CODE(1, R9, R13, R15, BX)
	CODE(0, R8, R12, R14, AX)
	CODE(0, R9, R13, R15, BX)
	MOVBLZX R14, R14
	MOVBLZX R15, R15
	MOVQ  R14, AX
	NEGQ  AX
	SHRXQ AX, R12, AX
	MOVQ  AX, (R10)
	MOVQ  R15, BX
	NEGQ  BX
	SHRXQ BX, R13, BX
	MOVQ  BX, (R11)
	MOVQ  R14, AX
	SHRQ  $3, AX
	ADDQ  AX, R10
	ANDQ  $7, R14
	MOVQ  R15, BX
	SHRQ  $3, BX
	ADDQ  BX, R11
	ANDQ  $7, R15
	DECQ  CX
	JNZ   quad

	MOVQ src+16(FP), AX
	MOVQ dst+24(FP), BX
	SUBQ AX, R8
	SUBQ AX, R9
	SUBQ BX, R10
	SUBQ BX, R11
	MOVQ R8, 0(SI)
	MOVQ R9, 8(SI)
	MOVQ R10, 16(SI)
	MOVQ R11, 24(SI)
	MOVQ R12, 32(SI)
	MOVQ R13, 40(SI)
	MOVQ R14, 48(SI)
	MOVQ R15, 56(SI)
	RET
