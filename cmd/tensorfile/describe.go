package main

import (
	"math"
	"strconv"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/survey"
)

// layoutName is "dense", "chunked" or the layout of a composite.
func layoutName(t *tensorfile.Tensor) string { return survey.LayoutName(t) }

// orderName says how the elements of a dense tensor lie.
func orderName(t *tensorfile.Tensor) string { return survey.OrderName(t) }

// layoutWord is the order of plain dense tensors, else the layout.
func layoutWord(t *tensorfile.Tensor) string { return survey.LayoutWord(t) }

// storedBytes is how much of the file the elements of a tensor take.
func storedBytes(t *tensorfile.Tensor) int64 { return survey.StoredBytes(t) }

// ratio is logical bytes to stored ones, NaN where nothing is stored.
func ratio(bytes, stored int64) float64 { return survey.Ratio(bytes, stored) }

// misaligned reports whether a typed slice of the tensor is impossible.
func misaligned(t *tensorfile.Tensor) bool { return survey.Misaligned(t) }

// foreignOrder reports whether the elements are big-endian.
func foreignOrder(t *tensorfile.Tensor) bool { return survey.ForeignOrder(t) }

// appendTuple appends numbers as Python writes a tuple.
func appendTuple(b []byte, s []int64) []byte {
	b = append(b, '(')
	for i, n := range s {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = strconv.AppendInt(b, n, 10)
	}
	if len(s) == 1 {
		b = append(b, ',')
	}
	return append(b, ')')
}

// errorJSON is an error in a document.
type errorJSON = survey.ErrorDoc

func errorDoc(err error) *errorJSON { return survey.NewErrorDoc(err) }

// errorDocs are errors in a document.
func errorDocs(errs []error) []*errorJSON {
	docs := make([]*errorJSON, len(errs))
	for i, err := range errs {
		docs[i] = errorDoc(err)
	}
	return docs
}

// addSaturated adds two sizes; the sum stays at the largest number.
func addSaturated(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
