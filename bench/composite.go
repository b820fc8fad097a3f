package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// matrixFile is a file of the matrix, as plain bytes or as a codec packs it.
func (e *Env) matrixFile(b *testing.B, side, n int, codec string) string {
	return get(b, e, fmt.Sprintf("matrixfile%dx%d%s", side, n, codec), func() (string, error) {
		path := e.path(fmt.Sprintf("matrix-%d-%d-%s.tensor", side, n, codec))
		w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true, Overwrite: true})
		if err != nil {
			return "", err
		}
		defer w.Close()
		if err := w.AddSparse(context.Background(), "matrix", e.matrix(b, side, n), &tensorfile.TensorOptions{Codec: codec}); err != nil {
			return "", err
		}
		return path, w.Commit(context.Background())
	})
}

// memory keeps what is written in memory whose pages are there.
type memory struct{ b []byte }

func (m *memory) Write(p []byte) (int, error) {
	m.b = append(m.b, p...)
	return len(p), nil
}

// compositeCases are sparse matrices in files: opened, cut, packed and unpacked.
func compositeCases(e *Env) []Case {
	side, n, many := 20_000, 160_000, 1_000_000
	if e.Full {
		side, n, many = 400_000, 4_000_000, 100_000_000
	}
	ctx := context.Background()
	var list []Case
	big := func(op string, fn func(b *testing.B, path string)) {
		list = append(list, run("composite", fmt.Sprintf("entries=%d/op=%s/impl=tensorfile", many, op), func(b *testing.B) {
			fn(b, e.matrixFile(b, many/100, many, "none"))
		}))
	}
	big("open", func(b *testing.B, path string) {
		for b.Loop() {
			f := mustOpen(b, path)
			x, err := f.Tensor("matrix")
			check(b, err)
			_, err = x.Sparse(ctx)
			check(b, err)
			check(b, f.Close())
		}
	})
	big("row-slice", func(b *testing.B, path string) {
		f := mustOpen(b, path)
		defer f.Close()
		x, err := f.Tensor("matrix")
		check(b, err)
		rows := rand.New(rand.NewPCG(1, 2)).Perm(many / 100)
		rows = rows[:min(1000, len(rows))]
		cut := func(row int) {
			a, err := x.SparseRows(ctx, int64(row), int64(row)+1)
			check(b, err)
			v, err := sparse.Data[float64](a, sparse.RoleValues)
			check(b, err)
			sink = float32(v[0])
		}
		for _, row := range rows { // the map is to be warm
			cut(row)
		}
		for i := 0; b.Loop(); i++ {
			cut(rows[i%len(rows)])
		}
	})
	bytes := int64(12*n + 4*(side+1))
	name := func(op, impl string) string { return fmt.Sprintf("entries=%d/op=%s/impl=%s", n, op, impl) }
	list = append(list,
		stream("composite", name("encode", "tensorfile"), bytes, func(b *testing.B) {
			a := e.matrix(b, side, n)
			check(b, a.Validate(ctx, nil))
			out := &memory{make([]byte, 0, 2*bytes)}
			for b.Loop() {
				out.b = out.b[:0]
				w, err := tensorfile.NewWriter(out, nil)
				check(b, err)
				check(b, w.AddSparse(ctx, "matrix", a, &tensorfile.TensorOptions{Codec: "auto"}))
				check(b, w.Commit(ctx))
			}
			b.ReportMetric(float64(bytes)/float64(len(out.b)), Compression)
		}),
		stream("composite", name("encode", "scipy"), bytes, func(b *testing.B) {
			e.inPythonAs(b, bytes, func(b *testing.B) outcome { return partsOf(e.matrix(b, side, n)) }, "matrix_npz", "encode", e.matrixParts(b, side, n), side, n)
		}),
		stream("composite", name("decode", "tensorfile"), bytes, func(b *testing.B) {
			path := e.matrixFile(b, side, n, "auto")
			fi, err := os.Stat(path)
			check(b, err)
			f := mustOpen(b, path)
			defer f.Close()
			x, err := f.Tensor("matrix")
			check(b, err)
			into := map[string]tensor.View{}
			parts, err := x.Parts()
			check(b, err)
			for _, p := range parts {
				into[p.Role] = made(b, e, "matrix "+p.Role, p.DType(), p.Shape()...)
			}
			for b.Loop() {
				for _, p := range parts {
					check(b, p.ReadInto(ctx, into[p.Role]))
				}
			}
			b.ReportMetric(float64(bytes)/float64(fi.Size()), Compression)
		}),
		stream("composite", name("decode", "scipy"), bytes, func(b *testing.B) {
			e.inPythonAs(b, bytes, func(b *testing.B) outcome { return partsOf(e.matrix(b, side, n)) }, "matrix_npz", "decode", e.matrixParts(b, side, n), side, n)
		}))
	return list
}

func (e *Env) compositeGoals() []Goal {
	if !e.Full {
		return nil
	}
	const at, big = "composite/entries=4000000/op=", "composite/entries=100000000/op="
	return []Goal{
		{"a file of CSR of 100M entries, opened", big + "open/impl=tensorfile", "", 0, 50 * time.Microsecond, true},
		{"a row of it", big + "row-slice/impl=tensorfile", "", 0, 2 * time.Microsecond, true},
		{"CSR compressed, 4M entries, encode beside save_npz", at + "encode/impl=tensorfile", at + "encode/impl=scipy", 100, 0, false},
		{"CSR compressed, 4M entries, ratio", at + "decode/impl=tensorfile", Compression, 1.4, 0, false},
		{"CSR compressed, 4M entries, decode beside load_npz", at + "decode/impl=tensorfile", at + "decode/impl=scipy", 20, 0, false},
	}
}
