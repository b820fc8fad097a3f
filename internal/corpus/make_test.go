package corpus

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

var update = flag.Bool("update", false, "make the files of testdata/accept that are not there")

const acceptDir = "../../testdata/accept"

var ctx = context.Background()

// maker fills one file; it keeps the first error.
type maker struct {
	t    *testing.T
	w    *tensorfile.Writer
	said []said // of add
}

func (m *maker) must(err error) {
	if err != nil {
		m.t.Helper()
		m.t.Fatal(err)
	}
}

// add adds a tensor of the given C-order bytes.
func (m *maker) add(name string, d tensor.DType, shape tensor.Shape, b []byte, o *tensorfile.TensorOptions) {
	m.t.Helper()
	m.must(m.w.AddReader(ctx, name, d, shape, bytes.NewReader(b), o))
	m.said = append(m.said, said{name, d, shape, b})
}

// floats adds a tensor of the values given.
func (m *maker) floats(name string, shape tensor.Shape, o *tensorfile.TensorOptions, values ...float32) {
	m.t.Helper()
	v, err := tensor.FromSlice(values)
	m.must(err)
	v, err = v.Reshape(shape)
	m.must(err)
	m.must(m.w.Add(ctx, name, v, o))
}

// noise is n bytes from a seed.
func noise(seed uint64, n int) []byte {
	rng := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// An accept is one file: how it is filled, and what is done to its bytes then.
type accept struct {
	fill   func(*maker)
	stream bool
	after  func([]byte) []byte
}

var accepts = map[string]accept{
	"one-scalar": {fill: func(m *maker) {
		m.floats("x", nil, nil, 1.5)
	}},
	"two-tensors": {fill: func(m *maker) {
		m.must(m.w.SetAttrs(tensorfile.Attrs{"title": "two tensors"}))
		m.floats("bias", tensor.Shape{3}, nil, 1, 2, 3)
		m.floats("weight", tensor.Shape{3, 2}, &tensorfile.TensorOptions{Dims: []string{"out", "in"}}, 0.5, -0.5, 0.25, -0.25, 0.125, -0.125)
	}},
	"empty":           {fill: func(*maker) {}},
	"aliased-strided": {fill: aliased},
	"all-dtypes":      {fill: allDTypes},
	"names":           {fill: names},
	"attributes":      {fill: attributes},
	"big-aligned": {fill: func(m *maker) {
		m.add("small", tensor.U8, tensor.Shape{100}, noise(1, 100), nil)
		m.add("big", tensor.U16, tensor.Shape{350, 100}, noise(2, 70_000), nil)
		m.add("behind", tensor.U8, tensor.Shape{5}, noise(3, 5), nil)
	}},
	"two-blocks": {fill: func(m *maker) {
		b := make([]byte, 1<<20+1000)
		for i := range b {
			b[i] = byte(i>>8) ^ byte(i>>16)
		}
		m.add("x", tensor.U8, tensor.Shape{int64(len(b))}, b, nil)
	}},
	"streamed": {stream: true, fill: func(m *maker) {
		m.floats("a", tensor.Shape{2, 2}, nil, 1, 2, 3, 4)
		m.add("b", tensor.I64, tensor.Shape{4}, noise(4, 32), nil)
	}},
	"leftover": {
		fill:  func(m *maker) { m.floats("x", tensor.Shape{2}, nil, 1, 2) },
		after: func(b []byte) []byte { return append(b, noise(5, 1000)...) },
	},
	"torn-slot": {
		fill: func(m *maker) { m.floats("x", tensor.Shape{2}, nil, 1, 2) },
		after: func(b []byte) []byte {
			copy(b[format.SlotB:], noise(6, 512)) // a sector of the page that a power cut spoilt
			return b
		},
	},
	"empty-shapes":    {fill: emptyShapes},
	"chunks":          {fill: chunks},
	"chunks-optional": {fill: chunksOptional},
	"chunks-missing":  {fill: chunksMissing},
	"chunks-grown":    {fill: chunksGrown, after: grow},

	"composites":        {fill: composites},
	"composites-chunks": {fill: compositesInChunks},
}

func aliased(m *maker) {
	b := make([]byte, 0, 96)
	for i := range 24 {
		b = append(b, byte(i), 0, byte(i*3), 0xff)
	}
	id, err := m.w.AddStorage(ctx, 96, bytes.NewReader(b))
	m.must(err)
	on := func(name string, shape tensor.Shape, strides tensor.Strides, offset int64) {
		m.must(m.w.TensorOn(id, name, tensor.I32, shape, strides, offset, nil))
	}
	on("base", tensor.Shape{4, 6}, tensor.Strides{24, 4}, 0)
	on("again", tensor.Shape{4, 6}, tensor.Strides{24, 4}, 0)
	on("transposed", tensor.Shape{6, 4}, tensor.Strides{4, 24}, 0)
	on("backwards", tensor.Shape{4, 6}, tensor.Strides{-24, -4}, 92)
	on("rows backwards", tensor.Shape{4, 6}, tensor.Strides{-24, 4}, 72)
	on("every second column", tensor.Shape{4, 3}, tensor.Strides{24, 8}, 4)
	on("row, broadcast", tensor.Shape{5, 6}, tensor.Strides{0, 4}, 24)
	on("one element, broadcast", tensor.Shape{3, 3}, tensor.Strides{0, 0}, 40)
	on("windows", tensor.Shape{20, 5}, tensor.Strides{4, 4}, 0)
	on("diagonal", tensor.Shape{4}, tensor.Strides{28}, 0)
	on("scalar", nil, nil, 52)
	on("three axes", tensor.Shape{2, 3, 4}, tensor.Strides{48, 4, 12}, 0)
	m.must(m.w.TensorOn(id, "as bytes", tensor.U8, tensor.Shape{3, 5}, tensor.Strides{7, 2}, 1, nil))
	m.must(m.w.TensorOn(id, "real parts", tensor.F32, tensor.Shape{12}, tensor.Strides{8}, 0, nil))
	m.must(m.w.TensorOn(id, "nibbles", tensor.I4, tensor.Shape{4, 7}, tensor.Strides{24, 1}, 3, nil))
}

// allDTypes adds a tensor of every registered dtype under its name.
func allDTypes(m *maker) {
	var list []tensor.DType
	for _, name := range strings.Fields("bool bool1 i4 i8 i16 i32 i64 u4 u8 u16 u32 u64 f16 bf16 f32 f64 f8_e4m3fn f8_e5m2 f8_e4m3fnuz f8_e5m2fnuz f8_e8m0 f4_e2m1 f6_e2m3 f6_e3m2 c64 c128 V3 S5 <U3") {
		d, err := tensor.ParseDType(name)
		m.must(err)
		list = append(list, d)
	}
	for i := range 256 {
		if d, ok := tensor.Block(i); ok {
			list = append(list, d)
		}
	}
	for i, d := range list {
		// Two rows; packed rows end inside a unit.
		shape := tensor.Shape{2, 3}
		switch {
		case d.Class == tensor.ClassBlock:
			shape[1] = int64(d.UnitElems)
		case d.Packed():
			shape[1] = 2*int64(d.UnitElems) - 1
		}
		n, err := tensor.ByteSize(d, shape)
		m.must(err)
		b := noise(uint64(i), int(n))
		switch {
		case d == tensor.Bool:
			for i := range b {
				b[i] &= 1
			}
		case d == tensor.Text(5):
			b = []byte("a\x00\x00\x00\x00bcdef\x00\x00\x00\x00\x00\xff\xfe\x00\x00\x00xy\x00\x00\x00z\x00\x00\x00\x00")
		case d == tensor.UTF32(3):
			b = b[:0]
			for _, s := range []string{"abc", "é", "", "日本語", "🙂", "zz"} {
				r := append([]rune(s), 0, 0, 0)[:3]
				for _, c := range r {
					b = append(b, byte(c), byte(c>>8), byte(c>>16), 0)
				}
			}
		case d.Packed() && d.Class != tensor.ClassBlock:
			zeroRest(b, d, shape)
		}
		m.add(d.String(), d, shape, b, nil)
	}
}

// zeroRest clears the bits behind the last element of each row.
func zeroRest(b []byte, d tensor.DType, shape tensor.Shape) {
	row := int64(len(b)) / shape[0]
	used := shape[1] * int64(d.Bits)
	for r := range shape[0] {
		for bit := used; bit < row*8; bit++ {
			b[r*row+bit/8] &^= 1 << (bit % 8)
		}
	}
}

func names(m *maker) {
	for i, name := range []string{
		"a", "A", "a ", " a", "a b", "a/b", "a.b", "../../x", "/etc/x", `C:\x`, "CON", ".", "..", "-", "--help",
		"w[0]", "w[0:10, ::2, -1]", "[", "]", "*", "?", "=", "a=b", `"`, `'`, `\`, "\\n", "%s", "<script>", "$HOME",
		"caf\u00e9", "cafe\u0301", "日本語", "🙂", "\u202egnol", "\u200b", "\ufeff", "\u0085", "\u2028", "\ufffd", "\U0010ffff",
		strings.Repeat("n", 1024), strings.Repeat("é", 512),
	} {
		m.add(name, tensor.U8, tensor.Shape{1}, []byte{byte(i)}, nil)
	}
}

func attributes(m *maker) {
	deep := any("bottom")
	for range 30 {
		deep = []any{deep}
	}
	long := make([]any, format.MaxAttrArray)
	for i := range long {
		long[i] = int64(i % 10)
	}
	m.must(m.w.SetAttrs(tensorfile.Attrs{
		"null": nil, "true": true, "false": false,
		"": "the empty key", "key \u00e9 \U0001f642": "text \u00e9 \U0001f642 \u2028 </script> \" \\ / \b\f\n\r\t\x01\x7f",
		"empty string": "", "empty array": []any{}, "empty object": map[string]any{},
		"nul in text": "a\x00b",
		"int64 min":   int64(math.MinInt64), "int64 max": int64(math.MaxInt64), "uint64 max": uint64(math.MaxUint64), "zero": int64(0),
		"float 1": 1.0, "float 0.1": 0.1, "float -0": math.Copysign(0, -1), "float max": math.MaxFloat64, "float min": math.SmallestNonzeroFloat64,
		"float 2^53+2": 9007199254740994.0, "float 1e21": 1e21, "float 1e-7": 1e-7, "float 1e23": 1e23,
		"nan": math.NaN(), "nan payload": math.Float64frombits(0xfff0_0000_dead_beef), "inf": math.Inf(1), "-inf": math.Inf(-1),
		"float32": float32(0.1), "float32 nan": math.Float32frombits(0x7fc0_0001), "bytes": []byte{0, 1, 0xff}, "no bytes": []byte{},
		"deep": deep, "long": long,
		"object": map[string]any{"b": int64(1), "a": []any{nil, true, "x", map[string]any{"$not": int64(1), "alone": int64(2)}}},
	}))
	one := &tensorfile.TensorOptions{Dims: []string{"batch", "", "channel"}, Attrs: tensorfile.Attrs{
		"unit": "m/s", "sample_rate": int64(48000), "orientation": int64(6), "source": map[string]any{"format": "none"},
		"colour": map[string]any{"model": "bgr", "space": "srgb", "icc": []byte{1, 2, 3}},
		"axes":   []any{map[string]any{"description": "which"}, nil, map[string]any{"unit": "m", "start": 0.5, "step": int64(2), "labels": []any{"b", "g"}}},
	}}
	m.floats("named axes", tensor.Shape{1, 2, 2}, one, 1, 2, 3, 4)
	m.floats("no attributes", tensor.Shape{1}, nil, 1)
	m.floats("scalar", nil, &tensorfile.TensorOptions{Attrs: tensorfile.Attrs{"dims": []any{}}}, 1)
	none, err := tensor.Make(tensor.F32, tensor.Shape{0})
	m.must(err)
	m.must(m.w.Add(ctx, "no elements", none, &tensorfile.TensorOptions{Dims: []string{"nothing"}}))
}

func emptyShapes(m *maker) {
	for _, shape := range []tensor.Shape{{0}, {3, 0, 2}, {0, 1 << 40}, {1 << 40, 0}, {0, 0}} {
		v, err := tensor.Make(tensor.F32, shape)
		m.must(err)
		m.must(m.w.Add(ctx, shape.String(), v, nil))
	}
	id, err := m.w.AddStorage(ctx, 8, bytes.NewReader(noise(7, 8)))
	m.must(err)
	m.must(m.w.TensorOn(id, "at the end of its storage", tensor.F64, tensor.Shape{0, 5}, tensor.Strides{8, 8}, 8, nil))
	m.must(m.w.TensorOn(id, "far strides", tensor.F64, tensor.Shape{0, 5}, tensor.Strides{1 << 40, -1 << 40}, 0, nil))
	ones := make(tensor.Shape, format.MaxRank)
	far := make(tensor.Strides, format.MaxRank)
	for i := range ones {
		ones[i], far[i] = 1, int64(i)<<50
	}
	m.must(m.w.TensorOn(id, "32 axes of one", tensor.F64, ones, far, 0, nil))
	empty, err := m.w.AddStorage(ctx, 0, bytes.NewReader(nil))
	m.must(err)
	m.must(m.w.TensorOn(empty, "on an empty storage", tensor.U8, tensor.Shape{0}, nil, 0, nil))
}

// build makes the bytes of an accept file. number tells files apart.
func build(t *testing.T, a accept, number int) []byte {
	t.Helper()
	o := &tensorfile.CreateOptions{Deterministic: true, Time: time.Unix(1_600_000_000+int64(number), 0), NoSync: true}
	path := filepath.Join(t.TempDir(), "a.tensor")
	var out bytes.Buffer
	m := &maker{t: t}
	var err error
	if a.stream {
		m.w, err = tensorfile.NewWriter(io.Writer(&out), o)
	} else {
		m.w, err = tensorfile.Create(path, o)
	}
	m.must(err)
	defer m.w.Close()
	a.fill(m)
	made = m.said
	m.must(m.w.Commit(ctx))
	b := out.Bytes()
	if !a.stream {
		b, err = os.ReadFile(path)
		m.must(err)
	}
	if a.after != nil {
		b = a.after(b)
	}
	return b
}

// Every file of the corpus can be made, twice the same; with -update those that
// are not there are written.
func TestMake(t *testing.T) {
	for i, name := range slices.Sorted(maps.Keys(accepts)) {
		b := build(t, accepts[name], i)
		if !bytes.Equal(b, build(t, accepts[name], i)) {
			t.Errorf("%s: two runs give other bytes", name)
		}
		path := filepath.Join(acceptDir, name+".tensor")
		if _, err := os.Stat(path); err == nil {
			continue
		}
		if !*update {
			t.Errorf("%s is not there: run with -update", path)
			continue
		}
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(name, "chunks") {
			expect(t, strings.TrimSuffix(path, "tensor")+"json")
		}
		fmt.Println("made", path)
	}
}
