package operate_test

import (
	"errors"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/operate"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// applied is what is made by operators, each a name and a value, to one tensor.
func applied(t *testing.T, p *operate.Pipeline, x *tensorfile.Tensor, list ...string) (*tensorfile.Tensor, error) {
	t.Helper()
	for i := 0; i < len(list); i += 2 {
		s, err := operate.Parse(list[i], list[i+1])
		must(t, err)
		p.Steps = append(p.Steps, s)
	}
	d, err := p.Derive(t.Context(), []convert.Source{{Tensor: x, As: "x"}})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { must(t, d.Close()) })
	return d.Tensors[0].Tensor, nil
}

// What becomes sparse and dense again is what it was, whatever is done to its
// entries between, and from one operator to the next in either form.
func TestLayouts(t *testing.T) {
	v, err := tensor.FromSlice([]float32{0, 1, 0, -2, 0, 0, 3, 0, 0.5, 0, 0, 7}, 3, 4)
	must(t, err)
	n := 0
	for _, layout := range []string{"coo", "csr", "csc", "bsr", "bsr:3x2", "csf", "bitmap"} {
		for _, c := range []struct {
			steps []string
			want  string
		}{
			{[]string{"layout", "dense"}, "[[ 0.   1.   0.  -2. ]\n [ 0.   0.   3.   0. ]\n [ 0.5  0.   0.   7. ]]"},
			{[]string{"select", "::-1, 1:3", "layout", "dense"}, "[[0. 0.]\n [0. 3.]\n [1. 0.]]"},
			{[]string{"select", "1", "dtype", "i8", "layout", "dense"}, "[0 0 3 0]"},
			{[]string{"dtype", "i16", "select", "2, 3"}, "7"},
			{[]string{"layout", "dense", "scale", "2", "layout", "csr", "layout", "dense", "flip", "0"}, "[[ 1.  0.  0. 14.]\n [ 0.  0.  6.  0.]\n [ 0.  2.  0. -4.]]"},
		} {
			x, err := applied(t, &operate.Pipeline{}, bigEndian(t, v), append([]string{"layout", layout}, c.steps...)...)
			if err != nil {
				t.Errorf("%s %v: %v", layout, c.steps, err)
				continue
			}
			got, err := x.Read(t.Context())
			must(t, err)
			if got.String() != c.want {
				t.Errorf("%s %v: got\n%v\nwant\n%s", layout, c.steps, got, c.want)
			}
			n++
		}
	}
	t.Logf("%d chains", n)
	if n < 35 {
		t.Error("too few")
	}
}

// What is made is sorted and unique, and held within MaxBytes.
func TestLayoutLimits(t *testing.T) {
	list := make([]float64, 100*100)
	for i := range 100 {
		list[i*100+i*37%100] = 1.5
	}
	v, err := tensor.FromSlice(list, 100, 100)
	must(t, err)
	x, err := applied(t, &operate.Pipeline{}, bigEndian(t, v), "layout", "csc")
	must(t, err)
	a, err := x.Sparse(t.Context())
	must(t, err)
	if p := a.Properties(); !p.Sorted || !p.Unique || a.NNZ() != 100 || a.Layout() != sparse.CSC {
		t.Errorf("%+v, %d entries, %v", p, a.NNZ(), a.Layout())
	}
	for _, c := range []struct {
		most  int64
		kind  error
		steps []string
	}{
		{10000, tensor.ErrLimit, []string{"layout", "coo"}},
		{81000, tensor.ErrLimit, []string{"layout", "csr", "layout", "bsr:100x100"}},
		{1 << 20, tensor.ErrLimit, []string{"layout", "csr:0.001"}},
		{1 << 20, tensor.ErrLimit, []string{"layout", "csr", "layout", "dense:0.5"}},
		{1 << 20, tensor.ErrUnsupported, []string{"layout", "csr", "scale", "2"}},
		{1 << 20, tensor.ErrUnsupported, []string{"layout", "csr", "select", "newaxis"}},
		{1 << 20, tensor.ErrShape, []string{"layout", "bsr:3x3"}},
		{1 << 20, tensor.ErrShape, []string{"select", "0", "layout", "csr"}},
	} {
		_, err := applied(t, &operate.Pipeline{MaxBytes: c.most}, bigEndian(t, v), c.steps...)
		var e *tensor.Error
		if !errors.Is(err, c.kind) || !errors.As(err, &e) || e.Tensor == "" {
			t.Errorf("%v: got %v, want %v", c.steps, err, c.kind)
		}
	}
}
