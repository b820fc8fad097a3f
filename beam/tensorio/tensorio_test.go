package tensorio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/rtrackers/offsetrange"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/shard"
	"github.com/tensorfile/tensorfile/tensor"
)

func TestMain(m *testing.M) { ptest.MainWithDefault(m, "prism") }

func init() {
	register.DoFn2x1[context.Context, Chunk, error](&collectFn{})
	register.DoFn3x1[context.Context, Chunk, func(Chunk), error](&failFn{})
}

// collected are the chunks that collectFn has seen: Prism's workers are in this process.
var collected struct {
	sync.Mutex
	chunks map[string][]Chunk
}

type collectFn struct{ Key string }

func (fn *collectFn) ProcessElement(_ context.Context, c Chunk) error {
	collected.Lock()
	defer collected.Unlock()
	c.Data = bytes.Clone(c.Data) // it may be used again
	collected.chunks[fn.Key] = append(collected.chunks[fn.Key], c)
	return nil
}

// failures is how often failFn still fails.
var failures atomic.Int32

// failFn fails, or ends the process, at a chunk.
type failFn struct {
	Tensor string
	Number int64
	Exit   bool
}

func (fn *failFn) ProcessElement(_ context.Context, c Chunk, emit func(Chunk)) error {
	if c.Tensor == fn.Tensor && c.Number == fn.Number && failures.Add(-1) >= 0 {
		if fn.Exit {
			os.Exit(137)
		}
		return errors.New("a worker that was to fail")
	}
	emit(c)
	return nil
}

// noise is n bytes that differ from place to place.
func noise(seed byte, n int64) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// specs are tensors of all kinds of storage.
var specs = []Spec{
	{Name: "grid", DType: "i32", Shape: []int64{37, 19, 5}, Chunk: []int64{8, 7, 5}, Codec: "shuffle|zstd:3"},
	{Name: "plain", DType: "u16", Shape: []int64{41, 3}},
	{Name: "flat", DType: "u8", Shape: []int64{1001}, Chunk: []int64{100}, Attrs: `{"n":7,"unit":"K"}`},
	{Name: "nibbles", DType: "i4", Shape: []int64{62, 6}},
	{Name: "scalar", DType: "f64", Shape: []int64{}},
	{Name: "empty", DType: "f32", Shape: []int64{0, 4}},
}

// contents are the bytes of specs in C order.
func contents(t testing.TB) map[string][]byte {
	t.Helper()
	m := map[string][]byte{}
	for i, x := range specs {
		d, err := tensor.ParseDType(x.DType)
		if err != nil {
			t.Fatal(err)
		}
		n, err := tensor.ByteSize(d, x.Shape)
		if err != nil {
			t.Fatal(err)
		}
		m[x.Name] = noise(byte(i+1), n)
	}
	return m
}

// attrs are those of x, the types of which the text must keep.
func attrs(t testing.TB, x Spec) tensorfile.Attrs {
	t.Helper()
	if x.Attrs == "" {
		return nil
	}
	a := tensorfile.Attrs{"n": int64(7), "unit": "K"}
	if s, err := EncodeAttrs(a); err != nil || s != x.Attrs {
		t.Fatalf("%s, %v, want %s", s, err, x.Attrs)
	}
	return a
}

// write writes specs to a file.
func write(t testing.TB, path string) map[string][]byte {
	t.Helper()
	all := contents(t)
	w, err := tensorfile.Create(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, x := range specs {
		d, _ := tensor.ParseDType(x.DType)
		o := &tensorfile.TensorOptions{Chunk: x.Chunk, Codec: x.Codec, Attrs: attrs(t, x)}
		if err := w.AddReader(t.Context(), x.Name, d, x.Shape, bytes.NewReader(all[x.Name]), o); err != nil {
			t.Fatal(x.Name, err)
		}
	}
	if err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return all
}

// assemble puts chunks together by a way of its own, element by element, and fails on
// one that comes twice or not at all.
func assemble(t *testing.T, x Spec, chunks []Chunk) []byte {
	t.Helper()
	d, _ := tensor.ParseDType(x.DType)
	size, _ := tensor.ByteSize(d, x.Shape)
	out, seen := make([]byte, size), make([]bool, size)
	elems, unit := int64(d.UnitElems), int64(d.UnitBytes)
	for _, c := range chunks {
		rank := len(x.Shape)
		shape, box, origin := slices.Clone(x.Shape), slices.Clone(c.Shape), slices.Clone(c.Origin)
		n := int64(1)
		for k := range rank {
			if k == rank-1 {
				shape[k], box[k], origin[k] = shape[k]/elems+min(shape[k]%elems, 1), box[k]/elems+min(box[k]%elems, 1), origin[k]/elems
			}
			n *= box[k]
		}
		if n*unit != int64(len(c.Data)) {
			t.Fatalf("%s: %d bytes for %v", x.Name, len(c.Data), c.Shape)
		}
		for e := range n {
			at, step, left := int64(0), int64(1), e
			for k := rank - 1; k >= 0; k-- {
				at += (origin[k] + left%box[k]) * step
				step *= shape[k]
				left /= box[k]
			}
			for b := at * unit; b < (at+1)*unit; b++ {
				if seen[b] {
					t.Fatalf("%s: byte %d twice", x.Name, b)
				}
				seen[b] = true
			}
			copy(out[at*unit:(at+1)*unit], c.Data[e*unit:(e+1)*unit])
		}
	}
	if i := slices.Index(seen, false); i >= 0 {
		t.Fatalf("%s: byte %d is missing", x.Name, i)
	}
	return out
}

// Files and a set give every element once, as it was written.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	path, index := filepath.Join(dir, "a.tensor"), filepath.Join(dir, "a.shards.json")
	want := write(t, path)
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := shard.Split(t.Context(), f, index, &shard.SplitOptions{Parts: 3}); err != nil {
		t.Fatal(err)
	}
	collected.chunks = map[string][]Chunk{}
	p, s := beam.NewPipelineWithRoot()
	beam.ParDo0(s, &collectFn{"file"}, Read(s, ReadOptions{BundleBytes: 4000}, path))
	beam.ParDo0(s, &collectFn{"set"}, Read(s, ReadOptions{}, index))
	beam.ParDo0(s, &collectFn{"transient"}, Read(s, ReadOptions{Transient: true, BundleBytes: 4000}, path))
	beam.ParDo0(s, &collectFn{"rows"}, Read(s, ReadOptions{Tensors: []string{"plain", "grid"}, Rows: 6}, path))
	if err := ptest.Run(p); err != nil {
		t.Fatal(err)
	}
	for key, chunks := range collected.chunks {
		by := map[string][]Chunk{}
		for _, c := range chunks {
			by[c.Tensor] = append(by[c.Tensor], c)
		}
		for _, x := range specs {
			if key == "rows" && x.Name != "plain" && x.Name != "grid" {
				if by[x.Name] != nil {
					t.Error(key, x.Name, "was not asked for")
				}
				continue
			}
			if got := assemble(t, x, by[x.Name]); !bytes.Equal(got, want[x.Name]) {
				t.Errorf("%s: %s: other bytes", key, x.Name)
			}
		}
		count := map[string]int{}
		for name, list := range by {
			count[name] = len(list)
		}
		// 5*3 chunks of the grid; in shards of 12, 12 and 13 rows 2*3 each.
		expect := map[string]map[string]int{
			"file":      {"grid": 15, "plain": 1, "flat": 11, "nibbles": 1, "scalar": 1},
			"transient": {"grid": 15, "plain": 1, "flat": 11, "nibbles": 1, "scalar": 1},
			"set":       {"grid": 18, "plain": 3, "flat": 12, "nibbles": 3, "scalar": 1},
			"rows":      {"grid": 7, "plain": 7},
		}[key]
		if !maps.Equal(count, expect) {
			t.Errorf("%s: %v chunks, want %v", key, count, expect)
		}
	}
	if len(collected.chunks) != 4 {
		t.Errorf("%d reads gave something, want 4", len(collected.chunks))
	}
}

// Restrictions that are split at first, and again while they are at work, at any
// fraction, have each chunk once.
func TestSplits(t *testing.T) {
	fn := &readFn{ReadOptions{BundleBytes: 1000}}
	w := Work{Chunks: 23, Bytes: 23 * 300}
	whole := fn.CreateInitialRestriction(w)
	if got := fn.RestrictionSize(w, whole); got != 6900 {
		t.Errorf("size %v, want 6900", got)
	}
	parts := fn.SplitRestriction(w, whole)
	if len(parts) != 8 {
		t.Errorf("%d parts, want 8 of 3 chunks at most", len(parts))
	}
	for _, first := range [][]offsetrange.Restriction{{whole}, parts} {
		for fraction := 0.0; fraction <= 1; fraction += 0.125 {
			for at := range 4 {
				seen := make([]int, w.Chunks)
				for queue := slices.Clone(first); len(queue) > 0; {
					rt := fn.CreateTracker(queue[0])
					i := queue[0].Start
					queue = queue[1:]
					for n := 0; rt.TryClaim(i); n, i = n+1, i+1 {
						seen[i]++
						if n == at {
							_, rest, err := rt.TrySplit(fraction)
							if err != nil {
								t.Fatal(err)
							}
							if rest != nil {
								queue = append(queue, rest.(offsetrange.Restriction))
							}
						}
					}
					if !rt.IsDone() || rt.GetError() != nil {
						t.Fatal(rt.GetError())
					}
				}
				for i, n := range seen {
					if n != 1 {
						t.Fatalf("split at chunk %d by %v: chunk %d was read %d times", at, fraction, i, n)
					}
				}
			}
		}
	}
}

func output(dir string) Output {
	return Output{Path: filepath.Join(dir, "out.shards.json"), Shards: 4, Tensors: specs, Attrs: `{"title":"a set"}`}
}

// same compares a set with what was written.
func same(t *testing.T, path string, want map[string][]byte) {
	t.Helper()
	f, err := convert.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := f.Len(); err != nil || n != len(specs) {
		t.Errorf("%d tensors, %v, want %d", n, err, len(specs))
	}
	for _, x := range specs {
		a, err := f.Tensor(x.Name)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := a.WriteCOrder(t.Context(), &b); err != nil {
			t.Fatal(x.Name, err)
		}
		if a.DType().String() != x.DType || !slices.Equal(a.Shape(), x.Shape) || !bytes.Equal(b.Bytes(), want[x.Name]) {
			t.Errorf("%s: %v %v, other than what was written", x.Name, a.DType(), a.Shape())
		}
		got, err := a.Attrs()
		if want := attrs(t, x); err != nil || !maps.Equal(got, want) {
			t.Errorf("%s: attributes %v, %v, want %v", x.Name, got, err, want)
		}
	}
	if a, err := f.Attrs(); err != nil || a["title"] != "a set" {
		t.Errorf("attributes %v, %v", a, err)
	}
	if r, err := f.Verify(t.Context(), nil); err != nil || !r.OK() {
		t.Errorf("Verify: %v, %v", r, err)
	}
}

// files are the names and contents in a folder.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	for _, e := range list {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		m[e.Name()] = string(b)
	}
	return m
}

// copyJob reads a file and writes it as a set, by way of a DoFn that may fail.
func copyJob(from string, o Output, fail *failFn) error {
	p, s := beam.NewPipelineWithRoot()
	chunks := beam.ParDo(s, fail, Read(s, ReadOptions{BundleBytes: 4000}, from))
	Write(s, o, beam.Reshuffle(s, chunks))
	return ptest.Run(p)
}

// A job that fails leaves no set; run again over what it left, it makes the one that an
// undisturbed job makes, byte for byte.
func TestFailOnce(t *testing.T) {
	from := filepath.Join(t.TempDir(), "a.tensor")
	want := write(t, from)
	smooth, rough := t.TempDir(), t.TempDir()
	failures.Store(0)
	if err := copyJob(from, output(smooth), &failFn{Tensor: "grid", Number: 7}); err != nil {
		t.Fatal(err)
	}
	same(t, output(smooth).Path, want)
	if got := len(files(t, smooth)); got != 5 {
		t.Errorf("%d files, want 4 shards and an index", got)
	}
	failures.Store(1)
	if err := copyJob(from, output(rough), &failFn{Tensor: "grid", Number: 7}); err == nil {
		t.Fatal("the job did not fail")
	}
	if _, err := os.Stat(output(rough).Path); err == nil {
		t.Fatal("there is an index")
	}
	if err := copyJob(from, output(rough), &failFn{Tensor: "grid", Number: 7}); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(files(t, smooth), files(t, rough)) {
		t.Error("the second run made other files")
	}
	// A set that is there is not replaced, unless that is asked for.
	o := output(rough)
	if err := copyJob(from, o, &failFn{}); err == nil || !strings.Contains(err.Error(), "Overwrite") {
		t.Errorf("a set that is there: %v", err)
	}
	o.Overwrite = true
	if err := copyJob(from, o, &failFn{}); err != nil {
		t.Error(err)
	}
	if !maps.Equal(files(t, smooth), files(t, rough)) {
		t.Error("the third run made other files")
	}
}

const killed = "TENSORIO_KILLED"

// A process that ends in the middle leaves no set, and the next run makes it whole.
func TestKilled(t *testing.T) {
	if dir := os.Getenv(killed); dir != "" {
		failures.Store(1)
		t.Fatal(copyJob(filepath.Join(dir, "a.tensor"), output(filepath.Join(dir, "out")), &failFn{Tensor: "flat", Number: 9, Exit: true}))
	}
	dir := t.TempDir()
	want := write(t, filepath.Join(dir, "a.tensor"))
	if err := os.Mkdir(filepath.Join(dir, "out"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), killed+"="+dir)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 137 {
		t.Fatalf("%v\n%s", err, out)
	}
	o := output(filepath.Join(dir, "out"))
	if _, err := os.Stat(o.Path); err == nil {
		t.Fatal("there is an index")
	}
	failures.Store(0)
	if err := copyJob(filepath.Join(dir, "a.tensor"), o, &failFn{}); err != nil {
		t.Fatal(err)
	}
	same(t, o.Path, want)
}

// iterate is a Beam iterator over a slice.
func iterate[T any](list []T) func(*T) bool {
	return func(p *T) bool {
		if len(list) == 0 {
			return false
		}
		*p, list = list[0], list[1:]
		return true
	}
}

// bundle runs gatherFn on a shard of chunks.
func bundle(t *testing.T, o Output, i int, chunks []Chunk) (w Written, err error) {
	t.Helper()
	var mine []Chunk
	for _, c := range chunks {
		if err := (&scatterFn{o}).ProcessElement(t.Context(), c, func(k int, part Chunk) {
			if k == i {
				mine = append(mine, part)
			}
		}); err != nil {
			return w, err
		}
	}
	rand.New(rand.NewPCG(1, uint64(i))).Shuffle(len(mine), func(a, b int) { mine[a], mine[b] = mine[b], mine[a] })
	err = (&gatherFn{o}).ProcessElement(t.Context(), i, iterate([]int{0}), iterate(mine), func(x Written) { w = x })
	return w, err
}

// chunksOf cuts the contents into boxes of uneven rows that lie across shards.
func chunksOf(t *testing.T) []Chunk {
	t.Helper()
	var list []Chunk
	for name, b := range contents(t) {
		x := specs[slices.IndexFunc(specs, func(x Spec) bool { return x.Name == name })]
		c := Chunk{Tensor: name, DType: x.DType, Origin: make([]int64, len(x.Shape)), Shape: x.Shape, Data: b}
		if len(b) > 8 {
			one := int64(len(b)) / x.Shape[0]
			for at, n := int64(0), int64(1); at < x.Shape[0]; at, n = at+n, n+1 {
				part := c
				n = min(n, x.Shape[0]-at)
				part.Origin, part.Shape = slices.Clone(c.Origin), slices.Clone(c.Shape)
				part.Origin[0], part.Shape[0], part.Data = at, n, b[at*one:(at+n)*one]
				list = append(list, part)
			}
			continue
		}
		list = append(list, c)
	}
	return list
}

// Bundles that run twice, also at the same time, write the same bytes under one name.
func TestBundleTwice(t *testing.T) {
	dir := t.TempDir()
	o, chunks := output(dir), chunksOf(t)
	var written []Written
	for i := range o.Shards {
		w, err := bundle(t, o, i, chunks)
		if err != nil {
			t.Fatal(err)
		}
		written = append(written, w)
	}
	before := files(t, dir)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if w, err := bundle(t, o, 2, chunks); err != nil || !bytes.Equal(w.Index, written[2].Index) {
				t.Errorf("%v, or another shard", err)
			}
		})
	}
	wg.Wait()
	if !maps.Equal(before, files(t, dir)) {
		t.Error("the second bundle wrote other files")
	}
	index := func(list []Written) error {
		return (&indexFn{o}).ProcessElement(t.Context(), 0, iterate(list), func(string) {})
	}
	if err := index(written[:3]); !errors.Is(err, tensor.ErrNotFound) || !strings.Contains(err.Error(), "out-00004-of-00004.tensor") {
		t.Errorf("a hole: %v", err)
	}
	if err := index(append(slices.Clone(written), written[1])); !errors.Is(err, tensor.ErrDuplicate) || !strings.Contains(err.Error(), "out-00002-of-00004.tensor") {
		t.Errorf("a duplicate: %v", err)
	}
	if _, err := os.Stat(o.Path); err == nil {
		t.Fatal("there is an index")
	}
	for range 2 { // the bundle of the index runs twice, too
		if err := index([]Written{written[3], written[1], written[0], written[2]}); err != nil {
			t.Fatal(err)
		}
	}
	same(t, o.Path, contents(t))
	other := bytes.Clone(written[0].Index)
	other = bytes.Replace(other, []byte("a set"), []byte("A set"), 1)
	if err := index(append([]Written{{0, other}}, written[1:]...)); !errors.Is(err, tensor.ErrExists) {
		t.Errorf("another index: %v", err)
	}
	// Other content is another UUID.
	for i := range chunks {
		if chunks[i].Tensor == "grid" {
			chunks[i].Data = bytes.Clone(chunks[i].Data)
			chunks[i].Data[0] ^= 1
		}
	}
	o.Overwrite = true
	w, err := bundle(t, o, 0, chunks)
	if err != nil {
		t.Fatal(err)
	}
	uuid := func(w Written) string {
		x, err := shard.Parse(w.Index)
		if err != nil {
			t.Fatal(err)
		}
		return x.Shards[0].UUID
	}
	if uuid(w) == uuid(written[0]) {
		t.Error("other content has the same UUID")
	}
}

// What is missing, there twice, or does not fit is named.
func TestBadChunks(t *testing.T) {
	one := func(change func(chunks []Chunk) []Chunk) error {
		o := output(t.TempDir())
		chunks := chunksOf(t)
		slices.SortFunc(chunks, func(a, b Chunk) int { return strings.Compare(a.Tensor, b.Tensor) })
		chunks = change(chunks)
		for i := range o.Shards {
			if _, err := bundle(t, o, i, chunks); err != nil {
				if left := files(t, filepath.Dir(o.Path)); len(left) != i {
					t.Errorf("%d files after shard %d failed", len(left), i)
				}
				return err
			}
		}
		return nil
	}
	find := func(chunks []Chunk, name string, row int64) int {
		return slices.IndexFunc(chunks, func(c Chunk) bool { return c.Tensor == name && c.Origin[0] <= row && row < c.Origin[0]+c.Shape[0] })
	}
	for _, c := range []struct {
		name   string
		kind   error
		says   string
		change func(chunks []Chunk) []Chunk
	}{
		{"nothing", nil, "", func(chunks []Chunk) []Chunk { return chunks }},
		{"hole", tensor.ErrNotFound, `[10 0 0]`, func(chunks []Chunk) []Chunk {
			i := find(chunks, "grid", 10)
			return slices.Delete(chunks, i, i+1)
		}},
		{"none of a tensor", tensor.ErrNotFound, `[0 0]`, func(chunks []Chunk) []Chunk {
			return slices.DeleteFunc(chunks, func(c Chunk) bool { return c.Tensor == "plain" })
		}},
		{"twice", tensor.ErrDuplicate, `in two chunks`, func(chunks []Chunk) []Chunk {
			return append(chunks, chunks[find(chunks, "nibbles", 20)])
		}},
		{"another tensor", tensor.ErrNotFound, `"other"`, func(chunks []Chunk) []Chunk {
			return append(chunks, Chunk{Tensor: "other", DType: "u8", Origin: []int64{0}, Shape: []int64{1}, Data: []byte{1}})
		}},
		{"another dtype", tensor.ErrDType, "i32", func(chunks []Chunk) []Chunk {
			chunks[find(chunks, "grid", 3)].DType = "u32"
			return chunks
		}},
		{"outside", tensor.ErrShape, "a box in [1001]", func(chunks []Chunk) []Chunk {
			return append(chunks, Chunk{Tensor: "flat", DType: "u8", Origin: []int64{1000}, Shape: []int64{2}, Data: []byte{1, 2}})
		}},
		{"far outside", tensor.ErrShape, "a box in [1001]", func(chunks []Chunk) []Chunk {
			return append(chunks, Chunk{Tensor: "flat", DType: "u8", Origin: []int64{1 << 62}, Shape: []int64{1 << 62}, Data: []byte{1, 2}})
		}},
		{"too few bytes", nil, "", func(chunks []Chunk) []Chunk {
			i := find(chunks, "flat", 500)
			chunks[i].Data = chunks[i].Data[1:]
			return chunks
		}},
		{"half a unit", tensor.ErrShape, "whole units of 2", func(chunks []Chunk) []Chunk {
			return append(chunks, Chunk{Tensor: "nibbles", DType: "i4", Origin: []int64{0, 1}, Shape: []int64{1, 2}, Data: []byte{1}})
		}},
	} {
		err := one(c.change)
		if (err == nil) != (c.name == "nothing") || c.kind != nil && !errors.Is(err, c.kind) || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v: %s", c.name, err, c.kind, c.says)
		}
	}
}

// Outputs that cannot be are refused before anything is written.
func TestBadOutputs(t *testing.T) {
	for name, change := range map[string]func(*Output){
		"two of a name": func(o *Output) { o.Tensors = append(slices.Clone(o.Tensors), o.Tensors[0]) },
		"no tensors":    func(o *Output) { o.Tensors = nil },
		"a bad dtype":   func(o *Output) { o.Tensors = []Spec{{Name: "a", DType: "x8", Shape: []int64{4}}} },
		"a bad shape":   func(o *Output) { o.Tensors = []Spec{{Name: "a", DType: "u8", Shape: []int64{-4}}} },
		"a huge shape":  func(o *Output) { o.Tensors = []Spec{{Name: "a", DType: "f64", Shape: []int64{1 << 40, 1 << 40}}} },
		"no shards":     func(o *Output) { o.Shards = 0 },
		"more shards than rows": func(o *Output) {
			o.Shards, o.Tensors = 5, []Spec{{Name: "a", DType: "u8", Shape: []int64{4}}}
		},
		"another extension": func(o *Output) { o.Path = strings.TrimSuffix(o.Path, ".shards.json") + ".json" },
		"no name":           func(o *Output) { o.Path = filepath.Dir(o.Path) + "/.shards.json" },
	} {
		o := output(t.TempDir())
		change(&o)
		_, err := WriteShard(t.Context(), o, 0, nil, func(*Spec, int64, int64) (io.ReadCloser, error) {
			return nil, fmt.Errorf("was asked for rows")
		})
		if err == nil || strings.Contains(err.Error(), "was asked") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
