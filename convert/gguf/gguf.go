// Package gguf reads and writes GGUF files, in which models for llama.cpp and its
// kin come. Importing it registers the format "gguf" with package convert.
//
// A file is a magic and a version; keys with values of thirteen types; a
// description of each tensor; and the tensors, each at a multiple of the
// alignment, which is 32 or general.alignment. Versions 2 and 3 are read, in both
// byte orders.
//
// # Tensors
//
// Elements are views of the file's own bytes. Axes are in the order of NumPy and of
// the gguf package of Python, the slowest first: the file has them the other way
// round. Quantised types are blocks, as ggml has them: q4_k is 256 elements in 144
// bytes. Package quant and the operator dequant make numbers of them. In files of
// the big-endian order their scales are turned when they are read. A type that is
// not known is shown as its bytes, up to the next tensor; its number and its axes
// are in the attribute source.
//
// # Metadata
//
// Values are attributes of the file, under their keys: integers, bools, strings and
// floats, f32 bit for bit. An array of more than 1,024 elements, a value of more
// than 64 KiB, and what comes when all of them have taken 8 MiB is a tensor called
// like its key instead: numbers as views, strings as a string tensor (of rows of
// bytes if they are no UTF-8). Opening reads the header in pieces of 1 MiB, whatever
// is in it. The types and the order of the keys are kept in the attribute source, so
// that they come back when a GGUF file is written, even after years in a native
// one.
//
// # Sets
//
// Of a model that was split, any part NAME-00001-of-00003.gguf opens all of them,
// which must stand beside it, as one. The metadata are those of the first; what
// says that it is a part is left out.
//
// # Writing
//
// Dense tensors of f32, f16, bf16, f64, i8 to i64 and of blocks are written, of rank
// 0 to 4 and with names of at most 63 bytes, little-endian, in the given order.
// Attributes become metadata: of the types that the file had which they came from,
// of others an integer is u32 where it fits, i32 or i64 or u64 otherwise. Tensors
// that came from keys, and string tensors of rank 0 or 1, become values again.
package gguf

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

const name = "gguf"

func init() {
	convert.Register(convert.Format{
		Name:        name,
		Extensions:  []string{".gguf"},
		Description: "GGUF model (llama.cpp), blocks as they are",
		Detect: func(prefix []byte) bool {
			return len(prefix) >= 8 && (bytes.HasPrefix(prefix, []byte("GGUF")) || bytes.HasPrefix(prefix, []byte("FUGG")))
		},
		Open:       open,
		Strings:    true,
		FileLosses: metadataLosses,
		TensorLoss: tensorLoss,
		Places:     convert.COrder,
		Write:      write,
	})
}

func open(ctx context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
	h, err := parse(ctx, in)
	if err != nil {
		return nil, err
	}
	l := &convert.Layout{Format: name, Version: strconv.Itoa(int(h.version))}
	parts, err := set(ctx, l, in, h, o)
	if err != nil {
		return nil, err
	}
	parts[0].metadata(l)
	for _, p := range parts {
		p.addTensors(l)
	}
	return l, nil
}

// part is a file of a set, or the only one.
type part struct {
	*header
	in     convert.Input
	source int // as in LayoutStorage
}

var splitName = regexp.MustCompile(`^(.*)-([0-9]{5})-of-([0-9]{5})(\.gguf)$`)

// set finds the files that belong to in, in their order, and puts those beside it
// into l.Sources.
func set(ctx context.Context, l *convert.Layout, in convert.Input, h *header, o *convert.ReadOptions) (parts []part, err error) {
	parts = []part{{h, in, 0}}
	n := h.integer("split.count")
	if n <= 1 {
		return parts, nil
	}
	own := h.integer("split.no")
	bad := func(kind error, field, got, want string) error {
		return &tensor.Error{Kind: kind, Path: in.Path(), Format: name, Offset: -1, Field: field, Got: got, Want: want}
	}
	m := splitName.FindStringSubmatch(filepath.Base(in.Path()))
	if m == nil || m[2] != fmt.Sprintf("%05d", own+1) || m[3] != fmt.Sprintf("%05d", n) {
		return nil, bad(tensor.ErrUnsupported, "split", fmt.Sprintf("part %d of %d alone", own+1, n), fmt.Sprintf("a name like NAME-%05d-of-%05d.gguf, and the others beside it", own+1, n))
	}
	defer func() {
		if err != nil {
			for _, m := range l.Sources {
				m.Close()
			}
			l.Sources = nil
		}
	}()
	parts = make([]part, n)
	total := 0
	for i := range parts {
		if int64(i) == own {
			parts[i] = part{h, in, 0}
		} else {
			file := fmt.Sprintf("%s-%05d-of-%05d%s", m[1], i+1, n, m[4])
			other, err := o.OpenBeside(ctx, in, file)
			if err != nil {
				return nil, &tensor.Error{Kind: tensor.ErrUnsupported, Path: in.Path(), Format: name, Offset: -1, Field: "split", Got: fmt.Sprintf("part %d of %d, but not part %d", own+1, n, i+1), Want: "all of them", Err: err}
			}
			l.Sources = append(l.Sources, other)
			if parts[i], err = readPart(ctx, other, len(l.Sources), int64(i), n); err != nil {
				var e *tensor.Error
				if errors.As(err, &e) && e.Path == "" {
					e.Path = other.Path()
				}
				return nil, err
			}
		}
		total += len(parts[i].tensors)
	}
	if want := parts[0].integer("split.tensors.count"); want != int64(total) {
		return nil, bad(tensor.ErrCorrupt, "split.tensors.count", strconv.FormatInt(want, 10), fmt.Sprintf("the %d tensors of the parts", total))
	}
	return parts, nil
}

func readPart(ctx context.Context, m *mmap.Map, source int, no, n int64) (part, error) {
	h, err := parse(ctx, m)
	if err != nil {
		return part{}, err
	}
	if h.integer("split.no") != no || h.integer("split.count") != n {
		return part{}, fail(tensor.ErrCorrupt, -1, "split", fmt.Sprintf("part %d of %d", h.integer("split.no")+1, h.integer("split.count")), fmt.Sprintf("part %d of %d", no+1, n))
	}
	return part{h, m, source}, nil
}

// integer is the value of a key that is an integer, or 0.
func (h *header) integer(key string) int64 {
	i, ok := h.byKey[key]
	if !ok {
		return 0
	}
	n, _ := h.pairs[i].value.(int64)
	return n
}

// metadata makes attributes of the pairs, and tensors of the long ones.
func (p *part) metadata(l *convert.Layout) {
	l.Attrs = convert.Attrs{}
	var types strings.Builder
	for i := range p.pairs {
		kv := &p.pairs[i]
		if strings.HasPrefix(kv.key, "split.") {
			continue
		}
		fmt.Fprintf(&types, "%s %s\n", kv.types(), kv.key)
		switch v := kv.value.(type) {
		case nil:
			p.addArray(l, kv)
		case inline:
			l.Attrs[kv.key] = v.items
		default:
			l.Attrs[kv.key] = v
		}
	}
	if types.Len() > 0 {
		l.Attrs["source"] = map[string]any{"format": name, "types": strings.TrimSuffix(types.String(), "\n")}
	}
}

// addArray adds a long value as a tensor.
func (p *part) addArray(l *convert.Layout, kv *pair) {
	a := kv.long
	if format.CheckName(kv.key) != nil {
		l.Skipped = append(l.Skipped, &tensor.Error{Kind: tensor.ErrFormat, Format: name, Offset: a.at, Field: "key", Got: tensor.Quote(kv.key), Want: "a name of at most 1024 bytes"})
		return
	}
	t := convert.LayoutTensor{Name: kv.key, Storage: -1, Shape: tensor.Shape{a.n}, Order: p.byteOrder()}
	store := func(s convert.LayoutStorage) int {
		if s.Size == 0 {
			return -1
		}
		s.Source = p.source
		l.Storages = append(l.Storages, s)
		return len(l.Storages) - 1
	}
	if a.elem != typeString {
		t.DType = valueTypes[a.elem].dtype
		t.Storage = store(convert.LayoutStorage{Offset: a.at, Size: a.n * int64(t.DType.UnitBytes)})
		l.Tensors = append(l.Tensors, t)
		return
	}
	offsets := convert.LayoutTensor{Name: format.RoleOffsets, DType: tensor.I64, Shape: tensor.Shape{a.n + 1}, Order: tensor.LittleEndian}
	offsets.Storage = store(convert.LayoutStorage{Size: 8 * (a.n + 1), StoredSize: 8 * a.n, Codec: "strings", Open: a.strings(p.in, p.order, true)})
	content := convert.LayoutTensor{Name: format.RoleBytes, DType: tensor.U8, Shape: tensor.Shape{a.bytes}}
	content.Storage = store(convert.LayoutStorage{Size: a.bytes, StoredSize: a.bytes, Codec: "strings", Open: a.strings(p.in, p.order, false)})
	t.Layout = format.LayoutString
	if kv.kind != typeArray {
		t.Shape = tensor.Shape{}
	}
	if !a.utf8 {
		t.Layout, t.DType, t.Shape = format.LayoutRagged, tensor.U8, tensor.Shape{a.n, a.most}
		content.Name = format.RoleValues
	}
	t.Parts = []convert.LayoutTensor{offsets, content}
	l.Tensors = append(l.Tensors, t)
}

func (h *header) byteOrder() tensor.ByteOrder {
	if h.order == binary.ByteOrder(binary.BigEndian) {
		return tensor.BigEndian
	}
	return tensor.LittleEndian
}

// addTensors adds the tensors of a part.
func (p *part) addTensors(l *convert.Layout) {
	for i := range p.tensors {
		t := &p.tensors[i]
		x := convert.LayoutTensor{Name: t.name, Storage: -1, DType: t.dtype, Shape: t.dims, Order: p.byteOrder()}
		s := convert.LayoutStorage{Source: p.source, Offset: p.data + t.offset, Size: t.size}
		if t.dtype == (tensor.DType{}) {
			x.DType, x.Shape = tensor.U8, tensor.Shape{t.size}
			dims := make([]any, len(t.dims))
			for k, n := range t.dims {
				dims[k] = n
			}
			x.Attrs = convert.Attrs{"source": map[string]any{"format": name, "type": int64(t.ggml), "shape": dims}}
			l.Notes = append(l.Notes, fmt.Sprintf("%s is of type %d, which is not known: it is shown as bytes", tensor.Quote(t.name), t.ggml))
		}
		if x.DType.Class == tensor.ClassBlock {
			x.Order = tensor.LittleEndian
			if p.byteOrder() == tensor.BigEndian {
				s = turned(p.in, s, t.dtype)
			}
		}
		if s.Size > 0 {
			x.Storage = len(l.Storages)
			l.Storages = append(l.Storages, s)
		}
		l.Tensors = append(l.Tensors, x)
	}
}

// numbers are where the numbers of more than a byte stand in blocks, as ggml's
// structures have them.
var numbers = map[string][]field{
	"q4_0": {{0, 2, 1}}, "q4_1": {{0, 2, 2}}, "q5_0": {{0, 2, 1}}, "q5_1": {{0, 2, 2}}, "q8_0": {{0, 2, 1}}, "q8_1": {{0, 2, 2}},
	"q2_k": {{80, 2, 2}}, "q3_k": {{108, 2, 1}}, "q4_k": {{0, 2, 2}}, "q5_k": {{0, 2, 2}}, "q6_k": {{208, 2, 1}}, "q8_k": {{0, 4, 1}, {260, 2, 16}},
	"iq2_xxs": {{0, 2, 33}}, "iq2_xs": {{0, 2, 33}}, "iq2_s": {{0, 2, 1}}, "iq3_xxs": {{0, 2, 1}}, "iq3_s": {{0, 2, 1}},
	"iq1_s": {{0, 2, 1}, {34, 2, 8}}, "iq4_nl": {{0, 2, 1}}, "iq4_xs": {{0, 2, 2}}, "tq1_0": {{52, 2, 1}}, "tq2_0": {{64, 2, 1}},
	"q1_0": {{0, 2, 1}}, "q2_0": {{0, 2, 1}},
	"iq1_m": nil, "mxfp4": nil, "nvfp4": nil, // bytes alone
}

// field is n numbers of so many bytes each.
type field struct{ offset, width, n int }

// turned is a storage of big-endian blocks as little-endian ones.
func turned(in convert.Input, s convert.LayoutStorage, d tensor.DType) convert.LayoutStorage {
	fields := numbers[d.String()]
	if len(fields) == 0 {
		return s
	}
	from, block := s, int(d.UnitBytes)
	s.Codec, s.StoredSize = "big-endian", s.Size
	s.Open = func(ctx context.Context) (io.ReadCloser, error) {
		return &turner{ctx: ctx, src: io.NewSectionReader(in, from.Offset, from.Size), fields: fields, block: block, buf: make([]byte, 0, max(1, (64<<10)/block)*block)}, nil
	}
	return s
}

// turner turns the numbers of blocks.
type turner struct {
	ctx    context.Context
	src    io.Reader
	fields []field
	block  int
	buf    []byte
	out    []byte
}

func (r *turner) Close() error { return nil }

func (r *turner) Read(p []byte) (int, error) {
	if len(r.out) == 0 {
		if err := r.ctx.Err(); err != nil {
			return 0, err
		}
		n, err := io.ReadFull(r.src, r.buf[:cap(r.buf)])
		if n == 0 {
			return 0, err
		}
		if err != nil && err != io.ErrUnexpectedEOF {
			return 0, err
		}
		r.out = r.buf[:n]
		for b := r.out; len(b) >= r.block; b = b[r.block:] {
			for _, f := range r.fields {
				for i := range f.n {
					at := f.offset + i*f.width
					slices.Reverse(b[at : at+f.width])
				}
			}
		}
	}
	n := copy(p, r.out)
	r.out = r.out[n:]
	return n, nil
}
