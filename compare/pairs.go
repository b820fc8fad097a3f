package compare

import (
	"cmp"
	"errors"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile"
)

// pair is what two files have under a name.
type pair struct {
	name string
	a, b *tensorfile.Tensor
	err  error // one of them cannot be opened
}

// item is a tensor of one file, or why it cannot be opened.
type item struct {
	name string
	t    *tensorfile.Tensor
	err  error
}

// items yields the tensors of a file ascending by name. An error that is about
// no tensor ends it.
func items(f *tensorfile.File) iter.Seq2[item, error] {
	if f.Layout() != nil {
		return foreignItems(f)
	}
	return func(yield func(item, error) bool) {
		for t, err := range f.Tensors() {
			it := item{t: t, err: err}
			if err == nil {
				it.name = t.Name()
			} else if it.name = failedName(err); it.name == "" {
				yield(it, err)
				return
			}
			if !yield(it, nil) {
				return
			}
		}
	}
}

// foreignItems has what was skipped among the rest, so that it does not look
// like something that is not there.
func foreignItems(f *tensorfile.File) iter.Seq2[item, error] {
	var list []item
	for t, err := range f.Tensors() {
		if err == nil {
			list = append(list, item{name: t.Name(), t: t})
		}
	}
	for _, err := range f.Layout().Skipped {
		list = append(list, item{name: failedName(err), err: err})
	}
	slices.SortStableFunc(list, func(a, b item) int { return cmp.Compare(a.name, b.name) })
	return func(yield func(item, error) bool) {
		for _, it := range list {
			if !yield(it, nil) {
				return
			}
		}
	}
}

// failedName is the name of the tensor that an error is about, or "".
func failedName(err error) string {
	var e *tensorfile.Error
	switch {
	case !errors.As(err, &e):
		return ""
	case e.Tensor != "":
		return e.Tensor
	}
	return strings.TrimSuffix(e.Member, path.Ext(e.Member))
}

// join yields what two files have under each name, ascending.
func join(a, b *tensorfile.File, match func(string) bool) iter.Seq2[pair, error] {
	return func(yield func(pair, error) bool) {
		nextA, stopA := iter.Pull2(items(a))
		defer stopA()
		nextB, stopB := iter.Pull2(items(b))
		defer stopB()
		x, errA, moreA := nextA()
		y, errB, moreB := nextB()
		for moreA || moreB {
			if err := cmp.Or(errA, errB); err != nil {
				yield(pair{}, err)
				return
			}
			order := cmp.Compare(x.name, y.name)
			switch {
			case !moreA:
				order = 1
			case !moreB:
				order = -1
			}
			var p pair
			if order <= 0 {
				p.name, p.a, p.err = x.name, x.t, x.err
			}
			if order >= 0 {
				p.name, p.b, p.err = y.name, y.t, cmp.Or(p.err, y.err)
			}
			if (match == nil || match(p.name)) && !yield(p, nil) {
				return
			}
			if order <= 0 {
				x, errA, moreA = nextA()
			}
			if order >= 0 {
				y, errB, moreB = nextB()
			}
		}
	}
}
