//go:build unix

package tensorfile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/ragged"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// otherComposites are more of smallComposites: what has a structure, a fill or an
// order of its own.
func otherComposites(t testing.TB) map[string]tensorfile.Composite {
	shape := tensor.Shape{3, 3}
	values := vec(t, nil, 1.0, 2, 3)
	return map[string]tensorfile.Composite{
		"lower": {Layout: format.LayoutCSR, Flags: sortedUnique | format.StructureSymmetric, DType: tensor.F64, Shape: shape, Parts: parts{
			{Role: "indptr", View: vec(t, nil, int32(0), 1, 2, 3)}, {Role: "indices", View: vec(t, nil, int32(0), 0, 2)}, {Role: "values", View: values}}},
		"upper": {Layout: format.LayoutCOO, Flags: sortedUnique | format.StructureSymmetric | format.FlagUpper, DType: tensor.F64, Shape: shape, Parts: parts{
			{Role: "indices", View: vec(t, tensor.Shape{3, 2}, int16(0), 0, 0, 2, 1, 1)}, {Role: "values", View: values}}},
		"skew": {Layout: format.LayoutCSC, Flags: sortedUnique | format.StructureSkew, DType: tensor.F64, Shape: shape, Parts: parts{
			{Role: "indptr", View: vec(t, nil, uint8(0), 2, 3, 3)}, {Role: "indices", View: vec(t, nil, uint8(1), 2, 2)}, {Role: "values", View: values}}},
		"turned": {Layout: format.LayoutCSF, Flags: sortedUnique | format.StructureSymmetric, DType: tensor.F64, Shape: shape, Parts: parts{
			{Role: "order", View: vec(t, nil, uint8(1), 0)}, {Role: "ptr0", View: vec(t, nil, int64(0), 2, 3)},
			{Role: "idx0", View: vec(t, nil, int64(0), 1)}, {Role: "idx1", View: vec(t, nil, int64(0), 2, 1)}, {Role: "values", View: values}}},
		"unsorted": {Layout: format.LayoutCSR, DType: tensor.F64, Shape: shape, Parts: parts{
			{Role: "indptr", View: vec(t, nil, int32(0), 3, 3, 3)}, {Role: "indices", View: vec(t, nil, int32(2), 0, 1)}, {Role: "values", View: values}}},
	}
}

// Parts that come from a reader cannot be looked at before they are written; the
// others are, as far as they can be, and what is read again is what was given.
func TestCompositesOfReaders(t *testing.T) {
	list := smallComposites(t)
	maps.Copy(list, otherComposites(t))
	n := 0
	for _, name := range slices.Sorted(maps.Keys(list)) {
		c := list[name]
		for i, p := range c.Parts {
			if p.Role == format.RoleGroup || p.Role == format.RoleOrder {
				continue // shapes of others depend on it
			}
			n++
			own := c
			own.Parts = slices.Clone(c.Parts)
			own.Parts[i] = tensorfile.CompositePart{Role: p.Role, Reader: bytes.NewReader(image(t, p.View)), DType: p.View.DType(), Shape: p.View.Shape()}
			path := temp(t)
			write(t, path, func(w *tensorfile.Writer) { ok(t, w.AddComposite(ctx, "x", own, nil)) })
			f := verified(t, path, nil)
			sameComposite(t, name+" with a reader of "+p.Role, must(must(f.Tensor("x"))(t).ReadComposite(ctx))(t), c)
			ok(t, f.Close())
		}
	}
	if n < 35 {
		t.Errorf("%d parts", n)
	}
}

// compositeCalls are the ways to read a composite of each sort, told as text.
func compositeCalls() map[string]func(ctx context.Context, x *tensorfile.Tensor) (string, error) {
	type call = func(ctx context.Context, x *tensorfile.Tensor) (string, error)
	told := func(v tensor.View, err error) (string, error) {
		if err != nil {
			return "", err
		}
		b := new(bytes.Buffer)
		err = v.WriteCOrder(b, tensor.LittleEndian)
		return tensorText(v.DType(), v.Shape(), nil, b.Bytes()), err
	}
	partsOf := func(c tensorfile.Composite, err error) (string, error) {
		text := fmt.Sprint(c.Layout, c.Flags, c.Shape)
		for _, p := range c.Parts {
			if err == nil {
				var s string
				s, err = told(p.View, nil)
				text += " " + p.Role + " " + s
			}
		}
		return text, err
	}
	matrix := func(a *sparse.Array, err error) (string, error) {
		if err != nil {
			return "", err
		}
		return told(a.Dense(ctx, nil))
	}
	rows := func(a *ragged.Array, err error) (string, error) {
		if err != nil {
			return "", err
		}
		return told(a.Dense(ctx, nil))
	}
	texts := func(a *ragged.Strings, err error) (string, error) {
		if err != nil {
			return "", err
		}
		list, err := a.List(ctx)
		return fmt.Sprint(list), err
	}
	return map[string]call{
		"parts": func(ctx context.Context, x *tensorfile.Tensor) (string, error) { return partsOf(x.ReadComposite(ctx)) },
		"rows":  func(ctx context.Context, x *tensorfile.Tensor) (string, error) { return partsOf(x.ReadRows(ctx, 1, 2)) },
		"sparse": func(ctx context.Context, x *tensorfile.Tensor) (string, error) {
			return matrix(x.Sparse(ctx))
		},
		"sparse rows": func(ctx context.Context, x *tensorfile.Tensor) (string, error) {
			return matrix(x.SparseRows(ctx, 0, 2))
		},
		"ragged":      func(ctx context.Context, x *tensorfile.Tensor) (string, error) { return rows(x.Ragged(ctx)) },
		"ragged rows": func(ctx context.Context, x *tensorfile.Tensor) (string, error) { return rows(x.RaggedRows(ctx, 1, 3)) },
		"strings":     func(ctx context.Context, x *tensorfile.Tensor) (string, error) { return texts(x.Strings(ctx)) },
		"string rows": func(ctx context.Context, x *tensorfile.Tensor) (string, error) { return texts(x.StringRows(ctx, 1, 2)) },
		"quantised": func(ctx context.Context, x *tensorfile.Tensor) (string, error) {
			a, err := x.Quantised(ctx)
			if err != nil {
				return "", err
			}
			return told(a.Dequantise(ctx, tensor.F32))
		},
		"dequantise": func(ctx context.Context, x *tensorfile.Tensor) (string, error) {
			return told(x.Dequantise(ctx, tensor.F64, tensor.Selection{{Kind: tensor.SelectRange, Start: 1, Stop: 3, Step: 1}}))
		},
		"hash": func(ctx context.Context, x *tensorfile.Tensor) (string, error) {
			h, err := x.Hash(ctx)
			return h.String(), err
		},
	}
}

// TestEveryReadOfComposites fails each read of each way to read a composite, and
// calls each off wherever it asks: what comes is the error, or what comes without.
func TestEveryReadOfComposites(t *testing.T) {
	defer tensorfile.SetCheckPiece(2)()
	list := smallComposites(t)
	maps.Copy(list, otherComposites(t))
	calls := compositeCalls()
	failed, off, ways := 0, 0, 0
	for _, name := range slices.Sorted(maps.Keys(list)) {
		for _, o := range []*tensorfile.TensorOptions{nil, {Chunk: tensor.Shape{2}, Codec: "zstd"}} {
			if o != nil && list[name].Layout == format.LayoutQuantised {
				o = &tensorfile.TensorOptions{Chunk: tensor.Shape{1}}
			}
			b := must(os.ReadFile(writtenComposites(t, map[string]tensorfile.Composite{"x": list[name]}, o)))(t)
			for _, what := range slices.Sorted(maps.Keys(calls)) {
				// Opening and looking up are others' tests.
				run := func(ctx context.Context, at int) (*spoiltReader, int, string, error) {
					s := &spoiltReader{r: bytes.NewReader(b), at: -1, spoil: func() error { return syscall.EIO }}
					f := must(tensorfile.OpenReaderAt(s, int64(len(b)), &tensorfile.OpenOptions{Verify: tensorfile.VerifyOnFirstUse}))(t)
					defer f.Close()
					x := must(f.Tensor("x"))(t)
					before := s.n
					if at >= 0 {
						s.at = before + at
					}
					text, err := calls[what](ctx, x)
					return s, s.n - before, text, err
				}
				count := calledOffAfter(1 << 40)
				_, reads, want, err := run(count, -1)
				if errors.Is(err, tensorfile.ErrUnsupported) || errors.Is(err, tensorfile.ErrShape) {
					continue // not of this sort
				}
				if err != nil {
					t.Errorf("%s, %s: %v", name, what, err)
					continue
				}
				ways++
				for at := range reads {
					s, _, got, err := run(ctx, at)
					switch {
					case !s.hit && got == want: // what runs at once may need fewer
					case err == nil && got != want:
						t.Errorf("%s, %s: read %d of %d failed: %s, want %s", name, what, at, reads, got, want)
					case err != nil && (!errors.Is(err, syscall.EIO) || !errors.Is(err, tensorfile.ErrIO)):
						t.Errorf("%s, %s: read %d of %d: %v", name, what, at, reads, err)
					case err != nil:
						failed++
					}
				}
				for at := range count.asked.Load() {
					_, _, got, err := run(calledOffAfter(at), -1)
					switch {
					case err == nil && got != want:
						t.Errorf("%s, %s: asked %d times: %s, want %s", name, what, at, got, want)
					case err != nil && !errors.Is(err, context.Canceled):
						t.Errorf("%s, %s: asked %d times: %v", name, what, at, err)
					case err != nil:
						off++
					}
				}
			}
		}
	}
	t.Logf("%d reads failed and %d calls called off, in %d ways", failed, off, ways)
	if failed < 500 || off < 500 || ways < 80 {
		t.Error("too few")
	}
}
