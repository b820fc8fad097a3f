package gif_test

import (
	"errors"
	"testing"

	"github.com/tensorfile/tensorfile/convert/gif"
	"github.com/tensorfile/tensorfile/convert/internal/picturetest"
	"github.com/tensorfile/tensorfile/tensor"
)

// Files that end inside of an extension say where the part begins that is cut.
func TestCutExtensions(t *testing.T) {
	one := screen(1, 1, 2) // 25 bytes
	for _, c := range []struct {
		tail      string
		offset    int64
		got, want string
	}{
		{"!", 26, "0 bytes", "2"},
		{"!\xf9", 26, "1 bytes", "2"},
		{"!\xf9\x04\x00\x00", 28, "2 bytes", "4"},
		{"!\xff\x0bNETSCAPE2.0", 39, "0 bytes", "1"},
		{"!\xff\x0bNETSCAPE2.0\x03\x01\x00", 40, "2 bytes", "3"},
	} {
		_, err := picturetest.Open([]byte(one+c.tail), nil)
		var e *tensor.Error
		if !errors.Is(err, tensor.ErrTruncated) || !errors.As(err, &e) || e.Format != "gif" || e.Offset != c.offset || e.Field != "extension" || e.Got != c.got || e.Want != c.want {
			t.Errorf("%q: %v, want offset %d: got %s, want %s", c.tail, err, c.offset, c.got, c.want)
		}
	}
}

// A picture with more colours than a table holds, in which pixels cannot be seen:
// they have no say in the table, and stay as they are.
func TestPaletteOfSeen(t *testing.T) {
	const h, w = 20, 40
	x := make([]uint8, 0, h*w*4)
	for i := range h * w {
		if i%4 == 0 { // of a colour that no other has
			x = append(x, 255, 0, 255, uint8(i%128))
		} else {
			x = append(x, 8*uint8(i%16), uint8(i>>2), 0, 128+uint8(i%128))
		}
	}
	p := picturetest.Decode(t, encoded(t, from(t, x, h, w, 4), nil), nil)
	got, err := tensor.Data[uint8](p.View)
	if err != nil || !p.View.Shape().Equal(tensor.Shape{h, w, 4}) {
		t.Fatal(p.View.Shape(), err)
	}
	for i := range h * w {
		g, want := got[4*i:4*i+4], x[4*i:4*i+4]
		if i%4 == 0 {
			if g[3] != 0 {
				t.Fatalf("pixel %d is %v, want one that cannot be seen", i, g)
			}
			continue
		}
		for c := range 3 {
			if d := int(g[c]) - int(want[c]); d < -8 || d > 8 || g[2] != 0 || g[3] != 255 {
				t.Fatalf("pixel %d is %v, want nearly %v", i, g, want)
			}
		}
	}
}

// shortWriter takes n bytes.
type shortWriter struct {
	n   int
	err error
}

func (w *shortWriter) Write(b []byte) (int, error) {
	if w.n -= len(b); w.n < 0 {
		return 0, w.err
	}
	return len(b), nil
}

// What fails while blocks of codes are written is the error of the writer, at
// whatever byte.
func TestWriterFails(t *testing.T) {
	full := errors.New("full")
	x := make([]uint8, 64*64)
	for i := range x {
		x[i] = uint8(i * i >> 3)
	}
	v := from(t, x, 64, 64)
	size := len(encoded(t, v, nil))
	if size < 2048 {
		t.Fatalf("%d bytes are too few blocks", size)
	}
	for n := range size {
		if err := gif.Encode(&shortWriter{n, full}, v, nil); err != full {
			t.Fatalf("a writer of %d bytes: %v", n, err)
		}
	}
	if err := gif.Encode(&shortWriter{size, full}, v, nil); err != nil {
		t.Error(err)
	}
}
