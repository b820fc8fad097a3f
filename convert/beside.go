package convert

import (
	"context"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// OpenBeside opens the file called name that stands beside the one that is being
// read: a shard that an index names. name comes from the file and is not
// trusted: anything but a plain name, which leads nowhere else on any system, is
// ErrFormat. What is beside an address is an address of its scheme. The caller
// closes the Map, or puts it into Layout.Sources.
func (o *ReadOptions) OpenBeside(ctx context.Context, in Input, name string) (*mmap.Map, error) {
	if !plainName(name) {
		return nil, &Error{Kind: tensorfile.ErrFormat, Path: in.Path(), Offset: -1, Field: "file name", Got: tensor.Quote(name), Want: "a plain name beside this file"}
	}
	path, open := in.Path(), &tensorfile.OpenOptions{}
	if o != nil && o.place != nil {
		path, open = o.place.path, o.place.open
	}
	if schemeOf(path) == "" {
		m, _, err := openSource(ctx, filepath.Join(filepath.Dir(path), name), open)
		return m, err
	}
	at, err := url.Parse(path)
	if err != nil { // its text has the address, perhaps with a password
		return nil, &Error{Kind: tensorfile.ErrFormat, Path: in.Path(), Offset: -1, Field: "address", Got: "one that cannot be taken apart", Want: "a URL"}
	}
	at.RawQuery, at.Fragment = "", ""
	m, _, err := openSource(ctx, at.ResolveReference(&url.URL{Path: "./" + name}).String(), open)
	return m, err
}

// place is where a file was found and how it was opened, for what is beside it.
type place struct {
	path string
	open *tensorfile.OpenOptions
}

// plainName reports whether name is that of a file in the same directory on
// every system.
func plainName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= 255 && !strings.ContainsAny(name, "/\\:\x00")
}
