package bench

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// coldFile is a copy of bigFile that is taken out of the page cache again and
// again, on the disk for good.
func (e *Env) coldFile(b *testing.B) string {
	x := e.floats(b)
	return get(b, e, "cold", func() (string, error) {
		path := e.path("cold.tensor")
		v, err := tensor.FromSlice(x, int64(len(x))/1024, 1024)
		if err != nil {
			return "", err
		}
		if err := writeOne(path, v); err != nil {
			return "", err
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return "", err
		}
		defer f.Close()
		return path, f.Sync()
	})
}

// warmMemory is memory for a large tensor whose pages are there.
func (e *Env) warmMemory(b *testing.B) tensor.View {
	return get(b, e, "warm", func() (tensor.View, error) {
		x := make([]float32, e.Big/4)
		for i := range x {
			x[i] = 1
		}
		return tensor.FromSlice(x, int64(len(x))/1024, 1024)
	})
}

func readCases(e *Env) []Case {
	ctx := context.Background()
	big := "/size=" + size(e.Big)
	open := func(b *testing.B, path string, o tensorfile.OpenOptions) (*tensorfile.File, *tensorfile.Tensor) {
		f, err := tensorfile.Open(path, &o)
		check(b, err)
		t, err := f.Tensor("weights")
		check(b, err)
		return f, t
	}
	// Opening and closing belong to it, as for the peers.
	into := func(name string, o tensorfile.OpenOptions, across bool) Case {
		return stream("read", name+big+"/impl=tensorfile", e.Big, func(b *testing.B) {
			path, dst := e.bigFile(b), e.warmMemory(b)
			if across {
				s := dst.Shape()
				var err error
				mem, err := dst.Bytes()
				check(b, err)
				dst, err = tensor.NewView(mem, tensor.F32, s, tensor.Strides{4, 4 * s[0]}, 0, tensor.HostOrder)
				check(b, err)
			}
			for b.Loop() {
				f, t := open(b, path, o)
				check(b, t.ReadInto(ctx, dst))
				check(b, f.Close())
			}
		})
	}
	load := func(name string, workers int, between func()) Case {
		return stream("read", name+big+"/impl=tensorfile", e.Big, func(b *testing.B) {
			path := e.bigFile(b)
			for b.Loop() {
				f, t := open(b, path, tensorfile.OpenOptions{ReadWorkers: workers})
				v, err := t.Read(ctx)
				check(b, err)
				check(b, f.Close())
				b.StopTimer()
				if v.NumElements()*4 != e.Big {
					b.Fatal(v.Shape())
				}
				v = tensor.View{}
				between()
				b.StartTimer()
			}
		})
	}
	cold := func(mode tensorfile.ReadMode) Case {
		return stream("read", fmt.Sprintf("op=into/cache=cold/mode=%v%s/impl=tensorfile", mode, big), e.Big, func(b *testing.B) {
			path, dst := e.coldFile(b), e.warmMemory(b)
			for b.Loop() {
				b.StopTimer()
				if why := evict(path); why != "" {
					e.skip(b, why)
				}
				b.StartTimer()
				f, t := open(b, path, tensorfile.OpenOptions{ReadMode: mode})
				check(b, t.ReadInto(ctx, dst))
				check(b, f.Close())
			}
		})
	}
	var list []Case
	for _, w := range []int{1, 2} {
		n := fmt.Sprintf("/workers=%d", w)
		list = append(list,
			into("op=into/mode=mapped"+n, tensorfile.OpenOptions{ReadWorkers: w}, false),
			into("op=into/mode=positioned"+n, tensorfile.OpenOptions{ReadWorkers: w, ReadMode: tensorfile.ReadPositioned}, false),
			into("op=into-verified/mode=mapped"+n, tensorfile.OpenOptions{ReadWorkers: w, Verify: tensorfile.VerifyOnFirstUse}, false),
			into("op=into-transposed/mode=mapped"+n, tensorfile.OpenOptions{ReadWorkers: w}, true),
			// Memory that the system gives, and memory that the collector found.
			load("op=load/memory=fresh"+n, w, debug.FreeOSMemory),
			load("op=load/memory=collected"+n, w, runtime.GC),
		)
	}
	for _, m := range []tensorfile.ReadMode{tensorfile.ReadAuto, tensorfile.ReadMapped, tensorfile.ReadPositioned, tensorfile.ReadDirect} {
		list = append(list, cold(m))
	}
	return append(list,
		stream("read", "op=into/cache=cold"+big+"/impl=raw-read", e.Big, func(b *testing.B) {
			path, dst := e.coldFile(b), e.warmMemory(b)
			x, err := dst.Bytes()
			check(b, err)
			for b.Loop() {
				b.StopTimer()
				if why := evict(path); why != "" {
					e.skip(b, why)
				}
				b.StartTimer()
				f, err := os.Open(path)
				check(b, err)
				for at := 0; at < len(x); at += 4 << 20 {
					_, err = f.ReadAt(x[at:min(len(x), at+4<<20)], int64(at))
					check(b, err)
				}
				check(b, f.Close())
			}
		}),
		stream("read", "op=into"+big+"/impl=h5py", e.Big, func(b *testing.B) {
			e.inPythonAs(b, e.Big, e.weightsOutcome, "h5_into", e.path("weights.h5"), e.npyFile(b))
		}),
		stream("read", "op=load"+big+"/impl=numpy", e.Big, func(b *testing.B) {
			e.inPythonAs(b, e.Big, e.weightsOutcome, "load", e.npyFile(b))
		}),
	)
}

// readGoals are the goals of readCases.
func (e *Env) readGoals() []Goal {
	big := "/size=" + size(e.Big)
	ours := func(name string) string { return "read/" + name + big + "/impl=tensorfile" }
	h5, np := "read/op=into"+big+"/impl=h5py", "read/op=load"+big+"/impl=numpy"
	cold := func(mode string) string { return ours("op=into/cache=cold/mode=" + mode) }
	return []Goal{
		{"read into memory of the caller, one worker", ours("op=into/mode=mapped/workers=1"), M, 0.95, 0, false},
		{"read into memory of the caller, two workers", ours("op=into/mode=mapped/workers=2"), M, 1.7, 0, false},
		{"read into memory of the caller beside h5py", ours("op=into/mode=mapped/workers=1"), h5, 1, 0, true},
		{"load into fresh memory, two workers", ours("op=load/memory=fresh/workers=2"), M, 0.65, 0, false},
		{"load into fresh memory beside np.load", ours("op=load/memory=fresh/workers=2"), np, 1, 0, true},
		{"cold read beside one through the mapping", cold("auto"), cold("mapped"), 0.95, 0, false},
		{"cold read beside positioned reads", cold("auto"), cold("positioned"), 0.95, 0, false},
		{"cold read beside direct reads", cold("auto"), cold("direct"), 0.95, 0, false},
	}
}
