package bmp_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/bmp"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	"github.com/tensorfile/tensorfile/internal/golden"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// bmpCase is a file and what is in it.
type bmpCase struct {
	Kind, File, DType, Data string
	Shape                   tensor.Shape
	Pillow                  bool
}

var dtypes = map[string]tensor.DType{"bool": tensor.Bool, "uint8": tensor.U8, "uint16": tensor.U16}

func decode64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// open opens b as a file called x.bmp.
func open(t testing.TB, b []byte) (*tensorfile.File, *tensorfile.Tensor, error) {
	t.Helper()
	f, err := convert.OpenMap(t.Context(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "x.bmp"), nil)
	if err != nil {
		return nil, nil, err
	}
	x, err := f.Tensor("x")
	if err != nil {
		t.Fatal(err)
	}
	return f, x, nil
}

func elements(t testing.TB, x *tensorfile.Tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := x.WriteCOrder(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// written is the tensor as a BMP file.
func written(ctx context.Context, x *tensorfile.Tensor) ([]byte, error) {
	f, _ := convert.ByName("bmp")
	var b bytes.Buffer
	err := f.Write(ctx, &b, []convert.Source{{Tensor: x, As: "x"}}, nil)
	return b.Bytes(), err
}

// replay reads each file, writes what is in it and reads that; what is of u16
// comes back in 8 bits.
func replay(t *testing.T, lines io.Reader) (n, pillow, inPlace int, again map[string][]byte) {
	again = map[string][]byte{}
	n = golden.Each(t, lines, func(c *bmpCase) {
		f, x, err := open(t, decode64(t, c.File))
		if err != nil {
			t.Errorf("%s: %v", c.Kind, err)
			return
		}
		defer f.Close()
		got, want := elements(t, x), decode64(t, c.Data)
		if x.DType() != dtypes[c.DType] || !x.Shape().Equal(c.Shape) || !bytes.Equal(got, want) {
			t.Errorf("%s: %v %v, want %v %v, or other elements", c.Kind, x.DType(), x.Shape(), c.DType, c.Shape)
			return
		}
		parts(t, c.Kind, x, want)
		if c.Pillow {
			pillow++
		}
		if x.Storage().Kind == tensorfile.StorageRaw {
			inPlace++
		}
		b, err := written(t.Context(), x)
		if err != nil {
			t.Errorf("%s: %v", c.Kind, err)
			return
		}
		again[fmt.Sprintf("%d", len(again))] = b
		f2, y, err := open(t, b)
		if err != nil {
			t.Errorf("%s, written: %v", c.Kind, err)
			return
		}
		defer f2.Close()
		if c.DType == "uint16" {
			want = eight(want)
		}
		if !y.Shape().Equal(c.Shape) || !bytes.Equal(elements(t, y), want) {
			t.Errorf("%s, written: %v %v, or other elements", c.Kind, y.DType(), y.Shape())
		}
	})
	return n, pillow, inPlace, again
}

// eight are samples of 16 bits, little-endian, in 8.
func eight(b []byte) []byte {
	var out []byte
	for i := 0; i < len(b); i += 2 {
		x := uint32(b[i]) | uint32(b[i+1])<<8
		out = append(out, byte((x+128)/257))
	}
	return out
}

// parts reads single rows, which begin in the middle of what is decoded.
func parts(t *testing.T, kind string, x *tensorfile.Tensor, want []byte) {
	t.Helper()
	shape := x.Shape()
	row := int64(len(want)) / shape[0]
	for _, y := range []int64{0, shape[0] / 2, shape[0] - 1} {
		for _, left := range []int64{0, shape[1] / 2, shape[1] - 1} {
			v, err := x.Read(t.Context(), tensor.Selection{{Kind: tensor.SelectIndex, Start: y}, {Kind: tensor.SelectIndex, Start: left}})
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := v.WriteCOrder(&b, tensor.LittleEndian); err != nil {
				t.Fatal(err)
			}
			pixel := row / shape[1]
			if at := y*row + left*pixel; !bytes.Equal(b.Bytes(), want[at:at+pixel]) {
				t.Errorf("%s: row %d, pixel %d: % x, want % x", kind, y, left, b.Bytes(), want[at:at+pixel])
			}
		}
	}
}

// TestGolden reads the kept files: every kind, under every header.
func TestGolden(t *testing.T) {
	n, pillow, inPlace, _ := replay(t, golden.Kept(t, "testdata/bmp.jsonl.gz"))
	t.Logf("%d files, %d of them compared with Pillow, %d in place", n, pillow, inPlace)
	if n < 216 || pillow < 140 || inPlace < 55 {
		t.Error("too few")
	}
}

// TestInterop reads files of other pixels each time, and gives Pillow what is
// written.
func TestInterop(t *testing.T) {
	lines, _ := golden.Fresh(t, "Pillow", "testdata/gen_bmp.py", 1200)
	n, pillow, inPlace, again := replay(t, lines)
	dir := t.TempDir()
	for name, b := range again {
		path := filepath.Join(dir, name+".bmp")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := convert.Files(t.Context(), []string{path}, filepath.Join(dir, name+".npy"), nil); err != nil {
			t.Fatal(err)
		}
	}
	b, err := exec.Command(os.Getenv("TENSORFILE_PYTHON"), "-B", "testdata/gen_bmp.py", "check", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	report := strings.TrimSpace(string(b))
	t.Logf("%d files, %d of them compared with Pillow, %d in place; written: %s", n, pillow, inPlace, report)
	if n != 1200 || pillow < 700 || report != fmt.Sprint("compared ", len(again)) || len(again) != n {
		t.Error("too few")
	}
}

// TestFFmpegInterop exchanges pictures with FFmpeg, the second opinion.
func TestFFmpegInterop(t *testing.T) {
	if os.Getenv("TENSORFILE_PYTHON") == "" {
		t.Skip("no exchange is asked for; make interop does")
	}
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("there is no ffmpeg")
	}
	const w, h = 37, 11
	dir := t.TempDir()
	pixels := make([]byte, w*h*4)
	for i := range pixels {
		pixels[i] = byte(i*i*7 + i>>3)
	}
	run := func(in []byte, args ...string) []byte {
		t.Helper()
		cmd := exec.Command(ffmpeg, append([]string{"-v", "error", "-nostdin", "-y"}, args...)...)
		cmd.Stdin = bytes.NewReader(in)
		var text bytes.Buffer
		cmd.Stderr = &text
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("ffmpeg %v: %v\n%s", args, err, text.Bytes())
		}
		return out
	}
	count := 0
	for _, c := range []struct {
		raw, stored string
		channels    int
	}{{"rgb24", "bgr24", 3}, {"gray", "gray", 1}, {"rgba", "bgra", 4}} {
		raw := pixels[:w*h*c.channels]
		path := filepath.Join(dir, c.stored+".bmp")
		run(raw, "-f", "rawvideo", "-pix_fmt", c.raw, "-s", fmt.Sprintf("%dx%d", w, h), "-i", "pipe:0", "-frames:v", "1", "-c:v", "bmp", "-pix_fmt", c.stored, path)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, x, err := open(t, b)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		got := elements(t, x)
		want := raw
		if c.channels == 4 && x.Shape()[2] == 3 { // it writes 32 bits without a mask for alpha
			want = nil
			for i := 0; i < len(raw); i += 4 {
				want = append(want, raw[i:i+3]...)
			}
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: %v of other elements", c.stored, x.Shape())
		}
		// The other way: a tensor of the same samples, as this package writes it.
		npy := filepath.Join(dir, c.stored+".npy")
		shape := tensor.Shape{h, w, int64(c.channels)}
		if c.channels == 1 {
			shape = shape[:2]
		}
		save(t, npy, raw, shape)
		ours := filepath.Join(dir, "ours."+c.stored+".bmp")
		if _, err := convert.Files(t.Context(), []string{npy}, ours, nil); err != nil {
			t.Fatal(err)
		}
		as, want := c.raw, raw
		if as == "gray" { // it takes a palette for colours
			as, want = "rgb24", nil
			for _, x := range raw {
				want = append(want, x, x, x)
			}
		}
		if back := run(nil, "-i", ours, "-f", "rawvideo", "-pix_fmt", as, "pipe:1"); !bytes.Equal(back, want) {
			t.Errorf("%s: FFmpeg reads other pixels of what was written", c.stored)
		}
		count += 2
	}
	t.Logf("%d pictures", count)
}

// save writes an .npy file of bytes.
func save(t testing.TB, path string, b []byte, shape tensor.Shape) {
	t.Helper()
	text := strings.ReplaceAll(shape.String(), "[", "(")
	head := fmt.Sprintf("{'descr': '|u1', 'fortran_order': False, 'shape': %s, }", text)
	head += strings.Repeat(" ", 117-len(head)) + "\n"
	b = append([]byte("\x93NUMPY\x01\x00\x76\x00"+head), b...)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestStrides looks at what lies in place, and how.
func TestStrides(t *testing.T) {
	golden.Each(t, golden.Kept(t, "testdata/bmp.jsonl.gz"), func(c *bmpCase) {
		b := decode64(t, c.File)
		path := filepath.Join(t.TempDir(), "x.bmp")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := convert.Open(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		x, err := f.Tensor("x")
		if err != nil {
			t.Fatal(err)
		}
		_, err = x.View()
		plain := strings.HasPrefix(c.Kind, "24 bits") || strings.HasPrefix(c.Kind, "32 bits plain") ||
			strings.HasPrefix(c.Kind, "8 bits identity") || c.Kind == "Pillow L" || c.Kind == "Pillow RGB" || c.Kind == "Pillow RGBA"
		for _, masks := range []string{"ff0000 ff00 ff 0", "ff000000 ff0000 ff00 0", "ff000000 ff0000 ff00 ff", "ff ff00 ff0000 ff000000", "ff ff00 ff0000 0"} {
			plain = plain || strings.HasPrefix(c.Kind, "32 bits masks "+masks+" ")
		}
		for _, masks := range []string{"ff000000 ff0000 ff00 ff", "ff ff00 ff0000 ff000000"} { // short headers have no alpha
			plain = plain || strings.HasPrefix(c.Kind, "32 bits masks "+masks[:strings.LastIndex(masks, " ")]+" 0 ")
		}
		if plain != (err == nil) {
			t.Errorf("%s: a view of the mapping: %v", c.Kind, err)
		}
		if strings.HasPrefix(c.Kind, "24 bits") {
			st, row := x.Strides(), (3*x.Shape()[1]+3)/4*4
			if st[2] != -1 || st[1] != 3 || st[0] != row && st[0] != -row {
				t.Errorf("%s: strides %v of %v", c.Kind, st, x.Shape())
			}
		}
	})
}

func from[T tensor.Elem](t testing.TB, x []T, shape ...int64) tensor.View {
	t.Helper()
	v, err := tensor.FromSlice(x, shape...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestEncode writes views of other dtypes and layouts, and looks at the pixels
// byte by byte.
func TestEncode(t *testing.T) {
	dims := convert.Attrs{"dims": []any{"c", "h", "w"}}
	for _, c := range []struct {
		name   string
		v      tensor.View
		attrs  convert.Attrs
		offset int
		want   string
	}{
		{"u8", from(t, []uint8{1, 2, 3, 4}, 2, 2), nil, 1078, "\x03\x04\x00\x00\x01\x02\x00\x00"},
		{"f32", from(t, []float32{0, 0.5, 1, 2, -1}, 1, 5), nil, 1078, "\x00\x80\xff\xff\x00\x00\x00\x00"},
		{"bool", from(t, []bool{true, false, true, true, true, true, true, true, true}, 1, 9), nil, 62, "\xbf\x80\x00\x00"},
		{"bool in colour", from(t, []bool{true, false, false}, 1, 1, 3), nil, 54, "\x00\x00\xff\x00"},
		{"u16, CHW", from(t, []uint16{257, 2 * 257, 3 * 257, 4 * 257, 5 * 257, 6 * 257}, 3, 2, 1), dims, 54, "\x06\x04\x02\x00\x05\x03\x01\x00"},
		{"alpha", from(t, []uint8{1, 2, 3, 4}, 1, 1, 4), nil, 122, "\x03\x02\x01\x04"},
	} {
		var b bytes.Buffer
		if err := bmp.Encode(&b, c.v, c.attrs); err != nil || string(b.Bytes()[c.offset:]) != c.want || int(le.Uint32(b.Bytes()[10:])) != c.offset || int(le.Uint32(b.Bytes()[2:])) != b.Len() {
			t.Errorf("%s: %v\n%q\n%q", c.name, err, b.Bytes(), c.want)
		}
	}
	wide, err := from(t, []uint8{7}, 1, 1).BroadcastTo(tensor.Shape{1 << 17, 1 << 15})
	if err != nil {
		t.Fatal(err)
	}
	if err := bmp.Encode(io.Discard, wide, nil); !errors.Is(err, tensor.ErrLimit) || !strings.Contains(err.Error(), "bmp: picture: got 32768 x 131072 pixels, want less than 4 GiB") {
		t.Error(err)
	}
}

// TestNotWritten are tensors that are no bitmaps.
func TestNotWritten(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		shape tensor.Shape
		want  string
	}{
		"grey with alpha": {tensor.Shape{2, 3, 2}, "channels: got 2, want 1, 3 or 4"},
		"five channels":   {tensor.Shape{7, 3, 5}, "axes of a picture"},
		"two pictures":    {tensor.Shape{2, 3, 4, 3}, "pictures: got 2"},
		"no rows":         {tensor.Shape{0, 3}, "at least one pixel"},
	} {
		n, _ := c.shape.NumElements()
		path := filepath.Join(dir, "x.npy")
		save(t, path, make([]byte, n), c.shape)
		out := filepath.Join(dir, "x.bmp")
		_, err := convert.Files(t.Context(), []string{path}, out, nil)
		var e *tensor.Error
		if !errors.As(err, &e) || e.Format != "bmp" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: there is a file", name)
		}
	}
}
