package bench

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/csv"
	_ "github.com/tensorfile/tensorfile/convert/jsonl"
	"github.com/tensorfile/tensorfile/tensor"
)

// tableForms are tables of text: a matrix of floats with all their digits, one of
// whole numbers, columns of all kinds, and JSON lines.
var tableForms = []string{"floats", "integers", "mixed", "lines"}

// tableFile is a table of so many rows.
func (e *Env) tableFile(b *testing.B, form string, rows int) string {
	return get(b, e, fmt.Sprintf("table %s %d", form, rows), func() (string, error) {
		path := e.path(fmt.Sprintf("table-%s-%d.csv", form, rows))
		if form == "lines" {
			path = e.path(fmt.Sprintf("table-%d.jsonl", rows))
		}
		f, err := os.Create(path)
		if err != nil {
			return "", err
		}
		defer f.Close()
		w := bufio.NewWriterSize(f, 1<<20)
		rng := rand.New(rand.NewPCG(11, 13))
		words := []string{"alpha", "beta", "gamma", "delta", "a longer name", "x"}
		if form == "mixed" {
			w.WriteString("id,count,price,name,flag\n")
		}
		var line []byte
		for i := range rows {
			line = line[:0]
			switch form {
			case "floats", "lines":
				for range 10 {
					line = strconv.AppendFloat(append(line, ','), rng.NormFloat64(), 'g', -1, 64)
				}
			case "integers":
				for range 10 {
					line = strconv.AppendInt(append(line, ','), int64(rng.IntN(2_000_000)-1_000_000), 10)
				}
			case "mixed":
				line = strconv.AppendInt(append(line, ','), int64(i), 10)
				line = strconv.AppendInt(append(line, ','), int64(rng.IntN(1_000_000)), 10)
				line = strconv.AppendFloat(append(line, ','), rng.Float64()*1000, 'f', 2, 64)
				line = append(append(line, ','), words[rng.IntN(len(words))]...)
				line = strconv.AppendBool(append(line, ','), rng.IntN(2) == 0)
			}
			if form == "lines" {
				line[0] = '['
				line = append(line, ']', '\n')
			} else {
				line = append(line[1:], '\n')
			}
			w.Write(line)
		}
		return path, w.Flush()
	})
}

func (e *Env) tableRows() int {
	if e.Full {
		return 500_000
	}
	return 2_000
}

// tableCases read tables into memory, on one processor and on two, beside the C
// engine of pandas with as many threads, that of NumPy, and the json module.
func tableCases(e *Env) []Case {
	rows := e.tableRows()
	var list []Case
	for _, form := range tableForms {
		name := fmt.Sprintf("form=%s/rows=%d/op=read/", form, rows)
		for _, workers := range []int{1, 2} {
			list = append(list, stream("table", fmt.Sprintf("%sworkers=%d/impl=tensorfile", name, workers), 0, func(b *testing.B) {
				path := e.tableFile(b, form, rows)
				b.SetBytes(fileSize(b, path))
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(workers))
				ctx := context.Background()
				for b.Loop() {
					f, err := convert.Open(ctx, path, nil)
					check(b, err)
					for t, err := range f.Tensors() {
						check(b, err)
						if _, _, ok := t.Composite(); ok {
							_, err = t.ReadComposite(ctx)
						} else {
							_, err = t.Read(ctx)
						}
						check(b, err)
					}
					check(b, f.Close())
				}
			}))
		}
		peer := func(impl string, workers int) {
			list = append(list, stream("table", fmt.Sprintf("%sworkers=%d/impl=%s", name, workers, impl), 0, func(b *testing.B) {
				path := e.tableFile(b, form, rows)
				e.inPythonAs(b, fileSize(b, path), e.tableOutcome(path, form), "read_table", impl, path, form == "mixed", workers)
			}))
		}
		if form == "lines" {
			peer("json", 1)
			continue
		}
		peer("pandas", 1)
		peer("pandas", 2)
		if form != "mixed" {
			peer("numpy", 1)
		}
	}
	return list
}

// tableOutcome are the numbers of a table, row by row; pandas rounds the last digit
// of some.
func (e *Env) tableOutcome(path, form string) func(b *testing.B) outcome {
	return func(b *testing.B) outcome {
		f, err := convert.Open(ctx, path, nil)
		check(b, err)
		defer f.Close()
		var columns []tensor.View
		for t, err := range f.Tensors() {
			check(b, err)
			if _, _, ok := t.Composite(); ok || t.DType() == tensor.Bool {
				continue
			}
			v, err := t.Read(ctx)
			check(b, err)
			v, err = v.Cast(tensor.F64)
			check(b, err)
			columns = append(columns, v)
		}
		if len(columns) == 1 {
			return e.outcome(columns[0], nil).about(1e-14)
		}
		return e.outcome(tensor.Stack(1, columns...)).about(1e-14)
	}
}

func fileSize(b *testing.B, path string) int64 {
	fi, err := os.Stat(path)
	check(b, err)
	return fi.Size()
}

func (e *Env) tableGoals() []Goal {
	var g []Goal
	for _, form := range tableForms {
		at := fmt.Sprintf("table/form=%s/rows=%d/op=read/workers=", form, e.tableRows())
		if form == "lines" {
			g = append(g, Goal{"JSON lines read beside Python's json", at + "1/impl=tensorfile", at + "1/impl=json", 3, 0, false})
			continue
		}
		g = append(g, Goal{"CSV of " + form + " read on one processor, beside pandas", at + "1/impl=tensorfile", at + "1/impl=pandas", 1, 0, true})
		g = append(g, Goal{"the same on two, beside pandas with two threads", at + "2/impl=tensorfile", at + "2/impl=pandas", 1, 0, false})
		if form != "mixed" {
			g = append(g, Goal{"on one, beside numpy.loadtxt", at + "1/impl=tensorfile", at + "1/impl=numpy", 1, 0, true})
		}
	}
	return g
}
