package ptx_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/gpu/internal/ptx"
	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/tensor"
)

var (
	quantised  = []tensor.DType{tensor.I8, tensor.U8, tensor.I4, tensor.U4, tensor.F4E2M1, tensor.F8E4M3FN, tensor.F8E5M2}
	scaleTypes = []tensor.DType{tensor.F32, tensor.F16, tensor.BF16, tensor.F64, tensor.F8E8M0}
	zeroTypes  = []tensor.DType{tensor.I8, tensor.U8, tensor.I4, tensor.U4, tensor.F32, tensor.F16, tensor.BF16, {}, {}}
	floats     = []tensor.DType{tensor.F32, tensor.F16, tensor.BF16}
)

// groupsCase is groups on the device, and the array that they are.
type groupsCase struct {
	ptx.Groups
	array *quant.Array
	d     device
}

func newGroups(t *testing.T, r *rand.Rand, from, scale, zero tensor.DType, shape tensor.Shape, group, first []int64) *groupsCase {
	t.Helper()
	c := &groupsCase{Groups: ptx.Groups{From: from, Scale: scale, Zero: zero, Shape: shape, Group: group, First: first}}
	scales := make(tensor.Shape, len(shape))
	for k, n := range shape {
		if n > 0 {
			scales[k] = (first[k]+n-1)/group[k] + 1
		}
	}
	make := func(d tensor.DType, s tensor.Shape) tensor.View {
		v, err := tensor.Make(d, s)
		if err != nil {
			t.Fatal(err)
		}
		b := v.Span()
		if d.UnitBytes == 1 {
			begin := byte(r.Uint32())
			for i := range b { // all of them, in an order of no short period
				b[i] = begin + byte(i*37+i>>8)
			}
		} else if n := s; len(b) > 0 {
			total, _ := n.NumElements()
			copy(b, elements(t, r, d, int(total)))
		}
		return v
	}
	spec := quant.Spec{DType: tensor.F32, Group: group, First: first, Values: make(from, shape), Scales: make(scale, scales)}
	if zero != (tensor.DType{}) {
		spec.Zeros = make(zero, scales)
	}
	var err error
	if c.array, err = quant.New(spec); err != nil {
		t.Fatal(err)
	}
	c.Values = c.d.put(r, spec.Values.Span(), r.IntN(5))
	c.Scales = c.d.put(r, spec.Scales.Span(), int(scale.UnitBytes)*r.IntN(3))
	if zero != (tensor.DType{}) {
		c.Zeros = c.d.put(r, spec.Zeros.Span(), int(zero.UnitBytes)*r.IntN(3))
	}
	return c
}

// run compares PTX, twin and package quant, and reports whether there is a launch.
func (c *groupsCase) run(t *testing.T, r *rand.Rand, to tensor.DType) bool {
	t.Helper()
	n, _ := c.Shape.NumElements()
	dst, out := c.d.alloc(r, int(n)*int(to.UnitBytes), int(to.UnitBytes)*r.IntN(6))
	l, err := c.Launch(dst, to)
	if err != nil {
		if !errors.Is(err, tensor.ErrUnsupported) {
			t.Fatal(err)
		}
		return false
	}
	agree(t, &c.d, dst, to, l)
	v, err := c.array.Dequantise(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	if err := same(to, out, v.Span()); err != nil {
		t.Fatalf("%v to %v, %v in groups of %v from %v on, scales %v, zeros %v: %v", c.From, to, c.Shape, c.Group, c.First, c.Scale, c.Zero, err)
	}
	if r.IntN(3) == 0 {
		agree(t, &c.d, dst, to, small(l, 2, 7))
	}
	return true
}

// All values by all scales and results: each code of each dtype occurs.
func TestDequantiseTypes(t *testing.T) {
	count, cases := 0, sieve{every: 4}
	for _, from := range quantised {
		for _, scale := range scaleTypes {
			for _, zero := range zeroTypes[:len(zeroTypes)-1] {
				if cases.skips() {
					continue
				}
				r := rand.New(rand.NewPCG(uint64(from.Bits), uint64(scale.Bits)))
				shape := tensor.Shape{2, 128}
				c := newGroups(t, r, from, scale, zero, shape, []int64{1, 16}, []int64{0, 0})
				for _, to := range floats {
					if !c.run(t, r, to) {
						t.Fatalf("no kernel for %v to %v, scales %v, zeros %v", from, to, scale, zero)
					}
					count++
				}
			}
		}
	}
	t.Logf("%d combinations of dtypes", count)
	enough(t, count >= 180 && (count == 840 || !full()))
}

// Ends and alignments of one row.
func TestDequantiseSizes(t *testing.T) {
	cases := sieve{every: 5}
	for _, from := range quantised {
		for _, n := range append(sizes(1024), 3, 4, 5) {
			for _, group := range []int64{1, 2, 3, 4, 31, 32, 5000} {
				if cases.skips() {
					continue
				}
				r := rand.New(rand.NewPCG(uint64(n), uint64(group)))
				c := newGroups(t, r, from, tensor.F16, tensor.DType{}, tensor.Shape{int64(n)}, []int64{group}, []int64{r.Int64N(group)})
				if !c.run(t, r, floats[r.IntN(3)]) {
					t.Fatal("no launch")
				}
			}
		}
	}
}

// Groups along four axes, which begin inside of one.
func TestDequantiseAxes(t *testing.T) {
	for i, from := range quantised {
		r := rand.New(rand.NewPCG(uint64(i), 12))
		c := newGroups(t, r, from, scaleTypes[i%len(scaleTypes)], zeroTypes[i%len(zeroTypes)], tensor.Shape{4, 3, 5, 7}, []int64{3, 2, 4, 5}, []int64{2, 1, 3, 2})
		if !c.run(t, r, floats[i%3]) || !c.run(t, r, tensor.F32) {
			t.Fatal("no launch")
		}
	}
}

// Shapes, groups and dtypes of any kind.
func TestDequantiseRandom(t *testing.T) {
	cases, seed := some(2400), newSeed(t)
	r := rand.New(rand.NewPCG(seed, 6))
	done := 0
	for i := range cases {
		rank := 1 + r.IntN(5)
		most := []int{0, 600, 40, 11, 6, 5}[rank]
		shape, group, first := make(tensor.Shape, rank), make([]int64, rank), make([]int64, rank)
		for k := range shape {
			shape[k] = int64(r.IntN(most + 1))
			switch r.IntN(5) {
			case 0:
				group[k] = 1
			case 1:
				group[k] = max(shape[k], 1)
			case 2:
				group[k] = []int64{2, 4, 8, 32, 1 << 31}[r.IntN(5)]
			default:
				group[k] = 1 + r.Int64N(max(shape[k], 1))
			}
			if r.IntN(4) == 0 {
				first[k] = r.Int64N(group[k])
			}
		}
		c := newGroups(t, r, quantised[r.IntN(len(quantised))], scaleTypes[r.IntN(len(scaleTypes))], zeroTypes[r.IntN(len(zeroTypes))], shape, group, first)
		if c.run(t, r, floats[r.IntN(3)]) {
			done++
		} else if rank < 5 {
			t.Fatalf("seed %d, case %d: no launch for %v in groups of %v", seed, i, shape, group)
		}
		if t.Failed() {
			t.Fatalf("seed %d, case %d", seed, i)
		}
	}
	t.Logf("%d of %d cases", done, cases)
	enough(t, done >= cases*9/10)
}

func TestDequantiseBlocks(t *testing.T) {
	elements, cases := 0, sieve{every: 1}
	for _, ggml := range []int{8, 2, 12} {
		block, _ := tensor.Block(ggml)
		per := int(block.UnitElems)
		for _, n := range []int{0, 1, 2, 1024/per - 1, 1024 / per, 1024/per + 1, 4096/per + 5} {
			for _, to := range floats {
				for skew := range 3 {
					if cases.skips() {
						continue
					}
					seed := uint64(ggml)<<32 | uint64(n)<<8 | uint64(skew)
					r := rand.New(rand.NewPCG(seed, 7))
					var d device
					src, b := d.alloc(r, max(n, 0)*int(block.UnitBytes), skew)
					n := max(n, 0) * per
					if r.IntN(2) == 0 { // scales that are no NaN and of usual size
						for at := 0; at < len(b); at += int(block.UnitBytes) {
							b[at+1] = 0x28 | b[at+1]&0x93
							if ggml == 12 {
								b[at+3] = 0x28 | b[at+3]&0x93
							}
						}
					}
					dst, out := d.alloc(r, n*int(to.UnitBytes), int(to.UnitBytes)*skew)
					l, ok := ptx.Blocks(dst, to, src, block, int64(n))
					if !ok {
						t.Fatalf("no kernel for %v to %v", block, to)
					}
					agree(t, &d, dst, to, l)
					agree(t, &d, dst, to, small(l, 2, 5))
					from := view(t, block, b, int64(n))
					want, err := tensor.Make(to, tensor.Shape{int64(n)})
					if err != nil {
						t.Fatal(err)
					}
					if err := quant.DequantiseBlocks(t.Context(), want, from, 1); err != nil {
						t.Fatal(err)
					}
					if err := same(to, out, want.Span()); err != nil {
						t.Fatalf("seed %d, %v to %v: %v", seed, block, to, err)
					}
					elements += n
				}
			}
		}
	}
	t.Logf("%d elements of blocks", elements)
	enough(t, elements >= 100000)
	q5, _ := tensor.Block(6)
	if _, ok := ptx.Blocks(0, tensor.F32, 0, q5, 0); ok {
		t.Error("a kernel for q5_0")
	}
}
