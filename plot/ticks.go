package plot

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// A tick is a place on an axis, with its label.
type tick struct {
	at    float64 // 0 at the low end, 1 at the high one
	label string  // "" for one between others
}

// A scale is an axis with numbers that can be drawn, and its ticks.
type scale struct {
	lo, hi float64
	log    bool
	down   bool
	ticks  []tick
	title  string // label, unit, factor and offset
	scaled bool   // labels mean nothing without the title: there is a factor or an offset
}

// The range of numbers that an axis shows. What is narrower is widened.
const (
	narrow = 1e-12 // of the larger end
	tiny   = 1e-300
)

// newScale makes a range drawable: finite ends that differ, above 0 for
// logarithms.
func newScale(a *Axis) scale {
	lo, hi := a.Lo, a.Hi
	bad := func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }
	if bad(lo) || bad(hi) || lo > hi {
		lo, hi = 0, 1
	}
	if a.Log {
		if hi <= 0 {
			lo, hi = 0.1, 1
		}
		hi = max(hi, 1e-290)
		if lo <= 0 {
			lo = hi / 1e3
		}
		lo = max(lo, 1e-300)
		if hi/lo < 1+1e-9 {
			lo, hi = lo/2, min(hi, math.MaxFloat64/2)*2
		}
		return scale{lo: lo, hi: hi, log: true, down: a.Down}
	}
	if size := max(math.Abs(lo), math.Abs(hi)); hi/2-lo/2 <= size*narrow || hi-lo < tiny {
		half := size / 10
		if size < tiny {
			half = 1
		}
		lo, hi = max(lo-half, -math.MaxFloat64), min(hi+half, math.MaxFloat64)
	}
	return scale{lo: lo, hi: hi, down: a.Down}
}

// at is where a number stands: 0 at the low end, 1 at the high one.
func (s *scale) at(x float64) float64 {
	if s.log {
		if x <= 0 {
			return math.Inf(-1)
		}
		// Differences of logarithms, as quotients may overflow.
		return (math.Log(x) - math.Log(s.lo)) / (math.Log(s.hi) - math.Log(s.lo))
	}
	return (x/2 - s.lo/2) / (s.hi/2 - s.lo/2) // halves, as the range may overflow
}

// place is where a tick for x stands, which belongs to the axis but for rounding.
func (s *scale) place(x float64) float64 { return min(max(s.at(x), 0), 1) }

// fits says whether labels have room at their places on the axis.
type fits func(ticks []tick) bool

// setTicks chooses the finest ticks that have room.
func (s *scale) setTicks(a *Axis, most int, room fits) {
	switch {
	case s.log:
		s.title = title(a, "", "")
		s.logTicks(a, most, room)
	default:
		s.linearTicks(a, most, room)
	}
}

// linearTicks are at multiples of 1, 2 or 5 times a power of ten.
func (s *scale) linearTicks(a *Axis, most int, room fits) {
	lo, hi := s.lo, s.hi
	offset := ""
	exp := exponent(hi/2-lo/2) + 1 // of ten; the range is up to twenty times it
	if size := max(math.Abs(lo), math.Abs(hi)); exponent(size)-exp > 3 {
		// All labels would begin with the same digits: a round number near the
		// middle goes to the title.
		n := int64(math.Round((lo/2 + hi/2) / power(1, exp+1)))
		base := power(n, exp+1)
		lo, hi = lo-base, hi-base
		offset = offsetText(n, exp+1)
	}
	factor, prefix := factorOf(a, max(math.Abs(lo), math.Abs(hi)))
	s.scaled = factor != 0 || offset != ""
	for e := exp - 3; e <= exp+1; e++ {
		for _, d := range []int64{1, 2, 5} {
			if a.Whole && e < 0 {
				continue
			}
			step := power(d, e)
			if step == 0 || (hi/2-lo/2)/step*2 > float64(most) {
				continue
			}
			ticks := multiples(lo, hi, d, e, factor)
			if len(ticks) > 0 && room(ticks) {
				s.ticks = ticks
				s.title = titleOf(a, factor, prefix, offset)
				return
			}
		}
	}
	s.title = titleOf(a, factor, prefix, offset)
}

// multiples are the ticks at n*d*10^e between lo and hi, labelled without
// 10^factor.
func multiples(lo, hi float64, d int64, e, factor int) []tick {
	step := power(d, e)
	slack := (hi/2 - lo/2) * 1e-9
	first, last := int64(math.Ceil(lo/step-1e-9)), int64(math.Floor(hi/step+1e-9))
	var ticks []tick
	for n := first; n <= last; n++ {
		x := power(n*d, e)
		if x < lo-slack || x > hi+slack {
			continue
		}
		at := (x/2 - lo/2) / (hi/2 - lo/2)
		ticks = append(ticks, tick{min(max(at, 0), 1), decimal(n*d, e-factor)})
	}
	return alike(ticks)
}

// alike gives numbers of four digits a comma beside longer ones.
func alike(ticks []tick) []tick {
	if !slices.ContainsFunc(ticks, func(t tick) bool { return strings.Contains(t.label, ",") }) {
		return ticks
	}
	for i, t := range ticks {
		if digits := strings.TrimPrefix(t.label, "−"); len(digits) == 4 && !strings.ContainsAny(digits, ".,") {
			ticks[i].label = t.label[:len(t.label)-3] + "," + t.label[len(t.label)-3:]
		}
	}
	return ticks
}

// logTicks are at powers of ten, with smaller ones between them where there is
// room, or at round numbers where there are few powers.
func (s *scale) logTicks(a *Axis, most int, room fits) {
	first, last := exponent(s.lo), exponent(s.hi)
	if power(1, first) < s.lo*(1-1e-9) {
		first++
	}
	if power(1, last+1) <= s.hi*(1+1e-9) {
		last++
	}
	for _, step := range []int{1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300} {
		if last-first < step {
			break
		}
		from := int(math.Ceil(float64(first)/float64(step))) * step
		var ticks []tick
		plain := first >= -3 && last <= 5
		for e := from; e <= last; e += step {
			label := "10" + superscript(e)
			if plain {
				label = decimal(1, e)
			}
			ticks = append(ticks, tick{s.place(power(1, e)), label})
		}
		if len(ticks) < 3 && step == 1 && s.roundTicks(first, last, most, room) || len(ticks) < 2 {
			break
		}
		if len(ticks) > most || !room(alike(ticks)) {
			continue
		}
		if step == 1 && 8*len(ticks) < 4*most {
			for e := first - 1; e <= last; e++ {
				for d := int64(2); d < 10; d++ {
					if x := power(d, e); x > s.lo && x < s.hi {
						ticks = append(ticks, tick{at: s.place(x)})
					}
				}
			}
		}
		s.ticks = ticks
		return
	}
	if s.ticks != nil || s.roundTicks(first, last, most, room) {
		return
	}
	// The ticks of a straight axis, in their places here.
	straight := scale{lo: s.lo, hi: s.hi}
	straight.linearTicks(a, most, func(ticks []tick) bool {
		placed := make([]tick, len(ticks))
		for i, t := range ticks {
			placed[i] = tick{s.place(s.lo + t.at*(s.hi-s.lo)), t.label}
		}
		return room(placed)
	})
	s.title, s.scaled = straight.title, straight.scaled
	for _, t := range straight.ticks {
		s.ticks = append(s.ticks, tick{s.place(s.lo + t.at*(s.hi-s.lo)), t.label})
	}
}

// roundTicks are at a few round numbers in each power of ten. It reports whether
// there are some that have room.
func (s *scale) roundTicks(first, last, most int, room fits) bool {
	for _, list := range [][]int64{{1, 2, 3, 5, 7}, {1, 2, 5}, {1, 3}} {
		var ticks []tick
		for e := first - 1; e <= last; e++ {
			for _, d := range list {
				if x := power(d, e); x >= s.lo && x <= s.hi {
					ticks = append(ticks, tick{s.place(x), number(d, e)})
				}
			}
		}
		if len(ticks) > 1 && len(ticks) <= most && room(alike(ticks)) {
			s.ticks = ticks
			return true
		}
	}
	return false
}

// number is n * 10^e, with the power apart where it is far from 0.
func number(n int64, e int) string {
	if e >= -4 && e <= 5 {
		return decimal(n, e)
	}
	return strconv.FormatInt(n, 10) + "×10" + superscript(e)
}

// exponent is that of the power of ten at or below a number above 0.
func exponent(x float64) int {
	if !(x > 0) || math.IsInf(x, 0) {
		return 0
	}
	s := strconv.FormatFloat(x, 'e', 15, 64)
	_, digits, _ := strings.Cut(s, "e")
	e, _ := strconv.Atoi(digits)
	return e
}

// power is n * 10^e as the nearest number.
func power(n int64, e int) float64 {
	x, _ := strconv.ParseFloat(strconv.FormatInt(n, 10)+"e"+strconv.Itoa(e), 64)
	return x // infinite where there is no such number
}

// decimal writes n * 10^e with all digits, and commas between thousands from
// five digits on.
func decimal(n int64, e int) string {
	sign := ""
	if n < 0 {
		sign, n = "−", -n
	}
	if n == 0 {
		return "0"
	}
	digits, fraction := strconv.FormatInt(n, 10), ""
	if e >= 0 {
		digits += strings.Repeat("0", e)
	} else {
		if len(digits) <= -e {
			digits = strings.Repeat("0", -e-len(digits)+1) + digits
		}
		digits, fraction = digits[:len(digits)+e], "."+digits[len(digits)+e:]
	}
	if len(digits) > 4 {
		for i := len(digits) - 3; i > 0; i -= 3 {
			digits = digits[:i] + "," + digits[i:]
		}
	}
	return sign + digits + fraction
}

// offsetText is n * 10^e with its sign in front.
func offsetText(n int64, e int) string {
	sign := "+ "
	if n < 0 {
		sign, n = "− ", -n
	}
	for n != 0 && n%10 == 0 {
		n, e = n/10, e+1
	}
	digits := len(strconv.FormatInt(n, 10))
	if e >= -6 && digits+e <= 12 {
		return sign + decimal(n, e)
	}
	return sign + decimal(n, 1-digits) + "×10" + superscript(e+digits-1)
}

// prefixes of the International System of Units.
var prefixes = map[int]string{-12: "p", -9: "n", -6: "µ", -3: "m", 3: "k", 6: "M", 9: "G", 12: "T"}

// units that take them.
var siUnits = map[string]bool{"s": true, "Hz": true, "m": true, "V": true, "A": true, "W": true, "J": true, "N": true, "Pa": true, "T": true, "F": true, "H": true, "Ω": true}

// factorOf is the power of ten that the labels of an axis leave out, and what
// stands for it before the unit.
func factorOf(a *Axis, size float64) (factor int, prefix string) {
	e := exponent(size)
	third := int(math.Floor(float64(e)/3)) * 3
	if siUnits[a.Unit] {
		if e >= -1 && e < 4 {
			third = 0
		}
		if p, ok := prefixes[third]; ok || third == 0 {
			return third, p
		}
	}
	switch {
	case size == 0, e >= -3 && e < 6:
		return 0, ""
	}
	return third, ""
}

func titleOf(a *Axis, factor int, prefix, offset string) string {
	power := ""
	if factor != 0 && prefix == "" {
		power = "×10" + superscript(factor)
	}
	unit := a.Unit
	if unit != "" {
		unit = prefix + unit
	}
	return title(a, strings.TrimSpace(power+" "+unit), offset)
}

// title is the label with what belongs to the numbers behind it.
func title(a *Axis, unit, offset string) string {
	if unit == "" && a.Log {
		unit = a.Unit
	}
	if offset != "" {
		unit = strings.TrimPrefix(unit+", "+offset, ", ")
	}
	switch {
	case unit == "":
		return a.Label
	case a.Label == "":
		return unit
	}
	return a.Label + " (" + unit + ")"
}

// strip takes the labels away where they would mislead.
func (s *scale) strip() {
	if s.scaled {
		for i := range s.ticks {
			s.ticks[i].label = ""
		}
	}
}
