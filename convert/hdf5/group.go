package hdf5

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile/tensor"
)

// Types of links.
const (
	linkHard     = 0
	linkSoft     = 1
	linkExternal = 64
)

// link is a name in a group.
type link struct {
	name   string
	kind   uint8
	addr   uint64 // of the object, of a hard link
	target string // of others
	order  uint64 // in which links were made, if the group keeps it
}

// isGroup reports whether the object is a group.
func (o *object) isGroup() bool {
	return o.find(msgSymbolTable) != nil || o.find(msgLinkInfo) != nil || o.find(msgLink) != nil || o.find(msgGroupInfo) != nil
}

// links are the links of a group, in the order in which they were made where the
// group keeps it, else by their names.
func (f *file) links(o *object) ([]link, error) {
	var list []link
	ordered := false
	var err error
	for i := range o.messages {
		switch m := &o.messages[i]; m.kind {
		case msgSymbolTable:
			list, err = f.oldLinks(list, m.open())
		case msgLink:
			var l link
			if l, err = m.open().link(); err == nil {
				list = append(list, l)
			}
		case msgLinkInfo:
			var dense []link
			if dense, ordered, err = f.denseLinks(m.open()); err == nil {
				list = append(list, dense...)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(list, func(a, b link) int { return cmp.Compare(a.name, b.name) })
	for i := range list {
		if err := list[i].check(); err != nil {
			return nil, err
		}
		if i > 0 && list[i-1].name == list[i].name {
			return nil, fail(tensor.ErrDuplicate, f.place(o.addr), "link", tensor.Quote(list[i].name)+" twice in a group", "each name once")
		}
	}
	if ordered {
		slices.SortStableFunc(list, func(a, b link) int { return cmp.Compare(a.order, b.order) })
	}
	return list, nil
}

// check reports an error about a name that no path can lead to.
func (l *link) check() error {
	if l.name == "" || l.name == "." || strings.Contains(l.name, "/") {
		return fail(tensor.ErrFormat, -1, "link", tensor.Quote(l.name), `a name without "/"`)
	}
	return nil
}

// link reads a link message.
func (r *block) link() (link, error) {
	if v := r.u8(); r.err == nil && v != 1 {
		r.fail(tensor.ErrUnsupported, 0, "version", count(v), "1")
	}
	var l link
	flags := r.u8()
	if flags&(1<<3) != 0 {
		l.kind = r.u8()
	}
	if flags&(1<<2) != 0 {
		l.order = r.uint(8)
	}
	if flags&(1<<4) != 0 {
		r.skip(1) // character set; a name is bytes here
	}
	n := r.uint(1 << (flags & 3))
	if r.err == nil && n > uint64(r.left()) {
		r.wrong(tensor.ErrTruncated, "name", count(n)+" bytes", "at most the "+count(r.left())+" that are there")
	}
	l.name = string(r.bytes(int(n)))
	switch {
	case l.kind == linkHard:
		l.addr = r.address()
	default:
		l.target = string(r.bytes(int(r.u16())))
		if l.kind == linkExternal {
			l.target = externalTarget(l.target)
		}
	}
	return l, r.err
}

// externalTarget is the file and the object of an external link.
func externalTarget(s string) string {
	if len(s) > 0 {
		s = s[1:] // version and flags
	}
	parts := strings.SplitN(s, "\x00", 3)
	if len(parts) < 2 {
		return s
	}
	return parts[1] + " in " + parts[0]
}

// denseLinks are the links of a group that has many, and whether the order in
// which links were made is kept.
func (f *file) denseLinks(r *block) (list []link, ordered bool, err error) {
	if v := r.u8(); r.err == nil && v != 0 {
		r.fail(tensor.ErrUnsupported, 0, "version", count(v), "0")
	}
	flags := r.u8()
	if ordered = flags&1 != 0; ordered {
		r.skip(8)
	}
	heap, names := r.address(), r.address()
	if r.err != nil || heap == none || names == none {
		return nil, ordered, r.err
	}
	h, err := f.fractalHeap(heap)
	if err != nil {
		return nil, false, err
	}
	err = f.btree2(names, treeLinks, func(rec *block) error {
		rec.skip(4) // hash
		id := rec.bytes(h.idSize)
		if rec.err != nil {
			return rec.err
		}
		m := h.object(id)
		m.what = "link"
		l, err := m.link()
		list = append(list, l)
		return err
	})
	return list, ordered, err
}

// oldLinks are the links of a group with a symbol table.
func (f *file) oldLinks(list []link, r *block) ([]link, error) {
	tree, heap := r.address(), r.address()
	if r.err != nil {
		return nil, r.err
	}
	names, err := f.localHeap(heap)
	if err != nil {
		return nil, err
	}
	const what = "symbol table node"
	entry := 2*f.offsetSize + 4 + 4 + 16
	err = f.btree1(tree, treeGroup, f.lengthSize, func(_ *block, child uint64) error {
		r := f.block(child, 8, what)
		r.begin("SNOD", 1)
		r.skip(1)
		n := r.u16()
		if r.err == nil && f.symbols > 0 && int(n) > f.symbols {
			r.wrong(tensor.ErrCorrupt, "symbols", count(n), "at most "+count(f.symbols))
		}
		if r.err != nil {
			return r.err
		}
		r = f.block(child+8, uint64(n)*uint64(entry), what)
		for range n {
			var l link
			var err error
			at, header := r.address(), r.address()
			cached := r.u32()
			if r.err == nil && cached > maxCached {
				r.wrong(tensor.ErrCorrupt, "kind of an entry", count(cached), "0 to 2")
			}
			r.skip(4)
			scratch := r.part(16, what)
			if r.err != nil {
				return r.err
			}
			if l.name, err = names.name(at); err != nil {
				return err
			}
			if l.addr = header; cached == 2 {
				l.kind = linkSoft
				if l.target, err = names.name(uint64(scratch.u32())); err != nil {
					return err
				}
			}
			list = append(list, l)
		}
		return r.err
	})
	return list, err
}

// String is what a link is that leads to no object of this file.
func (l *link) String() string {
	if l.kind == linkExternal {
		return "an external link to " + tensor.Quote(l.target)
	}
	return fmt.Sprintf("a link of type %d", l.kind)
}
