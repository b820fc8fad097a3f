package operate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert/internal/picture"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/image"
)

// Channels gives images 1, 3 or 4 channels: grey without an axis of channels, RGB,
// or RGBA, as image.ConvertChannels does without a background. Grey becomes
// colour by being repeated, colour grey by the luma of BT.601 as Pillow computes
// it; an alpha that is not wanted is dropped and colours stay, one that was not
// there is opaque. What images are is said by the attribute image.color_model, or
// else by how many channels they have: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
// CMYK is ErrUnsupported.
type Channels struct{ Count int }

func (c Channels) String() string { return "channels " + strconv.Itoa(c.Count) }

// wanted are the meanings by Channels.Count.
var wanted = map[int]image.Channels{1: image.Grey, 3: image.RGB, 4: image.RGBA}

func (c Channels) apply(in []*array) ([]*array, error) {
	return each(in, func(a *array) error {
		im, err := a.image()
		if err != nil {
			return err
		}
		to, ok := wanted[c.Count]
		if !ok {
			return a.fail(tensor.ErrUnsupported, "channels", strconv.Itoa(c.Count), "1, 3 or 4")
		}
		from, err := a.meaning(im)
		if err != nil {
			return err
		}
		d, before := a.n.form()
		if from == to && (im.c >= 0) == (to != image.Grey) {
			return nil
		}
		// The axes of the result: those of the images, and channels where they were,
		// or last.
		order, _ := im.order(len(before)) // of the argument: batch, rows, columns, channels
		var keep []int                    // of the result, by the argument's
		for i := range before {
			if i != im.c || to != image.Grey {
				keep = append(keep, i)
			}
		}
		if im.c < 0 && to != image.Grey {
			keep = append(keep, -1)
		}
		shape := make(tensor.Shape, len(keep))
		by := slices.Clone(keep) // which axes are computed index by index
		place := -1
		for i, axis := range keep {
			if axis == im.c { // or both are -1
				place, by[i], shape[i] = i, -1, to.Count()
			} else {
				shape[i] = before[axis]
			}
		}
		o := &image.ChannelOptions{Options: image.Options{Workers: 1, MaxBytes: -1}}
		convert := func(dst, src tensor.View) error {
			src, err := src.Permute(order...)
			if err == nil && im.c < 0 {
				src, err = src.ExpandDims(src.Rank())
			}
			if err != nil {
				return err
			}
			out, _, err := image.ConvertChannels(src, image.HWC, from, to, o)
			if err != nil {
				return err
			}
			if place < 0 {
				if out, err = out.Index(out.Rank()-1, 0); err != nil {
					return err
				}
			}
			// Back from batch, rows, columns, channels.
			back := make([]int, len(keep))
			for i, axis := range keep {
				if i == place {
					back[i] = len(keep) - 1
				} else {
					back[i] = slices.Index(order, axis)
				}
			}
			if out, err = out.Permute(back...); err != nil {
				return err
			}
			return tensor.Copy(dst, out)
		}
		if err := tryChannels(d, from, to, o); err != nil {
			return err
		}
		a.n = &blockwise{unary: unary{a.n, d, shape}, from: by, fn: convert, extra: func(out, _ int64) int64 { return out + 1<<20 }}
		a.carry(before, keep, func(i int) bool { return i == place })
		a.recolour(to, place)
		return nil
	})
}

// tryChannels converts one pixel, to see whether the dtype is known.
func tryChannels(d tensor.DType, from, to image.Channels, o *image.ChannelOptions) error {
	v, err := tensor.Make(d, tensor.Shape{1, 1, from.Count()})
	if err == nil {
		_, _, err = image.ConvertChannels(v, image.HWC, from, to, o)
	}
	return err
}

// meaning is what the channels of images are.
func (a *array) meaning(im imageAxes) (image.Channels, error) {
	n := int64(1)
	if im.c >= 0 {
		n = a.shape()[im.c]
	}
	if name, ok := a.attrs[picture.ColorModel].(string); ok {
		if c, err := image.ParseChannels(name); err != nil {
			return 0, a.fail(tensor.ErrUnsupported, "channels", name, "images that are grey or RGB, with alpha or without")
		} else if c.Count() == n {
			return c, nil
		}
	}
	for _, c := range []image.Channels{image.Grey, image.GreyAlpha, image.RGB, image.RGBA} {
		if c.Count() == n {
			return c, nil
		}
	}
	return 0, a.fail(tensor.ErrShape, "channels", fmt.Sprint(n), "1 to 4")
}

// recolour notes what images have become. place is the axis of the channels, if
// there is one.
func (a *array) recolour(to image.Channels, place int) {
	own := maps.Clone(a.attrs)
	if own == nil {
		own = tensorfile.Attrs{}
	}
	if _, ok := own[picture.ColorModel]; ok {
		own[picture.ColorModel] = to.String()
	}
	if dims := own.Dims(); dims != nil && place >= 0 && dims[place] == "" {
		name := "channel"
		if slices.Contains(dims, "h") {
			name = "c"
		}
		dims = slices.Clone(dims)
		dims[place] = name
		own = own.WithDims(dims...)
	}
	a.attrs = own
}

func parseChannels(text string) (Operator, error) {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if _, ok := wanted[n]; err != nil || !ok {
		return nil, badValue("channels", text, "1 (grey), 3 (RGB) or 4 (RGBA)")
	}
	return Channels{n}, nil
}
