package pfm_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	"github.com/tensorfile/tensorfile/convert/pfm"
	"github.com/tensorfile/tensorfile/internal/golden"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// pfmCase is a file and what is in it.
type pfmCase struct {
	File, Data string
	Shape      tensor.Shape
	Scale      float64
	Pillow     bool
}

func decode64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// open opens b as a file called x.pfm.
func open(t testing.TB, b []byte) (*tensorfile.File, *tensorfile.Tensor, error) {
	t.Helper()
	f, err := convert.OpenMap(t.Context(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "x.pfm"), nil)
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

func written(t testing.TB, x *tensorfile.Tensor) ([]byte, error) {
	f, _ := convert.ByName("pfm")
	var b bytes.Buffer
	err := f.Write(t.Context(), &b, []convert.Source{{Tensor: x, As: "x"}}, nil)
	return b.Bytes(), err
}

// check compares what is in a file with a case.
func (c *pfmCase) check(t *testing.T, how string, b []byte) (x *tensorfile.Tensor, ok bool) {
	t.Helper()
	f, x, err := open(t, b)
	if err != nil {
		t.Errorf("%q%s: %v", b[:16], how, err)
		return nil, false
	}
	t.Cleanup(func() { f.Close() })
	if x.DType() != tensor.F32 || !x.Shape().Equal(c.Shape) || !bytes.Equal(elements(t, x), decode64(t, c.Data)) {
		t.Errorf("%q%s: %v %v, want %v, or other elements", b[:16], how, x.DType(), x.Shape(), c.Shape)
		return nil, false
	}
	attrs, err := x.Attrs()
	if err != nil {
		t.Fatal(err)
	}
	if scale, ok := attrs[pfm.Scale]; ok != (c.Scale != 1) || ok && scale != c.Scale {
		t.Errorf("%q%s: %v, want %v", b[:16], how, attrs, c.Scale)
	}
	if s := x.Storage(); s.Kind != tensorfile.StorageRaw || x.Strides()[0] >= 0 {
		t.Errorf("%q%s: %v, %v", b[:16], how, s.Kind, x.Strides())
	}
	return x, true
}

func replay(t *testing.T, lines io.Reader) (n, pillow int, again map[string][]byte) {
	again = map[string][]byte{}
	n = golden.Each(t, lines, func(c *pfmCase) {
		x, ok := c.check(t, "", decode64(t, c.File))
		if !ok {
			return
		}
		if c.Pillow {
			pillow++
		}
		b, err := written(t, x)
		if err != nil {
			t.Error(err)
			return
		}
		c.check(t, ", written", b)
		again[fmt.Sprint(len(again))] = b
	})
	return n, pillow, again
}

// TestGolden reads the kept files: grey and colour, in both orders.
func TestGolden(t *testing.T) {
	n, pillow, _ := replay(t, golden.Kept(t, "testdata/pfm.jsonl.gz"))
	t.Logf("%d files, %d of them compared with Pillow", n, pillow)
	if n < 40 || pillow < 8 {
		t.Error("too few")
	}
}

// TestInterop reads files of other samples each time, and gives NumPy and Pillow
// what is written.
func TestInterop(t *testing.T) {
	lines, _ := golden.Fresh(t, "Pillow", "testdata/gen_pfm.py", 400)
	n, pillow, again := replay(t, lines)
	dir := t.TempDir()
	for name, b := range again {
		path := filepath.Join(dir, name+".pfm")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := convert.Files(t.Context(), []string{path}, filepath.Join(dir, name+".npy"), nil); err != nil {
			t.Fatal(err)
		}
	}
	b, err := exec.Command(os.Getenv("TENSORFILE_PYTHON"), "-B", "testdata/gen_pfm.py", "check", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	report := strings.TrimSpace(string(b))
	t.Logf("%d files, %d of them compared with Pillow; written: %s", n, pillow, report)
	if n != 400 || pillow < 70 || report != "compared 400" {
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
	const one, half, two = "\x00\x00\x80\x3f", "\x00\x00\x00\x3f", "\x00\x00\x00\x40"
	for _, c := range []struct {
		name  string
		v     tensor.View
		attrs convert.Attrs
		want  string
	}{
		{"f32", from(t, []float32{1, 0.5, 2, 1}, 2, 2), nil, "Pf\n2 2\n-1.0\n" + two + one + one + half},
		{"f64, CHW", from(t, []float64{1, 0.5, 2}, 3, 1, 1), convert.Attrs{"dims": []any{"c", "h", "w"}}, "PF\n1 1\n-1.0\n" + one + half + two},
		{"u8", from(t, []uint8{255, 0}, 1, 2), nil, "Pf\n2 1\n-1.0\n" + one + "\x00\x00\x00\x00"},
		{"u16", from(t, []uint16{65535, 0}, 1, 2), nil, "Pf\n2 1\n-1.0\n" + one + "\x00\x00\x00\x00"},
		{"bool", from(t, []bool{true, false}, 1, 2), nil, "Pf\n2 1\n-1.0\n" + one + "\x00\x00\x00\x00"},
		{"scale", from(t, []float32{1}, 1, 1), convert.Attrs{pfm.Scale: 0.25}, "Pf\n1 1\n-0.25\n" + one},
		{"a small scale", from(t, []float32{1}, 1, 1), convert.Attrs{pfm.Scale: 5e-324}, "Pf\n1 1\n-5e-324\n" + one},
		{"a scale that is none", from(t, []float32{1}, 1, 1), convert.Attrs{pfm.Scale: math.NaN()}, "Pf\n1 1\n-1.0\n" + one},
	} {
		var b bytes.Buffer
		if err := pfm.Encode(&b, c.v, c.attrs); err != nil || b.String() != c.want {
			t.Errorf("%s: %v\n%q\n%q", c.name, err, b.String(), c.want)
		}
	}
	for _, c := range []struct {
		v    tensor.View
		want string
	}{
		{from(t, make([]float32, 8), 1, 2, 4), "pfm: channels: got 4, want 1 or 3"},
		{from(t, make([]float32, 8), 1, 4, 2), "pfm: channels: got 2"},
		{from(t, make([]float32, 24), 2, 1, 4, 3), "pfm: pictures: got 2"},
		{from(t, make([]int32, 8), 2, 4), "pfm: dtype: got i32"},
	} {
		var e *tensor.Error
		if err := pfm.Encode(io.Discard, c.v, nil); !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

// TestTable has files for the row of the table in docs/images.md.
func TestTable(t *testing.T) {
	n := 0
	for _, cells := range golden.Table(t, "../../docs/images.md", "in the file") {
		if cells[0] == `PFM, "Pf"; "PF"` && strings.HasPrefix(cells[2], "in place") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d rows in the docs", n)
	}
	for _, c := range []struct {
		file  string
		shape tensor.Shape
		order tensor.ByteOrder
		want  string
	}{
		{"Pf 1 2 -1 aaaabbbb", tensor.Shape{2, 1}, tensor.LittleEndian, "bbbbaaaa"},
		{"Pf 1 2 1 abcdefgh", tensor.Shape{2, 1}, tensor.BigEndian, "hgfedcba"},
		{"PF 1 1 1 abcdefghijkl", tensor.Shape{1, 1, 3}, tensor.BigEndian, "dcbahgfelkji"},
		{"PF 1 1 -2.5 abcdefghijkl", tensor.Shape{1, 1, 3}, tensor.LittleEndian, "abcdefghijkl"},
	} {
		f, x, err := open(t, []byte(c.file))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if x.DType() != tensor.F32 || !x.Shape().Equal(c.shape) || x.Order() != c.order || x.Storage().Kind != tensorfile.StorageRaw || string(elements(t, x)) != c.want {
			t.Errorf("%q: %v %v %q", c.file, x.Shape(), x.Order(), elements(t, x))
		}
	}
}
