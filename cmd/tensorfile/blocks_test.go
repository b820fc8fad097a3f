package main

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/tensor"
)

// The blocks of a plan are everything, once: in C order if that is asked for,
// and by any number of workers.
func TestPlan(t *testing.T) {
	if raceBuild {
		t.Skip("one block after the other: run without the race detector")
	}
	path := filepath.Join(t.TempDir(), "m.tensor")
	err := makeFile(path, []string{
		"a=i64(200,60,90)", "t=@a.T", "s=@a[::-3, 5:50:2, ::-1]", "wide=i64(9,600,300)~:5", "p=u4(2900,3001)", "small=i64(3)", "zero=i64()", "none=i64(4,0,2)",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, noMmap := range []bool{false, true} {
		f, err := tensorfile.Open(path, &tensorfile.OpenOptions{NoMmap: noMmap})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		in := &input{f}
		for _, arg := range []string{"a", "t", "s", "wide", "p", "small", "zero", "none", "a[1]", "t[::2, None, ..., 7:50]", "wide[:, 0]", "p[::7]"} {
			found, err := in.find(arg, true, func(p pick, err error) error {
				if err == nil {
					checkPlan(t, p)
				}
				return err
			})
			if !found || err != nil {
				t.Fatal(arg, found, err)
			}
		}
	}
}

func checkPlan(t *testing.T, p pick) {
	t.Helper()
	ctx := context.Background()
	all, err := p.ReadAll(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := all.WriteCOrder(&want, tensor.LittleEndian); err != nil {
		t.Fatal(err)
	}
	total := sumOf(t, all)
	for _, jobs := range []int{1, 3} {
		tl := &tool{jobs: jobs}
		var got bytes.Buffer
		if err := tl.writeBytes(ctx, &got, p); err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%s in C order: %v", p.label(), err)
		}
		var sums, counts []int64
		repeat, err := survey.Each(ctx, p.Pick, jobs, func(parts int) { sums, counts = make([]int64, parts), make([]int64, parts) }, func(part int, v tensor.View) error {
			counts[part] += v.NumElements()
			sums[part] += sumOf(t, v)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var sum, count int64
		for i := range sums {
			sum, count = sum+sums[i]*repeat, count+counts[i]*repeat
		}
		if count != all.NumElements() || sum != total {
			t.Errorf("%s: %d elements of %d, sum %d of %d", p.label(), count, all.NumElements(), sum, total)
		}
	}
}

func sumOf(t *testing.T, v tensor.View) (sum int64) {
	wide, err := v.Cast(tensor.I64)
	if err != nil {
		t.Error(err)
		return 0
	}
	s, err := tensor.Data[int64](wide)
	if err != nil {
		t.Error(err)
	}
	for _, x := range s {
		sum += x
	}
	return sum
}

// Blocks of a tensor in chunks are whole chunks: none is decoded twice.
func TestPlanOfChunks(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "m.tensor")
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	type grid struct {
		d            tensor.DType
		shape, chunk tensor.Shape
	}
	grids := map[string]grid{
		"narrow": {tensor.F32, tensor.Shape{3000, 1500}, tensor.Shape{700, 64}},
		"cubes":  {tensor.U8, tensor.Shape{200, 300, 250}, tensor.Shape{30, 40, 50}},
		"large":  {tensor.I64, tensor.Shape{1500, 1000}, tensor.Shape{1000, 900}},
		"packed": {tensor.U4, tensor.Shape{5000, 3001}, tensor.Shape{512, 128}},
		"flat":   {tensor.I16, tensor.Shape{5_000_001}, tensor.Shape{1000}},
		"rows":   {tensor.Bool, tensor.Shape{9_000_000, 1}, tensor.Shape{123_456, 7}},
	}
	for name, g := range grids {
		v, err := tensor.Make(g.d, g.shape)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Add(ctx, name, v, &tensorfile.TensorOptions{Chunk: g.chunk, Codec: "raw"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, g := range grids {
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		pl, err := survey.NewPlan(survey.Pick{Tensor: x}, false)
		if err != nil {
			t.Fatal(err)
		}
		elements, most := int64(0), int64(0)
		for i := range pl.Blocks {
			sel, shape := pl.Block(i)
			n, _ := shape.NumElements()
			elements += n
			size, _ := tensor.ByteSize(g.d, shape)
			most = max(most, size)
			for axis, s := range sel {
				if s.Start%g.chunk[axis] != 0 || s.Stop%g.chunk[axis] != 0 && s.Stop != g.shape[axis] {
					t.Fatalf("%s: block %d takes %d to %d of axis %d in chunks of %d", name, i, s.Start, s.Stop, axis, g.chunk[axis])
				}
			}
		}
		one, _ := tensor.ByteSize(g.d, g.chunk)
		if elements != x.NumElements() || most > max(4<<20, one) || pl.Blocks < 2 {
			t.Errorf("%s: %d elements of %d in %d blocks of up to %d bytes", name, elements, x.NumElements(), pl.Blocks, most)
		}
	}
}
