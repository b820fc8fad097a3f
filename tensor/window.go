package tensor

import (
	"math"
	"strconv"
)

// Windows sees the windows of v: along each of axes, which may be negative, the
// extent becomes the number of places of a window, and an axis inside the
// window is appended. Element (..., i, ..., j) is element i*stride+j*dilation of
// the axis. With axes (1, 2) of shape (n, h, w), size (3, 3) and ones, the
// result has shape (n, h-2, w-2, 3, 3). It copies nothing; windows that overlap
// share memory, so the result is for reading.
//
// Without strides and dilation (ones) it is NumPy's sliding_window_view. nil
// axes are all axes, nil stride and dilation are ones; else there must be one
// number for each of axes. An axis named twice has its windows windowed again.
// A window of no elements fits anywhere.
//
// Errors are ErrShape (lengths that differ, a window longer than its axis, a
// number out of range), ErrIndex, ErrLimit (rank), ErrOverflow (more than 2^63-1
// elements) and ErrUnsupported for packed dtypes, whose last axis must stay last.
func (v View) Windows(axes []int, size, stride, dilation []int64) (View, error) {
	if axes == nil {
		axes = make([]int, len(v.shape))
		for i := range axes {
			axes[i] = i
		}
	}
	count := func(field string, n []int64) error {
		if len(n) != len(axes) {
			return v.fail(ErrShape, "window "+field, strconv.Itoa(len(n))+" numbers", "one for each of "+strconv.Itoa(len(axes))+" axes")
		}
		return nil
	}
	if err := count("size", size); err != nil {
		return View{}, err
	}
	if stride == nil {
		stride = ones(len(axes))
	} else if err := count("stride", stride); err != nil {
		return View{}, err
	}
	if dilation == nil {
		dilation = ones(len(axes))
	} else if err := count("dilation", dilation); err != nil {
		return View{}, err
	}
	if len(axes) == 0 {
		return v, nil
	}
	if v.dtype.Packed() {
		return View{}, v.refusePacked("windows")
	}
	if rank := len(v.shape) + len(axes); rank > MaxRank {
		return View{}, v.fail(ErrLimit, "rank", strconv.Itoa(rank), "at most "+strconv.Itoa(MaxRank))
	}
	shape, strides := v.own()
	for i, a := range axes {
		a, err := v.axis(a)
		if err != nil {
			return View{}, err
		}
		places, err := windowPlaces(shape[a], size[i], stride[i], dilation[i])
		if err != nil {
			return View{}, v.fail(ErrShape, "window on axis "+strconv.Itoa(a), err.Error(), "a size that fits "+itoa(shape[a])+" elements, stride and dilation above 0")
		}
		// A step that does not fit is never taken: its axis has one place.
		inner, _ := mulSigned(strides[a], dilation[i])
		outer, _ := mulSigned(strides[a], stride[i])
		shape[a], strides[a] = places, outer
		shape, strides = append(shape, size[i]), append(strides, inner)
	}
	return v.derive(v.dtype, shape, strides, v.offset)
}

func ones(n int) []int64 {
	list := make([]int64, n)
	for i := range list {
		list[i] = 1
	}
	return list
}

// windowError says what a window is that does not fit.
type windowError struct{ size, stride, dilation int64 }

func (e windowError) Error() string {
	return "size " + itoa(e.size) + ", stride " + itoa(e.stride) + ", dilation " + itoa(e.dilation)
}

// windowPlaces is the number of places of a window along an axis of n elements.
func windowPlaces(n, size, stride, dilation int64) (int64, error) {
	if size < 0 || stride < 1 || dilation < 1 {
		return 0, windowError{size, stride, dilation}
	}
	span := int64(0)
	if size > 0 {
		reach, ok := mulLen(size-1, dilation)
		if !ok || reach == math.MaxInt64 {
			return 0, windowError{size, stride, dilation}
		}
		span = reach + 1
	}
	if span > n {
		return 0, windowError{size, stride, dilation}
	}
	return (n-span)/stride + 1, nil
}

// Im2Col sees what a convolution multiplies with its kernel: v has axes
// (..., channels, spatial...), with as many spatial axes as size has numbers;
// the result has (..., places..., channels, kernel...), one window of all
// channels for each place. It is Windows and a permutation and copies nothing.
// For places beyond the edges pad v first.
//
// Errors are those of Windows.
func (v View) Im2Col(size, stride, dilation []int64) (View, error) {
	k := len(size)
	channel := len(v.shape) - k - 1
	if channel < 0 {
		return View{}, v.fail(ErrShape, "im2col", strconv.Itoa(k)+" spatial axes", "a channel axis before them")
	}
	axes := make([]int, k)
	for i := range axes {
		axes[i] = channel + 1 + i
	}
	w, err := v.Windows(axes, size, stride, dilation)
	if err != nil || k == 0 {
		return w, err
	}
	order := make([]int, 0, len(w.shape))
	for i := range w.shape {
		if i != channel {
			order = append(order, i)
		}
		if i == channel+k {
			order = append(order, channel)
		}
	}
	return w.Permute(order...)
}

// Im2ColMatrix is Im2Col as a matrix: a row for each place (of each image),
// which holds the window of all channels in C order. It is a view of v if
// strides can say it, such as windows that do not overlap along one axis, else
// one copy in C order and the byte order of the machine; copied tells which.
// The copy holds every element as often as windows share it.
func (v View) Im2ColMatrix(size, stride, dilation []int64) (m View, copied bool, err error) {
	w, err := v.Im2Col(size, stride, dilation)
	if err != nil {
		return View{}, false, err
	}
	cut := len(w.shape) - len(size) - 1
	rows, err := w.shape[:cut].NumElements()
	if err != nil {
		return View{}, false, err
	}
	row, err := w.shape[cut:].NumElements()
	if err != nil {
		return View{}, false, err
	}
	if m, err = w.Reshape(Shape{rows, row}); err == nil {
		return m, false, nil
	}
	if w, err = w.Clone(); err != nil {
		return View{}, false, err
	}
	m, err = w.Reshape(Shape{rows, row})
	return m, true, err
}
