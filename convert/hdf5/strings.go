package hdf5

import (
	"context"
	"encoding/binary"
	"io"
	"math"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// texts is a dataset of strings of variable length. Its elements are references
// to the global heap. Opening reads them all once, to know how many bytes there
// are; the strings themselves are read when they are asked for.
type texts struct {
	f     *file
	n     int64 // strings
	bytes int64 // in all
	index tensor.DType
	open  func(ctx context.Context) io.Reader // the references
}

// newTexts counts the strings of a dataset of n elements.
func newTexts(ctx context.Context, f *file, n int64, src *source) (*texts, error) {
	t := &texts{f: f, n: n, index: tensor.I32, open: src.reader}
	size := int64(f.refSize())
	var err error
	if src.image == nil {
		err = t.eachRef(ctx, func(ref []byte) error { return t.add(ref, 1) })
	} else {
		// What was never written has no chunks, and is not looked at one by one.
		m := src.image
		var list []chunkAt
		if list, err = m.chunks(); err != nil {
			return nil, err
		}
		left := n
		b := []byte{}
		for _, c := range list {
			inside := size
			for i, k := range m.indexOf(c.number) {
				inside *= min(m.chunk[i], m.shape[i]-k*m.chunk[i])
			}
			if err = ctx.Err(); err == nil {
				err = m.read(c.number, room(&b, inside))
			}
			for at := int64(0); at < inside && err == nil; at += size {
				err = t.add(b[at:at+size], 1)
			}
			if err != nil {
				return nil, err
			}
			left -= inside / size
		}
		if len(m.fill) > 0 && left > 0 {
			err = t.add(m.fill, left)
		}
	}
	if err != nil {
		return nil, err
	}
	if t.bytes > math.MaxInt32 {
		t.index = tensor.I64
	}
	return t, nil
}

// add counts the string of a reference, times over. Writers give each element a
// string of its own, so all are less than the file.
func (t *texts) add(ref []byte, times int64) error {
	n, ok := product(t.f.refLength(ref), times)
	if !ok || n > t.f.size-t.bytes && n > 0 {
		return fail(tensor.ErrLimit, -1, "strings", "more bytes than the file has", "strings of their own")
	}
	t.bytes += n
	return nil
}

// eachRef calls fn with the reference of each element.
func (t *texts) eachRef(ctx context.Context, fn func(ref []byte) error) error {
	in := t.open(ctx)
	size := t.f.refSize()
	buf := make([]byte, min(int64(4096/size), t.n)*int64(size))
	for left := t.n; left > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := buf[:min(int64(len(buf)), left*int64(size))]
		if _, err := io.ReadFull(in, b); err != nil {
			return err
		}
		left -= int64(len(b) / size)
		for ; len(b) > 0; b = b[size:] {
			if err := fn(b[:size]); err != nil {
				return err
			}
		}
	}
	return nil
}

// piped runs fn, which writes, beside a reader of what it writes.
func piped(ctx context.Context, fn func(ctx context.Context, w io.Writer) error) io.ReadCloser {
	ctx, cancel := context.WithCancel(ctx)
	r, w := io.Pipe()
	go func() { w.CloseWithError(fn(ctx, w)) }()
	return &pipe{r, cancel}
}

type pipe struct {
	*io.PipeReader
	cancel context.CancelFunc
}

func (p *pipe) Close() error {
	p.cancel()
	return p.PipeReader.Close()
}

// pieceBytes is about how much goes through a pipe at a time.
const pieceBytes = 64 << 10

// offsets opens where each string begins, and where the last one ends.
func (t *texts) offsets(ctx context.Context) (io.ReadCloser, error) {
	return piped(ctx, func(ctx context.Context, w io.Writer) error {
		var out []byte
		at := int64(0)
		put := func() error {
			if t.index == tensor.I32 {
				out = binary.LittleEndian.AppendUint32(out, uint32(at))
			} else {
				out = binary.LittleEndian.AppendUint64(out, uint64(at))
			}
			if len(out) < pieceBytes {
				return nil
			}
			_, err := w.Write(out)
			out = out[:0]
			return err
		}
		if err := put(); err != nil {
			return err
		}
		err := t.eachRef(ctx, func(ref []byte) error {
			at += t.f.refLength(ref)
			return put()
		})
		if err == nil {
			_, err = w.Write(out)
		}
		return err
	}), nil
}

// content opens the strings one behind the other.
func (t *texts) content(ctx context.Context) (io.ReadCloser, error) {
	// A string costs at most the objects of the collection that it is in.
	t.f.renew(t.n)
	return piped(ctx, func(ctx context.Context, w io.Writer) error {
		var out []byte
		err := t.eachRef(ctx, func(ref []byte) error {
			b, err := t.f.variable(ref)
			if err != nil {
				return err
			}
			if out = append(out, b...); len(out) < pieceBytes {
				return nil
			}
			_, err = w.Write(out)
			out = out[:0]
			return err
		})
		if err == nil {
			_, err = w.Write(out)
		}
		return err
	}), nil
}

// tensor describes the strings as a tensor, of storages that are added to l.
func (t *texts) tensor(l *convert.Layout, shape tensor.Shape) convert.LayoutTensor {
	x := convert.LayoutTensor{
		Shape: shape, Storage: -1, Layout: format.LayoutString,
		Parts: []convert.LayoutTensor{
			{Name: format.RoleOffsets, Storage: len(l.Storages), DType: t.index, Shape: tensor.Shape{t.n + 1}},
			{Name: format.RoleBytes, Storage: -1, DType: tensor.U8, Shape: tensor.Shape{t.bytes}},
		},
	}
	l.Storages = append(l.Storages, convert.LayoutStorage{Size: (t.n + 1) * int64(t.index.UnitBytes), StoredSize: t.n * int64(t.f.refSize()), Codec: "heap", Open: t.offsets})
	if t.bytes > 0 {
		x.Parts[1].Storage = len(l.Storages)
		l.Storages = append(l.Storages, convert.LayoutStorage{Size: t.bytes, StoredSize: t.bytes, Codec: "heap", Open: t.content})
	}
	return x
}
