// Package torch reads files that torch.save of PyTorch wrote, without PyTorch,
// without Python, and without executing what they ask for. Importing it registers
// the format "torch" with package convert.
//
// A file is a zip archive: a pickle, which says what was saved, and a member for
// each storage, the bytes that tensors are views of. Tensors here are views of the
// same bytes, mapped where they are: offsets, strides and storages that several
// tensors share are kept exactly. torch.save aligns storages at 64 bytes.
//
// # What is read of the pickle
//
// A pickle is a program. The machine here knows numbers, strings, bytes, lists,
// tuples, sets, dicts, ordered dicts, torch.Size, tensors, parameters and buffers.
// Every other class or function is refused by its name, and nothing is called for
// it: an attempt to run os.system is an entry in the list of what was skipped.
// What was saved beside it is read (ReadOptions.SkipBad; without it the file is
// refused). Quantised, sparse and meta tensors, and classes of other modules, are
// refused in this way; so are whole modules (torch.save(model)), whose state_dict
// is what to save.
//
// Opcodes beyond those, protocols above 5, values that are nested deeper than 64 or
// met again and again, and a pickle of more than 256 MiB are refused. Values take
// at most 16 MiB and twenty times the pickle of memory, about.
//
// # Names
//
// The keys and indices that lead to a tensor, joined by dots, are its name:
//
//	{"epoch": 7, "state_dict": {"fc.weight": T}, "shapes": [T, T]}
//
// holds state_dict.fc.weight, shapes.0 and shapes.1. A tensor that was saved alone
// is called like the file. Two tensors of one name are an error. Numbers, bools
// and strings become attributes of the file, named in the same way.
//
// # Older files
//
// Before version 1.6 PyTorch wrote a format without zip; it is recognised, and
// refused with the advice to save the file again. So is TorchScript.
package torch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/zipfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

const formatName = "torch"

// Limits.
const (
	maxPickle = 256 << 20
	maxDepth  = 64
)

const pickleName = "/data.pkl"

func init() {
	convert.Register(convert.Format{
		Name:        formatName,
		Extensions:  []string{".pt", ".pth"},
		Description: "PyTorch file (torch.save), read without executing anything",
		Detect:      detect,
		Open:        open,
	})
}

// legacy is how files begin that PyTorch wrote before 1.6: a pickle of a number
// of ten bytes.
var legacy = []byte("\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.")

// detect takes a zip archive whose first member is the pickle, as torch.save
// writes it.
func detect(prefix []byte) bool {
	if bytes.HasPrefix(prefix, legacy) {
		return true
	}
	if len(prefix) < 30 || !bytes.HasPrefix(prefix, []byte("PK\x03\x04")) {
		return false
	}
	n := int(prefix[26]) | int(prefix[27])<<8
	return n <= len(prefix)-30 && bytes.HasSuffix(prefix[30:30+n], []byte(pickleName))
}

func open(ctx context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
	if o == nil {
		o = &convert.ReadOptions{}
	}
	head := make([]byte, min(in.Size(), int64(len(legacy))))
	if _, err := io.ReadFull(io.NewSectionReader(in, 0, int64(len(head))), head); err != nil {
		return nil, err
	}
	if bytes.Equal(head, legacy) {
		return nil, &tensor.Error{Kind: tensor.ErrUnsupported, Format: formatName, Offset: 0, Field: "format", Got: "that of PyTorch before 1.6", Want: "a zip archive: torch.save(torch.load(old, weights_only=True), new) makes one"}
	}
	a, err := zipfile.Open(in, in.Size(), &zipfile.Options{Format: formatName, Path: in.Path(), KeepBad: o.SkipBad, MaxInflated: maxInflated(in.Size())})
	if err != nil {
		return nil, err
	}
	f := &file{a: a, r: &rebuilder{members: map[string]*zipfile.Entry{}}, order: tensor.LittleEndian,
		layout: &convert.Layout{Format: formatName}, names: map[string]bool{}, stored: map[*zipfile.Entry]int{}, skip: o.SkipBad}
	pickle, err := f.directory(ctx)
	if err != nil {
		return nil, err
	}
	root, err := f.unpickle(ctx, pickle)
	if err != nil {
		return nil, inMember(err, pickle.Name)
	}
	name := o.Name
	if name == "" {
		name = strings.TrimSuffix(filepath.Base(in.Path()), filepath.Ext(in.Path()))
		if format.CheckName(name) != nil {
			name = "tensor"
		}
	}
	if err := f.flatten(ctx, root, name); err != nil {
		return nil, inMember(err, pickle.Name)
	}
	return f.layout, nil
}

// maxInflated is what members that are compressed may come to.
func maxInflated(size int64) int64 { return max(1<<30, min(size, 1<<50)*64) }

// file is a file that is being read.
type file struct {
	a      *zipfile.Archive
	r      *rebuilder
	order  tensor.ByteOrder
	layout *convert.Layout
	names  map[string]bool
	stored map[*zipfile.Entry]int // storages of the layout
	skip   bool
	things int // that the flattening may still meet
	attrs  int // bytes of attributes, about
	full   bool
}

// directory finds the members and returns the pickle.
func (f *file) directory(ctx context.Context) (*zipfile.Entry, error) {
	var pickle *zipfile.Entry
	entries := f.a.Entries()
	for i := range entries {
		e := &entries[i]
		if e.Err != nil && f.skip {
			f.layout.Skipped = append(f.layout.Skipped, e.Err)
		}
		f.r.members[e.Name] = e
		if prefix, ok := strings.CutSuffix(e.Name, pickleName); ok && !strings.Contains(prefix, "/") {
			if pickle != nil {
				return nil, bad(tensor.ErrDuplicate, "pickle", tensor.Quote(pickle.Name)+" and "+tensor.Quote(e.Name), "one")
			}
			pickle, f.r.prefix = e, prefix+"/"
		}
	}
	if pickle == nil {
		return nil, bad(tensor.ErrFormat, "pickle", "no member called "+tensor.Quote("NAME"+pickleName), "one")
	}
	if pickle.Err != nil {
		return nil, pickle.Err
	}
	if f.r.members[f.r.prefix+"constants.pkl"] != nil {
		return nil, bad(tensor.ErrUnsupported, "format", "TorchScript", "a file of torch.save: torch.save(torch.jit.load(old).state_dict(), new) makes one")
	}
	var err error
	if f.layout.Version, err = f.text(ctx, "version"); err != nil {
		return nil, err
	}
	switch order, err := f.text(ctx, "byteorder"); {
	case err != nil:
		return nil, err
	case order == "big":
		f.order = tensor.BigEndian
	case order != "" && order != "little":
		return nil, inMember(bad(tensor.ErrFormat, "byte order", tensor.Quote(order), "little or big"), f.r.prefix+"byteorder")
	}
	return pickle, nil
}

// text reads a small member; "" if there is none.
func (f *file) text(ctx context.Context, name string) (string, error) {
	e := f.r.members[f.r.prefix+name]
	if e == nil || e.Size > 64 {
		return "", nil
	}
	b, err := f.read(ctx, e)
	return strings.TrimSpace(string(b)), err
}

func (f *file) read(ctx context.Context, e *zipfile.Entry) ([]byte, error) {
	in, err := f.a.Open(ctx, e)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var b bytes.Buffer // grows with what is there, not with what is promised
	_, err = b.ReadFrom(in)
	return b.Bytes(), err
}

func (f *file) unpickle(ctx context.Context, e *zipfile.Entry) (any, error) {
	if e.Size > maxPickle {
		return nil, bad(tensor.ErrLimit, "pickle", count(e.Size), "at most "+count(maxPickle))
	}
	b, err := f.read(ctx, e)
	if err != nil {
		return nil, err
	}
	// What is shared is met again. More than the pickle has bytes is no data.
	f.things = 1<<16 + 4*len(b)
	m := &machine{ctx: ctx, b: b, call: f.r.call, persistent: f.r.persistent}
	return m.run()
}

// flatten adds the tensors that root holds to the layout.
func (f *file) flatten(ctx context.Context, root any, alone string) error {
	f.layout.Attrs = convert.Attrs{}
	if a, ok := root.(*array); ok {
		return f.array(a, alone)
	}
	return f.walk(ctx, root, "", 0)
}

// walk adds what v holds, whose path is given.
func (f *file) walk(ctx context.Context, v any, path string, depth int) error {
	if f.things--; f.things < 0 {
		return bad(tensor.ErrLimit, "values", "the same again and again", "fewer than four for each byte of the pickle")
	}
	if f.things&0xfff == 0 && ctx.Err() != nil {
		return ctx.Err()
	}
	if depth > maxDepth {
		return bad(tensor.ErrLimit, "nesting", "more, or a value that holds itself", "at most "+strconv.Itoa(maxDepth))
	}
	at := func(key string) string {
		if path == "" {
			return key
		}
		return path + "." + key
	}
	switch v := v.(type) {
	case *array:
		return f.skipped(f.array(v, path), path)
	case *dict:
		for i, k := range v.keys {
			var key string
			switch k := k.(type) {
			case string:
				key = k
			case int64:
				key = strconv.FormatInt(k, 10)
			case bool:
				key = strconv.FormatBool(k)
			default:
				err := bad(tensor.ErrUnsupported, "key", fmt.Sprintf("%T", k), "a string or an integer")
				if err := f.skipped(err, path); err != nil {
					return err
				}
				continue
			}
			if err := f.walk(ctx, v.values[i], at(key), depth+1); err != nil {
				return err
			}
		}
	case *list:
		for i, x := range v.items {
			if err := f.walk(ctx, x, at(strconv.Itoa(i)), depth+1); err != nil {
				return err
			}
		}
	case *refused:
		return f.skipped(bad(tensor.ErrUnsupported, "pickle", v.what, "tensors, containers and plain values"), path)
	case global:
		if _, ok := dtypes[v.name]; ok && v.module == "torch" {
			f.attribute(path, v.String())
			return nil
		}
		return f.skipped(bad(tensor.ErrUnsupported, "pickle", v.String(), "tensors, containers and plain values"), path)
	case bool, int64, float64, string:
		f.attribute(path, v)
	}
	return nil
}

// skipped puts an error of one value into the list of what was left out, if that
// is allowed.
func (f *file) skipped(err error, name string) error {
	var e *tensor.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	if e.Tensor == "" {
		e.Tensor = name
	}
	if !f.skip || e.Kind == tensor.ErrLimit {
		return err
	}
	e.Member = f.r.prefix + "data.pkl"
	if len(f.layout.Skipped) < 1000 {
		f.layout.Skipped = append(f.layout.Skipped, err)
	}
	return nil
}

// attribute keeps a plain value, as far as attributes go.
func (f *file) attribute(name string, v any) {
	n := len(name) + 16
	if s, ok := v.(string); ok {
		n += len(s)
	}
	if f.full || f.attrs+n > format.MaxAttrBytes/4 || len(f.layout.Attrs) >= format.MaxAttrCount/4 {
		if !f.full {
			f.layout.Notes = append(f.layout.Notes, "more plain values than attributes hold: those from "+tensor.Quote(name)+" on are left out")
		}
		f.full = true
		return
	}
	f.attrs += n
	f.layout.Attrs[name] = v
}

// array adds a tensor.
func (f *file) array(a *array, name string) error {
	if err := format.CheckName(name); err != nil {
		e := *err.(*tensor.Error)
		e.Format, e.Rule = formatName, ""
		return &e
	}
	if f.names[name] {
		return bad(tensor.ErrDuplicate, "name", "it twice", "each name once")
	}
	t := convert.LayoutTensor{Name: name, Storage: -1, DType: a.dtype, Shape: a.shape, Order: f.order}
	width := int64(a.dtype.UnitBytes)
	units := tensor.Shape(a.shape)
	n, err := units.NumElements()
	if err != nil {
		return err
	}
	if a.packed {
		t.Shape = slices.Clone(a.shape)
		t.Shape[len(t.Shape)-1] *= int64(a.dtype.UnitElems)
	}
	if n > 0 {
		// The last byte that is shown, in elements: each step is checked.
		last := a.offset
		t.Strides = make(tensor.Strides, len(a.strides))
		for i, s := range a.strides {
			steps := a.shape[i] - 1
			if s > (1<<62)/width || steps > 0 && s > ((1<<62)/width-last)/steps {
				return bad(tensor.ErrOverflow, "stride", fmt.Sprint(a.strides), "places below 2^62")
			}
			last += s * steps
			t.Strides[i] = s * width
		}
		if last >= a.storage.size/width {
			return bad(tensor.ErrTruncated, "storage", fmt.Sprintf("%d bytes", a.storage.size), fmt.Sprintf("element %d of %v", last, a.dtype))
		}
		t.Offset = a.offset * width
		t.Storage = f.store(a.storage.entry)
	}
	f.names[name] = true
	f.layout.Tensors = append(f.layout.Tensors, t)
	return nil
}

// store is the number in the layout of the member that has a storage.
func (f *file) store(e *zipfile.Entry) int {
	if i, ok := f.stored[e]; ok {
		return i
	}
	l := f.layout
	x := convert.LayoutStorage{Offset: e.Offset, Size: e.Size, Member: e.Name}
	if e.Method == zipfile.Deflated {
		x.StoredSize, x.Codec = e.StoredSize, "deflate"
		x.Open = func(ctx context.Context) (io.ReadCloser, error) { return f.a.Open(ctx, e) }
	} else {
		l.Checks = append(l.Checks, convert.LayoutCheck{Offset: e.Offset, Size: e.Size, CRC32: e.CRC32, Member: e.Name})
	}
	f.stored[e] = len(l.Storages)
	l.Storages = append(l.Storages, x)
	return f.stored[e]
}

func inMember(err error, member string) error {
	var e *tensor.Error
	if errors.As(err, &e) && e.Member == "" {
		e.Member = member
	}
	return err
}

func count(n int64) string { return strconv.FormatInt(n, 10) + " bytes" }
