// Package argument reads what is written on command lines.
package argument

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Size reads a number of bytes, at least one and below 2^62: "4096", "1.5MiB",
// "2 G". KB is KiB, and so on.
func Size(text string) (int64, error) {
	digits := strings.TrimSpace(text)
	unit := strings.TrimLeft(digits, "0123456789.")
	digits = digits[:len(digits)-len(unit)]
	shift := 0
	switch u := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(strings.TrimSpace(unit)), "B"), "I"); u {
	case "":
	case "K", "M", "G", "T":
		shift = 10 * (1 + strings.Index("KMGT", u))
	default:
		return 0, fmt.Errorf("a size is a number with or without KiB, MiB, GiB, TiB")
	}
	x, err := strconv.ParseFloat(digits, 64)
	if err != nil || x < 0 || x*float64(int64(1)<<shift) >= 1<<62 || x*float64(int64(1)<<shift) < 1 {
		return 0, fmt.Errorf("a size is a number of at least one byte, such as 512MiB or 2G")
	}
	return int64(x * float64(int64(1)<<shift)), nil
}

// Fractions reads a list of numbers from 0 to 1 with commas between them, and
// returns them ascending. An empty text has none.
func Fractions(list string) ([]float64, error) {
	var out []float64
	for _, s := range strings.Split(list, ",") {
		if s = strings.TrimSpace(s); s == "" && strings.TrimSpace(list) == "" {
			continue
		}
		q, err := strconv.ParseFloat(s, 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return nil, fmt.Errorf("%q is no number from 0 to 1", s)
		}
		out = append(out, q)
	}
	slices.Sort(out)
	return out, nil
}
