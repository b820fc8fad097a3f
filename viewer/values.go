package viewer

import (
	"context"
	"fmt"
	"math"

	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/tensor"
)

const (
	// mostCells bounds the elements that are sent as text.
	mostCells = 10_000
	// mostText bounds the text of one.
	mostText = 1024
)

// values answers elements as text, all their digits.
func (c *call) values() error {
	h, t, err := c.picked()
	if err != nil {
		return err
	}
	d := t.DType()
	if !numericTensor(t) && !(d.Class == tensor.ClassBytes && d.Known()) {
		return wrongView(t, "numbers or text")
	}
	p, err := c.anyPlane(h, t)
	if err != nil {
		return err
	}
	r0, err := c.int("r0", 0, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	c0, err := c.int("c0", 0, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	rows, err := c.int("rows", 50, 1, math.MaxInt64)
	if err != nil {
		return err
	}
	columns, err := c.int("cols", 20, 1, math.MaxInt64)
	if err != nil {
		return err
	}
	if saturated(rows, columns) > mostCells {
		return tooMuch("rows and cols", fmt.Sprintf("%d x %d", rows, columns), fmt.Sprintf("at most %d elements", mostCells))
	}
	b := box{min(r0, p.h), min(r0, p.h) + min(rows, p.h-min(r0, p.h)), min(c0, p.w), min(c0, p.w) + min(columns, p.w-min(c0, p.w))}
	if err := c.holdLight(min(p.weight(), lightBytes/4)); err != nil {
		return err
	}
	doc := struct {
		Schema string      `json:"schema"`
		R0     number      `json:"r0"`
		C0     number      `json:"c0"`
		Cells  [][]*string `json:"cells"`
	}{schema("values"), number(b.r0), number(b.c0), make([][]*string, b.r1-b.r0)}
	for i := range doc.Cells {
		doc.Cells[i] = make([]*string, b.c1-b.c0)
	}
	if b.elements() > 0 {
		for _, part := range p.inChunks(b) {
			if err := p.texts(c.ctx, c.cache, part, func(r, k int64, text string) { doc.Cells[r-b.r0][k-b.c0] = &text }); err != nil {
				return survey.Located(err, t)
			}
		}
	}
	return c.json(doc)
}

// inChunks cuts a box where chunks begin.
func (p *plane) inChunks(b box) (list []box) {
	rows, columns := p.rows, p.columns
	if rows == 0 {
		return []box{b}
	}
	for r := b.r0; r < b.r1; r = r/rows*rows + rows {
		for c := b.c0; c < b.c1; c = c/columns*columns + columns {
			list = append(list, box{r, min(r/rows*rows+rows, b.r1), c, min(c/columns*columns+columns, b.c1)})
		}
	}
	return list
}

// texts calls fn with the text of each element of a box. What is damaged is left
// out.
func (p *plane) texts(ctx context.Context, kept *cache, b box, fn func(row, column int64, text string)) error {
	err := p.textsOf(ctx, kept, b, fn)
	if err == nil || !survey.IsDamage(err) {
		return err
	}
	if b.r1-b.r0 == 1 {
		return nil
	}
	// Rows of a chunk that is sound may be among them.
	for r := b.r0; r < b.r1; r++ {
		if err := p.textsOf(ctx, kept, box{r, r + 1, b.c0, b.c1}, fn); err != nil && !survey.IsDamage(err) {
			return err
		}
	}
	return nil
}

func (p *plane) textsOf(ctx context.Context, kept *cache, b box, fn func(row, column int64, text string)) error {
	look := func(b box, v tensor.View, marked []float32) error {
		d := p.t.DType()
		if d.Class == tensor.ClassBlock {
			d = tensor.F32
		}
		list, err := survey.Texts(v, d, mostText)
		if err != nil {
			return err
		}
		for i, s := range list {
			if marked != nil && isDamaged(marked[i]) {
				continue
			}
			fn(b.r0+int64(i)/(b.c1-b.c0), b.c0+int64(i)%(b.c1-b.c0), s)
		}
		return nil
	}
	if rows, _ := p.block(); p.encoded && rows > 0 && inFloat32(p.t.DType()) {
		// It decodes from its beginning each time: of what is kept.
		for _, part := range p.boxes(b) {
			list, stride, err := p.load(ctx, kept, part, nil)
			if err != nil {
				return err
			}
			h, w := part.r1-part.r0, part.c1-part.c0
			own := make([]float32, 0, h*w)
			for r := range h {
				own = append(own, list[r*stride:r*stride+w]...)
			}
			v, err := tensor.FromSlice(own, h, w)
			if err == nil {
				err = look(part, v, own)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	sel, exact := p.selection(b.r0, b.r1, 1, b.c0, b.c1, 1)
	return p.with(ctx, sel, func(v tensor.View) error {
		v, err := unpacked(v)
		if err != nil {
			return err
		}
		if v, err = p.matrix(v, exact); err != nil {
			return err
		}
		return look(b, v, nil)
	})
}

// inFloat32 reports whether a float32 holds every number of a dtype.
func inFloat32(d tensor.DType) bool {
	switch d.Class {
	case tensor.ClassBool, tensor.ClassBlock:
		return true
	case tensor.ClassInt, tensor.ClassUint:
		return d.Bits <= 16
	}
	return d.Class == tensor.ClassFloat && d.Bits <= 32
}

// rowTexts are the texts of a view of one axis, at most limit of them, and whether
// there were more.
func rowTexts(v tensor.View, limit int64) (list []string, cut bool, err error) {
	if v.Rank() > 1 { // inner axes: one after the other
		if v, err = v.Clone(); err == nil {
			v, err = v.Reshape(tensor.Shape{v.NumElements()})
		}
		if err != nil {
			return nil, false, err
		}
	}
	d := v.DType()
	if n := v.Shape()[0]; n > limit {
		cut = true
		if e := int64(d.UnitElems); e > 1 {
			limit = max(limit/e*e, e)
		}
		if v, err = v.Slice(0, 0, limit, 1); err != nil {
			return nil, false, err
		}
	}
	if v, err = unpacked(v); err != nil {
		return nil, false, err
	}
	list, err = survey.Texts(v, d, mostText)
	return list, cut, err
}
