//go:build !noasm

#include "textflag.h"

// Tables of 256 entries. Bytes are looked up in registers: of each table four,
// whose halves are searched by themselves; the top bit of a code says which half
// counts. Wider entries are looked up byte by byte, or gathered.
//
// With codes in Z0, LOOKUP leaves what the table in registers a to d holds in
// out, K1 being the top bits.

#define LOOKUP(a, b, c, d, out) \
	VMOVDQA64 Z0, out \
	VMOVDQA64 Z0, Z3 \
	VPERMI2B b, a, out \
	VPERMI2B d, c, Z3 \
	VMOVDQU8 Z3, K1, out

#define TABLE(from, a, b, c, d) \
	VMOVDQU64 (from), a \
	VMOVDQU64 64(from), b \
	VMOVDQU64 128(from), c \
	VMOVDQU64 192(from), d

// func lookup1VBMI(dst, src *byte, n int, table *byte, stream bool)
// n is a multiple of 64.
TEXT ·lookup1VBMI(SB), NOSPLIT, $0-33
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ table+24(FP), R8
	TABLE(R8, Z16, Z17, Z18, Z19)
	CMPB stream+32(FP), $0
	JNE stream
plain:
	VMOVDQU64 (SI), Z0
	VPMOVB2M Z0, K1
	LOOKUP(Z16, Z17, Z18, Z19, Z1)
	VMOVDQU64 Z1, (DI)
	ADDQ $64, SI
	ADDQ $64, DI
	SUBQ $64, CX
	JNE plain
	VZEROUPPER
	RET
stream:
	VMOVDQU64 (SI), Z0
	VPMOVB2M Z0, K1
	LOOKUP(Z16, Z17, Z18, Z19, Z1)
	VMOVNTDQ Z1, (DI)
	ADDQ $64, SI
	ADDQ $64, DI
	SUBQ $64, CX
	JNE stream
	VZEROUPPER
	RET

// qword 2l+j comes from 4j+l, dword 4l+j from 4j+l, so that unpacking within 16
// bytes yields the elements in their order
DATA pairs<>+0(SB)/8, $0
DATA pairs<>+8(SB)/8, $4
DATA pairs<>+16(SB)/8, $1
DATA pairs<>+24(SB)/8, $5
DATA pairs<>+32(SB)/8, $2
DATA pairs<>+40(SB)/8, $6
DATA pairs<>+48(SB)/8, $3
DATA pairs<>+56(SB)/8, $7
GLOBL pairs<>(SB), RODATA|NOPTR, $64
DATA quarters<>+0(SB)/8, $0x0000000400000000
DATA quarters<>+8(SB)/8, $0x0000000c00000008
DATA quarters<>+16(SB)/8, $0x0000000500000001
DATA quarters<>+24(SB)/8, $0x0000000d00000009
DATA quarters<>+32(SB)/8, $0x0000000600000002
DATA quarters<>+40(SB)/8, $0x0000000e0000000a
DATA quarters<>+48(SB)/8, $0x0000000700000003
DATA quarters<>+56(SB)/8, $0x0000000f0000000b
GLOBL quarters<>(SB), RODATA|NOPTR, $64

#define LOOKUP2(STORE) \
	VPERMQ (SI), Z24, Z0 \
	VPMOVB2M Z0, K1 \
	LOOKUP(Z16, Z17, Z18, Z19, Z1) \
	LOOKUP(Z20, Z21, Z22, Z23, Z2) \
	VPUNPCKLBW Z2, Z1, Z4 \
	VPUNPCKHBW Z2, Z1, Z5 \
	STORE Z4, (DI) \
	STORE Z5, 64(DI) \
	ADDQ $64, SI \
	ADDQ $128, DI

// func lookup2VBMI(dst, src *byte, n int, table *byte, stream bool)
// The table is that of the low bytes, then that of the high ones.
TEXT ·lookup2VBMI(SB), NOSPLIT, $0-33
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ table+24(FP), R8
	LEAQ 256(R8), R9
	TABLE(R8, Z16, Z17, Z18, Z19)
	TABLE(R9, Z20, Z21, Z22, Z23)
	VMOVDQU64 pairs<>(SB), Z24
	CMPB stream+32(FP), $0
	JNE stream
plain:
	LOOKUP2(VMOVDQU64)
	SUBQ $64, CX
	JNE plain
	VZEROUPPER
	RET
stream:
	LOOKUP2(VMOVNTDQ)
	SUBQ $64, CX
	JNE stream
	VZEROUPPER
	RET

#define LOOKUP4(STORE) \
	VPERMD (SI), Z24, Z0 \
	VPMOVB2M Z0, K1 \
	LOOKUP(Z16, Z17, Z18, Z19, Z1) \
	LOOKUP(Z20, Z21, Z22, Z23, Z2) \
	VPUNPCKLBW Z2, Z1, Z4 \
	VPUNPCKHBW Z2, Z1, Z5 \
	VPUNPCKLWD Z4, Z25, Z0 \
	VPUNPCKHWD Z4, Z25, Z1 \
	VPUNPCKLWD Z5, Z25, Z2 \
	VPUNPCKHWD Z5, Z25, Z3 \
	STORE Z0, (DI) \
	STORE Z1, 64(DI) \
	STORE Z2, 128(DI) \
	STORE Z3, 192(DI) \
	ADDQ $64, SI \
	ADDQ $256, DI

// func lookup4VBMI(dst, src *byte, n int, table *byte, stream bool)
// Entries of 4 bytes whose lower two are zero: the table is that of the third
// bytes, then that of the fourth.
TEXT ·lookup4VBMI(SB), NOSPLIT, $0-33
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ table+24(FP), R8
	LEAQ 256(R8), R9
	TABLE(R8, Z16, Z17, Z18, Z19)
	TABLE(R9, Z20, Z21, Z22, Z23)
	VMOVDQU64 quarters<>(SB), Z24
	VPXORQ Z25, Z25, Z25
	CMPB stream+32(FP), $0
	JNE stream
plain:
	LOOKUP4(VMOVDQU64)
	SUBQ $64, CX
	JNE plain
	VZEROUPPER
	RET
stream:
	LOOKUP4(VMOVNTDQ)
	SUBQ $64, CX
	JNE stream
	VZEROUPPER
	RET

#define GATHER4(at, to, z, i, k, STORE) \
	VPMOVZXBD at(SI), i \
	KXNORW k, k, k \
	VPGATHERDD (R8)(i*4), k, z \
	STORE z, to(DI)
#define GATHER8(at, to, z, i, k, STORE) \
	VPMOVZXBQ at(SI), i \
	KXNORW k, k, k \
	VPGATHERQQ (R8)(i*8), k, z \
	STORE z, to(DI)

// func gather4AVX512(dst, src *byte, n int, table *byte, stream bool)
// n is a multiple of 64.
TEXT ·gather4AVX512(SB), NOSPLIT, $0-33
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ table+24(FP), R8
	CMPB stream+32(FP), $0
	JNE stream
plain:
	GATHER4(0, 0, Z0, Z1, K1, VMOVDQU64)
	GATHER4(16, 64, Z2, Z3, K2, VMOVDQU64)
	ADDQ $32, SI
	ADDQ $128, DI
	SUBQ $32, CX
	JNE plain
	VZEROUPPER
	RET
stream:
	GATHER4(0, 0, Z0, Z1, K1, VMOVNTDQ)
	GATHER4(16, 64, Z2, Z3, K2, VMOVNTDQ)
	ADDQ $32, SI
	ADDQ $128, DI
	SUBQ $32, CX
	JNE stream
	VZEROUPPER
	RET

// func gather8AVX512(dst, src *byte, n int, table *byte, stream bool)
TEXT ·gather8AVX512(SB), NOSPLIT, $0-33
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ table+24(FP), R8
	CMPB stream+32(FP), $0
	JNE stream
plain:
	GATHER8(0, 0, Z0, Z1, K1, VMOVDQU64)
	GATHER8(8, 64, Z2, Z3, K2, VMOVDQU64)
	ADDQ $16, SI
	ADDQ $128, DI
	SUBQ $16, CX
	JNE plain
	VZEROUPPER
	RET
stream:
	GATHER8(0, 0, Z0, Z1, K1, VMOVNTDQ)
	GATHER8(8, 64, Z2, Z3, K2, VMOVNTDQ)
	ADDQ $16, SI
	ADDQ $128, DI
	SUBQ $16, CX
	JNE stream
	VZEROUPPER
	RET

DATA below<>+0(SB)/4, $0x7ffff
GLOBL below<>(SB), RODATA|NOPTR, $4

// The upper 13 bits and whether one below them is set make an index.
#define NARROW(at, to, z, i, k, part, STORE) \
	VMOVDQU64 at(SI), i \
	VPANDD Z16, i, z \
	VPADDD Z16, z, z \
	VPSRLD $19, i, i \
	VPSRLD $19, z, z \
	VPADDD i, i, i \
	VPORD z, i, i \
	KXNORW k, k, k \
	VPGATHERDD (R8)(i*1), k, z \
	VPMOVDB z, part \
	STORE part, to(DI)

// func narrowAVX512(dst, src *byte, n int, table *byte, stream bool)
// n is a multiple of 64, the table 3 bytes longer than its entries.
TEXT ·narrowAVX512(SB), NOSPLIT, $0-33
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ table+24(FP), R8
	VPBROADCASTD below<>(SB), Z16
	CMPB stream+32(FP), $0
	JNE stream
plain:
	NARROW(0, 0, Z0, Z1, K1, X0, VMOVDQU64)
	NARROW(64, 16, Z2, Z3, K2, X2, VMOVDQU64)
	ADDQ $128, SI
	ADDQ $32, DI
	SUBQ $32, CX
	JNE plain
	VZEROUPPER
	RET
stream:
	NARROW(0, 0, Z0, Z1, K1, X0, VMOVNTDQ)
	NARROW(64, 16, Z2, Z3, K2, X2, VMOVNTDQ)
	ADDQ $128, SI
	ADDQ $32, DI
	SUBQ $32, CX
	JNE stream
	VZEROUPPER
	RET
