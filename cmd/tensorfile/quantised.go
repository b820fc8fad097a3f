package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/tensor/stats"
)

// isQuantised reports whether a tensor is quantised, and its elements are numbers
// that can be made of its parts.
func isQuantised(t *tensorfile.Tensor) bool {
	layout, _, _ := t.Composite()
	return layout == format.LayoutQuantised && stats.Numeric(t.DType()) && !t.DType().Packed()
}

// Read reads elements, those of a quantised tensor as numbers of its dtype.
func (p pick) Read(ctx context.Context, sel ...tensor.Selection) (tensor.View, error) {
	if isQuantised(p.Tensor) {
		return p.Dequantise(ctx, p.DType(), sel...)
	}
	return p.Tensor.Read(ctx, sel...)
}

// quantisedJSON is what a quantised tensor is made of. Zeros is null without
// zero points.
type quantisedJSON struct {
	Values string  `json:"values"`
	Scales string  `json:"scales"`
	Zeros  *string `json:"zeros"`
	Group  []int64 `json:"group"`
}

func quantisedDoc(t *tensorfile.Tensor) *quantisedJSON {
	parts, err := t.Parts()
	if err != nil {
		return nil
	}
	j := quantisedJSON{Group: []int64{}}
	for _, p := range parts {
		d := p.DType().String()
		switch p.Role {
		case format.RoleValues:
			j.Values = d
		case format.RoleScales:
			j.Scales = d
		case format.RoleZeros:
			j.Zeros = &d
		case format.RoleGroup:
			if v, err := p.Read(context.Background()); err == nil {
				group, _ := tensor.Data[uint32](v)
				for _, g := range group {
					j.Group = append(j.Group, int64(g))
				}
			}
		}
	}
	return &j
}

// quantisedWord is the layout with the dtype of the values and the group:
// "quantised(i4,1x32)".
func quantisedWord(t *tensorfile.Tensor) string {
	j := quantisedDoc(t)
	if j == nil {
		return layoutName(t)
	}
	group := strings.ReplaceAll(strings.Trim(fmt.Sprint(j.Group), "[]"), " ", "x")
	if group != "" {
		group = "," + group
	}
	return "quantised(" + j.Values + group + ")"
}

// showQuantised prints a line about a quantised tensor, and its elements.
func (t *tool) showQuantised(ctx context.Context, w io.Writer, p pick, o *showFlags) error {
	shape, err := p.shape()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s  %s %v  %s  %s\n", clean(p.label()), p.DType(), shape, sizeText(p.ByteSize()), quantisedWord(p.Tensor))
	fo := &tensor.FormatOptions{Precision: o.precision, Full: o.full}
	if o.precision <= 0 {
		fo.Precision = -1
	}
	if p.sel == nil {
		err = t.format(ctx, w, p, shape, fo)
	} else {
		var v tensor.View
		if v, err = p.readAll(ctx); err == nil {
			err = tensor.Fprint(w, v, fo)
		}
	}
	if err == nil {
		_, err = io.WriteString(w, "\n")
	}
	return err
}

// quantisedBlock is about how many elements are made numbers at a time.
const quantisedBlock = 4 << 20

// eachQuantised is eachBlock of a quantised tensor: what is picked as a whole, or
// rows of it.
func eachQuantised(ctx context.Context, p pick, fn func(tensor.View) error) error {
	shape, err := p.shape()
	if err != nil {
		return err
	}
	if p.sel != nil || len(shape) == 0 {
		v, err := p.readAll(ctx)
		if err != nil {
			return err
		}
		return fn(v)
	}
	rows := max(quantisedBlock/max(product(shape[1:]), 1), 1)
	for at := int64(0); at < shape[0]; at += rows {
		v, err := p.Read(ctx, tensor.Selection{{Kind: tensor.SelectRange, Start: at, Stop: min(at+rows, shape[0]), Step: 1}})
		if err == nil {
			err = fn(v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
