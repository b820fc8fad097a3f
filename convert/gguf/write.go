package gguf

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// ggmlTypes are the numbers of dtypes that are no blocks.
var ggmlTypes = func() map[tensor.DType]uint32 {
	m := map[tensor.DType]uint32{}
	for n, d := range plain {
		m[d] = n
	}
	return m
}()

// typed is a key and how its type is spelled: "u32", "string[]".
type typed struct{ key, types string }

// keys are those that the attributes and tensors of a file become, in order:
// first as the attribute source has them, then the others by name.
func keys(a convert.Attrs, arrays map[string]convert.Source) []typed {
	var list []typed
	seen := map[string]bool{"source": true}
	if source, ok := a["source"].(map[string]any); ok && source["format"] == name {
		text, _ := source["types"].(string)
		for line := range strings.Lines(text) {
			types, key, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			_, here := a[key]
			if _, long := arrays[key]; ok && (here || long) && !seen[key] {
				seen[key] = true
				list = append(list, typed{key, types})
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(arrays)) {
		if _, here := a[key]; !here && !seen[key] {
			list = append(list, typed{key, ""})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(a)) {
		if !seen[key] {
			list = append(list, typed{key, ""})
		}
	}
	return list
}

// metadataLosses says which attributes are no values of metadata.
func metadataLosses(a convert.Attrs) (lost []string) {
	for _, k := range keys(a, nil) {
		if _, err := appendValue(nil, k, a[k.key]); err != nil {
			lost = append(lost, fmt.Sprintf("the file's attribute %s: %v", tensor.Quote(k.key), err))
		}
	}
	return lost
}

// tensorLoss says which strings are read as attributes again: those that are short.
func tensorLoss(s convert.Source) (what, as string) {
	layout, _, ok := s.Composite()
	n := s.NumElements()
	if !ok || layout != format.LayoutString || len(s.Shape()) == 1 && n > maxInline || s.ByteSize()-8*(n+1) > maxInlineBytes {
		return "", ""
	}
	return "name", "a key of the metadata"
}

// kindOf is the type number of a spelling.
func kindOf(types string) (uint32, bool) {
	for i, t := range valueTypes {
		if t.name == types && i != typeArray {
			return uint32(i), true
		}
	}
	return 0, false
}

// natural is the type of a value whose type nobody says.
func natural(v any) (uint32, bool) {
	switch v := v.(type) {
	case bool:
		return typeBool, true
	case string:
		return typeString, true
	case int64:
		switch {
		case v >= 0 && v <= math.MaxUint32:
			return typeU32, true
		case v >= math.MinInt32 && v < 0:
			return typeI32, true
		}
		return typeI64, true
	case uint64:
		return typeU64, true
	case float32:
		return typeF32, true
	case float64:
		return typeF64, true
	}
	return 0, false
}

// common is the type of the items of a list whose type nobody says.
func common(list []any) (uint32, bool) {
	if len(list) == 0 {
		return typeString, true
	}
	kind, ok := natural(list[0])
	for _, v := range list[1:] {
		k, ok1 := natural(v)
		switch {
		case !ok1:
			return 0, false
		case k == kind:
		case (k == typeU32 || k == typeI32 || k == typeI64) && (kind == typeU32 || kind == typeI32 || kind == typeI64):
			kind = typeI64
		case (k == typeF32 || k == typeF64) && (kind == typeF32 || kind == typeF64):
			kind = typeF64
		default:
			return 0, false
		}
	}
	return kind, ok
}

// appendValue appends type and value of an attribute.
func appendValue(b []byte, k typed, v any) ([]byte, error) {
	le := binary.LittleEndian
	if list, ok := v.([]any); ok {
		elem, ok := kindOf(strings.TrimSuffix(k.types, "[]"))
		if !strings.HasSuffix(k.types, "[]") || !ok || !fitsAll(elem, list) {
			if elem, ok = common(list); !ok {
				return nil, fmt.Errorf("a list whose items are of different types")
			}
		}
		b = le.AppendUint32(b, typeArray)
		b = le.AppendUint32(b, elem)
		b = le.AppendUint64(b, uint64(len(list)))
		for _, v := range list {
			b = appendScalar(b, elem, v)
		}
		return b, nil
	}
	kind, ok := kindOf(k.types)
	if !ok || !fits(kind, v) {
		if kind, ok = natural(v); !ok {
			return nil, fmt.Errorf("no number, bool, string or list of these")
		}
	}
	return appendScalar(le.AppendUint32(b, kind), kind, v), nil
}

func fitsAll(kind uint32, list []any) bool {
	return !slices.ContainsFunc(list, func(v any) bool { return !fits(kind, v) })
}

// fits reports whether v is of a type, exactly.
func fits(kind uint32, v any) bool {
	switch v := v.(type) {
	case bool:
		return kind == typeBool
	case string:
		return kind == typeString
	case float32:
		return kind == typeF32 || kind == typeF64
	case float64:
		return kind == typeF64 || kind == typeF32 && (float64(float32(v)) == v || v != v)
	case uint64:
		return kind == typeU64
	case int64:
		switch kind {
		case typeU8:
			return v >= 0 && v <= math.MaxUint8
		case typeI8:
			return v >= math.MinInt8 && v <= math.MaxInt8
		case typeU16:
			return v >= 0 && v <= math.MaxUint16
		case typeI16:
			return v >= math.MinInt16 && v <= math.MaxInt16
		case typeU32:
			return v >= 0 && v <= math.MaxUint32
		case typeI32:
			return v >= math.MinInt32 && v <= math.MaxInt32
		case typeU64:
			return v >= 0
		}
		return kind == typeI64
	}
	return false
}

// appendScalar appends a value that fits its type.
func appendScalar(b []byte, kind uint32, v any) []byte {
	le := binary.LittleEndian
	switch v := v.(type) {
	case bool:
		if v {
			return append(b, 1)
		}
		return append(b, 0)
	case string:
		return append(le.AppendUint64(b, uint64(len(v))), v...)
	case float32:
		if kind == typeF64 {
			return le.AppendUint64(b, math.Float64bits(float64(v)))
		}
		return le.AppendUint32(b, math.Float32bits(v))
	case float64:
		if kind == typeF32 {
			return le.AppendUint32(b, math.Float32bits(float32(v)))
		}
		return le.AppendUint64(b, math.Float64bits(v))
	case uint64:
		return le.AppendUint64(b, v)
	case int64:
		switch kind {
		case typeU8, typeI8:
			return append(b, byte(v))
		case typeU16, typeI16:
			return le.AppendUint16(b, uint16(v))
		case typeU32, typeI32:
			return le.AppendUint32(b, uint32(v))
		}
		return le.AppendUint64(b, uint64(v))
	}
	return b
}

// planned is a file that is to be written.
type planned struct {
	attrs     convert.Attrs
	keys      []typed
	arrays    map[string]convert.Source // that become values
	tensors   []convert.Source
	alignment int64
}

func plan(src []convert.Source, o *convert.WriteOptions) (*planned, error) {
	p := &planned{attrs: convert.Attrs{}, arrays: map[string]convert.Source{}, alignment: 32}
	if o != nil {
		maps.Copy(p.attrs, o.Attrs)
	}
	came := map[string]bool{} // from keys
	for _, k := range keys(p.attrs, sourcesByName(src)) {
		if strings.HasSuffix(k.types, "[]") || k.types == "string" {
			came[k.key] = true
		}
	}
	for _, t := range src {
		bad := func(field, got, want string) error {
			return &tensor.Error{Kind: tensor.ErrUnsupported, Format: name, Tensor: t.As, Offset: -1, Field: field, Got: got, Want: want}
		}
		layout, _, composite := t.Composite()
		isText := composite && (layout == format.LayoutString && len(t.Shape()) <= 1 || layout == format.LayoutRagged && t.DType() == tensor.U8)
		_, taken := p.attrs[t.As]
		if !taken && (isText || !composite && came[t.As] && len(t.Shape()) == 1 && elemOf(t.DType()) >= 0) {
			p.arrays[t.As] = t
			continue
		}
		if composite {
			return nil, bad("layout", cmp.Or(format.LayoutName(layout), strconv.Itoa(int(layout))), "a dense tensor, or strings of rank 0 or 1")
		}
		if _, ok := ggmlTypes[t.DType()]; !ok && t.DType().Class != tensor.ClassBlock {
			return nil, bad("dtype", t.DType().String(), "f32, f16, bf16, f64, i8, i16, i32, i64 or blocks (convert with --dtype)")
		}
		if len(t.Shape()) > maxDims {
			return nil, bad("rank", strconv.Itoa(len(t.Shape())), "at most 4")
		}
		if len(t.As) >= maxName {
			return nil, bad("name", count(int64(len(t.As))), "at most 63 (--rename)")
		}
		p.tensors = append(p.tensors, t)
	}
	p.keys = keys(p.attrs, p.arrays)
	if n, ok := p.attrs["general.alignment"].(int64); ok && n >= 1 && n <= maxAlignment && n&(n-1) == 0 {
		p.alignment = n
	} else if p.attrs["general.alignment"] != nil {
		return nil, &tensor.Error{Kind: tensor.ErrUnsupported, Format: name, Offset: -1, Field: "general.alignment", Got: fmt.Sprint(p.attrs["general.alignment"]), Want: "a power of two, 1 to " + strconv.Itoa(maxAlignment)}
	}
	return p, nil
}

func sourcesByName(src []convert.Source) map[string]convert.Source {
	m := make(map[string]convert.Source, len(src))
	for _, t := range src {
		m[t.As] = t
	}
	return m
}

// elemOf is the type of the elements of an array, or -1.
func elemOf(d tensor.DType) int {
	for i, t := range valueTypes {
		if t.dtype == d && d != (tensor.DType{}) {
			return i
		}
	}
	return -1
}

// counter counts what is written.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

func write(ctx context.Context, w io.Writer, src []convert.Source, o *convert.WriteOptions) error {
	p, err := plan(src, o)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	out := &counter{w: w}
	var values [][]byte // of attributes; nil: an array
	n := 0
	for _, k := range p.keys {
		var b []byte
		if _, ok := p.arrays[k.key]; ok {
			n++
		} else if v, err := appendValue([]byte{}, k, p.attrs[k.key]); err == nil && len(k.key) <= maxKey && k.key != "" {
			b = v
			n++
		} // else it is lost, as metadataLosses says
		values = append(values, b)
	}
	head := append([]byte("GGUF"), 3, 0, 0, 0)
	head = le.AppendUint64(head, uint64(len(p.tensors)))
	head = le.AppendUint64(head, uint64(n))
	if _, err := out.Write(head); err != nil {
		return err
	}
	for i, k := range p.keys {
		t, long := p.arrays[k.key]
		if values[i] == nil && !long {
			continue
		}
		b := append(le.AppendUint64(nil, uint64(len(k.key))), k.key...)
		if _, err := out.Write(append(b, values[i]...)); err != nil {
			return err
		}
		if long {
			if err := writeArray(ctx, out, t, k.types); err != nil {
				return err
			}
		}
	}
	offset := int64(0)
	var b []byte
	for _, t := range p.tensors {
		shape := t.Shape()
		b = append(le.AppendUint64(b, uint64(len(t.As))), t.As...)
		b = le.AppendUint32(b, uint32(len(shape)))
		for i := len(shape) - 1; i >= 0; i-- {
			b = le.AppendUint64(b, uint64(shape[i]))
		}
		kind, ok := ggmlTypes[t.DType()]
		if !ok {
			kind = uint32(t.DType().Variant)
		}
		b = le.AppendUint64(le.AppendUint32(b, kind), uint64(offset))
		if t.ByteSize() > 1<<62-offset {
			return &tensor.Error{Kind: tensor.ErrOverflow, Format: name, Tensor: t.As, Offset: -1, Field: "offset", Got: strconv.FormatInt(offset, 10), Want: "below 2^62"}
		}
		offset = (offset + t.ByteSize() + p.alignment - 1) &^ (p.alignment - 1)
	}
	if _, err := out.Write(b); err != nil {
		return err
	}
	pad := make([]byte, p.alignment)
	for _, t := range p.tensors {
		if _, err := out.Write(pad[:-out.n&(p.alignment-1)]); err != nil {
			return err
		}
		if t.ByteSize() == 0 {
			continue
		}
		if err := t.WriteCOrder(ctx, out); err != nil {
			return err
		}
	}
	_, err = out.Write(pad[:-out.n&(p.alignment-1)])
	return err
}

// writeArray writes the type and value of a tensor that is an array of the metadata.
func writeArray(ctx context.Context, w io.Writer, t convert.Source, types string) error {
	le := binary.LittleEndian
	layout, _, composite := t.Composite()
	if !composite {
		b := le.AppendUint32(le.AppendUint32(nil, typeArray), uint32(elemOf(t.DType())))
		if _, err := w.Write(le.AppendUint64(b, uint64(t.NumElements()))); err != nil {
			return err
		}
		return t.WriteCOrder(ctx, w)
	}
	n := int64(1)
	if len(t.Shape()) > 0 {
		n = t.Shape()[0]
	}
	var b []byte
	if types == "string" || len(t.Shape()) == 0 {
		b = le.AppendUint32(nil, typeString)
	} else {
		b = le.AppendUint64(le.AppendUint32(le.AppendUint32(nil, typeArray), typeString), uint64(n))
	}
	return writeStrings(ctx, w, t, layout, n, b)
}

// writeStrings writes b and n strings, each behind its length, a few at a time.
func writeStrings(ctx context.Context, w io.Writer, t convert.Source, layout uint16, n int64, b []byte) error {
	content := format.RoleBytes
	if layout == format.LayoutRagged {
		content = format.RoleValues
	}
	offsets, err := t.Part(format.RoleOffsets)
	if err != nil {
		return err
	}
	text, err := t.Part(content)
	if err != nil {
		return err
	}
	const group = 4096
	for i := int64(0); i < n; i += group {
		k := min(group, n-i)
		v, err := offsets.Read(ctx, slice(i, i+k+1))
		if err != nil {
			return err
		}
		at := make([]int64, k+1)
		for j := range at {
			x, err := v.Float64At(int64(j)) // exact below 2^53
			if err != nil {
				return err
			}
			at[j] = int64(x)
		}
		body, err := text.Read(ctx, slice(at[0], at[k]))
		if err != nil {
			return err
		}
		bytes, err := body.Bytes()
		if err != nil {
			return err
		}
		for j := range k {
			b = binary.LittleEndian.AppendUint64(b, uint64(at[j+1]-at[j]))
			b = append(b, bytes[at[j]-at[0]:at[j+1]-at[0]]...)
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		b = b[:0]
	}
	_, err = w.Write(b)
	return err
}

func slice(begin, end int64) tensor.Selection {
	s, err := tensor.ParseSelection(fmt.Sprintf("[%d:%d]", begin, end))
	if err != nil {
		panic(err) // two numbers and a colon
	}
	return s
}
