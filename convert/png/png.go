// Package png reads and writes PNG files (W3C PNG, third edition; ISO/IEC
// 15948). Importing it registers the format "png" with package convert.
//
// A file is one tensor. Grey is (H, W), all else (H, W, C):
//
//	grey, 1 bit           bool (H, W)      true is white
//	grey, 2 and 4 bits    u8 (H, W)        times 85 and 17
//	grey, 8 and 16 bits   u8, u16 (H, W)
//	grey and alpha        u8, u16 (H, W, 2)
//	RGB                   u8, u16 (H, W, 3)
//	RGBA                  u8, u16 (H, W, 4)
//	palette               u8 (H, W, 3)
//
// A transparent colour, and transparency of a palette, add an alpha: 1-bit grey
// is then u8. Alpha is straight. Interlaced files are read; of an animated one
// (APNG) the picture that other programs show, with a note.
//
// Opening goes through the heads of all chunks and reads what describes the
// pixels. Chunks that say nothing of them are passed over, never inflated. CRCs
// are compared of all that is read, the zlib stream's checksum at its end. Bytes
// behind the stream are an error unless ReadOptions.AllowTrailing is set.
//
// Attributes are those of docs/images.md: image.color_model, image.stored
// "palette", image.bits below 8, image.gamma, image.icc, image.orientation.
//
// Writing takes one picture: bool becomes grey of 1 bit, u16 16 bits, u8 and
// floats 8 bits by the rule of image.ConvertSamples; 1 to 4 channels become
// grey, grey and alpha, RGB and RGBA. image.gamma is written.
package png

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/picture"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() {
	convert.Register(convert.Format{
		Name:        "png",
		Extensions:  []string{".png", ".apng"},
		Description: "PNG image",
		Single:      true,
		Keeps:       picture.Attributes(),
		Detect:      func(b []byte) bool { return len(b) >= 8 && string(b[:8]) == signature },
		Open:        open,
		Write:       write,
	})
}

const signature = "\x89PNG\r\n\x1a\n"

// The colour types.
const (
	grey      = 0
	rgb       = 2
	palette   = 3
	greyAlpha = 4
	rgba      = 6
)

// models are the names of pixels of so many channels.
var models = [...]string{1: "grey", 2: "greyalpha", 3: "rgb", 4: "rgba"}

const (
	maxEXIF = 1 << 20 // bytes of an eXIf chunk that is looked at
	maxSide = 1<<31 - 1
)

var be = binary.BigEndian

func bad(kind error, offset int64, field, got, want string) error {
	return &tensor.Error{Kind: kind, Format: "png", Offset: offset, Field: field, Got: got, Want: want}
}

// file is what the chunks of a file say.
type file struct {
	in            convert.Input
	width, height int64
	bits, colour  int
	interlaced    bool
	trailing      bool // bytes behind the pixels are allowed

	plte   []byte // three bytes a colour
	trns   []byte
	first  int64 // the offset of the first IDAT chunk
	stored int64 // bytes in all IDAT chunks
	chunks int   // of them

	layout *convert.Layout
	attrs  convert.Attrs
	exif   int
}

func open(ctx context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
	f := &file{in: in, trailing: o != nil && o.AllowTrailing, layout: &convert.Layout{Format: "png"}, attrs: convert.Attrs{}}
	if err := f.read(ctx); err != nil {
		return nil, err
	}
	p := &picture.Picture{
		Frames: 1, Height: f.height, Width: f.width, Channels: f.channels(), DType: f.dtype(),
		Orientation: f.exif, Attrs: f.attrs, Decode: f.decode, Codec: "deflate", At: 16,
	}
	f.attrs[picture.ColorModel] = models[p.Channels]
	if f.colour == palette {
		f.attrs[picture.Stored] = "palette"
	}
	if f.bits < 8 {
		f.attrs[picture.Bits] = int64(f.bits)
	}
	if err := p.Describe(f.layout, in, o); err != nil {
		return nil, err
	}
	// Deflate makes at most 1032 bytes of one.
	if need := f.raw() / 1032; f.stored < need {
		return nil, bad(tensor.ErrTruncated, f.first, "IDAT", fmt.Sprintf("%d bytes", f.stored), fmt.Sprintf("at least %d for %dx%d pixels", need, f.width, f.height))
	}
	return f.layout, nil
}

func (f *file) note(format string, args ...any) {
	f.layout.Notes = append(f.layout.Notes, fmt.Sprintf(format, args...))
}

// samples is how many a pixel has in the file.
func (f *file) samples() int {
	switch f.colour {
	case greyAlpha:
		return 2
	case rgb:
		return 3
	case rgba:
		return 4
	}
	return 1
}

// channels is how many a pixel has as it is read.
func (f *file) channels() int64 {
	n := int64(f.samples())
	if f.colour == palette {
		n = 3
	}
	if f.trns != nil {
		n++
	}
	return n
}

func (f *file) dtype() tensor.DType {
	switch {
	case f.bits == 16:
		return tensor.U16
	case f.bits == 1 && f.colour == grey && f.trns == nil:
		return tensor.Bool
	}
	return tensor.U8
}

// raw is how many bytes the pixels have between inflating and filters.
func (f *file) raw() int64 {
	n := int64(0)
	for _, p := range f.passes() {
		if w, h := p.size(f.width, f.height); w > 0 {
			n += h * (1 + f.rowBytes(w))
		}
	}
	return n
}

// rowBytes is that of a row of w pixels.
func (f *file) rowBytes(w int64) int64 {
	return (w*int64(f.bits*f.samples()) + 7) / 8
}

// chunk is one of a file.
type chunk struct {
	id   string
	at   int64 // of its body
	size int64
}

func (c *chunk) field() string { return "chunk " + tensor.Quote(c.id) }

// critical reports whether readers must know the chunk.
func (c *chunk) critical() bool { return c.id[0]&0x20 == 0 }

// next reads the head of the chunk at at, and checks that the file holds it.
func (f *file) next(at int64) (*chunk, error) {
	var head [8]byte
	if err := picture.ReadAt(f.in, "png", head[:], at, "chunk"); err != nil {
		return nil, err
	}
	c := &chunk{string(head[4:]), at + 8, int64(be.Uint32(head[:]))}
	for _, b := range head[4:] {
		if b|0x20 < 'a' || b|0x20 > 'z' {
			return nil, bad(tensor.ErrCorrupt, at+4, "chunk", tensor.Quote(c.id), "four letters")
		}
	}
	if left := f.in.Size() - c.at - 4; c.size > left {
		return nil, bad(tensor.ErrTruncated, at, c.field()+" size", fmt.Sprint(c.size), fmt.Sprintf("at most the %d bytes that remain", max(left, 0)))
	}
	return c, nil
}

// body reads a chunk of at most limit bytes and compares its CRC.
func (f *file) body(c *chunk, limit int64) ([]byte, error) {
	if c.size > limit {
		return nil, bad(tensor.ErrCorrupt, c.at-8, c.field()+" size", fmt.Sprint(c.size), fmt.Sprintf("at most %d", limit))
	}
	b := make([]byte, c.size+8) // with the id before and the CRC behind
	if err := picture.ReadAt(f.in, "png", b, c.at-4, c.field()); err != nil {
		return nil, err
	}
	n := len(b) - 4
	return b[4:n], checkCRC(c, be.Uint32(b[n:]), crc32.ChecksumIEEE(b[:n]))
}

func checkCRC(c *chunk, want, got uint32) error {
	if got == want {
		return nil
	}
	return bad(tensor.ErrCorrupt, c.at+c.size, c.field()+" CRC", fmt.Sprintf("%08x", got), fmt.Sprintf("%08x", want))
}

// read goes through the chunks of the file.
func (f *file) read(ctx context.Context) error {
	var sign [8]byte
	if err := picture.ReadAt(f.in, "png", sign[:], 0, "signature"); err != nil {
		return err
	}
	if string(sign[:]) != signature {
		return bad(tensor.ErrFormat, 0, "signature", fmt.Sprintf("% x", sign), fmt.Sprintf("% x", signature))
	}
	at := int64(8)
	last := "" // the chunk before
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		c, err := f.next(at)
		if err != nil {
			return err
		}
		if (n == 0) != (c.id == "IHDR") {
			return bad(tensor.ErrCorrupt, at, "chunk", tensor.Quote(c.id), "IHDR first, and once")
		}
		if c.id == "IEND" {
			return f.end(c)
		}
		if err := f.chunk(c, last); err != nil {
			return err
		}
		at, last = c.at+c.size+4, c.id
	}
}

func (f *file) end(c *chunk) error {
	switch {
	case f.chunks == 0:
		return bad(tensor.ErrCorrupt, c.at-8, "chunk", `"IEND"`, "an IDAT chunk before it")
	case f.colour == palette && f.plte == nil:
		return bad(tensor.ErrCorrupt, f.first, "chunk", `"IDAT"`, "a PLTE chunk before it")
	}
	if _, err := f.body(c, 0); err != nil {
		return err
	}
	if n := f.in.Size() - c.at - 4; n > 0 {
		f.note("%d bytes behind the end of the picture", n)
	}
	return nil
}

// chunk reads one that stands behind another called last.
func (f *file) chunk(c *chunk, last string) error {
	again := func(was bool) error {
		if was {
			return bad(tensor.ErrCorrupt, c.at-8, c.field(), "a second one", "one")
		}
		return nil
	}
	late := func() error {
		if f.chunks > 0 {
			return bad(tensor.ErrCorrupt, c.at-8, c.field(), "behind the pixels", "before IDAT")
		}
		return nil
	}
	switch c.id {
	case "IHDR":
		return f.header(c)
	case "IDAT":
		if f.chunks > 0 && last != "IDAT" {
			return bad(tensor.ErrCorrupt, c.at-8, "chunk", `"IDAT" behind `+tensor.Quote(last), "all IDAT chunks in a row")
		}
		if f.chunks == 0 {
			f.first = c.at - 8
		}
		f.chunks++
		f.stored += c.size
	case "PLTE":
		if err := again(f.plte != nil); err != nil {
			return err
		}
		if err := late(); err != nil {
			return err
		}
		b, err := f.body(c, 768)
		if err != nil {
			return err
		}
		if len(b) == 0 || len(b)%3 != 0 {
			return bad(tensor.ErrCorrupt, c.at-8, c.field()+" size", fmt.Sprint(len(b)), "a multiple of 3")
		}
		f.plte = b
	case "tRNS":
		if err := again(f.trns != nil); err != nil {
			return err
		}
		if err := late(); err != nil {
			return err
		}
		return f.transparency(c)
	case "gAMA":
		b, err := f.body(c, 4)
		if err != nil {
			return err
		}
		if len(b) == 4 && be.Uint32(b) > 0 {
			f.attrs[picture.Gamma] = float64(be.Uint32(b)) / 100000
		}
	case "iCCP":
		f.attrs[picture.ICC] = true
	case "eXIf":
		if c.size > maxEXIF {
			f.note("EXIF of %d bytes is left out", c.size)
			return nil
		}
		b, err := f.body(c, maxEXIF)
		if err != nil {
			return err
		}
		if f.exif, err = picture.EXIF(b); err != nil {
			f.note("EXIF is damaged: %v", err)
		}
	case "acTL":
		f.note("an animation, of which the picture is read that programs show that know none")
	default:
		if c.critical() {
			return bad(tensor.ErrUnsupported, c.at-4, "chunk", tensor.Quote(c.id), "IHDR, PLTE, IDAT, IEND and those that may be passed over")
		}
	}
	return nil
}

// header reads IHDR.
func (f *file) header(c *chunk) error {
	if c.size != 13 {
		return bad(tensor.ErrCorrupt, c.at-8, c.field()+" size", fmt.Sprint(c.size), "13")
	}
	b, err := f.body(c, 13)
	if err != nil {
		return err
	}
	f.width, f.height = int64(be.Uint32(b)), int64(be.Uint32(b[4:]))
	f.bits, f.colour = int(b[8]), int(b[9])
	for i, n := range []int64{f.width, f.height} {
		if n < 1 || n > maxSide {
			return bad(tensor.ErrFormat, c.at+4*int64(i), [...]string{"width", "height"}[i], fmt.Sprint(n), fmt.Sprintf("1 to %d", maxSide))
		}
	}
	ok := false
	switch f.colour {
	case grey:
		ok = f.bits == 1 || f.bits == 2 || f.bits == 4 || f.bits == 8 || f.bits == 16
	case palette:
		ok = f.bits == 1 || f.bits == 2 || f.bits == 4 || f.bits == 8
	case rgb, greyAlpha, rgba:
		ok = f.bits == 8 || f.bits == 16
	}
	if !ok {
		return bad(tensor.ErrCorrupt, c.at+8, "depth and colour", fmt.Sprintf("%d bits of colour type %d", f.bits, f.colour), "a pair that PNG knows")
	}
	for i, most := range []byte{0, 0, 1} {
		if v := b[10+i]; v > most {
			return bad(tensor.ErrUnsupported, c.at+10+int64(i), [...]string{"compression", "filter", "interlace"}[i], fmt.Sprint(v), fmt.Sprintf("at most %d", most))
		}
	}
	f.interlaced = b[12] == 1
	return nil
}

// transparency reads tRNS.
func (f *file) transparency(c *chunk) error {
	b, err := f.body(c, 256)
	if err != nil {
		return err
	}
	switch want := 2 * f.samples(); {
	case f.colour == greyAlpha || f.colour == rgba:
		return bad(tensor.ErrCorrupt, c.at-8, c.field(), fmt.Sprintf("one in colour type %d", f.colour), "none, as there is an alpha")
	case f.colour == palette && f.plte == nil:
		return bad(tensor.ErrCorrupt, c.at-8, c.field(), "before PLTE", "behind it")
	case f.colour == palette && len(b) > len(f.plte)/3:
		return bad(tensor.ErrCorrupt, c.at-8, c.field()+" size", fmt.Sprint(len(b)), fmt.Sprintf("at most the %d colours of the palette", len(f.plte)/3))
	case f.colour != palette && len(b) != want:
		return bad(tensor.ErrCorrupt, c.at-8, c.field()+" size", fmt.Sprint(len(b)), fmt.Sprint(want))
	}
	f.trns = b
	return nil
}
