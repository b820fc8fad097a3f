package bench

import (
	"os"
	"testing"

	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/tensor"
)

// fresh runs fn for a file that is not there, and removes it outside the clock.
// So it does twice before: the host of a virtual machine takes back memory that has
// been free for some seconds (free page reporting), and a file that is written to
// such pages takes ten times as long. peer.py does the same.
func fresh(b *testing.B, path string, fn func() error) {
	for range 2 {
		check(b, fn())
		check(b, os.Remove(path))
	}
	for b.Loop() {
		check(b, fn())
		b.StopTimer()
		check(b, os.Remove(path))
		b.StartTimer()
	}
}

func saveCases(e *Env) []Case {
	big := "size=" + size(e.Big) + "/sync=no/impl="
	return []Case{
		stream("save", big+"tensorfile", e.Big, func(b *testing.B) {
			x := e.floats(b)
			path := e.path("save.tensor")
			v, err := tensor.FromSlice(x)
			check(b, err)
			fresh(b, path, func() error { return writeOne(path, v) })
		}),
		stream("save", big+"os.WriteFile", e.Big, func(b *testing.B) {
			x := cast.Bytes(e.floats(b))
			path := e.path("save.bin")
			fresh(b, path, func() error { return os.WriteFile(path, x, 0o666) })
		}),
		stream("save", big+"numpy", e.Big, func(b *testing.B) {
			e.inPythonAs(b, e.Big, e.weightsOutcome, "save", e.path("save.npy"), e.npyFile(b))
		}),
	}
}
