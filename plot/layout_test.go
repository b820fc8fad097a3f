package plot

import (
	"image"
	"math"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/plot/colour"
	"pgregory.net/rapid"
)

// checkLayout fails if a label leaves the picture or meets another, or an area
// lies outside.
func checkLayout(t interface {
	Helper()
	Fatalf(string, ...any)
}, l *layout) {
	t.Helper()
	for i, a := range l.labels {
		if !a.box.in(l.size) {
			t.Fatalf("label %q at %v leaves the picture %v", a.text, a.box, l.size)
		}
		for _, b := range l.labels[:i] {
			if a.box.meets(b.box) {
				t.Fatalf("labels %q at %v and %q at %v meet", a.text, a.box, b.text, b.box)
			}
		}
	}
	for _, p := range l.panels {
		if !p.area.in(l.size) || p.area.width() <= 0 || p.area.height() <= 0 {
			t.Fatalf("area %v of %v", p.area, l.size)
		}
		for _, other := range l.labels {
			// Only keys of marks stand inside of an area, and there none is.
			if p.Note == "" && !hasLabels(p.Panel) && l.detail < bare && other.box.meets(p.area) {
				t.Fatalf("label %q at %v covers the chart %v", other.text, other.box, p.area)
			}
		}
		for _, k := range p.keys {
			if k.text != "" && !(box{k.at.x, k.at.y, k.at.x + 20, k.at.y + 10}).in(l.size) {
				t.Fatalf("key %q at %v", k.text, k.at)
			}
		}
		if b := p.bar; b.shown && !b.area.in(l.size) {
			t.Fatalf("bar %v of %v", b.area, l.size)
		}
	}
}

func hasLabels(p *Panel) bool {
	for _, m := range p.Marks {
		if _, ok := m.(*Label); ok {
			return true
		}
	}
	return false
}

var words = []string{"", "w", "value", "loss of the validation set", "encoder.layers.0.self_attn.q_proj.weight[0:10, ::2]", "Größe Ωμ жизнь", "数据 tensor", "a\x00b\xffc", strings.Repeat("long ", 60), strings.Repeat("x", 500)}

func drawAxis(t *rapid.T, name string) Axis {
	mid := rapid.Float64Range(-1, 1).Draw(t, name) * math.Pow(10, float64(rapid.IntRange(-300, 300).Draw(t, name)))
	a := Axis{
		Label: rapid.SampledFrom(words).Draw(t, name+" label"), Unit: rapid.SampledFrom([]string{"", "s", "Hz", "kg m²", "furlongs per fortnight"}).Draw(t, name+" unit"),
		Lo: mid, Hi: mid + math.Abs(mid)*math.Pow(10, float64(rapid.IntRange(-14, 3).Draw(t, name))),
		Log: rapid.Bool().Draw(t, name), Down: rapid.Bool().Draw(t, name), Whole: rapid.IntRange(0, 3).Draw(t, name) == 0, Hidden: rapid.IntRange(0, 5).Draw(t, name) == 0,
	}
	if rapid.IntRange(0, 3).Draw(t, name) > 0 {
		a.Lo, a.Hi = -0.5, float64(rapid.Int64Range(0, 1e10).Draw(t, name))
	}
	return a
}

func drawFigure(t *rapid.T) *Figure {
	f := &Figure{
		Title: rapid.SampledFrom(words).Draw(t, "title"),
		Width: rapid.IntRange(32, 2000).Draw(t, "width"), Height: rapid.IntRange(32, 1500).Draw(t, "height"),
		Theme: Theme(rapid.IntRange(0, 1).Draw(t, "theme")),
	}
	for range rapid.IntRange(1, 3).Draw(t, "panels") {
		p := &Panel{X: drawAxis(t, "x"), Y: drawAxis(t, "y"), Title: rapid.SampledFrom(words).Draw(t, "panel"), Square: rapid.Bool().Draw(t, "square")}
		for i := range rapid.IntRange(0, 5).Draw(t, "lines") {
			p.Marks = append(p.Marks, &Line{Name: rapid.SampledFrom(words).Draw(t, "name"), X: []float64{p.X.Lo, p.X.Hi}, Y: []float64{p.Y.Hi, p.Y.Lo}, Color: f.Theme.Line(i), Dash: i > 2})
		}
		if rapid.Bool().Draw(t, "bar") {
			p.Bar = &Bar{Map: colour.Sequential(), Axis: drawAxis(t, "bar"), NaN: rapid.Bool().Draw(t, "nan"), PosInf: rapid.Bool().Draw(t, "inf"), NegInf: rapid.Bool().Draw(t, "inf")}
		}
		if rapid.IntRange(0, 9).Draw(t, "note") == 0 {
			p.Note = rapid.SampledFrom(words).Draw(t, "note text")
		}
		f.Panels = append(f.Panels, p)
	}
	return f
}

// No label is cut or meets another, whatever the size, the ranges and the texts.
func TestLayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkLayout(t, drawFigure(t).layout())
	})
}

// Charts of a usual size have all that they should.
func TestLayoutIsWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := &Figure{Title: "conv1  f32 (64, 3, 7, 7)", Width: rapid.IntRange(360, 1600).Draw(t, "width"), Height: rapid.IntRange(220, 1000).Draw(t, "height")}
		hi := rapid.Float64Range(1e-3, 1e9).Draw(t, "hi")
		f.Panels = []*Panel{{
			X: Axis{Label: "column", Lo: -0.5, Hi: hi}, Y: Axis{Label: "row", Lo: 0, Hi: hi * 3, Down: true},
			Bar:   &Bar{Map: colour.Diverging(), Axis: Axis{Label: "value", Lo: -hi, Hi: hi}, NaN: true},
			Marks: []Mark{&Raster{Image: image.NewNRGBA(image.Rect(0, 0, 3, 3)), X1: hi, Y1: hi * 3}},
		}}
		l := f.layout()
		checkLayout(t, l)
		p := l.panels[0]
		if l.detail != everything {
			t.Fatalf("%d x %d leaves out %d", f.Width, f.Height, l.detail)
		}
		got := map[string]int{}
		for _, k := range l.labels {
			got[strings.Split(k.whole, " (")[0]]++
		}
		for _, name := range []string{"column", "row", "value", "NaN", "conv1  f32"} {
			if got[name] == 0 {
				t.Fatalf("%d x %d has no %q: %v", f.Width, f.Height, name, got)
			}
		}
		for i, ticks := range [][]tick{p.x.ticks, p.y.ticks, p.bar.scale.ticks} {
			n := 0
			for _, k := range ticks {
				if k.label != "" {
					n++
				}
			}
			if n < 2 {
				t.Fatalf("%d x %d: axis %d has %d labels", f.Width, f.Height, i, n)
			}
		}
		if p.area.width() < 0.3*float64(f.Width) || p.area.height() < 0.4*float64(f.Height) {
			t.Fatalf("%d x %d leaves %v for the chart", f.Width, f.Height, p.area)
		}
	})
}

func TestText(t *testing.T) {
	for _, f := range []*face{regular(), medium()} {
		for _, r := range "0123456789.,−+×…()[]{}<>&\"'µΩ°²abcxyzÄößéñЖя–—|/\\_:;" {
			if raised[r] == 0 && f.glyph(r) == nil {
				t.Errorf("the font %s has no %q", f.name, r)
			}
		}
		for _, c := range []struct{ in, want string }{
			{"plain", "plain"}, {"10⁻¹²", "10⁻¹²"}, {"数", `\u6570`}, {"a\tb", `a\u0009b`}, {"\xff", `\xff`}, {"😀", `\U0001f600`}, {"\u202e", `\u202e`},
		} {
			if got := f.spell(c.in); got != c.want {
				t.Errorf("%q is spelled %q, want %q", c.in, got, c.want)
			}
		}
		if w := f.width("mmmm", 10); math.Abs(w-4*f.width("m", 10)) > 1e-9 || w < 20 || w > 60 {
			t.Errorf("four m are %v wide", w)
		}
		rapid.Check(t, func(t *rapid.T) {
			s, width := f.spell(rapid.SampledFrom(words).Draw(t, "text")), rapid.Float64Range(0, 400).Draw(t, "width")
			if got := f.fit(s, 12, width); f.width(got, 12) > width || got == "" && s != "" && width > 30 {
				t.Fatalf("%q cut to %v is %q", s, width, got)
			}
			for i, line := range f.wrap(s, 12, width, 2) {
				if f.width(line, 12) > width || i > 1 {
					t.Fatalf("line %d of %q: %q", i, s, line)
				}
			}
		})
	}
	if got := superscript(-120); got != "⁻¹²⁰" {
		t.Error(got)
	}
}
