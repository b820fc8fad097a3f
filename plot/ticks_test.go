package plot

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// straight are the ticks of an axis of a chart that is as wide as most are.
func straight(a Axis) scale {
	s := newScale(&a)
	s.setTicks(&a, 12, sideBySide(600, false))
	return s
}

func labels(s scale) string {
	var out []string
	for _, t := range s.ticks {
		if t.label != "" {
			out = append(out, t.label)
		}
	}
	return strings.Join(out, " ")
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		axis   Axis
		labels string
		title  string
	}{
		{Axis{Lo: 0, Hi: 1}, "0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1.0", ""},
		{Axis{Lo: -1, Hi: 1}, "−1.0 −0.8 −0.6 −0.4 −0.2 0 0.2 0.4 0.6 0.8 1.0", ""},
		{Axis{Lo: -0.5, Hi: 9.5, Whole: true}, "0 1 2 3 4 5 6 7 8 9", ""},
		{Axis{Lo: -0.5, Hi: 0.5, Whole: true}, "0", ""},
		{Axis{Lo: 0, Hi: 20000, Whole: true, Label: "column"}, "0 2,000 4,000 6,000 8,000 10,000 12,000 14,000 16,000 18,000 20,000", "column"},
		{Axis{Lo: 0, Hi: 3e6, Label: "index"}, "0 0.5 1.0 1.5 2.0 2.5 3.0", "index (×10⁶)"},
		{Axis{Lo: 0, Hi: 1e-300, Label: "value", Unit: "kg"}, "0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1.0", "value (×10⁻³⁰⁰ kg)"},
		{Axis{Lo: -1e300, Hi: 1e300}, "−1.0 −0.8 −0.6 −0.4 −0.2 0 0.2 0.4 0.6 0.8 1.0", "×10³⁰⁰"},
		{Axis{Lo: 0, Hi: 0.02, Label: "time", Unit: "s"}, "0 2 4 6 8 10 12 14 16 18 20", "time (ms)"},
		{Axis{Lo: 0, Hi: 22050, Label: "frequency", Unit: "Hz"}, "0 2 4 6 8 10 12 14 16 18 20 22", "frequency (kHz)"},
		{Axis{Lo: 1.7e9, Hi: 1.7e9 + 10, Label: "time", Unit: "d"}, "0 1 2 3 4 5 6 7 8 9 10", "time (d, + 1,700,000,000)"},
		{Axis{Lo: 3, Hi: 3}, "2.70 2.75 2.80 2.85 2.90 2.95 3.00 3.05 3.10 3.15 3.20 3.25 3.30", ""},
		{Axis{Lo: 1, Hi: 1e6, Log: true, Label: "n"}, "10⁰ 10¹ 10² 10³ 10⁴ 10⁵ 10⁶", "n"},
		{Axis{Lo: 0.01, Hi: 100, Log: true, Unit: "m"}, "0.01 0.1 1 10 100", "m"},
		{Axis{Lo: 1e-300, Hi: 1e300, Log: true}, "10⁻³⁰⁰ 10⁻²⁰⁰ 10⁻¹⁰⁰ 10⁰ 10¹⁰⁰ 10²⁰⁰ 10³⁰⁰", ""},
		{Axis{Lo: 1.0000000005, Hi: 99.9999999995, Log: true}, "1 10 100", ""},
		{Axis{Lo: 2, Hi: 8, Log: true}, "2 3 5 7", ""},
		{Axis{Lo: math.NaN(), Hi: 1}, "0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1.0", ""},
		{Axis{Lo: -5, Hi: -1, Log: true}, "", ""},
	} {
		s := straight(c.axis)
		if got := labels(s); got != c.labels && c.labels != "" {
			t.Errorf("%+v: %s, want %s", c.axis, got, c.labels)
		}
		for _, k := range s.ticks {
			if k.at < 0 || k.at > 1 {
				t.Errorf("%+v: tick %q at %v", c.axis, k.label, k.at)
			}
		}
		if s.title != c.title {
			t.Errorf("%+v: title %q, want %q", c.axis, s.title, c.title)
		}
	}
}

// parse reads a label: with its factor and its offset it is the number at its
// place.
func parse(t *rapid.T, text string) float64 {
	text = strings.NewReplacer(",", "", "−", "-", "+ ", "", "- ", "-").Replace(text)
	mantissa, power, _ := strings.Cut(text, "×10")
	if strings.HasPrefix(text, "10") && strings.ContainsAny(text, "⁰¹²³⁴⁵⁶⁷⁸⁹") && power == "" {
		mantissa, power = "1", text[2:]
	}
	digits := strings.NewReplacer("⁻", "-", "⁰", "0", "¹", "1", "²", "2", "³", "3", "⁴", "4", "⁵", "5", "⁶", "6", "⁷", "7", "⁸", "8", "⁹", "9").Replace(power)
	if digits != "" {
		mantissa += "e" + digits
	}
	x, err := strconv.ParseFloat(mantissa, 64)
	if err != nil {
		t.Fatalf("label %q: %v", text, err)
	}
	return x
}

// Labels say the number at their place, ascend and are not too many, for ranges
// of any size anywhere.
func TestTicksAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mid := rapid.Float64Range(-1, 1).Draw(t, "mid") * math.Pow(10, rapid.Float64Range(-300, 300).Draw(t, "power"))
		half := math.Abs(mid) * math.Pow(10, rapid.Float64Range(-11, 4).Draw(t, "range"))
		a := Axis{Lo: max(mid-half, -1e308), Hi: min(mid+half, 1e308), Log: rapid.Bool().Draw(t, "log")}
		if a.Log {
			a.Lo, a.Hi = math.Abs(mid), math.Abs(mid)*math.Pow(10, rapid.Float64Range(0.1, 200).Draw(t, "decades"))
		}
		s := straight(a)
		if len(s.ticks) < 2 {
			t.Fatalf("%+v (%v to %v): %d ticks", a, s.lo, s.hi, len(s.ticks))
		}
		factor, offset := 1.0, 0.0
		for _, part := range strings.Split(s.title, ", ") {
			switch {
			case strings.HasPrefix(part, "×10"):
				factor = parse(t, "1"+part)
			case part != "": // and the commas between thousands
				_, number, ok := strings.Cut(s.title, "+ ")
				if !ok {
					_, number, _ = strings.Cut(s.title, "− ")
					number = "-" + number
				}
				offset = parse(t, number)
			}
		}
		shown, last := 0, math.Inf(-1)
		for _, k := range s.ticks {
			if k.label == "" {
				continue
			}
			shown++
			x := parse(t, k.label)*factor + offset
			at := s.at(x)
			if math.Abs(at-k.at) > 1e-3 {
				t.Fatalf("%+v: %q with %q is %v, which stands at %v, not %v", a, k.label, s.title, x, at, k.at)
			}
			if k.at <= last || k.at < 0 || k.at > 1 {
				t.Fatalf("%+v: tick %q at %v", a, k.label, k.at)
			}
			last = k.at
		}
		if shown < 2 || shown > 14 {
			t.Fatalf("%+v: %d labels", a, shown)
		}
	})
}

func TestDecimal(t *testing.T) {
	for _, c := range []struct {
		n    int64
		e    int
		want string
	}{{5, 0, "5"}, {5, -1, "0.5"}, {-125, -2, "−1.25"}, {5, -3, "0.005"}, {12, 3, "12,000"}, {1234, 0, "1234"}, {12345, 0, "12,345"}, {0, 5, "0"}, {0, -2, "0"}, {1234567, -1, "123,456.7"}} {
		if got := decimal(c.n, c.e); got != c.want {
			t.Errorf("%de%d: %s, want %s", c.n, c.e, got, c.want)
		}
	}
}
