package plot

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"strconv"
	"strings"

	"golang.org/x/image/font/sfnt"
)

// WriteSVG writes a figure as SVG 1.1: shapes, letters as outlines, maps of
// colours as pictures inside. It needs no font and no other file.
func (f *Figure) WriteSVG(w io.Writer) error {
	l := f.layout()
	c := &drawing{glyphs: map[string]bool{}, clips: map[string]bool{}}
	l.draw(c)
	if c.err != nil {
		return c.err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="%d" height="%d" viewBox="0 0 %d %d">`+"\n",
		l.figure.Width, l.figure.Height, l.figure.Width, l.figure.Height)
	if f.Title != "" {
		fmt.Fprintf(&b, "<title>%s</title>\n", escape(f.Title))
	}
	if len(c.defs) > 0 {
		fmt.Fprintf(&b, "<defs>\n%s</defs>\n", strings.Join(c.defs, ""))
	}
	b.Write(c.body.Bytes())
	b.WriteString("</svg>\n")
	_, err := w.Write(b.Bytes())
	return err
}

// A drawing is a canvas of SVG.
type drawing struct {
	body   bytes.Buffer
	defs   []string        // in the order of first use
	glyphs map[string]bool // ids of outlines that are there
	clips  map[string]bool
	err    error
}

// num writes a length with two decimals.
func num(x float64) string {
	s := strconv.FormatFloat(x, 'f', 2, 64)
	s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	if s == "-0" || s == "" {
		return "0"
	}
	return s
}

// escape is text inside of XML. What XML cannot hold becomes U+FFFD.
func escape(s string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		return ""
	}
	return b.String()
}

func paint(attr string, c color.NRGBA) string {
	s := fmt.Sprintf(`%s="#%02x%02x%02x"`, attr, c.R, c.G, c.B)
	if c.A != 255 {
		s += fmt.Sprintf(` %s-opacity="%s"`, attr, num(float64(c.A)/255))
	}
	return s
}

func (c *drawing) clip(b box) {
	// The same box has the same id, so that figures can stand in one document.
	id := strings.ReplaceAll(fmt.Sprintf("clip-%s-%s-%s-%s", num(b.x0), num(b.y0), num(b.x1), num(b.y1)), ".", "_")
	if !c.clips[id] {
		c.clips[id] = true
		c.defs = append(c.defs, fmt.Sprintf(`<clipPath id="%s"><rect x="%s" y="%s" width="%s" height="%s"/></clipPath>`+"\n", id, num(b.x0), num(b.y0), num(b.width()), num(b.height())))
	}
	fmt.Fprintf(&c.body, `<g clip-path="url(#%s)">`+"\n", id)
}

func (c *drawing) unclip() { c.body.WriteString("</g>\n") }

func (c *drawing) fill(b box, ink color.NRGBA) {
	fmt.Fprintf(&c.body, `<rect x="%s" y="%s" width="%s" height="%s" %s shape-rendering="crispEdges"/>`+"\n", num(b.x0), num(b.y0), num(b.width()), num(b.height()), paint("fill", ink))
}

// path joins points; the first of them is absolute, those that follow are
// distances, which are shorter.
func path(p []point) string {
	var b strings.Builder
	var x, y int64 // in hundredths, so that nothing adds up
	for i, q := range p {
		nx, ny := int64(math.Round(q.x*100)), int64(math.Round(q.y*100))
		switch i {
		case 0:
			b.WriteString("M")
		case 1:
			b.WriteString("l")
		default:
			b.WriteString(" ")
		}
		b.WriteString(num(float64(nx-x) / 100))
		if ny >= y {
			b.WriteString(" ")
		}
		b.WriteString(num(float64(ny-y) / 100))
		x, y = nx, ny
	}
	return b.String()
}

func (c *drawing) polygon(p []point, ink color.NRGBA) {
	fmt.Fprintf(&c.body, `<path d="%sz" %s/>`+"\n", path(p), paint("fill", ink))
}

func (c *drawing) stroke(p []point, width float64, ink color.NRGBA, dashes []float64) {
	dash := ""
	if dashes != nil {
		dash = fmt.Sprintf(` stroke-dasharray="%s %s"`, num(dashes[0]), num(dashes[1]))
	}
	fmt.Fprintf(&c.body, `<path d="%s" fill="none" %s stroke-width="%s" stroke-linejoin="round"%s/>`+"\n", path(p), paint("stroke", ink), num(width), dash)
}

// sharp is about how many pixels to one of CSS a small picture is enlarged to
// before it is written: programs that smooth what they enlarge then have little
// to smooth.
const sharp = 2

func (c *drawing) picture(img *image.NRGBA, b box) {
	from := img.Bounds()
	kx, ky := enlarged(from.Dx(), b.width()), enlarged(from.Dy(), b.height())
	shown := img
	if kx > 1 || ky > 1 {
		shown = image.NewNRGBA(image.Rect(0, 0, kx*from.Dx(), ky*from.Dy()))
		for y := range shown.Rect.Dy() {
			for x := range shown.Rect.Dx() {
				shown.SetNRGBA(x, y, img.NRGBAAt(from.Min.X+x/kx, from.Min.Y+y/ky))
			}
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, paletted(shown)); err != nil {
		c.err = err
		return
	}
	fmt.Fprintf(&c.body, `<image x="%s" y="%s" width="%s" height="%s" preserveAspectRatio="none" style="image-rendering:pixelated" xlink:href="data:image/png;base64,%s"/>`+"\n",
		num(b.x0), num(b.y0), num(b.width()), num(b.height()), base64.StdEncoding.EncodeToString(out.Bytes()))
}

// enlarged is by how much n elements grow to fill a length.
func enlarged(n int, length float64) int {
	return min(max(int(sharp*length/float64(n)), 1), 64)
}

// paletted is a picture by the numbers of its colours, if it has no more than a
// byte can tell apart: a third of the size.
func paletted(img *image.NRGBA) image.Image {
	index := map[color.NRGBA]uint8{}
	var list color.Palette
	out := image.NewPaletted(img.Rect, nil)
	for y := img.Rect.Min.Y; y < img.Rect.Max.Y; y++ {
		for x := img.Rect.Min.X; x < img.Rect.Max.X; x++ {
			ink := img.NRGBAAt(x, y)
			i, ok := index[ink]
			if !ok {
				if len(list) == 256 {
					return img
				}
				i = uint8(len(list))
				index[ink], list = i, append(list, ink)
			}
			out.Pix[out.PixOffset(x, y)] = i
		}
	}
	out.Palette = list
	return out
}

// text sets a label in outlines, which are written once for each letter. The
// group says what it reads.
func (c *drawing) text(t *text) {
	label := escape(t.whole)
	turn := ""
	if t.turned {
		turn = " rotate(-90)"
	}
	unit := t.size / t.face.em
	fmt.Fprintf(&c.body, `<g aria-label="%s" role="img" transform="translate(%s %s)%s scale(%s)" %s>`, label, num(t.at.x), num(t.at.y), turn, strconv.FormatFloat(unit, 'g', 6, 64), paint("fill", t.color))
	list, _ := t.face.set(t.text, t.size)
	for _, s := range list {
		if len(s.path) == 0 {
			continue
		}
		id := c.outline(t.face, s.glyph)
		if s.y == 0 {
			fmt.Fprintf(&c.body, `<use xlink:href="#%s" x="%s"/>`, id, strconv.FormatFloat(math.Round(s.x/unit), 'f', 0, 64))
		} else {
			fmt.Fprintf(&c.body, `<use xlink:href="#%s" transform="translate(%s %s) scale(%s)"/>`, id, num(s.x/unit), num(s.y/unit), num(s.scale/unit))
		}
	}
	c.body.WriteString("</g>\n")
}

// outline is the id of the outline of a glyph.
func (c *drawing) outline(f *face, g *glyph) string {
	id := "g" + f.name + strconv.Itoa(g.id)
	if c.glyphs[id] {
		return id
	}
	c.glyphs[id] = true
	var b strings.Builder
	whole := func(p ...point) {
		for i, q := range p {
			if i > 0 {
				b.WriteByte(' ')
			}
			fmt.Fprintf(&b, "%.0f %.0f", q.x, q.y)
		}
	}
	for i, s := range g.path {
		switch s.op {
		case sfnt.SegmentOpMoveTo:
			if i > 0 {
				b.WriteByte('z')
			}
			b.WriteByte('M')
			whole(s.args[0])
		case sfnt.SegmentOpLineTo:
			b.WriteByte('L')
			whole(s.args[0])
		case sfnt.SegmentOpQuadTo:
			b.WriteByte('Q')
			whole(s.args[:2]...)
		case sfnt.SegmentOpCubeTo:
			b.WriteByte('C')
			whole(s.args[:]...)
		}
	}
	b.WriteByte('z')
	c.defs = append(c.defs, fmt.Sprintf(`<path id="%s" d="%s"/>`+"\n", id, b.String()))
	return id
}
