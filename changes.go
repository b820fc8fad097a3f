package tensorfile

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile/format"
)

// ChangeKind says what became of a name from one generation to another.
type ChangeKind uint8

const (
	Added      ChangeKind = iota + 1 // there was no tensor of that name
	Removed                          // there is none any more
	Replaced                         // dtype, shape, layout or bytes are others
	Attributes                       // only the attributes differ
)

func (k ChangeKind) String() string {
	if k < Added || k > Attributes {
		return fmt.Sprintf("ChangeKind(%d)", uint8(k))
	}
	return [...]string{"added", "removed", "replaced", "attributes"}[k-Added]
}

// Change is the difference of one name between two generations.
type Change struct {
	Name string // "" for the file itself, whose attributes differ
	Kind ChangeKind
}

// Changes compares the catalogs of two generations of the file and returns the
// names that differ, ascending. from may be 0, which has no tensors; to may be
// 0, the generation that f shows. A composite counts as replaced if any of its
// parts differs. It reads only those parts of the catalogs that the two do not
// share, a few times what was changed in between, and no payload: a tensor that
// was written again with equal bytes counts as replaced.
func (f *File) Changes(ctx context.Context, from, to uint64) ([]Change, error) {
	if err := f.native("history"); err != nil {
		return nil, err
	}
	open := func(number uint64) (*format.Catalog, error) {
		if number == f.cat.Root().Generation {
			return f.cat, nil
		}
		root, err := f.past.find(f.m, &f.choice.Root, number)
		if err != nil {
			return nil, err
		}
		return format.OpenCatalog(f.m, root)
	}
	var list []Change
	err := f.m.Guard(func() error {
		b, err := open(cmp.Or(to, f.cat.Root().Generation))
		if err != nil {
			return err
		}
		var a *format.Catalog
		if from != 0 {
			if a, err = open(from); err != nil {
				return err
			}
		}
		keys, err := differences(ctx, a, b)
		if err == nil {
			list = foldParts(keys)
		}
		return err
	})
	return list, located(err, f.Path(), "")
}

// differences returns the keys, parts included, whose records differ between
// two catalogs of one file. a may be nil.
func differences(ctx context.Context, a, b *format.Catalog) (map[string]ChangeKind, error) {
	keys, storages, err := candidates(ctx, a, b)
	if err != nil {
		return nil, err
	}
	if len(storages) > 0 {
		// Bytes may change under a name whose record stays.
		if err := keysOn(b, storages, keys); err != nil {
			return nil, err
		}
	}
	changed := map[string]ChangeKind{}
	var ra, rb format.TensorRecord
	for key := range keys {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		ina, inb := false, false
		if a != nil {
			if ina, err = a.Tensor(key, &ra); err != nil {
				return nil, err
			}
		}
		if inb, err = b.Tensor(key, &rb); err != nil {
			return nil, err
		}
		switch {
		case ina && !inb:
			changed[key] = Removed
		case !ina && inb:
			changed[key] = Added
		case !ina:
		case !sameElements(&ra, &rb) || has(storages, rb.Storage):
			changed[key] = Replaced
		case !bytes.Equal(ra.Attrs, rb.Attrs):
			changed[key] = Attributes
		}
		if key == "" && changed[key] != 0 {
			changed[key] = Attributes
		}
	}
	return changed, nil
}

func has(set map[uint64]format.StorageRecord, id uint64) bool {
	_, ok := set[id]
	return ok
}

// candidates returns the keys of the runs that only one of the catalogs has,
// and the storages that both have with different records.
func candidates(ctx context.Context, a, b *format.Catalog) (map[string]struct{}, map[uint64]format.StorageRecord, error) {
	keys := map[string]struct{}{}
	var ra, rb []*format.Run
	var err error
	if a != nil {
		if ra, err = a.Runs(); err != nil {
			return nil, nil, err
		}
	}
	if rb, err = b.Runs(); err != nil {
		return nil, nil, err
	}
	shared := map[int64]int{}
	for _, r := range slices.Concat(ra, rb) {
		shared[r.Offset]++
	}
	collect := func(runs []*format.Run) (map[uint64]format.StorageRecord, error) {
		ids := map[uint64]format.StorageRecord{}
		for _, r := range runs { // newest first
			if shared[r.Offset] == 2 {
				continue
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			err := r.Each(func(rec format.TensorRecord) error {
				keys[rec.Name] = struct{}{}
				return nil
			}, func(s format.StorageRecord) error {
				if !has(ids, s.ID) {
					ids[s.ID] = s
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
		return ids, nil
	}
	ia, err := collect(ra)
	if err != nil {
		return nil, nil, err
	}
	ib, err := collect(rb)
	if err != nil {
		return nil, nil, err
	}
	changed := map[uint64]format.StorageRecord{}
	for id, s := range ib {
		old, ok := ia[id]
		if !ok && a != nil {
			if ok, err = a.Storage(id, &old); err != nil {
				return nil, nil, err
			}
		}
		if ok && !sameStorage(&old, &s) {
			changed[id] = s
		}
	}
	for id, old := range ia {
		if has(ib, id) {
			continue
		}
		var s format.StorageRecord
		ok, err := b.Storage(id, &s)
		if err != nil {
			return nil, nil, err
		}
		if ok && !sameStorage(&old, &s) {
			changed[id] = s
		}
	}
	return keys, changed, nil
}

// keysOn adds the keys of cat that stand on one of the storages.
func keysOn(cat *format.Catalog, storages map[uint64]format.StorageRecord, keys map[string]struct{}) error {
	s, err := cat.Scanner()
	if err != nil {
		return err
	}
	for {
		rec, _, err := s.Next()
		if err != nil || rec == nil {
			return err
		}
		if has(storages, rec.Storage) {
			keys[rec.Name] = struct{}{}
		}
	}
}

// sameElements reports whether two records of one file mean the same elements.
func sameElements(a, b *format.TensorRecord) bool {
	return a.Kind == b.Kind && a.Storage == b.Storage && a.Offset == b.Offset && a.DType == b.DType &&
		a.Shape.Equal(b.Shape) && slices.Equal(a.Strides, b.Strides) && a.Layout == b.Layout && a.LayoutFlags == b.LayoutFlags
}

func sameStorage(a, b *format.StorageRecord) bool {
	return a.Kind == b.Kind && a.Size == b.Size && a.Stored == b.Stored && a.Payload == b.Payload && a.Ref == b.Ref
}

// foldParts counts what became of parts for their composites.
func foldParts(keys map[string]ChangeKind) []Change {
	for _, key := range slices.Collect(maps.Keys(keys)) {
		parent, _, part := strings.Cut(key, "\x00")
		if !part {
			continue
		}
		delete(keys, key)
		if k := keys[parent]; k == 0 || k == Attributes {
			keys[parent] = Replaced
		}
	}
	list := make([]Change, 0, len(keys))
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		list = append(list, Change{key, keys[key]})
	}
	return list
}
