package tensorfile

import (
	"context"

	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

const (
	// largeResult is the size from which a result gets huge pages.
	largeResult = 4 << 20
	// maxResult stays below what makes the runtime panic; tensor.Make refuses it.
	maxResult = 1 << (30 + 16*(^uint(0)>>63))
)

// newResult is tensor.Make without the zeros: every byte of it must be written
// before a caller sees it. A large one is memory of the garbage collector as any
// other, for which the system is asked to use huge pages, so that the faults of
// fresh memory are few and are taken by the goroutines that fill it.
func (f *File) newResult(d tensor.DType, s tensor.Shape) (tensor.View, error) {
	n, err := tensor.ByteSize(d, s)
	if err != nil || n < largeResult || n > maxResult {
		return tensor.Make(d, s)
	}
	b := cast.Fresh(int(n))
	if !hugePages(b) {
		populate(b, f.workers(n))
	}
	return tensor.NewView(b, d, s.Clone(), nil, 0, tensor.HostOrder)
}

// readFresh reads r, which has elements, to memory of its own.
func (t *Tensor) readFresh(ctx context.Context, r region) (dst tensor.View, err error) {
	defer func() { err = located(err, t.f.Path(), t.name) }()
	if err := ctx.Err(); err != nil {
		return dst, err
	}
	v, err := t.f.newResult(r.dtype, r.shape)
	if err != nil {
		return dst, err
	}
	if err := t.readRawTo(ctx, v, r, true); err != nil {
		return dst, err
	}
	return v, nil
}

// populate makes the system give the pages of b, whose bytes mean nothing, in
// large pieces and on several goroutines: page by page, and on one, it takes
// twice as long.
func populate(b []byte, workers int) {
	const piece = 4 << 20
	_ = parallel.Each(workers, (int64(len(b))+piece-1)/piece, func(i int64) error {
		touch(b[i*piece : min((i+1)*piece, int64(len(b)))])
		return nil
	})
}
