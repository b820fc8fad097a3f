package plot

import (
	"image/color"

	"github.com/tensorfile/tensorfile/plot/colour"
)

// Theme is the ground on which a figure stands.
type Theme uint8

// The themes.
const (
	Light Theme = iota
	Dark
)

// inks are the colours of what is not data.
type inks struct {
	ground, text, soft, frame, grid color.NRGBA
}

func (t Theme) inks() inks {
	if t == Dark {
		return inks{
			ground: color.NRGBA{23, 25, 29, 255}, text: color.NRGBA{226, 228, 232, 255}, soft: color.NRGBA{166, 170, 178, 255},
			frame: color.NRGBA{112, 117, 126, 255}, grid: color.NRGBA{47, 51, 58, 255},
		}
	}
	return inks{
		ground: color.NRGBA{255, 255, 255, 255}, text: color.NRGBA{28, 30, 34, 255}, soft: color.NRGBA{88, 92, 100, 255},
		frame: color.NRGBA{120, 124, 132, 255}, grid: color.NRGBA{230, 232, 235, 255},
	}
}

// Ground is the colour behind everything.
func (t Theme) Ground() color.NRGBA { return t.inks().ground }

// Line is the colour of the i-th line. There are [colour.MaxLines]; then they
// begin again.
func (t Theme) Line(i int) color.NRGBA {
	if t == Dark {
		return colour.LinesOnDark[i%colour.MaxLines]
	}
	return colour.Lines[i%colour.MaxLines]
}

// Special is the colour of elements that are no finite numbers, in charts
// without a map of colours: NaN, positive and negative infinities.
func (t Theme) Special() (nan, posInf, negInf color.NRGBA) {
	if t == Dark {
		return color.NRGBA{255, 92, 200, 255}, color.NRGBA{255, 110, 80, 255}, color.NRGBA{90, 200, 255, 255}
	}
	return color.NRGBA{214, 0, 132, 255}, color.NRGBA{214, 62, 20, 255}, color.NRGBA{0, 122, 204, 255}
}
