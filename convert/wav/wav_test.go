package wav_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/wav"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/audio"
)

func mapped(b []byte, path string) *mmap.Map {
	return mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), path)
}

// open opens b as a file called x.wav.
func open(t testing.TB, b []byte) (*tensorfile.File, error) {
	t.Helper()
	f, err := convert.OpenMap(t.Context(), mapped(b, "x.wav"), nil)
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
	if err := wav.Encode(&b, v, attrs); err != nil {
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
	File, Encoding, DType, SHA256 string
	Rate                          int64
	Shape                         []int64
	Canonical                     bool
}

// TestGolden reads what libsndfile and Python's wave module wrote, and writes it
// as a file that reads as the same; those of the wave module come out byte by
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
		name := strings.TrimSuffix(g.File, ".wav")
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
		format, _ := convert.ByName("wav")
		var out bytes.Buffer
		if err := format.Write(t.Context(), &out, []convert.Source{{Tensor: x, As: "x"}}, nil); err != nil {
			t.Fatal(err)
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
	if t.Logf("%d files", len(m.Files)); len(m.Files) < 78 {
		t.Error("fewer than 78 files")
	}
}

// TestLaws compares the codes of all samples of 16 bits with libsndfile's, and
// that every code that is read is written again.
func TestLaws(t *testing.T) {
	want, err := os.ReadFile("testdata/laws.bin")
	if err != nil {
		t.Fatal(err)
	}
	every := make([]int16, 1<<16)
	for i := range every {
		every[i] = int16(i - 1<<15)
	}
	for i, name := range []string{"alaw", "mulaw"} {
		attrs := convert.Attrs{"sample_rate": 8000, "encoding": name}
		b := encode(t, from(t, every), attrs)
		got := b[len(b)-1<<16:]
		differ := 0
		for k, c := range want[i<<16 : (i+1)<<16] {
			if got[k] != c {
				if differ++; differ < 4 {
					t.Errorf("%s of %d: %#x, libsndfile %#x", name, every[k], got[k], c)
				}
			}
		}
		if differ > 0 {
			t.Errorf("%s: %d codes differ", name, differ)
		}
		// What a code reads as is the nearest level to itself. mu-law has two zeros.
		v, _ := sound(t, b)
		if name == "mulaw" {
			got = bytes.ReplaceAll(got, []byte{0x7f}, []byte{0xff})
		}
		if again := encode(t, v, attrs); !bytes.Equal(again[len(b)-1<<16:], got) {
			t.Errorf("%s: levels have other codes", name)
		}
	}
}

// TestConvert compares samples in other encodings with what audio.Convert makes.
func TestConvert(t *testing.T) {
	rng := uint64(7)
	next := func() uint64 { rng = rng*6364136223846793005 + 1442695040888963407; return rng >> 11 }
	floats := []float64{0, math.Copysign(0, -1), 1, -1, 1 - 1.0/(1<<16), 0.5 / 128, 1.5 / 128, 2, -2, math.Inf(1), math.Inf(-1), math.NaN(), math.SmallestNonzeroFloat64}
	ints := []int32{0, 1, -1, 127, 128, 129, 384, -128, -384, math.MaxInt32, math.MinInt32, math.MaxInt32 - 127, math.MaxInt32 - 128}
	for range 40000 { // several blocks
		floats = append(floats, float64(next())/(1<<52)*1.1-1.1)
		ints = append(ints, int32(next()))
	}
	count := 0
	for _, v := range []tensor.View{from(t, floats), from(t, ints)} {
		for _, d := range []tensor.DType{tensor.U8, tensor.I8, tensor.I16, tensor.I32, tensor.F16, tensor.BF16, tensor.F32, tensor.F64} {
			in, _, err := audio.Convert(v, d, nil)
			if err != nil {
				t.Fatal(err)
			}
			for name, as := range map[string]tensor.DType{"u8": tensor.U8, "i16": tensor.I16, "i32": tensor.I32, "f32": tensor.F32, "f64": tensor.F64} {
				got, _ := sound(t, encode(t, in, convert.Attrs{"sample_rate": 8000, "encoding": name}))
				want, _, err := audio.Convert(in, as, nil)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(little(t, got), little(t, want)) {
					t.Errorf("%v as %s: other samples", d, name)
				}
				count++
			}
		}
	}
	t.Logf("%d pairs of %d samples", count, len(ints))

	// 24 bits are rounded from integers and from floats alike.
	f, _ := sound(t, encode(t, from(t, []float64{0.5, -1, 1, 3, 0.5 / (1 << 23), 1.5 / (1 << 23), math.NaN()}), convert.Attrs{"sample_rate": 1, "encoding": "i24"}))
	i, _ := sound(t, encode(t, from(t, []int32{1 << 30, math.MinInt32, math.MaxInt32, math.MaxInt32 - 256, 128, 384, -128, -129}), convert.Attrs{"sample_rate": 1, "encoding": "i24"}))
	for got, want := range map[string]string{
		f.String(): from(t, []int32{1 << 30, math.MinInt32, math.MaxInt32 - 255, math.MaxInt32 - 255, 0, 512, 0}).String(),
		i.String(): from(t, []int32{1 << 30, math.MinInt32, math.MaxInt32 - 255, math.MaxInt32 - 255, 0, 512, 0, -256}).String(),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestSections reads 24 bits and a law from every place on, in pieces of every
// size.
func TestSections(t *testing.T) {
	x := make([]int32, 53)
	for i := range x {
		x[i] = int32(i*i*i*7919) << 8
	}
	for _, name := range []string{"i24", "mulaw"} {
		f, err := open(t, encode(t, from(t, x), convert.Attrs{"sample_rate": 1, "encoding": name}))
		if err != nil {
			t.Fatal(err)
		}
		all, _ := read(t, f, "x")
		want := little(t, all)
		s := f.Layout().Storages[0]
		for n := 1; n < 40; n++ {
			r, err := s.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			for p := make([]byte, n); ; {
				k, err := r.Read(p)
				got = append(got, p[:k]...)
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s in pieces of %d", name, n)
			}
		}
		for n := range len(want) + 1 { // from every byte on
			r, err := s.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if k, err := r.(io.Seeker).Seek(int64(n), io.SeekStart); err != nil || k != int64(n) {
				t.Fatal(k, err)
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want[n:]) {
				t.Errorf("%s from byte %d on: %v", name, n, err)
			}
			if _, err := r.(io.Seeker).Seek(int64(len(want))+9, io.SeekStart); err == nil {
				t.Error("a place behind the end")
			}
		}
		tens, _ := f.Tensor("x")
		for at := int64(0); at < 53; at++ {
			part, err := tens.Read(t.Context(), tensor.Selection{{Kind: tensor.SelectIndex, Start: at}})
			if err != nil {
				t.Fatal(err)
			}
			if w := len(want) / 53; !bytes.Equal(little(t, part), want[int(at)*w:int(at+1)*w]) {
				t.Errorf("%s: sample %d", name, at)
			}
		}
	}
}

// counted counts what is read of a file.
type counted struct {
	*bytes.Reader
	n *atomic.Int64
}

func (c counted) ReadAt(p []byte, off int64) (int, error) {
	c.n.Add(int64(len(p)))
	return c.Reader.ReadAt(p, off)
}

// TestFarPart reads the end of a long recording, and of the file no more than
// that needs.
func TestFarPart(t *testing.T) {
	x := make([]int32, 3<<20)
	for i := range x {
		x[i] = int32(uint32(i)*2654435761) &^ 255
	}
	b := encode(t, from(t, x), convert.Attrs{"sample_rate": 1, "encoding": "i24"})
	var n atomic.Int64
	f, err := convert.OpenMap(t.Context(), mmap.NewReaderAt(counted{bytes.NewReader(b), &n}, int64(len(b)), "x.wav"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tens, _ := f.Tensor("x")
	n.Store(0)
	tail, err := tensor.ParseSelection("[-1000:]")
	if err != nil {
		t.Fatal(err)
	}
	v, err := tens.Read(t.Context(), tail)
	if err != nil {
		t.Fatal(err)
	}
	if w := from(t, x[len(x)-1000:]); v.String() != w.String() {
		t.Errorf("%v, want %v", v, w)
	}
	if n.Load() > 128<<10 {
		t.Errorf("%d bytes read for 3000", n.Load())
	}
}

// TestAsked writes floats in one step in the encoding that is asked for,
// whatever the attribute says.
func TestAsked(t *testing.T) {
	x := []float32{0, 1, -1, 2, 0.5 / 32768, 1.5 / 32768, -0.5 / 32768, float32(math.NaN()), 0.25}
	f, err := open(t, encode(t, from(t, x), convert.Attrs{"sample_rate": 8000}))
	if err != nil {
		t.Fatal(err)
	}
	source, err := f.Tensor("x")
	if err != nil {
		t.Fatal(err)
	}
	format, _ := convert.ByName("wav")
	for encoding, want := range map[string]string{
		"u8":    from(t, []uint8{128, 255, 0, 255, 128, 128, 128, 128, 160}).String(),
		"i16":   from(t, []int16{0, 32767, -32768, 32767, 0, 2, 0, 0, 8192}).String(),
		"i24":   from(t, []int32{0, math.MaxInt32 - 255, math.MinInt32, math.MaxInt32 - 255, 1 << 15, 3 << 15, -1 << 15, 0, 1 << 29}).String(),
		"i32":   from(t, []int32{0, math.MaxInt32, math.MinInt32, math.MaxInt32, 1 << 15, 3 << 15, -1 << 15, 0, 1 << 29}).String(),
		"f32":   from(t, x).String(),
		"f64":   from(t, []float64{0, 1, -1, 2, 0.5 / 32768, 1.5 / 32768, -0.5 / 32768, math.NaN(), 0.25}).String(),
		"mulaw": from(t, []int16{0, 32124, -32124, 32124, 0, 0, 0, 0, 8316}).String(),
	} {
		var b bytes.Buffer
		if err := format.Write(t.Context(), &b, []convert.Source{{Tensor: source, As: "x"}}, &convert.WriteOptions{Encoding: encoding}); err != nil {
			t.Fatal(encoding, err)
		}
		v, attrs := sound(t, b.Bytes())
		if v.String() != want || attrs["encoding"] != encoding {
			t.Errorf("%s: %v of %v, want %s", encoding, v, attrs["encoding"], want)
		}
	}
	if len(format.Encodings) != 8 {
		t.Errorf("encodings %v", format.Encodings)
	}
}

var full = convert.Attrs{
	"sample_rate": int64(48000), "encoding": "i24", "valid_bits": int64(20), "channel_mask": int64(0x3f), "dims": []any{"time", "channel"},
	"info": map[string]any{"INAM": "Prélude", "IART": "x", "ICMT": "", "IKEY": "ab"},
	"bext": map[string]any{"description": "d", "originator": "o", "originator_reference": "r", "date": "2026-11-21", "time": "10:11:12",
		"time_reference": int64(1 << 40), "version": int64(2), "umid": strings.Repeat("0a", 64), "loudness": []any{int64(-2300), int64(100), int64(-1), int64(0), int64(32767)},
		"coding_history": "A=PCM\r\n"},
}

func TestAttributes(t *testing.T) {
	x := make([]int32, 6*5)
	for i := range x {
		x[i] = int32(i*i) << 12
	}
	b := encode(t, from(t, x, 5, 6), full)
	v, attrs := sound(t, b)
	if !reflect.DeepEqual(attrs, full) {
		t.Errorf("%v\n%v", attrs, full)
	}
	if w := from(t, x, 5, 6); v.String() != w.String() {
		t.Error(v)
	}
	if tag := binary.LittleEndian.Uint16(b[20:]); tag != 0xfffe {
		t.Errorf("format %#x", tag)
	}
	latin := bytes.Replace(b, []byte("Pr\xc3\xa9lude"), []byte("Pr\xe9lude\x00"), 1)
	if _, a := sound(t, latin); a["info"].(map[string]any)["INAM"] != "Prélude" {
		t.Error(a)
	}
	for name, x := range map[string]any{
		"encoding": "i20", "sample_rate": 44100.5, "channel_mask": -1, "valid_bits": "x", "info": "x", "bext": 7,
	} {
		a := convert.Attrs{"sample_rate": 1, name: x}
		var e *tensor.Error
		if err := wav.Encode(io.Discard, from(t, []int16{1}), a); !errors.As(err, &e) || !strings.Contains(e.Field, "attribute "+name) || e.Format != "wav" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, x := range map[string]any{"time": "10:11:12.5", "version": 1.5, "umid": "x", "loudness": []any{1}, "description": 3} {
		if err := wav.Encode(io.Discard, from(t, []int16{1}), convert.Attrs{"sample_rate": 1, "bext": map[string]any{name: x}}); !errors.Is(err, tensor.ErrUnsupported) || !strings.Contains(err.Error(), name) {
			t.Errorf("bext %s: %v", name, err)
		}
	}
}

// TestNotWritten are tensors that are no recordings.
func TestNotWritten(t *testing.T) {
	a := convert.Attrs{"sample_rate": 1}
	for _, c := range []struct {
		v     tensor.View
		attrs convert.Attrs
		want  string
	}{
		{from(t, []int64{1}), a, "dtype: got i64"},
		{from(t, []uint16{1}), a, "dtype: got u16"},
		{from(t, []bool{true}), a, "dtype: got bool"},
		{from(t, []int16{1}), nil, "attribute sample_rate: got none"},
		{from(t, []int16{1}), convert.Attrs{"sample_rate": -1}, "attribute sample_rate"},
		{from(t, []int16{1}), convert.Attrs{"sample_rate": math.NaN()}, "attribute sample_rate"},
		{from(t, make([]int16, 8), 2, 2, 2), a, "want (T) or (T, C)"},
		{from(t, make([]int16, 1025), 1, 1025), a, "1 to 1024 channels"},
		{from(t, make([]int16, 0), 3, 0), a, "1 to 1024 channels"},
	} {
		if err := wav.Encode(io.Discard, c.v, c.attrs); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c.want, err)
		}
	}
}
