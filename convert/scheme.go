package convert

import (
	"context"
	"strings"
	"sync"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/mmap"
)

// An Opener opens the object at an address, such as "https://host/a.tensor",
// as a source of bytes. ctx is that of the source as well: when it ends, reads
// fail. The Map, and with it what it reads from, is closed by the caller. Its
// Path, and the text of errors, tell the address without credentials.
type Opener func(ctx context.Context, address string) (*mmap.Map, error)

var schemes sync.Map // string -> Opener

// RegisterScheme makes Open take addresses that begin with scheme and "://".
// It is called from init functions, so that only programs that import a way
// to a network link one:
//
//	import _ "github.com/tensorfile/tensorfile/remote/httprange"
//
// A scheme that is taken is a bug and panics.
func RegisterScheme(scheme string, open Opener) {
	if _, taken := schemes.LoadOrStore(strings.ToLower(scheme), open); taken {
		panic("convert: scheme " + scheme + " registered twice")
	}
}

// wellKnown are schemes that are no paths, even if nobody registered them.
var wellKnown = map[string]string{
	"http":  "a program that imports remote/httprange",
	"https": "a program that imports remote/httprange",
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
