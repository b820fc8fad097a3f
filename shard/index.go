package shard

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/strictjson"
	"github.com/tensorfile/tensorfile/tensor"
)

const (
	// Format is the name under which package convert knows indexes.
	Format = "shards"
	// Extension is what the names of indexes end with.
	Extension = ".shards.json"

	schemaPrefix = "tensorfile/shards/"
	schema       = schemaPrefix + "1"

	maxIndex  = 1 << 30 // bytes
	maxValues = 1 << 25
	maxShards = 1 << 16
)

// An Index says what a set of shards holds, and where.
type Index struct {
	// Attrs are the attributes of the set.
	Attrs tensorfile.Attrs
	// Shards are its files.
	Shards []Shard
	// Tensors are what it holds, ascending by name.
	Tensors []Tensor
}

// A Shard is a file of a set.
type Shard struct {
	Name   string   // of the file, which stands beside the index
	Size   int64    // in bytes
	UUID   string   // of the file
	SHA256 [32]byte // of its bytes
}

// A Tensor is a tensor of a set.
type Tensor struct {
	Name   string
	DType  tensor.DType
	Shape  tensor.Shape
	Layout string // of a composite: "csr"; "" of a dense tensor
	Attrs  tensorfile.Attrs
	Stored int64 // bytes in the shards; of a composite 0
	// Codec is how it is stored, as StorageInfo.Codec has it; "" for plain bytes,
	// and of a composite. Rows by several pipelines have all of them.
	Codec string
	// Parts are where it is: in one shard, or rows of it in several, ascending by
	// shard, the first rows first.
	Parts []Part
}

// A Part of a tensor is all that one shard has of it.
type Part struct {
	Shard int   // index into Index.Shards
	Rows  int64 // extent along axis 0, in elements; 0 if it is the whole tensor
}

// Parse reads an index.
func Parse(b []byte) (*Index, error) {
	m, err := strictjson.Parse(b, strictjson.Limits{Depth: 32, Size: maxIndex, Values: maxValues})
	var e *strictjson.Error
	if errors.As(err, &e) {
		kind := tensor.ErrFormat
		switch e.Problem {
		case strictjson.Duplicate:
			kind = tensor.ErrDuplicate
		case strictjson.TooDeep, strictjson.TooMany, strictjson.TooBig:
			kind = tensor.ErrLimit
		}
		return nil, &tensor.Error{Kind: kind, Format: Format, Offset: int64(e.Offset), Field: "index", Got: e.Got, Want: e.Want}
	}
	o := object{m, ""}
	name, err := text(o, "schema")
	if err != nil {
		return nil, err
	}
	if name != schema {
		kind := tensor.ErrFormat
		if strings.HasPrefix(name, schemaPrefix) {
			kind = tensor.ErrUnsupported
		}
		return nil, o.bad(kind, "schema", tensor.Quote(name), tensor.Quote(schema))
	}
	if err := o.known("schema", "attrs", "shards", "tensors"); err != nil {
		return nil, err
	}
	x := &Index{}
	if x.Attrs, err = attrs(o); err != nil {
		return nil, err
	}
	list, err := field[[]any](o, "shards", "an array")
	if err != nil {
		return nil, err
	}
	if len(list) > maxShards {
		return nil, o.bad(tensor.ErrLimit, "shards", strconv.Itoa(len(list)), "at most "+strconv.Itoa(maxShards))
	}
	seen := make(map[string]int, len(list))
	for i, v := range list {
		s, err := parseShard(v, fmt.Sprintf("shard %d", i))
		if err != nil {
			return nil, err
		}
		if k, ok := seen[s.Name]; ok {
			return nil, o.bad(tensor.ErrDuplicate, fmt.Sprintf("shard %d: file", i), tensor.Quote(s.Name)+fmt.Sprintf(", as shard %d", k), "a file for each shard")
		}
		seen[s.Name] = i
		x.Shards = append(x.Shards, s)
	}
	tensors, err := field[map[string]any](o, "tensors", "an object")
	if err != nil {
		return nil, err
	}
	x.Tensors = make([]Tensor, 0, len(tensors))
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		t, err := parseTensor(name, tensors[name], len(x.Shards))
		if err != nil {
			return nil, err
		}
		x.Tensors = append(x.Tensors, t)
	}
	return x, nil
}

func parseShard(v any, where string) (s Shard, err error) {
	o, err := objectOf(v, where)
	if err == nil {
		err = o.known("file", "bytes", "uuid", "sha256")
	}
	if err == nil {
		s.Name, err = text(o, "file")
	}
	if err == nil && !convert.PlainName(s.Name) {
		err = o.bad(tensor.ErrFormat, "file", tensor.Quote(s.Name), "a plain name beside the index")
	}
	if err == nil {
		s.Size, err = number(o, "bytes")
	}
	if err == nil {
		s.UUID, err = text(o, "uuid")
	}
	if err == nil && !isUUID(s.UUID) {
		err = o.bad(tensor.ErrFormat, "uuid", tensor.Quote(s.UUID), "a UUID in lower case")
	}
	var sum string
	if err == nil {
		sum, err = text(o, "sha256")
	}
	if err != nil {
		return s, err
	}
	if n, e := hex.Decode(s.SHA256[:], []byte(sum[:min(len(sum), 64)])); e != nil || n != 32 || len(sum) != 64 || strings.ToLower(sum) != sum {
		return s, o.bad(tensor.ErrFormat, "sha256", tensor.Quote(sum), "64 hexadecimal digits in lower case")
	}
	return s, nil
}

// isUUID reports whether s is written as UUIDs of files are.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}

func parseTensor(name string, v any, shards int) (t Tensor, err error) {
	t.Name = name
	where := "tensor " + tensor.Quote(name)
	if err := format.CheckName(name); err != nil {
		return t, err
	}
	o, err := objectOf(v, where)
	if err == nil {
		err = o.known("dtype", "shape", "layout", "attrs", "stored", "codec", "shards", "rows")
	}
	var dtype string
	if err == nil {
		dtype, err = text(o, "dtype")
	}
	if err == nil {
		var e error
		if t.DType, e = tensor.ParseDType(dtype); e != nil || t.DType.String() != dtype {
			err = o.bad(tensor.ErrUnsupported, "dtype", tensor.Quote(dtype), "the name of a dtype, such as f32")
		}
	}
	var shape, in, rows []int64
	if err == nil {
		shape, err = numbers(o, "shape")
	}
	if err == nil && len(shape) > tensor.MaxRank {
		err = o.bad(tensor.ErrLimit, "shape", fmt.Sprintf("%d axes", len(shape)), fmt.Sprintf("at most %d", tensor.MaxRank))
	}
	if err == nil {
		t.Shape = shape
		_, err = tensor.ByteSize(t.DType, t.Shape)
		if err != nil {
			err = o.bad(tensor.ErrOverflow, "shape", t.Shape.String(), "a size in bytes below 2^63")
		}
	}
	if err == nil && o.m["layout"] != nil {
		if t.Layout, err = text(o, "layout"); err == nil && t.Layout == "" {
			err = o.bad(tensor.ErrFormat, "layout", `""`, "the name of a layout, or no such key")
		}
	}
	if err == nil {
		t.Attrs, err = attrs(o)
	}
	if _, ok := o.m["stored"]; err == nil && ok {
		t.Stored, err = number(o, "stored")
	}
	if _, ok := o.m["codec"]; err == nil && ok {
		if t.Codec, err = text(o, "codec"); err == nil && t.Codec == "" {
			err = o.bad(tensor.ErrFormat, "codec", `""`, "a pipeline, or no such key")
		}
	}
	if err == nil {
		in, err = numbers(o, "shards")
	}
	if _, ok := o.m["rows"]; err == nil && ok {
		rows, err = numbers(o, "rows")
	}
	if err != nil {
		return t, err
	}
	if len(in) == 0 || len(in) > 1 && len(rows) != len(in) || len(in) == 1 && rows != nil {
		return t, o.bad(tensor.ErrFormat, "rows", fmt.Sprintf("%d for %d shards", len(rows), len(in)), "one shard and no rows, or rows for each of several shards")
	}
	for i, k := range in {
		if k >= int64(shards) || i > 0 && k <= in[i-1] {
			return t, o.bad(tensor.ErrFormat, "shards", fmt.Sprint(in), fmt.Sprintf("ascending numbers below %d", shards))
		}
		p := Part{Shard: int(k)}
		if rows != nil {
			p.Rows = rows[i]
		}
		t.Parts = append(t.Parts, p)
	}
	return t, t.checkRows(o)
}

// checkRows checks that rows in several shards are those of the tensor.
func (t *Tensor) checkRows(o object) error {
	if len(t.Parts) == 1 {
		return nil
	}
	if t.Layout != "" || len(t.Shape) == 0 {
		return o.bad(tensor.ErrFormat, "rows", fmt.Sprintf("%d shards of a tensor %v %s", len(t.Parts), t.Shape, t.Layout), "a dense tensor with an axis 0")
	}
	left, unit := t.Shape[0], int64(1)
	if len(t.Shape) == 1 {
		unit = int64(t.DType.UnitElems)
	}
	for i, p := range t.Parts {
		if p.Rows < 1 || p.Rows > left || p.Rows%unit != 0 && i < len(t.Parts)-1 {
			return o.bad(tensor.ErrFormat, "rows", fmt.Sprintf("%d of the %d that are left", p.Rows, left), "rows that add up to axis 0, each part whole units of the dtype")
		}
		left -= p.Rows
	}
	if left != 0 {
		return o.bad(tensor.ErrFormat, "rows", fmt.Sprintf("%d fewer than axis 0 has", left), fmt.Sprintf("%d in all", t.Shape[0]))
	}
	return nil
}

// object is an object of the text, and what it describes.
type object struct {
	m     map[string]any
	where string
}

func (o object) bad(kind error, field, got, want string) error {
	if o.where != "" {
		field = o.where + ": " + field
	}
	return &tensor.Error{Kind: kind, Format: Format, Offset: -1, Field: field, Got: got, Want: want}
}

// known refuses keys that the format does not have: no two readers see two things
// in one index.
func (o object) known(keys ...string) error {
	for _, k := range slices.Sorted(maps.Keys(o.m)) {
		if !slices.Contains(keys, k) {
			return o.bad(tensor.ErrFormat, "key", tensor.Quote(k), "one of "+strings.Join(keys, ", "))
		}
	}
	return nil
}

func objectOf(v any, where string) (object, error) {
	m, ok := v.(map[string]any)
	o := object{m, where}
	if !ok {
		return o, o.bad(tensor.ErrFormat, "value", kindOf(v), "an object")
	}
	return o, nil
}

func field[T any](o object, key, want string) (T, error) {
	v, ok := o.m[key].(T)
	if !ok {
		return v, o.bad(tensor.ErrFormat, key, kindOf(o.m[key]), want)
	}
	return v, nil
}

func text(o object, key string) (string, error) { return field[string](o, key, "a text") }

func number(o object, key string) (int64, error) {
	n, err := field[int64](o, key, "a number, 0 or more")
	if err == nil && n < 0 {
		err = o.bad(tensor.ErrFormat, key, strconv.FormatInt(n, 10), "a number, 0 or more")
	}
	return n, err
}

func numbers(o object, key string) ([]int64, error) {
	list, err := field[[]any](o, key, "an array of numbers")
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(list))
	for i, v := range list {
		n, ok := v.(int64)
		if !ok || n < 0 {
			return nil, o.bad(tensor.ErrFormat, key, kindOf(v), "an array of numbers, 0 or more")
		}
		out[i] = n
	}
	return out, nil
}

func attrs(o object) (tensorfile.Attrs, error) {
	if _, ok := o.m["attrs"]; !ok {
		return nil, nil
	}
	m, err := field[map[string]any](o, "attrs", "an object")
	return tensorfile.Attrs(m), err
}

// kindOf says what a value is, as an error shows it.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case string:
		return tensor.Quote(v)
	case map[string]any:
		return "an object"
	case []any:
		return "an array"
	default:
		return fmt.Sprint(v)
	}
}

// AppendJSON appends the index as JSON, a line for each shard and each tensor. The
// same index gives the same text. It is an error if Parse would not take it back.
func (x *Index) AppendJSON(b []byte) ([]byte, error) {
	begin := len(b)
	b = append(b, `{"schema":"`+schema+`"`...)
	var err error
	add := func(m map[string]any) {
		if err == nil {
			b, err = strictjson.Append(b, m)
		}
	}
	if len(x.Attrs) > 0 {
		b = append(b, ",\n\"attrs\":"...)
		add(x.Attrs)
	}
	b = append(b, ",\n\"shards\":["...)
	for i, s := range x.Shards {
		b = append(b, separator(i)...)
		add(map[string]any{"file": s.Name, "bytes": s.Size, "uuid": s.UUID, "sha256": hex.EncodeToString(s.SHA256[:])})
	}
	b = append(b, "],\n\"tensors\":{"...)
	for i := range x.Tensors {
		t := &x.Tensors[i]
		b = append(b, separator(i)...)
		if err == nil {
			b, err = strictjson.AppendString(b, t.Name)
		}
		b = append(b, ':')
		add(t.fields())
	}
	b = append(b, "}}\n"...)
	if err != nil {
		return nil, &tensor.Error{Kind: tensor.ErrFormat, Format: Format, Offset: -1, Field: "index", Err: err}
	}
	if _, err := Parse(b[begin:]); err != nil {
		return nil, err
	}
	return b, nil
}

func separator(i int) string {
	if i == 0 {
		return "\n"
	}
	return ",\n"
}

// fields are those of a tensor in the text.
func (t *Tensor) fields() map[string]any {
	shape := t.Shape
	if shape == nil {
		shape = tensor.Shape{}
	}
	m := map[string]any{"dtype": t.DType.String(), "shape": []int64(shape)}
	in, rows := make([]int64, len(t.Parts)), make([]int64, len(t.Parts))
	for i, p := range t.Parts {
		in[i], rows[i] = int64(p.Shard), p.Rows
	}
	m["shards"] = in
	if len(t.Parts) > 1 {
		m["rows"] = rows
	}
	if t.Layout != "" {
		m["layout"] = t.Layout
	}
	if len(t.Attrs) > 0 {
		m["attrs"] = map[string]any(t.Attrs)
	}
	if t.Stored > 0 {
		m["stored"] = t.Stored
	}
	if t.Codec != "" {
		m["codec"] = t.Codec
	}
	return m
}

// Join puts sets together in their order. A tensor that several have is one whose
// rows along axis 0 are in all of them: dtype and the other axes must agree, and it
// must be dense. Its attributes are those of the first, as are those of the set where
// they differ.
func Join(sets ...*Index) (*Index, error) {
	x := &Index{}
	place := map[string]int{}
	for _, s := range sets {
		base := len(x.Shards)
		x.Shards = append(x.Shards, s.Shards...)
		for k, v := range s.Attrs {
			if _, ok := x.Attrs[k]; !ok {
				if x.Attrs == nil {
					x.Attrs = tensorfile.Attrs{}
				}
				x.Attrs[k] = v
			}
		}
		for _, t := range s.Tensors {
			t.Shape, t.Parts = t.Shape.Clone(), slices.Clone(t.Parts)
			for i := range t.Parts {
				t.Parts[i].Shard += base
			}
			k, ok := place[t.Name]
			if !ok {
				place[t.Name] = len(x.Tensors)
				x.Tensors = append(x.Tensors, t)
				continue
			}
			if err := x.Tensors[k].extend(&t, x.Shards); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(x.Tensors, func(a, b Tensor) int { return cmp.Compare(a.Name, b.Name) })
	return x, nil
}

// extend adds the rows of more, which stands in shards behind those of t.
func (t *Tensor) extend(more *Tensor, shards []Shard) error {
	alike := len(t.Shape) > 0 && len(t.Shape) == len(more.Shape) && t.DType == more.DType && slices.Equal(t.Shape[1:], more.Shape[1:])
	if !alike || t.Layout != "" || more.Layout != "" {
		what := func(t *Tensor) string {
			return strings.TrimSpace(fmt.Sprintf("%v %v %s", t.DType, t.Shape, t.Layout)) + " in " + tensor.Quote(shards[t.Parts[0].Shard].Name)
		}
		return &tensor.Error{Kind: tensor.ErrShape, Format: Format, Tensor: t.Name, Offset: -1, Field: "tensor in several shards", Got: what(more) + " and " + what(t), Want: "dense rows of one dtype and shape"}
	}
	switch {
	case more.Shape[0] == 0:
		return nil // no rows: nothing of it is read
	case t.Shape[0] == 0:
		own := t.Attrs
		if *t = *more; own != nil {
			t.Attrs = own
		}
		return nil
	}
	whole := func(t *Tensor) {
		if len(t.Parts) == 1 {
			t.Parts[0].Rows = t.Shape[0]
		}
	}
	whole(t)
	whole(more)
	if t.Shape[0] > 1<<62 || more.Shape[0] > 1<<62 {
		return &tensor.Error{Kind: tensor.ErrOverflow, Format: Format, Tensor: t.Name, Offset: -1, Field: "axis 0", Got: "too many rows", Want: "less than 2^62"}
	}
	t.Shape[0] += more.Shape[0]
	t.Stored += more.Stored
	t.Codec = bothCodecs(t.Codec, more.Codec)
	t.Parts = append(t.Parts, more.Parts...)
	return nil
}

// bothCodecs are the pipelines of a and those of b, each once.
func bothCodecs(a, b string) string {
	if a == b {
		return a
	}
	list := strings.Split(cmp.Or(a, "raw"), "\n")
	for _, c := range strings.Split(cmp.Or(b, "raw"), "\n") {
		if !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	return strings.Join(list, "\n")
}
