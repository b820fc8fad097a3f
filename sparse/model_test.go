package sparse

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// model is a sparse tensor as plainly as it can be put: what every operation is
// compared with. Its values are small integers, so that sums are exact in all
// dtypes.
type model struct {
	shape     tensor.Shape
	dtype     tensor.DType
	fill      complex128
	structure Structure
	upper     bool
	entries   []entry // in the order in which they are kept
}

type entry struct {
	at    []int64
	value complex128
}

func (e entry) key(s tensor.Shape) int {
	k := 0
	for axis, n := range s {
		k = k*int(n) + int(e.at[axis])
	}
	return k
}

// number is x as the dtype holds it.
func (m *model) number(x complex128) complex128 {
	switch {
	case m.dtype.Class == tensor.ClassBool:
		if x != 0 {
			return 1
		}
		return 0
	case m.dtype.Class == tensor.ClassUint && real(x) < 0:
		return complex(real(x)+math.Ldexp(1, int(m.dtype.Bits)), 0)
	case m.dtype.Class == tensor.ClassUint && real(x) >= math.Ldexp(1, int(m.dtype.Bits)):
		return complex(real(x)-math.Ldexp(1, int(m.dtype.Bits)), 0)
	}
	return x + 0 // no negative zeros
}

func (m *model) mirror(x complex128) complex128 {
	switch m.structure {
	case SkewSymmetric:
		if m.dtype.Class == tensor.ClassBool {
			return x
		}
		return m.number(-x)
	case Hermitian:
		return complex(real(x), 0-imag(x))
	}
	return x
}

// dense is all elements in C order.
func (m *model) dense() []complex128 {
	n := 1
	for _, e := range m.shape {
		n *= int(e)
	}
	out, seen := make([]complex128, n), make([]bool, n)
	for i := range out {
		out[i] = m.fill
	}
	for _, e := range m.entries {
		k := e.key(m.shape)
		if seen[k] {
			out[k] = m.number(out[k] + e.value)
		} else {
			out[k], seen[k] = e.value, true
		}
	}
	if m.structure != General {
		side := int(m.shape[0])
		for i := range side {
			for j := range side {
				if i != j && (i < j) != m.upper {
					out[i*side+j] = m.mirror(out[j*side+i])
				}
			}
		}
	}
	return out
}

// numbersOf are the elements of a view in C order.
func numbersOf(t testing.TB, v tensor.View) []complex128 {
	t.Helper()
	c, err := v.Cast(tensor.C128)
	if err != nil {
		t.Fatal(err)
	}
	x, err := tensor.Data[complex128](c)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func intsIn(t testing.TB, v tensor.View) []int64 {
	t.Helper()
	c, err := v.Cast(tensor.I64)
	if err != nil {
		t.Fatal(err)
	}
	x, err := tensor.Data[int64](c)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// read makes a model of an array, looking at its parts alone.
func read(t testing.TB, a *Array) *model {
	t.Helper()
	p := a.Properties()
	m := &model{shape: a.Shape(), dtype: a.DType(), structure: p.Structure, upper: p.Upper}
	part := func(role string) tensor.View {
		v, ok := a.Part(role)
		if !ok {
			t.Fatalf("%v without %s", a.Layout(), role)
		}
		return v
	}
	if v, ok := a.Fill(); ok {
		m.fill = numbersOf(t, v)[0]
	}
	values := numbersOf(t, part(RoleValues))
	switch a.Layout() {
	case COO:
		idx := intsIn(t, part(RoleIndices))
		rank := len(m.shape)
		for i, x := range values {
			m.entries = append(m.entries, entry{idx[i*rank : (i+1)*rank], x})
		}
	case CSR, CSC:
		ptr, idx := intsIn(t, part(RoleIndptr)), intsIn(t, part(RoleIndices))
		for line := range len(ptr) - 1 {
			for e := ptr[line]; e < ptr[line+1]; e++ {
				at := []int64{int64(line), idx[e]}
				if a.Layout() == CSC {
					slices.Reverse(at)
				}
				m.entries = append(m.entries, entry{at, values[e]})
			}
		}
	case BSR:
		ptr, idx := intsIn(t, part(RoleIndptr)), intsIn(t, part(RoleIndices))
		h, w := part(RoleValues).Shape()[1], part(RoleValues).Shape()[2]
		for line := range len(ptr) - 1 {
			for e := ptr[line]; e < ptr[line+1]; e++ {
				for i := range h * w {
					m.entries = append(m.entries, entry{[]int64{int64(line)*h + i/w, idx[e]*w + i%w}, values[e*h*w+i]})
				}
			}
		}
	case CSF:
		order := intsIn(t, part(RoleOrder))
		at := make([]int64, len(order))
		var down func(level int, lo, hi int64)
		down = func(level int, lo, hi int64) {
			idx := intsIn(t, part(RoleIdx(level)))
			for node := lo; node < hi; node++ {
				at[order[level]] = idx[node]
				if level == len(order)-1 {
					m.entries = append(m.entries, entry{slices.Clone(at), values[node]})
					continue
				}
				ptr := intsIn(t, part(RolePtr(level)))
				down(level+1, ptr[node], ptr[node+1])
			}
		}
		down(0, 0, part(RoleIdx(0)).Shape()[0])
	case Bitmap:
		mask := numbersOf(t, part(RoleMask))
		next := 0
		for i, bit := range mask {
			if bit == 0 {
				continue
			}
			at, k := make([]int64, len(m.shape)), int64(i)
			for axis := range slices.Backward(m.shape) {
				at[axis], k = k%m.shape[axis], k/m.shape[axis]
			}
			m.entries = append(m.entries, entry{at, values[next]})
			next++
		}
	}
	return m
}

// dtypes are all that operations take.
var dtypes = []tensor.DType{
	tensor.F32, tensor.F64, tensor.I32, tensor.C64, tensor.C128, tensor.Bool, tensor.I8, tensor.I16, tensor.I64, tensor.U8, tensor.U16, tensor.U32, tensor.U64,
	tensor.F16, tensor.BF16, tensor.F8E4M3FN, tensor.F8E5M2, tensor.F8E4M3FNUZ, tensor.F8E5M2FNUZ, tensor.F8E8M0,
}

// maker makes random arrays.
type maker struct {
	t testing.TB
	*rand.Rand
}

func (r maker) chance(percent int) bool { return r.IntN(100) < percent }

// viewOf is values as a view of a dtype, of either byte order and with strides
// now and then.
func (r maker) viewOf(x []complex128, d tensor.DType, s tensor.Shape) tensor.View {
	r.t.Helper()
	if len(s) == 0 {
		v := r.viewOf(x, d, tensor.Shape{1})
		v, err := v.Index(0, 0)
		if err != nil {
			r.t.Fatal(err)
		}
		return v
	}
	src, err := tensor.FromSlice(x, s...)
	if err != nil {
		r.t.Fatal(err)
	}
	dst, err := tensor.Make(d, s)
	if err != nil {
		r.t.Fatal(err)
	}
	switch r.IntN(6) {
	case 0: // the other byte order
		b, _ := dst.Bytes()
		dst, err = tensor.NewView(b, d, s, nil, 0, 1-tensor.HostOrder)
	case 1: // every second one
		wide := s.Clone()
		wide[0] *= 2
		if dst, err = tensor.Make(d, wide); err == nil {
			dst, err = dst.Slice(0, 0, tensor.None, 2)
		}
	case 2: // Fortran order
		if len(s) == 2 {
			if dst, err = tensor.Make(d, tensor.Shape{s[1], s[0]}); err == nil {
				dst, err = dst.Transpose()
			}
		}
	case 3: // from the back
		dst, err = dst.Flip(0)
	case 4: // at an odd address
		var st tensor.Strides
		if st, err = tensor.Contiguous(d, s); err == nil {
			dst, err = tensor.NewView(make([]byte, dst.ByteSize()+1), d, s, st, 1, tensor.HostOrder)
		}
	}
	if err == nil {
		err = tensor.Cast(dst, src)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return dst
}

// indices are numbers as a view of a random dtype that holds them.
func (r maker) indices(x []int64, s ...int64) tensor.View {
	r.t.Helper()
	most := int64(0)
	c := make([]complex128, len(x))
	for i, v := range x {
		most = max(most, v)
		c[i] = complex(float64(v), 0)
	}
	list := []tensor.DType{tensor.I32, tensor.I64, tensor.U32, tensor.U64, tensor.I16, tensor.U16, tensor.I8, tensor.U8}
	for {
		d := list[r.IntN(len(list))]
		bits := d.Bits
		if d.Class == tensor.ClassInt {
			bits--
		}
		if bits >= 63 || most < 1<<bits {
			return r.viewOf(c, d, s)
		}
	}
}

func (r maker) value(d tensor.DType) complex128 {
	switch {
	case d == tensor.F8E8M0:
		return complex(math.Ldexp(1, r.IntN(5)-2), 0)
	case d.Class == tensor.ClassBool || d.Class == tensor.ClassUint:
		return complex(float64(r.IntN(2)), 0)
	case d.Class == tensor.ClassComplex:
		return complex(float64(r.IntN(5)-2), float64(r.IntN(5)-2))
	}
	return complex(float64(r.IntN(5)-2), 0)
}

// model makes a random tensor. unique and sorted say what the entries must be;
// they may be so without being asked.
func (r maker) model(shape tensor.Shape, d tensor.DType, unique, sorted bool) *model {
	m := &model{shape: shape, dtype: d}
	if d == tensor.F8E8M0 {
		m.fill = 1 // it has no zero
		unique = true
	} else if r.chance(40) {
		m.fill = r.value(d)
	}
	n := 1
	for _, e := range shape {
		n *= int(e)
	}
	if n == 0 {
		return m
	}
	seen := map[int]int{}
	for range r.IntN(min(2*n, 60) + 1) {
		e := entry{make([]int64, len(shape)), r.value(d)}
		for axis, extent := range shape {
			e.at[axis] = r.Int64N(extent)
			if r.chance(20) && axis > 0 { // crowded columns, empty others
				e.at[axis] = 0
			}
		}
		k := e.key(shape)
		if seen[k]++; seen[k] > 1 && unique || seen[k] > 3 {
			continue
		}
		m.entries = append(m.entries, e)
	}
	if sorted {
		slices.SortStableFunc(m.entries, func(a, b entry) int { return a.key(shape) - b.key(shape) })
	}
	return m
}

// halve gives a square model a structure: entries of the other triangle go.
func (r maker) halve(m *model) {
	m.structure, m.upper = SkewSymmetric, r.chance(50)
	switch {
	case r.chance(50):
		m.structure = Symmetric
	case m.dtype.Class == tensor.ClassComplex && r.chance(70):
		m.structure = Hermitian
	}
	if m.dtype == tensor.F8E8M0 || m.dtype == tensor.U64 {
		m.structure = Symmetric // no negatives, or none that a float64 holds
	}
	m.entries = slices.DeleteFunc(m.entries, func(e entry) bool {
		i, j := e.at[0], e.at[1]
		return i == j && m.structure == SkewSymmetric || i != j && (i < j) != m.upper
	})
}

func coordinatesOf(list []entry, axis int) []int64 {
	out := make([]int64, len(list))
	for i, e := range list {
		out[i] = e.at[axis]
	}
	return out
}

// array writes a model in a layout, plainly, declaring of the entries what is
// true of them, or less.
func (r maker) array(m *model, l Layout) *Array {
	r.t.Helper()
	list := slices.Clone(m.entries)
	key := func(e entry) int { return e.key(m.shape) }
	spec := Spec{Layout: l, Shape: m.shape, DType: m.dtype, Properties: Properties{Structure: m.structure, Upper: m.upper}}
	values := func(s ...int64) {
		x := make([]complex128, len(list))
		for i, e := range list {
			x[i] = e.value
		}
		v := r.viewOf(x, m.dtype, append(tensor.Shape{int64(len(x))}, s...))
		if len(x) > 1 && !slices.ContainsFunc(x, func(y complex128) bool { return y != x[0] }) && r.chance(70) {
			var err error
			if v, err = v.Slice(0, 0, 1, 1); err == nil {
				v, err = v.BroadcastTo(tensor.Shape{int64(len(x))})
			}
			if err != nil {
				r.t.Fatal(err)
			}
		}
		spec.Parts = append(spec.Parts, Part{RoleValues, v})
	}
	switch l {
	case COO:
		values()
		rank := len(m.shape)
		idx := make([]int64, 0, len(list)*rank)
		for _, e := range list {
			idx = append(idx, e.at...)
		}
		spec.Parts = append(spec.Parts, Part{RoleIndices, r.indices(idx, int64(len(list)), int64(rank))})
	case CSR, CSC:
		axis := l.major()
		slices.SortStableFunc(list, func(a, b entry) int { return int(a.at[axis] - b.at[axis]) })
		if l == CSC {
			key = func(e entry) int { return int(e.at[1]*m.shape[0] + e.at[0]) }
		}
		values()
		ptr := make([]int64, m.shape[axis]+1)
		for _, e := range list {
			ptr[e.at[axis]+1]++
		}
		for i := range len(ptr) - 1 {
			ptr[i+1] += ptr[i]
		}
		spec.Parts = append(spec.Parts, Part{RoleIndptr, r.indices(ptr, int64(len(ptr)))}, Part{RoleIndices, r.indices(coordinatesOf(list, 1-axis), int64(len(list)))})
	case CSF:
		order := r.Perm(len(m.shape))
		key = func(e entry) int {
			k := 0
			for _, axis := range order {
				k = k*int(m.shape[axis]) + int(e.at[axis])
			}
			return k
		}
		slices.SortFunc(list, func(a, b entry) int { return key(a) - key(b) })
		values()
		levels := make([]complex128, len(order))
		for i, axis := range order {
			levels[i] = complex(float64(axis), 0)
		}
		spec.Parts = append(spec.Parts, Part{RoleOrder, r.viewOf(levels, tensor.U8, tensor.Shape{int64(len(order))})})
		// The nodes of a level are the different beginnings of coordinates.
		beginnings := func(k int) (idx []int64, first []int) {
			for i, e := range list {
				same := i > 0
				for _, axis := range order[:k+1] {
					same = same && e.at[axis] == list[i-1].at[axis]
				}
				if !same {
					idx, first = append(idx, e.at[order[k]]), append(first, i)
				}
			}
			return idx, first
		}
		for k := range order {
			idx, first := beginnings(k)
			spec.Parts = append(spec.Parts, Part{RoleIdx(k), r.indices(idx, int64(len(idx)))})
			if k+1 < len(order) {
				_, below := beginnings(k + 1)
				var ptr []int64
				for _, i := range first {
					at, _ := slices.BinarySearch(below, i)
					ptr = append(ptr, int64(at))
				}
				ptr = append(ptr, int64(len(below)))
				spec.Parts = append(spec.Parts, Part{RolePtr(k), r.indices(ptr, int64(len(ptr)))})
			}
		}
	case Bitmap:
		slices.SortFunc(list, func(a, b entry) int { return key(a) - key(b) })
		values()
		mask, err := tensor.Make(tensor.Bool1, m.shape)
		if err != nil {
			r.t.Fatal(err)
		}
		bits, _ := mask.Bytes()
		width := int(m.shape[len(m.shape)-1])
		if r.chance(50) { // what pads rows does not count
			for i := range bits {
				if rest := width % 8; rest != 0 && (i+1)%((width+7)/8) == 0 {
					bits[i] = 0xff << rest
				}
			}
		}
		for _, e := range list {
			k := key(e)
			bits[k/width*((width+7)/8)+k%width/8] |= 1 << (k % width % 8)
		}
		spec.Parts = append(spec.Parts, Part{RoleMask, mask})
	}
	sorted, unique := true, true
	for i, e := range list[min(1, len(list)):] {
		sorted = sorted && key(list[i]) <= key(e)
		for _, f := range list[:i+1] {
			unique = unique && key(f) != key(e)
		}
	}
	spec.Sorted, spec.Unique = sorted && r.chance(80), unique && r.chance(80)
	if l == CSF || l == Bitmap {
		spec.Sorted, spec.Unique = true, true
	}
	if m.fill != 0 || r.chance(5) && m.dtype != tensor.F8E8M0 {
		spec.Parts = append(spec.Parts, Part{RoleFill, r.viewOf([]complex128{m.fill}, m.dtype, tensor.Shape{})})
	}
	a, err := New(spec)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

// blocks makes a random BSR array, and its model.
func (r maker) blocks(shape tensor.Shape, d tensor.DType) (*Array, *model) {
	r.t.Helper()
	divisor := func(n int64) int64 {
		for {
			if k := r.Int64N(3) + 1; n%k == 0 {
				return k
			}
		}
	}
	h, w := divisor(shape[0]), divisor(shape[1])
	grid := r.model(tensor.Shape{shape[0] / h, shape[1] / w}, d, r.chance(50), false)
	for i := range grid.entries {
		grid.entries[i].value = 1
	}
	spec := Spec{Layout: BSR, Shape: shape, DType: d}
	a := r.array(grid, CSR)
	spec.Properties = a.Properties()
	n := a.NNZ()
	x := make([]complex128, n*h*w)
	for i := range x {
		x[i] = r.value(d)
	}
	for _, part := range a.Parts() {
		if part.Role == RoleValues {
			part.View = r.viewOf(x, d, tensor.Shape{n, h, w})
		}
		spec.Parts = append(spec.Parts, part)
	}
	b, err := New(spec)
	if err != nil {
		r.t.Fatal(err)
	}
	return b, read(r.t, b)
}

// random makes an array of any layout that the shape can have.
func (r maker) random() (*Array, *model) {
	d := dtypes[r.IntN(len(dtypes))]
	var shape tensor.Shape
	l := Layout(1 + r.IntN(6))
	extent := func() int64 {
		switch r.IntN(12) {
		case 0:
			return 0
		case 1, 2:
			return 1
		}
		return 1 + r.Int64N(12)
	}
	rank := 2
	if l == COO || l == CSF || l == Bitmap {
		if r.chance(50) {
			rank = 1 + r.IntN(4)
		}
	}
	for range rank {
		shape = append(shape, extent())
	}
	structured := rank == 2 && (l == COO || l == CSR || l == CSC || l == CSF) && r.chance(40)
	if structured {
		shape[1] = shape[0]
	}
	if l == BSR {
		return r.blocks(shape, d)
	}
	m := r.model(shape, d, l == CSF || l == Bitmap || r.chance(50), r.chance(50))
	if structured {
		r.halve(m)
	}
	return r.array(m, l), m
}

// same compares elements and says where they differ.
func same(t testing.TB, what string, got, want []complex128) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d elements, want %d", what, len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%s: element %d is %v, want %v\ngot  %v\nwant %v", what, i, got[i], want[i], got, want)
		}
	}
}

// sound checks that an array keeps what it declares, by validating a new one of
// the same parts, and that it means what it should.
func sound(t testing.TB, what string, a *Array, want *model) {
	t.Helper()
	b, err := New(Spec{Layout: a.Layout(), Shape: a.Shape(), DType: a.DType(), Properties: a.Properties(), Parts: a.Parts()})
	if err == nil {
		err = b.Validate(context.Background(), &ValidateOptions{Workers: 1})
	}
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if !a.Shape().Equal(want.shape) || a.DType() != want.dtype {
		t.Fatalf("%s: %v %v, want %v %v", what, a.DType(), a.Shape(), want.dtype, want.shape)
	}
	same(t, what, read(t, a).dense(), want.dense())
}

func describe(a *Array) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %v %v %+v", a.Layout(), a.DType(), a.Shape(), a.Properties())
	for _, p := range a.Parts() {
		fmt.Fprintf(&b, "\n  %s %v %v: %v", p.Role, p.View.DType(), p.View.Strides(), p.View)
	}
	return b.String()
}
