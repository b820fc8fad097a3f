package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/mtx"
	"github.com/tensorfile/tensorfile/sparse"
)

// marketCases read and write Matrix Market text beside SciPy, which does it by
// fast_matrix_market on as many threads as there are cores.
func marketCases(e *Env) []Case {
	side, n := 20_000, 160_000
	if e.Full {
		side, n = 1_000_000, 8_000_000
	}
	ctx := context.Background()
	mtx, _ := convert.ByName("mtx")
	name := func(op, impl string) string {
		return fmt.Sprintf("matrix=%d/entries=%d/op=%s/impl=%s", side, n, op, impl)
	}
	// native is a file that holds the matrix.
	native := func(b *testing.B) *tensorfile.Tensor {
		return get(b, e, fmt.Sprintf("market%dx%d", side, n), func() (*tensorfile.Tensor, error) {
			path := e.path(fmt.Sprintf("market%d.tensor", n))
			w, err := tensorfile.Create(path, nil)
			if err != nil {
				return nil, err
			}
			defer w.Close()
			if err := w.AddSparse(ctx, "m", e.matrix(b, side, n), nil); err != nil {
				return nil, err
			}
			if err := w.Commit(ctx); err != nil {
				return nil, err
			}
			f, err := tensorfile.Open(path, nil)
			if err != nil {
				return nil, err
			}
			return f.Tensor("m")
		})
	}
	write := func(w io.Writer, t *tensorfile.Tensor) error {
		return mtx.Write(ctx, w, []convert.Source{{Tensor: t, As: "m"}}, nil)
	}
	text := func(b *testing.B) string {
		t := native(b)
		path := e.path(fmt.Sprintf("market%d.mtx", n))
		if _, err := os.Stat(path); err == nil {
			return path
		}
		f, err := os.Create(path)
		check(b, err)
		out := bufio.NewWriterSize(f, 1<<20)
		check(b, write(out, t))
		check(b, out.Flush())
		check(b, f.Close())
		return path
	}
	bytes := int64(16 * n) // of coordinates and values
	same := func(b *testing.B) outcome { return partsOf(e.matrix(b, side, n)) }
	return []Case{
		stream("market", name("read", "tensorfile"), bytes, func(b *testing.B) {
			path := text(b)
			for b.Loop() {
				f, err := convert.Open(ctx, path, nil)
				check(b, err)
				for t, err := range f.Tensors() {
					check(b, err)
					a, err := t.Sparse(ctx)
					check(b, err)
					x, err := sparse.Data[float64](a, sparse.RoleValues)
					check(b, err)
					sink = float32(x[n-1])
				}
				check(b, f.Close())
			}
		}),
		stream("market", name("read", "scipy"), bytes, func(b *testing.B) { e.inPythonAs(b, bytes, same, "market_read", text(b)) }),
		stream("market", name("write", "tensorfile"), bytes, func(b *testing.B) {
			t := native(b)
			for b.Loop() {
				check(b, write(io.Discard, t))
			}
		}),
		stream("market", name("write", "scipy"), bytes, func(b *testing.B) { e.inPythonAs(b, bytes, same, "market_write", text(b)) }),
	}
}

func (e *Env) marketGoals() []Goal {
	if !e.Full {
		return nil
	}
	const at = "market/matrix=1000000/entries=8000000/op="
	return []Goal{
		{"Matrix Market read beside SciPy", at + "read/impl=tensorfile", at + "read/impl=scipy", 1, 0, true},
		{"Matrix Market write beside SciPy", at + "write/impl=tensorfile", at + "write/impl=scipy", 1, 0, false},
	}
}
