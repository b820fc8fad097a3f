package codec

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// fuzzBox makes a box of at most 64 KiB of any of the dtypes.
func fuzzBox(t *testing.T, dtype, x, y, z uint8) Box {
	d := dtypeOf(t, allDTypes[int(dtype)%len(allDTypes)])
	b := Box{d, []int64{int64(x), 1 + int64(y%40), 1 + int64(z%8)}}
	if d.Class == tensor.ClassBlock {
		b.Shape[2] *= int64(d.UnitElems)
	}
	return b
}

// FuzzDecode gives arbitrary bytes to arbitrary pipelines.
func FuzzDecode(f *testing.F) {
	for i, line := range allPipelines {
		p := mustParse(f, line)
		for dtype := range allDTypes {
			if (i+dtype)%5 != 0 {
				continue
			}
			d := dtypeOf(f, allDTypes[dtype])
			b := Box{d, []int64{20, 5, 2}}
			if d.Class == tensor.ClassBlock {
				b.Shape[2] *= int64(d.UnitElems)
			}
			if p.Check(b) != nil {
				continue
			}
			src := make([]byte, b.RawLen())
			for k := range src {
				src[k] = byte(k * k >> 6)
			}
			good, err := encodeAny(p, src, b)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(line, uint8(dtype), uint8(20), uint8(4), uint8(1), good)
		}
	}
	f.Fuzz(func(t *testing.T, line string, dtype, x, y, z uint8, data []byte) {
		p, err := Parse(line)
		if err != nil {
			var e *tensor.Error
			if !errors.As(err, &e) || e.Rule == "" || !errors.Is(err, tensor.ErrFormat) && !errors.Is(err, tensor.ErrUnsupported) {
				t.Fatalf("%q: %v", line, err)
			}
			return
		}
		b := fuzzBox(t, dtype, x, y, z)
		raw := b.RawLen()
		dst := bytes.Repeat([]byte{0x5a}, raw+32)
		err = p.Decode(dst[:raw:raw], data, b)
		if !bytes.Equal(dst[raw:], bytes.Repeat([]byte{0x5a}, 32)) {
			t.Fatalf("%q wrote behind the end", line)
		}
		var e *tensor.Error
		if err != nil && (!errors.As(err, &e) || e.Rule == "") {
			t.Fatalf("%q: %v", line, err)
		}
	})
}

// The seeds have every codec that pipelines can name.
func TestSeedsHaveEveryCodec(t *testing.T) {
	for _, c := range Names() {
		if !slices.ContainsFunc(allPipelines, func(line string) bool { return line == c.Name || strings.HasPrefix(line, c.Name+":") }) {
			t.Errorf("%s is in no pipeline of the fuzz targets", c.Name)
		}
	}
}

// FuzzRoundTrip codes arbitrary bytes and decodes them again.
func FuzzRoundTrip(f *testing.F) {
	for i, line := range allPipelines {
		f.Add(line, uint8(i), uint8(50), uint8(7), uint8(3), []byte("tensorfile tensorfile 0123"))
	}
	f.Fuzz(func(t *testing.T, line string, dtype, x, y, z uint8, pattern []byte) {
		p, err := Parse(line)
		if err != nil {
			return
		}
		b := fuzzBox(t, dtype, x, y, z)
		if p.Check(b) != nil {
			return
		}
		src := make([]byte, b.RawLen())
		for i := range src {
			if len(pattern) > 0 {
				src[i] = pattern[i%len(pattern)] + byte(i/max(1, len(pattern)*3))
			}
		}
		out, err := encodeAny(p, src, b)
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]byte, len(src))
		if err := p.Decode(dst, out, b); err != nil || !bytes.Equal(dst, src) {
			t.Fatalf("%q of %v %v: %v", line, b.DType, b.Shape, err)
		}
	})
}

// FuzzFrame gives arbitrary frames to the reader of literals and to the
// library: what the first takes the second takes too, and both see the same.
func FuzzFrame(f *testing.F) {
	sc := new(scratch)
	for kind := range corpora {
		for _, n := range []int{600, 3000, 140000} {
			src := corpus(kind, n, 4, newRand())
			sc.enc.histogram(src)
			if _, ok := sc.enc.build(); ok {
				f.Add(sc.enc.literalFrame(nil, src), uint32(n))
			}
			f.Add(zstdEncode(nil, src, 1), uint32(n))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, n uint32) {
		if n > 1<<18 {
			return
		}
		h, err := parseFrame("zstd", b)
		if err != nil || h.checksum || h.size != noSize && h.size != uint64(n) {
			return
		}
		one, two := make([]byte, n), make([]byte, n)
		var dec huffDecoder
		if !dec.literals(one, b[h.header:], int(min(h.window, zstdBlock))) {
			return
		}
		if err := zstdFrame("zstd", two, b); err != nil {
			t.Fatalf("the library refuses what was taken: %v", err)
		}
		if !bytes.Equal(one, two) {
			t.Fatal("other bytes than the library's")
		}
	})
}
