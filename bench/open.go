package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// manyFile is a file of n small tensors.
func (e *Env) manyFile(b *testing.B, n int) string {
	return get(b, e, fmt.Sprint("many", n), func() (string, error) {
		path := e.path(fmt.Sprintf("many-%d.tensor", n))
		return path, writeMany(path, names(n), smallData(n))
	})
}

func writeMany(path string, names []string, data []float32) error {
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{Overwrite: true, NoSync: true})
	if err != nil {
		return err
	}
	defer w.Close()
	ctx := context.Background()
	for i, name := range names {
		v, err := tensor.FromSlice(data[16*i:16*i+16], smallShape(i)...)
		if err != nil {
			return err
		}
		if err := w.Add(ctx, name, v, nil); err != nil {
			return err
		}
	}
	return w.Commit(ctx)
}

// jsonFile is what a format with a JSON header, such as safetensors, would keep
// of the same tensors.
func (e *Env) jsonFile(b *testing.B, n int) string {
	return get(b, e, fmt.Sprint("json", n), func() (string, error) {
		path := e.path(fmt.Sprintf("many-%d.json", n))
		m := map[string]jsonTensor{}
		for i, name := range names(n) {
			m[name] = jsonTensor{"F32", smallShape(i), [2]int64{64 * int64(i), 64 * int64(i+1)}}
		}
		text, err := json.Marshal(m)
		if err != nil {
			return "", err
		}
		return path, os.WriteFile(path, text, 0o666)
	})
}

type jsonTensor struct {
	DType   string   `json:"dtype"`
	Shape   []int64  `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// npzFile is an .npz of n small arrays.
func (e *Env) npzFile(b *testing.B, n int) string {
	return get(b, e, fmt.Sprint("npz", n), func() (string, error) {
		path := e.path(fmt.Sprintf("many-%d.npz", n))
		_, ok, err := e.Python("npz_make", 1, path, e.smallFile(b, n))
		if !ok && err == nil {
			path = ""
		}
		return path, err
	})
}

func mustOpen(b *testing.B, path string) *tensorfile.File {
	f, err := tensorfile.Open(path, nil)
	check(b, err)
	return f
}

// bigFile is a file of one large tensor of weights, "weights".
func (e *Env) bigFile(b *testing.B) string {
	x := e.floats(b)
	return get(b, e, "big", func() (string, error) {
		path := e.path("weights.tensor")
		v, err := tensor.FromSlice(x, int64(len(x))/1024, 1024)
		if err != nil {
			return "", err
		}
		return path, writeOne(path, v)
	})
}

func writeOne(path string, v tensor.View) error {
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{Overwrite: true, NoSync: true})
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.Add(context.Background(), "weights", v, nil); err != nil {
		return err
	}
	return w.Commit(context.Background())
}

func openCases(e *Env) []Case {
	var list []Case
	for _, n := range e.Tensors {
		add := func(op, impl string, fn func(b *testing.B)) {
			c := run("open", fmt.Sprintf("tensors=%d/op=%s/impl=%s", n, op, impl), fn)
			c.Once = impl != "tensorfile"
			list = append(list, c)
		}
		add("open", "tensorfile", func(b *testing.B) {
			path := e.manyFile(b, n)
			for b.Loop() {
				check(b, mustOpen(b, path).Close())
			}
		})
		add("open+find", "tensorfile", func(b *testing.B) {
			path, list := e.manyFile(b, n), shuffled(n)
			i := 0
			for b.Loop() {
				f := mustOpen(b, path)
				_, err := f.Tensor(list[i%n])
				check(b, err)
				check(b, f.Close())
				i++
			}
		})
		add("first-find", "tensorfile", func(b *testing.B) {
			path, list := e.manyFile(b, n), shuffled(n)
			i := 0
			for b.Loop() {
				b.StopTimer()
				f := mustOpen(b, path)
				b.StartTimer()
				_, err := f.Tensor(list[i%n])
				b.StopTimer()
				check(b, err)
				check(b, f.Close())
				i++
				b.StartTimer()
			}
		})
		add("find", "tensorfile", func(b *testing.B) {
			list := shuffled(n)
			f := get(b, e, fmt.Sprint("open", n), func() (*tensorfile.File, error) {
				f, err := tensorfile.Open(e.manyFile(b, n), nil)
				for _, name := range list { // all pages, all names
					if err == nil {
						_, err = f.Tensor(name)
					}
				}
				return f, err
			})
			i := 0
			for b.Loop() {
				if _, err := f.Tensor(list[i]); err != nil {
					check(b, err)
				}
				if i++; i == n {
					i = 0
				}
			}
		})
		add("open+shapes", "tensorfile", func(b *testing.B) {
			path := e.manyFile(b, n)
			for b.Loop() {
				f := mustOpen(b, path)
				count, elems := 0, int64(0)
				for t, err := range f.Tensors() {
					check(b, err)
					for _, n := range t.Shape() {
						elems += n
					}
					count++
				}
				if count != n || elems == 0 {
					b.Fatal(count, elems)
				}
				check(b, f.Close())
			}
		})
		add("open+names", "tensorfile", func(b *testing.B) {
			path := e.manyFile(b, n)
			for b.Loop() {
				f := mustOpen(b, path)
				count := 0
				for _, err := range f.Names() {
					check(b, err)
					count++
				}
				if count != n {
					b.Fatal(count)
				}
				check(b, f.Close())
			}
		})
		add("open+shapes", "encoding-json", func(b *testing.B) {
			path := e.jsonFile(b, n)
			for b.Loop() {
				text, err := os.ReadFile(path)
				check(b, err)
				var m map[string]jsonTensor
				check(b, json.Unmarshal(text, &m))
				if len(m) != n {
					b.Fatal(len(m))
				}
			}
		})
		if n <= 10_000 {
			add("open+names", "numpy-npz", func(b *testing.B) {
				e.inPythonAs(b, 0, func(b *testing.B) outcome {
					m := map[string]tensor.Shape{}
					for _, name := range names(n) {
						m[name] = nil
					}
					return outcome{list: m}
				}, "npz_names", e.npzFile(b, n))
			})
		}
	}
	big := "size=" + size(e.Big)
	list = append(list, run("open", big+"/op=open+view+close/impl=tensorfile", func(b *testing.B) {
		path := e.bigFile(b)
		for b.Loop() {
			f := mustOpen(b, path)
			t, err := f.Tensor("weights")
			check(b, err)
			if x, err := tensorfile.Data[float32](t); err != nil || x[0] == 1 {
				b.Fatal(err)
			}
			check(b, f.Close())
		}
	}))
	list = append(list, run("open", big+"/op=open+view+close/impl=syscalls", func(b *testing.B) {
		path := e.bigFile(b)
		for b.Loop() {
			if err := openRaw(path); err != nil {
				e.skip(b, err)
			}
		}
	}))
	list = append(list, run("open", big+"/op=open+view+close/impl=numpy-mmap", func(b *testing.B) {
		e.inPythonAs(b, 0, e.weightsOutcome, "mmap_open", e.npyFile(b))
	}))
	return list
}

// shuffled are the names of n tensors in an order that no cache foresees.
func shuffled(n int) []string {
	list := names(n)
	r := rand.New(rand.NewPCG(3, 4))
	r.Shuffle(n, func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}
