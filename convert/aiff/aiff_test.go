package aiff_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/aiff"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

func mapped(b []byte, path string) *mmap.Map {
	return mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), path)
}

// open opens b as a file called x.aiff.
func open(t testing.TB, b []byte) (*tensorfile.File, error) {
	t.Helper()
	f, err := convert.OpenMap(t.Context(), mapped(b, "x.aiff"), nil)
	if err == nil {
		t.Cleanup(func() { f.Close() })
	}
	return f, err
}

// sound opens b, reads it whole, and returns its attributes.
func sound(t testing.TB, b []byte) (tensor.View, tensorfile.Attrs) {
	t.Helper()
	f, err := open(t, b)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, f, "x")
}

func read(t testing.TB, f *tensorfile.File, name string) (tensor.View, tensorfile.Attrs) {
	t.Helper()
	x, err := f.Tensor(name)
	if err != nil {
		t.Fatal(err)
	}
	v, err := x.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a, err := x.Attrs()
	if err != nil {
		t.Fatal(err)
	}
	return v, a
}

func encode(t testing.TB, v tensor.View, attrs convert.Attrs) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := aiff.Encode(&b, v, attrs); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func from[T tensor.Elem](t testing.TB, x []T, shape ...int64) tensor.View {
	t.Helper()
	if shape == nil {
		shape = []int64{int64(len(x))}
	}
	v, err := tensor.FromSlice(x, shape...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func little(t testing.TB, v tensor.View) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := v.WriteCOrder(&b, tensor.LittleEndian); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type golden struct {
	File, Encoding, DType, Order, SHA256 string
	Rate                                 int64
	Shape                                []int64
	Canonical                            bool
}

// TestGolden reads what libsndfile and Python's aifc module wrote, and writes it
// as a file that reads as the same; those of the aifc module come out byte by
// byte.
func TestGolden(t *testing.T) {
	b, err := os.ReadFile("testdata/manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	var m struct{ Files []golden }
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	for _, g := range m.Files {
		f, err := convert.Open(t.Context(), filepath.Join("testdata", g.File), nil)
		if err != nil {
			t.Errorf("%s: %v", g.File, err)
			continue
		}
		name := strings.TrimSuffix(g.File, ".aiff")
		v, attrs := read(t, f, name)
		sum := sha256.Sum256(little(t, v))
		if v.DType().String() != g.DType || !v.Shape().Equal(g.Shape) || hex.EncodeToString(sum[:]) != g.SHA256 {
			t.Errorf("%s: %v%v of other samples", g.File, v.DType(), v.Shape())
		}
		if attrs["sample_rate"] != g.Rate || attrs["encoding"] != g.Encoding {
			t.Errorf("%s: %v", g.File, attrs)
		}
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		_, err = x.View()
		if plain := g.Encoding == g.DType; plain != (err == nil) {
			t.Errorf("%s: a view of the mapping: %v", g.File, err)
		}
		format, _ := convert.ByName("aiff")
		var out bytes.Buffer
		if err := format.Write(t.Context(), &out, []convert.Source{{Tensor: x, As: "x"}}, nil); err != nil {
			t.Fatal(err)
		}
		if g.Order == "<" && g.Encoding != "i24" && x.Order() != tensor.LittleEndian {
			t.Errorf("%s: %v", g.File, x.Order())
		}
		was, _ := os.ReadFile(filepath.Join("testdata", g.File))
		if g.Canonical && !bytes.Equal(was, out.Bytes()) {
			t.Errorf("%s: written in another way:\n% x\n% x", g.File, was[:48], out.Bytes()[:48])
		}
		again, attrs2 := sound(t, out.Bytes())
		if !bytes.Equal(little(t, again), little(t, v)) || !reflect.DeepEqual(attrs, attrs2) {
			t.Errorf("%s: written and read: %v, then %v", g.File, attrs, attrs2)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if t.Logf("%d files", len(m.Files)); len(m.Files) < 37 {
		t.Error("fewer than 37 files")
	}
}

// TestRate has rates whose 80 bits are known, and some that are not whole.
func TestRate(t *testing.T) {
	for bits, want := range map[string]any{
		"400eac44000000000000": int64(44100),
		"400ebb80000000000000": int64(48000),
		"400bfa00000000000000": int64(8000),
		"3fff8000000000000000": int64(1),
		"3ffe8000000000000000": 0.5,
		"400e80000000000003ff": int64(32768), // to the nearest
		"400eac44800000000000": 44100.5,
	} {
		b, err := hex.DecodeString(bits)
		if err != nil {
			t.Fatal(err)
		}
		file := form("AIFF", comm(1, 1, 16, string(b), ""), ssnd(0, "ab"))
		_, attrs := sound(t, file)
		if attrs["sample_rate"] != want {
			t.Errorf("%s: %v, want %v", bits, attrs["sample_rate"], want)
		}
		if again := encode(t, from(t, []int16{1}), attrs); bits[16:] == "0000" && string(again[28:38]) != string(b) {
			t.Errorf("%s: written as %x", bits, again[28:38])
		}
	}
}

func TestAttributes(t *testing.T) {
	want := convert.Attrs{"sample_rate": int64(96000), "encoding": "i24", "valid_bits": int64(20), "dims": []any{"time", "channel"},
		"info": map[string]any{"INAM": "Prélude", "IART": "x", "ICOP": "1923", "ICMT": "odd"}}
	v := from(t, []int32{1 << 12, -1 << 12, 3 << 12, 1<<31 - 1<<12}, 2, 2)
	got, attrs := sound(t, encode(t, v, want))
	if !reflect.DeepEqual(attrs, want) || got.String() != v.String() {
		t.Errorf("%v %v", attrs, got)
	}
	for name, c := range map[string]struct {
		v     tensor.View
		attrs convert.Attrs
		kind  error
		want  string
	}{
		"no rate":       {v, nil, tensor.ErrUnsupported, "attribute sample_rate: got none"},
		"a large rate":  {v, convert.Attrs{"sample_rate": 0x1p64}, tensor.ErrUnsupported, "want below 2^64"},
		"u8 as WAV has": {v, convert.Attrs{"sample_rate": 1, "encoding": "u8"}, tensor.ErrUnsupported, "want one of i8, i16"},
		"dtype":         {from(t, []uint32{1}), want, tensor.ErrUnsupported, "dtype: got u32"},
	} {
		if err := aiff.Encode(&bytes.Buffer{}, c.v, c.attrs); !errors.Is(err, c.kind) || !strings.Contains(fmt.Sprint(err), c.want) || !strings.HasPrefix(fmt.Sprint(err), "aiff: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	large, err := from(t, []int16{0}).BroadcastTo(tensor.Shape{math.MaxUint32 / 2})
	if err != nil {
		t.Fatal(err)
	}
	if err := aiff.Encode(&bytes.Buffer{}, large, convert.Attrs{"sample_rate": 1}); !errors.Is(err, tensor.ErrLimit) {
		t.Error(err)
	}
	if got, _ := sound(t, encode(t, from(t, []uint8{0, 127, 128, 255}), convert.Attrs{"sample_rate": 1})); got.String() != "[-128   -1    0  127]" || got.DType() != tensor.I8 {
		t.Error(got)
	}
}

var be = binary.BigEndian
