package format

import (
	"fmt"
	"slices"

	"github.com/tensorfile/tensorfile/tensor"
)

// CheckReserved calls bad for each reserved key of m, attributes that stand at
// off, whose value has not the form that the specification gives ("Reserved
// keys"). Readers ignore such a key, so only a verification asks. rank is that
// of the tensor; negative: the file's own attributes. "dims" is checked where
// attributes are read.
func CheckReserved(m map[string]any, off int64, rank int, bad func(error)) {
	report := func(key, want string) {
		bad(fail(tensor.ErrFormat, RuleAttrReserved, off, "attribute "+key, fmt.Sprintf("a value of type %s", jsonType(m[key])), want))
	}
	for _, r := range reservedKeys {
		v, ok := m[r.key]
		if ok && (rank >= 0 || r.file) && !r.form(v, rank) {
			report(r.key, r.want)
		}
	}
}

var reservedKeys = []struct {
	key  string
	file bool // also an attribute of files
	want string
	form func(v any, rank int) bool
}{
	{"axes", false, "an array of as many objects or nulls as the tensor has axes", func(v any, rank int) bool {
		a, ok := v.([]any)
		return ok && len(a) == rank && !slices.ContainsFunc(a, func(x any) bool {
			return x != nil && !members(x, map[string]func(any) bool{"unit": isString, "start": isNumber, "step": isNumber, "labels": isStrings, "coordinates": isString, "description": isString})
		})
	}},
	{"unit", false, "a string", func(v any, _ int) bool { return isString(v) }},
	{"sample_rate", false, "a number above 0", func(v any, _ int) bool {
		switch v := v.(type) {
		case int64:
			return v > 0
		case uint64:
			return true
		case float64:
			return v > 0
		case float32:
			return v > 0
		}
		return false
	}},
	{"colour", false, "an object with model, space, alpha, palette and icc in their forms", func(v any, _ int) bool {
		return members(v, map[string]func(any) bool{
			"model": oneOf("gray", "graya", "rgb", "rgba", "bgr", "bgra", "ycbcr", "cmyk", "lab", "index"),
			"space": isString, "alpha": oneOf("straight", "premultiplied"), "palette": isString,
			"icc": func(v any) bool { _, ok := v.([]byte); return ok },
		})
	}},
	{"orientation", false, "an integer from 1 to 8", func(v any, _ int) bool {
		n, ok := v.(int64)
		return ok && n >= 1 && n <= 8
	}},
	{"source", true, "an object with a format", func(v any, _ int) bool {
		return members(v, map[string]func(any) bool{"format": isString})
	}},
	{"layout", false, "an object", func(v any, _ int) bool { return members(v, nil) }},
}

// members reports whether v is an object of which the members in forms, where
// they are there, have their form.
func members(v any, forms map[string]func(any) bool) bool {
	m, ok := v.(map[string]any)
	for k, form := range forms {
		if x, there := m[k]; there && !form(x) {
			ok = false
		}
	}
	return ok
}

func isString(v any) bool { _, ok := v.(string); return ok }

func isNumber(v any) bool {
	switch v.(type) {
	case int64, uint64, float32, float64:
		return true
	}
	return false
}

func isStrings(v any) bool {
	a, ok := v.([]any)
	return ok && !slices.ContainsFunc(a, func(x any) bool { return !isString(x) })
}

func oneOf(words ...string) func(any) bool {
	return func(v any) bool {
		s, ok := v.(string)
		return ok && slices.Contains(words, s)
	}
}

func jsonType(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "bool"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	case []byte:
		return "bytes"
	}
	return "number"
}
