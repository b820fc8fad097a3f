// Package audio holds the operators that people put between recordings and a
// model: mixing to mono, change of rate, levels, conversion of samples. They
// work on views and know no files.
//
// # Sound
//
// A recording is a view of shape (T), samples of one channel, or (T, C), frames
// of C channels; planar recordings (C, T) become that by a transpose, which
// copies nothing. Any strides and byte order will do. Results are fresh memory
// in C order and the byte order of the machine.
//
// Samples are f64, f32, f16, bf16, i32, i16, i8 or u8. Full scale is 1 for
// floats, 2^31, 2^15, 2^7 for signed integers, and 128 on both sides of 128 for
// u8, as in WAV files. Samples of 24 bits are i32 with eight zero bits below.
//
// # Rounding and clipping
//
// All arithmetic is that of float64. A result that goes to integers is rounded
// to the nearest, halves to even, and clipped to their range: 1.0 becomes 32767
// in i16. NaN becomes silence. There is no dither. What goes to floats is
// rounded once and never clipped.
//
// # Concurrency and memory
//
// All functions may be called at the same time. They share work among
// goroutines ([Options]); results do not depend on how many. A [Resampler]
// belongs to one goroutine. Beside the result each goroutine needs about a
// megabyte. Sizes are computed in checked arithmetic and compared with
// [Options] before anything is allocated.
//
// # Errors
//
// Errors are of type *tensor.Error: tensor.ErrShape for other ranks and for
// weights that do not fit, tensor.ErrDType, tensor.ErrLimit and
// tensor.ErrOverflow for sizes and rates, tensor.ErrUnsupported for qualities
// and levels that are not known.
package audio
