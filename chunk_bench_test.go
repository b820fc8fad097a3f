package tensorfile_test

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// BenchmarkScanAppended reads a million rows of 64 bytes into memory at hand:
// of a file written at once, and of one that grew by a thousand commits.
func BenchmarkScanAppended(b *testing.B) {
	const rows, commits = 1_000_000, 1000
	for _, codec := range []string{"raw", "shuffle|lz4"} {
		o := &tensorfile.TensorOptions{Chunk: tensor.Shape{16384, 16}, Codec: codec}
		all := must(tensor.Make(tensor.I32, tensor.Shape{rows, 16}))(b)
		rng := rand.New(rand.NewPCG(1, 1))
		for i, p := 0, all.Span(); i < len(p); i += 4 {
			p[i], p[i+1] = byte(rng.Uint32()), byte(i>>12)
		}
		dir := b.TempDir()
		once, grown := filepath.Join(dir, "once"), filepath.Join(dir, "grown")
		write(b, once, func(w *tensorfile.Writer) { ok(b, w.Add(ctx, "x", all, o)) })
		write(b, grown, func(w *tensorfile.Writer) {
			ok(b, w.Add(ctx, "x", must(tensor.Make(tensor.I32, tensor.Shape{0, 16}))(b), o))
		})
		w := must(tensorfile.OpenAppend(grown, nil))(b)
		for i := range int64(commits) {
			_, err := w.Append(ctx, "x", must(all.Slice(0, i*rows/commits, (i+1)*rows/commits, 1))(b), nil)
			ok(b, err)
			ok(b, w.Commit(ctx))
		}
		ok(b, w.Close())
		dst := must(tensor.Make(tensor.I32, tensor.Shape{rows, 16}))(b)
		for _, c := range []struct{ name, path string }{{"once", once}, {"grown", grown}} {
			b.Run(codec+"/"+c.name, func(b *testing.B) {
				f := must(tensorfile.Open(c.path, nil))(b)
				defer f.Close()
				x := must(f.Tensor("x"))(b)
				b.SetBytes(rows * 64)
				for b.Loop() {
					ok(b, x.ReadInto(ctx, dst))
				}
			})
		}
	}
}
