package colour

import (
	"image/color"
	"math"
	"testing"
)

// What people see who lack a kind of cones, of linear light: Machado, Oliveira
// and Fernandes, "A Physiologically-based Model for Simulation of Color Vision
// Deficiency" (2009), severity 1.
var visions = map[string][3][3]float64{
	"all": {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
	"protanopia": {
		{0.152286, 1.052583, -0.204868},
		{0.114503, 0.786281, 0.099216},
		{-0.003882, -0.048116, 1.051998},
	},
	"deuteranopia": {
		{0.367322, 0.860646, -0.227968},
		{0.280085, 0.672501, 0.047413},
		{-0.011820, 0.042940, 0.968881},
	},
}

func seen(c color.NRGBA, m [3][3]float64) lab {
	in := light(c)
	var out rgb
	for i, row := range m {
		out[i] = min(max(row[0]*in[0]+row[1]*in[1]+row[2]*in[2], 0), 1)
	}
	return out.lab()
}

func maps() []*Map { return []*Map{Sequential(), Diverging(), Grey()} }

// Known colours: https://www.w3.org/TR/css-color-4/ has the conversion, and Lab
// of these under D65 is in many tables.
func TestLab(t *testing.T) {
	for _, c := range []struct {
		in      color.NRGBA
		l, a, b float64
	}{
		{color.NRGBA{255, 255, 255, 255}, 100, 0, 0}, {color.NRGBA{0, 0, 0, 255}, 0, 0, 0},
		{color.NRGBA{255, 0, 0, 255}, 53.24, 80.09, 67.20}, {color.NRGBA{0, 255, 0, 255}, 87.73, -86.18, 83.18},
		{color.NRGBA{0, 0, 255, 255}, 32.30, 79.19, -107.86}, {color.NRGBA{128, 128, 128, 255}, 53.59, 0, 0},
	} {
		got := light(c.in).lab()
		if got.minus(lab{c.l, c.a, c.b}) > 0.1 {
			t.Errorf("%v is %v", c.in, got)
		}
		if back := got.linear().bytes(); back != c.in {
			t.Errorf("%v comes back as %v", c.in, back)
		}
	}
}

// Lightness rises all the way, so that a map can be read in grey; that of the
// diverging one rises to the middle and falls behind it.
func TestLightness(t *testing.T) {
	for _, m := range maps() {
		table := m.Table()
		for i := 1; i < len(table); i++ {
			d := Lightness(table[i]) - Lightness(table[i-1])
			if m.Diverging && i > 128 {
				d = -d
			}
			if d < -0.3 || m.Diverging && i == 128 && math.Abs(d) > 1 { // of rounding to bytes
				t.Errorf("%s: lightness changes by %.2f at %d", m.Name, d, i)
			}
		}
		lo, hi := Lightness(table[0]), Lightness(table[255])
		t.Logf("%s: from %.1f to %.1f", m.Name, lo, hi)
		if m.Diverging && (math.Abs(lo-hi) > 3 || Lightness(table[128])-lo < 50) || !m.Diverging && hi-lo < 75 {
			t.Errorf("%s reaches from %.1f to %.1f", m.Name, lo, hi)
		}
	}
}

// Equal steps are equally different, for all; colours that lie apart on the map
// look different.
func TestSteps(t *testing.T) {
	for _, m := range maps() {
		table := m.Table()
		for name, vision := range visions {
			least, most := math.Inf(1), 0.0
			const step = 16
			for i := step; i < len(table); i += step {
				d := seen(table[i], vision).minus(seen(table[i-step], vision))
				least, most = min(least, d), max(most, d)
			}
			t.Logf("%s, %s: %d steps differ by %.1f to %.1f", m.Name, name, step, least, most)
			if least < 3 || name == "all" && most > 1.8*least {
				t.Errorf("%s, %s: steps differ by %.1f to %.1f", m.Name, name, least, most)
			}
		}
	}
	// The two sides are told apart.
	table := Diverging().Table()
	for name, vision := range visions {
		for i := range 96 {
			if d := seen(table[i], vision).minus(seen(table[255-i], vision)); d < 20 {
				t.Errorf("%s: %d and %d differ by %.1f", name, i, 255-i, d)
			}
		}
	}
}

// What is no number looks like nothing on the map, and the three differ.
func TestSpecials(t *testing.T) {
	for _, m := range maps() {
		special := []color.NRGBA{m.NaN, m.PosInf, m.NegInf}
		for name, vision := range visions {
			for i, c := range special {
				least := math.Inf(1)
				for _, k := range m.Table() {
					least = min(least, seen(c, vision).minus(seen(k, vision)))
				}
				for _, o := range special[i+1:] {
					least = min(least, seen(c, vision).minus(seen(o, vision)))
				}
				if least < 12 {
					t.Errorf("%s, %s: special colour %d is only %.1f from others", m.Name, name, i, least)
				}
			}
		}
	}
}

// Lines are told apart by all, and seen on their ground.
func TestLines(t *testing.T) {
	for name, vision := range visions {
		for ground, lines := range map[color.NRGBA][MaxLines]color.NRGBA{{255, 255, 255, 255}: Lines, {23, 25, 29, 255}: LinesOnDark} {
			for i, c := range lines {
				if d := seen(c, vision).minus(seen(ground, vision)); d < 25 {
					t.Errorf("%s: line %d is %.1f from its ground", name, i, d)
				}
				for j := range i {
					if d := seen(c, vision).minus(seen(lines[j], vision)); d < 11 {
						t.Errorf("%s: lines %d and %d of %v differ by %.1f", name, j, i, ground, d)
					}
				}
			}
		}
	}
}

func TestAt(t *testing.T) {
	for _, m := range maps() {
		table := m.Table()
		for _, c := range []struct {
			t    float64
			want color.NRGBA
		}{{0, table[0]}, {1, table[255]}, {-5, table[0]}, {math.Inf(1), table[255]}, {math.Inf(-1), table[0]}, {math.NaN(), m.NaN}, {100.0 / 255, table[100]}} {
			if got := m.At(c.t); got != c.want {
				t.Errorf("%s at %v: %v, want %v", m.Name, c.t, got, c.want)
			}
		}
		if ByName(m.Name) != m {
			t.Errorf("%s is not found by its name", m.Name)
		}
	}
	if ByName("jet") != nil {
		t.Error("jet")
	}
	ink := color.NRGBA{0, 92, 185, 255}
	r := Ramp("shades", color.NRGBA{255, 255, 255, 255}, ink)
	if r.At(1) != ink || r.At(0) != (color.NRGBA{255, 255, 255, 255}) {
		t.Errorf("a ramp from %v to %v", r.At(0), r.At(1))
	}
}
