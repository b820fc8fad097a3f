package viewer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/remote/httprange"
	"github.com/tensorfile/tensorfile/tensor"
)

// mostFiles bounds the files of folders, and mostDepth how deep they lie.
const (
	mostFiles = 10_000
	mostDepth = 8
	// mostOpen is how many files are kept open; those that are in use count, too.
	mostOpen = 32
)

// A source is a file that the server was given.
type source struct {
	id   int
	path string
	name string // for people

	mu    sync.Mutex
	open  map[uint64]*handle // by generation; 0: the newest
	local bool
}

// A handle is an open file, at one generation.
type handle struct {
	src      *source
	file     *tensorfile.File
	identity string // of what it shows: two handles of the same have the same
	index    *index
	bytes    byteMapOnce
	refs     int  // calls that use it
	stale    bool // not given to others any more
	age      int64
}

// sources lists the files at paths and in folders.
func sources(paths []string) ([]*source, error) {
	var list []*source
	add := func(path, name string, local bool) {
		list = append(list, &source{id: len(list), path: path, name: name, local: local, open: map[uint64]*handle{}})
	}
	for _, p := range paths {
		if shown := convert.Redact(httprange.Redact(p)); strings.Contains(p, "://") {
			if _, err := os.Lstat(p); err != nil {
				add(p, shown, false)
				continue
			}
		}
		fi, err := os.Stat(p)
		if err != nil || !fi.IsDir() {
			add(p, filepath.Base(p), true) // an error shows when it is opened
			continue
		}
		err = filepath.WalkDir(p, func(path string, d fs.DirEntry, err error) error {
			rel, e := filepath.Rel(p, path)
			switch {
			case err != nil && path == p, e != nil:
				return cmp.Or(err, e)
			case err != nil: // a folder that may not be read
				return nil
			case d.IsDir():
				if rel != "." && (strings.HasPrefix(d.Name(), ".") || strings.Count(rel, string(filepath.Separator)) >= mostDepth) {
					return filepath.SkipDir
				}
			case d.Type().IsRegular() && readable(path):
				if len(list) >= mostFiles {
					return filepath.SkipAll
				}
				add(path, filepath.ToSlash(rel), true)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if len(list) == 0 {
		return nil, &tensorfile.Error{Kind: tensorfile.ErrNotFound, Path: strings.Join(paths, ", "), Offset: -1, Field: "files", Got: "none", Want: "files of formats that can be read"}
	}
	return list, nil
}

// readable reports whether the name of a file says that it can be read.
func readable(path string) bool {
	if strings.EqualFold(filepath.Ext(path), format.Extension) {
		return true
	}
	f, ok := convert.ByExtension(path)
	return ok && f.Open != nil
}

// openFile gives a file at a generation, open, until release is called.
func (s *Server) openFile(ctx context.Context, src *source, generation uint64) (*handle, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	src.mu.Lock()
	defer src.mu.Unlock()
	if h := src.open[generation]; h != nil {
		h.refs++
		h.age = s.ticks.add(1)
		return h, nil
	}
	o := s.open
	o.Generation = generation
	f, err := convert.Open(s.ctx, src.path, &o)
	if err != nil {
		return nil, err
	}
	h := &handle{src: src, file: f, refs: 2, age: s.ticks.add(1)} // the call, and the index
	h.identity = h.identify()
	h.index = newIndex()
	src.open[generation] = h
	s.background(func() {
		s.closeUnused(src)
		h.index.build(s.ctx, f)
		h.release()
		s.closeUnused(src) // what was in use before may not be now
	})
	return h, nil
}

// identify makes a text that is the same for the same content, as far as that can
// be told without reading it.
func (h *handle) identify() string {
	i := h.file.Info()
	text := fmt.Sprintf("%d %s %d %d", h.src.id, i.UUID, i.Generation, i.Size)
	if fi, err := os.Stat(h.src.path); h.src.local && err == nil && i.UUID == "" {
		text += " " + fi.ModTime().UTC().Format("20060102150405.000000000")
	}
	return text
}

// release ends the use of a handle.
func (h *handle) release() {
	h.src.mu.Lock()
	h.refs--
	last := h.refs == 0 && h.stale
	h.src.mu.Unlock()
	if last {
		h.file.Close()
	}
}

// retire gives a handle to nobody else; the last that uses it closes it. src.mu is
// held.
func (h *handle) retire(generation uint64) {
	delete(h.src.open, generation)
	h.stale = true
	if h.refs == 0 {
		h.file.Close()
	}
}

// close closes what is open. Nobody uses it any more.
func (f *source) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for g, h := range f.open {
		delete(f.open, g)
		errs = append(errs, h.file.Close())
	}
	return errors.Join(errs...)
}

// closeUnused closes files that were not used for longest until mostOpen are left,
// but for those in use and that of except.
func (s *Server) closeUnused(except *source) {
	type candidate struct {
		h   *handle
		gen uint64
		age int64
	}
	var all []candidate
	for _, f := range s.files {
		f.mu.Lock()
		for g, h := range f.open {
			all = append(all, candidate{h, g, h.age})
		}
		f.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Compare(a.age, b.age) })
	excess := len(all) - mostOpen
	for _, c := range all {
		if excess <= 0 {
			return
		}
		f := c.h.src
		f.mu.Lock()
		if f != except && c.h.refs == 0 && f.open[c.gen] == c.h {
			c.h.retire(c.gen)
			excess--
		}
		f.mu.Unlock()
	}
}

// refresh lets go of what has changed on disk since it was opened, so that the next
// call opens it anew.
func (f *source) refresh() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for g, h := range f.open {
		if !f.local {
			continue
		}
		changed := h.file.Check() != nil
		if !changed && g == 0 && h.file.Layout() == nil {
			newer, err := h.file.Refresh()
			if newer != nil {
				newer.Close()
			}
			changed = newer != nil || errors.Is(err, tensorfile.ErrChanged)
		}
		if changed {
			h.retire(g)
		}
	}
}

type fileDoc struct {
	ID          int       `json:"id"`
	Path        string    `json:"path"`
	Name        string    `json:"name"`
	Format      string    `json:"format,omitempty"`
	Bytes       *number   `json:"bytes,omitempty"`
	Tensors     *number   `json:"tensors,omitempty"` // as far as they are counted
	Counting    bool      `json:"counting,omitempty"`
	Generation  *number   `json:"generation,omitempty"`
	Generations *number   `json:"generations,omitempty"`
	Notes       []string  `json:"notes,omitempty"`
	Attrs       any       `json:"attrs,omitempty"`
	Error       *errorDoc `json:"error,omitempty"`
}

type limitsDoc struct {
	Cells    int64  `json:"cells"`    // of values
	Tile     int64  `json:"tile"`     // cells of a side
	Reduce   number `json:"reduce"`   // elements of a tile that are reduced
	Bins     int64  `json:"bins"`     // of a profile
	Pixels   int64  `json:"pixels"`   // of a picture
	Seconds  int64  `json:"seconds"`  // of sound
	Rows     int64  `json:"rows"`     // of ragged tensors and strings, and of lists
	Download string `json:"download"` // what a download may be
}

// openAtOnce is how many files are opened to list them; of more, those that have been
// opened are told about.
const (
	openAtOnce = 16
	countTime  = 20 * time.Millisecond // for its tensors to be counted
)

// fileList answers what files there are. What has changed on disk is opened anew.
func (c *call) fileList() error {
	type document struct {
		Schema     string    `json:"schema"`
		Version    string    `json:"version"`
		Files      []fileDoc `json:"files"`
		Limits     limitsDoc `json:"limits"`
		Generation number    `json:"generation"` // that is shown first; 0: the newest
	}
	d := document{Schema: schema("files"), Version: c.opts.Version, Generation: number(c.opts.Generation), Limits: limitsDoc{
		Cells: mostCells, Tile: tileSide, Reduce: mostReduced, Bins: mostBins, Pixels: mostPixels, Seconds: mostSeconds, Rows: mostRows, Download: "npy,csv,png,wav",
	}}
	for _, f := range c.files {
		f.refresh()
		if err := c.ctx.Err(); err != nil {
			return err
		}
		d.Files = append(d.Files, c.fileDoc(f, len(c.files) <= openAtOnce))
	}
	return c.json(d)
}

func (c *call) fileDoc(f *source, open bool) fileDoc {
	d := fileDoc{ID: f.id, Path: tensor.Escape(f.path), Name: tensor.Escape(f.name)}
	if !f.local {
		d.Path = d.Name
	} else if fi, err := os.Stat(f.path); err == nil {
		n := number(fi.Size())
		d.Bytes = &n
	}
	f.mu.Lock()
	if f.open[c.opts.Generation] != nil {
		open = true
	}
	f.mu.Unlock()
	if !open {
		return d
	}
	h, err := c.openFile(c.ctx, f, c.opts.Generation)
	if err != nil {
		e, _ := describeError(err)
		d.Error = &e
		return d
	}
	defer h.release()
	i := h.file.Info()
	size, gen := number(i.Size), number(i.Generation)
	d.Format, d.Bytes, d.Notes = i.Format, &size, i.Notes
	if a, err := h.file.Attrs(); err == nil {
		d.Attrs = survey.Attributes(a)
	}
	if i.Generation != 0 {
		d.Generation = &gen
		n := number(0)
		for _, err := range h.file.Generations(c.ctx) {
			if n++; err != nil || n == mostRows {
				break
			}
		}
		d.Generations = &n
	}
	if err := h.index.wait(c.ctx, math.MaxInt, countTime); err != nil {
		e, _ := describeError(err)
		d.Error = &e
	}
	n, done := h.index.len()
	count := number(n)
	d.Tensors, d.Counting = &count, !done
	return d
}
