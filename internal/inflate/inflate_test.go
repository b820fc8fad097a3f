package inflate

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	kflate "github.com/klauspost/compress/flate"
)

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// texts are bytes of many kinds, n of each.
func texts(n int) map[string][]byte {
	rng := rand.New(rand.NewPCG(1, 2))
	all := map[string][]byte{}
	add := func(name string, next func(i int, b []byte) byte) {
		b := bytes.Repeat([]byte{0}, n)
		for i := range b {
			b[i] = next(i, b)
		}
		all[name] = b
	}
	add("zeros", func(int, []byte) byte { return 0 })
	add("noise", func(int, []byte) byte { return byte(rng.Uint32()) })
	add("few", func(int, []byte) byte { return "abcdefgh"[rng.IntN(8)] })
	add("skewed", func(int, []byte) byte { return byte(rng.ExpFloat64() * 9) })
	add("very skewed", func(int, []byte) byte { return byte(1 << min(int(rng.ExpFloat64()*1.4), 7)) })
	add("periods", func(i int, b []byte) byte {
		if back := 1 + i/300%40; i > back && rng.IntN(50) > 0 {
			return b[i-back]
		}
		return byte(rng.Uint32())
	})
	add("far", func(i int, b []byte) byte {
		if i > 32768 && rng.IntN(40) > 0 {
			return b[i-32768]
		}
		return byte(rng.Uint32())
	})
	add("words", func(i int, b []byte) byte {
		if i > 100 && rng.IntN(9) > 0 {
			return b[i-7-int(b[i-1])%60]
		}
		return "etaoin shrdlu"[rng.IntN(13)]
	})
	return all
}

// streams are what compressors make of b.
func streams(t testing.TB, b []byte) map[string][]byte {
	all := map[string][]byte{}
	for level := flate.HuffmanOnly; level <= 9; level++ {
		var out, kout bytes.Buffer
		w, err := flate.NewWriter(&out, level)
		ok(t, err)
		k, err := kflate.NewWriter(&kout, max(level, -1))
		ok(t, err)
		for _, w := range []interface {
			io.WriteCloser
			Flush() error
		}{w, k} {
			half := len(b) / 2
			w.Write(b[:half])
			if level%3 == 0 {
				w.Flush()
			}
			w.Write(b[half:])
			ok(t, w.Close())
		}
		all[fmt.Sprint("standard ", level)], all[fmt.Sprint("klauspost ", level)] = out.Bytes(), kout.Bytes()
	}
	return all
}

// plain is what the library makes of a stream: the elements, and what it read.
func plain(src []byte) (b []byte, read int, err error) {
	in := bytes.NewReader(src)
	b, err = io.ReadAll(io.LimitReader(flate.NewReader(in), 1<<20))
	return b, len(src) - in.Len(), err
}

// The libraries' streams, of all their levels and kinds of blocks, come back; from
// memory of other sizes they do not.
func TestDecode(t *testing.T) {
	n, sizes := 0, []int{0, 1, 2, 7, 100, 300, 5000, 70_000, 300_000}
	if testing.Short() {
		sizes = sizes[:7]
	}
	for _, size := range sizes {
		for kind, b := range texts(size) {
			for by, src := range streams(t, b) {
				dst := bytes.Repeat([]byte{0xa5}, size+32)
				read, ok := Decode(dst[:size:size], src)
				if !ok || read != len(src) || !bytes.Equal(dst[:size], b) {
					t.Fatalf("%s of %s, %d bytes: %v, %d of %d read", by, kind, size, ok, read, len(src))
				}
				if slices.ContainsFunc(dst[size:], func(c byte) bool { return c != 0xa5 }) {
					t.Fatalf("%s of %s, %d bytes: written past the end", by, kind, size)
				}
				if read, ok := Decode(dst[:size], append(bytes.Clone(src), b...)); !ok || read != len(src) {
					t.Errorf("with bytes behind it: %d, %v", read, ok)
				}
				if _, ok := Decode(dst[:size+1], src); ok {
					t.Error("too much room is filled")
				}
				if _, ok := Decode(dst[:max(size-1, 0)], src); ok && size > 0 {
					t.Error("too little room is enough")
				}
				n++
			}
		}
	}
	t.Logf("%d streams", n)
}

// Short streams, cut and changed everywhere: no result but the library's.
func TestDamage(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	accepted, rounds := 0, 400
	if testing.Short() {
		rounds = 20
	}
	for kind, b := range texts(700) {
		for by, src := range streams(t, b) {
			dst := make([]byte, len(b))
			for n := range src {
				if _, ok := Decode(dst, src[:n]); ok {
					t.Fatalf("%s of %s, cut at %d of %d", by, kind, n, len(src))
				}
			}
			for range rounds {
				bad := bytes.Clone(src)
				for range 1 + rng.IntN(2) {
					bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
				}
				if against(t, bad, len(b)) {
					accepted++
				}
			}
		}
	}
	t.Logf("%d changed streams decode", accepted)
	if accepted < 2*rounds {
		t.Error("few")
	}
}

// against decodes src to size bytes; what is accepted must be what the library makes.
func against(t *testing.T, src []byte, size int) bool {
	t.Helper()
	dst := make([]byte, size)
	read, ok := Decode(dst, src)
	if !ok {
		return false
	}
	want, n, err := plain(src)
	if err != nil || n != read || !bytes.Equal(dst, want) {
		t.Fatalf("%x: %d bytes of %d read; the library: %d bytes of %d, %v", src, size, read, len(want), n, err)
	}
	return true
}

// streamed is what a Reader makes of src.
func streamed(src []byte) (b []byte, read int, err error) {
	r := readers.Get().(*Reader)
	defer readers.Put(r)
	in := bytes.NewReader(src)
	r.Reset(in, int64(len(src)))
	b, err = io.ReadAll(io.LimitReader(r, 1<<20))
	return b, len(src) - in.Len() - r.Buffered(), err
}

var readers = sync.Pool{New: func() any { return new(Reader) }}

// What can be decoded is: nothing is left to the library without a reason.
func FuzzDecode(f *testing.F) {
	for _, b := range texts(400) {
		for _, src := range streams(f, b) {
			f.Add(src, 400)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte, size int) {
		if want, n, err := plain(src); err == nil && len(want) < 1<<20 {
			if !against(t, src, len(want)) {
				t.Errorf("%x: not decoded", src)
			}
			if got, m, err := streamed(src); err != nil || m != n || !bytes.Equal(got, want) {
				t.Errorf("%x: %d bytes of %d, %v, want %d of %d", src, len(got), m, err, len(want), n)
			}
		} else if got, _, again := streamed(src); len(got) < 1<<20 && again == nil || !bytes.HasPrefix(want, got) && !bytes.HasPrefix(got, want) {
			t.Errorf("%x: %d bytes, %v, want %d, %v", src, len(got), again, len(want), err)
		}
		against(t, src, int(uint(size)%5000))
	})
}

func TestZlib(t *testing.T) {
	b := texts(3000)["words"]
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	w.Write(b)
	w.Close()
	src := append(out.Bytes(), 1, 2, 3)
	dst := make([]byte, len(b))
	if n, ok := Zlib(dst, src); !ok || n != len(src)-3 || !bytes.Equal(dst, b) {
		t.Fatal(n, ok)
	}
	for i := range src[:len(src)-3] {
		bad := bytes.Clone(src)
		bad[i] ^= 0x20
		if _, ok := Zlib(dst, bad); ok && !bytes.Equal(dst, b) { // a match elsewhere may be the same
			t.Errorf("byte %d is changed", i)
		}
		if _, ok := Zlib(dst, src[:i]); ok {
			t.Errorf("%d bytes are enough", i)
		}
	}
	if n := testing.AllocsPerRun(10, func() { Zlib(dst, src) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDecode(b *testing.B) {
	for kind, data := range texts(1 << 20) {
		src := streams(b, data)["standard 6"]
		b.Run("data="+kind+"/impl=inflate", func(b *testing.B) {
			dst := make([]byte, len(data))
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, ok := Decode(dst, src); !ok {
					b.Fatal("not decoded")
				}
			}
		})
		b.Run("data="+kind+"/impl=reader", func(b *testing.B) {
			dst := make([]byte, len(data))
			r := new(Reader)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				r.Reset(bytes.NewReader(src), int64(len(src)))
				if _, err := io.ReadFull(r, dst); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("data="+kind+"/impl=klauspost", func(b *testing.B) {
			dst := make([]byte, len(data))
			r := kflate.NewReader(bytes.NewReader(src))
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				r.(kflate.Resetter).Reset(bytes.NewReader(src), nil)
				if _, err := io.ReadFull(r, dst); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// slow gives a few bytes at a time, and an error in place of the byte at fails.
type slow struct {
	b     []byte
	at    int
	fails int
	step  int
}

var errSlow = errors.New("slow")

func (s *slow) Read(p []byte) (int, error) {
	if s.at == s.fails {
		return 0, errSlow
	}
	if s.at == len(s.b) {
		return 0, io.EOF
	}
	n := copy(p, s.b[s.at:min(len(s.b), s.at+s.step)])
	if s.fails > s.at {
		n = min(n, s.fails-s.at)
	}
	s.at += n
	return n, nil
}

// A stream comes as from memory, in pieces of any size.
func TestReader(t *testing.T) {
	r, sizes := new(Reader), []int{0, 1, 700, 70_000, 500_000}
	if testing.Short() {
		sizes = sizes[:3]
	}
	for _, size := range sizes {
		for kind, b := range texts(size) {
			for by, src := range streams(t, b) {
				for _, step := range []int{1 << 20, 4093, 7} {
					if step == 7 && size > 1000 {
						continue
					}
					r.Reset(&slow{b: append(bytes.Clone(src), 1, 2, 3), fails: -1, step: step}, int64(len(src)+3))
					var got []byte
					var err error
					for p := make([]byte, 65_000); err == nil; {
						var n int
						n, err = r.Read(p[:1+(len(got)*7+size)%len(p)])
						got = append(got, p[:n]...)
					}
					if err != io.EOF || !bytes.Equal(got, b) || r.left > 0 || r.Buffered() != 3 {
						t.Fatalf("%s of %s, %d bytes by %d: %v, %d bytes, %d and %d left", by, kind, size, step, err, len(got), r.left, r.Buffered())
					}
				}
			}
		}
	}
	// A source that fails, or ends.
	b := texts(70_000)["skewed"]
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, 6)
	w.Write(b)
	ok(t, w.Close())
	src := out.Bytes()
	for at := 0; at < len(src); at += 1 + at/7 {
		for _, c := range []struct {
			in   io.Reader
			size int
			want error
		}{
			{&slow{b: src, fails: at, step: 1000}, len(src), errSlow},
			{&slow{b: src[:at], fails: -1, step: 1000}, len(src), io.ErrUnexpectedEOF},
			{&slow{b: src[:at], fails: -1, step: 1000}, at, ErrOdd},
		} {
			r.Reset(c.in, int64(c.size))
			got, err := io.ReadAll(r)
			if err != c.want || !bytes.HasPrefix(b, got) {
				t.Fatalf("%d bytes of %d: %v, want %v", at, len(src), err, c.want)
			}
		}
	}
}
