package convert

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// Places is what a format keeps of where elements lie.
type Places uint8

const (
	// AnyPlace is for formats in which that means nothing: pictures, sound, tables.
	AnyPlace Places = iota
	// COrder is for those that write each tensor in C order, with bytes of its own.
	COrder
	// COrFortran is COrder, but keeps Fortran order, too, and the records whose
	// fields tensors came from (attribute source).
	COrFortran
	// Tied is COrder, but writes the bytes of tensors that show the same once.
	Tied
)

// losses lists what the output cannot hold.
func (j *job) losses() error {
	lose := func(format string, args ...any) { j.res.Losses = append(j.res.Losses, fmt.Sprintf(format, args...)) }
	whole := Attrs{}
	for _, f := range j.files {
		a, err := f.Attrs()
		if err != nil {
			return err
		}
		for _, k := range slices.Sorted(maps.Keys(a)) {
			if _, ok := whole[k]; ok && !equalValues(whole[k], a[k]) {
				lose("the file's attribute %s of %s: another input has it, too", tensor.Quote(k), tensor.Quote(f.Path()))
			} else {
				whole[k] = a[k]
			}
		}
	}
	if !j.native {
		j.o.Write.Attrs = whole
		if j.format.FileLosses != nil {
			j.res.Losses = append(j.res.Losses, j.format.FileLosses(whole)...)
		} else if len(whole) > 0 {
			lose("the file's attributes: %s", quoteAll(slices.Sorted(maps.Keys(whole))))
		}
		for _, it := range j.items {
			a, err := it.t.Attrs()
			if err != nil {
				return err
			}
			keys := slices.DeleteFunc(slices.Sorted(maps.Keys(a)), func(k string) bool {
				// "layout" has other names for what is written anyway.
				return slices.Contains(j.format.Keeps, k) || k == "source" || k == "layout"
			})
			if len(keys) > 0 {
				lose("attributes of tensor %s: %s", tensor.Quote(it.name), quoteAll(keys))
			}
		}
		j.tensorsLost(lose)
		j.placesLost(lose)
	}
	if j.o.Strict && len(j.res.Losses) > 0 {
		return j.fail(tensorfile.ErrUnsupported, "output format "+j.res.Format, "something to lose: "+strings.Join(j.res.Losses, "; "), "nothing that it cannot hold")
	}
	return nil
}

func quoteAll(names []string) string {
	for i := range names {
		names[i] = tensor.Quote(names[i])
	}
	return strings.Join(names, ", ")
}

// tensorsLost says which tensors are written as something else.
func (j *job) tensorsLost(lose func(format string, args ...any)) {
	if j.format.TensorLoss == nil {
		return
	}
	type change struct{ what, as string }
	var order []change
	names := map[change][]string{}
	for _, it := range j.items {
		what, as := j.format.TensorLoss(Source{it.t, it.name})
		c := change{what, as}
		if what == "" {
			continue
		}
		if names[c] == nil {
			order = append(order, c)
		}
		names[c] = append(names[c], it.name)
	}
	for _, c := range order {
		lose("the %s of %s, written as %s: %s", c.what, plural(len(names[c]), "tensor"), c.as, fewNames(names[c]))
	}
}

// placesLost says which tensors have strides, or bytes together, that the output's
// format does not keep.
func (j *job) placesLost(lose func(format string, args ...any)) {
	if j.format.Places == AnyPlace {
		return
	}
	var strided, shared []string
	first := map[storageKey]*tensorfile.Tensor{}
	for _, it := range j.items {
		t := it.t
		if _, _, ok := t.Composite(); ok || t.NumElements() == 0 || j.format.Places == COrFortran && isField(t) {
			continue
		}
		if !j.kept(t) {
			strided = append(strided, it.name)
		}
		k := keyOf(t)
		if other, ok := first[k]; !ok || k.id == 0 {
			first[k] = t
		} else if j.format.Places != Tied || !alike(t, other) {
			shared = append(shared, it.name)
		}
	}
	if n := len(strided); n > 0 {
		lose("strides of %s, written in C order: %s", plural(n, "tensor"), fewNames(strided))
	}
	if n := len(shared); n > 0 {
		lose("the sharing of %s, written with bytes of its own: %s", plural(n, "tensor"), fewNames(shared))
	}
}

// isField reports whether a tensor came from a field of records.
func isField(t *tensorfile.Tensor) bool {
	a, err := t.Attrs()
	source, _ := a["source"].(map[string]any)
	return err == nil && source["field"] != nil
}

// kept reports whether the output's format keeps the strides of t.
func (j *job) kept(t *tensorfile.Tensor) bool {
	n := int64(t.DType().UnitBytes)
	c, f := n, n
	isC, isF := true, j.format.Places == COrFortran
	shape, strides := t.Shape(), t.Strides()
	units := func(i int) int64 {
		if i == len(shape)-1 {
			return (shape[i] + int64(t.DType().UnitElems) - 1) / int64(t.DType().UnitElems)
		}
		return shape[i]
	}
	for i := range shape {
		k := len(shape) - 1 - i
		isC = isC && (units(k) == 1 || strides[k] == c)
		isF = isF && (units(i) == 1 || strides[i] == f)
		c *= units(k)
		f *= units(i)
	}
	return isC || isF
}

// alike reports whether two tensors of one storage show the same elements.
func alike(a, b *tensorfile.Tensor) bool {
	return a.DType() == b.DType() && a.Offset() == b.Offset() && a.Order() == b.Order() && a.Shape().Equal(b.Shape()) && slices.Equal(a.Strides(), b.Strides())
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// fewNames quotes the first names of a list.
func fewNames(names []string) string {
	const most = 8
	if len(names) > most {
		return quoteAll(names[:most]) + ", ..."
	}
	return quoteAll(names)
}

func equalValues(a, b any) bool {
	x, err1 := format.AppendAttrs(nil, map[string]any{"v": a}, -1)
	y, err2 := format.AppendAttrs(nil, map[string]any{"v": b}, -1)
	return err1 == nil && err2 == nil && string(x) == string(y)
}
