package inspect

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// scanLimit bounds how many bytes that nothing points to are looked through for
// runs: all there are in any file whose catalog can be read.
const scanLimit = 1 << 30

type native struct {
	*Map
	ctx      context.Context
	uuid     format.UUID
	root     format.Root // the newest that could be read
	found    bool
	runs     map[int64]bool // heads that were read
	storages map[storageKey]struct{}
	pages    map[format.Ref]struct{} // of chunks, that were added
	chunks   map[storageKey]struct{} // stored bytes that were added
	names    map[uint64][]string     // tensors by storage
	named    map[name]struct{}       // the same, to look up
	trailers map[int64]bool
}

type (
	storageKey struct{ begin, n int64 }
	name       struct {
		storage uint64
		key     string
	}
)

// Native maps a .tensor file. The error is for ctx alone: whatever the file
// holds there is a map of it.
func Native(ctx context.Context, src *mmap.Map) (*Map, error) {
	n := &native{
		Map:      &Map{Path: src.Path(), Format: format.Name, Size: src.Size(), src: src},
		ctx:      ctx,
		runs:     map[int64]bool{},
		storages: map[storageKey]struct{}{},
		pages:    map[format.Ref]struct{}{},
		chunks:   map[storageKey]struct{}{},
		names:    map[uint64][]string{},
		named:    map[name]struct{}{},
		trailers: map[int64]bool{},
	}
	n.header()
	roots := n.slots()
	for i := 0; i < len(roots); i++ {
		roots = append(roots, n.generation(&roots[i])...)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	n.rest()
	n.overlaps()
	return n.Map, ctx.Err()
}

func reason(err error) string {
	var e *tensor.Error
	if errors.As(err, &e) {
		c := *e
		c.Path, c.Format = "", ""
		return c.Error()
	}
	return err.Error()
}

func (n *native) header() {
	b := n.read(0, format.HeaderSize)
	p := Part{Offset: 0, Length: int64(len(b)), Kind: Header, What: "header", Section: "Header"}
	h, err := format.ParseHeader(b)
	if err != nil {
		p.Damage = append(p.Damage, reason(err))
		if id, ok := format.SniffRoot(n.read(n.Size-format.RootSize, format.RootSize)); ok {
			h.UUID = id // the trailer knows, if the slots do not
		}
	} else {
		n.Format = fmt.Sprintf("%s %d", format.Name, format.Major)
	}
	n.uuid = h.UUID
	if len(b) == 0 {
		n.Damage = append(n.Damage, err)
		return
	}
	n.structRows(&p, "header", b)
	n.add(p)
	n.zeros(format.HeaderSize, format.SlotA, "zeros")
}

// zeros adds a part of a control page that must be zero.
func (n *native) zeros(begin, end int64, what string) {
	if end = min(end, n.Size); begin >= end {
		return
	}
	p := n.add(Part{Offset: begin, Length: end - begin, Kind: Zeros, What: what, Section: "File map"})
	if at := n.firstNonZero(begin, end); at >= 0 {
		p.Damage = append(p.Damage, fmt.Sprintf("offset %d is not zero", at))
	}
}

// structRows makes the fields of a structure the rows of p. b may go on behind
// the fixed part, for its checksum.
func (n *native) structRows(p *Part, name string, b []byte) {
	off := p.Offset
	p.rows = func(yield func(Row) bool) bool { return structure(name, off, b, yield) }
}

func structure(name string, off int64, b []byte, yield func(Row) bool) bool {
	for _, v := range format.StructByName(name).Values(b) {
		if !yield(Row{Offset: off + int64(v.Offset), Length: int64(v.Size), Bytes: v.Bytes, Field: v.Name, Meaning: v.Meaning}) {
			return false
		}
	}
	return true
}

// slots adds the slots and returns the generations to begin with, newest
// first.
func (n *native) slots() []format.Root {
	var recs [2][]byte
	for i, at := range [2]int64{format.SlotA, format.SlotB} {
		recs[i] = n.read(at, format.RootSize)
		if id, ok := format.SniffRoot(recs[i]); ok && n.Damages() > 0 {
			n.uuid = id // the header is damaged, this record is not
		}
	}
	end := func() ([]byte, error) { return n.read(n.Size-format.RootSize, format.RootSize), nil }
	choice, err := format.ChooseRoot(n.uuid, recs[0], recs[1], n.Size, end)
	if err != nil {
		n.Damage = append(n.Damage, err)
	}
	streamed := err == nil && choice.Place == format.InTrailer && choice.Root.Created && choice.Slots[0] != nil && choice.Slots[1] != nil
	var roots []format.Root
	if choice.Root.Length != 0 {
		roots = append(roots, choice.Root)
	}
	for i, at := range [2]int64{format.SlotA, format.SlotB} {
		place := format.Place(i)
		b := recs[i]
		if len(b) == 0 {
			continue
		}
		p := Part{Offset: at, Length: int64(len(b)), Kind: Slot, Section: "Root record"}
		empty := !slices.ContainsFunc(b, func(c byte) bool { return c != 0 })
		switch root, err := parseSlot(b, place, n.uuid); {
		case err == nil:
			p.What = fmt.Sprintf("%v: root record of generation %d", place, root.Generation)
			roots = append(roots, root)
		case empty && streamed:
			p.What = fmt.Sprintf("%v: empty, the file was streamed", place)
		default:
			p.What = fmt.Sprintf("%v: not a sound root record", place)
			p.Damage = append(p.Damage, reason(err))
		}
		if !empty {
			n.structRows(&p, "root", b)
		}
		n.add(p)
		n.zeros(at+format.RootSize, at+format.PageSize, fmt.Sprintf("zeros behind %v", place))
	}
	slices.SortStableFunc(roots, func(a, b format.Root) int { return cmp.Compare(b.Generation, a.Generation) })
	return roots
}

func parseSlot(b []byte, p format.Place, uuid format.UUID) (format.Root, error) {
	if len(b) < format.RootSize {
		return format.Root{}, &tensor.Error{Kind: tensor.ErrTruncated, Offset: -1, Field: p.String(), Got: fmt.Sprintf("%d bytes", len(b)), Want: fmt.Sprint(format.RootSize)}
	}
	return format.ParseSlot(b, p, uuid)
}

// generation adds what one root reaches and returns the generation before it.
func (n *native) generation(root *format.Root) (before []format.Root) {
	at := root.TrailerAt()
	if n.trailers[at] {
		return nil
	}
	n.trailers[at] = true
	if !n.found {
		n.found, n.root = true, *root
		n.Format = fmt.Sprintf("%s %d.%d", format.Name, format.Major, root.Minor)
	}
	b := n.read(at, format.RootSize)
	if len(b) > 0 {
		p := Part{Offset: at, Length: int64(len(b)), Kind: Trailer, What: fmt.Sprintf("trailer of generation %d", root.Generation), Section: "Root record"}
		if _, err := format.ParseTrailer(b, at, n.uuid); err != nil {
			p.Damage = append(p.Damage, reason(err))
		}
		n.structRows(&p, "root", b)
		n.add(p)
	} else {
		n.Damage = append(n.Damage, &tensor.Error{Kind: tensor.ErrTruncated, Path: n.Path, Format: format.Name, Offset: n.Size, Field: fmt.Sprintf("trailer of generation %d", root.Generation), Got: "the end of the file", Want: fmt.Sprintf("a trailer at %d", at)})
	}
	n.catalog(root)
	if root.Previous == 0 {
		return nil
	}
	b = n.read(root.Previous, format.RootSize)
	prev, err := format.ParseTrailer(b, root.Previous, n.uuid)
	if err == nil && prev.Generation >= root.Generation {
		err = &tensor.Error{Kind: tensor.ErrCorrupt, Format: format.Name, Offset: root.Previous, Field: "generation", Got: fmt.Sprint(prev.Generation), Want: fmt.Sprintf("below %d", root.Generation), Rule: format.RuleRootPrevious}
	}
	if err != nil {
		n.Damage = append(n.Damage, err)
		return nil
	}
	return []format.Root{prev}
}

// catalog adds the runs of a generation.
func (n *native) catalog(root *format.Root) {
	head := n.run(root, root.Catalog)
	if head == nil {
		return
	}
	for _, ref := range head.Older {
		if n.ctx.Err() != nil {
			return
		}
		n.run(root, ref)
	}
}

// run adds the run whose head stands at ref, and what its records name.
func (n *native) run(root *format.Root, ref format.Ref) *format.Run {
	at := int64(ref.Offset)
	if at > n.Size || int64(ref.Length) > n.Size-at {
		n.Damage = append(n.Damage, &tensor.Error{Kind: tensor.ErrTruncated, Path: n.Path, Format: format.Name, Offset: n.Size, Field: fmt.Sprintf("run of generation %d", root.Generation), Got: "the end of the file", Want: "a run head at " + ref.String()})
		return nil
	}
	r, err := format.ReadRun(n.src, root, ref)
	if n.runs[at] {
		return r
	}
	n.runs[at] = true
	if err != nil {
		b := n.read(at, int64(ref.Length))
		if len(b) == 0 {
			n.Damage = append(n.Damage, err)
			return nil
		}
		p := Part{Offset: at, Length: int64(len(b)), Kind: RunHead, What: fmt.Sprintf("run head, of generation %d or before", root.Generation), Section: "Run head", Damage: []string{reason(err)}}
		n.structRows(&p, "runhead", b)
		n.add(p)
		return nil
	}
	n.addRun(r)
	return r
}

func (n *native) addRun(r *format.Run) {
	what := fmt.Sprintf("run of generation %d", r.Generation)
	if r.Journal {
		what = "journal " + what
	}
	bad := r.PageErrors()
	kinds := [...]string{TensorRecords, StorageRecords, NameEnds, Names, Heap}
	headings := [...]string{"Tensor record", "Storage record", "Names", "Names", "Runs"}
	end := r.Begin()
	for i, s := range r.Sections() {
		end = max(end, s.Begin+format.AlignUp(s.Length, format.Align))
		if s.Length == 0 {
			continue
		}
		p := n.add(Part{Offset: s.Begin, Length: s.Length, Kind: kinds[i], What: s.Name + " of the " + what, Section: headings[i]})
		for _, err := range bad {
			var e *tensor.Error
			if errors.As(err, &e) && e.Offset < s.Begin+s.Length && e.Offset+1<<r.PageExp > s.Begin {
				p.Damage = append(p.Damage, reason(err))
			}
		}
		p.rows = n.sectionRows(r, s, kinds[i])
	}
	if end < r.Offset {
		n.add(Part{Offset: end, Length: r.Offset - end, Kind: Further, What: "further sections of the " + what, Section: "Runs"})
	}
	b := n.read(r.Offset, r.Length())
	p := Part{Offset: r.Offset, Length: r.Length(), Kind: RunHead, What: "head of the " + what, Section: "Run head"}
	p.rows = func(yield func(Row) bool) bool { return headRows(r, b, yield) }
	n.add(p)
	n.records(r)
}

// headRows are the fields of a run head, its older runs and its page sums.
func headRows(r *format.Run, b []byte, yield func(Row) bool) bool {
	if !structure("runhead", r.Offset, b, yield) {
		return false
	}
	at := r.Length() - int64(len(r.Sums)) - format.RefSize*int64(len(r.Older))
	for i := range r.Older {
		if !yield(Row{Offset: r.Offset + at, Length: format.RefSize, Bytes: b[at : at+format.RefSize], Field: fmt.Sprintf("older[%d]", i), Meaning: r.Older[i].String()}) {
			return false
		}
		at += format.RefSize
	}
	for i := 0; at < int64(len(b)); i++ {
		if !yield(Row{Offset: r.Offset + at, Length: 4, Bytes: b[at : at+4], Field: fmt.Sprintf("page[%d]", i), Meaning: hex32(b[at:]) + fmt.Sprintf(", checksum of body page %d", i)}) {
			return false
		}
		at += 4
	}
	return true
}

// records adds the payloads and tables that the storage records of r name.
func (n *native) records(r *format.Run) {
	for it := range r.Items {
		switch {
		case it.Tensor != nil && it.Tensor.Storage != 0:
			k := name{it.Tensor.Storage, it.Key}
			if _, ok := n.named[k]; !ok {
				n.named[k] = struct{}{}
				n.names[k.storage] = append(n.names[k.storage], k.key)
			}
		case it.Storage != nil && it.Err == nil:
			n.storage(it.Storage)
		}
	}
}

func (n *native) storage(s *format.StorageRecord) {
	if s.Kind == format.StorageGrid {
		n.grid(s)
		return
	}
	if s.Size == 0 {
		return
	}
	k := storageKey{s.Payload, s.Size}
	if _, ok := n.storages[k]; ok {
		return
	}
	n.storages[k] = struct{}{}
	id := s.ID
	p := Part{Offset: s.Payload, Length: s.Size, Kind: Payload, What: fmt.Sprintf("payload of storage %d", id), Section: "Raw storages"}
	if end := s.Payload + s.Size; end > n.Size {
		p.Damage = append(p.Damage, fmt.Sprintf("the file ends at %d, the payload at %d", n.Size, end))
		p.Length = max(0, n.Size-s.Payload)
	}
	p.storage = id // its names are known when all runs are read
	n.add(p)
	if s.Size <= s.BlockSize() {
		return
	}
	b := n.read(int64(s.Ref.Offset), int64(s.Ref.Length))
	q := Part{Offset: int64(s.Ref.Offset), Length: min(int64(s.Ref.Length), max(0, n.Size-int64(s.Ref.Offset))), Kind: BlockSums, What: fmt.Sprintf("block sums of storage %d", id), Section: "Raw storages"}
	if s.Ref.Length <= readLimit && (format.Checksum(b) != s.Ref.CRC || len(b) < int(s.Ref.Length)) {
		q.Damage = append(q.Damage, fmt.Sprintf("checksum: got %08x of %d bytes, want %08x of %d", format.Checksum(b), len(b), s.Ref.CRC, s.Ref.Length))
	}
	block := s.BlockSize()
	q.rows = func(yield func(Row) bool) bool {
		for i := int64(0); i+4 <= int64(len(b)); i += 4 {
			at := s.Payload + i/4*block
			if !yield(Row{Offset: q.Offset + i, Length: 4, Bytes: b[i : i+4], Field: fmt.Sprintf("block[%d]", i/4), Meaning: fmt.Sprintf("%s, checksum of %d bytes at %d", hex32(b[i:]), min(block, s.Payload+s.Size-at), at)}) {
				return false
			}
		}
		return true
	}
	n.add(q)
}

// rest looks at what no structure has claimed: journal runs, padding, what lies
// behind the committed length.
func (n *native) rest() {
	end := n.Size
	if n.found {
		end = min(end, n.root.Length)
	}
	n.sort()
	n.scan(end)
	n.sort()
	for _, g := range n.gaps(end) {
		if g.begin >= g.end {
			continue
		}
		p := Part{Offset: g.begin, Length: g.end - g.begin, Kind: Padding, What: "padding", Section: "File map"}
		if !n.found && p.Length > scanLimit {
			p.Kind, p.What = Unknown, "not looked through"
		} else if at := n.firstNonZero(g.begin, g.end); at >= 0 {
			p.Kind, p.What = Unknown, "bytes that nothing accounts for"
			p.Damage = append(p.Damage, fmt.Sprintf("offset %d is not zero", at))
		}
		n.add(p)
	}
	if end < n.Size {
		n.add(Part{Offset: end, Length: n.Size - end, Kind: Leftover, What: "leftover of an unfinished commit, which readers ignore", Section: "File map"})
	}
	n.sort()
	n.nameParts()
}

// anyRoot is the newest root that could be read, or one that allows for
// anything.
func (n *native) anyRoot() format.Root {
	if n.found {
		return n.root
	}
	return format.Root{UUID: n.uuid, Generation: format.MaxGeneration, Length: format.AlignUp(n.Size, format.PageSize) + format.PageSize}
}

// scan looks through the gaps before end for runs that nothing points to: those
// of the journal, and where the catalog is lost all others.
func (n *native) scan(end int64) {
	root := n.anyRoot()
	left := int64(scanLimit)
	for _, g := range n.gaps(end) {
		for at := format.AlignUp(g.begin, format.Align); at < g.end && left > 0; {
			if n.ctx.Err() != nil {
				return
			}
			const window = 1 << 20
			b := n.read(at, min(window, g.end-at))
			if len(b) == 0 {
				break
			}
			left -= int64(len(b))
			for i := 0; i+format.RootSize <= len(b); i += format.Align {
				if !bytes.Equal(b[i:i+4], []byte("TSRC")) {
					continue
				}
				n.unowned(&root, at+int64(i))
			}
			at += window
		}
	}
}

// unowned adds a run that nothing points to, if one stands at off.
func (n *native) unowned(root *format.Root, off int64) {
	length, ok := format.SniffRunHead(n.read(off, int64(format.StructByName("runhead").Size)), off)
	if !ok || n.runs[off] {
		return
	}
	b := n.read(off, length)
	if int64(len(b)) != length {
		return
	}
	if r, err := format.ReadRun(n.src, root, format.Ref{Offset: uint64(off), Length: uint32(length), CRC: format.Checksum(b)}); err == nil {
		n.runs[off] = true
		n.addRun(r)
	}
}

// nameParts puts the names of tensors to payloads.
func (n *native) nameParts() {
	for i := range n.Parts {
		p := &n.Parts[i]
		if p.storage == 0 {
			continue
		}
		if p.Tensors = n.names[p.storage]; len(p.Tensors) > 0 {
			p.What += ": " + quoted(p.Tensors)
		}
	}
}

// overlaps marks parts that share bytes.
func (n *native) overlaps() {
	end, owner := int64(0), ""
	for i := range n.Parts {
		p := &n.Parts[i]
		if p.Offset < end {
			p.Damage = append(p.Damage, fmt.Sprintf("overlaps the %s, which ends at %d", owner, end))
		}
		if e := p.Offset + p.Length; e > end {
			end, owner = e, p.What
		}
	}
}
