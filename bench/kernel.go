package bench

import (
	"fmt"
	"hash/crc32"
	"sync"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/kernel"
)

// hotBytes is a piece that stays in the second cache, source and target
// together.
const hotBytes = 256 << 10

// halves runs fn on parts of n bytes, one a worker, at the same time.
func halves(n, workers int, fn func(begin, end int)) {
	if workers == 1 {
		fn(0, n)
		return
	}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() { fn(w*n/workers, (w+1)*n/workers) })
	}
	wg.Wait()
}

var sums uint32 // keeps checksums from being left out

func kernelCases(e *Env) []Case {
	big := "/size=" + size(e.Big)
	var list []Case
	for _, op := range []struct {
		name string
		fn   func(dst, src []byte, size int)
		all  []int
	}{{"shuffle", kernel.Shuffle, []int{4}}, {"unshuffle", kernel.Unshuffle, []int{2, 4, 8}}, {"bitshuffle", kernel.BitShuffle, []int{4, 8}}, {"bitunshuffle", kernel.BitUnshuffle, []int{4, 8}}} {
		for _, w := range op.all {
			list = append(list, stream("kernel", fmt.Sprintf("op=%s/word=%d/memory=hot", op.name, w), e.Big, func(b *testing.B) {
				src, dst := e.bytes(b)[:hotBytes], make([]byte, hotBytes)
				for b.Loop() {
					for range e.Big / hotBytes {
						op.fn(dst, src, w)
					}
				}
			}))
		}
	}
	for _, w := range []int{2, 4, 8} {
		for _, workers := range []int{1, 2} {
			list = append(list, stream("kernel", fmt.Sprintf("op=unshuffle/word=%d/memory=stream/workers=%d%s", w, workers, big), e.Big, func(b *testing.B) {
				src := e.bytes(b)
				dst := get(b, e, "kernel dst", func() ([]byte, error) { return make([]byte, e.Big), nil })
				for b.Loop() {
					halves(len(src), workers, func(begin, end int) { kernel.UnshuffleStream(dst[begin:end], src[begin:end], w) })
				}
			}))
		}
	}
	for _, impl := range []string{"tensorfile", "hash-crc32"} {
		sum := format.Checksum
		if impl == "hash-crc32" {
			sum = func(p []byte) uint32 { return crc32.Checksum(p, crc32.MakeTable(crc32.Castagnoli)) }
		}
		list = append(list, stream("kernel", "op=crc32c/memory=hot/impl="+impl, e.Big, func(b *testing.B) {
			src := e.bytes(b)[:hotBytes]
			for b.Loop() {
				for range e.Big / hotBytes {
					sums += sum(src)
				}
			}
		}), stream("kernel", "op=crc32c/memory=stream"+big+"/impl="+impl, e.Big, func(b *testing.B) {
			src := e.bytes(b)
			for b.Loop() {
				sums += sum(src)
			}
		}))
	}
	for _, workers := range []int{1, 2} {
		list = append(list, stream("kernel", fmt.Sprintf("op=sum/memory=mapped/workers=%d%s", workers, big), e.Big, func(b *testing.B) {
			x, err := tensorfile.Data[float32](e.weights(b))
			check(b, err)
			var sums [2]float32
			for b.Loop() {
				halves(len(x), workers, func(begin, end int) { sums[begin*workers/len(x)] = kernel.SumF32(x[begin:end]) })
			}
			sink = sums[0] + sums[1]
		}))
	}
	return list
}

// kernelGoals are those of the loops that codecs stand on, beside M.
func (e *Env) kernelGoals() []Goal {
	big := "/size=" + size(e.Big)
	var list []Goal
	for _, w := range []int{2, 4, 8} {
		op := fmt.Sprintf("kernel/op=unshuffle/word=%d/memory=", w)
		list = append(list,
			Goal{What: fmt.Sprintf("unshuffle of %d bytes, hot", w), Ours: op + "hot", Base: M, Ratio: 3},
			Goal{What: fmt.Sprintf("unshuffle of %d bytes, streaming, one thread", w), Ours: op + "stream/workers=1" + big, Base: M, Ratio: 1.1},
			Goal{What: fmt.Sprintf("unshuffle of %d bytes, streaming, two threads", w), Ours: op + "stream/workers=2" + big, Base: M, Ratio: 1.9})
	}
	return append(list,
		Goal{What: "bit shuffle, hot", Ours: "kernel/op=bitshuffle/word=4/memory=hot", Base: M, Ratio: 1},
		Goal{What: "sum of mapped f32, one thread", Ours: "kernel/op=sum/memory=mapped/workers=1" + big, Base: M, Ratio: 1.2},
		Goal{What: "sum of mapped f32, two threads", Ours: "kernel/op=sum/memory=mapped/workers=2" + big, Base: M, Ratio: 2})
}
