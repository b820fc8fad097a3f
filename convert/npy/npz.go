package npy

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/zipfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// detectNpz takes a zip archive whose first member is called like an array.
func detectNpz(prefix []byte) bool {
	if len(prefix) < 30 || !bytes.HasPrefix(prefix, []byte("PK\x03\x04")) {
		return false
	}
	n := int(binary.LittleEndian.Uint16(prefix[26:]))
	return n <= len(prefix)-30 && strings.HasSuffix(string(prefix[30:30+n]), ".npy")
}

func openNpz(ctx context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
	if o == nil {
		o = &convert.ReadOptions{}
	}
	void2, err := checkVoid2(o.Void2)
	if err != nil {
		return nil, located(err, in, "npz", "")
	}
	a, err := zipfile.Open(in, in.Size(), &zipfile.Options{Format: "npz", Path: in.Path(), KeepBad: o.SkipBad})
	if err != nil {
		return nil, err
	}
	r := &npzReader{
		a: a, in: zipfile.NewWindow(in, in.Size()), void2: void2,
		trailing: o.AllowTrailing, maxHeader: o.MaxHeader,
		layout: &convert.Layout{Format: "npz"},
		owner:  make(map[string]*zipfile.Entry, len(a.Entries())),
	}
	entries := a.Entries()
	for i := range entries {
		e := &entries[i]
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := r.add(ctx, e); err != nil {
			err = located(err, in, "npz", e.Name)
			// Of one sparse array no part says anything without the others.
			if ctx.Err() != nil || !o.SkipBad || errors.Is(err, tensor.ErrIO) && likeScipy(entries) {
				return nil, err
			}
			r.layout.Skipped = append(r.layout.Skipped, err)
		}
	}
	name := o.Name
	if name == "" {
		name = stem(in.Path())
	} else if err := checkName(name); err != nil {
		return nil, located(err, in, "npz", "")
	}
	if err := r.scipy(ctx, in, name); err != nil {
		err = located(err, in, "npz", "")
		if ctx.Err() != nil || !o.SkipBad || errors.Is(err, tensor.ErrIO) { // what cannot be read says nothing
			return nil, err
		}
		r.layout.Skipped = append(r.layout.Skipped, err) // its members are still arrays
	}
	return r.layout, nil
}

// npzReader collects the layout of an archive.
type npzReader struct {
	a     *zipfile.Archive
	in    io.ReaderAt // for small reads at rising offsets
	void2 tensor.DType

	trailing  bool
	maxHeader int64

	layout *convert.Layout
	owner  map[string]*zipfile.Entry // by the name of a tensor
}

// add adds the array in e, or nothing if it fails.
func (r *npzReader) add(ctx context.Context, e *zipfile.Entry) error {
	if e.Err != nil {
		return e.Err
	}
	name := strings.TrimSuffix(e.Name, ".npy")
	if name == "" {
		return headerError(tensor.ErrPath, -1, "name", tensor.Quote(e.Name), "a name before the extension")
	}
	h, err := r.header(ctx, e)
	if err != nil {
		return err
	}
	if err := h.checkData(e.Size, r.trailing); err != nil {
		return err
	}
	l := r.layout
	list, err := h.tensors(name, len(l.Storages), r.void2)
	if err != nil {
		return err
	}
	for i, t := range list {
		if other := r.owner[t.Name]; other != nil {
			for _, t := range list[:i] {
				delete(r.owner, t.Name)
			}
			return headerError(tensor.ErrDuplicate, -1, "name", "tensor "+tensor.Quote(t.Name)+" from this member at offset "+count(e.Header)+" and from "+tensor.Quote(other.Name)+" at offset "+count(other.Header), "different names")
		}
		r.owner[t.Name] = e
	}
	s := convert.LayoutStorage{Offset: e.Offset + h.size, Size: h.data, Member: e.Name}
	if e.Method == zipfile.Deflated {
		a, skip := r.a, h.size
		s.Offset, s.StoredSize, s.Codec = e.Offset, e.StoredSize, "deflate"
		s.Open = func(ctx context.Context) (io.ReadCloser, error) { return openData(ctx, a, e, skip) }
	} else {
		l.Checks = append(l.Checks, convert.LayoutCheck{Offset: e.Offset, Size: e.Size, CRC32: e.CRC32, Member: e.Name})
	}
	l.Storages = append(l.Storages, s)
	l.Tensors = append(l.Tensors, list...)
	l.Notes = append(l.Notes, h.notes(r.void2, e.Name)...)
	return nil
}

func (r *npzReader) header(ctx context.Context, e *zipfile.Entry) (*header, error) {
	if e.Method == zipfile.Stored {
		return readHeader(io.NewSectionReader(r.in, e.Offset, e.Size), e.Size, r.maxHeader)
	}
	in, err := r.a.Open(ctx, e)
	if err != nil {
		return nil, err
	}
	h, err := readHeader(in, e.Size, r.maxHeader)
	if closeErr := in.Close(); err == nil {
		err = closeErr
	}
	return h, err
}

// openData opens the elements of a deflated member, which start at skip.
func openData(ctx context.Context, a *zipfile.Archive, e *zipfile.Entry, skip int64) (io.ReadCloser, error) {
	in, err := a.Open(ctx, e)
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, in, skip); err != nil {
		in.Close()
		if err == io.EOF {
			err = headerError(tensor.ErrChanged, -1, "header", "an end", count(skip)+" bytes")
		}
		return nil, err
	}
	return in, nil
}
