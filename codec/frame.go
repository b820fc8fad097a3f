package codec

import (
	"fmt"
	"math"

	"github.com/tensorfile/tensorfile/tensor"
)

// Zstandard frames (RFC 8878): their headers, and frames of literals without
// sequences, which this package writes and reads by itself.

const (
	frameMagic   = 0xFD2FB528
	zstdBlock    = 128 << 10 // most bytes of a block
	blockRaw     = 0
	blockRLE     = 1
	blockEntropy = 2
	noSize       = math.MaxUint64
)

// A frame is what the header of a Zstandard frame says.
type frame struct {
	size     uint64 // of the content; noSize: not given
	window   uint64
	header   int // bytes of the header
	checksum bool
}

// parseFrame reads the header and walks the blocks: the frame must fill b.
func parseFrame(stage string, b []byte) (f frame, err error) {
	bad := func(got, want string) (frame, error) { return f, broken(stage, got, want) }
	if len(b) < 6 || le.Uint32(b) != frameMagic {
		return bad(fmt.Sprintf("% x", b[:min(4, len(b))]), "the frame magic 28 b5 2f fd")
	}
	flags := b[4]
	single := flags>>5&1 != 0
	f.checksum = flags>>2&1 != 0
	if flags>>3&1 != 0 {
		return bad("a reserved flag", "zero")
	}
	at := 5
	if !single {
		exp, mantissa := b[at]>>3, b[at]&7
		f.window = 1 << (10 + exp)
		f.window += f.window / 8 * uint64(mantissa)
		at++
	}
	dict := [4]int{0, 1, 2, 4}[flags&3]
	sizes := [4]int{0, 2, 4, 8}[flags>>6]
	if sizes == 0 && single {
		sizes = 1
	}
	if len(b) < at+dict+sizes {
		return bad(fmt.Sprintf("%d bytes", len(b)), "a whole frame header")
	}
	for _, c := range b[at : at+dict] {
		if c != 0 {
			return bad("a dictionary", "none")
		}
	}
	at += dict
	switch sizes {
	case 0:
		f.size = noSize
	case 1:
		f.size = uint64(b[at])
	case 2:
		f.size = uint64(le.Uint16(b[at:])) + 256
	case 4:
		f.size = uint64(le.Uint32(b[at:]))
	case 8:
		f.size = le.Uint64(b[at:])
	}
	at += sizes
	if single {
		f.window = f.size
	}
	f.header = at
	if f.window > maxWindow {
		return f, fail(tensor.ErrLimit, ruleWindow, stage, fmt.Sprintf("a window of %d bytes", f.window), fmt.Sprintf("at most %d", maxWindow))
	}
	for last := false; !last; {
		if len(b)-at < 3 {
			return bad("the frame ends in a block header", "a last block")
		}
		h := blockHeader(b[at:])
		at += 3
		last = h.last
		size := h.size
		if h.kind == blockRLE {
			size = 1
		}
		if h.kind > blockEntropy {
			return bad("a block of type 3", "0 to 2")
		}
		if size > len(b)-at {
			return bad("the frame ends in a block", fmt.Sprintf("%d bytes", size))
		}
		at += size
	}
	if f.checksum {
		at += 4
	}
	if at != len(b) {
		return bad(fmt.Sprintf("%d bytes behind a frame of %d", len(b)-at, at), "none")
	}
	return f, nil
}

type block struct {
	last bool
	kind int
	size int
}

func blockHeader(b []byte) block {
	h := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
	return block{h&1 != 0, h >> 1 & 3, h >> 3}
}

func appendBlockHeader(dst []byte, kind, size int, last bool) []byte {
	h := size<<3 | kind<<1
	if last {
		h |= 1
	}
	return append(dst, byte(h), byte(h>>8), byte(h>>16))
}

// zstdDecode fills dst from a body that is one frame.
func zstdDecode(stage string, dst, body []byte, dec *huffDecoder) error {
	f, err := parseFrame(stage, body)
	if err != nil {
		return err
	}
	if f.size != noSize && f.size != uint64(len(dst)) {
		return wrongLength(stage, f.size, uint64(len(dst)))
	}
	if !f.checksum && dec.literals(dst, body[f.header:], int(min(f.window, zstdBlock))) {
		return nil
	}
	return zstdFrame(stage, dst, body)
}

// literals decodes the blocks of a frame if they hold literals only. It gives
// up, and false, at whatever else there is: the library will say what it is.
func (d *huffDecoder) literals(dst, b []byte, most int) bool {
	d.ready = false
	for last := false; !last; {
		h := blockHeader(b)
		b = b[3:]
		last = h.last
		var n int
		switch h.kind {
		case blockRaw:
			if n = h.size; n > most || n > len(dst) {
				return false
			}
			copy(dst, b[:n])
			b = b[n:]
		case blockRLE:
			if n = h.size; n > most || n > len(dst) {
				return false
			}
			fill(dst[:n], b[0])
			b = b[1:]
		default:
			if h.size > most {
				return false
			}
			if n = d.section(dst, b[:h.size], most); n < 0 {
				return false
			}
			b = b[h.size:]
		}
		dst = dst[n:]
	}
	return len(dst) == 0
}

// section decodes a block of literals without sequences into the beginning of
// dst and returns how many bytes it has, -1 if it is something else.
func (d *huffDecoder) section(dst, b []byte, most int) int {
	// The shortest has a literals header and the number of sequences.
	if len(b) < 2 || b[len(b)-1] != 0 {
		return -1
	}
	kind, format := b[0]&3, b[0]>>2&3
	if kind < 2 { // raw, one byte repeated
		var n, at int
		switch format {
		case 0, 2:
			n, at = int(b[0]>>3), 1
		case 1:
			n, at = int(le.Uint16(b)>>4), 2
		default:
			if len(b) < 3 {
				return -1
			}
			n, at = (int(b[0])|int(b[1])<<8|int(b[2])<<16)>>4, 3
		}
		stored := n
		if kind == 1 {
			stored = 1
		}
		if n > most || n > len(dst) || len(b) != at+stored+1 {
			return -1
		}
		if kind == 1 {
			fill(dst[:n], b[at])
		} else {
			copy(dst, b[at:at+n])
		}
		return n
	}
	if len(b) < 6 {
		return -1
	}
	head := uint64(le.Uint32(b)) | uint64(b[4])<<32
	var n, size, at int
	switch format {
	case 0, 1:
		n, size, at = int(head>>4&0x3ff), int(head>>14&0x3ff), 3
	case 2:
		n, size, at = int(head>>4&0x3fff), int(head>>18&0x3fff), 4
	default:
		n, size, at = int(head>>4&0x3ffff), int(head>>22&0x3ffff), 5
	}
	if n > most || n > len(dst) || len(b) != at+size+1 {
		return -1
	}
	b = b[at : at+size]
	if kind == 2 {
		used := d.readTable(b)
		if used < 0 {
			return -1
		}
		b = b[used:]
	}
	if !d.ready || n == 0 {
		return -1
	}
	ok := false
	if format == 0 {
		ok = d.one(dst[:n], b)
	} else {
		ok = d.four(dst[:n], b)
	}
	if !ok {
		return -1
	}
	return n
}

// fill sets all of b to c.
func fill(b []byte, c byte) {
	if c == 0 {
		clear(b)
		return
	}
	if len(b) == 0 {
		return
	}
	b[0] = c
	for n := 1; n < len(b); n *= 2 {
		copy(b[n:], b[:n])
	}
}

// literalFrame appends a frame of src, coded by the table that enc holds for
// it: one table for all blocks.
func (e *huffEncoder) literalFrame(dst, src []byte) []byte {
	n := len(src)
	dst = le.AppendUint32(dst, frameMagic)
	switch {
	case n > maxWindow:
		dst = append(dst, 2<<6, (17-10)<<3) // a window of one block
		dst = le.AppendUint32(dst, uint32(n))
	case n >= 1<<16+256:
		dst = append(dst, 2<<6|1<<5)
		dst = le.AppendUint32(dst, uint32(n))
	case n >= 256:
		dst = append(dst, 1<<6|1<<5)
		dst = le.AppendUint16(dst, uint16(n-256))
	default:
		dst = append(dst, 1<<5, byte(n))
	}
	blocks := max(1, (n+zstdBlock-1)/zstdBlock)
	step := (n + blocks - 1) / blocks
	for tree := true; ; {
		part := src[:min(step, len(src))]
		src = src[len(part):]
		at := len(dst)
		dst = appendBlockHeader(dst, blockEntropy, 0, len(src) == 0)
		dst = append(dst, 0, 0, 0, 0, 0)
		if tree {
			dst = append(dst, e.tree...)
		}
		dst = e.four(dst, part)
		size := len(dst) - at - 8
		dst = append(dst, 0) // no sequences
		if len(dst)-at-3 >= len(part) || len(part) < minLiterals {
			dst = appendBlockHeader(dst[:at], blockRaw, len(part), len(src) == 0)
			dst = append(dst, part...)
		} else {
			kind := uint64(3)
			if tree {
				kind = 2
			}
			head := kind | 3<<2 | uint64(len(part))<<4 | uint64(size)<<22
			le.PutUint32(dst[at+3:], uint32(head))
			dst[at+7] = byte(head >> 32)
			appendBlockHeader(dst[:at], blockEntropy, len(dst)-at-3, len(src) == 0)
			tree = false
		}
		if len(src) == 0 {
			return dst
		}
	}
}
