package viewer

import (
	"context"
	"encoding/hex"
	"strconv"

	"github.com/tensorfile/tensorfile/compare"
	"github.com/tensorfile/tensorfile/internal/survey"
)

const (
	// mostLargest is how many of the largest differences of a tensor are told.
	mostLargest = 100
	// mostDiffNames bounds the names of a comparison that are told, in all.
	mostDiffNames = 5000
)

// A difference is |a - b| of two planes of one size.
type difference struct{ a, b *plane }

type differenceKey struct{ a, b planeKey }

func (d *difference) size() (h, w int64) { return d.a.h, d.a.w }
func (d *difference) tileID() any        { return differenceKey{d.a.key(), d.b.key()} }
func (d *difference) cut(b box) []box    { return d.a.boxes(b) }
func (d *difference) workers() int       { return d.a.jobs }

func (d *difference) direct(context.Context, box, func(int64, []float32)) (bool, error) {
	return false, nil
}

// load reads both and takes the difference. Elements that are equal, infinite ones too,
// differ by 0; NaN and NaN do so as well.
func (d *difference) load(ctx context.Context, kept *cache, b box, room []float32) ([]float32, int64, error) {
	x, stride, err := d.a.load(ctx, kept, b, nil)
	if err != nil {
		return nil, 0, err
	}
	h, w := b.r1-b.r0, b.c1-b.c0
	out := within(room, h*w)
	damaged, nan := marks[float32]()
	for _, part := range d.b.boxes(b) {
		y, other, err := d.b.load(ctx, kept, part, nil)
		if err != nil {
			return nil, 0, err
		}
		for r := part.r0; r < part.r1; r++ {
			for c := part.c0; c < part.c1; c++ {
				p, q := x[(r-b.r0)*stride+c-b.c0], y[(r-part.r0)*other+c-part.c0]
				to := &out[(r-b.r0)*w+c-b.c0]
				switch {
				case isDamaged(p) || isDamaged(q):
					*to = damaged
				case p == q || p != p && q != q:
					*to = 0
				case p != p || q != q:
					*to = nan
				default:
					*to = max(p-q, q-p)
				}
			}
		}
	}
	return out, w, nil
}

type differDoc struct {
	Status    string        `json:"status"` // equal, different, dtype, shape, only_a, only_b, failed
	Elements  number        `json:"elements"`
	Different number        `json:"different"`
	Count     number        `json:"count"` // of elements that were compared
	NaN       number        `json:"nan"`
	First     []number      `json:"first,omitempty"`
	MaxAbs    *survey.Float `json:"maxabs"`
	MaxRel    *survey.Float `json:"maxrel"`
	Top       []topDoc      `json:"top"`
	Attrs     []attrDoc     `json:"attributes"`
	Error     *errorDoc     `json:"error,omitempty"`
}

type topDoc struct {
	Index []number      `json:"index"`
	A     any           `json:"a"`
	B     any           `json:"b"`
	Abs   *survey.Float `json:"abs"`
	Rel   *survey.Float `json:"rel"`
}

type attrDoc struct {
	Key string `json:"key"`
	InA bool   `json:"in_a"`
	InB bool   `json:"in_b"`
	A   any    `json:"a"`
	B   any    `json:"b"`
}

// diff answers how two tensors differ.
func (c *call) diff() error {
	f, a, err := c.picked()
	if err != nil {
		return err
	}
	name := "u"
	if !c.q.Has("u") {
		name = "t"
	}
	g, b, err := c.pickedAs("g", "bt", name)
	if err != nil {
		return err
	}
	total := a.ByteSize()
	return c.job(c.keyOf(f, "diff "+g.identity, "t", name), total, func(func(int64)) (any, error) {
		r, err := compare.Tensors(c.ctx, a, b, &compare.Options{Attrs: true, Largest: mostLargest, Workers: min(c.opts.Jobs, 4)})
		if err != nil {
			return nil, err
		}
		if r.Err != nil {
			return nil, r.Err
		}
		return differOf(r), nil
	})
}

func differOf(r *compare.Result) differDoc {
	d := differDoc{
		Status: r.Status.String(), Elements: number(r.Elements), Count: number(r.Elements), Different: number(r.Different), NaN: number(r.NaN),
		Top: []topDoc{}, Attrs: []attrDoc{},
	}
	float := func(x float64) *survey.Float {
		if !r.Numeric {
			return nil
		}
		f := survey.Float(x)
		return &f
	}
	if r.Status == compare.Different && r.Different > 0 {
		d.MaxAbs, d.MaxRel = float(r.MaxAbs), float(r.MaxRel)
	}
	if r.First != nil {
		d.First = numbers(r.First)
	}
	for _, x := range r.Largest {
		d.Top = append(d.Top, topDoc{numbers(x.Index), elementDoc(x.A), elementDoc(x.B), float(x.Abs), float(x.Rel)})
	}
	for _, x := range r.Attrs {
		d.Attrs = append(d.Attrs, attrDoc{x.Key, x.InA, x.InB, survey.Value(x.A), survey.Value(x.B)})
	}
	return d
}

// elementDoc is an element in a document: a number, [real, imaginary], or the bytes of
// a unit in hexadecimal digits.
func elementDoc(v any) any {
	switch v := v.(type) {
	case float32, float64:
		return survey.Value(v)
	case int64:
		return number(v)
	case uint64:
		if v > 1<<53-1 {
			return strconv.FormatUint(v, 10)
		}
		return v
	case complex64:
		return []any{survey.Value(real(v)), survey.Value(imag(v))}
	case complex128:
		return []any{survey.Value(real(v)), survey.Value(imag(v))}
	case []byte:
		return hex.EncodeToString(v[:min(len(v), 32)])
	}
	return v
}

// diffFiles answers which names of two files are the same.
func (c *call) diffFiles() error {
	f, err := c.file()
	if err != nil {
		return err
	}
	g, err := c.fileAt("g", "bt")
	if err != nil {
		return err
	}
	var total int64
	if n, err := f.file.Len(); err == nil {
		total = int64(n)
	}
	type nameDoc struct {
		Name      string        `json:"name"`
		Status    string        `json:"status"` // different, dtype, shape, only_a, only_b, failed, attributes
		DTypeA    string        `json:"dtype_a,omitempty"`
		DTypeB    string        `json:"dtype_b,omitempty"`
		ShapeA    []number      `json:"shape_a,omitempty"`
		ShapeB    []number      `json:"shape_b,omitempty"`
		Different number        `json:"different"`
		MaxAbs    *survey.Float `json:"maxabs"`
		Error     *errorDoc     `json:"error,omitempty"`
	}
	return c.job(c.keyOf(f, "difffiles "+g.identity), total, func(report func(int64)) (any, error) {
		doc := struct {
			Same      number    `json:"same"`
			Different number    `json:"different"`
			OnlyA     number    `json:"only_a"`
			OnlyB     number    `json:"only_b"`
			Failed    number    `json:"failed"`
			Cut       bool      `json:"cut,omitempty"`
			Rows      []nameDoc `json:"rows"` // of those that are not the same
		}{Rows: []nameDoc{}}
		done := int64(0)
		for r, err := range compare.Files(c.ctx, f.file, g.file, &compare.Options{Attrs: true, Workers: min(c.opts.Jobs, 4)}) {
			if err != nil {
				return nil, err
			}
			done++
			report(done)
			status := r.Status.String()
			switch {
			case r.Same():
				doc.Same++
				continue
			case r.Status == compare.OnlyA:
				doc.OnlyA++
			case r.Status == compare.OnlyB:
				doc.OnlyB++
			case r.Status == compare.Failed:
				doc.Failed++
			default:
				if doc.Different++; r.Status == compare.Equal {
					status = "attributes"
				}
			}
			if len(doc.Rows) >= mostDiffNames {
				doc.Cut = true
				continue
			}
			row := nameDoc{Name: r.Name, Status: status, Different: number(r.Different), MaxAbs: differOf(r).MaxAbs}
			if r.A != nil {
				row.DTypeA, row.ShapeA = r.A.DType().String(), numbers(r.A.Shape())
			}
			if r.B != nil {
				row.DTypeB, row.ShapeB = r.B.DType().String(), numbers(r.B.Shape())
			}
			if r.Err != nil {
				e, _ := describeError(r.Err)
				row.Error = &e
			}
			doc.Rows = append(doc.Rows, row)
		}
		return doc, nil
	})
}
