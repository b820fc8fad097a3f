//go:build !noasm

#include "textflag.h"

// func rescaleAVX512(dst, src, scales, zeros *float32, group, n int, stream bool)
TEXT ·rescaleAVX512(SB), NOSPLIT, $0-49
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ scales+16(FP), R8
	MOVQ zeros+24(FP), R9
	MOVQ group+32(FP), DX
	MOVQ n+40(FP), CX
	MOVBLZX stream+48(FP), BX
	VXORPS Z1, Z1, Z1
groups:
	VBROADCASTSS (R8), Z0
	ADDQ $4, R8
	MOVQ DX, R10
	TESTQ R9, R9
	JE   begun
	VBROADCASTSS (R9), Z1
	ADDQ $4, R9
begun:
	TESTL BX, BX
	JNE  past
plain:
	VMOVUPS (SI), Z2
	VSUBPS Z1, Z2, Z2
	VMULPS Z0, Z2, Z2
	VMOVUPS Z2, (DI)
	ADDQ $64, SI
	ADDQ $64, DI
	SUBQ $16, R10
	JNE  plain
	SUBQ DX, CX
	JNE  groups
	VZEROUPPER
	RET
past:
	VMOVUPS (SI), Z2
	VSUBPS Z1, Z2, Z2
	VMULPS Z0, Z2, Z2
	VMOVNTPS Z2, (DI)
	ADDQ $64, SI
	ADDQ $64, DI
	SUBQ $16, R10
	JNE  past
	SUBQ DX, CX
	JNE  groups
	VZEROUPPER
	RET

// func rescaleEachAVX512(dst, src, scales, zeros *float32, n int, stream bool)
TEXT ·rescaleEachAVX512(SB), NOSPLIT, $0-41
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ scales+16(FP), R8
	MOVQ zeros+24(FP), R9
	MOVQ n+32(FP), CX
	MOVBLZX stream+40(FP), BX
	VXORPS Z6, Z6, Z6
	VXORPS Z7, Z7, Z7
numbers:
	TESTQ R9, R9
	JE   begun
	VMOVUPS (R9), Z6
	ADDQ $64, R9
begun:
	VMOVUPS (SI), Z2
	VSUBPS Z6, Z2, Z2
	VMULPS (R8), Z2, Z2
	TESTL BX, BX
	JNE  past
	VMOVUPS Z2, (DI)
	JMP  next
past:
	VMOVNTPS Z2, (DI)
next:
	ADDQ $64, SI
	ADDQ $64, DI
	ADDQ $64, R8
	SUBQ $16, CX
	JNE  numbers
	VZEROUPPER
	RET

// func rescaleAVX2(dst, src, scales, zeros *float32, group, n int, stream bool)
TEXT ·rescaleAVX2(SB), NOSPLIT, $0-49
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ scales+16(FP), R8
	MOVQ zeros+24(FP), R9
	MOVQ group+32(FP), DX
	MOVQ n+40(FP), CX
	MOVBLZX stream+48(FP), BX
	VXORPS Y1, Y1, Y1
groups:
	VBROADCASTSS (R8), Y0
	ADDQ $4, R8
	MOVQ DX, R10
	TESTQ R9, R9
	JE   begun
	VBROADCASTSS (R9), Y1
	ADDQ $4, R9
begun:
	TESTL BX, BX
	JNE  past
plain:
	VMOVUPS (SI), Y2
	VMOVUPS 32(SI), Y3
	VSUBPS Y1, Y2, Y2
	VSUBPS Y1, Y3, Y3
	VMULPS Y0, Y2, Y2
	VMULPS Y0, Y3, Y3
	VMOVUPS Y2, (DI)
	VMOVUPS Y3, 32(DI)
	ADDQ $64, SI
	ADDQ $64, DI
	SUBQ $16, R10
	JNE  plain
	SUBQ DX, CX
	JNE  groups
	VZEROUPPER
	RET
past:
	VMOVUPS (SI), Y2
	VMOVUPS 32(SI), Y3
	VSUBPS Y1, Y2, Y2
	VSUBPS Y1, Y3, Y3
	VMULPS Y0, Y2, Y2
	VMULPS Y0, Y3, Y3
	VMOVNTPS Y2, (DI)
	VMOVNTPS Y3, 32(DI)
	ADDQ $64, SI
	ADDQ $64, DI
	SUBQ $16, R10
	JNE  past
	SUBQ DX, CX
	JNE  groups
	VZEROUPPER
	RET

// func rescaleEachAVX2(dst, src, scales, zeros *float32, n int, stream bool)
TEXT ·rescaleEachAVX2(SB), NOSPLIT, $0-41
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ scales+16(FP), R8
	MOVQ zeros+24(FP), R9
	MOVQ n+32(FP), CX
	MOVBLZX stream+40(FP), BX
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7
numbers:
	TESTQ R9, R9
	JE   begun
	VMOVUPS (R9), Y6
	VMOVUPS 32(R9), Y7
	ADDQ $64, R9
begun:
	VMOVUPS (SI), Y2
	VMOVUPS 32(SI), Y3
	VSUBPS Y6, Y2, Y2
	VSUBPS Y7, Y3, Y3
	VMULPS (R8), Y2, Y2
	VMULPS 32(R8), Y3, Y3
	TESTL BX, BX
	JNE  past
	VMOVUPS Y2, (DI)
	VMOVUPS Y3, 32(DI)
	JMP  next
past:
	VMOVNTPS Y2, (DI)
	VMOVNTPS Y3, 32(DI)
next:
	ADDQ $64, SI
	ADDQ $64, DI
	ADDQ $64, R8
	SUBQ $16, CX
	JNE  numbers
	VZEROUPPER
	RET
