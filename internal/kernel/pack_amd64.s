//go:build !noasm

#include "textflag.h"

// Elements of 1, 4 and 6 bits, spread one to the byte and joined again. n counts
// elements, a multiple of 64.

DATA bytes1<>+0(SB)/1, $1
GLOBL bytes1<>(SB), RODATA|NOPTR, $1
DATA bytes15<>+0(SB)/1, $15
GLOBL bytes15<>(SB), RODATA|NOPTR, $1
DATA bytes63<>+0(SB)/1, $63
GLOBL bytes63<>(SB), RODATA|NOPTR, $1

// func spread1AVX512(dst, src *byte, n int)
TEXT ·spread1AVX512(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	VPBROADCASTB bytes1<>(SB), Z1
spread:
	KMOVQ (SI), K1
	VMOVDQU8.Z Z1, K1, Z0
	VMOVDQU64 Z0, (DI)
	ADDQ $8, SI
	ADDQ $64, DI
	SUBQ $64, CX
	JNE spread
	VZEROUPPER
	RET

// func join1AVX512(dst, src *byte, n int)
TEXT ·join1AVX512(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	VPBROADCASTB bytes1<>(SB), Z1
join:
	VPTESTMB (SI), Z1, K1
	KMOVQ K1, (DI)
	ADDQ $64, SI
	ADDQ $8, DI
	SUBQ $64, CX
	JNE join
	VZEROUPPER
	RET

// func spread4AVX512(dst, src *byte, n int, sign uint8)
// sign is 8 for signed elements, else 0: taking it out and away again repeats it.
TEXT ·spread4AVX512(SB), NOSPLIT, $0-25
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	VPBROADCASTB bytes15<>(SB), Z1
	VPBROADCASTB sign+24(FP), Z2
spread:
	VPMOVZXBW (SI), Z0
	VPSLLW $4, Z0, Z3
	VPORQ Z3, Z0, Z0
	VPANDQ Z1, Z0, Z0
	VPXORQ Z2, Z0, Z0
	VPSUBB Z2, Z0, Z0
	VMOVDQU64 Z0, (DI)
	ADDQ $32, SI
	ADDQ $64, DI
	SUBQ $64, CX
	JNE spread
	VZEROUPPER
	RET

// func join4AVX512(dst, src *byte, n int)
TEXT ·join4AVX512(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	VPBROADCASTB bytes15<>(SB), Z1
join:
	VPANDQ (SI), Z1, Z0
	VPSRLW $4, Z0, Z2
	VPORQ Z2, Z0, Z0
	VPMOVWB Z0, (DI)
	ADDQ $64, SI
	ADDQ $32, DI
	SUBQ $64, CX
	JNE join
	VZEROUPPER
	RET

// three bytes to each four, whose last does not count
DATA threes<>+0(SB)/8, $0x0505040302020100
DATA threes<>+8(SB)/8, $0x0b0b0a0908080706
DATA threes<>+16(SB)/8, $0x1111100f0e0e0d0c
DATA threes<>+24(SB)/8, $0x1717161514141312
DATA threes<>+32(SB)/8, $0x1d1d1c1b1a1a1918
DATA threes<>+40(SB)/8, $0x2323222120201f1e
DATA threes<>+48(SB)/8, $0x2929282726262524
DATA threes<>+56(SB)/8, $0x2f2f2e2d2c2c2b2a
GLOBL threes<>(SB), RODATA|NOPTR, $64
// where the elements of two such dwords begin
DATA sixes<>+0(SB)/8, $0x322c2620120c0600
GLOBL sixes<>(SB), RODATA|NOPTR, $8

// func spread6VBMI(dst, src *byte, n int)
TEXT ·spread6VBMI(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	VPBROADCASTB bytes63<>(SB), Z1
	VMOVDQU64 threes<>(SB), Z2
	VPBROADCASTQ sixes<>(SB), Z3
	MOVQ $0xffffffffffff, AX
	KMOVQ AX, K1
spread:
	VMOVDQU8.Z (SI), K1, Z0
	VPERMB Z0, Z2, Z0
	VPMULTISHIFTQB Z0, Z3, Z0
	VPANDQ Z1, Z0, Z0
	VMOVDQU64 Z0, (DI)
	ADDQ $48, SI
	ADDQ $64, DI
	SUBQ $64, CX
	JNE spread
	VZEROUPPER
	RET

// 1 and 64: two elements to 12 bits; 1 and 4096: two of those to 24
DATA times64<>+0(SB)/2, $0x4001
GLOBL times64<>(SB), RODATA|NOPTR, $2
DATA times4096<>+0(SB)/4, $0x10000001
GLOBL times4096<>(SB), RODATA|NOPTR, $4
// the first three bytes of each four
DATA fours<>+0(SB)/8, $0x0908060504020100
DATA fours<>+8(SB)/8, $0x141211100e0d0c0a
DATA fours<>+16(SB)/8, $0x1e1d1c1a19181615
DATA fours<>+24(SB)/8, $0x2928262524222120
DATA fours<>+32(SB)/8, $0x343231302e2d2c2a
DATA fours<>+40(SB)/8, $0x3e3d3c3a39383635
DATA fours<>+48(SB)/8, $0x0000000000000000
DATA fours<>+56(SB)/8, $0x0000000000000000
GLOBL fours<>(SB), RODATA|NOPTR, $64

// func join6VBMI(dst, src *byte, n int)
TEXT ·join6VBMI(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	VPBROADCASTB bytes63<>(SB), Z1
	VPBROADCASTW times64<>(SB), Z2
	VPBROADCASTD times4096<>(SB), Z3
	VMOVDQU64 fours<>(SB), Z4
	MOVQ $0xffffffffffff, AX
	KMOVQ AX, K1
join:
	VPANDQ (SI), Z1, Z0
	VPMADDUBSW Z2, Z0, Z0
	VPMADDWD Z3, Z0, Z0
	VPERMB Z0, Z4, Z0
	VMOVDQU8 Z0, K1, (DI)
	ADDQ $64, SI
	ADDQ $48, DI
	SUBQ $64, CX
	JNE join
	VZEROUPPER
	RET
