package pnm

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/blame"
	"github.com/tensorfile/tensorfile/convert/internal/picture"
	"github.com/tensorfile/tensorfile/tensor"
)

// ASCII is the encoding of P1, P2 and P3.
const ASCII = "ascii"

func write(ctx context.Context, w io.Writer, src []convert.Source, o *convert.WriteOptions) error {
	s, err := picture.Of(src, true)
	if err == nil {
		err = encode(ctx, w, s, o != nil && o.Encoding == ASCII)
	}
	return blame.Format(err, "pnm")
}

// Encode writes the picture v, or the pictures behind an axis in front, of any
// strides, to w: bool of one channel as P4, other grey as P5, colours as P6, grey
// and colours with alpha as P7. u16 stays u16, all else has 8 bits. attrs are
// those that reading gives: image.maxval is written if no sample is above it, and
// dims say what axes mean.
func Encode(w io.Writer, v tensor.View, attrs convert.Attrs) error {
	s, err := picture.OfView(v, attrs, true)
	if err == nil {
		err = encode(context.Background(), w, s, false)
	}
	return blame.Format(err, "pnm")
}

func encode(ctx context.Context, w io.Writer, s *picture.Source, text bool) error {
	h := &header{width: s.Width, height: s.Height, depth: s.Channels, maxval: 1}
	d := tensor.U8
	switch {
	case s.DType == tensor.U16:
		d = tensor.U16
	case s.DType == tensor.Bool && s.Channels == 1:
		d = tensor.Bool
	}
	h.kind = [...]byte{1: '5', 2: '7', 3: '6', 4: '7'}[s.Channels]
	switch {
	case d == tensor.Bool:
		h.kind = '4'
	default:
		h.maxval = full(d)
	}
	if text {
		if h.kind == '7' {
			return bad(tensor.ErrUnsupported, -1, "channels", fmt.Sprint(s.Channels), "1 or 3: PAM has no samples in ASCII")
		}
		if s.Frames > 1 {
			return bad(tensor.ErrUnsupported, -1, "pictures", fmt.Sprint(s.Frames), "one: text holds no more")
		}
		h.kind -= 3
	}
	if max(h.width, h.height) > maxSide {
		return bad(tensor.ErrLimit, -1, "sides", fmt.Sprintf("%d x %d", h.width, h.height), fmt.Sprintf("at most %d", maxSide))
	}
	asked, _ := s.Attrs[Maxval].(int64)
	keep := asked > 0 && asked < h.maxval && (asked > 255) == (h.maxval > 255)
	out := bufio.NewWriterSize(w, 64<<10)
	var samples []byte
	return s.Each(ctx, func(i int64, pixels tensor.View) (err error) {
		if samples, err = picture.Samples(samples, pixels, d, tensor.BigEndian); err != nil {
			return err
		}
		if keep {
			switch most := largest(samples, d); {
			case most <= asked:
				h.maxval = asked
			case i > 0:
				return bad(tensor.ErrUnsupported, -1, "sample", fmt.Sprintf("%d in picture %d", most, i), fmt.Sprintf("at most %d, the %s of those before", asked, Maxval))
			default:
				keep = false
			}
		}
		out.WriteString(h.begin())
		switch {
		case text:
			h.writeText(out, samples, d)
		case d == tensor.Bool:
			row := make([]byte, h.rowBytes())
			for y := range h.height {
				picture.PackBits(row, samples[y*h.width:(y+1)*h.width], false)
				out.Write(row)
			}
		default:
			out.Write(samples)
		}
		return out.Flush() // the first error of those before
	})
}

// largest is the largest of samples, big-endian.
func largest(b []byte, d tensor.DType) int64 {
	most := int64(0)
	if d == tensor.U16 {
		for i := 0; i < len(b); i += 2 {
			most = max(most, int64(b[i])<<8|int64(b[i+1]))
		}
		return most
	}
	for _, x := range b {
		most = max(most, int64(x))
	}
	return most
}

// begin is what stands before the samples of a picture.
func (h *header) begin() string {
	if h.kind == '7' {
		tuple := "GRAYSCALE_ALPHA"
		if h.depth == 4 {
			tuple = "RGB_ALPHA"
		}
		return fmt.Sprintf("P7\nWIDTH %d\nHEIGHT %d\nDEPTH %d\nMAXVAL %d\nTUPLTYPE %s\nENDHDR\n", h.width, h.height, h.depth, h.maxval, tuple)
	}
	text := fmt.Sprintf("P%c\n%d %d\n", h.kind, h.width, h.height)
	if !h.bilevel() {
		text += fmt.Sprintf("%d\n", h.maxval)
	}
	return text
}

// lineLength is the longest that the specification wants lines of text to be.
const lineLength = 70

// writeText writes samples, a row on a line of its own, or on several.
func (h *header) writeText(w *bufio.Writer, b []byte, d tensor.DType) {
	var digits []byte
	length := 0
	row := h.width * h.depth
	for i := range row * h.height {
		switch d {
		case tensor.Bool:
			digits = append(digits[:0], '1')
			if b[i] != 0 {
				digits[0] = '0'
			}
		case tensor.U16:
			digits = strconv.AppendUint(digits[:0], uint64(b[2*i])<<8|uint64(b[2*i+1]), 10)
		default:
			digits = strconv.AppendUint(digits[:0], uint64(b[i]), 10)
		}
		switch {
		case i == 0:
		case i%row == 0 || length+1+len(digits) > lineLength:
			w.WriteByte('\n')
			length = 0
		default:
			w.WriteByte(' ')
			length++
		}
		w.Write(digits)
		length += len(digits)
	}
	w.WriteByte('\n')
}
