package colour

import (
	"image/color"
	"math"
	"slices"
	"sync"
)

// A Map turns numbers from 0 to 1 into colours.
type Map struct {
	Name string
	// Diverging says that the middle is what the ends differ from.
	Diverging bool
	// NaN, PosInf and NegInf mark what has no place on the map. They are not
	// among its colours, to people who see no red or no green either.
	NaN, PosInf, NegInf color.NRGBA

	table [256]color.NRGBA
}

// steps are enough that neighbours cannot be told apart.
const steps = 256

// At is the colour of a share. Below 0 it is that of 0, above 1 that of 1; NaN
// has the colour NaN.
func (m *Map) At(t float64) color.NRGBA {
	if math.IsNaN(t) {
		return m.NaN
	}
	return m.table[int(min(max(t, 0), 1)*(steps-1)+0.5)]
}

// Table is the map in 256 steps from 0 to 1: for those who draw elsewhere.
func (m *Map) Table() [256]color.NRGBA { return m.table }

// Sequential returns the map for amounts: dark blue through green to light
// yellow. Lightness rises from 14 to 95.
var Sequential = sync.OnceValue(func() *Map {
	m := &Map{Name: "sequential",
		NaN:    color.NRGBA{240, 40, 240, 255},
		PosInf: color.NRGBA{255, 255, 255, 255},
		NegInf: color.NRGBA{0, 0, 0, 255},
	}
	m.fill(func(t float64) lab {
		l := 14 + 81*t
		h := 292 - 187*t // blue, teal, green, yellow
		return lch(l, 0.96*most(l, 34+30*t*t, h), h)
	})
	return m
})

// Diverging returns the map for what lies on both sides of something: blue
// through near white to red. Lightness is that of white in the middle, and the
// same at equal distances from it.
var Diverging = sync.OnceValue(func() *Map {
	m := &Map{Name: "diverging", Diverging: true,
		NaN:    color.NRGBA{128, 128, 128, 255},
		PosInf: color.NRGBA{255, 226, 0, 255},
		NegInf: color.NRGBA{0, 0, 0, 255},
	}
	half := func(h, turn float64) func(float64) lab {
		return func(t float64) lab { // 0 is the middle
			l := 96 - 66*t
			h := h + turn*t
			return lch(l, 0.96*most(l, 62*math.Sqrt(t)*(1-0.1*t)*min(1, 4*t), h), h)
		}
	}
	blue, red := even(half(255, 28), steps/2+1), even(half(62, -30), steps/2+1)
	for i := range steps / 2 {
		// Between two steps of each half, so that the middle lies between two colours.
		m.table[steps/2-1-i] = between(blue[i], blue[i+1])
		m.table[steps/2+i] = between(red[i], red[i+1])
	}
	return m
})

// Grey returns the map from near black to near white, in equal steps of
// lightness.
var Grey = sync.OnceValue(func() *Map {
	m := &Map{Name: "grey",
		NaN:    color.NRGBA{255, 61, 190, 255},
		PosInf: color.NRGBA{255, 176, 0, 255},
		NegInf: color.NRGBA{0, 96, 255, 255},
	}
	m.fill(func(t float64) lab { return lab{l: 100 * t} })
	return m
})

// Names are the names of the maps, as ByName takes them. None is made for that.
func Names() []string { return []string{"sequential", "diverging", "grey"} }

// ByName is the map of a name, or nil.
func ByName(name string) *Map {
	if i := slices.Index(Names(), name); i >= 0 {
		return [](func() *Map){Sequential, Diverging, Grey}[i]()
	}
	return nil
}

// fill samples a path.
func (m *Map) fill(path func(t float64) lab) {
	for i, c := range even(path, steps) {
		m.table[i] = c.linear().bytes()
	}
}

// even samples a path from 0 to 1 at n places of equal distance to the eye.
func even(path func(t float64) lab, n int) []lab {
	const fine = 2048
	at := make([]float64, fine+1) // the way to each place
	last := path(0)
	for i := 1; i <= fine; i++ {
		p := path(float64(i) / fine)
		at[i] = at[i-1] + p.minus(last)
		last = p
	}
	out := make([]lab, n)
	i := 0
	for k := range out {
		want := at[fine] * float64(k) / float64(n-1)
		for i < fine-1 && at[i+1] < want {
			i++
		}
		t := float64(i)
		if step := at[i+1] - at[i]; step > 0 {
			t += min((want-at[i])/step, 1)
		}
		out[k] = path(t / fine)
	}
	return out
}

func between(p, q lab) color.NRGBA {
	return lab{(p.l + q.l) / 2, (p.a + q.a) / 2, (p.b + q.b) / 2}.linear().bytes()
}

// Ramp returns a map from one colour to another, straight and in steps that are
// equal to the eye: for shades of an ink.
func Ramp(name string, from, to color.NRGBA) *Map {
	m := &Map{Name: name, NaN: Sequential().NaN, PosInf: Sequential().PosInf, NegInf: Sequential().NegInf}
	a, b := light(from).lab(), light(to).lab()
	m.fill(func(t float64) lab { return lab{a.l + t*(b.l-a.l), a.a + t*(b.a-a.a), a.b + t*(b.b-a.b)} })
	return m
}
