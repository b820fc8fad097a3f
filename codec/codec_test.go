package codec

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/tensorfile/tensorfile/spec"
	"github.com/tensorfile/tensorfile/tensor"
)

// full says that tests run at full length: TENSORFILE_CODEC=full.
var full = os.Getenv("TENSORFILE_CODEC") == "full"

func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 1)) }

func mustParse(t testing.TB, line string) *Pipeline {
	t.Helper()
	p, err := Parse(line)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return p
}

func dtypeOf(t testing.TB, name string) tensor.DType {
	t.Helper()
	d, err := tensor.ParseDType(name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// encodeAny is Encode without the guard that keeps what does not shrink raw.
func encodeAny(p *Pipeline, src []byte, b Box) ([]byte, error) {
	cur := src
	sc := new(scratch)
	for i := range p.stages {
		s := &p.stages[i]
		if s.filter() {
			out := make([]byte, len(cur))
			s.filterEncode(out, cur, b)
			cur = out
			continue
		}
		out := le.AppendUint32(nil, uint32(len(cur)))
		if len(cur) > 0 {
			var err error
			if out, err = s.stageEncode(out, cur, b, sc, i == 0); err != nil {
				return nil, err
			}
		}
		cur = out
	}
	return cur, nil
}

// The vectors of the specification: encoded bytes decode to the input, and
// filters encode to exactly those bytes.
func TestSpecVectors(t *testing.T) {
	rows, err := spec.Table("codec-vectors")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, row := range rows {
		input, err := hex.DecodeString(row["input"])
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := hex.DecodeString(row["encoded"])
		if err != nil {
			t.Fatal(err)
		}
		p := mustParse(t, row["pipeline"])
		d := dtypeOf(t, row["dtype"])
		var shape []int64
		for _, s := range strings.FieldsFunc(row["box"], func(r rune) bool { return strings.ContainsRune("[], ", r) }) {
			n, err := strconv.ParseInt(s, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			shape = append(shape, n)
		}
		// The vectors have tails that no box of their dtype has: the stages
		// are called below the check of lengths.
		b := Box{d, shape}
		out := slices.Clone(encoded)
		sc := new(scratch)
		filters := true
		for _, s := range slices.Backward(p.stages) {
			name, _, _ := strings.Cut(s.text, ":")
			seen[name] = true
			if s.filter() {
				next := make([]byte, len(out))
				s.filterDecode(next, out, b)
				out = next
				continue
			}
			filters = false
			next := make([]byte, le.Uint32(out))
			if err := s.stageDecode(next, out[4:], b, sc); err != nil {
				t.Fatalf("%s: %v", row["pipeline"], err)
			}
			out = next
		}
		if !bytes.Equal(out, input) {
			t.Errorf("%s of %s: %x, want %x", row["pipeline"], row["dtype"], out, input)
		}
		again, err := encodeAny(p, input, b)
		if err != nil {
			t.Fatal(err)
		}
		if filters && !bytes.Equal(again, encoded) {
			t.Errorf("%s of %s encodes to %x, want %x", row["pipeline"], row["dtype"], again, encoded)
		}
	}
	codecs, err := spec.Table("codecs")
	if err != nil {
		t.Fatal(err)
	}
	names := Names()
	if len(codecs) != len(names) {
		t.Fatalf("%d codecs, the specification has %d", len(names), len(codecs))
	}
	for i, row := range codecs {
		n := names[i]
		if n.Name != row["name"] || n.Args != row["arguments"] || n.What != row["what it does"] || n.Optional != (row["readers"] == "optional") || n.Filter != (row["length"] == "kept") {
			t.Errorf("codec %d: %+v, the specification has %v", i, n, row)
		}
		if !seen[n.Name] {
			t.Errorf("%s has no vector", n.Name)
		}
	}
}

// corpus makes bytes of several kinds.
func corpus(kind int, n, w int, r *rand.Rand) []byte {
	b := make([]byte, n)
	switch kind {
	case 0: // noise
		for i := range b {
			b[i] = byte(r.Uint32())
		}
	case 1: // zeros
	case 2: // small steps of words
		x := r.Uint64()
		for i := 0; i+w <= n; i += w {
			x += r.Uint64N(40)
			for k := range w {
				b[i+k] = byte(x >> (8 * (k % 8)))
			}
		}
	case 3: // few values
		for i := range b {
			b[i] = "\x00\x00\x00\x00\x00\x01\x02\xff"[r.IntN(8)]
		}
	case 4: // text with repeats
		for i := range b {
			b[i] = "tensorfile "[i%11]
			if r.IntN(50) == 0 {
				b[i] = byte(r.Uint32())
			}
		}
	case 5: // skewed
		for i := range b {
			b[i] = byte(r.ExpFloat64() * 12)
		}
	case 6: // nearly constant
		for i := range b {
			b[i] = 7
			if r.IntN(700) == 0 {
				b[i] = byte(r.Uint32())
			}
		}
	}
	return b
}

const corpora = 7

var allPipelines = []string{
	"shuffle", "bitshuffle", "delta", "delta:z", "delta:1:d3:z", "delta:8:d2", "xordelta", "xordelta:2:d5", "predict", "predict:a0", "predict:a0,1", "predict:a1,1,0",
	"predict:paeth:a0,1", "bitpack", "bitpack:1", "bitpack:8", "planes", "planes:1", "planes:3", "planes:16", "zstd", "zstd:1", "zstd:9", "zstd:22", "lz4", "lz4:1", "lz4:5", "lz4:12", "s2", "deflate", "deflate:1", "deflate:9",
	"shuffle|zstd:3", "delta:8|bitpack:8", "delta:2:d2:z|bitshuffle|lz4", "predict:a0,1|planes", "predict:paeth:a0,1|zstd", "delta|bitpack|zstd", "bitpack|planes:1", "zstd|shuffle:4", "lz4|delta:1|s2|zstd|deflate|bitpack:1|planes:1|xordelta:1",
	"shuffle:3|shuffle:5|delta:1|lz4", "predict|delta|planes", "planes|zstd", "shuffle:256|zstd",
}

var allDTypes = []string{"u8", "i8", "bool", "i16", "f16", "bf16", "i32", "u32", "f32", "i64", "f64", "c64", "c128", "f8_e4m3fn", "f8_e8m0", "u4", "f6_e2m3", "V3", "<U2", "q4_0"}

// shapeOf gives a shape of about n elements and a rank.
func shapeOf(n int64, rank int, d tensor.DType) []int64 {
	shape := make([]int64, rank)
	for i := range shape {
		shape[i] = 1
	}
	switch rank {
	case 1:
		shape[0] = n
	case 2:
		shape[1] = max(1, min(n, 37))
		shape[0] = n / shape[1]
	default:
		shape[rank-1] = 3
		shape[rank-2] = max(1, min(n/3, 29))
		shape[0] = n / 3 / shape[rank-2]
	}
	if d.Class == tensor.ClassBlock {
		shape[rank-1] *= int64(d.UnitElems)
	}
	return shape
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	sizes := []int64{0, 1, 2, 3, 7, 8, 9, 31, 255, 256, 257, 511, 512, 513, 1000, 4095, 4096, 4097, 65535, 131071, 131072, 131073, 300001}
	count, shrunk := 0, 0
	r := rand.New(rand.NewPCG(1, 2))
	for _, line := range allPipelines {
		p := mustParse(t, line)
		for di, name := range allDTypes {
			d := dtypeOf(t, name)
			for si, n := range sizes {
				turn := di + si + len(line)
				switch {
				case full:
					if n > 5000 && turn%9 != 0 {
						continue
					}
				case n > 5000 && slices.Contains([]string{"deflate:9", "lz4:5", "lz4:12"}, line): // seconds for some of the data
					continue
				case turn%3 != 0, n > 100000 && turn%30 != 0, n > 5000 && turn%15 != 0, testing.Short() && turn%6 != 0, raceDetector && n > 600 && turn%43 != 0:
					continue
				}
				rank := 1 + r.IntN(3)
				b := Box{d, shapeOf(n, rank, d)}
				raw := b.RawLen()
				if p.Check(b) != nil || raw > 1<<20 {
					continue
				}
				src := corpus(r.IntN(corpora), raw, max(1, word(d)), r)
				encoded, err := encodeAny(p, src, b)
				if err != nil {
					t.Fatalf("%s of %s %v: %v", line, name, b.Shape, err)
				}
				dst := make([]byte, raw)
				if err := p.Decode(dst, encoded, b); err != nil {
					t.Fatalf("%s of %s %v: %v", line, name, b.Shape, err)
				}
				if !bytes.Equal(dst, src) {
					t.Fatalf("%s of %s %v: other bytes", line, name, b.Shape)
				}
				count++
				stored, err := p.Encode([]byte("head"), src, b)
				if errors.Is(err, ErrNoGain) {
					if string(stored) != "head" {
						t.Fatalf("%s of %s %v: no gain left %d bytes", line, name, b.Shape, len(stored))
					}
					continue
				}
				if err != nil || len(stored)-4 >= raw || string(stored[:4]) != "head" {
					t.Fatalf("%s of %s %v: %d of %d bytes, %v", line, name, b.Shape, len(stored)-4, raw, err)
				}
				clear(dst)
				if err := p.Decode(dst, stored[4:], b); err != nil || !bytes.Equal(dst, src) {
					t.Fatalf("%s of %s %v: %v", line, name, b.Shape, err)
				}
				shrunk++
			}
		}
	}
	t.Logf("%d chunks, %d of them shrank", count, shrunk)
	if least := map[bool]int{false: 4000, true: 1500}[testing.Short()]; count < least || shrunk < least/4 {
		t.Error("too few")
	}
}

// Pipelines are shared by goroutines, and so are the pools behind them.
func TestConcurrent(t *testing.T) {
	b := Box{tensor.F32, []int64{30, 70}}
	rounds := 20
	if raceDetector {
		rounds = 5
	}
	var wg sync.WaitGroup
	for _, line := range []string{"planes", "predict:a0,1|planes", "delta|bitpack|zstd:1", "shuffle|zstd", "bitshuffle|lz4", "lz4:5", "s2", "deflate"} {
		p := mustParse(t, line)
		for g := range 3 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(g), 1))
				dst := make([]byte, b.RawLen())
				for range rounds {
					src := corpus(2+g, len(dst), 4, r)
					out, err := encodeAny(p, src, b)
					if err != nil {
						t.Error(err)
						return
					}
					if err := p.Decode(dst, out, b); err != nil || !bytes.Equal(dst, src) {
						t.Errorf("%s: %v", line, err)
					}
					if _, err := p.Encode(nil, src, b); err != nil && !errors.Is(err, ErrNoGain) {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
}

// Chunks above the largest window need frames of another form.
func TestLargeChunks(t *testing.T) {
	if testing.Short() {
		t.Skip("chunks of 9 MiB")
	}
	b := Box{tensor.U8, []int64{9<<20 + 5}}
	src := corpus(4, b.RawLen(), 1, newRand())
	dst := make([]byte, len(src))
	for _, line := range []string{"zstd:1", "zstd:3", "zstd:7", "planes", "lz4", "s2"} {
		p := mustParse(t, line)
		out, err := p.Encode(nil, src, b)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		clear(dst)
		if err := p.Decode(dst, out, b); err != nil || !bytes.Equal(dst, src) {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		line string
		kind error
		says string
	}{
		{"", tensor.ErrFormat, "pipeline.text"},
		{"zstd|", tensor.ErrFormat, "pipeline.text"},
		{"Zstd", tensor.ErrFormat, "pipeline.text"},
		{"zstd:", tensor.ErrFormat, "pipeline.text"},
		{"zstd\nlz4", tensor.ErrFormat, "pipeline.text"},
		{strings.Repeat("lz4|", 8) + "lz4", tensor.ErrFormat, "8 stages"},
		{strings.Repeat("a", 1025), tensor.ErrFormat, "1024"},
		{"brotli", tensor.ErrUnsupported, "stage brotli"},
		{"shuffle|planes2:4", tensor.ErrUnsupported, "stage planes2:4"},
		{"zstd:23", tensor.ErrUnsupported, "level 1 to 22"},
		{"zstd:03", tensor.ErrUnsupported, "stage zstd:03"},
		{"zstd:3:3", tensor.ErrUnsupported, "stage zstd:3:3"},
		{"delta:3", tensor.ErrUnsupported, "stage delta:3"},
		{"delta:z:d2", tensor.ErrUnsupported, "stage delta:z:d2"},
		{"delta:d0", tensor.ErrUnsupported, "d1 to d65535"},
		{"delta:d65536", tensor.ErrUnsupported, "d1 to d65535"},
		{"xordelta:z", tensor.ErrUnsupported, "stage xordelta:z"},
		{"shuffle:257", tensor.ErrUnsupported, "stage shuffle:257"},
		{"bitpack:3", tensor.ErrUnsupported, "stage bitpack:3"},
		{"s2:1", tensor.ErrUnsupported, "stage s2:1"},
		{"predict:paeth", tensor.ErrUnsupported, "two axes"},
		{"predict:paeth:a1,0", tensor.ErrUnsupported, "ascending"},
		{"predict:a0,1,2,3,4,5,6,7,0", tensor.ErrUnsupported, "stage predict"},
		{"predict:a32", tensor.ErrUnsupported, "stage predict"},
		{"delta|predict", tensor.ErrUnsupported, "first stage"},
	} {
		_, err := Parse(tt.line)
		if !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%q: %v, want %v with %q", tt.line, err, tt.kind, tt.says)
		}
	}
	for _, line := range allPipelines {
		if p := mustParse(t, line); p.String() != line {
			t.Errorf("%q is %q", line, p.String())
		}
	}
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		line, dtype string
		rank        int
		ok          bool
	}{
		{"predict", "f32", 1, true},
		{"predict:a0,1", "f32", 1, false},
		{"predict:a0,1", "f32", 2, true},
		{"predict", "u4", 1, false},
		{"predict", "V4", 1, false},
		{"predict", "c128", 1, true},
		{"predict:paeth:a0,1", "c128", 2, false},
		{"predict:paeth:a0,1", "f64", 2, false},
		{"predict:paeth:a0,1", "c64", 2, true},
		{"shuffle", "V300", 1, true},
		{"bitpack", "q4_0", 1, true},
	} {
		err := mustParse(t, tt.line).Check(Box{dtypeOf(t, tt.dtype), make([]int64, tt.rank)})
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, tensor.ErrUnsupported) {
			t.Errorf("%s of %s, rank %d: %v", tt.line, tt.dtype, tt.rank, err)
		}
	}
}

func ExamplePipeline() {
	p, err := Parse("delta|bitpack")
	if err != nil {
		fmt.Println(err)
		return
	}
	b := Box{DType: tensor.I32, Shape: []int64{1000}}
	src := make([]byte, b.RawLen())
	for i := range 1000 {
		le.PutUint32(src[4*i:], uint32(3*i))
	}
	stored, err := p.Encode(nil, src, b)
	if err != nil {
		fmt.Println(err)
		return
	}
	dst := make([]byte, len(src))
	fmt.Println(len(src), len(stored), p.Decode(dst, stored, b), bytes.Equal(dst, src))
	// Output: 4000 33 <nil> true
}
