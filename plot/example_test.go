package plot_test

import (
	"bytes"
	"fmt"
	"math"

	"github.com/tensorfile/tensorfile/plot"
)

// A line with a logarithmic axis, as SVG.
func ExampleFigure() {
	x, y := make([]float64, 100), make([]float64, 100)
	for i := range x {
		x[i], y[i] = float64(i)/100, math.Exp(-float64(i)/20)
	}
	w := new(bytes.Buffer)
	f := plot.Figure{Title: "decay", Panels: []*plot.Panel{{
		X:     plot.Axis{Label: "time", Unit: "s", Lo: 0, Hi: 1},
		Y:     plot.Axis{Label: "amplitude", Lo: 0.005, Hi: 1.2, Log: true},
		Marks: []plot.Mark{&plot.Line{X: x, Y: y, Color: plot.Light.Line(0)}},
	}}}
	err := f.WriteSVG(w)
	fmt.Printf("%s %v\n", w.Bytes()[:4], err)
	// Output: <svg <nil>
}
