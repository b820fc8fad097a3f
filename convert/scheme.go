package convert

import (
	"bytes"
	"context"
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

// wellKnown are schemes that are no paths, even if nobody registered them.
var wellKnown = map[string]string{
	"http":  "a program that imports remote/httprange",
	"https": "a program that imports remote/httprange",

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
	if _, ok := schemes.Load(scheme); !ok && wellKnown[scheme] == "" {
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
		return nil, true, &Error{Kind: tensorfile.ErrUnsupported, Offset: -1, Field: "address", Got: scheme + "://...", Want: wellKnown[scheme]}
	}
	m, err = open.(Opener)(ctx, path)
	return m, true, err
}
