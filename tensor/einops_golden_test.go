package tensor

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/internal/golden"
)

// einopsCase is a line of testdata/einops.jsonl.gz; see gen_einops.py.
type einopsCase struct {
	About   string    `json:"about"`
	Op      string    `json:"op"`
	Pattern string    `json:"p"`
	Sizes   Sizes     `json:"z"`
	DType   string    `json:"d"`
	Base    Shape     `json:"n"`
	Order   []int     `json:"o"`
	Steps   []int64   `json:"k"`
	Kind    string    `json:"v"`
	Salt    int64     `json:"i"`
	Big     int       `json:"b"`
	Refused int       `json:"w"`
	Words   string    `json:"e"` // in which einops refuses, as we put them
	Parsed  Sizes     `json:"m"`
	Shape   Shape     `json:"s"`
	Result  string    `json:"r"` // dtype
	Same    *int      `json:"same"`
	CRC     *uint32   `json:"c"`
	Values  []string  `json:"y"`
	Within  []float64 `json:"t"`
}

// einopsInput makes the array that the script starts from.
func (c *einopsCase) input(t testing.TB) View {
	t.Helper()
	d := einopsDType(t, c.DType)
	n, err := c.Base.NumElements()
	if err != nil {
		t.Fatal(err)
	}
	var v View
	if c.Kind == "bytes" {
		data := make([]byte, n*int64(d.UnitBytes))
		for i := range data {
			data[i] = byte(int64(i)*167 + int64(i>>8)*13 + 11 + 59*c.Salt)
			if d == Bool {
				data[i] &= 1
			}
		}
		if v, err = NewView(data, d, c.Base, nil, 0, LittleEndian); err != nil {
			t.Fatal(err)
		}
	} else {
		small := make([]float64, n)
		for i := range small {
			h := (uint64(i) + uint64(c.Salt)) * 0x9e3779b97f4a7c15 >> 32
			x := float64(h % 5)
			if d.Class != ClassBool && d.Class != ClassUint {
				x -= 2
			}
			switch {
			case c.Kind == "ones" && h%7 != 0:
				x = 1
			case c.Kind == "real":
				x = float64(h)/(1<<32) - 0.5
			case c.Kind == "special" && h%61 < 4:
				x = []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1)}[h%61]
			}
			small[i] = x
		}
		var wide View
		if d.Class == ClassComplex {
			pairs := make([]complex128, n)
			for i, x := range small {
				if pairs[i] = complex(x, 0); c.Kind != "special" {
					pairs[i] = complex(x, small[(i+len(small)-1)%len(small)])
				}
			}
			wide, err = NewView(castBytes128(pairs), C128, c.Base, nil, 0, HostOrder)
		} else {
			wide, err = NewView(castBytes64(small), F64, c.Base, nil, 0, HostOrder)
		}
		if err == nil {
			v, err = wide.Cast(d)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if order := ByteOrder(c.Big); order != v.order {
		swapped, err := NewView(make([]byte, v.ByteSize()), d, c.Base, nil, 0, order)
		if err == nil {
			err = Copy(swapped, v)
		}
		if err != nil {
			t.Fatal(err)
		}
		v = swapped
	}
	if len(c.Order) > 0 {
		if v, err = v.Permute(c.Order...); err != nil {
			t.Fatal(err)
		}
	}
	for axis, k := range c.Steps {
		if v, err = v.Slice(axis, None, None, k); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

func castBytes64(x []float64) []byte {
	v, _ := FromSlice(x)
	return v.bytes()
}

func castBytes128(x []complex128) []byte {
	v, _ := FromSlice(x)
	return v.bytes()
}

func einopsDType(t testing.TB, name string) DType {
	t.Helper()
	if strings.Contains("i1 u1 i2 u2 i4 u4 i8 u8 f2 f4 f8 c8 c16 U2 b1", name) {
		name = "<" + name
	}
	if name == "?" {
		name = "bool"
	}
	d, err := ParseDType(name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// check runs the case and compares; it returns how many elements it saw.
func (c *einopsCase) check(t testing.TB) int64 {
	t.Helper()
	v := c.input(t)
	what := fmt.Sprintf("%s %q %v of %s %v from %v %v %v", c.Op, c.Pattern, c.Sizes, c.DType, v.shape, c.Base, c.Order, c.Steps)
	out, copied, parsed, err := c.run(t, v)
	if c.Refused != 0 || err != nil {
		switch {
		case err == nil:
			t.Errorf("%s is %v; einops refuses: %s", what, out.shape, c.Words)
		case c.Refused == 0:
			t.Errorf("%s: %v; einops gives %v", what, err, c.Shape)
		case !strings.Contains(err.Error(), c.Words):
			t.Errorf("%s: %v; einops has %q", what, err, c.Words)
		}
		return 0
	}
	if c.Op == "parse" {
		if len(parsed) != len(c.Parsed) {
			t.Errorf("%s is %v, want %v", what, parsed, c.Parsed)
		}
		for name, n := range c.Parsed {
			if m, ok := parsed[name]; !ok || m != n {
				t.Errorf("%s is %v, want %v", what, parsed, c.Parsed)
			}
		}
		return 0
	}
	if !out.shape.Equal(c.Shape) || out.dtype != einopsDType(t, c.Result) {
		t.Errorf("%s is %v of %v, want %s of %v", what, out.dtype, out.shape, c.Result, c.Shape)
		return 0
	}
	if c.Same != nil && copied != (*c.Same == 0) {
		t.Errorf("%s: copied %v, in NumPy %v", what, copied, *c.Same == 0)
	}
	if c.CRC != nil {
		if got := crc32.ChecksumIEEE(plainBytes(t, out)); got != *c.CRC {
			t.Errorf("%s: checksum %d, want %d", what, got, *c.CRC)
		}
		return out.n
	}
	got := plainBytes(t, out)
	if len(got) != 8*len(c.Values) {
		t.Errorf("%s: %d bytes for %d values", what, len(got), len(c.Values))
		return 0
	}
	for i, s := range c.Values {
		want, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		g := float64At(got, i)
		if g != want && !(math.Abs(g-want) <= c.Within[i]) && !(g != g && want != want) {
			t.Errorf("%s: element %d is %v, want %v within %g", what, i, g, want, c.Within[i])
			break
		}
	}
	return out.n
}

func float64At(b []byte, i int) float64 {
	v, _ := NewView(b, F64, Shape{int64(len(b) / 8)}, nil, 0, LittleEndian)
	x, _ := v.Float64At(int64(i))
	return x
}

// plainBytes are what is compared: integers and bytes as they are, floats as
// float64 with one NaN and one zero.
func plainBytes(t testing.TB, v View) []byte {
	t.Helper()
	d := v.dtype
	switch d.Class {
	case ClassFloat:
		d = F64
	case ClassComplex:
		d = C128
	}
	wide, err := Make(d, v.shape)
	if err != nil {
		t.Fatal(err)
	}
	if d == v.dtype {
		err = Copy(wide, v)
	} else {
		err = Cast(wide, v)
	}
	if err != nil {
		t.Fatal(err)
	}
	if d == F64 || d == C128 {
		parts, err := NewView(wide.bytes(), F64, Shape{int64(len(wide.bytes()) / 8)}, nil, 0, HostOrder)
		if err != nil {
			t.Fatal(err)
		}
		x, err := Data[float64](parts)
		if err != nil {
			t.Fatal(err)
		}
		for i := range x {
			if x[i] += 0; x[i] != x[i] {
				x[i] = math.Float64frombits(0x7ff8000000000000)
			}
		}
	}
	var buf bytes.Buffer
	if err := wide.WriteCOrder(&buf, LittleEndian); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func (c *einopsCase) run(t testing.TB, v View) (out View, copied bool, parsed Sizes, err error) {
	switch c.Op {
	case "rearrange":
		out, copied, err = Rearrange(v, c.Pattern, c.Sizes)
		if err == nil {
			err = c.aligned(t, v, out)
		}
	case "repeat":
		out, copied, err = Repeat(v, c.Pattern, c.Sizes)
	case "parse":
		parsed, err = ParseShape(v.shape, c.Pattern)
	case "list":
		return c.list(t, v)
	default:
		op, err := ParseReduction(c.Op)
		if err != nil {
			t.Fatal(err)
		}
		out, err = Reduce(v, c.Pattern, op, c.Sizes)
		return out, false, nil, err
	}
	return out, copied, parsed, err
}

// aligned checks that a copy by way of Align is the whole rearrangement, and the
// shape without data.
func (c *einopsCase) aligned(t testing.TB, v, want View) error {
	p, err := ParsePattern(c.Pattern)
	if err != nil {
		return err
	}
	aligned, final, err := p.Align(v, c.Sizes)
	if err != nil {
		return err
	}
	dst, err := Make(v.dtype, final)
	if err != nil {
		return err
	}
	whole, err := dst.Reshape(aligned.shape)
	if err != nil {
		return err
	}
	if err := Copy(whole, aligned); err != nil {
		return err
	}
	if same, err := Equal(dst, want); err != nil || !same {
		t.Errorf("%s %q: Align and Copy give something else (%v)", c.Op, c.Pattern, err)
	}
	s, err := p.OutShape(v.shape, c.Sizes)
	if err != nil || !s.Equal(final) {
		t.Errorf("%s %q: OutShape is %v, %v, want %v", c.Op, c.Pattern, s, err, final)
	}
	return nil
}

// list takes the array as a list of parts, which are seen as one, and of copies,
// which are not. Both must agree.
func (c *einopsCase) list(t testing.TB, v View) (out View, copied bool, parsed Sizes, err error) {
	var parts, copies []View
	for i := range v.shape[0] {
		part, err := v.Index(0, i)
		if err != nil {
			t.Fatal(err)
		}
		own, err := part.Clone()
		if err != nil {
			t.Fatal(err)
		}
		parts, copies = append(parts, part), append(copies, own)
	}
	out, _, err = RearrangeAll(parts, c.Pattern, c.Sizes)
	again, copied, err2 := RearrangeAll(copies, c.Pattern, c.Sizes)
	if (err == nil) != (err2 == nil) {
		t.Errorf("list %q: %v, but of copies %v", c.Pattern, err, err2)
	}
	if err == nil && err2 == nil {
		if same, err := Equal(out, again); err != nil || !same {
			t.Errorf("list %q %v: copies give something else (%v)", c.Pattern, c.Base, err)
		}
		if !copied && len(parts) > 1 && out.n > 0 {
			t.Errorf("list %q: memory here and there is no view", c.Pattern)
		}
	}
	return out, copied, nil, err
}

// einopsTally is what cases came to.
type einopsTally struct {
	cases, tutorials int
	refused, words   int // refused by einops, and by us in the same words
	elements         int64
}

func (n einopsTally) String() string {
	return fmt.Sprintf("%d patterns, %d of tutorials, %d refused, %d in the same words, %d elements", n.cases, n.tutorials, n.refused, n.words, n.elements)
}

func einopsCases(t *testing.T, r io.Reader) (n einopsTally) {
	t.Helper()
	n.cases = golden.Each(t, r, func(c *einopsCase) {
		n.elements += c.check(t)
		n.refused += c.Refused
		if c.Words != "" {
			n.words++
		}
		if c.About != "" {
			n.tutorials++
		}
	})
	t.Log(n)
	return n
}

func TestEinops(t *testing.T) {
	n := einopsCases(t, golden.Kept(t, "testdata/einops.jsonl.gz"))
	if n.cases < 1000 || n.tutorials < 100 || n.refused < 140 || n.words < 120 {
		t.Error("too few")
	}
}

// TestEinopsInterop runs other patterns beside a living einops.
func TestEinopsInterop(t *testing.T) {
	lines, _ := golden.Fresh(t, "einops", "testdata/gen_einops.py", 6000)
	n := einopsCases(t, lines)
	if n.cases < 5000 || n.refused < n.cases/10 || n.words < n.refused*4/5 {
		t.Error("too few")
	}
}
