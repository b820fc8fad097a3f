package bench

import (
	"fmt"
	"os"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

func smallCases(e *Env) []Case {
	name := func(op, impl string) string { return fmt.Sprintf("tensors=%d/op=%s/impl=%s", e.Small, op, impl) }
	all := func(b *testing.B) (o outcome) {
		data := smallData(e.Small)
		for i := range e.Small {
			v, err := tensor.FromSlice(data[16*i:16*i+16], smallShape(i)...)
			check(b, err)
			o.views = append(o.views, v)
		}
		return o
	}
	return []Case{
		once("small", name("write", "tensorfile"), func(b *testing.B) {
			path, list, data := e.path("small-out.tensor"), names(e.Small), smallData(e.Small)
			for b.Loop() {
				check(b, writeMany(path, list, data))
				b.StopTimer()
				check(b, os.Remove(path))
				b.StartTimer()
			}
		}),
		once("small", name("write", "numpy-npz"), func(b *testing.B) {
			e.inPythonAs(b, 0, all, "npz_write", e.path("small-out.npz"), e.smallFile(b, e.Small))
		}),
		once("small", name("open+view", "tensorfile"), func(b *testing.B) {
			path := e.manyFile(b, e.Small)
			for b.Loop() {
				f := mustOpen(b, path)
				n := 0
				for t, err := range f.Tensors() {
					check(b, err)
					x, err := tensorfile.Data[float32](t)
					check(b, err)
					n += len(x)
				}
				if n != 16*e.Small {
					b.Fatal(n)
				}
				check(b, f.Close())
			}
		}),
		once("small", name("open+view", "numpy-npz"), func(b *testing.B) {
			e.inPythonAs(b, 0, all, "npz_all", e.npzFile(b, e.Small))
		}),
	}
}
