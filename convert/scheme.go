package convert

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"strings"
	"sync"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// An Opener opens the object at an address, such as "https://host/a.tensor",
// as a source of bytes. ctx is that of the source as well: when it ends, reads
// fail. The Map, and with it what it reads from, is closed by the caller. Its
// Path, and the text of errors, tell the address without credentials.
type Opener func(ctx context.Context, address string) (*mmap.Map, error)

var schemes sync.Map // string -> Opener, or a Format

// RegisterScheme makes Open take addresses that begin with scheme and "://".
// It is called from init functions, so that only programs that import a way
// to a network link one:
//
//	import _ "github.com/tensorfile/tensorfile/remote/httprange"
//
// A scheme that is taken is a bug and panics.
func RegisterScheme(scheme string, open Opener) { registerScheme(scheme, open) }

func registerScheme(scheme string, open any) {
	if _, taken := schemes.LoadOrStore(strings.ToLower(scheme), open); taken {
		panic("convert: scheme " + scheme + " registered twice")
	}
}

// An Output is what is written to an address: bytes in their order, which appear
// there as a whole when Commit returns nil. Close without Commit leaves nothing. It
// belongs to one goroutine.
//
// Where several are to appear together they are also asked for two methods, and do
// without those that they do not have. Flush() error says that nothing is written any
// more: what takes long is done before it returns, and little memory is held until
// Commit. Remove() error takes away again what Commit made, after it.
type Output interface {
	io.Writer
	Commit() error
	Close() error
}

// A Creator begins what is written to an address. ctx is that of all that the Output
// does. Unless overwrite, what is there already is ErrExists.
type Creator func(ctx context.Context, address string, overwrite bool) (Output, error)

var outputs sync.Map // scheme -> Creator

// RegisterOutput makes Files write to addresses that begin with scheme and "://". It
// is called from init functions; a scheme that is taken is a bug and panics.
func RegisterOutput(scheme string, create Creator) {
	if _, taken := outputs.LoadOrStore(strings.ToLower(scheme), create); taken {
		panic("convert: output scheme " + scheme + " registered twice")
	}
}

// CreateOutput begins what is written to an address of a scheme that was registered
// with RegisterOutput. ok is false if path is none.
func CreateOutput(ctx context.Context, path string, overwrite bool) (out Output, ok bool, err error) {
	create, ok := outputs.Load(schemeOf(path))
	if !ok {
		return nil, false, nil
	}
	out, err = create.(Creator)(ctx, path, overwrite)
	return out, true, err
}

// takesOutput reports whether path is an address that CreateOutput knows.
func takesOutput(path string) bool {
	_, ok := outputs.Load(schemeOf(path))
	return ok
}

// wellKnown are schemes that are no paths, even if nobody registered them.
var wellKnown = map[string]string{
	"http":  "a program that imports remote/httprange",
	"https": "a program that imports remote/httprange",
	"s3":    "a program that imports remote/s3",

	"postgres":   "a program that imports convert/sql/postgres",
	"postgresql": "a program that imports convert/sql/postgres",
}

// schemeOf returns the scheme of an address, and "" for a path.
func schemeOf(path string) string {
	scheme, _, ok := strings.Cut(path, "://")
	if !ok {
		return ""
	}
	scheme = strings.ToLower(scheme)
	_, reads := schemes.Load(scheme)
	if _, writes := outputs.Load(scheme); !reads && !writes && wellKnown[scheme] == "" {
		return ""
	}
	return scheme
}

// byScheme returns the format that has the scheme of an address.
func byScheme(path string) (Format, bool) {
	v, _ := schemes.Load(schemeOf(path))
	f, ok := v.(Format)
	return f, ok
}

// Redact is a path as it is shown: the address of a format that has Schemes is
// without its password.
func Redact(path string) string {
	if f, ok := byScheme(path); ok {
		return f.Redact(path)
	}
	return path
}

// connect opens what is at an address of f.
func connect(ctx context.Context, f Format, address string, o *OpenOptions) (*tensorfile.File, error) {
	shown := f.Redact(address)
	if o.Format != "" && o.Format != f.Name {
		return nil, &Error{Kind: tensorfile.ErrUnsupported, Path: shown, Offset: -1, Field: "format", Got: tensor.Quote(o.Format), Want: f.Name}
	}
	if err := noGenerations(f, shown, o); err != nil {
		return nil, err
	}
	l, err := f.Connect(ctx, address, &o.ReadOptions)
	if err != nil {
		return nil, inFile(err, shown, f.Name)
	}
	return tensorfile.OpenLayout(mmap.NewReaderAt(bytes.NewReader(nil), 0, shown), l, &o.OpenOptions)
}

// openSource opens what path names: a file, or an address of a registered
// scheme.
func openSource(ctx context.Context, path string, o *tensorfile.OpenOptions) (m *mmap.Map, remote bool, err error) {
	scheme := schemeOf(path)
	if scheme == "" {
		m, err = tensorfile.OpenSource(path, o)
		return m, false, err
	}
	open, ok := schemes.Load(scheme)
	if !ok {
		return nil, true, &Error{Kind: tensorfile.ErrUnsupported, Offset: -1, Field: "address", Got: scheme + "://...", Want: cmp.Or(wellKnown[scheme], "a scheme that can be read")}
	}
	m, err = open.(Opener)(ctx, path)
	return m, true, err
}
