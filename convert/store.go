package convert

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/codec"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/glob"
	"github.com/tensorfile/tensorfile/tensor"
)

// Store is a rule that says how tensors are stored in a native output. Of the
// rules that match a tensor the last one with a Codec and the last one with a
// Chunk count.
type Store struct {
	// Names is a name or a glob, of names in the output. Default: all but views of
	// bytes that others see in another way, which go on sharing them.
	Names string
	// Codec is "none" for plain bytes, "auto", "fast" or "best", "raw" for chunks
	// without a pipeline, or a pipeline (see tensorfile.TensorOptions). Default:
	// no change.
	Codec string
	// Chunk is the shape of chunks. A rule without Names leaves out tensors of
	// another rank. Default: no change.
	Chunk tensor.Shape
}

// String is the rule as the tool's flags have it.
func (s Store) String() string {
	text := "codec "
	if s.Codec == "" {
		text = "chunk "
	}
	if s.Names != "" {
		text += s.Names + "="
	}
	if s.Codec != "" {
		return text + s.Codec
	}
	for i, n := range s.Chunk {
		if i > 0 {
			text += ","
		}
		text += strconv.FormatInt(n, 10)
	}
	return text
}

// Rules finds out how a tensor is stored by rules: the options, nil for as it
// is. shared says that
// other tensors see its bytes in another way. used, if not nil, is
// told which rules count.
func Rules(rules []Store, name string, x *tensorfile.Tensor, shared bool, used []bool) (*tensorfile.TensorOptions, error) {
	shape := x.Shape()
	_, _, composite := x.Composite()
	if composite {
		shape = tensor.Shape{0} // chunks of a composite have one extent: of entries
	}
	codecBy, chunkBy := -1, -1
	for k, rule := range rules {
		if rule.Names == "" {
			if shared || rule.Chunk != nil && len(rule.Chunk) != len(shape) {
				continue
			}
		} else if rule.Names != name && !glob.Match(rule.Names, name) {
			continue
		}
		if used != nil {
			used[k] = true
		}
		if rule.Codec != "" {
			codecBy = k
		}
		if rule.Chunk != nil {
			chunkBy = k
		}
	}
	if codecBy < 0 && chunkBy < 0 {
		return rowsAsStored(x), nil
	}
	o := &tensorfile.TensorOptions{}
	if codecBy >= 0 {
		o.Codec = rules[codecBy].Codec
	}
	if chunkBy >= 0 {
		o.Chunk = rules[chunkBy].Chunk
	}
	if len(shape) == 0 {
		return nil, nil // one element is no grid
	}
	if o.Codec == "none" && o.Chunk != nil {
		// The rule with a name counts.
		switch a, b := rules[codecBy].Names != "", rules[chunkBy].Names != ""; {
		case a && !b:
			o.Chunk = nil
		case b && !a:
			o.Codec = ""
		default:
			return nil, &Error{Kind: tensorfile.ErrShape, Offset: -1, Field: "chunk shape", Got: o.Chunk.String(), Want: "no chunks, as the codec is none"}
		}
	}
	if composite {
		return o, nil // the parts are looked at when they are written
	}
	keepStored(o, x)
	return o, checkStore(o, x)
}

// rowsAsStored are options that store rows of several files as the first one does, nil
// for plain bytes, and for other tensors: they are copied as they are.
func rowsAsStored(x *tensorfile.Tensor) *tensorfile.TensorOptions {
	rows := x.Rows()
	if len(rows) == 0 {
		return nil
	}
	first, err := rows[0].Open()
	if err != nil {
		return nil // who reads hears of it
	}
	st := first.Storage()
	if st.Kind != tensorfile.StorageGrid {
		return nil
	}
	return &tensorfile.TensorOptions{Codec: cmp.Or(st.Codec, "raw"), Chunk: first.ChunkShape()}
}

// keepStored completes options by what a tensor in chunks has already.
func keepStored(o *tensorfile.TensorOptions, x *tensorfile.Tensor) {
	st := x.Storage()
	if rows := rowsAsStored(x); rows != nil {
		st.Kind, st.Codec, st.Chunk = tensorfile.StorageGrid, rows.Codec, rows.Chunk
	}
	if st.Kind != tensorfile.StorageGrid {
		return
	}
	if o.Codec == "" {
		o.Codec = cmp.Or(st.Codec, "raw")
	}
	if o.Chunk == nil && !chosen(o.Codec) && len(st.Chunk) == len(x.Shape()) {
		if c, err := tensor.Contiguous(x.DType(), x.Shape()); err == nil && slices.Equal(c, x.Strides()) {
			o.Chunk = st.Chunk
		}
	}
}

// chosen reports whether a codec is a word for a choice that is yet to be made,
// or for no chunks.
func chosen(name string) bool {
	switch name {
	case "none", codec.Auto.String(), codec.Fast.String(), codec.Best.String():
		return true
	}
	return false
}

// checkStore reports an error if the tensor cannot be stored as it is to be.
func checkStore(o *tensorfile.TensorOptions, x *tensorfile.Tensor) error {
	shape, chunk := x.Shape(), o.Chunk
	if chunk != nil && len(chunk) != len(shape) {
		return &Error{Kind: tensorfile.ErrShape, Offset: -1, Field: "chunk shape", Got: chunk.String(), Want: fmt.Sprintf("one of rank %d", len(shape)), Rule: format.RuleGridChunk}
	}
	if o.Codec == "" || o.Codec == "raw" || chosen(o.Codec) {
		return nil
	}
	if chunk == nil {
		chunk = shape
	}
	for line := range strings.SplitSeq(o.Codec, "\n") {
		p, err := codec.Parse(line)
		if err == nil {
			err = p.Check(codec.Box{DType: x.DType(), Shape: chunk})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// SameView reports whether two tensors of one storage show the same elements of
// it in the same way.
func SameView(a, b *tensorfile.Tensor) bool {
	return a.Offset() == b.Offset() && a.DType() == b.DType() && a.Order() == b.Order() && a.Shape().Equal(b.Shape()) && slices.Equal(a.Strides(), b.Strides())
}

// stores finds out how each item is to be stored, and whether it can be. A rule
// that applies to no tensor is noted.
func (j *job) stores() error {
	rules := j.o.Store
	if len(rules) == 0 {
		for i := range j.items {
			if j.native {
				j.items[i].chunks = rowsAsStored(j.items[i].t)
			}
		}
		return nil
	}
	if !j.native {
		return j.fail(tensorfile.ErrUnsupported, "codec or chunks", j.res.Format, "an output of format "+format.Name)
	}
	type key struct {
		f  *tensorfile.File
		id uint64
	}
	on := func(it *item) key { return key{it.t.File(), it.t.Storage().ID} }
	first := map[key]*tensorfile.Tensor{}
	mixed := map[key]bool{} // storages that are seen in several ways
	for i := range j.items {
		x := j.items[i].t
		k := on(&j.items[i])
		if was, ok := first[k]; !ok {
			first[k] = x
		} else if !SameView(was, x) {
			mixed[k] = true
		}
	}
	used := make([]bool, len(rules))
	var left []string
	for i := range j.items {
		it := &j.items[i]
		k := on(it)
		shared := k.id != 0 && mixed[k]
		var err error
		if it.chunks, err = Rules(rules, it.name, it.t, shared, used); err != nil {
			return ruleError(err, j.out, it.name)
		}
		if shared && it.chunks == nil {
			left = append(left, it.name)
		}
	}
	j.res.Notes = append(j.res.Notes, ruleNotes(rules, used, left)...)
	return nil
}

// ruleError is an error about how a tensor is to be stored.
func ruleError(err error, path, name string) error {
	var e *Error
	if errors.As(err, &e) {
		e.Path, e.Tensor = path, name
	}
	return err
}

// ruleNotes says which rules apply to nothing, and which tensors rules for all
// leave out because they share their bytes.
func ruleNotes(rules []Store, used []bool, left []string) (notes []string) {
	all := false
	for k, rule := range rules {
		if rule.Names == "" {
			all = true
		}
		if !used[k] && (rule.Names != "" || len(left) == 0) {
			notes = append(notes, rule.String()+" applies to no tensor")
		}
	}
	if all && len(left) > 0 {
		n := len(left)
		if n > 4 {
			left = left[:4]
		}
		text := quoteAll(left)
		if n > 4 {
			text += fmt.Sprintf(" and %d more", n-4)
		}
		notes = append(notes, text+" share bytes and are stored as they are; a rule with their names gives each its own")
	}
	return notes
}
