package tiff

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math"

	"github.com/klauspost/compress/zlib"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/picture"
	"github.com/tensorfile/tensorfile/tensor"
)

var le = binary.LittleEndian

func write(ctx context.Context, w io.Writer, src []convert.Source, o *convert.WriteOptions) error {
	s, err := picture.OfInk(src, true)
	if err != nil {
		return err
	}
	return encode(ctx, w, s, o)
}

// Encode writes the pictures v, (H, W), (H, W, C) or (C, H, W) of any strides,
// behind an axis T or alone, to w, a page each. attrs are those that reading
// gives: image.color_model "cmyk" makes four channels ink, and dims say what axes
// mean.
func Encode(w io.Writer, v tensor.View, attrs convert.Attrs, o *convert.WriteOptions) error {
	s, err := picture.OfInkView(v, attrs, true)
	if err != nil {
		return err
	}
	return encode(context.Background(), w, s, o)
}

// encoder writes pages, each behind its directory.
type encoder struct {
	w        io.Writer
	s        *picture.Source
	d        tensor.DType
	bits     int64
	line     int64 // bytes of a row
	compress bool
	big      bool
	at       int64  // what was written
	samples  []byte // of a page
	deflated bytes.Buffer
}

const (
	smallHead, bigHead = 8, 16
	alignment          = 64 // of the samples of a page
	mostOfDirectory    = 512
)

func encode(ctx context.Context, w io.Writer, s *picture.Source, o *convert.WriteOptions) error {
	e := &encoder{w: w, s: s, d: tensor.U8, bits: 8, compress: o != nil && o.Compress}
	switch {
	case s.DType == tensor.U16:
		e.d, e.bits = tensor.U16, 16
	case s.DType == tensor.Bool && s.Channels == 1:
		e.d, e.bits = tensor.Bool, 1
	}
	e.line = (s.Width*s.Channels*e.bits + 7) / 8
	// Deflate adds little to what it cannot compress.
	page := picture.Product(e.line, s.Height)
	if page > math.MaxInt64/2 {
		page = math.MaxInt64 / 2
	}
	e.big = picture.Product(page+page/1000+mostOfDirectory, s.Frames) > math.MaxUint32-smallHead
	if err := e.head(); err != nil {
		return err
	}
	return s.Each(ctx, func(i int64, pixels tensor.View) error { return e.page(pixels, i == s.Frames-1) })
}

func (e *encoder) write(b []byte) error {
	n, err := e.w.Write(b)
	e.at += int64(n)
	return err
}

func (e *encoder) head() error {
	if e.big {
		b := append([]byte("II+\x00"), 8, 0, 0, 0)
		return e.write(le.AppendUint64(b, bigHead))
	}
	return e.write(le.AppendUint32([]byte("II*\x00"), smallHead))
}

// page writes one: its directory, its samples, and what makes the next begin at
// an even offset.
func (e *encoder) page(pixels tensor.View, last bool) error {
	data, err := e.data(pixels)
	if err != nil {
		return err
	}
	tags := e.tags()
	// Numbers that do not fit their entries stand behind the directory, and then
	// the samples.
	size, room := int64(2+12*len(tags)+4), int64(4)
	if e.big {
		size, room = int64(8+20*len(tags)+8), 8
	}
	extra := e.at + size
	begin := extra
	for _, t := range tags {
		if n := int64(len(t.values)) * t.width(); n > room {
			begin += n + n%2
		}
	}
	begin = (begin + alignment - 1) / alignment * alignment
	end := begin + int64(len(data))
	end += end % 2
	next := end
	if last {
		next = 0
	}
	dir := e.count(nil, len(tags))
	var behind []byte
	for _, t := range tags {
		switch t.tag {
		case tagStripOffsets:
			t.values[0] = begin
		case tagStripCounts:
			t.values[0] = int64(len(data))
		}
		dir = le.AppendUint16(le.AppendUint16(dir, t.tag), t.kind)
		dir = e.offset(dir, int64(len(t.values)))
		var b []byte
		for _, v := range t.values {
			switch t.kind {
			case 3:
				b = le.AppendUint16(b, uint16(v))
			case 4:
				b = le.AppendUint32(b, uint32(v))
			default:
				b = le.AppendUint64(b, uint64(v))
			}
		}
		if int64(len(b)) > room {
			dir = e.offset(dir, extra+int64(len(behind)))
			behind = append(behind, b...)
			behind = append(behind, make([]byte, len(b)%2)...)
			continue
		}
		dir = append(append(dir, b...), make([]byte, room-int64(len(b)))...)
	}
	dir = append(e.offset(dir, next), behind...)
	dir = append(dir, make([]byte, begin-e.at-int64(len(dir)))...)
	if err := e.write(dir); err != nil {
		return err
	}
	if err := e.write(data); err != nil {
		return err
	}
	if e.at < end {
		return e.write([]byte{0})
	}
	return nil
}

// offset appends an offset or a count of the file's size.
func (e *encoder) offset(b []byte, v int64) []byte {
	if e.big {
		return le.AppendUint64(b, uint64(v))
	}
	return le.AppendUint32(b, uint32(v))
}

// count appends the number of entries.
func (e *encoder) count(b []byte, n int) []byte {
	if e.big {
		return le.AppendUint64(b, uint64(n))
	}
	return le.AppendUint16(b, uint16(n))
}

// tagged is an entry that is written.
type tagged struct {
	tag, kind uint16 // 3: 16 bits, 4: 32, 16: 64
	values    []int64
}

func (t *tagged) width() int64 { return typeBytes[t.kind] }

// tags are the entries of a page, in order.
func (e *encoder) tags() []tagged {
	s := e.s
	place := uint16(4)
	if e.big {
		place = 16
	}
	bits := make([]int64, s.Channels)
	for i := range bits {
		bits[i] = e.bits
	}
	model, compression := int64(blackIsZero), int64(plain)
	if s.Channels > 2 {
		model = colours
	}
	alpha := s.Channels == 2 || s.Channels == 4
	if s.Ink() {
		model, alpha = inks, false
	}
	if e.compress {
		compression = deflate
	}
	list := []tagged{
		{tagWidth, 4, []int64{s.Width}},
		{tagHeight, 4, []int64{s.Height}},
		{tagBits, 3, bits},
		{tagCompression, 3, []int64{compression}},
		{tagPhotometric, 3, []int64{model}},
		{tagStripOffsets, place, []int64{0}},
		{tagSamples, 3, []int64{s.Channels}},
		{tagRowsPerStrip, 4, []int64{s.Height}},
		{tagStripCounts, place, []int64{0}},
		{tagPlanar, 3, []int64{1}},
	}
	if e.compress && e.bits >= 8 {
		list = append(list, tagged{tagPredictor, 3, []int64{2}})
	}
	if alpha {
		list = append(list, tagged{tagExtra, 3, []int64{2}})
	}
	return append(list, tagged{tagSampleFormat, 3, append([]int64{}, ones[:s.Channels]...)})
}

var ones = [4]int64{1, 1, 1, 1}

// data is what stands in the file of a page.
func (e *encoder) data(pixels tensor.View) (data []byte, err error) {
	if e.samples, err = picture.Samples(e.samples, pixels, e.d, tensor.LittleEndian); err != nil {
		return nil, err
	}
	b := e.samples
	if e.bits == 1 {
		b = e.pack(b)
	}
	if !e.compress {
		return b, nil
	}
	if e.bits >= 8 {
		for ; len(b) > 0; b = b[e.line:] {
			e.differences(b[:e.line])
		}
		b = e.samples
	}
	e.deflated.Reset()
	z := zlib.NewWriter(&e.deflated)
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return e.deflated.Bytes(), nil
}

// pack makes bits of bools, in their own memory.
func (e *encoder) pack(b []byte) []byte {
	out := b[:0]
	for len(b) > 0 {
		row := b[:e.s.Width]
		b = b[e.s.Width:]
		for len(row) > 0 {
			c := byte(0)
			n := min(8, len(row))
			for i, v := range row[:n] {
				c |= v << (7 - i)
			}
			out, row = append(out, c), row[n:]
		}
	}
	return out
}

// differences is the horizontal predictor of a row.
func (e *encoder) differences(row []byte) {
	step := int(e.s.Channels)
	if e.bits == 8 {
		for i := len(row) - 1; i >= step; i-- {
			row[i] -= row[i-step]
		}
		return
	}
	step *= 2
	for i := len(row) - 2; i >= step; i -= 2 {
		le.PutUint16(row[i:], le.Uint16(row[i:])-le.Uint16(row[i-step:]))
	}
}
