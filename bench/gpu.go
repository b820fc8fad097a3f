package bench

import (
	"bytes"
	"context"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/kernels"
	"github.com/tensorfile/tensorfile/internal/kernel"
	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

// gpuCases upload on the host backend, which is all that a machine need have, beside
// a copy in memory by all processors, and stream, beside the stages of that: blocks
// that are decoded, and a kernel. There processors do all of it, so that stages cannot
// cost less than their sum; that they overlap is shown by the tests of package gpu,
// on a clock of their own.
func gpuCases(e *Env) []Case {
	big := "device=host/size=" + size(e.Big) + "/"
	upload := func(from string, staged bool) func(b *testing.B) {
		return func(b *testing.B) {
			d, u := hostDevice(b, &gpu.UploadOptions{Staged: staged, Direct: gpu.DirectNever})
			source, done := e.gpuSource(b, from)
			defer done()
			dst, err := d.Alloc(e.Big)
			check(b, err)
			_, err = u.UploadTo(context.Background(), dst, nil, source) // memory that is there
			check(b, err)
			for b.Loop() {
				_, err := u.UploadTo(context.Background(), dst, nil, source)
				check(b, err)
			}
			check(b, u.Close())
			check(b, dst.Free())
			check(b, d.Close())
		}
	}
	// A stage of a stream: blocks that are read or decoded, a kernel, or both.
	stage := func(blocks, compute bool) func(b *testing.B) {
		return func(b *testing.B) {
			d, u := hostDevice(b, &gpu.UploadOptions{})
			source, done := e.gpuSource(b, "chunks")
			defer done()
			s, err := d.NewStream()
			check(b, err)
			slot := u.Options().SlotBytes
			in, err := d.Make(tensor.U8, tensor.Shape{slot})
			check(b, err)
			out, err := d.Make(tensor.F32, tensor.Shape{slot})
			check(b, err)
			cast := func(x *gpu.Tensor) {
				if !compute {
					return
				}
				part, err := out.Slice(0, 0, x.NumElements(), 1)
				check(b, err)
				check(b, kernels.Cast(s, part, x))
			}
			for b.Loop() {
				if blocks {
					for block, err := range u.Stream(context.Background(), s, source) {
						check(b, err)
						cast(block.Tensor())
					}
				} else {
					for at := int64(0); at < e.Big; at += slot {
						part, err := in.Slice(0, 0, min(slot, e.Big-at), 1)
						check(b, err)
						cast(part)
					}
				}
				check(b, s.Synchronize())
			}
			check(b, u.Close())
			check(b, in.Free())
			check(b, out.Free())
			check(b, s.Free())
			check(b, d.Close())
		}
	}
	return []Case{
		stream("gpu", big+"op=copy/impl=parallel-memcpy", e.Big, func(b *testing.B) {
			src, dst := e.bytesOf(b, e.Big), bytes.Repeat([]byte{1}, int(e.Big)) // memory that is there
			for b.Loop() {
				check(b, parallel.Each(0, e.Big>>20, func(i int64) error {
					kernel.CopyStream(dst[i<<20:(i+1)<<20], src[i<<20:(i+1)<<20])
					return nil
				}))
			}
		}),
		stream("gpu", big+"op=upload/from=memory/impl=tensorfile", e.Big, upload("memory", false)),
		stream("gpu", big+"op=upload/from=file/impl=tensorfile", e.Big, upload("file", false)),
		stream("gpu", big+"op=upload-staged/from=file/impl=tensorfile", e.Big, upload("file", true)),
		stream("gpu", big+"op=stream/impl=blocks", e.Big, stage(true, false)),
		stream("gpu", big+"op=stream/impl=kernel", e.Big, stage(false, true)),
		stream("gpu", big+"op=stream/impl=blocks+kernel", e.Big, stage(true, true)),
	}
}

func hostDevice(b *testing.B, o *gpu.UploadOptions) (*gpu.Device, *gpu.Uploader) {
	d, err := gpu.OpenHost(nil)
	check(b, err)
	u, err := d.NewUploader(o)
	check(b, err)
	return d, u
}

// gpuSource is e.Big bytes in memory, in a file, or such that half is noise in
// compressed chunks.
func (e *Env) gpuSource(b *testing.B, from string) (s gpu.Source, done func()) {
	v, err := tensor.NewView(e.bytesOf(b, e.Big), tensor.U8, tensor.Shape{e.Big}, nil, 0, tensor.LittleEndian)
	check(b, err)
	if from == "memory" {
		return gpu.FromView(v), func() {}
	}
	if from == "chunks" {
		half := make([]byte, e.Big)
		for i, x := range e.bytesOf(b, e.Big) {
			half[i] = x & 15
		}
		v, err = tensor.NewView(half, tensor.U8, tensor.Shape{e.Big}, nil, 0, tensor.LittleEndian)
		check(b, err)
	}
	path := get(b, e, "gpu "+from, func() (string, error) {
		path := e.path("gpu-" + from + ".tensor")
		w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true})
		if err != nil {
			return "", err
		}
		defer w.Close()
		var o *tensorfile.TensorOptions
		if from == "chunks" {
			o = &tensorfile.TensorOptions{Codec: "zstd:1", Chunk: tensor.Shape{1 << 20}}
		}
		if err := w.Add(context.Background(), "x", v, o); err != nil {
			return "", err
		}
		return path, w.Commit(context.Background())
	})
	f, err := tensorfile.Open(path, nil)
	check(b, err)
	t, err := f.Tensor("x")
	check(b, err)
	return gpu.FromTensor(t), func() { check(b, f.Close()) }
}

func (e *Env) gpuGoals() []Goal {
	at := "gpu/device=host/size=" + size(e.Big) + "/op="
	return []Goal{
		{"upload from memory to the host backend beside a parallel memcpy", at + "upload/from=memory/impl=tensorfile", at + "copy/impl=parallel-memcpy", 0.8, 0, true},
		{"upload from a file in the page cache beside a parallel memcpy", at + "upload/from=file/impl=tensorfile", at + "copy/impl=parallel-memcpy", 0.8, 0, true},
		{"the same through the ring, as a device has it", at + "upload-staged/from=file/impl=tensorfile", at + "copy/impl=parallel-memcpy", 0.45, 0, false},
	}
}
