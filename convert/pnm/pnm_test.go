package pnm_test

import (
	"bytes"
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
	_ "github.com/tensorfile/tensorfile/convert/npy"
	"github.com/tensorfile/tensorfile/convert/pnm"
	"github.com/tensorfile/tensorfile/internal/golden"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// pnmCase is a file and what is in it.
type pnmCase struct {
	Kind, File, DType, Data string
	Shape                   tensor.Shape
	Maxval                  int64 // 0: bits
	Pillow, Place           bool
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

// open opens b as a file called x.pnm.
func open(t testing.TB, b []byte) (*tensorfile.File, *tensorfile.Tensor, error) {
	t.Helper()
	f, err := convert.OpenMap(t.Context(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "x.pnm"), nil)
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

// written is the tensor as a file.
func written(t testing.TB, x *tensorfile.Tensor, o *convert.WriteOptions) ([]byte, error) {
	f, _ := convert.ByName("pnm")
	var b bytes.Buffer
	err := f.Write(t.Context(), &b, []convert.Source{{Tensor: x, As: "x"}}, o)
	return b.Bytes(), err
}

// check compares what is in a file with a case.
func (c *pnmCase) check(t *testing.T, how string, b []byte) (x *tensorfile.Tensor, ok bool) {
	t.Helper()
	f, x, err := open(t, b)
	if err != nil {
		t.Errorf("%s%s: %v", c.Kind, how, err)
		return nil, false
	}
	t.Cleanup(func() { f.Close() })
	want := decode64(t, c.Data)
	if x.DType() != dtypes[c.DType] || !x.Shape().Equal(c.Shape) || !bytes.Equal(elements(t, x), want) {
		t.Errorf("%s%s: %v %v, want %v %v, or other elements", c.Kind, how, x.DType(), x.Shape(), c.DType, c.Shape)
		return nil, false
	}
	attrs, err := x.Attrs()
	if err != nil {
		t.Fatal(err)
	}
	most := c.Maxval
	if most == 255 || most == 65535 {
		most = 0
	}
	if maxval, _ := attrs[pnm.Maxval].(int64); maxval != most {
		t.Errorf("%s%s: %v", c.Kind, how, attrs)
	}
	return x, true
}

// replay reads each file, writes what is in it as bytes and as text, and reads
// that.
func replay(t *testing.T, lines io.Reader) (n, pillow, inPlace, text int, again map[string][]byte) {
	again = map[string][]byte{}
	n = golden.Each(t, lines, func(c *pnmCase) {
		x, ok := c.check(t, "", decode64(t, c.File))
		if !ok {
			return
		}
		if place := x.Storage().Kind == tensorfile.StorageRaw; place != c.Place {
			t.Errorf("%s: in place: %v", c.Kind, place)
		}
		parts(t, c, x)
		if c.Pillow {
			pillow++
		}
		if c.Place {
			inPlace++
		}
		if n := len(c.Shape); n == 3 && c.Shape[2] > 4 {
			return
		}
		b, err := written(t, x, nil)
		if err != nil {
			t.Errorf("%s: %v", c.Kind, err)
			return
		}
		c.check(t, ", written", b)
		if b[1] != '7' && !strings.Contains(c.Kind, "pictures") {
			again[fmt.Sprint(len(again))] = b
		}
		b, err = written(t, x, &convert.WriteOptions{Encoding: pnm.ASCII})
		if (err != nil) != (strings.Contains(c.Kind, "pictures") || len(c.Shape) == 3 && c.Shape[2] != 3) {
			t.Errorf("%s: as text: %v", c.Kind, err)
		}
		if err == nil {
			text++
			c.check(t, ", as text", b)
			for line := range bytes.Lines(b) {
				if len(line) > 71 {
					t.Errorf("%s: as text: %q", c.Kind, line)
				}
			}
			again[fmt.Sprint(len(again))] = b
		}
	})
	return n, pillow, inPlace, text, again
}

// parts reads single elements, which begin in the middle of what is decoded.
func parts(t *testing.T, c *pnmCase, x *tensorfile.Tensor) {
	t.Helper()
	want, unit := decode64(t, c.Data), int64(x.DType().UnitBytes)
	for _, part := range []int64{0, 3, 7, 8} {
		var sel tensor.Selection
		at := int64(0)
		for _, n := range x.Shape() {
			i := (n - 1) * part / 8
			sel = append(sel, tensor.SelectionItem{Kind: tensor.SelectIndex, Start: i})
			at = at*n + i
		}
		v, err := x.Read(t.Context(), sel)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := v.WriteCOrder(&b, tensor.LittleEndian); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), want[at*unit:(at+1)*unit]) {
			t.Errorf("%s: element %v: % x, want % x", c.Kind, sel, b.Bytes(), want[at*unit:(at+1)*unit])
		}
	}
}

// TestGolden reads the kept files: every kind, with comments where they may be.
func TestGolden(t *testing.T) {
	n, pillow, inPlace, text, _ := replay(t, golden.Kept(t, "testdata/pnm.jsonl.gz"))
	t.Logf("%d files, %d of them compared with Pillow, %d in place; %d written as text", n, pillow, inPlace, text)
	if n < 178 || pillow < 100 || inPlace < 110 || text < 110 {
		t.Error("too few")
	}
}

// TestInterop reads files of other samples each time, and gives Pillow what is
// written.
func TestInterop(t *testing.T) {
	lines, _ := golden.Fresh(t, "Pillow", "testdata/gen_pnm.py", 450)
	n, pillow, inPlace, text, again := replay(t, lines)
	dir := t.TempDir()
	for name, b := range again {
		path := filepath.Join(dir, name+".pnm")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := convert.Files(t.Context(), []string{path}, filepath.Join(dir, name+".npy"), nil); err != nil {
			t.Fatal(err)
		}
	}
	b, err := exec.Command(os.Getenv("TENSORFILE_PYTHON"), "-B", "testdata/gen_pnm.py", "check", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	report := strings.TrimSpace(string(b))
	t.Logf("%d files, %d of them compared with Pillow, %d in place; written: %s, %d as text", n, pillow, inPlace, report, text)
	if n != 450 || pillow < 250 || report != fmt.Sprint("compared ", len(again)) || len(again) < 500 {
		t.Error("too few")
	}
}

// TestFFmpegInterop exchanges pictures with FFmpeg, the second opinion, PAM above
// all.
func TestFFmpegInterop(t *testing.T) {
	if os.Getenv("TENSORFILE_PYTHON") == "" {
		t.Skip("no exchange is asked for; make interop does")
	}
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("there is no ffmpeg")
	}
	const w, h = 40, 11 // its monow has rows of whole bytes
	dir := t.TempDir()
	pixels := make([]byte, w*h*8)
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
		codec, raw string
		bytes      int // of a pixel
		shape      tensor.Shape
		wide       bool
	}{
		{"pgm", "gray", 1, tensor.Shape{h, w}, false}, {"pgm", "gray16be", 2, tensor.Shape{h, w}, true},
		{"ppm", "rgb24", 3, tensor.Shape{h, w, 3}, false}, {"ppm", "rgb48be", 6, tensor.Shape{h, w, 3}, true},
		{"pam", "gray", 1, tensor.Shape{h, w}, false}, {"pam", "ya8", 2, tensor.Shape{h, w, 2}, false},
		{"pam", "rgb24", 3, tensor.Shape{h, w, 3}, false}, {"pam", "rgba", 4, tensor.Shape{h, w, 4}, false},
		{"pam", "ya16be", 4, tensor.Shape{h, w, 2}, true}, {"pam", "rgba64be", 8, tensor.Shape{h, w, 4}, true},
		{"pbm", "monow", 0, tensor.Shape{h, w}, false},
	} {
		raw := pixels[:w*h*c.bytes]
		if c.bytes == 0 {
			raw = pixels[:w*h/8]
		}
		b := run(raw, "-f", "rawvideo", "-pix_fmt", c.raw, "-s", fmt.Sprintf("%dx%d", w, h), "-i", "pipe:0", "-frames:v", "1", "-c:v", c.codec, "-f", "image2pipe", "pipe:1")
		f, x, err := open(t, b)
		if err != nil {
			t.Fatalf("%s of %s: %v", c.codec, c.raw, err)
		}
		t.Cleanup(func() { f.Close() })
		got := elements(t, x)
		if c.wide {
			for i := 0; i < len(got); i += 2 {
				got[i], got[i+1] = got[i+1], got[i]
			}
		}
		want := raw
		if c.bytes == 0 { // bits, black is 1
			want = nil
			for i := range w * h {
				want = append(want, ^raw[i/8]>>(7-i%8)&1)
			}
		}
		if !x.Shape().Equal(c.shape) || !bytes.Equal(got, want) {
			t.Errorf("%s of %s: %v of other elements", c.codec, c.raw, x.Shape())
			continue
		}
		out, err := written(t, x, nil)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "x."+map[byte]string{'4': "pbm", '5': "pgm", '6': "ppm", '7': "pam"}[out[1]])
		if err := os.WriteFile(path, out, 0o600); err != nil {
			t.Fatal(err)
		}
		if back := run(nil, "-i", path, "-f", "rawvideo", "-pix_fmt", c.raw, "pipe:1"); !bytes.Equal(back, raw) {
			t.Errorf("%s of %s: FFmpeg reads other pixels of what was written", c.codec, c.raw)
		}
		count += 2
	}
	if t.Logf("%d pictures", count); count < 22 {
		t.Error("too few")
	}
}

func from[T tensor.Elem](t testing.TB, x []T, shape ...int64) tensor.View {
	t.Helper()
	v, err := tensor.FromSlice(x, shape...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestEncode writes views of other dtypes and layouts, byte by byte.
func TestEncode(t *testing.T) {
	dims := convert.Attrs{"dims": []any{"c", "h", "w"}}
	for _, c := range []struct {
		name  string
		v     tensor.View
		attrs convert.Attrs
		want  string
	}{
		{"u8", from(t, []uint8{1, 2, 3}, 1, 3), nil, "P5\n3 1\n255\n\x01\x02\x03"},
		{"u16", from(t, []uint16{1, 0x203}, 2, 1), nil, "P5\n1 2\n65535\n\x00\x01\x02\x03"},
		{"f32", from(t, []float32{0, 0.5, 1, 2, -1}, 1, 5), nil, "P5\n5 1\n255\n\x00\x80\xff\xff\x00"},
		{"bool", from(t, []bool{true, false, true, true, true, true, true, true, false}, 1, 9), nil, "P4\n9 1\n\x40\x80"},
		{"bool in colour", from(t, []bool{true, false, true}, 1, 1, 3), nil, "P6\n1 1\n255\n\xff\x00\xff"},
		{"CHW", from(t, []uint8{1, 2, 3, 4, 5, 6}, 3, 1, 2), dims, "P6\n2 1\n255\n\x01\x03\x05\x02\x04\x06"},
		{"alpha", from(t, []uint8{1, 2, 3, 4}, 1, 1, 4), nil, "P7\nWIDTH 1\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n\x01\x02\x03\x04"},
		{"grey with alpha", from(t, []uint16{1, 2}, 1, 1, 2), nil, "P7\nWIDTH 1\nHEIGHT 1\nDEPTH 2\nMAXVAL 65535\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\n\x00\x01\x00\x02"},
		{"two pictures", from(t, []uint8{1, 2, 3, 4, 5, 6}, 2, 1, 1, 3), nil, "P6\n1 1\n255\n\x01\x02\x03P6\n1 1\n255\n\x04\x05\x06"},
		{"maxval", from(t, []uint8{1, 15}, 1, 2), convert.Attrs{pnm.Maxval: int64(15)}, "P5\n2 1\n15\n\x01\x0f"},
		{"maxval of 16 bits", from(t, []uint16{1, 15}, 1, 2), convert.Attrs{pnm.Maxval: int64(1000)}, "P5\n2 1\n1000\n\x00\x01\x00\x0f"},
		{"above maxval", from(t, []uint8{1, 16}, 1, 2), convert.Attrs{pnm.Maxval: int64(15)}, "P5\n2 1\n255\n\x01\x10"},
		{"maxval of another dtype", from(t, []uint16{1, 15}, 1, 2), convert.Attrs{pnm.Maxval: int64(200)}, "P5\n2 1\n65535\n\x00\x01\x00\x0f"},
		{"maxval that is none", from(t, []uint8{1, 15}, 1, 2), convert.Attrs{pnm.Maxval: "x"}, "P5\n2 1\n255\n\x01\x0f"},
	} {
		var b bytes.Buffer
		if err := pnm.Encode(&b, c.v, c.attrs); err != nil || b.String() != c.want {
			t.Errorf("%s: %v\n%q\n%q", c.name, err, b.String(), c.want)
		}
	}
	for _, c := range []struct {
		v     tensor.View
		attrs convert.Attrs
		want  string
	}{
		{from(t, []uint8{1, 16}, 2, 1, 1, 1), convert.Attrs{pnm.Maxval: int64(15)}, "pnm: sample: got 16 in picture 1, want at most 15"},
		{from(t, []int8{1, 16}, 1, 2), nil, "pnm: dtype: got i8"},
		{from(t, make([]uint8, 7*6*5*9), 7, 6, 5, 9), nil, "pnm: axes of a picture"},
	} {
		var e *tensor.Error
		if err := pnm.Encode(io.Discard, c.v, c.attrs); !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}
