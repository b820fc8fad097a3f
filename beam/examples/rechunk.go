package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/beam/tensorio"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/shard"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() {
	register.DoFn3x1[context.Context, int, func(tensorio.Written), error](&rechunkFn{})
	register.Emitter1[tensorio.Written]()
}

// rechunk writes the dense tensors of a file anew, in chunks of another shape and by
// another codec; extents are clipped to those of a tensor, and tensors of another rank
// keep their own. A worker fetches the rows of its shard itself, some at a time, so that
// nothing goes through the engine and memory bytes are enough, however large a tensor
// is. Beside them the writer has a row of chunks.
func rechunk(ctx context.Context, s beam.Scope, in string, chunk []int64, codec string, memory int64, o tensorio.Output) error {
	f, err := convert.Open(ctx, in, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	for t, err := range f.Tensors() {
		if err != nil {
			return err
		}
		if _, _, ok := t.Composite(); ok {
			return fmt.Errorf("%s: tensor %q is a composite", in, t.Name())
		}
		x := tensorio.Spec{Name: t.Name(), DType: t.DType().String(), Shape: t.Shape(), Codec: codec}
		if x.Attrs, err = encoded(t.Attrs()); err != nil {
			return err
		}
		if own := t.ChunkShape(); own != nil {
			x.Chunk = own
		}
		if len(chunk) == len(x.Shape) && t.NumElements() > 0 {
			x.Chunk = make([]int64, len(chunk))
			for k := range chunk {
				x.Chunk[k] = min(chunk[k], x.Shape[k])
			}
		}
		if need := rowsTogether(t) * rowBytes(t); need > memory {
			return fmt.Errorf("%s: tensor %q: a row of chunks is %d bytes, and memory %d", in, t.Name(), need, memory)
		}
		o.Tensors = append(o.Tensors, x)
	}
	if o.Attrs, err = encoded(f.Attrs()); err != nil {
		return err
	}
	fn := &rechunkFn{In: in, Memory: memory, Output: o}
	if fn.Identity, err = identity(ctx, f); err != nil {
		return err
	}
	numbers := make([]int, o.Shards)
	for i := range numbers {
		numbers[i] = i
	}
	every := beam.Reshuffle(s, beam.CreateList(s, numbers))
	tensorio.WriteIndex(s, o, beam.ParDo(s, fn, every))
	return nil
}

// encoded is attributes as a Spec has them.
func encoded(a tensorfile.Attrs, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return tensorio.EncodeAttrs(a)
}

func rowBytes(t *tensorfile.Tensor) int64 {
	if len(t.Shape()) == 0 || t.NumElements() == 0 {
		return t.ByteSize()
	}
	return max(t.ByteSize()/t.Shape()[0], 1)
}

// rowsTogether is how many rows are read at a time at least.
func rowsTogether(t *tensorfile.Tensor) int64 {
	if c := t.ChunkShape(); len(c) > 0 {
		return c[0]
	}
	return int64(max(t.DType().UnitElems, 1))
}

// rechunkFn writes shards.
type rechunkFn struct {
	In       string
	Identity []byte // of the input
	Memory   int64
	Output   tensorio.Output
}

// identity tells the content of a file from any other: by UUID and generation, of a set
// by its index, of a foreign file by the hash of all of it.
func identity(ctx context.Context, f *tensorfile.File) ([]byte, error) {
	switch i := f.Info(); i.Format {
	case format.Name:
		return fmt.Appendf(nil, "%s %d", i.UUID, i.Generation), nil
	case shard.Format:
		h := sha256.New()
		_, err := io.Copy(h, io.NewSectionReader(f.Map(), 0, f.Map().Size()))
		return h.Sum(nil), err
	}
	h, err := f.Hash(ctx, nil)
	return h[:], err
}

// ProcessElement writes shard i.
func (fn *rechunkFn) ProcessElement(ctx context.Context, i int, emit func(tensorio.Written)) error {
	f, err := convert.Open(ctx, fn.In, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	if form := f.Info().Format; form == format.Name || form == shard.Format { // others take long
		if got, err := identity(ctx, f); err != nil || !bytes.Equal(got, fn.Identity) {
			return cmp.Or(err, error(&tensor.Error{Kind: tensor.ErrChanged, Path: fn.In, Offset: -1, Field: "file", Got: "another one", Want: "the one that the job began with"}))
		}
	}
	w, err := tensorio.WriteShard(ctx, fn.Output, i, fn.Identity, func(x *tensorio.Spec, from, to int64) (io.ReadCloser, error) {
		t, err := f.Tensor(x.Name)
		if err != nil {
			return nil, err
		}
		return &blocks{ctx: ctx, t: t, at: from, to: to, most: fn.Memory}, nil
	})
	if err == nil {
		emit(w)
	}
	return err
}

// blocks reads rows of a tensor, some at a time.
type blocks struct {
	ctx    context.Context
	t      *tensorfile.Tensor
	at, to int64
	most   int64 // bytes in memory
	buf    []byte
	left   []byte // of buf
	once   bool
}

// Read gives the next bytes of the rows, little-endian.
func (b *blocks) Read(p []byte) (int, error) {
	for len(b.left) == 0 {
		if b.at == b.to && (b.once || b.to > 0) {
			return 0, io.EOF
		}
		if err := b.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.left)
	b.left = b.left[n:]
	return n, nil
}

// next reads rows, up to where chunks end.
func (b *blocks) next() error {
	b.once = true
	shape := b.t.Shape().Clone()
	var sel tensor.Selection
	if b.to > 0 {
		step := rowsTogether(b.t)
		step *= max(b.most/rowBytes(b.t)/step, 1)
		end := min(b.at/step*step+step, b.to)
		sel = tensor.Selection{{Kind: tensor.SelectRange, Start: b.at, Stop: end, Step: 1}}
		shape[0], b.at = end-b.at, end
	}
	size, err := tensor.ByteSize(b.t.DType(), shape)
	if err != nil {
		return err
	}
	if int64(cap(b.buf)) < size {
		b.buf = make([]byte, size)
	}
	b.left = b.buf[:size]
	v, err := tensor.NewView(b.left, b.t.DType(), shape, nil, 0, tensor.LittleEndian)
	if err != nil {
		return err
	}
	if sel == nil {
		return b.t.ReadInto(b.ctx, v)
	}
	return b.t.ReadInto(b.ctx, v, sel)
}

// Close lets the memory go.
func (b *blocks) Close() error {
	b.buf, b.left = nil, nil
	return nil
}
