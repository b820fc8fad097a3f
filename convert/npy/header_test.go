package npy

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

func mustParse(t testing.TB, b []byte) *header {
	t.Helper()
	h, err := readHeader(bytes.NewReader(b), int64(len(b)), 1<<20)
	if err != nil {
		t.Fatalf("%q: %v", b, err)
	}
	return h
}

func TestEncodeHeader(t *testing.T) {
	long := "[" + strings.Repeat("('a_rather_long_name', '<f4'), ", 3000) + "('a', '<f4')]"
	for _, c := range []struct {
		descr   string
		fortran bool
		shape   tensor.Shape
		major   byte
		size    int
	}{
		{"'<f4'", false, tensor.Shape{}, 1, 128},
		{"'<f4'", false, tensor.Shape{2, 3}, 1, 128},
		{"'<f4'", true, tensor.Shape{9223372036854775807, 3}, 1, 128},
		{"'<f4'", false, tensor.Shape{9223372036854775807}, 1, 128},
		{"[('\u00e9', '<f4')]", false, tensor.Shape{1}, 1, 128},
		{"[('\u65e5', '<f4')]", false, tensor.Shape{1}, 3, 128},
		{long, false, tensor.Shape{1}, 2, 0},
	} {
		b, err := encodeHeader(c.descr, c.fortran, c.shape)
		if err != nil {
			t.Fatal(err)
		}
		if b[6] != c.major || len(b)%64 != 0 || c.size != 0 && len(b) != c.size || b[len(b)-1] != '\n' {
			t.Errorf("%.40s %v: version %d, %d bytes", c.descr, c.shape, b[6], len(b))
		}
		if c.descr == long {
			continue // names are there more than once
		}
		text := b[10:]
		if c.major > 1 {
			text = b[12:]
		}
		h, err := parseHeader(text, 10, c.major)
		if err != nil {
			t.Fatal(err)
		}
		if h.fortran != c.fortran || !h.shape.Equal(c.shape) || string(h.dtype.appendDescr(nil)) != c.descr {
			t.Errorf("%q came back as %+v", b, h)
		}
	}
}

// TestHeaderLimit reads a longer header only if it may.
func TestHeaderLimit(t *testing.T) {
	b, err := encodeHeader("'<f4'", false, tensor.Shape{0})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readHeader(bytes.NewReader(b), int64(len(b)), 100); !errors.Is(err, tensor.ErrLimit) {
		t.Errorf("limit 100: %v", err)
	}
	if _, err := readHeader(bytes.NewReader(b), int64(len(b)), 118); err != nil {
		t.Errorf("limit 118: %v", err)
	}
}

// TestNesting parses what is just allowed, and no more.
func TestNesting(t *testing.T) {
	nested := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	if _, err := parseLiteral(nested(maxDepth+1), 0, false); err != nil {
		t.Error(err)
	}
	for _, n := range []int{maxDepth + 2, 1_000_000} {
		if _, err := parseLiteral(nested(n), 0, false); !errors.Is(err, tensor.ErrFormat) {
			t.Errorf("%d levels: %v", n, err)
		}
	}
}

func TestRepr(t *testing.T) {
	for s, want := range map[string]string{
		"":              `''`,
		"plain":         `'plain'`,
		"it's":          `"it's"`,
		`both ' and "`:  `'both \' and "'`,
		`back\slash`:    `'back\\slash'`,
		"a\n\r\t\x01":   `'a\n\r\t\x01'`,
		"\u00e9\u65e5":  "'\u00e9\u65e5'",
		"\u00a0\u200b":  `'\xa0\u200b'`,
		"\U0001f600":    "'\U0001f600'",
		"\U000e0001tag": `'\U000e0001tag'`,
	} {
		got := string(appendRepr(nil, s))
		if got != want {
			t.Errorf("%q: got %s, want %s", s, got, want)
		}
		n, err := parseLiteral([]byte(got), 0, false)
		if err != nil || n.text != s {
			t.Errorf("%s came back as %q, %v", got, n.text, err)
		}
	}
}

func TestUnits(t *testing.T) {
	for text, want := range map[string]string{
		"<M8[ns]": "ns", "<m8[25s]": "25s", "<M8": "generic", "<M8[generic]": "generic", "<M8[1D]": "D", ">M8[2147483647as]": "2147483647as",
	} {
		d, err := parseDescr(text)
		if err != nil || d.unit != want || d.elem != tensor.I64 {
			t.Errorf("%s: %+v, %v", text, d, err)
		}
	}
	for _, text := range []string{"<M8[]", "<M8[ns", "<M8[05s]", "<M8[2147483648s]", "<M8[s]x", "<M8[10ms/2]", "<M8[2generic]"} {
		if d, err := parseDescr(text); !errors.Is(err, tensor.ErrUnsupported) {
			t.Errorf("%s: %+v, %v", text, d, err)
		}
	}
}

// TestLeaves finds the fields of structures where NumPy has them.
func TestLeaves(t *testing.T) {
	d, err := parseDescr("[('a', '|i1'), ('', '|V3'), ('p', [('x', '<f4'), ('y', '>i2', (2,))], (3, 2)), (('t', 'z'), ('<u2', (2,)), (4,))]")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range d.leaves() {
		got = append(got, strings.Join(l.path, "/")+" "+l.scalar.text+" "+count(l.offset)+" "+l.dims.String()+" "+l.strides.String())
	}
	want := []string{
		"a |i1 0 () ()",
		"p/x <f4 4 (3, 2) (16, 8)",
		"p/y >i2 8 (3, 2, 2) (16, 8, 2)",
		"z <u2 52 (4, 2) (4, 2)",
	}
	if !reflect.DeepEqual(got, want) || d.size != 68 {
		t.Errorf("got %q of %d bytes, want %q of 68", got, d.size, want)
	}
}

func TestNameOf(t *testing.T) {
	for path, want := range map[string]string{
		"weights.npy": "weights", "dir/a.b.npy": "a.b", "a.NPY": "a", "plain": "plain", "x.bin": "x.bin",
		"": "array", "-": "array", ".npy": "array", "a\n\x1b\xff\u65e5.npy": "a___\u65e5", "/": "array",
	} {
		if got := nameOf(path); got != want {
			t.Errorf("%q: got %q, want %q", path, got, want)
		}
	}
	if got := nameOf(strings.Repeat("\u65e5", 1000)); len(got) > 512 || checkName(got) != nil {
		t.Errorf("a long name has %d bytes", len(got))
	}
}

// goldenFiles gives fuzz targets the bytes of every golden.
func goldenFiles(f *testing.F, ext string) [][]byte {
	paths, err := filepath.Glob("../../testdata/npy/*" + ext)
	if err != nil || len(paths) < 5 {
		f.Fatal(len(paths), err)
	}
	var all [][]byte
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

// FuzzHeader parses any bytes as the text of a header; what parses is written
// again and must mean the same.
func FuzzHeader(f *testing.F) {
	for _, b := range goldenFiles(f, ".npy") {
		if len(b) < 4096 {
			start := 10
			if b[6] > 1 {
				start = 12
			}
			head, _, _ := bytes.Cut(b[start:], []byte("\n"))
			f.Add(head, b[6])
		}
	}
	f.Add([]byte("{'descr': [('a', ('<f4', (2L,)), (3,))], 'fortran_order': True, 'shape': ()}"), byte(1))
	f.Fuzz(func(t *testing.T, text []byte, major byte) {
		major = 1 + major%3
		if len(text) == 0 || len(text) > maxHeader {
			return
		}
		h, err := parseHeader(text, 10, major)
		if err == nil {
			_, err = h.dataSize()
		}
		if err != nil {
			var te *tensor.Error
			if !errors.As(err, &te) || te.Kind == nil || te.Offset > int64(10+len(text)) {
				t.Fatalf("%v (%+v)", err, te)
			}
			return
		}
		descr := string(h.dtype.appendDescr(nil))
		b, err := encodeHeader(descr, h.fortran, h.shape)
		if err != nil {
			t.Fatal(err)
		}
		again := mustParse(t, b)
		if again.fortran != h.fortran || !again.shape.Equal(h.shape) || string(again.dtype.appendDescr(nil)) != descr {
			t.Fatalf("%q came back as %q", text, b)
		}
		l1, l2 := h.dtype.leaves(), again.dtype.leaves()
		if len(l1) != len(l2) || again.dtype.size != h.dtype.size {
			t.Fatalf("%q: %d fields of %d bytes came back as %d of %d", text, len(l1), h.dtype.size, len(l2), again.dtype.size)
		}
		for i := range l1 {
			a, b := l1[i], l2[i]
			if strings.Join(a.path, "\x00") != strings.Join(b.path, "\x00") || a.offset != b.offset || a.scalar.size != b.scalar.size || a.scalar.kind != b.scalar.kind && a.scalar.kind != 'f' || !a.dims.Equal(b.dims) {
				t.Fatalf("%q: field %v came back as %v", text, a, b)
			}
		}
	})
}
