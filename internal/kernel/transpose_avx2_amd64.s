//go:build !noasm

#include "textflag.h"

// Transposes with AVX2: squares of 32 bytes. The lower halves of registers are loaded from the
// upper half of the rows, the upper halves from the lower, so that columns need
// no exchange of halves; R9 is how far the lower half of the rows is.

#define HALFSQUARE4(STORE) \
	VMOVDQU (SI), X0 \
	VMOVDQU (SI)(R10*1), X1 \
	VMOVDQU (SI)(R10*2), X2 \
	VMOVDQU (SI)(R11*1), X3 \
	VMOVDQU 16(SI), X4 \
	VMOVDQU 16(SI)(R10*1), X5 \
	VMOVDQU 16(SI)(R10*2), X6 \
	VMOVDQU 16(SI)(R11*1), X7 \
	ADDQ R9, SI \
	VINSERTI128 $1, (SI), Y0, Y0 \
	VINSERTI128 $1, (SI)(R10*1), Y1, Y1 \
	VINSERTI128 $1, (SI)(R10*2), Y2, Y2 \
	VINSERTI128 $1, (SI)(R11*1), Y3, Y3 \
	VINSERTI128 $1, 16(SI), Y4, Y4 \
	VINSERTI128 $1, 16(SI)(R10*1), Y5, Y5 \
	VINSERTI128 $1, 16(SI)(R10*2), Y6, Y6 \
	VINSERTI128 $1, 16(SI)(R11*1), Y7, Y7 \
	ADDQ R9, SI \
	VPUNPCKLDQ Y2, Y0, Y8 \
	VPUNPCKHDQ Y2, Y0, Y2 \
	VPUNPCKLDQ Y3, Y1, Y0 \
	VPUNPCKHDQ Y3, Y1, Y3 \
	VPUNPCKLDQ Y0, Y8, Y1 \
	VPUNPCKHDQ Y0, Y8, Y0 \
	VPUNPCKLDQ Y3, Y2, Y8 \
	VPUNPCKHDQ Y3, Y2, Y3 \
	VPUNPCKLDQ Y6, Y4, Y2 \
	VPUNPCKHDQ Y6, Y4, Y6 \
	VPUNPCKLDQ Y7, Y5, Y4 \
	VPUNPCKHDQ Y7, Y5, Y7 \
	VPUNPCKLDQ Y4, Y2, Y5 \
	VPUNPCKHDQ Y4, Y2, Y4 \
	VPUNPCKLDQ Y7, Y6, Y2 \
	VPUNPCKHDQ Y7, Y6, Y7 \
	MOVQ DI, R12 \
	STORE Y1, (R12) \
	STORE Y0, (R12)(R8*1) \
	STORE Y8, (R12)(R8*2) \
	STORE Y3, (R12)(R13*1) \
	LEAQ (R12)(R8*4), R12 \
	STORE Y5, (R12) \
	STORE Y4, (R12)(R8*1) \
	STORE Y2, (R12)(R8*2) \
	STORE Y7, (R12)(R13*1)

#define HALFSQUARE8(STORE) \
	VMOVDQU (SI), X0 \
	VMOVDQU (SI)(R10*1), X1 \
	VMOVDQU 16(SI), X2 \
	VMOVDQU 16(SI)(R10*1), X3 \
	ADDQ R9, SI \
	VINSERTI128 $1, (SI), Y0, Y0 \
	VINSERTI128 $1, (SI)(R10*1), Y1, Y1 \
	VINSERTI128 $1, 16(SI), Y2, Y2 \
	VINSERTI128 $1, 16(SI)(R10*1), Y3, Y3 \
	ADDQ R9, SI \
	VPUNPCKLQDQ Y1, Y0, Y4 \
	VPUNPCKHQDQ Y1, Y0, Y1 \
	VPUNPCKLQDQ Y3, Y2, Y0 \
	VPUNPCKHQDQ Y3, Y2, Y3 \
	MOVQ DI, R12 \
	STORE Y4, (R12) \
	STORE Y1, (R12)(R8*1) \
	STORE Y0, (R12)(R8*2) \
	STORE Y3, (R12)(R13*1)

// func transpose4AVX2(dst *byte, dstStride int, src *byte, srcStride, squares int, stream bool)
TEXT ·transpose4AVX2(SB), NOSPLIT, $0-41
	MOVQ dst+0(FP), DI
	MOVQ dstStride+8(FP), R8
	MOVQ src+16(FP), SI
	MOVQ srcStride+24(FP), R10
	MOVQ squares+32(FP), CX
	LEAQ (R10)(R10*2), R11
	LEAQ (R8)(R8*2), R13
	MOVQ R10, R9
	SHLQ $2, R9
	CMPB stream+40(FP), $0
	JNE  halfstream4
halfplain4:
	HALFSQUARE4(VMOVDQU)
	ADDQ $32, DI
	DECQ CX
	JNE  halfplain4
	VZEROUPPER
	RET
halfstream4:
	HALFSQUARE4(VMOVNTDQ)
	ADDQ $32, DI
	DECQ CX
	JNE  halfstream4
	SFENCE
	VZEROUPPER
	RET

// func transpose8AVX2(dst *byte, dstStride int, src *byte, srcStride, squares int, stream bool)
TEXT ·transpose8AVX2(SB), NOSPLIT, $0-41
	MOVQ dst+0(FP), DI
	MOVQ dstStride+8(FP), R8
	MOVQ src+16(FP), SI
	MOVQ srcStride+24(FP), R10
	MOVQ squares+32(FP), CX
	LEAQ (R10)(R10*2), R11
	LEAQ (R8)(R8*2), R13
	MOVQ R10, R9
	SHLQ $1, R9
	CMPB stream+40(FP), $0
	JNE  halfstream8
halfplain8:
	HALFSQUARE8(VMOVDQU)
	ADDQ $32, DI
	DECQ CX
	JNE  halfplain8
	VZEROUPPER
	RET
halfstream8:
	HALFSQUARE8(VMOVNTDQ)
	ADDQ $32, DI
	DECQ CX
	JNE  halfstream8
	SFENCE
	VZEROUPPER
	RET
