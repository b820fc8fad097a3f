package tensor

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
)

type printCase struct {
	DType string
	Shape Shape
	Data  []byte
	Opts  FormatOptions
	Text  string
}

func printCases(t testing.TB) []printCase {
	t.Helper()
	raw, err := os.ReadFile("testdata/prints.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	var cases []printCase
	for d := json.NewDecoder(bufio.NewReader(z)); ; {
		var c printCase
		switch err := d.Decode(&c); err {
		case nil:
			cases = append(cases, c)
		case io.EOF:
			return cases
		default:
			t.Fatal(err)
		}
	}
}

func (c *printCase) view(t testing.TB) View {
	t.Helper()
	d, err := ParseDType(c.DType)
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewView(c.Data, d, c.Shape, nil, 0, LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestFormatEqualsNumPy(t *testing.T) {
	cases := printCases(t)
	if len(cases) < 1000 {
		t.Errorf("%d cases", len(cases))
	}
	bad := 0
	for i, c := range cases {
		v := c.view(t)
		if got := Format(v, &c.Opts); got != c.Text {
			t.Errorf("case %d: %s %v %+v: got\n%s\nwant\n%s", i, c.DType, c.Shape, c.Opts, got, c.Text)
			if bad++; bad > 10 {
				return
			}
		}
	}
}

// TestFormatViews prints what is not plain C order in host order.
func TestFormatViews(t *testing.T) {
	base, err := FromSlice([]int16{0, 1, 2, 3, 4, 5}, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	turned, err := base.Permute(1, 0)
	if err != nil {
		t.Fatal(err)
	}
	flipped, err := turned.Flip(0)
	if err != nil {
		t.Fatal(err)
	}
	big, err := NewView([]byte{1, 2, 3, 4}, U16, Shape{2}, nil, 0, BigEndian)
	if err != nil {
		t.Fatal(err)
	}
	bigText, err := NewView([]byte{0, 0, 0, 'a', 0, 0x10, 0xff, 0xff, 0, 0, 0xd8, 0, 0xff, 0, 0, 0}, UTF32(4), Shape{}, nil, 0, BigEndian)
	if err != nil {
		t.Fatal(err)
	}
	blockType, ok := Block(2) // q4_0: 32 elements in 18 bytes
	if !ok {
		t.Fatal("no block type 2")
	}
	blocks, err := NewView(bytes.Repeat([]byte{0xab, 1}, 36), blockType, Shape{2, 64}, nil, 0, LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	unit := strings.Repeat("ab01", 9)
	unknown, err := NewView(bytes.Repeat([]byte{0xf0}, 40), DType{Class: 99, Bits: 3, UnitElems: 1, UnitBytes: 40}, Shape{1}, nil, 0, LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	wide, err := NewView(bytes.Repeat([]byte{'x'}, 2000), Text(2000), Shape{1}, nil, 0, LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		v    View
		opts *FormatOptions
		want string
	}{
		{"zero", View{}, nil, "[]"},
		{"transposed", turned, nil, "[[0 3]\n [1 4]\n [2 5]]"},
		{"flipped", flipped, nil, "[[2 5]\n [1 4]\n [0 3]]"},
		{"big-endian", big, nil, "[258 772]"},
		{"big-endian text", bigText, nil, `'a\U0010ffff\ud800\Uff000000'`},
		{"blocks", blocks, &FormatOptions{LineWidth: 100}, "[[" + unit + " " + unit + "]\n [" + unit + " " + unit + "]]"},
		{"unknown", unknown, nil, "[" + strings.Repeat("f0", 32) + "...]"},
		{"unknown in full", unknown, &FormatOptions{Full: true}, "[" + strings.Repeat("f0", 40) + "]"},
		{"wide text", wide, nil, "[b'" + strings.Repeat("x", 1024) + "'...]"},
		{"wide text in full", wide, &FormatOptions{Full: true}, "[b'" + strings.Repeat("x", 2000) + "']"},
	} {
		if got := Format(c.v, c.opts); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
	if got := fmt.Sprint(base); got != "[[0 1 2]\n [3 4 5]]" {
		t.Errorf("String is %s", got)
	}
}

// TestFormatEnormous prints views of more elements than there are bytes, or
// time to count them.
func TestFormatEnormous(t *testing.T) {
	one, err := FromSlice([]float64{1.5})
	if err != nil {
		t.Fatal(err)
	}
	v, err := one.BroadcastTo(Shape{1 << 20, 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	row := "[1.5 1.5 1.5 ... 1.5 1.5 1.5]"
	want := "[" + row + "\n " + row + "\n " + row + "\n ...\n " + row + "\n " + row + "\n " + row + "]"
	if got := v.String(); got != want {
		t.Errorf("got\n%s", got)
	}

	deep := make(Shape, 32)
	for i := range deep {
		deep[i] = 3
	}
	if v, err = one.BroadcastTo(deep); err != nil {
		t.Fatal(err)
	}
	got := v.String()
	if len(got) > 64<<20 || !strings.HasPrefix(got, strings.Repeat("[", 32)+"1.5 ") || !strings.HasSuffix(got, "\n ...]") {
		t.Errorf("%d bytes, begins %.200q, ends %q", len(got), got, got[max(len(got)-100, 0):])
	}
	if n := strings.Count(got, "1.5"); n > maxSummary {
		t.Errorf("%d elements", n)
	}

	// The first and the last element of a packed row.
	packed, err := NewView(make([]byte, 4), I4, Shape{3, 8}, Strides{0, 1}, 0, LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	if got := Format(packed, &FormatOptions{Threshold: -1, EdgeItems: 1}); got != "[[0 ... 0]\n ...\n [0 ... 0]]" {
		t.Errorf("packed: %s", got)
	}
}

// failAfter is a writer that takes n bytes.
type failAfter int

func (n *failAfter) Write(p []byte) (int, error) {
	if *n -= failAfter(len(p)); *n < 0 {
		return 0, errors.ErrUnsupported
	}
	return len(p), nil
}

func TestFprint(t *testing.T) {
	v, err := Make(F32, Shape{300, 300})
	if err != nil {
		t.Fatal(err)
	}
	data, err := Data[float32](v)
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		data[i] = float32(i) / 16
	}
	o := &FormatOptions{Full: true}
	var b bytes.Buffer
	if err := Fprint(&b, v, o); err != nil || b.String() != Format(v, o) {
		t.Errorf("differs from Format (%v)", err)
	}
	for _, room := range []failAfter{0, 1000, failAfter(b.Len() - 1)} {
		if err := Fprint(&room, v, o); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("a failing writer gives %v", err)
		}
	}
}

// TestFormatPackedSummary shows the last elements of rows that end, and whose
// edge begins, inside a unit.
func TestFormatPackedSummary(t *testing.T) {
	for _, d := range []DType{I4, U4, Bool1, F4E2M1, F6E3M2} {
		plain := make([]uint8, 2*1001)
		for i := range plain {
			plain[i] = uint8(i*7%5) / 2
		}
		u, err := FromSlice(plain, 2, 1001)
		if err != nil {
			t.Fatal(err)
		}
		v, err := u.Cast(d)
		if err != nil {
			t.Fatal(err)
		}
		back, err := v.Cast(F64)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.NewReplacer("1.", "1", "2.", "2", "0.", "0").Replace(back.String())
		if d == Bool1 {
			truth, err := back.Cast(Bool)
			if err != nil {
				t.Fatal(err)
			}
			want = truth.String()
		}
		if got := v.String(); got != want {
			t.Errorf("%v: got\n%s\nwant\n%s", d, got, want)
		}
	}
}

func FuzzFormat(f *testing.F) {
	f.Add([]byte("0123456789abcdef"), uint8(3), uint8(0), int8(0), int8(0))
	f.Add(bytes.Repeat([]byte{0xff}, 64), uint8(15), uint8(1), int8(-1), int8(5))
	types := append([]DType{Opaque(3), Text(4), UTF32(2), {99, 1, 3, 1, 2}}, numericTypes...)
	f.Fuzz(func(t *testing.T, data []byte, kind, rows uint8, precision, width int8) {
		d := types[int(kind)%len(types)]
		n := int64(len(data)) / int64(d.UnitBytes) * int64(d.UnitElems)
		s := Shape{n}
		if r := int64(rows%5) + 1; r > 1 {
			s = Shape{r, n / r / int64(d.UnitElems) * int64(d.UnitElems)}
		}
		v, err := NewView(data, d, s, nil, 0, ByteOrder(rows>>7))
		if err != nil {
			t.Fatal(err)
		}
		o := &FormatOptions{Precision: int(precision), LineWidth: int(width), Threshold: 20, Suppress: rows&64 != 0}
		text := Format(v, o)
		for _, r := range text {
			if r < ' ' && r != '\n' || r == 0x7f {
				t.Fatalf("control character in %q", text)
			}
		}
		if strings.Count(text, "[") < 1 && v.n > 0 {
			t.Fatalf("no brackets: %q", text)
		}
	})
}

func BenchmarkFormat(b *testing.B) {
	for _, d := range []DType{I32, F16, F32, F64, C64} {
		v, err := Make(d, Shape{100, 100})
		if err != nil {
			b.Fatal(err)
		}
		u, err := Make(F64, Shape{100, 100})
		if err != nil {
			b.Fatal(err)
		}
		data, err := Data[float64](u)
		if err != nil {
			b.Fatal(err)
		}
		for i := range data {
			data[i] = math.Sin(float64(i)) * 100
		}
		if err := Cast(v, u); err != nil {
			b.Fatal(err)
		}
		for _, full := range []bool{false, true} {
			b.Run(fmt.Sprintf("dtype=%v/full=%v", d, full), func(b *testing.B) {
				b.SetBytes(v.ByteSize())
				for b.Loop() {
					if err := Fprint(io.Discard, v, &FormatOptions{Full: full}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// TestShortestFloat16 compares the shortest digits of every positive code, as
// NumPy's format_float_scientific writes them (gen_print.py prints the sum).
func TestShortestFloat16(t *testing.T) {
	f := newFloatFormat(elemF16, 8, false, false)
	h := sha256.New()
	for c := range 0x7c00 {
		h.Write(append(f.shortest(Float16(c).Float64(), 'e'), '\n'))
	}
	const want = "3184bcd9c57d35a01e2e9129fb2a0cca91a8b93a20cb99c734cfe2ae806d9c0c"
	if got := fmt.Sprintf("%x", h.Sum(nil)); got != want {
		t.Errorf("sum is %s", got)
	}
	for c := range 0x10000 {
		h := Float16(c)
		x, err := strconv.ParseFloat(h.String(), 64)
		if err != nil {
			t.Fatal(err)
		}
		if back := ToFloat16(x); back != h && !h.IsNaN() {
			t.Fatalf("%#x is %s, which is %#x", c, h, back)
		}
	}
}
