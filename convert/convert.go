// Package convert opens files of other formats as tensor files and writes
// them. A format is a Format value that its package registers; importing one
// format links no other:
//
//	import _ "github.com/tensorfile/tensorfile/convert/npy"
//
// Reading makes a Layout: storages and tensors over the foreign file's own
// bytes, so that plain payloads are mapped in place and every function of the
// library works on them. Writing streams tensors to an io.Writer.
//
// Files converts files, Append and AppendRows add to one that is there, and Set
// makes one tensor of many files, as many at a time as there are processors.
package convert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// What formats need of the engine.
type (
	Layout        = tensorfile.Layout
	LayoutStorage = tensorfile.LayoutStorage
	LayoutChunks  = tensorfile.LayoutChunks
	LayoutTensor  = tensorfile.LayoutTensor
	LayoutCheck   = tensorfile.LayoutCheck
	Attrs         = tensorfile.Attrs
	Tensor        = tensorfile.Tensor
	Error         = tensorfile.Error
)

// Input is a foreign file. ReadAt is safe for concurrent use and works until
// the tensorfile.File that is made of the layout is closed.
type Input interface {
	io.ReaderAt
	Size() int64
	Path() string
}

// ReadOptions says how to read a foreign file. The zero value, and nil, are
// the defaults. A format ignores what it has no use for.
type ReadOptions struct {
	// Name of the tensor in formats that hold one without a name. Default:
	// made of the file's name.
	Name string
	// SkipBad leaves out what cannot be read and lists it in Layout.Skipped,
	// instead of refusing the file. Default: false.
	SkipBad bool
	// Void2, if set, is the dtype to read NumPy's |V2 as, which is how bfloat16
	// arrays are saved. Default: two opaque bytes.
	Void2 tensor.DType
	// AllowTrailing reads files that have bytes behind what they describe, as
	// some writers leave them. Default: false, they are refused.
	AllowTrailing bool
	// ReplaceInvalid reads what is no UTF-8 in a text file as U+FFFD, instead of
	// refusing the file. Default: false.
	ReplaceInvalid bool
	// NoEXIF leaves pictures as they are stored, where EXIF says that they are to
	// be turned. Default: false, they are turned upright.
	NoEXIF bool
	// MaxDecoded limits the bytes that the pictures of a file decode to, and what
	// their decoder holds beside them. Default: 1 GiB; negative: no limit. Of sound
	// that another program decodes (package ffmpeg) it limits the samples. Default:
	// 16 GiB.
	MaxDecoded int64
	// Query is the SQL whose rows are read of a database. Default: those of Table.
	Query string
	// Table is the table to read of a database. Default: all of a file; of an
	// address it must be said.
	Table string
	// Columns says how the columns of tables are read.
	Columns TableOptions
	// MaxHeader limits the bytes of a header. Default: that of the format's own
	// reader (NumPy: 10,000).
	MaxHeader int64

	place *place // of the file; nil: that of the Input
}

// WriteOptions says how to write a foreign file. The zero value, and nil, are
// the defaults.
type WriteOptions struct {
	// Attrs are the file's own attributes, for formats that have a place for them.
	// Files fills them with those of its inputs. Default: none.
	Attrs Attrs
	// Compress asks for compression where a format has it as a choice (deflate
	// in .npz). Default: false.
	Compress bool
	// Delimiter is written between fields of csv. Default: a comma.
	Delimiter byte
	// NoHeader leaves out the names of columns in CSV. Default: false.
	NoHeader bool
	// Quality is that of lossy pictures, 1 to 100. Default: 90.
	Quality int
	// Table is the name of the table that is made in a database. Default: "tensors".
	// A database that is there is added to only if a name is given.
	Table string
	// Encoding is how samples of sound are written: u8, i8, i16, i24, i32, f32,
	// f64, alaw or mulaw, of which Format.Encodings are those of a format. The full
	// scales correspond: to integers samples are rounded in one step to the
	// nearest, halves to even, without dither, and clipped, and NaN becomes
	// silence. Default: the attribute "encoding" of a tensor if it is of its
	// dtype, or else what holds the dtype. Of pictures there is ascii, which PNM
	// has.
	Encoding string
}

// Source is a tensor to write and the name to write it under.
type Source struct {
	*Tensor
	As string
}

// Format is one foreign format.
type Format struct {
	Name        string   // "npy"
	Extensions  []string // ".npy", lower case
	Description string   // one line
	// Single says that a file holds exactly one tensor.
	Single bool
	// Sparse says that Write takes one sparse tensor, alone. Default: false,
	// dense tensors are all that it takes.
	Sparse bool
	// Strings says that Write takes tensors of strings. Default: false.
	Strings bool
	// Ragged says that Write takes ragged tensors. Default: false.
	Ragged bool
	// Encodings are what WriteOptions.Encoding may be. Default: nothing.
	Encodings []string
	// Keeps are the attributes of tensors that Write writes in its own way.
	Keeps []string
	// Places says what Write keeps of where elements lie. Default: AnyPlace.
	Places Places
	// FileLosses says what of a file's own attributes (WriteOptions.Attrs) Write
	// does not keep, a line for each. nil: it keeps none.
	FileLosses func(a Attrs) []string
	// TensorLoss says what of a tensor Write writes as something else, and as what:
	// "dtype", "bytes". nil: there is no such thing.
	TensorLoss func(s Source) (what, as string)
	// Detect reports whether a file that begins with prefix, up to 512 bytes,
	// is of this format.
	Detect func(prefix []byte) bool
	// Fits reports whether a file of size bytes that Detect takes is of this
	// format, for formats whose first bytes are not rare enough. nil: it is.
	Fits func(prefix []byte, size int64) bool
	// Open reads the description of a file. nil: the format cannot be read.
	Open func(ctx context.Context, in Input, o *ReadOptions) (*Layout, error)
	// Write writes tensors in order to w. If w is an io.WriterAt, what was written
	// may be filled in. nil: the format cannot be written.
	Write func(ctx context.Context, w io.Writer, src []Source, o *WriteOptions) error
	// WriteTo writes tensors into something that is there already and holds other
	// things, too: a table into a database. All of it is done or nothing. nil: the
	// format has no such thing.
	WriteTo func(ctx context.Context, to Target, src []Source, o *WriteOptions) error

	// Schemes are those of addresses, such as "postgres", whose objects are no
	// files: Connect opens them, and WriteTo writes into them. Default: none.
	Schemes []string
	// Connect reads what is at an address. The sources of the layout live as long as
	// the File.
	Connect func(ctx context.Context, address string, o *ReadOptions) (*Layout, error)
	// Redact is an address without what nobody else may see: errors and lists show
	// this one.
	Redact func(address string) string
}

// Target is what Format.WriteTo writes into.
type Target struct {
	Path string // of a file, or an address
	// Overwrite replaces what is there under the name that is to be written.
	// Default: false, it is ErrExists.
	Overwrite bool
	// DryRun looks whether it could be done, and does nothing. Default: false.
	DryRun bool
	// NoSync leaves it to chance when the bytes reach the disk. Default: false.
	NoSync bool
	// Progress is told the bytes of tensors written so far. nil: nobody asks.
	Progress func(done int64)
	// Check, if not nil, is called when all is written: its error undoes it.
	Check func() error
}

var registry struct {
	sync.RWMutex
	formats []Format
}

// Register makes a format known. It is called from init functions; a name that
// is taken is a bug and panics.
func Register(f Format) {
	registry.Lock()
	defer registry.Unlock()
	for _, g := range registry.formats {
		if g.Name == f.Name {
			panic("convert: format " + f.Name + " registered twice")
		}
	}
	for _, scheme := range f.Schemes {
		registerScheme(scheme, f)
	}
	registry.formats = append(registry.formats, f)
	slices.SortFunc(registry.formats, func(a, b Format) int { return cmp.Compare(a.Name, b.Name) })
}

// Formats returns the registered formats by name.
func Formats() []Format {
	registry.RLock()
	defer registry.RUnlock()
	return slices.Clone(registry.formats)
}

// ByName returns the registered format called name.
func ByName(name string) (Format, bool) {
	for _, f := range Formats() {
		if f.Name == name {
			return f, true
		}
	}
	return Format{}, false
}

// ByExtension returns the format whose files are named like path.
// Of extensions such as ".gz" and ".mtx.gz" the longest counts.
func ByExtension(path string) (found Format, ok bool) {
	name := strings.ToLower(filepath.Base(path))
	longest := 0
	for _, f := range Formats() {
		for _, ext := range f.Extensions {
			if len(ext) > longest && len(name) > len(ext) && strings.HasSuffix(name, ext) {
				found, longest = f, len(ext)
			}
		}
	}
	return found, longest > 0
}

// OpenOptions says how Open finds the format and how the file is then read.
type OpenOptions struct {
	tensorfile.OpenOptions
	ReadOptions
	// Format is the name of the format; "tensorfile" is the native one.
	// Default: found by the file's first bytes, then by its extension.
	Format string
}

// Open opens the file at path, native or of any registered format. The file's
// first bytes decide what it is, its extension only where they say nothing.
//
// path may be an address of a scheme that was registered with RegisterScheme.
// The object is then read as it is needed, under ctx, for as long as the File is
// open, and its end first, as with OpenOptions.TailFirst. Or it is one of a format
// that has Schemes, which is read before Open returns.
func Open(ctx context.Context, path string, o *OpenOptions) (*tensorfile.File, error) {
	if o == nil {
		o = &OpenOptions{}
	}
	if f, ok := byScheme(path); ok {
		return connect(ctx, f, path, o)
	}
	m, remote, err := openSource(ctx, path, &o.OpenOptions)
	if err != nil {
		return nil, err
	}
	if remote {
		own := *o
		own.TailFirst = true
		o = &own
	}
	return openMap(ctx, m, o, path)
}

// OpenMap is Open for a source that is open already. The File owns m from now
// on and closes it, also if OpenMap fails.
func OpenMap(ctx context.Context, m *mmap.Map, o *OpenOptions) (*tensorfile.File, error) {
	return openMap(ctx, m, o, m.Path())
}

func openMap(ctx context.Context, m *mmap.Map, o *OpenOptions, path string) (*tensorfile.File, error) {
	if o == nil {
		o = &OpenOptions{}
	}
	f, native, err := find(m, o)
	if err != nil {
		m.Close()
		return nil, err
	}
	if native {
		return tensorfile.OpenMap(m, &o.OpenOptions)
	}
	if err := noGenerations(f, m.Path(), o); err != nil {
		m.Close()
		return nil, err
	}
	read := o.ReadOptions
	read.place = &place{path, &o.OpenOptions}
	l, err := f.Open(ctx, m, &read)
	if err != nil {
		m.Close()
		return nil, inFile(err, m.Path(), f.Name)
	}
	for _, err := range l.Skipped {
		inFile(err, m.Path(), f.Name)
	}
	return tensorfile.OpenLayout(m, l, &o.OpenOptions)
}

func noGenerations(f Format, path string, o *OpenOptions) error {
	if o.Generation == 0 {
		return nil
	}
	return &Error{Kind: tensorfile.ErrUnsupported, Path: path, Format: f.Name, Offset: -1, Field: "generation", Got: fmt.Sprint(o.Generation), Want: "none: only .tensor files keep older ones"}
}

// find decides what m is.
func find(m *mmap.Map, o *OpenOptions) (f Format, native bool, err error) {
	name := o.Format
	bad := func(kind error, field, got, want string) error {
		return &Error{Kind: kind, Path: m.Path(), Offset: -1, Field: field, Got: got, Want: want}
	}
	if name == format.Name {
		return f, true, nil
	}
	if name != "" {
		f, ok := ByName(name)
		if !ok || f.Open == nil {
			return f, false, bad(tensorfile.ErrUnsupported, "format", tensor.Quote(name), "one of "+readable())
		}
		return f, false, nil
	}
	if o.TailFirst && m.Size() > format.TailSize {
		end := make([]byte, format.RootSize)
		if _, err := m.ReadAt(end, m.Size()-format.RootSize); err != nil {
			return f, false, err
		}
		if _, ok := format.ChooseTail(end, m.Size()); ok {
			return f, true, nil
		}
	}
	prefix := make([]byte, min(m.Size(), 512))
	if _, err := m.ReadAt(prefix, 0); err != nil {
		return f, false, err
	}
	if len(prefix) >= len(format.Magic) && [8]byte(prefix) == format.Magic {
		return f, true, nil
	}
	for _, f := range Formats() {
		if f.Open != nil && f.Detect != nil && f.Detect(prefix) && (f.Fits == nil || f.Fits(prefix, m.Size())) {
			return f, false, nil
		}
	}
	if strings.ToLower(filepath.Ext(m.Path())) == format.Extension {
		return f, true, nil // its own error says what is wrong with it
	}
	if f, ok := ByExtension(m.Path()); ok && f.Open != nil {
		return f, false, nil
	}
	got := fmt.Sprintf("% x", prefix[:min(len(prefix), 8)])
	if len(prefix) == 0 {
		got = "an empty file"
	}
	return f, false, &Error{Kind: tensorfile.ErrFormat, Path: m.Path(), Offset: 0, Field: "magic", Got: got, Want: "a file of a known format: " + readable()}
}

func readable() string {
	names := []string{format.Name}
	for _, f := range Formats() {
		if f.Open != nil {
			names = append(names, f.Name)
		}
	}
	return strings.Join(names, ", ")
}

// inFile adds path and format to an error that has none.
func inFile(err error, path, name string) error {
	var e *Error
	if errors.As(err, &e) {
		if e.Path == "" {
			e.Path = path
		}
		if e.Format == "" {
			e.Format = name
		}
	}
	return err
}
