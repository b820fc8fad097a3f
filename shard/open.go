package shard

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() {
	convert.Register(convert.Format{
		Name:        Format,
		Extensions:  []string{Extension},
		Description: "index of a set of .tensor files, in JSON",
		Detect:      detect,
		Open:        open,
	})
}

// detect takes an object that says in its begin what it is.
func detect(prefix []byte) bool {
	p := bytes.TrimLeft(prefix, " \t\r\n")
	return len(p) > 0 && p[0] == '{' && bytes.Contains(p, []byte(`"`+schemaPrefix))
}

// readIndex reads the index that in holds.
func readIndex(in convert.Input) (*Index, error) {
	if in.Size() > maxIndex {
		return nil, &tensor.Error{Kind: tensor.ErrLimit, Format: Format, Offset: -1, Field: "index", Got: fmt.Sprintf("%d bytes", in.Size()), Want: fmt.Sprintf("at most %d", maxIndex)}
	}
	b := make([]byte, in.Size())
	if _, err := io.ReadFull(io.NewSectionReader(in, 0, in.Size()), b); err != nil {
		return nil, err
	}
	return Parse(b)
}

// open makes the layout of a set.
func open(ctx context.Context, in convert.Input, o *convert.ReadOptions) (*tensorfile.Layout, error) {
	m, ok := in.(*mmap.Map)
	if !ok {
		return nil, &tensor.Error{Kind: tensor.ErrUnsupported, Format: Format, Offset: -1, Field: "index", Got: "a part of another file", Want: "a file of its own"}
	}
	x, err := readIndex(in)
	if err != nil {
		return nil, err
	}
	s := &set{ctx: ctx, in: m, o: o, index: x, shards: make([]member, len(x.Shards)), ahead: make(chan struct{}, aheadAtATime)}
	l := &tensorfile.Layout{Format: Format, Version: schema[len(schemaPrefix):], Attrs: x.Attrs, Members: s, Tensors: make([]tensorfile.LayoutTensor, len(x.Tensors))}
	l.Notes = []string{strconv.Itoa(len(x.Shards)) + " shards"}
	if len(x.Shards) == 1 {
		l.Notes[0] = "1 shard"
	}
	for i := range x.Tensors {
		t := &x.Tensors[i]
		l.Tensors[i] = tensorfile.LayoutTensor{Name: t.Name, DType: t.DType, Shape: t.Shape, Attrs: t.Attrs, Storage: -1}
		if len(t.Parts) == 1 {
			l.Tensors[i].Of = func() (*tensorfile.Tensor, error) { return s.whole(i) }
			continue
		}
		size, err := tensor.ByteSize(t.DType, t.Shape)
		if err != nil {
			return nil, err
		}
		st := tensorfile.LayoutStorage{Size: size, StoredSize: t.Stored, Codec: t.Codec, Rows: make([]tensorfile.LayoutRows, len(t.Parts))}
		for k, p := range t.Parts {
			st.Rows[k] = tensorfile.LayoutRows{N: p.Rows, Open: func() (*tensorfile.Tensor, error) { return s.tensor(p.Shard, t.Name) }}
		}
		l.Tensors[i].Storage = len(l.Storages)
		l.Storages = append(l.Storages, st)
	}
	return l, nil
}

// A set is the shards of an index that is open.
type set struct {
	ctx   context.Context // for as long as the set is open
	in    *mmap.Map       // the index
	o     *convert.ReadOptions
	index *Index

	shards []member
	join   sync.Mutex // one shard is joined to the index at a time

	walk  sync.Mutex // guards next and steps
	next  int        // behind the tensor that was opened last
	steps int        // tensors that were opened in their order
	ahead chan struct{}
}

// aheadAtATime is how many shards are opened ahead of who goes through the tensors, and
// aheadTensors how many tensors are looked at for that.
const (
	aheadAtATime = 8
	aheadTensors = 1024
)

// whole opens tensor k of the index, which is in one shard. Who opens one after the
// other gets the shards of those that follow opened meanwhile.
func (s *set) whole(k int) (*tensorfile.Tensor, error) {
	s.walk.Lock()
	if s.steps++; k != s.next {
		s.steps = 0
	}
	s.next = k + 1
	inOrder := s.steps > 1
	s.walk.Unlock()
	if inOrder {
		s.openAhead(k + 1)
	}
	t := &s.index.Tensors[k]
	return s.tensor(t.Parts[0].Shard, t.Name)
}

// openAhead opens shards of tensors from k on. Who wants one that cannot be opened
// tries again, and hears why.
func (s *set) openAhead(k int) {
	for _, t := range s.index.Tensors[k:min(k+aheadTensors, len(s.index.Tensors))] {
		i := t.Parts[0].Shard
		m := &s.shards[i]
		if len(t.Parts) > 1 || m.file.Load() != nil || m.ahead.Load() {
			continue
		}
		select {
		case s.ahead <- struct{}{}:
		default:
			return
		}
		if m.ahead.Swap(true) {
			<-s.ahead
			continue
		}
		go func() {
			s.open(i)
			<-s.ahead
		}()
	}
}

// A member is a shard, which is opened when it is wanted first. One that cannot be
// opened is tried again by the next who wants it.
type member struct {
	mu    sync.Mutex
	file  atomic.Pointer[tensorfile.File]
	ahead atomic.Bool // it was opened before it was wanted, or that was tried
}

// tensor opens the tensor called name of shard i.
func (s *set) tensor(i int, name string) (*tensorfile.Tensor, error) {
	f, err := s.open(i)
	if err != nil {
		return nil, err
	}
	t, err := f.Tensor(name)
	var e *tensor.Error
	if errors.Is(err, tensor.ErrNotFound) && errors.As(err, &e) && e.Field == "" {
		e.Field, e.Got, e.Want = s.name(i), "no such tensor", "the one that the index names"
	}
	return t, err
}

// name is what errors call shard i.
func (s *set) name(i int) string { return fmt.Sprintf("shard %d of %d", i, len(s.shards)) }

// open opens shard i.
func (s *set) open(i int) (*tensorfile.File, error) {
	m := &s.shards[i]
	if f := m.file.Load(); f != nil {
		return f, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if f := m.file.Load(); f != nil {
		return f, nil
	}
	lease, err := s.in.Acquire() // the set stays open meanwhile
	if err != nil {
		return nil, err
	}
	defer lease.Release()
	f, err := s.openFile(i)
	if err != nil {
		return nil, err
	}
	s.join.Lock()
	s.in.Join(f.Map())
	s.join.Unlock()
	m.file.Store(f)
	return f, nil
}

// openFile opens the file of shard i and compares it with what the index says.
func (s *set) openFile(i int) (*tensorfile.File, error) {
	want := &s.index.Shards[i]
	m, err := s.o.OpenBeside(s.ctx, s.in, want.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &tensor.Error{Kind: tensor.ErrIO, Path: pathOf(err, want.Name), Offset: -1, Field: s.name(i), Got: "no file", Want: fmt.Sprintf("one of %d bytes, UUID %s", want.Size, want.UUID), Err: fs.ErrNotExist}
	}
	if err != nil {
		return nil, err
	}
	differs := func(kind error, field, got, want string) error {
		return &tensor.Error{Kind: kind, Path: m.Path(), Offset: -1, Field: s.name(i) + ": " + field, Got: got, Want: want}
	}
	if got := m.Size(); got != want.Size {
		kind := tensor.ErrChanged
		if got < want.Size {
			kind = tensor.ErrTruncated
		}
		err = differs(kind, "size", fmt.Sprintf("%d bytes", got), fmt.Sprintf("%d", want.Size))
		m.Close()
		return nil, err
	}
	f, err := s.o.OpenNative(m)
	if err != nil {
		return nil, err
	}
	if got := f.Info().UUID; got != want.UUID {
		err = differs(tensor.ErrChanged, "UUID", got, want.UUID)
		f.Close()
		return nil, err
	}
	return f, nil
}

// pathOf is the path that an error tells, or name.
func pathOf(err error, name string) string {
	var e *tensor.Error
	if errors.As(err, &e) && e.Path != "" {
		return e.Path
	}
	return name
}

// Size is the bytes of all shards, as the index says.
func (s *set) Size() int64 {
	n := int64(0)
	for _, sh := range s.index.Shards {
		n += min(sh.Size, 1<<62-n)
	}
	return n
}

// Check reports whether a shard that is open has changed.
func (s *set) Check() error {
	for i := range s.shards {
		if f := s.shards[i].file.Load(); f != nil {
			if err := f.Check(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Verify checks every shard as a file, and that it is the one that the index says:
// its hash, unless only a part is looked at, and its tensors.
func (s *set) Verify(ctx context.Context, o *tensorfile.VerifyOptions) (*tensorfile.Report, error) {
	all := &tensorfile.Report{}
	tensors := s.byShard()
	for i := range s.shards {
		if err := ctx.Err(); err != nil {
			return all, err
		}
		f, err := s.open(i)
		if err != nil {
			if ctx.Err() != nil {
				return all, ctx.Err()
			}
			all.Findings = append(all.Findings, err)
			continue
		}
		for _, k := range tensors[i] {
			if err := s.compare(f, i, k); err != nil {
				all.Findings = append(all.Findings, err)
			}
		}
		r, sum, err := s.verify(ctx, f, o)
		if r != nil {
			all.Storages += r.Storages
			all.Blocks += r.Blocks
			all.Bytes += r.Bytes
			all.Findings = append(all.Findings, r.Findings...)
			all.Unknown = append(all.Unknown, r.Unknown...)
		}
		if want := s.index.Shards[i].SHA256; err == nil && sum != nil && *sum != want {
			all.Findings = append(all.Findings, &tensor.Error{Kind: tensor.ErrChanged, Path: f.Path(), Offset: -1, Field: s.name(i) + ": SHA-256", Got: hex.EncodeToString(sum[:]), Want: hex.EncodeToString(want[:])})
		}
		if err != nil {
			if ctx.Err() != nil {
				return all, ctx.Err()
			}
			all.Findings = append(all.Findings, err)
		}
	}
	return all, nil
}

// verify checks the file of a shard, and gives the hash of its bytes unless only a part
// of them is looked at. What is not a file of this machine is read once for both.
func (s *set) verify(ctx context.Context, f *tensorfile.File, o *tensorfile.VerifyOptions) (r *tensorfile.Report, sum *[32]byte, err error) {
	if o != nil && (o.Quick || o.Sample > 0) {
		r, err = f.Verify(ctx, o)
		return r, nil, err
	}
	if f.Map().Local() {
		if r, err = f.Verify(ctx, o); err != nil {
			return r, nil, err
		}
		h, err := hashOf(ctx, f.Map())
		return r, &h, err
	}
	h := newHashed(f.Map())
	again, err := s.o.OpenNative(mmap.NewSource(h, f.Path()))
	if err != nil {
		return nil, nil, err
	}
	if r, err = again.Verify(ctx, o); err == nil {
		sum, err = h.sum(ctx)
	}
	return r, sum, cmp.Or(err, again.Close())
}

// byShard lists the tensors that each shard has something of.
func (s *set) byShard() [][]int {
	list := make([][]int, len(s.shards))
	for k := range s.index.Tensors {
		for _, p := range s.index.Tensors[k].Parts {
			list[p.Shard] = append(list[p.Shard], k)
		}
	}
	return list
}

// compare compares tensor k of the index with what shard i has of it.
func (s *set) compare(f *tensorfile.File, i, k int) error {
	t := &s.index.Tensors[k]
	x, err := s.tensor(i, t.Name)
	if err != nil {
		return err
	}
	want := t.Shape.Clone()
	for _, p := range t.Parts {
		if p.Shard == i && p.Rows > 0 {
			want[0] = p.Rows
		}
	}
	layout := layoutOf(x)
	if x.DType() != t.DType || !slices.Equal(x.Shape(), want) || layout != t.Layout {
		return &tensor.Error{Kind: tensor.ErrFormat, Path: f.Path(), Tensor: t.Name, Offset: -1, Field: s.name(i) + ": tensor", Got: fmt.Sprintf("%v %v %s", x.DType(), x.Shape(), layout), Want: fmt.Sprintf("%v %v %s", t.DType, want, t.Layout)}
	}
	return nil
}

// layoutOf is the name of a composite's layout, "" of a dense tensor.
func layoutOf(t *tensorfile.Tensor) string {
	n, _, ok := t.Composite()
	if !ok {
		return ""
	}
	if name := format.LayoutName(n); name != "" {
		return name
	}
	return "layout " + strconv.Itoa(int(n))
}

// hashOf is the SHA-256 of all bytes of a file.
func hashOf(ctx context.Context, m *mmap.Map) (sum [32]byte, err error) {
	h := sha256.New()
	buf := make([]byte, min(m.Size(), 4<<20))
	for at := int64(0); at < m.Size(); at += int64(len(buf)) {
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		b := buf[:min(int64(len(buf)), m.Size()-at)]
		if _, err := m.ReadAt(b, at); err != nil {
			return sum, err
		}
		h.Write(b)
	}
	h.Sum(sum[:0])
	return sum, nil
}

// Describe looks at the .tensor file at path, a shard to be, and returns the index of
// a set of it alone. path may be an address of a scheme that the program has. All
// bytes are read, for their hash; ctx ends it.
func Describe(ctx context.Context, path string, o *tensorfile.OpenOptions) (*Index, error) {
	open := &convert.OpenOptions{Format: format.Name}
	if o != nil {
		open.OpenOptions = *o
	}
	f, err := convert.Open(ctx, path, open)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	x, err := indexOf(f, baseName(path))
	if err != nil {
		return nil, err
	}
	if x.Shards[0].SHA256, err = hashOf(ctx, f.Map()); err != nil {
		return nil, err
	}
	return x, f.Check()
}

// indexOf is the index of a set of f alone, whose file is called name, but for its hash.
func indexOf(f *tensorfile.File, name string) (*Index, error) {
	if !convert.PlainName(name) {
		return nil, &tensor.Error{Kind: tensor.ErrPath, Path: f.Path(), Offset: -1, Field: "shard", Got: tensor.Quote(name), Want: "a file with a plain name"}
	}
	x := &Index{Shards: []Shard{{Name: name, Size: f.Map().Size(), UUID: f.Info().UUID}}}
	var err error
	if x.Attrs, err = f.Attrs(); err != nil {
		return nil, err
	}
	for t, err := range f.Tensors() {
		if err != nil {
			return nil, err
		}
		d := Tensor{Name: t.Name(), DType: t.DType(), Shape: t.Shape().Clone(), Layout: layoutOf(t), Parts: []Part{{}}}
		if d.Attrs, err = t.Attrs(); err != nil {
			return nil, err
		}
		if d.Layout == "" {
			st := t.Storage()
			d.Stored, d.Codec = st.Stored, st.Codec
		}
		x.Tensors = append(x.Tensors, d)
	}
	return x, nil
}
