package main

import (
	"context"
	"image"
	"math"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/plot"
	"github.com/tensorfile/tensorfile/plot/colour"
	"github.com/tensorfile/tensorfile/plot/reduce"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// spy draws where a matrix has entries: a sparse one what is stored, a dense one
// what is not zero.
func (c *chart) spy(ctx context.Context, d *plotted) error {
	if len(d.size) != 2 {
		return c.tooMany(d, "a sparsity pattern, which is of two")
	}
	p := &plot.Panel{Square: true}
	x0, x1, y0, y1 := c.across(p, d, 0, 1)
	if aspect := (x1 - x0) / (y1 - y0); math.Abs(math.Log(math.Abs(aspect))) > math.Log(4) {
		p.Square = false
	}
	// In pixels of CSS, so that a lone entry is not lost among those of the screen.
	c.figure.Panels = []*plot.Panel{p}
	shades := colour.Ramp("entries", over(c.figure.Theme.Line(0), c.figure.Theme.Ground(), 0.45), c.figure.Theme.Line(0))
	axis := plot.Axis{Label: "share of elements that are entries", Lo: 1e-3, Hi: 1, Log: true}
	wide, high := c.figure.Area(0)
	if float64(d.size[0]) > high || float64(d.size[1]) > wide { // there will be a bar
		p.Bar = &plot.Bar{Map: shades, Axis: axis}
		wide, high = c.figure.Area(0)
		p.Bar = nil
	}
	total := plotDrawnJSON{}
	var height, width int
	var share func(y, x int) float64
	exact := false
	if isSparse(d.Tensor) {
		pattern, entries, err := c.pattern(ctx, d, int(high), int(wide))
		if err != nil {
			return survey.Located(err, d.Tensor)
		}
		height, width = pattern.Size()
		total.Elements, exact = entries, pattern.Exact()
		share = func(y, x int) float64 { return float64(pattern.Count(y, x)) / float64(pattern.Covers(y, x)) }
	} else {
		g, err := c.grid(ctx, d, 0, 1, int(high), int(wide), func(v tensor.View) (tensor.View, error) { return v.Cast(tensor.Bool) })
		if err != nil {
			return err
		}
		height, width = g.Size()
		total.Elements, _ = d.size.NumElements()
		exact, share = g.Exact(), g.Mean
	}
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	ground, ink := c.figure.Theme.Ground(), c.figure.Theme.Line(0)
	least, most := math.Inf(1), 0.0
	for y := range height {
		for x := range width {
			if s := share(y, x); s > 0 {
				least, most = min(least, s), max(most, s)
			}
		}
	}
	axis.Lo, axis.Hi = least, most
	if !isSparse(d.Tensor) {
		axis.Label = "share of elements that are not 0"
	}
	for y := range height {
		for x := range width {
			pixel := ground
			switch s := share(y, x); {
			case s > 0 && (exact || least == most):
				pixel = ink
			case s > 0:
				pixel = shades.At(axis.Share(s))
			}
			img.SetNRGBA(x, y, pixel)
		}
	}
	p.Marks = []plot.Mark{&plot.Raster{Image: img, X0: x0, X1: x1, Y0: y0, Y1: y1}}
	if !exact && least < most {
		p.Bar = &plot.Bar{Map: shades, Axis: axis}
		c.doc.Color = &plotColorJSON{shades.Name, *rangeDoc(&axis)}
	}
	if height*width == 0 {
		p.Note, p.Marks = "no data", nil
	}
	total.Marks = []int64{int64(height), int64(width)}
	c.doc.Drawn = &total
	return nil
}

// entriesPiece is how many entries are read together.
const entriesPiece = 1 << 16

// pattern counts the entries of a sparse matrix, some at a time.
func (c *chart) pattern(ctx context.Context, d *plotted, height, width int) (*reduce.Pattern, int64, error) {
	p := reduce.NewPattern(d.size[0], d.size[1], height, width)
	parts, err := partedOf(ctx, d.pick)
	if err != nil {
		return nil, 0, err
	}
	_, flags, _ := d.Composite()
	props, err := sparse.FromFlags(flags)
	if err != nil {
		return nil, 0, err
	}
	mirrored := props.Structure != sparse.General && d.Sel == nil
	n := int64(0)
	add := func(rows, columns []int64) error {
		p.Add(rows, columns)
		n += int64(len(rows))
		if mirrored {
			var a, b []int64
			for i := range rows {
				if rows[i] != columns[i] {
					a, b = append(a, columns[i]), append(b, rows[i])
				}
			}
			p.Add(a, b)
			n += int64(len(a))
		}
		return ctx.Err()
	}
	switch parts.layout {
	case format.LayoutCOO:
		err = parts.eachCOO(add)
	case format.LayoutCSR, format.LayoutCSC, format.LayoutBSR:
		err = parts.eachRun(add)
	default: // trees and bitmaps: as a list of coordinates, in memory
		err = d.eachOther(ctx, add)
	}
	return p, n, err
}

// eachCOO calls fn with the coordinates of some entries at a time.
func (d *parted) eachCOO(fn func(rows, columns []int64) error) error {
	for at, n := int64(0), d.length(format.RoleIndices); at < n; at += entriesPiece {
		both, err := d.numbers(format.RoleIndices, at, min(at+entriesPiece, n))
		if err != nil {
			return err
		}
		rows, columns := make([]int64, len(both)/2), make([]int64, len(both)/2)
		for i := range rows {
			rows[i], columns[i] = both[2*i], both[2*i+1]
		}
		if err := fn(rows, columns); err != nil {
			return err
		}
	}
	return nil
}

// eachRun is eachCOO of runs: rows of csr, columns of csc, rows of blocks of bsr.
func (d *parted) eachRun(fn func(rows, columns []int64) error) error {
	high, wide := int64(1), int64(1)
	if d.layout == format.LayoutBSR {
		s := d.shapes[format.RoleValues]
		high, wide = s[1], s[2]
	}
	run, left := int64(-1), int64(0) // the run of the entry, and how many more are in it
	runs := d.length(format.RoleIndptr) - 1
	for at, n := int64(0), d.length(format.RoleIndices); at < n; at += entriesPiece {
		minor, err := d.numbers(format.RoleIndices, at, min(at+entriesPiece, n))
		if err != nil {
			return err
		}
		var rows, columns []int64
		for i, m := range minor {
			for left == 0 {
				if run++; run >= runs {
					return &tensorfile.Error{Kind: tensorfile.ErrCorrupt, Offset: -1, Field: "part " + format.RoleIndptr, Got: itoa(at + int64(i)), Want: "a run for each entry", Rule: format.RuleLayoutIndex}
				}
				from, err := d.number(format.RoleIndptr, run)
				if err != nil {
					return err
				}
				end, err := d.number(format.RoleIndptr, run+1)
				if err != nil {
					return err
				}
				left = max(end-from, 0)
			}
			left--
			for y := range high {
				for x := range wide {
					row, column := run*high+y, m*wide+x
					if d.layout == format.LayoutCSC {
						row, column = column, row
					}
					rows, columns = append(rows, row), append(columns, column)
				}
			}
		}
		if err := fn(rows, columns); err != nil {
			return err
		}
	}
	return nil
}

// eachOther is eachCOO of what is not stored by runs.
func (d *plotted) eachOther(ctx context.Context, fn func(rows, columns []int64) error) error {
	a, err := d.Sparse(ctx)
	if err == nil && d.Sel != nil {
		a, err = a.Select(ctx, d.Sel, nil)
	}
	if err == nil {
		a, err = a.Convert(ctx, sparse.COO, nil)
	}
	if err != nil {
		return err
	}
	v, ok := a.Part(sparse.RoleIndices)
	if !ok {
		return nil
	}
	list := parted{shapes: map[string]tensor.Shape{format.RoleIndices: v.Shape()}, rows: func(_ string, a, b int64) (tensor.View, error) { return v.Slice(0, a, b, 1) }}
	return list.eachCOO(fn)
}
