// Package quant is quantised tensors in memory: numbers of few bits with scales
// and, if there are any, zero points, one for each group of elements. It knows
// no files.
//
// An Array describes parts that it does not own: values, scales and zeros are
// views, of a mapped file or of memory, of any strides and byte order and of any
// int, uint or float dtype, packed ones included. The group has an extent for
// each axis: element (i0, i1, ...) belongs to scale (i0/g0, i1/g1, ...), so that
// one type holds a scale for all (groups as large as the shape), for each index
// of an axis, for blocks along an axis, and for tiles.
//
// # Arithmetic
//
// An element is (value - zero) * scale. Each of the three is converted to
// binary32; the difference and the product are rounded to nearest even; the
// result is cast to the dtype that is asked for, once. In the dtype of the Array
// these are the elements of the tensor (specification, "Composites"). Which NaN
// comes out where one does is not said.
//
// # Making one
//
// Quantise chooses scales by the rule of its Scheme and rounds to nearest even:
// see Scheme for the rules and for what an element may be off.
//
// # Memory and concurrency
//
// Work is cut into boxes that stay in the cache of a processor, which several
// goroutines take; results are the same for any number. Dequantising holds a few
// hundred KiB for each goroutine; quantising holds 8 bytes for each scale
// besides. An Array is never changed, and safe for concurrent use as long as
// nobody writes to the memory of its parts.
//
// # Errors
//
// Errors are *tensor.Error. Those about parts carry the rule of the file format
// that is broken: composite.part, composite.index or dtype.none. An ended
// context ends work between two boxes, with the error of the context.
package quant
