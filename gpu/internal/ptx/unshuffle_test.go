package ptx_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/codec"
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/ptx"
	"github.com/tensorfile/tensorfile/tensor"
)

// What package codec shuffles comes back.
func TestUnshuffle(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(8, 9))
	cases := 0
	for _, filter := range []string{"shuffle", "bitshuffle"} {
		for _, size := range []int{1, 2, 3, 4, 8, 12, 16} {
			p, err := codec.Parse(fmt.Sprintf("%s:%d", filter, size))
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range append(sizes(64), 255, 256, 257) {
				if n > 65 && testing.Short() {
					break
				}
				for _, rest := range []int{0, size - 1} {
					for _, skew := range [][2]int{{0, 0}, {1, 0}, {0, 3}} {
						bytesOf := n*size + rest
						var d device
						src, s := d.alloc(r, bytesOf, skew[0])
						want := make([]byte, bytesOf)
						if err := p.Decode(want, s, codec.Box{DType: tensor.U8, Shape: tensor.Shape{int64(bytesOf)}}); err != nil {
							t.Fatal(err)
						}
						dst, out := d.alloc(r, bytesOf, skew[1])
						l := ptx.Unshuffle(dst, src, int64(bytesOf), size)
						if filter == "bitshuffle" {
							l = ptx.BitUnshuffle(dst, src, int64(bytesOf), size)
						}
						check(t, &d, l)
						check(t, &d, small(l, 2, 3))
						if !bytes.Equal(out, want) {
							t.Fatalf("%s:%d of %d bytes", filter, size, bytesOf)
						}
						cases++
					}
				}
			}
		}
	}
	t.Logf("%d cases", cases)
}

// Bodies of the codec planes, their planes decoded by hand where they are raw.
func TestJoin(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(10, 11))
	cases := 0
	for _, size := range []int{2, 4, 8} {
		for _, n := range append(sizes(64), 255, 256, 257) {
			if n > 65 && testing.Short() {
				break
			}
			for _, skew := range []int{0, 1, 4} {
				for _, mix := range [][2]uint32{{0, 0}, {0, 3}, {uint32(4 + size), 0}, {5, 7}} {
					var d device
					planes := make([]driver.Ptr, size)
					in := make([][]byte, size)
					constants := r.Uint64()
					for k := range planes {
						if (k+cases)%3 == 1 {
							in[k] = bytes.Repeat([]byte{byte(constants >> (8 * k))}, n)
							continue
						}
						planes[k], in[k] = d.alloc(r, n, skew)
					}
					dst, out := d.alloc(r, n*size, skew)
					l := ptx.Join(dst, planes, constants, int64(n), mix[0], mix[1])
					check(t, &d, l)
					check(t, &d, small(l, 1, 7))
					if want := joined(in, mix[0], mix[1]); !bytes.Equal(out, want) {
						t.Fatalf("%d words of %d bytes, %v", n, size, mix)
					}
					cases++
				}
			}
		}
	}
	t.Logf("%d cases", cases)
}

// joined is the specification's words, bit by bit: turned to the left by turn, then
// the bits below the exponent's stay, the exponent moves down by one, and the bit
// that was below it becomes the sign.
func joined(planes [][]byte, exp, turn uint32) []byte {
	size, bits := len(planes), 8*len(planes)
	out := make([]byte, size*len(planes[0]))
	for i := range planes[0] {
		var from, to [64]byte
		for j := range bits {
			from[(j+int(turn))%bits] = planes[j/8][i] >> (j % 8) & 1
		}
		to = from
		if e := int(exp); e > 0 {
			copy(to[bits-1-e:bits-1], from[bits-e:bits])
			to[bits-1] = from[bits-1-e]
		}
		for j := range bits {
			out[i*size+j/8] |= to[j] << (j % 8)
		}
	}
	return out
}
