package transform_test

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/internal/golden"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform"
)

// numpyCase is a line of testdata/numpy.jsonl.gz; see gen_transform.py.
type numpyCase struct {
	DType string       `json:"d"`
	Base  tensor.Shape `json:"n"`
	Steps []int64      `json:"k"`
	Perm  []int        `json:"p"`

	Op    string       `json:"op"`
	Mode  string       `json:"mode"`
	Pad   [][2]int64   `json:"pad"`
	Fill  int64        `json:"fill"`
	Shift []int64      `json:"shift"`
	Axes  []int        `json:"axes"`
	To    string       `json:"to"`
	Axis  int          `json:"axis"`
	Scale []float64    `json:"scale"`
	Bias  []float64    `json:"bias"`
	Clamp []float64    `json:"clamp"`
	Err   bool         `json:"err"`
	Shape tensor.Shape `json:"s"`
	CRC   uint32       `json:"c"` // of the little-endian bytes in C order
}

func dtype(t testing.TB, name string) (tensor.DType, tensor.ByteOrder) {
	t.Helper()
	order := tensor.LittleEndian
	if name[0] == '>' {
		order, name = tensor.BigEndian, "<"+name[1:]
	}
	switch name {
	case "?":
		name = "bool"
	case "i1", "u1":
		name = "|" + name
	}
	if strings.Contains("ifuc", name[:1]) && name != "bool" {
		name = "<" + name
	}
	d, err := tensor.ParseDType(name)
	if err != nil {
		t.Fatal(err)
	}
	return d, order
}

// input makes the array that the script starts from.
func (c numpyCase) input(t testing.TB) tensor.View {
	d, order := dtype(t, c.DType)
	size, err := tensor.ByteSize(d, c.Base)
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, size)
	v, err := tensor.NewView(data, d, c.Base, nil, 0, order)
	if err != nil {
		t.Fatal(err)
	}
	switch d.Class {
	case tensor.ClassFloat, tensor.ClassComplex:
		part := d
		if d.Class == tensor.ClassComplex {
			part = map[tensor.DType]tensor.DType{tensor.C64: tensor.F32, tensor.C128: tensor.F64}[d]
		}
		x := make([]float64, size/int64(part.UnitBytes))
		for i := range x {
			x[i] = float64((i*167+(i>>4)*13+11)%509-254) / 8
		}
		from, err := tensor.FromSlice(x)
		if err != nil {
			t.Fatal(err)
		}
		to, err := tensor.NewView(data, part, from.Shape(), nil, 0, order)
		if err != nil {
			t.Fatal(err)
		}
		if err := tensor.Cast(to, from); err != nil {
			t.Fatal(err)
		}
	default:
		for i := range data {
			if data[i] = byte(i*167 + (i>>8)*13 + 11); d == tensor.Bool {
				data[i] &= 1
			}
		}
	}
	for axis, step := range c.Steps {
		if v, err = v.Slice(axis, tensor.None, tensor.None, step); err != nil {
			t.Fatal(err)
		}
	}
	if v, err = v.Permute(c.Perm...); err != nil {
		t.Fatal(err)
	}
	return v
}

// run performs the operation, into fresh memory or into dst.
func (c numpyCase) run(t testing.TB, v, dst tensor.View, into bool) (tensor.View, error) {
	switch c.Op {
	case "pad":
		mode, err := transform.ParsePadMode(c.Mode)
		if err != nil {
			t.Fatal(err)
		}
		o := &transform.PadOptions{Mode: mode}
		if c.Fill != 0 {
			if o.Fill, err = tensor.FromSlice([]int64{c.Fill}); err != nil {
				t.Fatal(err)
			}
		}
		if into {
			return dst, transform.PadInto(dst, v, c.Pad, o)
		}
		return transform.Pad(v, c.Pad, o)
	case "roll":
		if into {
			return dst, transform.RollInto(dst, v, c.Shift, c.Axes, nil)
		}
		return transform.Roll(v, c.Shift, c.Axes, nil)
	}
	s := &transform.Scaling{Scale: c.Scale, Bias: c.Bias, Axis: c.Axis}
	if c.Clamp != nil {
		s.Clamp, s.Min, s.Max = true, c.Clamp[0], c.Clamp[1]
	}
	if into {
		return dst, transform.ScaleBiasInto(dst, v, s)
	}
	d, _ := dtype(t, c.To)
	return transform.ScaleBias(v, d, s)
}

func sum(t testing.TB, v tensor.View) uint32 {
	h := crc32.NewIEEE()
	if err := v.WriteCOrder(h, tensor.LittleEndian); err != nil {
		t.Fatal(err)
	}
	return h.Sum32()
}

// scattered is a view of shape s of the other byte order, every second element
// of reversed axes; untouched says whether what lies between is as it was.
func scattered(t testing.TB, d tensor.DType, s tensor.Shape) (v tensor.View, untouched func() bool) {
	wide := append(tensor.Shape{}, s...)
	for i := range wide {
		wide[i] = 2*wide[i] + 1
	}
	size, err := tensor.ByteSize(d, wide)
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte{0xA5}, int(size))
	order := tensor.BigEndian
	if tensor.HostOrder == order {
		order = tensor.LittleEndian
	}
	v, err = tensor.NewView(data, d, wide, nil, 0, order)
	if err != nil {
		t.Fatal(err)
	}
	for axis, n := range s {
		if v, err = v.Slice(axis, 2*n-1, tensor.None, -2); n == 0 {
			v, err = v.Slice(axis, 0, 0, 1)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return v, func() bool {
		mine := bytes.Clone(data)
		if mine, err := tensor.NewView(mine, d, v.Shape(), v.Strides(), v.Offset(), order); err == nil {
			err = eachUnit(mine, func(unit []byte) {
				for i := range unit {
					unit[i] = 0xA5
				}
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		return bytes.Count(mine, []byte{0xA5}) == len(mine)
	}
}

func eachUnit(v tensor.View, f func([]byte)) error {
	idx := make([]int64, v.Rank())
	for n := v.NumElements(); n > 0; n-- {
		unit, err := v.UnitAt(idx...)
		if err != nil {
			return err
		}
		f(unit)
		for axis := len(idx) - 1; axis >= 0; axis-- {
			if idx[axis]++; idx[axis] < v.Shape()[axis] {
				break
			}
			idx[axis] = 0
		}
	}
	return nil
}

func (c numpyCase) check(t *testing.T) {
	v := c.input(t)
	before := sum(t, v)
	got, err := c.run(t, v, tensor.View{}, false)
	if c.Err {
		var e *tensor.Error
		if !errors.As(err, &e) {
			t.Errorf("error %v, NumPy refuses", err)
		}
		return
	}
	if err != nil {
		t.Error(err)
		return
	}
	if !got.Shape().Equal(c.Shape) {
		t.Errorf("shape %v, want %v", got.Shape(), c.Shape)
		return
	}
	if !got.IsContiguous() || got.Order() != tensor.HostOrder {
		t.Error("not in C order and the order of the machine")
	}
	if crc := sum(t, got); crc != c.CRC {
		t.Errorf("bytes %08x, want %08x: %v of %v", crc, c.CRC, got, v)
	}
	dst, untouched := scattered(t, got.DType(), c.Shape)
	if _, err := c.run(t, v, dst, true); err != nil {
		t.Error(err)
		return
	}
	if crc := sum(t, dst); crc != c.CRC {
		t.Errorf("into memory of the caller: bytes %08x, want %08x", crc, c.CRC)
	}
	if !untouched() {
		t.Error("wrote between the elements of the destination")
	}
	if sum(t, v) != before {
		t.Error("the source changed")
	}
}

func replay(t *testing.T, r io.Reader) (n int, refused int, ops map[string]int) {
	ops = map[string]int{}
	n = golden.Each(t, r, func(c *numpyCase) {
		if c.Err {
			refused++
		} else {
			ops[c.Op+c.Mode]++
		}
		c.check(t)
	})
	return n, refused, ops
}

func TestEqualsNumPy(t *testing.T) {
	n, refused, ops := replay(t, golden.Kept(t, "testdata/numpy.jsonl.gz"))
	t.Logf("%d cases, %d refused, %v", n, refused, ops)
	least := []int{ops["padconstant"], ops["padedge"], ops["padreflect"], ops["padsymmetric"], ops["padwrap"], ops["roll"], ops["scale"]}
	if n != 3000 || refused < 60 || slices.Min(least) < 150 {
		t.Errorf("%d cases, %d refused, %v", n, refused, ops)
	}
}

// TestNumPyInterop asks a living NumPy about other cases.
func TestNumPyInterop(t *testing.T) {
	count := 4000
	if testing.Short() {
		count = 600
	}
	lines, _ := golden.Fresh(t, "NumPy", "testdata/gen_transform.py", count)
	n, refused, ops := replay(t, lines)
	t.Logf("%d cases, %d refused, %v", n, refused, ops)
	if n != count || refused < n/100 {
		t.Errorf("%d cases, %d refused", n, refused)
	}
}
