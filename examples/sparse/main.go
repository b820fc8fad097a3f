// Command sparse puts a Matrix Market file into a .tensor file, takes rows of it
// without reading the others, and multiplies it with a vector of ones:
//
//	sparse matrix.mtx matrix.tensor
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/mtx"
	"github.com/tensorfile/tensorfile/convert/operate"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: sparse MATRIX.mtx MATRIX.tensor")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1], os.Args[2], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, in, out string, w io.Writer) error {
	// The matrix as compressed rows, in chunks of 65536 entries.
	_, err := convert.Files(ctx, []string{in}, out, &convert.Options{
		Name:    "matrix",
		Operate: &operate.Pipeline{Steps: []operate.Step{{Operator: operate.Layout{To: sparse.CSR}}}},
		Store:   []convert.Store{{Codec: "fast", Chunk: tensor.Shape{1 << 16}}},
	})
	if err != nil {
		return err
	}
	f, err := tensorfile.Open(out, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	t, err := f.Tensor("matrix")
	if err != nil {
		return err
	}

	// The first rows: only the chunks that hold them are read.
	rows, err := t.SparseRows(ctx, 0, min(3, t.Shape()[0]))
	if err != nil {
		return err
	}
	counts, err := rows.Counts(ctx, 0, nil)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%v, %d entries in the first %d rows: %v\n", t.Shape(), rows.NNZ(), len(counts), counts)

	// The whole, times a vector: the sum of each row.
	a, err := t.Sparse(ctx)
	if err != nil {
		return err
	}
	ones := make([]float64, t.Shape()[1])
	for i := range ones {
		ones[i] = 1
	}
	x, err := tensor.FromSlice(ones)
	if err != nil {
		return err
	}
	sums, err := a.Mul(ctx, x, nil)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "sums of rows: %v\n", sums)
	return nil
}
