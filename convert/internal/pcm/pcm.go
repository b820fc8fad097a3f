// Package pcm holds what formats of sound share: how samples lie in files, and
// the attributes that say what they mean.
package pcm

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// MaxChannels is how many channels a recording may have: as many as libsndfile
// allows.
const MaxChannels = 1024

// Encoding is how a sample lies in a file.
type Encoding struct {
	Name  string
	Bytes int64        // of a sample in the file
	DType tensor.DType // what it is read as
}

// The encodings. Those whose elements are as wide as their samples need no
// decoding, but for the laws.
var (
	U8    = Encoding{"u8", 1, tensor.U8}
	I8    = Encoding{"i8", 1, tensor.I8}
	I16   = Encoding{"i16", 2, tensor.I16}
	I24   = Encoding{"i24", 3, tensor.I32} // the upper three bytes: full scale is 2^31
	I32   = Encoding{"i32", 4, tensor.I32}
	F32   = Encoding{"f32", 4, tensor.F32}
	F64   = Encoding{"f64", 8, tensor.F64}
	ALaw  = Encoding{"alaw", 1, tensor.I16}
	MuLaw = Encoding{"mulaw", 1, tensor.I16}
)

// Plain reports whether samples are elements.
func (e Encoding) Plain() bool { return e.Bytes == int64(e.DType.UnitBytes) }

// Float reports whether samples are floats.
func (e Encoding) Float() bool { return e.DType.Class == tensor.ClassFloat }

// Sound describes a recording in a file.
type Sound struct {
	Encoding Encoding
	Order    tensor.ByteOrder
	Channels int64
	Frames   int64
	Offset   int64 // of the first frame
}

// Describe adds the recording to l as the tensor called name: (T) or (T, C).
func (s *Sound) Describe(l *convert.Layout, in convert.Input, name string, attrs convert.Attrs) {
	e := s.Encoding
	t := convert.LayoutTensor{Name: name, DType: e.DType, Shape: tensor.Shape{s.Frames}, Order: s.Order}
	dims := []string{"time"}
	if s.Channels > 1 {
		t.Shape = append(t.Shape, s.Channels)
		dims = append(dims, "channel")
	}
	t.Attrs = attrs.WithDims(dims...)
	t.Attrs["encoding"] = e.Name
	samples := s.Frames * s.Channels // within the file
	stored := samples * e.Bytes
	switch {
	case samples == 0:
		t.Storage = -1
	case e.Plain():
		l.Storages = []convert.LayoutStorage{{Offset: s.Offset, Size: stored}}
	default:
		t.Order = tensor.LittleEndian // what the decoder makes
		open := s.opener(in, s.Offset, s.Offset+stored)
		l.Storages = []convert.LayoutStorage{{Size: samples * int64(e.DType.UnitBytes), Open: open, Codec: e.Name, StoredSize: stored}}
	}
	l.Tensors = []convert.LayoutTensor{t}
}

// Name is what the recording in a file is called: asked, or else the file's name
// without its extension.
func Name(o *convert.ReadOptions, path string) string {
	if o != nil && o.Name != "" {
		return o.Name
	}
	name := filepath.Base(path)
	if ext := filepath.Ext(name); len(ext) < len(name) {
		name = name[:len(name)-len(ext)]
	}
	if format.CheckName(name) != nil {
		return "sound"
	}
	return name
}

// ReadAt reads all of b. The end of the file is ErrTruncated.
func ReadAt(in convert.Input, b []byte, at int64, field string) error {
	if have := in.Size() - at; have < int64(len(b)) {
		return &tensor.Error{Kind: tensor.ErrTruncated, Offset: at, Field: field, Got: fmt.Sprintf("%d bytes", max(have, 0)), Want: fmt.Sprint(len(b))}
	}
	_, err := in.ReadAt(b, at)
	return err
}

// Text is what a field of a file says, up to the first NUL: UTF-8, or else
// Latin-1, control bytes and all.
func Text(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	if utf8.Valid(b) {
		return string(b)
	}
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}

// Recording is what is to be written.
type Recording struct {
	Encoding Encoding
	DType    tensor.DType // of the elements
	Channels int64
	Frames   int64
	Rate     float64 // samples per second, above 0
	Attrs    convert.Attrs
	// Write writes the elements in C order, little-endian.
	Write func(w io.Writer) error
}

// Size is how many bytes the samples have in the file.
func (r *Recording) Size() int64 { return r.Frames * r.Channels * r.Encoding.Bytes }

// OfView is the recording in a view.
func OfView(v tensor.View, attrs convert.Attrs, known ...Encoding) (*Recording, error) {
	write := func(w io.Writer) error { return v.WriteCOrder(w, tensor.LittleEndian) }
	return record(v.DType(), v.Shape(), attrs, write, known)
}

// OfTensor is the recording in the one tensor of src, in the encoding that o asks
// for. Without one its attribute "encoding" counts if it is of the tensor's
// dtype: another dtype came later.
func OfTensor(ctx context.Context, src []convert.Source, o *convert.WriteOptions, known ...Encoding) (*Recording, error) {
	if len(src) != 1 {
		return nil, bad(tensor.ErrUnsupported, "tensors", fmt.Sprint(len(src)), "one recording")
	}
	t := src[0]
	if layout, _, ok := t.Composite(); ok {
		return nil, named(bad(tensor.ErrUnsupported, "layout", format.LayoutName(layout), "a dense tensor"), t.As)
	}
	attrs, err := t.Attrs()
	if err != nil {
		return nil, err
	}
	text, _ := attrs["encoding"].(string)
	i := slices.IndexFunc(known, func(e Encoding) bool { return e.Name == text })
	if attrs["encoding"] != nil && (i < 0 || known[i].DType != t.DType()) {
		attrs = maps.Clone(attrs)
		delete(attrs, "encoding")
	}
	if o != nil && o.Encoding != "" {
		attrs = maps.Clone(attrs)
		if attrs == nil {
			attrs = convert.Attrs{}
		}
		attrs["encoding"] = o.Encoding
	}
	r, err := record(t.DType(), t.Shape(), attrs, func(w io.Writer) error { return t.WriteCOrder(ctx, w) }, known)
	return r, named(err, t.As)
}

func named(err error, name string) error {
	var e *tensor.Error
	if errors.As(err, &e) {
		e.Tensor = name
	}
	return err
}

func bad(kind error, field, got, want string) error {
	return &tensor.Error{Kind: kind, Offset: -1, Field: field, Got: got, Want: want}
}

func record(d tensor.DType, shape tensor.Shape, attrs convert.Attrs, write func(io.Writer) error, known []Encoding) (*Recording, error) {
	r := &Recording{DType: d, Channels: 1, Attrs: attrs, Write: write}
	if len(shape) < 1 || len(shape) > 2 {
		return nil, bad(tensor.ErrShape, "shape", shape.String(), "(T) or (T, C)")
	}
	r.Frames = shape[0]
	if len(shape) == 2 {
		r.Channels = shape[1]
	}
	if r.Channels < 1 || r.Channels > MaxChannels {
		return nil, bad(tensor.ErrShape, "shape", shape.String(), fmt.Sprintf("(T, C) of 1 to %d channels ('c t -> t c' turns it)", MaxChannels))
	}
	var err error
	if r.Encoding, err = encodingFor(d, attrs, known); err != nil {
		return nil, err
	}
	if r.Frames > math.MaxInt64/16/r.Channels {
		return nil, bad(tensor.ErrOverflow, "shape", shape.String(), "at most 2^59 samples")
	}
	if r.Rate, err = rate(attrs); err != nil {
		return nil, err
	}
	return r, nil
}

// encodingFor is the encoding that attrs ask for, or else the one that holds
// what d does.
func encodingFor(d tensor.DType, attrs convert.Attrs, known []Encoding) (Encoding, error) {
	from, err := sampleOf(d)
	if err != nil {
		return Encoding{}, err
	}
	find := func(name string) (Encoding, bool) {
		i := slices.IndexFunc(known, func(e Encoding) bool { return e.Name == name })
		if i < 0 {
			return Encoding{}, false
		}
		return known[i], true
	}
	if v := attrs["encoding"]; v != nil {
		text, _ := v.(string)
		if e, ok := find(text); ok {
			return e, nil
		}
		return Encoding{}, bad(tensor.ErrUnsupported, "attribute encoding", tensor.Quote(fmt.Sprint(v)), "one of "+strings.Join(Names(known), ", "))
	}
	for _, name := range []string{from.name, from.like} {
		if e, ok := find(name); ok {
			return e, nil
		}
	}
	return Encoding{}, bad(tensor.ErrUnsupported, "dtype", d.String(), "another, or one of the encodings "+strings.Join(Names(known), ", ")+" (--encoding)")
}

// Names are those of encodings.
func Names(known []Encoding) []string {
	names := make([]string, len(known))
	for i, e := range known {
		names[i] = e.Name
	}
	return names
}

// Number is an attribute that is a number.
func Number(v any) (float64, bool) {
	switch x := v.(type) {
	case int64:
		return float64(x), true
	case uint64:
		return float64(x), true
	case int:
		return float64(x), true
	case uint32:
		return float64(x), true
	case float64:
		return x, true
	case float32:
		return float64(x), true
	}
	return 0, false
}

func rate(attrs convert.Attrs) (float64, error) {
	x, ok := Number(attrs["sample_rate"])
	if !ok || !(x > 0) || math.IsInf(x, 0) {
		got := "none"
		if v := attrs["sample_rate"]; v != nil {
			got = tensor.Quote(fmt.Sprint(v))
		}
		return 0, bad(tensor.ErrUnsupported, "attribute sample_rate", got, "a number above 0 (--rate 44100:44100 sets it)")
	}
	return x, nil
}

// Whole is an attribute that is a whole number, 0 to most; 0 if there is none.
func Whole(attrs convert.Attrs, name string, most int64) (int64, error) {
	v := attrs[name]
	x, ok := Number(v)
	if v != nil && (!ok || x != math.Trunc(x) || x < 0 || x > float64(most)) {
		return 0, bad(tensor.ErrUnsupported, "attribute "+name, tensor.Quote(fmt.Sprint(v)), fmt.Sprintf("a whole number, 0 to %d", most))
	}
	return int64(x), nil
}

// Rate is a rate as an attribute: whole if it is.
func Rate(x float64) any {
	if n := int64(x); x < 1<<53 && float64(n) == x {
		return n
	}
	return x
}

// Info are the texts of the attribute "info": by four letters, in order.
func Info(attrs convert.Attrs) (ids, texts []string, err error) {
	if attrs["info"] == nil {
		return nil, nil, nil
	}
	m, ok := attrs["info"].(map[string]any)
	if !ok {
		return nil, nil, bad(tensor.ErrUnsupported, "attribute info", tensor.Quote(fmt.Sprint(attrs["info"])), "an object of texts")
	}
	for _, id := range slices.Sorted(maps.Keys(m)) {
		text, ok := m[id].(string)
		if !ok || !PrintableID(id) {
			return nil, nil, bad(tensor.ErrUnsupported, "attribute info", tensor.Quote(id), "texts by names of four letters")
		}
		ids, texts = append(ids, id), append(texts, text)
	}
	return ids, texts, nil
}

// InfoNames are what other formats call the texts of INFO.
var InfoNames = map[string]string{
	"TITLE": "INAM", "ARTIST": "IART", "ALBUM": "IPRD", "DATE": "ICRD", "GENRE": "IGNR", "COMMENT": "ICMT", "DESCRIPTION": "ISBJ",
	"COPYRIGHT": "ICOP", "TRACKNUMBER": "ITRK", "ENCODER": "ISFT",
}

// InfoOf are the texts of lists of tags that INFO has, too. The first counts.
func InfoOf(lists ...map[string]string) map[string]any {
	info := map[string]any{}
	for _, tags := range lists {
		for _, name := range slices.Sorted(maps.Keys(tags)) {
			id := InfoNames[strings.ToUpper(name)]
			if _, taken := info[id]; id != "" && !taken {
				info[id] = Text([]byte(tags[name]))
			}
		}
	}
	return info
}

// PrintableID reports whether s can be the name of a chunk.
func PrintableID[T string | []byte](s T) bool {
	if len(s) != 4 {
		return false
	}
	for i := range 4 {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// Chunk appends a chunk and its pad byte.
func Chunk(b []byte, order binary.AppendByteOrder, id string, body []byte) []byte {
	b = order.AppendUint32(append(b, id...), uint32(len(body)))
	b = append(b, body...)
	if len(body)%2 == 1 {
		b = append(b, 0)
	}
	return b
}
