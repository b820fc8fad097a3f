package main

import (
	"fmt"

	"github.com/tensorfile/tensorfile/plot"
)

// plotJSON is the document of plot.
type plotJSON struct {
	Schema string `json:"schema"`
	jsonPath
	Format  string           `json:"format"`
	Output  plotOutputJSON   `json:"output"`
	Kind    string           `json:"kind"`
	Tensors []plotTensorJSON `json:"tensors"`
	X       *plotRangeJSON   `json:"x,omitempty"`
	Y       *plotRangeJSON   `json:"y,omitempty"`
	Color   *plotColorJSON   `json:"color,omitempty"`
	Drawn   *plotDrawnJSON   `json:"drawn,omitempty"`
}

type plotOutputJSON struct {
	jsonPath
	Format string `json:"format"`
	Width  int    `json:"width"` // in pixels; of SVG those of CSS
	Height int    `json:"height"`
	Bytes  *int64 `json:"bytes,omitempty"`
}

type plotTensorJSON struct {
	Name      string  `json:"name"`
	Selection *string `json:"selection"`
	DType     string  `json:"dtype"`
	Shape     []int64 `json:"shape"`
}

type plotRangeJSON struct {
	Label string    `json:"label"`
	Unit  string    `json:"unit,omitempty"`
	Min   jsonFloat `json:"min"`
	Max   jsonFloat `json:"max"`
	Log   bool      `json:"log"`
}

type plotColorJSON struct {
	Map string `json:"map"`
	plotRangeJSON
}

// plotDrawnJSON counts what was drawn: elements, those that are no finite
// numbers, and the points, bins or pixels that stand for them.
type plotDrawnJSON struct {
	Elements int64   `json:"elements"`
	NaN      int64   `json:"nan"`
	PosInf   int64   `json:"positive_infinity"`
	NegInf   int64   `json:"negative_infinity"`
	Marks    []int64 `json:"marks"`
	Window   int     `json:"window,omitempty"`
	Hop      int     `json:"hop,omitempty"`
	Frames   int64   `json:"frames,omitempty"`
	Pictures int64   `json:"pictures,omitempty"`
}

// tell prints what was drawn, or would be.
func (c *chart) tell(would string) error {
	if c.o.json {
		return c.t.writeJSON(c.doc)
	}
	out := &c.doc.Output
	size := ""
	if out.Bytes != nil {
		size = ", " + sizeText(*out.Bytes)
	}
	fmt.Fprintf(c.t.out, "%s: %s%s, %d x %d pixels%s\n", clean(out.Path), would, plotWords[c.doc.Kind], out.Width, out.Height, size)
	return nil
}

func rangeDoc(a *plot.Axis) *plotRangeJSON {
	return &plotRangeJSON{Label: a.Label, Unit: a.Unit, Min: jsonFloat(a.Lo), Max: jsonFloat(a.Hi), Log: a.Log}
}
