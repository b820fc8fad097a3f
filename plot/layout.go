package plot

import (
	"image/color"
	"math"
)

// Sizes of type, and the space around things.
const (
	titleSize  = 15.0
	labelSize  = 12.5
	tickSize   = 11.5
	titleLine  = 20.0
	keyLine    = 19.0
	tickLength = 4.0
	barWidth   = 14.0
	leastWide  = 48.0 // of a chart with axes
	leastHigh  = 36.0
)

// Of a text of size 1: how high capitals and digits are, and how deep letters go
// below the line.
const (
	ascent  = 0.74
	descent = 0.22
)

type point struct{ x, y float64 }

// A box is a rectangle; x0 is not right of x1, y0 not below y1.
type box struct{ x0, y0, x1, y1 float64 }

func (b box) width() float64  { return b.x1 - b.x0 }
func (b box) height() float64 { return b.y1 - b.y0 }

func (b box) in(o box) bool {
	return b.x0 >= o.x0 && b.y0 >= o.y0 && b.x1 <= o.x1 && b.y1 <= o.y1
}

func (b box) meets(o box) bool {
	return b.x0 < o.x1 && o.x0 < b.x1 && b.y0 < o.y1 && o.y0 < b.y1
}

// Detail says how much is left out because the picture is small.
type detail int

const (
	everything detail = iota
	noKeys            // no legends, no label of the bar
	noLabels          // no labels of axes
	noTitles          // no titles, no bar
	bare              // no ticks
)

// A layout is a figure with everything in its place.
type layout struct {
	figure Figure
	detail detail
	inks   inks
	size   box
	pad    float64
	labels []text
	panels []*placed
	title  []string
}

// placed is a panel in its place.
type placed struct {
	*Panel
	frame
	slot   box // that it may use
	raster bool
	keys   []placedKey
	rows   int // of keys
	bar    placedBar
	left   float64 // what stands beside the area
	right  float64
}

type placedKey struct {
	key
	text string
	at   point // upper left
}

type placedBar struct {
	shown    bool
	area     box
	scale    scale
	swatches []swatch
}

type swatch struct {
	name  string
	color color.NRGBA
	at    box
}

// Area is where the chart of a panel stands, without what is beside it: how many
// pixels of CSS there are to draw on.
func (f *Figure) Area(panel int) (width, height float64) {
	a := f.layout().panels[panel].area
	return a.width(), a.height()
}

// layout finds the most detail that has room.
func (f *Figure) layout() *layout {
	for d := everything; ; d++ {
		l := &layout{figure: f.figure(), detail: d, inks: f.Theme.inks()}
		if l.arrange() || d == bare {
			l.place()
			return l
		}
	}
}

// arrange finds the areas of all panels, and reports whether they are large
// enough.
func (l *layout) arrange() bool {
	f := &l.figure
	width, height := float64(f.Width), float64(f.Height)
	l.size = box{0, 0, width, height}
	l.pad = min(16, width/20, height/20)
	top := l.pad
	if l.detail < noTitles && f.Title != "" {
		l.title = medium().wrap(medium().spell(f.Title), titleSize, width-2*l.pad, 2)
		top += titleLine * float64(len(l.title))
		if len(l.title) > 0 {
			top += 4
		}
	}
	// Panels are equally high, without what stands below some of them.
	n := float64(len(f.Panels))
	gap := min(14, height/20)
	high := height - l.pad - top - gap*(n-1)
	for _, p := range f.Panels {
		high -= l.below(p)
	}
	y := top
	for _, p := range f.Panels {
		at := &placed{Panel: p}
		at.inks = l.inks
		end := y + high/n + l.below(p)
		at.slot = box{l.pad, y, width - l.pad, end}
		y = end + gap
		for _, m := range p.Marks {
			if _, ok := m.(*Raster); ok {
				at.raster = true
			}
		}
		l.panels = append(l.panels, at)
	}
	// What stands beside an area depends on its ticks, and these on its size.
	left, right := 0.0, 0.0
	if l.detail < bare {
		left, right = 40, 10
	}
	for pass := range 4 {
		nextLeft, nextRight := 0.0, 0.0
		for _, p := range l.panels {
			l.fit(p, left, right)
			nextLeft, nextRight = max(nextLeft, p.left), max(nextRight, p.right)
		}
		if pass == 3 || left == nextLeft && right == nextRight {
			break
		}
		left, right = nextLeft, nextRight
	}
	for _, p := range l.panels {
		if p.area.width() < leastWide || p.area.height() < leastHigh {
			return false
		}
		if p.Square {
			p.square()
			l.tickAxes(p)
			l.arrangeBar(p)
		}
	}
	return true
}

// fit gives a panel the area between what stands beside it, and finds out how
// much that needs.
func (l *layout) fit(p *placed, left, right float64) {
	a := box{p.slot.x0 + left, p.slot.y0, p.slot.x1 - right, p.slot.y1}
	if p.Title != "" && l.detail < noTitles {
		a.y0 += keyLine
	}
	p.keys, p.rows = nil, 0
	if l.detail < noKeys {
		l.flowKeys(p, a)
		a.y0 += keyLine * float64(p.rows)
	}
	a.y1 -= l.below(p.Panel)
	if a.x1 < a.x0+1 {
		a.x1 = a.x0 + 1
	}
	if a.y1 < a.y0+1 {
		a.y1 = a.y0 + 1
	}
	p.area = a
	l.tickAxes(p)
	l.arrangeBar(p)

	p.left, p.right = 0, 0
	if l.detail == bare {
		return
	}
	if !p.Y.Hidden {
		p.left = tickLength + 4 + widest(p.y.ticks)
		if l.detail < noLabels && p.y.title != "" {
			p.left += 8 + (ascent+descent)*labelSize
		}
	}
	if p.bar.shown {
		p.right = p.bar.area.x0 - a.x1 + barWidth + tickLength + 4 + widest(p.bar.scale.ticks)
		if l.detail < noKeys && p.bar.scale.title != "" {
			p.right += 8 + (ascent+descent)*labelSize
		}
		for _, s := range p.bar.swatches {
			p.right = max(p.right, s.at.x1+5-a.x1+regular().width(s.name, tickSize))
		}
	}
	if !p.X.Hidden {
		for _, t := range p.x.ticks {
			half := regular().width(t.label, tickSize) / 2
			x := t.at * a.width()
			p.right = max(p.right, x+half-a.width()-l.pad/2)
			p.left = max(p.left, half-x-l.pad/2)
		}
	}
}

// below is the height of what stands below an area.
func (l *layout) below(p *Panel) float64 {
	if l.detail == bare || p.X.Hidden {
		return 0
	}
	ticks := tickLength + 3 + ascent*tickSize
	if l.detail >= noLabels || p.X.Label == "" && p.X.Unit == "" && !mayScale(&p.X) {
		return ticks + descent*tickSize
	}
	return ticks + 6 + (ascent+descent)*labelSize
}

// mayScale reports whether the title of an axis may get a factor or an offset.
func mayScale(a *Axis) bool {
	s := newScale(a)
	size := max(math.Abs(s.lo), math.Abs(s.hi))
	return !s.log && (exponent(size) >= 6 || exponent(size) < -3 || exponent(size)-exponent(s.hi/2-s.lo/2) > 4)
}

func widest(ticks []tick) float64 {
	w := 0.0
	for _, t := range ticks {
		w = max(w, regular().width(t.label, tickSize))
	}
	return w
}

// tickAxes chooses the ticks of both axes.
func (l *layout) tickAxes(p *placed) {
	p.x, p.y = newScale(&p.X), newScale(&p.Y)
	width, height := p.area.width(), p.area.height()
	if l.detail == bare {
		return
	}
	if !p.X.Hidden {
		p.x.setTicks(&p.X, mostTicks(width, 44, 56), sideBySide(width, p.x.down))
	}
	if !p.Y.Hidden {
		p.y.setTicks(&p.Y, mostTicks(height, 24, 36), above(height))
	}
	if l.detail >= noLabels {
		p.x.strip()
		p.y.strip()
	}
}

// mostTicks is how many ticks an axis has at most: five if they have room, up to
// twelve if they have much.
func mostTicks(length, tight, loose float64) int {
	return int(max(min(length/loose, 12), min(length/tight, 5), 3))
}

// sideBySide says whether labels have room below an axis.
func sideBySide(length float64, down bool) fits {
	return func(ticks []tick) bool {
		end := math.Inf(-1)
		for i := range ticks {
			t := ticks[i]
			if down {
				t = ticks[len(ticks)-1-i]
				t.at = 1 - t.at
			}
			if t.label == "" {
				continue
			}
			half := regular().width(t.label, tickSize) / 2
			if t.at*length-half < end+9 {
				return false
			}
			end = t.at*length + half
		}
		return true
	}
}

// above says whether labels have room beside an axis.
func above(length float64) fits {
	return func(ticks []tick) bool {
		last := math.Inf(-1)
		for _, t := range ticks {
			if t.label == "" {
				continue
			}
			if t.at*length-last < 1.5*tickSize {
				return false
			}
			last = t.at * length
		}
		return true
	}
}

// square cuts the area so that units of both axes are equally long.
func (p *placed) square() {
	x, y := p.x.hi-p.x.lo, p.y.hi-p.y.lo
	if p.x.log || p.y.log || !(x > 0 && y > 0) || math.IsInf(x, 0) || math.IsInf(y, 0) {
		return
	}
	a := p.area
	k := min(a.width()/x, a.height()/y)
	width, height := max(k*x, 1), max(k*y, 1)
	a.x0 += (a.width() - width) / 2
	a.x1 = a.x0 + width
	a.y1 = a.y0 + height
	p.area = a
}

// arrangeBar puts the bar beside the area.
func (l *layout) arrangeBar(p *placed) {
	p.bar = placedBar{shown: p.Bar != nil && l.detail < noTitles}
	if !p.bar.shown {
		return
	}
	b := &p.bar
	x := p.area.x1 + 16
	b.area = box{x, p.area.y0, x + barWidth, p.area.y1}
	below := "−Inf"
	if p.Bar.Axis.Log {
		below = "≤ 0"
	}
	for _, s := range []struct {
		shown bool
		name  string
		color color.NRGBA
	}{
		{p.Bar.PosInf, "+Inf", p.Bar.Map.PosInf}, {p.Bar.NegInf, below, p.Bar.Map.NegInf}, {p.Bar.NaN, "NaN", p.Bar.Map.NaN},
	} {
		if s.shown && b.area.height() > 2*keyLine {
			b.area.y1 -= keyLine
			b.swatches = append(b.swatches, swatch{name: s.name, color: s.color})
		}
	}
	y := b.area.y1 + keyLine - barWidth
	for i := range b.swatches {
		b.swatches[i].at = box{x, y, x + barWidth, y + barWidth}
		y += keyLine
	}
	b.scale = newScale(&p.Bar.Axis)
	b.scale.setTicks(&p.Bar.Axis, mostTicks(b.area.height(), 24, 36), above(b.area.height()))
	if l.detail >= noKeys {
		b.scale.strip()
	}
}

// flowKeys puts the entries of a legend into rows above the area.
func (l *layout) flowKeys(p *placed, a box) {
	x, y := a.x0, a.y0
	for _, m := range p.Marks {
		k := m.key()
		if k.name == "" {
			continue
		}
		k.color = or(k.color, l.inks.text)
		name := regular().fit(regular().spell(k.name), tickSize, max(a.width()*0.6, 40))
		if name == "" {
			continue
		}
		width := 20 + 6 + regular().width(name, tickSize)
		if x > a.x0 && x+width > a.x1 {
			x, y = a.x0, y+keyLine
		}
		p.keys = append(p.keys, placedKey{key: k, text: name, at: point{x, y}})
		x += width + 16
		p.rows = int((y-a.y0)/keyLine+0.5) + 1
	}
}

// turned is where a share of a scale stands from its left or lower end.
func (s *scale) turned(t float64) float64 {
	if s.down {
		return 1 - t
	}
	return t
}
