package loader_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/loader"
	"github.com/tensorfile/tensorfile/tensor"
)

func TestStateText(t *testing.T) {
	x := store(t, made(t, 1, tensor.U8, 100, 3), 0, ways[0])
	o := loader.Options{Batch: 7, Shuffle: true, Seed: 1<<64 - 1, Rank: 1, World: 2, Epochs: -1}
	l := must(loader.New(&o, loader.Source{Tensor: x}))(t)
	take(t, l, 10)
	want := `{"version":1,"tensors":[{"name":"x","file":"` + x.File().Info().UUID + `","dtype":"u8","shape":[100,3],"axis":0}],"samples":100,` +
		`"shuffle":true,"seed":"18446744073709551615","block":1,"window":100,"fixed":false,"batch":7,"drop_last":false,"rank":1,"world":2,` +
		`"division":"all","epoch":1,"next":2}`
	if got := string(mustJSON(t, l.State())); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s := must(loader.ParseState([]byte(want)))(t)
	if !reflect.DeepEqual(s, l.State()) {
		t.Errorf("read back as %+v", s)
	}
	// At the end of an epoch the next one begins.
	take(t, l, 6)
	if s := l.State(); s.Epoch != 2 || s.Next != 0 {
		t.Errorf("epoch %d, next %d", s.Epoch, s.Next)
	}
}

// A state of anything else is refused, by the name of what differs.
func TestResumeRefuses(t *testing.T) {
	v := made(t, 1, tensor.U8, 100, 3)
	x := store(t, v, 0, ways[0])
	o := loader.Options{Batch: 7, Shuffle: true, Seed: 5, World: 2}
	s := must(loader.New(&o, loader.Source{Tensor: x}))(t).State()
	other := store(t, v, 0, ways[0])
	narrow := store(t, made(t, 1, tensor.U8, 100, 2), 0, ways[0])
	signed := store(t, made(t, 1, tensor.I8, 100, 3), 0, ways[0])
	for _, c := range []struct {
		want   string
		change func(o *loader.Options, src *loader.Source)
	}{
		{"source 0: file: got ", func(o *loader.Options, src *loader.Source) { src.Tensor = other }},
		{"source 0: shape: got (100, 2), want (100, 3), as in the state", func(o *loader.Options, src *loader.Source) { src.Tensor = narrow }},
		{"source 0: dtype: got i8, want ", func(o *loader.Options, src *loader.Source) { src.Tensor = signed }},
		{"source 0: axis: got 1, want 0", func(o *loader.Options, src *loader.Source) { src.Axis = 1 }},
		{"seed: got 6, want 5, as in the state", func(o *loader.Options, src *loader.Source) { o.Seed = 6 }},
		{"shuffle: got false, want true", func(o *loader.Options, src *loader.Source) { o.Shuffle = false }},
		{"batch: got 8, want 7", func(o *loader.Options, src *loader.Source) { o.Batch = 8 }},
		{"block: got 2, want 1", func(o *loader.Options, src *loader.Source) { o.Block = 2 }},
		{"window: got 10, want 100", func(o *loader.Options, src *loader.Source) { o.Window = 10 }},
		{"world: got 3, want 2", func(o *loader.Options, src *loader.Source) { o.World = 3 }},
		{"rank: got 1, want 0", func(o *loader.Options, src *loader.Source) { o.Rank = 1 }},
		{"division: got drop, want all", func(o *loader.Options, src *loader.Source) { o.Division = loader.DivideDrop }},
		{"drop last: got true, want false", func(o *loader.Options, src *loader.Source) { o.DropLast = true }},
	} {
		changed, src := o, loader.Source{Tensor: x}
		changed.Resume = &s
		c.change(&changed, &src)
		_, err := loader.New(&changed, src)
		wantErr(t, err, loader.ErrResume, c.want)
	}
	o.Resume = &s
	_, err := loader.New(&o, loader.Source{Tensor: x}, loader.Source{Tensor: x})
	wantErr(t, err, loader.ErrResume, "number of sources: got 2, want 1")
	// Whoever knows that another file has the same samples says so.
	s.Tensors[0].File = ""
	must(loader.New(&o, loader.Source{Tensor: other}))(t)
}

var badStates = []struct{ from, to, want string }{
	{`"version":1`, `"version":2`, "version: got 2, want 1"},
	{`"version":1,`, ``, "version: got 0"},
	{`{"version"`, `"version"`, "text"},
	{`"next":2}`, `"next":2}{}`, "text"},
	{`"batch":7`, `"batch":0`, "batch: got 0"},
	{`"batch":7`, `"batch":7.5`, "text"},
	{`"batch":7`, `"batch":7,"more":1`, `unknown field`},
	{`"samples":100`, `"samples":-1`, "samples: got -1"},
	{`"block":1`, `"block":101`, "block: got 101, want 1 to 100"},
	{`"window":100`, `"window":0`, "window: got 0"},
	{`"rank":1`, `"rank":2`, "rank: got 2, want 0 to 1"},
	{`"world":2`, `"world":0`, "world: got 0"},
	{`"seed":"5"`, `"seed":5`, "text"},
	{`"division":"all"`, `"division":"none"`, `division: got "none", want all, drop or repeat`},
	{`"epoch":1`, `"epoch":-1`, "epoch: got -1"},
	{`"next":2`, `"next":9`, "next: got 9, want at most the 8 batches"},
	{`"tensors":[{"name":"x","dtype":"u8","shape":[100,3],"axis":0}]`, `"tensors":[]`, "tensors: got 0"},
}

const goodState = `{"version":1,"tensors":[{"name":"x","dtype":"u8","shape":[100,3],"axis":0}],"samples":100,"shuffle":true,"seed":"5","block":1,` +
	`"window":100,"fixed":false,"batch":7,"drop_last":false,"rank":1,"world":2,"division":"all","epoch":1,"next":2}`

func TestParseState(t *testing.T) {
	must(loader.ParseState([]byte(goodState)))(t)
	for _, c := range badStates {
		text := strings.Replace(goodState, c.from, c.to, 1)
		if text == goodState {
			t.Fatalf("%q is not in the text", c.from)
		}
		_, err := loader.ParseState([]byte(text))
		if !errors.Is(err, tensor.ErrFormat) && !errors.Is(err, tensor.ErrUnsupported) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.to, err, c.want)
		}
	}
}

// A state that is read is written back as it was meant, and no text makes a
// loader do anything but go on or refuse.
func FuzzState(f *testing.F) {
	f.Add([]byte(goodState))
	for _, c := range badStates {
		f.Add([]byte(strings.Replace(goodState, c.from, c.to, 1)))
	}
	x := store(f, made(f, 1, tensor.U8, 100, 3), 0, ways[0])
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := loader.ParseState(text)
		if err != nil {
			return
		}
		again, err := loader.ParseState(must(json.Marshal(s))(t))
		if err != nil || !reflect.DeepEqual(s, again) {
			t.Fatalf("%+v became %+v: %v", s, again, err)
		}
		division := loader.DivideAll
		for _, d := range []loader.Division{loader.DivideDrop, loader.DivideRepeat} {
			if s.Division == d.String() {
				division = d
			}
		}
		l, err := loader.New(&loader.Options{
			Batch: s.Batch, Shuffle: s.Shuffle, Seed: s.Seed, DropLast: s.DropLast, Rank: s.Rank, World: s.World, Division: division,
			Epochs: 3, Resume: &s, Memory: 1 << 20, Workers: 1,
		}, loader.Source{Tensor: x})
		if err != nil {
			return
		}
		for b, err := range l.Batches(ctx) {
			if err != nil || b.Epoch < s.Epoch || b.Epoch == s.Epoch && b.Index < s.Next {
				t.Fatalf("epoch %d batch %d: %v", b.Epoch, b.Index, err)
			}
		}
	})
}

func TestOptionsRefused(t *testing.T) {
	x := store(t, made(t, 1, tensor.U8, 100, 3), 0, ways[0])
	short := store(t, made(t, 1, tensor.U8, 99), 0, ways[0])
	text := store(t, must(tensor.NewView(make([]byte, 30), must(tensor.ParseDType("S3"))(t), tensor.Shape{10}, nil, 0, tensor.LittleEndian))(t), 0, ways[0])
	packed := store(t, must(tensor.Make(tensor.U4, tensor.Shape{10, 6}))(t), 0, ways[0])
	one := func(s loader.Source) []loader.Source { return []loader.Source{s} }
	for _, c := range []struct {
		o    loader.Options
		src  []loader.Source
		kind error
		want string
	}{
		{loader.Options{}, one(loader.Source{Tensor: x}), tensor.ErrIndex, "Batch: got 0, want at least 1"},
		{loader.Options{Batch: 1}, nil, tensor.ErrShape, "sources: got 0"},
		{loader.Options{Batch: 1}, one(loader.Source{}), tensor.ErrShape, "Source.Tensor: got nil"},
		{loader.Options{Batch: 1, Rank: 2, World: 2}, one(loader.Source{Tensor: x}), tensor.ErrIndex, "Rank: got 2, want less than the World of 2"},
		{loader.Options{Batch: 1, Rank: 1}, one(loader.Source{Tensor: x}), tensor.ErrIndex, "World: got 0"},
		{loader.Options{Batch: 1, Workers: -1}, one(loader.Source{Tensor: x}), tensor.ErrIndex, "Workers: got -1"},
		{loader.Options{Batch: 1, Division: 7}, one(loader.Source{Tensor: x}), tensor.ErrUnsupported, "Division: got Division(7)"},
		{loader.Options{Batch: 1, Damaged: 7}, one(loader.Source{Tensor: x}), tensor.ErrUnsupported, "Damaged"},
		{loader.Options{Batch: 1}, []loader.Source{{Tensor: x}, {Tensor: short}}, tensor.ErrShape, `samples: got 99, want 100, as of tensor "x"`},
		{loader.Options{Batch: 1}, one(loader.Source{Tensor: x, Axis: 2}), tensor.ErrIndex, "Axis: got 2"},
		{loader.Options{Batch: 1}, one(loader.Source{Tensor: packed, Axis: 1}), tensor.ErrUnsupported, "units of u4 are not cut"},
		{loader.Options{Batch: 1}, one(loader.Source{Tensor: text, DType: tensor.F32}), tensor.ErrDType, "cast"},
		{loader.Options{Batch: 1}, one(loader.Source{Tensor: x, DType: tensor.C64, Scale: []float64{1}}), tensor.ErrDType, "Scale and Bias"},
		{loader.Options{Batch: 1}, one(loader.Source{Tensor: x, Scale: []float64{1, 2}, Channel: 1}), tensor.ErrShape, "2 numbers for axis 1"},
		{loader.Options{Batch: 1}, one(loader.Source{Tensor: x, Scale: []float64{1, 2, 3}, Bias: []float64{1, 2}, Channel: 1}), tensor.ErrShape, "3 and 2 numbers"},
		{loader.Options{Batch: 1}, one(loader.Source{Tensor: x, Scale: []float64{1, 2}, Channel: 3}), tensor.ErrIndex, "Channel: got 3"},
		{loader.Options{Batch: 1}, one(loader.Source{Tensor: x, Scale: make([]float64, 1), Bias: make([]float64, 1), Rearrange: "b c -> "}), tensor.ErrFormat, ""},
		{loader.Options{Batch: 1}, one(loader.Source{Tensor: x, Rearrange: "b c -> b"}), tensor.ErrShape, ""},
		{loader.Options{Batch: 1}, one(loader.Source{Tensor: x, Rearrange: "(g b) c -> g b c", Sizes: tensor.Sizes{"b": 2}}), tensor.ErrShape, ""},
		{loader.Options{Batch: 1 << 40}, one(loader.Source{Tensor: x}), tensor.ErrLimit, "Memory: got 268435456, want "},
		{loader.Options{Batch: 1 << 62}, one(loader.Source{Tensor: x}), tensor.ErrLimit, "Memory"},
	} {
		_, err := loader.New(&c.o, c.src...)
		if err == nil {
			t.Errorf("%q is not refused", c.want)
			continue
		}
		if c.want != "" {
			wantErr(t, err, c.kind, c.want)
		}
	}
}

// No samples, and elements of no bytes, are no trouble.
func TestEmpty(t *testing.T) {
	for _, shape := range [][]int64{{0, 3}, {5, 0}, {0}, {1}} {
		x := store(t, made(t, 1, tensor.F32, shape...), 0, ways[0])
		for _, epochs := range []int64{2, -1} {
			if epochs < 0 && shape[0] > 0 {
				continue
			}
			l := must(loader.New(&loader.Options{Batch: 2, Shuffle: true, Epochs: epochs}, loader.Source{Tensor: x, DType: tensor.F16}))(t)
			n := int64(0)
			for _, d := range take(t, l, -1) {
				n += int64(len(d.samples))
			}
			if n != shape[0]*max(epochs, 0) {
				t.Errorf("%v: %d samples", shape, n)
			}
		}
	}
	// More ranks than samples.
	x := store(t, made(t, 1, tensor.F32, 3), 0, ways[0])
	for rank := range int64(5) {
		l := must(loader.New(&loader.Options{Batch: 2, Rank: rank, World: 5, Epochs: 2}, loader.Source{Tensor: x}))(t)
		if got := take(t, l, -1); (len(got) > 0) != (rank < 3) {
			t.Errorf("rank %d has %v", rank, got)
		}
	}
}
