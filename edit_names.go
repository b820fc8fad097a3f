package tensorfile

import (
	"context"
	"maps"
	"slices"

	"github.com/tensorfile/tensorfile/format"
)

// current is the catalog that changes are made to.
func (w *Writer) current() *format.Catalog {
	if w.revertTo != nil {
		return w.revertTo
	}
	return w.base.cat
}

// find looks for the live record of key among what was changed and in the base.
func (w *Writer) find(key string) (*format.TensorRecord, error) {
	if rec, ok := w.changes[key]; ok {
		if rec.Kind == format.KindDeleted {
			return nil, nil
		}
		return rec, nil
	}
	var rec format.TensorRecord
	found, err := w.current().Tensor(key, &rec)
	if err != nil || !found {
		return nil, err
	}
	return &rec, nil
}

// existing is find for a tensor that must be there.
func (w *Writer) existing(name string) (*format.TensorRecord, error) {
	if err := w.editable(); err != nil {
		return nil, err
	}
	if name == "" || format.IsPart(name) {
		return nil, &Error{Kind: ErrNotFound, Path: w.path, Tensor: name, Offset: -1}
	}
	rec, err := w.find(name)
	if err == nil && rec == nil {
		err = &Error{Kind: ErrNotFound, Path: w.path, Tensor: name, Offset: -1}
	}
	return rec, located(err, w.path, name)
}

func (w *Writer) editable() error {
	if w.base == nil {
		return &Error{Kind: ErrUnsupported, Path: w.path, Offset: -1, Field: "edit", Got: "a new file", Want: "a file opened by OpenAppend"}
	}
	return w.ready(context.Background())
}

// parts returns the keys of the parts of a composite as they stand now.
func (w *Writer) parts(name string) ([]string, error) {
	recs, err := w.current().Parts(name)
	if err != nil {
		return nil, err
	}
	set := map[string]struct{}{}
	for i := range recs {
		set[recs[i].Name] = struct{}{}
	}
	for k, rec := range w.changes {
		if len(k) > len(name) && k[:len(name)] == name && k[len(name)] == 0 {
			if rec.Kind == format.KindDeleted {
				delete(set, k)
			} else {
				set[k] = struct{}{}
			}
		}
	}
	return slices.Sorted(maps.Keys(set)), nil
}

// put records a change of the catalog.
func (w *Writer) put(rec format.TensorRecord) {
	rec.Generation = w.base.root.Generation + 1
	w.changes[rec.Name] = &rec
	w.tensors = append(w.tensors, rec) // for the journal
}

// Delete removes the tensor called name, with its parts if it is a composite.
// Its bytes stay in the file, for older generations, until a repack.
func (w *Writer) Delete(name string) error {
	recs, err := w.records(name)
	if err != nil {
		return err
	}
	w.drop(recs)
	return nil
}

// Rename gives the tensor called name, with its parts, another name, which must
// be free.
func (w *Writer) Rename(name, to string) error {
	recs, err := w.copyOf(name, to)
	if err != nil {
		return err
	}
	w.name(recs, name, to)
	w.drop(recs)
	return nil
}

// CopyTensor gives the tensor called name a second name, which must be free.
// Both share their bytes; their attributes are their own.
func (w *Writer) CopyTensor(name, to string) error {
	recs, err := w.copyOf(name, to)
	if err != nil {
		return err
	}
	w.name(recs, name, to)
	return nil
}

// copyOf returns the records of a tensor that is to have the name to as well.
func (w *Writer) copyOf(name, to string) ([]format.TensorRecord, error) {
	recs, err := w.records(name)
	if err == nil {
		err = w.free(to)
	}
	return recs, err
}

// records returns the records of a tensor and of each of its parts. An edit
// reads all that it needs before it changes anything.
func (w *Writer) records(name string) ([]format.TensorRecord, error) {
	if _, err := w.existing(name); err != nil {
		return nil, err
	}
	parts, err := w.parts(name)
	if err != nil {
		return nil, located(err, w.path, name)
	}
	var recs []format.TensorRecord
	for _, key := range append([]string{name}, parts...) {
		rec, err := w.find(key)
		if err != nil {
			return nil, located(err, w.path, name)
		}
		if rec != nil {
			recs = append(recs, *rec)
		}
	}
	return recs, nil
}

// name puts records under the name to, too.
func (w *Writer) name(recs []format.TensorRecord, name, to string) {
	for _, rec := range recs {
		rec.Name = to + rec.Name[len(name):]
		w.put(rec)
	}
}

func (w *Writer) drop(recs []format.TensorRecord) {
	for i := range recs {
		w.put(format.TensorRecord{Name: recs[i].Name, Kind: format.KindDeleted})
	}
}

// free reports an error if name cannot be given to a tensor.
func (w *Writer) free(name string) error {
	if err := format.CheckName(name); err != nil {
		return located(err, w.path, name)
	}
	taken := false
	if w.base != nil {
		rec, err := w.find(name)
		if err != nil {
			return located(err, w.path, name)
		}
		taken = rec != nil
	} else {
		_, taken = w.names[name]
	}
	if taken {
		return &Error{Kind: ErrDuplicate, Path: w.path, Tensor: name, Offset: -1, Field: "name", Got: "it twice", Want: "each name once"}
	}
	return nil
}

// SetTensorAttrs replaces the attributes of the tensor called name.
func (w *Writer) SetTensorAttrs(name string, a Attrs) error {
	rec, err := w.existing(name)
	if err != nil {
		return err
	}
	b, err := format.AppendAttrs(nil, a, len(rec.Shape))
	if err != nil {
		return located(err, w.path, name)
	}
	c := *rec
	c.Attrs = b
	w.put(c)
	return nil
}

// Revert makes the next commit hold what an older generation held: its
// tensors, its attributes. What was changed and not committed is dropped.
func (w *Writer) Revert(generation uint64) error {
	if err := w.editable(); err != nil {
		return err
	}
	root, err := findGeneration(w.base.src, &w.base.root, generation)
	if err != nil {
		return located(err, w.path, "")
	}
	cat, err := format.OpenCatalog(w.base.src, root)
	if err != nil {
		return located(err, w.path, "")
	}
	recs, err := w.changedBy(cat)
	if err != nil {
		return located(err, w.path, "")
	}
	if err := w.rollback(); err != nil {
		return w.poison(err, "truncate")
	}
	w.revertTo, w.live, w.tensors = cat, int64(root.Live), recs
	return nil
}

// changedBy lists what a revert to cat changes, for the journal: the commit's
// run alone says it by pointing to older ones.
func (w *Writer) changedBy(cat *format.Catalog) ([]format.TensorRecord, error) {
	changed, err := differences(context.Background(), w.base.cat, cat)
	if err != nil {
		return nil, err
	}
	var recs []format.TensorRecord
	for _, key := range slices.Sorted(maps.Keys(changed)) {
		rec := format.TensorRecord{Name: key, Kind: format.KindDeleted, Generation: w.base.root.Generation + 1}
		if _, err := cat.Tensor(key, &rec); err != nil {
			return nil, err
		}
		recs = append(recs, rec)
	}
	return recs, nil
}
