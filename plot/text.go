package plot

import (
	"fmt"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// A face is a font whose glyphs are outlines in units of its size.
type face struct {
	name string // in ids of SVG
	font *sfnt.Font
	em   float64 // units

	mu     sync.Mutex
	buf    sfnt.Buffer
	glyphs map[rune]*glyph
}

// A glyph is an outline about the origin, which lies on the line of writing. y
// grows downwards. The unit is the unit of the font.
type glyph struct {
	id      int
	advance float64
	path    []segment
}

type segment struct {
	op   sfnt.SegmentOp
	args [3]point
}

var regular = sync.OnceValue(func() *face { return newFace("r", goregular.TTF) })
var medium = sync.OnceValue(func() *face { return newFace("m", gomedium.TTF) })

func newFace(name string, ttf []byte) *face {
	f, err := sfnt.Parse(ttf)
	if err != nil { // part of the program; the tests would fail
		panic("plot: font: " + err.Error())
	}
	return &face{name: name, font: f, em: float64(f.UnitsPerEm()), glyphs: map[rune]*glyph{}}
}

// glyph is that of a character, or nil if the font has none.
func (f *face) glyph(r rune) *glyph {
	f.mu.Lock()
	defer f.mu.Unlock()
	g, ok := f.glyphs[r]
	if !ok {
		g = f.load(r)
		f.glyphs[r] = g
	}
	return g
}

func (f *face) load(r rune) *glyph {
	size := fixed.I(int(f.em))
	id, err := f.font.GlyphIndex(&f.buf, r)
	if err != nil || id == 0 {
		return nil
	}
	advance, err := f.font.GlyphAdvance(&f.buf, id, size, 0)
	if err != nil {
		return nil
	}
	list, err := f.font.LoadGlyph(&f.buf, id, size, nil)
	if err != nil {
		return nil
	}
	g := &glyph{id: int(id), advance: float64(advance) / 64}
	for _, s := range list {
		out := segment{op: s.Op}
		for i, p := range s.Args {
			out.args[i] = point{float64(p.X) / 64, float64(p.Y) / 64}
		}
		g.path = append(g.path, out)
	}
	return g
}

// raised are characters that the fonts lack, and are set smaller and higher.
var raised = map[rune]rune{
	'⁰': '0', '¹': '1', '²': '2', '³': '3', '⁴': '4', '⁵': '5', '⁶': '6', '⁷': '7', '⁸': '8', '⁹': '9', '⁻': '−',
}

const (
	raisedSize = 0.68 // of the size of the type
	raisedBy   = 0.36
)

// superscript writes a whole number in raised characters.
func superscript(n int) string {
	return strings.Map(func(r rune) rune {
		if r == '-' {
			return '⁻'
		}
		return []rune("⁰¹²³⁴⁵⁶⁷⁸⁹")[r-'0']
	}, fmt.Sprint(n))
}

// spell replaces what the font cannot show by escapes.
func (f *face) spell(s string) string {
	clean := utf8.ValidString(s)
	for _, r := range s {
		clean = clean && (raised[r] != 0 || unicode.IsPrint(r) && f.glyph(r) != nil)
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && s[i] != 0xef: // no UTF-8
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case raised[r] != 0 || unicode.IsPrint(r) && f.glyph(r) != nil:
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// A setting is a glyph in its place.
type setting struct {
	*glyph
	x, y  float64 // of its origin
	scale float64 // from the units of the font
}

// set places the glyphs of a text of a size that begins at (0, 0), and returns
// its width. Characters that the font lacks are left out: see spell.
func (f *face) set(s string, size float64) (list []setting, width float64) {
	for _, r := range s {
		scale, up := size/f.em, 0.0
		if base := raised[r]; base != 0 {
			r, scale, up = base, scale*raisedSize, size*raisedBy
		}
		if g := f.glyph(r); g != nil {
			list = append(list, setting{g, width, -up, scale})
			width += g.advance * scale
		}
	}
	return list, width
}

// width of a text.
func (f *face) width(s string, size float64) float64 {
	_, w := f.set(s, size)
	return w
}

// fit shortens a text in its middle until it is no wider than that; "" if there
// is room for nothing.
func (f *face) fit(s string, size, width float64) string {
	if f.width(s, size) <= width {
		return s
	}
	r := []rune(s)
	best := ""
	for lo, hi := 0, len(r)-1; lo <= hi; { // how many characters are kept
		n := (lo + hi) / 2
		short := string(r[:(n+1)/2]) + "…" + string(r[len(r)-n/2:])
		if f.width(short, size) <= width {
			best, lo = short, n+1
		} else {
			hi = n - 1
		}
	}
	if best == "…" {
		return ""
	}
	return best
}

// wrap breaks a text into at most so many lines, between words where it can,
// and shortens what is too long for them.
func (f *face) wrap(s string, size, width float64, most int) []string {
	var lines []string
	for rest := strings.TrimSpace(s); rest != ""; {
		if f.width(rest, size) <= width || len(lines) == most-1 {
			if last := f.fit(rest, size, width); last != "" {
				lines = append(lines, last)
			}
			break
		}
		cut, at := 0, 0.0
		for i, r := range rest {
			if r == ' ' {
				cut = i
			}
			if g := f.glyph(r); g != nil {
				at += g.advance * size / f.em
			}
			if at > width {
				break
			}
		}
		if cut == 0 { // a word that is longer than a line
			if last := f.fit(rest, size, width); last != "" {
				lines = append(lines, last)
			}
			break
		}
		lines = append(lines, strings.TrimRight(rest[:cut], " "))
		rest = strings.TrimLeft(rest[cut:], " ")
	}
	return lines
}
