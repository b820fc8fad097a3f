package bench

import (
	"fmt"
	"time"
)

// M is the key of the unit of ratios: one thread's memcpy by libc of a buffer
// as large as a large tensor.
const M = "M"

// Compression, as the base of a goal, means the ratio that the case reports: raw
// bytes to stored ones.
const Compression = "ratio"

// A Goal is what a case is to reach: a time, or a ratio of speeds to another
// case of the same run.
type Goal struct {
	What  string
	Ours  string
	Base  string // M, Compression, a key, or none
	Ratio float64
	Time  time.Duration
	Floor bool // an issue stays open below it; else it is what we aim at
}

// Goals are the goals of the cases, full sizes supposed.
func (e *Env) Goals() []Goal {
	big := "size=" + size(e.Big)
	many := e.Tensors[len(e.Tensors)-1]
	at := func(n int, op, impl string) string { return fmt.Sprintf("open/tensors=%d/op=%s/impl=%s", n, op, impl) }
	us, ms := time.Microsecond, time.Millisecond
	g := []Goal{
		{"open, view, close", "open/" + big + "/op=open+view+close/impl=tensorfile", "", 0, 15 * us, false},
		{"the same beside np.load mmap", "open/" + big + "/op=open+view+close/impl=tensorfile", "open/" + big + "/op=open+view+close/impl=numpy-mmap", 40, 0, false},
		{"open and find one of the most tensors", at(many, "open+find", "tensorfile"), "", 0, ms, true},
		{"find the first name in a fresh mapping", at(many, "first-find", "tensorfile"), "", 0, 200 * us, true},
		{"find any name", at(many, "find", "tensorfile"), "", 0, 2 * us, true},
	}
	for i, d := range []time.Duration{500 * us, 4 * ms, 8 * ms} {
		if i < len(e.Tensors) {
			g = append(g, Goal{fmt.Sprintf("all shapes of %d tensors", e.Tensors[i]), at(e.Tensors[i], "open+shapes", "tensorfile"), "", 0, d, false})
		}
	}
	for _, n := range e.Tensors {
		g = append(g, Goal{fmt.Sprintf("all shapes of %d tensors beside encoding/json", n), at(n, "open+shapes", "tensorfile"), at(n, "open+shapes", "encoding-json"), 60, 0, false})
	}
	for i, d := range []time.Duration{6 * ms, 15 * ms} {
		if i < len(e.Tensors) {
			g = append(g, Goal{fmt.Sprintf("the tool lists %d tensors", e.Tensors[i]), fmt.Sprintf("tool/tensors=%d/op=ls/impl=tensorfile", e.Tensors[i]), "", 0, d, false})
		}
	}
	g = append(g, e.kernelGoals()...)
	g = append(g, e.mediaGoals()...)
	g = append(g, e.tensorGoals()...)
	g = append(g, codecGoals()...)
	g = append(g, e.transformGoals()...)
	g = append(g, loaderGoals()...)
	g = append(g, rearrangeGoals()...)
	g = append(g, e.matrixGoals()...)
	g = append(g, e.marketGoals()...)
	g = append(g, e.soundGoals()...)
	g = append(g, e.hdf5Goals()...)
	g = append(g, e.sqlGoals()...)
	g = append(g, openViewGoals()...)
	g = append(g, e.modelGoals()...)
	g = append(g, e.setGoals()...)
	g = append(g, e.pictureGoals()...)
	g = append(g, e.tableGoals()...)
	g = append(g, e.compositeGoals()...)
	g = append(g, e.gpuGoals()...)
	small := fmt.Sprintf("small/tensors=%d/op=", e.Small)
	convert := "convert/" + big + "/"
	npy := "/" + big + "/impl="
	g = append(g, e.readGoals()...)
	return append(g,
		Goal{fmt.Sprintf("names of %d tensors beside npz", e.Tensors[0]), at(e.Tensors[0], "open+names", "tensorfile"), at(e.Tensors[0], "open+names", "numpy-npz"), 50, 0, false},
		Goal{"typed slice", "slice/op=Data/lease=file", "", 0, 5 * time.Nanosecond, true},
		Goal{"typed slice with a lease of its own", "slice/op=AcquireData/lease=own", "", 0, 60 * time.Nanosecond, true},
		Goal{"sum, mapped and touched before, beside warm heap", "scan/op=sum/memory=mapped/" + big + "/impl=tensorfile", "scan/op=sum/memory=heap/" + big + "/impl=go", 0.97, 0, true},
		Goal{"open, sum, close beside the sum over warm heap", "scan/op=open+sum+close/memory=mapped/" + big + "/impl=tensorfile", "scan/op=sum/memory=heap/" + big + "/impl=go", 0.97, 0, true},
		Goal{"make a file of our own resident", "scan/op=populate/" + big + "/impl=tensorfile", "", 0, 300 * us, false},
		Goal{"write small tensors", small + "write/impl=tensorfile", "", 0, 10 * ms, false},
		Goal{"open and view small tensors", small + "open+view/impl=tensorfile", "", 0, ms, false},
		Goal{"save beside np.save", "save/" + big + "/sync=no/impl=tensorfile", "save/" + big + "/sync=no/impl=numpy", 1, 0, false},
		Goal{"save, durable, beside direct writes and fdatasync", "save/" + big + "/sync=yes/impl=tensorfile", "save/" + big + "/sync=yes/impl=direct+fdatasync", 0.95, 0, false},
		Goal{"commit beside a write and two fdatasync", "commit/size=1MiB/impl=tensorfile", "commit/size=1MiB/impl=write+2-fdatasync", 0.667, 0, true},
		Goal{"the same", "commit/size=1MiB/impl=tensorfile", "commit/size=1MiB/impl=write+2-fdatasync", 0.833, 0, false},
		Goal{"repack beside a copy", "repack/" + big + "/sync=no/impl=tensorfile", "repack/" + big + "/sync=no/impl=io.Copy", 0.8, 0, true},
		Goal{"the same", "repack/" + big + "/sync=no/impl=tensorfile", "repack/" + big + "/sync=no/impl=io.Copy", 0.95, 0, false},
		Goal{"repack beside a copy, both synced", "repack/" + big + "/sync=yes/impl=tensorfile", "repack/" + big + "/sync=yes/impl=io.Copy", 0.95, 0, false},
		Goal{"npy to tensor beside a plain copy", convert + "op=npy-to-tensor/impl=tensorfile", convert + "op=copy/impl=io.Copy", 0.8, 0, true},
		Goal{"tensor to npy beside a plain copy", convert + "op=tensor-to-npy/impl=tensorfile", convert + "op=copy/impl=io.Copy", 0.8, 0, true},
		Goal{"the same", convert + "op=npy-to-tensor/impl=tensorfile", convert + "op=copy/impl=io.Copy", 0.95, 0, false},
		Goal{"tensor to npy beside a plain copy", convert + "op=tensor-to-npy/impl=tensorfile", convert + "op=copy/impl=io.Copy", 0.95, 0, false},
		Goal{"npy to tensor beside cp", convert + "op=npy-to-tensor/impl=tensorfile", convert + "op=copy/impl=cp", 0.8, 0, true},
		Goal{"tensor to npy beside cp", convert + "op=tensor-to-npy/impl=tensorfile", convert + "op=copy/impl=cp", 0.8, 0, true},
		Goal{"npy to tensor beside np.load and np.save", convert + "op=npy-to-tensor/impl=tensorfile", convert + "op=load+save/impl=numpy", 1.6, 0, false},
		Goal{"tensor to npy beside np.load and np.save", convert + "op=tensor-to-npy/impl=tensorfile", convert + "op=load+save/impl=numpy", 1.6, 0, false},
		Goal{"read .npy into fresh memory beside npyio", "npy/op=read/memory=fresh" + npy + "tensorfile", "npy/op=read/memory=fresh" + npy + "npyio", 5, 0, true},
		Goal{"read .npy into fresh memory beside gonpy", "npy/op=read/memory=fresh" + npy + "tensorfile", "npy/op=read/memory=fresh" + npy + "gonpy", 5, 0, true},
		Goal{"read .npy into fresh memory beside np.load", "npy/op=read/memory=fresh" + npy + "tensorfile", "npy/op=read/memory=fresh" + npy + "numpy", 1, 0, false},
		Goal{"read .npy into warm memory", "npy/op=read/memory=warm" + npy + "tensorfile", M, 0.95, 0, false},
		Goal{"verify, one worker", "verify/op=verify/workers=1/" + big, M, 1.1, 0, false},
		Goal{"verify, two workers", "verify/op=verify/workers=2/" + big, M, 1.8, 0, false},
		Goal{"open a sparse 100 GB file beside a small one", "sparse/size=100GB/op=open", "sparse/size=8000000B/op=open", 0.5, 0, true},
		Goal{"open and list it", "sparse/size=100GB/op=open+list", "sparse/size=8000000B/op=open+list", 0.5, 0, true},
		Goal{"open and read a slice of it", "sparse/size=100GB/op=open+read-slice", "sparse/size=8000000B/op=open+read-slice", 0.5, 0, true},
		Goal{"open and view the last element of it", "sparse/size=100GB/op=open+view-last", "sparse/size=8000000B/op=open+view-last", 0.5, 0, true},
		Goal{"the tool lists it beside a small one", "tool/op=sparse-ls/impl=tensorfile", "tool/op=small-ls/impl=tensorfile", 0.8, 0, true},
		Goal{"the tool shows a slice of it beside a small one", "tool/op=sparse-show/impl=tensorfile", "tool/op=small-show/impl=tensorfile", 0.8, 0, true},
		Goal{"sum in runs of 64 beside one piece", "tensor/op=sum/run=64/form=rows", "tensor/op=sum/run=64/form=contiguous", 0.8, 0, true},
		Goal{"copy in runs of 64 beside one piece", "tensor/op=copy/run=64/form=rows", "tensor/op=copy/run=64/form=contiguous", 0.8, 0, false},
	)
}
