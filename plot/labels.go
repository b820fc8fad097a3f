package plot

import (
	"image/color"
	"math"
)

// A text is a label in its place.
type text struct {
	text   string
	whole  string // before it was shortened
	face   *face
	size   float64
	color  color.NRGBA
	at     point // where the line of writing begins
	turned bool  // by a quarter to the left, so that it runs upwards
	box    box
}

// put adds a label if it has room: inside the picture, and on no other.
func (l *layout) put(t text) bool {
	width := t.face.width(t.text, t.size)
	if t.turned {
		t.box = box{t.at.x - ascent*t.size, t.at.y - width, t.at.x + descent*t.size, t.at.y}
	} else {
		t.box = box{t.at.x, t.at.y - ascent*t.size, t.at.x + width, t.at.y + descent*t.size}
	}
	if t.text == "" || !t.box.in(l.size) {
		return false
	}
	for i := range l.labels {
		if l.labels[i].box.meets(t.box) {
			return false
		}
	}
	if t.whole == "" {
		t.whole = t.text
	}
	l.labels = append(l.labels, t)
	return true
}

// place puts all labels, the most important first.
func (l *layout) place() {
	left := l.pad
	if len(l.panels) > 0 {
		left = l.panels[0].area.x0
	}
	width := 0.0
	for _, line := range l.title {
		width = max(width, medium().width(line, titleSize))
	}
	for i, line := range l.title {
		x := max(min(left, l.size.x1-l.pad-width), l.pad)
		l.put(text{text: line, face: medium(), size: titleSize, color: l.inks.text, at: point{x, l.pad + titleSize*0.85 + titleLine*float64(i)}})
	}
	for _, p := range l.panels {
		l.placeTitles(p)
	}
	for _, p := range l.panels {
		l.placeTicks(p)
	}
	for _, p := range l.panels {
		for i := range p.keys {
			k := &p.keys[i]
			at := point{k.at.x + 26, k.at.y + keyLine/2 - 2 + ascent*tickSize/2}
			if !l.put(text{text: k.text, whole: k.name, face: regular(), size: tickSize, color: l.inks.text, at: at}) {
				k.text = "" // and no swatch without it
			}
		}
		for _, m := range p.Marks {
			if m, ok := m.(*Label); ok {
				l.placeLabel(p, m)
			}
		}
		if p.Note != "" {
			note := regular().fit(regular().spell(p.Note), labelSize, p.area.width()-8)
			at := point{(p.area.x0+p.area.x1)/2 - regular().width(note, labelSize)/2, (p.area.y0+p.area.y1)/2 + ascent*labelSize/2}
			l.put(text{text: note, whole: p.Note, face: regular(), size: labelSize, color: l.inks.soft, at: at})
		}
	}
}

// placeTitles puts the title of a panel, and the labels of its axes and bar.
func (l *layout) placeTitles(p *placed) {
	f := regular()
	mid := point{(p.area.x0 + p.area.x1) / 2, (p.area.y0 + p.area.y1) / 2}
	if p.Title != "" && l.detail < noTitles {
		s := medium().fit(medium().spell(p.Title), labelSize, p.slot.x1-p.area.x0)
		y := p.area.y0 - keyLine*float64(p.rows) - 6
		l.put(text{text: s, whole: p.Title, face: medium(), size: labelSize, color: l.inks.text, at: point{p.area.x0, y}})
	}
	if l.detail < noLabels && !p.X.Hidden && p.x.title != "" {
		// As wide as the picture, if need be.
		s := f.fit(f.spell(p.x.title), labelSize, l.size.x1-2*l.pad)
		width := f.width(s, labelSize)
		x := max(min(mid.x-width/2, l.size.x1-l.pad-width), l.pad)
		y := p.area.y1 + tickLength + 3 + ascent*tickSize + 6 + ascent*labelSize
		if !l.put(text{text: s, whole: p.x.title, face: f, size: labelSize, color: l.inks.text, at: point{x, y}}) {
			p.x.strip()
		}
	}
	if l.detail < noLabels && !p.Y.Hidden && p.y.title != "" {
		s := f.fit(f.spell(p.y.title), labelSize, p.slot.height())
		width := f.width(s, labelSize)
		y := max(min(mid.y+width/2, p.slot.y1), p.slot.y0+width)
		x := p.area.x0 - tickLength - 4 - widest(p.y.ticks) - 8 - descent*labelSize
		if !l.put(text{text: s, whole: p.y.title, face: f, size: labelSize, color: l.inks.text, at: point{x, y}, turned: true}) {
			p.y.strip()
		}
	}
	b := &p.bar
	if !b.shown {
		return
	}
	for _, s := range b.swatches {
		l.put(text{text: s.name, face: f, size: tickSize, color: l.inks.soft, at: point{s.at.x1 + 5, (s.at.y0+s.at.y1)/2 + ascent*tickSize/2}})
	}
	if l.detail < noKeys && b.scale.title != "" {
		s := f.fit(f.spell(b.scale.title), labelSize, p.slot.height())
		width := f.width(s, labelSize)
		y := max(min((b.area.y0+b.area.y1)/2+width/2, p.slot.y1), p.slot.y0+width)
		x := b.area.x1 + tickLength + 4 + widest(b.scale.ticks) + 8 + ascent*labelSize
		for _, s := range b.swatches { // which may be wider than the ticks
			x = max(x, s.at.x1+5+f.width(s.name, tickSize)+6+ascent*labelSize)
		}
		if !l.put(text{text: s, whole: b.scale.title, face: f, size: labelSize, color: l.inks.text, at: point{x, y}, turned: true}) {
			b.scale.strip()
		}
	}
}

// placeTicks puts the labels of ticks, and takes away what has no room.
func (l *layout) placeTicks(p *placed) {
	f := regular()
	tickText := func(s string, at point) string {
		if s == "" || !l.put(text{text: s, face: f, size: tickSize, color: l.inks.soft, at: at}) {
			return ""
		}
		return s
	}
	for i := range p.x.ticks {
		t := &p.x.ticks[i]
		x := p.area.x0 + p.x.turned(t.at)*p.area.width() - f.width(t.label, tickSize)/2
		t.label = tickText(t.label, point{x, p.area.y1 + tickLength + 3 + ascent*tickSize})
	}
	for i := range p.y.ticks {
		t := &p.y.ticks[i]
		y := p.area.y1 - p.y.turned(t.at)*p.area.height() + ascent*tickSize/2
		t.label = tickText(t.label, point{p.area.x0 - tickLength - 4 - f.width(t.label, tickSize), y})
	}
	for i := range p.bar.scale.ticks {
		t := &p.bar.scale.ticks[i]
		y := p.bar.area.y1 - t.at*p.bar.area.height() + ascent*tickSize/2
		t.label = tickText(t.label, point{p.bar.area.x1 + tickLength + 4, y})
	}
}

// placeLabel puts a label that is a mark.
func (l *layout) placeLabel(p *placed, m *Label) {
	f := regular()
	room := p.area.width()
	if m.Width > 0 {
		room = math.Abs(p.px(m.X+m.Width/2) - p.px(m.X-m.Width/2))
	}
	s := f.fit(f.spell(m.Text), tickSize, room)
	at := point{p.px(m.X) - f.width(s, tickSize)/2, p.py(m.Y) + 4 + ascent*tickSize}
	l.put(text{text: s, whole: m.Text, face: f, size: tickSize, color: l.inks.soft, at: at})
}
