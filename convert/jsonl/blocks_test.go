package jsonl_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/records"
	"github.com/tensorfile/tensorfile/convert/jsonl"
	"github.com/tensorfile/tensorfile/tensor"
)

// randomLines are objects with some of five keys, or arrays.
func randomLines(rng *rand.Rand, rows int) string {
	type maker func() any
	scalar := []maker{
		func() any { return rng.IntN(1000) - 500 }, func() any { return rng.NormFloat64() }, func() any { return rng.IntN(2) == 0 },
		func() any { return strings.Repeat("é\"\n", rng.IntN(4)) }, func() any { return json.Number(fmt.Sprint(rng.Uint64())) },
	}
	of := func() maker {
		m := scalar[rng.IntN(len(scalar))]
		for range rng.IntN(3) {
			inner, n := m, rng.IntN(3)
			m = func() any {
				list := []any{}
				for range n {
					list = append(list, inner())
				}
				return list
			}
		}
		return m
	}
	makers := []maker{of(), of(), of(), of(), of()}
	objects := rng.IntN(2) == 0
	var b strings.Builder
	for range rows {
		var x any = makers[0]()
		if objects {
			o := map[string]any{}
			for k := range rng.IntN(len(makers) + 1) {
				o[fmt.Sprint("key", k)] = makers[k]()
			}
			x = o
		}
		if rng.IntN(10) == 0 && !objects {
			x = nil
		}
		line, _ := json.Marshal(x)
		b.Write(append(line, "\n\n"[:1+rng.IntN(2)]...))
	}
	return b.String()
}

// Lines that are cut into blocks anywhere, read from memory, parsed again and from
// a temporary file, are what encoding/json and strconv say.
func TestBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	defer jsonl.SetBudget(1)()
	defer func(n int) { records.BlockSize = n }(records.BlockSize)
	files, rows := 0, 0
	for _, size := range []int{16, 100, 1000, 1 << 20} {
		records.BlockSize = size
		for range 80 {
			n := 1 + rng.IntN(100)
			text := randomLines(rng, n)
			want, err := twin(text)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			for _, budget := range []int64{1 << 20, 1} {
				jsonl.SetBudget(budget)
				f, err := openLines(text, "t.jsonl", convert.TableOptions{})
				if err != nil {
					t.Fatalf("%v\n%s", err, text)
				}
				for range 2 { // the second time from a file
					if got := contents(t, f); got != strings.Join(want, "\n") {
						t.Fatalf("blocks of %d, budget %d:\n%s\n%s\nwant\n%s", size, budget, text, got, strings.Join(want, "\n"))
					}
				}
				f.Close()
			}
			files++
			rows += n
		}
	}
	t.Logf("%d files of %d lines", files, rows)
	if files < 300 {
		t.Error("too few")
	}
}

// The longest line that is read.
func TestLongLine(t *testing.T) {
	defer func(n, m int) { records.BlockSize, records.MaxRecord = n, m }(records.BlockSize, records.MaxRecord)
	records.BlockSize, records.MaxRecord = 16, 100
	fits := "1\n[" + strings.Repeat(" ", 97) + "]"
	for text, kind := range map[string]error{
		"[" + strings.Repeat(" ", 97) + "]\n[]\n": nil, fits[2:]: nil,
		"[1]\n[" + strings.Repeat(" ", 99) + "]\n": tensor.ErrLimit, "[" + strings.Repeat("1,", 100) + "1]": tensor.ErrLimit,
	} {
		f, err := openLines(text, "t.jsonl", convert.TableOptions{})
		if err == nil {
			f.Close()
		}
		if !errors.Is(err, kind) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}
