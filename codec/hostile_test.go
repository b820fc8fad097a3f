package codec

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// stored puts the decoded length before a body.
func stored(declared int, body []byte) []byte {
	return append(le.AppendUint32(nil, uint32(declared)), body...)
}

// A stage that goes on behind its declared end is a Limit error, one that ends
// early Corrupt (rows N39 and N40 of the list of bad inputs).
func TestLengthsAreKept(t *testing.T) {
	b := Box{tensor.U8, []int64{1000}}
	count := 0
	for _, line := range []string{"zstd:1", "lz4", "s2", "deflate", "planes", "bitpack", "zstd:9|lz4", "shuffle:4|deflate"} {
		p := mustParse(t, line)
		for _, n := range []int64{1, 500, 999, 1001, 1024, 5000, 1 << 20} {
			text := bytes.Repeat([]byte("tensorfile"), int(n/10)+1)[:n]
			long, err := encodeAny(p, text, Box{tensor.U8, []int64{n}})
			if err != nil {
				t.Fatal(err)
			}
			// As it is: the declared length is not that of the box.
			want := tensor.ErrLimit
			if n < 1000 {
				want = tensor.ErrCorrupt
			}
			dst := make([]byte, 1000)
			if err := p.Decode(dst, long, b); !strings.Contains(line, "|") && (!errors.Is(err, want) || !strings.Contains(err.Error(), "chunk.length") || !strings.Contains(err.Error(), "stage "+line)) {
				t.Errorf("%s of %d bytes: %v, want %v", line, n, err, want)
			}
			// With the length of the box.
			le.PutUint32(long, 1000)
			err = p.Decode(dst, long, b)
			// A constant plane has any length, and so have zero bits at the end.
			if loose := line == "planes" || line == "bitpack"; !errors.Is(err, tensor.ErrLimit) && !errors.Is(err, tensor.ErrCorrupt) && (err != nil || !loose) {
				t.Errorf("%s of %d bytes, said to be 1000: %v", line, n, err)
			}
			switch line {
			case "zstd:1", "lz4", "s2", "deflate":
				if !errors.Is(err, want) {
					t.Errorf("%s of %d bytes, said to be 1000: %v, want %v", line, n, err, want)
				}
			}
			count++
		}
	}
	t.Logf("%d wrong lengths", count)
}

// A frame's header cannot make the reader hold more than the limit (row N41).
func TestZstdHeaders(t *testing.T) {
	p := mustParse(t, "zstd")
	b := Box{tensor.U8, []int64{1000}}
	dst := make([]byte, 1000)
	for _, tt := range []struct {
		name   string
		header []byte
		kind   error
		says   string
	}{
		{"a window of 2 GiB", []byte{0x00, 21 << 3}, tensor.ErrLimit, "chunk.window"},
		{"the largest window", []byte{0x00, 0xff}, tensor.ErrLimit, "chunk.window"},
		{"a window of 9 MiB", []byte{0x00, 13<<3 | 1}, tensor.ErrLimit, "chunk.window"},
		{"a content of 2^62", []byte{0xc0, 10 << 3, 0, 0, 0, 0, 0, 0, 0, 0x40}, tensor.ErrLimit, "chunk.length"},
		{"one segment of 2^62", []byte{0xe0, 0, 0, 0, 0, 0, 0, 0, 0x40}, tensor.ErrLimit, "chunk.window"},
		{"a content of 999", []byte{0x60, 0xe7, 2}, tensor.ErrCorrupt, "chunk.length"},
		{"a dictionary", []byte{0x61, 7, 0xe8, 2}, tensor.ErrCorrupt, "dictionary"},
		{"a reserved flag", []byte{0x68, 0xe8, 2}, tensor.ErrCorrupt, "reserved"},
	} {
		frame := append(le.AppendUint32(nil, frameMagic), tt.header...)
		frame = append(frame, 1, 0, 0) // an empty raw block, the last
		err := p.Decode(dst, stored(1000, frame), b)
		if !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %v with %q", tt.name, err, tt.kind, tt.says)
		}
	}
	one, err := encodeAny(p, dst, b)
	if err != nil {
		t.Fatal(err)
	}
	for _, tail := range [][]byte{{0}, one[4:], {0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}} {
		if err := p.Decode(dst, append(bytes.Clone(one), tail...), b); !errors.Is(err, tensor.ErrCorrupt) || !strings.Contains(err.Error(), "chunk.stream") {
			t.Errorf("% x behind the frame: %v", tail[:1], err)
		}
	}
	if err := p.Decode(dst, stored(1000, []byte{0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}), b); !errors.Is(err, tensor.ErrCorrupt) {
		t.Errorf("a skippable frame: %v", err)
	}
}

// Damage anywhere gives an error of the right form or other bytes, never a
// panic.
func TestDamage(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	failed, passed := 0, 0
	for _, line := range allPipelines {
		p := mustParse(t, line)
		for kind := range corpora {
			b := Box{tensor.F32, []int64{30, 40}}
			if kind == 5 && !testing.Short() {
				b.Shape = []int64{200, 300}
			}
			src := corpus(kind, b.RawLen(), 4, r)
			good, err := encodeAny(p, src, b)
			if err != nil {
				t.Fatal(err)
			}
			dst := make([]byte, len(src))
			try := func(bad []byte) {
				err := p.Decode(dst, bad, b)
				if err == nil {
					passed++
					return
				}
				failed++
				var e *tensor.Error
				if !errors.As(err, &e) || !errors.Is(err, tensor.ErrCorrupt) && !errors.Is(err, tensor.ErrLimit) || !strings.HasPrefix(e.Field, "stage ") || e.Rule == "" {
					t.Fatalf("%s: %v", line, err)
				}
			}
			rounds := 30
			switch {
			case full:
				rounds = 60
			case raceDetector:
				rounds = 10
			}
			for range rounds {
				bad := bytes.Clone(good)
				for range 1 + r.IntN(3) {
					at := r.IntN(len(bad))
					if r.IntN(2) == 0 {
						at = r.IntN(min(len(bad), 80))
					}
					bad[at] ^= byte(1 << r.IntN(8))
				}
				try(bad)
				try(good[:r.IntN(len(good))])
			}
			try(nil)
			try(append(bytes.Clone(good), 0))
		}
	}
	t.Logf("%d damaged chunks were refused, %d decoded to something", failed, passed)
	if failed < 5000 && !raceDetector {
		t.Error("too few refused")
	}
}

// Hostile bytes cannot make the decoder take more memory than it may.
func TestMemoryIsBounded(t *testing.T) {
	if raceDetector {
		t.Skip("pools forget under the race detector")
	}
	r := rand.New(rand.NewPCG(5, 6))
	b := Box{tensor.U8, []int64{100000}}
	dst := make([]byte, 100000)
	for _, line := range []string{"zstd", "lz4", "s2", "deflate", "planes", "bitpack", "planes:1|zstd|lz4", "zstd|zstd|zstd|zstd"} {
		p := mustParse(t, line)
		good, err := encodeAny(p, corpus(5, len(dst), 1, r), b)
		if err != nil {
			t.Fatal(err)
		}
		_ = p.Decode(dst, good, b)
		bad := make([][]byte, 30)
		for i := range bad {
			bad[i] = bytes.Clone(good)
			bad[i][4+r.IntN(min(len(good)-4, 40))] ^= byte(1 << r.IntN(8))
		}
		// The state of the libraries is there, the buffers are not.
		runtime.GC()
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for _, bad := range bad {
			_ = p.Decode(dst, bad, b)
		}
		runtime.ReadMemStats(&after)
		took := after.TotalAlloc - before.TotalAlloc
		// Buffers are made once; errors and tables are small.
		if limit := uint64(len(p.stages)*most(len(dst)) + 1<<20); took > limit {
			t.Errorf("%s: %d bytes for 30 chunks, want at most %d", line, took, limit)
		}
	}
}

// Once pools are warm a chunk costs no allocation.
func TestNoAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("pools forget under the race detector")
	}
	r := rand.New(rand.NewPCG(7, 8))
	b := Box{tensor.F32, []int64{64, 128}}
	for _, line := range []string{"planes", "predict:a0,1|planes", "predict:paeth:a0,1|planes", "delta|bitpack", "bitpack|zstd:1", "shuffle|zstd:3", "shuffle|lz4:1", "bitshuffle|zstd:1", "lz4:5", "s2", "deflate", "xordelta|shuffle|zstd:1"} {
		p := mustParse(t, line)
		var src, out []byte
		for kind := 5; ; kind = (kind + 1) % corpora {
			var err error
			src = corpus(kind, b.RawLen(), 4, r)
			if out, err = p.Encode(nil, src, b); err == nil {
				break
			}
		}
		dst := make([]byte, len(src))
		allocs := testing.AllocsPerRun(50, func() {
			var err error
			if out, err = p.Encode(out[:0], src, b); err != nil {
				t.Fatal(err)
			}
		})
		if allocs >= 1 {
			t.Errorf("%s: %.1f allocations to encode a chunk", line, allocs)
		}
		allocs = testing.AllocsPerRun(50, func() {
			if err := p.Decode(dst, out, b); err != nil {
				t.Fatal(err)
			}
		})
		if allocs >= 1 {
			t.Errorf("%s: %.1f allocations to decode a chunk", line, allocs)
		}
	}
}

// The assembly loops give what their Go twins give.
func TestTwins(t *testing.T) {
	if !useAsm {
		t.Skip("no assembly in this build or on this processor")
	}
	defer func() { useAsm = true }()
	r := rand.New(rand.NewPCG(9, 10))
	count, rounds, most := 0, 8, 11
	switch {
	case full:
		rounds = 20
	case raceDetector:
		rounds, most = 2, 8
	}
	for _, line := range []string{"planes", "planes:1", "planes:2", "planes:8", "predict|planes"} {
		p := mustParse(t, line)
		for kind := range corpora {
			for range rounds {
				n := int64(r.IntN(1 << (8 + r.IntN(most))))
				b := Box{tensor.F32, []int64{1 + n}}
				src := corpus(kind, b.RawLen(), 4, r)
				useAsm = true
				one, err := encodeAny(p, src, b)
				if err != nil {
					t.Fatal(err)
				}
				useAsm = false
				two, err := encodeAny(p, src, b)
				if err != nil || !bytes.Equal(one, two) {
					t.Fatalf("%s, %d bytes: the twins encode differently; %v", line, len(src), err)
				}
				for _, asm := range []bool{false, true} {
					useAsm = asm
					dst := bytes.Repeat([]byte{0xaa}, len(src)+64)
					if err := p.Decode(dst[:len(src):len(src)], one, b); err != nil || !bytes.Equal(dst[:len(src)], src) {
						t.Fatalf("%s, %d bytes, assembly %v: %v", line, len(src), asm, err)
					}
					if !bytes.Equal(dst[len(src):], bytes.Repeat([]byte{0xaa}, 64)) {
						t.Fatalf("%s, %d bytes, assembly %v: wrote behind the end", line, len(src), asm)
					}
				}
				count++
			}
		}
	}
	t.Logf("%d chunks", count)
	if count < 35*rounds {
		t.Error("too few")
	}
}

// Noise stays as long as it is but for the heads of stages.
func TestNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	b := Box{tensor.F32, []int64{1 << 18}}
	src := corpus(0, b.RawLen(), 4, r)
	for _, line := range []string{"planes", "predict|planes", "bitpack|zstd:1", "lz4", "zstd", "shuffle|zstd:1"} {
		if out, err := mustParse(t, line).Encode(nil, src, b); !errors.Is(err, ErrNoGain) || len(out) != 0 {
			t.Errorf("%s: %d bytes, %v", line, len(out), err)
		}
	}
}
