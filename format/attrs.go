package format

import (
	"bytes"
	"errors"

	"github.com/tensorfile/tensorfile/internal/strictjson"
	"github.com/tensorfile/tensorfile/tensor"
)

// Limits of attributes (spec, "Attributes").
const (
	MaxAttrBytes = 16 << 20
	MaxAttrDepth = 32
	MaxAttrArray = 4096    // elements of one array; longer ones become tensors
	MaxAttrCount = 1 << 17 // values at all levels
)

var attrRules = map[strictjson.Problem]struct {
	rule string
	kind error
}{
	strictjson.Syntax:    {RuleAttrJSON, tensor.ErrFormat},
	strictjson.BadUTF8:   {RuleAttrUTF8, tensor.ErrFormat},
	strictjson.Duplicate: {RuleAttrDuplicate, tensor.ErrDuplicate},
	strictjson.TooDeep:   {RuleAttrDepth, tensor.ErrLimit},
	strictjson.TooBig:    {RuleAttrSize, tensor.ErrLimit},
	strictjson.BadNumber: {RuleAttrNumber, tensor.ErrOverflow},
	strictjson.TooLong:   {RuleAttrLong, tensor.ErrLimit},
	strictjson.BadDollar: {RuleAttrDollar, tensor.ErrFormat},
	strictjson.TooMany:   {RuleAttrCount, tensor.ErrLimit},
}

// ParseAttrs reads the attributes b, which stand at off in the file (negative:
// unknown). No bytes are no attributes. rank is that of the tensor, for the
// check of "dims"; negative: a file's own attributes.
func ParseAttrs(b []byte, off int64, rank int) (map[string]any, error) {
	if len(b) == 0 {
		return nil, nil
	}
	if bytes.HasPrefix(b, []byte("\xef\xbb\xbf")) {
		return nil, fail(tensor.ErrFormat, RuleAttrUTF8, off, "attributes", "a byte order mark", "UTF-8 without one")
	}
	m, err := strictjson.Parse(b, strictjson.Limits{Depth: MaxAttrDepth, Size: MaxAttrBytes, Array: MaxAttrArray, Values: MaxAttrCount})
	if err != nil {
		var e *strictjson.Error
		if !errors.As(err, &e) {
			return nil, err
		}
		r := attrRules[e.Problem]
		return nil, fail(r.kind, r.rule, at(off, e.Offset), "attributes", e.Got, e.Want)
	}
	if err := checkDims(m, off, rank); err != nil {
		return nil, err
	}
	return m, nil
}

func checkDims(m map[string]any, off int64, rank int) error {
	v, ok := m["dims"]
	if !ok || rank < 0 {
		return nil
	}
	bad := func(got string) error {
		return fail(tensor.ErrFormat, RuleAttrDims, off, "dims", got, "an array of as many strings or nulls as the tensor has axes")
	}
	a, ok := v.([]any)
	if !ok {
		return bad("no array")
	}
	if len(a) != rank {
		return bad(u(uint64(len(a))) + " names for " + u(uint64(rank)) + " axes")
	}
	for _, d := range a {
		switch d.(type) {
		case nil, string:
		default:
			return bad("an element that is no string")
		}
	}
	return nil
}

// AppendAttrs appends m as the canonical text of attributes: keys ascending,
// no white space. An empty m gives no bytes.
func AppendAttrs(dst []byte, m map[string]any, rank int) ([]byte, error) {
	if len(m) == 0 {
		return dst, nil
	}
	n := len(dst)
	dst, err := strictjson.Append(dst, m)
	if err != nil {
		return nil, &tensor.Error{Kind: tensor.ErrFormat, Format: Name, Offset: -1, Field: "attributes", Rule: RuleAttrJSON, Err: err}
	}
	// What is written must be readable: the same limits and the same dims.
	if _, err := ParseAttrs(dst[n:], -1, rank); err != nil {
		return nil, err
	}
	return dst, nil
}
