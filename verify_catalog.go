package tensorfile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// A file of many commits has many generations over nearly the same catalog, so
// each record is judged where it is new: the newest generation is looked at
// whole, of an older one only the run that it wrote. That says the same of the
// whole history as long as a generation keeps the older runs of the one before
// it, or none, and a storage that is told again is told as it was. Where one of
// these does not hold, the generation is looked at whole as well.

// visited is what must be remembered of the generation looked at before.
type visited struct {
	root format.Root
	runs []int64 // heads, newest first
}

// told is what a storage record says of its bytes, in the newest generation
// that has it.
type told struct {
	size, stored, payload int64
	ref                   format.Ref
	kind                  format.StorageKind
	block                 uint8
	grid                  string
	rows                  int64 // of a grid
	trailer               int64 // of the generation
}

// generation checks the catalog of one generation and notes what it owns. It is
// called for the newest first.
func (v *verifier) generation(cat *format.Catalog) {
	err := v.lease.Guard(func() error {
		runs, err := cat.Runs()
		if err != nil {
			return err
		}
		heads := make([]int64, len(runs))
		for i, r := range runs {
			heads[i] = r.Offset
			v.run(r)
		}
		root := *cat.Root()
		newest := v.newer.runs == nil
		if !newest && !keeps(v.newer.runs, heads) {
			v.again[v.newer.root.TrailerAt()] = v.newer.root
		}
		v.newer = visited{root, heads}
		if newest {
			err = v.whole(cat, &v.rep.Tensors)
		} else {
			err = v.written(cat, runs[0])
		}
		if err != nil {
			return err
		}
		for _, r := range runs[:1] {
			err = r.EachStorage(func(s *format.StorageRecord) error { v.retold(s, root); return nil })
		}
		return err
	})
	if err != nil {
		v.find(err)
	}
}

// keeps reports whether the runs of a generation are its own and the last ones
// of the generation before it.
func keeps(newer, older []int64) bool {
	n := len(newer) - 1
	return n <= len(older) && slices.Equal(newer[1:], older[len(older)-n:])
}

// retold notes what s says. If a newer generation told the storage otherwise,
// that one has to look at all its tensors.
func (v *verifier) retold(s *format.StorageRecord, root format.Root) {
	t := told{s.Size, s.Stored, s.Payload, s.Ref, s.Kind, s.Block, "", 0, 0}
	if s.Kind == format.StorageGrid {
		// What a grid gains in rows, or has rewritten, is no matter to the views on
		// it.
		t = told{kind: s.Kind, grid: fmt.Sprint(s.DType, s.Shape[1:]), rows: s.Shape[0]}
	}
	newer, ok := v.told[s.ID]
	if trailer, rows := newer.trailer, newer.rows; ok {
		if t.kind == format.StorageGrid {
			newer.rows = min(rows, t.rows)
		}
		if newer.trailer = 0; newer != t {
			if r, ok := v.rootAt(trailer); ok {
				v.again[trailer] = r
			}
		}
	}
	t.trailer = root.TrailerAt()
	v.told[s.ID] = t
}

func (v *verifier) rootAt(trailer int64) (format.Root, bool) {
	b := make([]byte, format.RootSize)
	if v.f.readAt(b, trailer) != nil {
		return format.Root{}, false
	}
	r, err := format.ParseTrailer(b, trailer, v.f.uuid)
	return r, err == nil
}

// lookAgain looks at generations whole: those marked, and the oldest one if it
// has runs that no generation wrote that can be reached. What this may cost is
// bounded by the size of the file, whatever it says.
func (v *verifier) lookAgain() error {
	if len(v.newer.runs) > 1 {
		v.again[v.newer.root.TrailerAt()] = v.newer.root
	}
	delete(v.again, v.f.choice.Root.TrailerAt()) // the newest was
	budget := 1<<20 + v.f.m.Size()/4
	for _, at := range slices.Backward(slices.Sorted(maps.Keys(v.again))) {
		if err := v.ctx.Err(); err != nil {
			return err
		}
		root := v.again[at]
		err := v.lease.Guard(func() error {
			cat, err := format.OpenCatalog(v.f.m, &root)
			if err != nil {
				return nil // was told before
			}
			runs, err := cat.Runs()
			if err != nil {
				return nil
			}
			for _, r := range runs {
				budget -= r.Tensors + r.Storages
			}
			if budget < 0 {
				v.find(&Error{Kind: ErrUnsupported, Format: format.Name, Offset: at, Field: fmt.Sprintf("generation %d", root.Generation), Got: "more older generations that differ than can be looked at whole", Want: "a repack, which drops them"})
				return nil
			}
			return v.whole(cat, nil)
		})
		if budget < 0 {
			return err
		}
		if err != nil {
			v.find(err)
		}
	}
	return nil
}

func (v *verifier) run(r *format.Run) {
	if _, ok := v.runs[r.Offset]; ok {
		return
	}
	v.runs[r.Offset] = struct{}{}
	a := newAhead(v.f.m)
	defer a.done()
	a.run(r)
	a.end()
	v.own(r.Begin(), r.Body+r.Length(), fmt.Sprintf("run of generation %d", r.Generation))
	r.Verify(v.find)
}

// whole checks all live tensors of a generation and what its storages own.
func (v *verifier) whole(cat *format.Catalog, count *int) error {
	s, err := cat.Scanner()
	if err != nil {
		return err
	}
	var kin family
	for n := 0; ; n++ {
		if n%1024 == 0 {
			if err := v.ctx.Err(); err != nil {
				return nil // Verify returns it
			}
		}
		rec, more, err := s.Next()
		if err != nil {
			v.find(err)
			if !more {
				return nil
			}
			continue
		}
		if rec == nil {
			break
		}
		if rec.Kind == format.KindFile {
			continue
		}
		if !kin.owns(rec) {
			v.orphan(rec)
		} else if rec.Kind == format.KindComposite {
			v.found = append(v.found, compositeAt{cat.Root(), strings.Clone(rec.Name)})
		}
		if count != nil {
			*count++
		}
		v.bound(cat, rec)
	}
	tables := newAhead(v.f.m) // of which each may lie elsewhere
	defer tables.done()
	if v.f.m.Expects() {
		cat.ScanStorages(func(s *format.StorageRecord) error {
			if s.Kind == format.StorageGrid && !s.Ref.Absent() {
				tables.extent(int64(s.Ref.Offset), int64(s.Ref.Offset)+int64(s.Ref.Length))
			}
			return nil
		})
		tables.end()
	}
	return cat.ScanStorages(func(s *format.StorageRecord) error { return v.storage(cat, s) })
}

// written checks the tensors that a generation wrote and what the storages that
// it wrote own.
func (v *verifier) written(cat *format.Catalog, r *format.Run) error {
	n := 0
	err := r.EachTensor(func(rec *format.TensorRecord) error {
		if n++; n%1024 == 0 {
			if err := v.ctx.Err(); err != nil {
				return err
			}
		}
		if rec.Kind == format.KindComposite {
			v.found = append(v.found, compositeAt{cat.Root(), strings.Clone(rec.Name)})
		}
		if format.IsPart(rec.Name) && rec.Kind != format.KindDeleted {
			key := parentKey(rec.Name)
			var parent format.TensorRecord
			if found, err := cat.Tensor(key, &parent); err == nil && (!found || parent.Kind != format.KindComposite) {
				v.orphan(rec)
			} else if found {
				v.found = append(v.found, compositeAt{cat.Root(), key})
			}
		}
		v.bound(cat, rec)
		return nil
	})
	return cmp.Or(err, r.EachStorage(func(s *format.StorageRecord) error { return v.storage(cat, s) }))
}

func (v *verifier) orphan(rec *format.TensorRecord) {
	v.find(named(finding(format.RuleOrphanPart, rec.At, "part", tensor.Quote(rec.Name), "a composite tensor that it belongs to"), rec.Name))
}

// bound checks the view of a dense tensor against its storage, and notes it if
// its elements are to be looked at.
func (v *verifier) bound(cat *format.Catalog, rec *format.TensorRecord) {
	if rec.Kind == format.KindDense {
		s, err := v.f.bind(cat, rec)
		if err != nil {
			v.find(named(err, rec.Name))
			return
		}
		v.noteBools(rec, &s)
	}
}

// storage notes what a storage owns, each once.
func (v *verifier) storage(cat *format.Catalog, s *format.StorageRecord) error {
	if s.Kind == format.StorageGrid {
		return v.grid(cat, s)
	}
	if s.Size == 0 {
		return nil
	}
	if old, ok := v.sums[s.Payload]; ok && old.Size == s.Size && old.ID == s.ID {
		return nil // the same bytes in another generation
	}
	copied := *s
	v.sums[s.Payload] = &copied
	v.rep.Storages++
	v.own(s.Payload, s.Stored, fmt.Sprintf("storage %d", s.ID))
	if s.Size > s.BlockSize() {
		v.own(int64(s.Ref.Offset), int64(s.Ref.Length), fmt.Sprintf("block sums of storage %d", s.ID))
	}
	return nil
}
