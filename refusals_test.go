//go:build unix

package tensorfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/crashfs"
	"github.com/tensorfile/tensorfile/tensor"
)

// A refusal is what a call must say.
type refusal struct {
	kind       error
	field, got string
}

func (r refusal) check(t *testing.T, what string, err error) {
	t.Helper()
	var e *tensorfile.Error
	if !errors.As(err, &e) || !errors.Is(err, r.kind) || e.Field != r.field || e.Got != r.got {
		t.Errorf("%s: %v\nwant %v, field %q, got %q", what, err, r.kind, r.field, r.got)
	}
}

// What an edit cannot do it refuses before it writes anything: the writer goes
// on, and a commit behind it adds nothing.
func TestRefusedEdits(t *testing.T) {
	fs := crashfs.From(map[string][]byte{faultPath: everyKind(t)})
	w := must(tensorfile.OpenAppend(faultPath, (&tensorfile.AppendOptions{}).On(fs)))(t)
	defer w.Close()
	grid := floats(t, 4, 6, 1)
	ok(t, w.Add(ctx, "scalar", vec(t, tensor.Shape{}, 1.5), nil))
	ok(t, w.Add(ctx, "bits", bits1(t, tensor.Shape{3}, 5), nil))
	ok(t, w.Add(ctx, "turned", must(grid.Permute(1, 0))(t), &tensorfile.TensorOptions{Chunk: tensor.Shape{2, 3}}))
	endless := must(tensor.NewView([]byte{1}, tensor.U8, tensor.Shape{1 << 62}, tensor.Strides{0}, 0, tensor.LittleEndian))(t)
	ok(t, w.Commit(ctx))
	before := fs.Files()[faultPath]
	ok(t, w.TensorOn(must(w.AddStorage(ctx, 1, bytes.NewReader([]byte{1})))(t), "endless", tensor.U8, tensor.Shape{1 << 62}, tensor.Strides{0}, 0, nil))
	ok(t, w.Commit(ctx))
	grow := func(name string, rows tensor.View) func() error {
		return func() error { _, err := w.Append(ctx, name, rows, nil); return err }
	}
	write := func(sel string, v tensor.View) func() error {
		return func() error {
			_, err := w.WriteRegion(ctx, "grid", must(tensor.ParseSelection(sel))(t), v, nil)
			return err
		}
	}
	shrink := func(name string, rows int64) func() error {
		return func() error { _, err := w.Shrink(ctx, name, rows); return err }
	}
	compose := func(name string, c tensorfile.Composite, change func(c *tensorfile.Composite)) func() error {
		if change != nil {
			change(&c)
		}
		return func() error { _, err := w.AppendComposite(ctx, name, c, nil); return err }
	}
	rows := moreRows(t)
	small := smallComposites(t)
	add := func(layout string, o *tensorfile.TensorOptions) func() error {
		return func() error { return w.AddComposite(ctx, "new", small[layout], o) }
	}
	for what, c := range map[string]struct {
		do   func() error
		want refusal
	}{
		"rows behind a scalar":         {grow("scalar", floats(t, 1, 1, 1)), refusal{tensorfile.ErrShape, "append", "a tensor of rank 0"}},
		"rows of another width":        {grow("grid", floats(t, 2, 5, 1)), refusal{tensorfile.ErrShape, "rows", tensor.Shape{2, 5}.String()}},
		"rows of another rank":         {grow("grid", vec(t, nil, float32(1), 2)), refusal{tensorfile.ErrShape, "rows", tensor.Shape{2}.String()}},
		"rows of another type":         {grow("grid", vec(t, tensor.Shape{1, 6}, 1.0, 2, 3, 4, 5, 6)), refusal{tensorfile.ErrDType, "rows", "f64"}},
		"bits behind part of a byte":   {grow("bits", bits1(t, tensor.Shape{8}, 1)), refusal{tensorfile.ErrUnsupported, "append", "behind 3 elements of bool1"}},
		"more rows than can be":        {grow("endless", endless), refusal{tensorfile.ErrOverflow, "rows", tensor.Shape{1 << 62}.String()}},
		"a region of another type":     {write("0:2", vec(t, tensor.Shape{2, 6}, make([]float64, 12)...)), refusal{tensorfile.ErrDType, "elements", "f64"}},
		"a region of another shape":    {write("0:2", floats(t, 3, 6, 1)), refusal{tensorfile.ErrShape, "elements", tensor.Shape{3, 6}.String()}},
		"a region outside":             {write("99", floats(t, 1, 6, 1)), refusal{tensorfile.ErrIndex, "index on axis 0 of (42, 6)", "99"}},
		"fewer rows than none":         {shrink("grid", -1), refusal{tensorfile.ErrIndex, "rows", "-1"}},
		"shrinking to more":            {shrink("grid", 43), refusal{tensorfile.ErrIndex, "rows", "43"}},
		"shrinking what is not chunks": {shrink("long", 1), refusal{tensorfile.ErrUnsupported, "tensor", "plain bytes"}},
		"rows of entries behind dense": {compose("grid", rows["csr"][0], nil), refusal{tensorfile.ErrUnsupported, "append", "a dense tensor"}},
		"rows of another layout":       {compose("csr", rows["coo"][0], nil), refusal{tensorfile.ErrShape, "layout of rows", "coo"}},
		"rows of a stream": {compose("csr", rows["csr"][0], func(c *tensorfile.Composite) {
			c.Parts = append(parts{}, c.Parts...)
			c.Parts[2] = tensorfile.CompositePart{Role: "values", Reader: bytes.NewReader(make([]byte, 8)), DType: tensor.F64, Shape: tensor.Shape{1}}
		}), refusal{tensorfile.ErrUnsupported, "append", "part values as a stream or composite"}},
		"a fill of a composite's chunks": {add("csr", &tensorfile.TensorOptions{Chunk: tensor.Shape{2}, Fill: []byte{1}}), refusal{tensorfile.ErrUnsupported, "fill of chunks", "one of a composite"}},
		"chunks of two axes":             {add("csr", &tensorfile.TensorOptions{Chunk: tensor.Shape{2, 2}}), refusal{tensorfile.ErrShape, "chunk shape", tensor.Shape{2, 2}.String()}},
		"chunks of nothing":              {add("csr", &tensorfile.TensorOptions{Chunk: tensor.Shape{0}}), refusal{tensorfile.ErrShape, "chunk shape", tensor.Shape{0}.String()}},
	} {
		c.want.check(t, what, c.do())
	}
	for _, name := range []string{"", "none", "csr\x00values"} {
		var e *tensorfile.Error
		if err := w.Delete(name); !errors.As(err, &e) || !errors.Is(err, tensorfile.ErrNotFound) || e.Path != faultPath || e.Tensor != name {
			t.Errorf("delete %q: %v", name, err)
		}
	}
	for _, r := range []tensorfile.GrowResult{must(w.Append(ctx, "grid", floats(t, 0, 6, 1), nil))(t), must(w.Shrink(ctx, "grid", 42))(t)} {
		if r != (tensorfile.GrowResult{}) {
			t.Errorf("nothing to do, and %+v", r)
		}
	}
	ok(t, w.Delete("endless")) // nobody reads all of it
	ok(t, w.Commit(ctx))
	f := must(tensorfile.OpenReaderAt(bytes.NewReader(before), int64(len(before)), nil))(t)
	defer f.Close()
	after := fs.Files()[faultPath]
	g := must(tensorfile.OpenReaderAt(bytes.NewReader(after), int64(len(after)), nil))(t)
	defer g.Close()
	old, now := must(f.Hash(ctx, nil))(t), must(g.Hash(ctx, nil))(t)
	if old != now {
		t.Error("a refused edit changed the file")
	}
}

// A slab that would not fit into memory ends a stream before it is read.
func TestSlabTooLarge(t *testing.T) {
	w := must(tensorfile.NewWriter(io.Discard, nil))(t)
	defer w.Close()
	err := w.AddReader(ctx, "x", tensor.U8, tensor.Shape{2, 1 << 33}, brokenReader{errors.New("read")}, &tensorfile.TensorOptions{Chunk: tensor.Shape{1, 1 << 28}})
	refusal{tensorfile.ErrLimit, "bytes of a slab", "8589934592"}.check(t, "a slab of 8 GiB", err)
}

// A closed file answers every call in one way.
func TestClosedFile(t *testing.T) {
	base := everyKind(t)
	f := must(tensorfile.OpenReaderAt(bytes.NewReader(base), int64(len(base)), nil))(t)
	open := func(name string) *tensorfile.Tensor { return must(f.Tensor(name))(t) }
	grid, long, csr, text, ragged, quantised := open("grid"), open("long"), open("csr"), open("string"), open("ragged"), open("quantised")
	dst := floats(t, 42, 6, 0)
	ok(t, f.Close())
	second := func(_ any, err error) error { return err }
	for what, err := range map[string]error{
		"Read of a grid":  second(grid.Read(ctx)),
		"Read":            second(long.Read(ctx)),
		"ReadInto":        grid.ReadInto(ctx, dst),
		"WriteCOrder":     long.WriteCOrder(ctx, io.Discard),
		"PlanRead":        second(long.PlanRead()),
		"Hash":            second(grid.Hash(ctx)),
		"Lease":           second(grid.Lease()),
		"ReadComposite":   second(csr.ReadComposite(ctx)),
		"ReadRows":        second(csr.ReadRows(ctx, 0, 1)),
		"SparseRows":      second(csr.SparseRows(ctx, 0, 1)),
		"Sparse":          second(csr.Sparse(ctx)),
		"Part":            second(csr.Part("values")),
		"Parts":           second(csr.Parts()),
		"Strings":         second(text.Strings(ctx)),
		"StringRows":      second(text.StringRows(ctx, 0, 1)),
		"Ragged":          second(ragged.Ragged(ctx)),
		"RaggedRows":      second(ragged.RaggedRows(ctx, 0, 1)),
		"Quantised":       second(quantised.Quantised(ctx)),
		"Dequantise":      second(quantised.Dequantise(ctx, tensor.F32)),
		"Tensor":          second(f.Tensor("grid")),
		"Verify":          second(f.Verify(ctx, nil)),
		"Usage":           second(f.Usage(ctx)),
		"Hash of all":     second(f.Hash(ctx, nil)),
		"Changes":         second(f.Changes(ctx, 1, 4)),
		"Tensors":         firstErr(f.Tensors()),
		"Names":           firstErr(f.Names()),
		"Chunks":          firstErr(grid.Chunks(ctx, nil)),
		"Chunks of plain": firstErr(long.Chunks(ctx, nil)),
		"Generations":     firstErr(f.Generations(ctx)),
		"Hashes":          firstErr(f.Hashes(ctx, nil)),
	} {
		if !errors.Is(err, tensorfile.ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if s := grid.ChunkShape(); !s.Equal(tensor.Shape{8, 4}) {
		t.Errorf("chunks of %v", s)
	}
}

func firstErr[T any](seq func(func(T, error) bool)) (err error) {
	seq(func(_ T, e error) bool { err = e; return e == nil })
	return err
}

// A tensor of another layout is not what was asked for, and says what it is.
func TestOtherLayouts(t *testing.T) {
	base := everyKind(t)
	f := must(tensorfile.OpenReaderAt(bytes.NewReader(base), int64(len(base)), nil))(t)
	defer f.Close()
	open := func(name string) *tensorfile.Tensor { return must(f.Tensor(name))(t) }
	second := func(_ any, err error) error { return err }
	csr := open("csr")
	for what, c := range map[string]struct {
		err  error
		want refusal
	}{
		"Ragged":                 {second(csr.Ragged(ctx)), refusal{tensorfile.ErrUnsupported, "layout", "csr"}},
		"RaggedRows":             {second(csr.RaggedRows(ctx, 0, 1)), refusal{tensorfile.ErrUnsupported, "layout", "csr"}},
		"Strings":                {second(csr.Strings(ctx)), refusal{tensorfile.ErrUnsupported, "layout", "csr"}},
		"StringRows":             {second(csr.StringRows(ctx, 0, 1)), refusal{tensorfile.ErrUnsupported, "layout", "csr"}},
		"ReadComposite":          {second(open("grid").ReadComposite(ctx)), refusal{tensorfile.ErrUnsupported, "layout", "a dense tensor"}},
		"ReadRows":               {second(open("grid").ReadRows(ctx, 0, 1)), refusal{tensorfile.ErrUnsupported, "layout", "a dense tensor"}},
		"RaggedRows past":        {second(open("ragged").RaggedRows(ctx, 0, 9)), refusal{tensorfile.ErrIndex, "rows", "0:9"}},
		"StringRows past":        {second(open("string").StringRows(ctx, 1, 9)), refusal{tensorfile.ErrIndex, "rows", "1:9"}},
		"SparseRows past":        {second(csr.SparseRows(ctx, 2, 9)), refusal{tensorfile.ErrIndex, "rows", "2:9"}},
		"a selection of nowhere": {second(open("quantised").Dequantise(ctx, tensor.F32, must(tensor.ParseSelection("7"))(t))), refusal{tensorfile.ErrIndex, "index on axis 0 of (3, 4)", "7"}},
		"a plan of nowhere":      {second(open("long").PlanRead(must(tensor.ParseSelection("777"))(t))), refusal{tensorfile.ErrIndex, "index on axis 0 of (120, 300)", "777"}},
	} {
		c.want.check(t, what, c.err)
	}
	// The same of composites in memory.
	list := smallComposites(t)
	of := func(name string) *tensorfile.Composite { c := list[name]; return &c }
	streamed := of("ragged")
	streamed.Parts = append(parts{}, streamed.Parts...)
	streamed.Parts[1] = tensorfile.CompositePart{Role: "values", Reader: bytes.NewReader(nil), DType: tensor.F32, Shape: tensor.Shape{3, 2}}
	broken := of("string")
	broken.Parts = broken.Parts[:1]
	for what, c := range map[string]struct {
		err  error
		want refusal
	}{
		"Ragged of csr":       {second(of("csr").Ragged()), refusal{tensorfile.ErrUnsupported, "layout", "csr"}},
		"Strings of csr":      {second(of("csr").Strings()), refusal{tensorfile.ErrUnsupported, "layout", "csr"}},
		"Ragged of a stream":  {second(streamed.Ragged()), refusal{tensorfile.ErrUnsupported, "part values", "a composite, or a stream"}},
		"Strings without any": {second(broken.Strings()), refusal{tensorfile.ErrFormat, "part bytes", "none"}},
	} {
		c.want.check(t, what, c.err)
	}
}

// What is printed for people.
func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		fmt.Sprint(tensorfile.ReadAuto, tensorfile.ReadMapped, tensorfile.ReadPositioned, tensorfile.ReadDirect, tensorfile.ReadDecoded, tensorfile.ReadMode(9), tensorfile.ReadMode(-1)): "auto mapped positioned direct decoded unknown unknown",
		fmt.Sprint(tensorfile.ChangeKind(0), tensorfile.ChangeKind(99)):                                 "ChangeKind(0) ChangeKind(99)",
		fmt.Sprint(tensorfile.ReadPlan{Mode: tensorfile.ReadMapped, Reason: "it is small"}):             "mapped (it is small)",
		fmt.Sprint(tensorfile.ReadPlan{Mode: tensorfile.ReadDirect, Reason: "it is large", Workers: 3}): "direct (it is large), 3 workers",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
