package convert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
)

// storageKey tells storages of open files from each other. Id 0 is none.
type storageKey struct {
	f  *tensorfile.File
	id uint64
}

func keyOf(t *tensorfile.Tensor) storageKey { return storageKey{t.File(), t.Storage().ID} }

// flat is t itself, or the dense parts of a composite.
func flat(t *tensorfile.Tensor) ([]*tensorfile.Tensor, error) {
	if _, _, ok := t.Composite(); !ok {
		return []*tensorfile.Tensor{t}, nil
	}
	parts, err := t.Parts()
	if err != nil {
		return nil, err
	}
	var all []*tensorfile.Tensor
	for _, p := range parts {
		inner, err := flat(p.Tensor)
		if err != nil {
			return nil, err
		}
		all = append(all, inner...)
	}
	return all, nil
}

// layoutOf is the layout of a composite, and "" for a dense tensor.
func layoutOf(t *tensorfile.Tensor) string {
	layout, _, ok := t.Composite()
	if !ok {
		return ""
	}
	return cmp.Or(format.LayoutName(layout), fmt.Sprintf("layout %d", layout))
}

// holds reports an error if the output cannot hold composites that are to be
// written to it. Those are left out if what cannot be converted may be.
func (j *job) holds() error {
	if j.native {
		return nil
	}
	kept := make([]item, 0, len(j.items))
	for _, it := range j.items {
		err := j.takes(it, len(j.items))
		if err == nil {
			kept = append(kept, it)
		} else if err := j.skip(err); err != nil {
			return err
		}
	}
	if len(kept) == 0 && len(j.items) > 0 {
		return j.res.Skipped[0]
	}
	if len(kept) < len(j.items) && j.o.Operate == nil {
		j.chosen = kept
	}
	j.items = kept
	return nil
}

func (j *job) takes(it item, of int) error {
	layout, _, ok := it.t.Composite()
	if !ok || j.format.Strings && layout == format.LayoutString || j.format.Ragged && layout == format.LayoutRagged {
		return nil
	}
	bad := func(got, want string) error {
		from := it.sources()[0]
		return &Error{Kind: tensorfile.ErrUnsupported, Path: from.File().Path(), Format: j.format.Name, Tensor: it.name, Offset: -1, Field: "layout", Got: got, Want: want}
	}
	switch {
	case !j.format.Sparse, !format.IsSparse(layout):
		want := "a dense tensor"
		if j.format.Sparse {
			want += " or a sparse one"
		}
		return bad(layoutOf(it.t), want)
	case of > 1:
		return bad(fmt.Sprintf("%s among %d tensors", layoutOf(it.t), of), "one sparse tensor alone")
	}
	return nil
}

// groups puts the tensors on one storage together, parts of composites too, so
// that it is copied once, in the order in which storages are first met.
func (j *job) groups() ([][]item, error) {
	at := map[storageKey]int{}          // the group of a storage
	parent := make([]int, len(j.items)) // of groups that have become one
	root := func(i int) int {
		for parent[i] != i {
			i = parent[i]
		}
		return i
	}
	for i, it := range j.items {
		parent[i] = i
		parts, err := flat(it.t)
		if err != nil {
			return nil, err
		}
		for _, p := range parts {
			k := keyOf(p)
			if k.id == 0 {
				continue
			}
			g, ok := at[k]
			if !ok {
				at[k] = i
				continue
			}
			a, b := root(g), root(i)
			parent[max(a, b)] = min(a, b)
		}
	}
	groups := make([][]item, len(j.items))
	for i, it := range j.items {
		g := root(i)
		groups[g] = append(groups[g], it)
	}
	return slices.DeleteFunc(groups, func(g []item) bool { return len(g) == 0 }), nil
}

// add writes a sparse tensor of another format, which is read once.
func (it *item) add(ctx context.Context, w *tensorfile.Writer) error {
	a, err := it.t.Sparse(ctx)
	if err == nil {
		err = a.Validate(ctx, nil)
	}
	if err != nil {
		return it.located(err)
	}
	o := tensorfile.TensorOptions{}
	if it.chunks != nil {
		o = *it.chunks
	}
	if o.Attrs, err = it.t.Attrs(); err != nil {
		return err
	}
	return w.AddSparse(ctx, it.name, a, &o)
}

// located says which tensor of the inputs an error is about.
func (it *item) located(err error) error {
	from := it.sources()[0]
	var e *Error
	if errors.As(err, &e) && e.Path == "" {
		e.Path = from.File().Path()
		e.Tensor = cmp.Or(e.Tensor, from.Name())
		if l := from.File().Layout(); l != nil {
			e.Format = cmp.Or(e.Format, l.Format)
		}
	}
	return err
}

// anew reports whether it is to be written by add.
func (it *item) anew() bool {
	layout, _, ok := it.t.Composite()
	return ok && format.IsSparse(layout) && it.t.File().Layout() != nil
}
