// Package tiff reads and writes TIFF files (Adobe, TIFF 6.0) and BigTIFF.
// Importing it registers the format "tiff" with package convert.
//
// A file is one tensor, (H, W) or (H, W, C), with an axis T in front where it has
// more than one page:
//
//	grey, 1 bit              bool             grey and alpha          C is 2
//	grey, 2 and 4 bits       u8, times 85 and 17
//	8, 16, 32 and 64 bits    u8 to u64, i8 to i64, f16, f32, f64
//	RGB                      C is 3           RGB and alpha           C is 4
//	palette                  u8, C is 3       CMYK                    C is 4, ink
//
// White is the largest value whatever the file says. Alpha is straight: what was
// multiplied by it is divided. Samples that have no meaning are left out. Pages
// must be alike; thumbnails and masks that say that they are such are no pages.
//
// Strips and tiles are read, in planes or not, plain, by PackBits, LZW, deflate
// and of 1 bit by CCITT groups 3 and 4, with the horizontal predictor. Pages whose
// samples lie in the file as they are read, one behind the other, are mapped in
// place, in the byte order of the file; all others are decoded when they are read.
//
// Opening walks the directories and reads no pixel. Attributes are those of
// docs/images.md: image.color_model, image.stored "palette" or "white is zero",
// image.bits, image.icc, image.orientation.
//
// Writing takes pictures of 1 to 4 channels, a page each: bool becomes 1 bit, u16
// 16 bits, u8 and floats 8 bits by the rule of image.ConvertSamples. They are
// plain, or with WriteOptions.Compress deflated with the predictor, little-endian,
// and BigTIFF where 4 GiB are not enough.
package tiff

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
		Name:        "tiff",
		Extensions:  []string{".tif", ".tiff", ".btf"},
		Description: "TIFF and BigTIFF, of one page or many",
		Single:      true,
		Keeps:       picture.Attributes(),
		Detect: func(b []byte) bool {
			if len(b) < 8 {
				return false
			}
			switch string(b[:4]) {
			case "II*\x00", "MM\x00*", "II+\x00", "MM\x00+":
				return true
			}
			return false
		},
		Open:  open,
		Write: write,
	})
}

// What the value of a sample means (tag 262).
const (
	whiteIsZero = 0
	blackIsZero = 1
	colours     = 2
	mapped      = 3 // by a palette
	inks        = 5
)

// Compressions (tag 259).
const (
	plain      = 1
	group3     = 3
	group4     = 4
	lempelZiv  = 5
	deflate    = 8
	oldDeflate = 32946
	packBits   = 32773
)

// expands are the most bytes that one of a compression becomes.
var expands = map[int64]int64{plain: 1, packBits: 64, lempelZiv: 4096, deflate: 1032, oldDeflate: 1032}

// compressions are the names of those that are not read, for errors.
var compressions = map[int64]string{2: "CCITT RLE", 6: "JPEG, old", 7: "JPEG", 34712: "JPEG 2000", 34887: "LERC", 34925: "LZMA", 50000: "Zstandard", 50001: "WebP", 50002: "JPEG XL"}

const (
	maxPages   = 1 << 16
	maxEntries = 4096 // of a directory
)

func bad(kind error, offset int64, field, got, want string) error {
	return &tensor.Error{Kind: kind, Format: "tiff", Offset: offset, Field: field, Got: got, Want: want}
}

// file is an open file.
type file struct {
	in     convert.Input
	order  binary.ByteOrder
	big    bool // BigTIFF
	pages  []*page
	arrays int64 // bytes of all lists of strips and tiles

	layout *convert.Layout
}

func open(ctx context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
	f := &file{in: in, layout: &convert.Layout{Format: "tiff"}}
	if err := f.walk(ctx, o != nil && o.SkipBad); err != nil {
		return nil, err
	}
	first := f.pages[0]
	p := &picture.Picture{
		Frames: int64(len(f.pages)), Height: first.height, Width: first.width, Channels: first.channels(), DType: first.dtype(),
		Orientation: first.orientation, Attrs: first.attrs(), Codec: first.codec(), At: first.at,
	}
	if f.order == binary.BigEndian {
		p.Order = tensor.BigEndian
	}
	if ok, err := f.inPlace(p); err != nil {
		return nil, err
	} else if !ok {
		p.Decode, p.Held = f.decode, f.held()
	}
	if err := p.Describe(f.layout, in, o); err != nil {
		return nil, err
	}
	if p.Decode != nil {
		for i, page := range f.pages {
			if err := page.plausible(i, in.Size()); err != nil {
				return nil, err
			}
		}
	}
	return f.layout, nil
}

func (f *file) note(format string, args ...any) {
	f.layout.Notes = append(f.layout.Notes, fmt.Sprintf(format, args...))
}

// channels is how many samples of a pixel are read.
func (p *page) channels() int64 {
	n := int64(1)
	switch p.photometric {
	case colours, mapped:
		n = 3
	case inks:
		n = 4
	}
	if p.alpha != 0 {
		n++
	}
	return n
}

// types are what samples of a format (tag 339) and so many bits are.
var types = map[[2]int64]tensor.DType{
	{1, 8}: tensor.U8, {1, 16}: tensor.U16, {1, 32}: tensor.U32, {1, 64}: tensor.U64,
	{2, 8}: tensor.I8, {2, 16}: tensor.I16, {2, 32}: tensor.I32, {2, 64}: tensor.I64,
	{3, 16}: tensor.F16, {3, 32}: tensor.F32, {3, 64}: tensor.F64,
}

func (p *page) dtype() tensor.DType {
	switch {
	case p.photometric == mapped:
		return tensor.U8
	case p.bits == 1:
		return tensor.Bool
	case p.bits < 8:
		return tensor.U8
	}
	return types[[2]int64{p.sample, p.bits}]
}

func (p *page) attrs() convert.Attrs {
	a := convert.Attrs{}
	model := map[int64]string{whiteIsZero: "grey", blackIsZero: "grey", colours: "rgb", mapped: "rgb", inks: "cmyk"}[p.photometric]
	if p.alpha != 0 {
		model = map[string]string{"grey": "greyalpha", "rgb": "rgba"}[model]
	}
	a[picture.ColorModel] = model
	switch p.photometric {
	case mapped:
		a[picture.Stored] = "palette"
	case whiteIsZero:
		a[picture.Stored] = "white is zero"
	}
	if p.bits < 8 {
		a[picture.Bits] = p.bits
	}
	if p.profile {
		a[picture.ICC] = true
	}
	return a
}

func (p *page) codec() string {
	switch p.compression {
	case group3, group4:
		return "ccitt"
	case lempelZiv:
		return "lzw"
	case deflate, oldDeflate:
		return "deflate"
	case packBits:
		return "packbits"
	}
	return "tiff"
}

// raw is how many bytes of samples a page has.
func (p *page) raw() int64 {
	return picture.Product(p.rowBytes(p.width)*p.planes(), p.height)
}

// rowBytes is that of so many pixels as they are stored, in one plane.
func (p *page) rowBytes(width int64) int64 {
	n := p.samples
	if p.planar {
		n = 1
	}
	return (width*n*p.bits + 7) / 8
}

func (p *page) planes() int64 {
	if p.planar {
		return p.samples
	}
	return 1
}

// plausible compares what page i holds with the size of the file.
func (p *page) plausible(i int, size int64) error {
	if most, ok := expands[p.compression]; ok && p.raw()/most > size {
		return bad(tensor.ErrTruncated, p.at, fmt.Sprintf("page %d", i), fmt.Sprintf("%d bytes of samples", p.raw()), fmt.Sprintf("at most what %d bytes of file can hold", size))
	}
	return nil
}
