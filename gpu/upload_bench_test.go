package gpu

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

// BenchmarkUpload uploads a raw tensor that is in the page cache to the host backend,
// and right beside each upload copies as many bytes in memory on as many goroutines:
// the metric x_memcpy is the median of how often the speed of that it has.
func BenchmarkUpload(b *testing.B) {
	const n = 128 << 20
	data := noise(1, n)
	path := write(b, func(w *tensorfile.Writer) {
		v := must(tensor.NewView(data, tensor.F32, tensor.Shape{n / 4}, nil, 0, tensor.LittleEndian))(b)
		ok(b, w.Add(ctx, "x", v, nil))
	})
	f := must(tensorfile.Open(path, nil))(b)
	defer f.Close()
	x := FromTensor(must(f.Tensor("x"))(b))
	into := make([]byte, n)
	memcpy := func() time.Duration {
		begin := time.Now()
		const piece = 4 << 20
		parallel.Each(0, n/piece, func(i int64) error {
			copy(into[i*piece:(i+1)*piece], data[i*piece:])
			return nil
		})
		return time.Since(begin)
	}
	memcpy()
	for _, o := range []UploadOptions{
		{},
		{Staged: true, SlotBytes: 256 << 10},
		{Staged: true, SlotBytes: 1 << 20},
		{Staged: true},
	} {
		slot := o.SlotBytes
		if slot == 0 {
			slot = 8 << 20
		}
		b.Run(fmt.Sprintf("staged=%v/slot=%d/workers=%d", o.Staged, slot, runtime.GOMAXPROCS(0)), func(b *testing.B) {
			d := must(OpenHost(nil))(b)
			u := must(d.NewUploader(&o))(b)
			dst := must(d.Alloc(n))(b)
			must(u.UploadTo(ctx, dst, nil, x))(b)
			var ratios []float64
			b.SetBytes(n)
			for b.Loop() {
				b.StopTimer()
				m := memcpy()
				b.StartTimer()
				begin := time.Now()
				must(u.UploadTo(ctx, dst, nil, x))(b)
				ratios = append(ratios, float64(m)/float64(time.Since(begin)))
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "x_memcpy")
			ok(b, dst.Free(), u.Close(), d.Close())
		})
	}
}
