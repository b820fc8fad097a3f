package bench

import (
	"fmt"
	"os"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/hdf5"
	"github.com/tensorfile/tensorfile/tensor"
)

// h5File is a file that h5py wrote: many small datasets ("small"), or one of so
// many bytes, contiguous or in chunks of 1 MiB.
func (e *Env) h5File(b *testing.B, form string, n int64) string {
	return get(b, e, fmt.Sprint("h5 ", form, n), func() (string, error) {
		path := e.path(fmt.Sprintf("%s%d.h5", form, n))
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		_, ok, err := e.Python("h5_make", 1, path, form, n)
		if !ok {
			e.skip(b, "TENSORFILE_PYTHON is not set")
		}
		return path, err
	})
}

// hdf5Cases list and read files of h5py beside h5py.
func hdf5Cases(e *Env) []Case {
	open := func(b *testing.B, path string) *tensorfile.File {
		f, err := convert.Open(ctx, path, nil)
		check(b, err)
		return f
	}
	var cases []Case
	list := fmt.Sprintf("op=list/tensors=%d/impl=", e.Tensors[0])
	cases = append(cases,
		once("hdf5", list+"tensorfile", func(b *testing.B) {
			path := e.h5File(b, "small", int64(e.Tensors[0]))
			for b.Loop() {
				f := open(b, path)
				n := 0
				for x, err := range f.Tensors() {
					check(b, err)
					n += len(x.Name()) + len(x.Shape()) + int(x.DType().Bits)
				}
				sink = float32(n)
				check(b, f.Close())
			}
		}),
		once("hdf5", list+"h5py", func(b *testing.B) {
			e.inPythonAs(b, 0, func(b *testing.B) outcome {
				f := open(b, e.h5File(b, "small", int64(e.Tensors[0])))
				defer f.Close()
				return listed(b, f)
			}, "h5_list", e.h5File(b, "small", int64(e.Tensors[0])))
		}),
	)
	for _, form := range []string{"contiguous", "deflate", "lzf"} {
		n := e.Big
		if form != "contiguous" {
			n /= 4
		}
		name := fmt.Sprintf("op=read/form=%s/size=%s/impl=", form, size(n))
		cases = append(cases,
			stream("hdf5", name+"tensorfile", n, func(b *testing.B) {
				path := e.h5File(b, form, n)
				dst := get(b, e, fmt.Sprint("h5 warm", n), func() (tensor.View, error) {
					return tensor.Make(tensor.F32, tensor.Shape{n / 4096, 1024})
				})
				for b.Loop() {
					f := open(b, path)
					x, err := f.Tensor("x")
					check(b, err)
					check(b, x.ReadInto(ctx, dst))
					check(b, f.Close())
				}
			}),
			stream("hdf5", name+"h5py", n, func(b *testing.B) {
				e.inPythonAs(b, n, func(b *testing.B) outcome { return e.readAll(convert.Open(ctx, e.h5File(b, form, n), nil)) }, "h5_read", e.h5File(b, form, n), n/4096)
			}),
		)
	}
	n := e.Big / 4
	slice := "op=column/form=deflate/size=" + size(n) + "/impl="
	return append(cases,
		once("hdf5", slice+"tensorfile", func(b *testing.B) {
			f := open(b, e.h5File(b, "deflate", n))
			defer f.Close()
			x, err := f.Tensor("x")
			check(b, err)
			sel, err := tensor.ParseSelection("[100:200, 7]")
			check(b, err)
			for b.Loop() {
				v, err := x.Read(ctx, sel)
				check(b, err)
				sink = float32(v.NumElements())
			}
		}),
		once("hdf5", slice+"h5py", func(b *testing.B) {
			e.inPythonAs(b, 0, func(b *testing.B) outcome {
				f := open(b, e.h5File(b, "deflate", n))
				defer f.Close()
				x, err := f.Tensor("x")
				check(b, err)
				sel, err := tensor.ParseSelection("[100:200, 7]")
				check(b, err)
				return e.outcome(x.Read(ctx, sel))
			}, "h5_column", e.h5File(b, "deflate", n))
		}),
	)
}

// hdf5Goals put them beside each other.
func (e *Env) hdf5Goals() []Goal {
	beside := func(what, key string, ratio float64) Goal {
		return Goal{What: "HDF5, " + what + " beside h5py", Ours: "hdf5/op=" + key + "/impl=tensorfile", Base: "hdf5/op=" + key + "/impl=h5py", Ratio: ratio}
	}
	quarter := "/size=" + size(e.Big/4)
	return []Goal{
		beside(fmt.Sprintf("names and shapes of %d datasets", e.Tensors[0]), fmt.Sprintf("list/tensors=%d", e.Tensors[0]), 10),
		beside("contiguous, read", "read/form=contiguous/size="+size(e.Big), 1),
		beside("shuffle and deflate, read", "read/form=deflate"+quarter, 2),
		beside("shuffle and LZF, read", "read/form=lzf"+quarter, 2),
		beside("a column of a compressed chunk", "column/form=deflate"+quarter, 1),
	}
}
