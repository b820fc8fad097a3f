package main

import (
	"context"
	"io"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/tensor"
)

// isQuantised reports whether a tensor is quantised, and its elements are numbers.
func isQuantised(t *tensorfile.Tensor) bool { return survey.Quantised(t) }

// quantisedJSON is what a quantised tensor is made of.
type quantisedJSON = survey.Quantisation

func quantisedDoc(t *tensorfile.Tensor) *quantisedJSON { return survey.QuantisationOf(t) }

// quantisedWord is the layout with the dtype of the values and the group.
func quantisedWord(t *tensorfile.Tensor) string { return survey.LayoutWord(t) }

// showQuantised prints a line about a quantised tensor, and its elements.
func (t *tool) showQuantised(ctx context.Context, w io.Writer, p pick, o *showFlags) error {
	shape, err := p.Extents()
	if err != nil {
		return err
	}
	t.showTitle(w, p.label(), withCodec([]string{p.DType().String() + " " + shape.String(), sizeText(p.ByteSize()), quantisedWord(p.Tensor)}, p.Tensor))
	fo := &tensor.FormatOptions{Precision: o.precision, Full: o.full}
	if o.precision <= 0 {
		fo.Precision = -1
	}
	if p.Sel == nil {
		err = t.format(ctx, w, p, shape, fo)
	} else {
		var v tensor.View
		if v, err = p.ReadAll(ctx); err == nil {
			err = tensor.Fprint(w, v, fo)
		}
	}
	if err == nil {
		_, err = io.WriteString(w, "\n")
	}
	return err
}
