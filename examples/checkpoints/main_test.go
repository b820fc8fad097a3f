package main

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/examples/digits"
)

var ctx = context.Background()

// A model that knows nothing has the loss of a guess, and a step goes where the
// loss falls by as much as its numerical derivative says.
func TestModel(t *testing.T) {
	images, labels := digits.Set(3, 20, side)
	s := set{images, labels}
	m := newModel()
	if loss, _ := m.evaluate(s); math.Abs(loss-math.Log(10)) > 1e-6 {
		t.Errorf("loss %v, want the logarithm of 10", loss)
	}
	m.epoch(s, 0.01) // some weights to begin with
	one := set{images[:pixels], labels[:1]}
	before := slices.Clone(m.weights)
	stepped := &model{slices.Clone(m.weights), slices.Clone(m.bias)}
	const rate = 1e-2
	stepped.epoch(one, rate)
	largest := 0.
	for _, k := range []int{400*10 + 3, 410*10 + int(labels[0]), 379*10 + 7, 5*10 + 1} {
		const d = 1e-2
		loss := func(x float32) float64 {
			m.weights[k] = x
			l, _ := m.evaluate(one)
			m.weights[k] = before[k]
			return l
		}
		slope := (loss(before[k]+d) - loss(before[k]-d)) / (2 * d)
		step := float64(stepped.weights[k] - before[k])
		largest = max(largest, math.Abs(slope))
		if math.Abs(step+rate*slope) > 1e-5+1e-2*math.Abs(rate*slope) {
			t.Errorf("weight %d: a step of %v for a slope of %v", k, step, slope)
		}
	}
	if largest == 0 {
		t.Error("no weight has a slope: the test looks at nothing")
	}
}

// Each generation holds the model that its attributes tell of, bit for bit; a
// revert writes a new entry and no weights; a pruned file holds what was kept.
func TestStore(t *testing.T) {
	images, labels := digits.Set(1, 300, side)
	train, test := set{images[:200*pixels], labels[:200]}, set{images[200*pixels:], labels[200:]}
	s, err := create(ctx, filepath.Join(t.TempDir(), "m.tensor"), test)
	if err != nil {
		t.Fatal(err)
	}
	models := []*model{newModel()}
	m := newModel()
	for i := range 3 {
		m.epoch(train, 0.01)
		c := checkpoint{Epoch: int64(i + 1), Rate: 0.01}
		c.Loss, c.Accuracy = m.evaluate(test)
		if err := s.save(ctx, m, c); err != nil {
			t.Fatal(err)
		}
		models = append(models, &model{slices.Clone(m.weights), slices.Clone(m.bias)})
	}
	log, err := s.log(ctx)
	if err != nil || len(log) != 4 {
		t.Fatal(log, err)
	}
	for i, c := range log {
		got, at, err := s.load(ctx, c.Generation)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.weights, models[i].weights) || !slices.Equal(got.bias, models[i].bias) {
			t.Errorf("generation %d is another model", c.Generation)
		}
		if at != c || c.Epoch != int64(i) || c.Generation != uint64(i+1) {
			t.Errorf("%v, %v", at, c)
		}
		if loss, accuracy := got.evaluate(test); loss != c.Loss || accuracy != c.Accuracy {
			t.Errorf("generation %d: %v and %v, it says %v", c.Generation, loss, accuracy, c)
		}
	}
	if !(log[3].Loss < log[1].Loss && log[1].Loss < math.Log(10)) {
		t.Errorf("it does not learn: %v", log)
	}

	size := func() int64 {
		fi, err := os.Stat(s.path)
		if err != nil {
			t.Fatal(err)
		}
		return fi.Size()
	}
	hash := func(generation uint64) tensorfile.Hash {
		f, err := tensorfile.Open(s.path, &tensorfile.OpenOptions{Generation: generation})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		h, err := f.Hash(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	before := size()
	if err := s.revert(ctx, 2); err != nil {
		t.Fatal(err)
	}
	if grown := size() - before; grown <= 0 || grown > 16<<10 {
		t.Errorf("the revert wrote %d bytes", grown)
	}
	if hash(0) != hash(2) || hash(0) == hash(3) || hash(5) != hash(2) {
		t.Error("the revert shows another model")
	}
	if _, c, err := s.load(ctx, 0); err != nil || c.Generation != 5 || c.Epoch != 1 || c.Loss != log[1].Loss {
		t.Errorf("%v, %v", c, err)
	}
	if err := s.revert(ctx, 77); err == nil || !strings.Contains(err.Error(), "77") {
		t.Error(err)
	}

	want := hash(3)
	before = size()
	r, err := s.prune(ctx, 3)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.Generations, []uint64{3, 5}) || size() >= before || hash(3) != want {
		t.Errorf("%+v, %d of %d bytes", r, size(), before)
	}
	if _, _, err := s.load(ctx, 2); err == nil {
		t.Error("a generation that was dropped is there")
	}
}

func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("five epochs of 2000 images")
	}
	var out bytes.Buffer
	if err := run(ctx, t.TempDir(), &out); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + out.String())
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 9 {
		t.Fatalf("%d lines", len(lines))
	}
	// The revert, generation 5, shows what generation 3 does.
	third, bad, fifth := strings.Fields(lines[3]), strings.Fields(lines[4]), strings.Fields(lines[5])
	worse, err1 := strconv.ParseFloat(bad[3], 64)
	good, err2 := strconv.ParseFloat(third[3], 64)
	if !slices.Equal(third[1:], fifth[1:]) || fifth[0] != "5" || err1 != nil || err2 != nil || worse < 1.5*good {
		t.Errorf("%q, %q, %q", third, bad, fifth)
	}
	if !strings.HasPrefix(lines[8], "kept generations [3 7]: ") {
		t.Errorf("%q", lines[8])
	}
}
