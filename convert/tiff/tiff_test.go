package tiff_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/picturetest"
	"github.com/tensorfile/tensorfile/convert/tiff"
	"github.com/tensorfile/tensorfile/tensor"
)

// table is the one of docs/images.md: what each kind is read as, and whether it
// is mapped in place when it is plain.
var table = map[string]struct {
	kind    string
	inPlace bool
}{
	"bool": {"bool HW grey", false}, "white1": {"bool HW grey", false},
	"grey2": {"u8 HW grey", false}, "grey4": {"u8 HW grey", false}, "grey8": {"u8 HW grey", true}, "grey16": {"u16 HW grey", true}, "grey32": {"u32 HW grey", true},
	"white8": {"u8 HW grey", false}, "white16": {"u16 HW grey", false},
	"i8": {"i8 HW grey", true}, "i16": {"i16 HW grey", true}, "i32": {"i32 HW grey", true},
	"f16": {"f16 HW grey", true}, "f32": {"f32 HW grey", true}, "f64": {"f64 HW grey", true},
	"greyalpha8": {"u8 HW2 greyalpha", true}, "greyalpha16": {"u16 HW2 greyalpha", true},
	"rgb8": {"u8 HW3 rgb", true}, "rgb16": {"u16 HW3 rgb", true}, "rgbf32": {"f32 HW3 rgb", true},
	"rgba8": {"u8 HW4 rgba", true}, "rgba16": {"u16 HW4 rgba", true}, "rgbx8": {"u8 HW3 rgb", true},
	"multiplied8": {"u8 HW4 rgba", false}, "multiplied16": {"u16 HW4 rgba", false},
	"cmyk8": {"u8 HW4 cmyk", true}, "cmyk16": {"u16 HW4 cmyk", true},
	"palette1": {"u8 HW3 rgb", false}, "palette4": {"u8 HW3 rgb", false}, "palette8": {"u8 HW3 rgb", false},
}

func kind(p picturetest.Picture) string {
	text := p.View.DType().String() + " HW"
	if p.View.Rank() == 3 {
		text += fmt.Sprint(p.View.Shape()[2])
	}
	return text + " " + p.Attrs["image.color_model"].(string)
}

func plain(p picturetest.Picture) bool { return p.Layout.Storages[0].Open == nil }

// TestKept reads the files that are kept: each row of the table, compressions,
// tiles, planes, byte orders, pages and orientations.
func TestKept(t *testing.T) {
	cases := picturetest.Cases(t, "testdata")
	rows := map[string]bool{}
	for _, c := range cases {
		p := picturetest.Read(t, c.Path, nil)
		if !picturetest.Equal(t, p.View, c.Want) {
			t.Errorf("%s: %v %v, want %v", c.Name, p.Attrs, p.View, c.Want)
		}
		if row, ok := table[strings.TrimSuffix(c.Name, ".tif")]; ok {
			rows[c.Name] = true
			if got := kind(p); got != row.kind || plain(p) != row.inPlace {
				t.Errorf("%s: %s, in place %v, want %v", c.Name, got, plain(p), row)
			}
		}
	}
	if t.Logf("%d files", len(cases)); len(cases) != 54 || len(rows) != len(table) {
		t.Errorf("%d of %d rows of the table", len(rows), len(table))
	}
	for name, want := range map[string]bool{"rgb16.planes.1.tif": true, "rgb16.planes.3.tif": true, "rgb16.mm.1.tif": true, "rgb16.big.3.tif": true, "grey8.turned6.tif": true, "rgb16.tiles.1.tif": false} {
		if p := picturetest.Read(t, filepath.Join("testdata", name), nil); plain(p) != want {
			t.Errorf("%s: in place %v", name, !want)
		}
	}
	p := picturetest.Read(t, "testdata/rgb16.lzw.3.tif", nil)
	if got := strings.Join(p.Attrs.Dims(), " "); got != "t h w c" {
		t.Error(got)
	}
	o := &convert.OpenOptions{}
	o.NoEXIF = true
	if p := picturetest.Read(t, "testdata/grey8.turned7.tif", o); !p.View.Shape().Equal(tensor.Shape{5, 8}) || p.Attrs["image.orientation"] != int64(7) {
		t.Errorf("%v %v", p.View.Shape(), p.Attrs)
	}
}

// TestInterop reads what Pillow and Python wrote, and has them read it anew.
func TestInterop(t *testing.T) {
	mapped := 0
	picturetest.Exchange(t, "tiff", ".tif", 240, func(c picturetest.Case) ([]byte, *tensor.View) {
		p := picturetest.Read(t, c.Path, nil)
		if !picturetest.Equal(t, p.View, c.Want) {
			t.Errorf("%s: %v %v, want %v", c.Name, p.Attrs, p.View, c.Want)
		}
		if plain(p) {
			mapped++
		}
		switch p.View.DType() {
		case tensor.Bool, tensor.U8, tensor.U16:
		default:
			return nil, nil
		}
		b := encoded(t, p.View, p.Attrs, mapped%2 == 0)
		if again := picturetest.Decode(t, b, nil); !picturetest.Equal(t, again.View, c.Want) {
			t.Errorf("%s: %v anew, want %v", c.Name, again.View, c.Want)
		}
		return b, &p.View
	})
	if t.Logf("%d in place", mapped); mapped < 12 {
		t.Error("fewer than 12 in place")
	}
}

func encoded(t testing.TB, v tensor.View, attrs convert.Attrs, compress bool) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tiff.Encode(&b, v, attrs, &convert.WriteOptions{Compress: compress}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func from[T tensor.Elem](t testing.TB, x []T, shape ...int64) tensor.View {
	t.Helper()
	v, err := tensor.FromSlice(x, shape...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestWrite is what becomes of dtypes, layouts and samples out of range.
func TestWrite(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		name string
		v    tensor.View
		dims []string
		want string
	}{
		{"HW", from(t, []uint8{1, 2, 3, 4, 5, 6}, 2, 3), nil, "u8 (2, 3)\n[[1 2 3]\n [4 5 6]]"},
		{"HWC of two", from(t, []uint8{1, 2, 3, 4}, 1, 2, 2), nil, "u8 (1, 2, 2)\n[[[1 2]\n  [3 4]]]"},
		{"CHW", from(t, []uint16{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, 3, 1, 5), nil, "u16 (1, 5, 3)\n[[[ 1  6 11]\n  [ 2  7 12]\n  [ 3  8 13]\n  [ 4  9 14]\n  [ 5 10 15]]]"},
		{"THW", from(t, []uint8{1, 2, 3, 4, 5, 6}, 2, 1, 3), []string{"t", "h", "w"}, "u8 (2, 1, 3)\n[[[1 2 3]]\n\n [[4 5 6]]]"},
		{"THWC", from(t, []uint8{1, 2, 3, 4, 5, 6}, 2, 1, 1, 3), nil, "u8 (2, 1, 1, 3)\n[[[[1 2 3]]]\n\n\n [[[4 5 6]]]]"},
		{"f32", from(t, []float32{0, 1, 0.5, -3, 7, nan}, 1, 6), nil, "u8 (1, 6)\n[[  0 255 128   0 255   0]]"},
		{"bool", from(t, []bool{true, false, true, true, true, true, true, true, false, true}, 1, 10), nil, "bool (1, 10)\n[[ True False  True  True  True  True  True  True False  True]]"},
		{"bool, pages", from(t, []bool{true, false, true, false, false, true}, 3, 2, 1), []string{"t", "h", "w"}, "bool (3, 2, 1)\n[[[ True]\n  [False]]\n\n [[ True]\n  [False]]\n\n [[False]\n  [ True]]]"},
	} {
		var attrs convert.Attrs
		if c.dims != nil {
			attrs = attrs.WithDims(c.dims...)
		}
		for _, compress := range []bool{false, true} {
			p := picturetest.Decode(t, encoded(t, c.v, attrs, compress), nil)
			if got := fmt.Sprintf("%v %v\n%v", p.View.DType(), p.View.Shape(), p.View); got != c.want {
				t.Errorf("%s: %s, want %s", c.name, got, c.want)
			}
			if want := !compress && p.View.DType() != tensor.Bool; plain(p) != want {
				t.Errorf("%s: in place %v", c.name, !want)
			}
		}
	}
	ink := convert.Attrs{"image.color_model": "cmyk"}
	four := from(t, []uint8{1, 2, 3, 4}, 1, 1, 4)
	if p := picturetest.Decode(t, encoded(t, four, ink, false), nil); p.Attrs["image.color_model"] != "cmyk" || !picturetest.Equal(t, p.View, four) {
		t.Error(p.Attrs, p.View)
	}
	for _, c := range []struct {
		v    tensor.View
		kind error
		text string
	}{
		{from(t, []int32{1}, 1, 1), tensor.ErrUnsupported, "dtype: got i32"},
		{from(t, make([]uint8, 5), 5), tensor.ErrShape, "axes of a picture: got (5,)"},
		{from(t, make([]uint8, 625), 5, 5, 5, 5), tensor.ErrShape, "axes of a picture"},
	} {
		if err := tiff.Encode(&bytes.Buffer{}, c.v, nil, nil); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%v: %v", c.v.Shape(), err)
		}
	}
}

// counter keeps the begin of what is written, and counts the rest.
type counter struct {
	head []byte
	n    int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.head = append(c.head, p[:min(len(p), 4096-len(c.head))]...)
	c.n += int64(len(p))
	return len(p), nil
}

// TestLarge writes more than 4 GiB: a BigTIFF, in memory of a page.
func TestLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("more than 4 GiB")
	}
	v, err := from(t, make([]uint8, 1<<10), 1, 1, 1<<10).BroadcastTo(tensor.Shape{4097, 1 << 10, 1 << 10})
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{}
	if err := tiff.Encode(c, v, convert.Attrs(nil).WithDims("t", "h", "w"), nil); err != nil {
		t.Fatal(err)
	}
	if string(c.head[:4]) != "II+\x00" || c.n < 4097<<20 {
		t.Errorf("% x, %d bytes", c.head[:16], c.n)
	}
}

// TestPages are files whose pages are not alike.
func TestPages(t *testing.T) {
	a := encoded(t, from(t, make([]uint8, 12), 3, 2, 2), convert.Attrs(nil).WithDims("t", "h", "w"), false)
	b := bytes.Clone(a)
	// The second page is a row of one pixel.
	at := bytes.LastIndex(a[:len(a)/2+64], []byte{0, 1, 4, 0, 1, 0, 0, 0, 2})
	b[at+8], b[at+8+12] = 1, 1
	if _, err := picturetest.Open(b, nil); !errors.Is(err, tensor.ErrUnsupported) || !strings.Contains(err.Error(), "page 1: got 1x1, 1 channels of u8, orientation 1, want 2x2, 1 channels of u8, orientation 1, as the first") {
		t.Error(err)
	}
	o := &convert.OpenOptions{}
	o.SkipBad = true
	f, err := picturetest.Open(b, o)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if x := picturetest.Only(t, f); !x.Shape().Equal(tensor.Shape{2, 2, 2}) || len(f.Layout().Skipped) != 1 {
		t.Errorf("%v, %v", x.Shape(), f.Layout().Skipped)
	}
	// The second page says that it is a thumbnail: what was its width is its kind.
	c := bytes.Clone(a)
	c[at], c[at+8] = 254, 1
	if _, err := picturetest.Open(c, nil); err == nil || !strings.Contains(err.Error(), "directory 1 width: got none, want tag 256") {
		t.Error(err)
	}
}

// TestZeroCopy looks at elements where they lie in a file that we wrote.
func TestZeroCopy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tif")
	v := from(t, []uint16{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 2, 2, 3)
	if err := os.WriteFile(path, encoded(t, v, convert.Attrs(nil).WithDims("t", "h", "w"), false), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := convert.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x := picturetest.Only(t, f)
	got, err := x.View()
	if errors.Is(err, tensorfile.ErrNotMapped) {
		t.Skip(err)
	}
	if err != nil || !picturetest.Equal(t, got, v) {
		t.Error(got, err)
	}
}

// FuzzRead opens any bytes, and reads what opens.
func FuzzRead(f *testing.F) {
	for _, c := range picturetest.Cases(f, "testdata") {
		b, err := os.ReadFile(c.Path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		o := &convert.OpenOptions{Format: "tiff"}
		o.MaxDecoded, o.MaxBytes = 1<<20, 1<<20
		in, err := picturetest.Open(b, o)
		if err == nil {
			defer in.Close()
			if _, err = picturetest.Only(t, in).Read(t.Context()); err == nil {
				return
			}
		}
		var e *tensor.Error
		if !errors.As(err, &e) || e.Kind == nil {
			t.Fatalf("%v is no tensor.Error", err)
		}
	})
}

// TestFFmpegInterop has ffmpeg write 16 bits of colour in each compression, and
// read what we write.
func TestFFmpegInterop(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("no ffmpeg")
	}
	const h, w = 37, 29
	x := make([]uint16, h*w*3)
	var raw []byte
	for i := range x {
		x[i] = uint16(i * i / 7)
		raw = append(raw, byte(x[i]), byte(x[i]>>8))
	}
	v := from(t, x, h, w, 3)
	for _, c := range []string{"raw", "packbits", "lzw", "deflate"} {
		path := filepath.Join(t.TempDir(), c+".tif")
		cmd := exec.Command(ffmpeg, "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb48le", "-s", fmt.Sprintf("%dx%d", w, h), "-i", "-", "-compression_algo", c, path)
		cmd.Stdin = bytes.NewReader(raw)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if p := picturetest.Read(t, path, nil); !picturetest.Equal(t, p.View, v) {
			t.Errorf("%s: other samples", c)
		}
	}
	for _, compress := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "ours.tif")
		if err := os.WriteFile(path, encoded(t, v, nil, compress), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := exec.Command(ffmpeg, "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb48le", "-").Output()
		if err != nil || !bytes.Equal(got, raw) {
			t.Errorf("compressed %v: %d bytes, others than the %d, %v", compress, len(got), len(raw), err)
		}
	}
}
