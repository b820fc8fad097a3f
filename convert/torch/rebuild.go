package torch

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/convert/internal/zipfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// storage is the bytes that tensors share: a member of the archive.
type storage struct {
	entry *zipfile.Entry
	dtype tensor.DType // of a typed one; zero: bytes
	size  int64        // bytes of it that are the storage's
}

// array is a tensor as torch rebuilds it.
type array struct {
	storage *storage
	dtype   tensor.DType
	offset  int64   // in units
	shape   []int64 // of units
	strides []int64 // in units
	packed  bool    // a unit is more than one element
}

// storages are the classes of typed storages.
var storages = map[string]tensor.DType{
	"DoubleStorage": tensor.F64, "FloatStorage": tensor.F32, "HalfStorage": tensor.F16, "BFloat16Storage": tensor.BF16,
	"LongStorage": tensor.I64, "IntStorage": tensor.I32, "ShortStorage": tensor.I16, "CharStorage": tensor.I8,
	"ByteStorage": tensor.U8, "BoolStorage": tensor.Bool,
	"ComplexFloatStorage": tensor.C64, "ComplexDoubleStorage": tensor.C128,
}

// dtypes are the names in the module torch.
var dtypes = map[string]tensor.DType{
	"float64": tensor.F64, "float32": tensor.F32, "float16": tensor.F16, "bfloat16": tensor.BF16,
	"int64": tensor.I64, "int32": tensor.I32, "int16": tensor.I16, "int8": tensor.I8,
	"uint64": tensor.U64, "uint32": tensor.U32, "uint16": tensor.U16, "uint8": tensor.U8, "bool": tensor.Bool,
	"complex64": tensor.C64, "complex128": tensor.C128,
	"float8_e4m3fn": tensor.F8E4M3FN, "float8_e5m2": tensor.F8E5M2, "float8_e4m3fnuz": tensor.F8E4M3FNUZ,
	"float8_e5m2fnuz": tensor.F8E5M2FNUZ, "float8_e8m0fnu": tensor.F8E8M0, "float4_e2m1fn_x2": tensor.F4E2M1,
}

// rebuilder makes values of calls and persistent ids: the allow-list.
type rebuilder struct {
	prefix  string // of the members' names: "archive/"
	members map[string]*zipfile.Entry
}

func bad(kind error, field, got, want string) error {
	return &tensor.Error{Kind: kind, Format: formatName, Offset: -1, Field: field, Got: got, Want: want}
}

// persistent finds a storage: ('storage', class, key, location, number of elements).
func (r *rebuilder) persistent(id any) (any, error) {
	t, ok := id.(*list)
	if !ok || t.kind != tupleOf || len(t.items) != 5 || t.items[0] != any("storage") {
		return nil, bad(tensor.ErrUnsupported, "persistent id", fmt.Sprintf("%T", id), "that of a storage")
	}
	class, ok1 := t.items[1].(global)
	key, ok2 := t.items[2].(string)
	n, ok3 := t.items[4].(int64)
	if !ok1 || !ok2 || !ok3 || n < 0 {
		return nil, bad(tensor.ErrFormat, "storage", fmt.Sprintf("%T, %T, %T", t.items[1], t.items[2], t.items[4]), "a class, a key and a number of elements")
	}
	s := &storage{}
	switch {
	case class == global{"torch.storage", "UntypedStorage"}:
	case class.module == "torch" && storages[class.name] != tensor.DType{}:
		s.dtype = storages[class.name]
	default:
		return &refused{class.String()}, nil
	}
	name := r.prefix + "data/" + key
	e := r.members[name]
	if e == nil {
		return nil, bad(tensor.ErrTruncated, "storage", "no member "+tensor.Quote(name), "one")
	}
	if e.Err != nil {
		return nil, e.Err
	}
	width := int64(1)
	if s.dtype != (tensor.DType{}) {
		width = int64(s.dtype.UnitBytes)
	}
	if n > e.Size/width {
		return nil, bad(tensor.ErrTruncated, "storage "+tensor.Quote(key), fmt.Sprintf("%d bytes", e.Size), fmt.Sprintf("%d elements of %d bytes", n, width))
	}
	s.entry, s.size = e, n*width
	return s, nil
}

// call makes the value of a call.
func (r *rebuilder) call(f global, args []any) (any, error) {
	switch f {
	case global{"collections", "OrderedDict"}:
		if len(args) == 0 {
			return &dict{}, nil
		}
		if l, ok := args[0].(*list); ok && len(args) == 1 { // of pairs
			d := &dict{}
			for _, p := range l.items {
				pair, ok := p.(*list)
				if !ok || len(pair.items) != 2 {
					return nil, bad(tensor.ErrFormat, f.String(), fmt.Sprintf("%T", p), "a pair")
				}
				d.set(pair.items[0], pair.items[1])
			}
			return d, nil
		}
	case global{"builtins", "set"}, global{"builtins", "list"}, global{"builtins", "tuple"}, global{"__builtin__", "set"}, global{"torch", "Size"}:
		if len(args) == 0 {
			return emptyTuple, nil
		}
		if l, ok := args[0].(*list); ok && len(args) == 1 {
			return &list{l.items, tupleOf}, nil
		}
	case global{"torch", "device"}:
		words := make([]string, 0, 2)
		for _, a := range args {
			words = append(words, fmt.Sprint(a))
		}
		return strings.Join(words, ":"), nil
	case global{"torch._utils", "_rebuild_tensor"}, global{"torch._utils", "_rebuild_tensor_v2"}:
		if len(args) >= 4 {
			return r.tensor(f, args, nil)
		}
	case global{"torch._utils", "_rebuild_tensor_v3"}: // storage, offset, size, stride, requires_grad, hooks, dtype
		if len(args) >= 7 {
			return r.tensor(f, args, args[6])
		}
	case global{"torch._utils", "_rebuild_parameter"}, global{"torch._utils", "_rebuild_parameter_with_state"}:
		if len(args) >= 1 {
			switch args[0].(type) {
			case *array, *refused:
				return args[0], nil
			}
		}
	case global{"torch._tensor", "_rebuild_from_type_v2"}: // function, class, arguments, state
		if len(args) == 4 {
			inner, ok1 := args[0].(global)
			class, ok2 := args[1].(global)
			more, ok3 := args[2].(*list)
			if !ok1 || !ok2 || !ok3 || inner == f {
				break
			}
			switch class {
			case global{"torch", "Tensor"}, global{"torch.nn.parameter", "Parameter"}, global{"torch.nn.parameter", "Buffer"}:
				return r.call(inner, more.items)
			}
			return &refused{"a tensor of the class " + class.String()}, nil
		}
	default:
		return &refused{"a call of " + f.String()}, nil
	}
	return nil, bad(tensor.ErrFormat, f.String(), strconv.Itoa(len(args))+" arguments of other types", "those of torch.save")
}

// tensor makes an array of a storage, an offset, a size and strides.
func (r *rebuilder) tensor(f global, args []any, dtype any) (any, error) {
	var s *storage
	switch x := args[0].(type) {
	case *storage:
		s = x
	case *refused:
		return x, nil
	default:
		return nil, bad(tensor.ErrFormat, f.String(), fmt.Sprintf("%T", args[0]), "a storage")
	}
	a := &array{storage: s, dtype: s.dtype}
	if g, ok := dtype.(global); ok {
		if a.dtype, ok = dtypes[g.name]; !ok || g.module != "torch" {
			return &refused{"a tensor of the dtype " + g.String()}, nil
		}
	} else if dtype != nil || a.dtype == (tensor.DType{}) {
		return nil, bad(tensor.ErrFormat, f.String(), fmt.Sprintf("%T", dtype), "a dtype")
	}
	var ok bool
	if a.offset, ok = args[1].(int64); !ok || a.offset < 0 {
		return nil, bad(tensor.ErrFormat, "storage offset", fmt.Sprint(args[1]), "an integer, 0 or more")
	}
	var err error
	if a.shape, err = integers("size", args[2]); err != nil {
		return nil, err
	}
	if a.strides, err = integers("stride", args[3]); err != nil {
		return nil, err
	}
	if len(a.strides) != len(a.shape) {
		return nil, bad(tensor.ErrFormat, "stride", strconv.Itoa(len(a.strides))+" numbers", strconv.Itoa(len(a.shape)))
	}
	a.packed = a.dtype.UnitElems > 1
	if n := len(a.shape); a.packed && (n == 0 || a.strides[n-1] != 1 || a.shape[n-1] > (1<<63-1)/int64(a.dtype.UnitElems)) {
		return &refused{"a tensor of " + a.dtype.String() + " whose last axis is not the packed one"}, nil
	}
	return a, nil
}

// integers are the items of a tuple, each 0 or more.
func integers(field string, v any) ([]int64, error) {
	l, ok := v.(*list)
	if !ok || l.kind == setOf {
		return nil, bad(tensor.ErrFormat, field, fmt.Sprintf("%T", v), "a tuple")
	}
	if len(l.items) > tensor.MaxRank {
		return nil, bad(tensor.ErrLimit, field, strconv.Itoa(len(l.items))+" axes", "at most "+strconv.Itoa(tensor.MaxRank))
	}
	list := make([]int64, len(l.items))
	for i, x := range l.items {
		n, ok := x.(int64)
		if !ok || n < 0 {
			return nil, bad(tensor.ErrFormat, field, fmt.Sprint(x), "integers, 0 or more")
		}
		list[i] = n
	}
	return list, nil
}
