package tensorfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/atomicfile"
	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/internal/mutant"
)

// AppendOptions says how to edit a file. The zero value, and nil, are the
// defaults.
type AppendOptions struct {
	// Wait is how long to wait for another writer. Default: 0, an error of kind
	// ErrLocked at once.
	Wait time.Duration
	// Unlocked goes on where the file system has no locks. Default: false.
	Unlocked bool
	// RemoteFS goes on where another machine or a program stands behind the file
	// system (NFS, SMB, FUSE and their like, found out by statfs): there locks
	// may not keep other hosts out, a sync may not last, and a mapping of a
	// reader elsewhere may show stale bytes. Default: false, such a file is
	// ErrUnsupported.
	RemoteFS bool
	// Align is the alignment in bytes of new payloads of 64 KiB and more.
	// Default: that of the file.
	Align int
	// Time of the commits. Default: now.
	Time time.Time

	fs fsys.FS
}

// base is the generation that an edit starts from.
type base struct {
	file  fsys.File
	path  string // of file, links resolved
	src   fileSource
	root  format.Root
	bytes [format.RootSize]byte
	cat   *format.Catalog
	slot  int            // that holds the newest record
	dirty bool           // bytes of the file past the committed length are ours
	ready bool           // both slots are sound and nothing lies past the committed length
	lost  bool           // another writer has committed: what lies past our length is its own
	swept bool           // leftovers beside the file were looked for
	refs  map[uint64]int // names on a storage, once something was taken off one
}

// fileSource reads a catalog through the writer's own descriptor.
type fileSource struct{ f fsys.File }

func (s fileSource) Mapped() bool { return false }

func (s fileSource) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.f.ReadAt(p, off)
	if n == len(p) {
		return n, nil
	}
	if err == io.EOF {
		err = &Error{Kind: ErrTruncated, Offset: off + int64(n), Field: "file", Got: "its end", Want: fmt.Sprintf("%d bytes more", len(p)-n)}
	}
	return n, atomicfile.Fail(err, "", "read", off+int64(n))
}

func (s fileSource) Fetch(off uint64, n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := s.ReadAt(b, int64(off))
	return b, err
}

// OpenAppend begins to edit the native file at path. Readers are not disturbed:
// they keep the generation that they opened. One writer at a time has the
// file; a second one gets ErrLocked. Nothing of the file changes before the
// first byte of payload or Commit.
//
// The Writer may commit any number of times. Close without Commit takes back
// what was not committed.
func OpenAppend(path string, o *AppendOptions) (*Writer, error) {
	w := &Writer{path: path, changes: map[string]*format.TensorRecord{}, copies: map[copyKey]StorageID{}}
	if o != nil {
		w.append = *o
	}
	if w.append.fs == nil {
		w.append.fs = fsys.Default()
	}
	if err := w.lock(); err != nil {
		return nil, located(err, path, "")
	}
	if err := w.openBase(); err != nil {
		w.base.file.Close()
		return nil, located(err, path, "")
	}
	return w, nil
}

// lock opens the file for writing and takes its lock.
func (w *Writer) lock() error {
	if !w.append.RemoteFS {
		if err := local(w.append.fs, w.path); err != nil {
			return err
		}
	}
	f, err := lockFile(w.append.fs, w.path, w.append.Wait, w.append.Unlocked)
	if err == nil {
		w.base = &base{file: f, path: f.Name(), src: fileSource{f}}
	}
	return err
}

// local refuses a file that is on a file system whose locks and syncs cannot be
// relied on.
func local(fsy fsys.FS, path string) error {
	target, err := fsy.Resolve(path)
	if err != nil {
		return atomicfile.Fail(err, path, "path", -1)
	}
	name := fsy.Remote(target)
	if name == "" {
		return nil
	}
	if _, err := fsy.Stat(target); err != nil {
		return atomicfile.Fail(err, path, "open for writing", -1)
	}
	return &Error{Kind: ErrUnsupported, Path: path, Offset: -1, Field: "file system", Got: name, Want: "a local one, or the option RemoteFS, if no other host writes the file"}
}

// lockFile opens the file at path for writing and takes its lock, which closing
// it gives back. A file that was replaced meanwhile is opened again.
func lockFile(fsy fsys.FS, path string, wait time.Duration, unlocked bool) (fsys.File, error) {
	target, err := fsy.Resolve(path)
	if err != nil {
		return nil, atomicfile.Fail(err, path, "path", -1)
	}
	deadline := time.Now().Add(wait)
	for {
		f, err := fsy.OpenWrite(target)
		if err != nil {
			return nil, atomicfile.Fail(err, path, "open for writing", -1)
		}
		err = f.Lock()
		if errors.Is(err, fsys.ErrNoLocks) && unlocked {
			err = nil
		}
		if err == nil {
			var same bool
			if same, err = sameFile(fsy, f, target); err == nil && same || mutant.On("inode") {
				return f, nil
			}
		}
		f.Close()
		switch {
		case errors.Is(err, fsys.ErrLocked) && time.Now().Before(deadline):
			time.Sleep(min(10*time.Millisecond, time.Until(deadline)))
		case errors.Is(err, fsys.ErrLocked):
			return nil, &Error{Kind: ErrLocked, Path: path, Offset: -1, Field: "lock", Got: "another writer" + holder(target), Want: "a file that nobody else writes"}
		case errors.Is(err, fsys.ErrNoLocks):
			return nil, &Error{Kind: ErrUnsupported, Path: path, Offset: -1, Field: "lock", Got: "a file system without locks", Want: "the option Unlocked, if nobody else writes"}
		case err != nil:
			return nil, atomicfile.Fail(err, path, "lock", -1)
		}
	}
}

// stillThere reports an error if the file that is being edited has lost its
// name, to another one or to none: a commit would be lost with it.
func (w *Writer) stillThere() error {
	b := w.base
	have, err := b.file.Stat()
	if err != nil {
		return atomicfile.Fail(err, w.path, "stat", -1)
	}
	now, err := w.append.fs.Stat(b.path)
	got := "no file"
	switch {
	case err == nil && w.append.fs.SameFile(have, now), mutant.On("inode"):
		return nil
	case err == nil:
		got = "another file" + fsys.Inode(now)
	case !errors.Is(err, fs.ErrNotExist):
		return atomicfile.Fail(err, w.path, "stat", -1)
	}
	return &Error{Kind: ErrChanged, Path: w.path, Offset: -1, Field: "path", Got: got, Want: "the file that was opened" + fsys.Inode(have)}
}

func sameFile(fsy fsys.FS, f fsys.File, path string) (bool, error) {
	a, err := f.Stat()
	if err != nil {
		return false, err
	}
	b, err := fsy.Stat(path)
	if err != nil {
		return false, err
	}
	return fsy.SameFile(a, b), nil
}

func holder(path string) string {
	if who := fsys.LockHolder(path); who != "" {
		return " (" + who + ")"
	}
	return ""
}

// openBase chooses the root and opens its catalog.
func (w *Writer) openBase() error {
	b := w.base
	fi, err := b.file.Stat()
	if err != nil {
		return atomicfile.Fail(err, w.path, "stat", -1)
	}
	size := fi.Size()
	head := make([]byte, min(size, format.SlotB+format.RootSize))
	if _, err := b.src.ReadAt(head, 0); err != nil {
		return err
	}
	h, err := format.ParseHeader(head)
	if err != nil {
		return err
	}
	w.uuid = h.UUID
	c, err := w.choose(size)
	if err != nil {
		return err
	}
	if c.Root.ReadOnly() {
		return &Error{Kind: ErrUnsupported, Format: format.Name, Offset: rootOffset(&c), Field: "must-write features", Got: fmt.Sprintf("%#x", c.Root.MustWrite), Want: "none that this library does not know", Rule: format.RuleRootMustWrite}
	}
	if c.Root.Generation >= format.MaxGeneration {
		return &Error{Kind: ErrLimit, Format: format.Name, Offset: rootOffset(&c), Field: "generation", Got: fmt.Sprint(c.Root.Generation), Want: fmt.Sprintf("below %d: the file can only be read", uint64(format.MaxGeneration)), Rule: format.RuleRootGeneration}
	}
	// Equal slots may be those of a writer that was killed before it had synced
	// one; different ones were written one after the other's barrier.
	b.ready = c.Slots == [2]error{} && size == c.Root.Length && !c.Twins
	return w.rebase(c)
}

// rootOffset is where the record stands that was chosen.
func rootOffset(c *format.Choice) int64 {
	switch c.Place {
	case format.InSlotA:
		return format.SlotA
	case format.InSlotB:
		return format.SlotB
	}
	return c.Root.TrailerAt()
}

// choose reads the slots and decides which root counts.
func (w *Writer) choose(size int64) (format.Choice, error) {
	return chooseLocked(w.base.src, w.uuid, size)
}

// chooseLocked decides which root of a file counts that nobody else writes, so
// that one reading is enough.
func chooseLocked(src fileSource, uuid format.UUID, size int64) (format.Choice, error) {
	var slots [2][]byte
	for i, at := range [2]int64{format.SlotA, format.SlotB} {
		if size >= at+format.RootSize {
			slots[i] = make([]byte, format.RootSize)
			if _, err := src.ReadAt(slots[i], at); err != nil {
				return format.Choice{}, err
			}
		}
	}
	return format.ChooseRoot(uuid, slots[0], slots[1], size, func() ([]byte, error) {
		t := make([]byte, format.RootSize)
		_, err := src.ReadAt(t, size-format.RootSize)
		return t, err
	})
}

// rebase makes c the generation that edits start from.
func (w *Writer) rebase(c format.Choice) error {
	b := w.base
	cat, err := format.OpenCatalog(b.src, &c.Root)
	if err != nil {
		return err
	}
	b.root, b.bytes, b.cat, b.slot, b.refs = c.Root, c.Bytes, cat, int(c.Place), nil
	if c.Place == format.InTrailer {
		b.slot = 0 // prepare writes the record to a slot that is not sound
		if c.Slots[0] == nil && !mutant.On("slot of a trailer") {
			b.slot = 1
		}
	}
	w.alignExp = c.Root.AlignExp
	if w.append.Align != 0 {
		_, exp, err := (&CreateOptions{Align: w.append.Align}).resolve()
		if err != nil {
			return err
		}
		w.alignExp = exp
	}
	w.reset()
	return nil
}

// reset forgets what was not committed.
func (w *Writer) reset() {
	begin := w.base.root.Length
	if mutant.On("bytes below L again") {
		begin -= format.PageSize
	}
	out := newStream(&offsetWriter{w: w, off: begin}, begin)
	if w.out != nil {
		out.buf = w.out.buf[:0] // fresh memory costs more than the copy into it
	}
	out.head = out.off
	w.out = out
	w.tensors, w.storages, w.regrown, w.orphans, w.attrs, w.attrsSet = nil, nil, 0, nil, nil, false
	w.live, w.since.tensors, w.since.storages, w.since.bytes = int64(w.base.root.Live), 0, 0, 0
	w.nextID = w.base.cat.NextID()
	clear(w.changes)
	clear(w.copies)
	w.revertTo = nil
}

// offsetWriter writes a stream behind the committed length. Before the first
// byte it looks whether that is still free.
type offsetWriter struct {
	w     *Writer
	off   int64
	begun bool
}

func (o *offsetWriter) Write(p []byte) (int, error) {
	if !o.begun {
		if err := o.w.alone(); err != nil {
			return 0, err
		}
		o.begun = true
	}
	n, err := o.w.base.file.WriteAt(p, o.off)
	err = atomicfile.FailWrite(err, "", o.off, n, len(p))
	if n >= headSize {
		fsys.WriteBehind(o.w.base.file, o.off, int64(n))
	}
	o.off += int64(n)
	return n, err
}

// prepare makes the file ready for bytes past its committed length (spec,
// "Appending", steps 4 and 5): both slots sound, nothing behind the end.
func (w *Writer) prepare() error {
	b := w.base
	if b == nil {
		return nil
	}
	if !b.swept {
		atomicfile.Sweep(w.append.fs, b.path) // what a repack that was killed left
		// Whoever made the file may have been killed before its name was durable.
		if mutant.On("sync of the directory before an append") {
			// left out
		} else if err := w.append.fs.SyncDir(filepath.Dir(b.path)); err != nil && !errors.Is(err, fs.ErrPermission) {
			return w.failed(err, "sync of the directory")
		}
		b.swept = true
	}
	if b.ready {
		return nil
	}
	synced := false
	page := make([]byte, format.PageSize)
	copy(page, b.bytes[:])
	c, err := w.choose(b.root.Length)
	if err != nil && !errors.Is(err, ErrCorrupt) {
		return located(err, w.path, "")
	}
	for i, at := range [2]int64{format.SlotA, format.SlotB} {
		if c.Slots[i] == nil && err == nil || mutant.On("slots not sound") {
			continue
		}
		synced = true
		if n, err := b.file.WriteAt(page, at); err != nil {
			return w.failed(atomicfile.FailWrite(err, w.path, at, n, len(page)), "root slot")
		}
		if err := w.syncSlot(page, at); err != nil {
			return w.poison(err, "sync of a root slot")
		}
	}
	if err := w.dropTail(); err != nil {
		return w.failed(err, "leftover past the committed length")
	}
	if !synced && !mutant.On("equal slots") {
		if err := b.file.Datasync(); err != nil {
			return w.poison(err, "sync of the root slots")
		}
	}
	b.ready = true
	return nil
}

// alone reports an error if another writer has committed since, which only a
// file system without locks allows. What is written next would harm that.
func (w *Writer) alone() error {
	b := w.base
	c, err := w.choose(b.root.Length)
	switch {
	case err == nil && c.Bytes == b.bytes || mutant.On("slots read again"):
		return nil
	case err == nil || errors.Is(err, ErrTruncated) || errors.Is(err, ErrCorrupt):
		b.lost = true
		return &Error{Kind: ErrChanged, Offset: format.SlotA, Field: "root slots", Got: "the record of another writer", Want: fmt.Sprintf("generation %d, from which this edit started", b.root.Generation)}
	}
	return err
}

// syncSlot is the barrier after a slot was written. After one that failed the
// system shows the page that it may have lost, and would not write it again:
// the next writer would take it for durable. So the slot is made one that this
// writer has to mend.
func (w *Writer) syncSlot(page []byte, at int64) error {
	if mutant.On("barriers of slots") || mutant.On("both barriers") || mutant.On("acknowledged early") {
		return nil
	}
	err := w.base.file.Datasync()
	if err != nil && !mutant.On("slot lost by a sync") {
		clear(page)
		w.base.file.WriteAt(page, at) // its error changes nothing
	}
	return err
}

// dropTail cuts the file to its committed length, or where the system refuses,
// makes sure that its end is no trailer.
func (w *Writer) dropTail() error {
	b := w.base
	fi, err := b.file.Stat()
	if err != nil {
		return err
	}
	if fi.Size() <= b.root.Length || mutant.On("leftover stays") {
		return nil
	}
	if mutant.On("cut below L") {
		return b.file.Truncate(b.root.Length - format.PageSize)
	}
	if b.file.Truncate(b.root.Length) == nil {
		return nil
	}
	size := min(fi.Size()-b.root.Length, format.RootSize)
	n, err := b.file.WriteAt(make([]byte, size), fi.Size()-size)
	return atomicfile.FailWrite(err, w.path, fi.Size()-size, n, int(size))
}

// rollback takes back what was written since the last commit.
func (w *Writer) rollback() error {
	b := w.base
	b.refs = nil
	if b.dirty && !b.lost && !mutant.On("nothing taken back") {
		b.dirty = false
		if err := b.file.Truncate(b.root.Length); err != nil {
			return err
		}
	}
	w.reset()
	return nil
}

// failed takes an error from before the first barrier of a commit. What an edit
// has written is taken back; where space ran out the writer goes on, anything
// else poisons it.
func (w *Writer) failed(err error, field string) error {
	err = w.poison(err, field)
	if err == nil || w.base == nil {
		return err
	}
	if rerr := w.rollback(); rerr != nil {
		w.err = atomicfile.Also(err, atomicfile.Fail(rerr, w.path, "truncate", w.base.root.Length))
		return w.err
	}
	if errors.Is(err, ErrNoSpace) {
		w.err = nil
	}
	return err
}
