// Package webp reads WebP files (RFC 9649), lossy and lossless, of one picture.
// Importing it registers the format "webp" with package convert.
//
// A file is one tensor of u8, (H, W, 3), or (H, W, 4) where it says that there is
// an alpha, which is straight. Animations are refused by name. Pixels are decoded
// by golang.org/x/image; what is lossy becomes RGB as in libwebp, chroma by the
// same interpolation.
//
// Opening reads the heads of all chunks. Pictures are turned upright by the
// orientation in EXIF unless ReadOptions.NoEXIF is set. Attributes are those of
// docs/images.md: image.color_model, image.stored "ycbcr", image.icc,
// image.orientation.
package webp

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
		Name:        "webp",
		Extensions:  []string{".webp"},
		Description: "WebP image",
		Single:      true,
		Detect:      func(b []byte) bool { return len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP" },
		Open:        open,
	})
}

const (
	maxChunks = 4096    // in a file
	maxEXIF   = 1 << 20 // bytes that are looked at
)

// Flags of a VP8X chunk.
const (
	flagAnimation = 1 << 1
	flagAlpha     = 1 << 4
)

var le = binary.LittleEndian

func bad(kind error, offset int64, field, got, want string) error {
	return &tensor.Error{Kind: kind, Format: "webp", Offset: offset, Field: field, Got: got, Want: want}
}

// file is what the chunks of a file say.
type file struct {
	in             convert.Input
	canvasW        int64 // of VP8X; 0: there is none
	canvasH        int64
	flags          byte
	coded          bool  // the alpha is compressed
	at             int64 // of the picture's chunk; 0: not yet
	width, height  int64
	lossless       bool
	alpha, opacity bool // there is an alpha; there was a chunk of it
	exif           int

	layout *convert.Layout
	attrs  convert.Attrs
}

func open(ctx context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
	f := &file{in: in, layout: &convert.Layout{Format: "webp", Version: "lossy"}, attrs: convert.Attrs{}}
	if err := f.read(ctx); err != nil {
		return nil, err
	}
	p := &picture.Picture{
		Frames: 1, Height: f.height, Width: f.width, Channels: 3, DType: tensor.U8,
		Orientation: f.exif, Attrs: f.attrs, Decode: f.decode, Codec: "webp", At: f.at + 8,
	}
	f.attrs[picture.ColorModel] = "rgb"
	if f.alpha {
		p.Channels = 4
		f.attrs[picture.ColorModel] = "rgba"
	}
	pixels := picture.Product(f.width, f.height)
	if p.Held = 2 * pixels; f.lossless || f.coded {
		p.Held += 8 * pixels // two pictures of four bytes
	}
	if f.lossless {
		f.layout.Version = "lossless"
	} else {
		f.attrs[picture.Stored] = "ycbcr"
	}
	return f.layout, p.Describe(f.layout, in, o)
}

func (f *file) note(format string, args ...any) {
	f.layout.Notes = append(f.layout.Notes, fmt.Sprintf(format, args...))
}

// read goes through the chunks.
func (f *file) read(ctx context.Context) error {
	var head [12]byte
	if err := picture.ReadAt(f.in, "webp", head[:], 0, "header"); err != nil {
		return err
	}
	if string(head[:4]) != "RIFF" || string(head[8:]) != "WEBP" {
		return bad(tensor.ErrFormat, 0, "signature", tensor.Quote(string(head[:4])+string(head[8:])), "RIFF and WEBP")
	}
	end := int64(le.Uint32(head[4:])) + 8
	switch have := f.in.Size(); {
	case end > have:
		return bad(tensor.ErrTruncated, 4, "RIFF size", fmt.Sprintf("%d and 8 bytes", end-8), fmt.Sprintf("the %d bytes of the file", have))
	case end < have:
		f.note("%d bytes behind the end of the picture", have-end)
	}
	at := int64(12)
	for n := 0; at < end; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if n == maxChunks {
			return bad(tensor.ErrLimit, at, "chunks", "more", fmt.Sprintf("at most %d", maxChunks))
		}
		if end-at < 8 {
			return bad(tensor.ErrTruncated, at, "chunk", fmt.Sprintf("%d bytes", end-at), "8 of its head")
		}
		var b [8]byte
		if err := picture.ReadAt(f.in, "webp", b[:], at, "chunk"); err != nil {
			return err
		}
		id, size := string(b[:4]), int64(le.Uint32(b[4:]))
		if left := end - at - 8; size > left {
			return bad(tensor.ErrTruncated, at+4, "size of chunk "+tensor.Quote(id), fmt.Sprint(size), fmt.Sprintf("at most the %d bytes that remain", left))
		}
		if err := f.chunk(id, at, size, n); err != nil {
			return err
		}
		at += 8 + size + size%2
	}
	if f.at == 0 {
		return bad(tensor.ErrFormat, end, "picture", "none", "a VP8 or VP8L chunk")
	}
	return nil
}

// chunk reads number n, whose head stands at at.
func (f *file) chunk(id string, at, size int64, n int) error {
	body := func(k int64) ([]byte, error) {
		if size < k {
			return nil, bad(tensor.ErrFormat, at+4, "size of chunk "+tensor.Quote(id), fmt.Sprint(size), fmt.Sprintf("at least %d", k))
		}
		b := make([]byte, k)
		return b, picture.ReadAt(f.in, "webp", b, at+8, "chunk")
	}
	switch id {
	case "VP8X":
		if n > 0 {
			return bad(tensor.ErrFormat, at, "VP8X", fmt.Sprintf("chunk %d", n), "the first chunk")
		}
		b, err := body(10)
		if err != nil {
			return err
		}
		f.flags = b[0]
		u24 := func(b []byte) int64 { return int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16 }
		f.canvasW, f.canvasH = u24(b[4:])+1, u24(b[7:])+1
		if f.flags&flagAnimation != 0 {
			return bad(tensor.ErrUnsupported, at+8, "picture", "an animation", "one picture: animated WebP is not read")
		}
	case "ANIM", "ANMF":
		return bad(tensor.ErrUnsupported, at, "picture", "an animation", "one picture: animated WebP is not read")
	case "ALPH":
		b, err := body(1)
		if err != nil {
			return err
		}
		f.opacity, f.coded = true, b[0]&3 == 1
	case "VP8 ":
		b, err := body(10)
		if err != nil {
			return err
		}
		if b[0]&1 != 0 || b[3] != 0x9d || b[4] != 0x01 || b[5] != 0x2a {
			return bad(tensor.ErrCorrupt, at+8, "frame", fmt.Sprintf("% x", b[:6]), "a key frame, with 9d 01 2a")
		}
		f.alpha = f.flags&flagAlpha != 0
		if f.alpha != f.opacity {
			return bad(tensor.ErrCorrupt, at, "alpha", fmt.Sprintf("a chunk: %v, a flag: %v", f.opacity, f.alpha), "both or none")
		}
		return f.picture(at, int64(le.Uint16(b[6:])&0x3fff), int64(le.Uint16(b[8:])&0x3fff))
	case "VP8L":
		b, err := body(5)
		if err != nil {
			return err
		}
		if b[0] != 0x2f || b[4]>>5 != 0 {
			return bad(tensor.ErrCorrupt, at+8, "lossless picture", fmt.Sprintf("% x", b), "2f, and version 0")
		}
		v := le.Uint32(b[1:])
		f.lossless, f.alpha = true, v>>28&1 == 1
		return f.picture(at, int64(v&0x3fff)+1, int64(v>>14&0x3fff)+1)
	case "ICCP":
		f.attrs[picture.ICC] = true
	case "EXIF":
		if size > maxEXIF {
			f.note("EXIF of %d bytes is left out", size)
			return nil
		}
		b, err := body(size)
		if err != nil {
			return err
		}
		if f.exif, err = picture.EXIF(b); err != nil {
			f.note("EXIF is damaged: %v", err)
		}
	}
	return nil
}

// picture keeps where the picture is, and its sides.
func (f *file) picture(at, width, height int64) error {
	if f.at != 0 {
		return bad(tensor.ErrFormat, at, "picture", "a second one", "one")
	}
	f.at, f.width, f.height = at, width, height
	if f.canvasW > 0 && (f.canvasW != width || f.canvasH != height) {
		return bad(tensor.ErrCorrupt, at+8, "sides", fmt.Sprintf("%dx%d", width, height), fmt.Sprintf("the %dx%d of the canvas", f.canvasW, f.canvasH))
	}
	return picture.Sides("webp", at+8, width, height)
}
