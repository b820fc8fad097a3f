package compare

import (
	"bytes"
	"maps"
	"math"
	"reflect"
	"slices"

	"github.com/tensorfile/tensorfile"
)

// AttrDifference is an attribute that differs.
type AttrDifference struct {
	Key      string
	InA, InB bool // whether the side has it
	A, B     any
}

// Attrs compares attributes and returns those that differ, ascending by key.
// Numbers are compared bit for bit, and an integer equals no float.
func Attrs(a, b tensorfile.Attrs) []AttrDifference {
	keys := maps.Clone(a)
	if keys == nil {
		keys = tensorfile.Attrs{}
	}
	maps.Copy(keys, b)
	var list []AttrDifference
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		d := AttrDifference{Key: key}
		d.A, d.InA = a[key]
		d.B, d.InB = b[key]
		if d.InA != d.InB || !sameValue(d.A, d.B) {
			list = append(list, d)
		}
	}
	return list
}

func sameValue(a, b any) bool {
	switch a := a.(type) {
	case float64:
		b, ok := b.(float64)
		return ok && math.Float64bits(a) == math.Float64bits(b)
	case float32:
		b, ok := b.(float32)
		return ok && math.Float32bits(a) == math.Float32bits(b)
	case []byte:
		b, ok := b.([]byte)
		return ok && bytes.Equal(a, b)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, sameValue)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, sameValue)
	}
	return reflect.DeepEqual(a, b)
}
