package tensorfile

import (
	"cmp"
	"context"
	"slices"

	"github.com/tensorfile/tensorfile/format"
)

// Usage says what the bytes of a native file are for. Its parts add up to the
// size of the file.
type Usage struct {
	Control  int64 // header and root slots
	Payload  int64 // elements that the open generation reaches
	Tables   int64 // what leads to them: lists of block sums, chunk pages
	Catalog  int64 // runs and trailer of the open generation
	Journal  int64 // copies of catalog records, for recovery
	Dead     int64 // all that only other generations reach, or none: history
	Padding  int64 // zeros in between
	Leftover int64 // behind the committed length
}

// Total is the size of the file.
func (u *Usage) Total() int64 {
	return u.Control + u.Payload + u.Tables + u.Catalog + u.Journal + u.Dead + u.Padding + u.Leftover
}

// Usage looks at every structure of the file, and at every byte that belongs
// to none. What Dead says a repack of the open generation gives back. It fails
// where the file is damaged.
func (f *File) Usage(ctx context.Context) (Usage, error) {
	var u Usage
	if err := f.native("usage"); err != nil {
		return u, err
	}
	s := &surveyor{ctx: ctx, f: f, u: &u, seen: map[int64]struct{}{}, pages: map[format.Ref]struct{}{}}
	err := s.survey()
	return u, located(err, f.Path(), "")
}

type surveyor struct {
	ctx     context.Context
	f       *File
	u       *Usage
	extents []usedExtent
	seen    map[int64]struct{} // run heads
	pages   map[format.Ref]struct{}
}

type usedExtent struct {
	begin, end int64
	by         *int64 // field of Usage
}

func (s *surveyor) own(begin, n int64, by *int64) {
	if n > 0 {
		s.extents = append(s.extents, usedExtent{begin, begin + n, by})
	}
}

func (s *surveyor) survey() error {
	f, u := s.f, s.u
	s.own(0, format.DataStart, &u.Control)
	u.Leftover = f.m.Size() - f.choice.Root.Length
	err := f.m.Guard(func() error {
		open := f.cat.Root()
		c, err := contentOf(s.ctx, f, f.cat)
		if err != nil {
			return err
		}
		for _, st := range c.storages {
			if st.Kind == format.StorageGrid {
				if err := s.grid(open, st, &u.Payload, &u.Tables); err != nil {
					return err
				}
				continue
			}
			s.own(st.Payload, st.Stored, &u.Payload)
			s.own(int64(st.Ref.Offset), tables(st), &u.Tables)
		}
		if err := s.runs(f.cat, &u.Catalog, c); err != nil {
			return err
		}
		s.own(open.TrailerAt(), format.RootSize, &u.Catalog)
		for root := &f.choice.Root; root != nil; {
			if root.Generation != open.Generation {
				cat, err := format.OpenCatalog(f.m, root)
				if err != nil {
					return err
				}
				if err := s.runs(cat, &u.Dead, nil); err != nil {
					return err
				}
				s.own(root.TrailerAt(), format.RootSize, &u.Dead)
			}
			if root, err = previousRoot(f.m, root); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	// What the open generation reaches comes first among equals.
	slices.SortStableFunc(s.extents, func(a, b usedExtent) int { return cmp.Compare(a.begin, b.begin) })
	at := int64(0)
	for _, x := range s.extents {
		if x.begin > at {
			if err := s.gap(at, x.begin); err != nil {
				return err
			}
			at = x.begin
		}
		if x.end > at {
			*x.by += x.end - at
			at = x.end
		}
	}
	return s.gap(at, f.choice.Root.Length)
}

// runs owns the runs of a catalog, and the storages that they have beyond those
// of the open generation.
func (s *surveyor) runs(cat *format.Catalog, by *int64, live *content) error {
	runs, err := cat.Runs()
	if err != nil {
		return err
	}
	for _, r := range runs {
		if _, ok := s.seen[r.Offset]; ok {
			continue
		}
		s.seen[r.Offset] = struct{}{}
		if err := s.ctx.Err(); err != nil {
			return err
		}
		s.own(r.Begin(), r.Body+r.Length(), by)
		err := r.EachStorage(func(st *format.StorageRecord) error {
			if st.Kind == format.StorageGrid {
				// A state of a grid that counts, too, may be the open one: then these
				// own nothing beside what was found first.
				return s.grid(cat.Root(), st, &s.u.Dead, &s.u.Dead)
			}
			if live == nil || live.storages[st.ID] == nil {
				s.own(st.Payload, st.Stored, &s.u.Dead)
				s.own(int64(st.Ref.Offset), tables(st), &s.u.Dead)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// grid owns chunks and pages of a grid, of pages that were seen before none.
func (s *surveyor) grid(root *format.Root, st *format.StorageRecord, payload, tables *int64) error {
	return format.NewChunks(s.f.m, st, root).Walk(format.ChunkVisitor{
		Page: func(ref format.Ref, _ int, _, _ int64) (bool, error) {
			if _, ok := s.pages[ref]; ok {
				return true, nil
			}
			s.pages[ref] = struct{}{}
			s.own(int64(ref.Offset), int64(ref.Length), tables)
			return false, s.ctx.Err()
		},
		Entry: func(_ int64, e *format.ChunkEntry, _ int64) error {
			if e.IsStored() {
				s.own(e.Offset, int64(e.Length), payload)
			}
			return nil
		},
	})
}

// gap tells journal runs from padding, and counts as dead what is neither.
func (s *surveyor) gap(begin, end int64) error {
	const window = 1 << 20
	for at := begin; at < end; {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		n := min(end-at, window)
		first := -1
		var run *format.Run
		err := s.f.m.Guard(func() error {
			b, err := s.f.m.Fetch(uint64(at), int(n))
			if first = firstByte(b); err == nil && first >= 0 {
				run, err = format.FindRun(s.f.m, &s.f.choice.Root, at+int64(first), end)
			}
			return err
		})
		switch {
		case err != nil:
			return err
		case first < 0:
			s.u.Padding += n
			at += n
		case run == nil || run.Begin() < begin:
			s.u.Padding += int64(first)
			s.u.Dead += end - at - int64(first)
			return nil
		default:
			s.u.Padding += max(run.Begin()-at, 0)
			next := run.Offset + run.Length()
			s.u.Journal += next - max(run.Begin(), at)
			at = next
		}
	}
	return nil
}
