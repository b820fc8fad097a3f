//go:build !noasm

#include "textflag.h"

// ROW is an operation of two rows of n elements of size 1<<shift, n bytes a
// multiple of 32: four vectors at a time, the rest one by one.
#define ROW(op, shift) \
	MOVQ acc+0(FP), DI  \
	MOVQ x+8(FP), SI    \
	MOVQ n+16(FP), CX   \
	SHLQ $shift, CX     \
	SUBQ $128, CX       \
	JLT  rest           \
loop:                   \
	VMOVDQU (SI), Y0    \
	VMOVDQU 32(SI), Y1  \
	VMOVDQU 64(SI), Y2  \
	VMOVDQU 96(SI), Y3  \
	op (DI), Y0, Y0     \
	op 32(DI), Y1, Y1   \
	op 64(DI), Y2, Y2   \
	op 96(DI), Y3, Y3   \
	VMOVDQU Y0, (DI)    \
	VMOVDQU Y1, 32(DI)  \
	VMOVDQU Y2, 64(DI)  \
	VMOVDQU Y3, 96(DI)  \
	ADDQ $128, SI       \
	ADDQ $128, DI       \
	SUBQ $128, CX       \
	JGE  loop           \
rest:                   \
	ADDQ $128, CX       \
	JEQ  done           \
one:                    \
	VMOVDQU (SI), Y0    \
	op (DI), Y0, Y0     \
	VMOVDQU Y0, (DI)    \
	ADDQ $32, SI        \
	ADDQ $32, DI        \
	SUBQ $32, CX        \
	JNE  one            \
done:                   \
	VZEROUPPER          \
	RET

// BEGIN and NEXT are the ends of loops over rows, a vector at a time.
#define BEGIN(shift) \
	MOVQ acc+0(FP), DI  \
	MOVQ x+8(FP), SI    \
	MOVQ n+16(FP), CX   \
	SHLQ $shift, CX

#define NEXT(loop)    \
	ADDQ $32, SI      \
	ADDQ $32, DI      \
	SUBQ $32, CX      \
	JNE  loop         \
	VZEROUPPER        \
	RET

// PICK64 takes x where high is greater than low: Y2 is acc, Y3 is x, with the
// bits in Y7 turned, which is the sign of unsigned numbers.
#define PICK64(low, high) \
	VMOVDQU (DI), Y0           \
	VMOVDQU (SI), Y1           \
	VPXOR   Y7, Y0, Y2         \
	VPXOR   Y7, Y1, Y3         \
	VPCMPGTQ low, high, Y4     \
	VBLENDVPD Y4, Y1, Y0, Y0   \
	VMOVDQU Y0, (DI)

// A minimum of floats is taken in both orders, which differ for zeros and NaN
// alone, and the bits are joined: -0 stays, NaN stays NaN.
#define FLOATMIN(op) \
	VMOVUPS (DI), Y0     \
	VMOVUPS (SI), Y1     \
	op      Y1, Y0, Y2   \
	op      Y0, Y1, Y3   \
	VORPS   Y2, Y3, Y2   \
	VMOVUPS Y2, (DI)

// A maximum keeps the bits of both: +0 stays. NaN becomes all ones.
#define FLOATMAX(op, unordered) \
	VMOVUPS (DI), Y0                \
	VMOVUPS (SI), Y1                \
	op      Y1, Y0, Y2              \
	op      Y0, Y1, Y3              \
	unordered $3, Y0, Y1, Y4        \
	VANDPS  Y2, Y3, Y2              \
	VORPS   Y4, Y2, Y2              \
	VMOVUPS Y2, (DI)

// ADDROW adds n elements of x, 16 at a time, widened to 64 bits; four take step
// bytes.
#define ADDROW(widen, add, step) \
	MOVQ acc+0(FP), DI           \
	MOVQ x+8(FP), SI             \
	MOVQ n+16(FP), CX            \
loop:                            \
	widen (SI), Y0               \
	widen step(SI), Y1           \
	widen 2*step(SI), Y2         \
	widen 3*step(SI), Y3         \
	add (DI), Y0, Y0             \
	add 32(DI), Y1, Y1           \
	add 64(DI), Y2, Y2           \
	add 96(DI), Y3, Y3           \
	VMOVDQU Y0, (DI)             \
	VMOVDQU Y1, 32(DI)           \
	VMOVDQU Y2, 64(DI)           \
	VMOVDQU Y3, 96(DI)           \
	ADDQ $(4*step), SI           \
	ADDQ $128, DI                \
	SUBQ $16, CX                 \
	JNE  loop                    \
	VZEROUPPER                   \
	RET

// SUMBYTES sums n bytes, a multiple of 128, each with its bits flipped by Y5.
#define SUMBYTES \
	MOVQ  x+0(FP), SI       \
	MOVQ  n+8(FP), CX       \
	VPXOR Y4, Y4, Y4        \
	VPXOR Y6, Y6, Y6        \
	VPXOR Y7, Y7, Y7        \
loop:                       \
	VPXOR   (SI), Y5, Y0    \
	VPXOR   32(SI), Y5, Y1  \
	VPXOR   64(SI), Y5, Y2  \
	VPXOR   96(SI), Y5, Y3  \
	VPSADBW Y4, Y0, Y0      \
	VPSADBW Y4, Y1, Y1      \
	VPSADBW Y4, Y2, Y2      \
	VPSADBW Y4, Y3, Y3      \
	VPADDQ  Y1, Y0, Y0      \
	VPADDQ  Y3, Y2, Y2      \
	VPADDQ  Y0, Y6, Y6      \
	VPADDQ  Y2, Y7, Y7      \
	ADDQ    $128, SI        \
	SUBQ    $128, CX        \
	JNE     loop            \
	VPADDQ  Y7, Y6, Y6      \
	VEXTRACTI128 $1, Y6, X7 \
	VPADDQ  X7, X6, X6      \
	VPSRLDQ $8, X6, X7      \
	VPADDQ  X7, X6, X6      \
	VMOVQ   X6, sum+16(FP)  \
	VZEROUPPER              \
	RET

// SUMRUN sums n elements, a multiple of 16, widened to 64 bits; four take step
// bytes.
#define SUMRUN(widen, step) \
	MOVQ x+0(FP), SI        \
	MOVQ n+8(FP), CX        \
	VPXOR Y4, Y4, Y4        \
	VPXOR Y5, Y5, Y5        \
	VPXOR Y6, Y6, Y6        \
	VPXOR Y7, Y7, Y7        \
loop:                       \
	widen (SI), Y0          \
	widen step(SI), Y1      \
	widen 2*step(SI), Y2    \
	widen 3*step(SI), Y3    \
	VPADDQ Y0, Y4, Y4       \
	VPADDQ Y1, Y5, Y5       \
	VPADDQ Y2, Y6, Y6       \
	VPADDQ Y3, Y7, Y7       \
	ADDQ $(4*step), SI      \
	SUBQ $16, CX            \
	JNE  loop               \
	VPADDQ Y5, Y4, Y4       \
	VPADDQ Y7, Y6, Y6       \
	VPADDQ Y4, Y6, Y6       \
	VEXTRACTI128 $1, Y6, X7 \
	VPADDQ  X7, X6, X6      \
	VPSRLDQ $8, X6, X7      \
	VPADDQ  X7, X6, X6      \
	VMOVQ   X6, sum+16(FP)  \
	VZEROUPPER              \
	RET

// func minRowU8AVX2(acc, x *uint8, n int)
TEXT ·minRowU8AVX2(SB), NOSPLIT, $0-24
	ROW(VPMINUB, 0)

// func minRowI8AVX2(acc, x *int8, n int)
TEXT ·minRowI8AVX2(SB), NOSPLIT, $0-24
	ROW(VPMINSB, 0)

// func minRowU16AVX2(acc, x *uint16, n int)
TEXT ·minRowU16AVX2(SB), NOSPLIT, $0-24
	ROW(VPMINUW, 1)

// func minRowI16AVX2(acc, x *int16, n int)
TEXT ·minRowI16AVX2(SB), NOSPLIT, $0-24
	ROW(VPMINSW, 1)

// func minRowU32AVX2(acc, x *uint32, n int)
TEXT ·minRowU32AVX2(SB), NOSPLIT, $0-24
	ROW(VPMINUD, 2)

// func minRowI32AVX2(acc, x *int32, n int)
TEXT ·minRowI32AVX2(SB), NOSPLIT, $0-24
	ROW(VPMINSD, 2)

// func minRowF32AVX2(acc, x *float32, n int)
TEXT ·minRowF32AVX2(SB), NOSPLIT, $0-24
	BEGIN(2)
loop:
	FLOATMIN(VMINPS)
	NEXT(loop)

// func minRowF64AVX2(acc, x *float64, n int)
TEXT ·minRowF64AVX2(SB), NOSPLIT, $0-24
	BEGIN(3)
loop:
	FLOATMIN(VMINPD)
	NEXT(loop)

// func maxRowU8AVX2(acc, x *uint8, n int)
TEXT ·maxRowU8AVX2(SB), NOSPLIT, $0-24
	ROW(VPMAXUB, 0)

// func maxRowI8AVX2(acc, x *int8, n int)
TEXT ·maxRowI8AVX2(SB), NOSPLIT, $0-24
	ROW(VPMAXSB, 0)

// func maxRowU16AVX2(acc, x *uint16, n int)
TEXT ·maxRowU16AVX2(SB), NOSPLIT, $0-24
	ROW(VPMAXUW, 1)

// func maxRowI16AVX2(acc, x *int16, n int)
TEXT ·maxRowI16AVX2(SB), NOSPLIT, $0-24
	ROW(VPMAXSW, 1)

// func maxRowU32AVX2(acc, x *uint32, n int)
TEXT ·maxRowU32AVX2(SB), NOSPLIT, $0-24
	ROW(VPMAXUD, 2)

// func maxRowI32AVX2(acc, x *int32, n int)
TEXT ·maxRowI32AVX2(SB), NOSPLIT, $0-24
	ROW(VPMAXSD, 2)

// func maxRowF32AVX2(acc, x *float32, n int)
TEXT ·maxRowF32AVX2(SB), NOSPLIT, $0-24
	BEGIN(2)
loop:
	FLOATMAX(VMAXPS, VCMPPS)
	NEXT(loop)

// func maxRowF64AVX2(acc, x *float64, n int)
TEXT ·maxRowF64AVX2(SB), NOSPLIT, $0-24
	BEGIN(3)
loop:
	FLOATMAX(VMAXPD, VCMPPD)
	NEXT(loop)

// func minRowI64AVX2(acc, x *int64, n int)
TEXT ·minRowI64AVX2(SB), NOSPLIT, $0-24
	BEGIN(3)
	VPXOR Y7, Y7, Y7
loop:
	PICK64(Y3, Y2)
	NEXT(loop)

// func minRowU64AVX2(acc, x *uint64, n int)
TEXT ·minRowU64AVX2(SB), NOSPLIT, $0-24
	BEGIN(3)
	VPCMPEQQ Y7, Y7, Y7
	VPSLLQ $63, Y7, Y7
loop:
	PICK64(Y3, Y2)
	NEXT(loop)

// func maxRowI64AVX2(acc, x *int64, n int)
TEXT ·maxRowI64AVX2(SB), NOSPLIT, $0-24
	BEGIN(3)
	VPXOR Y7, Y7, Y7
loop:
	PICK64(Y2, Y3)
	NEXT(loop)

// func maxRowU64AVX2(acc, x *uint64, n int)
TEXT ·maxRowU64AVX2(SB), NOSPLIT, $0-24
	BEGIN(3)
	VPCMPEQQ Y7, Y7, Y7
	VPSLLQ $63, Y7, Y7
loop:
	PICK64(Y2, Y3)
	NEXT(loop)

// func addRowU8AVX2(acc *uint64, x *uint8, n int)
TEXT ·addRowU8AVX2(SB), NOSPLIT, $0-24
	ADDROW(VPMOVZXBQ, VPADDQ, 4)

// func addRowI8AVX2(acc *uint64, x *int8, n int)
TEXT ·addRowI8AVX2(SB), NOSPLIT, $0-24
	ADDROW(VPMOVSXBQ, VPADDQ, 4)

// func addRowU16AVX2(acc *uint64, x *uint16, n int)
TEXT ·addRowU16AVX2(SB), NOSPLIT, $0-24
	ADDROW(VPMOVZXWQ, VPADDQ, 8)

// func addRowI16AVX2(acc *uint64, x *int16, n int)
TEXT ·addRowI16AVX2(SB), NOSPLIT, $0-24
	ADDROW(VPMOVSXWQ, VPADDQ, 8)

// func addRowU32AVX2(acc *uint64, x *uint32, n int)
TEXT ·addRowU32AVX2(SB), NOSPLIT, $0-24
	ADDROW(VPMOVZXDQ, VPADDQ, 16)

// func addRowI32AVX2(acc *uint64, x *int32, n int)
TEXT ·addRowI32AVX2(SB), NOSPLIT, $0-24
	ADDROW(VPMOVSXDQ, VPADDQ, 16)

// func addRowF32AVX2(acc *float64, x *float32, n int)
TEXT ·addRowF32AVX2(SB), NOSPLIT, $0-24
	ADDROW(VCVTPS2PD, VADDPD, 16)

// func addRowF64AVX2(acc *float64, x *float64, n int)
TEXT ·addRowF64AVX2(SB), NOSPLIT, $0-24
	ADDROW(VMOVUPD, VADDPD, 32)

// func sumU8AVX2(x *uint8, n int) (sum uint64)
TEXT ·sumU8AVX2(SB), NOSPLIT, $0-24
	VPXOR Y5, Y5, Y5
	SUMBYTES

// func sumI8AVX2(x *int8, n int) (sum uint64)
TEXT ·sumI8AVX2(SB), NOSPLIT, $0-24
	VPCMPEQB Y5, Y5, Y5
	VPSLLW   $7, Y5, Y5
	VPACKSSWB Y5, Y5, Y5 // 128 in each byte
	SUMBYTES

// func sumU16AVX2(x *uint16, n int) (sum uint64)
TEXT ·sumU16AVX2(SB), NOSPLIT, $0-24
	SUMRUN(VPMOVZXWQ, 8)

// func sumI16AVX2(x *int16, n int) (sum uint64)
TEXT ·sumI16AVX2(SB), NOSPLIT, $0-24
	SUMRUN(VPMOVSXWQ, 8)

// func sumU32AVX2(x *uint32, n int) (sum uint64)
TEXT ·sumU32AVX2(SB), NOSPLIT, $0-24
	SUMRUN(VPMOVZXDQ, 16)

// func sumI32AVX2(x *int32, n int) (sum uint64)
TEXT ·sumI32AVX2(SB), NOSPLIT, $0-24
	SUMRUN(VPMOVSXDQ, 16)
