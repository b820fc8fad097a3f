package ptx_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/ptx"
	"github.com/tensorfile/tensorfile/tensor"
)

func TestReduce(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(12, 13))
	cases := 0
	for _, dt := range ptx.Reduced {
		for _, op := range []tensor.Reduction{tensor.Sum, tensor.Min, tensor.Max} {
			for i, n := range []int{0, 1, 3, 257, 1025, 4095, 4096, 4097, 8192, 9001} {
				if (i+cases/10)%5 != 0 && testing.Short() {
					cases++
					continue
				}
				// Misaligned; with the bits of all floats; rows.
				reduce(t, r, op, dt, n, i%4%3, i%2 == 1, 1+i%3%2, cases%5 == 0)
				if n == 8192 {
					reduce(t, r, op, dt, n, 0, false, 1, false)
					reduce(t, r, op, dt, n, 0, true, 2, false)
				}
				cases++
			}
		}
	}
	t.Logf("%d cases", cases)
}

// reduce checks one reduction of rows of n elements of dt, skew elements behind a
// multiple of 256 bytes.
func reduce(t *testing.T, r *rand.Rand, op tensor.Reduction, dt tensor.DType, n, skew int, wild bool, rows int, narrow bool) {
	t.Helper()
	size := int(dt.UnitBytes)
	var d device
	src, s := d.alloc(r, rows*n*size, size*skew)
	for i := range s {
		// Not all floats are NaN or huge then.
		if dt.Class == tensor.ClassFloat && i%size == size-1 && !wild {
			s[i] = s[i]&0x80 | 0x3c | s[i]&3
		}
	}
	acc := ptx.Accumulator(dt)
	dst, out := d.alloc(r, rows*int(acc.UnitBytes), 0)
	scratch, _ := d.alloc(r, int(ptx.ReduceScratch(dt, int64(rows), int64(n))), 0)
	for _, l := range ptx.Reduce(op, dt, dst, src, scratch, uint32(rows), int64(n)) {
		check(t, &d, l)
		if narrow {
			l.Grid = driver.Dim{X: 1, Y: 1}
			check(t, &d, l)
		}
	}
	if n == 0 {
		if op == tensor.Sum && binary.LittleEndian.Uint32(out) != 0 {
			t.Errorf("%v: a sum of nothing", dt)
		}
		return
	}
	v, err := tensor.NewView(s, dt, tensor.Shape{int64(rows), int64(n)}, nil, 0, tensor.LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	wide, err := v.Cast(map[bool]tensor.DType{true: tensor.F64, false: tensor.I64}[acc == tensor.F32])
	if err != nil {
		t.Fatal(err)
	}
	want, err := tensor.Reduce(wide, "r n -> r", op, nil)
	if err != nil {
		t.Fatal(err)
	}
	for row := range rows {
		if acc == tensor.I64 {
			w, err := tensor.ReadElem[int64](want, int64(row))
			if g := int64(binary.LittleEndian.Uint64(out[8*row:])); err != nil || g != w {
				t.Errorf("%v of %d %v: got %d, want %d (%v)", op, n, dt, g, w, err)
			}
			continue
		}
		w, err := tensor.ReadElem[float64](want, int64(row))
		if err != nil {
			t.Fatal(err)
		}
		g := math.Float32frombits(binary.LittleEndian.Uint32(out[4*row:]))
		switch {
		case w != w || g != g:
			if (w != w) != (g != g) && op != tensor.Sum || g != g && math.Float32bits(g) != 0x7fc00000 {
				t.Errorf("%v of %d %v: got %v, want %v", op, n, dt, g, w)
			}
		case op != tensor.Sum:
			if float64(g) != w || math.Signbit(float64(g)) != math.Signbit(w) {
				t.Errorf("%v of %d %v: got %v, want %v", op, n, dt, g, w)
			}
		case !wild && math.Abs(float64(g)-w) > 1e-4*float64(n):
			t.Errorf("%v of %d %v: got %v, want about %v", op, n, dt, g, w)
		}
	}
}

// Numbers whose sum says in which order they were added.
func TestReduceOrder(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(14, 15))
	for range 10 {
		n := 1 + r.IntN(3*4096)
		var d device
		src, s := d.alloc(r, 4*n, 4*r.IntN(4))
		for i := range n {
			f := float32(r.NormFloat64()) * float32(math.Ldexp(1, r.IntN(40)))
			binary.LittleEndian.PutUint32(s[4*i:], math.Float32bits(f))
		}
		dst, _ := d.alloc(r, 4, 0)
		scratch, _ := d.alloc(r, int(ptx.ReduceScratch(tensor.F32, 1, int64(n))), 0)
		for _, l := range ptx.Reduce(tensor.Sum, tensor.F32, dst, src, scratch, 1, int64(n)) {
			check(t, &d, l)
		}
	}
}

// One element that is less than all others, in each of the places that a thread
// takes, by vectors and one by one.
func TestReduceEveryPlace(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(20, 21))
	const n, places = 4096, 16
	for _, dt := range []tensor.DType{tensor.F32, tensor.U8, tensor.I16, tensor.I64} {
		if dt != tensor.F32 && testing.Short() {
			break
		}
		size := int(dt.UnitBytes)
		for skew := range 2 {
			var d device
			src, s := d.alloc(r, places*n*size, skew*size)
			clear(s)
			for i := range places * n {
				s[i*size+size-1] = 0x40 // 2 as f32
			}
			for row := range places {
				i := row*n + row/4*1024 + 4*r.IntN(256) + row%4
				s[i*size+size-1] = 0x20
			}
			acc := int(ptx.Accumulator(dt).UnitBytes)
			dst, out := d.alloc(r, places*acc, 0)
			for _, l := range ptx.Reduce(tensor.Min, dt, dst, src, 0, places, n) {
				check(t, &d, l)
			}
			for row := range places {
				// The sign does not matter: all are above 0.
				if got := out[row*acc+size-1]; got != 0x20 {
					t.Errorf("%v, skew %d, place %d: %#x", dt, skew, row, got)
				}
			}
		}
	}
}
