package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

var ctx = context.Background()

// outcome is what an operation makes of its data by our code. A peer that makes
// something else is not timed.
type outcome struct {
	views []tensor.View
	list  map[string]tensor.Shape // names and shapes instead; nil shapes: names alone
	// loose is how far elements may be apart, as a share of the largest: sums are
	// taken in other orders, filters are made by other formulas. 0: the same bits.
	loose float64
	err   error
}

// outcome is that of a view.
func (e *Env) outcome(v tensor.View, err error) outcome {
	return outcome{views: []tensor.View{v}, err: err}
}

// about is an outcome that need not be met to the bit.
func (o outcome) about(loose float64) outcome {
	o.loose = loose
	return o
}

// wanted is an outcome as the peer gets it.
type wanted struct {
	Arrays []wantedArray  `json:"arrays,omitempty"`
	List   map[string]any `json:"list,omitempty"`
	Loose  float64        `json:"loose"`
}

type wantedArray struct {
	Path  string       `json:"path"`
	DType string       `json:"dtype"`
	Shape tensor.Shape `json:"shape"`
}

// write puts the elements into files.
func (o outcome) write(e *Env) (w wanted, remove func(), err error) {
	remove = func() {
		for _, a := range w.Arrays {
			os.Remove(a.Path)
		}
	}
	if o.err != nil {
		return w, remove, o.err
	}
	w.Loose = o.loose
	for name, shape := range o.list {
		if w.List == nil {
			w.List = map[string]any{}
		}
		w.List[name] = shape
	}
	for i, v := range o.views {
		a := wantedArray{Path: e.path(fmt.Sprintf("outcome-%d.bin", i)), DType: numpyName(v.DType()), Shape: v.Shape()}
		w.Arrays = append(w.Arrays, a)
		f, err := os.Create(a.Path)
		if err != nil {
			return w, remove, err
		}
		defer f.Close()
		out := bufio.NewWriterSize(f, 1<<20)
		if err := v.WriteCOrder(out, tensor.LittleEndian); err != nil {
			return w, remove, err
		}
		if err := out.Flush(); err != nil {
			return w, remove, err
		}
	}
	return w, remove, nil
}

// compare has the peer run an operation once, and look at what it made. It is done
// once for each operation and its arguments.
func (e *Env) compare(b *testing.B, want func(b *testing.B) outcome, op string, args []any) {
	if e.python == "" {
		return // who measures says so
	}
	text, err := json.Marshal(append([]any{op}, args...))
	check(b, err)
	differs := get(b, e, "compared "+string(text), func() (string, error) {
		w, remove, err := want(b).write(e)
		defer remove()
		if err != nil {
			return "", fmt.Errorf("what %s is compared with: %w", op, err)
		}
		d, err := e.same(w, op, args...)
		if err != nil {
			e.Why = err.Error()
		} else if d == "" {
			e.Compared++
		}
		return d, err
	})
	if differs != "" {
		e.Failed = true
		e.skip(b, "**differs from ours**: "+differs)
	}
}

// inPythonAs is inPython of an operation whose outcome is to be ours.
func (e *Env) inPythonAs(b *testing.B, bytes int64, want func(b *testing.B) outcome, op string, args ...any) {
	e.compare(b, want, op, args)
	e.inPython(b, bytes, op, args...)
	e.Equal = true
}

// skip ends a case, and keeps why: testing.Benchmark forgets it.
func (e *Env) skip(b *testing.B, why any) {
	e.Why = fmt.Sprint(why)
	b.Skip(why)
}

// read is the outcome of reading the tensors of a file of ours.
func (e *Env) readAll(f *tensorfile.File, err error) (o outcome) {
	if err != nil {
		return outcome{err: err}
	}
	defer f.Close()
	for t, err := range f.Tensors() {
		if err != nil {
			return outcome{err: err}
		}
		v, err := t.Read(ctx)
		if err != nil {
			return outcome{err: err}
		}
		o.views = append(o.views, v)
	}
	return o
}

// listed is the outcome of listing a file: names and shapes.
func listed(b *testing.B, f *tensorfile.File) outcome {
	m := map[string]tensor.Shape{}
	for t, err := range f.Tensors() {
		check(b, err)
		m[t.Name()] = t.Shape()
	}
	return outcome{list: m}
}
