package tensorio

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/sdf"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/rtrackers/offsetrange"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() {
	register.DoFn3x1[context.Context, string, func(Work), error](&planFn{})
	register.DoFn4x1[context.Context, *sdf.LockRTracker, Work, func(Chunk), error](&readFn{})
	register.Emitter1[Work]()
	register.Emitter1[Chunk]()
	beam.RegisterType(beamType[Work]())
	beam.RegisterType(beamType[Chunk]())
}

// A Chunk is a box of a tensor: the element of what Read gives and Write takes.
type Chunk struct {
	File   string // that it was read from; Write does not look at it
	Tensor string
	DType  string  // as tensor.ParseDType takes it
	Number int64   // among the chunks of the tensor in this file, in C order; Write does not look at it
	Origin []int64 // of the box, in elements; with rows of shards before it
	Shape  []int64 // of the box, in elements
	Data   []byte  // elements in C order, little-endian
}

// View is the chunk in memory: it uses Data.
func (c *Chunk) View() (tensor.View, error) {
	d, err := tensor.ParseDType(c.DType)
	if err != nil {
		return tensor.View{}, err
	}
	return tensor.NewView(c.Data, d, c.Shape, nil, 0, tensor.LittleEndian)
}

// ReadOptions say what Read reads. The zero value is the defaults.
type ReadOptions struct {
	// Tensors are the names of those that are read; one that a file does not have is
	// ErrNotFound. Default: all, which must be dense.
	Tensors []string
	// Rows gives elements of that many whole rows along axis 0. Default: 0, a chunk as
	// it is stored, and blocks of rows of about 4 MiB of a tensor without chunks.
	Rows int64
	// Transient gives chunks whose Data is used again when the steps that take them have
	// returned: for pipelines in which nothing keeps it, as where it is summed up or
	// written. What is grouped, or goes to another stage, is copied by the engine.
	// Default: false, each has memory of its own, which costs more than a copy.
	Transient bool
	// BundleBytes is about how many bytes, decoded, the ranges have that Read is split
	// into at first. Default: 64 MiB.
	BundleBytes int64
}

const (
	blockBytes  = 4 << 20
	bundleBytes = 64 << 20
)

// Read gives the elements of tensors in files, each in one Chunk: a
// PCollection<Chunk>. A path is that of a file or a set of shards, or an address. The
// shards of a set become work of their own. Runners split at chunks, also while one is
// at work.
//
// A file that is another one when it is read than when the work was cut up is
// ErrChanged.
func Read(s beam.Scope, o ReadOptions, paths ...string) beam.PCollection {
	s = s.Scope("tensorio.Read")
	if o.Rows < 0 || o.BundleBytes < 0 {
		panic(fmt.Sprintf("tensorio.Read: Rows %d, BundleBytes %d, want 0 or more", o.Rows, o.BundleBytes))
	}
	if o.BundleBytes == 0 {
		o.BundleBytes = bundleBytes
	}
	work := beam.ParDo(s, &planFn{o}, beam.CreateList(s, paths))
	return beam.ParDo(s, &readFn{o}, beam.Reshuffle(s, work))
}

// Work is a tensor in a file, or what one shard has of it, for readFn.
type Work struct {
	Path   string
	UUID   string // of the file; "" of foreign ones
	Tensor string
	Row    int64 // of the whole tensor that is the first here
	Chunks int64
	Bytes  int64 // decoded
}

// openAtATime is how many shards of a set are opened at the same time.
const openAtATime = 16

// planFn lists what is to be read of a file.
type planFn struct{ Options ReadOptions }

// ProcessElement opens the file at path, and of a set its shards.
func (fn *planFn) ProcessElement(ctx context.Context, path string, emit func(Work)) error {
	f, err := convert.Open(ctx, path, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	add := func(name string, t *tensorfile.Tensor, row int64) error {
		if _, _, ok := t.Composite(); ok {
			return &tensor.Error{Kind: tensor.ErrUnsupported, Path: path, Tensor: name, Offset: -1, Field: "layout", Got: "a composite", Want: "a dense tensor (ReadOptions.Tensors)"}
		}
		g := gridOf(t, fn.Options.Rows)
		w := Work{Path: path, Tensor: name, UUID: t.File().Info().UUID, Row: row, Chunks: g.n, Bytes: t.ByteSize()}
		if t.File() != f {
			w.Path = t.File().Path()
		}
		if g.n > 0 {
			emit(w)
		}
		return nil
	}
	one := func(t *tensorfile.Tensor) error {
		rows := t.Rows()
		if rows == nil {
			return add(t.Name(), t, 0)
		}
		parts := make([]*tensorfile.Tensor, len(rows))
		errs := make([]error, len(rows))
		if parallel.Each(openAtATime, int64(len(rows)), func(i int64) error {
			parts[i], errs[i] = rows[i].Open()
			return errs[i]
		}) != nil {
			return cmp.Or(errs...) // that of the first shard
		}
		row := int64(0)
		for i, part := range parts {
			if err := add(t.Name(), part, row); err != nil {
				return err
			}
			row += rows[i].N
		}
		return nil
	}
	if len(fn.Options.Tensors) > 0 {
		for _, name := range fn.Options.Tensors {
			t, err := f.Tensor(name)
			if err == nil {
				err = one(t)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	for t, err := range f.Tensors() {
		if err == nil {
			err = one(t)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readFn reads ranges of chunks. Its restrictions are ranges of their numbers.
type readFn struct{ Options ReadOptions }

// CreateInitialRestriction is all chunks.
func (fn *readFn) CreateInitialRestriction(w Work) offsetrange.Restriction {
	return offsetrange.Restriction{Start: 0, End: w.Chunks}
}

// SplitRestriction cuts into ranges of about ReadOptions.BundleBytes.
func (fn *readFn) SplitRestriction(w Work, r offsetrange.Restriction) []offsetrange.Restriction {
	each := max(w.Bytes/w.Chunks, 1)
	return r.SizedSplits(max(fn.Options.BundleBytes/each, 1))
}

// RestrictionSize is about the decoded bytes of the range.
func (fn *readFn) RestrictionSize(w Work, r offsetrange.Restriction) float64 {
	return float64(w.Bytes) / float64(w.Chunks) * r.Size()
}

// CreateTracker tracks by the number of a chunk.
func (fn *readFn) CreateTracker(r offsetrange.Restriction) *sdf.LockRTracker {
	return sdf.NewLockRTracker(offsetrange.NewTracker(r))
}

// ProcessElement reads the chunks that it can claim.
func (fn *readFn) ProcessElement(ctx context.Context, rt *sdf.LockRTracker, w Work, emit func(Chunk)) error {
	f, err := convert.Open(ctx, w.Path, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	if got := f.Info().UUID; got != w.UUID {
		return &tensor.Error{Kind: tensor.ErrChanged, Path: w.Path, Offset: -1, Field: "UUID", Got: got, Want: w.UUID}
	}
	t, err := f.Tensor(w.Tensor)
	if err != nil {
		return err
	}
	g := gridOf(t, fn.Options.Rows)
	if g.n != w.Chunks {
		return &tensor.Error{Kind: tensor.ErrChanged, Path: w.Path, Tensor: w.Tensor, Offset: -1, Field: "chunks", Got: fmt.Sprint(g.n), Want: fmt.Sprint(w.Chunks)}
	}
	bounds := func() offsetrange.Restriction { return rt.GetRestriction().(offsetrange.Restriction) }
	a := &ahead{ctx: ctx, t: t, grid: g, next: bounds().Start, most: aheadChunks(t, w)}
	defer a.stop()
	for i := a.next; rt.TryClaim(i); i++ {
		c, err := a.take(bounds().End)
		if err != nil {
			return err
		}
		c.File, c.Tensor = w.Path, w.Tensor
		if len(c.Origin) > 0 {
			c.Origin[0] += w.Row
		}
		emit(c)
		if fn.Options.Transient {
			spare.Put(&c.Data)
		}
	}
	return nil
}

// An ahead reads chunks before they are asked for, in their order: a bundle is one
// goroutine, and decoding is work for all processors, or a store far away. What a split
// gives to another worker has been read for nothing.
type ahead struct {
	ctx  context.Context
	t    *tensorfile.Tensor
	grid grid
	next int64 // chunk that nobody reads yet
	most int   // at a time
	wait []chan readChunk
	wg   sync.WaitGroup
}

type readChunk struct {
	c   Chunk
	err error
}

const (
	aheadBytes = 64 << 20
	aheadFar   = 16 // chunks of a file that is not of this machine
)

// aheadChunks is how many chunks of t are read at a time.
func aheadChunks(t *tensorfile.Tensor, w Work) int {
	n := int64(runtime.GOMAXPROCS(0))
	if !t.File().Map().Local() {
		n = max(n, aheadFar)
	}
	return int(max(min(n, aheadBytes/max(w.Bytes/w.Chunks, 1)), 1))
}

// take gives the next chunk, while those behind it are read. Those from end on are not
// begun.
func (a *ahead) take(end int64) (Chunk, error) {
	if len(a.wait) == 0 {
		end = max(end, a.next+1) // it was claimed before a split
	}
	a.begin(end)
	r := <-a.wait[0]
	a.wait = a.wait[1:]
	a.begin(end)
	return r.c, r.err
}

// begin reads as many chunks as may be read at a time.
func (a *ahead) begin(end int64) {
	for len(a.wait) < a.most && a.next < end {
		i, done := a.next, make(chan readChunk, 1)
		a.wg.Go(func() {
			c, err := readBox(a.ctx, a.t, a.grid, i)
			done <- readChunk{c, err}
		})
		a.wait = append(a.wait, done)
		a.next++
	}
}

// stop waits for what was begun.
func (a *ahead) stop() { a.wg.Wait() }

// spare is memory of transient chunks: *[]byte.
var spare sync.Pool

// readBox reads box i of t into spare memory or, where that is too small, new memory.
func readBox(ctx context.Context, t *tensorfile.Tensor, g grid, i int64) (Chunk, error) {
	c := Chunk{DType: t.DType().String(), Number: i}
	c.Origin, c.Shape = g.at(i)
	size, err := tensor.ByteSize(t.DType(), c.Shape)
	if err != nil {
		return c, err
	}
	if b, _ := spare.Get().(*[]byte); b != nil && int64(cap(*b)) >= size {
		c.Data = (*b)[:size]
	} else {
		c.Data = make([]byte, size)
	}
	v, err := tensor.NewView(c.Data, t.DType(), c.Shape, nil, 0, tensor.LittleEndian)
	if err != nil {
		return c, err
	}
	sel := make(tensor.Selection, len(c.Shape))
	for k, n := range c.Shape {
		sel[k] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: c.Origin[k], Stop: c.Origin[k] + n, Step: 1}
	}
	return c, t.ReadInto(ctx, v, sel)
}

// A grid divides a tensor into boxes, which are numbered in C order. Chunks of rows
// that were appended may begin elsewhere; boxes still hold each element once.
type grid struct {
	shape, box, count []int64
	n                 int64 // boxes
}

func gridOf(t *tensorfile.Tensor, rows int64) grid {
	g := grid{shape: t.Shape(), n: 1}
	if t.NumElements() == 0 {
		g.n = 0
		return g
	}
	g.box = slices.Clone(g.shape)
	if chunk := t.ChunkShape(); rows == 0 && chunk != nil {
		g.box = chunk
	} else if len(g.box) > 0 {
		unit := int64(1)
		if len(g.box) == 1 {
			unit = int64(t.DType().UnitElems)
		}
		if rows == 0 {
			rows = max(blockBytes/max(t.ByteSize()/g.shape[0], 1), 1)
		}
		g.box[0] = min((rows-1)/unit*unit+unit, g.shape[0])
	}
	for k, n := range g.shape {
		c := (n-1)/g.box[k] + 1
		g.count = append(g.count, c)
		g.n *= c
	}
	return g
}

// at is box i.
func (g *grid) at(i int64) (origin, shape []int64) {
	origin, shape = make([]int64, len(g.shape)), make([]int64, len(g.shape))
	for k := len(g.shape) - 1; k >= 0; k-- {
		origin[k] = i % g.count[k] * g.box[k]
		shape[k] = min(g.box[k], g.shape[k]-origin[k])
		i /= g.count[k]
	}
	return origin, shape
}
