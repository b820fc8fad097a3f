// Package pnm reads and writes the formats of Netpbm: PBM, PGM and PPM, as text
// (P1, P2, P3) and as bytes (P4, P5, P6), and PAM (P7). Importing it registers the
// format "pnm" with package convert. The specifications are Netpbm's own, of
// pbm, pgm, ppm and pam.
//
// A file is one tensor:
//
//	P1, P4   (H, W) of bool; true is white, which is the bit 0, as in Pillow's mode "1"
//	P2, P5   (H, W)
//	P3, P6   (H, W, 3): red, green, blue
//	P7       (H, W) of bool where TUPLTYPE is BLACKANDWHITE, there 1 is white;
//	         else (H, W), and (H, W, DEPTH) where DEPTH is above 1
//
// Samples are u8, and u16 where maxval is above 255. They are the numbers that the
// file has, whatever maxval says: the attribute image.maxval tells it where it is
// not 255 or 65535. Those of P5, P6 and P7 are views of the file's own bytes, u16
// big-endian; that they are not above maxval is not checked. Text and the packed
// bits of P4 are decoded as they are read.
//
// Pictures of P4 to P7 may follow each other, with white space between them. If
// their headers say the same they are (T, H, W) or (T, H, W, C), in place if they
// are at equal distances; others are ErrUnsupported. A "#" begins a comment that
// goes to the end of its line: anywhere in a header, in the middle of a number
// too, and among the samples of text. In PAM it is a line of its own.
package pnm

import (
	"context"
	"fmt"
	"io"
	"math"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/picture"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() {
	convert.Register(convert.Format{
		Name:        "pnm",
		Extensions:  []string{".pnm", ".pbm", ".pgm", ".ppm", ".pam"},
		Description: "PBM, PGM, PPM and PAM of Netpbm, 1 to 16 bits",
		Single:      true,
		Encodings:   []string{ASCII},
		Keeps:       append(picture.Attributes(), Maxval, TupleType),
		Detect:      detect,
		Open:        open,
		Write:       write,
	})
}

// The attributes that only these formats have.
const (
	// Maxval is the sample that is white, where that is not the largest of the
	// dtype.
	Maxval = "image.maxval"
	// TupleType is TUPLTYPE of a PAM file, where image.color_model has no word for
	// it.
	TupleType = "image.tuple_type"
)

// maxFrames is how many pictures a file may have.
const maxFrames = 1 << 20

// detect wants a number, or a line of PAM, behind the magic: text may begin with
// "P1 " as well.
func detect(b []byte) bool {
	if len(b) < 3 || b[0] != 'P' || b[1] < '1' || b[1] > '7' || !space(b[2]) && b[2] != '#' {
		return false
	}
	for i := 2; i < len(b); i++ {
		switch c := b[i]; {
		case c == '#':
			for i < len(b) && b[i] != '\n' && b[i] != '\r' {
				i++
			}
		case space(c):
		case b[1] == '7':
			return 'A' <= c && c <= 'Z'
		default:
			return '0' <= c && c <= '9'
		}
	}
	return true
}

func open(ctx context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
	if o == nil {
		o = &convert.ReadOptions{}
	}
	f := &file{in: in, trailing: o.AllowTrailing}
	s := &scanner{in: in, limit: maxHeader}
	if o.MaxHeader > 0 {
		s.limit = o.MaxHeader
	}
	var err error
	if f.header, err = s.header(0); err != nil {
		return nil, err
	}
	h := &f.header
	p := &picture.Picture{Frames: 1, Height: h.height, Width: h.width, Channels: h.depth, DType: tensor.U8, Attrs: convert.Attrs{}}
	if err := f.describe(p.Attrs); err != nil {
		return nil, err
	}
	switch {
	case h.bilevel(), h.tuple == "BLACKANDWHITE" && h.depth == 1 && h.maxval == 1:
		p.DType = tensor.Bool
	default:
		if h.maxval > math.MaxUint8 {
			p.DType = tensor.U16
		}
		if h.maxval != full(p.DType) {
			p.Attrs[Maxval] = h.maxval
		}
	}
	l := &convert.Layout{Format: "pnm", Version: "P" + string(h.kind)}
	if h.text() {
		f.asText(p)
	} else {
		if p.Frames, err = f.walk(ctx, s, l); err != nil {
			return nil, err
		}
		f.asBytes(p)
	}
	return l, p.Describe(l, in, o)
}

// file is an open file.
type file struct {
	in       convert.Input
	header   header // of the first picture
	trailing bool

	period int64   // bytes from picture to picture, if that is always as many
	places []int64 // else: of the samples of each
}

// at is where the samples of a picture are.
func (f *file) at(frame int64) int64 {
	if f.places != nil {
		return f.places[frame]
	}
	return f.header.at + frame*f.period
}

// models are the words of TUPLTYPE, and for how many samples.
var models = map[string]struct {
	model string
	depth int64
}{
	"BLACKANDWHITE": {"grey", 1}, "GRAYSCALE": {"grey", 1}, "RGB": {"rgb", 3},
	"BLACKANDWHITE_ALPHA": {"greyalpha", 2}, "GRAYSCALE_ALPHA": {"greyalpha", 2}, "RGB_ALPHA": {"rgba", 4},
}

// describe says what the samples of a pixel are.
func (f *file) describe(attrs convert.Attrs) error {
	h := &f.header
	if h.kind != '7' {
		attrs[picture.ColorModel] = "grey"
		if h.depth == 3 {
			attrs[picture.ColorModel] = "rgb"
		}
		return nil
	}
	if m := models[h.tuple]; m.depth == h.depth {
		attrs[picture.ColorModel] = m.model
	} else if h.tuple != "" {
		if !utf8.ValidString(h.tuple) {
			return bad(tensor.ErrFormat, 0, "TUPLTYPE", tensor.Quote(h.tuple), "UTF-8")
		}
		attrs[TupleType] = h.tuple
	}
	return nil
}

// walk goes over the pictures behind the first and counts all.
func (f *file) walk(ctx context.Context, s *scanner, l *convert.Layout) (frames int64, err error) {
	h, size, whole := &f.header, f.header.size(), f.in.Size()
	last := h.at
	for frames = 1; ; frames++ {
		end := last + size
		for s.begin(end); s.at < whole && space(s.raw()); {
			end = s.at
		}
		if s.err != nil {
			return 0, s.err
		}
		if end == whole {
			return frames, nil
		}
		s.begin(end)
		id := [4]byte{s.raw()}
		for i := 1; i < 3 && s.at < whole; i++ {
			id[i] = s.raw()
		}
		if s.err != nil {
			return 0, s.err
		}
		if id[0] != 'P' || id[1] < '1' || id[1] > '7' || !space(id[2]) && id[2] != '#' && s.at < whole {
			if f.trailing {
				l.Notes = append(l.Notes, fmt.Sprintf("%d bytes behind the last picture", whole-end))
				return frames, nil
			}
			return 0, bad(tensor.ErrFormat, end, "behind the samples", fmt.Sprintf("% x, of %d bytes", id[:s.at-end], whole-end), fmt.Sprintf("the end of the file, or another picture, after %v", h))
		}
		if frames == maxFrames {
			return 0, bad(tensor.ErrLimit, end, "pictures", "more", fmt.Sprintf("at most %d", maxFrames))
		}
		next, err := s.header(end)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return 0, err
		}
		if !next.same(h) {
			return 0, bad(tensor.ErrUnsupported, end, fmt.Sprintf("picture %d", frames+1), next.String(), h.String()+", as the first")
		}
		f.add(frames, next.at)
		last = next.at
	}
}

// add notes where the samples of another picture are.
func (f *file) add(frame, at int64) {
	if frame == 1 {
		f.period = at - f.header.at
	}
	if f.places == nil && at == f.at(frame) {
		return
	}
	if f.places == nil {
		for i := range frame {
			f.places = append(f.places, f.header.at+i*f.period)
		}
	}
	f.places = append(f.places, at)
}

// asBytes describes pictures that are not text.
func (f *file) asBytes(p *picture.Picture) {
	h := &f.header
	row := h.rowBytes()
	if !h.bilevel() && f.places == nil {
		sample := h.sampleBytes()
		p.Storage = convert.LayoutStorage{Offset: h.at, Size: f.at(p.Frames-1) - h.at + row*h.height}
		p.Strides = tensor.Strides{f.period, row, sample * h.depth, sample}
		p.Order = tensor.BigEndian
		return
	}
	r := &picture.Rows{In: f.in, Frames: p.Frames, Height: h.height, Width: h.width, Bits: 1, Stride: row, Size: 1, At: f.at, Unpack: picture.Bilevel(false)}
	p.Storage = convert.LayoutStorage{Codec: "bits", Open: r.Open, StoredSize: picture.Product(row, h.height, p.Frames)}
	if !h.bilevel() {
		r.Width, r.Bits, r.Unpack = row, 8, func(dst, src []byte, n int) int { return copy(dst, src[:n]) }
		p.Storage.Codec = "pictures"
		p.Order = tensor.BigEndian
	}
	inOrder(p)
}

// asText describes a picture whose samples are numbers in ASCII.
func (f *file) asText(p *picture.Picture) {
	p.Storage = convert.LayoutStorage{Codec: "ascii", StoredSize: f.in.Size() - f.header.at, Open: func(ctx context.Context) (io.ReadCloser, error) {
		return newTextReader(ctx, f, p.DType), nil
	}}
	inOrder(p)
}

// inOrder says that elements are decoded in C order.
func inOrder(p *picture.Picture) {
	unit := int64(p.DType.UnitBytes)
	row := p.Width * p.Channels * unit
	p.Strides = tensor.Strides{picture.Product(p.Height, row), row, p.Channels * unit, unit}
	p.Storage.Size = picture.Product(p.Frames, p.Height, row)
}

// full is the maxval that samples of a dtype have where nothing says another.
func full(d tensor.DType) int64 {
	if d == tensor.U16 {
		return math.MaxUint16
	}
	return math.MaxUint8
}
