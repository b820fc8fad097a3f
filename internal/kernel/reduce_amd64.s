//go:build !noasm

#include "textflag.h"

// func sumF32AVX2(lanes *[32]float32, x *float32, n int)
// n is a multiple of 32, here and below unless it says otherwise.
TEXT ·sumF32AVX2(SB), NOSPLIT, $0-24
	MOVQ lanes+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
	VMOVUPS 64(DI), Y2
	VMOVUPS 96(DI), Y3
sum32:
	VADDPS (SI), Y0, Y0
	VADDPS 32(SI), Y1, Y1
	VADDPS 64(SI), Y2, Y2
	VADDPS 96(SI), Y3, Y3
	ADDQ $128, SI
	SUBQ $32, CX
	JNE  sum32
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	VZEROUPPER
	RET

// func sumF64AVX2(lanes *[16]float64, x *float64, n int)
// n is a multiple of 16.
TEXT ·sumF64AVX2(SB), NOSPLIT, $0-24
	MOVQ lanes+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	VMOVUPD (DI), Y0
	VMOVUPD 32(DI), Y1
	VMOVUPD 64(DI), Y2
	VMOVUPD 96(DI), Y3
sum64:
	VADDPD (SI), Y0, Y0
	VADDPD 32(SI), Y1, Y1
	VADDPD 64(SI), Y2, Y2
	VADDPD 96(SI), Y3, Y3
	ADDQ $128, SI
	SUBQ $16, CX
	JNE  sum64
	VMOVUPD Y0, (DI)
	VMOVUPD Y1, 32(DI)
	VMOVUPD Y2, 64(DI)
	VMOVUPD Y3, 96(DI)
	VZEROUPPER
	RET

// func sumF32AVX512(lanes *[32]float32, x *float32, n int)
// The same lanes in two registers.
TEXT ·sumF32AVX512(SB), NOSPLIT, $0-24
	MOVQ lanes+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	VMOVUPS (DI), Z0
	VMOVUPS 64(DI), Z1
sum32z:
	VADDPS (SI), Z0, Z0
	VADDPS 64(SI), Z1, Z1
	ADDQ $128, SI
	SUBQ $32, CX
	JNE  sum32z
	VMOVUPS Z0, (DI)
	VMOVUPS Z1, 64(DI)
	VZEROUPPER
	RET

// func sumF64AVX512(lanes *[16]float64, x *float64, n int)
// n is a multiple of 16.
TEXT ·sumF64AVX512(SB), NOSPLIT, $0-24
	MOVQ lanes+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	VMOVUPD (DI), Z0
	VMOVUPD 64(DI), Z1
sum64z:
	VADDPD (SI), Z0, Z0
	VADDPD 64(SI), Z1, Z1
	ADDQ $128, SI
	SUBQ $16, CX
	JNE  sum64z
	VMOVUPD Z0, (DI)
	VMOVUPD Z1, 64(DI)
	VZEROUPPER
	RET

DATA inf32<>+0(SB)/4, $0x7f800000
DATA inf32<>+4(SB)/4, $0x7fffffff
DATA inf32<>+8(SB)/4, $0x80000000
GLOBL inf32<>(SB), RODATA|NOPTR, $12

// The order of floats as unsigned integers: the top bit inverted in positive
// ones, all bits in negative ones. NaN becomes all ones before the least is
// taken and zero before the largest.
#define KEYS32(x, t, nan) \
	VPAND  Y13, x, nan \
	VPSRAD $31, x, t \
	VPCMPGTD Y14, nan, nan \
	VPOR   Y15, t, t \
	VPXOR  t, x, x \
	VPOR   nan, x, t \
	VPANDN x, nan, x

// func minMaxF32AVX2(x *float32, n int, lo, hi, nan *[8]uint32)
// n is a multiple of 16 below 1<<32. The least and the largest of the lanes are kept in lo and
// hi, the count of NaN is added to nan.
TEXT ·minMaxF32AVX2(SB), NOSPLIT, $0-40
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ lo+16(FP), R8
	MOVQ hi+24(FP), R9
	MOVQ nan+32(FP), R10
	VPBROADCASTD inf32<>+4(SB), Y13
	VPBROADCASTD inf32<>+0(SB), Y14
	VPBROADCASTD inf32<>+8(SB), Y15
	VMOVDQU (R8), Y10
	VMOVDQU (R9), Y11
	VMOVDQU (R10), Y12
minmax32:
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y3
	KEYS32(Y0, Y1, Y2)
	KEYS32(Y3, Y4, Y5)
	VPSUBD  Y2, Y12, Y12
	VPMINUD Y1, Y10, Y10
	VPMAXUD Y0, Y11, Y11
	VPSUBD  Y5, Y12, Y12
	VPMINUD Y4, Y10, Y10
	VPMAXUD Y3, Y11, Y11
	ADDQ $64, SI
	SUBQ $16, CX
	JNE  minmax32
	VMOVDQU Y10, (R8)
	VMOVDQU Y11, (R9)
	VMOVDQU Y12, (R10)
	VZEROUPPER
	RET

DATA inf64<>+0(SB)/8, $0x7ff0000000000000
DATA inf64<>+8(SB)/8, $0x7fffffffffffffff
GLOBL inf64<>(SB), RODATA|NOPTR, $16

// The order of floats as signed integers: there is no unsigned comparison of 64
// bits. All bits but the top one are inverted in negative ones.
#define TAKE64(x, t, nan) \
	VPAND  Y13, x, nan \
	VPCMPGTQ x, Y15, t \
	VPCMPGTQ Y14, nan, nan \
	VPSRLQ $1, t, t \
	VPSUBQ nan, Y12, Y12 \
	VPXOR  t, x, x \
	VPCMPGTQ x, Y10, t \
	VPANDN t, nan, t \
	VPBLENDVB t, x, Y10, Y10 \
	VPCMPGTQ Y11, x, t \
	VPANDN t, nan, t \
	VPBLENDVB t, x, Y11, Y11

// func minMaxF64AVX2(x *float64, n int, lo, hi, nan *[4]int64)
// n is a multiple of 8.
TEXT ·minMaxF64AVX2(SB), NOSPLIT, $0-40
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ lo+16(FP), R8
	MOVQ hi+24(FP), R9
	MOVQ nan+32(FP), R10
	VPBROADCASTQ inf64<>+8(SB), Y13
	VPBROADCASTQ inf64<>+0(SB), Y14
	VPXOR Y15, Y15, Y15
	VMOVDQU (R8), Y10
	VMOVDQU (R9), Y11
	VMOVDQU (R10), Y12
minmax64:
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y3
	TAKE64(Y0, Y1, Y2)
	TAKE64(Y3, Y4, Y5)
	ADDQ $64, SI
	SUBQ $8, CX
	JNE  minmax64
	VMOVDQU Y10, (R8)
	VMOVDQU Y11, (R9)
	VMOVDQU Y12, (R10)
	VZEROUPPER
	RET

// func minMaxF32AVX512(x *float32, n int, lo, hi *[16]uint32) (nan int)
// n is a multiple of 16. Keys as in KEYS32; classes 0x81 are NaN.
TEXT ·minMaxF32AVX512(SB), NOSPLIT, $0-40
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ lo+16(FP), R8
	MOVQ hi+24(FP), R9
	VPBROADCASTD inf32<>+8(SB), Z15
	VMOVDQU32 (R8), Z10
	VMOVDQU32 (R9), Z11
	XORL DX, DX
minmax32z:
	VMOVDQU32 (SI), Z0
	VFPCLASSPSZ $0x81, Z0, K1
	VPSRAD $31, Z0, Z1
	VPTERNLOGD $0x56, Z0, Z15, Z1 // x xor (sign or top)
	KNOTW K1, K2
	VPMINUD Z1, Z10, K2, Z10
	VPMAXUD Z1, Z11, K2, Z11
	KMOVW K1, AX
	POPCNTL AX, AX
	ADDQ AX, DX
	ADDQ $64, SI
	SUBQ $16, CX
	JNE  minmax32z
	VMOVDQU32 Z10, (R8)
	VMOVDQU32 Z11, (R9)
	MOVQ DX, nan+32(FP)
	VZEROUPPER
	RET

// func minMaxF64AVX512(x *float64, n int, lo, hi *[8]int64) (nan int)
// n is a multiple of 8. Keys as in TAKE64.
TEXT ·minMaxF64AVX512(SB), NOSPLIT, $0-40
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ lo+16(FP), R8
	MOVQ hi+24(FP), R9
	VMOVDQU64 (R8), Z10
	VMOVDQU64 (R9), Z11
	XORL DX, DX
minmax64z:
	VMOVDQU64 (SI), Z0
	VFPCLASSPDZ $0x81, Z0, K1
	VPSRAQ $63, Z0, Z1
	VPSRLQ $1, Z1, Z1
	VPXORQ Z0, Z1, Z1
	KNOTB K1, K2
	VPMINSQ Z1, Z10, K2, Z10
	VPMAXSQ Z1, Z11, K2, Z11
	KMOVB K1, AX
	POPCNTL AX, AX
	ADDQ AX, DX
	ADDQ $64, SI
	SUBQ $8, CX
	JNE  minmax64z
	VMOVDQU64 Z10, (R8)
	VMOVDQU64 Z11, (R9)
	MOVQ DX, nan+32(FP)
	VZEROUPPER
	RET
