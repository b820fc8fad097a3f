package image

import (
	"math"

	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

// Set accumulates the mean image of a set, and deviations, from images that
// come one by one or in batches. Nothing of them is kept. The zero Set is empty
// and ready; one goroutine at a time may use it: let each worker fill a Set of
// its own, and merge them.
//
// Means and sums of squared deviations are kept in float64 for each pixel and
// updated as Welford does, so that values far from zero lose nothing. The same
// images in the same order give the same bits, on any number of workers; another
// order or grouping differs by rounding, a few units in the 15th digit.
type Set struct {
	// Options bound the memory, 16 bytes for each element of an image, and the
	// goroutines of an Add.
	Options Options

	layout         Layout
	n              int64
	shape          tensor.Shape // of one image, in layout
	mean, squares  []float64    // in C order of rows, columns, channels
	height, width  int64
	channels, line int64
}

// Len is the number of images that were added.
func (s *Set) Len() int64 { return s.n }

// Add counts the images of v, in the order of its leading axes. All images of a
// set have the layout and the extents of the first. Any real dtype will do; a
// NaN makes the results of its pixel and channel NaN.
//
// After an error the set is as it was before.
func (s *Set) Add(v tensor.View, l Layout) error {
	b, err := l.images(v, false)
	if err != nil {
		return err
	}
	if c := v.DType().Class; !v.DType().Known() || c < tensor.ClassBool || c > tensor.ClassFloat {
		return fail(tensor.ErrDType, "set", v.DType().String(), "a real number")
	}
	if b.n == 0 {
		return nil
	}
	if err := s.begin(&b, v, l); err != nil {
		return err
	}
	err = parallel.EachWith(s.Options.workers(), s.height, func() *buffer[float64] { return new(buffer[float64]) }, func(room *buffer[float64], y int64) error {
		mean, squares := s.mean[y*s.line:(y+1)*s.line], s.squares[y*s.line:(y+1)*s.line]
		for i := range b.n {
			image, err := b.image(i)
			if err != nil {
				return err
			}
			row, err := image.Index(0, y)
			if err != nil {
				return err
			}
			x, err := elements(row, room, tensor.F64)
			if err != nil {
				return err
			}
			n := float64(s.n + i + 1)
			for j, x := range x {
				d := x - mean[j]
				m := mean[j] + d/n
				mean[j] = m
				squares[j] += float64(d * (x - m))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.n += b.n
	return nil
}

// begin makes an empty set one of images like those of b, or compares.
func (s *Set) begin(b *batch, v tensor.View, l Layout) error {
	shape := v.Shape()[v.Rank()-l.rank():]
	if s.n > 0 {
		if l != s.layout || !shape.Equal(s.shape) {
			return fail(tensor.ErrShape, "set", shape.String()+" in "+l.String(), s.shape.String()+" in "+s.layout.String())
		}
		return nil
	}
	size, err := tensor.ByteSize(tensor.F64, shape)
	if err != nil {
		return err
	}
	if err := s.Options.allow("a set", size, 2); err != nil {
		return err
	}
	s.layout, s.shape = l, shape.Clone()
	s.height, s.width, s.channels, s.line = b.height, b.width, b.c, b.width*b.c
	s.mean, s.squares = make([]float64, size/8), make([]float64, size/8)
	return nil
}

// Merge adds the images of another set, which stays as it is.
func (s *Set) Merge(o *Set) error {
	switch {
	case o.n == 0:
		return nil
	case s.n == 0:
		options := s.Options
		*s = *o
		s.Options = options
		s.mean, s.squares = append([]float64(nil), o.mean...), append([]float64(nil), o.squares...)
		return nil
	case o.layout != s.layout || !o.shape.Equal(s.shape):
		return fail(tensor.ErrShape, "set", o.shape.String()+" in "+o.layout.String(), s.shape.String()+" in "+s.layout.String())
	}
	for i := range s.mean {
		s.mean[i], s.squares[i] = join(float64(s.n), s.mean[i], s.squares[i], float64(o.n), o.mean[i], o.squares[i])
	}
	s.n += o.n
	return nil
}

// join gives mean and squared deviations of two groups of n and m values as
// one.
func join(n, mean, squares, m, otherMean, otherSquares float64) (float64, float64) {
	d := otherMean - mean
	part := m / (n + m)
	return mean + d*part, squares + otherSquares + d*d*n*part
}

// Mean is the mean image, f64 in fresh memory, in the layout of the images. An
// empty set is ErrShape.
func (s *Set) Mean() (tensor.View, error) {
	return s.image(s.mean, func(x float64) float64 { return x })
}

// Std is the standard deviation of each pixel over the set, that of the
// population: divided by the number of images. f64, as Mean.
func (s *Set) Std() (tensor.View, error) {
	return s.image(s.squares, func(x float64) float64 { return math.Sqrt(x / float64(s.n)) })
}

func (s *Set) image(from []float64, f func(float64) float64) (tensor.View, error) {
	if s.n == 0 {
		return tensor.View{}, s.empty()
	}
	out, err := tensor.Make(tensor.F64, s.shape)
	if err != nil {
		return out, err
	}
	data, err := tensor.Data[float64](out)
	if err != nil {
		return out, err
	}
	for i, x := range from {
		if s.layout == CHW {
			i = int(int64(i)%s.channels*s.height*s.width + int64(i)/s.channels)
		}
		data[i] = f(x)
	}
	return out, nil
}

func (s *Set) empty() error { return fail(tensor.ErrShape, "set", "no images", "at least one") }

// Channels returns mean and standard deviation of each channel over all pixels
// of all images. An empty set is ErrShape.
func (s *Set) Channels() (mean, std []float64, err error) {
	if s.n == 0 {
		return nil, nil, s.empty()
	}
	mean, std = make([]float64, s.channels), make([]float64, s.channels)
	for c := range mean {
		var m, squares float64
		for i := 0; i < int(s.height*s.width); i++ {
			at := i*len(mean) + c
			m, squares = join(float64(i), m, squares, 1, s.mean[at], s.squares[at]/float64(s.n))
		}
		mean[c], std[c] = m, math.Sqrt(squares/float64(s.height*s.width))
	}
	return mean, std, nil
}
