package image

import (
	"github.com/tensorfile/tensorfile/tensor"
)

// Crop is the part of the images that begins at row y and column x: a view of
// the same bytes. What does not lie inside the image is ErrIndex.
func Crop(v tensor.View, l Layout, y, x, height, width int64) (tensor.View, error) {
	h, w, _, err := Size(v, l)
	if err != nil {
		return tensor.View{}, err
	}
	if y < 0 || x < 0 || height < 0 || width < 0 || y > h || x > w || height > h-y || width > w-x {
		return tensor.View{}, fail(tensor.ErrIndex, "crop",
			itoa(height)+" x "+itoa(width)+" at "+itoa(y)+", "+itoa(x), "inside "+itoa(h)+" x "+itoa(w)+" pixels")
	}
	axisY, axisX, _ := l.axes(v.Rank())
	if v, err = v.Slice(axisY, y, y+height, 1); err != nil {
		return tensor.View{}, err
	}
	return v.Slice(axisX, x, x+width, 1)
}

// CropCentre is the middle of the images, a view of the same bytes. Where it
// cannot be exact there is a row or column less above or to the left. Images
// smaller than that are ErrIndex.
func CropCentre(v tensor.View, l Layout, height, width int64) (tensor.View, error) {
	h, w, _, err := Size(v, l)
	if err != nil {
		return tensor.View{}, err
	}
	return Crop(v, l, max(0, (h-height)/2), max(0, (w-width)/2), height, width)
}

// FlipX reverses the columns, left and right: a view of the same bytes.
func FlipX(v tensor.View, l Layout) (tensor.View, error) {
	if err := l.check(v); err != nil {
		return tensor.View{}, err
	}
	_, x, _ := l.axes(v.Rank())
	return v.Flip(x)
}

// FlipY reverses the rows, top and bottom: a view of the same bytes.
func FlipY(v tensor.View, l Layout) (tensor.View, error) {
	if err := l.check(v); err != nil {
		return tensor.View{}, err
	}
	y, _, _ := l.axes(v.Rank())
	return v.Flip(y)
}

// Magnify repeats each pixel height times down and width times across. It
// equals a [Nearest] resize by whole factors. Factors below 1 are ErrShape.
func Magnify(v tensor.View, l Layout, height, width int64, o *Options) (tensor.View, error) {
	h, w, channels, err := Size(v, l)
	if err != nil {
		return tensor.View{}, err
	}
	if height < 1 || width < 1 {
		return tensor.View{}, fail(tensor.ErrShape, "factors", itoa(height)+" x "+itoa(width), "at least 1 x 1")
	}
	const most = 1 << 31 // as in a resize; the products fit
	if max(h, w, height, width) >= most {
		return tensor.View{}, fail(tensor.ErrLimit, "magnify", itoa(h)+" x "+itoa(w)+" by "+itoa(height)+" x "+itoa(width), "numbers below "+itoa(most))
	}
	var opts Options
	if o != nil {
		opts = *o
	}
	dst, err := opts.make(v.DType(), l.sized(v, h*height, w*width, channels))
	if err != nil {
		return tensor.View{}, err
	}
	return dst, ResizeInto(dst, v, l, &ResizeOptions{Filter: Nearest, Options: opts})
}
