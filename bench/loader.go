package bench

import (
	"context"
	"fmt"
	"iter"
	"os"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/sampledata"
	"github.com/tensorfile/tensorfile/loader"
	"github.com/tensorfile/tensorfile/tensor"
)

// pictures is a data set of images: bytes that look like photographs.
type pictures struct {
	shape tensor.Shape
	view  tensor.View
	npy   string
	files map[string]string // by codec
}

// pictures makes images of a size once.
func (e *Env) pictures(b *testing.B, side int64) *pictures {
	return get(b, e, fmt.Sprint("pictures ", side), func() (*pictures, error) {
		p := &pictures{shape: tensor.Shape{e.Big / (side * side * 3), side, side, 3}, files: map[string]string{}}
		var data []byte
		for _, s := range sampledata.Sets() {
			if s.DType == tensor.U8 && data == nil {
				_, data = s.Make(1, int(e.Big))
			}
		}
		n, err := p.shape.NumElements()
		if err != nil {
			return nil, err
		}
		for int64(len(data)) < n { // sizes of sets are whole pictures of their own
			data = append(data, data[:min(int64(len(data)), n-int64(len(data)))]...)
		}
		if p.view, err = tensor.NewView(data[:n], tensor.U8, p.shape, nil, 0, tensor.LittleEndian); err != nil {
			return nil, err
		}
		head := fmt.Sprintf("{'descr': '|u1', 'fortran_order': False, 'shape': (%d, %d, %d, 3), }", p.shape[0], side, side)
		head = fmt.Sprintf("%-117s\n", head)
		p.npy = e.path(fmt.Sprintf("pictures%d.npy", side))
		return p, os.WriteFile(p.npy, append([]byte("\x93NUMPY\x01\x00\x76\x00"+head), data[:n]...), 0o666)
	})
}

// open opens the images as they are stored with a codec.
func (e *Env) openPictures(b *testing.B, side int64, codec string) *tensorfile.Tensor {
	p := e.pictures(b, side)
	path := p.files[codec]
	if path == "" {
		path = e.path(fmt.Sprintf("pictures%d.%d.tensor", side, len(p.files)))
		o := &tensorfile.TensorOptions{Codec: codec}
		if codec != "" {
			rows := max(1, (1<<20)/(side*side*3))
			o.Chunk = tensor.Shape{min(rows, p.shape[0]), side, side, 3}
		}
		w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true, Overwrite: true})
		check(b, err)
		check(b, w.Add(context.Background(), "x", p.view, o))
		check(b, w.Commit(context.Background()))
		check(b, w.Close())
		p.files[codec] = path
	}
	return get(b, e, "open "+path, func() (*tensorfile.Tensor, error) {
		f, err := tensorfile.Open(path, nil)
		if err != nil {
			return nil, err
		}
		return f.Tensor("x")
	})
}

// loading is one way to load the images.
type loading struct {
	name    string
	side    int64
	batch   int64
	shuffle bool
	codec   string
	f32     bool // colours first, between 0 and 1
}

func loadings() []loading {
	return []loading{
		{"order=sequential/source=raw/side=224", 224, 64, false, "", false},
		{"order=shuffled/source=raw/side=224", 224, 64, true, "", false},
		{"order=shuffled/source=raw/side=32", 32, 1024, true, "", false},
		{"order=shuffled/source=chunked/side=32", 32, 1024, true, "shuffle|zstd:1", false},
		{"order=sequential/source=chunked/side=32", 32, 1024, false, "shuffle|zstd:1", false},
		{"order=shuffled/source=raw/to=f32-chw/side=224", 224, 64, true, "", true},
	}
}

func (e *Env) loader(b *testing.B, c loading) *loader.Loader {
	s := loader.Source{Tensor: e.openPictures(b, c.side, c.codec)}
	if c.f32 {
		s.DType, s.Rearrange, s.Scale = tensor.F32, "b h w c -> b c h w", []float64{1. / 255}
	}
	l, err := loader.New(&loader.Options{Batch: c.batch, Shuffle: c.shuffle, Seed: 1, Epochs: -1}, s)
	check(b, err)
	return l
}

// epoch takes the batches of one epoch.
func epoch(b *testing.B, next func() (loader.Batch, error, bool), batches int64, use func()) {
	for range batches {
		_, err, ok := next()
		check(b, err)
		if !ok {
			b.Fatal("no more batches")
		}
		use()
	}
}

// loaderCases are epochs of batches, and how busy a consumer is that works for
// as long as an epoch takes to read.
func loaderCases(e *Env) (list []Case) {
	for _, c := range loadings() {
		bytes := e.Big / (c.side * c.side * 3) * c.side * c.side * 3
		list = append(list, stream("loader", "op=epoch/"+c.name+"/impl=tensorfile", bytes, func(b *testing.B) {
			l := e.loader(b, c)
			next, stop := iter.Pull2(l.Batches(context.Background()))
			defer stop()
			epoch(b, next, l.Plan().Batches, func() {}) // pages of the batches, and those of the mapping
			for b.Loop() {
				epoch(b, next, l.Plan().Batches, func() {})
			}
		}), once("loader", "op=busy/"+c.name+"/impl=tensorfile", func(b *testing.B) {
			l := e.loader(b, c)
			next, stop := iter.Pull2(l.Batches(context.Background()))
			defer stop()
			n := l.Plan().Batches
			epoch(b, next, n, func() {})
			begin := time.Now()
			epoch(b, next, n, func() {})
			each := time.Since(begin) / time.Duration(n)
			epoch(b, next, 1, func() {})
			var worked, all time.Duration
			for b.Loop() {
				begin := time.Now()
				epoch(b, next, n, func() {
					at := time.Now()
					work(each)
					worked += time.Since(at)
				})
				all += time.Since(begin)
			}
			b.ReportMetric(float64(worked)/float64(all), Compression)
		}))
		if c.codec != "" {
			continue
		}
		for _, impl := range []string{"numpy-pool", "torch", "tf.data"} {
			list = append(list, stream("loader", "op=epoch/"+c.name+"/impl="+impl, bytes, func(b *testing.B) {
				e.inPython(b, bytes, "batches", impl, e.pictures(b, c.side).npy, c.batch, c.shuffle, c.f32)
			}))
		}
	}
	return list
}

// work takes d as a device does: without a processor, as far as the clock is
// fine enough.
func work(d time.Duration) {
	begin := time.Now()
	time.Sleep(d - 100*time.Microsecond)
	for time.Since(begin) < d {
	}
}

// loaderGoals: a consumer as slow as the reading stays busy, and nobody's
// thread pool is faster.
func loaderGoals() (list []Goal) {
	for _, c := range loadings() {
		list = append(list, Goal{"busy, " + c.name, "loader/op=busy/" + c.name + "/impl=tensorfile", Compression, .95, 0, false})
		if c.codec == "" {
			ours := "loader/op=epoch/" + c.name + "/impl="
			list = append(list, Goal{c.name + " beside a NumPy thread pool", ours + "tensorfile", ours + "numpy-pool", 1, 0, true})
		}
	}
	return list
}
