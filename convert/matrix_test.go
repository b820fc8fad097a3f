package convert_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/compare"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/gguf"
	_ "github.com/tensorfile/tensorfile/convert/hdf5"
	_ "github.com/tensorfile/tensorfile/convert/safetensors"
	_ "github.com/tensorfile/tensorfile/convert/torch"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/golden"
	"github.com/tensorfile/tensorfile/tensor"
)

// models are the kept files, by what holds them, but for two of HDF5 with thousands
// of chunks.
var models = []struct {
	format string
	files  []string
}{
	{".tensor", nil}, // made by the test
	{"safetensors", []string{"../testdata/models/*.safetensors", "../testdata/models/*.index.json", "safetensors/testdata/f*.safetensors"}},
	{"GGUF", []string{"../testdata/models/*.gguf", "gguf/testdata/g*.gguf", "gguf/testdata/long.gguf", "gguf/testdata/split-00001-of-00003.gguf"}},
	{"NumPy", []string{"../testdata/npy/*.npz", "../testdata/npy/*.npy"}},
	{"PyTorch", []string{"torch/testdata/*.pt", "torch/testdata/*.pth"}},
	{"HDF5", []string{"hdf5/testdata/[^i]*.h5", "hdf5/testdata/matlab.bin"}},
}

// outputs are the columns of the table.
var outputs = []string{".tensor", ".safetensors", ".gguf", ".npz", ".npy"}

// Of each pair of formats, the elements of all kept files come over bit for bit,
// and what does not come over is what Result.Losses names, tensor by tensor and
// key by key. The table in docs/convert.md says what each pair loses, no more and
// no less.
func TestMatrix(t *testing.T) {
	table := map[string][]string{}
	for _, row := range golden.Table(t, "../docs/convert.md", "models from") {
		table[row[0]] = row[1:]
	}
	dir := t.TempDir()
	files, tensors := 0, 0
	for _, m := range models {
		var paths []string
		for _, pattern := range m.files {
			more, err := filepath.Glob(pattern)
			must(t, err)
			if len(more) == 0 {
				t.Fatalf("no file %s", pattern)
			}
			paths = append(paths, more...)
		}
		if m.files == nil {
			paths = nativeModels(t, dir)
		}
		cells := table[m.format]
		if len(cells) != len(outputs) {
			t.Errorf("docs/convert.md: %q of models from %s", cells, m.format)
			continue
		}
		for i, ext := range outputs {
			x := &exchange{t: t, dir: dir, ext: ext, seen: [2]map[string]bool{{}, {}}}
			for _, path := range paths {
				x.file(path)
			}
			files, tensors = files+x.files, tensors+x.tensors
			if got := x.cell(); got != cells[i] {
				t.Errorf("docs/convert.md: models from %s to %s lose %q, it says %q", m.format, ext, got, cells[i])
			}
		}
	}
	t.Logf("%d conversions, %d tensors", files, tensors)
	if files < 800 || tensors < 3000 {
		t.Errorf("%d conversions, %d tensors", files, tensors)
	}
}

// What is lost is said in these words.
func TestLossesOfModels(t *testing.T) {
	dir := t.TempDir()
	native := nativeModels(t, dir)
	for _, c := range []struct {
		in, ext string
		want    []string
	}{
		{"torch/testdata/views.pt", ".tensor", nil},
		{"torch/testdata/views.pt", ".safetensors", []string{
			`strides of 3 tensors, written in C order: "t", "slice", "row"`,
			`the sharing of 4 tensors, written with bytes of its own: "t", "slice", "row", "scalar"`}},
		{"torch/testdata/state.pth.pt", ".safetensors", nil},
		{"torch/testdata/state.pth.pt", ".npz", []string{`the sharing of 1 tensor, written with bytes of its own: "head.weight"`}},
		{"../testdata/models/tiny.safetensors", ".npz", []string{`the file's attributes: "format"`}},
		{"../testdata/models/tiny.safetensors", ".gguf", nil},
		{"../testdata/models/tiny.gguf", ".tensor", nil},
		{native[len(native)-1], ".safetensors", []string{
			`the file's attribute "deep", as metadata are texts`,
			`the type of the file's attribute "eps", which becomes a text`,
			`the type of the file's attribute "large", which becomes a text`,
			`the type of the file's attribute "layers", which becomes a text`,
			`the file's attribute "list", as metadata are texts`,
			`the file's attribute "mixed", as metadata are texts`,
			`the type of the file's attribute "tied", which becomes a text`,
			`attributes of tensor "named": "dims", "role"`}},
	} {
		r := run(t, []string{c.in}, filepath.Join(dir, "lost"+c.ext), convert.Options{DryRun: true, Overwrite: true})
		if !slices.Equal(r.Losses, c.want) {
			t.Errorf("%s to %s loses\n%s\nwant\n%s", c.in, c.ext, strings.Join(r.Losses, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

// kinds are the words of the table, in order: of what is lost, and of what is
// refused.
var kinds = [2][]string{
	{"dtypes", "strings", "strides", "sharing", "metadata", "types of metadata", "attributes"},
	{"dtypes", "layouts", "names", "rank"},
}

// exchange converts files to one format.
type exchange struct {
	t              *testing.T
	dir, ext       string
	seen           [2]map[string]bool // kinds
	files, tensors int
}

func (x *exchange) cell() string {
	var parts [2]string
	for i := range kinds {
		var words []string
		for _, k := range kinds[i] {
			if x.seen[i][k] {
				words = append(words, k)
			}
		}
		parts[i] = strings.Join(words, ", ")
	}
	switch lost, refused := parts[0], parts[1]; {
	case refused == "":
		return cmp.Or(lost, "nothing")
	case lost == "":
		return "refuses " + refused
	default:
		return lost + "; refuses " + refused
	}
}

// file converts what the format takes of the tensors in path.
func (x *exchange) file(path string) {
	x.t.Helper()
	o := convert.Options{NoSync: true, Overwrite: true, Limit: -1}
	o.Open.SkipBad = true
	f, err := convert.Open(ctx, path, &o.Open)
	if err != nil {
		return // the format's own tests say which
	}
	defer f.Close()
	var names []string
	for tn, err := range f.Tensors() {
		must(x.t, err)
		names = append(names, tn.Name())
	}
	out := filepath.Join(x.dir, "out"+x.ext)
	if x.ext != ".npy" {
		x.convert(f, names, out, o)
		return
	}
	done := map[string]bool{} // one of each kind: a tensor a file is slow
	for _, name := range names {
		tn, err := f.Tensor(name)
		must(x.t, err)
		a, err := tn.Attrs()
		must(x.t, err)
		layout, _, _ := tn.Composite()
		c, _ := tensor.Contiguous(tn.DType(), tn.Shape())
		kind := fmt.Sprint(tn.DType(), layout, len(a) > 0, slices.Equal(c, tn.Strides()))
		if !done[kind] {
			done[kind] = true
			x.convert(f, []string{name}, out, o)
		}
	}
}

func (x *exchange) convert(f *tensorfile.File, names []string, out string, o convert.Options) {
	t, path := x.t, f.Path()
	var res *convert.Result
	for res == nil {
		if o.Only = names; len(names) == 0 {
			return
		}
		r, err := convert.Files(ctx, []string{path}, out, &o)
		var e *tensor.Error
		switch {
		case err == nil:
			res = r
		case errors.As(err, &e) && (errors.Is(err, tensorfile.ErrUnsupported) || e.Field == "name") && slices.Contains(names, e.Tensor):
			kind, ok := map[string]string{"dtype": "dtypes", "layout": "layouts", "name": "names", "rank": "rank"}[e.Field]
			if !ok {
				t.Errorf("%s to %s: %v", path, x.ext, err)
			}
			x.seen[1][kind] = true
			names = slices.DeleteFunc(names, func(n string) bool { return n == e.Tensor })
		case errors.Is(err, convert.ErrNoMatch): // none can be read
			return
		default:
			t.Fatalf("%s to %s: %v", path, x.ext, err)
		}
	}
	g, err := convert.Open(ctx, out, nil)
	must(t, err)
	defer g.Close()
	x.files++
	x.tensors += len(res.Tensors)
	if l := g.Layout(); l != nil && len(l.Skipped) > 0 {
		t.Errorf("%s to %s: %v", path, x.ext, l.Skipped)
	}
	names = nil
	for _, w := range res.Tensors {
		names = append(names, w.Name)
	}
	var said []string
	for _, text := range res.Losses {
		said = append(said, x.parse(text)...)
	}
	got := append(x.content(f, g, names), x.lost(f, g, names)...)
	slices.Sort(got)
	slices.Sort(said)
	if !slices.Equal(got, said) {
		t.Errorf("%s to %s: lost\n%s\nsaid\n%s", path, x.ext, strings.Join(got, "\n"), strings.Join(res.Losses, "\n"))
	}
	o.Strict, o.DryRun = true, true
	switch _, err := convert.Files(ctx, []string{path}, out, &o); {
	case len(got) == 0 && err != nil:
		t.Errorf("%s to %s: Strict: %v", path, x.ext, err)
	case len(got) > 0 && (!errors.Is(err, tensorfile.ErrUnsupported) || !strings.Contains(err.Error(), "something to lose")):
		t.Errorf("%s to %s loses %q, Strict: %v", path, x.ext, got, err)
	}
}

// content asserts that g has the tensors of f of these names, and no others, and
// that they are equal by hash and element by element, and returns those that are
// something else now.
func (x *exchange) content(f, g *tensorfile.File, names []string) (list []string) {
	t := x.t
	changed := map[string][]string{}
	lose := func(kind, name string) { changed[kind] = append(changed[kind], name) }
	missing := 0
	hashes := map[string]tensorfile.Hash{}
	for h, err := range g.Hashes(ctx, nil) {
		must(t, err)
		hashes[h.Name] = h.Hash
	}
	for _, name := range names {
		a, err := f.Tensor(name)
		must(t, err)
		as := name
		if x.ext == ".npy" {
			as = "out"
		}
		b, err := g.Tensor(as)
		layout, _, _ := a.Composite()
		switch {
		case errors.Is(err, tensorfile.ErrNotFound) && layout == format.LayoutString && x.ext == ".gguf":
			lose("strings", name)
			missing++
			continue
		case err != nil:
			t.Errorf("%s to %s: %v", f.Path(), x.ext, err)
			continue
		case layout == format.LayoutString && b.DType().Class == tensor.ClassBytes:
			lose("strings", name)
			continue
		case a.DType() != b.DType() && b.DType().Class == tensor.ClassBytes:
			var p, q bytes.Buffer
			must(t, a.WriteCOrder(ctx, &p))
			must(t, b.WriteCOrder(ctx, &q))
			if !bytes.Equal(p.Bytes(), q.Bytes()) {
				t.Errorf("%s to %s: the bytes of %q are others", f.Path(), x.ext, name)
			}
			lose("dtypes", name)
			continue
		}
		sum, err := a.Hash(ctx)
		must(t, err)
		if sum != hashes[as] {
			t.Errorf("%s to %s: the hash of %q is another", f.Path(), x.ext, name)
		}
		r, err := compare.Tensors(ctx, a, b, nil)
		must(t, err)
		if r.Status != compare.Equal {
			t.Errorf("%s to %s: %q is %v", f.Path(), x.ext, name, r.Status)
		}
	}
	if len(hashes)+missing != len(names) {
		t.Errorf("%s to %s: %d tensors of %d", f.Path(), x.ext, len(hashes), len(names))
	}
	return x.few(changed)
}

// few lists the first of the names of each kind.
func (x *exchange) few(kinds map[string][]string) (list []string) {
	for kind, names := range kinds {
		for i, n := range names {
			x.seen[0][kind] = true
			if i == 8 {
				list = append(list, kind+" ...")
				break
			}
			list = append(list, kind+" "+tensor.Quote(n))
		}
	}
	return list
}

// lost finds what of the tensors of f, and of f itself, g has not.
func (x *exchange) lost(f, g *tensorfile.File, names []string) (list []string) {
	t := x.t
	lose := func(kind, name string) {
		x.seen[0][kind] = true
		list = append(list, kind+" "+tensor.Quote(name))
	}
	var strided, shared []string
	type storage struct {
		f  *tensorfile.File
		id uint64
	}
	first := map[storage]*tensorfile.Tensor{} // of each storage: where it is in g
	for _, name := range names {
		a, err := f.Tensor(name)
		must(t, err)
		as := name
		if x.ext == ".npy" {
			as = "out"
		}
		b, err := g.Tensor(as)
		if err != nil {
			continue // content has said so
		}
		if x.places(a) {
			if !sameStrides(a, b) {
				strided = append(strided, name)
			}
			if id := a.Storage().ID; id != 0 && a.NumElements() > 0 {
				k := storage{a.File(), id}
				if other := first[k]; other == nil {
					first[k] = b
				} else if b.Storage().ID != other.Storage().ID || b.File() != other.File() {
					shared = append(shared, name)
				}
			}
		}
		p, err := a.Attrs()
		must(t, err)
		q, err := b.Attrs()
		must(t, err)
		for _, d := range compare.Attrs(p, q) {
			if d.InA && d.Key != "source" && d.Key != "layout" {
				lose("attributes", name+": "+d.Key)
			}
		}
	}
	list = append(list, x.few(map[string][]string{"strides": strided, "sharing": shared})...)
	p, err := f.Attrs()
	must(t, err)
	q, err := g.Attrs()
	must(t, err)
	for _, d := range compare.Attrs(p, q) {
		switch {
		case !d.InA || d.Key == "source" && x.ext == ".gguf":
		case d.InB:
			lose("types of metadata", d.Key)
		default:
			lose("metadata", d.Key)
		}
	}
	return list
}

// places reports whether it counts where the elements of a are: not if they are
// fields of records, which only .npz writes again, and not if they have to be
// decoded.
func (x *exchange) places(a *tensorfile.Tensor) bool {
	l := a.File().Layout()
	if l == nil || l.Format == "torch" || x.ext != ".tensor" && x.ext != ".npy" {
		return true
	}
	p, err := a.Attrs()
	must(x.t, err)
	source, _ := p["source"].(map[string]any)
	return source["field"] == nil && (l.Format != "hdf5" || x.ext != ".tensor")
}

// sameStrides reports whether b has its elements where a has them, as far as an
// axis has more than one step.
func sameStrides(a, b *tensorfile.Tensor) bool {
	if _, _, ok := a.Composite(); ok || a.NumElements() == 0 {
		return true
	}
	for i, n := range a.Shape() {
		steps := n
		if i == len(a.Shape())-1 {
			steps = (n + int64(a.DType().UnitElems) - 1) / int64(a.DType().UnitElems)
		}
		if steps > 1 && a.Strides()[i] != b.Strides()[i] {
			return false
		}
	}
	return true
}

var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// parse is a line of Result.Losses as lost has it.
func (x *exchange) parse(text string) (list []string) {
	names := quoted.FindAllString(text, -1)
	add := func(kind string, names []string) {
		for _, n := range names {
			list = append(list, kind+" "+n)
		}
		if strings.HasSuffix(text, ", ...") {
			list = append(list, kind+" ...")
		}
	}
	switch {
	case strings.HasPrefix(text, "the dtype of "):
		add("dtypes", names)
	case strings.HasPrefix(text, "the layout of "), strings.HasPrefix(text, "the name of "):
		add("strings", names)
	case strings.HasPrefix(text, "strides of "):
		add("strides", names)
	case strings.HasPrefix(text, "the sharing of "):
		add("sharing", names)
	case strings.HasPrefix(text, "attributes of tensor "):
		for _, n := range names[1:] {
			add("attributes", []string{names[0][:len(names[0])-1] + ": " + n[1:]})
		}
	case strings.HasPrefix(text, "the file's attributes: "):
		add("metadata", names)
	case strings.HasPrefix(text, "the type of the file's attribute "):
		add("types of metadata", names)
	case strings.HasPrefix(text, "the file's attribute "):
		add("metadata", names[:1])
	default:
		x.t.Errorf("a loss of a kind that nobody knows: %s", text)
	}
	return list
}

// nativeModels are files that hold what others do not: strides, shared storages,
// attributes of every type, composites.
func nativeModels(t *testing.T, dir string) (paths []string) {
	for _, in := range []string{"torch/testdata/views.pt", "torch/testdata/state.pth.pt", "torch/testdata/checkpoint.pt", "torch/testdata/dtypes.pt", "../testdata/models/tiny.gguf"} {
		path := filepath.Join(dir, strings.ReplaceAll(filepath.Base(in), ".", "-")+".tensor")
		run(t, []string{in}, path, convert.Options{})
		paths = append(paths, path)
	}
	path := filepath.Join(dir, "attributes.tensor")
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true})
	must(t, err)
	defer w.Close()
	must(t, w.SetAttrs(tensorfile.Attrs{
		"title": "a model", "layers": int64(12), "eps": 1e-5, "tied": true, "large": uint64(1 << 63),
		"list": []any{int64(1), int64(-2)}, "mixed": []any{int64(1), "two"}, "deep": map[string]any{"a": "b"},
	}))
	must(t, w.Add(ctx, "named", ramp(t, 2, 3), &tensorfile.TensorOptions{Dims: []string{"y", "x"}, Attrs: tensorfile.Attrs{"role": "weight"}}))
	must(t, w.Add(ctx, strings.Repeat("long.", 20)+"name", ramp(t, 4), nil))
	must(t, w.Add(ctx, "rank5", ramp(t, 2, 1, 3, 1, 2), nil))
	must(t, w.Commit(ctx))
	return append(paths, path)
}
