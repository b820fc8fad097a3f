package operate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/convert/internal/picture"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/image"
)

// imageAxes are the axes of an array that are rows, columns and channels; c is
// -1 if there is none.
type imageAxes struct{ y, x, c int }

// Names of axes in the attribute dims.
var (
	channelNames = []string{"c", "channel", "channels"}
	timeNames    = []string{"t", "time", "sample", "samples", "frame", "frames"}
)

// named finds the axis that has one of the names, or -1.
func named(dims, names []string) int {
	return slices.IndexFunc(dims, func(d string) bool { return slices.Contains(names, strings.ToLower(d)) })
}

// image finds the axes of images, as picture.Axes does.
func (a *array) image() (imageAxes, error) {
	s := a.shape()
	if y, x, c, ok := picture.Axes(s, a.attrs.Dims()); ok {
		return imageAxes{y, x, c}, nil
	}
	return imageAxes{}, a.fail(tensor.ErrShape, "axes of an image", s.String(), "HW, HWC or CHW with 1 to 4 channels, alone or behind a batch axis, or axes called h, w and c (attribute dims); rearrange puts them so")
}

// order permutes the axes of an array to batch, rows, columns and channels, and
// says what layout that is.
func (im imageAxes) order(rank int) (axes []int, l image.Layout) {
	for i := range rank {
		if i != im.y && i != im.x && i != im.c {
			axes = append(axes, i)
		}
	}
	if axes = append(axes, im.y, im.x); im.c < 0 {
		return axes, image.HW
	}
	return append(axes, im.c), image.HWC
}

// Resize makes images Width by Height pixels large, as image.Resize does.
type Resize struct {
	Width, Height int64
	Filter        image.Filter
	Fit           image.Fit
}

func (r Resize) String() string {
	return fmt.Sprintf("resize %dx%d; %v; %v", r.Width, r.Height, r.Filter, r.Fit)
}

func (r Resize) apply(in []*array) ([]*array, error) {
	o := &image.ResizeOptions{Filter: r.Filter, Fit: r.Fit, Options: image.Options{Workers: 1}}
	return each(in, func(a *array) error {
		im, err := a.image()
		if err != nil {
			return err
		}
		d, before := a.n.form()
		if r.Width < 1 || r.Height < 1 {
			return a.fail(tensor.ErrShape, "resize", fmt.Sprintf("%dx%d", r.Width, r.Height), "at least 1x1")
		}
		if before[im.y] < 1 || before[im.x] < 1 {
			return a.fail(tensor.ErrShape, "image", before.String(), "at least one pixel")
		}
		one, err := tensor.Make(d, tensor.Shape{1, 1})
		if err != nil {
			return err
		}
		if err := image.ResizeInto(one, one, image.HW, o); err != nil {
			return err
		}
		shape := before.Clone()
		shape[im.y], shape[im.x] = r.Height, r.Width
		axes, l := im.order(len(shape))
		b := &blockwise{unary: unary{a.n, d, shape}, from: alone(len(shape), im.y, im.x, im.c)}
		b.fn = func(dst, src tensor.View) error {
			dst, err := dst.Permute(axes...)
			if err != nil {
				return err
			}
			if src, err = src.Permute(axes...); err != nil {
				return err
			}
			return image.ResizeInto(dst, src, l, o)
		}
		b.extra = func(out, in int64) int64 { return 1 << 20 }
		a.n = b
		_, from := all(shape)
		a.carry(before, from, func(i int) bool { return i == im.y || i == im.x })
		return nil
	})
}

// alone says which of the axes are computed by themselves: all but some.
func alone(rank int, but ...int) []int {
	from := make([]int, rank)
	for i := range from {
		if from[i] = i; slices.Contains(but, i) {
			from[i] = -1
		}
	}
	return from
}

// pixels reads WxH.
func pixels(text string) (w, h int64, ok bool) {
	a, b, ok := strings.Cut(strings.TrimSpace(text), "x")
	w, err := strconv.ParseInt(a, 10, 32)
	h, err2 := strconv.ParseInt(b, 10, 32)
	return w, h, ok && err == nil && err2 == nil && w > 0 && h > 0
}

func parseResize(text string) (Operator, error) {
	parts := strings.Split(text, ";")
	r := Resize{}
	var ok bool
	if r.Width, r.Height, ok = pixels(parts[0]); !ok || len(parts) > 3 {
		return nil, badValue("resize", text, "WIDTHxHEIGHT in pixels, such as 227x227")
	}
	for _, p := range parts[1:] {
		p = strings.TrimSpace(p)
		if f, err := image.ParseFit(p); err == nil {
			r.Fit = f
		} else if r.Filter, err = image.ParseFilter(p); err != nil {
			return nil, badValue("resize", p, "a filter (nearest, bilinear, bicubic) or a fit (stretch, crop, pad)")
		}
	}
	return r, nil
}

// Crop cuts images to Width by Height pixels from X, Y on, or the middle.
type Crop struct {
	Width, Height int64
	Placed        bool // X and Y say where; else in the middle
	X, Y          int64
}

func (c Crop) String() string {
	text := fmt.Sprintf("crop %dx%d", c.Width, c.Height)
	if c.Placed {
		text += fmt.Sprintf("+%d+%d", c.X, c.Y)
	}
	return text
}

func (c Crop) apply(in []*array) ([]*array, error) {
	return each(in, func(a *array) error {
		im, err := a.image()
		if err != nil {
			return err
		}
		s := a.shape()
		x, y := c.X, c.Y
		if !c.Placed {
			x, y = max(0, (s[im.x]-c.Width)/2), max(0, (s[im.y]-c.Height)/2)
		}
		if c.Width < 0 || c.Height < 0 || x < 0 || y < 0 || x > s[im.x] || y > s[im.y] || c.Width > s[im.x]-x || c.Height > s[im.y]-y {
			return a.fail(tensor.ErrIndex, c.String(), fmt.Sprintf("an image of %dx%d", s[im.x], s[im.y]), "one that holds it")
		}
		axes, from := all(s)
		axes[im.x] = span{First: x, Count: c.Width, Step: 1}
		axes[im.y] = span{First: y, Count: c.Height, Step: 1}
		return a.pick(c.String(), axes, from)
	})
}

func parseCrop(text string) (Operator, error) {
	bad := badValue("crop", text, "WIDTHxHEIGHT or WIDTHxHEIGHT+X+Y in pixels")
	parts := strings.Split(strings.TrimSpace(text), "+")
	c := Crop{}
	var ok bool
	if c.Width, c.Height, ok = pixels(parts[0]); !ok || len(parts) != 1 && len(parts) != 3 {
		return nil, bad
	}
	if len(parts) == 3 {
		x, err := strconv.ParseUint(parts[1], 10, 32)
		y, err2 := strconv.ParseUint(parts[2], 10, 32)
		if err != nil || err2 != nil {
			return nil, bad
		}
		c.Placed, c.X, c.Y = true, int64(x), int64(y)
	}
	return c, nil
}
