package tensorfile

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/atomicfile"
	"github.com/tensorfile/tensorfile/internal/mutant"
)

// commitEdit is Commit for a file that is there (spec, "Appending", steps 6 to
// 10).
func (w *Writer) commitEdit() error {
	b := w.base
	if w.attrsSet {
		rec := format.TensorRecord{Kind: format.KindFile, Attrs: w.attrs}
		if w.attrs == nil {
			rec.Kind = format.KindDeleted
		}
		w.put(rec)
		w.attrs, w.attrsSet = nil, false
	}
	if err := w.stillThere(); err != nil {
		return w.failed(err, "path")
	}
	if err := w.prepare(); err != nil {
		return err
	}
	if err := w.account(); err != nil {
		return w.failed(err, "storages")
	}
	if err := w.zeroOrphans(); err != nil {
		return err
	}
	b.dirty = true
	if err := w.journal(); err != nil {
		return err
	}
	tensors, storages, older, err := w.merge()
	if err != nil {
		return w.failed(err, "catalog")
	}
	ref, err := w.run(tensors, storages, older, false)
	if err != nil {
		return err
	}
	when := w.append.Time
	if when.IsZero() {
		when = time.Now()
	}
	root, rec, err := w.trailer(format.Root{
		Time: when, Previous: b.root.TrailerAt(), Catalog: ref, MustRead: b.root.MustRead, MustWrite: b.root.MustWrite, Info: b.root.Info,
	})
	if err != nil {
		return err
	}
	if mutant.On("barrier of the data") || mutant.On("both barriers") {
		// left out
	} else if err := b.file.Datasync(); err != nil {
		return w.poison(err, "sync of the data (the commit failed)")
	}
	if err := w.alone(); err != nil {
		return w.poison(err, "root slots")
	}
	if err := w.stillThere(); err != nil {
		return w.failed(err, "path")
	}
	older1 := 1 - b.slot
	if mutant.On("wrong slot") {
		older1 = b.slot
	}
	page := make([]byte, format.PageSize)
	copy(page, rec)
	at := [2]int64{format.SlotA, format.SlotB}[older1]
	if mutant.On("both slots at once") {
		b.file.WriteAt(page, format.SlotA+format.SlotB-at)
	}
	n, err := b.file.WriteAt(page, at)
	if err != nil {
		err = atomicfile.FailWrite(err, w.path, at, n, len(page))
	} else {
		err = atomicfile.Fail(w.syncSlot(page, at), w.path, "sync of a root slot", at)
	}
	if err != nil {
		w.err = fmt.Errorf("%w: %w", ErrCommitUnknown, err)
		if mutant.On("no poison") {
			err, w.err = w.err, nil
			return err
		}
		return w.err
	}
	if mutant.On("slot stays in a session") {
		older1 = b.slot
	}
	b.dirty = false
	c := format.Choice{Root: root, Place: format.Place(older1)}
	copy(c.Bytes[:], rec)
	refs := b.refs
	w.poison(w.rebase(c), "catalog after the commit") // which is done all the same
	b.refs = refs
	return nil
}

// account computes the live bytes of the generation being committed: those of
// the one that it starts from, and what gains or loses its last name.
func (w *Writer) account() error {
	b, cat := w.base, w.current()
	live := int64(cat.Root().Live)
	named, taken := map[uint64]int{}, map[uint64]int{}
	for key, rec := range w.changes {
		var old format.TensorRecord
		found, err := cat.Tensor(key, &old)
		if err != nil {
			return err
		}
		if found && old.Storage != 0 {
			taken[old.Storage]++
		}
		if rec.Storage != 0 {
			named[rec.Storage]++
		}
	}
	gained, err := w.gained(cat, named)
	if err != nil {
		return err
	}
	live += gained
	if w.revertTo != nil {
		b.refs = nil
	}
	for id, n := range taken {
		if n > named[id] && b.refs == nil {
			if err := w.countNames(); err != nil {
				return err
			}
		}
	}
	if b.refs != nil {
		for id, n := range named {
			b.refs[id] += n
		}
		for id, n := range taken {
			if b.refs[id] -= n; b.refs[id] > 0 {
				continue
			}
			var s format.StorageRecord
			found, err := cat.Storage(id, &s)
			if err != nil {
				return err
			}
			if found {
				n, err := tableBytes(b.src, cat.Root(), &s)
				if err != nil {
					return err
				}
				live -= s.Stored + n
			}
		}
	}
	w.live = live
	return nil
}

// countNames counts the names on each storage.
func (w *Writer) countNames() error {
	s, err := w.current().Scanner()
	if err != nil {
		return err
	}
	w.base.refs = map[uint64]int{}
	for {
		rec, _, err := s.Next()
		if err != nil || rec == nil {
			return err
		}
		if rec.Storage != 0 {
			w.base.refs[rec.Storage]++
		}
	}
}

// olderRun is a run of the generation before a commit.
type olderRun struct {
	records int64
	ref     format.Ref
	each    func(tensor func(format.TensorRecord) error, storage func(format.StorageRecord) error) error
}

// merge returns the records of the commit's run, and the runs that stay.
func (w *Writer) merge() ([]format.TensorRecord, []format.StorageRecord, []format.Ref, error) {
	cat := w.current()
	runs, err := cat.Runs()
	if err != nil {
		return nil, nil, nil, err
	}
	refs := cat.Refs()
	older := make([]olderRun, len(runs))
	for i, r := range runs {
		older[i] = olderRun{r.Tensors + r.RunHead.Storages, refs[i], r.Each}
	}
	changes := make([]format.TensorRecord, 0, len(w.changes))
	for _, rec := range w.changes {
		changes = append(changes, *rec)
	}
	tensors, storages, merged, err := mergeRuns(changes, w.storages, older)
	return tensors, storages, refs[merged:], err
}

// mergeRuns merges what was changed, each key once, with the newest runs as
// long as they hold fewer than four times as many records (spec, "Merging"),
// and says how many of them that were.
func mergeRuns(changes []format.TensorRecord, added []format.StorageRecord, runs []olderRun) ([]format.TensorRecord, []format.StorageRecord, int, error) {
	tensors := make(map[string]format.TensorRecord, len(changes))
	for _, rec := range changes {
		tensors[rec.Name] = rec
	}
	storages := make(map[uint64]format.StorageRecord, len(added))
	for _, s := range added {
		storages[s.ID] = s
	}
	merged := 0
	for merged < len(runs) {
		r := runs[merged]
		if n := int64(len(tensors) + len(storages)); r.records >= 4*n && len(runs)-merged < format.MaxRuns {
			break
		}
		err := r.each(func(rec format.TensorRecord) error {
			if _, ok := tensors[rec.Name]; !ok {
				tensors[rec.Name] = rec
			}
			return nil
		}, func(s format.StorageRecord) error {
			if _, ok := storages[s.ID]; !ok {
				storages[s.ID] = s
			}
			return nil
		})
		if err != nil {
			return nil, nil, 0, err
		}
		merged++
	}
	if merged == len(runs) {
		// Nothing older is left for deletions to hide, and what no name reaches
		// is dead. Bytes that this commit wrote itself keep their owner.
		named := map[uint64]struct{}{}
		for _, s := range added {
			named[s.ID] = struct{}{}
		}
		for k, rec := range tensors {
			if rec.Kind == format.KindDeleted {
				delete(tensors, k)
				continue
			}
			named[rec.Storage] = struct{}{}
		}
		for id := range storages {
			if _, ok := named[id]; !ok {
				delete(storages, id)
			}
		}
	}
	return slices.Collect(maps.Values(tensors)), slices.Collect(maps.Values(storages)), merged, nil
}
