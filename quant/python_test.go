package quant

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// pythonCase and pythonAnswers are the lines of testdata/quant_ops.py: elements
// are their bits.
type pythonCase struct {
	Shape      tensor.Shape `json:"shape"`
	Group      []int64      `json:"group"`
	Values     string       `json:"values"`
	Codes      []uint64     `json:"codes,omitempty"`
	Scales     string       `json:"scales"`
	ScaleCodes []uint64     `json:"scale_codes,omitempty"`
	Zeros      string       `json:"zeros,omitempty"`
	ZeroCodes  []uint64     `json:"zero_codes,omitempty"`
	Rule       string       `json:"rule,omitempty"`
	X          []uint64     `json:"x,omitempty"`
}

type pythonAnswers map[string][]uint64

// fromCodes makes a tensor of the bits of its elements.
func fromCodes(t testing.TB, d tensor.DType, shape tensor.Shape, codes []uint64) tensor.View {
	t.Helper()
	v := must(tensor.NewView(make([]byte, must(tensor.ByteSize(d, shape))(t)), d, shape, nil, 0, tensor.LittleEndian))(t)
	eachCode(v, func(i int, get func() uint64, set func(uint64)) { set(codes[i]) })
	return v
}

func toCodes(t testing.TB, v tensor.View) []uint64 {
	t.Helper()
	own := must(tensor.NewView(make([]byte, v.ByteSize()), v.DType(), v.Shape(), nil, 0, tensor.LittleEndian))(t)
	if err := tensor.Copy(own, v); err != nil {
		t.Fatal(err)
	}
	codes := make([]uint64, v.NumElements())
	eachCode(own, func(i int, get func() uint64, _ func(uint64)) { codes[i] = get() })
	return codes
}

// eachCode goes through the bits of elements in C order, one after the other.
func eachCode(v tensor.View, fn func(i int, get func() uint64, set func(uint64))) {
	b, bits, at := v.Span(), int(v.DType().Bits), 0
	last := v.NumElements()
	if v.Rank() > 0 {
		last = v.Shape()[v.Rank()-1]
	}
	unit := int(v.DType().UnitBytes) * 8
	for i := range int(v.NumElements()) {
		if int64(i)%last == 0 {
			at = (at + unit - 1) / unit * unit
		}
		fn(i, func() (x uint64) {
			for k := range bits {
				x |= uint64(b[(at+k)/8]>>((at+k)%8)&1) << k
			}
			return x
		}, func(x uint64) {
			for k := range bits {
				b[(at+k)/8] |= byte(x>>k&1) << ((at + k) % 8)
			}
		})
		at += bits
	}
}

// compare dequantises or quantises the case and compares elements with the
// answers, bit for bit but for which NaN a NaN is.
func (c *pythonCase) compare(t *testing.T, want pythonAnswers) {
	t.Helper()
	parse := func(name string) tensor.DType { return must(tensor.ParseDType(name))(t) }
	same := func(what string, got tensor.View, want []uint64) {
		t.Helper()
		codes := toCodes(t, got)
		isNaN := func(code uint64) bool {
			x := must(fromCodes(t, got.DType(), tensor.Shape{1}, []uint64{code}).Float64At(0))(t)
			return x != x
		}
		for i := range codes {
			if codes[i] != want[i] && !(got.DType().Class == tensor.ClassFloat && isNaN(codes[i]) && isNaN(want[i])) {
				t.Fatalf("%+v: %s: element %d is %#x, want %#x", c, what, i, codes[i], want[i])
			}
		}
	}
	if c.X == nil {
		count := make(tensor.Shape, len(c.Shape))
		for k, n := range c.Shape {
			count[k] = (n + c.Group[k] - 1) / c.Group[k]
		}
		spec := Spec{DType: tensor.F32, Group: c.Group, Values: fromCodes(t, parse(c.Values), c.Shape, c.Codes), Scales: fromCodes(t, parse(c.Scales), count, c.ScaleCodes)}
		if c.Zeros != "" {
			spec.Zeros = fromCodes(t, parse(c.Zeros), count, c.ZeroCodes)
		}
		a := must(New(spec))(t)
		for _, d := range []tensor.DType{tensor.F32, tensor.BF16, tensor.F16} {
			same(d.String(), must(a.Dequantise(t.Context(), d))(t), want[d.String()])
		}
		return
	}
	s := Scheme{Values: parse(c.Values), Scales: parse(c.Scales), Rule: map[string]Rule{"absmax": AbsMax, "minmax": MinMax, "mx": MX}[c.Rule], Block: c.Group}
	if len(c.Group) == 0 {
		s.Block = []int64{}
	}
	a := must(Quantise(t.Context(), fromCodes(t, tensor.F32, c.Shape, c.X), s, 2))(t)
	same("scales", a.Scales(), want["scales"])
	if z, ok := a.Zeros(); ok {
		same("zeros", z, want["zeros"])
	}
	same("values", a.Values(), want["values"])
}

// What NumPy and ml_dtypes make of 120 quantised tensors and of 180 that are
// quantised.
func TestPythonGoldens(t *testing.T) {
	f := must(os.Open("testdata/quant.jsonl.gz"))(t)
	defer f.Close()
	dec := json.NewDecoder(must(gzip.NewReader(f))(t))
	n := 0
	for ; dec.More(); n++ {
		var line struct {
			Case pythonCase
			Want pythonAnswers
		}
		if err := dec.Decode(&line); err != nil {
			t.Fatal(err)
		}
		line.Case.compare(t, line.Want)
	}
	t.Logf("%d cases", n)
	if n < 300 {
		t.Errorf("%d cases", n)
	}
}

// The same with cases that are new in each run.
func TestPythonInterop(t *testing.T) {
	python := os.Getenv("TENSORFILE_PYTHON")
	if python == "" {
		t.Skip("TENSORFILE_PYTHON names no Python with NumPy and ml_dtypes; make interop does")
	}
	cmd := exec.Command(python, "testdata/quant_ops.py")
	in, out := must(cmd.StdinPipe())(t), must(cmd.StdoutPipe())(t)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 64<<20)
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	const cases = 400
	elements := 0
	for i := range cases {
		c := anyCase(t, r)
		elements += len(c.Codes) + len(c.X)
		line, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := in.Write(append(line, '\n')); err != nil {
			t.Fatal(err)
		}
		if !lines.Scan() {
			t.Fatalf("seed %d, case %d: no answer: %v", seed, i, lines.Err())
		}
		var want pythonAnswers
		if err := json.Unmarshal(lines.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		c.compare(t, want)
	}
	t.Logf("%d cases, %d elements, seed %d", cases, elements, seed)
}

// anyCase makes a case of an array, or of numbers to quantise.
func anyCase(t testing.TB, r *rand.Rand) *pythonCase {
	for {
		a, _ := anyArray(t, r, true)
		if slices.Contains(a.Shape(), 0) || slices.ContainsFunc(a.first, func(x int64) bool { return x != 0 }) {
			continue
		}
		c := &pythonCase{Shape: a.Shape(), Group: a.Group(), Values: a.Values().DType().String(), Scales: a.Scales().DType().String()}
		if r.IntN(2) == 0 {
			c.Codes, c.ScaleCodes = toCodes(t, a.Values()), toCodes(t, a.Scales())
			if z, ok := a.Zeros(); ok {
				c.Zeros, c.ZeroCodes = z.DType().String(), toCodes(t, z)
			}
			return c
		}
		s := Scheme{Values: types[r.IntN(len(types))].dtype, Rule: Rule(r.IntN(3))}
		if s.Values.Packed() && len(c.Shape) == 0 {
			continue
		}
		if r.IntN(2) == 0 && s.Rule != MX {
			s.Scales = tensor.BF16
		}
		s, _, err := s.normal()
		if err != nil {
			continue
		}
		c.Values, c.Scales, c.Rule = s.Values.String(), s.Scales.String(), []string{"absmax", "minmax", "mx"}[s.Rule]
		c.X = make([]uint64, a.values.NumElements())
		width := math.Pow(2, float64(r.IntN(160)-80))
		for i := range c.X {
			c.X[i] = uint64(math.Float32bits(float32(r.NormFloat64() * width)))
		}
		return c
	}
}
