package gif_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	stdgif "image/gif"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/gif"
	"github.com/tensorfile/tensorfile/convert/internal/picturetest"
	"github.com/tensorfile/tensorfile/tensor"
)

func encoded(t testing.TB, v tensor.View, attrs convert.Attrs) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gif.Encode(&b, v, attrs); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestKept reads the files that are kept: pictures that are laid over each other
// as Pillow does it.
func TestKept(t *testing.T) {
	cases := picturetest.Cases(t, "testdata")
	kinds := map[string]int{}
	for _, c := range cases {
		p := picturetest.Read(t, c.Path, nil)
		if !picturetest.Equal(t, p.View, c.Want) {
			t.Errorf("%s: %v %v, want %v", c.Name, p.Attrs, p.View, c.Want)
		}
		kinds[strings.Join(p.Attrs.Dims(), "")+" "+p.Attrs["image.color_model"].(string)]++
		if frames := p.Attrs.Dims()[0] == "t"; frames != (p.Attrs["image.delays"] != nil) {
			t.Errorf("%s: %v", c.Name, p.Attrs)
		}
	}
	t.Logf("%d files, %v", len(cases), kinds)
	for _, kind := range []string{"hw grey", "thw grey", "hwc rgb", "thwc rgb", "hwc rgba", "thwc rgba"} {
		if kinds[kind] == 0 {
			t.Errorf("no %s", kind)
		}
	}
	p := picturetest.Read(t, "testdata/pillow.gif", nil)
	if a := p.Attrs; fmt.Sprint(a["image.delays"]) != "[50 120 70]" || a["image.loop"] != int64(3) || a["image.stored"] != "palette" || !p.View.Shape().Equal(tensor.Shape{3, 12, 17, 3}) {
		t.Errorf("%v %v", p.View.Shape(), a)
	}
}

// TestInterop reads what Python made, and has Pillow read it anew.
func TestInterop(t *testing.T) {
	picturetest.Exchange(t, "gif", ".gif", 300, func(c picturetest.Case) ([]byte, *tensor.View) {
		p := picturetest.Read(t, c.Path, nil)
		if !picturetest.Equal(t, p.View, c.Want) {
			t.Errorf("%s: %v %v, want %v", c.Name, p.Attrs, p.View, c.Want)
		}
		b := encoded(t, p.View, p.Attrs)
		again := picturetest.Decode(t, b, nil)
		if p.Attrs["image.delays"] != nil && fmt.Sprint(again.Attrs["image.delays"]) != fmt.Sprint(p.Attrs["image.delays"]) {
			t.Errorf("%s: delays %v, were %v", c.Name, again.Attrs["image.delays"], p.Attrs["image.delays"])
		}
		if distinct(t, p.View) > 250 {
			return nil, nil // what is lost is another test's
		}
		return b, &p.View
	})
}

// distinct is the largest number of colours in a picture.
func distinct(t testing.TB, v tensor.View) int {
	t.Helper()
	b, err := tensor.Data[uint8](v)
	if err != nil {
		t.Fatal(err)
	}
	s := v.Shape()
	channels := 1
	if n := s[len(s)-1]; len(s) > 2 && n <= 4 && n > 2 {
		channels = int(n)
	}
	size := len(b)
	if len(s) == 4 || len(s) == 3 && channels == 1 {
		size /= int(s[0])
	}
	most := 0
	for len(b) > 0 {
		seen := map[string]bool{}
		for at := 0; at < size; at += channels {
			seen[string(b[at:at+channels])] = true
		}
		most = max(most, len(seen))
		b = b[size:]
	}
	return most
}

func from[T tensor.Elem](t testing.TB, x []T, shape ...int64) tensor.View {
	t.Helper()
	v, err := tensor.FromSlice(x, shape...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestWrite is what becomes of dtypes, layouts, alphas and colours.
func TestWrite(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		name string
		v    tensor.View
		dims []string
		want string
	}{
		{"HW", from(t, []uint8{1, 2, 3, 4, 5, 6}, 2, 3), nil, "(2, 3)\n[[1 2 3]\n [4 5 6]]"},
		{"THW", from(t, []uint8{1, 2, 3, 4, 5, 6}, 2, 1, 3), []string{"t", "h", "w"}, "(2, 1, 3)\n[[[1 2 3]]\n\n [[4 5 6]]]"},
		{"CHW", from(t, []uint8{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, 3, 1, 5), nil, "(1, 5, 3)\n[[[ 1  6 11]\n  [ 2  7 12]\n  [ 3  8 13]\n  [ 4  9 14]\n  [ 5 10 15]]]"},
		{"TCHW", from(t, []uint8{1, 2, 3, 4, 5, 6}, 2, 3, 1, 1), []string{"t", "c", "h", "w"}, "(2, 1, 1, 3)\n[[[[1 2 3]]]\n\n\n [[[4 5 6]]]]"},
		{"alpha", from(t, []uint8{1, 2, 3, 127, 4, 5, 6, 128}, 1, 2, 4), nil, "(1, 2, 4)\n[[[  0   0   0   0]\n  [  4   5   6 255]]]"},
		{"grey and alpha", from(t, []uint8{1, 0, 9, 255}, 1, 2, 2), nil, "(1, 2, 4)\n[[[  0   0   0   0]\n  [  9   9   9 255]]]"},
		{"nothing to see", from(t, []uint8{1, 2, 3, 0}, 1, 1, 4), nil, "(1, 1, 4)\n[[[0 0 0 0]]]"},
		{"alpha, then none, then another", from(t, []uint8{1, 2, 3, 0, 4, 5, 6, 255, 7, 8, 9, 255, 1, 1, 1, 255, 3, 3, 3, 255, 3, 3, 3, 0}, 3, 1, 2, 4), nil, "(3, 1, 2, 4)\n[[[[  0   0   0   0]\n   [  4   5   6 255]]]\n\n\n [[[  7   8   9 255]\n   [  1   1   1 255]]]\n\n\n [[[  3   3   3 255]\n   [  0   0   0   0]]]]"},
		{"u16", from(t, []uint16{1, 256, 65535}, 1, 3), nil, "(1, 3)\n[[  0   1 255]]"},
		{"f32", from(t, []float32{0, 1, 0.5, -3, 7, nan}, 1, 6), nil, "(1, 6)\n[[  0 255 128   0 255   0]]"},
		{"bool", from(t, []bool{true, false}, 1, 2), nil, "(1, 2)\n[[255   0]]"},
	} {
		var attrs convert.Attrs
		if c.dims != nil {
			attrs = attrs.WithDims(c.dims...)
		}
		b := encoded(t, c.v, attrs)
		p := picturetest.Decode(t, b, nil)
		if got := fmt.Sprintf("%v\n%v", p.View.Shape(), p.View); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if _, err := stdgif.DecodeAll(bytes.NewReader(b)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	p := picturetest.Decode(t, encoded(t, from(t, make([]uint8, 24), 2, 2, 2, 3), convert.Attrs{"image.delays": []any{int64(25), 1234.0}, "image.loop": int64(7)}), nil)
	if fmt.Sprint(p.Attrs["image.delays"]) != "[30 1230]" || p.Attrs["image.loop"] != int64(7) {
		t.Error(p.Attrs)
	}
	two := from(t, make([]uint8, 24), 2, 2, 2, 3)
	for _, c := range []struct {
		v     tensor.View
		attrs convert.Attrs
		kind  error
		text  string
	}{
		{from(t, []int32{1}, 1, 1), nil, tensor.ErrUnsupported, "dtype: got i32"},
		{from(t, make([]uint8, 1<<16), 1, 1<<16), nil, tensor.ErrLimit, "sides: got 65536x1, want at most 65535"},
		{two, convert.Attrs{"image.delays": []any{int64(1)}}, tensor.ErrShape, "attribute image.delays: got 1 numbers, want one for each of 2 pictures"},
		{two, convert.Attrs{"image.delays": []any{int64(1), "x"}}, tensor.ErrUnsupported, "attribute image.delays: got x"},
		{two, convert.Attrs{"image.delays": []any{int64(1), int64(-1)}}, tensor.ErrUnsupported, "got -1, want milliseconds"},
	} {
		if err := gif.Encode(&bytes.Buffer{}, c.v, c.attrs); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%v: %v", c.v.Shape(), err)
		}
	}
}

// TestPalette writes more colours than a table holds.
func TestPalette(t *testing.T) {
	const h, w = 120, 160
	x := make([]uint8, h*w*3)
	for i := range h * w {
		r, c := float64(i/w), float64(i%w)
		x[3*i] = uint8(r * 255 / h)
		x[3*i+1] = uint8(c * 255 / w)
		x[3*i+2] = uint8(128 + 100*math.Sin(r/20)*math.Cos(c/30))
	}
	v := from(t, x, h, w, 3)
	p := picturetest.Decode(t, encoded(t, v, nil), nil)
	got, err := tensor.Data[uint8](p.View)
	if err != nil || !p.View.Shape().Equal(v.Shape()) {
		t.Fatal(p.View.Shape(), err)
	}
	sum := 0.0
	for i := range x {
		d := float64(x[i]) - float64(got[i])
		sum += d * d
	}
	psnr := 10 * math.Log10(255*255*float64(len(x))/sum)
	t.Logf("%d colours, %.1f dB", distinct(t, p.View), psnr)
	if n := distinct(t, p.View); n < 250 || n > 256 || psnr < 32.5 {
		t.Errorf("%d colours, %.1f dB", n, psnr)
	}
	// 256 colours are kept, 257 are not.
	for _, n := range []int{255, 256, 257} {
		y := make([]uint8, 0, 3*n)
		for i := range n {
			y = append(y, uint8(i*7), uint8(i*i), uint8(i>>3))
		}
		v := from(t, y, 1, int64(n), 3)
		p := picturetest.Decode(t, encoded(t, v, nil), nil)
		if picturetest.Equal(t, p.View, v) != (n <= 256) {
			t.Errorf("%d colours", n)
		}
	}
}

// FuzzRead opens any bytes, reads what opens, writes it and reads that: as many
// pictures of the same sides.
func FuzzRead(f *testing.F) {
	for _, c := range picturetest.Cases(f, "testdata") {
		b, err := os.ReadFile(c.Path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		o := &convert.OpenOptions{Format: "gif"}
		o.MaxDecoded = 1 << 20
		in, err := picturetest.Open(b, o)
		if err == nil {
			defer in.Close()
			x := picturetest.Only(t, in)
			var v tensor.View
			if v, err = x.Read(t.Context()); err == nil {
				attrs, err := x.Attrs()
				if err != nil {
					t.Fatal(err)
				}
				again := picturetest.Decode(t, encoded(t, v, attrs), nil)
				if distinct(t, v) < 250 && !strings.Contains(attrs["image.color_model"].(string), "a") && !picturetest.Equal(t, again.View, v) {
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

// Rows that are stored interlaced come in their order; pictures that are more than
// the limit are refused before they are decoded.
func TestInterlaced(t *testing.T) {
	const width, height = 11, 13
	palette := color.Palette{color.Gray{0}, color.Gray{85}, color.Gray{170}, color.Gray{255}}
	var order []int
	for _, p := range [][2]int{{0, 8}, {4, 8}, {2, 4}, {1, 2}} {
		for y := p[0]; y < height; y += p[1] {
			order = append(order, y)
		}
	}
	want := make([]byte, width*height)
	m := image.NewPaletted(image.Rect(0, 0, width, height), palette)
	for k, y := range order {
		for x := range width {
			i := uint8(x*y+y*y+x) % 4
			m.SetColorIndex(x, k, i)
			want[y*width+x] = 85 * i
		}
	}
	var b bytes.Buffer
	if err := stdgif.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	at := 13 + 3<<(b.Bytes()[10]&7+1)
	at += bytes.IndexByte(b.Bytes()[at:], ',')
	b.Bytes()[at+9] |= 0x40
	p := picturetest.Decode(t, b.Bytes(), nil)
	got := make([]byte, 0, len(want))
	for y := range int64(height) {
		for x := range int64(width) {
			idx := append([]int64{y, x}, make([]int64, p.View.Rank()-2)...)
			u, err := p.View.UnitAt(idx...)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, u[0])
		}
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	o := &convert.OpenOptions{}
	o.MaxDecoded = width*height - 1
	var e *tensor.Error
	if _, err := picturetest.Open(b.Bytes(), o); !errors.Is(err, tensor.ErrLimit) || !errors.As(err, &e) || e.Field != "bytes to decode" || e.Want != "at most 142 (ReadOptions.MaxDecoded)" {
		t.Errorf("%v", err)
	}
}
