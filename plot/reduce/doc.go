// Package reduce makes tensors as small as a picture of them: the mean of what
// falls into each pixel ([Grid]), the least and the greatest in each column of
// pixels ([Envelope]), the number of entries of a sparse matrix in each pixel
// ([Pattern]).
//
// All are fed with blocks in any order, so that a tensor of any size needs
// memory for the picture alone. Work is shared by giving each goroutine a
// reduction of its own and bringing them together with Merge; results do not
// depend on the order of blocks but in the last digits of sums.
//
// Pixel p of w that lie over n elements has the elements i with
// floor(i * w / n) = p: those of [sparse.Array.Image] and, where w divides n,
// blocks of n / w as a reshape makes them. There are never more pixels than
// elements.
//
// Elements are numbers of any numeric dtype, packed ones too; of complex
// numbers the magnitude is meant. Errors are of type *tensor.Error: ErrDType for
// bytes, text and blocks, ErrIndex for a block outside.
//
// [sparse.Array.Image]: https://pkg.go.dev/github.com/tensorfile/tensorfile/sparse#Array.Image
package reduce
