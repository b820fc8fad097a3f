package sparse

import (
	"math"
	"strconv"

	"github.com/tensorfile/tensorfile/tensor"
)

const (
	maxInt64 = math.MaxInt64
	maxInt32 = math.MaxInt32
)

// maxEntries is more than any memory holds, so that a few times as many bytes
// still fit an int.
const maxEntries = math.MaxInt >> 9

// fail makes an error without a place in a file.
func fail(kind error, field, got, want, rule string) error {
	return &tensor.Error{Kind: kind, Offset: -1, Field: field, Got: got, Want: want, Rule: rule}
}

func itoa[I ~int | ~int32 | ~int64](n I) string { return strconv.FormatInt(int64(n), 10) }
