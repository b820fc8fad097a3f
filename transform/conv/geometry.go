package conv

import (
	"math"
	"strconv"

	"github.com/tensorfile/tensorfile/tensor"
)

// geometry is a convolution in numbers.
type geometry struct {
	batch, channels, filters int64 // channels are those of a group
	groups                   int64
	axes                     []axis // spatial
}

// axis is a spatial axis.
type axis struct {
	in, kernel, stride, dilation int64
	before                       int64 // zeros before the input
	out                          int64
}

// newGeometry checks shapes and options. A flipped kernel has its origin
// elsewhere.
func newGeometry(in, filters tensor.Shape, o *Options, flip bool) (*geometry, error) {
	if o == nil {
		o = &Options{}
	}
	for _, s := range []tensor.Shape{in, filters} {
		if _, err := s.NumElements(); err != nil {
			return nil, err
		}
	}
	spatial := len(filters) - 2
	if spatial < 1 {
		return nil, fail(tensor.ErrShape, "filters", filters.String(), "axes (filters, channels/groups, kernel...)")
	}
	first := len(in) - spatial // of the spatial axes
	if first != 1 && first != 2 {
		return nil, fail(tensor.ErrShape, "input", in.String(), "axes ([batch,] channels, spatial...), "+strconv.Itoa(spatial)+" of them spatial as in the filters")
	}
	g := &geometry{batch: 1, filters: filters[0], channels: filters[1], groups: max(o.Groups, 1)}
	if first == 2 {
		g.batch = in[0]
	}
	if o.Groups < 0 || g.filters%g.groups != 0 || in[first-1]%g.groups != 0 {
		return nil, fail(tensor.ErrShape, "groups", itoa(o.Groups), "a divisor of "+itoa(in[first-1])+" channels and "+itoa(g.filters)+" filters")
	}
	if in[first-1]/g.groups != g.channels || g.channels == 0 {
		return nil, fail(tensor.ErrShape, "channels", itoa(in[first-1])+" in "+itoa(g.groups)+" groups", itoa(g.channels)+" for each filter, at least one")
	}
	for _, list := range []struct {
		name string
		n    int
	}{{"stride", len(o.Stride)}, {"dilation", len(o.Dilation)}, {"pad", len(o.Pad)}, {"origin", len(o.Origin)}} {
		if list.n != 0 && list.n != spatial {
			return nil, fail(tensor.ErrShape, list.name, strconv.Itoa(list.n)+" numbers", "one for each of "+strconv.Itoa(spatial)+" spatial axes")
		}
	}
	if len(o.Pad) > 0 && len(o.Origin) > 0 {
		return nil, fail(tensor.ErrShape, "convolution", "both pad and origin", "one of them")
	}
	g.axes = make([]axis, spatial)
	for i := range g.axes {
		a := axis{in: in[first+i], kernel: filters[2+i], stride: 1, dilation: 1}
		if len(o.Stride) > 0 {
			a.stride = o.Stride[i]
		}
		if len(o.Dilation) > 0 {
			a.dilation = o.Dilation[i]
		}
		var pad [2]int64
		if len(o.Pad) > 0 {
			pad = o.Pad[i]
		}
		origin := int64(-1)
		if len(o.Origin) > 0 {
			if origin = o.Origin[i]; origin < 0 || origin >= a.kernel {
				return nil, fail(tensor.ErrShape, "origin on spatial axis "+strconv.Itoa(i), itoa(origin), "an element of a kernel of "+itoa(a.kernel))
			}
			if flip {
				origin = a.kernel - 1 - origin
			}
		}
		if err := a.fit(i, pad, origin); err != nil {
			return nil, err
		}
		g.axes[i] = a
	}
	if _, err := g.shape(true).NumElements(); err != nil {
		return nil, err
	}
	return g, nil
}

// fit computes where the kernel begins and how many places it has. origin is an
// element of the kernel, or -1.
func (a *axis) fit(i int, pad [2]int64, origin int64) error {
	name := " on spatial axis " + strconv.Itoa(i)
	for _, n := range []struct {
		name  string
		value int64
		least int64
	}{{"kernel", a.kernel, 1}, {"stride", a.stride, 1}, {"dilation", a.dilation, 1}, {"pad", pad[0], 0}, {"pad", pad[1], 0}} {
		if n.value < n.least {
			return fail(tensor.ErrShape, n.name+name, itoa(n.value), "at least "+itoa(n.least))
		}
	}
	if a.kernel > 1 && a.dilation > (math.MaxInt64-1)/(a.kernel-1) {
		return fail(tensor.ErrOverflow, "kernel"+name, itoa(a.kernel)+" elements "+itoa(a.dilation)+" apart", "a span of at most 2^63-1")
	}
	span := (a.kernel-1)*a.dilation + 1
	if origin >= 0 {
		pad = [2]int64{origin * a.dilation, (a.kernel - 1 - origin) * a.dilation}
	}
	if pad[0] > math.MaxInt64-a.in || pad[1] > math.MaxInt64-a.in-pad[0] {
		return fail(tensor.ErrOverflow, "pad"+name, itoa(pad[0])+" and "+itoa(pad[1]), "an extent of at most 2^63-1")
	}
	padded := a.in + pad[0] + pad[1]
	if span > padded && (origin < 0 || a.in > 0) {
		return fail(tensor.ErrShape, "kernel"+name, "a span of "+itoa(span), "at most the padded input, "+itoa(padded))
	}
	a.before = pad[0]
	if span <= padded {
		a.out = (padded-span)/a.stride + 1
	}
	return nil
}

// shape is that of the result.
func (g *geometry) shape(batch bool) tensor.Shape {
	var s tensor.Shape
	if batch {
		s = append(s, g.batch)
	}
	s = append(s, g.filters)
	for _, a := range g.axes {
		s = append(s, a.out)
	}
	return s
}

// last is the largest multiple of the stride by which a kernel reaches on.
func (a *axis) last() int64 { return (a.kernel - 1) * a.dilation / a.stride }
