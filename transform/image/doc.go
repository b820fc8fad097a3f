// Package image holds the operators that people put between pictures and a
// model: resize, crop, flip, magnify, channel conversion, mean images. They
// work on views, with the axes where a [Layout] says, and know no files.
//
// # Images
//
// An image is a view whose last axes are those of its layout: rows, columns and
// channels ([HWC], interleaved), channels, rows and columns ([CHW], planar), or
// rows and columns ([HW]). Axes before them count images: a batch of shape
// (32, 480, 640, 3) is 32 images in HWC. Sizes are always given as height,
// width, in pixels; positions as y, x from the first row and column of the view.
// Values have no colour space: filters work on the numbers that are stored, as
// Pillow does.
//
// Views may have any strides and byte order. What strides can say (crops,
// flips, RGB to BGR, grey to RGB) is a view of the same bytes and costs nothing;
// everything else reads the source where it lies, a band of rows at a time, and
// writes fresh memory in C order and the byte order of the machine. Views that
// are returned live as long as the bytes that they look at; see package tensor.
//
// # Concurrency and memory
//
// All functions may be called at the same time, and read their sources from
// several goroutines ([Options]). Beside the result each goroutine needs room
// for a band of rows, about a megabyte for pictures of usual width; sizes are
// computed in checked arithmetic and compared with [Options] before anything is
// allocated.
//
// # Errors
//
// Errors are of type *tensor.Error: tensor.ErrShape for ranks, extents and
// layouts that do not fit, tensor.ErrDType, tensor.ErrIndex for crops outside
// the image, tensor.ErrLimit and tensor.ErrOverflow for sizes,
// tensor.ErrUnsupported for options that are not known.
package image
