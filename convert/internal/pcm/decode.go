package pcm

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// pieceBytes is how much of a file is decoded at a time: what stays in the cache
// of a core.
const pieceBytes = 96 << 10

// opener gives the samples in [from, to) of a file as little-endian elements.
func (s *Sound) opener(in convert.Input, from, to int64) func(context.Context) (io.ReadCloser, error) {
	decode, width := decodeMuLaw, int(s.Encoding.DType.UnitBytes)
	switch {
	case s.Encoding == ALaw:
		decode = decodeALaw
	case s.Encoding == I24 && s.Order == tensor.BigEndian:
		decode = decode24Big
	case s.Encoding == I24:
		decode = decode24
	}
	return func(context.Context) (io.ReadCloser, error) {
		return &decoder{in: in, from: from, at: from, to: to, size: int(s.Encoding.Bytes), width: width, decode: decode}, nil
	}
}

// decoder decodes [from, to) of a file. Every sample stands for itself, so it can
// begin at any.
type decoder struct {
	in     io.ReaderAt
	from   int64
	at, to int64 // what is left of the file
	size   int   // of a sample
	width  int   // of an element
	decode func(dst, src []byte)
	raw    []byte
	buf    [8]byte // of an element that was not taken whole
	rest   []byte

	skipped [8]byte
}

func (d *decoder) Close() error { return nil }

// Seek goes to an offset from the begin, which is inside what is decoded or its
// end.
func (d *decoder) Seek(offset int64, whence int) (int64, error) {
	sample, inside := offset/int64(d.width), int(offset%int64(d.width))
	if whence != io.SeekStart || offset < 0 || sample > (d.to-d.from)/int64(d.size) {
		return 0, bad(tensor.ErrIndex, "offset", fmt.Sprint(offset), "one from the begin, inside the samples")
	}
	d.at, d.rest = d.from+sample*int64(d.size), nil
	if inside > 0 {
		if _, err := io.ReadFull(d, d.skipped[:inside]); err != nil {
			return 0, err
		}
	}
	return offset, nil
}

func (d *decoder) Read(p []byte) (int, error) {
	if len(d.rest) > 0 {
		n := copy(p, d.rest)
		d.rest = d.rest[n:]
		return n, nil
	}
	if len(p) == 0 {
		return 0, nil
	}
	if d.at >= d.to {
		return 0, io.EOF
	}
	if d.raw == nil {
		d.raw = make([]byte, min(pieceBytes, d.to-d.at))
	}
	n := max(len(p)/d.width, 1)
	n = min(n, len(d.raw)/d.size, int((d.to-d.at)/int64(d.size)))
	raw := d.raw[:n*d.size]
	if k, err := d.in.ReadAt(raw, d.at); k < len(raw) {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, err
	}
	d.at += int64(len(raw))
	if len(p) < d.width {
		d.decode(d.buf[:d.width], raw)
		k := copy(p, d.buf[:d.width])
		d.rest = d.buf[k:d.width]
		return k, nil
	}
	d.decode(p[:n*d.width], raw)
	return n * d.width, nil
}

// decode24 puts samples of 24 bits, little-endian, above a byte of zeros.
func decode24(dst, src []byte) {
	const top = 0xffffff00_ffffff00
	le := binary.LittleEndian
	for len(src) >= 12 && len(dst) >= 16 { // four samples by two loads
		a, b := le.Uint64(src), le.Uint64(src[4:])
		le.PutUint64(dst, (a<<8&0xffffffff|a>>16<<32)&top)
		le.PutUint64(dst[8:], (b>>8&0xffffffff|b>>32<<32)&top)
		src, dst = src[12:], dst[16:]
	}
	for ; len(src) >= 3; src, dst = src[3:], dst[4:] {
		dst[0], dst[1], dst[2], dst[3] = 0, src[0], src[1], src[2]
	}
}

// decode24Big is decode24 of samples that are big-endian.
func decode24Big(dst, src []byte) {
	const top = 0xffffff00_ffffff00
	be := binary.BigEndian
	for len(src) >= 12 && len(dst) >= 16 {
		a, b := be.Uint64(src), be.Uint64(src[4:])
		binary.LittleEndian.PutUint64(dst, (a>>32|a>>8<<32)&top)
		binary.LittleEndian.PutUint64(dst[8:], (b>>16&0xffffffff|b<<8<<32)&top)
		src, dst = src[12:], dst[16:]
	}
	for ; len(src) >= 3; src, dst = src[3:], dst[4:] {
		dst[0], dst[1], dst[2], dst[3] = 0, src[2], src[1], src[0]
	}
}

func decodeALaw(dst, src []byte)  { byTable(dst, src, &alaw) }
func decodeMuLaw(dst, src []byte) { byTable(dst, src, &mulaw) }

func byTable(dst, src []byte, table *[256]int16) {
	dst = dst[:2*len(src)]
	for len(src) >= 4 {
		x := uint64(uint16(table[src[0]])) | uint64(uint16(table[src[1]]))<<16 | uint64(uint16(table[src[2]]))<<32 | uint64(uint16(table[src[3]]))<<48
		binary.LittleEndian.PutUint64(dst, x)
		src, dst = src[4:], dst[8:]
	}
	for i, c := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], uint16(table[c]))
	}
}
