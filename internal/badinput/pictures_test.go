package badinput

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/bmp"
	_ "github.com/tensorfile/tensorfile/convert/gif"
	_ "github.com/tensorfile/tensorfile/convert/jpeg"
	_ "github.com/tensorfile/tensorfile/convert/png"
	_ "github.com/tensorfile/tensorfile/convert/tiff"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// TestI31Sides changes each side that the header of a picture names, up and down.
// The pixels are those of the other sides: the picture is refused, or it is read
// with the sides that the header names, and all of its elements are there.
func TestI31Sides(t *testing.T) {
	const width, height = 19, 17
	m := image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.Black, color.White, color.RGBA{200, 100, 50, 255}})
	for i := range m.Pix {
		m.Pix[i] = uint8(i*i%11) % 3
	}
	le, be := binary.LittleEndian, binary.BigEndian
	for _, f := range []struct {
		name   string
		encode func(w io.Writer) error
		// set writes a side, 0 is the width, into a file.
		set     func(b []byte, side int, n uint32)
		refused int // of eight
	}{
		{"png", func(w io.Writer) error { return png.Encode(w, m) }, func(b []byte, side int, n uint32) {
			be.PutUint32(b[16+4*side:], n)
			be.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
		}, 6},
		{"jpeg", func(w io.Writer) error { return jpeg.Encode(w, m, nil) }, func(b []byte, side int, n uint32) {
			at := bytes.Index(b, []byte{0xff, 0xc0})
			be.PutUint16(b[at+7-2*side:], uint16(n))
		}, 2},
		{"gif", func(w io.Writer) error { return gif.Encode(w, m, nil) }, func(b []byte, side int, n uint32) {
			at := 13 + 3<<(b[10]&7+1)
			at += bytes.IndexByte(b[at:], ',')
			le.PutUint16(b[at+5+2*side:], uint16(n))
			le.PutUint16(b[6+2*side:], uint16(n))
		}, 4},
		{"tiff", func(w io.Writer) error { return tiff.Encode(w, m, nil) }, func(b []byte, side int, n uint32) {
			at := int(le.Uint32(b[4:]))
			for i := range int(le.Uint16(b[at:])) {
				if e := b[at+2+12*i:]; int(le.Uint16(e)) == 256+side {
					if le.Uint16(e[2:]) == 3 {
						le.PutUint16(e[8:], uint16(n))
					} else {
						le.PutUint32(e[8:], n)
					}
				}
			}
		}, 4},
		{"bmp", func(w io.Writer) error { return bmp.Encode(w, m) }, func(b []byte, side int, n uint32) { le.PutUint32(b[18+4*side:], n) }, 3},
	} {
		t.Run(f.name, func(t *testing.T) {
			var file bytes.Buffer
			if err := f.encode(&file); err != nil {
				t.Fatal(err)
			}
			read := func(b []byte) (tensor.View, error) {
				in, err := convert.OpenMap(context.Background(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "x."+f.name), nil)
				if err != nil {
					return tensor.View{}, err
				}
				defer in.Close()
				x, err := in.Tensor("x")
				if err != nil {
					return tensor.View{}, err
				}
				return x.Read(context.Background())
			}
			if v, err := read(file.Bytes()); err != nil || v.Shape()[0] != height || v.Shape()[1] != width {
				t.Fatal(v.Shape(), err)
			}
			refused := 0
			for side, was := range []uint32{width, height} {
				for _, n := range []uint32{was - 1, was + 1, 2 * was, 1} {
					b := bytes.Clone(file.Bytes())
					f.set(b, side, n)
					if bytes.Equal(b, file.Bytes()) {
						t.Fatal("the header is the same")
					}
					v, err := read(b)
					var e *tensor.Error
					switch {
					case err == nil && v.Shape()[1-side] != int64(n):
						t.Errorf("side %d of %d is read as %v", side, n, v.Shape())
					case err == nil && int64(len(v.Span())) < v.ByteSize():
						t.Errorf("side %d of %d: %d bytes of %d", side, n, len(v.Span()), v.ByteSize())
					case err == nil:
					case !errors.As(err, &e) || e.Format != f.name || !errors.Is(err, tensor.ErrCorrupt) && !errors.Is(err, tensor.ErrTruncated) && !errors.Is(err, tensor.ErrFormat):
						t.Errorf("side %d of %d: %v", side, n, err)
					default:
						refused++
					}
				}
			}
			if refused != f.refused {
				t.Errorf("%d of 8 are refused, want %d", refused, f.refused)
			}
		})
	}
}
