package quant

import (
	"context"
	"encoding/binary"
	"math"

	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

// DequantiseBlocks writes the numbers of src, whose dtype is a block type of ggml
// (tensor.Block), to dst, which has the same shape and any dtype that f32 can be
// cast to. Blocks lie along the last axis. The arithmetic is that of ggml's
// reference: binary32, each operation rounded, in ggml's order; a dtype other than
// f32 is cast from that, once. NaN scales give NaNs, whose payloads are not said.
//
// Known are q4_0, q4_1, q5_0, q5_1, q8_0, q2_k to q6_k, iq4_nl, iq4_xs and mxfp4;
// others are ErrUnsupported. Up to workers goroutines share the work (0: as many as
// GOMAXPROCS); dst must not overlap src.
func DequantiseBlocks(ctx context.Context, dst, src tensor.View, workers int) error {
	d := src.DType()
	decode, ok := blockDecoders[d]
	if !ok {
		return &tensor.Error{Kind: tensor.ErrUnsupported, Offset: -1, Field: "dtype", Got: d.String(), Want: "a block type that can be dequantised"}
	}
	if !dst.Shape().Equal(src.Shape()) {
		return &tensor.Error{Kind: tensor.ErrShape, Offset: -1, Field: "shape", Got: dst.Shape().String(), Want: src.Shape().String()}
	}
	if src.NumElements() == 0 {
		return nil
	}
	data, err := bytesOf(src)
	if err != nil {
		return err
	}
	if b, err := dst.Bytes(); err == nil && dst.DType() == tensor.F32 && dst.Order() == tensor.HostOrder {
		if out, ok := cast.Slice[float32](b); ok {
			return decodeBlocks(ctx, out, data, d, decode, workers)
		}
	}
	return throughFloats(ctx, dst, data, d, decode, workers)
}

// bytesOf are the bytes of v in C order, copied if they do not stand so.
func bytesOf(v tensor.View) ([]byte, error) {
	if b, err := v.Bytes(); err == nil {
		return b, nil
	}
	flat, err := tensor.Make(v.DType(), v.Shape())
	if err == nil {
		err = tensor.Copy(flat, v)
	}
	if err != nil {
		return nil, err
	}
	return flat.Bytes()
}

// throughFloats dequantises to memory of its own and casts from there.
func throughFloats(ctx context.Context, dst tensor.View, data []byte, d tensor.DType, decode blockDecoder, workers int) error {
	out := make([]float32, dst.NumElements())
	if err := decodeBlocks(ctx, out, data, d, decode, workers); err != nil {
		return err
	}
	v, err := tensor.FromSlice(out, dst.Shape()...)
	if err != nil {
		return err
	}
	return tensor.Cast(dst, v)
}

// decodeBlocks decodes all blocks of data.
func decodeBlocks(ctx context.Context, out []float32, data []byte, d tensor.DType, decode blockDecoder, workers int) error {
	block, elems := int(d.UnitBytes), int(d.UnitElems)
	const group = 1024 // blocks
	n := len(data) / block
	return parallel.Each(workers, int64((n+group-1)/group), func(g int64) error {
		for i := int(g) * group; i < min(n, int(g+1)*group); i++ {
			decode(out[i*elems:(i+1)*elems:(i+1)*elems], data[i*block:(i+1)*block:(i+1)*block])
		}
		return ctx.Err()
	})
}

// KnownBlock reports whether d is a block type that DequantiseBlocks knows.
func KnownBlock(d tensor.DType) bool { return blockDecoders[d] != nil }

// blockDecoder makes the elements of one block.
type blockDecoder func(y []float32, b []byte)

// blockDecoders are those of the known types. Products are converted to float32
// before they are added to, which keeps compilers from fusing the two.
var blockDecoders = func() map[tensor.DType]blockDecoder {
	m := map[tensor.DType]blockDecoder{}
	for ggml, decode := range map[int]blockDecoder{
		2: q4_0, 3: q4_1, 6: q5_0, 7: q5_1, 8: q8_0,
		10: q2_K, 11: q3_K, 12: q4_K, 13: q5_K, 14: q6_K,
		20: iq4_NL, 23: iq4_XS, 39: mxfp4,
	} {
		d, ok := tensor.Block(ggml)
		if !ok {
			panic("quant: no such block type")
		}
		m[d] = decode
	}
	return m
}()

// half is the binary16 number at b.
func half(b []byte) float32 {
	h := uint32(binary.LittleEndian.Uint16(b))
	sign, exp, frac := h>>15<<31, h>>10&0x1f, h&0x3ff
	switch exp {
	case 0:
		f := float32(frac) * (1.0 / (1 << 24))
		return math.Float32frombits(math.Float32bits(f) | sign)
	case 0x1f:
		return math.Float32frombits(sign | 0xff<<23 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

// nibbles decodes 16 bytes, whose low halves come first, by a table.
func nibbles(y []float32, qs []byte, d float32, table *[16]int8) {
	_, _ = y[31], qs[15]
	for j := range 16 {
		y[j] = d * float32(table[qs[j]&15])
		y[j+16] = d * float32(table[qs[j]>>4])
	}
}

var fourBits = [16]int8{-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7}

// nonLinear are the values of the 4 bits of IQ4 types.
var nonLinear = [16]int8{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

// e2m1 are twice the values of the 4 bits of MXFP4; what would be -0 is 0.
var e2m1 = [16]int8{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}

func q4_0(y []float32, b []byte) { nibbles(y, b[2:], half(b), &fourBits) }

func q4_1(y []float32, b []byte) {
	d, m, qs := half(b), half(b[2:]), b[4:20]
	for j, q := range qs {
		y[j] = float32(d*float32(q&15)) + m
		y[j+16] = float32(d*float32(q>>4)) + m
	}
}

func q5_0(y []float32, b []byte) {
	d, high, qs := half(b), binary.LittleEndian.Uint32(b[2:]), b[6:22]
	for j, q := range qs {
		y[j] = d * float32(int32(q&15)|int32(high>>j&1)<<4-16)
		y[j+16] = d * float32(int32(q>>4)|int32(high>>(j+16)&1)<<4-16)
	}
}

func q5_1(y []float32, b []byte) {
	d, m, high, qs := half(b), half(b[2:]), binary.LittleEndian.Uint32(b[4:]), b[8:24]
	for j, q := range qs {
		y[j] = float32(d*float32(uint32(q&15)|high>>j&1<<4)) + m
		y[j+16] = float32(d*float32(uint32(q>>4)|high>>(j+16)&1<<4)) + m
	}
}

func q8_0(y []float32, b []byte) {
	d, qs := half(b), b[2:34]
	for j, q := range qs {
		y[j] = d * float32(int8(q))
	}
}

func q2_K(y []float32, b []byte) {
	scales, qs, d, m := b[:16], b[16:80], half(b[80:]), half(b[82:])
	for i := range 16 { // runs of 16 elements
		scale, least := d*float32(scales[i]&15), m*float32(scales[i]>>4)
		q, shift := qs[i/8*32+i%2*16:], i%8/2*2
		for l := range 16 {
			y[i*16+l] = float32(scale*float32(q[l]>>shift&3)) - least
		}
	}
}

func q3_K(y []float32, b []byte) {
	mask, qs, packed, d := b[:32], b[32:96], b[96:108], half(b[108:])
	for i := range 16 {
		// Four low bits of each scale in eight bytes, two high ones in four.
		s := packed[i%8] >> (i / 8 * 4) & 15
		s |= packed[8+i%4] >> (i / 4 * 2) & 3 << 4
		scale := d * float32(int32(s)-32)
		q, h := qs[i/8*32+i%2*16:], mask[i%2*16:]
		shift, bit := i%8/2*2, byte(1)<<(i/2)
		for l := range 16 {
			v := int32(q[l] >> shift & 3)
			if h[l]&bit == 0 {
				v -= 4
			}
			y[i*16+l] = scale * float32(v)
		}
	}
}

// scaleMin are scale i and minimum i, six bits each, of the twelve bytes of q4_k
// and q5_k.
func scaleMin(s []byte, i int) (scale, least byte) {
	if i < 4 {
		return s[i] & 63, s[i+4] & 63
	}
	return s[i+4]&15 | s[i-4]>>6<<4, s[i+4]>>4 | s[i]>>6<<4
}

func q4_K(y []float32, b []byte) {
	d, m, s, qs := half(b), half(b[2:]), b[4:16], b[16:144]
	for i := range 8 { // runs of 32 elements
		scale, least := scaleMin(s, i)
		x, z := d*float32(scale), m*float32(least)
		q, out, shift := qs[i/2*32:i/2*32+32], y[i*32:i*32+32], i%2*4
		for l, v := range q {
			out[l] = float32(x*float32(v>>shift&15)) - z
		}
	}
}

func q5_K(y []float32, b []byte) {
	d, m, s, qh, qs := half(b), half(b[2:]), b[4:16], b[16:48], b[48:176]
	for i := range 8 {
		scale, least := scaleMin(s, i)
		x, z := d*float32(scale), m*float32(least)
		q, out, shift := qs[i/2*32:i/2*32+32], y[i*32:i*32+32], i%2*4
		for l, v := range q {
			out[l] = float32(x*float32(v>>shift&15|qh[l]>>i&1<<4)) - z
		}
	}
}

func q6_K(y []float32, b []byte) {
	ql, qh, s, d := b[:128], b[128:192], b[192:208], half(b[208:])
	for i := range 16 {
		scale := d * float32(int8(s[i]))
		half, quarter := i/8, i%8/2 // of the 256, and of that half
		low, high := ql[half*64+quarter%2*32+i%2*16:], qh[half*32+i%2*16:]
		for l := range 16 {
			v := low[l]>>(quarter/2*4)&15 | high[l]>>(quarter*2)&3<<4
			y[i*16+l] = scale * float32(int32(v)-32)
		}
	}
}

func iq4_NL(y []float32, b []byte) { nibbles(y, b[2:], half(b), &nonLinear) }

func iq4_XS(y []float32, b []byte) {
	d, high, low, qs := half(b), binary.LittleEndian.Uint16(b[2:]), b[4:8], b[8:136]
	for i := range 8 {
		s := int32(low[i/2]>>(i%2*4)&15) | int32(high>>(2*i)&3)<<4
		nibbles(y[i*32:], qs[i*16:], d*float32(s-32), &nonLinear)
	}
}

func mxfp4(y []float32, b []byte) {
	// 2^(e-127), halved, as the table has twice the values.
	bits := uint32(0x00200000) << b[0]
	if b[0] >= 2 {
		bits = uint32(b[0]-1) << 23
	}
	nibbles(y, b[1:], math.Float32frombits(bits), &e2m1)
}
