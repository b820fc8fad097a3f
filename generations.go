package tensorfile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/mmap"
)

// Generation is one commit of a native file, as its root record tells it.
type Generation struct {
	Number   uint64    // ascends, with gaps where a repack has left some out
	Time     time.Time // of the commit, as its writer said
	Writer   string
	Length   int64  // committed bytes of the file with this commit
	Bytes    int64  // that this commit added
	Live     int64  // bytes of payload and tables that it reaches, as its writer said
	Previous uint64 // the generation before it; 0: none
}

// Generations yields the commits of a native file, newest first, from the
// newest that the file had when it was opened. Each costs two small reads. An
// error ends it: a broken chain is ErrCorrupt.
func (f *File) Generations(ctx context.Context) iter.Seq2[Generation, error] {
	return func(yield func(Generation, error) bool) {
		if err := f.native("history"); err != nil {
			yield(Generation{}, err)
			return
		}
		for root := &f.choice.Root; root != nil; {
			if err := ctx.Err(); err != nil {
				yield(Generation{}, err)
				return
			}
			prev, err := previousRoot(f.m, root)
			g := Generation{
				Number: root.Generation, Time: root.Time, Writer: root.Writer,
				Length: root.Length, Bytes: root.Length, Live: int64(root.Live),
			}
			if prev != nil {
				g.Previous, g.Bytes = prev.Generation, root.Length-prev.Length
			}
			// A record whose predecessor is damaged is whole itself.
			if !yield(g, nil) {
				return
			}
			if err != nil {
				yield(Generation{}, located(err, f.Path(), ""))
				return
			}
			root = prev
		}
	}
}

// native refuses foreign files.
func (f *File) native(what string) error {
	if f.layout == nil {
		return nil
	}
	return &Error{Kind: ErrUnsupported, Path: f.Path(), Format: f.layout.Format, Offset: -1, Field: what, Got: "a foreign file", Want: "a " + format.Name}
}

// history remembers where the trailers of a file are, as far back as somebody
// has walked, so that whoever asks for one generation after the other walks
// once. The zero history knows nothing.
type history struct {
	mu     sync.Mutex
	places []place // of those before the newest, descending
	whole  bool    // the last of them is the first of the file
}

type place struct {
	generation uint64
	at         int64 // of the trailer
}

// find returns the root of a generation of the file whose newest root is given.
func (h *history) find(src format.Source, newest *format.Root, generation uint64) (*format.Root, error) {
	if generation == newest.Generation {
		return newest, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	i, known := slices.BinarySearchFunc(h.places, generation, func(p place, g uint64) int { return cmp.Compare(g, p.generation) })
	if known {
		return trailerAt(src, h.places[i].at, newest.UUID)
	}
	root := newest
	if n := len(h.places); n > 0 {
		var err error
		if root, err = trailerAt(src, h.places[n-1].at, newest.UUID); err != nil {
			return nil, err
		}
	}
	for !h.whole {
		prev, err := previousRoot(src, root)
		if err != nil {
			return nil, err
		}
		if prev == nil {
			h.whole = true
			break
		}
		h.places = append(h.places, place{prev.Generation, root.Previous})
		if root = prev; root.Generation == generation {
			return root, nil
		}
	}
	var have numbers
	have.add(newest.Generation)
	for _, p := range h.places {
		have.add(p.generation)
	}
	return nil, &Error{Kind: ErrNotFound, Format: format.Name, Offset: -1, Field: "generation", Got: fmt.Sprint(generation), Want: "one of " + have.String()}
}

// findGeneration walks the history from newest to the root of a generation.
func findGeneration(src format.Source, newest *format.Root, generation uint64) (*format.Root, error) {
	return new(history).find(src, newest, generation)
}

// trailerAt reads a trailer.
func trailerAt(src format.Source, at int64, uuid format.UUID) (*format.Root, error) {
	b := make([]byte, format.RootSize)
	if _, err := src.ReadAt(b, at); err != nil {
		return nil, err
	}
	root, err := format.ParseTrailer(b, at, uuid)
	if err != nil {
		return nil, err
	}
	return &root, nil
}

// previousRoot reads the root of the generation before, nil if there is none.
// Its place lies below that of root, so a walk ends.
func previousRoot(src format.Source, root *format.Root) (*format.Root, error) {
	if root.Previous == 0 {
		return nil, nil
	}
	prev, err := trailerAt(src, root.Previous, root.UUID)
	if err != nil {
		return nil, err
	}
	if prev.Generation >= root.Generation {
		return nil, &Error{Kind: ErrCorrupt, Format: format.Name, Offset: root.Previous, Field: "generation", Got: fmt.Sprint(prev.Generation), Want: fmt.Sprintf("below %d", root.Generation), Rule: format.RuleRootPrevious}
	}
	return prev, nil
}

// numbers collects descending numbers as ranges.
type numbers struct {
	text    []string
	hi, lo  uint64
	started bool
}

// maxRanges bounds what an error says of a long history with gaps.
const maxRanges = 16

func (n *numbers) add(x uint64) {
	if n.started && x == n.lo-1 {
		n.lo = x
		return
	}
	n.flush()
	n.hi, n.lo, n.started = x, x, true
}

func (n *numbers) flush() {
	if !n.started || len(n.text) > maxRanges {
		return
	}
	s := fmt.Sprint(n.lo)
	if n.hi != n.lo {
		s = fmt.Sprintf("%d..%d", n.lo, n.hi)
	}
	if len(n.text) == maxRanges {
		s = "older ones"
	}
	n.text = append(n.text, s)
}

func (n *numbers) String() string {
	n.flush()
	n.started = false
	return strings.Join(n.text, ", ")
}

// Refresh looks whether the file on disk has a newer generation than the one
// that f shows. It returns nil if not, else a new File on the newest
// generation, opened as f was; f stays as it is, and both must be closed. It
// fails with ErrChanged if another file has taken the place of the one that f
// shows, and with ErrUnsupported for sources without a name to open again.
func (f *File) Refresh() (newer *File, err error) {
	if err := f.native("refresh"); err != nil {
		return nil, err
	}
	if !f.m.Local() {
		return nil, &Error{Kind: ErrUnsupported, Path: f.Path(), Offset: -1, Field: "refresh", Got: "a source that is no local file", Want: "a file that can be opened again"}
	}
	if err := f.replaced(); err != nil {
		return nil, err
	}
	if f.newest() {
		return nil, nil
	}
	o := f.opts
	o.Generation = 0
	n, err := Open(f.Path(), &o)
	if err != nil {
		return nil, err
	}
	err = f.replaced() // between the look and the open
	if err == nil && n.uuid != f.uuid {
		err = &Error{Kind: ErrChanged, Path: f.Path(), Offset: -1, Field: "UUID", Got: n.uuid.String(), Want: f.uuid.String() + ", as when it was opened"}
	}
	if err != nil || n.cat.Root().Generation <= f.cat.Root().Generation {
		n.Close()
		return nil, err
	}
	return n, nil
}

// newest reports whether both slots are sound and the newest of them is the
// root that f shows: then nothing has been committed since.
func (f *File) newest() bool {
	head := make([]byte, format.SlotB+format.RootSize)
	if f.readAt(head, 0) != nil {
		return false
	}
	c, err := format.ChooseRoot(f.uuid, head[format.SlotA:], head[format.SlotB:], f.m.Size(), func() ([]byte, error) {
		return nil, errors.New("not looked at")
	})
	return err == nil && c.Slots == [2]error{} && c.Root.Generation == f.cat.Root().Generation
}

// replaced reports an error if the path of f leads to another file, or none, or
// if the file has lost bytes that were committed.
func (f *File) replaced() error {
	c, err := f.m.Changes()
	switch {
	case err != nil:
		return err
	case c&mmap.Replaced != 0:
		return &Error{Kind: ErrChanged, Path: f.Path(), Offset: -1, Field: "path", Got: "another file", Want: "the file that was opened"}
	case c&mmap.Removed != 0:
		return &Error{Kind: ErrChanged, Path: f.Path(), Offset: -1, Field: "path", Got: "no file", Want: "the file that was opened"}
	}
	var last [1]byte
	return f.readAt(last[:], f.choice.Root.Length-1)
}
