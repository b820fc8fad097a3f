//go:build !noasm

#include "textflag.h"

// Folding as in "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
// Instruction" (Intel, 2009), 16 lanes of 16 bytes at a time. The first
// quadword of a lane is multiplied by x^(d+32) and the second by x^(d-32), modulo
// the polynomial, where d are the bits to the lane that it is added to. The
// constants are these, reflected, shifted by one; TestFoldConstants computes them.
DATA fold2048<>+0(SB)/8, $0xdcb17aa4
DATA fold2048<>+8(SB)/8, $0xb9e02b86
GLOBL fold2048<>(SB), RODATA|NOPTR, $16
DATA fold512<>+0(SB)/8, $0x740eef02
DATA fold512<>+8(SB)/8, $0x9e4addf8
GLOBL fold512<>(SB), RODATA|NOPTR, $16
DATA fold256<>+0(SB)/8, $0x1384aa63a
DATA fold256<>+8(SB)/8, $0xba4fc28e
GLOBL fold256<>(SB), RODATA|NOPTR, $16

// FOLD adds ACC, as far behind as the constants of K say, to NEXT in ACC.
#define FOLD(K, NEXT, ACC, T) \
	VPCLMULQDQ $0x00, K, ACC, T \
	VPCLMULQDQ $0x11, K, ACC, ACC \
	VPTERNLOGQ $0x96, NEXT, T, ACC

// func crc32cAVX512(register uint32, p *byte, n int) uint32
TEXT ·crc32cAVX512(SB), NOSPLIT, $64-28
	MOVL register+0(FP), AX
	MOVQ p+8(FP), SI
	MOVQ n+16(FP), CX
	VBROADCASTI32X4 fold2048<>(SB), Z8
	VBROADCASTI32X4 fold512<>(SB), Z9
	VMOVDQU64 (SI), Z0
	VMOVDQU64 64(SI), Z1
	VMOVDQU64 128(SI), Z2
	VMOVDQU64 192(SI), Z3
	VMOVD AX, X4
	VPXORQ Z4, Z0, Z0
	ADDQ $256, SI
	SUBQ $256, CX
	JMP  check

loop:
	FOLD(Z8, (SI), Z0, Z4)
	FOLD(Z8, 64(SI), Z1, Z5)
	FOLD(Z8, 128(SI), Z2, Z6)
	FOLD(Z8, 192(SI), Z3, Z7)
	ADDQ $256, SI
	SUBQ $256, CX

check:
	CMPQ CX, $256
	JAE  loop

	FOLD(Z9, Z1, Z0, Z4)
	FOLD(Z9, Z2, Z0, Z4)
	FOLD(Z9, Z3, Z0, Z4)

tail:
	TESTQ CX, CX
	JZ   done
	FOLD(Z9, (SI), Z0, Z4)
	ADDQ $64, SI
	SUBQ $64, CX
	JMP  tail

done:
	// The 64 bytes that are left have the checksum of all, behind zeros.
	VMOVDQU64 Z0, rest-64(SP)
	VZEROUPPER
	XORQ   AX, AX
	CRC32Q rest-64(SP), AX
	CRC32Q rest-56(SP), AX
	CRC32Q rest-48(SP), AX
	CRC32Q rest-40(SP), AX
	CRC32Q rest-32(SP), AX
	CRC32Q rest-24(SP), AX
	CRC32Q rest-16(SP), AX
	CRC32Q rest-8(SP), AX
	MOVL   AX, ret+24(FP)
	RET

// FOLD32 is FOLD with three operands.
#define FOLD32(K, NEXT, ACC, T) \
	VPCLMULQDQ $0x00, K, ACC, T \
	VPCLMULQDQ $0x11, K, ACC, ACC \
	VPXOR NEXT, T, T \
	VPXOR T, ACC, ACC

// func crc32cAVX2(register uint32, p *byte, n int) uint32
TEXT ·crc32cAVX2(SB), NOSPLIT, $32-28
	MOVL register+0(FP), AX
	MOVQ p+8(FP), SI
	MOVQ n+16(FP), CX
	VBROADCASTI128 fold2048<>(SB), Y8
	VBROADCASTI128 fold256<>(SB), Y9
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	VMOVDQU 64(SI), Y2
	VMOVDQU 96(SI), Y3
	VMOVDQU 128(SI), Y4
	VMOVDQU 160(SI), Y5
	VMOVDQU 192(SI), Y6
	VMOVDQU 224(SI), Y7
	VMOVD AX, X10
	VPXOR Y10, Y0, Y0
	ADDQ $256, SI
	SUBQ $256, CX
	JMP  check

loop:
	FOLD32(Y8, (SI), Y0, Y10)
	FOLD32(Y8, 32(SI), Y1, Y11)
	FOLD32(Y8, 64(SI), Y2, Y12)
	FOLD32(Y8, 96(SI), Y3, Y13)
	FOLD32(Y8, 128(SI), Y4, Y10)
	FOLD32(Y8, 160(SI), Y5, Y11)
	FOLD32(Y8, 192(SI), Y6, Y12)
	FOLD32(Y8, 224(SI), Y7, Y13)
	ADDQ $256, SI
	SUBQ $256, CX

check:
	CMPQ CX, $256
	JAE  loop

	FOLD32(Y9, Y1, Y0, Y10)
	FOLD32(Y9, Y2, Y0, Y10)
	FOLD32(Y9, Y3, Y0, Y10)
	FOLD32(Y9, Y4, Y0, Y10)
	FOLD32(Y9, Y5, Y0, Y10)
	FOLD32(Y9, Y6, Y0, Y10)
	FOLD32(Y9, Y7, Y0, Y10)

tail:
	TESTQ CX, CX
	JZ   done
	FOLD32(Y9, (SI), Y0, Y10)
	ADDQ $32, SI
	SUBQ $32, CX
	JMP  tail

done:
	// The 32 bytes that are left have the checksum of all, behind zeros.
	VMOVDQU Y0, rest-32(SP)
	VZEROUPPER
	XORQ   AX, AX
	CRC32Q rest-32(SP), AX
	CRC32Q rest-24(SP), AX
	CRC32Q rest-16(SP), AX
	CRC32Q rest-8(SP), AX
	MOVL   AX, ret+24(FP)
	RET
