package convert

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

// openMember opens a file of a set. Tests count.
var openMember = Open

// member is an open file of a set.
type member struct {
	f *tensorfile.File
	d *Derived
	t *tensorfile.Tensor // as it is stored
	r *tensorfile.Tensor // the row that is made of it
}

func (m *member) close() error {
	if m.d != nil {
		m.d.Close()
	}
	return m.f.Close()
}

// member opens a file.
func (s *set) member(ctx context.Context, i int) (*member, error) {
	o := s.o.Open
	o.Verify, o.SkipBad, o.Name = tensorfile.VerifyOnFirstUse, false, ""
	f, err := openMember(ctx, s.names[i], &o)
	if err != nil {
		return nil, ofFile(err, s.shown(i))
	}
	m := &member{f: f}
	if err := m.derive(ctx, s.o.Each); err != nil {
		m.close()
		return nil, ofFile(err, s.shown(i))
	}
	return m, nil
}

// derive finds the one tensor of the file and what is made of it.
func (m *member) derive(ctx context.Context, each Operators) error {
	n := 0
	for t, err := range m.f.Tensors() {
		if err != nil {
			return err
		}
		m.t = t
		n++
	}
	if n != 1 {
		return &Error{Kind: tensorfile.ErrFormat, Offset: -1, Field: "tensors", Got: fmt.Sprint(n), Want: "one", Err: ErrNotOne}
	}
	m.r = m.t
	if each != nil {
		var err error
		if m.d, err = each.Derive(ctx, []Source{{m.t, m.t.Name()}}); err != nil {
			return err
		}
		if len(m.d.Tensors) != 1 {
			return fmt.Errorf("operators on a file of a set make %d tensors of one", len(m.d.Tensors))
		}
		m.r = m.d.Tensors[0].Tensor
	}
	if layout := layoutOf(m.r); layout != "" {
		return &Error{Kind: tensorfile.ErrUnsupported, Tensor: m.t.Name(), Offset: -1, Field: "layout", Got: layout, Want: "a dense tensor for stack"}
	}
	return nil
}

// ofFile says which file an error is about.
func ofFile(err error, name string) error {
	var e *Error
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &e):
		if e.Path == "" {
			e.Path = name
		}
		return err
	}
	return &Error{Kind: tensorfile.ErrIO, Path: name, Offset: -1, Err: err}
}

// classify finds the class of each file. Classes are numbered in the order of the
// bytes of their names, whatever becomes of their files.
func (s *set) classify() error {
	if s.o.Label == nil {
		return nil
	}
	number := map[string]int32{}
	s.labels = make([]int32, len(s.names))
	class := make([]string, len(s.names))
	for i, name := range s.names {
		c, err := s.o.Label(name)
		if err != nil {
			return ofFile(err, s.shown(i))
		}
		class[i] = c
		number[c] = 0
	}
	s.classes = slices.Sorted(maps.Keys(number))
	for i, c := range s.classes {
		number[c] = int32(i)
	}
	for i, c := range class {
		s.labels[i] = number[c]
	}
	return nil
}

// look opens all files and notes what they hold.
func (s *set) look(ctx context.Context) error {
	s.known = map[formKey]int32{}
	s.stored, s.row = make([]int32, len(s.names)), make([]int32, len(s.names))
	err := parallel.Each(s.workers, int64(len(s.names)), func(i int64) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := s.lookAt(ctx, int(i))
		if e := ctx.Err(); e != nil {
			return e
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.opened++
		if s.progress(SetProgress{Stage: Opening, Files: s.opened, Of: len(s.names)}); err == nil {
			return nil
		}
		s.bad[int(i)] = err
		if s.o.Open.SkipBad && !errors.Is(err, ErrNotOne) {
			return nil
		}
		return err
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		// Files are taken in order, and those that were begun were finished: the first
		// is always the same.
		for _, err := range s.skipped() {
			if !s.o.Open.SkipBad || errors.Is(err, ErrNotOne) {
				return err
			}
		}
	}
	return err
}

func (s *set) progress(p SetProgress) {
	if s.o.Progress != nil {
		s.o.Progress(p)
	}
}

// lookAt notes what one file holds.
func (s *set) lookAt(ctx context.Context, i int) error {
	m, err := s.member(ctx, i)
	if err != nil {
		return err
	}
	defer m.close()
	attrs, err := m.r.Attrs()
	if err != nil {
		return err
	}
	whole, err := m.f.Attrs()
	if err != nil {
		return err
	}
	var sum [sha256.Size]byte
	if s.o.Deterministic {
		if sum, err = digest(ctx, i, s.shown(i), m.f); err != nil {
			return ofFile(err, s.shown(i))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored[i], s.row[i] = s.form(m.t), s.form(m.r)
	s.size += m.f.Map().Size()
	for k := range sum {
		s.digest[k] ^= sum[k]
	}
	if !s.some {
		s.attrs, s.whole, s.some = maps.Clone(attrs), maps.Clone(whole), true
		return nil
	}
	keepCommon(s.attrs, attrs)
	keepCommon(s.whole, whole)
	return nil
}

// keepCommon leaves in a what b has, too.
func keepCommon(a, b Attrs) {
	maps.DeleteFunc(a, func(k string, v any) bool {
		w, ok := b[k]
		return !ok || !equalValues(v, w)
	})
}

// digest hashes the name and the bytes of the i-th file. The sum of all, bit by
// bit, tells lists of files from each other in whatever order they are read.
func digest(ctx context.Context, i int, name string, f *tensorfile.File) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	fmt.Fprintf(h, "%d %q\n", i, name)
	_, err = io.Copy(h, contextReader{ctx, io.NewSectionReader(f.Map(), 0, f.Map().Size())})
	return [sha256.Size]byte(h.Sum(nil)), err
}

// unlike is the error of a file that does not fit a set.
func (s *set) unlike(first, i int, want string) error {
	a, b := s.forms[s.row[first]], s.forms[s.row[i]]
	kind := tensorfile.ErrShape
	if a.dtype != b.dtype {
		kind = tensorfile.ErrDType
	}
	if want == "" {
		want = fmt.Sprintf("%v %v", a.dtype, a.shape)
	} else {
		want += fmt.Sprintf(": %v", a.shape)
	}
	return &Error{Kind: kind, Path: s.shown(i), Offset: -1, Field: "stack", Got: fmt.Sprintf("%v %v", b.dtype, b.shape), Want: want + ", as " + tensor.Quote(s.shown(first)) + " has"}
}

// odd returns the first file and the first that has another form.
func (s *set) odd(list []int) (first, other int) {
	for _, i := range list {
		if s.row[i] != s.row[list[0]] {
			return list[0], i
		}
	}
	return list[0], list[0]
}
