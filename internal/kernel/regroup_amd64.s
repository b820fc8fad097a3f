//go:build !noasm

#include "textflag.h"

// func regroupVBMI(dst *byte, dstStep, dstNext int, src *byte, srcNext, groups, outs, pairs int, table *byte, stream bool)
// Of each group, every one of outs registers of 64 bytes is put together from
// pairs of registers: the table has, for each pair, which bytes of the two go
// where, which bytes of the result are from this pair, and where the two lie.
TEXT ·regroupVBMI(SB), NOSPLIT, $0-73
	MOVQ dst+0(FP), DI
	MOVQ dstStep+8(FP), R8
	MOVQ src+24(FP), SI
	MOVQ groups+40(FP), CX
	MOVQ pairs+56(FP), R15
	MOVBLZX stream+72(FP), AX
group:
	MOVQ table+64(FP), BX
	MOVQ outs+48(FP), R12
	MOVQ DI, R13
out:
	VPXORQ Z0, Z0, Z0
	MOVQ R15, R14
pair:
	MOVQ 72(BX), R9
	MOVQ 80(BX), R10
	VMOVDQU64 (BX), Z1
	KMOVQ 64(BX), K1
	VMOVDQU64 (SI)(R9*1), Z2
	VPERMI2B (SI)(R10*1), Z2, Z1
	VMOVDQU8 Z1, K1, Z0
	ADDQ $88, BX
	DECQ R14
	JNE pair
	TESTL AX, AX
	JNE past
	VMOVDQU64 Z0, (R13)
	JMP stored
past:
	VMOVNTDQ Z0, (R13)
stored:
	ADDQ R8, R13
	DECQ R12
	JNE out
	ADDQ dstNext+16(FP), DI
	ADDQ srcNext+32(FP), SI
	DECQ CX
	JNE group
	VZEROUPPER
	RET
