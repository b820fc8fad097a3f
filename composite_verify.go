package tensorfile

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tensorfile/tensorfile/format"
)

// compositeAt is a composite of a generation.
type compositeAt struct {
	root *format.Root
	name string
}

// family tells, of records that ascend by key, which parts have a composite.
type family struct{ parent, inner string }

// owns reports whether the record of a part belongs to a composite, and takes
// note of the record.
func (f *family) owns(rec *format.TensorRecord) bool {
	composite := rec.Kind == format.KindComposite
	if !format.IsPart(rec.Name) {
		if f.parent, f.inner = "", ""; composite {
			f.parent = rec.Name
		}
		return true
	}
	key := parentKey(rec.Name)
	if format.IsPart(key) {
		return key == f.inner
	}
	if f.inner = ""; key != f.parent {
		return false
	}
	if composite {
		f.inner = rec.Name
	}
	return true
}

// parentKey is the key of what a part belongs to.
func parentKey(key string) string { return key[:strings.LastIndexByte(key, 0)] }

// composites checks the composites of all generations: what their parts are,
// and what these say of each other. One that is as it was in a newer generation
// is looked at once.
func (v *verifier) composites() error {
	seen := map[string]struct{}{}
	var f *File
	for _, x := range v.found {
		if err := v.ctx.Err(); err != nil {
			return err
		}
		if f == nil || f.cat.Root().Generation != x.root.Generation {
			cat, err := format.OpenCatalog(v.f.m, x.root)
			if err != nil {
				return nil // was told before
			}
			f = &File{m: v.f.m, limit: -1, mapped: v.f.mapped, reason: v.f.reason, uuid: v.f.uuid, choice: v.f.choice, cat: cat, opts: OpenOptions{ReadWorkers: v.o.Workers}}
		}
		if err := v.composite(f, x.name, seen); err != nil {
			return err
		}
	}
	return nil
}

// composite checks one composite, or a part that is one.
func (v *verifier) composite(f *File, key string, seen map[string]struct{}) error {
	t, err := f.tensorOf(key)
	if err != nil {
		return v.ctx.Err() // was told before
	}
	d, parts, err := t.describeComposite(v.ctx)
	if err != nil {
		return v.ctx.Err()
	}
	state := new(strings.Builder)
	fmt.Fprint(state, key, t.layout, t.layoutFlags, t.dtype, t.shape)
	for _, p := range parts {
		fmt.Fprint(state, p.Role, p.dtype, p.shape, p.strides, p.offset, p.st.ID, p.kind)
		if p.st.Kind == StorageGrid {
			s := p.st.more.grid.rec
			fmt.Fprint(state, s.Ref, s.Shape, s.Slabs)
		}
	}
	if _, ok := seen[state.String()]; ok {
		return nil
	}
	seen[state.String()] = struct{}{}
	if err := format.CheckComposite(d); err != nil {
		v.find(t.placed(err))
		return nil
	}
	if v.o.Quick {
		return nil
	}
	err = checkContent(v.ctx, storedSource(t, parts), v.o.Workers)
	var e *Error
	if errors.As(err, &e) && strings.HasPrefix(e.Rule, "composite.") {
		v.find(t.placed(err))
		return nil
	}
	if errors.Is(err, ErrIO) {
		return err
	}
	return v.ctx.Err() // damage to payloads was told before
}

// tensorOf opens the tensor or part that has a key.
func (f *File) tensorOf(key string) (t *Tensor, err error) {
	err = f.m.Guard(func() error {
		var rec format.TensorRecord
		ok, err := f.cat.Tensor(key, &rec)
		if err == nil && !ok {
			err = f.notFound(key)
		}
		if err == nil {
			t, err = f.nativeTensor(&rec, nil)
		}
		return err
	})
	return t, err
}
