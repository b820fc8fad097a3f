package webp_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/picturetest"
	_ "github.com/tensorfile/tensorfile/convert/webp"
	"github.com/tensorfile/tensorfile/tensor"
)

// equal reads a file of Pillow's: the same elements, lossy or not.
func equal(t testing.TB, c picturetest.Case) picturetest.Picture {
	t.Helper()
	p := picturetest.Read(t, c.Path, nil)
	if !picturetest.Equal(t, p.View, c.Want) {
		t.Errorf("%s: %v, want %v", c.Name, p.View, c.Want)
	}
	return p
}

// TestKept reads the files that are kept: each kind, small sides, and each
// orientation.
func TestKept(t *testing.T) {
	cases := picturetest.Cases(t, "testdata")
	for _, c := range cases {
		p := equal(t, c)
		model, stored := "rgb", any(nil)
		if strings.Contains(c.Name, "alpha") {
			model = "rgba"
		}
		if strings.HasPrefix(c.Name, "lossy") {
			stored = "ycbcr"
		}
		if a := p.Attrs; a["image.color_model"] != model || a["image.stored"] != stored || p.View.Shape()[2] != int64(len(model)) {
			t.Errorf("%s: %v %v", c.Name, p.View.Shape(), a)
		}
	}
	if t.Logf("%d files", len(cases)); len(cases) != 20 {
		t.Error("not 20 files")
	}
	o := &convert.OpenOptions{}
	o.NoEXIF = true
	if p := picturetest.Read(t, "testdata/lossless.exif5.webp", o); !p.View.Shape().Equal(tensor.Shape{6, 9, 3}) || p.Attrs["image.orientation"] != int64(5) {
		t.Errorf("%v %v", p.View.Shape(), p.Attrs)
	}
}

// TestInterop reads what Pillow wrote.
func TestInterop(t *testing.T) {
	picturetest.Exchange(t, "webp", ".webp", 240, func(c picturetest.Case) ([]byte, *tensor.View) {
		equal(t, c)
		return nil, nil
	})
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
		o := &convert.OpenOptions{Format: "webp"}
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
