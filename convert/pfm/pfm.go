// Package pfm reads and writes PFM files, portable float maps, as Paul Debevec's
// HDRShop wrote them first and Netpbm describes them ("pfm"). Importing it
// registers the format "pfm" with package convert.
//
// A file is one tensor of f32: (H, W) for "Pf", (H, W, 3), red, green, blue, for
// "PF". It is a view of the file's own bytes, at any address, in the byte order
// that the sign of the scale tells; rows stand upside down, so their stride is
// below 0. Samples are what the file has: the absolute value of the scale is the
// attribute image.scale if it is not 1, and multiplies nothing. The header has no comments.
package pfm

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/blame"
	"github.com/tensorfile/tensorfile/convert/internal/picture"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() {
	convert.Register(convert.Format{
		Name:        "pfm",
		Extensions:  []string{".pfm"},
		Description: "PFM: floats of 32 bits, grey or colour",
		Single:      true,
		Keeps:       append(picture.Attributes(), Scale),
		Detect:      detect,
		Open:        open,
		Write:       write,
	})
}

// Scale is the attribute that has the absolute value of the scale, where that is
// not 1.
const Scale = "image.scale"

const (
	maxHeader = 256           // bytes of a header, unless ReadOptions.MaxHeader says other
	maxSide   = math.MaxInt32 // pixels
)

func bad(kind error, offset int64, field, got, want string) error {
	return &tensor.Error{Kind: kind, Format: "pfm", Offset: offset, Field: field, Got: got, Want: want}
}

func space(b byte) bool { return b == ' ' || '\t' <= b && b <= '\r' }

func detect(b []byte) bool {
	return len(b) >= 3 && b[0] == 'P' && (b[1] == 'F' || b[1] == 'f') && space(b[2])
}

func open(_ context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
	if o == nil {
		o = &convert.ReadOptions{}
	}
	h, err := readHeader(in, o)
	if err != nil {
		return nil, err
	}
	row := h.width * h.channels * 4
	size, have := picture.Product(row, h.height), in.Size()-h.at
	if have < size || have > size && !o.AllowTrailing {
		return nil, bad(tensor.ErrTruncated, h.at, "samples", fmt.Sprintf("%d bytes", have), fmt.Sprintf("%d of %d x %d pixels of %d", size, h.width, h.height, 4*h.channels))
	}
	p := &picture.Picture{
		Frames: 1, Height: h.height, Width: h.width, Channels: h.channels, DType: tensor.F32, Order: tensor.BigEndian,
		Storage: convert.LayoutStorage{Offset: h.at, Size: size},
		Offset:  (h.height - 1) * row, Strides: tensor.Strides{0, -row, 4 * h.channels, 4},
		Attrs: convert.Attrs{picture.ColorModel: "grey"},
	}
	if scale := math.Abs(h.scale); scale != 1 {
		p.Attrs[Scale] = scale
	}
	l := &convert.Layout{Format: "pfm", Version: "Pf"}
	if h.channels == 3 {
		p.Attrs[picture.ColorModel], l.Version = "rgb", "PF"
	}
	if h.scale < 0 {
		p.Order = tensor.LittleEndian
	}
	return l, p.Describe(l, in, o)
}

// header is what stands before the samples.
type header struct {
	channels      int64
	width, height int64
	scale         float64
	at            int64 // of the samples
}

func readHeader(in convert.Input, o *convert.ReadOptions) (*header, error) {
	limit := int64(maxHeader)
	if o.MaxHeader > 0 {
		limit = o.MaxHeader
	}
	b := make([]byte, min(limit, in.Size()))
	if err := picture.ReadAt(in, "pfm", b, 0, "header"); err != nil {
		return nil, err
	}
	words := &words{b: b, all: int64(len(b)) == in.Size()}
	magic, _ := words.next("magic")
	h := &header{channels: 1}
	switch {
	case words.err != nil:
		return nil, words.err
	case magic == "PF":
		h.channels = 3
	case magic != "Pf":
		return nil, bad(tensor.ErrFormat, 0, "magic", tensor.Quote(magic), "PF or Pf")
	}
	h.width = words.side("width")
	h.height = words.side("height")
	h.scale = words.scale()
	h.at = int64(words.at)
	return h, words.err
}

// words are those of a header, each with one byte of white space behind it, or
// with more if another follows.
type words struct {
	b   []byte
	all bool // there is no more of the file
	at  int
	err error
}

func (w *words) next(field string) (word string, at int64) {
	if w.err != nil {
		return "", 0
	}
	begin := w.at
	for begin > 0 && begin < len(w.b) && space(w.b[begin]) {
		begin++
	}
	end := begin
	for end < len(w.b) && !space(w.b[end]) {
		end++
	}
	switch {
	case end < len(w.b):
	case w.all:
		w.err = bad(tensor.ErrTruncated, int64(end), field, "the end of the file", "white space behind it")
	default:
		w.err = bad(tensor.ErrLimit, int64(begin), field, fmt.Sprintf("no end in the first %d bytes", len(w.b)), "a header of at most so many (ReadOptions.MaxHeader)")
	}
	w.at = end + 1
	return string(w.b[begin:end]), int64(begin)
}

// side is a number of pixels.
func (w *words) side(field string) int64 {
	word, at := w.next(field)
	if w.err != nil {
		return 0
	}
	n := int64(0)
	for _, d := range []byte(word) {
		if d < '0' || d > '9' {
			w.err = bad(tensor.ErrFormat, at, field, tensor.Quote(word), "a whole number")
			return 0
		}
		if n = 10*n + int64(d-'0'); n > maxSide {
			w.err = bad(tensor.ErrLimit, at, field, tensor.Quote(word), fmt.Sprintf("1 to %d", maxSide))
			return 0
		}
	}
	if n == 0 {
		w.err = bad(tensor.ErrFormat, at, field, tensor.Quote(word), fmt.Sprintf("1 to %d", maxSide))
	}
	return n
}

func (w *words) scale() float64 {
	word, at := w.next("scale")
	if w.err != nil {
		return 0
	}
	x, err := strconv.ParseFloat(word, 64)
	if strings.Trim(word, "0123456789+-.eE") != "" || err != nil || x == 0 || math.IsInf(x, 0) {
		w.err = bad(tensor.ErrFormat, at, "scale", tensor.Quote(word), "a decimal number that is not 0")
	}
	return x
}

func write(ctx context.Context, w io.Writer, src []convert.Source, _ *convert.WriteOptions) error {
	s, err := picture.Of(src, false)
	if err == nil {
		err = encode(ctx, w, s)
	}
	return blame.Format(err, "pfm")
}

// Encode writes the picture v, (H, W), (H, W, C) or (C, H, W) of any strides, to
// w, little-endian: one channel as "Pf", three as "PF". Floats are rounded to f32
// and stay outside of 0 to 1 where they are; the full scale of integers and bool
// becomes 1. attrs are those that reading gives: image.scale is written, else 1,
// and dims say what axes mean.
func Encode(w io.Writer, v tensor.View, attrs convert.Attrs) error {
	s, err := picture.OfView(v, attrs, false)
	if err == nil {
		err = encode(context.Background(), w, s)
	}
	return blame.Format(err, "pfm")
}

func encode(ctx context.Context, w io.Writer, s *picture.Source) error {
	magic := [...]string{1: "Pf", 3: "PF", 4: ""}[s.Channels]
	if magic == "" {
		return bad(tensor.ErrUnsupported, -1, "channels", fmt.Sprint(s.Channels), "1 or 3")
	}
	if max(s.Width, s.Height) > maxSide {
		return bad(tensor.ErrLimit, -1, "sides", fmt.Sprintf("%d x %d", s.Width, s.Height), fmt.Sprintf("at most %d", maxSide))
	}
	scale, ok := s.Attrs[Scale].(float64)
	if !ok || !(scale > 0) || math.IsInf(scale, 0) {
		scale = 1
	}
	text := strconv.FormatFloat(-scale, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	if len(text) > maxHeader/2 {
		text = strconv.FormatFloat(-scale, 'e', -1, 64)
	}
	if _, err := fmt.Fprintf(w, "%s\n%d %d\n%s\n", magic, s.Width, s.Height, text); err != nil {
		return err
	}
	return s.Each(ctx, func(_ int64, pixels tensor.View) error {
		return picture.Upwards(ctx, pixels, tensor.F32, tensor.LittleEndian, func(rows []byte) error {
			_, err := w.Write(rows)
			return err
		})
	})
}
