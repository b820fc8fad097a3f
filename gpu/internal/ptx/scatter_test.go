package ptx_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/ptx"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// full reports whether all cases are wanted: TENSORFILE_PTX=full. The interpreter
// takes half a minute for those of this file and its neighbours.
func full() bool { return os.Getenv("TENSORFILE_PTX") == "full" }

// some is a part of n cases.
func some(n int) int {
	switch {
	case full():
		return n
	case testing.Short():
		return n / 64
	}
	return n / 8
}

// A sieve takes one of so many cases, and of four times as many in short mode.
type sieve struct{ every, turn int }

func (s *sieve) skips() bool {
	s.turn++
	switch {
	case full():
		return false
	case testing.Short():
		return s.turn%(4*s.every) != 0
	}
	return s.turn%s.every != 0
}

// enough says that fewer cases than there should be have run.
func enough(t *testing.T, ok bool) {
	if !ok && !testing.Short() {
		t.Error("too few")
	}
}

// newSeed is TENSORFILE_SEED, or another one each time.
func newSeed(t *testing.T) uint64 {
	seed := rand.Uint64N(1e9)
	if s := os.Getenv("TENSORFILE_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("TENSORFILE_SEED=%d", seed)
	return seed
}

// put copies bytes to the device.
func (d *device) put(r *rand.Rand, b []byte, skew int) driver.Ptr {
	p, to := d.alloc(r, len(b), skew)
	copy(to, b)
	return p
}

// elements are random ones; those of floats are not mostly huge.
func elements(t testing.TB, r *rand.Rand, d tensor.DType, n int) []byte {
	t.Helper()
	v, err := tensor.Make(d, tensor.Shape{int64(n)})
	if err != nil {
		t.Fatal(err)
	}
	b := v.Span()
	for i := range b {
		b[i] = byte(r.Uint32() >> 9)
	}
	switch {
	case d.Class == tensor.ClassBool:
		for i := range b {
			b[i] &= 3 // any but 0 is true
		}
	case d.Class == tensor.ClassFloat && d.UnitBytes > 1 && r.IntN(4) > 0:
		x := make([]float64, n)
		for i := range x {
			x[i] = r.NormFloat64()
		}
		from, err := tensor.FromSlice(x)
		if err != nil {
			t.Fatal(err)
		}
		if err := tensor.Cast(v, from); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func view(t testing.TB, d tensor.DType, b []byte, s ...int64) tensor.View {
	t.Helper()
	v, err := tensor.NewView(b, d, s, nil, 0, tensor.LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// indexBytes are numbers of some size, little-endian.
func indexBytes(d tensor.DType, list []int64) []byte {
	var b []byte
	for _, x := range list {
		for k := range d.UnitBytes {
			b = append(b, byte(x>>(8*k)))
		}
	}
	return b
}

var indexTypes = []tensor.DType{tensor.I64, tensor.I32, tensor.U16, tensor.U8, tensor.U64}

func indexSize(d tensor.DType) int { return int(d.UnitBytes) }

// sparseCase is a tensor of entries in COO, in the order given.
type sparseCase struct {
	dtype  tensor.DType
	index  tensor.DType
	shape  tensor.Shape
	at     []int64 // coordinates
	keys   []int64
	values []byte
	fill   []byte
	one    bool
}

// newCase makes n entries at positions that pick chooses.
func newCase(t testing.TB, r *rand.Rand, d tensor.DType, n, rank int, unique bool) *sparseCase {
	c := &sparseCase{dtype: d, index: indexTypes[r.IntN(len(indexTypes))], fill: elements(t, r, d, 1)}
	for range rank {
		c.shape = append(c.shape, 1+r.Int64N(int64([]int{0, 250, 40, 12, 7}[min(rank, 4)])))
	}
	if total, _ := c.shape.NumElements(); unique && total < int64(n) {
		c.shape[0] = min((int64(n)*c.shape[0]+total-1)/total+r.Int64N(5), 250)
	}
	total, _ := c.shape.NumElements()
	if unique {
		n = int(min(int64(n), total))
		for _, p := range r.Perm(int(total))[:n] {
			c.keys = append(c.keys, int64(p))
		}
	} else {
		for range n {
			c.keys = append(c.keys, r.Int64N(total)%int64(n/3+1))
		}
	}
	c.values = elements(t, r, d, n)
	if n > 0 && r.IntN(6) == 0 {
		c.one, c.values = true, c.values[:d.UnitBytes]
	}
	return c
}

// coordinates are those of the keys.
func (c *sparseCase) coordinates() {
	c.at = nil
	for _, key := range c.keys {
		row := make([]int64, len(c.shape))
		for k := len(c.shape) - 1; k >= 0; k-- {
			row[k], key = key%c.shape[k], key/c.shape[k]
		}
		c.at = append(c.at, row...)
	}
}

func (c *sparseCase) valuesView(t testing.TB) tensor.View {
	if !c.one {
		return view(t, c.dtype, c.values, int64(len(c.keys)))
	}
	v, err := tensor.NewView(c.values, c.dtype, tensor.Shape{int64(len(c.keys))}, tensor.Strides{0}, 0, tensor.LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func dense(t testing.TB, spec sparse.Spec) []byte {
	t.Helper()
	a, err := sparse.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	v, err := a.Dense(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := v.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (c *sparseCase) entries(t testing.TB, r *rand.Rand, d *device) ptx.Entries {
	return ptx.Entries{Ptr: d.put(r, c.values, int(c.dtype.UnitBytes)*r.IntN(4)), N: int64(len(c.keys)), Size: int(c.dtype.UnitBytes), One: c.one}
}

// same compares results; floats may be other NaN.
func same(d tensor.DType, got, want []byte) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d bytes, want %d", len(got), len(want))
	}
	size := int(d.UnitBytes)
	for i := 0; i < len(got); i += size {
		if x, y := got[i:i+size], want[i:i+size]; !bytes.Equal(x, y) && !(isNaN(d, x) && isNaN(d, y)) {
			return fmt.Errorf("element %d: % x, want % x", i/size, x, y)
		}
	}
	return nil
}

func isNaN(d tensor.DType, b []byte) bool {
	bits := uint64(0)
	for i, x := range b {
		bits |= uint64(x) << (8 * i)
	}
	switch d {
	case tensor.F16:
		return bits&0x7fff > 0x7c00
	case tensor.BF16:
		return bits&0x7fff > 0x7f80
	case tensor.F32:
		return bits&0x7fffffff > 0x7f800000
	case tensor.F64:
		return bits&0x7fffffffffffffff > 0x7ff0000000000000
	}
	return false
}

// agree runs launches by their twins on d, and by the interpreter on copies, every
// other time in reverse order. All bytes of memory have to be the same after each,
// but for NaN in the allocation of dst, whose elements are floats of a dtype.
func agree(t testing.TB, d *device, dst driver.Ptr, dt tensor.DType, list ...ptx.Launch) {
	t.Helper()
	for _, l := range list {
		k := l.Module.Kernel(l.Kernel)
		if k == nil {
			t.Fatalf("no kernel %q", l.Kernel)
		}
		var a driver.Args
		var err error
		if a.Bytes, a.Offsets, err = k.Params.Pack(nil, nil, l.Args); err != nil {
			t.Fatalf("%s: %v", l.Kernel, err)
		}
		before := d.clone()
		if err := k.Go(d, l.Grid, l.Block, a); err != nil {
			t.Fatalf("%s in Go: %v", l.Kernel, err)
		}
		p := *program(t, l.Module)
		p.Reverse = agreed.Add(1)%2 == 0
		if err := p.Launch(before, l.Kernel, l.Grid, l.Block, l.Shared, a); err != nil {
			t.Fatal(err)
		}
		for i, base := range before.base {
			as := tensor.U8
			if base == dst {
				as = dt
			}
			if err := same(as, before.mem[i], d.mem[i]); err != nil {
				t.Fatalf("%s(%v), reverse %v: PTX and Go, allocation %d: %v", l.Kernel, l.Args, p.Reverse, i, err)
			}
		}
	}
}

// agreed counts launches.
var agreed atomic.Int64

// at is the memory of the allocation at p.
func (d *device) at(p driver.Ptr) []byte { return d.mem[slices.Index(d.base, p)] }

func TestScatter(t *testing.T) {
	count, entries := 0, 0
	cases := sieve{every: 5}
	for _, d := range []tensor.DType{tensor.U8, tensor.F16, tensor.F32, tensor.I64, tensor.C128} {
		for _, n := range append(sizes(256), 3000) {
			seed := uint64(n)<<8 | uint64(d.UnitBytes)
			r := rand.New(rand.NewPCG(seed, 1))
			for rank := 1; rank <= 4; rank++ {
				if cases.skips() {
					continue
				}
				c := newCase(t, r, d, n, rank, true)
				c.coordinates()
				size := int(d.UnitBytes)
				n := int64(len(c.keys))
				spec := sparse.Spec{Shape: c.shape, DType: d, Layout: sparse.COO, Properties: sparse.Properties{Unique: true}}
				fill := sparse.Part{Role: sparse.RoleFill, View: view(t, d, c.fill)}
				spec.Parts = []sparse.Part{fill, {Role: sparse.RoleIndices, View: view(t, c.index, indexBytes(c.index, c.at), n, int64(rank))}, {Role: sparse.RoleValues, View: c.valuesView(t)}}
				want := dense(t, spec)
				var m device
				dst, _ := m.alloc(r, len(want), size*r.IntN(5))
				e := c.entries(t, r, &m)
				coo := &ptx.COO{Indices: ptx.Index{Ptr: m.put(r, indexBytes(c.index, c.at), 0), Size: indexSize(c.index)}, Entries: e, Shape: c.shape}
				wipe := ptx.Fill(dst, int64(len(want)), c.fill)
				agree(t, &m, dst, tensor.U8, wipe, coo.Scatter(dst))
				if err := same(tensor.U8, m.at(dst), want); err != nil {
					t.Fatalf("seed %d, COO %v %v: %v", seed, d, c.shape, err)
				}
				agree(t, &m, dst, tensor.U8, small(coo.Scatter(dst), 2, 32))
				count++
				entries += int(n)

				// The same as a bitmap: values in the order of places.
				order := make([]int, n)
				for i := range order {
					order[i] = i
				}
				slices.SortFunc(order, func(a, b int) int { return int(c.keys[a] - c.keys[b]) })
				mask, err := tensor.Make(tensor.Bool1, c.shape)
				if err != nil {
					t.Fatal(err)
				}
				width := c.shape[rank-1]
				bits := mask.Span()
				for i := range bits {
					bits[i] = 0
				}
				ranked := c.values
				if !c.one {
					ranked = nil
				}
				for _, i := range order {
					row, column := c.keys[i]/width, c.keys[i]%width
					bits[row*((width+7)/8)+column/8] |= 1 << (column % 8)
					if !c.one {
						ranked = append(ranked, c.values[i*size:][:size]...)
					}
				}
				if width%8 != 0 { // what pads a row may be anything
					for row := int64(0); row < mask.NumElements()/width; row++ {
						bits[(row+1)*((width+7)/8)-1] |= byte(r.Uint32()) << (width % 8)
					}
				}
				e.Ptr = m.put(r, ranked, 0)
				wipe = ptx.Fill(dst, int64(len(want)), []byte{0x5a})
				scratch, _ := m.alloc(r, int(ptx.BitmapScratch(mask.NumElements())), 0)
				b := &ptx.Bitmap{Mask: m.put(r, bits, r.IntN(4)), Entries: e, Shape: c.shape}
				agree(t, &m, dst, tensor.U8, append([]ptx.Launch{wipe}, b.Scatter(dst, scratch, mask.NumElements(), c.fill)...)...)
				if err := same(tensor.U8, m.at(dst), want); err != nil {
					t.Fatalf("seed %d, bitmap %v %v: %v", seed, d, c.shape, err)
				}

				if rank == 2 { // and as rows
					var idx []int64
					ptr := make([]int64, c.shape[0]+1)
					for _, i := range order {
						ptr[c.keys[i]/width+1]++
						idx = append(idx, c.keys[i]%width)
					}
					for i := range c.shape[0] {
						ptr[i+1] += ptr[i]
					}
					pt := tensor.U32
					if n < 250 {
						pt = tensor.U8
					}
					csr := &ptx.CSR{Pointers: ptx.Index{Ptr: m.put(r, indexBytes(pt, ptr), 0), Size: indexSize(pt)}, Indices: ptx.Index{Ptr: m.put(r, indexBytes(c.index, idx), 0), Size: indexSize(c.index)}, Entries: e, Rows: c.shape[0], Columns: width}
					wipe := ptx.Fill(dst, int64(len(want)), c.fill)
					agree(t, &m, dst, tensor.U8, wipe, csr.Scatter(dst))
					if err := same(tensor.U8, m.at(dst), want); err != nil {
						t.Fatalf("seed %d, CSR %v %v: %v", seed, d, c.shape, err)
					}
					agree(t, &m, dst, tensor.U8, small(csr.Scatter(dst), 2, 64))
				}
			}
		}
	}
	t.Logf("%d tensors of %d entries in all, each as COO and bitmap, matrices as CSR", count, entries)
	enough(t, count >= 30 && entries >= 5000)
}

// Bitmaps of more than a segment, and of more segments than a turn of
// scatter_offsets takes.
func TestScatterSegments(t *testing.T) {
	for _, n := range []int64{8191, 8192, 8193, 40000} {
		if testing.Short() && n != 8193 {
			continue
		}
		r := rand.New(rand.NewPCG(uint64(n), 2))
		shape := tensor.Shape{n}
		bits := make([]byte, (n+7)/8)
		values := []byte{}
		want := make([]byte, n)
		for i := range want {
			want[i] = 0xee
			if r.IntN(3) == 0 {
				want[i] = byte(r.Uint32())
				bits[i/8] |= 1 << (i % 8)
				values = append(values, want[i])
			}
		}
		var m device
		dst, _ := m.alloc(r, int(n), 3)
		scratch, _ := m.alloc(r, int(ptx.BitmapScratch(n)), 0)
		b := &ptx.Bitmap{Mask: m.put(r, bits, 1), Entries: ptx.Entries{Ptr: m.put(r, values, 0), N: int64(len(values)), Size: 1}, Shape: shape}
		list := b.Scatter(dst, scratch, n, []byte{0xee})
		agree(t, &m, dst, tensor.U8, list...)
		if err := same(tensor.U8, m.at(dst), want); err != nil {
			t.Fatalf("%d elements: %v", n, err)
		}
		for i := range list {
			list[i].Grid.X = 1
		}
		agree(t, &m, dst, tensor.U8, list...)
		// Fewer values than bits: the others are filled.
		b.Entries.N /= 2
		agree(t, &m, dst, tensor.U8, b.Scatter(dst, scratch, n, []byte{0xee})...)
		// The beginning of a row whose number of elements takes 64 bits to divide by.
		b.Shape = tensor.Shape{1 << 33}
		agree(t, &m, dst, tensor.U8, b.Scatter(dst, scratch, n, []byte{0xee})...)
	}
	for _, n := range []int64{0, 1, 7, 8, 9, 255, 256, 257, 2047, 2048, 2049, 5000} {
		r := rand.New(rand.NewPCG(uint64(n), 3))
		var counts []int64
		for range n {
			counts = append(counts, r.Int64N(8193))
		}
		var m device
		p := m.put(r, indexBytes(tensor.U64, counts), 0)
		b := &ptx.Bitmap{Shape: tensor.Shape{n * 8192}, Entries: ptx.Entries{Size: 1}}
		agree(t, &m, p, tensor.U8, b.Scatter(0, p, n*8192, nil)[1])
	}
}

func TestScatterFill(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, size := range []int{1, 2, 4, 8, 16} {
		for _, n := range append(sizes(64), 5000) {
			for _, skew := range []int{0, 1, 3} {
				var m device
				dst, b := m.alloc(r, n*size, skew*min(size, 8))
				element := make([]byte, size)
				for i := range element {
					element[i] = byte(r.Uint32())
				}
				agree(t, &m, dst, tensor.U8, ptx.Fill(dst, int64(n*size), element))
				if err := same(tensor.U8, b, bytes.Repeat(element, n)); err != nil {
					t.Fatalf("%d of %d bytes, %d skew: %v", n, size, skew, err)
				}
				agree(t, &m, dst, tensor.U8, small(ptx.Fill(dst, int64(n*size), element), 2, 3))
			}
		}
	}
}

// Entries that share coordinates are added in their order, as package sparse does.
func TestScatterSums(t *testing.T) {
	count, shared := 0, 0
	cases := sieve{every: 5}
	for _, d := range []tensor.DType{tensor.Bool, tensor.I8, tensor.U8, tensor.I16, tensor.U16, tensor.I32, tensor.U32, tensor.I64, tensor.U64, tensor.F16, tensor.BF16, tensor.F32, tensor.F64} {
		if !ptx.Summed(d) {
			t.Fatalf("no sums of %v", d)
		}
		for _, n := range sizes(256) {
			for _, sorted := range []bool{true, false} {
				if cases.skips() && (n != 257 || testing.Short()) {
					continue
				}
				seed := uint64(cases.turn)
				r := rand.New(rand.NewPCG(seed, 10))
				rank := 1 + r.IntN(3)
				c := newCase(t, r, d, n, rank, false)
				if sorted {
					slices.Sort(c.keys)
				}
				c.coordinates()
				spec := sparse.Spec{Shape: c.shape, DType: d, Layout: sparse.COO, Properties: sparse.Properties{Sorted: sorted}, Parts: []sparse.Part{
					{Role: sparse.RoleFill, View: view(t, d, c.fill)},
					{Role: sparse.RoleIndices, View: view(t, c.index, indexBytes(c.index, c.at), int64(n), int64(rank))},
					{Role: sparse.RoleValues, View: c.valuesView(t)}}}
				want := dense(t, spec)
				total, _ := c.shape.NumElements()
				var m device
				dst, _ := m.alloc(r, len(want), 0)
				e := c.entries(t, r, &m)
				scratch, _ := m.alloc(r, int(ptx.SumScratch(int64(n), total, sorted)), 0)
				coo := &ptx.COO{Indices: ptx.Index{Ptr: m.put(r, indexBytes(c.index, c.at), 0), Size: indexSize(c.index)}, Entries: e, Shape: c.shape}
				list := append([]ptx.Launch{ptx.Fill(dst, int64(len(want)), c.fill), coo.Keys(scratch)}, ptx.Sum(dst, scratch, e, d, total, sorted)...)
				agree(t, &m, dst, d, list...)
				if err := same(d, m.at(dst), want); err != nil {
					t.Fatalf("seed %d, %v %v, %d entries, sorted %v: %v", seed, d, c.shape, n, sorted, err)
				}
				agree(t, &m, dst, d, small(list[len(list)-1], 2, 3))
				if rank == 2 && sorted { // as rows
					var idx []int64
					ptr := make([]int64, c.shape[0]+1)
					for _, key := range c.keys {
						ptr[key/c.shape[1]+1]++
						idx = append(idx, key%c.shape[1])
					}
					for i := range c.shape[0] {
						ptr[i+1] += ptr[i]
					}
					csr := &ptx.CSR{Pointers: ptx.Index{Ptr: m.put(r, indexBytes(tensor.I64, ptr), 0), Size: 8}, Indices: ptx.Index{Ptr: m.put(r, indexBytes(c.index, idx), 0), Size: indexSize(c.index)}, Entries: e, Rows: c.shape[0], Columns: c.shape[1]}
					list[0], list[1] = ptx.Fill(dst, int64(len(want)), c.fill), csr.Keys(scratch)
					agree(t, &m, dst, d, list...)
					if err := same(d, m.at(dst), want); err != nil {
						t.Fatalf("seed %d, CSR %v %v: %v", seed, d, c.shape, err)
					}
				}
				distinct := slices.Clone(c.keys)
				slices.Sort(distinct)
				shared += n - len(slices.Compact(distinct))
				count++
			}
		}
	}
	t.Logf("%d tensors, %d entries that share their place with one before", count, shared)
	enough(t, count >= 40 && shared >= 4000)
}

// Indices that lie outside, and pointers that are none, lead to no access outside of
// what is there: the interpreter would fault.
func TestScatterHostile(t *testing.T) {
	r := rand.New(rand.NewPCG(newSeed(t), 5))
	for range some(400) {
		n := r.IntN(60)
		e := func(m *device) ptx.Entries {
			b := make([]byte, 4*n)
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			return ptx.Entries{Ptr: m.put(r, b, 0), N: int64(n), Size: 4}
		}
		random := func(count int, most int64) []int64 {
			list := make([]int64, count)
			for i := range list {
				if list[i] = r.Int64N(most); r.IntN(4) == 0 {
					list[i] = int64(r.Uint64())
				}
			}
			return list
		}
		it := indexTypes[r.IntN(len(indexTypes))]
		rank := 1 + r.IntN(8)
		shape, total := tensor.Shape{}, int64(1)
		for range rank {
			shape = append(shape, 1+r.Int64N(int64([]int{0, 60, 9, 5, 4, 3, 3, 2, 2}[rank])))
			total *= shape[len(shape)-1]
		}
		var m device
		dst, _ := m.alloc(r, int(4*total), 0)
		coo := &ptx.COO{Indices: ptx.Index{Ptr: m.put(r, indexBytes(it, random(rank*n, slices.Max(shape)+1)), 0), Size: indexSize(it)}, Entries: e(&m), Shape: shape}
		scratch, _ := m.alloc(r, int(ptx.SumScratch(int64(n), total, false)), 0)
		list := append([]ptx.Launch{coo.Keys(scratch)}, ptx.Sum(dst, scratch, coo.Entries, tensor.I32, total, false)...)
		agree(t, &m, dst, tensor.U8, list...)

		// Rows may share entries: which row wins is not said, so only one writes.
		ptr := random(2, int64(n)+3)
		csr := &ptx.CSR{Pointers: ptx.Index{Ptr: m.put(r, indexBytes(it, ptr), 0), Size: indexSize(it)}, Indices: ptx.Index{Ptr: m.put(r, indexBytes(it, random(n, 12)), 0), Size: indexSize(it)}, Entries: coo.Entries, Rows: 1, Columns: total}
		agree(t, &m, dst, tensor.U8, csr.Keys(scratch))
	}
}
