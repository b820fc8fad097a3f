// Package operate changes tensors on their way from one file to another: a
// Pipeline of operators is planned on descriptions alone, which gives the names,
// dtypes and shapes of the results, and computes elements when results are read.
//
//	p := &operate.Pipeline{Steps: []operate.Step{
//		{Operator: operate.Select{Selection: sel}},
//		{Names: "*.weight", Operator: operate.Cast{To: tensor.F16}},
//	}}
//	_, err := convert.Files(ctx, in, out, &convert.Options{Operate: p})
//
// or, without a file that is written, Derive. A result is a tensor of an open
// file like any other: it can be read, hashed and written by every writer.
//
// # Memory and concurrency
//
// Results are computed box by box, by several goroutines, and come out in C
// order. What takes an element from where it stands or computes it by itself
// (Select, Flip, Crop, Cast, Scale, Rearrange, Concat, Stack) needs memory for
// some boxes whatever the size of the tensor. What needs whole extents (Reduce,
// Resize, Pad, Mono and Rate along the axes that they change) holds these, of as
// many indices of the other axes as are in a box. A chunked or compressed source
// whose bytes would be decoded again for each box is decoded once and held, if
// that fits. Entries of sparse tensors are held from the operator that made them
// until the results are closed. Pipeline.MaxBytes bounds all of it together;
// Derive fails with ErrLimit if a result cannot be computed within it.
//
// A Pipeline may be used by several goroutines; so may tensors that it derives.
package operate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"runtime"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/glob"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// An Operator makes tensors of tensors. Those of this package are all there
// are.
type Operator interface {
	// String is the operator as Parse reads it, its name in front.
	String() string
	apply(in []*array) ([]*array, error)
}

// A Step is an operator and what it is applied to.
type Step struct {
	// Names is a name or a glob, of names as they are when the step is reached.
	// Default: all.
	Names    string
	Operator Operator
}

// String is the step as Parse reads it, the name of the operator in front.
func (s Step) String() string {
	text := s.Operator.String()
	if s.Names == "" {
		return text
	}
	name, value, _ := strings.Cut(text, " ")
	return name + " " + s.Names + "=" + value
}

// Pipeline is a list of operators. They are applied in order.
type Pipeline struct {
	Steps []Step
	// MaxBytes bounds the memory that computing holds. Default: 4 GiB.
	MaxBytes int64
	// Workers is how many boxes or tensors are computed at the same time.
	// Default: GOMAXPROCS.
	Workers int
}

var _ convert.Operators = (*Pipeline)(nil)

// String is the steps, a line each.
func (p *Pipeline) String() string {
	lines := make([]string, len(p.Steps))
	for i, s := range p.Steps {
		lines[i] = s.String()
	}
	return strings.Join(lines, "\n")
}

// array is a tensor between two operators. Operators replace its fields.
type array struct {
	name  string
	path  string // of the source, for errors
	from  []int
	t     *tensorfile.Tensor // while nothing was done to it
	n     node
	s     *sparse.Array // in memory; nil: dense, or a composite of the file
	q     *quant.Array  // in memory; nil: not quantised here
	w     *work
	attrs tensorfile.Attrs // never changed, only replaced
	last  string           // operator
}

func (a *array) dtype() tensor.DType { d, _ := a.n.form(); return d }
func (a *array) shape() tensor.Shape { _, s := a.n.form(); return s }

// fail is an error about a tensor that an operator does not fit.
func (a *array) fail(kind error, field, got, want string) error {
	return &tensor.Error{Kind: kind, Path: a.path, Tensor: a.name, Offset: -1, Field: field, Got: got, Want: want}
}

// located says which tensor an error is about.
func (a *array) located(err error) error {
	var e *tensor.Error
	if errors.As(err, &e) {
		if e.Path == "" {
			e.Path = a.path
		}
		if e.Tensor == "" {
			e.Tensor = a.name
		}
	}
	return err
}

// defaultMaxBytes is Pipeline.MaxBytes if that is 0.
const defaultMaxBytes = 4 << 30

// Derive plans the steps for tensors of open files. It reads no elements, but for
// what is or becomes sparse: the size of that follows from what it holds, and it is
// made here, in memory. Errors name the tensor and what does not fit: ErrShape,
// ErrDType, ErrIndex, ErrDuplicate for two results of one name, ErrUnsupported for
// a sparse tensor and an operator on dense ones, convert.ErrNoMatch for a step
// whose Names match nothing, and ErrLimit where MaxBytes is too little.
//
// The result is valid while the files of src are open.
func (p *Pipeline) Derive(ctx context.Context, src []convert.Source) (*convert.Derived, error) {
	w := &work{ctx: ctx, p: p, most: p.MaxBytes, workers: p.Workers}
	if w.most == 0 {
		w.most = defaultMaxBytes
	}
	if w.workers < 1 {
		w.workers = runtime.GOMAXPROCS(0)
	}
	arrays := make([]*array, len(src))
	for i, s := range src {
		attrs, err := s.Attrs()
		if err != nil {
			return nil, err
		}
		arrays[i] = &array{name: s.As, path: s.File().Path(), from: []int{i}, t: s.Tensor, n: &source{t: s.Tensor}, w: w, attrs: attrs}
	}
	for _, s := range p.Steps {
		var err error
		if arrays, err = s.apply(arrays); err != nil {
			return nil, err
		}
	}
	if err := distinct(arrays, src); err != nil {
		return nil, err
	}
	return p.derived(w, arrays)
}

// apply applies an operator to the arrays that it is for. The others stay where
// they are.
func (s Step) apply(arrays []*array) ([]*array, error) {
	var in, out []*array
	at := -1
	for _, a := range arrays {
		switch {
		case s.Names == "" || s.Names == a.name || glob.Match(s.Names, a.name):
			if in = append(in, a); at < 0 {
				at = len(out)
			}
		case at < 0:
			out = append(out, a)
		}
	}
	if at < 0 && s.Names != "" {
		return nil, fmt.Errorf("%w %s, which is to be changed by %s", convert.ErrNoMatch, tensor.Quote(s.Names), s.Operator)
	}
	if at < 0 {
		return arrays, nil
	}
	for _, a := range in {
		if !a.composed() {
			continue
		}
		if err := a.denseOnly(s.Operator); err != nil {
			return nil, err
		}
	}
	done, err := s.Operator.apply(in)
	if err != nil {
		return nil, err
	}
	for i, a := range done {
		if len(done) != len(in) || a.n != in[i].n {
			a.t, a.last = nil, s.Operator.String()
		}
	}
	if len(done) == len(in) { // each in its place
		out = out[:0]
		k := 0
		for _, a := range arrays {
			if k < len(in) && a == in[k] {
				a = done[k]
				k++
			}
			out = append(out, a)
		}
		return out, nil
	}
	out = append(out, done...)
	k := 0
	for _, a := range arrays[at:] {
		if k < len(in) && a == in[k] {
			k++
			continue
		}
		out = append(out, a)
	}
	return out, nil
}

// each applies fn to a copy of each array.
func each(in []*array, fn func(a *array) error) ([]*array, error) {
	out := make([]*array, len(in))
	for i, a := range in {
		own := *a
		out[i] = &own
		err := a.w.ctx.Err()
		if err == nil {
			err = fn(&own)
		}
		if err != nil {
			return nil, a.located(err)
		}
	}
	return out, nil
}

// distinct reports an error if two results have one name.
func distinct(arrays []*array, src []convert.Source) error {
	first := map[string]*array{}
	say := func(a *array) string {
		s := src[a.from[0]]
		return tensor.Quote(s.Name()) + " of " + tensor.Quote(s.File().Path())
	}
	for _, a := range arrays {
		if was := first[a.name]; was != nil {
			return &tensor.Error{Kind: tensor.ErrDuplicate, Tensor: a.name, Offset: -1, Field: "name", Got: say(was) + " and " + say(a), Want: "each name once"}
		}
		first[a.name] = a
	}
	return nil
}

// derived makes a file of what is computed.
func (p *Pipeline) derived(w *work, arrays []*array) (*convert.Derived, error) {
	most := w.left()
	work := newPool(most, w.workers)
	l := &convert.Layout{Format: "operators", Version: "1"}
	path := ""
	for _, a := range arrays {
		if err := w.ctx.Err(); err != nil {
			return nil, err
		}
		if a.t != nil {
			continue
		}
		if path == "" {
			path = a.path
		}
		if a.s != nil || a.q != nil {
			t, err := a.describe(l)
			if err != nil {
				return nil, a.located(err)
			}
			l.Tensors = append(l.Tensors, t)
			continue
		}
		d, shape := a.n.form()
		bytes, err := tensor.ByteSize(d, shape)
		if err != nil {
			return nil, a.located(err)
		}
		t := convert.LayoutTensor{Name: a.name, Storage: -1, DType: d, Shape: shape, Attrs: a.attrs}
		if bytes > 0 {
			c, err := settle(a.n, most, a.last)
			if err != nil {
				return nil, a.located(err)
			}
			t.Storage = len(l.Storages)
			l.Storages = append(l.Storages, convert.LayoutStorage{Size: bytes, Codec: a.last, Open: work.add(a, c, bytes)})
		}
		l.Tensors = append(l.Tensors, t)
	}
	var file *tensorfile.File
	out := &convert.Derived{Close: func() error { return nil }}
	if len(l.Tensors) > 0 {
		work.begin()
		m := mmap.NewReaderAt(bytes.NewReader(nil), 0, path)
		f, err := tensorfile.OpenLayout(m, l, &tensorfile.OpenOptions{MaxBytes: p.MaxBytes})
		if err != nil {
			return nil, err
		}
		out.Close = func() error {
			work.close()
			return f.Close()
		}
		file = f
	}
	for _, a := range arrays {
		t := a.t
		if t == nil {
			var err error
			if t, err = file.Tensor(a.name); err != nil {
				out.Close()
				return nil, err
			}
		}
		out.Tensors = append(out.Tensors, convert.Source{Tensor: t, As: a.name})
		out.From = append(out.From, a.from)
	}
	return out, nil
}

// carry gives an array the attributes of its axes anew. from has for each axis
// of the result the axis whose elements it shows, or -1. What measures an axis
// ("axes") stays where all of it is shown.
func (a *array) carry(before tensor.Shape, from []int, changed func(axis int) bool) {
	dims, axes := a.attrs.Dims(), []any(nil)
	if list, ok := a.attrs["axes"].([]any); ok && len(list) == len(before) {
		axes = list
	}
	if dims == nil && axes == nil {
		return
	}
	own := maps.Clone(a.attrs)
	delete(own, "dims")
	delete(own, "axes")
	names, measures := make([]string, len(from)), make([]any, len(from))
	named, measured := false, false
	for i, f := range from {
		if f < 0 {
			continue
		}
		if dims != nil {
			names[i] = dims[f]
			named = named || dims[f] != ""
		}
		if axes != nil && !changed(i) {
			measures[i] = axes[f]
			measured = measured || axes[f] != nil
		}
	}
	if named {
		own = own.WithDims(names...)
	}
	if measured {
		own["axes"] = measures
	}
	a.attrs = own
}

// common are the attributes that all have.
func common(in []*array) tensorfile.Attrs {
	all := maps.Clone(in[0].attrs)
	for _, a := range in[1:] {
		maps.DeleteFunc(all, func(k string, v any) bool {
			w, ok := a.attrs[k]
			return !ok || !reflect.DeepEqual(v, w)
		})
	}
	return all
}
