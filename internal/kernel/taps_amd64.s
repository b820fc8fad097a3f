//go:build !noasm

#include "textflag.h"

// Four registers of results stay while all taps pass: the weight in each lane,
// times what stands at the tap, added to them.

// func addTapsF32AVX2(dst, src *float32, off *int, weights *float32, taps, n int)
// taps is above 0, n a multiple of 32.
TEXT ·addTapsF32AVX2(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ off+16(FP), R8
	MOVQ weights+24(FP), R9
	MOVQ taps+32(FP), R10
	MOVQ n+40(FP), CX
block32:
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
	VMOVUPS 64(DI), Y2
	VMOVUPS 96(DI), Y3
	XORQ AX, AX
tap32:
	MOVQ (R8)(AX*8), BX
	VBROADCASTSS (R9)(AX*4), Y4
	LEAQ (SI)(BX*4), BX
	VMULPS (BX), Y4, Y5
	VMULPS 32(BX), Y4, Y6
	VMULPS 64(BX), Y4, Y7
	VMULPS 96(BX), Y4, Y8
	VADDPS Y5, Y0, Y0
	VADDPS Y6, Y1, Y1
	VADDPS Y7, Y2, Y2
	VADDPS Y8, Y3, Y3
	INCQ AX
	CMPQ AX, R10
	JNE  tap32
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	ADDQ $128, DI
	ADDQ $128, SI
	SUBQ $32, CX
	JNE  block32
	VZEROUPPER
	RET

// func addTapsF64AVX2(dst, src *float64, off *int, weights *float64, taps, n int)
// taps is above 0, n a multiple of 16.
TEXT ·addTapsF64AVX2(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ off+16(FP), R8
	MOVQ weights+24(FP), R9
	MOVQ taps+32(FP), R10
	MOVQ n+40(FP), CX
block16:
	VMOVUPD (DI), Y0
	VMOVUPD 32(DI), Y1
	VMOVUPD 64(DI), Y2
	VMOVUPD 96(DI), Y3
	XORQ AX, AX
tap16:
	MOVQ (R8)(AX*8), BX
	VBROADCASTSD (R9)(AX*8), Y4
	LEAQ (SI)(BX*8), BX
	VMULPD (BX), Y4, Y5
	VMULPD 32(BX), Y4, Y6
	VMULPD 64(BX), Y4, Y7
	VMULPD 96(BX), Y4, Y8
	VADDPD Y5, Y0, Y0
	VADDPD Y6, Y1, Y1
	VADDPD Y7, Y2, Y2
	VADDPD Y8, Y3, Y3
	INCQ AX
	CMPQ AX, R10
	JNE  tap16
	VMOVUPD Y0, (DI)
	VMOVUPD Y1, 32(DI)
	VMOVUPD Y2, 64(DI)
	VMOVUPD Y3, 96(DI)
	ADDQ $128, DI
	ADDQ $128, SI
	SUBQ $16, CX
	JNE  block16
	VZEROUPPER
	RET

// func addTapsF32AVX512(dst, src *float32, off *int, weights *float32, taps, n int)
// taps and n are above 0. What is left over of blocks of 64 goes through masks.
TEXT ·addTapsF32AVX512(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ off+16(FP), R8
	MOVQ weights+24(FP), R9
	MOVQ taps+32(FP), R10
	MOVQ n+40(FP), CX
	SUBQ $64, CX
	JLT  rest64
block64:
	VMOVUPS (DI), Z0
	VMOVUPS 64(DI), Z1
	VMOVUPS 128(DI), Z2
	VMOVUPS 192(DI), Z3
	XORQ AX, AX
tap64:
	MOVQ (R8)(AX*8), BX
	VBROADCASTSS (R9)(AX*4), Z4
	LEAQ (SI)(BX*4), BX
	VMULPS (BX), Z4, Z5
	VMULPS 64(BX), Z4, Z6
	VMULPS 128(BX), Z4, Z7
	VMULPS 192(BX), Z4, Z8
	VADDPS Z5, Z0, Z0
	VADDPS Z6, Z1, Z1
	VADDPS Z7, Z2, Z2
	VADDPS Z8, Z3, Z3
	INCQ AX
	CMPQ AX, R10
	JNE  tap64
	VMOVUPS Z0, (DI)
	VMOVUPS Z1, 64(DI)
	VMOVUPS Z2, 128(DI)
	VMOVUPS Z3, 192(DI)
	ADDQ $256, DI
	ADDQ $256, SI
	SUBQ $64, CX
	JGE  block64
rest64:
	ADDQ $64, CX
	JEQ  done64
	MOVQ $1, DX
	SHLQ CX, DX
	DECQ DX
	KMOVQ DX, K1
	KSHIFTRQ $16, K1, K2
	KSHIFTRQ $32, K1, K3
	KSHIFTRQ $48, K1, K4
	VMOVUPS.Z (DI), K1, Z0
	VMOVUPS.Z 64(DI), K2, Z1
	VMOVUPS.Z 128(DI), K3, Z2
	VMOVUPS.Z 192(DI), K4, Z3
	XORQ AX, AX
restTap:
	MOVQ (R8)(AX*8), BX
	VBROADCASTSS (R9)(AX*4), Z4
	LEAQ (SI)(BX*4), BX
	VMULPS.Z (BX), Z4, K1, Z5
	VMULPS.Z 64(BX), Z4, K2, Z6
	VMULPS.Z 128(BX), Z4, K3, Z7
	VMULPS.Z 192(BX), Z4, K4, Z8
	VADDPS Z5, Z0, Z0
	VADDPS Z6, Z1, Z1
	VADDPS Z7, Z2, Z2
	VADDPS Z8, Z3, Z3
	INCQ AX
	CMPQ AX, R10
	JNE  restTap
	VMOVUPS Z0, K1, (DI)
	VMOVUPS Z1, K2, 64(DI)
	VMOVUPS Z2, K3, 128(DI)
	VMOVUPS Z3, K4, 192(DI)
done64:
	VZEROUPPER
	RET
