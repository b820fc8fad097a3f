//go:build !noasm

#include "textflag.h"

// NEON loads and stores interleave two or four registers by themselves; words
// of eight bytes take two of those and one more step.

// Differences, from behind: see delta_amd64.s. R4 is src less the distance.
#define DELTA(OP, T, loop) \
	MOVD dst+0(FP), R0 \
	MOVD src+8(FP), R1 \
	MOVD d+16(FP), R2 \
	MOVD end+24(FP), R3 \
	SUB  R2, R1, R4 \
	ADD  $32, R2 \
loop: \
	SUB  $32, R3 \
	ADD  R3, R1, R5 \
	ADD  R3, R4, R6 \
	ADD  R3, R0, R7 \
	VLD1 (R5), [V0.B16, V1.B16] \
	VLD1 (R6), [V2.B16, V3.B16] \
	OP   V2.T, V0.T, V0.T \
	OP   V3.T, V1.T, V1.T \
	VST1 [V0.B16, V1.B16], (R7) \
	CMP  R2, R3 \
	BGE  loop \
	MOVD R3, ret+32(FP) \
	RET

// Sums at distances from 16 bytes on.
#define FARSUM(OP, T, loop) \
	MOVD dst+0(FP), R0 \
	MOVD src+8(FP), R1 \
	MOVD i+16(FP), R2 \
	MOVD d+24(FP), R3 \
	MOVD end+32(FP), R4 \
	SUB  R2, R4 \
	ADD  R2, R0 \
	ADD  R2, R1 \
	SUB  R3, R0, R5 \
loop: \
	VLD1.P 16(R1), [V0.B16] \
	VLD1.P 16(R5), [V1.B16] \
	OP   V1.T, V0.T, V0.T \
	VST1.P [V0.B16], 16(R0) \
	SUB  $16, R4 \
	CMP  $16, R4 \
	BGE  loop \
	RET

// Sums at shorter distances: see delta_amd64.s. A place that is not in the
// table reads as zero.
#define STEP(OP, T, M) \
	VTBL M.B16, [V0.B16], V1.B16 \
	OP   V1.T, V0.T, V0.T

#define STEPS1(OP, T) \
	STEP(OP, T, V10)

#define STEPS2(OP, T) \
	STEP(OP, T, V10) \
	STEP(OP, T, V11)

#define STEPS3(OP, T) \
	STEP(OP, T, V10) \
	STEP(OP, T, V11) \
	STEP(OP, T, V12)

#define STEPS4(OP, T) \
	STEP(OP, T, V10) \
	STEP(OP, T, V11) \
	STEP(OP, T, V12) \
	STEP(OP, T, V13)

#define NEARSUM(OP, T, STEPS, loop) \
	MOVD dst+0(FP), R0 \
	MOVD src+8(FP), R1 \
	MOVD n+16(FP), R2 \
	MOVD masks+24(FP), R3 \
	VLD1.P 64(R3), [V10.B16, V11.B16, V12.B16, V13.B16] \
	VLD1 (R3), [V14.B16] \
	SUB  $16, R0, R4 \
	VLD1 (R4), [V2.B16] \
loop: \
	VLD1.P 16(R1), [V0.B16] \
	STEPS(OP, T) \
	VTBL V14.B16, [V2.B16], V2.B16 \
	OP   V0.T, V2.T, V2.T \
	VST1.P [V2.B16], 16(R0) \
	SUBS $16, R2 \
	BNE  loop \
	RET

// One step of a transpose of 8 by 8 bits, see turn.
#define TURN(shift, M) \
	VUSHR $shift, V0.D2, V1.D2 \
	VEOR  V0.B16, V1.B16, V1.B16 \
	VAND  M.B16, V1.B16, V1.B16 \
	VEOR  V1.B16, V0.B16, V0.B16 \
	VSHL  $shift, V1.D2, V1.D2 \
	VEOR  V1.B16, V0.B16, V0.B16

// func split2NEON(p0, p1, src *byte, n int)
// n is a multiple of 16, here and below.
TEXT ·split2NEON(SB), NOSPLIT, $0-32
	MOVD p0+0(FP), R0
	MOVD p1+8(FP), R1
	MOVD src+16(FP), R2
	MOVD n+24(FP), R3
split2:
	VLD2.P 32(R2), [V0.B16, V1.B16]
	VST1.P [V0.B16], 16(R0)
	VST1.P [V1.B16], 16(R1)
	SUBS $16, R3
	BNE  split2
	RET

// func split4NEON(p0, p1, p2, p3, src *byte, n int)
TEXT ·split4NEON(SB), NOSPLIT, $0-48
	MOVD p0+0(FP), R0
	MOVD p1+8(FP), R1
	MOVD p2+16(FP), R2
	MOVD p3+24(FP), R3
	MOVD src+32(FP), R4
	MOVD n+40(FP), R5
split4:
	VLD4.P 64(R4), [V0.B16, V1.B16, V2.B16, V3.B16]
	VST1.P [V0.B16], 16(R0)
	VST1.P [V1.B16], 16(R1)
	VST1.P [V2.B16], 16(R2)
	VST1.P [V3.B16], 16(R3)
	SUBS $16, R5
	BNE  split4
	RET

// func split8NEON(p *[8]*byte, src *byte, n int)
TEXT ·split8NEON(SB), NOSPLIT, $0-24
	MOVD p+0(FP), R8
	MOVD src+8(FP), R9
	MOVD n+16(FP), R10
	LDP (R8), (R0, R1)
	LDP 16(R8), (R2, R3)
	LDP 32(R8), (R4, R5)
	LDP 48(R8), (R6, R7)
split8:
	VLD4.P 64(R9), [V0.B16, V1.B16, V2.B16, V3.B16]
	VLD4.P 64(R9), [V4.B16, V5.B16, V6.B16, V7.B16]
	VUZP1 V4.B16, V0.B16, V16.B16
	VUZP2 V4.B16, V0.B16, V20.B16
	VUZP1 V5.B16, V1.B16, V17.B16
	VUZP2 V5.B16, V1.B16, V21.B16
	VUZP1 V6.B16, V2.B16, V18.B16
	VUZP2 V6.B16, V2.B16, V22.B16
	VUZP1 V7.B16, V3.B16, V19.B16
	VUZP2 V7.B16, V3.B16, V23.B16
	VST1.P [V16.B16], 16(R0)
	VST1.P [V17.B16], 16(R1)
	VST1.P [V18.B16], 16(R2)
	VST1.P [V19.B16], 16(R3)
	VST1.P [V20.B16], 16(R4)
	VST1.P [V21.B16], 16(R5)
	VST1.P [V22.B16], 16(R6)
	VST1.P [V23.B16], 16(R7)
	SUBS $16, R10
	BNE  split8
	RET

// func join2NEON(dst, p0, p1 *byte, n int)
TEXT ·join2NEON(SB), NOSPLIT, $0-32
	MOVD dst+0(FP), R0
	MOVD p0+8(FP), R1
	MOVD p1+16(FP), R2
	MOVD n+24(FP), R3
join2:
	VLD1.P 16(R1), [V0.B16]
	VLD1.P 16(R2), [V1.B16]
	VST2.P [V0.B16, V1.B16], 32(R0)
	SUBS $16, R3
	BNE  join2
	RET

// func join4NEON(dst, p0, p1, p2, p3 *byte, n int)
TEXT ·join4NEON(SB), NOSPLIT, $0-48
	MOVD dst+0(FP), R0
	MOVD p0+8(FP), R1
	MOVD p1+16(FP), R2
	MOVD p2+24(FP), R3
	MOVD p3+32(FP), R4
	MOVD n+40(FP), R5
join4:
	VLD1.P 16(R1), [V0.B16]
	VLD1.P 16(R2), [V1.B16]
	VLD1.P 16(R3), [V2.B16]
	VLD1.P 16(R4), [V3.B16]
	VST4.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R0)
	SUBS $16, R5
	BNE  join4
	RET

// func join8NEON(dst *byte, p *[8]*byte, n int)
TEXT ·join8NEON(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R9
	MOVD p+8(FP), R8
	MOVD n+16(FP), R10
	LDP (R8), (R0, R1)
	LDP 16(R8), (R2, R3)
	LDP 32(R8), (R4, R5)
	LDP 48(R8), (R6, R7)
join8:
	VLD1.P 16(R0), [V16.B16]
	VLD1.P 16(R1), [V17.B16]
	VLD1.P 16(R2), [V18.B16]
	VLD1.P 16(R3), [V19.B16]
	VLD1.P 16(R4), [V20.B16]
	VLD1.P 16(R5), [V21.B16]
	VLD1.P 16(R6), [V22.B16]
	VLD1.P 16(R7), [V23.B16]
	VZIP1 V20.B16, V16.B16, V0.B16
	VZIP2 V20.B16, V16.B16, V4.B16
	VZIP1 V21.B16, V17.B16, V1.B16
	VZIP2 V21.B16, V17.B16, V5.B16
	VZIP1 V22.B16, V18.B16, V2.B16
	VZIP2 V22.B16, V18.B16, V6.B16
	VZIP1 V23.B16, V19.B16, V3.B16
	VZIP2 V23.B16, V19.B16, V7.B16
	VST4.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R9)
	VST4.P [V4.B16, V5.B16, V6.B16, V7.B16], 64(R9)
	SUBS $16, R10
	BNE  join8
	RET

// func turnNEON(p *byte, n int)
// n bytes, a multiple of 16.
TEXT ·turnNEON(SB), NOSPLIT, $0-16
	MOVD p+0(FP), R0
	MOVD n+8(FP), R1
	MOVD $0x00aa00aa00aa00aa, R2
	MOVD $0x0000cccc0000cccc, R3
	MOVD $0x00000000f0f0f0f0, R4
	VDUP R2, V16.D2
	VDUP R3, V17.D2
	VDUP R4, V18.D2
turn:
	VLD1 (R0), [V0.B16]
	TURN(7, V16)
	TURN(14, V17)
	TURN(28, V18)
	VST1.P [V0.B16], 16(R0)
	SUBS $16, R1
	BNE  turn
	RET

// func delta1NEON(dst, src *byte, d, end int) (newEnd int)
// end is at least d+32, here and below.
TEXT ·delta1NEON(SB), NOSPLIT, $0-40
	DELTA(VSUB, B16, delta1)

// func delta2NEON(dst, src *byte, d, end int) (newEnd int)
TEXT ·delta2NEON(SB), NOSPLIT, $0-40
	DELTA(VSUB, H8, delta2)

// func delta4NEON(dst, src *byte, d, end int) (newEnd int)
TEXT ·delta4NEON(SB), NOSPLIT, $0-40
	DELTA(VSUB, S4, delta4)

// func delta8NEON(dst, src *byte, d, end int) (newEnd int)
TEXT ·delta8NEON(SB), NOSPLIT, $0-40
	DELTA(VSUB, D2, delta8)

// func xorDeltaNEON(dst, src *byte, d, end int) (newEnd int)
TEXT ·xorDeltaNEON(SB), NOSPLIT, $0-40
	DELTA(VEOR, B16, deltaxor)

// func farSum1NEON(dst, src *byte, i, d, end int)
// i+16 is at most end. The bytes from i on are done, 16 at a time.
TEXT ·farSum1NEON(SB), NOSPLIT, $0-40
	FARSUM(VADD, B16, far1)

// func farSum2NEON(dst, src *byte, i, d, end int)
TEXT ·farSum2NEON(SB), NOSPLIT, $0-40
	FARSUM(VADD, H8, far2)

// func farSum4NEON(dst, src *byte, i, d, end int)
TEXT ·farSum4NEON(SB), NOSPLIT, $0-40
	FARSUM(VADD, S4, far4)

// func farSum8NEON(dst, src *byte, i, d, end int)
TEXT ·farSum8NEON(SB), NOSPLIT, $0-40
	FARSUM(VADD, D2, far8)

// func farXorNEON(dst, src *byte, i, d, end int)
TEXT ·farXorNEON(SB), NOSPLIT, $0-40
	FARSUM(VEOR, B16, farxor)

// func nearSum1NEON(dst, src *byte, n int, masks *[5][16]byte)
// n bytes, a multiple of 16. The 16 bytes before dst are read.
TEXT ·nearSum1NEON(SB), NOSPLIT, $0-32
	NEARSUM(VADD, B16, STEPS4, nearsum1)

// func nearSum2NEON(dst, src *byte, n int, masks *[5][16]byte)
TEXT ·nearSum2NEON(SB), NOSPLIT, $0-32
	NEARSUM(VADD, H8, STEPS3, nearsum2)

// func nearSum4NEON(dst, src *byte, n int, masks *[5][16]byte)
TEXT ·nearSum4NEON(SB), NOSPLIT, $0-32
	NEARSUM(VADD, S4, STEPS2, nearsum4)

// func nearSum8NEON(dst, src *byte, n int, masks *[5][16]byte)
TEXT ·nearSum8NEON(SB), NOSPLIT, $0-32
	NEARSUM(VADD, D2, STEPS1, nearsum8)

// func nearXor1NEON(dst, src *byte, n int, masks *[5][16]byte)
TEXT ·nearXor1NEON(SB), NOSPLIT, $0-32
	NEARSUM(VEOR, B16, STEPS4, nearxor1)

// func nearXor4NEON(dst, src *byte, n int, masks *[5][16]byte)
TEXT ·nearXor4NEON(SB), NOSPLIT, $0-32
	NEARSUM(VEOR, B16, STEPS2, nearxor4)

// func nearXor8NEON(dst, src *byte, n int, masks *[5][16]byte)
TEXT ·nearXor8NEON(SB), NOSPLIT, $0-32
	NEARSUM(VEOR, B16, STEPS1, nearxor8)

// func swap2NEON(dst, src *byte, n int)
// n bytes, a multiple of 64.
TEXT ·swap2NEON(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD n+16(FP), R2
swap2:
	VLD1.P 64(R1), [V0.B16, V1.B16, V2.B16, V3.B16]
	VREV16 V0.B16, V0.B16
	VREV16 V1.B16, V1.B16
	VREV16 V2.B16, V2.B16
	VREV16 V3.B16, V3.B16
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R0)
	SUBS $64, R2
	BNE  swap2
	RET

// func swap4NEON(dst, src *byte, n int)
TEXT ·swap4NEON(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD n+16(FP), R2
swap4:
	VLD1.P 64(R1), [V0.B16, V1.B16, V2.B16, V3.B16]
	VREV32 V0.B16, V0.B16
	VREV32 V1.B16, V1.B16
	VREV32 V2.B16, V2.B16
	VREV32 V3.B16, V3.B16
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R0)
	SUBS $64, R2
	BNE  swap4
	RET

// func swap8NEON(dst, src *byte, n int)
TEXT ·swap8NEON(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD n+16(FP), R2
swap8:
	VLD1.P 64(R1), [V0.B16, V1.B16, V2.B16, V3.B16]
	VREV64 V0.B16, V0.B16
	VREV64 V1.B16, V1.B16
	VREV64 V2.B16, V2.B16
	VREV64 V3.B16, V3.B16
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R0)
	SUBS $64, R2
	BNE  swap8
	RET
