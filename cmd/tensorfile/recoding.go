package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// recoding says which tensors a repack stores in another way.
type recoding []recoded

type recoded struct {
	name  string
	d     tensor.DType
	shape tensor.Shape
	o     *tensorfile.TensorOptions
}

// recoding finds out what rules say of the tensors of a file. Rules that apply
// to nothing are noted, and so is what stays as it is because other tensors see
// its bytes in another way.
func (t *tool) recoding(ctx context.Context, in *input, rules []convert.Store) (list recoding, err error) {
	if len(rules) == 0 {
		return nil, nil
	}
	var all []*tensorfile.Tensor
	on := map[uint64][]*tensorfile.Tensor{}
	for x, err := range in.Tensors() {
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, tensorfile.ErrIO):
			return nil, err
		case err != nil:
			continue // the repack says more
		}
		if _, _, composite := x.Composite(); composite || x.NumElements() > 0 {
			all = append(all, x)
			on[x.Storage().ID] = append(on[x.Storage().ID], x)
		}
	}
	used := make([]bool, len(rules))
	var left []string
	for _, x := range all {
		st := x.Storage()
		// Views of plain bytes stay what they are: one grid cannot be them all. Of
		// a grid all are views of whole chunks.
		shared := st.Kind == tensorfile.StorageRaw && len(on[st.ID]) > 1
		o, err := convert.Rules(rules, x.Name(), x, false, used)
		if err != nil {
			var e *tensorfile.Error
			if errors.As(err, &e) {
				e.Path, e.Tensor = in.Path(), x.Name()
			}
			if ruleField(e.Field) {
				return nil, &hinted{err, ruleAdvice}
			}
			return nil, err
		}
		switch {
		case o == nil:
		case shared:
			left = append(left, x.Name())
		case st.Kind == tensorfile.StorageRaw && o.Codec == "none" && o.Chunk == nil:
			// It is.
		default:
			list = append(list, recoded{x.Name(), x.DType(), x.Shape(), o})
		}
	}
	for k, rule := range rules {
		if !used[k] {
			t.note("%s applies to no tensor", rule)
		}
	}
	if n := len(left); n > 0 {
		more := ""
		if n > 3 {
			left, more = left[:3], " ..."
		}
		t.note("%s shown in several ways or by several names, and stored as before: %s%s", counted(int64(n), "tensor"), strings.Join(left, ", "), more)
	}
	return list, nil
}

// options gives those of names.
func (r recoding) options() tensorfile.Recode {
	of := make(map[string]*tensorfile.TensorOptions, len(r))
	for i := range r {
		of[r[i].name] = r[i].o
	}
	return func(name string, _ tensor.DType, _ tensor.Shape) *tensorfile.TensorOptions { return of[name] }
}

// seed is what tells one recoding from another.
func (r recoding) seed() (b []byte) {
	for _, x := range r {
		b = fmt.Appendf(b, "%q %q %v\n", x.name, x.o.Codec, x.o.Chunk)
	}
	return b
}

type recodedJSON struct {
	Name  string  `json:"name"`
	Codec *string `json:"codec"`
	Chunk []int64 `json:"chunk"`
}

func (r recoding) json() []recodedJSON {
	list := []recodedJSON{}
	for _, x := range r {
		codec, _ := ruleCells(convert.Written{Codec: x.o.Codec, Chunk: x.o.Chunk})
		list = append(list, recodedJSON{x.name, &codec, x.o.Chunk})
	}
	return list
}

// print lists it for people.
func (r recoding) print(t *tool) {
	if len(r) == 0 {
		return
	}
	tab := newTable("~NAME", "DTYPE", "SHAPE", "CODEC", "CHUNK")
	for _, x := range r {
		codec, chunk := ruleCells(convert.Written{Codec: x.o.Codec, Chunk: x.o.Chunk})
		for _, s := range []string{clean(x.name), x.d.String(), x.shape.String(), codec, chunk} {
			tab.cell(s)
		}
	}
	tab.write(t.out, true, t.colored())
}
