package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/internal/term"
	"github.com/tensorfile/tensorfile/tensor"
)

// mostChannels is how many channels of a wave are drawn.
const mostChannels = 8

// An envelope is what a wave comes to in columns: the least and the largest sample
// of each, NaN where there is none.
type envelope struct{ lo, hi []float64 }

// drawWave draws a wave, channels below each other, and the time below them.
func (t *tool) drawWave(ctx context.Context, w io.Writer, p pick, s *scene, c *canvas) error {
	n, channels := s.shape[s.x], int(min(s.channels(), mostChannels))
	rows := min(max((c.size.Rows-6)/channels, 3), 8)
	// Labels take some columns, which are known when the values are.
	columns := max(min(c.size.Columns, 200)-wavePad-1, 10)
	waves, err := t.envelopes(ctx, p, s, int(min(n, int64(2*columns))))
	if err != nil {
		return err
	}
	waves = waves[:channels]
	lo, hi := bounds(waves, p.DType())
	var b strings.Builder
	for k, e := range waves {
		if k > 0 {
			b.WriteByte('\n')
		}
		dots := e.dots(columns, rows, lo, hi)
		for row := range rows {
			label := ""
			switch row {
			case 0:
				label = strconv.FormatFloat(hi, 'g', 4, 64)
			case rows - 1:
				label = strconv.FormatFloat(lo, 'g', 4, 64)
			}
			line := fmt.Sprintf("%*s %s", wavePad, label, dots.Line(row))
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
	}
	length, unit := float64(n), ""
	if s.rate > 0 {
		length, unit = length/s.rate, " s"
	}
	b.WriteString(timeAxis(wavePad+1, columns, length, unit))
	more := ""
	if k := s.channels() - int64(channels); k > 0 {
		more = fmt.Sprintf("; %d more are not drawn", k)
	}
	rate := ""
	if s.rate > 0 {
		rate = ", " + strconv.FormatFloat(s.rate, 'f', -1, 64) + " Hz"
	}
	fmt.Fprintf(&b, "%s, %s%s%s%s\n", counted(n, "sample"), counted(s.channels(), "channel"), rate, more, c.advice())
	_, err = io.WriteString(w, b.String())
	return err
}

// wavePad is how many columns labels take.
const wavePad = 10

// envelopes reads a wave, chunk by chunk, and gives that of each channel in
// columns.
func (t *tool) envelopes(ctx context.Context, p pick, s *scene, columns int) ([]envelope, error) {
	channels := int(s.channels())
	list := make([]envelope, channels)
	for k := range list {
		list[k] = envelope{make([]float64, columns), make([]float64, columns)}
		for i := range columns {
			list[k].lo[i], list[k].hi[i] = math.NaN(), math.NaN()
		}
	}
	var axes []*axisCells
	for axis, n := range s.shape {
		if axis == s.x {
			axes = append(axes, newAxisCells(n, columns, channels))
		} else {
			axes = append(axes, newAxisCells(n, channels, 1))
		}
	}
	err := t.walk(ctx, p, axes, func(cell int, x float64) {
		if x != x {
			return
		}
		e, i := &list[cell%channels], cell/channels
		if !(e.lo[i] <= x) {
			e.lo[i] = x
		}
		if !(e.hi[i] >= x) {
			e.hi[i] = x
		}
	})
	if err != nil {
		return nil, survey.Located(err, p.Tensor)
	}
	return list, nil
}

// bounds are what the lowest and the highest line of a drawing stand for: as far
// above 0 as below it, unless all is on one side. Unsigned samples have their zero
// anywhere.
func bounds(waves []envelope, d tensor.DType) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, e := range waves {
		for i := range e.lo {
			if x := e.lo[i]; x == x && !math.IsInf(x, 0) {
				lo = min(lo, x)
			}
			if x := e.hi[i]; x == x && !math.IsInf(x, 0) {
				hi = max(hi, x)
			}
		}
	}
	switch {
	case lo > hi: // nothing that is finite
		return -1, 1
	case d.Class == tensor.ClassUint || d.Class == tensor.ClassBool:
	case lo < 0:
		hi = max(hi, -lo)
		lo = -hi
	default:
		lo = 0
	}
	if lo == hi {
		lo, hi = lo-1, hi+1
	}
	return lo, hi
}

// dots draws an envelope: from the least to the largest sample of each column, and
// on to those of the column before, so that lines stay together.
func (e *envelope) dots(columns, rows int, lo, hi float64) *term.Dots {
	d := term.NewDots(columns, rows)
	line := func(x float64) int { // from the top
		x = min(max(x, lo), hi)
		return int((hi-x)/(hi-lo)*float64(4*rows-1) + 0.5)
	}
	before := [2]int{-1, -1}
	for x := range 2 * columns {
		i := x * len(e.lo) / (2 * columns)
		if e.lo[i] != e.lo[i] {
			before = [2]int{-1, -1}
			continue
		}
		top, low := line(e.hi[i]), line(e.lo[i])
		from, to := top, low
		if before[0] >= 0 {
			from, to = min(top, before[1]), max(low, before[0])
		}
		for y := from; y <= to; y++ {
			d.Set(x, y)
		}
		before = [2]int{top, low}
	}
	return d
}

// timeAxis is two lines: ticks at round numbers, and the numbers below them.
func timeAxis(indent, columns int, length float64, unit string) string {
	const apart = 12 // columns between ticks, at least
	step := math.Pow(10, math.Floor(math.Log10(length)))
	for _, f := range []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10} {
		if f*step/length*float64(columns) >= apart && (unit != "" || f*step >= 1) {
			step *= f
			break
		}
	}
	ticks, labels := []rune(strings.Repeat("─", columns)), strings.Repeat(" ", indent)
	for i := 0; ; i++ {
		x := step * float64(i)
		at := int(x / length * float64(columns))
		if at >= columns {
			break
		}
		ticks[at] = '┬'
		text := strconv.FormatFloat(x, 'g', 6, 64) + unit
		gap := indent + at - len(labels)
		if i > 0 && gap < 1 || indent+at+len(text) > indent+columns {
			continue
		}
		labels += strings.Repeat(" ", max(gap, 0)) + text
	}
	return strings.Repeat(" ", indent) + string(ticks) + "\n" + labels + "\n"
}
