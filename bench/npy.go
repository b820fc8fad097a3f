package bench

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/kshedden/gonpy"
	"github.com/sbinet/npyio"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	"github.com/tensorfile/tensorfile/internal/cast"
)

// npyFile holds the same weights as bigFile, as NumPy's save writes them.
func (e *Env) npyFile(b *testing.B) string {
	x := e.floats(b)
	return get(b, e, "npy", func() (string, error) {
		path := e.path("weights.npy")
		f, err := os.Create(path)
		if err != nil {
			return "", err
		}
		defer f.Close()
		header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 1024), }", len(x)/1024)
		text := fmt.Sprintf("%-117s\n", header)
		if _, err := f.WriteString("\x93NUMPY\x01\x00" + string([]byte{byte(len(text)), 0}) + text); err != nil {
			return "", err
		}
		_, err = f.Write(cast.Bytes(x))
		return path, err
	})
}

func npyCases(e *Env) []Case {
	big := "/size=" + size(e.Big) + "/impl="
	// Results are garbage of the size of the tensor: they are collected and
	// given back to the system outside the clock, else the next sample pays.
	load := func(name string, fn func(path string) (any, error)) Case {
		return stream("npy", name, e.Big, func(b *testing.B) {
			path := e.npyFile(b)
			get(b, e, "compared "+name, func() (bool, error) {
				x, err := fn(path)
				if y, ok := x.([]float32); ok && !slices.Equal(y, e.floats(b)) {
					e.Failed = true
					e.skip(b, "**differs from ours**")
				}
				e.Compared++
				return true, err
			})
			e.Equal = true
			for b.Loop() {
				x, err := fn(path)
				b.StopTimer()
				check(b, err)
				_ = x
				x = nil
				debug.FreeOSMemory()
				b.StartTimer()
			}
		})
	}
	ctx := context.Background()
	return []Case{
		run("npy", "op=open+Data"+big+"tensorfile", func(b *testing.B) {
			path := e.npyFile(b)
			for b.Loop() {
				f, t, err := openNpy(path)
				check(b, err)
				x, err := tensorfile.Data[float32](t)
				check(b, err)
				sink = x[len(x)-1]
				check(b, f.Close())
			}
		}),
		load("op=read/memory=fresh"+big+"tensorfile", func(path string) (any, error) {
			f, t, err := openNpy(path)
			if err != nil {
				return nil, err
			}
			defer f.Close()
			return t.Read(ctx)
		}),
		stream("npy", "op=read/memory=warm"+big+"tensorfile", e.Big, func(b *testing.B) {
			path := e.npyFile(b)
			dst := e.warmMemory(b)
			for b.Loop() {
				f, t, err := openNpy(path)
				check(b, err)
				check(b, t.ReadInto(ctx, dst))
				check(b, f.Close())
			}
		}),
		load("op=read/memory=fresh"+big+"npyio", func(path string) (any, error) {
			f, err := os.Open(path)
			if err != nil {
				return nil, err
			}
			defer f.Close()
			var x []float32
			err = npyio.Read(bufio.NewReaderSize(f, 1<<20), &x)
			return x, err
		}),
		load("op=read/memory=fresh"+big+"gonpy", func(path string) (any, error) {
			r, err := gonpy.NewFileReader(path)
			if err != nil {
				return nil, err
			}
			return r.GetFloat32()
		}),
		stream("npy", "op=read/memory=fresh"+big+"numpy", e.Big, func(b *testing.B) {
			e.inPythonAs(b, e.Big, e.weightsOutcome, "load", e.npyFile(b))
		}),
	}
}

// openNpy opens a file of one array.
func openNpy(path string) (*tensorfile.File, *tensorfile.Tensor, error) {
	f, err := convert.Open(context.Background(), path, nil)
	if err != nil {
		return nil, nil, err
	}
	t, err := f.Tensor("weights")
	if err != nil {
		f.Close()
	}
	return f, t, err
}
