package sparse

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

var background = context.Background()

// matrices is how many seeded arrays the property tests go through:
// TENSORFILE_SPARSE=full takes all, TENSORFILE_SPARSE=n that many.
func matrices() int {
	env := os.Getenv("TENSORFILE_SPARSE")
	if n, err := strconv.Atoi(env); err == nil {
		return n
	}
	if env != "full" && testing.Short() {
		return 800
	}
	return 10_000
}

// forEach calls fn for each seeded array. TENSORFILE_SPARSE_SEED is the first
// seed, to repeat one of a failure.
func forEach(t *testing.T, n int, fn func(r maker, a *Array, m *model)) {
	t.Helper()
	start, _ := strconv.Atoi(os.Getenv("TENSORFILE_SPARSE_SEED"))
	for seed := start; seed < start+n; seed++ {
		r := maker{t, rand.New(rand.NewPCG(uint64(seed), 6))}
		a, m := r.random()
		func() {
			defer func() {
				if t.Failed() || recover() != nil {
					t.Fatalf("seed %d: %s", seed, describe(a))
				}
			}()
			fn(r, a, m)
		}()
	}
}

// selfMirrored reports whether a structure can be left: the fill value means
// the same on both sides.
func (m *model) selfMirrored() bool { return m.mirror(m.fill) == m.fill }

func layoutsFor(m *model) []Layout {
	if len(m.shape) == 2 {
		return []Layout{COO, CSR, CSC, BSR, CSF, Bitmap}
	}
	return []Layout{COO, CSF, Bitmap}
}

func (r maker) options() *Options {
	o := &Options{Workers: 1 + r.IntN(3)}
	switch r.IntN(4) {
	case 0:
		o.Index = tensor.I32
	case 1:
		o.Index = tensor.I64
	}
	return o
}

func TestConversionsEqualTheDense(t *testing.T) {
	pairs := map[[2]Layout]int{}
	forEach(t, matrices(), func(r maker, a *Array, m *model) {
		want := m.dense()
		if err := a.Validate(background, nil); err != nil {
			t.Fatal(err)
		}
		d, err := a.Dense(background, r.options())
		if err != nil {
			t.Fatal(err)
		}
		same(t, "dense", numbersOf(t, d), want)
		for _, to := range layoutsFor(m) {
			o := r.options()
			if to == CSF && r.chance(50) {
				o.Order = r.Perm(len(m.shape))
			}
			if to == BSR && r.chance(70) {
				for {
					o.Block = [2]int64{1 + r.Int64N(4), 1 + r.Int64N(4)}
					if m.shape[0]%o.Block[0] == 0 && m.shape[1]%o.Block[1] == 0 {
						break
					}
				}
			}
			b, err := a.Convert(background, to, o)
			if (to == BSR || to == Bitmap) && !m.selfMirrored() {
				if !errors.Is(err, tensor.ErrUnsupported) {
					t.Fatalf("%v of a fill value that is not its own mirror: %v", to, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			pairs[[2]Layout{a.Layout(), to}]++
			if b.Layout() != to {
				t.Fatalf("%v, want %v", b.Layout(), to)
			}
			sound(t, "to "+to.String(), b, m)
			width := tensor.I32
			if o.Index == tensor.I64 {
				width = tensor.I64
			}
			for _, part := range b.Parts() {
				if part.View.Order() != tensor.HostOrder && part.View.DType().UnitBytes > 1 {
					t.Fatalf("%s of %v is not in the order of the machine", part.Role, to)
				}
				if isIndex(part.View.DType()) && part.Role != RoleOrder && part.Role != RoleValues && part.Role != RoleFill && part.View.DType() != width {
					t.Fatalf("%s of %v is %v, want %v", part.Role, to, part.View.DType(), width)
				}
			}
			if o.Order != nil && !equal(intsIn(t, b.part(RoleOrder)), int64s(o.Order)) {
				t.Fatalf("order %v, want %v", intsIn(t, b.part(RoleOrder)), o.Order)
			}
			if o.Block != [2]int64{} && b.Block() != o.Block {
				t.Fatalf("block %v, want %v", b.Block(), o.Block)
			}
		}
	})
	t.Logf("%d pairs of layouts", len(pairs))
	for from := COO; from <= Bitmap; from++ {
		for to := COO; to <= Bitmap; to++ {
			if pairs[[2]Layout{from, to}] < matrices()/50 {
				t.Errorf("%v to %v was tried %d times", from, to, pairs[[2]Layout{from, to}])
			}
		}
	}
}
