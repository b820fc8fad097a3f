// Package conv convolves and correlates tensors with filters, directly and on
// the host: any number of spatial axes, channels and filters, groups, stride,
// padding, dilation, and kernels whose origin is any of their elements. It is
// the reference for devices, so it says in which order it adds.
//
// # Axes
//
// The input has axes ([batch,] channels, spatial...), the filters (filters,
// channels/groups, kernel...), with one or more spatial axes; the result has
// ([batch,] filters, spatial...). Other layouts are permuted views, which cost
// nothing: what is read is packed, part by part, anyway. Inputs and filters may
// have any real dtype, strides and byte order; they are cast, by the rules of
// tensor.Cast, as they are read.
//
// # What is computed
//
// Correlate computes, for filter f of group g, at place y,
//
//	out[f, y] = bias[f] + sum over c, k of filters[f, c, k] * in[g*C+c, y*stride + k*dilation - before]
//
// where C is channels/groups, and what lies outside the input is zero. Convolve
// does the same with kernels flipped along all spatial axes, as in mathematics.
//
// # Order of additions
//
// A result of f32 is one sum of float32, and of f64 one of float64. It begins
// with the bias, or +0. Then each product is rounded and added, and the sum is
// rounded: c ascends outermost, then k in C order (of the kernel as it is
// applied: for Convolve, flipped). Nothing is fused, skipped or split, products
// with padding included, on every machine and for any number of workers: equal
// arguments give equal bits. A device that rounds products and sums apart and
// keeps the order gives them, too.
//
// With n = C times the elements of a kernel, and u half a unit in the last place
// of 1 (2^-24 in f32, 2^-53 in f64), a result is off the exact one by at most
// (n+1)*u/(1-(n+1)*u) times |bias| plus the sum of the magnitudes of the
// products, while nothing overflows or falls below the normal range.
//
// # Lifetime, concurrency, errors
//
// Results are memory of their own in C order, or go to a view of the caller.
// Sources are only read. No goroutine outlives a call. Beside the result a
// worker keeps a packed part of the input, about half a MiB if kernel rows are
// not longer than that.
//
// Errors are of type *tensor.Error: ErrShape for what does not fit, ErrDType for
// what is not a real number or a result that is not f32 or f64, ErrLimit and
// ErrOverflow for sizes.
package conv
