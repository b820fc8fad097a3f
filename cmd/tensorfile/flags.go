package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// choice is the value of a flag that is auto, always or never.
type choice string

var choices = []string{"auto", "always", "never"}

func (c *choice) String() string { return string(*c) }
func (c *choice) Type() string   { return "WHEN" }

func (c *choice) Set(s string) error {
	if !slices.Contains(choices, s) {
		return fmt.Errorf("it is one of %s", strings.Join(choices, ", "))
	}
	*c = choice(s)
	return nil
}

// size is the value of a flag that is a number of bytes: "4096", "512MiB",
// "2G". Letters mean powers of 1024.
type size int64

func (s *size) String() string {
	if *s == 0 {
		return ""
	}
	return sizeText(int64(*s))
}

func (s *size) Type() string { return "SIZE" }

func (s *size) Set(text string) error {
	n, err := parseSize(text)
	if err != nil {
		return err
	}
	*s = size(n)
	return nil
}

func parseSize(text string) (int64, error) {
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
