// Package transform makes new data of tensors before a model sees them: Pad,
// Roll and ScaleBias, on any view, whatever its strides and byte order. It knows
// package tensor only. Convolution, images and sound have packages of their own
// below it.
//
// Each operation comes twice. The plain form returns memory of its own in C
// order and the byte order of the machine. The form with Into in its name
// writes to a view of the caller: of any strides and byte order, but with no
// element repeated, not on a read-only mapping, and not overlapping the source.
// After an error such a view holds anything, and the plain form returns none.
//
// Sources are only read. No goroutine outlives a call. Where options have
// Workers, it is the largest number of goroutines that share a call, below 1
// for GOMAXPROCS; calls on less than a MiB use the caller's goroutine alone. The
// result does not depend on it.
//
// What would only look at the same elements in another way copies nothing and
// is a method of [tensor.View]: flips, crops, windows, diagonals, broadcasts.
package transform

import "github.com/tensorfile/tensorfile/tensor"

func fail(kind error, field, got, want string) error {
	return &tensor.Error{Kind: kind, Offset: -1, Field: field, Got: got, Want: want}
}
