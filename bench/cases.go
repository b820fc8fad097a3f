package bench

import (
	"fmt"
	"testing"
)

// A Case is one thing that is measured.
type Case struct {
	Group string // the benchmark function it belongs to
	Name  string // key=value/key=value
	Bytes int64  // tensor bytes that one operation moves; 0 for latencies
	Once  bool   // one operation is a sample
	Run   func(b *testing.B)
}

// Key names a case among all.
func (c Case) Key() string { return c.Group + "/" + c.Name }

// Cases are all cases.
func (e *Env) Cases() []Case {
	var list []Case
	for _, f := range []func(*Env) []Case{openCases, openViewCases, storeCases, sliceCases, scanCases, smallCases, saveCases, durableCases, commitCases, repackCases, convertCases, npyCases, readCases, verifyCases, sparseCases, matrixCases, marketCases, compositeCases, raggedCases, quantCases, tensorCases, rearrangeCases, transformCases, plotCases, mediaCases, soundCases, hdf5Cases, sqlCases, modelCases, setCases, pictureCases, tableCases, gpuCases, loaderCases, kernelCases, codecCases, toolCases} {
		list = append(list, f(e)...)
	}
	return list
}

// run is a case of a latency.
func run(group, name string, fn func(b *testing.B)) Case {
	return Case{Group: group, Name: name, Run: fn}
}

// stream is a case that moves bytes, long enough to be a sample of its own.
func stream(group, name string, bytes int64, fn func(b *testing.B)) Case {
	return Case{Group: group, Name: name, Bytes: bytes, Once: true, Run: func(b *testing.B) {
		b.SetBytes(bytes)
		fn(b)
	}}
}

// once is a case without bytes that is long enough to be a sample.
func once(group, name string, fn func(b *testing.B)) Case {
	return Case{Group: group, Name: name, Once: true, Run: fn}
}

// size is a number of bytes as it stands in names.
func size(n int64) string {
	for _, u := range []struct {
		n    int64
		name string
	}{{1e9, "GB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.n && n%u.n == 0 {
			return fmt.Sprintf("%d%s", n/u.n, u.name)
		}
	}
	return fmt.Sprintf("%dB", n)
}
