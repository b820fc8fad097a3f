// Package gif reads and writes GIF files, 87a and 89a (CompuServe, Graphics
// Interchange Format). Importing it registers the format "gif" with package
// convert.
//
// A file is one tensor of u8, (H, W) or (H, W, C), with an axis T in front where
// it has more than one picture:
//
//	all tables have their indices as greys, and nothing is transparent   C is no axis
//	the first picture has a transparent colour                           C is 4
//	else                                                                 C is 3
//
// Pictures are laid over each other as they are meant to be seen, on the canvas of
// the file, as Pillow does it: a picture stays, is cleared to its transparent
// colour or else to the background, or gives way to what was there before it; one
// that does not say which does as the one before it. Where the first does not
// cover the canvas there is its transparent colour, or else the first of its table.
//
// Opening goes through the blocks of the file, and decodes no pixel.
//
// Attributes are those of docs/images.md: image.color_model, image.stored
// "palette", image.delays and image.loop of an animation.
//
// Writing takes pictures of 1 to 4 channels; samples become u8 by the rule of
// image.ConvertSamples. Up to 256 colours of a picture are kept. Of more, counted
// in cells of 8 levels a side, the box with the most pixels times its longest side
// is cut at its median along that side until there are 256, and each becomes the
// mean of its pixels. Pixels of alpha below 128 become transparent, all others
// opaque. image.delays (milliseconds, 100 unless it says other) and image.loop are
// written.
package gif

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/picture"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() {
	convert.Register(convert.Format{
		Name:        "gif",
		Extensions:  []string{".gif"},
		Description: "GIF image or animation",
		Single:      true,
		Keeps:       picture.Attributes(),
		Detect: func(b []byte) bool {
			return len(b) >= 6 && (string(b[:6]) == "GIF87a" || string(b[:6]) == "GIF89a")
		},
		Open:  open,
		Write: write,
	})
}

const (
	maxFrames = 1 << 20
	maxDelays = 4096 // that an attribute holds
)

// Blocks of a file.
const (
	blockExtension = 0x21
	blockImage     = 0x2c
	blockTrailer   = 0x3b

	extensionControl     = 0xf9
	extensionApplication = 0xff
)

// What becomes of a picture before the next.
const (
	disposeUnsaid     = 0
	disposeBackground = 2
	disposePrevious   = 3
)

var le = binary.LittleEndian

func bad(kind error, offset int64, field, got, want string) error {
	return &tensor.Error{Kind: kind, Format: "gif", Offset: offset, Field: field, Got: got, Want: want}
}

// frame is a picture of a file.
type frame struct {
	at          int64 // of its descriptor
	data, end   int64 // of the size of its codes, and of what is behind them
	x, y, w, h  int32
	table       []byte // colours, three bytes each
	interlaced  bool
	transparent int16 // negative: no colour is
	dispose     uint8
	delay       int32 // milliseconds
}

// file is what the blocks of a file say.
type file struct {
	in            convert.Input
	width, height int64
	global        []byte
	background    int
	frames        []frame
	loop          int64 // negative: not said
	limit         int64 // of bytes to decode; negative: none

	grey     bool
	channels int64
	notes    []string
}

func open(ctx context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
	f := &file{in: in, loop: -1, limit: picture.DefaultDecoded}
	if o != nil && o.MaxDecoded != 0 {
		f.limit = o.MaxDecoded
	}
	s := &scanner{f: f, Reader: picture.NewReader(ctx, in, 0)}
	s.buf = bufio.NewReaderSize(s.Reader, 64<<10)
	if err := s.read(); err != nil {
		return nil, err
	}
	attrs := convert.Attrs{picture.Stored: "palette"}
	p := &picture.Picture{
		Frames: int64(len(f.frames)), Height: f.height, Width: f.width, DType: tensor.U8,
		Attrs: attrs, Decode: f.decode, Codec: "lzw", At: 6,
	}
	switch {
	case f.grey:
		f.channels, attrs[picture.ColorModel] = 1, "grey"
	case f.frames[0].transparent >= 0:
		f.channels, attrs[picture.ColorModel] = 4, "rgba"
	default:
		f.channels, attrs[picture.ColorModel] = 3, "rgb"
	}
	p.Channels = f.channels
	if n := len(f.frames); n > maxDelays {
		f.notes = append(f.notes, fmt.Sprintf("the delays of %d pictures are too many for an attribute", n))
	} else if n > 1 {
		delays := make([]any, n)
		for i := range f.frames {
			delays[i] = int64(f.frames[i].delay)
		}
		attrs[picture.Delays] = delays
	}
	if f.loop >= 0 {
		attrs[picture.Loop] = f.loop
	}
	l := &convert.Layout{Format: "gif", Version: s.version, Notes: f.notes}
	return l, p.Describe(l, in, o)
}

// scanner goes through the blocks of a file.
type scanner struct {
	*picture.Reader
	f       *file
	buf     *bufio.Reader
	version string

	// Of the control block that was seen last.
	transparent int16
	dispose     uint8
	delay       int32
}

// at is the offset of the next byte.
func (s *scanner) at() int64 { return s.At() - int64(s.buf.Buffered()) }

// bytes fills b.
func (s *scanner) bytes(b []byte, field string) error {
	at := s.at()
	n, err := io.ReadFull(s.buf, b)
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return bad(tensor.ErrTruncated, at, field, fmt.Sprintf("%d bytes", n), fmt.Sprint(len(b)))
	}
	return err
}

// table reads a colour table, the size of which flags say.
func (s *scanner) table(flags byte, field string) ([]byte, error) {
	if flags&0x80 == 0 {
		return nil, nil
	}
	b := make([]byte, 3<<(flags&7+1))
	return b, s.bytes(b, field)
}

// skip passes over sub-blocks up to their end.
func (s *scanner) skip(field string) error {
	for {
		var n [1]byte
		if err := s.bytes(n[:], field); err != nil || n[0] == 0 {
			return err
		}
		if k, err := s.buf.Discard(int(n[0])); err != nil {
			if err == io.EOF {
				return bad(tensor.ErrTruncated, s.at(), field, fmt.Sprintf("%d bytes", k), fmt.Sprint(n[0]))
			}
			return err
		}
	}
}

func (s *scanner) read() error {
	f := s.f
	var head [13]byte
	if err := s.bytes(head[:], "header"); err != nil {
		return err
	}
	if s.version = string(head[3:6]); string(head[:3]) != "GIF" || s.version != "87a" && s.version != "89a" {
		return bad(tensor.ErrFormat, 0, "signature", tensor.Quote(string(head[:6])), "GIF87a or GIF89a")
	}
	f.width, f.height = int64(le.Uint16(head[6:])), int64(le.Uint16(head[8:]))
	if err := picture.Sides("gif", 6, f.width, f.height); err != nil {
		return err
	}
	var err error
	if f.global, err = s.table(head[10], "global colour table"); err != nil {
		return err
	}
	if f.global != nil {
		f.background = int(head[11])
	}
	f.grey = true
	s.transparent = -1
	for {
		at := s.at()
		var b [1]byte
		if err := s.bytes(b[:], "block"); err != nil {
			return err
		}
		switch b[0] {
		case blockExtension:
			err = s.extension()
		case blockImage:
			err = s.frame(at)
		case blockTrailer:
			if len(f.frames) == 0 {
				return bad(tensor.ErrFormat, at, "pictures", "none", "at least one")
			}
			if n := f.in.Size() - s.at(); n > 0 {
				f.notes = append(f.notes, fmt.Sprintf("%d bytes behind the end of the file", n))
			}
			return nil
		default:
			err = bad(tensor.ErrCorrupt, at, "block", fmt.Sprintf("%02x", b[0]), "21 (extension), 2c (image) or 3b (end)")
		}
		if err != nil {
			return err
		}
	}
}

func (s *scanner) extension() error {
	at := s.at()
	var b [2]byte
	if err := s.bytes(b[:], "extension"); err != nil {
		return err
	}
	if b[1] == 0 {
		return nil
	}
	body := make([]byte, b[1])
	if err := s.bytes(body, "extension"); err != nil {
		return err
	}
	switch b[0] {
	case extensionControl:
		if len(body) != 4 {
			return bad(tensor.ErrCorrupt, at+1, "size of the graphic control extension", fmt.Sprint(len(body)), "4")
		}
		if s.transparent = -1; body[0]&1 != 0 {
			s.transparent = int16(body[3])
		}
		s.delay = int32(le.Uint16(body[1:])) * 10
		if d := body[0] >> 2 & 7; d != disposeUnsaid {
			s.dispose = d
		}
	case extensionApplication:
		if name := string(body); name == "NETSCAPE2.0" || name == "ANIMEXTS1.0" {
			var n [1]byte
			if err := s.bytes(n[:], "extension"); err != nil || n[0] == 0 {
				return err
			}
			sub := make([]byte, n[0])
			if err := s.bytes(sub, "extension"); err != nil {
				return err
			}
			if len(sub) >= 3 && sub[0] == 1 {
				s.f.loop = int64(le.Uint16(sub[1:]))
			}
		}
	}
	return s.skip("extension")
}

// frame reads the descriptor of a picture at an offset, and passes over its
// pixels.
func (s *scanner) frame(at int64) error {
	f := s.f
	var b [9]byte
	if err := s.bytes(b[:], "image descriptor"); err != nil {
		return err
	}
	side := func(i int) int32 { return int32(le.Uint16(b[i:])) }
	r := frame{at: at, x: side(0), y: side(2), w: side(4), h: side(6), interlaced: b[8]&0x40 != 0, transparent: s.transparent, dispose: s.dispose, delay: s.delay}
	field := fmt.Sprintf("picture %d", len(f.frames))
	if r.w < 1 || r.h < 1 || int64(r.x)+int64(r.w) > f.width || int64(r.y)+int64(r.h) > f.height {
		return bad(tensor.ErrCorrupt, at, field, fmt.Sprintf("%dx%d+%d+%d", r.w, r.h, r.x, r.y), fmt.Sprintf("at least a pixel, within the %dx%d of the canvas", f.width, f.height))
	}
	var err error
	if r.table, err = s.table(b[8], "local colour table"); err != nil {
		return err
	}
	if r.table == nil {
		r.table = f.global
	}
	if r.table == nil {
		return bad(tensor.ErrCorrupt, at, field, "no colour table", "one of its own, or a global one")
	}
	f.grey = f.grey && r.transparent < 0 && grey(r.table)
	r.data = s.at()
	var width [1]byte
	if err := s.bytes(width[:], field); err != nil {
		return err
	}
	if n := width[0]; n < 2 || n > 8 {
		return bad(tensor.ErrCorrupt, r.data, field+" size of codes", fmt.Sprint(n), "2 to 8")
	}
	s.transparent, s.delay = -1, 0
	f.frames = append(f.frames, r)
	n := int64(len(f.frames))
	if n > maxFrames {
		return bad(tensor.ErrLimit, at, "pictures", "more", fmt.Sprintf("at most %d", maxFrames))
	}
	if size := n * f.width * f.height; f.limit >= 0 && size > f.limit {
		return bad(tensor.ErrLimit, at, "bytes to decode", fmt.Sprintf("more than %d of %d pictures of %dx%d pixels", size, n, f.width, f.height), fmt.Sprintf("at most %d (ReadOptions.MaxDecoded)", f.limit))
	}
	err = s.skip(field)
	f.frames[n-1].end = s.at()
	return err
}

// grey reports whether a table has its indices as colours.
func grey(table []byte) bool {
	for i := range len(table) / 3 {
		if c := byte(i); table[3*i] != c || table[3*i+1] != c || table[3*i+2] != c {
			return false
		}
	}
	return true
}
