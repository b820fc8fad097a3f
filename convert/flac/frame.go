package flac

import (
	"fmt"
	"math/bits"

	"github.com/tensorfile/tensorfile/tensor"
)

// header is that of a frame (RFC 9639, section 9.1).
type header struct {
	size     int   // bytes of it, with its checksum
	variable bool  // frames differ in length; then first is a sample's number
	number   int64 // of the frame, or of its first sample
	samples  int   // of each channel
	rate     int64 // 0: that of the stream
	channels int
	side     int  // how two channels are stored
	bits     uint // of a sample; 0: those of the stream
}

// How two channels are stored: as they are, or one of them as the difference.
const (
	apart     = 0
	leftSide  = 8
	sideRight = 9
	midSide   = 10
)

// maxHeader is the most bytes that a frame header has.
const maxHeader = 16

var (
	frameRates = [12]int64{0, 88200, 176400, 192000, 8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000}
	frameBits  = [8]uint{0, 8, 12, 0, 16, 20, 24, 32}
)

// cut is what is wrong with the header of a frame that goes on behind the end.
const cut = "length"

// parseHeader reads the header of the frame that b begins with. field is what is
// wrong with it.
func parseHeader(b []byte) (h header, field string) {
	if len(b) < 6 {
		return h, cut
	}
	if b[0] != 0xff || b[1]&0xfe != 0xf8 {
		return h, "sync code"
	}
	h.variable = b[1]&1 == 1
	size, rate, side, depth := b[2]>>4, b[2]&15, int(b[3]>>4), b[3]>>1&7
	switch {
	case size == 0:
		return h, "block size"
	case rate == 15:
		return h, "sample rate"
	case side > midSide:
		return h, "channels"
	case depth == 3:
		return h, "bits of a sample"
	case b[3]&1 != 0:
		return h, "reserved bit"
	}
	at := 4
	extra := bits.LeadingZeros8(^b[at]) // as UTF-8, up to 36 bits
	if extra == 1 || extra > 7 {
		return h, "number"
	}
	h.number = int64(b[at]) & (0x7f >> extra)
	at++
	tail := func(n int) (x int64) { // zeros behind the end
		for ; n > 0; n-- {
			x <<= 8
			if at < len(b) {
				x |= int64(b[at])
			}
			at++
		}
		return x
	}
	for range extra - 1 {
		c := tail(1)
		if at <= len(b) && c&0xc0 != 0x80 {
			return h, "number"
		}
		h.number = h.number<<6 | c&0x3f
	}
	switch {
	case size == 1:
		h.samples = 192
	case size <= 5:
		h.samples = 144 << size
	case size <= 7:
		h.samples = int(tail(int(size)-5)) + 1
	default:
		h.samples = 1 << size
	}
	if h.samples > maxBlock {
		return h, "block size"
	}
	switch {
	case rate < 12:
		h.rate = frameRates[rate]
	case rate == 12:
		h.rate = 1000 * tail(1)
	case rate == 13:
		h.rate = tail(2)
	default:
		h.rate = 10 * tail(2)
	}
	if at >= len(b) {
		return h, cut
	}
	if rate > 11 && h.rate == 0 {
		return h, "sample rate"
	}
	h.channels = side + 1
	if side >= leftSide {
		h.channels, h.side = 2, side
	}
	h.bits = frameBits[depth]
	if crc8(b[:at]) != b[at] {
		return h, "CRC-8"
	}
	h.size = at + 1
	return h, ""
}

// maxBlock is the most samples of a channel that a frame has.
const maxBlock = 65535

// suits says what of a frame header contradicts the stream.
func (s *info) suits(h *header) (field, got, want string) {
	switch {
	case h.channels != s.channels:
		return "channels", fmt.Sprint(h.channels), fmt.Sprint(s.channels)
	case h.rate != 0 && h.rate != s.rate:
		return "sample rate", fmt.Sprint(h.rate), fmt.Sprint(s.rate)
	case h.bits != 0 && h.bits != s.bits:
		return "bits of a sample", fmt.Sprint(h.bits), fmt.Sprint(s.bits)
	case h.samples > s.maxBlock:
		return "block size", fmt.Sprint(h.samples), fmt.Sprintf("at most %d", s.maxBlock)
	}
	return "", "", ""
}

// first is the number of the first sample of a frame.
func (s *info) first(h *header) int64 {
	if h.variable {
		return h.number
	}
	return h.number * int64(s.maxBlock)
}

// fault is what is wrong with a frame.
type fault struct {
	kind             error
	subframe         int // negative: none
	field, got, want string
	short            bool  // there are not enough bytes
	err              error // of reading them
	used             int   // bytes of the frame that were decoded
}

// frame decodes frames. Its samples are valid up to the next one.
type frame struct {
	header
	x [][]int64 // of each channel
}

// decode decodes the frame that b begins with, whose header h is known, and
// returns its bytes.
func (f *frame) decode(b []byte, s *info, h header) (int, *fault) {
	f.header = h
	if f.x == nil {
		f.x = make([][]int64, s.channels)
	}
	r := &bitReader{b: b, next: h.size}
	for c := range f.x {
		if cap(f.x[c]) < h.samples {
			f.x[c] = make([]int64, h.samples)
		}
		f.x[c] = f.x[c][:h.samples]
		depth := s.bits
		if h.side == midSide && c == 1 || h.side == leftSide && c == 1 || h.side == sideRight && c == 0 {
			depth++
		}
		if bad := subframe(r, f.x[c], depth); bad != nil {
			if r.over() {
				return 0, &fault{short: true, used: len(b)}
			}
			bad.kind, bad.subframe, bad.used = tensor.ErrCorrupt, c, r.at()/8
			return 0, bad
		}
	}
	n := (r.at() + 7) / 8
	if n+2 > len(b) {
		return 0, &fault{short: true, used: len(b)}
	}
	if r.uint(uint(8*n-r.at())) != 0 {
		return 0, &fault{kind: tensor.ErrCorrupt, subframe: -1, field: "padding", got: "ones", want: "zeros"}
	}
	if got, want := uint16(b[n])<<8|uint16(b[n+1]), crc16(b[:n]); got != want {
		return 0, &fault{kind: tensor.ErrCorrupt, subframe: -1, used: n, field: "CRC-16", got: fmt.Sprintf("%04x", got), want: fmt.Sprintf("%04x", want)}
	}
	f.join()
	if c := f.outside(s.bits); c >= 0 {
		return 0, &fault{kind: tensor.ErrCorrupt, subframe: c, field: "samples", got: "some that need more bits", want: fmt.Sprint(s.bits)}
	}
	return n + 2, nil
}

// join makes left and right of two channels.
func (f *frame) join() {
	switch f.side {
	case leftSide:
		left, side := f.x[0], f.x[1]
		for i, s := range side[:len(left)] {
			side[i] = left[i] - s
		}
	case sideRight:
		side, right := f.x[0], f.x[1]
		for i, r := range right[:len(side)] {
			side[i] += r
		}
	case midSide:
		mid, side := f.x[0], f.x[1]
		side = side[:len(mid)]
		for i, m := range mid {
			s := side[i]
			m = m<<1 | s&1
			mid[i], side[i] = (m+s)>>1, (m-s)>>1
		}
	}
}

// outside is the first channel with a sample that does not fit its bits, or -1.
func (f *frame) outside(depth uint) int {
	for c, x := range f.x {
		over := int64(0)
		for _, v := range x {
			over |= v ^ v>>63
		}
		if over>>(depth-1) != 0 {
			return c
		}
	}
	return -1
}

func wrong(field string, got any, want string) *fault {
	return &fault{field: field, got: fmt.Sprint(got), want: want}
}

// subframe decodes one channel (RFC 9639, section 9.2).
func subframe(r *bitReader, x []int64, depth uint) *fault {
	head := r.uint(8)
	if head&0x80 != 0 {
		return wrong("subframe header", "a one", "a zero before the type")
	}
	wasted := uint(0)
	if head&1 != 0 {
		w := r.unary() + 1
		if w >= uint64(depth) {
			return wrong("wasted bits", w, fmt.Sprintf("less than %d", depth))
		}
		wasted = uint(w)
		depth -= wasted
	}
	var bad *fault
	switch kind := int(head >> 1); {
	case kind == 0:
		v := r.int(depth)
		for i := range x {
			x[i] = v
		}
	case kind == 1:
		for i := range x {
			x[i] = r.int(depth)
		}
	case kind >= 8 && kind <= 12:
		bad = fixed(r, x, depth, kind-8)
	case kind >= 32:
		bad = predicted(r, x, depth, kind-31)
	default:
		return wrong("subframe type", kind, "0, 1, 8 to 12 or 32 to 63")
	}
	if bad == nil && r.over() {
		return wrong("subframe", "an end", "more")
	}
	if wasted > 0 {
		for i := range x {
			x[i] <<= wasted
		}
	}
	return bad
}

// warmUp reads the samples that a prediction of some order begins with.
func warmUp(r *bitReader, x []int64, depth uint, order int) *fault {
	if order > len(x) {
		return wrong("order", order, fmt.Sprintf("at most the %d samples of the block", len(x)))
	}
	for i := range order {
		x[i] = r.int(depth)
	}
	return nil
}

// fixed undoes a difference of some order.
func fixed(r *bitReader, x []int64, depth uint, order int) *fault {
	if bad := warmUp(r, x, depth, order); bad != nil {
		return bad
	}
	if bad := residual(r, x, order); bad != nil {
		return bad
	}
	switch order {
	case 1:
		a := x[0]
		for i := 1; i < len(x); i++ {
			a += x[i]
			x[i] = a
		}
	case 2:
		b, a := x[0], x[1]
		for i := 2; i < len(x); i++ {
			a, b = x[i]+2*a-b, a
			x[i] = a
		}
	case 3:
		c, b, a := x[0], x[1], x[2]
		for i := 3; i < len(x); i++ {
			a, b, c = x[i]+3*(a-b)+c, a, b
			x[i] = a
		}
	case 4:
		d, c, b, a := x[0], x[1], x[2], x[3]
		for i := 4; i < len(x); i++ {
			a, b, c, d = x[i]+4*(a+c)-6*b-d, a, b, c
			x[i] = a
		}
	}
	return nil
}

// predicted undoes a linear prediction.
func predicted(r *bitReader, x []int64, depth uint, order int) *fault {
	if bad := warmUp(r, x, depth, order); bad != nil {
		return bad
	}
	precision := uint(r.uint(4)) + 1
	if precision == 16 {
		return wrong("coefficient bits", precision, "at most 15")
	}
	shift := r.int(5)
	if shift < 0 {
		return wrong("prediction shift", shift, "0 to 15")
	}
	var coefficients [32]int64
	for i := range order { // of the sample before first
		coefficients[order-1-i] = r.int(precision)
	}
	if bad := residual(r, x, order); bad != nil {
		return bad
	}
	restore(x, coefficients[:order], uint(shift))
	return nil
}

// residual reads what a prediction leaves, behind the first samples (RFC 9639,
// section 9.2.7).
func residual(r *bitReader, x []int64, order int) *fault {
	method := r.uint(2)
	if method > 1 {
		return wrong("residual coding", method, "0 or 1")
	}
	width := uint(4 + method)
	escape := uint64(1)<<width - 1
	partition := uint(r.uint(4))
	size := len(x) >> partition
	if size<<partition != len(x) || size < order {
		return wrong("partition order", partition, fmt.Sprintf("one that cuts %d samples evenly, %d or more a part", len(x), max(order, 1)))
	}
	for begin := 0; begin < len(x); begin += size {
		part := x[max(begin, order) : begin+size]
		k := r.uint(width)
		if k != escape {
			if !r.rice(part, uint(k)) {
				return wrong("residual", "more than 32 bits", "at most 32")
			}
		} else {
			n := uint(r.uint(5))
			for i := range part {
				part[i] = 0
				if n > 0 {
					part[i] = r.int(n)
				}
			}
		}
		if r.over() {
			return wrong("residual", "an end", "more")
		}
	}
	return nil
}
