package plot

import (
	"image/color"

	"github.com/tensorfile/tensorfile/plot/colour"
)

// A Figure is a picture: panels below each other under a title. Lengths are in
// pixels of CSS, 96 to the inch.
type Figure struct {
	Title  string
	Panels []*Panel
	// Width and Height default to 800 and 500.
	Width, Height int
	Theme         Theme
}

// A Panel is a chart: marks between two axes.
type Panel struct {
	Title string // small, above the chart
	X, Y  Axis
	Marks []Mark
	// Bar is the key to the colours of a map, beside the chart.
	Bar *Bar
	// Square makes a unit of X as long as one of Y.
	Square bool
	// Note is written into the middle of the chart: what to say of no data.
	Note string
}

// An Axis is what positions mean. Numbers that make no sense, such as a Lo above
// Hi or a logarithm of 0, are replaced, so that every Axis can be drawn.
type Axis struct {
	Label string
	// Unit follows the label. Those of the SI get a prefix that makes the
	// numbers short: 0.02 s become 20 ms.
	Unit   string
	Lo, Hi float64
	Log    bool
	Down   bool // Y: larger values further down
	Whole  bool // ticks at whole numbers only
	Hidden bool // neither ticks nor label
}

// A Bar shows what the colours of a map mean.
type Bar struct {
	Map  *colour.Map
	Axis Axis
	// Which of the colours that are not of the map occur. With logarithms NegInf
	// stands for all that is not above 0.
	NaN, PosInf, NegInf bool
}

// Share is where a number stands on the axis, 0 at Lo and 1 at Hi: what a map
// turns into a colour. It is below 0 and above 1 outside, and NaN for NaN.
func (a *Axis) Share(x float64) float64 {
	s := newScale(a)
	return s.at(x)
}

// A Mark is something drawn in a panel: [Line], [Band], [Bars], [Raster], [Rug],
// [Label].
type Mark interface {
	draw(c canvas, f *frame)
	// key is the entry of the legend, without a name if there is none.
	key() key
}

// key is an entry of a legend.
type key struct {
	name  string
	color color.NRGBA
	line  bool
	dash  bool
}

// figure is f with its defaults.
func (f *Figure) figure() Figure {
	own := *f
	if own.Width <= 0 {
		own.Width = 800
	}
	if own.Height <= 0 {
		own.Height = 500
	}
	return own
}
