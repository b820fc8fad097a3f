package tensorio

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/atomicfile"
	"github.com/tensorfile/tensorfile/shard"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() {
	register.DoFn3x1[context.Context, Chunk, func(int, Chunk), error](&scatterFn{})
	register.DoFn5x1[context.Context, int, func(*int) bool, func(*Chunk) bool, func(Written), error](&gatherFn{})
	register.DoFn4x1[context.Context, int, func(*Written) bool, func(string), error](&indexFn{})
	register.Function1x2(alone)
	register.Emitter2[int, Chunk]()
	register.Emitter1[Written]()
	register.Emitter1[string]()
	register.Iter1[int]()
	register.Iter1[Chunk]()
	register.Iter1[Written]()
	beam.RegisterType(beamType[Written]())
}

// Write writes the chunks of o.Tensors, a PCollection<Chunk>, as a set of shards, and
// gives the path of its index when it is there: a PCollection<string> of one element.
//
// Chunks come in any order and any size, and are grouped by shard. A worker puts those
// of one shard together in a temporary file. An element that no chunk has, or that two
// have, is an error that names it (ErrNotFound, ErrDuplicate), and there is no index.
func Write(s beam.Scope, o Output, chunks beam.PCollection) beam.PCollection {
	s = s.Scope("tensorio.Write")
	if err := o.check(); err != nil {
		panic(err)
	}
	numbers := make([]int, o.Shards)
	for i := range numbers {
		numbers[i] = i
	}
	// Each shard is written, also one that no chunk is for: that is how it is found.
	every := beam.ParDo(s, alone, beam.CreateList(s, numbers))
	byShard := beam.ParDo(s, &scatterFn{o}, chunks)
	return WriteIndex(s, o, beam.ParDo(s, &gatherFn{o}, beam.CoGroupByKey(s, every, byShard)))
}

// WriteIndex writes the index of o when all of its shards are written, a
// PCollection<Written>, and gives its path: a PCollection<string> of one element. A
// shard that is missing is ErrNotFound, one that comes twice ErrDuplicate.
func WriteIndex(s beam.Scope, o Output, written beam.PCollection) beam.PCollection {
	s = s.Scope("tensorio.WriteIndex")
	if err := o.check(); err != nil {
		panic(err)
	}
	return beam.ParDo(s, &indexFn{o}, beam.GroupByKey(s, beam.AddFixedKey(s, written)))
}

// alone is a shard before its chunks.
func alone(i int) (int, int) { return i, 0 }

// scatterFn sends chunks to their shards, and cuts those that several have.
type scatterFn struct{ Output Output }

// ProcessElement checks a chunk and gives the rows of each shard.
func (fn *scatterFn) ProcessElement(_ context.Context, c Chunk, emit func(int, Chunk)) error {
	o := &fn.Output
	i := slices.IndexFunc(o.Tensors, func(t Spec) bool { return t.Name == c.Tensor })
	if i < 0 {
		return o.fail(tensor.ErrNotFound, c.Tensor, "chunk", "a tensor that is not to be written", "one of Output.Tensors")
	}
	t := &o.Tensors[i]
	if c.DType != t.DType {
		return o.fail(tensor.ErrDType, t.Name, "dtype of a chunk", c.DType, t.DType)
	}
	inside := len(c.Origin) == len(t.Shape) && len(c.Shape) == len(t.Shape)
	for k := 0; inside && k < len(t.Shape); k++ {
		inside = c.Origin[k] >= 0 && c.Shape[k] >= 0 && c.Origin[k] <= t.Shape[k] && c.Shape[k] <= t.Shape[k]-c.Origin[k]
	}
	if !inside {
		return o.fail(tensor.ErrShape, t.Name, "chunk", fmt.Sprintf("%v at %v", c.Shape, c.Origin), fmt.Sprintf("a box in %v", t.Shape))
	}
	if _, err := c.View(); err != nil {
		return err // not as many bytes as the shape takes
	}
	if slices.Contains(c.Shape, 0) {
		return nil
	}
	if len(t.Shape) == 0 {
		emit(0, c)
		return nil
	}
	d, err := tensor.ParseDType(t.DType)
	if err != nil {
		return err
	}
	last, elems := len(t.Shape)-1, int64(d.UnitElems)
	if c.Origin[last]%elems != 0 || c.Shape[last]%elems != 0 && c.Origin[last]+c.Shape[last] != t.Shape[last] {
		return o.fail(tensor.ErrShape, t.Name, "chunk", fmt.Sprintf("%v at %v", c.Shape, c.Origin), fmt.Sprintf("whole units of %d elements", elems))
	}
	_, unit := t.rows()
	end := c.Origin[0] + c.Shape[0]
	one := int64(len(c.Data)) / ((c.Shape[0] + unit - 1) / unit) // bytes of a row, or of a unit
	for i := range o.Shards {
		from, to := o.Rows(t, i)
		from, to = max(from, c.Origin[0]), min(to, end)
		if from >= to {
			continue
		}
		part := c
		part.Origin, part.Shape = slices.Clone(c.Origin), slices.Clone(c.Shape)
		part.Origin[0], part.Shape[0] = from, to-from
		part.Data = c.Data[(from-c.Origin[0])/unit*one : (to-c.Origin[0]+unit-1)/unit*one]
		emit(i, part)
	}
	return nil
}

// gatherFn writes shards.
type gatherFn struct{ Output Output }

// ProcessElement puts the chunks of a shard together and writes it.
func (fn *gatherFn) ProcessElement(ctx context.Context, i int, _ func(*int) bool, chunks func(*Chunk) bool, emit func(Written)) (err error) {
	o := &fn.Output
	parts := map[string]*assembly{}
	defer func() {
		for _, a := range parts {
			err = errors.Join(err, a.Close())
		}
	}()
	for k := range o.Tensors {
		t := &o.Tensors[k]
		if shape, ok := o.partShape(t, i); ok {
			first, _ := o.Rows(t, i)
			if parts[t.Name], err = newAssembly(o, t, shape, first); err != nil {
				return err
			}
		}
	}
	var c Chunk
	for chunks(&c) {
		a := parts[c.Tensor]
		if a == nil {
			return o.fail(tensor.ErrNotFound, c.Tensor, "chunk", fmt.Sprintf("in shard %d", i), "one of a tensor that the shard has")
		}
		if err := a.put(&c); err != nil {
			return err
		}
		c = Chunk{}
	}
	seed := sha256.New()
	for k := range o.Tensors {
		if a := parts[o.Tensors[k].Name]; a != nil {
			if err := a.hole(); err != nil {
				return err
			}
			if _, err := io.Copy(seed, a.reader()); err != nil {
				return err
			}
		}
	}
	w, err := WriteShard(ctx, *o, i, seed.Sum(nil), func(t *Spec, _, _ int64) (io.ReadCloser, error) {
		return io.NopCloser(parts[t.Name].reader()), nil
	})
	if err == nil {
		emit(w)
	}
	return err
}

// An assembly is what a shard has of a tensor while its chunks come: a temporary file,
// and a bit for each unit of the dtype that says whether it is there.
type assembly struct {
	o     *Output
	t     *Spec
	d     tensor.DType
	shape tensor.Shape
	first int64 // row of the tensor
	size  int64
	file  *os.File
	have  []uint64
}

func newAssembly(o *Output, t *Spec, shape tensor.Shape, first int64) (*assembly, error) {
	d, err := tensor.ParseDType(t.DType)
	if err != nil {
		return nil, err
	}
	a := &assembly{o: o, t: t, d: d, shape: shape, first: first}
	if a.size, err = tensor.ByteSize(d, shape); err != nil {
		return nil, err
	}
	a.have = make([]uint64, (a.size/int64(d.UnitBytes)+63)/64)
	a.file, err = os.CreateTemp("", "tensorio-")
	return a, err
}

// Close removes the file.
func (a *assembly) Close() error {
	if a == nil || a.file == nil {
		return nil
	}
	return errors.Join(a.file.Close(), os.Remove(a.file.Name()))
}

func (a *assembly) reader() io.Reader { return io.NewSectionReader(a.file, 0, a.size) }

// put writes a chunk to its place.
func (a *assembly) put(c *Chunk) error {
	origin := slices.Clone(c.Origin)
	if len(origin) > 0 {
		origin[0] -= a.first
	}
	return eachRun(a.shape, origin, c.Shape, int64(a.d.UnitElems), int64(a.d.UnitBytes), func(at, from, n int64) error {
		unit := int64(a.d.UnitBytes)
		for u := at / unit; u < (at+n)/unit; u++ {
			if a.have[u/64]>>(u%64)&1 != 0 {
				return a.o.fail(tensor.ErrDuplicate, a.t.Name, "element "+a.place(u), "in two chunks", "in one")
			}
			a.have[u/64] |= 1 << (u % 64)
		}
		_, err := a.file.WriteAt(c.Data[from:from+n], at)
		return err
	})
}

// hole is an error that names the first element that no chunk has had; nil if there is
// none.
func (a *assembly) hole() error {
	for u := range a.size / int64(a.d.UnitBytes) {
		if a.have[u/64]>>(u%64)&1 == 0 {
			return a.o.fail(tensor.ErrNotFound, a.t.Name, "element "+a.place(u), "in no chunk", "in one")
		}
	}
	return nil
}

// place is the index in the tensor of the first element of unit u.
func (a *assembly) place(u int64) string {
	at := make([]int64, len(a.shape))
	for k := len(at) - 1; k >= 0; k-- {
		n, step := a.shape[k], int64(1)
		if k == len(at)-1 {
			step = int64(a.d.UnitElems)
			n = (n + step - 1) / step
		}
		at[k] = u % n * step
		u /= n
	}
	if len(at) > 0 {
		at[0] += a.first
	}
	return fmt.Sprint(at)
}

// eachRun calls fn for the runs of bytes of a box in a tensor in C order: at is where
// one is in the tensor, from where it is in the box. Elements are stored elems to a unit
// of bytes along the last axis.
func eachRun(shape, origin, box []int64, elems, bytes int64, fn func(at, from, n int64) error) error {
	rank := len(shape)
	units := func(n int64) int64 { return (n + elems - 1) / elems }
	run, in, k := bytes, bytes, rank // a run, and the bytes of an index of the axis before it
	if rank > 0 {
		run, in, k = units(box[rank-1])*bytes, units(shape[rank-1])*bytes, rank-1
	}
	for k > 0 && run == in { // whole so far: the axis before it is in the run, too
		k--
		run, in = run*box[k], in*shape[k]
	}
	index := make([]int64, k)
	for from := int64(0); ; from += run {
		at := int64(0)
		for i := range rank {
			x := origin[i]
			if i < k {
				x += index[i]
			}
			n := shape[i]
			if i == rank-1 {
				x, n = x/elems, units(n)
			}
			at = at*n + x
		}
		if err := fn(at*bytes, from, run); err != nil {
			return err
		}
		i := k - 1
		for ; i >= 0; i-- {
			if index[i]++; index[i] < box[i] {
				break
			}
			index[i] = 0
		}
		if i < 0 {
			return nil
		}
	}
}

// indexFn writes the index.
type indexFn struct{ Output Output }

// ProcessElement joins all shards, each of which must be there once.
func (fn *indexFn) ProcessElement(ctx context.Context, _ int, written func(*Written) bool, emit func(string)) error {
	o := &fn.Output
	sets := make([]*shard.Index, o.Shards)
	var w Written
	for written(&w) {
		if w.Shard < 0 || w.Shard >= o.Shards {
			return o.fail(tensor.ErrIndex, "", "shard", fmt.Sprint(w.Shard), fmt.Sprintf("0 to %d", o.Shards-1))
		}
		if sets[w.Shard] != nil {
			return o.fail(tensor.ErrDuplicate, "", "shard "+o.ShardName(w.Shard), "written twice", "once")
		}
		x, err := shard.Parse(w.Index)
		if err != nil {
			return err
		}
		sets[w.Shard] = x
		w = Written{}
	}
	for i, x := range sets {
		if x == nil {
			return o.fail(tensor.ErrNotFound, "", "shard "+o.ShardName(i), "not written", "all of them")
		}
	}
	x, err := shard.Join(sets...)
	if err != nil {
		return err
	}
	text, err := x.AppendJSON(nil)
	if err != nil {
		return err
	}
	if err := o.putIndex(ctx, text); err != nil {
		return err
	}
	emit(o.Path)
	return nil
}

// putIndex makes the index appear. One with the same text is this one, written before
// by a bundle that runs again.
func (o *Output) putIndex(ctx context.Context, text []byte) (err error) {
	out, remote, err := convert.CreateOutput(ctx, o.Path, o.Overwrite)
	if err == nil && !remote {
		out, err = atomicfile.Create(o.Path, &atomicfile.Options{Overwrite: o.Overwrite})
	}
	if err == nil {
		defer func() { err = errors.Join(err, out.Close()) }()
		if _, err = out.Write(text); err == nil {
			err = out.Commit()
		}
	}
	if errors.Is(err, tensor.ErrExists) || errors.Is(err, fs.ErrExist) {
		if same, e := o.sameIndex(ctx, text); e == nil && same {
			err = nil
		}
	}
	return err
}

func (o *Output) sameIndex(ctx context.Context, text []byte) (bool, error) {
	f, err := convert.Open(ctx, o.Path, &convert.OpenOptions{Format: shard.Format})
	if err != nil {
		return false, err
	}
	defer f.Close()
	m := f.Map()
	if m.Size() != int64(len(text)) {
		return false, nil
	}
	b := make([]byte, len(text))
	if _, err := io.ReadFull(io.NewSectionReader(m, 0, m.Size()), b); err != nil {
		return false, err
	}
	return string(b) == string(text), nil
}
