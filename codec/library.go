package codec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/tensorfile/tensorfile/internal/inflate"
)

// maxWindow bounds what a zstd frame may make a reader hold.
const maxWindow = 8 << 20

// A library is what serves a stage by a level: made on first use, kept.
type library[T any] struct {
	once  sync.Once
	value T
}

func (l *library[T]) get(open func() T) T {
	l.once.Do(func() { l.value = open() })
	return l.value
}

var (
	zstdWriters [zstd.SpeedBestCompression + 1]library[*zstd.Encoder]
	zstdReader  library[*zstd.Decoder]
)

// zstdEncode appends one frame of src, of which the size is in its header.
func zstdEncode(dst, src []byte, level int) []byte {
	if level == 0 {
		level = 3
	}
	speed := zstd.EncoderLevelFromZstd(level)
	w := zstdWriters[speed].get(func() *zstd.Encoder {
		w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(speed), zstd.WithEncoderCRC(false),
			zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)), zstd.WithWindowSize(zstdWindow(speed)), zstd.WithZeroFrames(true))
		if err != nil {
			panic(err) // options of ours
		}
		return w
	})
	return w.EncodeAll(src, dst)
}

// zstdWindow keeps the windows that a level would choose below the largest that
// is allowed.
func zstdWindow(speed zstd.EncoderLevel) int {
	switch speed {
	case zstd.SpeedFastest:
		return 4 << 20
	default:
		return maxWindow
	}
}

// zstdFrame decodes a frame by the library. The header has been checked.
func zstdFrame(stage string, dst, frame []byte) error {
	r := zstdReader.get(func() *zstd.Decoder {
		r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(runtime.GOMAXPROCS(0)), zstd.WithDecoderMaxWindow(maxWindow),
			zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderLowmem(true))
		if err != nil {
			panic(err) // options of ours
		}
		return r
	})
	out, err := r.DecodeAll(frame, dst[:0:len(dst)])
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrFrameSizeExceeded):
		return overflows(stage, len(dst))
	case err != nil:
		return brokenBy(stage, err)
	case len(out) != len(dst):
		return short(stage, len(out), len(dst))
	}
	return nil
}

var (
	lz4Fast   = sync.Pool{New: func() any { return new(lz4.Compressor) }}
	lz4Strong = sync.Pool{New: func() any { return new(lz4.CompressorHC) }}
	lz4Levels = [...]lz4.CompressionLevel{lz4.Level1, lz4.Level2, lz4.Level3, lz4.Level4, lz4.Level5, lz4.Level6, lz4.Level7, lz4.Level8, lz4.Level9}
)

// lz4Encode appends a block. Levels 1 and 2 are the fast search, those above
// the thorough one.
func lz4Encode(dst, src []byte, level int) ([]byte, error) {
	begin := len(dst)
	bound := lz4.CompressBlockBound(len(src))
	dst = slices.Grow(dst, bound)
	out := dst[begin : begin+bound]
	var n int
	var err error
	if level <= 2 {
		c := lz4Fast.Get().(*lz4.Compressor)
		n, err = c.CompressBlock(src, out)
		lz4Fast.Put(c)
	} else {
		c := lz4Strong.Get().(*lz4.CompressorHC)
		c.Level = lz4Levels[min(level-3, len(lz4Levels)-1)]
		n, err = c.CompressBlock(src, out)
		lz4Strong.Put(c)
	}
	if err != nil {
		return dst, fmt.Errorf("codec: lz4: %w", err)
	}
	if n == 0 { // does not shrink, which a stage in the middle must bear
		n = lz4Literals(out, src)
	}
	return dst[:begin+n], nil
}

// lz4Literals writes a block that is nothing but literals.
func lz4Literals(out, src []byte) int {
	n := 1
	if len(src) < 15 {
		out[0] = byte(len(src)) << 4
	} else {
		out[0] = 15 << 4
		rest := len(src) - 15
		for ; rest >= 255; rest -= 255 {
			out[n] = 255
			n++
		}
		out[n] = byte(rest)
		n++
	}
	return n + copy(out[n:], src)
}

func lz4Decode(stage string, dst, body []byte) error {
	n, err := lz4.UncompressBlock(body, dst)
	if err == nil && n == len(dst) {
		return nil
	}
	// The library gives one error for a full dst and for nonsense.
	switch n, ok := lz4Length(body); {
	case !ok:
		return broken(stage, "a malformed block", "an LZ4 block")
	case n > len(dst):
		return overflows(stage, len(dst))
	case n < len(dst):
		return short(stage, n, len(dst))
	}
	return broken(stage, "a match before the beginning", "an LZ4 block")
}

// lz4Length returns the decoded length of a block, up to 2^30, from its tokens
// alone.
func lz4Length(b []byte) (n int, ok bool) {
	run := func(k int) (int, bool) {
		if k < 15 {
			return k, true
		}
		for {
			if len(b) == 0 {
				return 0, false
			}
			c := b[0]
			b = b[1:]
			if k += int(c); c != 255 {
				return k, true
			}
		}
	}
	for len(b) > 0 && n <= maxRaw {
		token := b[0]
		b = b[1:]
		literals, ok := run(int(token >> 4))
		if !ok || literals > len(b) {
			return 0, false
		}
		n += literals
		if b = b[literals:]; len(b) == 0 {
			return n, true
		}
		if len(b) < 2 {
			return 0, false
		}
		b = b[2:]
		match, ok := run(int(token & 15))
		if !ok {
			return 0, false
		}
		n += match + 4
	}
	return n, n > maxRaw
}

// s2Encode appends a block.
func s2Encode(dst, src []byte) []byte {
	begin := len(dst)
	bound := s2.MaxEncodedLen(len(src))
	dst = slices.Grow(dst, bound)
	out := s2.Encode(dst[begin:begin+bound], src)
	return dst[:begin+len(out)]
}

func s2Decode(stage string, dst, body []byte) error {
	n, err := s2.DecodedLen(body)
	if err != nil {
		return brokenBy(stage, err)
	}
	if n != len(dst) {
		return wrongLength(stage, uint64(n), uint64(len(dst)))
	}
	if _, err := s2.Decode(dst, body); err != nil {
		return brokenBy(stage, err)
	}
	return nil
}

// An inflater is a reader of raw DEFLATE with what feeds it.
type inflater struct {
	in  bytes.Reader
	out io.ReadCloser
	one [1]byte
}

// A deflater is a writer with what it fills.
type deflater struct {
	buf []byte
	out *flate.Writer
}

func (d *deflater) Write(p []byte) (int, error) {
	d.buf = append(d.buf, p...)
	return len(p), nil
}

var (
	inflaters = sync.Pool{New: func() any { return &inflater{out: flate.NewReader(bytes.NewReader(nil))} }}
	deflaters [10]sync.Pool // by level
)

func deflateEncode(dst, src []byte, level int) ([]byte, error) {
	if level == 0 {
		level = 6
	}
	d, _ := deflaters[level].Get().(*deflater)
	if d == nil {
		d = new(deflater)
		w, err := flate.NewWriter(d, level)
		if err != nil {
			return dst, fmt.Errorf("codec: deflate: %w", err)
		}
		d.out = w
	}
	d.buf = dst
	d.out.Reset(d)
	_, err := d.out.Write(src)
	if err == nil {
		err = d.out.Close()
	}
	out := d.buf
	d.buf = nil
	deflaters[level].Put(d)
	if err != nil {
		return dst, fmt.Errorf("codec: deflate: %w", err)
	}
	return out, nil
}

func deflateDecode(stage string, dst, body []byte) error {
	if n, ok := inflate.Decode(dst, body); ok && n == len(body) {
		return nil
	}
	f := inflaters.Get().(*inflater)
	defer inflaters.Put(f)
	f.in.Reset(body)
	defer f.in.Reset(nil)
	if err := f.out.(flate.Resetter).Reset(&f.in, nil); err != nil {
		return brokenBy(stage, err)
	}
	n, err := io.ReadFull(f.out, dst)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF) && f.in.Len() > 0:
		return short(stage, n, len(dst))
	case err != nil:
		return brokenBy(stage, err)
	}
	switch n, err := f.out.Read(f.one[:]); {
	case n > 0:
		return overflows(stage, len(dst))
	case err != io.EOF:
		return brokenBy(stage, err)
	case f.in.Len() > 0:
		return broken(stage, fmt.Sprintf("%d bytes behind the stream", f.in.Len()), "none")
	}
	return nil
}
