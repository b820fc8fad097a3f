//go:build unix

package tensorio

import (
	"context"
	"hash/crc32"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/argument"
	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() {
	register.DoFn2x1[context.Context, Chunk, int64](&sumFn{})
	register.Function2x1(add)
	register.DoFn1x0[int64](&foundFn{})
}

// sums is what the jobs of BenchmarkOverhead have found: it does not depend on the
// order of the chunks.
var sums atomic.Int64

// sumFn looks at every byte of a chunk.
type sumFn struct{}

func (*sumFn) ProcessElement(_ context.Context, c Chunk) int64 { return sumOf(c.Number, c.Data) }

// foundFn keeps the sum of all. Prism waits in a loop for bundles whose stage gives
// nothing, which takes a processor, so that the sum is a step of its own.
type foundFn struct{}

func (*foundFn) ProcessElement(sum int64) { sums.Store(sum) }

func add(a, b int64) int64 { return a + b }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sumOf(number int64, b []byte) int64 {
	return int64(crc32.Checksum(b, castagnoli)) * (number + 1)
}

// TENSORIO_BYTES is how large the tensor is of which BenchmarkOverhead reads all.
const benchBytes = "TENSORIO_BYTES"

// BenchmarkOverhead reads all of a tensor by turns without Beam and with Read on Prism,
// and looks at every byte. It reports the medians: what each takes for a MiB on the
// clock and of the processors, and how much more Beam takes. Without Beam as many
// goroutines as there are processors read a chunk after the other, each into memory of
// its own, which it uses again as Read does.
//
//	TENSORIO_BYTES=1GiB go test -run '^$' -bench Overhead -benchtime 9x ./tensorio
func BenchmarkOverhead(b *testing.B) {
	size := int64(64 << 20)
	if s := os.Getenv(benchBytes); s != "" {
		n, err := argument.Size(s)
		if err != nil {
			b.Fatal(err)
		}
		size = n
	}
	for _, codec := range []string{"raw", "shuffle|zstd:3"} {
		b.Run(codec, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "a.tensor")
			writeWalk(b, path, codec, size)
			plain := func() error { return readPlain(b.Context(), path) }
			piped := func() error {
				p, s := beam.NewPipelineWithRoot()
				beam.ParDo0(s, &foundFn{}, beam.Combine(s, add, beam.ParDo(s, &sumFn{}, Read(s, ReadOptions{Transient: true}, path))))
				return ptest.Run(p)
			}
			var clock, cpu [2][]float64 // seconds
			for i := range b.N {
				var found [2]int64
				for k := range 2 {
					which := (k + i) % 2
					runtime.GC()
					sums.Store(0)
					c, u := time.Now(), processorTime(b)
					if err := []func() error{plain, piped}[which](); err != nil {
						b.Fatal(err)
					}
					clock[which] = append(clock[which], time.Since(c).Seconds())
					cpu[which] = append(cpu[which], processorTime(b)-u)
					found[which] = sums.Load()
				}
				if found[0] != found[1] || found[0] == 0 {
					b.Fatalf("Beam has seen other bytes: %x, %x", found[0], found[1])
				}
			}
			mib := float64(size) / (1 << 20)
			for k, what := range []string{"plain", "beam"} {
				b.ReportMetric(median(clock[k])*1e6/mib, what+"-us/MiB")
				b.ReportMetric(median(cpu[k])*1e6/mib, what+"-cpu-us/MiB")
			}
			b.ReportMetric(100*(median(clock[1])/median(clock[0])-1), "overhead-%")
			b.ReportMetric(100*(median(cpu[1])/median(cpu[0])-1), "cpu-overhead-%")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// processorTime is the seconds of processors that this process has had.
func processorTime(b *testing.B) float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
}

// writeWalk writes size bytes of f32, a random walk, as "a" in chunks of 4 MiB.
func writeWalk(b *testing.B, path, codec string, size int64) {
	w, err := tensorfile.Create(path, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	d, err := tensor.ParseDType("f32")
	if err != nil {
		b.Fatal(err)
	}
	o := &tensorfile.TensorOptions{Chunk: tensor.Shape{1024, 1024}, Codec: codec}
	if err := w.AddReader(b.Context(), "a", d, tensor.Shape{size / 4096, 1024}, &walk{left: size, r: rand.New(rand.NewPCG(5, 6))}, o); err != nil {
		b.Fatal(err)
	}
	if err := w.Commit(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// A walk is f32 that go up and down by chance.
type walk struct {
	left int64
	r    *rand.Rand
	at   float32
}

func (w *walk) Read(p []byte) (int, error) {
	n := min(len(p), int(w.left)) &^ 3
	for i := 0; i < n; i += 4 {
		w.at += float32(int(w.r.Uint32N(33))-16) / 64
		bits := math.Float32bits(w.at)
		p[i], p[i+1], p[i+2], p[i+3] = byte(bits), byte(bits>>8), byte(bits>>16), byte(bits>>24)
	}
	if w.left -= int64(n); n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// readPlain reads all chunks of "a".
func readPlain(ctx context.Context, path string) error {
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	t, err := f.Tensor("a")
	if err != nil {
		return err
	}
	g := gridOf(t, 0)
	return parallel.EachWith(0, g.n, func() *[]byte { return new([]byte) }, func(buf *[]byte, i int64) error {
		origin, shape := g.at(i)
		n, err := tensor.ByteSize(t.DType(), shape)
		if err != nil {
			return err
		}
		if int64(cap(*buf)) < n {
			*buf = make([]byte, n)
		}
		v, err := tensor.NewView((*buf)[:n], t.DType(), shape, nil, 0, tensor.LittleEndian)
		if err != nil {
			return err
		}
		sel := make(tensor.Selection, len(shape))
		for k, n := range shape {
			sel[k] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: origin[k], Stop: origin[k] + n, Step: 1}
		}
		if err := t.ReadInto(ctx, v, sel); err != nil {
			return err
		}
		sums.Add(sumOf(i, (*buf)[:n]))
		return nil
	})
}
