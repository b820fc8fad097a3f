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
	if !PlainName(name) {
		return nil, &Error{Kind: tensorfile.ErrFormat, Path: in.Path(), Offset: -1, Field: "file name", Got: tensor.Quote(name), Want: "a plain name beside this file"}
	}
	path, open := in.Path(), &tensorfile.OpenOptions{}
	if o != nil && o.place != nil {
		path, open = o.place.path, o.place.open
	}
	place, err := Beside(path, name)
	if err != nil {
		return nil, inFile(err, in.Path(), "")
	}
	m, _, err := openSource(ctx, place, open)
	return m, err
}

// OpenNative opens what OpenBeside gave as a native file, with the options that the
// file is opened with that is being read. The File owns m, also if OpenNative fails.
func (o *ReadOptions) OpenNative(m *mmap.Map) (*tensorfile.File, error) {
	var open *tensorfile.OpenOptions
	if o != nil && o.place != nil {
		open = o.place.open
	}
	return tensorfile.OpenMap(m, open)
}

// Beside is the path, or the address, of what is called name and stands beside
// path.
func Beside(path, name string) (string, error) {
	switch schemeOf(path) {
	case "":
		return filepath.Join(filepath.Dir(path), name), nil
	case "s3": // keys stand in the address as they are
		return path[:strings.LastIndexByte(path, '/')+1] + name, nil
	}
	at, err := url.Parse(path)
	if err != nil { // its text has the address, perhaps with a password
		return "", &Error{Kind: tensorfile.ErrFormat, Offset: -1, Field: "address", Got: "one that cannot be taken apart", Want: "a URL"}
	}
	at.RawQuery, at.Fragment = "", ""
	return at.ResolveReference(&url.URL{Path: "./" + name}).String(), nil
}

// place is where a file was found and how it was opened, for what is beside it.
type place struct {
	path string
	open *tensorfile.OpenOptions
}

// PlainName reports whether name is that of a file in the same directory on
// every system.
func PlainName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= 255 && !strings.ContainsAny(name, "/\\:\x00")
}
