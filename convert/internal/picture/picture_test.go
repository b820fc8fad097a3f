package picture

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// file is an input in memory.
type file struct {
	*strings.Reader
	path string
}

func (f file) Path() string { return f.path }

func input(b, path string) convert.Input { return file{strings.NewReader(b), path} }

// TestUpright looks at where the corners of a picture of 2 by 3 go.
func TestUpright(t *testing.T) {
	// The rows of the upright picture, of the stored rows abc and def.
	for o, want := range map[int]string{
		0: "abc/def", 1: "abc/def", 2: "cba/fed", 3: "fed/cba", 4: "def/abc",
		5: "ad/be/cf", 6: "da/eb/fc", 7: "fc/eb/da", 8: "cf/be/ad",
	} {
		p := &Picture{Frames: 1, Height: 2, Width: 3, Channels: 1, DType: tensor.U8, Orientation: o, Decode: func(_ context.Context, dst []byte) error {
			copy(dst, "abcdef")
			return nil
		}}
		l := &convert.Layout{}
		if err := p.Describe(l, input("", "x/photo.small.jpg"), nil); err != nil {
			t.Fatal(err)
		}
		x := l.Tensors[0]
		r, err := l.Storages[0].Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		v, err := tensor.NewView(b, x.DType, x.Shape, x.Strides, x.Offset, x.Order)
		if err != nil {
			t.Fatal(err)
		}
		var rows []string
		for y := range v.Shape()[0] {
			row, err := v.Index(0, y)
			if err != nil {
				t.Fatal(err)
			}
			if row, err = row.Clone(); err != nil {
				t.Fatal(err)
			}
			text, _ := row.Bytes()
			rows = append(rows, string(text))
		}
		if got := strings.Join(rows, "/"); got != want || x.Name != "photo.small" {
			t.Errorf("orientation %d of %s: %s, want %s", o, x.Name, got, want)
		}
		if said := x.Attrs[Orientation]; o == 0 && said != nil || o > 0 && said != int64(o) {
			t.Errorf("orientation %d: the attribute is %v", o, said)
		}
		if err := p.Describe(l, input("", "x/a\xff.jpg"), &convert.ReadOptions{NoEXIF: true}); err != nil {
			t.Fatal(err)
		}
		if x := l.Tensors[0]; x.Offset != 0 || !x.Shape.Equal(tensor.Shape{2, 3}) || x.Name != "image" {
			t.Errorf("orientation %d, not applied: %v at %d", o, x.Shape, x.Offset)
		}
	}
}

func TestDescribe(t *testing.T) {
	for _, c := range []struct {
		frames, channels int64
		shape            string
		dims             string
	}{{1, 1, "(4, 5)", "h w"}, {1, 2, "(4, 5, 2)", "h w c"}, {3, 1, "(3, 4, 5)", "t h w"}, {3, 4, "(3, 4, 5, 4)", "t h w c"}} {
		p := &Picture{Frames: c.frames, Height: 4, Width: 5, Channels: c.channels, DType: tensor.U16, Decode: func(context.Context, []byte) error { return nil }, Attrs: convert.Attrs{Gamma: 0.5}}
		l := &convert.Layout{}
		if err := p.Describe(l, input("", "a"), nil); err != nil {
			t.Fatal(err)
		}
		x := l.Tensors[0]
		if got := strings.Join(x.Attrs.Dims(), " "); x.Shape.String() != c.shape || got != c.dims || x.Attrs[Gamma] != 0.5 || len(p.Attrs) != 1 {
			t.Errorf("%v %s %v", x.Shape, got, x.Attrs)
		}
	}
}

// TestBudget is what the options allow to decode.
func TestBudget(t *testing.T) {
	p := &Picture{Frames: 1, Height: 1 << 14, Width: 1 << 14, Channels: 4, DType: tensor.U8, Decode: func(context.Context, []byte) error { return nil }}
	for _, c := range []struct {
		held, frames, limit int64
		text                string
	}{
		{0, 1, 0, ""},
		{1, 1, 0, "bytes to decode: got 1073741825 of 16384x16384 pixels, want at most 1073741824 (ReadOptions.MaxDecoded)"},
		{0, 2, 0, "got 2147483648 of 2 pictures of 16384x16384 pixels"},
		{1, 1, 1<<30 + 1, ""},
		{0, 1, 1000, "at most 1000 "},
	} {
		p.Held, p.Frames = c.held, c.frames
		err := p.Describe(&convert.Layout{}, input("", "a"), &convert.ReadOptions{MaxDecoded: c.limit})
		if c.text == "" && err != nil || c.text != "" && (!errors.Is(err, tensor.ErrLimit) || !strings.Contains(err.Error(), c.text)) {
			t.Errorf("%d held, %d frames, limit %d: %v", c.held, c.frames, c.limit, err)
		}
	}
	p.Height, p.Width, p.Frames = 1<<31, 1<<31, 1<<31
	if err := p.Describe(&convert.Layout{}, input("", "a"), nil); !errors.Is(err, tensor.ErrOverflow) {
		t.Error(err)
	}
}

// exif is a block with entries of tag, type, count and value.
func exif(order binary.AppendByteOrder, entries ...[4]uint32) []byte {
	b := []byte("II")
	if order == binary.BigEndian {
		b = []byte("MM")
	}
	b = order.AppendUint16(b, 42)
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, uint16(len(entries)))
	for _, e := range entries {
		b = order.AppendUint16(b, uint16(e[0]))
		b = order.AppendUint16(b, uint16(e[1]))
		b = order.AppendUint32(b, e[2])
		b = order.AppendUint16(b, uint16(e[3]))
		b = order.AppendUint16(b, 0)
	}
	return order.AppendUint32(b, 0)
}

func TestEXIF(t *testing.T) {
	le, be := binary.LittleEndian, binary.BigEndian
	at := func(o uint32) [4]uint32 { return [4]uint32{0x112, 3, 1, o} }
	other := [4]uint32{0x10f, 2, 4, 7}
	moved := append(append([]byte("II*\x00\x0c\x00\x00\x00"), "pads"...), exif(le, at(5))[8:]...)
	for _, c := range []struct {
		b    []byte
		want int
	}{
		{exif(le, at(1)), 1}, {exif(le, at(2)), 2}, {exif(le, at(3)), 3}, {exif(le, at(4)), 4},
		{exif(be, at(5)), 5}, {exif(be, at(6)), 6}, {exif(be, at(7)), 7}, {exif(be, at(8)), 8},
		{append([]byte("Exif\x00\x00"), exif(be, at(6))...), 6},
		{exif(be, other, at(6)), 6},
		{exif(le, other, other), 0},
		{exif(le), 0},
		{moved, 5},
		{exif(le, at(3))[:10+12], 3}, // no next directory
	} {
		if o, err := EXIF(c.b); o != c.want || err != nil {
			t.Errorf("% x: %d, %v", c.b, o, err)
		}
	}
}

func TestEXIFBadInputs(t *testing.T) {
	le, be := binary.LittleEndian, binary.BigEndian
	at := func(o uint32) [4]uint32 { return [4]uint32{0x112, 3, 1, o} }
	good := exif(le, at(6))
	with := func(i int, b ...byte) []byte {
		c := append([]byte{}, good...)
		copy(c[i:], b)
		return c
	}
	type bad struct {
		b    []byte
		kind error
		text string
	}
	list := []bad{
		{with(0, 'I', 'M'), tensor.ErrFormat, `offset 0: byte order: got "IM", want II or MM`},
		{with(0, 'M', 'M'), tensor.ErrFormat, "offset 2: version: got 10752, want 42"},
		{with(0, 0, 0), tensor.ErrFormat, "byte order"},
		{with(2, 43), tensor.ErrFormat, "version: got 43"},
		{with(2, 0), tensor.ErrFormat, "version: got 0"},
		{with(4, 0), tensor.ErrTruncated, "offset 4: offset of the directory: got 0, want within the 26 bytes"},
		{with(4, 7), tensor.ErrTruncated, "directory: got 7"},
		{with(4, 25), tensor.ErrTruncated, "directory: got 25"},
		{with(4, 26), tensor.ErrTruncated, "directory: got 26"},
		{with(4, 255, 255, 255, 255), tensor.ErrTruncated, "directory: got 4294967295"},
		{with(4, 254, 255, 255, 255), tensor.ErrTruncated, "directory: got 4294967294"},
		{with(4, 0, 0, 0, 128), tensor.ErrTruncated, "directory: got 2147483648"},
		{with(8, 2), tensor.ErrTruncated, "offset 8: entries: got 2, want at most 1, which fit"},
		{with(8, 255, 255), tensor.ErrTruncated, "entries: got 65535"},
		{with(12, 1), tensor.ErrFormat, "offset 12: orientation: got 1 of type 1, want 1 of type 3"},
		{with(12, 0), tensor.ErrFormat, "1 of type 0"},
		{with(12, 4), tensor.ErrFormat, "1 of type 4"},
		{with(12, 255, 255), tensor.ErrFormat, "1 of type 65535"},
		{with(14, 0), tensor.ErrFormat, "orientation: got 0 of type 3"},
		{with(14, 2), tensor.ErrFormat, "orientation: got 2 of type 3"},
		{with(14, 255, 255, 255, 255), tensor.ErrFormat, "orientation: got 4294967295 of type 3"},
		{with(18, 0), tensor.ErrFormat, "offset 18: orientation: got 0, want 1 to 8"},
		{with(18, 9), tensor.ErrFormat, "orientation: got 9"},
		{with(18, 255, 255), tensor.ErrFormat, "orientation: got 65535"},
		{exif(be, at(0)), tensor.ErrFormat, "orientation: got 0"},
		{exif(be, at(256)), tensor.ErrFormat, "orientation: got 256"},
		{[]byte("Exif\x00\x00"), tensor.ErrTruncated, "offset 0: header: got 0 bytes, want 8"},
	}
	for n := range 22 {
		list = append(list, bad{good[:n], tensor.ErrTruncated, "got "})
	}
	for _, c := range list {
		if o, err := EXIF(c.b); o != 0 || !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("% x: %d, %v", c.b, o, err)
		}
	}
	if t.Logf("%d blocks", len(list)); len(list) < 49 {
		t.Error("fewer than 49 blocks")
	}
}

func FuzzEXIF(f *testing.F) {
	f.Add(exif(binary.LittleEndian, [4]uint32{0x112, 3, 1, 6}))
	f.Add(exif(binary.BigEndian, [4]uint32{0x10f, 2, 4, 7}, [4]uint32{0x112, 3, 1, 8}))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := EXIF(b)
		var e *tensor.Error
		if err != nil && (!errors.As(err, &e) || e.Kind == nil) || o < 0 || o > 8 || err != nil && o != 0 {
			t.Fatal(o, err)
		}
	})
}

// TestAxes is where rows, columns and channels are.
func TestAxes(t *testing.T) {
	for _, c := range []struct {
		shape   tensor.Shape
		dims    []string
		y, x, c int
		ok      bool
	}{
		{tensor.Shape{7, 9}, nil, 0, 1, -1, true},
		{tensor.Shape{7, 9, 3}, nil, 0, 1, 2, true},
		{tensor.Shape{3, 7, 9}, nil, 1, 2, 0, true},
		{tensor.Shape{3, 7, 4}, nil, 0, 1, 2, true},
		{tensor.Shape{7, 8, 9}, nil, 0, 0, 0, false},
		{tensor.Shape{7, 8, 9}, []string{"t", "h", "w"}, 1, 2, -1, true},
		{tensor.Shape{7, 8, 9}, []string{"W", "t", "Height"}, 2, 0, -1, true},
		{tensor.Shape{5, 7, 9, 1}, nil, 1, 2, 3, true},
		{tensor.Shape{5, 2, 7, 9}, nil, 2, 3, 1, true},
		{tensor.Shape{5}, nil, 0, 0, 0, false},
		{tensor.Shape{5, 5, 5, 5, 3}, nil, 0, 0, 0, false},
		{tensor.Shape{7, 9, 3}, []string{"a", "b", "c"}, 0, 1, 2, true},
	} {
		if y, x, ch, ok := Axes(c.shape, c.dims); y != c.y || x != c.x || ch != c.c || ok != c.ok {
			t.Errorf("%v %v: %d %d %d %v", c.shape, c.dims, y, x, ch, ok)
		}
	}
}

// TestBorrowed is what becomes of the panics and errors of decoders (A19).
func TestBorrowed(t *testing.T) {
	own := &tensor.Error{Kind: tensor.ErrLimit, Field: "x"}
	for _, c := range []struct {
		fn   func() error
		kind error
		text string
	}{
		{func() error { return nil }, nil, ""},
		{func() error { var m []int; _ = m[len(m)]; return nil }, tensor.ErrCorrupt, "a.png: png: offset 77: pixels: got decoder failed: runtime error: index out of range"},
		{func() error { panic("no") }, tensor.ErrCorrupt, "decoder failed: no"},
		{func() error { return io.EOF }, tensor.ErrTruncated, "the end of the data"},
		{func() error { return io.ErrUnexpectedEOF }, tensor.ErrTruncated, "the end of the data"},
		{func() error { return errors.New("odd") }, tensor.ErrCorrupt, "a.png: png: offset 77: pixels: odd"},
		{func() error { return own }, tensor.ErrLimit, "a.png: png: "},
		{func() error { return context.Canceled }, context.Canceled, "context canceled"},
	} {
		err := Borrowed("png", "a.png", 77, c.fn)
		if c.kind == nil && err != nil || c.kind != nil && (!errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.text)) {
			t.Errorf("%v, want %v %q", err, c.kind, c.text)
		}
	}
}
