//go:build !noasm

#include "textflag.h"

// Conversions between numbers with AVX-512: one line for each loop, made of
// what one group of elements goes through. A group is 64 bytes on the wider
// side; a loop takes two at a time.
//
// GROUP(src, dst, z, y, x, w, k, STORE) has registers of its own: z, y and x
// are one register by its three widths, w is another of 64 bytes, k a mask.
// Z30 and Z31 hold the two limits, 8 bytes each repeated; K7 every second bit.
// STORE is for whole lines or parts of them that are as long as a register. What
// is ahead is fetched by hand: the processor by itself stops at the end of a page.

#define LOOP(GROUP, S, D) \
	BEGIN \
	SHRQ $1, CX \
	GROUPS(GROUP, S, D)

// Of groups by halves, as many as there are groups.
#define HALVES(GROUP, S, D) \
	BEGIN \
	GROUPS(GROUP, S, D)

#define BEGIN \
	MOVQ dst+0(FP), DI \
	MOVQ src+8(FP), SI \
	MOVQ groups+16(FP), CX \
	MOVQ limits+24(FP), AX \
	VPBROADCASTQ (AX), Z30 \
	VPBROADCASTQ 8(AX), Z31 \
	MOVL $0x55, AX \
	KMOVB AX, K7

#define GROUPS(GROUP, S, D) \
	CMPB stream+32(FP), $0 \
	JNE stream \
plain: \
	PREFETCHT0 2048(SI) \
	PREFETCHT0 (2048+S)(SI) \
	GROUP(0(SI), 0(DI), Z0, Y0, X0, Z1, Y1, K1, VMOVDQU64) \
	GROUP(S(SI), D(DI), Z2, Y2, X2, Z3, Y3, K2, VMOVDQU64) \
	ADDQ $(2*S), SI \
	ADDQ $(2*D), DI \
	DECQ CX \
	JNE plain \
	VZEROUPPER \
	RET \
stream: \
	PREFETCHT0 2048(SI) \
	PREFETCHT0 (2048+S)(SI) \
	GROUP(0(SI), 0(DI), Z0, Y0, X0, Z1, Y1, K1, VMOVNTDQ) \
	GROUP(S(SI), D(DI), Z2, Y2, X2, Z3, Y3, K2, VMOVNTDQ) \
	ADDQ $(2*S), SI \
	ADDQ $(2*D), DI \
	DECQ CX \
	JNE stream \
	VZEROUPPER \
	RET

// Between types of one size. Past the cache, four pages go side by side: memory
// answers four streams of reads faster than one.
#define EQUAL(GROUP) \
	BEGIN \
	CMPB stream+32(FP), $0 \
	JEQ few \
pages: \
	CMPQ CX, $256 \
	JLO few \
	MOVQ $64, DX \
lines: \
	PREFETCHT0 512(SI) \
	PREFETCHT0 4608(SI) \
	PREFETCHT0 8704(SI) \
	PREFETCHT0 12800(SI) \
	GROUP(0(SI), 0(DI), Z0, Y0, X0, Z1, Y1, K1, VMOVNTDQ) \
	GROUP(4096(SI), 4096(DI), Z2, Y2, X2, Z3, Y3, K2, VMOVNTDQ) \
	GROUP(8192(SI), 8192(DI), Z4, Y4, X4, Z5, Y5, K3, VMOVNTDQ) \
	GROUP(12288(SI), 12288(DI), Z6, Y6, X6, Z7, Y7, K4, VMOVNTDQ) \
	ADDQ $64, SI \
	ADDQ $64, DI \
	DECQ DX \
	JNE lines \
	ADDQ $12288, SI \
	ADDQ $12288, DI \
	SUBQ $256, CX \
	JMP pages \
few: \
	SHRQ $1, CX \
	JEQ done \
	GROUPS(GROUP, 64, 64) \
done: \
	VZEROUPPER \
	RET

// Integers: clamped to Z30 and Z31, then extended or cut. Unsigned ones need
// the upper limit only.

#define EXTEND(MOV, MAX, src, dst, z, STORE) \
	MOV src, z \
	MAX Z30, z, z \
	STORE z, dst
#define EXTENDU(MOV, MIN, src, dst, z, STORE) \
	MOV src, z \
	MIN Z31, z, z \
	STORE z, dst
#define SAME(MAX, MIN, src, dst, z, STORE) \
	MAX src, Z30, z \
	MIN Z31, z, z \
	STORE z, dst
#define SAMEU(MIN, src, dst, z, STORE) \
	MIN src, Z31, z \
	STORE z, dst
#define CUT(MAX, MIN, MOV, src, dst, z, part, STORE) \
	MAX src, Z30, z \
	MIN Z31, z, z \
	MOV z, part \
	STORE part, dst
#define CUTU(MIN, MOV, src, dst, z, part, STORE) \
	MIN src, Z31, z \
	MOV z, part \
	STORE part, dst

#define G_I8_2(src, dst, z, y, x, w, v, k, STORE)  EXTEND(VPMOVSXBW, VPMAXSW, src, dst, z, STORE)
#define G_I8_4(src, dst, z, y, x, w, v, k, STORE)  EXTEND(VPMOVSXBD, VPMAXSD, src, dst, z, STORE)
#define G_I8_8(src, dst, z, y, x, w, v, k, STORE)  EXTEND(VPMOVSXBQ, VPMAXSQ, src, dst, z, STORE)
#define G_I16_4(src, dst, z, y, x, w, v, k, STORE) EXTEND(VPMOVSXWD, VPMAXSD, src, dst, z, STORE)
#define G_I16_8(src, dst, z, y, x, w, v, k, STORE) EXTEND(VPMOVSXWQ, VPMAXSQ, src, dst, z, STORE)
#define G_I32_8(src, dst, z, y, x, w, v, k, STORE) EXTEND(VPMOVSXDQ, VPMAXSQ, src, dst, z, STORE)
#define G_U8_2(src, dst, z, y, x, w, v, k, STORE)  EXTENDU(VPMOVZXBW, VPMINUW, src, dst, z, STORE)
#define G_U8_4(src, dst, z, y, x, w, v, k, STORE)  EXTENDU(VPMOVZXBD, VPMINUD, src, dst, z, STORE)
#define G_U8_8(src, dst, z, y, x, w, v, k, STORE)  EXTENDU(VPMOVZXBQ, VPMINUQ, src, dst, z, STORE)
#define G_U16_4(src, dst, z, y, x, w, v, k, STORE) EXTENDU(VPMOVZXWD, VPMINUD, src, dst, z, STORE)
#define G_U16_8(src, dst, z, y, x, w, v, k, STORE) EXTENDU(VPMOVZXWQ, VPMINUQ, src, dst, z, STORE)
#define G_U32_8(src, dst, z, y, x, w, v, k, STORE) EXTENDU(VPMOVZXDQ, VPMINUQ, src, dst, z, STORE)
#define G_I8_1(src, dst, z, y, x, w, v, k, STORE)  SAME(VPMAXSB, VPMINSB, src, dst, z, STORE)
#define G_I16_2(src, dst, z, y, x, w, v, k, STORE) SAME(VPMAXSW, VPMINSW, src, dst, z, STORE)
#define G_I32_4(src, dst, z, y, x, w, v, k, STORE) SAME(VPMAXSD, VPMINSD, src, dst, z, STORE)
#define G_I64_8(src, dst, z, y, x, w, v, k, STORE) SAME(VPMAXSQ, VPMINSQ, src, dst, z, STORE)
#define G_U8_1(src, dst, z, y, x, w, v, k, STORE)  SAMEU(VPMINUB, src, dst, z, STORE)
#define G_U16_2(src, dst, z, y, x, w, v, k, STORE) SAMEU(VPMINUW, src, dst, z, STORE)
#define G_U32_4(src, dst, z, y, x, w, v, k, STORE) SAMEU(VPMINUD, src, dst, z, STORE)
#define G_U64_8(src, dst, z, y, x, w, v, k, STORE) SAMEU(VPMINUQ, src, dst, z, STORE)
#define G_I16_1(src, dst, z, y, x, w, v, k, STORE) CUT(VPMAXSW, VPMINSW, VPMOVWB, src, dst, z, y, STORE)
#define G_I32_1(src, dst, z, y, x, w, v, k, STORE) CUT(VPMAXSD, VPMINSD, VPMOVDB, src, dst, z, x, STORE)
#define G_I32_2(src, dst, z, y, x, w, v, k, STORE) CUT(VPMAXSD, VPMINSD, VPMOVDW, src, dst, z, y, STORE)
#define G_I64_1(src, dst, z, y, x, w, v, k, STORE) CUT(VPMAXSQ, VPMINSQ, VPMOVQB, src, dst, z, x, VMOVQ)
#define G_I64_2(src, dst, z, y, x, w, v, k, STORE) CUT(VPMAXSQ, VPMINSQ, VPMOVQW, src, dst, z, x, STORE)
#define G_I64_4(src, dst, z, y, x, w, v, k, STORE) CUT(VPMAXSQ, VPMINSQ, VPMOVQD, src, dst, z, y, STORE)
#define G_U16_1(src, dst, z, y, x, w, v, k, STORE) CUTU(VPMINUW, VPMOVWB, src, dst, z, y, STORE)
#define G_U32_1(src, dst, z, y, x, w, v, k, STORE) CUTU(VPMINUD, VPMOVDB, src, dst, z, x, STORE)
#define G_U32_2(src, dst, z, y, x, w, v, k, STORE) CUTU(VPMINUD, VPMOVDW, src, dst, z, y, STORE)
#define G_U64_1(src, dst, z, y, x, w, v, k, STORE) CUTU(VPMINUQ, VPMOVQB, src, dst, z, x, VMOVQ)
#define G_U64_2(src, dst, z, y, x, w, v, k, STORE) CUTU(VPMINUQ, VPMOVQW, src, dst, z, x, STORE)
#define G_U64_4(src, dst, z, y, x, w, v, k, STORE) CUTU(VPMINUQ, VPMOVQD, src, dst, z, y, STORE)

// Integers to floats: one instruction rounds to nearest even.

#define VALUE(MOV, CVT, src, dst, z, STORE) \
	MOV src, z \
	CVT z, z \
	STORE z, dst
#define VALUEOF(CVT, src, dst, out, STORE) \
	CVT src, out \
	STORE out, dst

#define G_I8_F4(src, dst, z, y, x, w, v, k, STORE)  VALUE(VPMOVSXBD, VCVTDQ2PS, src, dst, z, STORE)
#define G_U8_F4(src, dst, z, y, x, w, v, k, STORE)  VALUE(VPMOVZXBD, VCVTDQ2PS, src, dst, z, STORE)
#define G_I16_F4(src, dst, z, y, x, w, v, k, STORE) VALUE(VPMOVSXWD, VCVTDQ2PS, src, dst, z, STORE)
#define G_U16_F4(src, dst, z, y, x, w, v, k, STORE) VALUE(VPMOVZXWD, VCVTDQ2PS, src, dst, z, STORE)
#define G_I32_F4(src, dst, z, y, x, w, v, k, STORE) VALUEOF(VCVTDQ2PS, src, dst, z, STORE)
#define G_U32_F4(src, dst, z, y, x, w, v, k, STORE) VALUEOF(VCVTUDQ2PS, src, dst, z, STORE)
#define G_I64_F4(src, dst, z, y, x, w, v, k, STORE) VALUEOF(VCVTQQ2PS, src, dst, y, STORE)
#define G_U64_F4(src, dst, z, y, x, w, v, k, STORE) VALUEOF(VCVTUQQ2PS, src, dst, y, STORE)
#define G_I8_F8(src, dst, z, y, x, w, v, k, STORE)  VALUE(VPMOVSXBQ, VCVTQQ2PD, src, dst, z, STORE)
#define G_U8_F8(src, dst, z, y, x, w, v, k, STORE)  VALUE(VPMOVZXBQ, VCVTQQ2PD, src, dst, z, STORE)
#define G_I16_F8(src, dst, z, y, x, w, v, k, STORE) VALUE(VPMOVSXWQ, VCVTQQ2PD, src, dst, z, STORE)
#define G_U16_F8(src, dst, z, y, x, w, v, k, STORE) VALUE(VPMOVZXWQ, VCVTQQ2PD, src, dst, z, STORE)
#define G_I32_F8(src, dst, z, y, x, w, v, k, STORE) VALUEOF(VCVTDQ2PD, src, dst, z, STORE)
#define G_U32_F8(src, dst, z, y, x, w, v, k, STORE) VALUEOF(VCVTUDQ2PD, src, dst, z, STORE)
#define G_I64_F8(src, dst, z, y, x, w, v, k, STORE) VALUEOF(VCVTQQ2PD, src, dst, z, STORE)
#define G_U64_F8(src, dst, z, y, x, w, v, k, STORE) VALUEOF(VCVTUQQ2PD, src, dst, z, STORE)
#define G_F32_F8(src, dst, z, y, x, w, v, k, STORE) VALUEOF(VCVTPS2PD, src, dst, z, STORE)
#define G_F64_F4(src, dst, z, y, x, w, v, k, STORE) VALUEOF(VCVTPD2PS, src, dst, y, STORE)

// Floats to integers. To what is narrower, numbers are clamped before and NaN
// becomes zero by a mask. To the widths of the instructions, Z30 is the first
// number too large and Z31 what it becomes; too small ones, and to unsigned
// types too large ones, become the right limit by themselves, once the maximum
// with zero has dealt with NaN and what is negative: it is its last operand,
// written first, if there is a NaN.

#define FIT32(MOV, src, dst, z, k, out, STORE) \
	VMOVUPS src, z \
	FIT(MOV, dst, z, k, out, STORE)
#define FIT16(MOV, src, dst, z, k, out, STORE) \
	VPMOVZXWD src, z \
	VPSLLD $16, z, z \
	FIT(MOV, dst, z, k, out, STORE)
#define FIT(MOV, dst, z, k, out, STORE) \
	VCMPPS $7, z, z, k \
	VMAXPS.Z Z30, z, k, z \
	VMINPS Z31, z, z \
	VCVTTPS2DQ z, z \
	MOV z, out \
	STORE out, dst
#define FIT64(MOV, src, dst, z, k, out, STORE) \
	VMOVUPD src, z \
	VCMPPD $7, z, z, k \
	VMAXPD.Z Z30, z, k, z \
	VMINPD Z31, z, z \
	VCVTTPD2QQ z, z \
	MOV z, out \
	STORE out, dst

#define G_F32_1(src, dst, z, y, x, w, v, k, STORE) FIT32(VPMOVDB, src, dst, z, k, x, STORE)
#define G_F32_2(src, dst, z, y, x, w, v, k, STORE) FIT32(VPMOVDW, src, dst, z, k, y, STORE)
#define G_BF16_1(src, dst, z, y, x, w, v, k, STORE) FIT16(VPMOVDB, src, dst, z, k, x, STORE)
#define G_BF16_2(src, dst, z, y, x, w, v, k, STORE) FIT16(VPMOVDW, src, dst, z, k, y, STORE)
#define G_F64_1(src, dst, z, y, x, w, v, k, STORE) FIT64(VPMOVQB, src, dst, z, k, x, VMOVQ)
#define G_F64_2(src, dst, z, y, x, w, v, k, STORE) FIT64(VPMOVQW, src, dst, z, k, x, STORE)
#define G_F64_4(src, dst, z, y, x, w, v, k, STORE) FIT64(VPMOVQD, src, dst, z, k, y, STORE)
#define G_F32_I32(src, dst, z, y, x, w, v, k, STORE) \
	VMOVUPS src, z \
	VCMPPS $7, z, z, k \
	VCVTTPS2DQ.Z z, k, w \
	VCMPPS $0x1d, Z30, z, k \
	VMOVDQA32 Z31, k, w \
	STORE w, dst
#define G_F32_U32(src, dst, z, y, x, w, v, k, STORE) \
	VMOVUPS src, z \
	VMAXPS Z30, z, z \
	VCVTTPS2UDQ z, z \
	STORE z, dst
#define G_F32_I64(src, dst, z, y, x, w, v, k, STORE) \
	VMOVUPS src, y \
	VCMPPS $7, y, y, k \
	VCVTTPS2QQ.Z y, k, w \
	VCMPPS $0x1d, Y30, y, k \
	VMOVDQA64 Z31, k, w \
	STORE w, dst
#define G_F32_U64(src, dst, z, y, x, w, v, k, STORE) \
	VMOVUPS src, y \
	VMAXPS Y30, y, y \
	VCVTTPS2UQQ y, z \
	STORE z, dst
#define G_F64_I64(src, dst, z, y, x, w, v, k, STORE) \
	VMOVUPD src, z \
	VCMPPD $7, z, z, k \
	VCVTTPD2QQ.Z z, k, w \
	VCMPPD $0x1d, Z30, z, k \
	VMOVDQA64 Z31, k, w \
	STORE w, dst
#define G_F64_U64(src, dst, z, y, x, w, v, k, STORE) \
	VMOVUPD src, z \
	VMAXPD Z30, z, z \
	VCVTTPD2UQQ z, z \
	STORE z, dst

// The floats of 16 bits. The instructions make a signaling NaN quiet: its bit
// is taken back, where k says so. From float32 to binary16 the upper bits of
// a payload stay, of which one is set if none was: Z30 holds that one, Z31 all of
// them. To bfloat16 half of the last bit kept is added, Z30, or just less if that
// bit is 0; every NaN becomes the quiet one of its sign, Z31.

// all but the bit that says quiet: in float32, in two binary16
DATA quiet<>+0(SB)/4, $0xffbfffff
DATA quiet<>+4(SB)/4, $0xfdfffdff
// the last bit and the quiet NaN of a bfloat16
DATA quiet<>+8(SB)/4, $1
DATA quiet<>+12(SB)/4, $0x7fc0
GLOBL quiet<>(SB), RODATA|NOPTR, $16

// Without its sign, a signaling binary16 lies less than Z31 above Z30.
#define G_F16_F32(src, dst, z, y, x, w, v, k, STORE) \
	VMOVDQU64 src, v \
	VPADDW v, v, Y16 \
	VPSUBW Y30, Y16, Y16 \
	VPCMPUW $1, Y31, Y16, k \
	VCVTPH2PS v, z \
	VPANDD.BCST quiet<>+0(SB), z, k, z \
	STORE z, dst
#define G_F32_F16(src, dst, z, y, x, w, v, k, STORE) \
	VMOVUPS src, z \
	VCVTPS2PH $0, z, v \
	VFPCLASSPSZ $0x80, z, k \
	VPANDD.BCST quiet<>+4(SB), v, Y16 \
	VPTESTNMW Y31, Y16, k, K3 \
	VPADDW Y30, Y16, K3, Y16 \
	VMOVDQU16 Y16, k, v \
	STORE v, dst
#define G_BF16_F32(src, dst, z, y, x, w, v, k, STORE) \
	VPMOVZXWD src, z \
	VPSLLD $16, z, z \
	STORE z, dst
#define G_F32_BF16(src, dst, z, y, x, w, v, k, STORE) \
	VMOVUPS src, z \
	VPSRLD $16, z, w \
	VCMPPS $3, z, z, k \
	VPANDD.BCST quiet<>+8(SB), w, Z16 \
	VPADDD Z30, Z16, Z16 \
	VPADDD z, Z16, Z16 \
	VPSRLD $16, Z16, Z16 \
	VPANDD Z31, w, w \
	VPORD.BCST quiet<>+12(SB), w, k, Z16 \
	VPMOVDW Z16, v \
	STORE v, dst

// To float32 rounded to odd: cut toward zero, and the last bit set, from Z31,
// where turning back shows that something was lost. A NaN lost nothing.

#define G_F64_ODD(src, dst, z, y, x, w, v, k, STORE) \
	VMOVUPD src, z \
	VCVTPD2PS.RZ_SAE z, v \
	VCVTPS2PD v, Z16 \
	VCMPPD $12, Z16, z, k \
	VPORD Y31, v, k, v \
	STORE v, dst
#define ODD64(CVT, BACK, src, dst, z, v, k, STORE) \
	VMOVDQU64 src, z \
	CVT z, v \
	BACK v, Z16 \
	VPCMPUQ $4, Z16, z, k \
	VPORD Y31, v, k, v \
	STORE v, dst
#define ODD32(CVT, BACK, src, dst, z, w, k, STORE) \
	VMOVDQU64 src, z \
	CVT z, w \
	BACK w, Z16 \
	VPCMPUD $4, Z16, z, k \
	VPORD Z31, w, k, w \
	STORE w, dst
#define G_I64_ODD(src, dst, z, y, x, w, v, k, STORE) ODD64(VCVTQQ2PS.RZ_SAE, VCVTTPS2QQ, src, dst, z, v, k, STORE)
#define G_U64_ODD(src, dst, z, y, x, w, v, k, STORE) ODD64(VCVTUQQ2PS.RZ_SAE, VCVTTPS2UQQ, src, dst, z, v, k, STORE)
#define G_I32_ODD(src, dst, z, y, x, w, v, k, STORE) ODD32(VCVTDQ2PS.RZ_SAE, VCVTTPS2DQ, src, dst, z, w, k, STORE)
#define G_U32_ODD(src, dst, z, y, x, w, v, k, STORE) ODD32(VCVTUDQ2PS.RZ_SAE, VCVTTPS2UDQ, src, dst, z, w, k, STORE)

// To bool: bytes of Z31 where a bit of Z30 is set.

#define TRUTH(TEST, src, dst, k, ones, out, STORE) \
	TEST src, Z30, k \
	VMOVDQU8.Z ones, k, out \
	STORE out, dst
#define G_BOOL1(src, dst, z, y, x, w, v, k, STORE) TRUTH(VPTESTMB, src, dst, k, Z31, z, STORE)
#define G_BOOL2(src, dst, z, y, x, w, v, k, STORE) TRUTH(VPTESTMW, src, dst, k, Y31, y, STORE)
#define G_BOOL4(src, dst, z, y, x, w, v, k, STORE) TRUTH(VPTESTMD, src, dst, k, X31, x, STORE)
#define G_BOOL8(src, dst, z, y, x, w, v, k, STORE) TRUTH(VPTESTMQ, src, dst, k, X31, x, VMOVQ)

// Of pairs of 8 bytes one for both.
#define G_BOOL16(src, dst, z, y, x, w, v, k, STORE) \
	VMOVDQU64 src, z \
	VPERMILPD $0x55, z, w \
	VPORQ z, w, w \
	VPCOMPRESSQ.Z w, K7, w \
	VPTESTMQ v, Y30, k \
	VMOVDQU8.Z X31, k, x \
	VMOVD x, dst

// Pairs of 8 bytes: the first of each, and zeros put in as the second.

#define G_FIRST(src, dst, z, y, x, w, v, k, STORE) \
	VMOVDQU64 src, z \
	VPCOMPRESSQ.Z z, K7, z \
	STORE y, dst
#define G_SPREAD(src, dst, z, y, x, w, v, k, STORE) \
	VMOVDQU64 src, y \
	VPEXPANDQ.Z z, K7, z \
	STORE z, dst

// func cutI8To1(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutI8To1(SB), NOSPLIT, $0-33
	EQUAL(G_I8_1)

// func cutI8To2(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutI8To2(SB), NOSPLIT, $0-33
	LOOP(G_I8_2, 32, 64)

// func cutI8To4(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutI8To4(SB), NOSPLIT, $0-33
	LOOP(G_I8_4, 16, 64)

// func cutI8To8(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutI8To8(SB), NOSPLIT, $0-33
	LOOP(G_I8_8, 8, 64)

// func cutI16To1(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutI16To1(SB), NOSPLIT, $0-33
	LOOP(G_I16_1, 64, 32)

// func cutI16To2(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutI16To2(SB), NOSPLIT, $0-33
	EQUAL(G_I16_2)

// func cutI16To4(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutI16To4(SB), NOSPLIT, $0-33
	LOOP(G_I16_4, 32, 64)

// func cutI16To8(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutI16To8(SB), NOSPLIT, $0-33
	LOOP(G_I16_8, 16, 64)

// func cutI32To1(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutI32To1(SB), NOSPLIT, $0-33
	LOOP(G_I32_1, 64, 16)

// func cutI32To2(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutI32To2(SB), NOSPLIT, $0-33
	LOOP(G_I32_2, 64, 32)

// func cutI32To4(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutI32To4(SB), NOSPLIT, $0-33
	EQUAL(G_I32_4)

// func cutI32To8(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutI32To8(SB), NOSPLIT, $0-33
	LOOP(G_I32_8, 32, 64)

// func cutI64To1(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutI64To1(SB), NOSPLIT, $0-33
	LOOP(G_I64_1, 64, 8)

// func cutI64To2(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutI64To2(SB), NOSPLIT, $0-33
	LOOP(G_I64_2, 64, 16)

// func cutI64To4(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutI64To4(SB), NOSPLIT, $0-33
	LOOP(G_I64_4, 64, 32)

// func cutI64To8(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutI64To8(SB), NOSPLIT, $0-33
	EQUAL(G_I64_8)

// func cutU8To1(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutU8To1(SB), NOSPLIT, $0-33
	EQUAL(G_U8_1)

// func cutU8To2(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutU8To2(SB), NOSPLIT, $0-33
	LOOP(G_U8_2, 32, 64)

// func cutU8To4(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutU8To4(SB), NOSPLIT, $0-33
	LOOP(G_U8_4, 16, 64)

// func cutU8To8(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutU8To8(SB), NOSPLIT, $0-33
	LOOP(G_U8_8, 8, 64)

// func cutU16To1(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutU16To1(SB), NOSPLIT, $0-33
	LOOP(G_U16_1, 64, 32)

// func cutU16To2(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutU16To2(SB), NOSPLIT, $0-33
	EQUAL(G_U16_2)

// func cutU16To4(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutU16To4(SB), NOSPLIT, $0-33
	LOOP(G_U16_4, 32, 64)

// func cutU16To8(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutU16To8(SB), NOSPLIT, $0-33
	LOOP(G_U16_8, 16, 64)

// func cutU32To1(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutU32To1(SB), NOSPLIT, $0-33
	LOOP(G_U32_1, 64, 16)

// func cutU32To2(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutU32To2(SB), NOSPLIT, $0-33
	LOOP(G_U32_2, 64, 32)

// func cutU32To4(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutU32To4(SB), NOSPLIT, $0-33
	EQUAL(G_U32_4)

// func cutU32To8(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutU32To8(SB), NOSPLIT, $0-33
	LOOP(G_U32_8, 32, 64)

// func cutU64To1(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutU64To1(SB), NOSPLIT, $0-33
	LOOP(G_U64_1, 64, 8)

// func cutU64To2(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutU64To2(SB), NOSPLIT, $0-33
	LOOP(G_U64_2, 64, 16)

// func cutU64To4(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutU64To4(SB), NOSPLIT, $0-33
	LOOP(G_U64_4, 64, 32)

// func cutU64To8(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·cutU64To8(SB), NOSPLIT, $0-33
	EQUAL(G_U64_8)

// func valueI8ToF32(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·valueI8ToF32(SB), NOSPLIT, $0-33
	LOOP(G_I8_F4, 16, 64)

// func valueI8ToF64(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·valueI8ToF64(SB), NOSPLIT, $0-33
	LOOP(G_I8_F8, 8, 64)

// func valueI16ToF32(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·valueI16ToF32(SB), NOSPLIT, $0-33
	LOOP(G_I16_F4, 32, 64)

// func valueI16ToF64(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·valueI16ToF64(SB), NOSPLIT, $0-33
	LOOP(G_I16_F8, 16, 64)

// func valueI32ToF32(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·valueI32ToF32(SB), NOSPLIT, $0-33
	EQUAL(G_I32_F4)

// func valueI32ToF64(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·valueI32ToF64(SB), NOSPLIT, $0-33
	LOOP(G_I32_F8, 32, 64)

// func valueI64ToF32(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·valueI64ToF32(SB), NOSPLIT, $0-33
	LOOP(G_I64_F4, 64, 32)

// func valueI64ToF64(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·valueI64ToF64(SB), NOSPLIT, $0-33
	EQUAL(G_I64_F8)

// func valueU8ToF32(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·valueU8ToF32(SB), NOSPLIT, $0-33
	LOOP(G_U8_F4, 16, 64)

// func valueU8ToF64(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·valueU8ToF64(SB), NOSPLIT, $0-33
	LOOP(G_U8_F8, 8, 64)

// func valueU16ToF32(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·valueU16ToF32(SB), NOSPLIT, $0-33
	LOOP(G_U16_F4, 32, 64)

// func valueU16ToF64(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·valueU16ToF64(SB), NOSPLIT, $0-33
	LOOP(G_U16_F8, 16, 64)

// func valueU32ToF32(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·valueU32ToF32(SB), NOSPLIT, $0-33
	EQUAL(G_U32_F4)

// func valueU32ToF64(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·valueU32ToF64(SB), NOSPLIT, $0-33
	LOOP(G_U32_F8, 32, 64)

// func valueU64ToF32(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·valueU64ToF32(SB), NOSPLIT, $0-33
	LOOP(G_U64_F4, 64, 32)

// func valueU64ToF64(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·valueU64ToF64(SB), NOSPLIT, $0-33
	EQUAL(G_U64_F8)

// func valueF32ToF64(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·valueF32ToF64(SB), NOSPLIT, $0-33
	LOOP(G_F32_F8, 32, 64)

// func valueF64ToF32(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·valueF64ToF32(SB), NOSPLIT, $0-33
	LOOP(G_F64_F4, 64, 32)

// func fitF32To1(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·fitF32To1(SB), NOSPLIT, $0-33
	LOOP(G_F32_1, 64, 16)

// func fitF32To2(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·fitF32To2(SB), NOSPLIT, $0-33
	LOOP(G_F32_2, 64, 32)

// func fitBF16To1(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·fitBF16To1(SB), NOSPLIT, $0-33
	HALVES(G_BF16_1, 32, 16)

// func fitBF16To2(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·fitBF16To2(SB), NOSPLIT, $0-33
	HALVES(G_BF16_2, 32, 32)

// func fitF64To1(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·fitF64To1(SB), NOSPLIT, $0-33
	LOOP(G_F64_1, 64, 8)

// func fitF64To2(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·fitF64To2(SB), NOSPLIT, $0-33
	LOOP(G_F64_2, 64, 16)

// func fitF64To4(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·fitF64To4(SB), NOSPLIT, $0-33
	LOOP(G_F64_4, 64, 32)

// func fitF32ToI32(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·fitF32ToI32(SB), NOSPLIT, $0-33
	EQUAL(G_F32_I32)

// func fitF32ToU32(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·fitF32ToU32(SB), NOSPLIT, $0-33
	EQUAL(G_F32_U32)

// func fitF32ToI64(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·fitF32ToI64(SB), NOSPLIT, $0-33
	LOOP(G_F32_I64, 32, 64)

// func fitF32ToU64(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·fitF32ToU64(SB), NOSPLIT, $0-33
	LOOP(G_F32_U64, 32, 64)

// func fitF64ToI64(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·fitF64ToI64(SB), NOSPLIT, $0-33
	EQUAL(G_F64_I64)

// func fitF64ToU64(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·fitF64ToU64(SB), NOSPLIT, $0-33
	EQUAL(G_F64_U64)

// func oddF64(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·oddF64(SB), NOSPLIT, $0-33
	LOOP(G_F64_ODD, 64, 32)

// func oddI64(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·oddI64(SB), NOSPLIT, $0-33
	LOOP(G_I64_ODD, 64, 32)

// func oddU64(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·oddU64(SB), NOSPLIT, $0-33
	LOOP(G_U64_ODD, 64, 32)

// func oddI32(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·oddI32(SB), NOSPLIT, $0-33
	EQUAL(G_I32_ODD)

// func oddU32(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·oddU32(SB), NOSPLIT, $0-33
	EQUAL(G_U32_ODD)

// func truth1(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·truth1(SB), NOSPLIT, $0-33
	EQUAL(G_BOOL1)

// func truth2(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·truth2(SB), NOSPLIT, $0-33
	LOOP(G_BOOL2, 64, 32)

// func truth4(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·truth4(SB), NOSPLIT, $0-33
	LOOP(G_BOOL4, 64, 16)

// func truth8(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·truth8(SB), NOSPLIT, $0-33
	LOOP(G_BOOL8, 64, 8)

// func truth16(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·truth16(SB), NOSPLIT, $0-33
	LOOP(G_BOOL16, 64, 4)

// func firsts8(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·firsts8(SB), NOSPLIT, $0-33
	LOOP(G_FIRST, 64, 32)

// func spread8(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·spread8(SB), NOSPLIT, $0-33
	LOOP(G_SPREAD, 32, 64)

// func halfToF32(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·halfToF32(SB), NOSPLIT, $0-33
	LOOP(G_F16_F32, 32, 64)

// func f32ToHalf(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·f32ToHalf(SB), NOSPLIT, $0-33
	LOOP(G_F32_F16, 64, 32)

// func brainToF32(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·brainToF32(SB), NOSPLIT, $0-33
	LOOP(G_BF16_F32, 32, 64)

// func f32ToBrain(dst, src *byte, groups int, limits *limits, stream bool)
TEXT ·f32ToBrain(SB), NOSPLIT, $0-33
	LOOP(G_F32_BF16, 64, 32)
