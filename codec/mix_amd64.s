//go:build amd64 && !noasm

#include "textflag.h"

// r = x << left | x >> right
// r & keep | r >> down & low | r << up & high
#define MIX(left, right) \
	MOVQ dst+0(FP), DI            \
	MOVQ src+8(FP), SI            \
	MOVQ n+16(FP), CX             \
	MOVQ m+24(FP), AX             \
	MOVQ 0(AX), X0                \
	MOVQ 8(AX), X1                \
	MOVQ 16(AX), X2               \
	MOVQ 24(AX), X3               \
	VPBROADCASTQ 32(AX), Y4       \
	VPBROADCASTQ 40(AX), Y5       \
	VPBROADCASTQ 48(AX), Y6       \
loop:                                 \
	VMOVDQU (SI), Y7              \
	left    X0, Y7, Y8            \
	right   X1, Y7, Y7            \
	VPOR    Y7, Y8, Y7            \
	right   X2, Y7, Y8            \
	left    X3, Y7, Y9            \
	VPAND   Y4, Y7, Y7            \
	VPAND   Y5, Y8, Y8            \
	VPAND   Y6, Y9, Y9            \
	VPOR    Y8, Y7, Y7            \
	VPOR    Y9, Y7, Y7            \
	VMOVDQU Y7, (DI)              \
	ADDQ    $32, SI               \
	ADDQ    $32, DI               \
	SUBQ    $32, CX               \
	JNZ     loop                  \
	VZEROUPPER                    \
	RET

// func mix2Asm(dst, src *byte, n int, m *mixture)
TEXT ·mix2Asm(SB), NOSPLIT, $0-32
	MIX(VPSLLW, VPSRLW)

// func mix4Asm(dst, src *byte, n int, m *mixture)
TEXT ·mix4Asm(SB), NOSPLIT, $0-32
	MIX(VPSLLD, VPSRLD)

// func mix8Asm(dst, src *byte, n int, m *mixture)
TEXT ·mix8Asm(SB), NOSPLIT, $0-32
	MIX(VPSLLQ, VPSRLQ)
