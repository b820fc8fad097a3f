package tensorfile

import "maps"

// Attrs are the attributes of a file or a tensor: a JSON object. Its values
// are nil, bool, string, int64, uint64 (only above the range of int64),
// float64, []any, map[string]any, and float32 and []byte, which are stored bit
// for bit. Written values may have any Go integer or float type, and []string,
// []int, []int64 and []float64.
//
// Reserved keys (spec, "Attributes"): "dims", the names of the axes; "axes";
// "unit"; "sample_rate"; "colour"; "orientation"; "source"; "layout".
type Attrs map[string]any

// Dims returns the names of the axes, "" for one without a name, or nil if the
// attributes name none.
func (a Attrs) Dims() []string {
	list, ok := a["dims"].([]any)
	if !ok {
		return nil
	}
	dims := make([]string, len(list))
	for i, d := range list {
		dims[i], _ = d.(string)
	}
	return dims
}

// WithDims returns a copy of a in which the axes are named dims; "" leaves an
// axis without a name.
func (a Attrs) WithDims(dims ...string) Attrs {
	list := make([]any, len(dims))
	for i, d := range dims {
		if d != "" {
			list[i] = d
		}
	}
	b := maps.Clone(a)
	if b == nil {
		b = Attrs{}
	}
	b["dims"] = list
	return b
}
