//go:build !noasm

#include "textflag.h"

// Differences, from behind, so that dst may be src: the 64 bytes before place
// CX are taken until fewer are left above place d.

#define DELTA(OP, loop) \
	MOVQ dst+0(FP), DI \
	MOVQ src+8(FP), SI \
	MOVQ d+16(FP), DX \
	MOVQ end+24(FP), CX \
	MOVQ SI, R8 \
	SUBQ DX, R8 \
	ADDQ $64, DX \
loop: \
	VMOVDQU -32(SI)(CX*1), Y0 \
	VMOVDQU -64(SI)(CX*1), Y1 \
	VMOVDQU -32(R8)(CX*1), Y2 \
	VMOVDQU -64(R8)(CX*1), Y3 \
	OP Y2, Y0, Y0 \
	OP Y3, Y1, Y1 \
	VMOVDQU Y0, -32(DI)(CX*1) \
	VMOVDQU Y1, -64(DI)(CX*1) \
	SUBQ $64, CX \
	CMPQ CX, DX \
	JGE  loop \
	MOVQ CX, ret+32(FP) \
	VZEROUPPER \
	RET

// Sums at distances from 16 bytes on need what was stored 16 or more before.

#define FARSUM(OP, loop) \
	MOVQ dst+0(FP), DI \
	MOVQ src+8(FP), SI \
	MOVQ i+16(FP), AX \
	MOVQ d+24(FP), DX \
	MOVQ end+32(FP), CX \
	MOVQ DI, R8 \
	SUBQ DX, R8 \
	SUBQ $16, CX \
loop: \
	VMOVDQU (SI)(AX*1), X0 \
	VMOVDQU (R8)(AX*1), X1 \
	OP X1, X0, X0 \
	VMOVDQU X0, (DI)(AX*1) \
	ADDQ $16, AX \
	CMPQ AX, CX \
	JLE  loop \
	VZEROUPPER \
	RET

// Sums at distances below 16 bytes: within 16 bytes by adding what is one, two,
// four, eight distances before, then what the 16 bytes before ended with. Only
// this last step waits for the one before it. The masks move bytes: four of
// them up by a distance, twice, four times, eight times it (and zero in), the
// fifth the last words of 16 bytes to all places that follow them.

#define STEP(OP, MASK) \
	VPSHUFB MASK, X0, X1 \
	OP X1, X0, X0

#define STEPS1(OP) \
	STEP(OP, X10)
#define STEPS2(OP) \
	STEP(OP, X10) \
	STEP(OP, X11)
#define STEPS3(OP) \
	STEP(OP, X10) \
	STEP(OP, X11) \
	STEP(OP, X12)
#define STEPS4(OP) \
	STEP(OP, X10) \
	STEP(OP, X11) \
	STEP(OP, X12) \
	STEP(OP, X13)

#define NEARSUM(OP, STEPS, loop) \
	MOVQ dst+0(FP), DI \
	MOVQ src+8(FP), SI \
	MOVQ n+16(FP), CX \
	MOVQ masks+24(FP), DX \
	VMOVDQU (DX), X10 \
	VMOVDQU 16(DX), X11 \
	VMOVDQU 32(DX), X12 \
	VMOVDQU 48(DX), X13 \
	VMOVDQU 64(DX), X14 \
	VMOVDQU -16(DI), X2 \
	XORQ AX, AX \
loop: \
	VMOVDQU (SI)(AX*1), X0 \
	STEPS(OP) \
	VPSHUFB X14, X2, X2 \
	OP X0, X2, X2 \
	VMOVDQU X2, (DI)(AX*1) \
	ADDQ $16, AX \
	CMPQ AX, CX \
	JB   loop \
	VZEROUPPER \
	RET

// Sums at distances from 17 to 127 bytes, a row of that length at a time. The
// row before is kept apart, 16 bytes to the place: loads of it from dst would
// span two stores that are still on their way, for which the processor waits.
// The last 16 bytes of a row reach into the next one; where dst is src that
// would destroy what comes next, so it is read before, and put back at the end.
#define ROWSUM(OP, row, part, last) \
	MOVQ dst+0(FP), DI \
	MOVQ src+8(FP), SI \
	MOVQ d+16(FP), R8 \
	MOVQ rows+24(FP), CX \
	MOVQ state+32(FP), DX \
	LEAQ -1(R8), R9 \
	ANDQ $~15, R9 \
	VMOVDQU (SI), X1 \
row: \
	VMOVDQA X1, X0 \
	XORQ AX, AX \
part: \
	OP (DX)(AX*1), X0, X0 \
	VMOVDQU X0, (DX)(AX*1) \
	CMPQ AX, R9 \
	JEQ  last \
	VMOVDQU X0, (DI)(AX*1) \
	VMOVDQU 16(SI)(AX*1), X0 \
	ADDQ $16, AX \
	JMP  part \
last: \
	VMOVDQU (SI)(R8*1), X1 \
	VMOVDQU X0, (DI)(AX*1) \
	ADDQ R8, SI \
	ADDQ R8, DI \
	DECQ CX \
	JNE  row \
	VMOVDQU X1, (DI) \
	VZEROUPPER \
	RET

// func delta1AVX2(dst, src *byte, d, end int) (newEnd int)
// end is at least d+64, here and below.
TEXT ·delta1AVX2(SB), NOSPLIT, $0-40
	DELTA(VPSUBB, delta1)

// func delta2AVX2(dst, src *byte, d, end int) (newEnd int)
TEXT ·delta2AVX2(SB), NOSPLIT, $0-40
	DELTA(VPSUBW, delta2)

// func delta4AVX2(dst, src *byte, d, end int) (newEnd int)
TEXT ·delta4AVX2(SB), NOSPLIT, $0-40
	DELTA(VPSUBD, delta4)

// func delta8AVX2(dst, src *byte, d, end int) (newEnd int)
TEXT ·delta8AVX2(SB), NOSPLIT, $0-40
	DELTA(VPSUBQ, delta8)

// func xorDeltaAVX2(dst, src *byte, d, end int) (newEnd int)
TEXT ·xorDeltaAVX2(SB), NOSPLIT, $0-40
	DELTA(VPXOR, xordelta)

// func farSum1AVX2(dst, src *byte, i, d, end int)
// i+16 is at most end. The bytes from i on are done, 16 at a time.
TEXT ·farSum1AVX2(SB), NOSPLIT, $0-40
	FARSUM(VPADDB, far1)

// func farSum2AVX2(dst, src *byte, i, d, end int)
TEXT ·farSum2AVX2(SB), NOSPLIT, $0-40
	FARSUM(VPADDW, far2)

// func farSum4AVX2(dst, src *byte, i, d, end int)
TEXT ·farSum4AVX2(SB), NOSPLIT, $0-40
	FARSUM(VPADDD, far4)

// func farSum8AVX2(dst, src *byte, i, d, end int)
TEXT ·farSum8AVX2(SB), NOSPLIT, $0-40
	FARSUM(VPADDQ, far8)

// func farXorAVX2(dst, src *byte, i, d, end int)
TEXT ·farXorAVX2(SB), NOSPLIT, $0-40
	FARSUM(VPXOR, farx)

// func rowSum1AVX2(dst, src *byte, d, rows int, state *[128]byte)
// 32 bytes behind the rows are read, and 16 written.
TEXT ·rowSum1AVX2(SB), NOSPLIT, $0-40
	ROWSUM(VPADDB, row1, rowpart1, rowlast1)

// func rowSum2AVX2(dst, src *byte, d, rows int, state *[128]byte)
TEXT ·rowSum2AVX2(SB), NOSPLIT, $0-40
	ROWSUM(VPADDW, row2, rowpart2, rowlast2)

// func rowSum4AVX2(dst, src *byte, d, rows int, state *[128]byte)
TEXT ·rowSum4AVX2(SB), NOSPLIT, $0-40
	ROWSUM(VPADDD, row4, rowpart4, rowlast4)

// func rowSum8AVX2(dst, src *byte, d, rows int, state *[128]byte)
TEXT ·rowSum8AVX2(SB), NOSPLIT, $0-40
	ROWSUM(VPADDQ, row8, rowpart8, rowlast8)

// func rowXorAVX2(dst, src *byte, d, rows int, state *[128]byte)
TEXT ·rowXorAVX2(SB), NOSPLIT, $0-40
	ROWSUM(VPXOR, rowx, rowpartx, rowlastx)

// func nearSum1AVX2(dst, src *byte, n int, masks *[5][16]byte)
// n bytes, a multiple of 16. The 16 bytes before dst are read.
TEXT ·nearSum1AVX2(SB), NOSPLIT, $0-32
	NEARSUM(VPADDB, STEPS4, near1)

// func nearSum2AVX2(dst, src *byte, n int, masks *[5][16]byte)
TEXT ·nearSum2AVX2(SB), NOSPLIT, $0-32
	NEARSUM(VPADDW, STEPS3, near2)

// func nearSum4AVX2(dst, src *byte, n int, masks *[5][16]byte)
TEXT ·nearSum4AVX2(SB), NOSPLIT, $0-32
	NEARSUM(VPADDD, STEPS2, near4)

// func nearSum8AVX2(dst, src *byte, n int, masks *[5][16]byte)
TEXT ·nearSum8AVX2(SB), NOSPLIT, $0-32
	NEARSUM(VPADDQ, STEPS1, near8)

// func nearXor1AVX2(dst, src *byte, n int, masks *[5][16]byte)
// Distances from 1 byte on, the next from 4 on, then from 8 on.
TEXT ·nearXor1AVX2(SB), NOSPLIT, $0-32
	NEARSUM(VPXOR, STEPS4, nearx1)

// func nearXor4AVX2(dst, src *byte, n int, masks *[5][16]byte)
TEXT ·nearXor4AVX2(SB), NOSPLIT, $0-32
	NEARSUM(VPXOR, STEPS2, nearx4)

// func nearXor8AVX2(dst, src *byte, n int, masks *[5][16]byte)
TEXT ·nearXor8AVX2(SB), NOSPLIT, $0-32
	NEARSUM(VPXOR, STEPS1, nearx8)
