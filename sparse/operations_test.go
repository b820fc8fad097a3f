package sparse

import (
	"errors"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

func TestCanonicalIsSortedAndUnique(t *testing.T) {
	dropped := 0
	forEach(t, matrices()/2, func(r maker, a *Array, m *model) {
		o := r.options()
		o.DropFill = r.chance(50)
		c, err := a.Canonical(background, o)
		if err != nil {
			t.Fatal(err)
		}
		sound(t, "canonical", c, m)
		if p := c.Properties(); !p.Sorted || !p.Unique || p.Structure != m.structure || p.Upper != m.upper || c.Layout() != a.Layout() {
			t.Fatalf("canonical %v: %+v", c.Layout(), p)
		}
		if !o.DropFill {
			return
		}
		dropped++
		kept := read(t, c).entries
		per := int(max(c.Block()[0]*c.Block()[1], 1))
		for ; len(kept) > 0; kept = kept[per:] {
			if !slices.ContainsFunc(kept[:per], func(e entry) bool { return e.value != m.fill }) {
				t.Fatalf("entry %v equals the fill value", kept[0])
			}
		}
	})
	t.Logf("%d without entries equal to the fill value", dropped)
}

func TestStructuresExpandAndFold(t *testing.T) {
	folded, refused := 0, 0
	forEach(t, matrices(), func(r maker, a *Array, m *model) {
		if m.structure == General {
			return
		}
		g, err := a.General(background, r.options())
		if !m.selfMirrored() {
			if refused++; !errors.Is(err, tensor.ErrUnsupported) {
				t.Fatalf("General: %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		sound(t, "general", g, m)
		if p := g.Properties(); p.Structure != General || p.Upper || !p.Sorted || g.Layout() != a.Layout() {
			t.Fatalf("General: %+v", p)
		}
		upper := r.chance(50)
		if m.structure == SkewSymmetric && m.dtype.Class == tensor.ClassBool {
			return // a diagonal of any kind is its own negative
		}
		diagonal := false // that does not mirror itself
		for i, x := range m.dense() {
			if i%int(m.shape[1]) == i/int(m.shape[1]) && m.mirror(x) != x {
				diagonal = true
			}
		}
		s, err := g.Structured(background, m.structure, upper, r.options())
		if diagonal {
			if refused++; !errors.Is(err, tensor.ErrShape) {
				t.Fatalf("Structured with such a diagonal: %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		folded++
		sound(t, "structured", s, m)
		if p := s.Properties(); p.Structure != m.structure || p.Upper != upper {
			t.Fatalf("Structured: %+v", p)
		}
		if s.NNZ() > g.NNZ() {
			t.Fatalf("%d entries of %d", s.NNZ(), g.NNZ())
		}
		// An element that its counterpart does not mirror.
		x := m.dense()
		n := int(m.shape[0])
		if n < 2 || m.dtype == tensor.F8E8M0 {
			return
		}
		x[1] = m.number(x[1] + 1)
		if m.dtype.Class == tensor.ClassBool {
			x[1] = 1 - x[n]
		}
		d := r.viewOf(x, m.dtype, m.shape)
		b, err := FromDense(background, d, tensor.View{}, a.Layout(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Structured(background, m.structure, upper, nil); !errors.Is(err, tensor.ErrShape) {
			t.Fatalf("Structured of what is not: %v", err)
		}
	})
	t.Logf("%d folded, %d refused", folded, refused)
	if folded < matrices()/50 || refused < matrices()/500 {
		t.Error("too few")
	}
}

func TestTransposeEqualsTheDense(t *testing.T) {
	forEach(t, matrices()/2, func(r maker, a *Array, m *model) {
		axes := r.Perm(len(m.shape))
		if r.chance(50) {
			axes = nil
		}
		b, err := a.Transpose(background, axes, r.options())
		if err != nil {
			t.Fatal(err)
		}
		if axes == nil {
			axes = allAxes(len(m.shape))
			slices.Reverse(axes)
		}
		want := &model{shape: permuted(m.shape, axes), dtype: m.dtype, fill: m.fill, structure: m.structure, upper: m.upper != (m.structure != General && axes[0] == 1)}
		for _, e := range m.entries {
			at := make([]int64, len(axes))
			for i, axis := range axes {
				at[i] = e.at[axis]
			}
			want.entries = append(want.entries, entry{at, e.value})
		}
		sound(t, "transpose", b, want)
		if m.structure != General { // the model above mirrors by itself: compare with the dense transpose
			v := r.viewOf(m.dense(), tensor.C128, m.shape)
			v, err := v.Permute(axes...)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "transpose of a structure", read(t, b).dense(), numbersOf(t, v))
		}
	})
}

func TestSelectEqualsTheDense(t *testing.T) {
	layouts := map[Layout]int{}
	forEach(t, matrices(), func(r maker, a *Array, m *model) {
		var sel tensor.Selection
		end := func(n int64) int64 {
			if r.chance(25) {
				return tensor.None
			}
			return r.Int64N(2*n+3) - n - 1
		}
		for axis, n := range m.shape {
			switch {
			case r.chance(20) && n > 0:
				sel = append(sel, tensor.SelectionItem{Kind: tensor.SelectIndex, Start: r.Int64N(2*n) - n})
			case r.chance(25):
				sel = append(sel, tensor.SelectionItem{Kind: tensor.SelectRange, Start: tensor.None, Stop: tensor.None, Step: tensor.None})
			default:
				step := []int64{1, 1, 1, 2, 3, -1, -2, tensor.None}[r.IntN(8)]
				sel = append(sel, tensor.SelectionItem{Kind: tensor.SelectRange, Start: end(n), Stop: end(n), Step: step})
			}
			if axis == 0 && r.chance(20) {
				break
			}
		}
		b, err := a.Select(background, sel, r.options())
		v, derr := r.viewOf(m.dense(), tensor.C128, m.shape).Select(sel)
		if derr != nil {
			t.Fatal(derr)
		}
		switch {
		case v.Rank() == 0 || !m.selfMirrored():
			if !errors.Is(err, tensor.ErrUnsupported) {
				t.Fatalf("%v of rank %d, fill %v: %v", sel, v.Rank(), m.fill, err)
			}
			return
		case err != nil:
			t.Fatalf("%v: %v", sel, err)
		}
		layouts[a.Layout()]++
		want := read(t, b)
		want.shape = v.Shape()
		sound(t, sel.String(), b, want)
		same(t, sel.String(), read(t, b).dense(), numbersOf(t, v))
	})
	t.Log(layouts)
}

func TestElementsEqualTheDense(t *testing.T) {
	forEach(t, matrices()/4, func(r maker, a *Array, m *model) {
		x := m.dense()
		for i := range x {
			if len(x) > 30 && !r.chance(20) {
				continue
			}
			at, k := make([]int64, len(m.shape)), int64(i)
			for axis := range slices.Backward(m.shape) {
				at[axis], k = k%m.shape[axis], k/m.shape[axis]
				if r.chance(30) {
					at[axis] -= m.shape[axis]
				}
			}
			if r.chance(5) {
				if err := a.Validate(background, nil); err != nil {
					t.Fatal(err)
				}
			}
			v, err := a.At(at...)
			if err != nil {
				t.Fatal(err)
			}
			same(t, tensor.Shape(at).String(), numbersOf(t, v), x[i:i+1])
		}
	})
}

func TestFromDenseKeepsWhatDiffers(t *testing.T) {
	forEach(t, matrices()/2, func(r maker, _ *Array, m *model) {
		x := m.dense()
		v := r.viewOf(x, m.dtype, m.shape)
		var fill tensor.View
		if m.fill != 0 {
			fill = r.viewOf([]complex128{m.fill}, m.dtype, tensor.Shape{})
		} else if m.dtype == tensor.F8E8M0 {
			return
		}
		want := &model{shape: m.shape, dtype: m.dtype, fill: m.fill}
		n := 0
		for i, y := range x {
			at, k := make([]int64, len(m.shape)), int64(i)
			for axis := range slices.Backward(m.shape) {
				at[axis], k = k%m.shape[axis], k/m.shape[axis]
			}
			if y != m.fill {
				n++
			}
			want.entries = append(want.entries, entry{at, y})
		}
		for _, to := range layoutsFor(m) {
			o := r.options()
			if to == CSF && r.chance(50) {
				o.Order = r.Perm(len(m.shape))
			}
			b, err := FromDense(background, v, fill, to, o)
			if err != nil {
				t.Fatal(err)
			}
			sound(t, "from dense to "+to.String(), b, want)
			if to != BSR && int(b.NNZ()) != n {
				t.Fatalf("%d entries, want %d", b.NNZ(), n)
			}
		}
	})
}

func TestCountsAndImages(t *testing.T) {
	forEach(t, matrices()/2, func(r maker, a *Array, m *model) {
		list := slices.Clone(m.entries)
		for _, e := range m.entries {
			if m.structure != General && e.at[0] != e.at[1] {
				list = append(list, entry{[]int64{e.at[1], e.at[0]}, e.value})
			}
		}
		for axis, n := range m.shape {
			got, err := a.Counts(background, axis, r.options())
			if err != nil {
				t.Fatal(err)
			}
			want := make([]int64, n)
			for _, e := range list {
				want[e.at[axis]]++
			}
			if !equal(got, want) {
				t.Fatalf("counts along axis %d: %v, want %v", axis, got, want)
			}
		}
		if len(m.shape) != 2 {
			return
		}
		h, w := 1+r.Int64N(9), 1+r.Int64N(9)
		got, err := a.Image(background, h, w, tensor.U32, r.options())
		if err != nil {
			t.Fatal(err)
		}
		want := make([]complex128, h*w)
		for _, e := range list {
			want[e.at[0]*h/m.shape[0]*w+e.at[1]*w/m.shape[1]]++
		}
		same(t, "image", numbersOf(t, got), want)
	})
}

func TestProductsEqualTheDense(t *testing.T) {
	done := 0
	forEach(t, matrices(), func(r maker, a *Array, m *model) {
		if len(m.shape) != 2 || !m.selfMirrored() {
			return
		}
		k := r.Int64N(4)
		shape := tensor.Shape{m.shape[1], k}
		if r.chance(50) {
			k, shape = 1, shape[:1]
		}
		x := make([]complex128, m.shape[1]*k)
		for i := range x {
			x[i] = r.value(m.dtype)
		}
		got, err := a.Mul(background, r.viewOf(x, m.dtype, shape), r.options())
		if multiplier[int32](m.dtype) == nil {
			if !errors.Is(err, tensor.ErrDType) {
				t.Fatalf("product of %v: %v", m.dtype, err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		done++
		d := m.dense()
		want := make([]complex128, m.shape[0]*k)
		for i := range m.shape[0] {
			for j := range m.shape[1] {
				for c := range k {
					want[i*k+c] += d[i*m.shape[1]+j] * x[j*k+c]
				}
			}
		}
		// Integers wrap: the sums here fit an int64, and are cut to the dtype.
		if c := m.dtype.Class; c == tensor.ClassInt || c == tensor.ClassUint {
			for i, y := range want {
				want[i] = wrapped(m.dtype, y)
			}
		}
		same(t, "product", numbersOf(t, got), want)
	})
	t.Logf("%d products", done)
	if done < matrices()/8 {
		t.Error("too few")
	}
}

// wrapped is an integer as it wraps in a dtype.
func wrapped(d tensor.DType, x complex128) complex128 {
	n := int64(real(x))
	shift := 64 - d.Bits
	if d.Class == tensor.ClassInt {
		return complex(float64(n<<shift>>shift), 0)
	}
	return complex(float64(uint64(n)<<shift>>shift), 0)
}
