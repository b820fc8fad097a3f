package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// sum adds x in eight lanes, so that memory and not the adder is the limit.
func sum(x []float32) float32 {
	var a lanes
	a.add(x)
	return a.total()
}

// lanes are eight sums, of which each takes every eighth element of a row.
type lanes [8]float32

func (a *lanes) total() float32 {
	return (a[0] + a[1]) + (a[2] + a[3]) + (a[4] + a[5]) + (a[6] + a[7])
}

func (a *lanes) add(x []float32) {
	a0, a1, a2, a3, a4, a5, a6, a7 := a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]
	for ; len(x) >= 8; x = x[8:] {
		y := (*[8]float32)(x)
		a0 += y[0]
		a1 += y[1]
		a2 += y[2]
		a3 += y[3]
		a4 += y[4]
		a5 += y[5]
		a6 += y[6]
		a7 += y[7]
	}
	*a = lanes{a0, a1, a2, a3, a4, a5, a6, a7}
	for i, v := range x {
		a[i] += v
	}
}

func scanCases(e *Env) []Case {
	big := "/size=" + size(e.Big)
	return []Case{
		stream("scan", "op=sum/memory=heap"+big+"/impl=go", e.Big, func(b *testing.B) {
			x := e.floats(b)
			for b.Loop() {
				sink = sum(x)
			}
		}),
		stream("scan", "op=sum/memory=mapped"+big+"/impl=tensorfile", e.Big, func(b *testing.B) {
			x, err := tensorfile.Data[float32](e.weights(b))
			check(b, err)
			get(b, e, "touched", func() (float32, error) { return sum(x), nil })
			for b.Loop() {
				sink = sum(x)
			}
		}),
		stream("scan", "op=open+sum+close/memory=mapped"+big+"/impl=tensorfile", e.Big, func(b *testing.B) {
			path := e.bigFile(b)
			for b.Loop() {
				f := mustOpen(b, path)
				t, err := f.Tensor("weights")
				check(b, err)
				x, err := tensorfile.Data[float32](t)
				check(b, err)
				sink = sum(x)
				check(b, f.Close())
			}
		}),
		stream("scan", "op=open+sum+close/memory=mapped"+big+"/impl=numpy-mmap", e.Big, func(b *testing.B) {
			e.inPythonAs(b, e.Big, func(b *testing.B) outcome {
				v, err := tensor.FromSlice([]float32{sum(e.floats(b))})
				check(b, err)
				v, err = v.Reshape(tensor.Shape{})
				return e.outcome(v, err).about(0.01) // NumPy sums pairs of pairs
			}, "mmap_sum", e.npyFile(b))
		}),
		once("scan", "op=populate"+big+"/impl=tensorfile", func(b *testing.B) {
			path := e.bigFile(b)
			for b.Loop() {
				b.StopTimer()
				f := mustOpen(b, path)
				b.StartTimer()
				check(b, f.Map().Advise(0, -1, mmap.Populate))
				b.StopTimer()
				if huge := mappedHuge(path); huge < e.Big/2 {
					e.skip(b, fmt.Sprintf("no large folios here: %d KiB are mapped by huge pages", huge>>10))
				}
				check(b, f.Close())
				b.StartTimer()
			}
		}),
		once("scan", "op=touch"+big+"/impl=tensorfile", func(b *testing.B) {
			path := e.bigFile(b)
			for b.Loop() {
				b.StopTimer()
				f := mustOpen(b, path)
				m := f.Map().Bytes()
				b.StartTimer()
				var s byte
				for i := 0; i < len(m); i += 4096 {
					s += m[i]
				}
				b.StopTimer()
				sink = float32(s)
				check(b, f.Close())
				b.StartTimer()
			}
		}),
	}
}

// mappedHuge is how many bytes of this process's mappings of a file are mapped
// by huge pages, as far as the system says.
func mappedHuge(path string) int64 {
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return 0
	}
	total, here := int64(0), false
	for line := range bytes.Lines(text) {
		f := bytes.Fields(line)
		switch {
		case len(f) >= 5 && bytes.Contains(f[0], []byte("-")):
			here = len(f) > 5 && string(f[5]) == path
		case here && len(f) > 1 && string(f[0]) == "FilePmdMapped:":
			n, _ := strconv.ParseInt(string(f[1]), 10, 64)
			total += n << 10
		}
	}
	return total
}
