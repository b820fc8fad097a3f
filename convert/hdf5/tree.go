package hdf5

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// tree goes through the groups of a file.
type tree struct {
	f       *file
	ctx     context.Context
	skipBad bool
	most    int64 // bytes of a chunk that is decoded
	layout  *convert.Layout

	groups map[uint64]string          // the path under which each was gone through
	links  map[uint64]map[string]link // of each
	sets   map[uint64]*set
	soft   []softLink
	attrs  map[string]any // of groups but the root
	loaded int64          // chunks whose index was read

	aliases, dangling, left listed
}

// softLink is a soft link and the group that it is in.
type softLink struct {
	path  string
	group uint64
	link
}

// listed is a list for a note, of which the first few are told.
type listed struct {
	few []string
	n   int
}

func (l *listed) add(s string) {
	if l.n++; len(l.few) < 8 {
		l.few = append(l.few, s)
	}
}

func (l *listed) note(t *convert.Layout, of func(text string) string) {
	if l.n == 0 {
		return
	}
	text := strings.Join(l.few, "; ")
	if more := l.n - len(l.few); more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	t.Notes = append(t.Notes, of(text))
}

// maxSoft is how many soft links a path may go through, as in the library.
const maxSoft = 16

func (t *tree) all() error {
	if t.f.base > 0 {
		t.layout.Notes = append(t.layout.Notes, "a user block of "+count(t.f.base)+" bytes is left out")
	}
	if err := t.group(t.f.root, ""); err != nil {
		return err
	}
	for i := range t.soft {
		s := &t.soft[i]
		if err := t.ctx.Err(); err != nil {
			return err
		}
		soft := maxSoft
		addr, ok := t.resolve(s.group, s.target, &soft)
		if !ok {
			t.dangling.add(tensor.Quote(s.path) + " to " + tensor.Quote(s.target))
			continue
		}
		if err := t.object(addr, s.path); err != nil {
			return err
		}
	}
	if len(t.attrs) > 0 {
		if t.layout.Attrs == nil {
			t.layout.Attrs = convert.Attrs{}
		}
		t.layout.Attrs[keyPrefix+"groups"] = t.attrs
	}
	t.aliases.note(t.layout, func(s string) string { return "groups with two names, whose tensors are listed once: " + s })
	t.dangling.note(t.layout, func(s string) string { return "soft links that lead nowhere: " + s })
	t.left.note(t.layout, func(s string) string { return s })
	return nil
}

// bad takes what is wrong with something called name. What is not supported is
// left out, and what is damaged if that is asked for.
func (t *tree) bad(name string, err error) error {
	if ctxErr := t.ctx.Err(); ctxErr != nil {
		return ctxErr
	}
	var e *tensor.Error
	if !errors.As(err, &e) {
		return err
	}
	own := *e
	own.Path, own.Format, own.Tensor = t.f.in.Path(), formatName, name
	if !t.skipBad && !errors.Is(err, tensor.ErrUnsupported) {
		return &own
	}
	t.layout.Skipped = append(t.layout.Skipped, &own)
	return nil
}

// object takes what is at addr under a path.
func (t *tree) object(addr uint64, path string) error {
	if was, ok := t.groups[addr]; ok {
		t.aliases.add(tensor.Quote(path) + " is " + tensor.Quote("/"+was))
		return nil
	}
	if s := t.sets[addr]; s != nil {
		return t.add(s, path)
	}
	o, err := t.f.object(addr)
	switch {
	case err != nil:
		return t.bad(path, err)
	case o.find(msgLayout) != nil || o.find(msgDataspace) != nil:
		s := t.dataset(o)
		t.sets[addr] = s
		return t.add(s, path)
	case o.isGroup():
		return t.group(addr, path)
	}
	return nil // a datatype with a name
}

// group goes through a group; the path of the root is "".
func (t *tree) group(addr uint64, path string) error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	t.groups[addr] = path
	name := path
	if path == "" {
		name = "/"
	}
	o, err := t.f.object(addr)
	if err == nil && !o.isGroup() {
		err = fail(tensor.ErrFormat, t.f.place(addr), "root", "no group", "a group")
	}
	var list []link
	if err == nil {
		list, err = t.f.links(o)
	}
	if err != nil {
		return t.bad(name, err)
	}
	if err := t.groupAttributes(o, path); err != nil {
		return err
	}
	o = nil // headers of large groups are not kept while their members are read
	byName := make(map[string]link, len(list))
	for _, l := range list {
		byName[l.name] = l
	}
	t.links[addr] = byName
	for _, l := range list {
		full := l.name
		if path != "" {
			full = path + "/" + l.name
		}
		switch {
		case l.kind == linkSoft:
			t.soft = append(t.soft, softLink{full, addr, l})
		case l.kind != linkHard:
			err = t.bad(full, fail(tensor.ErrUnsupported, -1, "link", l.String(), "an object of this file"))
		case len(full) > format.MaxName:
			err = t.bad(full[:format.MaxName], fail(tensor.ErrUnsupported, -1, "path", count(len(full))+" bytes", "at most "+count(format.MaxName)))
		default:
			err = t.object(l.addr, full)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// groupAttributes keeps those of the root as those of the file, and those of
// other groups by their paths.
func (t *tree) groupAttributes(o *object, path string) error {
	attrs, notes, err := t.f.attributes(o)
	if err != nil {
		return t.bad(path, err)
	}
	for _, n := range notes {
		t.left.add("group " + tensor.Quote("/"+path) + ": " + n)
	}
	switch {
	case attrs == nil:
	case path == "":
		t.layout.Attrs = attrs
	default:
		if t.attrs == nil {
			t.attrs = map[string]any{}
		}
		t.attrs[path] = map[string]any(attrs)
	}
	return nil
}

// resolve follows a path from a group, or from the root, through so many soft
// links.
func (t *tree) resolve(group uint64, path string, soft *int) (uint64, bool) {
	if strings.HasPrefix(path, "/") {
		group = t.f.root
	}
	at := group
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." {
			continue
		}
		l, ok := t.links[at][part]
		switch {
		case !ok:
			return 0, false
		case l.kind == linkHard:
			at = l.addr
		case l.kind == linkSoft && *soft > 0:
			*soft--
			if at, ok = t.resolve(at, l.target, soft); !ok {
				return 0, false
			}
		default:
			return 0, false
		}
	}
	return at, true
}

// set is the tensors of a dataset, without its path.
type set struct {
	tensors []convert.LayoutTensor // Name is what comes behind the path
	bad     []badPart
}

// badPart is a part of a dataset that cannot be read.
type badPart struct {
	name string
	err  error
}

// add adds the tensors of a dataset under a path.
func (t *tree) add(s *set, path string) error {
	for _, b := range s.bad {
		if err := t.bad(path+b.name, b.err); err != nil {
			return err
		}
	}
	for _, x := range s.tensors {
		x.Name = path + x.Name
		if err := format.CheckName(x.Name); err != nil {
			if err := t.bad(path, fail(tensor.ErrUnsupported, -1, "name", tensor.Quote(x.Name), "UTF-8 without control characters, at most "+count(format.MaxName)+" bytes")); err != nil {
				return err
			}
			continue
		}
		x.Attrs = maps.Clone(x.Attrs)
		t.layout.Tensors = append(t.layout.Tensors, x)
	}
	return nil
}

// dataset reads a dataset's description.
func (t *tree) dataset(o *object) *set {
	s := &set{}
	d, err := t.f.dataset(o, t.most)
	if err == nil {
		var notes []string
		if d.attrs, notes, err = t.f.attributes(o); err == nil {
			for _, n := range notes {
				t.left.add(n)
			}
			err = t.tensors(s, d)
		}
	}
	if err != nil {
		s.tensors, s.bad = nil, []badPart{{"", err}}
	}
	return s
}

// loadAtOpen is how many chunks' places are read at most when the file is
// opened, to know what is stored and to map what lies in order.
const loadAtOpen = 1 << 16

// tensors makes the tensors of a dataset.
func (t *tree) tensors(s *set, d *dataset) error {
	leaves, err := d.typ.leaves()
	if err != nil {
		return err
	}
	attrs := d.attributes()
	shape := tensor.Shape(d.space.dims)
	if d.space.null {
		shape = tensor.Shape{0}
	}
	n := d.space.elements()
	src := &source{f: t.f, size: n * d.typ.size}
	if n > 0 {
		if src, err = d.source(&t.loaded); err != nil {
			return err
		}
	}
	if d.typ.strings {
		x, err := newTexts(t.ctx, t.f, n, src)
		if err != nil {
			return err
		}
		y := x.tensor(t.layout, shape)
		y.Attrs = attrs
		s.tensors = append(s.tensors, y)
		return nil
	}
	storage := -1
	strides := src.strides
	if strides == nil {
		strides = cOrder(shape, d.typ.size)
	}
	for _, l := range leaves {
		name := ""
		for _, p := range l.path {
			name += "." + p
		}
		if l.typ.elem == (tensor.DType{}) {
			s.bad = append(s.bad, badPart{name, fail(tensor.ErrUnsupported, -1, "datatype", l.typ.name(), "numbers, text or opaque bytes")})
			continue
		}
		x := convert.LayoutTensor{
			Name: name, Storage: -1, Offset: l.at, DType: l.typ.elem, Order: l.typ.order, Attrs: l.typ.describe(maps.Clone(attrs)),
			Shape:   append(shape.Clone(), l.dims...),
			Strides: append(slices.Clone(strides), l.strides...),
		}
		if len(x.Shape) > tensor.MaxRank {
			s.bad = append(s.bad, badPart{name, fail(tensor.ErrLimit, -1, "rank", count(len(x.Shape)), "at most "+count(tensor.MaxRank))})
			continue
		}
		elements, err := x.Shape.NumElements()
		if err != nil {
			return err
		}
		if elements == 0 {
			x.Offset, x.Strides = 0, nil
		} else {
			if storage < 0 {
				storage = len(t.layout.Storages)
				t.layout.Storages = append(t.layout.Storages, src.storage(l.dims, len(l.path) == 0))
			}
			x.Storage = storage
		}
		s.tensors = append(s.tensors, x)
	}
	return nil
}
