package bench

import (
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// weights is the large tensor of a file that stays open.
func (e *Env) weights(b *testing.B) *tensorfile.Tensor {
	path := e.bigFile(b)
	return get(b, e, "weights", func() (*tensorfile.Tensor, error) {
		f, err := tensorfile.Open(path, nil)
		if err != nil {
			return nil, err
		}
		return f.Tensor("weights")
	})
}

var sink float32

func sliceCases(e *Env) []Case {
	return []Case{
		run("slice", "op=Data/lease=file", func(b *testing.B) {
			t := e.weights(b)
			for b.Loop() {
				x, err := tensorfile.Data[float32](t)
				if err != nil {
					b.Fatal(err)
				}
				sink = x[0]
			}
		}),
		run("slice", "op=AcquireData/lease=own", func(b *testing.B) {
			t := e.weights(b)
			for b.Loop() {
				x, lease, err := tensorfile.AcquireData[float32](t)
				if err != nil {
					b.Fatal(err)
				}
				sink = x[0]
				lease.Release()
			}
		}),
		run("slice", "op=tensor.Data/lease=file", func(b *testing.B) {
			v, err := e.weights(b).View()
			check(b, err)
			for b.Loop() {
				x, err := tensor.Data[float32](v)
				if err != nil {
					b.Fatal(err)
				}
				sink = x[0]
			}
		}),
		run("slice", "op=View/lease=file", func(b *testing.B) {
			t := e.weights(b)
			for b.Loop() {
				v, err := tensorfile.View[float32](t)
				if err != nil {
					b.Fatal(err)
				}
				sink = v.At(0, 0)
			}
		}),
	}
}
