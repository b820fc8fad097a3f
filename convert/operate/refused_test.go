package operate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/operate"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// A value that cannot be read is told with the operator, the value and what it
// may be.
func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"mono", "2", "nothing"},
		{"stack", "0", "nothing"},
		{"concat", " ", "an axis by number or name"},
		{"rate", "8000:0", "HZ or FROM:TO"},
		{"rate", "x", "HZ or FROM:TO"},
		{"rate", "1.5", "HZ or FROM:TO"},
		{"channels", "2", "1 (grey), 3 (RGB) or 4 (RGBA)"},
		{"channels", "three", "1 (grey), 3 (RGB) or 4 (RGBA)"},
		{"scale", "", "A, A,B or A,B,LO:HI"},
		{"scale", "1,2,3:4,5", "A, A,B or A,B,LO:HI"},
		{"scale", "1,x", "A, A,B or A,B,LO:HI"},
		{"scale", "1,2,3", "A, A,B or A,B,LO:HI"},
		{"scale", "1,2,x:4", "A, A,B or A,B,LO:HI"},
		{"scale", "1,2,3:x", "A, A,B or A,B,LO:HI"},
		{"scale", "1,2,4:3", "A, A,B or A,B,LO:HI"},
		{"scale", "1/0", "A, A,B or A,B,LO:HI"},
		{"scale", "inf", "A, A,B or A,B,LO:HI"},
		{"resize", "2", "WIDTHxHEIGHT in pixels"},
		{"resize", "2x-2", "WIDTHxHEIGHT in pixels"},
		{"resize", "2x2;nearest;crop;pad", "WIDTHxHEIGHT in pixels"},
		{"resize", "2x2;sharp", "a filter (nearest, bilinear, bicubic) or a fit"},
		{"crop", "2x2+1", "WIDTHxHEIGHT or WIDTHxHEIGHT+X+Y"},
		{"crop", "2x2+x+1", "WIDTHxHEIGHT or WIDTHxHEIGHT+X+Y"},
		{"crop", "2x2+1+-1", "WIDTHxHEIGHT or WIDTHxHEIGHT+X+Y"},
		{"layout", "dense:1:2", "coo, csr, csc"},
		{"layout", "bcsr", "coo, csr, csc"},
		{"layout", "bsr:0x2", "coo, csr, csc"},
		{"layout", "bsr:2x", "coo, csr, csc"},
		{"layout", "bsr:9223372036854775808x2", "coo, csr, csc"},
		{"layout", "csr:2x2", "coo, csr, csc"},
		{"layout", "csr:1.5", "coo, csr, csc"},
		{"layout", "csr:few", "coo, csr, csc"},
		{"pad", "x", "AMOUNT, BEFORE:BEHIND"},
		{"pad", "1:-1", "AMOUNT, BEFORE:BEHIND"},
		{"pad", "1; mirror", "AMOUNT, BEFORE:BEHIND"},
		{"pad", "1; edge=2", "AMOUNT, BEFORE:BEHIND"},
		{"pad", "1; constant=x", "AMOUNT, BEFORE:BEHIND"},
		{"flip", " ", "h, v, or axes"},
		{"reduce", "median a b -> a", "min, max, sum, mean"},
		{"rearrange", "(a b) -> a b; a", "NAME=NUMBER with commas"},
		{"rearrange", "(a b) -> a b; a=2, a=3", "NAME=NUMBER with commas"},
		{"rearrange", "(a b) -> a b; =2", "NAME=NUMBER with commas"},
		{"dtype", "=f16", "a name or glob before the ="},
	} {
		_, err := operate.Parse(c.name, c.value)
		var e *tensor.Error
		if !errors.As(err, &e) || !errors.Is(err, tensor.ErrFormat) || e.Offset != -1 || !strings.Contains(e.Want, c.want) {
			t.Errorf("%s %q: %v, want %q", c.name, c.value, err, c.want)
		}
	}
	for _, c := range [][2]string{{"reduce", "max a a -> a"}, {"rearrange", "a b ->"}} {
		if s, err := operate.Parse(c[0], c[1]); !errors.Is(err, tensor.ErrFormat) {
			t.Errorf("%s %q is %v, %v", c[0], c[1], s, err)
		}
	}
	_, err := operate.Parse("sharpen", "2")
	var e *tensor.Error
	if !errors.As(err, &e) || !errors.Is(err, tensor.ErrUnsupported) || e.Field != "operator" || e.Got != `"sharpen"` ||
		e.Want != "one of channels, concat, crop, dequant, dtype, flip, layout, mono, pad, quant, rate, rearrange, reduce, resize, scale, select, stack" {
		t.Errorf("%v", err)
	}
}

// More of what does not fit: TestRefused.
func TestRefusedToo(t *testing.T) {
	ones := strings.TrimSpace(strings.Repeat("1 ", tensor.MaxRank))
	rated := func(rate any) []stock {
		return []stock{{tensor.F32, tensor.Shape{100, 2}, tensorfile.Attrs{"sample_rate": rate}}}
	}
	for _, c := range []struct {
		in    []stock
		step  operate.Operator
		kind  error
		words string
	}{
		{[]stock{parsed(t, "u8", ones)}, operate.Stack{}, tensor.ErrLimit, "got rank 32, want at most 32 with the new axis"},
		{[]stock{parsed(t, "u8", "4 4 3")}, operate.Channels{Count: 2}, tensor.ErrUnsupported, "got 2, want 1, 3 or 4"},
		{[]stock{parsed(t, "S5", "3")}, operate.Pad{Amounts: [][2]int64{{1, 0}}, Value: 2}, tensor.ErrDType, "S5"},
		{rated(44100.5), operate.Rate{To: 8000}, tensor.ErrShape, "attribute sample_rate: got 44100.5"},
		{rated("44100"), operate.Rate{To: 8000}, tensor.ErrShape, "attribute sample_rate: got 44100"},
		{rated(int64(0)), operate.Rate{To: 8000}, tensor.ErrShape, "attribute sample_rate: got 0"},
		{[]stock{parsed(t, "f32", "3 4 5 6")}, operate.Mono{}, tensor.ErrShape, ""},
		{[]stock{parsed(t, "f32", "3 4 5 6")}, operate.Rate{From: 1, To: 2}, tensor.ErrShape, ""},
		{[]stock{parsed(t, "f32", "3")}, operate.Crop{Width: 1, Height: 1}, tensor.ErrShape, ""},
		{[]stock{parsed(t, "f32", "3")}, operate.Resize{Width: 1, Height: 1}, tensor.ErrShape, ""},
		{[]stock{parsed(t, "f32", "3")}, operate.Channels{Count: 3}, tensor.ErrShape, ""},
	} {
		_, err := derive(t, &operate.Pipeline{Steps: []operate.Step{{Operator: c.step}}}, stored(t, c.in...)...)
		var e *tensor.Error
		if !errors.Is(err, c.kind) || !errors.As(err, &e) || e.Tensor != "a" || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%v of %v: %v, want %v with %q", c.step, c.in[0].shape, err, c.kind, c.words)
		}
	}
	// A rate that is there already is left alone.
	x := stored(t, rated(int64(8000))...)
	got, err := derive(t, &operate.Pipeline{Steps: steps(t, "rate 8000")}, x...)
	must(t, err)
	if a, err := got[0].Attrs(); err != nil || a["sample_rate"] != int64(8000) || !got[0].Shape().Equal(tensor.Shape{100, 2}) {
		t.Errorf("%v, %v %v", got[0].Shape(), a, err)
	}
}

// What measures an axis stays with the axes that an operator leaves as they are.
func TestMeasuresOfAxes(t *testing.T) {
	axes := []any{map[string]any{"unit": "a"}, map[string]any{"unit": "b"}, map[string]any{"unit": "c"}}
	for _, c := range []struct {
		dims  []any
		shape tensor.Shape
		step  string
		want  string
	}{
		{[]any{"t", "c"}, tensor.Shape{40, 2}, "mono ", "[map[unit:a]]"},
		{[]any{"t", "c"}, tensor.Shape{40, 2}, "rate 2:1", "[<nil> map[unit:b]]"},
		{[]any{"h", "w", "c"}, tensor.Shape{6, 8, 3}, "resize 4x3", "[<nil> <nil> map[unit:c]]"},
		{[]any{"h", "w", "c"}, tensor.Shape{6, 8, 3}, "crop 4x6", "[map[unit:a] <nil> map[unit:c]]"},
		{[]any{"h", "w", "c"}, tensor.Shape{6, 8, 3}, "channels 4", "[map[unit:a] map[unit:b] <nil>]"},
		{[]any{"x", "y"}, tensor.Shape{6, 8}, "select 0:2", "[<nil> map[unit:b]]"},
	} {
		x := stored(t, stock{tensor.F32, c.shape, tensorfile.Attrs{"dims": c.dims, "axes": axes[:len(c.shape)]}})
		got, err := derive(t, &operate.Pipeline{Steps: steps(t, c.step)}, x...)
		must(t, err)
		a, err := got[0].Attrs()
		must(t, err)
		if fmt.Sprint(a["axes"]) != c.want {
			t.Errorf("%s: axes %v, want %s", c.step, a["axes"], c.want)
		}
		if len(c.shape) > 2 || c.dims[0] == "t" {
			continue
		}
		// The same of entries.
		x = stored(t, stock{tensor.F32, c.shape, tensorfile.Attrs{"dims": c.dims, "axes": axes[:len(c.shape)]}})
		got, err = derive(t, &operate.Pipeline{Steps: steps(t, "layout csr", c.step)}, x...)
		must(t, err)
		a, err = got[0].Attrs()
		must(t, err)
		if fmt.Sprint(a["axes"]) != c.want {
			t.Errorf("%s of entries: axes %v, want %s", c.step, a["axes"], c.want)
		}
		got, err = derive(t, &operate.Pipeline{Steps: steps(t, "layout csr", "select 0,0")}, x...)
		must(t, err)
		if a, err = got[0].Attrs(); err != nil || a["axes"] != nil || len(got[0].Shape()) != 0 {
			t.Errorf("an entry: %v %v, %v", got[0].Shape(), a, err)
		}
	}
}

// Rows of blocks in a file, and casts of entries.
func TestEntriesOfFiles(t *testing.T) {
	v, err := tensor.FromSlice([]float32{0, 1, 0, -2, 0, 0, 3, 0, 0.5, 0, 0, 7, 0, 0, 9, 0}, 4, 4)
	must(t, err)
	path := filepath.Join(t.TempDir(), "b.tensor")
	_, err = convert.Files(ctx, []string{kept(t, v)}, path, &convert.Options{Operate: &operate.Pipeline{Steps: steps(t, "layout bsr:2x2")}})
	must(t, err)
	f, err := tensorfile.Open(path, nil)
	must(t, err)
	defer f.Close()
	x, err := f.Tensor("x")
	must(t, err)
	for _, c := range []struct{ rows, want string }{
		{"3", "[0. 0. 9. 0.]"}, {"1:3", "[[0.  0.  3.  0. ]\n [0.5 0.  0.  7. ]]"}, {"::-3", "[[ 0.  0.  9.  0.]\n [ 0.  1.  0. -2.]]"},
	} {
		y, err := applied(t, &operate.Pipeline{}, x, "select", c.rows, "layout", "dense")
		must(t, err)
		got, err := y.Read(ctx)
		must(t, err)
		if strings.Join(strings.Fields(got.String()), " ") != strings.Join(strings.Fields(c.want), " ") {
			t.Errorf("rows %s: got\n%v\nwant\n%s", c.rows, got, c.want)
		}
	}
	for _, c := range []struct {
		kind  error
		steps []string
	}{
		{tensor.ErrUnsupported, []string{"dtype", "i4"}},
		{tensor.ErrDType, []string{"dtype", "S5"}},
		{tensor.ErrUnsupported, []string{"select", "0, newaxis"}},
	} {
		_, err := applied(t, &operate.Pipeline{}, x, c.steps...)
		var e *tensor.Error
		if !errors.Is(err, c.kind) || !errors.As(err, &e) || e.Tensor != "x" {
			t.Errorf("%v: %v, want %v", c.steps, err, c.kind)
		}
	}
	y, err := applied(t, &operate.Pipeline{MaxBytes: 100}, x, "select", "0:4", "layout", "csr")
	if !errors.Is(err, tensor.ErrLimit) {
		t.Errorf("100 bytes hold %v, %v", y, err)
	}
}

// kept is a native file with the tensor x.
func kept(t testing.TB, v tensor.View) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in.tensor")
	w, err := tensorfile.Create(path, nil)
	must(t, err)
	must(t, w.Add(ctx, "x", v, nil))
	must(t, w.Commit(ctx))
	return path
}

// cut is a stream that ends with an error.
type cut struct {
	io.Reader
	err error
}

func (c *cut) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err == io.EOF {
		err = c.err
	}
	return n, err
}

func (c *cut) Close() error { return nil }

// A decoded stream that has more or fewer bytes than it said, or an error, is
// told, wherever in the stream it is.
func TestStreamsThatLie(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 100)
	broken := errors.New("the decoder gives up")
	for _, c := range []struct {
		what string
		open func() (io.ReadCloser, error)
		kind error
		got  string
	}{
		{"sound", func() (io.ReadCloser, error) { return &cut{bytes.NewReader(data), io.EOF}, nil }, nil, ""},
		{"more", func() (io.ReadCloser, error) { return &cut{bytes.NewReader(append(data, 'x')), io.EOF}, nil }, tensor.ErrCorrupt, "more"},
		{"fewer", func() (io.ReadCloser, error) { return &cut{bytes.NewReader(data[:999]), io.EOF}, nil }, tensor.ErrTruncated, "fewer"},
		{"not opened", func() (io.ReadCloser, error) { return nil, broken }, broken, ""},
		{"broken", func() (io.ReadCloser, error) { return &cut{bytes.NewReader(data[:500]), broken}, nil }, broken, ""},
		{"broken at the end", func() (io.ReadCloser, error) { return &cut{bytes.NewReader(data), broken}, nil }, broken, ""},
	} {
		l := &convert.Layout{Format: "test", Storages: []convert.LayoutStorage{{Size: 1000, StoredSize: 3, Codec: "x", Open: func(context.Context) (io.ReadCloser, error) { return c.open() }}},
			Tensors: []convert.LayoutTensor{{Name: "x", DType: tensor.U8, Shape: tensor.Shape{100, 10}}}}
		f, err := tensorfile.OpenLayout(mmap.NewReaderAt(bytes.NewReader(nil), 0, "memory"), l, nil)
		must(t, err)
		x, err := f.Tensor("x")
		must(t, err)
		var out bytes.Buffer
		y, err := applied(t, &operate.Pipeline{}, x, "scale", "1,1")
		if err == nil {
			err = y.WriteCOrder(ctx, &out)
		}
		var e *tensor.Error
		switch {
		case c.kind == nil && (err != nil || out.Len() != 1000 || out.Bytes()[999] != '9'+1):
			t.Errorf("%s: %d bytes, %v", c.what, out.Len(), err)
		case c.kind != nil && !errors.Is(err, c.kind):
			t.Errorf("%s: %v, want %v", c.what, err, c.kind)
		case c.got != "" && (!errors.As(err, &e) || e.Got != c.got || e.Field != "decoded bytes" || e.Path != "memory"):
			t.Errorf("%s: %v", c.what, err)
		}
		must(t, f.Close())
	}
}
