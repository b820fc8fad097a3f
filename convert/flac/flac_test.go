package flac_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/flac"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// open opens b as a file called x.flac.
func open(t testing.TB, b []byte) (*tensorfile.File, error) {
	t.Helper()
	f, err := convert.OpenMap(t.Context(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "x.flac"), nil)
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
	if err := flac.Encode(&b, v, attrs); err != nil {
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
	File, DType, SHA256 string
	Bits, Rate          int64
	Shape               []int64
}

func goldens(t testing.TB) []golden {
	t.Helper()
	b, err := os.ReadFile("testdata/manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	var m struct{ Files []golden }
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m.Files
}

// TestGolden reads what the reference encoder and FFmpeg wrote, in every way of
// the format, and writes it as a file that reads as the same.
func TestGolden(t *testing.T) {
	files := goldens(t)
	for _, g := range files {
		f, err := convert.Open(t.Context(), filepath.Join("testdata", g.File), nil)
		if err != nil {
			t.Errorf("%s: %v", g.File, err)
			continue
		}
		name := strings.TrimSuffix(g.File, ".flac")
		v, attrs := read(t, f, name)
		sum := sha256.Sum256(little(t, v))
		if v.DType().String() != g.DType || !v.Shape().Equal(g.Shape) || hex.EncodeToString(sum[:]) != g.SHA256 {
			t.Errorf("%s: %v%v of other samples", g.File, v.DType(), v.Shape())
		}
		bits, _ := attrs["valid_bits"].(int64)
		encoding := map[int64]string{1: "i8", 2: "i16", 3: "i24", 4: "i32"}[(g.Bits+7)/8]
		if attrs["sample_rate"] != g.Rate || attrs["encoding"] != encoding || (bits != 0) != (g.Bits%8 != 0) || bits != 0 && bits != g.Bits {
			t.Errorf("%s: %v", g.File, attrs)
		}
		rep, err := f.Verify(t.Context(), nil)
		if err != nil || len(rep.Findings) > 0 {
			t.Errorf("%s: %v, %v", g.File, rep.Findings, err)
		}
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		format, _ := convert.ByName("flac")
		var out bytes.Buffer
		if err := format.Write(t.Context(), &out, []convert.Source{{Tensor: x, As: "x"}}, nil); err != nil {
			t.Fatal(err)
		}
		again, attrs2 := sound(t, out.Bytes())
		delete(attrs, "valid_bits")
		if !bytes.Equal(little(t, again), little(t, v)) || !reflect.DeepEqual(attrs, attrs2) {
			t.Errorf("%s: written and read: %v, then %v", g.File, attrs, attrs2)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if t.Logf("%d files", len(files)); len(files) < 29 {
		t.Error("fewer than 29 files")
	}
}

func TestAttributes(t *testing.T) {
	f, err := convert.Open(t.Context(), "testdata/tags.flac", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, attrs := read(t, f, "tags")
	if want := map[string]any{"INAM": "Prélude", "IART": "x"}; !reflect.DeepEqual(attrs["info"], want) {
		t.Error(attrs["info"])
	}
	if want := map[string]any{"ARTIST": []any{"y"}, "MOOD": []any{"calm"}}; !reflect.DeepEqual(attrs["comments"], want) {
		t.Error(attrs["comments"])
	}

	full := convert.Attrs{
		"sample_rate": int64(48000), "encoding": "i24", "channel_mask": int64(0x33f), "dims": []any{"time", "channel"},
		"info": map[string]any{"INAM": "Prélude", "IKEY": "ab", "ICMT": ""}, "comments": map[string]any{"X": []any{"1", "2"}, "ARTIST": []any{"z"}},
	}
	x := make([]int32, 6*500)
	for i := range x {
		x[i] = int32(i*i) << 8
	}
	_, attrs = sound(t, encode(t, from(t, x, 500, 6), full))
	full["info"].(map[string]any)["IART"] = "z" // where it belongs
	full["comments"] = map[string]any{"X": []any{"1", "2"}}
	if !reflect.DeepEqual(attrs, full) {
		t.Errorf("%v\n%v", attrs, full)
	}
	delete(full, "channel_mask")
	if _, attrs = sound(t, encode(t, from(t, x, 500, 6), full)); attrs["channel_mask"] != int64(0x60f) {
		t.Error(attrs)
	}
	for name, v := range map[string]any{
		"encoding": "i20", "sample_rate": 44100.5, "channel_mask": -1, "info": "x", "comments": map[string]any{"A=B": []any{"x"}},
	} {
		var e *tensor.Error
		if err := flac.Encode(io.Discard, from(t, []int16{1}), convert.Attrs{"sample_rate": 1, name: v}); !errors.As(err, &e) || !strings.Contains(e.Field, name) || e.Format != "flac" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, v := range []any{"x", map[string]any{"A": "x"}, map[string]any{"A": []any{1}}, map[string]any{"": []any{"x"}}} {
		if err := flac.Encode(io.Discard, from(t, []int16{1}), convert.Attrs{"sample_rate": 1, "comments": v}); !errors.Is(err, tensor.ErrUnsupported) || !strings.Contains(err.Error(), "attribute comments") {
			t.Errorf("%v: %v", v, err)
		}
	}
}

// signals are recordings that lead the encoder to each of its choices.
func signals(rng *rand.Rand, n, channels int) map[string][]int32 {
	m := map[string][]int32{}
	put := func(name string, f func(i, c int) float64) {
		x := make([]int32, n*channels)
		for i := range n {
			for c := range channels {
				x[i*channels+c] = int32(max(min(f(i, c), math.MaxInt32), math.MinInt32))
			}
		}
		m[name] = x
	}
	const full = 1 << 31
	put("silence", func(int, int) float64 { return 0 })
	put("least", func(int, int) float64 { return -full })
	put("noise", func(int, int) float64 { return full * (2*rng.Float64() - 1) })
	put("tone", func(i, c int) float64 { return 0.7 * full * math.Sin(float64(i)*0.05+float64(c)) })
	put("like", func(i, c int) float64 { return 0.5*full*math.Sin(float64(i)*0.05) + 1e5*float64(c)*rng.NormFloat64() })
	put("against", func(i, c int) float64 { return full * (0.5 - float64(c&1)) * math.Sin(float64(i)*float64(i)*1e-5) })
	put("square", func(i, c int) float64 { return full * float64(i/7%2*2-1) })
	put("click", func(i, c int) float64 { return full * float64(max(0, 1-(i-n/2)*(i-n/2))) })
	put("wasted", func(i, c int) float64 {
		return math.RoundToEven(300*math.Sin(float64(i)*0.02)+3*rng.NormFloat64()) * (1 << 22)
	})
	put("ramp", func(i, c int) float64 { return float64(i) * 70001 })
	return m
}

// TestRoundTrip writes recordings of every kind, width, length and number of
// channels, and reads what was written.
func TestRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 21))
	count, least := 0, 1900
	lengths := []int{1, 2, 5, 15, 16, 17, 255, 257, 4095, 4096, 4097, 9000}
	if testing.Short() {
		lengths, least = []int{1, 16, 300, 4097}, 600
	}
	for _, n := range lengths {
		for _, channels := range []int{1, 2, 3, 8} {
			for name, x := range signals(rng, n, channels) {
				for encoding, low := range map[string]uint{"i8": 24, "i16": 16, "i24": 8, "i32": 0} {
					y := make([]int32, len(x))
					for i, v := range x {
						y[i] = v >> low << low
					}
					shape := []int64{int64(n)}
					if channels > 1 {
						shape = append(shape, int64(channels))
					}
					rate := []int64{44100, 1000 * (1 + int64(n)%200), 65001, 655350, 1048575}[count%5]
					v, attrs := sound(t, encode(t, from(t, y, shape...), convert.Attrs{"sample_rate": rate, "encoding": encoding}))
					want := little(t, from(t, y, shape...))
					if low >= 16 {
						z := make([]int16, len(y))
						for i, v := range y {
							z[i] = int16(v >> 16)
						}
						want = little(t, from(t, z, shape...))
					}
					if !bytes.Equal(little(t, v), want) || !v.Shape().Equal(shape) || attrs["sample_rate"] != rate || attrs["encoding"] != encoding {
						t.Fatalf("%s of %d, %d channels, as %s: other samples; %v", name, n, channels, encoding, attrs)
					}
					count++
				}
			}
		}
	}
	if t.Logf("%d recordings", count); count < least {
		t.Errorf("fewer than %d", least)
	}
	empty, attrs := sound(t, encode(t, from(t, []int16{}, 0, 2), convert.Attrs{"sample_rate": 8000}))
	if empty.NumElements() != 0 || attrs["sample_rate"] != int64(8000) {
		t.Error(empty, attrs)
	}
}

// TestSize compares files with what they hold, so that a part of the encoder that
// stops working is seen.
func TestSize(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 22))
	all := signals(rng, 4*4096, 2)
	for name, most := range map[string]float64{ // of the bytes of samples of 16 bits
		"silence": 0.002, "least": 0.002, "noise": 1.002, "tone": 0.19, "like": 0.21, "against": 0.35, "square": 0.13, "click": 0.06, "wasted": 0.27, "ramp": 0.21,
	} {
		b := encode(t, from(t, all[name], 4*4096, 2), convert.Attrs{"sample_rate": 44100, "encoding": "i16"})
		if ratio := float64(len(b)-100) / (4 * 4096 * 4); ratio > most {
			t.Errorf("%s: %.3f of the samples, want at most %.3f", name, ratio, most)
		}
	}
}

// patched is a file whose begin can be filled in.
type patched struct{ bytes.Buffer }

func (p *patched) WriteAt(b []byte, off int64) (int, error) {
	return copy(p.Bytes()[off:], b), nil
}

// TestLateSum writes the same bytes to what can be written again and to what
// cannot.
func TestLateSum(t *testing.T) {
	x := signals(rand.New(rand.NewPCG(7, 23)), 20000, 2)["like"]
	a := convert.Attrs{"sample_rate": 44100, "encoding": "i24"}
	var p patched
	if err := flac.Encode(&p, from(t, x, 20000, 2), a); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(p.Bytes(), encode(t, from(t, x, 20000, 2), a)) {
		t.Error("other bytes")
	}
	for n := range 3 { // errors of each write come back
		fail := errors.New("full")
		left := n
		err := flac.Encode(writer(func(b []byte) (int, error) {
			if left--; left < 0 {
				return 0, fail
			}
			return len(b), nil
		}), from(t, x, 20000, 2), a)
		if !errors.Is(err, fail) {
			t.Errorf("write %d: %v", n, err)
		}
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// TestSections reads from every place on, in pieces of every size.
func TestSections(t *testing.T) {
	for _, name := range []string{"eight", "odd", "points", "deep", "ffmpeg16", "streamed"} {
		f, err := convert.Open(t.Context(), "testdata/"+name+".flac", nil)
		if err != nil {
			t.Fatal(err)
		}
		all, _ := read(t, f, name)
		want := little(t, all)
		s := f.Layout().Storages[0]
		for n := 1; n < 40; n += 3 {
			r, err := s.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(pieces{r, n})
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s in pieces of %d: %v", name, n, err)
			}
		}
		for at := 0; at <= len(want); at += 1 + at%7 {
			r, err := s.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if k, err := r.(io.Seeker).Seek(int64(at), io.SeekStart); err != nil || k != int64(at) {
				t.Fatal(name, at, k, err)
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want[at:]) {
				t.Fatalf("%s from byte %d on: %v", name, at, err)
			}
		}
		f.Close()
	}
}

type pieces struct {
	r io.Reader
	n int
}

func (p pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), p.n)]) }

// counted counts what is read of a file.
type counted struct {
	*bytes.Reader
	n *atomic.Int64
}

func (c counted) ReadAt(p []byte, off int64) (int, error) {
	c.n.Add(int64(len(p)))
	return c.Reader.ReadAt(p, off)
}

// TestFarPart reads a part of a long recording, and of the file no more than
// finding it takes.
func TestFarPart(t *testing.T) {
	const frames = 3 << 20
	x := make([]int16, frames)
	rng := rand.New(rand.NewPCG(7, 24))
	for i := range x {
		x[i] = int16(i*31) + int16(rng.IntN(4000))
	}
	b := encode(t, from(t, x), convert.Attrs{"sample_rate": 44100})
	var n atomic.Int64
	f, err := convert.OpenMap(t.Context(), mmap.NewReaderAt(counted{bytes.NewReader(b), &n}, int64(len(b)), "x.flac"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tens, _ := f.Tensor("x")
	most := int64(0)
	for range 20 {
		at := rng.Int64N(frames - 1000)
		n.Store(0)
		v, err := tens.Read(t.Context(), tensor.Selection{{Kind: tensor.SelectRange, Start: at, Stop: at + 1000, Step: 1}})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(little(t, v), little(t, from(t, x[at:at+1000]))) {
			t.Errorf("other samples from %d on", at)
		}
		most = max(most, n.Load())
	}
	if t.Logf("at most %d of %d bytes", most, len(b)); most > int64(len(b))/2 {
		t.Errorf("%d bytes read of %d", most, len(b))
	}
}

// TestVariable reads blocks of different lengths, from every place on.
func TestVariable(t *testing.T) {
	x := make([]int64, 30000)
	for i := range x {
		x[i] = int64(10000 * math.Sin(float64(i)*0.01))
	}
	b := flac.Variable(x, 16, 44100, 4096, 16, 777, 192, 100)
	f, err := open(t, b)
	if err != nil {
		t.Fatal(err)
	}
	v, _ := read(t, f, "x")
	got := little(t, v)
	for i, s := range x {
		if int16(got[2*i])&0xff|int16(got[2*i+1])<<8 != int16(s) {
			t.Fatalf("sample %d", i)
		}
	}
	tens, _ := f.Tensor("x")
	for at := int64(0); at < 30000; at += 61 {
		one, err := tens.Read(t.Context(), tensor.Selection{{Kind: tensor.SelectIndex, Start: at}})
		if err != nil || !bytes.Equal(little(t, one), got[2*at:2*at+2]) {
			t.Fatal(at, one, err)
		}
	}
}

// TestNotWritten are tensors that are no recordings, or none of this format.
func TestNotWritten(t *testing.T) {
	a := convert.Attrs{"sample_rate": 1}
	long, err := from(t, []int16{1}).BroadcastTo(tensor.Shape{1 << 36})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		v     tensor.View
		attrs convert.Attrs
		want  string
	}{
		{from(t, []float32{1}), a, "dtype: got f32, want another, or one of the encodings i8, i16, i24, i32 (--encoding)"},
		{from(t, []int64{1}), a, "dtype: got i64"},
		{from(t, []int16{1}), nil, "attribute sample_rate: got none"},
		{from(t, []int16{1}), convert.Attrs{"sample_rate": 1 << 20}, "attribute sample_rate: got 1.048576e+06, want a whole number, at most 1048575"},
		{from(t, []int16{1}), convert.Attrs{"sample_rate": 44100.5}, "attribute sample_rate"},
		{from(t, make([]int16, 9), 1, 9), a, "channels: got 9, want at most 8"},
		{from(t, make([]int16, 8), 2, 2, 2), a, "want (T) or (T, C)"},
		{long, a, "samples: got 68719476736, want less than 2^36"},
	} {
		if err := flac.Encode(io.Discard, c.v, c.attrs); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c.want, err)
		}
	}
}
