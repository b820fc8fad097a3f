package inspect

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

var le = binary.LittleEndian

func hex32(b []byte) string { return fmt.Sprintf("%08x", le.Uint32(b)) }

// sectionRows gives the rows of a section of a run's body.
func (n *native) sectionRows(r *format.Run, s format.BodySection, kind string) func(func(Row) bool) bool {
	switch kind {
	case TensorRecords:
		return func(yield func(Row) bool) bool { return n.recordRows(r, s, yield) }
	case StorageRecords:
		return func(yield func(Row) bool) bool { return n.recordRows(r, s, yield) }
	case NameEnds:
		return func(yield func(Row) bool) bool { return n.endRows(s, yield) }
	case Names:
		return func(yield func(Row) bool) bool { return n.nameRows(r, s, yield) }
	}
	return func(yield func(Row) bool) bool { return n.heapRows(r, s, yield) }
}

// recordRows shows the records that stand in s.
func (n *native) recordRows(r *format.Run, s format.BodySection, yield func(Row) bool) bool {
	i := 0
	for it := range r.Items {
		if it.At < s.Begin || it.At >= s.Begin+s.Length {
			continue
		}
		kind, size, title := "tensor", r.TensorSize, fmt.Sprintf("tensor record %d: %s", i, keyText(it.Key))
		if it.Storage != nil {
			kind, size, title = "storage", r.StorageSize, fmt.Sprintf("storage record %d", i)
		}
		if it.Err != nil {
			title += ": " + reason(it.Err)
		}
		i++
		b := n.read(it.At, size)
		if !yield(Row{Offset: it.At, Field: title}) || !structure(kind, it.At, b, yield) {
			return false
		}
		if fixed := int64(format.StructByName(kind).Size); int64(len(b)) > fixed {
			if !yield(Row{Offset: it.At + fixed, Length: int64(len(b)) - fixed, Bytes: b[fixed:], Field: "further"}) {
				return false
			}
		}
	}
	return true
}

func keyText(key string) string {
	if key == "" {
		return "the file's own"
	}
	return tensor.Quote(key)
}

func (n *native) endRows(s format.BodySection, yield func(Row) bool) bool {
	return n.words(s.Begin, s.Length, 4, func(i int64, at int64, b []byte) bool {
		return yield(Row{Offset: at, Length: 4, Bytes: b, Field: fmt.Sprintf("end[%d]", i), Meaning: fmt.Sprint(le.Uint32(b))})
	})
}

// words calls fn for each of the words of size bytes in [begin, begin+length).
func (n *native) words(begin, length, size int64, fn func(i, at int64, b []byte) bool) bool {
	const window = 1 << 16
	for i := int64(0); i*size < length; {
		b := n.read(begin+i*size, min(window, length-i*size))
		if int64(len(b)) < size {
			return true
		}
		for ; int64(len(b)) >= size; b = b[size:] {
			if !fn(i, begin+i*size, b[:size]) {
				return false
			}
			i++
		}
	}
	return true
}

func (n *native) nameRows(r *format.Run, s format.BodySection, yield func(Row) bool) bool {
	ends := r.Sections()[2]
	from := int64(0)
	more := n.words(ends.Begin, ends.Length, 4, func(i, _ int64, b []byte) bool {
		end := int64(le.Uint32(b))
		if end < from || end > s.Length {
			from = -1
			return false
		}
		if end == from {
			return true // the empty name
		}
		b = n.read(s.Begin+from, end-from)
		row := Row{Offset: s.Begin + from, Length: end - from, Bytes: b, Field: fmt.Sprintf("name[%d]", i), Meaning: tensor.Quote(string(b))}
		from = end
		return yield(row)
	})
	if from < 0 { // the ends make no sense: the bytes as they are
		b := n.read(s.Begin, min(s.Length, 4096))
		return yield(Row{Offset: s.Begin, Length: s.Length, Bytes: b, Field: "names"})
	}
	return more
}

// heapRows shows what records keep in the heap, by position.
func (n *native) heapRows(r *format.Run, s format.BodySection, yield func(Row) bool) bool {
	var items []format.RunItem
	for it := range r.Items {
		if it.HeapBytes > 0 {
			items = append(items, it)
		}
	}
	slices.SortStableFunc(items, func(a, b format.RunItem) int { return cmp.Compare(a.HeapAt, b.HeapAt) })
	at := s.Begin
	for _, it := range items {
		if it.HeapAt > at && !yield(Row{Offset: at, Length: it.HeapAt - at, Bytes: n.read(at, min(it.HeapAt-at, shown)), Field: "padding"}) {
			return false
		}
		at = max(at, it.HeapAt+it.HeapBytes)
		title := "heap of " + keyText(it.Key)
		if it.Storage != nil {
			title = fmt.Sprintf("heap of storage %d", it.Storage.ID)
		}
		if !yield(Row{Offset: it.HeapAt, Field: title}) || !n.itemRows(it, yield) {
			return false
		}
	}
	if end := s.Begin + s.Length; at < end {
		return yield(Row{Offset: at, Length: end - at, Bytes: n.read(at, min(end-at, shown)), Field: "padding"})
	}
	return true
}

// itemRows shows the heap of one record: shape, strides and attributes of a
// tensor, shape, chunk, slabs and pipelines of a grid.
func (n *native) itemRows(it format.RunItem, yield func(Row) bool) bool {
	b := n.read(it.HeapAt, it.HeapBytes)
	at := 0
	number := func(field string, i int) bool {
		if at+8 > len(b) {
			return true
		}
		w := b[at : at+8]
		if i >= 0 {
			field = fmt.Sprintf("%s[%d]", field, i)
		}
		ok := yield(Row{Offset: it.HeapAt + int64(at), Length: 8, Bytes: w, Field: field, Meaning: fmt.Sprint(int64(le.Uint64(w)))})
		at += 8
		return ok
	}
	var names [2]string
	rank, text := 0, ""
	switch {
	case it.Tensor != nil:
		names, rank, text = [2]string{"shape", "strides"}, len(it.Tensor.Shape), "attributes"
	case it.Storage != nil && it.Storage.Kind == format.StorageGrid && it.Err == nil:
		names, rank, text = [2]string{"shape", "chunk"}, len(it.Storage.Shape), "pipelines"
	default:
		return yield(Row{Offset: it.HeapAt, Length: it.HeapBytes, Bytes: b, Field: "heap"})
	}
	for _, name := range names {
		for i := range rank {
			if !number(name, i) {
				return false
			}
		}
	}
	if it.Storage != nil && !number("slabs", -1) {
		return false
	}
	if at < len(b) {
		return yield(Row{Offset: it.HeapAt + int64(at), Length: int64(len(b) - at), Bytes: b[at:], Field: text, Meaning: tensor.Quote(string(b[at:]))})
	}
	return true
}
