package decimal

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// same compares with the standard library, which also says what is no number.
func same(t *testing.T, s string) {
	t.Helper()
	want, err := strconv.ParseFloat(s, 64)
	got, n, gotErr := Float64([]byte(s + ",x"))
	switch {
	case n != len(s):
		t.Fatalf("%q: %d bytes taken, want %d", s, n, len(s))
	case math.Float64bits(got) != math.Float64bits(want) && !(math.IsNaN(got) && math.IsNaN(want)):
		t.Fatalf("%q: %x, want %x", s, got, want)
	case (err != nil) != (gotErr != nil):
		t.Fatalf("%q: %v, want %v", s, gotErr, err)
	}
}

func TestFloat64(t *testing.T) {
	for _, s := range []string{
		"0", "-0", "+0", "1", "-1", "0.5", ".5", "5.", "1e5", "1E+5", "1e-5", "0e999", "0.0000e-99999999999",
		"1e308", "1.7976931348623157e308", "1.7976931348623159e308", "1e309", "-1e999", "1e99999999999999999999",
		"2.2250738585072014e-308", "2.2250738585072011e-308", "4.9e-324", "2.4e-324", "1e-400",
		"9007199254740993", "9007199254740992.5", "9007199254740993.00000000000000000000000000001",
		"123456789012345678901234567890", "0.000000000000000000000000000012345678901234567890123",
		"18446744073709551615", "18446744073709551616", "99999999999999999999",
		"inf", "-Inf", "INFINITY", "nan", "NaN", "1" + strings.Repeat("0", 400), "0." + strings.Repeat("0", 400) + "1",
	} {
		same(t, s)
	}
	for _, s := range []string{"", "-", "+", ".", "-.", "e5", "x", "in", "na", ",5", "\x00", " 1"} {
		if _, n, _ := Float64([]byte(s)); n != 0 {
			t.Errorf("%q: %d bytes taken of no number", s, n)
		}
	}
	for s, want := range map[string]int{"1e": 1, "1e+": 1, "1.5.2": 3, "0x1p4": 1, "1d5": 1, "1,5": 1, "infx": 3, "12345678a": 8, "1234567\xba": 7} {
		if _, n, _ := Float64([]byte(s)); n != want {
			t.Errorf("%q: %d bytes taken, want %d", s, n, want)
		}
	}
}

// Numbers of every exponent and length, shortest forms, and those around ties.
func TestFloat64Random(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	n := 300000
	if testing.Short() {
		n = 30000
	}
	for range n {
		x := math.Float64frombits(r.Uint64())
		if math.IsNaN(x) {
			continue
		}
		same(t, strconv.FormatFloat(x, 'g', -1, 64))
		same(t, strconv.FormatFloat(x, 'e', 10+r.IntN(15), 64))
		same(t, strconv.FormatFloat(r.NormFloat64(), 'f', r.IntN(25), 64))
	}
	for range n / 100 { // the middle between two neighbours, and a digit beside it
		x := math.Float64frombits(r.Uint64N(0x7fe<<52-1<<53) + 1<<53)
		a := new(big.Float).SetPrec(2000).SetFloat64(x)
		b := new(big.Float).SetPrec(2000).SetFloat64(math.Nextafter(x, math.Inf(1)))
		middle := new(big.Float).SetPrec(2000).Add(a, b)
		s := middle.Quo(middle, big.NewFloat(2)).Text('e', 800)
		same(t, s)
		same(t, strings.Replace(s, "e", "1e", 1))
	}
}

func TestInt64(t *testing.T) {
	for s, want := range map[string]struct {
		x   int64
		n   int
		bad bool
	}{
		"0": {0, 1, false}, "-1 ": {-1, 2, false}, "+7": {7, 2, false}, "-": {0, 0, false}, "": {0, 0, false},
		"9223372036854775807":  {math.MaxInt64, 19, false},
		"9223372036854775808":  {math.MinInt64, 19, true},
		"-9223372036854775808": {math.MinInt64, 20, false},
		"-9223372036854775809": {math.MaxInt64, 20, true},
		"18446744073709551616": {0, 20, true}, "99999999999999999999999": {0, 23, true},
	} {
		x, n, err := Int64([]byte(s))
		if n != want.n || (err != nil) != want.bad || !want.bad && x != want.x {
			t.Errorf("%q: %d, %d, %v", s, x, n, err)
		}
	}
	if u, n, err := Uint64([]byte("18446744073709551615]")); u != math.MaxUint64 || n != 20 || err != nil {
		t.Errorf("%d, %d, %v", u, n, err)
	}
}

func TestIndex(t *testing.T) {
	for s, want := range map[string]struct {
		x   uint64
		end int
	}{
		"x7 ": {7, 2}, "x": {0, 1}, "x ": {0, 1}, "x12345678 ": {12345678, 9}, "x123456789": {123456789, 10}, "x1234567\n1": {1234567, 8},
		"x9999999999999999999,": {9999999999999999999, 20}, "x10000000000000000000": {math.MaxUint64, 21},
		"x" + strings.Repeat("0", 40) + "17 ": {17, 43}, "x18446744073709551617 ": {math.MaxUint64, 21},
		"x12\xb0": {12, 3}, "x12/": {12, 3}, "x12:45678": {12, 3}, "x1234567\xff": {1234567, 8},
	} {
		if x, end := Index([]byte(s), 1); x != want.x || end != want.end {
			t.Errorf("%q: %d, %d; want %v", s, x, end, want)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	b := []byte("1.2345678901234567e-105 9")
	if n := testing.AllocsPerRun(100, func() { Float64(b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzFloat64(f *testing.F) {
	for _, s := range []string{"1.5e3", "-.5", "9007199254740993", "1e400", "12345678901234567890.5", "nan"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		x, n, err := Float64([]byte(s))
		want, wantErr := strconv.ParseFloat(s[:n], 64)
		if n == 4 && strings.EqualFold(s[1:n], "nan") { // strconv takes none with a sign
			want, wantErr = math.NaN(), nil
		}
		switch {
		case n == 0:
			if x != 0 || err != nil {
				t.Fatalf("%q: %v, %v", s, x, err)
			}
		case (err != nil) != (wantErr != nil) || math.Float64bits(x) != math.Float64bits(want) && !(math.IsNaN(x) && math.IsNaN(want)):
			t.Fatalf("%q: %v, %v; want %v, %v", s[:n], x, err, want, wantErr)
		}
		u, n, err := Uint64([]byte(s))
		if wantU, wantErr := strconv.ParseUint(s[:n], 10, 64); n > 0 && ((err != nil) != (wantErr != nil) || err == nil && u != wantU) {
			t.Fatalf("%q: %v, %v; want %v, %v", s[:n], u, err, wantU, wantErr)
		}
	})
}

func BenchmarkFloat64(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name string
		next func() string
	}{
		{"shortest", func() string { return strconv.FormatFloat(r.NormFloat64(), 'g', -1, 64) }},
		{"short", func() string { return strconv.FormatFloat(r.Float64()*100, 'f', 3, 64) }},
		{"e16", func() string { return strconv.FormatFloat(r.NormFloat64(), 'e', 16, 64) }},
	} {
		list := make([][]byte, 1024)
		size := 0
		for i := range list {
			list[i] = []byte(c.next())
			size += len(list[i])
		}
		for _, impl := range []string{"decimal", "strconv"} {
			b.Run("text="+c.name+"/impl="+impl, func(b *testing.B) {
				b.SetBytes(int64(size) / 1024)
				for i := range b.N {
					if impl == "decimal" {
						Float64(list[i%1024])
					} else {
						strconv.ParseFloat(string(list[i%1024]), 64)
					}
				}
			})
		}
	}
}
