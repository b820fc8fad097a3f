package format

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tensorfile/tensorfile/internal/mutant"
	"github.com/tensorfile/tensorfile/tensor"
)

// A Catalog is what one generation of a file says of its tensors and storages:
// 1 to 16 runs, of which the newest wins. Opening it reads the newest run's
// head; everything else is read, and checked, when it is first touched. It is
// safe for concurrent use as long as its Source is.
type Catalog struct {
	src  Source
	root Root
	head *run

	older struct {
		sync.Mutex
		done atomic.Bool // what follows does not change any more
		runs []*run      // newest first, without head
		err  error
	}
}

// OpenCatalog reads the newest run head of the generation root.
func OpenCatalog(src Source, root *Root) (*Catalog, error) {
	c := &Catalog{src: src, root: *root}
	r, err := c.load(root.Catalog, "catalog")
	if err != nil {
		return nil, err
	}
	if r.head.Journal {
		return nil, fail(tensor.ErrCorrupt, RuleRunJournal, r.head.Offset+runFlags, "run flags", "a journal run", "a run of the catalog")
	}
	c.head = r
	return c, nil
}

// ReadRun reads and checks the run head at ref: for verify and recover.
func ReadRun(src Source, root *Root, ref Ref) (*Run, error) {
	c := &Catalog{src: src, root: *root}
	r, err := c.load(ref, "run")
	if err != nil {
		return nil, err
	}
	return &Run{*r.head, r}, nil
}

func (c *Catalog) load(ref Ref, field string) (*run, error) {
	if ref.Length > MaxRunHead {
		return nil, fail(tensor.ErrLimit, RuleRunLength, int64(ref.Offset), field+" head", fmt.Sprintf("%d bytes", ref.Length), fmt.Sprintf("at most %d", MaxRunHead))
	}
	b := make([]byte, ref.Length) // the Ref was checked to lie in the file
	if _, err := c.src.ReadAt(b, int64(ref.Offset)); err != nil {
		return nil, err
	}
	if got := Checksum(b); got != ref.CRC && !mutant.On("checksum of a reference") && !mutant.On("checksum of a run") {
		return nil, badSum(RuleRefCRC, int64(ref.Offset), field+" checksum", got, ref.CRC)
	}
	h, err := ParseRunHead(b, int64(ref.Offset), &c.root)
	if err != nil {
		return nil, err
	}
	return newRun(c.src, h, &c.root)
}

// each calls fn for the runs, newest first, until it returns false.
func (c *Catalog) each(fn func(*run) (more bool, err error)) error {
	more, err := fn(c.head)
	if err != nil || !more || len(c.head.head.Older) == 0 {
		return err
	}
	if err := c.loadOlder(); err != nil {
		return err
	}
	for _, r := range c.older.runs {
		if more, err := fn(r); err != nil || !more {
			return err
		}
	}
	return nil
}

// loadOlder reads the heads of the older runs once. That they are corrupt is
// remembered; that the disk did not give them is not: it may the next time.
func (c *Catalog) loadOlder() error {
	o := &c.older
	if o.done.Load() {
		return o.err
	}
	o.Lock()
	defer o.Unlock()
	if o.done.Load() {
		return o.err
	}
	runs, err := c.readOlder()
	if err != nil && !errors.Is(err, tensor.ErrCorrupt) {
		return err
	}
	o.runs, o.err = runs, err
	o.done.Store(true)
	return err
}

func (c *Catalog) readOlder() ([]*run, error) {
	runs := make([]*run, 0, len(c.head.head.Older))
	for _, ref := range c.head.head.Older {
		r, err := c.load(ref, "older run")
		if err == nil && r.head.Journal {
			err = fail(tensor.ErrCorrupt, RuleRunJournal, r.head.Offset+runFlags, "run flags", "a journal run", "a run of the catalog")
		}
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	return runs, nil
}

// Root is the root record that the catalog belongs to.
func (c *Catalog) Root() *Root { return &c.root }

// NextID is the next free storage id.
func (c *Catalog) NextID() uint64 { return c.head.head.NextID }

// Runs returns the runs of the catalog, newest first.
func (c *Catalog) Runs() ([]*Run, error) {
	var runs []*Run
	err := c.each(func(r *run) (bool, error) {
		runs = append(runs, &Run{*r.head, r})
		return true, nil
	})
	return runs, err
}

// Tensor finds the record of key in rec, whose Shape and Strides are reused if
// they are large enough; rec shares no memory with the file. It reports false
// if there is none or the name was deleted.
func (c *Catalog) Tensor(key string, rec *TensorRecord) (found bool, err error) {
	return c.Find(key, rec, nil)
}

// Find is Tensor for callers that search often: what rec takes from the file
// beyond its fields, attributes among it, goes to *heap, which grows if it is
// too small.
func (c *Catalog) Find(key string, rec *TensorRecord, heap *[]byte) (found bool, err error) {
	err = c.each(func(r *run) (bool, error) {
		i, ok, err := r.find(key)
		if err != nil || !ok {
			return true, err
		}
		found = true
		rec.Name = key
		return false, r.tensor(i, rec, heap)
	})
	if err != nil {
		return false, err
	}
	return found && rec.Kind != KindDeleted, nil
}

// Storage finds the storage id.
func (c *Catalog) Storage(id uint64, rec *StorageRecord) (found bool, err error) {
	err = c.each(func(r *run) (bool, error) {
		var err error
		found, err = r.storageByID(id, rec)
		return !found, err
	})
	return found, err
}

// A Scanner walks the live records of a catalog, ascending by key, the file's
// own (empty key) first. It belongs to one goroutine.
type Scanner struct {
	cursors []*cursor // newest first
	rec     TensorRecord
	heap    []byte
	err     error
}

// Scanner begins a walk.
func (c *Catalog) Scanner() (*Scanner, error) {
	s := &Scanner{}
	err := c.each(func(r *run) (bool, error) {
		cur := newCursor(r)
		s.cursors = append(s.cursors, cur)
		return true, cur.next()
	})
	return s, err
}

// Seek goes to the first record whose key is not below key, by halving the names
// of each run.
func (s *Scanner) Seek(key string) error {
	for _, cur := range s.cursors {
		if err := cur.seek(key); err != nil {
			return err
		}
	}
	s.err = nil
	return nil
}

// Next returns the next record, or nil behind the last. The record, but for
// its Name, is valid until the next call. After an error about one record the
// walk can go on; more says whether.
func (s *Scanner) Next() (rec *TensorRecord, more bool, err error) {
	for s.err == nil {
		var newest *cursor
		for _, cur := range s.cursors {
			if !cur.done && (newest == nil || cur.key < newest.key) {
				newest = cur
			}
		}
		if newest == nil {
			return nil, false, nil
		}
		s.rec.Name = newest.key
		err := newest.tensor(&s.rec, &s.heap)
		for _, cur := range s.cursors {
			if !cur.done && cur.key == s.rec.Name {
				if err := cur.next(); err != nil && s.err == nil {
					s.err = err // names cannot be trusted from here on
				}
			}
		}
		if err != nil {
			return &s.rec, s.err == nil, err
		}
		if s.rec.Kind != KindDeleted {
			return &s.rec, true, nil
		}
	}
	return nil, false, s.err
}

// ScanStorages calls fn with every storage record that counts, each once, in
// no order that a caller may rely on.
func (c *Catalog) ScanStorages(fn func(*StorageRecord) error) error {
	seen := map[uint64]struct{}{}
	first := true
	return c.each(func(r *run) (bool, error) {
		single := first && len(r.head.Older) == 0
		first = false
		for i := range r.head.Storages {
			var rec StorageRecord
			if err := r.storage(i, &rec); err != nil {
				return false, err
			}
			if !single {
				if _, ok := seen[rec.ID]; ok {
					continue
				}
				seen[rec.ID] = struct{}{}
			}
			if err := fn(&rec); err != nil {
				return false, err
			}
		}
		return true, nil
	})
}

// Parts returns the records of the parts of a composite and of their parts,
// ascending by key. They share no memory with the file.
func (c *Catalog) Parts(parent string) ([]TensorRecord, error) {
	prefix := parent + "\x00"
	var recs []TensorRecord
	err := c.each(func(r *run) (bool, error) {
		newer := make(map[string]struct{}, len(recs)) // runs before have said
		for i := range recs {
			newer[recs[i].Name] = struct{}{}
		}
		i, err := r.seek(prefix)
		for ; err == nil && i < r.head.Tensors; i++ {
			var b []byte
			if b, err = r.name(i); err != nil || !strings.HasPrefix(string(b), prefix) {
				break
			}
			key := string(b)
			if _, ok := newer[key]; ok {
				continue
			}
			rec := TensorRecord{Name: key}
			if err = r.tensor(i, &rec, nil); err == nil {
				recs = append(recs, rec)
			}
		}
		return true, err
	})
	recs = slices.DeleteFunc(recs, func(x TensorRecord) bool { return x.Kind == KindDeleted })
	slices.SortStableFunc(recs, func(a, b TensorRecord) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(recs, func(a, b TensorRecord) bool { return a.Name == b.Name }), err
}

// Refs returns where the runs of the catalog are, newest first.
func (c *Catalog) Refs() []Ref {
	return append([]Ref{c.root.Catalog}, c.head.head.Older...)
}
