package png_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	stdpng "image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zlib"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/picturetest"
	"github.com/tensorfile/tensorfile/convert/png"
	"github.com/tensorfile/tensorfile/tensor"
)

// table is the one of docs/images.md: what each kind is read as.
var table = map[string]string{
	"grey1": "bool HW", "grey2": "u8 HW", "grey4": "u8 HW", "grey8": "u8 HW", "grey16": "u16 HW",
	"greyalpha8": "u8 HW2", "greyalpha16": "u16 HW2", "rgb8": "u8 HW3", "rgb16": "u16 HW3", "rgba8": "u8 HW4", "rgba16": "u16 HW4",
	"palette1": "u8 HW3", "palette2": "u8 HW3", "palette4": "u8 HW3", "palette8": "u8 HW3",
	"grey1t": "u8 HW2", "grey2t": "u8 HW2", "grey4t": "u8 HW2", "grey8t": "u8 HW2", "grey16t": "u16 HW2", "rgb8t": "u8 HW4", "rgb16t": "u16 HW4",
	"palette1t": "u8 HW4", "palette2t": "u8 HW4", "palette4t": "u8 HW4", "palette8t": "u8 HW4",
}

func kind(v tensor.View) string {
	text := v.DType().String() + " HW"
	if v.Rank() == 3 {
		text += fmt.Sprint(v.Shape()[2])
	}
	return text
}

// TestKept reads the files that are kept: each row of the table, interlaced and
// not, and each orientation.
func TestKept(t *testing.T) {
	cases := picturetest.Cases(t, "testdata")
	rows := map[string]bool{}
	for _, c := range cases {
		p := picturetest.Read(t, c.Path, nil)
		if !picturetest.Equal(t, p.View, c.Want) {
			t.Errorf("%s: %v, want %v", c.Name, p.View, c.Want)
		}
		name := strings.TrimSuffix(strings.TrimSuffix(c.Name, ".png"), "i")
		if want, ok := table[name]; ok {
			rows[name] = true
			if got := kind(p.View); got != want {
				t.Errorf("%s: %s, want %s", c.Name, got, want)
			}
		}
		model := [...]string{1: "grey", 2: "greyalpha", 3: "rgb", 4: "rgba"}[max(1, int(p.View.ByteSize()/int64(p.View.DType().UnitBytes)/(p.View.Shape()[0]*p.View.Shape()[1])))]
		if p.Attrs["image.color_model"] != model || (p.Attrs["image.stored"] == "palette") != strings.HasPrefix(name, "palette") {
			t.Errorf("%s: %v", c.Name, p.Attrs)
		}
	}
	if t.Logf("%d files", len(cases)); len(cases) != 50 || len(rows) != len(table) {
		t.Errorf("%d of %d rows of the table", len(rows), len(table))
	}
	p := picturetest.Read(t, "testdata/exif6.png", nil)
	if a := p.Attrs; a["image.orientation"] != int64(6) || a["image.gamma"] != 0.45455 || a["image.icc"] != true || !p.View.Shape().Equal(tensor.Shape{8, 5, 3}) {
		t.Errorf("%v %v", p.View.Shape(), a)
	}
	o := &convert.OpenOptions{}
	o.NoEXIF = true
	q := picturetest.Read(t, "testdata/exif6.png", o)
	back, err := q.View.Permute(1, 0, 2)
	if err == nil {
		back, err = back.Flip(1)
	}
	if err != nil || !picturetest.Equal(t, back, p.View) {
		t.Error("not the picture before it is turned", err)
	}
}

// TestInterop reads what Python wrote of all kinds and has Pillow read it anew.
func TestInterop(t *testing.T) {
	picturetest.Exchange(t, "png", ".png", 600, func(c picturetest.Case) ([]byte, *tensor.View) {
		p := picturetest.Read(t, c.Path, nil)
		if !picturetest.Equal(t, p.View, c.Want) {
			t.Errorf("%s: %v, want %v", c.Name, p.View, c.Want)
		}
		b := encoded(t, p.View, p.Attrs)
		if again := picturetest.Decode(t, b, nil); !picturetest.Equal(t, again.View, c.Want) {
			t.Errorf("%s: %v anew, want %v", c.Name, again.View, c.Want)
		}
		return b, &c.Want
	})
}

func encoded(t testing.TB, v tensor.View, attrs convert.Attrs) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, v, attrs); err != nil {
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
		{"HWC", from(t, []uint8{1, 2, 3, 4, 5, 6}, 1, 2, 3), nil, "u8 (1, 2, 3)\n[[[1 2 3]\n  [4 5 6]]]"},
		{"HWC of one", from(t, []uint8{1, 2}, 1, 2, 1), nil, "u8 (1, 2)\n[[1 2]]"},
		{"CHW", from(t, []uint8{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, 3, 1, 5), nil, "u8 (1, 5, 3)\n[[[ 1  6 11]\n  [ 2  7 12]\n  [ 3  8 13]\n  [ 4  9 14]\n  [ 5 10 15]]]"},
		{"named axes", from(t, []uint8{1, 2, 3, 4, 5, 6}, 2, 3, 1), []string{"w", "c", "h"}, "u8 (1, 2, 3)\n[[[1 2 3]\n  [4 5 6]]]"},
		{"a batch of one", from(t, []uint8{1, 2, 3}, 1, 1, 1, 3), nil, "u8 (1, 1, 3)\n[[[1 2 3]]]"},
		{"u16", from(t, []uint16{1, 256, 65535}, 1, 3), nil, "u16 (1, 3)\n[[    1   256 65535]]"},
		{"f32", from(t, []float32{0, 1, 0.5, -3, 7, nan, 0.0019}, 1, 7), nil, "u8 (1, 7)\n[[  0 255 128   0 255   0   0]]"},
		{"f64, halves", from(t, []float64{0.5 / 255, 1.5 / 255, 2.5 / 255, math.Inf(1), math.Inf(-1)}, 1, 5), nil, "u8 (1, 5)\n[[  0   2   2 255   0]]"},
		{"bool", from(t, []bool{true, false, true, true, true, true, true, true, false, true}, 1, 10), nil, "bool (1, 10)\n[[ True False  True  True  True  True  True  True False  True]]"},
		{"bool of three", from(t, []bool{true, false, true}, 1, 1, 3), nil, "u8 (1, 1, 3)\n[[[255   0 255]]]"},
	} {
		attrs := convert.Attrs{"image.gamma": 0.5}
		if c.dims != nil {
			attrs = attrs.WithDims(c.dims...)
		}
		p := picturetest.Decode(t, encoded(t, c.v, attrs), nil)
		if got := fmt.Sprintf("%v %v\n%v", p.View.DType(), p.View.Shape(), p.View); got != c.want || p.Attrs["image.gamma"] != 0.5 {
			t.Errorf("%s: %s, want %s; %v", c.name, got, c.want, p.Attrs)
		}
	}
	for _, c := range []struct {
		v    tensor.View
		kind error
		text string
	}{
		{from(t, []int32{1}, 1, 1), tensor.ErrUnsupported, "dtype: got i32, want bool, u8, u16"},
		{from(t, []uint8{1}, 1), tensor.ErrShape, "axes of a picture: got (1,)"},
		{from(t, make([]uint8, 125), 5, 5, 5), tensor.ErrShape, "axes of a picture: got (5, 5, 5)"},
		{from(t, make([]uint8, 8), 2, 2, 2, 1), tensor.ErrShape, "pictures: got 2, want one"},
		{from(t, []uint8{}, 0, 3), tensor.ErrShape, "picture: got (0, 3), want at least one pixel"},
		{from(t, []uint8{}, 3, 3, 0), tensor.ErrShape, "(3, 3, 0)"},
	} {
		if err := png.Encode(&bytes.Buffer{}, c.v, nil); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%v: %v", c.v.Shape(), err)
		}
	}
}

// TestWriteFilters writes what each filter suits, larger than all buffers, and
// has another decoder read it, too.
func TestWriteFilters(t *testing.T) {
	const h, w = 700, 301
	for channels := int64(1); channels <= 4; channels++ {
		x := make([]uint16, h*w*channels)
		y := make([]uint8, len(x))
		for i := range x {
			row, at := i/w/int(channels), i%(w*int(channels))
			n := 40503 * uint32(i) >> 3
			switch row / 100 {
			case 1:
				n = uint32(at * 77)
			case 2:
				n = uint32(row * 91)
			case 3:
				n = uint32(row*at) >> 3
			case 4:
				n = uint32(row*31 + at*57)
			case 5:
				n = uint32(math.Sqrt(float64(row*row+at*at)) * 40)
			case 6:
				n = 7
			}
			x[i], y[i] = uint16(n), uint8(n>>5)
		}
		for _, v := range []tensor.View{from(t, x, h, w, channels), from(t, y, h, w, channels)} {
			b := encoded(t, v, nil)
			want := v
			if channels == 1 {
				want, _ = v.Squeeze(2)
			}
			if p := picturetest.Decode(t, b, nil); !picturetest.Equal(t, p.View, want) {
				t.Errorf("%v: other elements", v.Shape())
			}
			if _, err := stdpng.Decode(bytes.NewReader(b)); err != nil {
				t.Error(err)
			}
		}
	}
}

// chunk is one with its CRC.
func chunk(id, body string) string {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, id...), body...)
	return string(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:])))
}

func ihdr(w, h uint32, depth, colour byte, rest ...byte) string {
	b := binary.BigEndian.AppendUint32(nil, w)
	b = append(binary.BigEndian.AppendUint32(b, h), depth, colour)
	return chunk("IHDR", string(append(b, append(rest, 0, 0, 0)[:3]...)))
}

func deflated(rows string) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	if _, err := z.Write([]byte(rows)); err != nil {
		panic(err)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

func idat(rows string) string { return chunk("IDAT", deflated(rows)) }

func file(chunks ...string) []byte {
	return []byte("\x89PNG\r\n\x1a\n" + strings.Join(chunks, "") + chunk("IEND", ""))
}

// FuzzRead opens any bytes, reads what opens, writes it and reads that: the same
// elements.
func FuzzRead(f *testing.F) {
	for _, c := range picturetest.Cases(f, "testdata") {
		b, err := os.ReadFile(c.Path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		o := &convert.OpenOptions{Format: "png"}
		o.MaxDecoded = 1 << 20
		in, err := picturetest.Open(repaired(b), o)
		if err == nil {
			defer in.Close()
			x := picturetest.Only(t, in)
			var v tensor.View
			if v, err = x.Read(t.Context()); err == nil {
				if again := picturetest.Decode(t, encoded(t, v, nil), nil); !picturetest.Equal(t, again.View, v) {
					t.Fatal("other elements after writing and reading")
				}
				return
			}
		}
		var e *tensor.Error
		if !errors.As(err, &e) || e.Kind == nil {
			t.Fatalf("%v is no tensor.Error", err)
		}
	})
}

// repaired sets the CRCs of chunks right, so that what is in them is looked at.
func repaired(b []byte) []byte {
	b = bytes.Clone(b)
	for at := 8; at+12 <= len(b); {
		n := int64(binary.BigEndian.Uint32(b[at:]))
		if n > int64(len(b)-at-12) {
			break
		}
		end := at + 8 + int(n)
		binary.BigEndian.PutUint32(b[end:], crc32.ChecksumIEEE(b[at+4:end]))
		at = end + 4
	}
	return b
}

// TestFFmpegInterop has ffmpeg read 16 bits of colour, of which Pillow reads 8.
func TestFFmpegInterop(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("no ffmpeg")
	}
	for channels, format := range map[int64]string{1: "gray16le", 2: "ya16le", 3: "rgb48le", 4: "rgba64le"} {
		x := make([]uint16, 31*17*channels)
		for i := range x {
			x[i] = uint16(i * 40503)
		}
		path := filepath.Join(t.TempDir(), "a.png")
		if err := os.WriteFile(path, encoded(t, from(t, x, 31, 17, channels), nil), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := exec.Command(ffmpeg, "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", format, "-").Output()
		if err != nil {
			t.Fatal(err)
		}
		var want []byte
		for _, v := range x {
			want = binary.LittleEndian.AppendUint16(want, v)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, others than the %d", format, len(got), len(want))
		}
		// And back.
		again := filepath.Join(t.TempDir(), "b.png")
		if out, err := exec.Command(ffmpeg, "-v", "error", "-i", path, again).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		v := picturetest.Read(t, again, nil).View
		if b, err := v.Bytes(); err != nil || !bytes.Equal(b, want) {
			t.Errorf("%s: %v %v, other samples, %v", format, v.DType(), v.Shape(), err)
		}
	}
}
