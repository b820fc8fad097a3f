package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/gguf"
	_ "github.com/tensorfile/tensorfile/convert/idx"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	_ "github.com/tensorfile/tensorfile/convert/safetensors"
	_ "github.com/tensorfile/tensorfile/convert/wav"
	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/internal/kernel"
	"github.com/tensorfile/tensorfile/loader"
	"github.com/tensorfile/tensorfile/ragged"
	_ "github.com/tensorfile/tensorfile/remote/httprange"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// An op is one operation. make prepares its data and returns what is counted;
// bytes are what one run moves, 1 MiB for what moves none, and 0 for what is
// not timed: the disk's syncs and the network.
type op struct {
	name   string
	bytes  int64
	allocs bool // counted: they do not depend on the network
	make   func(d *data) func(c *counts) error
}

const (
	large = 16 << 20 // bytes of the tensor x of d.big
	many  = 10_000   // tensors of d.many
	side  = 2048     // x is side x side of f32
	mib   = 1 << 20
)

var ctx = context.Background()

// operations are what is counted, in the order in which it runs.
var operations = []op{
	{"open+close", mib, true, func(d *data) func(*counts) error {
		path := d.big("")
		return func(*counts) error { return opened(path, nil, func(f *tensorfile.File) error { return nil }) }
	}},
	{"open+view+close", mib, true, func(d *data) func(*counts) error {
		path := d.big("")
		return func(*counts) error {
			return opened(path, nil, func(f *tensorfile.File) error {
				t, err := f.Tensor("x")
				if err != nil {
					return err
				}
				x, err := tensorfile.Data[float32](t)
				sink = float64(len(x))
				return err
			})
		}
	}},
	{"open 10k", mib, true, func(d *data) func(*counts) error {
		path := d.many()
		return func(*counts) error { return opened(path, nil, func(f *tensorfile.File) error { return nil }) }
	}},
	{"open 10k, find one", mib, true, func(d *data) func(*counts) error {
		path := d.many()
		return func(*counts) error {
			return opened(path, nil, func(f *tensorfile.File) error { _, err := f.Tensor("layer.5000.weight"); return err })
		}
	}},
	{"open 10k, list", mib, true, func(d *data) func(*counts) error {
		path := d.many()
		return func(*counts) error { return opened(path, nil, listed) }
	}},
	{"view of an open tensor", 0, true, func(d *data) func(*counts) error {
		t := d.tensor(d.big(""), nil)
		return func(*counts) error {
			x, err := tensorfile.Data[float32](t)
			sink = float64(len(x))
			return err
		}
	}},
	{"view with a lease", 0, true, func(d *data) func(*counts) error {
		t := d.tensor(d.big(""), nil)
		return func(*counts) error {
			x, lease, err := tensorfile.AcquireData[float32](t)
			if err == nil {
				sink = float64(len(x))
				lease.Release()
			}
			return err
		}
	}},
	{"read into, mapped", large, true, reading("", tensorfile.ReadMapped, false)},
	{"read into, positioned", large, true, reading("", tensorfile.ReadPositioned, false)},
	{"read into, first use verified", large, true, reading("", tensorfile.ReadMapped, true)},
	{"read into, chunks", large, true, reading("shuffle|zstd:1", tensorfile.ReadAuto, false)},
	{"read fresh", large, true, func(d *data) func(*counts) error {
		path := d.big("")
		return func(c *counts) error {
			return opened(path, nil, func(f *tensorfile.File) error {
				t, err := f.Tensor("x")
				if err != nil {
					return err
				}
				_, err = t.Read(ctx)
				c.stats(f)
				return err
			})
		}
	}},
	{"slice of raw", mib, true, slicing("", "[100:200, ::7]")},
	{"slice of chunks", mib, true, slicing("shuffle|zstd:1", "[100:200, 1000:1100]")},
	{"a column of chunks", 0, true, slicing("shuffle|zstd:1", "[:, 5]")},
	{"every chunk in turn", large, true, func(d *data) func(*counts) error {
		path := d.big("shuffle|zstd:1")
		return func(c *counts) error {
			return opened(path, nil, func(f *tensorfile.File) error {
				t, err := f.Tensor("x")
				if err != nil {
					return err
				}
				for chunk, err := range t.Chunks(ctx, nil) {
					if err != nil {
						return err
					}
					sink += float64(chunk.View.NumElements())
				}
				c.stats(f)
				return nil
			})
		}
	}},
	{"verify", large, true, func(d *data) func(*counts) error {
		path := d.big("")
		return func(*counts) error { return opened(path, nil, verified) }
	}},
	{"verify chunks", large, true, func(d *data) func(*counts) error {
		path := d.big("shuffle|zstd:1")
		return func(*counts) error { return opened(path, nil, verified) }
	}},
	{"hash", large, true, func(d *data) func(*counts) error {
		path := d.big("")
		return func(*counts) error {
			return opened(path, nil, func(f *tensorfile.File) error { _, err := f.Hash(ctx, nil); return err })
		}
	}},
	{"save", 0, true, func(d *data) func(*counts) error {
		v, path := d.floats(), d.path("saved.tensor")
		return func(*counts) error {
			return errors.Join(tensorfile.Save(path, map[string]any{"x": v}), os.Remove(path))
		}
	}},
	{"write, not synced", large, true, func(d *data) func(*counts) error {
		v, path := d.floats(), d.path("written.tensor")
		return func(*counts) error {
			return errors.Join(written(path, func(w *tensorfile.Writer) error { return w.Add(ctx, "x", v, nil) }), os.Remove(path))
		}
	}},
	{"write chunks", large, true, func(d *data) func(*counts) error {
		v, path := d.floats(), d.path("packed.tensor")
		return func(*counts) error {
			return errors.Join(written(path, func(w *tensorfile.Writer) error {
				return w.Add(ctx, "x", v, &tensorfile.TensorOptions{Codec: "auto"})
			}), os.Remove(path))
		}
	}},
	{"write 10k tensors", mib, true, func(d *data) func(*counts) error {
		path := d.path("many-written.tensor")
		return func(*counts) error { return errors.Join(writeMany(path), os.Remove(path)) }
	}},
	{"append 1 MiB, commit", 0, true, func(d *data) func(*counts) error {
		path := d.big("")
		w, err := tensorfile.OpenAppend(path, nil)
		d.check(err)
		d.later(w.Close)
		v, err := tensor.FromSlice(d.bytes()[:mib])
		d.check(err)
		n := 0
		return func(*counts) error {
			n++
			return errors.Join(w.Add(ctx, fmt.Sprintf("t%03d", n), v, nil), w.Commit(ctx))
		}
	}},
	{"append rows of chunks, commit", 0, true, func(d *data) func(*counts) error {
		w, err := tensorfile.OpenAppend(d.big("shuffle|zstd:1"), nil)
		d.check(err)
		d.later(w.Close)
		v, err := d.floats().Slice(0, 0, 100, 1)
		d.check(err)
		return func(*counts) error {
			_, err := w.Append(ctx, "x", v, nil)
			return errors.Join(err, w.Commit(ctx))
		}
	}},
	{"write a region of chunks, commit", 0, true, func(d *data) func(*counts) error {
		w, err := tensorfile.OpenAppend(d.big("shuffle|zstd:1"), nil)
		d.check(err)
		d.later(w.Close)
		sel, err := tensor.ParseSelection("[100:110, 50:60]")
		d.check(err)
		v, err := d.floats().Select(sel)
		d.check(err)
		return func(*counts) error {
			_, err := w.WriteRegion(ctx, "x", sel, v, nil)
			return errors.Join(err, w.Commit(ctx))
		}
	}},
	{"repack", large, true, func(d *data) func(*counts) error {
		path, to := d.big(""), d.path("repacked.tensor")
		return func(*counts) error {
			return opened(path, nil, func(f *tensorfile.File) error {
				_, err := tensorfile.Repack(ctx, f, to, &tensorfile.RepackOptions{NoSync: true})
				return errors.Join(err, os.Remove(to))
			})
		}
	}},
	{"npy to native", large, true, converting(".npy", ".tensor")},
	{"native to npy", large, true, converting(".tensor", ".npy")},
	{"safetensors to native", large, true, converting(".safetensors", ".tensor")},
	{"native to safetensors", large, true, converting(".tensor", ".safetensors")},
	{"native to gguf", large, true, converting(".tensor", ".gguf")},
	{"open safetensors of 10k, list", mib, true, listing(".safetensors")},
	{"open wav, view", mib, true, func(d *data) func(*counts) error {
		v, err := tensor.NewView(d.bytes(), tensor.I16, tensor.Shape{large / 4, 2}, nil, 0, tensor.LittleEndian)
		d.check(err)
		native, path := d.path("sound.tensor"), d.path("sound.wav")
		d.check(written(native, func(w *tensorfile.Writer) error {
			return w.Add(ctx, "x", v, &tensorfile.TensorOptions{Attrs: tensorfile.Attrs{"sample_rate": int64(48000)}})
		}))
		_, err = convert.Files(ctx, []string{native}, path, &convert.Options{NoSync: true})
		d.check(err)
		return func(*counts) error {
			f, err := convert.Open(ctx, path, nil)
			if err != nil {
				return err
			}
			for t, err := range f.Tensors() {
				if err == nil {
					_, err = t.View()
				}
				if err != nil {
					return errors.Join(err, f.Close())
				}
			}
			return f.Close()
		}
	}},
	{"open over HTTP", 0, false, overHTTP(func(f *tensorfile.File) error { return nil })},
	{"open over HTTP, a slice", 0, false, overHTTP(func(f *tensorfile.File) error {
		t, err := f.Tensor("x")
		if err != nil {
			return err
		}
		sel, err := tensor.ParseSelection("[1000:1010]")
		if err == nil {
			_, err = t.Read(ctx, sel)
		}
		return err
	})},
	{"batches of an epoch", large, true, func(d *data) func(*counts) error {
		t := d.tensor(d.big(""), nil)
		return func(*counts) error {
			l, err := loader.New(&loader.Options{Batch: 64, Shuffle: true, Seed: 1, Workers: 1}, loader.Source{Tensor: t})
			if err != nil {
				return err
			}
			for _, err := range l.Batches(ctx) {
				if err != nil {
					return err
				}
			}
			return nil
		}
	}},
	{"a row of a sparse matrix", 0, true, func(d *data) func(*counts) error {
		t := d.tensor(d.matrix(), nil)
		return func(*counts) error { _, err := t.SparseRows(ctx, 777, 778); return err }
	}},
	{"csr to csc", mib, true, func(d *data) func(*counts) error {
		a, err := d.tensor(d.matrix(), nil).Sparse(ctx)
		d.check(err)
		return func(*counts) error {
			_, err := a.Convert(ctx, sparse.CSC, &sparse.Options{Workers: 1})
			return err
		}
	}},
	{"a string of many", 0, true, func(d *data) func(*counts) error {
		path := d.path("strings.tensor")
		list := make([]string, 100_000)
		for i := range list {
			list[i] = fmt.Sprint("string ", i*2654435761%len(list))
		}
		s, err := ragged.FromStrings(list)
		d.check(err)
		d.check(written(path, func(w *tensorfile.Writer) error { return w.AddStrings(ctx, "x", s, nil) }))
		t := d.tensor(path, nil)
		return func(*counts) error {
			rows, err := t.StringRows(ctx, 5000, 5001)
			if err == nil {
				_, err = rows.At(0)
			}
			return err
		}
	}},
	{"f32 to f16", large, true, func(d *data) func(*counts) error {
		v := d.floats()
		dst, err := tensor.Make(tensor.F16, v.Shape())
		d.check(err)
		return func(*counts) error { return tensor.Cast(dst, v) }
	}},
	{"u8 to f32", large, true, func(d *data) func(*counts) error {
		v, err := tensor.FromSlice(d.bytes()[:large/4], side, side)
		d.check(err)
		dst, err := tensor.Make(tensor.F32, v.Shape())
		d.check(err)
		return func(*counts) error { return tensor.Cast(dst, v) }
	}},
	{"transposed", large, true, func(d *data) func(*counts) error {
		v, err := d.floats().Permute(1, 0)
		d.check(err)
		dst, err := tensor.Make(tensor.F32, v.Shape())
		d.check(err)
		return func(*counts) error { return tensor.Copy(dst, v) }
	}},
	{"pattern as a view", 0, true, func(d *data) func(*counts) error {
		v := d.floats()
		return func(*counts) error {
			_, copied, err := tensor.Rearrange(v, "(a b) c -> b a c", tensor.Sizes{"b": 2})
			if copied {
				err = errors.Join(err, errors.New("a copy"))
			}
			return err
		}
	}},
	{"unshuffle", large, true, func(d *data) func(*counts) error {
		src, dst := d.bytes(), make([]byte, large)
		return func(*counts) error { kernel.Unshuffle(dst, src, 4); return nil }
	}},
	{"sum of a mapped tensor", large, true, func(d *data) func(*counts) error {
		x, err := tensorfile.Data[float32](d.tensor(d.big(""), nil))
		d.check(err)
		return func(*counts) error { sink = float64(kernel.SumF32(x)); return nil }
	}},
	{"upload to the host backend", large, true, uploading("")},
	{"upload of chunks to the host backend", large, true, uploading("shuffle|zstd:1")},
}

// A process is a run of the tool, of which only the calls on its files count.
type process struct {
	name string
	args func(d *data) []string
}

var processes = []process{
	{"tool: ls of 10k", func(d *data) []string { return []string{"ls", d.many()} }},
	{"tool: info", func(d *data) []string { return []string{"info", d.big("")} }},
	{"tool: show a slice", func(d *data) []string { return []string{"show", d.big(""), "x[100:105, ::500]"} }},
	{"tool: show a slice of chunks", func(d *data) []string { return []string{"show", d.big("shuffle|zstd:1"), "x[100:105, ::500]"} }},
}

var sink float64

// reading reads the whole of x into memory that is there.
func reading(codec string, mode tensorfile.ReadMode, verify bool) func(d *data) func(*counts) error {
	return func(d *data) func(*counts) error {
		path := d.big(codec)
		dst, err := tensor.Make(tensor.F32, tensor.Shape{side, side})
		d.check(err)
		o := &tensorfile.OpenOptions{ReadMode: mode, ReadWorkers: 1}
		if verify {
			o.Verify = tensorfile.VerifyOnFirstUse
		}
		return func(c *counts) error {
			return opened(path, o, func(f *tensorfile.File) error {
				t, err := f.Tensor("x")
				if err == nil {
					err = t.ReadInto(ctx, dst)
				}
				c.stats(f)
				return err
			})
		}
	}
}

// slicing reads a selection of x.
func slicing(codec, selection string) func(d *data) func(*counts) error {
	return func(d *data) func(*counts) error {
		path := d.big(codec)
		sel, err := tensor.ParseSelection(selection)
		d.check(err)
		return func(c *counts) error {
			return opened(path, nil, func(f *tensorfile.File) error {
				t, err := f.Tensor("x")
				if err == nil {
					_, err = t.Read(ctx, sel)
				}
				c.stats(f)
				return err
			})
		}
	}
}

// converting makes a file of another format.
func converting(from, to string) func(d *data) func(*counts) error {
	return func(d *data) func(*counts) error {
		in, out := d.as(d.big(""), from), d.path("converted"+to)
		return func(*counts) error {
			_, err := convert.Files(ctx, []string{in}, out, &convert.Options{NoSync: true})
			return errors.Join(err, os.Remove(out))
		}
	}
}

// listing opens many tensors of another format and lists them.
func listing(ext string) func(d *data) func(*counts) error {
	return func(d *data) func(*counts) error {
		path := d.as(d.many(), ext)
		return func(*counts) error {
			f, err := convert.Open(ctx, path, nil)
			if err != nil {
				return err
			}
			return errors.Join(listed(f), f.Close())
		}
	}
}

// overHTTP opens a file behind a server of this process.
func overHTTP(use func(f *tensorfile.File) error) func(d *data) func(*counts) error {
	return func(d *data) func(*counts) error {
		text, err := os.ReadFile(d.big(""))
		d.check(err)
		var now *counts
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			now.Requests++
			w.Header().Set("ETag", `"1"`)
			http.ServeContent(counter{w, now}, r, "", time.Time{}, bytes.NewReader(text))
		}))
		d.later(func() error { srv.Close(); return nil })
		return func(c *counts) error {
			now = c
			f, err := convert.Open(ctx, srv.URL+"/x.tensor", nil)
			if err != nil {
				return err
			}
			return errors.Join(use(f), f.Close())
		}
	}
}

// counter counts the bytes of a body.
type counter struct {
	http.ResponseWriter
	c *counts
}

func (w counter) Write(p []byte) (int, error) {
	w.c.Received += int64(len(p))
	return w.ResponseWriter.Write(p)
}

func uploading(codec string) func(d *data) func(*counts) error {
	return func(d *data) func(*counts) error {
		dev, err := gpu.OpenHost(nil)
		d.check(err)
		d.later(dev.Close)
		u, err := dev.NewUploader(&gpu.UploadOptions{Workers: 1, Direct: gpu.DirectNever})
		d.check(err)
		d.later(u.Close)
		dst, err := dev.Alloc(large)
		d.check(err)
		d.later(dst.Free)
		t := d.tensor(d.big(codec), nil)
		return func(c *counts) error {
			before := t.File().ReadStats()
			_, err := u.UploadTo(ctx, dst, nil, gpu.FromTensor(t))
			after := t.File().ReadStats()
			c.Mapped += after.Mapped - before.Mapped
			c.Decoded += after.Decoded - before.Decoded
			return err
		}
	}
}

// opened opens a file, uses it, and closes it.
func opened(path string, o *tensorfile.OpenOptions, use func(f *tensorfile.File) error) error {
	f, err := tensorfile.Open(path, o)
	if err != nil {
		return err
	}
	return errors.Join(use(f), f.Close())
}

func listed(f *tensorfile.File) error {
	n := 0
	for t, err := range f.Tensors() {
		if err != nil {
			return err
		}
		n += len(t.Shape())
	}
	sink = float64(n)
	return nil
}

func verified(f *tensorfile.File) error {
	r, err := f.Verify(ctx, &tensorfile.VerifyOptions{Workers: 1})
	if err == nil {
		err = errors.Join(r.Findings...)
	}
	return err
}

// written makes a file without syncing it.
func written(path string, add func(w *tensorfile.Writer) error) error {
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true})
	if err != nil {
		return err
	}
	return errors.Join(add(w), w.Commit(ctx), w.Close())
}

func writeMany(path string) error {
	return written(path, func(w *tensorfile.Writer) error {
		for i := range many {
			v, err := tensor.FromSlice([]float32{float32(i), 1, 2, 3}, 2, 2)
			if err == nil {
				err = w.Add(ctx, fmt.Sprintf("layer.%d.weight", i), v, nil)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// data makes the files of an operation, in a folder of its own.
type data struct {
	dir  string
	err  error
	ends []func() error
}

func (d *data) check(err error) { d.err = errors.Join(d.err, err) }

// later is done when the operation has been measured, the last one first.
func (d *data) later(fn func() error) { d.ends = append(d.ends, fn) }

func (d *data) close() (err error) {
	for len(d.ends) > 0 {
		n := len(d.ends) - 1
		err = errors.Join(err, d.ends[n]())
		d.ends = d.ends[:n]
	}
	return err
}

func (d *data) path(name string) string {
	d.check(os.MkdirAll(d.dir, 0o777))
	return filepath.Join(d.dir, name)
}

var noise, weights = sync.OnceValue(func() []byte {
	x := make([]byte, large)
	rand.NewChaCha8([32]byte{}).Read(x)
	return x
}), sync.OnceValue(func() []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, side*side)
	for i := range x {
		x[i] = float32(int(1000*r.NormFloat64())) / 1000
	}
	return x
})

// bytes are random ones.
func (d *data) bytes() []byte { return noise() }

// floats is a matrix of weights to a thousandth, which a codec makes smaller.
func (d *data) floats() tensor.View {
	v, err := tensor.FromSlice(weights(), side, side)
	d.check(err)
	return v
}

// big is a file of x, raw or in chunks of 256 rows.
func (d *data) big(codec string) string {
	path := d.path("big" + fmt.Sprint(len(codec)) + ".tensor")
	if _, err := os.Stat(path); err != nil {
		var o *tensorfile.TensorOptions
		if codec != "" {
			o = &tensorfile.TensorOptions{Codec: codec, Chunk: tensor.Shape{128, 512}}
		}
		v := d.floats()
		d.check(written(path, func(w *tensorfile.Writer) error { return w.Add(ctx, "x", v, o) }))
	}
	return path
}

// many is a file of 10,000 small tensors.
func (d *data) many() string {
	path := d.path("many.tensor")
	if _, err := os.Stat(path); err != nil {
		d.check(writeMany(path))
	}
	return path
}

// as is a native file in another format.
func (d *data) as(path, ext string) string {
	if filepath.Ext(path) == ext {
		return path
	}
	_, err := convert.Files(ctx, []string{path}, path+ext, &convert.Options{NoSync: true})
	d.check(err)
	return path + ext
}

// tensor opens the first tensor of a file for good.
func (d *data) tensor(path string, o *tensorfile.OpenOptions) *tensorfile.Tensor {
	f, err := tensorfile.Open(path, o)
	if err != nil {
		d.check(err)
		return nil
	}
	d.later(f.Close)
	t, err := f.Tensor("x")
	d.check(err)
	return t
}

// matrix is a file of a CSR matrix with a hundred entries a row.
func (d *data) matrix() string {
	const rows, each = 2000, 100
	ptr, idx, val := make([]int32, rows+1), make([]int32, rows*each), make([]float64, rows*each)
	r := rand.New(rand.NewPCG(7, 8))
	for i := range idx {
		ptr[i/each+1] = int32(i + 1)
		idx[i] = int32(i%each*rows/each + r.IntN(rows/each))
		val[i] = r.NormFloat64()
	}
	spec := sparse.Spec{Layout: sparse.CSR, Shape: tensor.Shape{rows, rows}, Properties: sparse.Properties{Sorted: true, Unique: true}}
	add := func(role string, v tensor.View, err error) {
		d.check(err)
		spec.Parts = append(spec.Parts, sparse.Part{Role: role, View: v})
	}
	v, err := tensor.FromSlice(ptr)
	add(sparse.RoleIndptr, v, err)
	v, err = tensor.FromSlice(idx)
	add(sparse.RoleIndices, v, err)
	v, err = tensor.FromSlice(val)
	add(sparse.RoleValues, v, err)
	a, err := sparse.New(spec)
	d.check(err)
	path := d.path("matrix.tensor")
	d.check(written(path, func(w *tensorfile.Writer) error { return w.AddSparse(ctx, "x", a, nil) }))
	return path
}
