package argument

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestSize(t *testing.T) {
	for text, want := range map[string]int64{"1": 1, "4096": 4096, "4k": 4096, "4KiB": 4096, "1.5MB": 3 << 19, "2G": 2 << 30, "1 TiB": 1 << 40, "7B": 7} {
		if got, err := Size(text); got != want || err != nil {
			t.Errorf("Size(%q) = %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x", "-1", "0", "1Q", "1e9", "9999999T", "1.2.3"} {
		if got, err := Size(text); err == nil {
			t.Errorf("Size(%q) = %d", text, got)
		}
	}
}

func TestFractions(t *testing.T) {
	for text, want := range map[string]string{"": "[]", " ": "[]", "0.5": "[0.5]", "1, 0,0.25": "[0 0.25 1]"} {
		if got, err := Fractions(text); fmt.Sprint(got) != want || err != nil {
			t.Errorf("Fractions(%q) = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{",", "0.5,", "2", "-0.1", "NaN", "x"} {
		if got, err := Fractions(text); err == nil {
			t.Errorf("Fractions(%q) = %v", text, got)
		}
	}
}

// FuzzWords reads any text: what is a size is in bounds and the same in bytes,
// what are fractions are the same when they are written again.
func FuzzWords(f *testing.F) {
	for _, s := range []string{"1", "1.5MB", "2G", "1 TiB", "9999999T", ".5KIB", "0.25,0.5", " 1 , 0", "", "0x1p-1", "1e-400", "4611686018427387904"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := Size(text); err == nil {
			if n < 1 || n >= 1<<62 {
				t.Fatalf("%q is %d", text, n)
			}
			if strings.Trim(text, "0123456789") == "" && n < 1<<53 {
				if want, err := strconv.ParseInt(text, 10, 64); err != nil || n != want {
					t.Fatalf("%q is %d", text, n)
				}
			}
			if n < 1<<53 {
				if again, err := Size(strconv.FormatInt(n, 10)); err != nil || again != n {
					t.Fatalf("%q is %d, then %d, %v", text, n, again, err)
				}
			}
		}
		list, err := Fractions(text)
		if err != nil {
			return
		}
		var words []string
		for _, q := range list {
			if !(q >= 0 && q <= 1) {
				t.Fatalf("%q is %v", text, list)
			}
			words = append(words, strconv.FormatFloat(q, 'g', -1, 64))
		}
		again, err := Fractions(strings.Join(words, ","))
		if err != nil || !slices.Equal(again, list) || !slices.IsSorted(list) {
			t.Fatalf("%q is %v, then %v, %v", text, list, again, err)
		}
	})
}
