package ptx_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/ptx"
	"github.com/tensorfile/tensorfile/tensor"
)

func TestTranspose(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 5))
	cases := 0
	for _, size := range []int{1, 2, 4, 8} {
		for _, shape := range [][3]int{{1, 0, 5}, {1, 1, 1}, {2, 31, 32}, {1, 32, 33}, {3, 3, 70}, {1, 64, 64}, {2, 65, 5}} {
			batch, rows, cols := shape[0], shape[1], shape[2]
			n := batch * rows * cols
			var d device
			src, s := d.alloc(r, n*size, size*(cases%3))
			dst, out := d.alloc(r, n*size, size*(cases%2))
			l := ptx.Transpose(dst, src, size, uint32(batch), int64(rows), int64(cols))
			check(t, &d, l)
			l.Grid = driver.Dim{X: 1, Y: 2, Z: 1}
			check(t, &d, l)
			for b := range batch {
				for i := range rows {
					for j := range cols {
						from, to := ((b*rows+i)*cols+j)*size, ((b*cols+j)*rows+i)*size
						if !bytes.Equal(out[to:to+size], s[from:from+size]) {
							t.Fatalf("%v of %d bytes: element %d, %d, %d", shape, size, b, i, j)
						}
					}
				}
			}
			cases++
		}
	}
	t.Logf("%d cases", cases)
}

// Random views, against an odometer.
func TestGather(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(6, 7))
	seen := map[string]int{}
	cases := 200
	if testing.Short() {
		cases = 80
	}
	for i := range cases {
		size := []int64{1, 2, 3, 4, 8, 12, 16}[r.IntN(7)]
		rank := r.IntN(9)
		shape, strides := make(tensor.Shape, rank), make(tensor.Strides, rank)
		step := size
		n := int64(1)
		for k := rank - 1; k >= 0; k-- {
			shape[k] = 1 + r.Int64N(4)
			if n > 100 {
				shape[k] = 1 + r.Int64N(2)
			}
			if i%7 == 0 && k == rank-1 {
				shape[k] = 20
			}
			n *= shape[k]
			strides[k] = step
			switch r.IntN(6) {
			case 0:
				strides[k] = -step
			case 1:
				strides[k] = 0
			case 2:
				step += size * r.Int64N(3)
			case 3:
				if i%3 == 0 {
					step += r.Int64N(5) // no element lies where its type wants it
				}
			}
			step *= shape[k]
		}
		if i%10 == 7 { // matrices that are turned
			size = 1 << (i / 10 % 4)
			shape, strides = tensor.Shape{2, 17, 20}, tensor.Strides{17 * 20 * size, size, 17 * size}
			rank, n = 3, 2*17*20
		}
		if i%50 == 1 && rank > 0 {
			shape[0], n = 0, 0
		}
		if rank > 2 && i%10 != 7 {
			a, b := r.IntN(rank), r.IntN(rank)
			shape[a], shape[b] = shape[b], shape[a]
			strides[a], strides[b] = strides[b], strides[a]
		}
		var lo, hi int64
		for k := range rank {
			if n == 0 {
				break
			}
			if d := strides[k] * (shape[k] - 1); d < 0 {
				lo += d
			} else {
				hi += d
			}
		}
		var d device
		src, s := d.alloc(r, int(hi-lo+size), r.IntN(3)*int(size))
		dst, out := d.alloc(r, int(n*size), r.IntN(3))
		l, ok := ptx.Gather(dst, src-driver.Ptr(lo), size, shape, strides)
		if !ok {
			seen["too many axes"]++
			continue
		}
		seen[l.Kernel]++
		check(t, &d, l)
		if l.Block.Y == 0 && i%3 == 0 {
			check(t, &d, small(l, 1, 3))
		}
		idx := make([]int64, rank)
		for k := range n {
			at := -lo
			for a := range idx {
				at += idx[a] * strides[a]
			}
			if !bytes.Equal(out[k*size:(k+1)*size], s[at:at+size]) {
				t.Fatalf("%v %v of %d bytes: element %d", shape, strides, size, k)
			}
			for a := rank - 1; a >= 0; a-- {
				if idx[a]++; idx[a] < shape[a] {
					break
				}
				idx[a] = 0
			}
		}
	}
	t.Log(seen)
	for _, name := range []string{"gather_1", "gather_2", "gather_4", "gather_8", "gather_16", "transpose_4"} {
		if seen[name] < 1 {
			t.Errorf("%s ran %d times", name, seen[name])
		}
	}
}

// One axis with gaps, of about as many elements as a block has threads.
func TestGatherBlocks(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(22, 23))
	for _, size := range []int64{1, 2, 4, 8, 16} {
		for _, n := range []int64{0, 1, 255, 256, 257, 1025} {
			var d device
			src, s := d.alloc(r, int(2*n*size), int(size))
			dst, out := d.alloc(r, int(n*size), 0)
			l, _ := ptx.Gather(dst, src, size, tensor.Shape{n}, tensor.Strides{2 * size})
			check(t, &d, l)
			for k := range n {
				if !bytes.Equal(out[k*size:(k+1)*size], s[2*k*size:(2*k+1)*size]) {
					t.Fatalf("%d of %d elements of %d bytes", k, n, size)
				}
			}
		}
	}
}

// Numbers from 2^32 on are divided as 64 bits: the last of so many threads, in
// memory that is as large only by its addresses.
func TestGatherWide(t *testing.T) {
	t.Parallel()
	const dst, src, blocks = 1 << 40, 1 << 50, 1<<31 - 1
	r := rand.New(rand.NewPCG(18, 19))
	for _, size := range []int64{1, 2, 4, 8, 16} {
		for rank := range ptx.GatherAxes {
			rank++
			shape, strides := make(tensor.Shape, rank), make(tensor.Strides, rank)
			n, step := int64(1), 2*size
			for k := rank - 1; k >= 0; k-- {
				if shape[k] = 2 + r.Int64N(5); k == 0 {
					shape[k] = 3*blocks/n + 1
				}
				strides[k] = step
				n *= shape[k]
				step = step*shape[k] + size*(1+r.Int64N(3))
				if k == 0 {
					strides[k] = size // so that all of it has an address
				}
			}
			l, ok := ptx.Gather(dst, src, size, shape, strides)
			if want := fmt.Sprintf("gather_%d", size); !ok || l.Kernel != want && rank > 1 {
				t.Fatalf("%v %v of %d bytes: %v", shape, strides, size, l.Kernel)
			} else if l.Kernel != want {
				continue // without gaps
			}
			k := l.Module.Kernel(l.Kernel)
			var a driver.Args
			var err error
			if a.Bytes, a.Offsets, err = k.Params.Pack(nil, nil, l.Args); err != nil {
				t.Fatal(err)
			}
			p := *program(t, l.Module)
			p.Steps, p.Reverse = 600, true
			var m far
			if err := p.Launch(&m, l.Kernel, driver.Dim{X: blocks}, driver.Dim{X: 3}, 0, a); err == nil {
				t.Error("a launch without an end")
			}
			for i := range int64(2) {
				q := 3*blocks - 1 - i
				to, from := dst+size*q, int64(src)
				for k := rank - 1; k >= 0; k-- {
					from += q % shape[k] * strides[k]
					q /= shape[k]
				}
				if j := int(2 * i); len(m) < j+2 || m[j] != driver.Ptr(from) || m[j+1] != driver.Ptr(to) {
					t.Fatalf("%v %v of %d bytes: accesses %#x, want %#x and %#x", shape, strides, size, m, from, to)
				}
			}
		}
	}
}

// far notes which bytes are asked for.
type far []driver.Ptr

func (f *far) Bytes(p driver.Ptr, n int64) ([]byte, error) {
	*f = append(*f, p)
	return make([]byte, n), nil
}
