package tensorfile

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// content is what one generation reaches: its live records and the storages
// that they name.
type content struct {
	tensors  []format.TensorRecord // ascending by name, parts and the file's own included
	storages map[uint64]*format.StorageRecord
	names    map[uint64]string // of a tensor on a storage
	root     *format.Root
	grids    map[uint64]*rescuedGrid // whose tables may not stand as they did
}

// contentOf reads a whole catalog. Parts without a composite are left out, as
// by any reader. A record that is damaged is an error that names it.
func contentOf(ctx context.Context, f *File, cat *format.Catalog) (*content, error) {
	c := &content{storages: map[uint64]*format.StorageRecord{}, names: map[uint64]string{}, root: cat.Root()}
	s, err := cat.Scanner()
	if err != nil {
		return nil, err
	}
	var kin family
	for {
		rec, _, err := s.Next()
		if err != nil || rec == nil {
			return c, err
		}
		if !kin.owns(rec) {
			continue
		}
		if rec.Kind == format.KindDense {
			st, err := f.bind(cat, rec)
			if err != nil {
				return nil, located(err, "", rec.Name)
			}
			if rec.Storage != 0 && c.storages[rec.Storage] == nil {
				c.storages[rec.Storage], c.names[rec.Storage] = &st, rec.Name
			}
		}
		rank := len(rec.Shape)
		if rec.Kind == format.KindFile {
			rank = -1
		}
		if _, err := format.ParseAttrs(rec.Attrs, rec.AttrsAt, rank); err != nil {
			return nil, located(err, "", rec.Name)
		}
		own := *rec
		own.Shape, own.Strides, own.Attrs = rec.Shape.Clone(), rec.Strides.Clone(), bytes.Clone(rec.Attrs)
		c.tensors = append(c.tensors, own)
		if len(c.tensors)%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// tables is the number of bytes that lead to the payload of s.
func tables(s *format.StorageRecord) int64 {
	if s.Size > s.BlockSize() {
		return int64(s.Ref.Length)
	}
	return 0
}

// live is what root records say under that name, of a copy by r.
func (c *content) live(r *replica) (n int64) {
	for _, s := range c.storages {
		n += s.Stored
		if s.Kind == format.StorageGrid {
			n += r.grids[s.ID].tables
		} else {
			n += tables(s)
		}
	}
	return n
}

// replica copies generations of one file into a Writer, each storage once.
type replica struct {
	w   *Writer
	f   *File
	ids map[uint64]StorageID // by the id in f
	// What was written, by the id in w. A generation that names a storage again
	// whose record was merged away when no name was left gets the record anew.
	written map[uint64]format.StorageRecord
	now     map[string]*format.TensorRecord
	grids   map[uint64]*gridReplica // by the id in f
	recode  Recode
	several bool // generations follow, which may show a grid anew
	bad     func(s *format.StorageRecord, name string, i int64, err error)

	count int
	bytes int64
}

func newReplica(w *Writer, f *File) *replica {
	return &replica{w: w, f: f, ids: map[uint64]StorageID{}, written: map[uint64]format.StorageRecord{}, now: map[string]*format.TensorRecord{}, grids: map[uint64]*gridReplica{}}
}

// add writes what c has and the generation before it has not. Storages follow
// each other as in the source, each with the records on it right behind, so
// that a file that is cut loses little.
func (r *replica) add(ctx context.Context, c *content) error {
	on := map[uint64][]*format.TensorRecord{}
	next := make(map[string]*format.TensorRecord, len(c.tensors))
	for i := range c.tensors {
		rec := &c.tensors[i]
		next[rec.Name] = rec
		if old := r.now[rec.Name]; old != nil && old.Generation == rec.Generation && sameElements(old, rec) && bytes.Equal(old.Attrs, rec.Attrs) {
			continue
		}
		on[rec.Storage] = append(on[rec.Storage], rec)
	}
	for _, key := range slices.Sorted(maps.Keys(r.now)) {
		if next[key] == nil {
			on[0] = append(on[0], &format.TensorRecord{Name: key, Kind: format.KindDeleted, Generation: r.w.generation()})
		}
	}
	r.now = next
	for id, s := range c.storages {
		if r.changed(s) {
			on[id] = append(on[id], nil...)
		}
	}
	order := slices.Collect(maps.Keys(on))
	place := func(id uint64) int64 {
		if s := c.storages[id]; s != nil && r.ids[id].w == nil {
			return s.Payload
		}
		return 0
	}
	slices.SortFunc(order, func(a, b uint64) int { return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b)) })
	var again []format.StorageRecord
	for _, id := range order {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := c.storages[id]
		if s != nil && (r.ids[id].w == nil || r.changed(s)) {
			own, done, err := r.recoded(ctx, c, s, on[id])
			if err == nil && !done {
				own, err = r.storage(ctx, c, s, c.names[id])
			}
			if err != nil {
				return err
			}
			r.ids[id] = own
			if rec := r.w.latest(own.id); rec != nil {
				r.written[own.id] = *rec
			}
		} else if _, known := r.w.known[r.ids[id].id]; s != nil && !known {
			again = append(again, r.written[r.ids[id].id])
		}
		for _, rec := range on[id] {
			own := *rec
			own.Storage = r.ids[id].id
			r.w.tensors = append(r.w.tensors, own)
		}
	}
	r.w.storages = append(r.w.storages, again...)
	if r.recode == nil {
		r.w.live = c.live(r)
	}
	return nil
}

// storage copies the bytes of a storage and compares their checksums.
func (r *replica) storage(ctx context.Context, c *content, s *format.StorageRecord, name string) (StorageID, error) {
	if s.Kind == format.StorageGrid {
		id, err := r.gridStorage(ctx, c, s, name)
		return id, located(err, r.f.Path(), name)
	}
	r.count++
	r.bytes += s.Stored
	id, err := r.w.copyStorage(ctx, bareTensor(r.f, s, name))
	return id, located(err, r.f.Path(), name)
}

// bareTensor shows a storage as the bytes that it is.
func bareTensor(f *File, s *format.StorageRecord, name string) *Tensor {
	return &Tensor{
		f: f, name: name, dtype: tensor.U8, shape: tensor.Shape{s.Size}, strides: tensor.Strides{1}, kind: format.KindDense,
		st: storage{ID: s.ID, Kind: StorageRaw, Offset: s.Payload, Size: s.Size, sums: s.Ref, block: s.Block},
	}
}

// seedOf makes a UUID of a deterministic file depend on what it is made of.
func seedOf(what string, uuid format.UUID, generations []uint64, align uint8) []byte {
	return fmt.Appendf(nil, "%s %v %v %d", what, uuid, generations, align)
}
