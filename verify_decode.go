package tensorfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

// What VerifyOptions.Decode adds: chunks are decoded, and elements are looked at
// where not every pattern of bits is one. Of the dtypes that are known that is
// bool, a byte of which is 0 or 1.

// decodable is what it takes to decode a chunk beside what its block says.
type decodable struct {
	grid   *grid
	raw    int64 // bytes
	origin int64 // first row
	coding uint8
}

// decodes reports whether there is anything to find in the elements of a chunk
// that its checksum does not show.
func (d *decodable) decodes(dtype tensor.DType) bool {
	return d.coding > format.CodingRaw || dtype == tensor.Bool
}

// decode checks a chunk against its checksum, decodes it and looks at its
// elements. ok is false where it cannot be decoded here: then nothing was done.
func (v *verifier) decode(b block, name string, w *chunkWork) (ok bool, err error) {
	d, rec := b.decode, b.storage
	if !d.decodes(rec.DType) {
		return false, nil
	}
	if _, err := d.grid.codecs(); err != nil {
		return false, nil // was told with the grid
	}
	if limit := d.grid.limit; limit >= 0 && d.raw > limit {
		v.unknown(named(chunkError(tooLarge(b.off, d.raw, limit), b.index, &format.ChunkEntry{}), name))
		return false, nil
	}
	rank := len(rec.Shape)
	p := &chunkPart{
		number: b.index, entry: format.ChunkEntry{Offset: b.off, Length: uint32(b.n), CRC: b.sum, Coding: d.coding, Origin: d.origin},
		shape: make(tensor.Shape, rank), first: make([]int64, rank), step: make([]int64, rank),
	}
	origin := make([]int64, rank)
	col := b.index % d.grid.chunks.PerSlab()
	rows := d.raw / d.grid.chunks.Box(col, 1, origin, p.shape)
	d.grid.chunks.Box(col, rows, origin, p.shape)
	origin[0], p.n = d.origin, p.shape
	if p.dst, err = tensor.NewView(scratch(&w.raw, d.raw), rec.DType, p.shape, nil, 0, tensor.LittleEndian); err != nil {
		return false, err
	}
	err = gridReader{d.grid, fileChunks{v.f.m, v.lease}}.read(p, w)
	if err == nil && rec.DType == tensor.Bool {
		if at := firstNotBool(w.raw[:d.raw]); at >= 0 {
			err = chunkError(notBool(b.off, indexOf(int64(at), p.shape, origin), w.raw[at]), b.index, &p.entry)
		}
	}
	var e *Error
	if errors.As(err, &e) && (strings.HasPrefix(e.Rule, "chunk.") || e.Rule == format.RuleDTypeBool) {
		v.find(named(err, name))
		err = nil
	}
	return true, err
}

// constant checks the one element that stands for all of a chunk, or for all
// chunks that are missing.
func (v *verifier) constant(cat *format.Catalog, s *format.StorageRecord, at int64, what string, unit byte) {
	if v.o.Decode && s.DType == tensor.Bool && unit > 1 {
		err := notBool(at, nil, unit)
		err.Field = what
		v.find(named(err, v.nameOf(cat, s.ID)))
	}
}

// noteBools remembers a view of bools on a raw storage, once for all generations
// that have it.
func (v *verifier) noteBools(rec *format.TensorRecord, s *format.StorageRecord) {
	if !v.o.Decode || v.o.Quick || rec.DType != tensor.Bool || s.Kind != format.StorageRaw || s.Size == 0 {
		return
	}
	key := fmt.Sprint(s.Payload, rec.Offset, rec.Shape, rec.Strides)
	if _, ok := v.bools[key]; ok {
		return
	}
	v.bools[key] = &Tensor{
		f: v.f, name: strings.Clone(rec.Name), kind: format.KindDense, dtype: rec.DType, shape: rec.Shape.Clone(), strides: slices.Clone(rec.Strides), offset: rec.Offset,
		st: storage{ID: s.ID, Kind: StorageRaw, Offset: s.Payload, Size: s.Size, sums: s.Ref, block: s.Block},
	}
}

// plainBools looks at the bools of raw storages.
func (v *verifier) plainBools() error {
	list := slices.Collect(maps.Values(v.bools))
	return parallel.Each(v.o.Workers, int64(len(list)), func(i int64) error { return v.boolsOf(list[i]) })
}

// foreignBools looks at the bools of a tensor of a foreign file and of its parts.
func (v *verifier) foreignBools(l *LayoutTensor, name string) error {
	for i := range l.Parts {
		if err := v.foreignBools(&l.Parts[i], format.PartKey(name, l.Parts[i].Name)); err != nil {
			return err
		}
	}
	if l.Layout != 0 || l.DType != tensor.Bool || l.Storage < 0 {
		return nil
	}
	return v.boolsOf(v.f.foreignTensor(l, name, nil))
}

// boolsOf looks at the elements of a tensor of bools. With a sample it is taken
// as a whole or not at all.
func (v *verifier) boolsOf(t *Tensor) error {
	if err := v.ctx.Err(); err != nil {
		return err
	}
	if v.o.Sample > 0 && rand.Float64() >= v.o.Sample {
		return nil
	}
	r, err := t.region()
	if err != nil {
		return err
	}
	r.shape = r.shape.Clone()
	for axis, stride := range r.strides {
		if stride == 0 {
			r.shape[axis] = min(r.shape[axis], 1) // one element that stands for many
		}
	}
	if n := r.bytes(); n > t.st.Size {
		v.unknown(&Error{Kind: ErrLimit, Path: v.f.Path(), Format: t.format(), Tensor: t.name, Offset: -1, Field: "bools to look at", Got: fmt.Sprint(n), Want: fmt.Sprintf("at most %d, the bytes that they lie in", t.st.Size)})
		return nil
	}
	c := boolChecker{bad: -1}
	err = t.writeRegion(v.ctx, &c, r)
	if c.bad < 0 {
		switch {
		case err == nil || v.ctx.Err() != nil || errors.Is(err, ErrIO):
			return err
		case errors.Is(err, ErrLimit):
			v.unknown(err)
		}
		return nil // damage to payloads was told before
	}
	index, at := indexOf(c.bad, r.shape, nil), int64(-1)
	if t.st.Kind == StorageRaw {
		at = t.st.Offset + r.offset
		for axis, i := range index {
			at += i * r.strides[axis]
		}
	}
	e := notBool(at, index, c.got)
	e.Format, e.Member = t.format(), t.Storage().Member
	v.find(named(e, t.name))
	return nil
}

func notBool(at int64, index []int64, got byte) *Error {
	return &Error{Kind: ErrCorrupt, Format: format.Name, Offset: at, Field: "bool at " + tensor.Shape(index).String(), Got: fmt.Sprint(got), Want: "0 or 1", Rule: format.RuleDTypeBool}
}

// indexOf is the index of element at, in C order, of a box that begins at origin,
// or at zeros.
func indexOf(at int64, shape tensor.Shape, origin []int64) []int64 {
	index := make([]int64, len(shape))
	for axis := len(shape) - 1; axis >= 0; axis-- {
		index[axis] = at % shape[axis]
		at /= shape[axis]
		if origin != nil {
			index[axis] += origin[axis]
		}
	}
	return index
}

// boolChecker takes bools and stops at the first byte that is none.
type boolChecker struct {
	at, bad int64
	got     byte
}

var errNotBool = errors.New("not a bool")

func (c *boolChecker) Write(p []byte) (int, error) {
	if i := firstNotBool(p); i >= 0 {
		c.bad, c.got = c.at+int64(i), p[i]
		return i, errNotBool
	}
	c.at += int64(len(p))
	return len(p), nil
}

// firstNotBool is the index of the first byte that is neither 0 nor 1, or -1.
func firstNotBool(b []byte) int {
	i := 0
	for ; i+8 <= len(b) && binary.LittleEndian.Uint64(b[i:])&^0x0101010101010101 == 0; i += 8 {
	}
	for ; i < len(b); i++ {
		if b[i] > 1 {
			return i
		}
	}
	return -1
}

// unknown notes what could not be checked.
func (v *verifier) unknown(err error) {
	err = located(err, v.f.Path(), "")
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.seen[err.Error()]; !ok && len(v.rep.Unknown) < maxFindings {
		v.seen[err.Error()] = struct{}{}
		v.rep.Unknown = append(v.rep.Unknown, err)
	}
}
