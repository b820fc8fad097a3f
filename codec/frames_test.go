package codec

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// frameData makes the bytes that data in testdata/zstd.py makes, too.
func frameData(kind, n int) []byte {
	x := uint32(12345)
	out := make([]byte, n)
	for i := range out {
		x = (x*1103515245 + 12345) & 0x7fffffff
		v := x >> 16 & 0x7fff
		switch kind {
		case 0:
			out[i] = byte(v & (v >> 5) & (v >> 9) & 15)
		case 1:
			out[i] = byte(i / 97 % 5)
			if v%50 == 0 {
				out[i] = byte(v)
			}
		default:
			out[i] = byte(v % 7 * 37)
		}
	}
	return out
}

// Frames of the reference implementation decode here, and those of this package
// there: CODEC_FRAMES names a folder for them, testdata/zstd.py reads it.
func TestFrames(t *testing.T) {
	paths, err := filepath.Glob("testdata/zstd/*.zst")
	if err != nil || len(paths) < 30 {
		t.Fatalf("%d frames, %v", len(paths), err)
	}
	var dec huffDecoder
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var kind, n int
		if _, err := fmt.Sscanf(strings.ReplaceAll(filepath.Base(path), "-", " "), "%d %d", &kind, &n); err != nil {
			t.Fatal(err)
		}
		dst := make([]byte, n)
		if err := zstdDecode("zstd", dst, b, &dec); err != nil || !bytes.Equal(dst, frameData(kind, n)) {
			t.Errorf("%s: %v", path, err)
		}
	}
	folder := os.Getenv("CODEC_FRAMES")
	sc := new(scratch)
	own := 0
	for kind := range 3 {
		for _, n := range []int{512, 1000, 65535, 65536, 131072, 131073, 140000, 262144, 1000003, 9 << 20} {
			if testing.Short() && n > 1<<20 {
				continue
			}
			src := frameData(kind, n)
			sc.enc.histogram(src)
			if _, ok := sc.enc.build(); !ok {
				t.Fatalf("kind %d has no table", kind)
			}
			frame := sc.enc.literalFrame(nil, src)
			dst := make([]byte, n)
			f, err := parseFrame("zstd", frame)
			if err != nil {
				t.Fatal(err)
			}
			if !dec.literals(dst, frame[f.header:], int(min(f.window, zstdBlock))) || !bytes.Equal(dst, src) {
				t.Errorf("kind %d, %d bytes: not read as literals", kind, n)
			}
			clear(dst)
			if err := zstdFrame("zstd", dst, frame); err != nil || !bytes.Equal(dst, src) {
				t.Errorf("kind %d, %d bytes: the library: %v", kind, n, err)
			}
			own++
			if folder == "" {
				continue
			}
			if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d-%d-own.zst", kind, n)), frame, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d frames of the reference, %d of our own", len(paths), own)
}
