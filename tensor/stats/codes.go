package stats

import (
	"encoding/binary"
	"math"
	"slices"
	"sync"

	"github.com/tensorfile/tensorfile/tensor"
)

// A codeTable is what the codes of a dtype of 8 or 16 bits mean.
type codeTable struct {
	values  []float64
	byValue []uint16 // all codes but those of NaN, ascending by value
}

var codeTables sync.Map // tensor.DType -> *codeTable

func tableOf(d tensor.DType) *codeTable {
	if t, ok := codeTables.Load(d); ok {
		return t.(*codeTable)
	}
	t := &codeTable{values: codeValues(d)}
	for code, x := range t.values {
		if !math.IsNaN(x) {
			t.byValue = append(t.byValue, uint16(code))
		}
	}
	slices.SortStableFunc(t.byValue, func(i, j uint16) int {
		switch x, y := t.values[i], t.values[j]; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	codeTables.Store(d, t)
	return t
}

// codeValues are the values of all codes. A bool is true for every code but 0.
func codeValues(d tensor.DType) []float64 {
	values := make([]float64, 1<<d.Bits)
	if d == tensor.Bool {
		for i := range values {
			values[i] = float64(min(i, 1))
		}
		return values
	}
	codes := make([]byte, len(values)*int(d.UnitBytes))
	for i := range values {
		if d.UnitBytes == 1 {
			codes[i] = byte(i)
		} else {
			binary.LittleEndian.PutUint16(codes[2*i:], uint16(i))
		}
	}
	// Nothing of this can fail: the shapes are equal and the dtypes numeric.
	src, err := tensor.NewView(codes, d, tensor.Shape{int64(len(values))}, nil, 0, tensor.LittleEndian)
	if err == nil {
		var dst tensor.View
		if dst, err = tensor.FromSlice(values); err == nil {
			err = tensor.Cast(dst, src)
		}
	}
	if err != nil {
		panic("stats: " + err.Error())
	}
	return values
}

// decoded is an Accumulator of the values whose codes a has counted.
func (a *Accumulator) decoded() *Accumulator {
	d := &Accumulator{min: math.Inf(1), max: math.Inf(-1)}
	t := tableOf(codeType(a.dtype))
	sum, known := 0.0, int64(0)
	for _, code := range t.byValue {
		n := int64(a.codes[code])
		if n == 0 {
			continue
		}
		x := t.values[code]
		known += n
		switch {
		case math.IsInf(x, 1):
			d.posInf += n
			continue
		case math.IsInf(x, -1):
			d.negInf += n
			continue
		case x == 0:
			d.zeros += n
		}
		d.min, d.max = min(d.min, x), max(d.max, x)
		d.moments.n += n
		sum += x * float64(n)
	}
	d.nan = a.n - known
	if d.moments.n == 0 {
		return d
	}
	d.moments.mean = sum / float64(d.moments.n)
	for _, code := range t.byValue {
		if x, n := t.values[code], a.codes[code]; n > 0 && !math.IsInf(x, 0) {
			d.moments.m2 += (x - d.moments.mean) * (x - d.moments.mean) * float64(n)
		}
	}
	return d
}
