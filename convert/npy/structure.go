package npy

import (
	"context"
	"io"
	"sync"

	"github.com/tensorfile/tensorfile/tensor"
)

// rowBytes is about how many bytes of a structured array are put together at
// a time; one element if that is larger.
const rowBytes = 1 << 20

// writeStructure interleaves the fields. Each is streamed in the order of the
// array, so that encoded tensors are decoded once and memory stays bounded.
func (a *array) writeStructure(ctx context.Context, w io.Writer) error {
	total := a.size / a.item
	if total == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	var streams sync.WaitGroup
	readers := make([]*io.PipeReader, len(a.parts))
	defer func() {
		cancel()
		for _, r := range readers {
			r.Close() // a stream that is still writing ends
		}
		streams.Wait()
	}()
	for i := range a.parts {
		t := a.parts[i]
		var axes []int
		if a.fortran {
			axes = reversed(len(a.shape), len(t.Shape()))
		}
		r, p := io.Pipe()
		readers[i] = r
		streams.Go(func() { p.CloseWithError(t.WriteOrder(ctx, p, axes)) })
	}

	rows := min(max(rowBytes/a.item, 1), total)
	out := make([]byte, rows*a.item)
	fields := make([][]byte, len(a.parts)) // the same rows of one field
	for i, l := range a.leaves {
		n, _ := l.dims.NumElements()
		fields[i] = make([]byte, rows*n*l.scalar.size)
	}
	for done := int64(0); done < total; {
		n := min(rows, total-done)
		for i := range a.leaves {
			part := fields[i][:int64(len(fields[i]))/rows*n]
			if _, err := io.ReadFull(readers[i], part); err != nil {
				if err == io.EOF || err == io.ErrUnexpectedEOF {
					err = headerError(tensor.ErrTruncated, -1, "field", "fewer bytes", "as many as its shape says")
				}
				return named(err, a.parts[i].As)
			}
			if err := a.scatter(out[:n*a.item], part, n, i); err != nil {
				return err
			}
		}
		if _, err := w.Write(out[:n*a.item]); err != nil {
			return err
		}
		done += n
	}
	return nil
}

// scatter puts n rows of leaf i to their places in out.
func (a *array) scatter(out, rows []byte, n int64, i int) error {
	if len(rows) == 0 {
		return nil
	}
	l := &a.leaves[i]
	d := a.parts[i].DType()
	shape := append(tensor.Shape{n}, l.dims...)
	dst, err := tensor.NewView(out, d, shape, append(tensor.Strides{a.item}, l.strides...), l.offset, tensor.LittleEndian)
	if err != nil {
		return err
	}
	src, err := tensor.NewView(rows, d, shape, nil, 0, tensor.LittleEndian)
	if err != nil {
		return err
	}
	return tensor.Copy(dst, src)
}
