package jpeg_test

import (
	"bytes"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/picturetest"
	"github.com/tensorfile/tensorfile/convert/jpeg"
	"github.com/tensorfile/tensorfile/tensor"
)

// kinds are the first words of names, and what files of them say.
var kinds = map[string]struct {
	model  string
	stored any
}{
	"grey": {"grey", nil}, "rgb": {"rgb", nil}, "444": {"rgb", "ycbcr"}, "422": {"rgb", "ycbcr"}, "420": {"rgb", "ycbcr"}, "440": {"rgb", "ycbcr"}, "411": {"rgb", "ycbcr"},
	"cmyk": {"cmyk", nil}, "plain": {"cmyk", nil}, "ycck": {"cmyk", "ycck"},
}

// equal reads a file of Pillow's: the same elements, though they are lossy.
func equal(t testing.TB, c picturetest.Case) (p picturetest.Picture, kind string) {
	t.Helper()
	p = picturetest.Read(t, c.Path, nil)
	if !picturetest.Equal(t, p.View, c.Want) {
		most, psnr := compare(t, p.View, c.Want)
		t.Errorf("%s: differs by %v levels, %.1f dB", c.Name, most, psnr)
	}
	kind, _, _ = strings.Cut(c.Name, ".")
	k, ok := kinds[kind]
	if !ok || p.Attrs["image.color_model"] != k.model || p.Attrs["image.stored"] != k.stored || p.View.Rank() != map[string]int{"grey": 2, "rgb": 3, "cmyk": 3}[k.model] {
		t.Errorf("%s: %v %v", c.Name, p.View.Shape(), p.Attrs)
	}
	return p, kind
}

// compare returns the largest difference and the PSNR of two pictures.
func compare(t testing.TB, got, want tensor.View) (most, psnr float64) {
	t.Helper()
	if got.DType() != want.DType() || !got.Shape().Equal(want.Shape()) {
		t.Fatalf("%v %v, want %v %v", got.DType(), got.Shape(), want.DType(), want.Shape())
	}
	a, err := tensor.Data[uint8](got)
	if err != nil {
		t.Fatal(err)
	}
	b, err := tensor.Data[uint8](want)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for i := range a {
		d := math.Abs(float64(a[i]) - float64(b[i]))
		most, sum = max(most, d), sum+d*d
	}
	return most, 10 * math.Log10(255*255/max(1e-9, sum/float64(len(a))))
}

// TestKept reads the files that are kept: each kind, and each orientation.
func TestKept(t *testing.T) {
	cases := picturetest.Cases(t, "testdata")
	seen := map[string]int{}
	for _, c := range cases {
		_, kind := equal(t, c)
		seen[kind]++
	}
	if t.Logf("%d files, %v", len(cases), seen); len(cases) != 18 || len(seen) != len(kinds) {
		t.Error("not 18 files of each kind")
	}
	o := &convert.OpenOptions{}
	o.NoEXIF = true
	p := picturetest.Read(t, "testdata/grey.exif8.jpg", o)
	if !p.View.Shape().Equal(tensor.Shape{10, 18}) || p.Attrs["image.orientation"] != int64(8) {
		t.Errorf("%v %v", p.View.Shape(), p.Attrs)
	}
}

// TestInterop reads what Pillow wrote, and has it read what we write of that.
func TestInterop(t *testing.T) {
	picturetest.Exchange(t, "jpeg", ".jpg", 450, func(c picturetest.Case) ([]byte, *tensor.View) {
		p, _ := equal(t, c)
		if p.Attrs["image.color_model"] == "cmyk" {
			return nil, nil
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, p.View, p.Attrs, &convert.WriteOptions{Quality: 95}); err != nil {
			t.Fatal(err)
		}
		return b.Bytes(), &p.View
	})
}

// TestWrite compares qualities, layouts and dtypes.
func TestWrite(t *testing.T) {
	const h, w = 64, 96
	x := make([]uint8, h*w*3)
	for i := range x {
		row, col, c := float64(i/3/w), float64(i/3%w), float64(i%3)
		x[i] = uint8(128 + 60*math.Sin(row/9+c)*math.Cos(col/13-c) + float64(i*7919%11))
	}
	v, err := tensor.FromSlice(x, h, w, 3)
	if err != nil {
		t.Fatal(err)
	}
	write := func(v tensor.View, quality int) []byte {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, v, nil, &convert.WriteOptions{Quality: quality}); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	size, last := 0, 0.0
	for _, q := range []int{1, 20, 50, 75, 90, 100} {
		b := write(v, q)
		_, psnr := compare(t, picturetest.Decode(t, b, nil).View, v)
		if len(b) <= size || psnr <= last {
			t.Errorf("quality %d: %d bytes, %.1f dB", q, len(b), psnr)
		}
		size, last = len(b), psnr
	}
	if last < 36 {
		t.Errorf("%.1f dB at quality 100", last)
	}
	if !bytes.Equal(write(v, 0), write(v, 90)) {
		t.Error("the default is not 90")
	}
	planes, err := v.Permute(2, 0, 1)
	if err == nil {
		planes, err = planes.Clone()
	}
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(write(planes, 80), write(v, 80)) {
		t.Error("CHW is another picture than HWC")
	}
	for _, d := range []tensor.DType{tensor.U16, tensor.F32} {
		scale := map[tensor.DType]float64{tensor.U16: 257, tensor.F32: 1.0 / 255}[d]
		y := make([]float64, len(x))
		for i := range x {
			y[i] = float64(x[i]) * scale
		}
		f, err := tensor.FromSlice(y, h, w, 3)
		if err == nil {
			f, err = f.Cast(d)
		}
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(write(f, 80), write(v, 80)) {
			t.Errorf("%v is another picture than u8", d)
		}
	}
	grey, err := v.Index(2, 1)
	if err != nil {
		t.Fatal(err)
	}
	if p := picturetest.Decode(t, write(grey, 100), nil); p.View.Rank() != 2 {
		t.Errorf("grey became %v", p.View.Shape())
	} else if most, _ := compare(t, p.View, must(t, grey)); most > 2 {
		t.Errorf("grey of quality 100: %v levels", most)
	}
	two, _ := v.Slice(2, 0, 2, 1)
	for _, c := range []struct {
		v       tensor.View
		quality int
		kind    error
		text    string
	}{
		{v, 101, tensor.ErrUnsupported, "quality: got 101, want 1 to 100"},
		{v, -1, tensor.ErrUnsupported, "quality: got -1"},
		{two, 0, tensor.ErrShape, "channels: got 2, want 1 or 3: there is no alpha in JPEG"},
	} {
		if err := jpeg.Encode(&bytes.Buffer{}, c.v, nil, &convert.WriteOptions{Quality: c.quality}); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) {
			t.Error(err)
		}
	}
	long, err := v.BroadcastTo(tensor.Shape{h, w, 3})
	if err == nil {
		long, err = long.Slice(0, 0, 1, 1)
	}
	if err == nil {
		long, err = long.BroadcastTo(tensor.Shape{1 << 16, w, 3})
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := jpeg.Encode(&bytes.Buffer{}, long, nil, nil); !errors.Is(err, tensor.ErrLimit) {
		t.Error(err)
	}
}

func must(t *testing.T, v tensor.View) tensor.View {
	t.Helper()
	c, err := v.Clone()
	if err != nil {
		t.Fatal(err)
	}
	return c
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
		o := &convert.OpenOptions{Format: "jpeg"}
		o.MaxDecoded = 1 << 22
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
