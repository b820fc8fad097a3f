package ptx

import (
	"math"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/tensor"
)

// Numbers of few bits to floats: dequant_VALUES_RESULT, of groups with scales and zero
// points as package quant keeps them. The reference is quant.Array.DequantiseInto;
// which NaN a result is is not said. Values lie at any address. There is a module for
// each dtype of results, since few programs want several and each takes a while to
// compile.
var dequantModules = func() map[tensor.DType]*driver.Source {
	all := map[tensor.DType]*driver.Source{}
	for _, to := range dequantResults {
		var list []driver.Kernel
		for _, from := range dequantValues {
			list = append(list, driver.Kernel{Name: dequantName(from, to), Params: params("ppppwllllwwwwwwllwwwllwwwll"), Go: dequant(from, to)})
		}
		all[to] = module("dequant_"+to.String(), list...)
	}
	return all
}()

func dequantName(from, to tensor.DType) string {
	return "dequant_" + from.String() + "_" + to.String()
}

// kinds are the numbers of dtypes of scales and zero points, in kernels. 0 is none,
// which is +0.
var kinds = []tensor.DType{1: tensor.F32, 2: tensor.F16, 3: tensor.BF16, 4: tensor.F64, 5: tensor.F8E8M0, 6: tensor.I8, 7: tensor.U8, 8: tensor.I4, 9: tensor.U4}

// scaleKind and zeroKind are the number of a dtype, 0 of one that kernels do not read.
func scaleKind(d tensor.DType) uint32 { return kindAmong(d, 1, 2, 3, 4, 5) }

func zeroKind(d tensor.DType) uint32 { return kindAmong(d, 1, 2, 3, 6, 7, 8, 9) }

func kindAmong(d tensor.DType, list ...uint32) uint32 {
	for _, k := range list {
		if kinds[k] == d {
			return k
		}
	}
	return 0
}

// The dtypes of values and results.
var (
	dequantValues  = []tensor.DType{tensor.I8, tensor.U8, tensor.I4, tensor.U4, tensor.F4E2M1, tensor.F8E4M3FN, tensor.F8E5M2}
	dequantResults = []tensor.DType{tensor.F32, tensor.F16, tensor.BF16}
)

func dequant(from, to tensor.DType) func(driver.Memory, driver.Dim, driver.Dim, driver.Args) error {
	return func(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
		rows, columns, pitch := int64(a.U32(4)), a.I64(5), a.I64(6)
		if rows == 0 || columns == 0 {
			return nil
		}
		scale, zero := a.U32(10), a.U32(11)
		r := reach{m: m}
		if scale == 0 || int(max(scale, zero)) >= len(kinds) || columns < 0 {
			r.fail("%d rows of %d columns, kinds %d and %d", rows, columns, scale, zero)
			return r.err
		}
		// Axes 2, 1 and 0 of the rows, then the columns.
		spec := quant.Spec{DType: to, Group: make([]int64, 4), First: make([]int64, 4)}
		shape := tensor.Shape{1, int64(a.U32(17)), int64(a.U32(12)), columns}
		if n := shape[1] * shape[2]; n < 1 || rows%n != 0 {
			r.fail("%d rows of %d by %d", rows, shape[1], shape[2])
			return r.err
		}
		shape[0] = rows / (shape[1] * shape[2])
		values := tensor.Strides{shape[1] * shape[2] * pitch, shape[2] * pitch, pitch, int64(from.UnitBytes)}
		spec.Group[3], spec.First[3] = a.I64(7), a.I64(8)
		steps, zeros := make([]int64, 4), make([]int64, 4)
		steps[3], zeros[3] = 1, 1
		for k := range 3 {
			at := 12 + 5*k
			spec.Group[2-k], spec.First[2-k] = int64(a.U32(at+1)), int64(a.U32(at+2))
			steps[2-k], zeros[2-k] = a.I64(at+3), a.I64(at+4)
		}
		groups := make(tensor.Shape, 4)
		for k, n := range shape {
			if g := spec.Group[k]; g < 1 || spec.First[k] < 0 || spec.First[k] >= g || n > math.MaxInt64-g {
				r.fail("groups %v from %v on", spec.Group, spec.First)
				return r.err
			}
			groups[k] = (spec.First[k]+n-1)/spec.Group[k] + 1
			// A group that takes all may be larger than a file says it.
			if groups[k] == 1 {
				spec.Group[k], spec.First[k] = n, 0
			}
		}
		spec.Values = r.view(a.Ptr(1), from, shape, values)
		spec.Scales = r.view(a.Ptr(2), kinds[scale], groups, strides(kinds[scale], groups, steps))
		if zero != 0 {
			spec.Zeros = r.view(a.Ptr(3), kinds[zero], groups, strides(kinds[zero], groups, zeros))
		}
		dst := r.view(a.Ptr(0), to, shape, nil)
		if r.err != nil {
			return r.err
		}
		q, err := quant.New(spec)
		if err != nil {
			return err
		}
		return q.DequantiseInto(background, dst, 0)
	}
}

// strides are steps, counted in elements, in bytes. Axes without steps have any.
func strides(d tensor.DType, s tensor.Shape, steps []int64) tensor.Strides {
	st := make(tensor.Strides, len(steps))
	for k, n := range steps {
		switch {
		case k == len(steps)-1:
			st[k] = int64(d.UnitBytes)
		case s[k] > 1:
			st[k] = n / int64(d.UnitElems) * int64(d.UnitBytes)
		}
	}
	return st
}

// Groups is numbers of few bits with a scale, and maybe a zero point, for each
// group, in C order: what a quant.Array is in device memory.
type Groups struct {
	Values, Scales, Zeros driver.Ptr
	From                  tensor.DType // of the values
	Scale, Zero           tensor.DType // Zero is the zero DType where there are no zero points
	Shape                 tensor.Shape // of the values
	Group, First          []int64      // as in quant.Spec; First may be nil
}

// A places is one or more axes whose elements, in C order, have groups that follow
// each other.
type places struct {
	n, group, first int64
	m               int64 // groups
}

// join makes in, inside of out, a part of out, if that has groups like one axis.
func (out *places) join(in places) bool {
	if out.n > math.MaxUint32/max(in.n, 1) || out.m > 1 && out.group > math.MaxUint32/max(in.n, 1) {
		return false
	}
	n := out.n * in.n
	switch {
	case out.n == 1 && out.m == 1:
		*out = in
	case in.n == 1 && in.m == 1:
	case in.m == 1 && out.m == 1:
		*out = places{n: n, group: max(n, 1), m: 1}
	case in.m == 1:
		*out = places{n: n, group: out.group * in.n, first: out.first * in.n, m: out.m}
	case in.first == 0 && in.n%in.group == 0 && out.group == 1:
		*out = places{n: n, group: in.group, m: out.m * in.m}
	default:
		return false
	}
	return true
}

// Launch writes the elements to dst, as d, in C order. Groups that cannot be said
// with three axes of rows and one of columns are ErrUnsupported, as are dtypes that
// there are no kernels for.
func (g *Groups) Launch(dst driver.Ptr, d tensor.DType) (Launch, error) {
	m, name := dequantModules[d], dequantName(g.From, d)
	scales, zeros := scaleKind(g.Scale), zeroKind(g.Zero)
	if m == nil || m.Kernel(name) == nil || scales == 0 || zeros == 0 && g.Zero != (tensor.DType{}) {
		what := g.From.String() + " to " + d.String() + ", scales " + g.Scale.String()
		if g.Zero != (tensor.DType{}) {
			what += ", zeros " + g.Zero.String()
		}
		return Launch{}, &tensor.Error{Kind: tensor.ErrUnsupported, Offset: -1, Field: "dequantise", Got: what, Want: "dtypes that there is a kernel for"}
	}
	list := make([]places, 1, 4)
	list[0] = places{n: 1, group: 1, m: 1}
	last := len(g.Shape) - 1
	gap := int64(0) // that a row of zero points has at its end
	for k, n := range g.Shape {
		p := places{n: n, group: g.Group[k]}
		if g.First != nil {
			p.first = g.First[k]
		}
		if p.m = (p.first+n-1)/p.group + 1; n == 0 || p.m == 1 {
			p.m, p.first, p.group = 1, 0, max(n, 1)
		}
		apart := false
		if k == last {
			gap = p.m % int64(max(g.Zero.UnitElems, 1))
			apart = gap != 0 || n%int64(g.From.UnitElems) != 0
		}
		if top := &list[len(list)-1]; apart && !(top.n == 1 && top.m == 1) || !top.join(p) {
			list = append(list, p)
		}
	}
	columns := list[len(list)-1]
	rows := list[:len(list)-1]
	all, fits := int64(1), len(rows) <= 3
	for _, p := range rows {
		// Rows are counted in 32 bits.
		fits = fits && p.n <= math.MaxUint32/max(all, 1) && p.group <= math.MaxUint32 && p.first+p.n <= math.MaxUint32
		all *= p.n
	}
	if !fits {
		return Launch{}, &tensor.Error{Kind: tensor.ErrUnsupported, Offset: -1, Field: "groups", Got: tensor.Shape(g.Group).String() + " of " + g.Shape.String(), Want: "groups along at most 4 axes, less than 2^32 rows"}
	}
	units := int64(g.From.UnitElems)
	pitch := (columns.n + units - 1) / units * int64(g.From.UnitBytes)
	per := uint32(1)
	if columns.group >= 4 {
		per = 4
	}
	var axes []driver.Arg
	scale, zero := columns.m, columns.m+gap
	for k := range 3 {
		p := places{n: 1, group: 1, m: 1}
		if k < len(rows) {
			p = rows[len(rows)-1-k]
		}
		axes = append(axes, argU32(uint32(p.n)), argU32(uint32(p.group)), argU32(uint32(p.first)), argU64(scale), argU64(zero))
		scale, zero = scale*p.m, zero*p.m
	}
	args := append([]driver.Arg{argPtr(dst), argPtr(g.Values), argPtr(g.Scales), argPtr(g.Zeros),
		argU32(uint32(all)), argU64(columns.n), argU64(pitch), argU64(columns.group), argU64(columns.first), argU32(per), argU32(scales), argU32(zeros)}, axes...)
	return launch(m, name, all*((columns.n+int64(per)-1)/int64(per)), 1, args...), nil
}
