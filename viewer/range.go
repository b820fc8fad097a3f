package viewer

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/tensor"
)

const (
	// sampleElements is how many elements of a plane are looked at for its range; of
	// a larger one, that many.
	sampleElements = 1 << 20
	// mostPercentiles bounds those of one request.
	mostPercentiles = 64
	// sampleBoxes is how many chunks of a large plane are looked at.
	sampleBoxes = 16
)

type rangeDoc struct {
	Schema  string         `json:"schema"`
	Min     *survey.Float  `json:"min"` // of numbers that are finite; null: there is none
	Max     *survey.Float  `json:"max"`
	P       []survey.Float `json:"p"`
	NaN     number         `json:"nan"`
	PosInf  number         `json:"posinf"`
	NegInf  number         `json:"neginf"`
	Damaged number         `json:"damaged"`
	Count   number         `json:"count"` // of elements that were looked at
	Exact   bool           `json:"exact"` // these were all
}

// extremes answers the range of a plane, and percentiles of its finite elements.
func (c *call) extremes() error {
	h, t, err := c.picked()
	if err != nil {
		return err
	}
	p, err := c.planeOf(h, t)
	if err != nil {
		return err
	}
	var ps []float64
	for _, s := range strings.Split(c.text("p", "1,99"), ",") {
		if s == "" {
			continue
		}
		x, err := strconv.ParseFloat(s, 64)
		if err != nil || !(x >= 0 && x <= 100) {
			return bad("p", tensor.Quote(s), "numbers from 0 to 100")
		}
		if ps = append(ps, x); len(ps) > mostPercentiles {
			return tooMuch("p", "more", strconv.Itoa(mostPercentiles)+" numbers")
		}
	}
	if c.keepable(c.tag(h.identity, "t", "y", "x", "i", "p")) {
		return nil
	}
	if err := c.hold(p.weight() + sampleElements*8); err != nil {
		return err
	}
	list, exact, err := p.sample(c.ctx, c.cache)
	if err != nil {
		return survey.Located(err, t)
	}
	d := rangeDoc{Schema: schema("range"), Count: number(len(list)), Exact: exact, P: []survey.Float{}}
	finite := list[:0]
	for _, x := range list {
		switch {
		case isDamaged(x):
			d.Damaged++
		case x != x:
			d.NaN++
		case math.IsInf(x, 1):
			d.PosInf++
		case math.IsInf(x, -1):
			d.NegInf++
		default:
			finite = append(finite, x)
		}
	}
	if len(finite) > 0 {
		slices.Sort(finite)
		lo, hi := survey.Float(finite[0]), survey.Float(finite[len(finite)-1])
		d.Min, d.Max = &lo, &hi
		for _, p := range ps {
			d.P = append(d.P, survey.Float(quantile(finite, p/100)))
		}
	}
	return c.json(d)
}

// quantile of sorted numbers, with linear interpolation between neighbours as NumPy's
// default does.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := min(int(at), len(sorted)-1)
	t := at - float64(i)
	if t == 0 || i == len(sorted)-1 {
		return sorted[i]
	}
	return sorted[i]*(1-t) + sorted[i+1]*t
}

// sample reads elements of the plane: all, or some from places that do not line up
// with its rows and columns, always the same.
func (p *plane) sample(ctx context.Context, kept *cache) (list []float64, exact bool, err error) {
	if p.h == 0 || p.w == 0 {
		return nil, true, nil
	}
	if saturated(p.h, p.w) <= sampleElements {
		list := make([]float64, p.h*p.w)
		n := int64(0)
		for _, b := range p.boxes(box{0, p.h, 0, p.w}) {
			if err := readMarked(ctx, p, b.r0, b.r1, b.c0, b.c1, list[n:n+b.elements()]); err != nil {
				return nil, true, err
			}
			n += b.elements()
		}
		return list, true, nil
	}
	rows, columns := p.rows, p.columns
	boxes := int64(sampleBoxes)
	if p.rows == 0 {
		if r, c := p.block(); r > 0 { // a stream: its first block
			rows, columns, boxes = r, c, 1
		} else {
			// Short pieces of rows.
			rows, columns, boxes = 1, min(p.w, 1024), sampleElements/min(p.w, 1024)
		}
	}
	room := sampleElements / boxes
	down, across := span64(p.h, rows), span64(p.w, columns)
	total := saturated(down, across)
	boxes = min(boxes, total)
	for k := range boxes {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		// Places by the golden ratio fill the plane evenly, however many there are.
		i := min(int64(frac(float64(k)*0.6180339887498949+0.5)*float64(down)), down-1)
		j := min(int64(frac(float64(k)*0.7548776662466927+0.25)*float64(across)), across-1)
		b := box{i * rows, min((i+1)*rows, p.h), j * columns, min((j+1)*columns, p.w)}
		if p.rows > 0 || p.encoded {
			values, stride, err := p.load(ctx, kept, p.fits(b), nil)
			if err != nil {
				return nil, false, err
			}
			b = p.fits(b)
			step := max(b.elements()/room, 1)
			for n := int64(0); n < b.elements(); n += step {
				w := b.c1 - b.c0
				x := float64(values[n/w*stride+n%w])
				if isDamaged(values[n/w*stride+n%w]) {
					x, _ = marks[float64]()
				}
				list = append(list, x)
			}
			continue
		}
		part := make([]float64, b.elements())
		if err := readMarked(ctx, p, b.r0, b.r1, b.c0, b.c1, part); err != nil {
			return nil, false, err
		}
		list = append(list, part...)
	}
	return list, false, nil
}

// fits is b, or its first rows if it is too large to be read at once.
func (p *plane) fits(b box) box {
	if rows, _ := p.block(); rows == 0 && b.elements() > keptElements {
		b.c1 = min(b.c1, b.c0+keptElements)
		b.r1 = min(b.r1, b.r0+max(keptElements/(b.c1-b.c0), 1))
	}
	return b
}

func span64(n, size int64) int64 { return (n-1)/size + 1 }

func frac(x float64) float64 { return x - math.Floor(x) }
