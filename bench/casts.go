package bench

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"strings"
	"time"

	"github.com/tensorfile/tensorfile/tensor"
)

// castTypes are all numeric dtypes and what NumPy and ml_dtypes call them, if
// they have them. Elements of less than a byte take a whole one there.
var castTypes = []struct {
	d    tensor.DType
	name string
}{
	{tensor.Bool, "bool"}, {tensor.Bool1, ""}, {tensor.I4, "int4"}, {tensor.I8, "int8"}, {tensor.I16, "int16"}, {tensor.I32, "int32"}, {tensor.I64, "int64"},
	{tensor.U4, "uint4"}, {tensor.U8, "uint8"}, {tensor.U16, "uint16"}, {tensor.U32, "uint32"}, {tensor.U64, "uint64"},
	{tensor.F16, "float16"}, {tensor.BF16, "bfloat16"}, {tensor.F32, "float32"}, {tensor.F64, "float64"},
	{tensor.F8E4M3FN, "float8_e4m3fn"}, {tensor.F8E5M2, "float8_e5m2"}, {tensor.F8E4M3FNUZ, "float8_e4m3fnuz"}, {tensor.F8E5M2FNUZ, "float8_e5m2fnuz"},
	{tensor.F8E8M0, "float8_e8m0fnu"}, {tensor.F4E2M1, "float4_e2m1fn"}, {tensor.F6E2M3, "float6_e2m3fn"}, {tensor.F6E3M2, "float6_e3m2fn"},
	{tensor.C64, "complex64"}, {tensor.C128, "complex128"},
}

// CastTable measures the casts between all numeric dtypes, on one thread, of
// random bits, and writes a table: bytes of the wider side to M, and how many
// times faster that is than NumPy or ml_dtypes on as many elements. Each pair,
// its peer and M are timed in turns; the least of the rounds counts, which is
// what is left of them where others use the machine, too. Both sides have memory
// of huge pages, if the system gives them: NumPy asks for them by itself. Only pairs whose
// names, "u8 to f32", match are measured.
func (e *Env) CastTable(w io.Writer, rounds int, match *regexp.Regexp) error {
	wide := e.Big / 8
	src, dst := pages(wide), pages(wide)
	var seed [32]byte
	rand.NewChaCha8(seed).Read(src)
	for i := range dst {
		dst[i] = 1
	}
	fmt.Fprintf(w, "| from |")
	for _, to := range castTypes {
		fmt.Fprintf(w, " %v |", to.d)
	}
	fmt.Fprintf(w, "\n| --- |%s\n", strings.Repeat(" --- |", len(castTypes)))
	var slow, behind []string
	pairs, compared := 0, 0
	for _, from := range castTypes {
		fmt.Fprintf(w, "| %v |", from.d)
		for _, to := range castTypes {
			name := fmt.Sprintf("%v to %v", from.d, to.d)
			if !match.MatchString(name) {
				fmt.Fprint(w, " |")
				continue
			}
			n := 8 * wide / int64(max(from.d.Bits, to.d.Bits))
			n = min(n, wide) &^ 63
			s, err1 := view(src, from.d, n)
			d, err2 := view(dst, to.d, n)
			if err1 != nil || err2 != nil {
				return fmt.Errorf("%s: %w", name, errors.Join(err1, err2))
			}
			var ours, theirs, unit time.Duration = 1 << 62, 1 << 62, 1 << 62
			peer := false
			for range rounds {
				m, ok, err := e.Python("memcpy", 1, e.Big)
				if err != nil || !ok {
					return fmt.Errorf("no peer to measure M with: %w", err)
				}
				begin := time.Now()
				if err := tensor.Cast(d, s); err != nil {
					return err
				}
				ours, unit = min(ours, time.Since(begin)), min(unit, m)
				if from.name != "" && to.name != "" {
					if t, ok, err := e.Python("pair", 1, from.name, to.name, n); ok && err == nil {
						theirs, peer = min(theirs, t), true
					}
				}
			}
			pairs++
			of := float64(max(s.ByteSize(), d.ByteSize())) / float64(ours) / (float64(e.Big) / float64(unit))
			name += fmt.Sprintf(" (%.2f M", of)
			if of < 0.25 {
				slow = append(slow, name+")")
			}
			fmt.Fprintf(w, " %.2f", of)
			if peer {
				compared++
				x := float64(theirs) / float64(ours)
				if x < 1 {
					behind = append(behind, fmt.Sprintf("%s, %.2fx)", name, x))
				}
				fmt.Fprintf(w, " %.3gx", x)
			}
			fmt.Fprintf(w, " |")
		}
		fmt.Fprintln(w)
	}
	list := func(names []string) string {
		if names == nil {
			return "none"
		}
		return strings.Join(names, ", ")
	}
	fmt.Fprintf(w, "\n%d pairs, %d of them beside NumPy or ml_dtypes. Below 0.25 M: %s. Slower than the peer: %s.\n", pairs, compared, list(slow), list(behind))
	return nil
}

// view is n elements at the start of memory.
func view(b []byte, d tensor.DType, n int64) (tensor.View, error) {
	size, err := tensor.ByteSize(d, tensor.Shape{n})
	if err != nil {
		return tensor.View{}, err
	}
	return tensor.NewView(b[:size], d, tensor.Shape{n}, nil, 0, tensor.HostOrder)
}
