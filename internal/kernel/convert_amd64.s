//go:build !noasm

#include "textflag.h"

// Conversions, 32 elements at a time. Those to float32 are written once for
// both kinds of store; a streaming store needs an address that is a multiple of
// 32. Counts are multiples of 32.

#define TOF32(BODY, loop, loops) \
	XORQ AX, AX \
	CMPB stream+24(FP), $0 \
	JNE  loops \
loop: \
	BODY \
	VMOVUPS Y0, (DI)(AX*4) \
	VMOVUPS Y1, 32(DI)(AX*4) \
	VMOVUPS Y2, 64(DI)(AX*4) \
	VMOVUPS Y3, 96(DI)(AX*4) \
	ADDQ $32, AX \
	CMPQ AX, CX \
	JB   loop \
	VZEROUPPER \
	RET \
loops: \
	BODY \
	VMOVNTPS Y0, (DI)(AX*4) \
	VMOVNTPS Y1, 32(DI)(AX*4) \
	VMOVNTPS Y2, 64(DI)(AX*4) \
	VMOVNTPS Y3, 96(DI)(AX*4) \
	ADDQ $32, AX \
	CMPQ AX, CX \
	JB   loops \
	SFENCE \
	VZEROUPPER \
	RET

#define LOADU8 \
	VPMOVZXBD (SI)(AX*1), Y0 \
	VPMOVZXBD 8(SI)(AX*1), Y1 \
	VPMOVZXBD 16(SI)(AX*1), Y2 \
	VPMOVZXBD 24(SI)(AX*1), Y3 \
	VCVTDQ2PS Y0, Y0 \
	VCVTDQ2PS Y1, Y1 \
	VCVTDQ2PS Y2, Y2 \
	VCVTDQ2PS Y3, Y3

#define LOADI16 \
	VPMOVSXWD (SI)(AX*2), Y0 \
	VPMOVSXWD 16(SI)(AX*2), Y1 \
	VPMOVSXWD 32(SI)(AX*2), Y2 \
	VPMOVSXWD 48(SI)(AX*2), Y3 \
	VCVTDQ2PS Y0, Y0 \
	VCVTDQ2PS Y1, Y1 \
	VCVTDQ2PS Y2, Y2 \
	VCVTDQ2PS Y3, Y3

#define LOADBF16 \
	VPMOVZXWD (SI)(AX*2), Y0 \
	VPMOVZXWD 16(SI)(AX*2), Y1 \
	VPMOVZXWD 32(SI)(AX*2), Y2 \
	VPMOVZXWD 48(SI)(AX*2), Y3 \
	VPSLLD $16, Y0, Y0 \
	VPSLLD $16, Y1, Y1 \
	VPSLLD $16, Y2, Y2 \
	VPSLLD $16, Y3, Y3

// func u8ToF32AVX2(dst *float32, src *uint8, n int, stream bool)
TEXT ·u8ToF32AVX2(SB), NOSPLIT, $0-25
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	TOF32(LOADU8, u8, u8s)

// func i16ToF32AVX2(dst *float32, src *int16, n int, stream bool)
TEXT ·i16ToF32AVX2(SB), NOSPLIT, $0-25
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	TOF32(LOADI16, i16, i16s)

// func bf16ToF32AVX2(dst *float32, src *uint16, n int, stream bool)
TEXT ·bf16ToF32AVX2(SB), NOSPLIT, $0-25
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	TOF32(LOADBF16, bf16, bf16s)

// what lies below the sign of a binary16, what moves the signaling NaNs, 0x7c01
// to 0x7dff, to the least numbers of 16 bits, and what lies above them there
DATA signal16<>+0(SB)/8, $0x000081ff03ff7fff
GLOBL signal16<>(SB), RODATA|NOPTR, $8

#define LOADF16(out) \
	VMOVDQU (SI)(AX*2), Y4 \
	VMOVDQU 32(SI)(AX*2), Y5 \
	VPAND  Y13, Y4, Y6 \
	VPAND  Y13, Y5, Y7 \
	VPADDW Y14, Y6, Y6 \
	VPADDW Y14, Y7, Y7 \
	VPCMPGTW Y6, Y15, Y6 \
	VPCMPGTW Y7, Y15, Y7 \
	VPOR   Y6, Y7, Y7 \
	VPTEST Y7, Y7 \
	JNE out \
	VCVTPH2PS (SI)(AX*2), Y0 \
	VCVTPH2PS 16(SI)(AX*2), Y1 \
	VCVTPH2PS 32(SI)(AX*2), Y2 \
	VCVTPH2PS 48(SI)(AX*2), Y3

// func f16ToF32AVX2(dst *float32, src *uint16, n int, stream bool) (done int)
// done is n, or less where a signaling NaN, which the instruction would make
// quiet, is among the 32 elements from done on.
TEXT ·f16ToF32AVX2(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	VPBROADCASTW signal16<>+0(SB), Y13
	VPBROADCASTW signal16<>+2(SB), Y14
	VPBROADCASTW signal16<>+4(SB), Y15
	XORQ AX, AX
	CMPB stream+24(FP), $0
	JNE  f16s
f16:
	LOADF16(f16out)
	VMOVUPS Y0, (DI)(AX*4)
	VMOVUPS Y1, 32(DI)(AX*4)
	VMOVUPS Y2, 64(DI)(AX*4)
	VMOVUPS Y3, 96(DI)(AX*4)
	ADDQ $32, AX
	CMPQ AX, CX
	JB   f16
f16out:
	MOVQ AX, done+32(FP)
	VZEROUPPER
	RET
f16s:
	LOADF16(f16sout)
	VMOVNTPS Y0, (DI)(AX*4)
	VMOVNTPS Y1, 32(DI)(AX*4)
	VMOVNTPS Y2, 64(DI)(AX*4)
	VMOVNTPS Y3, 96(DI)(AX*4)
	ADDQ $32, AX
	CMPQ AX, CX
	JB   f16s
f16sout:
	MOVQ AX, done+32(FP)
	SFENCE
	VZEROUPPER
	RET

// func f32ToF16AVX2(dst *uint16, src *float32, n int, stream bool) (done int)
// done is n, or less where a signaling NaN is among the 32 elements from done on.
TEXT ·f32ToF16AVX2(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	MOVBLZX stream+24(FP), R8
	XORQ AX, AX
tof16:
	VMOVUPS (SI)(AX*4), Y0
	VMOVUPS 32(SI)(AX*4), Y1
	VMOVUPS 64(SI)(AX*4), Y2
	VMOVUPS 96(SI)(AX*4), Y3
	VCMPPS $3, Y1, Y0, Y4
	VCMPPS $3, Y3, Y2, Y5
	VORPS  Y4, Y5, Y5
	VPTEST Y5, Y5
	JNE    tof16nan
tof16store:
	VCVTPS2PH $0, Y0, X0
	VCVTPS2PH $0, Y1, X1
	VCVTPS2PH $0, Y2, X2
	VCVTPS2PH $0, Y3, X3
	TESTL R8, R8
	JNE tof16stream
	VMOVDQU X0, (DI)(AX*2)
	VMOVDQU X1, 16(DI)(AX*2)
	VMOVDQU X2, 32(DI)(AX*2)
	VMOVDQU X3, 48(DI)(AX*2)
	ADDQ $32, AX
	CMPQ AX, CX
	JB   tof16
	JMP  tof16out
tof16stream:
	VMOVNTDQ X0, (DI)(AX*2)
	VMOVNTDQ X1, 16(DI)(AX*2)
	VMOVNTDQ X2, 32(DI)(AX*2)
	VMOVNTDQ X3, 48(DI)(AX*2)
	ADDQ $32, AX
	CMPQ AX, CX
	JB   tof16
	JMP  tof16out

	// The top bit of a payload says quiet: moved to the sign and inverted it
	// leaves the signaling ones.
tof16nan:
	VCMPPS $3, Y0, Y0, Y4
	VCMPPS $3, Y1, Y1, Y5
	VCMPPS $3, Y2, Y2, Y6
	VCMPPS $3, Y3, Y3, Y7
	VPSLLD $9, Y0, Y8
	VPSLLD $9, Y1, Y9
	VPSLLD $9, Y2, Y10
	VPSLLD $9, Y3, Y11
	VPANDN Y4, Y8, Y4
	VPANDN Y5, Y9, Y5
	VPANDN Y6, Y10, Y6
	VPANDN Y7, Y11, Y7
	VPOR Y4, Y5, Y5
	VPOR Y6, Y7, Y7
	VPOR Y5, Y7, Y7
	VMOVMSKPS Y7, DX
	TESTL DX, DX
	JEQ  tof16store
tof16out:
	MOVQ AX, done+32(FP)
	VZEROUPPER
	RET

// the last bit kept, half of it less one, the sign and the quiet NaN
DATA round16<>+0(SB)/4, $1
DATA round16<>+4(SB)/4, $0x7fff
DATA round16<>+8(SB)/4, $0x8000
DATA round16<>+12(SB)/4, $0x7fc0
GLOBL round16<>(SB), RODATA|NOPTR, $16

// Adds half of the last bit kept, or just less if that bit is 0. A carry into
// the exponent is right, up to infinity; NaN is put in by hand.
#define ROUNDBF16(x, t, q, m) \
	VPSRLD $16, x, t \
	VCMPPS $3, x, x, m \
	VPAND  Y14, t, q \
	VPAND  Y12, t, t \
	VPADDD Y13, t, t \
	VPADDD x, t, t \
	VPOR   Y15, q, q \
	VPSRLD $16, t, t \
	VPBLENDVB m, q, t, x

// func f32ToBF16AVX2(dst *uint16, src *float32, n int, stream bool)
TEXT ·f32ToBF16AVX2(SB), NOSPLIT, $0-25
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	MOVBLZX stream+24(FP), R8
	VPBROADCASTD round16<>+0(SB), Y12
	VPBROADCASTD round16<>+4(SB), Y13
	VPBROADCASTD round16<>+8(SB), Y14
	VPBROADCASTD round16<>+12(SB), Y15
	XORQ AX, AX
tobf16:
	VMOVUPS (SI)(AX*4), Y0
	VMOVUPS 32(SI)(AX*4), Y1
	VMOVUPS 64(SI)(AX*4), Y2
	VMOVUPS 96(SI)(AX*4), Y3
	ROUNDBF16(Y0, Y4, Y5, Y6)
	ROUNDBF16(Y1, Y7, Y8, Y9)
	ROUNDBF16(Y2, Y4, Y5, Y6)
	ROUNDBF16(Y3, Y7, Y8, Y9)
	VPACKUSDW Y1, Y0, Y0
	VPACKUSDW Y3, Y2, Y2
	VPERMQ $0xd8, Y0, Y0
	VPERMQ $0xd8, Y2, Y2
	TESTL R8, R8
	JNE tobf16stream
	VMOVDQU Y0, (DI)(AX*2)
	VMOVDQU Y2, 32(DI)(AX*2)
	ADDQ $32, AX
	CMPQ AX, CX
	JB   tobf16
	VZEROUPPER
	RET
tobf16stream:
	VMOVNTDQ Y0, (DI)(AX*2)
	VMOVNTDQ Y2, 32(DI)(AX*2)
	ADDQ $32, AX
	CMPQ AX, CX
	JB   tobf16
	VZEROUPPER
	RET

DATA limits<>+0(SB)/4, $0x437f0000 // 255
DATA limits<>+4(SB)/4, $0x46fffe00 // 32767
GLOBL limits<>(SB), RODATA|NOPTR, $8

// dwords whose bytes were packed within halves, in their order
DATA quads<>+0(SB)/8, $0x0000000400000000
DATA quads<>+8(SB)/8, $0x0000000500000001
DATA quads<>+16(SB)/8, $0x0000000600000002
DATA quads<>+24(SB)/8, $0x0000000700000003
GLOBL quads<>(SB), RODATA|NOPTR, $32

// func f32ToU8AVX2(dst *uint8, src *float32, n int)
// Of a NaN and another number the maximum is the second operand: zero.
TEXT ·f32ToU8AVX2(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	VXORPS Y15, Y15, Y15
	VBROADCASTSS limits<>+0(SB), Y14
	VMOVDQU quads<>(SB), Y13
	XORQ AX, AX
tou8:
	VMOVUPS (SI)(AX*4), Y0
	VMOVUPS 32(SI)(AX*4), Y1
	VMOVUPS 64(SI)(AX*4), Y2
	VMOVUPS 96(SI)(AX*4), Y3
	VMAXPS Y15, Y0, Y0
	VMAXPS Y15, Y1, Y1
	VMAXPS Y15, Y2, Y2
	VMAXPS Y15, Y3, Y3
	VMINPS Y14, Y0, Y0
	VMINPS Y14, Y1, Y1
	VMINPS Y14, Y2, Y2
	VMINPS Y14, Y3, Y3
	VCVTTPS2DQ Y0, Y0
	VCVTTPS2DQ Y1, Y1
	VCVTTPS2DQ Y2, Y2
	VCVTTPS2DQ Y3, Y3
	VPACKUSDW Y1, Y0, Y0
	VPACKUSDW Y3, Y2, Y2
	VPACKUSWB Y2, Y0, Y0
	VPERMD Y0, Y13, Y0
	VMOVDQU Y0, (DI)(AX*1)
	ADDQ $32, AX
	CMPQ AX, CX
	JB   tou8
	VZEROUPPER
	RET

// NaN becomes zero: what is equal to itself stays. What is too large has to be
// cut, for it would become the least integer, as does what is too small, rightly.
#define CLAMP16(x, t) \
	VCMPPS $0, x, x, t \
	VANDPS t, x, x \
	VMINPS Y14, x, x \
	VCVTTPS2DQ x, x

// func f32ToI16AVX2(dst *int16, src *float32, n int)
TEXT ·f32ToI16AVX2(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	VBROADCASTSS limits<>+4(SB), Y14
	XORQ AX, AX
toi16:
	VMOVUPS (SI)(AX*4), Y0
	VMOVUPS 32(SI)(AX*4), Y1
	VMOVUPS 64(SI)(AX*4), Y2
	VMOVUPS 96(SI)(AX*4), Y3
	CLAMP16(Y0, Y4)
	CLAMP16(Y1, Y5)
	CLAMP16(Y2, Y6)
	CLAMP16(Y3, Y7)
	VPACKSSDW Y1, Y0, Y0
	VPACKSSDW Y3, Y2, Y2
	VPERMQ $0xd8, Y0, Y0
	VPERMQ $0xd8, Y2, Y2
	VMOVDQU Y0, (DI)(AX*2)
	VMOVDQU Y2, 32(DI)(AX*2)
	ADDQ $32, AX
	CMPQ AX, CX
	JB   toi16
	VZEROUPPER
	RET
