package tensorfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/atomicfile"
	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/internal/mutant"
)

// RepackOptions says how to repack. The zero value, and nil, are the defaults.
type RepackOptions struct {
	// Keep lists generations to keep beside the one that the source shows, each
	// as a commit of its own under its number and time. Default: none.
	Keep []uint64
	// KeepAll keeps the whole history. Default: false.
	KeepAll bool
	// Align is the alignment in bytes of payloads of 64 KiB and more. Default:
	// that of the source.
	Align int
	// Recode, if not nil, says which tensors are stored in another way than they
	// are. It goes with a single generation. Default: nil, all bytes as they are.
	Recode Recode
	// Overwrite replaces a file that is there. Default: false, but a repack in
	// place replaces its source.
	Overwrite bool
	// Deterministic derives the UUID from the source and these options, so that
	// equal sources give equal bytes. Default: false.
	Deterministic bool
	// Seed tells files with different Recode, which no options show, apart: with
	// Deterministic it goes into the UUID, too. Default: nothing.
	Seed []byte
	// NoSync leaves it to chance when the bytes reach the disk. Default: false.
	NoSync bool
	// Wait is how long to wait for a writer of the source. Default: 0, an error
	// of kind ErrLocked at once.
	Wait time.Duration
	// Unlocked goes on where the file system has no locks. Default: false.
	Unlocked bool

	fs fsys.FS
}

// RepackResult says what a repack did.
type RepackResult struct {
	Generations []uint64 // that the new file holds, oldest first
	Tensors     int      // of the newest, parts not counted
	Storages    int      // that were copied
	Payload     int64    // bytes of them
	Before      int64    // bytes of the source
	After       int64    // bytes of the new file
	InPlace     bool
}

// Repack writes the generation that src shows, and those to be kept, to a new
// file at dst, without what nothing of them reaches. Bytes are copied as they
// are and their checksums compared: damage is an error that names the tensor,
// and dst stays as it was. What shared a storage goes on sharing it. Memory
// grows with the catalogs, not with the payload.
//
// If dst is the file of src it is replaced in one step; src, and every other
// reader, keeps the old file until it is closed. Then src must show the newest
// generation. While Repack runs no other writer gets the source, unless the
// source cannot be written; src itself is only read.
func Repack(ctx context.Context, src *File, dst string, o *RepackOptions) (*RepackResult, error) {
	p := &repacker{src: src, dst: dst, res: &RepackResult{}}
	if o != nil {
		p.o = *o
	}
	if p.o.fs == nil {
		p.o.fs = fsys.Default()
	}
	if err := p.run(ctx); err != nil {
		return nil, located(err, src.Path(), "")
	}
	return p.res, nil
}

type repacker struct {
	src  *File
	dst  string
	o    RepackOptions
	res  *RepackResult
	lock fsys.File
}

func (p *repacker) run(ctx context.Context) error {
	if err := p.src.native("repack"); err != nil {
		return err
	}
	if r := p.src.cat.Root(); r.ReadOnly() {
		return &Error{Kind: ErrUnsupported, Format: format.Name, Offset: -1, Field: "must-write features", Got: fmt.Sprintf("%#x", r.MustWrite), Want: "none that this library does not know", Rule: format.RuleRootMustWrite}
	}
	lease, err := p.src.m.Acquire()
	if err != nil {
		return err
	}
	defer lease.Release()
	defer func() {
		if p.lock != nil {
			p.lock.Close()
		}
	}()
	if err := p.lockSource(); err != nil {
		return err
	}
	roots, err := p.roots(ctx)
	if err != nil {
		return err
	}
	if err := p.write(ctx, roots); err != nil {
		return err
	}
	p.res.Before = p.src.m.Size()
	return nil
}

// lockSource keeps writers from the source and finds out whether the source is
// what is to be replaced.
func (p *repacker) lockSource() error {
	path := p.src.Path()
	if !p.src.m.Local() && p.o.fs == fsys.Default() {
		return nil // no file
	}
	source, err := p.o.fs.Resolve(path)
	if err != nil {
		return atomicfile.Fail(err, path, "path", -1)
	}
	target, err := p.o.fs.Resolve(p.dst)
	if err != nil {
		return atomicfile.Fail(err, p.dst, "path", -1)
	}
	a, err := p.o.fs.Stat(source)
	if err != nil {
		return atomicfile.Fail(err, path, "source", -1)
	}
	b, err := p.o.fs.Stat(target)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return atomicfile.Fail(err, p.dst, "destination", -1)
	}
	p.res.InPlace = err == nil && p.o.fs.SameFile(a, b)
	if p.res.InPlace && p.src.cat.Root().Generation != p.src.choice.Root.Generation {
		return &Error{Kind: ErrUnsupported, Offset: -1, Field: "repack in place", Got: fmt.Sprintf("generation %d", p.src.cat.Root().Generation), Want: fmt.Sprintf("the newest, %d", p.src.choice.Root.Generation)}
	}
	if !p.res.InPlace {
		f, err := p.o.fs.OpenWrite(source)
		if errors.Is(err, fs.ErrPermission) || fsys.IsReadOnly(err) {
			return nil // then nobody else of us writes it either
		}
		if err != nil {
			return atomicfile.Fail(err, path, "open for writing", -1)
		}
		f.Close()
	}
	p.lock, err = lockFile(p.o.fs, path, p.o.Wait, p.o.Unlocked)
	switch {
	case err == nil:
		err = p.src.replaced()
	case !p.res.InPlace && errors.Is(err, ErrUnsupported):
		return nil // no locks: committed bytes stay as they are all the same
	}
	if err != nil || !p.res.InPlace {
		return err
	}
	// A commit that src does not show would be lost.
	fi, err := p.lock.Stat()
	if err != nil {
		return atomicfile.Fail(err, path, "stat", -1)
	}
	c, err := chooseLocked(fileSource{p.lock}, p.src.uuid, fi.Size())
	if err == nil && c.Bytes != p.src.choice.Bytes && !mutant.On("commit before a repack") {
		err = &Error{Kind: ErrChanged, Offset: -1, Field: "generation", Got: fmt.Sprint(c.Root.Generation), Want: fmt.Sprintf("%d, as when it was opened", p.src.choice.Root.Generation)}
	}
	return err
}

// roots returns the generations to write, oldest first.
func (p *repacker) roots(ctx context.Context) ([]*format.Root, error) {
	last := p.src.cat.Root()
	keep := map[uint64]bool{last.Generation: true}
	for _, g := range p.o.Keep {
		if g > last.Generation {
			return nil, &Error{Kind: ErrNotFound, Format: format.Name, Offset: -1, Field: "generation", Got: fmt.Sprint(g), Want: fmt.Sprintf("one up to %d", last.Generation)}
		}
		keep[g] = true
	}
	var list []*format.Root
	var have numbers
	for root := last; root != nil; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		have.add(root.Generation)
		if p.o.KeepAll || keep[root.Generation] {
			list = append(list, root)
		}
		if !p.o.KeepAll && len(list) == len(keep) {
			break
		}
		var err error
		if root, err = previousRoot(p.src.m, root); err != nil {
			return nil, err
		}
	}
	slices.Reverse(list)
	for _, g := range p.o.Keep {
		if !slices.ContainsFunc(list, func(r *format.Root) bool { return r.Generation == g }) {
			return nil, &Error{Kind: ErrNotFound, Format: format.Name, Offset: -1, Field: "generation", Got: fmt.Sprint(g), Want: "one of " + have.String()}
		}
	}
	for _, r := range list {
		p.res.Generations = append(p.res.Generations, r.Generation)
	}
	return list, nil
}

// write makes the new file.
func (p *repacker) write(ctx context.Context, roots []*format.Root) (err error) {
	align := p.o.Align
	if align == 0 {
		align = 1 << p.src.cat.Root().AlignExp
	}
	w, err := Create(p.dst, &CreateOptions{
		Overwrite: p.o.Overwrite || p.res.InPlace, Align: align, Deterministic: p.o.Deterministic, NoSync: p.o.NoSync, fs: p.o.fs,
		Seed: append(seedOf("repack", p.src.uuid, p.res.Generations, uint8(align>>format.MinAlignExp)), p.o.Seed...),
	})
	if err != nil {
		return err
	}
	defer func() { err = atomicfile.Also(err, w.Close()) }()
	r := newReplica(w, p.src)
	if r.several = len(roots) > 1; r.several && p.o.Recode != nil {
		return &Error{Kind: ErrUnsupported, Offset: -1, Field: "repack", Got: fmt.Sprintf("%d generations to be stored in another way", len(roots)), Want: "one"}
	}
	r.recode = p.o.Recode
	for i, root := range roots {
		cat := p.src.cat
		if root.Generation != cat.Root().Generation {
			if cat, err = format.OpenCatalog(p.src.m, root); err != nil {
				return err
			}
		}
		var c *content
		err := p.src.m.Guard(func() (err error) {
			c, err = contentOf(ctx, p.src, cat)
			return err
		})
		if err != nil {
			return err
		}
		w.number, w.opts.Time = root.Generation, root.Time
		if err := r.add(ctx, c); err != nil {
			return err
		}
		if i < len(roots)-1 {
			if _, err := w.finish(false); err != nil {
				return err
			}
			continue
		}
		for j := range c.tensors {
			if t := &c.tensors[j]; t.Kind != format.KindFile && !format.IsPart(t.Name) {
				p.res.Tensors++
			}
		}
	}
	p.res.Storages, p.res.Payload = r.count, r.bytes
	if err := w.Commit(ctx); err != nil {
		return err
	}
	p.res.After = w.out.off
	return nil
}
