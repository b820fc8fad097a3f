package tensorfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/nameset"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// VerifyMode says when the checksums of payloads are looked at on reading.
// Control structures and the catalog are always checked when first touched.
type VerifyMode int

const (
	// VerifyOnDemand checks payloads only in Verify: a mapped tensor costs
	// nothing until its pages are touched. The default.
	VerifyOnDemand VerifyMode = iota
	// VerifyOnFirstUse checks a tensor's payload when it is first viewed or
	// read.
	VerifyOnFirstUse
)

// OpenOptions says how to open a file. The zero value, and nil, are the
// defaults.
type OpenOptions struct {
	// NoMmap reads the file with positioned reads and never maps it. Default:
	// false.
	NoMmap bool
	// MapRemote maps files on network file systems and FUSE, too, where another
	// host or program can change them unseen; without it they are read.
	// Default: false.
	MapRemote bool
	// Verify says when payload checksums are looked at. Default:
	// VerifyOnDemand.
	Verify VerifyMode
	// MaxBytes limits the bytes that one call may copy out of the file. A
	// broadcast or aliased tensor can be far larger than its file. Default: 4
	// GiB or eight times the file, whichever is more. Negative: no limit.
	MaxBytes int64
	// Generation opens an older generation of the file; ErrNotFound if the file
	// does not hold it. Default: 0, the newest.
	Generation uint64
	// TailFirst looks at the end of the file before its head, for sources where
	// each read is a request and that keep what they have read, as
	// remote/httprange does: a file that was never appended to opens from its
	// last 64 KiB alone. Its header and root slots are then looked at by Verify
	// only. Default: false.
	TailFirst bool
	// ReadMode says which way Read and ReadInto take to the bytes of raw
	// tensors. Default: ReadAuto.
	ReadMode ReadMode
	// ReadWorkers limits the goroutines that share one Read or ReadInto. Default:
	// 0, as many as GOMAXPROCS for a file, one for another source.
	ReadWorkers int
}

// A File is an open tensor file: a snapshot of one generation, or a foreign
// file seen through a Layout. All methods are safe for concurrent use. Views
// and slices obtained from it without a Lease of their own live until Close.
type File struct {
	m     *mmap.Map
	opts  OpenOptions
	limit int64

	mapped bool   // when it was opened
	reason string // why it was not

	// Native files.
	uuid     format.UUID
	choice   format.Choice // of the newest generation; cat may be of an older one
	headless bool          // header and slots have not been looked at: see chooseTail
	cat      *format.Catalog
	past     history

	// Foreign files.
	layout   *Layout
	byName   *nameset.Set // of the layout's tensors
	bySource []*File      // of each source of the layout, in its order

	checked sync.Map // storage id -> *check
	grids   sync.Map // gridKey -> *grid
	content sync.Map // name of a composite -> *compositeState
	decoded atomic.Int64
	reads   readCounts
	summary struct {
		sync.Once
		n   int
		err error
	}
}

// defaultMaxBytes is OpenOptions.MaxBytes of a file that is not large.
const defaultMaxBytes = 4 << 30

func newFile(m *mmap.Map, o *OpenOptions) *File {
	f := &File{m: m}
	if o != nil {
		f.opts = *o
	}
	f.setLimit(m.Size())
	return f
}

// setLimit finds what OpenOptions.MaxBytes is for a file of size bytes.
func (f *File) setLimit(size int64) {
	f.limit = f.opts.MaxBytes
	if f.limit == 0 {
		f.limit = defaultMaxBytes
		if size > f.limit/8 {
			f.limit = min(size, 1<<59) * 8
		}
	}
}

// Open opens the native file at path for reading and maps it. It costs the
// same whatever the number of tensors and their size. It needs no write
// permission, creates nothing and takes no lock. Foreign formats are opened by
// package convert.
func Open(path string, o *OpenOptions) (*File, error) {
	m, err := OpenSource(path, o)
	if err != nil {
		return nil, err
	}
	return OpenMap(m, o)
}

// OpenSource opens the regular file at path as a source of bytes, for OpenMap
// and OpenLayout.
func OpenSource(path string, o *OpenOptions) (*mmap.Map, error) {
	if o == nil {
		o = &OpenOptions{}
	}
	return mmap.Open(path, &mmap.Options{NoMmap: o.NoMmap, MapRemote: o.MapRemote})
}

// OpenReaderAt opens a native file of size bytes that r reads: an object in
// memory, an embedded file, a range of another. r must be safe for concurrent
// use and is not closed. Nothing is mapped, so tensors are read, not viewed.
func OpenReaderAt(r io.ReaderAt, size int64, o *OpenOptions) (*File, error) {
	return OpenMap(mmap.NewReaderAt(r, size, ""), o)
}

// OpenMap opens the native file in the source m. The File owns m from now on
// and closes it, also if OpenMap fails.
func OpenMap(m *mmap.Map, o *OpenOptions) (*File, error) {
	f := newFile(m, o)
	if err := f.open(); err != nil {
		m.Close()
		return nil, located(err, m.Path(), "")
	}
	return f, nil
}

// slotTries is how often the slots are read before a bad one is believed: a
// writer may be at work on one of them.
const slotTries = 4

func (f *File) open() error {
	ok, err := f.chooseTail()
	if err == nil && !ok {
		err = f.chooseRoot()
	}
	if err != nil {
		return err
	}
	if err := f.m.Map(f.choice.Root.Length); err != nil {
		return err
	}
	f.mapped, f.reason = f.m.Mapped(), f.m.Reason()
	root := &f.choice.Root
	if g := f.opts.Generation; g != 0 {
		if root, err = f.past.find(f.m, root, g); err != nil {
			return err
		}
	}
	f.cat, err = format.OpenCatalog(f.m, root)
	if err != nil {
		return f.damagedCatalog(root, err)
	}
	return nil
}

// chooseTail takes the root from the end of the file if that was asked for and
// the file allows it. One whose end is all of it is read as any other: its
// header is at hand.
func (f *File) chooseTail() (ok bool, err error) {
	size := f.m.Size()
	if !f.opts.TailFirst || size <= format.TailSize {
		return false, nil
	}
	b := make([]byte, format.RootSize)
	if err := f.readAt(b, size-format.RootSize); err != nil {
		return false, err
	}
	if f.choice, ok = format.ChooseTail(b, size); ok {
		f.uuid, f.headless = f.choice.Root.UUID, true
	}
	return ok, nil
}

// control keeps memory for the control pages, of which nothing stays.
var control = sync.Pool{New: func() any { return new([format.SlotB + format.RootSize]byte) }}

// chooseRoot reads header and slots and takes the root that they name.
func (f *File) chooseRoot() error {
	size := f.m.Size()
	pages := control.Get().(*[format.SlotB + format.RootSize]byte)
	defer control.Put(pages)
	head := pages[:min(size, int64(len(pages)))]
	if err := f.readAt(head, 0); err != nil {
		return err
	}
	h, err := format.ParseHeader(head)
	if err != nil {
		return err
	}
	f.uuid = h.UUID
	end := func() ([]byte, error) {
		b := make([]byte, format.RootSize)
		return b, f.readAt(b, size-format.RootSize)
	}
	for try := 1; ; try++ {
		var a, b []byte
		if len(head) >= format.SlotA+format.RootSize {
			a = head[format.SlotA : format.SlotA+format.RootSize]
		}
		if len(head) >= format.SlotB+format.RootSize {
			b = head[format.SlotB:]
		}
		f.choice, err = format.ChooseRoot(f.uuid, a, b, size, end)
		if errors.Is(err, ErrTruncated) {
			// A commit since the file was opened? Then its bytes came before its slot.
			if grown, e := f.m.Renew(); e == nil && grown {
				size = f.m.Size()
				f.choice, err = format.ChooseRoot(f.uuid, a, b, size, end)
			}
		}
		if try == slotTries || err == nil && f.choice.Slots == [2]error{} || len(head) < format.SlotB+format.RootSize {
			break
		}
		if err := f.readAt(head, 0); err != nil {
			return err
		}
	}
	return err
}

// damagedCatalog says which generation's catalog failed and whether the one
// before it is intact, which a caller may open on purpose.
func (f *File) damagedCatalog(r *format.Root, err error) error {
	if errors.Is(err, ErrIO) {
		return err // nothing is known of it, nor would be of the others
	}
	advice := "there is no generation before it"
	if r.Previous != 0 {
		advice = "the one before it cannot be read"
		b := make([]byte, format.RootSize)
		if e := f.readAt(b, r.Previous); e == nil {
			if p, e := format.ParseTrailer(b, r.Previous, f.uuid); e == nil {
				advice = fmt.Sprintf("generation %d before it is damaged, too", p.Generation)
				if _, e := format.OpenCatalog(f.m, &p); e == nil {
					advice = fmt.Sprintf("generation %d before it is intact", p.Generation)
				}
			}
		}
	}
	var e *Error
	if errors.As(err, &e) {
		e.Field = fmt.Sprintf("generation %d: %s", r.Generation, e.Field)
		e.Want += "; " + advice
	}
	return err
}

func (f *File) readAt(p []byte, off int64) error {
	_, err := f.m.ReadAt(p, off)
	return err
}

// Close unmaps and closes the file. While leases are held or calls are under
// way it does nothing but return ErrInUse. After it, views and slices that
// were obtained from the file must not be used: a stale one faults.
func (f *File) Close() error { return f.m.Close() }

// Shutdown closes the file as soon as all leases are released; new ones are
// refused from now on. If ctx ends first it returns an error that is ErrInUse
// and ctx's; the last release then closes the file.
func (f *File) Shutdown(ctx context.Context) error { return f.m.Shutdown(ctx) }

// Path is the name that the file was opened by.
func (f *File) Path() string { return f.m.Path() }

// Options returns the options that the file was opened with.
func (f *File) Options() OpenOptions { return f.opts }

// Map is the source of the file's bytes, for advice on how they will be used.
// What its Bytes and Fetch return is mapped memory, touched inside its Guard:
// not sent on a channel, not in a goroutine without a Guard of its own, not
// handed to foreign code.
func (f *File) Map() *mmap.Map { return f.m }

// Check reports an error of kind ErrChanged if the file on disk is no longer
// the one that was opened: cut short, replaced or written in place. That a
// native file is being appended to, or was, changes nothing of what f shows and
// is no error.
func (f *File) Check() error {
	err := f.m.Check()
	if err != nil && f.layout == nil && f.appended() {
		return nil
	}
	for _, g := range f.bySource {
		if err == nil && g != f {
			err = g.m.Check()
		}
	}
	if err == nil && f.layout != nil && f.layout.Members != nil {
		err = f.layout.Members.Check()
	}
	return err
}

// appended reports whether all that has happened to the file since it was
// opened is that bytes came behind the committed ones, as far as size, identity
// and root records tell.
func (f *File) appended() bool {
	c, err := f.m.Changes()
	if err != nil || c&mmap.Replaced != 0 || !f.m.Local() {
		return false
	}
	b := make([]byte, format.RootSize)
	if f.readAt(b, f.choice.Root.TrailerAt()) != nil || [format.RootSize]byte(b) != f.choice.Bytes {
		return false
	}
	if c&(mmap.Grown|mmap.Shrunk) != 0 {
		return true // bytes of a writer came, or went without a commit
	}
	for _, at := range [2]int64{format.SlotA, format.SlotB} {
		if f.readAt(b, at) != nil {
			return false
		}
		if r, err := format.ParseAnySlot(b, format.InSlotA); err == nil && r.UUID == f.uuid && r.Generation > f.choice.Root.Generation {
			return true // into room that the file had when it was opened
		}
	}
	return false
}

// Info is what a file says of itself.
type Info struct {
	Format     string // "tensorfile", "npy", ...
	Version    string // of the format: "1.0"
	UUID       string // native only, as the fields below
	Generation uint64
	Time       time.Time // of the commit
	Writer     string
	Length     int64 // committed bytes
	Live       int64 // bytes of payload and tables that the generation reaches
	AlignExp   int   // large raw payloads stand at multiples of 1<<AlignExp
	ReadOnly   bool  // has a feature that this library must not write
	Streamed   bool  // both slots are zero: written to a stream, never appended to
	Leftover   int64 // bytes past the committed length, which readers ignore
	Notes      []string

	Size      int64 // bytes of the file, and of the others that its tensors lie in
	Mapped    bool
	MapReason string // why it is not mapped
}

// Info returns what the file says of itself. It reads nothing.
func (f *File) Info() Info {
	i := Info{Size: f.m.Size(), Mapped: f.m.Mapped(), MapReason: f.m.Reason()}
	if f.layout != nil {
		i.Size = 0
		for _, g := range f.bySource {
			i.Size += g.m.Size()
			if i.Mapped && !g.m.Mapped() && g.m.Size() > 0 {
				i.Mapped, i.MapReason = false, g.m.Reason()
			}
		}
		if l := f.layout; l.Members != nil {
			i.Size += l.Members.Size()
		}
		i.Format, i.Version, i.Notes = f.layout.Format, f.layout.Version, f.layout.Notes
		return i
	}
	r := f.cat.Root()
	i.Format, i.Version = format.Name, fmt.Sprintf("%d.%d", format.Major, r.Minor)
	i.UUID, i.Generation, i.Time, i.Writer = f.uuid.String(), r.Generation, r.Time, r.Writer
	i.Length, i.Live, i.AlignExp = r.Length, int64(r.Live), int(r.AlignExp)
	i.ReadOnly, i.Leftover = r.ReadOnly(), f.m.Size()-f.choice.Root.Length
	if f.choice.Place == format.InTrailer && f.choice.Root.Created && f.choice.Slots[0] != nil && f.choice.Slots[1] != nil {
		i.Streamed = true
		return i
	}
	for n, err := range f.choice.Slots {
		if err != nil {
			i.Notes = append(i.Notes, fmt.Sprintf("%v is not usable (%v); the file is read from %v", format.Place(n), err, f.choice.Place))
		}
	}
	return i
}

// Attrs returns the file's own attributes.
func (f *File) Attrs() (Attrs, error) {
	if f.layout != nil {
		return f.layout.Attrs, nil
	}
	var rec format.TensorRecord
	err := f.m.Guard(func() error {
		_, err := f.cat.Tensor("", &rec)
		return err
	})
	if err != nil {
		return nil, located(err, f.Path(), "")
	}
	a, err := format.ParseAttrs(rec.Attrs, rec.AttrsAt, -1)
	return a, located(err, f.Path(), "")
}

// Len is the number of tensors. It walks the catalog once.
func (f *File) Len() (int, error) {
	if f.layout != nil {
		return len(f.layout.Tensors), nil
	}
	s := &f.summary
	s.Do(func() {
		s.err = scan(f, func(*format.TensorRecord) (struct{}, error) { return struct{}{}, nil }, func(struct{}, error) bool {
			s.n++
			return true
		})
	})
	return s.n, s.err
}

// scan walks the live tensors of a native file, parts and the file's own
// record left out. fn runs outside the guard, because it may be the caller's
// loop, but for open, which makes a T of a record: a few records ahead of fn,
// more and more, so that the guard costs little. An error about one record
// goes to fn; one about the catalog ends the walk and is returned.
func scan[T any](f *File, open func(*format.TensorRecord) (T, error), fn func(T, error) bool) error {
	return scanFrom(f, "", open, fn)
}

// manyNames is how many records are read before the rest is asked for ahead.
const manyNames = 1000

// scanFrom is scan of the names that are not below first.
func scanFrom[T any](f *File, first string, open func(*format.TensorRecord) (T, error), fn func(T, error) bool) error {
	const most = 64
	var vals [most]T
	var errs [most]error
	var s *format.Scanner
	err := f.m.Guard(func() (err error) {
		if s, err = f.cat.Scanner(); err == nil && first != "" {
			err = s.Seek(first)
		}
		return err
	})
	end, seen := false, 0
	for ahead := 4; err == nil && !end; ahead = min(2*ahead, most) {
		if seen += ahead; seen > manyNames && seen-ahead <= manyNames && f.m.Expects() {
			defer f.catalogAhead()() // who has taken so many will take more
		}
		n := 0
		err = f.m.Guard(func() error {
			for n < ahead {
				rec, more, err := s.Next()
				switch {
				case err != nil && !more:
					return err
				case err != nil && (rec.Name == "" || format.IsPart(rec.Name)):
					continue // who opens what it belongs to hears of it
				case err != nil:
					errs[n] = err
				case rec == nil:
					end = true
					return nil
				case rec.Kind == format.KindFile || format.IsPart(rec.Name):
					continue
				default:
					if vals[n], err = open(rec); err != nil {
						errs[n] = located(err, f.Path(), rec.Name)
					}
				}
				n++
			}
			return nil
		})
		for i := range n {
			v, one := vals[i], errs[i]
			if one != nil {
				one, errs[i] = located(one, f.Path(), ""), nil
			}
			if !fn(v, one) {
				return nil
			}
		}
		clear(vals[:n])
	}
	return located(err, f.Path(), "")
}

// Names yields the names of all tensors: of a native file ascending by bytes,
// of a foreign one in its order. An error ends it.
func (f *File) Names() iter.Seq2[string, error] { return f.NamesWith("") }

// NamesWith yields the names that begin with a prefix, in the order of Names. In
// a native file the first is found by halving, so that it costs what there is to
// yield and not what there is.
func (f *File) NamesWith(prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if f.layout != nil {
			for i := range f.layout.Tensors {
				if name := f.layout.Tensors[i].Name; strings.HasPrefix(name, prefix) && !yield(name, nil) {
					return
				}
			}
			return
		}
		stopped := false
		err := scanFrom(f, prefix, func(rec *format.TensorRecord) (string, error) { return rec.Name, nil }, func(name string, err error) bool {
			stopped = err == nil && !strings.HasPrefix(name, prefix) || !yield(name, err)
			return !stopped
		})
		if err != nil && !stopped {
			yield("", err)
		}
	}
}

// Tensors yields all tensors in the order of Names. A tensor that cannot be
// opened comes with its error, and the others follow; damage to the catalog
// itself comes with a nil tensor and ends it.
func (f *File) Tensors() iter.Seq2[*Tensor, error] {
	return func(yield func(*Tensor, error) bool) {
		if f.layout != nil {
			var m slab
			for i := range f.layout.Tensors {
				if !yield(f.foreignAt(i, &m)) {
					return
				}
			}
			return
		}
		stopped := false
		var m slab
		err := scan(f, func(rec *format.TensorRecord) (*Tensor, error) { return f.nativeTensor(rec, &m) }, func(t *Tensor, err error) bool {
			stopped = !yield(t, err)
			return !stopped
		})
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}

// foundRecord is memory for a search, found where it is kept for the next.
type foundRecord struct {
	rec  format.TensorRecord
	heap []byte
}

var found = sync.Pool{New: func() any { return new(foundRecord) }}

// Tensor opens the tensor called name. An unknown name is ErrNotFound.
func (f *File) Tensor(name string) (t *Tensor, err error) {
	if f.layout != nil {
		i, ok := f.byName.Find(name)
		if !ok {
			return nil, f.notFound(name)
		}
		return f.foreignAt(i, nil)
	}
	if name == "" || format.IsPart(name) {
		return nil, f.notFound(name)
	}
	fence, err := f.m.Enter()
	if err != nil {
		return nil, err
	}
	defer fence.Leave(&err)
	x := found.Get().(*foundRecord)
	defer found.Put(x)
	ok, err := f.cat.Find(name, &x.rec, &x.heap)
	if errors.Is(err, ErrIO) {
		return nil, located(err, f.Path(), "") // it is not known whether there is one
	}
	if err != nil {
		return nil, located(err, f.Path(), name)
	}
	if !ok {
		return nil, f.notFound(name)
	}
	t, err = f.nativeTensor(&x.rec, nil)
	return t, located(err, f.Path(), name)
}

func (f *File) notFound(name string) error {
	return &Error{Kind: tensor.ErrNotFound, Path: f.Path(), Tensor: name, Offset: -1}
}
