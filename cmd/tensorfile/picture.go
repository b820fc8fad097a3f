package main

import (
	"context"
	"fmt"
	"image"
	"io"
	"math"
	"math/bits"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/internal/term"
	"github.com/tensorfile/tensorfile/tensor"
)

// pictureForms are the values of --picture.
var pictureForms = []string{"auto", "never", "half", "half256", "sixel", "kitty"}

// drawnFreely is up to how many bytes of a tensor are read to draw it, unless
// --picture asks for it.
const drawnFreely = 256 << 20

// A scene says which axes of what is picked are those of a picture, or of a wave.
type scene struct {
	wave  bool
	shape tensor.Shape
	y, x  int     // of a wave x is the time
	c     int     // channels; -1: there is one
	rate  float64 // samples of a wave in a second; 0: not known
	said  bool    // by attributes
}

// channels is how many there are.
func (s *scene) channels() int64 {
	if s.c < 0 {
		return 1
	}
	return s.shape[s.c]
}

// canvas says how pictures are told to the terminal, and how large they may be.
type canvas struct {
	protocol term.Protocol // None: only waves, which need no colours
	size     term.Size
	asked    bool // by --picture
	detect   bool // the protocol is not known yet
}

// askTimeout is how long a terminal has to say what it can do.
const askTimeout = 100 * time.Millisecond

// find finds out how a terminal is told pictures, unless that is known.
func (c *canvas) find(out *os.File) {
	if !c.detect {
		return
	}
	c.detect, c.protocol = false, term.Detect(os.Getenv)
	if !c.pixels() && term.Askable(os.Getenv) && terminal(os.Stdin) {
		if p := term.Ask(os.Stdin, out, askTimeout); p != term.None {
			c.protocol = p
		}
	}
}

// pixels reports whether pictures have pixels that are smaller than characters.
func (c *canvas) pixels() bool { return c.protocol == term.Sixel || c.protocol == term.Kitty }

// canvas is nil where nothing is drawn.
func (t *tool) canvas(cmd *cobra.Command, o *showFlags) (*canvas, error) {
	if !slices.Contains(pictureForms, o.picture) {
		return nil, usage(cmd, "--picture is one of %s", strings.Join(pictureForms, ", "))
	}
	c := &canvas{}
	switch o.picture {
	case "never":
		return nil, nil
	case "auto":
		if !terminal(t.out.file) || os.Getenv("TERM") == "dumb" || o.output != "" || o.as != "text" || o.hex || o.full {
			return nil, nil
		}
		c.detect = t.colored()
	default:
		if o.as != "text" || o.hex || o.full {
			return nil, usage(cmd, "--picture %s draws, and --as, --hex and --full print values", o.picture)
		}
		c.protocol, c.asked = term.Protocol(o.picture), true
	}
	c.size, _ = term.SizeOf(t.out.file)
	if c.size.Columns == 0 {
		c.size.Columns = 80
	}
	if c.size.Rows == 0 {
		c.size.Rows = 24
	}
	return c, nil
}

// draw draws what is picked, if it is a picture or a wave, and reports whether it
// did.
func (t *tool) draw(ctx context.Context, w io.Writer, p pick, c *canvas) (bool, error) {
	if c == nil {
		return false, nil
	}
	s, err := sceneOf(p, c.asked)
	if err != nil || s == nil {
		if c.asked && err == nil {
			return false, survey.Located(&tensorfile.Error{Kind: tensorfile.ErrShape, Offset: -1, Field: "picture", Got: p.DType().String() + " " + shapeText(p), Want: "numbers with the axes HW, HWC or CHW, or one axis"}, p.Tensor)
		}
		return false, err
	}
	if n, err := tensor.ByteSize(p.DType(), s.shape); !c.asked && (err != nil || n > drawnFreely) {
		return false, nil
	}
	if s.wave {
		return true, t.drawWave(ctx, w, p, s, c)
	}
	if c.find(t.out.file); c.protocol == term.None {
		return false, nil
	}
	return true, t.drawPicture(ctx, w, p, s, c)
}

func shapeText(p pick) string {
	shape, err := p.Extents()
	if err != nil {
		return ""
	}
	return shape.String()
}

// sceneOf finds out what is a picture or a wave: what attributes say to be one, and
// bytes of the shape of a picture with colours. asked takes whatever can be drawn.
func sceneOf(p pick, asked bool) (*scene, error) {
	d := p.DType()
	switch d.Class {
	case tensor.ClassBool, tensor.ClassInt, tensor.ClassUint, tensor.ClassFloat:
	default:
		return nil, nil
	}
	shape, err := p.Extents()
	if err != nil {
		return nil, err
	}
	if n, err := shape.NumElements(); err != nil || n == 0 || d.Packed() && !asked {
		return nil, err
	}
	attrs, err := p.Attrs()
	if err != nil {
		return nil, nil // told by ls and verify
	}
	dims := p.dims(attrs.Dims())
	rate, _ := attrNumber(attrs["sample_rate"])
	pictured := slices.Contains(dims, "h") && slices.Contains(dims, "w")
	for key := range attrs {
		pictured = pictured || strings.HasPrefix(key, "image.")
	}
	if rate > 0 || len(shape) == 1 && asked {
		if s := waveAxes(shape, dims); s != nil {
			s.rate, s.said = rate, rate > 0
			return s, nil
		}
	}
	s := pictureAxes(shape, dims)
	if s == nil {
		return nil, nil
	}
	s.said = pictured
	guessed := d == tensor.U8 && s.channels() >= 3 && min(shape[s.y], shape[s.x]) >= 8
	if !asked && !pictured && !guessed {
		return nil, nil
	}
	return s, nil
}

// attrNumber is an attribute that is a finite number.
func attrNumber(v any) (x float64, ok bool) {
	switch v := v.(type) {
	case int64:
		x = float64(v)
	case uint64:
		x = float64(v)
	case float64:
		x = v
	case float32:
		x = float64(v)
	default:
		return 0, false
	}
	if x-x != 0 {
		return 0, false
	}
	return x, true
}

// dims are the names of the axes of what is picked, of those of the whole.
func (p pick) dims(all []string) []string {
	if len(all) != len(p.Shape()) || p.Sel == nil {
		return all
	}
	ranges, shape, err := p.Sel.Resolve(p.Shape())
	if err != nil {
		return nil
	}
	var left []string
	for i, r := range ranges {
		if !r.Drop {
			left = append(left, all[i])
		}
	}
	if len(left) != len(shape) { // there are new ones
		return nil
	}
	return left
}

// waveAxes finds the axis of time: "t", or the longest.
func waveAxes(shape tensor.Shape, dims []string) *scene {
	s := &scene{wave: true, shape: shape, y: -1, c: -1, x: slices.Index(dims, "t")}
	switch len(shape) {
	case 1:
		s.x = 0
	case 2:
		if s.x < 0 {
			s.x = 0
			if shape[1] > shape[0] {
				s.x = 1
			}
		}
		s.c = 1 - s.x
	default:
		return nil
	}
	if s.channels() > 64 {
		return nil
	}
	return s
}

// pictureAxes finds the axes of a picture: those called h and w, or by their
// place.
func pictureAxes(shape tensor.Shape, dims []string) *scene {
	s := &scene{shape: shape, y: slices.Index(dims, "h"), x: slices.Index(dims, "w"), c: -1}
	named := s.y >= 0 && s.x >= 0
	switch {
	case len(shape) == 2:
		if !named {
			s.y, s.x = 0, 1
		}
		return s
	case len(shape) != 3:
		return nil
	case named:
		s.c = 3 - s.y - s.x
	case shape[2] <= 4:
		s.y, s.x, s.c = 0, 1, 2
	case shape[0] <= 4:
		s.y, s.x, s.c = 1, 2, 0
	default:
		return nil
	}
	if shape[s.c] > 4 {
		return nil
	}
	return s
}

// drawPicture draws a picture, and what it is below it.
func (t *tool) drawPicture(ctx context.Context, w io.Writer, p pick, s *scene, c *canvas) error {
	height, width := s.shape[s.y], s.shape[s.x]
	maxW, maxH, aspect := c.protocol.Room(c.size, c.size.Columns, max(c.size.Rows-4, 4))
	// Proportions are all that Fit needs of what is very large.
	long := max(float64(max(width, height))/(1<<20), 1)
	w0, h0 := max(int(float64(width)/long), 1), max(int(float64(height)/long), 1)
	tw, th := term.Fit(w0, h0, min(maxW, 1<<11), min(maxH, 1<<11), aspect)
	r, err := t.reduced(ctx, p, s, th, tw)
	if err != nil {
		return err
	}
	m := r.image(p.DType(), s.said)
	if c.pixels() {
		const large = 256
		n := min(large/tw, large/th, maxW/tw, maxH/th)
		m = term.Enlarge(m, n)
	}
	if _, err := w.Write(c.protocol.Append(nil, m)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%d x %d pixels%s\n", width, height, c.advice())
	return err
}

// advice stands below what was drawn without being asked for.
func (c *canvas) advice() string {
	if c.asked {
		return ""
	}
	return "; --picture never prints values"
}

// A raster is a picture made small: the means of the values that each pixel stands
// for, NaN where it stands for none but NaN.
type raster struct {
	width, height, channels int
	values                  []float64
}

// An axisCells goes along an axis, element by element, in cells: element i of n is
// in cell i*cells/n.
type axisCells struct {
	n, at int64
	cell  int
	ends  []int64
	scale int // what a cell counts
}

func newAxisCells(n int64, cells, scale int) *axisCells {
	a := &axisCells{n: n, scale: scale}
	for i := 1; i <= cells; i++ {
		hi, lo := bits.Mul64(uint64(i), uint64(n))
		lo, carry := bits.Add64(lo, uint64(cells)-1, 0)
		end, _ := bits.Div64(hi+carry, lo, uint64(cells))
		a.ends = append(a.ends, int64(end))
	}
	return a
}

// next goes on, and reports whether it came to the end and began again.
func (a *axisCells) next() bool {
	if a.at++; a.at == a.n {
		a.at, a.cell = 0, 0
		return true
	}
	if a.at == a.ends[a.cell] {
		a.cell++
	}
	return false
}

// walk calls fn with the values of what is picked, one after the other in C order,
// and the cell that each is in. It reads block by block.
func (t *tool) walk(ctx context.Context, p pick, axes []*axisCells, fn func(cell int, x float64)) error {
	shape, err := p.Extents()
	if err != nil {
		return err
	}
	total, err := tensor.ByteSize(p.DType(), shape)
	if err != nil {
		return err
	}
	bar := t.newProgress()
	defer bar.end()
	return t.inOrder(bar.watch(ctx, total), p, func(v tensor.View) error {
		list, err := float64s(v)
		if err != nil {
			return err
		}
		for _, x := range list {
			cell := 0
			for _, a := range axes {
				cell += a.cell * a.scale
			}
			fn(cell, x)
			for i := len(axes) - 1; i >= 0 && axes[i].next(); i-- {
			}
		}
		return nil
	})
}

// float64s are the elements of a view in C order.
func float64s(v tensor.View) ([]float64, error) {
	all, err := tensor.Make(tensor.F64, v.Shape())
	if err != nil {
		return nil, err
	}
	if v.DType() == tensor.F64 {
		err = tensor.Copy(all, v)
	} else {
		err = tensor.Cast(all, v)
	}
	if err != nil {
		return nil, err
	}
	return tensor.Data[float64](all)
}

// reduced makes a picture small, chunk by chunk.
func (t *tool) reduced(ctx context.Context, p pick, s *scene, height, width int) (*raster, error) {
	r := &raster{width: width, height: height, channels: int(s.channels())}
	r.values = make([]float64, width*height*r.channels)
	counts := make([]int64, len(r.values))
	var axes []*axisCells
	for axis, n := range s.shape {
		switch axis {
		case s.y:
			axes = append(axes, newAxisCells(n, height, width*r.channels))
		case s.x:
			axes = append(axes, newAxisCells(n, width, r.channels))
		default:
			axes = append(axes, newAxisCells(n, r.channels, 1))
		}
	}
	err := t.walk(ctx, p, axes, func(cell int, x float64) {
		if x == x {
			r.values[cell] += x
			counts[cell]++
		}
	})
	if err != nil {
		return nil, survey.Located(err, p.Tensor)
	}
	for i, n := range counts {
		if r.values[i] /= float64(n); n == 0 {
			r.values[i] = math.NaN()
		}
	}
	return r, nil
}

// image makes colours of values. Samples of 8 bits are what they are. Others go
// from the least to the largest, but for those that pictures have: all of u16, and
// of floats 0 to 1. Alpha lies on black, and what is NaN is magenta.
func (r *raster) image(d tensor.DType, said bool) *image.RGBA {
	alpha := r.channels%2 == 0
	colours := r.channels
	if alpha {
		colours--
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	for i, x := range r.values {
		if i%r.channels < colours && !math.IsInf(x, 0) && x == x {
			lo, hi = min(lo, x), max(hi, x)
		}
	}
	full := 0.0 // what an alpha of 1 is
	switch {
	case d == tensor.U8:
		lo, hi, full = 0, 255, 255
	case d.Class == tensor.ClassBool:
		lo, hi, full = 0, 1, 1
	case d == tensor.U16 && said:
		lo, hi, full = 0, 65535, 65535
	case d.Class == tensor.ClassFloat && said && lo >= 0 && hi <= 1:
		lo, hi, full = 0, 1, 1
	}
	level := func(x float64) uint8 {
		switch {
		case hi <= lo && !math.IsInf(x, 0):
			return 128
		case x <= lo:
			return 0
		case x >= hi:
			return 255
		}
		return uint8((x-lo)/(hi-lo)*255 + 0.5)
	}
	m := image.NewRGBA(image.Rect(0, 0, r.width, r.height))
	for i := range r.width * r.height {
		v := r.values[i*r.channels:][:r.channels]
		out := m.Pix[4*i:][:4]
		out[3] = 255
		if slices.ContainsFunc(v, math.IsNaN) {
			out[0], out[2] = 255, 255
			continue
		}
		for k := range 3 {
			out[k] = level(v[min(k, colours-1)])
		}
		if alpha && full > 0 {
			a := min(max(v[r.channels-1]/full, 0), 1)
			for k := range 3 {
				out[k] = uint8(float64(out[k])*a + 0.5)
			}
		}
	}
	return m
}
