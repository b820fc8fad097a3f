// Package safetensors reads and writes safetensors files, in which the weights
// of most open models come, and reads sets of them through their index.
// Importing it registers the formats "safetensors" and "safetensors-index" with
// package convert.
//
// A file is a length of 64 bits, little-endian; a header of so many bytes, which
// is JSON and has for each tensor its dtype, shape and range of bytes; and the
// bytes, little-endian and in C order.
//
//	BOOL bool    I8  i8    U8  u8    F8_E4M3     f8_e4m3fn     F6_E2M3 f6_e2m3
//	F16  f16     I16 i16   U16 u16   F8_E4M3FNUZ f8_e4m3fnuz   F6_E3M2 f6_e3m2
//	BF16 bf16    I32 i32   U32 u32   F8_E5M2     f8_e5m2       F4      f4_e2m1
//	F32  f32     I64 i64   U64 u64   F8_E5M2FNUZ f8_e5m2fnuz   C64     c64
//	F64  f64                         F8_E8M0     f8_e8m0
//
// # Reading
//
// Tensors are views of the file's own bytes. A writer need not align them: one
// that is not at a multiple of its element is read by copy where Go needs it
// aligned. Shapes are those of the elements, also of F4 and F6; rows of these
// that end inside a byte are unpacked when they are read.
//
// All rules of the format hold: the header has at most 100,000,000 bytes, begins
// with '{' and ends with '}' and spaces; no name and no key occurs twice, in
// whatever spelling; the ranges, each of the length that shape and dtype ask for,
// fill the rest of the file without overlap or hole. A key that the format does
// not have is refused, so that no two readers see two things. A dtype that is not
// known makes the tensor unreadable and no other (ReadOptions.SkipBad).
//
// The metadata, a map of strings to strings, are the file's attributes. Where the
// value of a key that is no tensor's name is the name of one, the key is a second
// name for it: so writers record weights that are tied, whose bytes they write
// once.
//
// # Sets
//
// A file called model.safetensors.index.json says in "weight_map" which file has
// which tensor. These stand beside it; all are opened, and their tensors are those
// of one File. What the index names must be there.
//
// # Writing
//
// Dense tensors of these dtypes are written, of any strides, in C order. The
// header is padded so that the data section begins at a multiple of 64 bytes.
// Since the format allows no holes, tensors whose sizes are multiples of 64 come
// first, then the others by falling size of their elements: the former stand at
// multiples of 64, the others of their elements at least. Within these the order
// is that of the source. Tensors that show the same elements are written once, and
// the names of the others recorded in the metadata as above. Attributes of the
// file that are strings become metadata; numbers and bools become their text.
package safetensors

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

const name = "safetensors"

func init() {
	convert.Register(convert.Format{
		Name:        name,
		Extensions:  []string{".safetensors"},
		Description: "safetensors weights",
		Detect:      detect,
		Open:        open,
		FileLosses:  metadataLosses,
		Places:      convert.Tied,
		Write:       write,
	})
	convert.Register(convert.Format{
		Name:        indexName,
		Extensions:  []string{".safetensors.index.json"},
		Description: "set of safetensors files, by its index",
		Detect:      detectIndex,
		Open:        openIndex,
	})
}

// dtypes are the spellings of the header.
var dtypes = map[string]tensor.DType{
	"BOOL": tensor.Bool,
	"I8":   tensor.I8, "I16": tensor.I16, "I32": tensor.I32, "I64": tensor.I64,
	"U8": tensor.U8, "U16": tensor.U16, "U32": tensor.U32, "U64": tensor.U64,
	"F16": tensor.F16, "BF16": tensor.BF16, "F32": tensor.F32, "F64": tensor.F64,
	"C64":     tensor.C64,
	"F8_E4M3": tensor.F8E4M3FN, "F8_E5M2": tensor.F8E5M2, "F8_E8M0": tensor.F8E8M0,
	"F8_E4M3FNUZ": tensor.F8E4M3FNUZ, "F8_E5M2FNUZ": tensor.F8E5M2FNUZ,
	"F6_E2M3": tensor.F6E2M3, "F6_E3M2": tensor.F6E3M2, "F4": tensor.F4E2M1,
}

// spellings are dtypes the other way round.
var spellings = func() map[tensor.DType]string {
	m := make(map[tensor.DType]string, len(dtypes))
	for s, d := range dtypes {
		m[d] = s
	}
	return m
}()

// detect takes what begins with a length that may be and an object.
func detect(prefix []byte) bool {
	if len(prefix) < lengthSize+2 || prefix[lengthSize] != '{' || prefix[lengthSize+1] != '"' && prefix[lengthSize+1] != '}' {
		return false
	}
	n, err := headerSize(prefix, 1<<62)
	return err == nil && n >= 2
}

func open(_ context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
	if o == nil {
		o = &convert.ReadOptions{}
	}
	h, err := readHeader(in, o.SkipBad)
	if err != nil {
		return nil, err
	}
	l := &convert.Layout{Format: name, Attrs: h.metadata, Skipped: h.skipped}
	l.Storages = make([]convert.LayoutStorage, 0, len(h.entries))
	l.Tensors = make([]convert.LayoutTensor, 0, len(h.entries))
	for i := range h.entries {
		h.add(l, &h.entries[i], in, 0)
	}
	h.tied(l)
	return l, nil
}

// readHeader reads and checks the header of in.
func readHeader(in convert.Input, skip bool) (*header, error) {
	b := make([]byte, min(in.Size(), lengthSize))
	if _, err := io.ReadFull(io.NewSectionReader(in, 0, int64(len(b))), b); err != nil {
		return nil, err
	}
	n, err := headerSize(b, in.Size())
	if err != nil {
		return nil, err
	}
	b = make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(in, lengthSize, n), b); err != nil {
		return nil, err
	}
	h, err := parseHeader(b)
	if err != nil {
		return nil, err
	}
	return h, h.check(in.Size(), skip)
}

// add adds a tensor of in, which is the source of that number, to l.
func (h *header) add(l *convert.Layout, e *entry, in convert.Input, source int) {
	t := convert.LayoutTensor{Name: e.name, Storage: -1, DType: e.dtype, Shape: e.shape, Order: tensor.LittleEndian}
	if e.end > e.begin {
		t.Storage = len(l.Storages)
		s := convert.LayoutStorage{Source: source, Offset: h.data + e.begin, Size: e.end - e.begin}
		if !wholeRows(e.dtype, e.shape) {
			s = unpacked(in, s, e)
		}
		l.Storages = append(l.Storages, s)
	}
	l.Tensors = append(l.Tensors, t)
}

// tied adds the second names that metadata record.
func (h *header) tied(l *convert.Layout) {
	byName := map[string]int{}
	for _, k := range slices.Sorted(maps.Keys(h.metadata)) {
		if len(byName) == 0 {
			for i := range l.Tensors {
				byName[l.Tensors[i].Name] = i
			}
		}
		i, ok := byName[h.metadata[k].(string)]
		if _, taken := byName[k]; !ok || taken || i >= len(h.entries) || format.CheckName(k) != nil {
			continue
		}
		delete(h.metadata, k)
		t := l.Tensors[i]
		t.Name = k
		byName[k] = len(l.Tensors)
		l.Tensors = append(l.Tensors, t)
		l.Notes = append(l.Notes, fmt.Sprintf("%s is %s, as the metadata say", tensor.Quote(k), tensor.Quote(l.Tensors[i].Name)))
	}
}
