package kernel

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// regroupCase is a pattern, where it goes to and comes from, and the bytes that
// each of them spans.
type regroupCase struct {
	unit     int
	axes     []Axis
	places   []Place
	from     int // where the first element lies in src
	src, dst int // bytes spanned
}

// newRegroupCase makes one of any numbers. Strides of dst nest, with gaps or
// without; those of src are any, also negative.
func newRegroupCase(rng *rand.Rand) regroupCase {
	c := regroupCase{unit: []int{1, 2, 4, 8, 16, 3, 6, 48, 64, 200}[rng.IntN(10)]}
	span := c.unit
	gap := func() int {
		if rng.IntN(4) == 0 {
			return rng.IntN(30)
		}
		return 0
	}
	var axes []Axis
	for range rng.IntN(4) {
		n := 1 + rng.IntN(18)
		if rng.IntN(4) == 0 {
			n = 64
		}
		if n*span > maxPattern {
			break
		}
		step := span + gap()
		axes = append(axes, Axis{n, step, rng.IntN(200) - 60})
		span = step*(n-1) + span
	}
	for i := range axes {
		c.axes = append(c.axes, axes[len(axes)-1-i])
	}
	at := Place{}
	for range 1 + rng.IntN(5) {
		c.places = append(c.places, at)
		at = Place{at.Dst + span + gap(), at.Src + rng.IntN(500) - 200}
	}
	low, high, top := 0, 0, 0
	c.each(func(d, s int) { low, high, top = min(low, s), max(high, s), max(top, d) })
	c.from, c.src, c.dst = -low, high-low+1, top+1
	return c
}

// each calls fn for every byte of the case, by its definition.
func (c *regroupCase) each(fn func(dst, src int)) {
	var walk func(axis, d, s int)
	walk = func(axis, d, s int) {
		if axis == len(c.axes) {
			for k := range c.unit {
				fn(d+k, s+k)
			}
			return
		}
		for k := range c.axes[axis].N {
			walk(axis+1, d+k*c.axes[axis].Dst, s+k*c.axes[axis].Src)
		}
	}
	for _, p := range c.places {
		walk(0, p.Dst, c.from+p.Src)
	}
}

// check runs a case at every level, into memory at any place in a line, and
// compares all of it.
func (c *regroupCase) check(t *testing.T, g *Regrouping, rng *rand.Rand) (steps int, lines bool) {
	t.Helper()
	src := random(c.src, rng.Uint64())
	at := rng.IntN(64) * rng.IntN(2)
	blank := random(at+c.dst+64, rng.Uint64())
	want := bytes.Clone(blank)
	c.each(func(d, s int) { want[at+d] = src[s] })
	atEachLevel(t, func(l level) {
		if steps = g.Set(c.unit, c.axes); steps == 0 {
			return
		}
		g.At(c.places)
		lines = g.Lines()
		for _, stream := range []bool{false, true} {
			dst := alignedCopy(blank)
			g.Run(dst, at, src, c.from, stream)
			Fence()
			if !bytes.Equal(dst, want) {
				t.Fatalf("%v: units of %d along %v at %v: another result", l, c.unit, c.axes, c.places)
			}
		}
	})
	return steps, lines
}

// alignedCopy is a copy that begins with a line of the cache.
func alignedCopy(b []byte) []byte {
	room := make([]byte, len(b)+64)
	room = room[-lineOffset(room)&63:]
	return append(room[:0], b...)
}

func TestRegroup(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	var g Regrouping
	done, refused, lines := 0, 0, 0
	for range 3000 {
		c := newRegroupCase(rng)
		steps, whole := c.check(t, &g, rng)
		switch {
		case steps == 0:
			refused++
		case whole:
			lines++
		}
		done++
	}
	t.Logf("%d patterns, %d refused, %d of whole lines", done, refused, lines)
	if refused > done/2 || lines < 20 {
		t.Error("too few that count")
	}
}

// TestRegroupRefuses sets what is none, or too much.
func TestRegroupRefuses(t *testing.T) {
	var g Regrouping
	for what, c := range map[string]regroupCase{
		"elements across each other": {unit: 4, axes: []Axis{{2, 2, 8}}},
		"an axis inside another":     {unit: 1, axes: []Axis{{4, 1, 1}, {4, 4, 4}}},
		"more bytes than there may":  {unit: 1, axes: []Axis{{maxPattern + 1, 1, 1}}},
		"every byte from elsewhere":  {unit: 1, axes: []Axis{{1024, 1, 1000}}},
		"too many axes":              {unit: 1, axes: make([]Axis, MaxAxes+1)},
	} {
		if n := g.Set(c.unit, c.axes); n != 0 {
			t.Errorf("%s: %d steps", what, n)
		}
	}
	atEachLevel(t, func(l level) {
		want := 2
		if RegroupBytes() == 32 {
			want = 4 // two of each of two registers
		}
		if n := g.Set(4, []Axis{{16, 4, 8}}); n != want {
			t.Errorf("%v: every second element: %d steps, want %d", l, n, want)
		}
	})
}

func FuzzRegroup(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Add(uint64(7), uint64(1<<40))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		rng := rand.New(rand.NewPCG(a, b))
		var g Regrouping
		c := newRegroupCase(rng)
		c.check(t, &g, rng)
	})
}
