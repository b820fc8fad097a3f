package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/compare"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/glob"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() { commands = append(commands, newDiffCmd) }

type diffFlags struct {
	tol      compare.Tolerance
	nanEqual bool
	values   bool
	metadata bool
	report   int
	quiet    bool
	json     bool
}

// maxReport bounds -r: more than anybody reads.
const maxReport = 1_000_000

func newDiffCmd(t *tool) *cobra.Command {
	var o diffFlags
	cmd := &cobra.Command{
		Use:   "diff A B [NAME...]",
		Short: "Say how two files differ in tensors and values",
		Long: `Compare two files of any formats: names, dtypes, shapes and values of their
tensors. Nothing is printed if they are the same. Two files of one array each,
such as .npy, are compared whatever these are called. NAMEs, which may be globs,
limit it to those tensors.

Values are the same if their bits are: NaN is, with the same payload, and -0 is
not 0. With --atol, --rtol or --ulp numbers x and y are also the same if any of
these holds, and -0 is 0; infinities are near nothing but themselves:

  |x - y| <= ATOL + RTOL * max(|x|, |y|)
  x and y are floats, and at most ULP representable numbers apart

Bools, text, bytes and quantised blocks know no tolerance. Relative differences
in the output are |x - y| / max(|x|, |y|).

Another dtype or layout is a difference of its own. With --values it is none, and
the numbers are compared: what is quantised is dequantised on the way, and numbers
of different dtypes are brought to one that holds both, as NumPy does. The
output and --ulp are in that dtype.`,
		Example: `  tensorfile diff model.npz model.tensor
  tensorfile diff --rtol 1e-5 --atol 1e-8 before.tensor after.tensor
  tensorfile diff --ulp 1 -r 10 a.tensor b.tensor 'layers.*.weight'
  tensorfile diff --values -r 3 model.safetensors small.tensor
  tensorfile diff --at 3 model.tensor model.tensor
  tensorfile diff --metadata --json a.tensor b.tensor | jq '.tensors[].status'`,
		Annotations:       map[string]string{exitStatus: exitText("0  the same", "1  different, or a glob matches nothing", "2  a file or a tensor cannot be read")},
		Args:              nArgs(2, -1),
		ValidArgsFunction: t.completeDiff,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.report < 0 || o.report > maxReport {
				return usage(cmd, "-r is a number of differences up to %d", maxReport)
			}
			if !(o.tol.Abs >= 0 && o.tol.Rel >= 0) {
				return usage(cmd, "--atol and --rtol are not negative")
			}
			if args[0] == convert.Stream && args[1] == convert.Stream {
				return usage(cmd, "only one of the files can be standard input")
			}
			return t.diff(cmd, args[0], args[1], args[2:], &o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.Float64Var(&o.tol.Abs, "atol", 0, "numbers may differ by `X`")
	f.Float64Var(&o.tol.Rel, "rtol", 0, "numbers may differ by `X` times the larger magnitude")
	f.Uint64Var(&o.tol.ULP, "ulp", 0, "floats may be `N` representable numbers apart")
	f.BoolVar(&o.nanEqual, "nan-equal", false, "all NaNs are the same")
	f.BoolVar(&o.values, "values", false, "compare numbers whatever the dtypes, and what is quantised by what it stands for")
	f.BoolVar(&o.metadata, "metadata", false, "compare attributes of tensors and files, too")
	f.IntVarP(&o.report, "report", "r", 0, "print the `N` largest differences of each tensor")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print nothing, only set the exit status")
	f.BoolVar(&o.json, "json", false, "print one JSON document")
	t.atFlag(cmd)
	f.Lookup("at").Usage = "read the first file as it was at generation `GEN` (see 'tensorfile log')"
	return cmd
}

// differ is one comparison.
type differ struct {
	*tool
	a, b  *input
	o     *diffFlags
	opts  *compare.Options
	doc   *document
	equal int64
	same  bool
}

func (t *tool) diff(cmd *cobra.Command, pathA, pathB string, names []string, o *diffFlags) error {
	ctx := cmd.Context()
	a, b, err := t.openBoth(ctx, pathA, pathB)
	if err != nil {
		return err
	}
	defer a.close()
	defer b.close()
	d := &differ{tool: t, a: a, b: b, o: o, same: true, opts: &compare.Options{
		NaNEqual: o.nanEqual, Values: o.values, Attrs: o.metadata, Largest: o.report, Workers: t.jobs,
	}}
	if f := cmd.Flags(); f.Changed("atol") || f.Changed("rtol") || f.Changed("ulp") {
		d.opts.Tolerance = &o.tol
	}
	picked, err := d.match(names)
	if err != nil {
		return err
	}
	var attrs []compare.AttrDifference
	if o.metadata && len(names) == 0 {
		if attrs, err = fileAttrs(a, b); err != nil {
			return err
		}
		d.same = len(attrs) == 0
	}
	if err := d.begin(attrs); err != nil {
		return err
	}
	bar := t.newProgress()
	defer bar.end()
	for r, err := range d.results(bar.watch(ctx, bar.total(a)), len(names) > 0) {
		if err != nil {
			return err
		}
		if err := d.result(r); err != nil {
			return err
		}
	}
	bar.end()
	for _, unused := range picked() {
		t.note("nothing matches %s", unused)
		t.raise(exitNo)
	}
	d.end()
	if !d.same {
		t.raise(exitNo)
	}
	return nil
}

// openBoth opens two files, the first at the generation that --at names. Arrays
// without a name get the same.
func (t *tool) openBoth(ctx context.Context, pathA, pathB string) (a, b *input, err error) {
	a, err = t.open(ctx, pathA)
	if err != nil {
		return nil, nil, err
	}
	t.at = 0
	b, err = t.open(ctx, pathB)
	if err == nil && holdsOne(a) && holdsOne(b) && pathB != convert.Stream {
		// The name is that of the file: give the second one the first one's.
		o := t.openOptions()
		if o.Name = "stdin"; pathA != convert.Stream {
			o.Name = strings.TrimSuffix(filepath.Base(pathA), filepath.Ext(pathA))
		}
		if again, e := t.openWith(ctx, pathB, o); e == nil {
			b.close()
			b = again
		}
	}
	if err != nil {
		a.close()
		return nil, nil, err
	}
	return a, b, nil
}

// holdsOne reports whether a file is of a format without names.
func holdsOne(in *input) bool {
	f, ok := convert.ByName(in.Info().Format)
	return ok && f.Single
}

// match sets which tensors are compared, and returns a function that tells
// which arguments nothing answered to.
func (d *differ) match(names []string) (unused func() []string, err error) {
	if len(names) == 0 {
		return func() []string { return nil }, nil
	}
	used := make([]bool, len(names))
	var globs, exact []int
	for i, arg := range names {
		there := false
		for _, in := range []*input{d.a, d.b} {
			if _, err := in.Tensor(arg); !errors.Is(err, tensorfile.ErrNotFound) || in.skippedAs(arg) != nil {
				there = true
			}
		}
		switch {
		case there:
			exact = append(exact, i)
		case isGlob(arg):
			globs = append(globs, i)
		default:
			return nil, d.a.notFound(arg)
		}
	}
	d.opts.Match = func(name string) bool {
		found := false
		for _, i := range exact {
			if names[i] == name {
				used[i], found = true, true
			}
		}
		for _, i := range globs {
			if glob.Match(names[i], name) {
				used[i], found = true, true
			}
		}
		return found
	}
	return func() (list []string) {
		for _, i := range globs {
			if !used[i] {
				list = append(list, names[i])
			}
		}
		return list
	}, nil
}

// results compares the files, or the one tensor in each.
func (d *differ) results(ctx context.Context, named bool) iter.Seq2[*compare.Result, error] {
	all := compare.Files(ctx, d.a.File, d.b.File, d.opts)
	if named || !holdsOne(d.a) && !holdsOne(d.b) {
		return all
	}
	a, b := only(d.a), only(d.b)
	if a == nil || b == nil {
		return all
	}
	return func(yield func(*compare.Result, error) bool) { yield(compare.Tensors(ctx, a, b, d.opts)) }
}

// only is the one tensor of a file, or nil.
func only(in *input) (one *tensorfile.Tensor) {
	for x, err := range in.Tensors() {
		if err != nil || one != nil {
			return nil
		}
		one = x
	}
	if len(in.skipped()) > 0 {
		return nil
	}
	return one
}

func fileAttrs(a, b *input) ([]compare.AttrDifference, error) {
	x, err := a.Attrs()
	if err != nil {
		return nil, err
	}
	y, err := b.Attrs()
	return compare.Attrs(x, y), err
}

// begin prints what comes before the tensors.
func (d *differ) begin(attrs []compare.AttrDifference) error {
	switch {
	case d.o.quiet:
		return nil
	case !d.o.json:
		for _, x := range attrs {
			fmt.Fprintf(d.out, "attribute %s\n", attrText(x))
		}
		return nil
	}
	type side struct {
		jsonPath
		Format string `json:"format"`
	}
	head, err := marshal(struct {
		Schema string         `json:"schema"`
		A      side           `json:"a"`
		B      side           `json:"b"`
		Attrs  []attrDiffJSON `json:"attributes"` // of the files
	}{schema("diff"), side{pathJSON(d.a.Path()), d.a.Info().Format}, side{pathJSON(d.b.Path()), d.b.Info().Format}, attrDiffs(attrs)})
	if err != nil {
		return err
	}
	d.out.Write(head[:len(head)-1])
	d.out.WriteString(`,"tensors":[`)
	d.doc = &document{w: d.out}
	return nil
}

// result prints what came out for a tensor.
func (d *differ) result(r *compare.Result) error {
	switch {
	case r.Status == compare.Failed:
		d.same = false
		if d.doc == nil {
			d.fail(r.Err)
		}
		d.raise(exitBad)
	case r.Same():
		d.equal++
		return nil
	}
	d.same = false
	switch {
	case d.o.quiet:
		return nil
	case d.doc != nil:
		return d.doc.add(resultDoc(r))
	}
	name := clean(r.Name)
	if text := d.text(r); text != "" {
		fmt.Fprintf(d.out, "%s: %s\n", name, text)
	}
	if len(r.Largest) > 0 {
		tab := newTable("  INDEX", ">A", ">B", ">DIFFERENCE", ">RELATIVE")
		for _, x := range r.Largest {
			tab.cell("  " + indexText(x.Index))
			tab.cell(elementText(r, x.A))
			tab.cell(elementText(r, x.B))
			for _, y := range []float64{x.Abs, x.Rel} {
				if r.Numeric {
					tab.cell(floatText(y))
				} else {
					tab.cell("-")
				}
			}
		}
		tab.write(d.out, true, d.colored())
	}
	for _, x := range r.Attrs {
		fmt.Fprintf(d.out, "%s: attribute %s\n", name, attrText(x))
	}
	return nil
}

// end prints what comes behind the tensors.
func (d *differ) end() {
	if d.doc != nil && !d.o.quiet {
		fmt.Fprintf(d.out, "\n],\"equal\":%d,\"same\":%v}\n", d.equal, d.same)
	}
}

// text says in words how a tensor differs.
func (d *differ) text(r *compare.Result) string {
	switch r.Status {
	case compare.OnlyA:
		return "only in " + clean(d.a.Path())
	case compare.OnlyB:
		return "only in " + clean(d.b.Path())
	case compare.DType:
		return fmt.Sprintf("dtype %v, %v", r.A.DType(), r.B.DType())
	case compare.Shape:
		return fmt.Sprintf("shape %v, %v", r.A.Shape(), r.B.Shape())
	case compare.Different:
		if r.Different == 0 {
			return "layout or parts differ"
		}
		verb := "differ"
		if r.Different == 1 {
			verb = "differs"
		}
		s := ""
		if a, b := numbersText(r.A), numbersText(r.B); a != b {
			s = fmt.Sprintf("%s, %s: ", a, b)
		}
		s += fmt.Sprintf("%s of %s %s, first at %s", countText(r.Different), counted(r.Elements, "element"), verb, indexText(r.First))
		if r.Numeric && r.NaN < r.Different {
			s += fmt.Sprintf(", by up to %s (relative %s)", floatText(r.MaxAbs), floatText(r.MaxRel))
		}
		if r.NaN > 0 {
			s += fmt.Sprintf(", %s with NaN", countText(r.NaN))
		}
		return s
	}
	return ""
}

// numbersText says of what the numbers of a tensor are made.
func numbersText(t *tensorfile.Tensor) string {
	if _, _, ok := t.Composite(); ok {
		return t.DType().String() + " " + quantisedWord(t)
	}
	return t.DType().String()
}

// indexText is an index as it stands behind a name.
func indexText(index []int64) string {
	parts := make([]string, len(index))
	for i, n := range index {
		parts[i] = itoa(n)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func attrText(x compare.AttrDifference) string {
	side := func(v any, there bool) string {
		if !there {
			return "none"
		}
		b, err := marshal(valueJSON(v))
		if err != nil {
			return fmt.Sprint(v)
		}
		if len(b) > 200 {
			b = append(b[:200:200], "..."...)
		}
		return clean(string(b))
	}
	return fmt.Sprintf("%s: %s, %s", clean(x.Key), side(x.A, x.InA), side(x.B, x.InB))
}

type attrDiffJSON struct {
	Key string `json:"key"`
	InA bool   `json:"in_a"`
	InB bool   `json:"in_b"`
	A   any    `json:"a"`
	B   any    `json:"b"`
}

func attrDiffs(list []compare.AttrDifference) []attrDiffJSON {
	out := []attrDiffJSON{}
	for _, x := range list {
		out = append(out, attrDiffJSON{x.Key, x.InA, x.InB, valueJSON(x.A), valueJSON(x.B)})
	}
	return out
}

// diffJSON is a tensor in the document of diff. Keys from elements on are null
// where values were not compared.
type diffJSON struct {
	Name      string           `json:"name"`
	Status    string           `json:"status"` // equal (attributes differ), different, dtype, shape, only_a, only_b, failed
	DTypeA    *string          `json:"dtype_a"`
	DTypeB    *string          `json:"dtype_b"`
	ShapeA    []int64          `json:"shape_a"`
	ShapeB    []int64          `json:"shape_b"`
	DType     *string          `json:"dtype"`
	Elements  *int64           `json:"elements"`
	Different *int64           `json:"different"`
	NaN       *int64           `json:"nan"`
	First     []int64          `json:"first"`
	MaxAbs    *jsonFloat       `json:"max_abs"`
	MaxRel    *jsonFloat       `json:"max_rel"`
	Largest   []differenceJSON `json:"largest"`
	Attrs     []attrDiffJSON   `json:"attributes"`
	Error     *errorJSON       `json:"error,omitempty"`
}

type differenceJSON struct {
	Index []int64    `json:"index"`
	A     any        `json:"a"`
	B     any        `json:"b"`
	Abs   *jsonFloat `json:"abs"`
	Rel   *jsonFloat `json:"rel"`
}

func resultDoc(r *compare.Result) diffJSON {
	j := diffJSON{Name: textJSON(r.Name), Status: r.Status.String(), Largest: []differenceJSON{}, Attrs: attrDiffs(r.Attrs), Error: errorDoc(r.Err)}
	if r.A != nil {
		s := r.A.DType().String()
		j.DTypeA, j.ShapeA = &s, list(r.A.Shape())
	}
	if r.B != nil {
		s := r.B.DType().String()
		j.DTypeB, j.ShapeB = &s, list(r.B.Shape())
	}
	number := func(x float64) *jsonFloat {
		if !r.Numeric {
			return nil
		}
		f := jsonFloat(x)
		return &f
	}
	if r.Status != compare.Different || r.Different == 0 {
		return j
	}
	d := r.DType.String()
	j.DType, j.Elements, j.Different, j.NaN, j.First = &d, &r.Elements, &r.Different, &r.NaN, r.First
	j.MaxAbs, j.MaxRel = number(r.MaxAbs), number(r.MaxRel)
	for _, x := range r.Largest {
		j.Largest = append(j.Largest, differenceJSON{x.Index, elementJSON(r, x.A), elementJSON(r, x.B), number(x.Abs), number(x.Rel)})
	}
	return j
}

// elementJSON is an element in a document: a number, [real, imaginary], text.
func elementJSON(r *compare.Result, v any) any {
	switch v := v.(type) {
	case bool:
		return v
	case float32, float64:
		return valueJSON(v)
	case complex64:
		return []any{valueJSON(real(v)), valueJSON(imag(v))}
	case complex128:
		return []any{valueJSON(real(v)), valueJSON(imag(v))}
	case []byte:
		if s, ok := textOf(r.A.DType(), v); ok {
			return clean(s)
		}
		return unitText(r.A.DType(), v)
	}
	return v
}

// elementText is an element for people, with all its digits.
func elementText(r *compare.Result, v any) string {
	switch v := v.(type) {
	case float32:
		return shortest(float64(v), 32)
	case float64:
		return shortest(v, 64)
	case complex64:
		return complexText(float64(real(v)), float64(imag(v)), 32)
	case complex128:
		return complexText(real(v), imag(v), 64)
	case []byte:
		return unitText(r.A.DType(), v)
	}
	return fmt.Sprint(v)
}

// shortest are the fewest digits that read back the same.
func shortest(x float64, bits int) string {
	switch {
	case math.IsNaN(x):
		return "nan"
	case math.IsInf(x, 0):
		return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(x, 'g', -1, bits), "+"))
	}
	return strconv.FormatFloat(x, 'g', -1, bits)
}

// shownBytes is how many bytes of what is no number are shown.
const shownBytes = 32

// textOf is the text in a unit, if it holds some.
func textOf(d tensor.DType, unit []byte) (string, bool) {
	if d.Class != tensor.ClassBytes || d.Variant == tensor.VariantOpaque {
		return "", false
	}
	v, err := tensor.NewView(unit, d, tensor.Shape{}, nil, 0, tensor.HostOrder)
	if err != nil {
		return "", false
	}
	s, err := v.StringAt()
	return s, err == nil
}

// unitText is text in quotes, anything else in hexadecimal digits.
func unitText(d tensor.DType, unit []byte) string {
	if s, ok := textOf(d, unit); ok {
		return tensor.Quote(s)
	}
	if len(unit) > shownBytes {
		return hex.EncodeToString(unit[:shownBytes]) + "..."
	}
	return hex.EncodeToString(unit)
}

func complexText(re, im float64, bits int) string {
	sign := "+"
	if math.Signbit(im) {
		sign = ""
	}
	return shortest(re, bits) + sign + shortest(im, bits) + "j"
}
