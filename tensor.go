package tensorfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

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
	order   tensor.ByteOrder
	st      StorageInfo

	kind        format.Kind
	layout      uint16
	layoutFlags uint32
	generation  uint64

	view    tensor.View // of the mapping
	viewErr error       // why there is none
	plain   []byte      // the elements, if a slice of a Go type can show them
	goType  uintptr     // cast.TypeOf that Go type

	// Shape and strides of few axes stand here.
	axes [8]int64

	attrsAt int64
	attrs   struct {
		sync.Once
		raw []byte
		m   Attrs
		err error
	}
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
)

func (k StorageKind) String() string {
	return [...]string{"none", "raw", "grid", "encoded"}[k]
}

// StorageInfo says where the bytes of a tensor are. Tensors of one file with
// equal IDs share them.
type StorageInfo struct {
	ID     uint64 // 0: none
	Kind   StorageKind
	Offset int64 // of the payload in the file; 0 for a grid
	Size   int64 // logical bytes
	Stored int64 // bytes in the file
	Codec  string
	Chunk  tensor.Shape // of a grid
	Member string       // of an archive

	sums  format.Ref // native raw: payload or list of block sums
	block uint8
}

// nativeTensor makes a Tensor of a record, which it does not keep.
func (f *File) nativeTensor(rec *format.TensorRecord) (*Tensor, error) {
	t := &Tensor{
		f: f, name: rec.Name, dtype: rec.DType, offset: rec.Offset,
		kind: rec.Kind, layout: rec.Layout, layoutFlags: rec.LayoutFlags, generation: rec.Generation,
		attrsAt: rec.AttrsAt,
	}
	axes := append(append(t.axes[:0], rec.Shape...), rec.Strides...)
	rank := len(rec.Shape)
	t.shape, t.strides = axes[:rank:rank], axes[rank:]
	if rec.Attrs != nil {
		t.attrs.raw = append([]byte(nil), rec.Attrs...)
	}
	if rec.Kind != format.KindDense {
		t.viewErr = &Error{Kind: tensor.ErrEncoded, Path: f.Path(), Tensor: t.name, Offset: -1, Field: "layout", Got: fmt.Sprintf("composite layout %d", rec.Layout), Want: "a dense tensor"}
		return t, nil
	}
	s, err := f.bind(f.cat, rec)
	if err != nil {
		return nil, err
	}
	t.st = StorageInfo{ID: s.ID, Kind: StorageKind(s.Kind), Offset: s.Payload, Size: s.Size, Stored: s.Stored, Codec: s.Pipelines, Chunk: s.Chunk, sums: s.Ref, block: s.Block}
	t.setView()
	return t, nil
}

// bind finds the storage of a dense record and checks that the record's view
// stays inside it.
func (f *File) bind(cat *format.Catalog, rec *format.TensorRecord) (s format.StorageRecord, err error) {
	bad := func(rule, got, want string) error {
		return &Error{Kind: ErrCorrupt, Format: format.Name, Offset: rec.At, Field: "storage id", Got: got, Want: want, Rule: rule}
	}
	if rec.Storage != 0 {
		found, err := cat.Storage(rec.Storage, &s)
		if err != nil {
			return s, err
		}
		if !found {
			return s, bad(format.RuleTensorStorage, fmt.Sprint(rec.Storage), "a storage of this generation")
		}
	} else if n, _ := rec.Shape.NumElements(); n != 0 {
		return s, bad(format.RuleViewNoBytes, "0", "a storage for a tensor with elements")
	}
	if err := tensor.CheckView(rec.DType, rec.Shape, rec.Strides, rec.Offset, s.Size); err != nil {
		var e *Error
		if errors.As(err, &e) {
			e.Format, e.Offset = format.Name, rec.At
		}
		return s, err
	}
	return s, nil
}

func (f *File) foreignTensor(i int) *Tensor {
	l := &f.layout.Tensors[i]
	t := &Tensor{
		f: f, name: l.Name, dtype: l.DType, shape: l.Shape, strides: l.Strides, offset: l.Offset, order: l.Order,
		kind: format.KindDense, attrsAt: -1,
	}
	t.attrs.m = l.Attrs
	if l.Storage >= 0 {
		s := &f.layout.Storages[l.Storage]
		t.st = StorageInfo{ID: uint64(l.Storage) + 1, Kind: StorageRaw, Offset: s.Offset, Size: s.Size, Stored: s.StoredSize, Codec: s.Codec, Member: s.Member}
		if s.Open != nil {
			t.st.Kind = StorageEncoded
		}
	}
	t.setView()
	return t
}

// setView makes the view on the mapping, or the error that says why not.
func (t *Tensor) setView() {
	fail := func(kind error, got, want string) {
		t.viewErr = &Error{Kind: kind, Path: t.f.Path(), Format: t.format(), Tensor: t.name, Offset: -1, Field: "view", Got: got, Want: want}
	}
	var data []byte
	switch t.st.Kind {
	case StorageNone:
	case StorageRaw:
		m := t.f.m.Bytes()
		if m == nil {
			if t.st.Size > 0 {
				fail(ErrNotMapped, "a file that is not mapped ("+t.f.m.Reason()+")", "Read, which copies")
				return
			}
			break
		}
		end := t.st.Offset + t.st.Size
		if end > int64(len(m)) {
			fail(ErrNotMapped, "bytes beyond the mapping", "Read, which copies")
			return
		}
		data = m[t.st.Offset:end:end]
	default:
		fail(tensor.ErrEncoded, t.st.Kind.String()+" bytes ("+t.st.Codec+")", "Read, which decodes")
		return
	}
	t.view, t.viewErr = tensor.NewView(data, t.dtype, t.shape, t.strides, t.offset, t.order)
	if t.viewErr != nil {
		t.viewErr = located(t.viewErr, t.f.Path(), t.name)
		return
	}
	// A slice costs nothing where nothing is left to check but the type.
	if t.f.opts.Verify == VerifyOnDemand && t.dtype.Class != tensor.ClassBool && (t.order == tensor.HostOrder || t.dtype.UnitBytes == 1) {
		if b, err := t.view.Bytes(); err == nil && len(b) > 0 {
			t.plain, t.goType = b, goTypes[t.dtype]
		}
	}
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
// them are stored.
func (t *Tensor) ByteSize() int64 {
	n, err := tensor.ByteSize(t.dtype, t.shape)
	if err != nil {
		return 0 // a composite of no dtype
	}
	return n
}

// Storage says where the bytes are.
func (t *Tensor) Storage() StorageInfo { return t.st }

// Composite returns the layout number and flags of a composite tensor, and
// false for a dense one.
func (t *Tensor) Composite() (layout uint16, flags uint32, ok bool) {
	return t.layout, t.layoutFlags, t.kind == format.KindComposite
}

// Generation that wrote the tensor's catalog entry; 0 in foreign files.
func (t *Tensor) Generation() uint64 { return t.generation }

// Attrs returns the tensor's attributes. They must not be changed.
func (t *Tensor) Attrs() (Attrs, error) {
	a := &t.attrs
	a.Do(func() {
		if a.raw != nil {
			m, err := format.ParseAttrs(a.raw, t.attrsAt, len(t.shape))
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
// touch of what is gone faults, which Guard turns into an error. It fails with
// ErrEncoded, ErrNotMapped or, where the file is verified on first use,
// ErrCorrupt.
func (t *Tensor) View() (tensor.View, error) {
	if t.viewErr != nil {
		return tensor.View{}, t.viewErr
	}
	if err := t.ready(); err != nil {
		return tensor.View{}, err
	}
	return t.view, nil
}

// ready checks what has to be checked before elements are handed out.
func (t *Tensor) ready() error {
	if t.f.opts.Verify == VerifyOnFirstUse {
		return t.f.verifyOnce(t)
	}
	if !t.f.m.Mapped() && t.view.NumElements() > 0 {
		return &Error{Kind: ErrClosed, Path: t.f.Path(), Offset: -1}
	}
	return nil
}

// Guard calls fn with the view of the tensor under a lease. If the file is cut
// short or the disk fails while fn touches the mapping, Guard returns an error
// of kind ErrChanged or ErrIO with tensor and offset instead of a crash. What
// fn starts in other goroutines, sends on channels out of the mapping or hands
// to foreign code is not protected.
func (t *Tensor) Guard(fn func(tensor.View) error) error {
	v, err := t.View()
	if err != nil {
		return err
	}
	return located(t.f.m.Guard(func() error { return fn(v) }), t.f.Path(), t.name)
}

// Lease keeps the file open and mapped until it is released; Close refuses
// meanwhile and Shutdown waits.
func (t *Tensor) Lease() (mmap.Lease, error) { return t.f.m.Acquire() }

// Data returns the elements of t as a slice of the mapping, without a copy and
// without an allocation. It is borrowed as View is. It fails with ErrDType,
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
// lease is released, and Close refuses until then.
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
// without a copy, borrowed as Tensor.View is. It fails as Data does, but takes
// any strides.
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
	dst, err := tensor.Make(r.dtype, r.shape)
	if err != nil {
		return tensor.View{}, located(err, t.f.Path(), t.name)
	}
	return dst, t.readRegion(ctx, dst, r)
}

// ReadInto is Read into memory of the caller: dst has the dtype of t and the
// shape of the selection, in any strides and byte order. If it fails, dst holds
// anything.
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
		err = &Error{Kind: ErrLimit, Offset: -1, Field: "bytes to copy out", Got: fmt.Sprint(n), Want: fmt.Sprintf("at most %d (OpenOptions.MaxBytes)", f.limit)}
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
