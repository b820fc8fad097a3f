// Package jpeg reads and writes JPEG files (ITU-T T.81, ISO/IEC 10918-1; JFIF;
// the marker APP14 of Adobe). Importing it registers the format "jpeg" with
// package convert.
//
// A file is one tensor of u8:
//
//	grey         (H, W)
//	YCbCr, RGB   (H, W, 3)  red, green, blue
//	CMYK, YCCK   (H, W, 4)  ink: 255 is full
//
// Baseline, extended and progressive files of 8 bits are read, by a decoder of our
// own whose elements are those of libjpeg: the same transform, the same
// interpolation of chroma of fewer samples, the same RGB. What is lossless, hierarchical, of 12 bits or
// in arithmetic code is refused by name. CMYK is taken for inverted, as Adobe
// stores it and as all readers do that people use.
//
// Opening reads the segments up to the first scan. A file that ends before its
// pixels do is an error. Pictures are turned upright by
// the orientation in EXIF unless ReadOptions.NoEXIF is set.
//
// Attributes are those of docs/images.md: image.color_model "grey", "rgb" or
// "cmyk", image.stored "ycbcr" or "ycck", image.icc, image.orientation.
//
// Writing takes one picture of 1 or 3 channels; samples become u8 by the rule of
// image.ConvertSamples. WriteOptions.Quality is that of libjpeg, chroma has half
// the width and height.
package jpeg

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/picture"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() {
	convert.Register(convert.Format{
		Name:        "jpeg",
		Extensions:  []string{".jpg", ".jpeg", ".jpe", ".jfif"},
		Description: "JPEG image",
		Single:      true,
		Keeps:       picture.Attributes(),
		Detect:      func(b []byte) bool { return len(b) >= 3 && b[0] == 0xff && b[1] == soi && b[2] == 0xff },
		Open:        open,
		Write:       write,
	})
}

// Markers, of ITU-T T.81 table B.1.
const (
	sof0  = 0xc0 // baseline
	sof1  = 0xc1 // extended, Huffman
	sof2  = 0xc2 // progressive, Huffman
	soi   = 0xd8
	eoi   = 0xd9
	sos   = 0xda
	app0  = 0xe0
	app1  = 0xe1
	app2  = 0xe2
	app14 = 0xee
	dht   = 0xc4
	jpg   = 0xc8 // for extensions
	dac   = 0xcc
	rst0  = 0xd0
	dqt   = 0xdb
	dnl   = 0xdc
	dri   = 0xdd
	com   = 0xfe // a comment
)

// refused are the frames that are not read.
var refused = map[byte]string{
	0xc3: "lossless", 0xc5: "hierarchical", 0xc6: "hierarchical, progressive", 0xc7: "hierarchical, lossless",
	0xc9: "arithmetic code", 0xca: "arithmetic code, progressive", 0xcb: "arithmetic code, lossless",
	0xcd: "arithmetic code, hierarchical", 0xce: "arithmetic code, hierarchical, progressive", 0xcf: "arithmetic code, hierarchical, lossless",
}

const (
	maxScans    = 100  // of a file
	maxSegments = 4096 // before the first scan
)

var be = binary.BigEndian

func bad(kind error, offset int64, field, got, want string) error {
	return &tensor.Error{Kind: kind, Format: "jpeg", Offset: offset, Field: field, Got: got, Want: want}
}

// file is what stands before the pixels.
type file struct {
	in            convert.Input
	width, height int64
	components    []component
	progressive   bool
	frame         int64 // the offset of the frame's segment
	first         int64 // the offset of the first scan's marker
	jfif          bool
	adobe         int // the transform that Adobe's marker says; negative: none
	exif          int

	layout *convert.Layout
	attrs  convert.Attrs
}

// component is one of a pixel, of so many samples each way in a unit.
type component struct {
	id   byte
	h, v int64
}

func open(ctx context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
	f := &file{in: in, adobe: -1, layout: &convert.Layout{Format: "jpeg"}, attrs: convert.Attrs{}}
	if err := f.read(ctx); err != nil {
		return nil, err
	}
	p := &picture.Picture{
		Frames: 1, Height: f.height, Width: f.width, Channels: int64(len(f.components)), DType: tensor.U8,
		Orientation: f.exif, Attrs: f.attrs, Decode: f.decode, Codec: "jpeg", At: f.frame + 5,
	}
	blocks := f.blocks()
	p.Held = 64*blocks + in.Size() // the planes, and the file
	need := blocks / 4             // a bit for the first number of a block, one for its end
	f.layout.Version = "baseline"
	if f.progressive {
		p.Held += 128 * blocks // the coefficients
		need = blocks / 8      // a bit, in the first scan of a component
		f.layout.Version = "progressive"
	}
	f.attrs[picture.ColorModel] = [...]string{1: "grey", 3: "rgb", 4: "cmyk"}[p.Channels]
	if s := f.stored(); s != "" {
		f.attrs[picture.Stored] = s
	}
	if err := p.Describe(f.layout, in, o); err != nil {
		return nil, err
	}
	if have := in.Size() - f.first; have < need/8 {
		return nil, bad(tensor.ErrTruncated, f.first, "scans", fmt.Sprintf("%d bytes", have), fmt.Sprintf("at least %d for %dx%d pixels", need/8, f.width, f.height))
	}
	return f.layout, nil
}

// blocks is how many blocks of 8 by 8 samples all components have.
func (f *file) blocks() int64 {
	h, v := f.largest()
	units := ((f.width + 8*h - 1) / (8 * h)) * ((f.height + 8*v - 1) / (8 * v))
	n := int64(0)
	for _, c := range f.components {
		n += units * c.h * c.v
	}
	return n
}

// stored is the colour model of the file where it is not that of the elements,
// found as libjpeg finds it.
func (f *file) stored() string {
	c := f.components
	switch {
	case len(c) == 3 && !f.rgb():
		return "ycbcr"
	case len(c) == 4 && f.adobe > 0:
		return "ycck"
	}
	return ""
}

// rgb reports whether three components are red, green and blue.
func (f *file) rgb() bool {
	c := f.components
	switch {
	case f.jfif:
		return false
	case f.adobe >= 0:
		return f.adobe == 0
	}
	return c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B'
}

// read goes through the segments up to the first scan.
func (f *file) read(ctx context.Context) error {
	var b [4]byte
	if err := picture.ReadAt(f.in, "jpeg", b[:2], 0, "SOI"); err != nil {
		return err
	}
	if b[0] != 0xff || b[1] != soi {
		return bad(tensor.ErrFormat, 0, "SOI", fmt.Sprintf("% x", b[:2]), "ff d8")
	}
	at := int64(2)
	for range maxSegments {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := picture.ReadAt(f.in, "jpeg", b[:2], at, "marker"); err != nil {
			return err
		}
		if b[0] != 0xff {
			return bad(tensor.ErrFormat, at, "marker", fmt.Sprintf("%02x", b[0]), "ff")
		}
		m := b[1]
		switch {
		case m == 0xff: // a fill byte
			at++
			continue
		case m == sos:
			f.first = at
			if f.components == nil {
				return bad(tensor.ErrFormat, at, "SOS", "a scan", "a frame (SOF) before it")
			}
			return nil
		case m == eoi:
			return bad(tensor.ErrTruncated, at, "EOI", "the end", "a scan before it")
		case m == 0 || m == 1 || m >= 0xd0 && m <= soi:
			return bad(tensor.ErrFormat, at, "marker", fmt.Sprintf("ff %02x", m), "one of a segment")
		case reserved(m):
			return unknownMarker(at, m)
		}
		if err := picture.ReadAt(f.in, "jpeg", b[:], at, "segment"); err != nil {
			return err
		}
		n := int64(be.Uint16(b[2:]))
		if n < 2 {
			return bad(tensor.ErrFormat, at+2, fmt.Sprintf("size of segment ff %02x", m), fmt.Sprint(n), "at least 2")
		}
		if left := f.in.Size() - at - 2; n > left {
			return bad(tensor.ErrTruncated, at+2, fmt.Sprintf("size of segment ff %02x", m), fmt.Sprint(n), fmt.Sprintf("at most the %d bytes that remain", left))
		}
		if err := f.segment(m, at, n-2); err != nil {
			return err
		}
		at += 2 + n
	}
	return bad(tensor.ErrLimit, at, "segments", "more", fmt.Sprintf("at most %d before the first scan", maxSegments))
}

// reserved reports whether T.81 (table B.1) keeps a marker for later or for extensions.
// Nothing says how to go on behind one, and libjpeg does not.
func reserved(m byte) bool { return m > 1 && m < sof0 || m >= 0xf0 && m < com }

func unknownMarker(at int64, m byte) error {
	return bad(tensor.ErrUnsupported, at, "marker", fmt.Sprintf("ff %02x", m), "one that T.81 gives a meaning")
}

// segment reads one that begins at at, with n bytes behind its size.
func (f *file) segment(m byte, at, n int64) error {
	if name, ok := refused[m]; ok {
		return bad(tensor.ErrUnsupported, at, "frame", fmt.Sprintf("ff %02x (%s)", m, name), "baseline, extended or progressive, in Huffman code")
	}
	body := func(most int64) ([]byte, error) {
		b := make([]byte, min(n, most))
		return b, picture.ReadAt(f.in, "jpeg", b, at+4, "segment")
	}
	switch m {
	case sof0, sof1, sof2:
		b, err := body(n)
		if err != nil {
			return err
		}
		f.progressive = m == sof2
		return f.readFrame(at, b)
	case app0:
		b, err := body(5)
		if err != nil {
			return err
		}
		f.jfif = f.jfif || string(b) == "JFIF\x00"
	case app1:
		b, err := body(n)
		if err != nil {
			return err
		}
		if len(b) < 6 || string(b[:6]) != "Exif\x00\x00" || f.exif != 0 {
			return nil
		}
		if f.exif, err = picture.EXIF(b); err != nil {
			f.layout.Notes = append(f.layout.Notes, fmt.Sprintf("EXIF is damaged: %v", err))
		}
	case app2:
		b, err := body(12)
		if err != nil {
			return err
		}
		if string(b) == "ICC_PROFILE\x00" {
			f.attrs[picture.ICC] = true
		}
	case app14:
		b, err := body(12)
		if err != nil {
			return err
		}
		if len(b) == 12 && string(b[:5]) == "Adobe" {
			f.adobe = int(b[11])
		}
	}
	return nil
}

// readFrame reads a SOF segment.
func (f *file) readFrame(at int64, b []byte) error {
	if f.components != nil {
		return bad(tensor.ErrFormat, at, "SOF", "a second frame", "one")
	}
	if len(b) < 6 || len(b) != 6+3*int(b[5]) {
		return bad(tensor.ErrFormat, at+2, "size of SOF", fmt.Sprint(len(b)+2), "8 and 3 for each component")
	}
	f.frame = at
	if b[0] != 8 {
		return bad(tensor.ErrUnsupported, at+4, "bits of a sample", fmt.Sprint(b[0]), "8")
	}
	f.height, f.width = int64(be.Uint16(b[1:])), int64(be.Uint16(b[3:]))
	if f.height == 0 {
		return bad(tensor.ErrUnsupported, at+5, "height", "0, which is said behind the scan (DNL)", "at least 1")
	}
	if f.width == 0 {
		return bad(tensor.ErrFormat, at+7, "width", "0", "at least 1")
	}
	if n := b[5]; n != 1 && n != 3 && n != 4 {
		return bad(tensor.ErrUnsupported, at+9, "components", fmt.Sprint(n), "1, 3 or 4")
	}
	var factors [4]byte
	for i, c := 0, b[6:]; len(c) > 0; i, c = i+1, c[3:] {
		f.components = append(f.components, component{c[0], int64(c[1] >> 4), int64(c[1] & 15)})
		factors[i] = c[1]
	}
	if len(f.components) == 1 {
		f.components[0].h, f.components[0].v = 1, 1 // a block is a unit then
	}
	if !f.sampled() {
		return bad(tensor.ErrUnsupported, at+10, "sampling factors", fmt.Sprintf("% x", factors[:len(f.components)]), "1 to 4, each a divisor of the largest")
	}
	return nil
}

// sampled reports whether the samples of each component stand for whole pixels.
func (f *file) sampled() bool {
	hmax, vmax := f.largest()
	for _, c := range f.components {
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 || hmax%c.h != 0 || vmax%c.v != 0 {
			return false
		}
	}
	return true
}
