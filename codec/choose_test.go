package codec

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile/internal/sampledata"
	"github.com/tensorfile/tensorfile/tensor"
)

// reader gives boxes of a tensor in memory.
func reader(t testing.TB, d tensor.DType, shape []int64, data []byte) func([]byte, Box, []int64) error {
	v, err := tensor.NewView(data, d, shape, nil, 0, tensor.LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	return func(dst []byte, box Box, at []int64) error {
		part := v
		for i := range at {
			var err error
			if part, err = part.Slice(i, at[i], at[i]+box.Shape[i], 1); err != nil {
				return err
			}
		}
		out, err := tensor.NewView(dst, d, box.Shape, nil, 0, tensor.LittleEndian)
		if err != nil {
			return err
		}
		return tensor.Copy(out, part)
	}
}

// cut gives the chunks of a tensor.
func cut(t testing.TB, d tensor.DType, shape []int64, data []byte, chunk []int64) []sample {
	read := reader(t, d, shape, data)
	var list []sample
	at := make([]int64, len(shape))
	for {
		box := Box{d, make([]int64, len(shape))}
		for i := range box.Shape {
			box.Shape[i] = min(chunk[i], shape[i]-at[i])
		}
		x := sample{box, make([]byte, box.RawLen())}
		if err := read(x.data, box, at); err != nil {
			t.Fatal(err)
		}
		list = append(list, x)
		i := len(at) - 1
		for ; i >= 0; i-- {
			if at[i] += chunk[i]; at[i] < shape[i] {
				break
			}
			at[i] = 0
		}
		if i < 0 {
			return list
		}
	}
}

// A coding is what a pipeline makes of a tensor, and the cost of encoding it.
type coding struct {
	trial
	spent float64
}

// codeAll codes chunks as a writer would.
func codeAll(t testing.TB, line string, chunks []sample) coding {
	p := mustParse(t, line)
	raw, stored := 0, 0
	r := coding{trial: trial{line: line}}
	for _, x := range chunks {
		m, ok := p.measure(x, &r.spent)
		if !ok {
			return coding{trial: trial{line: line}}
		}
		raw += len(x.data)
		stored += min(m.stored, len(x.data))
		r.cost += m.cost
	}
	r.ratio = float64(raw) / float64(stored)
	r.cost /= float64(raw)
	return r
}

// What is chosen is within three percent of the best admissible pipeline, found
// by coding everything with each.
func TestChooseIsNearTheBest(t *testing.T) {
	t.Parallel()
	if raceDetector {
		t.Skip("codes much and runs nothing concurrently")
	}
	sets := sampledata.Sets()
	type dataset struct {
		set  sampledata.Set
		seed uint64
	}
	var all []dataset
	for _, s := range sets {
		if s.Goal {
			all = append(all, dataset{s, 1})
		}
	}
	for seed := range uint64(20) {
		all = append(all, dataset{sets[int(seed)%len(sets)], 2 + seed})
	}
	size := 1 << 20
	if testing.Short() {
		all, size = all[:9], 1<<18
	}
	count, worst := 0, 1.0
	for _, x := range all {
		size := size
		if x.seed != 1 && !full {
			size = min(size, 1<<19)
		}
		shape, data := x.set.Make(x.seed, size)
		coded := map[string]trial{} // the objectives share most pipelines, and the chunks
		var chunks []sample
		for _, o := range []Objective{Auto, Fast, Best} {
			if o == Best && (testing.Short() || x.seed != 1 || !full && x.set.Name != "u8image" && x.set.Name != "f32sparse") {
				continue // many more candidates, most of them slow
			}
			c, err := Choose(x.set.DType, shape, reader(t, x.set.DType, shape, data), o)
			if err != nil {
				t.Fatal(err)
			}
			if chunks == nil {
				chunks = cut(t, x.set.DType, shape, data, c.Chunk)
			}
			code := func(line string) trial {
				if _, ok := coded[line]; !ok {
					coded[line] = codeAll(t, line, chunks).trial
				}
				return coded[line]
			}
			s := search{d: x.set.DType, rank: len(shape), objective: o}
			var tries []trial
			for _, line := range s.all(shape) {
				tries = append(tries, code(line))
			}
			best := pick(tries, s.limit())
			got := trial{ratio: 1}
			if len(c.Pipelines) > 0 {
				got = code(c.Pipelines[0])
			}
			near := got.ratio / max(best.ratio, 1)
			count++
			worst = min(worst, near)
			text := fmt.Sprintf("%s seed %d %v: %s %.3f (cost %.1f), best %s %.3f (cost %.1f)", x.set.Name, x.seed, o, got.line, got.ratio, got.cost, best.line, best.ratio, best.cost)
			t.Log(text)
			if near < 0.97 {
				t.Errorf("%.3f of the best: %s", near, text)
			}
			if got.cost > s.limit()*1.05 {
				t.Errorf("costs more than %.1f: %s", s.limit(), text)
			}
		}
	}
	t.Logf("%d choices, the worst reaches %.4f of the best ratio", count, worst)
	want := 56
	switch {
	case testing.Short():
		want = 18
	case full:
		want = 61
	}
	if count < want {
		t.Errorf("%d choices, want %d", count, want)
	}
}

// A choice costs at most a tenth of coding the tensor, by the table.
func TestChooseIsCheap(t *testing.T) {
	t.Parallel()
	if raceDetector {
		t.Skip("codes much and runs nothing concurrently")
	}
	seeds := uint64(1)
	if full {
		seeds = 4
	}
	count := 0
	for _, set := range sampledata.Sets() {
		if !set.Goal || testing.Short() && set.Name != "f32weights" {
			continue
		}
		n := seeds
		if set.Name == "f32sparse" {
			n += 4 * (seeds - 1) // where samples say least
		}
		for seed := range n {
			shape, data := set.Make(1+seed, 16<<20)
			c, err := Choose(set.DType, shape, reader(t, set.DType, shape, data), Auto)
			if err != nil {
				t.Fatal(err)
			}
			chunks := cut(t, set.DType, shape, data, c.Chunk)
			got := codeAll(t, c.Pipelines[0], chunks)
			count++
			t.Logf("%s: %s %v, ratio %.2f (expected %.2f), cost %.1f%% of the encode", set.Name, c.Pipelines[0], c.Chunk, got.ratio, c.Ratio, 100*c.spent/got.spent)
			if set.Name == "f32sparse" {
				if best := codeAll(t, "bitpack|zstd:1", chunks); got.ratio < 0.97*best.ratio {
					t.Errorf("%s: %s %.2f, %s %.2f", set.Name, got.line, got.ratio, best.line, best.ratio)
				}
			}
			if c.spent > got.spent*mostSpent {
				t.Errorf("%s seed %d: the choice costs %.0f, the encode %.0f", set.Name, 1+seed, c.spent, got.spent)
			}
		}
	}
	if count == 0 || !testing.Short() && count < 7 {
		t.Errorf("%d choices", count)
	}
}

// mostSpent is below a tenth by what other data may differ.
const mostSpent = 0.085

func TestChooseSmall(t *testing.T) {
	for _, tt := range []struct {
		dtype string
		shape []int64
	}{{"f32", nil}, {"f32", []int64{0, 3}}, {"f32", []int64{5}}, {"u4", []int64{1000, 33}}, {"V300", []int64{100}}, {"q4_0", []int64{10, 320}}, {"c64", []int64{40, 50}}, {"<U2", []int64{900}}, {"bool1", []int64{300, 77}}, {"f64", []int64{1, 1, 1, 5000, 1, 1}}} {
		d := dtypeOf(t, tt.dtype)
		n, err := tensor.ByteSize(d, tt.shape)
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(i % 7 * (i % 3))
		}
		for _, o := range []Objective{Auto, Fast, Best} {
			c, err := Choose(d, tt.shape, reader(t, d, tt.shape, data), o)
			if err != nil {
				t.Fatalf("%s %v: %v", tt.dtype, tt.shape, err)
			}
			for i, k := range c.Chunk {
				if k < 1 || i == len(c.Chunk)-1 && k%int64(d.UnitElems) != 0 {
					t.Errorf("%s %v: chunk %v", tt.dtype, tt.shape, c.Chunk)
				}
			}
			for _, line := range c.Pipelines {
				p := mustParse(t, line)
				for _, x := range cut(t, d, tt.shape, data, c.Chunk) {
					stored, err := p.Encode(nil, x.data, x.box)
					if err != nil {
						t.Fatalf("%s %v: %s: %v", tt.dtype, tt.shape, line, err)
					}
					dst := make([]byte, len(x.data))
					if err := p.Decode(dst, stored, x.box); err != nil || !bytes.Equal(dst, x.data) {
						t.Fatalf("%s %v: %s: %v", tt.dtype, tt.shape, line, err)
					}
				}
			}
		}
	}
}

func TestChooseFill(t *testing.T) {
	data := bytes.Repeat([]byte{0, 0, 0x80, 0x3f}, 50000)
	shape := []int64{500, 100}
	c, err := Choose(tensor.F32, shape, reader(t, tensor.F32, shape, data), Auto)
	if err != nil || !bytes.Equal(c.Fill, data[:4]) {
		t.Errorf("%+v, %v", c, err)
	}
	clear(data)
	if c, err = Choose(tensor.F32, shape, reader(t, tensor.F32, shape, data), Auto); err != nil || c.Fill != nil {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestChunkShape(t *testing.T) {
	for _, tt := range []struct {
		dtype       string
		shape, want []int64
	}{
		{"f32", []int64{4, 721, 1440}, []int64{1, 181, 1440}},
		{"u8", []int64{100, 224, 224, 3}, []int64{6, 224, 224, 3}},
		{"i64", []int64{10000000}, []int64{129871}},
		{"u4", []int64{3, 9000001}, []int64{1, 1800002}},
		{"f32", []int64{7}, []int64{7}},
		{"f32", []int64{0, 7}, []int64{1, 7}},
	} {
		if got := ChunkShape(dtypeOf(t, tt.dtype), tt.shape, 1<<20); !slices.Equal(got, tt.want) {
			t.Errorf("%s %v: %v, want %v", tt.dtype, tt.shape, got, tt.want)
		}
	}
}
