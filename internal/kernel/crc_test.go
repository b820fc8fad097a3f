package kernel

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"math/big"
	"math/bits"
	"os"
	"regexp"
	"strconv"
	"testing"
)

func TestCRC32C(t *testing.T) {
	src := random(3<<20+100, 11)
	n := 0
	atEachLevel(t, func(l level) {
		check := func(b []byte, sum uint32) {
			n++
			if got, want := CRC32C(sum, b), crc32.Update(sum, castagnoli, b); got != want {
				t.Fatalf("%v: %d bytes behind %#08x: %#08x, want %#08x", l, len(b), sum, got, want)
			}
		}
		for size := range 1200 {
			check(src[size%64:][:size], uint32(size)*0x9e3779b9)
		}
		for _, size := range []int{0, 1, 4096, 1<<20 - 1, 1 << 20, 1<<20 + 63, 1<<20 + 512, 3 << 20} {
			for _, sum := range []uint32{0, 1, 1 << 31, ^uint32(0)} {
				check(src[size%7:][:size], sum)
			}
		}
		// Each bit of a piece counts.
		b := bytes.Clone(src[:2048])
		seen := map[uint32]bool{CRC32C(0, b): true}
		for i := range 8 * len(b) {
			b[i/8] ^= 1 << (i % 8)
			check(b, 7)
			seen[CRC32C(0, b)] = true
			b[i/8] ^= 1 << (i % 8)
		}
		if len(seen) != 8*len(b)+1 {
			t.Errorf("%v: %d checksums of %d", l, len(seen), 8*len(b)+1)
		}
	})
	t.Logf("%d checksums", n)
	if n := testing.AllocsPerRun(10, func() { CRC32C(0, src) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	// RFC 3720, appendix B.4: 32 bytes of zeros.
	if got := CRC32C(0, make([]byte, 32)); got != 0x8a9136aa {
		t.Errorf("of 32 zeros: %#08x", got)
	}
}

// The constants of the assembly, from the polynomial.
func TestFoldConstants(t *testing.T) {
	text, err := os.ReadFile("crc_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, m := range regexp.MustCompile(`DATA fold(\d+)<>\+(0|8)\(SB\)/8, \$(\w+)`).FindAllSubmatch(text, -1) {
		d, _ := strconv.Atoi(string(m[1]))
		e := d + 32
		if string(m[2]) == "8" {
			e = d - 32
		}
		got, _ := strconv.ParseUint(string(m[3]), 0, 64)
		// x^e modulo the polynomial, by long division.
		r, p := new(big.Int).Lsh(big.NewInt(1), uint(e)), big.NewInt(0x11edc6f41)
		for r.BitLen() > 32 {
			r.Xor(r, new(big.Int).Lsh(p, uint(r.BitLen()-33)))
		}
		if want := uint64(bits.Reverse32(uint32(r.Uint64()))) << 1; got != want {
			t.Errorf("fold%d+%s: %#x, want %#x", d, m[2], got, want)
		}
		n++
	}
	if n != 6 {
		t.Errorf("%d constants", n)
	}
}

func FuzzCRC32C(f *testing.F) {
	f.Add(random(5000, 3), uint32(5), 17)
	f.Fuzz(func(t *testing.T, b []byte, sum uint32, cut int) {
		// Long inputs are rare: the bytes are repeated, turned by one each time.
		long := bytes.Repeat(append(b, byte(len(b))), 1+4096/(len(b)+1))
		want := crc32.Update(sum, castagnoli, long)
		k := int(uint(cut) % uint(len(long)+1))
		atEachLevel(t, func(l level) {
			if got := CRC32C(sum, long); got != want {
				t.Errorf("%v: %#08x, want %#08x", l, got, want)
			}
			if got := CRC32C(CRC32C(sum, long[:k]), long[k:]); got != want {
				t.Errorf("%v, cut at %d: %#08x, want %#08x", l, k, got, want)
			}
		})
	})
}

func BenchmarkCRC32C(b *testing.B) {
	for _, n := range []int{1 << 10, 4 << 10, 64 << 10, 64 << 20} {
		src := random(n, 5)
		atEachLevel(b, func(l level) {
			if l > 1 && l < best { // the same as the one below
				return
			}
			b.Run(fmt.Sprintf("n=%d/impl=%v", n, l), func(b *testing.B) {
				b.SetBytes(int64(n))
				for b.Loop() {
					CRC32C(0, src)
				}
			})
		})
	}
}
