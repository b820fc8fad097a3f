package tensorfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// A Tensor is an open tensor of a File: its description, and ways to its
// elements. It costs no I/O beyond its catalog entry. All methods are safe for
// concurrent use; after the file is closed those that reach elements fail.
type Tensor struct {
	f       *File
	name    string
	dtype   tensor.DType
	shape   tensor.Shape
	strides tensor.Strides
	offset  int64
	st      storage

	plain  []byte  // the elements, if a slice of a Go type can show them
	goType uintptr // cast.TypeOf that Go type

	attrs   *attrs                 // nil: none
	foreign *LayoutTensor          // of a composite of a foreign file
	reach   atomic.Pointer[access] // nil: not asked for yet

	generation  uint64
	layoutFlags uint32
	layout      uint16
	kind        format.Kind
	order       tensor.ByteOrder
}

// access is the way to the elements in memory: a view on the mapping, or why
// there is none. Most tensors of a large file are listed and never viewed.
type access struct {
	view tensor.View
	err  error
}

// attrs are a tensor's attributes, parsed when they are asked for.
type attrs struct {
	sync.Once
	raw []byte
	at  int64
	m   Attrs
	err error
}

// storage is what every access needs of a StorageInfo.
type storage struct {
	ID     uint64
	Offset int64
	Size   int64
	sums   format.Ref   // native raw: payload or list of block sums
	more   *StorageInfo // nil: there is nothing more to tell
	Kind   StorageKind
	block  uint8
}

// StorageKind says how a tensor's bytes are kept.
type StorageKind uint8

const (
	// StorageNone is that of a tensor without elements, and of composites.
	StorageNone StorageKind = iota
	// StorageRaw is plain bytes in one extent.
	StorageRaw
	// StorageGrid is a grid of chunks.
	StorageGrid
	// StorageEncoded is a stream that decodes as a whole, in foreign files.
	StorageEncoded
	// StorageRows is the rows of tensors of other files, in sets of shards.
	StorageRows
)

func (k StorageKind) String() string {
	return [...]string{"none", "raw", "grid", "encoded", "rows"}[k]
}

// StorageInfo says where the bytes of a tensor are. Tensors of one file with
// equal IDs share them.
type StorageInfo struct {
	ID     uint64 // 0: none
	Kind   StorageKind
	Offset int64        // of the payload in the file; 0 for a grid
	Size   int64        // logical bytes
	Stored int64        // bytes in the file
	Codec  string       // of a grid: its pipelines, a line each, none if all chunks are raw
	Chunk  tensor.Shape // of a grid, by the axes of the stored image
	Member string       // of an archive

	grid *grid
	rows []LayoutRows
}

// Ratio is stored bytes by logical bytes; 1 for a storage without bytes.
func (s *StorageInfo) Ratio() float64 {
	if s.Size == 0 {
		return 1
	}
	return float64(s.Stored) / float64(s.Size)
}

// slab gives out tensors and their axes from pieces of memory that many share.
// One for a single tensor is nil.
type slab struct {
	tensors []Tensor
	axes    []int64
	size    int

	dtype  tensor.DType // the last that was looked up
	goType uintptr
	record format.StorageRecord // of the tensor being made
}

// slabTensors is the number of tensors in a piece of memory. A tensor that is
// kept keeps as many.
const slabTensors = 32

func (s *slab) tensor(axes int) (*Tensor, []int64) {
	if s == nil {
		const few = 8
		x := new(struct {
			t    Tensor
			axes [few]int64
		})
		if axes > few {
			return &x.t, make([]int64, axes)
		}
		return &x.t, x.axes[:axes:axes]
	}
	if len(s.tensors) == 0 {
		s.size = min(max(2*s.size, 4), slabTensors)
		s.tensors = make([]Tensor, s.size)
	}
	if len(s.axes) < axes {
		s.axes = make([]int64, max(axes, 4*s.size))
	}
	t, a := &s.tensors[0], s.axes[:axes:axes]
	s.tensors, s.axes = s.tensors[1:], s.axes[axes:]
	return t, a
}

// goTypeOf is goTypes[d], which files of many tensors ask for again and again.
func (s *slab) goTypeOf(d tensor.DType) uintptr {
	if s == nil {
		return goTypes[d]
	}
	if s.dtype != d {
		s.dtype, s.goType = d, goTypes[d]
	}
	return s.goType
}

// nativeTensor makes a Tensor of a record, which it does not keep, in memory
// of m, which may be nil.
func (f *File) nativeTensor(rec *format.TensorRecord, m *slab) (*Tensor, error) {
	rank := len(rec.Shape)
	t, axes := m.tensor(2 * rank)
	copy(axes, rec.Shape)
	copy(axes[rank:], rec.Strides)
	t.f, t.name, t.dtype, t.offset = f, rec.Name, rec.DType, rec.Offset
	t.shape, t.strides = axes[:rank:rank], axes[rank:]
	t.kind, t.layout, t.layoutFlags, t.generation = rec.Kind, rec.Layout, rec.LayoutFlags, rec.Generation
	if rec.Attrs != nil {
		t.attrs = &attrs{raw: append([]byte(nil), rec.Attrs...), at: rec.AttrsAt}
	}
	if rec.Kind != format.KindDense {
		return t, nil
	}
	var one format.StorageRecord
	s := &one
	if m != nil {
		s = &m.record
	}
	if err := f.bindIn(f.cat, rec, s); err != nil {
		return nil, err
	}
	t.st = storage{ID: s.ID, Kind: StorageKind(s.Kind), Offset: s.Payload, Size: s.Size, sums: s.Ref, block: s.Block}
	if s.Kind == format.StorageGrid {
		t.st.more = &StorageInfo{Stored: s.Stored, Codec: s.Pipelines, Chunk: s.Chunk, grid: f.gridOf(s)}
	}
	t.setPlain(m)
	return t, nil
}

// bind finds the storage of a dense record and checks that the record's view
// stays inside it.
func (f *File) bind(cat *format.Catalog, rec *format.TensorRecord) (s format.StorageRecord, err error) {
	err = f.bindIn(cat, rec, &s)
	return s, err
}

// bindIn is bind into memory of the caller.
func (f *File) bindIn(cat *format.Catalog, rec *format.TensorRecord, s *format.StorageRecord) error {
	bad := func(rule, got, want string) error {
		return &Error{Kind: ErrCorrupt, Format: format.Name, Offset: rec.At, Field: "storage id", Got: got, Want: want, Rule: rule}
	}
	if rec.Storage != 0 {
		found, err := cat.Storage(rec.Storage, s)
		if err != nil {
			return err
		}
		if !found {
			return bad(format.RuleTensorStorage, fmt.Sprint(rec.Storage), "a storage of this generation")
		}
	} else {
		*s = format.StorageRecord{}
		if n, _ := rec.Shape.NumElements(); n != 0 {
			return bad(format.RuleViewNoBytes, "0", "a storage for a tensor with elements")
		}
	}
	if s.Kind != format.StorageGrid && plainView(rec, s.Size) {
		return nil
	}
	if err := tensor.CheckView(rec.DType, rec.Shape, rec.Strides, rec.Offset, s.Size); err != nil {
		var e *Error
		if errors.As(err, &e) {
			e.Format, e.Offset = format.Name, rec.At
		}
		return err
	}
	if s.Kind == format.StorageGrid {
		return format.CheckGridView(rec, s)
	}
	return nil
}

// plainView reports whether rec is a tensor in C order without gaps inside size
// bytes: for these, tensor.CheckView would find nothing.
func plainView(rec *format.TensorRecord, size int64) bool {
	d := rec.DType
	if d.UnitElems != 1 || d.Class == tensor.ClassBlock || rec.Offset%int64(d.Align()) != 0 {
		return false
	}
	n := uint64(d.UnitBytes)
	for i := len(rec.Shape) - 1; i >= 0; i-- {
		e := rec.Shape[i]
		if e <= 0 || rec.Strides[i] != int64(n) {
			return false
		}
		var over uint64
		if over, n = bits.Mul64(n, uint64(e)); over != 0 || n > uint64(size) {
			return false
		}
	}
	return n <= uint64(size) && rec.Offset <= size-int64(n)
}

// foreignAt opens tensor i of a layout.
func (f *File) foreignAt(i int, m *slab) (*Tensor, error) {
	l := &f.layout.Tensors[i]
	if l.Of == nil {
		return f.foreignTensor(l, l.Name, m), nil
	}
	t, err := l.Of()
	if err == nil && (t.dtype != l.DType || !t.shape.Equal(l.Shape)) {
		err = &Error{Kind: ErrFormat, Path: t.f.Path(), Offset: -1, Field: "tensor", Got: describe(t.dtype, t.shape), Want: describe(l.DType, l.Shape) + ", as " + tensor.Quote(f.Path()) + " says"}
	}
	if err != nil {
		return nil, located(err, f.Path(), l.Name)
	}
	return t, nil
}

// foreignTensor opens a tensor of a layout, or a part of one, whose name is its
// key then, in memory of m, which may be nil.
func (f *File) foreignTensor(l *LayoutTensor, name string, m *slab) *Tensor {
	var t *Tensor
	if m == nil {
		t = new(Tensor)
	} else {
		t, _ = m.tensor(0)
	}
	*t = Tensor{
		f: f, name: name, dtype: l.DType, shape: l.Shape, strides: l.Strides, offset: l.Offset, order: l.Order,
		kind: format.KindDense,
	}
	if l.Layout != 0 {
		t.kind, t.layout, t.layoutFlags, t.foreign = format.KindComposite, l.Layout, l.Flags, l
	}
	if l.Attrs != nil {
		t.attrs = &attrs{m: l.Attrs}
	}
	if l.Storage >= 0 {
		s := &f.layout.Storages[l.Storage]
		t.f = f.bySource[s.Source]
		t.st = storage{ID: uint64(l.Storage) + 1, Kind: StorageRaw, Offset: s.Offset, Size: s.Size}
		switch {
		case s.Rows != nil:
			t.f = f
			t.st.Kind = StorageRows
			t.st.more = &StorageInfo{Stored: s.StoredSize, Codec: s.Codec, rows: s.Rows}
			return t
		case s.Open != nil:
			t.st.Kind = StorageEncoded
		}
		if s.Open != nil || s.Codec != "" || s.Member != "" || s.StoredSize != s.Size {
			t.st.more = &StorageInfo{Stored: s.StoredSize, Codec: s.Codec, Member: s.Member}
			if g := f.foreignGrid(l, s); g != nil {
				t.st.more.Chunk, t.st.more.grid = g.rec.Chunk, g
			}
		}
	}
	t.setPlain(m)
	return t
}

// setPlain finds the bytes that a slice of a Go type can show without a look
// at anything but the type. Such a slice costs nothing to make.
func (t *Tensor) setPlain(s *slab) {
	d := t.dtype
	if t.st.Kind != StorageRaw || t.f.opts.Verify != VerifyOnDemand || d.UnitElems > 1 || d.Class == tensor.ClassBool || t.order != tensor.HostOrder && d.UnitBytes > 1 {
		return
	}
	n := int64(d.UnitBytes)
	for i := len(t.shape) - 1; i >= 0; i-- {
		switch e := t.shape[i]; {
		case e == 0 || e > 1 && t.strides[i] != n:
			return
		default:
			n *= e // at most the size of the storage
		}
	}
	if m := t.f.m.Bytes(); t.st.Size <= int64(len(m)) && t.st.Offset <= int64(len(m))-t.st.Size {
		begin := t.st.Offset + t.offset
		t.plain, t.goType = m[begin:begin+n:begin+n], s.goTypeOf(d)
	}
}

// access returns the way to the elements, which it makes when it is first
// asked for.
func (t *Tensor) access() *access {
	if a := t.reach.Load(); a != nil {
		return a
	}
	a := new(access)
	closed := false
	a.view, closed, a.err = t.makeView()
	if !closed {
		t.reach.Store(a)
	}
	return a
}

// makeView makes the view on the mapping, or the error that says why there is
// none.
func (t *Tensor) makeView() (v tensor.View, closed bool, err error) {
	fail := func(kind error, field, got, want string) error {
		return &Error{Kind: kind, Path: t.f.Path(), Format: t.format(), Tensor: t.name, Offset: -1, Field: field, Got: got, Want: want}
	}
	if t.kind != format.KindDense {
		return v, false, fail(tensor.ErrEncoded, "layout", fmt.Sprintf("composite layout %d", t.layout), "a dense tensor")
	}
	var data []byte
	switch t.st.Kind {
	case StorageNone:
	case StorageRaw:
		if t.st.Size == 0 {
			break
		}
		m := t.f.m.Bytes()
		switch {
		case m == nil && t.f.mapped:
			return v, true, &Error{Kind: ErrClosed, Path: t.f.Path(), Offset: -1}
		case m == nil:
			return v, false, fail(ErrNotMapped, "view", "a file that is not mapped ("+t.f.reason+")", "Read, which copies")
		case t.st.Size > int64(len(m)) || t.st.Offset > int64(len(m))-t.st.Size:
			return v, false, fail(ErrNotMapped, "view", "bytes beyond the mapping", "Read, which copies")
		}
		end := t.st.Offset + t.st.Size
		data = m[t.st.Offset:end:end]
	case StorageRows:
		return v, false, fail(ErrNotMapped, "view", "rows in several files", "Read, which copies")
	default:
		return v, false, fail(tensor.ErrEncoded, "view", t.st.Kind.String()+" bytes ("+t.Storage().Codec+")", "Read, which decodes")
	}
	v, err = tensor.NewView(data, t.dtype, t.shape, t.strides, t.offset, t.order)
	return v, false, located(err, t.f.Path(), t.name)
}

func (t *Tensor) format() string {
	if t.f.layout != nil {
		return t.f.layout.Format
	}
	return format.Name
}

// Name of the tensor.
func (t *Tensor) Name() string { return t.name }

// File that the tensor is of.
func (t *Tensor) File() *File { return t.f }

// DType of the elements.
func (t *Tensor) DType() tensor.DType { return t.dtype }

// Shape in elements. It must not be changed.
func (t *Tensor) Shape() tensor.Shape { return t.shape }

// Strides in bytes between units. They must not be changed.
func (t *Tensor) Strides() tensor.Strides { return t.strides }

// Offset in bytes from the begin of the storage to element (0, ..., 0).
func (t *Tensor) Offset() int64 { return t.offset }

// Order is the byte order of the stored elements; native files are little.
func (t *Tensor) Order() tensor.ByteOrder { return t.order }

// NumElements is the number of elements.
func (t *Tensor) NumElements() int64 {
	n, _ := t.shape.NumElements() // was checked when the tensor was opened
	return n
}

// ByteSize is the number of bytes of all elements in C order, however few of
// them are stored. Of a composite it is that of its parts, which are opened for
// it once.
func (t *Tensor) ByteSize() int64 {
	if t.kind == format.KindComposite {
		return t.sizes().bytes
	}
	n, _ := tensor.ByteSize(t.dtype, t.shape) // was checked when the tensor was opened
	return n
}

// Storage says where the bytes are. Of a composite it tells the sums of its
// parts, Size and Stored, of which each says where it is.
func (t *Tensor) Storage() StorageInfo {
	if t.kind == format.KindComposite {
		x := t.sizes()
		return StorageInfo{Size: x.bytes, Stored: x.stored}
	}
	s := StorageInfo{Stored: t.st.Size}
	if t.st.more != nil {
		s = *t.st.more
	}
	s.ID, s.Kind, s.Offset, s.Size = t.st.ID, t.st.Kind, t.st.Offset, t.st.Size
	return s
}

// Composite returns the layout number and flags of a composite tensor, and
// false for a dense one.
func (t *Tensor) Composite() (layout uint16, flags uint32, ok bool) {
	return t.layout, t.layoutFlags, t.kind == format.KindComposite
}

// Generation that wrote the tensor's catalog entry; 0 in foreign files.
func (t *Tensor) Generation() uint64 { return t.generation }

// Attrs returns the tensor's attributes. They must not be changed.
func (t *Tensor) Attrs() (Attrs, error) {
	a := t.attrs
	if a == nil {
		return nil, nil
	}
	a.Do(func() {
		if a.raw != nil {
			m, err := format.ParseAttrs(a.raw, a.at, len(t.shape))
			a.m, a.err = m, located(err, t.f.Path(), t.name)
		}
	})
	return a.m, a.err
}

// Dims returns the names of the axes, "" for one without, or nil if none has.
func (t *Tensor) Dims() []string {
	a, err := t.Attrs()
	if err != nil {
		return nil
	}
	return a.Dims()
}

// View returns a view on the mapping without a copy. It is borrowed: valid
// until the file is closed, and if the file on disk is cut short meanwhile a
// touch of what is gone faults, which ends the process unless it happens inside
// Guard. Nothing protects mapped elements that are sent on a channel straight
// from the view, touched in a goroutine without a Guard of its own or handed to
// foreign code: see the package documentation. It fails with ErrEncoded,
// ErrNotMapped or, where the file is verified on first use, ErrCorrupt.
func (t *Tensor) View() (tensor.View, error) {
	a := t.access()
	if a.err != nil {
		return tensor.View{}, a.err
	}
	if err := t.ready(a); err != nil {
		return tensor.View{}, err
	}
	return a.view, nil
}

// ready checks what has to be checked before elements are handed out.
func (t *Tensor) ready(a *access) error {
	if t.f.opts.Verify == VerifyOnFirstUse {
		return t.f.verifyOnce(t)
	}
	if !t.f.m.Mapped() && a.view.NumElements() > 0 {
		return &Error{Kind: ErrClosed, Path: t.f.Path(), Offset: -1}
	}
	return nil
}

// Guard calls fn with the view of the tensor under a lease. If the file is cut
// short or the disk fails while fn touches the mapping, Guard returns an error
// of kind ErrChanged or ErrIO with tensor and offset instead of a crash; so it
// does if fn returns the error of a system call that was given such a page.
//
// No Go program can protect a value that fn sends on a channel straight from
// the mapping (assign it to a variable first), what fn does in a goroutine that
// it starts (which makes a Guard call of its own), or foreign code that fn
// hands mapped memory to (which gets a copy).
func (t *Tensor) Guard(fn func(tensor.View) error) error {
	v, err := t.View()
	if err != nil {
		return err
	}
	err = t.f.m.Guard(func() error { return fn(v) })
	return located(t.f.m.FaultError(err, t.st.Offset), t.f.Path(), t.name)
}

// Lease keeps the file open and mapped until it is released; Close refuses
// meanwhile and Shutdown waits. It is no protection against a file that is cut
// short: Guard is, as is the Guard of the Lease, which each goroutine calls for
// itself. No Guard holds a channel send straight from the mapping or foreign
// code.
func (t *Tensor) Lease() (mmap.Lease, error) { return t.f.m.Acquire() }

// Data returns the elements of t as a slice of the mapping, without a copy and
// without an allocation. It is borrowed as Tensor.View is: touch it inside Guard
// if the file may be cut short. No Guard protects its elements when they are
// sent on a channel straight from the slice, touched in a goroutine without a
// Guard of its own, or handed to foreign code. It fails with ErrDType,
// ErrByteOrder, ErrNotContiguous, ErrMisaligned, ErrEncoded or ErrNotMapped;
// bools are checked to be 0 or 1.
func Data[T tensor.Elem](t *Tensor) ([]T, error) {
	if t.goType == cast.TypeOf[T]() && t.f.m.Mapped() {
		if s, ok := cast.Slice[T](t.plain); ok {
			return s, nil
		}
	}
	return checkedData[T](t)
}

// goTypes gives each dtype that has a Go type the number of that type, which
// is the cheapest way to compare a dtype with a type parameter.
var goTypes = map[tensor.DType]uintptr{}

func init() {
	addGoType[int8]()
	addGoType[int16]()
	addGoType[int32]()
	addGoType[int64]()
	addGoType[uint8]()
	addGoType[uint16]()
	addGoType[uint32]()
	addGoType[uint64]()
	addGoType[float32]()
	addGoType[float64]()
	addGoType[complex64]()
	addGoType[complex128]()
	addGoType[tensor.Float16]()
	addGoType[tensor.BFloat16]()
	addGoType[tensor.Float8E4M3FN]()
	addGoType[tensor.Float8E5M2]()
	addGoType[tensor.Float8E4M3FNUZ]()
	addGoType[tensor.Float8E5M2FNUZ]()
	addGoType[tensor.Float8E8M0]()
}

func addGoType[T tensor.Elem]() { goTypes[tensor.DTypeOf[T]()] = cast.TypeOf[T]() }

// checkedData is Data with every check, under the guard: bools are read.
func checkedData[T tensor.Elem](t *Tensor) (s []T, err error) {
	err = t.Guard(func(v tensor.View) error {
		s, err = tensor.Data[T](v)
		return err
	})
	return s, located(err, t.f.Path(), t.name)
}

// AcquireData is Data under a lease of its own: the slice stays valid until the
// lease is released, and Close refuses until then. The lease does not keep the
// file on disk as it is: what Data says of Guard, channel, goroutine and foreign
// code holds here.
func AcquireData[T tensor.Elem](t *Tensor) ([]T, mmap.Lease, error) {
	l, err := t.f.m.Acquire()
	if err != nil {
		return nil, l, err
	}
	s, err := Data[T](t)
	if err != nil {
		l.Release()
		return nil, mmap.Lease{}, err
	}
	return s, l, nil
}

// View returns the elements of t as a typed strided view on the mapping,
// without a copy, borrowed as Tensor.View is, with the same limits of what Guard
// protects: no channel send straight from the mapping, no goroutine without a
// Guard of its own, no foreign code. It fails as Data does, but takes any
// strides.
func View[T tensor.Elem](t *Tensor) (s tensor.Strided[T], err error) {
	err = t.Guard(func(v tensor.View) error {
		s, err = tensor.As[T](v)
		return err
	})
	return s, located(err, t.f.Path(), t.name)
}

// Read copies the selected elements, all without a selection, to memory of
// their own in C order and the machine's byte order. It works on every source
// and encoding. Errors: ErrLimit if the result would pass the file's MaxBytes,
// ErrIndex for a selection that does not fit, and what the file has in store.
func (t *Tensor) Read(ctx context.Context, sel ...tensor.Selection) (tensor.View, error) {
	r, err := t.region(sel...)
	if err != nil {
		return tensor.View{}, err
	}
	if err := t.f.allow(t, r); err != nil {
		return tensor.View{}, err
	}
	if t.st.Kind == StorageRaw && !r.empty() {
		return t.readFresh(ctx, r)
	}
	dst, err := tensor.Make(r.dtype, r.shape)
	if err != nil {
		return tensor.View{}, located(err, t.f.Path(), t.name)
	}
	if err := t.readRegion(ctx, dst, r); err != nil {
		return tensor.View{}, err
	}
	return dst, nil
}

// ReadInto is Read into memory of the caller: dst has the dtype of t and the
// shape of the selection, in any strides and byte order, without repeating
// memory. If it fails, dst holds anything.
//
// Reads of some megabytes are shared by up to OpenOptions.ReadWorkers
// goroutines, which have ended when it returns; ctx is looked at between pieces
// of at most 4 MiB. What lies in the file as it does in dst is read to its place
// at once. PlanRead tells which way the bytes take.
func (t *Tensor) ReadInto(ctx context.Context, dst tensor.View, sel ...tensor.Selection) error {
	r, err := t.region(sel...)
	if err != nil {
		return err
	}
	if !dst.Shape().Equal(r.shape) {
		return &Error{Kind: tensor.ErrShape, Path: t.f.Path(), Tensor: t.name, Offset: -1, Field: "destination", Got: dst.Shape().String(), Want: r.shape.String()}
	}
	if dst.DType() != r.dtype {
		return &Error{Kind: tensor.ErrDType, Path: t.f.Path(), Tensor: t.name, Offset: -1, Field: "destination", Got: dst.DType().String(), Want: r.dtype.String()}
	}
	return t.readRegion(ctx, dst, r)
}

// allow refuses results past the limit.
func (f *File) allow(t *Tensor, r region) error {
	n, err := tensor.ByteSize(r.dtype, r.shape)
	if err == nil && f.limit >= 0 && n > f.limit {
		err = &Error{Kind: ErrLimit, Format: t.format(), Offset: -1, Field: "bytes to copy out", Got: fmt.Sprint(n), Want: fmt.Sprintf("at most %d (OpenOptions.MaxBytes)", f.limit)}
	}
	return located(err, f.Path(), t.name)
}

// WriteCOrder writes all elements in C order, little-endian, to w: the
// tensor's logical bytes, whatever its encoding and strides, in bounded
// memory. Rows of packed dtypes are padded to units.
func (t *Tensor) WriteCOrder(ctx context.Context, w io.Writer) error {
	return t.WriteOrder(ctx, w, nil)
}

// WriteOrder is WriteCOrder of the tensor with its axes permuted; nil leaves
// them. Axes in descending order give Fortran order.
func (t *Tensor) WriteOrder(ctx context.Context, w io.Writer, axes []int) error {
	r, err := t.region()
	if err != nil {
		return err
	}
	if axes != nil {
		if r, err = r.permute(axes); err != nil {
			return located(err, t.f.Path(), t.name)
		}
	}
	return t.writeRegion(ctx, w, r)
}
