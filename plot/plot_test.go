package plot

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/plot/colour"
	"github.com/tensorfile/tensorfile/tensor"
)

// drawn is a figure in pixels.
func drawn(t *testing.T, f *Figure, density float64) image.Image {
	t.Helper()
	img, err := f.Image(density)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// The file holds the pixels.
func TestPNG(t *testing.T) {
	f := heat([][]float64{{0, 1, 2}, {3, 4, math.NaN()}}, colour.Sequential())
	f.Width, f.Height = 160, 120
	var b bytes.Buffer
	if err := f.WritePNG(&b, 1.5); err != nil {
		t.Fatal(err)
	}
	got, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	want := drawn(t, f, 1.5)
	if got.Bounds() != want.Bounds() || got.Bounds().Dx() != 240 {
		t.Fatalf("%v", got.Bounds())
	}
	for y := range 180 {
		for x := range 240 {
			if !near(got.At(x, y), want.At(x, y), 0) {
				t.Fatalf("(%d, %d): %v, want %v", x, y, got.At(x, y), want.At(x, y))
			}
		}
	}
}

// near compares colours.
func near(a, b color.Color, by uint32) bool {
	r, g, bl, _ := a.RGBA()
	r2, g2, b2, _ := b.RGBA()
	far := func(x, y uint32) bool { return x > y+by<<8 || y > x+by<<8 }
	return !far(r, r2) && !far(g, g2) && !far(bl, b2)
}

var red = color.NRGBA{200, 0, 0, 255}

// Where marks stand is told by the scales of the panel: this finds them in the
// pixels.
func TestMarksStandWhereTheDataSays(t *testing.T) {
	for _, density := range []float64{1, 2.5} {
		for _, log := range []bool{false, true} {
			x, y := []float64{0, 10, 20, 30, 40}, []float64{1, 3, -2, 4, 0}
			f := &Figure{Title: "line", Width: 400, Height: 300, Panels: []*Panel{{
				X: Axis{Label: "x", Lo: 0, Hi: 40}, Y: Axis{Label: "y", Lo: -5, Hi: 5},
				Marks: []Mark{&Line{X: x, Y: y, Color: red, Dots: true}},
			}}}
			if log {
				y = []float64{1, 100, 0.01, 10, 1000}
				f.Panels[0].Marks = []Mark{&Line{X: x, Y: y, Color: red, Dots: true}}
				f.Panels[0].Y = Axis{Lo: 0.01, Hi: 1000, Log: true}
			}
			img := drawn(t, f, density)
			if b := img.Bounds(); b.Dx() != int(400*density) || b.Dy() != int(300*density) {
				t.Fatalf("the picture is %v", b)
			}
			a := f.layout().panels[0].area
			for i := range x {
				share := (y[i] + 5) / 10
				if log {
					share = (math.Log10(y[i]) + 2) / 5
				}
				px, py := (a.x0+x[i]/40*a.width())*density, (a.y1-share*a.height())*density
				// The ends of the axes cut dots in half.
				px, py = min(max(px, a.x0*density+1), a.x1*density-2), min(max(py, a.y0*density+1), a.y1*density-2)
				if got := img.At(int(px), int(py)); !near(got, red, 60) {
					t.Errorf("density %v, log %v: %v at point %d", density, log, got, i)
				}
				if got := img.At(int(px), int(py-12*density)); i != 3 && i != 1 && py-12*density > a.y0*density && near(got, red, 60) {
					t.Errorf("density %v: %v above point %d", density, got, i)
				}
			}
		}
	}
}

func heat(values [][]float64, m *colour.Map) *Figure {
	h, w := len(values), len(values[0])
	bar := &Bar{Map: m, Axis: Axis{Label: "value", Lo: 0, Hi: 5}}
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y, row := range values {
		for x, v := range row {
			img.SetNRGBA(x, y, m.At(bar.Axis.Share(v)))
			bar.NaN = bar.NaN || math.IsNaN(v)
		}
	}
	return &Figure{Width: 320, Height: 240, Panels: []*Panel{{
		X: Axis{Lo: -0.5, Hi: float64(w) - 0.5, Whole: true}, Y: Axis{Lo: -0.5, Hi: float64(h) - 0.5, Whole: true, Down: true}, Bar: bar,
		Marks: []Mark{&Raster{Image: img, X0: -0.5, X1: float64(w) - 0.5, Y0: -0.5, Y1: float64(h) - 0.5}},
	}}}
}

func TestHeatMap(t *testing.T) {
	values := [][]float64{{0, 1, 2}, {3, 4, math.NaN()}}
	m := colour.Sequential()
	f := heat(values, m)
	img := drawn(t, f, 2)
	l := f.layout()
	a := l.panels[0].area
	for y, row := range values {
		for x, v := range row {
			for _, off := range [][2]float64{{0.5, 0.5}, {0.03, 0.03}, {0.97, 0.97}} {
				px, py := a.x0+(float64(x)+off[0])/3*a.width(), a.y0+(float64(y)+off[1])/2*a.height()
				if got := img.At(int(2*px), int(2*py)); !near(got, m.At(v/5), 1) {
					t.Errorf("(%d, %d) at %v is %v, want %v", y, x, off, got, m.At(v/5))
				}
			}
		}
	}
	// The bar: the map from below to above, and NaN.
	b := l.panels[0].bar
	for _, share := range []float64{0.05, 0.5, 0.95} {
		if got := img.At(int(b.area.x0+b.area.x1), int(2*(b.area.y1-share*b.area.height()))); !near(got, m.At(share), 3) {
			t.Errorf("the bar at %v is %v", share, got)
		}
	}
	if len(b.swatches) != 1 || b.swatches[0].name != "NaN" {
		t.Fatalf("%d swatches", len(b.swatches))
	}
	at := b.swatches[0].at
	if got := img.At(int(at.x0+at.x1), int(at.y0+at.y1)); !near(got, m.NaN, 0) {
		t.Errorf("the swatch of NaN is %v", got)
	}
}

// A picture is turned over where an axis runs the other way.
func TestRastersTurn(t *testing.T) {
	corner := color.NRGBA{200, 0, 0, 255}
	img := image.NewNRGBA(image.Rect(0, 0, 2, 2))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	img.SetNRGBA(0, 0, corner)
	for _, c := range []struct {
		r    Raster
		down bool
		x, y float64 // where the corner is, as a share of the area from its upper left
	}{
		{Raster{X0: 0, X1: 2, Y0: 0, Y1: 2}, true, 0.25, 0.25}, {Raster{X0: 0, X1: 2, Y0: 0, Y1: 2}, false, 0.25, 0.75},
		{Raster{X0: 2, X1: 0, Y0: 0, Y1: 2}, true, 0.75, 0.25}, {Raster{X0: 2, X1: 0, Y0: 2, Y1: 0}, true, 0.75, 0.75},
	} {
		c.r.Image = img
		f := &Figure{Width: 200, Height: 150, Panels: []*Panel{{X: Axis{Hi: 2}, Y: Axis{Hi: 2, Down: c.down}, Marks: []Mark{&c.r}}}}
		out, a := drawn(t, f, 1), f.layout().panels[0].area
		for _, x := range []float64{0.25, 0.75} {
			for _, y := range []float64{0.25, 0.75} {
				got := near(out.At(int(a.x0+x*a.width()), int(a.y0+y*a.height())), corner, 2)
				if want := x == c.x && y == c.y; got != want {
					t.Errorf("%+v, down %v: at (%v, %v) %v", c.r, c.down, x, y, got)
				}
			}
		}
	}
}

// Bars stand on 0 and are as high as they say; a count of 1 among a million shows.
func TestBars(t *testing.T) {
	bars := &Bars{Edges: []float64{0, 1, 2, 3, 4}, Heights: []float64{10, 0, 5, 1e-5}, Color: red}
	f := &Figure{Width: 400, Height: 300, Panels: []*Panel{{X: Axis{Hi: 4}, Y: Axis{Hi: 10}, Marks: []Mark{bars}}}}
	img := drawn(t, f, 2)
	a := f.layout().panels[0].area
	at := func(x, y float64) color.Color {
		return img.At(int(2*(a.x0+x/4*a.width())), int(2*(a.y1-y/10*a.height())))
	}
	for _, c := range []struct {
		x, y float64
		ink  bool
	}{{0.5, 9.9, true}, {0.5, 0.1, true}, {1.5, 0.3, false}, {2.5, 4.9, true}, {2.5, 5.2, false}, {3.5, 0.02, true}, {3.5, 0.4, false}} {
		if got := near(at(c.x, c.y), red, 10); got != c.ink {
			t.Errorf("at (%v, %v): ink %v", c.x, c.y, got)
		}
	}
}

// NaN breaks a line, a lone point is a dot, an envelope reaches from least to
// greatest, and a rug is at the edge.
func TestGaps(t *testing.T) {
	nan := math.NaN()
	f := &Figure{Width: 400, Height: 300, Panels: []*Panel{{X: Axis{Hi: 10}, Y: Axis{Hi: 10}, Marks: []Mark{
		&Line{X: []float64{0, 2, 3, 4, 5}, Y: []float64{5, 5, nan, 5, nan}, Color: red},
		&Band{X: []float64{6, 7, 8, 9}, Lo: []float64{2, 2, nan, 4}, Hi: []float64{8, 8, nan, 4}, Color: red},
		&Rug{Name: "NaN (3)", X: []float64{3}, Color: red},
	}}}}
	img := drawn(t, f, 2)
	l := f.layout()
	a := l.panels[0].area
	for _, c := range []struct {
		x, y float64
		ink  bool
	}{{1, 5, true}, {3, 5, false}, {4, 5, true}, {4.3, 5, false}, {6.5, 2.2, true}, {6.5, 7.8, true}, {6.5, 8.4, false}, {6.5, 1.6, false}, {8, 5, false}, {9, 4, true}, {3, 0.15, true}, {3.2, 0.15, false}} {
		got := false
		for dx := -1; dx <= 1; dx++ { // a lone column is a pixel wide
			got = got || near(img.At(int(2*(a.x0+c.x/10*a.width()))+dx, int(2*(a.y1-c.y/10*a.height()))), red, 90)
		}
		if got != c.ink {
			t.Errorf("at (%v, %v): ink %v", c.x, c.y, got)
		}
	}
	if keys := l.panels[0].keys; len(keys) != 1 || keys[0].text != "NaN (3)" {
		t.Errorf("keys %+v", keys)
	}
}

// A picture that is made smaller is averaged: a lone pixel is not lost.
func TestSmallerPictures(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 1000, 600))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	for y := 298; y < 302; y++ {
		for x := 498; x < 502; x++ {
			img.SetNRGBA(x, y, color.NRGBA{A: 255})
		}
	}
	f := &Figure{Width: 100, Height: 75, Panels: []*Panel{{X: Axis{Hi: 1, Hidden: true}, Y: Axis{Hi: 1, Hidden: true}, Marks: []Mark{&Raster{Image: img, X1: 1, Y0: 1}}}}}
	a := f.layout().panels[0].area
	out := drawn(t, f, 1)
	ink, sum := 0.0, 0.0
	for y := int(a.y0); y < int(a.y1); y++ {
		for x := int(a.x0); x < int(a.x1); x++ {
			r, _, _, _ := out.At(x, y).RGBA()
			ink += 1 - float64(r)/0xffff
			sum++
		}
	}
	want := 16.0 / 6e5 * a.width() * a.height()
	if math.Abs(ink-want) > 0.3*want+0.05 {
		t.Errorf("%v pixels of ink of %v, want %v", ink, sum, want)
	}
}

type svgRect struct{ x, y, w, h float64 }

// inside is what an SVG holds.
type inside struct {
	width, height float64
	labels        []string
	rects         map[string][]svgRect // by fill
	paths         map[string][]string  // by stroke
	images        []image.Image
	ids, uses     map[string]bool
}

func readSVG(t *testing.T, b []byte) *inside {
	t.Helper()
	in := &inside{rects: map[string][]svgRect{}, paths: map[string][]string{}, ids: map[string]bool{}, uses: map[string]bool{}}
	d := xml.NewDecoder(bytes.NewReader(b))
	num := func(s string) float64 {
		x, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Errorf("number %q", s)
		}
		return x
	}
	for {
		token, err := d.Token()
		if err == io.EOF {
			return in
		}
		if err != nil {
			t.Fatalf("not well formed: %v", err)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		attr := map[string]string{}
		for _, a := range e.Attr {
			attr[a.Name.Local] = a.Value
		}
		if id := attr["id"]; id != "" {
			if in.ids[id] {
				t.Errorf("id %s twice", id)
			}
			in.ids[id] = true
		}
		switch e.Name.Local {
		case "svg":
			in.width, in.height = num(attr["width"]), num(attr["height"])
		case "g":
			if s := attr["aria-label"]; s != "" {
				in.labels = append(in.labels, s)
			}
		case "use":
			in.uses[strings.TrimPrefix(attr["href"], "#")] = true
		case "rect":
			in.rects[attr["fill"]] = append(in.rects[attr["fill"]], svgRect{num(attr["x"]), num(attr["y"]), num(attr["width"]), num(attr["height"])})
		case "path":
			if s := attr["stroke"]; s != "" {
				in.paths[s] = append(in.paths[s], attr["d"])
			}
		case "image":
			data, ok := strings.CutPrefix(attr["href"], "data:image/png;base64,")
			if !ok {
				t.Errorf("picture %.40s", attr["href"])
			}
			raw, err := base64.StdEncoding.DecodeString(data)
			if err != nil {
				t.Fatal(err)
			}
			img, err := png.Decode(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
			in.images = append(in.images, img)
		}
	}
}

func svg(t *testing.T, f *Figure) []byte {
	t.Helper()
	var a, b bytes.Buffer
	if err := f.WriteSVG(&a); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteSVG(&b); err != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Errorf("two times, other bytes: %v", err)
	}
	return a.Bytes()
}

func TestSVG(t *testing.T) {
	f := heat([][]float64{{0, 1, 2}, {3, 4, math.NaN()}}, colour.Grey())
	f.Title = `a < b & "c"`
	in := readSVG(t, svg(t, f))
	if in.width != 320 || in.height != 240 {
		t.Errorf("%v x %v", in.width, in.height)
	}
	for id := range in.uses {
		if !in.ids[id] {
			t.Errorf("outline %s is not there", id)
		}
	}
	all := strings.Join(in.labels, "|")
	for _, want := range []string{f.Title, "value", "NaN", "0", "1", "2"} {
		if !strings.Contains("|"+all+"|", "|"+want+"|") {
			t.Errorf("no label %q in %s", want, all)
		}
	}
	if len(in.images) != 2 {
		t.Fatalf("%d pictures", len(in.images))
	}
	b := in.images[0].Bounds()
	for i, want := range []float64{0, 1, 2, 3, 4, math.NaN()} {
		x, y := b.Dx()*(2*(i%3)+1)/6, b.Dy()*(2*(i/3)+1)/4
		if got := in.images[0].At(x, y); !near(got, colour.Grey().At(want/5), 0) {
			t.Errorf("cell %d is %v", i, got)
		}
	}

	line := &Figure{Width: 400, Height: 300, Panels: []*Panel{{X: Axis{Hi: 4}, Y: Axis{Hi: 4}, Marks: []Mark{
		&Line{X: []float64{0, 2, 4}, Y: []float64{0, 4, 2}, Color: red},
		&Bars{Edges: []float64{1, 2}, Heights: []float64{3}, Color: color.NRGBA{0, 200, 0, 255}},
	}}}}
	in = readSVG(t, svg(t, line))
	a := line.layout().panels[0].area
	want := path([]point{{a.x0, a.y1}, {(a.x0 + a.x1) / 2, a.y0}, {a.x1, (a.y0 + a.y1) / 2}})
	if got := in.paths["#c80000"]; len(got) != 1 || got[0] != want {
		t.Errorf("line %v, want %s", got, want)
	}
	bar := in.rects["#00c800"]
	if len(bar) != 1 || math.Abs(bar[0].x-(a.x0+a.width()/4)) > 0.02 || math.Abs(bar[0].h-a.height()*3/4) > 0.02 || math.Abs(bar[0].y+bar[0].h-a.y1) > 0.02 {
		t.Errorf("bar %v in %v", bar, a)
	}
}

// Whatever there is, or is not, becomes a picture.
func TestOddFigures(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	hostile := "a\x00\x1b[31m\"<script>&amp;\xff\u202e" + strings.Repeat("数", 200)
	for i, f := range []*Figure{
		{},
		{Title: hostile, Panels: []*Panel{{Note: hostile, X: Axis{Label: hostile, Unit: hostile}, Title: hostile}}},
		{Panels: []*Panel{{X: Axis{Lo: nan, Hi: nan}, Y: Axis{Lo: -inf, Hi: inf}, Marks: []Mark{&Line{X: []float64{nan, inf, 1}, Y: []float64{1, 2, inf}}, &Band{}, &Bars{}, &Rug{}}}}},
		{Panels: []*Panel{{X: Axis{Lo: 5, Hi: 5}, Y: Axis{Lo: 0, Hi: 0}, Marks: []Mark{&Line{X: []float64{5}, Y: []float64{0}}}}}},
		{Panels: []*Panel{{X: Axis{Lo: -1e308, Hi: 1e308}, Y: Axis{Lo: 0, Hi: 5e-324}, Marks: []Mark{&Line{X: []float64{-1e308, 1e308}, Y: []float64{0, 5e-324}}}}}},
		{Panels: []*Panel{{Y: Axis{Log: true, Lo: -3, Hi: -1}, Marks: []Mark{&Line{X: []float64{0, 1}, Y: []float64{-1, 0}}}}}},
		{Panels: []*Panel{{Marks: []Mark{&Raster{Image: image.NewNRGBA(image.Rectangle{}), X1: 1, Y1: 1}}, Bar: &Bar{Map: colour.Grey(), Axis: Axis{Lo: nan, Hi: nan, Log: true}}}}},
		{Width: 32, Height: 32, Title: "tiny", Panels: []*Panel{{X: Axis{Label: "x", Hi: 1}, Bar: &Bar{Map: colour.Grey()}}, {}, {}}},
		{Width: 1, Height: 1, Panels: []*Panel{{}, {}, {}, {}}},
	} {
		if i > 0 && f.Width == 0 {
			f.Width, f.Height = 300, 220
		}
		for theme := range 2 {
			f.Theme = Theme(theme)
			drawn(t, f, 1)
			readSVG(t, svg(t, f))
			if i < 7 {
				checkLayout(t, f.layout())
			}
		}
	}
}

// The file says how large it is meant to be.
func TestDensity(t *testing.T) {
	var b bytes.Buffer
	if err := (&Figure{Width: 50, Height: 40}).WritePNG(&b, 2); err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(b.Bytes(), []byte("pHYs"))
	if i != 37 || !bytes.Equal(b.Bytes()[i+4:i+13], []byte{0, 0, 0x1d, 0x87, 0, 0, 0x1d, 0x87, 1}) { // 7559 to the metre are 192 to the inch
		t.Errorf("pHYs at %d: % x", i, b.Bytes()[i+4:i+13])
	}
	for _, density := range []float64{0, -1, 1e9, math.NaN()} {
		if _, err := (&Figure{}).Image(density); !errors.Is(err, tensor.ErrLimit) {
			t.Errorf("density %v: %v", density, err)
		}
	}
}

// Pictures of 16 kinds stay as small as they can be where they have few colours.
func TestPaletted(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 300, 1))
	for x := range 300 {
		img.SetNRGBA(x, 0, color.NRGBA{uint8(x), uint8(x / 256), 0, 255})
	}
	if _, ok := paletted(img).(*image.NRGBA); !ok {
		t.Error("300 colours fit a byte")
	}
	small := paletted(img.SubImage(image.Rect(20, 0, 220, 1)).(*image.NRGBA))
	if p, ok := small.(*image.Paletted); !ok || len(p.Palette) != 200 || p.At(30, 0) != img.At(30, 0) {
		t.Errorf("200 colours: %T", small)
	}
}
