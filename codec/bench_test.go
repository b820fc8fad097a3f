package codec

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/internal/sampledata"
	"github.com/tensorfile/tensorfile/tensor"
)

// chunksOf cuts data along axis 0, or along axis 1 where one step of axis 0 is
// larger than a chunk.
func chunksOf(d tensor.DType, shape []int64, data []byte, size int) (boxes []Box, parts [][]byte) {
	row := len(data) / int(shape[0])
	inner := shape[1:]
	rows := int(shape[0])
	if row > size {
		rows *= int(inner[0])
		row /= int(inner[0])
		inner = inner[1:]
		shape = append([]int64{1}, shape[1:]...)
	}
	step := max(1, size/row)
	if len(inner) < len(shape)-1 {
		step = min(step, int(shape[1]))
	}
	for at := 0; at < rows; {
		n := min(step, rows-at)
		if len(inner) < len(shape)-1 { // a chunk stays inside one step of axis 0
			n = min(n, int(shape[1])-at%int(shape[1]))
			boxes = append(boxes, Box{d, append([]int64{1, int64(n)}, inner...)})
		} else {
			boxes = append(boxes, Box{d, append([]int64{int64(n)}, inner...)})
		}
		parts = append(parts, data[at*row:(at+n)*row])
		at += n
	}
	return boxes, parts
}

var goalPipelines = map[string][]string{
	"f32weights":  {"planes"},
	"bf16weights": {"planes"},
	"u8image":     {"predict:a2|planes", "predict:a1|planes", "predict:a1,2|planes", "predict:paeth:a1,2|planes"},
	"i16audio":    {"predict:a0|planes", "predict:a0,0|planes"},
	"i64index":    {"delta|planes", "delta|bitpack"},
	"f32field":    {"predict:a1,2|planes", "predict:a2|planes"},
	"f32sparse":   {"bitpack|zstd:1", "bitpack|zstd:3", "bitpack|zstd:9", "bitpack|zstd:19", "bitpack|deflate:1", "planes|zstd:1", "bitpack|planes:1", "zstd:1", "zstd:3", "zstd:9"},
}

// memcpySpeed is what one thread copies in a second, as the table of goals
// counts: Go's copy reaches three quarters of it.
func memcpySpeed() float64 {
	const n = 256 << 20
	a, b := make([]byte, n), make([]byte, n)
	copy(b, a)
	best := time.Duration(1 << 62)
	for range 4 {
		t := cpuTime()
		copy(a, b)
		best = min(best, cpuTime()-t)
	}
	return float64(n) / best.Seconds() / 0.745
}

// BenchmarkGoals codes 1 MiB chunks of 16 MiB on two goroutines. enc and dec are
// in units of one memcpy: by the clock, and (cpu) as two processors would take
// that nobody else used.
func BenchmarkGoals(b *testing.B) {
	m := memcpySpeed()
	b.Logf("M is %.2f GB/s", m/1e9)
	for _, set := range sampledata.Sets() {
		for _, line := range goalPipelines[set.Name] {
			p := mustParse(b, line)
			b.Run(set.Name+"/"+line, func(b *testing.B) {
				shape, data := set.Make(1, 16<<20)
				boxes, parts := chunksOf(set.DType, shape, data, 1<<20)
				b.ReportAllocs()
				stored := make([][]byte, len(parts))
				out := [2][]byte{make([]byte, 2<<20), make([]byte, 2<<20)}
				both := func(fn func(g, i int)) (wall, cpu time.Duration) {
					var wg sync.WaitGroup
					var next atomic.Int64
					t, c := time.Now(), cpuTime()
					for g := range 2 {
						wg.Go(func() {
							for {
								i := int(next.Add(1)) - 1
								if i >= len(parts) {
									return
								}
								fn(g, i)
							}
						})
					}
					wg.Wait()
					return time.Since(t), cpuTime() - c
				}
				enc := func(_, i int) {
					var err error
					if stored[i], err = p.Encode(stored[i][:0], parts[i], boxes[i]); err != nil {
						if !errors.Is(err, ErrNoGain) {
							b.Error(err)
						}
					}
				}
				dec := func(g, i int) {
					if err := p.Decode(out[g][:len(parts[i])], stored[i], boxes[i]); err != nil {
						b.Error(err)
					}
				}
				both(enc)
				both(dec)
				var encWall, encCPU, decWall, decCPU time.Duration
				b.ResetTimer()
				for b.Loop() {
					w, c := both(enc)
					encWall, encCPU = encWall+w, encCPU+c
					w, c = both(dec)
					decWall, decCPU = decWall+w, decCPU+c
				}
				total := 0
				for i, s := range stored {
					total += min(len(s), len(parts[i]))
				}
				speed := func(d time.Duration) float64 { return float64(len(data)) * float64(b.N) / d.Seconds() / m }
				b.ReportMetric(float64(len(data))/float64(total), "ratio")
				b.ReportMetric(speed(encWall), "encM")
				b.ReportMetric(speed(decWall), "decM")
				b.ReportMetric(speed(encCPU/2), "encM-cpu")
				b.ReportMetric(speed(decCPU/2), "decM-cpu")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
