package tensorfile

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"io"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/watch"
)

// Hash is a content hash (spec, "Content hash"): what tensors hold and nothing
// of how. Equal names, dtypes, shapes and elements give equal hashes, whatever
// the container, codec, chunks, strides, byte order, sharing and order of
// tensors; attributes are apart.
type Hash [sha256.Size]byte

// String is the hash in lower-case hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// HashOptions says how to hash a file. The zero value, and nil, are the
// defaults.
type HashOptions struct {
	// Workers that hash tensors. Default: GOMAXPROCS.
	Workers int
}

// TensorHash is a tensor's name and content hash.
type TensorHash struct {
	Name string
	Hash Hash
}

const (
	hashPrefix = "tensorfile/hash1"

	hashDense     = 1
	hashComposite = 2
	hashFile      = 3
)

// Hash is the content hash of the tensor: dtype, shape and elements, for a
// composite its layout and parts. The name is not part of it. It reads
// everything, in bounded memory but for a tensor of a foreign file that decodes
// as a stream and does not lie in C order, which is held whole, up to
// OpenOptions.MaxBytes.
func (t *Tensor) Hash(ctx context.Context) (Hash, error) {
	if t.kind != format.KindComposite {
		return t.hashElements(ctx)
	}
	lease, err := t.f.m.Acquire()
	if err != nil {
		return Hash{}, err
	}
	defer lease.Release()
	for n, err := range t.f.hashNodes() {
		if n == nil {
			return Hash{}, err
		}
		if n.name == t.name {
			return n.sum(ctx, nil)
		}
	}
	return Hash{}, t.f.notFound(t.name)
}

// Hash is the content hash of the file: of the names and hashes of all its
// tensors. A file of which a tensor cannot be read, or was skipped, has none.
func (f *File) Hash(ctx context.Context, o *HashOptions) (Hash, error) {
	n, err := f.Len()
	if err != nil {
		return Hash{}, err
	}
	sum := newFileHash(n)
	for t, err := range f.Hashes(ctx, o) {
		if err != nil {
			return Hash{}, err
		}
		sum.add(t)
	}
	return sum.sum(), nil
}

// HashOf is the content hash of a file that holds these tensors, in any order,
// each name once.
func HashOf(tensors []TensorHash) Hash {
	sorted := slices.SortedFunc(slices.Values(tensors), func(a, b TensorHash) int { return cmp.Compare(a.Name, b.Name) })
	sum := newFileHash(len(sorted))
	for _, t := range sorted {
		sum.add(t)
	}
	return sum.sum()
}

type fileHash struct {
	hash.Hash
	buf []byte
}

func newFileHash(tensors int) *fileHash {
	h := &fileHash{Hash: sha256.New()}
	h.buf = append(append(h.buf, hashPrefix...), hashFile, 0, 0, 0, 0, 0, 0, 0)
	h.Write(binary.LittleEndian.AppendUint64(h.buf, uint64(tensors)))
	return h
}

func (h *fileHash) add(t TensorHash) {
	h.buf = binary.LittleEndian.AppendUint32(h.buf[:0], uint32(len(t.Name)))
	h.buf = append(append(h.buf, t.Name...), t.Hash[:]...)
	h.Write(h.buf)
}

func (h *fileHash) sum() (sum Hash) {
	h.Sum(sum[:0])
	return sum
}

// Hashes yields the content hash of each tensor, ascending by name. A tensor
// that cannot be hashed comes with its error, and the others follow; those that
// were skipped when a foreign file was opened come last. Damage to the catalog
// comes without a name and ends it, as does the end of ctx.
func (f *File) Hashes(ctx context.Context, o *HashOptions) iter.Seq2[TensorHash, error] {
	workers := runtime.GOMAXPROCS(0)
	if o != nil && o.Workers > 0 {
		workers = o.Workers
	}
	return func(yield func(TensorHash, error) bool) {
		lease, err := f.m.Acquire()
		if err != nil {
			yield(TensorHash{}, err)
			return
		}
		defer lease.Release()
		soon := newAhead(f.m)
		defer soon.done()
		inner, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()

		// Tensors go to the workers as they are free, and come out in order. The
		// room in order bounds how far the fastest is ahead of the slowest.
		type job struct {
			node *hashNode
			sum  Hash
			err  error
			done chan struct{}
		}
		room := 8 * workers
		if f.m.Expects() {
			room = 1024 // as many are asked for ahead
		}
		jobs, order := make(chan *job, room-8*workers), make(chan *job, room)
		var whole sync.Mutex
		wg.Go(func() {
			defer close(order)
			defer close(jobs)
			defer soon.end()
			for node, err := range f.hashNodes() {
				j := &job{node: node, err: err, done: make(chan struct{})}
				if node.expect(soon); len(soon.batch) >= 64 {
					soon.tell()
				}
				select {
				case order <- j:
				case <-inner.Done():
					return
				}
				if node == nil {
					close(j.done)
					return
				}
				select {
				case jobs <- j:
				case <-inner.Done():
					return
				}
			}
		})
		for range workers {
			wg.Go(func() {
				for j := range jobs {
					j.sum, j.err = j.node.sum(inner, &whole)
					close(j.done)
				}
			})
		}
		for j := range order {
			select {
			case <-j.done:
			case <-ctx.Done():
			}
			if err := ctx.Err(); err != nil {
				yield(TensorHash{}, err)
				return
			}
			t := TensorHash{Hash: j.sum}
			if j.node != nil {
				t.Name = j.node.name
			}
			if !yield(t, j.err) || j.node == nil {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(TensorHash{}, err)
			return
		}
		if f.layout == nil {
			return
		}
		for _, err := range f.layout.Skipped {
			if !yield(TensorHash{Name: failedName(err)}, err) {
				return
			}
		}
	}
}

// failedName is the name of what an error is about.
func failedName(err error) string {
	e, ok := err.(*Error)
	switch {
	case !ok:
		return ""
	case e.Tensor != "":
		return e.Tensor
	}
	return e.Member
}

// hashNode is a tensor to hash, with the parts of a composite.
type hashNode struct {
	name  string // of a part: its key
	t     *Tensor
	err   error // it, or a part of it, could not be opened
	parts []*hashNode
}

// expect says that the node is about to be read.
func (n *hashNode) expect(a *ahead) {
	if n == nil || n.t == nil {
		return
	}
	a.payload(n.t)
	for _, p := range n.parts {
		p.expect(a)
	}
}

// hashNodes yields all tensors ascending by name. An error about the catalog
// comes with nil and ends it.
func (f *File) hashNodes() iter.Seq2[*hashNode, error] {
	if f.layout != nil {
		return f.foreignNodes
	}
	return f.nativeNodes
}

func (f *File) foreignNodes(yield func(*hashNode, error) bool) {
	sorted := make([]int, len(f.layout.Tensors))
	for i := range sorted {
		sorted[i] = i
	}
	slices.SortFunc(sorted, func(i, j int) int { return cmp.Compare(f.layout.Tensors[i].Name, f.layout.Tensors[j].Name) })
	for _, i := range sorted {
		t, err := f.foreignAt(i, nil)
		n := &hashNode{name: f.layout.Tensors[i].Name, err: err}
		if err == nil {
			n = f.foreignNode(t)
		}
		if !yield(n, nil) {
			return
		}
	}
}

func (f *File) foreignNode(t *Tensor) *hashNode {
	n := &hashNode{name: t.name, t: t}
	if t.f.layout == nil { // of a member
		var parts []Part
		parts, n.err = t.Parts()
		slices.SortFunc(parts, func(a, b Part) int { return cmp.Compare(a.Role, b.Role) })
		for _, p := range parts {
			n.parts = append(n.parts, f.foreignNode(p.Tensor))
		}
		return n
	}
	if t.foreign == nil {
		return n
	}
	parts := slices.Clone(t.foreign.Parts)
	slices.SortFunc(parts, func(a, b LayoutTensor) int { return cmp.Compare(a.Name, b.Name) })
	for i := range parts {
		n.parts = append(n.parts, f.foreignNode(f.foreignTensor(&parts[i], format.PartKey(t.name, parts[i].Name), nil)))
	}
	return n
}

func (f *File) nativeNodes(yield func(*hashNode, error) bool) {
	defer f.catalogAhead()()
	var s *format.Scanner
	err := f.m.Guard(func() (err error) {
		s, err = f.cat.Scanner()
		return err
	})
	var open *hashNode // its parts may still come
	for err == nil {
		var n *hashNode
		end := false
		err = f.m.Guard(func() error {
			rec, more, err := s.Next()
			switch {
			case err != nil && !more:
				return err
			case rec == nil:
				end = true
			case err != nil:
				n = &hashNode{name: rec.Name, err: located(err, f.Path(), rec.Name)}
			case rec.Kind != format.KindFile:
				n = &hashNode{name: rec.Name}
				n.t, n.err = f.nativeTensor(rec, nil)
				located(n.err, f.Path(), rec.Name)
			}
			return nil
		})
		if err != nil || end {
			break
		}
		switch {
		case n == nil:
			continue
		case format.IsPart(n.name):
			open.adopt(n)
			continue
		}
		if open != nil && !yield(open, nil) {
			return
		}
		open = n
	}
	if open != nil && !yield(open, nil) {
		return
	}
	if err != nil {
		yield(nil, located(err, f.Path(), ""))
	}
}

// adopt adds a part to the composite that it belongs to. One that belongs to
// none is ignored, as the specification has it.
func (n *hashNode) adopt(part *hashNode) {
	key := part.name[:strings.LastIndexByte(part.name, 0)]
	for n != nil && n.name != key {
		if len(n.parts) == 0 {
			return
		}
		n = n.parts[len(n.parts)-1]
	}
	if n != nil && n.t != nil && n.t.kind == format.KindComposite {
		n.parts = append(n.parts, part)
	}
}

// sum hashes a tensor. whole, if not nil, is held while one is in memory whole.
func (n *hashNode) sum(ctx context.Context, whole *sync.Mutex) (sum Hash, err error) {
	if n.err != nil {
		return sum, n.err
	}
	if n.t.kind != format.KindComposite {
		if whole != nil && n.t.st.Kind == StorageEncoded {
			if r, err := n.t.region(); err == nil && !r.contiguous() {
				whole.Lock()
				defer whole.Unlock()
			}
		}
		return n.t.hashElements(ctx)
	}
	h := sha256.New()
	b := binary.LittleEndian.AppendUint32(n.t.hashHead(hashComposite), uint32(len(n.parts)))
	for _, p := range n.parts {
		one, err := p.sum(ctx, whole)
		if err != nil {
			return sum, err
		}
		role := p.name[strings.LastIndexByte(p.name, 0)+1:]
		b = append(append(append(b, byte(len(role))), role...), one[:]...)
	}
	h.Write(b)
	h.Sum(sum[:0])
	return sum, nil
}

// hashHead is what stands before the content of a tensor.
func (t *Tensor) hashHead(kind byte) []byte {
	b := make([]byte, 0, 128)
	b = append(append(b, hashPrefix...), kind, byte(len(t.shape)))
	b = binary.LittleEndian.AppendUint16(b, t.layout)
	b = binary.LittleEndian.AppendUint32(b, t.layoutFlags)
	b = format.AppendDType(b, t.dtype)
	for _, n := range t.shape {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	return b
}

func (t *Tensor) hashElements(ctx context.Context) (sum Hash, err error) {
	h := sha256.New()
	h.Write(t.hashHead(hashDense))
	out := watch.Writer(ctx, h)
	if keep := t.rowTail(); keep > 0 && t.st.Kind == StorageEncoded {
		// Streams are handed on as they are, padding and all.
		row := (t.shape[len(t.shape)-1]-1)/int64(t.dtype.UnitElems) + 1
		out = &tailCleaner{w: out, row: row * int64(t.dtype.UnitBytes), unit: int64(t.dtype.UnitBytes), keep: keep}
	}
	if err := t.WriteCOrder(ctx, out); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	return sum, nil
}

// rowTail is how many bits of the last unit of a row of a packed dtype are
// elements, or 0 for all.
func (t *Tensor) rowTail() int64 {
	e, bits := int64(t.dtype.UnitElems), int64(t.dtype.Bits)
	if e < 2 || len(t.shape) == 0 || e*bits != 8*int64(t.dtype.UnitBytes) {
		return 0
	}
	return t.shape[len(t.shape)-1] % e * bits
}

// tailCleaner hands rows of packed elements on with the bits behind each row's
// end as zero.
type tailCleaner struct {
	w         io.Writer
	row, unit int64 // bytes
	keep      int64 // bits of the last unit
	at        int64 // in the row
}

func (c *tailCleaner) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(c.row-c.unit-c.at, int64(len(rest)))
		if n > 0 {
			if _, err := c.w.Write(rest[:n]); err != nil {
				return 0, err
			}
		} else {
			bits := min(max(c.keep-8*(c.at-(c.row-c.unit)), 0), 8)
			if _, err := c.w.Write([]byte{rest[0] & byte(1<<bits-1)}); err != nil {
				return 0, err
			}
			n = 1
		}
		rest = rest[n:]
		c.at = (c.at + n) % c.row
	}
	return len(p), nil
}
