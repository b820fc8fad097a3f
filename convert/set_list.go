package convert

import (
	"bytes"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/atomicfile"
)

// Folder lists the files in a folder by the bytes of their names, the same on
// every system, and with below those in its folders, each where its folder's name
// stands. It goes no deeper. What has a name that begins with a dot, and what is
// neither a file nor a folder, is left out; links are followed.
func Folder(dir string, below bool) ([]string, error) {
	entries, err := os.ReadDir(dir) // ordered by the bytes of names
	if err != nil {
		return nil, atomicfile.Fail(err, dir, "folder", -1)
	}
	var list []string
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		mode := e.Type()
		if mode&os.ModeSymlink != 0 {
			fi, err := os.Stat(name)
			if err != nil {
				list = append(list, name) // opening it says more
				continue
			}
			mode = fi.Mode()
		}
		switch {
		case mode.IsRegular():
			list = append(list, name)
		case mode.IsDir() && below:
			files, err := Folder(name, false)
			if err != nil {
				return nil, err
			}
			list = append(list, files...)
		}
	}
	return list, nil
}

// ReadList reads names of files: of a list with NULs in it, as find -print0 makes
// it, what stands between them; else its lines, which may end as on Windows. Empty
// ones are left out.
func ReadList(r io.Reader) ([]string, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	sep := "\n"
	if bytes.IndexByte(b, 0) >= 0 {
		sep = "\x00"
	}
	var list []string
	for name := range strings.SplitSeq(string(b), sep) {
		if sep == "\n" {
			name = strings.TrimSuffix(name, "\r")
		}
		if name != "" {
			list = append(list, name)
		}
	}
	return list, nil
}

// LabelDir is SetOptions.Label by folders: the class of a file is the name of the
// folder that it lies in.
func LabelDir(name string) (string, error) {
	dir := ""
	if schemeOf(name) != "" {
		u, err := url.Parse(name)
		if err == nil {
			dir = path.Base(path.Dir(u.Path))
		}
	} else {
		abs, err := filepath.Abs(name)
		if err != nil {
			return "", atomicfile.Fail(err, name, "folder", -1)
		}
		dir = filepath.Base(filepath.Dir(abs))
	}
	if dir == "" || dir == "." || dir == "/" || dir == string(filepath.Separator) {
		return "", &Error{Kind: tensorfile.ErrPath, Path: name, Offset: -1, Field: "label", Got: "no folder", Want: "a file in a folder with the name of its class"}
	}
	return strings.ToValidUTF8(dir, "\uFFFD"), nil
}
