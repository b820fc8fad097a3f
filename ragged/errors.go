package ragged

import (
	"strconv"

	"github.com/tensorfile/tensorfile/tensor"
)

// Rules of the file format that arrays keep, too.
const (
	rulePart    = "composite.part"
	rulePointer = "composite.pointer"
	ruleUTF8    = "composite.utf8"
)

// fail makes an error without a place in a file.
func fail(kind error, field, got, want, rule string) error {
	return &tensor.Error{Kind: kind, Offset: -1, Field: field, Got: got, Want: want, Rule: rule}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// outside is the error of a row that is not there.
func outside(i, n int64) error {
	want := "-" + itoa(n) + " to " + itoa(n-1)
	if n == 0 {
		want = "none, as there are no rows"
	}
	return fail(tensor.ErrIndex, "row", itoa(i), want, "")
}
