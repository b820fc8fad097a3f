//go:build !noasm

#include "textflag.h"

// func hasF16C() bool
TEXT ·hasF16C(SB), NOSPLIT, $0-1
	MOVL $1, AX
	XORL CX, CX
	CPUID
	SHRL $29, CX
	ANDL $1, CX
	MOVB CX, ret+0(FP)
	RET

// func hasVPCLMULQDQ() bool
TEXT ·hasVPCLMULQDQ(SB), NOSPLIT, $0-1
	MOVL $7, AX
	XORL CX, CX
	CPUID
	SHRL $10, CX
	ANDL $1, CX
	MOVB CX, ret+0(FP)
	RET

// func lineOffset(b []byte) int
TEXT ·lineOffset(SB), NOSPLIT, $0-32
	MOVQ b_base+0(FP), AX
	ANDQ $63, AX
	MOVQ AX, ret+24(FP)
	RET

// func lag(dst, src []byte) int
TEXT ·lag(SB), NOSPLIT, $0-56
	MOVQ dst_base+0(FP), AX
	SUBQ src_base+24(FP), AX
	ANDQ $4095, AX
	MOVQ AX, ret+48(FP)
	RET

// func lineOffset32(b []float32) int
TEXT ·lineOffset32(SB), NOSPLIT, $0-32
	MOVQ b_base+0(FP), AX
	ANDQ $63, AX
	MOVQ AX, ret+24(FP)
	RET

// func lineOffset16(b []uint16) int
TEXT ·lineOffset16(SB), NOSPLIT, $0-32
	MOVQ b_base+0(FP), AX
	ANDQ $63, AX
	MOVQ AX, ret+24(FP)
	RET

// func fence()
// Puts streaming stores in order with those that follow.
TEXT ·fence(SB), NOSPLIT, $0-0
	SFENCE
	RET
