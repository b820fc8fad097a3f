package mmap

import (
	"bytes"
	"math"
	"testing"
)

var allAdvice = []Advice{Normal, Sequential, Random, WillNeed, Populate, HugePages, DontNeed, 200}

// TestAdvise gives every advice on every odd range: hints change no bytes and
// never fail.
func TestAdvise(t *testing.T) {
	data := pattern(5*4096+100, 1)
	path := writeTemp(t, data)
	for name, m := range map[string]*Map{
		"mapped": openMapped(t, path),
		"pread":  openOnly(t, path, &Options{NoMmap: true}),
		"reader": NewReaderAt(bytes.NewReader(data), int64(len(data)), "r"),
		"empty":  openOnly(t, writeTemp(t, nil), nil),
	} {
		for _, a := range allAdvice {
			for _, r := range [][2]int64{
				{0, -1}, {0, 0}, {0, 1}, {1, 4096}, {4095, 2}, {5000, 10000}, {0, math.MaxInt64}, {20000, math.MaxInt64},
				{math.MaxInt64, math.MaxInt64}, {-5, 10}, {-5, 3}, {math.MinInt64, math.MaxInt64}, {int64(len(data)), 1}, {20579, 1}, {math.MaxInt64, -1},
			} {
				if err := m.Advise(r[0], r[1], a); err != nil {
					t.Errorf("%s: %v of %v: %v", name, a, r, err)
				}
			}
		}
		if b := m.Bytes(); b != nil && !bytes.Equal(b, data) {
			t.Errorf("%s: bytes changed", name)
		}
	}
}

func TestAdviceString(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range allAdvice {
		seen[a.String()] = true
	}
	if len(seen) != len(allAdvice) || !seen["huge-pages"] || !seen["unknown"] {
		t.Errorf("names: %v", seen)
	}
}
